"""The chain rule on a listing: the gradient of a program, as more of the program.

The rules are those of rules.py, the order is that of chain.py, and so are the bits: newest row first, sums in order of
arrival. Two things are different. A `select` is no node of its own: it stands for one side or the other, as it does
in a rule that runs on Values, and what is sent to it goes to both sides at that moment, each on its condition. And as
a contribution may be sent on a condition, a sum knows the condition on which it exists at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from .. import ops
from ..errors import RecordError
from .code import careful
from .listing import Input, Listing, Slot
from .symbols import SILENT, both, either, opposite, select
from .templates import Template, has_choices, template

ALWAYS: Final = -1  # the condition of what is sent whatever the numbers are
_MOST_TEMPLATES: Final = 64  # of an op, by the numbers among its inputs


class Sum(NamedTuple):
    """What reached a slot.

    Attributes:
        exists: the slot of the condition on which anything did; `ALWAYS` where something always does.
        total: the sum, where it exists.
    """

    exists: Slot
    total: Input


def leading(listing: Listing, xs: Iterable[Slot]) -> bytearray:
    """Which slots are xs, or something can be sent through to one of them.

    >>> listing = Listing(2)
    >>> listing.add(ops.mul, (0, 3.0)), listing.add(ops.exp, (1,))
    (2, 3)
    >>> list(leading(listing, [0]))
    [1, 0, 1, 0]
    """
    if type(listing) is not Listing:
        return listing.leading(list(xs))  # type: ignore[attr-defined,no-any-return]
    found = bytearray(len(listing))
    for leaf in xs:
        found[leaf] = 1
    for k, (op, inputs) in enumerate(zip(listing.ops, listing.inputs, strict=True)):
        if op is not None and op not in SILENT:
            for x in inputs[1:] if op is select else inputs:
                if type(x) is int and found[x]:
                    found[k] = 1
                    break
    return found


def gradients(listing: Listing, seeds: Sequence[tuple[Input, Input]], xs: Sequence[Slot]) -> list[Sum | None]:
    """What reaches each of xs from the seeds, as rows that are added; None where nothing ever does.

    Args:
        listing: the rows.
        seeds: slots, each with the gradient to start from.
        xs: slots of leaves, or others.

    Raises:
        RecordError: where a rule of the user's own can't run on symbols.

    >>> listing = Listing(1)
    >>> square = listing.add(ops.mul, (0, 0))
    >>> gradients(listing, [(square, 1.0)], [0])
    [Sum(exists=-1, total=4)]
    >>> listing.ops[2:], listing.inputs[2:]
    ([<op mul>, <op mul>, <op add>], [(1.0, 0), (1.0, 0), (2, 3)])
    """
    if any(listing.row(x)[0] is select for x in xs):
        raise RecordError("a derivative is asked for by a result that is one of two by a condition; name its inputs")
    if type(listing) is not Listing:
        return [None if pair is None else Sum(*pair) for pair in listing.gradients(seeds, xs)]  # type: ignore[attr-defined]
    return _Pass(listing, xs).run(seeds, xs)


class _Pass:
    def __init__(self, listing: Listing, xs: Sequence[Slot]) -> None:
        self.listing = listing
        self.live = leading(listing, xs)
        self.sums: list[Sum | None] = [None] * len(listing)
        self._templates: dict[Any, Template] = {}
        self._by_numbers: dict[Any, int] = {}  # of an op: how many templates go by its inputs' numbers

    def run(self, seeds: Sequence[tuple[Input, Input]], xs: Sequence[Slot]) -> list[Sum | None]:
        sums, ops_, inputs = self.sums, self.listing.ops, self.listing.inputs
        for root, gradient in seeds:
            self.send(root, gradient, ALWAYS)
        for k in range(len(sums) - 1, -1, -1):
            found = sums[k]
            if found is None or ops_[k] is None:
                continue
            given = inputs[k]
            made = self.template(ops_[k], given)
            numbers = [found.total, k, *given]
            for op, arguments in made.rows:
                numbers.append(self.emit(op, tuple([numbers[x] if type(x) is int else x for x in arguments])))
            for to, pair in zip(given, made.sent, strict=True):
                if pair is not None:
                    test, contribution = pair
                    exists: Any = found.exists
                    if test is not None:
                        exists = self.conjunction(exists, numbers[test] if type(test) is int else test)
                    self.send(to, numbers[contribution] if type(contribution) is int else contribution, exists)
        return [sums[x] for x in xs]

    def template(self, op: Any, given: tuple[Input, ...]) -> Template:
        wanted = tuple([type(x) is int and self.live[x] == 1 for x in given])
        numbers: tuple[Any, ...] = (None,) * len(given)
        if has_choices(op) and float in map(type, given):
            numbers = tuple([x if type(x) is float else None for x in given])
            if (op, wanted, _bits(numbers)) not in self._templates:
                self._by_numbers[op] = count = self._by_numbers.get(op, 0) + 1
                if count > _MOST_TEMPLATES and op.name in vars(ops):
                    numbers = (None,) * len(given)
        key = op, wanted, _bits(numbers)
        made = self._templates.get(key)
        if made is None:
            made = self._templates[key] = template(op, numbers, wanted)
        return made

    def emit(self, op: Any, given: tuple[Input, ...]) -> Input:
        """A row's slot; of numbers alone, and of a choice that is known, what it comes to."""
        if int not in map(type, given):
            return careful(op, given)
        if op is select and type(given[0]) is float:
            return given[1] if given[0] != 0.0 else given[2]
        return self.listing.add(op, given)

    def send(self, to: Input, contribution: Input, on: Slot | None) -> None:
        """Add a contribution; `on` None where it never is sent."""
        aims = [(to, on)]
        while aims:
            x, exists = aims.pop()
            if exists is None or type(x) is not int or not self.live[x]:
                continue
            if self.listing.ops[x] is select:
                test, p, q = self.listing.inputs[x]
                aims += [
                    (q, self.conjunction(exists, self.emit(opposite, (test,)))),
                    (p, self.conjunction(exists, test)),
                ]
                continue
            before = self.sums[x]
            new = Sum(exists, contribution)
            self.sums[x] = new if before is None else self.added(before, new)

    def added(self, before: Sum, new: Sum) -> Sum:
        s, t = before.exists, new.exists
        total = self.emit(ops.add, (before.total, new.total))
        if s != ALWAYS:
            total = self.emit(select, (s, total, new.total))
        if t != ALWAYS:
            total = self.emit(select, (t, total, before.total))
        if s == ALWAYS or t == ALWAYS:
            return Sum(ALWAYS, total)
        return Sum(self.listing.add(either, (s, t)), total)

    def conjunction(self, p: Slot | None, q: Any) -> Slot | None:
        """The condition that both hold; q is a slot, or 0.0 or 1.0. None where that can't be."""
        if type(q) is float:
            return p if q != 0.0 else None
        if p is None or p == ALWAYS:
            return q if p == ALWAYS else None
        return self.listing.add(both, (p, q))


def _bits(numbers: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([x if x is None else x.hex() for x in numbers])


def or_zero(listing: Listing, found: Sum | None) -> Input:
    """A sum, 0 where nothing arrived.

    >>> or_zero(Listing(1), None), or_zero(Listing(1), Sum(ALWAYS, 0))
    (0.0, 0)
    """
    if found is None:
        return 0.0
    return found.total if found.exists == ALWAYS else listing.add(select, (found.exists, found.total, 0.0))
