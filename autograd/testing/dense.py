"""A dense net as a model: recognised in a forward pass nobody sees into, and differentiated with one mistake.

`recognise` finds layers, activations and loss by computing: a guess is kept where it gives the forward pass's own
numbers at random points. `Net.gradient` is the textbook's backward pass, in which each `Mistake` changes one thing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any, NamedTuple

from .arrays import np

Array = Any

# ── Activations and losses ──────────────────────────────────────────────────────────────────────────────────


class Activation(NamedTuple):
    """Its name, itself, and its slope as a function of the pre-activation."""

    name: str
    function: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def _sigmoid(z: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _gelu_tanh(z: Array) -> Array:
    return 0.5 * z * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))


def _leaky(slope: float) -> Activation:
    return Activation(
        f"leaky ReLU ({slope:g})", lambda z: np.where(z > 0.0, z, slope * z), lambda z: np.where(z > 0.0, 1.0, slope)
    )


def _numeric_slope(f: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda z: (8.0 * (f(z + 1e-3) - f(z - 1e-3)) - (f(z + 2e-3) - f(z - 2e-3))) / 12e-3


def _sigmoid_slope(z: Array) -> Array:
    return _sigmoid(z) * (1.0 - _sigmoid(z))


SIGMOID = Activation("sigmoid", _sigmoid, _sigmoid_slope)
TANH = Activation("tanh", np.tanh, lambda z: 1.0 - np.tanh(z) ** 2)
RELU = Activation("ReLU", lambda z: np.maximum(z, 0.0), lambda z: (z > 0.0) * 1.0)
IDENTITY = Activation("identity", lambda z: z, np.ones_like)
SOFTMAX = Activation("softmax", _softmax, lambda z: _softmax(z) * (1.0 - _softmax(z)))  # its diagonal
LEAKY = _leaky(0.01)
ACTIVATIONS = (
    IDENTITY,
    SIGMOID,
    TANH,
    RELU,
    LEAKY,
    Activation("softplus", lambda z: np.logaddexp(0.0, z), _sigmoid),
    Activation(
        "ELU", lambda z: np.where(z > 0.0, z, np.expm1(np.minimum(z, 0.0))), lambda z: np.exp(np.minimum(z, 0.0))
    ),
    Activation("SiLU", lambda z: z * _sigmoid(z), lambda z: _sigmoid(z) + z * _sigmoid_slope(z)),
    Activation("GELU (tanh)", _gelu_tanh, _numeric_slope(_gelu_tanh)),
    Activation("sine", np.sin, np.cos),
    Activation("square", np.square, lambda z: 2.0 * z),
    Activation("exp", np.exp, np.exp),
    *(_leaky(slope) for slope in (0.1, 0.2, 0.05, 0.02, 0.3, 0.25)),
    SOFTMAX,
)


COMMON = (RELU, TANH, SIGMOID, IDENTITY, LEAKY)


class Loss(NamedTuple):
    """A loss without its factor: what it is, its value and its derivative by the net's output."""

    name: str
    formula: str
    value: Callable[[Array, Array], Any]
    slope: Callable[[Array, Array], Array]


def _one_sided_bce(a: Array, y: Array) -> Any:
    return -(y * np.log(a)).sum()


def _norm(a: Array, y: Array) -> Any:
    return np.sqrt(((a - y) ** 2).sum())


SQUARED = Loss("squared error", "Σ (a - y)²", lambda a, y: ((a - y) ** 2).sum(), lambda a, y: 2.0 * (a - y))
BINARY = Loss(
    "full binary cross-entropy",
    "-Σ [y log a + (1 - y) log(1 - a)]",
    lambda a, y: -(y * np.log(a) + (1.0 - y) * np.log(1.0 - a)).sum(),
    lambda a, y: (a - y) / (a * (1.0 - a)),
)
CROSS = Loss("cross-entropy", "-Σ y log a", _one_sided_bce, lambda a, y: -y / a)
ABSOLUTE = Loss("absolute error", "Σ |a - y|", lambda a, y: np.abs(a - y).sum(), lambda a, y: np.sign(a - y))
LOSSES = (
    SQUARED,
    BINARY,
    CROSS,
    ABSOLUTE,
    Loss("length of the error", "√Σ (a - y)²", _norm, lambda a, y: (a - y) / _norm(a, y)),
    Loss(
        "hinge loss",
        "Σ max(0, 1 - y a)",
        lambda a, y: np.maximum(0.0, 1.0 - y * a).sum(),
        lambda a, y: -y * (y * a < 1.0),
    ),
    Loss("log-cosh loss", "Σ log cosh(a - y)", lambda a, y: np.log(np.cosh(a - y)).sum(), lambda a, y: np.tanh(a - y)),
    Loss(
        "Huber loss",
        "Σ huber(a - y)",
        lambda a, y: np.where(abs(a - y) <= 1.0, 0.5 * (a - y) ** 2, abs(a - y) - 0.5).sum(),
        lambda a, y: np.clip(a - y, -1.0, 1.0),
    ),
    Loss(
        "binary cross-entropy of logits",
        "Σ log(1 + exp(a)) - y a",
        lambda a, y: (np.logaddexp(0.0, a) - y * a).sum(),
        lambda a, y: _sigmoid(a) - y,
    ),
    Loss(
        "cross-entropy of logits",
        "Σ log Σ exp(a) - a_y",
        lambda a, y: (np.log(np.exp(a - a.max()).sum(axis=1)) + a.max() - (y * a).sum(axis=1)).sum(),
        lambda a, y: _softmax(a) - y,
    ),
    Loss(
        "logistic loss of labels ±1",
        "Σ log(1 + exp(-y a))",
        lambda a, y: np.logaddexp(0.0, -y * a).sum(),
        lambda a, y: -y * _sigmoid(-y * a),
    ),
    Loss("Poisson loss", "Σ exp(a) - y a", lambda a, y: (np.exp(a) - y * a).sum(), lambda a, y: np.exp(a) - y),
    Loss("sum of the outputs", "Σ a", lambda a, y: a.sum(), lambda a, y: np.ones_like(a)),
    Loss("sum of squared outputs", "Σ a²", lambda a, y: (a**2).sum(), lambda a, y: 2.0 * a),
)

# ── The net, and the mistakes of a backward pass ────────────────────────────────────────────────────────────


class Layer(NamedTuple):
    """Which numbers, of all parameters in a row, are its weights (inputs × outputs) and its biases (None for none)."""

    weights: Array
    biases: Array | None


class Mistake(NamedTuple):
    """One thing done wrongly: where, and what; the words come with it."""

    kind: str
    what: str
    layers: frozenset[int]
    words: str


RIGHT = Mistake("", "", frozenset(), "")


@dataclass
class Net:
    """A dense net: its layers, its activations, and how its loss is scaled.

    Attributes:
        layers: input first.
        activations: one a layer.
        loss: by which the output is judged; None where nothing told.
        factor: what the loss is multiplied by.
        decay: what Σ w² is multiplied by and added to the loss.
        rate: the learning rate of a backward pass that takes a step, else None.
        names: of each layer's parameters.
    """

    layers: list[Layer]
    activations: list[Activation]
    loss: Loss | None = None
    factor: float = 1.0
    decay: float = 0.0
    rate: float | None = None
    names: list[str] = field(default_factory=list)

    def forward(self, theta: Array, x: Array) -> tuple[list[Array], list[Array]]:
        """The pre-activations and activations of each layer; the input is the first activation."""
        zs, signals = [], [x]
        for layer, f in zip(self.layers, self.activations, strict=True):
            z = signals[-1] @ theta[layer.weights]
            if layer.biases is not None:
                z = z + theta[layer.biases]
            zs.append(z)
            signals.append(f.function(z))
        return zs, signals

    def value(self, theta: Array, x: Array, y: Array) -> float:
        """The loss."""
        assert self.loss is not None
        out = self.forward(theta, x)[1][-1]
        squares = sum(float((theta[layer.weights] ** 2).sum()) for layer in self.layers)
        return self.factor * float(self.loss.value(out, y)) + self.decay * squares

    def gradient(self, theta: Array, x: Array, y: Array, mistake: Mistake = RIGHT, loss: Loss | None = None) -> Array:
        """The gradient by all parameters, with one mistake in how it is computed."""
        loss = loss or self.loss
        assert loss is not None
        zs, signals = self.forward(theta, x)
        depth = len(self.layers)
        total = np.zeros_like(theta)
        error = self.factor * loss.slope(signals[-1], y)
        above = error
        for at in range(depth - 1, -1, -1):
            layer, f, z, a, below = self.layers[at], self.activations[at], zs[at], signals[at + 1], signals[at]
            does = mistake.what if at in mistake.layers else ""
            slope = self._slope(f, z, a, zs, signals, does)
            if f is SOFTMAX and slope is None:
                delta = a * (error - (error * a).sum(axis=1, keepdims=True))
                if does == "slope doubled":
                    delta = delta * a * (1.0 - a)
            else:
                delta = error * (f.slope(z) if slope is None else slope)
            self._collect(total, at, delta, error, above, zs, signals, does)
            if self.decay and does != "decay left out":
                twice = {"decay halved": 0.5, "decay doubled": 2.0}.get(does, 1.0)
                total[layer.weights] += twice * 2.0 * self.decay * theta[layer.weights]
            above = delta
            error = self._propagated(theta, at, delta, error, below, total, does)
        return total

    def _slope(
        self, f: Activation, z: Array, a: Array, zs: list[Array], signals: list[Array], does: str
    ) -> Array | None:
        """The slope of a layer's activation, or what stands in its place; None for the right one."""
        if does == "slope missing":
            return np.ones_like(z)
        if does == "slope doubled" and f is not SOFTMAX:
            return f.slope(z) ** 2
        if does == "slope at activation":
            return f.slope(a)
        if does.startswith("formula "):
            return FORMULAS[does.removeprefix("formula ")](z, a)
        if does.startswith("slope of "):
            other = next(g for g in ACTIVATIONS if g.name == does.removeprefix("slope of "))
            return other.slope(z)
        if does.startswith("slope at layer "):
            return f.slope(zs[int(does.split()[-1])])
        return None

    def _collect(
        self,
        total: Array,
        at: int,
        delta: Array,
        error: Array,
        above: Array,
        zs: list[Array],
        signals: list[Array],
        does: str,
    ) -> None:
        """Add a layer's share of the gradient."""
        layer, below = self.layers[at], signals[at]
        source, sent = below, delta
        if does == "input pre-activation":
            source = zs[at - 1]
        elif does.startswith("input layer "):
            source = signals[int(does.split()[-1])]
        elif does.startswith("input rolled "):
            source = np.roll(below, int(does.split()[-1]), axis=0)
        elif does == "input ones":
            source = np.ones_like(below)
        elif does == "weights without slope":
            sent = error
        weights = source.T @ sent
        if does in ("last sample", "last sample for weights"):
            weights = source[-1:].T @ sent[-1:]
        elif does in ("first sample", "first sample for weights"):
            weights = source[:1].T @ sent[:1]
        elif does == "weights averaged":
            weights = weights / len(source)
        elif does == "gradient transposed":
            weights = weights.T
        total[layer.weights] += weights
        if layer.biases is None:
            return
        np.add.at(total, layer.biases, self._bias(at, delta, error, above, zs, signals, does))

    def _bias(
        self, at: int, delta: Array, error: Array, above: Array, zs: list[Array], signals: list[Array], does: str
    ) -> Array:
        sums: dict[str, Callable[[], Array]] = {
            "bias left out": lambda: 0.0 * delta[0],
            "bias averaged": lambda: delta.mean(axis=0),
            "bias averaged over all": lambda: np.full(delta.shape[1], delta.mean()),
            "bias summed over all": lambda: np.full(delta.shape[1], delta.sum()),
            "bias of the last sample": lambda: delta[-1],
            "bias of the first sample": lambda: delta[0],
            "last sample": lambda: delta[-1],
            "first sample": lambda: delta[0],
            "bias without slope": lambda: error.sum(axis=0),
            "bias with slope twice": lambda: (delta * self.activations[at].slope(zs[at])).sum(axis=0),
            "bias of another layer": lambda: above.sum(axis=0),
            "bias along the other axis": lambda: delta.sum(axis=1),
            "bias averaged along the other axis": lambda: delta.mean(axis=1),
            "bias times activation": lambda: (delta * signals[at + 1]).sum(axis=0),
            "bias times input": lambda: (delta * signals[at][:, :1]).sum(axis=0),
            "bias of absolute values": lambda: np.abs(delta).sum(axis=0),
        }
        return sums[does]() if does in sums else delta.sum(axis=0)

    def _propagated(
        self, theta: Array, at: int, delta: Array, error: Array, below: Array, total: Array, does: str
    ) -> Array:
        """What reaches the layer before."""
        weights = theta[self.layers[at].weights]
        if does == "weights transposed":
            weights = weights.T
        elif does.startswith("weights of layer "):
            weights = theta[self.layers[int(does.split()[-1])].weights]
        elif does == "weights not used":
            weights = np.eye(*weights.shape)
        elif does == "weights updated":
            weights = weights - (self.rate or 0.0) * total[self.layers[at].weights]
        elif does == "weights absolute":
            weights = np.abs(weights)
        sent = error if does == "sent without slope" else delta
        if does == "weights summed":
            return sent.sum(axis=1, keepdims=True) * np.ones_like(below)
        return sent @ weights.T

    def mistakes(self, samples: int) -> Iterator[Mistake]:
        """Every single mistake that changes something in this net, simplest first."""
        depth = len(self.layers)
        every = [frozenset([i]) for i in range(depth)]
        for f in {g.name: g for g in self.activations}.values():
            same = frozenset(i for i, g in enumerate(self.activations) if g is f)
            if len(same) > 1:
                every.append(same)
        if depth > 1:
            every += [frozenset(range(depth)), frozenset(range(depth - 1)), frozenset(range(1, depth))]
        shapes = [layer.weights.shape for layer in self.layers]
        widths = [shape[0] for shape in shapes] + [shapes[-1][1]]
        for layers in dict.fromkeys(every):
            where = self._where(layers)
            for kind, what, words in self._possible(layers, samples, shapes, widths):
                yield Mistake(kind, what, layers, f"{words} {where}".rstrip())

    def _where(self, layers: frozenset[int]) -> str:
        depth = len(self.layers)
        names = [f"layer {i + 1}{' (output)' if i == depth - 1 else ''}" for i in sorted(layers)]
        if any(self.names):
            names = [
                f"{name} ({self.names[i]})" if i < depth else name
                for name, i in zip(names, sorted(layers), strict=True)
            ]
        return "in " + " and ".join(names)

    def _possible(
        self, layers: frozenset[int], samples: int, shapes: list[tuple[int, int]], widths: list[int]
    ) -> Iterator[tuple[str, str, str]]:
        """(kind, what, words) of the mistakes that these layers can share."""
        acts = [self.activations[i] for i in layers]
        curved = any(f is not IDENTITY for f in acts)
        names = " and ".join(dict.fromkeys(f.name for f in acts))
        depth = len(self.layers)
        if curved:
            yield "slope missing", "slope missing", f"the activation's slope ({names}') is missing"
            yield (
                "slope doubled",
                "slope doubled",
                f"the activation's slope ({names}') is doubled, multiplied in twice,",
            )
            told = f"the slope {names}' is taken at the activation (its output) instead of the pre-activation"
            yield "slope at activation", "slope at activation", told
            for what, text in FORMULA_WORDS.items():
                yield "slope formula", f"formula {what}", f"the activation's slope is computed as {text}"
            for g in ACTIVATIONS:
                if g not in acts and g is not SOFTMAX and g is not IDENTITY:
                    yield "slope formula", f"slope of {g.name}", f"the slope of {g.name} is used for {names}"
            for k in range(depth):
                if all(shapes[k][1] == shapes[i][1] and k != i for i in layers):
                    told = f"the slope is taken at the pre-activation of layer {k + 1}: a stale or mixed-up value"
                    yield "stale input", f"slope at layer {k}", told
            yield "slope missing", "weights without slope", "the weights' gradient lacks the activation's slope"
            if all(i > 0 for i in layers):
                told = "what is sent on to the layer before lacks the activation's slope: the slope is missing"
                yield "slope missing", "sent without slope", told
        if all(i > 0 for i in layers):
            if all(shapes[i][0] == shapes[i][1] and shapes[i][0] > 1 for i in layers):
                told = (
                    "the error is sent back through the transposed weight matrix (W where W.T belongs, or the reverse)"
                )
                yield "transposed weight", "weights transposed", told
            for k in range(depth):
                if all(shapes[k] == shapes[i] and k != i for i in layers):
                    told = f"the error is sent back through the weights of layer {k + 1}: the wrong weight matrix"
                    yield "wrong weight", f"weights of layer {k}", told
            if self.rate is not None:
                told = "the error is sent back through weights that this step has changed already: stale order"
                yield "wrong weight", "weights updated", told
            yield "wrong weight", "weights not used", "the error is sent back without the weights"
            yield "wrong weight", "weights absolute", "the error is sent back through the absolute weights"
            yield "wrong weight", "weights summed", "the error is sent back summed over the units, without the weights"
            yield (
                "stale input",
                "input pre-activation",
                "stale input: the weights' gradient uses the layer before's pre-activation, not its activation",
            )
        for k in range(depth + 1):
            if all(widths[k] == widths[i] and k != i for i in layers):
                which = "the network's input" if k == 0 else f"the activation of layer {k}"
                told = f"stale input: the weights' gradient multiplies by {which}, not by what the layer was given,"
                yield "stale input", f"input layer {k}", told
        if samples > 1:
            for by in (1, -1):
                told = "stale input: the weights' gradient multiplies by the input of another sample (shifted by one)"
                yield "stale input", f"input rolled {by}", told
        yield "stale input", "input ones", "the weights' gradient does not multiply by the layer's input"
        if all(shapes[i][0] == shapes[i][1] and shapes[i][0] > 1 for i in layers):
            yield "transposed gradient", "gradient transposed", "the weights' gradient is transposed"
        if all(self.layers[i].biases is not None for i in layers):
            yield "bias", "bias left out", "the bias is left out: its gradient is 0"
            yield "bias", "bias without slope", "the bias' gradient lacks the activation's slope"
            if curved and not any(f is SOFTMAX for f in acts):
                yield "bias", "bias with slope twice", "the bias' gradient has the activation's slope twice"
            yield "bias", "bias times input", "the bias' gradient is multiplied by the layer's first input"
            yield "bias", "bias times activation", "the bias' gradient is multiplied by an activation"
            if samples > 1:
                yield "bias", "bias averaged", "the bias is summed wrongly: averaged over the samples, not summed,"
                yield "bias", "bias of the last sample", "the bias is summed wrongly: only the last sample counts"
                yield "bias", "bias of the first sample", "the bias is summed wrongly: only the first sample counts"
            if all(shapes[i][1] > 1 for i in layers):
                yield (
                    "bias",
                    "bias summed over all",
                    "the bias is summed wrongly: over units too, not over samples alone,",
                )
                yield "bias", "bias averaged over all", "the bias is summed wrongly: averaged over samples and units"
            if all(shapes[i][1] == samples and samples > 1 for i in layers):
                told = "the bias is summed wrongly: along the wrong axis, over units instead of samples,"
                yield "bias", "bias along the other axis", told
                yield "bias", "bias averaged along the other axis", told
            if all(i + 1 < depth and shapes[i][1] == shapes[i + 1][1] for i in layers):
                yield "bias", "bias of another layer", "the bias' gradient is that of the next layer"
            yield "bias", "bias of absolute values", "the bias' gradient sums absolute values"
        if samples > 1:
            for which in ("last", "first"):
                told = f"only the {which} sample counts: the samples' gradients are assigned, not summed,"
                yield "accumulation", f"{which} sample", told
                yield "accumulation", f"{which} sample for weights", told + " for the weights"
            yield (
                "factor",
                "weights averaged",
                "the weights' gradient is divided by the number of samples once too often",
            )
        if self.decay:
            yield "regularisation", "decay left out", "the gradient of the weight decay is left out"
            yield "regularisation", "decay halved", "the gradient of the weight decay lacks its factor 2"
            yield "regularisation", "decay doubled", "the gradient of the weight decay is twice what it is"


FORMULAS: dict[str, Callable[[Array, Array], Array]] = {
    "z(1-z)": lambda z, a: z * (1.0 - z),
    "1-z²": lambda z, a: 1.0 - z * z,
    "a(1-a)": lambda z, a: a * (1.0 - a),
    "1-a²": lambda z, a: 1.0 - a * a,
    "1-a": lambda z, a: 1.0 - a,
    "a": lambda z, a: a,
    "z": lambda z, a: z,
    "a²": lambda z, a: a * a,
    "1+a²": lambda z, a: 1.0 + a * a,
    "a(1+a)": lambda z, a: a * (1.0 + a),
    "z<0": lambda z, a: (z < 0.0) * 1.0,
    "1-z": lambda z, a: 1.0 - z,
    "1-a(1-a)": lambda z, a: 1.0 - a * (1.0 - a),
    "(1-a²)²": lambda z, a: (1.0 - a * a) ** 2,
    "z>0": lambda z, a: (z > 0.0) * 1.0,
}
FORMULA_WORDS = {
    "z(1-z)": "z (1 - z), sigmoid's formula a (1 - a) applied to the pre-activation",
    "1-z²": "1 - z², tanh's formula 1 - a² applied to the pre-activation",
    "a(1-a)": "a (1 - a), which is sigmoid's",
    "1-a²": "1 - a², which is tanh's",
    "1-a": "1 - a: a factor or a square is missing",
    "a": "a, the activation itself",
    "z": "z, the pre-activation itself",
    "a²": "a²",
    "1+a²": "1 + a²: a sign is wrong",
    "a(1+a)": "a (1 + a): a sign is wrong",
    "z<0": "1 where z < 0: the comparison is the wrong way round",
    "1-z": "1 - z",
    "1-a(1-a)": "1 - a (1 - a)",
    "(1-a²)²": "(1 - a²)²",
    "z>0": "1 where z > 0, which is ReLU's: what the negative side sends is missing",
}


# ── Recognising a net ───────────────────────────────────────────────────────────────────────────────────────


class Samples(NamedTuple):
    """A way to read the data: inputs as samples × features, targets as samples × outputs."""

    x: Callable[[Any], Array]
    y: Callable[[Any, int], Array]


def _rows(x: Any) -> Array:
    x = np.asarray(x, float)
    return x.reshape(1, -1) if x.ndim < 2 else x


def _columns(x: Any) -> Array:
    x = np.asarray(x, float)
    return x.reshape(-1, 1) if x.ndim < 2 else x.T


def _targets(turn: bool) -> Callable[[Any, int], Array]:
    def read(y: Any, width: int) -> Array:
        y = np.asarray(y, float)
        if turn and y.ndim == 2:
            y = y.T
        if y.ndim == 2 and y.shape[1] == width:
            return y
        if y.size % width == 0 and y.ndim < 2 and (width == 1 or y.size == width):
            return y.reshape(-1, width)
        if width > 1 and y.size and (y == np.floor(y)).all() and y.min() >= 0 and y.max() < width:
            return np.eye(width)[y.astype(int).ravel()]  # class labels
        return y

    return read


READINGS = (Samples(_rows, _targets(False)), Samples(_columns, _targets(True)))


class Point(NamedTuple):
    """A place where the student's functions were asked: all parameters in a row, the data, and what came out."""

    theta: Array
    data: Sequence[Any]
    value: float | None  # of the loss
    output: Any  # the prediction, where there is one


def recognise(shapes: list[tuple[str, tuple[int, ...]]], points: Sequence[Point]) -> list[tuple[Net, Samples]]:
    """The dense nets that compute what was computed at the points, each with the way to read its data.

    Args:
        shapes: the parameters' names and shapes, in the order in which theta holds them.
        points: at least three.

    Returns:
        Nets that differ in the last layer alone, as a softmax with cross-entropy is one of logits too; empty where none
        fits. Their loss is None where only predictions are known.
    """
    for hidden, decays in ((ACTIVATIONS, False), (ACTIVATIONS, True), (None, False)):
        for reading in READINGS if points[0].data else ():
            xs = [reading.x(point.data[0]) for point in points]
            for layers in layouts(shapes, xs[0].shape[1]):
                for first in _hidden(len(layers) - 1, hidden):
                    found = _fitting(shapes, layers, first, reading, points, xs, decays)
                    if found:
                        return found
    return []


def _hidden(depth: int, choices: Sequence[Activation] | None) -> Iterator[tuple[Activation, ...]]:
    """Activations of the hidden layers: one for all, or, of the common ones, mixed."""
    if choices is not None:
        yield from ((f,) * depth for f in choices if f is not SOFTMAX) if depth else [()]
    elif 1 < depth < 4:
        yield from product(COMMON, repeat=depth)


def _fitting(
    shapes: list[tuple[str, tuple[int, ...]]],
    layers: list[Layer],
    first: tuple[Activation, ...],
    reading: Samples,
    points: Sequence[Point],
    xs: Sequence[Array],
    decays: bool,
) -> list[tuple[Net, Samples]]:
    """The nets of these layers and hidden activations that fit, whatever the last activation."""
    body = Net(layers, [*first, IDENTITY])
    with np.errstate(all="ignore"):
        zs = [body.forward(point.theta, x)[1][-1] for point, x in zip(points, xs, strict=True)]
    ys = [
        reading.y(p.data[1], z.shape[1]) if len(p.data) > 1 else np.zeros_like(z)
        for p, z in zip(points, zs, strict=True)
    ]
    found = []
    for last in ACTIVATIONS:
        with np.errstate(all="ignore"):
            outputs = [last.function(z) for z in zs]
        net = Net(layers, [*first, last])
        if all(_predicts(out, point) for out, point in zip(outputs, points, strict=True)) and (
            points[0].value is None or _with_loss(net, points, outputs, ys, decays)
        ):
            net.names = [_names(shapes, layer) for layer in layers]
            found.append((net, reading))
    return found


def _predicts(out: Array, point: Point) -> bool:
    """Whether an output is the prediction, where that is known."""
    if point.output is None:
        return True
    seen = np.asarray(point.output, float).ravel()
    return any(o.size == seen.size and np.allclose(o.ravel(), seen, 1e-9, 1e-12) for o in (out, out.T))


def _names(shapes: list[tuple[str, tuple[int, ...]]], layer: Layer) -> str:
    ends = np.cumsum([math.prod(shape) for _, shape in shapes])
    found = dict.fromkeys(shapes[int(np.searchsorted(ends, i, side="right"))][0] for i in layer.weights.ravel())
    return ", ".join(found) if len(found) < 4 and all(found) else ""


def _with_loss(net: Net, points: Sequence[Point], outputs: list[Array], targets: list[Array], decays: bool) -> bool:
    """Find the loss: a multiple of one that is known and, on request, a multiple of the sum of squared weights."""
    if targets[0].shape != outputs[0].shape:
        return False
    values = np.array([point.value for point in points])
    squares = [sum((p.theta[layer.weights] ** 2).sum() for layer in net.layers) for p in points] if decays else []
    for loss in LOSSES:
        with np.errstate(all="ignore"):
            column = np.array([float(loss.value(o, t)) for o, t in zip(outputs, targets, strict=True)])
        if not np.isfinite(column).all() or not column.any():
            continue
        table = np.stack([column, squares], axis=1) if decays else column[:, None]
        if len(points) < table.shape[1] + 2:
            continue
        alone = np.array([column @ values / (column @ column)])
        factors = np.linalg.lstsq(table, values, rcond=None)[0] if decays else alone
        if np.abs(table @ factors - values).max() <= 1e-6 * np.abs(values).max() and factors[0] > 0.0:
            net.loss, net.factor = loss, float(factors[0])
            net.decay = float(factors[1]) if decays else 0.0
            return True
    return False


def layouts(shapes: list[tuple[str, tuple[int, ...]]], features: int) -> Iterator[list[Layer]]:
    """The ways in which parameters of these shapes make the layers of a net with so many inputs."""
    starts = np.cumsum([0] + [math.prod(shape) for _, shape in shapes])
    places = [np.arange(a, b).reshape(shape) for a, b, (_, shape) in zip(starts, starts[1:], shapes, strict=False)]
    if all(math.prod(shape) == 1 for _, shape in shapes) and len(shapes) > 2:
        yield from _of_scalars([name for name, _ in shapes], features)
    elif len(shapes) == 1 and len(shapes[0][1]) == 1 and starts[-1] != features:
        yield from _of_one_row(int(starts[-1]), features)
    weights_first = [i for i, (name, shape) in enumerate(shapes) if not _is_bias(name, shape)]
    for weights in dict.fromkeys([tuple(weights_first), *_by_shape(shapes)]):
        biases = [i for i in range(len(shapes)) if i not in weights]
        for turned in product((False, True), repeat=len(weights)):
            found = _chained(places, list(weights), biases, turned, features)
            if found is not None:
                yield found


def _is_bias(name: str, shape: tuple[int, ...]) -> bool:
    last = name.split(".")[-1].lower()
    return last.startswith("b") or "bias" in last or (last.startswith("[") and (len(shape) < 2 or shape[0] == 1))


def _by_shape(shapes: list[tuple[str, tuple[int, ...]]]) -> Iterator[tuple[int, ...]]:
    """Which of them are weights, where names do not tell."""
    yield tuple(i for i, (_, shape) in enumerate(shapes) if len(shape) == 2 and min(shape) > 1)
    yield tuple(i for i, (_, shape) in enumerate(shapes) if len(shape) == 2)
    yield tuple(range(0, len(shapes), 2))
    yield tuple(range(len(shapes)))
    yield tuple(range(len(shapes) // 2))


def _chained(
    places: list[Array], weights: list[int], biases: list[int], turned: tuple[bool, ...], features: int
) -> list[Layer] | None:
    layers: list[Layer] = []
    width, left = features, list(biases)
    for i, turn in zip(weights, turned, strict=True):
        w = places[i]
        if w.ndim == 0:
            w = w.reshape(1, 1)
        elif w.ndim == 1:
            w = w.reshape(-1, 1) if w.size == width else w.reshape(1, -1)
        if turn:
            if places[i].ndim < 2:
                return None
            w = w.T
        if w.ndim != 2 or w.shape[0] != width:
            return None
        width = w.shape[1]
        b = None
        if left and len(left) + len(layers) >= len(biases) and places[left[0]].size in (width, 1):
            b = np.broadcast_to(places[left.pop(0)].ravel(), (width,))
        layers.append(Layer(w, b))
    return layers if layers and not left else None


def _of_scalars(names: list[str], features: int) -> Iterator[list[Layer]]:
    """Layers of weights and biases that have a name each, in the order in which they are named."""
    biases = [
        i for i, name in enumerate(names) if name.split(".")[-1].lower().startswith("b") or "bias" in name.lower()
    ]
    weights = [i for i in range(len(names)) if i not in biases]
    for sizes in _sizes(len(weights), len(biases), features):
        for turned in product((True, False), repeat=len(sizes) - 1):
            yield _cut(np.array(weights), np.array(biases), sizes, turned)


def _of_one_row(count: int, features: int) -> Iterator[list[Layer]]:
    """Layers unrolled into one vector: weights and biases of each layer in turn, or all weights first."""
    for hidden in range(1, count):
        for outputs in range(1, count):
            for sizes in ((features, hidden, outputs), (features, outputs)):
                pairs = list(pairwise(sizes))
                if sum(m * n + n for m, n in pairs) == count and (len(sizes) == 3 or hidden == 1):
                    every = np.arange(count)
                    for turned in product((False, True), repeat=len(pairs)):
                        ws, bs, at = [], [], 0
                        for m, n in pairs:
                            ws.append(every[at : at + m * n])
                            bs.append(every[at + m * n : at + m * n + n])
                            at += m * n + n
                        yield _cut(np.concatenate(ws), np.concatenate(bs), sizes, turned)


def _sizes(weights: int, biases: int, features: int) -> Iterator[tuple[int, ...]]:
    """The widths of nets of one to three layers with so many weights and biases."""
    for depth in (1, 2, 3):
        for inner in product(range(1, 7), repeat=depth):
            sizes = (features, *inner)
            if sum(m * n for m, n in pairwise(sizes)) == weights and biases in (
                0,
                sum(inner),
                depth,
            ):
                yield sizes


def _cut(weights: Array, biases: Array, sizes: tuple[int, ...], turned: tuple[bool, ...]) -> list[Layer]:
    layers: list[Layer] = []
    at = bias_at = 0
    shared = len(biases) == len(sizes) - 1 and len(biases) != sum(sizes[1:])
    for m, n, turn in zip(sizes, sizes[1:], turned, strict=False):
        part = weights[at : at + m * n]
        at += m * n
        b = None
        if len(biases):
            b = np.broadcast_to(biases[bias_at], (n,)) if shared else biases[bias_at : bias_at + n]
            bias_at += 1 if shared else n
        layers.append(Layer(part.reshape(n, m).T if turn else part.reshape(m, n), b))
    return layers
