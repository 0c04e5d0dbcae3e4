"""Plant faults in every rule and say how soon the checks find them: `python -m tests.planted_faults [ops]`.

Each fault is planted in one rule at a time, and expressions that hold its op are drawn until one is wrong, 200 of them
at the most; hypothesis then shrinks it. A cell says after how many examples the fault was found, and how many nodes
the counterexample has; a dot stands where a rule has no such fault. On kinks the documented slopes are held against
the rule, since any slope between those from left and right agrees with differences.
"""

from __future__ import annotations

import ast
import inspect
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings

from autograd import Op, Value, ops, rule, rules
from autograd.errors import GradientError
from autograd.testing import check_gradients
from autograd.testing.domains import DOMAINS, axes
from autograd.testing.strategies import OPS, Expression, expressions, points, slopes_at_kink

LIMIT = 200
Rule = Callable[..., Sequence[Any]]


class Found(NamedTuple):
    """What became of a planted fault: after how many examples it was found, 0 for never, and its smallest form."""

    examples: int
    smallest: Any

    def __str__(self) -> str:
        return f"{self.examples:>4} ({len(self.smallest)})" if self.examples else "never"


# ── The faults: each makes of a right rule a wrong one, or None where the rule has no such fault ────────────


def last_changed(op: Op, change: Callable[..., Any]) -> Rule:
    """The rule of `op` with what it sends to the last input that gets anything changed."""

    never = (1,) if op is ops.copysign else ()  # the sign of its second input is a step

    def wrong(g: Any, y: Any, *xs: Any) -> Sequence[Any]:
        sent = op.rule(g, y, *xs)
        place = max((i for i, c in enumerate(sent) if c is not None and i not in never), default=-1)
        return [change(c, g, xs[i], i) if i == place else c for i, c in enumerate(sent)]

    return wrong


def sign(op: Op) -> Rule | None:
    return None if flat(op) else last_changed(op, lambda c, g, x, i: -c)


def factor(op: Op) -> Rule | None:
    return None if flat(op) else last_changed(op, lambda c, g, x, i: 2.0 * c)


def missing_term(op: Op) -> Rule | None:
    """One term of a sum left out, or one factor of a product where there is no sum; else a contribution left out."""
    if flat(op):
        return None
    count = sum(isinstance(node, ast.BinOp) for node in ast.walk(ast.parse(inspect.getsource(op.rule))))
    for kinds in ((ast.Add, ast.Sub), (ast.Mult, ast.Div)):
        for which in range(count):
            wrong = without(op, kinds, which)
            if wrong is not None and differs(op, wrong):
                return wrong
    return last_changed(op, lambda c, g, x, i: 0.0 * c)


def without(op: Op, kinds: tuple[type[ast.operator], ...], which: int) -> Rule | None:
    """The rule with the left side of its `which`-th operation alone, if that is of one of the kinds."""
    text = ast.parse(inspect.getsource(op.rule))
    function = text.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.decorator_list = []
    operations = [node for node in ast.walk(function) if isinstance(node, ast.BinOp)]
    if which >= len(operations) or not isinstance(operations[which].op, kinds):
        return None
    chosen = operations[which]

    class Cut(ast.NodeTransformer):
        def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
            if node is chosen:
                return node.left
            return self.generic_visit(node)

    space: dict[str, Any] = dict(vars(rules))
    exec(compile(ast.fix_missing_locations(Cut().visit(text)), "<planted>", "exec"), space)
    return space[function.name]  # type: ignore[no-any-return]


def differs(op: Op, wrong: Rule) -> bool:
    """Whether a rule still sends as many contributions, and others, somewhere in the middle of the domain."""
    domain = DOMAINS[op.name]
    for share in (0.62, 0.31):
        arity = op.arity or 4 + (len(domain.axes) > 1)
        xs = [
            a.choices[0] if a.choices else a.low + (a.high - a.low) * (share + 0.01 * i)
            for i, a in enumerate(axes(op, domain, arity))
        ]
        y = op.function(*xs)
        try:
            right, sent = op.rule(1.0, y, *xs), wrong(1.0, y, *xs)
        except (ArithmeticError, ValueError):
            return False
        if len(right) != len(sent):
            return False
        if any(abs((a or 0.0) - (b or 0.0)) > 1e-6 * abs(a or 0.0) for a, b in zip(right, sent, strict=True)):
            return True
    return False


def wrong_branch(op: Op) -> Rule | None:
    """Exactly on a kink, what holds beside it."""
    for nudge in (1e-3, -1e-3):
        for at, slopes in DOMAINS[op.name].kinks:
            try:
                beside = op.rule(1.0, op.function(*at), *[x + nudge * (i == 0) for i, x in enumerate(at)])
            except (ArithmeticError, ValueError):
                continue
            if [c or 0.0 for c in beside] != list(slopes) and all(math.isfinite(s) for s in slopes):
                return branched(op, [at for at, _ in DOMAINS[op.name].kinks], nudge)
    return None


def branched(op: Op, kinks: Sequence[tuple[float, ...]], nudge: float) -> Rule:
    def wrong(g: Any, y: Any, *xs: Any) -> Sequence[Any]:
        on = tuple(x.data if type(x) is Value else x for x in xs) in kinks
        return op.rule(g, y, *([xs[0] + nudge, *xs[1:]] if on else xs))

    return wrong


def lost_accuracy(op: Op) -> Rule | None:
    """As by 1 + t - 1 in the place of t, t the distance from 0, or from the end of a domain that 0 is a pole of."""
    if flat(op):
        return None
    low, high, _ = DOMAINS[op.name].axes[-1]
    pole = "gamma" in op.name
    start = high if pole else low if low > 0.0 else 0.0
    beside = 1.0 if start == 0.0 else 1e4 / 3.0  # 1 + t would be exact there

    def spoilt(c: Any, g: Any, x: Any, i: int) -> Any:
        t = (x.data if type(x) is Value else x) - start
        return c * (((beside + t) - beside) / t) if t else c

    return last_changed(op, spoilt)


def flat(op: Op) -> bool:
    """Whether the rule sends zeros alone."""
    return op.name in ("floordiv", "floor", "ceil", "trunc", "round", "round_to", "sign")


FAULTS: dict[str, Callable[[Op], Rule | None]] = {
    "sign": sign,
    "factor": factor,
    "missing term": missing_term,
    "wrong branch": wrong_branch,
    "lost accuracy": lost_accuracy,
}

# ── Finding them ────────────────────────────────────────────────────────────────────────────────────────────


def faulty(op: Op, wrong: Rule) -> Op:
    """An op of the same name and values with a wrong rule."""
    twin = Op(op.name, op.arity, op.function, limit=op.limit)
    if op.arity is None:
        rule(twin)(FunctionType(wrong.__code__, wrong.__globals__, op.name, None, wrong.__closure__))
    else:
        rule(twin)(wrong)
    return twin


def search(op: Op, wrong: Rule, limit: int = LIMIT) -> Found:
    """Draw until the fault shows, then shrink."""
    twin = faulty(op, wrong)
    tried = found_after = 0
    smallest: Any = None
    drawn = expressions([op], max_size=1, kinks="any") | expressions([op, "add", "mul", "sin"], max_size=5, kinks="any")
    if DOMAINS[op.name].kinks:
        drawn = drawn | points(op, kinks="on").map(
            lambda xs: Expression([(op, tuple(-1 - i for i in range(len(xs))))], xs)
        )

    @seed(1)
    @settings(
        max_examples=limit,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(drawn)
    def holds(f: Expression) -> None:
        nonlocal tried, found_after, smallest
        tried += 1
        planted = Expression([(twin if o is op else o, places) for o, places in f.steps], f.point)
        try:
            check_gradients(planted, f.point, order=2 if len(f) == 1 else 1)
            check_kinks(planted, op)
        except GradientError:
            found_after = found_after or tried
            smallest = f
            raise

    try:
        holds()
    except GradientError:
        return Found(found_after, smallest)
    return Found(0, None)


def check_kinks(f: Expression, op: Op) -> None:
    """Hold a single op exactly on a kink against the documented slopes."""
    xs = tuple(f.point)
    if len(f) == 1 and f.steps[0][0].name == op.name and f.steps[0][1] == tuple(-1 - i for i in range(len(xs))):
        if xs not in [at for at, _ in DOMAINS[op.name].kinks]:
            return
        leaves = [Value(x) for x in xs]
        f(*leaves).backward()
        if [leaf.grad for leaf in leaves] != list(slopes_at_kink(op, xs)):
            raise GradientError(f"{op.name} at its kink {xs}: {[leaf.grad for leaf in leaves]}")


def main(names: list[str]) -> int:
    results: list[Found] = []
    never = []
    print(f"{'op':<14}", *[f"{fault:>14}" for fault in FAULTS])
    for name in names or OPS:
        op: Op = getattr(ops, name)
        cells = []
        for fault, plant in FAULTS.items():
            wrong = plant(op)
            found = search(op, wrong) if wrong else None
            cells.append("." if found is None else str(found))
            if found is not None:
                results.append(found)
                if not found.examples:
                    never.append(f"{fault} in {name}")
        print(f"{name:<14}", *[f"{cell:>14}" for cell in cells], flush=True)
    sizes = [len(f.smallest) for f in results if f.examples]
    print(
        f"{len(results)} faults, {len(sizes)} found within {max(f.examples for f in results)} examples; "
        f"nodes of the counterexample: {statistics.median(sizes)} in the median, {max(sizes)} at most"
    )
    for what in never:
        print(f"never found: {what}")
    return 1 if never else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
