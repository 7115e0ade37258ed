"""The server's end of the intake: a bounded child process for each request, killed when it takes too long."""

import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from server.intake.bounds import DATA_FILE_BYTES, GIB, LEAST_FREE, MIB
from server.intake.damaged import MODEL_DAMAGED
from server.rules.intake_values import (
    Cut,
    CutRequest,
    DataReading,
    DataRequest,
    Gathered,
    GatherRequest,
    IntakeFailed,
    ModelReading,
    PreviewReading,
    PreviewRequest,
    WriteRequest,
)
from server.rules.problems import Problem
from volunteer.children.child import Child, ChildGone, ChildSilent
from volunteer.children.limits import Limits
from volunteer.plan.refused import Refused

_LOG = logging.getLogger(__name__)

MODEL_LIMITS = Limits(address_space=460 * MIB, cpu_seconds=60, file_bytes=2 * GIB, open_files=64)
WRITE_LIMITS = Limits(address_space=2 * GIB, cpu_seconds=120, file_bytes=2 * GIB, open_files=64)
# Mapped files count as address space, not as data: arrays may be larger than what the child may hold.
DATA_LIMITS = Limits(data=1 * GIB, cpu_seconds=1800, file_bytes=DATA_FILE_BYTES, open_files=256)
MODEL_SECONDS, DATA_SECONDS = 60.0, 1800.0

_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # No filter of a file may make HDF5 look for a library to load.
    "HDF5_PLUGIN_PRELOAD": "::",
    # Other pools of Arrow's keep what was freed, and reserve more than the child may hold.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "1",
    # One arena of malloc's for all threads: each more reserves 64 MiB, which count as data.
    "MALLOC_ARENA_MAX": "2",
}
_PATHS = {
    "data", "labels", "validation_data", "validation_labels", "folder", "original", "out", "weights", "frozen"
}  # fmt: skip
_NOT_NOW = "{} did not succeed just now; the server's log says why. Try again later."
_WORDS = {
    "cut": "Cutting the data into shards",
    "gather": "Gathering the data from the shards",
    "write_model": "Writing the model file",
}
_MODEL_ODD = (
    "The model file could not be understood. Load it with a current Keras, save it again and upload that file; "
    "the server's log says more."
)
_TOO_LONG = "Looking through the data took longer than {:.0f} s and was given up."
_DATA_DAMAGED = (
    "The data files could not be read: one of them is damaged. Save the arrays with numpy.save and try again."
)


class ChildIntake:
    """Implements the domain's Intake. `folder` holds each child's own folder while its request lasts.

    Unpacking and converting leave `least_free_bytes` free on the disk.

    Why a child failed goes to this process's log, and never into a sentence for people.
    """

    def __init__(
        self,
        folder: Path,
        *,
        model_seconds: float = MODEL_SECONDS,
        data_seconds: float = DATA_SECONDS,
        model_limits: Limits = MODEL_LIMITS,
        data_limits: Limits = DATA_LIMITS,
        least_free_bytes: int = LEAST_FREE,
    ) -> None:
        self._folder = folder
        self._model = (model_limits, model_seconds)
        self._data = (data_limits, data_seconds)
        self._least_free = least_free_bytes

    def read_model(self, path: Path, out: Path) -> ModelReading:
        """Read an uploaded model; its clean weights go into `out`. Raises Refused, IntakeFailed."""
        out.mkdir(parents=True, exist_ok=True)
        request = {"path": str(path.absolute()), "out": str(out.absolute())}
        try:
            answer = self._ask("read_model", request, self._model)
        except ChildSilent:
            raise Refused(f"The model file took longer than {self._model[1]:.0f} s to read and was given up.") from None
        except ChildGone as gone:
            _require_killed(gone)
            raise Refused(MODEL_DAMAGED) from None
        return msgspec.convert(_accepted(answer, _MODEL_ODD, "model"), ModelReading)

    def check_data(self, request: DataRequest) -> DataReading:
        """All problems of the uploaded arrays, each with its field. Raises IntakeFailed."""
        try:
            answer = self._ask("check_data", _from_here(request) | {"least_free": self._least_free}, self._data)
            return msgspec.convert(_accepted(answer, _DATA_DAMAGED, "data"), DataReading)
        except ChildSilent:
            sentence = _TOO_LONG.format(self._data[1])
        except ChildGone as gone:
            _require_killed(gone)
            sentence = _DATA_DAMAGED
        except Refused as error:
            return DataReading((Problem(error.field, error.sentence),))
        return DataReading((Problem("data", sentence),))

    def preview(self, request: PreviewRequest) -> PreviewReading:
        """What can be shown of data files without a model. Raises IntakeFailed."""
        message = _from_here(request) | {"least_free": self._least_free}
        message["files"] = {field: str(Path(path).absolute()) for field, path in request.files.items()}
        try:
            answer = self._ask("preview", message, self._data)
            return msgspec.convert(_accepted(answer, _DATA_DAMAGED, "data"), PreviewReading)
        except ChildGone as gone:
            _require_killed(gone)
            sentence = _DATA_DAMAGED
        except ChildSilent:
            sentence = _TOO_LONG.format(self._data[1])
        except Refused as error:
            sentence = error.sentence
        return PreviewReading({}, (Problem("data", sentence),))

    def cut(self, request: CutRequest) -> Cut:
        """Shards of checked data, written into `request.out`. Raises Refused, IntakeFailed."""
        return msgspec.convert(self._must("cut", _from_here(request), self._data), Cut)

    def gather(self, request: GatherRequest) -> Gathered:
        """Shards as files for upload again, in `request.out`. Raises IntakeFailed."""
        return msgspec.convert(self._must("gather", _from_here(request), self._data), Gathered)

    def write_model(self, request: WriteRequest) -> Path:
        """The requestor's file with new weights, at `request.out`. Raises Refused, IntakeFailed."""
        return Path(self._must("write_model", _from_here(request), (WRITE_LIMITS, self._model[1])))

    def _must(self, command: str, request: Any, bounds: tuple[Limits, float]) -> Any:
        try:
            answer = self._ask(command, request, bounds)
        except (ChildGone, ChildSilent) as error:
            raise IntakeFailed(_NOT_NOW.format(_WORDS[command])) from error
        if "failed" in answer:
            raise IntakeFailed(_NOT_NOW.format(_WORDS[command]))
        return _accepted(answer, "", "model")

    def _ask(self, command: str, request: Any, bounds: tuple[Limits, float]) -> Mapping[str, Any]:
        limits, seconds = bounds
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{command}-", dir=self._folder)).absolute()
        try:
            with Child("server.intake.child", folder, limits, environment=_ENVIRONMENT) as child:
                child.send({"command": command, "request": request})
                answer = child.receive(seconds)
        except ChildGone as gone:
            _LOG.warning("the intake's %s died with %s:\n%s", command, gone.exit_code, gone.last_words)
            raise
        except ChildSilent:
            _LOG.warning("the intake's %s took longer than %.0f s", command, seconds)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if "failed" in answer:
            _LOG.warning("the intake's %s failed: %s\n%s", command, answer["failed"], answer.get("trace", ""))
        return answer


def _from_here(request: DataRequest | PreviewRequest | CutRequest | GatherRequest | WriteRequest) -> dict[str, Any]:
    """The request as a message, its paths made absolute: the child works in a folder of its own."""
    message: dict[str, Any] = msgspec.to_builtins(request)
    for name in _PATHS & message.keys():
        if message[name] is not None:
            message[name] = str(Path(message[name]).absolute())
    return message


def _require_killed(gone: ChildGone) -> None:
    """A file can make the parser crash, which is a signal; a child that exits by itself never got to the file."""
    if gone.exit_code is None or gone.exit_code >= 0:
        raise IntakeFailed("The process that reads uploads did not start; the server's log says why.") from gone


def _accepted(answer: Mapping[str, Any], otherwise: str, field: str) -> Any:
    if "ok" in answer:
        return answer["ok"]
    if "refused" in answer:
        raise Refused(answer["refused"], answer["field"])
    if answer.get("ours"):
        raise IntakeFailed("The server could not read the file just now; its log says why.")
    if answer["failed"] == "memory":
        raise Refused("The file needs more memory to read than an upload may use.", field)
    raise Refused(otherwise, field)
