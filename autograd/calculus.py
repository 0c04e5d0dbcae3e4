"""Derivatives as a mathematician asks for them: of results with respect to inputs, and of functions.

`gradients` is the one for nodes. The others take a function and give a function: of numbers, or of numbers in
containers (structure.py), and what they return is in containers of the same kind. Given floats they return floats;
where an argument holds a Value, or the function uses one from outside, Values that can be differentiated again.
"""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Callable, Sequence
from typing import Any

from . import chain, modes, ops
from .calls import Call, called, check_function, transformed
from .engine import Value
from .errors import InputError, InputTypeError
from .passes import backwards, forwards, forwards_is_cheaper


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
    found = backwards(_values("ys", ys), _values("xs", xs), create_graph)
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
    return transformed("grad", f, argnums, _gradient, has_aux)


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """As `grad`, but the function returns the pair (value, derivative); with `has_aux` ((value, aux), derivative).

    >>> value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """
    return transformed("value_and_grad", f, argnums, _gradient, has_aux, with_value=True)


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
    return transformed("jacobian", f, argnums, _jacobian, has_aux)


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
    return transformed("hessian", f, argnums, _hessian, has_aux)


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
    check_function("hvp", f)

    @functools.wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        if not args:
            raise InputError("hvp: the function takes f's arguments, and the vector last")
        *arguments, vector = args
        product_with = functools.partial(_hessian_times_vector, vector)
        return transformed("hvp", f, argnums, product_with)(*arguments, **kwargs)

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
    check_function("vjp", f)
    call = called("vjp", f, primals, {}, range(len(primals)), has_aux=has_aux)

    def pullback(gradient: Any) -> Any:
        upstream = call.outputs.numbers(gradient, "vjp: the gradient of the results")
        graph = call.outer or any(type(g) is Value for g in upstream)
        found = backwards(_weighted(call.ys, upstream), call.xs, graph)
        call.check_dependence([found])
        return call.given_out([call.inputs], found, graph)

    return (call.value(), pullback, call.aux) if has_aux else (call.value(), pullback)


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
    check_function("jvp", f)
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise InputTypeError(f"jvp: {name} must be a tuple, one entry an argument, not {reprlib.repr(given)}")
    call = called("jvp", f, primals, {}, range(len(primals)), has_aux=has_aux)
    changes = call.inputs.numbers(tuple(tangents), "jvp: tangents")
    graph = call.outer or any(type(t) is Value for t in changes)
    (column,) = forwards(call.ys, call.xs, [changes], graph)
    if all(t is None for t in column):
        call.check_dependence([[None] * len(call.xs) for _ in column])
    change = call.given_out([call.outputs], column, graph)
    return (call.value(), change, call.aux) if has_aux else (call.value(), change)


def _gradient(call: Call) -> Any:
    call.check_one_result()
    found = backwards(call.ys, call.xs, call.outer)
    call.check_dependence([found])
    return call.given_out([call.inputs], found)


def _jacobian(call: Call) -> Any:
    xs, ys, rows = call.xs, call.ys, float(len(call.ys))
    if forwards_is_cheaper(xs, ys, len(xs), rows, call.outer):
        # Then look closer: behind most results there may be few of the nodes, and a row is cheaper than it seems.
        rows *= len(chain.topological_order(ys[len(ys) // 2])) / max(1, len(chain.topological_order(*ys)))
    if forwards_is_cheaper(xs, ys, len(xs), rows, call.outer):
        directions = [[1.0 if x is other else None for other in xs] for x in xs]
        columns = forwards(ys, xs, directions, call.outer)
        found = [[column[i] for column in columns] for i in range(len(ys))]
    else:
        found = [backwards([y], xs, call.outer) for y in ys]
    call.check_dependence(found)
    return call.given_out([call.outputs, call.inputs], found)


def _hessian(call: Call) -> Any:
    slopes = [backwards([y], call.xs, graph=True) for y in call.ys]
    call.check_dependence(slopes)
    found = [
        [backwards([] if slope is None else [slope], call.xs, call.outer) for slope in of_one_result]
        for of_one_result in slopes
    ]
    return call.given_out([call.outputs, call.inputs, call.inputs], found)


def _hessian_times_vector(vector: Any, call: Call) -> Any:
    call.check_one_result()
    along = call.inputs.numbers(vector, "hvp: the vector")
    graph = call.outer or any(type(v) is Value for v in along)
    slopes = backwards(call.ys, call.xs, graph=True)
    call.check_dependence([slopes])
    return call.given_out([call.inputs], backwards(_weighted(slopes, along), call.xs, graph), graph)


def _weighted(ys: Sequence[Value | None], weights: Sequence[Any]) -> list[Value]:
    """The sum of results times weights, to be differentiated; nothing where there is none."""
    pairs = [(y, w) for y, w in zip(ys, weights, strict=True) if y is not None]
    with modes.mode(modes.IEEE, off=modes.NO_GRAD):
        return [ops.dot(*[y for y, _ in pairs], *[w for _, w in pairs])] if pairs else []


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
