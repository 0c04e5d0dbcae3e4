"""Ops as C99 that needs libm alone: the text of the compiled engine's own kernels, and no other.

What ops.py says an op is in C, what native/printer.py prints from special.py, and the functions of
native/numerics.h: a file gets those of them that it calls. An op that calls Python there has no C here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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
EXACT: Final = frozenset("fabs floor ceil trunc rint sqrt fmod copysign".split())
ROUNDED: Final = frozenset(
    """exp exp2 expm1 log log2 log10 log1p pow cbrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh
    erf erfc tgamma lgamma hypot""".split()
)  # compilers know other bits of them: of pow(x, 2.0), and of constants
_CALLED: Final = re.compile(r"\b([A-Za-z_]\w*)(?=\()")


class Kernel(NamedTuple):
    """A C function: its head, the names of its arguments, its lines, and a formula where it is no more than that."""

    head: str
    arguments: tuple[str, ...]
    lines: tuple[str, ...]
    formula: str


@cache
def _numerics() -> dict[str, Kernel]:
    """The functions of numerics.h, by name."""
    text = (Path(native.__file__).parent / "numerics.h").read_text(encoding="utf-8")
    functions = re.finditer(r"^(static inline \w+ (\w+)\([^)]*\))\n(\{\n.*?^\})", text, re.MULTILINE | re.DOTALL)
    return {name: Kernel(head, (), (head, *body.split("\n")), "") for head, name, body in (m.groups() for m in functions)}


def _kernel(lines: Sequence[str]) -> Kernel:
    """The function that lines print."""
    lines = list(laid_out(lines))
    arguments = re.findall(r"(\w+)[,)]", lines[0])
    formula = ""
    if len(lines) == 4 and lines[2].startswith("    return "):
        formula = lines[2].removeprefix("    return ").removesuffix(";")
    return Kernel(lines[0], tuple(arguments), tuple(lines), formula)


@cache
def _kernels() -> dict[str, Kernel]:
    """The C functions of all ops that have one, as f_NAME, and those that these call."""
    helpers: dict[str, list[str]] = {}
    found: dict[str, Kernel] = {}
    for op in BY_NAME.values():
        name = f"f_{op.name}"
        if op.name in NEAR:
            found[name] = _kernel(NEAR[op.name])
        elif getattr(ops, op.name, None) is op:
            in_c, lines = forward(op, helpers)
            if in_c:
                found[name] = _kernel(lines)
        else:
            found[name] = _kernel(list(function_text(name, op.function, helpers)))
    return {**_numerics(), **{name: _kernel(lines) for name, lines in helpers.items()}, **found}


def has_c(op: Op) -> bool:
    """Whether an op is one of this library's with a text in C.

    >>> has_c(ops.logsumexp), has_c(ops.digamma)
    (True, False)
    """
    return BY_NAME.get(op.name) is op and f"f_{op.name}" in _kernels()


def call(name: str, operands: Sequence[str]) -> str:
    """An op of a fixed number of inputs, as C.

    >>> call("div", ["x[0]", "-2.0"]), call("sigmoid", ["x[0]"])
    ('x[0] / (-2.0)', 'f_sigmoid(x[0])')
    """
    kernel = _kernels()[f"f_{name}"]
    given = dict(zip(kernel.arguments, operands, strict=True))
    once = all(len(re.findall(rf"\b{a}\b", kernel.formula)) == 1 for a in given)
    tested = re.match(r"(\w+) \?", kernel.formula)
    if not (kernel.formula and once) or (tested and not given[tested[1]][0].isalpha()):  # a literal is no test
        return f"f_{name}({', '.join(operands)})"
    safe = {a: f"({x})" if x.startswith("-") else x for a, x in given.items()}
    return re.sub(rf"\b({'|'.join(safe)})\b", lambda found: safe[found[1]], kernel.formula)


def printed(texts: Sequence[str], prefix: str, real: str) -> tuple[list[str], list[str], list[str]]:
    """The functions that lines of C call, in an order in which they may stand; the lines; and what they use of libm.

    Args:
        texts: the lines.
        prefix: what the names of functions begin with.
        real: "double" or "float".

    >>> functions, lines, used = printed(["double y = f_softsign(f_exp(x[0]));"], "net_", "double")
    >>> lines, used
    (['double y = net_softsign(exp(x[0]));'], ['exp', 'fabs'])
    """
    kernels = _kernels()
    order: dict[str, None] = {}

    def add(lines: Sequence[str]) -> None:
        for name in dict.fromkeys(_CALLED.findall("\n".join(lines))):
            if name in kernels and name not in order:
                add(_direct(kernels[name].lines[1:]))
                order[name] = None

    texts = _direct(texts)
    add(texts)
    functions = [line for name in order for line in (*_direct(kernels[name].lines), "")]

    def finished(line: str) -> str:
        line = _CALLED.sub(lambda found: prefix + found[1].removeprefix("f_") if found[1] in kernels else found[1], line)
        line = line.replace("Py_ssize_t", "int")
        return in_single(line) if real == "float" else line

    functions, texts = [finished(line) for line in functions], [finished(line) for line in texts]
    called = set(_CALLED.findall("\n".join([*functions, *texts])))
    return functions, texts, sorted(f for f in EXACT | ROUNDED if called & {f, f + "f"})


def _direct(lines: Sequence[str]) -> list[str]:
    """Lines that call what an op's function only passes its arguments on to: exp for f_exp."""
    aliases = _aliases()
    return [_CALLED.sub(lambda found: aliases.get(found[1], found[1]), line) for line in lines]


@cache
def _aliases() -> dict[str, str]:
    found = {}
    for name, kernel in _kernels().items():
        passed = re.fullmatch(rf"(\w+)\({', '.join(kernel.arguments)}\)", kernel.formula)
        if passed and name.startswith("f_") and kernel.arguments:
            found[name] = passed[1]
    return found


def in_single(line: str) -> str:
    """A line of C for doubles, for floats.

    >>> in_single("double z = exp(-2.0 * a);")
    'float z = expf(-2.0f * a);'
    """
    line = re.sub(r"(?<![\w.\"])(\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)(?![\w.])", r"\1f", line)
    line = _CALLED.sub(lambda found: found[1] + "f" * (found[1] in EXACT | ROUNDED), line)
    return re.sub(r"\bdouble\b", "float", line)
