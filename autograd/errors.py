"""Every error the engine raises, and the words in which a failed operation is told.

    AutogradError
    ├── DomainError            ValueError          log(-0.3): no real answer
    ├── PoleError              ZeroDivisionError   1 / 0, 0 ** -1
    ├── RangeError             OverflowError       exp(1000): an answer no float can hold
    ├── InputTypeError         TypeError           a str, None, an array where a number belongs
    ├── InputError             ValueError          the right type, a wrong size or choice
    │   ├── IndexRangeError    IndexError          a choice past the end
    │   └── SingularMatrixError                    a matrix that has no inverse
    ├── RuleError              TypeError           an op or a rule that does not fit together
    ├── InteriorError          AttributeError      writing to a node that an op made
    ├── CopyError              TypeError           pickling a node that an op made
    ├── StaleGraphError        RuntimeError        an input was changed after the forward pass
    ├── RecordError            RuntimeError        a function of which no program would be right
    ├── GuardError             ValueError          numbers for which a program's function would go another way
    ├── ExportError            TypeError           a program with an op that can't be written as C
    ├── CompilerError          RuntimeError        no C compiler, or one that fails
    ├── GradientError          AssertionError      a derivative that its function's differences deny
    ├── AnomalyError           ArithmeticError     a nan or an infinity, where `detect_anomaly` looks for them
    ├── DrawingError           RuntimeError        Graphviz failed on a drawing
    └── MissingLibraryError    ImportError         an optional library is not installed

    IndependenceWarning        UserWarning         a result to differentiate does not depend on the input

Each error is also the exception that plain Python would raise, so ``except ValueError`` goes on working.
Only the forward pass raises for arithmetic; the backward pass computes in IEEE arithmetic.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ops import Op


class AutogradError(Exception):
    """The base class of everything the engine raises on purpose."""


class DomainError(AutogradError, ValueError):
    """An op was asked for a value where it has none, such as log(-1)."""


class PoleError(AutogradError, ZeroDivisionError):
    """A division by zero, or zero to a negative power."""


class RangeError(AutogradError, OverflowError):
    """The answer is too large for a float, such as exp(1000)."""


class InputTypeError(AutogradError, TypeError):
    """Something that is not a real number stood where one belongs."""


class InputError(AutogradError, ValueError):
    """An argument of the right type with a wrong length, range or choice."""


class IndexRangeError(InputError, IndexError):
    """A choice by index went past the end."""


class SingularMatrixError(InputError):
    """A matrix has no inverse: one of its columns is a combination of others."""


class RuleError(AutogradError, TypeError):
    """An op or a derivative rule is not well formed, or an op has no rule."""


class InteriorError(AutogradError, AttributeError):
    """Data was assigned to an interior node, whose data is what its op computed."""


class CopyError(AutogradError, TypeError):
    """An interior node was pickled; a graph does not travel, its parameters do."""


class StaleGraphError(AutogradError, RuntimeError):
    """A backward pass would have mixed old and new data: an input changed after the forward pass."""


class RecordError(AutogradError, RuntimeError):
    """A function can't be recorded: a program of it would not always be right."""


class GuardError(AutogradError, ValueError):
    """A program was given numbers for which the function would have gone another way."""


class ExportError(AutogradError, TypeError):
    """A program can't be written as C: an op of it has no text in C."""


class CompilerError(AutogradError, RuntimeError):
    """There is no C compiler, or it failed."""


class RecordWarning(RuntimeWarning):
    """A compiled function runs eagerly, and why."""


class GradientError(AutogradError, AssertionError):
    """A derivative was checked and is wrong; the message says where, by how much, and which op is suspected.

    Attributes:
        report: what the check saw, an `autograd.testing.Report`; None where an auditor raised it.
    """

    report: Any = None


class AnomalyError(AutogradError, ArithmeticError):
    """A nan or an infinity was made, inside `detect_anomaly`.

    Attributes:
        explanation: what `autograd.why` would say of it.
    """

    def __init__(self, message: str, explanation: Any = None) -> None:
        super().__init__(message)
        self.explanation = explanation


class DrawingError(AutogradError, RuntimeError):
    """The layouter that draws graphs failed."""


class MissingLibraryError(AutogradError, ImportError):
    """A library that only this feature needs is not installed; the message names what to install."""


class IndependenceWarning(UserWarning):
    """A function that is differentiated does not depend on its argument: its derivative is 0, if that was meant."""


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line of the program that called this library.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("slow", RecordWarning)
    >>> caught[0].category.__name__
    'RecordWarning'
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("autograd.", "nn.")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def describe(x: Any) -> str:
    """A number for a message, with its label where it has one: ``-0.3 (label 'p')``.

    >>> describe(-0.3)
    '-0.3'
    """
    label = getattr(x, "label", "")
    return f"{_number(x)!r} (label {label!r})" if label else f"{_number(x)!r}"


def _number(x: Any) -> Any:
    return x if isinstance(x, float) else x._data


def told(op: Op, inputs: Sequence[Any]) -> str:
    """A call with what it was given, for a message: ``log(a) at a = -0.3 (label 'p')``."""
    names = ("a", "b", "c") if len(inputs) <= 3 else tuple(f"x{i}" for i in range(len(inputs)))
    shown = list(zip(names, inputs, strict=False))[:8]
    call = f"{op.name}({', '.join(name for name, _ in shown)}{', …' if len(inputs) > 8 else ''})"
    if len(inputs) == 2 and not op.symbol.isidentifier():
        call = f"a {op.symbol} b"
    return f"{call} at {', '.join(f'{name} = {describe(x)}' for name, x in shown)}"


def forward_error(op: Op, inputs: tuple[Any, ...], cause: Exception) -> AutogradError:
    """The error of ``op`` at ``inputs``: value, place, remedy. ``cause`` is what Python raised."""
    floats = [_number(x) for x in inputs]
    kind: type[AutogradError]
    if isinstance(cause, ZeroDivisionError) or op.is_pole(*floats):
        kind, why = PoleError, op.needs or "It divides by zero; autograd.ieee() gives inf or nan."
    elif isinstance(cause, OverflowError) and all(map(math.isfinite, floats)):
        kind, why = RangeError, "The answer is too large for a float; autograd.ieee() goes on without an error."
    else:
        kind = RangeError if isinstance(cause, OverflowError) else DomainError
        why = op.needs or f"Python says: {cause}. autograd.ieee() goes on without an error."
    return kind(f"{told(op, inputs)}. {why}")
