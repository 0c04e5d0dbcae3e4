"""The chain rule: walk the graph from the result to the leaves and sum what every rule sends back.

    for node in topological_order(root):            # newest first
        for x, contribution in zip(node.inputs, rule(gradient of node, node, *node.inputs)):
            gradient of x += contribution

An interior node is always younger than its interior inputs, so "newest first" visits a node only when all
its users have sent their share. Leaves stand outside the order: what a pass sends them is summed in order of
arrival and handed over once, when the pass is over.

`topological_order` says what the order is. `sweep` walks it without building it: what it has reached and not
yet visited waits on a stack, and on a heap where it was reached out of order, so that a pass touches each
node once and stays linear. The tests hold the two against each other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from . import modes
from .errors import InputTypeError, RuleError, StaleGraphError, describe
from .ops import ARITHMETIC, number

if TYPE_CHECKING:
    from .value import Value

lock = threading.RLock()  # one pass at a time; a hook may start another
latest_assignment = 0  # the number of the leaf whose data was assigned last: older nodes may be stale
hooked: WeakSet[Any] = WeakSet()  # the nodes with hooks; while there are none, no pass looks for them

MANY: Final = object()  # in a node's second input slot: the first one holds a tuple of them

_passes: list[_Pass] = []  # those running now, outermost first; more than one where a hook starts a pass


def topological_order(*roots: Value) -> list[Value]:
    """The interior nodes that the roots were computed from, newest first.

    >>> from autograd import Value
    >>> a, b = Value(2.0), Value(3.0)
    >>> c = a * b
    >>> [node.op for node in topological_order(c + a)]
    ['add', 'mul']
    """
    for root in roots:
        if not hasattr(root, "inputs"):
            raise InputTypeError(f"topological_order(*roots) takes Values, not {type(root).__name__} {root!r}")
    seen = {root for root in roots if root.inputs}
    stack = list(seen)
    while stack:
        for x in stack.pop().inputs:
            if type(x) is not float and x.inputs and x not in seen:
                seen.add(x)
                stack.append(x)
    return sorted(seen, key=attrgetter("_seq"), reverse=True)


class _Outside:
    """The sum of a node that nobody asked about: whatever is added, it stays itself and is never visited."""

    def __add__(self, contribution: object) -> _Outside:
        return self


_OUTSIDE = _Outside()


class _Pass:
    """What a running pass has put into the ``_sum`` slots of nodes, so that it can be taken out again."""

    def __init__(self, roots: Sequence[Value]) -> None:
        self.roots = roots
        self.stack: list[Any] = []  # interior nodes reached and not visited, newest last
        self.later: list[tuple[int, Any]] = []  # those that were reached out of order: a heap of (-number, node)
        self.leaves: list[Any] = []  # leaves reached, in order of arrival
        self.outside: list[Any] = []  # nodes that nothing asked for lies behind
        self.interrupted: list[tuple[Any, Any]] = []  # what the passes around this one had sent so far
        self.ended = False

    def begin(self) -> None:
        """Clear the slots of what the passes around this one have in them."""
        for other in list(_passes):
            if other.ended:  # Ctrl-C stopped it while it cleaned up
                other.interrupted = []
                other.end(failed=True)
                continue
            for nodes in (other.stack[1:], [node for _, node in other.later], other.leaves, other.outside):
                self.interrupted += [(node, node._sum) for node in nodes]
        _passes.append(self)
        for node, _ in self.interrupted:
            node._sum = None

    def end(self, failed: bool) -> None:
        """Take out what this pass put in, and put back what was there."""
        filled = self.leaves + self.outside
        if failed:  # it may have stopped anywhere
            order = topological_order(*self.roots)
            filled = [*self.roots, *order, *(x for node in order for x in node.inputs if type(x) is not float)]
        for node in filled:
            node._sum = None
        for node, sum_before in self.interrupted:
            node._sum = sum_before
        if self in _passes:
            _passes.remove(self)


def _run(roots: Sequence[Value], work: Callable[[_Pass], Any]) -> Any:
    """Do ``work(pass)`` alone, and leave no trace of it in the nodes, however it ends."""
    with lock:
        running = _Pass(roots)
        try:
            running.begin()
            answer = work(running)
        except BaseException:
            running.ended = True  # from here on the next pass cleans up, should a second Ctrl-C stop this one
            running.end(failed=True)
            raise
        running.ended = True
        running.end(failed=False)
        return answer


def backward(root: Value, gradient: float) -> None:
    """Set the gradient of every interior node behind `root`, and add to those of its leaves."""

    def work(running: _Pass) -> tuple[list[Any], list[float], list[float | None]]:
        sweep(running, [(root, gradient)], keep=True)
        before = [leaf._grad for leaf in running.leaves]
        grads = [leaf._sum if leaf._grad is None else leaf._grad + leaf._sum for leaf in running.leaves]
        return running.leaves, grads, before

    with lock:
        leaves, grads, before = _run([root], work)
        store: Any = type(root).__dict__["_grad"].__set__
        try:
            deque(map(store, leaves, grads), maxlen=0)  # in C from the first leaf to the last, not to be interrupted
        except BaseException:
            deque(map(store, leaves, before), maxlen=0)
            raise


def gradients(seeds: Sequence[tuple[Value, Any]], xs: Sequence[Value], create_graph: bool) -> list[Any]:
    """The sums that reach each of `xs`, None where none does; no node's ``grad`` is touched."""
    wanted: dict[Value, Any] = dict.fromkeys(xs)
    roots = [root for root, _ in seeds]
    order = topological_order(*roots)
    leading = set(wanted)  # to one of xs
    for node in reversed(order):
        if any(type(x) is not float and x in leading for x in node.inputs):
            leading.add(node)
    seeds = [(root, g) for root, g in seeds if root in leading]

    def work(running: _Pass) -> None:
        for node in order:
            for x in (node, *node.inputs):
                if type(x) is not float and x not in leading and x._sum is None:
                    running.outside.append(x)
                    x._sum = _OUTSIDE
        sweep(running, seeds, wanted=wanted, graph=create_graph)
        for leaf in running.leaves:
            if leaf in wanted:
                wanted[leaf] = leaf._sum

    _run(roots, work)
    return [wanted[x] for x in xs]


def sweep(
    running: _Pass,
    seeds: Sequence[tuple[Value, Any]],
    keep: bool = False,
    wanted: dict[Value, Any] | None = None,
    graph: bool = False,
) -> None:
    """Run the chain rule from the seeds: (node, its gradient) pairs.

    Args:
        running: holds what was reached; on return its leaves have their sums in ``_sum``.
        seeds: the nodes to start from, each with its gradient.
        keep: store each interior node's gradient in it.
        wanted: nodes whose gradients to note, interior ones here.
        graph: compute on Values, so that the gradients are graphs themselves.
    """
    if not seeds:
        return
    Value = type(seeds[0][0])
    bottom = Value(0.0)
    bottom._seq = -1  # lies under the stack, older than every node
    running.stack.append(bottom)
    for root, g in sorted(seeds, key=lambda seed: seed[0]._seq):
        if root._sum is None:
            _arrive(running, root, g)
        else:  # the same root twice
            root._sum = root._sum + g
    if graph or wanted or len(hooked):
        _walk(running, keep, wanted, graph)
    else:
        _walk_floats(running, keep)
    if len(hooked):
        for leaf in running.leaves:
            leaf._sum = _hooked(leaf, leaf._sum, graph)


def _walk(running: _Pass, keep: bool, wanted: dict[Value, Any] | None, graph: bool) -> None:
    """Visit what was reached, newest first, until nothing is left; each node sends, and what it reaches waits."""
    stack, later = running.stack, running.later
    node: Any
    while len(stack) > 1 or later:
        node = heappop(later)[1] if later and -later[0][0] > stack[-1]._seq else stack.pop()
        g = node._sum
        node._sum = None
        g = _hooked(node, g, graph)
        if keep:
            node._grad = g
        if wanted and node in wanted:
            wanted[node] = g
        if node._seq < latest_assignment:
            _refuse_stale(node)
        _send_all(running, node, _sent(node, g, graph))


def _walk_floats(running: _Pass, keep: bool) -> None:
    """The same on floats alone, written out for nodes of one and two inputs: several times as fast."""
    stack, later, leaves = running.stack, running.later, running.leaves
    assigned = latest_assignment
    top = stack.pop()  # of the stack, held here: stack[-1] costs as much as a push and a pop
    newest = top._seq
    newest_later = -later[0][0] if later else -1
    Value = type(top)
    node: Any
    while True:
        if newest > newest_later:
            node, seq = top, newest
            top = stack.pop()
            newest = top._seq
        elif later:
            node, seq = heappop(later)[1], newest_later
            newest_later = -later[0][0] if later else -1
        else:
            return
        g = node._sum
        node._sum = None
        if keep:
            node._grad = g
        if seq < assigned:
            _refuse_stale(node)
        a, b = node._a, node._b
        try:
            if type(b) is Value:
                ca, cb = node._operation.float_rule(g, node._data, a._data, b._data)
            elif b is None:
                ca = node._operation.first_rule(g, node._data, a._data)
                cb = None
            elif b is not MANY:
                ca = node._operation.first_rule(g, node._data, a._data, b)
                cb = None
            else:
                a = None
        except ARITHMETIC:
            a = None
        if a is None:  # the general way
            stack.append(top)
            _send_all(running, node, _sent(node, g, False))
            top = stack.pop()
            newest = top._seq
            newest_later = -later[0][0] if later else -1
            continue
        total = a._sum
        if total is not None:
            a._sum = total + ca
        else:
            a._sum = ca
            if a._a is None:
                leaves.append(a)
            elif a._seq > newest:
                stack.append(top)
                top, newest = a, a._seq
            else:
                heappush(later, (-a._seq, a))
                newest_later = -later[0][0]
        if cb is not None:
            total = b._sum
            if total is not None:
                b._sum = total + cb
            else:
                b._sum = cb
                if b._a is None:
                    leaves.append(b)
                elif b._seq > newest:
                    stack.append(top)
                    top, newest = b, b._seq
                else:
                    heappush(later, (-b._seq, b))
                    newest_later = -later[0][0]


def _send_all(running: _Pass, node: Value, contributions: Sequence[Any]) -> None:
    for x, contribution in zip(node.inputs, contributions, strict=True):
        if contribution is not None and type(x) is not float:
            total = x._sum
            if total is not None:
                x._sum = total + contribution
            else:
                _arrive(running, x, contribution)


def _arrive(running: _Pass, x: Any, contribution: Any) -> None:
    """Note a node that something is sent to for the first time."""
    if x._a is None:
        running.leaves.append(x)
    elif x._seq > running.stack[-1]._seq:
        running.stack.append(x)
    else:
        heappush(running.later, (-x._seq, x))
    x._sum = contribution


def contributions(node: Value, g: float) -> list[float | None]:
    """What `node` sends to each of its inputs when its gradient is g: its rule, in IEEE arithmetic."""
    if node._seq < latest_assignment:
        _refuse_stale(node)
    return list(_sent(node, g, False))


def _sent(node: Any, g: Any, graph: bool) -> Sequence[Any]:
    """What the rule sends, in IEEE arithmetic."""
    try:
        return _contributions(node, g, graph)
    except ARITHMETIC as cause:
        return _ieee_contributions(node, g, graph, cause)


def _contributions(node: Any, g: Any, graph: bool) -> Sequence[Any]:
    """The rule as it stands, on floats or on Values, its answer checked."""
    op, inputs, Value = node._operation, node.inputs, type(node)
    if graph:
        return _checked(node, op.rule(g, node, *inputs), graph)
    return _checked(node, op.float_rule(g, node._data, *[x._data if type(x) is Value else x for x in inputs]), graph)


def _ieee_contributions(node: Any, g: Any, graph: bool, cause: Exception) -> Sequence[Any]:
    """The same rule on Values that answer inf and nan where floats raise."""
    if graph:  # it ran on Values already: the error is the rule's own
        return _contributions(node, g, graph)
    Value = type(node)
    with modes.mode(modes.IEEE | modes.NO_GRAD):
        inputs = [Value(x._data if type(x) is Value else x) for x in node.inputs]
        try:
            sent = node._operation.rule(Value(g), Value(node._data), *inputs)
        except InputTypeError:  # math.sqrt(a) and the like, which can answer no inf
            name = node._operation.name
            raise RuleError(
                f"the rule of {name!r} raised {cause!r} at {node!r}; in a rule write autograd.sqrt instead of "
                "math.sqrt, and so on: then it answers inf or nan"
            ) from cause
        return _checked(node, sent, graph)


_FLOAT_OR_NONE: Final = {float, type(None)}


def _checked(node: Any, sent: Any, graph: bool) -> Sequence[Any]:
    """What a rule returned, as one float an input, or one Value; None stays None."""
    name, Value, wanted = node._operation.name, type(node), len(node.inputs)
    if not isinstance(sent, (tuple, list)) or len(sent) != wanted:
        got = f"{len(sent)} of them" if isinstance(sent, (tuple, list)) else repr(sent)
        raise RuleError(
            f"the rule of {name!r} must return a tuple of {wanted} contributions, one an input, not {got}; "
            "for an input that gets nothing write None"
        )
    if not graph and {*map(type, sent)} <= _FLOAT_OR_NONE:
        return sent
    checked: list[Any] = []
    for c in sent:
        if c is not None and type(c) is not (Value if graph else float):
            c = c._data if type(c) is Value else number(c, f"a contribution of the rule of {name!r}")
            c = Value(c) if graph else c
        checked.append(c)
    return checked


def _hooked(node: Any, g: Any, graph: bool) -> Any:
    for hook in node._hooks():
        replaced = hook(g)
        if replaced is not None:
            if graph and type(replaced) is type(node):
                g = replaced
            else:
                g = number(replaced, f"what the hook {getattr(hook, '__name__', hook)!r} returns")
                g = type(node)(g) if graph else g
    return g


def _refuse_stale(node: Any) -> None:
    for i, x in enumerate(node.inputs):
        if type(x) is not float and x._a is None and x._seq > node._seq and node._operation.reads(i):
            raise StaleGraphError(
                f"{node.op}(…) = {node.data!r} was computed before its input {i + 1} got the data {describe(x)}: "
                "its gradient would mix old and new. Compute the result again after assigning data, "
                "or assign after backward()."
            )
