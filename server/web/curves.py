"""Curves of loss and metrics as geometry: plain values that a template draws as SVG. Knows no Flask."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from server.rules.views import Curves

WIDTH, HEIGHT = 460.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 10.0, 10.0, 26.0
MOST_POINTS = 240
MOST_METRICS = 3
_LARGEST = 1e100
"""What is larger is no loss that anybody measured: a host may say what it likes, and the page must still be shown."""


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """One series: `points` in the form of SVG's polyline; `dots` only where there are few."""

    label: str
    kind: str
    points: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    name: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    sentence: str
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT


Series = list[tuple[int, float]]


def charts(curves: Curves) -> list[Chart]:
    """One chart for the loss and one for each of the first metrics; none before there are two points."""
    measured = curves.measured
    found = [_chart("loss", _series(curves.rounds, curves.loss), _series(measured.rounds, measured.loss))]
    for name in list({**curves.metrics, **measured.metrics})[:MOST_METRICS]:
        training = _series(curves.rounds, curves.metrics.get(name, []))
        found.append(_chart(name, training, _series(measured.rounds, measured.metrics.get(name, []))))
    return [chart for chart in found if chart is not None]


def spark(values: Sequence[float], width: float = 120.0, height: float = 32.0) -> str:
    """The points of a small polyline without axes; empty before there are two."""
    values = [value for value in values if abs(value) <= _LARGEST]
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    stride = (width - 4) / (len(values) - 1)
    tall = (height - 4) / (high - low or 1.0)
    return " ".join(f"{2 + i * stride:.1f},{2 + (high - value) * tall:.1f}" for i, value in enumerate(values))


def _chart(name: str, training: Series, validation: Series) -> Chart | None:
    kinds = {"training": training, "validation": validation}
    values = [value for series in kinds.values() for _, value in series]
    numbers = [number for series in kinds.values() for number, _ in series]
    if len(set(numbers)) < 2:
        return None
    y_steps = nice_steps(min(values), max(values))
    x_steps = [step for step in nice_steps(min(numbers), max(numbers), 6) if step == int(step)]
    x_low, x_high = min(numbers), max(numbers)
    y_low, y_high = min(*y_steps, *values), max(*y_steps, *values)

    def x(value: float) -> float:
        return round(LEFT + (value - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM), 1)

    lines = []
    for kind, series in kinds.items():
        places = tuple((x(number), y(value)) for number, value in series)
        if places:
            points = " ".join(f"{a:g},{b:g}" for a, b in places)
            lines.append(Line(_label(kind), kind, points, places if len(places) <= 40 else places[-1:]))
    return Chart(
        name,
        tuple(lines),
        tuple(Tick(x(step), f"{step:.0f}") for step in x_steps if x_low <= step <= x_high),
        tuple(Tick(y(step), f"{step:g}") for step in y_steps),
        _sentence(name, kinds),
    )


def nice_steps(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, about so many."""
    if high - low < 1e-9 * max(abs(high), 1e-300):
        low, high = low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.10g}") for index in range(first, last + 1)]


def _series(rounds: Sequence[int], values: Sequence[float | None]) -> Series:
    points = zip(rounds, values, strict=False)
    finite = [(number, value) for number, value in points if value is not None and abs(value) <= _LARGEST]
    stride = -(-len(finite) // MOST_POINTS)
    return finite if stride <= 1 else [*finite[:-1:stride], finite[-1]]


def _label(kind: str) -> str:
    return "training, as reported by hosts" if kind == "training" else "validation"


def _sentence(name: str, kinds: dict[str, Series]) -> str:
    said = [
        f"{kind} from {first:.4g} in round {start} to {last:.4g} in round {end}"
        for kind, series in kinds.items()
        if series
        for (start, first), (end, last) in [(series[0], series[-1])]
    ]
    return f"{name}: " + "; ".join(said)
