"""The gradient fades on its way down a deep net: watch it, ask why, and cure it.

    python -m demos.vanishing [--step]

Ten layers of sigmoids, as nets were built in the eighties. Each sigmoid's slope is 0.25 at most, so that from layer to
layer the gradient shrinks, and the first layers learn nothing. `why` says which factors did it; pdb goes there
(SESSION, below). With tanh and Xavier's initialisation the gradient arrives.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import autograd as ag
import nn
from autograd import Value

from .dead_relu import load

DEPTH, WIDTH = 10, 4


class Deep(nn.Module):
    """2 inputs, ten layers of 4 units, 2 scores."""

    def __init__(self, activation: Callable[[Value], Value], depth: int = DEPTH) -> None:
        sizes = [2] + [WIDTH] * depth
        self.layers = [nn.Linear(n, m, seed=i) for i, (n, m) in enumerate(pairwise(sizes))]
        self.scores = nn.Linear(WIDTH, 2, seed=depth)
        self.activation = activation

    def forward(self, point: Sequence[float]) -> list[Value]:
        """The scores of a point."""
        units: Sequence[float | Value] = point
        for layer in self.layers:
            sums = layer(units)
            units = [self.activation(h) for h in sums]
        return self.scores(units)


def mean_loss(model: Deep, points: Sequence[Sequence[float]], sides: Sequence[int]) -> Value:
    """The mean cross-entropy."""
    return nn.cross_entropy([model(point) for point in points], sides)


def build() -> Value:
    """The loss of a net of four layers on one point."""
    return mean_loss(Deep(ag.sigmoid, depth=4), [[1.0, 0.5]], [1])


def show(model: Deep) -> None:
    """The size of each layer's gradient, as a bar on a logarithmic scale."""
    for i, layer in enumerate(model.layers, 1):
        size = sum(w.grad**2 for row in layer.weight for w in row) ** 0.5
        bar = "#" * max(1, round(3 * (12 + math.log10(size))))
        print(f"  layer {i:2d} {size:8.1e} {bar}")


def train(model: Deep, points: list[list[float]], sides: list[int], steps: int) -> None:
    """Adam, told every few steps."""
    optimizer = nn.Adam(model.parameters(), lr=0.01)
    for step in range(steps + 1):
        loss = mean_loss(model, points, sides)
        if step % (steps // 2) == 0:
            print(f"  step {step:3d}: loss {loss.data:.4f}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main(argv: Sequence[str] | None = None) -> None:
    """See the gradient fade, ask why, cure it."""
    parser = argparse.ArgumentParser(prog="python -m demos.vanishing", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--step", action="store_true", help="go back over the lines of one loss, for a debugger")
    options = parser.parse_args(argv)
    points, sides = load()

    print("sigmoid, the size of each layer's gradient:")
    model = Deep(ag.sigmoid)
    weight = model.layers[0].weight[0][0]
    weight.label = "weight"
    with ag.trace():
        loss = mean_loss(model, points[:1], sides[:1])
    if options.step:
        loss.backward(debug=True)
        return
    loss.backward()
    show(model)
    print("\nprint(why(weight, top=2)):")
    print(ag.why(weight, top=2))
    print("\nand so nothing is learned (0.6931 is a coin's loss):")
    train(model, points, sides, steps=20)

    print("\ntanh, its weights drawn as Xavier has it:")
    model = Deep(ag.tanh)
    for i, layer in enumerate(model.layers):
        nn.init.xavier_uniform_(layer.weight, seed=i)
    mean_loss(model, points[:1], sides[:1]).backward()
    show(model)
    train(model, points, sides, steps=20)


SESSION = """
$ python -m pdb -m demos.vanishing --step
(Pdb) break 88
Breakpoint 1 at vanishing.py:88
(Pdb) continue
sigmoid, the size of each layer's gradient:
> vanishing.py(88)main()
-> loss.backward(debug=True)
(Pdb) break 40
Breakpoint 2 at vanishing.py:40
(Pdb) continue
> vanishing.py(40)backward()
-> units = [self.activation(h) for h in sums]
(Pdb) print(step)
dL/dv21 += dL/dv16 · dv16/dv21 = -0.023553 · 0.23986 = -0.00564944    v16 = sigmoid(v21), vanishing.py:40
(Pdb) ignore 2 3
Will ignore next 3 crossings of breakpoint 2.
(Pdb) continue
> vanishing.py(40)backward()
-> units = [self.activation(h) for h in sums]
(Pdb) print(step)
dL/dv53 += dL/dv40 · dv40/dv53 = -0.00738741 · 0.247754 = -0.00183026    v40 = sigmoid(v53), vanishing.py:40
(Pdb) ignore 2 3
Will ignore next 3 crossings of breakpoint 2.
(Pdb) continue
> vanishing.py(40)backward()
-> units = [self.activation(h) for h in sums]
(Pdb) print(step)
dL/dv85 += dL/dv72 · dv72/dv85 = -0.000561367 · 0.243039 = -0.000136434    v72 = sigmoid(v85), vanishing.py:40
(Pdb) quit
"""

if __name__ == "__main__":
    main()
