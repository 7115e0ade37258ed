"""One mistake in what a person gave us, and the field that it stands beside."""

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """`field` is the form's field (model, data, labels, k, ...); `sentence` is shown as it is."""

    field: str
    sentence: str
