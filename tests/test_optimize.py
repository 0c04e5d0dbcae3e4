"""autograd.optimize: what scipy's solvers find with these derivatives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize

import autograd
from autograd import Value
from autograd.errors import InputError, InputTypeError
from autograd.optimize import constraint, problem


def rosenbrock(x: Any) -> Any:
    return autograd.sum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(x)])


P = problem(rosenbrock, [0.25, 1.5, 0.5, 0.75])


def test_values_and_derivatives_are_scipys_own() -> None:
    for x in (P.x0, np.array([0.5, 2.0, -1.0, 3.0])):
        assert P.fun(x) == pytest.approx(optimize.rosen(x), rel=1e-14)
        assert P.jac(x) == pytest.approx(optimize.rosen_der(x), rel=1e-13)
        assert P.hess(x) == pytest.approx(optimize.rosen_hess(x), rel=1e-13)
        assert P.hessp(x, x) == pytest.approx(optimize.rosen_hess_prod(x, x), rel=1e-13)
        value, slopes = P.fun_and_jac(x)
        assert (value, slopes.tolist()) == (P.fun(x), P.jac(x).tolist())
    assert type(P.fun(P.x0)) is float
    assert P.jac(P.x0).dtype == P.hess(P.x0).dtype == float


METHODS: list[tuple[str, dict[str, Any]]] = [
    ("BFGS", {"jac": P.jac}),
    ("L-BFGS-B", {"jac": P.jac}),
    ("Newton-CG", {"jac": P.jac, "hess": P.hess}),
    ("Newton-CG", {"jac": P.jac, "hessp": P.hessp}),
    ("trust-ncg", {"jac": P.jac, "hessp": P.hessp}),
    ("trust-exact", {"jac": P.jac, "hess": P.hess}),
    ("trust-constr", {"jac": P.jac, "hess": P.hess}),
    ("SLSQP", {"jac": P.jac}),
]


@pytest.mark.parametrize(("method", "derivatives"), METHODS, ids=[f"{m}-{'-'.join(d)}" for m, d in METHODS])
def test_minimize(method: str, derivatives: dict[str, Any]) -> None:
    found = optimize.minimize(P.fun, P.x0, method=method, tol=1e-9, **derivatives)
    assert found.x == pytest.approx([1.0] * 4, abs=1e-4)


def test_minimize_with_value_and_gradient_in_one() -> None:
    found = optimize.minimize(P.fun_and_jac, P.x0, jac=True, method="BFGS", tol=1e-9)
    assert found.x == pytest.approx([1.0] * 4, abs=1e-5)


def test_constraints_of_both_kinds() -> None:
    """The highest point of x + 2y on a disc."""
    p = problem(lambda q: -(q["x"] + 2.0 * q["y"]), {"x": 0.1, "y": 0.2})
    disc = constraint(lambda q: q["x"] ** 2 + q["y"] ** 2, {"x": 0.1, "y": 0.2})
    best = np.array([1.0, 2.0]) / math.sqrt(5.0)
    within = optimize.NonlinearConstraint(disc.fun, -np.inf, 1.0, jac=disc.jac, hess=disc.hess)
    found = optimize.minimize(p.fun, p.x0, jac=p.jac, hess=p.hess, method="trust-constr", constraints=within, tol=1e-9)
    assert found.x == pytest.approx(best, abs=1e-3)  # from within
    assert p.structured(found.x) == {"x": pytest.approx(best[0], abs=1e-3), "y": pytest.approx(best[1], abs=1e-3)}
    inside = constraint(lambda q: 1.0 - q["x"] ** 2 - q["y"] ** 2, {"x": 0.1, "y": 0.2})
    old = {"type": "ineq", "fun": inside.fun, "jac": inside.jac}
    found = optimize.minimize(p.fun, p.x0, jac=p.jac, method="SLSQP", constraints=old)
    assert found.x == pytest.approx(best, abs=1e-6)
    two = constraint(lambda x: [x[0] * x[1], x[0] ** 3], [1.0, 2.0])
    assert two.jac(two.x0).tolist() == [[2.0, 1.0], [3.0, 0.0]]
    assert two.hess(two.x0, np.array([10.0, 1.0])).tolist() == [[6.0, 10.0], [10.0, 0.0]]


def test_least_squares_and_root() -> None:
    times = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0]

    def residuals(p: Any, scale: float = 1.0) -> Any:
        return [scale * (p[0] * autograd.exp(-p[1] * t) - 2.5 * math.exp(-1.3 * t)) for t in times]

    p = problem(residuals, (1.0, 1.0))
    found = optimize.least_squares(p.fun, p.x0, jac=p.jac, args=(2.0,), xtol=1e-12)
    assert found.x == pytest.approx([2.5, 1.3], rel=1e-9)
    assert p.structured(found.x) == tuple(found.x)
    system = problem(lambda v: [v[0] + v[1] ** 2 - 3.0, autograd.exp(v[0]) - v[1]], np.array([0.0, 1.0]))
    found = optimize.root(system.fun, system.x0, jac=system.jac)
    assert found.success
    assert system.fun(found.x) == pytest.approx([0.0, 0.0], abs=1e-9)
    alone = problem(lambda x: x**3 - 8.0, 1.0)
    assert optimize.root_scalar(lambda x: alone.fun([x]), fprime=lambda x: alone.jac([x]).item(), x0=3.0).root == 2.0


def test_solve_ivp_takes_the_jacobian() -> None:
    """Robertson's stiff reactions, whose amounts add up to 1."""

    def rates(t: Any, y: Any) -> Any:
        slow, fast, back = 0.04 * y[0], 3e7 * y[1] ** 2, 1e4 * y[1] * y[2]
        return [back - slow, slow - back - fast, fast]

    p = problem(rates, [1.0, 0.0, 0.0], argnum=1)
    assert p.jac(0.0, [1.0, 0.5, 0.25]).tolist() == [
        [-0.04, 2500.0, 5000.0],
        [0.04, -2500.0 - 3e7, -5000.0],
        [0, 3e7, 0],
    ]
    found = integrate.solve_ivp(p.fun, (0.0, 100.0), p.x0, method="Radau", jac=p.jac, rtol=1e-8, atol=1e-10)
    assert found.success
    assert found.y.sum(axis=0) == pytest.approx(np.ones(len(found.t)), abs=1e-7)
    assert found.y[:, -1] == pytest.approx([0.61723, 6.1535e-6, 0.38276], rel=1e-4)  # as the literature has it


def test_steps_out_of_the_domain_turn_back_in_ieee_mode() -> None:
    p = problem(lambda x: x - 5.0 * autograd.log(x), 0.5)
    with pytest.raises(ValueError, match="log"):
        p.fun([-1.0])
    with autograd.ieee():
        assert math.isnan(p.fun([-1.0]))
        assert optimize.minimize(p.fun, p.x0, jac=p.jac, method="BFGS").x == pytest.approx([5.0], abs=1e-4)


def test_values_from_outside_are_numbers_here() -> None:
    w = Value(3.0)
    p = problem(lambda x: w * x[0] ** 2, [Value(2.0)])
    assert (p.fun(p.x0), p.jac(p.x0).tolist(), p.hess(p.x0).tolist()) == (12.0, [12.0], [[6.0]])
    assert (p.fun_and_jac(p.x0)[0], p.hessp(p.x0, [2.0]).tolist()) == (12.0, [12.0])
    assert problem(lambda x: [], [1.0, 2.0]).jac([1.0, 2.0]).shape == (0, 2)


SECOND = problem(lambda t, y: y, [1.0], argnum=1)
TWO = problem(lambda x: [x[0], x[0]], [1.0])
MISUSE: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("no function", lambda: problem(3.0, [1.0]), InputTypeError, r"problem\(f\)"),  # type: ignore[arg-type]
    ("no start", lambda: problem(rosenbrock, "a"), InputTypeError, "x0"),
    ("argnum", lambda: problem(rosenbrock, [1.0], argnum=-1), InputTypeError, "argnum"),
    ("too short", lambda: P.fun([1.0]), InputError, "4 numbers"),
    ("p too long", lambda: P.hessp(P.x0, [1.0] * 5), InputError, "4 numbers"),
    ("not there", lambda: SECOND.fun(0.0), InputError, "argument 1"),
    ("hessp of y", lambda: SECOND.hessp(0.0, [1.0]), InputTypeError, "first argument"),
    ("hess of two", lambda: TWO.hess([1.0]), InputTypeError, r"constraint\(f, x0\)"),
    ("jac of two in one", lambda: TWO.fun_and_jac([1.0]), InputTypeError, "one number"),
    ("v too long", lambda: constraint(lambda x: x[0], [1.0]).hess([1.0], [1.0, 2.0]), InputError, "1 results, not 2"),
    ("returns a str", lambda: problem(lambda x: "1", [1.0]).fun([1.0]), InputTypeError, "<lambda> returned"),
]  # fmt: skip


@pytest.mark.parametrize(("use", "error", "message"), [r[1:] for r in MISUSE], ids=[r[0] for r in MISUSE])
def test_misuse_is_told(use: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        use()
