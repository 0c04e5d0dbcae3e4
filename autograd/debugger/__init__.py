"""The gradient debugger: a backward pass that goes both ways, with pdb's words, at the prompt and in the editor.

breakpoints.py   where a pass stops
session.py       a pass, its stops, and what there is to see: no words
formulas.py      the derivative of an op, read from its rule
views.py         what there is to see, as text
shell.py         the prompt: the words, no pass
programs.py      a script whose passes stop; command.py runs one
wire.py          messages of the Debug Adapter Protocol; output.py keeps what a program prints apart from them
adapter.py       what an editor asks, answered; dap.py serves one
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import CodeType
from typing import IO, TYPE_CHECKING, Any

from .. import modes
from ..errors import InputError, InputTypeError
from ..ops import number
from .programs import variables
from .session import Session, Stop
from .shell import Shell, startup_commands

if TYPE_CHECKING:
    from ..value import Value

__all__ = ["Session", "debug"]

_reached: dict[tuple[CodeType, int], int] = {}  # how often each call of debug(at_call=…) has been come by


def debug(
    loss: Value,
    gradient: float = 1.0,
    *,
    at_call: int | None = None,
    commands: Iterable[str] = (),
    stdin: IO[str] | None = None,
    stdout: IO[str] | None = None,
) -> None:
    """Run ``loss.backward()`` under the gradient debugger: step by step, forwards and back, at a prompt.

    The words are pdb's; ``help`` lists them. What the pass does is undone where it is left before its end (``q``),
    and stands where it has ended. Build the graph inside `autograd.trace`, so that it knows your lines.
    ``python -m autograd debug script.py`` does the same to a script without a change to it.

    Args:
        loss: the result to differentiate.
        gradient: the gradient to start with.
        at_call: stop only the Nth time that this line is come by, as in a training loop; else it is ``backward()``.
        commands: what to do first, after what the files ``.gradrc`` at home and in the current folder say.
        stdin: where commands come from, instead of the terminal.
        stdout: where answers go, instead of the terminal.

    Raises:
        InputTypeError: where loss is no Value, or gradient no number.
        InputError: where at_call is no whole number from 1.

    >>> import autograd
    >>> a, b = autograd.Value(0.3, "a"), autograd.Value(-0.7, "b")
    >>> with autograd.trace():
    ...     e = (a * b).tanh() * 2.0
    >>> autograd.debug(e, commands=["until a", "back 2", "q"])
    > [0/4] e = v1 * 2   de/de = 1
      <doctest autograd.debugger.debug[2]>:2 in <module>
    -> e = (a * b).tanh() * 2.0
           ~~~~~~~~~~~~~~~^~~~~
      * de/dv1 = 2   contributes 1 · 2 = 2
    > [4/4] the pass has ended   e = -0.413933
      de/da = -1.34003
      de/db = 0.574299
    > [2/4] v2 = a * b   de/dv2 = 1.91433
      <doctest autograd.debugger.debug[2]>:2 in <module>
    -> e = (a * b).tanh() * 2.0
            ~~^~~
      * dv2/da = b = -0.7   contributes 1.91433 · -0.7 = -1.34003
        dv2/db = a = 0.3    contributes 1.91433 · 0.3 = 0.574299
    """
    if not hasattr(loss, "_careful_backward"):
        raise InputTypeError(f"debug(loss) takes a Value, not {type(loss).__name__} {loss!r}")
    start = number(gradient, "the gradient that debug starts with")
    if at_call is not None and not _is_come_by(at_call, sys._getframe(1)):
        loss.backward(start)
        return
    session = Session(loss, start, variables=variables())
    shell = Shell(session.points, stdin, stdout, [*startup_commands(), *commands])
    try:
        with modes.mode(0, modes.DEBUG | modes.ANOMALY):
            shell.interact(session, Stop("start"))
    finally:
        session.quit()


def _is_come_by(at_call: int, frame: Any) -> bool:
    """Whether a line is come by for the Nth time."""
    if type(at_call) is not int or at_call < 1:
        raise InputError(f"at_call takes a whole number from 1, not {at_call!r}")
    key = frame.f_code, frame.f_lasti
    _reached[key] = _reached.get(key, 0) + 1
    return _reached[key] == at_call
