"""Derivatives as a mathematician asks for them: of results with respect to inputs, and of functions.

`gradients` is the one for nodes. The others take a function and give a function: of numbers, or of numbers in
containers (structure.py), and what they return is in containers of the same kind. Given floats they return floats;
where an argument holds a Value, or the function uses one from outside, Values that can be differentiated again.
"""

from __future__ import annotations

import functools
import reprlib
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from . import chain, forward, modes, ops
from .engine import Value, backend
from .errors import IndependenceWarning, InputError, InputTypeError
from .structure import Structure, flatten, product, without_graph


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
    found = _row(_values("ys", ys), _values("xs", xs), create_graph)
    return [g if type(g) is Value else Value(0.0 if g is None else g) for g in found]


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes f's derivative by its `argnums`-th argument; a tuple for several.

    It nests: ``grad(grad(f))`` is the second derivative.

    Args:
        f: from numbers, alone or in containers, to one number; it is called with Values in the places of `argnums`.
        argnums: which positional argument, counted from 0, or several of them.
        has_aux: f returns a pair, the number and something else; the function then returns (derivative, something
            else), with floats for the Values in it where the derivative is of floats.

    Raises:
        InputTypeError: where f is not callable, does not return a number, or an argument holds something else.
        InputError: where there is no such argument.

    Warns:
        IndependenceWarning: where f's result does not depend on an argument at all; the derivative is 0.

    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 5.0)
    (5.0, 2.0)
    >>> grad(lambda p: p["w"][0] * p["w"][1] + p["b"])({"w": [2.0, 5.0], "b": 1.0})
    {'w': [5.0, 2.0], 'b': 1.0}
    """
    return _transformed("grad", f, argnums, has_aux, _gradient)


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """As `grad`, but the function returns the pair (value, derivative); with `has_aux` ((value, aux), derivative).

    >>> value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """
    return _transformed("value_and_grad", f, argnums, has_aux, _gradient, with_value=True)


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes all derivatives of f's results: results outside, arguments inside.

    A list of results by a list of arguments gives a list of rows, an array by an array one array. The matrix is made
    by rows, one pass backwards for each result, or by columns, one pass forwards for each argument, whichever is
    cheaper.

    Args:
        f: from numbers to numbers, each alone or in containers.
        argnums: as for `grad`.
        has_aux: as for `grad`; the function returns (Jacobian, aux).

    Raises:
        InputTypeError: where f is not callable, or arguments or results hold something other than numbers.
        InputError: where there is no such argument.

    Warns:
        IndependenceWarning: where the results do not depend on an argument at all.

    >>> def polar(p):
    ...     return [p["r"] * p["angle"].cos(), p["r"] * p["angle"].sin()]
    >>> jacobian(polar)({"r": 2.0, "angle": 0.0})
    [{'r': 1.0, 'angle': -0.0}, {'r': 0.0, 'angle': 2.0}]
    """
    return _transformed("jacobian", f, argnums, has_aux, _jacobian)


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes all second derivatives of f: one pass that makes a graph, and one for each row.

    Args:
        f: as for `jacobian`; most often with one result.
        argnums: as for `grad`; for several, blocks in tuples.
        has_aux: as for `grad`; the function returns (Hessian, aux).

    Raises:
        InputTypeError: where f is not callable, or arguments or results hold something other than numbers.
        InputError: where there is no such argument.

    >>> hessian(lambda p: p[0] ** 2 * p[1])([3.0, 5.0])
    [[10.0, 6.0], [6.0, 0.0]]
    """
    return _transformed("hessian", f, argnums, has_aux, _hessian)


def hvp(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that computes Hessian × vector, the vector its last argument, without the Hessian: in two passes.

    What HIPS autograd calls ``hessian_vector_product``, and what scipy's ``hessp`` asks for.

    Args:
        f: from numbers, alone or in containers, to one number.
        argnums: as for `grad`; for several, the vector is a tuple.

    Raises:
        InputTypeError: where f is not callable, does not return a number, or an argument holds something else.
        InputError: where there is no such argument, or the vector is not what the argument is.

    >>> hvp(lambda p: p[0] ** 2 * p[1])([3.0, 5.0], [1.0, 0.0])
    [10.0, 6.0]
    """
    product_of = _transformed("hvp", f, argnums, False, _hessian_times_vector, last="the vector")

    @functools.wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        if not args:
            raise InputError("hvp: the function takes f's arguments, and the vector last")
        return product_of(*args[:-1], **kwargs, **{_LAST: args[-1]})

    return derivative


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """f at the primals, and the function from gradients of its results to gradients of the primals: vector × Jacobian.

    Args:
        f: from numbers to numbers, each alone or in containers.
        primals: its arguments.
        has_aux: f returns a pair, (results, something else).

    Returns:
        (results, pullback), with `has_aux` (results, pullback, aux). ``pullback(gradient)`` takes what the results are
        and returns a tuple, one gradient an argument. It may be called many times.

    Raises:
        InputTypeError: where f is not callable, or arguments or results hold something other than numbers.

    >>> y, pullback = vjp(lambda a, b: [a * b, a + b], 2.0, 5.0)
    >>> y, pullback([1.0, 0.0]), pullback([0.0, 1.0])
    ([10.0, 7.0], (5.0, 2.0), (1.0, 1.0))
    """
    _check_function("vjp", f)
    with modes.mode(0, off=modes.NO_GRAD):
        run = _run("vjp", f, tuple(range(len(primals))), False, has_aux, primals, {})

    def pullback(gradient: Any) -> Any:
        upstream = run.outputs.numbers(gradient, "vjp: the gradient of the results")
        graph = run.outer or any(type(g) is Value for g in upstream)
        with modes.mode(0, off=modes.NO_GRAD):
            found = _row([ops.dot(*run.ys, *upstream)] if run.ys else [], run.xs, graph)
            _check_dependence(run, [found] if run.ys else [])
        return run.inputs.filled([_given_out(g, graph) for g in found])

    value = run.outputs.filled([_given_out(y, run.outer) for y in run.ys])
    return (value, pullback, run.aux) if has_aux else (value, pullback)


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """f at the primals, and how its results change when these change by the tangents: Jacobian × vector.

    One pass forwards over the same rules (forward.py). Hooks speak of gradients, and none is asked here.

    Args:
        f: from numbers to numbers, each alone or in containers.
        primals: its arguments, a tuple or list.
        tangents: a change for each of them.
        has_aux: f returns a pair, (results, something else).

    Returns:
        (results, changes), with `has_aux` (results, changes, aux).

    Raises:
        InputTypeError: where f is not callable, or arguments or results hold something other than numbers.
        InputError: where the tangents are not what the primals are.

    >>> jvp(lambda a, b: [a * b, a + b], (2.0, 5.0), (1.0, 10.0))
    ([10.0, 7.0], [25.0, 11.0])
    """
    _check_function("jvp", f)
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise InputTypeError(f"jvp: {name} must be a tuple, one entry an argument, not {reprlib.repr(given)}")
    with modes.mode(0, off=modes.NO_GRAD):
        run = _run("jvp", f, tuple(range(len(primals))), False, has_aux, tuple(primals), {})
        changes = run.inputs.numbers(tuple(tangents), "jvp: tangents")
        graph = run.outer or any(type(t) is Value for t in changes)
        (column,) = _columns(run.ys, run.xs, [changes], graph)
        if not _present(column):
            _check_dependence(run, [[None] * len(run.xs) for _ in run.ys])
    value = run.outputs.filled([_given_out(y, run.outer) for y in run.ys])
    change = run.outputs.filled([_given_out(t, graph) for t in column])
    return (value, change, run.aux) if has_aux else (value, change)


# ── What they share ─────────────────────────────────────────────────────────────────────────────────────────

_LAST = "last argument"  # of hvp's; no keyword of f can be called so


_Found: TypeAlias = "tuple[list[Structure], list[list[Any]], Any]"  # of an answer; first derivatives; the answer


class _Run(NamedTuple):
    """One call of f, on nodes of its own in the places of argnums."""

    name: str  # what was asked for
    f: Callable[..., Any]
    xs: list[Value]
    inputs: Structure
    counts: list[tuple[int, int]]  # how many of xs are of which argument
    result: Any  # as f returned it,
    ys: list[Value]  # and the numbers in it
    outputs: Structure
    aux: Any
    outer: bool  # whether the answer is of Values: one was given, or f reached one from outside
    vector: list[Any]  # hvp's


def _transformed(
    name: str,
    f: Callable[..., Any],
    argnums: int | Sequence[int],
    has_aux: bool,
    differentiate: Callable[[_Run], _Found],
    with_value: bool = False,
    last: str = "",
) -> Callable[..., Any]:
    """The function that calls f and gives what `differentiate` finds in structures: both from one run."""
    _check_function(name, f)
    several = isinstance(argnums, (tuple, list))
    places = tuple(argnums) if isinstance(argnums, (tuple, list)) else (argnums,)
    if not all(type(i) is int for i in places):
        raise InputTypeError(f"{name}: argnums must be a whole number or several, not {argnums!r}")

    @functools.wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        vector = kwargs.pop(_LAST, None)
        for i in places:
            if not -len(args) <= i < len(args):
                remedy = "pass what to differentiate by position, not by name" if kwargs else "see argnums"
                raise InputError(f"{name}: there is no positional argument {i}, the call has {len(args)}; {remedy}")
        if len({i % len(args) for i in places}) < len(places):
            raise InputError(f"{name}: argnums {argnums!r} name an argument twice")
        with modes.mode(0, off=modes.NO_GRAD):
            run = _run(name, f, places, not several, has_aux, args, kwargs)
            if last:
                numbers = run.inputs.numbers(vector, f"{name}: {last}")
                run = run._replace(vector=numbers, outer=run.outer or any(type(x) is Value for x in numbers))
            structures, first, found = differentiate(run)
            _check_dependence(run, first)
        result = product(structures, _all_given_out(found, run.outer))
        if not with_value:
            return (result, run.aux) if has_aux else result
        value = run.outputs.filled([_given_out(y, run.outer) for y in run.ys])
        return ((value, run.aux) if has_aux else value), result

    derivative._is_derivative = True  # type: ignore[attr-defined]
    return derivative


def _run(
    name: str,
    f: Callable[..., Any],
    places: Sequence[int],
    alone: bool,
    has_aux: bool,
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> _Run:
    """Call f, with Values for the numbers in these places. `alone`: the input is the argument, not a tuple of it."""
    given: list[Any] = []
    parts: list[Structure] = []
    for i in places:
        numbers, structure = flatten(args[i], f"argument {i} of {name}")
        given += numbers
        parts.append(structure)
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
    outer = any(type(x) is Value for x in given) or any(type(y) is Value and y._reaches_older(born) for y in numbers)
    ys = [y if type(y) is Value else Value(y) for y in numbers]
    inputs = parts[0] if alone else flatten(tuple(args[i] for i in places))[1]
    counts = [(i, part.count) for i, part in zip(places, parts, strict=True)]
    return _Run(name, f, xs, inputs, counts, result, ys, outputs, aux if outer else without_graph(aux), outer, [])


def _check_dependence(run: _Run, rows: list[list[Any]]) -> None:
    """Warn where no result was computed from an argument: most often the path was lost on the way."""
    if hasattr(run.f, "_is_derivative"):  # a second derivative may well be 0
        return
    start = 0
    for i, count in run.counts:
        stop = start + count
        if rows and count and all(row[k] is None for row in rows for k in range(start, stop)):
            used = {x for node in chain.topological_order(*run.ys) for x in node.inputs if type(x) is Value}
            if used.union(run.ys).isdisjoint(run.xs[start:stop]):  # else the way was not taken, as where's other side
                result = reprlib.repr(run.result)
                _warn(f"what {_name(run.f)} returned to {run.name}, {result}, does not depend on argument {i}")
        start = stop


def _warn(finding: str) -> None:
    level, frame = 1, sys._getframe()
    while frame.f_code.co_filename == __file__ and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    remedy = (
        "the derivative is 0. If it should depend on it, it was lost where a number was taken out: write "
        "autograd.sin(v) instead of math.sin(v.data), and return the Value, not its .data"
    )
    warnings.warn(f"{finding}: {remedy}", IndependenceWarning, stacklevel=level)


def _one_result(run: _Run) -> None:
    if str(run.outputs) != "*":
        raise InputTypeError(
            f"{run.name} differentiates one number, and the function returned {len(run.ys)} in {run.outputs}; "
            "for all their derivatives write jacobian(f), for those of one of them return that one"
        )


def _gradient(run: _Run) -> _Found:
    _one_result(run)
    row = _row(run.ys, run.xs, run.outer)
    return [run.inputs], [row], row


# What the local derivatives cost, and then each pass forwards, in passes backwards: 20 000 nodes of tanh, × and +.
_FORWARDS_IN_C = 700.0, 40.0  # the compiled engine goes backwards without Python, and never forwards
_FORWARDS = 1.0, 0.05


def _jacobian(run: _Run) -> _Found:
    once, each = _FORWARDS_IN_C if backend().name == "compiled" and not run.outer else _FORWARDS
    by_columns = once + each * len(run.xs) < len(run.ys)
    if by_columns and len(chain.hooked):  # they change gradients, and are only asked on the way back
        by_columns = not any(node._hooks() for node in [*run.xs, *chain.topological_order(*run.ys)])
    if by_columns:
        directions = [[1.0 if x is other else None for other in run.xs] for x in run.xs]
        rows = [list(row) for row in zip(*_columns(run.ys, run.xs, directions, run.outer), strict=True)]
    else:
        rows = [_row([y], run.xs, run.outer) for y in run.ys]
    return [run.outputs, run.inputs], rows, rows


def _hessian(run: _Run) -> _Found:
    slopes = [_row([y], run.xs, True) for y in run.ys]
    rows = [[_row(_present([slope]), run.xs, run.outer) for slope in row] for row in slopes]
    return [run.outputs, run.inputs, run.inputs], slopes, rows


def _hessian_times_vector(run: _Run) -> _Found:
    _one_result(run)
    slopes = _row(run.ys, run.xs, True)
    pairs = [(slope, v) for slope, v in zip(slopes, run.vector, strict=True) if slope is not None]
    along = [ops.dot(*[slope for slope, _ in pairs], *[v for _, v in pairs])] if pairs else []
    return [run.inputs], [slopes], _row(along, run.xs, run.outer)


def _row(ys: Sequence[Value], xs: Sequence[Value], graph: bool) -> list[Any]:
    """d(Σ ys)/dx for each x, as Values where `graph` is true; None where nothing is sent."""
    if not graph:
        return chain.gradients([(y, 1.0) for y in ys], xs, False)
    with modes.mode(modes.IEEE, off=modes.NO_GRAD):
        return chain.gradients([(y, Value(1.0)) for y in ys], xs, True)


def _columns(
    ys: Sequence[Value], xs: Sequence[Value], directions: Sequence[Sequence[Any]], graph: bool
) -> list[list[Any]]:
    """The change of each y for each of these changes of xs; None where none is sent."""
    columns = []
    with modes.mode(modes.IEEE, off=modes.NO_GRAD):
        found = forward.local_derivatives(ys, xs, graph)
        for direction in directions:
            changes = {x: t for x, t in zip(xs, direction, strict=True) if t is not None}
            forward.push(found, changes)
            columns.append([changes.get(y) for y in ys])
    return columns


def _present(numbers: list[Any]) -> list[Value]:
    return [x for x in numbers if x is not None]


def _given_out(x: Any, graph: bool) -> Any:
    """A number as the caller gets it: a Value where `graph` is true, a leaf inside no_grad; else a float."""
    if graph and type(x) is Value and not modes.word() & modes.NO_GRAD:
        return x
    number = 0.0 if x is None else x.data if type(x) is Value else x
    return Value(number) if graph else number


def _all_given_out(rows: Any, graph: bool) -> Any:
    return [_all_given_out(row, graph) if isinstance(row, list) else _given_out(row, graph) for row in rows]


def _check_function(name: str, f: Any) -> None:
    if not callable(f):
        remedy = "for the derivative of a result by an input write gradients(y, x)"
        raise InputTypeError(f"{name}(f) takes a function, not {f!r}; {remedy}")


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", "the function")


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
