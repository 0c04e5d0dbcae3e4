"""Values, derivatives, optimisers, losses and a network against torch's own numbers, kept in data/."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import autograd
import nn
from autograd import Value, gradients, ieee

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
    return [x for row in rows for x in flat(row)] if isinstance(rows, list) else [rows]


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
