"""Attention learns where to look: names are read backwards, and the weights show how.

Each place asks a question, its query, which meets every place's key; softmax makes weights of the answers, and what
comes out is the values' mean with these weights. To write a name backwards, the i-th letter must come from the i-th
place from the end. Nobody says so: the gradient of the loss makes the weights a diagonal that falls the other way.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import autograd as ag
import nn
from autograd import Value

from .. import microgpt
from . import plots

LETTERS, LENGTH, SIZE, SEED = microgpt.LETTERS, 5, 8, 0
BATCH, RATE = 4, 0.02
Rows = list[list[Any]]


class Reverser(nn.Module):
    """One head of attention between embeddings, of letters and of places, and a linear layer.

    Args:
        letters: how many there are.
        length: of a word.
        size: of an embedding.
        seed: of the parameters.
    """

    def __init__(self, letters: int, length: int, size: int, seed: int) -> None:
        source = random.Random(seed)
        tables = [[[nn.Parameter(0.0) for _ in range(size)] for _ in range(n)] for n in (letters, length)]
        self.letters, self.places = (nn.init.normal_(table, std=0.5, seed=source) for table in tables)
        self.query, self.key, self.value = (nn.Linear(size, size, bias=False, seed=source) for _ in range(3))
        self.scores = nn.Linear(size, letters, seed=source)

    def attend(self, word: Sequence[int]) -> tuple[Rows, Rows]:
        """The weights, a row for each place that asks, and what each place gets."""
        pairs = zip([self.letters[i] for i in word], self.places, strict=True)
        xs = [[a + b for a, b in zip(letter, place, strict=True)] for letter, place in pairs]
        queries, keys, values = ([layer(x) for x in xs] for layer in (self.query, self.key, self.value))
        root = math.sqrt(len(keys[0]))
        weights = [ag.softmax([ag.dot(query, key) / root for key in keys]) for query in queries]
        columns = list(zip(*values, strict=True))
        return weights, [[ag.dot(row, column) for column in columns] for row in weights]

    def forward(self, word: Sequence[int]) -> Rows:
        """For each place the letters' scores."""
        return [self.scores(x) for x in self.attend(word)[1]]


def loss_of(model: Reverser, word: Sequence[int]) -> Value:
    """The mean cross-entropy of the letters from the last to the first."""
    return nn.cross_entropy(model(word), list(reversed(word)))  # type: ignore[no-any-return]


def build() -> Value:
    """The loss on a word of two letters, of an alphabet of three, with embeddings of two numbers."""
    return loss_of(Reverser(letters=3, length=2, size=2, seed=0), [2, 1])


def weights_of(model: Reverser, word: Sequence[int]) -> list[list[float]]:
    """The weights of attention as floats."""
    with ag.no_grad():
        return [[w.data for w in row] for row in model.attend(word)[0]]


def looked_right(model: Reverser, words: Sequence[Sequence[int]]) -> float:
    """How much of the weights, on average, is on the place from the end."""
    rows = [row[-i] for word in words for i, row in enumerate(weights_of(model, word), 1)]
    return fmean(rows)


def written(model: Reverser, word: Sequence[int]) -> list[int]:
    """The letters of the highest scores."""
    with ag.no_grad():
        return [max(range(len(row)), key=row.__getitem__) for row in model(word)]


def text(word: Iterable[int]) -> str:
    """A word's letters."""
    return "".join(LETTERS[i] for i in word)


def run(folder: Path, quick: bool) -> None:
    """Train, write unseen names backwards, and draw where it looked."""
    words = [[LETTERS.index(letter) for letter in name] for name in microgpt.load(SEED) if len(name) == LENGTH]
    held_out, words = words[:100], words[100:]
    model, steps = Reverser(len(LETTERS), LENGTH, SIZE, SEED), 300 if quick else 1000
    optimizer, source, losses = nn.Adam(model.parameters(), lr=RATE), random.Random(SEED), []
    print(f"{len(words)} names of {LENGTH} letters, {len(held_out)} held out; {len(optimizer.params)} parameters")
    seen = {"before": weights_of(model, held_out[0])}
    print(f"before: {looked_right(model, held_out):.1%} of the weights look at the place from the end")

    for step in range(steps):
        loss = ag.mean([loss_of(model, word) for word in source.sample(words, BATCH)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = RATE * (1.0 - step / steps)
        optimizer.step()
        losses.append(loss.data)

    seen[f"after {steps} steps"] = weights_of(model, held_out[0])
    answers = [written(model, word) for word in held_out]
    right = sum(answer == word[::-1] for answer, word in zip(answers, held_out, strict=True))
    print(f"after {steps} steps: {looked_right(model, held_out):.1%}; {right} of {len(held_out)} held-out names right")
    print("  " + ", ".join(f"{text(w)} → {text(a)}" for w, a in zip(held_out[:8], answers, strict=False)))
    plots.attention(seen, text(held_out[0]), text(reversed(held_out[0])), folder / "attention.png")
    plots.curves({"loss": plots.smoothed(losses)}, "Writing names backwards", folder / "training.png", x="step")
