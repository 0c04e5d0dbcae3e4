"""Functions with a derivative of your own."""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Callable
from typing import Any, TypeVar

from .engine import Value
from .errors import InputTypeError, RuleError
from .joint import joint
from .structure import flatten

Rule = TypeVar("Rule", bound=Callable[..., Any])


class custom_vjp:
    """A function that computes on plain floats, and whose derivative is a rule that you register.

    For one number from a few numbers an `Op` is lighter; this is for containers, for several results, and for code that
    works on floats only. Positional arguments are numbers, alone or in containers; keywords are settings.

    The rule is told the upstream gradient ``g`` and the result ``y``, both as the function returns it, the arguments,
    and the keywords; it returns a tuple, one contribution an argument, each like the argument, or None where nothing
    is sent. Where derivatives of higher order are wanted it runs on Values, so write it with autograd's functions. It
    must be linear in ``g``; for each of several results it runs once.

    Args:
        function: from floats, in their containers, to numbers.

    Raises:
        RuleError: where `function` can't be called, or a Value meets it and it has no rule.

    >>> import autograd
    >>> @custom_vjp
    ... def clipped_log(x, *, floor=1e-300):
    ...     return math.log(max(x, floor))
    >>> @clipped_log.rule
    ... def clipped_log_rule(g, y, x, *, floor=1e-300):
    ...     return (g / autograd.maximum(x, floor),)
    >>> import math
    >>> autograd.grad(clipped_log)(2.0), autograd.grad(autograd.grad(clipped_log))(2.0)
    (0.5, -0.25)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise RuleError(f"custom_vjp decorates a function, not {function!r}")
        functools.update_wrapper(self, function)
        self._function = function
        self._rule: Callable[..., Any] | None = None
        self._name: str = getattr(function, "__name__", type(function).__name__)

    def rule(self, function: Rule) -> Rule:
        """Register the decorated function as the derivative.

        Raises:
            RuleError: where it can't be called, or there is a rule already.
        """
        if not callable(function):
            raise RuleError(f"the rule of {self._name} must be a function, not {function!r}")
        if self._rule is not None:
            raise RuleError(f"{self._name} has a rule already: {getattr(self._rule, '__name__', self._rule)}")
        self._rule = function
        return function

    def __repr__(self) -> str:
        return f"<custom_vjp {self._name}>"

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Compute on floats; where an argument holds a Value, nodes of the results."""
        for name, setting in settings.items():
            if type(setting) is Value:
                raise InputTypeError(f"{self._name}: pass {name} by position: by keyword it gets no gradient")
        parts = [flatten(x, f"argument {i} of {self._name}") for i, x in enumerate(args)]
        inputs = [x for numbers, _ in parts for x in numbers]
        if not any(type(x) is Value for x in inputs):
            return self._function(*args, **settings)
        if self._rule is None:
            raise RuleError(f"{self._name} has no derivative yet: register one with @{self._name}.rule")
        rule, name = self._rule, self._name
        structures = [structure for _, structure in parts]

        def filled(numbers: Any) -> list[Any]:
            left = list(numbers)
            arguments = []
            for structure in structures:
                arguments.append(structure.filled(left[: structure.count]))
                del left[: structure.count]
            return arguments

        result = self._function(*filled([x.data if type(x) is Value else x for x in inputs]), **settings)
        data, outputs = flatten(result, f"what {name} returned")
        if any(type(y) is Value for y in data):
            raise RuleError(f"{name} was called with floats and returned Values; it computes on floats alone")

        def pull(g: Any, ys: Any, numbers: Any) -> list[Any]:
            sent = rule(outputs.filled(g), outputs.filled(ys), *filled(numbers), **settings)
            if not isinstance(sent, tuple) or len(sent) != len(structures):
                raise RuleError(
                    f"the rule of {name} must return a tuple of {len(structures)}, one contribution an argument, "
                    f"None where nothing is sent, not {reprlib.repr(sent)}"
                )
            contributions: list[Any] = []
            for i, (c, structure) in enumerate(zip(sent, structures, strict=True)):
                what = f"contribution {i} of the rule of {name}"
                contributions += [None] * structure.count if c is None else structure.numbers(c, what)
            return contributions

        return outputs.filled(joint(name, inputs, data, pull))
