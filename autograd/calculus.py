"""Derivatives as a mathematician asks for them: of results with respect to inputs, and of functions."""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Callable, Sequence
from typing import Any

from . import chain, modes, ops
from .engine import Value
from .errors import InputError, InputTypeError


def gradients(ys: Value | Sequence[Value], xs: Value | Sequence[Value], create_graph: bool = False) -> list[Value]:
    """d(Σ ys)/dx for each x of `xs`, as Values; zero where nothing depends on it. No node's ``grad`` is touched.

    What torch calls ``autograd.grad(outputs, inputs)``.

    Args:
        ys: results; one Value or a sequence.
        xs: leaves or interior nodes; one Value or a sequence.
        create_graph: make the gradients graphs themselves, so that they can be differentiated again.

    Raises:
        InputTypeError: where ys or xs hold something other than Values.
        StaleGraphError: where a leaf that a derivative needs was assigned since the forward pass.

    >>> x = Value(2.0)
    >>> (slope,) = gradients(x**3, x, create_graph=True)
    >>> (curvature,) = gradients(slope, x)
    >>> slope.data, curvature.data
    (12.0, 12.0)
    """
    roots, inputs = _values("ys", ys), _values("xs", xs)
    one = (lambda: Value(1.0)) if create_graph else (lambda: 1.0)
    if create_graph:
        with modes.mode(modes.IEEE, off=modes.NO_GRAD):
            found = chain.gradients([(y, one()) for y in roots], inputs, True)
    else:
        found = chain.gradients([(y, one()) for y in roots], inputs, False)
    return [Value(0.0) if g is None else g if type(g) is Value else Value(g) for g in found]


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that computes f's derivative by its `argnums`-th argument; a tuple for several.

    The derivative is a float where the arguments are numbers, a Value where one is a Value or `f` depends on
    a Value from outside. It nests: ``grad(grad(f))`` is the second derivative.

    Args:
        f: from numbers to one number; it is called with Values in the places of `argnums`.
        argnums: which positional argument, counted from 0, or several of them.

    Raises:
        InputTypeError: where f is not callable, does not return a number, or an argument is none.
        InputError: where there is no such argument.

    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 5.0)
    (5.0, 2.0)
    """
    return _differentiated(f, argnums, with_value=False)


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """As `grad`, but the function returns the pair (value, derivative).

    >>> value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """
    return _differentiated(f, argnums, with_value=True)


def _differentiated(f: Callable[..., Any], argnums: int | Sequence[int], with_value: bool) -> Callable[..., Any]:
    name = "value_and_grad" if with_value else "grad"
    if not callable(f):
        remedy = "for the derivative of a result by an input write gradients(y, x)"
        raise InputTypeError(f"{name}(f) takes a function, not {f!r}; {remedy}")
    places = tuple(argnums) if isinstance(argnums, (tuple, list)) else (argnums,)
    if not all(type(i) is int for i in places):
        raise InputTypeError(f"{name}: argnums must be a whole number or several, not {argnums!r}")

    @functools.wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        for i in places:
            if not -len(args) <= i < len(args):
                remedy = "pass what to differentiate by position, not by name" if kwargs else "see argnums"
                raise InputError(f"{name}: there is no positional argument {i}, the call has {len(args)}; {remedy}")
        if len({i % len(args) for i in places}) < len(places):
            raise InputError(f"{name}: argnums {argnums!r} name an argument twice")
        given = [args[i] for i in places]
        silent = bool(modes.word() & modes.NO_GRAD)
        with modes.mode(0, off=modes.NO_GRAD):
            # Nodes of our own, so that a Value which f also reaches from outside is not counted in.
            xs = [
                ops.pos(x) if type(x) is Value else Value(ops.number(x, f"argument {i} of {name}"))
                for i, x in zip(places, given, strict=True)
            ]
            born = min((x._seq for x in xs), default=0)
            filled = list(args)
            for i, x in zip(places, xs, strict=True):
                filled[i] = x
            y = f(*filled, **kwargs)
            if type(y) is not Value:
                if not ops.is_number(y):
                    raise InputTypeError(
                        f"{getattr(f, '__name__', 'the function')} returned {reprlib.repr(y)} to {name}, which "
                        "differentiates one number; for several results make a function of each"
                    )
                y = Value(y)
            outer = any(type(x) is Value for x in given) or bool(modes.recorder()) or y._reaches_older(born)
            found: list[Any] = gradients(y, xs, create_graph=outer)
        if silent or not outer:
            found = [g.detach() if outer else g._data for g in found]
            y = y.detach() if outer else y._data
        result = found[0] if isinstance(argnums, int) else tuple(found)
        return (y, result) if with_value else result

    return derivative


def _values(name: str, vs: Any) -> list[Value]:
    try:
        items = [vs] if type(vs) is Value else list(vs)
    except TypeError:
        raise InputTypeError(
            f"gradients: {name} must be a Value or a sequence of them, not {reprlib.repr(vs)}"
        ) from None
    for v in items:
        if type(v) is not Value:
            raise InputTypeError(f"gradients: {name} must hold Values, not {type(v).__name__} {reprlib.repr(v)}")
    return items
