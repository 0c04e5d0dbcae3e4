"""Code as a stream for the compiled engine's machine: sums made whole again, and runs of one op side by side.

A chain ``a + b + c`` is one sum of three terms, ``c + w₁ x₁ + w₂ x₂`` a number and two pairs of factors: in the order
of the chain, so that no bit changes. Ops of the same kind that need nothing from one another make a run. What the
stream means stands in native/program.h.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from .. import engine, ops
from .code import TOTAL, Code, Instruction, is_built_in, run

PAIRS: Final = "pairs"  # the machine's own op: a number, then factors, then their partners
_MAY_RAISE: Final = 1 << 16


class Item(NamedTuple):
    """What the machine computes into one slot: the name of its op, the slots it reads, and whether it may raise."""

    op: str
    inputs: tuple[int, ...]
    may_raise: bool


class Runner:
    """Runs a code: on the machine where there is one, and else, or where the machine leaves it to Python, by `run`.

    >>> from autograd.program.code import Row, lowered
    >>> code = lowered(1, [Row(ops.exp, (0,), "", True), Row(ops.log, (0,), "", True)], [1], [])
    >>> Runner(code)([0.0], False), Runner(code)([1.0], False) == [ops.exp(1.0)]
    (None, True)
    """

    def __init__(self, code: Code) -> None:
        self.code = code
        self._machine = _made(code)

    def __call__(self, numbers: list[Any], ieee: bool) -> list[float] | None:
        """The outputs for floats and Values; None where they would not be right: see `run`."""
        if self._machine is not None:
            outputs = self._machine.run(numbers, ieee)
            if outputs is not NotImplemented:
                return outputs  # type: ignore[no-any-return]
        return run(self.code, [x if type(x) is float else x._data for x in numbers], ieee)


@cache
def _machinery() -> Any:
    return engine.machine()


def _made(code: Code) -> Any:
    machinery = _machinery()
    if machinery is None or not all(is_built_in(instruction.op) for instruction in code.instructions):
        return None
    make, numbers = machinery
    first = code.inputs + len(code.constants)
    items = collected(code, first)
    slots, stream = laid_out(items, first, numbers)
    stream += [numbers["end"], 0, 0, 0]
    outputs = [slots[x] for x in code.outputs]
    conditions = [slots[x] for x, _ in code.conditions]
    wanted = [number for _, number in code.conditions]
    return make(code.inputs, list(code.constants), first + len(items), stream, outputs, conditions, wanted)


def collected(code: Code, first: int) -> dict[int, Item]:
    """What is to be computed, by slot, with chains of additions as one sum each.

    >>> from autograd.program.code import Row, lowered
    >>> products = [Row(ops.mul, (0, 1), "", True), Row(ops.mul, (0, 2), "", True)]
    >>> sums = [Row(ops.add, (2, 3), "", True), Row(ops.add, (5, 4), "", True)]
    >>> collected(lowered(3, [*products, *sums], [6], []), 3)
    {6: Item(op='pairs', inputs=(2, 0, 0, 1, 2), may_raise=False)}
    """
    instructions = code.instructions
    uses = [0] * (first + len(instructions))
    for instruction in instructions:
        for x in instruction.inputs:
            uses[x] += 1
    for x in (*code.outputs, *(x for x, _ in code.conditions)):
        uses[x] += 2  # it must have a slot of its own
    made = dict(enumerate(instructions, first))
    items: dict[int, Item] = {}
    swallowed: set[int] = set()
    for slot in range(first + len(instructions) - 1, first - 1, -1):
        if slot in swallowed:
            continue
        op, inputs = made[slot].op, made[slot].inputs
        item = Item(op.name, inputs, made[slot].raises and op not in TOTAL)
        if op is ops.add:
            terms = [inputs[1]]
            left = inputs[0]
            while uses[left] == 1 and left in made and made[left].op is ops.add:
                swallowed.add(left)
                terms.append(made[left].inputs[1])
                left = made[left].inputs[0]
            item = _sum([left, *reversed(terms)], made, uses, swallowed)
        elif op is ops.sum:
            item = _sum(inputs, made, uses, swallowed)
        items[slot] = item
    return dict(reversed(items.items()))


def _sum(terms: Sequence[int], made: dict[int, Instruction], uses: list[int], swallowed: set[int]) -> Item:
    """The sum of terms, in their order: of numbers, or of products that nothing else needs."""

    def is_product(x: int) -> bool:
        return uses[x] == 1 and x in made and made[x].op is ops.mul

    products = [x for x in terms if is_product(x)]
    start = 0 if is_product(terms[0]) else 1
    if len(products) == len(terms) - start and len(terms) > 1:
        swallowed.update(products)
        factors = [made[x].inputs for x in products]
        inputs = (*terms[:start], *[min(pair) for pair in factors], *[max(pair) for pair in factors])
        return Item(PAIRS if start else "dot", inputs, False)
    return Item("add" if len(terms) == 2 else "sum", tuple(terms), False)


def laid_out(items: dict[int, Item], first: int, numbers: dict[str, int]) -> tuple[dict[int, int], list[int]]:
    """The new slot of every old one, and the stream: runs, those first that need nothing from the others.

    >>> items = {1: Item("exp", (0,), True), 2: Item("neg", (1,), False), 3: Item("exp", (0,), True)}
    >>> laid_out(items, 1, {"exp": 7, "neg": 8})
    ({0: 0, 1: 1, 3: 2, 2: 3}, [65543, 2, 1, 1, 0, 0, 8, 1, 3, 1, 1])
    """
    level = dict.fromkeys(range(first), 0)
    runs: dict[tuple[int, str, int, bool], list[int]] = defaultdict(list)
    for slot, (op, inputs, may_raise) in items.items():
        level[slot] = at = 1 + max([level[x] for x in inputs], default=0)
        runs[at, op, len(inputs), may_raise].append(slot)
    slots = {x: x for x in range(first)}
    stream: list[int] = []
    for (_, op, k, may_raise), members in sorted(runs.items()):
        stream += [numbers[op] | _MAY_RAISE * may_raise, len(members), len(slots), k]
        for j in range(k):
            stream += [slots[items[slot].inputs[j]] for slot in members]
        for slot in members:
            slots[slot] = len(slots)
    return slots, stream
