"""What is asked of arguments, and numbers in lists: a row, a batch, an image, a layer's weights.

Lists may stand in lists. The *shape* of such a thing is how long they are, from the outermost in.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, TypeVar

from autograd import Value
from autograd.errors import InputError, InputTypeError
from autograd.ops import number

T = TypeVar("T")


def require(ok: Any, message: str, kind: type[Exception] = InputError) -> None:
    """Raise an error of this kind, unless ok.

    >>> require(2 > 1, "two is more than one")
    """
    if not ok:
        raise kind(message)


def whole(x: Any) -> int | None:
    """x as an int; None where it is no whole number, as a bool is none.

    >>> whole(3), whole(3.0), whole(True)
    (3, None, None)
    """
    try:
        return None if isinstance(x, bool) else operator.index(x)
    except TypeError:
        return None


def typed(what: str, x: T, kind: Any, wanted: str) -> T:
    """x, where it is of this kind; `what` names it in a message, and `wanted` says what it should be.

    >>> typed("the data", [1.0], list, "a list")
    [1.0]
    """
    remedy = "; write x.tolist()" if hasattr(x, "tolist") and hasattr(x, "__len__") else ""
    got = type(x).__name__ if remedy or x is None else f"{type(x).__name__} {x!r:.60}"
    require(isinstance(x, kind), f"{what} must be {wanted}, not {got}{remedy}", InputTypeError)
    return x


def count(what: str, n: Any, least: int = 1) -> int:
    """n as a whole number of at least `least`; `what` names it in a message.

    >>> count("batch_size", 32)
    32
    """
    known = whole(n)
    require(known is not None, f"{what} must be a whole number, not {n!r:.60}", InputTypeError)
    require((known or 0) >= least, f"{what} must be at least {least}, not {known}")
    return known or 0


def within(what: str, x: Any, low: float = -math.inf, below: float = math.inf) -> float:
    """x as a finite float from `low` to below `below`; `what` names it in a message.

    >>> within("lr", 1)
    1.0
    """
    setting = number(x, what)
    least = "" if low == -math.inf else " and above 0" if 0.0 < low < 1e-300 else f" and at least {low:g}"
    allowed = f"finite{least}" + (f" and below {below:g}" if below < math.inf else "")
    require(low <= setting < below and math.isfinite(setting), f"{what} must be {allowed}, not {setting!r}")
    return setting


def choice(what: str, x: Any, *choices: str) -> str:
    """x, where it is one of `choices`; `what` names it in a message.

    >>> choice("mode", "min", "min", "max")
    'min'
    """
    require(isinstance(x, str) and x in choices, f"{what} must be {' or '.join(map(repr, choices))}, not {x!r:.60}")
    return str(x)


def shape(what: str, x: Any) -> tuple[int, ...]:
    """How long the lists are, from the outermost in; () for what is no list. `what` names it in a message.

    Raises:
        InputError: where it is ragged: where lists side by side have different shapes.
        InputTypeError: where an array stands in for a list.

    >>> shape("x", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), shape("x", 1.0)
    ((2, 3), ())
    """
    if not isinstance(x, (list, tuple)):
        typed(what, x, () if hasattr(x, "tolist") and hasattr(x, "__len__") else object, "numbers in lists")
        return ()
    shapes = {shape(what, xi) for xi in x}
    require(len(shapes) <= 1, f"{what} is ragged: its parts have the shapes {', '.join(map(str, sorted(shapes)))}")
    return (len(x), *shapes.pop()) if x else (0,)


def flat(x: Any) -> list[Any]:
    """What stands in the lists, in order.

    >>> flat([[1.0, 2.0], [3.0]])
    [1.0, 2.0, 3.0]
    """
    return [leaf for xi in x for leaf in flat(xi)] if isinstance(x, (list, tuple)) else [x]


def mapped(function: Callable[..., Any], x: Any, *others: Any) -> Any:
    """The function of each number in x, and of those in the same place in others of that shape; in lists as x.

    >>> mapped(lambda a, b: a + b, [[1.0, 2.0]], [[10.0, 20.0]])
    [[11.0, 22.0]]
    """
    if isinstance(x, (list, tuple)):
        return [mapped(function, *xs) for xs in zip(x, *others, strict=True)]
    return function(x, *others)


def item(x: Any, what: str = "a number") -> float:
    """The number that x is, or holds.

    >>> item(Value(2.0)), item(3)
    (2.0, 3.0)
    """
    return x.data if isinstance(x, Value) else number(x, what)
