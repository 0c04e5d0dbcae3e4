"""Every derivative, once.

A rule is told the upstream gradient ``g`` of its node, the node's output ``y`` and its inputs, and returns
one contribution an input: what is sent back to it. That is all of backpropagation that an op has to know;
the rest is the chain rule, in chain.py.

The same text runs on floats, and on Values where a gradient must itself be differentiated. So a rule has to
be accurate *as a function*: the slope of a smooth op is never written with abs, max or sign of an input, and
where the textbook's form loses its digits (1 - tanh² is 0 from 20 on) another stands here.

Rules keep to a small language: assignments, arithmetic, comparisons, ``p if test else q``, calls to ops,
math's constants, comprehensions over the inputs of an n-ary op (and slices of them, or one by its index), and
return. ``None`` sends nothing at all: no zero that would meet an infinity further back and turn to nan. Rules
of one or two inputs always send; a pass relies on it.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from functools import partial
from types import FunctionType
from typing import Any, TypeVar

from . import ops
from .errors import RuleError
from .ops import Op

Rule = TypeVar("Rule", bound=Callable[..., Sequence[Any]])


def rule(op: Op) -> Callable[[Rule], Rule]:
    """Register the decorated function as the derivative of `op`; for built-in ops and for yours.

    The function takes the upstream gradient ``g``, the output ``y`` and the inputs (``*inputs`` for an op
    of any arity) and returns one contribution an input, None where nothing is sent.

    Raises:
        RuleError: where `op` is no Op or has a rule already, or the function takes other arguments.

    >>> import autograd
    >>> halve = autograd.Op("halve", 1, lambda a: a / 2)
    >>> @autograd.rule(halve)
    ... def halve_rule(g, y, a):
    ...     return (g / 2,)
    >>> x = autograd.Value(3.0)
    >>> halve(x).backward()
    >>> x.grad
    0.5
    """
    if not isinstance(op, Op):
        raise RuleError(f"rule() takes the Op to differentiate, as in @rule(op), not {op!r}")

    def register(function: Rule) -> Rule:
        if not isinstance(function, FunctionType):
            raise RuleError(f"the rule of {op.name!r} must be a plain function, not {function!r}")
        if op.rule is not None:
            raise RuleError(f"op {op.name!r} has a rule already: {op.rule.__module__}.{op.rule.__name__}")
        code = function.__code__
        variadic = bool(code.co_flags & 0x04)
        wanted = "g, y, *inputs" if op.arity is None else f"g, y and {op.arity} input{'s' * (op.arity != 1)}"
        fits = variadic and code.co_argcount >= 2 if op.arity is None else (
            code.co_argcount == 2 + op.arity or (variadic and 2 <= code.co_argcount <= 2 + op.arity)
        )  # fmt: skip
        if not fits or code.co_kwonlyargcount:
            raise RuleError(f"the rule of {op.name!r} must take {wanted}; {function.__name__} takes other arguments")
        op.rule = function
        op.float_rule = function
        if function.__globals__ is globals():
            # The same code object, so that a breakpoint in it stops there too, with ops.cos bound to math.cos:
            # ops.cos itself, which looks for nodes first, takes some 20 times as long.
            op.float_rule = on_floats = FunctionType(code, _float_globals, function.__name__)
            op.first_rule = partial(_first, op, on_floats)
        return function

    return register


def _first(op: Op, on_floats: FunctionType, *arguments: float) -> Any:
    """Make ``op.first_rule`` when it is first called: most programs need few of them."""
    from . import rule_text  # it reads syntax trees, which a program of compiled Values never asks for

    op.first_rule = rule_text.alone(on_floats, 0, _float_globals)
    return op.first_rule(*arguments)


_float_globals = {"__builtins__": builtins, "__name__": __name__, "math": math, "ops": ops.floats}

# ── Arithmetic ──────────────────────────────────────────────────────────────────────────────────────────────


@rule(ops.add)
def add(g, y, a, b):
    return g, g


@rule(ops.sub)
def sub(g, y, a, b):
    return g, -g


@rule(ops.mul)
def mul(g, y, a, b):
    return g * b, g * a


@rule(ops.div)
def div(g, y, a, b):
    """d(a/b) = da/b - (a/b)/b db. With a/b², db would overflow from |b| = 1e155 on."""
    return g / b, -g * (y / b)


@rule(ops.floordiv)
def floordiv(g, y, a, b):
    return 0.0, 0.0


@rule(ops.mod)
def mod(g, y, a, b):
    """a % b = a - b (a // b), and the floor is a step."""
    return g, -g * (a // b)


@rule(ops.pow)
def pow(g, y, a, b):
    """d(aᵇ) = b aᵇ⁻¹ da + aᵇ log(a) db.

    Below ½, b - 1.0 rounds, and aᵇ/a is aᵇ⁻¹ without it. aᵇ log(a) is written aᵇ⁻¹ (a log(a)) where aᵇ may
    underflow to 0 and its slope does not.
    """
    slope = (
        ops.pow(a, b - 1.0) if b >= 0.5
        else y / a if 0.0 < ops.abs(a) < math.inf
        else 0.0 if b == 0.0
        else ops.pow(a, b - 1.0)
    )  # fmt: skip
    growth = (
        (slope * ops.xlogy(a, a) if a < 1.0 <= b else y * ops.log(a)) if a > 0.0
        else (0.0 if b >= 0.0 else -y) if a == 0.0
        else y * math.nan
    )  # fmt: skip
    return g * (b * slope), g * growth


@rule(ops.neg)
def neg(g, y, a):
    return (-g,)


@rule(ops.pos)
def pos(g, y, a):
    return (g,)


@rule(ops.abs)
def abs(g, y, a):
    return (0.0 if a == 0.0 else -g if a < 0.0 else g,)


# ── Exponentials, logarithms, roots ─────────────────────────────────────────────────────────────────────────


@rule(ops.exp)
def exp(g, y, a):
    return (g * y,)


@rule(ops.exp2)
def exp2(g, y, a):
    """The number is log(2)."""
    return (g * (y * 0.6931471805599453),)


@rule(ops.expm1)
def expm1(g, y, a):
    """exp(a), not y + 1: at -40 that sum has no digits of it left."""
    return (g * ops.exp(a),)


@rule(ops.log)
def log(g, y, a):
    return (g / a,)


@rule(ops.log2)
def log2(g, y, a):
    """The number is 1 / log(2)."""
    return (g * (1.4426950408889634 / a),)


@rule(ops.log10)
def log10(g, y, a):
    """The number is 1 / log(10)."""
    return (g * (0.4342944819032518 / a),)


@rule(ops.log1p)
def log1p(g, y, a):
    return (g / (1.0 + a),)


@rule(ops.sqrt)
def sqrt(g, y, a):
    return (g * (0.5 / y),)


@rule(ops.cbrt)
def cbrt(g, y, a):
    return (g / (3.0 * y * y),)


# ── Trigonometry ────────────────────────────────────────────────────────────────────────────────────────────


@rule(ops.sin)
def sin(g, y, a):
    return (g * ops.cos(a),)


@rule(ops.cos)
def cos(g, y, a):
    return (-g * ops.sin(a),)


@rule(ops.tan)
def tan(g, y, a):
    return (g * (1.0 + y * y),)


@rule(ops.asin)
def asin(g, y, a):
    """1/√(1 - a²), the square factored near ±1, where 1 - a² cancels."""
    below = 1.0 - a * a if -0.5 < a < 0.5 else (1.0 - a) * (1.0 + a)
    return (g / ops.sqrt(below),)


@rule(ops.acos)
def acos(g, y, a):
    below = 1.0 - a * a if -0.5 < a < 0.5 else (1.0 - a) * (1.0 + a)
    return (-g / ops.sqrt(below),)


@rule(ops.atan)
def atan(g, y, a):
    """1/(1 + a²), without the square, which overflows in the second derivative from 1e77 on."""
    h = ops.hypot(1.0, a)
    return (g * (1.0 / h / h),)


@rule(ops.atan2)
def atan2(g, y, a, b):
    """d atan2(a, b) = (b da - a db) / (a² + b²)"""
    h = ops.hypot(a, b)
    return (0.0 if h == 0.0 else g * (b / h / h)), (0.0 if h == 0.0 else -g * (a / h / h))


@rule(ops.sinh)
def sinh(g, y, a):
    return (g * ops.cosh(a),)


@rule(ops.cosh)
def cosh(g, y, a):
    return (g * ops.sinh(a),)


@rule(ops.tanh)
def tanh(g, y, a):
    """sech², an op of its own: 1 - tanh² is 0 from 19.1 on, where sech² is 1e-16."""
    return (g * ops.sech2(a),)


@rule(ops.sech2)
def sech2(g, y, a):
    return (-2.0 * g * (ops.tanh(a) * y),)


@rule(ops.asinh)
def asinh(g, y, a):
    return (g / ops.hypot(1.0, a),)


@rule(ops.acosh)
def acosh(g, y, a):
    return (g / (ops.sqrt(a - 1.0) * ops.sqrt(a + 1.0)),)


@rule(ops.atanh)
def atanh(g, y, a):
    below = 1.0 - a * a if -0.5 < a < 0.5 else (1.0 - a) * (1.0 + a)
    return (g / below,)


@rule(ops.hypot)
def hypot(g, y, *inputs):
    """xᵢ/h. Where one input dominates, √(1 - Σ (xⱼ/h)²) of the others: its slope is tiny, and xᵢ/h can't tell it."""
    shares = [0.0 if y == 0.0 else x / y for x in inputs]
    squares = [s * s for s in shares]
    return [
        g * ops.copysign(ops.sqrt(1.0 - ops.sum(*squares[:i], *squares[i + 1 :])), s) if squares[i] > 0.5 else g * s
        for i, s in enumerate(shares)
    ]


# ── Error function, gamma ───────────────────────────────────────────────────────────────────────────────────


@rule(ops.erf)
def erf(g, y, a):
    """The number is 2/√π."""
    return (g * (1.1283791670955126 * ops.exp(-(a * a))),)


@rule(ops.erfc)
def erfc(g, y, a):
    return (-g * (1.1283791670955126 * ops.exp(-(a * a))),)


@rule(ops.gamma)
def gamma(g, y, a):
    return (g * (y * ops.digamma(a)),)


@rule(ops.lgamma)
def lgamma(g, y, a):
    return (g * ops.digamma(a),)


@rule(ops.digamma)
def digamma(g, y, a):
    return (g * ops.polygamma(1.0, a),)


@rule(ops.polygamma)
def polygamma(g, y, n, a):
    return 0.0, g * ops.polygamma(n + 1.0, a)


# ── Steps, signs, units ─────────────────────────────────────────────────────────────────────────────────────


@rule(ops.floor)
def floor(g, y, a):
    return (0.0,)


@rule(ops.ceil)
def ceil(g, y, a):
    return (0.0,)


@rule(ops.trunc)
def trunc(g, y, a):
    return (0.0,)


@rule(ops.round)
def round(g, y, a):
    return (0.0,)


@rule(ops.round_to)
def round_to(g, y, a, digits):
    return 0.0, 0.0


@rule(ops.sign)
def sign(g, y, a):
    return (0.0,)


@rule(ops.fmod)
def fmod(g, y, a, b):
    """a - b trunc(a/b); the whole number is (a - y)/b, as a/b itself may round up to the next one."""
    return g, -g * ops.round_to((a - y) / b, 0.0)


@rule(ops.copysign)
def copysign(g, y, a, b):
    return (0.0 if a == 0.0 else g if y == a else -g), 0.0


@rule(ops.degrees)
def degrees(g, y, a):
    """The number is 180/π."""
    return (g * 57.29577951308232,)


@rule(ops.radians)
def radians(g, y, a):
    """The number is π/180."""
    return (g * 0.017453292519943295,)


# ── Activations ─────────────────────────────────────────────────────────────────────────────────────────────


@rule(ops.sigmoid)
def sigmoid(g, y, a):
    """σ', an op of its own: y (1 - y) is 0 from 37 on, where σ' is 1e-16."""
    return (g * ops.sigmoid_slope(a),)


@rule(ops.sigmoid_slope)
def sigmoid_slope(g, y, a):
    return (-g * (y * ops.tanh(0.5 * a)),)


@rule(ops.softplus)
def softplus(g, y, a):
    return (g * ops.sigmoid(a),)


@rule(ops.relu)
def relu(g, y, a):
    return (0.0 if a <= 0.0 else g,)


@rule(ops.leaky_relu)
def leaky_relu(g, y, a, negative_slope):
    return (g * negative_slope if a <= 0.0 else g), (g * a if a <= 0.0 else 0.0)


@rule(ops.elu)
def elu(g, y, a, alpha):
    return (g * (alpha * ops.exp(a)) if a <= 0.0 else g), (g * ops.expm1(a) if a <= 0.0 else 0.0)


@rule(ops.normal_cdf)
def normal_cdf(g, y, a):
    """exp(-a²/2)/√(2π), its square root squared so that nothing between is subnormal."""
    half = ops.exp(-0.25 * a * a)
    return (g * half * (0.3989422804014327 * half),)


@rule(ops.gelu)
def gelu(g, y, a):
    """Φ(a) + a Φ'(a), with the normal distribution's Φ."""
    half = ops.exp(-0.25 * a * a)
    return (g * (ops.normal_cdf(a) + a * half * (0.3989422804014327 * half)),)


@rule(ops.gelu_tanh)
def gelu_tanh(g, y, a):
    """a σ(2u), u = √(2/π) (a + 0.044715 a³). Beyond ±25 it is a or 0 to the last bit, and a³ may overflow."""
    u = 1.5957691216057308 * (a + 0.044715 * a * a * a)
    du = 1.5957691216057308 * (1.0 + 0.134145 * a * a)
    return (g if a > 25.0 else 0.0 if a < -25.0 else g * (ops.sigmoid(u) + a * ops.sigmoid_slope(u) * du),)


@rule(ops.silu)
def silu(g, y, a):
    """σ(a) + a σ'(a), an op of its own: near its root the sum cancels."""
    return (g * ops.silu_slope(a),)


@rule(ops.silu_slope)
def silu_slope(g, y, a):
    return (g * (ops.sigmoid_slope(a) * (2.0 - a * ops.tanh(0.5 * a))),)


@rule(ops.softsign)
def softsign(g, y, a):
    h = 1.0 + ops.abs(a)
    return (g / h / h,)


# ── Choices: the gradient goes to what was chosen, and nothing to the rest ──────────────────────────────────


@rule(ops.clamp)
def clamp(g, y, a, low, high):
    above = a > high if a > low else low > high
    return (
        (0.0 if above else 0.0 if a < low else g),
        (0.0 if above else g if a < low else 0.0),
        (g if above else 0.0),
    )


@rule(ops.where)
def where(g, y, c, p, q):
    return None, (g if c != 0.0 else None), (None if c != 0.0 else g)


@rule(ops.maximum)
def maximum(g, y, *inputs):
    """The largest takes it all; tied ones share. A nan wins over numbers, as in the value."""
    chosen = [1.0 if (x != x if y != y else x == y) else 0.0 for x in inputs]
    share = g / ops.sum(*chosen)
    return [share if c == 1.0 else None for c in chosen]


@rule(ops.minimum)
def minimum(g, y, *inputs):
    chosen = [1.0 if (x != x if y != y else x == y) else 0.0 for x in inputs]
    share = g / ops.sum(*chosen)
    return [share if c == 1.0 else None for c in chosen]


@rule(ops.peak)
def peak(g, y, *inputs):
    """The largest as a plain number, for shifts that change no result."""
    return [None for _ in inputs]


@rule(ops.pick)
def pick(g, y, i, *inputs):
    return [None] + [g if j == i else None for j, _ in enumerate(inputs)]


# ── Sums and products of many ───────────────────────────────────────────────────────────────────────────────


@rule(ops.sum)
def sum(g, y, *inputs):
    return [g for _ in inputs]


@rule(ops.fsum)
def fsum(g, y, *inputs):
    return [g for _ in inputs]


@rule(ops.mean)
def mean(g, y, *inputs):
    share = g / len(inputs)
    return [share for _ in inputs]


@rule(ops.prod)
def prod(g, y, *inputs):
    """The product of the others; y/x would be nan at a zero."""
    return [g * ops.prod(*inputs[:i], *inputs[i + 1 :]) for i, _ in enumerate(inputs)]


@rule(ops.dot)
def dot(g, y, *inputs):
    """Σ xᵢ yᵢ of inputs x₁ … xₙ y₁ … yₙ: each is multiplied by its partner in the other half."""
    half = len(inputs) // 2
    return [g * partner for partner in inputs[half:] + inputs[:half]]


@rule(ops.sumprod)
def sumprod(g, y, *inputs):
    half = len(inputs) // 2
    return [g * partner for partner in inputs[half:] + inputs[:half]]


# ── Logarithms of sums: no difference of two numbers near 1, no overflow ────────────────────────────────────


@rule(ops.logaddexp)
def logaddexp(g, y, a, b):
    return g * ops.sigmoid(a - b), g * ops.sigmoid(b - a)


@rule(ops.xlogy)
def xlogy(g, y, a, b):
    """a log(b); 0 log(0) is 0 and flat there."""
    return (
        (g * ops.log(b) if b > 0.0 else 0.0 if a == 0.0 else g * ops.log(b)),
        (g * (a / b) if b > 0.0 else 0.0 if a == 0.0 else g * (a / b)),
    )


@rule(ops.logsumexp)
def logsumexp(g, y, *inputs):
    """Each input's share of Σ exp(xⱼ); a dominant one's as 1 - the others', whose slope keeps its digits."""
    top = ops.peak(*inputs)
    weights = [ops.exp(x - top) for x in inputs]
    total = ops.sum(*weights)
    return [
        g * (1.0 - ops.sum(*weights[:i], *weights[i + 1 :]) / total) if w > 0.5 * total else g * (w / total)
        for i, w in enumerate(weights)
    ]


@rule(ops.softmax)
def softmax(g, y, k, *inputs):
    """d pₖ = pₖ (dxₖ - Σ pⱼ dxⱼ), the factor 1 - pₖ written as the others' sum."""
    top = ops.peak(*inputs)
    weights = [ops.exp(x - top) for x in inputs]
    total = ops.sum(*weights)
    return [None] + [
        g * y * (ops.sum(*weights[:i], *weights[i + 1 :]) / total) if i == k else -g * y * (w / total)
        for i, w in enumerate(weights)
    ]


@rule(ops.log_softmax)
def log_softmax(g, y, k, *inputs):
    """d log pₖ = dxₖ - Σ pⱼ dxⱼ, where one dominates with its p as 1 - the others'."""
    top = ops.peak(*inputs)
    weights = [ops.exp(x - top) for x in inputs]
    total = ops.sum(*weights)
    return [None] + [
        (g * (1.0 - w / total) if i == k else -g * (w / total)) if w <= 0.5 * total
        else g * (ops.sum(*weights[:i], *weights[i + 1 :]) / total) if i == k
        else -g * (1.0 - ops.sum(*weights[:i], *weights[i + 1 :]) / total)
        for i, w in enumerate(weights)
    ]  # fmt: skip
