"""XOR by a 2-4-1 net of sigmoids and the mean squared error."""

from __future__ import annotations

from pathlib import Path

import nn
from autograd import Value

from . import plots

POINTS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
TARGETS = [[0.0], [1.0], [1.0], [0.0]]


def network(seed: int) -> nn.Module:
    """2 inputs, 4 sigmoids, 1 sigmoid; weights and biases normally distributed, as the article draws them."""
    net = nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid())
    nn.init.normal_(net.parameters(), seed=seed)
    return net


def build() -> Value:
    """The loss of the net on all four points."""
    net = network(seed=0)
    loss: Value = nn.mse_loss([net(point) for point in POINTS], TARGETS)
    return loss


def run(folder: Path, quick: bool) -> None:
    """Train."""
    loss = build()
    loss.backward()
    plots.graph(loss, "XOR", folder / "graph.svg")
