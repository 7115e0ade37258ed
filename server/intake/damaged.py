"""The sentences for files that cannot be understood at all, and the errors that are no file's fault."""

import errno
import struct
import zipfile
import zlib

from volunteer.plan.refused import Refused

# No space, too many open files, no permission, a disk that fails.
OF_THIS_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EIO}

# What Python's own zip reader raises, depending on where an archive is damaged.
ZIP_FAULTS = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, RuntimeError, ValueError, OSError
)  # fmt: skip


def require_of_the_file(error: Exception) -> None:
    """Raise again what is the machine's fault; an archive that points before its own beginning is none of it."""
    if isinstance(error, OSError) and error.errno != errno.EINVAL:
        raise error


MODEL_DAMAGED = (
    "The model file could not be read: it is damaged or cut short. Save the model again and upload that file."
)


def damaged(detail: str) -> Refused:
    """A model file that breaks off or contradicts itself; `detail` ends the sentence."""
    return Refused(f"The model file could not be read: {detail}. Save the model again and upload that file.")
