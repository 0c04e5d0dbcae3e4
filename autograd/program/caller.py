"""What is called like a function: the door that programs and compiled functions share.

In the compiled engine it is made in C, where a call that is like the last one is answered without Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import engine
from .arguments import NUMBER


class PlainCaller:
    """Answers every call by `_call`, and `value_and_grad` by `_value_and_grad`.

    >>> class Doubled(PlainCaller):
    ...     def _call(self, x):
    ...         return 2 * x
    >>> Doubled()(3)
    6
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What `_call` answers."""
        return self._call(*args, **kwargs)

    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """The result, and its derivatives in the structure of the argument that `argnums` names, as floats."""
        return self._value_and_grad(*args, **kwargs)

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _quicken(self, gradient: bool, machine: Any, *how: Any) -> None:
        """In C: answer the next calls that are like this one."""

    def _used(self, gradient: bool) -> int:
        """How many calls were answered so; from now on none is."""
        return 0


if TYPE_CHECKING:
    Caller = PlainCaller
else:
    _compiled = engine.compiled()
    Caller = PlainCaller if _compiled is None else _compiled.caller(NUMBER)
