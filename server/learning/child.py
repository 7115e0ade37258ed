"""The learner process, `python -m server.learning.child`: answers the calls of `ChildLearner` and `ChildExporter`."""

import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from server.learning.evaluating import evaluate
from server.learning.events import write_events
from server.learning.exporting import export
from server.learning.inspecting import inspect
from server.learning.recomputing import Recomputer
from server.learning.stepping import evaluation_result, step
from server.learning.workbench import Workbench
from server.rules.learning_values import (
    EvaluateRequest,
    GradientRequest,
    InspectRequest,
    ResultRequest,
    StepRequest,
)
from server.rules.results import EventsRequest, ExportRequest
from volunteer.children.entry import serve
from volunteer.plan.refused import Refused
from volunteer.training.runtime import prepare, tf

Call = Callable[[Any], Any]
_TRACE = 8_000
"""Letters of a traceback that go to the parent's log: its end says what went wrong."""


def calls(workbench: Workbench) -> dict[str, tuple[type, Call]]:
    """What this process answers: the request's type and the function, by name."""
    recomputer = Recomputer()
    return {
        "prepare": (dict, lambda request: prepare(request["threads"])),
        "inspect": (InspectRequest, inspect),
        "step": (StepRequest, lambda request: step(workbench, request)),
        "gradient": (GradientRequest, recomputer.gradient),
        "evaluate": (EvaluateRequest, lambda request: evaluate(workbench, request)),
        "evaluation_result": (ResultRequest, lambda request: evaluation_result(workbench, request)),
        "export": (ExportRequest, export),
        "write_events": (EventsRequest, write_events),
    }


def answer(table: dict[str, tuple[type, Call]], message: dict[str, Any]) -> dict[str, Any]:
    """{"result": ...}, or {"refused": sentence, "field": ...} where the project is to blame, or {"failed"}.

    `lost` says that the process should not be used any more; `trace` is for the log.
    """
    kind, function = table[message["call"]]
    try:
        return {"result": msgspec.to_builtins(function(msgspec.convert(message["request"], kind)))}
    except Refused as refusal:
        return {"refused": refusal.sentence, "field": refusal.field}
    except (MemoryError, tf.errors.ResourceExhaustedError):
        return {"failed": "The learner ran out of memory.", "lost": True}
    except (ValueError, KeyError, TypeError, OSError, tf.errors.OpError) as error:
        return {
            "failed": f"The learner could not do this: {type(error).__name__}: {error}"[:2000],
            "lost": False,
            "trace": traceback.format_exc()[-_TRACE:],
        }


def main() -> None:
    """Serve until the parent is gone."""
    table = calls(Workbench())
    serve(lambda message: answer(table, message))


if __name__ == "__main__":
    main()
