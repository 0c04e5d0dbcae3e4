"""The parts of a picture: cards with chips, edges, clusters; every word of them and the room it takes, but no places.

Everything that shows a graph, as DOT, Mermaid, SVG or a page, reads these and decides nothing itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from .text import CELL, width

TITLE: Final = 12.0  # sizes of text, in pixels
ROW: Final = 11.0
CHIP: Final = 10.0
SMALL: Final = 9.0
LINE: Final = 15.0  # from one line to the next
CHIP_LINE: Final = 17.0
MARGIN: Final = 8.0  # of a card, at its sides
CHIPS: Final = 6  # on a card

Path: TypeAlias = tuple[str, ...]  # of modules, outermost first


@dataclass(frozen=True)
class Chip:
    """An input inside the card that uses it.

    Attributes:
        text: what it is.
        tone: the colour, by the gradient.
        parameter: whether an optimiser may change it.
        marked: whether the caller wants it seen.
        tip: all of it in words.
        node: its place in the graph; None for a constant and for "more".
    """

    text: str
    tone: str = "plain"
    parameter: bool = False
    marked: bool = False
    tip: str = ""
    node: int | None = None

    @property
    def room(self) -> float:
        """How wide it is."""
        return width(self.text) * CHIP * CELL + 14.0


@dataclass
class Card:
    """A node, or a group of nodes, as it is drawn.

    Attributes:
        name: unique in the drawing.
        kind: "leaf", "parameter", "node", or the kind of a `Group`.
        title: what it is: its op or name.
        rows: pairs of a word and a number or text.
        chips: inputs that have no cards of their own.
        tone: the colour, by the gradient.
        tip: all of it in words.
        cluster: the modules around it, outermost first.
        members: the places of its nodes in the graph, oldest first.
        marked: whether the caller wants it seen.
    """

    name: str
    kind: str
    title: str
    rows: list[tuple[str, str]]
    chips: list[Chip]
    tone: str
    tip: str
    cluster: Path
    members: list[int]
    marked: bool = False

    @property
    def is_group(self) -> bool:
        """Whether it stands for more than one node."""
        return self.kind not in ("leaf", "parameter", "node")

    @property
    def size(self) -> tuple[float, float]:
        """How wide and how high it is."""
        rows = [(width(word) + width(text) + (2 if word else 0)) * ROW * CELL for word, text in self.rows]
        widest = max([width(self.title) * TITLE * CELL, *rows, *[chip.room for chip in self.chips]])
        height = 22.0 + LINE * len(self.rows) + (CHIP_LINE * len(self.chips) + 3.0 if self.chips else 0.0)
        return math.ceil(widest + 2 * MARGIN), height


@dataclass
class Edge:
    """From an input's card to the card of its user.

    Attributes:
        tail, head: names of cards.
        slot: which of its user's inputs it is, -1 where it may be many.
        label: the local derivative, "" where it is not written.
        tip: what is known of it, in words.
        sign: "positive", "negative" or "bad" by what flows back along it, "" where nothing does.
        step: how much that is, from 0 to 4; -1 for nothing.
    """

    tail: str
    head: str
    slot: int
    label: str
    tip: str
    sign: str = ""
    step: int = -1


@dataclass
class Picture:
    """A whole drawing without places: cards, edges, and what stands around them."""

    title: str
    words: str  # what there is to see, for those who can't
    cards: list[Card] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what the drawing leaves out or could not know
    largest: float | None = None  # the largest finite |gradient|, None where there is no gradient at all
    direction: str = "LR"

    @property
    def clusters(self) -> list[Path]:
        """Every module with cards in it, an outer one before its inner ones, in the order in which cards enter them."""
        found: dict[Path, None] = {}
        for card in self.cards:
            for depth in range(1, len(card.cluster) + 1):
                found.setdefault(card.cluster[:depth])
        return list(found)

    def walk(self) -> Iterator[tuple[int, Path, list[Card]] | None]:
        """Into every cluster and out of it: its place in `clusters`, its path and its own cards, then None."""
        number = {path: k for k, path in enumerate(self.clusters)}
        own: dict[Path, list[Card]] = {path: [] for path in number}
        for card in self.cards:
            if card.cluster:
                own[card.cluster].append(card)
        inner: dict[Path, list[Path]] = {path: [] for path in [(), *number]}
        for path in number:
            inner[path[:-1]].append(path)
        stack: list[Path | None] = [*reversed(inner[()])]
        while stack:
            top = stack.pop()
            if top is None:
                yield None
            else:
                yield number[top], top, own[top]
                stack += [None, *reversed(inner[top])]
