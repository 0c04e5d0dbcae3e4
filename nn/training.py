"""The training loop, written once: minibatches, a progress bar, held-out figures after each epoch.

What `fit` does in a step is what one would write by hand:

    for inputs, targets in minibatches(*data, batch_size=32, seed=0):
        optimizer.zero_grad()
        loss([model(x) for x in inputs], targets).backward()
        optimizer.step()
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from autograd import Value, no_grad
from autograd.errors import InputTypeError, MissingLibraryError
from autograd.program.training import Replay

from .checkpoint import checked_path, save
from .init import Seed, choice, count, generator, item, require, typed
from .losses import class_label, paired
from .module import Module
from .optim import Optimizer, Scheduler

Data: TypeAlias = tuple[Sequence[Any], Sequence[Any]]  # inputs and targets, of one length
Measure: TypeAlias = Callable[[list[Any], list[Any]], Any]  # of outputs and targets: a loss, an accuracy
Metrics: TypeAlias = Mapping[str, Measure] | None
Figures: TypeAlias = dict[str, float]


@dataclass
class History:
    """How a training went: each figure's values, one an epoch.

    Attributes:
        train: "loss" and the metrics, averaged over the epoch's minibatches while the model learned from them.
        held_out: the same of the validation data, after each epoch; empty where there are none.
        interrupted: whether Ctrl-C ended it early.
        best_epoch: the epoch, from 1, with the best figure of those that `fit` monitored; 0 where none was a number.

    >>> history = History(train={"loss": [0.7, 0.4]})
    >>> history.epochs
    2
    """

    train: dict[str, list[float]] = field(default_factory=dict)
    held_out: dict[str, list[float]] = field(default_factory=dict)
    interrupted: bool = False
    best_epoch: int = 0

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
    right = 0
    for i, (output, target) in enumerate(paired("accuracy", outputs, targets)):
        xs = [item(x, f"an output of sample {i}") for x in typed(f"output {i}", output, (list, tuple), "a list")]
        label = class_label("accuracy", target, len(xs), f" of sample {i}")
        right += all(x < xs[label] for x in xs[:label]) and all(x <= xs[label] for x in xs[label:])
    return right / len(outputs)


def minibatches(*data: Sequence[Any], batch_size: int, seed: Seed = None, shuffle: bool = True,
                drop_last: bool = False) -> Iterator[tuple[list[Any], ...]]:  # fmt: skip
    """Cut data into batches, in a random order; the last one may be smaller.

    Args:
        data: one or more sequences of one length, such as inputs and targets; they stay side by side.
        batch_size: how many samples in a batch.
        seed: an int, a ``random.Random``, or None for Python's global generator.
        shuffle: False to keep the order.
        drop_last: True to leave out a last batch that would be smaller.

    Returns:
        An iterator over tuples with a list from each sequence.

    Raises:
        InputError: where there are no data, their lengths differ, or batch_size is below 1.
        InputTypeError: where batch_size is no whole number, or the data no sequences.

    >>> list(minibatches("abcde", [0, 1, 2, 3, 4], batch_size=2, shuffle=False))
    [(['a', 'b'], [0, 1]), (['c', 'd'], [2, 3]), (['e'], [4])]
    """
    lengths = [len(_sequence(column)) for column in data]
    require(len(set(lengths)) == 1 and lengths[0], f"minibatches: data must have one length above 0, not {lengths}")
    size, order = count("batch_size", batch_size), list(range(lengths[0]))
    if shuffle:
        generator(seed).shuffle(order)
    batches = (order[i : i + size] for i in range(0, len(order) // size * size if drop_last else len(order), size))
    return (tuple([column[i] for i in batch] for column in data) for batch in batches)


def evaluate(model: Any, data: Data, *, loss: Measure, metrics: Metrics = None, batched: bool = False) -> Figures:
    """The model's loss and metrics on all of `data`, without recording a graph, a Module in eval mode.

    Args:
        model: from an input to an output.
        data: the pair (inputs, targets).
        loss: from outputs and targets to a number, such as `nn.cross_entropy`.
        metrics: more such functions, by name.
        batched: whether the model takes a list of inputs and gives a list of outputs, as one with `BatchNorm1d` does.

    Raises:
        InputError: where inputs and targets differ in length or are empty.

    >>> import nn
    >>> evaluate(lambda x: x + 1.0, ([1.0, 2.0], [2.0, 5.0]), loss=nn.mse_loss)
    {'loss': 2.0}
    """
    inputs, targets = _pair(data)
    with no_grad(), _mode(model, False):
        outputs = model(list(inputs)) if batched else [model(x) for x in inputs]
        return {name: item(measure(outputs, list(targets))) for name, measure in _measures(loss, metrics).items()}


def fit(model: Any, data: Data, *, loss: Measure, optimizer: Optimizer, epochs: int, batch_size: int,
        seed: Seed = None, validation: Data | None = None, metrics: Metrics = None, batched: bool = False,
        scheduler: Scheduler | None = None, monitor: str = "loss", mode: str = "min", patience: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None, progress: bool = True,
        compile: bool = False) -> History:  # fmt: skip
    """Train a model: for each epoch, step the optimiser once a minibatch, then evaluate on held-out data.

    Args:
        model: from an input to an output. A Module is in train mode while it learns, in eval mode while it is
            evaluated, and afterwards as it was.
        data: the pair (inputs, targets) to learn from.
        loss: from a batch's outputs and targets to a Value, such as `nn.cross_entropy`.
        optimizer: holds the model's parameters.
        epochs: how often to go through the data.
        batch_size: how many samples a step learns from.
        seed: of the order of samples: an int, a ``random.Random``, or None for Python's global generator.
        validation: a held-out pair (inputs, targets).
        metrics: more functions of outputs and targets, by name, such as ``{"accuracy": nn.accuracy}``.
        batched: whether the model takes a list of inputs and gives a list of outputs, as one with `BatchNorm1d` does.
        scheduler: stepped after each epoch, with the monitored figure.
        monitor: the figure by which epochs are compared: "loss" or a metric's name; held out, where there is such data.
        mode: "min" where a smaller figure is better, "max" where a larger one is.
        patience: stop after so many epochs without a better figure, and give the model back the best epoch's numbers,
            however the training ends. None: go through all epochs, and keep the last one's.
        checkpoint: where to `nn.save` the model whenever the figure is better.
        progress: whether to show a progress bar, on standard error.
        compile: record the loss of one sample, and learn from a batch in one call, many times as fast. For losses that
            are the mean of their samples' losses, as nn's are. The result is the same but for rounding: derivatives are
            added up in the order of the samples. Where the model or the loss can't be recorded, a warning says why, and
            it learns as without; so it does from a batch with which it would go another way.

    Returns:
        The history. Ctrl-C ends the training, not the program: the model keeps what it has learned (of the step under
        way perhaps a part; with a patience, the best epoch's numbers), and the history holds the complete epochs and
        ``interrupted=True``.

    Raises:
        InputError: where inputs and targets differ in length or are empty, a count is below 1, there is no figure to
            monitor, or the loss depends on none of the optimiser's parameters.
        InputTypeError: where the data are no pair, a count is no whole number, the loss is no Value, or an argument
            is none of what is said above.
        MissingLibraryError: where the progress bar is wanted and tqdm is not installed.
        OSError: where the checkpoint can't be written.

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
    inputs, _ = [_pair(given)[0] for given in (data, data if validation is None else validation)]
    typed("fit: optimizer", optimizer, Optimizer, "one, such as nn.SGD(model.parameters())")
    schedule = typed("fit: scheduler", scheduler or Scheduler(optimizer), Scheduler, "one, such as nn.StepLR(…)")
    keeps = patience is not None or checkpoint is not None
    module: Any = typed("fit: with patience or a checkpoint, model", model, Module, "a Module") if keeps else Module()
    checked_path("none" if checkpoint is None else checkpoint)
    epochs, batch_size, source = count("epochs", epochs), count("batch_size", batch_size), generator(seed)
    wait = math.inf if patience is None else count("patience", patience)
    measures, sign = _measures(loss, metrics), {"min": 1.0, "max": -1.0}[choice("mode", mode, "min", "max")]
    choice("monitor", monitor, *measures)
    replay = Replay(model, measures) if compile else None
    done: list[tuple[Figures, Figures]] = []  # an epoch each, whole
    interrupted, best, best_epoch, kept, held_out = False, math.inf, 0, module.state_dict(), list[str]()
    bar = _progress_bar(epochs * -(-len(inputs) // batch_size)) if progress else _Silent()
    try:
        for epoch in range(1, epochs + 1):
            batches = minibatches(*data, batch_size=batch_size, seed=source)
            bar.set_description(", ".join([f"epoch {epoch}/{epochs}", *held_out]))
            with _mode(model, True):
                learned = _epoch(model, batched, replay, batches, measures, optimizer, bar, not done)
            tested = evaluate(model, validation, loss=loss, metrics=metrics, batched=batched) if validation else {}
            done.append((learned, tested))
            held_out = [f"held-out {name} {x:.3f}" for name, x in tested.items()]
            bar.set_description(", ".join([f"epoch {epoch}/{epochs}", *held_out]))
            figure = (tested or learned)[monitor]
            schedule.step(figure)
            if sign * figure < best:  # never where it is nan
                kept, best, best_epoch = module.state_dict(), sign * figure, epoch
                if checkpoint is not None:
                    save(module, checkpoint)
            if epoch - best_epoch >= wait:
                break
    except KeyboardInterrupt:
        interrupted = True
    finally:
        if patience is not None and best_epoch:
            module.load_state_dict(kept)
        bar.close()
    train, tests = [{name: [epoch[i][name] for epoch in done if epoch[i]] for name in measures} for i in (0, 1)]
    return History(train, tests if validation else {}, interrupted, best_epoch)


@contextmanager
def _mode(model: Any, training: bool) -> Iterator[None]:
    before = [(m, m.training) for _, m in (model.named_modules() if isinstance(model, Module) else [])]
    try:
        for module, _ in before:
            module.training = training
        yield
    finally:
        for module, was in before:
            module.training = was


def _epoch(model: Any, batched: bool, replay: Replay | None, batches: Any, measures: Mapping[str, Measure],
           optimizer: Optimizer, bar: Any, first: bool) -> Figures:  # fmt: skip
    """Learn from each batch; the averages of the measures over the samples, taken on the way."""
    seen, sums, averages = 0, dict.fromkeys(measures, 0.0), dict.fromkeys(measures, 0.0)
    for inputs, targets in batches:
        optimizer.zero_grad()
        measured: Any = replay and replay(inputs, targets)
        if not measured:
            outputs = model(inputs) if batched else [model(x) for x in inputs]
            measured = {name: measure(outputs, targets) for name, measure in measures.items()}
            typed("fit: the loss", measured["loss"], Value, "a Value that depends on the parameters").backward()
        reached = seen or not first or any(p.has_grad for p in optimizer.params)
        require(reached, "fit: the loss depends on none of the optimizer's parameters; give it this model's")
        optimizer.step()
        seen += len(inputs)
        sums = {name: sums[name] + item(x) * len(inputs) for name, x in measured.items()}
        averages = {name: total / seen for name, total in sums.items()}
        bar.set_postfix({name: f"{x:.3f}" for name, x in averages.items()}, refresh=False)
        bar.update()
    return averages


def _measures(loss: Measure, metrics: Metrics) -> dict[str, Measure]:
    typed("metrics", metrics or {}, Mapping, "functions by name, as {'accuracy': nn.accuracy}")
    require("loss" not in (metrics or {}), "metrics: 'loss' names the loss itself; give the metric another name")
    found, wanted = {"loss": loss, **(metrics or {})}, "a function of outputs and targets, such as nn.cross_entropy"
    return {name: typed(name, measure, Callable, wanted) for name, measure in found.items()}


def _progress_bar(steps: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        raise MissingLibraryError("no tqdm: pip install 'chainrule[demos]', or call fit(…, progress=False)") from None
    return tqdm(total=steps, unit="batch", dynamic_ncols=True)


class _Silent:
    """A progress bar that shows nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **options: None


def _pair(data: Any) -> Data:
    pair = [_sequence(column) for column in typed("data", data, (list, tuple), "a pair (inputs, targets)")]
    require(len(pair) == 2, f"data must be a pair (inputs, targets), not of {len(pair)}", InputTypeError)
    n, m = map(len, pair)
    require(n == m > 0, f"data need a target for each input, not {m} for {n}")
    return pair[0], pair[1]


def _sequence(column: Any) -> Any:
    fits = hasattr(column, "__len__") and hasattr(column, "__getitem__") and not isinstance(column, Mapping)
    return typed("inputs and targets", column, object if fits else (), "lists; write list(…)")
