"""A backward pass as a sequence of steps, forwards and back.

    for step in steps(loss):
        print(step)                     # dL/da += dL/de · de/da = -1.9998 · -0.7 = 1.39986    e = a * b, model.py:6

One step is one contribution: what one node sends to one of its inputs. The order, the rules and the sums are those of
`Value.backward`, bit for bit; what each step changed is kept, so that it can be undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from . import chain
from .errors import InputError, InputTypeError
from .ops import number

if TYPE_CHECKING:
    from .value import Value

SHOWN: Final = 8  # inputs of a node of many, in a line

Change = tuple[Any, "float | None", "float | None"]  # a node, its grad before and after


class Step:
    """One contribution of the chain rule.

    Attributes:
        index: its place in the pass, from 0.
        node: the node whose rule sends it.
        position: which of the node's inputs it goes to, from 0.
        upstream: the node's gradient, which is complete.
        contribution: what is added to the input's gradient; None where nothing is sent, as to the side that
            `where` did not take.
    """

    __slots__ = ("_names", "contribution", "index", "node", "position", "upstream")

    def __init__(
        self, index: int, node: Value, position: int, upstream: float, contribution: float | None, names: Names
    ) -> None:
        self.index, self.node, self.position = index, node, position
        self.upstream, self.contribution = upstream, contribution
        self._names = names

    @property
    def input(self) -> Value:
        """The Value that it is sent to."""
        return self.node.inputs[self.position]  # type: ignore[no-any-return]

    @property
    def local(self) -> float | None:
        """The derivative of the node by this input: its rule at upstream 1."""
        if self.upstream == 1.0:
            return self.contribution
        return chain.contributions(self.node, 1.0)[self.position]  # type: ignore[no-any-return]

    def __str__(self) -> str:
        y, x, of = self._names[self.node], self._names[self.input], self._names.output
        place = "" if self.node.source is None else f", {self.node.source}"
        made = f"{y} = {self._names.formula(self.node)}{place}"
        if self.contribution is None:
            return f"d{of}/d{x}: {y} sends it nothing    {made}"
        return (
            f"d{of}/d{x} += d{of}/d{y} · d{y}/d{x} = "
            f"{self.upstream:.6g} · {self.local:.6g} = {self.contribution:.6g}    {made}"
        )

    def __repr__(self) -> str:
        return f"<step {self.index}: {self}>"


class Names:
    """Names for the nodes of one graph, each its own: the label or the variable where there is one, else v1, v2 …

    They are given in the order in which they are asked for. Nodes that share a name are h, h#2, h#3 …
    """

    def __init__(self, output: Value) -> None:
        self._given: dict[Value, str] = {}
        self._used: dict[str, int] = {}
        self._unnamed = 0
        self.output = self._given[output] = self._unique(_called(output) or "L")

    def __getitem__(self, node: Value) -> str:
        name = self._given.get(node)
        if name is None:
            called = _called(node)
            if not called:
                self._unnamed += 1
                called = f"v{self._unnamed}"
            name = self._given[node] = self._unique(called)
        return name

    def _unique(self, name: str) -> str:
        count = self._used[name] = self._used.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def formula(self, node: Value) -> str:
        """What the op did, in these names: ``a * b``, ``tanh(h)``, ``sum(x1, … 776 more)``; a leaf's is its number."""
        inputs = node.inputs
        if not inputs:
            return f"{node.data:.6g}"
        shown = [f"{x:.6g}" if type(x) is float else self[x] for x in inputs[:SHOWN]]
        if len(inputs) > SHOWN:
            shown.append(f"… {len(inputs) - SHOWN} more")
        symbol = node._operation.symbol
        if len(inputs) == 2 and not symbol.isidentifier():
            return f"{shown[0]} {symbol} {shown[1]}"
        return f"{node.op}({', '.join(shown)})"


def _called(node: Value) -> str:
    """A node's label, or the variable it was assigned to where traced, or ""."""
    if node.label:
        return node.label
    source = node.source
    return "" if source is None else source.name


class Steps(Iterator[Step]):
    """A backward pass that stands still between its steps. `steps` makes it, and says how to use it.

    Attributes:
        root: the result that is differentiated.
        position: how many steps have been taken.
        done: whether the pass has ended and what it found for the leaves is theirs.
    """

    def __init__(self, root: Value, gradient: float = 1.0) -> None:
        self.root = root
        self.position = 0
        self.done = False
        self.names = Names(root)
        self._taken: list[tuple[Step, list[Change]]] = []  # as far as the pass has come yet; `position` may lie before
        self._ending: list[Change] | None = None  # what the end of the pass changes, once it has been computed
        self._sums: dict[Any, float] = {root: gradient}  # of what was reached and not visited
        self._waiting = [(-root._seq, root)] if root._operation is not None else []  # its interior nodes: a heap
        self._leaves: dict[Any, tuple[float | None, float | None]] = {}  # reached: the gradient before, and as given
        self._ahead: list[tuple[int, Any, float | None]] = []  # what the node being visited still sends, last first
        self._node: Any = None
        self._upstream = 0.0
        self._visited: list[Change] = []  # what the visit of that node changed, to be told with its first step
        self._failed = False
        root._remember()

    # ── Moving ──────────────────────────────────────────────────────────────────────────────────────────────

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Step:
        """Take one step; at the end of the pass the leaves' gradients are theirs, and StopIteration is raised.

        Raises:
            StaleGraphError: where a leaf that a rule reads was assigned since the forward pass.
        """
        step = self.forward()
        if step is None:
            raise StopIteration
        return step

    def forward(self) -> Step | None:
        """Take one step and return it; None at the end, where the leaves' gradients become theirs."""
        with chain.lock:
            if not self._has_next():
                if not self.done:
                    self._finish()
                return None
            step, changes = self._taken[self.position]
            _redo(changes)
            self.position += 1
            return step

    def back(self) -> Step | None:
        """Undo one step and return it, every gradient as it was, to the last bit; None at the start."""
        with chain.lock:
            if self.done:
                assert self._ending is not None
                _undo(self._ending)
                self.done = False
            if not self.position:
                return None
            self.position -= 1
            step, changes = self._taken[self.position]
            _undo(changes)
            return step

    def goto(self, position: int) -> None:
        """Go to where so many steps have been taken, or to the end where there are fewer.

        Raises:
            InputError: where position is negative.
        """
        if type(position) is not int or position < 0:
            raise InputError(f"goto(position) takes a whole number of steps from 0, not {position!r}")
        while self.position < position and self.forward():
            pass
        while self.position > position:
            self.back()

    def run(self) -> None:
        """Take all the steps that are left."""
        while self.forward():
            pass

    def close(self) -> None:
        """Give up: undo all steps, unless the pass has ended. A with block does it, and so does dropping the object."""
        if not self.done:
            self.goto(0)

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_visited"):  # it was made
            self.close()

    # ── Looking ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def taken(self) -> Sequence[Step]:
        """The steps that led here, in order."""
        return [step for step, _ in self._taken[: self.position]]

    def peek(self) -> Step | None:
        """The next step, which has not been taken; None at the end. The hooks of its node run now."""
        with chain.lock:
            return self._taken[self.position][0] if self._has_next() else None

    # ── The chain rule ──────────────────────────────────────────────────────────────────────────────────────

    def visit(self) -> tuple[Any, float] | None:
        """The node whose turn it is and its gradient, complete; None where nothing waits. `send` has to follow."""
        if not self._waiting:
            return None
        node = heappop(self._waiting)[1]
        g = chain.hooks_applied(node, self._sums.pop(node))
        before = _grad_of(node)
        self._visited = [] if before is not None and before.hex() == g.hex() else [(node, before, g)]
        self._node, self._upstream = node, g
        return node, g

    def send(self, sent: Sequence[float | None]) -> None:
        """Say what the rule of the node being visited sends to its inputs."""
        pairs = list(zip(range(len(sent)), self._node.inputs, sent, strict=True))
        self._ahead = [(i, x, c) for i, x, c in reversed(pairs) if type(x) is not float]

    def take_all(self, sent: Sequence[float | None]) -> None:
        """Take the steps of the node being visited, whose rule sends this."""
        self.send(sent)
        while self._ahead:
            self.forward()

    def _has_next(self) -> bool:
        """Whether there is a step to take; it is computed where it has not been."""
        if self._failed:
            raise InputError("this pass has failed, and all its steps are undone; begin another with steps(loss)")
        if self.done or self.position < len(self._taken):
            return not self.done
        try:
            if not self._ahead:
                visited = self.visit()
                if visited is None:
                    return False
                self.send(chain.contributions(*visited))
            self._take()
        except BaseException:
            self.fail()
            raise
        return True

    def fail(self) -> None:
        """Undo all steps, for good."""
        self.goto(0)
        self._failed = True

    def _take(self) -> None:
        """Compute the step of the next contribution that was sent."""
        position, x, contribution = self._ahead.pop()
        changes, self._visited = self._visited, []
        if contribution is not None:
            if x in self._sums:
                total = self._sums[x] + contribution
            else:
                total = contribution
                if x._operation is not None:
                    heappush(self._waiting, (-x._seq, x))
            self._sums[x] = total
            changes.append((x, _grad_of(x), total if x._operation is not None else self._with_what_was(x, total)))
        step = Step(len(self._taken), self._node, position, self._upstream, contribution, self.names)
        self._taken.append((step, changes))

    def _with_what_was(self, leaf: Any, total: float) -> float:
        """A leaf's gradient once this pass has sent it so much: what it had before, and the total."""
        now = leaf._grad
        before, given = self._leaves.get(leaf, (now, now))
        if now != given and now == now:  # not this pass: it was cleared, or another pass has added to it
            before = now if not now or given is None else (before or 0.0) + (now - given)
        after = total if before is None else before + total
        self._leaves[leaf] = before, after
        return after

    def _finish(self) -> None:
        """End the pass: leaves' hooks have their say, and a root that is a leaf gets its gradient."""
        if self._ending is None:
            try:
                totals = [(leaf, chain.hooks_applied(leaf, total)) for leaf, total in self._sums.items()]
            except BaseException:
                self.fail()
                raise
            self._ending = [(leaf, leaf._grad, self._with_what_was(leaf, total)) for leaf, total in totals]
        _redo(self._ending)
        self.done = True


def _grad_of(node: Any) -> float | None:
    return getattr(node, "_grad", None)  # the pure engine's interior nodes have none until a pass sets it


def _redo(changes: list[Change]) -> None:
    for node, _, after in changes:
        node._grad = after


def _undo(changes: list[Change]) -> None:
    for node, before, _ in reversed(changes):
        node._grad = before


def steps(loss: Value, gradient: float = 1.0) -> Steps:
    """The backward pass of a result, one contribution at a time.

    Each round of the loop takes one step; gradients grow as the steps add to them, and are in the end those of
    ``loss.backward()``, bit for bit. A loop that is left early puts every gradient back. ``back()`` undoes a step,
    ``goto(k)`` goes anywhere, ``run()`` to the end.

    Args:
        loss: the result to differentiate.
        gradient: the gradient to start with.

    Raises:
        InputTypeError: where loss is no Value.
        StaleGraphError: on the way, where a leaf that a rule reads was assigned since the forward pass.

    >>> from autograd import Value, steps
    >>> a, b = Value(0.3, "a"), Value(-0.7, "b")
    >>> for step in steps(2.0 * (a * b).tanh()):
    ...     print(step)
    dL/dv1 += dL/dL · dL/dv1 = 1 · 2 = 2    L = 2 * v1
    dL/dv2 += dL/dv1 · dv1/dv2 = 2 · 0.957165 = 1.91433    v1 = tanh(v2)
    dL/da += dL/dv2 · dv2/da = 1.91433 · -0.7 = -1.34003    v2 = a * b
    dL/db += dL/dv2 · dv2/db = 1.91433 · 0.3 = 0.574299    v2 = a * b
    >>> round(a.grad, 5), round(b.grad, 5)
    (-1.34003, 0.5743)
    """
    if not hasattr(loss, "_careful_backward"):
        raise InputTypeError(f"steps(loss) takes a Value, not {type(loss).__name__} {loss!r}")
    return Steps(loss, number(gradient, "the gradient that steps starts with"))
