"""Optimisers: `SGD` and `Adam`, step for step as ``torch.optim`` documents them.

An optimiser writes a parameter's ``data``, so a graph that was computed before the step is stale after it.
A parameter that no backward pass has reached since `zero_grad` is passed over: it keeps its data and its state.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from autograd import Value
from autograd.errors import InputError, InputTypeError
from autograd.ops import number


class Optimizer:
    """What optimisers share: the parameters, the learning rate, `step` and `zero_grad`.

    Args:
        params: leaf Values, each once.
        lr: the learning rate. It stands in the attribute ``lr``, which may be assigned between steps.

    Raises:
        InputTypeError: where params are no leaf Values, or lr is no number.
        InputError: where there are none, one comes twice, or lr is negative or not finite.

    A subclass defines ``_updated``:

    >>> from nn import Parameter
    >>> class SignDescent(Optimizer):
    ...     def _updated(self, i, data, gradient):
    ...         return data - math.copysign(self.lr, gradient)
    >>> p = Parameter(1.0)
    >>> p.grad = 30.0
    >>> SignDescent([p], lr=0.5).step()
    >>> p.data
    0.5
    """

    def __init__(self, params: Iterable[Value], lr: float) -> None:
        self.params = _leaves(type(self).__name__, params)
        self.lr = lr

    @property
    def lr(self) -> float:
        """The learning rate, finite and at least 0."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = _setting(self, "lr", lr)

    def step(self) -> None:
        """Change every parameter that has a gradient; where one's new data can't be computed, none."""
        what = f"{type(self).__name__}: a parameter's new data"
        reached = [(i, p) for i, p in enumerate(self.params) if p.has_grad]
        updated = [number(self._updated(i, p.data, p.grad), what) for i, p in reached]
        for (_, p), data in zip(reached, updated, strict=True):
            p.data = data

    def zero_grad(self) -> None:
        """Clear the gradients: they read 0.0, and `step` passes the parameters over."""
        for p in self.params:
            p.grad = None

    def _updated(self, i: int, data: float, gradient: float) -> float:
        """The new data of the i-th parameter."""
        raise InputTypeError(
            f"{type(self).__name__} has no rule: define _updated(self, i, data, gradient), or use nn.SGD"
        )


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

    def __init__(
        self,
        params: Iterable[Value],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr)
        self.momentum = _setting(self, "momentum", momentum)
        self.dampening = _setting(self, "dampening", dampening, low=-math.inf)
        self.weight_decay = _setting(self, "weight_decay", weight_decay)
        self.nesterov = nesterov
        if nesterov and (self.momentum == 0 or self.dampening != 0):
            raise InputError(
                f"SGD: nesterov needs a momentum above 0 and no dampening, not {momentum!r} and {dampening!r}; "
                "write SGD(params, momentum=0.9, nesterov=True)"
            )
        self._directions: list[float | None] = [None] * len(self.params)

    def _updated(self, i: int, data: float, gradient: float) -> float:
        if self.weight_decay:
            gradient += self.weight_decay * data
        if self.momentum:
            before = self._directions[i]
            direction = gradient if before is None else self.momentum * before + (1 - self.dampening) * gradient
            self._directions[i] = direction
            gradient = gradient + self.momentum * direction if self.nesterov else direction
        return data - self.lr * gradient


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

    def __init__(
        self,
        params: Iterable[Value],
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(params, lr)
        if not isinstance(betas, (list, tuple)) or len(betas) != 2:
            raise InputTypeError(f"Adam: betas must be two numbers, as (0.9, 0.999), not {betas!r}")
        self.betas = (_setting(self, "betas[0]", betas[0], below=1), _setting(self, "betas[1]", betas[1], below=1))
        self.eps = _setting(self, "eps", eps)
        if self.eps == 0:
            raise InputError("Adam: eps must be above 0, since a gradient of 0 would be divided by it; write eps=1e-8")
        self.weight_decay = _setting(self, "weight_decay", weight_decay)
        self._averages = [(0, 0.0, 0.0)] * len(self.params)  # steps, average gradient, average square

    def _updated(self, i: int, data: float, gradient: float) -> float:
        if self.weight_decay:
            gradient += self.weight_decay * data
        beta1, beta2 = self.betas
        t, m, v = self._averages[i]
        t += 1
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * (gradient * gradient)
        self._averages[i] = t, m, v
        mean = m / (1 - beta1**t)  # the averages began at 0: make up for it
        size = math.sqrt(v / (1 - beta2**t))
        return data - self.lr * mean / (size + self.eps)


def _leaves(name: str, params: Any) -> list[Value]:
    remedy = f"write {name}(model.parameters())"
    if isinstance(params, Value) or not isinstance(params, Iterable):
        raise InputTypeError(f"{name} takes a list of parameters, not {type(params).__name__}; {remedy}")
    leaves = list(params)
    for p in leaves:
        if not isinstance(p, Value):
            raise InputTypeError(f"{name}: a parameter must be a Value, not {type(p).__name__} {p!r}; {remedy}")
        if p.inputs:
            raise InputError(f"{name} can't train {p!r}, which its op computes from its inputs; {remedy}")
    if not leaves:
        raise InputError(f"{name} got no parameters: a generator may be used up, or the model has none; {remedy}")
    if len({id(p) for p in leaves}) < len(leaves):
        twice = next(p for i, p in enumerate(leaves) if any(p is q for q in leaves[:i]))
        raise InputError(f"{name}: {twice!r} comes twice and would be stepped twice; {remedy}")
    return leaves


def _setting(owner: Optimizer, name: str, x: Any, low: float = 0.0, below: float = math.inf) -> float:
    setting = number(x, f"{type(owner).__name__}'s {name}")
    if not (low <= setting < below and math.isfinite(setting)):
        finite = "finite" if low == -math.inf else f"finite and at least {low:g}"
        allowed = finite if below == math.inf else f"at least {low:g} and below {below:g}"
        raise InputError(f"{type(owner).__name__}: {name} must be {allowed}, not {setting!r}")
    return setting
