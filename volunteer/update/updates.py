"""Looks for a newer version of this program, fetches it when the person says yes, and says how to install it.

Never installs anything by itself. Knows no HTTP: it is handed a source.
"""

import contextlib
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from volunteer.errors import RetryLater, StopAndTell, VolunteerError
from volunteer.private_files import private_folder
from volunteer.protocol.digests import BLOCK, sha256_of
from volunteer.protocol.releases import ReleaseFile
from volunteer.update.installing import Instructions, instructions
from volunteer.update.seen import SeenFile
from volunteer.update.trust import WRONG_SIGNATURE, Installed, Offer, believe, offer_of

FIRST_LOOK_SECONDS = 600.0
LOOK_SECONDS = 86_400.0
TRY_AGAIN_SECONDS = 60.0
# What is left free on the disk.
SPARE = 512 * 2**20
# A program takes about so many times as much disk as its installer, which nobody has to unpack to see.
UNPACKED = 3
TRIES = 50
NO_KEY = (
    "This copy of the program was built without a release key, so it cannot tell a genuine update from another. "
    "Newer versions are on the grid's download page."
)
NEWEST = "This is the newest version."
_log = logging.getLogger(__name__)


class Source(Protocol):
    """The grid's client. Each raises RetryLater or StopAndTell; bytes None: the grid offers no release."""

    def release_manifest(self) -> bytes | None: ...
    def release_signature(self) -> bytes | None: ...
    def download_release(self, file: ReleaseFile, part: Path, go_on: Callable[[], bool]) -> None: ...
    def close(self) -> None: ...


class Updates:
    """For several threads at once. `source` gives the grid's client, or None while there is no grid; `folder` keeps
    what is downloaded."""

    def __init__(
        self, source: Callable[[], Source | None], installed: Installed, key: bytes | None, folder: Path,
        seen: SeenFile, launch: Callable[[tuple[str, ...]], None] | None = None,
    ) -> None:  # fmt: skip
        """`launch`: opens the system's installer; None where nobody sees windows."""
        self._source = source
        self._installed = installed
        self._key = key
        self._folder = folder
        self._seen = seen
        self._launch = launch
        self._offered: Callable[[str], None] = lambda version: None
        self._stopped = threading.Event()
        self._checking, self._fetching = threading.Lock(), threading.Lock()
        self._offer: Offer | None = None
        self._trouble = ""

    def start(self, offered: Callable[[str], None]) -> None:
        """Look now and then from now on. `offered` hears the version that can be had here, "" when none can."""
        self._offered = offered
        if self._key is not None:
            threading.Thread(target=self._look_now_and_then, name="updates", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def check(self) -> str:
        """Look now; what was found, in a sentence. Raises StopAndTell, RetryLater."""
        offer = self._look()
        if offer is None:
            return NEWEST
        if offer.file is None:
            return f"Version {offer.version} is out, but there is none for this computer's system."
        if self._is_here(offer.file):
            return self._instructions(offer.version, offer.file).sentence
        trouble = f" {self._trouble}" if self._trouble else ""
        return f"Version {offer.version} can be had.{trouble} It is fetched only if you say so."

    def install(self) -> str:
        """The person said yes: fetch what is on offer, then open its installer. Says how it goes on.

        Raises StopAndTell, RetryLater.
        """
        offer = self._offer or self._look()
        if offer is None or offer.file is None:
            raise StopAndTell("There is no update to install.")
        if self._is_here(offer.file):
            return self._open(offer.version, offer.file)
        self._make_room(offer.file)
        if self._fetching.acquire(blocking=False):
            threading.Thread(target=self._fetch, args=(offer.version, offer.file), name="update", daemon=True).start()
        what = "Then its installer opens." if self._launch else "Ask for updates again to hear how to install it."
        return f"Version {offer.version} is being downloaded, {offer.file.size / 1e6:.0f} MB. {what}"

    def _look(self) -> Offer | None:
        if self._key is None:
            raise StopAndTell(NO_KEY)
        with self._checking:
            source = self._source()
            if source is None:
                raise StopAndTell("This computer has no grid yet that could offer a newer version.")
            try:
                self._offer = self._ask(source, self._key)
            finally:
                source.close()
        offer = self._offer
        if offer is None:
            self._tidy()
        self._offered(offer.version if offer is not None and offer.file is not None else "")
        return offer

    def _ask(self, source: Source, key: bytes) -> Offer | None:
        for last in (False, True):
            body, signature = source.release_manifest(), source.release_signature()
            if body is None or signature is None:
                return None
            try:
                manifest = believe(body, signature, key, self._seen.load())
            except StopAndTell as error:
                # A new release may have come between the two.
                if last or error.code != WRONG_SIGNATURE:
                    raise
                continue
            try:
                self._seen.note(manifest.created_at)
            except OSError as error:
                raise RetryLater(f"What was seen of releases cannot be kept: {error.strerror}.") from None
            return offer_of(manifest, self._installed)
        return None

    def _fetch(self, version: str, file: ReleaseFile) -> None:
        try:
            self._trouble = ""
            self._clear(f"{file.sha256}.part")
            for number in range(TRIES):
                try:
                    self._fetch_once(file)
                    break
                except RetryLater as error:
                    if error.code == "digest_mismatch":
                        # Hundreds of megabytes, whole and wrong: another try brings the same.
                        raise
                    # What has come stays: the next try goes on from there.
                    self._trouble = f"Its download broke off: {error.sentence}"
                    # A busy grid says half a second, to everybody: its installers may be asked for by hundreds.
                    wait = error.after * 2.0**number if error.after else TRY_AGAIN_SECONDS
                    if self._stopped.wait(min(wait, TRY_AGAIN_SECONDS)):
                        return
            else:
                return
            self._trouble = ""
            self._open(version, file)
        except (VolunteerError, OSError) as error:
            self._trouble = f"Its download failed: {getattr(error, 'sentence', error)}"
            _log.warning("the update cannot be had: %s", error)
        finally:
            self._fetching.release()

    def _fetch_once(self, file: ReleaseFile) -> None:
        source = self._source()
        if source is None:
            raise RetryLater("There is no grid now.")
        part = self._folder / f"{file.sha256}.part"
        try:
            source.download_release(file, part, lambda: not self._stopped.is_set())
        finally:
            source.close()
        part.replace(self._folder / file.file)

    def _open(self, version: str, file: ReleaseFile) -> str:
        how = self._instructions(version, file)
        if self._launch is not None and how.opener:
            try:
                self._launch(how.opener)
            except OSError as error:
                _log.warning("the installer cannot be opened: %s", error)
        return how.sentence

    def _instructions(self, version: str, file: ReleaseFile) -> Instructions:
        return instructions(self._folder / file.file, version, self._launch is not None)

    def _is_here(self, file: ReleaseFile) -> bool:
        """Whether the installer is here, whole, and still what was signed."""
        path = self._folder / file.file
        try:
            if path.stat().st_size != file.size:
                return False
            with path.open("rb") as stream:
                return sha256_of(iter(lambda: stream.read(BLOCK), b"")) == file.sha256
        except OSError:
            return False

    def _make_room(self, file: ReleaseFile) -> None:
        try:
            free = shutil.disk_usage(private_folder(self._folder)).free
        except OSError as error:
            raise StopAndTell(f"The update cannot be kept on disk: {error.strerror}.") from None
        wanted = file.size * (1 + UNPACKED) + SPARE
        if free < wanted:
            raise StopAndTell(
                f"The update needs {wanted / 1e6:.0f} MB of free disk, to be downloaded and installed; "
                f"{free / 1e6:.0f} MB are free."
            )

    def _tidy(self) -> None:
        """Nothing is newer than this program: what it was installed from is of no use any more."""
        if self._fetching.acquire(blocking=False):
            try:
                self._clear()
            except OSError as error:
                _log.warning("what is left of an update cannot be deleted: %s", error)
            finally:
                self._fetching.release()

    def _clear(self, wanted: str = "") -> None:
        """Delete what is left of other versions, unpacked archives too."""
        if not self._folder.exists():
            return
        for path in self._folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != wanted:
                path.unlink()

    def _look_now_and_then(self) -> None:
        wait = FIRST_LOOK_SECONDS
        while not self._stopped.wait(wait):
            wait = LOOK_SECONDS
            with contextlib.suppress(RetryLater):
                try:
                    self._look()
                except StopAndTell as error:
                    _log.warning("%s", error.sentence)
