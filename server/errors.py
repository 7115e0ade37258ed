"""What can go wrong in the grid, named for its consequence; a class's docstring is its default sentence.

The web room holds the one table from these to HTTP statuses and refusal codes.
"""


class GridError(Exception):
    """Something went wrong in the grid."""

    def __init__(self, sentence: str = "") -> None:
        self.sentence = sentence or (type(self).__doc__ or "").strip()
        super().__init__(self.sentence)


class NotFound(GridError):
    """There is no such thing, or it is not yours."""


class NotAllowedNow(GridError):
    """This cannot be done in the present state."""


class NotAcceptable(GridError):
    """What was entered cannot be used."""

    def __init__(self, sentence: str = "", field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class TooManyTries(GridError):
    """Too many tries in a short time. Wait a few minutes and try again."""


class Busy(GridError):
    """Too many ask for this at once. Try again in a moment."""


class NotWritten(GridError):
    """Writing the file did not succeed just now; the server's log says why. Try again later."""


class NotDelivered(GridError):
    """A letter could not be delivered. `for_good`: trying again would not help."""

    def __init__(self, sentence: str = "", for_good: bool = False) -> None:
        super().__init__(sentence)
        self.for_good = for_good


class JoinKeyInvalid(GridError):
    """This join key is unknown, used up or out of date."""


class LinkPending(GridError):
    """Nobody has confirmed this code yet."""


class LinkTooFast(GridError):
    """This is asked too often."""


class LinkDenied(GridError):
    """Somebody has refused to link this machine."""


class LinkExpired(GridError):
    """This code is unknown, used or out of date."""


class HostTooOld(GridError):
    """This program is too old for this grid."""


class UnknownToken(GridError):
    """This host's token is not known."""


class MissingScope(GridError):
    """This access token may not be used for that."""


class AccountBlocked(GridError):
    """This account is blocked. Ask the operator of the grid."""


class HostQuarantined(GridError):
    """This machine's results were found wrong too often: it gets no work. Its page under My computers says more."""


class NoSuchResult(NotFound):
    """There is no such result."""


class NotYourResult(GridError):
    """This result was leased to another host."""


class NoSuchBlob(NotFound):
    """There is no such blob for you."""


class StaleResult(GridError):
    """The round of this result is closed; it is not needed any more."""


class ResultEnded(GridError):
    """This result has already ended in another way."""


class DigestMismatch(GridError):
    """The bytes that arrived are not those that the digest names."""


class MalformedGradient(GridError):
    """This is not a gradient of the leased work."""


class TooLarge(GridError):
    """This upload is larger than it may be."""


class NoSuchUpload(NotFound):
    """There is no such upload, or it is not yours."""


class UploadGone(GridError):
    """This upload was not gone on with for too long. Begin it anew."""


class UploadConflict(GridError):
    """The upload stands at another byte."""


class UploadLocked(GridError):
    """Another connection is sending this upload. Try again in a moment."""


class ChecksumMismatch(GridError):
    """The bytes that arrived are not those that the checksum names. Send them again."""


class QuotaExceeded(GridError):
    """This is more than you may upload now."""


class SomebodyElseWasFirst(GridError):
    """A guarded change found the row in another state."""


class LeadershipLost(GridError):
    """Another scheduler has taken over; this one's writes do not count any more."""
