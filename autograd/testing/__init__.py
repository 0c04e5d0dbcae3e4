"""Property tests for derivatives, by hand or by rule, in any framework.

- `check_gradients`: at a point, to third order; `check_everywhere`: at random ones, shrunk to the simplest.
- `audit`: says what is wrong with a hand-written backward pass.
- `strategies`: what hypothesis draws: points of ops, expressions, programs, nets.
- `bridges`: the same on functions of numpy, torch, jax, HIPS autograd.
- `plugin`: pytest's `gradcheck` fixture.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .auditing import Audit, audit
    from .check import Report, check_gradients
    from .everywhere import check_everywhere

_LAZY = {  # public name: the module that holds it, imported at first use; pytest loads this package in every run
    "Audit": "auditing",
    "Report": "check",
    "audit": "auditing",
    "check_everywhere": "everywhere",
    "check_gradients": "check",
}

__all__ = ["Audit", "Report", "audit", "check_everywhere", "check_gradients"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
