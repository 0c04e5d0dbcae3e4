"""Each lesson of the course runs, says what it promises, and its claims hold against independent numbers."""

from __future__ import annotations

import io
import random
import re
import subprocess
import sys
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import Value, ops
from autograd.debugger import Session
from autograd.testing.numeric import central
from demos.course import LESSONS, __main__, deltas, plots, regression, relu_net, sigmoid_net, xor
from tests import pythons, test_course_training, test_sequences
from tests.looking import check_svg, without_graphviz
from tests.test_demos import is_picture

# ── Every lesson ────────────────────────────────────────────────────────────────────────────────────────────


def lesson(name):
    return import_module(f"demos.course.{name}")


def leaves_of(result):
    """The leaves of a graph, in the order in which they are met."""
    return list(dict.fromkeys(x for n in ag.topological_order(result) for x in n.inputs if is_leaf(x)))


def is_leaf(x):
    return type(x) is Value and not x.inputs


def data_again(result, leaf, data):
    """What the result would be with another number in a leaf, by the ops' float functions alone."""
    known = {leaf: data}
    for node in reversed(ag.topological_order(result)):
        floats = [x if type(x) is float else known.get(x, x.data) for x in node.inputs]
        known[node] = getattr(ops.floats, node.op)(*floats)
    return known[result]


@pytest.mark.parametrize("name", LESSONS)
def test_build_is_small_and_the_same_each_time(name):
    result = lesson(name).build()
    assert 5 <= len(ag.topological_order(result)) + len(leaves_of(result)) <= 300
    assert lesson(name).build().data == result.data


@pytest.mark.parametrize("name", LESSONS)
def test_gradients_are_central_differences(name):
    result = lesson(name).build()
    result.backward()
    leaves = leaves_of(result)
    assert any(leaf.grad != 0.0 for leaf in leaves)
    noise = 1e-15 * max(abs(result.data), 1.0)
    for leaf in random.Random(0).sample(leaves, min(10, len(leaves))):
        estimate = central(lambda data, leaf=leaf: data_again(result, leaf, data), leaf.data, noise)
        assert estimate.agrees(leaf.grad), (leaf, estimate)
        assert estimate.error < 1e-6


@pytest.mark.parametrize("name", LESSONS)
def test_steps_send_what_the_pass_sends(name):
    result = lesson(name).build()
    sent = dict.fromkeys(leaves_of(result), 0.0)
    with ag.steps(result) as pass_:
        for step in pass_:
            assert str(step)
            if step.input in sent:
                sent[step.input] += step.contribution
    result = lesson(name).build()
    result.backward()
    assert list(sent.values()) == pytest.approx([leaf.grad for leaf in leaves_of(result)], rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", LESSONS)
def test_the_debugger_goes_to_the_end_and_back(name):
    with ag.trace():
        result = lesson(name).build()
    session = Session(result)
    assert session.proceed().reason == "end"
    assert any(leaf.grad != 0.0 for leaf in leaves_of(result))
    assert session.proceed(back=True).reason == "start"
    assert not any(leaf.has_grad for leaf in leaves_of(result))
    told = io.StringIO()
    ag.debug(result, commands=["s", "w", "l", "q"], stdin=io.StringIO(), stdout=told)
    assert f"demos/course/{name}.py" in told.getvalue() or f"{name}.py:" in told.getvalue()


@pytest.mark.parametrize("name", LESSONS)
def test_it_is_drawn(name):
    result = lesson(name).build()
    result.backward()
    check_svg(ag.draw(result, title=name).svg())


@pytest.mark.parametrize("name", LESSONS)
def test_it_runs_and_leaves_pictures(name, tmp_path, capsys):
    __main__.main(["--quick", "--out", str(tmp_path), name])
    told, folder = capsys.readouterr().out, tmp_path / name
    title = lesson(name).__doc__.partition("\n")[0]
    assert told.startswith(f"── {LESSONS.index(name) + 1}. {title}\n")
    assert str(folder) in told
    pictures = sorted(folder.iterdir())
    assert pictures
    for path in pictures:
        assert path.name in told
        if path.suffix == ".svg":
            check_svg(path.read_text(encoding="utf-8"))
        elif path.suffix == ".png":
            assert is_picture(path)
    PROMISES.get(name, str)(told)


def test_lessons_go_by_name_or_number(capsys):
    assert [__main__.lesson(str(i)) for i in range(1, len(LESSONS) + 1)] == list(LESSONS)
    for wrong in ("0", str(len(LESSONS) + 1), "nope", "-1"):
        with pytest.raises(SystemExit):
            __main__.main([wrong] if wrong != "-1" else ["--", wrong])
        assert f"no lesson {wrong!r}; there are 1 to {len(LESSONS)}: relu_net, " in capsys.readouterr().err


def test_help_lists_the_lessons(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["--help"])
    told = capsys.readouterr().out
    for i, name in enumerate(LESSONS, 1):
        assert re.search(
            rf"^ +{i} {name} +{re.escape(lesson(name).__doc__.partition(chr(10))[0])}$", told, re.MULTILINE
        )


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "demos.course.xor")
    with pytest.raises(nn.MissingLibraryError, match=r"needs numpy: pip install 'chainrule\[demos\]'"):
        __main__.load("xor")


def test_the_lessons_need_no_more_than_the_demos_do():
    lessons = ", ".join(f"demos.course.{name}" for name in LESSONS)
    code = f"import sys; sys.modules['hypothesis'] = sys.modules['pytest'] = None; import {lessons}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=pythons.ROOT)


def test_without_graphviz_a_lesson_goes_on(tmp_path, monkeypatch, capsys):
    without_graphviz(monkeypatch)
    plots.graph(xor.build(), "XOR", tmp_path / "graph.svg")
    assert "no picture of the graph: no Graphviz is here" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


# ── The nets, by hand in numpy ──────────────────────────────────────────────────────────────────────────────


def slope_by_differences(f, arrays, at, step=1e-6):
    """The gradient of f by the entries of one array, by central differences."""
    found = np.zeros_like(arrays[at])
    for place in np.ndindex(found.shape):
        ahead, behind = ([a.copy() for a in arrays] for _ in range(2))
        ahead[at][place] += step
        behind[at][place] -= step
        found[place] = (f(*ahead) - f(*behind)) / (2 * step)
    return found


def descended(f, arrays, rate, epochs):
    """The values of f on the way down, by central differences alone."""
    values = []
    for _ in range(epochs):
        values.append(f(*arrays))
        arrays = [a - rate * slope_by_differences(f, arrays, i) for i, a in enumerate(arrays)]
    return values


def logistic(z):
    return 1.0 / (1.0 + np.exp(-z))


def numbers(layer):
    return np.array([[w.data for w in row] for row in layer.weight]), np.array([b.data for b in layer.bias])


def test_the_relu_net_descends_as_by_hand():
    def error(v, b, w, c):
        return np.mean((np.maximum(w @ np.maximum(v @ [1, 0, 1] + b, 0) + c, 0) - [1, 0]) ** 2)

    net = relu_net.Net(relu_net.SEED)
    by_hand = descended(error, [*numbers(net.hidden), *numbers(net.output)], 0.1, 8)
    losses = relu_net.train(net, [relu_net.POINT], [relu_net.TARGET], 8)
    assert losses == pytest.approx(by_hand, rel=1e-6, abs=1e-12)
    assert losses[0] > 100 * losses[3]
    ours = relu_net.errors(relu_net.as_arrays(relu_net.Net(relu_net.SEED)), 8, -0.1)
    assert ours == pytest.approx(by_hand, rel=1e-6, abs=1e-12)


def test_xor_descends_as_by_hand():
    def error(v, b, w, c):
        x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        return np.mean((logistic(logistic(x @ v.T + b) @ w.T + c)[:, 0] - [0, 1, 1, 0]) ** 2)

    net = xor.Net(xor.SEED)
    by_hand = descended(error, [*numbers(net.hidden), *numbers(net.output)], 5.0, 20)
    assert xor.train(net, 5.0, 20) == pytest.approx(by_hand, rel=1e-6)
    assert len(set(by_hand)) == 20


def test_the_regression_descends_as_by_hand():
    xs, ys = regression.samples(7)

    def error(v, b, w, c):
        return np.mean((np.maximum(np.array(xs) @ v.T + b, 0) @ w[0] + c - ys) ** 2)

    net = regression.Net(regression.SEED)
    assert ys == [a - b for a, b in xs]
    by_hand = descended(error, [*numbers(net.hidden), *numbers(net.output)], 0.1, 20)
    assert regression.train(net, xs, ys, 0.1, 20) == pytest.approx(by_hand, rel=1e-6)


def test_the_articles_deltas_are_slopes_of_the_full_loss():
    w1, w2 = sigmoid_net.start()
    z1 = sigmoid_net.X @ w1
    z2 = logistic(z1) @ w2
    y = sigmoid_net.Y

    def loss(a2):
        return -np.sum(np.log(np.where(y > 0.5, a2, 1 - a2)))

    dz1, dz2, dw1, dw2 = sigmoid_net.backward_propagation(sigmoid_net.X, y, logistic(z1), logistic(z2), w1, w2)
    assert dz2 == pytest.approx(slope_by_differences(lambda z: loss(logistic(z)), [z2], 0), abs=1e-8)
    assert dz1 == pytest.approx(slope_by_differences(lambda z: loss(logistic(logistic(z) @ w2)), [z1], 0), abs=1e-8)
    both = [
        slope_by_differences(lambda *w: loss(logistic(logistic(sigmoid_net.X @ w[0]) @ w[1])), [w1, w2], i)
        for i in (0, 1)
    ]
    assert dw1 == pytest.approx(both[0], abs=1e-8)
    assert dw2 == pytest.approx(both[1], abs=1e-8)


@pytest.mark.parametrize("activation", deltas.ACTIVATIONS)
def test_deltas_are_slopes_by_the_biases(activation):
    net = deltas.Net([3, 4, 2, 3], activation, seed=5)
    sample, target = [0.4, -0.7, 1.1], [0.2, -0.3, 0.9]
    layers = [numbers(layer) for layer in net.layers]
    sigma = {"sigmoid": logistic, "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[activation]

    def loss(*biases):
        a = np.array(sample)
        for (w, _), b in zip(layers, biases, strict=True):
            a = sigma(w @ a + b)
        return 0.5 * np.sum((a - target) ** 2)

    found = deltas.deltas(net, net(sample, target), target)
    biases = [b for _, b in layers]
    for i, layer in enumerate(found):
        assert layer == pytest.approx(slope_by_differences(loss, biases, i), abs=1e-8)
    assert deltas.difference(net, sample, target) < 1e-14
    net.slope = lambda z: 1.0  # an equation without slopes is noticed
    assert deltas.difference(net, sample, target) > 1e-2


# ── What the printed text of each lesson has to say: run once, above ────────────────────────────────────────


def errors_in(told, name):
    """The figures after a name, in order."""
    return [float(x) for x in re.findall(rf"{name} = ([-+\w.]*\w)", told)]


def relu_net_promises(told):
    climbing, descending = errors_in(told, "Error")[:9], errors_in(told, "Error")[9:19]
    assert climbing == sorted(climbing)
    assert climbing[-1] == float("inf")
    assert climbing[0] == descending[0] < 1.0
    assert max(descending[1:]) < 1e-20
    assert "every gradient is × -1 " in told
    assert "w1, w2 is × -8 " in told
    assert "b1, b2 is × -1 " in told
    learned, dead = (int(re.search(rf"(\d+) {words}", told)[1]) for words in ("get there", "starts end at 0.5"))
    assert learned + dead == int(re.search(r"Of (\d+) random starts", told)[1])
    assert min(learned, dead) > 20
    assert float(re.search(r"in the median,\n(\S+) at most", told)[1]) < 1e-8
    assert "(a dead relu)" in told
    assert int(re.search(r"and (\d+) of 1000 that it never saw", told)[1]) > 920


def sigmoid_net_promises(told):
    rows = re.findall(r"^  d([ZW][12])\[.*\] +(\S+) +(\S+) +(\S+)$", told, re.MULTILINE)
    assert [name for name, *_ in rows] == ["Z1"] * 8 + ["Z2"] * 4 + ["W1"] * 4 + ["W2"] * 2
    assert all(article == engine and float(off) < 1e-15 for _, article, engine, off in rows)
    assert "full binary cross-entropy -Σ [y log a + (1 - y) log(1 -" in told
    assert told.count("Correct: this is the gradient of the loss.") == 1
    said = re.findall(r"the net says (.*); (\d) of 4 are right", told)
    assert [right for _, right in said] == ["1", "4"]
    assert min(map(float, said[0][0].split(", "))) > 0.5
    assert "say 0.5 and 0.5 to (0, 0)" in told


def xor_promises(told):
    climbing, descending = errors_in(told, "MSE")[:10], errors_in(told, "MSE")[10:20]
    assert climbing == sorted(climbing)
    assert climbing[-1] > 0.49
    assert descending == sorted(descending, reverse=True)
    assert descending[0] == climbing[0]
    assert descending[-1] > 0.2
    assert "every gradient is × -2 " in told
    article, early, solved, plane = (
        [float(a) for a in said.split(", ")] for said in re.findall(r"predicts ([\d., ]+\d)", told)
    )
    assert min(article) > 0.95
    assert all(0.4 < a < 0.6 for a in early)
    assert [round(a) for a in solved] == [0, 1, 1, 0]
    assert plane == [0.5] * 4
    right, starts = re.search(r"Of (\d+) random starts, (\d+) have", told).groups()
    assert int(right) > 10 * int(starts)
    assert "1 distinct hidden unit, " in told
    flat, straight = (float(x) for x in re.findall(r", MSE (\d\.\d+)", told))
    assert flat > 1 / 6
    assert straight == 0.25


def deltas_promises(told):
    rows = re.findall(r"^ +\d +\d +(-?\d\.\d{15}) +(-?\d\.\d{15})$", told, re.MULTILINE)
    assert len(rows) == 8
    assert all(float(a) == pytest.approx(float(b), abs=3e-15) for a, b in rows)
    worst = re.findall(r"(?:sigmoid|tanh|relu) (\S+e-\d\d)", told)
    assert len(worst) == 3
    assert max(map(float, worst)) < 1e-13
    verdicts = [" ".join(text.split()) for text in told.partition("3-3-3-3):\n")[2].split("\n\n")[0].split("δ ← ")[1:]]
    for verdict, words in zip(
        verdicts,
        (
            "Correct: ",
            "sent back without the weights in layer 2 ([1]) and layer 3",
            "slope (sigmoid') is missing in layer 1 ([0]) and layer 2 ([1])",
            "gradient of [0], [1] is wrong",
        ),
        strict=True,
    ):
        assert words in verdict


def regression_promises(told):
    losses = [float(x) for x in re.findall(r"Loss: (\S+)", told)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-3
    first, last = (float(x) for x in re.findall(r"Predicted output for \[0.1, 0.9\]: (\S+), where -0.8000", told))
    assert abs(last + 0.8) < abs(first + 0.8)
    assert "has a loss of 0.0." in told
    assert "every gradient is × 20 " in told
    assert "StaleGraphError: " in told
    units, negative, dead = map(
        int, re.search(r"of (\d+) hidden units .* nets (\d+) begin so, and (\d+) have", told).groups()
    )
    assert units == 400
    assert 70 < negative <= dead < 160  # a quarter of them, give or take 3 standard deviations, and some more


PROMISES: dict[str, Any] = {
    "relu_net": relu_net_promises,
    "sigmoid_net": sigmoid_net_promises,
    "xor": xor_promises,
    "deltas": deltas_promises,
    "regression": regression_promises,
    **test_course_training.PROMISES,
    **test_sequences.PROMISES,
}
