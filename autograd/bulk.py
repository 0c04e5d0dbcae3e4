"""Many nodes in one call: what training would otherwise spend its time on in Python loops.

Each of these functions has a compiled twin that makes the same nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .chain import hooks_applied
from .engine import Value, twin
from .functions import dot


@twin
def linear(rows: list[list[Value]], x: Sequence[Any], biases: list[Value] | None) -> list[Value]:
    """A layer of torch's: each row of weights times x, plus its bias where there is one.

    >>> linear([[Value(2.0), Value(3.0)]], [1.0, 10.0], [Value(0.5)])
    [Value(data=32.5, op='add')]
    """
    products = [dot(row, x) for row in rows]
    return products if biases is None else [p + b for p, b in zip(products, biases, strict=True)]


@twin
def neurons(biases: list[Value], rows: list[list[Value]], x: Sequence[Any], nonlin: bool) -> list[Value]:
    """A layer of micrograd's: each bias plus its row of weights times x, and the relu of that where nonlin is true.

    One node, and bit-equal to micrograd's ``sum((wi * xi for …), b)``.

    >>> neurons([Value(0.5)], [[Value(2.0), Value(3.0)]], [1.0, 10.0], True)
    [Value(data=32.5, op='relu')]
    """
    sums = [dot([b, *row], [1.0, *x]) for b, row in zip(biases, rows, strict=True)]
    return [total.relu() for total in sums] if nonlin else sums


@twin
def zero_grad(params: Sequence[Value]) -> None:
    """Clear the gradients of parameters.

    >>> p = Value(3.0)
    >>> (p * p).backward(); zero_grad([p]); p.grad
    0.0
    """
    for p in params:
        p.grad = None


@twin
def add_gradients(values: Sequence[Value], gradients: Sequence[float], reached: Sequence[bool] | None) -> None:
    """Send each leaf its gradient, as the end of a backward pass does: after its hooks, added to what it has.

    Args:
        values: leaves.
        gradients: a number for each.
        reached: which of them anything is sent to; None for all.

    >>> p = Value(3.0)
    >>> add_gradients([p, p], [1.0, 0.5], None); p.grad
    1.5
    """
    for i, (v, g) in enumerate(zip(values, gradients, strict=True)):
        if reached is None or reached[i]:
            g = hooks_applied(v, g)
            v._grad = g if v._grad is None else v._grad + g
