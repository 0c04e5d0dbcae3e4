"""Aim a probe at Mars: the burn that meets it, by Newton's method through the whole flight.

    python -m demos.orbit [--out DIR]

The probe leaves the Earth's orbit, and only the sun pulls at it. The flight is integrated by Runge and Kutta's method;
where it ends is differentiated by the velocity it began with, through all steps. The same derivatives tell how exact
the burn has to be.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

import autograd
from autograd import Value

from .options import folder

SUN = 4.0 * math.pi**2  # G × its mass, in astronomical units and years
AU, YEAR = 149_597_870.7, 365.25 * 86400.0  # in km and s
FLIGHT = 0.65  # years
MARS_RADIUS, MARS_YEAR, MARS_AHEAD = 1.524, 1.881, math.radians(38.0)  # when the probe leaves
LAUNCH = [1.0, 0.0]  # the Earth's place
EARTH_SPEED = math.tau
SIGMA = 10.0  # m/s, of either component of the burn


def flight(velocity: Sequence[Any], time: float = FLIGHT, steps: int = 80) -> list[list[Any]]:
    """Places and velocities on the way: [x, y, vx, vy] after each step of Runge and Kutta's method of order 4."""

    def slope(state: Sequence[Any]) -> list[Any]:
        x, y, vx, vy = state
        pull = -SUN / autograd.hypot(x, y) ** 3
        return [vx, vy, pull * x, pull * y]

    def moved(state: Sequence[Any], rate: Sequence[Any], by: float) -> list[Any]:
        return [a + by * b for a, b in zip(state, rate, strict=True)]

    h = time / steps
    states: list[list[Any]] = [[*LAUNCH, *velocity]]
    for _ in range(steps):
        state = states[-1]
        k1 = slope(state)
        k2 = slope(moved(state, k1, h / 2))
        k3 = slope(moved(state, k2, h / 2))
        k4 = slope(moved(state, k3, h))
        mean = [(a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True)]
        states.append(moved(state, mean, h))
    return states


def mars(time: float) -> list[float]:
    """Its place, on a circle."""
    angle = MARS_AHEAD + math.tau * time / MARS_YEAR
    return [MARS_RADIUS * math.cos(angle), MARS_RADIUS * math.sin(angle)]


def miss(burn: Sequence[Any]) -> list[Any]:
    """From Mars to the probe on the day of arrival; the burn is added to the Earth's velocity."""
    end = flight([burn[0], EARTH_SPEED + burn[1]])[-1]
    return [a - b for a, b in zip(end, mars(FLIGHT), strict=False)]


def build() -> Value:
    """How far from the sun a flight of one step ends: a graph that can be looked at."""
    end = flight([Value(0.0, "vx"), Value(EARTH_SPEED, "vy")], time=0.05, steps=1)[-1]
    return autograd.hypot(end[0], end[1])  # type: ignore[return-value]


def aim() -> list[list[float]]:
    """The burns that Newton's method tries, in AU a year: from none at all to the one that meets Mars."""
    burns = [[0.0, 0.5]]
    for _ in range(20):
        off = miss(burns[-1])
        if math.hypot(*off) < 1e-12:
            break
        step = autograd.linalg.solve(autograd.jacobian(miss)(burns[-1]), off)
        shrink = min(1.0, 0.7 / math.hypot(*step))  # far from the answer a whole step leads too far
        burns.append([b - shrink * s for b, s in zip(burns[-1], step, strict=True)])
    return burns


def main(argv: Sequence[str] | None = None) -> None:
    """Aim, tell how exact the burn must be, draw the flights."""
    parser = argparse.ArgumentParser(prog="python -m demos.orbit", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=folder, default="out/orbit", help="folder for the picture")
    options = parser.parse_args(argv)

    from . import pictures

    burns = aim()
    for k, burn in enumerate(burns):
        print(f"try {k}: burn ({burn[0]:+.6f}, {burn[1]:+.6f}) AU a year, miss {math.hypot(*miss(burn)) * AU:16.3f} km")
    best = burns[-1]
    print(f"the burn: {math.hypot(*best) * AU / YEAR:.3f} km/s")

    sigma = SIGMA / 1000.0 * YEAR / AU
    unsure = [autograd.uncertain(b, sigma, name) for b, name in zip(best, ("outwards", "along"), strict=True)]
    for axis, off in zip("xy", miss(unsure), strict=True):
        found = autograd.uncertainty(off)
        shares = ", ".join(f"{s.share:.0%} of the variance from the burn {s.name}" for s in found.shares)
        print(f"{SIGMA:g} m/s off at the start: {found.sigma * AU:,.0f} km off in {axis} ({shares})")

    slopes = autograd.jacobian(miss)(best)
    circle = [(math.cos(a), math.sin(a)) for a in (math.tau * k / 60 for k in range(61))]
    ellipse = [[sigma * AU * autograd.dot(row, at) / 1e6 for row in slopes] for at in circle]
    paths = [[state[:2] for state in flight([b[0], EARTH_SPEED + b[1]])] for b in burns]
    pictures.orbit(
        paths, [mars(FLIGHT * k / 80) for k in range(81)], MARS_RADIUS, ellipse, SIGMA, options.out / "orbit.png"
    )
    print(f"in {options.out}: orbit.png")


if __name__ == "__main__":
    main()
