"""XOR, by a 2-4-1 net of sigmoids and the mean squared error.

The third article trains it for 1000 epochs at a learning rate of 0.1, prints every hundredth error, and says that the
step makes the error smaller. Its program stops at its first step, since its sigmoid takes no ``derivative``. With that
repaired it runs, and climbs: its deltas begin with y - a, where the slope of (a - y)² begins with a - y. With the true
gradient 1000 epochs are too few, some thousands solve it. What the article says of random starts and of activation
functions is tried too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

import autograd as ag
import nn
from autograd import Value
from autograd.testing import audit

from . import plots

POINTS, TARGETS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [[0.0], [1.0], [1.0], [0.0]]
RATE, EPOCHS, SOLVED = 0.1, 1000, 0.01  # the article's learning rate and epochs; an error at which XOR is solved
SEED = 25


class Net(nn.Module):
    """2 inputs, 4 hidden units, 1 output; weights and biases normally distributed, as the article draws them."""

    def __init__(self, seed: int, activation: Any = ag.sigmoid) -> None:
        self.hidden, self.output = nn.Linear(2, 4), nn.Linear(4, 1)
        self.activation = activation
        nn.init.normal_(self.parameters(), seed=seed)

    def forward(self, point: Sequence[float]) -> list[Value]:
        """The answer, in a list of one."""
        hidden = [self.activation(z) for z in self.hidden(point)]
        return [self.activation(z) for z in self.output(hidden)]


def loss_of(net: nn.Module) -> Value:
    """The mean squared error over the four points."""
    loss: Value = nn.mse_loss([net(point) for point in POINTS], TARGETS)
    return loss


def build() -> Value:
    """The loss that the lesson begins with."""
    return loss_of(Net(SEED))


def train(net: nn.Module, rate: float, epochs: int | None = None) -> list[float]:
    """Descend for so many epochs, or else until XOR is solved; the loss before each."""
    optimizer = nn.SGD(net.parameters(), lr=rate)
    losses = []
    for _ in count() if epochs is None else range(epochs):
        loss = loss_of(net)
        losses.append(loss.data)
        if epochs is None and loss.data < SOLVED:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def answer(net: nn.Module, point: list[float]) -> float:
    """What the net says to a point."""
    with ag.no_grad():
        return net(point)[0].data  # type: ignore[no-any-return]


def answers(net: nn.Module) -> list[float]:
    """What it says to the four."""
    return [answer(net, point) for point in POINTS]


# ── The article's program, its sigmoid repaired ─────────────────────────────────────────────────────────────


def sigmoid(x: Any, derivative: bool = False) -> Any:
    """The function at x; or, of what it gave, its slope there."""
    return x * (1 - x) if derivative else 1 / (1 + np.exp(-x))


def forward(x: Any, weights: dict[str, Any], biases: dict[str, Any]) -> Any:
    """The prediction."""
    return sigmoid(sigmoid(x @ weights["h1"] + biases["h1"]) @ weights["h2"] + biases["h2"])


def step(x: Any, y: Any, weights: dict[str, Any], biases: dict[str, Any], learning_rate: float) -> Any:
    """One step as the article takes it; the mean squared error before. Of many nets at once, where there are many."""
    layer_1 = sigmoid(x @ weights["h1"] + biases["h1"])
    layer_2 = sigmoid(layer_1 @ weights["h2"] + biases["h2"])
    error = y - layer_2
    delta_2 = error * sigmoid(layer_2, derivative=True)
    delta_1 = delta_2 @ weights["h2"].swapaxes(-1, -2) * sigmoid(layer_1, derivative=True)
    weights["h2"] = weights["h2"] - learning_rate * layer_1.swapaxes(-1, -2) @ delta_2
    biases["h2"] = biases["h2"] - learning_rate * delta_2.sum(axis=-2, keepdims=True)
    weights["h1"] = weights["h1"] - learning_rate * x.swapaxes(-1, -2) @ delta_1
    biases["h1"] = biases["h1"] - learning_rate * delta_1.sum(axis=-2, keepdims=True)
    return np.mean(np.square(error), axis=(-1, -2))


def mean_squared_error(y_pred: Any, y: Any) -> Any:
    """The article's loss."""
    return np.mean(np.square(y_pred - y))


def as_arrays(net: Net) -> tuple[dict[str, Any], dict[str, Any]]:
    """The net's numbers as the article's weights and biases: a column a unit, where `nn.Linear` has a row."""
    layers = {"h1": net.hidden, "h2": net.output}
    weights = {name: ag.data(layer.weight).T for name, layer in layers.items()}
    return weights, {name: ag.data(layer.bias)[None, :] for name, layer in layers.items()}


def starts(n: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The numbers of n nets."""
    nets = [as_arrays(Net(seed)) for seed in range(n)]
    weights, biases = ({name: np.stack([net[i][name] for net in nets]) for name in ("h1", "h2")} for i in (0, 1))
    return weights, biases


def told(losses: Sequence[float]) -> None:
    """Every hundredth loss of the article's epochs, as it prints them."""
    for epoch in range(0, EPOCHS, 100):
        print(f"Epoch {epoch}: MSE = {losses[epoch]:.4f}")


def listed(numbers: Sequence[float]) -> str:
    """The four answers."""
    return ", ".join(f"{a:.2f}" for a in numbers)


def run(folder: Path, quick: bool) -> None:
    """Climb as the article does, descend, go on until it is solved; then try what it says of starts and activations."""
    x, y = np.array(POINTS), np.array(TARGETS)

    print(f"The article's program, its sigmoid repaired, at its learning rate {RATE}:")
    weights, biases = as_arrays(Net(SEED))
    climbing = [float(step(x, y, weights, biases, RATE)) for _ in range(EPOCHS)]
    told(climbing)
    print(f"It predicts {listed(forward(x, weights, biases)[:, 0])} where {listed([t for (t,) in TARGETS])} is right.")

    print("\nThe auditor on its step:")
    weights, biases = as_arrays(Net(SEED))
    parameters = {"weights": weights, "biases": biases}
    found = audit(forward, step, parameters, x, y, loss=mean_squared_error, learning_rate=RATE)
    print(fill(found.verdict, 110))

    print("\nThe same start, with the gradient:")
    net, early = Net(SEED), Net(SEED)
    descending = train(net, RATE, EPOCHS)
    told(descending)
    early.load_state_dict(net.state_dict())
    print(f"It predicts {listed(answers(net))}: {EPOCHS} epochs bring the error down, and don't solve it.")
    rate = 10 * RATE if quick else RATE
    later = f", the later ones at a learning rate of {rate}" if quick else ""
    descending += train(net, rate)
    print(f"Solved (MSE < {SOLVED}) after {len(descending) - 1} epochs{later}: it predicts {listed(answers(net))}.")

    n = 40 if quick else 100
    weights, biases = starts(n)
    factor = found.faults[0].factor  # divided by it, the article's step is the gradient's
    epochs = np.zeros(n, int)
    for _ in range(EPOCHS):
        epochs += step(x, y, weights, biases, RATE / factor) >= SOLVED
    right = ((forward(x, weights, biases) > 0.5) == (y > 0.5)).all(axis=(-1, -2)).sum()
    while (unsolved := step(x, y, weights, biases, rate / factor) >= SOLVED).any():
        epochs += unsolved
    print(f"Of {n} random starts, {right} have all answers on their side of ½ after {EPOCHS} epochs at {RATE};")
    print(f"all are solved in the end, after {epochs.min()} to {epochs.max()} epochs{later}.")

    print("\nWhy random weights? Not against local minima, as the article says: equal units would stay equal.")
    equal = Net(SEED)
    nn.init.uniform_(equal.parameters(), 0.5, 0.5)
    losses = train(equal, rate, EPOCHS)
    units = {(*(w.data for w in row), b.data) for row, b in zip(equal.hidden.weight, equal.hidden.bias, strict=True)}
    print(f"From equal weights {EPOCHS} epochs leave {len(units)} distinct hidden unit, MSE {losses[-1]:.4f};")
    print("a net of one hidden unit can't get below 1/6.")
    print("Why an activation function? Layers without one are a plane, and no plane is XOR:")
    plane = Net(SEED, activation=lambda z: z)
    losses = train(plane, RATE, EPOCHS)
    print(f"without sigmoids the net predicts {listed(answers(plane))} after {EPOCHS} epochs, MSE {losses[-1]:.4f}.")

    plots.curves(
        {"the article's step": climbing, "gradient descent": descending},
        "XOR: the article's step climbs, gradient descent solves it",
        folder / "curve.png",
        y="mean squared error",
        log=False,
    )
    nets = {"at the start": Net(SEED), f"after {EPOCHS} epochs": early, "solved": net}
    plots.regions(
        {name: lambda a, b, net=net: answer(net, [a, b]) for name, net in nets.items()},
        POINTS,
        [round(t) for (t,) in TARGETS],
        "XOR: where the net says 1",
        folder / "regions.png",
    )
    with ag.trace():
        loss = build()
    loss.backward()
    plots.graph(loss, "XOR: the mean squared error of a 2-4-1 net over four points", folder / "graph.svg")
