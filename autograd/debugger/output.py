"""What a program prints, while the standard streams belong to a protocol: its output as events, its input empty."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO, Final

_PATIENCE: Final = 1.0  # seconds to wait for the rest, where a process that the program left behind holds the pipe


class Taken:
    """Standard input and output, taken away from the program.

    It works on file descriptors, so that what C code and other processes print is caught too.

    Attributes:
        incoming: what was standard input.
        outgoing: what was standard output.
    """

    def __init__(self) -> None:
        self.incoming: BinaryIO = os.fdopen(os.dup(0), "rb")
        self.outgoing: BinaryIO = os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.close(nothing)
        self._threads: list[threading.Thread] = []
        self._error = os.dup(2)

    def tell(self, printed: Callable[[str, str], object]) -> None:
        """Call ``printed(category, text)`` with what is printed from now on: "stdout" or "stderr"."""
        for category, descriptor, stream in (("stdout", 1, sys.stdout), ("stderr", 2, sys.stderr)):
            stream.flush()
            with contextlib.suppress(AttributeError):  # not a text file
                stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
            reading, writing = os.pipe()
            os.dup2(writing, descriptor)
            os.close(writing)
            encoding = getattr(stream, "encoding", None) or "utf-8"
            thread = threading.Thread(target=_pass_on, args=(reading, category, encoding, printed), daemon=True)
            thread.start()
            self._threads.append(thread)

    def release(self) -> None:
        """Wait until all that was printed has been told."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(self._error, 2)
        os.close(nothing)
        for thread in self._threads:
            thread.join(_PATIENCE)


def _pass_on(reading: int, category: str, encoding: str, printed: Callable[[str, str], object]) -> None:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    while chunk := os.read(reading, 65_536):
        text = decoder.decode(chunk)
        if text:
            printed(category, text)
    os.close(reading)
