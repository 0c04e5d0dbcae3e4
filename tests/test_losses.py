"""`nn`'s losses, held against mpmath and against the written-out formulas; torch's numbers are in data/."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import Value, ieee
from autograd.errors import DomainError, InputError, InputTypeError

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


# ── Losses of numbers ───────────────────────────────────────────────────────────────────────────────────────

OF_NUMBERS = [
    "mse_loss",
    "l1_loss",
    "huber_loss",
    "hinge_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
]
OF_CLASSES = ["cross_entropy", "nll_loss", "categorical_cross_entropy"]


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_number_a_sample_and_a_batch(name):
    loss = getattr(nn, name)
    one, two = loss(0.25, 1), loss(0.75, 1)
    assert loss([0.25, 0.75], [1, 1]) == (one + two) / 2
    assert loss([[0.25], [0.75]], [[1], [1]], "sum") == one + two
    assert loss([[0.25], [0.75]], [[1], [1]], reduction="none") == [[one], [two]]
    assert loss(0.25, 1, reduction="none") == loss(0.25, 1, reduction="sum") == one
    for wrong in ([], [[]]):
        with pytest.raises(InputError, match="of nothing"):
            loss(wrong, wrong)
    with pytest.raises(InputError, match="output's shape"):
        loss([0.5], [1.0, 1.0])
    with pytest.raises(InputError, match="ragged"):
        loss([[0.5], [0.5, 0.5]], [[1.0], [1.0, 1.0]])
    for output, target in (("ab", 1.0), (None, 1.0), ([0.5], 1.0), ([0.5], ["1"]), (np.ones(1), [1.0]), (0.5, None)):
        with pytest.raises((InputTypeError, InputError)):
            loss(output, target)


@pytest.mark.parametrize("name", [*OF_NUMBERS, *OF_CLASSES])
def test_reductions_are_three(name):
    output, target = ([0.5, 0.5], 1) if name in OF_CLASSES else (0.5, 1.0)
    for wrong in ("avg", "", None, 1):
        with pytest.raises(InputError, match=f"{name}'s reduction must be 'mean' or 'sum' or 'none'"):
            getattr(nn, name)(output, target, reduction=wrong)


@pytest.mark.parametrize("name", OF_CLASSES)
def test_losses_of_classes_share_their_checks(name):
    loss, row = getattr(nn, name), [0.25, 0.5]
    losses = [loss(row, 0), loss(row, 1)]
    assert loss([row, row], [0, 1], reduction="none") == losses
    assert loss([row, row], [0, 1], reduction="sum") == losses[0] + losses[1]
    for output, target in ((row, 2), (row, -1), ([row], [0, 1]), ([], []), ([row, [0.5]], [0, 0]), ([], 0)):
        with pytest.raises(InputError):
            loss(output, target)
    for output, target in ((row, 1.0), (row, "1"), ("ab", 0), (np.ones(2), 0), ([None, 0.5], 0), (["0.5", 0.5], 0)):
        with pytest.raises(InputTypeError):
            loss(output, target)


logits = st.floats(-800, 800)


@given(logits, st.sampled_from([0.0, 0.25, 1.0]))
def test_binary_cross_entropy_with_logits_is_mpmaths(x, t):
    v = Value(x)
    loss = nn.binary_cross_entropy_with_logits(v, t)
    loss.backward()
    with mpmath.workdps(400):
        p = 1 / (1 + mpmath.exp(-mpmath.mpf(x)))
        q = 1 / (1 + mpmath.exp(mpmath.mpf(x)))
        expected, slope = -(t * mpmath.log(p) + (1 - t) * mpmath.log(q)), (1 - t) * p - t * q
        assert loss.data == pytest.approx(float(expected), rel=1e-13, abs=1e-300)
        assert v.grad == pytest.approx(float(slope), rel=1e-12, abs=1e-16 if t == 0.25 else 1e-300)


def test_binary_cross_entropy_of_sure_answers():
    assert nn.binary_cross_entropy([0.0, 1.0], [0, 1], reduction="none") == [0.0, 0.0]
    assert nn.binary_cross_entropy(1e-20, 0) == pytest.approx(1e-20)
    for p, t in ((0.0, 1), (1.0, 0)):
        with pytest.raises(DomainError):
            nn.binary_cross_entropy(Value(p), t)
        with ieee():
            assert nn.binary_cross_entropy(Value(p), t).data == math.inf
    t = Value(1.0)
    nn.binary_cross_entropy(0.25, t).backward()  # a target that is a Value has a gradient
    assert t.grad == pytest.approx(math.log(0.75) - math.log(0.25))


@pytest.mark.parametrize("wrong", [-0.1, 1.5, math.nan])
def test_probabilities_are_from_0_to_1(wrong):
    for call in (
        lambda: nn.binary_cross_entropy(wrong, 1),
        lambda: nn.binary_cross_entropy(Value(wrong), 0),
        lambda: nn.binary_cross_entropy(0.5, wrong),
        lambda: nn.binary_cross_entropy_with_logits(0.5, wrong),
        lambda: nn.categorical_cross_entropy([0.5, wrong], 1),
    ):
        with pytest.raises(InputError, match="from 0 to 1"):
            call()


def test_hinge_is_micrograds_margin_loss():
    scores, signs = [0.3, -2.0, 1.7], [1.0, 1.0, -1.0]
    ours, theirs = ([Value(x) for x in scores] for _ in range(2))
    nn.hinge_loss(ours, signs).backward()
    total = sum((1 + -t * x).relu() for x, t in zip(theirs, signs, strict=True)) * (1.0 / 3)
    total.backward()
    assert nn.hinge_loss(scores, signs) == pytest.approx(total.data, rel=1e-15)
    assert [x.grad for x in ours] == pytest.approx([x.grad for x in theirs], rel=1e-15)
    assert nn.hinge_loss(0.5, 1, margin=2.0) == 1.5
    for wrong in (0, 2, 0.5, math.nan):
        with pytest.raises(InputError, match="must be 1 or -1"):
            nn.hinge_loss([0.5], [wrong])


def test_huber_is_half_the_square_inside_and_a_line_outside():
    assert nn.huber_loss([0.5, -0.5, 2.0, -2.0], [0.0] * 4, reduction="none") == [0.125, 0.125, 1.5, 1.5]
    for delta in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="delta"):
            nn.huber_loss(1.0, 0.0, delta=delta)


def test_penalties():
    parameters = [nn.Parameter(2.0), nn.Parameter(-3.0), nn.Parameter(0.0)]
    (nn.l1_penalty(parameters) + 0.5 * nn.l2_penalty(parameters)).backward()
    assert [p.grad for p in parameters] == [1.0 + 2.0, -1.0 - 3.0, 0.0]
    assert (nn.l1_penalty(parameters).data, nn.l2_penalty(parameters).data) == (5.0, 13.0)
    for wrong in (None, nn.Linear(1, 1), ["a"], "ab", parameters[0]):
        for penalty in (nn.l1_penalty, nn.l2_penalty):
            with pytest.raises(InputTypeError):
                penalty(wrong)
