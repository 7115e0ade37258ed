"""Who holds an operator's office, and what an operator must say. To everybody else there is nothing here."""

from server.errors import NotAcceptable, NotFound
from server.storage.account_tables import Account
from server.storage.stores import Stores

MOST_LETTERS = 1000


def require_operator(stores: Stores, operator_id: int) -> Account:
    """Raises NotFound: no operator, or none any more."""
    row = stores.accounts.by_id(operator_id)
    if row is None or not row.is_operator or row.blocked_at is not None or row.deleted_at is not None:
        raise NotFound()
    return row


def require_words(text: str, field: str = "reason") -> str:
    """What another person reads afterwards, on one line. Raises NotAcceptable where nothing, or too much, was said."""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if not words:
        raise NotAcceptable("Say why: somebody reads it.", field)
    if len(words) > MOST_LETTERS:
        raise NotAcceptable(f"This has {len(words):,} letters; {MOST_LETTERS:,} are the most.", field)
    return words
