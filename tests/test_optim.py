"""`nn.SGD` and `nn.Adam` beside torch.optim's documented pseudo-code, written out here on plain floats."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import Value
from autograd.errors import InputError, InputTypeError, StaleGraphError


def documented_sgd(theta, gradients, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    """torch.optim.SGD, https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html; None is "no gradient"."""
    b, path = None, []
    for g in gradients:
        if g is not None:
            if weight_decay != 0:
                g = g + weight_decay * theta
            if momentum != 0:
                b = g if b is None else momentum * b + (1 - dampening) * g
                g = g + momentum * b if nesterov else b
            theta = theta - lr * g
        path.append(theta)
    return path


def documented_adam(theta, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """torch.optim.Adam, https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html."""
    m = v = 0.0
    t, path = 0, []
    for g in gradients:
        if g is not None:
            t += 1
            if weight_decay != 0:
                g = g + weight_decay * theta
            m = betas[0] * m + (1 - betas[0]) * g
            v = betas[1] * v + (1 - betas[1]) * g**2
            m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
            theta = theta - lr * m_hat / (math.sqrt(v_hat) + eps)
        path.append(theta)
    return path


def walked(make, theta, gradients):
    """The parameter after each step, beside a second one with other gradients that must not interfere."""
    p, q = nn.Parameter(theta), nn.Parameter(-theta)
    optimizer, path = make([p, q]), []
    for g in gradients:
        optimizer.zero_grad()
        p.grad, q.grad = g, 1.0
        optimizer.step()
        path.append(p.data)
    return path


numbers = st.floats(-10, 10)
runs = st.lists(st.one_of(numbers, st.none()), min_size=1, max_size=12)
rates = st.floats(0.001, 0.9)


@given(
    numbers, runs, rates, st.sampled_from([0.0, 0.5, 0.9]), st.sampled_from([0.0, 0.3]), st.sampled_from([0.0, 0.01])
)
def test_sgd_walks_as_documented(theta, gradients, lr, momentum, dampening, weight_decay):
    settings = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
    assert walked(lambda ps: nn.SGD(ps, **settings), theta, gradients) == documented_sgd(theta, gradients, **settings)


@given(numbers, runs, rates, st.sampled_from([0.5, 0.9]), st.sampled_from([0.0, 0.01]))
def test_nesterov_walks_as_documented(theta, gradients, lr, momentum, weight_decay):
    settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "nesterov": True}
    assert walked(lambda ps: nn.SGD(ps, **settings), theta, gradients) == documented_sgd(theta, gradients, **settings)


@given(numbers, runs, rates, st.sampled_from([(0.9, 0.999), (0.0, 0.5), (0.5, 0.0)]), st.sampled_from([0.0, 0.01]))
def test_adam_walks_as_documented(theta, gradients, lr, betas, weight_decay):
    settings = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
    ours = walked(lambda ps: nn.Adam(ps, **settings), theta, gradients)
    assert ours == pytest.approx(documented_adam(theta, gradients, **settings), rel=1e-13, abs=1e-13)


def test_numbers_worked_out_by_hand():
    gradients = [1.0, 2.0, -1.0]
    assert walked(lambda ps: nn.SGD(ps, lr=0.5), 1.0, gradients) == [0.5, -0.5, 0.0]
    # directions 1, 0.5 + 2, 1.25 - 1
    assert walked(lambda ps: nn.SGD(ps, lr=0.5, momentum=0.5), 1.0, gradients) == [0.5, -0.75, -0.875]
    # Adam's first step is lr, whatever the gradient's size
    assert walked(lambda ps: nn.Adam(ps, lr=0.5), 1.0, [1e-3])[0] == pytest.approx(0.5, abs=1e-5)
    assert walked(lambda ps: nn.Adam(ps, lr=0.5), 1.0, [-1e9])[0] == pytest.approx(1.5)


def test_defaults_are_torchs():
    p = [nn.Parameter(1.0)]
    sgd, adam = nn.SGD(p), nn.Adam(p)
    settings = (sgd.lr, sgd.momentum, sgd.dampening, sgd.weight_decay, sgd.nesterov)
    assert settings == (1e-3, 0.0, 0.0, 0.0, False)
    assert (adam.lr, adam.betas, adam.eps, adam.weight_decay) == (1e-3, (0.9, 0.999), 1e-8, 0.0)


@pytest.mark.parametrize("make", [lambda ps: nn.SGD(ps, lr=0.1, momentum=0.9), lambda ps: nn.Adam(ps, lr=0.1)])
def test_a_model_learns(make):
    source = random.Random(0)
    model = nn.MLP(2, [8, 1], seed=0)
    xs = [[source.uniform(-1.0, 1.0), source.uniform(-1.0, 1.0)] for _ in range(20)]
    ys = [x[0] * x[1] for x in xs]
    optimizer, losses = make(model.parameters()), []
    for _ in range(60):
        loss = nn.mse_loss([model(x) for x in xs], ys)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
    assert losses[-1] < losses[0] / 20


@pytest.mark.parametrize("make", [lambda ps: nn.SGD(ps, weight_decay=0.1, momentum=0.9), nn.Adam])
def test_a_parameter_without_a_gradient_is_passed_over_and_a_zero_gradient_is_not(make):
    p, q = nn.Parameter(1.0), nn.Parameter(1.0)
    optimizer = make([p, q])
    p.grad = q.grad = 1.0
    optimizer.step()
    p_before, q_before = p.data, q.data
    optimizer.zero_grad()
    p.grad = 0.0  # momentum goes on
    optimizer.step()
    assert p.data != p_before
    assert q.data == q_before


def test_zero_grad_clears():
    p = nn.Parameter(1.0)
    optimizer = nn.SGD([p], lr=1.0)
    (p * p).backward()
    optimizer.zero_grad()
    assert repr(p) == "Value(data=1.0)"
    optimizer.step()
    assert p.data == 1.0


def test_a_step_makes_older_graphs_stale():
    p = nn.Parameter(1.0)
    loss = p * p
    loss.backward()
    nn.SGD([p]).step()
    with pytest.raises(StaleGraphError):
        loss.backward()


def test_lr_may_be_assigned_between_steps():
    p = nn.Parameter(1.0)
    optimizer = nn.SGD([p], lr=0.5)
    p.grad = 1.0
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert p.data == 0.25


def test_params_may_be_a_generator_and_plain_leaves():
    leaves = [Value(1.0), Value(2.0)]
    optimizer = nn.SGD((p for p in leaves), lr=1.0)
    for p in leaves:
        p.grad = 1.0
    optimizer.step()
    optimizer.step()
    assert [p.data for p in leaves] == [-1.0, 0.0]


@pytest.mark.parametrize("kind", [nn.SGD, nn.Adam])
def test_params_are_checked(kind):
    p = nn.Parameter(1.0)
    model = nn.Linear(1, 1)
    for wrong in (p, model, None, 3, [1.0], [model], model.named_parameters(), "p"):
        with pytest.raises(InputTypeError, match=r"model\.parameters\(\)"):
            kind(wrong)
    with pytest.raises(InputError, match="no parameters"):
        kind([])
    with pytest.raises(InputError, match="twice"):
        kind([p, nn.Parameter(1.0), p])
    with pytest.raises(InputError, match="op='mul'"):
        kind([p * p])
    assert len(kind([nn.Parameter(1.0), nn.Parameter(1.0)]).params) == 2


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize(
    "make",
    [
        lambda ps, x: nn.SGD(ps, lr=x),
        lambda ps, x: nn.SGD(ps, momentum=x),
        lambda ps, x: nn.SGD(ps, weight_decay=x),
        lambda ps, x: nn.Adam(ps, lr=x),
        lambda ps, x: nn.Adam(ps, betas=(x, 0.9)),
        lambda ps, x: nn.Adam(ps, betas=(0.9, x)),
        lambda ps, x: nn.Adam(ps, eps=x),
        lambda ps, x: nn.Adam(ps, weight_decay=x),
    ],
)
def test_settings_out_of_range(make, wrong):
    with pytest.raises(InputError, match=r"must be (finite and )?at least 0"):
        make([nn.Parameter(1.0)], wrong)


def test_more_settings_out_of_range():
    p = [nn.Parameter(1.0)]
    with pytest.raises(InputError, match="below 1, not 1"):
        nn.Adam(p, betas=(0.9, 1.0))
    with pytest.raises(InputError, match="eps must be above 0"):
        nn.Adam(p, eps=0.0)
    for settings in ({}, {"momentum": 0.9, "dampening": 0.1}):
        with pytest.raises(InputError, match="nesterov"):
            nn.SGD(p, nesterov=True, **settings)
    for wrong in (0.9, (0.9,), None, "ab c"):
        with pytest.raises(InputTypeError, match="betas"):
            nn.Adam(p, betas=wrong)
    for wrong in ("0.1", None, Value(0.1)):
        with pytest.raises(InputTypeError, match="SGD's lr"):
            nn.SGD(p, lr=wrong)


def test_huge_and_tiny_gradients_raise_nothing():
    for g in (1e300, 1e-300, -1e-170, math.inf, math.nan, 0.0):
        p = nn.Parameter(1.0)
        p.grad = g
        nn.Adam([p]).step()
        nn.SGD([p], momentum=0.9).step()


def test_an_optimizer_without_a_rule_says_so():
    p = nn.Parameter(1.0)
    p.grad = 1.0
    with pytest.raises(InputTypeError, match="Optimizer has no rule"):
        nn.Optimizer([p], lr=0.1).step()


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
def test_an_assigned_lr_is_checked(wrong):
    optimizer = nn.Adam([nn.Parameter(1.0)], lr=0.5)
    with pytest.raises(InputError, match="Adam's lr must be finite and at least 0"):
        optimizer.lr = wrong
    with pytest.raises(InputTypeError, match="Adam's lr"):
        optimizer.lr = "0.1"
    assert optimizer.lr == 0.5


class Failing:
    """Stands for a parameter, where a kernel reads it; what fails is told by `at`."""

    def __init__(self, data, at=None):
        self._data, self._at, self.has_grad, self.written = data, at, True, []

    @property
    def data(self):
        return self._data if self._at != "data" else 1 / 0

    @data.setter
    def data(self, x):
        self.written.append(x)

    @property
    def grad(self):
        return 1.0 if self._at != "grad" else 1 / 0


@pytest.mark.parametrize("at", ["data", "grad"])
@pytest.mark.parametrize("kind", [nn.SGD, nn.RMSprop, nn.Adagrad, nn.Adam, nn.AdamW])
def test_a_step_that_fails_changes_neither_parameters_nor_state(kind, at):
    optimizer = kind([nn.Parameter(1.0), nn.Parameter(2.0)], lr=0.1)
    before = optimizer.state_dict()
    optimizer.params = [Failing(1.0), Failing(2.0, at)]
    with pytest.raises(ZeroDivisionError):
        optimizer.step()
    assert optimizer.state_dict() == before
    assert [p.written for p in optimizer.params] == [[], []]
    optimizer.params = [Failing(1.0), Failing(2.0)]
    optimizer.step()
    assert [len(p.written) for p in optimizer.params] == [1, 1]
    assert optimizer.state_dict() != before or kind is nn.SGD  # which keeps nothing without a momentum
