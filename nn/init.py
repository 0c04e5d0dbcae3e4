"""What layers start with: torch's initialisers and where their numbers come from. And what is asked of arguments.

An initialiser fills a layer's parameters, nested lists of them, and returns them. Its bounds and standard deviations
are torch's; its numbers are Python's generator's, the same for the same seed.

The *shape* of lists in lists is how long they are, from the outermost in.
"""

import math
import operator
import random
from collections.abc import Callable
from typing import Any, TypeAlias

from autograd import Value
from autograd.engine import parameter
from autograd.errors import InputError, InputTypeError
from autograd.ops import number

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
    known: Any = random.uniform.__self__ if seed is None else seed  # type: ignore[attr-defined]
    known = known if isinstance(known, random.Random) else whole(known)
    require(
        known is not None, f"seed must be a whole number, a random.Random or None, not {seed!r:.60}", InputTypeError
    )
    return known if isinstance(known, random.Random) else random.Random(known)


def parameters(bound: float, source: random.Random, *sizes: int) -> Any:
    """New parameters of this shape, drawn between -bound and bound.

    >>> row = parameters(1.0, generator(0), 2)
    >>> [p.is_parameter for p in row]
    [True, True]
    """
    if not sizes:
        return parameter(source.uniform(-bound, bound))
    return [parameters(bound, source, *sizes[1:]) for _ in range(sizes[0])]


def uniform_(weights: Any, a: float = 0.0, b: float = 1.0, seed: Seed = None) -> Any:
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


def normal_(weights: Any, mean: float = 0.0, std: float = 1.0, seed: Seed = None) -> Any:
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


def xavier_uniform_(weights: Any, gain: float = 1.0, seed: Seed = None) -> Any:
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


def xavier_normal_(weights: Any, gain: float = 1.0, seed: Seed = None) -> Any:
    """Fill normally with the standard deviation gain √(2/(fan_in + fan_out)); else as `xavier_uniform_`.

    >>> import nn
    >>> len(xavier_normal_(nn.Linear(4, 2).weight, seed=0))
    2
    """
    return normal_(weights, 0.0, within("the gain", gain, low=0.0) * math.sqrt(2.0 / sum(_fans(weights))), seed)


def kaiming_uniform_(weights: Any, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                     seed: Seed = None) -> Any:  # fmt: skip
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
    return uniform_(weights, -(bound := math.sqrt(3.0) * _he_std(weights, a, mode, nonlinearity)), bound, seed)


def kaiming_normal_(weights: Any, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                    seed: Seed = None) -> Any:  # fmt: skip
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
    gains = {"linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2.0), "selu": 0.75}
    gains["leaky_relu"] = math.sqrt(2.0 / (1.0 + within("the negative slope", param) ** 2))
    return gains[choice("nonlinearity", nonlinearity, *gains)]


def _filled(weights: Any, draw: Callable[[], float]) -> Any:
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
    return math.prod(sizes[1:]), sizes[0] * math.prod(sizes[2:])


def _he_std(weights: Any, a: float, mode: str, nonlinearity: str) -> float:
    fan = _fans(weights)[choice("mode", mode, "fan_in", "fan_out") == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


# ── What is asked of arguments, all over nn ─────────────────────────────────────────────────────────────────


def require(ok: Any, message: str, kind: type[Exception] = InputError) -> None:
    """Raise an error of this kind, unless ok.

    >>> require(2 > 1, "two is more than one")
    """
    if not ok:
        raise kind(message)


def whole(x: Any) -> int | None:
    """x as an int; None where it is no whole number, as a bool is none.

    >>> whole(3), whole(3.0), whole(True)
    (3, None, None)
    """
    try:
        return None if isinstance(x, bool) else operator.index(x)
    except TypeError:
        return None


def typed(what: str, x: Any, kind: Any, wanted: str) -> Any:
    """x, where it is of this kind; `what` names it in a message, and `wanted` says what it should be.

    >>> typed("the data", [1.0], list, "a list")
    [1.0]
    """
    if isinstance(x, kind):
        return x
    remedy = "; write x.tolist()" if hasattr(x, "tolist") and hasattr(x, "__len__") else ""
    got = type(x).__name__ if remedy or x is None else f"{type(x).__name__} {x!r:.60}"
    raise InputTypeError(f"{what} must be {wanted}, not {got}{remedy}")


def count(what: str, n: Any, least: int = 1) -> int:
    """n as a whole number of at least `least`; `what` names it in a message.

    >>> count("batch_size", 32)
    32
    """
    known = whole(n)
    require(known is not None, f"{what} must be a whole number, not {n!r:.60}", InputTypeError)
    require((known or 0) >= least, f"{what} must be at least {least}, not {known}")
    return known or 0


def within(what: str, x: Any, low: float = -math.inf, below: float = math.inf) -> float:
    """x as a finite float from `low` to below `below`; `what` names it in a message.

    >>> within("lr", 1)
    1.0
    """
    setting = number(x, what)
    least = "" if low == -math.inf else " and above 0" if 0.0 < low < 1e-300 else f" and at least {low:g}"
    allowed = f"finite{least}" + (f" and below {below:g}" if below < math.inf else "")
    require(low <= setting < below and math.isfinite(setting), f"{what} must be {allowed}, not {setting!r}")
    return setting


def choice(what: str, x: Any, *choices: str) -> str:
    """x, where it is one of `choices`; `what` names it in a message.

    >>> choice("mode", "min", "min", "max")
    'min'
    """
    require(isinstance(x, str) and x in choices, f"{what} must be {' or '.join(map(repr, choices))}, not {x!r:.60}")
    return str(x)


def shape(what: str, x: Any) -> tuple[int, ...]:
    """How long the lists are, from the outermost in; () for what is no list. `what` names it in a message.

    Raises:
        InputError: where it is ragged: where lists side by side have different shapes.
        InputTypeError: where an array stands in for a list.

    >>> shape("x", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), shape("x", 1.0)
    ((2, 3), ())
    """
    if not isinstance(x, (list, tuple)):
        typed(what, x, () if hasattr(x, "tolist") and hasattr(x, "__len__") else object, "numbers in lists")
        return ()
    shapes = {shape(what, xi) for xi in x}
    require(len(shapes) <= 1, f"{what} is ragged: its parts have the shapes {', '.join(map(str, sorted(shapes)))}")
    return (len(x), *shapes.pop()) if x else (0,)


def flat(x: Any) -> list[Any]:
    """What stands in the lists, in order.

    >>> flat([[1.0, 2.0], [3.0]])
    [1.0, 2.0, 3.0]
    """
    return [leaf for xi in x for leaf in flat(xi)] if isinstance(x, (list, tuple)) else [x]


def mapped(function: Callable[..., Any], x: Any, *others: Any) -> Any:
    """The function of each number in x, and of those in the same place in others of that shape; in lists as x.

    >>> mapped(lambda a, b: a + b, [[1.0, 2.0]], [[10.0, 20.0]])
    [[11.0, 22.0]]
    """
    if isinstance(x, (list, tuple)):
        of_numbers = not others and x and isinstance(x[0], Value)
        return [*map(function, x)] if of_numbers else [mapped(function, *xs) for xs in zip(x, *others, strict=True)]
    return function(x, *others)


def item(x: Any, what: str = "a number") -> float:
    """The number that x is, or holds.

    >>> item(Value(2.0)), item(3)
    (2.0, 3.0)
    """
    return x.data if isinstance(x, Value) else number(x, what)
