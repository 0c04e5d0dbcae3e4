"""Words and numbers that go into a picture: safe in XML, as wide as they are said to be."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..source import Source

CELL: Final = 0.61  # the advance of a monospaced letter, of its height: Courier 0.600, DejaVu Sans Mono 0.602

_CONTROLS: Final = {i: 0x2400 + i for i in range(0x20)} | {0x7F: 0x2421}  # ␀ … ␟, ␡
_UNSAFE: Final = re.compile(
    "[\x80-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)  # not in XML, or turns the writing direction of what comes after


def clean(text: str) -> str:
    r"""The text with everything invisible or forbidden in XML made visible, on one line.

    >>> clean("a\nb\0c")
    'a␊b␀c'
    """
    return _UNSAFE.sub("\ufffd", text.translate(_CONTROLS))


def clip(text: str, cells: int) -> str:
    """The text, cut with an ellipsis where it is wider than so many cells.

    >>> clip("a long label", 6)
    'a lon…'
    """
    if width(text) <= cells:
        return text
    kept, used = [], 1
    for letter in text:
        used += width(letter)
        if used > cells:
            break
        kept.append(letter)
    return "".join(kept) + "…"


def width(text: str) -> int:
    """How many cells of a monospaced font the text takes.

    >>> width("abc"), width("漢字")
    (3, 4)
    """
    if text.isascii():
        return len(text)
    return sum(_cells(letter) for letter in text)


def _cells(letter: str) -> int:
    if unicodedata.combining(letter) or letter in "\u200d\ufe0e\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def escape(text: str) -> str:
    """The text for XML, between tags or in an attribute's double quotes; line breaks stay.

    >>> escape('<b> & "c"')
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    lines = [clean(line) for line in text.split("\n")]
    text = "\n".join(lines)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def grouped(n: int) -> str:
    """A whole number, its thousands apart.

    >>> grouped(60000)
    '60 000'
    """
    return f"{n:,}".replace(",", " ")


def count(n: int, thing: str) -> str:
    """A number of things.

    >>> count(1, "node"), count(60000, "node")
    ('1 node', '60 000 nodes')
    """
    return f"{grouped(n)} {thing}{'s' * (n != 1)}"


def listed(things: list[str]) -> str:
    """The lines that say something, as one text."""
    return "\n".join(thing for thing in things if thing)


@dataclass(frozen=True)
class Style:
    """How numbers and places are written.

    Attributes:
        number: the format of numbers on cards.
        source: "relative" to name files and lines, "none" to keep them out.
    """

    number: str = ".4g"
    source: str = "relative"

    def shown(self, x: float) -> str:
        """A number, short.

        >>> Style().shown(0.123456), Style().shown(-0.0)
        ('0.1235', '0')
        """
        return clip(format(x + 0.0, self.number), 24) if math.isfinite(x) else str(x)

    def place(self, source: Source | None) -> str:
        """A place in a program, as ``model.py:12``; "" where it is not known or not to be told."""
        if source is None or self.source == "none":
            return ""
        path = Path(source.file)
        try:
            path = path.resolve().relative_to(Path.cwd())
        except (OSError, ValueError):
            path = Path(path.name)
        return f"{path.as_posix()}:{source.line}"

    def line(self, source: Source | None) -> str:
        """What is written there; "" where it is not known or not to be told."""
        return "" if source is None or self.source == "none" else source.text
