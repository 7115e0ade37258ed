"""The short codes that people carry from a machine's screen into a browser: RFC 8628, section 6.1."""

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words; nothing that looks like a digit; all on every keyboard with Latin letters."""

LENGTH = 8


def folded(text: str) -> str:
    """The code as it is compared: capital letters, without dashes, spaces or whatever else was typed between."""
    return "".join(letter for letter in text[:100].upper() if letter.isalpha())


def is_code(text: str) -> bool:
    """Whether a folded text can be a code at all."""
    return len(text) == LENGTH and set(text) <= set(ALPHABET)


def shown(code: str) -> str:
    """ "BCDFGHJK" -> "BCDF-GHJK": people read four letters at a time."""
    return f"{code[:4]}-{code[4:]}"
