"""Derivatives of what a solver finds: of the solution, not of the iterations that led to it.

Where f(x, p) = 0 makes x a function of p, f_x dx + f_p dp = 0, and so dx/dp = -f_x⁻¹ f_p (the implicit function
theorem). The solver may be anything that computes on floats.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from . import linalg, modes, ops
from .calculus import gradients
from .engine import Value
from .errors import InputError, InputTypeError
from .joint import joint
from .structure import Structure, flatten


def implicit_root(f: Callable[..., Any], solve: Callable[..., Any], tolerance: float = 1e-6) -> Callable[..., Any]:
    """The solution x of f(x, params…) = 0 as a function of the params, differentiable at any order.

    Given floats it returns what `solve` does. Given Values it checks the solution and returns Values.

    Args:
        f: as many numbers as x has, in containers or alone, all zero at the solution; written for Values.
        solve: finds x for params that are floats; called with nothing else, so it may be a library's.
        tolerance: how far from the solution a step of Newton's method may lead, relative to max(1, abs(x)).

    Raises:
        InputTypeError: where f or solve can't be called, or works with something other than numbers.
        InputError: where what solve returned is no solution, or not an isolated one (f_x is singular), where f has
            another number of results than x, or uses a Value that is not among the params.

    >>> import autograd
    >>> root = implicit_root(lambda x, a: x * x - a, solve=lambda a: a**0.5)
    >>> root(9.0), autograd.grad(root)(9.0) == 1 / 6, autograd.grad(autograd.grad(root))(9.0) == -1 / 108
    (3.0, True, True)
    """
    for name, function in (("f", f), ("solve", solve)):
        if not callable(function):
            raise InputTypeError(f"implicit_root: {name} must be a function, not {function!r}")

    @functools.wraps(solve)
    def solution(*params: Any) -> Any:
        given, structure = flatten(params, "implicit_root's params")
        if not any(type(p) is Value for p in given):
            return solve(*params)
        floats = _floats(given)
        data, unknowns = flatten(solve(*structure.filled(floats)), "what solve returned")
        if any(type(x) is Value for x in data):
            raise InputTypeError("implicit_root: solve was called with floats and returned Values; it needs no graph")

        def residuals(xs: Sequence[Any], ps: Sequence[Any]) -> list[Any]:
            return flatten(f(unknowns.filled(xs), *structure.filled(ps)), "what f returned")[0]

        recording = not modes.word() & modes.NO_GRAD
        slopes = _checked_slopes(residuals, data, floats, unknowns, tolerance) if recording else []

        def pull(g: Any, ys: Any, ps: Any) -> list[Any]:
            if any(type(v) is Value for v in (*g, *ys, *ps)):
                with modes.mode(0, off=modes.NO_GRAD):
                    _, by_x, by_p = _partial(residuals, ys, ps, graph=True)
                    weights = linalg.solve([list(column) for column in zip(*by_x, strict=True)], g)
                    return [-ops.dot(*weights, *column) for column in zip(*by_p, strict=True)]
            return [ops.dot(*g, *column) for column in zip(*slopes, strict=True)]

        return unknowns.filled(joint(getattr(solve, "__name__", "solve"), given, data, pull))

    return solution


def implicit_fixed_point(
    step: Callable[..., Any], solve: Callable[..., Any], tolerance: float = 1e-6
) -> Callable[..., Any]:
    """The x with step(x, params…) = x as a function of the params, differentiable at any order.

    Args:
        step: from x and params to the next x, like x; written for Values.
        solve: finds x for params that are floats, by iterating `step` or otherwise.
        tolerance: as for `implicit_root`.

    Raises:
        InputTypeError: as for `implicit_root`.
        InputError: as for `implicit_root`, or where step returns something unlike x.

    >>> import autograd, math
    >>> def iterate(a):
    ...     x = 1.0
    ...     for _ in range(100):
    ...         x = a * math.cos(x)
    ...     return x
    >>> fixed = implicit_fixed_point(lambda x, a: a * autograd.cos(x), iterate)
    >>> x = fixed(1.0)
    >>> abs(autograd.grad(fixed)(1.0) - math.cos(x) / (1 + math.sin(x))) < 1e-15
    True
    """
    if not callable(step):
        raise InputTypeError(f"implicit_fixed_point: step must be a function, not {step!r}")

    def change(x: Any, *params: Any) -> list[Any]:
        before, structure = flatten(x, "x")
        after = structure.numbers(step(x, *params), "implicit_fixed_point: what step returns")
        return [b - a for a, b in zip(before, after, strict=True)]

    return implicit_root(change, solve, tolerance)


def _partial(residuals: Any, xs: Sequence[Any], ps: Sequence[Any], graph: bool) -> tuple[Any, Any, Any]:
    """What f returns, and the matrices of its derivatives by x and by p, each held while the other changes."""
    own = [ops.pos(v) if type(v) is Value else Value(v) for v in (*xs, *ps)]
    born = min(v._seq for v in own)
    found = residuals(own[: len(xs)], own[len(xs) :])
    if len(found) != len(xs):
        raise InputError(f"implicit_root: f returned {len(found)} numbers for {len(xs)} unknowns")
    if not graph and any(type(r) is Value and r._reaches_older(born) for r in found):
        raise InputError("implicit_root: f uses a Value that is not among the params; pass it as one")
    rows = [gradients(r if type(r) is Value else [], own, create_graph=graph) for r in found]
    return found, [row[: len(xs)] for row in rows], [row[len(xs) :] for row in rows]


def _checked_slopes(
    residuals: Any, data: list[float], params: list[float], unknowns: Structure, tolerance: float
) -> list[list[float]]:
    """dx/dp at a solution; an error where it is none."""
    with modes.mode(0, off=modes.NO_GRAD):
        found, by_x, by_p = _partial(residuals, data, params, graph=False)
    at, by_x, by_p = _floats(found), [*map(_floats, by_x)], [*map(_floats, by_p)]
    try:
        columns = linalg.solve(by_x, [[-r, *(-d for d in row)] for r, row in zip(at, by_p, strict=True)])
    except InputError as cause:
        raise InputError(
            f"implicit_root: at {unknowns.filled(data)!r} the solution has no derivative, f's by x is singular: there "
            "the solution turns back, or there are too few equations"
        ) from cause
    far = max((abs(step) / max(1.0, abs(x)) for (step, *_), x in zip(columns, data, strict=True)), default=0.0)
    if not far <= tolerance:
        raise InputError(
            f"implicit_root: {unknowns.filled(data)!r} is no solution: a step of Newton's method leads {far:.1e} away. "
            "Solve on, or pass a larger tolerance"
        )
    return [slopes for _, *slopes in columns]


def _floats(numbers: Sequence[Any]) -> list[float]:
    return [x.data if type(x) is Value else x for x in numbers]
