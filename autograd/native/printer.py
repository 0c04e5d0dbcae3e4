"""The two headers that the compiled engine is built from: what ops.py, special.py and rules.py say, as C.

Nothing of it is written a second time. A rule becomes a case of the switch in the engine's backward pass:

    return g * b, g * a        case MUL_VV: {
                                   double a = v->a->data, b = v->b->data;
                                   double to_a = g * b, to_b = g * a;
                                   SEND_A(to_a); SEND_B(to_b);
                               } break;

An op of two inputs has three such cases, for either of them may be a constant: nothing is sent to it, and what only
its contribution needs is not computed. An op of more inputs has a C function that fills an array.

``python -m autograd.native.printer path/to/kernels.h`` writes kernels.h, and kernels_backward.h beside it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import ops, rule_text
from ..errors import RuleError
from . import sources
from .as_c import Lines, Printer, function_text, laid_out, loads

OPS = [op for op in vars(ops).values() if isinstance(op, ops.Op)]  # in the order of the table
RULE_PARAMETERS = (
    "double g, double y, const double *restrict x, Py_ssize_t n, double *restrict sent, unsigned char *restrict sends"
)

# ── What an op is in C ──────────────────────────────────────────────────────────────────────────────────────


def forward(op: ops.Op, functions: dict[str, list[str]]) -> tuple[bool, list[str]]:
    """The float function of an op in C, and whether it is: if not, it calls the Python function.

    >>> print(*forward(ops.softsign, {})[1])
    static inline double f_softsign(double a) { return a / (1.0 + fabs(a)); }
    """
    if not op.c and op.arity is not None:
        try:
            return True, list(function_text(f"f_{op.name}", op.function, functions))
        except RuleError:
            pass
    if op.arity is None:
        inputs, call = "const double *x, Py_ssize_t n", f"py_call(OP_{op.name.upper()}, x, n)"
    else:
        letters = "abc"[: op.arity]
        inputs = ", ".join(f"double {a}" for a in letters)
        call = f"py_call(OP_{op.name.upper()}, (const double[]){{{', '.join(letters)}}}, {op.arity})"
    return bool(op.c), [f"static inline double f_{op.name}({inputs})", "{", f"return {op.c or call};", "}"]


def forms(op: ops.Op) -> list[str]:
    """The node codes of an op: V stands for a Value, C for a constant.

    >>> forms(ops.neg), forms(ops.add), forms(ops.where)
    (['NEG_V'], ['ADD_VV', 'ADD_VC', 'ADD_CV'], [])
    """
    return [f"{op.name.upper()}_{form}" for form in {1: ["V"], 2: ["VV", "VC", "CV"]}.get(op.arity or 0, [])]


def case(op: ops.Op, code: str) -> Lines:
    r"""The rule of an op of one or two inputs, as a case of the engine's switch.

    >>> print(*laid_out(case(ops.div, "DIV_CV")), sep="\n")
    case DIV_CV: {
        double y = v->data, b = v->b->data;
        double to_b = -g * (y / b);
        SEND_B(to_b);
    } break;
    """
    printer = Printer(_rule(op))
    sides = dict(zip("ab", code.rpartition("_")[2], strict=False))
    statements, end = printer.rule()
    if not isinstance(end, ast.Tuple) or len(end.elts) != len(sides):
        raise printer.cannot(end)
    parts = {side: rule_text.needed(printer.function, i) for i, side in enumerate(sides) if sides[side] == "V"}
    kept = [s for s in statements if any(s in assignments for assignments, _ in parts.values())]
    body = list(printer.statements(kept))
    body += [f"double {', '.join(f'to_{side} = {printer.formula(part)}' for side, (_, part) in parts.items())};"]
    body += [" ".join(f"SEND_{side.upper()}(to_{side});" for side in parts)]
    data = [f"v->{side}->data" if form == "V" else f"v->c{side}" for side, form in sides.items()]
    yield f"case {code}: {{"
    yield from loads(dict(zip(printer.arguments[1:], ["v->data", *data], strict=True)), body)
    yield from body
    yield "} break;"


def rule_function(op: ops.Op) -> Lines:
    """The rule of an op of three inputs or of any number, as a C function that fills `sent` and `sends`."""
    printer = Printer(_rule(op))
    statements, end = printer.rule()
    body = [*printer.statements(statements), *printer.each(end, printer.send)]
    fixed = printer.arguments[2:]
    declared = list(loads({name: f"x[{i}]" for i, name in enumerate(fixed)}, body))
    if op.arity is None:
        body.insert(0, f"const Py_ssize_t n_inputs = n - {len(fixed)};" if fixed else "const Py_ssize_t n_inputs = n;")
        if re.search(r"\binputs\b", "\n".join(body)):
            declared.insert(0, f"const double *inputs = x + {len(fixed)};" if fixed else "const double *inputs = x;")
    if printer.rooms:
        declared.insert(0, f"double small[SMALL], *room = borrow(small, {printer.rooms} * n);")
        declared[1:1] = ["if (room == NULL) {", "return -1;", "}"]
        body.append("give_back(small, room);")
    text = "\n".join(declared + body)
    unused = [f"(void){name};" for name in ("g", "y", "x", "n") if not re.search(rf"\b{name}\b", text)]
    yield f"static int r_{op.name}({RULE_PARAMETERS})"
    yield from ["{", *([" ".join(unused)] if unused else []), *declared, *body, "return 0;", "}"]


def _rule(op: ops.Op) -> Callable[..., Any]:
    assert op.rule is not None
    return op.rule


# ── The two headers ─────────────────────────────────────────────────────────────────────────────────────────

BACKWARD = "/* Printed by autograd/native/printer.py from rules.py: the cases of a switch. */\n"
HEADER = """\
/* Printed by autograd/native/printer.py from ops.py, special.py and rules.py. */

#ifndef CHAINRULE_KERNELS_H
#define CHAINRULE_KERNELS_H

#include "numerics.h"

/* A checksum of those three files. */
#define SOURCES "{sources}"

/* An op's Python float function in IEEE arithmetic: the engine's. */
static double py_call(int op, const double *x, Py_ssize_t n);

enum {{ {op_names}, N_OPS }};

enum {{ LEAF = 0, NARY = 1, {codes}, N_CODES }};

/* X(name, NAME) of every op of one input. */
#define FOR_UNARY(X) {unary}

{functions}

static const struct {{
    const char *name;
    int arity; /* 0 for any */
    int code; /* of its first form */
    unsigned reads; /* bit i: the rule reads input i */
    int in_c; /* whether forward has C */
    double (*f1)(double);
    double (*f2)(double, double);
    double (*fn)(const double *, Py_ssize_t);
    int (*rule)({rule_parameters});
}} op_rows[N_OPS] = {{
{op_rows}
}};

static const struct {{
    unsigned char op, has_a, has_b;
}} code_rows[N_CODES] = {{
    {{0, 0, 0}},
    {{0, 0, 0}},
{code_rows}
}};

#endif
"""


def kernels() -> dict[str, str]:
    """The text of both headers, by file name."""
    functions: dict[str, list[str]] = {}
    rule_functions: dict[str, list[str]] = {}
    op_rows: list[str] = []
    code_rows: list[str] = []
    cases: list[str] = []
    for op in OPS:
        f, r, f1, f2, fn = f"f_{op.name}", "NULL", "NULL", "NULL", "NULL"
        in_c, functions[f] = forward(op, functions)
        if op.arity == 1:
            f1 = f
        elif op.arity == 2:
            f2 = f
        else:
            fn, r = f, f"r_{op.name}"
            rule_functions[r] = list(rule_function(op))
        if op.arity == 3:
            fn = f"fn_{op.name}"
            inputs = "const double *x, Py_ssize_t n"
            functions[fn] = [f"static double {fn}({inputs})", "{", "(void)n;", f"return {f}(x[0], x[1], x[2]);", "}"]
        reads = "~0u" if op.reads(99) else f"{sum(op.reads(i) << i for i in range(op.arity or 0))}u"
        facts = [f'"{op.name}"', op.arity or 0, (forms(op) or ["NARY"])[0], reads, int(in_c), f1, f2, fn, r]
        op_rows.append(f"    {{{', '.join(map(str, facts))}}},")
        for code in forms(op):
            form = code.rpartition("_")[2]
            code_rows.append(f"    {{OP_{op.name.upper()}, {int(form[0] == 'V')}, {int(form[1:] == 'V')}}},")
            cases += laid_out(case(op, code))
    header = HEADER.format(
        op_names=", ".join(f"OP_{op.name.upper()}" for op in OPS),
        sources=sources(),
        codes=", ".join(code for op in OPS for code in forms(op)),
        unary=" ".join(f"X({op.name}, {op.name.upper()})" for op in OPS if op.arity == 1),
        functions="\n".join("\n".join([*laid_out(lines), ""]) for lines in (functions | rule_functions).values()),
        rule_parameters=RULE_PARAMETERS,
        op_rows="\n".join(op_rows),
        code_rows="\n".join(code_rows),
    )
    return {"kernels.h": header, "kernels_backward.h": "\n".join([BACKWARD, *cases, ""])}


def main(out: Path) -> None:
    """Write kernels.h to `out`, and the other header beside it, each if it has changed."""
    for name, text in kernels().items():
        path = out.with_name(name) if name != "kernels.h" else out
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
