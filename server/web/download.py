"""The download page: the right installer for the visitor's computer, and how to put it there. For everybody."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, render_template, request

from server.rules.join_files import JOIN_FILE, is_same_address
from server.rules.visitors import best_file, platforms_of
from server.web.installers import installer
from server.web.services import here
from volunteer.protocol.releases import PUBLIC_KEY, Kind, Platform, ReleaseFile, kind_of

blueprint = Blueprint("download", __name__)

PLATFORMS = {
    Platform.linux_x86_64: "Linux, 64-bit PC",
    Platform.linux_aarch64: "Linux, 64-bit ARM",
    Platform.windows_x86_64: "Windows, 64-bit PC",
    Platform.windows_arm64: "Windows on ARM",
    Platform.macos_arm64: "Mac with Apple silicon",
    Platform.macos_x86_64: "Mac with Intel processor",
}
KINDS = {
    Kind.deb: "package for Debian, Ubuntu, Mint",
    Kind.tarball: "archive with an install script, for any Linux",
    Kind.exe: "installer",
    Kind.dmg: "disk image",
}


@dataclass(frozen=True)
class Offer:
    """One installer as the page shows it."""

    file: ReleaseFile
    kind: Kind | None
    platform: str
    what: str


@blueprint.get("/download")
def show() -> Response:
    release = here().releases.current()
    files = sorted(release.manifest.files, key=_place) if release else []
    agent = request.user_agent.string
    server = here().address(request.url_root)
    best = best_file(files, agent)
    page = render_template(
        "download.html",
        release=release.manifest if release else None,
        best=_offer(best) if best else None,
        others=[_offer(one) for one in files if one != best],
        understood=bool(platforms_of(agent)),
        join_file=JOIN_FILE,
        public_key=PUBLIC_KEY,
        server=server,
        known=release is not None and is_same_address(release.manifest.server, server),
        pinned=bool(here().fingerprint),
    )
    response = Response(page, mimetype="text/html")
    response.headers["Vary"] = "User-Agent, Cookie"
    return response


@blueprint.get("/downloads/<name>")
def file(name: str) -> Response:
    return installer(name)


@blueprint.get(f"/downloads/{PUBLIC_KEY}")
def public_key() -> Response:
    response = Response(here().releases.require().stored.public_key, mimetype="application/x-pem-file")
    response.headers["Content-Disposition"] = f"attachment; filename={PUBLIC_KEY}"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _offer(one: ReleaseFile) -> Offer:
    kind = kind_of(one.file)
    known: Sequence[Platform] = [platform for platform in PLATFORMS if platform == one.platform]
    return Offer(one, kind, PLATFORMS[known[0]] if known else one.platform, KINDS[kind] if kind else "")


def _place(one: ReleaseFile) -> tuple[int, str]:
    order: list[str] = list(PLATFORMS)
    return (order.index(one.platform) if one.platform in order else len(order), one.file)
