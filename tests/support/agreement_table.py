"""Honest results of other machines, and lies, measured in the distance by which the quorum judges."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from server.rules.quorum import LEAST, SHARE, Agreement, Comparison, Layout, Vectors, compare, layout_of
from tests.support.other_machines import HONEST, read_results
from volunteer.plan.project_plan import ProjectPlan
from volunteer.protocol.tensors import load

VANISHING = "vanishing"
"""The stage at which no lie can move a weight; only rounding is left."""


@dataclass
class Span:
    """Of one thing done, over units: how many, with the same bits, the smallest and the largest distance and where."""

    count: int = 0
    exact: int = 0
    least: float = math.inf
    most: float = 0.0
    where: str = ""
    verdicts: dict[Agreement, int] = field(default_factory=dict)

    def add(self, found: Comparison) -> None:
        self.count += 1
        self.exact += found.distance == 0
        self.least = min(self.least, found.distance)
        self.verdicts[found.agreement] = self.verdicts.get(found.agreement, 0) + 1
        if found.distance >= self.most:
            self.most, self.where = found.distance, found.where

    def merge(self, other: "Span") -> None:
        self.count += other.count
        self.exact += other.exact
        self.least = min(self.least, other.least)
        for kind, count in other.verdicts.items():
            self.verdicts[kind] = self.verdicts.get(kind, 0) + count
        if other.most >= self.most:
            self.most, self.where = other.most, other.where


@dataclass
class CaseFiles:
    """What comparing needs of a case, read without TensorFlow."""

    layout: Layout
    state: np.ndarray

    @staticmethod
    def read(folder: Path, case: int) -> "CaseFiles":
        plan = ProjectPlan.decode((folder / str(case) / "plan").read_bytes())
        tensors, _ = load((folder / str(case) / "weights").read_bytes())
        return CaseFiles(layout_of(plan), tensors["moving"])

    def compare(self, one: Vectors, other: Vectors) -> Comparison:
        return compare(one, other, self.layout, self.state)


def honest_span(files: CaseFiles, reference: Path, machine: Path, case: int) -> Span:
    """Every unit as the reference computed it against the same of another machine."""
    span = Span()
    for mine, theirs in zip(read_results(reference, case), read_results(machine, case), strict=True):
        span.add(files.compare(mine[HONEST], theirs[HONEST]))
    return span


def lying_spans(files: CaseFiles, reference: Path, case: int, machine: Path | None = None) -> dict[str, Span]:
    """By the lie's name; `machine`: whose honest results they are held against, the liar's own where there is none."""
    spans: dict[str, Span] = {}
    honest = read_results(machine or reference, case)
    for said, truth in zip(read_results(reference, case), honest, strict=True):
        lies = {kind: vectors for kind, vectors in said.items() if kind != HONEST}
        lies |= dict(_lies_without_work(said[HONEST], files.layout))
        for kind, lie in lies.items():
            spans.setdefault(kind, Span()).add(files.compare(lie, truth[HONEST]))
    return spans


def _lies_without_work(honest: Vectors, layout: Layout) -> Iterator[tuple[str, Vectors]]:
    gradient = honest.gradient
    noise = np.random.default_rng(1).standard_normal(len(gradient)).astype(np.float32)
    noise *= np.float32(np.linalg.norm(gradient) / np.linalg.norm(noise))
    yield "scaled by 1.01", honest._replace(gradient=np.float32(1.01) * gradient)
    yield "zeros", honest._replace(gradient=np.zeros_like(gradient))
    yield "sign flipped", honest._replace(gradient=-gradient)
    yield "noise of its norm", honest._replace(gradient=noise)
    if len(honest.moving):
        yield "no moving statistics", honest._replace(moving=np.zeros_like(honest.moving))
    yield "loss made 5 % smaller", honest._replace(sums=honest.sums * np.array([0.95] + [1.0] * (len(honest.sums) - 1)))
    for _name, part in _tensors_that_matter(gradient, layout):
        for kind, factor in (("flipped", -1.0), ("left out", 0.0), ("scaled by 1.1", 1.1)):
            lie = gradient.copy()
            lie[part] *= np.float32(factor)
            yield f"one layer {kind}", honest._replace(gradient=lie)


def _tensors_that_matter(gradient: np.ndarray, layout: Layout) -> Iterator[tuple[str, slice]]:
    """Not those whose gradient vanishes: what is said of them changes nothing that the floors do not bound."""
    whole, start = float(np.linalg.norm(gradient)), 0
    for name, size in layout.gradient:
        part = slice(start, start + size)
        start += size
        if np.linalg.norm(gradient[part]) > max(SHARE * math.sqrt(size / len(gradient)), LEAST) * whole:
            yield name, part
