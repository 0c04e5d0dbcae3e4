"""Modes: what an op does besides computing, for as long as a ``with`` block lasts.

The modes of a thread share one word. ``active`` counts the open blocks of all threads, so that an op in
an ordinary program pays for one test of one number.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from types import CodeType
from typing import Any

from .errors import InputError, InputTypeError

IEEE = 1
NO_GRAD = 2
TRACE = 4
ANOMALY = 8  # a nan is an error
INFINITE = 16  # and so is an infinity
DEBUG = 32  # a debugger runs this thread's backward passes
RECORD = 64  # a recorder is told of every op, and of whatever looks at a number

active = 0
_counting = threading.Lock()


class _Thread(threading.local):
    def __init__(self) -> None:
        self.blocks: list[mode] = []  # open ones, outermost first
        self.recorder: Any = None  # who is told, in a recording
        self.word = 0
        self.path = ""  # of the module that runs
        self.paths: dict[int, str] = {}  # of the modules in the outermost one that runs, by id


_thread = _Thread()
_PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS = tuple(os.path.join(_PACKAGES, package, "") for package in ("autograd", "nn"))
OURS = _OURS[0]
_VALUE = os.path.join(OURS, "value.py")
files: dict[str, str] = {}  # file: which of these it lies in, "" where in none
listeners: list[Callable[[int], object]] = []  # each is told this thread's word when it changes


def word() -> int:
    """The modes of this thread, as a sum of the constants above."""
    return _thread.word


class mode(ContextDecorator):
    """``with mode(on, off):`` sets and clears modes in this thread, until the block is left.

    Blocks may be left in any order, as blocks in interleaved generators are: the word is made anew from those
    that are still open.
    """

    def __init__(self, on: int, off: int = 0) -> None:
        self.on, self.off = on, off

    def __call__(self, function: Any) -> Any:
        """Decorate a function: its body is the block."""
        flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
        if flags & (0x20 | 0x80 | 0x200):  # generator, coroutine, asynchronous generator
            raise InputTypeError(
                f"a mode can't decorate {function.__name__}: a generator's or coroutine's body runs after the call; "
                "write the with block inside it"
            )
        return super().__call__(function)

    def _recreate_cm(self) -> mode:
        return mode(self.on, self.off)

    def __enter__(self) -> None:
        global active
        with _counting:
            active += 1
        _thread.blocks.append(self)
        _fold()

    def __exit__(self, *exception: object) -> None:
        global active
        blocks = _thread.blocks
        for i in range(len(blocks) - 1, -1, -1):
            if blocks[i] is self:
                del blocks[i]
                break
        else:
            raise InputError("a mode was left that this thread had not entered; use it in a with block")
        _fold()
        with _counting:
            active -= 1


class recording(mode):
    """``with recording(recorder):`` has `recorder` told of this thread's ops, and of what is observed of their numbers.

    What stands inside `no_grad` is recorded too.
    """

    def __init__(self, recorder: Any) -> None:
        super().__init__(RECORD, off=NO_GRAD)
        self.recorder = recorder

    def __enter__(self) -> None:
        super().__enter__()
        _thread.recorder = self.recorder

    def __exit__(self, *exception: object) -> None:
        _thread.recorder = None
        super().__exit__(*exception)


def recorder() -> Any:
    """Who records what this thread computes; None where nobody does."""
    return _thread.recorder if _thread.word & RECORD else None


def observed(what: str, node: Any, *facts: Any) -> None:
    """Tell the recorder that the program looked at a node's number, or changed it: what it does next may differ."""
    _thread.recorder.observed(what, node, *facts)


def _fold() -> None:
    bits = 0
    for block in _thread.blocks:
        bits = (bits | block.on) & ~block.off
    _thread.word = bits
    for tell in listeners:
        tell(bits)


def ieee(function: Callable[..., Any] | None = None) -> Any:
    """Inf and nan instead of exceptions in the forward pass, as numpy and torch have it.

    Usable as a ``with`` block or as a decorator; it holds for the current thread.

    >>> from autograd import Value, ieee
    >>> with ieee():
    ...     print(Value(0.0).log().data, (Value(1.0) / 0.0).data)
    -inf inf
    """
    return _mode("ieee", IEEE, function)


def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """Compute without recording: every result is a leaf, so nothing leads back from it.

    Usable as a ``with`` block or as a decorator; it holds for the current thread.

    >>> from autograd import Value, no_grad
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.inputs
    (9.0, ())
    """
    return _mode("no_grad", NO_GRAD, function)


def trace(function: Callable[..., Any] | None = None) -> Any:
    """Note on every node the line that made it, `Value.source`, and the `nn` module, `Value.module`.

    Ops are slower meanwhile. It can't be had afterwards: what was built outside has no lines. Usable as a ``with``
    block or as a decorator; it holds for the current thread.

    >>> import nn
    >>> from autograd import trace
    >>> model = nn.MLP(2, [3, 1], seed=0)
    >>> with trace():
    ...     y = model([1.0, 2.0])
    >>> y.module, y.source.text
    ('MLP.layers.1', 'y = model([1.0, 2.0])')
    """
    return _mode("trace", TRACE, function)


def detect_anomaly(function: Callable[..., Any] | None = None, *, inf: bool = True) -> Any:
    """Raise `AnomalyError` where the first nan or infinity is made, forward or, failing that, backward.

    The error names the op, its inputs and the line, and carries the same as its ``explanation``. Lines are traced
    meanwhile, and a backward pass runs step by step: it is for finding a fault, not for training. Usable as a ``with``
    block or as a decorator; it holds for the current thread.

    Args:
        function: what to decorate.
        inf: whether infinities are errors too; a mask of -inf wants False.

    >>> from autograd import Value, detect_anomaly, ieee
    >>> x = Value(-1.0, "x")
    >>> with ieee(), detect_anomaly():
    ...     y = x.log() * 0.0  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd.errors.AnomalyError: log(x) at ...: log(a) at a = -1.0 (label 'x') is nan. log needs a > 0; ...
    """
    if not isinstance(inf, bool):
        raise InputTypeError(f"detect_anomaly(inf=…) takes True or False, not {inf!r}")
    return _mode("detect_anomaly", TRACE | ANOMALY | INFINITE * inf, function, INFINITE * (not inf))


class taken_over(mode):
    """``with taken_over(by):``: for ``root.backward(gradient)``, ``by(root, gradient)`` runs instead."""

    def __init__(self, by: Callable[[Any, float], object]) -> None:
        super().__init__(DEBUG)
        self.by = by


def debugger() -> Callable[[Any, float], object]:
    """Who has taken this thread's backward passes over; asked where DEBUG is on."""
    return next(block.by for block in reversed(_thread.blocks) if isinstance(block, taken_over))


def path() -> str:
    """The path of the module that runs in this thread, where it is traced."""
    return _thread.path


def here(through_ours: bool = True) -> tuple[CodeType, int, bool] | None:
    """Where the program is, outside of this library: its code, the place of the instruction, and whether it called an
    op there, not something of nn that did; None where no such code runs, or where it has called something else
    of the library than a method of Value and `through_ours` is false.
    """
    frame: Any = sys._getframe(1)
    direct = True
    while frame is not None:
        code = frame.f_code
        package = files.get(code.co_filename)
        if package is None:
            package = files[code.co_filename] = next((p for p in _OURS if code.co_filename.startswith(p)), "")
        if not package:
            return code, frame.f_lasti, direct
        if not through_ours and code.co_filename != _VALUE:
            return None
        direct = direct and package is OURS
        frame = frame.f_back
    return None


def call(module: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What ``module.forward`` returns, its path noted while it runs: ``MLP.layers.0``, from the outermost module on."""
    if not _thread.word & TRACE:
        return module.forward(*inputs, **options)
    before = _thread.path, _thread.paths
    if id(module) not in _thread.paths:  # the outermost, or one that stands in no attribute of it
        name = f"{_thread.path}.{type(module).__name__}".removeprefix(".")
        inner = {id(held): f"{name}.{path}".removesuffix(".") for path, held in module.named_modules()}
        _thread.paths = {**_thread.paths, **inner}
    _thread.path = _thread.paths[id(module)]
    try:
        return module.forward(*inputs, **options)
    finally:
        _thread.path, _thread.paths = before


def _mode(name: str, on: int, function: Callable[..., Any] | None, off: int = 0) -> Any:
    if function is not None and not callable(function):
        raise InputTypeError(f"{name}() is a with block or decorates a function; it takes no {function!r}")
    return mode(on, off) if function is None else mode(on, off)(function)
