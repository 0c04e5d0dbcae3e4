"""Why a gradient is what it is: the node and the line that made it zero, nan, infinite, huge, tiny, or absent.

Nodes know their inputs, not their users, so the question needs the output that was differentiated. From the value that
is asked about, the search goes towards that output, through gradients that share the fault, until it finds the rules
that a sound gradient went into and a faulty one came out of: these are the causes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from heapq import nlargest
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from . import chain, modes
from .errors import AnomalyError, InputError, InputTypeError, told
from .ops import ARITHMETIC
from .source import placed
from .stepping import Names, Step, Steps

if TYPE_CHECKING:
    from .value import Value

HUGE: Final = 1e6  # a gradient, as a multiple of the output's, that is worth a question
TINY: Final = 1e-6
_SHOWN: Final = 8  # nodes of a chain, at either end
_STEPS: Final = {"floor", "ceil", "round", "trunc", "round_to", "sign", "floordiv"}
_CHOICES: Final = {"maximum", "minimum", "max", "min"}
_KINKED: Final = {*_CHOICES, "relu", "leaky_relu", "abs"}
_FAR: Final = 10_000  # nodes on the way that are looked at where nothing is wrong
_ALWAYS_SENDING: Final = {"add", "sub", "neg", "pos", "sum", "mean", "fsum"}
_TRIVIAL: Final = {0.0, 1.0, -1.0, 2.0, -2.0, 0.5}  # numbers that are equal by chance


class Cause(NamedTuple):
    """What made a gradient what it is.

    Attributes:
        node: the node whose op or rule did it; the leaf where it is a leaf's number.
        text: what it did, in words.
        chain: the nodes from the value asked about to this one.
    """

    node: Any
    text: str
    chain: tuple[Any, ...]


class Explanation:
    """Why a gradient is what it is; `why` makes it, ``print`` shows it.

    Attributes:
        value: the Value that was asked about.
        of: the output whose gradient it is.
        gradient: what the pass sends to the value in all; None where it sends nothing.
        kind: "no gradient", "zero", "nan", "inf", "huge", "vanishing" or "ordinary".
        causes: the nearest first.
        notes: what else there is to know.
    """

    def __init__(
        self,
        value: Value,
        of: Value,
        kind: str,
        gradient: float | None = None,
        causes: Sequence[Cause] = (),
        notes: Sequence[str] = (),
        sent: Sequence[tuple[Any, int, float, float | None]] = (),
        names: Names | None = None,
        top: int = 8,
    ) -> None:
        self.value, self.of, self.kind, self.gradient = value, of, kind, gradient
        self.causes, self.notes = tuple(causes), tuple(notes)
        self._sent = sent  # node, position, upstream, contribution, in the order of the pass
        self._names = names or Names(of)
        self._top = top
        self._traced = any(node.source is not None for node in (value, of, *(cause.node for cause in causes)))

    @property
    def contributions(self) -> tuple[Step, ...]:
        """What the value's users send it, the largest first. Added in order of `Step.index` they are the gradient."""
        return self._ranked(len(self._sent))

    def _ranked(self, n: int) -> tuple[Step, ...]:
        first = nlargest(n, range(len(self._sent)), key=lambda k: _rank(self._sent[k][3]))
        return tuple(Step(k, *self._sent[k], self._names) for k in first)

    @property
    def nodes(self) -> tuple[Any, ...]:
        """The value, the nodes of all chains, and the causes, each once."""
        return tuple(
            dict.fromkeys([self.value, *(node for cause in self.causes for node in (*cause.chain, cause.node))])
        )

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterable[str]:
        yield self._heading()
        yield from (f"  {note}" for note in self.notes)
        for i, cause in enumerate(self.causes[:3]):
            yield f"  {cause.text}"
            yield from _quoted(cause.node)
            if i == 0 and len(cause.chain) > 1:
                yield from self._way(cause.chain)
        if len(self.causes) > 3:
            yield f"  … and {len(self.causes) - 3} more causes"
        if self._sent:
            first = self._ranked(self._top)
            rest = len(self._sent) - len(first)
            yield "  what it is sent:" if len(self._sent) == 1 else "  what it is sent, the largest first:"
            yield from (f"    {step}" for step in first)
            if rest:
                others = [c or 0.0 for *_, c in self._sent] + [-(step.contribution or 0.0) for step in first]
                total = math.fsum(others) if all(map(math.isfinite, others)) else math.nan
                yield f"    … {rest} more, {total:.6g} in all"
        if not self._traced:
            yield "  no lines are known: build the graph inside `with autograd.trace():`"

    def _heading(self) -> str:
        x = self._names[self.value]
        if self.kind == "no gradient":
            return f"{x} has no gradient from {self._names.output}:"
        if self.value is self.of:
            return f"{x} is {self.value.data!r}:"
        return f"d{self._names.output}/d{x} is {self.gradient!r}:"

    def _way(self, nodes: Sequence[Any]) -> Iterable[str]:
        yield "  the way there:"
        shown = [*nodes] if len(nodes) <= 2 * _SHOWN else [*nodes[:_SHOWN], None, *nodes[-_SHOWN:]]
        for node in shown:
            if node is None:
                yield f"    … {len(nodes) - 2 * _SHOWN} more"
                continue
            made = "" if node._operation is None else f" = {self._names.formula(node)}"
            grad = f", gradient {node.grad:.6g}" if node.has_grad else ""
            yield f"    {self._names[node]}{made} = {node.data:.6g}{grad}{_place(node, '    ')}"


def explained(value: Value, of: Value, names: Names) -> Explanation:
    """What `why` answers, its nodes called by names that were given before."""
    return _Search(value, of, 8, names).explanation()


def why(value: Value, of: Value | None = None, top: int = 8) -> Explanation:
    """Why is this gradient 0, nan, infinite, huge, tiny, or not there at all?

    The answer names the ops that made it so, with their source lines where the graph was built inside
    `autograd.trace`, and the shortest chain of nodes that leads from the value to the nearest of them. A result that is
    nan itself can be asked about too.

    Args:
        value: the leaf or the node with that gradient.
        of: the output that was differentiated; this thread's last ``backward()`` unless given.
        top: how many contributions to print; `Explanation.contributions` has them all.

    Raises:
        InputTypeError: where value or of is no Value.
        InputError: where of is not given and the last output no longer exists.
        StaleGraphError: where data was assigned since the forward pass, so that the old slopes are unknown.

    >>> from autograd import Value, why
    >>> w, x = Value(0.5, "w"), Value(-2.0, "x")
    >>> loss = (w * x).relu() * 3.0
    >>> loss.backward()
    >>> print(why(w))
    dL/dw is -0.0:
      relu(v1): its input v1 = -1.0 is not above 0, so it sends 0 back (a dead relu)
      the way there:
        w = 0.5, gradient -0
        v1 = w * x = -1, gradient 0
        v2 = relu(v1) = 0, gradient 3
      what it is sent:
        dL/dw += dL/dv1 · dv1/dw = 0 · -2 = -0    v1 = w * x
      no lines are known: build the graph inside `with autograd.trace():`
    """
    if not hasattr(value, "_careful_backward"):
        raise InputTypeError(f"why(value) takes a Value, not {type(value).__name__} {value!r}")
    if of is None:
        of = type(value)._last_output()
        if of is None:
            raise InputError(
                "why(value) needs the output that was differentiated, and this thread's last one is gone, or there was "
                "none: write why(value, of=loss)"
            )
    if not hasattr(of, "_careful_backward"):
        raise InputTypeError(f"why(value, of=…) takes a Value, not {type(of).__name__} {of!r}")
    return _Search(value, of, top).explanation()


class _Search:
    """The graph between a value and an output."""

    def __init__(self, value: Value, of: Value, top: int, names: Names | None = None) -> None:
        self.value, self.of, self.top = value, of, top
        self.names = names or Names(of)
        # By each node that leads from the value to the output: the first that uses it, and further ones, oldest first.
        self.user, self.more = chain.users(of, value)
        self.known: dict[Any, float | None] | None = None  # gradients, where the nodes do not hold this output's
        if type(value)._last_output() is not of:
            self.known = dict.fromkeys([value, *self.user.values()])
            leaves = chain.sweep([(of, 1.0)], wanted=self.known)
            self.known.update(zip(*leaves, strict=True))

    def users(self, x: Any) -> list[Any]:
        """The nodes that use x, newest first."""
        return [*reversed(self.more.get(x, ())), self.user[x]] if x in self.user else []

    def gradient(self, node: Any) -> float | None:
        """What the pass found for a node; None where it sent nothing."""
        return _grad(node) if self.known is None else self.known.get(node)

    def sent(self, x: Any) -> list[tuple[Any, int, float, float | None]]:
        """What the users of x send it, in the order of the pass: node, position of x, upstream, contribution."""
        sent = []
        for node in self.users(x):
            g = self.gradient(node)
            if g is not None:
                sent += self._from(node, x, g)
        return sent

    def _from(self, node: Any, x: Any, g: float) -> list[tuple[Any, int, float, float | None]]:
        """What a node sends to x where its own gradient is g."""
        pairs = zip(node.inputs, chain.contributions(node, g), strict=True)
        return [(node, i, g, c) for i, (y, c) in enumerate(pairs) if y is x]

    # ── The question ────────────────────────────────────────────────────────────────────────────────────────

    def explanation(self) -> Explanation:
        if not math.isfinite(self.value.data) and (self.value is self.of or self.value not in self.user):
            return self._answer(_kind_of(self.value.data), self.value.data, [self._forward_cause(self.value, ())])
        if self.value is self.of:
            return self._answer(
                "ordinary",
                self.gradient(self.of),
                notes=["it is the output itself: its gradient is what backward() starts with"],
            )
        if self.value not in self.user:
            return self._answer("no gradient", None, self._cut())
        sent = self.sent(self.value)
        total = _total([c for *_, c in sent if c is not None])
        notes = self._notes(total)
        seed = self.gradient(self.of) or 1.0
        if total is None or total == 0.0:
            return self._answer("zero" if total == 0.0 else "no gradient", total, self._frontier(_nothing), sent, notes)
        if not math.isfinite(total):
            return self._answer(_kind_of(total), total, self._frontier(_not_finite), sent, notes)
        if not math.isfinite(self.of.data):
            return self._answer("ordinary", total, (), sent, notes)
        size = abs(total / seed) if math.isfinite(seed) else 1.0
        kind = "huge" if size > HUGE else "vanishing" if size < TINY else "ordinary"
        causes, kinks = self._along_the_way(kind, sent)
        return self._answer(kind, total, causes, sent, [*notes, *kinks])

    def _answer(
        self,
        kind: str,
        gradient: float | None,
        causes: Sequence[Cause] = (),
        sent: Sequence[tuple[Any, int, float, float | None]] = (),
        notes: Sequence[str] = (),
    ) -> Explanation:
        if not math.isfinite(self.of.data) and kind not in ("nan", "inf"):
            bad = self._forward_cause(self.of, ())
            causes = [bad._replace(text=f"{self.names.output} itself is {self.of.data!r}. {bad.text}"), *causes]
        return Explanation(self.value, self.of, kind, gradient, causes, notes, sent, self.names, self.top)

    # ── Zero, nothing, nan, inf: where did it begin? ────────────────────────────────────────────────────────

    def _frontier(self, faulty: Callable[[float | None], bool]) -> list[Cause]:
        """The rules that a sound gradient went into and a faulty one came out of, the nearest first."""
        towards: dict[Any, Any] = {self.value: None}  # from where each was reached
        causes: list[Cause] = []
        level = [self.value]
        while level:
            further = []
            for x in level:
                sound = []
                for node in self.users(x):
                    g = self.gradient(node)
                    if not faulty(g):
                        if g is not None:
                            sound.append((node, g))
                    elif node not in towards:
                        towards[node] = x
                        if faulty is _nothing and node.op not in _ALWAYS_SENDING:
                            at_1 = self._from(node, x, 1.0)  # whatever its own gradient were
                            if not any(c for *_, c in at_1):
                                causes.append(self._cause_of(self._step(at_1[0]), _path(towards, node)))
                                continue
                        further.append(node)
                if sound:
                    causes += self._causes_at(x, sound, faulty, _path(towards, x))
            level = further
        if not causes and self.of in towards:
            began = f"the pass began with the gradient {self.gradient(self.of)!r}"
            causes = [Cause(self.of, began, _path(towards, self.of))]
        return causes

    def _step(self, sent: tuple[Any, int, float, float | None]) -> Step:
        return Step(0, *sent, self.names)

    def _causes_at(
        self, x: Any, users: list[tuple[Any, float]], faulty: Callable[[float | None], bool], way: tuple[Any, ...]
    ) -> list[Cause]:
        """Why x gets a faulty gradient from users that have a sound one."""
        sent = [one for node, g in users for one in self._from(node, x, g)]
        found = [self._cause_of(self._step(one), (*way, one[0])) for one in sent if faulty(one[3])]
        if len(sent) > 1 and not found:  # each is sound, their sum is not
            listed = " + ".join(f"{c:.6g}" for *_, c in sent[:8]) + (" + …" if len(sent) > 8 else "")
            what = "they cancel" if faulty is _nothing else "their sum is too large for a float"
            found.append(Cause(sent[0][0], f"{self.names[x]}{_place(x)} is sent {listed}: {what}", (*way, sent[0][0])))
        return found

    def _cause_of(self, step: Step, way: tuple[Any, ...]) -> Cause:
        node = step.node
        nothing = step.contribution is None or step.contribution == 0.0
        suspects = (step.input,) if nothing else (node, *node.inputs)
        if any(not math.isfinite(_number(x)) for x in suspects):
            return self._forward_cause(step.input if nothing else node, way)
        if nothing:
            return Cause(node, f"{self._op_of(node)}: {self._why_zero(step)}", way)
        local = step.local
        assert local is not None
        at = f"{told(node._operation, node.inputs).partition(' at ')[2]}"
        if math.isfinite(local):
            text = f"upstream {step.upstream:.6g} · local {local:.6g} is too large for a float, at {at}"
        elif step.upstream == 0.0:
            text = f"its slope is {local} at {at}, and 0 · {local} is nan"
        else:
            text = f"its slope is {local} at {at}"
        return Cause(node, f"{self._op_of(node)}: {text}", way)

    def _why_zero(self, step: Step) -> str:
        """Why a rule sends no gradient, or 0."""
        node, i, op = step.node, step.position, step.node.op
        inputs = node.inputs
        name, a = self.names[inputs[i]], inputs[i].data
        others = [(self._called(y), _number(y)) for j, y in enumerate(inputs) if j != i]
        if step.contribution is None:
            if op in _CHOICES:
                return f"{name} = {a!r} was not chosen, so it gets nothing"
            return f"it did not take {name} = {a!r}, which gets nothing"
        local = step.local
        if local:
            return f"upstream {step.upstream:.6g} · local {local:.6g} is too small for a float"
        if op == "relu":
            return f"its input {name} = {a!r} is not above 0, so it sends 0 back (a dead relu)"
        if op in _STEPS:
            return f"it is a step function: its slope is 0 on both sides of {name} = {a!r}"
        if op in ("mul", "prod", "dot", "sumprod"):
            zero = next((f"{other} = {number!r}" for other, number in others if number == 0.0), "")
            if zero:
                return f"{name} is multiplied by {zero}"
        if op == "pow" and i == 0:
            return f"the exponent is {others[0][1]!r}" if others[0][1] == 0.0 else f"the base {name} is {a!r}"
        if op == "div" and i == 1:
            return f"the dividend {others[0][0]} is {others[0][1]!r}"
        if op == "clamp":
            return f"{name} = {a!r} lies outside of its bounds, {', '.join(repr(number) for _, number in others)}"
        if op in _CHOICES:
            return f"{name} = {a!r} was not chosen"
        if a == 0.0:
            return f"its slope at {name} = {a!r} is 0"
        flat = "saturated: " if op in _SATURATING else ""
        return f"{flat}its slope at {name} = {a!r} is 0 to the last bit"

    def _forward_cause(self, node: Any, way: tuple[Any, ...]) -> Cause:
        """The first value in forward order that is not finite, among those that led to this one."""
        seen = {node}
        stack = [node]
        origins = []
        while stack:
            at = stack.pop()
            made_it = True
            for x in at.inputs:
                data = x if type(x) is float else x.data
                if data - data != 0.0:  # nan or infinite
                    if type(x) is float:
                        made_it = True
                        break
                    made_it = False
                    if x not in seen:
                        seen.add(x)
                        stack.append(x)
            if made_it:
                origins.append(at)
        first = min(origins, key=lambda v: (v._operation is not None, v._seq))
        path = way[: way.index(first) + 1] if any(first is node for node in way) else (*way, first)
        return Cause(first, self._forward_text(first), path)

    def _forward_text(self, node: Any) -> str:
        if node._operation is None:
            return f"{self.names[node]}{_place(node)}: its data is {node.data!r}"
        constants = [x for x in node.inputs if type(x) is float and not math.isfinite(x)]
        if constants:
            return f"{self._op_of(node)}: one of its inputs is the constant {constants[0]!r}"
        return f"{self._op_of(node)}: {_made_it(node._operation, node.inputs, node.data)}"

    # ── Huge, tiny, ordinary: by which factors? ─────────────────────────────────────────────────────────────

    def _along_the_way(
        self, kind: str, sent: Sequence[tuple[Any, int, float, float | None]]
    ) -> tuple[list[Cause], list[str]]:
        """The factors on the way that most of the gradient comes by."""
        user, more, value = self.user, self.more, self.value
        way: dict[Any, None] = {value: None}
        kinks: list[str] = []
        groups: dict[Any, tuple[list[float], list[Any], list[Any]]] = {}  # by op and line: factors, inputs, nodes
        gradient = self.gradient if self.known is not None else _grad
        x, g = value, gradient(value)
        far = None if kind != "ordinary" else _FAR
        for _ in islice(iter(int, 1), far):
            if x is self.of:
                break
            node = user[x]
            if x is value:
                node, *_ = max(sent, key=lambda one: _rank(one[3]))
            elif x in more:
                node, *_ = max(self.sent(x), key=lambda one: _rank(one[3]))
            up = gradient(node)
            if x is value or x in more or not g or not up:
                factor = math.fsum(c or 0.0 for *_, c in self._from(node, x, 1.0))
            else:  # there is no other user
                factor = g / up
            operation, block = node._operation, getattr(node, "_extra", None)
            key = operation, block and (block.source or block.module)
            group = groups.get(key)
            if group is None:
                group = groups[key] = [], [], []
            group[0].append(abs(factor))
            group[1].append(x)
            group[2].append(node)
            if operation.name in _KINKED and len(kinks) < 8:
                kinks += self._kink(node)
            way[node] = None
            x, g = node, up
        merged: dict[Any, tuple[list[float], list[Any], list[Any]]] = {}
        for (operation, made), group in groups.items():  # one line may have made them at several of its instructions
            key = operation, placed(*made).where if isinstance(made, tuple) else made
            into = merged.setdefault(key, ([], [], []))
            for whole, part in zip(into, group, strict=True):
                whole += part
        sizes = {key: math.fsum(map(_log10, factors)) for key, (factors, *_) in merged.items()}
        sign = {"huge": 1.0, "vanishing": -1.0}.get(kind, 0.0)
        ranked = sorted(merged, key=lambda key: -(sign * sizes[key] or abs(sizes[key])))
        wanted = [key for key in ranked[:3] if (sign * sizes[key] > 0.5 if sign else abs(sizes[key]) > 1.0)]
        causes = [self._factors(merged[key], sizes[key], way) for key in (wanted if sign else wanted[:1])]
        if not causes:
            node, *_ = max(sent, key=lambda one: _rank(one[3]))
            causes = [Cause(node, f"most of it comes by {self._op_of(node)}", (value, node))]
        return causes, kinks

    def _factors(self, group: tuple[list[float], list[Any], list[Any]], size: float, way: dict[Any, None]) -> Cause:
        factors, inputs, nodes = group
        least, most = min(factors), max(factors)
        k = factors.index(least if size < 0 else most)
        x, node = inputs[k], nodes[k]
        local = math.fsum(c or 0.0 for *_, c in self._from(node, x, 1.0))
        text = f"{self._op_of(node)}: its slope at {self.names[x]} = {x.data!r} is {local:.6g}"
        if node.op in _SATURATING and least < 0.01:
            text += " (saturated)"
        if len(factors) > 1:
            text += f"; {len(factors)} such lie on the way, with slopes from {least:.3g} to {most:.3g}: "
            text += f"10^{size:.1f} together"
        return Cause(node, text, tuple(islice(way, list(way).index(node) + 1)))

    def _kink(self, node: Any) -> list[str]:
        """What to know of a node whose inputs lie where its slope is a matter of choice."""
        numbers = [_number(x) for x in node.inputs]
        ties = sum(x == node.data for x in numbers)
        if node.op in _CHOICES and ties > 1:
            return [f"{self._op_of(node)}: {ties} inputs tie at {node.data!r}, so each gets 1/{ties} of its gradient"]
        return [f"{self._op_of(node)} stands at its kink, 0"] if node.op not in _CHOICES and numbers[0] == 0.0 else []

    # ── No gradient at all: where was the way cut? ──────────────────────────────────────────────────────────

    def _cut(self) -> list[Cause]:
        """What stands in the output's graph where the value might have stood."""
        value, name = self.value, self.names[self.value]
        order = chain.topological_order(self.of)
        found = self._rebound() + self._constants(order) + self._cut_leaves(order)
        if not found:
            kind = "leaf" if value._operation is None else "node"
            made = _place(value, " made at ")
            text = f"{name}, a {kind}{made}, is used by nothing that {self.names.output} was computed from"
            found = [Cause(value, text, (value,))]
        return found

    def _rebound(self) -> list[Cause]:
        value, name = self.value, self.names[self.value]
        if value._operation is None or value._seq < self.of._seq:
            return []
        text = (
            f"{name} was computed{_place(value)} after {self.names.output}: it is a new node, and the old one of that "
            "name is what was used. To change a leaf in place assign to its data: w.data -= …"
        )
        return [Cause(value, text, (value,))]

    def _constants(self, order: Sequence[Any]) -> list[Cause]:
        """Numbers in the graph that are the value's, or that a line took out of some Value."""
        same, name, lost = self.value.data, self.names[self.value], ".data and .item() carry no gradient"
        equal, taken = [], []
        for node in order:
            constants = [x for x in node.inputs if type(x) is float]
            if not constants:
                continue
            if same in constants and (same not in _TRIVIAL or _takes_data(node)):
                text = f"{self._op_of(node)}: the constant {same!r} is the data of {name}, not {name} itself: {lost}"
                equal.append(Cause(node, text, (node,)))
            elif _takes_data(node):
                text = f"{self._op_of(node)} takes a number out of a Value: {lost}"
                taken.append(Cause(node, text, (node,)))
        return equal or taken

    def _cut_leaves(self, order: Sequence[Any]) -> list[Cause]:
        """Leaves that nothing leads back from though they were computed, and others with the value's number."""
        value, name = self.value, self.names[self.value]
        leaves = {x: node for node in order for x in node.inputs if type(x) is not float and x._operation is None}
        cut, equal = [], []
        for x in sorted(leaves, key=lambda x: (x.data != value.data, x._seq)):
            also = f", and it has the data of {name}" if x.data == value.data else ""
            if x._known().detached:
                text = f"{self.names[x]} = {x.data!r} is detached{_place(x)}: nothing leads back from it{also}"
                cut.append(Cause(x, text, (x,)))
            elif _takes_data(x):
                text = f"{self.names[x]} = {x.data!r} is made of a number{_place(x)}: nothing leads back from it{also}"
                cut.append(Cause(x, text, (x,)))
            elif also and value.data not in _TRIVIAL:
                used = self._op_of(leaves[x])
                text = f"{self.names[x]}{_place(x)} is another leaf with the same data, used by {used}"
                equal.append(Cause(x, text, (x,)))
        return cut or equal

    # ── What else there is to know ──────────────────────────────────────────────────────────────────────────

    def _notes(self, total: float | None) -> list[str]:
        """How the value's grad came to be another number than what the pass sent it."""
        value, sent = self.value, total or 0.0
        if self.known is not None:
            return [f"the last backward() did not begin at {self.names.output}: this is what it would send"]
        if value._known().hooks:
            return [f"it has hooks, which may replace that: its grad is {value.grad!r}"]
        now = value.grad
        if value._operation is not None or now == sent or (now != now and sent != sent):
            return []
        if now == 0.0:
            return ["its grad was cleared after the pass, and is 0.0 now"]
        return [
            f"its grad is {now!r}: this pass added {sent!r} to the {now - sent!r} that was there before. Leaves add up "
            "from one backward() to the next: was zero_grad() forgotten?"
        ]

    def _op_of(self, node: Any) -> str:
        return f"{self.names.formula(node)}{_place(node)}"

    def _called(self, x: Any) -> str:
        return "the constant" if type(x) is float else self.names[x]


_SATURATING: Final = {
    "tanh",
    "sigmoid",
    "sech2",
    "sigmoid_slope",
    "softmax",
    "erf",
    "erfc",
    "exp",
    "softsign",
    "softplus",
}


def _grad(node: Any) -> float | None:
    return getattr(node, "_grad", None)  # the pure engine's interior nodes have none until a pass sets it


def _nothing(g: float | None) -> bool:
    return g is None or g == 0.0


def _not_finite(g: float | None) -> bool:
    return g is not None and not math.isfinite(g)


def _kind_of(number: float) -> str:
    return "nan" if number != number else "inf"


def _number(x: Any) -> float:
    return x if type(x) is float else x.data


def _rank(contribution: float | None) -> float:
    return 0.0 if contribution is None else math.inf if contribution != contribution else abs(contribution)


def _log10(factor: float) -> float:
    return math.log10(factor) if 0.0 < factor < math.inf else -324.0 if factor == 0.0 else 308.0


def _total(contributions: Sequence[float]) -> float | None:
    if not contributions:
        return None
    total = contributions[0]
    for contribution in contributions[1:]:
        total += contribution
    return total


def _path(towards: dict[Any, Any], node: Any) -> tuple[Any, ...]:
    path = []
    while node is not None:
        path.append(node)
        node = towards[node]
    return tuple(reversed(path))


def _place(node: Any, before: str = " at ") -> str:
    source = node.source
    where = "" if source is None else f"{before}{source}"
    return where + (f" in {node.module}" if node.module else "")


def _quoted(node: Any) -> Iterable[str]:
    """The source line of a node, with marks under the expression."""
    source = node.source
    if source is not None and source.text:
        yield f"    {source.text}"
        if source.marks:
            yield f"    {source.marks}"


def _takes_data(node: Any) -> bool:
    """Whether the line that made a node takes a number out of a Value."""
    source = node.source
    return source is not None and any(taken in source.segment for taken in (".data", ".item("))


def _made_it(op: Any, inputs: Sequence[Any], data: float) -> str:
    """How finite inputs made a number that is not."""
    try:
        op.function(*map(_number, inputs))
    except ARITHMETIC:
        why = op.needs or (
            "It divides by zero." if op.is_pole(*map(_number, inputs)) else "It is too large for a float."
        )
        return f"{told(op, inputs)} is {data!r}. {why}"
    return f"{told(op, inputs)} is {data!r}" + (": it is too large for a float" if data == data else "")


# ── Looking for them as they are made ───────────────────────────────────────────────────────────────────────


def forward_anomaly(op: Any, inputs: tuple[Any, ...], data: float, Value: Any) -> AnomalyError:
    """The error for an op that has just computed a nan or an infinity."""
    node = Value._made(op, inputs, data)
    node._block().source = modes.here()
    node._block().module = modes.path()
    search = _Search(node, node, 8)
    explanation = search.explanation()
    return AnomalyError(explanation.causes[0].text, explanation)


def backward(root: Value, gradient: float) -> None:
    """A backward pass that raises at the first contribution, or sum of them, that is nan or infinite."""
    bad = math.isfinite if modes.word() & modes.INFINITE else lambda g: g == g
    with Steps(root, gradient) as steps:
        for step in steps:
            x = step.input
            if step.contribution is not None and not (bad(step.contribution) and bad(x.grad)):
                search = _Search(x, root, 8)
                kind = _kind_of(step.contribution if not bad(step.contribution) else x.grad)
                causes = [search._cause_of(step, (x, step.node))]
                sent = [(step.node, step.position, step.upstream, step.contribution)]
                explanation = Explanation(x, root, kind, x.grad, causes, sent=sent, names=steps.names)
                raise AnomalyError(f"{causes[0].text} {step}", explanation)
