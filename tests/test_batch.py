"""Batches: what many samples come to in one call is what the program called in a loop comes to, to the last bit."""

from __future__ import annotations

import array
import itertools
import math
import pickle
import random
import threading
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import Value, ops
from autograd.errors import DomainError, GuardError, InputError, InputTypeError, RecordWarning
from autograd.program.batch import Batched
from autograd.program.lanes import Lanes, instruction_sets
from tests.programs import NUMBERS, bits, function_of, steps

COMPILED = ag.backend().name == "compiled"
PAIRS = st.lists(NUMBERS, min_size=2, max_size=2)


def two_arguments(program: Any) -> Any:
    """The drawn program of four numbers: two parameters and two numbers of a sample."""
    f = function_of(program)
    return lambda p, x: f([*p, *x])


def reduced(rows: list[list[float]], reduce: str) -> list[float]:
    """The documented order: the first, plus the second, …; then over how many there are."""
    totals = list(rows[0])
    for row in rows[1:]:
        totals = [a + b for a, b in zip(totals, row, strict=True)]
    return [x / len(rows) for x in totals] if reduce == "mean" else totals


# ── Drawn programs against a loop of calls ──────────────────────────────────────────────────────────────────


@settings(max_examples=80)
@given(steps(4), PAIRS, st.lists(PAIRS, min_size=1, max_size=37))
def test_every_sample_has_the_bits_of_a_call(program: Any, p: list[float], xs: list[list[float]]) -> None:
    recorded = ag.record(two_arguments(program), p, xs[0])
    gradient = recorded.gradient((0, 1))
    with ag.ieee():
        calls = [gradient(p, x) for x in xs]
        each = recorded.batch(over="x", reduce=None, argnums=(0, 1))
        assert bits(each(p, xs)) == bits([value for value, _ in calls])
        values, slopes = each.value_and_grad(p, xs)
        assert bits(values) == bits([value for value, _ in calls])
        assert bits(slopes) == bits([found for _, found in calls])


@settings(max_examples=80)
@given(steps(4), PAIRS, st.lists(PAIRS, min_size=1, max_size=37), st.sampled_from(["mean", "sum"]))
def test_sums_have_the_documented_order(program: Any, p: list[float], xs: list[list[float]], reduce: str) -> None:
    recorded = ag.record(two_arguments(program), p, xs[0])
    gradient = recorded.gradient()
    with ag.ieee():
        rows = [[value, *slopes] for value, slopes in (gradient(p, x) for x in xs)]
        value, slopes = recorded.batch(over="x", reduce=reduce).value_and_grad(p, xs)
        assert bits([value, *slopes]) == bits(reduced(rows, reduce))
        assert bits(recorded.batch(over="x", reduce=reduce)(p, xs)) == bits(value)


@settings(max_examples=60)
@given(steps(4, most=8, branches=True), PAIRS, st.lists(PAIRS, min_size=1, max_size=20))
def test_a_sample_that_goes_another_way_is_named(program: Any, p: list[float], xs: list[list[float]]) -> None:
    recorded = ag.record(two_arguments(program), p, xs[0])
    batched = recorded.batch(over="x", reduce="sum")
    with ag.ieee():
        calls = [outcome(recorded, p, x) for x in xs]
        wrong = [f"sample {i}: {y}" for i, y in enumerate(calls) if isinstance(y, GuardError)]
        if wrong:
            assert str(outcome(batched, p, xs)) == wrong[0]
        else:
            assert bits(batched(p, xs)) == bits(reduced([[y] for y in calls], "sum")[0])


def outcome(f: Any, *args: Any) -> Any:
    try:
        return f(*args)
    except GuardError as error:
        return error


# ── What programs are made of when they are networks ────────────────────────────────────────────────────────


def mlp(p: Any, x: Any, t: Any) -> Any:
    """5 → 7 → 3, tanh, cross-entropy; weights in one row."""
    rest = iter(p)
    hidden = [ag.tanh(ag.dot([next(rest) for _ in x], x) + next(rest)) for _ in range(7)]
    out = [next(rest) + ag.sum([next(rest) * h for h in hidden]) for _ in range(3)]
    return -ops.log_softmax(t, *out)


def recurrent(p: Any, x: Any, t: Any) -> Any:
    """The same weights at each of four steps: each gradient is a sum of products, of every sample."""
    state = [0.0, 0.0, 0.0, 0.0]
    for step in range(4):
        state = [ag.tanh(ag.dot(p[5 * i : 5 * i + 5], [*state, x[step]])) for i in range(4)]
    return (ag.sum(state) - t) ** 2


def micrograd_like(p: Any, x: Any, t: Any) -> Any:
    """Sums that begin with the bias, and a margin loss; a penalty of the parameters alone."""
    rest = iter(p)
    hidden = []
    for _ in range(6):
        total = next(rest)
        for xi in x:
            total = total + next(rest) * xi
        hidden.append(ag.relu(total))
    total = next(rest)
    for h in hidden:
        total = total + next(rest) * h
    return ag.relu(1.0 - t * total) + 1e-3 * ag.sum([q * q for q in p])


def softmaxes(p: Any, x: Any, t: Any) -> Any:
    """Every probability of one softmax, and choices by index."""
    scores = [q * xi for q, xi in zip(p, x, strict=True)]
    shares = ag.softmax(scores)
    return ag.dot(shares, [1.0, 2.0, 3.0, 5.0, 7.0]) + ag.pick(shares, t) * ag.logsumexp(scores)


def choices(p: Any, x: Any, t: Any) -> Any:
    """Ops that send nothing one way or the other, and what is computed once."""
    scale = ag.exp(p[0]) / (p[1] * p[1] + 1.0)
    return ag.where(x[0] * t, scale * x[1], ag.maximum(p[2], x[2])) + ag.clamp(p[3] * x[3], -0.1, 0.1) + p[4] * scale


NETWORKS = {mlp: 66, recurrent: 20, micrograd_like: 43, softmaxes: 5, choices: 5}


def drawn(f: Any, n: int, seed: int = 1) -> tuple[list[float], list[list[float]], list[float]]:
    draw = random.Random(seed)
    p = [draw.uniform(-1.0, 1.0) for _ in range(NETWORKS[f])]
    return p, [[draw.gauss(0.0, 1.0) for _ in range(5)] for _ in range(n)], [float(draw.randrange(3)) for _ in range(n)]


@pytest.mark.parametrize("n", [1, 3, 16, 33, 150])
@pytest.mark.parametrize("f", NETWORKS, ids=lambda f: f.__name__)
def test_networks(f: Any, n: int) -> None:
    p, xs, ts = drawn(f, n)
    recorded = ag.record(f, p, xs[0], ts[0])
    gradient = recorded.gradient()
    rows = [[value, *slopes] for value, slopes in (gradient(p, x, t) for x, t in zip(xs, ts, strict=True))]
    for reduce in ("mean", "sum"):
        value, slopes = recorded.batch(over=("x", "t"), reduce=reduce).value_and_grad(p, xs, ts)
        assert bits([value, *slopes]) == bits(reduced(rows, reduce))
    exact = [math.fsum(column) for column in zip(*rows, strict=True)]
    sizes = [math.fsum(map(abs, column)) for column in zip(*rows, strict=True)]
    assert all(abs(a - b) <= n * 1.2e-16 * size for a, b, size in zip([value, *slopes], exact, sizes, strict=True))
    values, each = recorded.batch(over=("x", "t"), reduce=None).value_and_grad(p, xs, ts)
    assert bits([[value, *slopes] for value, slopes in zip(values, each, strict=True)]) == bits(rows)


@pytest.mark.skipif(not COMPILED, reason="the pure engine takes samples one by one")
@pytest.mark.parametrize("f", NETWORKS, ids=lambda f: f.__name__)
def test_bits_depend_neither_on_the_instruction_set_nor_on_the_block(f: Any) -> None:
    p, xs, ts = drawn(f, 70)
    recorded = ag.record(f, p, xs[0], ts[0])
    code, _ = recorded.slopes(range(len(p)))
    varying = range(len(p), len(p) + 6)
    columns = (array.array("d", itertools.chain.from_iterable(xs)), array.array("d", ts))
    found = {
        Lanes(code, varying, True, block, clone)((list(p),), columns, 70, True, False)
        for block in (16, 48, 128)
        for clone in range(len(instruction_sets()))
    }
    assert len(found) == 1
    value, slopes = recorded.batch(over=("x", "t")).value_and_grad(p, xs, ts)
    assert found.pop().startswith(array.array("d", [value, *slopes]).tobytes())  # then on what conditions they exist


@pytest.mark.skipif(not COMPILED, reason="the pure engine has no machine for lanes")
def test_layers_are_found_as_products_of_matrices() -> None:
    recorded = ag.record(mlp, *[x[0] if i else x for i, x in enumerate(drawn(mlp, 1))])
    batched = recorded.batch(over=("x", "t"))
    assert ", of them 2 products of matrices" in batched.explain()
    batched.value_and_grad(*drawn(mlp, 4))
    assert "of them 5 products of matrices" in batched._sloped().how()


# ── Arguments and results ───────────────────────────────────────────────────────────────────────────────────


def line(w: Any, x: Any, t: Any) -> Any:
    return (w[0] * x[0] + w[1] * x[1] - t) ** 2


LINE = ag.record(line, [1.0, 2.0], [3.0, 4.0], 5.0)
XS, TS = [[1.0, 2.0], [3.0, 5.0], [-1.0, 0.5]], [1.0, 0.0, 2.0]
EXPECTED = LINE.batch(over=("x", "t")).value_and_grad([0.5, -1.0], XS, TS)


@pytest.mark.parametrize(
    ("w", "xs", "ts"),
    [
        ([0.5, -1.0], XS, [1, 0, 2]),
        ((0.5, -1.0), tuple(map(tuple, XS)), tuple(TS)),
        (numpy.array([0.5, -1.0]), numpy.array(XS), numpy.array(TS)),
        (array.array("d", [0.5, -1.0]), [array.array("d", x) for x in XS], array.array("d", TS)),
        ([0.5, -1.0], list(numpy.array(XS)), numpy.array([1, 0, 2])),
        ([0.5, -1.0], numpy.asfortranarray(XS), numpy.array(TS, dtype=numpy.float32)),
        ([0.5, -1.0], numpy.array([*XS, *XS])[::2][[0, 2, 1]], TS),
        ([Value(0.5), Value(-1.0)], [[Value(a), b] for a, b in XS], list(map(Value, TS))),
        (array.array("f", [0.5, -1.0]), XS, [True * 1.0, 0.0, 2.0]),
    ],
    ids=["lists", "tuples", "numpy", "arrays", "mixed", "fortran", "strided", "values", "float32"],
)
def test_samples_come_in_many_forms(w: Any, xs: Any, ts: Any) -> None:
    value, slopes = LINE.batch(over=("x", "t")).value_and_grad(w, xs, ts)
    if len(xs) == 3 and bits([list(map(float, map(_data, x))) for x in xs]) == bits(XS):
        assert (value, [float(g) for g in slopes]) == EXPECTED
    else:
        calls = [LINE([0.5, -1.0], list(map(float, x)), float(t)) for x, t in zip(xs, ts, strict=True)]
        assert value == reduced([[y] for y in calls], "mean")[0]


def _data(x: Any) -> Any:
    return x.data if isinstance(x, Value) else x


def test_structures_of_all_kinds_vary() -> None:
    def f(w: Any, sample: Any, *, scale: Any) -> Any:
        return {"y": w * sample["x"][0] * scale + sample["x"][1], "z": [sample["b"], 1.0]}

    def sample(a: float) -> Any:
        return {"x": (a, 2.0), "b": 3.0 * a, "kind": "left"}

    recorded = ag.record(f, 2.0, sample(1.0), scale=0.5)
    rows = [recorded(2.0, sample(a), scale=s) for a, s in ((1.0, 0.5), (4.0, 2.0))]
    batched = recorded.batch(over=("sample", "scale"), reduce=None)
    assert batched(2.0, [sample(1.0), sample(4.0)], scale=[0.5, 2.0]) == rows
    total = recorded.batch(over=["sample", "scale"], reduce="sum")(2.0, [sample(1.0), sample(4.0)], scale=[0.5, 2.0])
    assert total == {"y": rows[0]["y"] + rows[1]["y"], "z": [15.0, 1.0]}
    other = {**sample(4.0), "kind": "right"}
    with pytest.raises(InputError, match=r"sample 1 of sample is .*another structure"):
        batched(2.0, [sample(1.0), other], scale=[0.5, 2.0])
    with pytest.raises(InputError, match="scale="):
        batched(2.0, [sample(1.0)], size=[0.5])


def test_images_are_lists_of_lists() -> None:
    def f(w: Any, image: Any) -> Any:
        return ag.dot(w, [ag.dot(row, row) for row in image])

    images = [[[1.0, 2.0], [3.0, 4.0]], [[0.5, 0.0], [-1.0, 2.0]]]
    recorded = ag.record(f, [1.0, 2.0], images[0])
    wanted = [recorded([1.0, 2.0], image) for image in images]
    batched = recorded.batch(over="image", reduce=None)
    assert batched([1.0, 2.0], images) == batched([1.0, 2.0], numpy.array(images)) == wanted


@pytest.mark.parametrize("make", [list, lambda xs: array.array("d", xs), numpy.array], ids=["list", "array", "numpy"])
def test_out_gets_the_gradient(make: Any) -> None:
    out = make([9.0, 9.0])
    batched = LINE.batch(over=("x", "t"))
    assert batched([0.5, -1.0], XS, TS, out=out) == EXPECTED[0]
    assert list(out) == EXPECTED[1]
    assert batched.value_and_grad([1.0, 1.0], XS, TS, out=out)[1] is out
    assert list(out) == batched.value_and_grad([1.0, 1.0], XS, TS)[1]


def test_nothing_is_written_where_a_sample_fails() -> None:
    recorded = ag.record(lambda w, x: ag.log(w * x) if x < 5.0 else w, 1.0, 1.0)
    out, w = [9.0], Value(1.0)
    batched = recorded.batch(over="x")
    xs = [1.0] * 40
    with pytest.raises(DomainError, match=r"^sample 35: log\(a\) at a = -2\.0") as error:
        batched(1.0, [*xs[:35], -2.0, *xs], out=out)
    assert "test_batch.py" in error.value.__notes__[0]
    with pytest.raises(GuardError, match=r"^sample 2: .*x < 5\.0 is True at test_batch\.py:\d+"):
        batched(1.0, [1.0, 2.0, 6.0, -1.0], out=out)
    assert out == [9.0]
    captured = ag.record(lambda x: ag.log(w * x), 1.0).batch(over="x")
    with pytest.raises(DomainError, match="sample 1"):
        captured.backward([1.0, -1.0])
    assert not w.has_grad
    with ag.ieee():
        assert math.isnan(batched(1.0, [1.0, -1.0]))
    assert batched(1.0, xs) == 0.0


def test_a_guard_of_parameters_alone_fails_for_the_first_sample() -> None:
    recorded = ag.record(lambda w, x: w * x if w > 0.0 else x, 1.0, 1.0)
    with pytest.raises(GuardError, match=r"^sample 0: .*0\.0 < w"):
        recorded.batch(over="x")(-1.0, [1.0, 2.0])


def test_an_infinity_that_no_op_made_is_no_failure() -> None:
    recorded = ag.record(lambda w, x: w / x, 1.0, 1.0)
    xs = [1.0, math.inf, 2.0]
    assert recorded.batch(over="x", reduce=None)(math.inf, xs[:1]) == [math.inf]
    assert recorded.batch(over="x", reduce="sum")(3.0, xs) == 4.5


def test_numbers_that_all_samples_share_are_results_too() -> None:
    recorded = ag.record(lambda w, x: [ag.exp(w), w, 2.0, w * x], 0.1, 1.0)
    xs = [1.0, 2.0, 5.0]
    rows = [recorded(0.1, x) for x in xs]
    assert recorded.batch(over="x", reduce=None)(0.1, xs) == rows
    summed = recorded.batch(over="x", reduce="sum")(0.1, xs)
    assert summed[:2] == reduced(rows, "sum")[:2]
    assert summed[3] == reduced(rows, "sum")[3]


def test_a_gradient_by_what_varies_is_of_each_sample() -> None:
    with pytest.raises(InputError, match="by x is one for each sample"):
        LINE.batch(over="x", argnums=1).value_and_grad([1.0, 2.0], XS, 5.0)
    values, slopes = LINE.batch(over=("x", "t"), reduce=None, argnums=(2, 1)).value_and_grad([1.0, 2.0], XS, TS)
    for i, (x, t) in enumerate(zip(XS, TS, strict=True)):
        assert (values[i], slopes[i]) == LINE.gradient((2, 1))([1.0, 2.0], x, t)


def test_numbers_need_not_stand_at_the_beginning_of_a_vector() -> None:
    def f(w: Any, x: Any) -> Any:
        return ag.sum([ag.tanh(ag.dot(w[16 * i : 16 * i + 16], x)) for i in range(9)])

    numbers = numpy.random.default_rng(1).normal(size=8 + 40 * 16)
    w = numpy.linspace(-1.0, 1.0, 9 * 16).tolist()
    batched = ag.record(f, w, numbers[:16].tolist()).batch(over="x")
    for k in range(8):
        x = numbers[k : k + 40 * 16].reshape(40, 16)
        assert batched.value_and_grad(w, x) == batched.value_and_grad(w, x.tolist())


# ── Captured Values ─────────────────────────────────────────────────────────────────────────────────────────


def test_captured_values_get_their_gradient() -> None:
    model = nn.MLP(2, [4, 1])
    parameters = model.parameters()
    unused = Value(1.0)
    recorded = ag.record(lambda x, t: (model(x) - t) ** 2, XS[0], TS[0])
    batched = recorded.batch(over=("x", "t"), wrt=[*parameters, unused])
    value, slopes = batched.value_and_grad(XS, TS)
    assert slopes[-1] == 0.0
    for p in parameters:
        p.grad = 1.0
    assert batched.backward(XS, TS) == value
    assert [p.grad for p in parameters] == [1.0 + g for g in slopes[:-1]]
    assert not unused.has_grad
    nn.SGD(parameters, lr=0.1).step()
    assert batched(XS, TS) != value  # read anew


def test_a_value_that_no_sample_reaches_is_left_alone() -> None:
    rows = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)], [Value(5.0), Value(6.0)]]
    recorded = ag.record(lambda i, x: ag.dot(ag.take(rows, i), x), 0.0, [1.0, 2.0])
    batched = recorded.batch(over=("i", "x"), reduce="sum")
    assert batched.backward([0, 2, 0], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]) == 5.0 + 39.0 + 17.0
    assert [[v.has_grad and v.grad for v in row] for row in rows] == [[6.0, 8.0], [False, False], [3.0, 4.0]]
    with pytest.raises(GuardError, match=r"^sample 1: "):
        batched.backward([0, 3], XS[:2])


def test_hooks_see_the_gradient_of_the_batch() -> None:
    w, seen = Value(2.0), []

    def halve(g: float) -> float:
        seen.append(g)
        return g / 2.0

    handle = w.register_hook(halve)
    ag.record(lambda x: w * x, 1.0).batch(over="x", reduce="sum").backward([1.0, 2.0])
    handle.remove()
    assert (seen, w.grad) == ([3.0], 1.5)


def test_backward_is_for_leaves() -> None:
    w = Value(2.0) * 3.0
    batched = ag.record(lambda x: w * x, 1.0).batch(over="x")
    assert batched([1.0]) == 6.0
    with pytest.raises(InputError, match="not a leaf"):
        batched.backward([1.0])


# ── What it refuses, what it says, and where it can go ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: LINE.batch(over="y"), InputError, "no argument 'y' that holds floats; those that do: w, x, t"),
        (lambda: LINE.batch(over=3), InputTypeError, "over must be"),
        (lambda: LINE.batch(over="x", reduce="max"), InputError, "reduce must be 'mean', 'sum' or None"),
        (lambda: LINE.batch(over="x", wrt=3), InputTypeError, "wrt must be a list of Values"),
        (lambda: LINE.gradient().batch(over="x"), InputTypeError, "batch that of the function itself"),
        (lambda: LINE.batch(over="x")([1.0, 2.0], XS), InputError, "takes 3 arguments by position"),
        (lambda: LINE.batch(over="x")([1.0, 2.0], [], 1.0), InputError, "no samples in x"),
        (lambda: LINE.batch(over="x")([1.0, 2.0], 3.0, 1.0), InputTypeError, "x must be a list or array of samples"),
        (lambda: LINE.batch(over=("x", "t"))([1.0, 2.0], XS, [1.0]), InputError, "3 samples in x, but 1 in t"),
        (lambda: LINE.batch(over="x")([1.0, 2.0], [[1.0, 2.0], [3.0]], 1.0), InputError, "sample 1 of x is .3.0."),
        (lambda: LINE.batch(over="x")([1.0], XS, 1.0), InputError, "w is .1.0., which has another structure"),
        (lambda: LINE.batch(over="x")([1.0, "2"], XS, 1.0), InputError, "another structure"),
        (lambda: LINE.batch(over="x")([1.0, 2.0], XS, 1.0, out=[0.0]), InputError, "room for 1 numbers, .* has 2"),
        (lambda: LINE.batch(over="x")([1.0, 2.0], XS, 1.0, out=3), InputTypeError, "out must be a list"),
        (lambda: LINE.batch(over="x")([1.0, 2.0], XS, 1.0, out=b"0" * 16), InputTypeError, "be writable"),
        (lambda: LINE.batch(over="x", reduce=None)([1.0, 2.0], XS, 1.0, out=[]), InputError, "one gradient"),
        (lambda: LINE.batch(over="x", reduce=None).backward([1.0, 2.0], XS, 1.0), InputError, "one gradient"),
        (lambda: LINE.batch(over="x", argnums=3).value_and_grad([1.0, 2.0], XS, 1.0), InputError, "no positional"),
        (lambda: ag.record(LINE.batch(over="x"), [1.0, 2.0], XS, 1.0), InputError, "being recorded"),
    ],
)  # fmt: skip
def test_what_it_refuses(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_whole_number_is_no_argument_to_vary() -> None:
    recorded = ag.record(lambda x, n: x * n, 1.0, 3)
    with pytest.raises(InputError, match=r"record with a float, float\(n\)"):
        recorded.batch(over=("x", "n"))


def test_it_says_what_it_is() -> None:
    batched = LINE.batch(over=("x", "t"))
    assert repr(batched) == "<batch of line over x, t: mean>"
    text = batched.explain()
    assert text.startswith("line for each of x, t; the same for all: w\n")
    assert "the mean over samples, in the order of the samples" in text
    assert isinstance(batched, Batched)


def test_it_can_be_pickled() -> None:
    batched = LINE.batch(over=("x", "t"), reduce="sum")
    again = pickle.loads(pickle.dumps(batched))
    assert again.value_and_grad([1.0, 2.0], XS, TS) == batched.value_and_grad([1.0, 2.0], XS, TS)
    w = Value(3.0)
    captured = pickle.loads(pickle.dumps(ag.record(lambda x: w * x, 1.0).batch(over="x", wrt=[w])))
    assert captured.value_and_grad([1.0, 3.0]) == (6.0, [2.0])


def test_ops_of_the_users_own_run_one_sample_after_the_other() -> None:
    double = ops.Op("double", 1, lambda a: 2.0 * a)

    @ag.rule(double)
    def double_rule(g: Any, y: Any, a: Any) -> Any:
        return (g * 2.0,)

    recorded = ag.record(lambda w, x: double(w * x), 1.0, 2.0)
    assert recorded.batch(over="x").value_and_grad(3.0, [1.0, 2.0]) == (9.0, 3.0)
    assert "one sample after the other" in recorded.batch(over="x").explain()


def test_threads_call_one_batch() -> None:
    p, xs, ts = drawn(mlp, 3000 if COMPILED else 30)
    batched = ag.record(mlp, p, xs[0], ts[0]).batch(over=("x", "t"))
    parameters = [[(k + 1) * x for x in p] for k in range(4)]
    wanted = [batched.value_and_grad(q, xs, ts) for q in parameters]
    found: list[Any] = [None] * 4

    def work(k: int) -> None:
        for _ in range(3):
            found[k] = batched.value_and_grad(parameters[k], xs, ts)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == wanted


# ── fit(…, compile=True) ────────────────────────────────────────────────────────────────────────────────────


class Classifier(nn.Module):
    def __init__(self) -> None:
        self.hidden = nn.Linear(3, 6, seed=1)
        self.output = nn.Linear(6, 4, seed=2)
        self.unused = nn.Parameter(1.0)

    def forward(self, x: Any) -> Any:
        return self.output([h.relu() for h in self.hidden(x)])


def classes(n: int = 50) -> tuple[list[list[float]], list[int]]:
    draw = random.Random(5)
    return [[draw.gauss(0.0, 1.0) for _ in range(3)] for _ in range(n)], [draw.randrange(4) for _ in range(n)]


def trained(model: Any, data: Any, loss: Any, compile: bool, **more: Any) -> tuple[Any, list[float]]:
    parameters = model.parameters()
    how = {"epochs": 4, "batch_size": 8, "seed": 3, "progress": False, **more}
    history = nn.fit(model, data, loss=loss, optimizer=nn.Adam(parameters, lr=0.02), compile=compile, **how)
    return history, [p.data for p in parameters]


def close(xs: Any, ys: Any) -> bool:
    return all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) for x, y in zip(xs, ys, strict=True))


def test_compiled_training_equals_eager_training() -> None:
    more = {"metrics": {"accuracy": nn.accuracy}, "validation": classes(20)}
    (eager, expected), (compiled, found) = (
        trained(Classifier(), classes(), nn.cross_entropy, way, **more) for way in (False, True)
    )
    assert close(found, expected)
    assert expected[-1] == found[-1] == 1.0  # nothing is sent to the unused one, so no optimiser moves it
    assert compiled.train["accuracy"] == eager.train["accuracy"]
    assert close(compiled.train["loss"], eager.train["loss"])
    assert close(compiled.held_out["loss"], eager.held_out["loss"])


def test_targets_of_numbers_and_a_penalty() -> None:
    xs = [[x / 10, 1] for x in range(-10, 11)]
    ys = [[2.0 * x[0] - 1.0] for x in xs]
    results = []
    for way in (False, True):
        model = nn.MLP(2, [4, 1])
        model.load_state_dict(nn.MLP(2, [4, 1], seed=4).state_dict())
        penalty = model.parameters()

        def loss(outputs: Any, targets: Any, penalty: Any = penalty) -> Any:
            return nn.mse_loss([[y] for y in outputs], targets) + 1e-3 * nn.l2_penalty(penalty)

        results.append(trained(model, (xs, ys), loss, way)[1])
    assert close(*results)


def test_what_can_not_be_recorded_learns_all_the_same_and_says_why() -> None:
    def looking(outputs: Any, targets: Any) -> Any:
        loss = nn.cross_entropy(outputs, targets)
        return loss * (1.0 if loss.data < 100.0 else 2.0)

    _, expected = trained(Classifier(), classes(), looking, False)
    with pytest.warns(RecordWarning, match=r"learns without a program: \.data of a Value at test_batch\.py"):
        _, found = trained(Classifier(), classes(), looking, True)
    assert found == expected


def test_a_loss_that_is_no_mean_of_its_samples_is_found_out() -> None:
    def total(outputs: Any, targets: Any) -> Any:
        return nn.cross_entropy(outputs, targets, reduction="sum")

    _, expected = trained(Classifier(), classes(), total, False)
    with pytest.warns(RecordWarning, match="not the mean of its samples' losses"):
        _, found = trained(Classifier(), classes(), total, True)
    assert found == expected


def test_a_batch_that_goes_another_way_learns_eagerly() -> None:
    class Branching(Classifier):
        def forward(self, x: Any) -> Any:
            return super().forward(x if x[0] > -2.4 else [0.0, *x[1:]])

    data = classes()
    data[0][7][0] = -2.5
    _, expected = trained(Branching(), data, nn.cross_entropy, False)
    _, found = trained(Branching(), data, nn.cross_entropy, True)
    assert close(found, expected)


def test_branches_that_flip_in_every_batch_end_in_a_warning() -> None:
    class Branching(Classifier):
        def forward(self, x: Any) -> Any:
            return super().forward(x if x[0] > 0.0 else [0.0, *x[1:]])

    _, expected = trained(Branching(), classes(), nn.cross_entropy, False)
    with pytest.warns(RecordWarning, match=r"sample \d+: .* would go another way"):
        _, found = trained(Branching(), classes(), nn.cross_entropy, True)
    assert close(found, expected)


@pytest.mark.parametrize("label", [-1, 4])
def test_a_label_out_of_range_is_the_same_error(label: int) -> None:
    inputs, labels = classes()
    labels[33] = label
    with pytest.raises(InputError, match=f"the target of sample . is {label}, of 4 outputs"):
        trained(Classifier(), (inputs, labels), nn.cross_entropy, True)


def test_dropout_draws_anew_and_so_learns_eagerly() -> None:
    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 4, seed=1), nn.Dropout(0.5, seed=2))

    _, expected = trained(model(), classes(), nn.cross_entropy, False)
    random.seed(0)
    with pytest.warns(RecordWarning):
        _, found = trained(model(), classes(), nn.cross_entropy, True)
    assert len(found) == len(expected)


def test_a_dot_of_no_pair_is_left_to_python() -> None:
    """No machine knows it, neither of one sample nor of many."""
    program = ag.record(lambda w, x: w * x + ops.dot(x), 2.0, 1.0)
    assert program.batch(over="x", reduce=None)(2.0, [1.0, 2.0, 3.0, 4.0]) == [2.0, 4.0, 6.0, 8.0]
