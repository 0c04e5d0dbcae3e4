"""Pictures of graphs: SVG, DOT, Mermaid, a page; of any size, since what is too much is drawn as one.

    graph.py            the nodes behind a result, read once
    reduction.py        which of them are drawn as one
    edges.py, cards.py  what is written on each edge and card: a picture.py
    dot.py, mermaid.py  the picture as text for others
    rendering.py        Graphviz, which says where everything goes
    svg.py, page.py     the picture as it is seen
    drawing.py          all of these in one object
    playing.py          a page with the steps of a pass, in player.html, .css and .js
    command.py          python -m autograd draw

Each reads what stands above it. All but rendering.py is plain text and arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import InputError, InputTypeError
from . import rendering
from .cards import picture
from .dot import body
from .drawing import Drawing
from .graph import Graph
from .palette import LIGHT
from .playing import Player, played, refuse_too_many, story
from .reduction import reduced
from .text import Style, count

Collapse = str | int | Callable[[Value], str | None] | None


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
    graph, style = Graph(_values("draw", result)), _style(number, source)
    _at_least("radius", radius, 0)
    within = None if focus is None else _near(graph, focus, radius)
    marks, strangers = _marks(graph, highlight)
    drawing = _drawn(graph, title, direction, theme, collapse, limit, style, marks, within)
    if strangers:
        drawing.picture.notes.append(f"{count(strangers, 'highlighted node')} not in this graph")
    return drawing


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


def player(
    result: Value,
    *,
    gradient: float = 1.0,
    title: str = "",
    direction: str = "LR",
    theme: str = "auto",
    collapse: Collapse = "auto",
    limit: int = 200,
    number: str = ".4g",
    source: str = "relative",
) -> Player:
    """A page that plays the forward and the backward pass of a result step by step.

    Each step shows its formula with its numbers, upstream × local = contribution, the rule that says so, the gradient
    before and after and what is still to come, and where the graph was traced the line of source. No gradient is
    changed; hooks run, as in a pass. Keys: arrows step, space plays, c goes on to a breakpoint, which a click sets.

    Args:
        result: what to differentiate.
        gradient: the gradient to start with.
        title: what stands above.
        direction: as for `draw`.
        theme: as for `draw`.
        collapse: as for `draw`.
        limit: as for `draw`.
        number: as for `draw`.
        source: as for `draw`.

    Raises:
        InputTypeError: where result is no Value, or gradient no number.
        InputError: where an option is none of `draw`'s, or a page of all its steps would be too large.
        StaleGraphError: where a leaf that a rule reads was assigned since the forward pass.

    >>> x = Value(3.0, "x")
    >>> y = x * x + 1.0
    >>> player(y)
    <Player of 6 steps: 3 nodes; 2 ops. The result L is 10. The largest gradient is 6. No nan or inf.>
    >>> x.has_grad
    False
    """
    if type(result) is not Value:
        raise InputTypeError(f"player takes a Value, not {type(result).__name__} {result!r}")
    graph, style = Graph([result]), _style(number, source)
    refuse_too_many(graph)
    start = ops.number(gradient, "the gradient to start with")
    rows = played(graph, start)
    drawing = _drawn(graph, title, direction, theme, collapse, limit, style)
    return Player(drawing, story(graph, drawing, style, rows, start))


def _values(what: str, given: Any) -> list[Value]:
    many = list(given) if isinstance(given, (list, tuple)) else [given]
    for x in many:
        if type(x) is not Value:
            raise InputTypeError(f"{what} takes a Value or a list of them, not {type(x).__name__} {x!r}")
    if not many:
        raise InputError(f"{what} of no Values: the list is empty")
    return many


def _drawn(
    graph: Graph,
    title: str,
    direction: str,
    theme: str,
    collapse: Collapse,
    limit: int,
    style: Style,
    marks: dict[int, str] | None = None,
    within: frozenset[int] | None = None,
) -> Drawing:
    """A graph as a Drawing, its options checked."""
    _one_of("direction", direction, "LR", "RL", "TB", "BT")
    _one_of("theme", theme, "auto", "light", "dark")
    whole = type(collapse) is int and collapse >= 0
    if not (collapse is None or collapse == "auto" or callable(collapse) or whole):
        raise InputError(f"collapse must be 'auto', None, a number of levels or a function, not {collapse!r}")
    _at_least("limit", limit, 3)
    groups = reduced(graph, collapse, limit, frozenset(marks or {}), within)
    return Drawing(picture(graph, groups, style, marks or {}, title, direction), theme)


def _at_least(name: str, given: Any, least: int) -> None:
    if type(given) is not int or given < least:
        raise InputError(f"{name} must be a whole number of at least {least}, not {given!r}")


def _one_of(name: str, given: Any, *choices: str) -> None:
    if given not in choices:
        raise InputError(f"{name} must be one of {', '.join(map(repr, choices))}, not {given!r}")


def _style(number: Any, source: Any) -> Style:
    _one_of("source", source, "relative", "none")
    try:
        format(1.0, number)
    except (TypeError, ValueError) as error:
        raise InputError(f"number must be a format such as '.4g', not {number!r}: {error}") from None
    return Style(number, source)


def _marks(graph: Graph, highlight: Any) -> tuple[dict[int, str], int]:
    """The text for each highlighted node, and how many are none of the graph's."""
    if isinstance(highlight, Value) or not isinstance(highlight, Iterable):
        raise InputTypeError(f"highlight takes Values in a list, set or dict, not {highlight!r}")
    texts = highlight if isinstance(highlight, Mapping) else dict.fromkeys(highlight, "")
    for x in texts:
        _values("highlight", x)
    found = {graph.place[x]: str(text) for x, text in texts.items() if x in graph.place}
    return found, len(texts) - len(found)


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
