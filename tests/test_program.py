"""Programs: what replays equals what is run, to the last bit, or is not replayed."""

from __future__ import annotations

import array
import contextlib
import copy
import gc
import itertools
import math
import multiprocessing
import pickle
import random
import re
import subprocess
import sys
import warnings
import weakref
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
from autograd import Value, engine, ops
from autograd.errors import (
    CopyError,
    DomainError,
    GuardError,
    InputError,
    InputTypeError,
    RecordError,
    RecordWarning,
    StaleGraphError,
)
from autograd.program import schedule
from autograd.program.arguments import taken_apart
from autograd.program.code import careful, lowered
from autograd.program.gradient import gradients, leading, or_zero
from autograd.program.listing import Listing, Row, extended, rows_of
from autograd.program.schedule import Runner
from autograd.program.sums import collected
from autograd.program.symbols import BY_NAME, TOTAL
from tests.programs import NUMBERS, bits, function_of, steps

ROOT = Path(ag.__file__).parent.parent
POINTS = st.lists(NUMBERS, min_size=3, max_size=3)


def eager_gradient(f: Any, xs: list[float]) -> tuple[Any, Any]:
    leaves = [Value(x) for x in xs]
    y = f(leaves)
    y.backward()
    return y.data, [leaf.grad for leaf in leaves]


def curvature(f: Any) -> Any:
    """A function of second derivatives: of the weighted sum of the first ones."""

    def second(xs: Any) -> Any:
        slopes = ag.gradients(f(xs), xs, create_graph=True)
        total = slopes[0] * 1.0
        for k, slope in enumerate(slopes[1:], 2):
            total = total + slope * float(k)
        return total

    return second


@settings(max_examples=80)
@given(steps(3), POINTS, POINTS)
def test_replay_has_the_bits_of_the_run(program: Any, first: list[float], then: list[float]) -> None:
    f = function_of(program)
    recorded = ag.record(f, first)
    gradient = recorded.gradient()
    with ag.ieee():
        for xs in (first, then):
            value, slopes = eager_gradient(f, xs)
            assert bits(recorded(xs)) == bits(value)
            got = gradient(xs)
            assert bits(got[0]) == bits(value)
            assert bits(got[1]) == bits(slopes)


@settings(max_examples=50)
@given(steps(3, most=6), POINTS, POINTS)
def test_second_derivatives_have_the_bits_of_the_run(program: Any, first: list[float], then: list[float]) -> None:
    second = curvature(function_of(program))
    recorded = ag.record(second, first)
    gradient = recorded.gradient()
    with ag.ieee():
        for xs in (first, then):
            value, slopes = eager_gradient(second, xs)
            assert bits(recorded(xs)) == bits(value)
            assert bits(gradient(xs)) == bits((value, slopes))


@settings(max_examples=30)
@given(steps(3, most=8, branches=True), st.lists(POINTS, min_size=1, max_size=6))
def test_a_compiled_function_goes_every_way_that_the_function_goes(program: Any, points: list[list[float]]) -> None:
    f = function_of(program)
    compiled = ag.compile(f, strict=True, variants=100)
    with ag.ieee():
        for xs in points * 2:
            value, slopes = eager_gradient(f, xs)
            assert bits(compiled(xs)) == bits(value)
            assert bits(compiled.value_and_grad(xs)) == bits((value, slopes))
            leaves = [Value(x) for x in xs]
            result = compiled(leaves)
            result.backward()
            assert bits([result, [leaf.grad for leaf in leaves]]) == bits([value, slopes])


@settings(max_examples=30)
@given(steps(3, most=6), POINTS)
def test_a_program_node_is_differentiated_to_any_order(program: Any, xs: list[float]) -> None:
    f = function_of(program)
    compiled = ag.compile(f)
    with ag.ieee():
        expected = eager_gradient(curvature(f), xs)
        got = eager_gradient(curvature(compiled), xs)
    for a, b in zip([got[0], *got[1]], [expected[0], *expected[1]], strict=True):  # the order of sums may differ
        assert a == b or a != a or b != b or math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6) or abs(b) > 1e15


# ── What a function looks at ────────────────────────────────────────────────────────────────────────────────


def by_data(x: Value) -> Any:
    return x * x.data


def by_item(x: Value) -> Any:
    return x * x.item()


def by_grad(x: Value) -> Any:
    return x * (1.0 + x.grad)


def by_format(x: Value) -> Any:
    return x * len(f"{x:.3f}")


def by_repr(x: Value) -> Any:
    return x * len(repr(x))


def by_backward(x: Value) -> Any:
    y = x * x
    y.backward()
    return y


def by_assignment(x: Value) -> Any:
    x.data = 3.0
    return x * 2.0


def by_copy(x: Value) -> Any:
    return copy.copy(x) * 2.0


def by_pickle(x: Value) -> Any:
    return pickle.loads(pickle.dumps(x)) * 2.0


def by_hook(x: Value) -> Any:
    y = x * x
    y.register_hook(lambda g: g * 2.0)
    return y


def by_error(x: Value) -> Any:
    try:
        return x.log()
    except ValueError:
        return x


def by_random(x: Value) -> Any:
    return x * random.random()


def by_numpy_random(x: Value) -> Any:
    return x * numpy.random.random()


LOOKS = {
    by_data: (".data", "detach"),
    by_item: ("item()", "detach"),
    by_grad: (".grad", "gradients"),
    by_format: ("format()", "return the number"),
    by_repr: ("repr()", "return the number"),
    by_backward: ("backward()", "gradients"),
    by_assignment: (".data = …", "after the call"),
    by_copy: ("copy()", "itself"),
    by_pickle: ("pickling", "return"),
    by_hook: ("register_hook()", "after the call"),
    by_error: ("log raised", "where"),
    by_random: ("random numbers", "pass them in"),
    by_numpy_random: ("random numbers", "pass them in"),
}


@pytest.mark.parametrize("f", LOOKS, ids=lambda f: f.__name__)
def test_a_function_that_looks_at_numbers_declines(f: Any) -> None:
    what, remedy = LOOKS[f]
    line = "" if "random" in what else r" at test_program\.py:\d+"
    message = f"{re.escape(what)}.*{line}.*{remedy}"
    with pytest.raises(RecordError, match=message):
        ag.record(f, -2.0)
    with pytest.raises(RecordError, match=message):
        ag.compile(f, strict=True)(-2.0)
    compiled = ag.compile(f)
    if "random" not in what:
        with pytest.warns(RecordWarning, match=message) as told:
            assert compiled(-2.0) == (f(Value(-2.0)).data)
        assert told[0].filename == __file__
        assert compiled(5.0) == f(Value(5.0)).data
        assert what in compiled.declined
        assert compiled.programs == []


@pytest.mark.parametrize("f", [by_random, by_numpy_random])
def test_random_numbers_are_drawn_anew_at_each_call_and_once(f: Any) -> None:
    compiled = ag.compile(f)
    for seed in (random.seed, numpy.random.seed):
        seed(7)
    with pytest.warns(RecordWarning, match="random numbers"):
        got = [compiled(1.0) for _ in range(5)]
    for seed in (random.seed, numpy.random.seed):
        seed(7)
    assert got == [f(Value(1.0)).data for _ in range(5)]
    assert len(set(got)) == 5


def test_what_is_not_looked_at_is_recorded() -> None:
    def f(x: Value, y: Value) -> Any:
        with ag.no_grad():
            hidden = x * y
        return hidden * x + y.detach() * y, hidden

    program = ag.record(f, 2.0, 3.0)
    assert program(4.0, 5.0) == (105.0, 20.0)
    first = ag.record(lambda x, y: f(x, y)[0], 2.0, 3.0).gradient((0, 1))
    assert first(4.0, 5.0) == (105.0, (20.0, 5.0))


# ── What a function finds around it ─────────────────────────────────────────────────────────────────────────

scale = 2.0


def helper(x: Value) -> Any:
    return x * scale


def test_variables_around_a_function_are_read_anew() -> None:
    global scale
    factor = 1.0
    compiled = ag.compile(lambda x: helper(x) + factor, strict=True)
    got = []
    for scale in (2.0, 3.0, 2.0, 3.0):  # noqa: B007 - a global, which the function reads
        for factor in (1.0, -0.0, 0.0):  # noqa: B007 - in its closure
            got.append((compiled(5.0), compiled.value_and_grad(5.0)))
    scale = 2.0
    expected = [5.0 * s + t for s in (2.0, 3.0, 2.0, 3.0) for t in (1.0, -0.0, 0.0)]
    assert got == [(y, (y, s)) for y, s in zip(expected, [2.0] * 3 + [3.0] * 3 + [2.0] * 3 + [3.0] * 3, strict=True)]
    assert len(compiled.programs) == 6


def test_an_object_that_holds_numbers_is_looked_through() -> None:
    class Model:
        rate = 3.0

        def __init__(self) -> None:
            self.rate = 2.0
            self.f = ag.compile(self.forward, strict=True)

        def forward(self, x: Value) -> Any:
            return x * self.rate

    model = Model()
    assert model.f(5.0) == 10.0
    model.rate = 4.0
    assert model.f(5.0) == 20.0


def test_an_audit_finds_what_can_not_be_known() -> None:
    held = [2.0]
    compiled = ag.compile(lambda x: x * held[0])
    assert compiled(5.0) == 10.0
    held[0] = 3.0
    with pytest.warns(RecordWarning, match="audit.*Make it an argument"):
        assert compiled(5.0) == 15.0  # the second call
    held[0] = 4.0
    assert compiled(5.0) == 20.0
    assert "audit" in compiled.declined


def test_audits_come_at_every_power_of_two() -> None:
    held, calls = [1.0], []

    def f(x: Value) -> Any:
        calls.append(1)
        return x * held[0]

    compiled = ag.compile(f)
    ran = []
    for call in range(1, 33):
        before = len(calls)
        assert compiled(2.0) == 2.0
        if len(calls) > before:
            ran.append(call)
    assert ran == [1, 2, 4, 8, 16, 32]
    held[0] = 7.0
    for call in range(33, 64):
        assert compiled(2.0) == 2.0, call  # wrong, as the documents say, until
    with pytest.warns(RecordWarning, match="audit"):
        assert compiled(2.0) == 14.0  # the next audit
    assert compiled(2.0) == 14.0


def test_a_constant_that_is_returned_is_audited_too() -> None:
    calls = []

    def f(x: Value) -> Any:
        calls.append(1)
        return x * 2.0, len(calls)

    compiled = ag.compile(f)
    assert compiled(1.0) == (2.0, 1)
    with pytest.warns(RecordWarning, match="audit"):
        assert compiled(1.0) == (2.0, 2)


FEATURES = ("branch", "bool", "data", "random", "list", "closure", "index", "captured", "error", "detach")
EVENTS = st.sampled_from(["call", "call", "call", "gradient", "gradient", "list", "closure", "captured", "seed"])


@settings(max_examples=100)
@given(st.lists(st.sampled_from(FEATURES), max_size=4), st.lists(st.tuples(EVENTS, NUMBERS), min_size=2, max_size=20))
def test_no_answer_is_wrong_but_by_what_only_an_audit_finds(features: list[str], events: Any) -> None:
    """Functions that look at numbers, or at what changes, against themselves."""
    held, factor, w = [1.0], 1.0, Value(0.5)

    def f(x: Any, y: Any) -> Any:
        for feature in features:
            if feature == "branch":
                x = x * 2.0 if x < y else x + y
            elif feature == "bool":
                y = y + 1.0 if x else y - 1.0
            elif feature == "data":
                x = x * y.data
            elif feature == "random":
                x = x + random.random()
            elif feature == "list":
                x = x * held[0]
            elif feature == "closure":
                y = y * factor
            elif feature == "index":
                x = ag.pick([x, y, x * y], abs(y) % 3.0 // 1.0)
            elif feature == "captured":
                x = x * w
            elif feature == "detach":
                x = x * y.detach()
            else:
                try:
                    x = x.log()
                except ValueError:
                    x = x - 1.0
        return x * y

    def truth(a: float, b: float) -> Any:
        xs = [Value(a), Value(b)]
        y = f(*xs)
        return bits([y.data, [g.data for g in ag.gradients(y, xs)]])

    compiled = ag.compile(f, argnums=(0, 1), variants=2)
    changed_unseen, calls, a, b, seed = False, 0, 1.0, 2.0, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordWarning)
        for event, number in events:
            if event == "list":
                changed_unseen = changed_unseen or ("list" in features and calls > 0 and bits(held[0]) != bits(number))
                held[0] = number
            elif event == "closure":
                factor = number
            elif event == "captured":
                w.data = number
            elif event == "seed":
                seed += 1
            else:
                a, b = b, number
                random.seed(seed)
                expected = truth(a, b)
                random.seed(seed)
                audited = any(v.calls + 1 & v.calls == 0 for k in compiled._known.values() for v in k.variants)
                if event == "call":
                    got, right = compiled(a, b), expected[0]
                    got = got.data if isinstance(got, Value) else got
                else:
                    got, right = compiled.value_and_grad(a, b), expected
                calls += 1
                if bits(got) != right:
                    assert changed_unseen, (event, a, b)
                    assert not audited or len(compiled.programs) > 1, "an audit that finds nothing"


def test_captured_values_are_read_at_each_call_and_differentiated() -> None:
    w = Value(3.0, label="w")
    compiled = ag.compile(lambda x: w * x * x, strict=True)
    y = compiled(2.0)
    assert type(y) is Value
    y.backward()
    assert (y.data, w.grad) == (12.0, 4.0)
    w.data = 5.0
    assert compiled(2.0).data == 20.0
    assert compiled.value_and_grad(2.0) == (20.0, 20.0)
    assert compiled.programs[0].captured == (w,)
    assert "w * x" in str(compiled.programs[0])
    with ag.no_grad():
        assert compiled(2.0).inputs == ()


def test_a_stale_input_of_a_program_node_is_refused() -> None:
    x = Value(3.0)
    y = ag.compile(lambda a: a * a)(x)
    x.data = 4.0
    with pytest.raises(StaleGraphError):
        y.backward()


def test_several_results_each_have_their_gradient() -> None:
    compiled = ag.compile(lambda a, b: {"s": a + b, "p": [a * b, 7, a]}, strict=True)
    a, b = Value(2.0), Value(3.0)
    result = compiled(a, b)
    assert result["p"][1] == 7
    assert result["p"][2] is a
    (result["s"] * 10.0 + result["p"][0]).backward()
    assert (a.grad, b.grad) == (13.0, 12.0)
    assert compiled(2.0, 3.0) == {"s": 5.0, "p": [6.0, 7, 2.0]}
    with pytest.raises(InputTypeError, match="one number"):
        compiled.value_and_grad(2.0, 3.0)


# ── Arguments ───────────────────────────────────────────────────────────────────────────────────────────────

Point = namedtuple("Point", "x y")


def total(tree: Any, n: int = 1) -> Any:
    """A function of whatever structure: Σ k xₖ."""
    found: list[Any] = []
    taken_apart(tree, found)
    y: Any = 0.0
    for k, x in enumerate(found, 1):
        y = y + x * float(k * n)
    return y


@pytest.mark.parametrize(
    ("tree", "slopes"),
    [
        (2.0, 1.0),
        ([1.0, 2.0], [1.0, 2.0]),
        ((1.0, [2.0, (3.0,)]), (1.0, [2.0, (3.0,)])),
        ({"a": 1.0, "b": [2.0, "text"]}, {"a": 1.0, "b": [2.0, None]}),
        (Point(1.0, [2.0]), Point(1.0, [2.0])),
        ([1.0, 3, True, None, 2.0], [1.0, None, None, None, 2.0]),
        (array.array("d", [1.0, 2.0]), array.array("d", [1.0, 2.0])),
        (Fraction(1, 3), 1.0),
        ([], None),
    ],
    ids=repr,
)
def test_gradients_have_the_structure_of_the_argument(tree: Any, slopes: Any) -> None:
    compiled = ag.compile(total, strict=True)
    if slopes is None:
        with pytest.raises(InputError, match="holds no float"):
            compiled.value_and_grad(tree)
        return
    for _ in range(3):
        assert compiled.value_and_grad(tree)[1] == slopes


def test_arrays_come_and_go() -> None:
    compiled = ag.compile(lambda w, x: (w * x).sum(), strict=True)
    w, x = numpy.arange(6.0).reshape(2, 3), numpy.ones((2, 3))
    for _ in range(3):
        value, slopes = compiled.value_and_grad(w, x)
        assert value == 15.0
        assert slopes.dtype == float
        assert slopes.tolist() == x.tolist()
    doubled = ag.compile(lambda x: x * 2.0, strict=True)
    assert doubled(x).dtype == float
    assert doubled(x).tolist() == (x * 2.0).tolist()
    single = ag.compile(lambda x, n: x * float(n), strict=True)
    assert single(numpy.float32(1.5), numpy.int64(2)) == 3.0


def test_whole_numbers_and_lengths_are_structure() -> None:
    compiled = ag.compile(total, strict=True)
    assert [compiled([1.0] * k, n) for k in (1, 2) for n in (1, 2)] == [1.0, 2.0, 3.0, 6.0]
    assert len(compiled.programs) == 4
    assert compiled([1.0, 1.0], n=2) == 6.0


def test_an_index_as_a_value_is_data() -> None:
    compiled = ag.compile(lambda xs, i: ag.pick(xs, i) * 2.0, strict=True)
    xs = [1.0, 2.0, 3.0]
    assert [compiled(xs, float(i)) for i in (0, 1, 2, 0)] == [2.0, 4.0, 6.0, 2.0]
    assert len(compiled.programs) == 1
    assert compiled.value_and_grad(xs, 2.0) == (6.0, [0.0, 0.0, 2.0])
    for bad in (3.0, -1.0, 0.5, math.nan):
        with pytest.raises(InputError, match="index"):
            compiled(xs, bad)


def test_too_many_structures_run_eagerly() -> None:
    compiled = ag.compile(lambda x, n: x * float(n), variants=1)
    with pytest.warns(RecordWarning, match="more than 8 structures.*pass what varies as a float"):
        assert [compiled(2.0, n) for n in range(20)] == [2.0 * n for n in range(20)]


def test_too_many_ways_run_eagerly() -> None:
    def f(x: Value) -> Any:
        for k in range(20):
            if x < float(k):
                return x * float(k)
        return x

    compiled = ag.compile(f)
    with pytest.warns(RecordWarning, match=r"more than 8 ways, by comparisons at test_program.py:\d+.*relu"):
        assert [compiled(k - 0.5) for k in range(20)] == [(k - 0.5) * k for k in range(20)]
    assert compiled.programs == []


def test_gradients_by_several_arguments_and_inside_the_function() -> None:
    compiled = ag.compile(lambda x, y: x * x * y, argnums=(1, 0), strict=True)
    assert compiled.value_and_grad(3.0, 2.0) == (18.0, (9.0, 12.0))
    cubed = ag.compile(ag.grad(ag.grad(lambda x: x**3.0)), strict=True)
    assert [cubed(x) for x in (1.0, 2.0, 3.0)] == [6.0, 12.0, 18.0]
    assert cubed.value_and_grad(2.0) == (12.0, 6.0)
    inner = ag.compile(lambda x: x * x, strict=True)
    outer = ag.compile(lambda x: inner(x) + inner.value_and_grad(x)[1], strict=True)
    assert outer.value_and_grad(3.0) == (15.0, 8.0)
    nested = ag.compile(lambda x: ag.grad(lambda t: ag.grad(lambda s: s * s * s * x)(t))(2.0), strict=True)
    assert nested.value_and_grad(5.0) == (60.0, 12.0)


def test_bad_argnums_are_refused() -> None:
    for argnums, error in ((1, InputError), ("x", InputTypeError), ((0, 0), InputError)):
        with pytest.raises(error, match="arg"):
            ag.compile(lambda x: x * x, argnums=argnums).value_and_grad(2.0)
    with pytest.raises(InputTypeError, match="variants"):
        ag.compile(abs, variants=0)
    for use in (ag.record, ag.compile):
        with pytest.raises(InputTypeError, match="takes a function"):
            use(3.0)


def test_a_method_is_compiled_in_its_object() -> None:
    with pytest.raises((InputTypeError, RuntimeError)) as caught:
        type("A", (), {"f": ag.compile(lambda self, x: x)})
    error = caught.value if isinstance(caught.value, InputTypeError) else caught.value.__cause__
    assert "In __init__ write self.f = autograd.compile(self.f)" in str(error)


# ── Programs ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_program_tells_what_it_is() -> None:
    program = ag.record(lambda p, x: (2.0 * p[0] if x > 0.5 else x) + p[1] * 3.0, [1.0, 2.0], 3.0)
    assert program.inputs == ("p[0]", "p[1]", "x")
    assert program.ops == {"mul": 2, "lt": 1, "add": 1}
    assert [c.value for c in program.constants] == [2.0, 3.0]
    assert all(re.fullmatch(r"test_program\.py:\d+", place) for c in program.constants for place in c.places)
    assert [program.guard_text(g).partition(" at ")[0] for g in program.guards] == ["0.5 < x is True"]
    text = program.explain()
    for fact in ("3 inputs, 4 ops", "constant 2.0 at test_program.py:", "guard 0.5 < x is True at test_program.py:"):
        assert fact in text
    assert f"{program.bytes} bytes" in text
    assert "guard 0.5 < x is True" in str(program)
    assert "v4 = v2 + v3" in str(program)
    assert repr(program) == "<program <lambda>: 3 inputs, 4 ops, 1 guard>"


def test_a_program_refuses_what_it_was_not_recorded_for() -> None:
    program = ag.record(lambda x: x.log() if x < 5.0 else x, 2.0)
    with pytest.raises(GuardError, match=r"x < 5.0 is True at test_program.py:\d+ no more.*autograd.compile"):
        program(6.0)
    with pytest.raises(InputError, match="another structure"):
        program([2.0])
    with pytest.raises(DomainError, match="log") as caught:
        program(-1.0)
    assert re.search(r"in the program <lambda>, at test_program.py:\d+", "".join(caught.value.__notes__))
    with ag.ieee():
        assert math.isnan(program(-1.0))
    with pytest.raises(InputError, match="inside a function"):
        ag.record(lambda x: ag.record(lambda y: y, 1.0)(x), 2.0)


def test_forward_raises_as_the_function_does_also_where_its_result_is_not_used() -> None:
    def f(x: Value) -> Any:
        x.log()
        return x * 2.0

    compiled = ag.compile(f, strict=True)
    assert compiled(3.0) == 6.0
    for _ in range(3):
        with pytest.raises(DomainError, match=r"log\(a\) at a = -3.0"):
            compiled(-3.0)
    assert compiled(3.0) == 6.0
    with ag.ieee():
        assert compiled(-3.0) == -6.0


def test_programs_travel() -> None:
    program = ag.record(lambda p, x: (p[0] * x).tanh() * p[1], [1.0, 2.0], 3.0)
    gradient = pickle.loads(pickle.dumps(program)).gradient()
    point = ([0.5, 0.25], 2.0)
    assert bits(pickle.loads(pickle.dumps(gradient))(*point)) == bits(program.gradient()(*point))
    code = "import pickle, sys; print(repr(pickle.load(sys.stdin.buffer)([0.5, 0.25], 2.0)))"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(gradient), capture_output=True, cwd=ROOT, check=True
    )
    assert done.stdout.decode().strip() == repr(gradient(*point))
    held = ag.record(lambda x, where: x * 2.0, 1.0, object())
    with pytest.raises(CopyError, match="can't go elsewhere"):
        pickle.dumps(held)


def test_workers_share_the_gradient_of_a_data_set() -> None:
    program = ag.record(line_loss, [0.5, 0.5], 1.0, 2.0).gradient()
    samples = [(float(k), 2.0 * k + 1.0) for k in range(8)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(partial(one_sample, program, [1.0, 1.0]), samples)
    expected = [eager_gradient(lambda p, x=x, t=t: line_loss(p, x, t), [1.0, 1.0]) for x, t in samples]
    assert bits(found) == bits(expected)


def line_loss(p: Any, x: Any, t: Any) -> Any:
    return (p[0] * x + p[1] - t) ** 2


def one_sample(program: Any, p: list[float], sample: tuple[float, float]) -> Any:
    return program(p, *sample)


# ── Ops and rules of one's own ──────────────────────────────────────────────────────────────────────────────


def test_ops_of_ones_own() -> None:
    cube = ag.Op("cube", 1, lambda a: a * a * a)

    @ag.rule(cube)
    def cube_rule(g: Any, y: Any, a: Any) -> Any:
        return (g * 3.0 * a * a,)

    step = ag.Op("step", 1, lambda a: int(a > 0))

    @ag.rule(step)
    def step_rule(g: Any, y: Any, a: Any) -> Any:
        if a > 0:
            return (g * 2.0,)
        return (g,)

    compiled = ag.compile(lambda x: cube(x) + 1.0, strict=True)
    assert [compiled.value_and_grad(x) for x in (2.0, 3.0)] == [(9.0, 12.0), (28.0, 27.0)]
    with pytest.raises(CopyError, match="'cube'"):
        pickle.dumps(compiled.programs[0])
    branched = ag.compile(step)
    assert [branched(x) for x in (2.0, -3.0)] == [1.0, 0.0]
    with pytest.warns(RecordWarning, match="rule of 'step' is no formula"):
        assert [branched.value_and_grad(x) for x in (2.0, -3.0)] == [(1.0, 2.0), (0.0, 1.0)]
    with pytest.raises(RecordError, match="no formula"):
        ag.record(step, 2.0).gradient()


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-320, 1e308, -1e308, math.inf, -math.inf, math.nan, 700.0, -800.0, 3.7]


@pytest.mark.parametrize("op", sorted(TOTAL, key=lambda op: op.name), ids=repr)
def test_an_op_that_may_be_left_out_never_raises(op: Any) -> None:
    for xs in itertools.product(SPECIAL, repeat=op.arity or 2):
        op.function(*xs, *([] if op.arity else xs))


def test_threads_may_share_a_compiled_function() -> None:
    compiled = ag.compile(lambda x: x * x if x > 0 else -x, strict=True)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(compiled, [float(k) for k in range(-50, 50)]))
    assert found == [float(k * k) if k > 0 else float(-k) for k in range(-50, 50)]


def test_deep_programs_need_no_recursion() -> None:
    def f(x: Value) -> Any:
        for _ in range(1500):
            x = x * 1.0001
        return x

    program = ag.record(f, 1.0)
    value, slopes = eager_gradient(lambda xs: f(xs[0]), [2.0])
    assert bits(program.gradient()(2.0)) == bits((value, slopes[0]))
    assert bits(pickle.loads(pickle.dumps(program))(2.0)) == bits(program(2.0))


# ── The machine ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("op", [ops.prod, ops.mean, ops.maximum, ops.logsumexp, ops.hypot, ops.fsum])
def test_ops_of_any_number_of_inputs_may_have_one_in_a_wide_run(op: Any) -> None:
    xs = [0.5 * i - 2.0 for i in range(20)]
    assert bits(ag.record(lambda xs: [op(x) for x in xs], xs)(xs)) == bits([op(x) for x in xs])


@settings(max_examples=15)
@given(steps(3, most=8), st.lists(POINTS, min_size=9, max_size=20), st.integers(0, 2))
def test_wide_programs_have_the_bits_of_the_run(program: Any, points: list[list[float]], shape: int) -> None:
    """Many ops of a kind, and sums of many terms, which the machine makes whole again: plain, of products, of both."""

    def f(rows: Any) -> Any:
        results = [function_of(program, (1.0,))(row) for row in rows]
        terms = [y if shape == 0 else y * row[0] for y, row in zip(results, rows, strict=True)]
        total = rows[0][1] if shape == 2 else terms[0]
        for term in terms[shape != 2 :]:
            total = total + term
        return total

    gradient = ag.record(f, points).gradient()
    with ag.ieee():
        leaves = [[Value(x) for x in point] for point in points]
        y = f(leaves)
        y.backward()
        assert bits(gradient(points)) == bits([y, [[leaf.grad for leaf in row] for row in leaves]])


EVERY_OP = [op for op in BY_NAME.values() if op.arity is not None] + [op for op in BY_NAME.values() if op.arity is None]


@pytest.mark.parametrize("op", EVERY_OP, ids=repr)
def test_every_op_runs_as_its_float_function(op: Any) -> None:
    """On the machine as in Python, alone and beside others, in both modes."""
    arity = op.arity or 5
    cases = list(itertools.islice(itertools.product(SPECIAL, repeat=min(arity, 2)), 196))
    rows = [Row(op, tuple(range(k * arity, (k + 1) * arity)), "", True) for k in range(9)]
    together = lowered(extended(Listing(9 * arity), rows), 9 * arity, range(9 * arity, 9 * arity + 9), [])
    alone = lowered(extended(Listing(arity), rows[:1]), arity, [arity], [])
    assert together is not None
    assert alone is not None
    run_together, run_alone = Runner(together), Runner(alone)
    inputs = [[*case, *case, 0.25][:arity] for case in cases]
    if op.name in ("pick", "softmax", "log_softmax"):
        inputs = [[float(k % 4), *xs[1:]] for k, xs in enumerate(inputs)]
    for k, xs in enumerate(inputs):
        expected = careful(op, xs)
        assert bits(run_alone(xs, True)) == bits([expected]), xs
        try:
            plainly: Any = [float(op.function(*xs))]
        except (ValueError, ArithmeticError, IndexError):
            plainly = None
        got = run_alone(xs, False)
        assert (got is None) == (plainly is None), xs
        if plainly is not None:
            assert bits(got) == bits(plainly), xs
        if k % 9 == 0:
            block = (inputs[k:] + inputs)[:9]
            found = run_together([x for xs in block for x in xs], True)
            assert bits(found) == bits([careful(op, xs) for xs in block])


def test_a_long_run_lets_other_threads_go_on() -> None:
    def f(x: Any) -> Any:
        total = x[0]
        for k in range(6000):
            total = (total * x[k % 3]).sin()
        return total

    program = ag.record(f, [1.0, 2.0, 3.0])
    alone = [program([1.0, 2.0, float(k)]) for k in range(8)]
    with ThreadPoolExecutor(4) as pool:  # the machine has room for one run: the others bring their own
        assert list(pool.map(lambda k: program([1.0, 2.0, float(k)]), range(8))) == alone


def test_a_machine_takes_numbers_alone() -> None:
    runner = Runner(ag.record(lambda x, y: x * y, 1.0, 2.0).code)
    assert runner([2.0, Value(3.0)], False) == [6.0]
    if ag.backend().name == "compiled":
        for bad in ([1.0], [1.0, "2"], (1.0, 2.0)):
            with pytest.raises(TypeError):
                runner(bad, False)  # type: ignore[arg-type]


@pytest.mark.skipif(ag.backend().name != "compiled", reason="compares the compiled listings with Python's")
@settings(max_examples=100)
@given(steps(3, branches=True), POINTS, st.integers(1, 2))
def test_compiled_listings_have_the_rows_of_pythons(program: Any, xs: list[float], order: int) -> None:
    f = function_of(program)
    with ag.ieee():
        recorded = ag.record(f if order == 1 else curvature(f), xs)
    leaves = len(recorded.inputs)
    compiled = recorded._listing
    plain = extended(Listing(leaves), recorded.rows)
    root = recorded._outputs[0]
    assert bytes(leading(compiled, [1])) == bytes(leading(plain, [1]))
    assert compiled.raising() == plain.raising()
    for seed in (1.0, 0):
        ours, theirs = plain.copy(), compiled.copy()
        found = gradients(ours, [(root, seed)], range(leaves))
        assert repr(gradients(theirs, [(root, seed)], range(leaves))) == repr(found)
        assert repr(rows_of(theirs, leaves)) == repr(rows_of(ours, leaves))
        slopes = [or_zero(ours, total) for total in found]
        assert repr([or_zero(theirs, total) for total in found]) == repr(slopes)
        roots = [root, *slopes, *[guard.slot for guard in recorded.guards]]
        (short, places), (also, those) = ours.only(range(leaves), roots), theirs.only(range(leaves), roots)
        assert repr(places) == repr(those)
        assert repr(rows_of(also, leaves)) == repr(rows_of(short, leaves))
        conditions = [(place, 1.0) for place in places[1 + leaves :]]
        expected = lowered(short, leaves, places[: 1 + leaves], conditions)
        code = lowered(also, leaves, places[: 1 + leaves], conditions)
        assert repr(code) == repr(expected)
        if code is not None and expected is not None:
            items, one = collected(code), len(code.constants) + code.inputs + len(code.instructions)
            assert [*items.items()] == [*collected(expected).items()]
            assert engine.compiled().batches(items, one, schedule._PATIENCE) == [*schedule.batches(items, one)]
        assert repr(rows_of(also.with_leaf(leaves), leaves)) == repr(rows_of(short.with_leaf(leaves), leaves))
        assert also.is_same(theirs.only(range(leaves), roots)[0])
        assert not len(also) > leaves or not also.is_same(compiled.with_leaf(leaves))


ACTIONS = st.sampled_from(["call", "gradient", "call", "gradient", "closure", "global", "ieee", "value", "int", "list"])
rate_of_the_test = 1.0


@settings(max_examples=60)
@given(st.lists(st.tuples(ACTIONS, st.sampled_from([0.5, -1.0, 2.0, 0.0])), min_size=20, max_size=60))
def test_calls_like_the_last_one_are_answered_like_all_others(actions: list[tuple[str, float]]) -> None:
    global rate_of_the_test
    factor = 2.0

    def f(p: Any, x: Any, n: int = 2) -> Any:
        return ag.tanh(p[0] * x + p[1][0] * factor) * rate_of_the_test + x**n

    def answer(g: Any, action: str, number: float) -> Any:
        if action == "value":
            x = Value(number)
            y = g([1.5, [0.25]], x)
            y.backward()
            return y, x.grad
        if action == "int":
            return g([1.5, [number]], 3)
        if action == "list":
            return g([1.5, [number, 1.0]], number, 3)
        return g([number, [0.25]], 0.75)

    compiled = ag.compile(f, strict=True, variants=64)
    for action, number in actions:
        if action == "closure":
            factor = number
        elif action == "global":
            rate_of_the_test = number
        elif action == "gradient":
            eager = ag.value_and_grad(lambda p, x=0.75: f(p, x))
            value, slopes = eager([number, [0.25]])
            assert bits(compiled.value_and_grad([number, [0.25]], 0.75)) == bits((value, slopes))
        elif action == "ieee":
            with ag.ieee():
                assert bits(answer(compiled, action, number)) == bits(answer(f, action, number))
        else:
            assert bits(answer(compiled, action, number)) == bits(answer(f, action, number))


def test_calls_with_dicts_lists_and_what_is_no_number() -> None:
    def f(p: Any, options: Any) -> Any:
        return p["w"][0][0] * p["w"][1][0] + p["b"] * options[1]

    compiled = ag.compile(f, strict=True)
    for k in range(20):
        p = {"w": [[float(k)], (2.0 + k,)], "b": 0.5 * k, "name": "p", "none": None}
        w, b = p["w"], p["b"]
        expected = (w[0][0] * w[1][0] + b * 3, {"w": [[w[1][0]], (w[0][0],)], "b": 3.0, "name": None, "none": None})
        assert compiled.value_and_grad(p, ("x", 3)) == expected
        assert list(compiled.value_and_grad(p, ("x", 3))[1]) == list(p)
    turned = {"b": 1.0, "w": [[2.0], (3.0,)], "name": "p", "none": None}
    assert list(compiled.value_and_grad(turned, ("x", 3))[1]) == list(turned)
    assert compiled.value_and_grad(turned, ("x", 4))[0] == 10.0


@pytest.mark.parametrize("ending", ["declines", "raises", "returns"])
def test_what_a_recording_held_is_freed(ending: str) -> None:
    class Hook:
        def __call__(self, g: Any) -> None:
            """Change nothing."""

    def reference() -> Any:
        hook = Hook()

        def f(x: Any) -> Any:
            y = x * 2.0
            if ending != "returns":
                y.register_hook(hook)
            if ending == "raises":
                raise KeyError(hook)
            return y if ending != "returns" or hook else x

        with contextlib.suppress(RecordError, KeyError):
            ag.record(f, 1.0)
        return weakref.ref(hook)

    found = reference()
    gc.collect()
    assert found() is None


def test_a_compiled_function_that_knows_itself_is_freed() -> None:
    def made() -> Any:
        def f(x: Any) -> Any:
            return x * 2.0 if again is not None else x

        again = ag.compile(f)
        for k in range(5):
            again(float(k))
        return weakref.ref(again)

    reference = made()
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize("flag", ["strict", "fast"])
@pytest.mark.parametrize("wrong", ["yes", 1, None])
def test_a_flag_that_is_no_bool_is_refused(flag: str, wrong: Any) -> None:
    with pytest.raises(InputTypeError, match=f"{flag} must be True or False, not {wrong!r}"):
        ag.compile(lambda x: x, **{flag: wrong})
