"""Code for many samples at once: each number a row of lanes, one a sample. native/lanes.h says what the stream means.

Inputs are uniform, the same for all samples, as parameters are; or they vary. What depends on uniform ones alone is
computed once a call. Of the rest, sums of weights times numbers that vary are gathered into products of matrices, and
so are gradients of weights: outer products, summed over samples.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence, Set
from functools import cache
from itertools import count
from typing import Any, Final, NamedTuple

from .. import engine
from .code import Code
from .listing import Slot
from .schedule import Runner, op_numbers
from .sums import PAIRS, Item, collected

_MAY_RAISE: Final = 1 << 16  # as in schedule.py
_PANEL: Final = 16  # columns of an outer product are padded to a multiple of it
_SMALLEST: Final = 8  # products that are worth a matrix
_LIKE_SOFTMAX: Final = ("softmax", "log_softmax")

Slots = tuple[Slot, ...]


def varying_slots(code: Code, inputs: Sequence[Slot]) -> bytearray:
    """Of every slot, and of the two after the last one, which are 1 and -1, whether it differs from sample to sample.

    Args:
        code: what fills the slots.
        inputs: those that differ.

    >>> from autograd import ops
    >>> from autograd.program.code import Instruction
    >>> made = [Instruction(op.function, given, op, True) for op, given in ((ops.exp, (0,)), (ops.mul, (2, 1)))]
    >>> list(varying_slots(Code(2, (), made, (3,), ()), [1]))
    [0, 1, 0, 1, 0, 0]
    """
    varies = bytearray(code.inputs + len(code.constants))
    for x in inputs:
        varies[x] = 1
    for instruction in code.instructions:
        varies.append(any(varies[x] for x in instruction.inputs))
    return varies + bytes(2)


def computed_once(code: Code, varies: bytearray, needed: Sequence[Slot]) -> Code | None:
    """The part of a code that is the same for all samples, with the slots in its outputs that are needed.

    Its inputs are those that don't vary. None where there is nothing to compute or to check.
    """
    first = code.inputs + len(code.constants)
    alone = [x for x in range(first, first + len(code.instructions)) if not varies[x]]
    conditions = [(x, number) for x, number in code.conditions if not varies[x]]
    if not alone and not conditions:
        return None
    given = [x for x in range(code.inputs) if not varies[x]]
    places = {x: i for i, x in enumerate([*given, *range(code.inputs, first), *alone])}
    instructions = [
        code.instructions[x - first]._replace(inputs=tuple([places[y] for y in code.instructions[x - first].inputs]))
        for x in alone
    ]
    outputs = tuple([places[x] for x in needed])
    return Code(
        len(given),
        code.constants,
        tuple(instructions),
        outputs,
        tuple([(places[x], number) for x, number in conditions]),
    )


class Lanes:
    """Runs a code on many samples at once, in the compiled engine.

    Args:
        code: what to run.
        varying: the inputs that vary: of one argument after the other.
        reduce: whether the outputs are summed over the samples, or wanted of each.
        block: how many samples at a time, a multiple of 16; the results don't depend on it.
        clone: which of `instruction_sets`; nor on that.
    """

    def __init__(
        self, code: Code, varying: Sequence[Slot], reduce: bool, block: int | None = None, clone: int | None = None
    ) -> None:
        own, sets = _lane_ops()
        make, numbers = engine.compiled().lanes, {**op_numbers(), **own}
        layout = _Layout(code, tuple(varying), reduce, numbers)
        once = computed_once(code, layout.varies, layout.needed)
        self._once = None if once is None else Runner(once)
        self._how = layout.how()
        self._machine = layout.made(make, block, len(sets) - 1 if clone is None else clone)

    def how(self) -> str:
        """How it runs, in words."""
        return self._how

    def __call__(
        self, uniform: tuple[Any, ...], columns: tuple[Any, ...], n: int, mean: bool, ieee: bool
    ) -> bytes | None:
        """The outputs as the bytes of doubles; None where a scalar run has to say what they are, or what is wrong.

        Args:
            uniform: the uniform inputs: lists of floats and Values, and buffers of doubles, one after the other.
            columns: of each argument that varies the numbers, a buffer of doubles, sample by sample.
            n: how many samples.
            mean: whether sums are divided by n.
            ieee: whether ops of the function's own give inf and nan instead of raising.
        """
        if self._once is not None:
            computed = self._once([x for part in uniform for x in listed(part)], ieee)
            if computed is None:
                return None
            uniform = (*uniform, computed)
        return self._machine.run(uniform, columns, n, mean, ieee)  # type: ignore[no-any-return]


def listed(numbers: Any) -> list[Any]:
    """A list of numbers, or those of a buffer of doubles.

    >>> import array
    >>> listed(array.array("d", [1.0, 2.0]).tobytes())
    [1.0, 2.0]
    """
    return numbers if isinstance(numbers, list) else memoryview(numbers).cast("B").cast("d").tolist()


@cache
def _lane_ops() -> Any:
    """The numbers of the ops that only lanes have, and the instruction sets."""
    return engine.compiled().lane_ops()


def instruction_sets() -> list[str]:
    """The instruction sets that this processor has, of those that lanes are compiled for; the best one is last.

    >>> import autograd
    >>> bool(instruction_sets()) == (autograd.backend().name == "compiled")
    True
    """
    return [] if engine.compiled() is None else list(_lane_ops()[1])


def block_of(slots: int) -> int:
    """How many lanes a block has: such that its numbers take half of the second cache, from 16 to 128.

    >>> block_of(10**9), block_of(1)
    (16, 128)
    """
    try:
        cache = os.sysconf("SC_LEVEL2_CACHE_SIZE")
    except (AttributeError, OSError, ValueError):
        cache = 0
    lanes = (cache if cache > 0 else 1 << 19) // 2 // (8 * slots)
    return max(16, min(128, lanes // 16 * 16))


class _Layout:
    """The stream of a code, and all that goes with it."""

    def __init__(self, code: Code, varying: Slots, reduce: bool, numbers: dict[str, int]) -> None:
        self.code, self.numbers, self.reduce = code, numbers, reduce
        self.varies = varying_slots(code, varying)
        self.first = code.inputs + len(code.constants)
        self.one = len(self.varies) - 2
        self.slots = {x: i for i, x in enumerate(varying)}
        self.inputs = len(varying)
        self.used = len(varying)  # slots
        self.sums = 0
        self.widest = 1  # products in a term of an outer product
        self.most = 1  # pointers for one
        self.stream: list[int] = []
        self.words: list[int] = []  # the ops of its runs
        self.packed: list[Slot] = []
        self.splats: list[Slot] = []
        items = {x: item for x, item in collected(code).items() if self.varies[x]}
        items = shared(items, len(self.varies), {*code.outputs, *[x for x, _ in code.conditions]})
        read = [x for item in items.values() for x in item.inputs] + list(code.outputs)
        self.needed = [x for x in dict.fromkeys(read) if self.first <= x < self.one and not self._varies(x)]
        outer = self._outer_products(items) if reduce else []
        for block in outer:
            for x in block.cells.values():
                del items[x]
        self._runs(items)
        self.places: dict[Slot, int] = {}  # of each output: its sum, or its place in a sample's row
        for block in outer:
            self._sum_of(block)
        self._others()
        self.stream += [numbers["end of lanes"], 0, 0, 0]

    def how(self) -> str:
        """What there is to run, in words."""
        numbers = {number: name for name, number in self.numbers.items()}
        kinds = [numbers[op] for op in self.words]
        matrices = kinds.count("weigh") + kinds.count("outer")
        return (
            f"in the compiled engine {block_of(self.used)} samples at a time: {len(kinds)} runs of ops, of them "
            f"{matrices} products of matrices; {len(self.needed)} numbers computed once a call"
        )

    def made(self, make: Any, block: int | None, clone: int) -> Any:
        """The machine of it."""
        constants = [*range(self.code.inputs, self.first), self.one, self.one + 1]
        given = [*[x for x in range(self.code.inputs) if not self.varies[x]], *self.needed]
        place = {x: i for i, x in enumerate([*given, *constants])}
        conditions = [(self.slots[x], number) for x, number in self.code.conditions if self.varies[x]]
        ops = {self.numbers[i.op.name] for i in self.code.instructions}
        return make(
            self.inputs,
            len(given),
            self.used,
            block or block_of(self.used),
            self.sums,
            self.widest,
            self.most,
            not self.reduce,
            clone,
            [*self.code.constants, 1.0, -1.0],
            self.stream,
            runs_of([place[x] for x in self.packed]),
            [y for x in self.splats for y in (self.slots[x], place[x])],
            [slot for slot, _ in conditions],
            [number for _, number in conditions],
            runs_of([self.places[x] for x in self.code.outputs]),
            sorted(ops),
        )

    def _slot(self, x: Slot) -> int:
        """The row of lanes of a number; one that is the same for all samples gets a row that is filled once a call."""
        if x not in self.slots:
            assert not self._varies(x)
            self.slots[x] = self._new()
            self.splats.append(x)
        return self.slots[x]

    def _new(self, n: int = 1) -> int:
        self.used += n
        return self.used - n

    def _varies(self, x: Slot) -> bool:
        return x >= len(self.varies) or bool(self.varies[x])

    # ── What is computed of each sample ─────────────────────────────────────────────────────────────────────

    def _runs(self, items: dict[Slot, Item]) -> None:
        """Ops of one kind that need nothing from one another, side by side, those first that need nothing at all."""
        level: dict[Slot, int] = defaultdict(int)
        runs: dict[tuple[int, str, int, bool, Slots], list[Slot]] = defaultdict(list)
        weighted: dict[Slot, Slots] = {}
        for x, item in items.items():
            level[x] = at = 1 + max([level[y] for y in item.inputs])
            factors = self._weighted(item)
            if factors is not None:
                weighted[x], numbers, has_start = factors
                runs[at, "", len(numbers), has_start, numbers].append(x)
            else:
                runs[at, item.op, len(item.inputs), item.may_raise, ()].append(x)
        for (_, op, k, flag, numbers), members in sorted(runs.items(), key=lambda run: run[0][:4]):
            if op:
                inputs = [self._slot(items[x].inputs[j]) for j in range(k) for x in members]
                self._add(op, len(members), self._named(members), k, inputs, flag)
                continue
            starts = [self._slot(items[x].inputs[0]) for x in members] if flag else []
            first = self._named(members)
            if flag:
                self._add("pos", len(members), first, 1, starts)  # what sums begin with
            place = len(self.packed)
            for x in members:
                self.packed += weighted[x]
            self._add("weigh", len(members), first, k, [place, int(flag), *map(self._slot, numbers)])

    def _named(self, members: Sequence[Slot]) -> int:
        first = self._new(len(members))
        self.slots.update(zip(members, count(first), strict=False))
        return first

    def _add(self, op: str, n: int, first: int, k: int, rest: list[int], may_raise: bool = False) -> None:
        self.words.append(self.numbers[op])
        self.stream += [self.numbers[op] | _MAY_RAISE * may_raise, n, first, k, *rest]

    def _weighted(self, item: Item) -> tuple[Slots, Slots, bool] | None:
        """Of a sum of products, in each of which one factor is uniform: these, the others, whether it has a start."""
        if item.op not in ("dot", PAIRS):
            return None
        starts = item.op == PAIRS
        half = len(item.inputs) // 2
        pairs = list(zip(item.inputs[starts : half + starts], item.inputs[half + starts :], strict=True))
        if any(self._varies(a) and self._varies(b) for a, b in pairs):
            return None
        ordered = [(b, a) if self._varies(a) or a >= self.one else (a, b) for a, b in pairs]
        return tuple([a for a, _ in ordered]), tuple([b for _, b in ordered]), starts

    # ── Sums over samples ───────────────────────────────────────────────────────────────────────────────────

    def _outer_products(self, items: dict[Slot, Item]) -> list[Outer]:
        """Outputs that are products, or sums of such, of every number of a row with every number of a column."""
        uses: dict[Slot, int] = defaultdict(int)
        for item in items.values():
            for x in item.inputs:
                uses[x] += 1
        for x, _ in self.code.conditions:
            uses[x] += 1
        cells: dict[tuple[Slots, Slots], Slot] = {}
        for x in dict.fromkeys(self.code.outputs):
            if x not in items or uses[x]:
                continue
            item = items[x]
            if item.op in ("mul", "dot") and all(map(self._varies, item.inputs)):
                half = len(item.inputs) // 2
                pairs = list(zip(item.inputs[:half], item.inputs[half:], strict=True))
                cells[tuple(map(min, pairs)), tuple(map(max, pairs))] = x
        return outer_products(cells)

    def _sum_of(self, outer: Outer) -> None:
        rows, columns = outer.rows, outer.columns
        few = len(rows[0])
        apart = -(-len(columns) // _PANEL) * _PANEL
        inputs = [self.slots[x] for row in rows for x in row]
        inputs += [self.slots[column[f]] for f in range(few) for column in columns]
        self._add("outer", len(rows), self.sums, len(columns), [few, *inputs])
        self.widest, self.most = max(self.widest, few), max(self.most, len(rows) * few)
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                self.places[outer.cells[row, column]] = self.sums + i * apart + j
        self.sums += len(rows) * apart

    def _others(self) -> None:
        rest = [x for x in dict.fromkeys(self.code.outputs) if x not in self.places]
        self.places.update(zip(rest, count(self.sums), strict=False))
        if not self.reduce:
            self.places = {x: i for i, x in enumerate(self.code.outputs)}
            rest = list(self.code.outputs)
        self._add("total" if self.reduce else "keep", len(rest), self.sums, 1, [self._slot(x) for x in rest])
        self.sums += len(rest)


def runs_of(places: Sequence[int]) -> list[int]:
    """Places as runs of those that follow one another: the first one and how many there are, in turn.

    >>> runs_of([3, 4, 5, 1])
    [3, 3, 1, 1]
    """
    runs: list[int] = []
    for place in places:
        if runs and place == runs[-2] + runs[-1]:
            runs[-1] += 1
        else:
            runs += (place, 1)
    return runs


class Outer(NamedTuple):
    """Products of every row with every column, a row and a column being as many numbers as a term has products."""

    rows: list[Slots]
    columns: list[Slots]
    cells: dict[tuple[Slots, Slots], Slot]


def outer_products(cells: dict[tuple[Slots, Slots], Slot]) -> list[Outer]:
    """Complete blocks of cells, each known by the numbers on its left and on its right.

    >>> cells = {((i,), (j,)): 10 * i + j for i in range(2) for j in range(5, 9)}
    >>> [(block.rows, len(block.columns)) for block in outer_products(cells)]
    [([(0,), (1,)], 4)]
    """
    partners: dict[Slots, list[Slots]] = defaultdict(list)
    for left, right in cells:
        partners[left].append(right)
    blocks: dict[tuple[Slots, ...], list[Slots]] = defaultdict(list)
    for left, rights in partners.items():
        blocks[tuple(sorted(rights))].append(left)
    found = []
    for columns, rows in blocks.items():
        if len(rows) * len(columns) < _SMALLEST:
            continue
        here = {(row, column): cells[row, column] for row in rows for column in columns}
        if len(rows) <= len(columns):
            found.append(Outer(sorted(rows), list(columns), here))
        else:  # the longer side is what vectors are made of
            found.append(Outer(list(columns), sorted(rows), {(b, a): x for (a, b), x in here.items()}))
    return found


def shared(items: dict[Slot, Item], free: Slot, kept: Set[Slot] = frozenset()) -> dict[Slot, Item]:
    """The same items, where softmax and its logarithm share their exps with one another and with their gradients.

    Args:
        items: in their order.
        free: the first slot that is free for new ones.
        kept: slots that must stay where they are.

    >>> [item.op for item in shared({3: Item("softmax", (0, 1, 2), True)}, 4).values()]
    ['peak', 'sub', 'exp', 'sub', 'exp', 'softmax of']
    """
    if not any(item.op in _LIKE_SOFTMAX for item in items.values()):
        return items
    made: dict[Slot, Item] = {}
    known: dict[tuple[str, Slots], Slot] = {}
    now: dict[Slot, Slot] = {}
    places = count(free)

    def slot(op: str, inputs: Slots) -> Slot:
        if (op, inputs) not in known:
            x = known[op, inputs] = next(places)
            made[x] = Item(op, inputs, False)
        return known[op, inputs]

    for x, (op, inputs, may_raise) in items.items():
        inputs = tuple([now.get(y, y) for y in inputs])
        if op in _LIKE_SOFTMAX:
            index, *numbers = inputs
            top = slot("peak", tuple(numbers))
            exps = [slot("exp", (slot("sub", (y, top)),)) for y in numbers]
            made[x] = Item(f"{op} of", (index, top, *numbers, *exps), may_raise)
        elif not may_raise and x not in kept and (op, inputs) in known:
            now[x] = known[op, inputs]
        else:
            known.setdefault((op, inputs), x)
            made[x] = Item(op, inputs, may_raise)
    return made
