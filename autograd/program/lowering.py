"""Rules as formulas without branches: every ``p if test else q`` of a rule's text becomes a `choice` of symbols.

The function is compiled from the rule's own syntax tree, with its file name and line numbers. It is the rule, read
so that neither side of a condition is forgotten; tracing a rule would keep one side alone.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from functools import cache
from types import FunctionType
from typing import Any

from .. import ops, rule_text, rules
from ..errors import RecordError
from .symbols import choice, conjunction

_NAMES = {"ops": ops, "math": math, "choice": choice, "conjunction": conjunction}


class _Choices(ast.NodeTransformer):
    """Rewrites conditions: what depends on one is evaluated on both sides, and a chained comparison link by link."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        sides = [ast.Lambda(ast.arguments([], [], None, [], [], None, []), side) for side in (node.body, node.orelse)]
        return ast.copy_location(ast.Call(ast.Name("choice", ast.Load()), [node.test, *sides], []), node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        terms = [node.left, *node.comparators]
        links: list[ast.expr] = [
            ast.copy_location(ast.Compare(a, [sign], [b]), node)
            for a, sign, b in zip(terms, node.ops, terms[1:], strict=False)
        ]
        while len(links) > 1:
            pair = ast.Call(ast.Name("conjunction", ast.Load()), links[:2], [])
            links[:2] = [ast.copy_location(pair, node)]
        return links[0]


@cache
def lowered(op: ops.Op, wanted: tuple[int, ...] | None = None) -> Callable[..., Sequence[Any]]:
    """A built-in op's rule on symbols: one contribution an input, as the rule returns them.

    Args:
        op: a built-in op.
        wanted: of an op of one or two inputs: the contributions that are needed; the others come as None, and what
            only they need is not computed. All where it is None.

    Raises:
        RecordError: where the text of the rule is not there.

    >>> from autograd.program.symbols import Symbol
    >>> g, y, a = Symbol(), Symbol(), Symbol()
    >>> lowered(ops.relu)(g, y, a)[0].op, lowered(ops.pow, (0,))(g, y, a, 2.0)[1] is None
    (<op select>, True)
    """
    rule = op.rule
    assert isinstance(rule, FunctionType)
    try:
        whole = rule_text.tree(rule)
        if wanted is None:
            body = list(whole.body)
        else:
            parts = {i: rule_text.needed(rule, i) for i in wanted}
            body = [s for s in whole.body if any(s in assignments for assignments, _ in parts.values())]
            contributions = [parts[i][1] if i in parts else ast.Constant(None) for i in range(op.arity or 0)]
            body.append(ast.Return(ast.Tuple(contributions, ast.Load())))
    except (OSError, KeyError):
        raise RecordError(
            f"the rule of {op.name!r} can't be read: gradients of programs are made from the text of rules.py, "
            "which is not installed here"
        ) from None
    copied = ast.parse(ast.unparse(ast.Module(body, [])))  # a tree of our own: the other is shared
    for new, old in zip(copied.body, body, strict=True):
        ast.increment_lineno(new, getattr(old, "lineno", whole.lineno) - getattr(new, "lineno", 1))
    function = ast.FunctionDef(whole.name, whole.args, [_Choices().visit(s) for s in copied.body], [])
    module = ast.fix_missing_locations(ast.Module([ast.copy_location(function, whole)], []))
    namespace: dict[str, Any] = dict(_NAMES)
    exec(compile(module, rule.__code__.co_filename, "exec"), namespace)
    formula: Callable[..., Sequence[Any]] = namespace[whole.name]
    return formula


def is_read(op: ops.Op) -> bool:
    """Whether an op's rule is one of rules.py, and can be read as a text.

    >>> is_read(ops.exp)
    True
    """
    return getattr(op.rule, "__globals__", None) is vars(rules)
