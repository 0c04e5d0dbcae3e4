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
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.2}),
    ("AdamW", {"lr": 0.05, "betas": [0.7, 0.9], "eps": 1e-4, "weight_decay": 0.0}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "eps": 1e-6}),
    ("RMSprop", {"lr": 0.02, "momentum": 0.8}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.8, "centered": True}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.8, "centered": True, "momentum": 0.5, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.5}),
    ("Adagrad", {"lr": 0.5, "lr_decay": 0.1, "weight_decay": 0.05, "eps": 1e-6}),
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


def interrupted(name: str, settings: dict[str, Any]) -> list[Numbers]:
    """The same, where parameter k has no gradient in steps k, k + 5, k + 10 …: torch passes it over, state and all."""
    params = [torch.tensor(x, requires_grad=True) for x in START]
    optimiser = getattr(torch.optim, name)(params, **settings)
    path = []
    for step in range(20):
        for k, (p, a, t) in enumerate(zip(params, CURVATURE, TARGET, strict=True)):
            p.grad = None if step % 5 == k else (a * (p - t) + 0.05 * p * p * p).detach()
        optimiser.step()
        path.append([p.item() for p in params])
    return path


# ── Schedulers: the rate after each of 24 epochs, from 0.8 ──────────────────────────────────────────────────

METRICS = [5.0, 4.0, 4.0, 3.9999, 3.5, 3.5, 3.6, 3.4999, 3.5, 3.5, 3.5, 2.0, 2.1, 2.1, 2.0, 1.9999, 1.9, 1.9, 1.9, 1.9,
           1.9, -1.0, -1.0, -1.0]  # fmt: skip
SCHEDULERS: list[list[tuple[str, dict[str, Any]]]] = [
    [("StepLR", {"step_size": 3})],
    [("StepLR", {"step_size": 7, "gamma": 0.5})],
    [("CosineAnnealingLR", {"T_max": 10})],
    [("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.05})],
    [("CosineAnnealingLR", {"T_max": 1, "eta_min": 0.1})],
    [("LinearLR", {})],
    [("LinearLR", {"start_factor": 0.1, "total_iters": 8})],
    [("LinearLR", {"start_factor": 1.0, "end_factor": 0.25, "total_iters": 4})],
    [("LinearLR", {"start_factor": 0.2, "total_iters": 4}), ("StepLR", {"step_size": 6, "gamma": 0.3})],
    [("ReduceLROnPlateau", {"patience": 1})],
    [("ReduceLROnPlateau", {"patience": 0, "factor": 0.5, "cooldown": 2})],
    [("ReduceLROnPlateau", {"mode": "max", "patience": 2, "factor": 0.3})],
    [("ReduceLROnPlateau", {"patience": 0, "threshold": 0.3, "threshold_mode": "abs", "min_lr": 0.01})],
    [("ReduceLROnPlateau", {"mode": "max", "patience": 1, "threshold": 0.3, "threshold_mode": "abs", "eps": 0.02})],
]


def rates(schedule: list[tuple[str, dict[str, Any]]]) -> Numbers:
    """The rate at first and after each epoch, of all these schedulers on one optimiser."""
    optimiser = torch.optim.SGD([torch.tensor(1.0, requires_grad=True)], lr=0.8)
    schedulers = [getattr(torch.optim.lr_scheduler, name)(optimiser, **settings) for name, settings in schedule]
    path = [optimiser.param_groups[0]["lr"]]
    for metric in METRICS:
        optimiser.step()
        for scheduler in schedulers:
            scheduler.step(*([metric] if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau) else []))
        path.append(float(optimiser.param_groups[0]["lr"]))
    return path


# ── Clipping ────────────────────────────────────────────────────────────────────────────────────────────────

GRADIENTS = [3.0, -4.0, 0.5, None, 12.0]


def clipped(gradients: list[float | None], norm: float | None, value: float | None) -> dict[str, Any]:
    """The gradients after clipping, and the norm before."""
    params = [torch.tensor(1.0, requires_grad=True) for _ in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = None if g is None else torch.tensor(g)
    before = None
    if norm is not None:
        before = torch.nn.utils.clip_grad_norm_(params, norm).item()
    if value is not None:
        torch.nn.utils.clip_grad_value_(params, value)
    after = [None if p.grad is None else p.grad.item() for p in params]
    return {"gradients": gradients, "norm": norm, "value": value, "before": before, "after": after}


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


SCORES = [[0.5, -1.25, 2.0], [3.0, 0.1, -0.7]]
SHARES = [[0.0, 1.0, 0.25], [1.0, 0.75, 0.0]]
PROBABILITIES = [[0.5, 0.25, 0.9], [0.999, 0.1, 0.3]]
SIMPLEX = [[0.5, 0.3, 0.2], [0.05, 0.9, 0.05], [0.25, 0.25, 0.5]]


def hinge(x: Any, t: Any, reduction: str) -> Any:
    """micrograd's margin loss, in torch's words."""
    losses = torch.relu(1.0 - t * x)
    return losses if reduction == "none" else getattr(losses, reduction)()


LOSSES: list[tuple[str, Callable[..., Any], Any, Any, dict[str, Any]]] = [
    ("mse_loss", functional.mse_loss, OUTPUTS, TARGETS, {}),
    ("l1_loss", functional.l1_loss, OUTPUTS, TARGETS, {}),
    ("huber_loss", functional.huber_loss, OUTPUTS, TARGETS, {}),
    ("huber_loss", functional.huber_loss, OUTPUTS, TARGETS, {"delta": 0.75}),
    ("hinge_loss", hinge, SCORES, [[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]], {}),
    ("binary_cross_entropy", functional.binary_cross_entropy, PROBABILITIES, SHARES, {}),
    ("binary_cross_entropy_with_logits", functional.binary_cross_entropy_with_logits, SCORES, SHARES, {}),
    ("cross_entropy", functional.cross_entropy, LOGITS, CLASSES, {}),
    ("nll_loss", functional.nll_loss, [[-0.5, -2.0, -1.5], [-0.1, -3.0, -4.0]], [1, 0], {}),
    ("categorical_cross_entropy", lambda p, t, **how: functional.nll_loss(p.log(), t, **how), SIMPLEX, [0, 1, 2], {}),
]


def reduced(loss: Callable[..., Any], outputs: Any, target: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """The loss and its gradient by the outputs, for each reduction; of "none", that of the sum of squares."""
    found = {}
    for how in ("mean", "sum", "none"):
        x = torch.tensor(outputs, requires_grad=True)
        y = loss(x, torch.tensor(target), reduction=how, **settings)
        (gradient,) = torch.autograd.grad((y * y).sum() if how == "none" else y, x)
        found[how] = {"value": y.tolist(), "gradient": gradient.tolist()}
    return found


# ── Layers: the output, and the gradients of Σ weightₖ outputₖ by inputs and parameters, in train and eval mode ──

PLANE = [
    [0.5, -1.0, 2.0, 0.25, 1.5],
    [1.25, 0.75, -0.5, 3.0, -2.0],
    [-1.5, 0.1, 0.9, 1.1, 0.3],
    [2.5, -0.2, 0.6, -0.8, 4.0],
]
IMAGE = [PLANE, [[-x * 0.5 + 0.3 * i for x in row] for i, row in enumerate(PLANE)]]
BATCH = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [-2.0, 0.1, 0.6], [0.9, 1.2, -3.0]]
SEQUENCE = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [-2.0, 0.1, 0.6]]


def numbered(parameters: Any) -> None:
    """Give parameters numbers that are all different and of no special size."""
    for k, p in enumerate(parameters):
        with torch.no_grad():
            p.copy_(torch.sin(torch.arange(p.numel()) * 1.7 + k).reshape(p.shape) * 0.6)


def layer(name: str, arguments: list[Any], options: dict[str, Any], inputs: Any, steps: int = 1) -> dict[str, Any]:
    """A layer on a batch (BatchNorm1d) or one sample; a recurrent cell on a sequence; twice where `steps` is 2."""
    module = getattr(torch.nn, name)(*arguments, **options)
    numbered(module.parameters())
    state = {key: x.tolist() for key, x in module.state_dict().items()}
    runs = []
    for mode in ("train", "train", "eval") if name == "BatchNorm1d" else ("train",):
        getattr(module, mode)()
        x = torch.tensor(inputs, requires_grad=True)
        if name.endswith("Cell"):
            hidden = None
            for sample in x:
                hidden = module(sample, hidden)
            y = torch.cat(hidden) if isinstance(hidden, tuple) else hidden
        elif name == "BatchNorm1d":
            y = module(x)
        else:
            y = module(x.unsqueeze(0)).squeeze(0)  # for the layers that want a batch
        weights = torch.cos(torch.arange(y.numel()) * 0.9).reshape(y.shape)
        parameters = dict(module.named_parameters())
        found = torch.autograd.grad((weights * y).sum(), [x, *parameters.values()])
        gradients = {key: g.tolist() for key, g in zip(parameters, found[1:], strict=True)}
        after = {key: b.tolist() for key, b in module.named_buffers()}
        runs.append({"mode": mode, "output": y.tolist(), "input_gradient": found[0].tolist(), "gradients": gradients,
                     "buffers": after})  # fmt: skip
    return {"name": name, "arguments": arguments, "options": options, "repr": repr(module), "state": state,
            "inputs": inputs, "runs": runs}  # fmt: skip


LAYERS: list[tuple[str, list[Any], dict[str, Any], Any]] = [
    ("Linear", [3, 2], {}, BATCH[0]),
    ("Linear", [3, 4], {"bias": False}, BATCH[1]),
    ("Conv2d", [2, 3, 3], {}, IMAGE),
    ("Conv2d", [2, 2, [2, 3]], {"stride": [2, 1], "padding": [1, 2], "bias": False}, IMAGE),
    ("Conv2d", [2, 1, 2], {"stride": 3, "padding": 1}, IMAGE),
    ("MaxPool2d", [2], {}, IMAGE),
    ("MaxPool2d", [[2, 3]], {"stride": 1, "padding": 1}, IMAGE),
    ("MaxPool2d", [3], {"stride": [1, 2]}, IMAGE),
    ("Flatten", [], {}, IMAGE),
    ("BatchNorm1d", [3], {}, BATCH),
    ("BatchNorm1d", [3], {"eps": 0.01, "momentum": 0.3, "affine": False}, BATCH),
    ("BatchNorm1d", [3], {"momentum": None}, BATCH),
    ("RNNCell", [3, 2], {}, SEQUENCE),
    ("RNNCell", [3, 2], {"bias": False}, SEQUENCE),
    ("LSTMCell", [3, 2], {}, SEQUENCE),
    ("LSTMCell", [3, 4], {"bias": False}, SEQUENCE),
    *((name, [], {}, BATCH[0]) for name in ("ReLU", "SiLU", "Sigmoid", "Tanh", "Softsign", "GELU", "LeakyReLU", "ELU")),
    ("GELU", [], {"approximate": "tanh"}, BATCH[0]),
    ("LeakyReLU", [0.2], {}, BATCH[0]),
    ("ELU", [0.7], {}, BATCH[0]),
    ("Softplus", [], {}, BATCH[0]),
    ("Softmax", [], {"dim": -1}, BATCH[0]),
    ("LogSoftmax", [], {"dim": -1}, BATCH[0]),
]


def dropout() -> dict[str, Any]:
    """Dropout with a mask given: what torch's own mask kept."""
    torch.manual_seed(0)
    x = torch.tensor(BATCH[0] + BATCH[1], requires_grad=True)
    y = torch.nn.Dropout(0.4)(x)
    (gradient,) = torch.autograd.grad((y * y).sum(), x)
    mask = (y != 0).tolist()
    assert len(set(mask)) == 2
    return {"p": 0.4, "inputs": x.tolist(), "mask": mask, "output": y.tolist(), "gradient": gradient.tolist()}


def nested_repr() -> str:
    """How torch prints modules in modules."""
    inner = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Dropout(0.25))
    return repr(torch.nn.Sequential(torch.nn.Linear(3, 2), inner, torch.nn.BatchNorm1d(2), torch.nn.Sequential()))


# ── Initialisers: bounds or standard deviations, of many draws ─────────────────────────────────────────────────


def initial(name: str, shape: list[int], settings: dict[str, Any]) -> dict[str, Any]:
    """What torch's initialiser asks of its generator: bounds, or a mean and a standard deviation."""
    asked: dict[str, float] = {}
    tensor = torch.Tensor
    kept = tensor.uniform_, tensor.normal_
    tensor.uniform_ = lambda self, a=0, b=1, generator=None: asked.update(low=a, high=b)
    tensor.normal_ = lambda self, mean=0, std=1, generator=None: asked.update(mean=mean, std=std)
    try:
        getattr(torch.nn.init, name)(torch.empty(shape), **settings)
    finally:
        tensor.uniform_, tensor.normal_ = kept
    return {"name": name, "shape": shape, "settings": settings, **asked}


INITIALISERS: list[tuple[str, list[int], dict[str, Any]]] = [
    ("uniform_", [6, 5], {}),
    ("uniform_", [6, 5], {"a": -2.0, "b": 3.0}),
    ("normal_", [6, 5], {}),
    ("normal_", [6, 5], {"mean": 2.0, "std": 0.5}),
    ("xavier_uniform_", [6, 5], {}),
    ("xavier_uniform_", [4, 3, 2, 3], {"gain": 2.5}),
    ("xavier_normal_", [6, 5], {}),
    ("xavier_normal_", [4, 3, 2, 3], {"gain": 0.5}),
    ("kaiming_uniform_", [6, 5], {}),
    ("kaiming_uniform_", [4, 3, 2, 3], {"a": 0.2, "mode": "fan_out"}),
    ("kaiming_uniform_", [6, 5], {"nonlinearity": "relu"}),
    ("kaiming_normal_", [6, 5], {}),
    ("kaiming_normal_", [4, 3, 2, 3], {"nonlinearity": "tanh", "mode": "fan_out"}),
]
GAINS: list[list[Any]] = [
    ["linear"],
    ["conv2d"],
    ["sigmoid"],
    ["tanh"],
    ["relu"],
    ["leaky_relu"],
    ["leaky_relu", 0.3],
    ["selu"],
]

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
            "interrupted": [
                {"name": n, "settings": s, "path": interrupted(n, s)} for n, s in OPTIMISERS if "betas" not in s
            ],
        },
        "schedulers": {
            "metrics": METRICS,
            "runs": [{"schedule": schedule, "rates": rates(schedule)} for schedule in SCHEDULERS],
        },
        "clipping": [
            clipped(GRADIENTS, n, v) for n, v in ((1.0, None), (100.0, None), (0.0, None), (None, 2.0), (None, 0.0))
        ],
        "losses": [
            {"name": name, "outputs": xs, "targets": ts, "settings": how, **reduced(loss, xs, ts, how)}
            for name, loss, xs, ts, how in LOSSES
        ],
        "layers": [layer(*row) for row in LAYERS],
        "dropout": dropout(),
        "nested_repr": nested_repr(),
        "initialisers": [initial(*row) for row in INITIALISERS],
        "gains": [[*row, torch.nn.init.calculate_gain(*row)] for row in GAINS],
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
