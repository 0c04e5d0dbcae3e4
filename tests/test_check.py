"""`check_gradients` and the numbers it trusts: right derivatives pass, wrong ones are told with point, place and op."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
from autograd import Value
from autograd.errors import AutogradError, GradientError, InputError, InputTypeError
from autograd.testing import check_gradients
from autograd.testing.check import judge
from autograd.testing.numeric import central, complex_step, one_sided

# ── The error bar is honest ─────────────────────────────────────────────────────────────────────────────────

SLOPES: list[tuple[Any, Any, float]] = [
    (math.sin, mpmath.cos, 0.5),
    (math.sin, mpmath.cos, 1e6),
    (math.sin, mpmath.cos, 1e-12),
    (math.cos, lambda x: -mpmath.sin(x), 1e-12),
    (math.exp, mpmath.exp, -40.0),
    (math.exp, mpmath.exp, 700.0),
    (math.log, lambda x: 1 / x, 1e-200),
    (lambda x: 1 / x, lambda x: -1 / x**2, 1e-3),
    (math.gamma, lambda x: mpmath.gamma(x) * mpmath.digamma(x), -1.5),
    (lambda x: math.exp(100 * x), lambda x: 100 * mpmath.exp(100 * x), 1.0),
    (lambda x: x * x, lambda x: 2 * x, 0.0),
    (math.atan, lambda x: 1 / (1 + x**2), 1e5),
]


@pytest.mark.parametrize(("f", "slope", "x"), SLOPES)
def test_the_true_slope_lies_within_the_error_bar(f, slope, x):
    true = float(slope(mpmath.mpf(x)))
    for estimate in (central(f, x), one_sided(f, x, 1.0), one_sided(f, x, -1.0)):
        assert abs(estimate.value - true) <= 3.0 * estimate.error
        assert estimate.error <= 1e-5 * abs(true) or estimate.error < 1e-11


@given(st.floats(-5, 5), st.floats(0.1, 5))
def test_the_true_slope_of_a_wave_lies_within_the_error_bar(x, frequency):
    estimate = central(lambda t: math.sin(frequency * t), x)
    assert abs(estimate.value - frequency * math.cos(frequency * x)) <= 5.0 * estimate.error + 1e-10
    assert estimate.error < 1e-8


def test_an_infinite_slope_and_a_jump_diverge():
    assert one_sided(math.sqrt, 0.0, 1.0).diverges == 1.0
    assert one_sided(math.sqrt, 0.0, -1.0).error == math.inf
    assert one_sided(math.acos, 1.0, -1.0).diverges == -1.0
    assert one_sided(math.floor, 2.0, -1.0).diverges == 1.0
    assert one_sided(math.floor, 2.0, 1.0).diverges == 0.0
    assert central(math.sin, 0.3).diverges == 0.0


@pytest.mark.parametrize("x", [1e-12, -1e-12, 1e-9, 1e-3])
def test_a_kink_beside_the_point_does_not_fool_the_differences(x):
    assert central(abs, x).value == pytest.approx(math.copysign(1.0, x), rel=1e-9)


def test_a_complex_step_is_exact():
    import cmath

    for x in (0.0, 0.3, -2.0, 1e-200):
        assert complex_step(cmath.sin, (x,), 0) == pytest.approx(math.cos(x), rel=1e-15)
    with pytest.raises(TypeError):
        complex_step(lambda z: z if z > 0 else -z, (1.0,), 0)


@pytest.mark.parametrize(
    ("f", "x", "got", "word"),
    [
        (math.sin, 0.5, math.cos(0.5), "right"),
        (math.sin, 0.5, math.cos(0.5) * (1 + 1e-8), "wrong"),
        (math.sin, 0.5, math.nan, "wrong"),
        (math.sin, 0.5, math.inf, "wrong"),
        (abs, 0.0, 0.0, "right"),
        (abs, 0.0, -1.0, "right"),
        (abs, 0.0, 1.01, "wrong"),
        (abs, 0.0, math.nan, "wrong"),
        (math.sqrt, 0.0, math.inf, "right"),
        (math.sqrt, 0.0, -math.inf, "undecided"),
        (math.acos, 1.0, -math.inf, "right"),
        (math.floor, 2.0, 0.0, "right"),
        (lambda x: abs(x) ** 1.5, 0.0, 0.0, "right"),
        (lambda x: math.sqrt(x) ** 2, 0.0, 2.0, "wrong"),
        (math.sin, 1e22, 0.5, "undecided"),
        (lambda x: math.pow(x, 0.9921875), 0.0, math.inf, "undecided"),
        (lambda x: math.pow(x, 1.0078125), 0.0, 0.0, "undecided"),
    ],
)
def test_verdicts(f, x, got, word):
    assert judge(f, x, got, 0.0).word == word


# ── check_gradients ─────────────────────────────────────────────────────────────────────────────────────────


def wrong_op(name: str, function: Any, rule: Any) -> ag.Op:
    op = ag.Op(name, rule.__code__.co_argcount - 2, function)
    ag.rule(op)(rule)
    return op


half_square = wrong_op("half_square", lambda a: a * a, lambda g, y, a: (g * a,))
nan_sine = wrong_op("nan_sine", math.sin, lambda g, y, a: (g * math.nan,))
swapped = wrong_op("swapped", lambda a, b: a * b, lambda g, y, a, b: (g * a, g * b))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_right_derivatives_pass(order):
    report = check_gradients(lambda x, y, z: ag.sin(x * y) + ag.exp(z / y) * x, [0.3, 1.7, -0.4], order)
    assert report.undecided == []
    assert report.failure == ""
    assert report.compared > 3**order


def test_a_failure_names_everything():
    with pytest.raises(AssertionError) as caught:
        check_gradients(lambda x, y: ag.sin(x) + half_square(y) * x, [0.5, 2.0])
    message = str(caught.value)
    assert "check_gradients(<lambda>, [0.5, 2.0])" in message
    assert "by inputs[1] is wrong" in message
    assert "got       1.0\n" in message
    assert "expected  2.0 ± " in message
    assert "half_square at (2.0): its rule sends 2.0, its differences say 4.0 ±" in message
    assert isinstance(caught.value, GradientError)
    assert isinstance(caught.value, AutogradError)
    report = caught.value.report
    assert [s.node.op for s in report.suspects] == ["half_square"]
    assert report.root.op == "add"
    assert report.failure in message


def test_the_input_of_the_suspect_is_named():
    with pytest.raises(GradientError, match=r"swapped at \(2.0, 3.0\): its rule sends 2.0 to inputs\[0\]"):
        check_gradients(swapped, [2.0, 3.0])
    with pytest.raises(GradientError, match="nan_sine at"):
        check_gradients(nan_sine, [0.3])


def test_a_wrong_second_derivative_is_found_where_the_first_is_right():
    slope = wrong_op("slope", math.cos, lambda g, y, a: (g * ag.sin(a),))  # the sign is missing
    sine = wrong_op("sine", math.sin, lambda g, y, a: (g * slope(a),))
    check_gradients(sine, [0.4])
    with pytest.raises(GradientError, match=r"by inputs\[0\] and inputs\[0\] is wrong[\s\S]*suspect   slope at"):
        check_gradients(sine, [0.4], order=2)


def test_an_error_outside_every_rule_suspects_none(monkeypatch):
    from autograd.testing import check

    double = lambda ys, xs, **more: [g * 2.0 for g in ag.gradients(ys, xs, **more)]  # noqa: E731
    monkeypatch.setattr(check, "gradients", double)
    with pytest.raises(GradientError, match="suspect   none: every op's rule agrees"):
        check_gradients(lambda x: x.sin(), [0.4])


def test_an_asymmetric_hessian_is_told():
    constant = lambda a: a if type(a) is float else a.detach()  # noqa: E731
    product = wrong_op("product", lambda a, b: a * b, lambda g, y, a, b: (g * b, g * constant(a)))
    with pytest.raises(GradientError, match=r"depends on the order: by inputs\[1\] and inputs\[0\]"):
        check_gradients(product, [2.0, 3.0], order=2)


def test_kinks_and_edges_are_no_failures():
    for f, x in [(ag.relu, 0.0), (ag.abs, 0.0), (ag.sqrt, 0.0), (ag.asin, 1.0), (ag.floor, 2.0)]:
        assert check_gradients(f, [x]).failure == ""
    assert check_gradients(lambda x: ag.relu(x) - ag.relu(-x), [0.0]).undecided  # 1 by values, 0 by convention
    assert check_gradients(lambda x: ag.sqrt(x * x), [0.0]).undecided  # inf × 0
    assert check_gradients(ag.clamp, [0.0, 0.0, 0.0]).undecided
    tied = lambda x: (lambda m: m * m + m)(ag.maximum(x, 2.0 * x) + 1.0)  # noqa: E731 - its slope ½ + 1 is no one's
    assert check_gradients(lambda x: tied(x) * ag.maximum(-x, x), [0.0]).failure == ""
    assert check_gradients(lambda x, y: x**y, [0.0, 1.0], order=2).undecided  # an edge, whose Hessian has no transpose


def test_cancellation_widens_the_error_bar():
    assert check_gradients(lambda x: (x + 1e16) - 1e16, [0.3]).failure == ""
    assert check_gradients(ag.atan2, [1e-12, 1e-12], order=2).failure == ""  # 0 but for rounding, among 1e23
    assert check_gradients(ag.hypot, [1e-6, 1e-20], order=2).failure == ""
    assert check_gradients(ag.hypot, [1e-9, 1e-20]).failure == ""  # a wave between the scale of x and that of 1
    assert check_gradients(lambda x, y, z: ag.sum([x, y, z]), [-1e-6, 1e-12, 1e-6]).failure == ""


def test_inputs_may_be_nested_and_results_several():
    def layer(w, x, options):
        return {"out": [ag.tanh(ag.dot(row, x)) * options["scale"] for row in w]}

    assert check_gradients(layer, [[[0.1, 0.2], [0.3, -0.4]], (1.0, 2.0), {"scale": 3.0}]).compared > 20
    with pytest.raises(GradientError, match=r"inputs\[0\]\['w'\]\[1\] is wrong"):
        check_gradients(lambda p: [p["w"][0], half_square(p["w"][1])], [{"w": [1.0, 2.0]}])
    assert check_gradients(lambda a: np.sum(np.tanh(a) * a), [np.array([0.3, -0.2])]).compared


def test_a_result_that_depends_on_nothing_has_slope_0():
    assert check_gradients(lambda x: 3.0, [1.0]).failure == ""


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((3.0, [1.0]), InputTypeError, "takes a function"),
        ((ag.sin, 1.0), InputTypeError, "inputs is a sequence"),
        ((ag.sin, "1"), InputTypeError, "inputs is a sequence"),
        ((ag.sin, ["1"]), InputTypeError, r"the inputs\[0\] must be a real number"),
        ((ag.sin, [1.0], 4), InputError, "order must be 1, 2 or 3"),
        ((lambda x: None, [1.0]), InputTypeError, "None"),
        ((lambda x: [], [1.0]), InputTypeError, "returned no number"),
        ((ag.log, [-1.0]), ValueError, "log needs"),
    ],
)
def test_misuse_is_told(arguments, error, words):
    with pytest.raises(error, match=words):
        check_gradients(*arguments)


def test_an_infinite_value_decides_nothing():
    with ag.ieee():
        assert check_gradients(ag.log, [0.0]).undecided


def test_only_a_failure_has_a_picture():
    with pytest.raises(InputError, match="no graph"):
        check_gradients(ag.sin, [1.0]).picture()


def test_no_gradient_of_a_value_outside_is_touched():
    w = Value(2.0)
    check_gradients(lambda x: x * w, [3.0], order=2)
    assert not w.has_grad


def test_the_edge_of_a_domain_may_be_near():
    for f, x, true in [(math.acosh, 1 + 1e-9, 1 / math.sqrt((1e-9) * 2)), (math.log1p, -1 + 1e-9, 1e9)]:
        estimate = central(f, x)
        assert estimate.value == pytest.approx(true, rel=1e-5)
        assert estimate.error < 1e-4 * true


@pytest.mark.parametrize("y", [0.0, 1.0, 2.0, 3.0])
def test_a_power_at_its_kink_is_no_alarm_at_any_order(y):
    """x ** y at x = 0: the first derivative without a value is of order y."""
    for order in (1, 2, 3):
        report = check_gradients(lambda a, b: a**b, [0.0, y], order=order)  # raises where it finds a fault
        assert report.compared > 7
