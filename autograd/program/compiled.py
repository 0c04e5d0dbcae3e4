"""`compile`: a function that is recorded when it is first called, and replayed from then on.

A program is replayed only where it is known to be right: for arguments of the same structure, while the variables
that the function reads from around it hold the same objects, and where every comparison comes out as it was recorded.
Where one does not, the other programs of the function are tried, and then it is recorded once more. What can't be
known, a list that was changed in place, say, is found by audits: calls 2, 4, 8, 16 … run the function itself too, and
every bit is compared.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

from .. import modes, ops
from ..calculus import gradients
from ..engine import Value
from ..errors import InputTypeError, RecordError, RecordWarning, warn
from .arguments import put_together, taken_apart
from .caller import Caller
from .program import Program, chosen_inputs, mirrored, structure_of
from .recorder import name_of, recorded, spans_of, stand_in

_STRUCTURES: Final = 8  # times `variants`: how many structures of arguments are remembered
_SCALARS: Final = (bool, int, float, complex, str, bytes)
_MISSING: Final = object()


class Surroundings:
    """What the variables around a function hold: its closure, the globals it names, its defaults, a method's object.

    Functions of the same module that it calls count as part of it.

    >>> rate = 0.1
    >>> seen = Surroundings(lambda x: rate * x)
    >>> seen.same()
    True

    Attributes:
        checks: the same for C, which looks at cells, dicts and functions' defaults: three items each, where it is, its
            key, and what it holds; None where it is elsewhere.
    """

    def __init__(self, f: Any) -> None:
        self._held: list[tuple[Callable[[], Any], Any]] = []
        self.checks: tuple[Any, ...] | None = ()  # for C: holder, key, what it held, holder …; None where it can't look
        todo, known = [f], set()
        while todo:
            function = todo.pop()
            if id(function) in known:
                continue
            known.add(id(function))
            todo += self._look(function, f)

    def _look(self, function: Any, root: Any) -> list[Any]:
        if isinstance(function, functools.partial):
            self._hold(lambda: (*function.args, *function.keywords.values()), None)
            return [function.func]
        if isinstance(function, MethodType):
            self._hold_attributes(function.__self__)
            return [function.__func__]
        if not isinstance(function, FunctionType):
            if function is root and not isinstance(function, type):
                self._hold_attributes(function)
                return [vars(base).get(name) for base in type(function).__mro__ for name in ("__call__", "forward")]
            return []
        for cell in function.__closure__ or ():
            self._hold(functools.partial(_content, cell), cell)
        if function.__defaults__ or function.__kwdefaults__:
            holder = None if function.__kwdefaults__ else function
            self._hold(lambda: (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()), holder)
        outer = function.__globals__
        used = [name for name in _names(function.__code__) if name in outer]
        for name in used:
            self._hold(functools.partial(outer.get, name, _MISSING), outer, name)
        near = [outer[name] for name in used] + [_content(cell) for cell in function.__closure__ or ()]
        return [g for g in near if isinstance(g, FunctionType) and g.__globals__ is outer]

    def _hold(self, read: Callable[[], Any], holder: Any, key: Any = None) -> None:
        held = read()
        self._held.append((read, held))
        if holder is None or held is _MISSING:
            self.checks = None
        elif self.checks is not None:
            self.checks += holder, key, holder.__defaults__ if isinstance(holder, FunctionType) else held

    def _hold_attributes(self, owner: Any) -> None:
        for name in getattr(owner, "__dict__", ()):
            self._hold(functools.partial(vars(owner).get, name, _MISSING), vars(owner), name)

    def same(self) -> bool:
        """Whether they hold what they held."""
        for read, held in self._held:
            now = read()
            if now is not held and not _equal(now, held):
                return False
        return True


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # assigned later
        return _MISSING


def _names(code: CodeType) -> set[str]:
    inner = [_names(c) for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*inner)


def _equal(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if type(a) is tuple:
        return len(a) == len(b) and all(x is y or _equal(x, y) for x, y in zip(a, b, strict=True))
    return isinstance(a, _SCALARS) and repr(a) == repr(b)  # as text: -0.0 is not 0.0, and nan is nan


class _Variant:
    """One way that a function goes."""

    def __init__(self, program: Program, surroundings: Surroundings) -> None:
        self.program = program
        self.surroundings = surroundings
        self.calls = 1


class _Kind:
    """What is known of calls with arguments of one structure."""

    def __init__(self) -> None:
        self.variants: list[_Variant] = []
        self.declined = ""  # why its calls run eagerly
        self.no_gradient = ""  # why those do that want a gradient
        self.missed = 0  # recordings that were of no use


class Compiled(Caller):
    """What `compile` returns: call it as the function itself.

    Numbers give numbers, Values give Values, that are differentiated as all others. Inside a function that is being
    recorded, and in `trace` or `detect_anomaly`, it is the function itself.

    Attributes:
        function: the function.
        declined: why calls run the function itself; "" where none had to.
        programs: the programs so far.
    """

    def __init__(
        self, f: Callable[..., Any], argnums: int | tuple[int, ...], strict: bool, variants: int, fast: bool
    ) -> None:
        self.function = f
        self._argnums, self._strict, self._limit, self._fast = argnums, strict, variants, fast
        self._known: dict[Any, _Kind] = {}
        self._lock = threading.RLock()
        self._others = _Kind()  # of structures that are no longer remembered
        self._last: list[_Variant | None] = [None, None]  # whose calls are answered in C: of calls, of value_and_grad
        functools.update_wrapper(self, f)

    def __set_name__(self, owner: type, name: str) -> None:
        raise InputTypeError(
            f"compile() can't decorate the method {name!r}: it would not know its object. In __init__ write "
            f"self.{name} = autograd.compile(self.{name})"
        )

    def __repr__(self) -> str:
        return f"<compiled {name_of(self.function)}: {sum(len(k.variants) for k in self._known.values())} programs>"

    @property
    def programs(self) -> list[Program]:
        """The programs so far, of all structures of arguments."""
        return [variant.program for kind in self._known.values() for variant in kind.variants]

    @property
    def declined(self) -> str:
        """Why calls run the function itself: each reason with its line and the remedy; "" where none had to."""
        kinds = [*self._known.values(), self._others]
        return "; ".join(dict.fromkeys(text for k in kinds for text in (k.declined, k.no_gradient) if text))

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, in the same bits.

        Raises:
            RecordError: where `strict` is set and the function can't be recorded, or an audit found a difference.
        """
        return self._answer(args, kwargs, False)

    def _value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """The result, and its derivatives in the structure of the argument that `argnums` names, as floats.

        Arrays have arrays of derivatives. What is no number in that argument has None in its place.

        Raises:
            RecordError: as for a call.
            InputTypeError: where the result is not one number.
            InputError: where there is no such argument, or no number in it.

        >>> import autograd
        >>> @autograd.compile
        ... def loss(p, x):
        ...     return (p[0] * x + p[1]) ** 2
        >>> loss.value_and_grad([2.0, 1.0], 3.0)
        (49.0, [42.0, 14.0])
        """
        return self._answer(args, kwargs, True)

    def _answer(self, args: tuple[Any, ...], kwargs: dict[str, Any], gradient: bool) -> Any:
        word = modes.word() if modes.active else 0
        if word & modes.RECORD and not gradient:
            return self.function(*args, **kwargs)
        if word & (modes.TRACE | modes.ANOMALY | modes.RECORD):
            return self._eager(args, kwargs, gradient)
        last = self._last[gradient]
        if last is not None:
            last.calls += self._used(gradient)
            self._last[gradient] = None
        items: list[Any] = []
        structure = structure_of(args, kwargs, items)
        kind = self._known.get(structure) or self._new_kind(structure)
        if kind.declined or (gradient and kind.no_gradient):
            return self._eager(args, kwargs, gradient)
        ieee = bool(word & modes.IEEE)
        for variant in kind.variants:
            if not variant.surroundings.same():
                continue
            try:
                program = variant.program.gradient(self._argnums) if gradient else variant.program
            except RecordError as error:
                return self._without_gradient(kind, error, args, kwargs)
            outputs = program.run(items, ieee)
            if outputs is None:
                continue
            answer = program.results(args, items, outputs)
            variant.calls += 1
            if variant.calls > 1 and not variant.calls & (variant.calls - 1):
                return self._audited(kind, answer, args, kwargs, gradient)
            if not (kwargs or word):
                self._answer_in_c(gradient, variant, program, structure[0])
            return answer
        return self._recorded(kind, args, kwargs, gradient)

    def _answer_in_c(self, gradient: bool, variant: _Variant, program: Program, structure: tuple[Any, ...]) -> None:
        """Have calls that are like this one answered in C, until the next audit."""
        how, checks = program.quickly(structure), variant.surroundings.checks
        left = (1 << variant.calls.bit_length()) - variant.calls - 1
        if how is None or checks is None or left == 0:
            return
        machine, derived = how
        self._last[gradient] = variant
        self._quicken(gradient, machine, structure, derived, checks, program.captured, left)

    # ── The function itself ─────────────────────────────────────────────────────────────────────────────────

    def _eager(self, args: tuple[Any, ...], kwargs: dict[str, Any], gradient: bool) -> Any:
        """The same answer from the function itself, which gets Values for all numbers."""
        items: list[Any] = []
        structure_of(args, kwargs, items)
        silent = bool(modes.word() & modes.NO_GRAD)
        recording = modes.recorder() is not None
        with modes.mode(0, off=modes.NO_GRAD):
            born = Value(0.0)._seq
            if gradient:  # of our own, so that one which the function reaches from elsewhere, too, is not counted in
                inputs = [ops.pos(x) if recording and type(x) is Value else stand_in(x) for x in items]
            else:
                inputs = [x if type(x) is Value else Value(x) for x in items]
            rest = iter(inputs)
            new_args = tuple([put_together(x, rest) for x in args])
            value = self.function(*new_args, **{name: put_together(x, rest) for name, x in kwargs.items()})
            if gradient:
                return self._differentiated(value, args, inputs, recording)
        found: list[Any] = []
        taken_apart(value, found)
        results = [x for x in found if type(x) is Value]
        given = {x for x in items if type(x) is Value}
        outer = bool(given) or any(x._reaches_older(born) for x in results)
        if outer and not silent:
            return value
        return put_together(value, iter([_plain(x, outer, given) for x in found]))

    def _differentiated(self, value: Any, args: tuple[Any, ...], inputs: list[Value], recording: bool) -> Any:
        spans = spans_of(args)
        chosen = chosen_inputs(name_of(self.function), self._argnums, spans)
        if type(value) is not Value:
            if not ops.is_number(value):
                raise InputTypeError(
                    f"{name_of(self.function)} returned {value!r:.200}; a gradient is of one number. For several "
                    "results compile a function of each"
                )
            value = Value(value)
        found: list[Any] = gradients(value, [inputs[i] for i in chosen], create_graph=recording)
        if not recording:
            value, found = value._data, [g._data for g in found]
        return value, mirrored(args, self._argnums, spans, found)

    # ── Recording it, and when not to ───────────────────────────────────────────────────────────────────────

    def _new_kind(self, structure: Any) -> _Kind:
        with self._lock:
            if len(self._known) < _STRUCTURES * self._limit:
                return self._known.setdefault(structure, _Kind())
            if not self._others.declined:
                self._decline(
                    self._others,
                    f"it was called with arguments of more than {len(self._known)} structures; an int, a bool or a str "
                    "is part of the structure, and so is an object that is made for each call: pass what varies as a "
                    "float",
                )
            return self._others

    def _recorded(self, kind: _Kind, args: tuple[Any, ...], kwargs: dict[str, Any], gradient: bool) -> Any:
        surroundings = Surroundings(self.function)
        try:
            program, reasons = recorded(self.function, args, kwargs)
        except Exception as error:
            answer = self._eager(args, kwargs, gradient)  # raises what the function raises
            self._decline(kind, f"it raised {error!r} while it was recorded, and not otherwise")
            return answer
        if program is None:
            self._decline(kind, "; ".join(reasons))
            return self._eager(args, kwargs, gradient)
        if self._fast:
            program = program.fast()
        try:
            chosen = program.gradient(self._argnums) if gradient else program
        except RecordError as error:
            return self._without_gradient(kind, error, args, kwargs)
        items: list[Any] = []
        structure_of(args, kwargs, items)
        outputs = chosen.run(items, bool(modes.word() & modes.IEEE))
        with self._lock:
            if outputs is None or any(v.program.is_same(program) and v.surroundings.same() for v in kind.variants):
                kind.missed += 1  # in ieee() of its own, say: what would raise at a replay did not
                if kind.missed > self._limit:
                    self._decline(
                        kind, "its program fails where the function itself does not: is there an ieee() in it?"
                    )
            elif len(kind.variants) >= self._limit:
                self._decline(kind, self._too_many(kind, program))
            else:
                kind.variants.append(_Variant(program, surroundings))
        return self._eager(args, kwargs, gradient) if outputs is None else chosen.results(args, items, outputs)

    def _without_gradient(self, kind: _Kind, error: RecordError, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._decline(kind, str(error), gradient=True)
        return self._eager(args, kwargs, True)

    def _too_many(self, kind: _Kind, program: Program) -> str:
        programs = [*[variant.program for variant in kind.variants], program]
        guards = dict.fromkeys(p.guard_text(g).partition(" is ")[0] for p in programs for g in p.guards)
        if not guards:
            return f"what it reads from around it changed more than {self._limit} times: make it an argument"
        lines = dict.fromkeys(g.place for p in programs for g in p.guards if g.place)
        return (
            f"it goes more than {self._limit} ways, by comparisons at {', '.join(list(lines)[:3]) or 'unknown lines'}: "
            "write what flips as an op (relu, maximum, clamp, where), or allow more variants"
        )

    def _audited(self, kind: _Kind, answer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], gradient: bool) -> Any:
        expected = self._eager(args, kwargs, gradient)
        ours: list[Any] = []
        theirs: list[Any] = []
        same_structure = taken_apart(answer, ours) == taken_apart(expected, theirs)
        if same_structure and self._agree([*map(_number, ours)], [*map(_number, theirs)]):
            return answer
        self._decline(
            kind,
            "an audit found that the function itself gives another result now: it reads something that changed and is "
            "neither an argument nor a variable of its own, as a list's content is. Make it an argument",
        )
        return expected

    def _agree(self, ours: list[float], theirs: list[float]) -> bool:
        """Whether numbers are the same: in every bit, or, where it is fast, in about six digits."""
        scale = max([abs(x) for x in theirs if math.isfinite(x)], default=0.0) if self._fast else 0.0
        return all(
            repr(a) == repr(b) or (self._fast and math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9 * scale))
            for a, b in zip(ours, theirs, strict=True)
        )

    def _decline(self, kind: _Kind, reason: str, gradient: bool = False) -> None:
        text = f"{name_of(self.function)} runs eagerly: {reason}"
        if gradient:
            kind.no_gradient = text
        else:
            kind.declined = text
            kind.variants.clear()
        if self._strict:
            raise RecordError(f"{name_of(self.function)} can't be replayed: {reason}")
        warn(text, RecordWarning)


def _number(x: Any) -> float:
    return x._data if type(x) is Value else x


def _plain(x: Any, outer: bool, given: set[Value]) -> Any:
    """A number of a result, where no graph is asked for."""
    if type(x) is not Value or x in given:
        return x
    return Value(x._data) if outer else x._data


def compile(
    f: Callable[..., Any] | None = None,
    *,
    argnums: int | tuple[int, ...] = 0,
    strict: bool = False,
    variants: int = 8,
    fast: bool = False,
) -> Any:
    """Record a function when it is first called, and replay it from then on; a decorator.

    Each call returns what the function returns, in the same bits, or is the function's own call: where it looks at
    numbers other than by comparing them, draws random numbers, changes something outside, or goes too many ways. A
    warning says so once, with the line and the remedy. See `record` for what is an input and what is fixed.

    Args:
        f: a function of numbers. It is called at the first call, when a comparison comes out in a new way, and for
            audits at calls 2, 4, 8, 16 …; what else it does besides computing happens then alone.
        argnums: by which positional argument, or arguments, `value_and_grad` differentiates.
        strict: raise `RecordError` where a call would run the function itself.
        variants: how many ways a function may go, for arguments of one structure.
        fast: allow exp, log, tanh and sigmoid of many numbers to be up to 3 ulp off: see `Program.fast`. Replays then
            agree with the function in about fifteen digits, audits compare six of them, and where two numbers are
            almost equal a comparison may come out otherwise.

    Raises:
        InputTypeError: where `f` can't be called, `variants` is no whole number above 0, or a flag is no bool.

    >>> import autograd
    >>> @autograd.compile
    ... def f(x):
    ...     return x.tanh() if x > 0 else x
    >>> f(-1.0), f(0.0), f.value_and_grad(-1.0), len(f.programs)
    (-1.0, 0.0, (-1.0, 1.0), 1)
    """
    if type(variants) is not int or variants < 1:
        raise InputTypeError(f"compile: variants must be a whole number above 0, not {variants!r}")
    for name, flag in (("strict", strict), ("fast", fast)):
        if not isinstance(flag, bool):
            raise InputTypeError(f"compile: {name} must be True or False, not {flag!r}")
    if f is None:
        return functools.partial(compile, argnums=argnums, strict=strict, variants=variants, fast=fast)
    if not callable(f):
        raise InputTypeError(f"compile(f) takes a function, not {f!r}")
    return Compiled(f, argnums, strict, variants, fast)
