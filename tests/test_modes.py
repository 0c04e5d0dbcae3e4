"""Modes: per thread, in any order of leaving, and never stuck."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import AutogradError, Value, modes


@given(st.lists(st.tuples(st.sampled_from(["ieee", "no_grad"]), st.integers(0, 5)), max_size=8))
def test_blocks_may_be_left_in_any_order(steps: list[tuple[str, int]]) -> None:
    """Enter on each step, and leave the block numbered; the word is always that of the open ones."""
    bits = {"ieee": modes.IEEE, "no_grad": modes.NO_GRAD}
    open_blocks: list[tuple[str, modes.mode]] = []
    for name, leave in steps:
        block = getattr(ag, name)()
        block.__enter__()
        open_blocks.append((name, block))
        if leave < len(open_blocks):
            open_blocks.pop(leave)[1].__exit__(None, None, None)
        assert modes.word() == sum(bits[n] for n in {n for n, _ in open_blocks})
        assert modes.active == len(open_blocks)
    for _, block in open_blocks:
        block.__exit__(None, None, None)
    assert modes.word() == modes.active == 0


def test_a_generator_closed_inside_another_block_leaves_nothing_behind() -> None:
    def data() -> Iterator[int]:
        with ag.no_grad():
            yield 1
            yield 2

    numbers = data()
    next(numbers)
    with ag.ieee():
        next(numbers)
        numbers.close()
        assert ag.log(Value(0.0)).data == -math.inf
    x = Value(3.0)
    (x * x).backward()
    assert x.grad == 6.0


def test_one_block_shared_by_two_threads_belongs_to_each() -> None:
    shared, inside, left = ag.no_grad(), threading.Event(), threading.Event()
    words: list[int] = []

    def work() -> None:
        with shared:
            inside.set()
            left.wait(10)
            words.append(modes.word())
        words.append(modes.word())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    inside.wait(10)
    with shared:
        pass
    assert modes.word() == 0
    left.set()
    thread.join(10)
    assert words == [modes.NO_GRAD, 0]
    assert modes.active == 0


def test_a_mode_decorates_functions_with_and_without_parentheses() -> None:
    @ag.no_grad
    def bare(x: Value) -> Value:
        return x * x

    @ag.no_grad()
    def called(x: Value) -> Value:
        return x * x

    assert bare(Value(3.0)).inputs == called(Value(3.0)).inputs == ()


def test_a_mode_refuses_what_it_would_not_hold_for() -> None:
    def generator() -> Iterator[int]:
        yield 1

    async def coroutine() -> None: ...

    for function in (generator, coroutine):
        with pytest.raises(AutogradError, match="write the with block inside"):
            ag.no_grad()(function)
    with pytest.raises(AutogradError, match="takes no 3"):
        ag.ieee(3)
    with pytest.raises(AutogradError, match="had not entered"):
        ag.ieee().__exit__(None, None, None)


# ── Tracing ─────────────────────────────────────────────────────────────────────────────────────────────────


class Pair(nn.Module):
    def __init__(self) -> None:
        self.left = nn.Linear(2, 2, seed=0)
        self.blocks = [nn.Sequential(nn.Linear(2, 2, seed=1), nn.Tanh())]

    def forward(self, x: Any) -> Any:
        local = nn.Linear(2, 1, seed=2)  # in no attribute
        (y,) = local(self.blocks[0](self.left(x)))
        return y * 2.0


def modules_behind(y: Any) -> set[str]:
    return {node.module for node in ag.topological_order(y)}


def test_a_traced_node_knows_the_module_that_made_it() -> None:
    model = Pair()
    with ag.trace():
        y = model([1.0, 2.0])
        after = y + 1.0
    assert modules_behind(y) == {"Pair", "Pair.left", "Pair.blocks.0.0", "Pair.blocks.0.1", "Pair.Linear"}
    assert (y.module, after.module) == ("Pair", "")
    assert modules_behind(model([1.0, 2.0])) == {""}, "and nothing is noted afterwards"


def test_tracing_changes_no_number_and_no_gradient() -> None:
    model = Pair()
    plain = model([1.0, 2.0])
    plain.backward()
    expected = [p.grad for p in model.parameters()]
    model.zero_grad()
    with ag.trace():
        traced = model([1.0, 2.0])
    traced.backward()
    assert traced.data == plain.data
    assert [p.grad for p in model.parameters()] == expected


def test_a_module_that_raises_leaves_no_path_behind() -> None:
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            raise KeyError("broken")

    with ag.trace():
        with pytest.raises(KeyError):
            Broken()([1.0])
        assert (ag.Value(1.0) + 1.0).module == ""
        assert modules_behind(Pair()([0.0, 0.0])) >= {"Pair.left"}


def test_a_traced_thread_says_nothing_of_another() -> None:
    model, found = Pair(), []
    with ag.trace():
        thread = threading.Thread(target=lambda: found.append(modules_behind(model([1.0, 2.0]))))
        thread.start()
        thread.join()
    assert found == [{""}]


def test_backward_passes_can_be_taken_over() -> None:
    asked: list[Any] = []
    x = Value(2.0)
    y = x * x
    with modes.taken_over(lambda root, gradient: asked.append((root, gradient))):
        y.backward(0.5)
        with modes.mode(0, modes.DEBUG):
            y.backward()
        with modes.taken_over(lambda root, gradient: asked.append("inner")):
            y.backward(gradient=3)
        y.backward()
    y.backward()
    assert asked == [(y, 0.5), "inner", (y, 1.0)]
    assert x.grad == 8.0
