"""Colours, and what they say: the sign and the size of a gradient.

Blue is positive and orange negative, which the common forms of colour blindness keep apart; and never by colour
alone, cards carry ▲ and ▼ and edges filled and open arrows. Text has a contrast of 5 : 1 or more on all of it.
"""

from __future__ import annotations

import math
from typing import Final

STEPS: Final = 5
DECADES: Final = 4  # from the faintest step to the strongest

LIGHT: Final = {
    "paper": "#ffffff", "text": "#1b1f24", "muted": "#4d555e", "line": "#57606a", "rule": "#c5ccd3",
    "plain": "#ffffff", "zero": "#eff1f3", "bad": "#ffe0f3", "bad-line": "#b0006d", "mark": "#6f2dc1",
    "edge": "#8b949e", "edge-positive": "#2f79bd", "edge-negative": "#c65f12",
    "cluster0": "#f8f9fa", "cluster1": "#f1f3f5",
    "positive0": "#eef4fb", "positive1": "#d2e4f5", "positive2": "#a6cbec", "positive3": "#7cb2e2",
    "positive4": "#4f97d6", "negative0": "#fdf2e7", "negative1": "#fbdfc2", "negative2": "#f7c08a",
    "negative3": "#f0a35c", "negative4": "#e3822f",
}  # fmt: skip
DARK: Final = {
    "paper": "#0d1117", "text": "#f0f4f8", "muted": "#a9b3bd", "line": "#8b949e", "rule": "#3a424b",
    "plain": "#161b22", "zero": "#21262d", "bad": "#4d0d36", "bad-line": "#ff7cc8", "mark": "#b68cff",
    "edge": "#6e7681", "edge-positive": "#58a6ff", "edge-negative": "#f0883e",
    "cluster0": "#12171e", "cluster1": "#181e26",
    "positive0": "#16212d", "positive1": "#17304a", "positive2": "#174066", "positive3": "#155084",
    "positive4": "#1560a3", "negative0": "#2a2118", "negative1": "#40301d", "negative2": "#5a3c1b",
    "negative3": "#744a1a", "negative4": "#8a5314",
}  # fmt: skip

TONES: Final = ("plain", "zero", "bad", *[f"{sign}{k}" for sign in ("negative", "positive") for k in range(STEPS)])


def step(x: float, largest: float) -> int:
    """Which of the five steps x is in, on a scale of four decades that ends at `largest`; -1 for 0.

    >>> step(1.0, 1.0), step(0.05, 1.0), step(1e-9, 1.0), step(0.0, 1.0)
    (4, 3, 0, -1)
    """
    if x == 0.0 or largest == 0.0:
        return -1
    decades = math.log10(abs(x)) - math.log10(largest)
    return max(0, min(STEPS - 1, STEPS + math.ceil(decades * STEPS / DECADES) - 1))


def tone(x: float | None, largest: float) -> str:
    """The tone of a card whose gradient is x, None where it has none.

    >>> tone(None, 1.0), tone(0.0, 1.0), tone(-1.0, 1.0), tone(float("nan"), 1.0)
    ('plain', 'zero', 'negative4', 'bad')
    """
    if x is None:
        return "plain"
    if not math.isfinite(x):
        return "bad"
    k = step(x, largest)
    return "zero" if k < 0 else f"{'positive' if x > 0 else 'negative'}{k}"
