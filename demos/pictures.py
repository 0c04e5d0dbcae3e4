"""The demos' pictures, and the progress bar of one: the only place where matplotlib is imported."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nn

BLUE, ORANGE, GREY, RED = "#2563a8", "#d9661f", "#6b7280", "#b3261e"
SHOWN_WRONG, COLUMNS = 20, 10


def progress_bar(steps: int) -> Iterable[int]:
    """range(steps), with a bar on standard error."""
    try:
        from tqdm import trange
    except ImportError:
        raise nn.MissingLibraryError("this demo needs tqdm: pip install 'chainrule[demos]'") from None
    return trange(steps, unit="step", dynamic_ncols=True)  # type: ignore[no-any-return]


def tell(line: str) -> None:
    """Print a line without breaking the bar."""
    from tqdm import tqdm

    tqdm.write(line)


def learning_curve(history: nn.History, final: float, path: Path) -> None:
    """Loss and accuracy, learned and held out, epoch by epoch, and the held-out accuracy of the model in the end."""
    figure, panels = new_figure(1, 2, figsize=(11, 4.4))
    epochs = range(1, history.epochs + 1)
    for axes, name in zip(panels.flat, ("loss", "accuracy"), strict=True):
        for what, figures, colour in (
            ("train, while learning", history.train, BLUE),
            ("held out", history.held_out, ORANGE),
        ):
            scale = 100.0 if name == "accuracy" else 1.0
            values = [x * scale for x in figures[name]]
            axes.plot(epochs, values, color=colour, label=what, linewidth=2, marker="o", markersize=4)
        axes.set_xlabel("epoch")
        axes.set_title("cross-entropy" if name == "loss" else "accuracy, %", fontsize=12)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.set_xlim(1 - 0.05 * history.epochs, history.epochs * 1.05)  # one epoch, too, has a whole tick alone
        axes.grid(color="#e5e7eb")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="upper right" if name == "loss" else "lower right")
    panels.flat[0].set_ylim(0.0, 1.05 * panels.flat[0].get_ylim()[1])
    after = f"{history.epochs} epoch{'s' * (history.epochs != 1)}{' and a part' * history.interrupted}"
    figure.suptitle(f"Reading handwritten digits: {final:.1%} of held-out images right after {after}")
    figure.savefig(path)


def right_and_wrong(
    images: Sequence[Sequence[float]], labels: Sequence[int], probabilities: Sequence[Sequence[float]], path: Path
) -> None:
    """Held-out images: up to two rows that were read right, then the wrong ones, the surest mistakes first.

    Args:
        images: 64 pixels each, from 0 to 1.
        labels: what they are.
        probabilities: ten for each, what the model thinks they are.
        path: where the picture goes.
    """
    guesses = [max(range(len(ps)), key=ps.__getitem__) for ps in probabilities]
    sure = [max(ps) for ps in probabilities]
    right = [i for i, (guess, label) in enumerate(zip(guesses, labels, strict=True)) if guess == label]
    wrong = sorted(set(range(len(labels))) - set(right), key=lambda i: -sure[i])
    firsts = [[i for i in right if labels[i] == digit][:2] for digit in range(10)]
    examples = [pair[k] for k in (0, 1) for pair in firsts if len(pair) > k]
    shown = wrong[:SHOWN_WRONG]
    rows_right, rows_wrong = -(-len(examples) // COLUMNS), -(-len(shown) // COLUMNS)

    heights = [0.42, *[1.0] * rows_right, 0.42, *[1.0] * rows_wrong]
    figure, grid = new_figure(
        len(heights), COLUMNS, figsize=(12, 1.42 * sum(heights) + 0.7), gridspec_kw={"height_ratios": heights}
    )
    for axes in grid.flat:
        axes.axis("off")
    two = ", two of each digit" if len(examples) == 20 else f", {len(examples)} of them" if examples else ""
    more = f", the {len(shown)} surest" if len(wrong) > len(shown) else ", all of them" if wrong else ""
    for row, text in (
        (0, f"Read right: {len(right)} of {len(labels)}{two}"),
        (1 + rows_right, f"Read wrong: {len(wrong)}{more}"),
    ):
        heading = grid[row, 0].text(0.0, 0.15, text, fontsize=13, fontweight="bold", transform=grid[row, 0].transAxes)
        heading.set_in_layout(False)  # else it widens its column
    places = [*zip(examples, grid[1 : 1 + rows_right].flat, strict=False)]
    places += zip(shown, grid[2 + rows_right :].flat, strict=False)
    for i, axes in places:
        axes.imshow([images[i][k : k + 8] for k in range(0, 64, 8)], cmap="gray_r", vmin=0.0, vmax=1.0)
        good = guesses[i] == labels[i]
        words = f"{guesses[i]}, {sure[i]:.0%}" if good else f"read {guesses[i]}, {sure[i]:.0%}\nis {labels[i]}"
        axes.set_title(words, fontsize=11, color=BLUE if good else ORANGE, pad=4)
    figure.suptitle("Held-out digits: what the network reads, and how sure it is", fontsize=14)
    figure.savefig(path)


def boundary(
    score: Callable[[float, float], float],
    points: Sequence[Sequence[float]],
    signs: Sequence[float],
    title: str,
    path: Path,
    steps: int = 70,
) -> None:
    """The plane coloured by the model's score, its boundary where the score is 0, and the points.

    Args:
        score: of a place (x, y).
        points: places.
        signs: 1 or -1 for each point.
        title: what it shows.
        path: where the picture goes.
        steps: how fine the grid is.
    """
    (left, right), (low, high) = (
        (min(column) - 0.5, max(column) + 0.5) for column in ([p[0] for p in points], [p[1] for p in points])
    )
    xs = [left + (right - left) * i / (steps - 1) for i in range(steps)]
    ys = [low + (high - low) * i / (steps - 1) for i in range(steps)]
    scores = [[score(x, y) for x in xs] for y in ys]

    figure, panels = new_figure(1, 1, figsize=(8, 6))
    axes = panels.flat[0]
    levels = [-3.0 + k / 4 for k in range(25)]
    filled = axes.contourf(xs, ys, scores, levels=levels, cmap="RdBu", alpha=0.75, extend="both")
    axes.contour(xs, ys, scores, levels=[-1.0, 1.0], colors=GREY, linewidths=1, linestyles="dashed")
    axes.contour(xs, ys, scores, levels=[0.0], colors="black", linewidths=2)
    for sign, colour, name in ((1.0, BLUE, "+1"), (-1.0, RED, "−1")):
        chosen = [p for p, s in zip(points, signs, strict=True) if s == sign]
        axes.scatter(*zip(*chosen, strict=True), s=42, color=colour, edgecolor="white", linewidth=0.8, label=name)
    axes.set(xlabel="x", ylabel="y")
    axes.legend(title="truth", loc="upper right")
    bar = figure.colorbar(filled, ax=axes, ticks=[-3, -2, -1, 0, 1, 2, 3])
    bar.set_label("score; the boundary is at 0, the margins (dashed) at ±1")
    axes.set_title(title, fontsize=13, pad=10)
    figure.savefig(path)


def peak(
    wavelengths: Sequence[float],
    measured: Sequence[float],
    residuals: Sequence[float],
    curve: Sequence[float],
    heights: Sequence[float],
    errors: Sequence[float],
    path: Path,
) -> None:
    """Measurements and the fitted curve; below, what is left over, and how sure the curve is.

    Args:
        wavelengths: of the measurements, in nm.
        measured: the transmittances.
        residuals: measured minus fitted.
        curve: the wavelengths of the curve.
        heights: of the curve.
        errors: its standard errors.
        path: where the picture goes.
    """
    figure, panels = new_figure(2, 1, figsize=(9, 6.5), sharex=True, gridspec_kw={"height_ratios": [2, 1]})
    above, below = panels.flat
    above.plot(curve, heights, color=BLUE, linewidth=2, label="fitted peak")
    above.plot(wavelengths, measured, "o", color=ORANGE, markersize=5, label="NIST's measurements")
    above.set_ylabel("transmittance")
    above.set_title("A spectral peak, fitted with exact gradients and Hessians", fontsize=13)
    above.legend(frameon=False)
    band = [2.0 * e for e in errors]
    below.fill_between(curve, [-b for b in band], band, color=BLUE, alpha=0.25, linewidth=0, label="curve ± 2 σ")
    below.axhline(0.0, color=BLUE, linewidth=1)
    below.plot(wavelengths, residuals, "o", color=ORANGE, markersize=4, label="measured − fitted")
    below.set(xlabel="wavelength, nm", ylabel="difference")
    below.legend(frameon=False, loc="upper left")
    for axes in panels.flat:
        axes.grid(color="#e5e7eb")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def greeks(
    spots: Sequence[float], curves: Sequence[dict[str, float]], dots: Sequence[dict[str, float]], path: Path
) -> None:
    """Each Greek by spot, differentiated, and dots of its closed form.

    Args:
        spots: the spot prices.
        curves: the Greeks at each.
        dots: the closed forms at every fifth.
        path: where the picture goes.
    """
    figure, panels = new_figure(3, 5, figsize=(14, 7.5), sharex=True)
    for axes, name in zip(panels.flat, curves[0], strict=True):
        axes.axhline(0.0, color="#d1d5db", linewidth=1)
        axes.plot(spots, [greek[name] for greek in curves], color=BLUE, linewidth=2, label="differentiated")
        axes.plot(spots[::5], [greek[name] for greek in dots], "o", color=ORANGE, markersize=5, label="closed form")
        axes.set_title(name, fontsize=12)
        axes.tick_params(labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[-1]:
        axes.set_xlabel("spot")
    panels[0, 0].legend(frameon=False, fontsize=9)
    figure.suptitle("A call option: its price, four first and ten second derivatives", fontsize=14)
    figure.savefig(path)


def orbit(
    paths: Sequence[Sequence[Sequence[float]]],
    mars: Sequence[Sequence[float]],
    mars_radius: float,
    ellipse: Sequence[Sequence[float]],
    sigma: float,
    path: Path,
) -> None:
    """The flights that were tried, and the last one to Mars; beside them, where a burn that is off a little leads.

    Args:
        paths: places on the way, for each try.
        mars: its places during the flight.
        mars_radius: of its orbit.
        ellipse: of standard errors around Mars, in million km.
        sigma: of the burn, in m/s.
        path: where the picture goes.
    """
    figure, panels = new_figure(1, 2, figsize=(12.5, 6.5), gridspec_kw={"width_ratios": [1.7, 1]})
    sky, target = panels.flat
    turn = [k / 100 * math.tau for k in range(101)]
    for radius, colour in ((1.0, BLUE), (mars_radius, RED)):
        sky.plot([radius * math.cos(a) for a in turn], [radius * math.sin(a) for a in turn], color=colour, alpha=0.35)
    for k, places in enumerate(paths[:-1]):
        label = "tries before" if k == 0 else None
        sky.plot(*zip(*places, strict=True), color=GREY, linewidth=1, linestyle="dashed", label=label)
    sky.plot(*zip(*paths[-1], strict=True), color=ORANGE, linewidth=2.5, label="the flight")
    sky.plot(*zip(*mars, strict=True), color=RED, linewidth=2.5, label="Mars meanwhile")
    for place, name, colour in (([0.0, 0.0], "sun", "#eab308"), (paths[-1][0], "start", BLUE), (mars[-1], "Mars", RED)):
        sky.plot(*place, "o", color=colour, markersize=10)
        sky.annotate(name, place, xytext=(9, 9), textcoords="offset points", fontsize=11)
    sky.set(xlabel="AU", ylabel="AU", aspect="equal")
    sky.legend(frameon=False, loc="center", bbox_to_anchor=(0.0, -0.45), bbox_transform=sky.transData)
    sky.set_title("Newton's method through the flight", fontsize=13)

    target.fill(*zip(*ellipse, strict=True), color=ORANGE, alpha=0.3, linewidth=0)
    target.plot(*zip(*ellipse, strict=True), color=ORANGE, linewidth=2)
    target.plot(0.0, 0.0, "o", color=RED, markersize=7)
    target.annotate("Mars", (0.0, 0.0), xytext=(9, 9), textcoords="offset points", fontsize=11)
    far = 1.15 * max(abs(x) for place in ellipse for x in place)
    target.set(xlabel="million km", ylabel="million km", aspect="equal", xlim=(-far, far), ylim=(-far, far))
    target.set_title(f"{sigma:g} m/s off at the start:\none standard error at Mars", fontsize=13)
    for axes in panels.flat:
        axes.grid(color="#e5e7eb")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def loss_curve(losses: Sequence[float], levels: Mapping[str, float], title: str, path: Path, width: int = 50) -> None:
    """The loss step by step, its running mean, and levels to compare it with.

    Args:
        losses: one a step.
        levels: held-out losses, by name.
        title: what it shows.
        path: where the picture goes.
        width: how many steps the running mean goes back.
    """
    figure, panels = new_figure(1, 1, figsize=(9, 5))
    axes = panels.flat[0]
    steps = range(1, len(losses) + 1)
    means = [math.fsum(part) / len(part) for part in (losses[max(0, i - width) : i] for i in steps)]
    axes.plot(steps, losses, ".", color=BLUE, alpha=0.3, markersize=3, label="one step")
    axes.plot(steps, means, color=BLUE, linewidth=2, label=f"mean of the last {width}")
    for (name, level), colour in zip(levels.items(), (ORANGE, GREY, RED), strict=False):
        axes.axhline(level, color=colour, linewidth=1.5, linestyle="dashed", label=f"{name}, held out: {level:.3f}")
    axes.set(xlabel="step", ylabel="cross-entropy, nats a letter")
    axes.grid(color="#e5e7eb")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2)
    axes.set_title(title, fontsize=13)
    figure.savefig(path)


def new_figure(rows: int, columns: int, **options: Any) -> tuple[Any, Any]:
    """A figure that no window shows and no global list keeps, and its panels in a table."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise nn.MissingLibraryError("this demo needs matplotlib: pip install 'chainrule[demos]'") from None

    figure = Figure(figsize=options.pop("figsize"), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)
