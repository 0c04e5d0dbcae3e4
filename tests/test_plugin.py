"""The pytest plugin, in pytest runs of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

WRONG = """
import autograd as ag
import pytest

square = ag.Op("square", 1, lambda a: a * a)
ag.rule(square)(lambda g, y, a: (g * a,))

def test_point(gradcheck):
    gradcheck(square, [3.0])

def test_range(gradcheck):
    gradcheck(square, [(-3, 3)])

def test_right(gradcheck):
    assert gradcheck(ag.sin, [0.5]).compared
    assert gradcheck(ag.sin, [(-1, 1)]) is None

@pytest.mark.gradcheck(order=2, examples=5)
def test_marked(gradcheck):
    assert gradcheck(ag.sin, [0.5]).call.endswith("order=2)")
    assert gradcheck.examples == 5
"""


def run(pytester: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(text)
    installed = any(e.value == "autograd.testing.plugin" for e in entry_points(group="pytest11"))
    plugin = () if installed else ("-p", "autograd.testing.plugin")
    return pytester.runpytest_inprocess(*plugin, "-p", "no:cacheprovider", *options)


def test_right_passes_and_wrong_fails_with_what_repeats_it(pytester):
    result = run(pytester, WRONG)
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*GradientError: check_gradients(square, [[]3.0]): the derivative by inputs[[]0] is wrong*",
            "*suspect   square at (3.0)*",
            "*to repeat*",
            "from autograd.testing import check_gradients",
            "check_gradients(square, [[]3.0])",
            "check_gradients(square, [[]1.0])",
        ]
    )


def test_profiles_set_order_and_number_of_points(pytester):
    text = "def test(gradcheck):\n    print(gradcheck.profile)\n    assert 0"
    for profile, words in [
        ("dev", "examples=20, *order=1"),
        ("ci", "examples=100, *order=1"),
        ("thorough", "2000, *order=2"),
    ]:
        run(pytester, text, "--gradcheck-profile", profile).stdout.fnmatch_lines([f"*{words}*"])
    assert run(pytester, text, "--gradcheck-profile", "quick").ret == pytest.ExitCode.USAGE_ERROR


def test_the_marker_is_known_and_checked(pytester):
    text = "import pytest\n@pytest.mark.gradcheck(ordre=2)\ndef test(gradcheck):\n    pass"
    run(pytester, text, "--strict-markers").stdout.fnmatch_lines(["*UsageError: the gradcheck marker takes order=*"])
    run(pytester, text, "--markers").stdout.fnmatch_lines(["@pytest.mark.gradcheck(order=1, examples=None)*"])


def test_a_picture_comes_on_request(pytester, monkeypatch):
    import autograd

    drawn = []
    monkeypatch.setattr(
        autograd, "draw", lambda root, highlight: drawn.append(highlight) or "the picture", raising=False
    )
    result = run(pytester, WRONG, "--gradcheck-picture", "-k", "point")
    result.stdout.fnmatch_lines(["*picture*", "the picture"])
    assert [node.op for node in drawn[0]] == ["square"]


def test_the_plugin_imports_neither_hypothesis_nor_the_checks():
    heavy = "('hypothesis', 'autograd.testing.check')"
    script = f"import sys, pytest, autograd.testing.plugin; print(*[name in sys.modules for name in {heavy}])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_registration_lets_hypothesis_draw_values():
    script = """
import sys
from hypothesis import find, strategies as st
from autograd.testing.registration import register
register()
print("autograd.testing.strategies" in sys.modules)
from autograd import Value
print(find(st.from_type(Value), lambda v: v.data > 1.5).data)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "2.0"]
