"""Graphs as pictures, from a line of arithmetic to a small GPT: how each looks, on one page.

    python -m demos.gallery [--out DIR]

Leaves a page with all of them, an SVG of each, and a player of the first in the output folder.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
from collections.abc import Callable, Sequence

import autograd as ag
import nn
from autograd import Value
from autograd.drawing.page import document
from autograd.drawing.text import escape

from .options import folder

SHEET = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 1200px; padding: 16px; font: 16px/1.5 system-ui, sans-serif; }
figure { margin: 8px 0 40px; overflow: auto; border: 1px solid #8b949e66; border-radius: 8px; }
"""


def expression() -> Value:
    """L = tanh((a·b + c)·f/10) + a·f/4: every node with its number and its gradient; a and f are used twice."""
    a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
    e = a * b
    d = e + c
    L = (d * f * 0.1).tanh() + a * f * 0.25
    return L


def neuron() -> Value:
    """One neuron and its squared error. Thick frames are parameters; an open arrow is a negative contribution."""
    w = [nn.Parameter(x, f"w{i}") for i, x in enumerate((-0.35, -0.7, 0.3))]
    x = [Value(number, f"x{i}") for i, number in enumerate((1.0, -2.0, 0.5))]
    b = nn.Parameter(-0.26, "b")
    o = (w[0] * x[0] + w[1] * x[1] + w[2] * x[2] + b).tanh()
    loss = (o - 0.3) ** 2
    return loss


def mlp() -> Value:
    """A network of two layers on one sample: modules are boxes, weights stand in the cards that use them."""
    model = nn.MLP(3, [4, 2, 1], seed=4)
    loss = (model([1.0, 2.0, 0.5]) - 1.0) ** 2
    return loss


def lstm_cell() -> Value:
    """An LSTM cell of two units over two steps: each weight is shared, ↗n says by how many."""
    cell = nn.LSTMCell(1, 2, seed=1)
    state = None
    for x in (0.5, -1.0):
        state = cell([x], state)
    assert state is not None
    h, _ = state
    loss = (h[0] - 0.3) ** 2 + (h[1] + 0.2) ** 2
    return loss


def attention_head() -> Value:
    """One attention head over three tokens of two numbers: queries meet keys, softmax weighs values."""
    source = random.Random(2)
    ask, key, value = (
        [[nn.Parameter(source.gauss(0, 0.7), f"{name}{i}{j}") for j in range(2)] for i in range(2)] for name in "qkv"
    )
    tokens = [[0.5, -1.0], [1.0, 0.3], [-0.4, 0.8]]
    query = [ag.dot(row, tokens[-1]) for row in ask]
    scores = [ag.dot(query, [ag.dot(row, token) for row in key]) / math.sqrt(2.0) for token in tokens]
    weights = ag.softmax(scores)
    out = [ag.dot(weights, [ag.dot(row, token) for token in tokens]) for row in value]
    loss = ag.dot(out, out)
    return loss


def not_a_number() -> Value:
    """Where a nan comes from: 0/0 deep in a loss, and everything that it spoils."""
    scale, offset = Value(0.0, "scale"), Value(1.0, "offset")
    with ag.ieee():
        norm = scale / scale
        loss = (norm * 2.0 + offset).tanh() + offset * 0.5
    return loss


def gpt() -> Value:
    """A step of a GPT in plain Values, eight tokens, some 60 000 operations: grouped by the lines that made them."""
    size, heads, words, source = 16, 4, 27, random.Random(1)

    def matrix(rows: int, columns: int) -> list[list[Value]]:
        return [[nn.Parameter(source.gauss(0, 0.3)) for _ in range(columns)] for _ in range(rows)]

    token_table, place_table, head = matrix(words, size), matrix(8, size), matrix(words, size)
    ask, key, value, mix = (matrix(size, size) for _ in range(4))
    up, down = matrix(4 * size, size), matrix(size, 4 * size)
    text = [source.randrange(words) for _ in range(9)]

    def linear(rows: list[list[Value]], x: list[Value]) -> list[Value]:
        return [sum((w * a for w, a in zip(row[1:], x[1:], strict=True)), row[0] * x[0]) for row in rows]

    def normed(x: list[Value]) -> list[Value]:
        mean_square = sum((a * a for a in x[1:]), x[0] * x[0]) * (1.0 / len(x))
        scale = (mean_square + 1e-5) ** -0.5
        return [a * scale for a in x]

    def softmax(x: list[Value]) -> list[Value]:
        top = max(a.data for a in x)
        exps = [(a - top).exp() for a in x]
        total = sum(exps[1:], exps[0])
        return [e / total for e in exps]

    keys: list[list[Value]] = []
    values: list[list[Value]] = []
    losses = []
    for place, (token, target) in enumerate(itertools.pairwise(text)):
        x = [a + b for a, b in zip(token_table[token], place_table[place], strict=True)]
        y = normed(x)
        query = linear(ask, y)
        keys.append(linear(key, y))
        values.append(linear(value, y))
        mixed: list[Value] = []
        for h in range(0, size, size // heads):
            part = slice(h, h + size // heads)
            scores = [ag.dot(query[part], k[part]) * 0.5 for k in keys]
            weights = softmax(scores)
            mixed += [ag.dot(weights, column) for column in zip(*[v[part] for v in values], strict=True)]
        x = [a + b for a, b in zip(x, linear(mix, mixed), strict=True)]
        hidden = [a.relu() for a in linear(up, normed(x))]
        x = [a + b for a, b in zip(x, linear(down, hidden), strict=True)]
        chances = softmax(linear(head, x))
        losses.append(-chances[target].log())
    loss = sum(losses[1:], losses[0]) * (1.0 / len(losses))
    return loss


PIECES: dict[str, Callable[[], Value]] = {
    piece.__name__: piece for piece in (expression, neuron, mlp, lstm_cell, attention_head, not_a_number, gpt)
}


def build() -> Value:
    """The attention head's loss."""
    return attention_head()


def main(argv: Sequence[str] | None = None) -> None:
    """Draw all of them."""
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m demos.gallery", description=about)
    parser.add_argument("--out", type=folder, default="out/gallery", help="folder for the page and the pictures")
    options = parser.parse_args(argv)

    parts = [f"<h1>{escape(about.partition(':')[0])}</h1>"]
    for name, piece in PIECES.items():
        with ag.trace():
            result = piece()
        result.backward()
        title, story = name.replace("_", " "), (piece.__doc__ or "").partition("\n")[0]
        drawing = ag.draw(result)
        print(f"{title}: {drawing.picture.words} {len(drawing.picture.cards)} cards")
        drawing.save(options.out / f"{name}.svg")
        parts += [f"<h2>{escape(title)}</h2>", f"<p>{escape(story)}</p>", f"<figure>{drawing.svg()}</figure>"]
        if piece is expression:
            ag.player(result, title=title).save(options.out / "player.html")
            parts.append('<p><a href="player.html">Play its backward pass</a></p>')
    page = options.out / "index.html"
    page.write_text(document("A gallery of graphs", "\n".join(parts), [SHEET]), encoding="utf-8")
    print(f"in {options.out}: index.html, player.html, {', '.join(f'{name}.svg' for name in PIECES)}")


if __name__ == "__main__":
    main()
