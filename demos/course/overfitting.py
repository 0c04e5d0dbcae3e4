"""Overfitting, and what helps: more data, L1 and L2, dropout, early stopping.

The second article says that a net which is good on its training data and poor on others overfits, and that more data,
regularisation, dropout and early stopping help. Right. Here a net of many units learns two moons from a few noisy
points, some of them with the wrong label: it learns those by heart, ever more sure of itself, and its loss on points
that it has not seen rises while that on its own goes to 0. Each remedy alone is held against that.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import autograd as ag
import nn
from autograd import Value

from . import plots

POINTS, UNITS, MANY = 24, 16, 8  # to learn from; hidden units; and how many times the points are "more data"
WRONG = 0.12  # the share of points with the wrong label
SMALL = 1e-2  # a weight below it counts as none

Data: TypeAlias = tuple[list[list[float]], list[int]]  # places and classes


class Net(nn.Module):
    """2 inputs, a layer of ReLUs with or without dropout, 2 scores."""

    def __init__(self, units: int, dropout: float = 0.0) -> None:
        self.hidden, self.output = nn.Linear(2, units, seed=0), nn.Linear(units, 2, seed=1)
        self.dropout = nn.Dropout(dropout, seed=0)

    def forward(self, x: Sequence[float]) -> list[Value]:
        """The scores of a place."""
        return self.output(self.dropout([h.relu() for h in self.hidden(x)]))  # type: ignore[no-any-return]

    def weights(self) -> list[Value]:
        """All numbers that inputs are multiplied by."""
        return [w for layer in (self.hidden, self.output) for row in layer.weight for w in row]


def moons(n: int, seed: int, wrong: float = 0.0) -> Data:
    """n places of two noisy moons, and which one each belongs to; of a share of them the wrong one is told."""
    try:
        from sklearn.datasets import make_moons
    except ImportError:
        raise nn.MissingLibraryError("this lesson needs scikit-learn: pip install 'chainrule[demos]'") from None

    places, sides = make_moons(n_samples=n, noise=0.25, random_state=seed)
    flipped = set(random.Random(seed).sample(range(n), round(wrong * n)))
    return places.tolist(), [int(side) ^ (i in flipped) for i, side in enumerate(sides)]


def build() -> Value:
    """The loss of a small net on two points, with both penalties."""
    net = Net(4)
    weights = net.weights()
    loss: Value = nn.cross_entropy([net([1.0, 0.5]), net([-0.5, 0.2])], [0, 1])
    return loss + 0.01 * nn.l1_penalty(weights) + 0.01 * nn.l2_penalty(weights)


class Result(NamedTuple):
    """A trained net and the history of its training."""

    net: Net
    history: nn.History


def train(data: Data, validation: Data, epochs: int, *, l1: float = 0.0, l2: float = 0.0, dropout: float = 0.0,
          patience: int | None = None) -> Result:  # fmt: skip
    """Adam on batches of 12. A patience ends it after so many epochs without a better validation loss."""
    net = Net(UNITS, dropout)
    weights = net.weights()

    def loss(outputs: list[list[Value]], targets: list[int]) -> Value:
        total: Value = nn.cross_entropy(outputs, targets)
        if net.training and l1:
            total = total + l1 * nn.l1_penalty(weights)
        if net.training and l2:
            total = total + l2 * nn.l2_penalty(weights)
        return total

    optimizer = nn.Adam(net.parameters(), lr=0.05)
    return Result(net, nn.fit(net, data, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=12, seed=0,
                              validation=validation, patience=patience, progress=False))  # fmt: skip


def run(folder: Path, quick: bool) -> None:
    """Overfit, then train with each remedy; count on points that no training has seen, nor any choice."""
    epochs = 80 if quick else 600
    data, validation, test = moons(POINTS, 0, WRONG), moons(24, 1), moons(200 if quick else 2000, 2)
    more = moons(MANY * POINTS, 3, WRONG)
    results = {
        "nothing": train(data, validation, epochs),
        f"{MANY} times the data": train(more, validation, epochs // MANY),  # as many steps
        "L2": train(data, validation, epochs, l2=0.01),
        "L1": train(data, validation, epochs, l1=0.01),
        "dropout, p = ½": train(data, validation, epochs, dropout=0.5),
        "early stopping": train(data, validation, epochs, patience=20),
    }
    wrong = sum(told != true for told, true in zip(data[1], moons(POINTS, 0)[1], strict=True))
    print(f"{POINTS} points, {wrong} of them with the wrong label, and {len(test[0])} others to test with.")
    print(f"Cross-entropy, where guessing has {nn.cross_entropy([0.0, 0.0], 0):.3f}:\n")
    print("                    epochs  learned   test  test accuracy  mean |w|  |w| < 0.01")
    for name, (net, history) in results.items():
        known = nn.evaluate(net, more if name.endswith("data") else data, loss=nn.cross_entropy)
        unknown = nn.evaluate(net, test, loss=nn.cross_entropy, metrics={"accuracy": nn.accuracy})
        sizes = [abs(w.data) for w in net.weights()]
        print(f"  {name:16}  {history.epochs:6}  {known['loss']:7.3f}  {unknown['loss']:5.3f}"
              f"  {unknown['accuracy']:13.1%}  {ag.mean(sizes):8.3f}  {sum(w < SMALL for w in sizes):3} of {len(sizes)}"
        )  # fmt: skip

    plain, stopped = results["nothing"].history, results["early stopping"].history
    held_out = plain.held_out["loss"]
    least = min(held_out)
    print(f"\nWith nothing, the validation loss is least, {least:.3f}, after epoch {held_out.index(least) + 1}.")
    print(f"In the end it is {held_out[-1]:.3f}. Early stopping ended after epoch {stopped.epochs}, "
          f"and went back to epoch {stopped.best_epoch}.")  # fmt: skip
    lines = {"nothing: learned from": plain.train["loss"], "nothing: validation": held_out}
    lines |= {f"{name}: validation": results[name].history.held_out["loss"] for name in ("L2", "dropout, p = ½")}
    plots.curves(lines, "Learning by heart", folder / "curves.png", y="cross-entropy")
    scores = {name: score(results[name].net) for name in ("nothing", "L2")}
    plots.regions(
        scores, *data, "What two nets made of the same points, some with the wrong label", folder / "regions.png"
    )


def score(net: Net) -> Callable[[float, float], float]:
    """The probability of class 1 at a place."""

    def probability(x: float, y: float) -> float:
        with ag.no_grad():
            return ag.softmax(net([x, y]))[1].data

    net.eval()
    return probability
