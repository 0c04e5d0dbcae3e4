"""Recording: a function runs on Values once, and every op that it performs is written down.

What the program could not know of the next call is written down too. A comparison becomes a guard. Anything else that
looks at a number, or at what another run may find changed, makes the function decline: no program of it would be
right.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .. import modes, ops
from ..engine import Value
from ..errors import InputError, InputTypeError, RecordError
from ..ops import Op
from .arguments import Result, named, put_together
from .code import careful
from .gradient import gradients, or_zero
from .listing import Input, Listing, Slot, text_of
from .program import Guard, Program, structure_of
from .symbols import chooses, detach, eq, le, lt, ne
from .twin import listing_type

_COMPARED = {
    "lt": (lt, False),
    "gt": (lt, True),
    "le": (le, False),
    "ge": (le, True),
    "eq": (eq, False),
    "ne": (ne, False),
}

_REMEDIES = {  # of what makes a function decline
    "data": "a number that is read is frozen: for a Value without a gradient write v.detach(), for a choice by it "
    "maximum, clamp or where, for a row by it take or pick",
    "grad": "gradients on nodes are no results of the function: take them from gradients(y, xs), or from grad(f)",
    "backward()": "in a function that is recorded, take gradients(y, xs), or grad(f)",
    "data = …": "a program changes nothing outside: return the new number and assign it after the call",
    "repr()": "a program prints nothing: return the number and print it after the call",
    "register_hook()": "a program calls no hook; change the gradient after the call",
}
_REMEDIES |= {"item()": _REMEDIES["data"], "a step of the backward pass": _REMEDIES["backward()"]}
_REMEDIES |= {"_backward()": _REMEDIES["backward()"], "has_grad": _REMEDIES["grad"], "grad = …": _REMEDIES["data = …"]}
_REMEDIES |= {"format()": _REMEDIES["repr()"], "copy()": "use the Value itself", "deepcopy()": "use the Value itself"}
_REMEDIES |= {"pickling": _REMEDIES["repr()"]}


_STANDARD = os.path.join(os.path.dirname(random.__file__), "")


class Recorder:
    """Is told of every op that a thread performs, and of what is observed; see `modes.recording`.

    Args:
        inputs: the Values that stand for the program's inputs.
    """

    def __init__(self, inputs: Sequence[Value]) -> None:
        self.listing: Listing = listing_type()()
        self.guards: dict[Any, tuple[Slot, bool, Any]] = {}  # by comparison: its slot, outcome and place
        self.reasons: dict[str, str] = {}  # why the function declines: one reason a line
        self.listing.begin(inputs, self._strange)

    # ── What it is told ─────────────────────────────────────────────────────────────────────────────────────

    def made(self, node: Value, op: Op, inputs: tuple[Any, ...], hidden: bool) -> None:
        """An op was performed; `hidden` in `no_grad`."""
        place = modes.here()
        given = tuple([x if type(x) is float else self.listing.slot(x) for x in inputs])
        slot = self._added(op, given, place, node._data, raises=True)
        self.listing.note(node, self._added(detach, (slot,), place, node._data) if hidden else slot)

    def detached(self, leaf: Value, node: Value) -> None:
        """A leaf was made with the data of a node."""
        self.listing.note(leaf, self._added(detach, (self.listing.slot(node),), modes.here(), leaf._data))

    def raised(self, op: Op) -> None:
        """An op raised; a function that goes on after that depends on the numbers."""
        self._decline(f"{op.name} raised", "whether it does depends on the numbers: choose with where, or clamp before")

    def observed(self, what: str, node: Value, *facts: Any) -> None:
        """A number was looked at, or changed."""
        if what in _COMPARED:
            self._compared(what, node, *facts)
        elif what == "index":
            length, outcome = facts
            self._guard(chooses, (self.listing.slot(node), length), outcome)
        else:
            told = f".{what}" if what.partition(" ")[0] in ("data", "grad", "has_grad") else what
            self._decline(f"{told} of a Value", _REMEDIES[what])

    def _compared(self, what: str, node: Value, other: Any, outcome: bool) -> None:
        op, swapped = _COMPARED[what]
        if type(other) is not Value:
            number = ops.number(other) if type(other) is not float else other
            if number != other and other == other:
                self._decline(f"a comparison with {other!r}, which is no float", "compare with a float")
                return
            other = number
        pair = (self.listing.slot(node), other if type(other) is float else self.listing.slot(other))
        self._guard(op, pair[::-1] if swapped else pair, outcome)

    def _guard(self, op: Op, pair: tuple[Input, ...], outcome: bool) -> None:
        key = (op, *[repr(x) for x in pair])
        if key not in self.guards:
            place = modes.here()
            self.guards[key] = self._added(op, pair, place, float(outcome)), outcome, place

    def _decline(self, what: str, remedy: str) -> None:
        place = text_of(_line())
        self.reasons.setdefault(place, f"{what}{f' at {place}' if place else ''}: {remedy}")

    # ── Rows ────────────────────────────────────────────────────────────────────────────────────────────────

    def _added(self, op: Op, inputs: tuple[Input, ...], place: Any, data: float, raises: bool = False) -> Slot:
        slot = self.listing.add(op, inputs, place, raises)
        self.listing.set_number(slot, data)
        return slot

    def _strange(self, value: Value) -> None:
        self._decline(f"a Value made by {value.op} came from elsewhere", "make it in the function")

    # ── Gradients inside the function ───────────────────────────────────────────────────────────────────────

    def gradients(self, seeds: Sequence[tuple[Value, Any]], xs: Sequence[Value], create_graph: bool) -> list[Any]:
        """What `chain.gradients` returns, as Values that stand for slots: the rules run on these."""
        given = [(self.listing.slot(y), g if type(g) is float else self.listing.slot(g)) for y, g in seeds]
        wanted = [self.listing.slot(x) for x in xs]
        size = len(self.listing)
        try:
            found = gradients(self.listing, given, wanted)
        except RecordError as error:
            self._decline("a gradient inside the function", str(error))
            with modes.mode(0, off=modes.RECORD):
                from ..chain import gradients as eager

                return eager(seeds, xs, create_graph)
        totals = [None if total is None else or_zero(self.listing, total) for total in found]
        self._compute(size)
        return [None if total is None else self._value(total, create_graph) for total in totals]

    def _value(self, total: Input, create_graph: bool) -> Value:
        if type(total) is float:
            return Value(total)
        assert type(total) is int
        answer = Value(self.listing.number(total))
        slot = total if create_graph else self._added(detach, (total,), None, answer._data)
        self.listing.note(answer, slot)
        return answer

    def _compute(self, first: Slot) -> None:
        """What the slots that were added to the listing are in this run."""
        number = self.listing.number
        for slot in range(first, len(self.listing)):
            op, inputs, _, _ = self.listing.row(slot)
            self.listing.set_number(slot, careful(op, [number(x) if type(x) is int else x for x in inputs]))


def record(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Program:
    """Call a function and keep what it did, as a program for arguments of the same structure.

    Floats, Values and arrays of floats, in lists, tuples and dicts, are the program's inputs; the function gets Values
    for them. Lengths, ints, bools, strs and all else are fixed. Values that the function reaches from elsewhere, as
    the parameters of a model, are read anew at each call. Numbers from elsewhere are constants of the program: see
    `Program.constants`, with their lines.

    Args:
        f: a function of numbers that returns numbers; it is called once.
        args: its arguments, by position.
        kwargs: others, by name.

    Raises:
        RecordError: where no program of the function would be right: it looks at numbers, or draws random ones, say.
        InputTypeError: where `f` can't be called.
        InputError: inside a function that is being recorded.

    >>> import autograd
    >>> print(autograd.record(lambda x, y: (x * y).tanh(), 2.0, 3.0))  # doctest: +ELLIPSIS
    <lambda>(x, y):
      v1 = x * y ...
      v2 = tanh(v1) ...
      return v2
    """
    if not callable(f):
        raise InputTypeError(f"record(f, *args) takes a function, not {f!r}")
    if modes.recorder() is not None:
        raise InputError("record() inside a function that is being recorded; call the function itself there")
    program, reasons = recorded(f, args, kwargs)
    if program is None:
        raise RecordError(f"{name_of(f)} can't be recorded: {'; '.join(reasons)}")
    return program


def recorded(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Program | None, list[str]]:
    """Call a function and write down what it does; see `record`.

    Returns:
        The program, or None and why the function declines: each reason with its line and the remedy.
    """
    items: list[Any] = []
    structure = structure_of(args, kwargs, items)
    inputs = [stand_in(x) for x in items]
    recorder = Recorder(inputs)
    before = random.getstate(), _numpy_state()
    rest = iter(inputs)
    new_args = tuple([put_together(x, rest) for x in args])
    new_kwargs = {name: put_together(x, rest) for name, x in kwargs.items()}
    try:
        with modes.recording(recorder):
            recorder.listing.attach(True)
            try:
                value = f(*new_args, **new_kwargs)
            finally:
                recorder.listing.attach(False)
        if (random.getstate(), _numpy_state()) != before:
            _restore(*before)  # the function will run once more
            reason = (
                "it draws random numbers, and a program would repeat them: draw them before the call and pass them in"
            )
            recorder.reasons["random"] = reason
        outputs: list[Any] = []
        try:
            result = Result(value, lambda v: _placed(recorder, outputs, v))
        except InputError as error:
            recorder.reasons["result"] = str(error)
        if recorder.reasons:
            return None, list(recorder.reasons.values())
        guards = list(recorder.guards.values())
        listing = recorder.listing
        short, roots = listing.only(listing.leaves, [*outputs, *[slot for slot, _, _ in guards], *listing.raising()])
    finally:
        recorder.listing.end()  # it holds every Value, and the recorder it
    places = iter(roots)
    program = Program(
        name_of(f),
        structure,
        _names(f, args, kwargs),
        spans_of(args),
        listing.captured,
        short,
        [next(places) for _ in outputs],
        result,
        [Guard(next(places), outcome, text_of(place)) for _, outcome, place in guards],  # type: ignore[arg-type]
    )
    return program, []


def _placed(recorder: Recorder, outputs: list[Any], value: Value) -> int:
    outputs.append(recorder.listing.slot(value))
    return len(outputs) - 1


def _line() -> Any:
    """Where the program is, as `modes.here` has it, but outside of the standard library, too: copy.copy(v), say."""
    here = modes.here()
    frame: Any = sys._getframe()
    while frame is not None and frame.f_code is not (here or (None,))[0]:
        frame = frame.f_back
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_STANDARD) or "site-packages" in file:
            return frame.f_code, frame.f_lasti, True
        frame = frame.f_back
    return here


def _numpy_state() -> Any:
    """Where numpy's global generator stands; None where it is not in use."""
    module = sys.modules.get("numpy.random")
    if module is None:
        return None
    kind, key, *rest = module.get_state()
    return kind, key.tolist(), *rest


def _restore(state: Any, numpy_state: Any) -> None:
    random.setstate(state)
    if numpy_state is not None:
        sys.modules["numpy.random"].set_state(numpy_state)


def stand_in(x: Any) -> Value:
    """A leaf of our own for a number, or for a Value, which the function may reach from elsewhere too.

    >>> stand_in(Value(3.0, "w"))
    Value(data=3.0, label='w')
    """
    if type(x) is not Value:
        return Value(x)
    leaf, known = Value(x._data), x._known()
    if known.label or known.is_parameter:
        block = leaf._block()
        block.label, block.is_parameter = known.label, known.is_parameter
    return leaf


def name_of(f: Callable[..., Any]) -> str:
    """What a function is called.

    >>> name_of(name_of)
    'name_of'
    """
    return getattr(f, "__name__", "") or type(f).__name__


def _names(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """What the inputs are called."""
    function = getattr(f, "__func__", f)
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    parameters: tuple[str, ...] = code.co_varnames[function is not f : code.co_argcount] if code is not None else ()
    names = [*parameters, *[f"argument{i}" for i in range(len(parameters), len(args))]]
    pairs = [*zip(names, args, strict=False), *kwargs.items()]
    return [name for parameter, x in pairs for name in named(x, parameter)]


def spans_of(args: tuple[Any, ...]) -> list[tuple[int, int]]:
    """Of each positional argument: its first input, and the first after it.

    >>> spans_of(([1.0, 2.0], 3, 4.0))
    [(0, 2), (2, 2), (2, 3)]
    """
    spans: list[tuple[int, int]] = []
    numbers: list[Any] = []
    for x in args:
        first = len(numbers)
        structure_of((x,), {}, numbers)
        spans.append((first, len(numbers)))
    return spans
