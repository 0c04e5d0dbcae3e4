"""Hypothesis strategies: points of ops, expressions, programs, small nets.

What is drawn prints as Python that can be pasted, and shrinks to the smallest graph: an expression is a list of
steps of which any may go, and a step that lost what it was made of takes a leaf of its own instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from .. import ops
from ..engine import Value
from ..errors import InputError, MissingLibraryError
from ..ops import ARITHMETIC, Op
from .domains import DOMAINS, NOT_A_FUNCTION_OF_ITS_INPUT, Axis, Domain, axes, named, spelled
from .numeric import central

try:
    from hypothesis import HealthCheck, assume, given, reject, settings
    from hypothesis import strategies as st
except ImportError:
    raise MissingLibraryError(
        "autograd.testing.strategies draws with hypothesis, which is not installed: pip install hypothesis"
    ) from None

Kinks: TypeAlias = Literal["away", "on", "any"]
MARGIN = 1e-3  # "away" from a kink is farther than this
LARGEST = 1e6  # of the numbers in an expression
ILL = 100.0  # a well conditioned step magnifies relative errors by less
TINY = [s * 10.0**-k for k in (6, 9, 12, 20) for s in (1.0, -1.0)]
OPS = tuple(name for name in DOMAINS if name not in NOT_A_FUNCTION_OF_ITS_INPUT)


def _one_of(kinks: str) -> None:
    if kinks not in ("away", "on", "any"):
        raise InputError(f'kinks must be "away", "on" or "any", not {kinks!r}')


def values(min_value: float = -10.0, max_value: float = 10.0) -> st.SearchStrategy[Value]:
    """Leaves, also what ``st.from_type(Value)`` draws.

    >>> from hypothesis import find
    >>> find(values(), lambda v: v.data > 1.5)
    Value(data=2.0)
    """
    return st.floats(min_value, max_value, allow_subnormal=False).map(lambda x: Value(x if abs(x) > 1e-30 else 0.0))


@cache
def numbers(axis: Axis) -> st.SearchStrategy[float]:
    """Floats of an op's axis: of every size down to 1e-20, and 0 where it holds that."""
    if axis.choices:
        return st.sampled_from(axis.choices)
    low, high = axis.low, axis.high
    plain = st.floats(low, high, allow_subnormal=False).map(lambda x: x if abs(x) > 1e-30 or low > 0.0 else 0.0)
    tiny = [x for x in TINY if axis.holds(x)] + [x for y in TINY[:4] for end in (low, high) if axis.holds(x := end + y)]
    return plain | st.sampled_from(tiny) if tiny else plain


def boxes(ranges: Sequence[tuple[float, float]]) -> st.SearchStrategy[tuple[float, ...]]:
    """Points with each number from its range.

    >>> from hypothesis import find
    >>> find(boxes([(0.0, 1.0), (2.0, 9.0)]), lambda xs: True)
    (0.0, 2.0)
    """
    return st.tuples(*[numbers(Axis(low, high)) for low, high in ranges])


def search(
    holds: Callable[[Any], Any],
    where: st.SearchStrategy[Any],
    examples: int | None = None,
    same_each_time: bool | None = None,
) -> None:
    """Run `holds` on what `where` draws, and raise its error at the simplest example that has one.

    Args:
        holds: raises where its argument is a counterexample.
        where: what to draw.
        examples: how many; hypothesis' profile says unless given.
        same_each_time: whether every run draws the same; the profile says unless given.
    """
    profile = settings.default
    assert profile is not None
    more: dict[str, Any] = {} if examples is None else {"max_examples": examples}
    if same_each_time is not None:
        more.update(derandomize=same_each_time, database=None)
    own = settings(profile, deadline=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False, **more)

    @own
    @given(where)
    def everywhere(drawn: Any) -> None:
        holds(drawn)

    everywhere()


@st.composite
def points(draw: Any, op: Op | str, kinks: Kinks = "away", max_arity: int = 4) -> tuple[float, ...]:
    """Inputs of an op, inside its domain.

    Args:
        draw: hypothesis passes it; leave it out.
        op: a built-in op, or its name.
        kinks: "away" from kinks, jumps, poles and edges; exactly "on" one (for ops that have any); or "any"where.
        max_arity: of ops that take any number of inputs.

    Raises:
        InputError: where there is no such op, or it has no kink to be on.

    >>> from hypothesis import find
    >>> find(points("log"), lambda xs: xs[0] > 2.5)
    (3.0,)
    >>> find(points("relu", kinks="on"), lambda xs: True)
    (0.0,)
    """
    _one_of(kinks)
    known, domain = named(op)
    if kinks == "on" and not domain.kinks:
        raise InputError(f"{known.name} has no kink to be on")
    if domain.kinks and (kinks == "on" or (kinks == "any" and draw(st.booleans()))):
        return draw(st.sampled_from([at for at, _ in domain.kinks]))  # type: ignore[no-any-return]
    xs = tuple(draw(numbers(axis)) for axis in axes(known, domain, draw(_arities(known, domain, max_arity))))
    assume(_fits(known, domain, xs, kinks))
    return xs


@cache
def _arities(op: Op, domain: Domain, most: int) -> st.SearchStrategy[int]:
    if op.arity is not None:
        return st.just(op.arity)
    if "{<}" in domain.python:
        return st.sampled_from(range(2, max(3, most + 1), 2))
    return st.integers(max(len(domain.axes) + 1, 2) if len(domain.axes) > 1 else 1, max(3, most))


def _fits(op: Op, domain: Domain, xs: Sequence[float], kinks: str) -> bool:
    """Whether the op has a value there, of reasonable size, and as far from kinks as asked."""
    try:
        y = op.function(*xs)
    except ARITHMETIC:
        return False
    away = kinks != "away" or domain.smooth(*xs) > MARGIN
    return math.isfinite(y) and abs(y) < LARGEST and away


def slopes_at_kink(op: Op | str, xs: Sequence[float]) -> tuple[float, ...]:
    """The documented derivatives at a point that ``points(op, kinks="on")`` drew.

    >>> slopes_at_kink("maximum", (2.0, 2.0))
    (0.5, 0.5)
    """
    known, domain = named(op)
    for at, slopes in domain.kinks:
        if at == tuple(xs):
            return slopes
    raise InputError(f"{tuple(xs)} is no kink of {known.name} that is listed: {[at for at, _ in domain.kinks]}")


# ── Expressions ─────────────────────────────────────────────────────────────────────────────────────────────

Place: TypeAlias = Any  # what a step is made of: an int is a leaf (from -1 down) or a step, a float a constant


class Expression:
    """A function of numbers as a list of steps, with the point it was drawn for.

    Attributes:
        steps: (op, what it is made of): an int from 0 is a step, one below 0 a leaf (-1 the first), a float a constant.
        point: a number for each leaf.

    Call it on floats or Values. Its repr is a lambda that does the same, given ``import autograd as ag``.
    """

    def __init__(self, steps: Sequence[tuple[Op, tuple[Place, ...]]], point: Sequence[float]) -> None:
        self.steps, self.point = tuple(steps), list(point)

    def __call__(self, *xs: Any) -> Any:
        """The value, in whatever numbers it is given."""
        made: list[Any] = []
        for op, places in self.steps:
            made.append(op(*[p if type(p) is float else made[p] if p >= 0 else xs[-1 - p] for p in places]))
        return made[-1]

    def __len__(self) -> int:
        return len(self.steps)

    def python(self) -> str:
        """The function as one line of Python; what is used twice gets a name where it is first used."""
        uses = [p for _, places in self.steps for p in places if type(p) is int and p >= 0]
        shared = {p: f"n{i}" for i, p in enumerate(sorted({p for p in uses if uses.count(p) > 1}))}
        named: set[int] = set()

        def text(place: Place) -> str:
            if type(place) is float:
                return repr(place) if place >= 0.0 and repr(place)[0] != "-" else f"({place!r})"
            assert type(place) is int
            if place < 0:
                return self._letter(-1 - place)
            if place in named:
                return shared[place]
            op, places = self.steps[place]
            domain = DOMAINS[op.name]
            if place in shared:
                named.add(place)
            line = spelled(domain, [text(p) for p in places])
            if place in shared:
                return f"({shared[place]} := {line})"
            return line if domain.python[-1] in ")]" or place == len(self.steps) - 1 else f"({line})"

        body = text(len(self.steps) - 1)
        return f"lambda {', '.join(map(self._letter, range(len(self.point))))}: {body}"

    def _letter(self, i: int) -> str:
        return "xyzuvw"[i] if len(self.point) <= 6 else f"x{i}"

    def __repr__(self) -> str:
        return self.python()


_Step: TypeAlias = tuple[str, list[tuple[int | None, float]]]


_reuse = st.none() | st.integers(0, 5)


@st.composite
def _steps(draw: Any, names: tuple[str, ...], kinks: str) -> _Step:
    """An op, and for each input which earlier number to use and the leaf to take where that does not fit."""
    name = draw(st.sampled_from(names))
    known, domain = named(name)
    if domain.kinks and (kinks == "on" or (kinks == "any" and draw(st.booleans()))):
        return name, [(None, x) for x in draw(st.sampled_from([at for at, _ in domain.kinks]))]
    ranges = axes(known, domain, draw(_arities(known, domain, 4)))
    return name, [(draw(_reuse), draw(numbers(axis))) for axis in ranges]


@st.composite
def expressions(
    draw: Any,
    ops: Sequence[Op | str] = OPS,
    max_size: int = 8,
    kinks: Kinks = "away",
    well_conditioned: bool = False,
) -> Expression:
    """Random graphs with sharing, as functions with a point to evaluate them at.

    Args:
        draw: hypothesis passes it; leave it out.
        ops: built-in ops or their names; the first is what examples shrink to.
        max_size: the largest number of nodes.
        kinks: how near to kinks, jumps, poles and edges its nodes come, as for `points`.
        well_conditioned: no node magnifies a relative error of its inputs more than 100 times.

    Returns:
        An `Expression`: callable, with its `point`, printing as a line of Python.

    Raises:
        InputError: where an op is none of the built-in ones.

    >>> from hypothesis import find
    >>> f = find(expressions(["add", "tanh"]), lambda f: len(f) > 1)
    >>> f, f.point
    (lambda x, y, z: z + (x + y), [0.0, 0.0, 0.0])
    """
    _one_of(kinks)
    names = tuple(named(op)[0].name for op in ops)
    planned = draw(st.lists(_steps(names, kinks), min_size=1, max_size=max_size))
    built = _built(planned, kinks, well_conditioned)
    return built if built is not None else reject()


def _built(planned: list[_Step], kinks: str, well_conditioned: bool) -> Expression | None:
    """The steps that have a value, with leaves in the place of what is missing; None where there is no step."""
    leaves: list[float] = []
    steps: list[tuple[Op, tuple[Place, ...]]] = []
    data: list[float] = []
    for name, inputs in planned:
        op, domain = named(name)
        places: list[Place] = []
        new: list[float] = []
        for axis, (back, x) in zip(axes(op, domain, len(inputs)), inputs, strict=True):
            last = _place(back, len(steps), len(leaves))
            if axis.choices:
                places.append(x)
            elif last is not None and axis.holds(data[last] if last >= 0 else leaves[-1 - last]):
                places.append(last)
            else:
                new.append(x)
                places.append(-len(leaves) - len(new))
        every = leaves + new
        xs = [p if type(p) is float else data[p] if p >= 0 else every[-1 - p] for p in places]
        if _fits(op, domain, xs, kinks) and not (well_conditioned and _condition(op, xs) > ILL):
            leaves = every
            steps.append((op, tuple(places)))
            data.append(op.function(*xs))
    return _pruned(steps, leaves) if steps else None


def _place(back: int | None, steps: int, leaves: int) -> int | None:
    """The number that lies so far back: the newest steps first, then leaves."""
    if back is None or steps + leaves == 0:
        return None
    back %= steps + leaves
    return steps - 1 - back if back < steps else -1 - (back - steps)


def _alone(op: Op, xs: Sequence[float], i: int, x: float) -> float:
    return op.function(*xs[:i], x, *xs[i + 1 :])


def _condition(op: Op, xs: Sequence[float]) -> float:
    """Σ |xᵢ ∂f/∂xᵢ / f|: how much larger a relative error of the result may be than that of the inputs."""
    y = op.function(*xs)
    slopes = [central(partial(_alone, op, xs, i), x).value for i, x in enumerate(xs)]
    return sum(abs(x * s) for x, s in zip(xs, slopes, strict=True)) / abs(y) if y else math.inf


def _pruned(steps: list[tuple[Op, tuple[Place, ...]]], leaves: list[float]) -> Expression:
    """Only what the last step needs."""
    needed = {len(steps) - 1}
    for i in range(len(steps) - 1, -1, -1):
        if i in needed:
            needed.update(p for p in steps[i][1] if type(p) is int)
    kept = {old: new for new, old in enumerate(sorted(i for i in needed if i >= 0))}
    kept.update({old: -1 - new for new, old in enumerate(sorted((i for i in needed if i < 0), reverse=True))})
    moved = [
        (op, tuple(p if type(p) is float else kept[p] for p in places))
        for i, (op, places) in enumerate(steps)
        if i in needed
    ]
    return Expression(moved, [x for i, x in enumerate(leaves) if -1 - i in needed])


# ── Programs: loops and branches ────────────────────────────────────────────────────────────────────────────


class Program:
    """A function of two numbers with loops and branches, as Python text, and the point it was drawn for.

    Attributes:
        text: the definition of ``program(a, b)``.
        point: two numbers.
    """

    def __init__(self, text: str, point: Sequence[float]) -> None:
        self.text, self.point = text, list(point)
        space: dict[str, Any] = {}
        exec(compile(text, "<program>", "exec"), {"ag": import_module("..", __package__)}, space)
        self._function: Callable[..., Any] = space["program"]

    def __call__(self, a: Any, b: Any) -> Any:
        """The result, in whatever numbers it is given."""
        return self._function(a, b)

    def python(self) -> str:
        """The name of the function that `text` defines."""
        return "program"

    def __repr__(self) -> str:
        return self.text


_TARGETS = st.sampled_from(["a", "b", "c"])
_ASSIGNED = [
    "{} + {}",
    "{} * {}",
    "{} - 0.5 * {}",
    "ag.tanh({}) + {}",
    "ag.sin({} * {})",
    "ag.maximum({}, {})",
    "ag.sigmoid({}) * {}",
]
_BOUND = "{0} = ag.tanh({0})"


@st.composite
def _statements(draw: Any, depth: int) -> list[str]:
    lines: list[str] = []
    for kind in draw(
        st.lists(st.sampled_from(["assign", "loop", "branch"] if depth else ["assign"]), min_size=1, max_size=3)
    ):
        target, p, q = draw(st.tuples(_TARGETS, _TARGETS, _TARGETS))
        if kind == "assign":
            lines.append(f"{target} = {draw(st.sampled_from(_ASSIGNED)).format(p, q)}")
            continue
        body = [f"    {line}" for line in draw(_statements(depth - 1))]
        if kind == "loop":
            times = draw(st.integers(2, 4))
            lines += [f"for _ in range({times}):", *body, f"    {_BOUND.format(target)}"]
        else:
            level = draw(st.integers(-2, 2)) / 2 + 0.1234
            other = [f"    {line}" for line in draw(_statements(depth - 1))]
            lines += [f"if {p} > {level}:", *body, "else:", *other]
    return lines


@st.composite
def programs(draw: Any) -> Program:
    """Functions ``program(a, b)`` with loops and branches that depend on the data; `repr` is their text.

    >>> from hypothesis import Phase, find, settings
    >>> any_one = settings(phases=[Phase.generate], database=None)
    >>> find(programs(), lambda f: "for" in f.text, settings=any_one).text.splitlines()[0]
    'def program(a, b):'
    """
    body = draw(_statements(2))
    lines = ["def program(a, b):", "    c = a * b", *[f"    {line}" for line in body], "    return a + b + c"]
    number = st.floats(-2.0, 2.0, allow_subnormal=False).map(lambda x: x if abs(x) > 1e-30 else 0.0)
    return Program("\n".join(lines), draw(st.tuples(number, number)))


# ── Small nets ──────────────────────────────────────────────────────────────────────────────────────────────


class Net:
    """The loss of a small dense net as a function of its weights, and the point it was drawn for.

    Attributes:
        sizes: the widths of its layers, inputs first.
        activations: the names of functions of autograd, one a layer.
        x, y: the sample: inputs and targets; the loss is the squared distance from y.
        point: the weights: for each layer its rows, each a bias and a weight an input.
    """

    def __init__(
        self, sizes: Sequence[int], activations: Sequence[str], x: Sequence[float], y: Sequence[float], point: list[Any]
    ) -> None:
        self.sizes, self.activations, self.x, self.y, self.point = (
            list(sizes),
            list(activations),
            list(x),
            list(y),
            point,
        )

    def __call__(self, *layers: Any) -> Any:
        """The loss with these weights."""
        signals: list[Any] = self.x
        for rows, name in zip(layers, self.activations, strict=True):
            signals = [getattr(ops, name)(ops.dot(*row, 1.0, *signals)) for row in rows]
        return ops.sum(*[(s - t) * (s - t) for s, t in zip(signals, self.y, strict=True)])

    def python(self) -> str:
        """The call that makes it."""
        return f"Net({self.sizes}, {self.activations}, {self.x}, {self.y}, {self.point})"

    def __repr__(self) -> str:
        return self.python()


@st.composite
def nets(
    draw: Any, activations: Sequence[str] = ("pos", "tanh", "sigmoid", "softplus", "relu"), max_width: int = 3
) -> Net:
    """Losses of dense nets with one to three layers.

    Args:
        draw: hypothesis passes it; leave it out.
        activations: names of ops of one input.
        max_width: the widest layer.

    >>> from hypothesis import find
    >>> find(nets(), lambda net: len(net.sizes) == 3)
    Net([1, 1, 1], ['pos', 'pos'], [0.0], [0.0], [[[0.0, 0.0]], [[0.0, 0.0]]])
    """
    sizes = draw(st.lists(st.integers(1, max_width), min_size=2, max_size=4))
    weight = st.floats(-2.0, 2.0, allow_subnormal=False).map(lambda x: round(x, 3))
    names = [draw(st.sampled_from(list(activations))) for _ in sizes[1:]]
    x, y = [draw(st.lists(weight, min_size=n, max_size=n)) for n in (sizes[0], sizes[-1])]
    rows = [[draw(st.lists(weight, min_size=n + 1, max_size=n + 1)) for _ in range(m)] for n, m in pairwise(sizes)]
    return Net(sizes, names, x, y, rows)
