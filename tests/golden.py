"""Drawings whose text is kept under tests/data/drawing, the README's picture, and the command that writes them anew.

    python -m tests.golden

Every number in them is exact on every machine: no function whose last bit a C library decides.
"""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable
from pathlib import Path

import autograd
import nn
from autograd import Value, draw
from autograd.drawing import Drawing
from tests.pythons import ROOT

FOLDER = Path(__file__).parent / "data" / "drawing"
PICTURE = FOLDER / "neuron.svg"


def expression(backward: bool = True) -> Value:
    """A few labelled nodes; one leaf is used twice."""
    a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    result = d * f * 0.5 + a**2
    result.label = "L"
    if backward:
        result.backward()
    return result


def wrong() -> Value:
    """A result that is no number."""
    with autograd.ieee():
        result = Value(0.0, "zero") / Value(0.0, 'q"|{}<b>\\N') + Value(1.0) / 0.0
    result.backward()
    return result


class Block(nn.Module):
    """Two products and a skip connection."""

    def __init__(self, n: int) -> None:
        self.up, self.down = nn.Linear(n, n), nn.Linear(n, n)
        for k, p in enumerate(self.parameters()):
            p.data = k % 5 - 2.0

    def forward(self, x: list[Value]) -> list[Value]:
        """x and what two layers make of it."""
        inner = [h.relu() for h in self.up(x)]
        return [a + b for a, b in zip(x, self.down(inner), strict=True)]


class Tower(nn.Module):
    """Blocks on top of each other, and a head."""

    def __init__(self, n: int, blocks: int) -> None:
        self.blocks = [Block(n) for _ in range(blocks)]
        self.head = nn.Linear(n, 1)
        for p in self.head.parameters():
            p.data = 0.5

    def forward(self, x: list[float]) -> Value:
        """One number."""
        for block in self.blocks:
            x = block(x)
        y: Value = self.head(x)[0]
        return y


def tower(n: int = 3, blocks: int = 2, samples: int = 1) -> Value:
    """The loss of a Tower, traced."""
    model = Tower(n, blocks)
    with autograd.trace():
        errors = [model([1.0 + i + s for i in range(n)]) - 1.0 for s in range(samples)]
    result = autograd.sum([error * error for error in errors])
    result.label = "loss"
    result.backward()
    return result


def readme() -> Drawing:
    """What the lines above the README's picture draw."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    above = text[: text.index(f"/{PICTURE.name})")]
    lines = re.findall(r"^```python\n(.*?)^```$", above, re.MULTILINE | re.DOTALL)[-1]
    names: dict[str, Drawing] = {}
    for example in doctest.DocTestParser().get_examples(lines):
        exec(example.source, names)
    return names["drawing"]


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "expression": lambda: draw(expression(), title="an expression"),
    "before": lambda: draw(expression(backward=False), direction="TB", source="none"),
    "wrong": lambda: draw(wrong(), theme="dark"),
    "modules": lambda: draw(tower(), collapse=None, source="none"),
    "closed": lambda: draw(tower(blocks=4, samples=3), limit=12, source="none"),
}


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in DRAWINGS.items():
        drawing = make()
        drawing.save(FOLDER / f"{name}.dot")
        drawing.save(FOLDER / f"{name}.mmd")
        print(f"{name}: {drawing!r}")
    readme().save(PICTURE)


if __name__ == "__main__":
    main()
