"""The outcomes as a table in Markdown and as a plot in SVG: drawn from the recorded outcomes alone."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from tests.experiments.outcome import Outcome

INTRODUCTION = """# Strangers' gradients: what liars do, and what becomes of them

Written by `make experiment`. 20 hosts train a small convolutional network with BatchNormalization on 8,000 MNIST digits
(2,000 others measure it), behind the real server code with the grid's default settings; only time, the network and the
lies are played (`simulation.py`, `lies.py`). Honest hosts differ by noise as measured between real machines. “Believed”
is a grid that believes every host and takes the plain mean; “checked” is quorum 2, trust after 10 results, checks,
audits by the server, and averaging left to the grid. “Redundant” is the share of the mini-batches computed that
somebody else computed too, the server's own recomputations included; “once trusted”: of rounds since every honest host
was trusted.

![final accuracy by kind of lie](strangers.svg)
"""
_HEAD = (
    "| liars | grid | final accuracy | against no liars | liars found | after results, each | honest hosts put out |"
    " lies in the weights | redundant | once trusted | went back |\n|---|---|---|---|---|---|---|---|---|---|---|"
)
_BARS = (("checked, 2 of 20", "#7fb3d5", 2, True), ("checked, 7 of 20", "#1f618d", 7, True),
         ("believed, 7 of 20", "#c0392b", 7, False))  # fmt: skip
_WIDTH, _HEIGHT, _LEFT, _TOP, _GROUP = 980, 420, 60, 50, 110


def in_order(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda one: (one.liars, not one.checked, one.kind))


def write_table(outcomes: Sequence[Outcome], path: Path) -> None:
    honest = {one.checked: one.accuracy for one in outcomes if not one.liars}
    lines = [_row(one, honest.get(True)) for one in in_order(outcomes)]
    path.write_text("\n".join([INTRODUCTION, _HEAD, *lines]) + "\n", "utf-8")


def _row(one: Outcome, honest: float | None) -> str:
    who = f"{one.liars} of 20: {one.kind}" if one.liars else "none"
    against = "" if honest is None else f"{100 * (one.accuracy - honest):+.1f} points"
    after = ", ".join(map(str, one.found_after)) or "-"
    trusted = "-" if one.redundant_trusted is None else f"{one.redundant_trusted:.1%}"
    ended = "" if one.state == "finished" else f" ({one.state.replace('_', ' ')} after {one.rounds} rounds)"
    cells = (
        who, "checked" if one.checked else "believed", f"{one.accuracy:.1%}{ended}", against,
        f"{one.found} of {one.liars}" if one.liars else "-", after, str(one.honest_quarantined),
        f"{one.lies_used:,} of {one.used:,}", f"{one.redundant:.1%}", trusted, str(one.went_back),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def write_plot(outcomes: Sequence[Outcome], path: Path) -> None:
    """Bars: final accuracy for each kind of lie; the line across is what honest hosts reach."""
    kinds = list(dict.fromkeys(one.kind for one in in_order(outcomes) if one.kind))
    found = {(one.kind, one.liars, one.checked): one.accuracy for one in outcomes}
    bottom, scale = _HEIGHT - 70, _HEIGHT - 70 - _TOP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="15">Final accuracy on MNIST with liars among 20 hosts</text>',
    ]
    for tenth in range(0, 11, 2):
        y = bottom - scale * tenth / 10
        parts += [
            f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10 * tenth} %</text>',
        ]
    for number, kind in enumerate(kinds):
        x = _LEFT + 15 + number * _GROUP
        for bar, (label, colour, liars, checked) in enumerate(_BARS):
            accuracy = found.get((kind, liars, checked))
            if accuracy is not None:
                height = scale * accuracy
                parts.append(
                    f'<rect x="{x + 28 * bar}" y="{bottom - height:.1f}" width="26" height="{height:.1f}" '
                    f'fill="{colour}"><title>{escape(kind)}, {label}: {accuracy:.1%}</title></rect>'
                )
        parts.append(f'<text x="{x + 41}" y="{bottom + 18}" text-anchor="middle">{escape(kind)}</text>')
    honest = found.get(("", 0, True))
    if honest is not None:
        y = bottom - scale * honest
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#222" stroke-dasharray="5 4"/>'
        )
    parts += _legend(honest)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", "utf-8")


def _legend(honest: float | None) -> list[str]:
    parts, x, y = [], _LEFT, _HEIGHT - 18
    for label, colour, _, _ in _BARS:
        parts += [
            f'<rect x="{x}" y="{y - 11}" width="13" height="13" fill="{colour}"/>',
            f'<text x="{x + 19}" y="{y}">{label}</text>',
        ]
        x += 190
    if honest is not None:
        parts += [
            f'<line x1="{x}" x2="{x + 24}" y1="{y - 5}" y2="{y - 5}" stroke="#222" stroke-dasharray="5 4"/>',
            f'<text x="{x + 30}" y="{y}">nobody lies: {honest:.1%}</text>',
        ]
    return parts
