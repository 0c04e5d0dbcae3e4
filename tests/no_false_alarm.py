"""Run the checks on correct rules and say how often they cry wolf: `python -m tests.no_false_alarm [examples]`.

Points of every op, expressions, programs and nets, away from kinks and exactly on them, at the edges of domains, up to
the third derivative. 100 000 examples unless told; a false alarm ends the run with its smallest form.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from autograd.errors import GradientError
from autograd.testing import check_gradients
from autograd.testing.strategies import OPS, expressions, nets, programs

SHARES: dict[
    str, tuple[int, Callable[[int], Any]]
] = {  # percent of the examples; what is drawn for derivatives of an order
    "points away from kinks": (20, lambda order: _applied("away", order)),
    "points anywhere, kinks and edges too": (20, lambda order: _applied("any", order)),
    "expressions": (25, lambda order: _expressions("away", order)),
    "expressions, kinks and edges too": (25, lambda order: _expressions("any", order)),
    "programs with loops and branches": (5, lambda order: programs()),
    "small nets": (5, lambda order: nets(max_width=3 - (order > 1) - (order > 2))),
}


def _applied(kinks: Any, order: int) -> Any:
    return st.sampled_from(OPS).flatmap(lambda name: expressions([name], max_size=1, kinks=kinks))


def _expressions(kinks: Any, order: int) -> Any:
    return expressions(max_size=8 if order == 1 else 4 if order == 2 else 2, kinks=kinks)


def checked(drawn: Any, order: int, count: int) -> tuple[int, int, int]:
    """How many examples were checked, how many derivatives compared, how many left undecided."""
    reports = []

    @seed(20261122)
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(drawn)
    def holds(f: Any) -> None:
        reports.append(check_gradients(f, f.point, order))

    holds()
    return len(reports), sum(r.compared for r in reports), sum(len(r.undecided) for r in reports)


def run(examples: int, say: Callable[[str], None] = print) -> tuple[int, int, int]:
    """Check so many examples; the sums of what `checked` returns."""
    total = [0, 0, 0]
    for name, (percent, drawn) in SHARES.items():
        for order, part in ((1, 0.8), (2, 0.15), (3, 0.05)):
            start = time.perf_counter()
            seen = checked(drawn(order), order, max(1, round(examples * percent / 100 * part)))
            took = time.perf_counter() - start
            counts = "{:>6} examples, {:>8} compared, {:>6} undecided".format(*seen)
            say(f"{name:<38} order {order}: {counts}, {took:.0f} s")
            total = [a + b for a, b in zip(total, seen, strict=True)]
    return total[0], total[1], total[2]


def main(arguments: list[str]) -> int:
    examples = int(arguments[0]) if arguments else 100_000
    try:
        count, compared, undecided = run(examples)
    except GradientError as error:
        print(f"a false alarm: {error}")
        return 1
    print(f"no false alarm in {count} examples: {compared} derivatives compared, {undecided} undecided")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
