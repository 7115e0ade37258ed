"""What each command of `daig` does. A token comes by keyboard, standard input or environment, and is shown nowhere."""

import argparse
import getpass
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from requestor import login as logins
from requestor.certificates import read_fingerprint
from requestor.consent import agreed
from requestor.errors import RequestorError
from requestor.grid import Grid
from requestor.login import Login
from requestor.progress import TrainingBar
from requestor.project import ProjectHandle
from requestor.transport import read_url
from volunteer.protocol import requestor_messages as m
from volunteer.protocol.form_fields import FILE_FIELDS, FORM_FIELDS

Typed = argparse.Namespace
Command = Callable[[Typed], None]


def login(typed: Typed) -> None:
    url = read_url(typed.url, typed.insecure_http)
    if sys.stdin.isatty():
        print(f"Make an access token at {url}/account and paste it here.")
        token = getpass.getpass("Access token: ")
    else:
        token = sys.stdin.readline()
    fingerprint = read_fingerprint(typed.fingerprint or os.environ.get(logins.FINGERPRINT, ""))
    account = Grid(url, token.strip(), typed.insecure_http, fingerprint).account()
    place = logins.store(Login(url, token.strip(), typed.insecure_http, fingerprint))
    print(f"You are {account.name} at {url} ({', '.join(account.scopes)}). The token is kept in {place}.")


def logout(typed: Typed) -> None:
    print("Forgotten. Revoke the token on your account page." if logins.forget() else "There was nothing to forget.")


def submit(typed: Typed) -> None:
    settings = _settings(typed)
    files = {field: path for field in FILE_FIELDS if (path := getattr(typed, field)) is not None}
    consent = settings.pop("consent")
    project = _grid().submit(files, consent=consent, quiet=not sys.stderr.isatty(), **settings)
    _begin(project, typed.watch)


def clone(typed: Typed) -> None:
    _begin(_project(typed).clone("trained" if typed.trained else "original", **_settings(typed)), typed.watch)


def list_projects(typed: Typed) -> None:
    found = _grid().projects()
    if typed.json:
        _print_json(found)
        return
    for line in found:
        print(f"{line.id:>6}  {line.state:<17} {100 * line.progress:>5.1f} %  {line.name}")
    if not found:
        print("There are no projects yet. `daig submit MODEL DATA LABELS` makes one.")


def watch(typed: Typed) -> None:
    _follow(_project(typed))


def status(typed: Typed) -> None:
    about = _project(typed).status()
    if typed.json:
        _print_json(about)
        return
    print(f"{about.name}: {about.status}")
    print(f"round {about.round}, epoch {min(about.epoch + 1, about.epochs)} of {about.epochs}, {_percent(about)} done")
    for name, value in {"loss": about.loss, **about.metrics}.items():
        print(f"{name}: {'-' if value is None else f'{value:.5g}'}")
    for name, value in {"loss": about.validation_loss, **about.validation_metrics}.items():
        if value is not None:
            print(f"validation {name}: {value:.5g}")


def download(typed: Typed) -> None:
    """By way of a folder beside the target: what is there is whole."""
    project = _project(typed)
    if typed.output is None:
        print(project.download(Path.cwd(), typed.which, typed.format))
        return
    target = Path(typed.output)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".daig-") as folder:
        shutil.move(project.download(folder, typed.which, typed.format), target)
    print(target)


def pause(typed: Typed) -> None:
    print(_project(typed).pause().status)


def resume(typed: Typed) -> None:
    print(_project(typed).resume().status)


def cancel(typed: Typed) -> None:
    print(_project(typed).cancel().status)


def delete(typed: Typed) -> None:
    project = _project(typed)
    if not typed.yes and not agreed(f"Delete “{project.status().name}” with its data and its model? [y/N] "):
        raise RequestorError("Nothing was deleted. Say --yes to agree beforehand.")
    project.delete()
    print("Deleted.")


def _begin(project: ProjectHandle, watch: bool) -> None:
    print(f"Project {project.number} is submitted: {project.page}", flush=True)
    if watch:
        _follow(project)


def _settings(typed: Typed) -> dict[str, Any]:
    return {field.name: getattr(typed, field.name) for field in FORM_FIELDS}


def _follow(project: ProjectHandle) -> None:
    """A bar for people, lines for logs. Raises NotFinished."""
    with TrainingBar(f"project {project.number}", quiet=not sys.stderr.isatty()) as bar:
        said = Lines()

        def told(about: m.Project) -> None:
            bar.show(about)
            if not sys.stderr.isatty():
                said.tell(about)

        done = project.wait(told)
    print(done.status)


class Lines:
    """Where nobody sees a bar: a line for each new round or state."""

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None

    def tell(self, about: m.Project) -> None:
        if (about.state, about.round) == self._last:
            return
        self._last = (about.state, about.round)
        loss = "" if about.loss is None else f", loss {about.loss:.5g}"
        print(f"round {about.round}, {_percent(about)}{loss}: {about.status}", flush=True)


def _project(typed: Typed) -> ProjectHandle:
    return _grid().project(typed.project)


def _grid() -> Grid:
    known = logins.load()
    return Grid(known.url, known.token, known.insecure_http, known.fingerprint)


def _percent(about: m.Project) -> str:
    return f"{100 * about.progress:.1f} %"


def _print_json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
