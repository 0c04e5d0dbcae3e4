"""A listing: ops one after the other, each of which fills the next slot from slots before it, or from numbers.

It is what a recording writes, what the chain rule reads and adds to, and what code is made from. A slot is the place of
a row in it. Leaves, which are given when it runs, are rows without an op.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from ..engine import Value
from ..ops import Op
from ..source import placed
from .symbols import TOTAL

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
        leaves: while it is written: the slots of inputs, then of captured Values.
        captured: those.

    >>> from autograd import ops
    >>> listing = Listing(1)
    >>> listing.add(ops.mul, (0, 2.0))
    1
    >>> rows_of(listing, 1)
    [Row(op=<op mul>, inputs=(0, 2.0), place='', raises=False)]
    """

    __slots__ = ("_born", "_numbers", "_slots", "_strange", "captured", "inputs", "leaves", "ops", "places", "raises")

    def __init__(self, leaves: int = 0) -> None:
        self.ops: list[Op | None] = [None] * leaves
        self.inputs: list[tuple[Input, ...]] = [()] * leaves
        self.places: list[Any] = [None] * leaves
        self.raises = bytearray(leaves)
        self.leaves: list[Slot] = []
        self.captured: list[Value] = []
        self._slots: dict[Value, Slot] = {}
        self._numbers: dict[Slot, float] = {}
        self._strange: Callable[[Value], object] | None = None

    def __len__(self) -> int:
        return len(self.ops)

    def add(self, op: Op | None, inputs: tuple[Input, ...] = (), place: Any = None, raises: bool = False) -> Slot:
        """Add a row; its slot."""
        self.ops.append(op)
        self.inputs.append(inputs)
        self.places.append(place)
        self.raises.append(raises)
        return len(self.ops) - 1

    def row(self, slot: Slot) -> tuple[Any, ...]:
        """A row's op, inputs, place, and whether it raises."""
        return self.ops[slot], self.inputs[slot], self.places[slot], bool(self.raises[slot])

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
        for given in self.inputs[leaves:]:
            twin.inputs.append(tuple([x + 1 if type(x) is int and x >= leaves else x for x in given]))
        twin.places += self.places[leaves:]
        twin.raises += self.raises[leaves:]
        return twin

    def is_same(self, other: Listing) -> bool:
        """Whether another listing has the same rows, wherever they were made."""
        return (self.ops, self.inputs, self.raises) == (other.ops, other.inputs, other.raises)

    # ── While it is written ─────────────────────────────────────────────────────────────────────────────────

    def begin(self, inputs: Sequence[Value], strange: Callable[[Value], object]) -> None:
        """Add leaves for Values that stand for inputs; what is younger than now is the function's own.

        Args:
            inputs: of the function.
            strange: called with a Value that an op made which is not in the listing.
        """
        self._strange = strange
        for value in inputs:
            self.leaves.append(self.add(None))
            self.set_number(self.leaves[-1], value._data)
            self._slots.setdefault(value, self.leaves[-1])
        self._born = Value(0.0)._seq

    def attach(self, on: bool) -> None:
        """Nothing: in C, whether this thread's ops are added without a word to the recorder."""

    def end(self) -> None:
        """Forget the Values."""
        self._slots.clear()
        self._numbers.clear()
        self._strange = None

    def slot(self, value: Value) -> Slot:
        """Where a Value is: a leaf that is older than the call is captured, a younger one is a number."""
        slot = self._slots.get(value)
        if slot is None:
            if value._seq < self._born:
                slot = self.add(None)
                self.leaves.append(slot)
                self.captured.append(value)
            else:
                slot = self.add(None, (value._data,))
                if value._operation is not None and self._strange is not None:
                    self._strange(value)
            self.set_number(slot, value._data)
            self.note(value, slot)
        return slot

    def note(self, value: Value, slot: Slot) -> None:
        """From here on, the Value is in this slot."""
        self._slots[value] = slot

    def number(self, slot: Slot) -> float:
        """What a slot holds in this run."""
        return self._numbers[slot]

    def set_number(self, slot: Slot, number: float) -> None:
        """Note that."""
        self._numbers[slot] = number

    def raising(self) -> list[Slot]:
        """The rows of the function's own whose ops may raise: they are needed even where their results are not."""
        return [k for k, op in enumerate(self.ops) if self.raises[k] and op not in TOTAL]


def rows_of(listing: Listing, leaves: int) -> list[Row]:
    """The rows after so many leaves, as texts have them."""
    found = [listing.row(k) for k in range(leaves, len(listing))]
    return [Row(op, inputs, text_of(place), raises) for op, inputs, place, raises in found]


def extended(listing: Listing, rows: Iterable[Row]) -> Listing:
    """The listing, with rows added.

    >>> from autograd import ops
    >>> len(extended(Listing(1), [Row(ops.neg, (0,), "", True)]))
    2
    """
    for row in rows:
        listing.add(*row)
    return listing
