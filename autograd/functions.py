"""Functions of numbers and Values: a float gives a float, a Value gives a Value.

Under the names of ``math``, and torch's where ``math`` has none. Each docstring names the derivative; the
rules themselves stand in rules.py. Outside its domain a function raises what ``math`` would, in words that
name the input; inside `autograd.ieee` it answers inf or nan.
"""

from __future__ import annotations

import builtins
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, TypeVar, overload

from . import modes, ops
from .engine import Value, twin
from .errors import IndexRangeError, InputError, InputTypeError

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "clamp",
    "copysign",
    "cos",
    "cosh",
    "degrees",
    "digamma",
    "dot",
    "elu",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "fmod",
    "fsum",
    "gamma",
    "gelu",
    "hypot",
    "leaky_relu",
    "lgamma",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "norm",
    "pick",
    "polygamma",
    "prod",
    "radians",
    "relu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "softsign",
    "sqrt",
    "sumprod",
    "take",
    "tan",
    "tanh",
    "trunc",
    "where",
    "xlogy",
]

N = TypeVar("N", float, Value)
Real: TypeAlias = "float | Value"

# ── Exponentials, logarithms, roots ───────────────────────────────────────────────────────────────────────────


def exp(a: N) -> N:
    """e to the power a.

    Derivative: exp(a).

    >>> exp(0.0)
    1.0
    """
    return ops.exp(a)


def exp2(a: N) -> N:
    """2 to the power a.

    Derivative: 2**a log(2).

    >>> exp2(3.0)
    8.0
    """
    return ops.exp2(a)


def expm1(a: N) -> N:
    """exp(a) - 1, accurate near 0.

    Derivative: exp(a).

    >>> expm1(1e-20)
    1e-20
    """
    return ops.expm1(a)


def log(a: N) -> N:
    """The natural logarithm, for a > 0.

    Derivative: 1/a.

    >>> log(1.0)
    0.0
    """
    return ops.log(a)


def log1p(a: N) -> N:
    """log(1 + a), accurate near 0, for a > -1.

    Derivative: 1/(1 + a).

    >>> log1p(1e-20)
    1e-20
    """
    return ops.log1p(a)


def log2(a: N) -> N:
    """The logarithm to base 2, for a > 0.

    Derivative: 1/(a log(2)).

    >>> log2(8.0)
    3.0
    """
    return ops.log2(a)


def log10(a: N) -> N:
    """The logarithm to base 10, for a > 0.

    Derivative: 1/(a log(10)).

    >>> log10(1000.0)
    3.0
    """
    return ops.log10(a)


def sqrt(a: N) -> N:
    """The square root, for a >= 0.

    Derivative: 1/(2 sqrt(a)), inf at 0.

    >>> sqrt(9.0)
    3.0
    """
    return ops.sqrt(a)


def cbrt(a: N) -> N:
    """The real cube root, of negative numbers too.

    Derivative: 1/(3 cbrt(a)**2), inf at 0.

    >>> cbrt(-8.0)
    -2.0
    """
    return ops.cbrt(a)


# ── Trigonometry ──────────────────────────────────────────────────────────────────────────────────────────────


def sin(a: N) -> N:
    """The sine; a in radians.

    Derivative: cos(a).

    >>> sin(0.0)
    0.0
    """
    return ops.sin(a)


def cos(a: N) -> N:
    """The cosine; a in radians.

    Derivative: -sin(a).

    >>> cos(0.0)
    1.0
    """
    return ops.cos(a)


def tan(a: N) -> N:
    """The tangent; a in radians.

    Derivative: 1 + tan(a)**2.

    >>> tan(0.0)
    0.0
    """
    return ops.tan(a)


def asin(a: N) -> N:
    """The angle in radians, from -π/2 to π/2, whose sine is a, for -1 <= a <= 1.

    Derivative: 1/sqrt(1 - a**2), inf at ±1.

    >>> asin(0.0)
    0.0
    """
    return ops.asin(a)


def acos(a: N) -> N:
    """The angle in radians, from 0 to π, whose cosine is a, for -1 <= a <= 1.

    Derivative: -1/sqrt(1 - a**2).

    >>> acos(1.0)
    0.0
    """
    return ops.acos(a)


def atan(a: N) -> N:
    """The angle in radians, from -π/2 to π/2, whose tangent is a.

    Derivative: 1/(1 + a**2).

    >>> atan(0.0)
    0.0
    """
    return ops.atan(a)


def sinh(a: N) -> N:
    """The hyperbolic sine.

    Derivative: cosh(a).

    >>> sinh(0.0)
    0.0
    """
    return ops.sinh(a)


def cosh(a: N) -> N:
    """The hyperbolic cosine.

    Derivative: sinh(a).

    >>> cosh(0.0)
    1.0
    """
    return ops.cosh(a)


def tanh(a: N) -> N:
    """The hyperbolic tangent, from -1 to 1.

    Derivative: sech(a)**2, accurate where 1 - tanh(a)**2 is 0.

    >>> tanh(0.0)
    0.0
    """
    return ops.tanh(a)


def asinh(a: N) -> N:
    """The inverse of sinh.

    Derivative: 1/sqrt(1 + a**2).

    >>> asinh(0.0)
    0.0
    """
    return ops.asinh(a)


def acosh(a: N) -> N:
    """The inverse of cosh, for a >= 1.

    Derivative: 1/sqrt(a**2 - 1), inf at 1.

    >>> acosh(1.0)
    0.0
    """
    return ops.acosh(a)


def atanh(a: N) -> N:
    """The inverse of tanh, for -1 < a < 1.

    Derivative: 1/(1 - a**2).

    >>> atanh(0.0)
    0.0
    """
    return ops.atanh(a)


@overload
def atan2(a: Value, b: Real) -> Value: ...
@overload
def atan2(a: float, b: Value) -> Value: ...
@overload
def atan2(a: float, b: float) -> float: ...
def atan2(a: Real, b: Real) -> Real:
    """The angle in radians, from -π to π, of the point with height a and width b.

    Derivatives: (b, -a)/(a² + b²), (0, 0) at the origin.

    >>> atan2(0.0, 1.0)
    0.0
    """
    return ops.atan2(a, b)


def hypot(*coordinates: Real) -> Real:
    """√(Σ x²), the distance from the origin; neither overflows nor underflows on the way.

    Derivatives: x/hypot, 0 at the origin.

    >>> hypot(3.0, 4.0), hypot(3e200, 0.0)
    (5.0, 3e+200)
    """
    return ops.hypot(*coordinates) if coordinates else 0.0


# ── Error function, gamma ─────────────────────────────────────────────────────────────────────────────────────


def erf(a: N) -> N:
    """The error function, 2/√π times the integral of exp(-t²) from 0 to a.

    Derivative: 2/√π exp(-a**2).

    >>> erf(0.0)
    0.0
    """
    return ops.erf(a)


def erfc(a: N) -> N:
    """1 - erf(a), accurate for large a.

    Derivative: -2/√π exp(-a**2).

    >>> erfc(0.0)
    1.0
    """
    return ops.erfc(a)


def gamma(a: N) -> N:
    """Γ(a), (a - 1)! at whole numbers; poles at 0, -1, -2, ….

    Derivative: gamma(a) digamma(a).

    >>> gamma(5.0)
    24.0
    """
    return ops.gamma(a)


def lgamma(a: N) -> N:
    """log|Γ(a)|; poles at 0, -1, -2, ….

    Derivative: digamma(a).

    >>> lgamma(2.0)
    0.0
    """
    return ops.lgamma(a)


def digamma(a: N) -> N:
    """ψ(a) = Γ'(a)/Γ(a); poles at 0, -1, -2, ….

    Derivative: polygamma(1, a).

    >>> digamma(1.0)
    -0.5772156649015329
    """
    return ops.digamma(a)


def polygamma(n: int, a: N) -> N:
    """ψ⁽ⁿ⁾(a), the n-th derivative of digamma, n a whole number; poles at a = 0, -1, -2, ….

    Derivative: polygamma(n + 1, a).

    >>> polygamma(1, 1.0)
    1.6449340668482264
    """
    return ops.polygamma(n, a)


# ── Steps, signs, units ───────────────────────────────────────────────────────────────────────────────────────


def floor(a: N) -> N:
    """The largest whole number that is not above a.

    Derivative: 0.

    >>> floor(-1.5)
    -2.0
    """
    return ops.floor(a)


def ceil(a: N) -> N:
    """The smallest whole number that is not below a.

    Derivative: 0.

    >>> ceil(1.2)
    2.0
    """
    return ops.ceil(a)


def trunc(a: N) -> N:
    """a without its fraction.

    Derivative: 0.

    >>> trunc(-1.5)
    -1.0
    """
    return ops.trunc(a)


def sign(a: N) -> N:
    """-1, 0 or 1.

    Derivative: 0.

    >>> sign(-3.0)
    -1.0
    """
    return ops.sign(a)


@overload
def fmod(a: Value, b: Real) -> Value: ...
@overload
def fmod(a: float, b: Value) -> Value: ...
@overload
def fmod(a: float, b: float) -> float: ...
def fmod(a: Real, b: Real) -> Real:
    """The remainder of a/b with the sign of a, as in C; for Python's, write a % b.

    Derivatives: (1, -trunc(a/b)).

    >>> fmod(-5.0, 3.0)
    -2.0
    """
    return ops.fmod(a, b)


@overload
def copysign(a: Value, b: Real) -> Value: ...
@overload
def copysign(a: float, b: Value) -> Value: ...
@overload
def copysign(a: float, b: float) -> float: ...
def copysign(a: Real, b: Real) -> Real:
    """|a| with the sign of b.

    Derivatives: ±1, 0 where a is 0; nothing for b.

    >>> copysign(2.0, -0.0)
    -2.0
    """
    return ops.copysign(a, b)


def degrees(a: N) -> N:
    """Radians to degrees.

    Derivative: 180/π.

    >>> degrees(0.0)
    0.0
    """
    return ops.degrees(a)


def radians(a: N) -> N:
    """Degrees to radians.

    Derivative: π/180.

    >>> radians(180.0)
    3.141592653589793
    """
    return ops.radians(a)


# ── Activations ───────────────────────────────────────────────────────────────────────────────────────────────


def sigmoid(a: N) -> N:
    """1/(1 + exp(-a)), from 0 to 1; never overflows.

    Derivative: sigmoid(a) sigmoid(-a), accurate at both ends.

    >>> sigmoid(0.0)
    0.5
    """
    return ops.sigmoid(a)


def softplus(a: N) -> N:
    """log(1 + exp(a)), a smooth relu.

    Derivative: sigmoid(a).

    >>> softplus(1000.0)
    1000.0
    """
    return ops.softplus(a)


def relu(a: N) -> N:
    """max(a, 0).

    Derivative: 1 for a > 0, 0 for a <= 0.

    >>> relu(-2.0)
    0.0
    """
    return ops.relu(a)


def silu(a: N) -> N:
    """a sigmoid(a), also called swish.

    Derivative: sigmoid(a) (1 + a sigmoid(-a)).

    >>> silu(0.0)
    0.0
    """
    return ops.silu(a)


def softsign(a: N) -> N:
    """a/(1 + |a|), from -1 to 1.

    Derivative: 1/(1 + |a|)**2.

    >>> softsign(1.0)
    0.5
    """
    return ops.softsign(a)


def leaky_relu(a: N, negative_slope: Real = 0.01) -> N:
    """a for a > 0, else negative_slope × a.

    Derivative: 1 or negative_slope, negative_slope at 0; a or 0 for the slope, where it is a Value.

    >>> leaky_relu(-2.0)
    -0.02
    """
    return ops.leaky_relu(a, negative_slope)


def elu(a: N, alpha: Real = 1.0) -> N:
    """a for a > 0, else alpha × (exp(a) - 1).

    Derivative: 1 or alpha × exp(a), alpha at 0.

    >>> elu(3.0), elu(0.0)
    (3.0, 0.0)
    """
    return ops.elu(a, alpha)


def gelu(a: N, approximate: str = "none") -> N:
    """a Φ(a) with the normal distribution's Φ (Hendrycks & Gimpel 2016), or its tanh approximation.

    Args:
        a: the input.
        approximate: "none" or "tanh", as in torch.

    >>> gelu(0.0), gelu(1.0, approximate="tanh")
    (0.0, 0.8411919906082768)
    """
    if approximate not in ("none", "tanh"):
        raise InputError(f'gelu: approximate must be "none" or "tanh", not {approximate!r}')
    return ops.gelu(a) if approximate == "none" else ops.gelu_tanh(a)


# ── Choices ─────────────────────────────────────────────────────────────────────────────────────────────────


def where(condition: Any, chosen: Real, other: Real) -> Any:
    """`chosen` if `condition` holds, else `other`; the other side gets no gradient at all, not even a nan.

    >>> x = Value(0.0)
    >>> where(x > 0, 1.0 / (x + 1e-300), 0.0 * x).backward()
    >>> x.grad
    0.0
    """
    if type(condition) is not Value:
        condition = 1.0 if ops.number(condition, "where's condition") else 0.0
    return ops.where(condition, chosen, other)


def clamp(a: Real, low: Real | None = None, high: Real | None = None) -> Any:
    """a, but not below `low` nor above `high`; with low above high, high.

    Derivative: 1 inside and at the bounds, 0 outside; a bound that is a Value gets it there.

    >>> clamp(5.0, 0.0, 1.0), clamp(-5.0, low=0.0)
    (1.0, 0.0)
    """
    if low is None and high is None:
        raise InputError("clamp needs a low or a high bound")
    return ops.clamp(a, float("-inf") if low is None else low, float("inf") if high is None else high)


def maximum(a: Real, b: Real) -> Any:
    """The larger of two; a nan wins. Equal ones share the gradient, ½ each.

    >>> maximum(2.0, 3.0)
    3.0
    """
    return ops.maximum(a, b)


def minimum(a: Real, b: Real) -> Any:
    """The smaller of two; a nan wins. Equal ones share the gradient, ½ each.

    >>> minimum(2.0, 3.0)
    2.0
    """
    return ops.minimum(a, b)


def pick(xs: Sequence[Real], index: Any) -> Any:
    """xs[index], with the index as data: the graph knows that it was a choice.

    Args:
        xs: the candidates.
        index: a whole number from 0 to len(xs) - 1; a Value will do, and gets no gradient.

    >>> pick([1.0, 2.0, 3.0], 2)
    3.0
    """
    items = _many("pick", xs)
    return ops.pick(_index("pick", index, len(items)), *items)


def take(rows: Sequence[Sequence[Real]], index: Any) -> list[Any]:
    """The row at `index`, as an embedding looks one up, with the index as data.

    >>> take([[1.0, 2.0], [3.0, 4.0]], 1)
    [3.0, 4.0]
    """
    table = [_many("take", row) for row in _many("take", rows)]
    if len({len(row) for row in table}) > 1:
        raise InputError(f"take: rows must have one length, not {sorted({len(row) for row in table})}")
    index = _index("take", index, len(table))
    return [ops.pick(index, *column) for column in zip(*table, strict=True)]


# ── Many to one, each a single node. Sums go left to right, bit-equal to the written-out chain ──────────────


def sum(xs: Iterable[Real], start: Real = 0) -> Any:
    """start + x₁ + x₂ + …, from left to right; 0 alone adds nothing.

    >>> sum([0.1, 0.2, 0.3])
    0.6000000000000001
    """
    return _sum(xs) if type(start) is int and start == 0 else ops.sum(start, *_many("sum", xs))


@twin
def _sum(xs: Any) -> Any:
    return ops.sum(*_many("sum", xs))


def fsum(xs: Iterable[Real]) -> Any:
    """The sum, correctly rounded, as ``math.fsum``.

    >>> fsum([0.1] * 10)
    1.0
    """
    return ops.fsum(*_many("fsum", xs))


def mean(xs: Iterable[Real]) -> Any:
    """sum(xs)/len(xs).

    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    return ops.mean(*_some("mean", xs))


def prod(xs: Iterable[Real]) -> Any:
    """x₁ × x₂ × …, 1.0 for none. Derivatives: the product of the others, also where one is 0.

    >>> prod([2.0, 3.0, 4.0])
    24.0
    """
    return ops.prod(*_many("prod", xs))


def dot(xs: Iterable[Real], ys: Iterable[Real]) -> Any:
    """x₁y₁ + x₂y₂ + …, from left to right.

    >>> dot([1.0, 2.0], [3.0, 4.0])
    11.0
    """
    return _dot(xs, ys)


@twin
def _dot(xs: Any, ys: Any) -> Any:
    return ops.dot(*_pairs("dot", xs, ys))


def sumprod(xs: Iterable[Real], ys: Iterable[Real]) -> Any:
    """x₁y₁ + x₂y₂ + …, correctly rounded.

    >>> sumprod([1e16, 1.0, -1e16], [1.0, 1.0, 1.0])
    1.0
    """
    return ops.sumprod(*_pairs("sumprod", xs, ys))


def norm(xs: Iterable[Real]) -> Any:
    """The Euclidean length √(Σ x²), `hypot` of a sequence. Derivatives: x/norm, 0 where all are 0.

    >>> norm([3.0, 4.0])
    5.0
    """
    return ops.hypot(*_many("norm", xs))


def max(xs: Iterable[Real]) -> Any:
    """The largest; a nan wins. n equal ones share the gradient, 1/n each.

    >>> max([1.0, 5.0, 2.0])
    5.0
    """
    return ops.maximum(*_some("max", xs))


def min(xs: Iterable[Real]) -> Any:
    """The smallest; a nan wins. n equal ones share the gradient, 1/n each.

    >>> min([1.0, 5.0, 2.0])
    1.0
    """
    return ops.minimum(*_some("min", xs))


@overload
def logaddexp(a: Value, b: Real) -> Value: ...
@overload
def logaddexp(a: float, b: Value) -> Value: ...
@overload
def logaddexp(a: float, b: float) -> float: ...
def logaddexp(a: Real, b: Real) -> Real:
    """log(exp(a) + exp(b)); never overflows.

    Derivatives: the shares (sigmoid(a - b), sigmoid(b - a)).

    >>> logaddexp(1000.0, -1000.0)
    1000.0
    """
    return ops.logaddexp(a, b)


@overload
def xlogy(a: Value, b: Real) -> Value: ...
@overload
def xlogy(a: float, b: Value) -> Value: ...
@overload
def xlogy(a: float, b: float) -> float: ...
def xlogy(a: Real, b: Real) -> Real:
    """a log(b), and 0 where a is 0, even at b = 0.

    Derivatives: (log(b), a/b), (0, 0) where both are 0.

    >>> xlogy(0.0, 0.0)
    0.0
    """
    return ops.xlogy(a, b)


def logsumexp(xs: Iterable[Real]) -> Any:
    """log(Σ exp(x)), a smooth maximum; never overflows. Derivatives: softmax(xs).

    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    return ops.logsumexp(*_some("logsumexp", xs))


def softmax(xs: Iterable[Real]) -> list[Any]:
    """exp(x)/Σ exp(x) for each x: positive, and together 1. n nodes of n inputs, accurate also where one is near 1.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    items = _some("softmax", xs)
    return [ops.softmax(float(i), *items) for i in range(len(items))]


def log_softmax(xs: Iterable[Real]) -> list[Any]:
    """log(softmax(xs)), accurate also where a probability is near 0 or 1.

    >>> log_softmax([0.0, -1000.0])
    [0.0, -1000.0]
    """
    items = _some("log_softmax", xs)
    return [ops.log_softmax(float(i), *items) for i in range(len(items))]


# ── Python's own, for floats and Values alike ───────────────────────────────────────────────────────────────


def abs(a: N) -> N:
    """|a|. Derivative: ±1, 0 at 0.

    >>> abs(-2.0)
    2.0
    """
    return ops.abs(a)


def pow(a: Real, b: Real) -> Any:
    """a to the power b, as ``a ** b``; a negative a needs a whole b.

    >>> pow(2.0, 3.0)
    8.0
    """
    return ops.pow(a, b)


def round(a: N, digits: int | None = None) -> N:
    """The nearest whole number, or with `digits` the nearest decimal; halves to even, as Python's. Derivative: 0.

    >>> round(2.5), round(3.14159, 2)
    (2.0, 3.14)
    """
    if digits is not None and type(digits) is not int:
        raise InputTypeError(f"round(a, digits) takes a whole number of digits, not {digits!r}")
    return ops.round(a) if digits is None else ops.round_to(a, builtins.max(-400, builtins.min(400, digits)))


def _many(name: str, xs: Any) -> tuple[Any, ...]:
    try:
        if not isinstance(xs, (str, bytes)):
            return tuple(xs)
    except TypeError:
        pass
    raise InputTypeError(f"{name} takes a sequence of numbers, not {type(xs).__name__} {reprlib.repr(xs)}")


def _some(name: str, xs: Any) -> tuple[Any, ...]:
    items = _many(name, xs)
    if not items:
        raise InputError(f"{name} of no numbers: the sequence is empty")
    return items


def _pairs(name: str, xs: Any, ys: Any) -> tuple[Any, ...]:
    left, right = _many(name, xs), _many(name, ys)
    if len(left) != len(right):
        raise InputError(f"{name} needs two sequences of one length, not {len(left)} and {len(right)}")
    return left + right


def _index(name: str, index: Any, length: int) -> Any:
    if length == 0:
        raise InputError(f"{name} from no numbers: the sequence is empty")
    i = index._data if type(index) is Value else ops.number(index, f"{name}'s index")
    if type(index) is Value and modes.active and modes.word() & modes.RECORD:
        modes.observed("index", index, float(length), i == i and i.is_integer() and 0 <= i < length)
    if i != i or i != builtins.int(i) if builtins.abs(i) < 1e18 else True:
        raise InputError(f"{name}: the index must be a whole number, not {i!r}")
    if not 0 <= i < length:
        raise IndexRangeError(
            f"{name}: index {i:g} is out of range for {length} numbers; it counts from 0 to {length - 1}"
        )
    return index


for _name, _op in vars(ops).items():  # the twins of the functions of one number
    _function = globals().get(_name)
    if isinstance(_op, ops.Op) and _op.arity == 1 and _function and _function.__code__.co_argcount == 1:
        globals()[_name] = twin(_function)
