"""The equations of backpropagation, layer by layer, for any net, held against the engine.

The fourth article says what backpropagation computes: for each unit a delta, the gradient of its weighted sum z, found
from the last layer to the first; a weight's gradient is the delta above it times the output below it. The first
equation is right, and so is the last. The one between, which takes a layer's deltas to the layer before, has lost a
factor in every form that it is printed in, here and in the first article: either the weights or the slope is missing.
The third article's has both, and no sum over the units above. The auditor names what is missing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np

import autograd as ag
import nn
from autograd import Value
from autograd.testing import audit

from . import plots

ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[float], float]]] = {  # and their slopes, from the textbook
    "sigmoid": (ag.sigmoid, lambda z: ag.sigmoid(z) * (1.0 - ag.sigmoid(z))),
    "tanh": (ag.tanh, lambda z: 1.0 - ag.tanh(z) ** 2),
    "relu": (ag.relu, lambda z: 1.0 if z > 0.0 else 0.0),
}
SIZES = [2, 4, 3, 1]  # of the net that is shown: inputs, units of each layer
SAMPLE, TARGET = [0.5, -1.0], [1.0]


class Pass(NamedTuple):
    """A forward pass through the engine: for each layer its weighted sums and its outputs, and the loss."""

    sums: list[list[Value]]
    outputs: list[list[Value]]
    loss: Value


class Net(nn.Module):
    """Dense layers of these sizes, an activation after each."""

    def __init__(self, sizes: Sequence[int], activation: str, seed: int) -> None:
        self.layers = [nn.Linear(n, m, seed=seed + i) for i, (n, m) in enumerate(pairwise(sizes))]
        self.activation, self.slope = ACTIVATIONS[activation]

    def forward(self, sample: list[float], target: list[float]) -> Pass:
        """z = W a + b and a = σ(z), layer after layer, and ½ Σ (a - y)² of the last."""
        sums: list[list[Value]] = []
        outputs: list[Any] = [sample]
        for layer in self.layers:
            sums.append(layer(outputs[-1]))
            outputs.append([self.activation(z) for z in sums[-1]])
        loss = 0.5 * ag.sum([(a - y) ** 2 for a, y in zip(outputs[-1], target, strict=True)])
        return Pass(sums, outputs[1:], loss)


def build() -> Value:
    """The loss of the net that is shown, its weighted sums labelled."""
    passed = Net(SIZES, "sigmoid", seed=0)(SAMPLE, TARGET)
    for i, layer in enumerate(passed.sums, 1):
        for j, z in enumerate(layer, 1):
            z.label = f"z{i},{j}"
    return passed.loss  # type: ignore[no-any-return]


def deltas(net: Net, passed: Pass, target: Sequence[float]) -> list[list[float]]:
    """δ of every unit, by the two equations, from the numbers of a forward pass alone.

    In the last layer δⱼ = ∂L/∂aⱼ · σ'(zⱼ). Before it δⱼ = σ'(zⱼ) · Σₖ wₖⱼ δₖ, over the units k of the layer above.
    """
    sums = [[z.data for z in layer] for layer in passed.sums]
    slopes = [[net.slope(z) for z in layer] for layer in sums]
    found = [[(a.data - y) * slope for a, y, slope in zip(passed.outputs[-1], target, slopes[-1], strict=True)]]
    for layer, above in reversed(list(zip(slopes[:-1], net.layers[1:], strict=True))):
        columns = zip(*ag.data(above.weight).tolist(), strict=True)  # wₖⱼ of a unit j
        sent = [sum(w * delta for w, delta in zip(column, found[0], strict=True)) for column in columns]
        found.insert(0, [slope * total for slope, total in zip(layer, sent, strict=True)])
    return found


def difference(net: Net, sample: list[float], target: list[float]) -> float:
    """The largest difference between the equations' gradients and the engine's, relative to the largest gradient."""
    passed = net(sample, target)
    passed.loss.backward()
    below = [sample, *([a.data for a in layer] for layer in passed.outputs)]
    pairs = []
    for layer, zs, inputs, found in zip(net.layers, passed.sums, below, deltas(net, passed, target), strict=False):
        for z, row, bias, delta in zip(zs, layer.weight, layer.bias, found, strict=True):
            pairs += [(z.grad, delta), (bias.grad, delta)]
            pairs += [(w.grad, delta * a) for w, a in zip(row, inputs, strict=True)]  # ∂L/∂wⱼᵢ = δⱼ aᵢ
    return max(abs(a - b) for a, b in pairs) / max(max(abs(a) for a, _ in pairs), 1e-300)


# ── The equations that take δ to the layer before, in numpy: as it is right, and as the articles print it ───

Layers = Sequence[Any]
SENT: dict[str, Callable[[Any, Any, Any], Any]] = {  # from δ, w of the layer above and the slopes σ'(z) of this one
    "right:                             δ ← σ'(z) · Σₖ wₖ δₖ": lambda delta, w, slope: slope * (delta @ w.T),
    "articles 1 and 4 (3.2, first 4.2): δ ← σ'(z) · δ": lambda delta, w, slope: slope * delta,
    "article 4 (second of 4.2):         δ ← w δ": lambda delta, w, slope: delta @ w.T,
    "article 3, without a sum:          δ ← σ'(z) · wₖ δₖ": lambda delta, w, slope: slope * (delta * np.diag(w)),
}


def outputs_of(weights: Layers, x: Any) -> list[Any]:
    """The outputs of each layer of sigmoids, the inputs first."""
    outputs = [x]
    for w in weights:
        outputs.append(1 / (1 + np.exp(-(outputs[-1] @ w))))
    return outputs


def loss_of(weights: Layers, x: Any, y: Any) -> Any:
    """½ Σ (a - y)²."""
    return 0.5 * np.sum((outputs_of(weights, x)[-1] - y) ** 2)


def backward(weights: Layers, x: Any, y: Any, sent: Callable[[Any, Any, Any], Any]) -> list[Any]:
    """The gradients of the weights by a backward pass that sends deltas in this way."""
    outputs = outputs_of(weights, x)
    slopes = [a * (1 - a) for a in outputs]
    delta = (outputs[-1] - y) * slopes[-1]
    gradients = [outputs[-2].T @ delta]
    for i in reversed(range(1, len(weights))):
        delta = sent(delta, weights[i], slopes[i])
        gradients.insert(0, outputs[i - 1].T @ delta)
    return gradients


def run(folder: Path, quick: bool) -> None:
    """The deltas of one net beside the engine's; many nets; the articles' equations under the auditor."""
    net = Net(SIZES, "sigmoid", seed=0)
    passed = net(SAMPLE, TARGET)
    passed.loss.backward()
    found = deltas(net, passed, TARGET)
    print(f"A net {'-'.join(map(str, SIZES))} of sigmoids, from the last layer to the first:")
    print("layer unit    δ by the equations    ∂L/∂z by the engine")
    for i in reversed(range(len(found))):
        for j, (delta, z) in enumerate(zip(found[i], passed.sums[i], strict=True), 1):
            print(f"{i + 1:5} {j:4} {delta:21.15f} {z.grad:22.15f}")

    n = 60 if quick else 600
    source, worst = random.Random(0), dict.fromkeys(ACTIVATIONS, 0.0)
    for k in range(n):
        sizes = [source.randint(1, 8) for _ in range(source.randint(2, 7))]
        name = source.choice(list(ACTIVATIONS))
        sample, target = ([source.gauss(0.0, 1.0) for _ in range(size)] for size in (sizes[0], sizes[-1]))
        worst[name] = max(worst[name], difference(Net(sizes, name, seed=k), sample, target))
    print(f"\n{n} random nets of 1 to 6 layers, 1 to 8 units each. The largest difference from the engine's,")
    print("relative to the net's largest gradient: " + ", ".join(f"{name} {x:.1e}" for name, x in worst.items()))

    numbers = np.random.default_rng(0)
    weights = [numbers.normal(size=(3, 3)) for _ in range(3)]
    x, y = numbers.normal(size=(5, 3)), numbers.normal(size=(5, 3))
    print("\nHow a layer's deltas come from those of the layer above, and what the auditor says (a net 3-3-3-3):")
    claims = {}
    for words, sent in SENT.items():
        found = audit(loss_of, lambda weights, x, y, sent=sent: backward(weights, x, y, sent), weights, x, y)
        print(f"{words}\n{fill(found.verdict, 110, initial_indent='  ', subsequent_indent='  ')}")
        claims[words.partition("δ ←")[2].strip()] = [g.ravel() for g in backward(weights, x, y, sent)]

    leaves = [ag.array(w) for w in weights]
    loss_of(leaves, x, y).backward()  # numpy asks the entries for their arithmetic: the same lines take Values
    plots.against(
        {f"layer {i}": ag.grads(w).ravel() for i, w in enumerate(leaves, 1)},
        claims,
        folder / "gradients.png",
        "Each weight's gradient, by each way to take δ to the layer before",
        x="the engine's gradient",
        y="by the equation",
        alike=False,
    )
    with ag.trace():
        loss = build()
    loss.backward()
    plots.graph(loss, "a net 2-4-3-1 of sigmoids; the gradient of a weighted sum z is its δ", folder / "graph.svg")
