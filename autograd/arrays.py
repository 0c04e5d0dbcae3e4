"""numpy's object arrays of Values, to and fro: the only place where numpy is imported."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from typing import Any

from . import ops
from .engine import Value
from .errors import InputTypeError, MissingLibraryError


def array(x: Any, label: str = "") -> Any:
    """An object array of leaves, one for each number; Values in x stay the nodes they are.

    numpy broadcasts, slices and multiplies such arrays, and its functions of one number (``np.exp``) work on them.
    Those that compare (``np.maximum``, ``np.clip``, ``np.sign``) return plain elements: write `autograd.maximum` and so
    on.

    Args:
        x: an array, or a number or nested sequences of numbers, Values among them or not.
        label: of the whole; an entry's is ``w[0,1]``.

    Raises:
        InputTypeError: where x holds something other than numbers, or its rows differ in length.
        MissingLibraryError: where numpy is not installed.

    >>> import numpy as np
    >>> w = array([[1.0, 2.0], [3.0, 4.0]], label="w")
    >>> loss = (w @ [1.0, -1.0] + np.exp(w[0])).sum()
    >>> loss.backward()
    >>> w[1, 0].label, grads(w)[1]
    ('w[1,0]', array([ 1., -1.]))
    """
    rows = imported("autograd.array").array(x, dtype=object)
    entries = numbers_of(rows, "autograd.array's")
    leaves = [v if type(v) is Value else Value(v) for v in entries]
    if label:
        for place, leaf, given in zip(itertools.product(*map(range, rows.shape)), leaves, entries, strict=True):
            if leaf is not given:
                leaf.label = f"{label}[{','.join(map(str, place))}]" if place else label
    return shaped(leaves, rows.shape) if leaves else rows


def data(x: Any) -> Any:
    """The numbers of an array of Values, or of nested sequences, as an array of floats.

    Raises:
        InputTypeError: where x holds something other than numbers, or its rows differ in length.
        MissingLibraryError: where numpy is not installed.

    >>> data(array([1.0, 2.0]) * 3.0)
    array([3., 6.])
    """
    rows = imported("autograd.data").array(x, dtype=object)
    return shaped([v.data if type(v) is Value else v for v in numbers_of(rows, "autograd.data's")], rows.shape)


def grads(x: Any) -> Any:
    """The gradients of an array of Values, or of nested sequences, as an array of floats; 0 where there is none yet.

    Raises:
        InputTypeError: where x holds something other than Values, or its rows differ in length.
        MissingLibraryError: where numpy is not installed.

    >>> x = array([1.0, 2.0])
    >>> (x * x).sum().backward()
    >>> grads(x)
    array([2., 4.])
    """
    rows = imported("autograd.grads").array(x, dtype=object)
    for v in rows.ravel().tolist():
        if type(v) is not Value:
            raise InputTypeError(
                f"autograd.grads: {v!r} has no gradient; it takes Values, as autograd.array makes them"
            )
    return shaped([v.grad for v in rows.ravel().tolist()], rows.shape)


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
    np = imported("an array of numbers")
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
    >>> numbers_of(np.eye(2, dtype=int), "the matrix's")
    [1.0, 0.0, 0.0, 1.0]
    """
    return [x if type(x) in (float, Value) else ops.number(x, f"{what} entry") for x in array.ravel().tolist()]


def imported(what: str) -> Any:
    """numpy, for what needs it.

    Raises:
        MissingLibraryError: where it is not installed.

    >>> imported("this example").pi
    3.141592653589793
    """
    try:
        import numpy
    except ImportError:
        raise MissingLibraryError(f"{what} needs numpy: pip install numpy") from None
    return numpy
