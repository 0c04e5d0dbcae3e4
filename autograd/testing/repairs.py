"""The one change to the text of a backward pass that makes its gradient right.

Where no model of a net explains a wrong gradient, its program may: every single mistake of the usual kinds is undone in
the text of the functions that compute it, one at a time, likeliest first, and what makes the gradient right at every
point is the verdict, with its line. The changed text runs in the place of the right one (``__code__``), so that
closures, methods and what calls them stay as they are.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import io
import linecache
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from .arrays import np
from .dense import ACTIVATIONS, IDENTITY, SOFTMAX

SECONDS = 20.0  # of computing, to look, at the most
PRODUCTS = ("dot", "matmul", "outer", "einsum", "tensordot", "multiply_matrices", "matvec")
MAKERS = ("zeros", "zeros_like", "ones", "ones_like", "empty", "empty_like", "range", "len", "arange", "eye")
LIBRARIES = ("np", "numpy", "math")
BENT = ("sign", "abs", "absolute", "fabs", "square")  # slopes of other losses
SLOPES = (
    ("({0} > 0)", "ReLU'"),
    ("{0} * (1 - {0})", "sigmoid'"),
    ("(1 - {0} * {0})", "tanh'"),
    ("1 / (1 + 2.718281828459045 ** -{0})", "softplus'"),
    ("(1 - {0})", "a factor of it"),
)
LOSSES = (
    ("({a} - {y})", "squared error Σ (a - y)²"),
    ("(({a} > {y}) * 2.0 - 1.0)", "absolute error Σ |a - y|"),
    ("({a} - {y}) / ({a} * (1 - {a}))", "binary cross-entropy -Σ [y log a + (1 - y) log(1 - a)]"),
    ("({a} - {y}) * {a} * (1 - {a})", "squared error of a sigmoid"),
)


class Edit(NamedTuple):
    """A change: the kind and name of the mistake that it undoes, and how it is made and taken back."""

    kind: str
    words: str
    apply: Callable[[], None]
    undo: Callable[[], None]
    scaled: bool = False  # whether the gradient may then be a multiple of the right one
    instead: Any = None  # the statement that takes the place of the whole


class Repair(NamedTuple):
    """A change that makes the gradient right: the statement, its line, as it should be, and what was wrong with it."""

    kind: str
    words: str
    line: int
    before: str
    after: str


# ── The functions ───────────────────────────────────────────────────────────────────────────────────────────


@cache
def _module(path: str, text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


def definition(function: FunctionType) -> Any:
    """The syntax tree of a function, from the text of its file; None where that is not there."""
    code = function.__code__
    tree = _module(code.co_filename, "".join(linecache.getlines(code.co_filename, function.__globals__)))
    if tree is None:
        return None
    arguments = code.co_varnames[: code.co_argcount]
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            first = min([node.lineno, *[d.lineno for d in getattr(node, "decorator_list", [])]])
            named = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
            alike = first == code.co_firstlineno and tuple(named) == arguments
            if alike and getattr(node, "name", "<lambda>") == code.co_name and _compiled(node, code) is not None:
                return copy.deepcopy(node)
    return None


def _compiled(node: Any, like: CodeType) -> CodeType | None:
    """The code of a function's tree, with the free variables of `like`; None where it is no such function."""
    inner = node
    if isinstance(node, ast.FunctionDef):
        decorators, node.decorator_list = node.decorator_list, []
    else:
        inner = ast.copy_location(ast.Expr(node), node)
    free = [ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)) for name in like.co_freevars]
    empty = ast.arguments([], [], None, [], [], None, [])
    around = ast.FunctionDef("around", empty, [*free, inner], [])
    try:
        whole = compile(ast.fix_missing_locations(ast.Module([around], [])), like.co_filename, "exec")
    except (SyntaxError, ValueError, TypeError):
        return None
    finally:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = decorators
    outside = next(c for c in whole.co_consts if isinstance(c, CodeType))
    found = [c for c in outside.co_consts if isinstance(c, CodeType) and c.co_name == like.co_name]
    return found[0] if found and found[0].co_freevars == like.co_freevars else None


def reached(function: Any) -> list[FunctionType]:
    """The functions that a function may call, itself first, but those of libraries."""
    start = _plain_function(function)
    if start is None:
        return []
    found, waiting = [start], [start]
    while waiting and len(found) < 20:
        one = waiting.pop(0)
        near = [one.__globals__.get(name) for name in _names(one.__code__)]
        for cell in one.__closure__ or ():
            with contextlib.suppress(ValueError):
                near.append(cell.cell_contents)
        for x in near:
            methods = list(vars(x).values()) if isinstance(x, type) else [x]
            for f in map(_plain_function, methods):
                if f is not None and f not in found and not _of_a_library(f):
                    found.append(f)
                    waiting.append(f)
    return found


def _of_a_library(function: FunctionType) -> bool:
    root, path = (function.__module__ or "").split(".")[0], function.__code__.co_filename
    return root in sys.stdlib_module_names or root == __package__.split(".")[0] or "site-packages" in path


def _plain_function(x: Any) -> FunctionType | None:
    while isinstance(x, (partial, staticmethod, classmethod)):
        x = x.func if isinstance(x, partial) else x.__func__
    x = getattr(x, "__func__", x)
    return x if isinstance(x, FunctionType) else None


def _names(code: CodeType) -> list[str]:
    inner = [name for c in code.co_consts if isinstance(c, CodeType) for name in _names(c)]
    return [*code.co_names, *inner]


# ── Looking ─────────────────────────────────────────────────────────────────────────────────────────────────


def find(
    functions: Sequence[FunctionType],
    run: Callable[[], Any],
    factor: Callable[[], float],
    parameters: Sequence[Any],
    counts: dict[float, str],
) -> Repair | None:
    """The first change that makes the gradient right.

    Args:
        functions: whose texts are changed.
        run: runs the backward pass.
        factor: by which the gradient that it gives is the true one's multiple, nan where it is none.
        parameters: the arrays that the gradient is by.
        counts: numbers that may be forgotten or too many, as n, each with its name.
    """
    end = time.process_time() + SECONDS
    with contextlib.redirect_stdout(io.StringIO()):
        for function in functions:
            tree = definition(function)
            if tree is None:
                continue
            right = function.__code__
            text = _Text(tree, function, _locals(function, run), parameters, counts)
            try:
                for statement, edit in text.edits():
                    if time.process_time() > end:
                        return None
                    before, masks = _shown(statement), _masks(statement)
                    edit.apply()
                    try:
                        code = _compiled(tree, right)
                        if code is None:
                            continue
                        function.__code__ = code
                        c = factor()
                        if c == 1.0 or (edit.scaled and math.isfinite(c) and c > 0.0):
                            if _shuts_all(_masks(edit.instead or statement, masks), tree, function, factor):
                                continue
                            after = _shown(edit.instead or statement)
                            return Repair(edit.kind, edit.words, statement.lineno, before, after)
                    except Exception:  # whatever a wrong text raises
                        continue
                    finally:
                        edit.undo()
                        function.__code__ = right
            finally:
                function.__code__ = right
    return None


def _masks(statement: ast.AST, but: Sequence[ast.Compare] = ()) -> list[ast.Compare]:
    """The comparisons ``… > 0`` in a statement, but those."""
    found = [node for node in ast.walk(statement) if isinstance(node, ast.Compare) and len(node.ops) == 1]
    return [
        node
        for node in found
        if isinstance(node.ops[0], ast.Gt)
        and isinstance(node.comparators[0], ast.Constant)
        and node.comparators[0].value == 0
        and not any(node is one for one in but)
    ]


def _shuts_all(masks: list[ast.Compare], tree: Any, function: FunctionType, factor: Callable[[], float]) -> bool:
    """Whether the gradient is right, too, where none of these ever holds: then a slope is not what is missing."""
    if not masks:
        return False
    for mask in masks:
        mask.comparators = [ast.Constant(math.inf)]
    try:
        code = _compiled(tree, function.__code__)
        if code is None:
            return False
        function.__code__ = code
        return factor() == 1.0
    finally:
        for mask in masks:
            mask.comparators = [ast.Constant(0)]


def _shown(statement: ast.AST) -> str:
    node = statement.body if isinstance(statement, ast.Lambda) else statement
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(node)))


def _locals(function: FunctionType, run: Callable[[], Any]) -> dict[str, Any]:
    """The variables of a function when it returns."""
    seen: dict[str, Any] = {}

    def note(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code is not function.__code__:
            return None
        if event == "return":
            seen.update(frame.f_locals)
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        with contextlib.suppress(Exception):
            run()
    finally:
        sys.settrace(before)
    return seen


class _Site(NamedTuple):
    """An expression: where it hangs, and what it hangs in."""

    node: Any
    put: Callable[[Any], None]
    above: tuple[Any, ...]


class _Text:
    """The text of one function, and the changes to it."""

    def __init__(
        self,
        tree: Any,
        function: FunctionType,
        values: dict[str, Any],
        parameters: Sequence[Any],
        counts: dict[float, str],
    ) -> None:
        self.tree, self.values, self.counts = tree, values, counts
        self.space = {**function.__globals__, **values}
        self.weights = [p for p in parameters if np.ndim(p) > 0]
        self.statements = [tree] if isinstance(tree, ast.Lambda) else list(_statements(tree.body))
        known = {*function.__code__.co_varnames, *function.__code__.co_cellvars, *function.__code__.co_freevars}
        self.atoms = self._atoms(known)
        self.functions = [
            name
            for name in dict.fromkeys(_names(function.__code__) + list(function.__globals__))
            if isinstance(function.__globals__.get(name), FunctionType)
            and function.__globals__[name].__code__.co_filename == function.__code__.co_filename
            and function.__globals__[name].__code__.co_argcount == 1
        ]
        numbers = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and type(n.value) in (int, float)]
        self.numbers = [*dict.fromkeys([*numbers, 0.0, 1.0, 2.0, 0.5, 0.1, 0.01, 0.2])]

    def _atoms(self, known: set[str]) -> list[str]:
        """The variables, elements and attributes that the function reads."""
        called = {id(n.func) for n in ast.walk(self.tree) if isinstance(n, ast.Call)}
        found: dict[str, None] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Name, ast.Subscript, ast.Attribute)) and id(node) not in called:
                base: Any = node
                while isinstance(base, (ast.Subscript, ast.Attribute)):
                    base = base.value
                turned = isinstance(node, ast.Attribute) and node.attr in ("T", "shape", "size")
                bare = isinstance(node, ast.Name) and isinstance(self.values.get(node.id), (dict, type))
                if isinstance(base, ast.Name) and base.id in known and not turned and not bare:
                    found[ast.unparse(node)] = None
        plain = [name for name, x in self.values.items() if name in known and not isinstance(x, (dict, type, str))]
        return list(dict.fromkeys([*found, *plain]))

    def value(self, text: str) -> Any:
        """The value of an expression when the function returned, None where it is not known then."""
        try:
            return eval(text, self.space)
        except Exception:
            return None

    def shape(self, text: str) -> Any:
        """Its shape, None where it is not known."""
        value = self.value(text)
        try:
            return None if value is None else np.shape(value)
        except ValueError:
            return None

    # ── The changes ─────────────────────────────────────────────────────────────────────────────────────

    def edits(self) -> Iterator[tuple[Any, Edit]]:
        """Every change with the statement that it is made in, the likeliest first."""
        rounds = (self._signs, self._turns, self._sums, self._drops, self._variables, self._factors, self._terms)
        for kinds in (*rounds, self._slopes, self._numbers, self._losses, self._shares, self._products):
            for statement in self.statements:
                for edit in kinds(statement):
                    yield statement, edit

    def sites(self, statement: Any) -> Iterator[_Site]:
        """The expressions of a statement that may be wrong, the whole of it first."""

        def within(node: Any, above: tuple[Any, ...]) -> Iterator[_Site]:
            for name, child in ast.iter_fields(node):
                if name in ("targets", "target", "func", "args") and isinstance(node, (ast.Assign, ast.AugAssign)):
                    continue
                if isinstance(node, ast.Lambda) and name == "args":
                    continue
                if isinstance(node, ast.comprehension) or name in ("keywords", "ctx", "op", "ops"):
                    continue
                if isinstance(child, ast.expr):
                    if name == "func":  # x.sum(): what it is called on
                        if isinstance(child, ast.Attribute) and not isinstance(child.value, ast.Name):
                            yield from within(child, (*above, node))
                        continue
                    yield _Site(child, partial(setattr, node, name), (*above, node))
                    yield from within(child, (*above, node))
                elif isinstance(child, list):
                    for i, one in enumerate(child):
                        if isinstance(one, ast.expr):
                            yield _Site(one, partial(child.__setitem__, i), (*above, node))
                            yield from within(one, (*above, node))

        if _makes(getattr(statement, "value", None)):
            return
        yield from within(statement, ())

    def terms(self, statement: Any) -> Iterator[_Site]:
        """What a statement sets: its whole value, or the parts of a tuple, list or dict."""
        for site in self.sites(statement):
            containers = (ast.Tuple, ast.List, ast.Dict, ast.ListComp, ast.Return, ast.Assign, ast.AugAssign)
            inside = all(isinstance(n, (*containers, ast.Lambda, ast.Expr)) or _appends(n) for n in site.above)
            whole = not isinstance(site.node, (ast.Tuple, ast.List, ast.Dict, ast.ListComp)) and not _appends(site.node)
            key = isinstance(site.above[-1], ast.Dict) and site.node in site.above[-1].keys
            if inside and whole and not key:
                yield site

    def replaced(self, site: _Site, text: str | ast.AST, kind: str, words: str, scaled: bool = False) -> Edit:
        """One expression for another."""
        new = ast.parse(text, mode="eval").body if isinstance(text, str) else text
        old = site.node
        return Edit(kind, words, lambda: site.put(new), lambda: site.put(old), scaled)

    def everywhere(self, statement: Any, old: str, new: str, kind: str, words: str) -> Edit | None:
        """One expression for another wherever it stands in a statement; None where it stands once."""
        places = [site for site in self.sites(statement) if ast.unparse(site.node) == old]
        if len(places) < 2:
            return None
        other = ast.parse(new, mode="eval").body

        def undo() -> None:
            for site in places:
                site.put(site.node)

        def apply() -> None:
            for site in places:
                site.put(other)

        return Edit(kind, words, apply, undo)

    def _signs(self, statement: Any) -> Iterator[Edit]:
        words = "the sign is turned"
        for site in self.terms(statement):
            yield self.replaced(site, ast.UnaryOp(ast.USub(), site.node), "sign", words)
        if isinstance(statement, ast.AugAssign) and isinstance(statement.op, (ast.Add, ast.Sub)):
            other = ast.Sub() if isinstance(statement.op, ast.Add) else ast.Add()
            yield Edit("sign", words, *_set(statement, "op", other))
        for site in self.sites(statement):
            node = site.node
            if any(isinstance(n, ast.Slice) for n in site.above):
                continue
            if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
                other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
                yield Edit("sign", words, *_set(node, "op", other))
            elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
                yield self.replaced(site, node.operand, "sign", words)
        yield from self._assignments(statement)

    def _assignments(self, statement: Any) -> Iterator[Edit]:
        words = "only the last of several contributions is kept: it is assigned, not added up"
        parent = self._parent(statement)
        if parent is None:
            return
        place = parent.index(statement)
        if isinstance(statement, ast.Assign) and isinstance(
            statement.targets[0], (ast.Name, ast.Subscript, ast.Attribute)
        ):
            target = statement.targets[0]
            other: Any = ast.AugAssign(target, ast.Add(), statement.value)
            yield Edit("accumulation", words, *_item(parent, place, other, statement), instead=other)
        if isinstance(statement, ast.AugAssign):
            other = ast.Assign([statement.target], statement.value)
            words = "it is added to what was there, where it should be set"
            yield Edit("accumulation", words, *_item(parent, place, other, statement), instead=other)

    def _parent(self, statement: Any) -> Any:
        for node in ast.walk(self.tree):
            for name in ("body", "orelse"):
                block = getattr(node, name, None)
                if isinstance(block, list) and statement in block:
                    return block
        return None

    def _turns(self, statement: Any) -> Iterator[Edit]:
        for site in self.sites(statement):
            node = site.node
            if isinstance(node, ast.Attribute) and node.attr == "T":
                yield self.replaced(site, node.value, *self._turned(site, node.value))
            elif isinstance(node, (ast.Name, ast.Subscript, ast.Attribute)):
                text = ast.unparse(node)
                shape = self.shape(text)
                upright = isinstance(site.above[-1], ast.Attribute) and site.above[-1].attr == "T"
                if not upright and (shape is None or len(shape) == 2):
                    yield self.replaced(site, f"({text}).T", *self._turned(site, node))
                if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript):
                    base, i, j = ast.unparse(node.value.value), node.value.slice, node.slice
                    yield self.replaced(
                        site, f"{base}[{ast.unparse(j)}][{ast.unparse(i)}]", *self._turned(site, node.value.value)
                    )
                if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2:
                    i, j = node.slice.elts
                    text = f"{ast.unparse(node.value)}[{ast.unparse(j)}, {ast.unparse(i)}]"
                    yield self.replaced(site, text, *self._turned(site, node.value))
                if isinstance(node, ast.Subscript):
                    words = f"`{ast.unparse(node.slice)}` takes other numbers, or in another order, than belong there"
                    yield self.replaced(site, node.value, "stale input", words)
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
                other = ast.BinOp(node.right, node.op, node.left)
                yield self.replaced(site, other, *self._turned(site, node))
            elif _is_product(node) and len(node.args) == 2:
                exchanged = ast.Call(node.func, [node.args[1], node.args[0]], node.keywords)
                yield self.replaced(site, exchanged, *self._turned(site, node))
        for site in self.terms(statement):
            if isinstance(site.node, ast.BinOp) or _is_product(site.node):
                words = "the gradient is transposed"
                yield self.replaced(site, f"({ast.unparse(site.node)}).T", "transposed gradient", words)

    def _turned(self, site: _Site, node: Any) -> tuple[str, str]:
        if self._is_weight(ast.unparse(node)):
            words = "the error is sent back through the transposed weight matrix (W where W.T belongs, or the reverse)"
            return "transposed weight", words
        if any(self._is_weight(ast.unparse(n)) for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Subscript))):
            return "transposed weight", "the factors of a matrix product are exchanged: a weight matrix is transposed"
        return "transposed gradient", "a matrix is transposed that should not be, or the reverse"

    def _is_weight(self, text: str) -> bool:
        value = self.value(text)
        if value is None:
            return self.weights != [] and text.split("[")[0] in self.values and self._is_weight_tree(text)
        return _holds(value, self.weights)

    def _is_weight_tree(self, text: str) -> bool:
        return _holds(self.values[text.split("[")[0]], self.weights)

    def _sums(self, statement: Any) -> Iterator[Edit]:
        for site in self.sites(statement):
            node = site.node
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                other = {"sum": "mean", "mean": "sum"}.get(node.func.attr)
                if other:
                    words = f"it takes the {node.func.attr} where the {other} belongs"
                    yield Edit("factor", words, *_set(node.func, "attr", other))
                for keyword in node.keywords:
                    if keyword.arg == "axis" and isinstance(keyword.value, ast.Constant):
                        for axis in (0, 1, -1, None):
                            if axis != keyword.value.value:
                                words = "it is summed along the wrong axis"
                                yield Edit("bias", words, *_set(keyword, "value", ast.Constant(axis)))
            if isinstance(node, ast.Subscript):
                for text in (f"({ast.unparse(node.value)}).sum(axis=0)", f"sum({ast.unparse(node.value)})"):
                    yield self.replaced(site, text, "bias", "one element is taken where the sum of all belongs")

    def _variables(self, statement: Any) -> Iterator[Edit]:
        for site in self.sites(statement):
            node = site.node
            if not isinstance(node, (ast.Name, ast.Subscript, ast.Attribute)):
                continue
            old = ast.unparse(node)
            if old not in self.atoms:
                continue
            shape = self.shape(old)
            shifted = []
            index = node.slice if isinstance(node, ast.Subscript) else None
            key = isinstance(index, ast.Constant) and isinstance(index.value, str)
            if isinstance(node, ast.Subscript) and not key and not isinstance(index, (ast.Slice, ast.Tuple)):
                shifted = [f"{ast.unparse(node.value)}[{ast.unparse(node.slice)} {by} 1]" for by in "-+"]
            for new in (*shifted, *self.atoms):
                if new == old:
                    continue
                other = self.shape(new)
                if shape is not None and other is not None and shape != other:
                    continue
                kind, words = self._exchanged(site, old, new)
                yield self.replaced(site, new, kind, words)
                together = self.everywhere(statement, old, new, kind, words)
                if together is not None:
                    yield together
        for site in self.sites(statement):  # f(x) where x belongs, at every place
            node = site.node
            if isinstance(node, ast.Call) and len(node.args) == 1 and not _is_method(node.func):
                old, new = ast.unparse(node), ast.unparse(node.args[0])
                kind, words = "slope at activation", f"the slope is taken at {old} instead of {new}"
                if ast.unparse(node.func).split(".")[-1] in BENT:
                    kind, words = "loss", f"{old} stands where {new} belongs, as of a different loss than claimed"
                yield self.replaced(site, new, kind, words)
                together = self.everywhere(statement, old, new, kind, words)
                if together is not None:
                    yield together

    def _exchanged(self, site: _Site, old: str, new: str) -> tuple[str, str]:
        """What it is to have one variable in the place of another."""
        weight = self._is_weight(old) or self._is_weight(new)
        if weight:
            return "wrong weight", f"the wrong weights, {old}, stand where {new} belongs"
        product = any(
            (isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult)) or _is_product(n) for n in site.above
        )
        a, z = self.value(old), self.value(new)
        if not product and a is not None and z is not None:
            words = f"the slope is taken at {old}, an activation, instead of the pre-activation {new}"
            if _activates(z, a):
                return "slope at activation", words
            if _activates(a, z):
                words = f"the activation's slope is computed from the pre-activation {old} instead of {new}"
                return "slope formula", words
        return "stale input", f"stale input: {old} stands where {new} belongs"

    def _drops(self, statement: Any) -> Iterator[Edit]:
        for site in self.sites(statement):
            node = site.node
            if not isinstance(node, ast.BinOp):
                continue
            if isinstance(node.op, (ast.Mult, ast.Div)) and not (
                isinstance(site.above[-1], ast.BinOp) and isinstance(site.above[-1].op, (ast.Mult, ast.Div))
            ):
                yield from self._fewer(site)
            elif isinstance(node.op, (ast.Add, ast.Sub)):
                words = f"a term is too many: {ast.unparse(node.right)}"
                yield self.replaced(site, node.left, "accumulation", words)
                if isinstance(node.op, ast.Add):
                    yield self.replaced(
                        site, node.right, "accumulation", f"a term is too many: {ast.unparse(node.left)}"
                    )
            elif isinstance(node.op, ast.Pow):
                yield self.replaced(site, node.left, "slope formula", "it is squared that should not be")

    def _fewer(self, site: _Site) -> Iterator[Edit]:
        """A product without one or two of its factors."""
        factors = _factors(site.node)
        for many in (1, 2):
            for i in range(len(factors) - many + 1):
                for j in range(i + 1, len(factors)) if many == 2 else [i]:
                    gone = [factors[i]] if many == 1 else [factors[i], factors[j]]
                    kept = [f for f in factors if f not in gone]
                    if not kept or kept[0][0]:
                        continue
                    text = "*".join(ast.unparse(f) for _, f in gone)
                    plain = all(self._is_number(ast.unparse(f)) for _, f in gone)
                    words = f"a factor is too many: {'1/' * gone[0][0]}{text}"
                    kind = "factor"
                    if not plain:
                        kind, words = "slope doubled", f"a slope is multiplied in that belongs not there: {text}"
                    yield self.replaced(site, _product(kept), kind, words)

    def _is_number(self, text: str) -> bool:
        value = self.value(text)
        return isinstance(value, (int, float)) and (value in self.counts or float(value).is_integer())

    def _factors(self, statement: Any) -> Iterator[Edit]:
        for site in self.terms(statement):
            for c, name in self.counts.items():
                words = f"the factor {name} is missing"
                yield self.replaced(site, f"({ast.unparse(site.node)}) * {c!r}", "factor", words)

    def _slopes(self, statement: Any) -> Iterator[Edit]:
        for site in self.terms(statement):
            text = ast.unparse(site.node)
            shape = self.shape(text)
            for atom in self.atoms:
                other = self.shape(atom)
                if shape is not None and other is not None and shape != other:
                    continue
                for form, name in (*SLOPES, *[(f"{f}({{0}})", f) for f in self.functions]):
                    slope = form.format(atom)
                    words = f"the activation's slope is missing: {name} at {atom}"
                    yield self.replaced(site, f"({text}) * ({slope})", "slope missing", words)
            for atom in self.atoms:
                words = f"a factor is missing: {atom}"
                yield self.replaced(site, f"({text}) * {atom}", "stale input", words)

    def _numbers(self, statement: Any) -> Iterator[Edit]:
        for site in self.sites(statement):
            node = site.node
            if isinstance(node, ast.Constant) and type(node.value) in (int, float):
                for number in self.numbers:
                    if number != node.value and not isinstance(site.above[-1], ast.Subscript):
                        choice = any(isinstance(n, (ast.IfExp, ast.Compare)) or _calls(n, "where") for n in site.above)
                        kind = "slope formula" if choice else "factor"
                        words = f"{node.value!r} stands where {number!r} belongs"
                        yield self.replaced(site, ast.Constant(number), kind, words)
            elif isinstance(node, ast.Compare) and len(node.ops) == 1:
                for flipped in (ast.Gt(), ast.Lt()):
                    if type(flipped) is not type(node.ops[0]):
                        yield Edit(
                            "slope formula", "the comparison is the wrong way round", *_set(node, "ops", [flipped])
                        )
            elif isinstance(node, (ast.Name, ast.Subscript, ast.Attribute)) and ast.unparse(node) in self.atoms:
                words = "the slope's formula is wrong: a square is missing"
                yield self.replaced(site, ast.BinOp(node, ast.Pow(), ast.Constant(2)), "slope formula", words)
                text = f"(1 - {ast.unparse(node)})"
                yield self.replaced(site, text, "slope formula", f"the slope's formula is wrong: {text} belongs there")

    def _terms(self, statement: Any) -> Iterator[Edit]:
        for site in self.terms(statement):
            text = ast.unparse(site.node)
            shape = self.shape(text)
            for atom in self.atoms:
                other = self.shape(atom)
                if shape is None or other is None or shape == other:
                    for op in "+-":
                        words = f"a contribution is left out: {op} {atom}"
                        yield self.replaced(site, f"{text} {op} {atom}", "accumulation", words)

    def _products(self, statement: Any) -> Iterator[Edit]:
        tables = [a for a in self.atoms if (s := self.shape(a)) is not None and len(s) == 2]
        for site in self.terms(statement):
            text = ast.unparse(site.node)
            shape = self.shape(text)
            if shape is None or len(shape) != 2:
                continue
            for a in tables:
                for b in tables:
                    for form in ("{}.T @ {}", "{} @ {}.T", "{} @ {}"):
                        yield from self._added(site, text, form.format(a, b), shape)

    def _shares(self, statement: Any) -> Iterator[Edit]:
        for site in self.terms(statement):
            text = ast.unparse(site.node)
            shape = self.shape(text)
            alike = [a for a in self.atoms if shape and self.shape(a) == shape]
            for a in alike:
                words = f"the slope of a softmax is not that of each output alone: what {a} sums over is left out"
                whole = f"{text} - {a} * ({text}).sum(axis=-1, keepdims=True)"
                yield self.replaced(site, whole, "slope formula", words)
                for b in alike:
                    for form in ("{} * {}", "{} * (1 - {})"):
                        yield from self._added(site, text, form.format(a, b), shape)

    def _added(self, site: _Site, text: str, product: str, shape: Any) -> Iterator[Edit]:
        if self.shape(product) == shape:
            words = f"a contribution is left out: + {product}"
            yield self.replaced(site, f"{text} + {product}", "accumulation", words)

    def _losses(self, statement: Any) -> Iterator[Edit]:
        for site in self.terms(statement):
            text = ast.unparse(site.node)
            shape = self.shape(text)
            if self._is_weight(text):
                continue
            read = {n.id for n in ast.walk(site.node) if isinstance(n, ast.Name)}
            near = [a for a in self.atoms if a.split("[")[0].split(".")[0] in read]
            for a in near:
                for y in near:
                    if a != y and (shape is None or self.shape(a) in (None, shape)):
                        for form, name in LOSSES:
                            words = f"it is the gradient of a different loss than claimed, which is the {name}"
                            yield self.replaced(site, form.format(a=a, y=y), "loss", words, scaled=True)


# ── Small parts ─────────────────────────────────────────────────────────────────────────────────────────────


def _statements(body: Sequence[Any]) -> Iterator[Any]:
    """The statements that compute, wherever they stand but in `while`, whose end they may be."""
    for statement in body:
        if isinstance(statement, (ast.Assign, ast.AugAssign, ast.Return, ast.Expr)):
            yield statement
        elif isinstance(statement, (ast.For, ast.If, ast.With)):
            yield from _statements(statement.body)
            yield from _statements(getattr(statement, "orelse", []))


def _makes(node: Any) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in MAKERS


def _calls(node: Any, name: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name


def _appends(node: Any) -> bool:
    return _calls(node, "append") or _calls(node, "insert")


def _is_method(node: Any) -> bool:
    return isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id in LIBRARIES)


def _is_product(node: Any) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in PRODUCTS


def _set(node: Any, name: str, new: Any) -> tuple[Callable[[], None], Callable[[], None]]:
    old = getattr(node, name)
    return partial(setattr, node, name, new), partial(setattr, node, name, old)


def _item(block: list[Any], i: int, new: Any, old: Any) -> tuple[Callable[[], None], Callable[[], None]]:
    ast.copy_location(new, old)
    return partial(block.__setitem__, i, new), partial(block.__setitem__, i, old)


def _factors(node: Any, divided: bool = False) -> list[tuple[bool, Any]]:
    """The factors of a product, each with whether it divides."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        return [*_factors(node.left, divided), *_factors(node.right, divided ^ isinstance(node.op, ast.Div))]
    return [(divided, node)]


def _product(factors: Sequence[tuple[bool, Any]]) -> Any:
    node = factors[0][1]
    for divides, factor in factors[1:]:
        node = ast.BinOp(node, ast.Div() if divides else ast.Mult(), factor)
    return node


def _holds(value: Any, arrays: Sequence[Any]) -> bool:
    """Whether a value is one of the arrays, or holds one."""
    if isinstance(value, dict):
        return any(_holds(x, arrays) for x in value.values())
    if isinstance(value, (list, tuple)) and any(isinstance(x, (np.ndarray, list)) and np.ndim(x) for x in value):
        with contextlib.suppress(ValueError):
            if any(np.shape(value) == np.shape(a) and np.array_equal(value, a) for a in arrays):
                return True
        return any(_holds(x, arrays) for x in value)
    try:
        return any(np.ndim(value) > 0 and np.shape(value) == np.shape(a) and np.array_equal(value, a) for a in arrays)
    except (TypeError, ValueError):
        return False


def _activates(z: Any, a: Any) -> bool:
    """Whether a is a known activation of z."""
    with np.errstate(all="ignore"), contextlib.suppress(TypeError, ValueError):
        z, a = np.asarray(z, float), np.asarray(a, float)
        return z.shape == a.shape and any(
            np.allclose(f.function(z), a, 1e-9, 1e-12) for f in ACTIVATIONS if f not in (IDENTITY, SOFTMAX)
        )
    return False
