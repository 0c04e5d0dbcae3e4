"""Uncertainty: against the package `uncertainties`, against covariances by hand, and in time."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import uncertainties
from hypothesis import given
from hypothesis import strategies as st
from uncertainties import umath

import autograd
from autograd import Value, correlated, uncertain, uncertainty
from autograd.errors import InputError, InputTypeError, StaleGraphError

values = st.floats(0.5, 2.0)
sigmas = st.floats(1e-6, 0.5)


def formula(m: Any, a: Any, b: Any, c: Any) -> Any:
    return m.sin(a * b) + m.exp(-c) * a / (b + c) + m.sqrt(a * c) * b


@given(st.tuples(values, values, values), st.tuples(sigmas, sigmas, sigmas))
def test_independent_errors_are_those_of_uncertainties(at: Any, errors: Any) -> None:
    ours = uncertainty(formula(autograd, *map(uncertain, at, errors)))
    theirs = formula(umath, *map(uncertainties.ufloat, at, errors))
    assert ours.value == pytest.approx(theirs.nominal_value, rel=1e-14)
    assert ours.sigma == pytest.approx(theirs.std_dev, rel=1e-12, abs=1e-300)
    variances = sorted((e**2 for e in theirs.error_components().values()), reverse=True)
    assert [s.share * ours.sigma**2 for s in ours.shares] == pytest.approx(variances, rel=1e-9)


@given(st.tuples(values, values, values), st.lists(st.floats(-1.0, 1.0), min_size=9, max_size=9))
def test_correlated_errors_are_those_of_uncertainties(at: Any, numbers: list[float]) -> None:
    root = np.array(numbers).reshape(3, 3) + 0.01 * np.eye(3)
    covariance = 0.01 * root @ root.T
    ours = uncertainty(formula(autograd, *correlated(list(at), covariance)))
    theirs = formula(umath, *uncertainties.correlated_values(at, covariance))
    assert ours.sigma == pytest.approx(theirs.std_dev, rel=1e-6, abs=1e-9)
    slopes = (
        np.array([next(s.slope for s in ours.shares if s.leaf.data == x) for x in at]) if len(set(at)) == 3 else None
    )
    if slopes is not None:
        assert ours.sigma == pytest.approx(math.sqrt(max(0.0, slopes @ covariance @ slopes)), rel=1e-9, abs=1e-9)


def chained(x: Any, n: int) -> Any:
    """Each intermediate is used twice."""
    for _ in range(n):
        x = x * (0.5 + 0.3 * x)
    return x


def test_intermediates_used_twice_cost_nothing_more() -> None:
    ours = uncertainty(chained(uncertain(0.4, 0.01), 16))
    assert ours.sigma == pytest.approx(chained(uncertainties.ufloat(0.4, 0.01), 16).std_dev, rel=1e-12)
    found = uncertainty(chained(uncertain(0.4, 0.01), 200))  # by paths it would never end
    x, slope = 0.4, 1.0
    for _ in range(200):
        slope *= 0.5 + 0.6 * x
        x = x * (0.5 + 0.3 * x)
    assert found.sigma == pytest.approx(abs(slope) * 0.01, rel=1e-9)


def test_shares_are_ranked_and_told() -> None:
    length, period = uncertain(0.995, 0.002, "length"), uncertain(2.001, 0.004, "period")
    found = uncertainty(4 * math.pi**2 * length / period**2 + 0.0 * uncertain(1.0, 0.5))
    assert [s.name for s in found.shares] == ["period", "length", "1.0"]
    assert found.shares[0].leaf is period
    by_period = (2 * 0.004 / 2.001) ** 2 / ((2 * 0.004 / 2.001) ** 2 + (0.002 / 0.995) ** 2)
    assert found.shares[0].share == pytest.approx(by_period, rel=1e-12)
    assert found.shares[0].slope == pytest.approx(-2 * found.value / 2.001, rel=1e-13)
    assert found.shares[0].sigma == 0.004
    assert str(found).splitlines()[:2] == ["9.810 ± 0.044", " 80 % of the variance comes from period"]


@pytest.mark.parametrize(
    ("value", "sigma", "text"),
    [
        (9.80665, 0.0123, "9.807 ± 0.012"),
        (1234.5, 440.0, "1234 ± 440"),
        (1e12, 2.5e9, "1.0000e+12 ± 2.5e+09"),
        (1.5e-20, 2e-22, "1.500e-20 ± 2.0e-22"),
        (0.0, 1e-30, "0.0e+00 ± 1.0e-30"),
        (3.0, 0.0, "3.0 ± 0.0"),
    ],
)
def test_two_digits_of_the_error_are_shown(value: float, sigma: float, text: str) -> None:
    assert str(uncertainty(uncertain(value, sigma))).splitlines()[0] == text


def test_the_same_measurement_twice_and_anticorrelated_ones() -> None:
    a = uncertain(3.0, 0.1)
    assert uncertainty(a - a).sigma == 0.0
    assert uncertainty(a + a).sigma == pytest.approx(0.2)
    assert uncertainty(a).sigma == 0.1
    assert uncertainty(a - uncertain(3.0, 0.1)).sigma == pytest.approx(math.sqrt(0.02))
    p, q = correlated([1.0, 2.0], [[0.04, -0.04], [-0.04, 0.04]])
    assert uncertainty(p + q).sigma == 0.0
    assert uncertainty(p - q).sigma == pytest.approx(0.4)
    both = correlated({"a": 1.0, "b": (2.0,)}, np.diag([0.01, 0.04]), labels=["a", "b"])
    found = uncertainty(both["a"] * both["b"][0])
    assert found.sigma == pytest.approx(math.sqrt((2 * 0.1) ** 2 + 0.2**2))
    assert {s.name for s in found.shares} == {"a", "b"}


def test_a_covariance_is_symmetric_up_to_rounding() -> None:
    p, q = correlated([1.0, 2.0], [[1e-6, 2.2473246e-315], [2.247324595e-315, 0.01]])
    assert uncertainty(p + q).sigma == pytest.approx(math.sqrt(0.010001))
    tiny, huge = correlated([1.0, 2.0], [[1e-310, 5e-156], [5e-156, 1.0]])
    assert uncertainty(tiny + huge).sigma == 1.0
    p, q = correlated([1.0, 2.0], [[1e-320, 1e-320], [1e-320, 1e-320]])
    assert uncertainty(p).sigma == pytest.approx(1e-160, rel=1e-3)


def test_errors_of_any_size() -> None:
    for scale in (1e-200, 1e200):
        a, b = uncertain(1.0, 3.0 * scale), uncertain(1.0, 4.0 * scale)
        assert uncertainty(a + b).sigma == pytest.approx(5.0 * scale, rel=1e-14)
    with autograd.ieee():
        assert uncertainty(uncertain(0.0, 0.1).sqrt()).sigma == math.inf
        assert math.isnan(uncertainty(uncertain(0.0, 0.1).sqrt() * 0.0).sigma)


def test_what_is_not_uncertain_has_no_share() -> None:
    found = uncertainty(Value(2.0) * Value(3.0))
    assert (found.value, found.sigma, found.shares) == (6.0, 0.0, ())
    a, b = uncertain(2.0, 0.1), Value(3.0)
    assert [s.leaf for s in uncertainty(a * b).shares] == [a]
    assert not a.has_grad
    taken = uncertainty(autograd.where(True, a, uncertain(5.0, 1.0)))
    assert [s.leaf for s in taken.shares] == [a]


def test_copies_are_the_same_measurement() -> None:
    p, q = correlated([1.0, 2.0], [[0.04, 0.02], [0.02, 0.09]], labels=["p", "q"])
    truth = uncertainty(p * q).sigma
    for again in (copy.deepcopy([p, q]), pickle.loads(pickle.dumps([p, q])), [copy.copy(p), copy.copy(q)]):
        assert uncertainty(again[0] * again[1]).sigma == truth
        assert [v.label for v in again] == ["p", "q"]
    assert uncertainty(p - copy.copy(p)).sigma == 0.0
    assert uncertainty(copy.deepcopy(p * q)).sigma == truth
    assert uncertainty(p.detach() * q).sigma == pytest.approx(0.3)


def test_a_fit_and_its_curve() -> None:
    """The band of a straight line, against its textbook formula."""
    x, y = np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([1.1, 2.9, 5.2, 6.8, 9.1])
    (slope, height), covariance = np.polyfit(x, y, 1, cov=True)
    line = correlated([slope, height], covariance)
    spread = np.sqrt(((y - slope * x - height) ** 2).sum() / 3)
    for at in (-1.0, 2.0, 6.0):
        band = uncertainty(line[0] * at + line[1]).sigma
        assert band == pytest.approx(spread * math.sqrt(1 / 5 + (at - 2.0) ** 2 / 10.0), rel=1e-9)


MISUSE: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("a str", lambda: uncertain("1", 0.1), InputTypeError, "uncertain's value"),
    ("a Value", lambda: uncertain(Value(1.0), 0.1), InputTypeError, "detach"),
    ("sigma None", lambda: uncertain(1.0, None), InputTypeError, "sigma"),
    ("negative", lambda: uncertain(1.0, -0.1), InputError, "sigma must be finite, 0 or more"),
    ("nan", lambda: uncertain(1.0, math.nan), InputError, "sigma"),
    ("a list", lambda: uncertain([1.0], 0.1), InputTypeError, "uncertain's value"),
    ("too small", lambda: correlated([1.0, 2.0], [[1.0]]), InputError, "2 × 2"),
    ("lopsided", lambda: correlated([1.0, 2.0], [[1.0, 0.5], [0.4, 1.0]]), InputError, "symmetric"),
    ("negative variance", lambda: correlated([1.0], [[-1.0]]), InputError, "0 or more"),
    ("infinite", lambda: correlated([1.0], [[math.inf]]), InputError, "finite"),
    ("too close", lambda: correlated([1.0, 2.0], [[1.0, 2.0], [2.0, 1.0]]), InputError, "between -1 and 1"),
    ("with a sure one", lambda: correlated([1.0, 2.0], [[1.0, 0.5], [0.5, 0.0]]), InputError, "between -1 and 1"),
    ("labels", lambda: correlated([1.0], [[1.0]], labels=["a", "b"]), InputError, "1 labels, not 2"),
    ("a label", lambda: correlated([1.0], [[1.0]], labels=[3]), InputTypeError, "label"),  # type: ignore[list-item]
    ("a float", lambda: uncertainty(3.0), InputTypeError, r"autograd\.uncertain"),
    ("a list of results", lambda: uncertainty([Value(1.0)]), InputTypeError, "list"),
]  # fmt: skip


@pytest.mark.parametrize(("use", "error", "message"), [r[1:] for r in MISUSE], ids=[r[0] for r in MISUSE])
def test_misuse_is_told(use: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        use()


def test_no_measurements_have_such_a_covariance() -> None:
    rows = [[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]  # each pair could, the three can't
    a, b, c = correlated([1.0, 1.0, 1.0], rows)
    with pytest.raises(InputError, match="semi-definite"):
        uncertainty(a - b + c)


def test_data_assigned_later_is_told() -> None:
    a = uncertain(2.0, 0.1)
    y = a * a
    a.data = 3.0
    with pytest.raises(StaleGraphError):
        uncertainty(y)
    assert uncertainty(a * a).sigma == pytest.approx(0.6)  # the error stays with the leaf
