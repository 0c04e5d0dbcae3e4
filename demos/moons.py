"""Tell two interleaved moons apart with micrograd's own network and schedule, and draw the boundary it finds.

    python -m demos.moons [--steps N] [--seed N] [--out DIR]

The classic of micrograd's notebook, number for number where the seed is its 1337: an MLP 2-16-16-1, the margin loss of
a support vector machine with a little L2, gradient descent on all 100 points with a falling learning rate.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import autograd
import nn
from autograd import Value

from .options import count, folder, seed


def margin_loss(model: nn.Module, points: Sequence[Sequence[float]], signs: Sequence[float]) -> tuple[Value, float]:
    """Mean of max(0, 1 - sign × score), plus 1e-4 Σ p²; and the share of points on their right side."""
    scores = [model(point) for point in points]
    margins = [(1.0 + -sign * score).relu() for sign, score in zip(signs, scores, strict=True)]
    parameters = model.parameters()
    total: Value = autograd.mean(margins) + 1e-4 * autograd.dot(parameters, parameters)
    right = [(sign > 0) == (score > 0) for sign, score in zip(signs, scores, strict=True)]
    return total, right.count(True) / len(right)


def build() -> Value:
    """The loss of a small network on two points: a graph that can be looked at."""
    return margin_loss(nn.MLP(2, [3, 1], seed=0), [[1.0, 0.5], [-0.5, 1.0]], [1.0, -1.0])[0]


def load(seed: int) -> tuple[list[list[float]], list[float]]:
    """100 points of two moons, and 1 or -1 for each."""
    try:
        from sklearn.datasets import make_moons
    except ImportError:
        raise nn.MissingLibraryError("this demo needs scikit-learn: pip install 'chainrule[demos]'") from None

    points, sides = make_moons(n_samples=100, noise=0.1, random_state=seed)
    return points.tolist(), [2.0 * side - 1.0 for side in sides.tolist()]


def main(argv: Sequence[str] | None = None) -> None:
    """Train, tell the steps, draw the boundary."""
    parser = argparse.ArgumentParser(prog="python -m demos.moons", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=count, default=100)
    parser.add_argument("--seed", type=seed, default=1337, help="of the points and the weights")
    parser.add_argument("--out", type=folder, default="out/moons", help="folder for the picture")
    options = parser.parse_args(argv)

    from . import pictures

    points, signs = load(options.seed)
    model = nn.MLP(2, [16, 16, 1], seed=options.seed)
    optimizer = nn.SGD(model.parameters())
    print(f"{len(points)} points, {len(optimizer.params)} parameters")
    for step in pictures.progress_bar(options.steps):
        loss, accuracy = margin_loss(model, points, signs)
        if step % 10 == 0 or step == options.steps - 1:
            pictures.tell(f"step {step:3d}: loss {loss.data:.4f}, accuracy {accuracy:.0%}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 1.0 - 0.9 * step / options.steps
        optimizer.step()

    with autograd.no_grad():
        loss, accuracy = margin_loss(model, points, signs)
    steps = f"{options.steps} step{'s' * (options.steps != 1)}"
    print(f"after {steps}: loss {loss.data:.4f}, accuracy {accuracy:.0%}")

    def score(x: float, y: float) -> float:
        with autograd.no_grad():
            return model([x, y]).data  # type: ignore[no-any-return]

    title = f"Two moons, told apart: {accuracy:.0%} of {len(points)} training points after {steps}"
    pictures.boundary(score, points, signs, title, options.out / "boundary.png")
    print(f"in {options.out}: boundary.png")


if __name__ == "__main__":
    main()
