"""`audit`: what is wrong with a hand-written backward pass.

The forward pass is run on Values where it can be, else by differences, for the true gradient at several random points.
Where the gradient written by hand is not that, what it is instead is looked for: a multiple of the true one; what a
dense net's textbook pass gives with one mistake in it; the gradient of another loss. The simplest that gives the same
numbers at every point is the verdict. Where none does, as with convolutions and recurrent nets, the text of the
backward pass is changed, one place at a time, until it is right (repairs.py): that names the line. A function whose
text is not at hand, as one made by `exec`, is then only said to be wrong.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..calculus import gradients
from ..engine import Value
from ..errors import GradientError, InputError, InputTypeError
from . import repairs, trees
from .arrays import np
from .calling import Caller, Pool, arrays, gradient_arrays, grouped
from .dense import (
    ABSOLUTE,
    BINARY,
    CROSS,
    LOSSES,
    RIGHT,
    SIGMOID,
    SOFTMAX,
    SQUARED,
    Loss,
    Mistake,
    Net,
    Point,
    Samples,
    recognise,
)
from .numeric import central

CLOSE = 1e-6  # relative to the largest entry: two gradients are the same
NEAR = 1e-3  # they may be the same but for a 1e-8 inside a logarithm
MOST = 20_000  # parameters: each is one of the true gradient's slopes
POINTS = 5  # where the functions are asked: the given one, then random ones
TRUE_AT = 3  # of these, where the true gradient is computed
NAMES = {
    "mse": SQUARED,
    "squared": SQUARED,
    "bce": BINARY,
    "cross-entropy": CROSS,
    "crossentropy": CROSS,
    "ce": CROSS,
    "mae": ABSOLUTE,
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        kind: "sign", "factor", "slope missing", "slope doubled", "slope at activation", "slope formula",
            "transposed weight", "transposed gradient", "wrong weight", "stale input", "bias", "accumulation", "loss",
            "regularisation", "swapped", "shape" or "unknown".
        words: in plain words, with the place.
        factor: what the gradient is multiplied by, where that is all; else 1.0.
    """

    kind: str
    words: str
    factor: float = 1.0


@dataclass
class Audit:
    """What an audit found: print it.

    Attributes:
        correct: whether the gradient is that of the loss.
        verdict: one or two sentences.
        faults: what is wrong, empty where nothing is.
        table: for each parameter its name, the largest relative error and the factor from true to claimed, or nan.
        loss: the loss as it was recognised, in a formula; "" where it was not.
    """

    correct: bool
    verdict: str
    faults: list[Fault] = field(default_factory=list)
    table: list[tuple[str, float, float]] = field(default_factory=list)
    loss: str = ""

    def __str__(self) -> str:
        rows = [f"  {name:<12} {self._row(error, factor)}" for name, error, factor in self.table]
        return "\n".join([self.verdict, *rows])

    @staticmethod
    def _row(error: float, factor: float) -> str:
        if error <= CLOSE:
            return "right"
        return (
            f"wrong: {_number(factor)} × the true gradient"
            if math.isfinite(factor)
            else f"wrong, by {error:.1%} of its size"
        )

    def require(self) -> None:
        """Raise where something is wrong, as an assertion.

        Raises:
            GradientError: with the verdict.
        """
        if not self.correct:
            raise GradientError(str(self))


def audit(
    forward: Callable[..., Any],
    backward: Any,
    *arguments: Any,
    loss: Callable[..., Any] | str | None = None,
    learning_rate: float | None = None,
    **named: Any,
) -> Audit:
    """Say what is wrong with a hand-written backward pass, if anything is.

    Args:
        forward: computes the loss, or the prediction. It may return more (a cache, hidden activations), in a tuple.
        backward: computes the gradients by the parameters: in a dict under the same names (``dW1`` for ``W1``), a list
            or a tuple in the same order, or one array; a loss may stand before them. Or it takes one step, changing the
            parameters in place; then give the `learning_rate`. Leave it out where `forward` returns (loss, gradients).
        arguments: the parameters (arrays, lists, numbers; in a dict, a list, alone, or one by one, as many as
            `backward` gives gradients), then the data: inputs, targets.
        loss: where `forward` gives predictions: a function of (prediction, targets), or "mse", "bce", "cross-entropy";
            left out, it is recognised by the gradient.
        learning_rate: passed on under that name, and what a step in place is divided by.
        named: arguments that the two functions take by name.

    Both are called with what their parameters' names say (``W1``, ``params``, ``x``, ``y``, ``cache`` …), else with as
    many as they take, in order: parameters and data, or data and parameters; `backward` also gets what `forward` gave.

    Returns:
        An `Audit`, whose text says in plain words what is wrong and where.

    Raises:
        InputError: where the functions can't be called with these arguments, or return nothing that can be used.
        InputTypeError: where forward is no function, or there are no parameters.

    >>> import numpy as np
    >>> def forward(params, x, y):
    ...     return np.mean((np.tanh(x @ params["W"] + params["b"]) - y) ** 2)
    >>> def backward(params, x, y):
    ...     a = np.tanh(x @ params["W"] + params["b"])
    ...     delta = 2 * (a - y) / y.size
    ...     return {"W": x.T @ delta, "b": delta.sum(axis=0)}
    >>> params = {"W": np.array([[0.5], [-0.3]]), "b": np.array([0.1])}
    >>> x, y = np.array([[1.0, 2.0], [0.5, -1.0], [-2.0, 0.3]]), np.array([[0.5], [-0.5], [0.2]])
    >>> print(audit(forward, backward, params, x, y).verdict)
    Wrong: the activation's slope (tanh') is missing in layer 1 (output) (W).
    """
    if not callable(forward):
        raise InputTypeError(f"audit takes the forward pass first, a function, not {forward!r}")
    together = not callable(backward)
    if together:
        arguments = (backward, *arguments)
    if not arguments:
        raise InputTypeError("audit needs the parameters: audit(forward, backward, parameters, inputs, targets)")
    parameters, *data = grouped(forward, None if together else backward, arguments, named)
    return _Auditor(forward, None if together else backward, parameters, data, loss, learning_rate, named).audit()


class _Seen(NamedTuple):
    """A point, the true gradient there (None where no loss is known), the claimed one."""

    point: Point
    true: Any
    claimed: Any


class _Auditor:
    """One audit: asks the functions at random points, then looks for what explains the answers."""

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any] | None,
        parameters: Any,
        data: Sequence[Any],
        loss: Any,
        rate: float | None,
        named: dict[str, Any],
    ) -> None:
        self.forward = Caller(forward, "forward pass")
        self.backward = Caller(backward, "backward pass") if backward else None
        self.parameters, self.data, self.rate, self.named = parameters, list(data), rate, named
        trees.checked(parameters, "the parameters")
        self.arrays = arrays(parameters)
        self.names = [name or "the parameters" for name, _ in self.arrays]
        self.sizes = [a.size for _, a in self.arrays]
        self.theta = np.concatenate([np.ravel(a) for _, a in self.arrays]) if self.arrays else np.zeros(0)
        if not self.theta.size:
            raise InputTypeError("audit: the parameters hold no numbers")
        if self.theta.size > MOST:
            raise InputError(
                f"audit: {self.theta.size} parameters take too long, {MOST} are the most; a mistake shows in a "
                "smaller net too: give its layers a few units each, of different sizes"
            )
        if isinstance(loss, str) and loss.lower() not in NAMES:
            raise InputError(
                f"audit: loss must be a function of (prediction, targets) or one of {', '.join(NAMES)}, not {loss!r}"
            )
        self.loss = Caller(loss, "loss") if callable(loss) else loss
        self.misshapen: dict[str, Fault] = {}

    def named_arrays(self) -> list[tuple[str, Any]]:
        return [(name, a) for name, (_, a) in zip(self.names, self.arrays, strict=True)]

    # ── Asking ──────────────────────────────────────────────────────────────────────────────────────────

    def pool(self, theta: Any, data: Sequence[Any]) -> Pool:
        tree = trees.rebuild(self.parameters, iter([x if type(x) is Value else float(x) for x in theta]))
        return Pool(tree, [copy.deepcopy(d) for d in data], self.named, self.rate)

    def run(self, pool: Pool) -> tuple[Any, Any]:
        """(the loss or None, the prediction or None) of a forward pass."""
        result = self.forward(pool)
        pool.give_back(result)
        if self.backward is None:
            return _scalar(result[0] if isinstance(result, tuple) else result), None
        first = result[0] if isinstance(result, tuple) and result else result
        if self.loss is None and (scalar := _scalar(first)) is not None and not self._is_prediction(first):
            return scalar, None
        out = self._prediction(result)
        if isinstance(self.loss, Caller):
            return _scalar(self._judged(out, pool)), out
        return None, out

    def _take_names(self) -> None:
        """Call parameters that have a number alone by the name that a function gives them."""
        if not isinstance(self.parameters, (list, tuple)):
            return
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            pool = self.pool(self.theta, self.data)
            self.run(pool)
            if self.backward is not None:
                self.backward(pool)
        told: dict[str, str] = {}
        for caller in (self.forward, self.backward):
            names = _parameter_names(caller.function) if caller else []
            for name, place in zip(names, (caller.way if caller else None) or (), strict=False):
                if place[0] == "parameter":
                    told.setdefault(f"[{place[1]}]", name)
        self.names = [
            next((text + name.removeprefix(place) for place, text in told.items() if name.startswith(place)), name)
            for name in self.names
        ]

    def _is_prediction(self, first: Any) -> bool:
        """Whether a number alone is a prediction: where it does not depend on the target."""
        if len(self.data) < 2 or np.ndim(self.data[1]) > 0:
            return False
        way = self.forward.way or ()
        return ("data", 1) not in way and not self.named

    def _prediction(self, result: Any) -> Any:
        parts = list(result) if isinstance(result, tuple) else [result]
        target = np.shape(self.data[1]) if len(self.data) > 1 else None
        found = [p for p in parts if not isinstance(p, dict) and (_dimensions(p) > 0 or len(parts) == 1)]
        for p in parts:
            if isinstance(p, dict):
                found += list(p.values())
        alike = [p for p in found if target is not None and _dimensions(p) >= 0 and np.shape(p) == target]
        return alike[-1] if alike else found[0] if found else result

    def _judged(self, out: Any, pool: Pool) -> Any:
        assert isinstance(self.loss, Caller)
        names = [p.lower() for p in _parameter_names(self.loss.function)]
        y = pool.data[1] if len(pool.data) > 1 else None
        swapped = bool(names) and names[0] in ("y", "y_true", "target", "targets", "t", "label", "labels", "truth")
        return self.loss.function(y, out) if swapped else self.loss.function(out, y)

    def value(self, theta: Any, data: Sequence[Any]) -> Any:
        return self.run(self.pool(theta, data))[0]

    def claimed(self, theta: Any, data: Sequence[Any]) -> Any:
        """What the backward pass says, all parameters in a row."""
        pool = self.pool(theta, data)
        self.run(pool)
        result = pool.result if self.backward is None else self.backward(pool)
        after = np.concatenate([np.ravel(a) for _, a in arrays(pool.parameters)])
        if self.rate is not None and not np.array_equal(after, theta):
            return (np.asarray(theta) - after) / self.rate  # it took a step
        if self.backward is None and isinstance(result, tuple) and len(result) > 2:
            result = result[1:]
        found = gradient_arrays(result, self.arrays, self.parameters)
        return np.concatenate(
            [self._fitted(g, name, a) for g, (name, a) in zip(found, self.named_arrays(), strict=True)]
        )

    def _fitted(self, g: Any, name: str, a: Any) -> Any:
        """A gradient as a row as long as its parameter; notes where its shape is another."""
        if g is None:
            words = f"{name} is left out: the backward pass returns no gradient for it"
            self.misshapen[name] = Fault("bias" if _is_bias(name) else "factor", words, 0.0)
            return np.zeros(a.size)
        told = f"the gradient of {name} has shape {g.shape}, {name} has {a.shape}"
        if g.size == a.size:
            if g.shape == a.shape[::-1] != a.shape and min(a.shape) > 1:
                self.misshapen[name] = Fault("transposed gradient", f"{told}: it is transposed")
                return g.T.ravel()
            return g.ravel()
        where = "summed or averaged over too much" if g.size == 1 else "summed along the wrong axis"
        if g.size > 1 and (a.size == 1 or (a.ndim and g.ndim and g.shape[-1] == a.shape[-1])):
            where = "not summed over the samples"
        words = f"{told}: it is {where}{' (a bias summed wrongly)' * _is_bias(name)}"
        self.misshapen[name] = Fault("bias" if _is_bias(name) else "shape", words)
        return np.full(a.size, float(g.ravel()[0]) if g.size == 1 else np.nan)

    def true(self, theta: Any, data: Sequence[Any], value: float) -> Any:
        """The gradient of the student's own forward pass: on Values where it runs on them, else by differences."""
        try:
            leaves = [Value(float(x)) for x in theta]
            y = self.value(leaves, data)
            if type(y) is Value and abs(y.data - value) <= 1e-9 * max(abs(value), 1e-9):
                return np.array([g.data for g in gradients(y, leaves)])
        except Exception:  # the functions are made for floats: whatever they do with other numbers
            pass
        slopes = []
        for i, x in enumerate(theta):
            along = lambda t, i=i: float(self.value([*theta[:i], t, *theta[i + 1 :]], data))  # noqa: E731
            slopes.append(central(along, float(x), noise=4e-16 * abs(value), levels=7).value)
        return np.array(slopes)

    def seen(self) -> list[_Seen]:
        """The answers at the given point and at random ones."""
        random = np.random.default_rng(0)
        found: list[_Seen] = []
        self._take_names()
        for n in range(POINTS):
            theta, data = self.theta, self.data
            if n:
                theta = random.normal(0.0, 0.7, self.theta.size)
                data = [_jittered(self.data[0], random), *self.data[1:]] if self.data else []
            try:
                with np.errstate(all="ignore"):
                    value, output = self.run(self.pool(theta, data))
                    if value is not None and not math.isfinite(value):
                        continue
                    claimed = self.claimed(theta, data)
                    true = None if value is None or n >= TRUE_AT else self.true(theta, data, value)
            except Exception:
                if n == 0 or len(found) == 0:
                    raise
                continue
            found.append(_Seen(Point(theta, data, value, output), true, claimed))
        return found

    # ── Explaining ──────────────────────────────────────────────────────────────────────────────────────

    def audit(self) -> Audit:
        with np.errstate(all="ignore"):
            seen = self.seen()
            known = seen[0].true is not None
            judged = [s for s in seen if s.true is not None]
            table = self.table([(s.true, s.claimed) for s in judged]) if known else []
            if known and all(error <= CLOSE for _, error, _ in table) and not self.misshapen:
                return Audit(True, "Correct: this is the gradient of the loss.", table=table)
            nets = self.nets(seen)
            loss = _formula(*nets[0], seen[0]) if nets and nets[0][0].loss else ""
            if not known:
                return self.without_loss(seen, nets)
            if (
                all(error <= NEAR for _, error, _ in table)
                and not self.misshapen
                and any(self.matching(net, reading, judged, [RIGHT]) for net, reading in nets)
            ):
                words = (
                    "Correct: this is the gradient of the loss, but for the small number that keeps a logarithm finite."
                )
                return Audit(True, words, table=[(name, 0.0, 1.0) for name in self.names], loss=loss)
            faults = self.faults(judged, nets, table)
        words = "; ".join(fault.words for fault in faults)
        return Audit(False, f"Wrong: {words}.", faults, table, loss)

    def table(self, pairs: Sequence[tuple[Any, Any]]) -> list[tuple[str, float, float]]:
        rows, start = [], 0
        for name, size in zip(self.names, self.sizes, strict=True):
            part = slice(start, start + size)
            start += size
            error = max(_distance(c[part], t[part], t) for t, c in pairs)
            rows.append((name, error, _ratio([(t[part], c[part]) for t, c in pairs])))
        return rows

    def nets(self, seen: Sequence[_Seen]) -> list[tuple[Net, Samples]]:
        """The dense nets that the forward pass may be."""
        if not self.data:
            return []
        shapes = [(name, a.shape) for name, a in self.arrays]
        try:
            found = recognise(shapes, [s.point for s in seen])
            for net, _ in found:
                net.rate = self.rate
            return found
        except (TypeError, ValueError, IndexError):  # data that are no arrays of numbers
            return []

    def faults(
        self, seen: Sequence[_Seen], nets: list[tuple[Net, Samples]], table: list[tuple[str, float, float]]
    ) -> list[Fault]:
        """What is wrong, the simplest explanation that holds at every point."""
        wrong = [row for row in table if row[1] > CLOSE]
        if self.misshapen:
            others = [name for name, _, _ in wrong if name not in self.misshapen]
            too = [Fault("unknown", f"and the gradient of {', '.join(others)} is wrong too")] if others else []
            return [*self.misshapen.values(), *too]
        whole = _ratio([(s.true, s.claimed) for s in seen])
        if math.isfinite(whole) and whole != 0.0 and len(wrong) == len(table):
            return [self.multiple(whole, seen, nets)]
        if (mistake := self.single(nets, seen)) is not None:
            return mistake
        parts = [r for r in wrong if math.isfinite(r[2])]
        if len(parts) == len(wrong):
            alike: dict[float, list[str]] = {}
            for name, _, factor in parts:
                alike.setdefault(factor, []).append(name)
            return [self.part(", ".join(names), factor, nets, seen) for factor, names in alike.items()]
        if (swap := self.swapped(seen)) is not None:
            return [swap]
        for net, reading in nets:
            if (fault := self.other_loss(net, reading, seen)) is not None:
                return [fault]
        if (mistake := self.single(nets, seen, scaled=True)) is not None:
            return mistake
        return [self.repaired(nets, seen, [name for name, _, _ in wrong]) or self.unknown(table, seen)]

    def repaired(self, nets: list[tuple[Net, Samples]], seen: Sequence[_Seen], wrong: list[str]) -> Fault | None:
        """The one change to the text of the backward pass that makes it right, told as the mistake that it undoes."""
        ahead = repairs.reached(self.forward.function)
        behind = repairs.reached(self.backward.function) if self.backward else ahead
        functions = [f for f in behind if f not in ahead] + [f for f in behind if f in ahead]
        found = repairs.find(
            functions,
            lambda: self.claimed(seen[0].point.theta, seen[0].point.data),
            lambda: self.factor(seen),
            [a for _, a in self.arrays],
            self.counts(nets, seen),
        )
        if found is None:
            return None
        kind = "bias" if self.are_biases(wrong) and found.kind != "sign" else found.kind
        told = f"line {found.line}: {found.words}; `{found.after}` is right in the place of `{found.before}`"
        return Fault(kind, told)

    def are_biases(self, names: list[str]) -> bool:
        """Whether these are biases, by name and shape."""
        shapes = {name: a.shape for name, a in self.named_arrays()}
        return all(_is_bias(name) and sum(size > 1 for size in shapes[name]) < 2 for name in names)

    def factor(self, seen: Sequence[_Seen]) -> float:
        """The claimed gradient as a multiple of the true one; nan where it is none."""
        pairs = []
        before, self.misshapen = self.misshapen, {}
        try:
            for s in seen:
                claimed = self.claimed(s.point.theta, s.point.data)
                c = float(s.true @ claimed / (s.true @ s.true)) if s.true.any() else math.nan
                if self.misshapen or not _distance(claimed, c * s.true, s.true) <= CLOSE * abs(c):
                    return math.nan
                pairs.append((s.true, claimed))
        finally:
            self.misshapen = before
        return _ratio(pairs)

    def counts(self, nets: list[tuple[Net, Samples]], seen: Sequence[_Seen]) -> dict[float, str]:
        """Factors that are easily forgotten, with their names."""
        sizes = {self.samples(nets, seen)[0]: "n"}
        for x in self.data:
            with contextlib.suppress(ValueError):
                sizes.update({int(size): str(size) for size in np.shape(x) if size not in sizes})
        found = {2.0: "2", 0.5: "1/2"}
        for n, name in sizes.items():
            if n > 1:
                found.update({float(n): name, 1.0 / n: f"1/{name}", 2.0 / n: f"2/{name}", n / 2.0: f"{name}/2"})
        return found

    def multiple(self, c: float, seen: Sequence[_Seen], nets: list[tuple[Net, Samples]]) -> Fault:
        """The gradient times a constant."""
        n, k = self.samples(nets, seen)
        words = f"every gradient is × {_number(c)} of what it is"
        if c < 0:
            words += "; its sign is turned, as from y - a where a - y belongs: right only if the update adds it"
        if abs(c) != 1.0:
            words += f"; the factor {_number(abs(c))} {_meaning(abs(c), n, k)}"
        for net, reading in nets:
            if net.loss is not None and abs(c) != 1.0:
                words += f". It is {'minus ' * (c < 0)}the gradient of {_scaled(abs(c) * net.factor, net.loss, n, k)}"
                words += f", the loss is {_formula(net, reading, seen[0])}"
                break
        return Fault("sign" if c == -1.0 else "factor", words, c)

    def samples(self, nets: list[tuple[Net, Samples]], seen: Sequence[_Seen]) -> tuple[int, int]:
        """The number of samples and that of outputs, as far as they are known."""
        for net, reading in nets:
            x = reading.x(seen[0].point.data[0])
            return len(x), net.layers[-1].weights.shape[1]
        if not self.data:
            return 1, 1
        shape = np.shape(self.data[1] if len(self.data) > 1 else self.data[0])
        return (int(shape[0]) if shape else 1), (int(shape[1]) if len(shape) > 1 else 1)

    def single(
        self, nets: list[tuple[Net, Samples]], seen: Sequence[_Seen], scaled: bool = False
    ) -> list[Fault] | None:
        """The one mistake in a net's backward pass that gives the claimed gradients, if there is one."""
        for net, reading in nets:
            samples = len(reading.x(seen[0].point.data[0]))
            found = self.matching(net, reading, seen, net.mistakes(samples), scaled)
            if found is not None:
                return self.told(*found, net, reading, seen)
        return None

    def matching(
        self, net: Net, reading: Samples, seen: Sequence[_Seen], mistakes: Iterable[Mistake], scaled: bool = False
    ) -> tuple[Mistake, float] | None:
        """The first mistake with which the net's gradient is the claimed one, or a multiple; and that factor."""
        if net.loss is None:
            return None
        points = [(s.point.theta, reading.x(s.point.data[0]), s) for s in seen]
        width = net.layers[-1].weights.shape[1]
        ys = [
            reading.y(s.point.data[1], width) if len(s.point.data) > 1 else np.zeros((len(x), width))
            for _, x, s in points
        ]
        for mistake in mistakes:
            pairs = []
            for (theta, x, s), y in zip(points, ys, strict=True):
                made = net.gradient(theta, x, y, mistake)
                if not scaled and _distance(s.claimed, made, made) > CLOSE:
                    break
                pairs.append((made, s.claimed))
            else:
                c = _ratio(pairs) if scaled else 1.0
                if math.isfinite(c) and c != 0.0:
                    return mistake, c
        return None

    def told(self, mistake: Mistake, c: float, net: Net, reading: Samples, seen: Sequence[_Seen]) -> list[Fault]:
        words = mistake.words
        last = len(net.layers) - 1
        if (
            mistake.what == "slope missing"
            and last in mistake.layers
            and net.loss is SQUARED
            and net.activations[last] is SIGMOID
        ):
            words += f" (what it computes is the gradient of the full binary cross-entropy {BINARY.formula} instead)"
        if mistake.what == "slope doubled" and last in mistake.layers and net.loss in (BINARY, CROSS):
            words += " (a - y already holds the slope)"
        faults = [Fault(mistake.kind, words)]
        if c != 1.0:
            n, k = self.samples([(net, reading)], seen)
            more = f"and all is × {_number(c)}{' (the sign is turned)' * (c < 0)}, which {_meaning(abs(c), n, k)}"
            faults.append(Fault("sign" if c == -1.0 else "factor", more, c))
        return faults

    def part(self, name: str, c: float, nets: list[tuple[Net, Samples]], seen: Sequence[_Seen]) -> Fault:
        """One parameter's gradient times a constant."""
        n, k = self.samples(nets, seen)
        is_bias = all(_is_bias(one) for one in name.split(", "))
        if c == 0.0:
            what = "the bias is left out" if is_bias else "it is left out"
            return Fault("bias" if is_bias else "factor", f"{what}: the gradient of {name} is 0", 0.0)
        words = f"the gradient of {name} is × {_number(c)} of what it is"
        if c < 0:
            words += ": its sign is turned"
        if abs(c) != 1.0:
            words += f": the factor {_number(abs(c))} {_meaning(abs(c), n, k)}"
            if is_bias and n > 1 and math.isclose(abs(c) * n, 1.0, rel_tol=1e-6):
                words += "; the bias is summed wrongly: averaged over the samples"
        return Fault("sign" if c == -1.0 else "bias" if is_bias else "factor", words, c)

    def swapped(self, seen: Sequence[_Seen]) -> Fault | None:
        """Two parameters of one size whose gradients are exchanged, or one whose gradient is transposed."""
        ends = np.cumsum([0, *self.sizes])
        for i, (name, a) in enumerate(self.named_arrays()):
            part = slice(ends[i], ends[i + 1])
            for j in range(i):
                other = slice(ends[j], ends[j + 1])
                if self.sizes[i] == self.sizes[j] and all(
                    _distance(s.claimed[part], s.true[other], s.true) <= CLOSE
                    and _distance(s.claimed[other], s.true[part], s.true) <= CLOSE
                    for s in seen
                ):
                    return Fault("swapped", f"the gradients of {self.names[j]} and {name} are swapped")
            if a.ndim == 2 and a.shape[0] == a.shape[1] > 1:
                turned = [(s.claimed[part].reshape(a.shape), s.true[part].reshape(a.shape).T, s) for s in seen]
                if all(_distance(c, t, s.true) <= CLOSE for c, t, s in turned):
                    return Fault("transposed gradient", f"the gradient of {name} is transposed")
        return None

    def other_loss(self, net: Net, reading: Samples, seen: Sequence[_Seen], known: bool = True) -> Fault | None:
        """The gradient of another loss than claimed."""
        found = self.as_gradient(net, reading, seen)
        if found is None:
            return None
        loss, c = found
        n, k = self.samples([(net, reading)], seen)
        claimed = f", not of the loss, which is {_formula(net, reading, seen[0])}" if net.loss else ""
        sign = "minus the gradient" if c < 0 else "the gradient"
        words = f"it is {sign} of a different loss, the {loss.name} {_scaled(abs(c), loss, n, k)}{claimed}"
        if loss is BINARY and net.loss is SQUARED and net.activations[-1] is SIGMOID:
            words += ": the output layer's slope (sigmoid') is missing"
        return Fault("loss", words, 1.0)

    def as_gradient(self, net: Net, reading: Samples, seen: Sequence[_Seen]) -> tuple[Loss, float] | None:
        """The known loss, and its factor, that the claimed gradient is the gradient of."""
        plain = Net(net.layers, net.activations)
        width = net.layers[-1].weights.shape[1]
        best: list[tuple[float, Loss, float]] = []
        for loss in LOSSES:
            if loss is net.loss:
                continue
            pairs = []
            for s in seen:
                x = reading.x(s.point.data[0])
                y = reading.y(s.point.data[1], width) if len(s.point.data) > 1 else np.zeros((len(x), width))
                if y.shape != (len(x), width):
                    break
                pairs.append((plain.gradient(s.point.theta, x, y, RIGHT, loss), s.claimed))
            else:
                c = _ratio(pairs)
                if math.isfinite(c) and c != 0.0:
                    best.append((0.0 if c > 0 else 1.0, loss, c))
        return min(best, key=lambda b: b[0])[1:] if best else None

    def without_loss(self, seen: Sequence[_Seen], nets: list[tuple[Net, Samples]]) -> Audit:
        """Where only predictions are known: the loss is the one whose gradient this is."""
        wanted = [NAMES[self.loss.lower()]] if isinstance(self.loss, str) else []
        for net, reading in nets:
            n, k = self.samples([(net, reading)], seen)
            found = self.as_gradient(net, reading, seen)
            if found is not None:
                loss, c = found
                text = _scaled(abs(c), loss, n, k)
                if c < 0:
                    words = f"every gradient has its sign turned: it is minus the gradient of {text}"
                    return Audit(False, f"Wrong: {words}.", [Fault("sign", words, -1.0)], loss=text)
                if wanted and loss is not wanted[0] and not (wanted[0] is CROSS and net.activations[-1] is SOFTMAX):
                    words = (
                        f"it is the gradient of a different loss, the {loss.name} {text}, not of the {wanted[0].name}"
                    )
                    return Audit(False, f"Wrong: {words}.", [Fault("loss", words)], loss=text)
                return Audit(True, f"Correct: this is the gradient of the {loss.name} {text}.", loss=text)
        for loss in wanted or [SQUARED, BINARY, CROSS]:
            for net, reading in nets:
                judged = Net(net.layers, net.activations, loss, names=net.names)
                faults = self.single([(judged, reading)], seen, scaled=True)
                if faults is not None:
                    faults = faults[:1]
                    return Audit(False, f"Wrong: {faults[0].words} (if the loss is the {loss.name}).", faults)
        if not nets:
            raise InputError(
                "audit: forward returned a prediction, and the loss is not known: pass loss=…, a function of "
                "(prediction, targets), or let forward return the loss"
            )
        words = (
            "it is not the gradient of any loss that is known here; pass loss=…, a function of (prediction, targets)"
        )
        return Audit(False, f"Wrong: {words}.", [Fault("unknown", words)])

    def unknown(self, table: list[tuple[str, float, float]], seen: Sequence[_Seen]) -> Fault:
        right = [name for name, error, _ in table if error <= CLOSE]
        places = self.wrong_entries(seen)
        wrong = [name + places[name] for name, error, _ in table if error > CLOSE]
        words = f"the gradient of {', '.join(wrong)} is wrong, by more than a factor"
        if right:
            words += f"; that of {', '.join(right)} is right, so look at what lies between"
        return Fault("unknown", words)

    def wrong_entries(self, seen: Sequence[_Seen]) -> dict[str, str]:
        """For each parameter where in it the gradient is wrong, if that is in a few places and right in others."""
        told, start = {}, 0
        for name, a in self.named_arrays():
            wrong = [
                str([int(k) for k in np.unravel_index(i, a.shape)])
                for i in range(a.size)
                if any(_distance(s.claimed[[start + i]], s.true[[start + i]], s.true) > CLOSE for s in seen)
            ]
            told[name] = f" (at {', '.join(wrong)})" if 0 < len(wrong) < min(a.size, 5) else ""
            start += a.size
        return told


# ── Numbers and words ───────────────────────────────────────────────────────────────────────────────────────


def _scalar(x: Any) -> Any:
    """A number alone, as a float or Value; None for anything else."""
    if type(x) is Value or isinstance(x, (int, float)):
        return x
    if isinstance(x, np.generic) or (isinstance(x, np.ndarray) and x.ndim == 0):
        return x.item()
    return None


def _dimensions(x: Any) -> int:
    """How many axes x has as an array; -1 where it is none, as a tuple of arrays of several shapes."""
    try:
        return int(np.ndim(x))
    except ValueError:
        return -1


def _parameter_names(function: Any) -> list[str]:
    code = getattr(function, "__code__", None)
    return list(code.co_varnames[: code.co_argcount]) if code else []


def _jittered(x: Any, random: Any) -> Any:
    """Inputs moved a little, whatever container they are in."""
    try:
        flat = trees.flatten(x)
    except InputTypeError:
        return x
    return trees.rebuild(
        x, iter([float(v + d) for (_, v), d in zip(flat, random.normal(0.0, 0.5, len(flat)), strict=True)])
    )


def _distance(a: Any, b: Any, scale: Any) -> float:
    """How far a is from b, relative to the largest entry of `scale`."""
    size = float(np.abs(scale).max()) if np.size(scale) else 0.0
    gap = float(np.abs(a - b).max()) if np.size(a) else 0.0
    return math.inf if gap != gap else gap / size if size else gap


def _ratio(pairs: Sequence[tuple[Any, Any]]) -> float:
    """The constant c with claimed = c × true at every point; nan where there is none."""
    true = np.concatenate([np.ravel(t) for t, _ in pairs])
    claimed = np.concatenate([np.ravel(c) for _, c in pairs])
    if not (np.isfinite(claimed).all() and np.isfinite(true).all() and true.any()):
        return math.nan
    c = float(true @ claimed / (true @ true))
    if np.abs(claimed - c * true).max() > CLOSE * np.abs(true).max() * max(abs(c), 1e-3):
        return math.nan
    for near in (0.0, *[s * m / d for m in range(1, 65) for d in range(1, 65) for s in (1.0, -1.0)]):
        if abs(c - near) <= 1e-7 * max(abs(near), 1e-2):
            return near
    return c


def _is_bias(name: str) -> bool:
    return name.split(".")[-1].lower().startswith("b") or "bias" in name.lower()


def _number(c: float) -> str:
    if c != c:
        return "nan"
    for d in range(1, 65):
        if abs(c * d - round(c * d)) <= 1e-6 * abs(c * d) and round(c * d):
            m = round(c * d)
            return str(m) if d == 1 else f"{m}/{d}"
    return f"{c:.6g}"


def _meaning(c: float, n: int, k: int) -> str:
    """What a factor may come from: 2 of the square, n of a sum in the place of a mean."""
    sizes = [(2.0, "the 2 of a square's derivative, taken where ½ cancels it or left in twice")]
    sizes.append((0.5, "the missing 2 of a square's derivative"))
    for size, name in ((n, f"n = {n} samples"), (k, f"{k} outputs"), (n * k, f"n × outputs = {n * k}")):
        if size > 1:
            sizes += [
                (size, f"{name}: summed where the loss takes the mean"),
                (1.0 / size, f"1/({name}): averaged where the loss takes the sum, or divided by n once too often"),
                (size / 2.0, f"half of {name}: the gradient of ½ Σ where the loss takes the mean"),
                (2.0 / size, f"2/({name}): of a mean where the loss takes ½ Σ"),
                (2.0 * size, f"twice {name}: summed where the loss takes half the mean"),
                (0.5 / size, f"half of 1/({name})"),
            ]
    found = list(dict.fromkeys(text for size, text in sizes if math.isclose(size, c, rel_tol=1e-6)))
    return f"is {' or '.join(found)}" if found else "belongs to no sum or mean here"


def _scaled(c: float, loss: Loss, n: int, k: int) -> str:
    """A loss with its factor, said with n where that is what it is."""
    for size, text in (
        (1.0, ""),
        (0.5, "½ "),
        (1.0 / n, "1/n "),
        (0.5 / n, "1/(2n) "),
        (1.0 / (n * k), "mean of "),
        (0.5 / (n * k), "half the mean of "),
    ):
        if math.isclose(c, size, rel_tol=1e-6):
            return _times(text, loss.formula)
    return _times(f"{_number(c)} ", loss.formula)


def _times(factor: str, formula: str) -> str:
    return f"-{factor}{formula[1:]}" if formula.startswith("-") else factor + formula


def _formula(net: Net, reading: Samples, seen: _Seen) -> str:
    if net.loss is None:
        return ""
    n, k = len(reading.x(seen.point.data[0])), net.layers[-1].weights.shape[1]
    decay = f" + {_number(net.decay)} Σ w²" if net.decay else ""
    return _scaled(net.factor, net.loss, n, k) + decay
