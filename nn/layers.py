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
from autograd.ops import is_number

from .init import Seed, count, generator, torch_bound, uniform
from .module import Module, Parameter


class _OneSample(Module):
    """What layers share: one sample in, a list of numbers; anything else is told in the outer layer's name."""

    def __call__(self, x: Sequence[Any]) -> Any:
        """What `forward` returns for this sample."""
        name, nin = self._shape()
        if not isinstance(x, (list, tuple)):
            remedy = "write x.tolist()" if hasattr(x, "tolist") else "write [x]" if nin == 1 else "pass a list"
            raise InputTypeError(f"{name} takes a list of {nin} numbers or Values, not {type(x).__name__}: {remedy}")
        if len(x) != nin:
            raise InputError(f"{name} takes {nin} inputs, not {len(x)}; {_BATCH}")
        try:
            return self.forward(x)
        except InputTypeError:
            for i, xi in enumerate(x):
                if not (isinstance(xi, Value) or is_number(xi)):
                    remedy = f": {_BATCH}" if hasattr(xi, "__len__") and not isinstance(xi, str) else ""
                    kind = type(xi).__name__
                    raise InputTypeError(f"{name}: input {i} must be a number or a Value, not {kind}{remedy}") from None
            raise

    def _shape(self) -> tuple[str, int]:
        """The layer's name, for messages, and how many inputs it takes."""
        raise NotImplementedError


_BATCH = "one sample at a time: [model(x) for x in batch]"


class Linear(_OneSample):
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
        nin, nout, source = count("Linear's nin", nin), count("Linear's nout", nout), generator(seed)
        bound = torch_bound(nin)
        self.weight = [uniform(nin, bound, source) for _ in range(nout)]
        self.bias = uniform(nout, bound, source) if bias else None

    def forward(self, x: Sequence[Any]) -> list[Value]:
        """nout Values from nin numbers."""
        products = [autograd.dot(row, x) for row in self.weight]
        return products if self.bias is None else list(map(operator.add, products, self.bias))

    def _shape(self) -> tuple[str, int]:
        return repr(self), len(self.weight[0])

    def __repr__(self) -> str:
        return f"Linear({len(self.weight[0])}, {len(self.weight)}{', bias=False' if self.bias is None else ''})"


class Neuron(_OneSample):
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
        self.w = uniform(count("Neuron's nin", nin), 1.0, generator(seed))
        self.b = Parameter(0.0)
        self.nonlin = nonlin

    def forward(self, x: Sequence[Any]) -> Value:
        """One Value from nin numbers."""
        # One node, and bit-equal to micrograd's sum((wi * xi for …), b).
        activation: Value = autograd.dot([self.b, *self.w], [1.0, *x])
        return activation.relu() if self.nonlin else activation

    def _shape(self) -> tuple[str, int]:
        return repr(self), len(self.w)

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(_OneSample):
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
        nin, nout, source = count("Layer's nin", nin), count("Layer's nout", nout), generator(seed)
        self.neurons = [Neuron(nin, nonlin, seed=source) for _ in range(nout)]

    def forward(self, x: Sequence[Any]) -> Value | list[Value]:
        """nout Values from nin numbers; the Value itself where nout is 1."""
        outputs = [neuron(x) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    def _shape(self) -> tuple[str, int]:
        nin = len(self.neurons[0].w)
        return f"Layer({nin}, {len(self.neurons)})", nin

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(repr, self.neurons))}]"


class MLP(_OneSample):
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
        if not nouts:
            raise InputError("MLP needs a layer; write MLP(2, [16, 1]) for 2 inputs, 16 hidden neurons and 1 output")
        nin, source = count("MLP's nin", nin), generator(seed)
        sizes, last = [nin, *nouts], len(nouts) - 1
        self.layers = [Layer(sizes[i], n, nonlin=i != last, seed=source) for i, n in enumerate(nouts)]

    def forward(self, x: Sequence[Any]) -> Any:
        """The last layer's output."""
        y: Any = x
        for layer in self.layers:
            y = layer([y] if isinstance(y, Value) else y)  # behind a layer of one neuron
        return y

    def _shape(self) -> tuple[str, int]:
        nin = len(self.layers[0].neurons[0].w)
        return f"MLP({nin}, {[len(layer.neurons) for layer in self.layers]})", nin

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"
