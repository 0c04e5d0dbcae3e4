"""What is written on the cards of a reduced graph, and about the whole of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from .edges import Hidden, Inputs
from .graph import Graph
from .palette import tone
from .picture import CHIPS, Card, Chip, Picture
from .reduction import Group
from .text import Style, clean, clip, count, grouped, listed

CELLS: Final = 26  # of a title
TOLD: Final = 400  # letters of a label in a tooltip

SIGNS: Final = {"*": "×", "-": "−", "/": "÷"}
POWERS: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def picture(
    graph: Graph, groups: list[Group], style: Style, marks: Mapping[int, str], title: str, direction: str
) -> Picture:
    """Put a reduced graph into words.

    Args:
        graph: what is drawn.
        groups: what is drawn as one.
        style: how numbers and places are written.
        marks: nodes to make stand out, each with a text for its card, or "".
        title: of the whole.
        direction: where results are: "LR" right, "RL" left, "TB" below, "BT" above.
    """
    write = _Writer(graph, groups, style, marks)
    cards = [write.card(k) for k in range(len(groups))]
    edges = write.inputs.edges(style)
    return Picture(clip(clean(title), 200), write.words(), cards, edges, write.notes(edges), write.largest, direction)


class _Writer:
    def __init__(self, graph: Graph, groups: list[Group], style: Style, marks: Mapping[int, str]) -> None:
        self.graph, self.groups, self.style, self.marks = graph, groups, style, marks
        self.inputs = Inputs(graph, groups)
        grads = [abs(g) for g in graph.grads if g is not None]
        self.largest = max([g for g in grads if math.isfinite(g)], default=0.0) if grads else None
        drawn = self.inputs.number
        self.users_outside = Counter(
            x for i, inputs in enumerate(graph.inputs) if inputs and i not in drawn for x in inputs if x in drawn
        )

    # ── Cards ───────────────────────────────────────────────────────────────────────────────────────────────

    def card(self, k: int) -> Card:
        """The card of the k-th group."""
        group = self.groups[k]
        if group.kind == "node":
            return self._node(f"n{k}", group, self.inputs.hidden[k])
        return self._group(f"n{k}", group, self.inputs.leaves[k])

    def _node(self, name: str, group: Group, hidden: list[Hidden]) -> Card:
        i = group.last
        node = self.graph.nodes[i]
        kind, chips = "node", list[Chip]()
        glyph, folded = _operation(node, self._other(i), self.style)
        if node.inputs:
            tip = self._told_of(i)
            chips = self._chips(i, hidden, constants=not folded)
        else:
            tip = self._told_of_leaf(i)
            kind = "parameter" if node.is_parameter else "leaf"
        rows = [("data", self.style.shown(node.data))]
        g = self.graph.grads[i]
        if g is not None:
            rows.append(("grad", _arrow(g) + self.style.shown(g)))
        if self.users_outside[i]:
            rows.append(("", f"→ {count(self.users_outside[i], 'user')} more"))
        label = clean(self.graph.labels[i])
        title = f"{label} = {glyph}" if folded and label else f"{glyph} {label}".strip() or self.style.shown(node.data)
        return self._finished(Card(name, kind, title, rows, chips, self._tone(i), tip, group.cluster, [i]), [i])

    def _group(self, name: str, group: Group, leaves: set[int]) -> Card:
        nodes = [self.graph.nodes[i] for i in group.members]
        last, made, show = nodes[-1], self.graph.sources[group.last], self.style.shown
        parameters = sum(1 for x in leaves if self.graph.nodes[x].is_parameter)
        ops = count(len(nodes), "op") + (f" · {count(parameters, 'param')}" if parameters else "")
        most = ", ".join(op for op, _ in Counter(node.op for node in nodes).most_common(3))
        rows = [("data", show(last.data))] if group.kind in ("sum", "chain") else []
        rows.append(("", ops))
        if group.kind == "line" and self.style.place(made):
            rows.append(("", clip(clean(self.style.place(made)), CELLS)))
        grads = [g for g in map(self.graph.grads.__getitem__, group.members) if g is not None]
        if grads:
            largest = max(grads, key=lambda g: abs(g) if g == g else math.inf)
            rows.append(("max |grad|", _arrow(largest) + show(abs(largest))))
        times = f" × {grouped(group.times)}" if group.times > 1 else ""
        titles = {
            "sum": f"Σ {self._terms(group)} terms",
            "chain": f"{_glyph(nodes[0])} → … → {_glyph(last)}",
            "line": clean(self.style.line(made)) or most,
            "rest": "⋯",
        }
        title = titles.get(group.kind) or clean(group.name) + times
        if group.kind in ("sum", "chain"):
            title = f"{title} {clean(self.graph.labels[group.last])}".strip()
        shared = sum(1 for x in leaves if self.graph.uses[x] > 1)
        wrong = sum(1 for node in nodes if not math.isfinite(node.data))
        tip = [
            f"{group.kind} {group.name}".strip() + f": {ops}, most of them {most}",
            f"uses {len(leaves)} leaves, {shared} of them shared" if leaves else "",
            f"{count(wrong, 'number')} of them nan or inf" if wrong else "",
            f"module {last.module}" if last.module and group.kind != "rest" else "",
            listed([self.style.place(made), self.style.line(made)]) if group.kind == "line" else "",
        ]
        numbers = [*grads, *[node.data for node in nodes]]
        colour = tone(max(grads, key=abs), self.largest or 0.0) if grads else "plain"
        colour = colour if all(map(math.isfinite, numbers)) else "bad"
        card = Card(name, group.kind, title, rows, [], colour, listed(tip), group.cluster, group.members)
        return self._finished(card, [*group.members, *leaves])

    def _terms(self, group: Group) -> int:
        inside = set(group.members)
        return sum(1 for i in group.members for x in self.graph.inputs[i] if x not in inside)

    def _other(self, i: int) -> str:
        """The one input that is a node: its label where it is short, else a box."""
        label = next((clean(self.graph.labels[x]) for x in self.graph.inputs[i] if x is not None), "")
        return label if label and len(label) < 9 else "□"

    def _finished(self, card: Card, shown: list[int]) -> Card:
        """The card with what stands out on it, and everything at most as long as there is room for."""
        marked = [i for i in shown if i in self.marks]
        texts = [self.marks[i] for i in marked if self.marks[i] and i in card.members]
        card.rows += [("", clip(clean(text), CELLS)) for text in texts[:CHIPS]]
        card.marked = bool(marked)
        card.cluster = tuple([clip(clean(part), CELLS) for part in card.cluster])
        card.title = "◆ " * card.marked + "⚠ " * (card.tone == "bad") + clip(card.title, CELLS)
        return card

    def _tone(self, i: int) -> str:
        if not math.isfinite(self.graph.nodes[i].data):
            return "bad"
        return tone(self.graph.grads[i], self.largest or 0.0)

    def _is_leaf(self, i: int) -> bool:
        return not self.graph.inputs[i]

    # ── Chips ───────────────────────────────────────────────────────────────────────────────────────────────

    def _chips(self, i: int, hidden: list[Hidden], constants: bool) -> list[Chip]:
        """What a node uses that has no card: constants unless its title has them, leaves, and what is out of focus."""
        inputs = self.graph.nodes[i].inputs
        factors = self._factors(i, hidden)
        chips, beyond = [], 0
        for one in hidden:
            if one.node is None:
                if constants and one.slot not in factors.values():
                    constant = inputs[one.slot]
                    chips.append(Chip(self.style.shown(constant), tip=f"constant {constant!r}"))
            elif self._is_leaf(one.node):
                factor = f" · {self.style.shown(inputs[factors[one.slot]])}" if one.slot in factors else ""
                chips.append(self._leaf_chip(one, factor))
            else:
                beyond += 1
        if len(chips) > CHIPS:  # those that stand out before others, all in their order
            order = sorted(range(len(chips)), key=lambda k: (not chips[k].marked, chips[k].tone != "bad", k))
            more = Chip(f"+ {grouped(len(chips) - CHIPS + 1)} more")
            chips = [*[chips[k] for k in sorted(order[: CHIPS - 1])], more]
        return [*chips, *[Chip(f"← {count(beyond, 'input')} more", tip="out of focus")] * bool(beyond)]

    def _factors(self, i: int, hidden: list[Hidden]) -> dict[int, int]:
        """In a dot product: which leaf without a card meets which constant."""
        inputs = self.graph.inputs[i]
        if self.graph.nodes[i].op not in ("dot", "sumprod"):
            return {}
        half = len(inputs) // 2
        other = [(slot + half) % (2 * half) for slot in range(2 * half)]
        return {one.slot: other[one.slot] for one in hidden if one.node is not None and inputs[other[one.slot]] is None}

    def _leaf_chip(self, one: Hidden, factor: str) -> Chip:
        x = one.node or 0
        leaf, uses = self.graph.nodes[x], self.graph.uses[x]
        colour, marked = self._tone(x), x in self.marks
        label = clip(clean(self.graph.labels[x]), 12)
        number = f"{label}={self.style.shown(leaf.data)}" if label else self.style.shown(leaf.data)
        words = ["◆" * marked, "⚠" * (colour == "bad"), number, f"↗{uses}" if uses > 1 else ""]
        text = " ".join(filter(None, words)) + factor
        sent = "" if one.contribution is None else f"contribution from here {one.contribution!r}"
        return Chip(text, colour, leaf.is_parameter, marked, listed([self._told_of_leaf(x), sent]), x)

    # ── In words ────────────────────────────────────────────────────────────────────────────────────────────

    def _told_of(self, i: int) -> str:
        node, made = self.graph.nodes[i], self.graph.sources[i]
        module = f"module {node.module}" if node.module else ""
        return listed([self._expression(i), *self._numbers(i), module, self.style.place(made), self.style.line(made)])

    def _told_of_leaf(self, x: int) -> str:
        leaf, uses = self.graph.nodes[x], self.graph.uses[x]
        what = f"{'parameter' if leaf.is_parameter else 'leaf'} {self.graph.labels[x][:TOLD]}".strip()
        return listed([what, *self._numbers(x), f"shared: used in {uses} places" if uses > 1 else ""])

    def _numbers(self, i: int) -> list[str]:
        g = self.graph.grads[i]
        return [f"data {self.graph.nodes[i].data!r}", "" if g is None else f"grad {g!r}"]

    def _expression(self, i: int) -> str:
        """A node as one would write it: ``e = a × b``."""
        node, labels, show = self.graph.nodes[i], self.graph.labels, self.style.shown
        glyph, few = _glyph(node), list(zip(node.inputs, self.graph.inputs[i], strict=True))[:8]
        names = [show(x) if k is None else clip(labels[k], 24) or show(x.data) for x, k in few]
        call = f"{node.op}({', '.join(names)}{', …' if len(node.inputs) > 8 else ''})"
        if len(names) == 2 and not glyph.isidentifier():
            call = f" {glyph} ".join(names)
        return f"{labels[i][:TOLD]} = {call}" if labels[i] else call

    def words(self) -> str:
        """What there is to see, for those who can't."""
        graph, show = self.graph, self.style.shown
        said = [f"{count(len(graph), 'node')}; {count(sum(1 for inputs in graph.inputs if inputs), 'op')}."]
        for root in graph.roots[:3]:
            name = f"The result {clip(clean(graph.labels[root]), CELLS)}".rstrip()
            said.append(f"{name} is {show(graph.nodes[root].data)}.")
        no_gradients = "There are no gradients yet."
        said.append(no_gradients if self.largest is None else f"The largest gradient is {show(self.largest)}.")
        pairs = zip(graph.nodes, graph.grads, strict=True)
        wrong = sum(1 for node, g in pairs if not math.isfinite(node.data) or not math.isfinite(g or 0.0))
        said.append(f"{count(wrong, 'node')} with nan or inf." if wrong else "No nan or inf.")
        return " ".join(said)

    def notes(self, edges: list[Any]) -> list[str]:
        """What the drawing leaves out or could not know."""
        weaker = len(self.inputs.lines) - len(edges)
        drawn = {*self.inputs.number}.union(*self.inputs.leaves)
        outside = len(self.graph) - len(drawn)
        unknown = clip(clean(self.graph.unknown), 90)
        return [
            *[f"{count(weaker, 'weaker edge')} not drawn"] * bool(weaker),
            *[f"{count(outside, 'node')} out of focus"] * bool(outside),
            *[f"some derivatives are not known: {unknown}"] * bool(unknown),
        ]


def _operation(node: Any, of: str, style: Style) -> tuple[str, bool]:
    """An op as a title, and whether its one constant stands in it, beside what else it is `of`: ``x²``, ``x − 1``."""
    glyph, inputs = _glyph(node), node.inputs
    constants = [x for x in inputs if type(x) is float]
    if len(inputs) != 2 or len(constants) != 1 or glyph.isidentifier():
        return "xʸ" if glyph == "**" else glyph, False
    written, last = style.shown(constants[0]), type(inputs[1]) is float
    if glyph == "**" and last and set(written) <= set("0123456789-"):
        return f"{of}{written.translate(POWERS)}", True
    return f"{of} {glyph} {written}" if last else f"{written} {glyph} {of}", True


def _glyph(node: Any) -> str:
    if not node.inputs:
        return ""
    symbol: str = "−" if node.op == "neg" else node._operation.symbol
    return SIGNS.get(symbol, symbol)


def _arrow(g: float) -> str:
    return "▲" if g > 0.0 else "▼" if g < 0.0 else ""
