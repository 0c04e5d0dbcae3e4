"""What the demos' command lines take: a wrong option is told before anything is computed."""

from __future__ import annotations

import argparse
from pathlib import Path


def count(text: str) -> int:
    """A whole number of at least 1."""
    return _between(text, 1)


def seed(text: str) -> int:
    """A whole number that scikit-learn takes for a seed, too."""
    return _between(text, 0, 2**32 - 1)


def folder(text: str) -> Path:
    """A folder, made here if there is none."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"can't make the folder: {error}") from None
    return path


def _between(text: str, low: int, high: int | None = None) -> int:
    try:
        n = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None
    if n < low or (high is not None and n > high):
        raise argparse.ArgumentTypeError(f"must be at least {low}{f' and at most {high}' if high else ''}, not {n}")
    return n
