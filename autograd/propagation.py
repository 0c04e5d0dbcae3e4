"""Uncertainty in one reverse sweep: how far off a result may be, and which measurement makes it so.

To first order a result's variance is Σᵢⱼ gᵢ σᵢ ρᵢⱼ σⱼ gⱼ, with its gradient g, and the standard errors σ and
correlations ρ of what was measured (Gauss). The gradient is one pass, however often anything is used on the way.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import chain, ops
from .engine import Value
from .errors import InputError, InputTypeError
from .passes import backwards
from .structure import flatten


def uncertain(value: Any, sigma: Any, label: str = "") -> Value:
    """A leaf that was measured as value ± sigma, independently of all others.

    Args:
        value: the number.
        sigma: its standard error, 0 or more, in the unit of the number.
        label: a name, for `uncertainty` to tell it by.

    Raises:
        InputTypeError: where value or sigma is no real number.
        InputError: where sigma is negative, infinite or nan.

    >>> length, period = uncertain(0.995, 0.002, "length"), uncertain(2.001, 0.004, "period")
    >>> g = 4 * math.pi**2 * length / period**2
    >>> print(uncertainty(g))
    9.810 ± 0.044
     80 % of the variance comes from period
     20 % of the variance comes from length
    """
    leaf = Value(ops.number(value, "uncertain's value"), label)
    error = ops.number(sigma, "uncertain's sigma")
    if not 0.0 <= error < math.inf:
        raise InputError(f"uncertain: sigma must be finite, 0 or more, not {error!r}")
    leaf._block().spread = _Together((error,), ((1.0,),)), 0
    return leaf


def correlated(values: Any, covariance: Any, labels: Sequence[str] = ()) -> Any:
    """Leaves that were measured or fitted together, in the containers of the values.

    Args:
        values: numbers, in containers.
        covariance: its matrix in the order of the values, an array or rows; such as scipy's ``curve_fit`` returns.
        labels: a name for each, or none.

    Raises:
        InputTypeError: where values or covariance hold something other than numbers.
        InputError: where the covariance has another size, is not symmetric, has a negative variance, or a correlation
            beyond ±1; where there are too few labels, or too many.

    >>> slope, height = correlated([2.0, 1.0], [[0.04, -0.03], [-0.03, 0.09]], labels=["slope", "height"])
    >>> round(uncertainty(slope + height).sigma ** 2, 9)  # 0.04 + 0.09 - 2 × 0.03
    0.07
    """
    numbers, structure = flatten(values, "correlated's values")
    n = len(numbers)
    entries, _ = flatten(covariance.tolist() if hasattr(covariance, "tolist") else covariance, "the covariance")
    if len(entries) != n * n:
        raise InputError(f"correlated: {n} values need a covariance of {n} × {n} numbers, not {len(entries)}")
    floats = [ops.number(c, "an entry of the covariance") for c in entries]
    together = _together([floats[i * n : (i + 1) * n] for i in range(n)])
    if labels and len(labels) != n:
        raise InputError(f"correlated: {n} values need {n} labels, not {len(labels)}")
    leaves = [Value(ops.number(x, "one of correlated's values")) for x in numbers]
    for i, leaf in enumerate(leaves):
        leaf._block().spread = together, i
        leaf.label = labels[i] if labels else ""
    return structure.filled(leaves)


@dataclass(frozen=True)
class Share:
    """What one uncertain leaf has to do with a result's variance.

    Attributes:
        leaf: the leaf.
        slope: d(result)/d(leaf).
        sigma: the leaf's standard error.
        share: of the variance; all add up to 1. Where leaves are correlated it may be negative.
    """

    leaf: Value
    slope: float
    sigma: float
    share: float

    @property
    def name(self) -> str:
        """The leaf's label, else its number."""
        return self.leaf.label or repr(self.leaf.data)


@dataclass(frozen=True)
class Uncertainty:
    """A result's standard error to first order.

    Attributes:
        value: the result.
        sigma: its standard error.
        shares: of the uncertain leaves that it was computed from, the largest first.
    """

    value: float
    sigma: float
    shares: tuple[Share, ...]

    def __str__(self) -> str:
        lines = [_rounded(self.value, self.sigma)]
        lines += [f"{100.0 * s.share:3.0f} % of the variance comes from {s.name}" for s in self.shares]
        return "\n".join(lines)


def uncertainty(result: Any) -> Uncertainty:
    """The standard error of a result to first order, and what it comes from.

    Args:
        result: computed from leaves that `uncertain` or `correlated` made, among others.

    Raises:
        InputTypeError: where the result is no Value.
        StaleGraphError: where a leaf that the gradient needs was assigned since the forward pass.

    >>> a, b = uncertain(3.0, 0.1, "a"), uncertain(4.0, 0.2, "b")
    >>> found = uncertainty(a * b)
    >>> round(found.sigma, 6), [(s.name, round(s.share, 3)) for s in found.shares]
    (0.72111, [('b', 0.692), ('a', 0.308)])
    """
    if type(result) is not Value:
        raise InputTypeError(
            f"uncertainty(result) takes a Value that was computed from autograd.uncertain(value, sigma), "
            f"not {type(result).__name__} {result!r}"
        )
    nodes = chain.topological_order(result)
    leaves = {x: None for v in nodes for x in v.inputs if type(x) is Value and not x.inputs} or {result: None}
    measured = [leaf for leaf in leaves if leaf._known().spread is not None]
    slopes: dict[_Place, float] = {}
    first: dict[_Place, Value] = {}
    for leaf, slope in zip(measured, backwards([result], measured), strict=True):
        if slope is not None:
            place = leaf._known().spread
            slopes[place] = slopes.get(place, 0.0) + slope  # a copy of a leaf is the same measurement
            first.setdefault(place, leaf)
    sigma, parts = _combined({(group, i): slope * group.sigmas[i] for (group, i), slope in slopes.items()})
    shares = [Share(first[key], slopes[key], key[0].sigmas[key[1]], parts[key]) for key in slopes]
    return Uncertainty(result.data, sigma, tuple(sorted(shares, key=lambda s: -s.share)))


@dataclass(frozen=True, eq=False)
class _Together:
    """The standard errors and correlations of what was measured together. It knows no leaf: they know it."""

    sigmas: tuple[float, ...]
    correlations: tuple[tuple[float, ...], ...]


_SMALLEST = sys.float_info.min  # below it floats have fewer digits

_Place: TypeAlias = "tuple[_Together, int]"


def _combined(errors: dict[_Place, float]) -> tuple[float, dict[_Place, float]]:
    """The standard error of a sum of these errors, and each one's share of its square."""
    if not all(map(math.isfinite, errors.values())):
        return (math.nan if any(e != e for e in errors.values()) else math.inf), dict.fromkeys(errors, math.nan)
    unit = max(map(abs, errors.values()), default=0.0)
    if unit == 0.0:
        return 0.0, dict.fromkeys(errors, 0.0)
    relative = {place: e / unit for place, e in errors.items()}  # their squares neither overflow nor vanish
    members: dict[_Together, list[int]] = {}
    for group, i in errors:
        members.setdefault(group, []).append(i)
    parts = {
        (group, i): e * math.fsum([group.correlations[i][j] * relative[group, j] for j in members[group]])
        for (group, i), e in relative.items()
    }
    variance = math.fsum(parts.values())
    if variance < -1e-9:
        raise InputError(
            f"uncertainty: the variance came out as {variance * unit * unit!r}; the covariance that `correlated` was "
            "given is not positive semi-definite, so that no measurements can have it"
        )
    if variance <= 0.0:
        return 0.0, dict.fromkeys(errors, 0.0)
    return unit * math.sqrt(variance), {place: part / variance for place, part in parts.items()}


def _together(rows: list[list[float]]) -> _Together:
    for i, row in enumerate(rows):
        for j, c in enumerate(row):
            if not math.isfinite(c):
                raise InputError(f"correlated: covariance[{i}][{j}] is {c!r}; it must be finite")
        if row[i] < 0.0:
            raise InputError(f"correlated: covariance[{i}][{i}] is {row[i]!r}; a variance is 0 or more")
    sigmas = [math.sqrt(row[i]) for i, row in enumerate(rows)]
    correlations = [[1.0 if i == j else 0.0 for j in range(len(rows))] for i in range(len(rows))]
    for i, row in enumerate(rows):
        for j, c in enumerate(row):
            if i == j:
                continue
            square = row[i] * rows[j][j]  # its root is exact where both variances are the same
            scale = math.sqrt(square) if 1e-300 < square < math.inf else sigmas[i] * sigmas[j]
            if abs(c - rows[j][i]) > 1e-9 * scale + _SMALLEST:  # a product of matrices is symmetric up to rounding
                raise InputError(
                    f"correlated: a covariance is symmetric, and [{i}][{j}] is {c!r}, [{j}][{i}] is {rows[j][i]!r}"
                )
            if abs(c) > scale * (1.0 + 1e-9) + _SMALLEST:
                raise InputError(
                    f"correlated: covariance[{i}][{j}] is {c!r}, more than the standard errors {sigmas[i]!r} and "
                    f"{sigmas[j]!r} allow: a correlation lies between -1 and 1"
                )
            if abs(c) > _SMALLEST:
                correlations[i][j] = c / scale
    return _Together(tuple(sigmas), tuple(map(tuple, correlations)))


def _rounded(value: float, sigma: float) -> str:
    """value ± sigma, to two digits of sigma."""
    if not (math.isfinite(value) and 0.0 < sigma < math.inf):
        return f"{value!r} ± {sigma!r}"
    digits = 1 - math.floor(math.log10(sigma))
    if -4 <= digits <= 12:
        return f"{value:.{max(0, digits)}f} ± {sigma:.{max(0, digits)}f}"
    places = digits + math.floor(math.log10(abs(value))) if value else 1
    return f"{value:.{min(16, max(0, places))}e} ± {sigma:.1e}"
