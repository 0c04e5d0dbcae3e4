"""A program on many samples in one call: per-sample scalar code, run over a minibatch.

A sample's numbers have the bits of the scalar program. Sums over samples begin with the first sample's number and add
the others', one after the other, in the order of the samples; a mean is that sum over how many there are. That is so
in both engines, on every processor, and however many samples a machine takes at a time.
"""

from __future__ import annotations

import re
import reprlib
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from .. import modes, ops
from ..bulk import add_gradients
from ..chain import lock
from ..engine import Value, twin
from ..errors import InputError, InputTypeError
from .arguments import NUMBER, put_together, taken_apart
from .lanes import Lanes
from .schedule import Runner, is_for_machines

Program = Any  # program.py's, which imports this
REDUCTIONS: Final = ("mean", "sum", None)
_FEW: Final = 2  # samples that the scalar machine runs sooner than one of lanes
_INTERIOR: Final = "backward() sends to leaves; one of the captured Values is not a leaf: name others in wrt"


class Argument(NamedTuple):
    """One argument of the recorded function.

    Attributes:
        name: what it is called; "" where it holds no number.
        structure: as `taken_apart` has it.
        sizes: of lists of one length, in lists of one length …: these lengths; None where it is built otherwise.
        inputs: the inputs of the program that its numbers are.
        varies: whether there is one a sample.
    """

    name: str
    structure: Any
    sizes: tuple[int, ...] | None
    inputs: range
    varies: bool


class Call(NamedTuple):
    """What a call was given.

    Attributes:
        args: the positional arguments.
        uniform: the numbers that are the same for all samples, of one argument after the other, then captured Values.
        columns: the numbers of each argument that varies, sample by sample.
        samples: how many there are.
    """

    args: tuple[Any, ...]
    uniform: tuple[Any, ...]
    columns: tuple[Any, ...]
    samples: int


class Batched:
    """What `Program.batch` returns: call it as the function, with a list of samples where that takes one.

    An argument that is named in `over` is a sequence with an item for each sample: lists or tuples of numbers, of the
    shape that the function was recorded with, an ``array.array``, or a numpy array with one more axis. Whole numbers
    will do where the function takes floats. Other arguments, and captured Values, are read once a call and are the
    same for all samples. Results are floats; Values among the arguments count as their numbers.

    A call checks every guard for every sample; where one fails, or an op has no answer, nothing is returned or
    written, and the error names the sample.

    With ``reduce="mean"`` or ``"sum"`` each number of the result, and each derivative, is summed over the samples: the
    first sample's, plus the second's, and so on in their order; a mean is that sum divided by how many samples there
    are. The bits of each sample, and so those of the sums, are those of the program called in a loop. With
    ``reduce=None`` results are lists with an item for each sample.

    It can be pickled, as its program can.

    Attributes:
        program: what was recorded.
        over: the names of the arguments that vary.
        reduce: "mean", "sum" or None.

    >>> import autograd
    >>> program = autograd.record(lambda w, x: autograd.tanh(w[0] * x + w[1]), [1.0, 0.0], 0.0)
    >>> batched = program.batch(over="x", reduce=None)
    >>> batched([0.5, 0.0], [0.0, 2.0]) == [program([0.5, 0.0], 0.0), program([0.5, 0.0], 2.0)]
    True
    """

    def __init__(
        self,
        program: Program,
        over: str | Sequence[str],
        reduce: str | None = "mean",
        argnums: int | tuple[int, ...] = 0,
        wrt: Sequence[Value] | None = None,
    ) -> None:
        names = (over,) if isinstance(over, str) else over
        if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
            raise InputTypeError(f"batch: over must be an argument's name or a tuple of them, not {over!r:.60}")
        if reduce not in REDUCTIONS:
            raise InputError(f"batch: reduce must be 'mean', 'sum' or None, not {reduce!r:.60}")
        if wrt is not None and not (isinstance(wrt, (list, tuple)) and all(type(v) is Value for v in wrt)):
            raise InputTypeError(f"batch: wrt must be a list of Values, such as model.parameters(), not {wrt!r:.60}")
        if program._argnums is not None:
            raise InputTypeError(f"batch: {program.name} is a program already; batch that of the function itself")
        self.program, self.over, self.reduce = program, tuple(names), reduce
        self._argnums, self._wrt = argnums, None if wrt is None else list(wrt)
        self._arguments = arguments_of(program, self.over)
        self._values = list(program.captured)
        self._runs: dict[str, _Run] = {}

    def __reduce__(self) -> Any:
        return Batched, (self.program, self.over, self.reduce, self._argnums, self._wrt)

    def __repr__(self) -> str:
        return f"<batch of {self.program.name} over {', '.join(self.over)}: {self.reduce or 'each sample'}>"

    def explain(self) -> str:
        """How it runs, in words: what varies, what results are, what is computed once a call, and the program.

        >>> import autograd
        >>> program = autograd.record(lambda w, x: w * w * x, 2.0, 1.0)
        >>> print(program.batch(over="x").explain().partition("in the")[0].strip())
        <lambda> for each of x; the same for all: w
        results: the mean over samples,
        """
        others = [a.name for a in self._arguments if a.name and not a.varies]
        captured = len(self.program.captured)
        others += [f"{captured} captured Value{'s' * (captured > 1)}"] * (captured > 0)
        what = f"the {self.reduce} over samples, in the order of the samples" if self.reduce else "those of each sample"
        shared = ", ".join(others) or "none"
        return "\n".join(
            [
                f"{self.program.name} for each of {', '.join(self.over)}; the same for all: {shared}",
                f"results: {what}",
                self._forward().how(),
                self.program.explain(),
            ]
        )

    # ── Calls ───────────────────────────────────────────────────────────────────────────────────────────────

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        """What the function returns, over all samples.

        Args:
            args: the function's, those in `over` for all samples.
            out: where the gradient goes, too: a list, array.array or numpy array of as many floats as there are, all
                in one row. Then the value is returned.
            kwargs: the function's, by name.

        Raises:
            InputError: where an argument has another structure than the recorded one, the samples of two arguments
                are not as many, there are none, or `out` has another length.
            InputTypeError: where `out` can't be written to; with `out`, as `value_and_grad`.
            GuardError: where the function would go another way for a sample than when it was recorded.
            AutogradError: where an op of the function has no answer for a sample, as the function raises.
        """
        if out is not None:
            return self.value_and_grad(*args, out=out, **kwargs)[0]
        call, run = self._call(args, kwargs), self._forward()
        numbers, result = run(call), self.program._result
        if self.reduce:
            return result.of(numbers)
        return [result.of(numbers[i * run.results : (i + 1) * run.results]) for i in range(call.samples)]

    def value_and_grad(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        """The value and its derivatives: in the structure of the arguments that `argnums` names, or a list, by `wrt`.

        Args:
            args: the function's, those in `over` for all samples.
            out: as in a call; then it is what stands in place of the derivatives.
            kwargs: the function's, by name.

        Raises:
            InputError: as a call; or where there is no such argument, it holds no number, or it varies and `reduce`
                is not None.
            InputTypeError: as a call; or where the result is not one number.
            GuardError: as a call.
            AutogradError: as a call.

        >>> import autograd
        >>> program = autograd.record(lambda w, x: (w[0] * x + w[1]) ** 2, [1.0, 0.0], 0.0)
        >>> program.batch(over="x", reduce="sum").value_and_grad([1.0, 0.0], [1.0, 2.0])
        (5.0, [10.0, 6.0])
        """
        if out is not None and not self.reduce:
            raise InputError("batch: out takes one gradient; with reduce=None there is one a sample")
        run = self._sloped()
        count = len(run.leaves)
        write = None if out is None else writer(out, count)
        call = self._call(args, kwargs)
        numbers = run(call)
        if write is not None:
            write(numbers[1 : 1 + count])
            return numbers[0], out
        if self.reduce:
            return numbers[0], self._mirrored(call.args, numbers[1 : 1 + count])
        rows = [numbers[i : i + run.results] for i in range(0, len(numbers), run.results)]
        return [row[0] for row in rows], [
            self._mirrored(call.args, row[1 : 1 + count], i) for i, row in enumerate(rows)
        ]

    def backward(self, *args: Any, **kwargs: Any) -> float:
        """The value; its derivatives are added to the `grad` of captured Values, as by `backward` of the reduced value.

        They are those in `wrt`, or all captured ones. A Value that no sample sends anything to is left alone; hooks on
        one see its derivative.

        Raises:
            InputError: as a call; or where reduce is None, or a Value is not a leaf.
            InputTypeError: as `value_and_grad`.
            GuardError: as a call.
            AutogradError: as a call.

        >>> import autograd
        >>> w = autograd.Value(3.0)
        >>> batched = autograd.record(lambda x: w * x, 1.0).batch(over="x")
        >>> batched.backward([1.0, 2.0]), w.grad
        (4.5, 1.5)
        """
        if not self.reduce:
            raise InputError("batch: backward() sends one gradient; with reduce=None there is one a sample")
        values = self._values if self._wrt is None else self._wrt
        run = self._runs.get("backward")
        if run is None:
            if any(v._operation is not None for v in values):
                raise InputError(f"batch: {_INTERIOR}")
            run = self._made("backward", self._captured(values))
        numbers = run(self._call(args, kwargs))
        with lock:
            add_gradients(values, numbers[1 : 1 + len(values)], run.reached(numbers))
        return numbers[0]

    # ── What a call comes to ────────────────────────────────────────────────────────────────────────────────

    def _forward(self) -> _Run:
        return self._runs.get("value") or self._made("value", None)

    def _sloped(self) -> _Run:
        run = self._runs.get("gradient")
        if run is not None:
            return run
        if self._wrt is not None:
            return self._made("gradient", self._captured(self._wrt))
        leaves = self.program.chosen(self._argnums)
        for argument in self._arguments:
            if argument.varies and self.reduce and {*leaves} & {*argument.inputs}:
                raise InputError(
                    f"batch: a gradient by {argument.name} is one for each sample, with reduce=None; else name other "
                    "arguments in argnums, or captured Values in wrt"
                )
        return self._made("gradient", leaves)

    def _captured(self, values: Sequence[Value]) -> list[int | None]:
        """Which leaf of the program each of these is; None where it is none."""
        places = {id(v): i for i, v in enumerate(self.program.captured, len(self.program.inputs))}
        return [places.get(id(v)) for v in values]

    def _made(self, what: str, leaves: Sequence[int | None] | None) -> _Run:
        run = self._runs[what] = _Run(self.program, self._arguments, self.reduce, leaves)
        return run

    def _mirrored(self, args: tuple[Any, ...], numbers: array[float], i: int | None = None) -> Any:
        """Derivatives in the structure of the arguments that they belong to; `i` of a sample's."""
        if self._wrt is not None:
            return numbers.tolist()
        rest = iter(numbers)
        places = self._argnums if isinstance(self._argnums, tuple) else (self._argnums,)
        given = [args[k][i] if i is not None and self._arguments[k].varies else args[k] for k in places]
        found = tuple([put_together(x, rest, plain=True) for x in given])
        return found if isinstance(self._argnums, tuple) else found[0]

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """The numbers of a call; see `Call`."""
        if modes.recorder() is not None:
            raise InputError("a batch inside a function that is being recorded; call the function itself there")
        positional = len(self.program._spans)
        if len(args) != positional or len(args) + len(kwargs) != len(self._arguments):
            raise InputError(
                f"the batch of {self.program.name} takes {positional} arguments by position and "
                f"{len(self._arguments) - positional} by name, as it was recorded; not {len(args)} and {len(kwargs)}"
            )
        uniform: list[Any] = []
        columns: list[Any] = []
        samples, named = 0, ""
        for k, argument in enumerate(self._arguments):
            if k >= positional and argument.name not in kwargs:
                raise InputError(
                    f"the batch of {self.program.name} was recorded with {argument.name}=, which is not there"
                )
            x = args[k] if k < positional else kwargs[argument.name]
            if not argument.varies:
                uniform.append(in_one_row([x], argument, ""))
                continue
            if not (hasattr(x, "__len__") and hasattr(x, "__getitem__")) or isinstance(x, (dict, str)):
                raise InputTypeError(f"batch: {argument.name} must be a list or array of samples, not {x!r:.60}")
            if named and len(x) != samples:
                raise InputError(f"batch: {samples} samples in {named}, but {len(x)} in {argument.name}")
            samples, named = len(x), argument.name
            if not samples:
                raise InputError(f"batch: there are no samples in {named}")
            columns.append(in_one_row(x, argument, f"sample {{}} of {argument.name}"))
        if self.program.captured:
            uniform.append(self._values)
        return Call(args, tuple(uniform), tuple(columns), samples)


class _Run:
    """A code of a program, and what runs it on many samples.

    Args:
        program: the program.
        arguments: its arguments.
        reduce: "mean", "sum" or None.
        leaves: what to differentiate the result by; None where it is for the result alone.
    """

    def __init__(
        self, program: Program, arguments: Sequence[Argument], reduce: str | None, leaves: Sequence[int | None] | None
    ) -> None:
        self.program, self.arguments, self.reduce, self.leaves = program, arguments, reduce, leaves or ()
        self.code, exist = program.code, list[Any]()
        if leaves is not None:
            self.code, exist = program.slopes([-1 if x is None else x for x in leaves])
        self.results = len(self.code.outputs)
        self._exist = [] if all(x is True for x in exist) else exist
        self._lanes: Lanes | None = None
        self._runner: Runner | None = None

    def __call__(self, call: Call) -> array[float]:
        """The outputs: of all samples one after the other, or their sums, or means."""
        ieee = bool(modes.word() & modes.IEEE)
        numbers = array("d")
        lanes = self._for_many() if call.samples > _FEW else None
        if lanes is not None:
            found = lanes(call.uniform, call.columns, call.samples, self.reduce == "mean", ieee)
            if found is not None:
                numbers.frombytes(found)
                return numbers
        return self._one_by_one(call, ieee)

    def _for_many(self) -> Lanes | None:
        """The machine of lanes, made when it is first needed; None where there is none."""
        if self._lanes is None and is_for_machines(self.code):
            varying = [x for argument in self.arguments if argument.varies for x in argument.inputs]
            self._lanes = Lanes(self.code, varying, self.reduce is not None)
        return self._lanes

    def _one_by_one(self, call: Call, ieee: bool) -> array[float]:
        """The same by the program's own machine, or by Python."""
        self._runner = runner = self._runner or Runner(self.code)
        numbers = array("d")
        for i in range(call.samples):
            leaves = [*self._leaves(call, i), *self.program.captured]
            outputs = runner(leaves, ieee)
            if outputs is None:
                raise named(self.program._failure(leaves[: len(self.program.inputs)]), i)
            if self.reduce is None or i == 0:
                numbers.extend(outputs)
            else:
                numbers = array("d", [a + b for a, b in zip(numbers, outputs, strict=True)])
        if self.reduce == "mean" and call.samples > 1:
            return array("d", [x / call.samples for x in numbers])
        return numbers

    def _leaves(self, call: Call, i: int) -> Iterator[Any]:
        uniform, columns = iter(call.uniform), iter(call.columns)
        for argument in self.arguments:
            if argument.varies:
                n = len(argument.inputs)
                yield from doubles(next(columns))[i * n : (i + 1) * n]
            else:
                yield from doubles(next(uniform))

    def reached(self, numbers: array[float]) -> list[bool] | None:
        """To which leaves anything was sent, by any sample; None where to all."""
        return None if not self._exist else [x if type(x) is bool else numbers[x] != 0.0 for x in self._exist]

    def how(self) -> str:
        """How it is run, in words."""
        lanes = self._for_many()
        return "one sample after the other" if lanes is None else lanes.how()


def arguments_of(program: Program, over: Sequence[str]) -> list[Argument]:
    """The arguments of a program, in order; those in `over` vary.

    Raises:
        InputError: where there is no such argument, or it holds no number.
    """
    found: list[Argument] = []
    positional, named = program._structure
    rest = program._spans[-1][1] if program._spans else 0
    spans = list(program._spans)
    for name, _ in named:
        count = sum([_first_name(x) == name for x in program.inputs[rest:]])
        spans.append((rest, rest + count))
        rest += count
    names = [_first_name(program.inputs[first]) if first < last else "" for first, last in program._spans]
    names += [name for name, _ in named]
    structures = [*positional, *[structure for _, structure in named]]
    for name, structure, (first, last) in zip(names, structures, spans, strict=True):
        varies = name in over and first < last
        found.append(Argument(name, structure, sizes_of(structure), range(first, last), varies))
    for name in over:
        if not any(a.name == name and a.varies for a in found):
            known = ", ".join([a.name for a in found if a.inputs]) or "none"
            raise InputError(
                f"batch: {program.name} has no argument {name!r} that holds floats; those that do: {known}. A whole "
                f"number is part of the structure: record with a float, float({name})"
            )
    return found


def _first_name(text: str) -> str:
    """The argument that an input belongs to: p of ``p[0].w``."""
    return re.split(r"[.\[]", text, maxsplit=1)[0]


def sizes_of(structure: Any) -> tuple[int, ...] | None:
    """The lengths of lists in lists, from the outermost in; None where they are none, or of several lengths.

    >>> sizes_of((list, 3)), sizes_of((tuple, ((list, 2), (list, 2)))), sizes_of((int, 3))
    ((3,), (2, 2), None)
    """
    if structure == NUMBER:
        return ()
    if not isinstance(structure, tuple):
        return None
    kind, *rest = structure
    if kind == "array":
        return tuple(rest[1]) if len(rest) == 2 and isinstance(rest[0], str) else None
    if kind not in (list, tuple, array) or len(rest) != 1:
        return None
    if isinstance(rest[0], int):
        return (rest[0],)
    sizes = {sizes_of(item) for item in rest[0]}
    inner = sizes.pop() if len(sizes) == 1 else None
    return None if inner is None else (len(rest[0]), *inner)


def in_one_row(samples: Any, argument: Argument, what: str) -> Any:
    """The numbers of samples as a buffer of doubles, sample by sample.

    Raises:
        InputError: where a sample is not built as the argument was when it was recorded.
    """
    sizes = argument.sizes
    if sizes is not None:
        whole = samples if what else samples[0]
        shape = (len(samples), *sizes) if what else sizes
        if not isinstance(whole, (list, tuple, float)):
            try:
                view = memoryview(whole)
            except TypeError:
                pass
            else:
                if view.format == "d" and view.c_contiguous and view.shape == shape:
                    return view
        found = packed(samples, sizes)
        if found is not None:
            return found
    numbers: list[Any] = []
    for i, x in enumerate(samples):
        structure = taken_apart(x, numbers)
        if structure != argument.structure:
            raise InputError(
                f"batch: {what.format(i) or argument.name or 'an argument'} is {reprlib.repr(x)}, which has another "
                f"structure than what the program was recorded with: {argument.structure!r:.100}"
            )
    return array("d", [x._data if type(x) is Value else x for x in numbers])


@twin
def packed(samples: Any, sizes: tuple[int, ...]) -> Any:
    """The numbers of samples that are lists in lists of these lengths, in one row; None where they are something else.

    >>> packed([[1, 2.5], (Value(3.0), 4.0)], (2,)).tolist()
    [1.0, 2.5, 3.0, 4.0]
    """
    numbers = array("d")

    def add(x: Any, depth: int) -> bool:
        if depth == len(sizes):
            if type(x) is Value:
                numbers.append(x._data)
            elif ops.is_number(x):
                numbers.append(ops.number(x))
            else:
                return False
            return True
        x = x.tolist() if hasattr(x, "tolist") else x
        return isinstance(x, (list, tuple)) and len(x) == sizes[depth] and all(add(item, depth + 1) for item in x)

    return numbers if all(add(x, 0) for x in samples) else None


def doubles(numbers: Any) -> Any:
    """A row of numbers to take some of: a buffer's, or a list.

    >>> doubles(array("d", [1.0, 2.0]).tobytes())[1]
    2.0
    """
    if isinstance(numbers, (list, array)):
        return numbers
    view = memoryview(numbers)
    return (view if view.format == "B" else view.cast("B")).cast("d")


def named(error: Exception, i: int) -> Exception:
    """The error, its message with the sample in front.

    >>> named(InputError("no"), 3)
    InputError('sample 3: no')
    """
    error.args = (f"sample {i}: {error}", *error.args[1:])
    return error


def writer(out: Any, count: int) -> Any:
    """What writes so many numbers into a list, an array or a numpy array.

    Raises:
        InputError: where it has another length.
        InputTypeError: where it can't be written to, or holds something else than doubles.

    >>> row = [0.0, 0.0]
    >>> writer(row, 2)(array("d", [1.0, 2.0])); row
    [1.0, 2.0]
    """
    if isinstance(out, list):
        length = len(out)
    else:
        try:
            view = memoryview(out)
        except TypeError:
            raise InputTypeError(
                f"batch: out must be a list, an array.array or a numpy array, not {out!r:.60}"
            ) from None
        if view.format != "d" or view.readonly or not view.c_contiguous:
            raise InputTypeError("batch: out must hold doubles in one row, and be writable: array('d', …), or float64")
        length = view.nbytes // 8
    if length != count:
        raise InputError(f"batch: out has room for {length} numbers, and the gradient has {count}")

    def write(numbers: array[float]) -> None:
        if isinstance(out, list):
            out[:] = numbers.tolist()
        else:
            view.cast("B")[:] = memoryview(numbers).cast("B")

    return write
