"""Gradient clipping: a bound on the length of a step, for a net that would explode.

The articles name clipping as a remedy for exploding gradients. Right: a step of gradient descent is as long as the
gradient, and from where the loss is steep one step can lead to where it is steeper. Two kinds are in use, and differ:
by the norm all entries are scaled alike, and the direction stays; by value each entry is cut, and the direction turns.
Neither helps where gradients vanish: clipping only makes them shorter.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias

import autograd as ag
import nn
from autograd import Value

from ..pictures import BLUE, GREY, ORANGE, RED, new_figure

SIZES = (2, 16, 16, 16, 1)
LR, BOUND = 0.1, 1.0

Clip: TypeAlias = Callable[[list[Value]], object]


def network(*sizes: int) -> nn.Module:
    """Linear layers with ReLUs between them, weights from N(0, 1) as in the articles' programs, biases 0."""
    layers: list[nn.Module] = []
    for i, (n, m) in enumerate(pairwise(sizes)):
        layer = nn.Linear(n, m)
        nn.init.normal_(layer.weight, seed=i)
        nn.init.uniform_(layer.bias, 0.0, 0.0)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def samples(n: int) -> tuple[list[list[float]], list[list[float]]]:
    """Points of the unit square, and x₁ - x₂, as the fifth article has them."""
    numbers = random.Random(0)
    points = [[numbers.random(), numbers.random()] for _ in range(n)]
    return points, [[x1 - x2] for x1, x2 in points]


def mean_loss(net: nn.Module, points: list[list[float]], targets: list[list[float]]) -> Value:
    """The mean squared error."""
    loss: Value = nn.mse_loss([net(point) for point in points], targets)
    return loss


def build() -> Value:
    """The loss of a small such net on two samples."""
    return mean_loss(network(2, 4, 4, 1), *samples(2))


class Descent(NamedTuple):
    """What was seen before each step, and how many ReLUs were above 0 for some sample in the end."""

    losses: list[float]
    lengths: list[float]  # of the gradient, before it is clipped
    alive: int


def descend(steps: int, clip: Clip) -> Descent:
    """Gradient descent on all samples; it ends early where the loss is no number any more."""
    net, data = network(*SIZES), samples(8)
    optimizer = nn.SGD(net.parameters(), lr=LR)
    losses, lengths = [], []
    with ag.ieee():  # inf and nan instead of errors, to see where it goes
        for _ in range(steps):
            optimizer.zero_grad()
            loss = mean_loss(net, *data)
            loss.backward()
            losses.append(loss.data)
            lengths.append(math.hypot(*[p.grad for p in optimizer.params]))
            if not math.isfinite(losses[-1] + lengths[-1]):
                break
            clip(list(optimizer.params))
            optimizer.step()
        return Descent(losses, lengths, alive(net, data[0]))


def alive(net: nn.Module, points: list[list[float]]) -> int:
    """How many ReLUs are above 0 for one of the points at least."""
    batch: list[list[Value]] = [[Value(x) for x in point] for point in points]
    n = 0
    for layer in net:
        batch = [layer(units) for units in batch]
        n += isinstance(layer, nn.ReLU) and sum(
            any(unit.data > 0.0 for unit in units) for units in zip(*batch, strict=True)
        )
    return n


def turned(clip: Clip) -> tuple[float, float]:
    """The first gradient's length after clipping, and by how many degrees its direction has changed."""
    net = network(*SIZES)
    mean_loss(net, *samples(8)).backward()
    parameters = net.parameters()
    before = [p.grad for p in parameters]
    clip(parameters)
    after = [p.grad for p in parameters]
    cosine = ag.dot(before, after) / (math.hypot(*before) * math.hypot(*after))
    return math.hypot(*after), math.degrees(math.acos(min(1.0, cosine)))


CLIPS: dict[str, Clip] = {
    "not clipped": lambda parameters: None,
    f"by norm, to {BOUND:g}": lambda parameters: nn.clip_grad_norm_(parameters, BOUND),
    f"by value, to ±{BOUND:g}": lambda parameters: nn.clip_grad_value_(parameters, BOUND),
}


def run(folder: Path, quick: bool) -> None:
    """Descend with and without clipping."""
    steps = 150 if quick else 1500
    net = "-".join(map(str, SIZES))
    print(f"A {net} net of ReLUs, weights from N(0, 1), rate {LR:g}: the mean squared error of y = x₁ - x₂\n")
    runs = {name: descend(steps, clip) for name, clip in CLIPS.items()}
    for name, (losses, _, n) in runs.items():
        told = [f"step {k}: {losses[k]:8.2g}" for k in (0, 1, 3, 10) if k < len(losses)]
        told.append(f"step {len(losses) - 1}: {losses[-1]:.2g}; {n} of {sum(SIZES[1:-1])} ReLUs alive")
        print(f"  {name:15}  " + ", ".join(told))
    wild, targets = next(iter(runs.values())), [y for (y,) in samples(8)[1]]
    mean = ag.mean(targets)
    variance = ag.mean([(y - mean) ** 2 for y in targets])
    print(
        f"\nNot clipped: the first gradient has the length {wild.lengths[0]:.0f}, and the first step a tenth of that."
    )
    print(f"The loss rises to {max(wild.losses):.0e}, and ends at {wild.losses[-1]:.4f}.")
    print(
        f"The variance of y is {variance:.4f}: where all ReLUs are dead, the net answers the mean, and learns no more."
    )
    print("\nWhat clipping does to the first gradient:")
    for name, clip in CLIPS.items():
        length, angle = turned(clip)
        print(f"  {name:15}  length {length:7.2f}, turned by {angle:.0f}°")
    picture(runs, folder / "clipping.png")


def picture(runs: dict[str, Descent], path: Path) -> None:
    """Loss and gradient length by step."""
    figure, panels = new_figure(1, 2, figsize=(11, 4.6))
    for i, (axes, what) in enumerate(
        zip(panels.flat, ("loss", "length of the gradient, before clipping"), strict=True)
    ):
        for (name, columns), colour in zip(runs.items(), (RED, BLUE, ORANGE), strict=True):
            ys = [y for y in columns[i] if math.isfinite(y)]
            axes.plot(range(len(ys)), ys, color=colour, label=name, marker="o" if len(ys) < 20 else "", markersize=4)
        axes.set(yscale="log", title=what, xlabel="step")
        axes.grid(color="#e5e7eb")
        axes.spines[["top", "right"]].set_visible(False)
    panels.flat[1].axhline(BOUND, color=GREY, linewidth=1, linestyle="dashed")
    panels.flat[0].legend(frameon=False)
    figure.savefig(path)
