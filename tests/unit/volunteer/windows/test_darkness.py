"""Light or dark as the desktop is, and light where it does not say."""

import pytest

from volunteer.windows import darkness


@pytest.fixture
def said(monkeypatch):
    """What the desktop's programs answer, by the words they are asked with."""
    answers = {}
    monkeypatch.setattr(darkness, "_said", lambda *words: answers.get(words[-1], ""))
    monkeypatch.setattr("sys.platform", "linux")
    return answers


@pytest.mark.parametrize(
    ("environment", "answers", "dark"),
    [
        ({}, {}, False),
        ({"GTK_THEME": "Adwaita:dark"}, {}, True),
        ({"GTK_THEME": "Adwaita"}, {"color-scheme": "'prefer-dark'"}, False),
        ({"XDG_CURRENT_DESKTOP": "GNOME"}, {"color-scheme": "'prefer-dark'"}, True),
        ({"XDG_CURRENT_DESKTOP": "GNOME"}, {"color-scheme": "'default'"}, False),
        ({"XDG_CURRENT_DESKTOP": "X-Cinnamon"}, {"gtk-theme": "'mint-y-dark'"}, True),
        ({"XDG_CURRENT_DESKTOP": "XFCE"}, {"/Net/ThemeName": "greybird-dark"}, True),
    ],
)
def test_the_desktop_is_asked_in_its_own_way(environment, answers, dark, said):
    said.update(answers)
    assert darkness.prefers_dark(environment) == dark


def test_kde_says_it_in_a_file(tmp_path, said):
    environment = {"XDG_CURRENT_DESKTOP": "KDE", "XDG_CONFIG_HOME": str(tmp_path)}
    assert not darkness.prefers_dark(environment)
    (tmp_path / "kdeglobals").write_text("[General]\nColorScheme=BreezeDark\n")
    assert darkness.prefers_dark(environment)
    (tmp_path / "kdeglobals").write_text("no settings")
    assert not darkness.prefers_dark(environment)


def test_a_program_that_is_missing_says_nothing(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("PATH", "/nowhere")
    assert not darkness.prefers_dark({"XDG_CURRENT_DESKTOP": "GNOME"})
