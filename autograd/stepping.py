"""A backward pass as a sequence of steps, forwards and back.

    for step in steps(loss):
        print(step)                     # dL/da += dL/de · de/da = -1.9998 · -0.7 = 1.39986    e = a * b, model.py:6

One step is one contribution: what one node sends to one of its inputs. The order, the rules and the sums are those of
`Value.backward`, bit for bit; what each step changed is kept, so that it can be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from . import chain
from .errors import InputError, InputTypeError
from .ops import ARITHMETIC, number
from .source import placed

if TYPE_CHECKING:
    from .value import Value

SHOWN: Final = 8  # inputs of a node of many, in a line
_AT_ONCE: Final = 1_000  # steps that are taken before another thread may run a pass

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
        names: what the nodes are called.
    """

    __slots__ = ("contribution", "index", "names", "node", "position", "upstream")

    def __init__(
        self, index: int, node: Value, position: int, upstream: float, contribution: float | None, names: Names
    ) -> None:
        self.index, self.node, self.position = index, node, position
        self.upstream, self.contribution = upstream, contribution
        self.names = names

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
        y, x, of = self.names[self.node], self.names[self.input], self.names.output
        place = "" if self.node.source is None else f", {self.node.source}"
        made = f"{y} = {self.names.formula(self.node)}{place}"
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
        self._nodes: dict[str, Value] = {}
        self._used: dict[str, int] = {}
        self._unnamed = 0
        self.output = self._unique(called(output) or "L", output)

    def __getitem__(self, node: Value) -> str:
        name = self._given.get(node)
        if name is None:
            name = called(node)
            if not name:
                self._unnamed += 1
                name = f"v{self._unnamed}"
            name = self._unique(name, node)
        return name

    def node(self, name: str) -> Value | None:
        """The node that was given this name; None where none was."""
        return self._nodes.get(name)

    def _unique(self, name: str, node: Value) -> str:
        count = self._used[name] = self._used.get(name, 0) + 1
        if count > 1:
            name = f"{name}#{count}"
        self._given[node], self._nodes[name] = name, node
        return name

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


def called(node: Value) -> str:
    """A node's label, or the variable it was assigned to where traced, or ""."""
    if node.label:
        return node.label
    made = node._known().source
    return "" if made is None else placed(*made).name


class Steps(Iterator[Step]):
    """A backward pass that stands still between its steps. `steps` makes it, and says how to use it.

    Attributes:
        root: the result that is differentiated.
        gradient: the gradient that it starts with.
        position: how many steps have been taken.
        done: whether the pass has ended and what it found for the leaves is theirs.
        names: what the nodes are called.
    """

    def __init__(self, root: Value, gradient: float = 1.0) -> None:
        self.root, self.gradient = root, gradient
        self.position = 0
        self.done = False
        self.names = Names(root)
        # The steps that have been computed, one entry each: of the node, its gradient, which input, that input, and
        # what is sent to it. Lists side by side hold a million steps in a third of the memory that objects take.
        self._nodes: list[Any] = []
        self._upstreams: list[float] = []
        self._places: list[int] = []
        self._inputs: list[Any] = []
        self._sent: list[float | None] = []
        # Of those that were ever taken: the input's gradient before and after, and the step before that went there.
        self._befores: list[float | None] = []
        self._afters: list[float | None] = []
        self._previous: list[int] = []
        self._latest: dict[Any, int] = {}  # of each node that was sent to: the last step that did
        self._arrivals: dict[int, Change] = {}  # by the first step of a visit: what that changed in the node itself
        self._settings: dict[int, list[Change]] = {}  # by how many steps had been taken: what `set_gradient` changed
        self._ending: list[Change] | None = None  # what the end of the pass changes, once it has been computed
        self._sums: dict[Any, float] = {root: gradient}  # of what was reached and not visited
        self._waiting = [(-root._seq, root)] if root._operation is not None else []  # its interior nodes: a heap
        self._leaves: dict[Any, tuple[float | None, float | None]] = {}  # reached: the gradient before, and as given
        self._node: Any = None  # the last one visited, and its gradient
        self._upstream = 0.0
        self._visiting = False  # whether its rule has still to be asked
        self._failed = False

    # ── Moving ──────────────────────────────────────────────────────────────────────────────────────────────

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Step:
        """Take one step; at the end of the pass the leaves' gradients are theirs, and StopIteration is raised.

        Raises:
            StaleGraphError: where a leaf that a rule reads was assigned since the forward pass; all steps are undone.
        """
        try:
            step = self.forward()
        except BaseException:
            self.fail()
            raise
        if step is None:
            raise StopIteration
        return step

    def forward(self) -> Step | None:
        """Take one step and return it; None at the end, where the leaves' gradients become theirs.

        Raises:
            StaleGraphError: where a leaf that a rule reads was assigned since the forward pass. The pass stands where
                it stood, and may be tried again.
        """
        with chain.lock:
            if not self._has_next():
                if not self.done:
                    self._finish()
                return None
            self._take()
            return self.step_at(self.position - 1)

    def back(self) -> Step | None:
        """Undo one step and return it, every gradient as it was, to the last bit; None at the start."""
        with chain.lock:
            self.reopen()
            if not self.position:
                return None
            self._untake()
            return self.step_at(self.position)

    def reopen(self) -> None:
        """Take the end of the pass back, and no step: what leaves are given there is no longer theirs."""
        with chain.lock:
            if self.done:
                assert self._ending is not None
                _undo(self._ending)
                self.done = False

    def goto(self, position: int) -> None:
        """Go to where so many steps have been taken, or to the end where there are fewer.

        Raises:
            InputError: where position is negative.
        """
        if type(position) is not int or position < 0:
            raise InputError(f"goto(position) takes a whole number of steps from 0, not {position!r}")
        if self.done and self.position >= position:  # the end lies behind the last step
            self.reopen()
        while self.position != position:
            with chain.lock:
                for _ in range(min(_AT_ONCE, abs(position - self.position))):
                    if self.position > position:
                        self._untake()
                    elif self.position < len(self._nodes) or self._has_next():
                        self._take()
                    else:
                        self.forward()
                        return

    def run(self) -> None:
        """Take all the steps that are left, and end the pass."""
        while not self.done:
            self.goto(self.position + _AT_ONCE)

    def finish_node(self) -> None:
        """Take the steps that are left of the node whose turn it is; at the end of the pass, end it."""
        with chain.lock:
            if not self._has_next():
                self.forward()
                return
            node = self._nodes[self.position]
            while self.position < len(self._nodes) and self._nodes[self.position] is node:
                self._take()

    def undo_node(self) -> None:
        """Undo the steps of the node whose turn it is; where none is taken, those of the one before."""
        with chain.lock:
            self.reopen()
            if self.position:
                self._untake()
            while not self.between_nodes:
                self._untake()

    def close(self) -> None:
        """Give up: undo all steps, unless the pass has ended. A with block does it, and so does dropping the object."""
        if not self.done:
            self.goto(0)
            _undo(self._settings.pop(0, []))

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_failed"):  # it was made
            self.close()

    # ── Looking ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def taken(self) -> Sequence[Step]:
        """The steps that led here, in order."""
        return [self.step_at(k) for k in range(self.position)]

    @property
    def length(self) -> int | None:
        """How many steps the whole pass has; None until it has been gone through once."""
        return None if self._ending is None else len(self._nodes)

    @property
    def current(self) -> Any:
        """The node whose turn it is: its gradient is complete. None at the end. Its hooks run now."""
        with chain.lock:
            return self._nodes[self.position] if self._has_next() else None

    @property
    def leaves(self) -> list[Any]:
        """The leaves that have been sent something, in order of arrival."""
        return [leaf for leaf in self._leaves if self.reached(leaf)]

    @property
    def between_nodes(self) -> bool:
        """Whether the last step taken was another node's than the next one: no step of this one has been taken."""
        k = self.position
        return not k or k == len(self._nodes) or self._nodes[k - 1] is not self._nodes[k]

    def peek(self) -> Step | None:
        """The next step, which has not been taken; None at the end. The hooks of its node run now."""
        with chain.lock:
            return self.step_at(self.position) if self._has_next() else None

    def of_node(self, node: Value) -> list[Step]:
        """The steps of the node whose turn it is, taken or not; [] where it is another's."""
        k = self.position
        if self.current is not node:
            return []
        while k and self._nodes[k - 1] is node:
            k -= 1
        steps = []
        while k < len(self._nodes) and self._nodes[k] is node:
            steps.append(self.step_at(k))
            k += 1
        return steps

    def sent_to(self, node: Value) -> list[Step]:
        """The steps taken that sent something to a node, in order.

        >>> from autograd import Value, steps
        >>> x = Value(3.0, "x")
        >>> pass_ = steps(x * x + x)
        >>> pass_.run()
        >>> [step.contribution for step in pass_.sent_to(x)]
        [1.0, 3.0, 3.0]
        """
        found = []
        k = self._latest.get(node, -1)
        while k >= 0:
            if k < self.position:
                found.append(self.step_at(k))
            k = self._previous[k]
        return found[::-1]

    def reached(self, node: Value) -> bool:
        """Whether this pass has sent a node anything yet, so that its gradient is this pass's."""
        if node is self.root:
            return node._operation is not None or self.done
        k = self._latest.get(node, -1)
        while k >= self.position:
            k = self._previous[k]
        if k >= 0:
            return True
        return any(x is node for at, changes in self._settings.items() if at <= self.position for x, _, _ in changes)

    def step_at(self, k: int) -> Step:
        """The step of this index, which has been taken or comes next."""
        return Step(k, self._nodes[k], self._places[k], self._upstreams[k], self._sent[k], self.names)

    def change_at(self, k: int) -> tuple[float, float]:
        """The gradient of a step's input before and after that step, which has been taken, 0.0 for none."""
        return self._befores[k] or 0.0, self._afters[k] or 0.0

    # ── Changing ────────────────────────────────────────────────────────────────────────────────────────────

    def set_gradient(self, node: Value, gradient: float) -> None:
        """Give a node another gradient, with which the pass goes on from here.

        What had been computed ahead of this place is forgotten. Going back over this place takes the change back,
        going forward again makes it again. Until the turn of the node comes, what is still sent to it is added.

        Args:
            node: a leaf, the node whose turn it is, or one whose turn is still to come.
            gradient: what its gradient shall be.

        Raises:
            InputTypeError: where node is no Value, or gradient no number.
            InputError: where the node's gradient has been sent on already, where the node does not belong to the
                graph, or where the pass has ended.

        >>> from autograd import Value, steps
        >>> x = Value(3.0, "x")
        >>> y = x * 2.0
        >>> pass_ = steps(y * y)
        >>> _ = pass_.forward()
        >>> pass_.set_gradient(y, 1.0)          # 6 was sent, and 6 more will be
        >>> pass_.run()
        >>> y.grad, x.grad
        (7.0, 14.0)
        """
        g = number(gradient, "a gradient")
        if not hasattr(node, "_careful_backward"):
            raise InputTypeError(f"set_gradient(node, gradient) takes a Value, not {type(node).__name__} {node!r}")
        with chain.lock:
            if self.done:
                raise InputError("the pass has ended; go back a step, and set the gradient there")
            current = self._nodes[self.position] if self._has_next() else None
            leaf = node._operation is None
            if not leaf and (current is None or node._seq > current._seq):
                raise InputError(
                    f"the gradient of {self.names[node]} has been sent on already; go back to its turn and set it there"
                )
            if node is not current and node not in self._sums and not self._is_behind(node):
                raise InputError(f"{self.names[node]} does not belong to the graph of {self.names.output}")
            sent = chain.contributions(node, g) if node is current else ()
            self._forget_what_is_ahead()
            if node is current:
                self._arrivals.pop(self.position, None)
                for k in range(self.position, len(self._nodes)):
                    self._upstreams[k], self._sent[k] = g, sent[self._places[k]]
            else:
                if not leaf and node not in self._sums:
                    heappush(self._waiting, (-node._seq, node))
                self._sums[node] = g
                if leaf:
                    self._leaves[node] = None, g
            self._settings.setdefault(self.position, []).append((node, gradient_of(node), g))
            node._grad = g

    def _is_behind(self, node: Any) -> bool:
        found = (x for y in chain.topological_order(self.root) for x in (y, *y.inputs) if type(x) is not float)
        return any(x is node for x in found)

    def _forget_what_is_ahead(self) -> None:
        """Make everything as if nothing but the visit of the node whose turn it is had been computed ahead of here."""
        here = end = self.position
        current = self._nodes[here] if here < len(self._nodes) else None
        while end < len(self._nodes) and self._nodes[end] is current:
            end += 1
        for computed in (self._nodes, self._upstreams, self._places, self._inputs, self._sent):
            del computed[end:]
        for taken in (self._befores, self._afters, self._previous):
            del taken[here:]
        for changes in (self._arrivals, self._settings):
            for k in [k for k in changes if k > here]:
                del changes[k]
        self._ending, self._visiting = None, False
        self._latest, self._leaves, self._sums = {}, {}, {self.root: self.gradient}
        visited: Any = None
        for k in range(here + 1):
            for x, _, g in self._settings.get(k, ()):
                if x is not visited:
                    assert g is not None
                    self._sums[x] = g
                    if x._operation is None:
                        self._leaves[x] = None, g
            if k < end and self._nodes[k] is not visited:
                visited = self._nodes[k]
                self._sums.pop(visited, None)
            if k < here and (c := self._sent[k]) is not None:
                x, now = self._inputs[k], self._befores[k]
                self._sums[x] = self._sums[x] + c if x in self._sums else c
                if x._operation is None:
                    self._leaves[x] = _what_was(self._leaves.get(x, (now, now)), now), self._afters[k]
                self._latest[x] = k
        self._waiting = [(-x._seq, x) for x in self._sums if x._operation is not None]
        heapify(self._waiting)

    # ── The chain rule ──────────────────────────────────────────────────────────────────────────────────────

    def visit(self) -> tuple[Any, float] | None:
        """The node whose turn it is and its gradient, complete; None where nothing waits. `send` has to follow."""
        if not self._waiting:
            return None
        node = self._waiting[0][1]
        g = chain.hooks_applied(node, self._sums[node])
        heappop(self._waiting)
        del self._sums[node]
        before = gradient_of(node)
        if before is None or (not before == g != 0.0 and before.hex() != g.hex()):
            self._arrivals[len(self._nodes)] = node, before, g
        self._node, self._upstream, self._visiting = node, g, True
        return node, g

    def send(self, sent: Sequence[float | None]) -> None:
        """Say what the rule of the node being visited sends to its inputs."""
        node, g = self._node, self._upstream
        for place, (x, c) in enumerate(zip(node.inputs, sent, strict=True)):
            if type(x) is not float:
                self._nodes.append(node)
                self._upstreams.append(g)
                self._places.append(place)
                self._inputs.append(x)
                self._sent.append(c)
        self._visiting = False

    def take_all(self, sent: Sequence[float | None]) -> None:
        """Take the steps of the node being visited, whose rule sends this."""
        with chain.lock:
            self.send(sent)
            while self.position < len(self._nodes):
                self._take()

    def fail(self) -> None:
        """Undo all steps, for good."""
        self.reopen()
        self.close()
        self._failed = True

    def _has_next(self) -> bool:
        """Whether there is a step to take; it is computed where it has not been."""
        if self._failed:
            raise InputError("this pass has failed, and all its steps are undone; begin another with steps(loss)")
        while self.position == len(self._nodes):
            if self.done or (not self._visiting and self.visit() is None):
                return False
            self.send(chain.contributions(self._node, self._upstream))
        return True

    def _take(self) -> None:
        """Take the next step, which has been computed."""
        k = self.position
        x, contribution = self._inputs[k], self._sent[k]
        if k == len(self._previous):
            before = after = None
            previous = -1
            if contribution is not None:
                total, waits = contribution, x._operation is not None
                if x in self._sums:
                    total = self._sums[x] + contribution
                    before = x._grad
                else:
                    if waits:
                        heappush(self._waiting, (-x._seq, x))
                    before = gradient_of(x)
                after = total if waits else self._with_what_was(x, total)
                self._sums[x] = total
                previous = self._latest.get(x, -1)
                self._latest[x] = k
            self._befores.append(before)
            self._afters.append(after)
            self._previous.append(previous)
        self.position = k + 1  # from here on it is undone: an interrupt may come between any two lines
        if k in self._arrivals:
            node, _, g = self._arrivals[k]
            node._grad = g
        if contribution is not None:
            x._grad = self._afters[k]
        if k + 1 in self._settings:
            _redo(self._settings[k + 1])

    def _untake(self) -> None:
        """Undo the last step."""
        k = self.position - 1
        if k + 1 in self._settings:
            _undo(self._settings[k + 1])
        if self._sent[k] is not None:
            self._inputs[k]._grad = self._befores[k]
        if k in self._arrivals:
            node, before, _ = self._arrivals[k]
            node._grad = before
        self.position = k

    def _with_what_was(self, leaf: Any, total: float) -> float:
        """A leaf's gradient once this pass has sent it so much: what it had before, and the total."""
        now = leaf._grad
        before = _what_was(self._leaves.get(leaf, (now, now)), now)
        after = total if before is None else before + total
        self._leaves[leaf] = before, after
        return after

    def _finish(self) -> None:
        """End the pass: leaves' hooks have their say, and a root that is a leaf gets its gradient."""
        if self._ending is None:
            totals = [(leaf, chain.hooks_applied(leaf, total)) for leaf, total in self._sums.items()]
            self._ending = [(leaf, leaf._grad, self._with_what_was(leaf, total)) for leaf, total in totals]
        self.done = True
        _redo(self._ending)
        self.root._remember()


def _what_was(known: tuple[float | None, float | None], now: float | None) -> float | None:
    """What a leaf had before the pass, where it was that and this pass made it `given`, and it is another number now.

    Then it was cleared, or another pass has added to it.
    """
    before, given = known
    if now != given and now == now:
        return now if not now or given is None else (before or 0.0) + (now - given)
    return before


def gradient_of(node: Any) -> float | None:
    """The gradient that a node has, None where it has none."""
    return getattr(node, "_grad", None)  # the pure engine's interior nodes have none until a pass sets it


def _redo(changes: list[Change]) -> None:
    for node, _, after in changes:
        node._grad = after


def _undo(changes: list[Change]) -> None:
    for node, before, _ in reversed(changes):
        node._grad = before


def reached(root: Value, rule_of: Callable[[Any], Any] = attrgetter("float_rule")) -> list[Any]:
    """The nodes that a pass from the root will send something to and visit, newest first.

    Only the rules of ops of any number of inputs, and a user's, may send None, so these alone are asked.

    Args:
        root: the result that is differentiated.
        rule_of: what to ask instead of an op's rule.

    >>> from autograd import Value, where
    >>> x = Value(1.0)
    >>> [node.op for node in reached(where(True, x * 2.0, x.exp()))]
    ['where', 'mul']
    """
    found = {root}
    order = []
    for node in chain.topological_order(root):
        if node not in found:
            continue
        order.append(node)
        operation = node._operation
        sent: Sequence[Any] = node.inputs
        if operation.arity not in (1, 2) or operation.first_rule is None:
            floats = [x if type(x) is float else x._data for x in node.inputs]
            try:
                sent = rule_of(operation)(1.0, node._data, *floats)
            except ARITHMETIC:
                sent = chain.contributions(node, 1.0)
            except Exception:  # a user's rule, which will raise again in the pass
                sent = node.inputs
        found.update(x for x, c in zip(node.inputs, sent, strict=True) if c is not None and type(x) is not float)
    return order


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
