"""chainrule beside its peers, in one command: how fast, how large, how soon imported.

    python -m tests.bench [--rounds 7] [--only sum_tanh,moons] [--peers chainrule,micrograd] [--quick] [--markdown]

Every peer is installed, pinned, in an environment of its own (peers.py has the table) and measured in a process of
its own, all in turns. Every gradient is compared with one computed by hand before its time counts. Tables go to
stdout, progress to stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from autograd import backend
from demos.options import count

from . import report
from .peers import PEERS
from .run import WORKLOADS, Bench


def names(known: Sequence[str]) -> Callable[[str], list[str]]:
    """A list of names from the command line, in the order of those known."""

    def parse(given: str) -> list[str]:
        unknown = set(given.split(",")) - set(known)
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        return [name for name in known if name in given.split(",")]

    return parse


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    compiled = backend().name != "pure"
    known = [peer.name for peer in PEERS if compiled or peer.name != "chainrule-pure"]
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=count, default=7)
    parser.add_argument(
        "--only", type=names(WORKLOADS), default=WORKLOADS, metavar="WORKLOAD,…", help=", ".join(WORKLOADS)
    )
    parser.add_argument("--peers", type=names(known), default=known, metavar="PEER,…", help=", ".join(known))
    parser.add_argument("--quick", action="store_true", help="two rounds of small sizes: to see that it works")
    parser.add_argument("--markdown", action="store_true", help="print the README's table and nothing else")
    parser.add_argument("--envs", type=Path, default=Path.home() / ".cache" / "chainrule-bench", help="environments")
    options = parser.parse_args(argv)

    rounds = min(options.rounds, 2) if options.quick else options.rounds
    bench = Bench([peer for peer in PEERS if peer.name in options.peers], options.envs, rounds, options.quick)
    for workload in options.only:
        # The pure engine takes seconds and gigabytes from 10⁷ nodes on.
        bench.measure(workload, growth=10**4 if options.quick else 10**7 if compiled else 10**6)
    arguments = sys.argv[1:] if argv is None else argv
    print(report.conditions(bench.results, " ".join(["python -m tests.bench", *arguments]), rounds))
    print()
    print(report.markdown(bench.results) if options.markdown else report.text(bench.results, options.only))
    print(f"\n{report.missing(bench.results)}", file=sys.stderr if options.markdown else sys.stdout)


if __name__ == "__main__":
    main()
