"""The entry of the child process that computes: boxed in before it looks at anything of a stranger's.

Run as `python -I -m volunteer.trainer.child` by `volunteer.trainer.process`.
"""

from pathlib import Path
from typing import Any

from volunteer.children.entry import start
from volunteer.trainer.isolation.box import confine


def main() -> None:
    """Serve until the parent ends."""
    # numpy starts threads when it is imported, and a process with threads cannot shut itself in.
    channel = start(_box)
    from volunteer.trainer.worker import Worker

    Worker(channel).run()


def _box(first: dict[str, Any]) -> dict[str, Any]:
    box = first["box"]
    readable = [Path(path) for path in box["readable"]]
    return {"isolation": confine(Path.cwd(), readable, box["gpu"], first["limits"]["data"])}


if __name__ == "__main__":
    main()
