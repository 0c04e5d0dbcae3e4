"""A 2-2-1 net of sigmoids: the deltas that the second article writes, beside the engine's.

The article writes the passes of a net without biases in a few lines of numpy. They do not run as they stand, since the
hidden units, ``A1``, are never handed on. Handed on, they are right: every delta is the gradient of a weighted sum. But
they belong to another loss than the formula that stands beside them, -Σ y log ŷ. That one is for classes, an output
each; of one output it looks at the samples with y = 1 alone, and is smallest where the net says 1 to everything.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

import autograd as ag
from autograd import Value
from autograd.testing import audit

from . import plots

X = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
Y = np.array([[0.0], [0.0], [0.0], [1.0]])  # x₁ and x₂
RATE, SEED = 0.5, 4


# ── As the article writes it. numpy asks the entries for their arithmetic, so that all of it takes Values too ───


def sigmoid(x: Any) -> Any:
    """σ(x) = 1 / (1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-x))


def forward_propagation(X: Any, W1: Any, W2: Any) -> tuple[Any, ...]:
    """Weighted sums and what the sigmoids make of them. The article returns A2 alone."""
    Z1 = np.dot(X, W1)
    A1 = sigmoid(Z1)
    Z2 = np.dot(A1, W2)
    A2 = sigmoid(Z2)
    return Z1, A1, Z2, A2


def backward_propagation(X: Any, y: Any, A1: Any, A2: Any, W1: Any, W2: Any) -> tuple[Any, ...]:
    """The deltas and the gradients of the weights. The article returns the gradients alone."""
    dZ2 = A2 - y
    dW2 = np.dot(A1.T, dZ2)
    dZ1 = np.dot(dZ2, W2.T) * A1 * (1 - A1)
    dW1 = np.dot(X.T, dZ1)
    return dZ1, dZ2, dW1, dW2


def printed_loss(A2: Any, y: Any) -> Any:
    """The formula that the article prints: -Σ y log ŷ."""
    return -np.sum(y * np.log(A2))


def full_loss(A2: Any, y: Any) -> Any:
    """Binary cross-entropy: -Σ y log ŷ + (1 - y) log(1 - ŷ)."""
    return -np.sum(y * np.log(A2) + (1 - y) * np.log(1 - A2))


# ── ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def start() -> tuple[Any, Any]:
    """Normally distributed weights, as the article draws them."""
    source = np.random.default_rng(SEED)
    return source.normal(size=(2, 2)), source.normal(size=(2, 1))


def label(name: str, nodes: Any) -> None:
    """Label Values of an array with their places, from 1."""
    for (i, j), node in np.ndenumerate(nodes):
        node.label = f"{name}[{i + 1},{j + 1}]"


def build() -> Value:
    """The full loss of the first weights on one point."""
    W1, W2 = map(ag.array, start())
    layers = forward_propagation(X[1:2], W1, W2)
    for name, nodes in zip(("W1", "W2", "Z1", "A1", "Z2", "A2"), (W1, W2, *layers), strict=True):
        label(name, nodes)
    loss: Value = full_loss(layers[-1], Y[1:2])
    return loss


def train(loss_of: Any, epochs: int) -> tuple[list[float], Any, Any]:
    """Descend a loss with the engine's gradients; the loss before each epoch, and the weights."""
    W1, W2 = start()
    losses = []
    for _ in range(epochs):
        V1, V2 = ag.array(W1), ag.array(W2)
        loss = loss_of(forward_propagation(X, V1, V2)[-1], Y)
        loss.backward()
        losses.append(loss.data)
        W1, W2 = W1 - RATE * ag.grads(V1), W2 - RATE * ag.grads(V2)
    return losses, W1, W2


def compared(name: str, article: Any, engine: Any) -> None:
    """A table: what the article writes, and what the engine says."""
    for place, number in np.ndenumerate(article):
        where = ",".join(str(i + 1) for i in place)
        print(f"  {name}[{where}] {number:14.10f} {engine[place]:14.10f} {abs(number - engine[place]):9.1e}")


def run(folder: Path, quick: bool) -> None:
    """Every delta beside the engine's; the two losses, audited and trained."""
    W1, W2 = start()
    V1, V2 = ag.array(W1), ag.array(W2)
    Z1, _, Z2, A2 = forward_propagation(X, V1, V2)
    full_loss(A2, Y).backward()
    _, A1, _, answers = forward_propagation(X, W1, W2)
    names = ("dZ1", "dZ2", "dW1", "dW2")
    article = dict(zip(names, backward_propagation(X, Y, A1, answers, W1, W2), strict=True))
    print("              the article     the engine  difference   (four points, a row each)")
    for name, nodes in zip(names, (Z1, Z2, V1, V2), strict=True):
        compared(name, article[name], ag.grads(nodes))

    def forward(W1: Any, W2: Any, X: Any) -> Any:
        return forward_propagation(X, W1, W2)[1::2]

    def backward(X: Any, y: Any, A1: Any, A2: Any, W1: Any, W2: Any) -> Any:
        return backward_propagation(X, y, A1, A2, W1, W2)[2:]

    for words, which in (("the formula that it prints, -Σ y log ŷ", printed_loss), ("binary cross-entropy", full_loss)):
        print(f"\nThe auditor on these gradients, for {words}:")
        print(fill(audit(forward, backward, {"W1": W1, "W2": W2}, X, Y, loss=which).verdict, 110))

    epochs = 300 if quick else 3000
    trained = {}
    print(f"\nThe targets are x₁ and x₂, for 1 and -1. After {epochs} epochs at a learning rate of {RATE}:")
    for words, which in (("-Σ y log ŷ", printed_loss), ("binary cross-entropy", full_loss)):
        losses, *weights = trained[words] = train(which, epochs)
        answers = forward_propagation(X, *weights)[-1].ravel()
        right = ((answers > 0.5) == (Y.ravel() > 0.5)).sum()
        told = ", ".join(f"{a:.2f}" for a in answers)
        print(f"  {words:21} {losses[0]:.4f}, then {losses[-1]:.4f}: the net says {told}; {right} of 4 are right")
    middle = forward_propagation(np.zeros((1, 2)), *start())[1].ravel()
    print(f"Without biases the hidden units say {middle[0]} and {middle[1]} to (0, 0), whatever the weights.")

    plots.curves(
        {words: losses for words, (losses, *_) in trained.items()},
        "A 2-2-1 net of sigmoids descends two losses",
        folder / "curve.png",
    )
    plots.regions(
        {
            f"trained by {words}": lambda a, b, weights=weights: forward_propagation([[a, b]], *weights)[-1].item()
            for words, (_, *weights) in trained.items()
        },
        X.tolist(),
        [round(t) for t in Y.ravel()],
        "x₁ and x₂: the loss that the article prints, and the one that its deltas descend",
        folder / "regions.png",
    )
    loss = build()
    loss.backward()
    plots.graph(
        loss, "a 2-2-1 net of sigmoids as the article writes it, and the loss on one point", folder / "graph.svg"
    )
