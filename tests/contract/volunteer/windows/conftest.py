"""Where Python has no Tk, as Debian's without python3-tk, what imports it is left out, unless all is required."""

import importlib.util
import os

collect_ignore = (
    []
    if importlib.util.find_spec("_tkinter") or os.environ.get("DAIG_REQUIRE_DESKTOP")
    else ["test_first_run_steps.py"]
)
