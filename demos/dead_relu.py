"""A network stops learning because its relus have died: see which ones, where and why.

    python -m demos.dead_relu [--step]

Two moons, a hidden layer of 8 relus, and a learning rate that is ten times too large. Within a few steps no unit is
above 0 for any point: the loss stays where it is, and the gradients are 0. `why` names the line; pdb goes there
(SESSION, below). With a tenth of the rate it learns.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Sequence

import autograd as ag
import nn
from autograd import Value


class Net(nn.Module):
    """2 inputs, 8 hidden units, 2 scores."""

    def __init__(self) -> None:
        self.hidden = nn.Linear(2, 8, seed=1)
        self.output = nn.Linear(8, 2, seed=2)

    def forward(self, point: Sequence[float]) -> list[Value]:
        """The scores of a point."""
        units = []
        for h in self.hidden(point):
            units.append(h.relu())
        return self.output(units)


def mean_loss(model: Net, points: Sequence[Sequence[float]], sides: Sequence[int]) -> Value:
    """The mean cross-entropy."""
    return nn.cross_entropy([model(point) for point in points], sides)


def load() -> tuple[list[list[float]], list[int]]:
    """40 points on two interleaved half circles, with some noise, and which one each belongs to."""
    numbers = random.Random(0)
    points, sides = [], []
    for i in range(40):
        angle, side = math.pi * numbers.random(), i % 2
        x, y = (math.cos(angle), math.sin(angle)) if side == 0 else (1.0 - math.cos(angle), 0.5 - math.sin(angle))
        points.append([x + numbers.gauss(0.0, 0.1), y + numbers.gauss(0.0, 0.1)])
        sides.append(side)
    return points, sides


def build() -> Value:
    """The loss on one point of a net in which one hidden unit is alive."""
    model = Net()
    for bias in model.hidden.bias[1:]:
        bias.data = -50.0
    return mean_loss(model, [[1.0, 0.5]], [1])


def alive(model: Net, points: Sequence[Sequence[float]]) -> int:
    """How many hidden units are above 0 for at least one point."""
    with ag.no_grad():
        return sum(any(h.data > 0.0 for h in unit) for unit in zip(*map(model.hidden, points), strict=True))


def train(model: Net, points: list[list[float]], sides: list[int], lr: float, steps: int) -> None:
    """Gradient descent, told every few steps."""
    optimizer = nn.SGD(model.parameters(), lr=lr)
    for step in range(steps + 1):
        loss = mean_loss(model, points, sides)
        if step % (steps // 3) == 0:
            print(f"  step {step:3d}: loss {loss.data:.4f}, {alive(model, points)} of 8 units alive")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main(argv: Sequence[str] | None = None) -> None:
    """Let the units die, ask why nothing is learned, and learn."""
    parser = argparse.ArgumentParser(prog="python -m demos.dead_relu", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--step", action="store_true", help="go back over the lines of one loss, for a debugger")
    options = parser.parse_args(argv)
    points, sides = load()

    print("learning rate 10:")
    model = Net()
    train(model, points, sides, lr=10.0, steps=30)
    weight = model.hidden.weight[0][0]
    weight.label = "weight"
    with ag.trace():
        loss = mean_loss(model, points[:3], sides[:3])
    if options.step:
        loss.backward(debug=True)
        return
    loss.backward()
    print("\nprint(why(weight, top=2)):")
    print(ag.why(weight, top=2))

    print("\nlearning rate 1:")
    train(Net(), points, sides, lr=1.0, steps=30)


SESSION = """
$ python -m pdb -m demos.dead_relu --step
(Pdb) break 95
Breakpoint 1 at dead_relu.py:95
(Pdb) continue
learning rate 10:
  step   0: loss 0.7777, 6 of 8 units alive
  step  10: loss 2.5461, 0 of 8 units alive
  step  20: loss 2.4873, 0 of 8 units alive
  step  30: loss 2.4747, 0 of 8 units alive
> dead_relu.py(95)main()
-> loss.backward(debug=True)
(Pdb) break 33, step.contributions == (0.0,)
Breakpoint 2 at dead_relu.py:33
(Pdb) continue
> dead_relu.py(33)backward()
-> units.append(h.relu())
(Pdb) print(step)
dL/dv41 += dL/dv32 · dv32/dv41 = 0.0404179 · 0 = 0    v32 = relu(v41), dead_relu.py:33
(Pdb) step
--Call--
> rules.py(…)relu()
-> @rule(ops.relu)
(Pdb) args
g = 0.04041790828122813
y = 0.0
a = -1.4563776232494137
(Pdb) return
--Return--
> rules.py(…)relu()->(0.0,)
-> return (0.0 if a <= 0.0 else g,)
(Pdb) quit
"""

if __name__ == "__main__":
    main()
