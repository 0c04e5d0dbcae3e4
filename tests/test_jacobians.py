"""Derivatives of functions of many numbers: Jacobians, Hessians, products with them, forwards and backwards."""

from __future__ import annotations

import functools
import json
import math
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import (
    Value,
    calculus,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    ops,
    passes,
    value_and_grad,
    vjp,
)
from autograd.errors import IndependenceWarning, InputError, InputTypeError
from tests.data.functions import MANY, ONE

JAX = json.loads(Path(__file__).with_name("data").joinpath("jax_reference.json").read_text(encoding="utf-8"))


def direction(n: int) -> list[float]:
    return [math.sin(1.7 * k + 0.5) for k in range(n)]


def close(got: Any, truth: Any, relative: float = 1e-12) -> None:
    """Whether they agree, relative to the largest number."""
    left, right = np.array(got, dtype=float), np.array(truth, dtype=float)
    assert left.shape == right.shape
    assert np.abs(left - right).max() <= relative * max(1e-300, np.abs(right).max()), (left, right)


# ── Against jax ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ONE)
def test_one_result_against_jax(name: str) -> None:
    program, at = ONE[name]
    f = functools.partial(program, autograd)
    truth, v = JAX["one"][name], direction(len(at))
    value, slopes = value_and_grad(f)(at)
    close([value], [truth["value"]])
    close(slopes, truth["gradient"])
    close(hessian(f)(at), truth["hessian"])
    close(hvp(f)(at, v), truth["hvp"])
    close(jvp(grad(f), (at,), (v,))[1], truth["hvp"])
    close(jacobian(grad(f))(at), truth["hessian"])
    close(jacobian(hessian(f))(at), truth["third"])
    close(hessian(grad(f))(at), truth["third"])


@pytest.mark.parametrize("name", MANY)
def test_many_results_against_jax(name: str) -> None:
    program, at = MANY[name]
    f = functools.partial(program, autograd)
    truth, v = JAX["many"][name], direction(len(at))
    close(jacobian(f)(at), truth["jacobian"])
    value, change = jvp(f, (at,), (v,))
    close(value, truth["value"])
    close(change, truth["jvp"])
    value, pullback = vjp(f, at)
    close(value, truth["value"])
    close(pullback(direction(len(value)))[0], truth["vjp"])
    close(hessian(f)(at), truth["hessian"])
    close(jacobian(jacobian(f))(at), truth["hessian"])


def test_third_derivatives_against_mpmath() -> None:
    program, at = ONE["potential"]

    class Functions:
        exp, sqrt, hypot = mpmath.exp, mpmath.sqrt, mpmath.hypot

    third = jacobian(hessian(functools.partial(program, autograd)))(at)
    with mpmath.workdps(50):
        for i, j, k in ((0, 0, 0), (0, 1, 2), (3, 3, 1), (2, 3, 3)):
            orders = tuple((i, j, k).count(n) for n in range(4))
            truth = mpmath.diff(lambda *x: program(Functions, x), tuple(map(mpmath.mpf, at)), orders)
            assert third[i][j][k] == pytest.approx(float(truth), rel=1e-12)


# ── Forwards and backwards ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", MANY)
def test_rows_and_columns_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program, at = MANY[name]
    f = functools.partial(program, autograd)
    found = []
    for cost in (0.0, math.inf):
        for constant in ("_FORWARDS", "_FORWARDS_IN_C"):
            monkeypatch.setattr(passes, constant, (cost, cost))
        found.append((jacobian(f)(at), jacobian(jacobian(f))(at)))
    close(found[0][0], found[1][0], 1e-14)
    close(found[0][1], found[1][1], 1e-13)


def test_a_tall_jacobian_is_made_by_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    def orbit(x: Any) -> Any:
        y, places = x[0], []
        for _ in range(1800):
            y = y * 0.998 + x[1]
            places.append(y)
        return places

    monkeypatch.setattr(calculus, "backwards", None)
    for k, row in enumerate(jacobian(orbit)([2.0, 3.0]), 1):
        assert row == pytest.approx([0.998**k, (1.0 - 0.998**k) / 0.002], rel=1e-12)


def test_results_that_share_nothing_are_made_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calculus, "forwards", None)
    rows = jacobian(lambda x: [x[0] * k + x[1] for k in range(900)])([2.0, 3.0])
    assert rows == [[float(k), 1.0] for k in range(900)]


def test_hooks_are_asked_also_where_columns_would_be_cheaper(monkeypatch: pytest.MonkeyPatch) -> None:
    for constant in ("_FORWARDS", "_FORWARDS_IN_C"):
        monkeypatch.setattr(passes, constant, (0.0, 0.0))

    def f(x: Any) -> Any:
        y = x * x
        y.register_hook(lambda g: 10.0 * g)
        return [y, y + 1.0]

    assert jacobian(f)(3.0) == [60.0, 60.0]


UNARY = [op for op in vars(ops).values() if isinstance(op, ops.Op) and op.arity == 1]
BINARY = [op for op in vars(ops).values() if isinstance(op, ops.Op) and op.arity == 2 and op.name != "polygamma"]


@pytest.mark.parametrize("op", UNARY, ids=lambda op: op.name)
@pytest.mark.parametrize("at", [0.375, 1.5, 0.0, -0.5, 1.0, 1e-300, 1e300, math.inf, math.nan])
def test_every_op_of_one_input_forwards_is_what_it_is_backwards(op: Any, at: float) -> None:
    f = op
    with autograd.ieee():
        for order in range(3):
            truth = grad(f)(at)
            got = jvp(f, (at,), (1.0,))[1]
            if order == 0:
                assert got == truth or (got != got and truth != truth)
            if not math.isfinite(truth):
                break  # further on, one way may meet 0 × inf where the other doesn't
            assert got == pytest.approx(truth, rel=1e-13), order  # the same products, in another order
            f = grad(f)


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.name)
@pytest.mark.parametrize(
    "at", [(0.75, 1.5), (2.0, 2.0), (0.0, 0.5), (1.5, 0.0), (0.0, 0.0), (3.0, -0.5), (1e200, 1e-200)]
)
def test_every_op_of_two_inputs_forwards_is_what_it_is_backwards(op: Any, at: tuple[float, float]) -> None:
    with autograd.ieee():
        slopes = grad(op, argnums=(0, 1))(*at)
        for i in (0, 1):
            got = jvp(lambda x, i=i: op(*[x if k == i else at[k] for k in (0, 1)]), (at[i],), (1.0,))[1]
            assert got == slopes[i] or (got != got and slopes[i] != slopes[i])


def test_ops_of_many_inputs_forwards() -> None:
    at, v = [0.5, -1.25, 2.0, 2.0], direction(4)
    many: list[Callable[[Any], Any]] = [
        autograd.sum, autograd.mean, autograd.prod, autograd.norm, autograd.logsumexp, autograd.max, autograd.min,
        autograd.fsum, lambda x: autograd.softmax(x)[1], lambda x: autograd.log_softmax(x)[2],
        lambda x: autograd.dot(x[:2], x[2:]), lambda x: autograd.sumprod(x[:2], x[2:]),
        lambda x: autograd.pick(x, 1), lambda x: autograd.clamp(x[0], x[1], x[2]),
        lambda x: autograd.where(x[0] > 0, x[1] * x[2], x[3] / 0.5),
    ]  # fmt: skip
    for f in many:
        forwards, backwards = jvp(f, (at,), (v,))[1], math.fsum(map(operator.mul, grad(f)(at), v))
        assert forwards == pytest.approx(backwards, rel=1e-14, abs=1e-15)


def test_forwards_sends_nothing_along_the_untaken_side() -> None:
    def f(x: Any) -> Any:
        return autograd.where(x > 0, autograd.sqrt(abs(x)), x * 2.0)

    for order, truth in enumerate([2.0, 0.0, 0.0]):
        g = f
        for _ in range(order):
            g = grad(g)
        assert jvp(g, (0.0,), (1.0,))[1] == truth


small = st.floats(min_value=-2.0, max_value=2.0)


@given(
    st.lists(small, min_size=3, max_size=3),
    st.lists(small, min_size=3, max_size=3),
    st.lists(small, min_size=2, max_size=2),
)
def test_vector_products_are_transposes_of_each_other(at: list[float], v: list[float], u: list[float]) -> None:
    def f(x: Any) -> Any:
        shared = (x[0] * x[1]).sin() + x[2]
        return [shared * x[0], (shared - x[1]).exp() * x[2] + shared]

    changes = jvp(f, (at,), (v,))[1]
    (slopes,) = vjp(f, at)[1](u)
    rows = jacobian(f)(at)
    scale = 1e-13 * max(1.0, *(abs(d) for row in rows for d in row)) * 10
    assert math.fsum(map(operator.mul, u, changes)) == pytest.approx(math.fsum(map(operator.mul, slopes, v)), abs=scale)
    for i in range(2):
        assert changes[i] == pytest.approx(math.fsum(map(operator.mul, rows[i], v)), abs=scale)


def test_nothing_is_confused_where_jvp_and_grad_nest() -> None:
    def push(f: Any, x: Any) -> Any:
        return jvp(f, (x,), (1.0,))[1]

    assert push(lambda x: x * push(lambda y: x + y, 1.0), 1.0) == 1.0
    assert push(lambda x: x * push(lambda y: x * y * y, x), 3.0) == 54.0
    assert grad(lambda x: x * push(lambda y: x * y * y, x))(3.0) == 54.0
    assert push(lambda x: x * grad(lambda y: x * y * y)(x), 3.0) == 54.0
    assert push(lambda x: push(lambda y: push(lambda z: x * y * y * z**3, 2.0), 5.0), 3.0) == 120.0
    at_rest = jvp(lambda x: x * x, (3.0,), (Value(2.0),))
    assert at_rest[0] == 9.0
    assert at_rest[1].data == 12.0


# ── Structures ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Line:
    slope: Any
    intercept: Any


def test_gradients_come_in_the_arguments_structure() -> None:
    def loss(p: dict[str, Any], line: Line, shift: float = 0.0) -> Any:
        return p["w"][0] ** 2 * p["w"][1][0] + line.slope * p["b"] + line.intercept**3 + shift

    p, line = {"w": (2.0, [5.0]), "b": 3}, Line(7.0, 2)
    assert grad(loss)(p, line) == {"w": (20.0, [4.0]), "b": 7.0}
    assert grad(loss, argnums=1)(p, line) == Line(3.0, 12.0)
    assert grad(loss, argnums=(1, 0))(p, line, shift=1.0) == (Line(3.0, 12.0), {"w": (20.0, [4.0]), "b": 7.0})
    assert hessian(loss, argnums=1)(p, line) == Line(Line(0.0, 0.0), Line(0.0, 12.0))
    assert hessian(loss, argnums=(0, 1))(p, line)[1].slope[0] == {"w": (0.0, [0.0]), "b": 1.0}
    assert hvp(loss)(p, line, {"w": (1.0, [0.0]), "b": 0.0}) == {"w": (10.0, [4.0]), "b": 0.0}
    assert hvp(loss, argnums=(0,))(p, line, (p,))[0]["w"] == (2 * 5.0 * 2.0 + 2 * 2.0 * 5.0, [2 * 2.0 * 2.0])


def test_arrays_in_arrays_out() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    slopes = grad(lambda a: (a * a).sum())(x)
    assert slopes.dtype == float
    assert slopes.tolist() == (2 * x).tolist()
    assert grad(lambda a: (a**2).sum())(np.array([1, 2])).tolist() == [2.0, 4.0]
    assert jacobian(lambda a: a @ a)(x).shape == (2, 2, 2, 2)
    a = np.array([[2.0, 1.0, 0.5], [0.0, 3.0, -1.0]])
    v = np.array([1.0, -2.0, 0.25])
    assert jacobian(lambda v: a @ v)(v).tolist() == a.tolist()
    assert hessian(lambda v: v @ (a.T @ a) @ v / 2)(v).tolist() == (a.T @ a).tolist()
    assert jacobian(lambda s: s * v)(2.0).tolist() == v.tolist()
    assert jacobian(lambda v: v.sum())(v).tolist() == [1.0] * 3
    assert jvp(lambda v: a @ v, (v,), (v,))[1].tolist() == (a @ v).tolist()
    assert vjp(lambda v: a @ v, v)[1](np.array([1.0, 2.0]))[0].tolist() == (a.T @ [1.0, 2.0]).tolist()
    third = jacobian(hessian(lambda v: (v**4).sum()))(v)
    assert third.shape == (3, 3, 3)
    assert third[1, 1, 1] == 24.0 * v[1]


def test_an_array_without_directions_is_one_number() -> None:
    v = np.array([1.0, 2.0])
    assert grad(lambda a: np.array(a @ a))(v).tolist() == [2.0, 4.0]
    assert grad(lambda a: a * a)(np.array(3.0)) == 6.0
    assert hvp(lambda a: np.array(a @ a))(v, v).tolist() == [2.0, 4.0]


def test_values_in_arrays_give_values() -> None:
    x = np.array([Value(1.0), Value(2.0)])
    slopes = grad(lambda a: (a**3).sum())(x)
    assert slopes.dtype == object
    slopes.sum().backward()
    assert [v.grad for v in x] == [6.0, 12.0]


def test_numbers_alone() -> None:
    assert jacobian(lambda x: x**3)(2.0) == 12.0
    assert jacobian(lambda x: (x, [x * x]))(3.0) == (1.0, [6.0])
    assert hessian(lambda x, y: x * x * y, argnums=(0, 1))(2.0, 3.0) == ((6.0, 4.0), (4.0, 0.0))
    assert hvp(lambda x: x**3)(2.0, 1.0) == 12.0
    assert jvp(lambda x: x**3, (2,), (1,)) == (8.0, 12.0)
    assert jvp(lambda x, y: x * y, [2.0, 3.0], [1.0, 1.0]) == (6.0, 5.0)
    y, pullback = vjp(lambda x, y: x * y, 2.0, 3.0)
    assert (y, pullback(1.0), pullback(2)) == (6.0, (3.0, 2.0), (6.0, 4.0))


def test_nothing_at_all() -> None:
    assert grad(lambda x, y: y * y, argnums=())(1.0, 2.0) == ()
    assert jacobian(lambda x: [])([1.0, 2.0]) == []
    assert jacobian(lambda x: [1.0, 2.0, 3.0])([]) == [[], [], []]
    assert hessian(lambda x: [])([1.0]) == []
    assert grad(lambda x, y=2.0: y)([]) == []
    assert jvp(list, (), ()) == ([], [])
    y, pullback = vjp(lambda x: [], 1.0)
    assert (y, pullback([])) == ([], (0.0,))


# ── Auxiliary results, Values from outside, modes ───────────────────────────────────────────────────────────


def with_aux(x: Any) -> Any:
    return x[0] * x[1], {"parts": [x[0] + 1.0, x[1]], "note": "here"}


def test_has_aux() -> None:
    aux = {"parts": [3.0, 5.0], "note": "here"}
    at, v = [2.0, 5.0], [1.0, 0.0]
    assert grad(with_aux, has_aux=True)(at) == ([5.0, 2.0], aux)
    assert value_and_grad(with_aux, has_aux=True)(at) == ((10.0, aux), [5.0, 2.0])
    assert jacobian(with_aux, has_aux=True)(at) == ([5.0, 2.0], aux)
    assert hessian(with_aux, has_aux=True)(at) == ([[0.0, 1.0], [1.0, 0.0]], aux)
    assert jvp(with_aux, (at,), (v,), has_aux=True) == (10.0, 5.0, aux)
    y, pullback, got = vjp(with_aux, at, has_aux=True)
    assert (y, pullback(1.0), got) == (10.0, ([5.0, 2.0],), aux)
    assert all(type(p) is float for p in got["parts"])


def test_aux_of_values_stays_differentiable() -> None:
    x = Value(2.0)
    _, aux = grad(lambda a: (a * a, a**3), has_aux=True)(x)
    aux.backward()
    assert x.grad == 12.0
    assert grad(lambda a: grad(lambda b: (a * b, b * b), has_aux=True)(a)[1])(3.0) == 6.0


@pytest.mark.parametrize("returned", [3.0, [1.0], (1.0, 2.0, 3.0), None])
def test_has_aux_needs_a_pair(returned: Any) -> None:
    with pytest.raises(InputTypeError, match="pair"):
        grad(lambda x: returned, has_aux=True)(1.0)


def test_values_from_outside_make_values() -> None:
    w = Value(5.0)
    rows = jacobian(lambda x: [w * x[0] * x[1], x[0]])([2.0, 3.0])
    assert [[v.data for v in row] for row in rows] == [[15.0, 10.0], [1.0, 0.0]]
    (rows[0][0] * rows[0][1]).backward()
    assert w.grad == 2 * 5.0 * 6.0
    y, pullback = vjp(lambda x: w * x, 2.0)
    assert y.data == 10.0
    assert pullback(1.0)[0].data == 5.0
    assert [t.data for t in jvp(lambda x: w * x, (2.0,), (1.0,))] == [10.0, 5.0]
    gradient = Value(7.0)
    _, pullback = vjp(lambda x: x * x, 3.0)
    (slope,) = pullback(gradient)
    assert [g.data for g in gradients(slope, gradient)] == [6.0]
    v = Value(2.0)
    assert gradients(hvp(lambda x: x**3)(2.0, v), v)[0].data == 12.0


def test_under_no_grad_the_answers_are_leaves() -> None:
    x = Value(2.0)
    f = lambda a: a**3  # noqa: E731
    with no_grad():
        found = [jacobian(f)(x), hessian(f)(x), hvp(f)(x, 1.0), *jvp(f, (x,), (1.0,)), vjp(f, x)[0], *vjp(f, x)[1](1.0)]
        assert jacobian(lambda a: [a * a])([3.0, 4.0][0]) == [6.0]
    assert [v.data for v in found] == [12.0, 12.0, 12.0, 8.0, 12.0, 8.0, 12.0]
    assert all(v.inputs == () for v in found)


def test_forwards_in_ieee_arithmetic() -> None:
    assert jvp(autograd.sqrt, (0.0,), (1.0,)) == (0.0, math.inf)
    assert jvp(lambda x: 1.0 / (x * 1e-100), (1e-160,), (1.0,))[1] == -math.inf
    assert math.isnan(jvp(lambda x: autograd.sqrt(x) * 0.0, (0.0,), (1.0,))[1])


def test_second_derivatives_in_ieee_arithmetic() -> None:
    assert hessian(autograd.sqrt)(0.0) == -math.inf
    assert hvp(autograd.sqrt)(0.0, 1.0) == -math.inf
    assert jvp(grad(autograd.sqrt), (0.0,), (1.0,))[1] == -math.inf
    assert grad(lambda x: jvp(autograd.sqrt, (x,), (1.0,))[1])(0.0) == -math.inf
    assert jvp(lambda x: jvp(autograd.sqrt, (x,), (1.0,))[1], (0.0,), (1.0,))[1] == -math.inf


def test_no_gradient_of_an_argument_is_touched() -> None:
    x = [Value(2.0), Value(3.0)]
    for transform in (grad, hessian):
        transform(lambda a: a[0] * a[1])(x)
    vjp(lambda a: a[0] * a[1], x)[1](1.0)
    assert not any(v.has_grad for v in x)


def test_one_node_in_two_places() -> None:
    x = Value(3.0)
    assert [g.data for g in grad(lambda a: a[0] * a[1] ** 2)([x, x])] == [9.0, 18.0]
    assert [g.data for g in jvp(lambda a, b: a * b**2, (x, x), (1.0, 0.0))] == [27.0, 9.0]
    assert jacobian(lambda a: [a, a])(2.0) == [1.0, 1.0]


def test_names_and_docstrings_stay() -> None:
    def loss(x: Any) -> Any:
        """The loss."""
        return x * x

    for transform in (jacobian, hessian, hvp):
        assert (transform(loss).__name__, transform(loss).__doc__) == ("loss", "The loss.")


# ── The usual mistakes say what to write instead ────────────────────────────────────────────────────────────


def lost_in_math(x: Any) -> Any:
    return math.sin(x.data)


def lost_in_a_leaf(x: Any) -> Any:
    return Value(x.data) ** 2


def lost_in_detach(x: Any) -> Any:
    return x.detach() * 2.0


def takes_two(x: Any, y: Any) -> Any:
    return x * x


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian], ids=lambda f: f.__name__)
@pytest.mark.parametrize("f", [lost_in_math, lost_in_a_leaf, lost_in_detach], ids=lambda f: f.__name__)
def test_a_lost_path_is_told(f: Any, transform: Any) -> None:
    with pytest.warns(
        IndependenceWarning, match=rf"{f.__name__} returned to {transform.__name__}.*autograd\.sin"
    ) as told:
        transform(f)(2.0)
    assert told[0].filename == __file__


def test_a_lost_path_is_told_of_products_too() -> None:
    with pytest.warns(IndependenceWarning, match="hvp") as told:
        assert hvp(lost_in_math)(2.0, 1.0) == 0.0
    assert told[0].filename == __file__
    _, pullback = vjp(lost_in_math, 2.0)
    with pytest.warns(IndependenceWarning, match="vjp") as told:
        assert pullback(1.0) == (0.0,)
    assert told[0].filename == __file__
    with pytest.warns(IndependenceWarning, match="jvp") as told:
        assert jvp(lost_in_math, (2.0,), (1.0,))[1] == 0.0
    assert told[0].filename == __file__


def test_an_argument_without_influence_is_told() -> None:
    with pytest.warns(IndependenceWarning, match="argument 1"):
        assert grad(takes_two, argnums=(0, 1))(3.0, 4.0) == (6.0, 0.0)
    with pytest.warns(IndependenceWarning, match="argument 1"):
        assert jacobian(lambda x, y: [x, x], argnums=(0, 1))(3.0, 4.0) == [(1.0, 0.0), (1.0, 0.0)]


def test_what_is_rightly_zero_is_not_told() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert grad(grad(lambda x: 3.0 * x))(2.0) == 0.0
        assert hessian(lambda x: 3.0 * x[0] + x[1])([2.0, 1.0]) == [[0.0, 0.0], [0.0, 0.0]]
        assert hvp(lambda x: 3.0 * x)(2.0, 1.0) == 0.0
        assert grad(lambda x: x[0] * 2.0)([1.0, 5.0]) == [2.0, 0.0]  # one of its numbers
        assert grad(lambda x: autograd.where(x > 0, 1.0, x))(2.0) == 0.0  # the other side
        assert grad(lambda x: autograd.floor(x))(2.5) == 0.0
        assert jacobian(lambda x: [x[0], 5.0])([1.0]) == [[1.0], [0.0]]


MISUSE: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("two results", lambda: grad(lambda x: [x, x])(1.0), InputTypeError, r"jacobian\(f\)"),
    ("an array", lambda: grad(lambda x: x * 2)(np.ones(2)), InputTypeError, r"jacobian\(f\)"),
    ("hvp of two", lambda: hvp(lambda x: [x, x])(1.0, 1.0), InputTypeError, r"jacobian\(f\)"),
    ("None", lambda: jacobian(lambda x: None)(1.0), InputTypeError, "return"),
    ("a str inside", lambda: grad(lambda x: x["a"])({"a": "1"}), InputTypeError, r"argument 0 of grad\['a'\]"),
    ("a str outside", lambda: jacobian(lambda x: [x, "y"])(1.0), InputTypeError, r"<lambda> returned to jacobian\[1\]"),
    ("no function", lambda: jacobian(3.0), InputTypeError, r"jacobian\(f\)"),  # type: ignore[arg-type]
    ("jvp of none", lambda: jvp(3.0, (1.0,), (1.0,)), InputTypeError, r"jvp\(f\)"),  # type: ignore[arg-type]
    ("vjp of none", lambda: vjp(3.0, 1.0), InputTypeError, r"vjp\(f\)"),  # type: ignore[arg-type]
    ("a bare primal", lambda: jvp(lambda x: x, 1.0, (1.0,)), InputTypeError, "primals must be a tuple"),  # type: ignore[arg-type]
    ("a bare tangent", lambda: jvp(lambda x: x, (1.0,), 1.0), InputTypeError, "tangents must be a tuple"),  # type: ignore[arg-type]
    ("tangents too few", lambda: jvp(lambda x, y: x, (1.0, 2.0), (1.0,)), InputError, "tangents must be"),
    ("a tangent unlike", lambda: jvp(lambda x: x[0], ([1.0],), (1.0,)), InputError, r"\(\[\*\],\)"),
    ("a gradient unlike", lambda: vjp(lambda x: [x, x], 1.0)[1](1.0), InputError, r"\[\*, \*\]"),
    ("a vector unlike", lambda: hvp(lambda x: x[0] ** 2)([1.0], 1.0), InputError, "the vector"),
    ("no vector", lambda: hvp(lambda x: x)(), InputError, "vector last"),
    ("only a vector", lambda: hvp(lambda x: x)(1.0), InputError, "argument 0"),
    ("an int array of strings", lambda: grad(lambda x: x[0])(np.array(["a"])), InputTypeError, "entry"),
]  # fmt: skip


@pytest.mark.parametrize(("use", "error", "message"), [r[1:] for r in MISUSE], ids=[r[0] for r in MISUSE])
def test_misuse_is_told(use: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        use()
