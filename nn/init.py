"""Where random numbers come from, the numbers that layers start with, and how many there may be."""

from __future__ import annotations

import math
import operator
import random
from collections.abc import MutableSequence
from typing import Any, Protocol, TypeAlias

from autograd import Value
from autograd.errors import InputError, InputTypeError

from .module import Parameter


class Generator(Protocol):
    """What is asked of a source of random numbers: ``random.Random`` has it, and so has the module ``random``."""

    def uniform(self, a: float, b: float) -> float:
        """A number between a and b."""

    def shuffle(self, x: MutableSequence[Any]) -> None:
        """Bring x into a random order."""


Seed: TypeAlias = "int | Generator | None"


def generator(seed: Seed) -> Generator:
    """The generator that a ``seed`` argument means.

    Args:
        seed: a whole number for a fresh generator; a ``random.Random`` to go on with; or None for Python's
            global one, which ``random.seed`` seeds.

    Raises:
        InputTypeError: where it is none of these.

    >>> generator(0).uniform(0.0, 1.0) == generator(0).uniform(0.0, 1.0)
    True
    """
    if seed is None:
        return random
    if seed is random or isinstance(seed, random.Random):
        return seed
    try:
        return random.Random(operator.index(seed))  # type: ignore[arg-type]
    except TypeError:
        raise InputTypeError(f"seed must be a whole number, a random.Random or None, not {seed!r}") from None


def count(what: str, n: Any) -> int:
    """n as a whole number of at least 1; `what` names it in a message.

    >>> count("batch_size", 32)
    32
    """
    try:
        whole = operator.index(n)
    except TypeError:
        raise InputTypeError(f"{what} must be a whole number, not {n!r}") from None
    if whole < 1:
        raise InputError(f"{what} must be at least 1, not {whole}")
    return whole


def uniform(n: int, bound: float, source: Generator) -> list[Value]:
    """n new parameters, drawn between -bound and bound.

    >>> [p.is_parameter for p in uniform(2, 1.0, generator(0))]
    [True, True]
    """
    return [Parameter(source.uniform(-bound, bound)) for _ in range(n)]


def torch_bound(nin: int) -> float:
    """1/√nin: how far from 0 torch starts the weights and biases of a layer of nin inputs.

    >>> torch_bound(64)
    0.125
    """
    return 1.0 / math.sqrt(nin)
