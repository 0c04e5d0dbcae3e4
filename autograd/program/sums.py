"""Sums made whole again: what a machine computes into one slot each.

A chain ``a + b + c`` is one sum of three terms, ``c + w₁ x₁ + w₂ x₂`` a number and two pairs of factors, in the order
of the chain, so that no bit changes. A term ``b`` beside such pairs is the pair of b and 1, and one that is subtracted
the pair of b and -1. A product that nothing but sums need is computed in each of them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .. import ops
from .code import Code, Instructions
from .symbols import TOTAL

PAIRS: Final = "pairs"  # the machine's own op: a number, then factors, then their partners
_SUMS: Final = (ops.add, ops.sum, ops.dot)
_CHAINED: Final = (*_SUMS, ops.sub)


class Item(NamedTuple):
    """What the machine computes into one slot: the name of its op, the slots it reads, and whether it may raise."""

    op: str
    inputs: tuple[int, ...]
    may_raise: bool


def collected(code: Code) -> dict[int, Item]:
    """What is to be computed, by slot, in order. The slot after the last one of the code stands for 1, the next for -1.

    Of two factors the one in the earlier slot stands on the left.

    >>> from autograd.program.code import Instruction
    >>> made = [(ops.mul, (0, 1)), (ops.mul, (0, 2)), (ops.add, (3, 4)), (ops.add, (5, 2))]
    >>> code = Code(3, (), tuple([Instruction(op.function, given, op, True) for op, given in made]), (6,), ())
    >>> collected(code)
    {6: Item(op='dot', inputs=(0, 0, 2, 1, 2, 7), may_raise=False)}
    """
    instructions = code.instructions
    if isinstance(instructions, Instructions):
        needed_slots = [*code.outputs, *[x for x, _ in code.conditions]]
        return instructions.listing.collected(code.inputs, needed_slots, Item)  # type: ignore[no-any-return]
    first = code.inputs + len(code.constants)
    one = first + len(instructions)
    uses, in_sums = [0] * one, [0] * one
    for _, inputs, op, _ in instructions:
        for x in inputs:
            uses[x] += 1
        if op is ops.add or op is ops.sum:
            for x in inputs:
                in_sums[x] += 1
    needed = bytearray(one + 2)
    for x in (*code.outputs, *[x for x, _ in code.conditions]):
        needed[x] = 1
        uses[x] += 1
    items: dict[int, Item] = {}
    for slot in range(one - 1, first - 1, -1):
        _, inputs, op, raises = instructions[slot - first]
        may_raise = raises and op not in TOTAL
        if needed[slot] or may_raise:
            name = op.name
            left = inputs[0] if op is ops.sub else -1
            in_chain = left >= first and uses[left] == 1 and instructions[left - first].op in _CHAINED
            if op in _SUMS or in_chain:
                terms = _terms(slot, first, instructions, uses)
                name, inputs = _sum(terms, first, instructions, uses, in_sums)
            items[slot] = Item(name, inputs, may_raise)
            for x in inputs:
                needed[x] = 1
    return dict(reversed(items.items()))


def _terms(slot: int, first: int, instructions: Any, uses: list[int]) -> list[Any]:
    """The terms of a sum, from the right to the left: slots, and pairs of slots."""
    terms: list[Any] = []
    while True:
        _, inputs, op, _ = instructions[slot - first]
        if op is ops.dot:
            half = len(inputs) // 2
            terms += [*zip(inputs[:half], inputs[half : 2 * half], strict=True)][::-1]
            return terms
        if op is ops.sub:
            terms.append((inputs[1], len(uses) + 1))
        else:
            terms += inputs[:0:-1]
        slot = inputs[0]
        if slot < first or uses[slot] > 1 or instructions[slot - first].op not in _CHAINED:
            terms.append(slot)
            return terms


def _sum(
    terms: list[Any], first: int, instructions: Any, uses: list[int], in_sums: list[int]
) -> tuple[str, tuple[int, ...]]:
    """The op of a sum and its inputs: the terms, or a number to begin with, and factors."""
    one, products = len(uses), 0
    terms.reverse()
    factors: list[Any] = []
    for x in terms:
        if type(x) is int:
            if x >= first and uses[x] == in_sums[x] and instructions[x - first].op is ops.mul:
                x = instructions[x - first].inputs
            else:
                factors.append(x)
                continue
        a, b = x
        products += 1
        factors.append((a, b) if a < b else (b, a))
    if (2 * products < len(terms) - 1 and all(type(x) is int for x in terms)) or not products:
        return "add" if len(terms) == 2 else "sum", tuple(terms)
    if len(factors) == 2 and type(factors[1]) is int:
        factors.reverse()  # a + b is b + a
    start = type(factors[0]) is int
    pairs = [(x, one) if type(x) is int else x for x in factors[start:]]
    left, right = zip(*pairs, strict=True)
    return (PAIRS, (factors[0], *left, *right)) if start else ("dot", left + right)
