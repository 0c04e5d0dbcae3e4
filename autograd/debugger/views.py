"""What there is to see where a pass stands, as lines of text: the place, the way there, the source, a node."""

from __future__ import annotations

import linecache
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from ..errors import InputError
from ..stepping import SHOWN, Step
from .breakpoints import same_file
from .formulas import derivative
from .session import Session, Stop

AROUND: Final = 5  # lines of source before and after
_PER_LINE: Final = 3  # gradients noted beside one line of source

Paint = Callable[[str, str], str]  # ("heading", "bad", "next" or "quiet", text): the text in its colour


def plain(how: str, text: str) -> str:
    """No colours."""
    return text


def of_stop(stop: Stop, session: Session, paint: Paint = plain) -> Iterator[str]:
    """Why it stopped."""
    names = session.steps.names
    if stop.reason == "interrupt":
        yield "Interrupted"
    if stop.change is not None and stop.point is not None:
        node, before, after, step = stop.change
        made = f"{names[step.node]} = {names.formula(step.node)}"
        yield f"Watchpoint {stop.point.number}: {names[node]}.grad {before:.6g} -> {after:.6g}   from {made}"
    elif stop.point is not None:
        yield f"Breakpoint {stop.point.number}: {stop.point.spec}"
    if stop.trouble:
        yield paint("bad", f"*** its condition raised {stop.trouble}")


def of_place(session: Session, paint: Paint = plain) -> Iterator[str]:
    r"""Where the pass stands: the node whose turn it is, its line, and what it sends.

    >>> from autograd import Value
    >>> a, b = Value(0.3, "a"), Value(-0.7, "b")
    >>> session = Session(a * b)
    >>> _ = session.step()
    >>> print(*of_place(session), sep="\n")
    > [1/2] L = a * b   dL/dL = 1
      + dL/da = b = -0.7   contributes 1 · -0.7 = -0.7
      * dL/db = a = 0.3    contributes 1 · 0.3 = 0.3
    """
    steps, names = session.steps, session.steps.names
    at = f"[{steps.position}]" if session.total is None else f"[{steps.position}/{session.total}]"
    if steps.done:
        yield paint("heading", f"> {at} the pass has ended   {names.output} = {session.root.data:.6g}")
        leaves = steps.leaves
        yield from (f"  d{names.output}/d{names[leaf]} = {leaf.grad:.6g}" for leaf in leaves[:SHOWN])
        if len(leaves) > SHOWN:
            yield f"  … {len(leaves) - SHOWN} more leaves"
        return
    node, here = session.focus, session.next_step
    if here is None:
        return
    made = f"{names[node]} = {names.formula(node)}"
    yield paint("heading", f"> {at} {made}   d{names.output}/d{names[node]} = {_shown(session.gradient_of(node))}")
    yield from of_source(session, node, paint)
    if not session.frame:
        yield from _of_steps(steps.of_node(node), here, paint)


def of_source(session: Session, node: Any, paint: Paint = plain) -> Iterator[str]:
    """Where a node was made, and the line, with marks under the expression."""
    source = session.source(node)
    if source is None:
        if node.module:
            yield f"  {node.module}"
        return
    yield f"  {source} in {source.function}" + (f"   {node.module}" if node.module else "")
    if source.text:
        yield f"-> {source.text}"
        if source.marks:
            yield paint("next", f"   {source.marks}")


def slope(step: Step) -> str:
    """The local derivative of a step, as ``de/da = b = -0.7``."""
    names = step.names
    formula = derivative(step.node, step.position, names)
    local = "" if step.local is None else f" = {step.local:.6g}"
    formula = "" if f" = {formula}" == local else f" = {formula}" if formula else ""
    return f"d{names[step.node]}/d{names[step.input]}{formula}{local}"


def _of_steps(steps: list[Step], here: Step, paint: Paint) -> Iterator[str]:
    """One line a contribution of a node: + is sent, * comes next."""
    at = here.index - steps[0].index
    first = max(0, min(at - SHOWN // 2, len(steps) - SHOWN))
    shown = steps[first : first + SHOWN]
    slopes = [slope(step) for step in shown]
    width = max(map(len, slopes))
    if first:
        yield f"    … {first} before"
    for step, text in zip(shown, slopes, strict=True):
        c = step.contribution
        mark = "*" if step.index == here.index else "+" if step.index < here.index else " "
        if c is None:
            yield f"  {mark} {text:<{width}}   is sent nothing"
            continue
        line = f"  {mark} {text:<{width}}   contributes {step.upstream:.6g} · {step.local:.6g} = {c:.6g}"
        yield paint("bad", line) if c - c != 0.0 else paint("next", line) if mark == "*" else line
    if first + SHOWN < len(steps):
        yield f"    … {len(steps) - first - SHOWN} more"


def of_way(session: Session, at_most: int) -> Iterator[str]:
    """The way from the result to the node whose turn it is, with the factor of every link."""
    steps, names = session.steps, session.steps.names
    path = session.path(at_most + 1)
    rows = []
    for i, node in enumerate(path[:at_most]):
        link = ""
        if i + 1 < len(path) and (factor := session.factor(path[i + 1], node)) is not None:
            link = f"d{names[path[i + 1]]}/d{names[node]} = {factor:.6g}"
            others = len({step.node for step in steps.sent_to(node)}) - 1
            if others:
                link += f", and from {others} other node{'s' * (others != 1)}"
        gradient = f"d{names.output}/d{names[node]} = {_shown(session.gradient_of(node))}"
        mark = ">" if i == session.frame else " "
        rows.append((f"{mark} {names[node]}{_made(session, node)}", gradient, link, str(session.source(node) or "")))
    if len(path) > at_most:
        yield f"  {names.output} …"
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in reversed(rows):
        cells = [f"{text:<{width}}" for text, width in zip(row, widths, strict=False)]
        yield "   ".join([*cells, row[3]]).rstrip()


def of_lines(session: Session, file: str, first: int, last: int, at: int, paint: Paint = plain) -> Iterator[str]:
    """Lines of a file, with the gradients of what each of them made.

    Raises:
        InputError: where the file can't be read.
    """
    lines = linecache.getlines(file)
    if not lines:
        raise InputError(f"the file {file} can't be read")
    made = session.in_file(file)
    stops = {point.line for point in session.points if point.kind == "line" and same_file(file, point.file)}
    width = max((len(line.rstrip()) for line in lines[first - 1 : last]), default=0)
    for n in range(first, min(last, len(lines)) + 1):
        mark = f"{'B' if n in stops else ' '}{'->' if n == at else '  '}"
        note, text = _gradients(session, made.get(n, ())), lines[n - 1].rstrip()
        yield f"{n:>4} {mark} {text:<{width}}   {paint('quiet', note)}" if note else f"{n:>4} {mark} {text}".rstrip()
    if first > len(lines):
        yield "[EOF]"


def _gradients(session: Session, nodes: Sequence[Any]) -> str:
    """A comment that tells the gradients of a line's nodes, newest first: of those that the pass came to last."""
    steps, names = session.steps, session.steps.names
    current = None if steps.done else steps.current
    at = len(nodes) if current is None else bisect_right(nodes, -current._seq, key=lambda node: -node._seq)
    first = max(0, at - _PER_LINE)
    shown = [*nodes[first:at], *(node for node in nodes[at : at + _PER_LINE] if steps.reached(node))]
    notes = [f"{first} before …"] if first else []
    for node in shown:
        so_far = " so far" if session.state_of(node) == "so far" else ""
        notes.append(f"d{names.output}/d{names[node]} = {_shown(session.gradient_of(node))}{so_far}")
    return "# " + ", ".join(notes) if notes else ""


def of_inputs(session: Session, node: Any) -> Iterator[str]:
    """The inputs of a node, with their gradients so far."""
    if not node.inputs:
        yield f"{session.steps.names[node]} is a leaf"
    for x in node.inputs[: 8 * SHOWN]:
        yield f"{x!r}   a constant" if type(x) is float else _described(session, x)
    if len(node.inputs) > 8 * SHOWN:
        yield f"… {len(node.inputs) - 8 * SHOWN} more"


def of_node(session: Session, node: Any, paint: Paint = plain) -> Iterator[str]:
    """All there is to know of a node."""
    names = session.steps.names
    known = node._known()
    kind = ", a parameter" if node.is_parameter else ", a detached leaf" if known.detached else ", a leaf"
    yield f"{names[node]}{_made(session, node)} = {node.data!r}" + ("" if node.inputs else kind)
    yield from of_source(session, node, paint)
    g = session.gradient_of(node)
    yield f"d{names.output}/d{names[node]} = {'none' if g is None else repr(g)}   ({session.state_of(node)})"
    if known.hooks:
        yield f"it has {len(known.hooks)} hook{'s' * (len(known.hooks) != 1)}"
    sent = session.steps.sent_to(node)
    if len(sent) > SHOWN:
        yield f"  … {len(sent) - SHOWN} before"
    yield from (f"  {step}" for step in sent[-SHOWN:])


def of_tree(session: Session, node: Any, depth: int) -> Iterator[str]:
    """What a node was computed from, indented."""
    waiting: list[tuple[Any, int]] = [(node, 0)]
    seen: set[Any] = set()
    while waiting:
        at, level = waiting.pop()
        indent = "  " * level
        if isinstance(at, str):
            yield indent + at
            continue
        again = at in seen and bool(at.inputs)
        yield indent + _described(session, at) + ("   (above)" if again else "")
        seen.add(at)
        values = [x for x in at.inputs if type(x) is not float]
        if not values or again:
            continue
        if level == depth:
            yield f"{indent}  …"
            continue
        if len(values) > SHOWN:
            waiting.append((f"… {len(values) - SHOWN} more", level + 1))
        waiting += [(x, level + 1) for x in reversed(values[:SHOWN])]


def _described(session: Session, node: Any) -> str:
    g, state = session.gradient_of(node), session.state_of(node)
    told = state if g is None else f"{g:.6g}" + (" so far" if state == "so far" else "")
    return f"{session.steps.names[node]}{_made(session, node)} = {node.data:.6g}   gradient {told}"


def _made(session: Session, node: Any) -> str:
    return f" = {session.steps.names.formula(node)}" if node.inputs else ""


def _shown(g: float | None) -> str:
    return "none" if g is None else f"{g:.6g}"
