"""One pass of the chain rule: backwards it gives a row of a Jacobian, forwards a column.

Forwards the rules serve as they are. At the upstream gradient 1 a rule returns the local derivatives of its node, and

    change of node = Σ local derivative × change of input

from the oldest node to the newest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from . import chain, modes
from .engine import Value, backend

__all__ = ["backwards", "forwards", "forwards_is_cheaper", "local_derivatives", "push"]

Locals: TypeAlias = "list[tuple[Value, list[tuple[Value, Any]]]]"


def backwards(ys: Sequence[Value], xs: Sequence[Value], graph: bool = False) -> list[Any]:
    """d(Σ ys)/dx for each x, floats, or Values where `graph` is true; None where nothing is sent.

    >>> a, b = Value(2.0), Value(5.0)
    >>> backwards([a * a], [a, b])
    [4.0, None]
    """
    if not graph:
        return chain.gradients([(y, 1.0) for y in ys], xs, False)
    with modes.mode(modes.IEEE, off=modes.NO_GRAD):
        return chain.gradients([(y, Value(1.0)) for y in ys], xs, True)


def forwards(
    ys: Sequence[Value], xs: Sequence[Value], directions: Sequence[Sequence[Any]], graph: bool = False
) -> list[list[Any]]:
    """The change of each y for each of these changes of xs; None where none is sent, or given.

    >>> a, b = Value(2.0), Value(5.0)
    >>> forwards([a * b, a + 1.0], [a, b], [[1.0, None], [0.0, 1.0]])
    [[5.0, 1.0], [2.0, 0.0]]
    """
    found = []
    with modes.mode(modes.IEEE, off=modes.NO_GRAD):
        derivatives = local_derivatives(ys, xs, graph)
        for direction in directions:
            changes = {x: t for x, t in zip(xs, direction, strict=True) if t is not None}
            push(derivatives, changes)
            found.append([changes.get(y) for y in ys])
    return found


# What the local derivatives cost, and then each pass forwards, in passes backwards: 20 000 nodes of tanh, × and +.
_FORWARDS_IN_C = 700.0, 40.0  # the compiled engine goes backwards without Python, and never forwards
_FORWARDS = 1.0, 0.05


def forwards_is_cheaper(xs: Sequence[Value], ys: Sequence[Value], columns: int, rows: float, graph: bool) -> bool:
    """Whether so many passes forwards cost less than so many backwards, each through the whole graph.

    Never where a node between has hooks: they change gradients, and are asked only on the way back. Nor while a program
    is recorded, which knows the way back alone.

    >>> x = Value(2.0)
    >>> forwards_is_cheaper([x], [x * x], columns=1, rows=1, graph=False)
    False
    """
    once, each = _FORWARDS_IN_C if backend().name == "compiled" and not graph else _FORWARDS
    if once + each * columns >= rows or modes.recorder() is not None:
        return False
    return not (len(chain.hooked) and any(v._hooks() for v in [*xs, *chain.topological_order(*ys)]))


def local_derivatives(ys: Sequence[Value], xs: Sequence[Value], graph: bool = False) -> Locals:
    """The interior nodes between xs and ys, oldest first, each with the inputs that lead to xs and the derivatives.

    Args:
        ys: results.
        xs: nodes, none of which was computed from another.
        graph: give the derivatives as Values, so that they can be differentiated; inside `modes.IEEE` then.

    Raises:
        StaleGraphError: where a leaf that a derivative needs was assigned since the forward pass.

    >>> a, b = Value(2.0), Value(5.0)
    >>> [(node.op, [d for _, d in found]) for node, found in local_derivatives([(a * b).exp()], [a])]
    [('mul', [5.0]), ('exp', [22026.465794806718])]
    """
    leading = set(xs)
    found: Locals = []
    for node in reversed(chain.topological_order(*ys)):
        if not any(x in leading for x in node.inputs if type(x) is Value):
            continue
        leading.add(node)
        sent = zip(node.inputs, chain.contributions(node, 1.0, graph), strict=True)
        found.append((node, [(x, d) for x, d in sent if d is not None and type(x) is Value and x in leading]))
    return found


def push(found: Locals, changes: dict[Value, Any]) -> None:
    """Add to `changes`, which has those of some nodes, the change of each node that was computed from them.

    >>> a = Value(3.0)
    >>> y = a * a
    >>> changes = {a: 10.0}
    >>> push(local_derivatives([y], [a]), changes)
    >>> changes[y]
    60.0
    """
    for node, derivatives in found:
        total: Any = None
        for x, d in derivatives:
            if x in changes:
                share = d * changes[x]
                total = share if total is None else total + share
        if total is not None:
            changes[node] = total
