"""The gradient debugger's prompt: every command, typed at a real terminal, and as text."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autograd as ag
from autograd import Value, trace
from autograd.debugger import Session, debug
from autograd.debugger.session import Stop
from autograd.debugger.shell import Shell
from autograd.errors import InputError, InputTypeError
from tests import pythons

PROGRAM = (
    pythons.MODEL
    + """\
for rate in (0.1, 0.2):
    w.grad = b.grad = None
    loss = (model(2.0, w, b) - 1.0) ** 2
    loss.backward()
    print("gradients", w.grad, b.grad)
"""
)
HEADINGS = re.compile(r"^> \[.*", re.MULTILINE)


@pytest.fixture(autouse=True)
def _a_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def graph() -> tuple[Any, ...]:
    w, b = Value(0.5, "w"), Value(-1.0, "b")
    with trace():
        h = w * 2.0
        h = h + b
        loss = (h.tanh() - 1.0) ** 2
    return w, b, loss


def answers(loss: Any, *commands: str, **options: Any) -> list[str]:
    """What each command printed, the first stop before them."""
    out = io.StringIO()
    debug(loss, stdin=io.StringIO("".join(f"{command}\n" for command in commands)), stdout=out, **options)
    return out.getvalue().split("(grad) ")


# ── At a real terminal ──────────────────────────────────────────────────────────────────────────────────────

pexpect = pytest.importorskip("pexpect")


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "PYTHONSTARTUP")}
        settings = {"PYTHONPATH": str(pythons.ROOT), "TERM": "xterm", "PYTHONDONTWRITEBYTECODE": "1"}
        self.child = pexpect.spawn(
            sys.executable,
            [*arguments],
            env=kept | settings | environment,
            encoding="utf-8",
            timeout=60,
            dimensions=(50, 200),
        )

    def until(self, text: str = "(grad) ") -> str:
        self.child.expect_exact(text)
        return plain(self.child.before)

    def type(self, line: str, until: str = "(grad) ") -> str:
        self.child.sendline(line)
        answer = self.until(until)
        return answer.partition("\n")[2]  # without the line itself

    def end(self) -> int | None:
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus  # type: ignore[no-any-return]


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "model.py").write_text(PROGRAM)
    at = Terminal("-m", "autograd", "debug", "model.py")
    yield at
    at.child.close(force=True)


def test_every_command_at_a_terminal(terminal: Terminal) -> None:
    t = terminal
    start = t.until()
    assert start.startswith("> [0/6] loss = v1 ** 2   dloss/dloss = 1\n  model.py:14 in <module>\n-> loss = (model")
    assert "contributes 1 · -2 = -2" in t.type("a") + t.type("goto 0")
    done = set()

    def typed(line: str, *expected: str) -> str:
        answer = t.type(line)
        for text in expected:
            assert text in answer, (line, answer)
        done.add(line.split()[0])
        return answer

    typed("step", "> [1/6] v1 = v2 - 1   dloss/dv1 = -2")
    typed("next", "> [2/6] v2 = tanh(h)   dloss/dv2 = -2", "dv2/dh = sech2(h) = 1   contributes -2 · 1 = -2", "~~~~^^")
    typed("back", "> [1/6]")
    typed("rnext", "> [0/6]")
    typed("break h", "Breakpoint 1   h")
    typed("continue", "Breakpoint 1: h", "> [3/6] h = h#2 + b   dloss/dh = -2", "h = h + b", "~~^~~")
    typed("where", "> h = h#2 + b", "dv2/dh = 1", "dloss/dv1 = -2", "model.py:8")
    typed("up", "v2 = tanh(h)")
    typed("down", "h = h#2 + b")
    typed("list", "7  ->     h = h + b", "# dloss/dh = -2", "def model")
    typed("l .", "7 ")
    typed("l 12, 13", "  12     for rate", "  13")
    typed("args", "h#2 = w * 2 = 1   gradient not reached yet", "b = -1")
    typed("p h.data, upstream, rate", "(0.0, -2.0, 0.1)")
    typed("pp {'h': h.data}", "{'h': 0.0}")
    typed("display w.grad", "display w.grad = 0.0")
    typed("info h", "h = h#2 + b = 0.0", "dloss/dh = -2.0   (its turn)", "dloss/dh += dloss/dv2 · dv2/dh")
    typed("tree h 1", "h = h#2 + b", "  h#2 = w * 2", "  b = -1")
    typed("why w", "dloss/dw is -4.0:", "model.py:6")
    typed("watch w", "Watchpoint 2   watch w")
    typed("c", "Breakpoint 1: h", "> [5/6]")
    typed("c", "Watchpoint 2: w.grad 0 -> -4", "the pass has ended", "dloss/dw = -4", "w.grad = -4.0   was 0.0")
    typed("rcontinue", "Watchpoint 2: w.grad -4 -> 0", "> [5/6]")
    typed("unwatch w", "Cleared 2")
    typed("set h#2.grad 1", "dloss/dh#2 = 1")
    typed("c", "dloss/dw = 2")
    typed("restart", "> [0/6]")
    typed("undisplay w.grad")
    typed("until h#2", "> [3/6]")
    typed("until h#2", "> [5/6] h#2 = w * 2   dloss/dh#2 = -2")
    typed("goto 0", "> [0/6]")
    typed("return", "> [2/6] v2 = tanh(h)")
    typed("condition 1 upstream > 0", "if upstream > 0")
    typed("ignore 1 1", "ignored 1 more")
    typed("disable 1", "Disabled 1", "(disabled)")
    typed("enable 1", "Enabled 1")
    typed("clear 1", "Cleared 1")
    typed("tbreak op:*", "op:*  (once)")
    typed("catch explode 1e3", "explode 1e3")
    typed("b", "op:*", "explode 1e3")
    typed("c", "Breakpoint 3: op:*", "> [5/6]")
    typed("graph out.svg", "")
    typed("player out.html", "")
    typed("help", "motion", "rcontinue", "stops", "looking")
    typed("help set", "set NODE.grad EXPRESSION", "Going back over this place takes it back.")
    typed("x = 3 ;; p x + 1", "4")
    typed("!x", "3")
    typed("h.data * 2", "0.0")
    typed("c = 4 ;; !c", "4")
    typed("nonsense", "*** NameError: name 'nonsense' is not defined")
    typed("rc", "> [0/6]")
    typed("cl", "Cleared 4")
    typed("c", "the pass has ended")
    answer = t.type("n")
    assert "gradients -4.0 -2.0" in answer
    assert "> [0/6] loss = v1 ** 2" in answer
    everything = {name.removeprefix("do_") for name in vars(Shell) if name.startswith("do_") and len(name) > 5}
    short = {"rs", "rn", "rc", "unt", "tb", "cl", "bt", "pp", "cont"}
    assert everything - done - short == {"quit", "EOF"}
    t.child.sendline("q")
    assert t.end() == 0


def test_the_end_of_the_input_and_ctrl_c_at_the_prompt(terminal: Terminal) -> None:
    t = terminal
    t.until()
    t.child.sendintr()
    assert "--KeyboardInterrupt--" in t.until()
    t.child.sendeof()
    assert t.end() == 0


def test_ctrl_c_stops_a_long_run_at_a_step(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(
        "import autograd\n"
        "x = y = autograd.Value(1.0, 'x')\n"
        "for _ in range(400_000):\n    y = y * 1.0\n"
        "y.label = 'y'\n"
        "autograd.debug(y, commands=['b op:mul if False'])\n"
        "print('gradient', x.grad)\n"
    )
    t = Terminal("long.py")
    t.until()
    t.child.sendline("p 'be' 'gun' ;; c")
    t.until("'begun'")
    time.sleep(0.3)  # it runs for seconds
    t.child.sendintr()
    answer = t.until()
    assert "Interrupted" in answer
    position = int(re.search(r"> \[(\d+)\]", answer)[1])  # type: ignore[index]
    assert 0 <= position < 400_000
    assert f"> [{position + 1}]" in t.type("s")
    t.child.sendline("q")
    t.until("gradient 0.0")
    assert t.end() == 0


def test_completion_history_and_colours(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(PROGRAM)
    t = Terminal("-m", "autograd", "debug", "model.py")
    t.until()
    assert "\x1b[1m> [0/6]" in t.child.before
    t.child.send("b op:ta\t\n")
    assert "Breakpoint 1   op:tanh" in t.until()
    t.child.send("info los\t\n")
    assert "loss = v1 ** 2 = 1.0" in t.until()
    t.child.sendline("q")
    assert t.end() == 0
    assert "b op:tanh" in (tmp_path / "home" / ".grad_history").read_text()
    t = Terminal("-m", "autograd", "debug", "model.py", NO_COLOR="1")
    t.until()
    assert "\x1b[1m" not in t.child.before
    t.child.send("\x1b[A\x1b[A\x1b[A\n")  # up, up, up: the first of the three lines before
    assert "Breakpoint 1   op:tanh" in t.until()
    t.child.sendline("q")
    assert t.end() == 0


# ── As text ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_quitting_early_leaves_gradients_as_they_were_and_the_end_keeps_them() -> None:
    w, b, loss = graph()
    w.grad = 0.1
    loss.backward()
    before = w.grad, b.grad
    answers(loss, "s 3", "q")
    assert (w.grad, b.grad) == before
    answers(loss, "s 3")  # the end of the input
    assert (w.grad, b.grad) == before
    answers(loss, "c", "rc", "q")
    assert (w.grad, b.grad) == before
    answers(loss, "c", "q")
    assert (w.grad, b.grad) == (before[0] - 4.0, before[1] - 2.0)
    answers(loss, "c", "c")
    assert (w.grad, b.grad) == (before[0] - 8.0, before[1] - 4.0)


def test_colours_and_prompts_stay_away_from_files() -> None:
    *_, loss = graph()
    assert not any("\x1b" in answer for answer in answers(loss, "c", "q"))


def test_an_untraced_graph_is_stepped_by_op_and_says_so_once() -> None:
    x = Value(0.5, "x")
    shown = answers((x * 2.0).tanh(), "s", "l", "q")
    assert shown[0].endswith(
        "no lines are known: build the graph inside `with autograd.trace():` to see where each node was made\n"
    )
    assert shown[1].startswith("> [1/2] v1 = x * 2   dL/dv1 = ")
    assert "->" not in shown[1]
    assert shown[2].startswith("*** no lines are known of this node")


def test_an_empty_line_repeats_and_a_comment_does_nothing() -> None:
    *_, loss = graph()
    shown = answers(loss, "s", "", "# s", "q")
    assert [HEADINGS.findall(text)[:1] for text in shown[1:4]] == [
        ["> [1/6] v1 = v2 - 1   dloss/dv1 = -2"],
        ["> [2/6] v2 = tanh(h)   dloss/dv2 = -2"],
        [],
    ]


def test_commands_come_from_files_and_arguments(tmp_path: Path) -> None:
    *_, loss = graph()
    (tmp_path / "home" / ".gradrc").write_text("# at home\nbreak op:tanh\n")
    (tmp_path / ".gradrc").write_text("break nan\n\n")
    shown = "".join(answers(loss, "q", commands=["c", "p 'first'"]))
    assert shown.index("Breakpoint 1   op:tanh") < shown.index("Breakpoint 2   nan") < shown.index("> [2/6]")
    assert shown.index("> [2/6]") < shown.index("'first'")


def test_the_nth_call_in_a_loop_stops_and_the_others_do_not() -> None:
    w = Value(1.0, "w")
    out = io.StringIO()
    for _ in range(4):
        debug(w * 3.0, at_call=3, stdin=io.StringIO("p w.grad\nq\n"), stdout=out)
    assert w.grad == 9.0
    assert "(grad) 6.0\n" in out.getvalue()
    assert out.getvalue().count("> [") == 1


@pytest.mark.parametrize("wrong", [None, 1.0, "loss"])
def test_only_a_value_can_be_debugged(wrong: Any) -> None:
    with pytest.raises(InputTypeError, match="takes a Value"):
        debug(wrong)
    with pytest.raises(InputError, match="whole number from 1"):
        debug(Value(1.0), at_call=0)
    with pytest.raises(InputTypeError, match="gradient"):
        debug(Value(1.0), gradient="1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("c 3", "this command takes no '3'"),
        ("s x", "a number is wanted, not 'x'"),
        ("s 0", "a count is 1 or more"),
        ("goto", "goto K takes a number of steps"),
        ("until nobody", "no node of this graph is called 'nobody'"),
        ("b nobody", "no node of this graph is called 'nobody'"),
        ("b w", "w is a leaf, which has no turn: watch w"),
        ("b op:sin", "there are: add, mul, pow, sub, tanh"),
        ("b model.py:x", "no node of this graph is called 'model.py:x'"),
        ("b h if 1 +", "is no expression"),
        ("tb", "tbreak takes what break takes"),
        ("watch", "watch NODE"),
        ("unwatch w", "w is not watched"),
        ("catch", "catch nan, inf, explode"),
        ("catch nan 3", "catch nan, inf, explode"),
        ("cl 7", "there is no breakpoint 7; there are: none"),
        ("condition x", "a number is wanted"),
        ("d", "nothing below it"),
        ("u", "nothing above it"),
        ("l x", "list takes a line"),
        ("p", "p takes an expression"),
        ("p 1 +", "SyntaxError"),
        ("p 1 / 0", "ZeroDivisionError: division by zero"),
        ("undisplay x", "x is not displayed"),
        ("set w.data 1", "set NODE.grad EXPRESSION"),
        ("set w.grad", "set NODE.grad EXPRESSION"),
        ("set w.grad 'x'", "a gradient"),
        ("help nothing", "there is no command 'nothing'"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line(command: str, message: str) -> None:
    *_, loss = graph()
    shown = answers(loss, command, "q")
    assert shown[1].startswith("*** ")
    assert message in shown[1]
    assert shown[1].count("\n") == 1


def test_what_was_sent_on_can_not_be_set() -> None:
    *_, loss = graph()
    assert "has been sent on already; go back to its turn" in answers(loss, "s 3", "set loss.grad 3", "q")[2]
    assert "the pass has ended; go back a step" in answers(loss, "c", "set w.grad 3", "q")[2]


def test_hooks_and_rules_that_raise_are_told_and_the_pass_stays() -> None:
    x = Value(2.0, "x")
    y = x * x
    z = y + 1.0
    y.register_hook(lambda g: 1 / 0)
    shown = answers(z, "s", "s", "info y", "q")
    assert "ZeroDivisionError" in shown[1]
    assert "ZeroDivisionError" in shown[2]
    assert not x.has_grad


def test_an_expression_may_run_passes_of_its_own() -> None:
    w, _, loss = graph()
    shown = answers(loss, "(w * 1.0).backward()", "p w.grad", "c", "q")
    assert shown[2] == "1.0\n"
    assert w.grad == -3.0


def test_the_programs_variables_are_known_and_nodes_come_first() -> None:
    w, b, loss = graph()
    del w  # known to the debugger by the graph alone
    rate, h = 0.25, "not the node"
    out = io.StringIO()
    typed = "p rate, type(h).__name__, node is loss\np len([x for x in (rate, w)])\nq\n"
    debug(loss, stdin=io.StringIO(typed), stdout=out)
    shown = out.getvalue().split("(grad) ")
    assert shown[1] == "(0.25, 'Value', True)\n"
    assert shown[2] == "2\n"
    assert (rate, h) == (0.25, "not the node")
    assert b.grad == 0.0


def test_a_node_of_many_inputs_shows_those_around_the_next() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(100)]
    shown = answers(ag.sum(xs), "goto 50", "a", "tree", "q")
    assert "… 46 before" in shown[1]
    assert "* dL/dx50" in shown[1]
    assert "… 46 more" in shown[1]
    assert "… 36 more" in shown[2]
    assert "… 92 more" in shown[3]


def test_a_long_way_is_cut() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(50):
        y = y * 1.0
    y.label = "y"
    shown = answers(y, "goto 40", "w", "w 3", "u 5", "u 100", "q")
    assert shown[2].count("\n") == 21
    assert shown[2].startswith("  y …\n")
    assert shown[3].count("\n") == 4
    assert "> [40/50]" in shown[4]
    assert "y = v1 * 1" in shown[5]


def test_a_breakpoint_on_a_line_that_made_nothing_says_so() -> None:
    *_, loss = graph()
    assert answers(loss, "b test_shell.py:1", "q")[1].endswith("no node of this graph was made there\n")
    line = loss.source.line
    shown = answers(loss, f"b {line}", "l", "q")
    assert "was made there" not in shown[1]
    assert f"{line} B->" in shown[2]


def test_the_shells_words_can_be_completed() -> None:
    *_, loss = graph()
    shell = Shell(stdin=io.StringIO("q\n"), stdout=io.StringIO())
    session = Session(loss, points=shell.points)
    shell.interact(session, Stop("start"))
    assert shell.complete_break("ta", "b op:ta", 5, 7) == ["tanh"]
    assert shell.complete_break("l", "b l", 2, 3) == ["loss"]
    assert "nan" in shell.complete_break("", "b ", 2, 2)
    assert shell.complete_catch("e") == ["explode"]
    assert shell.complete_set("w") == ["w.grad"]
    assert shell.completedefault("w") == ["w"]
    assert shell.completenames("ti") == []
    assert shell.completenames("wh") == ["where", "why"]


def test_every_command_has_help() -> None:
    for name, method in vars(Shell).items():
        if name.startswith("do_"):
            usage, _, text = (method.__doc__ or "").strip().partition("\n")
            assert usage, name
            assert text.strip() or name == "do_EOF", name


def test_pictures_are_drawn_where_they_can_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    *_, loss = graph()
    asked: list[Any] = []

    class Picture:
        def save(self, path: str) -> str:
            asked.append(path)
            return path

    def draw(value: Any, highlight: Any = ()) -> Picture:
        asked.append((value, [*highlight]))
        return Picture()

    def player(value: Any, gradient: float = 1.0) -> Picture:
        asked.append((value.has_grad, gradient))
        return Picture()

    monkeypatch.setattr(ag, "draw", draw, raising=False)
    monkeypatch.setattr(ag, "player", player, raising=False)
    shown = answers(loss, "graph", "c", "player p.html", "q")
    assert shown[1] == "wrote graph.svg\n"
    assert shown[3] == "wrote p.html\n"
    assert asked == [(loss, [loss]), "graph.svg", (False, 1.0), "p.html"]
    assert loss.has_grad
    monkeypatch.setattr(ag, "_LAZY", {})
    monkeypatch.delattr(ag, "draw")
    assert answers(loss, "graph", "q")[1] == "*** this installation has no autograd.draw\n"


# ── The command ─────────────────────────────────────────────────────────────────────────────────────────────


def run(*arguments: str, typed: str = "", cwd: Path) -> tuple[str, str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "autograd", "debug", *arguments],
        input=typed,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(pythons.ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return done.stdout, done.stderr, done.returncode


def test_a_script_runs_as_it_would_alone(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import sys, autograd\n"
        "assert __name__ == '__main__' and sys.path[0] == '" + str(tmp_path) + "'\n"
        "print(sys.argv)\n"
        "x = autograd.Value(2.0, 'x')\n"
        "(x * x * 0.5).backward()\n"
        "print(x.grad, input())\n"
        "sys.exit(7)\n"
    )
    shown, errors, status = run("script.py", "--at-call", "a b", "-c", typed="c\nc\nfor the script\n", cwd=tmp_path)
    assert shown.startswith("['script.py', '--at-call', 'a b', '-c']\n> [0/3] ")
    assert shown.endswith("2.0 for the script\n")
    assert (errors, status) == ("", 7)
    shown, errors, status = run("-m", "script", typed="q\n", cwd=tmp_path)
    assert (errors, status) == ("", 0)
    assert "2.0 for" not in shown


def test_a_script_that_fails_prints_its_own_traceback(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("def f():\n    raise KeyError('k')\nf()\n")
    _, errors, status = run("script.py", cwd=tmp_path)
    assert status == 1
    assert errors.splitlines()[0].startswith("Traceback")
    assert errors.count("  File ") == 2
    assert errors.splitlines()[-1] == "KeyError: 'k'"


def test_the_nth_call_of_a_script(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(PROGRAM)
    shown, errors, status = run("--at-call", "2", "-c", "p rate", "-c", "c", "-c", "c", "model.py", cwd=tmp_path)
    assert shown.startswith("gradients -4.0 -2.0\n> [0/6]")
    assert "0.2\n" in shown
    assert (errors, status) == ("", 0)
    _, errors, status = run("--at-call", "5", "model.py", cwd=tmp_path)
    assert errors == "model.py called backward() 2 times, so there was nothing to stop at\n"
    assert status == 0
    assert run("--at-call", "0", "model.py", cwd=tmp_path)[2] != 0
    assert run("nothing.py", cwd=tmp_path)[1:] == ("there is no file nothing.py\n", 1)


def test_breakpoints_outlive_a_pass(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(PROGRAM)
    shown, _, _ = run("model.py", typed="watch w\nc\nc\np rate\nq\n", cwd=tmp_path)
    assert shown.count("Watchpoint 1: w.grad 0 -> -4") == 2
    assert "(grad) 0.2\n" in shown


def test_the_readmes_session(tmp_path: Path) -> None:
    readme = (pythons.ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## A debugger that goes both ways")[2].partition("\n## ")[0]
    program, transcript = re.findall(r"^```(?:python)?\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    (tmp_path / "model.py").write_text(program)
    command, _, expected = transcript.partition("\n")
    assert command == "$ python -m autograd debug model.py"
    typed = [line.removeprefix("(grad) ") for line in expected.splitlines() if line.startswith("(grad) ")]
    shown, errors, _ = run("model.py", typed="".join(f"{line}\n" for line in typed), cwd=tmp_path)
    first, *rest = shown.split("(grad) ")
    replayed = first + "".join(f"(grad) {line}\n{answer}" for line, answer in zip(typed, rest, strict=True))
    assert (replayed, errors) == (expected, "")


def test_a_line_of_many_nodes_tells_the_last_ones_and_counts_the_others() -> None:
    with trace():
        y = Value(1.0, "x")
        for _ in range(10):
            y = y * 2.0
    noted = [re.search(r"# .*", answer) for answer in answers(y, "goto 4", "l", "c", "l", "q")]
    assert noted[2] is not None
    assert noted[2][0] == "# 2 before …, dy/dy#3 = 4, dy/dy#4 = 8, dy/dy#5 = 16"
    assert noted[4] is not None
    assert noted[4][0] == "# 7 before …, dy/dy#8 = 128, dy/dy#9 = 256, dy/dy#10 = 512"
