"""`daig-server`: run the grid, check files from the shell, replay a project, audit the rows."""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from server import bootstrap, supervisor
from server.config import BadSettings, Settings, read_settings
from server.domain import releases
from server.errors import GridError
from server.rules.problems import Problem
from server.tls import certificate_of
from volunteer.plan.refused import Refused
from volunteer.protocol.version import SOFTWARE

_LOG = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 all well, 1 the answer is no, 2 the command line or the settings are wrong."""
    parser = build_parser()
    given = vars(parser.parse_args(argv))
    command = given.pop("command")
    try:
        bootstrap.keep_private()
        settings = read_settings(given)
        return int(given.pop("run_command")(settings, given))
    except BadSettings as error:
        parser.exit(2, f"daig-server {command}: {error}\n")
    except (GridError, Refused) as error:
        if given.get("json"):
            problem = Problem(getattr(error, "field", ""), error.sentence)
            return _tell([problem], error.sentence, [], as_json=True)
        print(f"daig-server {command}: {error}", file=sys.stderr)
        return 1


def _run(settings: Settings, given: dict[str, object]) -> int:
    bootstrap.configure_logging("daig-server")
    with bootstrap.data_folder(settings):
        _serve(settings)
    return 0


def _serve(settings: Settings) -> None:
    stop = supervisor.stop_on_signals()
    with supervisor.listen(settings.host, settings.port, stop) as listening:
        listening.set_inheritable(True)
        host, port = listening.getsockname()[:2]
        certificate = certificate_of(settings, host)
        address = f"{'https' if certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
        (settings.data / "address").write_text(address)
        print(f"DAIG is at {address}  (data in {settings.data}; Ctrl-C stops it)", flush=True)
        if certificate and certificate.fingerprint:
            print(f"The SHA-256 fingerprint of its own certificate is {certificate.fingerprint}", flush=True)
        pulse = bootstrap.scheduler_pulse(settings)
        supervisor.supervise(listening, ["--data", str(settings.data)], stop, pulse, https=certificate is not None)


def _web(settings: Settings, given: dict[str, object]) -> int:
    from server.web.serving import serve

    bootstrap.configure_logging("web")
    supervisor.end_with_parent()
    number = int(str(given["fd"]))
    certificate = certificate_of(settings, supervisor.listens_at(number))
    pair = (certificate.certificate, certificate.key) if certificate else None
    serve(lambda: bootstrap.web_app(settings, certificate), f"fd://{number}", settings.web_threads, pair)
    return 0


def _scheduler(settings: Settings, given: dict[str, object]) -> int:
    bootstrap.configure_logging("scheduler")
    stop = supervisor.stop_on_signals()
    supervisor.end_with_parent()
    bootstrap.run_scheduler(settings, stop)
    return 0


def _check_model(settings: Settings, given: dict[str, object]) -> int:
    from server.domain.shell_checks import check_model

    with tempfile.TemporaryDirectory() as scratch:
        scratched = _in(settings, scratch)
        learner = bootstrap.learner(scratched)
        try:
            found = check_model(Path(str(given["model"])), Path(scratch), bootstrap.intake(scratched), learner)
        finally:
            learner.close()
    return _tell(found.problems, found.sentence, found.facts, bool(given["json"]))


def _check_data(settings: Settings, given: dict[str, object]) -> int:
    from server.domain.shell_checks import check_data

    with tempfile.TemporaryDirectory() as scratch:
        scratched = _in(settings, scratch)
        learner = bootstrap.learner(scratched)
        files = {name: Path(str(given[name])) for name in ("model", "data_file", "labels") if given[name] is not None}
        form = {name: str(given[name] or "") for name in _DATA_OPTIONS}
        try:
            found = check_data(files, form, Path(scratch), bootstrap.intake(scratched), learner)
        finally:
            learner.close()
    return _tell(found.problems, found.sentence, found.facts, bool(given["json"]))


_DATA_OPTIONS = ("loss", "optimizer", "batch_size", "label_column", "label_encoding", "scaling", "image_size")


def _replay(settings: Settings, given: dict[str, object]) -> int:
    bootstrap.require_grid(settings)
    learner = bootstrap.learner(settings)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            outcome = bootstrap.replay(settings, learner, Path(scratch)).run(int(str(given["project"])), print)
        finally:
            learner.close()
    print(outcome.sentence)
    return 0 if outcome.agrees else 1


def _audit(settings: Settings, given: dict[str, object]) -> int:
    bootstrap.require_grid(settings)
    findings = bootstrap.audit(settings).findings(bootstrap.utc_now())
    for line in findings:
        print(line)
    print(f"The audit found {len(findings) or 'nothing'}{' disagreements' if findings else ' that disagrees'}.")
    return 1 if findings else 0


def _release_key(settings: Settings, given: dict[str, object]) -> int:
    private = Path(str(given["file"]))
    public = releases.make_key(private)
    print(f"{private} signs releases: keep it secret, and keep a copy.")
    print(f"{public} goes into the program when it is built.")
    return 0


def _sign_release(settings: Settings, given: dict[str, object]) -> int:
    folder = Path(str(given["folder"]))
    server = str(given["server"] or "")
    manifest = releases.sign_folder(folder, Path(str(given["key"])), bootstrap.utc_now(), server)
    for one in manifest.files:
        print(f"{one.platform}  {one.file}  {one.size} bytes  {one.sha256}")
    print(f"Version {manifest.version} is signed. Offer it: daig-server publish {folder}")
    return 0


def _publish(settings: Settings, given: dict[str, object]) -> int:
    bootstrap.require_grid(settings)
    manifest = bootstrap.releases(settings).publish(
        Path(str(given["folder"])), bootstrap.utc_now(), bool(given["new_key"])
    )
    print(f"Version {manifest.version} is on the grid's page /download: {len(manifest.files)} installers.")
    return 0


def _in(settings: Settings, scratch: str) -> Settings:
    """The shell's checks need no grid: whatever they write goes to a folder of their own."""
    return Settings(data=Path(scratch), learner_threads=settings.learner_threads)


def _tell(problems: Sequence[Problem], sentence: str, facts: Sequence[tuple[str, str]], as_json: bool) -> int:
    if as_json:
        texts = [{"field": problem.field, "sentence": problem.sentence} for problem in problems]
        print(json.dumps({"ok": not problems, "sentence": sentence, "problems": texts, "facts": dict(facts)}))
    else:
        print(sentence)
    return 1 if problems else 0


def build_parser() -> argparse.ArgumentParser:
    """Every command and option, each with its help."""
    parser = argparse.ArgumentParser("daig-server", description="The server of the Distributed AI Grid.")
    parser.add_argument("--version", action="version", version=SOFTWARE)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start the grid: web and scheduler, until Ctrl-C")
    run.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    run.add_argument("--port", type=int, help="port to listen on (default 8000; 0: any free one)")
    run.set_defaults(run_command=_run)
    web = commands.add_parser("web", help="the web process alone (run starts it)")
    web.add_argument("--fd", type=int, required=True, help="the inherited listening socket")
    web.set_defaults(run_command=_web)
    scheduler = commands.add_parser("scheduler", help="the scheduler process alone (run starts it)")
    scheduler.set_defaults(run_command=_scheduler)
    replay = commands.add_parser("replay", help="recompute a project's rounds and print the largest difference")
    replay.add_argument("project", type=int)
    replay.set_defaults(run_command=_replay)
    audit = commands.add_parser("audit", help="recompute every counter and state from the rows")
    audit.set_defaults(run_command=_audit)
    for one in (run, web, scheduler, replay, audit):
        one.add_argument("--data", help="the grid's data folder (default var)")
    _add_releases(commands)
    _add_checks(commands)
    return parser


def _add_releases(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    key = commands.add_parser("release-key", help="make the pair of keys that releases of the program are signed with")
    key.add_argument("file", metavar="FILE", nargs="?", default="release-key")
    key.set_defaults(run_command=_release_key)
    sign = commands.add_parser("sign-release", help="write and sign the manifest of a folder of installers")
    sign.add_argument("folder", metavar="FOLDER")
    sign.add_argument("--key", metavar="FILE", required=True, help="the private key of daig-server release-key")
    sign.add_argument("--server", metavar="URL", help="they were built with the join file of the grid at this address")
    sign.set_defaults(run_command=_sign_release)
    publish = commands.add_parser("publish", help="check a signed folder and offer it on the download page")
    publish.add_argument("folder", metavar="FOLDER")
    publish.add_argument("--new-key", action="store_true", help="it is signed by another key than what was offered")
    publish.add_argument("--data", help="the grid's data folder (default var)")
    publish.set_defaults(run_command=_publish)


def _add_checks(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    model = commands.add_parser("check-model", help="the form's checks of a model file")
    model.add_argument("model", metavar="FILE")
    model.set_defaults(run_command=_check_model)
    data = commands.add_parser("check-data", help="the form's checks of data and labels against a model")
    data.add_argument("model", metavar="MODEL")
    data.add_argument("data_file", metavar="X")
    data.add_argument("labels", metavar="Y", nargs="?", help="where the data file does not bring them")
    data.add_argument("--loss", help="where the model file was not compiled")
    data.add_argument("--optimizer", help="where the model file was not compiled")
    data.add_argument("--batch-size", default="32")
    data.add_argument("--label-column", help="of a CSV or Parquet file: the column that holds the labels")
    data.add_argument("--label-encoding", help="auto (numbers the classes, the default) or none")
    data.add_argument("--scaling", help="none (the default), unit or standard")
    data.add_argument("--image-size", help="of a zip of images: height x width, where the model leaves it open")
    data.set_defaults(run_command=_check_data)
    for one in (model, data):
        one.add_argument("--json", action="store_true", help="print one JSON object")


if __name__ == "__main__":
    sys.exit(main())
