"""Columns that one pass can find together: those of one colour.

Both are greedy, the fullest columns first; see Gebremedhin, Manne, Pothen (2005), "What color is your Jacobian?",
SIAM Review 47, 629.
"""

from __future__ import annotations

from collections.abc import Sequence

from .pattern import Pattern


def distinct(pattern: Pattern) -> list[int]:
    """A colour for each column, so that no row has two entries of one colour (a partial distance-2 colouring).

    The sum of a colour's columns then has each entry of theirs, in the row where it was.

    >>> distinct(Pattern((2, 3), ((0, 1), (1, 2))))
    [1, 0, 1]
    """
    taken: list[set[int]] = [set() for _ in pattern.rows]
    columns = pattern.transposed().rows
    colours = [0] * len(columns)
    for j in _fullest_first(columns):
        colours[j] = colour = _lowest_free(set().union(*[taken[i] for i in columns[j]]))
        for i in columns[j]:
            taken[i].add(colour)
    return colours


def star(pattern: Pattern) -> list[int]:
    """A colour for each column of a symmetric matrix, so that every entry can be read from one of its two places.

    Neighbours differ, and every path of four has three colours (a star colouring; algorithm 4.1 of that paper): of two
    neighbours, at least one is the other's only neighbour of its colour. An arrow takes 2 colours, where `distinct`
    needs one a column.

    >>> star(Pattern((4, 4), ((0, 1, 2, 3), (0, 1), (0, 2), (0, 3))))
    [0, 1, 1, 1]
    """
    near = [[j for j in row if j != i] for i, row in enumerate(pattern.rows)]
    colours = [-1] * len(near)
    for v in _fullest_first(near):
        forbidden = set()
        for w in near[v]:
            if colours[w] >= 0:
                forbidden.add(colours[w])
            for x in near[w]:
                if colours[x] < 0 or colours[x] in forbidden:
                    continue
                if colours[w] < 0 or any(y != w and colours[y] == colours[w] for y in near[x]):
                    forbidden.add(colours[x])
        colours[v] = _lowest_free(forbidden)
    return colours


def _fullest_first(columns: Sequence[Sequence[int]]) -> list[int]:
    return sorted(range(len(columns)), key=lambda j: -len(columns[j]))


def _lowest_free(taken: set[int]) -> int:
    colour = 0
    while colour in taken:
        colour += 1
    return colour
