"""numpy's object arrays of Values, to and fro: the only place where numpy is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from . import ops
from .engine import Value
from .errors import MissingLibraryError


def is_array(x: object) -> bool:
    """Whether x is numpy's; no array can be there before numpy is.

    >>> is_array([1.0, 2.0])
    False
    """
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray)


def shaped(numbers: Sequence[Any], shape: Sequence[int]) -> Any:
    """Numbers in rows, as an array of this shape: of floats, or of objects where one of them is a Value.

    >>> shaped([1, 2, 3, 4], (2, 2))
    array([[1., 2.],
           [3., 4.]])
    """
    np = _numpy("an array of numbers")
    if not any(type(x) is Value for x in numbers):
        return np.array(numbers, dtype=float).reshape(shape)
    new = np.empty(len(numbers), dtype=object)
    new[:] = numbers
    return new.reshape(shape)


def numbers_of(array: Any, what: str) -> list[Any]:
    """An array's entries, row after row: Values as they are, everything else as floats.

    Raises:
        InputTypeError: where an entry is no real number.

    >>> import numpy as np
    >>> numbers_of(np.eye(2, dtype=int), "the matrix")
    [1.0, 0.0, 0.0, 1.0]
    """
    return [x if type(x) in (float, Value) else ops.number(x, f"an entry of {what}") for x in array.ravel().tolist()]


def _numpy(what: str) -> Any:
    try:
        import numpy
    except ImportError:
        raise MissingLibraryError(f"{what} needs numpy: pip install numpy") from None
    return numpy
