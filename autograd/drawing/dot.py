"""A picture as DOT text, for Graphviz to lay out or for other tools to read: the same text in every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from .picture import CHIP, ROW, SMALL, TITLE, Card, Edge, Picture
from .text import escape

WIDTHS: Final = (0.8, 1.2, 1.8, 2.6, 3.6)  # of edges, by how much flows along them
FONT: Final = "Courier"  # its letters are as wide as every layouter thinks, with or without the font
POINTS: Final = 72.0  # an inch; a pixel of the picture is a point here


def dot(picture: Picture, colours: Mapping[str, str]) -> str:
    """The picture as DOT.

    Args:
        picture: what to draw.
        colours: a palette.
    """
    return "".join(["digraph {\n", *body(picture, colours), "}\n"])


def body(picture: Picture, colours: Mapping[str, str]) -> list[str]:
    """What stands between the braces of `dot`, a line each."""
    head = [
        f'graph [rankdir={picture.direction}, nodesep=0.22, ranksep=0.5, nslimit=3, fontname="{FONT}", '
        f'bgcolor="{colours["paper"]}", fontcolor="{colours["muted"]}", fontsize={SMALL:g}, labeljust=l, '
        f"tooltip={quoted(picture.title)}]",
        f'node [shape=box, margin=0, style="filled,rounded", fontname="{FONT}", fontsize={ROW:g}, '
        f'fontcolor="{colours["text"]}", color="{colours["line"]}"]',
        f'edge [fontname="{FONT}", fontsize={SMALL:g}, fontcolor="{colours["muted"]}", color="{colours["edge"]}", '
        "arrowsize=0.6]",
    ]
    cards = [_node(card, colours) for card in picture.cards]
    edges = [_edge(k, edge, colours) for k, edge in enumerate(picture.edges)]
    return [f"\t{line}\n" for line in [*head, *cards, *_clusters(picture, colours), *edges]]


def quoted(text: str) -> str:
    r"""The text as a DOT string: what it says, with no escape or entity read into it.

    >>> print(quoted('a "b" \\N'))
    "a &quot;b&quot; &#92;N"
    """
    return '"' + escape(text).replace("\\", "&#92;").replace("\n", "&#10;") + '"'


def _node(card: Card, colours: Mapping[str, str]) -> str:
    wide, high = (x / POINTS for x in card.size)
    parameter, bad = card.kind == "parameter", card.tone == "bad"
    line = "mark" if card.marked else "bad-line" if bad else "text" if parameter else "line"
    thick = 2.5 if card.marked or bad else 1.8 if parameter else 1
    style = "filled" if card.kind == "node" else "filled,rounded"
    return (
        f"{card.name} [width={wide:.3f}, height={high:.3f}, style={quoted(style)}, "
        f'fillcolor="{colours[card.tone]}", color="{colours[line]}", penwidth={thick:g}, '
        f"{'peripheries=2, ' if card.is_group else ''}tooltip={quoted(card.tip)}, label=<{_table(card, colours)}>]"
    )


def _table(card: Card, colours: Mapping[str, str]) -> str:
    rows = [f'<TD COLSPAN="2"><B><FONT POINT-SIZE="{TITLE:g}">{_words(card.title)}</FONT></B></TD>']
    for word, text in card.rows:
        if word:
            rows.append(f'<TD ALIGN="LEFT">{_words(word)}</TD><TD ALIGN="RIGHT">&#160;{_words(text)}</TD>')
        else:
            rows.append(f'<TD COLSPAN="2">{_words(text)}</TD>')
    for chip in card.chips:
        border = colours["text" if chip.parameter else "rule"]
        rows.append(
            f'<TD COLSPAN="2" BORDER="1" STYLE="ROUNDED" COLOR="{border}" BGCOLOR="{colours[chip.tone]}">'
            f'<FONT POINT-SIZE="{CHIP:g}">{_words(chip.text)}</FONT></TD>'
        )
    inside = "".join(f"<TR>{row}</TR>" for row in rows)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="0">{inside}</TABLE>'


def _words(text: str) -> str:
    return escape(text) or "&#160;"


def _clusters(picture: Picture, colours: Mapping[str, str]) -> Iterator[str]:
    """Nested subgraphs, a module each; a subgraph's number is its place in `Picture.clusters`."""
    for step in picture.walk():
        if step is None:
            yield "}"
            continue
        number, path, cards = step
        yield (
            f'subgraph cluster_{number} {{ label={quoted(path[-1])}; style="filled,rounded"; '
            f'fillcolor="{colours[f"cluster{len(path) % 2}"]}"; color="{colours["rule"]}"; margin=10; '
            f"tooltip={quoted('.'.join(path))}; " + "".join(f"{card.name}; " for card in cards)
        )


def _edge(k: int, edge: Edge, colours: Mapping[str, str]) -> str:
    facts = [f"id=e{k}"]
    if edge.label:
        facts.append(f"label={quoted(f' {edge.label} ')}")  # the spaces keep it off its line
    if edge.sign:
        colour = colours["bad-line" if edge.sign == "bad" else f"edge-{edge.sign}"]
        facts.append(f'color="{colour}", penwidth={WIDTHS[edge.step]:g}')
    if edge.sign == "negative":
        facts.append("arrowhead=onormal")
    if edge.sign == "bad":
        facts.append("style=dashed")
    facts.append(f"tooltip={quoted(edge.tip)}")
    return f"{edge.tail} -> {edge.head} [{', '.join(facts)}]"
