"""Values, derivatives, optimisers, losses and a network against torch's own numbers, kept in data/."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, gradients, ieee
from nn.init import shape

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "torch_reference.json").read_text("utf-8"))
inf, nan = math.inf, math.nan

SPELT_OTHERWISE: dict[str, Callable[..., Any]] = {
    "gelu_tanh": lambda x: autograd.gelu(x, approximate="tanh"),
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "mod": lambda a, b: a % b,
    "sum": lambda *xs: autograd.sum(xs),
    "mean": lambda *xs: autograd.mean(xs),
    "prod": lambda *xs: autograd.prod(xs),
    "norm": lambda *xs: autograd.norm(xs),
    "max": lambda *xs: autograd.max(xs),
    "min": lambda *xs: autograd.min(xs),
    "logsumexp": lambda *xs: autograd.logsumexp(xs),
    "softmax_1": lambda *xs: autograd.softmax(xs)[1],
    "log_softmax_2": lambda *xs: autograd.log_softmax(xs)[2],
}


def ours(name: str) -> Callable[..., Any]:
    return SPELT_OTHERWISE.get(name) or getattr(autograd, name)


# torch's trigamma is right to nine digits near 0; ours is held to mpmath elsewhere.
LESS_EXACT = {"lgamma": 1e-9, "digamma": 1e-9, "polygamma": 1e-9}


def close(a: float, b: float, scale: float = 1.0, digits: float = 1e-12) -> bool:
    return (a != a and b != b) or a == b or math.isclose(a, b, rel_tol=digits, abs_tol=1e-13 * scale)


def check(function: Callable[..., Any], row: dict[str, Any], digits: float = 1e-12) -> None:
    """Value, gradient and Hessian; the gradient by `backward`, too."""
    xs = [Value(x) for x in row["at"]]
    y = function(*xs)
    assert close(y.data, row["value"], digits=digits)
    y.backward()
    slopes = gradients(y, xs, create_graph=True)
    for x, s, truth in zip(xs, slopes, row["gradient"], strict=True):
        assert close(x.grad, truth, digits=digits), row["at"]
        assert close(s.data, truth, digits=digits), row["at"]
    largest = max(1.0, *(abs(h) for hs in row["hessian"] for h in hs))
    for slope, hessian in zip(slopes, row["hessian"], strict=True):
        for x, second in zip(gradients(slope, xs), hessian, strict=True):
            assert close(x.data, second, largest, digits), row["at"]


@pytest.mark.parametrize("name", [*REFERENCE["unary"], *REFERENCE["binary"], *REFERENCE["many"]])
def test_value_gradient_and_hessian(name: str) -> None:
    for table in ("unary", "binary", "many"):
        for row in REFERENCE[table].get(name, ()):
            check(ours(name), row, LESS_EXACT.get(name, 1e-12))


def test_those_with_other_arguments() -> None:
    for row in REFERENCE["polygamma"]:
        check(lambda x, n=row["n"]: autograd.polygamma(n, x), row, LESS_EXACT["polygamma"])
    for row in REFERENCE["clamp"]:
        check(lambda x: autograd.clamp(x, -1.0, 2.0), row)
    for row in REFERENCE["where"]:
        check(lambda x, y: autograd.where(x > y, x * y, x - y * y), row)
    check(lambda *xs: autograd.dot(xs[:4], xs[4:]), REFERENCE["dot"])


# ── Where there is a choice ─────────────────────────────────────────────────────────────────────────────────

# (function, where): the gradient that this engine decided for, and why it is another than torch's.
DECIDED: dict[tuple[str, tuple[float, ...]], tuple[Sequence[float], str]] = {
    ("hypot", (0.0, 0.0)): ([0.0, 0.0], "a distance of 0 is flat, as the norm of zeros is; torch says nan"),
    ("maximum", (nan, 1.0)): ([1.0, 0.0], "only the nan is the maximum; torch sends to both"),
    ("xlogy", (0.0, 0.0)): ([0.0, 0.0], "0 log(0) is 0 and flat; torch says nan by the second"),
    ("softplus", (25.0,)): ([1.0 / (1.0 + math.exp(-25.0))], "no threshold; torch is the line from 20 on"),
    ("sigmoid", (38.0,)): ([math.exp(-38.0)], "s(1 - s) is 0 there"),
    ("tanh", (20.0,)): ([4.0 * math.exp(-40.0)], "1 - t² is 0 there"),
    ("expm1", (-40.0,)): ([math.exp(-40.0)], "y + 1 is 0 there"),
}


def special_id(row: dict[str, Any]) -> str:
    return f"{row['name']}{tuple(row['at'])}"


@pytest.mark.parametrize("row", REFERENCE["special"], ids=special_id)
def test_special_points_are_torchs_but_for_what_was_decided(row: dict[str, Any]) -> None:
    xs = [Value(x) for x in row["at"]]
    with ieee():
        y = ours(row["name"])(*xs)
    assert close(y.data, row["value"]) or row["name"] == "softplus"
    y.backward()
    got = [x.grad for x in xs]
    key = next((k for k in DECIDED if k[0] == row["name"] and repr(k[1]) == repr(tuple(row["at"]))), None)
    if key is None:
        assert all(map(close, got, row["gradient"])), (got, row["gradient"])
    else:
        decided = DECIDED[key][0]
        assert all(a == b or math.isclose(a, b, rel_tol=1e-14) for a, b in zip(got, decided, strict=True)), got
        assert got != pytest.approx(row["gradient"], rel=1e-12, abs=0.0, nan_ok=True), "no difference to mention"


def test_the_norm_of_zeros_is_flat() -> None:
    xs = [Value(0.0), Value(0.0)]
    autograd.norm(xs).backward()
    assert [x.grad for x in xs] == REFERENCE["norm_of_zeros"]


# ── Optimisers ──────────────────────────────────────────────────────────────────────────────────────────────


def run_id(run: dict[str, Any]) -> str:
    return run["name"] + "-" + ",".join(f"{k}={v}" for k, v in run["settings"].items())


@pytest.mark.parametrize("run", REFERENCE["optimisers"]["runs"], ids=run_id)
def test_twenty_steps_of_an_optimiser(run: dict[str, Any]) -> None:
    problem = REFERENCE["optimisers"]
    params = [nn.Parameter(x) for x in problem["start"]]
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in run["settings"].items()}
    optimiser = getattr(nn, run["name"])(params, **settings)
    for step, expected in enumerate(run["path"]):
        for p, a, t in zip(params, problem["curvature"], problem["target"], strict=True):
            x = p.data
            p.grad = a * (x - t) + 0.05 * x * x * x
        optimiser.step()
        assert [p.data for p in params] == pytest.approx(expected, rel=1e-13, abs=1e-14), step
    if run["name"] == "Adam" and not settings:  # that it moves at all, and by about lr
        assert abs(params[0].data - problem["start"][0]) == pytest.approx(20 * 1e-3, rel=0.05)


# ── Losses and a network ────────────────────────────────────────────────────────────────────────────────────


def flat(rows: Any) -> list[Any]:
    return [x for row in rows for x in flat(row)] if isinstance(rows, (list, tuple)) else [rows]


def values(rows: Any) -> Any:
    return [values(row) for row in rows] if isinstance(rows, list) else Value(rows)


LOSSES = [("cross_entropy", "logits", "classes"), ("mse_loss", "outputs", "targets")]


@pytest.mark.parametrize(("name", "outputs", "targets"), LOSSES)
def test_losses_of_a_batch(name: str, outputs: str, targets: str) -> None:
    row = REFERENCE[name]
    xs = values(row[outputs])
    loss = getattr(nn, name)(xs, row[targets])
    assert loss.data == pytest.approx(row["value"], rel=1e-14)
    loss.backward()
    # torch has the gradient of a sure class as p - 1, which keeps no more than its absolute digits
    assert [x.grad for x in flat(xs)] == pytest.approx(flat(row["gradient"]), rel=1e-12, abs=1e-16)
    assert type(getattr(nn, name)(row[outputs], row[targets])) is float


def test_a_small_network() -> None:
    row = REFERENCE["network"]
    first, second = nn.Linear(3, 4), nn.Linear(4, 3)
    for layer, k in ((first, 1), (second, 2)):
        assert layer.bias is not None
        for p, x in zip(flat(layer.weight) + layer.bias, flat(row[f"weight{k}"]) + row[f"bias{k}"], strict=True):
            p.data = x
    outputs = [second([autograd.relu(h) for h in first(x)]) for x in row["inputs"]]
    assert [y.data for y in flat(outputs)] == pytest.approx(flat(row["outputs"]), rel=1e-14)
    loss = nn.cross_entropy(outputs, row["classes"])
    assert loss.data == pytest.approx(row["loss"], rel=1e-14)
    loss.backward()
    for layer, k in ((first, 1), (second, 2)):
        assert layer.bias is not None
        got = [p.grad for p in flat(layer.weight) + layer.bias]
        truth = flat(row["gradients"][f"weight{k}"]) + row["gradients"][f"bias{k}"]
        assert got == pytest.approx(truth, rel=1e-12, abs=1e-15)


# ── All losses, each reduction ──────────────────────────────────────────────────────────────────────────────


def loss_id(row: dict[str, Any]) -> str:
    return row["name"] + ",".join(f"-{k}={v}" for k, v in row["settings"].items())


@pytest.mark.parametrize("how", ["mean", "sum", "none"])
@pytest.mark.parametrize("row", REFERENCE["losses"], ids=loss_id)
def test_every_loss_and_its_gradient(row: dict[str, Any], how: str) -> None:
    xs = values(row["outputs"])
    got = getattr(nn, row["name"])(xs, row["targets"], reduction=how, **row["settings"])
    assert shape("the loss", got) == shape("torch's", row[how]["value"])
    assert [y.data for y in flat(got)] == pytest.approx(flat(row[how]["value"]), rel=1e-14, abs=1e-16)
    total = autograd.sum([y * y for y in flat(got)]) if how == "none" else got
    total.backward()
    assert [x.grad for x in flat(xs)] == pytest.approx(flat(row[how]["gradient"]), rel=1e-12, abs=1e-15)
    plain = getattr(nn, row["name"])(row["outputs"], row["targets"], reduction=how, **row["settings"])
    assert flat(plain) == [y.data for y in flat(got)]
    assert {type(y) for y in flat(plain)} == {float}


# ── Optimisers where gradients are missing, schedulers, clipping ────────────────────────────────────────────


@pytest.mark.parametrize("run", REFERENCE["optimisers"]["interrupted"], ids=run_id)
def test_twenty_steps_with_gradients_missing_and_the_state_saved_on_the_way(run: dict[str, Any]) -> None:
    problem = REFERENCE["optimisers"]
    params = [nn.Parameter(x) for x in problem["start"]]
    optimiser = getattr(nn, run["name"])(params, **run["settings"])
    for step, expected in enumerate(run["path"]):
        for k, (p, a, t) in enumerate(zip(params, problem["curvature"], problem["target"], strict=True)):
            x = p.data
            p.grad = None if step % 5 == k else a * (x - t) + 0.05 * x * x * x
        if step == 10:  # go on with another one, as after a restart
            state = json.loads(json.dumps(optimiser.state_dict()))
            optimiser = getattr(nn, run["name"])(params, lr=7.0)
            optimiser.load_state_dict(state)
        optimiser.step()
        assert [p.data for p in params] == pytest.approx(expected, rel=1e-13, abs=1e-14), step


def schedule_id(run: dict[str, Any]) -> str:
    return "+".join(name + ",".join(f"-{k}={v}" for k, v in how.items()) for name, how in run["schedule"])


@pytest.mark.parametrize("run", REFERENCE["schedulers"]["runs"], ids=schedule_id)
def test_the_rates_of_a_scheduler(run: dict[str, Any]) -> None:
    def made(optimizer: nn.Optimizer) -> list[nn.Scheduler]:
        return [getattr(nn, name)(optimizer, **how) for name, how in run["schedule"]]

    optimizer = nn.SGD([nn.Parameter(1.0)], lr=0.8)
    schedulers = made(optimizer)
    rates = [optimizer.lr]
    for epoch, metric in enumerate(REFERENCE["schedulers"]["metrics"]):
        if epoch == 9:  # go on with others, as after a restart
            states = json.loads(json.dumps([s.state_dict() for s in [optimizer, *schedulers]]))
            optimizer = nn.SGD([nn.Parameter(1.0)], lr=0.1)
            schedulers = made(optimizer)
            for one, state in zip([optimizer, *schedulers], states, strict=True):
                one.load_state_dict(state)
        for scheduler in schedulers:
            scheduler.step(metric)
        rates.append(optimizer.lr)
    assert rates == pytest.approx(run["rates"], rel=1e-12, abs=1e-16)
    assert len(set(run["rates"])) > 1


@pytest.mark.parametrize("row", REFERENCE["clipping"], ids=lambda row: f"norm={row['norm']},value={row['value']}")
def test_clipping(row: dict[str, Any]) -> None:
    params = [nn.Parameter(1.0) for _ in row["gradients"]]
    for p, g in zip(params, row["gradients"], strict=True):
        p.grad = g
    if row["norm"] is not None:
        assert nn.clip_grad_norm_(params, row["norm"]) == pytest.approx(row["before"], rel=1e-15)
    if row["value"] is not None:
        nn.clip_grad_value_(params, row["value"])
    assert [p.has_grad for p in params] == [g is not None for g in row["after"]]
    assert [p.grad for p in params] == pytest.approx([g or 0.0 for g in row["after"]], rel=1e-14)


# ── Layers ──────────────────────────────────────────────────────────────────────────────────────────────────


def layer_id(row: dict[str, Any]) -> str:
    return ",".join([row["name"], *map(str, row["arguments"]), *(f"{k}={v}" for k, v in row["options"].items())])


WITHOUT = {"Softplus": {}, "Softmax": {"dim": -1}, "LogSoftmax": {"dim": -1}}  # options of torch's that ours lack


@pytest.mark.parametrize("row", REFERENCE["layers"], ids=layer_id)
def test_a_layer_forward_and_backward_in_train_and_eval_mode(row: dict[str, Any]) -> None:
    options = {k: v for k, v in row["options"].items() if k not in WITHOUT.get(row["name"], ())}
    module = getattr(nn, row["name"])(*row["arguments"], **options)
    if row["name"] not in WITHOUT:
        assert repr(module) == row["repr"]
    module.load_state_dict(row["state"])
    assert list(module.state_dict()) == list(row["state"])
    for run in row["runs"]:
        getattr(module, run["mode"])()
        module.zero_grad()
        xs = values(row["inputs"])
        if row["name"].endswith("Cell"):
            ys = None
            for sample in xs:
                ys = module(sample, ys)
        else:
            ys = module(xs)
        assert shape("output", ys) == shape("torch's", run["output"]) or row["name"] == "LSTMCell"  # a pair there
        outputs = flat(ys)
        assert [y.data for y in outputs] == pytest.approx(flat(run["output"]), rel=1e-12, abs=1e-15)
        autograd.dot([math.cos(0.9 * k) for k in range(len(outputs))], outputs).backward()
        got = [x.grad for x in flat(xs)]
        assert got == pytest.approx(flat(run["input_gradient"]), rel=1e-11, abs=1e-14)
        gradients = {name.partition(".")[0]: [] for name, _ in module.named_parameters()}
        for name, p in module.named_parameters():
            gradients[name.partition(".")[0]].append(p.grad)
        for name, truth in run["gradients"].items():
            assert gradients[name] == pytest.approx(flat(truth), rel=1e-12, abs=1e-14), name
        for name, truth in run["buffers"].items():
            assert flat(module.state_dict()[name]) == pytest.approx(flat(truth), rel=1e-13), name


def test_dropout_with_torchs_mask() -> None:
    row = REFERENCE["dropout"]
    xs = values(row["inputs"])
    ys = nn.Dropout(row["p"])(xs, mask=row["mask"])
    assert [y.data for y in ys] == pytest.approx(row["output"], rel=1e-15)
    autograd.dot(ys, ys).backward()
    assert [x.grad for x in xs] == pytest.approx(row["gradient"], rel=1e-14)


def test_modules_in_modules_print_as_torchs() -> None:
    inner = nn.Sequential(nn.ReLU(), nn.Dropout(0.25))
    model = nn.Sequential(nn.Linear(3, 2), inner, nn.BatchNorm1d(2), nn.Sequential())
    assert repr(model) == REFERENCE["nested_repr"]


# ── Initialisers ────────────────────────────────────────────────────────────────────────────────────────────


class Asked(random.Random):
    """A generator that answers 0 and tells what it was asked."""

    def uniform(self, a: float, b: float) -> float:
        self.asked = {"low": a, "high": b}
        return 0.0

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        self.asked = {"mean": mu, "std": sigma}
        return 0.0


def parameters_of(sizes: Sequence[int]) -> Any:
    return [parameters_of(sizes[1:]) for _ in range(sizes[0])] if sizes else nn.Parameter(1.0)


def initialiser_id(row: dict[str, Any]) -> str:
    return ",".join([row["name"], *map(str, row["shape"]), *(f"{k}={v}" for k, v in row["settings"].items())])


@pytest.mark.parametrize("row", REFERENCE["initialisers"], ids=initialiser_id)
def test_initialisers_draw_as_torchs(row: dict[str, Any]) -> None:
    weights, source = parameters_of(row["shape"]), Asked()
    assert getattr(nn.init, row["name"])(weights, **row["settings"], seed=source) is weights
    assert {p.data for p in flat(weights)} == {0.0}
    assert source.asked == pytest.approx({k: row[k] for k in source.asked}, rel=1e-15)
    big = parameters_of([200, 10, *row["shape"][2:]] if len(row["shape"]) > 2 else [300, 100])
    getattr(nn.init, row["name"])(big, **row["settings"], seed=0)
    drawn = [p.data for p in flat(big)]
    getattr(nn.init, row["name"])(big, **row["settings"], seed=0)
    assert [p.data for p in flat(big)] == drawn
    assert len(set(drawn)) > 0.99 * len(drawn)


@pytest.mark.parametrize("row", REFERENCE["gains"], ids=str)
def test_gains(row: list[Any]) -> None:
    assert nn.init.calculate_gain(*row[:-1]) == pytest.approx(row[-1], rel=1e-15)
