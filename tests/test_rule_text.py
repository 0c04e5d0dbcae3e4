"""The formula for one input alone: the rule's own bits, on the rule's own lines."""

from __future__ import annotations

import ast
import dis
import inspect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, ops, rule_text, rules

FIXED = {name: op for name, op in vars(ops).items() if isinstance(op, ops.Op) and op.arity in (1, 2)}
anything = st.floats() | st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-320, 1e308, math.inf, math.nan])


def answer(function, *arguments):
    try:
        return repr(function(*arguments))
    except ops.ARITHMETIC as error:
        return type(error)


@pytest.mark.parametrize("name", FIXED)
@given(g=anything, y=anything, a=anything, b=anything)
def test_the_first_contribution_alone_has_the_bits_of_the_rule(name, g, y, a, b):
    op = FIXED[name]
    inputs = (a, b)[: op.arity]
    whole, alone = answer(lambda: op.float_rule(g, y, *inputs)[0]), answer(op.first_rule, g, y, *inputs)
    if isinstance(whole, str):
        assert alone == whole  # and where the rule raises, the part of it that did may not be needed


@pytest.mark.parametrize("name", FIXED)
def test_it_stands_on_the_lines_of_the_rule(name):
    op = FIXED[name]
    short = rule_text.alone(op.float_rule, 0, {"ops": ops.floats, "math": math}).__code__
    lines, first = inspect.getsourcelines(op.rule)
    assert short.co_filename == op.rule.__code__.co_filename
    assert short.co_name == op.rule.__name__
    assert {line for _, line in dis.findlinestarts(short)} <= set(range(first, first + len(lines) + 1))


def test_a_constant_exponent_needs_no_logarithm():
    assignments, _ = rule_text.needed(ops.pow.rule, 0)
    assert "log" not in "".join(map(ast.unparse, assignments))
    assert "log" in "".join(map(ast.unparse, rule_text.needed(ops.pow.rule, 1)[0]))


def test_without_the_text_the_whole_rule_runs(monkeypatch):
    def no_text(function):
        raise OSError("could not get source code")

    monkeypatch.setattr(rule_text, "tree", no_text)
    alone = rule_text.alone(ops.mul.float_rule, 0, {})
    assert alone(1.0, 6.0, 2.0, 3.0) == 3.0
    monkeypatch.setattr(ops.tanh, "first_rule", rules.partial(rules._first, ops.tanh, ops.tanh.float_rule))
    x = Value(0.5)
    x.tanh().backward()
    assert x.grad == pytest.approx(1.0 / math.cosh(0.5) ** 2, rel=1e-15)
