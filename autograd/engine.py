"""Which engine `Value` is: the compiled one where it is built. Everything above imports `Value` from here."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from . import native

__all__ = ["Backend", "Value", "backend", "compiled", "parameter", "twin"]


Function = TypeVar("Function", bound=Callable[..., Any])


class Backend(NamedTuple):
    """The engine in use: its name, and why it is that one."""

    name: str
    why: str


def _chosen() -> tuple[Any, Backend]:
    from .value import Value as Pure

    if os.environ.get("AUTOGRAD_PURE", "0") not in ("", "0"):
        return Pure, Backend("pure", "AUTOGRAD_PURE is set")
    try:
        return native.load(), Backend("compiled", "it is built, and AUTOGRAD_PURE is not set")
    except ImportError as error:
        return Pure, Backend("pure", f"the compiled engine can't be used: {error}")


if TYPE_CHECKING:
    from .value import Value

    _backend: Backend
else:
    Value, _backend = _chosen()


def backend() -> Backend:
    """Which engine computes, "compiled" or "pure", and why.

    >>> backend().name in ("compiled", "pure")
    True
    """
    return _backend


def twin(function: Function) -> Function:
    """The compiled twin of a function that works on many nodes at once, in the compiled engine; else the function.

    >>> @twin
    ... def no_compiled_function_is_called_this(xs): ...
    """
    return native.twin(function) if _backend.name == "compiled" else function


def compiled() -> Any:
    """The compiled engine's own module, for what runs programs in C; None in the pure one."""
    return native.extension() if _backend.name == "compiled" else None


def parameter(data: Any, label: str = "") -> Value:
    """A leaf that an optimiser may change; `nn.Parameter` is its public name."""
    leaf = Value(data, label)
    leaf._block().is_parameter = True
    return leaf
