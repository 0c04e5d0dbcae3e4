"""Rules as templates: rows to be added wherever the rule's op stands, both sides of every condition among them.

A template is made by the rule's own text. Every ``p if test else q`` in it is rewritten to a `choice`, then it runs
once on symbols; tracing it as it stands would keep one side alone.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

from .. import modes, ops, rule_text, rules
from ..errors import AutogradError, RecordError
from ..ops import ARITHMETIC, Op
from .symbols import Maybe, Symbol, choice, conjunction

_NAMES = {"ops": ops, "math": math, "choice": choice, "conjunction": conjunction}


class Template(NamedTuple):
    """What a node of an op adds to a gradient.

    An int stands for a number that is there: the upstream gradient is 0, the node itself 1, its inputs are the next
    ones, and then come the rows of the template. A float is a number.

    Attributes:
        rows: ops and what they are given.
        sent: for each input: the condition on which something is sent to it, None where always is, and the
            contribution; None where nothing ever is.
    """

    rows: tuple[tuple[Op, tuple[Any, ...]], ...]
    sent: tuple[tuple[Any, Any] | None, ...]


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
def formula(op: Op) -> Callable[..., Sequence[Any]]:
    """A built-in op's rule on symbols: one contribution an input, as the rule returns them.

    Raises:
        RecordError: where the text of the rule is not there.

    >>> g, y, a = Symbol(), Symbol(), Symbol()
    >>> formula(ops.relu)(g, y, a)[0].op
    <op select>
    """
    rule = op.rule
    assert isinstance(rule, FunctionType)
    try:
        whole = rule_text.tree(rule)
    except (OSError, KeyError):
        raise RecordError(
            f"the rule of {op.name!r} can't be read: gradients of programs are made from the text of rules.py, "
            "which is not installed here"
        ) from None
    copied = ast.parse(ast.unparse(whole)).body[0]  # a tree of our own: the other is shared
    assert isinstance(copied, ast.FunctionDef)
    for new, old in zip(copied.body, whole.body, strict=True):
        ast.increment_lineno(new, getattr(old, "lineno", whole.lineno) - getattr(new, "lineno", 1))
    function = ast.FunctionDef(whole.name, whole.args, [_Choices().visit(s) for s in copied.body], [])
    module = ast.fix_missing_locations(ast.Module([ast.copy_location(function, whole)], []))
    namespace: dict[str, Any] = dict(_NAMES)
    exec(compile(module, rule.__code__.co_filename, "exec"), namespace)
    made: Callable[..., Sequence[Any]] = namespace[whole.name]
    return made


@cache
def has_choices(op: Op) -> bool:
    """Whether an op's rule goes by conditions, so that a number among its inputs makes the template shorter."""
    if not _is_read(op):
        return True
    return any(isinstance(node, ast.IfExp) for node in ast.walk(rule_text.tree(op.rule)))  # type: ignore[arg-type]


def _is_read(op: Op) -> bool:
    """Whether an op's rule is one of rules.py, and can be read as a text."""
    return getattr(op.rule, "__globals__", None) is vars(rules)


def template(op: Op, given: tuple[float | None, ...], wanted: tuple[bool, ...]) -> Template:
    """What an op's rule comes to.

    Args:
        op: the op.
        given: of each input its number, where that is a constant to go by; else None.
        wanted: to which inputs something is to be sent.

    Raises:
        RecordError: where a rule of the user's own can't run on symbols.

    >>> template(ops.mul, (None, None), (True, False))
    Template(rows=((<op mul>, (0, 3)),), sent=((None, 4), None))
    """
    leaves = [Symbol() for _ in range(2 + len(given))]
    xs = [leaf if x is None else x for leaf, x in zip(leaves[2:], given, strict=True)]
    with modes.mode(modes.IEEE, off=modes.NO_GRAD | modes.TRACE | modes.ANOMALY | modes.RECORD):
        if _is_read(op):
            try:
                sent = formula(op)(*leaves[:2], *xs)
            except ARITHMETIC:  # of constants, among themselves
                sent = formula(op)(*leaves)
        else:
            sent = _of_users(op, leaves[:2], xs)
    pairs = [
        None if c is None or not needed else c if type(c) is Maybe else Maybe(None, c)
        for c, needed in zip(sent, wanted, strict=True)
    ]
    numbers = {leaf.index: i for i, leaf in enumerate(leaves)}
    rows = []
    for symbol in behind([x for pair in pairs if pair is not None for x in pair]):
        if symbol.index not in numbers:
            assert symbol.op is not None
            rows.append((symbol.op, tuple([_reference(x, numbers) for x in symbol.inputs])))
            numbers[symbol.index] = len(numbers)
    return Template(
        tuple(rows),
        tuple([None if p is None else (_reference(p[0], numbers), _reference(p[1], numbers)) for p in pairs]),
    )


def _reference(x: Any, numbers: dict[int, int]) -> Any:
    return numbers[x.index] if type(x) is Symbol else None if x is None else float(x)


def _of_users(op: Op, leaves: Sequence[Symbol], xs: Sequence[Any]) -> Sequence[Any]:
    if op.rule is None:
        raise RecordError(f"op {op.name!r} has no derivative: register one with @autograd.rule")
    try:
        sent = op.rule(*leaves, *xs)
    except (AutogradError, TypeError, ValueError, AttributeError) as cause:
        raise RecordError(
            f"the rule of {op.name!r} is no formula: {cause}. In a program's gradient it runs before any number is "
            "known: write it with autograd's functions alone"
        ) from cause
    if not isinstance(sent, (tuple, list)) or len(sent) != len(xs):
        raise RecordError(f"the rule of {op.name!r} must return a tuple of {len(xs)} contributions, not {sent!r}")
    return sent


def behind(roots: Sequence[Any]) -> list[Symbol]:
    """The symbols that the roots are made from, and the roots, oldest first; without recursion.

    >>> x = Symbol()
    >>> [s.op for s in behind([x * x + 1.0])]
    [None, <op mul>, <op add>]
    """
    stack = [root for root in roots if type(root) is Symbol]
    seen = {symbol.index: symbol for symbol in stack}
    while stack:
        for x in stack.pop().inputs:
            if type(x) is Symbol and x.index not in seen:
                seen[x.index] = x
                stack.append(x)
    return [seen[index] for index in sorted(seen)]
