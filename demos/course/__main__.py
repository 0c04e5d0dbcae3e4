"""Run lessons, all of them in order unless some are named."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import nn

from ..__main__ import stories
from ..options import folder
from . import LESSONS
from . import __doc__ as about


def lesson(text: str) -> str:
    """A lesson's name, from that or its number."""
    name = LESSONS[int(text) - 1] if text.isdecimal() and 0 < int(text) <= len(LESSONS) else text
    if name not in LESSONS:
        raise argparse.ArgumentTypeError(f"no lesson {text!r}; there are 1 to {len(LESSONS)}: {', '.join(LESSONS)}")
    return name


def load(name: str) -> ModuleType:
    """A lesson's module."""
    try:
        return import_module(f"{__package__}.{name}")
    except ModuleNotFoundError as missing:
        raise nn.MissingLibraryError(f"this lesson needs {missing.name}: pip install 'chainrule[demos]'") from None


def main(argv: Sequence[str] | None = None) -> None:
    """Run the lessons asked for."""
    titles = stories(Path(__file__).parent)
    parser = argparse.ArgumentParser(
        prog="python -m demos.course",
        description=(about or "").partition("\n")[0],
        epilog="\n".join(["lessons:", *(f"  {i:2d} {name:12} {titles[name]}" for i, name in enumerate(LESSONS, 1))]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "lessons", nargs="*", type=lesson, metavar="lesson", help="a name or a number; all unless given"
    )
    parser.add_argument("--quick", action="store_true", help="fewer epochs or samples, for a first look")
    parser.add_argument("--out", type=folder, default="out/course", help="folder for the lessons' folders of pictures")
    options = parser.parse_args(argv)

    for name in options.lessons or LESSONS:
        print(f"── {LESSONS.index(name) + 1}. {titles[name]}\n")
        began = time.perf_counter()
        place = folder(options.out / name)
        load(name).run(place, options.quick)
        left = ", ".join(sorted(path.name for path in place.iterdir()))
        print(f"\n{time.perf_counter() - began:.1f} s. In {place}: {left}\n")


if __name__ == "__main__":
    main()
