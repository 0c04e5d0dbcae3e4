"""Run the checks on correct rules and say how often they cry wolf: `python -m tests.no_false_alarm [examples]`.

Points of every op, expressions, programs and nets, away from kinks and exactly on them, at the edges of domains, up to
the third derivative. 100 000 examples unless told. A false alarm is printed in its smallest form and ends its part.

    --part WORD   only the parts whose name holds the word, with the share of the examples that they have
    --order N     only derivatives of this order
    --seed S      of the examples
    --jobs J      processes; every part runs in one
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, NamedTuple

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

SEED = 20261122
ORDERS = {1: 0.8, 2: 0.15, 3: 0.05}  # and the share of the examples for derivatives of each


def _applied(kinks: Any, order: int) -> Any:
    return st.sampled_from(OPS).flatmap(lambda name: expressions([name], max_size=1, kinks=kinks))


def _expressions(kinks: Any, order: int) -> Any:
    return expressions(max_size=8 if order == 1 else 4 if order == 2 else 2, kinks=kinks)


def checked(drawn: Any, order: int, count: int, start: int) -> tuple[int, int, int]:
    """How many examples were checked, how many derivatives compared, how many left undecided."""
    reports = []

    @seed(start)
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(drawn)
    def holds(f: Any) -> None:
        reports.append(check_gradients(f, f.point, order))

    holds()
    return len(reports), sum(r.compared for r in reports), sum(len(r.undecided) for r in reports)


class Outcome(NamedTuple):
    """What became of a part of the examples."""

    line: str
    examples: int = 0
    compared: int = 0
    undecided: int = 0
    alarms: int = 0


def part(name: str, order: int, examples: int, start: int) -> Outcome:
    """Check one part's share of so many examples."""
    percent, drawn = SHARES[name]
    before = time.perf_counter()
    where = f"{name:<38} order {order}"
    try:
        seen = checked(drawn(order), order, max(1, round(examples * percent / 100 * ORDERS[order])), start)
    except GradientError as error:
        return Outcome(f"{where}: a false alarm: {error}", alarms=1)
    counts = "{:>6} examples, {:>8} compared, {:>6} undecided".format(*seen)
    return Outcome(f"{where}: {counts}, {time.perf_counter() - before:.0f} s", *seen)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.no_false_alarm", description=__doc__.split(":")[0])
    parser.add_argument("examples", type=int, nargs="?", default=100_000)
    parser.add_argument("--part", default="", help="only the parts whose name holds this word")
    parser.add_argument("--order", type=int, choices=ORDERS, help="only derivatives of this order")
    parser.add_argument("--seed", type=int, default=SEED, help="of the examples")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    given = parser.parse_args(arguments)
    chosen = [
        (name, order) for name in SHARES for order in ORDERS if given.part in name and given.order in (None, order)
    ]
    if not chosen:
        parser.error(f"no part is called {given.part!r}; there are {', '.join(SHARES)}")
    outcomes = []
    with ProcessPoolExecutor(given.jobs) as pool:
        ways = [pool.submit(part, name, order, given.examples, given.seed) for name, order in chosen]
        for way in as_completed(ways):
            outcomes.append(way.result())
            print(outcomes[-1].line, flush=True)
    count, compared, undecided, alarms = (sum(o[i] for o in outcomes) for i in range(1, 5))
    outcome = f"{alarms} false alarm{'s' * (alarms != 1)}" if alarms else "no false alarm"
    print(f"{outcome} in {count} examples: {compared} derivatives compared, {undecided} undecided")
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
