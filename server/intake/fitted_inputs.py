"""The arrays of a part in the order of the model's inputs, their rows in the shape that the model takes."""

from collections.abc import Mapping, Sequence

from server.intake.findings import WORDS, Findings, counted, shape_text
from server.intake.row_shapes import fitted
from server.rules.intake_values import ArrayFile
from volunteer.plan.shapes import InputSpec


def fitted_inputs(
    arrays: Mapping[str, ArrayFile], inputs: Sequence[InputSpec], field: str, findings: Findings
) -> tuple[ArrayFile, ...]:
    """Empty, with the problem noted, if they are not what the model takes."""
    names = [spec.name for spec in inputs]
    if len(names) == 1 and len(arrays) == 1:
        arrays = {names[0]: next(iter(arrays.values()))}
    missing = [name for name in names if name not in arrays]
    if missing:
        here = ", ".join(f"'{name}'" for name in arrays if name) or "a single unnamed array"
        findings.problem(
            field,
            f"the model has {counted(len(names), 'input')} ({', '.join(names)}) and {WORDS[field]} hold "
            f"{here}: save a .npz with one array for each input, under its name",
        )
        return ()
    for name in arrays:
        if name not in names:
            findings.remark(
                field, f"the array '{name}' in {WORDS[field]} is no input of the model and is left out"
            )
    shaped = [_shaped(arrays[spec.name], spec, field, len(names) > 1, findings) for spec in inputs]
    return tuple(array for array in shaped if array is not None) if all(shaped) else ()


def _shaped(
    array: ArrayFile, spec: InputSpec, field: str, several: bool, findings: Findings
) -> ArrayFile | None:
    row = fitted(array.shape[1:], spec.shape)
    if row is None or 0 in row:
        which = f"the array '{spec.name}' in {WORDS[field]}" if several else WORDS[field]
        findings.problem(
            field,
            f"each row of {which} has the shape {shape_text(array.shape[1:])}, "
            f"but the model's input '{spec.name}' takes {shape_text(spec.shape)}",
        )
        return None
    return ArrayFile(spec.name, array.path, array.dtype, array.shape, row)
