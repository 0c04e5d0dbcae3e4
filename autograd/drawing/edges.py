"""What runs between groups, and what they use that has no card of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .graph import Graph
from .palette import step
from .picture import CHIPS, Edge
from .reduction import Group
from .text import Style, count, listed

LABELLED_UP_TO = 30  # cards: beyond, no local derivatives are written on edges
EDGES_A_CARD = 3  # on average; beyond, only the strongest are drawn

Ends = tuple[str, str, int]  # the cards' names, and which input it is, -1 for all between the two


@dataclass
class Hidden:
    """An input that has no card: a constant, a leaf, or a node out of focus.

    Attributes:
        node: its place in the graph, None for a constant.
        slot: which input of its user it is.
        contribution: what is sent to it, None where nothing is.
    """

    node: int | None
    slot: int
    contribution: float | None


@dataclass
class Line:
    """Everything that runs from one card to another, or one input of it.

    Attributes:
        user, slot: a node and which of its inputs this is.
        count: how many inputs run here.
        total: the sum of their contributions.
        largest: the largest size of a contribution.
        known: whether there are contributions at all.
    """

    user: int
    slot: int
    count: int = 0
    total: float = 0.0
    largest: float = 0.0
    known: bool = False

    @property
    def strength(self) -> float:
        """How much it matters; a nan matters most."""
        return abs(self.total) if math.isfinite(self.total) else math.inf


class Inputs:
    """The inputs of all groups' nodes, each inside of its group, on a line between two groups, or hidden.

    Attributes:
        number: of each node the number of its group.
        hidden: of each node on its own what has no card; for groups left empty.
        leaves: of each group the leaves that have no card.
        lines: what runs between groups.
    """

    def __init__(self, graph: Graph, groups: Sequence[Group]) -> None:
        self.graph, self.groups = graph, groups
        self.number = {i: k for k, group in enumerate(groups) for i in group.members}
        self.hidden: list[list[Hidden]] = [[] for _ in groups]
        self.leaves: list[set[int]] = [set() for _ in groups]
        self.lines: dict[Ends, Line] = {}
        self._locals: dict[int, Sequence[float | None]] = {}  # a node's edges ask one after the other
        for k, group in enumerate(groups):
            for i in group.members:
                self._sort(k, i)

    def _sort(self, k: int, i: int) -> None:
        inputs, alone = self.graph.inputs[i], self.groups[k].kind == "node"
        for slot, x in enumerate(inputs):
            other = None if x is None else self.number.get(x)
            if other == k:
                continue
            if other is None and x is not None and not self.graph.inputs[x]:
                self.leaves[k].add(x)
            if other is None and not alone:
                continue
            sent = self.graph.sent(i)  # asked for only here: what stays inside of a group is not computed
            contribution = sent[slot] if sent else None
            if other is None:
                self.hidden[k].append(Hidden(x, slot, contribution))
                continue
            apart = alone and self.groups[other].kind == "node" and len(inputs) <= CHIPS
            ends = (f"n{other}", f"n{k}", slot if apart else -1)
            line = self.lines.get(ends)
            if line is None:
                line = self.lines[ends] = Line(i, slot)
            line.count += 1
            line.known = line.known or bool(sent)
            line.total += contribution or 0.0
            line.largest = max(line.largest, abs(contribution or 0.0))

    def edges(self, style: Style) -> list[Edge]:
        """The lines that are drawn: all, or of too many the strongest."""
        sizes = [abs(line.total) for line in self.lines.values() if math.isfinite(line.total)]
        largest = max(sizes, default=0.0)
        drawn = self._strongest(EDGES_A_CARD * max(len(self.groups), LABELLED_UP_TO))
        return [self._edge(ends, line, largest, style) for ends, line in self.lines.items() if ends in drawn]

    def _strongest(self, most: int) -> set[Ends]:
        """Of each card the strongest line that leaves it, and the strongest of all lines."""
        if len(self.lines) <= most:
            return set(self.lines)
        ranked = sorted(self.lines, key=lambda ends: self.lines[ends].strength, reverse=True)
        first: dict[str, Ends] = {}
        for ends in ranked:
            first.setdefault(ends[0], ends)
        return {*first.values(), *ranked[: most - len(first)]}

    def _edge(self, ends: Ends, line: Line, largest: float, style: Style) -> Edge:
        tail, head, slot = ends
        sign, size = "", -1
        if line.known and not math.isfinite(line.total):
            sign, size = "bad", 2
        elif line.known:
            size = step(line.total, largest)
            sign = "" if size < 0 else "positive" if line.total > 0.0 else "negative"
        if line.count > 1:
            said = [count(line.count, "edge")]
            if line.known:
                said.append(f"contributions {line.total!r} in all, the largest of size {line.largest!r}")
            return Edge(tail, head, slot, "", listed(said), sign, size)
        if line.user not in self._locals:
            self._locals = {line.user: self.graph.local(line.user)}
        locals_ = self._locals[line.user]
        local = locals_[line.slot] if locals_ else None
        label = "" if local is None or len(self.groups) > LABELLED_UP_TO else f"∂ {style.shown(local)}"
        said = ["" if local is None else f"local derivative {local!r}"]
        if locals_ and local is None:
            said.append("nothing is sent back here")
        elif line.known:
            said.append(f"contribution {line.total!r}")
        return Edge(tail, head, slot, label, listed(said), sign, size)
