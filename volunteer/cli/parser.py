"""Every command and option of `daig-volunteer`, each with its help."""

import argparse

from volunteer.control.messages import Window
from volunteer.protocol.version import PROTOCOL, SOFTWARE


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(prog="daig-volunteer", description="Lend this machine's idle time to a DAIG grid.")
    parser.add_argument("--version", action="version", version=f"daig-volunteer {SOFTWARE} (protocol {PROTOCOL})")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--home", metavar="DIR", help="keep everything below this folder (or DAIG_HOME)")
    common.add_argument("--verbose", action="store_true", help="log more")

    def command(name: str, words: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=words, description=words, parents=[common])

    _run(command("run", "work for a grid until told to quit; what happens without a command"))
    status = command("status", "say what the running app does")
    status.add_argument("--json", action="store_true", help="say it for programs")
    _pause(command("pause", "stop working, until told to resume or for some time"))
    command("resume", "work again")
    command("quit", "deliver or give back the unit, then end the app")
    _preferences(command("prefs", "show or change when and how much this machine works"))
    _attach(command("attach", "make this machine a host of a grid"))
    command("detach", "give the unit back, and be no host of the grid any more")
    update = command("check-update", "look for a newer version")
    update.add_argument("--install", action="store_true", help="fetch it, check its signature, and go on as it says")
    window = command("window", "open one of the app's windows")
    window.add_argument("window", choices=[one.value for one in Window], metavar="NAME", help=", ".join(Window))
    command("tray", "show the icon; the app starts this by itself where there is a desktop")
    return parser


def _run(run: argparse.ArgumentParser) -> None:
    run.add_argument("--headless", action="store_true", help="no icon and no windows; not paused at the first start")
    run.add_argument("--server", metavar="URL", help="the grid's address (or DAIG_SERVER)")
    _keys(run, "needed once, to attach this machine")
    run.add_argument("--name", help="what to call this machine (or DAIG_NAME; its network name)")
    run.add_argument("--threads", metavar="N", help="processors to use (or DAIG_THREADS; all)")
    run.add_argument("--memory", metavar="MB", help="most memory for training (or DAIG_MEMORY_MB; half)")
    run.add_argument("--cache", metavar="MB", help="most disk for downloads (or DAIG_CACHE_MB; 4096)")
    run.add_argument(
        "--cpu-percent", metavar="N", help="rest between chunks so as to use this much (or DAIG_CPU_PERCENT; 100)"
    )
    _trust(run)


def _pause(pause: argparse.ArgumentParser) -> None:
    end = pause.add_mutually_exclusive_group()
    end.add_argument("--for", dest="length", metavar="TIME", help="how long: 90m, 2h, 1d")
    end.add_argument("--until", metavar="WHEN", help="until tomorrow, or a time such as 18:30")
    pause.add_argument("--after-unit", action="store_true", help="finish the unit that runs first")


def _preferences(prefs: argparse.ArgumentParser) -> None:
    prefs.add_argument("--json", action="store_true", help="show them for programs")
    prefs.add_argument(
        "action", nargs="?", choices=("show", "get", "set"), default="show", help="show if nothing is said"
    )
    prefs.add_argument("words", nargs="*", metavar="NAME [VALUE]", help="get NAME; set NAME VALUE [NAME VALUE ...]")


def _attach(attach: argparse.ArgumentParser) -> None:
    attach.add_argument("server", nargs="?", metavar="URL", help="the grid's address; a join file knows it")
    _keys(attach, "without one a code is shown, to be confirmed on the grid's page")
    attach.add_argument("--name", help="what to call this machine (or DAIG_NAME; its network name)")
    _trust(attach)


def _keys(parser: argparse.ArgumentParser, words: str) -> None:
    key = parser.add_mutually_exclusive_group()
    key.add_argument(
        "--join-key", metavar="KEY",
        help=f"{words}; process lists show it: better DAIG_JOIN_KEY, or - for stdin",
    )  # fmt: skip
    key.add_argument("--join-key-file", metavar="FILE", help="a file that holds the join key; - for standard input")
    key.add_argument("--join-file", metavar="FILE", help="the grid's daig-join.toml: address, key and fingerprint")


def _trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--insecure-http", action="store_true", default=None,
        help="allow http:// to another machine: the token then travels in clear",
    )  # fmt: skip
    parser.add_argument(
        "--fingerprint", metavar="HEX",
        help="believe the server by this certificate and no other: its SHA-256 (or DAIG_FINGERPRINT)",
    )  # fmt: skip
