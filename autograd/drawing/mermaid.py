"""A picture as a Mermaid flowchart, which GitHub and many Markdown viewers draw."""

from __future__ import annotations

from collections.abc import Mapping

from .dot import WIDTHS
from .picture import Card, Edge, Picture
from .text import clean


def mermaid(picture: Picture, colours: Mapping[str, str]) -> str:
    """The picture as Mermaid text.

    Args:
        picture: what to draw.
        colours: a palette.
    """
    lines = [f"flowchart {picture.direction}"]
    lines += [_card(card) for card in picture.cards if not card.cluster]
    for step in picture.walk():
        if step is None:
            lines.append("end")
        else:
            number, path, cards = step
            lines.append(f'subgraph m{number} ["{quoted(path[-1])}"]')
            lines += map(_card, cards)
    lines += [_edge(edge) for edge in picture.edges]
    for tone in dict.fromkeys(card.tone for card in picture.cards):
        line = colours["bad-line" if tone == "bad" else "line"]
        lines.append(f"classDef {tone} fill:{colours[tone]},stroke:{line},color:{colours['text']}")
    for k, edge in enumerate(picture.edges):
        if edge.sign:
            colour = colours["bad-line" if edge.sign == "bad" else f"edge-{edge.sign}"]
            lines.append(f"linkStyle {k} stroke:{colour},stroke-width:{WIDTHS[edge.step]:g}px")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """The text for a label between double quotes: nothing in it is read as Mermaid, Markdown or HTML.

    >>> quoted('a "b" <c> #1')
    'a #34;b#34; #60;c#62; #35;1'
    """
    return "".join(f"#{ord(letter)};" if letter in '"#&<>`*_~\\[]{}()' else letter for letter in clean(text))


def _card(card: Card) -> str:
    words = [card.title, *[f"{word} {text}".strip() for word, text in card.rows], *[c.text for c in card.chips]]
    label = "<br/>".join(map(quoted, words))
    left, right = {"leaf": ("(", ")"), "parameter": ("([", "])"), "node": ("[", "]")}.get(card.kind, ("[[", "]]"))
    return f'{card.name}{left}"{label}"{right}:::{card.tone}'


def _edge(edge: Edge) -> str:
    label = f'|"{quoted(edge.label)}"|' if edge.label else ""
    return f"{edge.tail} {'-.->' if edge.sign == 'bad' else '-->'}{label} {edge.head}"
