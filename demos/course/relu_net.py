"""A 3-4-2 net of ReLUs and the mean squared error: one point, then two clusters.

The first article trains it on one point, [1, 0, 1] → [1, 0], for 1000 epochs at a learning rate of 0.1, prints an error
that shrinks by little more than a half in each hundred, and says that the net always gets there. Its program does not
run: ``backward`` uses names that it never had, ``update_weights`` assigns to names of the module. With that repaired it
climbs, for its error is y - a. And descending is not what the article prints: the net has the point within some epochs,
or never, where ReLUs die. To tell two classes apart, as the article says it does, takes more points than one. And the
paper that it means is Rumelhart, Hinton and Williams, Learning representations by back-propagating errors (1986).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

import autograd as ag
import nn
from autograd import Value
from autograd.testing import audit

from . import plots

POINT, TARGET = [1.0, 0.0, 1.0], [1.0, 0.0]
RATE, EPOCHS = 0.1, 1000
PRINTED = (0.6667, 0.3, 0.2098, 0.1191, 0.0664, 0.037, 0.0208, 0.0116, 0.0066, 0.0036)  # in the article, by hundreds
SEED, CLUSTERS_SEED = 48, 8


class Net(nn.Module):
    """3 inputs, 4 hidden units, 2 outputs; weights and biases normally distributed, as the article draws them."""

    def __init__(self, seed: int) -> None:
        self.hidden, self.output = nn.Linear(3, 4), nn.Linear(4, 2)
        nn.init.normal_(self.parameters(), seed=seed)

    def forward(self, point: Sequence[float]) -> list[Value]:
        """Two answers."""
        return [z.relu() for z in self.output([z.relu() for z in self.hidden(point)])]


def loss_of(net: nn.Module, points: Sequence[Sequence[float]], targets: Sequence[Sequence[float]]) -> Value:
    """The mean squared error over points and answers."""
    loss: Value = nn.mse_loss([net(point) for point in points], targets)
    return loss


def build() -> Value:
    """The loss that the lesson begins with."""
    return loss_of(Net(SEED), [POINT], [TARGET])


def train(net: nn.Module, points: Any, targets: Any, epochs: int) -> list[float]:
    """Descend; the loss before each epoch."""
    optimizer = nn.SGD(net.parameters(), lr=RATE)
    losses = []
    for _ in range(epochs):
        loss = loss_of(net, points, targets)
        losses.append(loss.data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# ── The article's program, repaired so that it runs; a leading axis may hold many nets ──────────────────────


def relu(x: Any) -> Any:
    """max(0, x)."""
    return np.maximum(0, x)


def forward(x: Any, w1: Any, w2: Any, b1: Any, b2: Any) -> tuple[Any, Any]:
    """The hidden units and the answers."""
    a2 = relu(x @ w1 + b1)
    return a2, relu(a2 @ w2 + b2)


def compute_error(y: Any, a3: Any) -> Any:
    """The mean squared error."""
    return np.mean((y - a3) ** 2, axis=(-1, -2))


def backward(x: Any, y: Any, w1: Any, w2: Any, b1: Any, b2: Any) -> tuple[Any, ...]:
    """What the article takes for the gradient."""
    a2, a3 = forward(x, w1, w2, b1, b2)
    d3 = (y - a3) * (a3 > 0)
    d2 = d3 @ w2.swapaxes(-1, -2) * (a2 > 0)
    weights = x.swapaxes(-1, -2) @ d2, a2.swapaxes(-1, -2) @ d3
    return *weights, d2.mean(axis=-2, keepdims=True), d3.mean(axis=-2, keepdims=True)


def as_arrays(net: Net) -> dict[str, Any]:
    """The net's numbers by the article's names: a column a unit, where `nn.Linear` has a row."""
    return {
        "w1": ag.data(net.hidden.weight).T,
        "w2": ag.data(net.output.weight).T,
        "b1": ag.data(net.hidden.bias)[None, :],
        "b2": ag.data(net.output.bias)[None, :],
    }


def errors(parameters: dict[str, Any], epochs: int, rate: float) -> Any:
    """The error before each epoch of the article's program, of one net or of many."""
    x, y = np.array([POINT]), np.array([TARGET])
    found = []
    with np.errstate(all="ignore"):  # climbing overflows
        for _ in range(epochs):
            found.append(compute_error(y, forward(x, **parameters)[1]))
            gradients = backward(x, y, **parameters)
            parameters = {name: p - rate * g for (name, p), g in zip(parameters.items(), gradients, strict=True)}
    return np.array(found)


def clusters(n: int, seed: int) -> tuple[list[list[float]], list[int]]:
    """n places (x₁, x₂, 1), and which of two clusters each belongs to."""
    labels = np.arange(n) % 2
    centres = np.array([[-1.0, 0.5], [1.0, -0.5]])
    places = centres[labels] + 0.6 * np.random.default_rng(seed).normal(size=(n, 2))
    return [[*place, 1.0] for place in places.tolist()], labels.tolist()


def answer(net: nn.Module, place: list[float]) -> float:
    """½ where the two answers are equal, more where the second is larger."""
    with ag.no_grad():
        first, second = net(place)
    return 0.5 + 0.5 * (second.data - first.data)


def run(folder: Path, quick: bool) -> None:
    """Climb as the article does; descend, beside what it prints; try many starts; tell two clusters apart."""
    x, y = np.array([POINT]), np.array([TARGET])

    print("The article's program, repaired so that it runs:")
    climbing = errors(as_arrays(Net(SEED)), 9, RATE)
    for epoch, error in enumerate(climbing):
        print(f"Epoch {epoch}: Error = {error:.4g}")

    print("\nThe auditor on its backward pass:")
    found = audit(forward, backward, as_arrays(Net(SEED)), x, y, loss=compute_error)
    print(fill(found.verdict, 110))
    print("and on a batch of 8, where it adds up for the weights and averages for the biases:")
    places, labels = clusters(8, seed=0)
    found = audit(forward, backward, as_arrays(Net(SEED)), np.array(places), np.eye(2)[labels], loss=compute_error)
    print(fill(found.verdict, 110))

    print("\nThe same start, with the gradient, beside what the article prints:")
    net = Net(SEED)
    losses = train(net, [POINT], [TARGET], EPOCHS)
    for epoch, error in zip(range(0, EPOCHS, 100), PRINTED, strict=True):
        print(f"Epoch {epoch}: Error = {losses[epoch]:<10.4g} printed: {error}")
    with ag.no_grad():
        print(f"It answers {', '.join(f'{a.data:.6f}' for a in net(POINT))}.")

    n = 100 if quick else 1000
    many = [as_arrays(Net(seed)) for seed in range(n)]
    found = errors({name: np.stack([each[name] for each in many]) for name in many[0]}, EPOCHS, -RATE)
    learned, dead = found[-1] < 1e-6, abs(found[-1] - 0.5) < 1e-6
    middle, most = np.median(found[100, learned]), found[100, learned].max()
    print(
        f"\nOf {n} random starts, {learned.sum()} get there. In epoch 100 their errors are {middle:.1e} in the median,"
    )
    print(f"{most:.1e} at most, the article prints {PRINTED[1]}: the bias of a live output alone takes off a tenth of")
    print(f"what is missing in each epoch. {dead.sum()} starts end at 0.5, the first output dead.")
    print("Such a start, and why it learns nothing:")
    stuck = Net(int(dead.argmax()))
    stuck.output.bias[0].label = "bias"
    with ag.trace():
        loss = loss_of(stuck, [POINT], [TARGET])
    loss.backward()
    print(str(ag.why(stuck.output.bias[0])).partition("\n  the way there:")[0])

    count, epochs = (40, 300) if quick else (200, EPOCHS)
    places, labels = clusters(count, seed=0)
    unseen, truth = clusters(1000, seed=1)
    sorter = Net(CLUSTERS_SEED)
    sorting = train(sorter, places, np.eye(2)[labels].tolist(), epochs)
    right = [
        sum((answer(sorter, p) > 0.5) == k for p, k in zip(*d, strict=True))
        for d in ((places, labels), (unseen, truth))
    ]
    print(f"\nTwo clusters, {count} points, {epochs} epochs: Error = {sorting[0]:.4g}, then {sorting[-1]:.4g}.")
    print(f"{right[0]} of the {count} points are told apart, and {right[1]} of {len(unseen)} that it never saw.")

    printed = dict(zip(range(0, EPOCHS, 100), PRINTED, strict=True))
    plots.curves(
        {"one point": losses, "one point, as the article prints it": printed, "two clusters": sorting},
        "A 3-4-2 net of ReLUs: gradient descent",
        folder / "curve.png",
        y="mean squared error",
    )
    plots.regions(
        {f"after {epochs} epochs": lambda a, b: answer(sorter, [a, b, 1.0])},
        places,
        labels,
        "Two clusters, told apart by a 3-4-2 net of ReLUs",
        folder / "regions.png",
    )
    with ag.trace():
        loss = build()
    loss.backward()
    plots.graph(loss, "one point through a 3-4-2 net of ReLUs, and what it gets wrong", folder / "graph.svg")
