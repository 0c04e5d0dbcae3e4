"""The machine of programs: matrices found again in scalar code, and the same bits from every instruction set."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
from autograd import Value
from autograd.errors import DomainError, GuardError, InputError, InputTypeError
from autograd.program.schedule import Layout, Runner, op_numbers
from tests.programs import OF_MANY, bits, function_of, steps

COMPILED = ag.backend().name == "compiled"
on_the_machine = pytest.mark.skipif(not COMPILED, reason="the pure engine has no machine")


@pytest.fixture(scope="module")
def sets() -> Iterator[list[str]]:
    """The instruction sets that this processor has."""
    if not COMPILED:
        yield [""]
        return
    yield _instruction_set(None)
    _instruction_set(None)


def _instruction_set(name: str | None) -> list[str]:
    from autograd.native import _engine  # type: ignore[attr-defined] # built

    return _engine.instruction_set(name)  # type: ignore[no-any-return]


def on_each(sets: list[str], run: Callable[[], Any]) -> Iterator[Any]:
    for name in sets:
        if name:
            _instruction_set(name)
        yield run()


def eager(f: Any, xs: list[float]) -> Any:
    leaves = [Value(x) for x in xs]
    y = f(leaves)
    y.backward()
    return bits([y.data, *[leaf.grad for leaf in leaves]])


def grids_of(program: ag.Program) -> list[tuple[int, int, int]]:
    """Rows, columns and terms of the products of matrices in a program."""
    numbers = op_numbers()
    stream, found, at = Layout(program.code, numbers).stream, [], 0
    while at < len(stream):
        n, k = stream[at + 1], stream[at + 3]
        if stream[at] == numbers["grid"]:
            found.append((n, stream[at + 4], k))
            at += 14
        else:
            at += 4 + k * (2 if stream[at] >> 17 & 1 else n)
    return found


# ── Ways of writing a layer ─────────────────────────────────────────────────────────────────────────────────


def bias_first(w: Any, b: Any, x: Any) -> Any:
    for wi, xi in zip(w, x, strict=True):
        b = b + wi * xi
    return b


def bias_last(w: Any, b: Any, x: Any) -> Any:
    return sum(xi * wi for wi, xi in zip(w, x, strict=True)) + b


def micrograds(w: Any, b: Any, x: Any) -> Any:
    return sum((wi * xi for wi, xi in zip(w, x, strict=True)), b)


def bias_added_to(w: Any, b: Any, x: Any) -> Any:
    return b + sum(wi * xi for wi, xi in zip(w, x, strict=True))


def any_order_of_factors(w: Any, b: Any, x: Any) -> Any:
    draw = random.Random(len(w))
    for wi, xi in zip(w, x, strict=True):
        b = b + (wi * xi if draw.random() < 0.5 else xi * wi)
    return b


def one_dot(w: Any, b: Any, x: Any) -> Any:
    return ag.dot(w, x) + b


def subtracted(w: Any, b: Any, x: Any) -> Any:
    return ag.dot(w, x) - b


IN, HIDDEN, OUT, BATCH = 7, 6, 5, 12
SHAPES = ((HIDDEN, IN), (OUT, HIDDEN))
START = [round(random.Random(1).uniform(-1, 1) * (k % 7), 3) for k in range(sum(n * (m + 1) for n, m in SHAPES))]
PIXELS = [[random.Random(f"{r} {c}").choice([0.0, 1.0, 1.0, 0.5, 0.25]) for c in range(IN)] for r in range(BATCH)]


def network(neuron: Any, p: Any, images: Any, penalty: float = 0.0) -> Any:
    at, total = 0, 0.0
    layers = []
    for n, m in SHAPES:
        layers.append([(p[at + j * (m + 1) : at + j * (m + 1) + m], p[at + j * (m + 1) + m]) for j in range(n)])
        at += n * (m + 1)
    for k, image in enumerate(images):
        x = [ag.relu(neuron(w, b, image)) for w, b in layers[0]]
        scores = [neuron(w, b, x) for w, b in layers[1]]
        total = total + (scores[k % OUT] - 1.0 if k % 2 else 1.0 - scores[k % OUT]) * sum(scores)
    return total + penalty * ag.dot(p, p) if penalty else total


STYLES = [bias_first, bias_last, micrograds, bias_added_to, any_order_of_factors, one_dot, subtracted]


@pytest.mark.parametrize("penalty", [0.0, 0.01])
@pytest.mark.parametrize("neuron", STYLES, ids=lambda f: f.__name__)
def test_a_layer_is_a_product_of_matrices_however_it_is_written(neuron: Any, penalty: float, sets: list[str]) -> None:
    """Forward, back to the hidden layer, and both gradients of weights; the data are constants, 0 and 1 among them."""

    def loss(p: Any) -> Any:
        return network(neuron, p, PIXELS, penalty)

    gradient = ag.record(loss, START).gradient()
    expected = eager(loss, START)
    for value, slopes in on_each(sets, lambda: gradient(START)):
        assert bits([value, *slopes]) == expected
    if COMPILED:
        cells = sorted(tuple(sorted(grid[:2])) for grid in grids_of(gradient) if grid[2] > 1)
        for shape in ((HIDDEN, BATCH), (OUT, BATCH), (HIDDEN, BATCH), (OUT, HIDDEN), (HIDDEN, IN)):
            assert any(abs(a - c) + abs(b - d) <= 1 for a, b in cells for c, d in [sorted(shape)]), (shape, cells)


@pytest.mark.parametrize("neuron", [bias_first, bias_last, one_dot], ids=lambda f: f.__name__)
def test_data_may_be_arguments(neuron: Any, sets: list[str]) -> None:
    gradient = ag.record(lambda p, images: network(neuron, p, images), START, PIXELS).gradient()
    expected = eager(lambda p: network(neuron, p, PIXELS), START)
    for value, slopes in on_each(sets, lambda: gradient(START, PIXELS)):
        assert bits([value, *slopes]) == expected
    if COMPILED:
        assert len(grids_of(gradient)) >= 5


NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-310, 1e300, -1e300, math.inf, math.nan, 0.1, -0.3, 7.0])


@settings(max_examples=60)
@given(st.integers(1, 11), st.integers(1, 37), st.integers(1, 6), st.booleans(), st.booleans(), st.randoms())
def test_products_of_matrices_of_all_shapes(
    sets: list[str], rows: int, columns: int, terms: int, start: bool, across: bool, draw: Any
) -> None:
    """Against loops over floats; with infinities and with zeros that have a sign."""
    special = draw.random() < 0.3
    choice = [0.0, -0.0, 1.0, -1e-310, 1e300, -1e300, math.inf, math.nan]

    def numbers(n: int) -> list[float]:
        return [draw.choice(choice) if special else draw.uniform(-1, 1) for _ in range(n)]

    a, b, c = numbers(rows * terms), numbers(terms * columns), numbers(rows * columns)

    def cell(a: Any, b: Any, c: Any, i: int, j: int) -> Any:
        at = [k * columns + j if across else j * terms + k for k in range(terms)]
        products = [a[i * terms + k] * b[at[k]] for k in range(terms)]
        total, rest = (c[i * columns + j], products) if start else (products[0], products[1:])
        for product in rest:
            total = total + product
        return total

    def product(a: Any, b: Any, c: Any) -> Any:
        return [cell(a, b, c, i, j) for i in range(rows) for j in range(columns)]

    with ag.ieee():
        program = ag.record(product, a, b, c)
        expected = bits(product(a, b, c))
        for found in on_each(sets, lambda: program(a, b, c)):
            assert bits(found) == expected
    if COMPILED and rows > 1 and columns > 1 and rows * columns >= 16:
        assert [sorted(grid[:2]) for grid in grids_of(program)] == [sorted((rows, columns))]


@settings(max_examples=25)
@given(steps(3, most=8), st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=8, max_size=70))
def test_every_instruction_set_has_the_same_bits(sets: list[str], program: Any, points: list[list[float]]) -> None:
    function = function_of(program, (1.0,))
    with ag.ieee():
        recorded = ag.record(lambda rows: [function(row) for row in rows], points)
        expected = bits([function([Value(x) for x in point]) for point in points])
        for found in on_each(sets, lambda: recorded(points)):
            assert bits(found) == expected


def test_sums_with_ends_of_their_own() -> None:
    """What stands before and after the products that make a matrix is added in its place."""

    def f(p: Any) -> Any:
        a, b, c = p[:8], p[8:16], p[16:]
        out = []
        for i in range(4):
            for j in range(4):
                own = c[4 * i + j]
                sums = own * own + a[2 * i] * b[2 * j] + a[2 * i + 1] * b[2 * j + 1]
                out.append(sums + a[2 * i] * b[2 * j + 1] + own * p[0])
        return out

    xs = [random.Random(k).uniform(-1, 1) for k in range(32)]
    program = ag.record(f, xs)
    assert bits(program(xs)) == bits(f(xs))
    if COMPILED:
        assert grids_of(program) == [(4, 4, 3)]


def test_what_begins_alike_is_computed_once_or_in_each() -> None:
    """Running sums, each of them a result: no work grows with the square of their number."""

    def f(x: Any) -> Any:
        total, out = 0.0, []
        for k in range(300):
            total = total + x[k % 3] * x[(k + 1) % 3]
            out.append(total)
        return out

    xs = [0.1, 0.7, -0.3]
    program = ag.record(f, xs)
    assert bits(program(xs)) == bits(f(xs))
    if COMPILED:
        assert len(Layout(program.code, op_numbers()).stream) < 300 * 16


# ── On arrays ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_program_is_bound_to_arrays() -> None:
    gradient = ag.record(lambda x, y: x[0] * x[1] + y.log(), [1.0, 1.0], 1.0).gradient((0, 1))
    x, out = array("d", [2.0, 3.0, 4.0]), numpy.zeros(4)
    run = gradient.bound(x, out)
    for _ in range(3):
        x[0] += 1.0
        assert run() is None
        value, ((a, b), c) = gradient([x[0], x[1]], x[2])
        assert out.tolist() == [value, a, b, c]
    x[2] = -1.0
    with pytest.raises(DomainError, match="log"):
        run()
    with ag.ieee():
        run()
        assert math.isnan(out[0])
    with pytest.raises(TypeError):
        run(1.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("bad", [array("d", [1.0]), array("f", [1.0, 1.0]), numpy.zeros((2, 2))[:, 0], [1.0, 1.0]])
def test_arrays_of_another_kind_are_refused(bad: Any) -> None:
    program = ag.record(lambda x: [x[1], x[0] * 2.0], [1.0, 1.0])
    good = array("d", [1.0, 2.0])
    for numbers, out in ((bad, good), (good, bad)):
        with pytest.raises(InputTypeError, match="takes 2 and 2 doubles in a row"):
            program.bound(numbers, out)
    program.bound(good, good)()
    assert good.tolist() == [2.0, 2.0]


def test_a_bound_program_keeps_to_what_it_was_recorded_for() -> None:
    out = array("d", [0.0])
    with pytest.raises(GuardError, match="another way"):
        ag.record(lambda x: x * 2.0 if x > 0.0 else x, 1.0).bound(array("d", [-1.0]), out)()
    captured = Value(2.0, label="w")
    with pytest.raises(InputError, match="w first"):
        ag.record(lambda x: x * captured, 1.0).bound(out, out)


@on_the_machine
def test_instruction_sets_are_known_by_name() -> None:
    names = _instruction_set(None)
    assert names[0] == "baseline"
    with pytest.raises(ValueError, match="this processor has"):
        _instruction_set("avx1024")


@on_the_machine
def test_a_machine_computes_what_its_interpreter_computes() -> None:
    """The copies of constants and the slots that vectors overwrite do not change from run to run."""
    program = ag.record(lambda p: network(bias_first, p, PIXELS), START).gradient()
    runner = Runner(program.code)
    first = runner([*START], False)
    for _ in range(3):
        runner([x + 1.0 for x in START], False)
        assert bits(runner([*START], False)) == bits(first)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("op", OF_MANY, ids=repr)
def test_ops_of_few_inputs_side_by_side(op: Any, count: int, sets: list[str]) -> None:
    given = [[float((3 * k + 5 * j) % 7) - 2.0 for j in range(count)] for k in range(11)]
    with ag.ieee():
        program = ag.record(lambda rows: [op(*row) for row in rows], given)
        expected = bits([op(*map(Value, row)) for row in given])
        for found in on_each(sets, lambda: program(given)):
            assert bits(found) == expected


@pytest.mark.parametrize("power", [2.0, 1.0, 3.0])
def test_powers_side_by_side_are_those_of_the_library(power: float, sets: list[str]) -> None:
    """pow(x, 2.0) is not x * x in one of 1 200 numbers."""
    draw = random.Random(power)
    xs = [draw.uniform(-1, 1) * 2.0 ** draw.randrange(-3, 3) for _ in range(20_000)]
    xs += [1.0 + k * 2.0**-52 for k in range(-40, 40)] + [2.0**k for k in range(-500, 500, 7)]
    xs += [0.0, -0.0, 5e-324, 1e-160, -1e-154, 1e154, -1.35e154, math.inf, -math.inf, math.nan]
    with ag.ieee():
        program = ag.record(lambda xs: [x**power for x in xs], xs)
        expected = bits([Value(x) ** power for x in xs])
        for found in on_each(sets, lambda: program(xs)):
            assert bits(found) == expected
    if power == 2.0:
        assert any(x**2.0 != x * x for x in xs)
