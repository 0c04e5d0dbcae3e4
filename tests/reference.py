"""What every op computes, in mpmath: the truth that values and derivatives are held against.

A `Row` pairs one public function with its textbook formula at high precision. The derivatives of a formula are
its central differences, taken twice, the second time with twice the digits, until the two agree: so a formula
here may cancel as badly as it likes. Only where mpmath has them in closed form (polygamma) are they given.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from typing import Any

from hypothesis import strategies as st
from mpmath import mp, mpf

import autograd as ag

ULP = 2.0**-52  # of 1: what one input's conditioning |x f'/f| counts for
VALUE, FIRST, SECOND, THIRD = 4, 8, 64, 1024  # ulps that an order may be off, besides what conditioning costs
ULPS = (VALUE, FIRST, SECOND, THIRD)


@dataclass(frozen=True)
class Row:
    """A function, its truth, the points where it is treacherous and the range where it is drawn."""

    name: str
    ours: Callable[..., Any]
    truth: Callable[..., Any]
    points: tuple[tuple[float, ...], ...]
    drawn: Any  # a strategy for tuples of floats
    same: Callable[..., float] | None = None  # the function of math whose bits the value has
    derivative: Callable[..., Any] | None = None  # closed form, given by which inputs and the inputs
    digits: int = 960  # as many as its formula may lose: 1 - tanh(300) loses 260

    def __repr__(self) -> str:
        return self.name


def true(row: Row, xs: Sequence[float], by: Sequence[int] = ()) -> mpf:
    """The partial derivative of the row's truth at xs, by the inputs numbered in `by`; its value for none."""
    counts = Counter(by)
    return _true(row, tuple(xs), tuple(counts[i] for i in range(len(xs))))


@cache
def _true(row: Row, xs: tuple[float, ...], orders: tuple[int, ...]) -> mpf:
    if row.derivative is not None and sum(orders):
        with mp.workdps(60):
            by = tuple(i for i, n in enumerate(orders) for _ in range(n))
            return +mpf(row.derivative(by, *map(mpf, xs)))
    coarse = None
    digits = 15
    while digits <= row.digits:
        fine = _difference(row.truth, xs, orders, digits)
        # Two zeros prove nothing: 1 - tanh(300) is 0 to 200 digits.
        if coarse is not None and fine != 0 and abs(fine - coarse) < abs(fine) * mpf("1e-25"):
            return fine
        coarse = fine
        digits *= 2
    if fine == 0:
        return mpf(0)
    with mp.workdps(60):
        size = max(
            abs(row.truth(*[mpf(x) + i * at * _scale(x) for i, x in enumerate(xs, 1)])) for at in (mpf(0), mpf("0.001"))
        )
    share = abs(fine) / size * mp.fprod(_scale(x) ** n for x, n in zip(xs, orders, strict=True))
    assert share < mpf(10) ** -row.digits, f"no truth for {row.name}{xs} by {orders}: {mp.nstr(fine)}"
    return mpf(0)


def _difference(f: Callable[..., Any], xs: tuple[float, ...], orders: tuple[int, ...], digits: int) -> mpf:
    """A central difference whose steps are 1e-digits, relative to each input."""
    order = sum(orders)
    with mp.workdps(digits * (order + 2) + 30):
        step = mpf(10) ** -digits
        total = mpf(0)
        for offsets in product(*[range(n + 1) for n in orders]):
            weight, at = 1, []
            for x, n, k in zip(xs, orders, offsets, strict=True):
                weight *= (-1) ** k * math.comb(n, k)
                at.append(mpf(x) + (mpf(n) / 2 - k) * step * _scale(x))
            total += weight * f(*at)
        for x, n in zip(xs, orders, strict=True):
            total /= (step * _scale(x)) ** n
        return total


def _scale(x: float) -> mpf:
    return abs(mpf(x)) if x else mpf(1)


def partials(f: Callable[..., Any], xs: Sequence[float], order: int) -> dict[tuple[int, ...], float]:
    """All our partial derivatives of one order, in each order of differentiation."""
    leaves = [ag.Value(x) for x in xs]
    level = {(): f(*leaves)}
    for _ in range(order):
        level = {
            (*by, i): d for by, y in level.items() for i, d in enumerate(ag.gradients(y, leaves, create_graph=True))
        }
    return {by: d.data for by, d in level.items()}


def complaint(row: Row, xs: Sequence[float], by: tuple[int, ...], got: float, ulps: float) -> str:
    """What is wrong with a derivative (or value) of ours, "" if nothing is.

    Allowed are `ulps` of the true one, and |x f'(x)/f(x)| ulps for each input x, its conditioning.
    """
    want = true(row, xs, by)
    if abs(want) > mpf(1.7976931348623157e308):
        if got == math.copysign(math.inf, want) or abs(want) < mpf(1.8e308):
            return ""
        return f"{row.name}{tuple(xs)} by {by}: got {got!r}, want {mp.nstr(want, 20)}, which is {'-' * (want < 0)}inf"
    nearest = float(want)
    allowed = mpf(ulps) * mpf(math.ulp(nearest))
    error = abs(mpf(got) - want) if math.isfinite(got) else mpf("inf")
    if error <= allowed:
        return ""
    for i, x in enumerate(xs):
        allowed += abs(mpf(x) * true(row, xs, (*by, i))) * ULP
    if error <= allowed:
        return ""
    off, limit = (float(e / mpf(math.ulp(nearest))) for e in (error, allowed))
    return f"{row.name}{tuple(xs)} by {by}: got {got!r}, want {nearest!r}: {off:.4g} ulp off, {limit:.4g} allowed"


def complaints(row: Row, xs: Sequence[float], order: int) -> list[str]:
    """Everything wrong with the derivatives of one order at xs."""
    found = partials(row.ours, xs, order)
    return list(filter(None, (complaint(row, xs, by, got, ULPS[order]) for by, got in found.items())))


# ── Formulas that mpmath lacks ──────────────────────────────────────────────────────────────────────────────


def _sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mp.exp(-x))


def _gelu(x: mpf) -> mpf:
    return x * mp.erfc(-x / mp.sqrt(2)) / 2


def _gelu_tanh(x: mpf) -> mpf:
    return x * _sigmoid(2 * mp.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3))


def _logsumexp(*xs: mpf) -> mpf:
    return mp.log(mp.fsum(mp.exp(x) for x in xs))


def _softmax(i: int, *xs: mpf) -> mpf:
    return mp.exp(xs[i]) / mp.fsum(mp.exp(x) for x in xs)


def _log_softmax(i: int, *xs: mpf) -> mpf:
    return xs[i] - _logsumexp(*xs)


def _erf_slope(by: tuple[int, ...], x: mpf) -> mpf:
    n = len(by) - 1
    return 2 / mp.sqrt(mp.pi) * (-1) ** n * mp.hermite(n, x) * mp.exp(-x * x)


def _gelu_slope(by: tuple[int, ...], x: mpf) -> mpf:
    """Leibniz: x Φ⁽ⁿ⁾ + n Φ⁽ⁿ⁻¹⁾."""

    def phi(n: int) -> mpf:
        return mp.erfc(-x / mp.sqrt(2)) / 2 if n == 0 else _erf_slope((0,) * n, x / mp.sqrt(2)) / 2 / mp.sqrt(2) ** n

    return x * phi(len(by)) + len(by) * phi(len(by) - 1)


def _partitions(items: tuple[int, ...]) -> Any:
    """All ways to part items into blocks."""
    if not items:
        yield []
        return
    for blocks in _partitions(items[1:]):
        yield [(items[0],), *blocks]
        for i, block in enumerate(blocks):
            yield [*blocks[:i], (items[0], *block), *blocks[i + 1 :]]


def _cumulant(by: tuple[int, ...], *xs: mpf) -> mpf:
    """The derivatives of logsumexp are the joint cumulants of the indicators of a choice with odds exp(x)."""
    with mp.workdps(1000):
        total = mp.fsum(mp.exp(x) for x in xs)
        chance = [mp.exp(x) / total for x in xs]
        return mp.fsum(
            (-1) ** (len(blocks) - 1)
            * math.factorial(len(blocks) - 1)
            * mp.fprod(chance[block[0]] if len({*block}) == 1 else 0 for block in blocks)
            for blocks in _partitions(by)
        )


def _softmax_slope(k: int, by: tuple[int, ...], *xs: mpf) -> mpf:
    return _cumulant((k, *by), *xs)


def _log_softmax_slope(k: int, by: tuple[int, ...], *xs: mpf) -> mpf:
    with mp.workdps(1000):
        return (1 if by == (k,) else 0) - _cumulant(by, *xs)


def _cbrt(x: mpf) -> mpf:
    return mp.cbrt(x) if x >= 0 else -mp.cbrt(-x)


def _hypot(*xs: mpf) -> mpf:
    return mp.sqrt(mp.fsum(x * x for x in xs))


def _trunc(x: mpf) -> mpf:
    return mp.floor(x) if x >= 0 else mp.ceil(x)


def _lgamma(x: mpf) -> mpf:
    return mp.log(abs(mp.gamma(x))) if abs(x) < 1e4 else mp.loggamma(x).real


def _dot(*xs: mpf) -> mpf:
    half = len(xs) // 2
    return mp.fsum(x * y for x, y in zip(xs[:half], xs[half:], strict=True))


# ── Where functions are drawn ───────────────────────────────────────────────────────────────────────────────


def box(*ranges: tuple[float, float]) -> Any:
    """Tuples of floats, each from its range; of those near 0 only 0: others need 1000 digits."""

    def axis(low: float, high: float) -> Any:
        drawn = st.floats(low, high, allow_subnormal=False)
        return drawn if low > 0 else drawn.map(lambda x: x if abs(x) >= 1e-30 else 0.0)

    return st.tuples(*[axis(low, high) for low, high in ranges])


def level(*ranges: tuple[float, float]) -> Any:
    """The same without tiny ones."""
    return box(*ranges).map(lambda xs: tuple(x if abs(x) >= 1e-9 else 0.0 for x in xs))


def sizes(least: float, most: float, signed: bool = False) -> Any:
    """Floats of every size between two powers of ten."""
    mantissa, exponent = st.floats(1, 10, exclude_max=True), st.integers(int(least), int(most) - 1)
    positive = st.builds(lambda m, e: m * 10.0**e, mantissa, exponent)
    return st.builds(lambda x, s: x * s, positive, st.sampled_from([1.0, -1.0])) if signed else positive


def one(strategy: Any) -> Any:
    return st.tuples(strategy)


def off_whole(low: float, high: float) -> Any:
    """Floats that are no whole numbers, where steps and poles are."""
    return one(st.floats(low, high).filter(lambda x: abs(x - round(x)) > 1e-9))


def each(*xs: float) -> tuple[tuple[float, ...], ...]:
    return tuple((float(x),) for x in xs)


def both(*xs: float) -> tuple[tuple[float, ...], ...]:
    """Each with both its signs."""
    return each(*[s * x for x in xs for s in (1.0, -1.0)])


# ── The table ───────────────────────────────────────────────────────────────────────────────────────────────

TINY_TO_HUGE = (1e-300, 1e-200, 1e-100, 1e-10, 1e-3, 0.3, 0.5, 1.0, 1.5, 2.0, 3.7, 10.0, 1e5, 1e10, 1e100, 1e200, 1e300)
NEAR_1 = (1 - 1e-10, 1 - 1e-15, 1 - 2**-53)
BELOW_1 = (0.0, 1e-300, 1e-10, 1e-3, 0.3, 0.49999, 0.5, 0.6, 0.9, 0.999, *NEAR_1)
ANGLES = (0.0, 1e-100, 1e-10, 0.1, 0.785, 1.0, 1.5707963, math.pi / 2, 2.0, 3.0, math.pi, 10.0, 1e5, 1e15, 1e22)
SATURATING = (0.0, 1e-100, 1e-10, 1e-3, 0.3, 1.0, 2.5, 8.0, 18.7, 19.1, 20.0, 37.5, 40.0, 300.0, 340.0, 700.0)
GAMMAS = (
    *(1e-300, 1e-100, 1e-10, 1e-3, 0.25, 0.5, 1 - 1e-10, 1.0, 1 + 1e-10, 1.25, 1.4616, 1.461632144968362, 1.5),
    *(2 - 1e-10, 2.0, 2.5, 3.0, 7.5, 11.9, 12.0, 12.1, 13.0, 20.5, 33.3, 100.0),
    *(-1e-300, -1e-10, -0.3, -0.504083008264455, -0.5, -0.9, -1 + 1e-10, -1.5, -1.573498473162390, -2 - 1e-9),
    *(-2.5, -2.610720868444145, -10 + 1e-8, -10.5, -10.4, -33.7, -63.9, -64.1, -99.25, -99.5),
)

SMOOTH = (
    # name, ours, truth, treacherous points, where drawn, the function of math with the same bits
    Row("exp", ag.exp, mp.exp, both(*SATURATING) + each(-744.0, 709.0), box((-740, 700)), math.exp),
    Row(
        "exp2",
        ag.exp2,
        lambda x: mpf(2) ** x,
        both(0.0, 1e-300, 1e-10, 0.5, 1, 10, 1000) + each(-1074.0),
        box((-1070, 1020)),
        math.exp2,
    ),
    Row("expm1", ag.expm1, mp.expm1, both(*SATURATING), box((-700, 700)), math.expm1),
    Row("log", ag.log, mp.log, each(*TINY_TO_HUGE, *NEAR_1, 1 + 1e-10), one(sizes(-300, 300)), math.log),
    Row(
        "log1p",
        ag.log1p,
        mp.log1p,
        each(*TINY_TO_HUGE, -1e-300, -1e-10, -0.5, *(-x for x in NEAR_1)),
        box((-0.999, 1e3)),
        math.log1p,
    ),
    Row(
        "log2",
        ag.log2,
        lambda x: mp.log(x) / mp.log(2),
        each(*TINY_TO_HUGE, *NEAR_1, 1 + 1e-10),
        one(sizes(-300, 300)),
        math.log2,
    ),
    Row("log10", ag.log10, mp.log10, each(*TINY_TO_HUGE, *NEAR_1, 1 + 1e-10), one(sizes(-300, 300)), math.log10),
    Row("sqrt", ag.sqrt, mp.sqrt, each(*TINY_TO_HUGE), one(sizes(-300, 300)), math.sqrt),
    Row("cbrt", ag.cbrt, _cbrt, both(*TINY_TO_HUGE), one(sizes(-300, 300, signed=True)), math.cbrt),
    Row("sin", ag.sin, mp.sin, both(*ANGLES), box((-1e6, 1e6)), math.sin),
    Row("cos", ag.cos, mp.cos, both(*ANGLES), box((-1e6, 1e6)), math.cos),
    Row("tan", ag.tan, mp.tan, both(*ANGLES), box((-1e3, 1e3)), math.tan),
    Row("asin", ag.asin, mp.asin, both(*BELOW_1), box((-0.9999999, 0.9999999)), math.asin),
    Row("acos", ag.acos, mp.acos, both(*BELOW_1), box((-0.9999999, 0.9999999)), math.acos),
    Row("atan", ag.atan, mp.atan, both(0.0, *TINY_TO_HUGE), one(sizes(-300, 300, signed=True)), math.atan),
    Row("sinh", ag.sinh, mp.sinh, both(*SATURATING), box((-700, 700)), math.sinh),
    Row("cosh", ag.cosh, mp.cosh, both(*SATURATING), box((-700, 700)), math.cosh),
    Row("tanh", ag.tanh, mp.tanh, both(*SATURATING), box((-350, 350)) | box((-3, 3)), math.tanh),
    Row("asinh", ag.asinh, mp.asinh, both(0.0, *TINY_TO_HUGE), one(sizes(-300, 300, signed=True)), math.asinh),
    Row(
        "acosh",
        ag.acosh,
        mp.acosh,
        each(1 + 2**-52, 1 + 1e-10, 1.001, 1.5, 2, 10, 1e10, 1e100, 1e200, 1e300),
        one(sizes(0, 300)).filter(lambda x: x[0] > 1),
        math.acosh,
    ),
    Row("atanh", ag.atanh, mp.atanh, both(*BELOW_1), box((-0.9999999, 0.9999999)), math.atanh),
    Row(
        "erf",
        ag.erf,
        mp.erf,
        both(0.0, 1e-300, 1e-10, 0.1, 0.5, 1, 2, 5, 6, 10, 20, 26),
        box((-26, 26)),
        math.erf,
        _erf_slope,
    ),
    Row(
        "erfc",
        ag.erfc,
        mp.erfc,
        both(0.0, 1e-300, 1e-10, 0.1, 0.5, 1, 2, 5, 6, 10, 20, 26),
        box((-26, 26)),
        math.erfc,
        lambda by, x: -_erf_slope(by, x),
    ),
    Row("gamma", ag.gamma, mp.gamma, each(*GAMMAS, 170.0), off_whole(-150, 170), math.gamma),
    Row(
        "lgamma",
        ag.lgamma,
        _lgamma,
        each(*GAMMAS, 1e5, 1e100, 1e200, 1e300),
        off_whole(-1e3, 1e3) | off_whole(-5, 5),
        math.lgamma,
        lambda by, x: mp.psi(len(by) - 1, x),
    ),
    Row(
        "digamma",
        ag.digamma,
        mp.digamma,
        each(*GAMMAS, 1e5, 1e100, 1e200, 1e300),
        off_whole(-1e3, 1e3) | off_whole(-5, 5),
        None,
        lambda by, x: mp.psi(len(by), x),
    ),
    *[
        Row(
            f"polygamma({n}, ·)",
            partial(ag.polygamma, n),
            partial(mp.psi, n),
            each(*(x for x in GAMMAS if not n or abs(x) > 1e-20), 1e5, 1e100),
            off_whole(-200, 200) | off_whole(-5, 5),
            None,
            lambda by, x, n=n: mp.psi(n + len(by), x),
        )
        for n in (0, 1, 2, 3)
    ],
    Row(
        "degrees",
        ag.degrees,
        mp.degrees,
        both(0.0, *TINY_TO_HUGE),
        one(sizes(-300, 300, signed=True)),
        math.degrees,
        digits=240,
    ),
    Row(
        "radians",
        ag.radians,
        mp.radians,
        both(0.0, *TINY_TO_HUGE),
        one(sizes(-300, 300, signed=True)),
        math.radians,
        digits=240,
    ),
    Row("sigmoid", ag.sigmoid, _sigmoid, both(*SATURATING), box((-700, 700)) | box((-3, 3))),
    Row("softplus", ag.softplus, lambda x: mp.log(1 + mp.exp(x)), both(*SATURATING), box((-700, 700)) | box((-3, 3))),
    Row(
        "gelu",
        ag.gelu,
        _gelu,
        both(0.0, 1e-300, 1e-10, 0.3, 0.7517915, 1, 1.4142135, 2, 5.4, 8, 12, 20, 30, 37, 38),
        box((-38, 38)) | box((-3, 3)),
        None,
        _gelu_slope,
    ),
    Row(
        "gelu tanh",
        lambda x: ag.gelu(x, "tanh"),
        _gelu_tanh,
        both(0.0, 1e-300, 1e-10, 0.3, 0.75, 1, 2, 5.4, 6, 8, 12, 20, 21, 30, 38),
        box((-21, 21)) | box((-3, 3)),
    ),
    Row("silu", ag.silu, lambda x: x * _sigmoid(x), both(*SATURATING, 1.2784645), box((-700, 700)) | box((-3, 3))),
    Row("neg", lambda x: -x, lambda x: -x, both(0.0, *TINY_TO_HUGE), one(sizes(-300, 300, signed=True)), digits=240),
    Row("square", lambda x: x**2, lambda x: x**2, both(0.0, 1e-100, 0.3, 1, 3, 1e100), level((-1e3, 1e3)), digits=240),
    Row("cube", lambda x: x**3, lambda x: x**3, both(0.0, 1e-90, 0.3, 1, 3, 1e90), level((-1e3, 1e3)), digits=240),
    Row("1/x", lambda x: 1 / x, lambda x: 1 / x, both(*TINY_TO_HUGE), one(sizes(-70, 70, signed=True))),
    Row("x**-2", lambda x: x**-2, lambda x: x**-2, both(1e-60, 0.3, 1, 3, 1e60), one(sizes(-50, 50, signed=True))),
    Row("x**0.3", lambda x: x**0.3, lambda x: x ** mpf(0.3), each(*TINY_TO_HUGE), one(sizes(-100, 100))),
    Row(
        "2.5**x", lambda x: 2.5**x, lambda x: mpf(2.5) ** x, both(0.0, 1e-300, 1e-10, 1, 3, 100, 700), box((-700, 700))
    ),
)

WIDE = sizes(-90, 90, signed=True)
LEVEL = sizes(-8, 8, signed=True)
PAIRS = (
    (0.3, 0.7),
    (-0.3, 0.7),
    (0.3, -0.7),
    (-0.3, -0.7),
    (3.0, 4.0),
    (1.0, 1.0),
    (1e100, 1e-100),
    (1e-100, 1e100),
    (1e-100, 3e-100),
    (-1e100, 2e100),
)
POWERS = (
    *((1e-300, 1e-8), (1e200, 0.3), (10.0, 0.0), (1e-200, 2.0), (2.0, 3.0), (2.0, 0.5), (2.0, -1.5), (0.5, 1e-300)),
    *((1e-10, 0.5), (1e-10, 0.49999), (1e10, -3.0), (1 + 1e-10, 1e10), (1 - 1e-10, -1e10), (1.0, 5.0), (1.0, 0.0)),
    *(
        (3.0, 1.0),
        (3.0, 1 + 2**-52),
        (3.0, 1 - 2**-53),
        (3.0, 2.0000000000000004),
        (3.0, 1e-20),
        (1e-5, 1.0),
        (7.0, -1e-10),
    ),
)
ROWS = tuple(
    (float(a), float(b), float(c))
    for a, b, c in [
        (40, 0, 0),
        (0, 40, 0),
        (1000, 1000, 999),
        (-1000, -1000, -999),
        (0, 0, 0),
        (1, 2, 3),
        (0.1, -0.2, 0.3),
        (700, -700, 0),
        (1e5, 1e5 + 1, 1e5 - 2),
        (1e-300, 0, 0.1),
        (30, 30, -30),
        (-37.5, 0, 0.5),
        (300, 0, 0.5),
    ]
)
LENGTHS = tuple(
    (float(a), float(b), float(c))
    for a, b, c in [
        (1, 2, 3),
        (3, 4, 0),
        (1, 0, 0),
        (0, 0, -2),
        (1, 1e-8, 1e-8),
        (1e-8, -1, 1e-20),
        (1, 1, 1),
        (-1, 1e-90, 3),
        (1e90, 2e90, -1e90),
        (1e-90, 2e-90, 3e-90),
        (1, 1, 1e-8),
        (1e90, 1, 1e-90),
    ]
)
SMALL = level((-50, 50), (-50, 50), (-50, 50))

LOGITS = box((-50, 50), (-50, 50), (-50, 50))
SHARES = box((-50, 50), (-50, 50), (-50, 50))

SMOOTH_MANY = (
    Row("+", lambda a, b: a + b, lambda a, b: a + b, PAIRS, st.tuples(LEVEL, LEVEL), digits=240),
    Row("-", lambda a, b: a - b, lambda a, b: a - b, PAIRS, st.tuples(LEVEL, LEVEL), digits=240),
    Row("*", lambda a, b: a * b, lambda a, b: a * b, PAIRS, st.tuples(LEVEL, LEVEL), digits=240),
    Row(
        "/",
        lambda a, b: a / b,
        lambda a, b: a / b,
        (*PAIRS, (1.0, 1e170), (1.0, 1e-100), (0.0, 2.0), (1e200, 1e170)),
        st.tuples(WIDE, LEVEL),
        digits=240,
    ),
    Row(
        "**",
        lambda a, b: a**b,
        lambda a, b: a**b,
        POWERS,
        st.tuples(sizes(-20, 20), st.floats(-10, 10, allow_subnormal=False)),
    ),
    Row(
        "atan2",
        ag.atan2,
        mp.atan2,
        (
            *PAIRS,
            (0.0, 1.0),
            (1.0, 0.0),
            (-1.0, 0.0),
            (1e-10, -1.0),
            (1e-10, 1.0),
            (1.0, 1e-8),
            (1e200, 1.0),
            (1e-90, 1e-90),
        ),
        st.tuples(WIDE, WIDE),
        math.atan2,
    ),
    Row(
        "hypot",
        ag.hypot,
        _hypot,
        (*PAIRS, (1.0, 1e-8), (1e-8, 1.0), (1e200, 1e200), (1e-200, 1e-200), (1.0, 0.0), (0.0, -3.0), (1e200, 1.0)),
        st.tuples(WIDE, WIDE),
        math.hypot,
    ),
    Row("hypot of 3", ag.hypot, _hypot, LENGTHS, st.tuples(LEVEL, LEVEL, LEVEL), math.hypot),
    Row("norm", lambda *xs: ag.norm(xs), _hypot, LENGTHS[:4], st.tuples(LEVEL, LEVEL, LEVEL), math.hypot),
    Row(
        "logaddexp",
        ag.logaddexp,
        _logsumexp,
        (
            (0.0, 0.0),
            (40.0, 0.0),
            (0.0, 40.0),
            (1000.0, 1000.0),
            (1000.0, 999.0),
            (-1000.0, -1001.0),
            (1e-100, 0.0),
            (300.0, -300.0),
            (1e5, 1e5 + 1),
        ),
        box((-300, 300), (-300, 300)),
        None,
        _cumulant,
    ),
    Row(
        "xlogy",
        ag.xlogy,
        lambda a, b: a * mp.log(b),
        (
            (2.0, 3.0),
            (-2.0, 0.3),
            (0.0, 3.0),
            (1e-100, 1e-100),
            (1e100, 1e100),
            (3.0, 1.0),
            (3.0, 1 + 1e-10),
            (1e-300, 0.5),
        ),
        st.tuples(LEVEL, sizes(-8, 8)),
        digits=240,
    ),
    Row("logsumexp", lambda *xs: ag.logsumexp(xs), _logsumexp, ROWS, LOGITS, None, _cumulant),
    Row(
        "softmax[0]",
        lambda *xs: ag.softmax(xs)[0],
        partial(_softmax, 0),
        ROWS,
        SHARES,
        None,
        partial(_softmax_slope, 0),
    ),
    Row(
        "softmax[2]",
        lambda *xs: ag.softmax(xs)[2],
        partial(_softmax, 2),
        ROWS,
        SHARES,
        None,
        partial(_softmax_slope, 2),
    ),
    Row(
        "log_softmax[0]",
        lambda *xs: ag.log_softmax(xs)[0],
        partial(_log_softmax, 0),
        ROWS,
        LOGITS,
        None,
        partial(_log_softmax_slope, 0),
    ),
    Row(
        "log_softmax[2]",
        lambda *xs: ag.log_softmax(xs)[2],
        partial(_log_softmax, 2),
        ROWS,
        LOGITS,
        None,
        partial(_log_softmax_slope, 2),
    ),
    Row("prod", lambda *xs: ag.prod(xs), lambda a, b, c: a * b * c, (*LENGTHS, (0.0, 0.0, 3.0)), SMALL, digits=240),
    Row(
        "dot",
        lambda a, b, c, d: ag.dot([a, b], [c, d]),
        _dot,
        ((1.0, 2.0, 3.0, 4.0), (0.0, 1e-100, 1e100, -3.0), (-0.1, 0.2, 0.3, 0.7)),
        level((0, 50), (0, 50), (0, 50), (0, 50)),
        digits=240,
    ),
    Row(
        "sumprod",
        lambda a, b, c, d: ag.sumprod([a, b], [c, d]),
        _dot,
        ((1.0, 2.0, 3.0, 4.0), (1e8 + 1, 1e8, 1e8 - 1, -1e8), (1e16, 1.0, 1.0, -1.0)),
        level((-50, 50), (-50, 50), (-50, 50), (-50, 50)),
        digits=240,
    ),
)

NO_TIE = level((-50, 50), (-50, 50)).filter(lambda x: x[0] != x[1])
DIVISIONS = (
    (5.0, 3.0),
    (-5.0, 3.0),
    (5.0, -3.0),
    (-5.0, -3.0),
    (1.0, 0.1),
    (-1.0, 0.1),
    (7.5, 2.0),
    (1e15 + 0.5, 0.7),
    (0.3, 1e10),
    (-0.3, 1e10),
    (1e-5, 3e-7),
)
DIVIDED = level((-1e3, 1e3), (0.1, 10)).filter(lambda x: abs(x[0] / x[1] - round(x[0] / x[1])) > 1e-9)

PIECEWISE = (
    Row("abs", lambda x: abs(x), abs, both(*TINY_TO_HUGE), one(sizes(-300, 300, signed=True)), digits=240),
    Row("floor", ag.floor, mp.floor, both(0.3, 1e-10, 1.5, 2.7, 1e10 + 0.5), off_whole(-1e6, 1e6), digits=240),
    Row("ceil", ag.ceil, mp.ceil, both(0.3, 1e-10, 1.5, 2.7, 1e10 + 0.5), off_whole(-1e6, 1e6), digits=240),
    Row("trunc", ag.trunc, _trunc, both(0.3, 1e-10, 1.5, 2.7, 1e10 + 0.5), off_whole(-1e6, 1e6), digits=240),
    Row(
        "round",
        ag.round,
        mp.nint,
        both(0.3, 1e-10, 1.6, 2.7, 1e10 + 0.25),
        off_whole(-1e6, 1e6).filter(lambda x: x[0] % 1 != 0.5),
        digits=240,
    ),
    Row("sign", ag.sign, mp.sign, both(*TINY_TO_HUGE), one(sizes(-300, 300, signed=True)), digits=240),
    Row("relu", ag.relu, lambda x: max(x, mpf(0)), both(*TINY_TO_HUGE), one(sizes(-300, 300, signed=True)), digits=240),
    Row("softsign", ag.softsign, lambda x: x / (1 + abs(x)), both(*TINY_TO_HUGE), one(sizes(-300, 300, signed=True))),
    Row(
        "leaky_relu",
        ag.leaky_relu,
        lambda x, s: x if x > 0 else s * x,
        ((2.0, 0.01), (-2.0, 0.01), (-1e200, 0.3), (-1e-200, 0.3)),
        level((-50, 50), (0.001, 1)).filter(lambda x: x[0] != 0),
        digits=240,
    ),
    Row(
        "elu",
        ag.elu,
        lambda x, a: x if x > 0 else a * mp.expm1(x),
        ((2.0, 1.0), (-1e-10, 1.0), (-40.0, 2.0), (-700.0, 0.5), (1e200, 1.0)),
        box((-700, 50), (0.1, 10)).filter(lambda x: x[0] != 0),
    ),
    Row(
        "copysign",
        ag.copysign,
        lambda a, b: abs(a) * mp.sign(b),
        ((2.0, -3.0), (-2.0, -3.0), (-2.0, 3.0), (1e-300, -1e300)),
        NO_TIE.filter(lambda x: x[0] * x[1] != 0),
        math.copysign,
        digits=240,
    ),
    Row("maximum", ag.maximum, max, PAIRS[:5], NO_TIE, digits=240),
    Row("minimum", ag.minimum, min, PAIRS[:5], NO_TIE, digits=240),
    Row(
        "max",
        lambda *xs: ag.max(xs),
        max,
        ((1.0, 2.0, 3.0), (3.0, -2.0, 1.0)),
        SMALL.filter(lambda x: len({*x}) == 3),
        digits=240,
    ),
    Row(
        "min",
        lambda *xs: ag.min(xs),
        min,
        ((1.0, 2.0, 3.0), (3.0, -2.0, 1.0)),
        SMALL.filter(lambda x: len({*x}) == 3),
        digits=240,
    ),
    Row(
        "clamp",
        ag.clamp,
        lambda x, a, b: min(max(x, a), b),
        ((0.5, 0.0, 1.0), (-0.5, 0.0, 1.0), (1.5, 0.0, 1.0), (0.5, 2.0, 1.0)),
        SMALL.filter(lambda x: len({*x}) == 3),
        digits=240,
    ),
    Row(
        "where",
        lambda a, b: ag.where(a > b, a * b, b),
        lambda a, b: a * b if a > b else b,
        PAIRS[:5],
        NO_TIE,
        digits=240,
    ),
    Row(
        "sum",
        lambda *xs: ag.sum(xs),
        lambda *xs: mp.fsum(xs),
        ((1.0, 2.0, 3.0), (0.1, 0.2, 0.3)),
        level((0, 50), (0, 50), (0, 50)),
        digits=240,
    ),
    Row(
        "fsum",
        lambda *xs: ag.fsum(xs),
        lambda *xs: mp.fsum(xs),
        ((1.0, 2.0, 3.0), (1e16, 1.0, -1e16)),
        SMALL,
        digits=240,
    ),
    Row(
        "mean",
        lambda *xs: ag.mean(xs),
        lambda *xs: mp.fsum(xs) / len(xs),
        ((1.0, 2.0, 3.0), (0.1, 0.2, 0.3)),
        level((0, 50), (0, 50), (0, 50)),
        digits=240,
    ),
    Row("//", lambda a, b: a // b, lambda a, b: mp.floor(a / b), DIVISIONS, DIVIDED, digits=240),
    Row("%", lambda a, b: a % b, lambda a, b: a - b * mp.floor(a / b), DIVISIONS, DIVIDED, digits=240),
    Row("fmod", ag.fmod, lambda a, b: a - b * _trunc(a / b), DIVISIONS, DIVIDED, math.fmod, digits=240),
)

EVERY = SMOOTH + SMOOTH_MANY + PIECEWISE

# Where p is ½ the third derivatives of logsumexp pass through 0, and the second of softmax; how near ½ it is, a float
# p can't tell to the last digit. Drawn points may lie there, so they are drawn for lower orders only.
NO_ROOT_TO = {id(LOGITS): 2, id(SHARES): 1}


def drawn_to(row: Row) -> int:
    """The highest order to hold against truth at points that nobody chose."""
    return 2 if row in PIECEWISE else NO_ROOT_TO.get(id(row.drawn), 3)
