"""Makes dist/daig-volunteer_VERSION_ARCHITECTURE.deb from the built folder, with Debian's own dpkg-deb.

Run by `make deb` after `make bundle`. The program goes to /usr/lib/daig-volunteer whole.
"""

import argparse
import gzip
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tree import DIST, HERE, ROOT, epoch, link_bundle, need_bundle, put, put_icons, software, write

HOME = "usr/lib/daig-volunteer"
PACKAGE = "daig-volunteer"
MAINTAINER = "The DAIG project <volunteer@daig.invalid>"
DESCRIPTION = """\
Description: lend this computer's idle time to train neural networks
 The volunteer's program of DAIG, the distributed AI grid: it fetches small
 pieces of a training, computes them in a boxed child process at the lowest
 priority, and sends the gradients back. It lives in the tray, pauses when it
 is told to, and brings everything it needs, TensorFlow included."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", default=software(), help="another than the program's, to try upgrades")
    parser.add_argument("--level", default="10", help="zstd's, 1 to 19")
    given = parser.parse_args()
    need_bundle()
    started = time.monotonic()
    tree = ROOT / "build" / "deb"
    shutil.rmtree(tree, ignore_errors=True)
    architecture = ask("dpkg", "--print-architecture")
    fill(tree)
    write_control(tree, given.version, architecture)
    package = DIST / f"{PACKAGE}_{given.version}_{architecture}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zzstd", f"-z{given.level}", "--build", str(tree), str(package)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    print(f"{package.relative_to(ROOT)}: {package.stat().st_size / 1e6:.0f} MB, {time.monotonic() - started:.0f} s")
    return 0


def fill(tree: Path) -> None:
    """Everything but the DEBIAN folder."""
    link_bundle(tree / HOME)
    put(HERE / "at-login", tree / HOME / "at-login", 0o755)
    put(HERE / "daig-volunteer.desktop", tree / "usr/share/applications/daig-volunteer.desktop")
    put(HERE / "daig-volunteer.system.service", tree / "usr/lib/systemd/system/daig-volunteer.service")
    put(HERE / "daig-volunteer.user.service", tree / "usr/lib/systemd/user/daig-volunteer.service")
    put(HERE / "sysusers.conf", tree / "usr/lib/sysusers.d/daig-volunteer.conf")
    put(HERE / "tmpfiles.conf", tree / "usr/lib/tmpfiles.d/daig-volunteer.conf")
    put_icons(tree / "usr/share/icons/hicolor")
    at_login = (HERE / "daig-volunteer.desktop").read_text("utf-8")
    at_login = at_login.replace("Exec=daig-volunteer run", f"Exec=/{HOME}/at-login")
    write(tree / "etc/xdg/autostart/daig-volunteer.desktop", at_login)
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/daig-volunteer").symlink_to(f"../lib/{PACKAGE}/daig-volunteer")
    # It is enabled by lying there, and does nothing until a laboratory puts its join file in place.
    wants = tree / "usr/lib/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "daig-volunteer.service").symlink_to("../daig-volunteer.service")
    documents(tree)


def documents(tree: Path) -> None:
    """What Debian's policy wants beside a program."""
    folder = tree / "usr/share/doc" / PACKAGE
    put(ROOT / "LICENSE", folder / "copyright")
    stamp = ask("date", "--rfc-email", f"--date=@{epoch()}")
    entry = f"{PACKAGE} ({software()}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {MAINTAINER}  {stamp}\n"
    write_gzipped(folder / "changelog.gz", entry.encode())
    write_gzipped(tree / "usr/share/man/man1/daig-volunteer.1.gz", (HERE / "daig-volunteer.1").read_bytes())
    put(HERE / "lintian-overrides", tree / "usr/share/lintian/overrides" / PACKAGE)


def write_control(tree: Path, version: str, architecture: str) -> None:
    size = sum(one.stat().st_size for one in tree.rglob("*") if one.is_file() and not one.is_symlink())
    fields = [
        f"Package: {PACKAGE}",
        f"Version: {version}",
        f"Architecture: {architecture}",
        f"Maintainer: {MAINTAINER}",
        f"Installed-Size: {size // 1024}",
        *needs(tree / HOME),
        "Section: science",
        "Priority: optional",
        DESCRIPTION,
    ]
    write(tree / "DEBIAN/control", "\n".join(fields) + "\n")
    write(tree / "DEBIAN/conffiles", "/etc/xdg/autostart/daig-volunteer.desktop\n")
    for name in ("postinst", "prerm", "postrm"):
        put(HERE / name, tree / "DEBIAN" / name, 0o755)


def needs(folder: Path) -> list[str]:
    """The fields Depends and Recommends: what the libraries in the bundle want that lies not beside them.

    dpkg-shlibdeps would go by the libraries' names and ask for the system's own GTK and OpenSSL as well. All but the C
    library is wanted by icon and windows alone: a laboratory's machine without a desktop does without.
    """
    present = {one.name for one in folder.rglob("*")}
    libraries = [str(one) for one in folder.rglob("*") if one.is_file() and not one.is_symlink() and ".so" in one.name]
    said = ask("readelf", "--dynamic", "--version-info", "--wide", str(folder / PACKAGE), *libraries)
    wanted = set(re.findall(r"\(NEEDED\).*\[(.+)\]", said)) - present
    newest = max((tuple(map(int, one.split("."))) for one in re.findall(r"GLIBC_([0-9.]+)", said)), default=(2,))
    where = dict(re.findall(r"^\s*(\S+) .* => (\S+)$", ask("/sbin/ldconfig", "-p"), re.MULTILINE))
    packages = {package_of(where[name]) for name in sorted(wanted) if name in where}
    recommended = sorted(packages - {"libc6"})
    depends = f"Depends: libc6 (>= {'.'.join(map(str, newest))})"
    return [depends, f"Recommends: {', '.join(recommended)}"] if recommended else [depends]


def package_of(path: str) -> str:
    """Debian's package that the library is from; links and the merged /usr stand in dpkg's way."""
    for name in dict.fromkeys((path, str(Path(path).resolve()), str(Path(path).resolve()).removeprefix("/usr"))):
        said = subprocess.run(["dpkg-query", "--search", name], capture_output=True, text=True, check=False)
        if said.returncode == 0:
            return said.stdout.split(":")[0]
    sys.exit(f"{path} is of no Debian package: build where the libraries are Debian's.")


def ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def write_gzipped(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content, 9, mtime=0))
    target.chmod(0o644)


if __name__ == "__main__":
    sys.exit(main())
