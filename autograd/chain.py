"""The chain rule: walk the graph from the result to the leaves and sum what every rule sends back.

    for node in topological_order(root):            # newest first
        for x, contribution in zip(node.inputs, rule(gradient of node, node, *node.inputs)):
            gradient of x += contribution

An interior node is always younger than its interior inputs, so "newest first" visits a node only when all
its users have sent their share. Leaves stand outside the order: what a pass sends them is summed in order of
arrival and handed over once, when the pass is over.

`topological_order` says what the order is. `sweep` walks it without building it, on floats or on Values: what it
has reached and not yet visited waits in a heap. `sweep_floats` is the same pass written out for speed. The tests
hold them against each other.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Collection, Sequence
from heapq import heappop, heappush
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet, ref

from . import modes
from .errors import InputTypeError, RuleError, StaleGraphError, describe
from .ops import ARITHMETIC, number

if TYPE_CHECKING:
    from .value import Value

lock = threading.RLock()  # one pass at a time; a hook may start another
latest_assignment = 0  # the number of the leaf whose data was assigned last: older nodes may be stale
hooked: WeakSet[Any] = WeakSet()  # what holds the hooks of nodes; while there is none, no pass looks for them

_last = threading.local()  # its `output`: a weak reference to where this thread's last pass began

MANY: Final = object()  # in a node's second input slot: the first one holds a tuple of them

_summed: Sequence[Any] = ()  # the roots of the pass that has its sums in the slots of nodes


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
    quick = type(roots[0])._ordered(list(roots)) if roots else []
    if quick is not None:
        return quick
    seen = {root for root in roots if root.inputs}
    stack = list(seen)
    while stack:
        for x in stack.pop().inputs:
            if type(x) is not float and x.inputs and x not in seen:
                seen.add(x)
                stack.append(x)
    return sorted(seen, key=attrgetter("_seq"), reverse=True)


def leading(roots: Sequence[Value], xs: Sequence[Value]) -> list[Value]:
    """The interior nodes behind the roots that were computed from one of xs, oldest first."""
    quick = type(roots[0])._leading(list(roots), list(xs)) if roots else []
    if quick is not None:
        return quick
    found, nodes = set(xs), []
    for node in reversed(topological_order(*roots)):
        if any(type(x) is not float and x in found for x in node.inputs):
            found.add(node)
            nodes.append(node)
    return nodes


def users(root: Value, value: Value) -> tuple[dict[Value, Value], dict[Value, list[Value]]]:
    """Who uses the nodes that lead from the value to the root: of each the first, and where there are more, the others.

    Oldest first.
    """
    quick = type(root)._users(root, value)
    if quick is not None:
        return quick
    first: dict[Value, Value] = {}
    more: dict[Value, list[Value]] = {}
    found = {value}
    for node in leading([root], [value]):
        found.add(node)
        for x in node.inputs:
            if type(x) is not float and x in found and first.setdefault(x, node) is not node:
                others = more.setdefault(x, [])
                if not others or others[-1] is not node:
                    others.append(node)
    return first, more


def remember(root: Value) -> None:
    """Note that this thread's last pass, which is over, began at `root`, without keeping that alive."""
    _last.output = ref(root)


def last_output() -> Value | None:
    """Where this thread's last pass began, if that still exists."""
    found = getattr(_last, "output", None)
    return None if found is None else found()


def backward(root: Value, gradient: float) -> None:
    """Set the gradient of every interior node behind `root`, and add to those of its leaves."""
    with lock:
        quick = not len(hooked) and _slots_are_free()
        _add(*(sweep_floats(root, gradient) if quick else sweep([(root, gradient)], keep=True)))
    remember(root)


def _add(leaves: list[Value], sums: list[float]) -> None:
    """Add to the gradients of all leaves, or to none."""
    before = [leaf._grad for leaf in leaves]
    grads = sums
    if before.count(None) < len(before):
        grads = [total if g is None else g + total for g, total in zip(before, sums, strict=True)]
    try:
        for leaf, g in zip(leaves, grads, strict=True):
            leaf._grad = g
    except BaseException:
        store: Any = type(leaves[0]).__dict__["_grad"].__set__
        deque(map(store, leaves, before), maxlen=0)  # in C from the first leaf to the last, not to be interrupted
        raise


def gradients(seeds: Sequence[tuple[Value, Any]], xs: Sequence[Value], create_graph: bool) -> list[Any]:
    """The sums that reach each of `xs`, None where none does; no node's ``grad`` is touched.

    While a program is recorded they are Values always.
    """
    recorder = modes.recorder() if modes.active else None
    if recorder is not None:
        return recorder.gradients(seeds, xs, create_graph)  # type: ignore[no-any-return]
    if not create_graph and seeds and all(g == 1.0 for _, g in seeds):
        quick = type(seeds[0][0])._gradients([root for root, _ in seeds], list(xs))
        if quick is not None:
            return quick
    wanted: dict[Value, Any] = dict.fromkeys(xs)
    among = {*wanted, *leading([root for root, _ in seeds], xs)}
    with lock:
        found = sweep([(root, g) for root, g in seeds if root in among], wanted=wanted, among=among, graph=create_graph)
    wanted.update(zip(*found, strict=True))
    return [wanted[x] for x in xs]


def sweep(
    seeds: Sequence[tuple[Value, Any]],
    keep: bool = False,
    wanted: dict[Value, Any] | None = None,
    among: Collection[Value] | None = None,
    graph: bool = False,
) -> tuple[list[Value], list[Any]]:
    """Run the chain rule from the seeds: (node, its gradient) pairs.

    Args:
        seeds: the nodes to start from, each with its gradient.
        keep: store each interior node's gradient in it.
        wanted: nodes whose gradients to note, interior ones here.
        among: where given, nothing is sent to other nodes than these.
        graph: compute on Values, so that the gradients are graphs themselves.

    Returns:
        The leaves that something was sent to, and the sum of each.
    """
    sums: dict[Value, Any] = {}  # of what was reached, until it is visited
    waiting: list[tuple[int, Value]] = []  # interior nodes reached and not visited: a heap, newest first

    def send(x: Value, contribution: Any) -> None:
        if x in sums:
            sums[x] = sums[x] + contribution
        elif among is None or x in among:
            sums[x] = contribution
            if x._operation is not None:
                heappush(waiting, (-x._seq, x))

    for root, g in seeds:
        send(root, g)
    while waiting:
        node = heappop(waiting)[1]
        g = hooks_applied(node, sums.pop(node), graph)
        if keep:
            node._grad = g
        if wanted and node in wanted:
            wanted[node] = g
        for x, contribution in zip(node.inputs, contributions(node, g, graph), strict=True):
            if contribution is not None and type(x) is not float:
                send(x, contribution)
    return list(sums), [hooks_applied(leaf, total, graph) for leaf, total in sums.items()]


def sweep_floats(root: Value, gradient: float) -> tuple[list[Value], list[float]]:
    """The same on floats, where no node has hooks: several times as fast, the sums kept in slots of the nodes.

    Written out for nodes of one and two inputs. What waits is on a stack, and in a heap only where it was reached
    out of order.
    """
    global _summed
    _summed = (root,)
    try:
        leaves = _walk(root, gradient)
        sums = [leaf._sum for leaf in leaves]
        for leaf in leaves:
            leaf._sum = None
        _summed = ()
    except BaseException:
        _clear_slots()
        raise
    return leaves, sums


def _slots_are_free() -> bool:
    """Whether no pass around this one has sums in slots: a rule of the user's own may start a pass."""
    frame = sys._getframe() if _summed else None
    while frame is not None:
        if frame.f_code is _walk.__code__:
            return False
        frame = frame.f_back
    if _summed:  # Ctrl-C stopped a pass while it cleaned up
        _clear_slots()
    return True


def _clear_slots() -> None:
    global _summed
    order = topological_order(*_summed)
    inputs = [x for node in order for x in node.inputs if type(x) is not float]
    for x in [*_summed, *order, *inputs]:
        x._sum = None
    _summed = ()


def _walk(root: Value, gradient: float) -> list[Any]:
    """Send until nothing waits; the leaves reached, with their sums in them."""
    Value = type(root)
    top: Any = Value(0.0)  # of the stack, held here: stack[-1] costs as much as a push and a pop
    top._seq = newest = newest_later = -1  # the bottom, older than every node
    stack: list[Any] = []
    later: list[tuple[int, Any]] = []
    leaves: list[Any] = []
    assigned = latest_assignment
    node: Any
    sent: list[tuple[Any, Any]] = [(root, gradient)]
    while True:
        for x, contribution in sent:  # the start, and what nodes of many inputs send
            total = x._sum
            if total is not None:
                x._sum = total + contribution
            else:
                x._sum = contribution
                if x._a is None:
                    leaves.append(x)
                elif x._seq > newest:
                    stack.append(top)
                    top, newest = x, x._seq
                else:
                    heappush(later, (-x._seq, x))
                    newest_later = -later[0][0]
        while True:
            if newest > newest_later:
                node, seq = top, newest
                top = stack.pop()
                newest = top._seq
            elif later:
                node, seq = heappop(later)[1], newest_later
                newest_later = -later[0][0] if later else -1
            else:
                return leaves
            g = node._sum
            node._sum = None
            node._grad = g
            if seq < assigned:
                refuse_stale(node)
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
                    break
            except ARITHMETIC:
                break
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
        pairs = zip(node.inputs, contributions(node, g), strict=True)
        sent = [(x, c) for x, c in pairs if c is not None and type(x) is not float]


def contributions(node: Any, g: Any, graph: bool = False) -> Sequence[Any]:
    """What `node` sends to each of its inputs when its gradient is g: its rule, in IEEE arithmetic.

    Args:
        node: an interior node.
        g: its gradient, a float, or a Value where `graph` is true.
        graph: run the rule on Values, so that what it sends can be differentiated.

    Raises:
        StaleGraphError: where the rule reads an input that was assigned after the node was computed.
        RuleError: where the rule returns something other than one number or None for each input.
    """
    if modes.active and modes.word() & modes.RECORD:
        modes.observed("a step of the backward pass", node)
    if node._seq < type(node)._latest_assignment():
        refuse_stale(node)
    op, inputs, Value = node._operation, node.inputs, type(node)
    if graph:
        return checked(node, op.rule(g, node, *inputs), graph)
    floats = [x._data if type(x) is Value else x for x in inputs]
    try:
        sent: Sequence[Any] = op.float_rule(g, node._data, *floats)
    except ARITHMETIC as cause:
        return _ieee_contributions(node, g, floats, cause)
    return sent if op.first_rule is not None else checked(node, sent)  # ours are known to be right


def _ieee_contributions(node: Any, g: float, floats: list[float], cause: Exception) -> Sequence[Any]:
    """The same rule on Values that answer inf and nan where floats raise."""
    Value = type(node)
    with modes.mode(modes.IEEE | modes.NO_GRAD, modes.TRACE | modes.ANOMALY):
        try:
            sent = node._operation.rule(Value(g), Value(node._data), *map(Value, floats))
        except InputTypeError:  # math.sqrt(a) and the like, which can answer no inf
            name = node._operation.name
            raise RuleError(
                f"the rule of {name!r} raised {cause!r} at {node!r}; in a rule write autograd.sqrt instead of "
                "math.sqrt, and so on: then it answers inf or nan"
            ) from cause
        return checked(node, sent)


_FLOAT_OR_NONE: Final = {float, type(None)}


def checked(node: Any, sent: Any, graph: bool = False) -> Sequence[Any]:
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


def hooks_applied(node: Any, g: Any, graph: bool = False) -> Any:
    """The gradient g of a node, after its hooks have had their say."""
    for hook in node._hooks():
        replaced = hook(g)
        if replaced is not None:
            if graph and type(replaced) is type(node):
                g = replaced
            else:
                g = number(replaced, f"what the hook {getattr(hook, '__name__', hook)!r} returns")
                g = type(node)(g) if graph else g
    return g


def refuse_stale(node: Any) -> None:
    """Raise where the rule of `node` reads a leaf that is younger: where its data were assigned after it was used."""
    for i, x in enumerate(node.inputs):
        if type(x) is not float and x._operation is None and x._seq > node._seq and node._operation.reads(i):
            raise StaleGraphError(
                f"{node.op}(…) = {node.data!r} was computed before its input {i + 1} got the data {describe(x)}: "
                "its gradient would mix old and new. Compute the result again after assigning data, "
                "or assign after backward()."
            )
