"""A backward pass under a debugger: where it is, where it stops, and what there is to see there.

It knows the pass and no words: the prompt (shell.py) and the editor (dap.py) are two ways to talk to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from operator import attrgetter
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .. import chain
from ..errors import InputError
from ..source import Source, placed
from ..stepping import Step, Steps, reached
from .breakpoints import NUMBERS, Breakpoint, Breakpoints

if TYPE_CHECKING:
    from ..value import Value

SMALL: Final = 10_000  # nodes of a graph that is counted and named as a whole before the first stop
_AT_ONCE: Final = 5_000  # steps between two looks at whether to stop, where there is nothing else to look for
_WORDS: Final = ("step", "node", "input", "upstream", "local", "contribution", "output")


class Stop(NamedTuple):
    """Why the pass stands where it stands.

    Attributes:
        reason: "start", "step", "breakpoint", "watch", "end", "interrupt" or "goto".
        point: the breakpoint that was met.
        change: of a watchpoint: the node, its gradient before and after, and the step that changed it.
        trouble: what the breakpoint's condition raised.
    """

    reason: str
    point: Breakpoint | None = None
    change: tuple[Value, float, float, Step] | None = None
    trouble: str = ""


class Session:
    """One backward pass, forwards and back, with its stops.

    Args:
        root: the result that is differentiated.
        gradient: the gradient to start with.
        points: breakpoints, which outlive this pass.
        variables: the program's own, for expressions.

    Attributes:
        steps: the pass.
        points: the breakpoints.
        frame: which node of `path` is looked at, from 0, the node whose turn it is.
        interrupted: set it, from anywhere, to stop a motion at the next step.
        tell: called with what breakpoints print instead of stopping.

    >>> from autograd import Value
    >>> x = Value(0.5, "x")
    >>> session = Session((x * 2.0).tanh() * 3.0)
    >>> _ = session.points.add("op", "mul", "node.data == 1.0")
    >>> session.proceed().reason, session.steps.position, session.total
    ('breakpoint', 2, 3)
    >>> session.proceed(back=True).reason, x.has_grad
    ('start', False)
    """

    def __init__(
        self,
        root: Value,
        gradient: float = 1.0,
        points: Breakpoints | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        self.root, self.gradient = root, gradient
        self.points = Breakpoints() if points is None else points
        self.scope = Scope(self, variables or {})
        self.interrupted = False
        self.tell: Callable[[str], object] = print
        self._places: dict[tuple[int, int, bool], Source] = {}
        self._begin()

    def _begin(self) -> None:
        self.steps = Steps(self.root, self.gradient)
        self.frame = 0
        self._path: list[Any] = []
        self._path_at: object = None
        self._total: int | None = None
        if _is_small(self.root):
            names, order = self.steps.names, reached(self.root)
            self._total = 0
            for node in order:
                for x in (node, *node.inputs):
                    if type(x) is not float:
                        names[x]
                        self._total += x is not node

    @property
    def total(self) -> int | None:
        """How many steps the pass has; None where that is not known yet."""
        return self._total if self.steps.length is None else self.steps.length

    @property
    def traced(self) -> bool:
        """Whether the line that made the result is known."""
        return self.root._known().source is not None

    # ── Moving ──────────────────────────────────────────────────────────────────────────────────────────────

    def step(self, count: int = 1) -> Stop:
        """Take so many steps, one contribution each; undo them where the count is negative."""
        for _ in range(abs(count)):
            if (self.steps.forward() if count > 0 else self.steps.back()) is None:
                break
        return self._stopped("step", forwards=count > 0)

    def next(self, count: int = 1) -> Stop:
        """Finish so many nodes; where it is negative, go back to where the turn of this or an earlier one began."""
        for _ in range(abs(count)):
            self.steps.finish_node() if count > 0 else self.steps.undo_node()
        return self._stopped("step", forwards=count > 0)

    def goto(self, position: int) -> Stop:
        """Go to where so many steps have been taken, whatever breakpoints lie on the way.

        Raises:
            InputError: where position is negative.
        """
        if type(position) is not int or position < 0:
            raise InputError(f"goto takes a whole number of steps from 0, not {position!r}")
        self.interrupted = False
        while not self.interrupted and self.steps.position != position:
            far = position - self.steps.position
            self.steps.goto(self.steps.position + max(-_AT_ONCE, min(far, _AT_ONCE)))
            if self.steps.done and far > 0:
                break
        return self._stopped("interrupt" if self.interrupted else "goto", forwards=True)

    def proceed(self, back: bool = False, until: Callable[[Any], bool] | None = None) -> Stop:
        """Run to the next stop: a breakpoint, a watchpoint, an interrupt, either end of the pass.

        Args:
            back: run backwards. It stops at the same places, a watchpoint's being the one before the change.
            until: stop also at the turn of the first node of which this is true.
        """
        self.interrupted = False
        enabled = [point for point in self.points if point.enabled]
        watched = {self._watched(point): point for point in enabled if point.kind == "watch"}
        watched.pop(None, None)
        asks_of_nodes = [(point, test) for point in enabled if (test := point.node_test(self)) is not None]
        asks_of_steps = [point for point in enabled if point.kind in NUMBERS]
        seed = self.gradient if 0.0 < abs(self.gradient) < math.inf else 1.0
        steps = self.steps
        by_steps = bool(watched or asks_of_steps)
        if back:
            steps.reopen()
        while not self.interrupted:
            if by_steps:
                step = steps.back() if back else steps.forward()
                if step is None:
                    return self._stopped("step")
                if step.contribution is not None and step.input in watched:
                    stop = self._changed(watched[step.input], step, back)
                    if stop is not None:
                        return stop
            elif asks_of_nodes or until:
                if steps.done if not back else not steps.position:
                    return self._stopped("step")
                steps.undo_node() if back else steps.finish_node()
            else:
                steps.goto(max(0, steps.position + (-_AT_ONCE if back else _AT_ONCE)))
                if steps.done or not steps.position:
                    return self._stopped("step")
                continue
            here = None if steps.done else steps.peek()
            if here is None:
                return self._stopped("step", forwards=True)
            for point in asks_of_steps:
                if point.is_met_by(here, seed) and (stop := self._met(point)) is not None:
                    return stop
            if steps.between_nodes:
                for point, test in asks_of_nodes:
                    if not test(here.node):
                        continue
                    if point.kind == "mod" and here.index and test(steps.step_at(here.index - 1).node):
                        continue  # it is met where the pass comes into the module
                    if (stop := self._met(point)) is not None:
                        return stop
                if until is not None and until(here.node):
                    return self._stopped("step")
        return self._stopped("interrupt")

    def until(self, node: Value) -> Stop:
        """Run on to where a node's gradient is complete: its turn, the end of the pass for a leaf."""
        return self.proceed(until=lambda turn: turn is node)

    def leave(self) -> Stop:
        """Run on until the pass comes out of the module that made this node, or else out of its function."""
        node = self.focus
        if node.module:
            return self.proceed(until=lambda turn: not (turn.module + ".").startswith(node.module + "."))
        source = self.source(node)
        where = None if source is None else (source.file, source.function)

        def outside(turn: Any) -> bool:
            at = self.source(turn)
            return (None if at is None else (at.file, at.function)) != where

        return self.proceed(until=outside)

    def set_gradient(self, node: Value, gradient: float) -> None:
        """Give a node another gradient, with which the pass goes on; see `Steps.set_gradient`.

        Raises:
            InputError: where its gradient has been sent on already, or the pass has ended.
        """
        if not self.steps.reached(node):
            self._total = None  # more may be reached now
        self.steps.set_gradient(node, gradient)
        self._path_at = None

    def restart(self) -> Stop:
        """Undo everything, what was set included, and begin anew; hooks will run again."""
        self.quit(undo=True)
        self._begin()
        return self._stopped("start")

    def finish(self) -> None:
        """Run the pass to its end, past all breakpoints."""
        self.steps.run()

    def quit(self, undo: bool = False) -> None:
        """Leave: every gradient is as it was before, unless the pass has ended."""
        if undo:
            self.steps.reopen()
        self.steps.close()

    def _stopped(self, reason: str, forwards: bool = False) -> Stop:
        self.frame = 0
        if forwards and not self.steps.done and self.steps.peek() is None:
            self.steps.forward()  # there was nothing left but to hand the leaves their gradients
        if self.steps.done:
            reason = "end"
        elif reason == "step" and not self.steps.position:
            reason = "start"
        return Stop(reason)

    def _met(self, point: Breakpoint) -> Stop | None:
        """The stop at a breakpoint whose place has been reached; None where it does not stop."""
        trouble = ""
        if point.code is not None:
            try:
                if not self.scope.value(point.code):
                    return None
            except Exception as error:
                trouble = f"{type(error).__name__}: {error}"
        if not point.counts() and not trouble:
            return None
        if point.message is not None:
            self.tell(self._filled(point.message))
            return None
        if point.temporary:
            self.points.remove(point.number)
        self.frame = 0
        return Stop("breakpoint", point, None, trouble)

    def _filled(self, message: str) -> str:
        """A message with the values of the expressions in its braces."""
        parts = message.split("{")
        text = [parts[0]]
        for part in parts[1:]:
            expression, closed, rest = part.partition("}")
            if not closed:
                text.append("{" + part)
                continue
            try:
                text.append(f"{self.scope.value(expression)}{rest}")
            except Exception as error:
                text.append(f"<{type(error).__name__}: {error}>{rest}")
        return "".join(text)

    def _changed(self, point: Breakpoint, step: Step, back: bool) -> Stop | None:
        """The stop at a watchpoint whose gradient a step has changed, or will change when it is taken again."""
        before, after = self.steps.change_at(step.index)
        if before == after or (before != before and after != after):
            return None
        stop = self._met(point)
        if stop is None:
            return None
        if not back and self.steps.peek() is None:
            self.steps.forward()
        return stop._replace(reason="watch", change=(step.input, *((after, before) if back else (before, after)), step))

    def _watched(self, point: Breakpoint) -> Any:
        try:
            return self.find(point.what)
        except InputError:  # not in this pass
            return None

    # ── Looking ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def focus(self) -> Any:
        """The node that is looked at: that of the frame; the result where the pass has ended."""
        return self.path(self.frame + 1)[self.frame]

    @property
    def next_step(self) -> Step | None:
        """The step that comes next; in an outer frame, the one that led from there to the next frame within."""
        here = None if self.steps.done else self.steps.peek()
        if not self.frame or here is None:
            return here
        outer, inner = self.path(self.frame + 1)[self.frame], self.path(self.frame)[self.frame - 1]
        return max((step for step in self.steps.sent_to(inner) if step.node is outer), key=_size)

    def path(self, at_most: int | None = None) -> list[Any]:
        """The nodes from the one whose turn it is to the result, each sent most by the next."""
        steps = self.steps
        if self._path_at != (steps, steps.position, steps.done):
            current = None if steps.done else steps.current
            self._path, self._path_at = [self.root if current is None else current], (steps, steps.position, steps.done)
        path = self._path
        while path[-1] is not self.root and (at_most is None or len(path) < at_most):
            sent = steps.sent_to(path[-1])
            if not sent:  # its gradient was set
                path.append(self.root)
                break
            path.append(max(sent, key=_size).node)
        return path if at_most is None else path[:at_most]

    def factor(self, outer: Any, inner: Any) -> float | None:
        """d(outer)/d(inner) along one link of the path; None where nothing was sent along it."""
        sent = [step.local for step in self.steps.sent_to(inner) if step.node is outer]
        return math.fsum(c for c in sent if c is not None) if sent else None

    def gradient_of(self, node: Any) -> float | None:
        """A node's gradient as this pass has it so far; None where it has sent it nothing."""
        if not self.steps.done and node is self.steps.current:
            step = self.steps.peek()
            return None if step is None else step.upstream
        return node.grad if self.steps.reached(node) else None

    def state_of(self, node: Any) -> str:
        """How complete a node's gradient is, in a word or two."""
        if self.steps.done:
            return "complete" if self.steps.reached(node) else "sent nothing"
        current = self.steps.current
        if node is current:
            return "its turn"
        if node._operation is not None and current is None:
            return "complete" if self.steps.reached(node) else "sent nothing"
        if node._operation is not None and node._seq > current._seq:
            return "sent on" if self.steps.reached(node) else "sent nothing"
        return "so far" if self.steps.reached(node) else "not reached yet"

    def source(self, node: Any) -> Source | None:
        """Where a node was made."""
        made = node._known().source
        if made is None:
            return None
        key = id(made[0]), made[1], made[2]
        source = self._places.get(key)
        if source is None:
            source = self._places[key] = placed(*made)
        return source

    def called(self, node: Any) -> str:
        """What the program calls a node: its label or its variable; "" for neither."""
        label: str = node._known().label
        if label:
            return label
        source = self.source(node)
        return "" if source is None else source.name

    def why(self, node: Any) -> str:
        """Why a node's gradient is what it will be in the end; the pass is run to its end for it, and back."""
        from ..explanation import explained

        position, done = self.steps.position, self.steps.done
        try:
            self.steps.run()
            return str(explained(node, self.root, self.steps.names))
        finally:
            if not done:
                self.steps.goto(position)

    def ops(self) -> set[Any]:
        """The ops that made the graph."""
        return {node._operation for node in chain.topological_order(self.root)}

    def in_file(self, file: str) -> Mapping[int, list[Any]]:
        """The interior nodes that each line of a file made, newest first."""
        return self._index.lines.get(file, {})

    def files(self) -> Iterable[str]:
        """The files that made the graph."""
        return self._index.lines

    # ── Finding ─────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, name: str) -> Any:
        """The node of a name: a label, a variable of the traced program, or one that was shown, as v3 or h#2.

        Raises:
            InputError: where there is none.
        """
        names = self.steps.names
        node = names.node(name)
        if node is None:
            for candidate in self.names().get(name.partition("#")[0], ()):
                if names[candidate] == name:
                    return candidate
            raise InputError(f"no node of this graph is called {name!r}")
        return node

    def names(self) -> Mapping[str, list[Any]]:
        """What the program calls its nodes, and which are called so, the newest first, leaves last."""
        return self._index.names

    @cached_property
    def _index(self) -> _Index:
        """Read when it is first asked for, so that a graph of a million nodes answers at once until then."""
        groups: dict[tuple[str, int, int, bool], list[Any]] = {}  # by label and place, each of which is looked at once
        leaves: dict[Any, None] = {} if self.root._operation is not None else {self.root: None}
        for node in chain.topological_order(self.root):
            block = node._known()
            made = block.source
            key = (block.label, 0, 0, True) if made is None else (block.label, id(made[0]), made[1], made[2])
            group = groups.get(key)
            if group is None:
                groups[key] = [node]
            else:
                group.append(node)
            for x in node.inputs:
                if type(x) is not float and x._operation is None:
                    leaves[x] = None
        lines: dict[str, dict[int, list[Any]]] = {}
        names: dict[str, list[Any]] = {}
        for group in groups.values():
            source, called = self.source(group[0]), self.called(group[0])
            if source is not None:
                lines.setdefault(source.file, {}).setdefault(source.line, []).extend(group)
            if called:
                names.setdefault(called, []).extend(group)
        for nodes in [*names.values(), *(nodes for of_file in lines.values() for nodes in of_file.values())]:
            nodes.sort(key=attrgetter("_seq"), reverse=True)
        for leaf in leaves:
            called = self.called(leaf)
            if called:
                names.setdefault(called, []).append(leaf)
        return _Index(lines, names)


class _Index(NamedTuple):
    lines: dict[str, dict[int, list[Any]]]  # by file and line: the nodes that it made
    names: dict[str, list[Any]]  # by label or variable: the nodes that are called so


class Scope(dict[str, Any]):
    """The names that expressions know: those of the step, those of the nodes, the program's, Python's.

    Of the step: ``step``, ``node``, ``input``, ``upstream``, ``local``, ``contribution``, ``output``.
    """

    def __init__(self, session: Session, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self._session, self._variables = session, variables

    def __missing__(self, name: str) -> Any:
        session = self._session
        if name in _WORDS:
            if name == "output":
                return session.root
            step = session.next_step
            if name == "node":
                return session.focus
            if step is None:
                raise NameError(f"there is no {name}: the pass has ended")
            return step if name == "step" else getattr(step, name)
        try:
            return session.find(name)
        except InputError:
            pass
        return self._variables[name]

    def value(self, expression: str | CodeType) -> Any:
        """The value of an expression."""
        return eval(expression, self, self)

    def run(self, statement: str) -> None:
        """Run a statement; what it assigns stays known."""
        exec(compile(statement, "<debugger>", "single"), self, self)


def _size(step: Step) -> float:
    c = step.contribution
    return -1.0 if c is None else math.inf if c != c else abs(c)


def _is_small(root: Any) -> bool:
    seen = {root}
    stack = [root]
    while stack and len(seen) <= SMALL:
        for x in stack.pop().inputs:
            if type(x) is not float and x._operation is not None and x not in seen:
                seen.add(x)
                stack.append(x)
    return len(seen) <= SMALL
