"""Full batch against mini-batches: what a gradient over fewer samples is worth.

The fifth article writes the gradient over N samples as the sum of theirs. Its loss is a mean, and of a mean the
gradient is the mean: N times less, which a learning rate notices. It also says that mini-batches make training faster.
Right, as epochs go: the gradient over B samples drawn at random is right on the average, it is off by an error that
falls as √(1/B - 1/N), and it costs a share B/N. Many rough steps lead further than one exact one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import autograd as ag
import nn
from autograd import Value

from ..pictures import BLUE, GREY, ORANGE, RED, new_figure

Data: TypeAlias = tuple[list[list[float]], list[list[float]]]  # inputs and targets
COLOURS = (RED, ORANGE, "#4d7c0f", BLUE)


def network() -> nn.Module:
    """2 inputs, 4 tanh, 1 output."""
    return nn.Sequential(nn.Linear(2, 4, seed=0), nn.Tanh(), nn.Linear(4, 1, seed=1))


def samples(n: int) -> Data:
    """Points of the unit square, and x₁ - x₂ with some noise."""
    numbers = random.Random(0)
    points = [[numbers.random(), numbers.random()] for _ in range(n)]
    return points, [[x1 - x2 + numbers.gauss(0.0, 0.1)] for x1, x2 in points]


def loss_on(net: nn.Module, data: Data, chosen: Sequence[int]) -> Value:
    """The mean squared error on the samples of these numbers."""
    inputs, targets = data
    loss: Value = nn.mse_loss([net(inputs[i]) for i in chosen], [targets[i] for i in chosen])
    return loss


def build() -> Value:
    """The loss on a batch of three."""
    return loss_on(network(), samples(3), range(3))


def gradient(net: nn.Module, data: Data, chosen: Sequence[int]) -> list[float]:
    """The gradient of that loss by all parameters."""
    net.zero_grad()
    loss_on(net, data, chosen).backward()
    return [p.grad for p in net.parameters()]


def error(net: nn.Module, data: Data, size: int, batches: int) -> float:
    """How far the gradient over a batch of this size is from that over all, in the root mean square over batches."""
    whole, numbers, everything = gradient(net, data, range(len(data[0]))), random.Random(0), range(len(data[0]))
    squares = [math.dist(gradient(net, data, numbers.sample(everything, size)), whole) ** 2 for _ in range(batches)]
    return math.sqrt(ag.mean(squares))


def spread(net: nn.Module, data: Data) -> float:
    """How far single samples' gradients are from their mean: its root mean square, but over N - 1 in place of N."""
    each = [gradient(net, data, [i]) for i in range(len(data[0]))]
    whole = [ag.mean(column) for column in zip(*each, strict=True)]
    return math.sqrt(ag.sum([math.dist(g, whole) ** 2 for g in each]) / (len(each) - 1))


def train(data: Data, size: int, epochs: int) -> list[float]:
    """Gradient descent by batches of this size: the loss on all samples before the first epoch and after each."""
    net, everything, numbers = network(), list(range(len(data[0]))), random.Random(0)
    optimizer = nn.SGD(net.parameters(), lr=0.1)
    losses = [evaluated(net, data)]
    for _ in range(epochs):
        for (batch,) in nn.minibatches(everything, batch_size=size, seed=numbers):
            optimizer.zero_grad()
            loss_on(net, data, batch).backward()
            optimizer.step()
        losses.append(evaluated(net, data))
    return losses


def evaluated(net: nn.Module, data: Data) -> float:
    """The loss on all samples, without a graph."""
    with ag.no_grad():
        return loss_on(net, data, range(len(data[0]))).data


def run(folder: Path, quick: bool) -> None:
    """Hold the article's sum against the mean, measure how rough mini-batches are, and train with each."""
    n, epochs = (128, 20) if quick else (1000, 50)
    net, data = network(), samples(n)
    whole, each = gradient(net, data, range(n)), [gradient(net, data, [i]) for i in range(n)]
    total = [ag.sum(column) for column in zip(*each, strict=True)]
    apart = max(abs(t / n - w) for t, w in zip(total, whole, strict=True))
    times = math.hypot(*total) / math.hypot(*whole)
    print(f"The sum of {n} samples' gradients is {times:.6f} times as long as the gradient of their mean loss.")
    print(f"Divided by {n} it is that gradient; no entry differs by more than {apart:.0e}.")

    sizes, one = [size for size in (1, 4, 16, 64, 256) if size < n], spread(net, data)
    print("\nHow far the gradient over B samples, drawn at random, is from that over all, as a share of its length:")
    errors = {size: (error(net, data, size, 100), one * math.sqrt(1 / size - 1 / n)) for size in sizes}
    for size, (measured, expected) in errors.items():
        shares = [distance / math.hypot(*whole) for distance in (measured, expected)]
        print(f"  B = {size:3}: measured {shares[0]:7.3f}, expected {shares[1]:7.3f}")

    print(f"\n{epochs} epochs of gradient descent, rate 0.1; the variance of the noise is 0.01:")
    runs = {size: train(data, size, epochs) for size in (n, 64, 16, 1)}
    for size, losses in runs.items():
        name = "full batch" if size == n else f"B = {size}"
        print(f"  {name:10}  {epochs * -(-n // size):6} steps  loss {losses[0]:.3f} → {losses[-1]:.4f}")
    picture(errors, runs, n, folder / "batches.png")


def picture(errors: dict[int, tuple[float, float]], runs: dict[int, list[float]], n: int, path: Path) -> None:
    """The error by batch size, and the loss by epoch."""
    figure, panels = new_figure(1, 2, figsize=(11, 4.6))
    rough, learned = panels.flat
    rough.plot(list(errors), [expected for _, expected in errors.values()], color=GREY, label="expected")
    rough.plot(list(errors), [measured for measured, _ in errors.values()], "o", color=BLUE, label="100 batches")
    rough.set(xscale="log", yscale="log", xlabel="batch size B", title="error of the gradient")
    for (size, losses), colour in zip(runs.items(), COLOURS, strict=True):
        learned.plot(losses, color=colour, label="full batch" if size == n else f"B = {size}", linewidth=2)
    learned.set(yscale="log", xlabel="epoch", title="mean squared error on all samples")
    learned.xaxis.get_major_locator().set_params(integer=True)
    for axes in panels.flat:
        axes.grid(color="#e5e7eb")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.savefig(path)
