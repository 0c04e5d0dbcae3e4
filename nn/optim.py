"""Optimisers and learning-rate schedulers, step for step as in ``torch.optim``, and what clips gradients before a step.

An optimiser is a table of settings, some columns of state with an entry a parameter (all 0 at first), and a function
that computes a step of all parameters, then changes all. Those functions raise nothing for arithmetic; a compiled one
of the same signature may stand in for each. They write a parameter's ``data``, so a graph that was computed before is
stale after. A parameter that no backward pass has reached since `zero_grad` is passed over: it keeps its data and its
state. A scheduler changes its optimiser's lr, once an epoch: it computes the next from the present one, so two may work
on one optimiser, such as a warm-up and a decay.
"""

import copy
import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeAlias, dataclass_transform

from autograd import Value, ops
from autograd.bulk import zero_grad
from autograd.engine import twin
from autograd.errors import InputError, InputTypeError

from .init import choice, count, flat, item, require, typed, within
from .module import refuse_misfits

# ── The arithmetic: a step of all parameters, given the columns and the settings ────────────────────────────

Column: TypeAlias = "array[float]"

# fmt: off


def sgd(params: Sequence[Value], step: Column, direction: Column,
        lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool) -> None:
    """A step of `SGD`; `step` counts those that had a momentum."""
    def new(x: float, g: float, n: float, d: float) -> tuple[float, ...]:
        if momentum:
            d, n = momentum * d + (1 - dampening) * g if n else g, n + 1
            g = g + momentum * d if nesterov else d
        return x - lr * g, n, d

    _change(new, weight_decay, params, step, direction)


def rmsprop(params: Sequence[Value], square: Column, average: Column, direction: Column,
            lr: float, alpha: float, eps: float, weight_decay: float, momentum: float, centered: bool) -> None:
    """A step of `RMSprop`."""
    def new(x: float, g: float, v: float, m: float, d: float) -> tuple[float, ...]:
        v, m = alpha * v + (1 - alpha) * (g * g), alpha * m + (1 - alpha) * g if centered else m
        spread = 0.0 if v < m * m else v - m * m  # rounding can bring it below 0, where torch has nan
        g = g / (math.sqrt(spread) + eps)
        d = momentum * d + g if momentum else d
        return x - lr * (d if momentum else g), v, m, d

    _change(new, weight_decay, params, square, average, direction)


def adagrad(params: Sequence[Value], step: Column, total: Column,
            lr: float, lr_decay: float, weight_decay: float, eps: float) -> None:
    """A step of `Adagrad`."""
    def new(x: float, g: float, t: float, v: float) -> tuple[float, ...]:
        v = v + g * g
        return x - lr / (1 + t * lr_decay) * g / (math.sqrt(v) + eps), t + 1, v

    _change(new, weight_decay, params, step, total)


def adam(params: Sequence[Value], step: Column, average: Column, square: Column,
         lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, decoupled: bool = False) -> None:
    """A step of `Adam`; of `AdamW`, where the decay is decoupled."""
    def new(x: float, g: float, t: float, m: float, v: float) -> tuple[float, ...]:
        t, m, v = t + 1, beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * (g * g)
        mean, size = m / (1 - beta1**t), math.sqrt(v / (1 - beta2**t))  # the averages began at 0: make up for it
        return (x - lr * weight_decay * x if decoupled else x) - lr * mean / (size + eps), t, m, v

    _change(new, 0.0 if decoupled else weight_decay, params, step, average, square)


# the least, and what they must be below; the very least above 0 for what is divided by
LIMITS = {"dampening": (-math.inf, math.inf), "eps": (5e-324, math.inf), "factor": (0.0, 1.0), "T_max": (1, math.inf),
          "start_factor": (5e-324, math.inf), "step_size": (1, math.inf), "total_iters": (1, math.inf)}
# fmt: on


def _change(
    new: Callable[..., tuple[float, ...]], weight_decay: float, params: Sequence[Value], *columns: Column
) -> None:
    """Set each parameter that has a gradient, and its entries, to what `new` computes; first all is computed."""
    changes = []
    for i, (p, *state) in enumerate(zip(params, *columns, strict=True)):
        if p.has_grad:
            changes.append((i, new(p.data, p.grad + weight_decay * p.data if weight_decay else p.grad, *state)))
    for i, (x, *state) in changes:
        for column, entry in zip(columns, state, strict=False):
            column[i] = entry
        params[i].data = x


# ── The classes ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass_transform(eq_default=False, field_specifiers=(field,))
class Saved:
    """A dataclass that checks a number whenever it is assigned: to be 0 or more, but for those named in `LIMITS`.

    Its state is all its fields but the first, and its columns.

    >>> class Knob(Saved):
    ...     panel: str
    ...     turn: float = 0.5
    >>> knob = Knob("left")
    >>> knob.turn = 1
    >>> knob.state_dict()
    {'turn': 1.0}
    """

    columns: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        dataclass(eq=False)(cls)

    def __setattr__(self, name: str, x: Any) -> None:
        kind = {f.name: f.type for f in fields(self)}.get(name)  # type: ignore[arg-type] # a type, or its name
        what, (low, below) = f"{type(self).__name__}'s {name}", LIMITS.get(name, (0.0, math.inf))
        x = within(what, x, low, below) if kind in ("float", float) else x
        object.__setattr__(self, name, count(what, x, int(low)) if kind in ("int", int) else x)

    def check(self) -> None:
        """Raise where a setting is of the wrong kind, or two do not go together."""

    def settings(self) -> dict[str, Any]:
        """All fields but the first, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)[1:]}  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, Any]:
        """Settings and state, as numbers and lists of numbers; the lists are copies.

        >>> from nn import SGD, Parameter
        >>> SGD([Parameter(1.0)], lr=0.5).state_dict()["lr"]
        0.5
        """
        own = {**self.settings(), **{name: getattr(self, name) for name in self.columns}}
        return {name: list(x) if isinstance(x, (array, list, tuple)) else x for name, x in own.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`. It must fit exactly, or nothing changes.

        Raises:
            InputError: where something is missing, unexpected, misshapen or out of range.
            InputTypeError: where state is no mapping, or a setting of the wrong kind.

        >>> from nn import SGD, Parameter
        >>> one, other = SGD([Parameter(1.0)], lr=0.5), SGD([Parameter(1.0)])
        >>> other.load_state_dict(one.state_dict()); other.lr
        0.5
        """
        refuse_misfits(type(self).__name__, self.state_dict(), state)
        trial = copy.copy(self)
        for name, x in state.items():
            setattr(trial, name, array("d", x) if name in self.columns else x)
        trial.check()
        vars(self).update(vars(trial))


class Optimizer(Saved):
    """What optimisers share: the parameters, the learning rate, `step` and `zero_grad`.

    Args:
        params: leaf Values, each once.
        lr: the learning rate. It stands in the attribute ``lr``, which may be assigned between steps.

    Raises:
        InputTypeError: where params are no leaf Values, or lr is no number.
        InputError: where there are none, one comes twice, or lr is negative or not finite.

    A subclass names its columns of state, and a function of the parameters, the columns and the settings:

    >>> from nn import Parameter
    >>> def sign_descent(params, lr):
    ...     for p in params:
    ...         p.data -= math.copysign(lr, p.grad)
    >>> class SignDescent(Optimizer):
    ...     update = staticmethod(sign_descent)
    >>> p = Parameter(1.0)
    >>> p.grad = 30.0
    >>> SignDescent([p], lr=0.5).step()
    >>> p.data
    0.5
    """

    params: Sequence[Value] = field(repr=False)
    lr: float = 1e-3

    def update(self, *rest: Any) -> None:
        """Compute and set all new data and state: a subclass has a function for it."""
        raise InputTypeError(f"{type(self).__name__} has no rule: assign update in the class, or use nn.SGD")

    def __post_init__(self) -> None:
        self.params = _leaves(type(self).__name__, self.params)
        for name in self.columns:
            setattr(self, name, array("d", bytes(8 * len(self.params))))
        self.check()

    def step(self) -> None:
        """Change every parameter that has a gradient; where one's new data can't be computed, none."""
        self.update(self.params, *[getattr(self, name) for name in self.columns], *flat([*self.settings().values()]))

    def zero_grad(self) -> None:
        """Clear the gradients: they read 0.0, and `step` passes the parameters over."""
        zero_grad(self.params)


class SGD(Optimizer):
    """Gradient descent: ``p -= lr * gradient``, with torch's momentum, dampening, weight decay and Nesterov's form.

    Args:
        params: leaf Values, each once.
        lr: the learning rate, >= 0.
        momentum: how much of the last step's direction is kept, >= 0.
        dampening: how much of the gradient is left out of the direction, from the second step on.
        weight_decay: added to the gradient, times the parameter; >= 0.
        nesterov: whether to look ahead by one step; needs a momentum and no dampening.

    Raises:
        InputTypeError: where params are no leaf Values, or a setting is no number.
        InputError: where there are no params, one comes twice, or a setting is out of range.

    >>> from nn import Parameter
    >>> p = Parameter(1.0)
    >>> optimizer = SGD([p], lr=0.5)
    >>> (p * p).backward()
    >>> optimizer.step(); p.data
    0.0
    """

    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    columns = ("steps", "direction")
    update = staticmethod(twin(sgd))

    def check(self) -> None:
        """Nesterov's form needs a momentum above 0 and no dampening."""
        fits = self.momentum > 0 and self.dampening == 0
        require(fits or not self.nesterov, "nesterov needs a momentum above 0, such as 0.9, and no dampening")


class RMSprop(Optimizer):
    """RMSprop (Hinton 2012): the gradient over its own size, averaged over the last steps.

    Args:
        params: leaf Values, each once.
        lr: the learning rate, >= 0.
        alpha: how much of the average of the squared gradient a step keeps, >= 0.
        eps: added to the size, > 0.
        weight_decay: added to the gradient, times the parameter; >= 0.
        momentum: how much of the last step's direction is kept, >= 0.
        centered: whether size means distance from the average gradient.

    Raises:
        InputTypeError: where params are no leaf Values, or a setting is no number.
        InputError: where there are no params, one comes twice, or a setting is out of range.

    >>> from nn import Parameter
    >>> p = Parameter(1.0)
    >>> optimizer = RMSprop([p], lr=0.1, alpha=0.0)
    >>> (p * p).backward()
    >>> optimizer.step(); round(p.data, 6)
    0.9
    """

    lr: float = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    centered: bool = False

    columns = ("square", "average", "direction")
    update = staticmethod(twin(rmsprop))


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan & Singer 2011): the gradient over the size of all gradients so far.

    Args:
        params: leaf Values, each once.
        lr: the learning rate, >= 0.
        lr_decay: how fast it falls: a step t, from 0, has lr/(1 + t lr_decay); >= 0.
        weight_decay: added to the gradient, times the parameter; >= 0.
        eps: added to the size, > 0.

    Raises:
        InputTypeError: where params are no leaf Values, or a setting is no number.
        InputError: where there are no params, one comes twice, or a setting is out of range.

    >>> from nn import Parameter
    >>> p = Parameter(1.0)
    >>> optimizer = Adagrad([p], lr=0.1)
    >>> (p * p).backward()
    >>> optimizer.step(); round(p.data, 6)
    0.9
    """

    lr: float = 1e-2
    lr_decay: float = 0.0
    weight_decay: float = 0.0
    eps: float = 1e-10

    columns = ("steps", "total")
    update = staticmethod(twin(adagrad))


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015): gradient over its own size, each averaged over the last steps.

    Args:
        params: leaf Values, each once.
        lr: the learning rate, >= 0: about how far a parameter moves in a step.
        betas: how much of the averages of gradient and squared gradient a step keeps, each from 0 to below 1.
        eps: added to the size, > 0. (torch takes 0 and then answers nan where a gradient is 0.)
        weight_decay: added to the gradient, times the parameter; >= 0.

    Raises:
        InputTypeError: where params are no leaf Values, or a setting is no number.
        InputError: where there are no params, one comes twice, or a setting is out of range.

    >>> from nn import Parameter
    >>> p = Parameter(1.0)
    >>> optimizer = Adam([p], lr=0.25)
    >>> (p * p).backward()
    >>> optimizer.step(); round(p.data, 6)
    0.75
    """

    betas: Sequence[float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    columns = ("steps", "average", "square")
    update = staticmethod(twin(adam))

    def check(self) -> None:
        """The betas are two numbers, each from 0 to below 1."""
        two = isinstance(self.betas, (list, tuple)) and len(self.betas) == 2
        typed("betas", self.betas, object if two else (), "two numbers, as (0.9, 0.999)")
        self.betas = tuple([within(f"{type(self).__name__}'s betas", x, 0.0, 1.0) for x in self.betas])


class AdamW(Adam):
    """AdamW (Loshchilov & Hutter 2019): Adam, with each step also taking lr × weight_decay of the parameter off.

    Args:
        params: leaf Values, each once.
        lr: as Adam's.
        betas: as Adam's.
        eps: as Adam's.
        weight_decay: how strongly parameters are drawn to 0, whatever their gradients; >= 0.

    Raises:
        InputTypeError: where params are no leaf Values, or a setting is no number.
        InputError: where there are no params, one comes twice, or a setting is out of range.

    >>> from nn import Parameter
    >>> p = Parameter(1.0)
    >>> p.grad = 0.0
    >>> AdamW([p], lr=0.5, weight_decay=0.5).step(); p.data
    0.75
    """

    weight_decay: float = 1e-2

    update = staticmethod(lambda *given: Adam.update(*given, True))  # type: ignore[assignment, call-arg]


class Scheduler(Saved):
    """What schedulers share: `step`, the count of epochs, the rate that they began with.

    Args:
        optimizer: whose lr to change.

    Raises:
        InputTypeError: where it is no optimizer.

    A subclass defines ``next_lr``:

    >>> import nn
    >>> class Halving(Scheduler):
    ...     def next_lr(self, lr, epoch):
    ...         return lr / 2 if epoch else lr
    >>> optimizer = nn.SGD([nn.Parameter(1.0)], lr=1.0)
    >>> Halving(optimizer).step(); optimizer.lr
    0.5
    """

    optimizer: Optimizer
    last_epoch: int = field(default=0, init=False)
    base_lr: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.base_lr = typed("the scheduler's optimizer", self.optimizer, Optimizer, "one, such as nn.SGD(…)").lr
        self.check()
        self.optimizer.lr = self.next_lr(self.base_lr, 0)

    def step(self, metric: Any = None) -> None:
        """Go on by one epoch: call it after the epoch's last step of the optimizer.

        Args:
            metric: what `ReduceLROnPlateau` watches; others pay no heed.
        """
        self.optimizer.lr = self.next_lr(self.optimizer.lr, self.last_epoch + 1)
        self.last_epoch += 1

    def next_lr(self, lr: float, epoch: int) -> float:
        """The rate of an epoch, given the one before; of epoch 0, given the optimizer's."""
        return lr


class StepLR(Scheduler):
    """Multiply the rate by gamma every step_size epochs.

    Args:
        optimizer: whose lr to change.
        step_size: how many epochs a rate stays.
        gamma: the factor, >= 0.

    Raises:
        InputTypeError: where an argument is of the wrong kind.
        InputError: where step_size is below 1, or gamma negative or not finite.

    >>> import nn
    >>> optimizer = nn.SGD([nn.Parameter(1.0)], lr=1.0)
    >>> scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
    >>> scheduler.step(); scheduler.step(); optimizer.lr
    0.5
    """

    step_size: int
    gamma: float = 0.1

    def next_lr(self, lr: float, epoch: int) -> float:
        """See the class."""
        return lr * self.gamma if epoch and epoch % self.step_size == 0 else lr


class CosineAnnealingLR(Scheduler):
    """Bring the rate down to eta_min in T_max epochs, as half a cosine wave; then up again, and so on.

    Args:
        optimizer: whose lr to change.
        T_max: how many epochs the way down takes.
        eta_min: the lowest rate, >= 0.

    Raises:
        InputTypeError: where an argument is of the wrong kind.
        InputError: where T_max is below 1, or eta_min negative or not finite.

    >>> import nn
    >>> optimizer = nn.SGD([nn.Parameter(1.0)], lr=1.0)
    >>> scheduler = CosineAnnealingLR(optimizer, T_max=2)
    >>> scheduler.step(); round(optimizer.lr, 6)
    0.5
    """

    T_max: int
    eta_min: float = 0.0

    def next_lr(self, lr: float, epoch: int) -> float:
        """See the class."""
        turn = math.pi / self.T_max
        if epoch and (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # upward from the bottom, where a ratio is 0/0
            return lr + (self.base_lr - self.eta_min) * (1.0 - math.cos(turn)) / 2.0
        ratio = (1.0 + math.cos(turn * epoch)) / (1.0 + math.cos(turn * (epoch - 1))) if epoch else 1.0
        return ratio * (lr - self.eta_min) + self.eta_min


class LinearLR(Scheduler):
    """Bring the rate in a straight line from start_factor to end_factor of itself: a warm-up.

    Args:
        optimizer: whose lr to change; it is multiplied by start_factor at once.
        start_factor: above 0.
        end_factor: >= 0.
        total_iters: how many epochs the way takes.

    Raises:
        InputTypeError: where an argument is of the wrong kind.
        InputError: where a factor is out of range, or total_iters below 1.

    >>> import nn
    >>> optimizer = nn.SGD([nn.Parameter(1.0)], lr=1.0)
    >>> scheduler = LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> scheduler.step(); optimizer.lr
    0.75
    """

    start_factor: float = 1 / 3
    end_factor: float = 1.0
    total_iters: int = 5

    def next_lr(self, lr: float, epoch: int) -> float:
        """See the class."""
        slope = self.end_factor - self.start_factor
        if epoch == 0 or epoch > self.total_iters:
            return lr if epoch else lr * self.start_factor
        return lr * (1.0 + slope / (self.total_iters * self.start_factor + (epoch - 1) * slope))


LinearWarmup = LinearLR


class ReduceLROnPlateau(Scheduler):
    """Multiply the rate by factor where a figure has not got better for more than `patience` epochs.

    Args:
        optimizer: whose lr to change.
        mode: "min" where a smaller figure is better, "max" where a larger one is.
        factor: from 0 to below 1.
        patience: how many epochs without a better figure are put up with.
        threshold: how much better is better.
        threshold_mode: "rel" for a threshold in shares of the best figure, "abs" for one in its units.
        cooldown: how many epochs after a reduction are not counted.
        min_lr: the lowest rate, >= 0.
        eps: a change of the rate that is no larger is left out; > 0.

    Raises:
        InputTypeError: where an argument is of the wrong kind.
        InputError: where one is out of range, or none of the choices.

    >>> import nn
    >>> optimizer = nn.SGD([nn.Parameter(1.0)], lr=1.0)
    >>> scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> optimizer.lr
    0.5
    """

    mode: str = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: str = "rel"
    cooldown: int = 0
    min_lr: float = 0.0
    eps: float = 1e-8
    best: Any = field(default=math.inf, init=False)
    num_bad_epochs: int = field(default=0, init=False)
    cooldown_counter: int = field(default=0, init=False)

    def check(self) -> None:
        """The choices are among those named."""
        choice("mode", self.mode, "min", "max")
        choice("threshold_mode", self.threshold_mode, "rel", "abs")
        self.best = -math.inf if self.mode == "max" and self.best == math.inf else self.best

    def step(self, metric: Any = None) -> None:
        """Go on by one epoch.

        Args:
            metric: the epoch's figure, a number or a Value; nan is never better.

        Raises:
            InputTypeError: where it is none.
        """
        figure, sign = item(metric, "ReduceLROnPlateau's metric"), 1.0 if self.mode == "min" else -1.0
        step = sign * self.threshold
        bar = self.best * (1.0 - step) if self.threshold_mode == "rel" else self.best - step
        better = sign * figure < sign * bar
        self.last_epoch, self.best = self.last_epoch + 1, figure if better else self.best
        self.num_bad_epochs = 0 if better or self.cooldown_counter else self.num_bad_epochs + 1
        self.cooldown_counter = max(0, self.cooldown_counter - 1)
        if self.num_bad_epochs > self.patience:
            lr = max(self.optimizer.lr * self.factor, self.min_lr)
            self.optimizer.lr = lr if self.optimizer.lr - lr > self.eps else self.optimizer.lr
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0


def clip_grad_norm_(parameters: Iterable[Value], max_norm: float) -> float:
    """Scale the gradients down together, so that their Euclidean norm is at most max_norm.

    Args:
        parameters: leaf Values; those without a gradient are passed over.
        max_norm: the largest norm allowed, >= 0.

    Returns:
        The norm before.

    Raises:
        InputTypeError: where parameters are no leaf Values, or another argument no number.
        InputError: where there are none, one comes twice, or a number is out of range.

    >>> from nn import Parameter
    >>> p, q = Parameter(1.0), Parameter(1.0)
    >>> p.grad, q.grad = 3.0, 4.0
    >>> clip_grad_norm_([p, q], 1.0)
    5.0
    >>> round(p.grad, 5), round(q.grad, 5)
    (0.6, 0.8)
    """
    most = within("clip_grad_norm_'s max_norm", max_norm, 0.0)
    reached = [p for p in _leaves("clip_grad_norm_", parameters) if p.has_grad]
    norm = math.hypot(*[p.grad for p in reached])
    scale = most / (norm + 1e-6)
    for p in reached:
        p.grad *= 1.0 if scale > 1.0 else scale  # as torch, which lets a nan through
    return norm


def clip_grad_value_(parameters: Iterable[Value], clip_value: float) -> None:
    """Cut each gradient off at ±clip_value.

    Args:
        parameters: leaf Values; those without a gradient are passed over.
        clip_value: the largest size allowed, >= 0.

    Raises:
        InputTypeError: where parameters are no leaf Values, or clip_value is no number.
        InputError: where there are none, one comes twice, or clip_value is out of range.

    >>> from nn import Parameter
    >>> p = Parameter(1.0)
    >>> p.grad = -30.0
    >>> clip_grad_value_([p], 0.5); p.grad
    -0.5
    """
    most = within("clip_grad_value_'s clip_value", clip_value, 0.0)
    for p in [p for p in _leaves("clip_grad_value_", parameters) if p.has_grad]:
        p.grad = ops.clamp(p.grad, -most, most)


def _leaves(name: str, params: Any) -> list[Value]:
    remedy = f"write {name}(model.parameters())"
    leaves = list(typed(f"{name}'s parameters", params, Iterable, f"a list; {remedy}"))
    for p in leaves:
        if not isinstance(p, Value) or p.inputs:
            kind = InputError if isinstance(p, Value) else InputTypeError
            raise kind(f"{name} takes Values that no op computed, not {p!r:.99}; {remedy}")
    require(leaves, f"{name} got no parameters: a generator may be used up, or the model has none; {remedy}")
    require(len({id(p) for p in leaves}) == len(leaves), f"{name}: a parameter comes twice; {remedy}")
    return leaves
