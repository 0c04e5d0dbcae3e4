"""``python -m autograd draw``: what it runs, what it draws, and what it says where it can't."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import autograd
from autograd import __main__ as command_line
from tests.looking import check_svg, without_graphviz

ROOT = Path(autograd.__file__).parents[1]
SCRIPT = """
import sys
from autograd import Value
a, b = Value(2.0), Value(-3.0)
c = a * b
loss = (c + 1.0).tanh()
if __name__ == "__main__":
    print("arguments", sys.argv[1:])
    later = loss * 2.0
def build():
    return a + b
number, model = 3.0, type("Model", (), {"out": c})
sys.exit() if __name__ == "__main__" else None
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield path
    sys.modules.pop("script", None)


def run(*words: str) -> None:
    command_line.main(["draw", *words])


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        run(*words)
    return f"{caught.value.code} {capsys.readouterr().err}"


def test_a_script_runs_as_a_program_and_its_newest_result_is_drawn(script, capsys):
    run("script.py", "--", "one", "-o")
    assert "arguments ['one', '-o']" in capsys.readouterr().out
    svg = (script.parent / "script.svg").read_text(encoding="utf-8")
    check_svg(svg)
    assert "later = loss × 2" in svg
    assert "script.py:9" in svg  # traced


def test_what_the_script_left_is_cleaned_up(script):
    before = sys.argv, sys.path[:], sys.modules["__main__"]
    run("script.py", "-o", "x.svg")
    run("script.py:loss", "-o", "x.svg")
    assert (sys.argv, sys.path, sys.modules["__main__"]) == before


@pytest.mark.parametrize(
    ("name", "nodes"), [("loss", 5), ("c", 3), ("build", 3), ("model.out", 3)], ids=["value", "inner", "call", "dotted"]
)
def test_a_name_says_what_to_draw_and_the_script_is_imported(name, nodes, script, capsys):
    run(f"script.py:{name}", "--out", "graph.dot")
    assert f"graph.dot: <Drawing: {nodes} nodes" in capsys.readouterr().out
    assert (script.parent / "graph.dot").read_text(encoding="utf-8").startswith("digraph")


def test_a_file_of_a_package_is_imported_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    run("demos/first_principles.py:build", "-o", str(tmp_path / "neuron.svg"), "--backward", "--theme", "dark")
    assert "▲" in (tmp_path / "neuron.svg").read_text(encoding="utf-8")


def test_a_player(script, capsys):
    run("script.py:loss", "--player", "--number", ".2f", "--source", "none")
    assert "script.html: <Player of 8 steps" in capsys.readouterr().out
    page = (script.parent / "script.html").read_text(encoding="utf-8")
    assert "Content-Security-Policy" in page
    assert "script.py" not in page


def test_options_reach_the_drawing(script):
    run("script.py:loss", "-o", "g.dot", "--direction", "TB", "--collapse", "none", "--limit", "50", "--title", "T")
    text = (script.parent / "g.dot").read_text(encoding="utf-8")
    assert "rankdir=TB" in text
    assert 'tooltip="T"' in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.py"], "there is no file nowhere.py"),
        (["script.py:nothing"], "script.py has no nothing; the Values in it are: a, b, c, loss"),
        (["script.py:number"], "script.py:number is no Value, nor a function that returns one: 3.0"),
        (["script.py", "-o", "x.bmp"], "x.bmp must end in .svg"),
        (["script.py", "--player", "-o", "x.svg"], "x.svg must end in .html"),
        (["script.py", "--limit", "1"], "limit must be a whole number of at least 3"),
        (["script.py", "-o", "no/such/folder/x.svg"], "no/such/folder"),
        (["script.py", "--collapse", "all"], "must be auto, none or a whole number, not 'all'"),
        (["script.py", "--theme", "blue"], "invalid choice"),
    ],
)
def test_it_says_what_is_wrong(words, message, script, capsys):
    assert message in refused(capsys, *words)


def test_a_script_without_values_or_that_ends_the_program_is_told(script, capsys):
    script.write_text("x = 3\n", encoding="utf-8")
    assert "leaves no Value in a global variable; say what to draw, as script.py:name" in refused(capsys, "script.py")
    script.write_text("import sys\nsys.exit(3)\n", encoding="utf-8")
    assert "ended with exit code 3 when it was imported" in refused(capsys, "script.py:x")
    with pytest.raises(SystemExit, match="3"):
        run("script.py")


def test_an_error_of_the_script_is_the_scripts(script):
    script.write_text("import autograd\nautograd.Value(-1.0).log()\n", encoding="utf-8")
    with pytest.raises(autograd.errors.DomainError) as caught:
        run("script.py")
    assert caught.traceback[-1] is not None
    assert any(str(entry.path).endswith("script.py") for entry in caught.traceback)


def test_without_graphviz_it_says_what_to_install(script, capsys, monkeypatch):
    without_graphviz(monkeypatch)
    assert "pip install 'chainrule[draw]'" in refused(capsys, "script.py")
    run("script.py", "-o", "graph.mmd")
    assert (script.parent / "graph.mmd").exists()


def test_from_the_shell(script):
    done = subprocess.run(
        [sys.executable, "-m", "autograd", "draw", str(script), "-o", str(script.parent / "g.svg"), "--", "x"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "arguments ['x']" in done.stdout
    assert (script.parent / "g.svg").exists()
    none = subprocess.run([sys.executable, "-m", "autograd"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert none.returncode == 2
    assert "draw" in none.stderr
