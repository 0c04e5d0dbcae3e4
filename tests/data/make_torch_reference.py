"""Writes torch_reference.json: what torch 2.13 answers, kept as data so that no test has to install it.

Run it in an environment that has torch: ``python make_torch_reference.py``. Everything is float64 on the CPU.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

Numbers = list[float]
torch.set_default_dtype(torch.float64)

EVERYWHERE = [-3.75, -1.5, -0.625, -0.1, 0.2, 0.7, 1.3, 2.9]
POSITIVE = [0.05, 0.3, 0.9, 1.1, 2.5, 7.25]
INSIDE = [-0.95, -0.6, -0.1, 0.2, 0.55, 0.99]

UNARY: dict[str, tuple[Callable[..., Any], Numbers]] = {
    "exp": (torch.exp, EVERYWHERE),
    "exp2": (torch.exp2, EVERYWHERE),
    "expm1": (torch.expm1, EVERYWHERE),
    "log": (torch.log, POSITIVE),
    "log2": (torch.log2, POSITIVE),
    "log10": (torch.log10, POSITIVE),
    "log1p": (torch.log1p, [-0.9, -0.3, *POSITIVE]),
    "sqrt": (torch.sqrt, POSITIVE),
    "sin": (torch.sin, EVERYWHERE),
    "cos": (torch.cos, EVERYWHERE),
    "tan": (torch.tan, EVERYWHERE),
    "asin": (torch.asin, INSIDE),
    "acos": (torch.acos, INSIDE),
    "atan": (torch.atan, EVERYWHERE),
    "sinh": (torch.sinh, EVERYWHERE),
    "cosh": (torch.cosh, EVERYWHERE),
    "tanh": (torch.tanh, EVERYWHERE),
    "asinh": (torch.asinh, EVERYWHERE),
    "acosh": (torch.acosh, [1.05, 1.5, 4.0]),
    "atanh": (torch.atanh, INSIDE),
    "erf": (torch.erf, EVERYWHERE),
    "erfc": (torch.erfc, EVERYWHERE),
    "lgamma": (torch.lgamma, [0.3, 0.9, 2.5, 7.25, -0.4, -1.7]),
    "digamma": (torch.digamma, [0.3, 0.9, 2.5, 7.25]),
    "abs": (torch.abs, EVERYWHERE),
    "floor": (torch.floor, EVERYWHERE),
    "ceil": (torch.ceil, EVERYWHERE),
    "trunc": (torch.trunc, EVERYWHERE),
    "round": (torch.round, [*EVERYWHERE, 2.5, 3.5, -0.5]),
    "sign": (torch.sign, EVERYWHERE),
    "degrees": (torch.rad2deg, EVERYWHERE),
    "radians": (torch.deg2rad, EVERYWHERE),
    "sigmoid": (torch.sigmoid, EVERYWHERE),
    "softplus": (functional.softplus, EVERYWHERE),
    "relu": (functional.relu, EVERYWHERE),
    "leaky_relu": (functional.leaky_relu, EVERYWHERE),
    "elu": (functional.elu, EVERYWHERE),
    "gelu": (functional.gelu, EVERYWHERE),
    "gelu_tanh": (lambda x: functional.gelu(x, approximate="tanh"), EVERYWHERE),
    "silu": (functional.silu, EVERYWHERE),
    "softsign": (functional.softsign, EVERYWHERE),
}

PAIRS = [(0.7, 1.3), (-1.5, 0.4), (2.25, -0.75), (-0.3, -2.1)]
BINARY: dict[str, tuple[Callable[..., Any], list[tuple[float, float]]]] = {
    "add": (torch.add, PAIRS),
    "sub": (torch.sub, PAIRS),
    "mul": (torch.mul, PAIRS),
    "div": (torch.div, PAIRS),
    "pow": (torch.pow, [(0.7, 1.3), (2.5, -1.5), (1.0, 3.0), (3.0, 0.25)]),
    "mod": (torch.remainder, PAIRS),
    "fmod": (torch.fmod, PAIRS),
    "atan2": (torch.atan2, PAIRS),
    "hypot": (torch.hypot, PAIRS),
    "copysign": (torch.copysign, PAIRS),
    "logaddexp": (torch.logaddexp, PAIRS),
    "xlogy": (torch.xlogy, [(0.7, 1.3), (-1.5, 0.4), (2.25, 5.0)]),
    "maximum": (torch.maximum, PAIRS),
    "minimum": (torch.minimum, PAIRS),
}

ROWS = [[0.5, -1.25, 2.0, 0.75], [1.0, 1.5, -0.5, 3.25]]
MANY: dict[str, Callable[..., Any]] = {
    "sum": torch.sum,
    "mean": torch.mean,
    "prod": torch.prod,
    "norm": torch.linalg.vector_norm,
    "logsumexp": lambda x: torch.logsumexp(x, 0),
    "softmax_1": lambda x: torch.softmax(x, 0)[1],
    "log_softmax_2": lambda x: torch.log_softmax(x, 0)[2],
    "max": lambda x: torch.amax(x),
    "min": lambda x: torch.amin(x),
}

INF, NAN = float("inf"), float("nan")
SPECIAL: list[tuple[str, Callable[..., Any], tuple[float, ...]]] = [
    ("relu", functional.relu, (0.0,)),
    ("relu", functional.relu, (NAN,)),
    ("leaky_relu", functional.leaky_relu, (0.0,)),
    ("elu", functional.elu, (0.0,)),
    ("abs", torch.abs, (0.0,)),
    ("sign", torch.sign, (0.0,)),
    ("sqrt", torch.sqrt, (0.0,)),
    ("asin", torch.asin, (1.0,)),
    ("acosh", torch.acosh, (1.0,)),
    ("atanh", torch.atanh, (1.0,)),
    ("maximum", torch.maximum, (2.0, 2.0)),
    ("maximum", torch.maximum, (0.0, 0.0)),
    ("maximum", torch.maximum, (NAN, 1.0)),
    ("minimum", torch.minimum, (2.0, 2.0)),
    ("pow", torch.pow, (0.0, 0.0)),
    ("pow", torch.pow, (0.0, 1.0)),
    ("pow", torch.pow, (0.0, 2.0)),
    ("pow", torch.pow, (0.0, -1.0)),
    ("pow", torch.pow, (-2.0, 3.0)),
    ("atan2", torch.atan2, (0.0, 0.0)),
    ("hypot", torch.hypot, (0.0, 0.0)),
    ("mod", torch.remainder, (-5.0, 3.0)),
    ("mod", torch.remainder, (1.0, 0.1)),
    ("fmod", torch.fmod, (-5.0, 3.0)),
    ("xlogy", torch.xlogy, (0.0, 2.0)),
    ("xlogy", torch.xlogy, (0.0, 0.0)),
    ("copysign", torch.copysign, (0.0, 1.0)),
    ("softplus", functional.softplus, (1000.0,)),
    ("softplus", functional.softplus, (25.0,)),
    ("softplus", functional.softplus, (-40.0,)),
    ("sigmoid", torch.sigmoid, (-1000.0,)),
    ("sigmoid", torch.sigmoid, (38.0,)),
    ("tanh", torch.tanh, (20.0,)),
    ("expm1", torch.expm1, (-40.0,)),
    ("div", torch.div, (1e170, 1e170)),
    ("logaddexp", torch.logaddexp, (1000.0, -1000.0)),
]


def derivatives(function: Callable[..., Any], at: tuple[float, ...]) -> dict[str, Any]:
    """Value, gradient and Hessian; a derivative that torch can't reach counts as 0, as nothing depends on it."""
    xs = [torch.tensor(x, requires_grad=True) for x in at]
    y = function(*xs)
    first = torch.autograd.grad(y, xs, create_graph=True, allow_unused=True)
    hessian = []
    for slope in first:
        row = [0.0] * len(xs)
        if slope is not None and slope.requires_grad:
            second = torch.autograd.grad(slope, xs, retain_graph=True, allow_unused=True)
            row = [0.0 if s is None else s.item() for s in second]
        hessian.append(row)
    gradient = [0.0 if s is None else s.item() for s in first]
    return {"at": list(at), "value": y.item(), "gradient": gradient, "hessian": hessian}


def many(function: Callable[..., Any], at: Numbers) -> dict[str, Any]:
    """The same for a function of a row."""
    return derivatives(lambda *xs: function(torch.stack(xs)), tuple(at))


# ── Optimisers: 20 steps on Σ aᵢ (pᵢ - tᵢ)²/2 + 0.05 pᵢ⁴/4, whose gradient is written out ─────────────────────

START = [1.0, -2.0, 0.5, 3.0]
CURVATURE = [1.0, 4.0, 0.25, 2.0]
TARGET = [0.5, 1.0, -1.5, 0.0]
OPTIMISERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.05, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "dampening": 0.1, "weight_decay": 0.02}),
    ("SGD", {"lr": 0.02, "momentum": 0.7, "nesterov": True, "weight_decay": 0.05}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-6}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
]


def trajectory(name: str, settings: dict[str, Any]) -> list[Numbers]:
    """The parameters after each of 20 steps."""
    params = [torch.tensor(x, requires_grad=True) for x in START]
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    optimiser = getattr(torch.optim, name)(params, **options)
    path = []
    for _ in range(20):
        for p, a, t in zip(params, CURVATURE, TARGET, strict=True):
            p.grad = (a * (p - t) + 0.05 * p * p * p).detach()
        optimiser.step()
        path.append([p.item() for p in params])
    return path


# ── Losses and a small network ──────────────────────────────────────────────────────────────────────────────

LOGITS = [[0.5, -1.25, 2.0], [3.0, 0.1, -0.7], [-2.0, -1.0, 0.25], [40.0, 0.0, 0.0]]
CLASSES = [2, 1, 0, 0]
OUTPUTS = [[0.5, -1.25], [3.0, 0.1], [-2.0, -1.0]]
TARGETS = [[1.0, 0.0], [2.5, -0.5], [-2.0, 4.0]]


def loss_of_a_batch(loss: Callable[..., Any], outputs: list[Numbers], target: Any) -> dict[str, Any]:
    """The loss, and its gradient by the outputs."""
    x = torch.tensor(outputs, requires_grad=True)
    y = loss(x, torch.tensor(target))
    (gradient,) = torch.autograd.grad(y, x)
    return {"value": y.item(), "gradient": gradient.tolist()}


NETWORK: dict[str, Any] = {
    "weight1": [[0.5, -0.25, 1.0], [-0.75, 0.5, 0.125], [0.3, 0.9, -0.4], [1.1, -0.6, 0.2]],
    "bias1": [0.1, -0.2, 0.3, 0.05],
    "weight2": [[0.7, -0.3, 0.25, 0.5], [-0.45, 0.8, 0.6, -0.15], [0.2, 0.35, -0.9, 0.4]],
    "bias2": [0.0, 0.15, -0.1],
    "inputs": [[1.0, 0.5, -0.75], [-0.3, 0.8, 1.2], [0.6, -1.1, 0.4]],
    "classes": [0, 2, 1],
}


def network() -> dict[str, Any]:
    """Linear, relu, Linear, cross-entropy: the loss and the gradient of each weight."""
    names = ("weight1", "bias1", "weight2", "bias2")
    w1, b1, w2, b2 = params = [torch.tensor(NETWORK[name], requires_grad=True) for name in names]
    x = torch.tensor(NETWORK["inputs"])
    outputs = functional.linear(functional.relu(functional.linear(x, w1, b1)), w2, b2)
    loss = functional.cross_entropy(outputs, torch.tensor(NETWORK["classes"]))
    found = torch.autograd.grad(loss, params)
    gradients = {name: g.tolist() for name, g in zip(names, found, strict=True)}
    return {**NETWORK, "outputs": outputs.tolist(), "loss": loss.item(), "gradients": gradients}


def main() -> None:
    """Write the file beside this one."""
    reference = {
        "made_with": f"torch {torch.__version__}, {platform.machine()}",
        "unary": {name: [derivatives(f, (x,)) for x in points] for name, (f, points) in UNARY.items()},
        "binary": {name: [derivatives(f, at) for at in points] for name, (f, points) in BINARY.items()},
        "polygamma": [
            {"n": n, **derivatives(lambda x, n=n: torch.polygamma(n, x), (x,))} for n in (1, 2) for x in (0.4, 1.5, 6.0)
        ],
        "many": {name: [many(f, row) for row in ROWS] for name, f in MANY.items()},
        "dot": derivatives(lambda *xs: torch.dot(torch.stack(xs[:4]), torch.stack(xs[4:])), tuple(ROWS[0] + ROWS[1])),
        "clamp": [derivatives(lambda x: torch.clamp(x, -1.0, 2.0), (x,)) for x in (-3.0, -1.0, 0.5, 2.0, 4.0)],
        "where": [derivatives(lambda x, y: torch.where(x > y, x * y, x - y * y), at) for at in PAIRS],
        "special": [{"name": name, **derivatives(f, at)} for name, f, at in SPECIAL],
        "norm_of_zeros": many(torch.linalg.vector_norm, [0.0, 0.0])["gradient"],
        "optimisers": {
            "start": START,
            "curvature": CURVATURE,
            "target": TARGET,
            "runs": [{"name": n, "settings": s, "path": trajectory(n, s)} for n, s in OPTIMISERS],
        },
        "cross_entropy": {
            "logits": LOGITS,
            "classes": CLASSES,
            **loss_of_a_batch(functional.cross_entropy, LOGITS, CLASSES),
        },
        "mse_loss": {"outputs": OUTPUTS, "targets": TARGETS, **loss_of_a_batch(functional.mse_loss, OUTPUTS, TARGETS)},
        "network": network(),
    }
    text = json.dumps(reference, indent=1)
    Path(__file__).with_name("torch_reference.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
