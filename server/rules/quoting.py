"""What a stranger's program said, made fit to be shown to another person."""

LONGEST = 120


def quoted(text: str) -> str:
    """One line without control characters, at most 120 characters, in quotes and plainly the host's own words.

    Empty where nothing readable was said. Quotation marks inside cannot end the quotation early.
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in text[: 20 * LONGEST])
    plain = " ".join(plain.translate(_INNER).split())
    if not plain:
        return ""
    if len(plain) > LONGEST:
        plain = plain[: LONGEST - 1].rstrip() + "…"
    return f"the host's own words: “{plain}”"


_INNER = {ord("“"): "'", ord("”"): "'", ord('"'): "'"}
