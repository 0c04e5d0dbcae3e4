"""Every op's value: math's own bits where math has the function, else mpmath's number to 4 ulp; and how it fails."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import EVERY, Row, complaints

import autograd as ag
from autograd import Value

inf, nan = math.inf, math.nan
modest = st.floats(-1e6, 1e6)
several = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


def check_value(row: Row, xs: tuple[float, ...]) -> None:
    if row.same is not None:
        assert repr(row.ours(*xs)) == repr(float(row.same(*xs)))
    assert row.same is not None or not complaints(row, xs, 0)
    node = row.ours(*map(Value, xs))
    assert repr(node.data) == repr(float(row.ours(*xs))), "a Value and a float give one number"


@pytest.mark.parametrize("row", EVERY, ids=repr)
def test_value_is_right_where_it_is_hard(row):
    for xs in row.points:
        check_value(row, xs)


@pytest.mark.parametrize("row", EVERY, ids=repr)
def test_value_is_right_wherever_it_is_drawn(row):
    @several
    @given(row.drawn)
    def holds(xs):
        check_value(row, xs)

    holds()


@given(st.lists(modest, min_size=1, max_size=8))
def test_sums_add_left_to_right(xs):
    total = xs[0]
    for x in xs[1:]:
        total += x
    assert ag.sum(xs) == total
    assert ag.mean(xs) == total / len(xs)
    assert ag.sum([*map(Value, xs)]).data == total


@given(st.lists(st.tuples(modest, modest), min_size=1, max_size=8))
def test_dot_adds_left_to_right_and_sumprod_rounds_once(pairs):
    xs, ys = zip(*pairs, strict=True)
    total = xs[0] * ys[0]
    for x, y in pairs[1:]:
        total += x * y
    assert ag.dot(xs, ys) == total
    assert ag.sumprod(xs, ys) == float(sum(Fraction(x) * Fraction(y) for x, y in pairs))
    assert ag.fsum(xs) == float(sum(map(Fraction, xs)))


@pytest.mark.parametrize(
    ("xs", "ys"),
    [
        ([1e300, -1e300], [1e5, 1e5]),
        ([1e-200, 1e-200], [1e-120, 1e-120]),
        ([1e308, 1.0], [1.0, 1e-308]),
        ([1e16, 1.0, -1e16], [1.0, 1.0, 1.0]),
        ([0.1] * 10, [0.1] * 10),
    ],
)
def test_sumprod_is_correctly_rounded_at_any_size(xs, ys):
    assert ag.sumprod(xs, ys) == float(sum(Fraction(x) * Fraction(y) for x, y in zip(xs, ys, strict=True)))


@pytest.mark.parametrize("x", [2.5, 3.5, -0.5, 0.5, 1.5, -2.5, 7.0, -0.0, 1e300, 2.675])
def test_rounding_is_pythons(x):
    assert repr(ag.round(x)) == repr(float(round(x)))
    assert repr(ag.round(x, 2)) == repr(round(x, 2))
    assert repr(ag.round(Value(x), -1).data) == repr(round(x, -1))
    assert (ag.floor(x), ag.ceil(x), ag.trunc(x)) == (math.floor(x), math.ceil(x), math.trunc(x))


@given(st.floats(-1e3, 1e3), st.floats(-50, 50).filter(lambda b: abs(b) > 1e-3))
def test_division_with_remainder_is_pythons(a, b):
    v = Value(a)
    assert (repr((v // b).data), repr((v % b).data)) == (repr(a // b), repr(a % b))
    assert [part.data for part in divmod(v, b)] == list(divmod(a, b))
    assert (a // Value(b)).data == a // b
    assert (a % Value(b)).data == a % b


@pytest.mark.parametrize(
    ("call", "want"),
    [
        (lambda: ag.relu(nan), nan),
        (lambda: ag.maximum(nan, 1.0), nan),
        (lambda: ag.minimum(1.0, nan), nan),
        (lambda: ag.max([1.0, nan, 2.0]), nan),
        (lambda: ag.sign(nan), nan),
        (lambda: ag.sign(-0.0), 0.0),
        (lambda: ag.clamp(5.0, 2.0, 1.0), 1.0),
        (lambda: ag.clamp(nan, 0.0, 1.0), nan),
        (lambda: ag.xlogy(0.0, 0.0), 0.0),
        (lambda: ag.xlogy(0.0, nan), nan),
        (lambda: ag.softplus(1000.0), 1000.0),
        (lambda: ag.softplus(-1000.0), 0.0),
        (lambda: ag.sigmoid(-1000.0), 0.0),
        (lambda: ag.sigmoid(1000.0), 1.0),
        (lambda: ag.sigmoid(nan), nan),
        (lambda: ag.softplus(nan), nan),
        (lambda: ag.logaddexp(inf, inf), inf),
        (lambda: ag.logaddexp(-inf, -inf), -inf),
        (lambda: ag.logaddexp(-inf, 3.0), 3.0),
        (lambda: ag.logaddexp(nan, 3.0), nan),
        (lambda: ag.logsumexp([-inf, -inf]), -inf),
        (lambda: ag.logsumexp([-inf, 3.0]), 3.0),
        (lambda: ag.logsumexp([inf, 3.0]), inf),
        (lambda: ag.logsumexp([nan, 3.0]), nan),
        (lambda: ag.logsumexp([3.0, nan]), nan),
        (lambda: ag.softmax([-inf, 0.0])[0], 0.0),
        (lambda: ag.log_softmax([-inf, 0.0])[0], -inf),
        (lambda: ag.gelu(1e300), 1e300),
        (lambda: ag.gelu(-1e300), 0.0),
        (lambda: ag.gelu(-50.0, "tanh"), 0.0),
        (lambda: ag.gelu(1e200, "tanh"), 1e200),
        (lambda: ag.gelu(nan), nan),
        (lambda: ag.silu(-1e300), 0.0),
        (lambda: ag.digamma(inf), inf),
        (lambda: ag.digamma(nan), nan),
        (lambda: ag.polygamma(1, inf), 0.0),
        (lambda: ag.hypot(inf, nan), inf),
        (lambda: ag.hypot(), 0.0),
        (lambda: ag.norm([]), 0.0),
        (lambda: ag.prod([]), 1.0),
        (lambda: ag.sum([]), 0.0),
        (lambda: ag.where(False, nan, 2.0), 2.0),
    ],
)
def test_value_at_an_edge(call, want):
    got = call()
    assert got == want or (got != got and want != want)


@pytest.mark.parametrize(
    ("x", "want"), [(1.0, "-0.5772156649015329"), (2.0, "0.42278433509846713"), (0.5, "-1.9635100260214235")]
)
def test_digamma_rounds_to_the_nearest_float(x, want):
    assert repr(ag.digamma(x)) == want


# ── Failures: what plain Python raises, and AutogradError ───────────────────────────────────────────────────

FAILURES = [
    # ours, what plain Python does there, the answer in ieee mode
    (lambda x: ag.log(x), math.log, (0.0,), -inf),
    (lambda x: ag.log(x), math.log, (-1.0,), nan),
    (lambda x: ag.log2(x), math.log2, (0.0,), -inf),
    (lambda x: ag.log10(x), math.log10, (-2.0,), nan),
    (lambda x: ag.log1p(x), math.log1p, (-1.0,), -inf),
    (lambda x: ag.log1p(x), math.log1p, (-1.5,), nan),
    (lambda x: ag.exp(x), math.exp, (1000.0,), inf),
    (lambda x: ag.exp2(x), math.exp2, (1024.0,), inf),
    (lambda x: ag.expm1(x), math.expm1, (1000.0,), inf),
    (lambda x: ag.sqrt(x), math.sqrt, (-1.0,), nan),
    (lambda x: ag.sinh(x), math.sinh, (-1000.0,), -inf),
    (lambda x: ag.cosh(x), math.cosh, (-1000.0,), inf),
    (lambda x: ag.asin(x), math.asin, (1.5,), nan),
    (lambda x: ag.acos(x), math.acos, (-1.5,), nan),
    (lambda x: ag.acosh(x), math.acosh, (0.5,), nan),
    (lambda x: ag.atanh(x), math.atanh, (1.0,), inf),
    (lambda x: ag.atanh(x), math.atanh, (-1.0,), -inf),
    (lambda x: ag.atanh(x), math.atanh, (2.0,), nan),
    (lambda x: ag.sin(x), math.sin, (inf,), nan),
    (lambda x: ag.cos(x), math.cos, (inf,), nan),
    (lambda x: ag.tan(x), math.tan, (-inf,), nan),
    (lambda x: ag.gamma(x), math.gamma, (0.0,), inf),
    (lambda x: ag.gamma(x), math.gamma, (-0.0,), -inf),
    (lambda x: ag.gamma(x), math.gamma, (-2.0,), nan),
    (lambda x: ag.gamma(x), math.gamma, (200.0,), inf),
    (lambda x: ag.lgamma(x), math.lgamma, (-2.0,), inf),
    (lambda x: ag.floor(x), math.floor, (nan,), nan),
    (lambda x: ag.ceil(x), math.ceil, (inf,), inf),
    (lambda x: ag.trunc(x), math.trunc, (-inf,), -inf),
    (lambda x: ag.round(x), round, (inf,), inf),
    (lambda a, b: ag.fmod(a, b), math.fmod, (1.0, 0.0), nan),
    (lambda a, b: a / b, lambda a, b: a / b, (1.0, 0.0), inf),
    (lambda a, b: a / b, lambda a, b: a / b, (1.0, -0.0), -inf),
    (lambda a, b: a / b, lambda a, b: a / b, (0.0, 0.0), nan),
    (lambda a, b: a // b, lambda a, b: a // b, (-1.0, 0.0), -inf),
    (lambda a, b: a % b, lambda a, b: a % b, (1.0, 0.0), nan),
    (lambda a, b: a**b, lambda a, b: a**b, (0.0, -1.0), inf),
    (lambda a, b: a**b, lambda a, b: a**b, (-0.0, -1.0), -inf),
    (lambda a, b: a**b, lambda a, b: a**b, (0.0, -2.0), inf),
    (lambda a, b: a**b, lambda a, b: a**b, (10.0, 400.0), inf),
    (lambda a, b: a**b, lambda a, b: a**b, (-10.0, 401.0), -inf),
    (lambda a, b: a**b, math.pow, (-8.0, 1 / 3), nan),
    (lambda a, b: ag.xlogy(a, b), lambda a, b: a * math.log(b), (2.0, 0.0), -inf),
    (lambda a, b: ag.xlogy(a, b), lambda a, b: a * math.log(b), (-2.0, 0.0), inf),
    (lambda a, b: ag.xlogy(a, b), lambda a, b: a * math.log(b), (2.0, -1.0), nan),
    (lambda *xs: ag.fsum(xs), lambda *xs: math.fsum(xs), (inf, -inf), nan),
    (lambda *xs: ag.fsum(xs), lambda *xs: math.fsum(xs), (1e308, 1e308), inf),
]


@pytest.mark.parametrize(("ours", "pythons", "xs", "limit"), FAILURES)
def test_failing_op_raises_what_python_raises_and_ieee_mode_answers(ours, pythons, xs, limit):
    with pytest.raises((ValueError, ArithmeticError)) as plain:
        pythons(*xs)
    with pytest.raises(plain.type) as raised:
        ours(*map(Value, xs))
    assert isinstance(raised.value, ag.AutogradError)
    with ag.ieee():
        got = ours(*map(Value, xs)).data
    assert repr(got) == repr(limit)


@pytest.mark.parametrize(
    ("call", "kind", "limit"),
    [
        (lambda: ag.digamma(0.0), ValueError, -inf),
        (lambda: ag.digamma(-0.0), ValueError, inf),
        (lambda: ag.digamma(-3.0), ValueError, nan),
        (lambda: ag.digamma(5e-324), OverflowError, -inf),
        (lambda: ag.digamma(-inf), ValueError, nan),
        (lambda: ag.polygamma(1, 0.0), ValueError, inf),
        (lambda: ag.polygamma(1, -4.0), ValueError, inf),
        (lambda: ag.polygamma(2, 0.0), ValueError, -inf),
        (lambda: ag.polygamma(2, -1e-200), OverflowError, inf),
        (lambda: ag.polygamma(2, 1e-200), OverflowError, -inf),
        (lambda: ag.polygamma(2, -4.0), ValueError, nan),
        (lambda: ag.polygamma(1.5, 1.0), ValueError, nan),
        (lambda: ag.polygamma(-1, 1.0), ValueError, nan),
    ],
)
def test_failing_special_function_raises_and_ieee_mode_answers(call, kind, limit):
    with pytest.raises(kind) as raised:
        call()
    assert isinstance(raised.value, ag.AutogradError)
    with ag.ieee():
        assert repr(call()) == repr(limit)


def test_negative_base_with_a_fraction_names_cbrt():
    with pytest.raises(ValueError, match="cbrt"):
        Value(-8.0) ** (1 / 3)


def test_message_names_op_input_label_and_remedy():
    with pytest.raises(ValueError, match=r"log\(a\) at a = -0\.3 \(label 'p'\).*log\(abs\(a\)\)"):
        ag.log(Value(-0.3, label="p"))


def test_a_polygamma_of_astronomic_order_answers_at_once():
    for n in (171.0, 1e9, 1e308):
        with pytest.raises(OverflowError):
            ag.polygamma(n, 2.0)
