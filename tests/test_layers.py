"""`nn.Linear`, and micrograd's Neuron, Layer and MLP held against micrograd itself."""

import random
import re

import micrograd.engine
import micrograd.nn
import numpy as np
import pytest

import autograd
import nn
from autograd import Value
from autograd.errors import InputError, InputTypeError

SHAPES = [(2, [16, 16, 1]), (3, [4, 4, 1]), (1, [1]), (5, [3, 2]), (2, [1, 4])]


def both(nin, nouts, seed=1337):
    """micrograd's MLP and ours, drawn from the same seed of the global generator."""
    random.seed(seed)
    theirs = micrograd.nn.MLP(nin, nouts)
    random.seed(seed)
    return theirs, nn.MLP(nin, nouts)


@pytest.mark.parametrize(("nin", "nouts"), SHAPES)
def test_weights_are_micrograds_number_for_number(nin, nouts):
    theirs, ours = both(nin, nouts)
    assert [p.data for p in ours.parameters()] == [p.data for p in theirs.parameters()]
    seeded = nn.MLP(nin, nouts, seed=1337)
    assert [p.data for p in seeded.parameters()] == [p.data for p in theirs.parameters()]


@pytest.mark.parametrize(("nin", "nouts"), SHAPES)
def test_repr_is_micrograds(nin, nouts):
    theirs, ours = both(nin, nouts)
    assert repr(ours) == repr(theirs)
    assert repr(ours.layers[0]) == repr(theirs.layers[0])


def leaves_of(outputs):
    return outputs if isinstance(outputs, list) else [outputs]


@pytest.mark.parametrize(("nin", "nouts"), [s for s in SHAPES if 1 not in s[1][:-1]])
def test_outputs_are_micrograds_bit_for_bit_and_gradients_to_rounding(nin, nouts):
    theirs, ours = both(nin, nouts)
    source = random.Random(5)
    for p, q in zip(theirs.parameters(), ours.parameters(), strict=True):
        p.data = q.data = source.uniform(-1.0, 1.0)  # biases that aren't 0 show in which order a sum is taken
    for _ in range(10):
        x = [source.uniform(-2.0, 2.0) for _ in range(nin)]
        a, b = theirs(x), ours(x)
        assert isinstance(a, list) == isinstance(b, list)
        assert [v.data for v in leaves_of(b)] == [v.data for v in leaves_of(a)]
        theirs.zero_grad()
        ours.zero_grad()
        leaves_of(a)[0].backward()
        leaves_of(b)[0].backward()
        assert [p.grad for p in ours.parameters()] == pytest.approx([p.grad for p in theirs.parameters()], abs=1e-12)


def test_twenty_steps_of_training_stay_within_1e_12_of_micrograds():
    theirs, ours = both(3, [4, 4, 1])
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    ys = [1.0, -1.0, -1.0, 1.0]
    for _ in range(20):
        losses = []
        for model in (theirs, ours):
            loss = sum((model(x) - y) ** 2 for x, y in zip(xs, ys, strict=True))
            model.zero_grad()
            loss.backward()
            for p in model.parameters():
                p.data -= 0.01 * p.grad
            losses.append(loss.data)
        assert losses[0] == pytest.approx(losses[1], abs=1e-12)


def test_a_neuron_is_one_dot_and_one_relu():
    assert [n.op for n in autograd.topological_order(nn.Neuron(5)([1.0] * 5))] == ["relu", "dot"]
    assert [n.op for n in autograd.topological_order(nn.Neuron(5, nonlin=False)([1.0] * 5))] == ["dot"]


def test_the_last_layer_is_linear_and_a_single_output_comes_alone():
    model = nn.MLP(2, [3, 2, 1])
    assert [[n.nonlin for n in layer.neurons] for layer in model.layers] == [[True] * 3, [True] * 2, [False]]
    assert isinstance(model([1.0, 2.0]), Value)
    assert len(nn.Layer(2, 3)([1.0, 2.0])) == 3


def test_a_hidden_layer_of_one_neuron_works():
    """micrograd stops here: its Value can't be zipped."""
    model = nn.MLP(2, [1, 1], seed=0)
    x = [0.3, 0.9]
    w, b, v, c = model.layers[0].neurons[0].w, 0.0, model.layers[1].neurons[0].w, 0.0
    assert model(x).data == max(0.0, b + w[0].data * x[0] + w[1].data * x[1]) * v[0].data + c


def test_seeds():
    for make in (lambda s: nn.Linear(3, 2, seed=s), lambda s: nn.Neuron(3, seed=s), lambda s: nn.Layer(3, 2, seed=s)):
        assert make(1).state_dict() == make(1).state_dict() != make(2).state_dict()
        state = random.getstate()
        make(3)
        assert random.getstate() == state
        make(None)
        assert random.getstate() != state
    source = random.Random(1)
    assert nn.Linear(3, 2, seed=source).state_dict() == nn.Linear(3, 2, seed=1).state_dict()
    assert nn.Linear(3, 2, seed=source).state_dict() != nn.Linear(3, 2, seed=1).state_dict()
    assert nn.Linear(3, 2, seed=np.int64(1)).state_dict() == nn.Linear(3, 2, seed=1).state_dict()
    for wrong in (1.5, "1", [1]):
        with pytest.raises(InputTypeError, match="seed"):
            nn.Neuron(3, seed=wrong)


def test_linear_is_uniform_between_the_bounds_of_torch():
    layer = nn.Linear(100, 200, seed=0)
    weights = [w.data for row in layer.weight for w in row]
    assert (len(layer.weight), len(layer.weight[0]), len(layer.bias)) == (200, 100, 200)
    assert 0.099 < max(weights) <= 0.1
    assert -0.1 <= min(weights) < -0.099
    assert np.var(weights) == pytest.approx(0.1**2 / 3, rel=0.03)
    assert np.mean(weights) == pytest.approx(0.0, abs=2e-3)
    assert 0.09 < max(b.data for b in layer.bias) <= 0.1


def test_linear_computes_left_to_right_and_adds_the_bias_last():
    layer = nn.Linear(3, 2, seed=0)
    x = [0.1, 0.7, -0.3]
    for row, bias, y in zip(layer.weight, layer.bias, layer(x), strict=True):
        assert y.data == row[0].data * x[0] + row[1].data * x[1] + row[2].data * x[2] + bias.data
        assert [n.op for n in autograd.topological_order(y)] == ["add", "dot"]
    layer(x)[1].backward()
    assert [w.grad for w in layer.weight[1]] == x
    assert [w.grad for w in layer.weight[0]] == [0.0, 0.0, 0.0]
    assert [b.grad for b in layer.bias] == [0.0, 1.0]


def test_linear_without_bias():
    layer = nn.Linear(2, 1, bias=False, seed=0)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    assert [y.op for y in layer([1.0, 2.0])] == ["dot"]
    assert repr(layer) == "Linear(in_features=2, out_features=1, bias=False)"


LAYERS = [nn.Linear(2, 3), nn.Neuron(2), nn.Layer(2, 3), nn.MLP(2, [3, 1])]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize("x", [[], [1.0], [1.0, 2.0, 3.0], (1.0,)])
def test_a_wrong_length_names_the_layer_what_it_takes_and_what_it_got(layer, x):
    with pytest.raises(InputError, match=rf"^{re.escape(repr(layer)[:70])} takes .* of the shape \[2\], not \[{len(x)}\]$"):
        layer(x)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize("x", ["ab", None, 1.0, np.ones(2), {1.0, 2.0}, {0: 1.0, 1: 2.0}, [1.0, "2"], [1.0, None]])
def test_what_is_no_list_of_numbers(layer, x):
    with pytest.raises(InputTypeError):
        layer(x)


def test_an_array_is_told_how_to_be_a_list():
    with pytest.raises(InputTypeError, match="tolist"):
        nn.Linear(2, 1)(np.ones(2))


@pytest.mark.parametrize("x", [(1.0, 2.0), [1, 2], [Value(1.0), np.float32(2.0)], [True, Value(2.0)]])
def test_every_kind_of_number_will_do(x):
    layer = nn.Linear(2, 1, seed=0)
    assert layer(x)[0].data == layer([1.0, 2.0])[0].data


@pytest.mark.parametrize(
    "make", [lambda n: nn.Linear(n, 1), lambda n: nn.Linear(1, n), nn.Neuron, lambda n: nn.Layer(1, n)]
)
def test_sizes(make):
    for wrong in (0, -1):
        with pytest.raises(InputError, match=f"at least 1, not {wrong}"):
            make(wrong)
    for wrong in (1.5, "2", None):
        with pytest.raises(InputTypeError, match="whole number"):
            make(wrong)


def test_nouts_must_be_a_list():
    with pytest.raises(InputTypeError, match=r"MLP\(2, \[16, 1\]\)"):
        nn.MLP(2, 3)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_bad_input_is_named_with_the_layer_that_was_called(layer):
    name = re.escape(repr(layer)[:70])
    with pytest.raises(InputTypeError, match=f"^{name}: input 1 must be a number or a Value, not str$"):
        layer([1.0, "2"])
    batch = [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(InputError, match=rf"^{name} .* not \[2\]\[2\]; one sample at a time: \[model\(x\) for x in batch\]"):
        layer(batch)
    with pytest.raises(InputTypeError, match=rf"^{name}: the input .* write x\.tolist\(\)"):
        layer(list(np.array(batch)))
    with pytest.raises(InputError, match=rf"^{name} .* not \[1\]\[2\]; one sample at a time"):
        layer([[1.0, 2.0]])


def test_networks_of_nothing():
    with pytest.raises(InputError, match="MLP needs a layer"):
        nn.MLP(2, [])
    with pytest.raises(InputError, match="MLP's nin must be at least 1, not 0"):
        nn.MLP(0, [1])
    with pytest.raises(InputError, match="Layer's nin must be at least 1, not 0"):
        nn.Layer(0, 1)
