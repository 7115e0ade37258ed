"""Folders and files for their owner's eyes alone, written whole or not at all. Knows nothing of what is in them."""

import os
from pathlib import Path


def private_folder(path: Path) -> Path:
    """Create the folder, with its parents, for the owner alone (mode 700)."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """The file (mode 600) holds either what it held or all of `text`, also after a power cut. Raises OSError."""
    private_folder(path.parent)
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
