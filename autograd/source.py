"""Where a node was made: the line of the user's program, with its columns, noted while `autograd.trace` is on.

A node keeps a code object and the place of an instruction in it (`modes.here`), never a frame: a frame would keep every
local alive. All else is read from the file when it is asked for, and so is this module.
"""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import CodeType
from typing import Any, Final

Place = tuple[
    int, int, int, int
]  # line, column, last line, last column; columns in bytes, as Python's tools count them
_names: Final[
    dict[str, tuple[list[str], dict[Place, str]]]
] = {}  # by file: its lines, and what their values are called


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a program: the expression that made a node.

    Attributes:
        file: the path, as Python has it.
        line, end_line: the first and the last line, from 1.
        column, end_column: where it begins and ends in these, in characters from 0.
        function: the name of the function, ``<module>`` outside one.
        direct: whether the op itself stands there; False where something of `nn` was called, which used the op.

    >>> from autograd import Value, trace
    >>> with trace():
    ...     y = Value(2.0) * 3.0
    >>> y.source.line, y.source.segment, y.source.name
    (2, 'Value(2.0) * 3.0', 'y')
    """

    file: str
    line: int
    end_line: int
    column: int
    end_column: int
    function: str
    direct: bool = True

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}"

    @property
    def where(self) -> tuple[str, int]:
        """The file and the line."""
        return self.file, self.line

    @property
    def text(self) -> str:
        """The first of its lines as it is written, without the indent; "" where the file can't be read."""
        return linecache.getline(self.file, self.line).strip()

    @property
    def segment(self) -> str:
        """The expression itself; its first line where it goes over several."""
        line = linecache.getline(self.file, self.line).rstrip("\n")
        return line[self.column : self.end_column if self.end_line == self.line else None]

    @property
    def marks(self) -> str:
        """``~`` under the expression and ``^`` under its operator, to be written below `text`; "" where unknown."""
        line, segment = linecache.getline(self.file, self.line), self.segment
        if not segment:
            return ""
        indent = " " * (self.column - (len(line) - len(line.lstrip())))
        try:
            tree: Any = ast.parse(segment, mode="eval").body
        except SyntaxError:
            return indent + "^" * len(segment)
        first, last = _operator(tree, segment)
        return indent + "".join("^" if first <= i < last else "~" for i in range(len(segment)))

    @property
    def name(self) -> str:
        """What the program calls the value, as ``h`` in ``h = a * b``; "" where it has no name."""
        if not self.direct:
            return ""
        lines = linecache.getlines(self.file)
        known = _names.get(self.file)
        if known is None or known[0] is not lines:
            known = _names[self.file] = lines, _named("".join(lines))
        return known[1].get(_in_bytes(self, lines), "") if lines else ""


def resolved(code: CodeType, instruction: int, direct: bool = True) -> Source:
    """The place in the file that `modes.here` has noted."""
    places = next(islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    line, end_line, column, end_column = places
    line = line or code.co_firstlineno
    end_line = end_line or line
    column = _characters(linecache.getline(code.co_filename, line), column or 0)
    text = linecache.getline(code.co_filename, end_line).rstrip("\n")
    end_column = len(text) if end_column is None else _characters(text, end_column)
    return Source(code.co_filename, line, end_line, column, end_column, code.co_name, direct)


placed: Final = lru_cache(maxsize=4096)(resolved)  # the same, where it is asked of many nodes: a file is read once


def _characters(line: str, column: int) -> int:
    return column if line.isascii() else len(line.encode()[:column].decode(errors="replace"))


def _in_bytes(source: Source, lines: list[str]) -> Place:
    def column(line: int, characters: int) -> int:
        text = lines[line - 1] if line <= len(lines) else ""
        return characters if text.isascii() else len(text[:characters].encode())

    return (
        source.line,
        column(source.line, source.column),
        source.end_line,
        column(source.end_line, source.end_column),
    )


def _named(text: str) -> dict[Place, str]:
    """What each assigned expression of a program is called."""
    names: dict[Place, str] = {}
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return names
    for node in nodes:
        target: ast.expr
        value: ast.expr | ast.stmt
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            target, value = node.target, node.value
        elif isinstance(node, ast.AugAssign):
            target, value = node.target, node  # what makes the sum is the whole statement
        else:
            continue
        if isinstance(target, (ast.Name, ast.Attribute)):
            names[value.lineno, value.col_offset, value.end_lineno or 0, value.end_col_offset or 0] = ast.unparse(
                target
            )
    return names


def _operator(tree: Any, segment: str) -> tuple[int, int]:
    """The first and the last character of what an expression does: an operator, or a call's name and brackets."""
    if isinstance(tree, ast.BinOp):
        first = len(segment.encode()[: tree.left.end_col_offset].decode())
        last = len(segment.encode()[: tree.right.col_offset].decode())
        between = segment[first:last]
        sign = between.strip(" ()\t")
        first += between.index(sign)
        return first, first + len(sign)
    if isinstance(tree, ast.Call):
        return len(segment.encode()[: tree.func.end_col_offset].decode()), len(segment)
    return 0, len(segment)
