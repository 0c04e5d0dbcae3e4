"""The compiled twin of value.py and chain.py: the same Values, in C.

engine.c            the type, beside node.h (what a node is), forward.h (how ops make them), pass.h (the chain rule),
                    bulk.h (many nodes in one call)
listing.h           what is recorded, and derive.h, its gradient and its code; program.h and stream.h (what runs of it),
                    elementary.h (where it may be a few ulp off), caller.h (how it is called)
lanes.h             programs on many samples; lane_kernels.h is what it runs, in each instruction set of clones.h
printer.py          the syntax tree of a rule, as C; the build has it write the two headers below
numerics.h          the float functions that are written by hand in C too
kernels.h           printed: every op's float function, and the rules of ops of many inputs
kernels_backward.h  printed: the rules of one and two inputs, as the cases of one switch
"""

from __future__ import annotations

import os
from binascii import crc32
from collections.abc import Callable
from importlib import import_module
from types import MemberDescriptorType
from typing import Any, TypeVar

from .. import chain, modes, ops, rules, special, value

REFERENCE = value.Value
BUILD_IT = "To build it, with a C compiler: pip install -e ."
NOT_LENT = {"__module__", "__qualname__", "__doc__", "__slots__", "__weakref__", "__annotations__", "__hash__"}


Function = TypeVar("Function", bound=Callable[..., Any])


def sources() -> str:
    """A checksum of the texts that the engine is made from; "" where they are not there as texts."""
    checksum = 0
    folder = os.path.dirname(__file__)
    written = sorted(name for name in os.listdir(folder) if name.endswith((".c", ".h")))
    for file in (ops.__file__, special.__file__, rules.__file__, *[os.path.join(folder, name) for name in written]):
        try:
            with open(file, "rb") as text:
                checksum = crc32(text.read(), checksum)
        except OSError:
            return ""
        if not file.endswith((".py", ".c", ".h")):
            return ""
    return f"{checksum:08x}"


def twin(function: Function) -> Function:
    """The compiled function of the same name, signature and bits, where there is one; else the function itself.

    What the compiled one has no fast way for, it leaves to the function.
    """
    from . import _engine  # type: ignore[attr-defined]

    return _engine.twin(function)  # type: ignore[no-any-return]


def extension() -> Any:
    """The module that was built from engine.c."""
    return import_module("._engine", __name__)


def load() -> Any:
    """The compiled Value, connected to what it asks of Python and lent what of `value.Value` needs no speed.

    Raises:
        ImportError: where it is not built, or does not fit this Python or these ops.
    """
    try:
        engine = import_module("._engine", __name__)
    except ModuleNotFoundError:
        raise ImportError(f"it is not built for this Python. {BUILD_IT}") from None
    try:
        return _connected(engine)
    except (AttributeError, ImportError, KeyError, TypeError) as error:
        raise ImportError(f"it was built from other sources: {error.args[0]}. {BUILD_IT}") from error


def _connected(_engine: Any) -> Any:
    if sources() not in ("", _engine.sources):
        raise ImportError("a text that it is made from has changed since")
    Value = _engine.Value
    own = vars(REFERENCE)
    written = set(vars(Value))
    for name, attribute in own.items():
        op = getattr(attribute, "op", None)
        if isinstance(op, ops.Op):
            _engine.lend(name, _engine.method(op.name))
        elif not (name in written or name in NOT_LENT or isinstance(attribute, MemberDescriptorType)):
            _engine.lend(name, attribute)
    operations = {op.name: op for op in vars(ops).values() if isinstance(op, ops.Op)}
    op_call = _engine.connect(
        operations,
        ops.Op,
        record=Value._record,
        constant=value.constant,
        number=ops.number,
        contributions=chain.contributions,
        refuse_stale=chain.refuse_stale,
        hooks_applied=chain.hooks_applied,
        hooked=chain.hooked.data,  # type: ignore[attr-defined] # the set itself, whose size C reads
        acquire=chain.lock.acquire,
        release=chain.lock.release,
        op_call=ops.Op.__call__,
        leaf_arguments=value.leaf_arguments,
        note_source=value.note_source,
        note_read=value.note_read,
        observe=modes.observed,
        careful_backward=own["_careful_backward"],
        set_label=own["label"].fset,
        set_data=own["data"].fset,
        set_grad=own["grad"].fset,
        power=own["__pow__"],
        repr=own["__repr__"],
        to_float=own["__float__"],
        to_int=own["__int__"],
        divmod=own["__divmod__"],
        rdivmod=own["__rdivmod__"],
        **{name: own[f"__{name}__"] for name in ("lt", "le", "eq", "ne", "gt", "ge")},
    )
    modes.listeners.append(_engine.set_mode)
    ops.Op.__call__ = op_call  # type: ignore[method-assign]
    return Value
