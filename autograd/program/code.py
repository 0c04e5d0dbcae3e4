"""What a program is lowered to before it runs: constants folded, no dead code, equal terms shared; and an interpreter.

Nothing here changes a bit of a result. An op of constants is computed beforehand; ``1.0 * x`` and ``x / 1.0`` are x, to
the last bit; of two equal ops one is computed. Additions are not reordered, nor are products with 0.0
left out: an infinity or a nan would be lost. Data that are constants of the program stay as regular as they are, for
schedule.py to find their matrices again: sums of equal beginnings are not shared, and where the function itself
multiplies by 1.0, no such product is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from .. import ops
from ..ops import ARITHMETIC, Op, number
from .listing import Input, Listing, Slot
from .symbols import BY_NAME, TOTAL, detach, select


class Instruction(NamedTuple):
    """An op of slots alone: its float function, and whether it raises where Python would."""

    function: Callable[..., float]
    inputs: tuple[Slot, ...]
    op: Op
    raises: bool


class Instructions(Sequence[Instruction]):
    """Instructions of a compiled listing, made when they are first looked at: the machine is made without them."""

    def __init__(self, listing: Any, leaves: int) -> None:
        self.listing = listing
        self._leaves = leaves
        self._made: tuple[Instruction, ...] | None = None

    def _all(self) -> tuple[Instruction, ...]:
        if self._made is None:
            self._made = self.listing.instructions(self._leaves)
        return self._made

    def __len__(self) -> int:
        return len(self.listing) - self._leaves

    def __getitem__(self, k: Any) -> Any:
        return self._all()[k]

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


class Code(NamedTuple):
    """What runs.

    Attributes:
        inputs: how many numbers it is given: they are the first slots.
        constants: the next slots.
        instructions: each fills the next slot.
        outputs: the slots of results.
        conditions: slots, and the number that each must hold for the results to be right.
    """

    inputs: int
    constants: tuple[float, ...]
    instructions: Sequence[Instruction]
    outputs: tuple[Slot, ...]
    conditions: tuple[tuple[Slot, float], ...]

    @property
    def bytes(self) -> int:
        """What it takes in memory as numbers and 32-bit slots, the way that a machine would hold it."""
        slots = self.inputs + len(self.constants) + len(self.instructions)
        words = sum(2 + len(instruction.inputs) for instruction in self.instructions)
        return 8 * slots + 4 * (words + len(self.outputs) + 2 * len(self.conditions))


def is_built_in(op: Op) -> bool:
    """Whether an op is one of this library's, and so a function of its inputs alone."""
    return BY_NAME.get(op.name) is op


def lowered(
    listing: Listing, leaves: int, outputs: Iterable[Input], conditions: Iterable[tuple[Input, float]]
) -> Code | None:
    """The code of a listing; None where a condition can't hold, whatever the leaves are.

    Args:
        listing: the rows.
        leaves: how many of its first slots are given.
        outputs: slots, or floats that are results as they are.
        conditions: slots, and the number that each must hold.

    >>> listing = Listing(1)
    >>> same, twice = listing.add(ops.mul, (0, 1.0)), listing.add(ops.add, (1, 1))
    >>> [(i.op.name, i.inputs) for i in lowered(listing, 1, [twice], []).instructions]
    [('add', (0, 0))]
    """
    outputs, conditions = list(outputs), list(conditions)
    if type(listing) is not Listing:
        found = listing.lowered(leaves, outputs, conditions)  # type: ignore[attr-defined]
        if found is None:
            return None
        numbers, made_in_c, results, tests = found
        return Code(leaves, numbers, Instructions(made_in_c, leaves), tuple(results), tuple(tests))
    live = _live(listing, leaves, [*outputs, *(slot for slot, _ in conditions)])
    constants = _Constants()
    known: list[int] = list(range(leaves))  # of each old slot: what computes it, or the key of a constant
    shared: dict[Any, int] = {}
    made: list[tuple[Op, tuple[int, ...], bool]] = []
    times_one = any(
        raises and op in (ops.mul, ops.dot) and any(type(x) is float and x == 1.0 for x in given)
        for op, raises, given in zip(listing.ops, listing.raises, listing.inputs, strict=True)
    )

    def now(x: Input) -> int:
        return known[x] if type(x) is int else constants.key(x)

    for k in range(leaves, len(listing)):
        if not live[k]:
            known.append(0)
            continue
        op, raises = listing.ops[k], bool(listing.raises[k])
        assert op is not None
        given = tuple([known[x] if type(x) is int else constants.key(x) for x in listing.inputs[k]])
        simpler = None if times_one and op is ops.mul and max(given) >= 0 else _folded(op, raises, given, constants)
        if simpler is None:
            key = (op, given, raises)
            simpler = shared.get(key) if is_built_in(op) and op is not ops.add else None
        if simpler is None:
            simpler = shared[key] = leaves + len(made)
            made.append(key)
        known.append(simpler)
    kept: dict[tuple[int, float], None] = {}
    for x, wanted in conditions:
        place = now(x)
        if place >= 0:
            kept[place, wanted] = None
        elif constants.numbers[~place] != wanted:
            return None
    results = [now(x) for x in outputs]

    def slot(x: int) -> Slot:
        return leaves + ~x if x < 0 else x if x < leaves else x + len(constants.numbers)

    return Code(
        leaves,
        tuple(constants.numbers),
        tuple([Instruction(float_function(op), tuple(map(slot, given)), op, raises) for op, given, raises in made]),
        tuple(map(slot, results)),
        tuple([(slot(x), wanted) for x, wanted in kept]),
    )


class _Constants:
    """Numbers, each once, by keys below 0: the k-th has the key ~k. Numbers of other bits are others; nans are one."""

    def __init__(self) -> None:
        self.numbers: list[float] = []
        self._keys: dict[Any, int] = {}

    def key(self, x: float) -> int:
        bits = (x, math.copysign(1.0, x)) if x == x else "nan"
        key = self._keys.get(bits)
        if key is None:
            key = self._keys[bits] = ~len(self.numbers)
            self.numbers.append(x)
        return key


def _live(listing: Listing, leaves: int, roots: Iterable[Input]) -> bytearray:
    """Which slots are needed: by the roots, or because the function's own op may raise."""
    live = bytearray(len(listing))
    for root in roots:
        if type(root) is int:
            live[root] = 1
    for k in range(len(listing) - 1, leaves - 1, -1):
        if live[k] or (listing.raises[k] and listing.ops[k] not in TOTAL):
            live[k] = 1
            for x in listing.inputs[k]:
                if type(x) is int:
                    live[x] = 1
    return live


def _folded(op: Op, raises: bool, given: tuple[int, ...], constants: _Constants) -> int | None:
    """What an op comes to without computing anything at run time; None where it does compute."""
    if max(given) < 0 and is_built_in(op):
        number = folded(op, raises, [constants.numbers[~x] for x in given])
        return None if number is None else constants.key(number)
    if op is ops.mul:
        for one, other in ((0, 1), (1, 0)):
            if given[one] < 0 and constants.numbers[~given[one]] == 1.0:
                return given[other]
    elif op is ops.div:
        if given[1] < 0 and constants.numbers[~given[1]] == 1.0:
            return given[0]
    elif op is select:
        if given[0] < 0:
            return given[1] if constants.numbers[~given[0]] != 0.0 else given[2]
        if given[1] == given[2]:
            return given[1]
    elif op is detach or op is ops.pos:
        return given[0]
    return None


def folded(op: Op, raises: bool, numbers: Sequence[float]) -> float | None:
    """What an op of constants comes to; None where it raises, and is to raise when it runs.

    >>> folded(ops.log, False, [0.0]), folded(ops.log, True, [0.0])
    (-inf, None)
    """
    try:
        return float(op.function(*numbers))
    except FAILURES:
        return None if raises else careful(op, numbers)


FAILURES: Final = (*ARITHMETIC, IndexError)  # what a float function raises where it has no answer


def float_function(op: Op) -> Callable[..., float]:
    """An op's float function; one of the user's may return any number, which is made a float of.

    >>> float_function(ops.neg)(1.0)
    -1.0
    """
    if is_built_in(op):
        return op.function
    return lambda *numbers: number(op.function(*numbers), f"the result of op {op.name!r}")


def careful(op: Op, numbers: Sequence[float]) -> float:
    """An op's value in IEEE arithmetic: inf or nan where its function raises.

    >>> careful(ops.log, [0.0])
    -inf
    """
    try:
        return float_function(op)(*numbers)
    except FAILURES:
        return math.nan if op.limit is None else op.limit(*numbers)


def run(code: Code, numbers: Iterable[float], ieee: bool = False) -> list[float] | None:
    """The outputs; None where they would not be right: a condition fails, or an op of the function's own raises.

    Args:
        code: what to run.
        numbers: its inputs.
        ieee: whether the function's own ops give inf and nan, too, instead of raising.

    >>> listing = Listing(1)
    >>> y = listing.add(ops.exp, (0,))
    >>> run(lowered(listing, 1, [y], []), [0.0])
    [1.0]
    """
    slots = [*numbers, *code.constants]
    add = slots.append
    at, first = 0, len(slots)
    while True:
        try:
            for function, inputs, _, _ in islice(code.instructions, at, None):
                if len(inputs) == 2:
                    a, b = inputs
                    add(function(slots[a], slots[b]))
                elif len(inputs) == 1:
                    add(function(slots[inputs[0]]))
                else:
                    add(function(*[slots[x] for x in inputs]))
            for slot, wanted in code.conditions:
                if slots[slot] != wanted:
                    return None
            return [slots[x] for x in code.outputs]
        except FAILURES:
            at = len(slots) - first
            _, inputs, op, raises = code.instructions[at]
            if raises and not ieee:
                return None
            add(careful(op, [slots[x] for x in inputs]))
            at += 1
