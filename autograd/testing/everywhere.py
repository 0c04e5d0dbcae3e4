"""`check_everywhere`: derivatives checked at random points, and the smallest counterexample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import GradientError, InputError, InputTypeError
from ..ops import is_number
from .check import Bridge, check_gradients


def is_everywhere(where: Any) -> bool:
    """Whether `where` says more than one point: a strategy, or a pair (low, high) an argument.

    >>> is_everywhere([(0.0, 1.0)]), is_everywhere([0.0, 1.0])
    (True, False)
    """
    if hasattr(where, "example") and hasattr(where, "map"):
        return True
    is_pair = lambda x: isinstance(x, tuple) and len(x) == 2 and all(map(is_number, x)) and x[0] < x[1]  # noqa: E731
    return isinstance(where, Sequence) and len(where) > 0 and all(map(is_pair, where))


def check_everywhere(
    f: Callable[..., Any] | Bridge,
    where: Any,
    order: int = 1,
    examples: int | None = None,
    same_each_time: bool | None = None,
) -> None:
    """Check the derivatives of f at many points, and shrink a point where one is wrong to the simplest.

    Args:
        f: as for `check_gradients`.
        where: a pair (low, high) for each argument of f; or a hypothesis strategy that draws its arguments.
        order: 1, 2 or 3.
        examples: how many points; hypothesis' profile says unless given.
        same_each_time: whether to draw the same points in every run; the profile says unless given.

    Raises:
        GradientError: (an AssertionError) at the simplest point where a derivative is wrong.
        MissingLibraryError: where hypothesis is not installed.
        InputError: where a range is empty.

    >>> import autograd
    >>> check_everywhere(lambda x, y: autograd.tanh(x) * y, [(-3, 3), (0.1, 10)], order=2)
    >>> cube = autograd.Op("cube", 1, lambda a: a * a * a)
    >>> @autograd.rule(cube)
    ... def cube_rule(g, y, a):
    ...     return (g * 2.0 * a * a,)
    >>> check_everywhere(cube, [(-3, 3)])
    Traceback (most recent call last):
    autograd.errors.GradientError: check_gradients(cube, [1.0]): the derivative by inputs[0] is wrong
      got       2.0
      expected  3.0 ± ...
      suspect   cube at (1.0): its rule sends 2.0, its differences say 3.0 ± ...
    """
    from . import strategies  # where hypothesis is looked for
    from .strategies import search

    try:
        search(lambda inputs: check_gradients(f, inputs, order), _drawn(where, strategies), examples, same_each_time)
    except GradientError as error:
        error.__notes__ = []  # hypothesis': the point, which the error names, and lines of the check's own text
        raise


def _drawn(where: Any, strategies: Any) -> Any:
    if hasattr(where, "example") and hasattr(where, "map"):
        return where
    if not isinstance(where, Sequence) or isinstance(where, (str, bytes)):
        raise InputTypeError(f"check_everywhere: where is a pair (low, high) an argument, or a strategy, not {where!r}")
    for pair in where:
        if not isinstance(pair, Sequence) or len(pair) != 2:
            raise InputTypeError(f"check_everywhere: each of where is a pair (low, high), not {pair!r}")
        if not pair[0] < pair[1]:
            raise InputError(f"check_everywhere: a range needs low < high, not {pair!r}")
    return strategies.boxes([(float(low), float(high)) for low, high in where])
