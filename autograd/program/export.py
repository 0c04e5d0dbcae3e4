"""A program as one file of C99, for machines without Python: libm alone, no malloc.

    int loss(const double *restrict x, double *restrict y, double *restrict v)

reads inputs x, fills outputs y, works in v, and returns 0, or which check failed: then y holds nans. Ops of the same
kind that need nothing from one another are one loop, chains of additions one sum (chains.py), so that the text
stays short; what stands alone is a line of its own. Every op has the bits that it has in Python.
"""

from __future__ import annotations

import math
import re
import struct
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import chain, groupby, pairwise
from typing import Any, Final, NamedTuple

from .. import ops
from .._version import __version__
from ..errors import ExportError, InputError, InputTypeError
from ..native.as_c import laid_out
from .c_functions import EXACT, NEAR, ROUNDED, call, call_of_many, has_c, in_single, printed
from .chains import PAIRS, Item, items_of
from .code import Code, is_built_in
from .loops import LETTERS, Rooms, Tables, Walk, extents, flat
from .symbols import TOTAL

FLAGS: Final = ("-std=c99", "-O2", "-ffp-contract=off")  # a fused a * b + c has other bits
_LOOP: Final = 3  # from so many equal ops on, a loop is shorter
_WRITTEN_OUT: Final = 4  # terms of a sum
_PART: Final = 500  # lines: compilers take their time over a longer function
_PERIOD: Final = 128  # the longest stretch of groups that is looked for again behind it
_OFTEN: Final = 4  # how often it has to come
_WORTH_IT: Final = 16  # groups in all, for which a loop is written
_GUARD: Final = "guard"  # what checks a condition, among the items
_KEYWORDS: Final = """auto break case char const continue default do double else enum extern float for goto if inline
    int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
    while main x y v s e status expected found wrong allowed"""
_RESERVED: Final = frozenset((*_KEYWORDS.split(), *LETTERS))  # the language's, and the file's own


class Check(NamedTuple):
    """What can make a run's result wrong: its status, and what happened, in words."""

    status: int
    meaning: str


class Text(NamedTuple):
    """A file of C.

    Attributes:
        text: what is in it.
        name: its function.
        inputs, outputs, scratch: how many numbers the function reads, fills, and works in.
        flags: what a compiler has to be told for Python's bits.
    """

    text: str
    name: str
    inputs: int
    outputs: int
    scratch: int
    flags: tuple[str, ...]


def c_name(name: str) -> str:
    """A function's name in C, for one in Python.

    >>> c_name("gradient of <lambda>"), c_name("exp")
    ('gradient_of_lambda', 'exp_')
    """
    made = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "f"
    made = f"f{made}" if made[0].isdigit() else made
    return f"{made}_" if _is_taken(made) else made


def _is_taken(name: str) -> bool:
    return name in _RESERVED or name in EXACT | ROUNDED or hasattr(math, name)


def exported(program: Any, name: str | None, real: str, bake: bool, ieee: bool, test: tuple[Any, ...] | None) -> Text:
    """A program as a file of C: what `Program.to_c` writes.

    Raises:
        ExportError: where an op has no C.
        InputError: where the name is none in C, or a number is too large for a float.
    """
    if name is None:
        name = c_name(program.name)
    elif not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) or _is_taken(name):
        raise InputError(f"{name!r} can't be the name of a function in C; leave it out, or take another")
    if real not in ("double", "float"):
        raise InputTypeError(f'real must be "double" or "float", not {real!r}')
    return _File(program, name, real, bake, ieee).text(test)


class _Group:
    """Items of one op that need nothing from one another: a loop; or one item."""

    def __init__(self, op: str, slots: list[int], check: int) -> None:
        self.op = op
        self.slots = slots
        self.check = check  # the status of a failure; 0 where there is none


class _File:
    def __init__(self, program: Any, name: str, real: str, bake: bool, ieee: bool) -> None:
        self.program = program
        self.name = name
        self.real = real
        self.checks: list[Check] = []
        raising = [k for k, row in enumerate(program.rows) if row.raises and row.op not in TOTAL]
        leaves = len(program.inputs) + len(program.captured)
        self.code: Code
        self.code, places = program.code_showing([leaves + k for k in raising] + [g.slot for g in program.guards])
        self.first = self.code.inputs + len(self.code.constants)
        self.baked = range(len(program.inputs), leaves) if bake else range(0)
        self.n_inputs = leaves - len(self.baked)
        n = len(raising)
        self._refuse_what_has_no_c(dict(zip(places[:n], raising, strict=True)))
        self.items = items_of(self.code, self.first)
        self.status: dict[int, int] = {}
        guarded = self._checked(dict(zip(raising, places[:n], strict=True)), places[n:], ieee)
        self.place: dict[int, int] = {}  # of outputs: where in y
        self._add_copies()
        self._add_guards(guarded)
        self._leave_out_dead()
        self.groups = self._grouped()
        self.repeats = list(self._repeated())
        alone = sum(len(period) for period, *others in self.repeats if not others)
        self.in_parts = alone > 2 * _PART
        self.parts = self._written(share=False)
        apart = self._bytes()
        self.parts = self._written(share=True)
        if self._bytes() > apart:  # what shares room may be read in odd steps, from tables
            self.parts = self._written(share=False)

    # ── What can fail ───────────────────────────────────────────────────────────────────────────────────────

    def _refuse_what_has_no_c(self, row_at: dict[int, int]) -> None:
        for slot, instruction in enumerate(self.code.instructions, self.first):
            op = instruction.op
            if has_c(op):
                continue
            rows = self.program.rows
            k = row_at.get(slot, next((k for k, row in enumerate(rows) if row.op is op and row.place), -1))
            at = f" at {rows[k].place}" if k >= 0 and rows[k].place else ", in a derivative"
            why = (
                "calls Python, which computes it in ways that C's library lacks"
                if is_built_in(op)
                else "is yours, and has a Python function alone"
            )
            raise ExportError(
                f"{self.program.name} can't be written as C: its op {op.name!r}{at} {why}. Write it with other ops"
            )

    def _check(self, meaning: str) -> int:
        self.checks.append(Check(len(self.checks) + 1, meaning))
        return len(self.checks)

    def _checked(self, slot_of: dict[int, int], guards: Sequence[int], ieee: bool) -> dict[tuple[int, float], int]:
        """Number what can fail in the program's order: ops that raise, by op and line, and guards, by line."""
        leaves = len(self.program.inputs) + len(self.program.captured)
        rows = self.program.rows
        steps: list[tuple[int, Any, int, Any]] = []  # the row, what to check, in which slot, and in words
        for k, slot in slot_of.items():
            if slot >= self.first and not ieee:
                at = rows[k].place or "an unknown line"
                steps.append((k, (rows[k].op.name, at), slot, f"{rows[k].op.name} at {at} raises, or is not finite"))
        for guard, slot in zip(self.program.guards, guards, strict=True):
            if (slot, float(guard.outcome)) in self.code.conditions:
                steps.append((guard.slot - leaves, (guard.outcome, guard.place), slot, guard))
        known: dict[Any, int] = {}
        guarded: dict[tuple[int, float], int] = {}
        for _, what, slot, text in sorted(steps, key=lambda step: step[0]):
            if what not in known:
                known[what] = self._check(text if isinstance(text, str) else f"guard: {self.program.guard_text(text)}")
            if type(what[0]) is bool:
                guarded.setdefault((slot, float(what[0])), known[what])
            else:
                self.status.setdefault(slot, known[what])
        return guarded

    # ── Items, and groups of them ───────────────────────────────────────────────────────────────────────────

    def _add_copies(self) -> None:
        """Outputs that are inputs, constants, or outputs already, are items that copy."""
        new = self.first + len(self.code.instructions)
        for k, slot in enumerate(self.code.outputs):
            if slot in self.items and slot not in self.place:
                self.place[slot] = k
            else:
                self.items[new + k] = Item("detach", (slot,))
                self.place[new + k] = k

    def _add_guards(self, guarded: dict[tuple[int, float], int]) -> None:
        new = self.first + len(self.code.instructions) + len(self.code.outputs)
        self.wanted: dict[int, float] = {}
        for k, ((slot, wanted), status) in enumerate(guarded.items(), new):
            self.items[k] = Item(_GUARD, (slot,))
            self.status[k], self.wanted[k] = status, wanted

    def _leave_out_dead(self) -> None:
        """Without checks, an op that was there to raise is there for nothing."""
        live = {slot for slot in self.items if slot in self.place or slot in self.status}
        for slot in reversed(self.items):
            if slot in live:
                live.update(self.items[slot].inputs)
        self.items = {slot: item for slot, item in self.items.items() if slot in live}

    def _array(self, slot: int) -> str:
        """The array that a slot is in: x, y, v, or c for constants."""
        if slot in self.items:
            return "y" if slot in self.place else "v"
        return "x" if slot < self.n_inputs else "c"

    def _grouped(self) -> list[_Group]:
        """Groups, in an order in which they can be computed."""
        level = dict.fromkeys(range(self.first), 0)
        together: dict[Any, list[int]] = defaultdict(list)
        signs = 0
        for slot, (op, inputs) in self.items.items():
            level[slot] = at = 1 + max([level[x] for x in inputs], default=0)
            if op == "copysign":
                signs = signs or self._check("copysign(a, b) of a b that is nan: its sign means nothing")
                self.status[slot] = signs
            arrays = tuple([(array, len(list(run))) for array, run in groupby(map(self._array, inputs))])
            key = (at, op, arrays, self.status.get(slot, 0), self.wanted.get(slot), slot in self.place)
            together[key].append(slot)
        groups: list[_Group] = []
        for (_, op, _, status, _, out), slots in together.items():
            if out:
                slots.sort(key=self.place.__getitem__)
            alone = len(slots) < _LOOP
            groups += [_Group(op, [s], status) for s in slots] if alone else [_Group(op, slots, status)]
        return self._ordered(groups)

    def _ordered(self, groups: list[_Group]) -> list[_Group]:
        """Groups after those they need, and else in the order of the program."""
        of = {slot: k for k, group in enumerate(groups) for slot in group.slots}
        needs = [{of[x] for s in g.slots for x in self.items[s].inputs if x in of} for g in groups]
        users: dict[int, list[int]] = defaultdict(list)
        for k, needed in enumerate(needs):
            for other in needed:
                users[other].append(k)
        missing = [len(needed) for needed in needs]
        ready = [(min(g.slots), k) for k, g in enumerate(groups) if not missing[k]]
        ready.sort()
        made = []
        while ready:
            _, k = heappop(ready)
            made.append(groups[k])
            for user in users[k]:
                missing[user] -= 1
                if not missing[user]:
                    heappush(ready, (min(groups[user].slots), user))
        return made

    def _kind(self, group: _Group) -> Any:
        """What groups have in common that can be one group in a loop."""
        first = group.slots[0]
        arrays = tuple(map(self._array, self.items[first].inputs))
        return group.op, len(group.slots), arrays, group.check, self.wanted.get(first), first in self.place

    def _repeated(self) -> Iterator[list[list[_Group]]]:
        """Groups that come again and again, as in a loop over time: lists of periods, most of them one of one group."""
        names: dict[Any, int] = {}
        kinds = [names.setdefault(self._kind(group), len(names)) for group in self.groups]
        at = 0
        while at < len(kinds):
            best = 1, 1  # how long a period is, and how often it comes
            for p in range(1, min(_PERIOD, (len(kinds) - at) // _OFTEN) + 1):
                if kinds[at] == kinds[at + p] and (best[1] == 1 or p % best[0]):
                    n = 1
                    while kinds[at : at + p] == kinds[at + n * p : at + (n + 1) * p] and self._goes_on(at, p, n):
                        n += 1
                    if n >= _OFTEN and p * n >= _WORTH_IT and p * n > best[0] * best[1]:
                        best = p, n
            p, n = best
            yield [self.groups[at + k * p : at + (k + 1) * p] for k in range(n)]
            at += p * n

    def _goes_on(self, at: int, p: int, n: int) -> bool:
        """Whether the n-th period reads what lies one step further on, as the one before does."""
        if n < 2:
            return True
        for k in range(at, at + p):
            rows = [self.items[self.groups[k + m * p].slots[0]].inputs for m in (n - 2, n - 1, n)]
            for x, y, z in zip(*rows, strict=True):
                if z - y != y - x and self._array(z) != "c":
                    return False
        return True

    # ── Where items are kept ────────────────────────────────────────────────────────────────────────────────

    def _columns(self, groups: Iterable[_Group]) -> list[list[int]]:
        """What the items of groups read, input by input."""
        return [list(column) for column in zip(*[self.items[s].inputs for g in groups for s in g.slots], strict=True)]

    def _written(self, share: bool) -> list[list[str]]:
        """The lines of the function, in parts; with items in room that others had before them, or each in its own."""
        self.tables = Tables(f"{self.name}_t")
        self.constants: dict[int, int] = {}  # slots of constants that are looked up: where in the table
        self.kept: dict[int, int] = {}  # items that are kept in v: where
        self.wide = 0  # how much room behind them the inputs of one op need
        self._keep_what_loops_need()
        self._find_room(share)
        parts: list[list[str]] = [[]]
        for periods in self.repeats:
            if self.in_parts and len(parts[-1]) > _PART:
                parts.append([])
            parts[-1] += self._unit(periods)
        return parts

    def _bytes(self) -> int:
        """What tables and v take."""
        tables = sum(table.width * len(table.numbers) for table in self.tables.made.values())
        return tables + (4 if self.real == "float" else 8) * (len(self.constants) + self.room)

    def _keep_what_loops_need(self) -> None:
        """Items that loops make, or walk over, go to v; others are variables of their own."""
        for periods in self.repeats:
            for group in chain(*periods):
                if len(group.slots) > 1 or len(periods) > 1 or self.in_parts:
                    self._keep(group.slots)
        for periods in self.repeats:
            for groups in zip(*periods, strict=True):
                columns = self._columns(groups)
                for column in columns:
                    if len(set(column)) > 1:
                        self._keep(column)
                if self._is_looped_sum(groups[0]) or self._is_of_many(groups[0]):
                    self._keep(chain(*zip(*columns, strict=True)))
                if self._is_of_many(groups[0]):
                    self.wide = max(self.wide, len(columns))

    def _find_room(self, share: bool) -> None:
        """Where kept items are: those of a loop side by side, in room that nothing needs any more, if it is shared.

        What stands alone has its own room: loops may walk over such items, in their order.
        """
        last: dict[int, int] = {}  # of each kept item: when it is read last
        for at, periods in enumerate(self.repeats):
            for group in chain(*periods):
                for slot in group.slots:
                    last[slot] = at
                    for x in self.items[slot].inputs:
                        last[x] = at
        rooms = Rooms()
        leaving: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for at, periods in enumerate(self.repeats):
            slots = [slot for group in chain(*periods) for slot in group.slots if slot in self.kept]
            begin = rooms.taken(len(slots), again=share and len(slots) >= _LOOP)
            self.kept.update(zip(slots, range(begin, begin + len(slots)), strict=True))
            if len(slots) >= _LOOP:
                leaving[max(last[slot] for slot in slots)].append((begin, len(slots)))
            for room in leaving.pop(at, []):
                rooms.leave(*room)
        self.room = rooms.size

    def _keep(self, slots: Iterable[int]) -> None:
        for slot in slots:
            if slot in self.items and slot not in self.place and self.items[slot].op != _GUARD:
                self.kept.setdefault(slot, len(self.kept))

    @staticmethod
    def _is_sum(group: _Group) -> bool:
        return group.op in ("sum", "dot", PAIRS)

    def _terms(self, group: _Group) -> int:
        n = len(self.items[group.slots[0]].inputs)
        return n if group.op == "sum" else n // 2

    def _is_looped_sum(self, group: _Group) -> bool:
        return self._is_sum(group) and self._terms(group) > _WRITTEN_OUT

    @staticmethod
    def _is_of_many(group: _Group) -> bool:
        op = getattr(ops, group.op, None)
        return isinstance(op, ops.Op) and op.arity is None and not _File._is_sum(group)

    def _index(self, slot: int) -> int:
        """Where in its array a slot is."""
        if slot in self.items:
            return self.place[slot] if slot in self.place else self.kept[slot]
        if slot < self.n_inputs:
            return slot
        if slot not in self.constants:
            for one in self.baked if slot in self.baked else [slot]:
                self.constants[one] = len(self.constants)
        return self.constants[slot]

    def _number(self, slot: int) -> float:
        """The number of a constant."""
        if slot < self.code.inputs:
            return float(self.program.captured[slot - len(self.program.inputs)]._data)
        return self.code.constants[slot - self.code.inputs]

    def _literal(self, x: float) -> str:
        if self.real == "float" and math.isfinite(x):
            try:
                x = struct.unpack("<f", struct.pack("<f", x))[0]
            except OverflowError:
                raise InputError(
                    f'{self.name}: the number {x!r} is too large for a float; take real="double"'
                ) from None
        return repr(x) if math.isfinite(x) else "NAN" if x != x else "INFINITY" if x > 0.0 else "-INFINITY"

    # ── Lines ───────────────────────────────────────────────────────────────────────────────────────────────

    def _one(self, slot: int) -> str:
        """A number that is the same in all rounds of a loop."""
        array = self._array(slot)
        if array == "c":
            return self._literal(self._number(slot))
        if array == "v" and slot not in self.kept:
            return f"t{slot}"
        return f"{array}[{self._index(slot)}]"

    def _walk(self, slots: Sequence[int], rounds: Sequence[int], letters: Sequence[str]) -> tuple[str, str]:
        """The array, and where in it loops read one slot after the other."""
        array = self._array(slots[0])
        array = f"{self.name}_c" if array == "c" else array
        return array, Walk.of(list(map(self._index, slots)), rounds).text(letters, self.tables)

    def _read(self, slots: Sequence[int], rounds: Sequence[int], letters: Sequence[str]) -> str:
        if len(set(slots)) == 1:
            return self._one(slots[0])
        array, place = self._walk(slots, rounds, letters)
        return f"{array}[{place}]"

    def _unit(self, periods: list[list[_Group]]) -> Iterator[str]:
        """A group, or a loop over periods, as C."""
        n = len(periods)
        yield from _opened([n] * (n > 1), LETTERS[: n > 1])
        for groups in zip(*periods, strict=True):
            yield from self._lines(groups)
        yield from "}" * (n > 1)

    def _lines(self, groups: Sequence[_Group]) -> Iterator[str]:
        """A group, as C; or, within a loop over them, groups of one kind."""
        group, outer = groups[0], [len(groups)] * (len(groups) > 1)
        columns = self._columns([group])
        uneven = [column for column in self._leading(group, columns) if len(set(column)) > 1]
        if group.op != _GUARD and len(group.slots) > 1:
            uneven.append(group.slots)
        rounds = outer + extents([list(map(self._index, column)) for column in uneven])
        if len(rounds) == len(outer) and len(group.slots) > 1:
            rounds.append(len(group.slots))
        letters = LETTERS[: len(rounds)]
        columns = self._columns(groups)
        slots = [slot for group in groups for slot in group.slots]
        declared = ""
        if group.op == _GUARD:
            to = ""
        elif len(slots) == 1:
            to = self._one(slots[0])
            declared = "const double " if to[0] == "t" else ""
        else:
            to = self._read(slots, rounds, letters)
        yield from _opened(rounds[len(outer) :], letters[len(outer) :])
        if self._is_looped_sum(group):
            in_block = not declared and len(rounds) == len(outer)  # s is of this sum alone
            yield from "{" * in_block
            yield from self._looped_sum(group, columns, rounds, to if declared else "s")
            yield from [] if declared else [f"{to} = s;"]
            yield from "}" * in_block
        elif self._is_of_many(group):
            before, array = self._gathered(columns, rounds)
            yield from before
            yield f"{declared}{to} = {call_of_many(group.op, array, len(columns))};"
        elif group.op == _GUARD:
            read = self._read(columns[0], rounds, letters)
            wanted = self.wanted[group.slots[0]]
            yield f"status = {self.name}_check({read} == {wanted!r}, {group.check}, status);"
        else:
            operands = [self._read(column, rounds, letters) for column in columns]
            yield f"{declared}{to} = {self._formula(group, operands)};"
        if group.check and group.op != _GUARD:
            fine = f"isfinite({to})"
            if group.op == "copysign":
                sign = self._read(columns[1], rounds, letters)
                fine = f"{sign} == {sign}"
            yield f"status = {self.name}_check({fine}, {group.check}, status);"
        yield from "}" * (len(rounds) - len(outer))

    def _leading(self, group: _Group, columns: list[list[int]]) -> list[list[int]]:
        """The columns that decide how a group's loops run: of inputs that loops walk over, the first."""
        if not (self._is_looped_sum(group) or self._is_of_many(group)):
            return columns
        start, terms = int(group.op == PAIRS), self._terms(group) if self._is_sum(group) else len(columns)
        sides = [columns[start + k : start + k + terms] for k in range(0, len(columns) - start, terms)]
        firsts = [side[a] for side in sides for a, _ in _runs([self._array(column[0]) for column in side])]
        return columns[:start] + firsts

    def _formula(self, group: _Group, operands: list[str]) -> str:
        terms = operands
        if group.op in ("dot", PAIRS):
            start, n = int(group.op == PAIRS), self._terms(group)
            factors = zip(operands[start : start + n], operands[start + n :], strict=False)
            terms = operands[:start] + [f"{a} * {b}" for a, b in factors]
        elif group.op == "detach":
            return operands[0]
        elif group.op != "sum":
            return call(group.op, operands)
        return " + ".join(terms) or "0.0"

    def _looped_sum(self, group: _Group, columns: list[list[int]], rounds: list[int], total: str) -> Iterator[str]:
        """A sum of many terms, from left to right: -0.0 + a is a, to the bit."""
        start = int(group.op == PAIRS)
        terms = self._terms(group)
        factors = [columns[start : start + terms]]
        if group.op != "sum":
            factors.append(columns[start + terms : start + 2 * terms])
        letters = LETTERS[: len(rounds)]
        first = self._read(columns[0], rounds, letters) if start else "-0.0"
        yield f"double {total} = {first};"
        for a, b in _runs([tuple([self._array(side[j][0]) for side in factors]) for j in range(terms)]):
            sides = [side[a:b] for side in factors]
            yield from self._rounds_of(sides, rounds, f"{total} += {{}};")

    def _rounds_of(self, sides: list[list[list[int]]], rounds: list[int], line: str) -> Iterator[str]:
        """Loops over columns, side by side, within the loops over items: a line with the product of what they read."""
        inner = extents([[self._index(column[0]) for column in side] for side in sides if _varies(side)])
        n = len(sides[0])
        inner = inner or ([n] if n > 1 else [])
        everything = [*rounds, *inner]
        letters = LETTERS[: len(everything)]
        read = [self._read([x for row in zip(*side, strict=True) for x in row], everything, letters) for side in sides]
        yield from _opened(inner, letters[len(rounds) :])
        yield line.format(" * ".join(read), at=flat(inner, letters[len(rounds) :]))
        yield from "}" * len(inner)

    def _gathered(self, columns: list[list[int]], rounds: list[int]) -> tuple[list[str], str]:
        """Lines that put the inputs of an op of many side by side, and where they are; none where they are already."""
        arrays = [self._array(column[0]) for column in columns]
        letters = LETTERS[: len(rounds)]
        if len(set(arrays)) == 1:
            rows = [[self._index(x) for x in row] for row in zip(*columns, strict=True)]
            if all(b - a == 1 for row in rows for a, b in pairwise(row)):
                array, place = self._walk(columns[0], rounds, letters)
                return [], array if place == "0" else f"{array} + {place}"
        room = self.room
        lines: list[str] = []
        for a, b in _runs(arrays):
            at = f"{room + a} + {{at}}" if b - a > 1 and room + a else "{at}" if b - a > 1 else f"{room + a}"
            lines += self._rounds_of([columns[a:b]], rounds, f"v[{at}] = {{}};")
        return lines, f"v + {room}" if room else "v"

    # ── The file ────────────────────────────────────────────────────────────────────────────────────────────

    def text(self, test: tuple[Any, ...] | None) -> Text:
        """The whole file."""
        parts = self.parts
        n, room = len(self.code.outputs), max(1, self.room + self.wide)
        body: list[str] = []
        status = "status" if self.checks else "0"
        if len(parts) == 1:
            declared = ["int status = 0;"] if self.checks else []
            nan = ["y["] if self.checks else []
            body += [f"int {self.name}({self._parameters()})", "{", *_unused(parts[0] + nan), *declared, *parts[0]]
        else:
            for k, lines in enumerate(parts, 1):
                head = f"static int {self.name}_part{k}({self._parameters()}, int status)"
                body += [head, "{", *_unused(lines), *lines, "return status;", "}", ""]
            calls = [f"status = {self.name}_part{k}(x, y, v, status);" for k in range(1, len(parts) + 1)]
            status = "status"
            body += [f"int {self.name}({self._parameters()})", "{", "int status = 0;", *calls]
        if self.checks:
            body += ["if (status != 0) {", f"for (int i = 0; i < {n}; i++) {{", "y[i] = NAN;", "}", "}"]
        body += [f"return {status};", "}"]
        if self.checks:
            body = [
                "/* The least status of those that failed: the first failure in the order of the program. */",
                f"static inline int {self.name}_check(int fine, int k, int status)",
                "{",
                "return fine || (status != 0 && status < k) ? status : k;",
                "}",
                "",
                *body,
            ]
        functions, body, used = printed(body, f"{self.name}_", self.real)
        flags = (*FLAGS, *[f"-fno-builtin-{f}" for f in used if f in ROUNDED])
        data = list(laid_out(self._data()))
        sizes = {f"{self.name}_inputs": self.n_inputs, f"{self.name}_outputs": n, f"{self.name}_scratch": room}
        size = ", ".join(f"{what.upper()} = {k}" for what, k in sizes.items())
        lines = [
            *self._header(flags, used, room),
            "#include <math.h>",
            "",
            f"enum {{ {size} }};",
            "",
            *data,
            *([""] if data else []),
            *functions,
            *laid_out(body),
            *([] if test is None else ["", *laid_out(self._test(test))]),
        ]
        return Text("\n".join(lines) + "\n", self.name, self.n_inputs, n, room, flags)

    def _parameters(self) -> str:
        return "const double *restrict x, double *restrict y, double *restrict v"

    def _data(self) -> Iterator[str]:
        for table in self.tables.made.values():
            yield from _array(f"static const {table.type} {table.name}", map(str, table.numbers))
        if self.constants:
            numbers = [self._literal(self._number(slot)) for slot in self.constants]
            lines = _array(f"static const double {self.name}_c", numbers)
            yield from map(in_single, lines) if self.real == "float" else lines

    def _header(self, flags: Sequence[str], used: Sequence[str], room: int) -> Iterator[str]:
        program, real, width = self.program, self.real, 4 if self.real == "float" else 8
        table = self._bytes() - width * self.room
        counts = ", ".join(f"{n} {op}" for op, n in Counter(i.op.name for i in self.code.instructions).most_common())
        near = sorted(NEAR.keys() & {i.op.name for i in self.code.instructions})
        call = f"int {self.name}(const {real} *x, {real} *y, {real} *v);"
        yield f"/* {_comment(program.name)}, a program recorded by chainrule {__version__}."
        yield ""
        yield f"       {call}"
        yield ""
        yield from _paragraph(
            f"reads {_counted(self.n_inputs, 'number')} x, fills {_counted(len(self.code.outputs), 'number')} y, and "
            f"works in {_counted(room, 'number')} v, {width * room} bytes; none of the three may overlap. "
            f"Tables take {table} bytes. "
            + ("It returns 0, or the number of what went wrong: then y holds nans." if self.checks else "It returns 0.")
        )
        near_text = f", but for {', '.join(near)}: C's own differ in the last bits" if near else ""
        precise = f"the bits that it has in Python on the same C library{near_text}"
        has = precise if real == "double" else "single precision"
        yield from _paragraph(f"Compiled with {' '.join(flags)} it has {has}.")
        yield ""
        names = [*program.inputs, *program._captured_names()]
        yield from _named("x", names[: self.n_inputs])
        if self.baked:
            yield f"   captured numbers are constants: {_comment(_spelled(names[self.n_inputs :]))}"
        yield from _named("y", program.output_names)
        if self.checks:
            yield ""
            yield from [f"   {check.status:4}  {_comment(check.meaning)}" for check in self.checks]
        yield ""
        yield from _paragraph(f"Ops: {counts or 'none'}.")
        yield "*/"

    def _test(self, args: tuple[Any, ...]) -> Iterator[str]:
        """A main that compares with what the program computes here."""
        items = self.program.numbers_of(args)
        if items is None:
            self.program(*args)  # raises what is wrong with them
        numbers = [*items, *[v._data for v in self.program.captured]]
        outputs = self.program.run(items, False)
        if outputs is None:
            self.program(*args)  # raises what keeps it from a result
            raise InputError(f"{self.name}: at these arguments the program has no result to test with")
        upper, real = self.name.upper(), self.real
        yield f"#ifdef {upper}_TEST"
        yield "#include <stdio.h>"
        yield f"#ifndef {upper}_TOLERANCE"
        tolerance = "0.0" if real == "double" else "1e-4"
        yield f"#define {upper}_TOLERANCE {tolerance} /* another libm has other last bits */"
        yield "#endif"
        yield ""
        yield "int main(void)"
        yield "{"
        yield from _array(f"static const {real} x", [_hex(x) for x in numbers[: self.n_inputs]] or ["0"])
        yield from _array("static const double expected", [_hex(y) for y in outputs] or ["0"])
        yield f"static {real} y[{max(1, len(outputs))}], v[{upper}_SCRATCH];"
        yield f"const int status = {self.name}(x, y, v);"
        yield "int wrong = status != 0;"
        yield f'printf("{self.name}: status %d\\n", status);'
        yield f"for (int i = 0; i < {upper}_OUTPUTS; i++) {{"
        yield "const double found = (double)y[i], e = expected[i];"
        yield f"const double allowed = {upper}_TOLERANCE * (1.0 + fabs(e));"
        yield "if (found == e || (found != found && e != e) || fabs(found - e) <= allowed) {"
        yield "continue;"
        yield "}"
        yield 'printf("y[%d] is %a, not %a\\n", i, found, e);'
        yield "wrong = 1;"
        yield "}"
        yield "return wrong;"
        yield "}"
        yield "#endif"


def _unused(lines: list[str]) -> list[str]:
    """What lets a compiler know that arguments are there for nothing."""
    text = "\n".join(lines)
    unused = [f"(void){name};" for name in "xyv" if not re.search(rf"\b{name}\b", text)]
    return [" ".join(unused)] if unused else []


def _varies(side: list[list[int]]) -> bool:
    return len({column[0] for column in side}) > 1


def _runs(kinds: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Where equal neighbours begin and end."""
    at = 0
    for _, run in groupby(kinds):
        n = len(list(run))
        yield at, at + n
        at += n


def _opened(rounds: Sequence[int], letters: Sequence[str]) -> Iterator[str]:
    for n, letter in zip(rounds, letters, strict=True):
        yield f"for (int {letter} = 0; {letter} < {n}; {letter}++) {{"


def _array(head: str, numbers: Iterable[str]) -> Iterator[str]:
    """An array's definition, in lines that are not too long."""
    numbers = list(numbers)
    lines = textwrap.wrap(", ".join(numbers), 112)
    yield f"{head}[{len(numbers)}] = {{"
    yield from lines
    yield "};"


def _hex(x: float) -> str:
    return x.hex() if math.isfinite(x) else "NAN" if x != x else "INFINITY" if x > 0.0 else "-INFINITY"


def _comment(text: str) -> str:
    return text.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ")


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, 116, initial_indent="   ", subsequent_indent="   ", break_on_hyphens=False)


def _named(array: str, names: Sequence[str]) -> Iterator[str]:
    """What the numbers of an array are called; those of one argument in a line."""
    at = 0
    for _, run in groupby(names, lambda name: name.partition("[")[0]):
        same = list(run)
        last = at + len(same) - 1
        place = f"{array}[{at}]" if at == last else f"{array}[{at}..{last}]"
        yield f"   {place:14} {_comment(_spelled(same))}"
        at = last + 1


def _spelled(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{names[0]}, {names[1]} .. {names[-1]}"
