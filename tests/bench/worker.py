"""The process that measures one peer, in its own environment: requests in, answers out, a JSON line each."""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from . import engines, networks
from .programs import PROGRAMS, Program
from .reference import along

ENGINES: dict[str, Callable[[], engines.Engine]] = {
    "floats": engines.floats,
    "chainrule": engines.chainrule,
    "chainrule-pure": engines.chainrule,
    "chainrule-nn": networks.Layers,
    "microgpt-shape": engines.microgpt_shape,
    "micrograd": engines.micrograd,
    "micrograd-rust": engines.micrograd_rust,
    "oxigrad": engines.oxigrad,
    "xad": engines.xad,
    "casadi": engines.casadi,
    "casadi-replay": engines.casadi_replay,
    "hips": engines.hips,
    "mygrad": engines.mygrad,
    "torch": engines.torch,
    "torch-tensors": networks.Tensors,
    "jax": engines.jax,
    "jax-jit": networks.Jit,
}
NEAR_1 = 1.0 - 2.0**-24
SPENT = 0.1  # a measurement is repeated until it has taken so many seconds, or 25 times
# From 3.13 on Python itself frees nested objects up to 10 000 frames deep: 256 kB do not hold them.
SMALL_STACK = 256 * 1024 if sys.version_info < (3, 13) else 8 * 1024 * 1024

program: Callable[[str, int], Program] = functools.cache(lambda name, size: PROGRAMS[name](size))
Phases = dict[str, float]


def resident(name: str = "VmRSS") -> float:
    """Bytes of memory in use, as Linux counts them; VmHWM: the most since `reset_peak`."""
    try:
        with open("/proc/self/status") as f:
            return next(1024.0 * int(line.split()[1]) for line in f if line.startswith(name))
    except OSError:
        return math.nan


def reset_peak() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as f:
        f.write("5")


class Stopwatch:
    """CPU seconds of each phase; what comes before "ready" does not count."""

    def __init__(self) -> None:
        self.phases: Phases = {}
        self.last = time.process_time()

    def __call__(self, phase: str) -> None:
        now = time.process_time()
        if phase == "ready":
            self.phases.clear()
        else:
            self.phases[phase] = now - self.last
        self.last = time.process_time()


def median(runs: Sequence[Phases]) -> Phases:
    """The run whose total is the median."""
    return sorted(runs, key=lambda phases: sum(phases.values()))[len(runs) // 2]


def repeated(run: Callable[[Stopwatch], Any], collect: bool) -> tuple[Phases, Any]:
    """The median of runs of together `SPENT` seconds, at least one, and what the first answered."""
    runs: list[Phases] = []
    answers = []
    while not runs or (sum(sum(phases.values()) for phases in runs) < SPENT and len(runs) < 25):
        gc.collect()
        gc.enable() if collect else gc.disable()
        watch = Stopwatch()
        answers.append(run(watch))
        gc.enable()
        runs.append(watch.phases)
    return median(runs), answers[0]


def steps(engine: engines.Engine, workload: str, size: int, collect: bool) -> dict[str, Any]:
    """A program's forward, backward, reading and freeing."""
    engine.step(program(workload, 1), lambda phase: None)
    given = program(workload, size)
    phases, gradients = repeated(lambda watch: engine.step(given, watch), collect)
    return {"phases": phases, "along": along(gradients)}


def training(engine: engines.Engine, workload: str, size: int, collect: bool) -> dict[str, Any]:
    """Steps with Adam; as many as take a while, of which one is a warm-up."""
    given = program(workload, size)
    watch, count, first = Stopwatch(), 1, [0.0]
    while watch.phases.get("total", 0.0) < SPENT and count < 10_000:
        if "total" in watch.phases:
            count = 1 + int(count * 1.5 * SPENT / watch.phases["total"])
        gc.collect()
        gc.enable() if collect else gc.disable()
        watch = Stopwatch()
        first = engine.train(given, watch, count)
        gc.enable()
    return {"phases": {"total": watch.phases["total"] / count}, "along": along(first)}


def memory(engine: engines.Engine, workload: str, size: int, collect: bool) -> dict[str, Any]:
    """Bytes more than before: after the forward pass, and at the peak of the step."""
    engine.step(program(workload, 1), lambda phase: None)
    given = program(workload, size)
    gc.collect()
    bytes_: dict[str, float] = {}

    def mark(phase: str) -> None:
        if phase == "ready":
            reset_peak()
        bytes_[phase] = resident()

    gradients = engine.step(given, mark)
    after = bytes_["forward"] - bytes_["ready"]
    return {"phases": {"forward": after, "peak": resident("VmHWM") - bytes_["ready"]}, "along": along(gradients)}


def deep(n: int) -> tuple[Any, Any, Any]:
    """A chain of n nodes, half of them products: its end, its first factor, so near 1 that no gradient is subnormal."""
    from autograd import Value

    x = Value(1.0)
    a, b = Value(NEAR_1), Value(1.0 - NEAR_1)
    for _ in range(n // 2):
        x = x * a + b
    return x, a, b


def wide(n: int) -> tuple[Any, Any, Any]:
    """n nodes, half of them products of the same two leaves, the rest the tree that adds them up."""
    from autograd import Value

    a, b = Value(0.5), Value(0.25)
    layer = [a * b for _ in range(n // 2)]
    while len(layer) > 1:
        odd = layer[len(layer) - len(layer) % 2 :]
        layer = [x + y for x, y in zip(layer[::2], layer[1::2], strict=False)] + odd
    return layer[0], a, b


def growth(engine: engines.Engine, shape: str, size: int, collect: bool) -> dict[str, Any]:
    """CPU seconds of a graph of `size` nodes on passes after the first, and bytes resident after the first forward."""
    make = {"deep": deep, "wide": wide}[shape]
    make(10)
    before = resident()
    y, a, b = make(size)
    held = resident() - before
    y.backward()
    # x' = x a + b and so dx'/da = a dx/da + x; in the tree, b for each of size / 2 products.
    x, expected = 1.0, 0.0
    for _ in range(size // 2):
        x, expected = x * NEAR_1 + (1.0 - NEAR_1), expected * NEAR_1 + x
    expected = expected if shape == "deep" else b.data * (size // 2)
    found = a.grad, expected
    del y, a, b

    def run(watch: Stopwatch) -> None:
        y, *_leaves = make(size)
        watch("forward")
        y.backward()
        watch("backward")
        del y
        watch("free")

    phases, _ = repeated(run, collect)
    return {"phases": {**phases, "bytes": held}, "along": found, "expected": expected}


def answer(engine: engines.Engine, request: dict[str, Any]) -> dict[str, Any]:
    kind = {"step": steps, "train": training, "memory": memory, "growth": growth}[request["kind"]]
    return kind(engine, request["workload"], request["size"], request["gc"])


def serve(name: str) -> None:
    """Answer until the requests end. What a peer prints goes to stderr; what it raises is an answer."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        engine: engines.Engine | None = None
        for line in sys.stdin:
            request = json.loads(line)
            result: dict[str, Any] = {}

            def run(request: dict[str, Any] = request, result: dict[str, Any] = result) -> None:
                nonlocal engine
                try:
                    engine = engine or ENGINES[name]()
                    result.update(answer(engine, request))
                except Exception as problem:
                    result["failed"] = f"{type(problem).__name__}: {problem}".partition("\n")[0]

            # Most peers recurse; growth shows that a graph can be deep where the stack is not.
            small = request["kind"] == "growth"
            sys.setrecursionlimit(1000 if small else 1_000_000)
            threading.stack_size(SMALL_STACK if small else 1 << 29)
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
            print(json.dumps(result), file=out, flush=True)
