"""``python -m autograd draw script.py[:name] -o file``: run a program, and draw what it computed.

Without a name the script runs as a program, and the newest result among its global variables is drawn. With a name it
is imported, and the name is a Value in it or a function that returns one.
"""

from __future__ import annotations

import argparse
import importlib
import os
import reprlib
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from .. import modes
from ..engine import Value
from ..errors import AutogradError
from . import draw, player
from .drawing import FORMS

HELP: Final = "run a script and draw the graph of what it computed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = (__doc__ or "").partition("\n\n")[2]
    parser.add_argument("target", metavar="script.py[:name]", help="what to run, and what in it to draw")
    parser.add_argument("-o", "--out", type=Path, help=f"the file to write: {', '.join(FORMS)}; as the script, .svg")
    parser.add_argument("--player", action="store_true", help="write a page that plays the backward pass: .html")
    parser.add_argument("--backward", action="store_true", help="differentiate the result before it is drawn")
    parser.add_argument("--title", default="", help="what stands above")
    parser.add_argument("--direction", choices=("LR", "RL", "TB", "BT"), default="LR", help="where results are")
    parser.add_argument("--theme", choices=("auto", "light", "dark"), default="auto")
    parser.add_argument("--collapse", type=_collapse, default="auto", metavar="auto|none|N", help="levels of modules")
    parser.add_argument("--limit", type=int, default=200, metavar="N", help="how many cards there may be")
    parser.add_argument("--number", default=".4g", metavar="FORMAT", help="how numbers are written")
    parser.add_argument("--source", choices=("relative", "none"), default="relative", help="name lines, or do not")


def run(options: argparse.Namespace) -> None:
    """Do it, and print a line that says what was done.

    Raises:
        SystemExit: where there is nothing to draw, or it can't be drawn; with a line that says why.
    """
    path, name = split(options.target)
    out = options.out or Path(path.with_suffix(".html" if options.player else ".svg").name)
    if out.suffix.lower() not in (FORMS if not options.player else (".html",)):
        refuse(f"{out} must end in {'.html' if options.player else ', '.join(FORMS)}")  # before the script runs
    with modes.trace():
        result = found(path, name, options.arguments)
    if options.backward:
        result.backward()
    keys = ("title", "direction", "theme", "collapse", "limit", "number", "source")
    chosen = {key: getattr(options, key) for key in keys}
    try:
        made = player(result, **chosen) if options.player else draw(result, **chosen)
        print(f"{made.save(out)}: {made!r}")
    except (AutogradError, OSError) as error:
        refuse(str(error))


def refuse(why: str) -> NoReturn:
    """End the program with a line that says why."""
    raise SystemExit(f"python -m autograd draw: {why}")


def split(target: str) -> tuple[Path, str]:
    """A target as a path and a name, "" where it has none.

    >>> split("demos/digits.py:build")[1], split("train.py")[1]
    ('build', '')
    """
    path, colon, name = target.rpartition(":")
    return (Path(path), name) if colon and path.endswith(".py") else (Path(target), "")


def found(path: Path, name: str, arguments: list[str]) -> Value:
    """The Value to draw; whatever the script itself raises is the script's.

    Raises:
        SystemExit: where there is none.
    """
    if not path.is_file():
        refuse(f"there is no file {path}")
    with _as_program(path, arguments):
        if not name:
            results = [x for x in executed(path).values() if type(x) is Value]
            if not results:
                refuse(f"{path} leaves no Value in a global variable; say what to draw, as {path}:name")
            return max(results, key=lambda x: (bool(x.inputs), x._seq))
        module = imported(path)
        held: Any = module
        for part in name.split("."):
            if not hasattr(held, part):
                values = [key for key, x in vars(module).items() if type(x) is Value]
                refuse(f"{path} has no {name}; the Values in it are: {', '.join(values) or 'none'}")
            held = getattr(held, part)
        made = held() if callable(held) else held
    if type(made) is not Value:
        refuse(f"{path}:{name} is no Value, nor a function that returns one: {reprlib.repr(made)}")
    return made


def executed(path: Path) -> dict[str, Any]:
    """Run a script as ``python script.py`` does, to its end or its exit; the global variables that it leaves."""
    program = types.ModuleType("__main__")
    program.__file__ = str(path)
    before = sys.modules["__main__"]
    sys.modules["__main__"] = program
    try:
        exec(compile(path.read_bytes(), str(path.resolve()), "exec"), vars(program))
    except SystemExit as end:
        if end.code not in (None, 0):
            raise
    finally:
        sys.modules["__main__"] = before
    return vars(program)


def imported(path: Path) -> types.ModuleType:
    """A file as a module, of its package where it lies in one.

    Raises:
        SystemExit: where it ends the program.
    """
    root, names = path.resolve().parent, [path.stem]
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    sys.path.insert(0, os.fspath(root))
    try:
        return importlib.import_module(".".join(names))
    except SystemExit as end:
        refuse(f"{path} ended with exit code {end.code} when it was imported; without a name it runs as a program")


@contextmanager
def _as_program(path: Path, arguments: list[str]) -> Iterator[None]:
    argv, folders = sys.argv, sys.path[:]
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, os.fspath(path.resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, folders


def _collapse(text: str) -> str | int | None:
    if text in ("auto", "none"):
        return "auto" if text == "auto" else None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be auto, none or a whole number, not {text!r}")
    return int(text)
