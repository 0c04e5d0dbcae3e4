"""A function called on nodes of its own, so that it can be differentiated: what every transformation begins with."""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import chain, modes, ops
from .engine import Value
from .errors import IndependenceWarning, InputError, InputTypeError, warn
from .structure import Structure, flatten, product, without_graph


class Call(NamedTuple):
    """One call of f, on nodes of its own in the places of argnums."""

    name: str  # of the transformation
    f: Callable[..., Any]
    xs: list[Value]
    inputs: Structure
    counts: list[tuple[int, int]]  # how many of xs are of which argument
    ys: list[Value]
    outputs: Structure
    aux: Any
    outer: bool  # whether the answer is of Values: one was given, or f reached one from outside

    def given_out(self, structures: Sequence[Structure], rows: Any, graph: bool | None = None) -> Any:
        """Numbers in containers, as the caller gets them: floats, unless `graph`, or `outer`, asks for Values."""
        return product(structures, _given_out(rows, self.outer if graph is None else graph))

    def value(self) -> Any:
        """What f returned."""
        return self.given_out([self.outputs], self.ys)

    def check_one_result(self) -> None:
        """Raise where f returned more than one number."""
        if not self.outputs.is_one_number:
            raise InputTypeError(
                f"{self.name} differentiates one number, and {_name(self.f)} returned {len(self.ys)} in "
                f"{reprlib.repr(str(self.outputs))}; for all derivatives write jacobian(f), for those of one number "
                "return that one"
            )

    def check_dependence(self, rows: list[list[Any]]) -> None:
        """Warn where no result was computed from an argument: most often the path was lost on the way.

        Args:
            rows: the first derivatives, row after row, None where nothing was sent.
        """
        if hasattr(self.f, "_is_derivative"):  # a second derivative may well be 0
            return
        start = 0
        for i, count in self.counts:
            stop = start + count
            if rows and self.ys and count and all(row[k] is None for row in rows for k in range(start, stop)):
                used = {x for node in chain.topological_order(*self.ys) for x in node.inputs if type(x) is Value}
                if used.isdisjoint(self.xs[start:stop]):  # else not taken, as where's other side
                    result = reprlib.repr(self.outputs.filled([y.data for y in self.ys]))
                    _warn(f"what {_name(self.f)} returned to {self.name}, {result}, does not depend on argument {i}")
            start = stop


def transformed(
    name: str,
    f: Callable[..., Any],
    argnums: int | Sequence[int],
    differentiate: Callable[[Call], Any],
    has_aux: bool = False,
    with_value: bool = False,
) -> Callable[..., Any]:
    """The function that calls f, on nodes in the places of argnums, and returns what `differentiate` makes of it.

    >>> def count(call):
    ...     return len(call.xs), len(call.ys)
    >>> transformed("count", lambda x: [x[0] + x[1]], 0, count)([1.0, 2.0])
    (2, 1)
    """
    check_function(name, f)
    several = isinstance(argnums, (tuple, list))
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
        call = called(name, f, args, kwargs, places, alone=not several, has_aux=has_aux)
        result = differentiate(call)
        if not with_value:
            return (result, call.aux) if has_aux else result
        return ((call.value(), call.aux) if has_aux else call.value()), result

    derivative._is_derivative = True  # type: ignore[attr-defined]
    return derivative


def called(
    name: str,
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    places: Sequence[int],
    alone: bool = False,
    has_aux: bool = False,
) -> Call:
    """Call f, with Values for the numbers in these places.

    Args:
        name: of the transformation, for messages.
        f: what is called.
        args: by position.
        kwargs: by name.
        places: which of args are differentiated.
        alone: whether what is differentiated is the one argument itself, not a tuple of them.
        has_aux: f returns a pair, (results, something else).

    Raises:
        InputTypeError: where arguments in these places, or results, hold something other than numbers.

    >>> call = called("grad", lambda a, b: a * b, (2.0, 5.0), {}, [0])
    >>> call.xs, call.ys, call.outer
    ([Value(data=2.0)], [Value(data=10.0, op='mul')], False)
    """
    given: list[Any] = []
    parts: list[Structure] = []
    for i in places:
        numbers, structure = flatten(args[i], f"argument {i} of {name}")
        given += numbers
        parts.append(structure)
    with modes.mode(0, off=modes.NO_GRAD):
        # Nodes of our own, so that a Value which f also reaches from outside is not counted in.
        xs = [ops.pos(x) if type(x) is Value else Value(x) for x in given]
        born = min((x._seq for x in xs), default=0)
        filled = list(args)
        start = 0
        for i, structure in zip(places, parts, strict=True):
            filled[i] = structure.filled(xs[start : start + structure.count])
            start += structure.count
        result = f(*filled, **kwargs)
        aux = None
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise InputTypeError(
                    f"{_name(f)} must return a pair, (result, something else), where has_aux is true, "
                    f"not {reprlib.repr(result)}"
                )
            result, aux = result
        numbers, outputs = flatten(result, f"what {_name(f)} returned to {name}")
        ys = [y if type(y) is Value else Value(y) for y in numbers]
    together = Value._made(ops.sum, tuple(ys), 0.0)  # so that one walk serves all results
    outer = any(type(x) is Value for x in given) or modes.recorder() is not None or together._reaches_older(born)
    inputs = parts[0] if alone else flatten(tuple(args[i] for i in places))[1]
    counts = [(i, part.count) for i, part in zip(places, parts, strict=True)]
    return Call(name, f, xs, inputs, counts, ys, outputs, aux if outer else without_graph(aux), outer)


def check_function(name: str, f: Any) -> None:
    """Raise where f is none."""
    if not callable(f):
        remedy = "for the derivative of a result by an input write gradients(y, x)"
        raise InputTypeError(f"{name}(f) takes a function, not {f!r}; {remedy}")


def _given_out(x: Any, graph: bool) -> Any:
    if isinstance(x, list):
        return [_given_out(row, graph) for row in x]
    if type(x) is Value:
        return (x.detach() if modes.word() & modes.NO_GRAD else x) if graph else x._data
    number = 0.0 if x is None else x
    return Value(number) if graph else number


def _warn(finding: str) -> None:
    remedy = (
        "the derivative is 0. If it should depend on it, it was lost where a number was taken out: write "
        "autograd.sin(v) instead of math.sin(v.data), and return the Value, not its .data"
    )
    warn(f"{finding}: {remedy}", IndependenceWarning)


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", "the function")
