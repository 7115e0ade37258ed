"""How much people may upload before it becomes projects: by account, and by what the disk has left."""

from dataclasses import dataclass

from server.rules.status import gigabytes


@dataclass(frozen=True)
class UploadBounds:
    """`account_bytes`: of all uploads of one account, its drafts' and those on their way to drafts, as large as they
    will be; `free_bytes`: what they must leave free on the disk."""

    account_bytes: int = 20 * 2**30
    free_bytes: int = 5 * 2**30


def refusal(new: int, held: int, free: int, bounds: UploadBounds) -> str | None:
    """Why `new` bytes cannot be taken; None when they can.

    `held`: bytes of the account's other uploads; `free`: of the disk, with the new ones on it already.
    """
    if held + new > bounds.account_bytes:
        return (
            f"These files have {gigabytes(new)}, and your drafts and uploads hold {gigabytes(held)} already; "
            f"{gigabytes(bounds.account_bytes)} in all is the most. Start or discard other drafts or uploads first."
        )
    if free < bounds.free_bytes:
        return "The grid's disk is nearly full, so it takes no uploads now. Try again later, or tell its operator."
    return None
