"""What a program is lowered to before it runs: constants folded, no dead code, equal terms shared; and an interpreter.

Nothing here changes a bit of a result. An op of constants is computed beforehand; ``1.0 * x`` and ``x / 1.0`` are x, to
the last bit; of two equal ops one is computed. Additions are not reordered, nor are products with 0.0
left out: an infinity or a nan would be lost. Data that are constants of the program stay as regular as they are, for
schedule.py to find their matrices again: sums of equal beginnings are not shared, and where the function itself
multiplies by 1.0, no such product is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from .. import ops
from ..ops import ARITHMETIC, Op, number
from .symbols import BY_NAME, detach, select

Slot = int  # a number's place: inputs first, then what the rows compute


_ONE: Final = repr(1.0)


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


class Instruction(NamedTuple):
    """An op of slots alone: its float function, and whether it raises where Python would."""

    function: Callable[..., float]
    inputs: tuple[Slot, ...]
    op: Op
    raises: bool


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
    instructions: tuple[Instruction, ...]
    outputs: tuple[Slot, ...]
    conditions: tuple[tuple[Slot, float], ...]

    @property
    def bytes(self) -> int:
        """What it takes in memory as numbers and 32-bit slots, the way that a machine would hold it."""
        slots = self.inputs + len(self.constants) + len(self.instructions)
        words = sum(2 + len(instruction.inputs) for instruction in self.instructions)
        return 8 * slots + 4 * (words + len(self.outputs) + 2 * len(self.conditions))


_NEVER_RAISE: Final = """
    add sub mul neg pos abs cbrt atan asinh tanh sech2 atan2 erf erfc sign copysign degrees radians sigmoid
    sigmoid_slope softplus relu leaky_relu normal_cdf gelu_tanh silu silu_slope softsign clamp where maximum minimum
    sum mean prod dot peak lt le eq ne both either opposite select detach chooses
"""
TOTAL: Final = frozenset(map(BY_NAME.__getitem__, _NEVER_RAISE.split()))  # where one is dead, it can be left out


def is_built_in(op: Op) -> bool:
    """Whether an op is one of this library's, and so a function of its inputs alone."""
    return BY_NAME.get(op.name) is op


def lowered(
    inputs: int, rows: Sequence[Row], outputs: Iterable[Any], conditions: Iterable[tuple[Any, float]]
) -> Code | None:
    """The code of rows; None where a condition can't hold, whatever the inputs are.

    Args:
        inputs: how many slots are given.
        rows: the ops, each after those it reads.
        outputs: slots, or floats that are results as they are.
        conditions: slots, and the number that each must hold.

    >>> code = lowered(1, [Row(ops.mul, (0, 1.0), "", False), Row(ops.add, (1, 1), "", False)], [2], [])
    >>> [(i.op.name, i.inputs) for i in code.instructions]
    [('add', (0, 0))]
    """
    conditions = list(conditions)
    live = _live(inputs, rows, [*outputs, *(slot for slot, _ in conditions)])
    constants = _Constants()
    known: list[int] = list(range(inputs))  # of each old slot: what computes it, or the key of a constant
    shared: dict[Any, int] = {}
    made: list[tuple[Op, tuple[int, ...], bool]] = []
    times_one = any(row.raises and row.op in (ops.mul, ops.dot) and _ONE in map(repr, row.inputs) for row in rows)

    def now(x: Any) -> int:
        return known[x] if type(x) is int else constants.key(x)

    for k, row in enumerate(rows):
        if not live[inputs + k]:
            known.append(0)
            continue
        given = tuple([known[x] if type(x) is int else constants.key(x) for x in row.inputs])
        simpler = None if times_one and row.op is ops.mul and max(given) >= 0 else _folded(row, given, constants)
        if simpler is None:
            key = (row.op, given, row.raises)
            simpler = shared.get(key) if is_built_in(row.op) and row.op is not ops.add else None
        if simpler is None:
            simpler = shared[key] = inputs + len(made)
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
        return inputs + ~x if x < 0 else x if x < inputs else x + len(constants.numbers)

    return Code(
        inputs,
        tuple(constants.numbers),
        tuple([Instruction(_function(op), tuple(map(slot, given)), op, raises) for op, given, raises in made]),
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


def _live(inputs: int, rows: Sequence[Row], roots: Iterable[Any]) -> bytearray:
    """Which slots are needed: by the roots, or because the function's own op may raise."""
    live = bytearray(inputs + len(rows))
    for root in roots:
        if type(root) is int:
            live[root] = 1
    for k in range(len(rows) - 1, -1, -1):
        row = rows[k]
        if live[inputs + k] or (row.raises and row.op not in TOTAL):
            live[inputs + k] = 1
            for x in row.inputs:
                if type(x) is int:
                    live[x] = 1
    return live


def _folded(row: Row, given: tuple[int, ...], constants: _Constants) -> int | None:
    """What an op comes to without computing anything at run time; None where it does compute."""
    op = row.op
    if max(given) < 0 and is_built_in(op):
        floats = [constants.numbers[~x] for x in given]
        try:
            return constants.key(float(op.function(*floats)))
        except FAILURES:
            return None if row.raises else constants.key(careful(op, floats))
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


FAILURES: Final = (*ARITHMETIC, IndexError)  # what a float function raises where it has no answer


def _function(op: Op) -> Callable[..., float]:
    """An op's float function; one of the user's may return any number, which is made a float of."""
    if is_built_in(op):
        return op.function
    return lambda *numbers: number(op.function(*numbers), f"the result of op {op.name!r}")


def careful(op: Op, numbers: Sequence[float]) -> float:
    """An op's value in IEEE arithmetic: inf or nan where its function raises.

    >>> careful(ops.log, [0.0])
    -inf
    """
    try:
        return _function(op)(*numbers)
    except FAILURES:
        return math.nan if op.limit is None else op.limit(*numbers)


def run(code: Code, numbers: Iterable[float], ieee: bool = False) -> list[float] | None:
    """The outputs; None where they would not be right: a condition fails, or an op of the function's own raises.

    Args:
        code: what to run.
        numbers: its inputs.
        ieee: whether the function's own ops give inf and nan, too, instead of raising.

    >>> run(lowered(1, [Row(ops.exp, (0,), "", True)], [1], []), [0.0])
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
