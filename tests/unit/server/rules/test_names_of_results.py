import itertools

import pytest

from server.rules.results import ModelKind, file_name


@pytest.mark.parametrize("source_kind", ["h5", "keras"])
def test_no_two_kinds_of_one_round_are_called_alike(source_kind: str) -> None:
    """Else the second download would take the first one's place on the requestor's disk."""
    names = [file_name(f"iris.{source_kind}", source_kind, 7, kind) for kind in ModelKind]
    assert all(one != other for one, other in itertools.combinations(names, 2))
    assert names[0] == f"iris-round-7.{source_kind}"
