"""The command `daig-volunteer`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from volunteer.bootstrap import run_headless
from volunteer.config import read_settings
from volunteer.errors import StopAndTell
from volunteer.preferences.file import load, overridden
from volunteer.protocol.version import PROTOCOL, SOFTWARE


def main(arguments: Sequence[str] | None = None) -> int:
    """0: ended as asked; 1: something is for the person to do; 2: the command line makes no sense."""
    given = build_parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if given.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    # Libraries would log addresses and headers.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    try:
        settings = read_settings(vars(given), os.environ, sys.stdin.readline)
        run_headless(settings, overridden(load(settings.folders.config), vars(given), os.environ))
    except StopAndTell as error:
        print(f"daig-volunteer: {error.sentence}", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Every command and option, each with its help."""
    parser = argparse.ArgumentParser(prog="daig-volunteer", description="Lend this machine's idle time to a DAIG grid.")
    parser.add_argument("--version", action="version", version=f"daig-volunteer {SOFTWARE} (protocol {PROTOCOL})")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="work for a grid until stopped")
    run.add_argument("--headless", action="store_true", help="no tray icon (there is no other way yet)")
    run.add_argument("--server", metavar="URL", help="the grid's address (or DAIG_SERVER)")
    key = run.add_mutually_exclusive_group()
    key.add_argument(
        "--join-key", metavar="KEY",
        help="needed once, to attach this machine; process lists show it: better DAIG_JOIN_KEY, or - for stdin",
    )  # fmt: skip
    key.add_argument("--join-key-file", metavar="FILE", help="a file that holds the join key; - for standard input")
    run.add_argument("--home", metavar="DIR", help="keep everything below this folder (or DAIG_HOME)")
    run.add_argument("--name", help="what to call this machine (or DAIG_NAME; its network name)")
    run.add_argument("--threads", metavar="N", help="processors to use (or DAIG_THREADS; all)")
    run.add_argument("--memory", metavar="MB", help="most memory for training (or DAIG_MEMORY_MB; half)")
    run.add_argument("--cache", metavar="MB", help="most disk for downloads (or DAIG_CACHE_MB; 4096)")
    run.add_argument(
        "--cpu-percent",
        metavar="N",
        help="rest between chunks so as to use this much (or DAIG_CPU_PERCENT; 100)",
    )
    run.add_argument(
        "--insecure-http", action="store_true", default=None,
        help="allow http:// to another machine: the token then travels in clear",
    )  # fmt: skip
    run.add_argument(
        "--fingerprint", metavar="HEX",
        help="believe the server by this certificate and no other: its SHA-256 (or DAIG_FINGERPRINT)",
    )  # fmt: skip
    run.add_argument("--verbose", action="store_true", help="log more")
    return parser


if __name__ == "__main__":
    sys.exit(main())
