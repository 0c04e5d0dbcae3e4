"""How large graphs are drawn: cards, bytes and seconds, and in a browser the smallest text and what overlaps.

python -m tests.legibility
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import autograd
from autograd import Value, draw
from demos import gallery
from tests.browser import CHROMIUM, Browser
from tests.golden import tower
from tests.looking import LEGIBLE


def layers() -> Value:
    """Two layers of neurons on many samples, every product and sum a node, and no modules."""
    source = random.Random(1)
    first = [[Value(source.uniform(-1, 1)) for _ in range(16)] for _ in range(24)]
    second = [[Value(source.uniform(-1, 1)) for _ in range(24)] for _ in range(16)]
    loss = Value(0.0)
    for _ in range(36):
        x = [source.uniform(-1, 1) for _ in range(16)]
        hidden = [sum((w * a for w, a in zip(row, x, strict=True)), Value(0.0)).tanh() for row in first]
        out = [sum((w * a for w, a in zip(row, hidden, strict=True)), Value(0.0)).tanh() for row in second]
        loss = loss + sum(((y - 1.0) ** 2 for y in out), Value(0.0))
    return loss


def tangle() -> Value:
    """Anything may use anything: nothing that could be folded."""
    source = random.Random(2)
    values = [Value(source.uniform(-1, 1)) for _ in range(50)]
    for k in range(59_000):
        a, b = source.choice(values[-3000:]), source.choice(values)
        values.append(a * b if k % 2 else (a + b).tanh())
    return autograd.sum(values[-2000:])


def deep() -> Value:
    """A million operations, one after the other."""
    value = Value(1.0)
    for _ in range(1_000_000):
        value = value * 1.000001
    return value


GRAPHS: dict[str, Callable[[], Value]] = {
    "modules": lambda: tower(n=12, blocks=30, samples=28),
    "layers": layers,
    "tangle": tangle,
    "gpt, traced": autograd.trace(gallery.gpt),
    "gpt": gallery.gpt,
    "deep": deep,
}


def main() -> None:
    """Print a line a graph."""
    browser = Browser() if CHROMIUM else None
    print(f"{'':12} {'nodes':>10} {'cards':>6} {'edges':>6} {'SVG bytes':>10} {'seconds':>8}  in a browser")
    for name, make in GRAPHS.items():
        result = make()
        result.backward()
        began = time.perf_counter()
        drawing = draw(result)
        svg = drawing.svg()
        seconds = time.perf_counter() - began
        nodes, size = len(autograd.topological_order(result)), len(svg.encode())
        seen = "no Chromium here"
        if browser:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "drawing.svg")
                path.write_text(svg, encoding="utf-8")
                browser.open(path)
                number, smallest, bad = browser.run(LEGIBLE)
            seen = f"{number} texts of {smallest:g} px or more, {len(bad)} that overlap or stick out"
        picture = drawing.picture
        print(f"{name:12} {nodes:10,} {len(picture.cards):6} {len(picture.edges):6} {size:10,} {seconds:8.1f}  {seen}")
    if browser:
        browser.close()


if __name__ == "__main__":
    main()
