"""Join files: what a machine needs to join without a question, as text of the volunteer's program (TOML)."""

import json

JOIN_FILE = "daig-join.toml"


def join_file(server: str, join_key: str, fingerprint: str) -> str:
    """`fingerprint` of the grid's own certificate, hexadecimal; left out where it has none."""
    lines = [
        "# Joins machines to a grid. Whoever has this file may do so until the key is used up or runs out.",
        _line("server", server),
        _line("join_key", join_key),
        *([_line("fingerprint", fingerprint)] if fingerprint else []),
    ]
    return "\n".join(lines) + "\n"


def _line(name: str, text: str) -> str:
    # A JSON string is a string of TOML as well.
    return f"{name} = {json.dumps(text)}"
