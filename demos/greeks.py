"""Price an option with all its Greeks to second order, each beside its closed form, and draw them.

    python -m demos.greeks [--out DIR]

Black and Scholes (1973) priced a call; traders want its derivatives too, by spot, time, rate and volatility. One
function of the price gives all four, and all ten of second order; their textbook formulas stand below it to compare.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

import autograd
from autograd import Value

from .options import folder

STRIKE = 100.0
MARKET = {"spot": 105.0, "time": 0.75, "rate": 0.04, "volatility": 0.3}
FIRST = {"delta": "spot", "dC/dT": "time", "rho": "rate", "vega": "volatility"}
SECOND = {
    "gamma": ("spot", "spot"),
    "d²C/dSdT": ("spot", "time"),
    "d²C/dSdr": ("spot", "rate"),
    "vanna": ("spot", "volatility"),
    "d²C/dT²": ("time", "time"),
    "d²C/dTdr": ("time", "rate"),
    "veta": ("time", "volatility"),
    "d²C/dr²": ("rate", "rate"),
    "vera": ("rate", "volatility"),
    "volga": ("volatility", "volatility"),
}


def call(market: dict[str, Any]) -> Any:
    """What the right to buy at the strike in `time` years is worth."""
    spot, time, rate, volatility = market["spot"], market["time"], market["rate"], market["volatility"]
    spread = volatility * autograd.sqrt(time)
    d1 = (autograd.log(spot / STRIKE) + (rate + 0.5 * volatility**2) * time) / spread
    return spot * cdf(d1) - STRIKE * autograd.exp(-rate * time) * cdf(d1 - spread)


def cdf(z: Any) -> Any:
    """The normal distribution's."""
    return 0.5 * autograd.erfc(-math.sqrt(0.5) * z)


def build() -> Value:
    """One price: a graph that can be looked at."""
    return call({name: Value(x, name) for name, x in MARKET.items()})  # type: ignore[no-any-return]


def greeks(market: dict[str, float]) -> dict[str, float]:
    """Price and derivatives, from `call` alone."""
    price, slopes = autograd.value_and_grad(call)(market)
    curvatures = autograd.hessian(call)(market)
    return {
        "price": price,
        **{name: slopes[a] for name, a in FIRST.items()},
        **{name: curvatures[a][b] for name, (a, b) in SECOND.items()},
    }


def closed_forms(market: dict[str, float]) -> dict[str, float]:
    """The same by the textbook's formulas (Haug 2007, The Complete Guide to Option Pricing Formulas, chapter 2)."""
    s, t, r, v = market["spot"], market["time"], market["rate"], market["volatility"]
    root = math.sqrt(t)
    d1 = (math.log(s / STRIKE) + (r + v * v / 2) * t) / (v * root)
    d2 = d1 - v * root
    p1, p2 = (math.exp(-d * d / 2) / math.sqrt(math.tau) for d in (d1, d2))
    n1, n2 = (math.erfc(-d / math.sqrt(2)) / 2 for d in (d1, d2))
    owed = STRIKE * math.exp(-r * t)
    d1_by_t = (r + v * v / 2) / (v * root) - d1 / (2 * t)
    d2_by_t = d1_by_t - v / (2 * root)
    vega = s * p1 * root
    return {
        "price": s * n1 - owed * n2,
        "delta": n1,
        "dC/dT": s * p1 * v / (2 * root) + r * owed * n2,
        "rho": t * owed * n2,
        "vega": vega,
        "gamma": p1 / (s * v * root),
        "d²C/dSdT": p1 * (r / (v * root) - d2 / (2 * t)),
        "d²C/dSdr": p1 * root / v,
        "vanna": -p1 * d2 / v,
        "d²C/dT²": s * v / (2 * root) * p1 * (-d1 * d1_by_t - 1 / (2 * t)) + r * owed * (p2 * d2_by_t - r * n2),
        "d²C/dTdr": owed * (n2 * (1 - r * t) + t * p2 * d2_by_t),
        "veta": vega * (1 / (2 * t) - d1 * d1_by_t),
        "d²C/dr²": t * owed * (p2 * root / v - t * n2),
        "vera": -t * owed * p2 * d1 / v,
        "volga": vega * d1 * d2 / v,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Tell the Greeks at one point, and draw them by spot."""
    parser = argparse.ArgumentParser(prog="python -m demos.greeks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=folder, default="out/greeks", help="folder for the picture")
    options = parser.parse_args(argv)

    from . import pictures

    found, truth = greeks(MARKET), closed_forms(MARKET)
    print(f"a call with strike {STRIKE:g} at " + ", ".join(f"{name} {x:g}" for name, x in MARKET.items()))
    print(f"{'':10}{'differentiated':>18}{'closed form':>18}{'difference':>12}")
    for name, x in found.items():
        print(f"{name:10}{x:18.12f}{truth[name]:18.12f}{abs(x - truth[name]) / abs(truth[name]):12.1e}")

    spots = [60.0 + 3.0 * k for k in range(31)]
    curves = [greeks({**MARKET, "spot": spot}) for spot in spots]
    dots = [closed_forms({**MARKET, "spot": spot}) for spot in spots[::5]]
    pictures.greeks(spots, curves, dots, options.out / "greeks.png")
    print(f"in {options.out}: greeks.png")


if __name__ == "__main__":
    main()
