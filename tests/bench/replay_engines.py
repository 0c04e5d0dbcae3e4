"""Each peer of replay.py in its own environment: value and gradient of a workload, as fast as it can be asked for them.

An engine prepares a workload once, and answers with a function that runs it and one that reads value and gradient of
the last run. Numbers go in and out in arrays.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .arrays import TEXTS, by_numpy
from .engines import Engine
from .programs import REPLAYED, Program
from .reference import along

Ready = tuple[Callable[[], Any], Callable[[], list[float]]]
ROUND = 0.02  # seconds that a measurement takes at least


def chainrule(name: str, program: Program, fast: bool = False) -> Ready:
    """Recorded once, from the text that all engines run."""
    import autograd

    engine = Engine(float, autograd, float, value=lambda x: x.detach() if isinstance(x, autograd.Value) else x)
    recorded = autograd.record(lambda x: program.forward(engine, program.arrange(x)), program.start)
    gradient = (recorded.fast() if fast else recorded).gradient()
    x, out = array("d", program.start), array("d", [0.0] * (1 + len(program.start)))
    return gradient.bound(x, out), out.tolist


def casadi(name: str, program: Program) -> Ready:
    """Expressions of symbols, run on a tape through buffers."""
    import casadi as sx

    engine = Engine(float, sx, float, relu=lambda x: sx.fmax(x, 0.0), value=lambda x: 0.0)
    symbols = [sx.SX.sym("x") for _ in program.start]
    y, x = program.forward(engine, program.arrange(symbols)), sx.vertcat(*symbols)
    function = sx.Function("f", [x], [y, sx.densify(sx.gradient(y, x))])
    start, value, gradients = array("d", program.start), array("d", [0.0]), array("d", program.start)
    buffer, run = function.buffer()
    buffer.set_arg(0, memoryview(start))
    buffer.set_res(0, memoryview(value))
    buffer.set_res(1, memoryview(gradients))
    held = [function, buffer, start]  # the buffer refers to them
    return run, lambda: [*value, *gradients, *held[:0]]


def flat(data: Any) -> list[float]:
    if isinstance(data, (list, tuple)):
        return [x for item in data for x in flat(item)]
    return [] if data is None else [float(data)]


@functools.cache
def library() -> Any:
    compiler = os.environ.get("CC") or shutil.which("cc") or "cc"
    folder = tempfile.mkdtemp()
    try:
        built = Path(folder, "by_hand.so")
        source = Path(__file__).with_name("by_hand.c")
        flags = ["-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(built), "-lm"]
        subprocess.run([compiler, *flags], check=True)
        return ctypes.CDLL(str(built))
    finally:
        shutil.rmtree(folder)


def by_hand(name: str, program: Program) -> Ready:
    """C, the gradient by hand, with -O3 -march=native."""
    sizes = {"sum_tanh": len(program.start) // 3, "bodies": len(program.start) // 3, "rosenbrock": len(program.start)}
    n = sizes.get(name) or len(program.data or ()) - (name == "microgpt")
    numbers = flat(program.data)
    data, x = (ctypes.c_double * (len(numbers) + 1))(*numbers), (ctypes.c_double * len(program.start))(*program.start)
    g = (ctypes.c_double * len(program.start))()
    function = getattr(library(), name)
    function.restype = ctypes.c_double
    run = functools.partial(function, data, ctypes.c_long(n), x, g)
    return run, lambda: [run(), *g]


def numpy(name: str, program: Program) -> Ready:
    """Arrays, the gradient by hand."""
    import numpy as np

    function = by_numpy(name, program)
    if function is None:
        raise NotImplementedError(f"nobody writes {name} that way")
    x = np.array(program.start)

    def answer() -> list[float]:
        value, gradients = function(x)
        return [float(value), *gradients.tolist()]

    return functools.partial(function, x), answer


def jax(name: str, program: Program) -> Ready:
    """Arrays, value and gradient one compiled function."""
    import jax as library
    import jax.numpy as jnp

    library.config.update("jax_enable_x64", True)

    class Names:
        array, tanh, exp, log, sqrt, einsum = jnp.array, jnp.tanh, jnp.exp, jnp.log, jnp.sqrt, jnp.einsum
        relu, softmax, erf = library.nn.relu, library.nn.softmax, library.scipy.special.erf
        whole = staticmethod(lambda xs: jnp.array(list(xs)))

    compiled = library.jit(library.value_and_grad(lambda x: TEXTS[name](Names, program, x)))
    x = jnp.array(program.start)

    def answer() -> list[float]:
        value, gradients = compiled(x)
        return [float(value), *gradients.tolist()]

    return lambda: library.block_until_ready(compiled(x)), answer


def torch(name: str, program: Program) -> Ready:
    """Tensors, one thread."""
    import torch as library

    library.set_num_threads(1)
    library.set_default_dtype(library.float64)

    class Names:
        tanh, exp, log, sqrt, einsum = library.tanh, library.exp, library.log, library.sqrt, library.einsum
        relu, erf = library.relu, library.erf
        softmax = staticmethod(functools.partial(library.softmax, dim=-1))

    known: dict[str, Any] = {}

    def tensor(xs: Any, dtype: Any = None) -> Any:
        """The data of a workload do not change: made a tensor of once."""
        key = repr(xs)
        if key not in known:
            known[key] = library.tensor(list(xs), dtype=dtype)
        return known[key]

    names: Any = Names
    names.array, names.whole = tensor, functools.partial(tensor, dtype=library.int64)
    x = library.tensor(program.start, requires_grad=True)

    def run() -> Any:
        x.grad = None
        y = TEXTS[name](names, program, x)
        y.backward()
        return y

    return run, lambda: [run().item(), *x.grad.tolist()]


ENGINES: dict[str, Callable[[str, Program], Ready]] = {
    "by hand": by_hand,
    "chainrule": chainrule,
    "chainrule-fast": functools.partial(chainrule, fast=True),
    "casadi": casadi,
    "numpy": numpy,
    "jax": jax,
    "torch": torch,
}


def measured(run: Callable[[], Any], seconds: float) -> float:
    """CPU seconds that one run takes, of as many as fill a round."""
    times = 1
    while True:
        start = time.process_time()
        for _ in range(times):
            run()
        spent = time.process_time() - start
        if spent >= seconds:
            return spent / times
        times = max(2 * times, int(1.2 * times * seconds / max(spent, 1e-9)))


def serve(engine: str) -> None:
    """Answer until the requests end: a JSON line each. What a peer prints goes to stderr."""
    ready: dict[str, Ready] = {}
    made: dict[str, float] = {}
    sys.setrecursionlimit(1_000_000)
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        for line in sys.stdin:
            request = json.loads(line)
            name = request["workload"]
            try:
                if name not in ready:
                    program = REPLAYED[name](request["size"])
                    start = time.process_time()
                    ready[name] = ENGINES[engine](name, program)
                    ready[name][0]()
                    made[name] = time.process_time() - start
                run, read = ready[name]
                run()
                answer = {"seconds": measured(run, request["seconds"]), "made": made[name]}
                value, *gradients = read()
                answer |= {"value": value, "along": along(gradients)[0]}
            except Exception as problem:
                answer = {"failed": f"{type(problem).__name__}: {problem}".partition("\n")[0]}
            print(json.dumps(answer), file=out, flush=True)
