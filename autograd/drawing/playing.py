"""A page that plays a forward and a backward pass, one step at a time: the drawing, and what every step computes."""

from __future__ import annotations

import inspect
import json
import linecache
import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ..errors import InputError
from ..source import Source
from ..stepping import Steps, steps
from .drawing import Drawing
from .graph import Graph
from .page import document, scheme
from .palette import DECADES, STEPS
from .text import Style, clean, escape

MOST: Final = 40_000  # steps: beyond, a page would take tens of megabytes
AROUND: Final = 2  # lines of source before and after the one that made a node
RULE_LINES: Final = 30  # of a rule's text


class Player:
    """A page with a drawing and every step of its forward and its backward pass.

    Attributes:
        drawing: the picture on the page.
        steps: how many steps there are.
    """

    def __init__(self, drawing: Drawing, data: dict[str, Any]) -> None:
        self.drawing, self._data = drawing, data
        self.steps = len(data["forward"]) + 1 + len(data["backward"])

    def __repr__(self) -> str:
        return f"<Player of {self.steps} steps: {self.drawing.picture.words}>"

    def html(self) -> str:
        """The page: one file, with nothing to fetch.

        Raises:
            MissingLibraryError: where no Graphviz is installed.
            DrawingError: where Graphviz fails.
        """
        here = files(__package__)
        sheet, script = ((here / name).read_text(encoding="utf-8") for name in ("player.css", "player.js"))
        body = (here / "player.html").read_text(encoding="utf-8")
        title = self.drawing.picture.title or "a backward pass, step by step"
        for word, text in (
            ("title", escape(title)),
            ("drawing", self.drawing.svg(caption=False)),
            ("data", _json(self._data)),
        ):
            body = body.replace(f"<!-- {word} -->", text, 1)
        theme = self.drawing.theme
        if theme != "auto":
            sheet = sheet.replace(
                "@media (prefers-color-scheme: dark)", f"@media {'' if theme == 'dark' else 'not '}all"
            )
        return document(title, body, [scheme(theme), sheet], [script])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, whose name must end in .html.

        Raises:
            InputError: where it ends otherwise.
            MissingLibraryError: where no Graphviz is installed.
            DrawingError: where Graphviz fails.
            OSError: where the file can't be written.
        """
        target = Path(path)
        if target.suffix.lower() != ".html":
            raise InputError(f"a player is a page: save({str(path)!r}) must end in .html")
        target.write_bytes(self.html().encode())
        return target


def played(graph: Graph, gradient: float) -> list[list[Any]]:
    """Run the backward pass of a graph's result, undo it, and give the graph the gradients and names that it found.

    Returns:
        The steps: node, which input, upstream, local derivative, contribution; the last two None where nothing is sent.
    """
    place = graph.place
    grads: list[float | None] = [None] * len(graph)
    rows, local = [], dict[int, Sequence[float | None]]()
    with steps(graph.nodes[graph.roots[0]], gradient) as taken:
        for step in _until_the_end(taken):
            i, k = place[step.node], step.position
            x = graph.inputs[i][k] or 0
            grads[i] = step.upstream
            if i not in local:  # the steps of a node come one after the other
                local = {i: graph.local(i)}
            rows.append([i, k, step.upstream, local[i][k], step.contribution])
            if step.contribution is not None:
                before = grads[x]
                grads[x] = step.contribution if before is None else before + step.contribution
        graph.labels = [taken.names[node] for node in graph.nodes]
    if not rows:
        grads[graph.roots[0]] = gradient
    graph.grads = grads
    return rows


def _until_the_end(taken: Steps) -> Any:
    """The steps, without the last move, in which the leaves' gradients become theirs."""
    while taken.peek() is not None:
        yield taken.forward()


def story(graph: Graph, drawing: Drawing, style: Style, rows: list[list[Any]], gradient: float) -> dict[str, Any]:
    """Everything that the page's script shows, as plain lists and numbers."""
    rules: dict[str, int] = {}
    sources: dict[tuple[str, Source], int] = {}
    nodes = []
    places = {key: style.place(made) for key, made in {id(made): made for made in graph.sources}.items()}
    for i, node in enumerate(graph.nodes):
        rule = rules.setdefault(_rule_text(node), len(rules)) if node.inputs else -1
        made = graph.sources[i]
        key = (places[id(made)], made) if made and places[id(made)] else None
        source = sources.setdefault(key, len(sources)) if key else -1
        inputs = [graph.nodes[i].inputs[k] if x is None else [x] for k, x in enumerate(graph.inputs[i])]
        symbol = node._operation.symbol if node.inputs else ""
        kind = "parameter" if node.is_parameter else "" if node.inputs else "leaf"
        nodes.append(
            [clean(graph.labels[i]), symbol, node.op, node.data, inputs, rule, source, clean(node.module), kind]
        )
    picture = drawing.picture
    number = {card.name: k for k, card in enumerate(picture.cards)}
    return {
        "nodes": nodes,
        "root": graph.roots[0],
        "gradient": gradient,
        "forward": [i for i, inputs in enumerate(graph.inputs) if inputs],
        "backward": rows,
        "cards": [card.members for card in picture.cards],
        "edges": [[number[edge.tail], number[edge.head], edge.slot] for edge in picture.edges],
        "rules": [clean_lines(text) for text in rules],
        "sources": [_lines(*key) for key in sources],
        "largest": picture.largest or 0.0,
        "number": style.number,
        "decades": DECADES,
        "steps": STEPS,
    }


def clean_lines(text: str) -> str:
    """The text, made safe line by line."""
    return "\n".join(map(clean, text.split("\n")))


def _rule_text(node: Any) -> str:
    """The rule of a node as it is written, without its decorator and docstring."""
    rule = node._operation.rule
    try:
        lines, _ = inspect.getsourcelines(rule)
    except (OSError, TypeError):
        return f"def {rule.__name__}: its text is not known"
    text = inspect.cleandoc("".join(lines))
    kept = [line for line in text.split("\n") if not line.startswith("@") and line.strip() != "# fmt: skip"]
    if rule.__doc__:
        head, _, rest = "\n".join(kept).partition('"""')
        kept = (head.rstrip() + rest.partition('"""')[2]).split("\n")
    return "\n".join(kept[:RULE_LINES] + ["    …"] * (len(kept) > RULE_LINES)).rstrip()


def _lines(told: str, source: Source) -> list[Any]:
    """A place and the lines around it: its name, the first one's number, they, which it is, from where to where."""
    first = max(1, source.line - AROUND)
    lines = [linecache.getline(source.file, n).rstrip() for n in range(first, source.line + AROUND + 1)]
    while lines and not lines[-1]:
        lines.pop()
    indent = min([len(line) - len(line.lstrip()) for line in lines if line], default=0)
    end = source.end_column
    if source.end_line != source.line:  # it goes on below: to the end of the line
        end = len(lines[source.line - first]) if lines else 0
    shown = [clean(line[indent:]) for line in lines]
    return [told, first, shown, source.line, source.column - indent, end - indent]


def _json(data: Any) -> str:
    """JSON that may stand in a script element, nan and inf as strings."""
    text = json.dumps(_finite(data), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, Sequence) and not isinstance(data, str):
        return [_finite(value) for value in data]
    return repr(data) if isinstance(data, float) and data - data != 0.0 else data


def refuse_too_many(graph: Graph) -> None:
    """Raise InputError where a page would be too large to open."""
    taken = 1 + sum(1 + len(inputs) - inputs.count(None) for inputs in graph.inputs if inputs)
    if taken > MOST:
        raise InputError(
            f"a player of {taken} steps would be too large for a browser; play at most {MOST}, such as the loss of "
            "one sample, or draw() the whole"
        )
