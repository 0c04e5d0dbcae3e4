"""Passes over mixed graphs, a hundred thousand of them, in memory that must not grow: ``python -m tests.leaks``.

Two measures: what Python's allocators have given out (nodes come in chunks of a thousand, so that one node lost a
pass is a chunk every thousand passes), and the resident memory of the process, which sees what bypasses them.
"""

from __future__ import annotations

import copy
import gc
import math
import pickle
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import suppress

import autograd
from autograd import Value, gradients, ieee, no_grad

Program = Callable[[list[Value], int], None]
PROGRAMS: list[Program] = []

twice = autograd.Op("twice, for leaks", 1, lambda a: 2.0 * a)
autograd.rule(twice)(lambda g, y, a: (2.0 * g,))
first = autograd.Op("first, for leaks", None, lambda *xs: xs[0])
autograd.rule(first)(lambda g, y, *inputs: [g, *[None for _ in inputs[1:]]])
broken = autograd.Op("broken, for leaks", 1, lambda a: a)
autograd.rule(broken)(lambda g, y, a: (g, g))


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


@program
def chains(w: list[Value], n: int) -> None:
    y = w[0]
    for x in w:
        y = (y * x + 0.5).tanh() - 2.0 / (x * x + 1.0)
    y.backward()


@program
def many_inputs(w: list[Value], n: int) -> None:
    y = autograd.dot(w, [w[1], *w[:-1]]) + autograd.logsumexp(w) + autograd.sum(w) * autograd.norm(w)
    y = y + autograd.softmax([x * 0.5 for x in w])[n % len(w)] + autograd.max(w) + autograd.prod(w[:3])
    y.backward()


@program
def hooks(w: list[Value], n: int) -> None:
    y = w[0] * w[1]
    z = y + w[2]
    handles = [y.register_hook(lambda g: g * 0.5), w[0].register_hook(lambda g: None), z.register_hook(str)]
    handles[2].remove()
    inner = z.register_hook(lambda g: y.backward())
    z.backward()
    for handle in (*handles, inner):
        handle.remove()
    (w[3] * 2.0).register_hook(lambda g: None)  # of a node that goes at once


@program
def own_ops(w: list[Value], n: int) -> None:
    (twice(w[0]) * first(w[1], twice(w[2]), 3.0, 1)).backward()


@program
def errors(w: list[Value], n: int) -> None:
    with suppress(ValueError):
        (w[0] - 1e6).log()
    with suppress(ZeroDivisionError):
        w[0] / 0
    with suppress(TypeError):
        w[0] + "x"  # type: ignore[operator]
    with suppress(TypeError):
        Value("x", label="y")
    with suppress(TypeError):
        broken(w[0] * w[1]).backward()
    with suppress(TypeError):
        autograd.sum([w[0], None])  # type: ignore[list-item]
    y = w[0] * w[1] * 2.0
    y.register_hook(lambda g: 1 / 0)
    with suppress(ZeroDivisionError):
        (y + w[2]).backward()
    x = Value(3.0, "x")
    square = x * x
    x.data = 4.0
    with suppress(autograd.StaleGraphError):
        square.backward()


@program
def copies(w: list[Value], n: int) -> None:
    y = (w[0] * w[1]).exp() + autograd.sum(w[:4])
    y.label = "y"
    y.backward()
    copy.deepcopy([y, w[0]])[0].backward()
    copy.copy(y).backward()
    pickle.loads(pickle.dumps(w[:3]))
    with suppress(TypeError):
        pickle.dumps(y)


@program
def modes(w: list[Value], n: int) -> None:
    with no_grad():
        autograd.sum([x * 2.0 for x in w]).detach()
    with ieee():
        ((w[0] - w[0]).log() * w[1] + math.inf).backward()
    Value(n, label=str(n)).grad = n
    repr(w[0] * 2.0), f"{w[0]:.2f}", w[0] == w[1], w[0].inputs, (w[0] * 2.0)._prev, (w[0] ** 2)._op


@program
def higher_orders(w: list[Value], n: int) -> None:
    slopes = gradients((w[0] * w[1]).sin(), w[:2], create_graph=True)
    gradients(slopes, w[:2])
    autograd.grad(lambda x: x**3 * w[0])(2.0)
    w[4].lgamma().backward()


replayed = autograd.compile(lambda w: (w[0] * w[1]).tanh() if w[0] > w[1] else w[2].exp() * w[0])


@program
def recordings(w: list[Value], n: int) -> None:
    replayed(w).backward()
    replayed.value_and_grad([0.1 * (k + n % 3) * (-1.0) ** n for k in range(8)])
    if n % 50 == 0:
        program = autograd.record(lambda x: x * w[0] if x > 1.0 else x, 2.0)
        program.gradient()(3.0)
        gradients(program(Value(3.0)), w[:1], create_graph=True)
        with suppress(ValueError):
            program(0.0)
        with suppress(RuntimeError):
            autograd.record(lambda x: x * x.data, 2.0)  # declines


@program
def assignments(w: list[Value], n: int) -> None:
    for x in w:
        x.data = 0.1 + x.data * 0.9
        x.grad = None
        x.label = "w" if n % 2 else ""


def one_round(w: list[Value], n: int, programs: Sequence[Program]) -> None:
    programs[n % len(programs)](w, n)
    if n % 10 == 0:
        assignments(w, n)


def grown(passes: int, warm_up: int, programs: Sequence[Program]) -> int:
    """By how many bytes the memory that Python gave out grew, in `passes` after `warm_up` others."""
    w = [Value(0.1 * (k + 1)) for k in range(8)]
    tracemalloc.start()
    try:
        for n in range(warm_up):
            one_round(w, n, programs)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for n in range(passes):
            one_round(w, n, programs)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def resident() -> int:
    """The bytes of memory that the process has in use."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(passes: int = 100_000) -> int:
    """Print memory as it goes, and a verdict; 1 where it grew."""
    print(f"{autograd.backend().name} engine, {passes} passes, {len(PROGRAMS)} kinds of graphs")
    w = [Value(0.1 * (k + 1)) for k in range(8)]
    start, sizes = time.perf_counter(), []
    for n in range(passes):
        one_round(w, n, PROGRAMS)
        if (n + 1) % (passes // 10) == 0:
            gc.collect()
            sizes.append(resident())
            print(f"{n + 1:8} passes  {sizes[-1] / 2**20:8.2f} MB  {time.perf_counter() - start:6.1f} s", flush=True)
    resident_growth = sizes[-1] - sizes[1]
    verdicts = [("resident memory", resident_growth, 2**20)]
    for each in PROGRAMS:  # each alone, so that a leak has a name
        verdicts.append((each.__name__, grown(passes=passes // 25, warm_up=500, programs=[each]), 50_000))
    leaking = [name for name, growth, allowed in verdicts if growth > allowed]
    for name, growth, _ in verdicts:
        print(f"{name:16} {growth:+10} bytes{'   LEAK' if name in leaking else ''}")
    print(f"LEAKS in {', '.join(leaking)}" if leaking else "no leaks")
    return 1 if leaking else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
