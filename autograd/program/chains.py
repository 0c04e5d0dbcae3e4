"""Chains of additions as one sum each, for the text of a program: `a + b + c`, and `c + w₁ x₁ + w₂ x₂`.

What the machine makes of such chains is made for the machine (schedule.py); this is made to be printed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

from .. import ops
from .code import Code, Instruction

PAIRS: Final = "pairs"  # a number to begin with, then factors, then their partners


class Item(NamedTuple):
    """What is computed into one slot: the name of its op, and the slots it reads."""

    op: str
    inputs: tuple[int, ...]


def items_of(code: Code, first: int) -> dict[int, Item]:
    """What is to be computed, by slot, in order: sums from left to right, as the chains are, so that no bit changes.

    Args:
        code: the program.
        first: the slot of its first instruction.

    >>> def instruction(op, *inputs):
    ...     return Instruction(op.function, inputs, op, True)
    >>> products = instruction(ops.mul, 0, 1), instruction(ops.mul, 0, 2)
    >>> sums = instruction(ops.add, 2, 3), instruction(ops.add, 5, 4)
    >>> items_of(Code(3, (), (*products, *sums), (6,), ()), 3)
    {6: Item(op='pairs', inputs=(2, 0, 0, 1, 2))}
    """
    made = dict(enumerate(code.instructions, first))
    uses = Counter(chain.from_iterable(instruction.inputs for instruction in code.instructions))
    kept = {*code.outputs, *[slot for slot, _ in code.conditions]}

    def is_inner(slot: int, op: ops.Op) -> bool:
        """Whether a slot is there for one other alone, by this op."""
        return uses[slot] == 1 and slot in made and made[slot].op is op and slot not in kept

    items: dict[int, Item] = {}
    inner: set[int] = set()
    for slot in reversed(made):
        if slot in inner:
            continue
        _, inputs, op, _ = made[slot]
        if op is not ops.add:
            items[slot] = Item(op.name, inputs)
            continue
        left, *terms = inputs
        while is_inner(left, ops.add):
            inner.add(left)
            left, right = made[left].inputs
            terms.append(right)
        terms = [left, *reversed(terms)]
        begin = 0 if is_inner(left, ops.mul) else 1
        if all(is_inner(x, ops.mul) for x in terms[begin:]):
            inner.update(terms[begin:])
            items[slot] = _products(terms[:begin], [made[x] for x in terms[begin:]])
        else:
            items[slot] = Item("sum", tuple(terms))
    return dict(reversed(items.items()))


def _products(begin: Sequence[int], products: Sequence[Instruction]) -> Item:
    """A sum of products; of two factors the one in the earlier slot stands on the left."""
    left, right = zip(*[sorted(product.inputs) for product in products], strict=True)
    return Item(PAIRS if begin else "dot", (*begin, *left, *right))
