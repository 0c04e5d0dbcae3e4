"""Grids: sums of products that are, all together, the product of two matrices.

The sums of a layer over a batch, wᵢ·xₖ for all i and k, share their factors: each row of the one matrix meets each row
of the other. Found again, they need no list of slots, and a machine computes many of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from .sums import PAIRS, Item

Factors = tuple[int, ...]
PRODUCTS: Final = ("dot", PAIRS, "mul")
LEAST: Final = 16  # cells: a smaller grid is no faster than a run


class Grid(NamedTuple):
    """A product of two matrices.

    Attributes:
        rows: the left factors of each row's cells.
        columns: the right factors of each column's.
        cells: the slot of the sum of each row's products with each column's.
    """

    rows: list[Factors]
    columns: list[Factors]
    cells: list[list[int]]


def factors_of(item: Item) -> tuple[Factors, Factors]:
    """The left and the right factors of a product, or of a sum of products.

    >>> factors_of(Item("pairs", (9, 1, 2, 3, 4), False))
    ((1, 2), (3, 4))
    """
    first = 1 if item.op == PAIRS else 0
    half = (len(item.inputs) - first) // 2
    return item.inputs[first : first + half], item.inputs[first + half :]


def alike(items: dict[int, Item], members: Sequence[int], one: int) -> None:
    """Make all of some sums begin with a product, c with c · 1, if one of them does.

    >>> sums = {5: Item("dot", (0, 1, 2, 3), False), 6: Item("pairs", (0, 1, 2), False)}
    >>> alike(sums, [5, 6], 9)
    >>> sums[6].inputs
    (0, 1, 9, 2)
    """
    kinds = {items[slot].op for slot in members}
    if len(kinds) > 1:
        for slot in members:
            item = items[slot]
            if item.op == PAIRS:
                (left, right), start = factors_of(item), item.inputs[0]
                items[slot] = Item("dot", (start, *left, one, *right), False)


def found(members: Sequence[int], items: Mapping[int, Item], one: int) -> tuple[list[Grid], list[int]]:
    """The grids among some sums of as many products each, and the sums that are left over.

    Args:
        members: their slots.
        items: by slot, what is to be computed.
        one: the slot that stands for 1; the next stands for -1.

    >>> sums = {10 + k: Item("dot", (k // 4, 8, 4 + k % 4, 9), False) for k in range(16)}
    >>> grids, rest = found([*sums], sums, 20)
    >>> grids[0].rows, grids[0].columns, grids[0].cells[1], rest
    ([(0, 8), (1, 8), (2, 8), (3, 8)], [(4, 9), (5, 9), (6, 9), (7, 9)], [14, 15, 16, 17], [])
    """
    if len(members) < LEAST:
        return [], [*members]
    pairs = [factors_of(items[slot]) for slot in members]
    if items[members[0]].op != "mul" and any(max(right) >= one for _, right in pairs):
        pairs = _one_on_a_side(pairs, one)
    lefts, rights = set(), set()
    for left, right in pairs:
        lefts.add(left)
        rights.add(right)
    if len(lefts) == len(rights) == len(members):
        return [], [*members]
    by_row: dict[Factors, dict[Factors, int]] = {}
    rest: list[int] = []
    for slot, (left, right) in zip(members, pairs, strict=True):
        row = by_row.setdefault(left, {})
        if right in row:
            rest.append(slot)
        else:
            row[right] = slot
    alike: dict[frozenset[Factors], list[Factors]] = {}
    for left, row in by_row.items():
        alike.setdefault(frozenset(row), []).append(left)
    grids = []
    for rows in alike.values():
        columns = [*by_row[rows[0]]]
        cells = [[by_row[row][column] for column in columns] for row in rows]
        if len(rows) * len(columns) < LEAST or len(rows) == 1 or len(columns) == 1:
            for slots in cells:
                rest += slots
        else:
            grids.append(Grid(rows, columns, cells))
    return grids, rest


def own_ends(members: Sequence[int], items: Mapping[int, Item]) -> tuple[int, int]:
    """How many products at the beginning and at the end of sums are each sum's own, and can be in no grid.

    The gradient of a penalty on the weights stands there, beside those of a batch.

    >>> sums = {10 + k: Item("dot", (k, k // 4, 4 + k // 4, 30, 20 + k % 4, 24 + k % 4), False) for k in range(16)}
    >>> own_ends([*sums], sums)
    (1, 0)
    """
    pairs = [factors_of(items[slot]) for slot in members]
    terms, most = len(pairs[0][0]), 3 * len(members) // 4

    def shared(j: int) -> bool:
        return len({left[j] for left, _ in pairs}) <= most and len({right[j] for _, right in pairs}) <= most

    head = next((j for j in range(terms) if shared(j)), 0)
    tail = next((j for j in range(terms) if shared(terms - 1 - j)), 0)
    return head, tail


def _one_on_a_side(pairs: list[tuple[Factors, Factors]], one: int) -> list[tuple[Factors, Factors]]:
    """The factors, with each 1 and -1 on the side where it leaves fewer rows and columns: it has none by itself."""
    turned = []
    for left, right in pairs:
        if max(right) >= one:
            exchanged = [(b, a) if b >= one else (a, b) for a, b in zip(left, right, strict=True)]
            left, right = zip(*exchanged, strict=True)
        turned.append((left, right))
    return min(pairs, turned, key=_different)


def _different(pairs: Iterable[tuple[Factors, Factors]]) -> int:
    lefts, rights = zip(*pairs, strict=True)
    return len({*lefts}) + len({*rights})
