"""Programs written for micrograd's or microgpt's Value, run with ours: the same losses, step for step."""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import micrograd.engine
import micrograd.nn
import pytest

import autograd
from autograd import Value
from autograd.errors import InteriorError, RuleError

STEPS = 20

# ── micrograd: its own nn.py and the training loop of its two moons ─────────────────────────────────────────


def two_moons(n: int, seed: int) -> list[tuple[list[float], int]]:
    """n points on two interleaved half circles, classes -1 and 1."""
    rng = random.Random(seed)
    points = []
    for k in range(n):
        angle = math.pi * rng.random()
        x, y = math.cos(angle), math.sin(angle)
        if k % 2:
            x, y = 1.0 - x, 0.5 - y
        points.append(([x + rng.gauss(0.0, 0.1), y + rng.gauss(0.0, 0.1)], 1 if k % 2 else -1))
    return points


def train_on_moons(number: Any) -> list[float]:
    """Losses of 20 steps of full-batch gradient descent on a margin loss with weight decay."""
    random.seed(1337)  # micrograd's nn draws its weights from the global generator
    model = micrograd.nn.MLP(2, [16, 16, 1])
    data = two_moons(40, seed=7)  # with 100 as in the demo it holds as well, and takes a minute
    history = []
    for step in range(STEPS):
        scores = [model([number(x) for x in point]) for point, _ in data]
        margins = [(1 + -label * score).relu() for (_, label), score in zip(data, scores, strict=True)]
        data_loss = sum(margins) * (1.0 / len(margins))
        penalty = 1e-4 * sum(p * p for p in model.parameters())
        total = data_loss + penalty
        model.zero_grad()
        total.backward()
        rate = 1.0 - 0.9 * step / 100
        for p in model.parameters():
            p.data -= rate * p.grad
        history.append(total.data)
        gc.collect()
    return history


def test_micrograds_network_and_training_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.disable()  # micrograd's nodes are cycles: collect them once a step, not all the time
    try:
        theirs = train_on_moons(micrograd.engine.Value)
        monkeypatch.setattr(micrograd.engine, "Value", Value)
        monkeypatch.setattr(micrograd.nn, "Value", Value)
        ours = train_on_moons(Value)
    finally:
        gc.enable()
    assert theirs[-1] < 0.7 * theirs[0]  # it learns, so that agreement means something
    assert len(ours) == STEPS
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= 1e-12


EXPRESSIONS: list[tuple[str, Callable[..., Any]]] = [
    ("sanity", lambda x: ((2 * x + 2 + x).relu() + (2 * x + 2 + x) * x) * x),
    ("powers", lambda x: x**3 + x**-1 + x**0.5 / 3.0 if x.data > 0 else x**3 + x**-2),
    ("reflected", lambda x: 1 - x + 2 / x - (-x) * 0.5),
    ("zeros and ones", lambda x: (0 + x) * 1 + x * 0),
    ("sum starts with an int", lambda x: sum([x, x * x, -x])),
]


@pytest.mark.parametrize(("name", "f"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
@pytest.mark.parametrize("at", [-4.0, 0.5, 3.0])
def test_micrograds_expressions(name: str, f: Callable[..., Any], at: float) -> None:
    theirs, ours = micrograd.engine.Value(at), Value(at)
    y, z = f(theirs), f(ours)
    y.backward()
    z.backward()
    assert z.data == pytest.approx(y.data, rel=1e-14)
    assert ours.grad == pytest.approx(theirs.grad, rel=1e-14)


# ── microgpt: a character model of the same shape, with the Value class as a parameter ──────────────────────


class Scalar:
    """A node as microgpt has it: inputs with their local derivatives, which its backward multiplies."""

    def __init__(self, data: float, inputs: tuple[Scalar, ...] = (), slopes: tuple[float, ...] = ()) -> None:
        self.data, self.grad = data, 0.0
        self.inputs, self.slopes = inputs, slopes

    def __add__(self, other: Any) -> Scalar:
        other = as_scalar(other)
        return Scalar(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Any) -> Scalar:
        other = as_scalar(other)
        return Scalar(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n: float) -> Scalar:
        return Scalar(self.data**n, (self,), (n * self.data ** (n - 1),))

    def __neg__(self) -> Scalar:
        return self * -1

    def __sub__(self, other: Any) -> Scalar:
        return self + -other

    def __rsub__(self, other: Any) -> Scalar:
        return other + -self

    def __truediv__(self, other: Any) -> Scalar:
        return self * other**-1

    def __rtruediv__(self, other: Any) -> Scalar:
        return other * self**-1

    __radd__, __rmul__ = __add__, __mul__

    def log(self) -> Scalar:
        return Scalar(math.log(self.data), (self,), (1.0 / self.data,))

    def exp(self) -> Scalar:
        y = math.exp(self.data)
        return Scalar(y, (self,), (y,))

    def relu(self) -> Scalar:
        return Scalar(max(0.0, self.data), (self,), (1.0 if self.data > 0 else 0.0,))

    def backward(self) -> None:
        order: list[Scalar] = []
        seen: set[int] = set()
        stack = [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((x, False) for x in node.inputs)
        self.grad = 1.0
        for node in reversed(order):
            for x, slope in zip(node.inputs, node.slopes, strict=True):
                x.grad += slope * node.grad


def as_scalar(x: Any) -> Scalar:
    return x if isinstance(x, Scalar) else Scalar(x)


WORDS = ["ada", "alan", "barbara", "donald", "edsger", "grace", "john", "ken"]


class CharacterModel:
    """One layer of causal attention and a relu network over embeddings of letters and places."""

    width, heads, context = 8, 2, 8

    def __init__(self, number: Any) -> None:
        rng = random.Random(2026)
        self.letters = sorted(set("".join(WORDS)))
        self.edge = len(self.letters)  # begins and ends a word

        def matrix(rows: int, columns: int) -> Any:
            return [[number(rng.gauss(0.0, 0.2)) for _ in range(columns)] for _ in range(rows)]

        w, n = self.width, self.edge + 1
        self.letter, self.place, self.head = matrix(n, w), matrix(self.context, w), matrix(n, w)
        self.query, self.key, self.value, self.out = (matrix(w, w) for _ in range(4))
        self.up, self.down = matrix(2 * w, w), matrix(w, 2 * w)
        matrices = (self.letter, self.place, self.head, self.query, self.key, self.value, self.out, self.up, self.down)
        self.params = [p for rows in matrices for row in rows for p in row]

    @staticmethod
    def apply(rows: Any, x: Any) -> Any:
        return [sum(a * b for a, b in zip(row, x, strict=True)) for row in rows]

    @staticmethod
    def normed(x: Any) -> Any:
        scale = (sum(a * a for a in x) / len(x) + 1e-5) ** -0.5
        return [a * scale for a in x]

    @staticmethod
    def softmax(xs: Any) -> Any:
        largest = max(x.data for x in xs)
        weights = [(x - largest).exp() for x in xs]
        total = sum(weights)
        return [w / total for w in weights]

    def logits(self, token: int, place: int, keys: Any, values: Any) -> Any:
        x = self.normed([a + b for a, b in zip(self.letter[token], self.place[place], strict=True)])
        h = self.normed(x)
        query = self.apply(self.query, h)
        keys.append(self.apply(self.key, h))
        values.append(self.apply(self.value, h))
        size = self.width // self.heads
        mixed: list[Any] = []
        for start in range(0, self.width, size):
            part = range(start, start + size)
            scores = [sum(query[j] * key[j] for j in part) / size**0.5 for key in keys]
            weights = self.softmax(scores)
            mixed += [sum(w * v[j] for w, v in zip(weights, values, strict=True)) for j in part]
        x = [a + b for a, b in zip(self.apply(self.out, mixed), x, strict=True)]
        hidden = [a.relu() for a in self.apply(self.up, self.normed(x))]
        x = [a + b for a, b in zip(self.apply(self.down, hidden), x, strict=True)]
        return self.apply(self.head, x)

    def loss(self, word: str) -> Any:
        tokens = [self.edge, *map(self.letters.index, word), self.edge]
        keys: list[Any] = []
        values: list[Any] = []
        losses = []
        for place, (token, target) in enumerate(pairwise(tokens)):
            if place < self.context:
                losses.append(-self.softmax(self.logits(token, place, keys, values))[target].log())
        return (1 / len(losses)) * sum(losses)


def train_character_model(number: Any) -> list[float]:
    """Losses of 20 steps of Adam, written in plain Python over ``p.data`` and ``p.grad``."""
    model = CharacterModel(number)
    first, second = [0.0] * len(model.params), [0.0] * len(model.params)
    history = []
    for step in range(STEPS):
        loss = model.loss(WORDS[step % 4])
        loss.backward()
        rate = 0.02 * (1 - step / 100)
        for i, p in enumerate(model.params):
            first[i] = 0.85 * first[i] + 0.15 * p.grad
            second[i] = 0.99 * second[i] + 0.01 * p.grad**2
            mean = first[i] / (1 - 0.85 ** (step + 1))
            size = second[i] / (1 - 0.99 ** (step + 1))
            p.data -= rate * mean / (size**0.5 + 1e-8)
            p.grad = 0
        history.append(loss.data)
    return history


def test_a_program_of_microgpts_shape() -> None:
    theirs, ours = train_character_model(Scalar), train_character_model(Value)
    assert sum(theirs[-4:]) < 0.8 * sum(theirs[:4])
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= 1e-12


# ── The lecture's idioms ────────────────────────────────────────────────────────────────────────────────────

x_, y_ = Value(2.0, "x"), Value(-3.0, label="y")
IDIOMS: list[tuple[str, Callable[[], Value], tuple[Value, ...]]] = [
    ("+", lambda: x_ + y_, (x_, y_)),
    ("+", lambda: x_ + x_, (x_,)),
    ("+", lambda: x_ + 1, (x_,)),
    ("*", lambda: x_ * y_, (x_, y_)),
    ("*", lambda: 3 * x_, (x_,)),
    ("-", lambda: x_ - y_, (x_, y_)),
    ("/", lambda: x_ / y_, (x_, y_)),
    ("**2", lambda: x_**2, (x_,)),
    ("**-1", lambda: x_**-1, (x_,)),
    ("**0.5", lambda: x_**0.5, (x_,)),
    ("**", lambda: x_**x_, (x_,)),
    ("ReLU", lambda: x_.relu(), (x_,)),
    ("tanh", lambda: x_.tanh(), (x_,)),
    ("exp", lambda: x_.exp(), (x_,)),
    ("log", lambda: x_.log(), (x_,)),
    ("", lambda: x_, ()),
]


@pytest.mark.parametrize(("op", "make", "previous"), IDIOMS, ids=[f"{op}-{i}" for i, (op, *_) in enumerate(IDIOMS)])
def test_op_and_prev_are_micrograds(op: str, make: Callable[[], Value], previous: tuple[Value, ...]) -> None:
    node = make()
    assert node._op == op
    assert type(node._prev) is tuple
    assert [id(x) for x in node._prev] == [id(x) for x in previous]


def test_tracing_a_graph_as_the_lecture_draws_it() -> None:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    nodes, edges = set(), set()

    def build(v: Value) -> None:
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(d)
    assert {n.label for n in nodes} == set("abcde")
    assert {(p.label, q.label) for p, q in edges} == {("a", "e"), ("b", "e"), ("e", "d"), ("c", "d")}


def test_stepping_backward_by_hand() -> None:
    """The lecture's neuron: seed the output, then one node after the other."""
    x1, x2, w1, w2 = Value(2.0), Value(0.0), Value(-3.0), Value(1.0)
    b = Value(6.8813735870195432)
    p, q = x1 * w1, x2 * w2
    s = p + q
    n = s + b
    o = n.tanh()
    o.grad = 1.0
    for node in (o, n, b, s, p, q):
        node._backward()
    assert o.data == pytest.approx(math.sqrt(0.5))
    assert [round(v.grad, 6) for v in (n, b, s, p, q)] == [0.5] * 5
    assert [round(v.grad, 6) for v in (x1, w1, x2, w2)] == [-1.5, 1.0, 0.5, 0.0]
    by_hand = [v.grad for v in (x1, w1, x2, w2, b)]
    for v in (x1, w1, x2, w2, b):
        v.grad = 0.0
    o.backward()
    assert [v.grad for v in (x1, w1, x2, w2, b)] == by_hand


def test_stepping_adds_where_a_node_is_used_twice() -> None:
    a = Value(3.0)
    b = a + a
    b.grad = 1.0
    b._backward()
    assert a.grad == 2.0
    b._backward()
    assert a.grad == 4.0
    a._backward()  # a leaf has nothing to send
    assert a.grad == 4.0


def test_the_lectures_tanh_from_exponentials() -> None:
    n = Value(0.8813735870195432)
    e = (2 * n).exp()
    o = (e - 1) / (e + 1)
    o.backward()
    assert o.data == pytest.approx(math.sqrt(0.5))
    assert n.grad == pytest.approx(0.5)


@pytest.mark.parametrize("inputs", [(x_, y_), [x_, y_], {x_}, ()], ids=lambda inputs: type(inputs).__name__)
def test_making_a_node_by_hand_is_refused_naming_rule(inputs: Any) -> None:
    for arguments in ((inputs, "+"), (inputs,)):
        with pytest.raises(RuleError, match=r"autograd\.rule") as caught:
            Value(5.0, *arguments)  # type: ignore[arg-type]
        assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    "keywords", [{"_children": (x_, y_)}, {"_op": "+"}, {"_children": (x_,), "label": "d"}], ids=str
)
def test_making_a_node_by_keyword_is_refused(keywords: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Value(5.0, **keywords)


def test_assigning_a_backward_function_is_refused_naming_rule() -> None:
    out = Value(1.0) + Value(2.0)
    with pytest.raises(AttributeError, match=r"autograd\.rule"):
        out._backward = lambda: None  # type: ignore[method-assign]
    with pytest.raises(AttributeError):
        out._prev = set()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        out._op = "+"  # type: ignore[misc]


def test_zeroing_and_updating_as_both_programs_do() -> None:
    p = Value(1.0)
    loss = (p * 3.0 - 1.0) ** 2
    loss.backward()
    p.data += -0.05 * p.grad
    assert p.data == pytest.approx(0.4)
    p.grad = 0
    assert (p.grad, type(p.grad)) == (0.0, float)
    with pytest.raises(InteriorError):
        loss.data += 1.0


def test_grad_is_zero_from_birth() -> None:
    assert Value(1.0).grad == 0.0
    assert (Value(1.0) + 1.0).grad == 0.0
    assert autograd.Value is Value
