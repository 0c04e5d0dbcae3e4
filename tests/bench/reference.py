"""What every peer's gradients are compared with: a float and its derivative along one direction, by hand.

Forward mode in twenty lines, no engine: the derivative of a program along a fixed random direction must be the sum
of a peer's gradients, each times its component of the direction.
"""

from __future__ import annotations

import math
import random
from typing import Any

from .engines import Engine
from .programs import Program


class Dual:
    """x + dx ε, where ε² = 0. Counts the operations made with it."""

    ops = 0

    def __init__(self, x: float, dx: float = 0.0) -> None:
        self.x, self.dx = x, dx
        Dual.ops += 1

    def __add__(self, other: Any) -> Dual:
        y, dy = parts(other)
        return Dual(self.x + y, self.dx + dy)

    def __mul__(self, other: Any) -> Dual:
        y, dy = parts(other)
        return Dual(self.x * y, self.dx * y + self.x * dy)

    def __truediv__(self, other: Any) -> Dual:
        y, dy = parts(other)
        return Dual(self.x / y, (self.dx - self.x / y * dy) / y)

    def __pow__(self, power: float) -> Dual:
        return Dual(self.x**power, power * self.x ** (power - 1) * self.dx)

    def __neg__(self) -> Dual:
        return Dual(-self.x, -self.dx)

    def __sub__(self, other: Any) -> Dual:
        y, dy = parts(other)
        return Dual(self.x - y, self.dx - dy)

    def __rsub__(self, other: float) -> Dual:
        return Dual(other - self.x, -self.dx)

    def __rtruediv__(self, other: float) -> Dual:
        return Dual(other / self.x, -other / (self.x * self.x) * self.dx)

    __radd__, __rmul__ = __add__, __mul__


def parts(y: Any) -> tuple[float, float]:
    return (y.x, y.dx) if isinstance(y, Dual) else (y, 0.0)


def engine() -> Engine:
    return Engine(
        Dual,
        plain=float,
        tanh=lambda a: Dual(math.tanh(a.x), a.dx / math.cosh(a.x) ** 2),
        exp=lambda a: Dual(math.exp(a.x), a.dx * math.exp(a.x)),
        log=lambda a: Dual(math.log(a.x), a.dx / a.x),
        relu=lambda a: Dual(max(0.0, a.x), a.dx if a.x > 0 else 0.0),
        erf=lambda a: Dual(math.erf(a.x), a.dx * 2.0 / math.sqrt(math.pi) * math.exp(-a.x * a.x)),
        sqrt=lambda a: Dual(math.sqrt(a.x), a.dx * 0.5 / math.sqrt(a.x)),
        value=lambda a: a.x,
    )


def direction(length: int) -> list[float]:
    draw = random.Random(7)
    return [draw.gauss(0, 1) for _ in range(length)]


def along(gradients: list[float]) -> tuple[float, float]:
    """The derivative along the direction, and how large its terms are together: what an error is compared with."""
    terms = [g * d for g, d in zip(gradients, direction(len(gradients)), strict=True)]
    return math.fsum(terms), math.fsum(map(abs, terms))


def reference(program: Program) -> tuple[float, int]:
    """The derivative that is right, and how many operations the program is."""
    leaves = [Dual(x, d) for x, d in zip(program.start, direction(len(program.start)), strict=True)]
    arranged = program.arrange(leaves)
    Dual.ops = 0
    return program.forward(engine(), arranged).dx, Dual.ops


def reference_value(program: Program) -> tuple[float, float, float]:
    """The value, its derivative along the direction, and how large the direction is."""
    slopes = direction(len(program.start))
    leaves = [Dual(x, d) for x, d in zip(program.start, slopes, strict=True)]
    y = program.forward(engine(), program.arrange(leaves))
    return y.x, y.dx, math.hypot(y.dx, 1e-3 * math.hypot(*slopes))
