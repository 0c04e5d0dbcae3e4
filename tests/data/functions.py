"""Functions to differentiate, generic over the library: `m` is where exp and the like come from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

Numbers = Sequence[Any]


def rosenbrock(m: Any, x: Numbers) -> Any:
    total = 0.0
    for a, b in itertools.pairwise(x):
        total = total + 100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2
    return total


def network(m: Any, x: Numbers) -> Any:
    """x: six weights; the squared error of tanh units at two points."""
    total = 0.0
    for point, wanted in ((0.5, 0.25), (-1.25, 0.75)):
        hidden = [m.tanh(x[0] * point + x[1]), m.tanh(x[2] * point + x[3])]
        total = total + (x[4] * hidden[0] + x[5] * hidden[1] - wanted) ** 2
    return total


def potential(m: Any, x: Numbers) -> Any:
    """Two bodies near a fixed one, in a plane."""
    p, q = x[:2], x[2:]
    apart = m.sqrt((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2)
    return -1.0 / m.hypot(p[0], p[1]) - 1.0 / m.hypot(q[0], q[1]) + m.exp(-apart) / apart


def call_price(m: Any, x: Numbers) -> Any:
    """Black and Scholes: spot, strike, time, rate, volatility."""
    spot, strike, time, rate, volatility = x
    spread = volatility * m.sqrt(time)
    d1 = (m.log(spot / strike) + (rate + 0.5 * volatility * volatility) * time) / spread
    d2 = d1 - spread

    def cdf(z: Any) -> Any:
        return 0.5 * m.erfc(-z * 0.7071067811865476)

    return spot * cdf(d1) - strike * m.exp(-rate * time) * cdf(d2)


def likelihood(m: Any, x: Numbers) -> Any:
    """Counts under a Poisson law whose rate has a trend: log-likelihood by intercept, slope and a saturation."""
    total = 0.0
    for time, count in ((0.0, 3.0), (0.5, 5.0), (1.0, 4.0), (2.0, 11.0)):
        rate = m.exp(x[0] + x[1] * time) / (1.0 + m.exp(x[2] * time - 1.0))
        total = total + count * m.log(rate) - rate - m.lgamma(count + 1.0)
    return total


def arm(m: Any, x: Numbers) -> list[Any]:
    """Where the joints of a robot's arm are: three angles, then three lengths; six coordinates."""
    angle, across, up, places = 0.0, 0.0, 0.0, []
    for turn, length in zip(x[:3], x[3:], strict=True):
        angle = angle + turn
        across, up = across + length * m.cos(angle), up + length * m.sin(angle)
        places += [across, up]
    return places


def pendulum(m: Any, x: Numbers) -> list[Any]:
    """A pendulum's angle and speed after a while, from angle, speed, length and damping."""
    angle, speed, length, damping = x
    for _ in range(5):
        speed = speed - 0.1 * (9.81 / length * m.sin(angle) + damping * speed)
        angle = angle + 0.1 * speed
    return [angle, speed]


def waves(m: Any, x: Numbers) -> list[Any]:
    """Twelve samples of two waves: amplitude and frequency of each; more results than arguments."""
    return [x[0] * m.sin(x[1] * 0.25 * t) + x[2] * m.sin(x[3] * 0.25 * t) * m.exp(-0.1 * t) for t in range(12)]


ONE: dict[str, tuple[Callable[[Any, Numbers], Any], list[float]]] = {  # results in one number, and where
    "rosenbrock": (rosenbrock, [-1.2, 1.0, 0.75, 1.5]),
    "network": (network, [0.5, -0.25, 1.5, 0.75, -1.0, 0.6]),
    "potential": (potential, [1.0, 0.5, -0.75, 1.25]),
    "call_price": (call_price, [105.0, 100.0, 0.75, 0.04, 0.3]),
    "likelihood": (likelihood, [1.2, 0.6, 0.4]),
}
MANY: dict[str, tuple[Callable[[Any, Numbers], list[Any]], list[float]]] = {
    "arm": (arm, [0.3, 0.9, -0.4, 1.0, 0.8, 0.5]),
    "pendulum": (pendulum, [0.7, -0.2, 1.1, 0.3]),
    "waves": (waves, [1.5, 2.0, 0.5, 7.0]),
}
