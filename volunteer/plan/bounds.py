"""How large a model may be, and the running count that refuses one as soon as it is larger."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from volunteer.plan.refused import Refused
from volunteer.plan.shapes import Cost, Shape, cells

BYTES = 4


class Bounds(msgspec.Struct, frozen=True):
    """Limits on what a model may hold and need; all per model, memory and operations per example."""

    parameters: int = 50_000_000
    activation_bytes: int = 256 * 2**20
    operations: int = 100_000_000_000
    dimension: int = 2**24
    rank: int = 8
    layers: int = 1000
    nesting: int = 8
    json_depth: int = 100
    json_values: int = 300_000
    calls: int = 10_000
    text: int = 1024


DEFAULT = Bounds()


@dataclass
class Meter:
    """Adds up the cost of a model layer by layer; raises Refused at the first layer that passes a bound.

    `calls` is shared with the meters of inner walks: models that call models could make the walk itself long.
    """

    bounds: Bounds
    parameters: int = 0
    activation_bytes: int = 0
    operations: int = 0
    layers: int = 0
    calls: list[int] = field(default_factory=lambda: [0])

    def add_outputs(self, where: str, outputs: tuple[Shape, ...], held: int, operations: int) -> None:
        """Count one call: float32 `outputs`, `held` numbers kept beside them, `operations` multiply-adds."""
        self.calls[0] += 1
        if self.calls[0] > self.bounds.calls:
            raise Refused(
                f"{where} is one call too many; the limit is {self.bounds.calls:,} calls of layers."
            )
        for shape in outputs:
            if len(shape) + 1 > self.bounds.rank:
                raise Refused(
                    f"{where} gives an output of {len(shape) + 1} dimensions; {self.bounds.rank} at most."
                )
            for dimension in shape:
                if dimension is not None and dimension > self.bounds.dimension:
                    raise Refused(
                        f"{where} gives an output with a dimension of {dimension:,}; "
                        f"the limit is {self.bounds.dimension:,}."
                    )
        self.activation_bytes += BYTES * (sum(cells(shape) for shape in outputs) + held)
        self.operations += operations
        if self.activation_bytes > self.bounds.activation_bytes:
            raise Refused(
                f"{where} brings the model's memory for one example to {_size(self.activation_bytes)}; "
                f"the limit is {_size(self.bounds.activation_bytes)}."
            )
        if self.operations > self.bounds.operations:
            raise Refused(
                f"{where} brings the model to {self.operations:,} multiply-adds for one example; "
                f"the limit is {self.bounds.operations:,}."
            )

    def add_parameters(self, where: str, parameters: int) -> None:
        """Count a layer's weights, once per layer however often it is called."""
        self.parameters += parameters
        if self.parameters > self.bounds.parameters:
            raise Refused(
                f"{where} brings the model to {self.parameters:,} parameters; "
                f"the limit is {self.bounds.parameters:,}."
            )

    def add_layer(self, where: str) -> None:
        """Count one layer of the architecture, inner layers of models and wrappers too."""
        self.layers += 1
        if self.layers > self.bounds.layers:
            raise Refused(f"{where} is one layer too many; the limit is {self.bounds.layers:,} layers.")

    def cost(self) -> Cost:
        """The total so far."""
        return Cost(self.parameters, self.activation_bytes, self.operations)


def _size(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"
