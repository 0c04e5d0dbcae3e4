"""Ops as C99 that needs libm alone: the text of the compiled engine's own kernels, and no other.

What ops.py says an op is in C, what native/printer.py prints from special.py, and the functions of
native/numerics.h: a file gets those of them that it calls. An op that calls Python there has no C here.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from .. import native, ops
from ..native.as_c import function_text, laid_out
from ..native.printer import forward
from ..ops import Op
from .symbols import BY_NAME

# C's own function where Python has one of its own, which differs in the last bits.
NEAR: Final = {
    "gamma": ["static inline double f_gamma(double a)", "{", "return tgamma(a);", "}"],
    "lgamma": ["static inline double f_lgamma(double a)", "{", "return lgamma(a);", "}"],
    "hypot": [
        "static inline double f_hypot(const double *x, Py_ssize_t n)",
        "{",
        "double h = 0.0;",
        "for (Py_ssize_t i = 0; i < n; i++) {",
        "h = hypot(h, x[i]);",
        "}",
        "return h;",
        "}",
    ],
}
_EXACT: Final = "fabs floor ceil trunc rint sqrt fmod copysign"
_ROUNDED: Final = """exp exp2 expm1 log log2 log10 log1p pow cbrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh
    acosh atanh erf erfc tgamma lgamma hypot"""
# Of the functions that round, compilers know other bits: of pow(x, 2.0), and of constants.
EXACT, ROUNDED = frozenset(_EXACT.split()), frozenset(_ROUNDED.split())
_CALLED: Final = re.compile(r"\b([A-Za-z_]\w*)(?=\()")
_OWN: Final = re.compile(r"@(\w+)")  # how lines name a function that the file has to bring with it


class Kernel(NamedTuple):
    """A C function: the names of its arguments, its lines, and its formula where it is no more than one."""

    arguments: tuple[str, ...]
    lines: tuple[str, ...]
    formula: str


def _kernel(lines: Sequence[str]) -> Kernel:
    """The function that lines print."""
    arguments = re.findall(r"(\w+)[,)]", lines[0])
    passes = len(lines) == 4 and lines[2].startswith("    return ")
    formula = lines[2].removeprefix("    return ").removesuffix(";") if passes else ""
    return Kernel(tuple(arguments), tuple(lines), formula)


def _numerics() -> dict[str, Kernel]:
    """The functions of numerics.h, by name."""
    text = (Path(native.__file__).parent / "numerics.h").read_text(encoding="utf-8")
    functions = re.finditer(r"^static inline \w+ (\w+)\(.*?^\}", text, re.MULTILINE | re.DOTALL)
    return {found[1]: _kernel(found[0].split("\n")) for found in functions}


@cache
def _kernels() -> dict[str, Kernel]:
    """The C functions of all ops that have one, as f_NAME, and those that these call, marked."""
    lines: dict[str, list[str]] = {}
    printed: dict[str, list[str]] = {}
    for op in BY_NAME.values():
        name = f"f_{op.name}"
        if op.name in NEAR:
            lines[name] = NEAR[op.name]
        elif getattr(ops, op.name, None) is op:
            in_c, text = forward(op, printed)
            if in_c:
                lines[name] = text
        else:
            lines[name] = list(function_text(name, op.function, printed))
    found = {name: _kernel(list(laid_out(text))) for name, text in {**printed, **lines}.items()}
    found = {**_numerics(), **found}
    passed_on = {name: _passed_on(kernel) for name, kernel in found.items()}

    def marked(line: str) -> str:
        return _CALLED.sub(lambda call: _marked(passed_on.get(call[1]) or call[1], found), line)

    return {
        name: Kernel(kernel.arguments, tuple(map(marked, kernel.lines)), marked(kernel.formula))
        for name, kernel in found.items()
    }


def _passed_on(kernel: Kernel) -> str:
    """The function that one only passes its arguments on to, as f_exp to exp; "" where it does more."""
    passed = re.fullmatch(rf"(\w+)\({', '.join(kernel.arguments)}\)", kernel.formula)
    return passed[1] if passed else ""


def _marked(name: str, kernels: Container[str]) -> str:
    return f"@{name}" if name in kernels else name


def has_c(op: Op) -> bool:
    """Whether an op is one of this library's with a text in C.

    >>> has_c(ops.logsumexp), has_c(ops.digamma)
    (True, False)
    """
    return BY_NAME.get(op.name) is op and f"f_{op.name}" in _kernels()


def call(name: str, operands: Sequence[str]) -> str:
    """An op of a fixed number of inputs, as C.

    >>> call("div", ["x[0]", "-2.0"]), call("sigmoid", ["x[0]"])
    ('x[0] / (-2.0)', '@f_sigmoid(x[0])')
    """
    kernel = _kernels()[f"f_{name}"]
    given = dict(zip(kernel.arguments, operands, strict=True))
    once = all(len(re.findall(rf"\b{a}\b", kernel.formula)) == 1 for a in given)
    tested = re.match(r"(\w+) \?", kernel.formula)
    if not (kernel.formula and once) or (tested and not given[tested[1]][0].isalpha()):  # a literal is no test
        return f"@f_{name}({', '.join(operands)})"
    safe = {a: f"({x})" if x.startswith("-") else x for a, x in given.items()}
    return re.sub(rf"\b({'|'.join(safe)})\b", lambda found: safe[found[1]], kernel.formula)


def call_of_many(name: str, array: str, n: int) -> str:
    """An op of any number of inputs, which lie in an array, as C.

    >>> call_of_many("sum", "v + 3", 5)
    '@add_up(v + 3, 5)'
    """
    kernel = _kernels()[f"f_{name}"]
    return re.sub(r"\(x, n\)", f"({array}, {n})", kernel.formula) or f"@f_{name}({array}, {n})"


def printed(lines: Sequence[str], prefix: str, real: str) -> tuple[list[str], list[str], list[str]]:
    """The functions that lines of C call, each after those it needs; the lines; and what all of them use of libm.

    Args:
        lines: C in which these functions are marked.
        prefix: what the names of functions begin with.
        real: "double" or "float".

    >>> functions, lines, used = printed([f"double y = {call('softsign', ['x[0]'])};"], "net_", "double")
    >>> functions[0], lines, used
    ('static inline double net_softsign(double a)', ['double y = net_softsign(x[0]);'], ['fabs'])
    """
    kernels = _kernels()
    needed: dict[str, None] = {}

    def add(lines: Iterable[str]) -> None:
        for name in dict.fromkeys(_OWN.findall("\n".join(lines))):
            if name not in needed:
                add([line.replace(f"@{name}(", "(") for line in kernels[name].lines])
                needed[name] = None

    def finished(line: str) -> str:
        line = _OWN.sub(lambda own: prefix + own[1].removeprefix("f_"), line).replace("Py_ssize_t", "int")
        return in_single(line) if real == "float" else line

    add(lines)
    functions = [finished(line) for name in needed for line in (*kernels[name].lines, "")]
    lines = list(map(finished, lines))
    called = set(_CALLED.findall("\n".join([*functions, *lines])))
    return functions, lines, sorted(f for f in EXACT | ROUNDED if called & {f, f + "f"})


def in_single(line: str) -> str:
    """A line of C for doubles, for floats.

    >>> in_single("double z = exp(-2.0 * a);")
    'float z = expf(-2.0f * a);'
    """
    line = re.sub(r"(?<![\w.\"])(\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)(?![\w.])", r"\1f", line)
    line = _CALLED.sub(lambda found: found[1] + "f" * (found[1] in EXACT | ROUNDED), line)
    return re.sub(r"\bdouble\b", "float", line)
