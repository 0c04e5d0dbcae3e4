"""Several numbers that were computed together, as nodes that share one rule.

A node has one number. What a solver returns, or a function with a derivative of your own, may be many: each becomes a
node of its own, and they know each other by place only, since nodes that held each other would never be freed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .engine import Value
from .ops import Op
from .rules import rule

Pull = Callable[[list[Any], list[Any], Sequence[Any]], Sequence[Any]]


def joint(name: str, inputs: Sequence[Any], data: Sequence[float], pull: Pull) -> list[Any]:
    """A node for each number of `data`, computed from `inputs`.

    Args:
        name: what the op is called.
        inputs: Values and floats.
        data: what was computed from them.
        pull: the rule of all: called with an upstream gradient for each number, the numbers and the inputs, floats all
            of them or some Values, it returns one contribution an input, None where nothing is sent.

    >>> from autograd import Value, gradients
    >>> a = Value(3.0)
    >>> twice, square = joint("both", [a], [6.0, 9.0], lambda g, y, x: [2.0 * g[0] + 2.0 * x[0] * g[1]])
    >>> [gradients(y, a)[0].data for y in (twice, square)]
    [2.0, 6.0]
    """
    numbers = list(data)
    op = Op(name, None, lambda place, *inputs: numbers[int(place)])

    @rule(op)
    def joint_rule(g: Any, y: Any, place: Any, *inputs: Any) -> Sequence[Any]:
        """Ask the rule of all for what this one sends."""
        here = int(place.data if type(place) is Value else place)
        upstream = [g if k == here else 0.0 for k in range(len(numbers))]
        if type(y) is not Value:
            ys: list[Any] = numbers
        elif y._operation is None:  # floats have failed, and this is the same in IEEE arithmetic
            ys = [Value(x) for x in numbers]
        else:
            ys = [y if k == here else y._operation(float(k), *inputs) for k in range(len(numbers))]
        return [None, *pull(upstream, ys, inputs)]

    return [op(float(k), *inputs) for k in range(len(numbers))]
