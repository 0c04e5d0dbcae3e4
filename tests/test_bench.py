"""The comparison with other engines: that it runs, prints, and believes no engine whose gradients are wrong."""

import doctest
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("tests.bench.run")


def test_one_command_prints_a_table():
    command = [sys.executable, "-m", "tests.bench", "--quick", "--only", "sum_tanh", "--peers", "floats,microgpt-shape"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = {line.partition("  ")[0]: line.split() for line in run.stdout.splitlines()}
    assert "ns an operation" in lines
    assert float(lines["microgpt's shape"][2]) > 0
    assert "wrong" not in run.stdout


def test_a_gradient_that_differs_is_no_result(bench, tmp_path):
    peer = next(p for p in importlib.import_module("tests.bench.peers").PEERS if p.name == "chainrule")
    right, wrong = (bench.Bench([peer], tmp_path, rounds=1, quick=True) for _ in range(2))
    right.measure("moons", 0)
    ((moons, points),) = right.references
    derivative, ops = right.references[moons, points]
    wrong.references[moons, points] = derivative * (1 + 1e-7), ops
    wrong.measure("moons", 0)
    assert list(right.results.figures) == [("moons", "chainrule")]
    assert not wrong.results.figures
    assert "gradients are wrong" in wrong.results.reasons["chainrule, moons"]


@pytest.mark.skipif(shutil.which("cc") is None, reason="the workloads by hand need a C compiler")
def test_programs_beside_c_by_hand():
    """Every workload: all of them are compared with forward mode before they count."""
    command = [sys.executable, "-m", "tests.bench.replay", "--quick", "--rounds", "1", "--peers", "by hand,chainrule"]
    command += ["--only", "moons,microgpt,rosenbrock,black_scholes,bodies"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    _, times, made = run.stdout.split("\n\n")
    head, *rows = times.splitlines()
    assert head.split() == ["µs", "(×", "chainrule's)", "C", "by", "hand", "chainrule"]
    assert len(rows) == 5, run.stdout
    assert not any("–" in row for row in [*rows, made])


def test_its_examples(bench):
    for name in ("programs", "report", "arrays"):
        assert doctest.testmod(importlib.import_module(f"tests.bench.{name}")).failed == 0
