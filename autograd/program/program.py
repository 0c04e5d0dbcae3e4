"""A program: a function that was recorded, as straight-line code.

    loss(x, w):
      v1 = x * w             # model.py:3
      v2 = tanh(v1)          # model.py:4
      return v2

It holds the ops as the function wrote them. What runs is made from them when it is first needed (code.py), and so is
the gradient (gradient.py).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .. import modes, ops
from ..engine import Value
from ..errors import CopyError, GuardError, InputError, InputTypeError
from ..ops import Op
from ..rules import rule
from .arguments import NUMBER, NUMBERS, Result, put_together, taken_apart
from .batch import Batched
from .caller import Caller
from .code import FAILURES, Code, careful, is_built_in, lowered
from .gradient import ALWAYS, Sum, gradients, leading, or_zero
from .listing import Listing, Row, extended, rows_of
from .schedule import Runner
from .symbols import BY_NAME, CONDITIONS, detach, select
from .twin import listing_type

if TYPE_CHECKING:
    from .c_program import CProgram

_INFIX: Final = {op: op.symbol for op in BY_NAME.values() if op.arity == 2 and not op.symbol.isidentifier()}


class Guard(NamedTuple):
    """A comparison that the recorded function made; with another outcome it would have gone another way.

    Attributes:
        slot: where the program computes the comparison.
        outcome: how it came out.
        place: the line, as in "model.py:12".
    """

    slot: int
    outcome: bool
    place: str


class Constant(NamedTuple):
    """A number that is written into a program.

    Attributes:
        value: the number.
        places: the lines where the function used it.
    """

    value: float
    places: tuple[str, ...]


class Program(Caller):
    """What `record` returns: a function as straight-line code, for arguments of one structure.

    Call it as the function: numbers give numbers, Values Values. `value_and_grad` is a call of
    its `gradient`. It can be pickled, to run in other processes.

    Attributes:
        name: the function's.
        inputs: what its inputs are called: ``p[0]``.
        captured: Values that the function reached from elsewhere, as a model's parameters: their data is read at each
            call.
        rows: its ops, in order: slots count the inputs first, then captured Values, then these.
        guards: comparisons that have to come out as they did when it was recorded.
        is_fast: whether its elementary functions may be a few ulp off: see `fast`.

    >>> import autograd
    >>> square = autograd.record(lambda x: x * x, 3.0)
    >>> square(5.0), square.gradient()(5.0)
    (25.0, (25.0, 10.0))
    """

    def __init__(
        self,
        name: str,
        structure: Any,
        inputs: Sequence[str],
        spans: Sequence[tuple[int, int]],
        captured: Sequence[Value],
        listing: Listing,
        outputs: Sequence[Any],
        result: Result,
        guards: Sequence[Guard],
        argnums: int | tuple[int, ...] | None = None,
    ) -> None:
        self.name = name
        self.inputs = tuple(inputs)
        self.captured = tuple(captured)
        self._listing = listing
        self.guards = tuple(guards)
        self._structure = structure
        self._spans = tuple(spans)  # of each positional argument: its first input, and the first after it
        self._outputs = tuple(outputs)  # slots, or floats
        self._result = result
        self._argnums = argnums  # of a gradient: by which arguments; its outputs are the value, then the derivatives
        self._made: dict[Any, Any] = {}  # code, gradients, ops: each made when it is first needed
        self.is_fast = False

    # ── What it is ──────────────────────────────────────────────────────────────────────────────────────────

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its ops, in order."""
        return self._once("rows", lambda: tuple(rows_of(self._listing, self._leaves)))  # type: ignore[no-any-return]

    @property
    def _leaves(self) -> int:
        return len(self.inputs) + len(self.captured)

    @property
    def ops(self) -> dict[str, int]:
        """How many of each op there are, most frequent first.

        >>> import autograd
        >>> autograd.record(lambda x: x * x + 1.0, 3.0).ops
        {'mul': 1, 'add': 1}
        """
        return dict(Counter(row.op.name for row in self.rows).most_common())

    @property
    def constants(self) -> list[Constant]:
        """The numbers that are written into it: they came from the function's text, or from around it.

        >>> import autograd
        >>> [c.value for c in autograd.record(lambda x: 2.0 * x + 1.0, 3.0).constants]
        [2.0, 1.0]
        """
        found: dict[str, tuple[float, dict[str, None]]] = {}
        for row in self.rows:
            if row.raises:
                for x in row.inputs:
                    if type(x) is float:
                        found.setdefault(repr(x), (x, {}))[1][row.place] = None
        return [Constant(value, tuple(places)) for value, places in found.values()]

    @property
    def bytes(self) -> int:
        """What its code and its numbers take in memory as doubles and 32-bit slots."""
        return self.code.bytes

    @property
    def code(self) -> Code:
        """What runs."""
        return self._once("code", self._lowered)  # type: ignore[no-any-return]

    def _lowered(self) -> Code:
        return self.code_showing(())[0]

    def code_showing(self, slots: Sequence[int]) -> tuple[Code, tuple[int, ...]]:
        """What runs, and where in it the program's slots are, which are kept alive."""
        conditions = [(guard.slot, float(guard.outcome)) for guard in self.guards]
        code = lowered(self._listing, self._leaves, [*self._outputs, *slots], conditions)
        assert code is not None, "a guard of constants came out as it came out"
        n = len(self._outputs)
        return code._replace(outputs=code.outputs[:n]), code.outputs[n:]

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = make()
        return made

    def is_same(self, other: Program) -> bool:
        """Whether another program does the same, with the same captured Values."""
        if (self.guards, self._outputs, len(self.inputs)) != (other.guards, other._outputs, len(other.inputs)):
            return False
        return [*map(id, self.captured)] == [*map(id, other.captured)] and self._listing.is_same(other._listing)

    def __repr__(self) -> str:
        sizes = {"input": len(self.inputs), "op": len(self._listing) - self._leaves, "guard": len(self.guards)}
        return f"<program {self.name}: {', '.join(_counted(n, what) for what, n in sizes.items())}>"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        names = [*self.inputs, *self._captured_names()]
        guards = {guard.slot: guard for guard in self.guards}
        yield f"{self.name}({', '.join(self.inputs)}):"
        for row in self.rows:
            text = self._formula(row, names)
            guard = guards.get(len(names))
            names.append(f"v{len(names) - self._leaves + 1}")
            line = f"  {names[-1]} = {text}"
            if guard is not None:
                line = f"  guard {text} is {guard.outcome}"
            place = guard.place if guard is not None else row.place
            yield f"{line:<40}  # {place}" if place else line
        outputs = ", ".join([names[x] if type(x) is int else repr(x) for x in self._outputs])
        yield f"  return {outputs}"

    def _captured_names(self) -> list[str]:
        return [v.label or f"captured[{i}]" for i, v in enumerate(self.captured)]

    @staticmethod
    def _formula(row: Row, names: Sequence[str]) -> str:
        given = [names[x] if type(x) is int else repr(x) for x in row.inputs]
        if row.op in _INFIX:
            return f"{given[0]} {_INFIX[row.op]} {given[1]}"
        return f"-{given[0]}" if row.op is ops.neg else f"{row.op.name}({', '.join(given)})"

    def explain(self) -> str:
        """What was recorded, in words: inputs, captured Values, ops, constants and guards with their lines, size.

        >>> import autograd
        >>> print(autograd.record(lambda x: 2.0 * x, 3.0).explain().splitlines()[0])
        <lambda>: 1 input, 1 op
        """
        kinds = ", ".join(f"{n} {name}" for name, n in self.ops.items())
        lines = [
            f"{self.name}: {_counted(len(self.inputs), 'input')}, {_counted(len(self._listing) - self._leaves, 'op')}",
            f"ops: {kinds or 'none'}",
            f"captured: {', '.join(self._captured_names()) or 'nothing'}",
            *[
                f"constant {c.value!r} at {', '.join(filter(None, c.places)) or 'an unknown line'}"
                for c in self.constants
            ],
            *[f"guard {text}" for text in map(self.guard_text, self.guards)],
            f"as code: {_counted(len(self.code.instructions), 'instruction')}, {self.bytes} bytes",
        ]
        return "\n".join(lines)

    def guard_text(self, guard: Guard) -> str:
        """A guard as a formula with its outcome and line.

        >>> import autograd
        >>> program = autograd.record(lambda x: x if x > 1.0 else -x, 3.0)
        >>> program.guard_text(program.guards[0]).partition(" at ")[0]
        '1.0 < x is True'
        """
        row = self.rows[guard.slot - self._leaves]
        names = [*self.inputs, *self._captured_names(), *[f"v{k + 1}" for k in range(len(self.rows))]]
        return f"{self._formula(row, names)} is {guard.outcome} at {guard.place or 'an unknown line'}"

    # ── Running it ──────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns for these arguments.

        Raises:
            InputError: where the arguments have another structure than those it was recorded with.
            GuardError: where the function would go another way than when it was recorded.
            AutogradError: where an op of the function has no answer, as the function raises.
        """
        items: list[Any] = []
        structure = structure_of(args, kwargs, items)
        if structure != self._structure:
            raise InputError(
                f"{self.name} was recorded for arguments of another structure: {self._structure!r:.200}, not "
                f"{structure!r:.200}. Record it once more with these"
            )
        outputs = self.run(items, bool(modes.word() & modes.IEEE))
        if outputs is None:
            raise self._failure(items)
        how = None if kwargs else self.quickly(structure[0])
        if how is not None:
            machine, derived = how
            self._quicken(False, machine, structure[0], derived, (), self.captured, sys.maxsize)
        return self.results(args, items, outputs)

    def quickly(self, structure: tuple[Any, ...]) -> tuple[Any, Any] | None:
        """The machine, and by which structures its outputs are derivatives; None where Python has to make the results.

        Args:
            structure: of the positional arguments.
        """
        machine = self._runner.machine
        if machine is None or self._result.kind != "Value":
            return None
        if self._argnums is None:
            return None if self.captured and self.leads_from_captured else (machine, None)
        if isinstance(self._argnums, tuple):
            return machine, [structure[i] for i in self._argnums]
        return machine, structure[self._argnums]

    def _value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """What `gradient()` answers."""
        return self.gradient()(*args, **kwargs)

    def run(self, items: Sequence[Any], ieee: bool) -> list[float] | None:
        """The outputs; None where they would not be right: a guard fails, or an op of the function's own raises.

        Args:
            items: floats and Values, one an input.
            ieee: whether such an op gives inf or nan instead.
        """
        return self._runner([*items, *self.captured], ieee)

    @property
    def _runner(self) -> Runner:
        made: Runner | None = self._made.get("runner")
        return made or self._once("runner", lambda: Runner(self.code, self.is_fast))

    def fast(self) -> Program:
        """The same program, its results no longer the function's to the last bit.

        Where eight or more numbers go through exp, log, tanh or sigmoid side by side, or through the slopes of the last
        two, they go through vector functions of our own, up to 3 ulp off. Gradients of the program are fast, too. In
        the pure engine nothing changes.

        >>> import autograd
        >>> softer = autograd.record(lambda xs: autograd.sum([x.exp() for x in xs]), [0.0] * 8).fast()
        >>> abs(softer([1.0] * 8) - 8.0 * autograd.exp(1.0)) < 1e-13
        True
        """
        same = Program.__new__(Program)
        vars(same).update(vars(self), _made={}, is_fast=True)
        return same

    def bound(self, numbers: Any, out: Any) -> Callable[[], None]:
        """What runs it on an array of doubles and puts the outputs into another one: no object a number is made.

        Args:
            numbers: an `array.array("d")`, a numpy array, or what else lends doubles in a row: one an input.
            out: the same for the outputs: of a gradient the value first, then the derivatives.

        Returns:
            A function without arguments, which reads `numbers` at each call and raises as a call of the program does.

        Raises:
            InputTypeError: where they are no such arrays, or have another length.
            InputError: where the program captured Values.

        >>> import array, autograd
        >>> gradient = autograd.record(lambda x: x[0] * x[1], [1.0, 1.0]).gradient()
        >>> x, out = array.array("d", [2.0, 3.0]), array.array("d", [0.0, 0.0, 0.0])
        >>> run = gradient.bound(x, out)
        >>> run()
        >>> out.tolist()
        [6.0, 3.0, 2.0]
        """
        if self.captured:
            raise InputError(f"{self.name} reads Values that it captured, {self._captured_names()[0]} first; pass them")

        def failed() -> None:
            raise self._failure([*map(float, numbers)])

        try:
            return self._runner.bound(numbers, out, failed)
        except (TypeError, ValueError, BufferError) as cause:
            raise InputTypeError(
                f"{self.name}: bound(numbers, out) takes {len(self.inputs)} and {len(self._outputs)} doubles in a row, "
                f"as array.array('d', …) or numpy lend them, not {numbers!r:.60} and {out!r:.60}: {cause}"
            ) from cause

    def numbers_of(self, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> list[Any] | None:
        """A call's floats and Values, one an input; None where the arguments have another structure."""
        items: list[Any] = []
        return items if structure_of(args, kwargs or {}, items) == self._structure else None

    def _numbers(self, items: Sequence[Any]) -> list[float]:
        return [x._data if type(x) is Value else x for x in (*items, *self.captured)]

    def _failure(self, items: Sequence[Any]) -> Exception:
        """Why a run has no outputs: what the function itself would raise, or which guard fails, whichever is first."""
        outcomes = {guard.slot: guard for guard in self.guards}
        slots = self._numbers(items)
        for row in self.rows:
            floats = [slots[x] if type(x) is int else x for x in row.inputs]
            guard = outcomes.get(len(slots))
            try:
                slots.append(row.op.evaluate(floats, tuple(floats)) if row.raises else careful(row.op, floats))
            except FAILURES as error:
                error.add_note(f"in the program {self.name}, at {row.place or 'an unknown line'}")
                return error
            if guard is not None and slots[-1] != float(guard.outcome):
                return GuardError(
                    f"{self.name} would go another way here than when it was recorded: {self.guard_text(guard)} no "
                    "more. Use autograd.compile, which records each way, or write the choice as an op: maximum, clamp, "
                    "where"
                )
        raise AssertionError("the program has outputs after all")

    def results(self, args: tuple[Any, ...], items: Sequence[Any], outputs: Sequence[float]) -> Any:
        """What a run comes to, in the structure that the function returns: Values where Values went in."""
        numbers: Sequence[Any] = outputs
        if self._argnums is not None:
            return numbers[0], mirrored(args, self._argnums, self._spans, numbers[1:])
        if Value in {*map(type, items)} or (self.captured and self.leads_from_captured):
            numbers = [self._node(k, items, data) for k, data in enumerate(numbers)]
        return self._result.of(numbers)

    @property
    def leads_from_captured(self) -> bool:
        """Whether a result depends on a captured Value: then results are Values, whatever goes in."""
        return any(self._leads_from(len(self.inputs)))

    def _leads_from(self, first: int) -> list[bool]:
        """Of each output: whether something can be sent through it to a leaf, from the `first` leaf on."""

        def find() -> list[bool]:
            reached = leading(self._listing, range(first, self._leaves))
            return [type(x) is int and bool(reached[x]) for x in self._outputs]

        return self._once(("leads from", first), find)  # type: ignore[no-any-return]

    def _node(self, k: int, items: Sequence[Any], data: float) -> Value:
        """The k-th output as a Value: a node of one op, whose rule is the program's gradient."""
        place = self._outputs[k]
        leaves = (*items, *self.captured)
        if type(place) is int and place < len(leaves) and type(leaves[place]) is Value:
            return leaves[place]  # type: ignore[no-any-return]
        if modes.word() & modes.NO_GRAD or not self._leads_from(0)[k]:
            return Value(data)
        made: Value = Value._made(self._once(("op", k), lambda: self._op(k)), leaves, data)
        return made

    def _op(self, k: int) -> Op:
        """The k-th output as an op of the inputs and the captured Values."""

        def value(*numbers: float) -> float:
            outputs = self._pullback(k)[2]([*numbers, 0.0], True)
            assert outputs is not None
            return outputs[-1]

        op = Op(self.name, None, value)

        @rule(op)
        def program_rule(g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
            return self._pulled_back(k, g, inputs)

        return op

    # ── Its gradient ────────────────────────────────────────────────────────────────────────────────────────

    def gradient(self, argnums: int | tuple[int, ...] = 0) -> Program:
        """The program that computes the result and its derivatives by chosen arguments, as `value_and_grad` does.

        Args:
            argnums: which positional argument, counted from 0, or several of them.

        Raises:
            InputTypeError: where the result is not one number.
            InputError: where there is no such argument, or no number in it.
            RecordError: where a rule of the user's own can't run on symbols.

        >>> import autograd
        >>> autograd.record(lambda p, x: p[0] * x, [2.0], 5.0).gradient()([2.0], 5.0)
        (10.0, [5.0])
        """
        made = self._made.get(("gradient", argnums))
        return made or self._once(("gradient", argnums), lambda: self._gradient(argnums))  # type: ignore[no-any-return]

    def _gradient(self, argnums: int | tuple[int, ...]) -> Program:
        chosen = chosen_inputs(self.name, argnums, self._spans)
        number = self._result.parts
        outputs = (float(number),) if ops.is_number(number) and self._result.kind != "Value" else self._outputs
        single = ops.is_number(number) or self._result.kind == "Value"
        if self._argnums is not None or not single:
            raise InputTypeError(
                f"{self.name} returns something else than one number, which a gradient is of. For several results make "
                "a program of each; for higher derivatives record autograd.grad(f)"
            )
        listing = self._listing.copy()
        found = gradients(listing, [(outputs[0], 1.0)], chosen)
        derivatives = [or_zero(listing, total) for total in found]
        kept = self._listing.raising()
        roots = [outputs[0], *derivatives, *[guard.slot for guard in self.guards], *kept]
        short, places = listing.only(range(self._leaves), roots)
        count = 1 + len(derivatives)
        made = Program(
            f"gradient of {self.name}",
            self._structure,
            self.inputs,
            self._spans,
            self.captured,
            short,
            places[:count],
            self._result,
            [guard._replace(slot=place) for guard, place in zip(self.guards, places[count:], strict=False)],  # type: ignore[arg-type]
            argnums,
        )
        return made.fast() if self.is_fast else made

    def _made_pullback(self, k: int) -> tuple[list[Row], list[Any], Runner]:
        """Rows that send a gradient, the last leaf, back from the k-th output; of each leaf: if, and how much."""
        count = self._leaves
        listing = self._listing.with_leaf(count)
        root = self._outputs[k]
        root = root if root < count else root + 1
        found = gradients(listing, [(root, count)], range(count))
        roots = [x for total in found if total is not None for x in (_condition(total), total.total)]
        short, places = listing.only(range(count + 1), [root, *roots])
        rest = iter(places[1:])
        sent = [None if total is None else (next(rest), next(rest)) for total in found]
        code = lowered(short, count + 1, [*places[1:], places[0]], [])
        assert code is not None
        return rows_of(short, count + 1), sent, Runner(code)

    def _pullback(self, k: int) -> tuple[list[Row], list[Any], Runner]:
        return self._once(("pullback", k), lambda: self._made_pullback(k))  # type: ignore[no-any-return]

    def _pulled_back(self, k: int, g: Any, inputs: Sequence[Any]) -> list[Any]:
        rows, sent, runner = self._pullback(k)
        given = [*inputs, g]
        if any(type(x) is Value for x in given):
            numbers = on_values(rows, given)
            pairs = iter([numbers[x] if type(x) is int else x for pair in sent if pair is not None for x in pair])
        else:
            outputs = runner(given, True)
            assert outputs is not None
            pairs = iter(outputs)
        contributions: list[Any] = []
        for pair in sent:
            exists, total = (False, None) if pair is None else (next(pairs), next(pairs))
            contributions.append(total if exists else None)
        return contributions

    # ── As C ────────────────────────────────────────────────────────────────────────────────────────────────

    def to_c(
        self,
        path: str | PathLike[str] | None = None,
        name: str | None = None,
        *,
        grad: bool = False,
        argnums: int | tuple[int, ...] = 0,
        real: str = "double",
        bake: bool = False,
        ieee: bool = False,
        test: tuple[Any, ...] | None = None,
    ) -> str:
        """The program as one file of C99 that needs libm alone and allocates nothing.

        Its comment says how the function is called and compiled, what the numbers are called that it reads and fills,
        what it returns where a guard fails or an op raises, and how large it is. Compiled with the flags that stand
        there, on the same C library, it has the program's bits; `gamma`, `lgamma` and `hypot` are C's own, which
        differ in the last ones.

        Args:
            path: where to write it; nowhere if None.
            name: the function's; the program's name if None.
            grad: whether it computes the derivatives, too: the value comes first.
            argnums: by which positional argument, counted from 0, or several of them.
            real: "double" or "float". With floats numbers are what single precision gives.
            bake: whether captured Values are constants, with their data of now; else they are inputs, the last ones.
            ieee: whether ops give inf and nan where they raise in Python; else the function returns which one did.
            test: the arguments of a call: the file gets a main under ``#ifdef NAME_TEST`` that compares the results.

        Returns:
            The text.

        Raises:
            ExportError: where an op has no C: one of your own, or digamma, polygamma, fsum, sumprod, round to digits.
            InputError: where the name is none in C, or `test` does not fit the program.

        >>> import autograd
        >>> print(autograd.record(lambda x: x * x, 3.0).to_c(name="square").partition("enum")[2])
         { SQUARE_INPUTS = 1, SQUARE_OUTPUTS = 1, SQUARE_SCRATCH = 1 };
        <BLANKLINE>
        int square(const double *restrict x, double *restrict y, double *restrict v)
        {
            (void)v;
            y[0] = x[0] * x[0];
            return 0;
        }
        <BLANKLINE>
        """
        from .export import c_name, exported  # slow to import, and seldom needed

        program = self.gradient(argnums) if grad else self
        text = exported(program, c_name(self.name) if name is None else name, real, bake, ieee, test).text
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def compile_c(self, *, argnums: int | tuple[int, ...] = 0) -> CProgram:
        """The program, compiled by the machine's C compiler: called as the program is, with the same results.

        Its ``value_and_grad`` is the gradient's, compiled at its first call; ``fill`` takes buffers and copies nothing.
        The results are those of `to_c`: to the last bit, but for `gamma`, `lgamma` and `hypot`.

        Args:
            argnums: what `value_and_grad` differentiates by.

        Raises:
            CompilerError: where there is no C compiler, or it fails.
            ExportError: where an op has no C.
        """
        from .c_program import CProgram  # slow to import, and seldom needed

        return CProgram(self, argnums)

    @property
    def output_names(self) -> list[str]:
        """What its outputs are called, where it is one result, or one with its derivatives."""
        if self._argnums is None:
            return ["the result"] if len(self._outputs) == 1 else [f"result[{k}]" for k in range(len(self._outputs))]
        return ["the value", *[f"d/d{self.inputs[i]}" for i in chosen_inputs(self.name, self._argnums, self._spans)]]

    # ── Many samples ────────────────────────────────────────────────────────────────────────────────────────

    def batch(
        self,
        over: str | Sequence[str],
        reduce: str | None = "mean",
        argnums: int | tuple[int, ...] = 0,
        wrt: Sequence[Value] | None = None,
    ) -> Batched:
        """The program on many samples in one call: the arguments named in `over` get one more leading axis.

        See `Batched`, which says what the results are.

        Args:
            over: names of arguments, or one name: of these there is one a sample. All others, and captured Values, are
                the same for all samples.
            reduce: "mean" or "sum" over the samples, or None for the result of each.
            argnums: by which arguments the gradient is, as in `gradient`.
            wrt: captured Values to differentiate by instead, such as a model's parameters.

        Raises:
            InputError: where an argument is unknown or holds no number, or `reduce` is none of the three.
            InputTypeError: where `over` or `wrt` is of the wrong kind, or this is a gradient's program.

        >>> import autograd
        >>> loss = autograd.record(lambda w, x, t: (w * x - t) ** 2, 2.0, 1.0, 1.0)
        >>> loss.batch(over=("x", "t")).value_and_grad(2.0, [1.0, 2.0], [1.0, 1.0])
        (5.0, 7.0)
        """
        return Batched(self, over, reduce, argnums, wrt)

    def chosen(self, argnums: int | tuple[int, ...]) -> list[int]:
        """The inputs that belong to these positional arguments; errors as in `gradient`.

        >>> import autograd
        >>> autograd.record(lambda p, x: p[0] * p[1] * x, [2.0, 3.0], 5.0).chosen(0)
        [0, 1]
        """
        return chosen_inputs(self.name, argnums, self._spans)

    def slopes(self, leaves: Sequence[int]) -> tuple[Code, list[Any]]:
        """The code of the result and its derivatives by leaves; and of each of these, on what condition it exists.

        A leaf of -1 is none: its derivative is 0. A condition is a bool, or the place of an output that is 0 where
        nothing is sent to the leaf.

        Raises:
            InputTypeError: where the result is not one number.
            RecordError: where a rule of the user's own can't run on symbols.

        >>> import autograd
        >>> code, exist = autograd.record(lambda x, y: x * x, 3.0, 4.0).slopes([0, 1])
        >>> len(code.outputs), exist
        (3, [True, False])
        """
        made: tuple[Code, list[Any]] = self._once(("slopes", tuple(leaves)), lambda: self._slopes(leaves))
        return made

    def _slopes(self, chosen: Sequence[int]) -> tuple[Code, list[Any]]:
        number = self._result.parts
        single = self._result.kind == "Value"
        if self._argnums is not None or not (single or ops.is_number(number)):
            raise InputTypeError(f"{self.name} returns something else than one number, which a gradient is of")
        listing, root = self._listing.copy(), self._outputs[0] if single else float(number)
        found: list[Sum | None] = [None] * len(chosen)
        wanted = [i for i, leaf in enumerate(chosen) if leaf >= 0]
        for i, total in zip(wanted, gradients(listing, [(root, 1.0)], [chosen[i] for i in wanted]), strict=True):
            found[i] = total
        exist = [total is not None and (total.exists == ALWAYS or total.exists) for total in found]
        flags = [x for x in exist if type(x) is int]
        results = [root, *[or_zero(listing, total) for total in found], *flags]
        guards = [guard.slot for guard in self.guards]
        short, places = listing.only(range(self._leaves), [*results, *guards, *self._listing.raising()])
        outcomes = [float(guard.outcome) for guard in self.guards]
        held = list(zip(places[len(results) :], outcomes, strict=False))
        code = lowered(short, self._leaves, places[: len(results)], held)
        assert code is not None
        flag = iter(range(len(results) - len(flags), len(results)))
        return code, [x if type(x) is bool else next(flag) for x in exist]

    # ── As data ─────────────────────────────────────────────────────────────────────────────────────────────

    def __getstate__(self) -> dict[str, Any]:
        """All but what can be made again."""
        for row in self.rows:
            if not is_built_in(row.op):
                raise CopyError(
                    f"{self.name} can't be pickled: its op {row.op.name!r} at {row.place or 'an unknown line'} is "
                    "yours, and other processes don't know it; record the function there"
                )
        rows = [(row.op.name, *row[1:]) for row in self.rows]
        state = {**vars(self), "rows": rows, "_made": {}}
        del state["_listing"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        rows = [Row(BY_NAME[name], *rest) for name, *rest in self.__dict__.pop("rows")]
        self._listing = extended(listing_type()(self._leaves), rows)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def structure_of(args: tuple[Any, ...], kwargs: dict[str, Any], items: list[Any]) -> Any:
    """The structure of a call, its numbers added to `items`.

    >>> structure_of((1.0, 2), {}, [])
    (('number', (<class 'int'>, 2)), ())
    """
    if not kwargs and {*map(type, args)} <= NUMBERS:  # nothing but numbers: said at once
        items += args
        return (NUMBER,) * len(args), ()
    positional = tuple([taken_apart(x, items) for x in args])
    named = tuple([(name, taken_apart(kwargs[name], items)) for name in kwargs])
    return positional, named


def _condition(found: Sum) -> Any:
    return 1.0 if found.exists == ALWAYS else found.exists


def on_values(rows: Sequence[Row], given: Sequence[Any]) -> list[Any]:
    """Rows on Values: a graph, made as a rule makes it that runs on Values. Of a choice one side is taken, as now."""
    slots = list(given)
    with modes.mode(modes.IEEE):
        for row in rows:
            xs = [slots[x] if type(x) is int else x for x in row.inputs]
            if row.op is select:
                slots.append(xs[1] if _number(xs[0]) != 0.0 else xs[2])
            elif row.op is detach:
                slots.append(xs[0].detach() if type(xs[0]) is Value else xs[0])
            elif row.op in CONDITIONS:
                slots.append(row.op.function(*map(_number, xs)))
            else:
                slots.append(row.op(*xs))
    return slots


def _number(x: Any) -> float:
    return x._data if type(x) is Value else x


def chosen_inputs(name: str, argnums: int | tuple[int, ...], spans: Sequence[tuple[int, int]]) -> list[int]:
    """The inputs that belong to these arguments.

    Raises:
        InputTypeError: where argnums are no whole numbers.
        InputError: where there is no such argument, or it holds no number.
    """
    places = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(type(i) is int for i in places):
        raise InputTypeError(f"{name}: argnums must be a whole number or a tuple of them, not {argnums!r}")
    chosen: list[int] = []
    for i in places:
        if not 0 <= i < len(spans):
            raise InputError(f"{name}: there is no positional argument {i}, the call has {len(spans)}")
        if spans[i][0] == spans[i][1]:
            raise InputError(f"{name}: argument {i} holds no float to differentiate by; an int is structure: write 3.0")
        chosen += range(*spans[i])
    if len(set(chosen)) < len(chosen):
        raise InputError(f"{name}: argnums {argnums!r} name an argument twice")
    return chosen


def mirrored(
    args: tuple[Any, ...], argnums: int | tuple[int, ...], spans: Sequence[tuple[int, int]], numbers: Sequence[float]
) -> Any:
    """Derivatives in the structure of the arguments they belong to."""
    rest = iter(numbers)
    places = argnums if isinstance(argnums, tuple) else (argnums,)
    found = tuple([put_together(args[i], rest, plain=True) for i in places])
    return found if isinstance(argnums, tuple) else found[0]
