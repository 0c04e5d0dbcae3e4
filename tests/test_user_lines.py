"""backward(debug=True): the program's own lines in reverse, under debuggers that know nothing of it."""

from __future__ import annotations

import linecache
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

import autograd as ag
from autograd import Op, Value, rule, trace
from autograd.errors import InputTypeError, StaleGraphError
from tests import pythons
from tests.dap_client import Client
from tests.test_stepping import PROGRAMS, bits, built

PROGRAM = (
    pythons.MODEL
    + """\
with autograd.trace():
    loss = (model(2.0, w, b) - 1.0) ** 2
    loss = loss + (model(0.0, w, b) - 1.0) ** 2
loss.backward(debug=True)
print(w.grad, b.grad)
"""
)

TRANSCRIPT = """\
> model.py(1)<module>()
-> import autograd
(Pdb) break 15
Breakpoint 1 at model.py:15
(Pdb) continue
> model.py(15)<module>()
-> loss.backward(debug=True)
(Pdb) break 14
Breakpoint 2 at model.py:14
(Pdb) continue
> model.py(14)backward()
-> loss = loss + (model(0.0, w, b) - 1.0) ** 2
(Pdb) print(step)
dloss/dloss#2 += dloss/dloss · dloss/dloss#2 = 1 · 1 = 1    loss = loss#2 + v1, model.py:14
dloss/dv1 += dloss/dloss · dloss/dv1 = 1 · 1 = 1    loss = loss#2 + v1, model.py:14
(Pdb) next
> model.py(14)backward()
-> loss = loss + (model(0.0, w, b) - 1.0) ** 2
(Pdb) next
> model.py(14)backward()
-> loss = loss + (model(0.0, w, b) - 1.0) ** 2
(Pdb) next
> model.py(8)backward()
-> return h.tanh()
(Pdb) p h.data, step.upstream
(-1.0, -3.5231883119115297)
(Pdb) next
> model.py(7)backward()
-> h = h + b
(Pdb) next
> model.py(6)backward()
-> h = w * x
(Pdb) p w.grad
0.0
(Pdb) step
--Call--
> rules.py(…)mul()
-> @rule(ops.mul)
(Pdb) args
g = -1.4796486916772764
y = 0.0
a = 0.5
b = 0.0
(Pdb) return
--Return--
> rules.py(…)mul()->(-0.0, -0.7398243458386382)
-> return g * b, g * a
(Pdb) next
> model.py(13)backward()
-> loss = (model(2.0, w, b) - 1.0) ** 2
(Pdb) clear 2
Deleted breakpoint 2 at model.py:14
(Pdb) break 6
Breakpoint 3 at model.py:6
(Pdb) continue
> model.py(6)backward()
-> h = w * x
(Pdb) p w.grad, step.contributions
(-0.0, (-4.0,))
(Pdb) next
--Return--
> model.py(6)backward()->None
-> h = w * x
(Pdb) next
> model.py(16)<module>()
-> print(w.grad, b.grad)
(Pdb) quit
"""


@pytest.mark.parametrize("version", pythons.VERSIONS)
def test_a_session_in_pdb(version: str, tmp_path: Path) -> None:
    python = pythons.found(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    (tmp_path / "model.py").write_text(PROGRAM)
    shown = pythons.session(python, ["model.py"], pythons.commands(TRANSCRIPT), tmp_path)
    assert shown == TRANSCRIPT


@given(program=PROGRAMS)
def test_the_gradients_are_those_of_a_plain_pass_to_the_last_bit(program: Any) -> None:
    with trace():
        ours = built(program)
    theirs = built(program)
    for _ in range(2):
        ours[-1].backward(0.7, debug=True)
        theirs[-1].backward(0.7)
    assert bits(ours) == bits(theirs)


def lines_seen(run: Any, file: str) -> list[int]:
    """The lines of a file that a tracer is told of while run() runs, in frames called backward."""
    seen: list[int] = []

    def tracer(frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != file or frame.f_code.co_name != "backward":
            return None
        if event == "line":
            seen.append(frame.f_lineno)
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        run()
    finally:
        sys.settrace(before)
    return seen


@given(program=PROGRAMS)
def test_each_node_that_is_reached_is_one_stop_in_reverse(program: Any) -> None:
    with trace():
        nodes = built(program)
    root = nodes[-1]
    visited = list(dict.fromkeys(step.node for step in ag.steps(root)))
    file = built.__code__.co_filename
    seen = lines_seen(lambda: root.backward(debug=True), file)
    assert seen == [node.source.line for node in visited]


def test_a_stop_for_each_of_many_nodes_of_one_line() -> None:
    with trace():
        x = y = Value(1.0)
        for _ in range(2_000):
            y = y * 1.0 + x
        line = y.source.line
    seen = lines_seen(lambda: y.backward(debug=True), __file__)
    assert seen == [line] * 4_000
    with trace():
        x = y = Value(1.0)
        for _ in range(3_000):
            y = y * 1.0
            y = y + x
    seen = lines_seen(lambda: y.backward(debug=True), __file__)
    assert seen == [y.source.line, y.source.line - 1] * 3_000


def test_an_untraced_graph_says_so_and_steps_by_op() -> None:
    x = Value(0.5, "x")
    y = (x * 2.0).tanh()
    with pytest.warns(UserWarning, match=r"this graph was built outside `with autograd.trace\(\):`") as told:
        y.backward(debug=True)
    assert len(told) == 1
    assert x.grad == 2.0 * (1.0 - math.tanh(1.0) ** 2) or math.isclose(x.grad, 2.0 / math.cosh(1.0) ** 2)
    shown: list[str] = []

    def tracer(frame: Any, event: str, argument: Any) -> Any:
        if event == "line" and frame.f_code.co_filename.startswith("<backward"):
            shown.append(linecache.getline(frame.f_code.co_filename, frame.f_lineno))
        return tracer

    before = sys.gettrace()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.settrace(tracer)
        try:
            y.backward(debug=True)
        finally:
            sys.settrace(before)
    assert shown == ["L = tanh(v1)\n", "v1 = x * 2\n"]
    assert not [file for file in linecache.cache if file.startswith("<backward")]


def test_a_graph_that_is_traced_in_part() -> None:
    x = Value(0.5, "x")
    h = x * 2.0
    with trace():
        y = h.tanh()
    with pytest.warns(UserWarning, match="1 of this graph's 2 nodes were built outside"):
        y.backward(debug=True)
    assert math.isclose(x.grad, 2.0 / math.cosh(1.0) ** 2)


def test_a_failure_leaves_everything_as_it_was_and_shows_the_line() -> None:
    op = Op("raises when it is differentiated", 1, lambda a: a)

    @rule(op)
    def raises(g: Any, y: Any, a: Any) -> Any:
        raise RuntimeError("no")

    x = Value(1.0)
    x.grad = 0.25
    with trace():
        y = op(x) + x
    with pytest.raises(RuntimeError) as caught:
        y.backward(debug=True)
    assert x.grad == 0.25
    shown = [(frame.path, frame.lineno + 1) for frame in caught.traceback]
    assert any(Path(path) == Path(__file__) and line == y.source.line for path, line in shown)
    with trace():
        x = Value(1.0)
        y = x * x
    x.data = 2.0
    with pytest.raises(StaleGraphError):
        y.backward(debug=True)
    assert not x.has_grad


def test_rules_that_floats_can_not_compute() -> None:
    x = Value(0.0)
    with trace():
        y = x.sqrt() + x * 2.0
    y.backward(debug=True)
    assert x.grad == math.inf


def test_a_leaf_alone() -> None:
    x = Value(1.0)
    x.backward(debug=True)
    assert x.grad == 1.0


def test_breakpoints_in_a_rule_are_met_once_a_node() -> None:
    from autograd import rules

    x = Value(1.0)
    with trace():
        y = ag.max([x * 2.0, x, x + 0.5]) - ag.where(True, x, 0.0)
    met: list[str] = []

    def tracer(frame: Any, event: str, argument: Any) -> Any:
        if event == "call" and frame.f_code.co_filename == rules.__file__ and frame.f_code.co_name[0] != "<":
            met.append(frame.f_code.co_name)

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        y.backward(debug=True)
    finally:
        sys.settrace(before)
    assert sorted(met) == ["maximum", "mul", "sub", "where"]


@pytest.mark.parametrize("arguments", [(1.0, True, 2), ("1",)], ids=["three", "a str"])
def test_backward_refuses_what_it_can_not_use(arguments: Any) -> None:
    with pytest.raises(TypeError):
        (Value(1.0) * 2.0).backward(*arguments)
    with pytest.raises(TypeError):
        (Value(1.0) * 2.0).backward(gradients=1.0)
    with pytest.raises(InputTypeError):
        (Value(1.0) * 2.0).backward(gradient="1", debug=True)
    x = Value(1.0)
    with trace():
        y = x * 2.0
    y.backward(debug=True, gradient=3)
    y.backward(1, False)
    assert x.grad == 8.0


# ── Other debuggers, where they are installed ───────────────────────────────────────────────────────────────


def test_a_session_in_ipdb(tmp_path: Path) -> None:
    pytest.importorskip("ipdb")
    (tmp_path / "model.py").write_text(PROGRAM)
    typed = ["b 15", "c", "b 6", "c", "p step.contributions", "s", "a", "r", "n", "c", "p w.grad", "q"]
    shown = pythons.session(sys.executable, ["model.py"], typed, tmp_path, module="ipdb")
    assert "(-0.0,)" in shown
    assert "g = -1.4796486916772764" in shown
    assert shown.count("backward()") == 3
    assert "mul()" in shown


def test_a_session_in_debugpy(tmp_path: Path) -> None:
    """As VS Code does it: a breakpoint on a line of the model stops again on the way back."""
    pytest.importorskip("debugpy")
    program = tmp_path / "model.py"
    program.write_text(PROGRAM)
    adapter = Client.of_process([sys.executable, "-m", "debugpy.adapter"])
    try:
        adapter.ask("initialize", adapterID="test", pathFormat="path", linesStartAt1=True, columnsStartAt1=True)
        adapter.post(
            "launch",
            type="python",
            request="launch",
            program=str(program),
            console="internalConsole",
            cwd=str(tmp_path),
            python=[sys.executable],
            justMyCode=False,
            env={"PYTHONPATH": str(pythons.ROOT)},
        )
        adapter.until("initialized")
        adapter.ask("setBreakpoints", source={"path": str(program)}, breakpoints=[{"line": 15}])
        adapter.ask("configurationDone")

        def stopped() -> tuple[list[str], dict[str, str], int]:
            thread = adapter.until("stopped")["body"]["threadId"]
            frames = adapter.ask("stackTrace", threadId=thread)["stackFrames"]
            scope = adapter.ask("scopes", frameId=frames[0]["id"])["scopes"][0]
            variables = adapter.ask("variables", variablesReference=scope["variablesReference"])["variables"]
            where = [f"{Path(f['source']['path']).name}:{f['line']} {f['name']}" for f in frames]
            return where, {v["name"]: v["value"] for v in variables}, thread

        where, _, thread = stopped()
        assert where[0] == "model.py:15 <module>"
        adapter.ask("setBreakpoints", source={"path": str(program)}, breakpoints=[{"line": 7}])
        adapter.ask("continue", threadId=thread)
        where, variables, thread = stopped()
        assert where[0] == "model.py:7 backward"
        assert variables["step"].startswith("dloss/dh#2 += dloss/dh")
        for line in (6, 13, 13, 8):
            adapter.ask("next", threadId=thread)
            where, variables, thread = stopped()
            assert where[0] == f"model.py:{line} backward"
        adapter.ask("stepIn", threadId=thread)
        where, variables, thread = stopped()
        assert where[0].endswith(" tanh")
        assert where[0].startswith("rules.py:")
        assert where[1] == "model.py:8 backward"
        assert {"g", "y", "a"} <= set(variables)
        adapter.ask("setBreakpoints", source={"path": str(program)}, breakpoints=[])
        adapter.post("continue", threadId=thread)
        adapter.until("terminated")
    finally:
        adapter.close()
