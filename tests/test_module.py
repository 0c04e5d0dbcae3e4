"""`nn.Module`: what its walk finds, in which order and under which name, and what it refuses to pass over."""

import math

import pytest

import nn
from autograd import Value
from autograd.errors import AutogradError, InputError, InputTypeError


class Net(nn.Module):
    def __init__(self):
        self.scale = nn.Parameter(2.0)
        self.rows = [[nn.Parameter(1.0), nn.Parameter(2.0)], [nn.Parameter(3.0), nn.Parameter(4.0)]]
        self.heads = {"left": nn.Linear(1, 1, seed=0), "right": (nn.Parameter(5.0), 7.0, "text", None)}
        self.size = 3
        self.numbers = [1.0, 2.0]

    def forward(self, x):
        return self.scale * x


NAMES = ["scale", "rows.0.0", "rows.0.1", "rows.1.0", "rows.1.1"]
NAMES += ["heads.left.weight.0.0", "heads.left.bias.0", "heads.right.0"]


def test_parameters_are_found_in_attributes_lists_tuples_dicts_and_modules_in_order_of_assignment():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [p.data for p in net.parameters()[:5]] == [2.0, 1.0, 2.0, 3.0, 4.0]
    assert all(p.is_parameter for p in net.parameters())


def test_a_shared_parameter_comes_once_and_under_its_first_name():
    net = nn.Module()
    net.encoder, net.decoder = nn.Linear(2, 1), nn.Linear(2, 1)
    net.decoder.weight = net.encoder.weight
    net.again = net.encoder.bias[0]
    names = [name for name, _ in net.named_parameters()]
    assert names == ["encoder.weight.0.0", "encoder.weight.0.1", "encoder.bias.0", "decoder.bias.0"]
    assert list(net.state_dict()) == ["encoder.weight", "encoder.bias", "decoder.bias", "again"]


def test_equal_parameters_are_different_parameters():
    net = nn.Module()
    net.pair = [nn.Parameter(1.0), nn.Parameter(1.0)]
    assert len(net.parameters()) == 2


def test_cycles_and_long_chains_of_modules():
    first = module = nn.Module()
    for _ in range(3000):
        module.next = nn.Module()
        module.next.parent = module
        module = module.next
    module.p = nn.Parameter(1.0)
    ((name, p),) = first.named_parameters()
    assert p is module.p
    assert name == "next." * 3000 + "p"


@pytest.mark.parametrize("hold", [lambda v: v, lambda v: [v], lambda v: {"k": (v,)}, lambda v: [nn.Parameter(0.0), v]])
@pytest.mark.parametrize("ask", ["parameters", "named_parameters", "state_dict", "zero_grad"])
def test_an_unflagged_leaf_is_named_with_its_remedy(hold, ask):
    net = nn.Module()
    net.inner = nn.Module()
    net.inner.w = hold(Value(0.5))
    with pytest.raises(InputTypeError, match=r"Module\.inner\.w.* holds Value\(data=0\.5\).*nn\.Parameter\(0\.5\)"):
        getattr(net, ask)()


def test_interior_values_are_results_not_parameters():
    net = Net()
    net.last = net(3.0)
    net.seen = [net(1.0), net(2.0)]
    assert [name for name, _ in net.named_parameters()] == NAMES


def test_lists_without_parameters_are_no_part_of_the_state():
    net = Net()
    net.log, net.table, net.text = [], [[], ()], ["a", {"b": "c"}]
    assert list(net.state_dict()) == ["scale", "rows", "heads.left.weight", "heads.left.bias", "heads.right.0"]


@pytest.mark.parametrize("kind", [set, frozenset])
def test_parameters_in_a_set_are_refused_not_lost(kind):
    net = nn.Module()
    net.bag = kind([nn.Parameter(1.0)])
    with pytest.raises(InputTypeError, match=rf"Module\.bag .* {kind.__name__}"):
        net.parameters()


def test_slots_are_refused_where_the_class_is_made():
    with pytest.raises(InputTypeError, match=r"Slotted.*__slots__"):

        class Slotted(nn.Module):
            __slots__ = ("w",)


def test_one_name_for_two_parameters_is_refused():
    net = nn.Module()
    net.d = {1: nn.Parameter(1.0), "1": nn.Parameter(2.0)}
    with pytest.raises(InputError, match=r"'d\.1'"):
        net.state_dict()


def test_a_module_without_forward_says_so():
    with pytest.raises(InputTypeError, match="forward"):
        nn.Module()(1.0)


def test_calling_calls_forward():
    assert Net()(4.0).data == 8.0


def test_zero_grad_clears_the_flag_and_not_only_the_number():
    net = Net()
    net(3.0).backward()
    assert net.scale.grad == 3.0
    net.zero_grad()
    assert net.scale.grad == 0.0
    assert repr(net.scale) == "Value(data=2.0)"


def test_parameter_is_a_flagged_leaf():
    p = nn.Parameter(3, label="w")
    assert (p.data, p.label, p.inputs, p.is_parameter) == (3.0, "w", (), True)
    assert not Value(3.0).is_parameter
    for wrong in ("3", None, [1.0], Value(1.0)):
        with pytest.raises(InputTypeError):
            nn.Parameter(wrong)


def test_state_dict_is_nested_lists_and_a_copy():
    net = Net()
    state = net.state_dict()
    assert state["scale"] == 2.0
    assert state["rows"] == [[1.0, 2.0], [3.0, 4.0]]
    assert state["heads.right.0"] == 5.0
    assert list(state) == ["scale", "rows", "heads.left.weight", "heads.left.bias", "heads.right.0"]
    state["rows"][0][0] = 99.0
    assert net.rows[0][0].data == 1.0


def test_load_state_dict_copies_every_number():
    one, other = nn.MLP(3, [4, 2], seed=0), nn.MLP(3, [4, 2], seed=1)
    assert one.state_dict() != other.state_dict()
    other.load_state_dict(one.state_dict())
    assert other.state_dict() == one.state_dict()
    assert [p is q for p, q in zip(one.parameters(), other.parameters(), strict=True)].count(True) == 0


def test_load_state_dict_takes_tuples_ints_nan_and_inf():
    net = nn.Module()
    net.w = [nn.Parameter(0.0) for _ in range(3)]
    net.load_state_dict({"w": (1, math.inf, math.nan)})
    assert net.w[0].data == 1.0
    assert net.w[1].data == math.inf
    assert math.isnan(net.w[2].data)


def test_load_state_dict_makes_a_graph_stale():
    net = Net()
    loss = net.scale * net.scale
    net.load_state_dict(net.state_dict())
    with pytest.raises(RuntimeError):
        loss.backward()


def test_a_mismatch_names_everything_and_changes_nothing():
    net = Net()
    before = net.state_dict()
    state = {**before, "scale": 9.0, "rows": [[1.0, 2.0], [3.0]], "heads.right.0": "5", "stray": 1.0}
    del state["heads.left.bias"]
    with pytest.raises(InputError) as caught:
        net.load_state_dict(state)
    for part in (
        "missing 'heads.left.bias'",
        "unexpected 'stray'",
        "rows[1] must be a list of 2",
        "not '5'",
    ):
        assert part in str(caught.value)
    assert net.state_dict() == before


@pytest.mark.parametrize("wrong", [True, None, "1.0", [1.0], {"a": 1.0}, 1j])
def test_what_is_no_number_does_not_load(wrong):
    net = Net()
    with pytest.raises(AutogradError, match="scale must be a number"):
        net.load_state_dict({**net.state_dict(), "scale": wrong})
    assert net.scale.data == 2.0


@pytest.mark.parametrize("wrong", [None, [("scale", 2.0)], "scale", 3])
def test_a_state_that_is_no_mapping(wrong):
    with pytest.raises(InputTypeError, match="state_dict"):
        Net().load_state_dict(wrong)


def test_a_parameter_in_two_lists_needs_one_number():
    p = nn.Parameter(1.0)
    net = nn.Module()
    net.a, net.b = [p], [p, nn.Parameter(2.0)]
    net.load_state_dict({"a": [5.0], "b": [5.0, 6.0]})
    with pytest.raises(InputError, match="the same parameter"):
        net.load_state_dict({"a": [1.0], "b": [3.0, 4.0]})
    assert [x.data for x in net.parameters()] == [5.0, 6.0]


def test_lists_in_cycles_and_deep_ones_are_walked():
    net = nn.Module()
    net.cycle = [nn.Parameter(1.0)]
    net.cycle.insert(0, net.cycle)
    net.deep = nn.Parameter(2.0)
    for _ in range(2000):
        net.deep = [net.deep]
    assert [p.data for p in net.parameters()] == [1.0, 2.0]
    state = net.state_dict()
    assert state["cycle.1"] == 1.0
    net.load_state_dict(state)
    assert net.state_dict() == state


@pytest.mark.parametrize("make", [lambda: nn.Parameter(1.0), lambda: [nn.Parameter(1.0)], lambda: nn.Linear(1, 1)])
def test_a_parameter_of_the_class_is_refused_not_lost(make):
    with pytest.raises(InputTypeError, match=r"Net\.w.* belongs to the class.*__init__"):
        type("Net", (nn.Module,), {"w": make()})


# ── Buffers, modes, text ────────────────────────────────────────────────────────────────────────────────────


class Counting(nn.Module):
    def __init__(self):
        self.weight = nn.Parameter(2.0)
        self.seen = nn.Buffer(0)
        self.means = [[nn.Buffer(0.5)], [nn.Buffer(1.5)]]

    def forward(self, x):
        self.seen.data += 1.0
        return self.weight * x


def test_buffers_are_state_and_no_parameters():
    module = Counting()
    assert module.parameters() == [module.weight]
    module(1.0)
    state = module.state_dict()
    assert state == {"weight": 2.0, "seen": 1.0, "means": [[0.5], [1.5]]}
    other = Counting()
    other.load_state_dict({**state, "means": [[7], [8]]})
    assert other.state_dict() == {"weight": 2.0, "seen": 1.0, "means": [[7.0], [8.0]]}
    with pytest.raises(InputError, match=r"missing 'seen'; means\[0\] must be a list of 1"):
        other.load_state_dict({"weight": 9.0, "means": [[1.0, 2.0], [3.0]]})
    assert other.weight.data == 2.0
    assert repr(module.means) == "[[Buffer(0.5)], [Buffer(1.5)]]"
    for wrong in ("1", None, Value(1.0)):
        with pytest.raises(InputTypeError):
            nn.Buffer(wrong)
    with pytest.raises(InputTypeError, match="belongs to the class"):
        type("Net", (nn.Module,), {"seen": nn.Buffer(0.0)})


def test_a_mismatch_of_batch_norm_names_its_running_numbers():
    with pytest.raises(InputError, match=r"running_mean must be a list of 2.*running_var"):
        nn.BatchNorm1d(2).load_state_dict(nn.BatchNorm1d(3).state_dict())


def test_train_and_eval_reach_every_module_once_and_return_the_module():
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2)))
    model.heads = {"left": [nn.Dropout()]}
    model.itself = model
    assert [path for path, _ in model.named_modules()] == ["", "0", "1", "1.0", "heads.left.0"]
    assert all(m.training for _, m in model.named_modules())
    assert model.eval() is model
    assert not any(m.training for _, m in model.named_modules())
    assert model[1].train() is model[1]
    assert [m.training for _, m in model.named_modules()] == [False, False, True, True, False]
    for wrong in (1, None, "eval"):
        with pytest.raises(InputTypeError, match="True or False"):
            model.train(wrong)
    assert Counting().training


def test_repr_shows_what_is_inside_and_ends_where_it_began():
    net = nn.Module()
    net.layers = [nn.Linear(2, 1), nn.Neuron(1)]
    net.itself = net
    lines = [
        "Module(",
        "  (layers.0): Linear(in_features=2, out_features=1, bias=True)",
        "  (layers.1): ReLUNeuron(1)",
        ")",
    ]
    assert repr(net).splitlines() == lines
    net.layers[0].owner = net  # a cycle
    assert "..." in repr(net)
    net.bad = Value(1.0)  # what parameters() refuses
    assert repr(net).startswith("Module(")


def test_a_class_may_say_what_stands_in_its_parentheses():
    class Scale(nn.Module):
        def extra_repr(self):
            return "by=2"

    assert repr(Scale()) == "Scale(by=2)"
    outer = Scale()
    outer.inner = Scale()
    assert repr(outer) == "Scale(\n  by=2\n  (inner): Scale(by=2)\n)"


def test_summary_counts_each_parameter_once_where_it_is():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), Net())
    model.extra = [nn.Parameter(0.0)]
    model.again = model[0].weight
    rows = [line.split() for line in model.summary().splitlines()]
    assert rows == [
        ["module", "type", "parameters"],
        ["(self)", "Sequential", "1"],
        ["0", "Linear", "8"],
        ["1", "Tanh", "0"],
        ["2", "Net", "6"],
        ["2.heads.left", "Linear", "2"],
        ["total", "17"],
    ]
    assert len({len(line) for line in model.summary().splitlines()}) == 1
    assert nn.Linear(100, 100).summary().splitlines()[-1].split() == ["total", "10,100"]
    with pytest.raises(InputTypeError, match="a leaf that is no parameter"):
        type("Bad", (nn.Module,), {"__init__": lambda self: setattr(self, "w", Value(1.0))})().summary()
