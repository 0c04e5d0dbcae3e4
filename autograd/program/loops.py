"""Places in arrays as C: an even walk through an array becomes a loop's formula, any other a table.

The places that the items of a run read, one after the other, are a sequence. Rows of a matrix, columns, samples of
a batch: most sequences are sums of even steps in loops within loops, ``65 * i + j``. What is not is read from a
table of the smallest unsigned type that holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Final, NamedTuple

LETTERS: Final = (*"ijklmnop", *[f"i{k}" for k in range(9, 65)])  # of loops within loops, outermost first
_TYPES: Final = (("unsigned char", 1), ("unsigned short", 2), ("unsigned", 4))


class Table(NamedTuple):
    """Numbers that a formula looks up: its name, their C type, how many bytes one has, and they."""

    name: str
    type: str
    width: int
    numbers: tuple[int, ...]


class Tables:
    """The tables of a file, each once."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.made: dict[tuple[int, ...], Table] = {}

    def name(self, numbers: Sequence[int]) -> str:
        """The name of a table of these numbers, none of them below 0."""
        key = tuple(numbers)
        if key not in self.made:
            kind, width = next(t for t in _TYPES if max(key) < 1 << 8 * t[1])
            self.made[key] = Table(f"{self.prefix}{len(self.made) + 1}", kind, width, key)
        return self.made[key].name


def is_even(sequence: Sequence[int]) -> bool:
    """Whether a sequence goes in even steps.

    >>> is_even([3, 5, 7]), is_even([3, 5, 8])
    (True, False)
    """
    step = sequence[1] - sequence[0] if len(sequence) > 1 else 0
    return all(b - a == step for a, b in pairwise(sequence))


def _splits(sequence: Sequence[int], m: int) -> bool:
    """Whether the sequence is one of every m-th plus one of the first m."""
    inner = [x - sequence[0] for x in sequence[:m]]
    return all(
        [x - sequence[q] for x in sequence[q : q + m]] == inner  # the list, to compare in C
        for q in range(m, len(sequence), m)
    )


def extents(sequences: Sequence[Sequence[int]]) -> list[int]:
    """How often loops within loops run, outermost first, so that as many sequences as possible need no table.

    >>> extents([[0, 1, 2, 3, 4, 5], [0, 0, 0, 7, 7, 7]])
    [2, 3]
    """
    n = len(sequences[0]) if sequences else 1
    uneven = [s for s in sequences if not is_even(s)]
    if n == 1 or not uneven:
        return [n] if n > 1 else []
    divisors = [m for m in range(2, n // 2 + 1) if n % m == 0]
    found = [{m for m in divisors if _splits(s, m)} for s in uneven]
    common = set(divisors).intersection(*[ms for ms in found if ms]) if any(found) else set()
    if not common:
        return [n]
    m = max(common, key=lambda m: (sum(is_even(s[:m]) for s in uneven), m))
    return extents([s[::m] for s in sequences]) + extents([s[:m] for s in sequences])


class Walk(NamedTuple):
    """A sequence as loops see it: where it begins, and what each loop adds; None where no such sum gives it."""

    base: int
    steps: tuple[tuple[int, ...], ...] | None
    sequence: Sequence[int]
    extents: Sequence[int]

    @classmethod
    def of(cls, sequence: Sequence[int], extents: Sequence[int]) -> Walk:
        """The walk of a sequence through loops.

        >>> Walk.of([5, 6, 15, 16], [2, 2]).steps
        ((0, 10), (0, 1))
        """
        base = sequence[0]
        inner, steps, sums = len(sequence), [], [0]
        for n in extents:
            inner //= n
            steps.append(tuple([sequence[q * inner] - base for q in range(n)]))
            sums = [a + b for a in sums for b in steps[-1]]
        fits = all(a + base == b for a, b in zip(sums, sequence, strict=True))
        return cls(base, tuple(steps) if fits else None, sequence, extents)

    def text(self, letters: Sequence[str], tables: Tables) -> str:
        """The place as a formula of the loops' letters.

        >>> Walk.of([5, 6, 15, 16], [2, 2]).text("ij", Tables("t"))
        '5 + 10 * i + j'
        """
        if self.steps is None:
            return f"{tables.name(self.sequence)}[{flat(self.extents, letters)}]"
        base, terms = self.base, []
        for step, letter in zip(self.steps, letters, strict=True):
            if is_even(step):
                if step[-1]:
                    terms.append(_times(step[1], letter))
            else:
                least = min(step)
                base += least
                terms.append(f" + {tables.name([x - least for x in step])}[{letter}]")
        text = (str(base) if base else "") + "".join(terms)
        return text.removeprefix(" + ") or "0"


def _times(step: int, letter: str) -> str:
    return f" {'-' if step < 0 else '+'} {letter if step in (1, -1) else f'{abs(step)} * {letter}'}"


def flat(extents: Sequence[int], letters: Sequence[str]) -> str:
    """How many rounds of the innermost loop came before.

    >>> flat([2, 3], "ij")
    '3 * i + j'
    """
    terms = [_times(prod(extents[k + 1 :]), letter) for k, letter in enumerate(letters)]
    return "".join(terms).removeprefix(" + ") or "0"


class Rooms:
    """Room in an array, taken and left again.

    >>> rooms = Rooms()
    >>> rooms.taken(3), rooms.taken(2), rooms.leave(0, 3), rooms.taken(2), rooms.size
    (0, 3, None, 0, 5)
    """

    def __init__(self) -> None:
        self.size = 0
        self._free: list[tuple[int, int]] = []  # where, and how much; in order, none beside another

    def taken(self, n: int, again: bool = True) -> int:
        """Where n numbers may stand: in room that was left, where there is enough and it may be taken again."""
        for k, (begin, size) in enumerate(self._free):
            if again and size >= n > 0:
                self._free[k : k + 1] = [(begin + n, size - n)] if size > n else []
                return begin
        self.size += n
        return self.size - n

    def leave(self, begin: int, n: int) -> None:
        """Let others take it."""
        joined: list[tuple[int, int]] = []
        for at, size in sorted([*self._free, (begin, n)]):
            if joined and sum(joined[-1]) == at:
                joined[-1] = joined[-1][0], joined[-1][1] + size
            else:
                joined.append((at, size))
        self._free = joined
