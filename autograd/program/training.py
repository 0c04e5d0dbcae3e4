"""A model's training step as a program: what ``nn.fit(…, compile=True)`` does with a batch.

The loss of one sample is recorded once, and run on whole batches from then on; the loss of a batch has to be the mean
of its samples', as nn's are. That, and that nothing around the model has changed, is audited on batches 1, 2, 4, 8 …:
the model itself computes the loss too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from .. import modes
from ..engine import Value
from ..errors import AutogradError, RecordWarning, warn
from .arguments import is_array
from .batch import Batched
from .recorder import recorded

_PATIENCE: Final = 8  # batches that a program may fail for; after that it must be right for half of them


class Replay:
    """A model's losses on batches of samples, with gradients, by programs.

    Args:
        model: from an input to an output.
        measures: functions of a batch's outputs and targets, by name; "loss" is the one to learn by.

    Attributes:
        declined: why batches are left to the model itself; "" while they are not.

    >>> w = Value(3.0)
    >>> replay = Replay(lambda x: w * x, {"loss": lambda outputs, targets: (outputs[0] - targets[0]) ** 2})
    >>> replay([2.0], [5.0]), w.grad
    ({'loss': 1.0}, 4.0)
    """

    def __init__(self, model: Callable[[Any], Any], measures: Mapping[str, Callable[..., Any]]) -> None:
        self.declined = ""
        self._model, self._measures = model, dict(measures)
        self._kind: type | None = None  # of targets
        self._loss: Batched | None = None
        self._outputs: Batched | None = None
        self._batches = self._failures = 0

    def __call__(self, inputs: Sequence[Any], targets: Sequence[Any]) -> dict[str, float]:
        """The measures of a batch, the loss's derivatives added to the `grad` of what it depends on.

        It is empty, and nothing else has happened, where the model itself has to learn from the batch: where it looks
        at numbers, a comparison comes out in another way, or something is wrong, which the model will say.
        """
        if self.declined:
            return {}
        try:
            if self._loss is None:
                self._record(inputs[0], targets[0])
            return {} if self._loss is None else self._learned(inputs, targets)
        except AutogradError as error:
            self._failures += 1
            if self._failures >= _PATIENCE and 2 * self._failures > self._batches:
                self._decline(str(error))
            return {}

    def _learned(self, inputs: Sequence[Any], targets: Sequence[Any]) -> dict[str, float]:
        assert self._loss is not None
        if {*map(type, targets)} != {self._kind}:
            return {}
        self._batches += 1
        if not self._batches & (self._batches - 1) and not self._is_right(inputs, targets):
            return {}
        found: dict[str, float] = {}
        if self._outputs is not None:
            outputs = self._outputs(inputs)
            found = {name: measure(outputs, targets) for name, measure in self._measures.items() if name != "loss"}
        return {"loss": self._loss.backward(inputs, targets), **found}

    def _record(self, x: Any, t: Any) -> None:
        """Record the loss of a sample, and its output where there is something else to measure."""
        model, loss = self._model, self._measures["loss"]
        self._kind = type(t)
        self._loss = self._program(lambda x, t: loss([model(x)], [t]), ("x", "t"), "mean", floated(x), floated(t))
        if self._loss is not None and len(self._measures) > 1:
            self._outputs = self._program(lambda x: model(x), ("x",), None, floated(x))  # its argument's name is known

    def _program(
        self, f: Callable[..., Any], over: tuple[str, ...], reduce: str | None, *sample: Any
    ) -> Batched | None:
        try:
            program, reasons = recorded(f, sample, {})
            if program is not None:
                return program.batch(over=over, reduce=reduce)
        except Exception as error:
            reasons = [f"with its numbers as inputs it raises {error!r}"]
        self._decline("; ".join(reasons))
        return None

    def _is_right(self, inputs: Sequence[Any], targets: Sequence[Any]) -> bool:
        """Whether the model itself finds the same loss, but for rounding."""
        assert self._loss is not None
        with modes.mode(modes.NO_GRAD):
            loss = self._measures["loss"]([self._model(x) for x in inputs], targets)
        expected, found = _number(loss), _number(self._loss(inputs, targets))
        if math.isclose(expected, found, rel_tol=1e-9, abs_tol=1e-12) or expected != expected:
            return True
        self._decline(
            f"an audit found a loss of {expected!r}, not {found!r}: it is not the mean of its samples' losses, or the "
            "model reads something that has changed"
        )
        return False

    def _decline(self, reason: str) -> None:
        self.declined = reason
        warn(f"the model learns without a program: {reason}", RecordWarning)


def _number(x: Any) -> float:
    return float(x._data if type(x) is Value else x)


def floated(x: Any) -> Any:
    """Whole numbers as floats, which a program takes as inputs; in lists, tuples, dicts and arrays too.

    >>> floated([1, (2.5, True)])
    [1.0, (2.5, True)]
    """
    if type(x) is int:
        return float(x)
    if type(x) in (list, tuple):
        return type(x)([floated(item) for item in x])
    if type(x) is dict:
        return {key: floated(item) for key, item in x.items()}
    if is_array(x) and x.dtype.kind in "iu":
        return x.astype(float)
    is_whole = not isinstance(x, bool) and hasattr(type(x), "__index__") and not hasattr(x, "__len__")
    return float(x) if is_whole else x
