"""Where every op may be drawn: its axes, how far a point lies from a kink or an edge, and what holds exactly there.

The slopes at kinks stand here a second time on purpose: as what is documented, against which rules are held.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from .. import ops
from ..errors import InputError
from ..ops import Op

inf = math.inf


class Axis(NamedTuple):
    """The range of one input; `choices` where it takes few values, which are then constants of the op."""

    low: float
    high: float
    choices: tuple[float, ...] = ()

    def holds(self, x: float) -> bool:
        """Whether x may stand here."""
        return self.low <= x <= self.high and not self.choices


Point = tuple[float, ...]


class Domain(NamedTuple):
    """Where an op may be drawn.

    Attributes:
        python: how a call is written; ``{}`` an input each, ``{*}`` all of them, ``{0}`` and ``{1*}`` one and the rest,
            ``{<}`` and ``{>}`` the first and second half.
        axes: one an input; an op of any arity has one axis, the same for each.
        smooth: the distance of a point from the nearest kink, jump, pole or edge.
        kinks: points exactly on one, each with the documented slopes.
    """

    python: str
    axes: tuple[Axis, ...]
    smooth: Callable[..., float] = lambda *xs: inf
    kinks: tuple[tuple[Point, Point], ...] = ()


REAL = Axis(-30.0, 30.0)
SMALL = Axis(-3.0, 3.0)
POSITIVE = Axis(0.0, 30.0)
UNIT = Axis(-1.0, 1.0)
NONZERO = Axis(0.1, 10.0)


def _choices(*xs: float) -> Axis:
    return Axis(min(xs), max(xs), xs)


def _from_0(*xs: float) -> float:
    return min(map(abs, xs))


def _from_whole(a: float) -> float:
    return abs(a - round(a))


def _from_half(a: float) -> float:
    return abs(a - math.floor(a) - 0.5)


def _from_pole(*xs: float) -> float:
    return xs[-1] if xs[-1] > 0.0 else _from_whole(xs[-1])


def _from_tie(*xs: float) -> float:
    return min((abs(a - b) for i, a in enumerate(xs) for b in xs[:i]), default=inf)


def _from_multiple(a: float, b: float) -> float:
    return min(abs(b), _from_whole(a / b)) if b else 0.0


def _from_origin(*xs: float) -> float:
    return math.hypot(*xs)


def _flat(*slopes_at: float) -> tuple[tuple[Point, Point], ...]:
    return tuple(((x,), (0.0,)) for x in slopes_at)


WHOLE = _flat(-2.0, 0.0, 1.0, 3.0)

# fmt: off
DOMAINS: dict[str, Domain] = {
    "add":           Domain("{} + {}", (REAL, REAL)),
    "sub":           Domain("{} - {}", (REAL, REAL)),
    "mul":           Domain("{} * {}", (REAL, REAL)),
    "div":           Domain("{} / {}", (REAL, NONZERO), lambda a, b: abs(b)),
    "floordiv":      Domain("{} // {}", (REAL, NONZERO), _from_multiple, (((6.0, 3.0), (0.0, 0.0)),)),
    "mod":           Domain("{} % {}", (REAL, NONZERO), _from_multiple, (((6.0, 3.0), (1.0, -2.0)), ((-6.0, 3.0), (1.0, 2.0)))),
    "pow":           Domain("{} ** {}", (Axis(0.0, 10.0), SMALL), lambda a, b: a,
                            (((0.0, 0.0), (0.0, 0.0)), ((0.0, 1.0), (1.0, 0.0)), ((0.0, 2.0), (0.0, 0.0)))),
    "neg":           Domain("-{}", (REAL,)),
    "pos":           Domain("+{}", (REAL,)),
    "abs":           Domain("abs({})", (REAL,), _from_0, _flat(0.0, -0.0)),
    "exp":           Domain("ag.exp({})", (REAL,)),
    "exp2":          Domain("ag.exp2({})", (REAL,)),
    "expm1":         Domain("ag.expm1({})", (REAL,)),
    "log":           Domain("ag.log({})", (POSITIVE,), _from_0),
    "log2":          Domain("ag.log2({})", (POSITIVE,), _from_0),
    "log10":         Domain("ag.log10({})", (POSITIVE,), _from_0),
    "log1p":         Domain("ag.log1p({})", (Axis(-1.0, 30.0),), lambda a: abs(1.0 + a)),
    "sqrt":          Domain("ag.sqrt({})", (POSITIVE,), _from_0, (((0.0,), (inf,)),)),
    "cbrt":          Domain("ag.cbrt({})", (REAL,), _from_0, (((0.0,), (inf,)),)),
    "sin":           Domain("ag.sin({})", (REAL,)),
    "cos":           Domain("ag.cos({})", (REAL,)),
    "tan":           Domain("ag.tan({})", (REAL,), lambda a: abs(math.cos(a))),
    "asin":          Domain("ag.asin({})", (UNIT,), lambda a: 1.0 - abs(a), (((1.0,), (inf,)), ((-1.0,), (inf,)))),
    "acos":          Domain("ag.acos({})", (UNIT,), lambda a: 1.0 - abs(a), (((1.0,), (-inf,)), ((-1.0,), (-inf,)))),
    "atan":          Domain("ag.atan({})", (REAL,)),
    "atan2":         Domain("ag.atan2({}, {})", (REAL, REAL), lambda a, b: math.hypot(a, b) if b > 0.0 else abs(a),
                            (((0.0, 0.0), (0.0, 0.0)),)),
    "sinh":          Domain("ag.sinh({})", (REAL,)),
    "cosh":          Domain("ag.cosh({})", (REAL,)),
    "tanh":          Domain("ag.tanh({})", (REAL,)),
    "asinh":         Domain("ag.asinh({})", (REAL,)),
    "acosh":         Domain("ag.acosh({})", (Axis(1.0, 30.0),), lambda a: a - 1.0, (((1.0,), (inf,)),)),
    "atanh":         Domain("ag.atanh({})", (UNIT,), lambda a: 1.0 - abs(a)),
    "sech2":         Domain("ag.ops.sech2({})", (REAL,)),
    "hypot":         Domain("ag.hypot({*})", (REAL,), _from_origin, (((0.0, 0.0), (0.0, 0.0)), ((0.0,), (0.0,)))),
    "erf":           Domain("ag.erf({})", (Axis(-6.0, 6.0),)),
    "erfc":          Domain("ag.erfc({})", (Axis(-6.0, 12.0),)),
    "gamma":         Domain("ag.gamma({})", (Axis(-5.0, 10.0),), _from_pole),
    "lgamma":        Domain("ag.lgamma({})", (Axis(-5.0, 30.0),), _from_pole),
    "digamma":       Domain("ag.digamma({})", (Axis(-5.0, 30.0),), _from_pole),
    "polygamma":     Domain("ag.polygamma({}, {})", (_choices(0.0, 1.0, 2.0, 3.0), Axis(-5.0, 30.0)), _from_pole),
    "floor":         Domain("ag.floor({})", (REAL,), _from_whole, WHOLE),
    "ceil":          Domain("ag.ceil({})", (REAL,), _from_whole, WHOLE),
    "trunc":         Domain("ag.trunc({})", (REAL,), _from_whole, WHOLE),
    "round":         Domain("round({})", (REAL,), _from_half, _flat(-1.5, 0.5, 2.5)),
    "round_to":      Domain("round({}, {})", (REAL, _choices(0.0, 1.0, 2.0)), lambda a, d: _from_half(a * 10.0**d) / 10.0**d,
                            (((2.5, 0.0), (0.0, 0.0)),)),
    "sign":          Domain("ag.sign({})", (REAL,), _from_0, _flat(0.0)),
    "fmod":          Domain("ag.fmod({}, {})", (REAL, NONZERO), _from_multiple, (((6.0, 3.0), (1.0, -2.0)), ((-6.0, 3.0), (1.0, 2.0)))),
    "copysign":      Domain("ag.copysign({}, {})", (REAL, REAL), _from_0, (((0.0, 2.0), (0.0, 0.0)), ((0.0, -2.0), (0.0, 0.0)))),
    "degrees":       Domain("ag.degrees({})", (REAL,)),
    "radians":       Domain("ag.radians({})", (REAL,)),
    "sigmoid":       Domain("ag.sigmoid({})", (REAL,)),
    "sigmoid_slope": Domain("ag.ops.sigmoid_slope({})", (REAL,)),
    "softplus":      Domain("ag.softplus({})", (REAL,)),
    "relu":          Domain("ag.relu({})", (REAL,), _from_0, _flat(0.0, -0.0)),
    "leaky_relu":    Domain("ag.leaky_relu({}, {})", (REAL, UNIT), lambda a, s: abs(a), (((0.0, 0.2), (0.2, 0.0)),)),
    "elu":           Domain("ag.elu({}, {})", (REAL, NONZERO), lambda a, alpha: abs(a), (((0.0, 1.7), (1.7, 0.0)),)),
    "normal_cdf":    Domain("ag.ops.normal_cdf({})", (Axis(-12.0, 6.0),)),
    "gelu":          Domain("ag.gelu({})", (Axis(-12.0, 30.0),)),
    "gelu_tanh":     Domain('ag.gelu({}, "tanh")', (Axis(-12.0, 30.0),)),
    "silu":          Domain("ag.silu({})", (REAL,)),
    "silu_slope":    Domain("ag.ops.silu_slope({})", (REAL,)),
    "softsign":      Domain("ag.softsign({})", (REAL,), _from_0, (((0.0,), (1.0,)),)),
    "clamp":         Domain("ag.clamp({}, {}, {})", (REAL, SMALL, SMALL), lambda a, low, high: min(abs(a - low), abs(a - high), abs(low - high)),
                            (((0.0, 0.0, 1.0), (1.0, 0.0, 0.0)), ((1.0, 0.0, 1.0), (1.0, 0.0, 0.0)))),
    "where":         Domain("ag.where({}, {}, {})", (_choices(0.0, 1.0), REAL, REAL)),
    "logaddexp":     Domain("ag.logaddexp({}, {})", (REAL, REAL)),
    "xlogy":         Domain("ag.xlogy({}, {})", (REAL, POSITIVE), lambda a, b: b, (((0.0, 0.0), (0.0, 0.0)),)),
    "maximum":       Domain("ag.max([{*}])", (REAL,), _from_tie, (((2.0, 2.0), (0.5, 0.5)), ((3.0, 1.0, 3.0), (0.5, 0.0, 0.5)))),
    "minimum":       Domain("ag.min([{*}])", (REAL,), _from_tie, (((2.0, 2.0), (0.5, 0.5)), ((1.0, 3.0, 1.0), (0.5, 0.0, 0.5)))),
    "sum":           Domain("ag.sum([{*}])", (REAL,)),
    "fsum":          Domain("ag.fsum([{*}])", (REAL,)),
    "mean":          Domain("ag.mean([{*}])", (REAL,)),
    "prod":          Domain("ag.prod([{*}])", (REAL,)),
    "dot":           Domain("ag.dot([{<}], [{>}])", (REAL,)),
    "sumprod":       Domain("ag.sumprod([{<}], [{>}])", (REAL,)),
    "peak":          Domain("ag.ops.peak({*})", (REAL,)),
    "logsumexp":     Domain("ag.logsumexp([{*}])", (REAL,)),
    "softmax":       Domain("ag.softmax([{1*}])[{0}]", (_choices(0.0, 1.0), REAL)),
    "log_softmax":   Domain("ag.log_softmax([{1*}])[{0}]", (_choices(0.0, 1.0), REAL)),
    "pick":          Domain("ag.pick([{1*}], {0})", (_choices(0.0, 1.0), REAL)),
}
# fmt: on

NOT_A_FUNCTION_OF_ITS_INPUT = ("peak",)  # a value without a slope, by design: differences would deny it


def named(op: Op | str) -> tuple[Op, Domain]:
    """An op and where it may be drawn.

    Raises:
        InputError: where there is no such op, or it is one of your own, which has no row here.
    """
    name = op.name if isinstance(op, Op) else op
    found = getattr(ops, name, None) if name in DOMAINS else None
    if found is None or (isinstance(op, Op) and op is not found):
        raise InputError(
            f"there is no built-in op {name!r}; for one of your own draw the inputs yourself, "
            "as in check_everywhere(op, [(0.0, 1.0)])"
        )
    return found, DOMAINS[name]


def axes(op: Op, domain: Domain, arity: int) -> list[Axis]:
    """One axis an input, for an op called with so many."""
    if op.arity is not None:
        return list(domain.axes)
    return [*domain.axes[:-1], *[domain.axes[-1]] * (arity - len(domain.axes) + 1)]


def spelled(domain: Domain, inputs: list[str]) -> str:
    """A call as Python writes it.

    >>> spelled(DOMAINS["dot"], ["a", "b", "c", "d"])
    'ag.dot([a, b], [c, d])'
    """
    inputs = [
        *(x.removesuffix(".0") if axis.choices else x for x, axis in zip(inputs, domain.axes, strict=False)),
        *inputs[len(domain.axes) :],
    ]
    half = len(inputs) // 2
    fields = {
        "{*}": ", ".join(inputs),
        "{1*}": ", ".join(inputs[1:]),
        "{<}": ", ".join(inputs[:half]),
        "{>}": ", ".join(inputs[half:]),
        "{0}": inputs[0],
    }
    text = domain.python
    if "{}" in text:
        return text.format(*inputs)
    for key, words in fields.items():
        text = text.replace(key, words)
    return text
