"""Where the program's log goes: to standard error, and on a desktop, where nobody reads that, to a file too."""

import logging
import sys
from logging.handlers import RotatingFileHandler

from volunteer.config import Folders
from volunteer.private_files import private_folder

LOG_FILE = "daig-volunteer.log"
"""In the state folder; with the one before it at most twice MOST_BYTES."""
MOST_BYTES = 2**20


def begin(level: int, folders: Folders | None = None) -> None:
    """From now on. `folders`: where to keep the file, or None for no file."""
    handlers: list[logging.Handler] = []
    # A bundled program without a console has no standard error.
    if sys.stderr is not None:
        handlers.append(logging.StreamHandler(sys.stderr))
    trouble: OSError | None = None
    if folders is not None:
        try:
            path = private_folder(folders.state) / LOG_FILE
            handlers.append(RotatingFileHandler(path, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", delay=True))
        except OSError as error:
            trouble = error
    logging.basicConfig(
        level=level, format="%(asctime)s %(levelname)s %(message)s", handlers=handlers or [logging.NullHandler()]
    )
    # Libraries would log addresses and headers.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    if trouble is not None:
        logging.getLogger(__name__).warning("no log file can be kept: %s", trouble)
