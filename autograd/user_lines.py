"""A backward pass over the program's own lines, newest first: what ``loss.backward(debug=True)`` runs.

The pass runs inside functions that are generated here. Their code carries the file name and the line numbers of the
program that built the graph, so that a debugger which has never heard of chainrule shows those lines, and stops at
breakpoints set on them. One function goes over all nodes that follow each other in one file.

Each node is one stop. There ``step`` is the node's turn, not taken yet (print it), and each name that the
program has for the node and its inputs is theirs. Stepping into the line enters the derivative's rule.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import linecache
import sys
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from operator import call
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from . import chain
from .ops import ARITHMETIC
from .source import placed
from .stepping import Step, Steps, reached

if TYPE_CHECKING:
    from .value import Value

_files: Final = itertools.count(1)
_OUT_OF_SIGHT: Final = {f"{__package__}.{module}" for module in ("chain", "modes", "stepping", "user_lines", "value")}
_RUN: Final = 5_000  # lines in one function: the compiler's time for more would be felt before the first stop


class Stop(NamedTuple):
    """The line of a node, and how many nodes that follow each other share it."""

    file: str
    line: int
    end_line: int
    column: int
    end_column: int
    nodes: int


class Turn:
    """A node whose turn it is: its gradient is complete, its rule has not run. The debugger's ``step``.

    Attributes:
        node: the node.
        upstream: its gradient.
        steps: what it is going to send, one step an input.
        contributions: these alone.
        rule: its derivative, to be stepped into.
        arguments: what the rule is called with: upstream, the node's number, and those of its inputs.
    """

    def __init__(self, steps: Steps, namespace: dict[str, Any]) -> None:
        self._steps, self._namespace = steps, namespace
        self.node: Any = None
        self.upstream = 0.0
        self.rule: Callable[..., Any] = _nothing
        self.arguments: tuple[Any, ...] = ()
        self._load()

    def _load(self) -> None:
        visited = self._steps.visit()
        if visited is None:
            return
        self.node, self.upstream = node, g = visited
        Value = type(node)
        if node._seq < Value._latest_assignment():
            chain.refuse_stale(node)
        self.rule = node._operation.float_rule
        self.arguments = (g, node._data, *[x._data if type(x) is Value else x for x in node.inputs])
        for x in (*(x for x in node.inputs if type(x) is Value), node):
            name = self._steps.names[x]
            if name.isidentifier() and name not in ("step", "arithmetic"):
                self._namespace[name] = x

    def in_ieee(self) -> Sequence[Any]:
        """What the rule sends where it raised on floats."""
        return chain.contributions(self.node, self.upstream)

    def send(self, sent: Sequence[Any]) -> None:
        """Take the steps that the rule's answer makes, and load the next node."""
        self._steps.take_all(chain.checked(self.node, sent))
        self._load()

    @property
    def steps(self) -> list[Step]:
        """What the node is going to send, one step an input."""
        sent = chain.contributions(self.node, self.upstream)
        names, first = self._steps.names, self._steps.position
        pairs = [(i, c) for i, (x, c) in enumerate(zip(self.node.inputs, sent, strict=True)) if type(x) is not float]
        return [Step(first + k, self.node, i, self.upstream, c, names) for k, (i, c) in enumerate(pairs)]

    @property
    def contributions(self) -> tuple[float | None, ...]:
        """What the node is going to send to each input that is a Value."""
        return tuple(step.contribution for step in self.steps)

    def __str__(self) -> str:
        return "\n".join(map(str, self.steps))

    __repr__ = __str__


def _nothing(*arguments: Any) -> Sequence[Any]:
    return ()


def backward(root: Value, gradient: float) -> None:
    """Set and add the gradients as `Value.backward` does, bit for bit, stopping at the lines that made the nodes."""
    order = reached(root, _unseen)
    untraced = sum(node._known().source is None for node in order)
    if untraced:
        part = "this graph was" if untraced == len(order) else f"{untraced} of this graph's {len(order)} nodes were"
        warnings.warn(
            f"{part} built outside `with autograd.trace():`, so backward(debug=True) has no lines of yours to show for "
            "them; it shows op and label instead",
            stacklevel=3,
        )
    namespace: dict[str, Any] = {"__name__": "backward", "__builtins__": builtins, "arithmetic": ARITHMETIC}
    debugger: Any = getattr(sys.gettrace(), "__self__", None)
    skipped = getattr(debugger, "skip", None)  # bdb's own list of modules that it does not step through
    own_file = f"<backward {next(_files)}>"
    steps = Steps(root, gradient)
    try:
        if isinstance(skipped, (set, type(None))) and hasattr(debugger, "is_skipped_module"):
            debugger.skip = _OUT_OF_SIGHT.union(skipped or ())
        for node in order:  # name them all now: later it could be seen
            for x in (node, *node.inputs):
                if type(x) is not float:
                    steps.names[x]
        functions = [FunctionType(code, namespace) for code in _codes(_stops(order, own_file, steps))]
        turn = Turn(steps, namespace)
        # In C from one function to the next, so that a debugger's `next` leads from each to the one that follows.
        deque(map(call, functions, itertools.repeat(turn)), maxlen=0)
        steps.run()
    except BaseException:
        steps.fail()
        raise
    finally:
        linecache.cache.pop(own_file, None)
        if hasattr(debugger, "skip"):
            sys._getframe().f_trace = None  # 3.13 would stop at the return from here
            debugger.skip = skipped


@cache
def _unseen(operation: Any) -> Any:
    """An op's rule in a copy that no breakpoint is set on."""
    rule = operation.float_rule
    if not isinstance(rule, FunctionType):
        return rule
    code = rule.__code__.replace(co_filename="<rule>")
    copy = FunctionType(code, rule.__globals__, rule.__name__, rule.__defaults__, rule.__closure__)
    copy.__kwdefaults__ = rule.__kwdefaults__
    return copy


def _stops(order: list[Any], own_file: str, steps: Steps) -> list[Stop]:
    """Where the pass stops, in order. What was not traced gets a line in a file of its own, in linecache alone."""
    stops: list[Stop] = []
    lines: list[str] = []
    for node in order:
        made = node._known().source
        if made is None:
            lines.append(f"{steps.names[node]} = {steps.names.formula(node)}\n")
            stops.append(Stop(own_file, len(lines), len(lines), 0, 0, 1))
            continue
        source = placed(*made)
        stop = Stop(source.file, source.line, source.end_line, source.column, source.end_column, 1)
        if stops and stops[-1][:2] == stop[:2]:
            stops[-1] = stops[-1]._replace(nodes=stops[-1].nodes + 1)
        else:
            stops.append(stop)
    if lines:
        linecache.cache[own_file] = (sum(map(len, lines)), None, lines, own_file)
    return stops


def _codes(stops: list[Stop]) -> list[CodeType]:
    """Code that stops there: one function for each stretch in one file."""
    codes = []
    for file, stretch in itertools.groupby(stops, key=lambda stop: stop.file):
        of_file = list(stretch)
        for i in range(0, len(of_file), _RUN):
            codes.append(_compiled(file, of_file[i : i + _RUN]))
    return codes


def _compiled(file: str, stops: list[Stop]) -> CodeType:
    (function,) = _on_line(stops[0], "def backward(step): pass")
    assert isinstance(function, ast.FunctionDef)
    known: dict[Stop, list[ast.stmt]] = {}  # a loop's lines come back many times
    function.body = []
    for stop in stops:
        if stop not in known:
            known[stop] = _statements(stop)
        function.body += known[stop]
    module = compile(ast.Module([function], []), file, "exec")
    # The function's own code, not the module's: a call of that would show as a frame.
    return next(constant for constant in module.co_consts if isinstance(constant, CodeType))


_TURN: Final = """
try:
    sent = step.rule(*step.arguments)
except arithmetic:
    sent = step.in_ieee()
step.send(sent)
"""
_TURNS: Final = f"for _ in range({{}}):\n{_TURN}".replace("\n", "\n    ")


def _statements(stop: Stop) -> list[ast.stmt]:
    """One turn for each node. A jump backwards to a line is a stop, so that n nodes of a line are n stops."""
    return _on_line(stop, (_TURNS.format(stop.nodes - 1) if stop.nodes > 1 else "") + _TURN)


def _on_line(stop: Stop, text: str) -> list[ast.stmt]:
    """The statements of a text, as if they all stood at that place."""
    statements = ast.parse(text).body
    for statement in statements:
        for node in ast.walk(statement):
            if "lineno" in node._attributes:
                at: Any = node
                at.lineno, at.end_lineno = stop.line, stop.end_line
                at.col_offset, at.end_col_offset = stop.column, stop.end_column
    return statements
