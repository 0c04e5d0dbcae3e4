"""Each lesson of the course runs, says what it promises, and its claims hold against independent numbers."""

from __future__ import annotations

import io
import random
from importlib import import_module
from typing import Any

import pytest

import autograd as ag
from autograd import Value, ops
from autograd.debugger import Session
from autograd.testing.numeric import central
from demos.course import LESSONS, __main__
from tests.looking import check_svg
from tests.test_demos import is_picture

# ── Every lesson ────────────────────────────────────────────────────────────────────────────────────────────


def lesson(name):
    return import_module(f"demos.course.{name}")


def leaves_of(result):
    """The leaves of a graph, in the order in which they are met."""
    return list(dict.fromkeys(x for n in ag.topological_order(result) for x in n.inputs if is_leaf(x)))


def is_leaf(x):
    return type(x) is Value and not x.inputs


def data_again(result, leaf, data):
    """What the result would be with another number in a leaf, by the ops' float functions alone."""
    known = {leaf: data}
    for node in reversed(ag.topological_order(result)):
        floats = [x if type(x) is float else known.get(x, x.data) for x in node.inputs]
        known[node] = getattr(ops.floats, node.op)(*floats)
    return known[result]


@pytest.mark.parametrize("name", LESSONS)
def test_build_is_small_and_the_same_each_time(name):
    result = lesson(name).build()
    assert 5 <= len(ag.topological_order(result)) + len(leaves_of(result)) <= 300
    assert lesson(name).build().data == result.data


@pytest.mark.parametrize("name", LESSONS)
def test_gradients_are_central_differences(name):
    result = lesson(name).build()
    result.backward()
    leaves = leaves_of(result)
    assert any(leaf.grad != 0.0 for leaf in leaves)
    noise = 1e-15 * max(abs(result.data), 1.0)
    for leaf in random.Random(0).sample(leaves, min(10, len(leaves))):
        estimate = central(lambda data, leaf=leaf: data_again(result, leaf, data), leaf.data, noise)
        assert estimate.agrees(leaf.grad), (leaf, estimate)
        assert estimate.error < 1e-6


@pytest.mark.parametrize("name", LESSONS)
def test_steps_send_what_the_pass_sends(name):
    result = lesson(name).build()
    sent = dict.fromkeys(leaves_of(result), 0.0)
    with ag.steps(result) as pass_:
        for step in pass_:
            assert str(step)
            if step.input in sent:
                sent[step.input] += step.contribution
    result = lesson(name).build()
    result.backward()
    assert list(sent.values()) == pytest.approx([leaf.grad for leaf in leaves_of(result)], rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", LESSONS)
def test_the_debugger_goes_to_the_end_and_back(name):
    with ag.trace():
        result = lesson(name).build()
    session = Session(result)
    assert session.proceed().reason == "end"
    assert any(leaf.grad != 0.0 for leaf in leaves_of(result))
    assert session.proceed(back=True).reason == "start"
    assert not any(leaf.has_grad for leaf in leaves_of(result))
    told = io.StringIO()
    ag.debug(result, commands=["s", "w", "l", "q"], stdin=io.StringIO(), stdout=told)
    assert f"demos/course/{name}.py" in told.getvalue() or f"{name}.py:" in told.getvalue()


@pytest.mark.parametrize("name", LESSONS)
def test_it_is_drawn(name):
    result = lesson(name).build()
    result.backward()
    check_svg(ag.draw(result, title=name).svg())


@pytest.mark.parametrize("name", LESSONS)
def test_it_runs_and_leaves_pictures(name, tmp_path, capsys):
    __main__.main(["--quick", "--out", str(tmp_path), name])
    told, folder = capsys.readouterr().out, tmp_path / name
    title = lesson(name).__doc__.partition("\n")[0]
    assert told.startswith(f"── {LESSONS.index(name) + 1}. {title}\n")
    assert str(folder) in told
    pictures = sorted(folder.iterdir())
    assert pictures
    for path in pictures:
        assert path.name in told
        if path.suffix == ".svg":
            check_svg(path.read_text(encoding="utf-8"))
        elif path.suffix == ".png":
            assert is_picture(path)
    PROMISES.get(name, str)(told)


# ── What the printed text of each lesson has to say: run once, above ────────────────────────────────────────

PROMISES: dict[str, Any] = {}
