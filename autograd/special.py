"""Functions of floats that ``math`` lacks. Ordinary numerics: no graph, no derivative.

What each means for its users stands in functions.py; here stands how it is computed without loss.

Each raises ``ValueError`` where it has no value and ``OverflowError`` where no float can hold it, as
``math`` does. Accuracies were measured against mpmath: the tests hold them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from math import exp

# B_2, B_4, … B_24: Bernoulli numbers, for the asymptotic series of digamma (DLMF 5.11.2, 5.15.8).
BERNOULLI = [
    1 / 6,
    -1 / 30,
    1 / 42,
    -1 / 30,
    5 / 66,
    -691 / 2730,
    7 / 6,
    -3617 / 510,
    43867 / 798,
    -174611 / 330,
    854513 / 138,
    -236364091 / 2730,
]
TWO_OVER_SQRT_PI = 1.1283791670955126
SQRT_HALF = [0.7071067811865476, -4.833646656726457e-17]  # a float, and what it lacks, here and below
LOG_12 = [2.4849066497880004, -4.433203607308931e-17]
REFLECT_BELOW = -64.0  # above it the recurrence is short, and more accurate than the reflection

# ── Activations, choices ──────────────────────────────────────────────────────────────────────────────────────


def relu(a: float) -> float:
    return 0.0 if a <= 0.0 else a


def sign(a: float) -> float:
    return 1.0 if a > 0.0 else -1.0 if a < 0.0 else 0.0 if a == 0.0 else a


def sigmoid(a: float) -> float:
    if a >= 0.0:
        return 1.0 / (1.0 + math.exp(-a))
    z = math.exp(a)
    return z / (1.0 + z)


def sigmoid_slope(a: float) -> float:
    z = math.exp(-a if a > 0.0 else a)
    return z / ((1.0 + z) * (1.0 + z))


def sech2(a: float) -> float:
    z = exp(-2.0 * a if a > 0.0 else 2.0 * a)
    n = 1.0 + z
    return 4.0 * z / (n * n)


def softplus(a: float) -> float:
    return (a if a > 0.0 else 0.0) + math.log1p(math.exp(-math.fabs(a))) if a == a else a


def leaky_relu(a: float, negative_slope: float) -> float:
    return negative_slope * a if a <= 0.0 else a


def elu(a: float, alpha: float) -> float:
    return alpha * math.expm1(a) if a <= 0.0 else a


def gelu_tanh(a: float) -> float:
    return a * sigmoid(1.5957691216057308 * (a + 0.044715 * a * a * a))


def silu(a: float) -> float:
    return a * sigmoid(a)


def silu_slope(a: float) -> float:
    """σ(a) + a σ'(a) over one denominator: so the digits last to its root, near -1.28."""
    z = math.exp(-math.fabs(a))
    above = z * (1.0 + a + z) if a < 0.0 else 1.0 + z * (1.0 + a)
    return above / ((1.0 + z) * (1.0 + z))


def softsign(a: float) -> float:
    return a / (1.0 + math.fabs(a))


def clamp(a: float, low: float, high: float) -> float:
    raised = low if a < low else a
    return high if raised > high else raised


def where(c: float, p: float, q: float) -> float:
    return p if c else q


def logaddexp(a: float, b: float) -> float:
    if a == b:
        return a + 0.6931471805599453
    return max(a, b) + math.log1p(math.exp(-math.fabs(a - b))) if a == a and b == b else a + b


def xlogy(a: float, b: float) -> float:
    return 0.0 if a == 0.0 and b == b else a * math.log(b)


# ── Gamma's relatives, the normal distribution ────────────────────────────────────────────────────────────────


def digamma(x: float) -> float:
    """ψ(x) = Γ'(x)/Γ(x): recurrence up to x ≥ 12, then the asymptotic series; reflection far below 0.

    The large terms are summed with their rounding errors, for ψ has a root in every gap between its poles.

    >>> digamma(1.0)
    -0.5772156649015329
    """
    if x != x or x == math.inf:
        return x
    if x == -math.inf or (x <= 0 and x == math.floor(x)):
        raise ValueError("digamma has poles at 0, -1, -2, …")
    if x < REFLECT_BELOW:
        return digamma(1.0 - x) - math.pi / math.tan(math.pi * (x - round(x)))
    terms = []
    shifted, lost = x, 0.0
    k = 0
    while shifted < 12.0:
        r = 1.0 / shifted
        terms.append(-r)
        if abs(r) < 1e100:
            p = shifted * r
            terms.append(r * ((p - 1.0) + product_error(shifted, r, p) + lost * r))
        k += 1
        shifted, lost = two_sum(x, float(k))
    logarithm = [math.log(shifted)] if k == 0 else [*LOG_12, math.log1p((shifted - 12.0 + lost) / 12.0)]
    square = shifted * shifted
    series = 0.0
    for j in range(8, 0, -1):
        series = (series + BERNOULLI[j - 1] / (2 * j)) / square
    y = math.fsum([*terms, *logarithm, -0.5 / shifted, -series])
    if math.isinf(y):
        raise OverflowError("digamma: too close to a pole")
    return y


def polygamma(n: float, x: float) -> float:
    """ψ⁽ⁿ⁾(x), the n-th derivative of digamma; n a whole number ≥ 0.

    >>> polygamma(1, 1.0) == math.pi**2 / 6
    True
    """
    order = int(n)
    if order != n or order < 0:
        raise ValueError("polygamma(n, x) needs a whole number n >= 0")
    if order == 0:
        return digamma(x)
    if order > 170:
        raise OverflowError("polygamma(n, x): n! is too large for a float from n = 171 on")
    if x != x:
        return x
    sign = 1.0 if order % 2 else -1.0
    if x == math.inf:
        return sign * 0.0
    if x == -math.inf or (x <= 0 and x == math.floor(x)):
        raise ValueError("polygamma has poles at 0, -1, -2, …")
    if x < REFLECT_BELOW:
        cot = 1.0 / math.tan(math.pi * (x - round(x)))
        return -sign * polygamma(order, 1.0 - x) - math.pi ** (order + 1) * _cot_derivative(order, cot)
    factorial = float(math.factorial(order))
    enough = 12.0 + order
    terms = []
    shifted, lost = x, 0.0
    k = 0
    while shifted < enough:
        terms.append(factorial * shifted ** -(order + 1) * (1.0 - (order + 1) * lost / shifted))
        k += 1
        shifted, lost = two_sum(x, float(k))
    # ψ⁽ⁿ⁾(x) ~ ±[(n-1)!/xⁿ + n!/(2xⁿ⁺¹) + Σ B_2j (2j+n-1)!/((2j)! x^(2j+n))], with (n-1)!/xⁿ in front
    square = shifted * shifted
    ratio = order * (order + 1) / 2.0 / square  # (2j+n-1)! / ((2j)! (n-1)! x^2j) at j = 1
    tail = [1.0, order / (2.0 * shifted)]
    for j, bernoulli in enumerate(BERNOULLI, 1):
        tail.append(bernoulli * ratio)
        ratio *= (2 * j + order) * (2 * j + order + 1) / ((2 * j + 1) * (2 * j + 2) * square)
    head = factorial / order * shifted**-order * (1.0 - order * lost / shifted)
    total = math.fsum([*terms, head * math.fsum(tail)])
    if math.isinf(total):
        raise OverflowError("the answer is too large for a float")
    return sign * total


def _cot_derivative(n: int, cot: float) -> float:
    """dⁿ cot(t)/dtⁿ as a polynomial in cot(t): P' ↦ -(1 + c²) P'. Its coefficients share one sign."""
    powers = [0, 1]
    for _ in range(n):
        slope = [i * c for i, c in enumerate(powers)][1:]
        powers = [0] * (len(slope) + 2)
        for i, c in enumerate(slope):
            powers[i] -= c
            powers[i + 2] -= c
    total = 0.0
    for coefficient in reversed(powers):
        total = total * cot + coefficient
    return total


def normal_cdf(x: float) -> float:
    """Φ(x), the share of the normal distribution below x.

    Φ is erfc(-x/√2)/2, but erfc makes 1400 ulps of one in that quotient at -38: its rounding error is carried along.

    >>> normal_cdf(0.0)
    0.5
    """
    t = -x * SQRT_HALF[0]
    if not -40.0 < x < 40.0:
        return 0.5 * math.erfc(t)
    error = product_error(-x, SQRT_HALF[0], t) - x * SQRT_HALF[1]
    return 0.5 * (math.erfc(t) - error * (TWO_OVER_SQRT_PI * math.exp(-t * t)))


def gelu(x: float) -> float:
    """x Φ(x); below -37, where Φ is subnormal and has lost digits, by Φ's asymptotic series (DLMF 7.12.1).

    >>> gelu(0.0)
    0.0
    """
    if x >= -37.0 or x != x:
        return x * normal_cdf(x)
    if x < -40.0:
        return -0.0
    series = 0.0
    for k in range(13, 0, -2):  # 1 - 1/x² (1 - 3/x² (1 - 5/x² …))
        series = k / (x * x) * (1.0 - series)
    half = math.exp(-0.25 * x * x)
    return -half * (half * (0.3989422804014327 * (1.0 - series)))


def two_sum(x: float, y: float) -> tuple[float, float]:
    """x + y, rounded, and what rounding took from it (Knuth)."""
    total = x + y
    v = total - x
    return total, (x - (total - v)) + (y - v)


def product_error(x: float, y: float, p: float) -> float:
    """x × y - p without rounding, for p = x * y (Dekker); nothing may over- or underflow on the way."""
    xh = x * 134217729.0
    xh -= xh - x
    yh = y * 134217729.0
    yh -= yh - y
    xl, yl = x - xh, y - yh
    return ((xh * yh - p) + xh * yl + xl * yh) + xl * yl


def exact_sumprod(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Σ xᵢ yᵢ, correctly rounded: the products are exact fractions, and one rounding ends it.

    ``math.sumprod`` is missing from Python 3.11 and is not always exact later.

    >>> exact_sumprod([1e16, 1.0, -1e16], [1.0, 1.0, 1.0])
    1.0
    """
    products = [x * y for x, y in zip(xs, ys, strict=True)]
    if not all(math.isfinite(x) for x in (*xs, *ys)):
        return math.fsum(products)
    errors = []
    for x, y, p in zip(xs, ys, products, strict=True):
        if p != 0.0 and (abs(p) < 1e-280 or max(abs(x), abs(y), abs(p)) > 1e290):
            break
        if p == 0.0 and x != 0.0 and y != 0.0:
            break
        errors.append(product_error(x, y, p))
    else:
        return math.fsum(products + errors)
    from fractions import Fraction  # rare, and slow to import

    total = Fraction(0)
    for x, y in zip(xs, ys, strict=True):
        total += Fraction(x) * Fraction(y)
    return float(total)


# ── Many to one ───────────────────────────────────────────────────────────────────────────────────────────────


def maximum(*xs: float) -> float:
    return max(xs) if all(x == x for x in xs) else math.nan


def minimum(*xs: float) -> float:
    return min(xs) if all(x == x for x in xs) else math.nan


def add_up(*xs: float) -> float:
    """Left to right. The builtin compensates from Python 3.12 on, so it can't be used."""
    if not xs:
        return 0.0
    total = xs[0]
    for x in xs[1:]:
        total += x
    return total


def mean(*xs: float) -> float:
    return add_up(*xs) / len(xs)


def dot(*xs: float) -> float:
    half = len(xs) // 2
    return add_up(*map(operator.mul, xs[:half], xs[half:]))


def sumprod(*xs: float) -> float:
    half = len(xs) // 2
    return exact_sumprod(xs[:half], xs[half:])


def prod(*xs: float) -> float:
    return float(math.prod(xs))


def fsum(*xs: float) -> float:
    return math.fsum(xs)


def peak(*xs: float) -> float:
    return max(xs)


def logsumexp(*xs: float) -> float:
    top = max(xs)
    if top != top or math.isinf(top):
        return add_up(*xs) if top == -math.inf or any(x != x for x in xs) else top
    first = xs.index(top)
    return top + math.log1p(add_up(*[math.exp(x - top) for i, x in enumerate(xs) if i != first]))


def softmax(i: float, *xs: float) -> float:
    top = max(xs)
    return math.exp(xs[int(i)] - top) / add_up(*[math.exp(x - top) for x in xs])


def log_softmax(i: float, *xs: float) -> float:
    x, top = xs[int(i)], max(xs)
    if x == top:
        return 0.0 - math.log1p(add_up(*[math.exp(z - x) for j, z in enumerate(xs) if j != i]))
    return (x - top) - math.log(add_up(*[math.exp(z - top) for z in xs]))


def pick(i: float, *xs: float) -> float:
    return xs[int(i)]
