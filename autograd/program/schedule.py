"""Code as a stream for the compiled engine's machine: runs of one op side by side, and products of matrices.

Ops of the same kind that need nothing from one another make a run. Its items are put in the order of their inputs, so
that most of these stand in a row. What the stream means stands in native/program.h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from operator import sub
from typing import Any, Final

from .. import engine, modes, ops
from .code import Code, Instructions, is_built_in, run
from .grids import LEAST, PRODUCTS, Factors, Grid, alike, factors_of, found, own_ends
from .sums import PAIRS, Item, collected

_MAY_RAISE: Final = 1 << 16
_WIDE: Final = 1 << 17
_LISTED: Final = 0xFFFFFFFF
_WIDE_FROM: Final = 8  # items of a run
_NUMBERS_A_PART: Final = 128  # to gather fewer takes less time than to begin another run
_PATIENCE: Final = 6  # how much deeper an item may be for others of its kind to wait for it
_ALIGNED: Final = 8  # slots of a cache line
Matrix = Sequence[Sequence[int]]


class Runner:
    """Runs a code: on the machine where there is one, and else, or where the machine leaves it to Python, by `run`.

    Where it is `fast`, the machine computes exp, log, tanh, sigmoid and the slopes of these two, of many numbers at a
    time, up to 3 ulp off.

    >>> from autograd import ops
    >>> from autograd.program.code import Instruction
    >>> made = [(ops.exp, (0,)), (ops.log, (0,))]
    >>> code = Code(1, (), tuple([Instruction(op.function, given, op, True) for op, given in made]), (1,), ())
    >>> Runner(code)([0.0], False), Runner(code)([1.0], False) == [ops.exp(1.0)]
    (None, True)
    """

    def __init__(self, code: Code, fast: bool = False) -> None:
        self.code = code
        self.machine = _made(code, fast)

    def __call__(self, numbers: list[Any], ieee: bool) -> list[float] | None:
        """The outputs for floats and Values; None where they would not be right: see `run`."""
        if self.machine is not None:
            outputs = self.machine.run(numbers, ieee)
            if outputs is not NotImplemented:
                return outputs  # type: ignore[no-any-return]
        return run(self.code, [x if type(x) is float else x._data for x in numbers], ieee)

    def bound(self, numbers: Any, out: Any, failed: Callable[[], None]) -> Callable[[], None]:
        """What puts the outputs for an array of doubles into another one, or calls `failed`."""

        def by_python() -> None:
            outputs = run(self.code, map(float, numbers), bool(modes.word() & modes.IEEE))
            if outputs is None:
                failed()
            else:
                for k, x in enumerate(outputs):
                    out[k] = x

        if self.machine is not None:
            return self.machine.bound(numbers, out, by_python)  # type: ignore[no-any-return]
        for array, count in ((numbers, self.code.inputs), (out, len(self.code.outputs))):
            view = memoryview(array)
            if view.format != "d" or view.shape != (count,) or not view.c_contiguous:
                raise TypeError(f"{array!r:.100} is no array of {count} doubles")
        return by_python


@cache
def op_numbers() -> dict[str, int]:
    """The machine's numbers of ops, by name; in the compiled engine."""
    return engine.compiled().machine_ops()  # type: ignore[no-any-return]


def _made(code: Code, fast: bool) -> Any:
    if not is_for_machines(code):
        return None
    numbers = op_numbers()
    layout = Layout(code, numbers, fast)
    places = layout.places
    return engine.compiled().machine(
        code.inputs,
        layout.size,
        [*layout.stream, numbers["end"], 0, 0, 0],
        layout.lists,
        list(layout.constants),
        list(layout.constants.values()),
        [places[x] for x in code.outputs],
        [places[x] for x, _ in code.conditions],
        [number for _, number in code.conditions],
    )


def is_for_machines(code: Code) -> bool:
    """Whether the engine is compiled, and its machines know the code's ops."""
    if engine.compiled() is None:
        return False
    if isinstance(code.instructions, Instructions):
        return code.instructions.listing.is_built_in()  # type: ignore[no-any-return]
    return all(is_built_in(op) and (op is not ops.dot or len(inputs) > 1) for _, inputs, op, _ in code.instructions)


class Layout:
    """Where the numbers of a code stand in a machine, and the stream that computes them.

    Attributes:
        places: the machine's slot of each of the code's.
        size: how many slots the machine has.
        stream: instructions, each of which fills slots that come after those of all before it.
        lists: slots that wide runs read.
        constants: the numbers that stand in slots from the beginning.

    >>> from autograd import ops
    >>> from autograd.program.code import Instruction
    >>> made = [(ops.exp, (0,)), (ops.neg, (1,)), (ops.exp, (2,))]
    >>> code = Code(1, (), tuple([Instruction(op.function, given, op, False) for op, given in made]), (3,), ())
    >>> Layout(code, {"exp": 7, "neg": 8}).stream
    [7, 1, 3, 1, 0, 8, 1, 4, 1, 3, 7, 1, 5, 1, 4]
    """

    def __init__(self, code: Code, numbers: dict[str, int], fast: bool = False) -> None:
        first = code.inputs + len(code.constants)
        self._one = one = first + len(code.instructions)
        self._numbers, self._fast = numbers, fast
        self.places = [*range(first), *[-1] * len(code.instructions), first, first + 1]
        self.constants = dict(enumerate((*code.constants, 1.0, -1.0), code.inputs))
        self.size = first + 2
        self.stream: list[int] = []
        self.lists: list[int] = []
        self._items = items = collected(code)
        compiled = engine.compiled()
        for members in batches(items, one) if compiled is None else compiled.batches(items, one, _PATIENCE):
            if items[members[0]].op in PRODUCTS:
                members = self._grids(members)
            if members:
                self._run(members)

    def _grids(self, members: list[int]) -> list[int]:
        """Products of matrices among sums of as many products each; and the sums that are left over."""
        items = self._items
        alike(items, members, self._one)
        grids, rest = found(members, items, self._one)
        for grid in grids:
            self._grid(grid)
        if len(rest) < LEAST or items[rest[0]].op == "mul":
            return rest
        head, tail = own_ends(rest, items)
        return self._grids_within(rest, head, tail) if head or tail else rest

    def _grids_within(self, members: list[int], head: int, tail: int) -> list[int]:
        """The same, where the first and the last products are each sum's own: they are summed by themselves."""
        places, items = self.places, self._items
        begins, whole, ends = {}, {}, {}
        for slot in members:
            op, inputs, _ = items[slot]
            start, (left, right) = inputs[: op == PAIRS], factors_of(items[slot])
            end = len(left) - tail
            begin, middle = len(places), len(places) + 1
            places += (-1, -1)
            if head:
                items[begin] = Item(op, (*start, *left[:head], *right[:head]), False)
                op, start = PAIRS, (begin,)
            items[middle] = Item(op, (*start, *left[head:end], *right[head:end]), False)
            begins[middle], whole[middle] = begin, slot
            ends[middle] = Item(PAIRS, (middle, *left[end:], *right[end:]), False)
        grids, rest = found([*whole], items, self._one)
        chosen = [slot for grid in grids for row in grid.cells for slot in row]
        if head and chosen:
            self._run([begins[middle] for middle in chosen])
        for grid in grids:
            self._grid(grid)
        for middle in chosen:
            places[whole[middle]] = places[middle]
            items[whole[middle]] = ends[middle]
        if tail and chosen:
            self._run([whole[middle] for middle in chosen])
        return [whole[middle] for middle in rest]

    def _run(self, members: list[int]) -> None:
        """Items of one op, in the order of what they read: an instruction, or one for each part that stands in rows."""
        places, items = self.places, self._items
        op, inputs, may_raise = items[members[0]]
        word, k = self._numbers[op] | _MAY_RAISE * may_raise, len(inputs)
        given = sorted([(*[places[x] for x in items[slot].inputs], slot) for slot in members])
        for part in parts(given) if len(given) > _WIDE_FROM else [given]:
            *columns, slots = zip(*part, strict=True)
            wide = len(slots) >= _WIDE_FROM and (k <= 3 or op in ("sum", "dot", PAIRS))
            words: list[int] = []
            for column in columns:
                words += self._column(column) if wide else column
            if wide and self._fast:
                word = self._numbers.get(f"fast {op}", word & 0xFFFF) | word & ~0xFFFF
            self._begin_row(len(slots))
            self.stream += [word | _WIDE * wide, len(slots), self.size, k, *words]
            for place, slot in enumerate(slots, self.size):
                places[slot] = place
            self.size += len(slots)

    def _column(self, places: Sequence[int]) -> list[int]:
        """A stride and a first slot, or a list."""
        first, stride = places[0], places[1] - places[0]
        if stride >= 0 and _evenly(places, stride):
            return [stride, first]
        self.lists += places
        return [_LISTED, len(self.lists) - len(places)]

    def _begin_row(self, n: int) -> None:
        if n >= _WIDE_FROM:
            self.size += -self.size % _ALIGNED

    def _grid(self, grid: Grid) -> None:
        """The product of two matrices, the one by rows, the other by columns, whichever way fewer are to be copied."""
        rows, columns, cells = grid
        places = self.places
        by_rows, of_rows = self._sorted(rows)
        by_columns, of_columns = self._sorted(columns)
        cells = [[cells[r][c] for c in of_columns] for r in of_rows]
        across = [*zip(*by_columns, strict=True)]
        upwards = [*zip(*by_rows, strict=True)]
        if self._cost(by_rows, across) <= self._cost(by_columns, upwards):
            left, right = by_rows, across
        else:
            left, right = by_columns, upwards
            cells = [[*column] for column in zip(*cells, strict=True)]
        a = self._affine(left) or self._copied(left)
        b = self._affine(right)
        if b is None or (b[2] != 1 and len(right[0]) > 1):
            b = self._copied(right)
        start, has_start = (0, 0, 0), self._items[cells[0][0]].op == PAIRS
        if has_start:
            begins = [[places[self._items[slot].inputs[0]] for slot in row] for row in cells]
            at = self._affine(begins)
            start = at if at is not None and at[2] in (0, 1) else self._copied(begins)
        n = len(cells[0])
        self._begin_row(n * len(cells))
        words = [self._numbers["grid"], len(cells), self.size, len(left[0]), n, *a, *b[:2], has_start, *start]
        self.stream += [word & 0xFFFFFFFF for word in words]
        for row in cells:
            for slot in row:
                places[slot] = self.size
                self.size += 1

    def _sorted(self, rows: list[Factors]) -> tuple[list[tuple[int, ...]], list[int]]:
        """The rows as the machine's slots, in the order of these, and which was where."""
        places = self.places
        order = sorted([(tuple([places[x] for x in row]), i) for i, row in enumerate(rows)])
        return [row for row, _ in order], [i for _, i in order]

    def _cost(self, left: Matrix, right: Matrix) -> float:
        """About how long the product of two matrices takes, in vectors of eight."""
        n = len(right[0])
        cost = len(left) * len(right) * ((n + 7) // 8)
        if self._affine(left) is None and not self._is_known(left):
            cost += len(left) * len(right)
        b = self._affine(right)
        if (b is None or (b[2] != 1 and n > 1)) and not self._is_known(right):
            cost += n * len(right)
        return cost

    @staticmethod
    def _affine(matrix: Matrix) -> tuple[int, int, int] | None:
        """The first slot of a matrix, and its strides by row and by column, if it has any."""
        first = matrix[0]
        base = first[0]
        by_row = matrix[1][0] - base if len(matrix) > 1 else 0
        by_column = first[1] - base if len(first) > 1 else 1
        for r, row in enumerate(matrix):
            if row[0] != base + r * by_row or not _evenly(row, by_column):
                return None
        return base, by_row, by_column

    def _is_known(self, matrix: Matrix) -> bool:
        constants = self.constants
        return all(x in constants for row in matrix for x in row)

    def _copied(self, matrix: Matrix) -> tuple[int, int, int]:
        """A copy of a matrix, row by row; of constants it is made beforehand."""
        row, n = len(matrix[0]), len(matrix) * len(matrix[0])
        flat = [x for part in matrix for x in part]
        self.size += _ALIGNED  # a vector may be written past the end of what stands before a constant
        self._begin_row(max(n, _WIDE_FROM))
        if self._is_known(matrix):
            for place, x in enumerate(flat, self.size):
                self.constants[place] = self.constants[x]
        else:
            self.lists += flat
            self.stream += [self._numbers["detach"] | _WIDE, n, self.size, 1, _LISTED, len(self.lists) - n]
        self.size += n
        return self.size - n, row, 1


def batches(items: dict[int, Item], one: int) -> Iterator[list[int]]:
    """Items of one kind that need nothing from one another, batch after batch, each after those that it needs.

    The least deep come first; but items wait for others of their kind that are a few ops deeper, so that what is the
    same but for an op here and there is computed side by side.

    >>> items = {1: Item("exp", (0,), True), 2: Item("neg", (0,), False), 3: Item("exp", (2,), True)}
    >>> [*batches(items, 4)]
    [[2], [1, 3]]
    """
    depth, waits = [0] * (one + 2), [0] * (one + 2)
    users: dict[int, list[int]] = {slot: [] for slot in items}
    kind_of: dict[int, Kind] = {}
    kinds: dict[Any, Kind] = {}
    ready: dict[Kind, None] = {}
    for slot, (op, inputs, may_raise) in items.items():
        deepest = 0
        for x in inputs:
            if x in users:
                users[x].append(slot)
                waits[slot] += 1
                if depth[x] > deepest:
                    deepest = depth[x]
        depth[slot] = at = deepest + 1
        key = (PAIRS, len(inputs) + 1 & ~1) if op == "dot" or op == PAIRS else (op, len(inputs), may_raise)
        kind = kinds.get(key)
        if kind is None:
            kind = kinds[key] = Kind()
        kind_of[slot] = kind
        if waits[slot]:
            kind.later[at] = kind.later.get(at, 0) + 1
        else:
            kind.ready.append(slot)
            kind.depth = 1
            ready[kind] = None
    for kind in kinds.values():
        kind.depths = sorted(kind.later, reverse=True)
    while ready:
        kind = min(ready, key=Kind.turn)
        del ready[kind]
        members, kind.ready = kind.ready, []
        yield members
        for slot in members:
            for user in users[slot]:
                waits[user] -= 1
                if not waits[user]:
                    other, at = kind_of[user], depth[user]
                    other.later[at] -= 1
                    if not other.ready or at < other.depth:
                        other.depth = at
                    other.ready.append(user)
                    ready[other] = None


class Kind:
    """What is left to be computed of one op with so many inputs.

    Attributes:
        ready: the slots of items whose inputs are known.
        depth: of the least deep of these: how many ops one after the other lead to it.
        later: of each depth, how many items are not ready.
        depths: these depths, those that may still be needed, deepest first.
    """

    __slots__ = ("depth", "depths", "later", "ready")

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.depth = 0
        self.later: dict[int, int] = {}
        self.depths: list[int] = []

    def turn(self) -> int:
        """The one with the least is next: its depth, and more where other items of the kind follow soon."""
        depths, later = self.depths, self.later
        while depths and not later[depths[-1]]:
            depths.pop()
        return self.depth + max(0, _PATIENCE - depths[-1] + self.depth) if depths else self.depth


def parts(given: list[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    """A run as several, where each can read all its inputs with strides; as itself, if that makes too many.

    The last number of each item is not an input.

    >>> given = [(at + k, k) for at in (0, 200) for k in range(128)]
    >>> [len(part) for part in parts(given)]
    [128, 128]
    """
    steps = [tuple(map(sub, b[:-1], a[:-1])) for a, b in pairwise(given)]
    most = len(given) * len(steps[0]) // _NUMBERS_A_PART
    begins, k = [0], 1
    while k < len(given):
        k += 1
        while k < len(given) and steps[k - 1] == steps[k - 2]:
            k += 1
        if k < len(given):
            begins.append(k)
            k += 1
            if len(begins) > most:
                return [given]
    return [given[a:b] for a, b in pairwise([*begins, len(given)])]


def _evenly(places: Sequence[int], stride: int) -> bool:
    first, n = places[0], len(places)
    if stride == 0:
        return places[-1] == first and all(x == first for x in places)
    last = first + stride * (n - 1)
    return places[-1] == last and [*places] == [*range(first, last + (1 if stride > 0 else -1), stride)]
