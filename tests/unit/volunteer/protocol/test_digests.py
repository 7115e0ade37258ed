import base64
import hashlib

import pytest

from volunteer.protocol.digests import content_digest, is_sha256, read_content_digest, sha256_of

EMPTY = hashlib.sha256(b"").hexdigest()


def test_the_header_is_that_of_rfc_9530() -> None:
    """The RFC's own example, appendix D."""
    name = sha256_of([b'{"hello": "world"}\n'])
    assert content_digest(name) == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


def test_what_is_written_is_read_back() -> None:
    assert read_content_digest(content_digest(EMPTY)) == EMPTY


def test_other_algorithms_beside_ours_are_passed_over() -> None:
    other = "sha-512=:" + base64.b64encode(b"x" * 64).decode() + ":"
    assert read_content_digest(f"{other}, {content_digest(EMPTY)}") == EMPTY
    assert read_content_digest(f"{content_digest(EMPTY)}, {other}") == EMPTY
    assert read_content_digest("SHA-256" + content_digest(EMPTY)[7:]) == EMPTY
    assert read_content_digest(other) is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        EMPTY,
        "sha-256",
        "sha-256=",
        "sha-256=:",
        "sha-256=::",
        "sha-256=:!!!!:",
        "sha-256=:AAAA:",
        f"sha-256={EMPTY}",
        "sha-256=:" + "A" * 43 + "é:",
    ],
)
def test_a_header_that_cannot_be_read_states_nothing(header: str) -> None:
    assert read_content_digest(header) is None


@pytest.mark.parametrize("text", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n", "٠" * 64])
def test_only_sixty_four_small_hexadecimal_digits_are_a_name(text: str) -> None:
    assert not is_sha256(text)
    assert is_sha256("0123456789abcdef" * 4)


def test_parts_make_one_name() -> None:
    assert sha256_of([b"ab", b"", b"c"]) == hashlib.sha256(b"abc").hexdigest()
