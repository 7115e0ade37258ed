"""A few lines of Python that load a project's trained model and use it: written for this very project."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from volunteer.plan.project_plan import ProjectPlan
from volunteer.plan.shapes import InputSpec

_EXAMPLES = 2
_SHORT = 16
"""So long is an open dimension in the made-up examples."""


def sample(file: str, plan: ProjectPlan, preprocessing: Mapping[str, Any]) -> str:
    """Runs as it stands, beside the downloaded file: `pip install keras tensorflow` is all it needs."""
    lines = [
        "import os",
        "",
        'os.environ.setdefault("KERAS_BACKEND", "tensorflow")',
        "",
        "import keras",
        "import numpy as np",
        "",
        f"model = keras.models.load_model({_text(file)})",
        "",
        f"# {_EXAMPLES} made-up examples: put yours here, in the same shape.",
        *_inputs(plan.inputs),
        "answers = model.predict(x, verbose=0)",
        *_answers(plan, preprocessing),
        "",
        "# To train it further: model.fit(x, y). It is compiled as it was trained here.",
    ]
    return "\n".join(lines) + "\n"


def _inputs(inputs: Sequence[InputSpec]) -> list[str]:
    if len(inputs) == 1:
        return [f"x = {_zeros(inputs[0])}"]
    return ["x = {", *(f"    {_text(one.name)}: {_zeros(one)}," for one in inputs), "}"]


def _zeros(one: InputSpec) -> str:
    shape = (_EXAMPLES, *(_SHORT if length is None else length for length in one.shape))
    return f"np.zeros({shape!r}, {_text(one.dtype)})"


def _answers(plan: ProjectPlan, preprocessing: Mapping[str, Any]) -> list[str]:
    classes = preprocessing.get("labels", {}).get("classes")
    if not classes:
        return ["print(answers.shape, answers[0])"]
    return [
        f"classes = {json.dumps(list(classes), ensure_ascii=False)}",
        "for answer in answers:",
        "    print(classes[int(np.argmax(answer))], float(np.max(answer)))",
    ]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
