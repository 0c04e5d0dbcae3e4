"""A recurrent net, and its gradient's way through time: it vanishes, explodes, and both are cured.

The net reads the image of a 0 or a 1 row by row, then nothing for a while, and only then says which it was. On the way
back each step multiplies the gradient by the same weights, turned round, and by tanh's slopes. As torch draws them the
weights shrink it, and what was read is forgotten before it can be learned. An orthogonal matrix keeps its length. While
the weights learn they grow, and can make it explode: then one step undoes what all before it had learned, unless the
gradient is clipped.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ortho_group
from sklearn.datasets import load_digits

import nn
from autograd import Value, no_grad

from . import plots

HIDDEN, BATCH, RATE = 6, 4, 0.1
SEED = (
    4  # 1 and 2 show the same where it waits for 24 steps; with 0 and 3 the gradient that is not clipped does no harm
)
NEVER = 1e9  # a length that no gradient has
Image = Sequence[Sequence[float]]  # rows


class Reader(nn.Module):
    """A cell that takes one row after the other and then zeros, and a score for each of two digits in the end.

    Args:
        cell: an `nn.RNNCell` or `nn.LSTMCell`.
        wait: how many rows of zeros follow the image.
        seed: of the scores' weights.
    """

    def __init__(self, cell: nn.RNNCell, wait: int, seed: int = 0) -> None:
        self.cell, self.wait, self.scores = cell, wait, nn.Linear(cell.nout, 2, seed=seed)

    def states(self, image: Image) -> list[Any]:
        """What the cell gives after each step."""
        state, states = None, []
        for row in [*image, *[[0.0] * len(image[0])] * self.wait]:
            state = self.cell(row, state)
            states.append(state)
        return states

    def hidden(self, image: Image) -> list[list[Value]]:
        """The hidden state after each step."""
        return self.states(image)

    def forward(self, image: Image) -> list[Value]:
        """The scores."""
        return self.scores(self.hidden(image)[-1])  # type: ignore[no-any-return]


def build() -> Value:
    """The loss of a cell of two units on three rows of two pixels and one step of waiting."""
    reader = Reader(nn.RNNCell(2, 2, seed=0), wait=1)
    return nn.cross_entropy(reader([[0.0, 1.0], [0.5, 0.25], [1.0, 0.0]]), 1)  # type: ignore[no-any-return]


def load(seed: int = 0) -> tuple[nn.training.Data, nn.training.Data]:
    """Images of 0 and 1 with pixels from 0 to 1: 260 to learn from, and the 100 others."""
    digits = load_digits(n_class=2)
    samples = list(zip((digits.images / 16.0).tolist(), digits.target.tolist(), strict=True))
    random.Random(seed).shuffle(samples)
    parts = [list(zip(*part, strict=True)) for part in (samples[:260], samples[260:])]
    return tuple((list(images), list(labels)) for images, labels in parts)  # type: ignore[return-value]


def orthogonal(rows: list[list[Value]], seed: int, gain: float = 1.0) -> None:
    """Make a square matrix of weights a random rotation, which keeps lengths, times gain."""
    numbers = gain * ortho_group.rvs(len(rows), random_state=seed)
    for row, xs in zip(rows, numbers.tolist(), strict=True):
        for w, x in zip(row, xs, strict=True):
            w.data = x


def flow(states: Sequence[Sequence[Value]]) -> list[float]:
    """The length of the gradient that each state has."""
    return [math.hypot(*[x.grad for x in state]) for state in states]


def flow_of(reader: Reader, image: Image, label: int) -> list[float]:
    """The length of dL/dh after each step, L the loss on one image."""
    states = reader.hidden(image)
    nn.cross_entropy(reader.scores(states[-1]), label).backward()
    return flow(states)


@dataclass
class Course:
    """How a training went: loss and length of the gradient at each step, and how the longest of those flowed."""

    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    longest: list[float] = field(default_factory=list)


def train(reader: Reader, data: nn.training.Data, optimizer: nn.Optimizer, steps: int, clip: float,
          batch: int = BATCH, seed: int = SEED) -> Course:  # fmt: skip
    """Learn from small batches, the gradient clipped to a length, the rate falling to 0 from half the steps on."""
    course, source, samples = Course(), random.Random(seed), list(zip(*data, strict=True))
    rate = optimizer.lr
    for step in range(steps):
        images, labels = zip(*source.sample(samples, batch), strict=True)
        states = [reader.hidden(image) for image in images]
        loss = nn.cross_entropy([reader.scores(run[-1]) for run in states], labels)
        optimizer.zero_grad()
        loss.backward()
        norm = nn.clip_grad_norm_(optimizer.params, clip)
        if norm > max(course.norms, default=0.0):
            course.longest = max(map(flow, states), key=max)
        course.losses.append(loss.data)
        course.norms.append(norm)
        optimizer.lr = rate * min(1.0, 2.0 - 2.0 * step / steps)
        optimizer.step()
    return course


def accuracy(reader: Reader, data: nn.training.Data) -> float:
    """The share of images that are read right."""
    with no_grad():
        return nn.accuracy([reader(image) for image in data[0]], data[1])


def radius(rows: list[list[Value]]) -> float:
    """The largest |eigenvalue| of a matrix."""
    return float(abs(np.linalg.eigvals([[w.data for w in row] for row in rows])).max())


def run(folder: Path, quick: bool) -> None:
    """Draw the gradient's flow, then train with and without the cures."""
    wait, steps = (16, 60) if quick else (24, 250)
    data, held_out = load()
    print(
        f"{len(data[0])} images, {len(held_out[0])} held out; {HIDDEN} hidden units; 8 rows, {wait} steps of waiting\n"
    )

    def reader(gain: float) -> Reader:
        made = Reader(nn.RNNCell(8, HIDDEN, bias=False, seed=SEED), wait, SEED)
        if gain:
            orthogonal(made.cell.weight_hh, SEED, gain)
        return made

    flows = {}
    print("|dL/dh| while it waits:   at the end  at the start  a step's factor  largest |eigenvalue|")
    for name, gain in (("as torch draws them", 0.0), ("orthogonal", 1.0), ("orthogonal × 1.5", 1.5)):
        model = reader(gain)
        flows[name] = flow_of(model, held_out[0][0], held_out[1][0])
        end, start = flows[name][-1], flows[name][7]
        print(
            f"  {name:22} {end:11.1e} {start:13.1e} {(start / end) ** (1.0 / wait):16.2f} "
            f"{radius(model.cell.weight_hh):21.2f}"
        )

    losses = {}
    print(f"\ntrained, {steps} steps:        loss  longest gradient  held out right")
    for name, gain, clip in (
        ("as torch draws them, clipped", 0.0, 1.0),
        ("orthogonal, not clipped", 1.0, NEVER),
        ("orthogonal, clipped", 1.0, 1.0),
    ):
        model = reader(gain)
        course = train(model, data, nn.SGD(model.parameters(), lr=RATE), steps, clip)
        losses[name] = plots.smoothed(course.losses)
        print(f"  {name:28} {losses[name][-1]:5.3f} {max(course.norms):17.1f} {accuracy(model, held_out):15.0%}")
    flows["orthogonal, its longest while it learned"] = course.longest
    plots.flow(flows, "The gradient on its way back through time", folder / "flow.png", read=8)
    plots.curves(losses, "Was it a 0 or a 1? Told after waiting", folder / "training.png", x="step", log=False)
