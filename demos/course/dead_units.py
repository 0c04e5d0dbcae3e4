"""Dead ReLUs, and leaky ReLU: units that never learn.

The fifth article advises ReLU and leaky ReLU against gradients that are 0. Of leaky ReLU that is right. ReLU is where
they come from: below 0 its slope is 0, so a unit that is below 0 for every sample gets no gradient, and stays as it is.
In the article's own net both weights of a unit are negative once in four times, and its inputs never are: such a unit
is dead from the start. Others die on the way.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import autograd as ag
import nn
from autograd import Value

from . import plots

UNITS, SLOPE = 4, 0.1
DYING = 11  # a seed by which two units are born dead, and the other two die
CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]  # a unit that is above 0 in none is so nowhere between


class Net(nn.Module):
    """The fifth article's: 2 inputs, 4 hidden units, 1 output, weights from N(0, 1), biases 0."""

    def __init__(self, activation: Callable[[Any], Any], seed: int) -> None:
        self.hidden, self.output = nn.Linear(2, UNITS), nn.Linear(UNITS, 1)
        self.activation = activation
        nn.init.normal_(self.hidden.weight, seed=seed)
        nn.init.normal_(self.output.weight, seed=seed + 1000)
        nn.init.uniform_([self.hidden.bias, self.output.bias], 0.0, 0.0)

    def forward(self, x: list[float]) -> list[Value]:
        """The output, in a list."""
        units = []
        for h in self.hidden(x):
            units.append(self.activation(h))
        return self.output(units)  # type: ignore[no-any-return]


def leaky(x: Any) -> Any:
    """Leaky ReLU: below 0 a small slope instead of none."""
    return ag.leaky_relu(x, SLOPE)


Data: TypeAlias = tuple[list[list[float]], list[list[float]]]  # inputs and targets


def squares(n: int) -> Data:
    """Points of the unit square, and x₁ - x₂."""
    numbers = random.Random(0)
    points = [[numbers.random(), numbers.random()] for _ in range(n)]
    return points, [[x1 - x2] for x1, x2 in points]


def mean_loss(net: nn.Module, data: Data) -> Value:
    """The mean squared error."""
    loss: Value = nn.mse_loss([net(x) for x in data[0]], data[1])
    return loss


def build() -> Value:
    """The loss of a net with dead units on three samples."""
    return mean_loss(Net(ag.relu, DYING), squares(3))


def dead(net: Net, points: list[list[float]]) -> list[int]:
    """Which hidden units are above 0 for none of the points."""
    with ag.no_grad():
        return [i for i, sums in enumerate(zip(*map(net.hidden, points), strict=True)) if all(h <= 0.0 for h in sums)]


def train(net: nn.Module, data: Data, epochs: int, lr: float = 0.05) -> list[float]:
    """Adam on all samples: the loss before each step."""
    optimizer, losses = nn.Adam(net.parameters(), lr=lr), []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = mean_loss(net, data)
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
    return losses


def run(folder: Path, quick: bool) -> None:
    """Count the dead, ask why, and give them a slope."""
    nets = 200 if quick else 4000
    born = sum(len(dead(Net(ag.relu, seed), CORNERS)) for seed in range(nets))
    share = born / nets / UNITS
    print(f"Of the hidden ReLUs of {nets} nets, {share:.1%} are at 0 on the whole unit square from the start;")
    print("by the signs of their two weights it should be a quarter.")

    data, epochs, seeds = squares(12), 120 if quick else 400, range(8 if quick else 60)
    losses: dict[str, list[float]] = {}
    print(f"\n{epochs} steps of Adam on {len(data[0])} samples of y = x₁ - x₂, by a net of {UNITS} units:")
    for name, activation in (("ReLU", ag.relu), ("leaky ReLU", leaky)):
        net = Net(activation, DYING)
        before, gone = net.hidden.state_dict()["weight"], dead(net, data[0])
        losses[name] = train(net, data, epochs)
        after = net.hidden.state_dict()["weight"]
        moved = sum(before[i] != after[i] for i in gone)
        first, last, still = losses[name][0], losses[name][-1], dead(net, data[0])
        print(f"  {name:10}  loss {first:.3f}, then {last:.2g}. Below 0 for all samples: {len(gone)} units, "
              f"then {len(still)}; {moved} of the first {len(gone)} moved")  # fmt: skip

    net = Net(ag.relu, DYING)
    weight = net.hidden.weight[dead(net, CORNERS)[0]][0]
    weight.label = "weight"
    with ag.trace():
        loss = mean_loss(net, squares(3))
    loss.backward()
    print("\nWhy a weight of a dead unit learns nothing:")
    print(str(ag.why(weight)).partition("\n  the way there:")[0])

    mean = ag.mean([y for (y,) in data[1]])
    variance = ag.mean([(y - mean) ** 2 for (y,) in data[1]])
    print(f"\nOf {len(seeds)} such nets, worse than a tenth of the variance of y, {variance:.3f}, after as many steps:")
    for name, activation in (("ReLU", ag.relu), ("leaky ReLU", leaky)):
        print(f"  {name:10}  {sum(train(Net(activation, seed), data, epochs)[-1] > 0.1 * variance for seed in seeds)}")
    plots.curves(losses, "The same start, by ReLU and by leaky ReLU", folder / "curve.png", y="mean squared error")
    plots.graph(loss, "three samples through a net with dead units", folder / "graph.svg")
