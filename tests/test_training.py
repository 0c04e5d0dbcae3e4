"""`nn.fit` and what it is made of: batches, measures, the progress bar, Ctrl-C."""

import builtins
import io
import math
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import Value
from autograd.errors import AutogradError, InputError, InputTypeError

XS = [[x / 10] for x in range(-10, 11)]
YS = [[2.0 * x[0] - 1.0] for x in XS]


def settings(model, **more):
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    return {
        "loss": nn.mse_loss,
        "optimizer": optimizer,
        "epochs": 3,
        "batch_size": 5,
        "progress": False,
        "seed": 0,
        **more,
    }


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 5), st.booleans())
def test_minibatches_give_everything_once_and_keep_pairs(n, size, seed, shuffle):
    data, labels = list(range(n)), [f"label {i}" for i in range(n)]
    batches = list(nn.minibatches(data, labels, batch_size=size, seed=seed, shuffle=shuffle))
    assert [len(xs) for xs, _ in batches] == [size] * (n // size) + ([n % size] if n % size else [])
    order = [x for xs, _ in batches for x in xs]
    assert sorted(order) == data
    assert [t for _, ts in batches for t in ts] == [labels[i] for i in order]
    assert shuffle or order == data
    assert batches == list(nn.minibatches(data, labels, batch_size=size, seed=seed, shuffle=shuffle))


def test_minibatches_shuffle_by_seed():
    data = list(range(100))
    one, two = ([x for (xs,) in nn.minibatches(data, batch_size=7, seed=s) for x in xs] for s in (1, 2))
    assert one != two != data != one
    assert data == list(range(100))
    source = random.Random(0)
    first, second = (list(nn.minibatches(data, batch_size=7, seed=source)) for _ in range(2))
    assert first != second


def test_minibatches_refuse_at_the_call_not_at_the_first_batch():
    for data in ((), ([],), ([1], [1, 2])):
        with pytest.raises(InputError, match="one length above 0"):
            nn.minibatches(*data, batch_size=2)
    with pytest.raises(InputError, match="batch_size must be at least 1, not 0"):
        nn.minibatches([1], batch_size=0)
    with pytest.raises(InputTypeError, match="batch_size"):
        nn.minibatches([1], batch_size=1.5)
    with pytest.raises(InputTypeError, match="seed"):
        nn.minibatches([1], batch_size=1, seed="x")


def test_accuracy():
    outputs = [[Value(1.0), Value(2.0)], [Value(3.0), Value(2.0)], [0.0, -1.0], [5.0, 6.0]]
    assert nn.accuracy(outputs, [1, 0, 1, 1]) == 0.75
    for outputs, targets in (([], []), ([[1.0]], [0, 0])):
        with pytest.raises(InputError):
            nn.accuracy(outputs, targets)


@pytest.mark.parametrize("row", [[math.nan, 0.0], [0.0, math.nan], [math.nan, math.nan]])
def test_nan_is_never_right(row):
    assert nn.accuracy([row, row], [0, 1]) == 0.0


def test_the_first_of_equals_counts():
    assert [nn.accuracy([[1.0, 1.0, 0.0]], [k]) for k in range(3)] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("outputs", "targets", "error", "match"),
    [
        ([0.5, 1.0], [0, 1], InputTypeError, "output 0 must be a list"),
        (["ab"], [0], InputTypeError, "output 0 must be a list"),
        ([[0.5, None]], [0], InputTypeError, "an output of sample 0"),
        ([[0.5, 1.0]], [2], InputError, "of sample 0 is 2"),
        ([[0.5, 1.0]], [-1], InputError, "of sample 0 is -1"),
        ([[0.5, 1.0]], [1.0], InputTypeError, "must be a class"),
        ([[]], [0], InputError, "0 outputs"),
        (None, [0], InputTypeError, "must be a list"),
    ],
)
def test_accuracy_of_what_does_not_fit(outputs, targets, error, match):
    with pytest.raises(error, match=match):
        nn.accuracy(outputs, targets)


def test_minibatches_of_what_is_no_sequence():
    for data in (iter([1]), {0: 1}, {1}, 3):
        with pytest.raises(InputTypeError, match="must be lists"):
            nn.minibatches(data, batch_size=1)


def test_evaluate_measures_and_records_nothing():
    model = nn.Linear(1, 1, seed=0)
    seen = []

    def spy(outputs, targets):
        seen.extend(outputs)
        return len(targets)

    found = nn.evaluate(model, (XS, YS), loss=nn.mse_loss, metrics={"count": spy})
    w, b = model.weight[0][0].data, model.bias[0].data
    expected = math.fsum((w * x[0] + b - y[0]) ** 2 for x, y in zip(XS, YS, strict=True)) / len(XS)
    assert found == {"loss": pytest.approx(expected), "count": 21.0}
    assert all(type(x) is float for x in found.values())
    assert all(output[0].inputs == () for output in seen)


def test_fit_does_what_the_written_out_loop_does():
    ours, theirs = nn.Linear(1, 1, seed=0), nn.Linear(1, 1, seed=0)
    history = nn.fit(ours, (XS, YS), **settings(ours))
    optimizer, source, epochs = nn.SGD(theirs.parameters(), lr=0.1), random.Random(0), []
    for _ in range(3):
        order = list(range(21))
        source.shuffle(order)
        total = 0.0
        for start in range(0, 21, 5):
            batch = order[start : start + 5]
            loss = nn.mse_loss([theirs(XS[i]) for i in batch], [YS[i] for i in batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.data * len(batch)
        epochs.append(total / 21)
    assert ours.state_dict() == theirs.state_dict()
    assert history.train == {"loss": pytest.approx(epochs)}
    assert (history.epochs, history.held_out, history.interrupted) == (3, {}, False)


def test_fit_reports_held_out_figures_after_each_epoch():
    model, held_out = nn.Linear(1, 2, seed=0), ([[0.5], [-0.5]], [1, 0])
    data = (XS, [int(x[0] > 0) for x in XS])
    metrics = {"accuracy": nn.accuracy}
    history = nn.fit(
        model, data, **settings(model, loss=nn.cross_entropy, validation=held_out, metrics=metrics, epochs=40)
    )
    final = nn.evaluate(model, held_out, loss=nn.cross_entropy, metrics=metrics)
    assert {name: xs[-1] for name, xs in history.held_out.items()} == final
    assert final["accuracy"] == 1.0
    for figures in (history.train, history.held_out):
        assert {name: len(xs) for name, xs in figures.items()} == {"loss": 40, "accuracy": 40}
    assert history.train["loss"][-1] < history.train["loss"][0]
    assert 0.9 <= history.train["accuracy"][-1] <= 1.0


def test_held_out_data_teach_nothing():
    one, other = nn.Linear(1, 1, seed=0), nn.Linear(1, 1, seed=0)
    nn.fit(one, (XS, YS), **settings(one))
    nn.fit(other, (XS, YS), **settings(other, validation=([[1.0]], [[100.0]])))
    assert one.state_dict() == other.state_dict()


def test_the_order_depends_on_the_seed_alone():
    states = []
    for seed in (0, 0, 1):
        model = nn.Linear(1, 1, seed=0)
        nn.fit(model, (XS, YS), **settings(model, seed=seed))
        states.append(model.state_dict())
    assert states[0] == states[1] != states[2]


@pytest.mark.parametrize("calls", [3, 9, 10, 24])
def test_ctrl_c_keeps_what_was_learned_and_whole_epochs(calls):
    """An epoch is 5 batches and an evaluation: 6 calls of the loss."""
    model, left = nn.Linear(1, 1, seed=0), [calls]
    start = model.state_dict()

    def loss(outputs, targets):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return nn.mse_loss(outputs, targets)

    history = nn.fit(model, (XS, YS), **settings(model, loss=loss, epochs=9, validation=(XS, YS)))
    assert history.interrupted
    assert history.epochs == len(history.train["loss"]) == len(history.held_out["loss"]) == calls // 6
    assert model.state_dict() != start


def test_another_error_goes_through_and_closes_the_bar(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    model = nn.Linear(1, 1, seed=0)
    with pytest.raises(ZeroDivisionError) as caught:
        nn.fit(model, (XS, YS), **settings(model, progress=True, loss=lambda outputs, targets: 1 / 0))
    assert caught.tb is not None  # it keeps the bar alive, so that only fit can have closed it
    assert stream.getvalue().endswith("\n")


def test_the_progress_bar_tells_epoch_loss_and_held_out_figures(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    model = nn.Linear(1, 1, seed=0)
    history = nn.fit(model, (XS, YS), **settings(model, progress=True, validation=(XS, YS)))
    shown = stream.getvalue()
    for part in ("epoch 1/3", "epoch 3/3, held-out loss 0.", "loss=0.", "15/15"):
        assert part in shown
    assert "100%" in shown
    held_out = re.findall(r"epoch 3/3, held-out loss (\S+):", shown)
    assert held_out[0] == f"{history.held_out['loss'][1]:.3f}"  # while the third epoch runs, then its own
    assert held_out[-1] == f"{history.held_out['loss'][2]:.3f}"


def test_no_progress_bar_is_silent(capfd):
    model = nn.Linear(1, 1, seed=0)
    nn.fit(model, (XS, YS), **settings(model))
    assert capfd.readouterr() == ("", "")


def test_without_tqdm_the_message_names_both_ways_out(monkeypatch):
    importing = builtins.__import__

    def no_tqdm(name, *args, **kwargs):
        if name.partition(".")[0] == "tqdm":
            raise ImportError(name)
        return importing(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_tqdm)
    model = nn.Linear(1, 1, seed=0)
    start = model.state_dict()
    with pytest.raises(nn.MissingLibraryError, match=r"pip install 'chainrule\[demos\]'.*progress=False"):
        nn.fit(model, (XS, YS), **settings(model, progress=True))
    assert model.state_dict() == start
    assert issubclass(nn.MissingLibraryError, AutogradError)
    assert issubclass(nn.MissingLibraryError, ImportError)
    nn.fit(model, (XS, YS), **settings(model))


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"epochs": 0}, InputError, "epochs must be at least 1, not 0"),
        ({"epochs": 1.5}, InputTypeError, "epochs"),
        ({"batch_size": 0}, InputError, "batch_size"),
        ({"seed": "x"}, InputTypeError, "seed"),
        ({"validation": ([[1.0]], [])}, InputError, "0 for 1"),
        ({"validation": [1.0]}, InputTypeError, "inputs and targets"),
        ({"metrics": {"loss": nn.accuracy}}, InputError, "'loss'"),
        ({"loss": lambda outputs, targets: 1.0}, InputTypeError, "must be a Value"),
        ({"loss": None}, InputTypeError, "loss must be a function.*not None"),
        ({"metrics": [nn.accuracy]}, InputTypeError, "functions by name"),
        ({"metrics": {"accuracy": None}}, InputTypeError, "accuracy must be a function"),
        ({"optimizer": None}, InputTypeError, "optimizer must be one"),
        ({"optimizer": nn.SGD(nn.Linear(1, 1).parameters())}, InputError, "none of the optimizer's parameters"),
    ],
)
def test_wrong_arguments_change_nothing(change, error, match):
    model = nn.Linear(1, 1, seed=0)
    start = model.state_dict()
    with pytest.raises(error, match=match):
        nn.fit(model, (XS, YS), **settings(model, **change))
    assert model.state_dict() == start


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ((XS, YS[1:]), InputError),
        (([], []), InputError),
        (XS, InputTypeError),
        (((x for x in XS), YS), InputTypeError),
        ((XS, dict(enumerate(YS))), InputTypeError),
    ],
)
def test_wrong_data(data, error):
    model = nn.Linear(1, 1, seed=0)
    with pytest.raises(error):
        nn.fit(model, data, **settings(model))
    with pytest.raises(error):
        nn.evaluate(model, data, loss=nn.mse_loss)


def test_drop_last_leaves_out_the_smaller_batch():
    assert [len(xs) for (xs,) in nn.minibatches(range(7), batch_size=3, drop_last=True)] == [3, 3]
    assert list(nn.minibatches([1, 2], batch_size=3, drop_last=True)) == []


# ── Modes, schedulers, batches as a whole ───────────────────────────────────────────────────────────────────


class Watched(nn.Module):
    """Tells in which mode it was called, and for how many samples."""

    def __init__(self):
        self.inner, self.norm, self.calls = nn.Linear(1, 1, seed=0), nn.BatchNorm1d(1), []

    def forward(self, batch):
        self.calls.append((self.training, self.norm.training, len(batch)))
        return self.norm([self.inner(x) for x in batch])


def test_a_model_learns_in_train_mode_and_is_evaluated_in_eval_mode_and_is_left_as_it_was():
    model = Watched()
    model.norm.eval()
    settings_ = settings(model, epochs=1, batch_size=7, validation=(XS[:4], YS[:4]), batched=True)
    nn.fit(model, (XS, YS), **settings_)
    assert model.calls == [(True, True, 7)] * 3 + [(False, False, 4)]
    assert (model.training, model.norm.training, model.inner.training) == (True, False, True)
    nn.evaluate(model.eval(), (XS, YS), loss=nn.mse_loss, batched=True)
    assert not model.training
    with pytest.raises(ZeroDivisionError):
        nn.evaluate(model.train(), (XS, YS), loss=lambda outputs, targets: 1 / 0, batched=True)
    assert model.training
    assert model.norm.training


def test_batch_norm_learns_with_fit():
    model = Watched()
    history = nn.fit(model, (XS, YS), **settings(model, epochs=60, batch_size=7, batched=True))
    assert history.train["loss"][-1] < 0.1 * history.train["loss"][0]


def test_a_scheduler_steps_once_an_epoch_with_the_monitored_figure():
    model = nn.Linear(1, 1, seed=0)
    how = settings(model, epochs=4)
    nn.fit(model, (XS, YS), **how, scheduler=nn.StepLR(how["optimizer"], 2, gamma=0.5))
    assert how["optimizer"].lr == pytest.approx(0.1 * 0.25)

    class Spy(nn.Scheduler):
        def step(self, metric=None):
            seen.append(metric)

    seen = []
    how = settings(model, epochs=2, validation=(XS, YS), metrics={"count": lambda outputs, targets: len(targets)})
    history = nn.fit(model, (XS, YS), **how, scheduler=Spy(how["optimizer"]))
    assert seen == history.held_out["loss"]
    nn.fit(model, (XS, YS), **how, scheduler=Spy(how["optimizer"]), monitor="count", mode="max")
    assert seen[2:] == [21.0, 21.0]


# ── The best epoch ──────────────────────────────────────────────────────────────────────────────────────────


class Scripted:
    """A metric that answers what it is told, once an evaluation, and keeps the model's state each time."""

    def __init__(self, model, figures):
        self.model, self.figures, self.states = model, list(figures), []

    def __call__(self, outputs, targets):
        if len(targets) != 3:  # of the minibatches, 7 samples each
            return 0.0
        self.states.append(self.model.state_dict())
        figure = self.figures[len(self.states) - 1]
        if figure is KeyboardInterrupt:
            raise figure
        return figure


def scripted(figures, **more):
    model = nn.Linear(1, 1, seed=0)
    metric = Scripted(model, figures)
    how = {"batch_size": 7, "validation": (XS[:3], YS[:3]), "metrics": {"figure": metric}, "monitor": "figure"}
    history = nn.fit(model, (XS, YS), **settings(model, **{"epochs": len(figures), **how, **more}))
    return model, metric, history


nan = math.nan


@pytest.mark.parametrize(
    ("figures", "patience", "mode", "epochs", "best"),
    [
        ([5, 4, 3, 2], 1, "min", 4, 4),
        ([5, 4, 4, 2], 1, "min", 3, 2),
        ([5, 4, 4, 2, 3], 2, "min", 5, 4),
        ([5, 6, 7, 8], 2, "min", 3, 1),
        ([1, 3, 2, 2, 9], 2, "max", 4, 2),
        ([nan, 3, nan, 2], 2, "min", 4, 4),
        ([nan, nan, nan], 2, "min", 2, 0),
        ([5, 4, 3, 9], 100, "min", 4, 3),
    ],
)
def test_early_stopping_gives_the_best_weights_back(figures, patience, mode, epochs, best):
    model, metric, history = scripted(figures, patience=patience, mode=mode)
    assert (history.epochs, history.best_epoch, history.interrupted) == (epochs, best, False)
    assert history.held_out["figure"] == pytest.approx(figures[:epochs], nan_ok=True)
    assert model.state_dict() == metric.states[best - 1 if best else -1]
    assert len({repr(state) for state in metric.states}) == epochs


def test_without_patience_the_last_weights_stay():
    model, metric, history = scripted([1, 2, 3])
    assert (history.epochs, history.best_epoch) == (3, 1)
    assert model.state_dict() == metric.states[-1]


def test_ctrl_c_does_not_lose_the_best_model(tmp_path):
    path = tmp_path / "best.json"
    model, metric, history = scripted([3, 1, 2, KeyboardInterrupt], patience=10, checkpoint=path)
    assert (history.epochs, history.best_epoch, history.interrupted) == (3, 2, True)
    assert model.state_dict() == metric.states[1]
    other = nn.Linear(1, 1)
    nn.load(other, path)
    assert other.state_dict() == metric.states[1]


def test_another_error_does_not_lose_it_either():
    model = nn.Linear(1, 1, seed=0)
    states = []

    def loss(outputs, targets):
        states.append(model.state_dict())
        return nn.mse_loss(outputs, targets) if len(states) < 6 else 1 / 0

    with pytest.raises(ZeroDivisionError):
        nn.fit(model, (XS, YS), **settings(model, loss=loss, batch_size=7, validation=(XS, YS), patience=3))
    assert model.state_dict() == states[3]


def test_a_checkpoint_is_written_whenever_the_figure_is_better(tmp_path, monkeypatch):
    path, written = tmp_path / "best.json", []
    monkeypatch.setattr(nn.training, "save", lambda module, path: (written.append(path), nn.save(module, path)))
    _, metric, _ = scripted([5, 4, 6, 3], checkpoint=path)
    assert written == [path] * 3
    other = nn.Linear(1, 1)
    nn.load(other, path)
    assert other.state_dict() == metric.states[3]


def test_the_best_of_batch_norm_is_its_running_numbers_too():
    model = Watched()
    figures, states = [2.0, 1.0, 3.0, 4.0], []

    def figure(outputs, targets):
        if len(targets) == 3:
            states.append(model.state_dict())
        return figures[len(states) - 1] if len(targets) == 3 else 0.0

    more = {"validation": (XS[:3], YS[:3]), "metrics": {"f": figure}, "monitor": "f", "patience": 2, "epochs": 9}
    nn.fit(model, (XS, YS), **settings(model, batch_size=7, batched=True, **more))
    assert model.state_dict() == states[1] != states[-1]


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"patience": 0}, InputError, "patience must be at least 1"),
        ({"patience": 1.5}, InputTypeError, "patience"),
        ({"monitor": "accuracy"}, InputError, "monitor must be 'loss', not 'accuracy'"),
        ({"mode": "least"}, InputError, "mode must be 'min' or 'max'"),
        ({"scheduler": 0.1}, InputTypeError, "scheduler"),
        ({"checkpoint": 3}, InputTypeError, "the path must be"),
        ({"checkpoint": ""}, InputError, "the path is empty"),
    ],
)
def test_more_wrong_arguments_change_nothing(change, error, match):
    model = nn.Linear(1, 1, seed=0)
    start = model.state_dict()
    with pytest.raises(error, match=match):
        nn.fit(model, (XS, YS), **settings(model, **change))
    assert model.state_dict() == start


def test_a_function_has_no_weights_to_give_back():
    model = nn.Linear(1, 1, seed=0)
    for more in ({"patience": 2}, {"checkpoint": "best.json"}):
        with pytest.raises(InputTypeError, match="must be a Module"):
            nn.fit(lambda x: model(x), (XS, YS), **settings(model, **more))
