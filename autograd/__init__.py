"""Scalar reverse-mode automatic differentiation, to understand a gradient and to have it fast.

>>> from autograd import Value
>>> x, y = Value(2.0), Value(3.0)
>>> loss = (x * y + x).tanh()
>>> loss.backward()
>>> loss.data > 0.9999, x.grad > 0, y.grad > 0
(True, True, True)

To read how it works: ops.py, rules.py, chain.py, value.py, in this order.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import errors
from ._version import __version__
from .calculus import grad, gradients, value_and_grad
from .chain import topological_order
from .engine import Value, backend
from .errors import AnomalyError, AutogradError, StaleGraphError
from .functions import *  # noqa: F403 - functions.py's __all__ is this package's list of functions
from .functions import __all__ as _functions
from .functions import abs, max, min, pow, round, sum  # noqa: F401 - public, but never by a star import
from .modes import detect_anomaly, ieee, no_grad, trace
from .ops import Op
from .rules import rule

if TYPE_CHECKING:
    from .debugger import debug
    from .explanation import why
    from .stepping import steps

_LAZY = {  # public name: the module that holds it, imported at first use
    "debug": "debugger",
    "steps": "stepping",
    "why": "explanation",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# What shadows a builtin (abs, max, min, pow, round, sum) is reached as autograd.sum, never by a star import.
__all__ = [
    *_functions,
    "AnomalyError",
    "AutogradError",
    "Op",
    "StaleGraphError",
    "Value",
    "__version__",
    "backend",
    "debug",
    "detect_anomaly",
    "errors",
    "grad",
    "gradients",
    "ieee",
    "no_grad",
    "rule",
    "steps",
    "topological_order",
    "trace",
    "value_and_grad",
    "why",
]
