"""A listing: ops one after the other, each of which fills the next slot from slots before it, or from numbers.

It is what a recording writes, what the chain rule reads and adds to, and what code is made from. A slot is the place of
a row in it. Leaves, which are given when it runs, are rows without an op.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from ..ops import Op
from ..source import placed

Slot: TypeAlias = int
Input: TypeAlias = "Slot | float"  # an int is the slot of a number, a float is a number


class Row(NamedTuple):
    """One op of a program.

    Attributes:
        op: the op.
        inputs: what it is given: an int is the slot of a number, a float is a constant.
        place: the line that made it, as in "model.py:12"; "" in what a rule made.
        raises: whether it is the function's own, and so raises where Python would.
    """

    op: Op
    inputs: tuple[Any, ...]
    place: str
    raises: bool


@lru_cache(maxsize=4096)
def text_of(place: Any) -> str:
    """A place as `modes.here` has it, as a text: "model.py:12"; "" for None."""
    return place if type(place) is str else "" if place is None else str(placed(*place))


class Listing:
    """Rows in columns.

    Attributes:
        ops: of each row its op; None where it is a leaf, or a number that has a slot.
        inputs: what the op is given; nothing for a leaf, the number for a number.
        places: where the program made it, as `modes.here` has it or as a text; None in what a rule made.
        raises: whether the recorded function made it, and not a rule: only forward raises.

    >>> from autograd import ops
    >>> listing = Listing(1)
    >>> listing.add(ops.mul, (0, 2.0))
    1
    >>> listing.rows(1)
    [Row(op=<op mul>, inputs=(0, 2.0), place='', raises=False)]
    """

    __slots__ = ("inputs", "ops", "places", "raises")

    def __init__(self, leaves: int = 0) -> None:
        self.ops: list[Op | None] = [None] * leaves
        self.inputs: list[tuple[Input, ...]] = [()] * leaves
        self.places: list[Any] = [None] * leaves
        self.raises = bytearray(leaves)

    def __len__(self) -> int:
        return len(self.ops)

    def add(self, op: Op | None, inputs: tuple[Input, ...] = (), place: Any = None, raises: bool = False) -> Slot:
        """Add a row; its slot."""
        self.ops.append(op)
        self.inputs.append(inputs)
        self.places.append(place)
        self.raises.append(raises)
        return len(self.ops) - 1

    def extend(self, rows: Iterable[Row]) -> Listing:
        """Add rows, and return the listing itself."""
        for row in rows:
            self.add(*row)
        return self

    def rows(self, leaves: int) -> list[Row]:
        """The rows after so many leaves."""
        columns = zip(self.ops, self.inputs, map(text_of, self.places), map(bool, self.raises), strict=True)
        return [Row(*row) for row in columns][leaves:]  # type: ignore[arg-type]

    def only(self, leaves: Sequence[Slot], roots: Iterable[Input]) -> tuple[Listing, list[Input]]:
        """A listing of what the roots are made from, the leaves first; and where in it the roots are.

        >>> from autograd import ops
        >>> listing = Listing(2)
        >>> _, kept = listing.add(ops.neg, (0,)), listing.add(ops.neg, (1,))
        >>> short, (root,) = listing.only([1], [kept])
        >>> root, short.inputs
        (1, [(), (0,)])
        """
        roots = list(roots)
        moved: list[Any] = [None] * len(self)
        for root in roots:
            if type(root) is int:
                moved[root] = True
        for k in range(len(self) - 1, -1, -1):
            if moved[k] and self.ops[k] is not None:
                for x in self.inputs[k]:
                    if type(x) is int:
                        moved[x] = True
        short = Listing(len(leaves))
        for i, leaf in enumerate(leaves):
            moved[leaf] = i
        for k, op in enumerate(self.ops):
            if moved[k] is True:
                inputs = self.inputs[k]
                if op is None:
                    (moved[k],) = inputs
                else:
                    given = tuple([moved[x] if type(x) is int else x for x in inputs])
                    moved[k] = short.add(op, given, self.places[k], bool(self.raises[k]))
        return short, [moved[x] if type(x) is int else float(x) for x in roots]

    def copy(self) -> Listing:
        """Another listing of the same rows."""
        twin = Listing()
        twin.ops, twin.inputs, twin.places = self.ops.copy(), self.inputs.copy(), self.places.copy()
        twin.raises = self.raises.copy()
        return twin

    def with_leaf(self, leaves: int) -> Listing:
        """A copy with one leaf more, after so many leaves."""
        twin = Listing(leaves + 1)
        twin.ops += self.ops[leaves:]
        twin.inputs += [tuple([x + (type(x) is int and x >= leaves) for x in given]) for given in self.inputs[leaves:]]
        twin.places += self.places[leaves:]
        twin.raises += self.raises[leaves:]
        return twin

    def is_same(self, other: Listing) -> bool:
        """Whether another listing has the same rows, wherever they were made."""
        return (self.ops, self.inputs, self.raises) == (other.ops, other.inputs, other.raises)
