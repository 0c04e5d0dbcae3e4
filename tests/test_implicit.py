"""Derivatives of your own, and of what a solver finds."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import autograd
from autograd import (
    Value,
    custom_vjp,
    grad,
    gradients,
    hessian,
    implicit_fixed_point,
    implicit_root,
    jacobian,
    jvp,
    no_grad,
)
from autograd.errors import InputError, InputTypeError, RuleError, StaleGraphError

# ── Roots ───────────────────────────────────────────────────────────────────────────────────────────────────


def solve_kepler(mean: float, eccentricity: float) -> float:
    e = mean
    for _ in range(50):
        e -= (e - eccentricity * math.sin(e) - mean) / (1.0 - eccentricity * math.cos(e))
    return e


kepler = implicit_root(lambda x, m, e: x - e * autograd.sin(x) - m, solve_kepler)


def test_kepler_to_the_fourth_derivative_against_mpmath() -> None:
    at = (1.25, 0.3)

    def truth(m: Any, e: Any) -> Any:
        return mpmath.findroot(lambda x: x - e * mpmath.sin(x) - m, m)

    with mpmath.workdps(60):
        for order in range(5):
            f: Any = lambda m: kepler(m, 0.3)  # noqa: E731
            g: Any = lambda e: kepler(1.25, e)  # noqa: E731
            for _ in range(order):
                f, g = grad(f), grad(g)
            assert f(at[0]) == pytest.approx(float(mpmath.diff(truth, at, (order, 0))), rel=1e-11)
            assert g(at[1]) == pytest.approx(float(mpmath.diff(truth, at, (0, order))), rel=1e-11)
        mixed = grad(lambda m: grad(kepler, argnums=1)(m, 0.3))(1.25)
        assert mixed == pytest.approx(float(mpmath.diff(truth, at, (1, 1))), rel=1e-12)


def circle_and_line(x: Any, p: Any) -> Any:
    """Where a circle of radius p['r'] meets a line."""
    return [x[0] ** 2 + x[1] ** 2 - p["r"] ** 2, x[1] - p["line"][0] * x[0] - p["line"][1]]


def meet(p: Any) -> list[float]:
    slope, height = p["line"]
    a, b, c = 1.0 + slope**2, slope * height, height**2 - p["r"] ** 2
    across = (-b + (b * b - a * c) ** 0.5) / a
    return [across, slope * across + height]


def test_a_system_in_containers_against_its_closed_form() -> None:
    root = implicit_root(circle_and_line, meet)
    p = {"r": 2.0, "line": (0.5, 0.25)}
    assert root(p) == meet(p)

    def flat(numbers: Any) -> Any:
        return {"r": numbers[0], "line": (numbers[1], numbers[2])}

    at = [2.0, 0.5, 0.25]
    for transform in (jacobian, hessian, lambda f: jacobian(hessian(f))):
        got = np.array(transform(lambda n: root(flat(n)))(at))
        truth = np.array(transform(lambda n: meet(flat(n)))(at))
        assert got == pytest.approx(truth, rel=1e-11, abs=1e-12)
    assert jvp(lambda n: root(flat(n)), (at,), ([1.0, 0.0, 0.0],))[1] == pytest.approx(
        [row[0] for row in jacobian(lambda n: meet(flat(n)))(at)], rel=1e-13
    )


def test_arrays_and_a_librarys_solver() -> None:
    a = np.array([[4.0, 1.0], [1.0, 3.0]])

    def solve(b: Any) -> Any:
        return np.linalg.solve(a, b)

    root = implicit_root(lambda x, b: a @ x - b, solve)
    assert jacobian(root)(np.array([1.0, 2.0])) == pytest.approx(np.linalg.inv(a), rel=1e-14)


def test_a_root_is_part_of_a_longer_computation() -> None:
    m, e = Value(1.25), Value(0.3)
    loss = kepler(m * m, e) ** 2
    loss.backward()
    slope = 2.0 * kepler(1.5625, 0.3)
    root = kepler(1.5625, 0.3)
    by_m = 1.0 / (1.0 - 0.3 * math.cos(root))
    assert m.grad == pytest.approx(slope * by_m * 2.5, rel=1e-14)
    assert e.grad == pytest.approx(slope * by_m * math.sin(root), rel=1e-14)


def test_floats_in_floats_out_and_leaves_under_no_grad() -> None:
    assert type(kepler(1.0, 0.5)) is float
    with no_grad():
        x = kepler(Value(1.0), 0.5)
    assert x.inputs == ()


def test_under_no_grad_a_solution_may_be_singular() -> None:
    root = implicit_root(lambda x, a: x * x - a, lambda a: 0.0)
    with no_grad():
        assert root(Value(0.0)).data == 0.0


def test_what_is_close_enough_depends_on_the_size() -> None:
    root = implicit_root(lambda x, a: x * x - a, lambda a: a**0.5 * (1.0 + 1e-9))
    for a in (1e20, 1e-20):
        assert grad(root)(a) == pytest.approx(0.5 / a**0.5, rel=1e-8)


def test_fixed_points() -> None:
    def settle(a: float, b: float) -> list[float]:
        x, y = 0.5, 0.5
        for _ in range(200):
            x, y = a * math.cos(y), b * math.sin(x)
        return [x, y]

    def step(x: Any, a: Any, b: Any) -> Any:
        return [a * autograd.cos(x[1]), b * autograd.sin(x[0])]

    fixed = implicit_fixed_point(step, settle)
    with mpmath.workdps(40):

        def truth(a: Any, b: Any) -> Any:
            return mpmath.findroot(lambda x, y: (x - a * mpmath.cos(y), y - b * mpmath.sin(x)), (0.7, 0.4))[0]

        for orders in ((1, 0), (0, 1), (1, 1)):
            f: Any = lambda a, b: fixed(a, b)[0]  # noqa: E731
            for i, n in enumerate(orders):
                f = grad(f, argnums=i) if n else f
            assert f(0.8, 0.6) == pytest.approx(float(mpmath.diff(truth, (0.8, 0.6), orders)), rel=1e-10)


@pytest.mark.parametrize(
    "function", [lambda m: kepler(m, 0.5), lambda m: polar([m, 1.0])["angle"]], ids=["root", "own"]
)
def test_their_nodes_are_freed_without_the_collector(function: Any) -> None:
    gc.disable()
    try:
        m = Value(1.0, label="mean")
        alive = weakref.ref(m._known())  # what a labelled node holds, and nothing else does
        slope = gradients(function(m), m, create_graph=True)[0]
        gradients(slope, m)
        assert alive() is not None
        del m, slope
        assert alive() is None
    finally:
        gc.enable()


OUTSIDE = Value(2.0)
ROOT_MISUSE: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("f", lambda: implicit_root(3.0, math.sqrt), InputTypeError, "f must be"),  # type: ignore[arg-type]
    ("solve", lambda: implicit_root(math.sqrt, None), InputTypeError, "solve must be"),  # type: ignore[arg-type]
    ("step", lambda: implicit_fixed_point(None, math.sqrt), InputTypeError, "step must be"),  # type: ignore[arg-type]
    ("no root", lambda: implicit_root(lambda x, a: x * x - a, lambda a: 1.0)(Value(9.0)), InputError, "is no sol"),
    ("nan", lambda: implicit_root(lambda x, a: x * x - a, lambda a: math.nan)(Value(9.0)), InputError, "no solution"),
    ("double", lambda: implicit_root(lambda x, a: x * x - a, lambda a: 0.0)(Value(0.0)), InputError, "singular"),
    ("two for one", lambda: implicit_root(lambda x, a: [x, a], lambda a: 0.0)(Value(0.0)), InputError, "2 numbers"),
    ("outside", lambda: implicit_root(lambda x, a: x * OUTSIDE - a, lambda a: a / 2)(Value(4.0)), InputError, "among"),
    ("values", lambda: implicit_root(lambda x, a: x - a, lambda a: Value(a))(Value(4.0)), InputTypeError, "floats"),
    ("None", lambda: implicit_root(lambda x, a: x - a, lambda a: None)(Value(4.0)), InputTypeError, "solve returned"),
    ("unlike", lambda: implicit_fixed_point(lambda x, a: [x], lambda a: a)(Value(4.0)), InputError, "step returns"),
    ("a str", lambda: kepler("1", 0.5), InputTypeError, "params"),
]  # fmt: skip


@pytest.mark.parametrize(("use", "error", "message"), [r[1:] for r in ROOT_MISUSE], ids=[r[0] for r in ROOT_MISUSE])
def test_misuse_of_roots_is_told(use: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        use()


def test_a_rough_solution_passes_where_it_is_meant() -> None:
    rough: Any = lambda a: a**0.5 + 1e-4  # noqa: E731
    with pytest.raises(InputError, match="tolerance"):
        grad(implicit_root(lambda x, a: x * x - a, rough))(4.0)
    assert grad(implicit_root(lambda x, a: x * x - a, rough, tolerance=1e-3))(4.0) == pytest.approx(0.25, rel=1e-4)


# ── A derivative of your own ────────────────────────────────────────────────────────────────────────────────


@custom_vjp
def polar(place: Any, *, turn: float = 0.0) -> Any:
    """Distance and angle."""
    return {"r": math.hypot(*place), "angle": math.atan2(place[1], place[0]) + turn}


@polar.rule
def polar_rule(g: Any, y: Any, place: Any, *, turn: float = 0.0) -> Any:
    a, b = place
    square = y["r"] * y["r"]
    return ([g["r"] * a / y["r"] - g["angle"] * b / square, g["r"] * b / y["r"] + g["angle"] * a / square],)


def test_a_function_of_your_own_to_the_third_derivative() -> None:
    def plain(place: Any) -> Any:
        return {"r": autograd.hypot(*place), "angle": autograd.atan2(place[1], place[0])}

    at = [3.0, 4.0]
    assert polar(at, turn=1.0) == {"r": 5.0, "angle": math.atan2(4.0, 3.0) + 1.0}
    for transform in (jacobian, hessian, lambda f: jacobian(hessian(f))):
        got, truth = transform(polar)(at), transform(plain)(at)
        for key in got:
            assert np.array(got[key]) == pytest.approx(np.array(truth[key]), rel=1e-12, abs=1e-15)
    assert jvp(polar, (at,), ([1.0, 0.0],))[1]["r"] == 0.6
    x = [Value(3.0), Value(4.0)]
    polar(x)["r"].backward()
    assert [v.grad for v in x] == [0.6, 0.8]
    assert polar.__name__ == "polar"
    assert repr(polar) == "<custom_vjp polar>"


def test_a_rule_that_sends_nothing_sends_nothing() -> None:
    @custom_vjp
    def first(a: float, b: list[float]) -> float:
        return a

    @first.rule
    def first_rule(g: Any, y: Any, a: Any, b: Any) -> Any:
        return g, None

    with autograd.ieee():
        x = Value(0.0)
        assert gradients(first(2.0 * x, [x.log()]), x)[0].data == 2.0  # and not nan


def test_a_rule_that_divides_by_zero_answers_in_ieee() -> None:
    @custom_vjp
    def root(a: float) -> float:
        return math.sqrt(a)

    @root.rule
    def root_rule(g: Any, y: Any, a: Any) -> Any:
        return (g / (2.0 * y),)

    assert grad(root)(0.0) == math.inf
    assert grad(root)(4.0) == 0.25
    assert grad(grad(root))(4.0) == -1.0 / 32.0


def test_a_rule_that_divides_by_another_result_answers_in_ieee() -> None:
    @custom_vjp
    def both(a: float) -> list[float]:
        return [a + 1.0, a]

    @both.rule
    def both_rule(g: Any, y: Any, a: Any) -> Any:
        return (g[0] / y[1] + g[1],)

    assert jacobian(both)(0.0)[0] == math.inf
    assert jacobian(both)(2.0) == [0.5, 1.0]


def test_settings_reach_the_rule() -> None:
    @custom_vjp
    def power(a: float, *, n: int) -> float:
        return float(a**n)

    @power.rule
    def power_rule(g: Any, y: Any, a: Any, *, n: int) -> Any:
        return (g * n * y / a,)

    assert [grad(lambda a, n=n: power(a, n=n))(2.0) for n in (1, 2, 3)] == [1.0, 4.0, 12.0]


def test_data_assigned_after_the_function_ran_is_told() -> None:
    x = [Value(3.0), Value(4.0)]
    y = polar(x)["r"]
    x[0].data = 1.0
    with pytest.raises(StaleGraphError):
        y.backward()


def with_rule(function: Any, rule: Any) -> Any:
    made = custom_vjp(function)
    made.rule(rule)
    return made


CUSTOM_MISUSE: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("no function", lambda: custom_vjp(3.0), RuleError, "decorates"),  # type: ignore[arg-type]
    ("no rule", lambda: custom_vjp(math.sqrt)(Value(4.0)), RuleError, "no derivative yet"),
    ("a rule that is none", lambda: custom_vjp(math.sqrt).rule(3), RuleError, "must be a function"),  # type: ignore[type-var]
    ("two rules", lambda: polar.rule(polar_rule), RuleError, "already: polar_rule"),
    ("a setting", lambda: polar([1.0, 2.0], turn=Value(1.0)), InputTypeError, "turn by position"),
    ("Values out", lambda: with_rule(lambda a: Value(a), None or abs)(Value(1.0)), RuleError, "floats alone"),
    ("not a tuple", lambda: grad(with_rule(math.sqrt, lambda g, y, a: g))(4.0), RuleError, "tuple of 1"),
    ("too many", lambda: grad(with_rule(math.sqrt, lambda g, y, a: (g, g)))(4.0), RuleError, "tuple of 1"),
    ("unlike", lambda: grad(with_rule(sum, lambda g, y, a: (g,)))([4.0]), InputError, "contribution 0"),
    ("a str", lambda: polar("ab"), InputTypeError, "argument 0 of polar"),
]  # fmt: skip


@pytest.mark.parametrize(("use", "error", "message"), [r[1:] for r in CUSTOM_MISUSE], ids=[r[0] for r in CUSTOM_MISUSE])
def test_misuse_of_rules_is_told(use: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        use()
