"""The colours of the windows: those of the grid's web pages, light and dark."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    ground: str
    card: str
    text: str
    muted: str
    border: str
    field: str
    strong: str
    strong_over: str
    strong_down: str
    on_strong: str
    quiet_over: str
    bad: str
    bad_soft: str
    good: str
    good_soft: str
    warn: str
    warn_soft: str


LIGHT = Palette(
    ground="#ffffff", card="#f3f8f6", text="#20262e", muted="#5a6472", border="#cfd6de", field="#ffffff",
    strong="#00664f", strong_over="#00795e", strong_down="#00523f", on_strong="#ffffff", quiet_over="#e9f1ee",
    bad="#a3201d", bad_soft="#fde8e6", good="#00664f", good_soft="#dcf5ea", warn="#8a5a00", warn_soft="#fdf0d2",
)  # fmt: skip
DARK = Palette(
    ground="#13171f", card="#1a212a", text="#e2e6ec", muted="#9ba5b4", border="#38424f", field="#1a212a",
    strong="#0c7d62", strong_over="#109674", strong_down="#0a6a53", on_strong="#ffffff", quiet_over="#232c37",
    bad="#ff9d96", bad_soft="#401a18", good="#6fe0b9", good_soft="#0c3328", warn="#f4c766", warn_soft="#3a2c0e",
)  # fmt: skip
