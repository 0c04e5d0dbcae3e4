"""The lessons' pictures: curves, decision regions, graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import autograd as ag
import nn
from autograd import Value

from ..pictures import BLUE, GREY, ORANGE, RED, new_figure

COLOURS = (BLUE, ORANGE, GREY, RED, "#4d7c0f", "#7e22ce")
GRID = 45  # places along an axis at which a score is asked


def curves(lines: Mapping[str, Sequence[float] | Mapping[int, float]], title: str, path: Path, *,
           y: str = "loss", x: str = "epoch", log: bool = True) -> None:  # fmt: skip
    """Figures by epoch.

    Args:
        lines: by name: a figure an epoch, or figures by their epochs.
        title: what it shows.
        path: where the picture goes.
        y: what the figures are.
        x: what they are counted by.
        log: whether the axis of the figures is logarithmic.
    """
    figure, panels = new_figure(1, 1, figsize=(8, 5))
    axes = panels.flat[0]
    for (name, line), colour in zip(lines.items(), COLOURS, strict=False):
        known = line if isinstance(line, Mapping) else dict(enumerate(line))
        axes.plot(list(known), list(known.values()), label=name, color=colour, linewidth=2)
    axes.set(xlabel=x, ylabel=y, yscale="log" if log else "linear")
    axes.grid(color="#e5e7eb")
    axes.spines[["top", "right"]].set_visible(False)
    if len(lines) > 1:
        axes.legend(frameon=False)
    axes.set_title(title, fontsize=13, pad=10)
    figure.savefig(path)


def smoothed(xs: Sequence[float], width: int = 20) -> list[float]:
    """The mean of each figure and of up to width - 1 before it."""
    return [fmean(xs[max(0, i - width) : i]) for i in range(1, len(xs) + 1)]


def flow(lines: Mapping[str, Sequence[float]], title: str, path: Path, *, read: int,
         y: str = "|dL/dh|, the gradient of the hidden state") -> None:  # fmt: skip
    """The length of a gradient step by step through time: it comes in at the right, and flows to the left.

    Args:
        lines: by name, a length after each step.
        title: what it shows.
        path: where the picture goes.
        read: how many of the steps read; in those after them the net waits.
        y: what is drawn.
    """
    figure, panels = new_figure(1, 1, figsize=(9, 5))
    axes = panels.flat[0]
    for (name, ys), colour in zip(lines.items(), COLOURS, strict=False):
        axes.plot(range(1, len(ys) + 1), ys, label=name, color=colour, linewidth=2, marker="o", markersize=3)
    axes.axvspan(0.5, read + 0.5, color=BLUE, alpha=0.08, linewidth=0, label="reads")
    axes.set(xlabel="step (the gradient flows from right to left)", ylabel=y, yscale="log")
    axes.grid(color="#e5e7eb")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    axes.set_title(title, fontsize=13, pad=10)
    figure.savefig(path)


def kernels(weights: Sequence[Any], images: Sequence[Any], maps: Sequence[Sequence[Any]], path: Path) -> None:
    """Kernels in the first row, and below, in a row each, images and what each kernel answers at every place.

    Args:
        weights: of each kernel, rows of numbers.
        images: rows of pixels.
        maps: for each image, and each kernel, rows of numbers.
        path: where the picture goes.
    """
    rows = [[None, *weights], *([image, *answers] for image, answers in zip(images, maps, strict=True))]
    wide = len(rows[0])
    figure, panels = new_figure(len(rows), wide, figsize=(2.0 * wide, 2.1 * len(rows)))
    for i, row in enumerate(rows):
        largest = max(abs(x) for numbers in row[1:] for line in numbers for x in line)
        for j, (numbers, axes) in enumerate(zip(row, panels[i], strict=True)):
            axes.set(xticks=[], yticks=[])
            if numbers is None:
                axes.axis("off")
            elif j == 0:
                axes.imshow(numbers, cmap="gray_r")
                axes.set_title("image", fontsize=11)
            else:
                axes.imshow(numbers, cmap="RdBu", vmin=-largest, vmax=largest)
                axes.set_title(f"{'kernel' if i == 0 else 'answers of'} {j}", fontsize=11)
    figure.suptitle("Kernels and what they answer: blue is positive, red negative")
    figure.savefig(path)


def attention(weights: Mapping[str, Any], word: str, wanted: str, path: Path) -> None:
    """Where attention looks: a row for each place that asks, a column for each that is looked at.

    Args:
        weights: by name, a panel each: rows of weights.
        word: the letters that are looked at.
        wanted: the letter that each place has to find.
        path: where the picture goes.
    """
    figure, panels = new_figure(1, len(weights), figsize=(1.0 + 4.6 * len(weights), 4.9))
    for axes, (name, rows) in zip(panels.flat, weights.items(), strict=True):
        shown = axes.imshow(rows, cmap="Blues", vmin=0.0, vmax=1.0)
        for i, row in enumerate(rows):
            for j, weight in enumerate(row):
                axes.text(j, i, f"{weight:.2f}", ha="center", va="center", color="white" if weight > 0.6 else "black")
        axes.set_xticks(range(len(word)), list(word))
        axes.set_yticks(range(len(wanted)), list(wanted))
        axes.set(xlabel="the letters it looks at", ylabel="the letter it has to write", title=name)
    figure.colorbar(shown, ax=list(panels.flat)).set_label("weight")
    figure.suptitle("Where attention looks", fontsize=13)
    figure.savefig(path)


def regions(scores: Mapping[str, Callable[[float, float], float]], points: Sequence[Sequence[float]],
            labels: Sequence[int], title: str, path: Path, *, margin: float = 0.5) -> None:  # fmt: skip
    """The plane coloured by a net's answer from 0 to 1, with a line where it is ½, and the points it learned from.

    Args:
        scores: by name, a panel each: the answer at a place (x₁, x₂).
        points: places; what they have beyond two coordinates is not looked at.
        labels: 0 or 1 for each point.
        title: what it shows.
        path: where the picture goes.
        margin: how far the plane goes on beyond the points.
    """
    (left, right), (low, high) = (
        (min(p[i] for p in points) - margin, max(p[i] for p in points) + margin) for i in (0, 1)
    )
    xs = [left + (right - left) * i / (GRID - 1) for i in range(GRID)]
    ys = [low + (high - low) * i / (GRID - 1) for i in range(GRID)]
    figure, panels = new_figure(1, len(scores), figsize=(1.5 + 5.0 * len(scores), 5.2))
    for axes, (name, score) in zip(panels.flat, scores.items(), strict=True):
        answers = [[score(x, y) for x in xs] for y in ys]
        levels = [k / 20 for k in range(21)]
        filled = axes.contourf(xs, ys, answers, levels=levels, cmap="RdBu", alpha=0.75, extend="both")
        axes.contour(xs, ys, answers, levels=[0.5], colors="black", linewidths=2)
        for label, colour in ((0, RED), (1, BLUE)):
            chosen = [p[:2] for p, known in zip(points, labels, strict=True) if known == label]
            axes.scatter(*zip(*chosen, strict=True), s=55, color=colour, edgecolor="white", label=f"{label}", zorder=3)
        axes.set(xlabel="x₁", ylabel="x₂", title=name, aspect="equal")
    panels.flat[-1].legend(title="target", loc="upper right")
    figure.colorbar(filled, ax=list(panels.flat), ticks=[0, 0.25, 0.5, 0.75, 1]).set_label("the net's answer")
    figure.suptitle(title, fontsize=13)
    figure.savefig(path)


def against(truth: Mapping[str, Sequence[float]], claims: Mapping[str, Sequence[Sequence[float]]], path: Path,
            title: str, *, x: str, y: str, alike: bool = True) -> None:  # fmt: skip
    """Numbers as they are claimed to be against what they are: on the diagonal where they are right.

    Args:
        truth: by name, groups of numbers.
        claims: by name, a panel each: for each group its numbers as they are claimed to be.
        path: where the picture goes.
        title: what it shows.
        x: what the true numbers are.
        y: what the others are.
        alike: whether all panels have the same scale.
    """
    figure, panels = new_figure(1, len(claims), figsize=(3.6 * len(claims), 4.2), sharex=True, sharey=alike)
    for axes, (words, claim) in zip(panels.flat, claims.items(), strict=True):
        axes.axline((0.0, 0.0), slope=1.0, color=GREY, linewidth=1)
        for (name, xs), ys, colour in zip(truth.items(), claim, COLOURS, strict=False):
            axes.plot(xs, ys, "o", color=colour, markersize=5, alpha=0.7, label=name)
        axes.set(title=words, xlabel=x)
        axes.grid(color="#e5e7eb")
        axes.spines[["top", "right"]].set_visible(False)
    panels.flat[0].set_ylabel(y)
    if len(truth) > 1:
        panels.flat[0].legend(frameon=False)
    figure.suptitle(title, fontsize=13)
    figure.savefig(path)


def graph(result: Value, title: str, path: Path) -> None:
    """Draw the graph of a result, with the gradients of a backward pass; where no Graphviz is, say so and go on."""
    try:
        ag.draw(result, title=title).save(path)
    except nn.MissingLibraryError as missing:
        print(f"no picture of the graph: {missing}")
