"""Programs as C: what a compiled file computes has the bits that the engine computes, or says that it is not right."""

from __future__ import annotations

import array
import ctypes
import functools
import itertools
import math
import pickle
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mpmath
import numpy
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import Value, ops
from autograd.errors import CompilerError, DomainError, ExportError, GuardError, InputError, InputTypeError
from autograd.program.c_functions import NEAR, has_c
from autograd.program.code import careful
from autograd.program.export import Text, c_name, exported
from autograd.program.loops import LETTERS, Tables, Walk, extents
from autograd.program.symbols import BY_NAME
from demos.greeks import MARKET, call
from tests.programs import NUMBERS, bits, function_of, steps

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
WITHOUT_C = {"digamma", "polygamma", "round_to", "fsum", "sumprod"}
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-320, 1e308, -1e308, math.inf, -math.inf, math.nan, 700.0, -800.0, 3.7]
needs_a_compiler = pytest.mark.skipif(not COMPILERS, reason="there is no C compiler")


def built(folder: Path, texts: Sequence[Text], compiler: str = "", options: Sequence[str] = ()) -> Callable[..., Any]:
    """One library of several files: called with a file and inputs it gives the status and the outputs."""
    source, library = folder / "all.c", folder / f"all_{compiler}.so"
    source.write_text("\n".join(text.text for text in texts), encoding="utf-8")
    flags = dict.fromkeys(flag for text in texts for flag in text.flags)
    command = [compiler or COMPILERS[0], *flags, *STRICT, *options]
    subprocess.run([*command, "-shared", "-fPIC", "-o", str(library), str(source), "-lm"], check=True)
    loaded = ctypes.CDLL(str(library))

    def called(text: Text, xs: Sequence[float]) -> tuple[int, list[float]]:
        assert len(xs) == text.inputs
        y, v = (ctypes.c_double * text.outputs)(), (ctypes.c_double * text.scratch)()
        status = getattr(loaded, text.name)((ctypes.c_double * len(xs))(*xs), y, v)
        assert status == 0 or all(x != x for x in y)
        return status, list(y)

    return called


def as_text(program: Any, name: str, bake: bool = False, ieee: bool = False) -> Text:
    return exported(program, name, "double", bake, ieee, None)


def numbers_of(x: Any) -> list[float]:
    return [x] if isinstance(x, float) else [number for item in x for number in numbers_of(item)]


def eager(f: Callable[..., Any], args: Sequence[Any], chosen: int = 0) -> list[float]:
    """The value and the derivatives by an argument, node by node."""

    def leaves(x: Any) -> Any:
        return Value(x) if isinstance(x, float) else [leaves(item) for item in x]

    def flat(x: Any) -> list[Any]:
        return [x] if isinstance(x, Value) else [node for item in x for node in flat(item)]

    given = [leaves(x) for x in args]
    y = f(*given)
    return [y.data, *[g.data for g in ag.gradients(y, flat(given[chosen]))]]


# ── Bits ────────────────────────────────────────────────────────────────────────────────────────────────────


def drawn(strategy: Any, n: int) -> list[Any]:
    """Some examples: to be compiled together, for a compiler's start takes longer than its work."""
    found: list[Any] = []
    every = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

    @settings(max_examples=n, database=None, phases=[Phase.generate], deadline=None, suppress_health_check=every)
    @given(strategy)
    def draw(example: Any) -> None:
        found.append(example)

    draw()
    return found


POINTS = st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=4, max_size=4)


@needs_a_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
def test_drawn_programs_have_the_bits_of_the_run(compiler: str, tmp_path: Path) -> None:
    tried: list[tuple[Any, list[Any], Text, bool]] = []
    for steps_, points in drawn(st.tuples(steps(3, branches=True), POINTS), 15):
        with ag.ieee():
            program = ag.record(function_of(steps_), points[0])
        for made, ieee in ((program, False), (program.gradient(), True)):
            if not {row.op.name for row in made.rows} & (WITHOUT_C | set(NEAR)):
                tried.append((made, points, as_text(made, f"f{len(tried)}", ieee=ieee), ieee))
    called = built(tmp_path, [text for _, _, text, _ in tried], compiler, ["-O1"])
    right = 0
    for program, points, text, ieee in tried:
        for xs in points:
            status, outputs = called(text, xs)
            expected = program.run(xs, ieee)
            if status == 0:
                right += 1
                assert bits(outputs) == bits(expected), (program, xs)
            elif expected is not None and "copysign" not in program.ops:  # where Python raises, or may
                assert not ieee
                assert any(row.raises for row in program.rows)
    assert right > 5


@needs_a_compiler
def test_wide_programs_become_loops_with_the_same_bits(tmp_path: Path) -> None:
    tried: list[tuple[Any, list[list[list[float]]], Text]] = []
    rows = st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=7, max_size=7)
    for steps_, first, then, shape in drawn(st.tuples(steps(3, most=5), rows, rows, st.integers(0, 2)), 12):

        def f(xs: Any, steps_: Any = steps_, shape: int = shape) -> Any:
            results = [function_of(steps_, (1.0,))(row) for row in xs]
            terms = [y if shape == 0 else y * row[0] for y, row in zip(results, xs, strict=True)]
            total = xs[0][1] if shape == 2 else terms[0]
            for term in terms[shape != 2 :]:
                total = total + term
            return total

        with ag.ieee():
            program = ag.record(f, first).gradient()
        if not {row.op.name for row in program.rows} & (WITHOUT_C | set(NEAR)):
            tried.append((f, [first, then], as_text(program, f"f{len(tried)}", ieee=True)))
    called = built(tmp_path, [text for _, _, text in tried])
    right = 0
    for f, points, text in tried:
        assert re.search(r"for \(int i", text.text)
        for xs in points:
            status, outputs = called(text, numbers_of(xs))
            if status == 0:
                right += 1
                with ag.ieee():
                    assert bits(outputs) == bits(eager(f, [xs]))
    assert right > 3


@needs_a_compiler
def test_every_op_computes_what_its_float_function_computes(tmp_path: Path) -> None:
    """At every special number; and where that raises, the status says so."""
    texts: dict[Any, tuple[Text, Text]] = {}
    for op in [op for op in vars(ops).values() if isinstance(op, ops.Op) and has_c(op)]:
        with ag.ieee():
            program = ag.record(lambda xs, op=op: op(*xs), [0.5] * (op.arity or 5) if op.arity else [1.0] * 5)
        texts[op] = as_text(program, f"f_{op.name}", ieee=True), as_text(program, f"g_{op.name}")
    called = built(tmp_path, [text for pair in texts.values() for text in pair])
    for op, (as_ieee, as_python) in texts.items():
        arity = op.arity or 5
        for k, case in enumerate(
            itertools.islice(itertools.product(SPECIAL, repeat=min(arity, 2)), 0, None, min(arity, 3))
        ):
            xs = [*case, *case, 0.25][:arity]
            if op.name in ("pick", "softmax", "log_softmax"):
                xs[0] = float(k % 5)
            status, (got,) = called(as_ieee, xs)
            if op is ops.copysign and xs[1] != xs[1]:
                assert status != 0
                continue
            expected = careful(op, xs)
            close = op.name in NEAR and math.isclose(got, expected, rel_tol=2e-15)
            assert status == 0
            assert close or bits(got) == bits(expected), (op, xs)
            status, (got,) = called(as_python, xs)
            try:
                expected = float(op.function(*xs))
            except (ValueError, ArithmeticError, IndexError):
                assert status != 0, (op, xs)
            else:
                close = op.name in NEAR and math.isclose(got, expected, rel_tol=2e-15)
                assert status != 0 or close or bits(got) == bits(expected), (op, xs)
                assert status == 0 or not math.isfinite(expected), (op, xs)


@needs_a_compiler
@pytest.mark.parametrize("op", [ops.gamma, ops.lgamma])
def test_what_is_cs_own_is_close(op: Any) -> None:
    in_c = ag.record(lambda x: op(x), 2.5).compile_c()
    exact = getattr(mpmath, {"gamma": "gamma", "lgamma": "loggamma"}[op.name])
    for x in (0.25, 0.7, 1.5, 3.3, 10.1, 80.5):
        assert math.isclose(in_c(x), float(exact(mpmath.mpf(x))), rel_tol=4e-15)


def by_hand(sizes: Sequence[int], p: Sequence[Any], h: Sequence[Any]) -> list[Any]:
    """A network: for each unit a bias, then its weights."""
    at = 0
    for last, (n, m) in enumerate(itertools.pairwise(sizes), 3 - len(sizes)):
        sums = []
        for _ in range(m):
            total = p[at]
            for w, x in zip(p[at + 1 : at + 1 + n], h, strict=True):
                total = total + w * x
            sums.append(total)
            at += n + 1
        h = sums if last else [ag.tanh(s) for s in sums]
    return list(h)


SIZES = (64, 32, 10)


def net_loss(p: Any, x: Any, t: Any) -> Any:
    scores = by_hand(SIZES, p, x)
    return ag.logsumexp(scores) - ag.pick(scores, t)


def margins(p: Any, xs: Any, ts: Any) -> Any:
    total = 0.0
    for x, t in zip(xs, ts, strict=True):
        (score,) = by_hand((2, 5, 1), p, x)
        total = total + ag.relu(1.0 - t * score)
    return total / float(len(xs))


def rosenbrock(x: Any) -> Any:
    total = 0.0
    for a, b in itertools.pairwise(x):
        total = total + 100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2
    return total


def iterated(x: Any) -> Any:
    y = x[0]
    for _ in range(300):
        y = ag.sin(y * 1.01 + x[1])
    return y


def recurrent(w: Any, xs: Any) -> Any:
    """A state of three numbers, each step's from six products; and of one number, from seven."""
    h, c = [xs[0], xs[1], xs[2]], xs[3]
    for x in xs:
        h = [ag.tanh(ag.dot([*row, *row], [*h, x, *h[::-1], x])) for row in w]
        c = ag.sin(c * x + h[0] * c + h[1] * x + h[2] * h[0] + c * h[1] + c * h[2] + x * x)
    return c + h[0]


def chosen(xs: Any, i: Any) -> Any:
    top = ag.max([xs[0] * xs[1], xs[1], xs[2] * 2.0])
    rows = [[x * top, x - 1.0] for x in xs]
    return ag.where(xs[0] > 0.1, ag.take(rows, i)[0], xs[1]) + ag.norm(xs) ** 3 + ag.mean(xs) * ag.prod(xs)


def cases() -> dict[str, tuple[Any, list[Any], int]]:
    """Functions, each with arguments and how many lines of C its function may take."""
    source = random.Random(3)

    def some(n: int) -> list[float]:
        return [source.uniform(-1.0, 1.0) for _ in range(n)]

    return {
        "net": (net_loss, [some(65 * 32 + 33 * 10), some(64), 3.0], 110),
        "moons": (
            margins,
            [some(21), [some(2) for _ in range(12)], [source.choice([-1.0, 1.0]) for _ in range(12)]],
            150,
        ),
        "rosenbrock": (rosenbrock, [some(30)], 80),
        "iterated": (iterated, [[0.3, 0.2]], 45),
        "recurrent": (recurrent, [[some(4) for _ in range(3)], some(12)], 180),
        "options": (lambda m: call(dict(zip(MARKET, m, strict=True))), [list(MARKET.values())], 100),
    }


@functools.cache
def larger() -> dict[str, tuple[Text, int, list[tuple[list[float], list[float]]]]]:
    """Of each case: its gradient in C, how many lines it may have, and inputs with what the engine makes of them."""
    found = {}
    for name, (f, args, lines) in cases().items():
        points = [[x if name == "net" and k == 2 else _scaled(x, by) for k, x in enumerate(args)] for by in (1.0, 0.5)]
        truth = [(numbers_of(point), eager(f, point)) for point in points]
        found[name] = as_text(ag.record(f, *args).gradient(), name), lines, truth
    return found


@needs_a_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
def test_larger_functions_are_short_in_c_and_have_the_same_bits(compiler: str, tmp_path: Path) -> None:
    called = built(tmp_path, [text for text, _, _ in larger().values()], compiler)
    for name, (text, lines, points) in larger().items():
        function = text.text.partition(f"int {name}(const double *restrict")[2]
        assert function.count("\n") <= lines, function
        for xs, expected in points:
            assert bits(called(text, xs)) == bits((0, expected))


def _scaled(x: Any, by: float) -> Any:
    return x * by if isinstance(x, float) else [_scaled(item, by) for item in x]


@needs_a_compiler
def test_second_derivatives_and_choices(tmp_path: Path) -> None:
    def curvature(m: Any) -> Any:
        slopes = ag.gradients(call(dict(zip(MARKET, m, strict=True))), m, create_graph=True)
        return [g for slope in slopes for g in ag.gradients(slope, m, create_graph=True)]

    market = list(MARKET.values())
    hessian = ag.record(curvature, market)
    point = [0.5, 1.5, -0.75], 1.0
    choice = ag.record(chosen, *point)
    called = built(tmp_path, [as_text(hessian, "hessian"), as_text(choice, "chosen", ieee=True)])
    assert bits(called(as_text(hessian, "hessian"), market)) == bits(
        (0, [g.data for g in curvature([Value(x) for x in market])])
    )
    status, (got,) = called(as_text(choice, "chosen", ieee=True), numbers_of(point))
    assert status == 0
    assert math.isclose(got, chosen([Value(x) for x in point[0]], point[1]).data, rel_tol=1e-15)  # norm is C's hypot


# ── What is not right is said ───────────────────────────────────────────────────────────────────────────────


def guarded(p: Any, x: Any) -> Any:
    if x > 0.5:
        return ag.log(p[0]) * x
    return p[0] / p[1]


@needs_a_compiler
def test_a_failed_guard_or_op_is_a_status_and_in_python_an_error(tmp_path: Path) -> None:
    program = ag.record(guarded, [2.0, 3.0], 1.0)
    text = as_text(program.gradient(), "guarded")
    line = guarded.__code__.co_firstlineno
    checks = dict(re.findall(r"^ +(\d)  (.*)$", text.text, re.MULTILINE))
    assert checks == {
        "1": f"guard: 0.5 < x is True at test_export.py:{line + 1}",
        "2": f"log at test_export.py:{line + 2} raises, or is not finite",
    }
    called = built(tmp_path, [text])
    assert called(text, [2.0, 3.0, 1.0])[0] == 0
    assert called(text, [2.0, 3.0, 0.25])[0] == 1
    assert called(text, [2.0, 3.0, math.nan])[0] == 1
    assert called(text, [-2.0, 3.0, 1.0])[0] == 2
    assert called(text, [-2.0, 3.0, 0.25])[0] == 1  # the first of them
    in_c = program.compile_c()
    assert bits(in_c([2.0, 3.0], 1.0)) == bits(program([2.0, 3.0], 1.0))
    assert bits(in_c.value_and_grad([2.0, 3.0], 1.0)) == bits(program.gradient()([2.0, 3.0], 1.0))
    with pytest.raises(GuardError, match=r"0\.5 < x is True"):
        in_c([2.0, 3.0], 0.25)
    with pytest.raises(DomainError, match=r"log\(a\) at a = -2.0"):
        in_c([-2.0, 3.0], 1.0)
    assert in_c([math.inf, 3.0], 1.0) == math.inf  # for Python to judge: log(inf) does not raise
    with ag.ieee():
        assert math.isnan(in_c([-2.0, 3.0], 1.0))
    with pytest.raises(InputError, match="another structure"):
        in_c([2.0], 1.0)


@needs_a_compiler
def test_many_guards_on_one_line_are_one_status(tmp_path: Path) -> None:
    def f(xs: Any) -> Any:
        total = 0.0
        for x in xs:
            total = total + (x if x > 0.0 else 0.5 * x)
        return total

    xs = [(-1.0) ** (k // 3) * (k + 1.0) for k in range(12)]
    program = ag.record(f, xs)
    text = as_text(program, "f")
    called = built(tmp_path, [text])
    assert called(text, xs) == (0, [f(xs)])
    for k in range(12):
        status, _ = called(text, [-x if i == k else x for i, x in enumerate(xs)])
        assert status in (1, 2)
    assert text.text.count("f_check(") < 8


def test_an_op_without_c_is_named_with_its_line() -> None:
    cube = ag.Op("cube", 1, lambda a: a * a * a)
    ag.rule(cube)(lambda g, y, a: (g * 3.0 * a * a,))

    def own(x: Any) -> Any:
        return cube(x) + 1.0

    line = own.__code__.co_firstlineno + 1
    with pytest.raises(
        ExportError, match=rf"own can't be written as C: its op 'cube' at test_export.py:{line} is yours"
    ):
        ag.record(own, 2.0).to_c()
    with pytest.raises(ExportError, match=rf"its op 'fsum' at test_export.py:{line + 9} calls Python"):
        ag.record(
            lambda x: ag.fsum([x, 1.0]),
            2.0,
        ).to_c()
    with pytest.raises(ExportError, match="'digamma', in a derivative"):
        ag.record(lambda x: ag.lgamma(x), 2.5).to_c(grad=True)
    assert {op.name for op in BY_NAME.values() if not has_c(op)} == WITHOUT_C


def test_names_and_kinds_are_checked() -> None:
    program = ag.record(lambda x: x * 2.0, 3.0)
    for name in ("2x", "double", "exp", "a-b", "é", ""):
        with pytest.raises(InputError, match="name of a function in C"):
            program.to_c(name=name)
    with pytest.raises(InputTypeError, match='"double" or "float"'):
        program.to_c(real="half")
    with pytest.raises(InputError, match="too large for a float"):
        ag.record(lambda x: x * 1e300, 3.0).to_c(real="float")
    with pytest.raises(InputError, match="another structure"):
        program.to_c(test=([1.0],))
    with pytest.raises(DomainError):
        ag.record(lambda x: x.log(), 3.0).to_c(test=(-1.0,))
    assert "int lambda(" in program.to_c()
    assert [c_name(name) for name in ("a b", "2", "if", "<>", "f.<locals>.g")] == [
        "a_b",
        "f2",
        "if_",
        "f",
        "f_locals_g",
    ]


def test_a_label_does_not_end_the_comment() -> None:
    v = Value(2.0, "*/ int x; /*")
    text = ag.record(lambda x: x * v, 3.0).to_c(name="f")
    assert text.index("*/") > text.index("Ops:")


# ── The file ────────────────────────────────────────────────────────────────────────────────────────────────


def line_loss(p: Any, x: Any, t: Any) -> Any:
    return (ag.tanh(p[0] * x + p[1]) - t) ** 2


@needs_a_compiler
@pytest.mark.parametrize("real", ["double", "float"])
def test_the_file_tests_itself(real: str, tmp_path: Path) -> None:
    file, program = tmp_path / "loss.c", tmp_path / "loss"
    point = ([0.5, -1.0], 2.0, 0.25)
    text = ag.record(line_loss, *point).to_c(file, name="loss", grad=True, argnums=(0, 1), real=real, test=point)
    assert file.read_text(encoding="utf-8") == text

    def run() -> subprocess.CompletedProcess[str]:
        flags = text.partition("Compiled with ")[2].partition(" it has")[0].replace("\n", " ").split()
        command = [COMPILERS[0], *flags, *STRICT, "-DLOSS_TEST", "-o", str(program), str(file), "-lm"]
        subprocess.run(command, check=True)
        return subprocess.run([program], capture_output=True, text=True, check=False)

    done = run()
    assert (done.returncode, done.stdout) == (0, "loss: status 0\n")
    assert (real == "float") == ("tanhf(" in text) == ("double *restrict" not in text)
    file.write_text(re.sub(r"x\[0\] \* x\[2\]", "x[0] * 1.001", text), encoding="utf-8")
    assert file.read_text(encoding="utf-8") != text
    done = run()
    assert done.returncode == 1
    assert re.search(r"y\[0\] is 0x.*, not 0x", done.stdout)


@needs_a_compiler
def test_single_precision_is_close(tmp_path: Path) -> None:
    f, args, _ = cases()["net"]
    program = ag.record(f, *args).gradient()
    text = exported(program, "net", "float", False, False, None)
    assert not re.search(r"(?<!_)\bdouble\b", text.text.partition("*/")[2])
    source, made = tmp_path / "net.c", tmp_path / "net.so"
    source.write_text(text.text, encoding="utf-8")
    options = ["-Wdouble-promotion", "-Wno-unknown-warning-option"]
    subprocess.run(
        [COMPILERS[0], *text.flags, *STRICT, *options, "-shared", "-fPIC", "-o", made, source, "-lm"], check=True
    )
    xs, y, v = numbers_of(args), (ctypes.c_float * text.outputs)(), (ctypes.c_float * text.scratch)()
    assert ctypes.CDLL(str(made)).net((ctypes.c_float * len(xs))(*xs), y, v) == 0
    assert numpy.allclose(list(y), eager(f, args), rtol=1e-4, atol=1e-5)


@needs_a_compiler
def test_captured_values_are_the_last_inputs_or_constants(tmp_path: Path) -> None:
    model = nn.MLP(3, [4, 2], seed=1)
    f = lambda x: ag.logsumexp(model(x))  # noqa: E731
    program = ag.record(f, [0.1, 0.2, 0.3])
    n = len(program.captured)
    assert n == len(model.parameters())
    open_, closed = as_text(program, "open_"), as_text(program, "closed", bake=True)
    assert (open_.inputs, closed.inputs) == (3 + n, 3)
    called = built(tmp_path, [open_, closed])
    xs, then = [0.4, -0.2, 0.9], [p.data for p in program.captured]
    expected = f([Value(x) for x in xs]).data
    assert bits(called(open_, xs + then)) == bits(called(closed, xs)) == bits((0, [expected]))
    in_c = program.compile_c()
    for p in model.parameters():
        p.data = 0.5 * p.data
    assert bits(called(closed, xs)) == bits((0, [expected]))
    assert bits(in_c(xs)) == bits(f([Value(x) for x in xs]))


def test_a_file_holds_no_state_and_needs_libm_alone() -> None:
    for text, _, _ in larger().values():
        _check_that_it_stands_alone(text.text)


def _check_that_it_stands_alone(text: str) -> None:
    assert re.findall(r"#include (.*)", text) == ["<math.h>"]
    assert "alloc" not in text
    assert all(line.startswith(("static const ", "static inline ")) for line in re.findall(r"^static .*", text, re.M))
    assert not re.search(r"^ +static", text, re.MULTILINE)


def test_results_of_every_shape_are_outputs() -> None:
    text = ag.record(lambda x, y: (x, 2.0, [y * x, x]), 1.0, 2.0).to_c(name="f")
    assert "F_INPUTS = 2, F_OUTPUTS = 3" in text
    assert re.search(r"y\[0\.\.2\] +result\[0\], result\[1\], result\[2\]", text)


# ── Compiled and called ─────────────────────────────────────────────────────────────────────────────────────


@needs_a_compiler
def test_a_compiled_program_takes_and_gives_what_the_program_does() -> None:
    program = ag.record(line_loss, [0.5, -1.0], 2.0, 0.25)
    in_c = program.compile_c(argnums=(0, 2))
    p = [0.25, 0.75]
    assert bits(in_c(p, 3.0, 1.0)) == bits(program(p, 3.0, 1.0))
    assert bits(in_c.value_and_grad(p, 3.0, 1.0)) == bits(program.gradient((0, 2))(p, 3.0, 1.0))
    leaves = [Value(0.25), Value(0.75)]
    y = in_c(leaves, 3.0, 1.0)
    y.backward()
    assert bits([y, *[v.grad for v in leaves]]) == bits(eager(line_loss, [[0.25, 0.75], 3.0, 1.0]))
    for kind in (numpy.array, lambda xs: array.array("d", xs)):
        given = kind([0.5, 0.25])
        on_arrays = ag.record(lambda p: p[0] * p[1], given).compile_c()
        assert on_arrays(given) == 0.125
        assert on_arrays.value_and_grad(given)[1].tolist() == [0.25, 0.5]
    assert repr(in_c) == "<<program line_loss: 4 inputs, 5 ops, 0 guards> in C>"


@needs_a_compiler
def test_buffers_are_filled_in_place() -> None:
    in_c = ag.record(guarded, [2.0, 3.0], 1.0).compile_c().gradient
    for kind in (numpy.array, lambda xs: array.array("d", xs)):
        x, y = kind([2.0, 3.0, 1.0]), kind([0.0] * 3)
        assert in_c.fill(x, y) == 0
        assert list(y) == [math.log(2.0), 0.5, 0.0]
        x[2] = 0.25
        assert in_c.fill(x, y) == 1
        assert all(value != value for value in y)
    for bad in ([2.0, 3.0, 1.0], array.array("d", [2.0]), array.array("f", [2.0] * 3), numpy.zeros(6)[::2], b"0" * 24):
        with pytest.raises(InputTypeError, match="inputs must be a buffer of 3 doubles"):
            in_c.fill(bad, y)


@needs_a_compiler
def test_a_compiled_program_is_compiled_again_where_it_is_unpickled() -> None:
    in_c = ag.record(line_loss, [0.5, -1.0], 2.0, 0.25).compile_c(argnums=1)
    again = pickle.loads(pickle.dumps(in_c))
    assert again.argnums == 1
    assert again.source == in_c.source
    assert bits(again.value_and_grad([0.1, 0.2], 0.3, 0.4)) == bits(in_c.value_and_grad([0.1, 0.2], 0.3, 0.4))


def test_without_a_compiler_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = ag.record(lambda x: x * 2.0, 3.0)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CompilerError, match=r"no C compiler here.*Install one"):
        program.compile_c()
    monkeypatch.setenv("CC", "no-such-cc -O2")
    with pytest.raises(CompilerError, match="CC names 'no-such-cc'"):
        program.compile_c()


@needs_a_compiler
def test_a_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", f"{COMPILERS[0]} --no-such-option")
    with pytest.raises(CompilerError, match=r"no-such-option.* failed: .*no-such-option"):
        ag.record(lambda x: x * 2.0, 3.0).compile_c()


# ── Loops ───────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def sequences(draw: Any) -> list[list[int]]:
    """Sequences of one length: through loops within loops, or of any numbers."""
    rounds = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    made = []
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            steps_ = [draw(st.integers(-3, 9)) for _ in rounds]
            base = 200 + draw(st.integers(0, 99))
            walks = itertools.product(*map(range, rounds))
            made.append([base + sum(a * b for a, b in zip(steps_, at, strict=True)) for at in walks])
        else:
            made.append(draw(st.lists(st.integers(0, 999), min_size=math.prod(rounds), max_size=math.prod(rounds))))
    return made


@given(sequences())
def test_a_walk_is_the_sequence(found: list[list[int]]) -> None:
    """Its text, which is Python as well as C, evaluated in every round."""
    rounds = extents(found)
    assert math.prod(rounds) == len(found[0])
    for sequence in found:
        tables = Tables("t")
        text = Walk.of(sequence, rounds).text(LETTERS[: len(rounds)], tables)
        looked_up = {table.name: table.numbers for table in tables.made.values()}
        assert all(max(table.numbers) < 256**table.width for table in tables.made.values())
        walked = [
            eval(text, {**looked_up, **dict(zip(LETTERS, at, strict=False))})
            for at in itertools.product(*map(range, rounds))
        ]
        assert walked == sequence


def test_loops_may_be_as_deep_as_bits_are_reversed() -> None:
    backwards = [int(f"{k:012b}"[::-1], 2) for k in range(4096)]
    assert extents([backwards]) == [2] * 12
    tables = Tables("t")
    assert Walk.of(backwards, [2] * 12).text(LETTERS[:12], tables).startswith("i + 2 * j + 4 * k")
    assert not tables.made


def test_a_sequence_through_loops_needs_no_table() -> None:
    rows = [
        [65 * i + j for i in range(4) for j in range(3)],
        [7 for _ in range(12)],
        [i for i in range(4) for _ in range(3)],
    ]
    assert extents(rows) == [4, 3]
    tables = Tables("t")
    texts = [Walk.of(row, [4, 3]).text("ij", tables) for row in rows]
    assert texts == ["65 * i + j", "7", "i"]
    assert not tables.made
