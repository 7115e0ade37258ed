"""The person's preferences as one frozen value. Knows no file, no clock and no sensor."""

from dataclasses import dataclass
from typing import Literal

Run = Literal["always", "idle"]


@dataclass(frozen=True)
class Preferences:
    """`memory` and `cache` in MiB, the limits in kB/s, `idle_minutes` counts only with `run` = "idle".

    None means what the machine has: all `threads`, half of the `memory`. Empty `hours` mean any time, a limit of 0 no
    limit. `hours` are like "mon-fri 18:00-08:00"; `pause_while` holds names of programs.
    """

    run: Run = "always"
    idle_minutes: int = 5
    on_battery: bool = False
    hours: tuple[str, ...] = ()
    threads: int | None = None
    cpu_percent: int = 100
    memory: int | None = None
    cache: int = 4096
    pause_while: tuple[str, ...] = ()
    download_limit: int = 0
    upload_limit: int = 0
    start_at_login: bool = True
    gpu: bool = False
