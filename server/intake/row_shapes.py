"""Whether rows of one shape can stand for rows of another, as Keras lets them. Pure."""


def fitted(row: tuple[int, ...], wanted: tuple[int | None, ...]) -> tuple[int, ...] | None:
    """The shape that rows of shape `row` are given for `wanted` (None: any length); None if they do not fit.

    Like Keras, a missing last dimension of 1 is added and one too many is dropped.
    """
    if _matches(row, wanted):
        return row
    if wanted and wanted[-1] == 1 and _matches(row, wanted[:-1]):
        return (*row, 1)
    if row and row[-1] == 1 and _matches(row[:-1], wanted):
        return row[:-1]
    return None


def _matches(row: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(row) == len(wanted) and all(b is None or a == b for a, b in zip(row, wanted, strict=True))
