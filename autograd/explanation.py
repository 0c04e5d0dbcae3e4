"""Why a gradient is what it is: the node and the line that made it zero, nan, infinite, huge, tiny, or absent.

Nodes know their inputs, not their users, so the question needs the output that was differentiated. From the value that
is asked about, the search goes towards that output, through gradients that share the fault, until it finds the rules
that a sound gradient went into and a faulty one came out of: these are the causes.
"""

from __future__ import annotations

import linecache
import math
import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from heapq import nlargest
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from . import chain, modes
from .errors import AnomalyError, InputError, InputTypeError, StaleGraphError, told
from .ops import ARITHMETIC
from .source import placed
from .stepping import Names, Step, Steps, gradient_of

if TYPE_CHECKING:
    from .value import Value

HUGE: Final = 1e6  # a gradient, as a multiple of the output's, that is worth a question
TINY: Final = 1e-6
_WIDE: Final = 160  # characters of a line that are quoted
_SHOWN: Final = 8  # nodes of a chain, at either end
_STEPS: Final = {"floor", "ceil", "round", "trunc", "round_to", "sign", "floordiv"}
_CHOICES: Final = {"maximum", "minimum", "max", "min"}
_TAKING: Final = {"where", "take", "pick"}
_KINKED: Final = {*_CHOICES, "relu", "leaky_relu", "abs"}
_CANCELLED: Final = 1e-8  # of the largest contribution, is left of their sum
_MANY: Final = 20
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
        sizes = [_rank(c) for *_, c in self._sent]
        return tuple(Step(k, *self._sent[k], self._names) for k in nlargest(n, range(len(sizes)), sizes.__getitem__))

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
        groups: dict[Any, list[Cause]] = {}  # what one op of one line did many times is said once
        for cause in self.causes:
            source = cause.node.source
            groups.setdefault((cause.node.op, source.where if source else cause.node), []).append(cause)
        for first, *others in islice(groups.values(), 3):
            again = "once more" if len(others) == 1 else f"{len(others)} more times"
            where = "on this line" if first.node.source else "on other ways"
            yield f"  {first.text}" + (f" (and {again} {where})" if others else "")
            yield from _quoted(first.node)
        if len(groups) > 3:
            yield f"  … and {len(groups) - 3} more causes"
        if self.causes and len(self.causes[0].chain) > 1:
            yield from self._way(self.causes[0].chain)
        if self._sent:
            shown = self._ranked(self._top)
            rest = len(self._sent) - len(shown)
            yield "  what it is sent:" if len(self._sent) == 1 else "  what it is sent, the largest first:"
            yield from (f"    {self._line(step)}" for step in shown)
            if rest:
                unseen = [c or 0.0 for *_, c in self._sent] + [-(step.contribution or 0.0) for step in shown]
                total = math.fsum(unseen) if all(map(math.isfinite, unseen)) else math.nan
                yield f"    … {rest} more, {total:.6g} in all"
        if not self._traced:
            yield "  no lines are known: build the graph inside `with autograd.trace():`"

    def _line(self, step: Step) -> str:
        try:
            return str(step)
        except StaleGraphError:  # the slope is gone, with the number that it was taken at
            made = f"{self._names[step.node]} = {self._names.formula(step.node)}{_place(step.node, ', ')}"
            return f"d{self._names.output}/d{self._names[step.input]} += {step.contribution:.6g}    {made}"

    def _heading(self) -> str:
        x, of = self._names[self.value], self._names.output
        if not math.isfinite(self.of.data) and self.value is not self.of and self.kind not in ("nan", "inf"):
            gradient = "" if self.kind == "no gradient" else f", d{of}/d{x} is {self.gradient!r}"
            return f"{of} is {self.of.data!r}{gradient}:"
        if self.kind == "no gradient":
            return f"{x} has no gradient from {of}" + (":" if self._sent else ", which was computed without it:")
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
        InputError: where of is not given and the last output no longer exists, or top is negative.

    >>> from autograd import Value, why
    >>> w, x = Value(0.5, "w"), Value(-2.0, "x")
    >>> loss = (w * x).relu() * 3.0
    >>> loss.backward()
    >>> print(why(w))
    dL/dw is -0.0:
      relu(v1): its input v1 = -1 is not above 0, so it sends 0 back (a dead relu)
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
    if type(top) is not int or top < 0:
        raise InputError(f"why(value, top=…) takes a whole number of contributions from 0, not {top!r}")
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
        self.stale = False  # whether data was assigned since, so that some slopes are unknown
        if type(value)._last_output() is not of:
            self.known = dict.fromkeys([value, *self.user.values()])
            leaves = chain.sweep([(of, 1.0)], wanted=self.known)
            self.known.update(zip(*leaves, strict=True))

    def users(self, x: Any) -> list[Any]:
        """The nodes that use x, newest first."""
        return [*reversed(self.more.get(x, ())), self.user[x]] if x in self.user else []

    def gradient(self, node: Any) -> float | None:
        """What the pass found for a node; None where it sent nothing."""
        return gradient_of(node) if self.known is None else self.known.get(node)

    def sent(self, x: Any) -> list[tuple[Any, int, float, float | None]]:
        """What the users of x send it, in the order of the pass: node, position of x, upstream, contribution."""
        sent: list[tuple[Any, int, float, float | None]] = []
        known, assigned = self.known, type(x)._latest_assignment()
        for node in self.users(x):
            g = getattr(node, "_grad", None) if known is None else known.get(node)
            if g is None:
                continue
            operation = node._operation
            if operation.first_rule is None or node._seq < assigned:
                self._send(node, x, g, sent, really=True)
                continue
            inputs = node.inputs  # as chain.contributions has it, written out: a value may have a million users
            try:
                contributions = operation.float_rule(
                    g, node._data, *[y if type(y) is float else y._data for y in inputs]
                )
            except ARITHMETIC:
                self._send(node, x, g, sent, really=True)
                continue
            for i, y in enumerate(inputs):
                if y is x:
                    sent.append((node, i, g, contributions[i]))
        return sent

    def _from(self, node: Any, x: Any, g: float, really: bool = False) -> list[tuple[Any, int, float, float | None]]:
        """What a node sends to x where its own gradient is g. really: whether it is, so that x may tell."""
        sent: list[tuple[Any, int, float, float | None]] = []
        self._send(node, x, g, sent, really)
        return sent

    def _send(
        self, node: Any, x: Any, g: float, sent: list[tuple[Any, int, float, float | None]], really: bool
    ) -> None:
        try:
            contributions = chain.contributions(node, g)
        except StaleGraphError:
            self.stale = True
            if really and x not in self.more and node.inputs.count(x) == 1 and not x._hooks():
                sent.append((node, node.inputs.index(x), g, self.gradient(x)))  # all that x has got
            return
        for i, y in enumerate(node.inputs):
            if y is x:
                sent.append((node, i, g, contributions[i]))

    def _local(self, node: Any, position: int) -> float | None:
        """The derivative of a node by an input; None where it sends nothing, or where data was assigned since."""
        sent = self._from(node, node.inputs[position], 1.0)
        return next((c for _, i, _, c in sent if i == position), None)

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
        if self.stale:
            total = self.gradient(self.value)
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
        if not sent:
            return self._answer(kind, total, (), sent, notes)
        largest, most = self._largest(sent)
        causes, kinks = self._along_the_way(kind, largest)
        return self._answer(kind, total, [*self._by_many(sent, total, largest, most), *causes], sent, [*notes, *kinks])

    def _largest(self, sent: Sequence[tuple[Any, int, float, float | None]]) -> tuple[Any, float]:
        """Who sends most, and how much."""
        sizes = [_rank(c) for *_, c in sent]
        most = max(sizes)
        return sent[sizes.index(most)][0], most

    def _by_many(
        self, sent: Sequence[tuple[Any, int, float, float | None]], total: float, largest: Any, most: float
    ) -> list[Cause]:
        """What to say where no one contribution is the reason: they cancel, or there are many of them."""
        if abs(total) < _CANCELLED * most:
            text = f"contributions of up to {most:.6g} cancel, all but {total:.6g}: {self._listed(sent)}"
        elif len(sent) >= _MANY and most < abs(total) / 5:
            text = f"{len(sent)} contributions add up, none of them more than {most / abs(total):.2g} of the sum"
            text += f", most of them by {self._op_of(largest)}"
        else:
            return []
        return [Cause(largest, text, (self.value, largest))]

    def _listed(self, sent: Sequence[tuple[Any, int, float, float | None]]) -> str:
        told = [f"{self._op_of(node)} sends {c:.6g}" for node, _, _, c in sent[:4] if c is not None]
        return ", ".join(told) + (f" and {len(sent) - 4} more" if len(sent) > 4 else "")

    def _answer(
        self,
        kind: str,
        gradient: float | None,
        causes: Sequence[Cause] = (),
        sent: Sequence[tuple[Any, int, float, float | None]] = (),
        notes: Sequence[str] = (),
    ) -> Explanation:
        if not math.isfinite(self.of.data) and self.value is not self.of:
            bad = self._forward_cause(self.of, ())  # the first of all
            known = [cause for cause in causes if cause.node is bad.node]
            causes = [*(known or [bad]), *(cause for cause in causes if cause.node is not bad.node)]
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
                users = self.users(x)
                for node in users:
                    g = self.gradient(node)
                    if not faulty(g):
                        if g is not None:
                            sound.append((node, g))
                    elif node not in towards:
                        towards[node] = x
                        if faulty is _nothing and node.op not in _ALWAYS_SENDING:
                            at_1 = self._from(node, x, 1.0)  # whatever its own gradient were
                            if at_1 and not any(c for *_, c in at_1):
                                causes.append(self._cause_of(self._step(at_1[0]), _path(towards, node)))
                                continue
                        further.append(node)
                if sound:
                    alone = faulty is _nothing or len(sound) == len(users)
                    causes += self._causes_at(x, sound, faulty, _path(towards, x), alone)
            level = further
        if not causes and self.of in towards:
            began = f"the pass began with the gradient {self.gradient(self.of)!r}"
            causes = [Cause(self.of, began, _path(towards, self.of))]
        if faulty is _not_finite:  # what went wrong forward comes first, in its order
            causes.sort(key=lambda cause: math.inf if math.isfinite(cause.node.data) else cause.node._seq)
        return causes

    def _step(self, sent: tuple[Any, int, float, float | None]) -> Step:
        return Step(0, *sent, self.names)

    def _causes_at(
        self,
        x: Any,
        users: list[tuple[Any, float]],
        faulty: Callable[[float | None], bool],
        way: tuple[Any, ...],
        alone: bool,
    ) -> list[Cause]:
        """Why x gets a faulty gradient from users that have a sound one. alone: whether it has no others."""
        sent = [one for node, g in users for one in self._from(node, x, g, really=True)]
        found = [self._cause_of(self._step(one), (*way, one[0])) for one in sent if faulty(one[3])]
        if found or not alone or not sent:
            return found
        node, total = sent[0][0], _total([c for *_, c in sent if c is not None])
        hooks = x._hooks()
        if faulty(total):
            what = "they cancel" if faulty is _nothing else "their sum is too large for a float"
            text = f"what {self.names[x]}{_place(x)} is sent, {what}: {self._listed(sent)}"
            return [Cause(node, text, (*way, node))]
        if hooks and x._operation is not None:
            told = ", ".join(map(_called_hook, hooks))
            text = f"{self._op_of(x)} has a hook ({told}), which turned {total:.6g} into {self.gradient(x)!r}"
            return [Cause(x, text, way)]
        if x._operation is not None:
            text = f"the gradient of {self._op_of(x)} was assigned since: the pass sent it {total:.6g}"
            return [Cause(x, text, way)]
        return []

    def _cause_of(self, step: Step, way: tuple[Any, ...]) -> Cause:
        node = step.node
        nothing = step.contribution is None or step.contribution == 0.0
        suspects = (step.input,) if nothing else (node, *node.inputs)
        if any(not math.isfinite(_number(x)) for x in suspects):
            return self._forward_cause(step.input if nothing else node, way)
        if nothing:
            return Cause(node, f"{self._op_of(node)}: {self._why_zero(step)}", way)
        local = self._local(node, step.position)
        at = told(node._operation, node.inputs).partition(" at ")[2]
        if local is None:
            text = f"its slope at {self.names[step.input]} is not finite, or was not: data was assigned since"
        elif not math.isfinite(step.upstream):
            hooks = ", ".join(map(_called_hook, node._hooks()))
            text = f"its own gradient is {step.upstream!r}" + (f", made by its hook ({hooks})" if hooks else "")
        elif math.isfinite(local):
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
                return f"{name} = {a:.6g} was not chosen, so it gets nothing"
            if op in _TAKING:
                return f"it did not take {name} = {a:.6g}, which gets nothing"
            return f"its rule sends nothing to {name} = {a:.6g}"
        local = self._local(node, i)
        if local is None:
            return "its slope is unknown: data was assigned since the pass"
        if local:
            return f"upstream {step.upstream:.6g} · local {local:.6g} is too small for a float"
        if op == "relu":
            return f"its input {name} = {a:.6g} is not above 0, so it sends 0 back (a dead relu)"
        if op in _STEPS:
            return f"it is a step function: its slope is 0 on both sides of {name} = {a:.6g}"
        if op in ("mul", "prod", "dot", "sumprod"):
            half = len(inputs) // 2
            partners = [inputs[(i + half) % len(inputs)]] if op in ("dot", "sumprod") else list(inputs)
            zero = next((y for j, y in enumerate(partners) if (j != i or op != "prod") and _number(y) == 0.0), None)
            if zero is not None:
                by = f"{name} is multiplied by {self._called(zero)} = {_number(zero):.6g}"
                return by + self._made_zero(zero)
        if op == "pow" and i == 0:
            return f"the exponent is {others[0][1]:.6g}" if others[0][1] == 0.0 else f"the base {name} is {a:.6g}"
        if op == "div" and i == 1:
            return f"the dividend {others[0][0]} is {others[0][1]:.6g}"
        if op == "clamp":
            bounds = ", ".join(f"{number:.6g}" for _, number in others)
            return f"{name} = {a:.6g} lies outside of its bounds, {bounds}"
        if op in _CHOICES:
            return f"{name} = {a:.6g} was not chosen"
        if a == 0.0:
            return f"its slope at {name} = {a:.6g} is 0"
        if op in _SATURATING:
            return f"saturated: its slope at {name} = {a:.6g} is 0 to the last bit"
        return f"its slope at {name} = {a:.6g} is 0"

    def _made_zero(self, zero: Any) -> str:
        """Where a 0 comes from: the oldest of the nodes that handed it on."""
        if type(zero) is float or zero._operation is None:
            return ""
        while True:
            older = [x for x in zero.inputs if type(x) is not float and x.data == 0.0 and x._operation is not None]
            if not older:
                return f", made by {self._op_of(zero)}"
            zero = min(older, key=lambda x: x._seq)

    def _forward_cause(self, node: Any, way: tuple[Any, ...]) -> Cause:
        """The first value in forward order that is not finite, among those that led to this one."""
        from_: dict[Any, Any] = {node: None}
        stack = [node]
        origins = []
        while stack:
            at = stack.pop()
            made_it = True
            for x in at.inputs:
                data = x if type(x) is float else x.data
                if data - data != 0.0 and (
                    type(x) is float or x._operation is not None or x._seq < at._seq
                ):  # not since
                    if type(x) is float:
                        made_it = True
                        break
                    made_it = False
                    if x not in from_:
                        from_[x] = at
                        stack.append(x)
            if made_it:
                origins.append(at)
        first = min(origins, key=lambda v: (v._operation is not None, v._seq))
        place = next((i for i, v in enumerate(way) if v is first), None)
        whole = (*way[:-1], *_path(from_, first)) if place is None else way[: place + 1]
        return Cause(first, self._forward_text(first), whole)

    def _forward_text(self, node: Any) -> str:
        if node._operation is None:
            return f"{self.names[node]}{_place(node)}: its data is {node.data!r}"
        constants = [x for x in node.inputs if type(x) is float and not math.isfinite(x)]
        if constants:
            return f"{self._op_of(node)}: one of its inputs is the constant {constants[0]!r}"
        return f"{self._op_of(node)}: {_made_it(node._operation, node.inputs, node.data)}"

    # ── Huge, tiny, ordinary: by which factors? ─────────────────────────────────────────────────────────────

    def _along_the_way(self, kind: str, largest: Any) -> tuple[list[Cause], list[str]]:
        """The factors on the way that most of the gradient comes by; `largest` is the user that sends most."""
        user, more, value, of = self.user, self.more, self.value, self.of
        way: list[Any] = [value]
        factors: list[float] = []  # of each node on the way to the next
        groups: dict[Any, list[int]] = {}  # which of them one op on one line made
        kinks: list[str] = []
        hooked, known, kinked = len(chain.hooked) > 0, self.known, False
        last: Any = None
        group: list[int] = []
        far = _FAR if kind == "ordinary" else math.inf
        x, g = value, self.gradient(value)
        while x is not of and len(factors) < far:
            alone = x not in more and x is not value
            if alone:
                node = user[x]
            else:
                node, _ = self._largest(self.sent(x)) if x is not value else (largest, 0.0)
            up = getattr(node, "_grad", None) if known is None else known.get(node)
            if hooked and x._hooks():
                alone = False
                kinks.append(f"{self._op_of(x)} has a hook ({', '.join(map(_called_hook, x._hooks()))})")
            factor = g / up if alone and g and up else math.fsum(c or 0.0 for *_, c in self._from(node, x, 1.0))
            operation, block = node._operation, getattr(node, "_extra", None)
            key = operation if block is None else (operation, block.source or block.module)
            if key is not last:  # long ways are of few kinds
                last = key
                group = groups.setdefault(key, [])
                kinked = operation.name in _KINKED
            group.append(len(factors))
            if kinked and len(kinks) < 8:
                kinks += self._kink(node)
            factors.append(abs(factor))
            way.append(node)
            x, g = node, up
        merged: dict[Any, list[int]] = {}
        for key, group in groups.items():  # one line may have made them at several of its instructions
            if isinstance(key, tuple) and isinstance(key[1], tuple):
                key = key[0], placed(*key[1]).where
            merged.setdefault(key, []).extend(group)
        sizes = {key: _size([factors[k] for k in group]) for key, group in merged.items()}
        sign = {"huge": 1.0, "vanishing": -1.0}.get(kind, 0.0)
        ranked = sorted(merged, key=lambda key: -(sign * sizes[key] or abs(sizes[key])))
        wanted = [key for key in ranked[:3] if (sign * sizes[key] > 0.5 if sign else abs(sizes[key]) > 1.0)]
        chosen = wanted if sign else wanted[:1]
        causes = [self._factors(way, [factors[k] for k in merged[key]], merged[key], sizes[key]) for key in chosen]
        if not causes:
            causes = [Cause(largest, f"most of it comes by {self._op_of(largest)}", (value, largest))]
        return causes, kinks

    def _factors(self, way: list[Any], factors: list[float], places: list[int], size: float) -> Cause:
        """The factors that one op on one line has on the way, and the place of each one's input there."""
        least, most = min(factors), max(factors)
        k = places[factors.index(least if size < 0 else most)]
        x, node = way[k], way[k + 1]
        local = math.fsum(c or 0.0 for *_, c in self._from(node, x, 1.0))
        text = f"{self._op_of(node)}: its slope at {self.names[x]} = {x.data:.6g} is {local:.6g}"
        if node.op in _SATURATING and least < 0.01:
            text += " (saturated)"
        if len(factors) > 1:
            text += f"; {len(factors)} such lie on the way, with slopes from {least:.3g} to {most:.3g}: "
            text += f"10^{size:.1f} together"
        return Cause(node, text, tuple(way[: k + 2]))

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
        value, of, name = self.value, self.of, self.names[self.value]
        if of._operation is None:
            how = _how_cut(of) if of._known().detached else "computed from no Value"
            return [Cause(of, f"{self.names.output} is a leaf, {how}{_place(of)}: it has no graph", (of,))]
        order = chain.topological_order(of)
        facts = self._rebound() + self._reads()
        suspects = self._constants(order) + self._cut_leaves(order)
        if not facts and not suspects:
            suspects = self._lines_that_take_numbers(order)
        if facts or suspects:
            return [*facts, *suspects]
        made = f"a {'leaf' if value._operation is None else 'node'}{_place(value, ' made at ')}"
        unused = f"{name}, {made}, is used by nothing that {self.names.output} was computed from"
        return [Cause(value, unused, (value,))]

    def _reads(self) -> list[Cause]:
        """Where the program took the value's number, while it was traced."""
        found = []
        for made in self.value._known().reads:
            source = placed(*made)
            text = f"the number of {self.names[self.value]} was taken at {source}: .data and .item() carry no gradient"
            found.append(Cause(self.value, text + (f"\n    {source.text}" if source.text else ""), (self.value,)))
        return found

    def _lines_that_take_numbers(self, order: Sequence[Any]) -> list[Cause]:
        """Lines of the functions that made the graph which take the number of a Value."""
        nodes: dict[Any, Any] = {}
        for node in (*order, self.value):
            made = node._known().source
            if made is not None:
                nodes.setdefault(made[0], node)
        found: list[Cause] = []
        for code, node in nodes.items():
            for number in sorted({line for *_, line in code.co_lines() if line is not None}):
                text = linecache.getline(code.co_filename, number).strip()
                if _TAKES_DATA.search(text) and len(found) < 4:
                    place = f"{os.path.basename(code.co_filename)}:{number}"
                    text = f"a line that takes the number of a Value, which carries no gradient: {place}\n    {text}"
                    found.append(Cause(node, text, (node,)))
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
            takes = _takes_data(node)
            if same in constants and (same not in _TRIVIAL or takes):
                is_it = "is" if takes else "equals"
                text = (
                    f"{self._op_of(node)}: the constant {same!r} {is_it} the data of {name}, not {name} itself: {lost}"
                )
                equal.append(Cause(node, text, (node,)))
            elif takes:
                text = f"{self._op_of(node)} takes a number, of a Value perhaps: {lost}"
                taken.append(Cause(node, text, (node,)))
        return [cause for cause in equal if _takes_data(cause.node)] or taken or equal

    def _cut_leaves(self, order: Sequence[Any]) -> list[Cause]:
        """Leaves that nothing leads back from though they were computed, and others with the value's number."""
        value, name = self.value, self.names[self.value]
        leaves = {x: node for node in order for x in node.inputs if type(x) is not float and x._operation is None}
        cut, equal = [], []
        for x in sorted(leaves, key=lambda x: (x.data != value.data, x._seq)):
            also = f", and it has the data of {name}" if x.data == value.data and x.data not in _TRIVIAL else ""
            if x._known().detached:
                text = f"{self.names[x]} = {x.data!r} is {_how_cut(x)}{_place(x)}: nothing leads back from it{also}"
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
            hooks = ", ".join(map(_called_hook, value._hooks()))
            return [f"it has a hook ({hooks}), which may replace that: its grad is {value.grad!r}"]
        now = value.grad
        notes = []
        if self.stale:
            notes.append("data was assigned since the pass, by an optimizer's step perhaps: some slopes are unknown")
        if value._operation is not None or now == sent or (now != now and sent != sent):
            return notes
        if not value.has_grad:
            notes.append("its grad was cleared after the pass")
        elif now == 0.0:
            notes.append("its grad is 0.0 now: it was set since the pass, or cancels what was there before")
        else:
            notes.append(
                f"its grad is {now!r}: this pass sent {sent!r}. Leaves add up from one backward() to the next: was "
                f"zero_grad() forgotten, with {now - sent!r} there before? Or was the grad set since, as clipping does?"
            )
        return notes

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
    "elu",
    "gelu",
    "silu",
}


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


def _size(factors: list[float]) -> float:
    """The logarithm of their product, to base 10; a factor 0 counts as the smallest float, inf as the largest."""
    try:
        size = math.fsum(map(math.log10, factors))
        if math.isfinite(size):
            return size
    except ValueError:  # the logarithm of 0
        pass
    usual = [factor for factor in factors if 0.0 < factor < math.inf]
    zeros = factors.count(0.0)
    return math.fsum(map(math.log10, usual)) - 324.0 * zeros + 308.0 * (len(factors) - len(usual) - zeros)


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
        yield f"    {source.text[:_WIDE]}"
        if source.marks:
            yield f"    {source.marks[:_WIDE]}"


_TAKES_DATA: Final = re.compile(r"\.data\b|\.item\(\)")


def _takes_data(node: Any) -> bool:
    """Whether the expression that made a node takes the number of something."""
    made = node._known().source
    return made is not None and _expression_takes_data(*made)


@lru_cache(maxsize=4096)
def _expression_takes_data(*made: Any) -> bool:
    return _TAKES_DATA.search(placed(*made).segment) is not None


def _how_cut(leaf: Any) -> str:
    """How a leaf was cut off: the two ways there are, told apart by the expression that made it."""
    source = leaf.source
    return "detached" if source is None or "detach" in source.segment else "computed inside no_grad()"


def _called_hook(hook: Any) -> str:
    name, code = getattr(hook, "__name__", repr(hook)), getattr(hook, "__code__", None)
    return name if code is None else f"{name}, {os.path.basename(code.co_filename)}:{code.co_firstlineno}"


def _made_it(op: Any, inputs: Sequence[Any], data: float) -> str:
    """How finite inputs made a number that is not."""
    try:
        op.function(*map(_number, inputs))
    except OverflowError:
        return f"{told(op, inputs)} is {data!r}. It is too large for a float."
    except ARITHMETIC:
        return f"{told(op, inputs)} is {data!r}. {op.needs or 'It divides by zero.'}"
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
                search = _Search(x, root, 8, names=steps.names)
                kind = _kind_of(step.contribution if not bad(step.contribution) else x.grad)
                causes = [search._cause_of(step, (x, step.node))]
                sent = [(step.node, step.position, step.upstream, step.contribution)]
                explanation = Explanation(x, root, kind, x.grad, causes, sent=sent, names=steps.names)
                raise AnomalyError(f"{causes[0].text}\n  {step}", explanation)
