"""Numbers in containers: taken apart into a flat list, and put back into containers of the same kind.

A container is a list, tuple, named tuple, dict, dataclass or numpy array, and they may be nested. Everything that
differentiates a function of them works on the flat list.

>>> numbers, structure = flatten({"w": [1.0, 2.0], "b": 3})
>>> numbers
[1.0, 2.0, 3.0]
>>> structure.filled([10.0, 20.0, 30.0])
{'w': [10.0, 20.0], 'b': 30.0}
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import ops
from .arrays import is_array, numbers_of, shaped
from .engine import Value
from .errors import InputError


class Block(NamedTuple):
    """Numbers that stand together in the flat list: one alone, whose shape is None, or those of an array."""

    start: int
    shape: tuple[int, ...] | None

    @property
    def places(self) -> range:
        """Where in the list they are."""
        return range(self.start, self.start + math.prod(self.shape or ()))


class Structure:
    """The containers that numbers were taken out of.

    ``str`` shows them with a star for each number, and tells two structures apart:

    >>> print(flatten(([1.0, 2.0], {"b": 3.0}))[1])
    ([*, *], {'b': *})
    """

    __slots__ = ("_build", "_text", "count")

    def __init__(self, count: int, build: Callable[[Callable[[Block], Any]], Any], text: str) -> None:
        self.count = count
        self._build = build
        self._text = text

    def __str__(self) -> str:
        return self._text

    @property
    def is_one_number(self) -> bool:
        """Whether it is a number alone, or in an array without directions.

        >>> flatten(2.0)[1].is_one_number, flatten([2.0])[1].is_one_number
        (True, False)
        """
        return self._text in ("*", "array()")

    def built(self, make: Callable[[Block], Any]) -> Any:
        """The containers, with ``make(block)`` in the place of each number alone and of each array.

        >>> flatten([5.0, (6.0, 7.0)])[1].built(lambda block: block.start)
        [0, (1, 2)]
        """
        return self._build(make)

    def filled(self, numbers: Sequence[Any]) -> Any:
        """The containers with these numbers in them."""
        return product([self], numbers)

    def numbers(self, x: Any, what: str) -> list[Any]:
        """The numbers of x, which must have this structure.

        Raises:
            InputError: where it has another one.

        >>> flatten([1.0, 2.0])[1].numbers((1.0, 2.0), "the direction")
        Traceback (most recent call last):
        autograd.errors.InputError: the direction must be [*, *], a number for each star, not (*, *)
        """
        numbers, structure = flatten(x, what)
        if str(structure) != str(self):
            raise InputError(
                f"{what} must be {_shortened(str(self))}, a number for each star, not {_shortened(str(structure))}"
            )
        return numbers


def flatten(x: Any, what: str = "the argument") -> tuple[list[Any], Structure]:
    """The numbers in x, floats and Values in order, and what they stood in.

    A dataclass counts with the fields that its constructor takes.

    Args:
        x: a number or Value, or containers of them.
        what: its name in messages.

    Raises:
        InputTypeError: where x holds something else.
    """
    numbers: list[Any] = []
    build, text = _taken_apart(x, what, numbers)
    return numbers, Structure(len(numbers), build, text)


def product(structures: Sequence[Structure], numbers: Sequence[Any]) -> Any:
    """Containers of the first structure with containers of the second in the place of each number, and so on.

    Where arrays meet they are one array, as long in each direction as they were: a gradient of an array by an array
    is a matrix.

    Args:
        structures: from the outermost to the innermost.
        numbers: lists in lists, as deep as there are structures.

    >>> pair, triple = flatten((0.0, 0.0))[1], flatten([0.0, 0.0, 0.0])[1]
    >>> product([pair, triple], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    """
    first, *rest = structures

    def make(block: Block) -> Any:
        if block.shape is None:
            return product(rest, numbers[block.start]) if rest else numbers[block.start]
        return _with_an_array(rest, [block], numbers)

    return first.built(make)


def _with_an_array(structures: Sequence[Structure], blocks: list[Block], numbers: Sequence[Any]) -> Any:
    """What stands in these blocks of the outer structures, one an array, and in the other structures."""
    if structures:
        first, *rest = structures
        return first.built(lambda block: _with_an_array(rest, [*blocks, block], numbers))
    entries: Any = [numbers]
    for block in blocks:
        entries = [row[i] for row, i in itertools.product(entries, block.places)]
    return shaped(entries, [n for block in blocks for n in block.shape or ()])


def without_graph(x: Any) -> Any:
    """x with a float for each Value in its containers; whatever else it holds stays.

    >>> without_graph({"loss": Value(2.0), "note": "first", "steps": 3})
    {'loss': 2.0, 'note': 'first', 'steps': 3}
    """
    if type(x) is Value:
        return x.data
    if is_array(x):
        return x if x.dtype != object else _array_without_graph(x)
    parts = _parts(x)
    if parts is None:
        return x
    new = {key: without_graph(part) for key, part in parts.items()}
    return x if all(new[key] is part for key, part in parts.items()) else _put_back(x, new)


def _array_without_graph(x: Any) -> Any:
    entries = [without_graph(entry) for entry in x.ravel().tolist()]
    if all(map(ops.is_number, entries)):
        return shaped(entries, x.shape)
    new = x.copy()
    for place, entry in zip(itertools.product(*map(range, x.shape)), entries, strict=True):
        new[place] = entry
    return new


def _parts(x: Any) -> dict[Any, Any] | None:
    """What a container other than an array holds, by key, index or field; None for anything else."""
    if isinstance(x, dict):
        return x
    if isinstance(x, (list, tuple)):
        return dict(enumerate(x))
    fields = getattr(type(x), "__dataclass_fields__", None)
    if fields is None:
        return None
    from dataclasses import fields as fields_of  # it takes longer to import than this package

    return {field.name: getattr(x, field.name) for field in fields_of(x) if field.init}


def _put_back(x: Any, parts: dict[Any, Any]) -> Any:
    """A container like x that holds these parts."""
    if isinstance(x, dict):
        new = copy.copy(x)  # keeps a defaultdict's default
        new.update(parts)
        return new
    if isinstance(x, tuple) and hasattr(x, "_make"):
        return x._make(parts.values())
    if isinstance(x, (list, tuple)):
        return type(x)(parts.values())
    from dataclasses import replace

    return replace(x, **parts)


def _taken_apart(x: Any, what: str, numbers: list[Any]) -> tuple[Callable[[Callable[[Block], Any]], Any], str]:
    """Put the numbers of x into the list; how to build it again, and its text."""
    array = is_array(x)
    parts = None if array else _parts(x)
    if parts is None:
        block = Block(len(numbers), x.shape if array else None)
        numbers += numbers_of(x, f"{what}'s") if array else [x if type(x) is Value else ops.number(x, what)]
        return lambda make: make(block), f"array{x.shape}" if array else "*"
    found = {key: _taken_apart(part, f"{what}{_step(x, key)}", numbers) for key, part in parts.items()}
    builders = {key: build for key, (build, _) in found.items()}

    def build(make: Callable[[Block], Any]) -> Any:
        return _put_back(x, {key: part(make) for key, part in builders.items()})

    texts = [text for _, text in found.values()]
    if isinstance(x, dict):
        return build, f"{{{', '.join(f'{key!r}: {text}' for key, text in zip(found, texts, strict=True))}}}"
    if isinstance(x, list):
        return build, f"[{', '.join(texts)}]"
    if isinstance(x, tuple):
        return build, f"({', '.join(texts)}{',' * (len(texts) == 1)})"
    return build, f"{type(x).__name__}({', '.join(f'{key}={text}' for key, text in zip(found, texts, strict=True))})"


def _step(x: Any, key: Any) -> str:
    return f"[{key!r}]" if isinstance(x, (dict, list, tuple)) else f".{key}"


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:50]} … {text[-20:]}"
