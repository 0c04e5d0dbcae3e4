"""autograd.linalg: against mpmath's matrices, differentiated, and misused."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, grad, gradients, hessian, jacobian
from autograd.errors import InputError, InputTypeError, SingularMatrixError
from autograd.linalg import cholesky, det, inv, lu, solve

entries = st.integers(-8, 8).map(lambda k: k / 4)


@st.composite
def matrices(draw: Any, most: int = 4) -> list[list[float]]:
    n = draw(st.integers(1, most))
    return [[draw(entries) for _ in range(n)] for _ in range(n)]


def exact_det(a: list[list[Any]]) -> Any:
    """By Leibniz: products of entries over all permutations."""
    total: Any = 0.0
    for p in itertools.permutations(range(len(a))):
        swaps = sum(p[i] > p[j] for j in range(len(a)) for i in range(j))
        term: Any = -1.0 if swaps % 2 else 1.0
        for i, j in enumerate(p):
            term = term * a[i][j]
        total = total + term
    return total


def invertible(n: int, seed: int) -> list[list[float]]:
    return [[math.sin(3.0 * i + 7.0 * j * j + seed) + 2.5 * (i == (j + seed) % n) for j in range(n)] for i in range(n)]


@given(matrices())
def test_determinants_and_their_derivatives_of_any_matrix(a: list[list[float]]) -> None:
    assert det(a) == pytest.approx(exact_det(a), abs=1e-9)
    close = pytest.approx(np.array(grad(exact_det)(a)), abs=1e-9)
    assert np.array(grad(det)(a)) == close


@pytest.mark.parametrize(
    "a",
    [
        [[0.0, 0.0], [0.0, 0.0]],
        [[1.0, 2.0], [2.0, 4.0]],
        [[0.0, 1.0], [0.0, 2.0]],
        [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 2.0, 3.0]],
        [[0.0] * 3 for _ in range(3)],
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 2.0]],
    ],
    ids=str,
)
def test_determinants_of_singular_matrices_to_the_third_derivative(a: list[list[float]]) -> None:
    for transform in (grad, hessian, lambda f: jacobian(hessian(f))):
        got, truth = np.array(transform(det)(a)), np.array(transform(exact_det)(a))
        assert np.abs(got - truth).max() <= 1e-12
    assert det(a) == 0.0


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (2, 1), (3, 0), (5, 2), (8, 1)])
def test_solutions_and_inverses_against_mpmath(n: int, seed: int) -> None:
    a = invertible(n, seed)
    b = [math.cos(k + 0.5) for k in range(n)]
    with mpmath.workdps(40):
        matrix = mpmath.matrix(a)
        x = [float(v) for v in mpmath.lu_solve(matrix, mpmath.matrix(b))]
        inverse = np.array((matrix**-1).tolist(), dtype=float)
        size = float(mpmath.det(matrix))
    assert solve(a, b) == pytest.approx(x, rel=1e-12)
    assert np.array(inv(a)) == pytest.approx(inverse, rel=1e-12, abs=1e-13)
    assert det(a) == pytest.approx(size, rel=1e-12)
    assert np.array(grad(det)(a)) == pytest.approx(size * inverse.T, rel=1e-11, abs=1e-12)  # Jacobi's formula


def test_derivatives_of_a_solution_against_their_formulas() -> None:
    a, b = invertible(4, 3), [1.0, -2.0, 0.5, 3.0]
    inverse, x = np.array(inv(a)), np.array(solve(a, b))
    by_b = np.array(jacobian(solve, argnums=1)(a, b))
    assert by_b == pytest.approx(inverse, rel=1e-12)
    by_a = np.array(jacobian(solve)(a, b))  # dx = -a⁻¹ da x
    assert by_a == pytest.approx(-np.einsum("ki,j->kij", inverse, x), rel=1e-11, abs=1e-13)
    second = np.array(jacobian(jacobian(solve, argnums=1), argnums=0)(a, b))
    truth = -np.einsum("ki,jl->klij", inverse, inverse)
    assert second == pytest.approx(truth, rel=1e-11, abs=1e-13)


@given(matrices(3), st.integers(0, 5))
def test_factorisations_give_back_the_matrix(a: list[list[float]], seed: int) -> None:
    array = np.array(a) + 10.0 * np.eye(len(a))[:, ::-1]  # the pivots are not on the diagonal
    p, lower, upper = lu(array)
    assert p @ lower @ upper == pytest.approx(array, rel=1e-12, abs=1e-12)
    assert (p.sum(axis=0) == 1.0).all()
    assert (np.triu(lower, 1) == 0.0).all()
    assert (np.diag(lower) == 1.0).all()
    assert (np.tril(upper, -1) == 0.0).all()
    assert np.abs(lower).max() <= 1.0
    square = array @ array.T
    root = cholesky(square)
    assert root == pytest.approx(np.linalg.cholesky(square), rel=1e-9, abs=1e-9)


def test_factorisations_differentiate() -> None:
    a = np.array(invertible(3, 1))

    def again(x: Any) -> Any:
        p, lower, upper = lu(x)
        return p @ lower @ upper

    assert jacobian(again)(a) == pytest.approx(np.eye(9).reshape(3, 3, 3, 3), abs=1e-13)

    def squared(x: Any) -> Any:
        root = cholesky(x)
        return root @ root.T

    found = jacobian(squared)(a @ a.T + np.eye(3))
    for i, j in itertools.product(range(3), repeat=2):
        wanted = np.zeros((3, 3))
        wanted[max(i, j), min(i, j)] = 1.0  # the lower triangle is what is read
        assert found[i, j] == pytest.approx(wanted, abs=1e-12)


def test_log_det_of_a_covariance_has_its_inverse_for_gradient() -> None:
    a = np.array(invertible(4, 2))
    covariance = a @ a.T

    def log_det(c: Any) -> Any:
        return autograd.sum([2.0 * v.log() for v in np.diag(cholesky(c))])

    found = grad(log_det)(covariance)
    assert (found + found.T) / 2 == pytest.approx(np.linalg.inv(covariance), rel=1e-9, abs=1e-10)


def test_what_comes_in_comes_out() -> None:
    a, b = [[2.0, 1.0], [1, 3.0]], [3.0, 5]
    assert type(solve(a, b)) is list
    assert type(solve(np.array(a), b)) is np.ndarray
    assert solve(a, np.array(b)).dtype == float
    assert solve([[2.0, 0.0], [0.0, 4.0]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]) == [[0.5, 1.0, 1.5], [1.0, 1.25, 1.5]]
    assert solve(np.array(a), np.eye(2)).shape == (2, 2)
    assert inv(np.array([[Value(2.0)]]))[0, 0].data == 0.5
    assert type(det(a)) is float
    assert det([]) == 1.0
    assert inv([]) == []
    assert solve([], []) == []
    assert lu(((1.0,),))[2] == [[1.0]]
    x = Value(4.0)
    (slope,) = gradients(solve([[x]], [2.0])[0], x)
    assert slope.data == -2.0 / 16.0
    whole = solve(np.array([[x, 0.0], [0.0, 1.0]]), np.array([1.0, 1.0]))
    assert [v.data for v in whole] == [0.25, 1.0]


def test_a_factorisation_makes_few_nodes() -> None:
    n = 12
    a = [[Value(x) for x in row] for row in invertible(n, 0)]
    assert len(autograd.topological_order(det(a))) <= 3 * n * n


MISUSE: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("not square", lambda: det([[1.0, 2.0]]), InputError, "square"),
    ("ragged", lambda: det([[1.0], [1.0, 2.0]]), InputError, "square"),
    ("an array not square", lambda: inv(np.ones((2, 3))), InputError, r"\(2, 3\)"),
    ("a vector", lambda: det(np.ones(3)), InputError, r"\(3,\)"),
    ("a number", lambda: det(1.0), InputTypeError, "float"),
    ("a list of numbers", lambda: det([1.0]), InputTypeError, "rows"),
    ("a str inside", lambda: det([["1"]]), InputTypeError, "row 0"),
    ("singular", lambda: solve([[1.0, 2.0], [2.0, 4.0]], [1.0, 1.0]), SingularMatrixError, "singular.*column 1"),
    ("singular inverse", lambda: inv([[0.0]]), SingularMatrixError, "singular.*column 0"),
    ("singular lu", lambda: lu(np.zeros((2, 2))), SingularMatrixError, "singular"),
    ("not positive", lambda: cholesky([[1.0, 2.0], [2.0, 1.0]]), InputError, "pivot 1 is -3.0"),
    ("not even zero", lambda: cholesky([[0.0]]), InputError, "pivot 0"),
    ("nan", lambda: cholesky([[math.nan]]), InputError, "nan"),
    ("too short", lambda: solve([[1.0]], [1.0, 2.0]), InputError, r"\(2,\)"),
    ("ragged right side", lambda: solve([[1.0]], [[1.0], [1.0, 2.0]]), InputError, r"\[1, 2\]"),
    ("a cube", lambda: solve([[1.0]], np.ones((1, 1, 1))), InputError, r"\(1, 1, 1\)"),
    ("no right side", lambda: solve([[1.0]], None), InputTypeError, "NoneType"),
]  # fmt: skip


@pytest.mark.parametrize(("use", "error", "message"), [r[1:] for r in MISUSE], ids=[r[0] for r in MISUSE])
def test_misuse_is_told(use: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        use()
