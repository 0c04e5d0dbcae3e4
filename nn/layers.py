"""Layers: torch's `Linear`, and micrograd's `Neuron`, `Layer` and `MLP`.

Each takes one sample, a list of numbers or Values; a batch is ``[layer(x) for x in xs]``.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import autograd
from autograd import Value
from autograd.errors import InputError, InputTypeError

from .init import Seed, generator, torch_bound, uniform
from .module import Module, Parameter


class Linear(Module):
    """Weights times inputs plus bias, as torch's: ``y[i] = Σ weight[i][j] x[j] + bias[i]``.

    Args:
        nin: how many inputs.
        nout: how many outputs.
        bias: whether to add one.
        seed: an int, a ``random.Random``, or None for Python's global generator.

    Attributes:
        weight: nout rows of nin parameters.
        bias: nout parameters, or None.

    All start uniformly between ±1/√nin. An output is a `dot` and an addition: two nodes.

    Raises:
        InputError: where a size is below 1, or on a call the input's length is not nin.
        InputTypeError: where a size is no whole number, or the input no list.

    >>> layer = Linear(3, 2, seed=0)
    >>> layer
    Linear(3, 2)
    >>> len(layer([1.0, 2.0, 3.0]))
    2
    """

    def __init__(self, nin: int, nout: int, bias: bool = True, seed: Seed = None) -> None:
        nin, nout, source = _size("Linear's nin", nin), _size("Linear's nout", nout), generator(seed)
        bound = torch_bound(nin)
        self.weight = [uniform(nin, bound, source) for _ in range(nout)]
        self.bias = uniform(nout, bound, source) if bias else None

    def forward(self, x: Sequence[Any]) -> list[Value]:
        """nout Values from nin numbers."""
        _check(self, x, len(self.weight[0]))
        products = [autograd.dot(row, x) for row in self.weight]
        return products if self.bias is None else list(map(operator.add, products, self.bias))

    def __repr__(self) -> str:
        return f"Linear({len(self.weight[0])}, {len(self.weight)}{', bias=False' if self.bias is None else ''})"


class Neuron(Module):
    """micrograd's neuron: ``relu(b + w[0] x[0] + w[1] x[1] + …)``, without the relu where nonlin is false.

    Args:
        nin: how many inputs.
        nonlin: whether to apply relu.
        seed: an int, a ``random.Random``, or None for Python's global generator.

    Weights start uniformly between ±1, drawn as micrograd draws them; the bias starts at 0.

    Raises:
        InputError: where nin is below 1, or on a call the input's length is not nin.
        InputTypeError: where nin is no whole number, or the input no list.

    >>> neuron = Neuron(2, seed=0)
    >>> neuron
    ReLUNeuron(2)
    >>> neuron([1.0, 1.0]).op
    'relu'
    """

    def __init__(self, nin: int, nonlin: bool = True, seed: Seed = None) -> None:
        self.w = uniform(_size("Neuron's nin", nin), 1.0, generator(seed))
        self.b = Parameter(0.0)
        self.nonlin = nonlin

    def forward(self, x: Sequence[Any]) -> Value:
        """One Value from nin numbers."""
        _check(self, x, len(self.w))
        # One node, and bit-equal to micrograd's sum((wi * xi for …), b).
        activation: Value = autograd.dot([self.b, *self.w], [1.0, *x])
        return activation.relu() if self.nonlin else activation

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """micrograd's layer: nout neurons side by side. A single output comes alone, not in a list.

    Args:
        nin: how many inputs.
        nout: how many neurons.
        nonlin: whether they apply relu.
        seed: an int, a ``random.Random``, or None for Python's global generator.

    Raises:
        InputError: where a size is below 1, or on a call the input's length is not nin.
        InputTypeError: where a size is no whole number, or the input no list.

    >>> Layer(2, 2)
    Layer of [ReLUNeuron(2), ReLUNeuron(2)]
    """

    def __init__(self, nin: int, nout: int, nonlin: bool = True, seed: Seed = None) -> None:
        source = generator(seed)
        self.neurons = [Neuron(nin, nonlin, seed=source) for _ in range(_size("Layer's nout", nout))]

    def forward(self, x: Sequence[Any]) -> Value | list[Value]:
        """nout Values from nin numbers; the Value itself where nout is 1."""
        outputs = [neuron(x) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(repr, self.neurons))}]"


class MLP(Module):
    """micrograd's multi-layer perceptron: relu layers, the last one linear. A single output comes alone.

    Args:
        nin: how many inputs.
        nouts: how many neurons each layer has.
        seed: an int, a ``random.Random``, or None for Python's global generator. Seeded with the same number, or
            after ``random.seed(number)`` with None, the weights are micrograd's.

    Raises:
        InputError: where a size is below 1, or on a call the input's length is not nin.
        InputTypeError: where a size is no whole number, or the input no list.

    >>> MLP(2, [2, 1])
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]
    """

    def __init__(self, nin: int, nouts: Sequence[int], seed: Seed = None) -> None:
        if not isinstance(nouts, (list, tuple)):
            raise InputTypeError(f"MLP's nouts must be a list of layer sizes, as MLP(2, [16, 1]), not {nouts!r}")
        source = generator(seed)
        sizes, last = [nin, *nouts], len(nouts) - 1
        self.layers = [Layer(sizes[i], n, nonlin=i != last, seed=source) for i, n in enumerate(nouts)]

    def forward(self, x: Sequence[Any]) -> Any:
        """The last layer's output."""
        y: Any = x
        for layer in self.layers:
            y = layer([y] if isinstance(y, Value) else y)  # behind a layer of one neuron
        return y

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


def _size(what: str, n: Any) -> int:
    try:
        size = operator.index(n)
    except TypeError:
        raise InputTypeError(f"{what} must be a whole number, not {n!r}") from None
    if size < 1:
        raise InputError(f"{what} must be at least 1, not {size}")
    return size


def _check(layer: Module, x: Any, nin: int) -> None:
    if not isinstance(x, (list, tuple)):
        remedy = "write x.tolist()" if hasattr(x, "tolist") else "write [x]" if nin == 1 else "pass a list"
        raise InputTypeError(f"{layer!r} takes a list of {nin} numbers or Values, not {type(x).__name__}: {remedy}")
    if len(x) != nin:
        raise InputError(f"{layer!r} takes {nin} inputs, not {len(x)}; a batch is [model(x) for x in xs]")
