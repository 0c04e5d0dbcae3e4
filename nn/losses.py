"""Losses, under the names of ``torch.nn.functional``, each for one sample or for a batch of them.

A batch is a list of samples. ``reduction`` says what becomes of the numbers: "mean" and "sum" go from left to right,
"none" leaves them in their lists. Numbers give a float, Values a Value.
"""

from collections.abc import Callable, Sequence
from typing import Any

import autograd
from autograd import Value, modes, ops
from autograd.errors import InputError, InputTypeError

from .init import choice, flat, item, mapped, require, shape, typed, whole, within

# ── Of numbers: any shape, the targets' the same ────────────────────────────────────────────────────────────


def mse_loss(output: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean of (output - target)².

    Args:
        output: for a sample, a number or Value, or a list of them; for a batch, a list of samples.
        target: of the same shape.
        reduction: "mean", over all numbers; "sum"; or "none".

    Returns:
        A Value, or a float where all are plain numbers; lists of them where reduction is "none".

    Raises:
        InputError: where the shapes differ, a list is empty or ragged, or reduction is none of the three.
        InputTypeError: where something is neither a number nor a list.

    >>> mse_loss(3.0, 1.0), mse_loss([1.0, 2.0], [0.0, 0.0]), mse_loss([[1.0], [2.0]], [[0.0], [0.0]])
    (4.0, 2.5, 2.5)
    """
    return _of_numbers("mse_loss", lambda o, t: (error := o - t) * error, output, target, reduction)


def l1_loss(output: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean of |output - target|; arguments and errors as `mse_loss`.

    >>> l1_loss([1.0, 5.0], [2.0, 2.0]), l1_loss([1.0, 5.0], [2.0, 2.0], reduction="none")
    (2.0, [1.0, 3.0])
    """
    return _of_numbers("l1_loss", lambda o, t: abs(o - t), output, target, reduction)


def huber_loss(output: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Half the squared error where that is below delta, else the straight line that goes on from there.

    Args:
        output: as in `mse_loss`.
        target: of the same shape.
        reduction: "mean", "sum" or "none".
        delta: from which error on it is a line, of slope delta; above 0.

    Raises:
        InputError: as `mse_loss`, or where delta is not above 0.
        InputTypeError: as `mse_loss`.

    >>> huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    [0.125, 2.5]
    """
    require(within("huber_loss's delta", delta, 0.0), "huber_loss's delta must be above 0; for |error| write l1_loss")

    def huber(error: Any) -> Any:
        return 0.5 * error * error if -delta < error < delta else delta * (abs(error) - 0.5 * delta)

    return _of_numbers("huber_loss", lambda o, t: huber(o - t), output, target, reduction)


def hinge_loss(output: Any, target: Any, reduction: str = "mean", margin: float = 1.0) -> Any:
    """max(0, margin - target × output): the margin loss of support vector machines, as in micrograd's demo.

    torch has no such function; its ``hinge_embedding_loss`` is another.

    Args:
        output: scores, as in `mse_loss`.
        target: of the same shape: 1 or -1, the sign that the score should have.
        reduction: "mean", "sum" or "none".
        margin: from which score on, of the right sign, there is no loss.

    Raises:
        InputError: as `mse_loss`, or where a target is neither 1 nor -1.
        InputTypeError: as `mse_loss`.

    >>> hinge_loss([0.25, 3.0], [1, 1], reduction="none"), hinge_loss(0.25, -1)
    ([0.75, 0.0], 1.25)
    """
    require(all(t in (1.0, -1.0) for t in flat(target)), "hinge_loss: a target must be 1 or -1; of 0, 1 make 2 * t - 1")
    return _of_numbers("hinge_loss", lambda o, t: autograd.relu(margin - t * o), output, target, reduction)


def binary_cross_entropy(output: Any, target: Any, reduction: str = "mean") -> Any:
    """-log of the probability of what happened: -target log(output) - (1 - target) log(1 - output).

    Args:
        output: probabilities, as in `mse_loss`. Where they come from a sigmoid,
            `binary_cross_entropy_with_logits` is more accurate.
        target: of the same shape: 0, 1, or a probability.
        reduction: "mean", "sum" or "none".

    Raises:
        InputError: as `mse_loss`, or where a number is not from 0 to 1.
        InputTypeError: as `mse_loss`.
        DomainError: where what has probability 0 happened: the loss is infinite (in `autograd.ieee` it is inf;
            torch says 100).

    >>> binary_cross_entropy([0.5, 1.0], [1, 1], reduction="none")
    [0.6931471805599453, 0.0]
    """
    bce = _mixed(lambda p: 0.0 - autograd.log(_share(p)), lambda p: 0.0 - autograd.log1p(-_share(p)))
    return _of_numbers("binary_cross_entropy", bce, output, target, reduction)


def binary_cross_entropy_with_logits(output: Any, target: Any, reduction: str = "mean") -> Any:
    """`binary_cross_entropy` of sigmoid(output); accurate also where that is near 0 or 1, and never overflows.

    Args:
        output: logits, as in `mse_loss`.
        target: of the same shape: 0, 1, or a probability.
        reduction: "mean", "sum" or "none".

    Raises:
        InputError: as `mse_loss`, or where a target is not from 0 to 1.
        InputTypeError: as `mse_loss`.

    >>> binary_cross_entropy_with_logits([0.0, 1000.0, -1000.0], [1, 1, 1], reduction="none")
    [0.6931471805599453, 0.0, 1000.0]
    """
    bce = _mixed(lambda x: autograd.softplus(-x), autograd.softplus)
    return _of_numbers("binary_cross_entropy_with_logits", bce, output, target, reduction)


def _of_numbers(name: str, loss: Callable[[Any, Any], Any], output: Any, target: Any, reduction: str) -> Any:
    sizes, wanted = shape(f"{name}: the output", output), shape(f"{name}: the target", target)
    kind = InputError if len(sizes) == len(wanted) else InputTypeError
    require(sizes == wanted, f"{name}: the target must have the output's shape {sizes}, not {wanted}", kind)
    require(0 not in sizes, f"{name} of nothing: the list is empty, and so its mean undefined")
    what = f"an output or target of {name}"
    numbers = [mapped(lambda x: x if isinstance(x, Value) else ops.number(x, what), xs) for xs in (output, target)]
    return _reduced(name, mapped(loss, *numbers), reduction)


def _mixed(yes: Callable[[Any], Any], no: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """t × yes + (1 - t) × no, of x and t; what has no share, which may be infinite, is not computed."""

    def mixed(x: Any, t: Any) -> Any:
        if isinstance(_share(t), float) and t in (0.0, 1.0):
            return yes(x) if t else no(x)
        return t * yes(x) + (1.0 - t) * no(x)

    return mixed


def _share(x: Any) -> Any:
    require(0.0 <= item(x, "a probability") <= 1.0, f"a probability or a target must be from 0 to 1, not {x!r:.60}")
    return x


def _reduced(name: str, losses: Any, reduction: str) -> Any:
    how = choice(f"{name}'s reduction", reduction, "mean", "sum", "none")
    if how == "none" or not isinstance(losses, list):
        return losses
    return ops.mean(*flat(losses)) if how == "mean" else ops.sum(*flat(losses))


# ── Of classes: a list of C numbers a sample, and the right class, a whole number from 0 to C - 1 ───────────


def cross_entropy(logits: Sequence[Any], target: Any, reduction: str = "mean") -> Any:
    """-log of the probability that softmax(logits) gives to the right class; accurate also where that is near 0 or 1.

    Args:
        logits: for a sample, a list of C numbers or Values, one a class; for a batch, a list of such lists.
        target: the right class, a whole number from 0 to C - 1; for a batch, a list of them.
        reduction: of a batch: "mean", "sum" or "none".

    Returns:
        A Value, or a float where all logits are plain numbers; a list of them where reduction is "none".

    Raises:
        InputError: where a target is out of range, a batch empty or ragged, the lengths differ, or reduction is
            none of the three.
        InputTypeError: where a target is no whole number, or the logits are no list.

    >>> cross_entropy([0.0, 0.0], 1)
    0.6931471805599453
    >>> cross_entropy([[1000.0, 0.0], [1000.0, 0.0]], [0, 1])
    500.0
    """
    # with -x, the loss of a sure answer would be -0.0, here and below
    return _of_classes("cross_entropy", lambda xs, t: 0.0 - ops.log_softmax(t, *xs), logits, target, reduction)


def categorical_cross_entropy(probabilities: Sequence[Any], target: Any, reduction: str = "mean") -> Any:
    """-log of the right class's probability. For a softmax's answers, `cross_entropy` of the logits is more accurate.

    Args:
        probabilities: as the logits of `cross_entropy`, each from 0 to 1.
        target: as in `cross_entropy`.
        reduction: of a batch: "mean", "sum" or "none".

    Raises:
        InputError: as `cross_entropy`, or where the right class's probability is not from 0 to 1.
        InputTypeError: as `cross_entropy`.
        DomainError: where it is 0: the loss is infinite (in `autograd.ieee` it is inf).

    >>> categorical_cross_entropy([0.25, 0.75], 0), categorical_cross_entropy([[0.5, 0.5], [0.0, 1.0]], [0, 1], "sum")
    (1.3862943611198906, 0.6931471805599453)
    """
    name = "categorical_cross_entropy"
    return _of_classes(name, lambda ps, t: 0.0 - autograd.log(_share(ps[t])), probabilities, target, reduction)


def nll_loss(log_probabilities: Sequence[Any], target: Any, reduction: str = "mean") -> Any:
    """Minus the right class's number: the loss of log-probabilities; arguments and errors as `cross_entropy`.

    >>> nll_loss([-2.0, -0.5], 1), nll_loss([[-2.0, -0.5], [-1.0, -3.0]], [1, 1])
    (0.5, 1.75)
    """
    return _of_classes("nll_loss", lambda xs, t: ops.sub(0.0, xs[t]), log_probabilities, target, reduction)


def _of_classes(name: str, loss: Callable[[Sequence[Any], Any], Any], outputs: Any, target: Any, reduction: str) -> Any:
    batch = isinstance(target, (list, tuple))
    samples = paired(name, outputs, target) if batch else [(outputs, target)]
    losses, lengths = [], set()
    for i, (xs, t) in enumerate(samples):
        where = f" of sample {i}" if batch else ""
        typed(f"{name}: the output{where}", xs, (list, tuple), "a list of numbers, one a class")
        lengths.add(len(xs))
        losses.append(loss(xs, class_label(name, t, len(xs), where)))
    require(len(lengths) == 1, f"{name}: the batch is ragged; its samples have {sorted(lengths)} outputs")
    return _reduced(name, losses if batch else losses[0], reduction)


def class_label(name: str, target: Any, classes: int, where: str = "") -> Any:
    """The target as an int from 0 to classes - 1; `name` and `where` tell in a message whose it is.

    While a function is recorded, it may be a Value: an input of the program, which chooses at each run.

    >>> class_label("accuracy", 2, 10)
    2
    """
    label: Any = autograd.pick(range(classes), target) if modes.recorder() and type(target) is Value else whole(target)
    typed(f"{name}: the target{where}", target, () if label is None else object, "a class, an int")
    require(0 <= label < classes, f"{name}: the target{where} is {whole(target)}, of {classes} outputs, counted from 0")
    return label


def paired(name: str, outputs: Any, targets: Any) -> list[tuple[Any, Any]]:
    """Each output beside its target, two lists of one length above 0; `name` tells in a message who asks.

    >>> paired("accuracy", [0.5, 2.0], [0, 1])
    [(0.5, 0), (2.0, 1)]
    """
    for what, xs in (("outputs", outputs), ("targets", targets)):
        typed(f"{name}: the {what} of a batch", xs, (list, tuple), "a list")
    require(len(outputs) == len(targets), f"{name}: {len(outputs)} outputs, but {len(targets)} targets")
    require(outputs, f"{name} of nothing: the list is empty, and so its mean undefined")
    return list(zip(outputs, targets, strict=True))


# ── Of parameters: to be added to a loss ────────────────────────────────────────────────────────────────────


def l1_penalty(parameters: Sequence[Any]) -> Any:
    """Σ |p|: times a small number and added to a loss, it draws parameters to 0, and the needless ones all the way.

    >>> l1_penalty([1.0, -2.0])
    3.0
    """
    return ops.sum(*[ops.abs(p) for p in typed("l1_penalty's parameters", parameters, (list, tuple), "a list")])


def l2_penalty(parameters: Sequence[Any]) -> Any:
    """Σ p²: times a small number and added to a loss, it keeps parameters small.

    >>> l2_penalty([1.0, -2.0])
    5.0
    """
    return autograd.dot(parameters, parameters)
