"""Which engine `Value` is. Everything above imports `Value` from here."""

from __future__ import annotations

from typing import NamedTuple

from .value import Value, parameter

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
