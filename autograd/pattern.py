"""Which result was computed from which argument: the graph knows, and most pairs have nothing to do with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import chain
from .engine import Value

_INK, _FRAME = "#2563a8", "#9ca3af"
_WIDTH = 560.0  # of a picture's longer side, in pixels


@dataclass(frozen=True)
class Pattern:
    """Where a matrix may have entries other than 0.

    Attributes:
        shape: how many rows and columns.
        rows: the columns of each row's entries, in rising order.

    >>> pattern = Pattern((2, 3), ((0, 1), (2,)))
    >>> pattern
    Pattern(2 × 3, 3 entries)
    >>> print(pattern)
    ■ ■ ·
    · · ■
    """

    shape: tuple[int, int]
    rows: tuple[tuple[int, ...], ...]

    def __repr__(self) -> str:
        return f"Pattern({self.shape[0]} × {self.shape[1]}, {self.count} entries)"

    def __str__(self) -> str:
        places = range(self.shape[1])
        return "\n".join(" ".join("■" if j in row else "·" for j in places) for row in map(set, self.rows))

    @property
    def count(self) -> int:
        """How many entries there are."""
        return sum(map(len, self.rows))

    def transposed(self) -> Pattern:
        """Rows for columns.

        >>> Pattern((2, 3), ((0, 1), (2,))).transposed().rows
        ((0,), (0,), (1,))
        """
        columns: list[list[int]] = [[] for _ in range(self.shape[1])]
        for i, row in enumerate(self.rows):
            for j in row:
                columns[j].append(i)
        return Pattern((self.shape[1], self.shape[0]), tuple(map(tuple, columns)))

    def svg(self, path: str | Path | None = None) -> str:
        """A picture of it, as SVG text; written to a file where a path is given.

        Args:
            path: of the file.

        >>> Pattern((2, 3), ((0, 1), (2,))).svg().startswith("<svg")
        True
        """
        height, width = self.shape
        side = _WIDTH / max(height, width, 8)
        gap = side / 8 if side > 4 else 0.0
        cells = []
        for i, row in enumerate(self.rows):
            for first, last in _runs(row) if gap == 0.0 else ((j, j) for j in row):
                x, y, length = first * side + gap, i * side + gap, (last - first + 1) * side - 2 * gap
                cells.append(f"M{x:.2f} {y:.2f}h{length:.2f}v{side - 2 * gap:.2f}h{-length:.2f}z")
        across, down = width * side, height * side
        whole = max(across, 180.0) + 20.0, down + 44.0
        text = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 -10 {whole[0]:.0f} {whole[1]:.0f}" '
            f'width="{whole[0]:.0f}" height="{whole[1]:.0f}" font-family="sans-serif" font-size="14">'
            f'<rect x="-10" y="-10" width="100%" height="100%" fill="white"/>'
            f'<rect width="{across:.2f}" height="{down:.2f}" fill="none" stroke="{_FRAME}"/>'
            f'<path d="{"".join(cells)}" fill="{_INK}"/>'
            f'<text y="{down + 22:.0f}">{height} × {width}, {self.count} entries</text></svg>'
        )
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def _repr_svg_(self) -> str:
        return self.svg()


def dependence(ys: Sequence[Value], xs: Sequence[Value]) -> Pattern:
    """Which of ys were computed from which of xs, by the graph alone.

    >>> a, b, c = Value(1.0), Value(2.0), Value(3.0)
    >>> print(dependence([a * b, c + 1.0], [a, b, c]))
    ■ ■ ·
    · · ■
    """
    order = chain.topological_order(*ys)
    left = dict.fromkeys(order, 0)  # how many users are still to come: a set of many is let go when it has served
    for node in order:
        for x in node.inputs:
            if type(x) is Value and x in left:
                left[x] += 1
    results = set(ys)
    sets = {x: 1 << j for j, x in enumerate(xs)}  # as bits of a number
    for node in reversed(order):
        bits = sets.get(node, 0)
        for x in node.inputs:
            if type(x) is Value:
                bits |= sets.get(x, 0)
                if x in left:
                    left[x] -= 1
                    if not left[x] and x not in results:
                        sets.pop(x, None)
        sets[node] = bits
    return Pattern((len(ys), len(xs)), tuple(tuple(_places(sets.get(y, 0))) for y in ys))


def _places(bits: int) -> list[int]:
    """Which bits are set: in time that grows with how many there are, and with the number's length once."""
    text = bin(bits)[:1:-1]
    places = []
    at = text.find("1")
    while at >= 0:
        places.append(at)
        at = text.find("1", at + 1)
    return places


def _runs(row: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbours together: first and last of each run."""
    runs: list[tuple[int, int]] = []
    for j in row:
        if runs and runs[-1][1] == j - 1:
            runs[-1] = (runs[-1][0], j)
        else:
            runs.append((j, j))
    return runs
