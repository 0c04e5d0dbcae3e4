"""What a function is called with and what it returns, as a flat row of numbers and the structure around them.

Floats, Values, and arrays of floats are numbers: a program takes them as inputs. All else is structure: how things
are nested, lengths, ints, bools and strs, and any other object, by identity. A program is for one structure.
"""

from __future__ import annotations

import array
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from numbers import Integral
from typing import Any, Final

from .. import ops
from ..engine import Value
from ..errors import CopyError, InputError

NUMBER: Final = "number"  # what stands in a structure where a number is
NUMBERS: Final = {float, Value}
_DEEPEST: Final = 100  # lists in lists; one that holds itself would never end
_PLAIN: Final = (bool, int, str, bytes, complex, type(None))


class Same:
    """An object that is known by its identity alone; as long as the structure is there, so is it."""

    __slots__ = ("it",)

    def __init__(self, it: object) -> None:
        self.it = it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.it is self.it

    def __hash__(self) -> int:
        return id(self.it)

    def __repr__(self) -> str:
        return f"<this {type(self.it).__name__}>"

    def __reduce__(self) -> Any:
        raise CopyError(
            f"the program belongs to {reprlib.repr(self.it)}, which it was recorded with and which can't go elsewhere "
            "with it; have the function take numbers"
        )


def taken_apart(x: Any, numbers: list[Any], depth: int = 0) -> Any:
    """Add the numbers of `x` to a list, floats and Values as they are; return the structure, which can be hashed.

    Raises:
        InputError: where lists are nested more than 100 deep.

    >>> numbers = []
    >>> taken_apart(([1.0, 2.0], 3, 4.0), numbers), numbers
    ((<class 'tuple'>, ((<class 'list'>, 2), (<class 'int'>, 3), 'number')), [1.0, 2.0, 4.0])
    """
    kind = type(x)
    if kind is float or kind is Value:
        numbers.append(x)
        return NUMBER
    if kind is list or kind is tuple or (isinstance(x, tuple) and hasattr(x, "_fields")):
        if x and {*map(type, x)} <= NUMBERS:
            numbers.extend(x)
            return kind, len(x)
        if depth == _DEEPEST:
            raise InputError(f"an argument is nested more than {_DEEPEST} deep: {reprlib.repr(x)}")
        return kind, tuple([taken_apart(item, numbers, depth + 1) for item in x])
    if kind in _PLAIN:
        return kind, x
    if kind is dict:
        if depth == _DEEPEST:
            raise InputError(f"an argument is nested more than {_DEEPEST} deep: {reprlib.repr(x)}")
        return dict, tuple(x), tuple([taken_apart(item, numbers, depth + 1) for item in x.values()])
    if isinstance(x, array.array):
        if x.typecode in "fd":
            numbers.extend(x.tolist())
            return array.array, len(x)
        return array.array, x.typecode, x.tobytes()
    if is_array(x):
        what = x.dtype.kind
        if what == "f":
            numbers.extend(map(float, x.ravel().tolist()))
            return "array", x.dtype.str, x.shape
        if what == "O":
            return "array", x.shape, tuple([taken_apart(item, numbers, depth + 1) for item in x.ravel().tolist()])
        if what in "iub":
            return "array", x.dtype.str, x.shape, x.tobytes()
    if isinstance(x, Integral):
        return int, int(x)
    if ops.is_number(x):
        if _is_bool(x):
            return bool, bool(x)
        numbers.append(ops.number(x))
        return NUMBER
    return Same(x)


def _is_bool(x: Any) -> bool:
    return getattr(getattr(x, "dtype", None), "kind", "") == "b"  # numpy's, which is no bool


def is_array(x: Any) -> bool:
    """Whether x is an array of numpy's, which is not imported for that."""
    return hasattr(type(x), "__array__") and hasattr(x, "dtype") and hasattr(x, "ravel") and not ops.is_number(x)


def put_together(x: Any, numbers: Iterator[Any], plain: bool = False) -> Any:
    """The same structure as that of `x`, with other numbers in it.

    Args:
        x: what was taken apart.
        numbers: as many as it has, in their order.
        plain: for results: an array has an array of floats for its numbers, and what is no number is None.

    >>> put_together(([1.0, 2.0], 3, 4.0), iter([5.0, 6.0, 7.0]))
    ([5.0, 6.0], 3, 7.0)
    """
    kind = type(x)
    if kind is float or kind is Value:
        return next(numbers)
    if (kind is list or kind is tuple) and {*map(type, x)} <= NUMBERS:
        return kind(islice(numbers, len(x)))
    if kind is list or kind is tuple:
        return kind([put_together(item, numbers, plain) for item in x])
    if kind in _PLAIN:
        return None if plain else x
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return kind(*[put_together(item, numbers, plain) for item in x])
    if kind is dict:
        return {key: put_together(item, numbers, plain) for key, item in x.items()}
    if isinstance(x, array.array):
        if x.typecode in "fd":
            new = [next(numbers) for _ in x]
            return array.array("d", new) if plain else new
        return None if plain else x
    if is_array(x):
        what = x.dtype.kind
        if what in "fO":
            new = x.astype(object)
            for i, item in enumerate(x.ravel().tolist()):
                new.flat[i] = next(numbers) if what == "f" else put_together(item, numbers, plain)
            as_floats = plain if what == "f" else all(type(item) is float for item in new.flat)
            return new.astype(float) if as_floats else new
        return None if plain else x
    if not isinstance(x, Integral) and ops.is_number(x) and not _is_bool(x):
        return next(numbers)
    return None if plain else x


def named(x: Any, name: str) -> Iterator[str]:
    """What the numbers of an argument are called: ``p[0]``, ``p['w']``.

    >>> list(named([1.0, (2.0, 3.0)], "p"))
    ['p[0]', 'p[1][0]', 'p[1][1]']
    """
    if isinstance(x, Mapping):
        for key, item in x.items():
            yield from named(item, f"{name}[{key!r}]")
    elif isinstance(x, tuple) and hasattr(x, "_fields"):
        for field, item in zip(x._fields, x, strict=True):
            yield from named(item, f"{name}.{field}")
    elif isinstance(x, (list, tuple, array.array)):
        if {*map(type, x)} <= NUMBERS:
            yield from [f"{name}[{i}]" for i in range(len(x))]
        else:
            for i, item in enumerate(x):
                yield from named(item, f"{name}[{i}]")
    elif is_array(x):
        for place, item in zip(_places(x.shape), x.ravel().tolist(), strict=True):
            yield from named(item, name + place)
    elif type(x) is Value or (ops.is_number(x) and not isinstance(x, Integral)):
        yield name


def _places(shape: tuple[int, ...]) -> list[str]:
    places = [""]
    for n in shape:
        places = [f"{place}[{i}]" for place in places for i in range(n)]
    return places


class Result:
    """The structure of what a function returned: its Values are known by their place, all else is as it was.

    Args:
        x: what was returned.
        place: called with each Value: its place among the outputs.

    Raises:
        InputError: where it holds something other than Values, numbers, strs, None, and lists, tuples, dicts and
            numpy's object arrays of them.

    >>> Result([Value(1.0), 2.0], lambda v: 0).of([7.0])
    [7.0, 2.0]
    """

    __slots__ = ("kind", "parts")

    def __init__(self, x: Any, place: Callable[[Value], int], depth: int = 0) -> None:
        self.kind: Any = type(x)
        self.parts: Any = x

        def inner(items: Iterable[Any]) -> list[Result]:
            return [Result(item, place, depth + 1) for item in items]

        if depth > _DEEPEST:
            raise InputError(f"the result is nested more than {_DEEPEST} deep")
        if self.kind is Value:
            self.kind, self.parts = "Value", place(x)
        elif self.kind is list or self.kind is tuple or (isinstance(x, tuple) and hasattr(x, "_fields")):
            self.parts = inner(x)
        elif self.kind is dict:
            self.parts = dict(zip(x, inner(x.values()), strict=True))
        elif is_array(x) and x.dtype.kind == "O":
            empty = x.copy()
            empty.fill(None)
            self.kind, self.parts = "array", (empty, inner(x.ravel().tolist()))
        elif not (self.kind in _PLAIN or ops.is_number(x)):
            raise InputError(
                f"it returned {reprlib.repr(x)}; return Values, numbers, or lists, tuples, dicts or arrays of them"
            )

    def of(self, numbers: Any) -> Any:
        """The result with these numbers."""
        kind, parts = self.kind, self.parts
        if kind == "Value":
            return numbers[parts]
        if kind is dict:
            return {key: part.of(numbers) for key, part in parts.items()}
        if kind == "array":
            new = parts[0].copy()
            for i, part in enumerate(parts[1]):
                new.flat[i] = part.of(numbers)
            return new if any(type(x) is Value for x in new.flat) else new.astype(float)
        if kind is list or kind is tuple:
            return kind([part.of(numbers) for part in parts])
        return kind(*[part.of(numbers) for part in parts]) if hasattr(kind, "_fields") else parts
