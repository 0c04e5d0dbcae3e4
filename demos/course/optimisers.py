"""Gradient descent, momentum, RMSprop and Adam on one loss surface; learning rates and schedules.

The articles say that the learning rate must be neither too large nor too small, that optimisers such as Adam make
training steadier, and that RMSprop and Adam adapt the rate. Right, and in a bowl it can be computed:
gradient descent converges where the rate is below 2/λ, λ being the largest curvature, an eigenvalue of the Hessian; and
where the curvatures differ, what is right for the steep direction is slow in the flat one. RMSprop and Adam divide each
entry of the gradient by its own size, so a loss that is a million times as large gives the same path.

A rate that is right in the beginning leaves a noisy descent wandering about in the end: that is what schedules are for.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import autograd as ag
import nn
from autograd import Value

from ..pictures import BLUE, GREY, ORANGE, RED, new_figure

START = (-1.0, -1.0)  # where each descent begins: slope and intercept
NOISE = 0.3
GREEN = "#4d7c0f"
OPTIMISERS: dict[str, Callable[[list[Value]], nn.Optimizer]] = {
    "SGD": lambda params: nn.SGD(params, lr=0.18),
    "momentum": lambda params: nn.SGD(params, lr=0.1, momentum=0.8),
    "RMSprop": lambda params: nn.RMSprop(params, lr=0.1, alpha=0.9),
    "Adam": lambda params: nn.Adam(params, lr=0.3),
}
COLOURS = dict(zip(OPTIMISERS, (RED, ORANGE, GREEN, BLUE), strict=True))


def samples(n: int) -> list[tuple[float, float]]:
    """(x, y) with y = 1 + 2x and some noise, x far from 0, so that slope and intercept are hard to tell apart."""
    numbers = random.Random(0)
    xs = [numbers.uniform(0.0, 3.0) for _ in range(n)]
    return [(x, 1.0 + 2.0 * x + numbers.gauss(0.0, NOISE)) for x in xs]


SAMPLES = samples(20)


def loss_at(w: Any, b: Any) -> Any:
    """The mean squared error of the line w x + b."""
    return ag.mean([(w * x + b - y) ** 2 for x, y in SAMPLES])


def build() -> Value:
    """The loss where all descents begin."""
    w, b = Value(START[0], "w"), Value(START[1], "b")
    loss: Value = loss_at(w, b)
    return loss


def bottom() -> tuple[float, float]:
    """Where the loss is least: one step of Newton's method, which is exact in a bowl."""
    (g, h), ((a, c), (_, d)) = ag.grad(loss_at, (0, 1))(*START), hessian()
    determinant = a * d - c * c
    return START[0] - (d * g - c * h) / determinant, START[1] - (a * h - c * g) / determinant


def hessian() -> list[list[float]]:
    """The second derivatives by slope and intercept; the same everywhere."""
    return ag.hessian(lambda p: loss_at(*p))(list(START))


def curvatures() -> tuple[float, float]:
    """The eigenvalues of the Hessian, the larger one first."""
    (a, c), (_, d) = hessian()
    middle, spread = (a + d) / 2, math.hypot((a - d) / 2, c)
    return middle + spread, middle - spread


def descend(
    optimiser: Callable[[list[Value]], nn.Optimizer], steps: int, scale: float = 1.0
) -> list[tuple[float, float]]:
    """The places that an optimiser goes through, on the loss times `scale`."""
    params = [nn.Parameter(x) for x in START]
    optimizer, places = optimiser(params), [START]
    with ag.ieee():
        for _ in range(steps):
            optimizer.zero_grad()
            (scale * loss_at(*params)).backward()
            optimizer.step()
            places.append((params[0].data, params[1].data))
    return places


def steps_needed(places: list[tuple[float, float]], tolerance: float) -> int | None:
    """After how many steps the loss stays within `tolerance` of the least; None where it does not."""
    least = loss_at(*bottom())
    far = [k for k, place in enumerate(places) if not loss_at(*place) - least <= tolerance]
    return 0 if not far else far[-1] + 1 if far[-1] + 1 < len(places) else None


SCHEDULES: dict[str, Callable[[nn.Optimizer, int], nn.Scheduler]] = {
    "constant": lambda optimizer, epochs: nn.Scheduler(optimizer),
    "a tenth from half on": lambda optimizer, epochs: nn.StepLR(optimizer, step_size=epochs // 2, gamma=0.1),
    "cosine": lambda optimizer, epochs: nn.CosineAnnealingLR(optimizer, T_max=epochs),
    "linear": lambda optimizer, epochs: nn.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=epochs),
}


def wander(schedule: Callable[[nn.Optimizer, int], nn.Scheduler], epochs: int) -> tuple[list[float], list[float]]:
    """Gradient descent, one sample a step: the rate in each epoch, and how far above the least the loss is after it."""
    params, least = [nn.Parameter(x) for x in START], loss_at(*bottom())
    optimizer = nn.SGD(params, lr=0.08)
    scheduler, source = schedule(optimizer, epochs), random.Random(0)
    rates, losses = [], []
    for _ in range(epochs):
        rates.append(optimizer.lr)
        for x, y in random.Random(source.random()).sample(SAMPLES, len(SAMPLES)):
            optimizer.zero_grad()
            ((params[0] * x + params[1] - y) ** 2).backward()
            optimizer.step()
        losses.append(loss_at(params[0].data, params[1].data) - least)
        scheduler.step()
    return rates, losses


def run(folder: Path, quick: bool) -> None:
    """Find the largest rate, let the optimisers race, scale the loss, and let rates fall."""
    steep, flat = curvatures()
    best, least = bottom(), loss_at(*bottom())
    print(f"The loss is least, {least:.4f}, for the line {best[0]:.2f} x + {best[1]:.2f}.")
    print(
        f"Its curvatures, everywhere the same: λ = {steep:.2f} in the steepest direction, {flat:.2f} in the flattest."
    )
    print(f"\nGradient descent, 100 steps; below the rate 2/λ = {2 / steep:.4f} it should converge:")
    for factor in (0.01, 0.5, 1.9, 2.1):
        places = descend(lambda params, lr=factor / steep: nn.SGD(params, lr=lr), 100)
        print(f"  rate {factor:4}/λ = {factor / steep:.4f}: {loss_at(*places[-1]) - least:9.2g} above the least")

    steps, tolerance = 200 if quick else 1000, 0.001
    paths = {name: descend(optimiser, steps) for name, optimiser in OPTIMISERS.items()}
    print(f"\nSteps until the loss stays within {tolerance} of the least:")
    for name, places in paths.items():
        needed = steps_needed(places, tolerance)
        print(f"  {name:8}  {f'not in {steps}' if needed is None else needed}")

    scales = (1e-3, 1.0, 1e3)
    by = ", ".join(f"{scale:g}" for scale in scales)
    print(f"\n{steps} steps on the loss times {by}; above the least in the end:")
    for name, optimiser in OPTIMISERS.items():
        ends = [descend(optimiser, steps, scale)[-1] for scale in scales]
        print(f"  {name:8}  " + "  ".join(f"{loss_at(*end) - least:9.2g}" for end in ends))

    epochs = 20 if quick else 100
    print(f"\n{epochs} epochs by single samples; above the least, on the average of the last tenth of the epochs:")
    wanderings = {name: wander(schedule, epochs) for name, schedule in SCHEDULES.items()}
    for name, (rates, losses) in wanderings.items():
        print(f"  {name:21}  rate {rates[0]:.2f} → {rates[-1]:.4f}  {ag.mean(losses[-(epochs // 10) :]):.2g}")
    surface(paths, folder / "surface.png")
    schedules(wanderings, folder / "schedules.png")


def surface(paths: dict[str, list[tuple[float, float]]], path: Path) -> None:
    """The loss as a landscape, with the way that each optimiser takes; and the loss by step."""
    figure, panels = new_figure(1, 2, figsize=(13, 5.6))
    plane, race = panels.flat
    best, least = bottom(), loss_at(*bottom())
    ws, bs = [-2.0 + 0.15 * i for i in range(44)], [-2.5 + 0.15 * i for i in range(48)]
    heights = [[loss_at(w, b) - least for w in ws] for b in bs]
    plane.contourf(
        ws,
        bs,
        heights,
        levels=[10 ** (k / 4) for k in range(-10, 11)],
        cmap="Greys",
        norm="log",
        alpha=0.6,
        extend="both",
    )
    for name, places in paths.items():
        plane.plot(
            *zip(*places, strict=True), color=COLOURS[name], label=name, linewidth=1.6, marker="o", markersize=2.5
        )
        race.plot(
            [max(loss_at(*place) - least, 1e-12) for place in places], color=COLOURS[name], label=name, linewidth=2
        )
    plane.plot(*best, "*", color="black", markersize=13)
    plane.set(xlabel="slope w", ylabel="intercept b", title="the mean squared error of w x + b, and four ways down",
              xlim=(ws[0], ws[-1]), ylim=(bs[0], bs[-1]))  # fmt: skip
    race.set(yscale="log", xlabel="step", title="how far above the least")
    race.grid(color="#e5e7eb")
    race.spines[["top", "right"]].set_visible(False)
    plane.legend(loc="lower right")
    figure.savefig(path)


def schedules(wanderings: dict[str, tuple[list[float], list[float]]], path: Path) -> None:
    """The rate by epoch, and the loss by epoch."""
    figure, panels = new_figure(1, 2, figsize=(11, 4.4))
    for (name, columns), colour in zip(wanderings.items(), (GREY, ORANGE, BLUE, GREEN), strict=True):
        for axes, ys in zip(panels.flat, columns, strict=True):
            axes.plot(range(1, len(ys) + 1), ys, color=colour, label=name, linewidth=2)
    panels.flat[0].set_title("learning rate")
    panels.flat[1].set(title="how far above the least, a sample a step", yscale="log")
    for axes in panels.flat:
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(color="#e5e7eb")
        axes.spines[["top", "right"]].set_visible(False)
    panels.flat[0].legend(frameon=False)
    figure.savefig(path)
