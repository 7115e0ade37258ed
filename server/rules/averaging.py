"""How a round's gradients become one: the rules by name, and which of them a round takes. Knows no arithmetic."""

import enum


class Averaging(enum.StrEnum):
    """Each takes the mean gradients g_i of the round's n results, with n_i examples behind them."""

    mean = "mean"
    centered_clip = "centered_clip"
    trimmed_mean = "trimmed_mean"
    median = "median"
    norm_clip = "norm_clip"


AUTO = "auto"
WISHES = (AUTO, *(rule.value for rule in Averaging))
"""What a project may ask for; "" is AUTO too."""

ENOUGH = 5
"""Results from which on auto clips: of fewer none can be told apart (a median of three is a vote of one)."""

IN_WORDS = {
    AUTO: "chosen by the grid: clipped to the middle from five results on, else the mean",
    Averaging.mean.value: "mean",
    Averaging.centered_clip.value: "clipped to the middle (centered clipping)",
    Averaging.trimmed_mean.value: "trimmed mean, number by number",
    Averaging.median.value: "median, number by number",
    Averaging.norm_clip.value: "mean, each clipped to the median length",
}


def rule_for(wish: str, results: int, believes_all: bool) -> Averaging:
    """The rule of a round with so many results. `believes_all`: nobody's results need another's agreement."""
    if wish not in ("", AUTO):
        return Averaging(wish)
    return Averaging.mean if believes_all or results < ENOUGH else Averaging.centered_clip
