"""Where random numbers come from, and what layers start with: torch's ``nn.init``.

An initialiser fills a layer's parameters, nested lists of them, and returns them. Its bounds and standard deviations
are torch's; its numbers are Python's generator's, the same for the same seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from autograd import Value

from .inputs import choice, flat, require, shape, typed, whole, within
from .module import Parameter

W = TypeVar("W")


Seed: TypeAlias = int | random.Random | None


def generator(seed: Seed) -> random.Random:
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
        return random.uniform.__self__  # type: ignore[attr-defined, no-any-return]
    kind = random.Random if whole(seed) is None else object
    typed("seed", seed, kind, "a whole number, a random.Random or None")
    return seed if isinstance(seed, random.Random) else random.Random(whole(seed))


def parameters(bound: float, source: random.Random, *sizes: int) -> Any:
    """New parameters of this shape, drawn between -bound and bound.

    >>> row = parameters(1.0, generator(0), 2)
    >>> [p.is_parameter for p in row]
    [True, True]
    """
    if not sizes:
        return Parameter(source.uniform(-bound, bound))
    return [parameters(bound, source, *sizes[1:]) for _ in range(sizes[0])]


def uniform_(weights: W, a: float = 0.0, b: float = 1.0, seed: Seed = None) -> W:
    """Fill with numbers between a and b.

    Args:
        weights: a parameter, or nested lists of them.
        a: the lower bound.
        b: the upper bound.
        seed: an int, a ``random.Random``, or None for Python's global generator.

    Returns:
        The weights.

    Raises:
        InputError: where a bound is not finite, or a above b.
        InputTypeError: where the weights are no leaf Values. Nothing is changed.

    >>> import nn
    >>> all(2.0 <= p.data <= 3.0 for p in uniform_(nn.Linear(9, 1).weight[0], 2.0, 3.0))
    True
    """
    low, high, source = within("uniform_'s a", a), within("uniform_'s b", b), generator(seed)
    require(low <= high, f"uniform_ draws from a to b, and a = {low!r} is above b = {high!r}")
    return _filled(weights, lambda: source.uniform(low, high))


def normal_(weights: W, mean: float = 0.0, std: float = 1.0, seed: Seed = None) -> W:
    """Fill with normally distributed numbers.

    Args:
        weights: a parameter, or nested lists of them.
        mean: their mean.
        std: their standard deviation, >= 0.
        seed: as in `uniform_`.

    Returns:
        The weights.

    Raises:
        InputError: where a number is not finite, or std below 0.
        InputTypeError: where the weights are no leaf Values. Nothing is changed.

    >>> import nn
    >>> [p.data for p in normal_(nn.Linear(2, 1).weight[0], mean=5.0, std=0.0)]
    [5.0, 5.0]
    """
    mean, std, source = within("normal_'s mean", mean), within("normal_'s std", std, low=0.0), generator(seed)
    return _filled(weights, lambda: source.gauss(mean, std))


def xavier_uniform_(weights: W, gain: float = 1.0, seed: Seed = None) -> W:
    """Fill uniformly between ±gain √(6/(fan_in + fan_out)) (Glorot & Bengio 2010): for tanh and sigmoid.

    Args:
        weights: lists of lists, or deeper: a row an output, as `Linear` and `Conv2d` have them.
        gain: see `calculate_gain`; >= 0.
        seed: as in `uniform_`.

    Returns:
        The weights.

    Raises:
        InputError: where the weights have fewer than two dimensions, or the gain is out of range.
        InputTypeError: where the weights are no leaf Values. Nothing is changed.

    >>> import nn
    >>> all(abs(p.data) <= 1.0 for p in xavier_uniform_(nn.Linear(4, 2).weight)[0])
    True
    """
    bound = within("the gain", gain, low=0.0) * math.sqrt(6.0 / sum(_fans(weights)))
    return uniform_(weights, -bound, bound, seed)


def xavier_normal_(weights: W, gain: float = 1.0, seed: Seed = None) -> W:
    """Fill normally with the standard deviation gain √(2/(fan_in + fan_out)); else as `xavier_uniform_`.

    >>> import nn
    >>> len(xavier_normal_(nn.Linear(4, 2).weight, seed=0))
    2
    """
    return normal_(weights, 0.0, within("the gain", gain, low=0.0) * math.sqrt(2.0 / sum(_fans(weights))), seed)


def kaiming_uniform_(weights: W, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                     seed: Seed = None) -> W:  # fmt: skip
    """Fill uniformly between ±gain √(3/fan) (He et al. 2015): for relu and its kin.

    Args:
        weights: lists of lists, or deeper: a row an output, as `Linear` and `Conv2d` have them.
        a: the negative slope, where the nonlinearity is "leaky_relu".
        mode: the fan: "fan_in" keeps the size of what goes forward, "fan_out" that of the gradients.
        nonlinearity: what follows the layer, as for `calculate_gain`.
        seed: as in `uniform_`.

    Returns:
        The weights.

    Raises:
        InputError: where the weights have fewer than two dimensions, or a choice is none of those.
        InputTypeError: where the weights are no leaf Values. Nothing is changed.

    >>> import nn
    >>> all(abs(p.data) <= 1.0 for p in kaiming_uniform_(nn.Linear(6, 1).weight, nonlinearity="relu")[0])
    True
    """
    bound = math.sqrt(3.0) * _he_std(weights, a, mode, nonlinearity)
    return uniform_(weights, -bound, bound, seed)


def kaiming_normal_(weights: W, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                    seed: Seed = None) -> W:  # fmt: skip
    """Fill normally with the standard deviation gain/√fan; else as `kaiming_uniform_`.

    >>> import nn
    >>> len(kaiming_normal_(nn.Linear(4, 2).weight, mode="fan_out"))
    2
    """
    return normal_(weights, 0.0, _he_std(weights, a, mode, nonlinearity), seed)


def calculate_gain(nonlinearity: str, param: float = 0.01) -> float:
    """What a layer's weights are to be multiplied by, so that signals keep their size through the nonlinearity.

    Args:
        nonlinearity: "linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: the negative slope, of "leaky_relu".

    Raises:
        InputError: where it is none of these.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    slope = within("the negative slope", param)
    gains = {"linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2.0), "selu": 0.75}
    gains["leaky_relu"] = math.sqrt(2.0 / (1.0 + slope * slope))
    return gains[choice("nonlinearity", nonlinearity, *gains)]


def _filled(weights: W, draw: Callable[[], float]) -> W:
    leaves = flat(weights)
    for p in leaves:
        kind = Value if isinstance(p, Value) and not p.inputs else ()
        typed("what an initialiser fills", p, kind, "parameters, as in layer.weight")
    for p in leaves:
        p.data = draw()
    return weights


def _fans(weights: Any) -> tuple[int, int]:
    """How many inputs an output is made from, and how many outputs an input goes into."""
    sizes = shape("the weights", weights)
    require(len(sizes) > 1 and all(sizes), f"fans are those of a weight, of two dimensions or more, not of {sizes}")
    field = math.prod(sizes[2:])
    return sizes[1] * field, sizes[0] * field


def _he_std(weights: Any, a: float, mode: str, nonlinearity: str) -> float:
    fan = _fans(weights)[choice("mode", mode, "fan_in", "fan_out") == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)
