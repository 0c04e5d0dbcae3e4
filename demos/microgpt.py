"""Learn to make up first names: a GPT of one layer, letter by letter, on the names of the US census.

    python -m demos.microgpt [--steps N] [--seed N] [--out DIR]

The size and the schedule are those of Karpathy's microgpt: 16 numbers a letter, 4 heads, up to 16 letters, Adam, one
name a step. Everything a GPT has and `nn` has not stands here: embeddings, RMSNorm, causal attention. Leaves the
curve of the loss, the names that it made up and the graph of one step in the output folder.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import string
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import autograd as ag
import nn
from autograd import Value
from autograd.bulk import linear

from .options import count, folder, seed

Vector: TypeAlias = list[Any]
Matrix: TypeAlias = list[Vector]
Parameters: TypeAlias = dict[str, Matrix]

LETTERS = string.ascii_lowercase
END = len(LETTERS)  # the token before the first letter, and after the last
SIZE, HEADS, PLACES = 16, 4, 16
RATE, BETAS, STD = 0.01, (0.85, 0.99), 0.08
TEMPERATURE = 0.5
HELD_OUT, SAMPLES, COUNTED = 500, 20, 50
ROOT = Path(__file__).parents[1]


def initialised(seed: int, tokens: int = END + 1, places: int = PLACES, size: int = SIZE) -> Parameters:
    """The parameters, normally distributed: a row for each token, for each place, for each output of a layer."""
    shapes = {"tokens": (tokens, size), "places": (places, size), "logits": (tokens, size)}
    shapes |= dict.fromkeys(("query", "key", "value", "mix"), (size, size))
    shapes |= {"up": (4 * size, size), "down": (size, 4 * size)}
    source = random.Random(seed)
    return {
        name: nn.init.normal_([[nn.Parameter(0.0) for _ in range(n)] for _ in range(m)], std=STD, seed=source)
        for name, (m, n) in shapes.items()
    }


class Sum(nn.Module):
    """What was there, and what a layer found: so the gradient has a way past the layer."""

    def forward(self, xs: Vector, ys: Vector) -> Vector:
        """The sum of two vectors."""
        return [x + y for x, y in zip(xs, ys, strict=True)]


class Linear(nn.Module):
    """Rows of weights, each times the vector: `nn.Linear` without a bias, of rows that are given."""

    def __init__(self, rows: Matrix) -> None:
        self.rows = rows

    def forward(self, x: Vector) -> Vector:
        """A number for each row."""
        return linear(self.rows, x, None)


class Embedding(nn.Module):
    """A table with a row for each token."""

    def __init__(self, rows: Matrix) -> None:
        self.rows = rows

    def forward(self, token: Any) -> Vector:
        """The token's row."""
        return ag.take(self.rows, token)


class RMSNorm(nn.Module):
    """A vector divided by the root of its mean square (Zhang & Sennrich 2019), without a gain to learn."""

    def forward(self, x: Vector) -> Vector:
        """The vector, scaled."""
        scale = (ag.dot(x, x) / len(x) + 1e-5) ** -0.5
        return [xi * scale for xi in x]


class Head(nn.Module):
    """Each place looks back: its query meets the keys up to its own, and softmax of that weighs their values."""

    def forward(self, queries: Matrix, keys: Matrix, values: Matrix) -> Matrix:
        """What each place found."""
        root, columns, found = math.sqrt(len(queries[0])), list(zip(*values, strict=True)), []
        for i, query in enumerate(queries, 1):
            weights = ag.softmax([ag.dot(query, key) / root for key in keys[:i]])
            found.append([ag.dot(weights, column[:i]) for column in columns])
        return found


class Attention(nn.Module):
    """Heads that look for different things, each in its own part of the vectors; what they find is mixed and added."""

    def __init__(self, query: Matrix, key: Matrix, value: Matrix, mix: Matrix, heads: int) -> None:
        self.query, self.key, self.value, self.mix = Linear(query), Linear(key), Linear(value), Linear(mix)
        self.norm, self.sum = RMSNorm(), Sum()
        self.heads, self.width = [Head() for _ in range(heads)], len(query) // heads

    def forward(self, xs: Matrix) -> Matrix:
        """A vector for each place."""
        normed = [self.norm(x) for x in xs]
        asked = [[layer(x) for x in normed] for layer in (self.query, self.key, self.value)]
        found: Matrix = [[] for _ in xs]
        for h, head in enumerate(self.heads):
            part = slice(h * self.width, (h + 1) * self.width)
            found = [f + new for f, new in zip(found, head(*[[x[part] for x in rows] for rows in asked]), strict=True)]
        return [self.sum(x, self.mix(f)) for x, f in zip(xs, found, strict=True)]


class FeedForward(nn.Module):
    """A relu layer four times as wide, and back; the result is added."""

    def __init__(self, up: Matrix, down: Matrix) -> None:
        self.norm, self.up, self.relu, self.down, self.sum = RMSNorm(), Linear(up), nn.ReLU(), Linear(down), Sum()

    def forward(self, x: Vector) -> Vector:
        """A vector of the same length."""
        return self.sum(x, self.down(self.relu(self.up(self.norm(x)))))  # type: ignore[no-any-return]


class GPT(nn.Module):
    """From tokens to logits of what comes next, one list a place.

    Args:
        parameters: Values in lists, as `initialised` makes them.
        heads: how many heads attention has.
    """

    def __init__(self, parameters: Parameters, heads: int = HEADS) -> None:
        tokens, self.places, logits, query, key, value, mix, up, down = parameters.values()
        self.tokens, self.sum, self.norm = Embedding(tokens), Sum(), RMSNorm()
        self.attention = Attention(query, key, value, mix, heads)
        self.feed_forward, self.logits = FeedForward(up, down), Linear(logits)

    def forward(self, tokens: Sequence[Any]) -> Matrix:
        """Logits for each token."""
        rows = zip(tokens, self.places, strict=False)
        xs = [self.norm(self.sum(self.tokens(token), place)) for token, place in rows]
        return [self.logits(self.feed_forward(x)) for x in self.attention(xs)]


def loss(parameters: Parameters, tokens: Sequence[Any], heads: int = HEADS) -> Value:
    """The mean cross-entropy, in nats, of each token after the first, given those before it.

    Tokens are data, whole numbers or Values: `autograd.compile` makes one program for all names of one length.
    """
    logits = GPT(parameters, heads)(tokens[:-1])
    losses = [ag.logsumexp(row) - ag.pick(row, token) for row, token in zip(logits, tokens[1:], strict=True)]
    mean: Value = ag.mean(losses)
    return mean


def build() -> Value:
    """The loss of a GPT of two numbers a letter and three tokens, on one letter and the end."""
    return loss(initialised(seed=0, tokens=3, places=2, size=2), [2, 0, 2], heads=2)


def encoded(name: str) -> list[int]:
    """A name's tokens; of one with more letters than there are places for, the first."""
    return [END, *map(LETTERS.index, name), END][: PLACES + 1]


def load(seed: int) -> list[str]:
    """The census's first names, each once, in lower case and in random order."""
    try:
        package = resources.files("names")
    except ModuleNotFoundError:
        raise nn.MissingLibraryError("this demo needs names: pip install 'chainrule[demos]'") from None
    lists = [package.joinpath(f"dist.{sex}.first").read_text(encoding="ascii") for sex in ("female", "male")]
    names = list(dict.fromkeys(line.split()[0].lower() for text in lists for line in text.splitlines()))
    random.Random(seed).shuffle(names)
    return names


class Training:
    """Adam on one name a step, its rate falling to 0 in a straight line.

    Args:
        parameters: what is trained.
        steps: how many steps there will be.
    """

    def __init__(self, parameters: Parameters, steps: int) -> None:
        self.parameters, self.steps, self.done = parameters, steps, 0
        self.optimizer = nn.Adam([x for rows in parameters.values() for row in rows for x in row], RATE, BETAS)

    def step(self, name: str) -> Value:
        """One step; returns the loss before it, with its graph."""
        result = loss(self.parameters, encoded(name))
        for p in self.optimizer.params:
            p.grad = 0.0  # not cleared: letters that the name has not are moved on too, by Adam's averages
        result.backward()
        self.optimizer.lr = RATE * (1.0 - self.done / self.steps)
        self.optimizer.step()
        self.done += 1
        return result


def held_out_loss(parameters: Parameters, names: Sequence[str]) -> float:
    """The mean of the loss over names."""
    with ag.no_grad():
        return math.fsum(loss(parameters, encoded(name)).data for name in names) / len(names)


def pairs_loss(names: Sequence[str], held_out: Sequence[str]) -> float:
    """The loss of who counts which letter follows which, and adds one to each count: what there is to be beaten."""
    counts = [[1] * (END + 1) for _ in range(END + 1)]
    for name in names:
        for first, second in pairwise(encoded(name)):
            counts[first][second] += 1

    rates = [[math.log(n / sum(row)) for n in row] for row in counts]
    tokens = map(encoded, held_out)
    return math.fsum(nn.nll_loss([rates[t] for t in ts[:-1]], ts[1:]) for ts in tokens) / len(held_out)


def sample(parameters: Parameters, source: random.Random, temperature: float = TEMPERATURE) -> str:
    """A name, letter by letter, each drawn by its probability; a lower temperature prefers the likely ones."""
    tokens = [END]
    with ag.no_grad():
        while len(tokens) <= PLACES:
            logits = GPT(parameters)(tokens)[-1]
            weights = [p.data for p in ag.softmax([x / temperature for x in logits])]
            tokens += source.choices(range(END + 1), weights)
            if tokens[-1] == END:
                break
    return "".join(LETTERS[token] for token in tokens if token != END)


def measured(steps: int, seed: int) -> str:
    """How long a step takes on the engine in use, after one that is not counted."""
    names, training = load(seed), Training(initialised(seed), steps + 1)
    training.step(names[0])
    began = time.perf_counter()
    for name in names[1 : steps + 1]:
        training.step(name)
    return f"{ag.backend().name} engine: {1000.0 * (time.perf_counter() - began) / steps:.1f} ms a step"


def engines(seed: int) -> list[str]:
    """What `measured` says of each engine, in a process of its own."""
    told = []
    for pure, steps in (("", 50), ("1", 3)):
        code = f"from demos.microgpt import measured; print(measured({steps}, {seed}))"
        command, environment = [sys.executable, "-c", code], {**os.environ, "AUTOGRAD_PURE": pure}
        done = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
        told.append(done.stdout.strip())
    return told if told[0].split()[0] != told[1].split()[0] else told[1:]  # where no compiled engine was built


def graph(parameters: Parameters, name: str, path: Path) -> bool:
    """Draw the graph of one step, modules closed; without Graphviz say what is missing."""
    with ag.trace():
        result = loss(parameters, encoded(name))
    result.backward()
    try:
        ag.draw(result, title=f"a step on {name}", direction="TB", collapse=2).save(path)
    except nn.MissingLibraryError as missing:
        print(f"no picture of the graph: {missing}")
        return False
    return True


def main(argv: Sequence[str] | None = None) -> None:
    """Train, say how well it knows names that it has never seen, and make some up."""
    parser = argparse.ArgumentParser(prog="python -m demos.microgpt", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=count, default=1000)
    parser.add_argument("--seed", type=seed, default=0, help="of the weights, the order of names and the samples")
    parser.add_argument("--out", type=folder, default="out/microgpt", help="folder for curve, names and graph")
    options = parser.parse_args(argv)

    from . import pictures

    names = load(options.seed)
    names, held_out = names[HELD_OUT:], names[:HELD_OUT]
    parameters = initialised(options.seed)
    training = Training(parameters, options.steps)
    print(f"{len(names)} names to learn from, {len(held_out)} held out, {len(training.optimizer.params)} parameters")
    losses, began = [], time.perf_counter()
    for step in pictures.progress_bar(options.steps):
        losses.append(training.step(names[step % len(names)]).data)
        if (step + 1) % 100 == 0:
            pictures.tell(f"step {step + 1:4d}: loss {math.fsum(losses[-100:]) / 100:.3f}, the mean of 100 steps")
    seconds = time.perf_counter() - began
    nodes = [len(ag.topological_order(loss(parameters, encoded(name)))) for name in names[:COUNTED]]
    print(f"{options.steps} steps in {seconds:.1f} s, {sum(nodes) / len(nodes):.0f} nodes a step")
    for line in engines(options.seed):
        print(line)

    known = {"the GPT": held_out_loss(parameters, held_out), "counted pairs": pairs_loss(names, held_out)}
    known["any letter alike"] = math.log(END + 1)
    print("held-out loss:", ", ".join(f"{name} {x:.3f}" for name, x in known.items()))
    source = random.Random(options.seed)
    made = [sample(parameters, source) for _ in range(SAMPLES)]
    new = len(set(made) - {*names, *held_out})
    print(f"{SAMPLES} made up, of which {new} are in no list: {', '.join(made)}")

    (options.out / "names.txt").write_text("\n".join(made) + "\n", encoding="utf-8")
    title = f"A GPT of {len(training.optimizer.params)} parameters learns names"
    pictures.loss_curve(losses, known, title, options.out / "curve.png")
    left = ["names.txt", "curve.png"]
    left += ["graph.svg"] * graph(parameters, held_out[0], options.out / "graph.svg")
    print(f"in {options.out}: {', '.join(left)}")


if __name__ == "__main__":
    main()
