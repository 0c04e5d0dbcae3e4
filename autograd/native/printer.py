"""The syntax tree of a rule, as C.

The compiled engine computes what ops.py, special.py and rules.py say, and nothing of it is written a second time:
their functions are read as syntax trees and printed as C, formula by formula, with the names they have in Python.

    return g * b, g * a        case MUL_VV: {
                                   double a = v->a->data, b = v->b->data;
                                   double to_a = g * b, to_b = g * a;
                                   SEND_A(to_a); SEND_B(to_b);
                               } break;

An op of two inputs has three such cases, for either of them may be a constant: nothing is sent to it, and what only
its contribution needs is not computed. An op of more inputs has a C function that fills an array.

Tracing a rule, instead of reading it, would print one side of each ``p if test else q`` alone.
"""

from __future__ import annotations

import ast
import builtins
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from .. import ops, rule_text
from ..errors import RuleError

OPS = [op for op in vars(ops).values() if isinstance(op, ops.Op)]  # in the order of the table
OP_OF = {op.function: op for op in OPS}
OTHERS_IN_C: dict[Any, str] = {math.fabs: "fabs", builtins.max: "larger"}
SUMS: dict[type[ast.AST], str] = {ast.Add: "+", ast.Sub: "-"}
PRODUCTS: dict[type[ast.AST], str] = {ast.Mult: "*", ast.Div: "/"}
PREFIXES: dict[type[ast.AST], str] = {ast.USub: "-", ast.UAdd: "+", ast.Not: "!"}
COMPARISONS: dict[type[ast.AST], str] = dict(
    zip([ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq], ["<", "<=", ">", ">=", "==", "!="], strict=True)
)
NAMED = {ast.FloorDiv: ops.floordiv, ast.Mod: ops.mod, ast.Pow: ops.pow}  # C has no sign for Python's
WHOLE: dict[type[ast.AST], str] = {ast.FloorDiv: "/", ast.Mod: "%"}  # of counts and indices, which are never negative
RULE_PARAMETERS = "double g, double y, const double *x, Py_ssize_t n, double *sent, unsigned char *sends"
CHOICE, LOGIC, COMPARISON, SUM, PRODUCT, SIGN, ATOM = range(7)  # how strongly a formula binds, in C as in Python
Lines = Iterator[str]


class Printer:
    """Prints one Python function: a rule, or a float function.

    Args:
        function: what to print; its text must be in its file, at the top level.
        functions: C functions by name; others that this one calls are put there.

    Raises:
        RuleError: at what has no C, with the function's name and the line.

    >>> Printer(ops.atan2.rule).formula(ast.parse("a if 0.0 < b < math.inf else -g * (a // b)", mode="eval").body)
    '0.0 < b && b < INFINITY ? a : -g * f_floordiv(a, b)'
    """

    def __init__(self, function: Callable[..., Any], functions: dict[str, list[str]] | None = None) -> None:
        self.functions = {} if functions is None else functions
        try:
            assert isinstance(function, FunctionType)
            self.text = rule_text.tree(function)
        except (AssertionError, KeyError, OSError):
            raise RuleError(f"{function!r} has no text of its own to print as C; write a def at top level") from None
        self.function = function
        self.arguments = [a.arg for a in self.text.args.args]
        self.lists = {self.text.args.vararg.arg} if self.text.args.vararg else set()
        self.numbers = set(self.arguments)
        self.whole: set[str] = set()  # those of the numbers that count or index
        self.rooms = 0  # how many lists live while the function runs

    def cannot(self, node: ast.AST) -> RuleError:
        """The error that says where the printable language ends."""
        where = f"{Path(self.function.__code__.co_filename).name}:{getattr(node, 'lineno', '?')}"
        return RuleError(f"{self.function.__name__}, {where}: there is no C for {ast.unparse(node)!r}")

    # ── Formulas ────────────────────────────────────────────────────────────────────────────────────────────

    def formula(self, node: ast.expr, binding: int = 0) -> str:
        """A number, as C; in parentheses if it binds less than `binding`, so that C reads it as Python does."""
        text, binds = self.bound(node)
        return text if binds >= binding else f"({text})"

    def bound(self, node: ast.expr) -> tuple[str, int]:
        """A number, as C, and how strongly it binds."""
        write = self.formula
        match node:
            case ast.Constant(float() | int() as x) if type(x) is not bool:
                return _literal(x), ATOM
            case ast.Name(name) if name in self.numbers:
                return name, ATOM
            case ast.Name() | ast.Attribute() | ast.Subscript(_, ast.Constant()):
                x = self.named(node)
                if type(x) is float:
                    return _literal(x), ATOM if x >= 0.0 else SIGN
            case ast.Subscript(ast.Name(name), i) if name in self.lists and self.is_whole(i):
                return f"{name}[{write(i)}]", ATOM
            case ast.UnaryOp(sign, x) if type(sign) in PREFIXES:
                return PREFIXES[type(sign)] + write(x, ATOM), SIGN
            case ast.BinOp(a, sign, b) if type(sign) in SUMS:
                return f"{write(a, SUM)} {SUMS[type(sign)]} {write(b, PRODUCT)}", SUM
            case ast.BinOp(a, ast.FloorDiv() | ast.Mod() as sign, b) if self.is_whole(a) and self.is_whole(b):
                return f"{write(a, PRODUCT)} {WHOLE[type(sign)]} {write(b, SIGN)}", PRODUCT
            case ast.BinOp(a, sign, b) if type(sign) in PRODUCTS:
                exact = "(double)" if type(sign) is ast.Div and self.is_whole(a) and self.is_whole(b) else ""
                return f"{exact}{write(a, SIGN if exact else PRODUCT)} {PRODUCTS[type(sign)]} {write(b, SIGN)}", PRODUCT
            case ast.BinOp(a, sign, b) if type(sign) in NAMED:
                return f"f_{NAMED[type(sign)].name}({write(a)}, {write(b)})", ATOM
            case ast.Compare(a, signs, others) if all(type(sign) in COMPARISONS for sign in signs):
                chain = [write(x, SUM) for x in (a, *others)]
                links = [f"{p} {COMPARISONS[type(s)]} {q}" for p, s, q in zip(chain, signs, chain[1:], strict=False)]
                return " && ".join(links), COMPARISON if len(links) == 1 else LOGIC
            case ast.BoolOp(both, parts):
                return (" && " if isinstance(both, ast.And) else " || ").join(
                    write(x, COMPARISON) for x in parts
                ), LOGIC
            case ast.IfExp(test, p, q):
                return f"{write(test, LOGIC)} ? {write(p)} : {write(q)}", CHOICE
            case ast.Call(ast.Name("len"), [ast.Name(name)]) if name in self.lists:
                return f"n_{name}", ATOM
            case ast.Call(called, arguments, []):
                return self.call(node, self.named(called), arguments), ATOM
        raise self.cannot(node)

    def call(self, node: ast.expr, called: Any, arguments: list[ast.expr]) -> str:
        """A call, as C: of an op, of an op's float function, of another function."""
        op = called if isinstance(called, ops.Op) else OP_OF.get(called)
        if op is not None and op.arity is None:
            return f"f_{op.name}({self.many(node, arguments)})"
        if isinstance(called, FunctionType) and op is None and called.__name__ not in self.functions:
            self.functions[called.__name__] = list(_function(called.__name__, called, self.functions))
        if op is None and not isinstance(called, FunctionType) and called not in OTHERS_IN_C:
            raise self.cannot(node)
        name = f"f_{op.name}" if op else OTHERS_IN_C.get(called) or called.__name__
        return f"{name}({', '.join(map(self.formula, arguments))})"

    def many(self, node: ast.expr, arguments: list[ast.expr]) -> str:
        """The inputs of an op of many: an array and its length."""
        match arguments:
            case [ast.Starred(ast.Name(name))] if name in self.lists:
                return f"{name}, n_{name}"
            case [ast.Starred(ast.Subscript(ast.Name(name), ast.Slice(None, ast.Name(i)))), ast.Starred(behind)] if (
                name in self.lists and i in self.whole and ast.unparse(behind) == f"{name}[{i} + 1:]"
            ):
                return f"others({self.room()}, {name}, n_{name}, {i}), n_{name} - 1"
        return f"(const double[]){{{', '.join(map(self.formula, arguments))}}}, {len(arguments)}"

    def room(self) -> str:
        """Where a list of at most n numbers may live."""
        self.rooms += 1
        return f"room + {self.rooms - 1} * n"

    def named(self, node: ast.expr) -> Any:
        """What a name of the function's module stands for."""
        try:
            return eval(ast.unparse(node), dict(self.function.__globals__))
        except Exception:
            raise self.cannot(node) from None

    def is_whole(self, node: ast.expr) -> bool:
        """Whether a formula is a count, an index or a truth value, an int in Python."""
        match node:
            case ast.Constant(x):
                return type(x) is int
            case ast.Name(name):
                return name in self.whole
            case ast.BinOp(a, sign, b):
                return not isinstance(sign, (ast.Div, ast.Pow)) and self.is_whole(a) and self.is_whole(b)
            case ast.IfExp(_, p, q):
                return self.is_whole(p) and self.is_whole(q)
            case ast.Call(ast.Name("len")) | ast.Compare() | ast.UnaryOp(ast.Not()):
                return True
        return False

    # ── Statements ──────────────────────────────────────────────────────────────────────────────────────────

    def statements(self, body: Iterable[ast.stmt]) -> Lines:
        """Statements, as C; a float function's may branch and count."""
        for statement in body:
            match statement:
                case ast.Expr(ast.Constant(str())):
                    pass
                case ast.Assign([ast.Name(name)], value):
                    yield from self.assign(name, value)
                case ast.Assign([ast.Tuple(names)], ast.Tuple(values)) if len(names) == len(values):
                    if {ast.unparse(target) for target in names} & set().union(*map(rule_text.names, values)):
                        raise self.cannot(statement)
                    for target, value in zip(names, values, strict=True):
                        yield from self.assign(ast.unparse(target), value)
                case ast.AugAssign(ast.Name(name), sign, value) if name in self.numbers and type(sign) in SUMS:
                    yield f"{name} {SUMS[type(sign)]}= {self.formula(value)};"
                case ast.Return(ast.expr() as value):
                    yield f"return {self.formula(value)};"
                case ast.If(test, then, []):
                    yield f"if ({self.formula(test)}) {{"
                    yield from self.statements(then)
                    yield "}"
                case ast.For(ast.Name(k), ast.Call(ast.Name("range"), [start, stop, step]), then, []):
                    first, last, by = (ast.literal_eval(bound) for bound in (start, stop, step))
                    self.numbers.add(k)
                    self.whole.add(k)
                    yield f"for (int {k} = {first}; {k} {'<' if by > 0 else '>'} {last}; {k} += {by}) {{"
                    yield from self.statements(then)
                    yield "}"
                case _:
                    raise self.cannot(statement)

    def assign(self, name: str, value: ast.expr) -> Lines:
        """``name = value``, a number or a list of them."""
        match value:
            case ast.ListComp(_, [ast.comprehension(_, ast.Name() | ast.Call())]):  # no longer than another list
                yield f"double *{name} = {self.room()};"
                yield f"Py_ssize_t n_{name} = 0;"
                yield from self.each(value, lambda element: iter([f"{name}[n_{name}++] = {self.formula(element)};"]))
                self.lists.add(name)
            case _:
                kind = "" if name in self.numbers else "Py_ssize_t " if self.is_whole(value) else "double "
                yield f"{kind}{name} = {self.formula(value)};"
                self.numbers.add(name)
                if kind == "Py_ssize_t ":
                    self.whole.add(name)

    def each(self, node: ast.expr, then: Callable[[ast.expr], Lines]) -> Lines:
        """Do what ``then`` prints for each element of a list."""
        match node:
            case ast.BinOp(left, ast.Add(), right):
                yield from self.each(left, then)
                yield from self.each(right, then)
            case ast.List(elements) | ast.Tuple(elements):
                for element in elements:
                    yield from then(element)
            case ast.ListComp(element, [ast.comprehension(target, source, [], 0)]):
                yield from self.loop(target, source, lambda: then(element))
            case _:
                raise self.cannot(node)

    def loop(self, target: ast.expr, source: ast.expr, body: Callable[[], Lines]) -> Lines:
        """A loop over a list, a slice of one, two of them in a row, or the numbered elements of one."""
        index, first, last = "at", "0", ""
        match source, target:
            case ast.BinOp(left, ast.Add(), right), _:
                yield from self.loop(target, left, body)
                yield from self.loop(target, right, body)
                return
            case ast.Call(ast.Name("enumerate"), [ast.Name(items)]), ast.Tuple([ast.Name(index), ast.Name(item)]):
                self.whole.add(index)
            case ast.Subscript(ast.Name(items), ast.Slice(lower, upper, None)), ast.Name(item):
                if not all(bound is None or self.is_whole(bound) for bound in (lower, upper)):
                    raise self.cannot(source)
                first, last = (self.formula(bound) if bound else "" for bound in (lower, upper))
            case ast.Name(items), ast.Name(item):
                pass
            case _:
                raise self.cannot(source)
        if items not in self.lists:
            raise self.cannot(source)
        self.numbers |= {index, item}
        inside = list(body())
        self.numbers -= {index, item}
        self.whole.discard(index)
        yield f"for (Py_ssize_t {index} = {first or 0}; {index} < {last or f'n_{items}'}; {index}++) {{"
        yield from _loads({item: f"{items}[{index}]"}, inside)
        yield from inside
        yield "}"

    def send(self, contribution: ast.expr) -> Lines:
        """Note the next input's contribution, or that it has none."""
        match contribution:
            case ast.Constant(None):
                yield "*sends++ = 0, sent++;"
            case ast.IfExp(test, p, q) if "None" in ast.unparse(contribution):
                yield f"if ({self.formula(test)}) {{"
                yield from self.send(p)
                yield "} else {"
                yield from self.send(q)
                yield "}"
            case _:
                yield f"*sends++ = 1, *sent++ = {self.formula(contribution)};"


def _literal(x: float) -> str:
    if type(x) is int or math.isfinite(x):
        return repr(x)
    return "NAN" if x != x else "INFINITY" if x > 0.0 else "-INFINITY"


def _loads(values: dict[str, str], body: list[str]) -> Lines:
    """One declaration of those names that the lines after it read."""
    text = "\n".join(body)
    read = [f"{name} = {value}" for name, value in values.items() if re.search(rf"\b{name}\b", text)]
    if read:
        yield f"double {', '.join(read)};"


def _function(name: str, function: Callable[..., float], functions: dict[str, list[str]]) -> Lines:
    """A float function, as a C function."""
    printer = Printer(function, functions)
    yield f"static inline double {name}({', '.join(f'double {a}' for a in printer.arguments)})"
    yield "{"
    yield from printer.statements(printer.text.body)
    yield "}"


# ── What an op is in C ──────────────────────────────────────────────────────────────────────────────────────


def forward(op: ops.Op, functions: dict[str, list[str]]) -> tuple[bool, list[str]]:
    """The float function of an op in C, and whether it is: if not, it calls the Python function.

    >>> print(*forward(ops.softsign, {})[1])
    static inline double f_softsign(double a) { return a / (1.0 + fabs(a)); }
    """
    if not op.c and op.arity is not None:
        try:
            return True, list(_function(f"f_{op.name}", op.function, functions))
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
    if not isinstance(getattr(printer.text.body[-1], "value", None), ast.Tuple):
        raise printer.cannot(printer.text.body[-1])
    parts = {side: rule_text.needed(printer.function, i) for i, side in enumerate(sides) if sides[side] == "V"}
    kept = [s for s in printer.text.body if any(s in assignments for assignments, _ in parts.values())]
    body = list(printer.statements(kept))
    body += [f"double {', '.join(f'to_{side} = {printer.formula(part)}' for side, (_, part) in parts.items())};"]
    body += [" ".join(f"SEND_{side.upper()}(to_{side});" for side in parts)]
    data = [f"v->{side}->data" if form == "V" else f"v->c{side}" for side, form in sides.items()]
    yield f"case {code}: {{"
    yield from _loads(dict(zip(printer.arguments[1:], ["v->data", *data], strict=True)), body)
    yield from body
    yield "} break;"


def rule_function(op: ops.Op) -> Lines:
    """The rule of an op of three inputs or of any number, as a C function that fills `sent` and `sends`."""
    printer = Printer(_rule(op))
    *statements, end = printer.text.body
    assert isinstance(end, ast.Return)
    assert end.value is not None
    body = [*printer.statements(statements), *printer.each(end.value, printer.send)]
    fixed = printer.arguments[2:]
    loads = list(_loads({name: f"x[{i}]" for i, name in enumerate(fixed)}, body))
    if op.arity is None:
        body.insert(0, f"const Py_ssize_t n_inputs = n - {len(fixed)};" if fixed else "const Py_ssize_t n_inputs = n;")
        if re.search(r"\binputs\b", "\n".join(body)):
            loads.insert(0, f"const double *inputs = x + {len(fixed)};" if fixed else "const double *inputs = x;")
    if printer.rooms:
        loads.insert(0, f"double small[SMALL], *room = borrow(small, {printer.rooms} * n);")
        loads[1:1] = ["if (room == NULL) {", "return -1;", "}"]
        body.append("give_back(small, room);")
    text = "\n".join(loads + body)
    unused = [f"(void){name};" for name in ("g", "y", "x", "n") if not re.search(rf"\b{name}\b", text)]
    yield f"static int r_{op.name}({RULE_PARAMETERS})"
    yield from ["{", *([" ".join(unused)] if unused else []), *loads, *body, "return 0;", "}"]


def _rule(op: ops.Op) -> Callable[..., Any]:
    assert op.rule is not None
    return op.rule


def laid_out(lines: Iterable[str]) -> Lines:
    """Lines of C, indented as their braces say."""
    depth = 0
    for line in lines:
        depth -= line.startswith("}")
        yield "    " * depth + line
        depth += line.endswith("{")


# ── The two headers ─────────────────────────────────────────────────────────────────────────────────────────


HEADER = """\
/* Printed by autograd/native/printer.py from ops.py, special.py and rules.py. */

#ifndef CHAINRULE_KERNELS_H
#define CHAINRULE_KERNELS_H

#include "numerics.h"

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
    op_rows, code_rows, cases = (
        [],
        [],
        ["/* Printed by autograd/native/printer.py: the cases of `switch (code)`. */", ""],
    )
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
        codes=", ".join(code for op in OPS for code in forms(op)),
        unary=" ".join(f"X({op.name}, {op.name.upper()})" for op in OPS if op.arity == 1),
        functions="\n".join("\n".join([*laid_out(lines), ""]) for lines in (functions | rule_functions).values()),
        rule_parameters=RULE_PARAMETERS,
        op_rows="\n".join(op_rows),
        code_rows="\n".join(code_rows),
    )
    return {"kernels.h": header, "kernels_backward.h": "\n".join([*cases, ""])}


def main(out: Path) -> None:
    """Write kernels.h to `out`, and the other header beside it, each if it has changed."""
    for name, text in kernels().items():
        path = out.with_name(name) if name != "kernels.h" else out
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
