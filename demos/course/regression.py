"""A 2-4-1 net of ReLUs learns y = x₁ - x₂ from 1000 samples.

The fifth article writes it for two versions of TensorFlow at once, so that it runs in neither: it uses names that
nothing defines, and never takes the steps that it asks for. Here is what it meant to do: 1000 epochs of gradient
descent on all samples, at a learning rate of 0.01. What it says on the way is checked: that the gradient is the sum of
the samples' gradients, where its loss is their mean; that weights are updated before the backward pass; that ReLUs keep
gradients from being zero.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

import autograd as ag
import nn
from autograd import Value
from autograd.testing import audit

from ..pictures import progress_bar
from . import plots

SAMPLES, RATE, EPOCHS = 1000, 0.01, 1000
TEST = [0.1, 0.9]  # what the article asks the trained net
SEED = 4


class Net(nn.Module):
    """2 inputs, 4 ReLUs, 1 output; weights normally distributed, biases 0, as the article has them."""

    def __init__(self, seed: int) -> None:
        self.hidden, self.output = nn.Linear(2, 4, seed=seed), nn.Linear(4, 1, seed=seed)
        nn.init.normal_([self.hidden.weight, self.output.weight], seed=seed)
        nn.init.uniform_([self.hidden.bias, self.output.bias], 0.0, 0.0)

    def forward(self, x: Sequence[float]) -> Value:
        """The answer."""
        return self.output([z.relu() for z in self.hidden(x)])[0]  # type: ignore[no-any-return]


def samples(n: int, seed: int = 0) -> tuple[list[list[float]], list[float]]:
    """n points of the unit square, and the difference of the coordinates of each."""
    source = random.Random(seed)
    xs = [[source.random(), source.random()] for _ in range(n)]
    return xs, [a - b for a, b in xs]


def loss_of(net: Net, xs: Sequence[Sequence[float]], ys: Sequence[float]) -> Value:
    """The mean squared error."""
    loss: Value = nn.mse_loss([net(x) for x in xs], ys)
    return loss


def build() -> Value:
    """The loss on three samples."""
    return loss_of(Net(SEED), *samples(3))


def train(net: Net, xs: Sequence[Sequence[float]], ys: Sequence[float], rate: float, epochs: int) -> list[float]:
    """Descend on all samples at once; the loss before each epoch."""
    optimizer = nn.SGD(net.parameters(), lr=rate)
    losses = []
    for _ in progress_bar(epochs):
        loss = loss_of(net, xs, ys)
        losses.append(loss.data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def begun(seed: int, xs: Sequence[Sequence[float]], ys: Sequence[float]) -> Net:
    """A net after its first backward pass."""
    net = Net(seed)
    loss_of(net, xs, ys).backward()
    return net


def answer(net: Net, x: Sequence[float]) -> float:
    """What the net says to x."""
    with ag.no_grad():
        return net(x).data


# ── The same in numpy, its gradient as the article's formula has it: Σ over the samples ─────────────────────


def mean_loss(w1: Any, w2: Any, b1: Any, b2: Any, X: Any, y: Any) -> Any:
    """The mean squared error."""
    return np.mean((np.maximum(0, X @ w1 + b1) @ w2 + b2 - y) ** 2)


def summed_gradient(w1: Any, w2: Any, b1: Any, b2: Any, X: Any, y: Any) -> tuple[Any, ...]:
    """Σ of the gradients of the samples' losses (a - y)²."""
    hidden = np.maximum(0, X @ w1 + b1)
    delta_2 = 2 * (hidden @ w2 + b2 - y)
    delta_1 = delta_2 @ w2.T * (hidden > 0)
    return X.T @ delta_1, hidden.T @ delta_2, delta_1.sum(axis=0), delta_2.sum(axis=0)


def as_arrays(net: Net) -> dict[str, Any]:
    """The net's numbers: a column a unit, where `nn.Linear` has a row."""
    return {
        "w1": ag.data(net.hidden.weight).T,
        "w2": ag.data(net.output.weight).T,
        "b1": ag.data(net.hidden.bias),
        "b2": ag.data(net.output.bias),
    }


def run(folder: Path, quick: bool) -> None:
    """Train as the article meant to, then further; check what it says on the way."""
    n, epochs = (20, 300) if quick else (SAMPLES, EPOCHS)
    xs, ys = samples(n)
    net = Net(SEED)
    said = {"at the start": [[answer(net, x) for x in xs]]}
    told = {}
    for rate in (RATE, 10 * RATE):
        print(f"{n} samples, {epochs} epochs at a learning rate of {rate}:")
        told[f"learning rate {rate}"] = losses = train(net, xs, ys, rate, epochs)
        for epoch in range(0, epochs, 100):
            print(f"Epoch {epoch}, Loss: {losses[epoch]:.6f}")
        said[f"after {epochs} epochs at {rate}"] = [[answer(net, x) for x in xs]]
        print(f"Predicted output for {TEST}: {answer(net, TEST):.4f}, where {TEST[0] - TEST[1]:.4f} is right.\n")

    exact = Net(SEED)
    exact.load_state_dict({
        "hidden.weight": [[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], "hidden.bias": [0.0] * 4,
        "output.weight": [[1.0, -1.0, 0.0, 0.0]], "output.bias": [0.0],
    })  # fmt: skip
    print(f"Two ReLUs are enough: relu(x₁ - x₂) - relu(x₂ - x₁) has a loss of {loss_of(exact, xs, ys).data}.")

    print("\n∇L = Σ ∇L of a sample, says the article, of a loss that is the samples' mean. The auditor:")
    found = audit(mean_loss, summed_gradient, as_arrays(Net(SEED)), np.array(xs), np.array(ys)[:, None])
    print(fill(found.verdict, 110))

    print("\nIt lists the steps as forward, gradient, update of the weights, backward pass. The engine, in that order:")
    loss = loss_of(net, xs, ys)
    for p in net.parameters():
        p.data -= RATE * p.grad
    try:
        loss.backward()
    except ag.StaleGraphError as error:
        print(fill(f"StaleGraphError: {error}", 110))

    starts = 100 if quick else 200
    units = [row for seed in range(starts) for row in begun(seed, xs, ys).hidden.weight]
    negative = sum(w1.data < 0.0 and w2.data < 0.0 for w1, w2 in units)
    dead = sum(w1.grad == w2.grad == 0.0 for w1, w2 in units)
    print(
        "\nReLUs keep gradients from being 0, it says. But a unit with two negative weights is dead on inputs above 0:"
    )
    print(f"of {len(units)} hidden units in {starts} nets {negative} begin so, and {dead} have a gradient of 0 here.")

    plots.curves(told, "A 2-4-1 net of ReLUs learns x₁ - x₂", folder / "curve.png", y="mean squared error")
    plots.against({"a sample": ys}, said, folder / "answers.png", "A 2-4-1 net of ReLUs learns x₁ - x₂",
                  x="x₁ - x₂", y="the net's answer")  # fmt: skip
    with ag.trace():
        loss = build()
    loss.backward()
    plots.graph(loss, "a 2-4-1 net of ReLUs: the loss on three samples", folder / "graph.svg")
