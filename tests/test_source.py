"""Where a node was made: the line, the columns and the name in the user's program."""

from __future__ import annotations

import copy
import gc
import sys
import threading
import weakref
from typing import Any

import pytest

import autograd as ag
import nn
from autograd import Value, no_grad, trace
from autograd.source import Source


def line() -> int:
    return sys._getframe(1).f_lineno


def test_off_by_default() -> None:
    assert Value(1.0).source is None
    assert (Value(1.0) * 2.0).source is None


def test_lines_columns_functions_and_names() -> None:
    with trace():
        a = Value(0.5)
        product = a * 2.0 + (a - 1.0).tanh()
        here = line() - 1
    source = product.source
    assert isinstance(source, Source)
    assert (source.file, source.line, source.end_line) == (__file__, here, here)
    assert source.function == "test_lines_columns_functions_and_names"
    assert source.segment == "a * 2.0 + (a - 1.0).tanh()"
    assert source.text == "product = a * 2.0 + (a - 1.0).tanh()"
    assert str(source) == f"test_source.py:{here}"
    assert (source.name, a.source.name) == ("product", "a")
    left, right = product.inputs
    assert (left.source.segment, right.source.segment) == ("a * 2.0", "(a - 1.0).tanh()")
    assert right.inputs[0].source.segment == "a - 1.0"
    assert (left.source.name, right.source.name) == ("", "")


def test_marks_point_at_the_operator() -> None:
    with trace():
        a = Value(0.5)
        y = a * (a + 2.0)
        z = ag.tanh(a)
        w = (a**2.0) - (a)
    for node, marks in (
        (y, "    ~~^~~~~~~~~~~"),
        (z, "    ~~~~~~~^^^"),
        (w, "    ~~~~~~~~~^~~~~"),
    ):
        assert node.source.marks == marks
        assert len(marks) <= len(node.source.text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("h = a * b", "h"),
        ("self.h = a * b", "self.h"),
        ("h: float = a * b", "h"),
        ("print(h := a * b)", "h"),
        ("h = b\nh *= a", "h"),
        ("hs = [a * b]\nh = hs[0]", ""),
        ("h, k = a * b, a", ""),
        ("é = 'ü'; h = a * b", "h"),
        ("h = (\n    a\n    * b\n)", "h"),
    ],
)
def test_names_of_variables(text: str, name: str, tmp_path: Any, capsys: Any) -> None:
    file = tmp_path / "program.py"
    file.write_text(text, encoding="utf-8")
    box = type("Box", (), {})()
    names: dict[str, Any] = {"a": Value(2.0), "b": Value(3.0), "self": box}
    with trace():
        exec(compile(text, str(file), "exec"), names)
    node = names.get("h") or box.h
    assert node.op == "mul"
    assert node.source.name == name
    assert node.source.segment.startswith(("a", "h *="))


def test_columns_count_characters() -> None:
    with trace():
        größe = Value(2.0)
        y = größe * 3.0
    assert y.source.segment == "größe * 3.0"
    assert y.source.name == "y"


def test_a_program_without_a_file() -> None:
    names: dict[str, Any] = {"Value": Value}
    with trace():
        exec("y = Value(2.0) * 3.0", names)
    source = names["y"].source
    assert (source.file, source.line, source.text, source.segment, source.name) == ("<string>", 1, "", "", "")
    assert source.marks == ""


def test_frames_of_the_library_are_skipped() -> None:
    model = nn.MLP(2, [2, 1], seed=0)
    with trace():
        y = model([1.0, 2.0])
        here = line() - 1
        m = ag.mean([y, y * 2.0])
        s = ag.softmax([y, y])[0]
    for node in ag.topological_order(y):
        assert node.source.line == here
        assert not node.source.direct
        assert node.source.name == ""
    assert (m.source.name, m.source.line) == ("m", here + 2)
    assert s.source.line == here + 3


def test_leaves_have_sources_too() -> None:
    with trace():
        x = Value(1.0, "x")
        y = (x * 2.0).detach()
        with no_grad():
            z = x * 3.0
        p = nn.Parameter(0.5)
    first = x.source.line
    assert [node.source.line - first for node in (y, z, p)] == [1, 3, 4]
    assert z._known().detached
    assert "detached" in repr(z)


def test_copies_keep_their_source() -> None:
    with trace():
        x = Value(1.0)
        y = x * 2.0
    for twin in (copy.copy(y), copy.deepcopy(y)):
        assert twin.source == y.source


def test_no_frame_is_kept() -> None:
    class Big:
        pass

    def made() -> tuple[Any, Any]:
        big = Big()
        with trace():
            y = Value(1.0) * 2.0
        return y, weakref.ref(big)

    y, ref = made()
    gc.collect()
    assert ref() is None
    assert y.source.name == "y"


def test_tracing_holds_for_one_thread() -> None:
    found: list[Any] = []
    with trace():
        thread = threading.Thread(target=lambda: found.append((Value(1.0) * 2.0).source))
        thread.start()
        thread.join()
    assert found == [None]


def test_gradients_that_are_graphs_are_traced_to_the_call() -> None:
    x = Value(2.0)
    with trace():
        y = x * x * x
        (g,) = ag.gradients([y], [x], create_graph=True)
        here = line() - 1
    assert g.source.line == here


def test_bulk_functions_are_traced() -> None:
    layer = nn.Linear(3, 2, seed=0)
    with trace():
        ys = layer([1.0, 2.0, 3.0])
    assert all(y.source.text == "ys = layer([1.0, 2.0, 3.0])" for y in ys)
    assert all(y.module == "Linear" for y in ys)
