"""Vanishing and exploding gradients, layer by layer: activations, starting weights, batch normalisation, dropout.

The articles say that in deep nets gradients become very small or very large, and that ReLU, Xavier's and He's starting
weights and batch normalisation help. Right, within limits that a run shows. They also say that random weights avoid the
problem, and count dropout among its remedies. Both are wrong.

On the way back a layer turns δ into Wᵀδ times the slopes of the activation before it. With n units a layer and weights
of variance v, its size changes by the factor √(n v · mean slope²) a layer, and over d layers by about its d-th power.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import autograd as ag
import nn
from autograd import Value

from ..pictures import BLUE, GREY, ORANGE, RED, new_figure

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"sigmoid": ag.sigmoid, "tanh": ag.tanh, "ReLU": ag.relu}
STARTS: dict[str, tuple[Callable[[int], float], str]] = {  # the weights' variance in a layer of n inputs and n outputs
    "naive": (lambda n: 1.0, "1"),
    "Xavier": (lambda n: 2.0 / (n + n), "2/(n + n)"),
    "He": (lambda n: 2.0 / n, "2/n"),
}
COLOURS = {"naive": RED, "Xavier": BLUE, "He": ORANGE}


class Deep(nn.Module):
    """Layers of one width; batch normalisation or dropout may stand between a layer's sums and its activation."""

    def __init__(self, depth: int, width: int, activation: str, start: str,
                 between: Callable[[], nn.Module] | None = None) -> None:  # fmt: skip
        self.activation = ACTIVATIONS[activation]
        self.layers = [nn.Linear(width, width, bias=False) for _ in range(depth)]
        self.between = [between() for _ in range(depth)] if between else None
        for i, layer in enumerate(self.layers):
            nn.init.normal_(layer.weight, std=math.sqrt(STARTS[start][0](width)), seed=i)

    def forward(self, batch: list[Any]) -> list[list[list[Value]]]:
        """The sums of each layer, a list a sample; the last one's are the output."""
        sums: list[list[list[Value]]] = []
        for i, layer in enumerate(self.layers):
            sums.append([layer(units) for units in batch])
            inside = self.between[i](sums[-1]) if self.between else sums[-1]
            batch = [[self.activation(z) for z in row] for row in inside]
        return sums


def samples(n: int, width: int) -> list[list[float]]:
    """Normally distributed inputs."""
    numbers = random.Random(1)
    return [[numbers.gauss(0.0, 1.0) for _ in range(width)] for _ in range(n)]


def loss_of(sums: list[list[list[Value]]]) -> Value:
    """A loss whose slope is 1 or -1 by each output, whatever that is: only the way down differs between nets."""
    outputs = [z for row in sums[-1] for z in row]
    return ag.dot(outputs, [(-1.0) ** i for i in range(len(outputs))])


def build() -> Value:
    """Four layers of three sigmoids on two samples, normalised."""
    net = Deep(4, 3, "sigmoid", "Xavier", between=lambda: nn.BatchNorm1d(3, affine=False))
    return loss_of(net(samples(2, 3)))


def mean_square(xs: Sequence[float]) -> float:
    """The mean of the squares."""
    return math.fsum(x * x for x in xs) / len(xs)


class Flow(NamedTuple):
    """What a backward pass left in each layer, from the first to the last."""

    sizes: list[float]  # δ's root mean square
    predicted: float  # the factor a layer by the formula, the geometric mean over the layers

    @property
    def factor(self) -> float:
        """By what δ is multiplied from a layer to the one before it, in the geometric mean."""
        return (self.sizes[0] / self.sizes[-1]) ** (1.0 / (len(self.sizes) - 1))


def flow(depth: int, width: int, activation: str, start: str,
         between: Callable[[], nn.Module] | None = None) -> Flow:  # fmt: skip
    """Differentiate a net's loss, and collect δ = dL/d(sum) of each layer."""
    sums = Deep(depth, width, activation, start, between)(samples(16, width))
    loss_of(sums).backward()
    layers = [[z for row in layer for z in row] for layer in sums]
    gain = width * STARTS[start][0](width)
    factors = [math.sqrt(gain * mean_square(slopes(activation, zs))) for zs in layers[:-1]]
    return Flow(
        [math.sqrt(mean_square([z.grad for z in zs])) for zs in layers], math.prod(factors) ** (1 / len(factors))
    )


def slopes(activation: str, places: list[Value]) -> list[float]:
    """The activation's derivative at each of these."""
    xs = [Value(z.data) for z in places]
    ag.sum([ACTIVATIONS[activation](x) for x in xs]).backward()
    return [x.grad for x in xs]


def run(folder: Path, quick: bool) -> None:
    """Send δ down through nets that differ in one thing each."""
    depth, width = (20, 16) if quick else (30, 64)
    print(f"{depth} layers of n = {width} units. By what a layer multiplies the size of δ on its way to the input:\n")
    print("  activation  weights' variance  measured  √(n v · mean slope²)  δ in the first layer : in the last")
    flows: dict[tuple[str, str], Flow] = {}
    for activation in ACTIVATIONS:
        for start, (_, formula) in STARTS.items():
            found = flows[activation, start] = flow(depth, width, activation, start)
            print(f"  {activation:10}  {formula:9} {start:7}  {found.factor:8.3f}  {found.predicted:20.3f}"
                  f"  {found.sizes[0] / found.sizes[-1]:12.1e}")  # fmt: skip

    numbers = random.Random(0)
    normal, drop = lambda: nn.BatchNorm1d(width, affine=False), lambda: nn.Dropout(0.5, seed=numbers)
    helped = {
        f"{activation}, {start}, {name}": (activation, start, flow(depth, width, activation, start, between))
        for name, between in (("batch normalisation", normal), ("dropout", drop))
        for activation, start in (("sigmoid", "Xavier"), ("ReLU", "naive"), ("ReLU", "He"))
    }
    print("\nThe same with something between the sums and the activation:\n")
    for name, (activation, start, found) in helped.items():
        print(f"  {name:37}  {found.factor:6.3f} instead of {flows[activation, start].factor:.3f}")

    naive, slopes_at_0 = flows["ReLU", "naive"], [ag.grad(ACTIVATIONS[name])(0.0) for name in ("sigmoid", "tanh")]
    normed = [helped[f"{name}, batch normalisation"][2].factor for name in ("sigmoid, Xavier", "ReLU, naive")]
    print(
        f"\nXavier's weights have n v = 1, the slope remains: of a sigmoid {slopes_at_0[0]:g} at most, and δ vanishes;"
    )
    print(f"of tanh {slopes_at_0[1]:g} at 0, and δ stays nearly level. He's have n v = 2, for ReLU's mean slope² of ½.")
    print(f"Batch normalisation brings sigmoids to {normed[0]:.2f}, ReLUs to {normed[1]:.2f}, whatever their weights.")
    print("Random weights alone avoid nothing: by N(0, 1), as the articles' programs draw them, ReLU multiplies δ by")
    print(f"{naive.factor:.2f} a layer, {naive.sizes[0] / naive.sizes[-1]:.0e} in all.")
    print(
        "Dropout is no remedy: what it keeps counts 1/(1 - p), which multiplies the mean square of δ by 1/(1 - p) = 2,"
    )
    dropped = helped["ReLU, He, dropout"][2].factor
    print(f"its size by √2 a layer. The level net explodes ({dropped:.2f}), and behind sigmoids δ still vanishes.")
    picture(flows, helped, folder / "gradient_flow.png")


def picture(flows: dict[tuple[str, str], Flow], helped: dict[str, tuple[str, str, Flow]], path: Path) -> None:
    """δ by layer: a panel an activation, and one of what is said to help."""
    figure, panels = new_figure(2, 2, figsize=(12, 8.5), sharex=True)
    for axes, activation in zip(panels.flat, ACTIVATIONS, strict=False):
        for start, (_, formula) in STARTS.items():
            draw(axes, flows[activation, start], f"{start}, variance {formula}", COLOURS[start])
        axes.set_title(activation)
    last = panels.flat[-1]
    for name, (activation, start, found) in helped.items():
        if "naive" not in name or "dropout" not in name:
            colour = {("sigmoid", "Xavier"): BLUE, ("ReLU", "naive"): RED, ("ReLU", "He"): ORANGE}[activation, start]
            width = 6.0 if start == "naive" else 2.0  # behind He's line, which normalisation makes the same
            draw(last, found, name, colour, "dashed" if "dropout" in name else "solid", width)
    last.set_title("with batch normalisation (solid) or dropout (dashed)")
    for axes in panels.flat:
        axes.axhline(1.0, color=GREY, linewidth=0.8)
        axes.set(yscale="log", xlabel="layer, from the input", ylabel="size of δ, 1 in the last layer")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(color="#e5e7eb")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    figure.suptitle("How a gradient fares on its way down")
    figure.savefig(path)


def draw(axes: Any, found: Flow, label: str, colour: str, style: str = "solid", width: float = 2.0) -> None:
    """A line, δ in the last layer as 1."""
    layers, sizes = range(1, len(found.sizes) + 1), [x / found.sizes[-1] for x in found.sizes]
    axes.plot(layers, sizes, color=colour, label=label, linestyle=style, linewidth=width)
