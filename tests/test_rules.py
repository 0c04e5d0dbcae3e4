"""Every derivative against mpmath, to third order for smooth ops; and the table of kinks, limits and zeros.

A first derivative may be 8 ulp off, a second 64, a third 1024, each plus |x f'/f| for each input: its conditioning.
"""

from __future__ import annotations

import math
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from mpmath import mpf
from reference import EVERY, PIECEWISE, SMOOTH, SMOOTH_MANY, complaints, drawn_to, partials, true

import autograd as ag
from autograd import Value
from autograd import ops as _ops

inf, nan = math.inf, math.nan
ROW = {row.name: row for row in EVERY}
CASES = [(row, order) for row in EVERY for order in ((1, 2) if row in PIECEWISE else (1, 2, 3))]


@pytest.mark.parametrize(("row", "order"), CASES, ids=lambda x: str(x))
def test_derivative_is_right_where_it_is_hard(row, order):
    assert [what for xs in row.points for what in complaints(row, xs, order)] == []


@pytest.mark.parametrize("row", EVERY, ids=repr)
def test_derivatives_are_right_wherever_they_are_drawn(row):
    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(row.drawn)
    def holds(xs):
        assert [what for n in range(1, drawn_to(row) + 1) for what in complaints(row, xs, n)] == []

    holds()


@pytest.mark.parametrize("row", EVERY, ids=repr)
def test_backward_gives_the_bits_of_gradients(row):
    """Rules run on floats in the one, on Values in the other."""
    for xs in row.points:
        leaves = [Value(x) for x in xs]
        row.ours(*leaves).backward()
        found = partials(row.ours, xs, 1)
        assert [repr(leaf.grad + 0.0) for leaf in leaves] == [repr(found[i,] + 0.0) for i in range(len(xs))]


HIGH = {
    "exp": (-3.0, 0.0, 1.5),
    "sin": (-2.0, 0.0, 1.0, 30.0),
    "tanh": (-20.0, -1.0, 0.0, 0.3, 5.0, 40.0),
    "sigmoid": (-40.0, -1.0, 0.0, 0.3, 5.0, 40.0),
    "softplus": (-40.0, -1.0, 0.0, 0.3, 5.0, 40.0),
    "silu": (-30.0, -1.0, 0.0, 0.3, 5.0),
    "gelu": (-8.0, -1.0, 0.0, 0.3, 5.0),
    "log": (1e-5, 0.3, 1.0, 7.0, 1e5),
    "sqrt": (1e-5, 0.3, 1.0, 7.0, 1e5),
    "x**0.3": (1e-5, 0.3, 1.0, 7.0, 1e5),
    "cube": (-2.0, 0.0, 3.0),
    "lgamma": (-10.5, -0.3, 0.5, 1.5, 3.0, 40.0),
    "gamma": (-1.5, 0.5, 1.5, 3.0),
    "erf": (-5.0, -1.0, 0.0, 0.3, 2.0),
    "atan": (-3.0, 0.0, 0.3, 1.0, 10.0),
    "asinh": (-3.0, 0.0, 0.3, 1.0, 10.0),
    "asin": (-0.9, 0.0, 0.3, 0.7),
}


@pytest.mark.parametrize("name", HIGH)
@pytest.mark.parametrize("order", [4, 5, 6])
def test_nested_grad_is_right_to_order_six(name, order):
    f = ROW[name].ours
    for _ in range(order):
        f = ag.grad(f)
    for x in HIGH[name]:
        want = true(ROW[name], (x,), (0,) * order)
        assert abs(mpf(f(x)) - want) <= 1e-10 * max(abs(want), abs(true(ROW[name], (x,), (0,) * (order - 1))) * 1e-3), x


def test_mixed_derivatives_of_pow_are_right_to_order_five():
    f = lambda a, b: a**b  # noqa: E731 - a row's function
    for a, b in [(2.0, 3.0), (0.3, 0.4), (5.0, -1.5), (1e-3, 2.0)]:
        for by in [(0, 0, 1, 1), (0, 1, 0, 1), (1, 1, 1, 0, 0), (0, 0, 0, 0, 1)]:
            g = f
            for i in by:
                g = ag.grad(g, i)
            assert g(a, b) == pytest.approx(float(true(ROW["**"], (a, b), by)), rel=1e-11), (a, b, by)


# ── Where there is a choice ─────────────────────────────────────────────────────────────────────────────────

power = lambda a, b: a**b  # noqa: E731 - rows of tables, here and below

KINKS = [
    (ag.relu, (0.0,), (0.0,)),
    (ag.relu, (nan,), (1.0,)),
    (partial(ag.leaky_relu, negative_slope=0.2), (0.0,), (0.2,)),
    (ag.elu, (0.0, 1.7), (1.7, 0.0)),
    (ag.abs, (0.0,), (0.0,)),
    (ag.abs, (-0.0,), (0.0,)),
    (ag.sign, (0.0,), (0.0,)),
    (ag.maximum, (nan, 1.0), (1.0, 0.0)),
    (ag.minimum, (1.0, nan), (0.0, 1.0)),
    (ag.maximum, (2.0, 2.0), (0.5, 0.5)),
    (ag.minimum, (2.0, 2.0), (0.5, 0.5)),
    (lambda x: ag.maximum(x, 0.0), (0.0,), (0.5,)),
    (lambda *xs: ag.max(xs), (3.0, 3.0, 1.0, 3.0), (1 / 3, 1 / 3, 0.0, 1 / 3)),
    (lambda *xs: ag.min(xs), (3.0, 1.0, 1.0, 3.0), (0.0, 0.5, 0.5, 0.0)),
    (ag.clamp, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
    (ag.clamp, (1.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
    (ag.clamp, (-1.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
    (ag.clamp, (2.0, 0.0, 1.0), (0.0, 0.0, 1.0)),
    (ag.floor, (2.0,), (0.0,)),
    (ag.ceil, (2.0,), (0.0,)),
    (ag.trunc, (2.0,), (0.0,)),
    (ag.round, (2.5,), (0.0,)),
    (lambda x: ag.round(x, 2), (2.5,), (0.0,)),
    (ag.sqrt, (0.0,), (inf,)),
    (ag.cbrt, (0.0,), (inf,)),
    (ag.asin, (1.0,), (inf,)),
    (ag.asin, (-1.0,), (inf,)),
    (ag.acos, (1.0,), (-inf,)),
    (ag.acosh, (1.0,), (inf,)),
    (lambda x: x**0, (0.0,), (0.0,)),
    (lambda x: x**1, (0.0,), (1.0,)),
    (lambda x: x**2, (0.0,), (0.0,)),
    (lambda x: x**0.5, (0.0,), (inf,)),
    (lambda x: x**0.25, (0.0,), (inf,)),
    (lambda x: x**0.25, (inf,), (0.0,)),
    (lambda v: 0.0**v, (0.0,), (0.0,)),
    (lambda v: 0.0**v, (2.0,), (0.0,)),
    (power, (0.0, 0.0), (0.0, 0.0)),
    (power, (0.0, 1.0), (1.0, 0.0)),
    (power, (0.0, 2.0), (0.0, 0.0)),
    (power, (-2.0, 3.0), (12.0, nan)),
    (lambda x: x**3, (-2.0,), (12.0,)),
    (ag.atan2, (0.0, 0.0), (0.0, 0.0)),
    (ag.hypot, (0.0, 0.0), (0.0, 0.0)),
    (ag.hypot, (0.0,), (0.0,)),
    (lambda *xs: ag.norm(xs), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    (lambda a, b: a % b, (-5.0, 3.0), (1.0, 2.0)),
    (lambda a, b: a % b, (1.0, 0.1), (1.0, -9.0)),
    (ag.fmod, (-5.0, 3.0), (1.0, 1.0)),
    (lambda a, b: a // b, (5.0, 3.0), (0.0, 0.0)),
    (ag.xlogy, (0.0, 0.0), (0.0, 0.0)),
    (ag.xlogy, (0.0, 2.0), (math.log(2.0), 0.0)),
    (ag.softplus, (1000.0,), (1.0,)),
    (ag.softplus, (-1000.0,), (0.0,)),
    (ag.sigmoid, (-1000.0,), (0.0,)),
    (ag.sigmoid, (1000.0,), (0.0,)),
    (ag.tanh, (1000.0,), (0.0,)),
    (ag.gelu, (1e200,), (1.0,)),
    (ag.gelu, (-1e200,), (0.0,)),
    (partial(ag.gelu, approximate="tanh"), (1e200,), (1.0,)),
    (partial(ag.gelu, approximate="tanh"), (-1e200,), (0.0,)),
    (ag.silu, (1e200,), (1.0,)),
    (ag.silu, (-1e200,), (0.0,)),
    (ag.copysign, (0.0, -2.0), (0.0, 0.0)),
    (ag.copysign, (-3.0, 2.0), (-1.0, 0.0)),
    (lambda *xs: ag.prod(xs), (0.0, 2.0, 3.0), (6.0, 0.0, 0.0)),
    (lambda *xs: ag.pick(xs, 1), (1.0, 2.0), (0.0, 1.0)),
    (lambda i, *xs: ag.pick(xs, i), (1.0, 5.0, 6.0), (0.0, 0.0, 1.0)),
    (lambda a, b, c, d: ag.sum(ag.take([[a, b], [c, d]], 1)), (1.0, 2.0, 3.0, 4.0), (0.0, 0.0, 1.0, 1.0)),
]

LIMITS = [
    # in ieee mode, where the forward pass would raise
    (power, (0.0, -1.0), (-inf, -inf)),
    (ag.atanh, (1.0,), (inf,)),
    (ag.atanh, (-1.0,), (inf,)),
    (ag.log, (0.0,), (inf,)),
    (ag.log, (-1.0,), (-1.0,)),
    (ag.log1p, (-1.0,), (inf,)),
    (lambda x: 1 / x, (0.0,), (-inf,)),
    (ag.exp, (1000.0,), (inf,)),
    (ag.exp, (-inf,), (0.0,)),
    (ag.lgamma, (0.0,), (-inf,)),
    (ag.sqrt, (-1.0,), (nan,)),
]


def same(got: float, want: float) -> bool:
    return got == want or (got != got and want != want)


@pytest.mark.parametrize(("f", "xs", "want"), KINKS)
def test_derivative_at_a_kink_is_the_chosen_one(f, xs, want):
    leaves = [Value(x) for x in xs]
    f(*leaves).backward()
    assert all(map(same, [leaf.grad for leaf in leaves], want)), [leaf.grad for leaf in leaves]
    assert all(map(same, partials(f, xs, 1).values(), want)), "and where the gradient is a graph"


@pytest.mark.parametrize(("f", "xs", "want"), LIMITS)
def test_derivative_in_ieee_mode_is_the_limit(f, xs, want):
    with ag.ieee():
        leaves = [Value(x) for x in xs]
        f(*leaves).backward()
        assert all(map(same, [leaf.grad for leaf in leaves], want)), [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("f", [ag.sqrt, ag.cbrt, ag.asin, ag.acosh], ids=["sqrt", "cbrt", "asin", "acosh"])
def test_backward_at_the_edge_of_a_domain_never_raises(f):
    x = Value(1.0 if f in (ag.asin, ag.acosh) else 0.0)
    f(x).backward()
    assert x.grad == inf


# ── Structural zeros: what was not chosen gets nothing, not even a nan ──────────────────────────────────────

LEAKS = [
    # each meets an infinite slope at 0 on the side not taken
    lambda x: ag.where(x > 0.0, ag.sqrt(x), 3.0 * x),
    lambda x: ag.where(True, 3.0 * x, ag.sqrt(x)),
    lambda x: ag.where(x > 0.0, x * ag.cbrt(x), 3.0 * x),
    lambda x: ag.pick([ag.sqrt(x), 3.0 * x], 1),
    lambda x: ag.maximum(ag.sqrt(x) - 1.0, 3.0 * x),
    lambda x: ag.minimum(ag.sqrt(x) + 1.0, 3.0 * x),
    lambda x: ag.max([ag.sqrt(x) - 1.0, 3.0 * x, ag.cbrt(x) - 2.0]),
    lambda x: ag.take([[ag.sqrt(x)], [3.0 * x]], 1)[0],
]


@pytest.mark.parametrize("f", LEAKS)
def test_untaken_side_leaks_nothing_at_any_order(f):
    x = Value(0.0)
    f(x).backward()
    assert x.grad == 3.0
    assert ag.grad(f)(0.0) == 3.0
    assert ag.grad(ag.grad(f))(0.0) == 0.0
    assert ag.grad(ag.grad(ag.grad(f)))(0.0) == 0.0


def test_loser_is_sent_nothing_rather_than_zero():
    for op, inputs in [(_ops.maximum, (1.0, 2.0)), (_ops.pick, (1.0, 1.0, 2.0)), (_ops.where, (0.0, 1.0, 2.0))]:
        sent = op.rule(1.0, op(*inputs), *inputs)
        assert sent[-1] == 1.0
        assert set(sent[:-1]) == {None}


def test_every_op_has_a_rule_and_each_row_of_the_table_a_third_derivative():
    built_in = [op for op in vars(_ops).values() if isinstance(op, ag.Op)]
    assert [op for op in built_in if op.rule is None] == []
    assert len(SMOOTH) + len(SMOOTH_MANY) > 50
