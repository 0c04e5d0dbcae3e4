"""`nn`'s optimisers; SGD and Adam beside torch.optim's documented pseudo-code, written out here on plain floats."""

import json
import math
import random
from array import array

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
    with pytest.raises(InputError, match=r"must be finite and (at least|above) 0"):
        make([nn.Parameter(1.0)], wrong)


def test_more_settings_out_of_range():
    p = [nn.Parameter(1.0)]
    with pytest.raises(InputError, match="below 1, not 1"):
        nn.Adam(p, betas=(0.9, 1.0))
    with pytest.raises(InputError, match="eps must be finite and above 0"):
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


# ── All optimisers ──────────────────────────────────────────────────────────────────────────────────────────

KINDS = [nn.SGD, nn.RMSprop, nn.Adagrad, nn.Adam, nn.AdamW]


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_checked_where_it_is_made_and_where_it_is_assigned(kind):
    optimizer = kind([nn.Parameter(1.0)])
    numbers_ = {name: x for name, x in optimizer.settings().items() if type(x) is float}
    assert "lr" in numbers_
    for name, x in numbers_.items():
        assert getattr(kind([nn.Parameter(1.0)], **{name: x}), name) == x
        for wrong, error in (
            (math.nan, InputError),
            (math.inf, InputError),
            ("0.1", InputTypeError),
            (None, InputTypeError),
        ):
            with pytest.raises(error, match=f"{kind.__name__}'s {name} must be"):
                kind([nn.Parameter(1.0)], **{name: wrong})
            with pytest.raises(error, match=f"{kind.__name__}'s {name} must be"):
                setattr(optimizer, name, wrong)
        assert getattr(optimizer, name) == x
        if name == "eps":
            with pytest.raises(InputError, match="eps must be finite and above 0"):
                optimizer.eps = 0.0
    with pytest.raises(TypeError):
        kind([nn.Parameter(1.0)], learning_rate=0.1)


def stepped(kind, **settings):
    """An optimizer of two parameters that has made two steps, the second parameter in one of them only."""
    p, q = nn.Parameter(1.0), nn.Parameter(2.0)
    optimizer = kind([p, q], **settings)
    for gradients in ((0.5, -1.0), (0.25, None)):
        p.grad, q.grad = gradients
        optimizer.step()
    return optimizer


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_is_plain_numbers_and_a_copy(kind):
    optimizer = stepped(kind, lr=0.1, weight_decay=0.01, **({"momentum": 0.5} if kind in (nn.SGD, nn.RMSprop) else {}))
    state = optimizer.state_dict()
    assert json.loads(json.dumps(state)) == state
    assert (state["lr"], state["weight_decay"]) == (0.1, 0.01)
    columns = {name: state[name] for name in optimizer.columns}
    assert all(len(column) == 2 and set(map(type, column)) == {float} for column in columns.values())
    assert columns.get("steps", [2.0, 1.0]) == [2.0, 1.0]
    for column in columns.values():
        column[0] = 99.0
    assert optimizer.state_dict() != state
    assert all(isinstance(getattr(optimizer, name), array) for name in optimizer.columns)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_that_does_not_fit_changes_nothing(kind):
    optimizer = stepped(kind)
    before, state = optimizer.state_dict(), stepped(kind, lr=0.5).state_dict()
    column = kind.columns[-1]
    wrong = [
        ({**state, "stray": 1.0}, "unexpected 'stray'"),
        ({k: x for k, x in state.items() if k != "lr"}, "missing 'lr'"),
        ({**state, column: [1.0]}, f"{column} must be a list of 2"),
        ({**state, column: [1.0, "2"]}, rf"{column}\[1\] must be a number"),
        ({**state, column: 1.0}, f"{column} must be a list of 2"),
        ({**state, "lr": [0.1]}, "lr must be a number"),
        ({**state, "lr": True}, "lr must be a number"),
        ({**state, "lr": -1.0}, "lr must be finite and at least 0"),
        ({**state, "weight_decay": math.nan}, "weight_decay must be finite"),
        ({}, "missing"),
    ]
    for bad, match in wrong:
        with pytest.raises(InputError, match=match):
            optimizer.load_state_dict(bad)
    for bad in (None, [state], "state"):
        with pytest.raises(InputTypeError, match="a dict"):
            optimizer.load_state_dict(bad)
    assert optimizer.state_dict() == before
    optimizer.load_state_dict(state)
    assert optimizer.state_dict() == state


def test_states_of_other_kinds_do_not_fit():
    for kind, other in ((nn.SGD, nn.Adam), (nn.Adam, nn.RMSprop), (nn.Adagrad, nn.SGD)):
        with pytest.raises(InputError, match=f"does not fit {kind.__name__}: missing"):
            stepped(kind).load_state_dict(stepped(other).state_dict())
    with pytest.raises(InputError, match="nesterov needs"):
        stepped(nn.SGD).load_state_dict({**stepped(nn.SGD).state_dict(), "nesterov": True})
    with pytest.raises(InputError, match="nesterov must be a bool"):
        stepped(nn.SGD).load_state_dict({**stepped(nn.SGD).state_dict(), "nesterov": 1})
    with pytest.raises(InputError, match="betas must be finite and at least 0 and below 1"):
        stepped(nn.Adam).load_state_dict({**stepped(nn.Adam).state_dict(), "betas": [0.9, 1.0]})


@pytest.mark.parametrize("kind", KINDS)
def test_one_function_makes_a_step_of_all_parameters(kind):
    """What a compiled one has to match: the columns and flat settings, nothing hidden in the object."""
    one, other = stepped(kind, lr=0.1), stepped(kind, lr=0.1)
    flat = [x for s in one.settings().values() for x in (s if isinstance(s, tuple) else [s])]
    one.params[0].grad = other.params[0].grad = 0.75
    one.step()
    kind.update(other.params, *[getattr(other, name) for name in kind.columns], *flat)
    assert [p.data for p in one.params] == [p.data for p in other.params]
    assert one.state_dict() == other.state_dict()


class Momentless(nn.Optimizer):  # in a file without `from __future__ import annotations`: its types are no names
    decay: float = 0.5
    count: int = 3
    update = staticmethod(lambda params, lr, decay, count: [setattr(p, "data", lr + decay + count) for p in params])


def test_an_optimizer_of_ones_own_is_checked_and_saved_like_the_others():
    optimizer = Momentless([nn.Parameter(1.0)], lr=1.0, decay=2)
    optimizer.step()
    assert optimizer.params[0].data == 6.0
    assert optimizer.state_dict() == {"lr": 1.0, "decay": 2.0, "count": 3}
    with pytest.raises(InputError, match="Momentless's decay must be finite and at least 0, not -1"):
        optimizer.decay = -1
    with pytest.raises(InputTypeError, match=r"Momentless's count must be a whole number, not 1\.5"):
        optimizer.count = 1.5
    assert optimizer.state_dict() == {"lr": 1.0, "decay": 2.0, "count": 3}
    assert repr(optimizer) == "Momentless(lr=1.0, decay=2.0, count=3)"


def test_centered_rmsprop_survives_a_variance_that_rounds_below_0():
    p = nn.Parameter(1.0)
    optimizer = nn.RMSprop([p], lr=0.1, alpha=0.5, centered=True)
    for _ in range(100):
        p.grad = 0.1
        optimizer.step()
        assert math.isfinite(p.data)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_any_size_raise_nothing(kind):
    for g in (1e300, 1e-300, -1e-170, math.inf, -math.inf, math.nan, 0.0):
        optimizer = kind([nn.Parameter(1.0)])
        for _ in range(3):
            optimizer.params[0].grad = g
            optimizer.step()


# ── Clipping ────────────────────────────────────────────────────────────────────────────────────────────────


def test_clipping_of_huge_gradients_and_of_none():
    p, q = nn.Parameter(1.0), nn.Parameter(1.0)
    assert nn.clip_grad_norm_([p, q], 1.0) == 0.0
    assert not p.has_grad
    p.grad = q.grad = 1e200
    assert nn.clip_grad_norm_([p, q], 1.0) == pytest.approx(math.sqrt(2) * 1e200)
    assert p.grad == pytest.approx(math.sqrt(0.5))
    p.grad = math.nan
    assert math.isnan(nn.clip_grad_norm_([p, q], 1.0))
    assert math.isnan(q.grad)
    q.grad = 5.0
    nn.clip_grad_value_([p, q], 2.0)
    assert math.isnan(p.grad)
    assert q.grad == 2.0


@pytest.mark.parametrize("clip", [nn.clip_grad_norm_, nn.clip_grad_value_])
def test_what_clipping_refuses(clip):
    p = nn.Parameter(1.0)
    p.grad = 5.0
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(InputError, match=f"{clip.__name__}'s"):
            clip([p], wrong)
    for params, most in ((p, 1.0), (None, 1.0), ([3.0], 1.0), ([p], "1"), ([p], None)):
        with pytest.raises(InputTypeError):
            clip(params, most)
    for params in ([], [p, p], [p * 2.0]):
        with pytest.raises(InputError):
            clip(params, 1.0)
    assert p.grad == 5.0


# ── Schedulers ──────────────────────────────────────────────────────────────────────────────────────────────

SCHEDULES = [
    lambda o: nn.StepLR(o, 2),
    lambda o: nn.CosineAnnealingLR(o, 5),
    nn.LinearLR,
    lambda o: nn.ReduceLROnPlateau(o, patience=1),
]


@pytest.mark.parametrize("make", SCHEDULES)
def test_schedulers_refuse_what_is_no_optimizer_and_states_that_do_not_fit(make):
    for wrong in (None, [nn.Parameter(1.0)], nn.SGD, 0.1):
        with pytest.raises(InputTypeError, match="optimizer"):
            make(wrong)
    optimizer = nn.SGD([nn.Parameter(1.0)], lr=0.5)
    scheduler = make(optimizer)
    scheduler.step(1.0)
    before, lr = scheduler.state_dict(), optimizer.lr
    for change, match in (
        ({"last_epoch": "1"}, "last_epoch"),
        ({"last_epoch": 1.5}, "last_epoch"),
        ({"stray": 1}, "stray"),
        ({"base_lr": None}, "base_lr"),
    ):
        with pytest.raises(InputError, match=match):
            scheduler.load_state_dict({**before, **change})
    assert (scheduler.state_dict(), optimizer.lr) == (before, lr)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: nn.StepLR(o, 0),
        lambda o: nn.StepLR(o, 2, gamma=-0.1),
        lambda o: nn.CosineAnnealingLR(o, 0),
        lambda o: nn.CosineAnnealingLR(o, 5, eta_min=-1.0),
        lambda o: nn.LinearLR(o, start_factor=0.0),
        lambda o: nn.LinearLR(o, total_iters=0),
        lambda o: nn.ReduceLROnPlateau(o, mode="least"),
        lambda o: nn.ReduceLROnPlateau(o, factor=1.0),
        lambda o: nn.ReduceLROnPlateau(o, patience=-1),
        lambda o: nn.ReduceLROnPlateau(o, threshold_mode="relative"),
        lambda o: nn.StepLR(o, 1.5),
        lambda o: nn.StepLR(o, None),
        lambda o: nn.CosineAnnealingLR(o, "5"),
    ],
)
def test_settings_of_schedulers(make):
    optimizer = nn.SGD([nn.Parameter(1.0)], lr=0.5)
    with pytest.raises((InputError, InputTypeError)):
        make(optimizer)
    assert optimizer.lr == 0.5


def test_a_plateau_needs_a_figure_and_nan_is_never_better():
    optimizer = nn.SGD([nn.Parameter(1.0)], lr=1.0)
    scheduler = nn.ReduceLROnPlateau(optimizer, patience=1)
    for wrong in (None, "1.0", [1.0]):
        with pytest.raises(InputTypeError, match="metric"):
            scheduler.step(wrong)
    assert scheduler.last_epoch == 0
    for figure in (Value(1.0), math.nan, math.nan):
        scheduler.step(figure)
    assert optimizer.lr == pytest.approx(0.1)
    assert nn.LinearWarmup is nn.LinearLR
