"""`Drawing`: a picture in every format that it can be had in."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any, Final

from ..errors import InputError, MissingLibraryError
from . import rendering
from .dot import dot
from .mermaid import mermaid
from .page import page
from .palette import DARK, LIGHT
from .picture import Picture
from .svg import svg

LAID_OUT: Final = 2_000  # cards: beyond, Graphviz may take hours
FORMS: Final = (".svg", ".html", ".dot", ".gv", ".mmd", ".png", ".pdf")


class Drawing:
    """A picture of a graph as it was when `draw` was called.

    Attributes:
        picture: its cards and edges in words.
        theme: "auto", "light" or "dark".
    """

    def __init__(self, shown: Picture, theme: str) -> None:
        self.picture, self.theme = shown, theme

    def __repr__(self) -> str:
        return f"<Drawing: {self.picture.words}>"

    def to_dot(self) -> str:
        """The picture as DOT text, the same in every run; it needs no Graphviz.

        >>> from autograd import Value, draw
        >>> print(draw(Value(2.0, "x") * 3.0).to_dot()[:9])
        digraph {
        """
        return dot(self.picture, self._palette)

    def to_mermaid(self) -> str:
        """The picture as a Mermaid flowchart, which Markdown viewers draw; it needs no Graphviz.

        >>> from autograd import Value, draw
        >>> print(draw(Value(2.0, "x") * 3.0).to_mermaid().splitlines()[0])
        flowchart LR
        """
        return mermaid(self.picture, self._palette)

    def svg(self, caption: bool = True) -> str:
        """The picture as SVG text.

        Args:
            caption: whether to put the title above, and below what colours and lines mean.

        Raises:
            InputError: where there are so many cards that Graphviz would not end.
            MissingLibraryError: where no Graphviz is installed.
            DrawingError: where Graphviz fails.
        """
        self._refuse_too_many()
        scope = f"g{uuid.uuid4().hex[:8]}"  # no two drawings in a page may have one id
        return svg(self.picture, rendering.placed(self.to_dot()), scope, self.theme, caption)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a file; its ending says what: .svg, .html, .dot, .mmd, .png, or .pdf where Graphviz itself is.

        Raises:
            InputError: where the ending is another one, or there are so many cards that Graphviz would not end.
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
            content = (page(self.picture, text, self.theme) if form == ".html" else text).encode()
        elif form in (".dot", ".gv", ".mmd"):
            content = (self.to_mermaid() if form == ".mmd" else self.to_dot()).encode()
        else:
            self._refuse_too_many()
            content = rendering.rendered(self.to_dot(), form[1:])
        target.write_bytes(content)
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the SVG, or where no Graphviz is installed a line that says what to do."""
        try:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except MissingLibraryError as error:
            return {"text/plain": f"{self!r}\n{error}"}

    def _refuse_too_many(self) -> None:
        cards = len(self.picture.cards)
        if cards > LAID_OUT:
            raise InputError(
                f"to place {cards} cards Graphviz may take hours; draw(…) without collapse and with a limit of at most "
                f"{LAID_OUT}, or with a focus, or take to_dot() to a tool for large graphs"
            )

    @property
    def _palette(self) -> dict[str, str]:
        return DARK if self.theme == "dark" else LIGHT
