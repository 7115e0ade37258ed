"""One day of a person with a panel: links by the first window, starts, looks, pauses, goes on, quits by the menu."""

import subprocess
import time
from collections.abc import Sequence

import psutil

from tests.support.cast import Cast
from tests.support.desktop import Desktop
from tests.support.digits import small_cnn
from tests.support.grid import wait_for
from tests.support.panels import AMBER, icon_at, open_menu

FORM = {"k": "8", "epochs": "200", "batch_size": "16"}


def trainer_of(process: subprocess.Popen[bytes]) -> psutil.Process | None:
    for one in psutil.Process(process.pid).children(recursive=True):
        if "volunteer.trainer.child" in " ".join(one.cmdline()):
            return one
    return None


def cpu_of(process: psutil.Process) -> float:
    """Seconds, of all its threads."""
    return sum(process.cpu_times()[:2])


def spend_a_day(cast: Cast, desktop: Desktop, program: Sequence[str], pictures: str) -> None:
    """`program`: what is started, from the source or from a bundle; the pictures' names begin with `pictures`."""
    from tests.support.panel_menu import menus

    cast.digits_project(small_cnn(), FORM)
    home = cast.folder / "app"
    app = desktop.start([*program, "run", "--home", str(home), "--server", cast.grid.address])
    explain = lambda: desktop.errors() + cast.explain()  # noqa: E731
    menu = wait_for(lambda: menus(desktop.bus), 30, explain)[0]
    wait_for(lambda: menu.line("Link this computer…"), 10, explain)

    window = desktop.window("Welcome to DAIG", 30)
    desktop.settle(window)
    desktop.picture(f"{pictures}-1-first-run")
    desktop.run("xdotool", "windowfocus", "--sync", window)
    desktop.keys("Return")
    page = wait_for(desktop.pages, 30, explain)[0].removeprefix(cast.grid.address)
    desktop.settle(window)
    desktop.picture(f"{pictures}-2-code")
    cast.lender.submit("/device/confirm", {"code": page.partition("=")[2]}, page=page)
    wait_for(lambda: menu.has("Start now"), 30, explain)
    assert trainer_of(app) is None, "it worked before somebody said go"
    desktop.settle(window)
    desktop.picture(f"{pictures}-3-linked")
    desktop.keys("Return")

    trainer = wait_for(lambda: trainer_of(app), 60, explain)
    wait_for(lambda: cpu_of(trainer) > 5, 60, explain)
    wait_for(lambda: "Training" in menu.property("Title"), 60, explain)
    desktop.settle(window)
    desktop.keys("Return")
    open_menu(desktop, button=1)
    desktop.picture(f"{pictures}-4-menu")
    desktop.keys("Escape")

    menu.click("Pause")
    clicked = time.monotonic()
    wait_for(lambda: trainer.status() == psutil.STATUS_STOPPED, 1, explain, every=0.02)
    print(f"the trainer stood still {time.monotonic() - clicked:.2f} s after the click")
    before = cpu_of(trainer)
    icon_at(desktop, AMBER)
    time.sleep(2)
    assert cpu_of(trainer) == before
    menu.click("Resume")
    wait_for(lambda: cpu_of(trainer) > before + 0.5, 20, explain)

    icon, core = _figures(app)
    print(f"resident: the app {core:.0f} MiB, its icon {icon:.0f} MiB")
    assert max(icon, core) < 80
    menu.click("Quit")
    assert app.wait(8) == 0
    assert not trainer.is_running()
    assert menus(desktop.bus) == []


def _figures(app: subprocess.Popen[bytes]) -> tuple[float, float]:
    """MiB resident: of the icon's process, and of the app's own."""
    process = psutil.Process(app.pid)
    icon = next(one for one in process.children() if "tray" in one.cmdline())
    return icon.memory_info().rss / 2**20, process.memory_info().rss / 2**20
