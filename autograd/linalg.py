"""Linear algebra of small matrices of numbers and Values, differentiable at any order.

Matrices are numpy arrays or lists of rows; what comes in as lists comes out as lists. The names are numpy's. What is
added up is one `dot` node, so that a factorisation of an n × n matrix makes some 3n² nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from . import ops
from .arrays import is_array, numbers_of, shaped
from .engine import Value
from .errors import InputError, InputTypeError, SingularMatrixError

__all__ = ["cholesky", "det", "inv", "lu", "solve"]

Rows: TypeAlias = list[list[Any]]


def lu(a: Any) -> tuple[Any, Any, Any]:
    """a = p @ l @ u: a permutation, a lower triangle with ones on its diagonal, an upper one; as scipy's ``lu``.

    Args:
        a: a square matrix.

    Raises:
        InputError: where a is not square.
        SingularMatrixError: where it has no inverse.
        InputTypeError: where a is no matrix of numbers.

    >>> p, l, u = lu([[0.0, 2.0], [4.0, 6.0]])
    >>> p, l, u
    ([[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[4.0, 6.0], [0.0, 2.0]])
    """
    rows, given_out = _square("lu", a)
    factors, order = _factored("lu", rows)
    n = len(rows)
    p = [[1.0 if order[j] == i else 0.0 for j in range(n)] for i in range(n)]
    lower = [[factors[i][j] if j < i else 1.0 if j == i else 0.0 for j in range(n)] for i in range(n)]
    upper = [[factors[i][j] if j >= i else 0.0 for j in range(n)] for i in range(n)]
    return given_out(p), given_out(lower), given_out(upper)


def solve(a: Any, b: Any) -> Any:
    """x with a @ x = b, by LU with partial pivoting.

    Args:
        a: a square matrix.
        b: a vector, or a matrix of columns.

    Raises:
        InputError: where a is not square, or b does not fit.
        SingularMatrixError: where a has no inverse.
        InputTypeError: where a or b holds something other than numbers.

    >>> solve([[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0])
    [0.8, 1.4]
    """
    rows, _ = _square("solve", a)
    columns, given_out = _right_side(rows, b, as_array=is_array(a))
    factors, order = _factored("solve", rows)
    return given_out([_solved(factors, [column[i] for i in order]) for column in columns])


def inv(a: Any) -> Any:
    """The inverse of a square matrix.

    Raises:
        InputError: where a is not square.
        SingularMatrixError: where it has no inverse.
        InputTypeError: where a is no matrix of numbers.

    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    [[0.5, 0.0], [0.0, 0.25]]
    """
    rows, given_out = _square("inv", a)
    factors, order = _factored("inv", rows)
    columns = [_solved(factors, [1.0 if i == j else 0.0 for i in order]) for j in range(len(rows))]
    return given_out([list(row) for row in zip(*columns, strict=True)])


def det(a: Any) -> Any:
    """The determinant: its derivatives are right for a singular matrix too.

    The product of LU's pivots; where a pivot is exactly 0, Bird's algorithm (2011, Information Processing Letters 111,
    1072), which divides by nothing.

    Raises:
        InputError: where a is not square.
        InputTypeError: where a is no matrix of numbers.

    >>> det([[2.0, 1.0], [1.0, 3.0]])
    5.0
    """
    rows, _ = _square("det", a)
    try:
        factors, order = _factored("det", rows)
    except SingularMatrixError:
        return _det_without_division(rows)
    swaps = sum(order[j] > order[i] for i in range(len(order)) for j in range(i))
    return ops.prod(-1.0 if swaps % 2 else 1.0, *[factors[k][k] for k in range(len(rows))])


def cholesky(a: Any) -> Any:
    """The lower triangle l with l @ l.T = a; a's lower triangle is read and nothing else of it, as numpy does.

    Raises:
        InputError: where a is not square, or not positive definite.
        InputTypeError: where a is no matrix of numbers.

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]])
    [[2.0, 0.0], [1.0, 2.0]]
    """
    rows, given_out = _square("cholesky", a)
    n = len(rows)
    lower: Rows = [[0.0] * n for _ in rows]
    for j in range(n):
        pivot = _less(rows[j][j], lower[j][:j], lower[j][:j])
        if not _data(pivot) > 0.0:
            raise InputError(
                f"cholesky: the matrix is not positive definite: pivot {j} is {_data(pivot)!r}. "
                "For a matrix that isn't, use solve or lu"
            )
        lower[j][j] = ops.sqrt(pivot)
        for i in range(j + 1, n):
            lower[i][j] = _less(rows[i][j], lower[i][:j], lower[j][:j]) / lower[j][j]
    return given_out(lower)


def _factored(name: str, rows: Rows) -> tuple[Rows, list[int]]:
    """L below the diagonal and U from it on, of the rows in the order that comes second."""
    lu = [list(row) for row in rows]
    n = len(lu)
    order = list(range(n))
    for k in range(n):
        above = [lu[j][k] for j in range(k)]
        for i in range(k, n):
            lu[i][k] = _less(lu[i][k], lu[i][:k], above)
        best = max(range(k, n), key=lambda i: abs(_data(lu[i][k])))
        if _data(lu[best][k]) == 0.0:
            raise SingularMatrixError(
                f"{name}: the matrix is singular: its column {k} is a combination of those before. "
                "Take out an unknown or add what is missing"
            )
        lu[k], lu[best] = lu[best], lu[k]
        order[k], order[best] = order[best], order[k]
        for i in range(k + 1, n):
            lu[i][k] = lu[i][k] / lu[k][k]
        for j in range(k + 1, n):
            lu[k][j] = _less(lu[k][j], lu[k][:k], [lu[i][j] for i in range(k)])
    return lu, order


def _solved(lu: Rows, b: Sequence[Any]) -> list[Any]:
    x = list(b)
    for i in range(len(x)):
        x[i] = _less(x[i], lu[i][:i], x[:i])
    for i in reversed(range(len(x))):
        x[i] = _less(x[i], lu[i][i + 1 :], x[i + 1 :]) / lu[i][i]
    return x


def _det_without_division(rows: Rows) -> Any:
    n = len(rows)
    x = rows
    for _ in range(n - 1):
        tails = [ops.sum(0.0, *[x[k][k] for k in range(i + 1, n)]) for i in range(n)]
        x = [
            [
                ops.dot(-tails[i], *x[i][i + 1 :], *[rows[k][j] for k in range(i, n)])
                for j in range(n)
            ]
            for i in range(n)
        ]  # fmt: skip
    return x[0][0] if n % 2 else -x[0][0]


def _less(a: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    """a - Σ x y"""
    return a - ops.dot(*xs, *ys) if xs else a


def _data(x: Any) -> float:
    return x.data if type(x) is Value else x


def _square(name: str, a: Any) -> tuple[Rows, Callable[[Rows], Any]]:
    """The rows of a matrix, and how a matrix is given out: as this one came."""
    if is_array(a):
        if a.ndim != 2 or a.shape[0] != a.shape[1]:
            raise InputError(f"{name} needs a square matrix, not an array of shape {a.shape}")
        numbers = numbers_of(a, f"{name}'s")
        n = len(a)
        rows = [numbers[i : i + n] for i in range(0, n * n, n)]
        return rows, lambda new: shaped([x for row in new for x in row], (n, n))
    if not isinstance(a, (list, tuple)) or not all(isinstance(row, (list, tuple)) for row in a):
        raise InputTypeError(f"{name} needs a matrix, an array or a list of rows, not {type(a).__name__}")
    if any(len(row) != len(a) for row in a):
        raise InputError(f"{name} needs a square matrix; it has {len(a)} rows, and rows of {sorted({*map(len, a)})}")
    rows = [_numbers(row, f"row {i} of the matrix of {name}") for i, row in enumerate(a)]
    return rows, lambda new: new


def _right_side(rows: Rows, b: Any, as_array: bool) -> tuple[Rows, Callable[[Rows], Any]]:
    """The columns of a vector or matrix, and how solved columns are given out."""
    n = len(rows)
    if is_array(b):
        numbers, shape = numbers_of(b, "the right side's"), b.shape
    elif isinstance(b, (list, tuple)) and b and all(isinstance(row, (list, tuple)) for row in b):
        if len({*map(len, b)}) > 1:
            raise InputError(f"solve: the rows of the right side have {sorted({*map(len, b)})} entries")
        numbers, shape = [x for row in b for x in _numbers(row, "the right side")], (len(b), len(b[0]))
    elif isinstance(b, (list, tuple)):
        numbers, shape = _numbers(b, "the right side"), (len(b),)
    else:
        raise InputTypeError(f"solve needs a vector or matrix on the right side, not {type(b).__name__}")
    if len(shape) not in (1, 2) or shape[0] != n:
        raise InputError(f"solve: the matrix has {n} rows and the right side the shape {shape}")
    as_array = as_array or is_array(b)
    if len(shape) == 1:
        return [numbers], lambda columns: shaped(columns[0], shape) if as_array else columns[0]
    width = shape[1]

    def given_out(columns: Rows) -> Any:
        new = [[column[i] for column in columns] for i in range(n)]
        return shaped([x for row in new for x in row], shape) if as_array else new

    return [numbers[j::width] for j in range(width)], given_out


def _numbers(row: Sequence[Any], what: str) -> list[Any]:
    return [x if type(x) is Value else ops.number(x, f"entry {j} of {what}") for j, x in enumerate(row)]
