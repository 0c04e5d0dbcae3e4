"""Losses, under the names of ``torch.nn.functional``, each for one sample or for a batch of them.

A batch is a list of samples, and its loss the mean of theirs, added from left to right.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import autograd
from autograd import Value, ops
from autograd.errors import InputError, InputTypeError


def cross_entropy(logits: Sequence[Any], target: Any) -> Any:
    """-log of the probability that softmax(logits) gives to the right class; accurate also where that is near 0 or 1.

    Args:
        logits: for a sample, a list of C numbers or Values, one a class; for a batch, a list of such lists.
        target: the right class, a whole number from 0 to C - 1; for a batch, a list of them.

    Returns:
        A Value, or a float where all logits are plain numbers.

    Raises:
        InputError: where a target is out of range, a batch empty or ragged, or the lengths differ.
        InputTypeError: where a target is no whole number, or the logits are no list.

    >>> cross_entropy([0.0, 0.0], 1)
    0.6931471805599453
    >>> cross_entropy([[1000.0, 0.0], [1000.0, 0.0]], [0, 1])
    500.0
    """
    if not isinstance(target, (list, tuple)):
        return _cross_entropy(logits, target, "")
    samples = paired("cross_entropy", logits, target)
    losses = [_cross_entropy(x, t, f" of sample {i}") for i, (x, t) in enumerate(samples)]
    if len({len(x) for x, _ in samples}) > 1:
        lengths = sorted({len(x) for x, _ in samples})
        raise InputError(f"cross_entropy: the batch is ragged; its samples have {lengths} logits")
    return autograd.mean(losses)


def _cross_entropy(logits: Any, target: Any, where: str) -> Any:
    if not isinstance(logits, (list, tuple)):
        kind = type(logits).__name__
        raise InputTypeError(
            f"cross_entropy: the logits{where} must be a list of numbers, one a class, not {kind}{_tolist(logits)}"
        )
    label = class_label("cross_entropy", target, len(logits), where)
    return 0.0 - ops.log_softmax(float(label), *logits)  # with -x, the loss of a sure answer would be -0.0


def class_label(name: str, target: Any, classes: int, where: str = "") -> int:
    """The target as an int from 0 to classes - 1; `name` and `where` tell in a message whose it is.

    >>> class_label("accuracy", 2, 10)
    2
    """
    try:
        label = None if isinstance(target, bool) else operator.index(target)
    except TypeError:
        label = None
    if label is None:
        remedy = f"; write int({target!r})" if isinstance(target, (bool, float)) else _tolist(target)
        raise InputTypeError(f"{name}: the target{where} must be a class, an int, not {target!r}{remedy}")
    if not 0 <= label < classes:
        raise InputError(
            f"{name}: the target{where} is {label}, but there are {classes} logits; "
            "classes count from 0 to one less than that"
        )
    return label


def mse_loss(output: Any, target: Any) -> Any:
    """The mean of (output - target)².

    Args:
        output: for a sample, a number or Value, or a list of them; for a batch, a list of samples.
        target: of the same shape.

    Returns:
        A Value, or a float where all are plain numbers. Of a batch, the mean over all its numbers.

    Raises:
        InputError: where the shapes differ, or a list is empty or ragged.
        InputTypeError: where something is neither a number nor a list.

    >>> mse_loss(3.0, 1.0), mse_loss([1.0, 2.0], [0.0, 0.0]), mse_loss([[1.0], [2.0]], [[0.0], [0.0]])
    (4.0, 2.5, 2.5)
    """
    pairs = [(output, target)] if not isinstance(output, (list, tuple)) else paired("mse_loss", output, target)
    rows = [isinstance(o, (list, tuple)) for o, _ in pairs]
    if any(rows):
        if not all(rows) or len({len(o) for o, _ in pairs}) > 1:
            raise InputError("mse_loss: the batch is ragged; its samples must have one shape")
        pairs = [pair for o, t in pairs for pair in paired("mse_loss", o, t)]
    return autograd.mean([_squared_error(o, t) for o, t in pairs])


def _squared_error(*pair: Any) -> Any:
    for x in pair:
        if remedy := _tolist(x):
            raise InputTypeError(f"mse_loss takes numbers, Values and lists of them, not {type(x).__name__}{remedy}")
    output, target = (x if isinstance(x, Value) else ops.number(x, "an output or target of mse_loss") for x in pair)
    error = output - target
    return error * error


def paired(name: str, outputs: Any, targets: Any) -> list[tuple[Any, Any]]:
    """Each output beside its target, two lists of one length above 0; `name` tells in a message who asks.

    >>> paired("accuracy", [0.5, 2.0], [0, 1])
    [(0.5, 0), (2.0, 1)]
    """
    for what, xs in (("outputs", outputs), ("targets", targets)):
        if not isinstance(xs, (list, tuple)):
            kind = type(xs).__name__
            raise InputTypeError(f"{name}: the {what} of a batch must be a list, not {kind}{_tolist(xs)}")
    if len(outputs) != len(targets):
        raise InputError(f"{name}: {len(outputs)} outputs, but {len(targets)} targets; each needs its own")
    if not outputs:
        raise InputError(f"{name} of nothing: the list is empty, and so its mean undefined")
    return list(zip(outputs, targets, strict=True))


def _tolist(x: Any) -> str:
    return "; write x.tolist()" if hasattr(x, "tolist") and hasattr(x, "__len__") else ""
