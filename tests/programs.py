"""Random programs for the tests of recording: ops in a row, with choices, ties, constants and shared inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

import autograd as ag
from autograd import Value, ops

UNARY = [op for op in vars(ops).values() if isinstance(op, ops.Op) and op.arity == 1]
BINARY = [op for op in vars(ops).values() if isinstance(op, ops.Op) and op.arity == 2 and op is not ops.polygamma]
OF_THREE = [ops.where, ops.clamp]
OF_MANY = [
    op
    for op in vars(ops).values()
    if isinstance(op, ops.Op) and op.arity is None and op.name not in ("pick", "softmax", "log_softmax")
]
INDEXED = [ops.pick, ops.softmax, ops.log_softmax]

NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -2.0]),
    st.floats(-4.0, 4.0, allow_nan=False).map(lambda x: round(x, 3)),
)
Step = tuple[Any, ...]


@st.composite
def steps(draw: Any, inputs: int, least: int = 1, most: int = 12, branches: bool = False) -> list[Step]:
    """A program: each step is an op and what it is given, ("v", place) or ("c", constant)."""
    program: list[Step] = []
    for place in range(inputs, inputs + draw(st.integers(least, most))):
        given = st.one_of(
            st.tuples(st.just("v"), st.integers(max(0, place - 4), place - 1)),
            st.tuples(st.just("v"), st.integers(0, place - 1)),
            st.tuples(st.just("c"), NUMBERS),
        )
        kind = draw(st.integers(0, 11 if branches else 9))
        if kind <= 2:
            program.append((draw(st.sampled_from(UNARY)), draw(given)))
        elif kind <= 6:
            program.append((draw(st.sampled_from(BINARY)), draw(given), draw(given)))
        elif kind == 7:
            program.append((draw(st.sampled_from(OF_THREE)), draw(given), draw(given), draw(given)))
        elif kind == 8:
            n = draw(st.integers(1, 3))
            program.append((draw(st.sampled_from(OF_MANY)), *[draw(given) for _ in range(2 * n)]))
        elif kind == 9:
            n = draw(st.integers(1, 4))
            index = ("c", float(draw(st.integers(0, n - 1))))
            program.append((draw(st.sampled_from(INDEXED)), index, *[draw(given) for _ in range(n)]))
        else:
            compare = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "bool"]))
            program.append((compare, *[draw(given) for _ in range(4)]))
    return program


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "bool": lambda a, b: bool(a),
}


def played(program: Sequence[Step], inputs: Sequence[Any]) -> list[Any]:
    """What the steps come to, in `ieee` mode, so that no draw is wasted; a branch takes one of its two sides."""
    made = list(inputs)
    with ag.ieee():
        for what, *given in program:
            xs = [made[x] if kind == "v" else x for kind, x in given]
            if isinstance(what, str):
                made.append(xs[2] * 2.0 if COMPARE[what](xs[0], xs[1]) else xs[3] + 1.0)
            else:
                made.append(what(*xs))
    return made


def function_of(program: Sequence[Step], weights: Sequence[float] = (1.0, 0.5)) -> Callable[..., Any]:
    """The program as a function of a list of numbers, to one number: the sum of its last results."""

    def function(xs: Sequence[Any]) -> Any:
        made = played(program, xs)
        last = [x for x in made[len(xs) :] if isinstance(x, Value)][-len(weights) :]
        total: Any = xs[0] * 0.0
        for weight, x in zip(weights, reversed(last), strict=False):
            total = total + x * weight
        return total

    return function


def bits(x: Any) -> Any:
    """Numbers so that equal means the same bits, and any nan is any other."""
    if isinstance(x, (list, tuple)):
        return [bits(item) for item in x]
    if isinstance(x, Value):
        return bits(x.data)
    return "nan" if x != x else (float(x), math.copysign(1.0, x))
