"""The same checks on functions of other frameworks' numbers: wrap one, and pass it to `check_gradients`.

A bridge computes in double precision on one flat vector of the inputs. None of the frameworks is imported before a
bridge to it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import InputError, InputTypeError, MissingLibraryError
from . import trees
from .check import Bridge


class Traced(Bridge):
    """A function of a framework that differentiates functions, as often as asked.

    Args:
        f: the function, called as ``f(*inputs)``.
        grad: what makes of a function of a vector, with one result, that of its gradient.
        vector: makes the framework's vector of floats.
    """

    def __init__(
        self, f: Callable[..., Any], grad: Callable[..., Any], vector: Callable[[Sequence[float]], Any]
    ) -> None:
        self.f, self.grad, self.vector = f, grad, vector
        self.name = getattr(f, "__name__", repr(f))

    def value(self, tree: Any, xs: Sequence[float]) -> float:
        """f at xs."""
        return float(self._along(tree)(self.vector(xs)))

    def derivative(self, tree: Any, by: tuple[int, ...], xs: Sequence[float]) -> float:
        """The framework's derivative of f by the inputs numbered in `by`."""
        f = self._along(tree)
        for i in by:
            f = self._slope(f, i)
        return float(f(self.vector(xs)))

    def _slope(self, f: Callable[..., Any], i: int) -> Callable[..., Any]:
        return lambda v: self.grad(f)(v)[i]

    def _along(self, tree: Any) -> Callable[..., Any]:
        return lambda v: self.f(*_filled(tree, v, [0]))


def _filled(tree: Any, v: Any, at: list[int]) -> Any:
    """The tree with the numbers of a framework's vector, sliced where it holds arrays."""
    if isinstance(tree, dict):
        return {key: _filled(x, v, at) for key, x in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)([_filled(x, v, at) for x in tree])
    start = at[0]
    if trees.is_array(tree):
        at[0] += tree.size
        return v[start : at[0]].reshape(tree.shape)
    at[0] += 1
    return v[start]


class ByHand(Bridge):
    """A function of plain numbers or numpy arrays, and its gradient written by hand."""

    def __init__(self, f: Callable[..., Any], gradient: Callable[..., Any]) -> None:
        self.f, self.gradient = f, gradient
        self.name = getattr(f, "__name__", repr(f))

    def value(self, tree: Any, xs: Sequence[float]) -> float:
        """f at xs."""
        return float(self.f(*trees.rebuild(tree, iter(map(float, xs)))))

    def complex_value(self, tree: Any, *xs: complex) -> complex:
        """f at complex numbers."""
        return complex(self.f(*trees.rebuild(tree, iter(xs))))

    def derivative(self, tree: Any, by: tuple[int, ...], xs: Sequence[float]) -> float:
        """The gradient by hand; it has no second one."""
        if len(by) > 1:
            raise InputError("a gradient by hand has no derivative of its own: check it with order=1")
        found = [x for _, x in trees.flatten(self.gradient(*trees.rebuild(tree, iter(map(float, xs)))), "the gradient")]
        if len(found) != len(xs):
            raise InputError(f"the gradient has {len(found)} numbers, the inputs have {len(xs)}")
        return found[by[0]]


def numpy(f: Callable[..., Any], gradient: Callable[..., Any]) -> Bridge:
    """A function of numpy arrays or plain numbers with a gradient written by hand.

    Where f is made for complex numbers too, as numpy's analytic functions are, the gradient is also held against a
    complex step, which is exact.

    Args:
        f: called as ``f(*inputs)``, returns one number.
        gradient: called in the same way; the derivatives, in the shape of the inputs (of the input, where it is one).

    Raises:
        InputTypeError: where one is no function.

    >>> import numpy as np
    >>> from autograd.testing import check_gradients
    >>> bridge = numpy(lambda x: np.sum(np.sin(x)), np.cos)
    >>> check_gradients(bridge, [np.array([0.3, 1.2])]).compared
    4
    """
    return ByHand(_function(f), _function(gradient))


def torch(f: Callable[..., Any]) -> Bridge:
    """A function of torch tensors, differentiated by ``torch.func.grad``, in float64.

    Raises:
        InputTypeError: where f is no function.
        MissingLibraryError: where torch is not installed.
    """
    try:
        import torch as framework
    except ImportError:
        raise MissingLibraryError("this bridge needs torch, which is not installed: pip install torch") from None
    return Traced(_function(f), framework.func.grad, lambda xs: framework.tensor(list(xs), dtype=framework.float64))


def jax(f: Callable[..., Any]) -> Bridge:
    """A function of jax arrays, differentiated by ``jax.grad``, in float64: it turns on ``jax_enable_x64``.

    Raises:
        InputTypeError: where f is no function.
        MissingLibraryError: where jax is not installed.
    """
    try:
        import jax as framework
    except ImportError:
        raise MissingLibraryError("this bridge needs jax, which is not installed: pip install jax") from None
    framework.config.update("jax_enable_x64", True)
    return Traced(_function(f), framework.grad, lambda xs: framework.numpy.array(list(xs), dtype="float64"))


def hips(f: Callable[..., Any], grad: Callable[..., Any]) -> Bridge:
    """A function of HIPS autograd's numpy, differentiated by its ``grad``.

    Args:
        f: the function.
        grad: HIPS autograd's ``grad``. You pass it, since that package has this one's import name: one of the two has
            to be loaded under another.

    Raises:
        InputTypeError: where one is no function.
        MissingLibraryError: where numpy is not installed.
    """
    from .arrays import np

    return Traced(_function(f), _function(grad), lambda xs: np.array(list(xs), float))


def _function(f: Any) -> Any:
    if not callable(f):
        raise InputTypeError(f"a bridge wraps a function, not {f!r}")
    return f
