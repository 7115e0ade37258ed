"""Where the bundled program starts: as the command `daig-volunteer`, or, told `--module`, as one of its processes.

Nothing heavy is imported before it is known which: the child that computes has to be alone in its process first.
"""

import importlib
import sys

from volunteer.children.programs import BUNDLED


def main() -> int | None:
    """What the chosen module's `main` gives: an exit code."""
    module, rest = "volunteer.cli", sys.argv[1:]
    if rest[:1] == ["--module"]:
        module, rest = (rest[1] if len(rest) > 1 else ""), rest[2:]
    if module not in BUNDLED:
        print(f"daig-volunteer: there is no module “{module}” to run.", file=sys.stderr)
        return 2
    sys.argv = [sys.argv[0], *rest]
    answer: int | None = importlib.import_module(module).main()
    return answer


if __name__ == "__main__":
    sys.exit(main())
