import builtins

import pytest

from requestor import consent
from requestor.errors import NoConsent


def test_where_nobody_sits_the_refusal_has_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(question: str) -> str:
        print(question, end="")
        raise EOFError

    monkeypatch.setattr(builtins, "input", nobody)
    with pytest.raises(NoConsent):
        consent.require(None)
    assert capsys.readouterr().out == f"{consent.QUESTION}\n"
