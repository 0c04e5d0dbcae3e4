"""`nn`'s layers; micrograd's Neuron, Layer and MLP held against micrograd itself, the numbers of others in data/."""

import copy
import math
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
    with pytest.raises(
        InputError, match=rf"^{re.escape(repr(layer)[:70])} takes .* of the shape \[2\], not \[{len(x)}\]$"
    ):
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
    with pytest.raises(InputTypeError, match=f"^{name}: input 1 must be a number or a Value, not str '2'$"):
        layer([1.0, "2"])
    batch = [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(
        InputError, match=rf"^{name} .* not \[2\]\[2\]; one sample at a time: \[model\(x\) for x in batch\]"
    ):
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


# ── Layers that are not of micrograd ─────────────────────────────────────────────────────────────────────────────


def data(ys):
    return [data(y) for y in ys] if isinstance(ys, (list, tuple)) else ys.data if isinstance(ys, Value) else ys


def test_sequential_runs_holds_and_names_its_modules():
    first, second = nn.Linear(2, 3, seed=0), nn.Linear(3, 1, seed=1)
    model = nn.Sequential(first, nn.Tanh(), second)
    x = [0.5, -1.0]
    assert data(model(x)) == data(second([h.tanh() for h in first(x)]))
    assert list(model) == [first, model[1], second]
    assert model[-1] is second
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert nn.Sequential()(x) is x
    for wrong in (nn.ReLU, "relu", None, [first]):
        with pytest.raises(InputTypeError, match="Sequential's module 1 must be a Module"):
            nn.Sequential(first, wrong)
    with pytest.raises(InputTypeError, match=r"such as nn\.ReLU\(\)"):
        nn.Sequential(nn.ReLU)


ACTIVATIONS = [nn.ReLU(), nn.SiLU(), nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.Softsign(), nn.GELU(), nn.ELU()]
ACTIVATIONS += [nn.LeakyReLU(), nn.GELU("tanh"), nn.LeakyReLU(0.3), nn.ELU(alpha=2.0)]


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=repr)
def test_an_activation_maps_lists_of_any_depth(layer):
    x = [[[0.5, -1.0]], [[2.0, 0.0]]]
    assert layer(x) == [[[layer(0.5), layer(-1.0)]], [[layer(2.0), layer(0.0)]]]
    assert layer([]) == []
    assert layer(Value(0.5)).data == layer(0.5)
    assert layer.parameters() == []
    for wrong in ("ab", None, [None], np.ones(2)):
        with pytest.raises(InputTypeError):
            layer(wrong)


@pytest.mark.parametrize("make", [lambda: nn.LeakyReLU("x"), lambda: nn.ELU(None), lambda: nn.GELU("erf")])
def test_options_of_activations_are_checked_where_they_are_made(make):
    with pytest.raises((InputTypeError, InputError)):
        make()


def test_activations_take_the_options_they_have():
    for make in (
        lambda: nn.ReLU(0.1),
        lambda: nn.ELU(1.0, 2.0),
        lambda: nn.ELU(beta=1.0),
        lambda: nn.Tanh(inplace=True),
    ):
        with pytest.raises(TypeError):
            make()
    with pytest.raises(InputTypeError, match=r"ELU's options are \['alpha'\], not \(1.0, 2.0\)"):
        nn.ELU(1.0, 2.0)
    assert nn.ELU(0.5)(-1.0) == nn.ELU(alpha=0.5)(-1.0) == 0.5 * math.expm1(-1.0)


def test_softmax_goes_along_the_innermost_lists():
    assert nn.Softmax()([[1.0, 1.0], [0.0, 1000.0]]) == [[0.5, 0.5], [0.0, 1.0]]
    assert nn.LogSoftmax()([[[0.0, -1000.0]]]) == [[[0.0, -1000.0]]]
    for wrong in ([], "ab", None, 1.0):
        with pytest.raises((InputTypeError, InputError)):
            nn.Softmax()(wrong)


def test_dropout_drops_a_share_makes_up_for_it_and_follows_its_seed():
    x = [1.0] * 10000
    layer = nn.Dropout(0.25, seed=3)
    first, second = layer(x), layer(x)
    assert set(first) == {0.0, 1.0 / 0.75}
    assert first.count(0.0) == pytest.approx(2500, abs=150)
    assert first != second
    again = nn.Dropout(0.25, seed=3)
    assert [again(x), again(x)] == [first, second]
    assert layer.eval()(x) is x
    assert layer.train()([[1.0], [2.0]], mask=[[1], [0]]) == [[1.0 / 0.75], [0.0]]


def test_dropout_of_nothing_and_of_everything():
    assert nn.Dropout(0.0)([1.0, 2.0]) == [1.0, 2.0]
    assert nn.Dropout(1.0)([1.0, 2.0]) == [0.0, 0.0]
    for wrong in (-0.1, 1.1, math.nan, math.inf):
        with pytest.raises(InputError, match="Dropout's p"):
            nn.Dropout(wrong)
    for wrong in ("0.5", None):
        with pytest.raises(InputTypeError, match="Dropout's p"):
            nn.Dropout(wrong)
    with pytest.raises(InputError, match="mask"):
        nn.Dropout(0.5)([1.0, 2.0], mask=[1])
    for wrong in ("ab", None, ["a"], [None], np.ones(2)):
        with pytest.raises(InputTypeError):
            nn.Dropout(0.5)(wrong)


def test_dropout_without_a_seed_follows_pythons_generator_and_can_be_copied():
    layer = nn.Dropout(0.5)
    random.seed(5)
    first = layer([1.0] * 50)
    random.seed(5)
    assert layer([1.0] * 50) == first
    assert copy.deepcopy(layer).p == 0.5


def test_batch_norm_normalises_each_feature_and_remembers():
    layer = nn.BatchNorm1d(2)
    source = random.Random(0)
    batch = [[source.gauss(5.0, 2.0), source.gauss(-3.0, 0.1)] for _ in range(50)]
    columns = list(zip(*data(layer(batch)), strict=True))
    for column in columns:
        assert np.mean(column) == pytest.approx(0.0, abs=1e-12)
        assert np.var(column) == pytest.approx(1.0, rel=2e-3)
    for _ in range(200):
        layer(batch)
    mean, var = np.mean(batch, axis=0), np.var(batch, axis=0, ddof=1)
    assert layer.state_dict()["running_mean"] == pytest.approx(mean)
    assert layer.state_dict()["running_var"] == pytest.approx(var)
    assert layer.state_dict()["num_batches_tracked"] == 201.0
    before = layer.state_dict()
    (one,) = layer.eval()([batch[0]])
    assert data(one) == pytest.approx(list((np.array(batch[0]) - mean) / np.sqrt(var + 1e-5)))
    assert layer.state_dict() == before
    assert len(layer.parameters()) == 4


def test_what_batch_norm_refuses_changes_nothing():
    layer = nn.BatchNorm1d(2, eps=0.0)
    before = layer.state_dict()
    for wrong in ([[1.0, 2.0]], [], [[]], [1.0, 2.0], [[1.0], [2.0]], [[1.0, 2.0], [3.0]], [[1.0, 1.0], [1.0, 1.0]]):
        with pytest.raises((InputError, ZeroDivisionError)):
            layer(wrong)
    for wrong in (None, "ab", np.ones((2, 2)), [[1.0, "2"], [3.0, 4.0]]):
        with pytest.raises(InputTypeError):
            layer(wrong)
    assert layer.state_dict() == before
    for make in (
        lambda: nn.BatchNorm1d(0),
        lambda: nn.BatchNorm1d(2, eps=-1.0),
        lambda: nn.BatchNorm1d(2, momentum=-1),
    ):
        with pytest.raises(InputError, match="BatchNorm1d's"):
            make()


IMAGES = [nn.Conv2d(2, 1, 2), nn.MaxPool2d(2)]


@pytest.mark.parametrize("layer", IMAGES, ids=repr)
@pytest.mark.parametrize("image", [None, "ab", 1.0, np.ones((2, 3, 3)), [[["a"] * 3] * 3] * 2, [[[None] * 3] * 3] * 2])
def test_what_is_no_image(layer, image):
    with pytest.raises(InputTypeError):
        layer(image)


ROWS = [[1.0, 2.0, 3.0]] * 3


@pytest.mark.parametrize("layer", IMAGES, ids=repr)
@pytest.mark.parametrize(
    "image",
    [[], [[], []], [[[]], [[]]], ROWS, [ROWS, [[1.0]]], [[[1.0]], [[1.0]]], [[[1.0, 2.0], [1.0]]] * 2, [[ROWS] * 2]],
)
def test_images_of_a_shape_that_does_not_fit(layer, image):
    with pytest.raises(InputError):
        layer(image)


def test_a_convolution_has_as_many_channels_as_it_says():
    with pytest.raises(InputError, match=r"of the shape \[2\]\[…\]\[…\], not \[3\]\[3\]\[3\]"):
        nn.Conv2d(2, 1, 2)([ROWS] * 3)


def test_a_convolution_is_a_dot_and_an_addition_an_output():
    (((y,),),) = nn.Conv2d(2, 1, 3, seed=0)([ROWS] * 2)
    assert [n.op for n in autograd.topological_order(y)] == ["add", "dot"]
    bound = 1 / math.sqrt(2 * 9)
    weights = [p.data for p in nn.Conv2d(2, 40, 3, seed=0).parameters()]
    assert 0.98 * bound < max(weights) <= bound
    assert -bound <= min(weights) < -0.98 * bound


@pytest.mark.parametrize("wrong", [0, -1, (1, 2, 3), (0, 1), 1.5, "2", None])
@pytest.mark.parametrize("make", [lambda n: nn.Conv2d(1, 1, n), lambda n: nn.Conv2d(1, 1, 1, stride=n), nn.MaxPool2d])
def test_sizes_of_windows(make, wrong):
    with pytest.raises((InputError, InputTypeError), match=r"kernel_size|stride"):
        make(wrong)


def test_paddings():
    for make in (lambda: nn.Conv2d(1, 1, 1, padding=-1), lambda: nn.MaxPool2d(2, padding=-1)):
        with pytest.raises(InputError, match="padding must be at least 0"):
            make()
    with pytest.raises(InputError, match="at most half"):
        nn.MaxPool2d(3, padding=2)


def test_max_pool_sends_the_gradient_to_the_largest_and_shares_it_among_equals():
    xs = [[Value(1.0), Value(4.0)], [Value(4.0), Value(0.0)]]
    nn.MaxPool2d(2)([xs])[0][0][0].backward()
    assert [x.grad for row in xs for x in row] == [0.0, 0.5, 0.5, 0.0]


@pytest.mark.parametrize("cell", [nn.RNNCell(2, 3, seed=0), nn.LSTMCell(2, 3, seed=0)], ids=repr)
def test_what_cells_refuse(cell):
    for wrong in ([], [1.0], [[1.0, 2.0]]):
        with pytest.raises(InputError, match="of the shape"):
            cell(wrong)
    for wrong in (None, "ab", [1.0, "2"], np.ones(2), 1.0):
        with pytest.raises(InputTypeError):
            cell(wrong)
    states = [[1.0], [1.0, 2.0], ([1.0] * 3, [1.0] * 2), ([1.0] * 3,) * 3, "ab", np.ones(3), 1.0]
    for wrong in states:
        with pytest.raises((InputError, InputTypeError)):
            cell([1.0, 2.0], wrong)
    for make in (lambda: type(cell)(0, 3), lambda: type(cell)(3, 0)):
        with pytest.raises(InputError):
            make()


def test_every_seeded_layer_is_the_same_again():
    kinds = [
        lambda s: nn.Conv2d(1, 2, 2, seed=s),
        lambda s: nn.RNNCell(2, 2, seed=s),
        lambda s: nn.LSTMCell(2, 2, seed=s),
    ]
    for make in kinds:
        assert make(1).state_dict() == make(1).state_dict() != make(2).state_dict()


def test_initialisers_change_all_or_nothing():
    layer = nn.Linear(2, 2, seed=0)
    before = layer.state_dict()
    for call in (
        lambda: nn.init.uniform_(layer.weight, 1.0, 0.0),
        lambda: nn.init.normal_(layer.weight, std=-1.0),
        lambda: nn.init.normal_(layer.weight, mean=math.nan),
        lambda: nn.init.xavier_uniform_(layer.bias),
        lambda: nn.init.xavier_normal_(layer.weight, gain=-1.0),
        lambda: nn.init.kaiming_normal_(layer.weight, mode="fan"),
        lambda: nn.init.kaiming_uniform_(layer.weight, nonlinearity="swish"),
        lambda: nn.init.kaiming_uniform_([layer.weight[0], [layer.weight[1][0]]]),
    ):
        with pytest.raises(InputError):
            call()
    for call in (
        lambda: nn.init.uniform_([*layer.weight[0], 3.0]),
        lambda: nn.init.uniform_([layer.bias[0], layer.bias[0] * 2.0]),
        lambda: nn.init.uniform_("ab"),
        lambda: nn.init.uniform_(layer.weight, a="0"),
        lambda: nn.init.uniform_(layer.weight, seed="0"),
    ):
        with pytest.raises(InputTypeError):
            call()
    assert layer.state_dict() == before
