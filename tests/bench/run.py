"""The measuring: round after round, every engine once in each, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import math
import random
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .peers import Peer, PeerError, Worker, environment, import_time
from .programs import PROGRAMS
from .reference import reference

TOLERANCE = 1e-9  # of a gradient, as a share of the size of its terms

SIZES = {"sum_tanh": 10_000, "moons": 100, "microgpt": 8, "digits": 32}
QUICK = {"sum_tanh": 500, "moons": 5, "microgpt": 2, "digits": 4}
# workload: (kind of request, program)
STEPS = {"sum_tanh": ("step", "sum_tanh"), "moons": ("step", "moons"), "microgpt": ("step", "microgpt"),
         "loop": ("train", "microgpt"), "digits": ("train", "digits"), "memory": ("memory", "sum_tanh")}  # fmt: skip
WORKLOADS = (*STEPS, "growth", "import")


class Row(NamedTuple):
    """A peer, with the garbage collector on or off."""

    peer: Peer
    gc: bool = True

    @property
    def title(self) -> str:
        return self.peer.title + ("" if self.gc else ", gc off")

    def __str__(self) -> str:
        return self.title + (f", {self.peer.share:g} of it" if self.peer.share < 1 else "")

    @property
    def key(self) -> str:
        return self.peer.name if self.gc else f"{self.peer.name}, gc off"


def total(phases: dict[str, float]) -> float:
    """Forward, backward, reading every gradient and freeing."""
    return phases["total"] if "total" in phases else sum(x for p, x in phases.items() if p != "bytes")


def progress(line: str) -> None:
    """One line that is written over; nothing where stderr is a file."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


@dataclass
class Results:
    """(workload, row's key) → each round's figures: per operation, node or step; and why there are none."""

    figures: dict[tuple[str, str], list[dict[str, float]]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def series(self, workload: str, key: str, *phases: str) -> list[float]:
        """A figure round by round: the sum of the phases, or the total."""
        rounds = self.figures.get((workload, key), [])
        return [sum(r[p] for p in phases) if phases else total(r) for r in rounds if all(p in r for p in phases)]

    def median(self, workload: str, key: str, *phases: str) -> float:
        """Of the rounds; nan where there are none."""
        series = self.series(workload, key, *phases)
        return statistics.median(series) if series else math.nan

    def ratio(self, workload: str, slow: str, fast: str, *phases: str) -> float:
        """The median of the ratios of each round."""
        pairs = zip(self.series(workload, slow, *phases), self.series(workload, fast, *phases), strict=False)
        ratios = [a / b for a, b in pairs if b]
        return statistics.median(ratios) if ratios else math.nan


class Bench:
    """What one run measures."""

    def __init__(self, peers: Iterable[Peer], envs: Path, rounds: int, quick: bool) -> None:
        self.rounds, self.quick = rounds, quick
        self.results = Results(sizes=QUICK if quick else SIZES)
        self.pythons: dict[Peer, str] = {}
        self.references: dict[tuple[str, int], tuple[float, int]] = {}
        for peer in peers:
            try:
                self.pythons[peer] = environment(peer, envs)
            except PeerError as problem:
                self.results.reasons[peer.title] = f"left out: {problem}"

    def measure(self, workload: str, growth: int) -> None:
        """One workload; growth up to so many nodes."""
        peers = [peer for peer in self.pythons if workload in peer.workloads.split()]
        both = workload not in ("memory", "growth", "import")
        rows = [Row(peer, gc) for peer in peers for gc in ([True, False] if peer.gc_off and both else [True])]
        jobs: list[tuple[Row, str, int]] = [(row, workload, 0) for row in rows]
        if workload == "growth":
            powers = range(3, 1 + round(math.log10(growth)))
            jobs = [(row, shape, 10**n) for row in rows for shape in ("deep", "wide") for n in powers]
        self.results.rows.update({row.key: row for row in rows})
        workers: dict[str, Worker] = {}
        out: set[Row] = set()
        rounds = min(self.rounds, 3) if workload == "growth" else self.rounds
        for r in range(rounds):
            for row, name, size in random.Random(r).sample(jobs, len(jobs)):
                if row in out:
                    continue
                progress(f"{workload}, round {r + 1} of {rounds}: {row.title}")
                try:
                    figures = self.ask(workers, row, name, size)
                except PeerError as problem:
                    out.add(row)
                    self.results.figures.pop((workload, row.key), None)
                    self.results.reasons[f"{row.title}, {workload}"] = str(problem)
                    if row.peer.name in workers:
                        workers.pop(row.peer.name).close()
                else:
                    where = f"{name} {size}" if size else workload
                    self.results.figures.setdefault((where, row.key), []).append(figures)
        for worker in workers.values():
            worker.close()
        progress("")

    def ask(self, workers: dict[str, Worker], row: Row, workload: str, size: int) -> dict[str, float]:
        """One measurement: nanoseconds or bytes an operation, or a node, or seconds; its gradients checked."""
        peer = row.peer
        if workload == "import":
            return {"total": import_time(peer, self.pythons[peer])}
        kind, program = STEPS.get(workload, ("growth", workload))
        if kind in ("memory", "growth") and peer.name in workers:  # these need a fresh process
            workers.pop(peer.name).close()
        if peer.name not in workers:
            workers[peer.name] = Worker(peer, self.pythons[peer])
        size = size or max(1, round(self.results.sizes[program] * peer.share))
        answer: dict[str, Any] = workers[peer.name].ask(kind=kind, workload=program, size=size, gc=row.gc)
        if kind == "growth":
            expected, ops = answer["expected"], size
        else:
            if (program, size) not in self.references:
                self.references[program, size] = reference(PROGRAMS[program](size))
            expected, ops = self.references[program, size]
        got, scale = answer["along"]
        if peer.name != "floats" and not abs(got - expected) <= TOLERANCE * scale:  # nan is wrong too
            raise PeerError(f"its gradients are wrong: {got!r} instead of {expected!r} along a direction")
        unit = 1 if kind == "train" else ops
        scale = 1.0 if kind == "memory" else 1e9
        return {p: x / unit * (1.0 if p == "bytes" else scale) for p, x in answer["phases"].items()}
