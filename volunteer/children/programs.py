"""The command line that starts a process of this program: from a source tree by Python, from a bundle by itself."""

import sys

BUNDLED = ("volunteer.trainer.child", "volunteer.cli")
"""The modules that a bundled program runs when it is started with `--module`, by their `main`; and no others."""


def command(module: str, *arguments: str) -> list[str]:
    """What to start so that `module` runs as the main program, without a word of the surrounding Python's settings.

    In a bundle there is no Python beside the program: `packaging/entry.py` takes `--module` and runs that module.
    """
    if not getattr(sys, "frozen", False):
        return [sys.executable, "-I", "-m", module, *arguments]
    if module not in BUNDLED:
        raise ValueError(f"{module} is none of the modules that the bundled program runs")
    return [sys.executable, "--module", module, *arguments]
