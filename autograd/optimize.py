"""Functions as scipy's solvers want them: of one flat array, with their derivatives beside them.

>>> import numpy as np
>>> p = problem(lambda m: (m["a"] - 1.0) ** 2 + 10.0 * (m["b"] - m["a"] ** 2) ** 2, {"a": 0.0, "b": 0.0})
>>> p.x0, p.fun(p.x0), p.jac(p.x0)
(array([0., 0.]), 1.0, array([-2.,  0.]))

Then ``minimize(p.fun, p.x0, jac=p.jac, hess=p.hess)``, and ``p.structured(result.x)`` is a model again. Steps that
leave the domain, as into log(-1), raise; inside `autograd.ieee` they give inf or nan, and most solvers turn back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from . import ops
from .arrays import data, shaped
from .calculus import hessian, hvp, jacobian, value_and_grad
from .calls import called, check_function
from .errors import InputError, InputTypeError
from .structure import flatten, without_graph

__all__ = ["Constraint", "Problem", "constraint", "problem"]


def problem(f: Callable[..., Any], x0: Any, argnum: int = 0) -> Problem:
    """f as ``scipy.optimize``'s minimize, least_squares and root take it, or ``solve_ivp``.

    Args:
        f: of numbers in containers; returns one number to be minimised, or several, residuals or rates of change.
        x0: where to start, in the containers that f takes.
        argnum: which of f's arguments it is; for ``solve_ivp``, whose functions are of (t, y), 1.

    Raises:
        InputTypeError: where f is not callable, or x0 holds something other than numbers.

    >>> p = problem(lambda t, y: [y[1], -y[0]], [1.0, 0.0], argnum=1)
    >>> p.fun(0.0, p.x0), p.jac(0.0, p.x0).tolist()
    (array([ 0., -1.]), [[0.0, 1.0], [-1.0, 0.0]])
    """
    return Problem(f, x0, argnum)


def constraint(f: Callable[..., Any], x0: Any) -> Constraint:
    """f as ``scipy.optimize.NonlinearConstraint`` takes it, and minimize's dicts.

    Args:
        f: of numbers in containers, to one number or several.
        x0: where to start, in the containers that f takes.

    Raises:
        InputTypeError: where f is not callable, or x0 holds something other than numbers.

    >>> c = constraint(lambda x: x[0] ** 2 + x[1], [1.0, 2.0])
    >>> c.fun(c.x0), c.jac(c.x0), c.hess(c.x0, [10.0]).tolist()
    (3.0, array([2., 1.]), [[20.0, 0.0], [0.0, 0.0]])
    """
    return Constraint(f, x0)


class _OfOneArray:
    """What problems and constraints share."""

    def __init__(self, f: Callable[..., Any], x0: Any, argnum: int = 0) -> None:
        check_function(type(self).__name__.lower(), f)
        if type(argnum) is not int or argnum < 0:
            raise InputTypeError(f"argnum must be a whole number, 0 or more, not {argnum!r}")
        numbers, self._structure = flatten(x0, "x0")
        self._argnum = argnum
        self.x0: Any = data(numbers)

        @functools.wraps(f)
        def flat(*args: Any, **options: Any) -> Any:
            arguments = list(args)
            arguments[argnum] = self._structure.filled(args[argnum])
            result, structure = flatten(f(*arguments, **options), f"what {getattr(f, '__name__', 'f')} returned")
            return result[0] if structure.is_one_number else result

        self._f = flat

    def fun(self, *args: Any) -> Any:
        """f at x, a flat array; a float, or an array of several.

        Raises:
            InputError: where x is not as long as x0.
        """
        call = called("fun", self._f, self._checked(args), {}, [self._argnum])
        value = without_graph(call.value())
        return data(value) if isinstance(value, list) else value

    def jac(self, *args: Any) -> Any:
        """The gradient of f at x, an array, or for several results the Jacobian, a matrix.

        Raises:
            InputError: where x is not as long as x0.
        """
        return self._matrix(jacobian(self._f, self._argnum)(*self._checked(args)))

    def structured(self, x: Any) -> Any:
        """A flat array's numbers in the containers of x0.

        Raises:
            InputError: where x is not as long as x0.
        """
        return self._structure.filled(self._numbers(x))

    def _numbers(self, x: Any) -> list[float]:
        numbers = data(x).ravel().tolist()
        if len(numbers) != self._structure.count:
            raise InputError(f"x must have {self._structure.count} numbers, as x0 has, not {len(numbers)}")
        return numbers  # type: ignore[no-any-return]

    def _checked(self, args: tuple[Any, ...]) -> list[Any]:
        if len(args) <= self._argnum:
            raise InputError(f"there is no positional argument {self._argnum}, the call has {len(args)}; see argnum")
        arguments = list(args)
        arguments[self._argnum] = self._numbers(args[self._argnum])
        return arguments

    def _matrix(self, rows: Any) -> Any:
        """Rows as an array of floats, as wide as x0 where there are none."""
        return data(rows) if rows else shaped([], (0, self._structure.count))


class Problem(_OfOneArray):
    """A function of one flat array with its derivatives; made by `problem`.

    Attributes:
        x0: where to start, a flat array of floats.
    """

    def fun_and_jac(self, *args: Any) -> tuple[float, Any]:
        """Value and gradient from one run of f, for ``minimize(…, jac=True)``.

        Raises:
            InputError: where x is not as long as x0.
            InputTypeError: where f returns several numbers.

        >>> problem(lambda x: x[0] ** 2, [3.0]).fun_and_jac([3.0])
        (9.0, array([6.]))
        """
        value, slopes = value_and_grad(self._f, self._argnum)(*self._checked(args))
        return without_graph(value), data(slopes)

    def hess(self, *args: Any) -> Any:
        """The Hessian of f at x, a matrix.

        Raises:
            InputError: where x is not as long as x0.
            InputTypeError: where f returns several numbers; their weighted sum's is that of a `constraint`.

        >>> problem(lambda x: x[0] ** 2 * x[1], [3.0, 5.0]).hess([3.0, 5.0]).tolist()
        [[10.0, 6.0], [6.0, 0.0]]
        """
        return self._matrix(hessian(self._one_number, self._argnum)(*self._checked(args)))

    def hessp(self, x: Any, p: Any, *args: Any) -> Any:
        """The Hessian of f at x times p, an array, without the Hessian.

        Raises:
            InputError: where x or p is not as long as x0.
            InputTypeError: where f returns several numbers, or x is not its first argument.

        >>> problem(lambda x: x[0] ** 2 * x[1], [3.0, 5.0]).hessp([3.0, 5.0], [1.0, 0.0])
        array([10.,  6.])
        """
        if self._argnum:
            raise InputTypeError("hessp(x, p) is for functions whose first argument is x")
        return data(hvp(self._f)(*self._checked((x, *args)), self._numbers(p)))

    def _one_number(self, *args: Any) -> Any:
        result = self._f(*args)
        if isinstance(result, list):
            raise InputTypeError(
                f"hess is of one number, and the function returned {len(result)}; for NonlinearConstraint write "
                "constraint(f, x0), for one of the numbers return that one"
            )
        return result


class Constraint(_OfOneArray):
    """A function that is to stay within bounds, with its derivatives; made by `constraint`.

    Attributes:
        x0: where to start, a flat array of floats.
    """

    def hess(self, x: Any, v: Any) -> Any:
        """The Hessian of Σ v × results at x, a matrix.

        Raises:
            InputError: where x is not as long as x0, or v not as long as the results are many.
        """
        weights = data(v).ravel().tolist()

        def weighted(x: Any) -> Any:
            result = self._f(x)
            numbers = result if isinstance(result, list) else [result]
            if len(numbers) != len(weights):
                raise InputError(f"v must have a number for each of the {len(numbers)} results, not {len(weights)}")
            return ops.dot(*numbers, *weights) if numbers else 0.0

        return self._matrix(hessian(weighted)(self._numbers(x)))
