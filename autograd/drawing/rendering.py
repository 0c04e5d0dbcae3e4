"""What Graphviz does with DOT text: places for an SVG, and files in its own formats. Only here is it called.

A layouter is looked for in ``$GRAPHVIZ_DOT``, as ``dot`` on the PATH, and as the ``graphviz-pure`` that
``pip install 'chainrule[draw]'`` brings, wherever pip has put it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import DrawingError, MissingLibraryError

Point = tuple[float, float]

REMEDY: Final = (
    "pip install 'chainrule[draw]' brings all it takes, or install Graphviz itself from "
    "https://graphviz.org/download/; to_dot() and to_mermaid() need neither"
)


@dataclass(frozen=True)
class Placement:
    """Where everything goes, in pixels from the top left.

    Attributes:
        width, height: of the whole.
        cards: the centre of each, by name.
        curves: for each edge, in order, the points of its Bézier curve and the tip of its arrow.
        labels: for each edge the centre of its label, None where it has none.
        clusters: by path (left, top, right, bottom).
    """

    width: float
    height: float
    cards: dict[str, Point]
    curves: list[tuple[list[Point], Point]]
    labels: list[Point | None]
    clusters: dict[int, tuple[float, float, float, float]]


def layouter() -> str:
    """The program that lays graphs out.

    Raises:
        MissingLibraryError: where there is none; the message says what to install.
    """
    chosen = os.environ.get("GRAPHVIZ_DOT")
    if chosen:
        if not shutil.which(chosen):
            raise MissingLibraryError(f"GRAPHVIZ_DOT is {chosen!r}, which is no program; unset it, or {REMEDY}")
        return chosen
    found = shutil.which("dot") or _installed() or shutil.which("graphviz-pure")
    if not found:
        raise MissingLibraryError(f"no Graphviz is here to lay out the drawing: {REMEDY}")
    return found


def _installed() -> str | None:
    """graphviz-pure's program, also where the virtual environment is not activated."""
    try:
        files = importlib.metadata.files("graphviz-pure") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    programs = [Path(str(file.locate())) for file in files if file.stem == "graphviz-pure"]
    return next((str(path.resolve()) for path in programs if path.is_file()), None)


def _graphviz() -> Any:
    try:
        import graphviz
    except ImportError:
        raise MissingLibraryError(f"drawing needs the package graphviz: {REMEDY}") from None
    return graphviz


def digraph(body: list[str]) -> Any:
    """A ``graphviz.Digraph`` of these lines, which finds the layouter that is there.

    Raises:
        MissingLibraryError: where the package graphviz is not installed.
    """
    graphviz = _graphviz()
    with suppress(MissingLibraryError):  # it has its text all the same
        graphviz.backend.dot_command.DOT_BINARY = Path(layouter())
    return graphviz.Digraph(body=body)


def rendered(dot: str, form: str) -> bytes:
    """DOT text as a file of Graphviz's: "png", "pdf", "json0" and so on.

    Raises:
        MissingLibraryError: where Graphviz is not here, or this one can't write the format.
        DrawingError: where it fails.
    """
    graphviz = _graphviz()
    program = layouter()
    graphviz.backend.dot_command.DOT_BINARY = Path(program)
    try:
        made: bytes = graphviz.pipe("dot", form, dot.encode(), quiet=True)
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        if "not recognized" in said:
            raise MissingLibraryError(
                f"{program} writes no {form}: install Graphviz itself from https://graphviz.org/download/, "
                "or save as .svg, .png, .dot, .mmd or .html"
            ) from None
        raise DrawingError(f"{program} could not lay out the drawing: {said[-500:]}") from error
    except (graphviz.ExecutableNotFound, OSError) as error:
        raise MissingLibraryError(f"{program} can't be run ({error}): {REMEDY}") from error
    return made


def placed(dot: str) -> Placement:
    """Where Graphviz puts the cards, edges and clusters of DOT text.

    Raises:
        MissingLibraryError: where Graphviz is not here.
        DrawingError: where it fails.
    """
    found = json.loads(rendered(dot, "json0"))
    left, bottom, right, top = _numbers(found["bb"])

    def point(text: str) -> Point:
        x, y = _numbers(text)
        return x - left, top - y

    cards: dict[str, Point] = {}
    clusters: dict[int, tuple[float, float, float, float]] = {}
    for thing in found.get("objects", ()):
        if thing["name"].startswith("cluster_"):
            x0, y0, x1, y1 = _numbers(thing["bb"])
            clusters[int(thing["name"].removeprefix("cluster_"))] = (x0 - left, top - y1, x1 - left, top - y0)
        else:
            cards[thing["name"]] = point(thing["pos"])
    edges = sorted(found.get("edges", ()), key=lambda edge: int(edge["id"][1:]))
    curves = [_curve(edge["pos"].split(), point) for edge in edges]
    labels = [point(edge["lp"]) if "lp" in edge else None for edge in edges]
    return Placement(right - left, top - bottom, cards, curves, labels, clusters)


def _numbers(text: str) -> list[float]:
    return [float(x) for x in text.split(",")]


def _curve(words: list[str], point: Any) -> tuple[list[Point], Point]:
    tips = [point(word[2:]) for word in words if word.startswith("e,")]
    points = [point(word) for word in words if word[1] != ","]
    return points, tips[0] if tips else points[-1]
