"""The chain rule on symbols: the gradient of a program, as more of the program.

The rules are those of rules.py, the order is that of chain.py, and so are the bits: newest node first, sums in order
of arrival. Two things are different. A `select` is no node of its own: it stands for one side or the other, as it
does in a rule that runs on Values, and what is sent to it goes to both sides at that moment, each on its condition.
And as a contribution may be sent on a condition, a sum knows the condition on which it exists at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any, NamedTuple

from .. import modes
from ..errors import AutogradError, RecordError
from .lowering import is_read, lowered
from .symbols import SILENT, Condition, Maybe, Symbol, choice, conjunction, disjunction, opposite, select


class Sum(NamedTuple):
    """What reached a symbol.

    Attributes:
        exists: the condition on which anything did.
        total: the sum, where it exists.
    """

    exists: Condition
    total: Symbol

    def or_zero(self) -> Symbol:
        """The sum, 0 where nothing arrived."""
        total: Symbol = choice(self.exists, lambda: self.total, lambda: 0.0)
        return total


def behind(roots: Iterable[Any]) -> list[Symbol]:
    """The symbols that the roots are made from, and the roots, oldest first; without recursion.

    >>> x = Symbol()
    >>> y = x * x + 1.0
    >>> [s.op for s in behind([y])]
    [None, <op mul>, <op add>]
    """
    stack = [root for root in roots if type(root) is Symbol]
    seen = {symbol.index: symbol for symbol in stack}
    while stack:
        for x in stack.pop().inputs:
            if type(x) is Symbol and x.index not in seen:
                seen[x.index] = x
                stack.append(x)
    return [seen[index] for index in sorted(seen)]


def leading(roots: Sequence[Any], xs: Iterable[Symbol]) -> set[int]:
    """The indices of xs, and of the symbols behind the roots that something can be sent through to one of them."""
    found = {x.index for x in xs}
    for symbol in behind(roots):
        if symbol.op not in SILENT:
            sent = symbol.inputs[1:] if symbol.op is select else symbol.inputs
            if any(type(x) is Symbol and x.index in found for x in sent):
                found.add(symbol.index)
    return found


def gradients(seeds: Sequence[tuple[Any, Any]], xs: Sequence[Symbol]) -> list[Sum | None]:
    """What reaches each of xs from the seeds; None where nothing ever does.

    Args:
        seeds: symbols, each with the gradient to start from: a symbol or a float.
        xs: leaves or other symbols.

    Raises:
        RecordError: where a rule of the user's own can't run on symbols.

    >>> x = Symbol()
    >>> (slope,) = gradients([(x * x, 1.0)], [x])
    >>> slope.exists, slope.total.op
    (True, <op add>)
    """
    live = leading([root for root, _ in seeds], xs)
    sums: dict[int, Sum] = {}
    waiting: list[tuple[int, Symbol]] = []
    wanted = {x.index for x in xs}
    if any(x.op is select for x in xs):
        raise RecordError("a derivative is asked for by a result that is one of two by a condition; name its inputs")
    complete: dict[int, Sum] = {}

    def send(to: Any, contribution: Symbol, on: Condition) -> None:
        aims = [(to, on)]
        while aims:
            x, exists = aims.pop()
            if exists is False or type(x) is not Symbol or x.index not in live:
                continue
            if x.op is select:
                test, p, q = x.inputs
                if type(test) is Symbol:
                    aims += [(q, conjunction(exists, opposite(test))), (p, conjunction(exists, test))]
                else:
                    aims.append((p if test else q, exists))
                continue
            before = sums.get(x.index)
            if before is None:
                if x.op is not None:
                    heappush(waiting, (-x.index, x))
                sums[x.index] = Sum(exists, contribution)
            else:
                sums[x.index] = _added(before, Sum(exists, contribution))

    with modes.mode(modes.IEEE, off=modes.NO_GRAD | modes.TRACE | modes.ANOMALY | modes.RECORD):
        for root, gradient in seeds:
            send(root, gradient if type(gradient) is Symbol else Symbol(value=float(gradient)), True)
        while waiting:
            symbol = heappop(waiting)[1]
            exists, total = found = sums.pop(symbol.index)
            if symbol.index in wanted:
                complete[symbol.index] = found
            for x, c in zip(symbol.inputs, _contributions(symbol, total, live), strict=True):
                condition = exists
                if type(c) is Maybe:
                    condition, c = conjunction(exists, c.condition), c.contribution
                if c is not None and type(x) is Symbol:
                    send(x, c if type(c) is Symbol else Symbol(value=float(c)), condition)
        complete.update(sums)
        return [complete.get(x.index) for x in xs]


def _added(before: Sum, new: Sum) -> Sum:
    s, t = before.exists, new.exists
    total = before.total + new.total  # type: ignore[operator] # given below the class, as all operators are
    either = choice(s, lambda: total, lambda: new.total)
    return Sum(disjunction(s, t), choice(t, lambda: either, lambda: before.total))


def _contributions(symbol: Symbol, g: Symbol, live: set[int]) -> Sequence[Any]:
    op, inputs = symbol.op, symbol.inputs
    assert op is not None
    if is_read(op):
        wanted = None
        if len(inputs) < 3 and op.arity is not None:
            wanted = tuple(i for i, x in enumerate(inputs) if type(x) is Symbol and x.index in live)
        return lowered(op, wanted)(g, symbol, *inputs)
    if op.rule is None:
        raise RecordError(f"op {op.name!r} has no derivative: register one with @autograd.rule")
    try:
        sent = op.rule(g, symbol, *inputs)
    except (AutogradError, TypeError, ValueError, AttributeError) as cause:
        raise RecordError(
            f"the rule of {op.name!r} is no formula: {cause}. In a program's gradient it runs before any number is "
            "known: write it with autograd's functions alone"
        ) from cause
    if not isinstance(sent, (tuple, list)) or len(sent) != len(inputs):
        raise RecordError(f"the rule of {op.name!r} must return a tuple of {len(inputs)} contributions, not {sent!r}")
    return sent
