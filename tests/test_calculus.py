"""`gradients`, `grad` and `value_and_grad`: whole programs against mpmath, nesting, and misuse."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, grad, gradients, no_grad, value_and_grad
from autograd.errors import AutogradError, InputError, InputTypeError, StaleGraphError

moderate = st.floats(min_value=-2.0, max_value=2.0)

# ── Programs: the same text runs on floats, Values and mpmath's numbers; `m` is where functions come from ───

Program = Callable[[Any, Any], Any]


class Functions:
    """The functions of a program, on mpmath numbers."""

    exp, log, sin, cos, tanh, sqrt = mpmath.exp, mpmath.log, mpmath.sin, mpmath.cos, mpmath.tanh, mpmath.sqrt

    @staticmethod
    def sigmoid(x: Any) -> Any:
        return 1 / (1 + mpmath.exp(-x))


def horner(m: Any, x: Any) -> Any:
    y = 0.0
    for c in (0.5, -1.25, 2.0, 0.75):
        y = y * x + c
    return y


def branches(m: Any, x: Any) -> Any:
    y = m.sin(x) if x > 0.5 else m.exp(x)
    while y < 3.0:
        y = y * y + x + 1.0
    return m.log(y) if y > 4.0 else y * x


def newton_square_root(m: Any, x: Any) -> Any:
    r = x
    for _ in range(6):
        r = 0.5 * (r + x / r)
    return r


def newton_kepler(m: Any, x: Any) -> Any:
    e = x
    for _ in range(5):
        e = e - (e - 0.3 * m.sin(e) - x) / (1 - 0.3 * m.cos(e))
    return e


def runge_kutta_pendulum(m: Any, x: Any) -> Any:
    angle, speed, h = x, 0.5 * x, 0.125

    def slope(a: Any, s: Any) -> tuple[Any, Any]:
        return s, -m.sin(a) - 0.25 * s

    for _ in range(6):
        a1, s1 = slope(angle, speed)
        a2, s2 = slope(angle + h / 2 * a1, speed + h / 2 * s1)
        a3, s3 = slope(angle + h / 2 * a2, speed + h / 2 * s2)
        a4, s4 = slope(angle + h * a3, speed + h * s3)
        angle = angle + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        speed = speed + h / 6 * (s1 + 2 * s2 + 2 * s3 + s4)
    return angle * angle + speed


def attention(m: Any, x: Any) -> Any:
    queries = [x, 0.5, x * x]
    keys = [[1.0, x, -0.5], [0.25, -1.0, m.sin(x)], [x, x, 1.0]]
    values = [x, 2.0, m.tanh(x)]
    scores = [(queries[0] * k0 + queries[1] * k1 + queries[2] * k2) / 1.75 for k0, k1, k2 in keys]
    weights = [m.exp(s - 0.5) for s in scores]
    total = weights[0] + weights[1] + weights[2]
    return (weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2]) / total


def lu_determinant(m: Any, x: Any) -> Any:
    a = [[4.0 + x, 1.0, x], [x * x, 3.0, m.sin(x)], [1.0, x, 5.0 - x]]
    for k in range(3):
        for i in range(k + 1, 3):
            factor = a[i][k] / a[k][k]
            for j in range(k, 3):
                a[i][j] = a[i][j] - factor * a[k][j]
    return a[0][0] * a[1][1] * a[2][2]


def lu_solve(m: Any, x: Any) -> Any:
    a = [[4.0 + x, 1.0, 2.0], [x, 3.0, m.cos(x)], [1.0, x, 5.0]]
    b = [x, 1.0, m.exp(-x)]
    for k in range(3):
        for i in range(k + 1, 3):
            factor = a[i][k] / a[k][k]
            a[i] = [a[i][j] - factor * a[k][j] for j in range(3)]
            b[i] = b[i] - factor * b[k]
    solution: list[Any] = [0.0, 0.0, 0.0]
    for i in (2, 1, 0):
        rest = b[i]
        for j in range(i + 1, 3):
            rest = rest - a[i][j] * solution[j]
        solution[i] = rest / a[i][i]
    return solution[0] * solution[1] + solution[2]


def lstm(m: Any, x: Any) -> Any:
    h, c = 0.0, x
    for token in (0.5, x, -1.0, x * x):
        forget = m.sigmoid(0.5 * token + h + 1.0)
        write = m.sigmoid(x * token - 0.25 * h)
        out = m.sigmoid(token + 0.75 * h)
        c = forget * c + write * m.tanh(token + x * h)
        h = out * m.tanh(c)
    return h + c


def continued_fraction(m: Any, x: Any) -> Any:
    y = x
    for k in range(8, 0, -1):
        y = k + x * x / y
    return 1 / y


PROGRAMS: list[tuple[Program, Sequence[float], float]] = [
    # the program, where, and the loss of digits that its own conditioning explains at the highest order
    (horner, (0.75, -1.5, 0.0), 1e-13),
    (branches, (0.75, 0.25, -0.5), 1e-11),
    (newton_square_root, (2.0, 0.7), 1e-11),
    (newton_kepler, (0.8, -1.3), 1e-11),
    (runge_kutta_pendulum, (0.7, -1.1), 1e-12),
    (attention, (0.6, -0.4, 1.2), 1e-11),
    (lu_determinant, (0.5, -0.8), 1e-11),
    (lu_solve, (0.5, -0.8), 1e-11),
    (lstm, (0.5, -0.9), 1e-11),
    (continued_fraction, (0.9, 1.7), 1e-11),
]


@pytest.mark.parametrize(("program", "points", "tolerance"), PROGRAMS, ids=[p.__name__ for p, _, _ in PROGRAMS])
def test_derivatives_of_programs_to_order_four(program: Program, points: Sequence[float], tolerance: float) -> None:
    for at in points:
        f: Callable[[Any], Any] = lambda x: program(autograd, x)  # noqa: E731
        with mpmath.workdps(60):
            truth = mpmath.taylor(lambda x: program(Functions, x), mpmath.mpf(at), 4)
        scale = max(1.0, *(abs(float(t)) * math.factorial(k) for k, t in enumerate(truth)))
        for order, coefficient in enumerate(truth):
            got = f(at)
            assert type(got) is float
            assert abs(got - float(coefficient) * math.factorial(order)) <= tolerance * scale, (order, at)
            f = grad(f)


@given(st.lists(moderate, min_size=1, max_size=6), moderate)
def test_polynomials_of_any_order(coefficients: list[float], x: float) -> None:
    def polynomial(v: Any) -> Any:
        y: Any = 0.0
        for c in reversed(coefficients):
            y = y * v + c
        return y

    f: Callable[[Any], Any] = polynomial
    exact = list(coefficients)
    for _ in range(len(coefficients) + 1):
        expected = math.fsum(c * x**k for k, c in enumerate(exact))
        assert f(x) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        exact = [c * k for k, c in enumerate(exact)][1:]
        f = grad(f)


ORDER_SIX = [
    (autograd.sin, lambda x: -math.sin(x), 0.7),
    (autograd.exp, math.exp, 0.7),
    (lambda x: x**7, lambda x: 5040.0 * x, 1.3),
    (autograd.log, lambda x: -120.0 / x**6, 1.7),
    (lambda x: 1 / x, lambda x: 720.0 / x**7, 1.3),
]


@pytest.mark.parametrize(("f", "sixth", "at"), ORDER_SIX, ids=["sin", "exp", "x^7", "log", "1/x"])
def test_order_six(f: Any, sixth: Any, at: float) -> None:
    for _ in range(6):
        f = grad(f)
    assert f(at) == pytest.approx(sixth(at), rel=1e-13)


# ── gradients ───────────────────────────────────────────────────────────────────────────────────────────────


def test_gradients_are_leaves_and_touch_no_grad() -> None:
    x, y = Value(2.0), Value(3.0)
    z = x * y + x.exp()
    x.grad = 7.0
    found = gradients(z, [x, y])
    assert [type(g) for g in found] == [Value, Value]
    assert [g.inputs for g in found] == [(), ()]
    assert [g.data for g in found] == [3.0 + math.exp(2.0), 2.0]
    assert (x.grad, y.grad, z.grad) == (7.0, 0.0, 0.0)
    assert "grad" not in repr(z)


def test_gradients_take_one_or_several_of_each() -> None:
    x, y = Value(2.0), Value(3.0)
    u, v = x * y, x * x
    assert [g.data for g in gradients(u, x)] == [3.0]
    assert [g.data for g in gradients([u, v], (x, y))] == [7.0, 2.0]  # the sum's
    assert [g.data for g in gradients((u, u), [x, x])] == [6.0, 6.0]
    assert gradients([], [x])[0].data == 0.0
    assert gradients(u, []) == []
    assert [g.data for g in gradients(iter([u]), iter([y]))] == [2.0]  # type: ignore[arg-type]


def test_gradients_are_zero_where_independent() -> None:
    x, y = Value(2.0), Value(3.0)
    for graph in (False, True):
        (g,) = gradients(x * x, y, create_graph=graph)
        assert type(g) is Value
        assert g.data == 0.0
        (own,) = gradients(x, x, create_graph=graph)
        assert own.data == 1.0


def test_gradients_with_respect_to_interior_nodes() -> None:
    x = Value(2.0)
    y = x * x
    z = y * y + y
    assert [g.data for g in gradients(z, [y, x, z])] == [9.0, 36.0, 1.0]
    (slope,) = gradients(z, y, create_graph=True)
    assert gradients(slope, y)[0].data == 2.0
    assert gradients(slope, x)[0].data == 8.0


def test_create_graph_makes_graphs_of_gradients() -> None:
    x, y = Value(2.0), Value(3.0)
    z = x * x * y
    dx, dy = gradients(z, [x, y], create_graph=True)
    assert dx.inputs != ()
    assert [g.data for g in gradients(dx, [x, y])] == [6.0, 4.0]
    assert [g.data for g in gradients(dy, [x, y])] == [4.0, 0.0]
    (dx + dy).backward()
    assert (x.grad, y.grad) == (10.0, 4.0)


@given(st.lists(moderate, min_size=3, max_size=3), st.lists(moderate, min_size=3, max_size=3))
def test_hessian_vector_products(at: list[float], v: list[float]) -> None:
    def f(a: Any, b: Any, c: Any) -> Any:
        return (a * b).sin() * c + (a - c) ** 3 + (b * c).exp() * a

    xs = [Value(x) for x in at]
    slopes = gradients(f(*xs), xs, create_graph=True)
    product = [g.data for g in gradients(autograd.dot(slopes, v), xs)]
    rows = [[g.data for g in gradients(slope, xs)] for slope in slopes]
    for i in range(3):
        assert product[i] == pytest.approx(math.fsum(rows[j][i] * v[j] for j in range(3)), rel=1e-9, abs=1e-9)
        for j in range(3):
            assert rows[i][j] == pytest.approx(rows[j][i], rel=1e-9, abs=1e-9)
    a, b, c = at
    assert rows[0][0] == pytest.approx(-b * b * math.sin(a * b) * c + 6 * (a - c), rel=1e-9, abs=1e-9)
    mixed = math.cos(a * b) * c - a * b * math.sin(a * b) * c + c * math.exp(b * c)
    assert rows[0][1] == pytest.approx(mixed, rel=1e-9, abs=1e-9)


def test_gradients_refuse_a_stale_graph() -> None:
    x = Value(2.0)
    y = x * x
    x.data = 3.0
    for graph in (False, True):
        with pytest.raises(StaleGraphError):
            gradients(y, x, create_graph=graph)


def test_gradients_ignore_what_does_not_lead_to_xs() -> None:
    x, other = Value(2.0), Value(3.0)
    aside = other * other
    z = x * x + aside
    calls: list[Any] = []
    aside.register_hook(calls.append)
    other.data = 5.0  # stale, yet not on the way to x
    assert gradients(z, x)[0].data == 4.0
    assert calls == []


MISUSE: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("ys float", lambda: gradients(1.0, Value(1.0)), InputTypeError, "ys"),  # type: ignore[arg-type]
    ("xs float", lambda: gradients(Value(1.0), 1.0), InputTypeError, "xs"),  # type: ignore[arg-type]
    ("xs floats", lambda: gradients(Value(1.0), [1.0]), InputTypeError, "float 1.0"),  # type: ignore[list-item]
    ("ys None", lambda: gradients(None, Value(1.0)), InputTypeError, "ys"),  # type: ignore[arg-type]
    ("swapped", lambda: gradients(lambda x: x, Value(1.0)), InputTypeError, "ys"),  # type: ignore[arg-type]
    ("grad of a value", lambda: grad(Value(1.0)), InputTypeError, r"gradients\(y, x\)"),  # type: ignore[arg-type]
    ("vag of a value", lambda: value_and_grad(3), InputTypeError, r"value_and_grad"),  # type: ignore[arg-type]
    ("no argument", lambda: grad(lambda x: x)(), InputError, "argument 0"),
    ("argnums too large", lambda: grad(lambda x: x, argnums=1)(1.0), InputError, "argument 1"),
    ("argnums a float", lambda: grad(lambda x: x, argnums=0.0), InputTypeError, "argnums"),  # type: ignore[arg-type]
    ("argnums a str", lambda: grad(lambda x: x, argnums="0"), InputTypeError, "argnums"),  # type: ignore[arg-type]
    ("a str", lambda: grad(lambda x: x)("1"), InputTypeError, "argument 0"),
    ("returns None", lambda: grad(lambda x: None)(1.0), InputTypeError, "<lambda>"),
    ("returns a list", lambda: grad(lambda x: [x])(1.0), InputTypeError, r"jacobian\(f\)"),
    ("keyword", lambda: grad(lambda x: x)(x=1.0), InputError, "positional"),
]


@pytest.mark.parametrize(("use", "error", "message"), [r[1:] for r in MISUSE], ids=[r[0] for r in MISUSE])
def test_misuse_is_told(use: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        use()
    assert isinstance(caught.value, AutogradError)


# ── grad and value_and_grad ─────────────────────────────────────────────────────────────────────────────────

CUBE: Callable[[Any], Any] = lambda x: x**3  # noqa: E731


@pytest.mark.parametrize("x", [2, 2.0, True, np.float64(2.0), np.int64(2)], ids=lambda x: type(x).__name__)
def test_floats_in_floats_out(x: Any) -> None:
    slope = grad(CUBE)(x)
    assert type(slope) is float
    assert slope == 3.0 * float(x) ** 2
    value, slope = value_and_grad(CUBE)(x)
    assert (type(value), type(slope)) == (float, float)
    assert value == float(x) ** 3


def test_values_in_values_out() -> None:
    x = Value(2.0)
    slope = grad(CUBE)(x)
    assert type(slope) is Value
    assert slope.data == 12.0
    (slope * slope).backward()
    assert x.grad == 2 * 12.0 * 12.0
    value, slope = value_and_grad(CUBE)(x)
    assert (type(value), type(slope)) == (Value, Value)
    x.grad = 0
    (value + slope).backward()
    assert x.grad == 24.0


def test_grad_touches_no_gradient_of_its_arguments() -> None:
    x, y = Value(2.0), Value(3.0)
    grad(lambda a: a * a * y)(x)
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_a_value_from_outside_makes_the_answer_a_value() -> None:
    w = Value(5.0)
    slope = grad(lambda x: w * x * x)(3.0)
    assert type(slope) is Value
    assert slope.data == 30.0
    slope.backward()
    assert w.grad == 6.0


def test_the_argument_is_another_node_than_the_same_value_outside() -> None:
    x = Value(2.0)
    assert grad(lambda a: a * x)(x).data == 2.0  # not 4: only a counts
    (grad(lambda a: a * x)(x)).backward()
    assert x.grad == 1.0
    assert [g.data for g in grad(lambda a, b: a * b * b, argnums=(0, 1))(x, x)] == [4.0, 8.0]


NESTED: list[tuple[str, Callable[[], Any], float]] = [
    ("siskind pearlmutter", lambda: grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0), 1.0),
    ("product", lambda: grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0), 6.0),
    ("inner at x", lambda: grad(lambda x: grad(lambda y: x * y * y)(x))(3.0), 12.0),
    ("inner at x twice", lambda: grad(lambda x: x * grad(lambda y: y * y)(x))(3.0), 12.0),
    ("inner constant", lambda: grad(lambda x: x * grad(lambda y: 5.0 * y)(2.0))(3.0), 5.0),
    ("inner ignores y", lambda: grad(lambda x: grad(lambda y: x * x)(2.0))(3.0), 0.0),
    ("inner ignores y, times x", lambda: grad(lambda x: x * grad(lambda y: x * x)(2.0))(3.0), 0.0),
    ("inner returns x", lambda: grad(lambda x: x + grad(lambda y: x)(2.0))(3.0), 1.0),
    ("inner returns y", lambda: grad(lambda x: x * grad(lambda y: y)(x))(3.0), 1.0),
    ("inner returns a float", lambda: grad(lambda x: x + grad(lambda y: 7.0)(x))(3.0), 1.0),
    (
        "three deep",
        lambda: grad(lambda x: grad(lambda y: grad(lambda z: x * y * y * z * z * z)(2.0))(5.0))(3.0),
        12.0 * 10.0,
    ),
    ("shadowed", lambda: grad(lambda x: grad(lambda x: x**3)(x) * x)(2.0), 36.0),
    ("through a value", lambda: grad(lambda x: value_and_grad(lambda y: x * y**2)(x)[0])(2.0), 12.0),
    ("sum of both", lambda: grad(lambda x: sum(value_and_grad(lambda y: x * y**2)(x)))(2.0), 20.0),
    ("newton inside", lambda: grad(lambda a: newton_with_grad(a))(2.0), 0.5 / math.sqrt(2.0)),
]


def newton_with_grad(a: Any) -> Any:
    """√a, by Newton's method with the slope from `grad`."""
    r = 1.0
    for _ in range(7):
        value, slope = value_and_grad(lambda x: x * x - a)(r)
        r = r - value / slope
    return r


@pytest.mark.filterwarnings("ignore::autograd.errors.IndependenceWarning")  # some depend on nothing, as they should
@pytest.mark.parametrize(("compute", "truth"), [r[1:] for r in NESTED], ids=[r[0] for r in NESTED])
def test_nesting_confuses_no_perturbations(compute: Callable[[], Any], truth: float) -> None:
    assert compute() == pytest.approx(truth, rel=1e-13)
    assert type(compute()) is float


def test_mixed_partials_by_nesting() -> None:
    def f(x: Any, y: Any) -> Any:
        return autograd.sin(x * y) * x

    mixed = grad(lambda x: grad(f, argnums=1)(x, 0.7))(1.3)
    other = grad(lambda y: grad(f, argnums=0)(1.3, y))(0.7)
    truth = 2 * 1.3 * math.cos(0.91) - 1.3**2 * 0.7 * math.sin(0.91)
    assert mixed == pytest.approx(truth, rel=1e-14)
    assert other == pytest.approx(truth, rel=1e-14)


def test_argnums() -> None:
    def f(a: Any, b: Any, c: Any = 1.0, *, k: float = 1.0) -> Any:
        return a * b**2 * c**3 * k

    assert grad(f)(2.0, 3.0) == 9.0
    assert grad(f, argnums=1)(2.0, 3.0) == 12.0
    assert grad(f, 2)(2.0, 3.0, 1.0) == 54.0
    assert grad(f, argnums=(0, 1))(2.0, 3.0) == (9.0, 12.0)
    assert grad(f, argnums=(1, 0))(2.0, 3.0) == (12.0, 9.0)
    assert grad(f, argnums=[0])(2.0, 3.0) == (9.0,)
    assert grad(f, argnums=-1)(2.0, 3.0) == 12.0
    assert grad(f, argnums=())(2.0, 3.0) == ()
    assert grad(f)(2.0, 3.0, k=10.0) == 90.0
    assert value_and_grad(f, argnums=(0, 1))(2.0, 3.0) == (18.0, (9.0, 12.0))


def test_arguments_that_are_not_differentiated_may_be_anything() -> None:
    assert grad(lambda x, names, scale=None: x * len(names))(2.0, ["a", "b"], scale="big") == 2.0


def test_only_the_places_of_argnums_become_values() -> None:
    kinds: list[type] = []

    def f(a: Any, b: Any) -> Any:
        kinds.extend([type(a), type(b)])
        return a * b

    grad(f)(2.0, 3.0)
    assert kinds == [Value, float]


def test_grad_keeps_the_functions_name() -> None:
    def loss(x: float) -> float:
        """The loss."""
        return x

    assert grad(loss).__name__ == value_and_grad(loss).__name__ == "loss"
    assert grad(loss).__doc__ == "The loss."


@pytest.mark.filterwarnings("ignore::autograd.errors.IndependenceWarning")
def test_the_derivative_where_the_function_ignores_its_argument() -> None:
    assert grad(lambda x: 3.0)(1.0) == 0.0
    assert type(grad(lambda x: 3.0)(1.0)) is float
    assert value_and_grad(lambda x: 3)(1.0) == (3.0, 0.0)
    assert grad(lambda x: x)(1.0) == 1.0


def test_grad_under_no_grad() -> None:
    x = Value(2.0)
    with no_grad():
        assert grad(CUBE)(2.0) == 12.0
        assert type(grad(CUBE)(2.0)) is float
        assert grad(grad(CUBE))(2.0) == 12.0
        slope = grad(CUBE)(x)
        value, again = value_and_grad(CUBE)(x)
    assert [v.data for v in (slope, value, again)] == [12.0, 8.0, 12.0]
    assert [v.inputs for v in (slope, value, again)] == [(), (), ()]


def test_no_grad_inside_a_differentiated_function_is_a_constant() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            frozen = x * x
        return frozen * x

    assert grad(f)(3.0) == 9.0
    assert grad(grad(f))(3.0) == 0.0
    assert grad(lambda x: x.detach() * x)(3.0) == 3.0


def test_an_error_in_the_function_passes_through_and_leaves_no_mode() -> None:
    with no_grad(), pytest.raises(KeyError):
        grad(lambda x: {}[0])(1.0)
    x = Value(2.0)
    assert (x * x).inputs == (x, x)
    with pytest.raises(ValueError, match="log"):
        grad(autograd.log)(-1.0)


def test_backward_inside_a_differentiated_function() -> None:
    def f(x: Any) -> Any:
        w = Value(3.0)
        (w * w * 2.0).backward()
        return x * w.grad

    assert grad(f)(5.0) == 12.0


CHOICES: list[tuple[str, Callable[[Any], Any], float, list[float]]] = [
    # derivatives of order 1, 2, 3 where a numeric zero would meet an infinity
    ("where", lambda x: autograd.where(x > 0, autograd.sqrt(x), x * 2.0), 0.0, [2.0, 0.0, 0.0]),
    ("tanh at 0", autograd.tanh, 0.0, [1.0, 0.0, -2.0]),
    ("sigmoid at 0", autograd.sigmoid, 0.0, [0.25, 0.0, -0.125]),
    ("softplus at 0", autograd.softplus, 0.0, [0.5, 0.25, 0.0]),
    ("abs at 0", abs, 0.0, [0.0, 0.0, 0.0]),
    ("relu at 0", autograd.relu, 0.0, [0.0, 0.0, 0.0]),
    ("x*x*x at 0", lambda x: x * x * x, 0.0, [0.0, 0.0, 6.0]),
    ("x**3 at 0", lambda x: x**3, 0.0, [0.0, 0.0, 6.0]),
    ("x**2 at 0", lambda x: x**2, 0.0, [0.0, 2.0, 0.0]),
    ("x**1 at 0", lambda x: x**1, 0.0, [1.0, 0.0, 0.0]),
    ("prod at 0", lambda x: autograd.prod([x, x, x]), 0.0, [0.0, 0.0, 6.0]),
    ("clamp at its bound", lambda x: autograd.clamp(x, 0.0, 1.0), 1.0, [1.0, 0.0, 0.0]),
    ("max of equals", lambda x: autograd.maximum(x, 0.0), 0.0, [0.5, 0.0, 0.0]),
]


@pytest.mark.parametrize(("f", "at", "slopes"), [r[1:] for r in CHOICES], ids=[r[0] for r in CHOICES])
def test_orders_one_to_three_at_special_points(f: Any, at: float, slopes: list[float]) -> None:
    for slope in slopes:
        f = grad(f)
        assert f(at) == slope


# ── The same number by three ways ───────────────────────────────────────────────────────────────────────────


@given(moderate, moderate)
def test_backward_gradients_and_grad_agree_to_the_bit(a: float, b: float) -> None:
    def f(x: Any, y: Any) -> Any:
        return (x * y).tanh() * x + (x - y).exp() * y.sin() - x / (y * y + 1.0)

    x, y = Value(a), Value(b)
    z = f(x, y)
    z.backward()
    assert [g.data for g in gradients(z, [x, y])] == [x.grad, y.grad]
    assert grad(f, argnums=(0, 1))(a, b) == (x.grad, y.grad)
    assert [g.data for g in gradients(z, [x, y], create_graph=True)] == [x.grad, y.grad]


def test_an_argument_named_twice_is_refused() -> None:
    for twice in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match="twice"):
            autograd.grad(lambda a, b: a * b, twice)(2.0, 5.0)


def test_a_function_of_several_results_is_refused_in_words_that_fit() -> None:
    with pytest.raises(TypeError, match="differentiates one number"):
        autograd.grad(lambda x: [x, x])(1.0)


def test_an_index_past_the_end_is_an_index_error() -> None:
    for call in (lambda: autograd.pick([1.0, 2.0], 2), lambda: autograd.take([[1.0], [2.0]], -1)):
        with pytest.raises(IndexError, match="out of range"):
            call()


def test_the_slope_of_an_undefined_slope_is_undefined() -> None:
    x, y = autograd.Value(-2.0), autograd.Value(3.0)
    rows = [autograd.gradients(d, [x, y]) for d in autograd.gradients(x**y, [x, y], create_graph=True)]
    assert rows[0][0].data == -12.0
    assert all(math.isnan(v.data) for v in (rows[0][1], rows[1][0], rows[1][1]))
