"""Listings in C, where the engine is compiled: the same rows, written while the program runs."""

from __future__ import annotations

from functools import cache
from typing import Any

from .. import engine, modes
from .code import Instruction, careful, float_function, folded
from .listing import Listing
from .symbols import CONDITIONS, TOTAL, detach, select
from .templates import has_choices, template


@cache
def listing_type() -> Any:
    """The class of listings: the compiled one where there is one.

    >>> len(listing_type()(3))
    3
    """
    compiled = engine.compiled()
    if compiled is None:
        return Listing
    return compiled.connect_programs(
        (*CONDITIONS, select, detach),
        TOTAL,
        modes.here,
        modes.files,
        modes.OURS,
        careful,
        folded,
        template,
        has_choices,
        float_function,
        Instruction,
    )
