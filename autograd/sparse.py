"""Sparse derivatives: the only place where scipy's sparse matrices are imported.

The graph tells which entries there are (pattern.py), a colouring which of them one pass can find together
(colouring.py). A Hessian of 1 000 variables that meet only their neighbours takes three passes, not a thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from .calls import Call, transformed
from .colouring import distinct, star
from .errors import InputTypeError, MissingLibraryError
from .passes import backwards, forwards, forwards_is_cheaper
from .pattern import Pattern, dependence


def sparsity(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that computes which results of f depend on which arguments, at a point.

    Results and arguments are counted as they come, whatever containers they stand in. A Hessian's is that of the
    gradient: ``sparsity(grad(f))``. Where f branches, the pattern is that of the branch taken.

    Args:
        f: from numbers to numbers, each alone or in containers.
        argnums: which positional argument, or several.

    Raises:
        InputTypeError: where f is not callable, or arguments or results hold something other than numbers.
        InputError: where there is no such argument.

    >>> print(sparsity(lambda x: [x[0] * x[1], x[1] + x[2]])([1.0, 2.0, 3.0]))
    ■ ■ ·
    · ■ ■
    """
    return transformed("sparsity", f, argnums, lambda call: dependence(call.ys, call.xs))


def sparse_jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that computes f's Jacobian as a ``scipy.sparse.csr_array``, in as many passes as colours.

    Results and arguments are counted as they come, whatever containers they stand in.

    Args:
        f: from numbers to numbers, each alone or in containers.
        argnums: which positional argument, or several.

    Raises:
        InputTypeError: where f is not callable, arguments or results hold something other than numbers, or an argument
            holds a Value: a sparse matrix holds floats.
        InputError: where there is no such argument.
        MissingLibraryError: where scipy is not installed.

    >>> print(sparse_jacobian(lambda x: [x[0] * x[1], x[1] + x[2]])([1.0, 2.0, 3.0]).toarray())
    [[2. 1. 0.]
     [0. 1. 1.]]
    """
    return transformed("sparse_jacobian", f, argnums, _jacobian)


def sparse_hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that computes f's Hessian as a ``scipy.sparse.csr_array``, in as many passes as colours.

    Args:
        f: from numbers, alone or in containers, to one number.
        argnums: which positional argument, or several.

    Raises:
        InputTypeError: as for `sparse_jacobian`, and where f returns more than one number.
        InputError: where there is no such argument.
        MissingLibraryError: where scipy is not installed.

    >>> print(sparse_hessian(lambda x: x[0] ** 2 * x[1] + x[2])([1.0, 2.0, 3.0]).toarray())
    [[4. 2. 0.]
     [2. 0. 0.]
     [0. 0. 0.]]
    """
    return transformed("sparse_hessian", f, argnums, _hessian)


def _jacobian(call: Call) -> Any:
    _refuse_values(call)
    pattern = dependence(call.ys, call.xs)
    reached = {j for row in pattern.rows for j in row}
    call.check_dependence([[0.0 if j in reached else None for j in range(len(call.xs))]])
    rows, columns = distinct(pattern.transposed()), distinct(pattern)
    by_colour: list[list[Any]]
    if forwards_is_cheaper(call.xs, call.ys, max(columns, default=-1) + 1, max(rows, default=-1) + 1, call.outer):
        directions = [[1.0 if c == colour else None for c in columns] for colour in range(max(columns, default=-1) + 1)]
        by_colour = forwards(call.ys, call.xs, directions)
        return _matrix(pattern, lambda i, j: by_colour[columns[j]][i])
    by_colour = [backwards(group, call.xs) for group in _groups(call.ys, rows)]
    return _matrix(pattern, lambda i, j: by_colour[rows[i]][j])


def _hessian(call: Call) -> Any:
    call.check_one_result()
    _refuse_values(call)
    slopes = backwards(call.ys, call.xs, graph=True)
    call.check_dependence([slopes])
    there = [i for i, slope in enumerate(slopes) if slope is not None]
    found = dict(zip(there, dependence([slopes[i] for i in there], call.xs).rows, strict=True))
    half = [set(found.get(i, ())) for i in range(len(call.xs))]
    for i, row in found.items():
        for j in row:
            half[j].add(i)
    n = len(call.xs)
    pattern = Pattern((n, n), tuple(tuple(sorted(row)) for row in half))
    colours = star(pattern)
    by_colour = [backwards([s for s in group if s is not None], call.xs) for group in _groups(slopes, colours)]
    counts = [Counter([colours[j] for j in row]) for row in pattern.rows]

    def entry(i: int, j: int) -> Any:
        alone = counts[i][colours[j]] == 1  # else i is, among the neighbours of j: that is what the colours are for
        return by_colour[colours[j]][i] if alone else by_colour[colours[i]][j]

    return _matrix(pattern, entry)


def _groups(nodes: Sequence[Any], colours: Sequence[int]) -> list[list[Any]]:
    groups: list[list[Any]] = [[] for _ in range(max(colours, default=-1) + 1)]
    for node, colour in zip(nodes, colours, strict=True):
        groups[colour].append(node)
    return groups


def _refuse_values(call: Call) -> None:
    if call.outer:
        dense = call.name.removeprefix("sparse_")
        raise InputTypeError(
            f"{call.name}: a sparse matrix holds floats, and this derivative would be of Values, since an argument is "
            f"one, or f uses one from outside; pass their numbers, v.data, or write {dense}(f)"
        )


def _matrix(pattern: Pattern, entry: Callable[[int, int], Any]) -> Any:
    try:
        from scipy.sparse import csr_array
    except ImportError:
        raise MissingLibraryError("sparse matrices need scipy: pip install scipy") from None
    entries = [entry(i, j) for i, row in enumerate(pattern.rows) for j in row]
    starts = [0]
    for row in pattern.rows:
        starts.append(starts[-1] + len(row))
    places = [j for row in pattern.rows for j in row]
    return csr_array(([0.0 if e is None else e for e in entries], places, starts), shape=pattern.shape, dtype=float)
