"""Programs beside C, arrays and other compilers of expressions: value and gradient, recorded once and run again.

    python -m tests.bench.replay [--rounds 7] [--only moons,microgpt] [--peers chainrule,casadi] [--quick]

Every peer is measured in a process of its own, all in turns, and runs the same workload: as scalars those that take
scalars, as arrays those that take arrays. Each value and gradient is compared with forward mode by hand before a time
counts. Times are medians of rounds; a ratio is the median of the ratios of each round.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from autograd import __version__, backend
from demos.options import count

from .__main__ import names
from .peers import JAX, NUMPY, TORCH, Peer, PeerError, Worker, environment
from .programs import REPLAYED
from .reference import reference_value
from .report import figure, processor, table

PEERS = (
    Peer("by hand", "C by hand"),
    Peer("chainrule", "chainrule"),
    Peer("chainrule-fast", "its fast()"),
    Peer("casadi", "casadi, buffers", pins=("casadi==3.8.2", NUMPY)),
    Peer("numpy", "numpy by hand", pins=("casadi==3.8.2", NUMPY)),
    Peer("jax", "jax, jit", pins=JAX),
    Peer("torch", "torch, tensors", pins=(TORCH,)),
)
SIZES = {
    "sum_tanh": 10_000, "moons": 100, "microgpt": 8, "rosenbrock": 100, "black_scholes": 1, "bodies": 10, "digits": 32,
}  # fmt: skip
TITLES = {
    "sum_tanh": "Σ tanh, 10 000 terms", "moons": "moons step", "microgpt": "microgpt step",
    "rosenbrock": "Rosenbrock-100", "black_scholes": "Black-Scholes, Greeks", "bodies": "10 bodies",
    "digits": "digits, batch of 32",
}  # fmt: skip


class Bench:
    """Times of every peer on every workload, round by round."""

    def __init__(self, peers: Sequence[Peer], envs: Path) -> None:
        self.times: dict[tuple[str, str], list[float]] = {}
        self.made: dict[tuple[str, str], float] = {}  # seconds until it had run once
        self.reasons: dict[str, str] = {}
        self.workers: dict[str, Worker] = {}
        for peer in peers:
            try:
                self.workers[peer.name] = Worker(peer, environment(peer, envs), "replay_engines")
            except PeerError as problem:
                self.reasons[peer.name] = str(problem)

    def measure(self, workload: str, rounds: int, seconds: float) -> None:
        """One round after the other, in each one peer after the other."""
        value, slope, size = reference_value(REPLAYED[workload](SIZES[workload]))
        for _ in range(rounds):
            for name, worker in self.workers.items():
                where = f"{name}, {workload}"
                if where in self.reasons:
                    continue
                try:
                    answer = worker.ask(workload=workload, size=SIZES[workload], seconds=seconds)
                except PeerError as problem:
                    self.reasons[where] = str(problem)
                    continue
                error = max(abs(answer["value"] / value - 1), abs(answer["along"] - slope) / size)
                if not error < 1e-9:
                    self.times.pop((name, workload), None)
                    self.reasons[where] = f"the answer is wrong, by {error:.0e}"
                    continue
                self.times.setdefault((name, workload), []).append(answer["seconds"])
                self.made[name, workload] = answer["made"]
                print(f"{where}: {1e6 * answer['seconds']:.2f} µs", file=sys.stderr)

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()

    def ratio(self, slow: str, fast: str, workload: str) -> float:
        """How many times longer the one takes than the other."""
        pair = self.times.get((slow, workload)), self.times.get((fast, workload))
        if not pair[0] or not pair[1]:
            return float("nan")
        return statistics.median([a / b for a, b in zip(*pair, strict=True)])

    def text(self, workloads: Sequence[str]) -> str:
        """The times in µs, and how many times longer than chainrule each takes."""
        lines = [["µs (× chainrule's)", *[TITLES[workload] for workload in workloads]]]
        for peer in PEERS:
            cells = []
            for workload in workloads:
                times = self.times.get((peer.name, workload))
                ratio = self.ratio(peer.name, "chainrule", workload)
                compared = "" if peer.name == "chainrule" or ratio != ratio else f" ({figure(ratio, 2)})"
                cells.append(figure(1e6 * statistics.median(times)) + compared if times else "–")
            if any(cell != "–" for cell in cells):
                lines.append([peer.title, *cells])
        return table([*map(list, zip(*lines, strict=True))])

    def makings(self, workloads: Sequence[str]) -> str:
        """The ms that it takes to make it, the first run among them."""
        lines = [["ms until it has run once", *[TITLES[workload] for workload in workloads]]]
        for peer in PEERS:
            made = [self.made.get((peer.name, workload)) for workload in workloads]
            if any(made):
                lines.append([peer.title, *["–" if x is None else figure(1e3 * x) for x in made]])
        return table([*map(list, zip(*lines, strict=True))])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.replay", description=(__doc__ or "").partition("\n")[0]
    )
    known = [peer.name for peer in PEERS]
    parser.add_argument("--rounds", type=count, default=7)
    parser.add_argument("--only", type=names([*SIZES]), default=[*SIZES], metavar="WORKLOAD,…", help=", ".join(SIZES))
    parser.add_argument("--peers", type=names(known), default=known, metavar="PEER,…", help=", ".join(known))
    parser.add_argument("--quick", action="store_true", help="two short rounds: to see that it works")
    parser.add_argument("--envs", type=Path, default=Path.home() / ".cache" / "chainrule-bench", help="environments")
    options = parser.parse_args(argv)
    rounds = min(options.rounds, 2) if options.quick else options.rounds
    bench = Bench([peer for peer in PEERS if peer.name in options.peers], options.envs)
    for workload in options.only:
        bench.measure(workload, rounds, 0.002 if options.quick else 0.05)
    bench.close()
    command = " ".join(["python -m tests.bench.replay", *(sys.argv[1:] if argv is None else argv)])
    print(f"`{command}`: value and gradient, medians of {rounds} rounds, interleaved, CPU time; {processor()}.")
    print(f"chainrule {__version__}, backend {backend().name}.\n")
    print(bench.text(options.only), bench.makings(options.only), sep="\n\n")
    if bench.reasons:
        print("\n" + "\n".join(f"{where}: {reason}" for where, reason in bench.reasons.items()))


if __name__ == "__main__":
    main()
