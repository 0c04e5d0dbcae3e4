"""Sum a data set's gradient over worker processes: one recorded program, sent to each by Dask.

    python -m demos.workers [--steps N] [--workers N] [--seed N]

The margin loss of one point of two moons is recorded once. Its gradient is a program of some hundred numbers: it
pickles, so each worker runs it on its share of the points. The sum over the shares is the data set's gradient, to the
last bit what one process gets.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import autograd
import nn
from autograd import Value

from .moons import load
from .options import count, seed

HIDDEN = 8
Sample = tuple[list[float], float]


def loss(weights: Sequence[Value], point: Sequence[Value], sign: Value) -> Value:
    """max(0, 1 - sign × score) of a point, by a network of one hidden layer."""
    x, y = point
    hidden = [(a * x + b * y + c).tanh() for a, b, c in zip(*[iter(weights[: 3 * HIDDEN])] * 3, strict=True)]
    score = autograd.dot(weights[3 * HIDDEN : -1], hidden) + weights[-1]
    margin: Value = (1.0 - sign * score).relu()
    return margin


def build() -> Value:
    """The loss of one point: a graph that can be looked at."""
    return loss([Value(w) for w in start(0)], [Value(1.0), Value(0.5)], Value(-1.0))


def start(seed: int) -> list[float]:
    """Random weights: two and a bias for each hidden neuron, one each for the output and its bias."""
    source = random.Random(seed)
    return [source.uniform(-1.0, 1.0) for _ in range(4 * HIDDEN + 1)]


def summed(program: autograd.Program, weights: list[float], samples: Sequence[Sample]) -> list[float]:
    """The value and the gradient, one after the other, summed over samples: what a worker does."""
    total = [0.0] * (1 + len(weights))
    for point, sign in samples:
        value, gradient = program(weights, point, sign)
        total = [a + b for a, b in zip(total, [value, *gradient], strict=True)]
    return total


def main(argv: Sequence[str] | None = None) -> None:
    """Descend, each step's gradient summed over the workers."""
    parser = argparse.ArgumentParser(prog="python -m demos.workers", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=count, default=50)
    parser.add_argument("--workers", type=count, default=2)
    parser.add_argument("--seed", type=seed, default=1337, help="of the points and the weights")
    options = parser.parse_args(argv)
    try:
        import dask
    except ImportError:
        raise nn.MissingLibraryError("this demo needs dask: pip install 'chainrule[demos]'") from None

    samples = list(zip(*load(options.seed), strict=True))
    weights = start(options.seed)
    program = autograd.record(loss, weights, *samples[0]).gradient()
    print(program.explain().partition("\n")[0])
    shares = [samples[k :: options.workers] for k in range(options.workers)]
    task: Any = dask.delayed(summed, pure=False)
    sums: list[list[float]] = []
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool, dask.config.set(pool=pool):
        for step in range(options.steps):
            sums = dask.compute(*[task(program, weights, share) for share in shares], scheduler="processes")
            value, *gradient = [sum(column) / len(samples) for column in zip(*sums, strict=True)]
            if step % 10 == 0 or step == options.steps - 1:
                print(f"step {step:3d}: loss {value:.4f}")
            before, weights = weights, [w - g for w, g in zip(weights, gradient, strict=True)]
    same = [summed(program, before, share) for share in shares] == list(sums)
    print(f"the last gradient from {options.workers} workers is that of one process: {same}")


if __name__ == "__main__":
    main()
