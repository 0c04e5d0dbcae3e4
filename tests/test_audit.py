"""The auditor on passes with planted mistakes, on the articles' nets, and on every way to write one."""

from __future__ import annotations

import math
import random
import sys

import numpy as np
import pytest
from backward_passes import MORE, PASSES

from autograd.errors import GradientError, InputError, InputTypeError
from autograd.testing import audit

ALL = [(p, planted) for p in PASSES for planted in p.faults]
DENSE = sum(len(p.faults) for p in PASSES if p not in MORE)
QUICK = ["conv1d", "support vector", "GRU"]  # those that soon are seen to be no dense net
SOME = [  # the whole list is `python -m tests.backward_passes`
    *sorted(random.Random(1).sample(range(DENSE), 12)),
    *[i for i, (p, _) in enumerate(ALL) if any(word in p.name for word in QUICK)][::2],
]


@pytest.mark.parametrize("p", PASSES, ids=lambda p: p.name)
def test_a_right_pass_is_called_correct(p):
    found = p.audited()
    assert found.correct, found
    assert found.faults == []
    found.require()


@pytest.mark.parametrize(("shape", "entry"), [((2,), (1,)), ((3, 4), (2, 1))], ids=str)
def test_a_single_wrong_entry_is_named(shape, entry):
    def forward(w, x):
        return float(np.sum(np.sin(w * x)))

    def backward(w, x):
        g = x * np.cos(w * x)
        g[entry] += 1.0 + w[entry] ** 2
        return g

    found = audit(forward, backward, np.full(shape, 0.4), np.arange(1.0, 1.0 + math.prod(shape)).reshape(shape))
    assert not found.correct
    assert f"the gradient of the parameters (at {list(entry)}) is wrong" in found.verdict


@pytest.mark.parametrize("which", SOME)
def test_a_planted_mistake_is_named(which):
    p, planted = ALL[which]
    found = p.audited(planted)
    assert not found.correct
    assert {fault.kind for fault in found.faults} & {k for k in KINDS if k in planted.kinds}, found
    with pytest.raises(GradientError, match="Wrong"):
        found.require()


KINDS = [
    *("sign", "factor", "slope missing", "slope doubled", "slope at activation", "slope formula", "transposed weight"),
    *(
        "transposed gradient",
        "wrong weight",
        "stale input",
        "bias",
        "accumulation",
        "loss",
        "regularisation",
        "swapped",
    ),
    *("shape", "unknown"),
]


def test_there_are_forty_mistakes_in_eight_kinds():
    assert len(ALL) >= 40
    assert len({k for _, planted in ALL for k in KINDS if k in planted.kinds}) >= 8


# ── Where no dense net explains it: the one change to the text that makes it right ──────────────────────────


def of(word):
    return next(p for p in MORE if word in p.name)


def test_the_line_is_named_with_what_belongs_there():
    p = of("recurrent")
    planted = next(f for f in p.faults if f.kinds == "transposed weight")
    line = next(i for i, text in enumerate(p.text.splitlines(), 4) if planted.right in text)
    verdict = p.audited(planted).verdict
    assert f"line {line}: " in verdict
    assert "`dhnext = np.dot(Whh.T, dhraw)` is right in the place of `dhnext = np.dot(Whh, dhraw)`" in verdict


def shifted(w, b, x, y):
    return float(np.sum((np.cumsum(x * w) + b - y) ** 2))


def its_slopes(w, b, x, y):
    d = 2 * (np.cumsum(x * w) + b - y)
    return (np.cumsum(d[::-1])[::-1] * x).sum(), (d * d).sum()


def test_parameters_are_taken_one_by_one_under_their_names_and_what_ran_is_put_back():
    before, trace = its_slopes.__code__, sys.gettrace()
    found = audit(shifted, its_slopes, 0.5, 0.1, np.array([1.0, -2.0, 0.5]), np.array([0.3, 0.2, 0.9]))
    assert [(name, error < 1e-6) for name, error, _ in found.table] == [("w", True), ("b", False)]
    assert [fault.kind for fault in found.faults] == ["bias"]
    assert "d.sum()" in found.verdict
    assert its_slopes.__code__ is before
    assert sys.gettrace() is trace


def test_a_pass_without_a_text_is_said_to_be_wrong_and_no_more():
    space = {"np": np}
    exec("def slopes(w, x, y): return np.cumsum((np.cumsum(x * w) - y) * 2 * x)", space)
    forward = lambda w, x, y: float(np.sum((np.cumsum(x * w) - y) ** 2))  # noqa: E731
    found = audit(forward, space["slopes"], *np.array([[0.5, 0.1, -0.3], [1.0, -2.0, 0.5], [0.3, 0.2, 0.9]]))
    assert [fault.kind for fault in found.faults] == ["unknown"]


# ── The articles' nets, each after the smallest repair that lets it run ─────────────────────────────────────

rng = np.random.default_rng(0)


def article_relu(x, y, w1, w2, b1, b2):
    def forward(w1, w2, b1, b2, x):
        a2 = np.maximum(0, np.dot(x, w1) + b1)
        return x, a2, np.maximum(0, np.dot(a2, w2) + b2)

    def compute_error(y, a3):
        return np.mean((y - a3) ** 2)

    def backward(x, y, a1, a2, a3, w1, w2, b1):
        d3 = (y - a3) * (a3 > 0).astype(float)
        d2 = np.dot(d3, w2.T) * (np.dot(x, w1) + b1 > 0).astype(float)
        return np.dot(a1.T, d2), np.dot(a2.T, d3), np.mean(d2, axis=0), np.mean(d3, axis=0)

    return audit(forward, backward, {"w1": w1, "w2": w2, "b1": b1, "b2": b2}, x, y, loss=compute_error)


def test_the_article_with_three_four_two_relus_is_minus_the_gradient():
    weights = [rng.normal(size=s) for s in [(3, 4), (4, 2), (4,), (2,)]]
    found = article_relu(np.array([[1, 0, 1]]), np.array([[1, 0]]), *weights)
    assert not found.correct
    assert [fault.factor for fault in found.faults] == [-1.0]
    assert "× -1" in found.verdict


def sigmoid(x, derivative=False):
    return x * (1 - x) if derivative else 1 / (1 + np.exp(-x))


def test_the_article_on_xor_is_minus_twice_the_gradient():
    def network(x, weights, biases):
        layer_1 = sigmoid(np.dot(x, weights["h1"]) + biases["h1"])
        return sigmoid(np.dot(layer_1, weights["h2"]) + biases["h2"])

    def step(x, y, weights, biases, learning_rate):
        layer_1 = sigmoid(np.dot(x, weights["h1"]) + biases["h1"])
        layer_2 = sigmoid(np.dot(layer_1, weights["h2"]) + biases["h2"])
        error = y - layer_2
        delta_2 = error * sigmoid(layer_2, derivative=True)
        delta_1 = np.dot(delta_2, weights["h2"].T) * sigmoid(layer_1, derivative=True)
        weights["h2"] = weights["h2"] - learning_rate * np.dot(layer_1.T, delta_2)
        biases["h2"] = biases["h2"] - learning_rate * np.sum(delta_2, axis=0)
        weights["h1"] = weights["h1"] - learning_rate * np.dot(x.T, delta_1)
        biases["h1"] = biases["h1"] - learning_rate * np.sum(delta_1, axis=0)
        return np.mean(np.square(error))

    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
    parameters = {
        "weights": {"h1": rng.normal(size=(2, 4)), "h2": rng.normal(size=(4, 1))},
        "biases": {"h1": rng.normal(size=(1, 4)), "h2": rng.normal(size=(1, 1))},
    }
    mse = lambda y_pred, y: np.mean(np.square(y_pred - y))  # noqa: E731 - the article's loss
    found = audit(network, step, parameters, x, y, loss=mse, learning_rate=0.1)
    assert [fault.factor for fault in found.faults] == [-2.0]
    assert "× -2" in found.verdict


def two_two_one(loss):
    def forward_propagation(X, W1, W2):
        A1 = sigmoid(np.dot(X, W1))
        return A1, sigmoid(np.dot(A1, W2))

    def backward_propagation(X, y, A1, A2, W1, W2):
        dZ2 = A2 - y
        dZ1 = np.dot(dZ2, W2.T) * A1 * (1 - A1)
        return np.dot(X.T, dZ1), np.dot(A1.T, dZ2)

    X, y = rng.normal(size=(5, 2)), np.array([[0], [1], [1], [0], [1]])
    weights = [rng.normal(size=(2, 2)), rng.normal(size=(2, 1))]
    return audit(forward_propagation, backward_propagation, weights, X, y, loss=loss)


def test_the_article_with_two_two_one_is_right_for_another_loss_than_its_formula():
    found = two_two_one(lambda y_hat, y: -np.sum(y * np.log(y_hat)))
    assert not found.correct
    assert [fault.kind for fault in found.faults] == ["loss"]
    assert (
        "full binary cross-entropy -Σ [y log a + (1 - y) log(1 - a)], not of the loss, which is -Σ y log a"
        in found.verdict
    )
    assert two_two_one("bce").correct
    assert two_two_one(None).correct
    assert "full binary cross-entropy" in two_two_one(None).verdict
    assert not two_two_one("mse").correct


# ── However it is written ───────────────────────────────────────────────────────────────────────────────────

X, Y = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
W, B = rng.normal(size=(2, 1)), np.zeros(1)


def half(p, q, x, y):
    return 0.5 * np.sum((x @ p + q - y) ** 2)


def slopes(p, q, x, y):
    error = x @ p + q - y
    return x.T @ error, error.sum(axis=0)


STYLES = {
    "spread": lambda: audit(half, slopes, (W, B), X, Y),
    "data first": lambda: audit(
        lambda x, y, p, q: half(p, q, x, y), lambda x, y, p, q: slopes(p, q, x, y), [W, B], X, Y
    ),
    "one dict": lambda: audit(
        lambda params, x, y: half(params["W"], params["b"], x, y),
        lambda params, x, y: dict(zip(["grad_W", "grad_b"], slopes(params["W"], params["b"], x, y), strict=True)),
        {"W": W, "b": B},
        X,
        Y,
    ),
    "the dict last, the loss returned with the gradients": lambda: audit(
        lambda x, y, params: half(params["W"], params["b"], x, y),
        lambda x, y, params: (1.0, dict(zip("Wb", slopes(params["W"], params["b"], x, y), strict=True))),
        {"W": W, "b": B},
        X,
        Y,
    ),
    "together": lambda: audit(lambda p, q, x, y: (half(p, q, x, y), slopes(p, q, x, y)), (W, B), X, Y),
    "data closed over": lambda: audit(lambda p, q: half(p, q, X, Y), lambda p, q: slopes(p, q, X, Y), (W, B)),
    "a small number in the logarithm": lambda: audit(
        lambda w, x, y: -np.mean(y * np.log(sigmoid(x @ w) + 1e-8) + (1 - y) * np.log(1 - sigmoid(x @ w) + 1e-8)),
        lambda w, x, y: x.T @ (sigmoid(x @ w) - y) / len(y),
        W,
        X,
        1.0 * (Y > 0),
    ),
    "a cache between them": lambda: audit(
        lambda params, x, y: (half(*params, x, y), (x, y)),
        lambda params, cache: slopes(*params, *cache),
        (W, B),
        X,
        Y,
    ),
    "one array": lambda: audit(lambda w: float(np.sum(np.sin(w))), np.cos, np.array([0.3, -0.2])),
    "one number": lambda: audit(math.sin, math.cos, 0.4),
    "two numbers": lambda: audit(lambda a, b: a * math.exp(b), lambda a, b: (math.exp(b), a * math.exp(b)), (0.4, 1.2)),
    "lists of floats": lambda: audit(
        lambda w, x: sum(wi * xi for wi, xi in zip(w, x, strict=True)) ** 2,
        lambda w, x: [2 * sum(wi * xi for wi, xi in zip(w, x, strict=True)) * xi for xi in x],
        [0.3, -0.5],
        [1.0, 2.0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_called_correct(style):
    found = STYLES[style]()
    assert found.correct, found


def test_a_net_that_is_not_dense_gets_a_table():
    def loss(p):
        return p["a"] ** 2 * math.sin(p["b"]) + p["c"]

    found = audit(
        loss, lambda p: {"a": 2 * p["a"] * math.sin(p["b"]), "b": p["a"] ** 2, "c": 1.0}, {"a": 0.3, "b": 1.1, "c": 0}
    )
    assert [fault.kind for fault in found.faults] == ["unknown"]
    assert "gradient of b is wrong" in found.verdict
    assert [error < 1e-6 for _, error, _ in found.table] == [True, False, True]
    assert str(found).count("right") >= 2


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((3, 4), InputTypeError, "a function, not 3"),
        ((math.sin,), TypeError, "backward"),
        ((math.sin, math.cos), InputTypeError, "needs the parameters"),
        ((math.sin, math.cos, "a"), InputTypeError, "must be a real number"),
        ((math.sin, math.cos, []), InputTypeError, "hold no numbers"),
        ((math.sin, math.cos, np.zeros(20_001)), InputError, "a smaller net"),
        ((lambda a, b, c, d, e: 0, math.cos, 0.3), InputError, "can't be called"),
        ((math.sin, lambda x: {"q": {"r": "s"}}, 0.3), InputError, "no gradients"),
    ],
)
def test_misuse_is_told(arguments, error, words):
    with pytest.raises(error, match=words):
        audit(*arguments)
    with pytest.raises(InputError, match="loss must be"):
        audit(math.sin, math.cos, 0.3, loss="rmse")
