"""Units that never learn: dead ReLUs, leaky ReLU, and twins.

The fifth article advises ReLU and leaky ReLU against gradients that are 0. Of leaky ReLU that is right. ReLU is where
they come from: below 0 its slope is 0, so a unit that is below 0 for every sample gets no gradient, and stays as it is.
Its own net shows it: inputs between 0 and 1, biases 0, weights from N(0, 1). Both weights of a unit are negative once in
four times, and then it is dead from the start.

The third article says that random starts keep a net out of local minima. What they do is another thing: units that start
alike get the same gradient, and are alike for ever, so that four hidden units are worth one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import autograd as ag
import nn
from autograd import Value

from ..pictures import BLUE, GREY, ORANGE, new_figure

UNITS, SLOPE = 4, 0.1
DYING = 11  # a seed by which two units are born dead, and the other two die
CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]  # a unit that is above 0 in none is so nowhere between
XOR = (CORNERS, [[0.0], [1.0], [1.0], [0.0]])


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


def twins(start: float | None, epochs: int) -> tuple[list[float], list[list[float]]]:
    """XOR by 2-4-1 sigmoids whose numbers all start at `start`, or random where that is None.

    The losses, and each hidden unit's weights in the end.
    """
    net = Net(ag.sigmoid, seed=3)
    if start is not None:
        nn.init.uniform_(net.parameters(), start, start)
    losses = train(net, XOR, epochs, lr=0.2)
    return losses, [[w.data for w in row] for row in net.hidden.weight]


def run(folder: Path, quick: bool) -> None:
    """Count the dead, ask why, give them a slope; then train twins."""
    nets = 200 if quick else 4000
    born = sum(len(dead(Net(ag.relu, seed), CORNERS)) for seed in range(nets))
    print(f"Of {nets} nets with {UNITS} hidden ReLUs, dead from the start on the whole unit square: "
          f"{born / nets / UNITS:.1%} of the units (¼ by the signs of their weights).")  # fmt: skip

    data, epochs, seeds = squares(12), 120 if quick else 400, range(8 if quick else 60)
    curves: dict[str, list[float]] = {}
    print(f"\n{epochs} steps of Adam on {len(data[0])} samples of y = x₁ - x₂, the net of seed {DYING}:")
    for name, activation in (("ReLU", ag.relu), ("leaky ReLU", leaky)):
        net = Net(activation, DYING)
        before = [[w.data for w in row] for row in net.hidden.weight]
        gone = dead(net, data[0])
        curves[name] = train(net, data, epochs)
        stayed = [i for i in gone if [w.data for w in net.hidden.weight[i]] == before[i]]
        print(f"  {name:10}  loss {curves[name][0]:.3f} → {curves[name][-1]:.2g}; at 0 for all samples: {len(gone)} units, in "
              f"the end {len(dead(net, data[0]))} of {UNITS}; of the first, exactly where they were: {len(stayed)}")  # fmt: skip

    net = Net(ag.relu, DYING)
    weight = net.hidden.weight[dead(net, CORNERS)[0]][0]
    weight.label = "weight"
    with ag.trace():
        loss = mean_loss(net, squares(3))
    loss.backward()
    found = str(ag.why(weight)).splitlines()[:4]
    print("\nprint(why(weight)), a weight of a dead unit, begins:", *found, sep="\n")

    variance = ag.mean([(y - ag.mean([y for (y,) in data[1]])) ** 2 for (y,) in data[1]])
    print(f"\nOf {len(seeds)} such nets, still worse than a tenth of y's variance {variance:.3f} after as many steps:")
    for name, activation in (("ReLU", ag.relu), ("leaky ReLU", leaky)):
        worse = sum(train(Net(activation, seed), data, epochs)[-1] > 0.1 * variance for seed in seeds)
        print(f"  {name:10}  {worse}")

    print("\nXOR by 2-4-1 sigmoids:")
    for name, start in (("all start at ½", 0.5), ("random", None)):
        curves[f"XOR, {name}"], rows = twins(start, 2 * epochs)
        print(f"  {name:14}  loss {curves[f'XOR, {name}'][-1]:.2g}; the hidden units' first weights: "
              + ", ".join(f"{w:.4f}" for w, _ in rows))  # fmt: skip
    print("Twins are worth one unit, which can do no better than answer 0 once and ⅔ three times: "
          f"a loss of {(0.0 + 2 * (1 - 2 / 3) ** 2 + (2 / 3) ** 2) / 4:.4f}.")  # fmt: skip
    picture(curves, folder / "units.png")


def picture(curves: dict[str, list[float]], path: Path) -> None:
    """The losses by step: ReLU beside leaky ReLU, twins beside units that start at random."""
    figure, panels = new_figure(1, 2, figsize=(11, 4.6))
    for (name, ys), colour in zip(curves.items(), (ORANGE, BLUE, ORANGE, BLUE), strict=True):
        axes = panels.flat[int("XOR" in name)]
        axes.plot(ys, color=colour, linewidth=2, label=name.removeprefix("XOR, "))
        axes.set(yscale="log", xlabel="step", ylabel="mean squared error")
    panels.flat[0].set_title("y = x₁ - x₂, two units dead from the start")
    panels.flat[1].set_title("XOR by four sigmoids")
    panels.flat[1].axhline(1 / 6, color=GREY, linewidth=1, linestyle="dashed")
    for axes in panels.flat:
        axes.grid(color="#e5e7eb")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.savefig(path)
