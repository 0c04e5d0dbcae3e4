"""What a node costs in the readable engine, beside micrograd and a class of microgpt's shape.

    python -m tests.bench.pure_engine [--terms 10000] [--rounds 15]

f = Σ tanh(aᵢ bᵢ + cᵢ) aᵢ², six operations a term, forward and backward, all in one process, in turns, with the
garbage collector on. Prints medians of CPU time and the median of the ratios of each round.
"""

from __future__ import annotations

import argparse
import gc
import math
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import micrograd.engine

from autograd import backend
from autograd.value import Value
from demos.options import count

from .microgpt_shape import LocalGrads


def tanh(self: Any) -> Any:
    """The method that micrograd's lecture adds to its Value, and the package lacks."""
    t = math.tanh(self.data)
    out = micrograd.engine.Value(t, (self,), "tanh")

    def _backward() -> None:
        self.grad += (1 - t * t) * out.grad

    out._backward = _backward
    return out


micrograd.engine.Value.tanh = tanh


def measure(make: Callable[[float], Any], terms: int) -> tuple[float, float, float]:
    """CPU nanoseconds an op: forward, backward; and the sum of the gradients, to be compared."""
    draw = random.Random(1)
    a, b, c = ([make(draw.gauss(0, 1)) for _ in range(terms)] for _ in range(3))
    gc.collect()
    start = time.process_time()
    f = make(0.0)
    for x, y, z in zip(a, b, c, strict=True):
        f = f + (x * y + z).tanh() * x**2
    middle = time.process_time()
    f.backward()
    end = time.process_time()
    per_op = 1e9 / (6 * terms)
    return (middle - start) * per_op, (end - middle) * per_op, math.fsum(x.grad for x in a)


def run(terms: int, rounds: int) -> None:
    """Measure in turns, and print."""
    engines = {"microgpt's shape": LocalGrads, "micrograd": micrograd.engine.Value, "chainrule, pure": Value}
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, make in engines.items():
            results[name].append(measure(make, terms))
    answers = {name: r[0][2] for name, r in results.items()}
    assert max(answers.values()) - min(answers.values()) < 1e-6 * abs(answers["micrograd"]), answers
    print(f"{6 * terms} ops, {rounds} rounds, Python {sys.version.split()[0]}, gc on, backend {backend().name}")
    print(f"{'ns an op':20} {'forward':>8} {'backward':>8} {'both':>8}   both, as a share of microgpt's shape")
    base = [f + b for f, b, _ in results["microgpt's shape"]]
    for name, r in results.items():
        both = [f + b for f, b, _ in r]
        forward, backward = statistics.median(x[0] for x in r), statistics.median(x[1] for x in r)
        share = statistics.median(x / y for x, y in zip(both, base, strict=True))
        print(f"{name:20} {forward:8.0f} {backward:8.0f} {statistics.median(both):8.0f}   {share:.3f}")


def main() -> None:
    """Read the command line; the peers recurse, so give them a deep stack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--terms", type=int, default=10_000)
    parser.add_argument("--rounds", type=count, default=15)
    given = parser.parse_args()
    sys.setrecursionlimit(100 * given.terms + 10_000)
    threading.stack_size(1 << 29)
    thread = threading.Thread(target=run, args=(given.terms, given.rounds))
    thread.start()
    thread.join()


if __name__ == "__main__":
    main()
