"""Which engine `Value` is. Everything above imports `Value` from here."""

from __future__ import annotations

from typing import Any, NamedTuple

from .value import Value

__all__ = ["Backend", "Value", "backend", "parameter"]


class Backend(NamedTuple):
    """The engine in use: its name, and why it is that one."""

    name: str
    why: str


def backend() -> Backend:
    """Which engine computes, and why.

    >>> backend().name
    'pure'
    """
    return Backend("pure", "the readable Python engine is the only one in this version")


def parameter(data: Any, label: str = "") -> Value:
    """A leaf that an optimiser may change; `nn.Parameter` is its public name."""
    leaf = Value(data, label)
    leaf._block().is_parameter = True
    return leaf
