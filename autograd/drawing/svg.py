"""A picture and the places of its parts, as SVG text that says by itself what it shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from .dot import WIDTHS
from .palette import DARK, LIGHT, STEPS, TONES
from .picture import CHIP, CHIP_LINE, LINE, MARGIN, ROW, SMALL, TITLE, Card, Chip, Edge, Picture
from .rendering import Placement
from .text import CELL, escape, width

EDGE: Final = 16.0  # of paper around everything
HEAD: Final = 26.0  # for the title
NARROWEST: Final = 560.0
FONTS: Final = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"

# selector, property, colour: written once for each theme
_COLOURED: Final = [
    (".paper", "fill", "paper"), ("text", "fill", "text"), (".muted", "fill", "muted"),
    (".cluster0", "fill", "cluster0"), (".cluster1", "fill", "cluster1"), (".cluster", "stroke", "rule"),
    (".box,.frame", "stroke", "line"), (".chip", "stroke", "rule"), (".parameter", "stroke", "text"),
    *[(f".{name}", "fill", name) for name in TONES],
    (".wrong", "stroke", "bad-line"), (".marked", "stroke", "mark"),
    (".curve", "stroke", "edge"), (".tip", "stroke", "edge"), (".tip", "fill", "edge"),
    *[
        (f".{sign} .{part}", property_, colour)
        for sign, colour in (("up", "edge-positive"), ("down", "edge-negative"), ("lost", "bad-line"))
        for part, property_ in (("curve", "stroke"), ("tip", "stroke"), ("tip", "fill"))
    ],
    (".down .tip", "fill", "paper"), (".edge text", "stroke", "paper"),
]  # fmt: skip
_PLAIN: Final = (
    f"text{{font-family:{FONTS};font-size:{ROW:g}px;unicode-bidi:isolate}}"
    f".title{{font-size:{TITLE:g}px;font-weight:bold}}.word{{font-size:10px}}.small{{font-size:{SMALL:g}px}}"
    f".on{{font-size:{CHIP:g}px}}"
    ".edge text{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}"
    ".middle{text-anchor:middle}.end{text-anchor:end}.curve,.frame{fill:none}.box.parameter{stroke-width:1.8}"
    ".box.wrong,.box.marked{stroke-width:2.5}.lost .curve{stroke-dasharray:5 3}.card:hover>.box{stroke-width:2.5}"
)


def style(scope: str, theme: str) -> str:
    """The style sheet of a drawing.

    Args:
        scope: the id of the drawing's svg element: nothing else in a page is touched.
        theme: "light", "dark", or "auto" for what the reader's system has.
    """
    first = _sheet(scope, DARK if theme == "dark" else LIGHT)
    other = f"@media (prefers-color-scheme:dark){{{_sheet(scope, DARK)}}}" if theme == "auto" else ""
    return _scoped(scope, _PLAIN) + first + other


def _scoped(scope: str, sheet: str) -> str:
    rules = [rule.split("{") for rule in sheet.split("}") if rule]
    return "".join(f"{','.join(f'#{scope} {one}' for one in names.split(','))}{{{facts}}}" for names, facts in rules)


def _sheet(scope: str, palette: dict[str, str]) -> str:
    return _scoped(scope, "".join(f"{name}{{{fact}:{palette[colour]}}}" for name, fact, colour in _COLOURED))


def svg(picture: Picture, places: Placement, scope: str, theme: str, caption: bool = True) -> str:
    """The picture as one svg element.

    Args:
        picture: what to draw.
        places: where everything goes.
        scope: an id that nothing else in the page has.
        theme: "auto", "light" or "dark".
        caption: whether to put the title above, and below what colours and lines mean.
    """
    lines = _legend(picture) if caption else []
    wide = max(places.width + 2 * EDGE, NARROWEST if caption else 0.0)
    cells = int((wide - 2 * EDGE) / (SMALL * CELL))
    notes = list(_wrapped(lines, cells))
    scale = caption and picture.largest is not None
    titled = caption and picture.title
    head = HEAD if titled else 0.0
    below = places.height + head + EDGE
    high = below + EDGE + (22.0 if scale else 0.0) + 13.0 * len(notes)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{scope}" viewBox="0 0 {wide:.0f} {high:.0f}" '
        f'width="{wide:.0f}" height="{high:.0f}" role="img" aria-labelledby="{scope}-title {scope}-words">',
        f'<title id="{scope}-title">{escape(picture.title or "computation graph")}</title>',
        f'<desc id="{scope}-words">{escape(" ".join([picture.words, *picture.notes]))}</desc>',
        f"<style>{style(scope, theme)}</style>",
        '<rect class="paper" width="100%" height="100%"/>',
    ]
    if titled:
        out.append(_text(EDGE, EDGE + 6.0, picture.title, "title", TITLE))
    out.append(f'<g transform="translate({EDGE:g},{head + EDGE / 2:g})">')
    clusters = picture.clusters
    out += [_cluster(path, places.clusters[k]) for k, path in enumerate(clusters) if k in places.clusters]
    out += [_edge(k, e, *places.curves[k], places.labels[k]) for k, e in enumerate(picture.edges)]
    out += [_card(card, places.cards[card.name], scope) for card in picture.cards]
    out.append("</g>")
    y = below + EDGE / 2 + 9.0
    if scale and picture.largest is not None:
        out += _scale(f"{picture.largest:.3g}", y)
        y += 20.0
    for line in notes:
        out.append(_text(EDGE, y, line, "small muted", SMALL))
        y += 13.0
    out.append("</svg>\n")
    return "\n".join(out)


def _legend(picture: Picture) -> list[str]:
    cards, edges = picture.cards, picture.edges
    chips = [chip for card in cards for chip in card.chips]
    said = []
    if any(edge.sign for edge in edges):
        said.append("width of an edge: |contribution| to the gradient; filled arrow: positive, open: negative")
    if any(edge.label for edge in edges):
        said.append("∂: local derivative")
    if any(card.is_group for card in cards):
        said.append("double frame: many nodes")
    if any(card.kind == "parameter" for card in cards) or any(chip.parameter for chip in chips):
        said.append("thick frame: parameter")
    if any("↗" in chip.text for chip in chips):
        said.append("↗n: shared, used in n places")
    if any(card.tone == "bad" for card in cards) or any(chip.tone == "bad" for chip in chips):
        said.append("⚠: nan or inf")
    return [*said, *picture.notes]


def _wrapped(items: Sequence[str], cells: int) -> Iterator[str]:
    line = ""
    for item in items:
        longer = f"{line}  ·  {item}" if line else item
        if line and width(longer) > cells:
            yield line
            longer = item
        line = longer
    if line:
        yield line


def _scale(largest: str, y: float) -> Iterator[str]:
    """What the colours of cards mean, from the largest negative gradient to the largest positive one."""
    x = EDGE
    for word in ("gradient", f"▼ -{largest}"):
        yield _text(x, y, word, "small muted", SMALL)
        x += (width(word) + 2) * SMALL * CELL
    tones = [f"negative{k}" for k in reversed(range(STEPS))] + ["zero"] + [f"positive{k}" for k in range(STEPS)]
    for name in tones:
        yield f'<rect class="box {name}" x="{x:.1f}" y="{y - 9:.1f}" width="18" height="11"/>'
        x += 18.0
    yield _text(x + 10.0, y, f"{largest} ▲  (logarithmic, 4 decades)", "small muted", SMALL)


def _text(x: float, y: float, text: str, names: str, size: float) -> str:
    """A text element; letters that a font may lack are kept to the room that was made for them."""
    fit = "" if text.isascii() else f' textLength="{width(text) * size * 0.602:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f'<text class="{names}" x="{x:.1f}" y="{y:.1f}"{fit}>{escape(text)}</text>'


def _cluster(path: tuple[str, ...], corners: tuple[float, float, float, float]) -> str:
    left, top, right, bottom = corners
    return (
        f"<g><title>{escape('module ' + '.'.join(path))}</title>"
        f'<rect class="cluster cluster{len(path) % 2}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" rx="6"/>{_text(left + 8, top + 12, path[-1], "small muted", SMALL)}</g>'
    )


def _edge(
    k: int, edge: Edge, curve: list[tuple[float, float]], tip: tuple[float, float], label: tuple[float, float] | None
) -> str:
    (x0, y0), *rest = curve
    path = f"M{x0:.1f},{y0:.1f}C" + " ".join(f"{x:.1f},{y:.1f}" for x, y in rest)
    (bx, by), (tx, ty) = rest[-1], tip
    long = math.hypot(tx - bx, ty - by) or 1.0
    ux, uy = (tx - bx) / long, (ty - by) / long
    bx, by = tx - 7.0 * ux, ty - 7.0 * uy
    head = f"M{tx:.1f},{ty:.1f}L{bx - 3.4 * uy:.1f},{by + 3.4 * ux:.1f}L{bx + 3.4 * uy:.1f},{by - 3.4 * ux:.1f}Z"
    names = {"positive": "edge up", "negative": "edge down", "bad": "edge lost", "": "edge"}[edge.sign]
    thick = WIDTHS[edge.step] if edge.sign else 1.0
    words = (
        ""
        if label is None or not edge.label
        else _text(label[0], label[1] + 1.0, edge.label, "small muted middle", SMALL)
    )
    return (
        f'<g class="{names}" data-edge="{k}"><title>{escape(edge.tip)}</title>'
        f'<path class="curve" stroke-width="{thick:g}" d="{path}"/><path class="tip" d="{head}"/>{words}</g>'
    )


def _card(card: Card, centre: tuple[float, float], scope: str) -> str:
    wide, high = card.size
    left, top = centre[0] - wide / 2, centre[1] - high / 2
    names = ["box", card.tone]
    names += ["wrong"] * (card.tone == "bad") + ["marked"] * card.marked + ["parameter"] * (card.kind == "parameter")
    round_ = {"leaf": 11, "parameter": 11, "node": 3}.get(card.kind, 6)
    out = [f'<g class="card" id="{scope}-{card.name}" data-card="{card.name}"><title>{escape(card.tip)}</title>']
    if card.is_group:
        out.append(
            f'<rect class="frame" x="{left - 3:.1f}" y="{top - 3:.1f}" width="{wide + 6:.1f}" height="{high + 6:.1f}" '
            f'rx="{round_ + 2}"/>'
        )
    out.append(
        f'<rect class="{" ".join(names)}" x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{high:.1f}" '
        f'rx="{round_}"/>'
    )
    y = top + 15.0
    out.append(_text(left + wide / 2, y, card.title, "title middle", TITLE))
    for word, text in card.rows:
        y += LINE
        if word:
            out.append(_text(left + MARGIN, y, word, "word", 10.0))
            out.append(_text(left + wide - MARGIN, y, text, f"end {word.split()[-1].strip('|')}", ROW))
        else:
            out.append(_text(left + wide / 2, y, text, "middle word", 10.0))
    y += 6.0
    for chip in card.chips:
        out.append(_chip(chip, left + wide / 2, y, wide - 10.0))
        y += CHIP_LINE
    out.append("</g>")
    return "".join(out)


def _chip(chip: Chip, x: float, y: float, wide: float) -> str:
    names = ["chip", chip.tone, *["parameter"] * chip.parameter]
    names += ["wrong"] * (chip.tone == "bad") + ["marked"] * chip.marked
    place = "" if chip.node is None else f' data-node="{chip.node}"'
    return (
        f"<g{place}><title>{escape(chip.tip)}</title>"
        f'<rect class="{" ".join(names)}" x="{x - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" height="14" rx="7"/>'
        f"{_text(x, y + 10.5, chip.text, 'on middle', CHIP)}</g>"
    )
