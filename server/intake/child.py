"""The process that looks into uploaded files: one request, under limits. Runs nothing of theirs, knows no Keras."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from server.intake.damaged import OF_THIS_MACHINE
from server.intake.space import NoRoom
from server.rules.intake_values import CutRequest, DataRequest, GatherRequest, PreviewRequest, WriteRequest
from volunteer.children.entry import serve
from volunteer.plan.refused import Refused

Answer = dict[str, Any]
_TRACE = 8_000
"""Letters of a traceback that go to the log: its end says what went wrong."""


def handle(message: dict[str, Any]) -> Answer:
    """{"ok": reading}, {"refused": sentence, "field": field} or {"failed": what, "ours": no fault of it, "trace"}."""
    try:
        return {"ok": _COMMANDS[message["command"]](message["request"])}
    except Refused as error:
        return {"refused": error.sentence, "field": error.field}
    except NoRoom as error:
        return {"refused": str(error), "field": "data"}
    except MemoryError:
        return {"failed": "memory"}
    except OSError as error:
        return {"failed": str(error)[:500], "ours": error.errno in OF_THIS_MACHINE, "trace": _trace()}
    except Exception as error:
        # Whatever a stranger's file provokes ends here; the parent's log keeps the trace.
        return {"failed": f"{type(error).__name__}: {error}"[:500], "trace": _trace()}


def _trace() -> str:
    return traceback.format_exc()[-_TRACE:]


def _read_model(request: dict[str, Any]) -> Any:
    from server.intake.model_reading import read_model

    return msgspec.to_builtins(read_model(Path(request["path"]), Path(request["out"])))


def _check_data(request: dict[str, Any]) -> Any:
    from server.intake.data_checks import check_data

    return msgspec.to_builtins(check_data(msgspec.convert(request, DataRequest)))


def _preview(request: dict[str, Any]) -> Any:
    from server.intake.data_checks import preview_data

    return msgspec.to_builtins(preview_data(msgspec.convert(request, PreviewRequest)))


def _cut(request: dict[str, Any]) -> Any:
    from server.intake.cutting import cut

    return msgspec.to_builtins(cut(msgspec.convert(request, CutRequest)))


def _gather(request: dict[str, Any]) -> Any:
    from server.intake.gathering import gather

    return msgspec.to_builtins(gather(msgspec.convert(request, GatherRequest)))


def _write_model(request: dict[str, Any]) -> Any:
    from server.intake.model_writing import write_model

    return str(write_model(msgspec.convert(request, WriteRequest), Path.cwd()))


_COMMANDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "read_model": _read_model,
    "check_data": _check_data,
    "preview": _preview,
    "cut": _cut,
    "gather": _gather,
    "write_model": _write_model,
}

if __name__ == "__main__":
    serve(handle)
