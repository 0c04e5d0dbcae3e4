"""Steps: the same bits as a pass, in both directions; left early, nothing has happened."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
from autograd import Op, Value, no_grad, rule, steps, trace
from autograd.errors import InputError, InputTypeError, StaleGraphError
from autograd.stepping import Steps

OPS: list[Any] = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - b * 0.5,
    lambda a, b: (a * 0.1).tanh(),
    lambda a, b: ag.maximum(a, b),
    lambda a, b: ag.where(a > b, a, b * 2.0),
    lambda a, b: ag.sum([a, b, a, 1.0]),
    lambda a, b: ag.dot([a, b, 2.0], [b, b, a]),
    lambda a, b: ag.max([a, b, a]),
    lambda a, b: (a * a).sqrt(),
    lambda a, b: a.sin() / (b * b + 1.0),
    lambda a, b: abs(a) ** 1.5,
]
PROGRAMS = st.lists(
    st.tuples(st.integers(0, len(OPS) - 1), st.integers(0, 99), st.integers(0, 99)), min_size=0, max_size=25
)


def built(program: list[tuple[int, int, int]], seed: int = 0) -> list[Any]:
    """All nodes of a random program; the last one is its result."""
    numbers = random.Random(seed)
    nodes = [Value(numbers.uniform(-2.0, 2.0)) for _ in range(3)]
    with ag.ieee():
        for op, i, j in program:
            nodes.append(OPS[op](nodes[i % len(nodes)], nodes[j % len(nodes)]))
    return nodes


def bits(nodes: list[Any]) -> list[Any]:
    return [struct.pack("d", node.grad) if node.has_grad else None for node in nodes]


@given(program=PROGRAMS, before=st.booleans(), gradient=st.sampled_from([1.0, -0.3, 0.0, math.inf]))
def test_all_steps_are_a_pass_to_the_last_bit(program: Any, before: bool, gradient: float) -> None:
    ours, theirs = built(program), built(program)
    if before:
        for nodes in (ours, theirs):
            nodes[0].grad = 0.1
            nodes[-1].backward()
    found = list(steps(ours[-1], gradient))
    theirs[-1].backward(gradient)
    assert bits(ours) == bits(theirs)
    assert [step.index for step in found] == list(range(len(found)))
    for step in found:
        assert step.node.inputs[step.position] is step.input
        if step.contribution is not None and math.isfinite(step.contribution):
            product = step.upstream * step.local
            assert math.isclose(product, step.contribution, rel_tol=1e-13, abs_tol=1e-300) or not math.isfinite(product)


@given(program=PROGRAMS, moves=st.lists(st.integers(0, 60), max_size=12), before=st.booleans())
def test_any_way_to_a_place_gives_the_same_bits(program: Any, moves: list[int], before: bool) -> None:
    nodes, straight = built(program), built(program)
    if before:
        for each in (nodes, straight):
            each[1].grad = -0.7
            each[-1].backward()
    start = bits(nodes)
    with steps(nodes[-1]) as there:
        for move in moves:
            there.goto(move)
            fresh = Steps(straight[-1])
            fresh.goto(move)
            assert there.position == fresh.position
            assert bits(nodes) == bits(straight)
            fresh.goto(0)
        there.run()
        assert there.done
        while there.back():
            pass
        assert bits(nodes) == start
    assert bits(nodes) == start


def test_the_end_lies_behind_the_last_step() -> None:
    """Going to where all steps are taken takes the end back; so for a leaf alone, which has no steps."""
    x = Value(2.0)
    alone, square = steps(x), steps(x * x)
    alone.goto(5)
    assert (alone.done, x.grad) == (True, 1.0)
    alone.goto(0)
    assert (alone.done, x.has_grad) == (False, False)
    square.run()
    square.goto(2)
    assert (square.done, square.position) == (False, 2)


@given(program=PROGRAMS, stop=st.integers(0, 20))
def test_a_loop_left_early_has_changed_nothing(program: Any, stop: int) -> None:
    nodes = built(program)
    nodes[-1].backward()
    before = bits(nodes)
    for step in steps(nodes[-1]):
        if step.index == stop:
            break
    else:
        return
    del step
    assert bits(nodes) == before


def test_a_textbook_line() -> None:
    a, b = Value(0.3, "a"), Value(-0.7, "b")
    e = a * b
    e.label = "e"
    lines = [str(step) for step in steps((e + a).tanh() * 2.0)]
    assert lines[0] == "dL/dv1 += dL/dL · dL/dv1 = 1 · 2 = 2    L = v1 * 2"
    assert lines[-2] == "dL/da += dL/de · de/da = 1.98389 · -0.7 = -1.38872    e = a * b"


def test_a_line_tells_where_the_node_was_made() -> None:
    with trace():
        a = Value(0.3)
        loss = a * a
    first, second = map(str, steps(loss))
    assert first == second
    assert first.startswith("dloss/da += dloss/dloss · dloss/da = 1 · 0.3 = 0.3    loss = a * a, test_stepping.py:")


def test_names_that_are_shared_are_numbered() -> None:
    h = Value(0.5, "h")
    for _ in range(2):
        h = h * 2.0
        h.label = "h"
    assert [str(step).split("    ")[1] for step in steps(h)] == ["h = h#2 * 2", "h#2 = h#3 * 2"]


def test_a_node_of_many_inputs_shows_eight() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(784)]
    found = list(steps(ag.sum(xs)))
    assert len(found) == 784
    assert str(found[700]).endswith("L = sum(x0, x1, x2, x3, x4, x5, x6, x7, … 776 more)")


def test_what_is_sent_nothing_says_so() -> None:
    p, q = Value(1.0, "p"), Value(2.0, "q")
    y = ag.where(True, p, q)
    found = list(steps(y))
    assert [step.contribution for step in found] == [1.0, None]
    assert str(found[1]) == "dL/dq: L sends it nothing    L = where(1, p, q)"
    assert not q.has_grad


def test_a_nan_product_is_printed_as_it_is() -> None:
    x, zero = Value(0.0, "x"), Value(0.0, "zero")
    found = list(steps(x.sqrt() * zero))
    last = found[-1]
    assert (last.upstream, last.local) == (0.0, math.inf)
    assert math.isnan(last.contribution or 0.0)
    assert "0 · inf = nan" in str(last)


def test_hooks_have_their_say_once_and_steps_show_it() -> None:
    x = Value(3.0)
    y = x * 2.0
    z = y * y
    calls: list[float] = []
    y.register_hook(lambda g: calls.append(g) or g * 0.5)
    x.register_hook(lambda g: calls.append(g) or -g)
    pass_ = steps(z)
    pass_.run()
    assert (y.grad, x.grad, calls) == (6.0, -12.0, [12.0, 12.0])
    pass_.goto(0)
    assert not x.has_grad
    pass_.run()
    assert (y.grad, x.grad, calls) == (6.0, -12.0, [12.0, 12.0])
    twin = Value(3.0)
    ((twin * 2.0) * 1.0).backward()
    x.grad = None
    z.backward()
    assert x.grad == -12.0


def test_a_leaf_alone_has_no_steps_and_gets_its_gradient() -> None:
    x = Value(1.0)
    assert list(steps(x, 2.5)) == []
    assert x.grad == 2.5
    pass_ = steps(x)
    assert pass_.peek() is None
    assert pass_.forward() is None
    assert x.grad == 3.5
    assert pass_.back() is None
    assert x.grad == 2.5


def test_peek_shows_the_next_step_and_takes_none() -> None:
    x = Value(2.0)
    pass_ = steps(x * x)
    step = pass_.peek()
    assert step is not None
    assert (step.index, pass_.position, x.has_grad) == (0, 0, False)
    assert str(pass_.forward()) == str(step)
    assert [taken.index for taken in pass_.taken] == [0]
    assert x.grad == 2.0
    assert str(pass_.back()) == str(step)
    assert not x.has_grad


def test_a_stale_graph_is_refused_and_everything_undone() -> None:
    x = Value(2.0)
    y = x * x
    z = y + 1.0
    x.data = 3.0
    pass_ = steps(z)
    assert next(pass_)
    with pytest.raises(StaleGraphError, match=r"3\.0"):
        next(pass_)
    assert not any(node.has_grad for node in (x, y, z))
    with pytest.raises(InputError, match="begin another"):
        next(pass_)
    x.data = 2.0
    assert len(list(steps(x * x))) == 2


def test_a_rule_that_raises_undoes_everything() -> None:
    op = Op("raises in its rule", 1, lambda a: a)

    @rule(op)
    def raises(g: Any, y: Any, a: Any) -> Any:
        raise KeyboardInterrupt

    x = Value(1.0)
    x.grad = 0.5
    with pytest.raises(KeyboardInterrupt):
        list(steps((op(x) + x) * x))
    assert x.grad == 0.5


def test_a_pass_inside_the_loop_adds_its_own() -> None:
    x = Value(3.0)
    y = x * x
    for step in steps(y):
        if step.index == 0:
            (x * 2.0).backward()
    assert x.grad == 8.0
    for step in steps(y):
        if step.index == 0:
            x.grad = None
    assert x.grad == 6.0


def test_steps_hold_the_lock_only_within_a_step() -> None:
    import threading

    x = Value(3.0)
    done = []
    with steps(x * x) as pass_:
        next(pass_)
        thread = threading.Thread(target=lambda: done.append((Value(2.0) * 2.0).backward()))
        thread.start()
        thread.join(10.0)
    assert done == [None]


def test_the_first_step_of_a_large_graph_needs_no_walk() -> None:
    x = Value(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    pass_ = steps(y)
    assert next(pass_).index == 0
    assert len(pass_._nodes) == 1
    pass_.close()
    assert not y.has_grad


@pytest.mark.parametrize("wrong", [None, 3.0, "loss", [Value(1.0)]])
def test_only_a_value_can_be_stepped_through(wrong: Any) -> None:
    with pytest.raises(InputTypeError, match="takes a Value"):
        steps(wrong)


@pytest.mark.parametrize("wrong", [-1, 1.5, None])
def test_a_place_is_a_whole_number_of_steps(wrong: Any) -> None:
    with pytest.raises(InputError, match="whole number"):
        steps(Value(1.0) * 2.0).goto(wrong)


def test_results_of_no_grad_have_no_steps() -> None:
    x = Value(1.0)
    with no_grad():
        y = x * 2.0
    assert list(steps(y)) == []
    assert not x.has_grad


# ── Another gradient, on the way ────────────────────────────────────────────────────────────────────────────


def by_hand(nodes: list[Any], settings: dict[int, list[tuple[Any, float]]], until: int) -> dict[Any, float]:
    """What every node has been sent after so many steps, where these were given other gradients on the way."""
    sums = {nodes[-1]: 1.0}
    taken = 0
    for node in ag.topological_order(nodes[-1]):
        if node not in sums:
            continue
        for i, x in enumerate(node.inputs):
            if type(x) is float:
                continue
            sums.update(settings.get(taken, []))
            if taken == until:
                return sums
            c = ag.chain.contributions(node, sums[node])[i]
            if c is not None:
                sums[x] = sums[x] + c if x in sums else c
            taken += 1
    sums.update(settings.get(taken, []))
    return sums


SETTINGS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 99), st.sampled_from([0.0, 1.5, -2.0, math.inf])), max_size=4
)


@given(program=PROGRAMS, asked=SETTINGS, moves=st.lists(st.integers(0, 60), max_size=6))
def test_a_gradient_set_on_the_way_goes_on_from_there(program: Any, asked: Any, moves: list[int]) -> None:
    nodes = built(program)
    settings: dict[int, list[tuple[Any, float]]] = {}
    with steps(nodes[-1]) as there:
        there.run()
        end = there.position
        for position, which, g in asked:
            there.goto(min(position, end))
            if there.done:
                there.back()
            now = there.current
            known = {x for node in ag.topological_order(nodes[-1]) for x in (node, *node.inputs)}
            able = [x for x in nodes if x in known and (not x.inputs or (now is not None and x._seq <= now._seq))]
            if not able:
                continue
            node = able[which % len(able)]
            there.set_gradient(node, g)
            settings = {at: list(them) for at, them in settings.items() if at <= there.position}
            settings.setdefault(there.position, []).append((node, g))
            assert struct.pack("d", node.grad) == struct.pack("d", g)
        for move in [*moves, 10**6]:
            there.goto(move)
            expected = by_hand(nodes, settings, there.position)
            for node, g in expected.items():
                if node is nodes[-1] and not there.position and node not in dict(settings.get(0, [])):
                    continue  # its gradient becomes its own with the first step
                assert struct.pack("d", node.grad) == struct.pack("d", g) or (math.isnan(g) and math.isnan(node.grad))


@given(program=PROGRAMS, asked=SETTINGS)
def test_what_was_set_is_undone_with_the_rest(program: Any, asked: Any) -> None:
    nodes = built(program)
    nodes[0].grad = 0.25
    before = bits(nodes)
    with steps(nodes[-1]) as there:
        for position, which, g in asked:
            there.goto(position)
            if there.done:
                there.back()
            leaf = nodes[which % 3]
            if there.reached(leaf):
                there.set_gradient(leaf, g)
        there.goto(max(there.position - 3, 0))
    assert bits(nodes) == before


def test_setting_says_why_it_can_not() -> None:
    x = Value(3.0, "x")
    y = x * 2.0
    y.label = "y"
    z = y * y
    pass_ = steps(z)
    other = Value(1.0, "other")
    with pytest.raises(InputError, match="other does not belong to the graph of L"):
        pass_.set_gradient(other, 1.0)
    with pytest.raises(InputTypeError, match="takes a Value"):
        pass_.set_gradient(None, 1.0)  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match="a gradient"):
        pass_.set_gradient(x, "1")  # type: ignore[arg-type]
    pass_.goto(2)
    with pytest.raises(InputError, match="the gradient of L has been sent on already"):
        pass_.set_gradient(z, 1.0)
    pass_.run()
    with pytest.raises(InputError, match="the pass has ended"):
        pass_.set_gradient(x, 1.0)
    pass_.back()
    pass_.set_gradient(x, 1.0)
    pass_.run()
    assert x.grad == 1.0 + 24.0
    assert pass_.length == 3


def test_the_seed_can_be_set_and_is_taken_back() -> None:
    x = Value(3.0, "x")
    z = x * 2.0
    with steps(z) as pass_:
        pass_.set_gradient(z, 10.0)
        pass_.goto(1)
        assert (z.grad, x.grad) == (10.0, 20.0)
    assert not z.has_grad
    assert not x.has_grad


# ── Looking back ────────────────────────────────────────────────────────────────────────────────────────────


@given(program=PROGRAMS, position=st.integers(0, 60))
def test_what_was_sent_to_a_node_is_its_gradient(program: Any, position: int) -> None:
    nodes = built(program)
    with steps(nodes[-1]) as pass_:
        pass_.run()
        pass_.goto(position)
        for node in nodes:
            sent = pass_.sent_to(node)
            assert all(step.input is node and step.index < pass_.position for step in sent)
            assert pass_.reached(node) == bool(sent) or node is nodes[-1]
            if sent:
                total = sent[0].contribution
                for step in sent[1:]:
                    total += step.contribution
                assert struct.pack("d", total) == struct.pack("d", node.grad)
        now = pass_.current
        if now is not None:
            assert [step.node for step in pass_.of_node(now)] == [now] * len(pass_.of_node(now))
            before = pass_.position
            pass_.finish_node()
            assert pass_.position <= before + len(now.inputs)
            assert pass_.current is not now


def test_a_step_that_fails_may_be_tried_again() -> None:
    x = Value(2.0)
    y = x * x
    z = y + 1.0
    x.data = 3.0
    with steps(z) as pass_:
        assert pass_.forward() is not None
        for _ in range(2):
            with pytest.raises(StaleGraphError):
                pass_.forward()
            assert (pass_.position, y.grad) == (1, 1.0)
        assert pass_.back() is not None
    assert not y.has_grad
