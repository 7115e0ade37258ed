"""Which of pystray's backends a desktop gets."""

import pytest

from volunteer.tray import hosts


@pytest.fixture
def desktop(monkeypatch):
    """What there is of it; a test takes things away."""
    there = {"Gtk", "AyatanaAppIndicator3", "bus", "watcher", "xembed"}
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(hosts, "_can_load", lambda library, _version: library in there)
    monkeypatch.setattr(hosts, "_session_bus", lambda: object() if "bus" in there else None)
    monkeypatch.setattr(hosts, "_has_owner", lambda _bus, _name: "watcher" in there)
    monkeypatch.setattr(hosts, "xembed_manager_is_there", lambda: "xembed" in there)
    return there


@pytest.mark.parametrize(
    ("missing", "backend"),
    [
        ((), "appindicator"),
        (("xembed",), "appindicator"),
        (("watcher",), "gtk"),
        (("AyatanaAppIndicator3",), "gtk"),
        (("watcher", "xembed"), None),
        (("AyatanaAppIndicator3", "xembed"), None),
        (("Gtk",), None),
        (("bus",), None),
    ],
)
def test_a_desktop_gets_the_best_icon_that_has_a_menu(missing, backend, desktop):
    desktop.difference_update(missing)
    assert hosts.backend_now() == backend


def test_a_panel_that_takes_embedded_icons_first_gets_a_moment_for_the_new_way(desktop):
    desktop.remove("watcher")
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] == 1:
            desktop.add("watcher")

    assert hosts.find_backend(10, lambda: now[0], sleep) == "appindicator"
    assert now[0] == 1
    desktop.remove("watcher")
    assert hosts.find_backend(10, lambda: now[0], sleep) == "gtk"
    assert now[0] == 1 + hosts.OLD_WAY_SECONDS
    desktop.remove("xembed")
    now[0] = 0.0
    assert hosts.find_backend(10, lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds)) is None
    assert now[0] == 10


@pytest.mark.parametrize(("system", "backend"), [("win32", "win32"), ("darwin", "darwin")])
def test_windows_and_macos_have_one_of_their_own(system, backend, monkeypatch):
    monkeypatch.setattr("sys.platform", system)
    assert hosts.backend_now() == backend


def test_a_panel_that_starts_late_is_waited_for(desktop):
    desktop.difference_update(("watcher", "xembed"))
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] >= 3:
            desktop.add("watcher")

    assert hosts.find_backend(10, lambda: now[0], sleep) == "appindicator"
    assert now[0] == 3
    desktop.remove("watcher")
    assert hosts.find_backend(0, lambda: now[0], sleep) is None
    assert now[0] == 3


# Xlib leaves the socket open that it could not connect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("display", ["", ":99999", "nonsense"])
def test_a_display_that_cannot_be_reached_has_no_panel(display, monkeypatch):
    monkeypatch.setenv("DISPLAY", display)
    assert not hosts.xembed_manager_is_there()
