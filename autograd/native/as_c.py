"""The syntax tree of a function, as C: formula by formula, with the names that it has in Python.

What prints is the language of rules (see rules.py), and for float functions a little more: ``if`` with a return in
it, a count down, ``-=``. A list is an array on the C side, a comprehension a loop, ``None`` in what a rule
returns a cleared flag. Anything else is refused with the function's name and the line, so that no rule can mean one
thing in Python and another in C.

Tracing a rule, instead of reading it, would print one side of each ``p if test else q`` alone.
"""

from __future__ import annotations

import ast
import builtins
import math
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from .. import ops, rule_text
from ..errors import RuleError

OP_OF = {op.function: op for op in vars(ops).values() if isinstance(op, ops.Op)}
OTHERS_IN_C: dict[Any, str] = {math.fabs: "fabs", builtins.max: "larger"}
SUMS: dict[type[ast.AST], str] = {ast.Add: "+", ast.Sub: "-"}
PRODUCTS: dict[type[ast.AST], str] = {ast.Mult: "*", ast.Div: "/"}
PREFIXES: dict[type[ast.AST], str] = {ast.USub: "-", ast.UAdd: "+", ast.Not: "!"}
COMPARISONS: dict[type[ast.AST], str] = dict(
    zip([ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq], ["<", "<=", ">", ">=", "==", "!="], strict=True)
)
NAMED = {ast.FloorDiv: ops.floordiv, ast.Mod: ops.mod, ast.Pow: ops.pow}  # C has no sign for Python's
WHOLE: dict[type[ast.AST], str] = {ast.FloorDiv: "/", ast.Mod: "%"}  # of counts and indices
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
            case ast.Subscript(ast.Name(name), i) if name in self.lists:
                return f"{name}[{self.count(i)}]", ATOM
            case ast.UnaryOp(sign, x) if type(sign) in PREFIXES:
                return PREFIXES[type(sign)] + write(x, ATOM), SIGN
            case ast.BinOp(a, sign, b) if type(sign) in SUMS:
                return f"{write(a, SUM)} {SUMS[type(sign)]} {write(b, PRODUCT)}", SUM
            case ast.BinOp(a, ast.FloorDiv() | ast.Mod() as sign, b) if self.is_whole(a) and self.is_whole(b):
                return f"{self.count(a, PRODUCT)} {WHOLE[type(sign)]} {self.count(b, SIGN)}", PRODUCT
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
            self.functions[called.__name__] = list(function_text(called.__name__, called, self.functions))
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

    def count(self, node: ast.expr, binding: int = 0) -> str:
        """A count or an index: C has no negative ones, and divides them otherwise."""
        text = self.formula(node, binding)
        if not self.is_whole(node) or "-" in text:
            raise self.cannot(node)
        return text

    def is_whole(self, node: ast.expr) -> bool:
        """Whether a formula is a count, an index or a truth value, an int in Python."""
        match node:
            case ast.Constant(x):
                return type(x) is int
            case ast.Name(name):
                return name in self.whole
            case ast.BinOp(a, sign, b):
                return not isinstance(sign, (ast.Div, ast.Pow)) and self.is_whole(a) and self.is_whole(b)
            case ast.UnaryOp(sign, x):
                return isinstance(sign, ast.Not) or self.is_whole(x)
            case ast.IfExp(_, p, q):
                return self.is_whole(p) and self.is_whole(q)
            case ast.Call(ast.Name("len")) | ast.Compare():
                return True
        return False

    def rule(self) -> tuple[list[ast.stmt], ast.expr]:
        """A rule's assignments and what it returns."""
        *body, end = self.text.body
        for statement in body:
            match statement:
                case ast.Expr(ast.Constant(str())) | ast.Assign([ast.Name()]):
                    pass
                case _:
                    raise self.cannot(statement)
        if isinstance(end, ast.Return) and end.value is not None:
            return body, end.value
        raise self.cannot(end)

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
                case ast.AugAssign(ast.Name(name), sign, value):
                    yield from self.assign(name, ast.copy_location(ast.BinOp(ast.Name(name), sign, value), statement))
                case ast.Return(ast.expr() as value):
                    yield f"return {self.formula(value)};"
                case ast.If(test, then, []):
                    yield f"if ({self.formula(test)}) {{"
                    yield from self.statements(then)
                    yield "}"
                case ast.For(
                    ast.Name(k), ast.Call(ast.Name("range"), [first, last, ast.UnaryOp(ast.USub(), by)]), then
                ):
                    self.numbers.add(k)
                    self.whole.add(k)
                    yield f"for (int {k} = {self.count(first)}; {k} > {self.count(last)}; {k} -= {self.count(by)}) {{"
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
                whole, again = self.is_whole(value), name in self.numbers
                if again and whole != (name in self.whole):
                    raise self.cannot(value)
                yield f"{'' if again else 'Py_ssize_t ' if whole else 'double '}{name} = {self.formula(value)};"
                self.numbers.add(name)
                self.whole |= {name} if whole else set()

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
        index, first, last = "at", "", ""
        match source, target:
            case ast.BinOp(left, ast.Add(), right), _:
                yield from self.loop(target, left, body)
                yield from self.loop(target, right, body)
                return
            case ast.Call(ast.Name("enumerate"), [ast.Name(items)]), ast.Tuple([ast.Name(index), ast.Name(item)]):
                self.whole.add(index)
            case ast.Subscript(ast.Name(items), ast.Slice(lower, upper, None)), ast.Name(item):
                first, last = (self.count(bound) if bound else "" for bound in (lower, upper))
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
        yield from loads({item: f"{items}[{index}]"}, inside)
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


def loads(values: dict[str, str], body: list[str]) -> Lines:
    """One declaration of those names that the lines after it read."""
    text = "\n".join(body)
    read = [f"{name} = {value}" for name, value in values.items() if re.search(rf"\b{name}\b", text)]
    if read:
        yield f"double {', '.join(read)};"


def function_text(name: str, function: Callable[..., float], functions: dict[str, list[str]]) -> Lines:
    """A float function, as a C function."""
    printer = Printer(function, functions)
    yield f"static inline double {name}({', '.join(f'double {a}' for a in printer.arguments)})"
    yield "{"
    yield from printer.statements(printer.text.body)
    yield "}"


def laid_out(lines: Iterable[str]) -> Lines:
    """Lines of C, indented as their braces say."""
    depth = 0
    for line in lines:
        depth -= line.startswith("}")
        yield "    " * depth + line
        depth += line.endswith("{")
