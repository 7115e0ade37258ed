"""The sentences for files that cannot be understood at all, and the errors that are no file's fault."""

import errno

from volunteer.plan.refused import Refused

# No space, too many open files, no permission, a disk that fails.
OF_THIS_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EIO}

MODEL_DAMAGED = (
    "The model file could not be read: it is damaged or cut short. Save the model again and upload that file."
)


def damaged(detail: str) -> Refused:
    """A model file that breaks off or contradicts itself; `detail` ends the sentence."""
    return Refused(f"The model file could not be read: {detail}. Save the model again and upload that file.")
