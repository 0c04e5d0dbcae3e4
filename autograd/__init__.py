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
    from . import linalg, optimize
    from .arrays import array, data, grads
    from .calculus import grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp
    from .custom import custom_vjp
    from .debugger import debug
    from .drawing import draw, draw_dot, player
    from .explanation import why
    from .implicit import implicit_fixed_point, implicit_root
    from .program import Program, compile, record  # noqa: F401 - compile shadows a builtin: not in __all__
    from .propagation import correlated, uncertain, uncertainty
    from .sparse import sparse_hessian, sparse_jacobian, sparsity
    from .stepping import steps

_LAZY = {  # public name: the module that holds it, imported at first use
    "Program": "program",
    "array": "arrays",
    "compile": "program",
    "correlated": "propagation",
    "custom_vjp": "custom",
    "data": "arrays",
    "debug": "debugger",
    "draw": "drawing",
    "draw_dot": "drawing",
    "grad": "calculus",
    "gradients": "calculus",
    "grads": "arrays",
    "hessian": "calculus",
    "hvp": "calculus",
    "implicit_fixed_point": "implicit",
    "implicit_root": "implicit",
    "jacobian": "calculus",
    "jvp": "calculus",
    "player": "drawing",
    "record": "program",
    "sparse_hessian": "sparse",
    "sparse_jacobian": "sparse",
    "sparsity": "sparse",
    "steps": "stepping",
    "uncertain": "propagation",
    "uncertainty": "propagation",
    "value_and_grad": "calculus",
    "vjp": "calculus",
    "why": "explanation",
}
_MODULES = ("linalg", "optimize")  # public as they are, imported at first use


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# What shadows a builtin (abs, compile, max, min, pow, round, sum) is reached as autograd.sum, never by a star import.
__all__ = [
    *_functions,
    "AnomalyError",
    "AutogradError",
    "Op",
    "Program",
    "StaleGraphError",
    "Value",
    "__version__",
    "array",
    "backend",
    "correlated",
    "custom_vjp",
    "data",
    "debug",
    "detect_anomaly",
    "draw",
    "draw_dot",
    "errors",
    "grad",
    "gradients",
    "grads",
    "hessian",
    "hvp",
    "ieee",
    "implicit_fixed_point",
    "implicit_root",
    "jacobian",
    "jvp",
    "linalg",
    "no_grad",
    "optimize",
    "player",
    "record",
    "rule",
    "sparse_hessian",
    "sparse_jacobian",
    "sparsity",
    "steps",
    "topological_order",
    "trace",
    "uncertain",
    "uncertainty",
    "value_and_grad",
    "vjp",
    "why",
]
