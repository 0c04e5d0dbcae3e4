"""Write an option's Greeks and a network's gradient as C for machines without Python; compile, compare and time them.

    python -m demos.export_c [--out DIR]

Both functions are plain Python on Values. Each is recorded once, its gradient is a program, and the program is printed
as one file of C that needs libm alone. Where a C compiler is, the file tests itself against the numbers found here,
and its time stands beside those of the engine node by node and of the recorded program.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import shutil
import subprocess
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from timeit import Timer
from typing import Any

import autograd
from autograd import Value
from autograd.errors import CompilerError

from .greeks import MARKET, call
from .options import folder

SIZES = (64, 32, 10)


def loss(weights: Sequence[Any], pixels: Sequence[Any], digit: Any) -> Any:
    """-log of the probability that a network of one hidden layer gives to the digit."""
    rest, units = iter(weights), list(pixels)
    for last, width in enumerate(SIZES[1:], 3 - len(SIZES)):
        sums = [next(rest) + autograd.dot([next(rest) for _ in units], units) for _ in range(width)]
        units = sums if last else [autograd.tanh(s) for s in sums]
    return autograd.logsumexp(units) - autograd.pick(units, digit)


def build() -> Value:
    """One price: a graph that can be looked at."""
    return call({name: Value(x, name) for name, x in MARKET.items()})  # type: ignore[no-any-return]


def start() -> list[Any]:
    """Random weights and pixels, and a digit."""
    source = random.Random(0)
    count = sum((n + 1) * m for n, m in itertools.pairwise(SIZES))
    weights = [source.uniform(-0.2, 0.2) for _ in range(count)]
    return [weights, [source.random() for _ in range(SIZES[0])], 3.0]


def microseconds(act: Callable[[], Any]) -> float:
    """How long it takes, at best."""
    once = Timer(act).timeit(1)
    count = max(1, int(0.02 / once))
    return 1e6 * min(Timer(act).repeat(3, count)) / count


def machine_code(file: Path, flags: Sequence[str]) -> str:
    """What the compiled file takes, where a tool is that tells it."""
    from autograd.program.c_program import compiler

    compiled = file.with_suffix(".o")
    small = [flag for flag in flags if flag != "-O2"]
    subprocess.run([*compiler(), *small, "-Os", "-c", "-o", str(compiled), str(file)], check=True)
    if not shutil.which("size"):
        return "of unknown size"
    table = subprocess.run(["size", str(compiled)], capture_output=True, text=True, check=True).stdout
    code, data, zeroed, *_ = table.splitlines()[1].split()
    return f"{code} bytes of code and tables (-Os), {int(data) + int(zeroed)} of variables"


def main(argv: Sequence[str] | None = None) -> None:
    """Write both files; compile, compare and time them."""
    parser = argparse.ArgumentParser(prog="python -m demos.export_c", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=folder, default="out/export_c", help="folder for the files")
    options = parser.parse_args(argv)
    for name, function, args in (("option", call, [MARKET]), ("net", loss, start())):
        program = autograd.record(function, *args)
        file = options.out / f"{name}.c"
        text = program.to_c(file, name=name, grad=True, test=tuple(args))
        scratch = re.search(r"_SCRATCH = (\d+)", text)
        assert scratch
        print(
            f"{file}: {len(program.rows)} ops, {text.partition('#ifdef')[0].count(chr(10))} lines with their gradient"
        )
        try:
            in_c = program.compile_c()
            value, slopes = in_c.value_and_grad(*args)
        except CompilerError as error:
            print(f"  not compiled: {error}")
            continue
        eager = autograd.value_and_grad(function)
        print(f"  {machine_code(file, in_c.gradient.source.flags)}, {8 * int(scratch[1])} of scratch")
        print(f"  value {value:.6f}; every bit as the engine has it: {(value, slopes) == eager(*args)}")
        x = array("d", program.numbers_of(tuple(args)) or [])
        y = array("d", [0.0] * in_c.gradient.source.outputs)
        in_c.gradient.fill(x, y)
        assert y[0] == value
        times = {
            "node by node": microseconds(partial(eager, *args)),
            "recorded": microseconds(partial(program.gradient(), *args)),
            "in C": microseconds(partial(in_c.value_and_grad, *args)),
            "in C on buffers": microseconds(partial(in_c.gradient.fill, x, y)),
        }
        print("  µs for value and gradient: " + ", ".join(f"{name} {time:.1f}" for name, time in times.items()))


if __name__ == "__main__":
    main()
