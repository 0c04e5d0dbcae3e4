"""Modes: per thread, in any order of leaving, and never stuck."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
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
