"""`nn.cross_entropy` and `nn.mse_loss`, held against mpmath and against the written-out formulas."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import Value
from autograd.errors import InputError, InputTypeError

logits_and_target = st.lists(st.floats(-700, 700), min_size=1, max_size=8).flatmap(
    lambda xs: st.tuples(st.just(xs), st.integers(0, len(xs) - 1))
)


@given(logits_and_target)
def test_cross_entropy_and_its_gradient_are_mpmaths(case):
    xs, target = case
    values = [Value(x) for x in xs]
    loss = nn.cross_entropy(values, target)
    loss.backward()
    with mpmath.workdps(700):  # exp(-1400) beside 1
        weights = [mpmath.exp(mpmath.mpf(x)) for x in xs]
        total = mpmath.fsum(weights)
        expected = mpmath.log(total) - xs[target]
        slopes = [w / total - (i == target) for i, w in enumerate(weights)]
        # A logit's distance from the largest, up to 1400, is rounded by up to 1.2e-13, and exp makes that relative.
        assert loss.data == pytest.approx(float(expected), rel=2e-13, abs=1e-300)
        for v, slope in zip(values, slopes, strict=True):
            assert v.grad == pytest.approx(float(slope), rel=1e-11, abs=1e-300)


def test_cross_entropy_by_hand():
    assert nn.cross_entropy([math.log(1.0), math.log(3.0)], 1) == pytest.approx(-math.log(0.75))
    assert nn.cross_entropy([2.0], 0) == 0.0


def test_a_batch_is_the_mean_from_left_to_right():
    rows, targets = [[0.1, 0.2], [3.0, -1.0], [0.5, 0.7]], [1, 1, 0]
    losses = [nn.cross_entropy(row, t) for row, t in zip(rows, targets, strict=True)]
    assert nn.cross_entropy(rows, targets) == (losses[0] + losses[1] + losses[2]) / 3
    values = [[Value(x) for x in row] for row in rows]
    nn.cross_entropy(values, targets).backward()
    p = 1 / (1 + math.exp(0.2 - 0.1))
    assert values[0][0].grad == pytest.approx(p / 3)
    assert values[0][1].grad == pytest.approx(-p / 3)


def test_numbers_give_a_float_and_values_a_value():
    assert type(nn.cross_entropy([1, 2], 0)) is float
    assert type(nn.cross_entropy([[1, 2]], [0])) is float
    assert type(nn.mse_loss(1, 3)) is float
    assert type(nn.cross_entropy([Value(1.0), 2.0], 0)) is Value
    assert type(nn.mse_loss(Value(1.0), 2)) is Value


def test_a_target_may_be_numpys_int():
    assert nn.cross_entropy([0.0, 1.0], np.int64(1)) == nn.cross_entropy([0.0, 1.0], 1)


@pytest.mark.parametrize("target", [2, -1, 10**30])
def test_a_target_out_of_range(target):
    with pytest.raises(InputError, match=f"{target}.*2 outputs"):
        nn.cross_entropy([0.0, 0.0], target)
    with pytest.raises(InputError, match=f"of sample 1 is {target}"):
        nn.cross_entropy([[0.0, 0.0], [0.0, 0.0]], [0, target])


@pytest.mark.parametrize("target", [1.0, True, False, None, "1", Value(1.0), np.bool_(True), np.float64(1.0)])
def test_a_target_that_is_no_int(target):
    with pytest.raises(InputTypeError, match="must be a class, an int"):
        nn.cross_entropy([0.0, 0.0], target)
    with pytest.raises(InputTypeError, match="of sample 0"):
        nn.cross_entropy([[0.0, 0.0]], [target])


@pytest.mark.parametrize("logits", ["ab", None, 1.0, Value(1.0), np.zeros(2)])
def test_logits_that_are_no_list(logits):
    for call in (lambda: nn.cross_entropy(logits, 0), lambda: nn.cross_entropy([[0.0, 0.0], logits], [0, 0])):
        with pytest.raises(InputTypeError):
            call()


@pytest.mark.parametrize("logits", [["0", "1"], [0.0, None], [[0.0], [1.0]]])
def test_logits_that_hold_no_numbers(logits):
    with pytest.raises(InputTypeError):
        nn.cross_entropy(logits, 0)


def test_batches_that_do_not_fit():
    with pytest.raises(InputError, match="2 outputs, but 1 targets"):
        nn.cross_entropy([[0.0], [0.0]], [0])
    with pytest.raises(InputError, match="empty"):
        nn.cross_entropy([], [])
    with pytest.raises(InputError, match="ragged"):
        nn.cross_entropy([[0.0, 1.0], [0.0]], [0, 0])
    with pytest.raises(InputError, match="0 outputs"):
        nn.cross_entropy([], 0)


def test_mse_by_hand():
    assert nn.mse_loss(3.0, 1.0) == 4.0
    assert nn.mse_loss([1.0, 2.0, 3.0], [0.0, 0.0, 1.0]) == (1.0 + 4.0 + 4.0) / 3
    assert nn.mse_loss([[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]) == 7.5
    a, t = Value(3.0), Value(1.0)
    nn.mse_loss([a, 0.0], [t, 0.0]).backward()
    assert (a.grad, t.grad) == (2.0, -2.0)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=9))
def test_mse_is_added_from_left_to_right(pairs):
    total = 0.0
    for o, t in pairs:
        total += (o - t) * (o - t)
    assert nn.mse_loss([o for o, _ in pairs], [t for _, t in pairs]) == total / len(pairs)


@pytest.mark.parametrize(
    ("output", "target"),
    [
        ([], []),
        ([[]], [[]]),
        ([1.0], [1.0, 2.0]),
        ([[1.0], [1.0, 2.0]], [[1.0], [1.0, 2.0]]),
        ([[1.0], 2.0], [[1.0], 2.0]),
        ([[1.0, 2.0]], [[1.0]]),
    ],
)
def test_mse_of_shapes_that_do_not_fit(output, target):
    with pytest.raises(InputError):
        nn.mse_loss(output, target)


@pytest.mark.parametrize(
    ("output", "target"),
    [
        ("1", 1.0),
        (1.0, None),
        ([1.0], 1.0),
        (1.0, [1.0]),
        (np.ones(2), np.ones(2)),
        ([1.0], np.ones(1)),
        ([[1.0]], [1.0]),
    ],
)
def test_mse_of_what_is_no_number(output, target):
    with pytest.raises(InputTypeError):
        nn.mse_loss(output, target)


def test_the_loss_of_a_sure_answer_is_plus_zero():
    assert math.copysign(1.0, nn.cross_entropy([800.0, 0.0], 0)) == 1.0
    assert math.copysign(1.0, nn.cross_entropy([[Value(800.0), 0.0]], [0]).data) == 1.0


def test_arrays_are_told_how_to_be_lists():
    rows, labels = np.zeros((2, 2)), np.zeros(2, dtype=int)
    calls = [
        lambda: nn.cross_entropy(rows, [0, 0]),
        lambda: nn.cross_entropy(rows.tolist(), labels),
        lambda: nn.cross_entropy(list(rows), [0, 0]),
        lambda: nn.cross_entropy(rows[0], 0),
        lambda: nn.mse_loss(rows, rows),
        lambda: nn.mse_loss(list(rows), list(rows)),
        lambda: nn.accuracy(rows, [0, 0]),
        lambda: nn.accuracy(rows.tolist(), labels),
    ]
    for call in calls:
        with pytest.raises(InputTypeError, match=r"\.tolist\(\)"):
            call()
