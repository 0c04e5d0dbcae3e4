"""Layers, under torch's names, and micrograd's `Neuron`, `Layer` and `MLP`.

Each takes one sample, a list of numbers or Values; a batch is ``[layer(x) for x in xs]``. Only `BatchNorm1d` takes a
batch, a list of samples. An image is a list of channels, each a list of rows.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, TypeAlias

import autograd
from autograd import Value, ops
from autograd.bulk import linear, neurons
from autograd.errors import InputError, InputTypeError

from .init import Seed, count, flat, generator, item, mapped, parameters, require, shape, typed, within
from .module import Buffer, Module, Parameter

Pair: TypeAlias = int | Sequence[int]  # of rows and of columns: one number for both, or two


class Linear(Module):
    """Weights times inputs plus bias, as torch's: ``y[i] = Σ weight[i][j] x[j] + bias[i]``.

    Args:
        in_features: how many inputs.
        out_features: how many outputs.
        bias: whether to add one.
        seed: an int, a ``random.Random``, or None for Python's global generator.

    Attributes:
        weight: out_features rows of in_features parameters.
        bias: out_features parameters, or None.

    All start uniformly between ±1/√in_features. An output is a `dot` and an addition: two nodes.

    Raises:
        InputError: where a size is below 1, or on a call the input's length is not in_features.
        InputTypeError: where a size is no whole number, or the input no list.

    >>> layer = Linear(3, 2, seed=0)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    >>> len(layer([1.0, 2.0, 3.0]))
    2
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, seed: Seed = None) -> None:
        self.nin, self.nout = count("Linear's in_features", in_features), count("Linear's out_features", out_features)
        bound, source = 1.0 / math.sqrt(self.nin), generator(seed)
        self.weight = parameters(bound, source, self.nout, self.nin)
        self.bias = parameters(bound, source, self.nout) if bias else None
        self.text = f"in_features={self.nin}, out_features={self.nout}, bias={self.bias is not None}"

    def forward(self, x: Sequence[Any]) -> list[Value]:
        """out_features Values from in_features numbers."""
        _sized(self, x, self.nin)
        return linear(self.weight, x, self.bias)


class Sequential(Module):
    """Modules one after the other: each takes what the one before it gives.

    Args:
        modules: in order; they are named "0", "1", ….

    Raises:
        InputTypeError: where one is no Module.

    >>> model = Sequential(Linear(3, 2), Linear(2, 1, bias=False))
    >>> model
    Sequential(
      (0): Linear(in_features=3, out_features=2, bias=True)
      (1): Linear(in_features=2, out_features=1, bias=False)
    )
    >>> list(model.state_dict())
    ['0.weight', '0.bias', '1.weight']
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            setattr(self, str(i), typed(f"Sequential's module {i}", module, Module, "a Module, such as nn.ReLU()"))

    def forward(self, x: Any) -> Any:
        """What the last module gives."""
        for module in self:
            x = module(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return iter([module for module in vars(self).values() if isinstance(module, Module)])

    def __getitem__(self, i: int) -> Module:
        return list(iter(self))[i]


class Flatten(Module):
    """All numbers of a sample in one list, as between `Conv2d` and `Linear`.

    >>> Flatten()([[[1.0, 2.0], [3.0, 4.0]]])
    [1.0, 2.0, 3.0, 4.0]
    """

    text = "start_dim=1, end_dim=-1"  # torch's, which counts the batch as dimension 0

    def forward(self, x: Any) -> list[Any]:
        """One list."""
        return flat(x)


class Dropout(Module):
    """While training, make numbers 0 at random and the others larger by as much; else change nothing.

    Args:
        p: the share to drop, from 0 to 1.
        seed: an int, a ``random.Random``, or None for Python's global generator.

    Raises:
        InputError: where p is out of range, or a mask of another shape than the input.
        InputTypeError: where p is no number, or the seed none of those.

    >>> layer = Dropout(0.5)
    >>> layer([1.0, 2.0, 3.0], mask=[1, 0, 1])
    [2.0, 0.0, 6.0]
    >>> layer.eval()([1.0, 2.0, 3.0])
    [1.0, 2.0, 3.0]
    """

    def __init__(self, p: float = 0.5, seed: Seed = None) -> None:
        self.p = within("Dropout's p", p, 0.0)
        require(self.p <= 1.0, f"Dropout's p is the share to drop, from 0 to 1, not {p!r}")
        self.source, self.text = generator(seed), f"p={self.p!r}, inplace=False"

    def forward(self, x: Any, mask: Any = None) -> Any:
        """x with some numbers dropped, in lists as x: those where `mask`, drawn unless given, has 0."""
        if not self.training:
            return x
        mask = mapped(lambda _: self.source.random() >= self.p, x) if mask is None else mask
        require(shape("the mask", mask) == shape("the input", x), "Dropout's mask must have the shape of its input")
        scale = 1.0 / (1.0 - self.p) if self.p < 1.0 else 0.0
        return mapped(lambda xi, keep: ops.mul(xi, scale if keep else 0.0), x, mask)


class BatchNorm1d(Module):
    """Bring each feature of a batch to mean 0 and variance 1, then to a learned scale (Ioffe & Szegedy 2015).

    While training it takes mean and variance from the batch, and keeps running averages of them; else it uses these.

    Args:
        num_features: how many numbers a sample has.
        eps: added to the variance, >= 0.
        momentum: how much of the running averages a batch replaces; None for averages over all batches.
        affine: whether to learn a weight and a bias for each feature.

    Attributes:
        weight, bias: num_features parameters each, or None.
        running_mean, running_var, num_batches_tracked: buffers.

    Raises:
        InputError: where an argument is out of range, the batch is of another shape, or of one sample while training.
        InputTypeError: where an argument is no number, or the batch no list.

    >>> layer = BatchNorm1d(2, eps=0.0)
    >>> [[y.data for y in row] for row in layer([[1.0, 10.0], [3.0, 30.0]])]
    [[-1.0, -1.0], [1.0, 1.0]]
    >>> layer.running_mean
    [Buffer(0.2), Buffer(2.0)]
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True) -> None:
        n = self.num_features = count("BatchNorm1d's num_features", num_features)
        self.eps = within("BatchNorm1d's eps", eps, 0.0)
        self.momentum = momentum if momentum is None else within("BatchNorm1d's momentum", momentum, 0.0)
        self.weight, self.bias = ([Parameter(x) for _ in range(n)] if affine else None for x in (1.0, 0.0))
        self.running_mean, self.running_var = [Buffer(0.0) for _ in range(n)], [Buffer(1.0) for _ in range(n)]
        self.num_batches_tracked = Buffer(0.0)
        on = f"affine={bool(affine)}, bias={bool(affine)}, track_running_stats=True"
        self.text = f"{n}, eps={self.eps!r}, momentum={self.momentum!r}, {on}"

    def forward(self, batch: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The batch, normalised."""
        n, k = _sized(self, batch, None, self.num_features)
        require(n > 1 or not self.training, "BatchNorm1d: one sample has no variance; train with more, or call eval()")
        running, columns = [*self.running_mean, *self.running_var], list(zip(*batch, strict=True))
        moments: list[Any] = [buffer.data for buffer in running]
        if self.training:
            means = [autograd.mean(column) for column in columns]
            errors = [[x - mean for x in column] for column, mean in zip(columns, means, strict=True)]
            moments = means + [autograd.dot(d, d) / n for d in errors]
        scales = [autograd.sqrt(variance + self.eps) for variance in moments[k:]]
        rows = [[(x - m) / s for x, m, s in zip(row, moments, scales, strict=False)] for row in batch]
        if self.weight is not None and self.bias is not None:
            rows = [[y * w + b for y, w, b in zip(row, self.weight, self.bias, strict=True)] for row in rows]
        if self.training:
            self.num_batches_tracked.data += 1.0
            share = 1.0 / self.num_batches_tracked.data if self.momentum is None else self.momentum
            for buffer, moment, factor in zip(running, moments, [1.0] * k + [n / (n - 1)] * k, strict=True):
                buffer.data = (1.0 - share) * buffer.data + share * (item(moment) * factor)
        return rows


class Conv2d(Module):
    """Slide small windows over an image: an output is a `dot` of a kernel with what it covers, plus a bias.

    Args:
        in_channels: how many planes the image has.
        out_channels: how many kernels, and so planes of the output.
        kernel_size: how many rows and columns a kernel covers: one number for both, or a pair.
        stride: how far it moves at a time, likewise.
        padding: how many zeros are added on each side, likewise.
        bias: whether to add one.
        seed: an int, a ``random.Random``, or None for Python's global generator.

    Attributes:
        weight: for each kernel and channel, rows of parameters; they start uniformly between ±1/√(numbers covered).
        bias: out_channels parameters, or None.

    Raises:
        InputError: where a size is out of range, or on a call the image has another number of channels, is ragged,
            or smaller than the kernel.
        InputTypeError: where a size is no whole number, or the image no list.

    >>> layer = Conv2d(1, 1, kernel_size=2, bias=False)
    >>> layer
    Conv2d(1, 1, kernel_size=(2, 2), stride=(1, 1), bias=False)
    >>> layer.load_state_dict({"weight": [[[[1.0, 0.0], [0.0, 10.0]]]]})
    >>> [[y.data for y in row] for plane in layer([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]) for row in plane]
    [[51.0, 62.0]]
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Pair, stride: Pair = 1, padding: Pair = 0,
                 *, bias: bool = True, seed: Seed = None) -> None:  # fmt: skip
        nin, nout = count("Conv2d's in_channels", in_channels), count("Conv2d's out_channels", out_channels)
        self.nin, self.kernel_size = nin, _pair("Conv2d's kernel_size", kernel_size)
        self.stride, self.padding = _pair("Conv2d's stride", stride), _pair("Conv2d's padding", padding, 0)
        bound, source = 1.0 / math.sqrt(nin * math.prod(self.kernel_size)), generator(seed)
        self.weight = parameters(bound, source, nout, nin, *self.kernel_size)
        self.bias = parameters(bound, source, nout) if bias else None
        self.text = f"{nin}, {nout}, kernel_size={self.kernel_size}, stride={self.stride}"
        self.text += f", padding={self.padding}" * any(self.padding) + ", bias=False" * (not bias)

    def forward(self, image: Sequence[Any]) -> list[list[list[Value]]]:
        """out_channels planes."""
        _sized(self, image, self.nin, None, None)
        planes = [_windows(self, plane, self.kernel_size, self.stride, self.padding, 0.0) for plane in image]
        fields = [[flat(channels) for channels in zip(*rows, strict=True)] for rows in zip(*planes, strict=True)]
        sums = [[[autograd.dot(k, field) for field in row] for row in fields] for k in map(flat, self.weight)]
        return [[_plus(row, self.bias and [self.bias[k]] * len(row)) for row in rows] for k, rows in enumerate(sums)]


class MaxPool2d(Module):
    """The largest number in each window of each plane of an image; equal ones share the gradient, as in `autograd.max`.

    Args:
        kernel_size: how many rows and columns a window covers: one number for both, or a pair.
        stride: how far it moves at a time, likewise; None for as far as it covers.
        padding: how many rows and columns that are never the largest are added on each side; at most half a window.

    Raises:
        InputError: where a size is out of range, or on a call the image is ragged or smaller than the window.
        InputTypeError: where a size is no whole number, or the image no list.

    >>> MaxPool2d(2)([[[1.0, 2.0, 5.0, 0.0], [3.0, 4.0, 0.0, 0.0]]])
    [[[4.0, 5.0]]]
    """

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> None:
        stride = kernel_size if stride is None else stride
        size, around = _pair("MaxPool2d's kernel_size", kernel_size), _pair("MaxPool2d's padding", padding, 0)
        fits = [2 * p <= k for p, k in zip(around, size, strict=True)]
        require(all(fits), f"MaxPool2d's padding must be at most half of kernel_size {kernel_size}, not {padding}")
        self.sizes = size, _pair("MaxPool2d's stride", stride), around
        self.text = f"kernel_size={kernel_size}, stride={stride}, padding={padding}, dilation=1, ceil_mode=False"

    def forward(self, image: Sequence[Any]) -> list[list[list[Any]]]:
        """As many planes, smaller ones."""
        _sized(self, image, None, None, None)
        planes = [_windows(self, plane, *self.sizes, -math.inf) for plane in image]
        return [[[ops.maximum(*window) for window in row] for row in plane] for plane in planes]


class RNNCell(Module):
    """A step of a recurrent network: ``h = tanh(weight_ih x + bias_ih + weight_hh h + bias_hh)``.

    Args:
        input_size: how many inputs.
        hidden_size: how many numbers the hidden state has.
        bias: whether to add the two biases.
        seed: an int, a ``random.Random``, or None for Python's global generator.

    All parameters start uniformly between ±1/√hidden_size.

    Raises:
        InputError: where a size is below 1, or on a call a length is another.
        InputTypeError: where a size is no whole number, or on a call an input no list.

    >>> cell = RNNCell(2, 3, seed=0)
    >>> hidden = cell([1.0, 2.0])
    >>> hidden = cell([3.0, 4.0], hidden)
    >>> len(hidden)
    3
    """

    gates: ClassVar[int] = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, seed: Seed = None) -> None:
        nin = self.nin = count(f"{type(self).__name__}'s input_size", input_size)
        nout = self.nout = count(f"{type(self).__name__}'s hidden_size", hidden_size)
        n, bound, source = self.gates * nout, 1.0 / math.sqrt(nout), generator(seed)
        self.weight_ih, self.weight_hh = parameters(bound, source, n, nin), parameters(bound, source, n, nout)
        self.bias_ih, self.bias_hh = (parameters(bound, source, n) if bias else None for _ in range(2))
        self.text = f"{nin}, {nout}{'' if bias else ', bias=False'}"

    def forward(self, x: Sequence[Any], hidden: Any = None) -> Any:
        """The next hidden state; the first is zeros."""
        return list(map(autograd.tanh, self._sums(x, [0.0] * self.nout if hidden is None else hidden)[0]))

    def _sums(self, x: Any, hidden: Any) -> list[list[Any]]:
        """For each gate, hidden_size weighted sums: one `dot` each, and the biases."""
        _sized(self, x, self.nin)
        _sized(self, hidden, self.nout)
        both = zip(self.weight_ih, self.weight_hh, strict=True)
        sums = _plus(_plus([autograd.dot([*a, *b], [*x, *hidden]) for a, b in both], self.bias_ih), self.bias_hh)
        return [sums[i : i + self.nout] for i in range(0, len(sums), self.nout)]


class LSTMCell(RNNCell):
    """A step of a long short-term memory (Hochreiter & Schmidhuber 1997), with torch's order of gates: i, f, g, o.

    Args:
        input_size: how many inputs.
        hidden_size: how many numbers the hidden state and the memory have.
        bias: whether to add the two biases.
        seed: an int, a ``random.Random``, or None for Python's global generator.

    All parameters start uniformly between ±1/√hidden_size.

    Raises:
        InputError: where a size is below 1, or on a call a length is another.
        InputTypeError: where a size is no whole number, or on a call an input no list, or the state no pair.

    >>> cell = LSTMCell(2, 3, seed=0)
    >>> hidden, memory = cell([1.0, 2.0])
    >>> hidden, memory = cell([3.0, 4.0], (hidden, memory))
    >>> len(hidden), len(memory)
    (3, 3)
    """

    gates = 4

    def forward(self, x: Sequence[Any], hidden: Any = None) -> Any:
        """The next pair (hidden state, memory); the first are zeros."""
        state: Any = ([0.0] * self.nout,) * 2 if hidden is None else typed("the state", hidden, (list, tuple), "a pair")
        require(len(state) == 2, f"LSTMCell's state is a pair (hidden, memory), not {len(state)} lists")
        hidden, memory = state
        _sized(self, memory, self.nout)
        i, f, g, o = self._sums(x, hidden)
        memory = [b.sigmoid() * c + a.sigmoid() * d.tanh() for a, b, d, c in zip(i, f, g, memory, strict=True)]
        return [a.sigmoid() * c.tanh() for a, c in zip(o, memory, strict=True)], memory


class _Activation(Module):
    """A function of one number, made a module: it maps every number of what it is given, in lists of any depth."""

    function: ClassVar[Callable[..., Any]]

    defaults: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, function: Callable[..., Any], **defaults: Any) -> None:
        super().__init_subclass__()
        cls.function, cls.defaults = staticmethod(function), defaults

    def __init__(self, *values: Any, **options: Any) -> None:
        known = len(values) <= len(self.defaults)
        require(known, f"{type(self).__name__}'s options are {[*self.defaults]}, not {values}", InputTypeError)
        self.options = {**self.defaults, **dict(zip(self.defaults, values, strict=False)), **options}
        self.text = ", ".join(f"{name}={x!r}" for name, x in self.options.items())
        self(0.0)  # a wrong option is told here

    def forward(self, x: Any) -> Any:
        """The function of each number, in lists as x."""
        return mapped(partial(self.function, **self.options), x)


class ReLU(_Activation, function=autograd.relu):
    """max(x, 0).

    >>> ReLU()([-1.0, 2.0])
    [0.0, 2.0]
    """


class SiLU(_Activation, function=autograd.silu):
    """x sigmoid(x), also called swish.

    >>> SiLU()([0.0])
    [0.0]
    """


class Sigmoid(_Activation, function=autograd.sigmoid):
    """1/(1 + exp(-x)), from 0 to 1.

    >>> Sigmoid()([0.0])
    [0.5]
    """


class Tanh(_Activation, function=autograd.tanh):
    """The hyperbolic tangent, from -1 to 1.

    >>> Tanh()([0.0])
    [0.0]
    """


class Softplus(_Activation, function=autograd.softplus):
    """log(1 + exp(x)), a smooth relu. (torch's beta is not here, and its threshold, above which it is x, not needed.)

    >>> Softplus()([1000.0])
    [1000.0]
    """


class Softsign(_Activation, function=autograd.softsign):
    """x/(1 + |x|), from -1 to 1.

    >>> Softsign()([1.0])
    [0.5]
    """


class LeakyReLU(_Activation, function=autograd.leaky_relu, negative_slope=0.01):
    """x for x > 0, else negative_slope × x.

    >>> LeakyReLU()([-2.0])
    [-0.02]
    """


class ELU(_Activation, function=autograd.elu, alpha=1.0):
    """x for x > 0, else alpha × (exp(x) - 1).

    >>> ELU()([3.0, 0.0])
    [3.0, 0.0]
    """


class GELU(_Activation, function=autograd.gelu, approximate="none"):
    """x Φ(x) with the normal distribution's Φ; approximate="tanh" for its approximation.

    >>> GELU()([0.0])
    [0.0]
    """


class Softmax(Module):
    """exp(x)/Σ exp(x) along the innermost lists: positive, and together 1.

    >>> Softmax()([1000.0, 1000.0])
    [0.5, 0.5]
    """

    function = staticmethod(autograd.softmax)

    def forward(self, x: Any) -> Any:
        """The function of each innermost list, in lists as x."""
        rows = isinstance(x, (list, tuple)) and any(isinstance(row, (list, tuple)) for row in x)
        return [self.forward(row) for row in x] if rows else self.function(x)


class LogSoftmax(Softmax):
    """log(softmax(x)) along the innermost lists, accurate also where a probability is near 0 or 1.

    >>> LogSoftmax()([0.0, -1000.0])
    [0.0, -1000.0]
    """

    function = staticmethod(autograd.log_softmax)


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
        self.nin, self.nonlin = count("Neuron's nin", nin), nonlin
        self.w, self.b = parameters(1.0, generator(seed), self.nin), Parameter(0.0)

    def forward(self, x: Sequence[Any]) -> Value:
        """One Value from nin numbers."""
        _sized(self, x, self.nin)
        return neurons([self.b], [self.w], x, self.nonlin)[0]

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
        self.nin, nout, source = count("Layer's nin", nin), count("Layer's nout", nout), generator(seed)
        self.neurons = [Neuron(nin, nonlin, seed=source) for _ in range(nout)]

    def forward(self, x: Sequence[Any]) -> Value | list[Value]:
        """nout Values from nin numbers; the Value itself where nout is 1."""
        _sized(self, x, self.nin)
        outputs = neurons([n.b for n in self.neurons], [n.w for n in self.neurons], x, self.neurons[0].nonlin)
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
        typed("MLP's nouts", nouts, (list, tuple), "a list of layer sizes, as MLP(2, [16, 1])")
        require(nouts, "MLP needs a layer; write MLP(2, [16, 1]) for 2 inputs, 16 hidden neurons and 1 output")
        self.nin, source, last = count("MLP's nin", nin), generator(seed), len(nouts) - 1
        sizes = [self.nin, *nouts]
        self.layers = [Layer(sizes[i], n, nonlin=i != last, seed=source) for i, n in enumerate(nouts)]

    def forward(self, x: Sequence[Any]) -> Any:
        """The last layer's output."""
        _sized(self, x, self.nin)
        y: Any = x
        for layer in self.layers:
            y = layer([y] if isinstance(y, Value) else y)  # behind a layer of one neuron
        return y

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


def _plus(xs: list[Any], ys: list[Any] | None) -> list[Any]:
    return xs if ys is None else [x + y for x, y in zip(xs, ys, strict=True)]


def _sized(layer: Module, x: Any, *sizes: int | None) -> tuple[Any, ...]:
    """The shape of x, where it is as said, None for any; and all in it are numbers."""
    if isinstance(x, list) and sizes == (len(x),) and set(map(type, x)) <= {Value, float}:  # mostly
        return sizes
    name = f"{layer!r:.70}"
    found = shape(f"{name}: the input", x)
    fits = len(found) == len(sizes) and 0 not in found and all(map(lambda n, m: n in (None, m), sizes, found))
    form, got = ("".join(f"[{'…' if n is None else n}]" for n in ns) for ns in (sizes, found))
    what = f"{name} takes numbers in lists of the shape {form}, not {got or type(x).__name__}"
    what += "; one sample at a time: [model(x) for x in batch]" * (len(found) > len(sizes))
    require(fits, what, InputError if found else InputTypeError)
    for i, leaf in enumerate(flat(x)):
        typed(f"{name}: input {i}", leaf, Value if not ops.is_number(leaf) else object, "a number or a Value")
    return found


def _pair(what: str, x: Any, least: int = 1) -> tuple[int, int]:
    rows, columns = x if isinstance(x, (list, tuple)) and len(x) == 2 else (x, x)
    return count(what, rows, least), count(what, columns, least)


def _windows(layer: Module, plane: Any, size: Any, stride: Any, padding: Any, fill: float) -> list[list[list[Any]]]:
    """The numbers in each window, in rows of windows; `fill` is added around the plane."""
    (high, wide), (above, beside) = size, padding
    empty = [[fill] * (len(plane[0]) + 2 * beside)] * above
    rows = [*empty, *([*[fill] * beside, *row, *[fill] * beside] for row in plane), *empty]
    tops, lefts = range(0, len(rows) - high + 1, stride[0]), range(0, len(rows[0]) - wide + 1, stride[1])
    require(tops and lefts, f"{layer!r} needs an image of {high} × {wide} at least, padding included")
    return [[[x for row in rows[i : i + high] for x in row[j : j + wide]] for j in lefts] for i in tops]
