"""The training loop, written once: minibatches, a progress bar, held-out figures after each epoch.

What `fit` does in a step is what one would write by hand:

    for inputs, targets in minibatches(*data, batch_size=32, seed=0):
        optimizer.zero_grad()
        loss([model(x) for x in inputs], targets).backward()
        optimizer.step()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from autograd import Value, no_grad
from autograd.errors import InputError, InputTypeError, MissingLibraryError
from autograd.ops import number

from .init import Generator, Seed, count, generator
from .losses import class_label, paired
from .optim import Optimizer

Data: TypeAlias = "tuple[Sequence[Any], Sequence[Any]]"  # inputs and targets, of one length
Measure: TypeAlias = Callable[[list[Any], list[Any]], Any]  # of outputs and targets: a loss, an accuracy


@dataclass
class History:
    """How a training went: each figure's values, one an epoch.

    Attributes:
        train: "loss" and the metrics, averaged over the epoch's minibatches while the model learned from them.
        held_out: the same of the validation data, after each epoch; empty where there are none.
        interrupted: whether Ctrl-C ended it early.

    >>> history = History(train={"loss": [0.7, 0.4]})
    >>> history.epochs
    2
    """

    train: dict[str, list[float]] = field(default_factory=dict)
    held_out: dict[str, list[float]] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def epochs(self) -> int:
        """How many epochs are complete."""
        return len(self.train.get("loss", ()))


def accuracy(outputs: Sequence[Sequence[Any]], targets: Sequence[int]) -> float:
    """The share of samples whose largest output, the first of equals, is at the target's place. A nan is never right.

    Args:
        outputs: a list of C numbers or Values for each sample.
        targets: for each sample its class, from 0 to C - 1.

    Raises:
        InputError: where the lengths differ or are 0, or a target is out of range.
        InputTypeError: where an output is no list of numbers, or a target no whole number.

    >>> accuracy([[0.1, 2.0], [3.0, 0.0]], [1, 1])
    0.5
    """
    right = [_is_right(output, t, i) for i, (output, t) in enumerate(paired("accuracy", outputs, targets))]
    return right.count(True) / len(right)


def _is_right(output: Any, target: Any, i: int) -> bool:
    if not isinstance(output, (list, tuple)):
        raise InputTypeError(
            f"accuracy: output {i} must be a list of numbers, one a class, not {type(output).__name__}"
        )
    xs = [x.data if isinstance(x, Value) else number(x, f"an output of sample {i}") for x in output]
    label = class_label("accuracy", target, len(xs), f" of sample {i}")
    return all(x < xs[label] for x in xs[:label]) and all(x <= xs[label] for x in xs[label:])


def minibatches(
    *data: Sequence[Any], batch_size: int, seed: Seed = None, shuffle: bool = True
) -> Iterator[tuple[list[Any], ...]]:
    """Cut data into batches, in a random order; the last one may be smaller.

    Args:
        data: one or more sequences of one length, such as inputs and targets; they stay side by side.
        batch_size: how many samples in a batch.
        seed: an int, a ``random.Random``, or None for Python's global generator.
        shuffle: False to keep the order.

    Returns:
        An iterator over tuples with a list from each sequence.

    Raises:
        InputError: where there are no data, their lengths differ, or batch_size is below 1.
        InputTypeError: where batch_size is no whole number, or the data no sequences.

    >>> list(minibatches("abcde", [0, 1, 2, 3, 4], batch_size=2, shuffle=False))
    [(['a', 'b'], [0, 1]), (['c', 'd'], [2, 3]), (['e'], [4])]
    """
    for column in data:
        _sequence("minibatches", column)
    lengths = {len(column) for column in data}
    if len(lengths) != 1 or lengths == {0}:
        raise InputError(f"minibatches: data must have one length above 0, not {[len(column) for column in data]}")
    size, order = count("batch_size", batch_size), list(range(lengths.pop()))
    if shuffle:
        generator(seed).shuffle(order)
    batches = (order[start : start + size] for start in range(0, len(order), size))
    return (tuple([column[i] for i in batch] for column in data) for batch in batches)


def evaluate(
    model: Callable[[Any], Any], data: Data, *, loss: Measure, metrics: Mapping[str, Measure] | None = None
) -> dict[str, float]:
    """The model's loss and metrics on all of `data`, without recording a graph.

    Args:
        model: from an input to an output.
        data: the pair (inputs, targets).
        loss: from outputs and targets to a number, such as `nn.cross_entropy`.
        metrics: more such functions, by name.

    Raises:
        InputError: where inputs and targets differ in length or are empty.

    >>> import nn
    >>> evaluate(lambda x: x + 1.0, ([1.0, 2.0], [2.0, 5.0]), loss=nn.mse_loss)
    {'loss': 2.0}
    """
    inputs, targets = _pair(data)
    with no_grad():
        outputs = [model(x) for x in inputs]
        return {name: _float(measure(outputs, list(targets))) for name, measure in _measures(loss, metrics).items()}


def fit(
    model: Callable[[Any], Any],
    data: Data,
    *,
    loss: Measure,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    seed: Seed = None,
    validation: Data | None = None,
    metrics: Mapping[str, Measure] | None = None,
    progress: bool = True,
) -> History:
    """Train a model: for each epoch, step the optimiser once a minibatch, then evaluate on held-out data.

    Args:
        model: from an input to an output.
        data: the pair (inputs, targets) to learn from.
        loss: from a batch's outputs and targets to a Value, such as `nn.cross_entropy`.
        optimizer: holds the model's parameters.
        epochs: how often to go through the data.
        batch_size: how many samples a step learns from.
        seed: of the order of samples: an int, a ``random.Random``, or None for Python's global generator.
        validation: a held-out pair (inputs, targets).
        metrics: more functions of outputs and targets, by name, such as ``{"accuracy": nn.accuracy}``.
        progress: whether to show a progress bar, on standard error.

    Returns:
        The history. Ctrl-C ends the training, not the program: the model keeps what it has learned (of the step under
        way perhaps a part), and the history holds the complete epochs and ``interrupted=True``.

    Raises:
        InputError: where inputs and targets differ in length or are empty, a count is below 1, or the loss depends
            on none of the optimiser's parameters.
        InputTypeError: where the data are no pair, a count is no whole number, the loss is no Value, or an argument
            is none of what is said above.
        MissingLibraryError: where the progress bar is wanted and tqdm is not installed.

    >>> import nn
    >>> model = nn.Linear(1, 1, seed=0)
    >>> xs = [[0.0], [1.0], [2.0]]
    >>> history = fit(
    ...     model, (xs, [[1.0], [3.0], [5.0]]), loss=nn.mse_loss, optimizer=nn.SGD(model.parameters(), lr=0.1),
    ...     epochs=200, batch_size=3, progress=False,
    ... )
    >>> round(model([3.0])[0].data, 2), history.epochs
    (7.0, 200)
    """
    inputs, targets = _pair(data)
    if not isinstance(optimizer, Optimizer):
        raise InputTypeError(f"fit: optimizer must be one, such as nn.SGD(model.parameters()), not {optimizer!r:.60}")
    if validation is not None:
        _pair(validation)
    epochs, batch_size, source = count("epochs", epochs), count("batch_size", batch_size), generator(seed)
    measures = _measures(loss, metrics)
    done: list[tuple[dict[str, float], dict[str, float]]] = []  # an epoch each, whole
    interrupted = False
    bar = _progress_bar(epochs * -(-len(inputs) // batch_size)) if progress else None
    try:
        for epoch in range(1, epochs + 1):
            _describe(bar, f"epoch {epoch}/{epochs}", done[-1][1] if done else {})
            learned = _epoch(model, (inputs, targets), measures, optimizer, batch_size, source, bar)
            tested = {} if validation is None else evaluate(model, validation, loss=loss, metrics=metrics)
            done.append((learned, tested))
            _describe(bar, f"epoch {epoch}/{epochs}", tested)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        if bar is not None:
            bar.close()
    return History(
        train={name: [learned[name] for learned, _ in done] for name in measures},
        held_out={} if validation is None else {name: [tested[name] for _, tested in done] for name in measures},
        interrupted=interrupted,
    )


def _epoch(
    model: Callable[[Any], Any],
    data: Data,
    measures: Mapping[str, Measure],
    optimizer: Optimizer,
    batch_size: int,
    source: Generator,
    bar: Any,
) -> dict[str, float]:
    """Go through the data once; the averages of the measures over the samples, taken on the way."""
    seen, sums = 0, dict.fromkeys(measures, 0.0)
    averages: dict[str, float] = {}
    for inputs, targets in minibatches(*data, batch_size=batch_size, seed=source):
        optimizer.zero_grad()
        outputs = [model(x) for x in inputs]
        measured = {name: measure(outputs, targets) for name, measure in measures.items()}
        loss = measured["loss"]
        if not isinstance(loss, Value):
            raise InputTypeError(f"fit: the loss must be a Value that depends on the parameters, not {loss!r}")
        loss.backward()
        if not seen and not any(p.has_grad for p in optimizer.params):
            raise InputError(
                "fit: the loss depends on none of the optimizer's parameters, so nothing would be learned; "
                "make the optimizer of this model, as nn.SGD(model.parameters())"
            )
        optimizer.step()
        seen += len(inputs)
        for name, x in measured.items():
            sums[name] += _float(x) * len(inputs)
        averages = {name: total / seen for name, total in sums.items()}
        if bar is not None:
            bar.set_postfix({name: f"{x:.3f}" for name, x in averages.items()}, refresh=False)
            bar.update()
    return averages


def _measures(loss: Measure, metrics: Mapping[str, Measure] | None) -> dict[str, Measure]:
    if not (metrics is None or isinstance(metrics, Mapping)):
        kind = type(metrics).__name__
        raise InputTypeError(f"metrics must be functions by name, as {{'accuracy': nn.accuracy}}, not {kind}")
    for name, measure in {"loss": loss, **(metrics or {})}.items():
        if not callable(measure):
            raise InputTypeError(
                f"{name} must be a function of outputs and targets, such as nn.cross_entropy, not {measure!r:.60}"
            )
    if metrics and "loss" in metrics:
        raise InputError("metrics: 'loss' names the loss itself; give the metric another name")
    return {"loss": loss, **(metrics or {})}


def _progress_bar(steps: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        raise MissingLibraryError(
            "the progress bar needs tqdm: pip install 'chainrule[demos]', or call fit(…, progress=False)"
        ) from None
    return tqdm(total=steps, unit="batch", dynamic_ncols=True)


def _describe(bar: Any, epoch: str, tested: Mapping[str, float]) -> None:
    if bar is not None:
        bar.set_description(", ".join([epoch, *(f"held-out {name} {x:.3f}" for name, x in tested.items())]))


def _pair(data: Any) -> Data:
    if not isinstance(data, (list, tuple)) or len(data) != 2:
        raise InputTypeError(f"data must be a pair (inputs, targets), not {type(data).__name__}")
    inputs, targets = data
    for column in data:
        _sequence("data", column)
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise InputError(f"data need a target for each input, not {len(targets)} for {len(inputs)}")
    return inputs, targets


def _sequence(where: str, column: Any) -> None:
    if isinstance(column, Mapping) or not (hasattr(column, "__len__") and hasattr(column, "__getitem__")):
        raise InputTypeError(f"{where}: inputs and targets must be lists, not {type(column).__name__}; write list(…)")


def _float(x: Any) -> float:
    return x.data if isinstance(x, Value) else float(x)
