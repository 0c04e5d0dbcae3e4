"""Slopes from values alone, each with an error bar of its own: the truth that derivatives are held against.

Differences over ever smaller steps are extrapolated to step 0 (Richardson 1911; the table and its choice of the best
entry after Ridders 1982). The bar is the largest of three: how far neighbouring entries disagree, what rounding in the
function's values does to a difference, and how far a finer difference lies from what coarser ones promise. The last
one is needed for kinks and waves that are finer than the first steps.

`central` looks at both sides and sees the slope of a smooth function; `one_sided` looks at one, and the two of them
tell a kink, a jump and the edge of a domain from a smooth place. `complex_step` has no rounding to balance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..ops import ARITHMETIC

EPS = 2.0**-52
FACTOR = 4.0  # a step to the next smaller one
LEVELS = 11
DEEP = 25  # levels, to look for what is finer
COLUMNS = 6  # of the extrapolation; more of them only amplify rounding
Function = Callable[[float], float]


class Estimate(NamedTuple):
    """A slope as differences see it.

    `error` is inf where nothing can be said; `diverges` is the sign of a slope that grows without end as the step
    shrinks, else 0.
    """

    value: float
    error: float
    diverges: float = 0.0

    def agrees(self, got: float, slack: float = 0.0, bars: float = 5.0) -> bool:
        """Whether `got` lies within so many error bars and a slack, or is the infinity that the differences grow to."""
        if math.isinf(got):
            return self.diverges * got > 0.0
        return abs(got - self.value) <= bars * self.error + slack + 1e-10 * abs(self.value)

    def is_sharp(self, got: float, share: float = 0.02) -> bool:
        """Whether the bar is small enough to hold `got` against it: such a share of the larger of the two."""
        sizes = [abs(self.value), abs(got) if math.isfinite(got) else 0.0]
        return not self.diverges and self.error <= share * max(sizes)


class Difference(NamedTuple):
    """A difference quotient: its step, its value, and what rounding may do to it."""

    step: float
    slope: float
    bar: float


NOTHING = Estimate(math.nan, math.inf)


def central(f: Function, x: float, noise: float = 0.0, first: float = 0.125, levels: int = LEVELS) -> Estimate:
    """The slope of f at x from symmetric differences.

    Args:
        f: from a float to a float; where it raises ValueError, OverflowError or ZeroDivisionError it is not defined.
        x: the point.
        noise: how far rounding may take f(x) from its true value.
        first: the first step, relative to x and, where that is another scale, to 1.
        levels: how many steps at least, each a quarter of the one before; they end where floats do.

    >>> e = central(math.sin, 0.5)
    >>> abs(e.value - math.cos(0.5)) <= e.error < 1e-11
    True
    """
    return _best(f, x, noise, first, levels, (-1.0, 1.0), 2.0)


def one_sided(
    f: Function, x: float, side: float, noise: float = 0.0, first: float = 0.125, levels: int = LEVELS
) -> Estimate:
    """The slope of f at x seen from the right (`side` 1.0) or the left (-1.0).

    >>> [round(one_sided(abs, 0.0, side).value, 9) for side in (-1.0, 1.0)]
    [-1.0, 1.0]
    """
    return _best(f, x, noise, first, levels, (0.0, side), 1.0)


def complex_step(f: Callable[..., complex], xs: Sequence[float], i: int) -> float:
    """The derivative by the i-th input, from one evaluation at xᵢ + ih: Im f / h, exact to rounding.

    For functions that are analytic and written for complex numbers too (Squire & Trapp 1998).

    Raises:
        TypeError: where f compares, or is otherwise not made for complex numbers.

    >>> complex_step(lambda x, y: x * x * y, (3.0, 2.0), 0)
    12.0
    """
    h = 1e-30 * max(abs(xs[i]), 1e-200) if xs[i] else 1e-100
    shifted = [complex(x, h if j == i else 0.0) for j, x in enumerate(xs)]
    return complex(f(*shifted)).imag / h


def _steps(x: float, first: float, least: int) -> list[list[float]]:
    """Ladders of steps, from the scale of 1 to that of x and below: one, or two where x is so small that it is far."""
    size = abs(x) if x else 1e-7
    tops = [first * max(size, 1.0)]
    levels = least + math.ceil(abs(math.log(min(size, 1.0) / max(size, 1.0), FACTOR)))
    if levels > least + 4 * LEVELS:
        tops, levels = [first, first * size], least
    return [[h for k in range(levels) if (h := top / FACTOR**k) > _least(x)] for top in tops]


def _least(x: float) -> float:
    """The smallest step that neighbouring floats do not spoil."""
    return 16.0 * math.ulp(x)


def _best(
    f: Function, x: float, noise: float, first: float, levels: int, sides: tuple[float, float], power: float
) -> Estimate:
    try:
        here = abs(f(x))
    except ARITHMETIC:
        here = 0.0
    relative = max(EPS, min(noise / here, 1e-3)) if here else EPS
    steps = _steps(x, first, levels)
    ladders = [[d for h in ladder if (d := _difference(f, x, h, noise, relative, sides))] for ladder in steps]
    if not any(ladders):  # the edge of a domain is nearer than every step
        smaller = [min(h for ladder in steps for h in ladder) / FACTOR**k for k in range(1, 2 * LEVELS)]
        ladders = [[d for h in smaller if h > _least(x) and (d := _difference(f, x, h, noise, relative, sides))]]
    every = sorted((d for ladder in ladders for d in ladder), key=lambda d: -d.step)
    best = NOTHING
    for ladder in ladders:
        for step, value, error in _table(ladder, power):
            if error >= best.error:
                continue
            for coarser, d in zip([None, *every], every, strict=False):
                if d.step < step:
                    assert coarser is not None
                    gap = abs(d.slope - value)
                    if gap > error + 3.0 * d.bar + 2.0 * abs(d.slope - coarser.slope):
                        error = max(error, gap)
            if error < best.error:
                best = Estimate(value, error)
    return best._replace(diverges=_growth(every))


def _difference(
    f: Function, x: float, h: float, noise: float, relative: float, sides: tuple[float, float]
) -> Difference | None:
    low, high = x + sides[0] * h, x + sides[1] * h
    try:
        below, above = f(low), f(high)
    except ARITHMETIC:
        return None
    if not (math.isfinite(below) and math.isfinite(above)):
        return None
    bar = 2.0 * max(noise, relative * max(abs(below), abs(above))) / (high - low)
    return Difference(h, (above - below) / (high - low), abs(bar))


def _table(ladder: list[Difference], power: float) -> list[tuple[float, float, float]]:
    """Every entry of the extrapolation as (its smallest step, value, error bar)."""
    entries: list[tuple[float, float, float]] = []
    above: list[tuple[float, float]] = []
    unsure: dict[int, tuple[float, float, float]] = {}  # by column, the row above's: the next one may deny them
    for k, d in enumerate(ladder):
        row = [(d.slope, d.bar)]
        now: dict[int, tuple[float, float, float]] = {}
        for j in range(1, min(k, COLUMNS) + 1):
            weight = 1.0 / ((ladder[k - j].step / d.step) ** power - 1.0)
            (fine, fine_bar), (coarse, coarse_bar) = row[j - 1], above[j - 1]
            value, bar = fine + weight * (fine - coarse), fine_bar + weight * (fine_bar + coarse_bar)
            row.append((value, bar))
            now[j] = (d.step, value, max(abs(value - fine), abs(value - coarse)) + bar)
            if j in unsure:
                step, earlier, error = unsure.pop(j)
                entries.append((step, earlier, max(error, abs(value - earlier) - bar)))
        entries += unsure.values()
        above, unsure = row, now
    entries += unsure.values()
    return [(step, value, error) for step, value, error in entries if math.isfinite(value)]


def _growth(differences: list[Difference]) -> float:
    """The sign of differences that only grow as their step shrinks, to 4 times and more; else 0."""
    slopes = [d.slope for d in differences if d.bar <= 0.1 * abs(d.slope)]
    if len(slopes) < 4 or abs(slopes[-1]) < 4.0 * abs(slopes[0]) or len(slopes) < len(differences) // 2:
        return 0.0
    finer = slopes[len(slopes) // 2 :]
    grows = all(a * b >= 0.0 and abs(b) > 1.2 * abs(a) for a, b in pairwise(finer))
    return math.copysign(1.0, slopes[-1]) if grows else 0.0
