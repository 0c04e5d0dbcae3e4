"""Pictures of graphs: SVG, DOT, Mermaid, a page; of any size, since what is too much is drawn as one.

graph.py      the nodes behind a result, read once
reduction.py  which of them are drawn as one
cards.py      what is written on each card and edge
dot.py, mermaid.py, svg.py, page.py   the same picture as text
rendering.py  Graphviz, which places it
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..engine import Value
from ..errors import InputError, InputTypeError, MissingLibraryError
from . import rendering
from .cards import picture
from .dot import body, dot
from .graph import Graph
from .mermaid import mermaid
from .page import page
from .palette import DARK, LIGHT
from .picture import Picture
from .reduction import reduced
from .svg import svg
from .text import Style

Collapse = str | int | Callable[[Value], str | None] | None
FORMS: Final = (".svg", ".html", ".dot", ".gv", ".mmd", ".png", ".pdf")


class Drawing:
    """A picture of a graph as it was when `draw` was called.

    Attributes:
        picture: its cards and edges in words.
    """

    def __init__(self, shown: Picture, theme: str) -> None:
        self.picture, self._theme = shown, theme

    def __repr__(self) -> str:
        return f"<Drawing: {self.picture.words}>"

    def to_dot(self) -> str:
        """The picture as DOT text, the same in every run; it needs no Graphviz.

        >>> print(draw(Value(2.0, "x") * 3.0).to_dot()[:9])
        digraph {
        """
        return dot(self.picture, self._palette)

    def to_mermaid(self) -> str:
        """The picture as a Mermaid flowchart, which Markdown viewers draw; it needs no Graphviz.

        >>> print(draw(Value(2.0, "x") * 3.0).to_mermaid().splitlines()[0])
        flowchart LR
        """
        return mermaid(self.picture, self._palette)

    def svg(self) -> str:
        """The picture as SVG text.

        Raises:
            MissingLibraryError: where no Graphviz is installed.
            DrawingError: where Graphviz fails.
        """
        return svg(self.picture, rendering.placed(self.to_dot()), f"g{uuid.uuid4().hex[:8]}", self._theme)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a file; its ending says what: .svg, .html, .dot, .mmd, .png, or .pdf where Graphviz itself is.

        Raises:
            InputError: where the ending is another one.
            MissingLibraryError: where Graphviz is needed and not installed, or can't write this.
            DrawingError: where Graphviz fails.
            OSError: where the file can't be written.
        """
        target = Path(path)
        form = target.suffix.lower()
        if form not in FORMS:
            raise InputError(f"save({str(path)!r}): the name must end in {', '.join(FORMS)}")
        if form in (".svg", ".html"):
            text = self.svg()
            content = (page(self.picture, text) if form == ".html" else text).encode()
        elif form in (".dot", ".gv", ".mmd"):
            content = (self.to_mermaid() if form == ".mmd" else self.to_dot()).encode()
        else:
            content = rendering.rendered(self.to_dot(), form[1:])
        target.write_bytes(content)
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the SVG, or where no Graphviz is installed a line that says what to do."""
        try:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except MissingLibraryError as error:
            return {"text/plain": f"{self!r}\n{error}"}

    @property
    def _palette(self) -> dict[str, str]:
        return DARK if self._theme == "dark" else LIGHT


def draw(
    result: Value | Sequence[Value],
    *,
    title: str = "",
    direction: str = "LR",
    theme: str = "auto",
    collapse: Collapse = "auto",
    limit: int = 200,
    focus: Value | None = None,
    radius: int = 2,
    highlight: Iterable[Value] | Mapping[Value, str] = (),
    number: str = ".4g",
    source: str = "relative",
) -> Drawing:
    """Draw the graph behind a result: every node with its number, and once there are gradients, those.

    A card is a node: its op and label, its data and its grad, blue for a positive one and orange for a negative one.
    What an op was given and is no node of its own stands in it: constants, and in graphs of more than 30 nodes leaves
    too. An edge shows how much flows back along it. Graphs too large to look at are reduced: modules that ran inside
    `autograd.trace` are closed, sums and lines of source become one card each, and the rest is counted.

    Args:
        result: a Value, or several.
        title: what stands above.
        direction: where results are: "LR" at the right, "RL" at the left, "TB" at the bottom, "BT" at the top.
        theme: "light", "dark", or "auto" for what the reader's system has.
        collapse: "auto"; None to draw every node; how many levels of modules to open; or a function from a Value to
            the name of its group, None for none.
        limit: how many cards there may be, unless collapse is None or a function.
        focus: draw this node and what is near it alone.
        radius: how many steps from `focus` still are near.
        highlight: nodes to make stand out; a mapping gives each a text for its card.
        number: the format of numbers on cards.
        source: "relative" to tell where traced nodes were made, by paths relative to the current folder; "none" not to.

    Raises:
        InputTypeError: where result, focus or highlight are no Values.
        InputError: where an option is none of those above.

    >>> x = Value(2.0, "x")
    >>> y = (x * 3.0).tanh()
    >>> drawing = draw(y)
    >>> [card.title for card in drawing.picture.cards]
    ['x', 'x × 3', 'tanh']
    """
    graph = Graph(_values("draw", result))
    _one_of("direction", direction, "LR", "RL", "TB", "BT")
    _one_of("theme", theme, "auto", "light", "dark")
    _one_of("source", source, "relative", "none")
    whole = type(collapse) is int and collapse >= 0
    if not (collapse is None or collapse == "auto" or callable(collapse) or whole):
        raise InputError(f"collapse must be 'auto', None, a number of levels or a function, not {collapse!r}")
    for name, given, least in (("limit", limit, 3), ("radius", radius, 0)):
        if type(given) is not int or given < least:
            raise InputError(f"{name} must be a whole number of at least {least}, not {given!r}")
    marks = _marks(graph, highlight)
    within = None if focus is None else _near(graph, focus, radius)
    groups = reduced(graph, collapse, limit, frozenset(marks), within)
    return Drawing(picture(graph, groups, Style(_format(number), source), marks, title, direction), theme)


def draw_dot(result: Value | Sequence[Value], format: str = "svg", rankdir: str = "LR") -> Any:
    """The graph as a ``graphviz.Digraph``, under the name and with the arguments that micrograd's notebooks have.

    Raises:
        MissingLibraryError: where the package graphviz is not installed.
        InputTypeError: where result is no Value.
        InputError: where rankdir is none of "LR", "RL", "TB", "BT".
    """
    shown = draw(result, direction=rankdir).picture
    digraph = rendering.digraph(body(shown, LIGHT))
    digraph.format = format
    return digraph


def _values(what: str, given: Any) -> list[Value]:
    many = list(given) if isinstance(given, (list, tuple)) else [given]
    for x in many:
        if type(x) is not Value:
            raise InputTypeError(f"{what} takes a Value or a list of them, not {type(x).__name__} {x!r}")
    if not many:
        raise InputError(f"{what} of no Values: the list is empty")
    return many


def _one_of(name: str, given: Any, *choices: str) -> None:
    if given not in choices:
        raise InputError(f"{name} must be one of {', '.join(map(repr, choices))}, not {given!r}")


def _format(number: Any) -> str:
    try:
        format(1.0, number)
    except (TypeError, ValueError) as error:
        raise InputError(f"number must be a format such as '.4g', not {number!r}: {error}") from None
    return str(number)


def _marks(graph: Graph, highlight: Any) -> dict[int, str]:
    if isinstance(highlight, Value) or not isinstance(highlight, Iterable):
        raise InputTypeError(f"highlight takes Values in a list, set or dict, not {highlight!r}")
    texts = highlight if isinstance(highlight, Mapping) else dict.fromkeys(highlight, "")
    for x in texts:
        _values("highlight", x)
    return {graph.place[x]: str(text) for x, text in texts.items() if x in graph.place}


def _near(graph: Graph, focus: Any, radius: int) -> frozenset[int]:
    """The nodes at most so many steps from the focus, forwards or back, but not through a leaf: all may use it."""
    if focus not in graph.place:
        raise InputError(f"focus must be a node of the graph that is drawn; this is not: {focus!r}")
    users: dict[int, list[int]] = {}
    for i, inputs in enumerate(graph.inputs):
        for x in inputs:
            if x is not None:
                users.setdefault(x, []).append(i)
    near = ring = {graph.place[focus]}
    for _ in range(radius):
        steps = {x for i in ring for x in (*graph.inputs[i], *users.get(i, ())) if x is not None} - near
        near = near | steps
        ring = {i for i in steps if graph.inputs[i]}
    return frozenset(near)
