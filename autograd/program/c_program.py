"""A program's C file compiled by the machine's own compiler, and called."""

from __future__ import annotations

import ctypes
import os
import reprlib
import shlex
import shutil
import subprocess
from array import array
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..engine import Value
from ..errors import CompilerError, InputTypeError
from .export import Text, exported


def compiler() -> list[str]:
    """The C compiler: ``$CC``, or the first of cc, gcc and clang that is there.

    Raises:
        CompilerError: where there is none.
    """
    chosen = shlex.split(os.environ.get("CC", ""))
    if chosen:
        if shutil.which(chosen[0]):
            return chosen
        raise CompilerError(f"CC names {chosen[0]!r}, which is not there: set it to a C compiler, or unset it")
    for name in ("cc", "gcc", "clang"):
        found = shutil.which(name)
        if found:
            return [found]
    raise CompilerError(
        "there is no C compiler here: none of cc, gcc and clang is on the PATH, and CC is not set. Install one (gcc, "
        "clang), or call the program itself, which computes the same"
    )


def library(source: Text) -> Any:
    """A file of C as a library that is loaded.

    Raises:
        CompilerError: where there is no compiler, or it fails.
    """
    command = compiler()
    with TemporaryDirectory(prefix="chainrule-", ignore_cleanup_errors=True) as folder:
        file, made = Path(folder, f"{source.name}.c"), Path(folder, f"{source.name}.so")
        file.write_text(source.text, encoding="utf-8")
        command += [*source.flags, "-shared", "-fPIC", "-o", str(made), str(file), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CompilerError(f"{shlex.join(command)} failed: {done.stderr.strip()[:2000]}")
        return ctypes.CDLL(str(made))


def _address(what: str, buffer: Any, n: int) -> Any:
    """Where a buffer of n doubles begins."""
    try:
        view = memoryview(buffer)
        if view.format == "d" and view.nbytes == 8 * n and view.c_contiguous:
            return (ctypes.c_char * view.nbytes).from_buffer(view)
    except TypeError:
        pass
    raise InputTypeError(
        f"{what} must be a buffer of {n} doubles that can be written to, as array.array('d', numbers) or a numpy "
        f"array of float64, not {reprlib.repr(buffer)}"
    )


class CProgram:
    """What `Program.compile_c` returns: a program, compiled. Call it as the program.

    Where the C function finds a failed guard, or a number that is not finite where Python may raise, the program
    itself is called: it raises what it raises. It pickles: the other process compiles it again.

    Attributes:
        program: what it was compiled from.
        source: the C file.
    """

    def __init__(self, program: Any, argnums: int | tuple[int, ...] = 0) -> None:
        self.program = program
        self.argnums = argnums
        self.source = exported(program, None, "double", False, False, None)
        function = getattr(library(self.source), self.source.name)
        function.argtypes = [ctypes.c_void_p] * 3
        self._function = function
        self._outputs = array("d", bytes(8 * self.source.outputs))
        self._scratch = array("d", bytes(8 * self.source.scratch))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the program returns for these arguments.

        Raises:
            InputError, GuardError, AutogradError: where the program does.
        """
        items = self.program.numbers_of(args, kwargs)
        outputs = None if items is None else self.run(items)
        if outputs is None:
            return self.program(*args, **kwargs)
        return self.program.results(args, items, outputs)

    @cached_property
    def gradient(self) -> CProgram:
        """The value and its derivatives by the arguments that `argnums` names, compiled when first asked for."""
        return CProgram(self.program.gradient(self.argnums))

    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """The value and its derivatives, as the gradient's program returns them."""
        return self.gradient(*args, **kwargs)

    def run(self, items: Sequence[Any]) -> list[float] | None:
        """The outputs for floats and Values, one an input; None where a check fails."""
        numbers = [*items, *self.program.captured]
        if Value in {*map(type, numbers)}:
            numbers = [x._data if type(x) is Value else x for x in numbers]
        y = self._outputs[:]
        return None if self.fill(array("d", numbers), y) else y.tolist()

    def fill(self, inputs: Any, outputs: Any) -> int:
        """Call the C function on buffers of doubles: arrays of numpy's or of `array`, inputs with the captured last.

        Returns:
            0, or which check failed: the file's comment has the list, and the outputs are nans.

        Raises:
            InputTypeError: where a buffer does not hold as many doubles as there are, one after the other.
        """
        scratch = self._scratch[:]  # of this call alone: another thread may call meanwhile
        x = _address("inputs", inputs, self.source.inputs)
        y = _address("outputs", outputs, self.source.outputs)
        return self._function(x, y, scratch.buffer_info()[0])  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<{self.program!r} in C>"

    def __reduce__(self) -> Any:
        return CProgram, (self.program, self.argnums)
