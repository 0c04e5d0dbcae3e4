"""Where a pass stops: breakpoints on nodes, on the lines, ops and modules that made them, on numbers; watchpoints.

They outlive a pass: what is set in the first pass of a training loop stops the later ones too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

from ..errors import InputError
from ..explanation import HUGE, TINY
from ..stepping import Step

if TYPE_CHECKING:
    from .session import Session

NUMBERS: Final = ("nan", "inf", "explode", "vanish")  # kinds that look at what is about to be sent
KINDS: Final = ("name", "op", "line", "mod", "watch", "any", *NUMBERS)
LIMITS: Final = {"explode": HUGE, "vanish": TINY}  # unless another one is given, as multiples of where the pass began


class Breakpoint:
    """A place or a condition to stop at.

    Attributes:
        number: what the user calls it.
        kind: one of KINDS.
        what: the name, the op, the path of the module, the limit; ``FILE:LINE`` of a line.
        condition: an expression that must hold, "" for none.
        enabled: whether it stops at all.
        temporary: whether it goes when it has stopped once.
        hits: how often it has been met with its condition fulfilled.
        ignored: how many of the next times it is not to stop.
        hit_condition: for which counts of hits it stops, as ``>= 3``, ``% 10`` or ``5``; "" for all.
        message: what to print instead of stopping, expressions in braces; None to stop.
    """

    def __init__(
        self,
        number: int,
        kind: str,
        what: str = "",
        condition: str = "",
        *,
        temporary: bool = False,
        hit_condition: str = "",
        message: str | None = None,
    ) -> None:
        self.number, self.kind, self.what = number, kind, what
        self.enabled, self.temporary = True, temporary
        self.hits = self.ignored = 0
        self.message = message
        self.code: CodeType | None = None
        self.condition = ""
        self.set_condition(condition)
        self.hit_condition, self._counts = hit_condition, _counting(hit_condition)
        self.limit = LIMITS.get(kind, 0.0)
        if kind in LIMITS and what:
            self.limit = _positive(what)
        if kind == "line":
            self.file, self.line = _file_and_line(what)

    def set_condition(self, condition: str) -> None:
        """Give it another condition, "" for none.

        Raises:
            InputError: where that is no Python expression.
        """
        try:
            self.code = compile(condition.strip(), "<condition>", "eval") if condition.strip() else None
        except (SyntaxError, ValueError) as error:
            raise InputError(f"the condition {condition.strip()!r} is no expression: {error}") from None
        self.condition = condition.strip()

    @property
    def spec(self) -> str:
        """How it is written at the prompt."""
        text = {"op": f"op:{self.what}", "mod": f"mod:{self.what}", "any": "at every node"}.get(self.kind, self.what)
        if self.kind in NUMBERS:
            text = f"{self.kind} {self.what}".strip()
        return f"watch {self.what}" if self.kind == "watch" else text

    def __str__(self) -> str:
        parts = [f"{self.number:<3} {self.spec}"]
        if self.condition:
            parts.append(f"if {self.condition}")
        if self.temporary:
            parts.append("(once)")
        if not self.enabled:
            parts.append("(disabled)")
        if self.hits:
            parts.append(f"hit {self.hits} time{'s' * (self.hits != 1)}")
        if self.ignored:
            parts.append(f"ignored {self.ignored} more")
        return "  ".join(parts)

    def counts(self) -> bool:
        """Note a hit, and say whether it is one to stop at."""
        self.hits += 1
        if self.ignored:
            self.ignored -= 1
            return False
        return self._counts(self.hits)

    # ── Where it applies ────────────────────────────────────────────────────────────────────────────────────

    def node_test(self, session: Session) -> Callable[[Any], bool] | None:
        """Whether to stop at the turn of a node; None for a breakpoint that asks of every step."""
        what = self.what
        if self.kind == "name":
            names = session.steps.names
            if "#" in what or names.node(what) is not None:
                return lambda node: session.called(node) == what or names.node(what) is node
            return lambda node: session.called(node) == what
        if self.kind == "op":
            return lambda node: node._operation.name == what or node._operation.symbol == what
        if self.kind == "line":
            return lambda node: self.is_line_of(session.source(node))
        if self.kind == "mod":
            return lambda node: is_inside(node.module, what)
        return (lambda node: True) if self.kind == "any" else None

    def is_line_of(self, source: Any) -> bool:
        """Whether a node was made on its line."""
        return source is not None and source.line == self.line and same_file(source.file, self.file)

    def is_met_by(self, step: Step, seed: float) -> bool:
        """Whether the next step makes the number that it looks for, of numbers that were not yet so."""
        c, bad = step.contribution, _TESTS[self.kind]
        if c is None:
            return False
        limit = self.limit * abs(seed)
        if bad(c, limit):
            return not bad(step.upstream, limit)
        before = step.input.grad
        return self.kind != "vanish" and bad(before + c, limit) and not bad(before, limit)


_TESTS: Final[dict[str, Callable[[float, float], bool]]] = {
    "nan": lambda g, limit: g != g,
    "inf": lambda g, limit: math.isinf(g),
    "explode": lambda g, limit: abs(g) > limit,
    "vanish": lambda g, limit: 0.0 < abs(g) < limit,
}


class Breakpoints:
    """All that were set, in order of their numbers, which are never given twice."""

    def __init__(self) -> None:
        self._all: dict[int, Breakpoint] = {}
        self._given = 0

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter([*self._all.values()])

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, number: int) -> Breakpoint:
        try:
            return self._all[number]
        except KeyError:
            known = ", ".join(map(str, self._all)) or "none"
            raise InputError(f"there is no breakpoint {number}; there are: {known}") from None

    def add(self, kind: str, what: str = "", condition: str = "", **options: Any) -> Breakpoint:
        """Set one more.

        Raises:
            InputError: where it is not well formed.
        """
        made = Breakpoint(self._given + 1, kind, what, condition, **options)
        self._given += 1
        self._all[made.number] = made
        return made

    def remove(self, number: int) -> None:
        """Take one away.

        Raises:
            InputError: where there is none of that number.
        """
        del self._all[self[number].number]

    def clear(self) -> None:
        """Take all away."""
        self._all.clear()


def is_inside(module: str, path: str) -> bool:
    """Whether a module's path is another's, or lies below it.

    >>> is_inside("MLP.layers.0", "MLP.layers"), is_inside("MLP.layers.0", "MLP.lay")
    (True, False)
    """
    return module == path or module.startswith(path + ".")


def same_file(file: str, asked: str) -> bool:
    """Whether a file is the one that is asked for, by its whole path or by as much of its end as is given.

    >>> same_file("/home/me/model.py", "model.py"), same_file("/home/me/model.py", "odel.py")
    (True, False)
    """
    if file == asked:
        return True
    wanted, parts = Path(asked).parts, Path(file).parts
    if not wanted or os.path.normcase(parts[-1] if parts else file) != os.path.normcase(wanted[-1]):
        return False
    if not os.path.isabs(asked) and parts[-len(wanted) :] == wanted:
        return True
    return os.path.realpath(file) == os.path.realpath(asked)


def _file_and_line(spec: str) -> tuple[str, int]:
    file, _, line = spec.rpartition(":")
    if not file or not line.isdecimal() or not int(line):
        raise InputError(f"a line is written as FILE:LINE, for example model.py:12, not {spec!r}")
    return file, int(line)


def _positive(text: str) -> float:
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not 0.0 < limit < math.inf:
        raise InputError(f"a limit is a positive number, not {text!r}")
    return limit


_COMPARISONS: Final[dict[str, Callable[[int, int], bool]]] = {
    ">=": lambda hits, n: hits >= n,
    "<=": lambda hits, n: hits <= n,
    "==": lambda hits, n: hits == n,
    ">": lambda hits, n: hits > n,
    "<": lambda hits, n: hits < n,
    "=": lambda hits, n: hits == n,
    "%": lambda hits, n: hits % n == 0,
    "": lambda hits, n: hits >= n,
}


def _counting(text: str) -> Callable[[int], bool]:
    text = text.strip()
    if not text:
        return lambda hits: True
    sign = next(sign for sign in _COMPARISONS if text.startswith(sign))
    count = text[len(sign) :].strip()
    if not count.isdecimal() or (sign == "%" and not int(count)):
        raise InputError(f"a count of hits is written as 5, >= 5, == 5 or % 5, not {text!r}")
    compare, n = _COMPARISONS[sign], int(count)
    return lambda hits: compare(hits, n)
