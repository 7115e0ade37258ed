"""`daig-volunteer attach` and `detach` with a real web process, where no app runs and where one does."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.grid import wait_for
from tests.support.person import Person
from tests.support.web_process import WebProcess


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebProcess]:
    started = WebProcess(tmp_path)
    yield started
    started.close()


class Machine:
    """`daig-volunteer` with a home of its own."""

    def __init__(self, home: Path, person: Person) -> None:
        self.home, self.person = home, person
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("DAIG_")}

    def start(self, *arguments: str, output: int | None = subprocess.PIPE) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "volunteer.cli", *arguments, "--home", str(self.home)]
        return subprocess.Popen(command, stdout=output, text=True, env=self.environment)

    def ask(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        said, _errors = process.communicate(timeout=30)
        return process.returncode, said

    def attach(self, url: str) -> tuple[int, str]:
        """By a code, which the person confirms as soon as it is shown."""
        process = self.start("attach", url, "--name", "attic")
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"(/device\S*)", said)):
            line = process.stdout.readline()
            assert line, said
            said += line
        code = re.search(r"code ([A-Z]{4}-[A-Z]{4})", said)
        assert code, said
        self.person.get(found[1])
        self.person.submit("/device/confirm", {"code": code[1]}, page=found[1])
        said += process.communicate(timeout=30)[0]
        return process.returncode, said


@pytest.fixture
def machine(web: WebProcess, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home", Person(web.url, "volunteer").sign_up())


@contextlib.contextmanager
def running(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    """The app, paused, so that nothing is computed."""
    assert machine.ask("pause")[0] == 0
    app = machine.start("run", "--headless", output=subprocess.DEVNULL)
    try:
        wait_for(lambda: "Paused until you resume." in machine.ask("status")[1], 20)
        yield app
    finally:
        app.kill()
        app.wait()


def test_the_command_links_a_machine_by_a_code_and_takes_it_off_again(web: WebProcess, machine: Machine) -> None:
    code, said = machine.attach(web.url)
    assert (code, f"is a host of {web.url} now" in said) == (0, True)
    with running(machine) as app:
        assert machine.ask("attach", web.url) == (0, f"This computer works for {web.url} now.\n")
        assert machine.ask("detach") == (0, f"This computer no longer works for {web.url}.\n")
        assert f"This computer no longer works for {web.url}." in machine.ask("status")[1]
        assert machine.ask("quit")[0] == 0
        assert app.wait(10) == 0


@pytest.mark.long
def test_a_running_app_is_linked_by_the_command_too(web: WebProcess, machine: Machine) -> None:
    assert machine.attach(web.url)[0] == 0
    with running(machine):
        assert machine.ask("detach")[0] == 0
        code, said = machine.attach(web.url)
        assert (code, said.splitlines()[-1]) == (0, "Paused until you resume.")
