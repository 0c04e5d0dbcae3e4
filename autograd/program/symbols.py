"""Symbols: nodes that stand for whatever number an op will compute, each time a program runs.

Rules run on symbols as they run on Values. What a rule chooses by a condition, ``p if test else q``, becomes a
`select` of both sides, for the condition may turn out otherwise at the next run. Comparisons of symbols are symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Final, NamedTuple

from .. import ops
from ..errors import RecordError
from ..ops import Op, number

_numbers: Final = count()  # every symbol's place in the order of creation


# ── Ops that only programs have: 1.0 is true, 0.0 is false, and nothing is sent back through them ───────────


def _lt(a: float, b: float) -> float:
    return 1.0 if a < b else 0.0


def _le(a: float, b: float) -> float:
    return 1.0 if a <= b else 0.0


def _eq(a: float, b: float) -> float:
    return 1.0 if a == b else 0.0


def _ne(a: float, b: float) -> float:
    return 1.0 if a != b else 0.0


def _both(a: float, b: float) -> float:
    return 1.0 if a != 0.0 and b != 0.0 else 0.0


def _either(a: float, b: float) -> float:
    return 1.0 if a != 0.0 or b != 0.0 else 0.0


def _opposite(a: float) -> float:
    return 1.0 if a == 0.0 else 0.0


def _select(test: float, p: float, q: float) -> float:
    return p if test != 0.0 else q


def _detach(a: float) -> float:
    return a


def _chooses(index: float, n: float) -> float:
    return 1.0 if 0.0 <= index < n and index % 1.0 == 0.0 else 0.0


lt: Final = Op("lt", 2, _lt, symbol="<")
le: Final = Op("le", 2, _le, symbol="<=")
eq: Final = Op("eq", 2, _eq, symbol="==")
ne: Final = Op("ne", 2, _ne, symbol="!=")
both: Final = Op("both", 2, _both, symbol="and")
either: Final = Op("either", 2, _either, symbol="or")
opposite: Final = Op("opposite", 1, _opposite, symbol="not")
select: Final = Op("select", 3, _select)
detach: Final = Op("detach", 1, _detach)
chooses: Final = Op("chooses", 2, _chooses)

CONDITIONS: Final = (lt, le, eq, ne, both, either, opposite, chooses)  # their results are 0 or 1, and flat
SILENT: Final = frozenset((*CONDITIONS, detach))  # what nothing is sent through
BY_NAME: Final = {op.name: op for op in (*vars(ops).values(), *CONDITIONS, select, detach) if isinstance(op, Op)}


_NEVER_RAISE: Final = """
    add sub mul neg pos abs cbrt atan asinh tanh sech2 atan2 erf erfc sign copysign degrees radians sigmoid
    sigmoid_slope softplus relu leaky_relu normal_cdf gelu_tanh silu silu_slope softsign clamp where maximum minimum
    sum mean prod dot peak lt le eq ne both either opposite select detach chooses
"""
TOTAL: Final = frozenset(map(BY_NAME.__getitem__, _NEVER_RAISE.split()))  # where one is dead, it can be left out


class Symbol:
    """A number that will be known when the program runs.

    Attributes:
        op: what makes it; None where it is given.
        inputs: what the op is given, symbols and floats.
        index: its place in the order of creation.
    """

    __slots__ = ("index", "inputs", "op")

    def __init__(self, op: Op | None = None, inputs: tuple[Any, ...] = ()) -> None:
        self.op = op
        self.inputs = inputs
        self.index = next(_numbers)

    @classmethod
    def _record(cls, op: Op, inputs: Iterable[Any]) -> Symbol:
        """What an op called on symbols asks for."""
        return Symbol(op, tuple([x if type(x) in _GIVEN else number(x) for x in inputs]))

    def __bool__(self) -> bool:
        raise RecordError("a rule asks whether a condition holds, which is not known yet; choose with autograd.where")

    def __float__(self) -> float:
        raise RecordError("a rule asks for a number that is not known yet; write autograd.sqrt instead of math.sqrt")

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> Symbol:
        return _binary(lt, self, other)

    def __le__(self, other: Any) -> Symbol:
        return _binary(le, self, other)

    def __gt__(self, other: Any) -> Symbol:
        return _binary(lt, other, self)

    def __ge__(self, other: Any) -> Symbol:
        return _binary(le, other, self)

    def __eq__(self, other: object) -> Symbol:  # type: ignore[override]
        return _binary(eq, self, other)

    def __ne__(self, other: object) -> Symbol:  # type: ignore[override]
        return _binary(ne, self, other)

    def __neg__(self) -> Symbol:
        return Symbol(ops.neg, (self,))

    def __pos__(self) -> Symbol:
        return Symbol(ops.pos, (self,))

    def __abs__(self) -> Symbol:
        return Symbol(ops.abs, (self,))


_GIVEN: Final = (Symbol, float)


def _binary(op: Op, a: Any, b: Any) -> Symbol:
    return Symbol(op, (a if type(a) in _GIVEN else number(a), b if type(b) in _GIVEN else number(b)))


def _operators(op: Op) -> tuple[Callable[[Symbol, Any], Symbol], Callable[[Symbol, Any], Symbol]]:
    def left(self: Symbol, other: Any) -> Symbol:
        return _binary(op, self, other)

    def right(self: Symbol, other: Any) -> Symbol:
        return _binary(op, other, self)

    return left, right


for _name, _op in {
    "truediv": ops.div,
    **{n: BY_NAME[n] for n in ("add", "sub", "mul", "floordiv", "mod", "pow")},
}.items():
    _left, _right = _operators(_op)
    setattr(Symbol, f"__{_name}__", _left)
    setattr(Symbol, f"__r{_name}__", _right)


# ── Conditions ──────────────────────────────────────────────────────────────────────────────────────────────

Condition = Any  # a Symbol that is 0 or 1, or a bool where it is known


class Maybe(NamedTuple):
    """A contribution that is sent where a condition holds, always where that is None, and elsewhere nothing is."""

    condition: Condition
    contribution: Any


def choice(test: Condition, chosen: Callable[[], Any], other: Callable[[], Any]) -> Any:
    """``chosen() if test else other()``, where the test may be a symbol: then both, and which is for later.

    >>> choice(True, lambda: 1.0, lambda: 2.0)
    1.0
    >>> choice(Symbol() < 0.0, lambda: 1.0, lambda: 2.0).op
    <op select>
    """
    if type(test) is not Symbol:
        return chosen() if test else other()
    p, q = chosen(), other()
    if p is None or q is None:
        if p is q:
            return None
        return Maybe(test, p) if q is None else Maybe(opposite(test), q)
    if type(p) is Maybe or type(q) is Maybe:
        raise RecordError("a rule sends nothing by two conditions in one another, which programs can't express")
    return select(test, p, q)


def conjunction(p: Condition, q: Condition) -> Condition:
    """``p and q``, where either may be a symbol.

    >>> conjunction(True, False), conjunction(True, Symbol() < 0.0).op
    (False, <op lt>)
    """
    if type(p) is Symbol and type(q) is Symbol:
        return both(p, q)
    if type(p) is not Symbol:
        return q if p else False
    return p if q else False
