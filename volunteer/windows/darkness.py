"""Asks the desktop whether its programs are to be dark. Where it does not say, they are light."""

import configparser
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_PATIENCE_SECONDS = 1.0
_GNOME = ("gsettings", "get", "org.gnome.desktop.interface")


def prefers_dark(environment: Mapping[str, str] = os.environ) -> bool:
    """Takes some hundredths of a second."""
    if sys.platform == "win32":
        return _windows()
    if sys.platform == "darwin":
        return "dark" in _said("defaults", "read", "-g", "AppleInterfaceStyle")
    if theme := environment.get("GTK_THEME"):
        return "dark" in theme.lower()
    desktop = environment.get("XDG_CURRENT_DESKTOP", "").lower()
    if "kde" in desktop:
        return "dark" in _kde(environment)
    if "xfce" in desktop:
        return "dark" in _said("xfconf-query", "-c", "xsettings", "-p", "/Net/ThemeName")
    return "dark" in _said(*_GNOME, "color-scheme") or "dark" in _said(*_GNOME, "gtk-theme")


def _said(*command: str) -> str:
    """What that program answers, in small letters; empty when it cannot."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.lower()


def _kde(environment: Mapping[str, str]) -> str:
    folder = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    settings = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        settings.read(Path(folder) / "kdeglobals", "utf-8")
    except (OSError, ValueError, configparser.Error):
        return ""
    return settings.get("General", "ColorScheme", fallback="").lower()


def _windows() -> bool:
    if sys.platform != "win32":
        return False
    import winreg

    name = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, name) as key:
            return winreg.QueryValueEx(key, "AppsUseLightTheme")[0] == 0
    except OSError:
        return False
