"""A few lines of Python that load a project's trained model and use it: written for this very project."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from volunteer.plan.architecture import describe
from volunteer.plan.project_plan import ProjectPlan
from volunteer.plan.shapes import InputSpec

PREPROCESSING = "preprocessing.json"
"""The file that a sample reads where its numbers are too many to stand in it."""

_EXAMPLES = 2
_SHORT = 16
"""So long is an open dimension in the made-up examples."""
_MOST_NUMBERS, _MOST_NAMES = 32, 40
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def sample(file: str, plan: ProjectPlan, preprocessing: Mapping[str, Any]) -> str:
    """Runs as it stands, beside the downloaded file: `pip install keras tensorflow` is all it needs."""
    several = len(plan.inputs) > 1
    lines = [
        *_beginning(file, preprocessing),
        *_columns(preprocessing),
        *_pictures(plan.inputs, preprocessing),
        f"# {_EXAMPLES} made-up examples, as your data were uploaded: put yours here.",
        *_inputs(plan.inputs),
        *_scaling(several, preprocessing),
        "answers = model.predict(x, verbose=0)",
        *_answers(plan, preprocessing),
        "",
        "# To train it further: model.fit(x, y). It is compiled as it was trained here.",
    ]
    return "\n".join(lines) + "\n"


def _beginning(file: str, preprocessing: Mapping[str, Any]) -> list[str]:
    read = _reads_file(preprocessing)
    lines = ["import json", "import os"] if read else ["import os"]
    lines += [
        "",
        'os.environ.setdefault("KERAS_BACKEND", "tensorflow")',
        "",
        "import keras",
        "import numpy as np",
        "",
        f"model = keras.models.load_model({_text(file)})",
    ]
    if read:
        lines += [
            "# The project's page offers this file as well.",
            f'with open({_text(PREPROCESSING)}, encoding="utf-8") as opened:',
            "    preprocessing = json.load(opened)",
        ]
    return [*lines, ""]


def _columns(preprocessing: Mapping[str, Any]) -> list[str]:
    columns = preprocessing.get("columns") or []
    if not columns:
        return []
    names = ", ".join(json.dumps(name, ensure_ascii=False) for name in columns[:_MOST_NAMES])
    return [f"# The columns of an example, in this order: {names}{', ...' if len(columns) > _MOST_NAMES else ''}"]


def _pictures(inputs: Sequence[InputSpec], preprocessing: Mapping[str, Any]) -> list[str]:
    image = preprocessing.get("image")
    if not image:
        return []
    height, width = image["size"]
    shape = _shape(inputs[0])
    return [
        "# An image file as such an example (needs pillow).",
        "def example(path):",
        "    from PIL import Image",
        "",
        f"    picture = Image.open(path).convert({_text(_MODES[image['channels']])})",
        f"    return np.asarray(picture.resize(({width}, {height}), Image.Resampling.BILINEAR)).reshape({shape!r})",
        "",
        "",
    ]


def _inputs(inputs: Sequence[InputSpec]) -> list[str]:
    if len(inputs) == 1:
        return [f"x = {_zeros(inputs[0])}"]
    return ["x = {", *(f"    {_text(one.name)}: {_zeros(one)}," for one in inputs), "}"]


def _zeros(one: InputSpec) -> str:
    return f"np.zeros({(_EXAMPLES, *_shape(one))!r}, {_text(one.dtype)})"


def _shape(one: InputSpec) -> tuple[int, ...]:
    return tuple(_SHORT if length is None else length for length in one.shape)


def _scaling(several: bool, preprocessing: Mapping[str, Any]) -> list[str]:
    scaled = preprocessing.get("scaling", {}).get("inputs", {})
    lines = []
    for name, numbers in scaled.items():
        x = f"x[{_text(name)}]" if several else "x"
        where = f'preprocessing["scaling"]["inputs"][{_text(name)}]'
        moved, divided = (_numbers(numbers[part], f'{where}["{part}"]') for part in ("subtract", "divide_by"))
        taken = x if numbers["subtract"] == 0 else f"({x} - {moved})"
        lines.append(f'{x} = ({taken} / {divided}).astype("float32")')
    return ["# The same scaling as before the training.", *lines] if lines else []


def _numbers(value: Any, where: str) -> str:
    if not isinstance(value, list):
        return repr(value)
    return f"np.array({value!r})" if _is_short(value) else f"np.array({where})"


def _is_short(value: Any) -> bool:
    return not isinstance(value, list) or len(value) <= _MOST_NUMBERS


def _reads_file(preprocessing: Mapping[str, Any]) -> bool:
    scaled = preprocessing.get("scaling", {}).get("inputs", {})
    long = any(not _is_short(value) for numbers in scaled.values() for value in numbers.values())
    return long or len(_classes(preprocessing)) > _MOST_NAMES


def _classes(preprocessing: Mapping[str, Any]) -> list[Any]:
    return list(preprocessing.get("labels", {}).get("classes") or [])


def _answers(plan: ProjectPlan, preprocessing: Mapping[str, Any]) -> list[str]:
    classes = _classes(preprocessing)
    if not classes:
        return ["print(answers.shape, answers[0])"]
    listed = json.dumps(classes, ensure_ascii=False)
    lines = [
        f"classes = {listed}" if len(classes) <= _MOST_NAMES else 'classes = preprocessing["labels"]["classes"]',
        "for answer in answers:",
    ]
    if describe(plan.architecture).output_shape[-1:] == (1,):
        # A probability, or a logit where the loss makes one of it.
        middle = 0.0 if plan.loss.get("config", {}).get("from_logits") else 0.5
        return [*lines, f"    print(classes[int(answer.item() > {middle})], answer.item())"]
    return [*lines, "    print(classes[int(answer.argmax())], answer.max())"]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
