"""The printed C computes what Python does, bit for bit: every op, and every rule in every form."""

from __future__ import annotations

import ast
import ctypes
import itertools
import math
import random
import re
import shutil
import struct
import subprocess
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, ops
from autograd.errors import RuleError
from autograd.modes import IEEE, NO_GRAD, mode
from autograd.native import as_c, printer

OPS = printer.OPS
INDEX = {op: i for i, op in enumerate(OPS)}
CODES = {code: (number, op) for number, (code, op) in enumerate([(c, o) for o in OPS for c in printer.forms(o)], 2)}
MANY = [op for op in OPS if op.arity is None or op.arity > 2]
CALLS_PYTHON = ["hypot", "gamma", "lgamma", "digamma", "polygamma", "round_to", "fsum", "sumprod"]
HERE = Path(printer.__file__).parent

POSITIVE = [0.0, 5e-324, 2.2250738585072014e-308, 1e-8, 0.5, 1.0, 1.5, 2.0, 3.0, 19.5, 37.5, 709.9, 745.2, 1e17, 1e308]
SPECIALS = [*POSITIVE, *(-x for x in POSITIVE), math.inf, -math.inf, math.nan]
FEW = [0.0, -0.0, 0.5, -1.0, 2.5, 40.0, -745.2, 1e308, 5e-324, math.inf, -math.inf, math.nan]

WRAPPERS = """
#include <Python.h>
#include <stdint.h>

typedef struct Node {
    PyObject_HEAD
    double data, grad;
    union { struct Node *a; double ca; Py_ssize_t n; };
    union { struct Node *b; double cb; };
    uint64_t word;
} Node;

#include "kernels.h"

double (*python)(int op, const double *x, Py_ssize_t n);

static double py_call(int op, const double *x, Py_ssize_t n)
{
    return python(op, x, n);
}

double forward(int op, const double *x, Py_ssize_t n)
{
    return op_rows[op].f1 ? op_rows[op].f1(x[0]) : op_rows[op].f2 ? op_rows[op].f2(x[0], x[1]) : op_rows[op].fn(x, n);
}

#define SEND_A(c) (sent[0] = (c), sends[0] = 1)
#define SEND_B(c) (sent[1] = (c), sends[1] = 1)

static void one_case(int code, const Node *v, double g, double *sent, unsigned char *sends)
{
    switch (code) {
#include "kernels_backward.h"
    }
}

int backward(int op, int code, double g, double y, const double *x, Py_ssize_t n, double *sent, unsigned char *sends)
{
    if (code == NARY)
        return op_rows[op].rule(g, y, x, n, sent, sends);
    static Node v, a, b;
    v.data = y;
    a.data = x[0];
    if (code_rows[code].has_a)
        v.a = &a;
    else
        v.ca = x[0];
    if (n > 1)
        b.data = x[1];
    if (code_rows[code].has_b)
        v.b = &b;
    else if (n > 1)
        v.cb = x[1];
    one_case(code, &v, g, sent, sends);
    return 0;
}

const char *row(int op, int *facts)
{
    int all[] = {op_rows[op].arity, op_rows[op].code, (int)op_rows[op].reads, op_rows[op].in_c, N_OPS, N_CODES};
    memcpy(facts, all, sizeof all);
    return op_rows[op].name;
}

void code_row(int code, int *facts)
{
    int all[] = {code_rows[code].op, code_rows[code].has_a, code_rows[code].has_b};
    memcpy(facts, all, sizeof all);
}
"""

# ── The C side, and Python's ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    include = Path(sysconfig.get_path("include"))
    if compiler is None or not (include / "Python.h").exists():
        pytest.skip("no C compiler here" if compiler is None else f"no Python.h in {include}")
    folder = tmp_path_factory.mktemp("kernels")
    printer.main(folder / "kernels.h")
    (folder / "wrappers.c").write_text(WRAPPERS)
    flags = ["-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-fPIC", "-shared"]
    command = [compiler, *flags, f"-I{HERE}", f"-I{include}", "wrappers.c", "-o", "wrappers.so", "-lm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Compiled(ctypes.PyDLL(str(folder / "wrappers.so")))


class Compiled:
    """The library's functions, on Python's floats."""

    def __init__(self, library):
        doubles = ctypes.POINTER(ctypes.c_double)
        signature = ctypes.PYFUNCTYPE(ctypes.c_double, ctypes.c_int, doubles, ctypes.c_ssize_t)
        self.calls = 0

        def python(op, x, n):
            self.calls += 1
            return in_ieee(OPS[op], x[:n])

        self.callback = signature(python)
        ctypes.c_void_p.in_dll(library, "python").value = ctypes.cast(self.callback, ctypes.c_void_p).value
        self.library = library
        library.forward.restype = ctypes.c_double
        library.forward.argtypes = [ctypes.c_int, doubles, ctypes.c_ssize_t]
        number = ctypes.c_double
        library.backward.argtypes = [ctypes.c_int, ctypes.c_int, number, number, doubles, ctypes.c_ssize_t, doubles,
                                     ctypes.c_char_p]  # fmt: skip
        library.row.restype = ctypes.c_char_p

    def forward(self, op, x):
        return self.library.forward(INDEX[op], (ctypes.c_double * len(x))(*x), len(x))

    def backward(self, op, code, g, y, x):
        sent = (ctypes.c_double * len(x))()
        sends = ctypes.create_string_buffer(b"\2" * len(x), len(x))
        assert self.library.backward(INDEX[op], code, g, y, (ctypes.c_double * len(x))(*x), len(x), sent, sends) == 0
        return [s if flag == 1 else None if flag == 0 else "untouched" for s, flag in zip(sent, sends.raw, strict=True)]

    def facts(self, name, number, size):
        facts = (ctypes.c_int * size)()
        text = getattr(self.library, name)(number, facts)
        return (text.decode(), *facts) if name == "row" else tuple(facts)


def in_ieee(op, x):
    with mode(IEEE):
        return op.evaluate(tuple(x), tuple(x))


def python_forward(op, x):
    """The float function's answer, None where it raises."""
    try:
        return float(op.function(*x))
    except ops.ARITHMETIC:
        return None


def python_backward(op, g, y, x):
    """As chain.py does it: the rule on floats, or where that raises on Values, in IEEE arithmetic."""
    try:
        sent = op.float_rule(g, y, *x)
    except ops.ARITHMETIC:
        with mode(IEEE | NO_GRAD):
            sent = op.rule(Value(g), Value(y), *map(Value, x))
    return [None if s is None else float(s.data if isinstance(s, Value) else s) for s in sent]


def bits(x):
    return x if x is None or isinstance(x, str) else "nan" if x != x else struct.pack("d", x)


def check_forward(compiled, op, x):
    wanted, got = python_forward(op, x), compiled.forward(op, x)
    if wanted is None:
        if op.name not in CALLS_PYTHON:
            assert not math.isfinite(got), f"{op.name}{tuple(x)} raises in Python and is {got!r} in C"
        wanted = in_ieee(op, x)
    assert bits(got) == bits(wanted), f"{op.name}{tuple(x)} is {wanted!r} in Python and {got!r} in C"


def check_backward(compiled, op, g, x, y=None):
    y = in_ieee(op, x) if y is None else y
    wanted = python_backward(op, g, y, x)
    codes = [CODES[code][0] for code in printer.forms(op)] or [1]
    for code in codes:
        sides = compiled.facts("code_row", code, 3)[1:] if code > 1 else [1] * len(x)
        got = compiled.backward(op, code, g, y, x)
        expected = [bits(w) if side else "untouched" for w, side in zip(wanted, sides, strict=False)]
        assert list(map(bits, got)) == expected, f"{op.name}: g={g!r} y={y!r} x={x!r} {code=}: {wanted} {got}"


def grid(op):
    """Lists of inputs: all specials, or all pairs of them, or some longer ones."""
    if op.arity in (1, 2):
        return itertools.product(SPECIALS, repeat=op.arity)
    if op.arity == 3:
        return itertools.product(FEW, repeat=3)
    return some_lists(op, random.Random(op.name), 400)


def some_lists(op, rng, how_many):
    for _ in range(how_many):
        n = rng.randint(1, 9)
        palette = rng.choice([FEW, SPECIALS, [1.0, 2.0], [0.0, -0.0, 3.0], [rng.gauss(0, 3) for _ in range(12)],
                              [rng.gauss(0, 300) for _ in range(4)], [-math.inf, 0.0], [math.inf, 1.0]])  # fmt: skip
        x = rng.choices(palette, k=n)
        yield [float(rng.randrange(n)), *x] if chooses(op) else x * 2 if op in (ops.dot, ops.sumprod) else x


def chooses(op):
    return op.name in ("pick", "softmax", "log_softmax")


numbers = st.floats() | st.sampled_from(SPECIALS) | st.floats(-8.0, 8.0)


@st.composite
def an_op_and_inputs(draw):
    op = draw(st.sampled_from(OPS))
    x = draw(st.lists(numbers, min_size=op.arity or 1, max_size=op.arity or 9))
    return op, [float(draw(st.integers(0, len(x) - 1))), *x] if chooses(op) else x


# ── Bits ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_forward_on_specials(compiled, op):
    for x in grid(op):
        check_forward(compiled, op, x)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_backward_on_specials(compiled, op):
    few = op.arity == 2 and op.name != "pow"
    for x in itertools.product(FEW, repeat=2) if few else grid(op):
        for g in (1.5, -0.0) if op.arity != 1 else FEW:
            check_backward(compiled, op, g, list(x))


@settings(max_examples=1500)
@given(an_op_and_inputs())
def test_forward(compiled, case):
    check_forward(compiled, *case)


@settings(max_examples=1500)
@given(an_op_and_inputs(), numbers)
def test_backward(compiled, case, g):
    op, x = case
    check_backward(compiled, op, g, x)


def test_many_inputs_and_none(compiled):
    rng = random.Random(1)
    for op in MANY:
        for n in (30, 65, 1000) if op.arity is None else ():
            x = [rng.uniform(-1.0, 1.0) for _ in range(2 * n)]
            x = [float(n // 2), *x] if chooses(op) else x
            check_forward(compiled, op, x)
            check_backward(compiled, op, 1.5, x)
    for op in MANY:
        if op.arity is None and not chooses(op):
            check_forward(compiled, op, [])
            check_backward(compiled, op, 1.5, [], y=0.0)


@pytest.mark.parametrize("index", [-3.0, -1.0, -0.5, 0.0, 0.9, 1.0, 2.0])
@pytest.mark.parametrize("op", [ops.pick, ops.softmax, ops.log_softmax], ids=lambda op: op.name)
def test_an_index_is_read_as_python_reads_it(compiled, op, index):
    x = [index, 0.5, 2.0, 2.0]
    check_forward(compiled, op, x)
    check_backward(compiled, op, 1.5, x)


@pytest.mark.parametrize("index", [3.0, -4.0, math.nan, math.inf, -1e300])
@pytest.mark.parametrize("op", [ops.pick, ops.softmax, ops.log_softmax], ids=lambda op: op.name)
def test_an_index_past_the_end_is_nan(compiled, op, index):
    assert math.isnan(compiled.forward(op, [index, 0.5, 2.0, 2.0]))
    assert math.isnan(compiled.forward(op, [0.0]))


# ── The tables ──────────────────────────────────────────────────────────────────────────────────────────────


def test_every_op_has_a_row_and_every_form_a_code(compiled):
    assert len(OPS) == sum(isinstance(op, ops.Op) for op in vars(ops).values()) > 70
    for i, op in enumerate(OPS):
        first = CODES[printer.forms(op)[0]][0] if printer.forms(op) else 1
        name, arity, code, reads, in_c, n_ops, n_codes = compiled.facts("row", i, 6)
        assert (name, arity, code, n_ops, n_codes) == (op.name, op.arity or 0, first, len(OPS), len(CODES) + 2)
        assert in_c == (op.name not in CALLS_PYTHON)
        for k in range(op.arity or 9):
            assert bool(reads >> k & 1) == op.reads(k), (op, k)
    for code, (number, op) in CODES.items():
        form = code.rpartition("_")[2]
        assert compiled.facts("code_row", number, 3) == (INDEX[op], form[0] == "V", form[1:] == "V")
    assert len(CODES) + 2 < 256


def test_an_op_in_c_does_not_call_python(compiled):
    for op in OPS:
        before = compiled.calls
        compiled.forward(op, [0.5] * (op.arity or 3))
        assert compiled.calls - before == (op.name in CALLS_PYTHON), op


def test_only_built_in_ops_have_c():
    assert all(op.c or op.name in CALLS_PYTHON or type(op.function).__name__ == "function" for op in OPS)
    assert ops.Op("mine", 1, abs).c == ""
    with pytest.raises(TypeError):
        ops.Op("mine", 1, abs, c="fabs(a)")


# ── The text ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_text_is_the_same_every_time_and_written_once(tmp_path):
    texts = printer.kernels()
    assert texts == printer.kernels()
    assert list(texts) == ["kernels.h", "kernels_backward.h"]
    out = tmp_path / "kernels.h"
    printer.main(out)
    stamps = [(tmp_path / name).stat().st_mtime_ns for name in texts]
    printer.main(out)
    assert [(tmp_path / name).stat().st_mtime_ns for name in texts] == stamps
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == texts


def test_a_constant_side_costs_nothing():
    text = "\n".join(printer.case(ops.pow, "POW_VC"))
    assert "log" not in text
    assert "growth" not in text
    assert "v->a->data" in text
    assert "v->cb" in text
    assert "SEND_B" not in text
    assert re.findall("v->.*?data|v->c.", "\n".join(printer.case(ops.mul, "MUL_CV"))) == ["v->ca"]
    assert "v->" not in "\n".join(printer.case(ops.add, "ADD_VV"))


def with_a_loop(g, y, a):
    for _ in (a,):
        g = g * a
    return (g,)


def with_a_method(g, y, a):
    slope = a.cos()
    return (g * slope,)


def with_a_math_function(g, y, a):
    return (g * math.isqrt(a),)


def with_none(g, y, a):
    return (g if a > 0.0 else None,)


def with_too_few(g, y, a, b):
    return (g,)


def with_a_set(g, y, *inputs):
    return {g for _ in inputs}


def with_a_long_list(g, y, *inputs):
    twice = [x * 2.0 for x in inputs + inputs]
    return [g * ops.sum(*twice) for _ in inputs]


def with_the_last(g, y, *inputs):
    return [g * x for x in inputs[-1:]]


def with_an_if(g, y, *inputs):
    if y > 0.0:
        g = -g
    return [g for _ in inputs]


def with_a_str(g, y, a, b, c):
    return g, "g", None


@pytest.mark.parametrize(
    ("rule", "arity", "line", "words"),
    [
        (with_a_loop, 1, 1, "for _ in"),
        (with_a_method, 1, 1, "a.cos"),
        (with_a_math_function, 1, 1, "math.isqrt(a)"),
        (with_too_few, 2, 1, "(g,)"),
        (with_none, 1, 1, "None"),
        (with_a_set, None, 1, "for _ in inputs"),
        (with_a_long_list, None, 1, "for x in inputs + inputs"),
        (with_the_last, None, 1, "-1"),
        (with_an_if, None, 1, "if y > 0.0"),
        (with_a_str, 3, 1, "'g'"),
    ],
)
def test_a_rule_outside_the_printable_language_is_named_with_its_line(rule, arity, line, words):
    op = ops.Op("mine", arity, max)
    op.rule = rule
    where = rf"{rule.__name__}, test_kernels.py:{rule.__code__.co_firstlineno + line}: there is no C for .*"
    with pytest.raises(RuleError, match=where + re.escape(words)):
        list(printer.rule_function(op) if arity in (3, None) else printer.case(op, f"MINE_{arity * 'V'}"))


def test_a_rule_without_text_is_refused():
    op = ops.Op("mine", 1, max)
    for rule in (lambda g, y, a: (g,), eval("lambda g, y, a: (g,)"), math.sin):
        op.rule = rule
        with pytest.raises(RuleError, match="write a def at top level"):
            list(printer.case(op, "MINE_V"))


@pytest.mark.parametrize(
    ("python", "c"),
    [
        ("a - (b - g) - y", "a - (b - g) - y"),
        ("a * (b / g) / y", "a * (b / g) / y"),
        ("-(-a) * -b", "-(-a) * -b"),
        ("-(a * b) - -2.5e-300", "-(a * b) - -2.5e-300"),
        ("a ** b % 2.0", "f_mod(f_pow(a, b), 2.0)"),
        ("1 / 2 + a / 2", "(double)1 / 2 + a / 2"),
        ("a < b <= g", "a < b && b <= g"),
        ("not a < b", "!(a < b)"),
        ("a if (g if y else a) else b if g else y", "(y ? g : a) ? a : g ? b : y"),
        ("(a if b else g) * y", "(b ? a : g) * y"),
        ("ops.exp(-math.inf + math.pi)", "f_exp(-INFINITY + 3.141592653589793)"),
    ],
)
def test_formulas(python, c):
    formula = as_c.Printer(ops.add.rule).formula(ast.parse(python, mode="eval").body)
    assert formula == c
