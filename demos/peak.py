"""Fit a spectral peak that NIST measured, with the errors of its parameters from the Hessian.

    python -m demos.peak [--out DIR]

The data are "Eckerle4" of NIST's Statistical Reference Datasets (Eckerle, K., NIST, 197?, Circular Interference
Transmittance Study; www.itl.nist.gov/div898/strd): transmittance by wavelength, with certified parameters and errors to
compare with. scipy minimises the sum of squares with exact first and second derivatives; what the fit is unsure of
becomes correlated leaves, so that whatever is computed from it has an error too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import autograd
import nn
from autograd import Value

from .options import folder

WAVELENGTHS = [
    400.0, 405.0, 410.0, 415.0, 420.0, 425.0, 430.0, 435.0, 436.5, 438.0, 439.5, 441.0, 442.5, 444.0, 445.5, 447.0,
    448.5, 450.0, 451.5, 453.0, 454.5, 456.0, 457.5, 459.0, 460.5, 462.0, 463.5, 465.0, 470.0, 475.0, 480.0, 485.0,
    490.0, 495.0, 500.0,
]  # fmt: skip
TRANSMITTANCES = [
    0.0001575, 0.0001699, 0.0002350, 0.0003102, 0.0004917, 0.0008710, 0.0017418, 0.0046400, 0.0065895, 0.0097302,
    0.0149002, 0.0237310, 0.0401683, 0.0712559, 0.1264458, 0.2073413, 0.2902366, 0.3445623, 0.3698049, 0.3668534,
    0.3106727, 0.2078154, 0.1164354, 0.0616764, 0.0337200, 0.0194023, 0.0117831, 0.0074357, 0.0022732, 0.0008800,
    0.0004579, 0.0002345, 0.0001586, 0.0001143, 0.0000710,
]  # fmt: skip
START = {"area": 1.5, "width": 5.0, "centre": 450.0}
CERTIFIED = {  # value and standard error, as NIST gives them
    "area": (1.5543827178, 0.015408051163),
    "width": (4.0888321754, 0.046803020753),
    "centre": (451.54121844, 0.046800518816),
}


def peak(model: dict[str, Any], wavelength: float) -> Any:
    """A Gaussian's height; its area is √(2π) times the parameter of that name."""
    return model["area"] / model["width"] * autograd.exp(-0.5 * ((wavelength - model["centre"]) / model["width"]) ** 2)


def half_the_squares(model: dict[str, Any], points: int = len(WAVELENGTHS)) -> Any:
    """Half the sum of squared residuals, of the first `points` data."""
    data = zip(WAVELENGTHS[:points], TRANSMITTANCES[:points], strict=True)
    return 0.5 * autograd.sum([(peak(model, x) - y) ** 2 for x, y in data])


def build() -> Value:
    """The sum of a few squares: a graph that can be looked at."""
    return half_the_squares({name: Value(x, name) for name, x in START.items()}, points=4)  # type: ignore[no-any-return]


def fit() -> tuple[dict[str, float], list[list[float]], list[float]]:
    """The best model, its covariance by the Hessian, and its errors by first derivatives alone, as NIST's are."""
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise nn.MissingLibraryError("this demo needs scipy: pip install 'chainrule[demos]'") from None

    problem = autograd.optimize.problem(half_the_squares, START)
    found = minimize(problem.fun, problem.x0, jac=problem.jac, hess=problem.hess, method="trust-exact", tol=1e-12)
    model = problem.structured(found.x)
    print(f"{found.nit} steps of scipy's trust-exact, with exact gradients and Hessians")

    variance = 2.0 * found.fun / (len(WAVELENGTHS) - len(START))
    inverse = autograd.linalg.inv(problem.hess(found.x)).tolist()
    covariance = [[variance * (inverse[i][j] + inverse[j][i]) / 2.0 for j in range(3)] for i in range(3)]
    slopes = autograd.jacobian(lambda m: [peak(m, x) for x in WAVELENGTHS])(model)
    products = [[autograd.dot([s[a] for s in slopes], [s[b] for s in slopes]) for b in START] for a in START]
    first_order = [(variance * row[i]) ** 0.5 for i, row in enumerate(autograd.linalg.inv(products))]
    return model, covariance, first_order


def main(argv: Sequence[str] | None = None) -> None:
    """Fit, compare with NIST, tell what the peak's height is unsure of, draw."""
    parser = argparse.ArgumentParser(prog="python -m demos.peak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=folder, default="out/peak", help="folder for the picture")
    options = parser.parse_args(argv)

    from . import pictures

    model, covariance, first_order = fit()
    print(f"{'':8}{'value':>12}{'by the Hessian':>17}{'by slopes alone':>17}{'NIST: value':>14}{'error':>10}")
    for i, (name, x) in enumerate(model.items()):
        value, error = CERTIFIED[name]
        print(f"{name:8}{x:12.7f}{covariance[i][i] ** 0.5:17.7f}{first_order[i]:17.7f}{value:14.7f}{error:10.7f}")

    unsure = autograd.correlated(model, covariance, labels=list(model))
    print(f"height of the peak: {autograd.uncertainty(peak(unsure, model['centre']))}")
    curve = [400.0 + k / 4 for k in range(401)]
    bands = [autograd.uncertainty(peak(unsure, x)) for x in curve]
    pictures.peak(
        WAVELENGTHS,
        TRANSMITTANCES,
        [y - peak(model, x) for x, y in zip(WAVELENGTHS, TRANSMITTANCES, strict=True)],
        curve,
        [band.value for band in bands],
        [band.sigma for band in bands],
        options.out / "peak.png",
    )
    print(f"in {options.out}: peak.png")


if __name__ == "__main__":
    main()
