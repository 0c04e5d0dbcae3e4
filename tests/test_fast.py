"""Programs that may be a few ulp off: how far they are, against mpmath, and that nothing else changes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import mpmath
import pytest

import autograd as ag
from tests.programs import bits
from tests.test_grids import COMPILED, on_each, sets  # noqa: F401 - a fixture

mpmath.mp.prec = 120
ULPS = 3.0


def _sigmoid_slope(x: Any) -> Any:
    z = mpmath.exp(-abs(x))
    return z / (1 + z) ** 2


FUNCTIONS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "exp": (ag.exp, mpmath.exp),
    "log": (ag.log, mpmath.log),
    "tanh": (ag.tanh, mpmath.tanh),
    "sigmoid": (ag.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x))),
    "sech2": (ag.ops.sech2, lambda x: mpmath.sech(x) ** 2),
    "sigmoid_slope": (ag.ops.sigmoid_slope, _sigmoid_slope),
}
ENDS = [0.0, -0.0, 5e-324, -5e-324, 1e-310, 2.2e-308, 709.7, 709.79, 710.5, -708.5, -745.1, -745.2, 1e308, -1e308]
ENDS += [math.inf, -math.inf, math.nan, 1.0, -1.0]


def drawn(name: str) -> list[float]:
    draw = random.Random(name)
    if name == "log":
        return [math.exp(draw.uniform(-744, 709)) for _ in range(400)] + [draw.uniform(0.5, 2.0) for _ in range(600)]
    wide = [draw.uniform(-708, 708) for _ in range(300)]
    return wide + [draw.uniform(-3, 3) for _ in range(700)] + [draw.gauss(0, 1) * 10.0**-k for k in range(300)]


def ulps(y: float, exact: Any) -> float:
    return float(abs(mpmath.mpf(y) - exact) / math.ulp(float(exact)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_fast_function_is_near(name: str, sets: list[str]) -> None:  # noqa: F811
    function, exact = FUNCTIONS[name]
    xs = drawn(name)
    program = ag.record(lambda xs: [function(x) for x in xs], xs).fast()
    found = list(on_each(sets, lambda: program(xs)))
    assert all(bits(ys) == bits(found[0]) for ys in found), "the instruction sets differ"
    for x, y in zip(xs, found[0], strict=True):
        assert ulps(y, exact(mpmath.mpf(x))) <= ULPS + (0.0 if COMPILED else 0.5), x


@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_the_ends_it_is_what_the_exact_one_is(name: str, sets: list[str]) -> None:  # noqa: F811
    function, _ = FUNCTIONS[name]
    with ag.ieee():
        program = ag.record(lambda xs: [function(x) for x in xs], ENDS)
        expected = program(ENDS)
        for found in on_each(sets, lambda: program.fast()(ENDS)):
            for x, a, b in zip(ENDS, found, expected, strict=True):
                same = bits(a) == bits(b)
                assert same or abs(a - b) <= 3.0 * math.ulp(b), x


def loss(p: Any, x: Any) -> Any:
    return ag.log(ag.sum([(a * x).tanh() * a.exp() + ag.sigmoid(a) for a in p]) ** 2)


def test_a_fast_program_has_a_fast_gradient() -> None:
    p = [0.1 * k - 0.4 for k in range(9)]
    program = ag.record(loss, p, 0.7)
    exact, near = program.gradient()(p, 0.7), program.fast().gradient()(p, 0.7)
    assert near[0] == pytest.approx(exact[0], rel=1e-13)
    assert near[1] == pytest.approx(exact[1], rel=1e-12)
    assert (bits(near) != bits(exact)) is COMPILED
    assert bits(program.gradient()(p, 0.7)) == bits(exact)
    assert not program.is_fast


def test_compile_fast_audits_digits_and_not_bits() -> None:
    factor = [1.0]
    compiled = ag.compile(lambda p, x: loss(p, x) * factor[0], fast=True, strict=True)
    for k in range(20):
        p = [0.1 * j - 0.3 * k for j in range(9)]
        value, slopes = compiled.value_and_grad(p, 0.7)
        exact = ag.record(loss, p, 0.7).gradient()(p, 0.7)
        assert value == pytest.approx(exact[0], rel=1e-12)
        assert slopes == pytest.approx(exact[1], rel=1e-11)
    factor[0] = 1.0 + 1e-5
    with pytest.raises(ag.errors.RecordError, match="audit"):
        [compiled.value_and_grad(p, 0.7) for _ in range(20)]
