"""The programs that every node-at-a-time engine runs, each one text: plain Python on whatever counts as a number.

A program takes its functions (tanh, exp, log, relu) from the engine; all else is Python's operators. A plain number
stands on the left of a Value throughout: one of the peers knows ``1.0 + v`` but not ``v + 1.0``.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass
class Program:
    """Numbers to start from, their arrangement, and what is computed from them: a scalar."""

    start: list[float]
    arrange: Callable[[Sequence[Any]], Any]
    forward: Callable[[Any, Any], Any]  # (engine, what arrange returned)
    data: Any = None  # what it learns from


def rows(leaves: Sequence[Any], *shapes: tuple[int, int]) -> list[list[Sequence[Any]]]:
    """The leaves in turn as matrices, lists of rows.

    >>> rows([1, 2, 3, 4, 5], (2, 2), (1, 1))
    [[[1, 2], [3, 4]], [[5]]]
    """
    matrices, taken = [], 0
    for count, width in shapes:
        matrices.append([leaves[taken + i * width : taken + (i + 1) * width] for i in range(count)])
        taken += count * width
    return matrices


def linear(layer: Any, x: Any) -> list[Any]:
    """Weights times inputs plus bias, every product and every sum a node, of a layer of (weights, bias) pairs.

    Two loops: a call a neuron, or the sum of a generator, would cost more than the numbers themselves.
    """
    out = []
    for weights, total in layer:
        for w, xi in zip(weights, x):  # noqa: B905 - strict=True takes as long as some of the products
            total = total + w * xi
        out.append(total)
    return out


def dot(xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    """Σ xᵢ yᵢ."""
    return linear([(xs, 0.0)], ys)[0]


def sum_tanh(terms: int) -> Program:
    """Σ tanh(aᵢ bᵢ + cᵢ) aᵢ²: six operations a term, one long chain of additions."""
    draw = random.Random(1)

    def forward(engine: Any, abc: Any) -> Any:
        tanh = engine.tanh
        f = 0.0
        for a, b, c in zip(*abc, strict=True):
            f = f + tanh(a * b + c) * a**2
        return f

    start = [draw.gauss(0, 1) for _ in range(3 * terms)]
    return Program(start, lambda leaves: rows(leaves, (3, terms))[0], forward)


def moons(points: int) -> Program:
    """A step of micrograd's demo: 2-16-16-1, max-margin loss and L2, every neuron written out."""
    draw = random.Random(2)
    sizes = [2, 16, 16, 1]
    labels = [draw.choice([-1.0, 1.0]) for _ in range(points)]
    data = [([draw.gauss(y, 1), draw.gauss(0, 1)], y) for y in labels]
    shapes = [(n, m + 1) for m, n in itertools.pairwise(sizes)]  # a neuron is its weights and its bias

    def forward(engine: Any, layers: Any) -> Any:
        relu, losses = engine.relu, []
        for point, y in data:
            x = [engine.input(xi) for xi in point]
            for layer in layers[:-1]:
                x = list(map(relu, linear(layer, x)))
            (score,) = linear(layers[-1], x)
            losses.append(relu(1.0 + -y * score))
        parameters = [p for layer in layers for weights, bias in layer for p in [*weights, bias]]
        penalty = dot(parameters, parameters)
        return 1.0 / points * sum(losses) + 1e-4 * penalty

    def arrange(leaves: Sequence[Any]) -> Any:
        return [[(row[:-1], row[-1]) for row in matrix] for matrix in rows(leaves, *shapes)]

    start = [draw.uniform(-1, 1) for _ in range(sum(n * m for n, m in shapes))]
    return Program(start, arrange, forward, data)


def exps(engine: Any, x: list[Any]) -> list[Any]:
    """exp(x - max x), the maximum a plain number."""
    exp, top = engine.exp, -max(map(engine.value, x))
    return [exp(top + xi) for xi in x]


def microgpt(tokens: int) -> Program:
    """A training step of a scalar transformer: one layer, width 16, four heads, rms norms, 27 letters."""
    draw = random.Random(3)
    letters, width, heads, positions = 27, 16, 4, 8
    size = width // heads
    text = [draw.randrange(letters) for _ in range(tokens + 1)]
    shapes = [(letters, width), (positions, width), *[(width, width)] * 4, (4 * width, width), (width, 4 * width)]
    shapes.append((letters, width))

    def normed(x: list[Any]) -> list[Any]:
        scale = (1e-5 + 1.0 / width * dot(x, x)) ** -0.5
        return [xi * scale for xi in x]

    def attended(engine: Any, query: list[Any], keys: list[Any], values: list[Any]) -> list[Any]:
        out = []
        for h in range(0, width, size):
            part = slice(h, h + size)
            scores = [size**-0.5 * dot(query[part], key[part]) for key in keys]
            weights = exps(engine, scores)
            total = sum(weights)
            weights = [w / total for w in weights]
            out += [dot(weights, [v[i] for v in values]) for i in range(h, h + size)]
        return out

    def forward(engine: Any, matrices: Any) -> Any:
        embed, place, *weights = matrices
        ask, offer, give, mix, widen, narrow, head = ([(row, 0.0) for row in matrix] for matrix in weights)
        keys: list[Any] = []
        values: list[Any] = []
        losses = []
        for i in range(tokens):
            x = normed([e + p for e, p in zip(embed[text[i]], place[i % positions], strict=True)])
            y = normed(x)
            keys.append(linear(offer, y))
            values.append(linear(give, y))
            y = linear(mix, attended(engine, linear(ask, y), keys, values))
            x = [a + b for a, b in zip(x, y, strict=True)]
            y = list(map(engine.relu, linear(widen, normed(x))))
            x = [a + b for a, b in zip(x, linear(narrow, y), strict=True)]
            chances = exps(engine, linear(head, x))
            losses.append(-engine.log(chances[text[i + 1]] / sum(chances)))
        return 1.0 / tokens * sum(losses)

    start = [draw.gauss(0, 0.08) for _ in range(sum(n * m for n, m in shapes))]
    return Program(start, lambda leaves: rows(leaves, *shapes), forward, text)


def digits(samples: int) -> Program:
    """Cross-entropy of a 64-32-10 relu network on a minibatch of images of 8 × 8 random pixels."""
    draw = random.Random(4)
    data = [([draw.randrange(17) / 16 for _ in range(64)], draw.randrange(10)) for _ in range(samples)]
    shapes = [(32, 64), (1, 32), (10, 32), (1, 10)]

    def forward(engine: Any, matrices: Any) -> Any:
        hidden, (offset,), output, (shift,) = matrices
        first, second, losses = list(zip(hidden, offset, strict=True)), list(zip(output, shift, strict=True)), []
        for image, label in data:
            x = [engine.input(pixel) for pixel in image]
            x = list(map(engine.relu, linear(first, x)))
            chances = exps(engine, linear(second, x))
            losses.append(-engine.log(chances[label] / sum(chances)))
        return 1.0 / samples * sum(losses)

    start = [draw.uniform(-0.15, 0.15) for _ in range(sum(n * m for n, m in shapes))]
    return Program(start, lambda leaves: rows(leaves, *shapes), forward, data)


def rosenbrock(n: int) -> Program:
    """Σ 100 (b - a²)² + (1 - a)² over neighbours a, b."""
    draw = random.Random(5)

    def forward(_: Any, x: Any) -> Any:
        total = 0.0
        for a, b in itertools.pairwise(x):
            u, v = b - a * a, 1.0 - a
            total = total + 100.0 * (u * u) + v * v
        return total

    return Program([draw.uniform(-1, 1) for _ in range(n)], list, forward)


def black_scholes(_: int) -> Program:
    """The price of a call option, of spot, strike, rate, volatility and time: its gradient holds the Greeks."""

    def forward(engine: Any, given: Any) -> Any:
        spot, strike, rate, volatility, time = given

        def normal(x: Any) -> Any:
            return 0.5 * (1.0 + engine.erf(x * 0.5**0.5))

        spread = volatility * engine.sqrt(time)
        d = (engine.log(spot / strike) + (rate + 0.5 * (volatility * volatility)) * time) / spread
        return spot * normal(d) - strike * engine.exp(-rate * time) * normal(d - spread)

    return Program([100.0, 105.0, 0.03, 0.25, 0.75], list, forward)


def bodies(n: int) -> Program:
    """The potential energy of n bodies of mass 1 in space: its gradient holds the forces."""
    draw = random.Random(6)

    def forward(engine: Any, places: Any) -> Any:
        total = 0.0
        for (x, y, z), (u, v, w) in itertools.combinations(places, 2):
            a, b, c = x - u, y - v, z - w
            total = total - 1.0 / engine.sqrt(a * a + b * b + c * c)
        return total

    return Program([draw.gauss(0, 1) for _ in range(3 * n)], lambda leaves: rows(leaves, (n, 3))[0], forward)


PROGRAMS: dict[str, Callable[[int], Program]] = {
    "sum_tanh": sum_tanh,
    "moons": moons,
    "microgpt": microgpt,
    "digits": digits,
}
REPLAYED = {**PROGRAMS, "rosenbrock": rosenbrock, "black_scholes": black_scholes, "bodies": bodies}  # by replay.py
