"""Rules read as text: the formula for one input alone.

Where the other input of an op is a constant, nothing is sent to it, and what would be is not worked out either:
``x ** 2`` needs no logarithm. The shorter function is compiled from the lines of the rule that it needs, with the
rule's file name and line numbers, so that a breakpoint in the rule stops in it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any


@cache
def _functions(path: str, text: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(text, path).body if isinstance(node, ast.FunctionDef)}


def tree(function: FunctionType) -> ast.FunctionDef:
    """The syntax tree of a function at the top level of its file.

    Raises:
        OSError: where its text is not there.

    >>> from autograd import ops
    >>> ast.unparse(tree(ops.neg.rule).body[-1])
    'return (-g,)'
    """
    import inspect  # slow to import, and seldom needed

    path = inspect.getsourcefile(function)
    lines, _ = inspect.findsource(function)
    return _functions(path or "", "".join(lines))[function.__name__]


def names(node: ast.AST) -> set[str]:
    """The variables that a formula reads."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def needed(rule: FunctionType, i: int) -> tuple[list[ast.Assign], ast.expr]:
    """The assignments that the i-th contribution of a rule needs, and its formula.

    >>> from autograd import ops
    >>> assignments, formula = needed(ops.pow.rule, 0)
    >>> [a.targets[0].id for a in assignments], ast.unparse(formula)
    (['slope'], 'g * (b * slope)')
    """
    statements = list(tree(rule).body)
    end = statements.pop()
    assert isinstance(end, ast.Return)
    assert isinstance(end.value, ast.Tuple)
    formula = end.value.elts[i]
    read = names(formula)
    kept: list[ast.Assign] = []
    for statement in reversed(statements):
        if isinstance(statement, ast.Assign) and names_of(statement) & read:
            kept.insert(0, statement)
            read |= names(statement.value)
    return kept, formula


def names_of(statement: ast.Assign) -> set[str]:
    """The variables that an assignment sets."""
    return {target.id for target in statement.targets if isinstance(target, ast.Name)}


def alone(rule: FunctionType, i: int, namespace: dict[str, Any]) -> Callable[..., Any]:
    """A function of a rule's arguments that returns its i-th contribution alone, not in a tuple.

    >>> from autograd import ops
    >>> alone(ops.pow.rule, 0, {"ops": ops.floats})(1.0, 9.0, 3.0, 2.0)
    6.0
    """
    try:
        whole = tree(rule)
        assignments, formula = needed(rule, i)
    except (OSError, KeyError):  # only the compiled file is here
        return lambda *arguments: rule(*arguments)[i]
    end = ast.copy_location(ast.Return(formula), whole.body[-1])
    shorter = ast.copy_location(ast.FunctionDef(whole.name, whole.args, [*assignments, end], []), whole)
    code = compile(ast.Module([shorter], []), rule.__code__.co_filename, "exec")
    exec(code, namespace := dict(namespace))
    function: Callable[..., Any] = namespace[whole.name]
    return function
