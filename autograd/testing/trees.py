"""Numbers in nested containers: lists, tuples, dicts, arrays, as the arguments of functions are.

`flatten` lists the numbers with their places, `rebuild` puts others there. Arrays are known by their methods, so that
numpy is not imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import InputTypeError
from ..ops import is_number, number


def is_array(x: Any) -> bool:
    """Whether x is an array with at least one axis, numpy's or one that behaves so."""
    return hasattr(x, "shape") and hasattr(x, "astype") and len(x.shape) > 0


def flatten(tree: Any, what: str = "the inputs") -> list[tuple[str, float]]:
    """Each number of a tree with the path that leads to it.

    Args:
        tree: a number, or lists, tuples, dicts and arrays of them, nested.
        what: the tree's name in messages.

    Raises:
        InputTypeError: where something in it is no number.

    >>> flatten({"w": [1, 2.5]})
    [("['w'][0]", 1.0), ("['w'][1]", 2.5)]
    """
    return [(path, number(x, f"{what}{path}")) for path, x in items(tree)]


def items(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf of a tree, whatever it is, with its path."""
    if isinstance(tree, dict):
        for key, x in tree.items():
            yield from items(x, f"{path}[{key!r}]")
    elif isinstance(tree, (list, tuple)):
        for i, x in enumerate(tree):
            yield from items(x, f"{path}[{i}]")
    elif is_array(tree):
        for i in range(tree.shape[0]):
            yield from items(tree[i], f"{path}[{i}]")
    else:
        yield path, tree.item() if hasattr(tree, "shape") else tree


def rebuild(tree: Any, xs: Iterator[Any]) -> Any:
    """A tree of the same shape with the next of `xs` in each leaf's place; arrays of Values have numpy's object type.

    >>> rebuild({"w": [1, 2.5]}, iter("ab"))
    {'w': ['a', 'b']}
    """
    if isinstance(tree, dict):
        return {key: rebuild(x, xs) for key, x in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a named tuple
        return type(tree)(*[rebuild(x, xs) for x in tree])
    if isinstance(tree, (list, tuple)):
        return type(tree)([rebuild(x, xs) for x in tree])
    if is_array(tree):
        new = [next(xs) for _ in range(tree.size)]
        kinds = {type(x) for x in new}
        array = tree.astype(kinds.pop() if kinds in ({float}, {complex}) else object)
        array.flat = new
        return array
    return next(xs)


def checked(tree: Any, what: str) -> Any:
    """The tree, if its leaves are numbers; else an `InputTypeError` that names the place."""
    for path, x in items(tree):
        if not is_number(x):
            raise InputTypeError(f"{what}{path} must be a real number, not {type(x).__name__} {x!r}")
    return tree
