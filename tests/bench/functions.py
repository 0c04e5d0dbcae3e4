"""What two questions about functions cost: a banded Hessian of a thousand variables, and an uncertainty.

    python -m tests.bench.functions [--rounds N]

The chain uses each intermediate twice, 200 times over: a way of counting that follows each path from the end to the
beginning would have 2^200 of them.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import autograd
from autograd import hessian, sparse_hessian, uncertain, uncertainty
from demos.options import count


def rosenbrock(x: Any) -> Any:
    """A sum whose terms each know two neighbours: its Hessian has three diagonals."""
    return autograd.sum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(x)])


def chained(x: Any, n: int) -> Any:
    """n steps of the logistic map."""
    for _ in range(n):
        x = x * (0.5 + 0.3 * x)
    return x


AT = [0.1 * (i % 30) - 1.0 for i in range(1000)]
QUESTIONS: dict[str, Callable[[], Any]] = {
    "sparse Hessian, 1 000 variables, banded": lambda: sparse_hessian(rosenbrock)(AT),
    "dense Hessian, 100 variables": lambda: hessian(rosenbrock)(AT[:100]),
    "uncertainty of a chain of 200, each used twice": lambda: uncertainty(chained(uncertain(0.4, 0.01), 200)),
}


def main() -> None:
    """Ask each question several times, and print the medians."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.functions", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=count, default=5)
    rounds = parser.parse_args().rounds
    print(f"backend {autograd.backend().name}; ms of CPU, median of {rounds}")
    for name, question in QUESTIONS.items():
        times = []
        for _ in range(rounds):
            start = time.process_time()
            question()
            times.append(1e3 * (time.process_time() - start))
        print(f"{name:<48} {statistics.median(times):8.2f}")


if __name__ == "__main__":
    main()
