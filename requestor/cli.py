"""The command line `daig`: what is typed, and with which code it ends. What is done, `commands` says."""

import argparse
import sys
from collections.abc import Sequence

from requestor import commands
from requestor.errors import NeedsCorrection, RequestorError, Unreachable
from volunteer.protocol.form_fields import FORM_FIELDS
from volunteer.protocol.requestor_messages import ModelFormat
from volunteer.protocol.version import SOFTWARE

OK, FAILED, NEEDS_CORRECTION, UNREACHABLE, INTERRUPTED = 0, 1, 3, 4, 130
"""2 is argparse's own: what was typed is no command."""


def main(arguments: Sequence[str] | None = None) -> int:
    typed = build_parser().parse_args(arguments)
    try:
        typed.command(typed)
    except NeedsCorrection as error:
        for problem in error.problems:
            print(f"daig: {problem.field or 'the form'}: {problem.sentence}", file=sys.stderr)
        return NEEDS_CORRECTION
    except Unreachable as error:
        print(f"daig: {error}", file=sys.stderr)
        return UNREACHABLE
    except RequestorError as error:
        field = getattr(error, "field", "")
        print(f"daig: {field + ': ' if field else ''}{error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("daig", description="Train your networks on a grid of lent computers.")
    parser.add_argument("--version", action="version", version=f"daig {SOFTWARE}")
    commands_ = parser.add_subparsers(required=True, metavar="COMMAND")
    login = commands_.add_parser("login", help="remember a grid and an access token for it")
    login.add_argument("url", metavar="URL")
    login.add_argument("--insecure-http", action="store_true", help="let the token travel in clear to another machine")
    login.add_argument("--fingerprint", metavar="HEX", help="believe the grid by this certificate: its SHA-256")
    login.set_defaults(command=commands.login)
    commands_.add_parser("logout", help="forget them").set_defaults(command=commands.logout)
    _add_submit(commands_)
    clone = _of_one(commands_, "clone", "the same model and data once more, with changed settings", commands.clone)
    clone.add_argument("--trained", action="store_true", help="start from the trained weights")
    clone.add_argument("--watch", action="store_true", help="follow the training until it ends")
    _add_settings(clone)
    listing = commands_.add_parser("list", help="your projects, the newest first")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(command=commands.list_projects)
    _of_one(commands_, "watch", "follow a training until it ends", commands.watch)
    status = _of_one(commands_, "status", "a project at this instant", commands.status)
    status.add_argument("--json", action="store_true", help="for programs")
    _add_download(commands_)
    _of_one(commands_, "pause", "hand nothing out any more", commands.pause)
    _of_one(commands_, "resume", "go on", commands.resume)
    _of_one(commands_, "cancel", "end it for good; its weights stay", commands.cancel)
    delete = _of_one(commands_, "delete", "delete it with its data and its model", commands.delete)
    delete.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _add_submit(commands_: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    submit = commands_.add_parser("submit", help="upload a model and data, have them checked, start the training")
    submit.add_argument("model", metavar="MODEL", help="a compiled Keras model: .keras or .h5")
    submit.add_argument("data", metavar="DATA", help="the examples")
    submit.add_argument("labels", metavar="LABELS", nargs="?", help="their labels, where DATA does not hold them")
    submit.add_argument("--validation-data", metavar="FILE", help="examples that are only measured on")
    submit.add_argument("--validation-labels", metavar="FILE", help="their labels")
    submit.add_argument("--watch", action="store_true", help="follow the training until it ends")
    _add_settings(submit)
    submit.set_defaults(command=commands.submit)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """One option for each text of the form."""
    for field in FORM_FIELDS:
        option = f"--{field.name.replace('_', '-')}"
        if field.switch:
            parser.add_argument(option, dest=field.name, action="store_true", default=None, help=field.help)
        else:
            parser.add_argument(option, dest=field.name, metavar="TEXT", help=field.help)


def _add_download(commands_: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    download = _of_one(commands_, "download", "the model as trained so far", commands.download)
    download.add_argument("-o", "--output", metavar="FILE", help="where to; else by the grid's name, here")
    download.add_argument("--which", default="latest", help="latest, best (by validation), or a round's number")
    download.add_argument("--format", default="own", choices=[str(one) for one in ModelFormat], help="kind of file")


def _of_one(
    commands_: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, words: str, command: commands.Command
) -> argparse.ArgumentParser:
    parser = commands_.add_parser(name, help=words)
    parser.add_argument("project", metavar="N", type=int, help="the project's number")
    parser.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
