"""The derivative of one op by one input as a formula, read from the text of its rule: ``de/da = b``."""

from __future__ import annotations

import ast
import math
from functools import cache
from typing import Any, Final

from ..rule_text import needed, tree
from ..stepping import Names

_LONGEST: Final = 44  # letters that are still read at a glance


def derivative(node: Any, position: int, names: Names) -> str:
    """The derivative of a node by one of its inputs, in the names of the graph; "" where no short formula says it.

    >>> from autograd import Value
    >>> a, b = Value(0.3, "a"), Value(-0.7, "b")
    >>> e = a * b
    >>> derivative(e, 0, Names(e)), derivative(e.tanh(), 0, Names(e))
    ('b', 'sech2(L)')
    """
    operation = node._operation
    if operation.arity is None or operation.rule is None:
        return ""
    known = _slope(operation.rule, position)
    if known is None:
        return ""
    parameters, formula = known
    given = dict(zip(parameters[1:], (node, *node.inputs), strict=False))
    text = ast.unparse(_Named({name: _shown(x, names) for name, x in given.items()}).visit(_copy(formula)))
    return text if len(text) <= _LONGEST else ""


def _shown(x: Any, names: Names) -> ast.expr:
    if type(x) is not float:
        return ast.Name(names[x])
    return ast.Constant(int(x) if x.is_integer() and abs(x) < 1e15 else float(f"{x:.6g}") if math.isfinite(x) else x)


@cache
def _slope(rule: Any, position: int) -> tuple[list[str], str] | None:
    """The names of a rule's arguments, and its contribution to one input with the upstream gradient taken out."""
    try:
        whole = tree(rule)
        end = whole.body[-1]
        if not isinstance(end, ast.Return) or not isinstance(end.value, ast.Tuple):
            return None
        assignments, formula = needed(rule, position)
    except (
        OSError,
        KeyError,
        TypeError,
        IndexError,
        SyntaxError,
    ):  # its text is not there, or other
        return None
    parameters = [argument.arg for argument in whole.args.args]
    steps: dict[str, ast.expr] = {}
    for assignment in assignments:
        (target,) = assignment.targets
        if not isinstance(target, ast.Name):
            return None
        steps[target.id] = _Named(steps).visit(_copy(ast.unparse(assignment.value)))
    slope = _without(_Named(steps).visit(_copy(ast.unparse(formula))), parameters[0])
    if slope is None or parameters[0] in {n.id for n in ast.walk(slope) if isinstance(n, ast.Name)}:
        return None
    return parameters, ast.unparse(slope)


def _copy(formula: str) -> ast.expr:
    return ast.parse(formula, mode="eval").body


def _without(formula: ast.expr, g: str) -> ast.expr | None:
    """A product with the factor g taken out; None where g is no factor of it."""
    if isinstance(formula, ast.Name) and formula.id == g:
        return ast.Constant(1)
    if isinstance(formula, ast.UnaryOp):
        inner = _without(formula.operand, g)
        return None if inner is None else ast.UnaryOp(formula.op, inner)
    if isinstance(formula, ast.BinOp) and isinstance(formula.op, (ast.Mult, ast.Div)):
        left = _without(formula.left, g)
        if left is None:
            return None
        if isinstance(formula.op, ast.Mult):
            if isinstance(left, ast.Constant) and left.value == 1:
                return formula.right
            if isinstance(left, ast.UnaryOp) and isinstance(left.operand, ast.Constant) and left.operand.value == 1:
                return ast.UnaryOp(left.op, formula.right)
        return ast.BinOp(left, formula.op, formula.right)
    return None


class _Named(ast.NodeTransformer):
    """Puts formulas in the place of names, and takes ``ops.`` away."""

    def __init__(self, formulas: dict[str, ast.expr]) -> None:
        self.formulas = formulas

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """What a name stands for."""
        return self.formulas.get(node.id, node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """The op's own name."""
        if isinstance(node.value, ast.Name) and node.value.id in ("ops", "math", "autograd", "ag"):
            return ast.Name(node.attr)
        self.generic_visit(node)
        return node
