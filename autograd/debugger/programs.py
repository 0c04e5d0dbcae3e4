"""A program under the debugger: every node is traced, and its backward passes stop where they are asked to."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .. import modes
from .breakpoints import Breakpoints
from .session import Session, Stop

if TYPE_CHECKING:
    from ..value import Value

_OURS: Final = (__package__.partition(".")[0], "nn")


class Quit(BaseException):
    """The user has left the debugger, and with it the program."""


class Passes:
    """What runs instead of a program's backward passes: those that are to stop do, the others run as ever.

    Args:
        interact: shows a session where it stopped and returns when the user leaves it: "go" on with the program,
            "pass" to stop at its next pass again, "quit".
        points: breakpoints, for all passes.
        at_call: which call of backward() to stop at first, from 1.

    Attributes:
        calls: how many there have been.
        stops: whether the next one stops at its start.
        session: the one that runs or stands still, if it may stop.
        quitting: set it to leave the program at its next pass.
    """

    def __init__(
        self, interact: Callable[[Session, Stop], str], points: Breakpoints, at_call: int = 1, entry: bool = True
    ) -> None:
        self.calls = 0
        self.stops, self.quitting = entry, False
        self.session: Session | None = None
        self._interact, self._points, self._first = interact, points, at_call

    def __call__(self, root: Value, gradient: float) -> None:
        """Run one pass.

        Raises:
            Quit: where the user quits.
        """
        self.calls += 1
        with modes.mode(0, modes.DEBUG):
            if self.calls < self._first or not (self.stops or any(point.enabled for point in self._points)):
                root.backward(gradient)
            else:
                with modes.mode(0, modes.ANOMALY):
                    self._run(Session(root, gradient, self._points, variables()))
        if self.quitting:
            raise Quit

    def _run(self, session: Session) -> None:
        self.session = session
        try:
            stop = Stop("start") if self.stops else session.proceed()
            self.stops = False
            if stop.reason != "end":
                outcome = self._interact(session, stop)
                self.stops, self.quitting = outcome == "pass", self.quitting or outcome == "quit"
            if not self.quitting:
                session.finish()
        finally:
            self.session = None
            session.quit()


def variables() -> Mapping[str, Any]:
    """What the program can see where it called this library: its local variables, then its global ones."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        frame = frame.f_back
    return ChainMap(frame.f_locals, frame.f_globals)


def run_program(
    target: str, arguments: Sequence[str], passes: Callable[[Any, float], object], module: bool = False
) -> int:
    """Run a script, or a module, as Python itself would, its nodes traced and its backward passes taken over.

    Returns:
        Its exit status.
    """
    argv, path = sys.argv[:], sys.path[:]
    sys.argv = [target, *arguments]
    sys.path[0] = os.getcwd() if module else os.path.dirname(os.path.abspath(target))
    try:
        with modes.mode(modes.TRACE), modes.taken_over(passes):
            if module:
                runpy.run_module(target, run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(target, run_name="__main__")
    except Quit:
        return 0
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException as error:
        _print_traceback(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    finally:
        sys.argv, sys.path[:] = argv, path
    return 0


def _print_traceback(error: BaseException) -> None:
    """The traceback that the program would print alone, without the frames that run it here."""
    frames = error.__traceback__
    while frames is not None and (
        frames.tb_frame.f_code.co_filename == __file__ or frames.tb_frame.f_globals.get("__name__") == "runpy"
    ):
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames or error.__traceback__)
