"""`check_gradients`: derivatives against the differences of the function itself, and against each other.

What is held against what, for every input and up to the order asked for:

- the gradient against extrapolated central differences, whose error bar is their own (numeric.py);
- at a kink, where the slope from the left is not that from the right, it must lie between the two;
- reverse mode against forward mode;
- the compiled engine's gradients against those of the readable one, on the same graph, bit for bit;
- the Hessian against its transpose.

Where values alone can't tell (a point on a kink inside a larger graph, an infinite slope, a wave finer than floats),
nothing is asserted and the report says so. A wrong gradient is traced to an op: of every node of the graph, the rule
is held against that op's own differences.
"""

from __future__ import annotations

import math
import reprlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from .. import chain, ops
from ..calculus import gradients
from ..engine import Value
from ..errors import GradientError, IndependenceWarning, InputError, InputTypeError
from ..value import Value as Readable
from . import trees
from .numeric import DEEP, EPS, Estimate, central, complex_step, one_sided


def _public(name: str) -> Any:
    """Something of the package's public names, which may be one that this version does not have; then None."""
    return getattr(import_module("..", __package__), name, None)


SUMS = ("lgamma", "digamma", "polygamma")  # ops of a fixed number of inputs that add up inside, and have roots


@dataclass(frozen=True)
class Suspect:
    """An op whose rule disagrees with the op's own differences.

    Attributes:
        node: where in the graph.
        place: which of its inputs, from 0.
        got: what the rule sends that input when its own gradient is 1.
        expected: what the differences say.
    """

    node: Any
    place: int
    got: float
    expected: str

    def __str__(self) -> str:
        at = ", ".join(repr(x.data if type(x) is not float else x) for x in self.node.inputs)
        which = f" to inputs[{self.place}]" if len(self.node.inputs) > 1 else ""
        return f"{self.node.op} at ({at}): its rule sends {self.got!r}{which}, its differences say {self.expected}"


@dataclass
class Report:
    """What a check saw.

    Attributes:
        call: the check as a line of Python.
        compared: how many derivatives were held against something.
        undecided: the places where values alone can't tell, each with the reason.
        failure: what is wrong, "" if nothing is.
        suspects: the ops whose rules are wrong, at the point that failed.
        root: the end of the graph that failed.

    >>> print(check_gradients(lambda x: x * x, [3.0]))
    check_gradients(<lambda>, [3.0]): 4 comparisons, right
    """

    call: str
    compared: int = 0
    undecided: list[str] = field(default_factory=list)
    failure: str = ""
    suspects: list[Suspect] = field(default_factory=list)
    root: Any = None

    def __str__(self) -> str:
        verdict = self.failure or "right"
        if self.undecided:
            verdict += f"; undecided: {'; '.join(self.undecided)}"
        return f"{self.call}: {self.compared} comparison{'s' * (self.compared != 1)}, {verdict}"

    def picture(self) -> Any:
        """The graph that failed, drawn by `autograd.draw` with the suspects highlighted.

        Raises:
            InputError: where nothing failed, or what failed has no graph.
        """
        if self.root is None:
            raise InputError("there is no picture: no graph of Values failed this check")
        return _public("draw")(self.root, highlight=[s.node for s in self.suspects])


class Bridge:
    """A function that computes with other numbers than Values, as check_gradients asks it; see `bridges`.

    Subclasses say how to compute; a point is a row of floats and the tree that they fill, leaf by leaf.
    """

    name = ""

    def value(self, tree: Any, xs: Sequence[float]) -> float:
        """f at xs."""
        raise NotImplementedError

    def derivative(self, tree: Any, by: tuple[int, ...], xs: Sequence[float]) -> float:
        """The derivative of f by the inputs numbered in `by`, as the framework or the author computes it."""
        raise NotImplementedError

    def complex_value(self, tree: Any, *xs: complex) -> complex:
        """f at complex numbers; TypeError where it isn't made for them."""
        raise TypeError("not a function of complex numbers")


def check_gradients(f: Callable[..., Any] | Bridge, inputs: Sequence[Any], order: int = 1) -> Report:
    """Hold the derivatives of f at a point against f's own differences, and against each other.

    Args:
        f: called as ``f(*inputs)`` with a Value for each number; returns a Value, or lists of them. Or a function
            of another framework's numbers, wrapped by `autograd.testing.bridges`.
        inputs: the point: a sequence of numbers, or of lists, dicts and arrays of numbers.
        order: 1, 2 or 3: up to which derivative.

    Returns:
        A `Report`: how much was compared, and what could not be decided.

    Raises:
        GradientError: (an AssertionError) where a derivative is wrong; its `report` holds the graph and the suspects.
        InputError: where order is no such number.
        InputTypeError: where f is not callable, or inputs or results are no numbers.

    >>> import autograd
    >>> check_gradients(lambda x, y: autograd.sin(x) * y, [0.5, 2.0], order=2).undecided
    []
    >>> square = autograd.Op("square", 1, lambda a: a * a)
    >>> @autograd.rule(square)
    ... def square_rule(g, y, a):
    ...     return (g * a,)
    >>> check_gradients(square, [3.0])
    Traceback (most recent call last):
    autograd.errors.GradientError: check_gradients(square, [3.0]): the derivative by inputs[0] is wrong
      got       3.0
      expected  6.0 ± ...
      suspect   square at (3.0): its rule sends 3.0, its differences say 6.0 ± ...
    """
    if not isinstance(f, Bridge) and not callable(f):
        raise InputTypeError(f"check_gradients takes a function, not {f!r}")
    if type(order) is not int or not 1 <= order <= 3:
        raise InputError(f"check_gradients: order must be 1, 2 or 3, not {order!r}")
    if isinstance(inputs, (str, bytes)) or not (isinstance(inputs, (Sequence)) or trees.is_array(inputs)):
        raise InputTypeError(f"check_gradients: inputs is a sequence, one item an argument of f, not {inputs!r}")
    called: Any = f
    name = (
        called.python() if hasattr(type(f), "python") else getattr(f, "__name__", None) or getattr(f, "name", repr(f))
    )
    more = f", order={order}" if order > 1 else ""
    report = Report(f"check_gradients({name}, {_shown(inputs)}{more})")
    check = _BridgeCheck(f, inputs, report) if isinstance(f, Bridge) else _ValueCheck(f, inputs, report)
    for n in range(1, order + 1):
        check.order(n)
    return report


def _shown(inputs: Any) -> str:
    text = repr(list(inputs) if not isinstance(inputs, list) else inputs)
    return text if len(text) < 400 else reprlib.repr(list(inputs))


# ── Judging one derivative ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Verdict:
    """How a derivative fares: "right", "wrong" or "undecided", and what was expected."""

    word: str
    expected: str = ""


def judge(f: Callable[[float], float], x: float, got: float, noise: float, slack: float = 0.0) -> Verdict:
    """Hold the slope `got` against the differences of f at x.

    Args:
        f: from a float to a float.
        x: the point.
        got: the slope to judge.
        noise: how far rounding may take f(x) from its true value.
        slack: how far rounding may have taken `got` from its own.

    >>> judge(abs, 0.0, 0.5, 0.0).word, judge(abs, 0.0, 1.5, 0.0).word, judge(abs, 1.0, 1.5, 0.0).word
    ('right', 'wrong', 'wrong')
    """
    around = central(f, x, noise)
    if around.agrees(got, slack):
        return Verdict("right")
    if _too_coarse(f, x, got):
        return Verdict("undecided", "neighbouring floats are too far apart to tell")
    around = central(f, x, noise, levels=DEEP)
    if around.agrees(got, slack):
        return Verdict("right")
    left, right = (one_sided(f, x, side, noise, levels=DEEP) for side in (-1.0, 1.0))
    sides = [side for side in (left, right) if side.error < math.inf or side.diverges]
    if not sides:
        return Verdict("undecided", "no differences: the function is defined at this point alone")
    if any(side.agrees(got, slack) and (side.is_sharp(got) or math.isinf(got)) for side in sides):
        return Verdict("right")
    if any(side.diverges for side in sides):
        return Verdict("undecided", "an infinite slope, or a jump")
    if len(sides) == 1:  # a power of x near 1 diverges there, or comes to 0, too slowly for any difference to see
        sharp = sides[0].is_sharp(got, 1e-5)
        word = "wrong" if sharp and _second(f, x, noise, sides[0], right is sides[0]) else "undecided"
        return Verdict(word, f"{_told(sides[0])} (the edge of its domain)")
    if not _meet(left, right):
        low, high = sorted([left, right])
        if low.value - 5.0 * low.error - slack <= got <= high.value + 5.0 * high.error + slack:
            return Verdict("right")
        word = "wrong" if left.is_sharp(got) and right.is_sharp(got) else "undecided"
        return Verdict(word, f"between {_told(left)} from the left and {_told(right)} from the right")
    if not around.is_sharp(got):
        return Verdict("undecided", f"{_told(around)}, too coarse to tell")
    again = central(f, x, noise, first=0.04, levels=DEEP)
    if (
        again.agrees(got, slack)
        or not again.is_sharp(got)
        or abs(again.value - around.value) > 0.2 * abs(got - around.value)
    ):
        return Verdict("undecided", "differences of different steps disagree")
    return Verdict("wrong", _told(around))


def _second(f: Callable[[float], float], x: float, noise: float, first: Estimate, from_right: bool) -> bool:
    """Whether other steps see the same."""
    again = one_sided(f, x, 1.0 if from_right else -1.0, noise, first=0.04, levels=DEEP)
    return abs(again.value - first.value) <= 5.0 * (again.error + first.error)


def _too_coarse(f: Callable[[float], float], x: float, got: float) -> bool:
    """Whether neighbouring floats are so far apart at x that such a slope would not show in differences."""
    return math.isfinite(got) and abs(got) * math.ulp(x) > 1e-3 * abs(f(x)) and abs(x) > 1e8


def _told(e: Estimate) -> str:
    return f"{float(f'{e.value:.12g}')!r} ± {e.error:.2g}"


def local_verdicts(root: Any) -> list[tuple[Any, int, float, Verdict]]:
    """Each rule of a graph against its op's differences: (node, place of the input, what is sent, verdict)."""
    found = []
    for node in chain.topological_order(root):
        op, xs = node._operation, [x.data if type(x) is not float else x for x in node.inputs]
        if not all(map(math.isfinite, [*xs, node.data])):
            continue
        noise = 4.0 * _rounding(node)
        for i, (x, sent) in enumerate(zip(node.inputs, chain.contributions(node, 1.0), strict=True)):
            if type(x) is not float:
                verdict = judge(partial(_alone, op, xs, i), xs[i], sent or 0.0, noise)
                if verdict.word == "wrong" and len(xs) > 1 and _on_hidden_kink(op, xs):
                    verdict = Verdict("undecided", "a kink of several inputs together")
                found.append((node, i, sent or 0.0, verdict))
    return found


def kink(root: Any) -> Any:
    """A node of a graph that lies exactly on a kink, a jump or an edge of its op; None where every one is smooth."""
    for node in chain.topological_order(root):
        op, xs = node._operation, [x.data if type(x) is not float else x for x in node.inputs]
        noise = 4.0 * _rounding(node)
        for i, x in enumerate(node.inputs):
            if type(x) is not float:
                left, right = (
                    one_sided(partial(_alone, op, xs, i), xs[i], side, noise, levels=DEEP) for side in (-1.0, 1.0)
                )
                if left.diverges or right.diverges or not _meet(left, right):
                    return node
        if len(xs) > 1 and _on_hidden_kink(op, xs):
            return node
    return None


def _meet(left: Estimate, right: Estimate) -> bool:
    """Whether the slopes from both sides are one."""
    return abs(left.value - right.value) <= 5.0 * (left.error + right.error) + 1e-9 * abs(left.value)


def _alone(op: ops.Op, xs: list[float], i: int, x: float) -> float:
    """The op as a function of its i-th input."""
    return float(op.function(*xs[:i], x, *xs[i + 1 :]))


def _on_hidden_kink(op: ops.Op, xs: list[float]) -> bool:
    """Whether a kink shows along a direction that is no axis, as clamp(x, 0, 0) has one at x = 0."""
    scale = 0.5 * min([1.0, *[abs(x) for x in xs if x]])
    for turn in (0.3, 2.2):

        def along(t: float, turn: float = turn) -> float:
            return float(op.function(*[x + t * scale * math.cos(turn + k) for k, x in enumerate(xs)]))

        left, right = (one_sided(along, 0.0, side, 4.0 * EPS * abs(along(0.0))) for side in (-1.0, 1.0))
        if not _meet(left, right) and left.error + right.error < math.inf:
            return True
    return False


def _agrees_on_finer_scale(
    f: Callable[[float], float], x: float, got: float, noise: float, slack: float, root: Any
) -> bool:
    """Whether steps as small as one of the graph's own numbers could see `got`: hypot(1e-6, x) bends within 1e-6."""
    nodes = chain.topological_order(root)
    sizes = {abs(v if type(v) is float else v.data) for node in nodes for v in (node, *node.inputs)}
    decades = {math.floor(math.log10(size)) for size in sizes if 0.0 < size < 0.1}
    steps = [10.0**n / max(abs(x), 1.0) / 8.0 for n in decades if 10.0**n > 1e3 * math.ulp(x)]
    return any(central(f, x, noise, first=step).agrees(got, slack) for step in steps)


# ── The checks of one point ─────────────────────────────────────────────────────────────────────────────────


class _Check:
    """One function at one point; subclasses say how to differentiate it."""

    def __init__(self, inputs: Any, report: Report) -> None:
        self.tree, self.report = inputs, report
        places = trees.flatten(inputs)
        self.names = [f"inputs{path}" for path, _ in places]
        self.xs = [x for _, x in places]

    def fail(self, what: str, got: Any, expected: str, more: str = "") -> None:
        text = f"{what}\n  got       {got!r}\n  expected  {expected}{more}"
        self.report.failure = text
        error = GradientError(f"{self.report.call}: {text}")
        error.report = self.report
        raise error

    def by(self, places: tuple[int, ...]) -> str:
        return " and ".join(self.names[i] for i in places)

    def compare(self, what: str, got: float, verdict: Verdict) -> None:
        self.report.compared += 1
        if verdict.word == "undecided":
            self.report.undecided.append(f"{what}: {verdict.expected}")

    def excused(self, what: str, n: int) -> bool:
        """Whether the point lies on a kink of a derivative before the n-th, which is then a matter of convention."""
        return False

    def symmetric(self, what: str, got: dict[tuple[int, ...], float], noise: dict[tuple[int, ...], float]) -> None:
        for by, d in got.items():
            ordered = tuple(sorted(by))
            twin = got[ordered]
            if math.isfinite(d) and math.isfinite(twin) and by != ordered:
                self.report.compared += 1
                allowed = 100.0 * (noise.get(by, 0.0) + noise.get(ordered, 0.0)) + 1e-8 * max(abs(d), abs(twin))
                if abs(d - twin) > allowed and not self.excused(f"{what}, its order", len(by)):
                    self.fail(f"{what} depends on the order: by {self.by(by)}", d, f"{twin!r}, its transpose")


class _ValueCheck(_Check):
    """A function of Values. Its n-th derivatives are graphs; those of order n are checked as slopes of order n - 1."""

    def __init__(self, f: Callable[..., Any], inputs: Any, report: Report) -> None:
        super().__init__(inputs, report)
        self.f = f
        self.outputs = [where for where, _ in self.results(self.leaves(self.xs))]

    def leaves(self, xs: Sequence[float]) -> list[Value]:
        return [Value(x) for x in xs]

    def results(self, leaves: Sequence[Value]) -> list[tuple[str, Value]]:
        y = self.f(*trees.rebuild(self.tree, iter(leaves)))
        places = [(path, v if type(v) is Value else Value(v)) for path, v in trees.items(y)]
        if not places:
            raise InputTypeError(f"check_gradients: f returned no number but {y!r}")
        return places

    def derivative(
        self, xs: Sequence[float], output: int, by: tuple[int, ...], graph: bool
    ) -> tuple[Value, list[Value]]:
        """d f/d by, as a graph where it is to be differentiated again, and the leaves it is made of."""
        leaves = self.leaves(xs)
        y = self.results(leaves)[output][1]
        for n, i in enumerate(by):
            (y,) = gradients(y, leaves[i], create_graph=graph or n + 1 < len(by))
        return y, leaves

    def order(self, n: int) -> None:
        for output, place in enumerate(self.outputs):
            whole: dict[tuple[int, ...], float] = {}
            bars: dict[tuple[int, ...], float] = {}
            for before in _choices(len(self.xs), n - 1):
                y, leaves = self.derivative(self.xs, output, before, graph=True)
                if not math.isfinite(y.data):
                    self.report.undecided.append(
                        f"f{place} by {self.by(before)} is {y.data!r}" if before else f"f{place} is {y.data!r}"
                    )
                    continue
                found = [g.data for g in gradients(y, leaves)]
                whole.update({(*before, i): g for i, g in enumerate(found)})
                graphs = gradients(y, leaves, create_graph=True)
                bars.update({(*before, i): _noise(g) for i, g in enumerate(graphs)})
                noise = _noise(y)
                for i, g in enumerate(found):
                    if n == 1 or i >= before[-1]:
                        self.one(output, before, i, g, noise, 64.0 * bars[(*before, i)], y)
                self.equal("rules on Values against rules on floats", found, [g.data for g in graphs], n)
                self.equal("the compiled engine against the readable one", found, _on_readable(y, leaves), n)
                self.forward(output, before, found, [100.0 * bars[(*before, i)] for i in range(len(found))])
            if n > 1 and len(whole) == len(self.xs) ** n:
                self.symmetric(f"f{place} differentiated {n} times", whole, bars)

    def one(
        self, output: int, before: tuple[int, ...], i: int, got: float, noise: float, slack: float, root: Value
    ) -> None:
        """One derivative against differences of the one before."""

        def along(t: float) -> float:
            xs = [*self.xs[:i], t, *self.xs[i + 1 :]]
            return self.derivative(xs, output, before, graph=False)[0].data

        verdict = judge(along, self.xs[i], got, noise, slack)
        what = f"the derivative{self.outputs[output] and ' of f' + self.outputs[output]} by {self.by((*before, i))}"
        more = ""
        if verdict.word == "wrong":
            local = local_verdicts(root)
            self.report.suspects = [
                Suspect(node, k, sent, v.expected) for node, k, sent, v in local if v.word == "wrong"
            ]
            if not self.report.suspects:
                rough = kink(root)
                if rough is not None:
                    verdict = Verdict("undecided", f"the point lies on a kink or an edge of {rough.op}")
                elif _agrees_on_finer_scale(along, self.xs[i], got, noise, slack, root):
                    verdict = Verdict("undecided", "the function varies on a scale too fine for differences")
                more = "\n  suspect   none: every op's rule agrees with its own differences here"
            more = "".join(f"\n  suspect   {s}" for s in self.report.suspects[:3]) or more
        self.compare(what, got, verdict)
        if verdict.word == "wrong":
            self.report.root = root
            self.fail(f"{what} is wrong", got, verdict.expected, more)

    def excused(self, what: str, n: int) -> bool:
        leaves = self.leaves(self.xs)
        latest = [y for _, y in self.results(leaves)]
        roots = list(latest)
        for _ in range(n - 1):
            latest = [slope for y in latest for slope in gradients(y, leaves, create_graph=True)]
            roots += latest
        rough = next((node for y in roots if (node := kink(y)) is not None), None)
        if rough is not None:
            self.report.undecided.append(f"{what}: the point lies on a kink or an edge of {rough.op}")
        return rough is not None

    def equal(self, what: str, found: list[float], others: list[float], n: int) -> None:
        """Two ways to one derivative must give the same bits."""
        for name, a, b in zip(self.names, found, others, strict=True):
            self.report.compared += 1
            if repr(a + 0.0) != repr(b + 0.0):
                self.fail(f"{what}: derivative {n} by {name}", a, repr(b))

    def forward(self, output: int, before: tuple[int, ...], found: list[float], bars: list[float]) -> None:
        """Forward mode multiplies the same slopes in another order: it may round otherwise."""
        jvp = _public("jvp")
        if before or jvp is None:
            return
        f = lambda *xs: self.results(xs)[output][1]  # noqa: E731 - of numbers in a row
        for i, (got, bar) in enumerate(zip(found, bars, strict=True)):
            with warnings.catch_warnings():  # a derivative may be 0
                warnings.simplefilter("ignore", IndependenceWarning)
                tangent = jvp(f, self.xs, [float(i == k) for k in range(len(self.xs))])[1]
            change = tangent.data if type(tangent) is Value else tangent  # a Value where f uses one from outside
            if math.isfinite(got) and math.isfinite(change):
                self.report.compared += 1
                if abs(change - got) > bar + 1e-12 * abs(got):
                    self.fail(
                        f"forward mode against reverse mode: the derivative by {self.names[i]}", got, repr(change)
                    )


def _on_readable(y: Value, leaves: list[Value]) -> list[float]:
    """The derivatives of the same graph, made once more of the readable engine's nodes."""
    twins: dict[Any, Any] = {leaf: Readable(leaf.data) for leaf in leaves}
    for node in reversed(chain.topological_order(y)):
        inputs = []
        for x in node.inputs:
            if type(x) is not float and x not in twins:
                twins[x] = Readable(x.data)
            inputs.append(x if type(x) is float else twins[x])
        twins[node] = Readable._made(node._operation, tuple(inputs), node.data)
    root = twins[y] if y in twins else Readable(y.data)
    return [g or 0.0 for g in chain.gradients([(root, 1.0)], [twins[leaf] for leaf in leaves], False)]


def _choices(n: int, length: int) -> list[tuple[int, ...]]:
    """Which inputs to differentiate by, each order once for the checks and every one for the symmetry."""
    found: list[tuple[int, ...]] = [()]
    for _ in range(length):
        found = [(*by, i) for by in found for i in range(n)]
    return found


def _noise(y: Value) -> float:
    """How far rounding may take y from its true value: each node's rounding, as it reaches y."""
    nodes = chain.topological_order(y)
    reach = [g.data for g in gradients(y, nodes)] if nodes else []
    parts = [abs(g) * _rounding(node) for g, node in zip(reach, nodes, strict=True)]
    return max(math.fsum(filter(math.isfinite, parts)), EPS * abs(y.data))


def _rounding(node: Any) -> float:
    """How far one node may be from the true result of its op. What sums inside may cancel: its terms count too."""
    size = max(abs(node.data), 2.0**-1000)
    if node._operation.arity is None or node.op in SUMS:
        data = [x if type(x) is float else x.data for x in node.inputs]
        terms = [abs(x * c) for x, c in zip(data, chain.contributions(node, 1.0), strict=True) if c is not None]
        size = max(size, math.fsum(filter(math.isfinite, terms)))
    return float(EPS * size)


class _BridgeCheck(_Check):
    """A function of another framework's numbers."""

    def __init__(self, f: Bridge, inputs: Any, report: Report) -> None:
        super().__init__(inputs, report)
        self.f = f

    def order(self, n: int) -> None:
        whole: dict[tuple[int, ...], float] = {}
        size = EPS * abs(self.f.value(self.tree, self.xs))
        for before in _choices(len(self.xs), n - 1):
            for i in range(len(self.xs)):
                whole[(*before, i)] = got = self.f.derivative(self.tree, (*before, i), self.xs)
                if n > 1 and i < before[-1]:
                    continue

                def along(t: float, before: tuple[int, ...] = before, i: int = i) -> float:
                    xs = [*self.xs[:i], t, *self.xs[i + 1 :]]
                    return self.f.derivative(self.tree, before, xs) if before else self.f.value(self.tree, xs)

                what = f"the derivative by {self.by((*before, i))}"
                verdict = judge(along, self.xs[i], got, 4.0 * size)
                self.compare(what, got, verdict)
                if verdict.word == "wrong":
                    self.fail(f"{what} is wrong", got, verdict.expected)
                if n == 1:
                    self.complex_step(i, got, what)
        if n > 1:
            size = max(map(abs, whole.values()))
            self.symmetric(f"f differentiated {n} times", whole, dict.fromkeys(whole, EPS * size))

    def complex_step(self, i: int, got: float, what: str) -> None:
        """The derivative from one complex evaluation, where f has one and it agrees with the differences."""
        try:
            exact = complex_step(partial(self.f.complex_value, self.tree), self.xs, i)
        except (TypeError, ValueError, ArithmeticError):
            return
        trusted = central(lambda t: self.f.value(self.tree, [*self.xs[:i], t, *self.xs[i + 1 :]]), self.xs[i])
        if trusted.agrees(exact, bars=50.0) and trusted.is_sharp(exact):
            self.report.compared += 1
            if abs(got - exact) > 1e-11 * abs(exact):
                self.fail(f"{what} is wrong", got, f"{exact!r} by a complex step")
