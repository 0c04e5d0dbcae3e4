"""The lessons on convolution, recurrence and attention, and microgpt: torch's gradients, and what they promise."""

from __future__ import annotations

import json
import math
import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate2d

import autograd as ag
import nn
from demos import microgpt
from demos.course import attention, convolution, lstm, rnn
from tests.looking import check_svg, without_graphviz
from tests.test_demos import is_picture

REFERENCE = json.loads((Path(__file__).parent / "data" / "sequences_reference.json").read_text(encoding="utf-8"))
CLOSE = {"rel": 1e-10, "abs": 1e-13}


def fill(parameters, scale):
    """The weights that torch was given, in its order of parameters."""
    for k, p in enumerate(parameters):
        p.data = scale * math.sin(1.3 * k + 0.5)


def check(truth, loss, parameters):
    assert loss.data == pytest.approx(truth["loss"], rel=1e-12)
    loss.backward()
    assert len(parameters) == len(truth["gradients"])
    assert [p.grad for p in parameters] == pytest.approx(truth["gradients"], **CLOSE)


# ── torch's gradients ───────────────────────────────────────────────────────────────────────────────────────


def test_the_convolutional_net_has_torchs_gradients():
    net = convolution.network()
    fill(net.parameters(), 0.3)
    check(REFERENCE["convolution"], nn.cross_entropy(net([REFERENCE["image"]]), 7), net.parameters())


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("rnn", lambda: rnn.Reader(nn.RNNCell(8, 6, bias=False), wait=3)),
        ("lstm", lambda: lstm.LongReader(nn.LSTMCell(8, 6), wait=3)),
    ],
    ids=["rnn", "lstm"],
)
def test_recurrent_nets_have_torchs_gradients_and_flow(name, reader):
    model, truth = reader(), REFERENCE[name]
    fill(model.parameters(), 0.4)
    check(truth, nn.cross_entropy(model(REFERENCE["image"]), 1), model.parameters())
    assert rnn.flow_of(model, REFERENCE["image"], 1) == pytest.approx(truth["flow"], rel=1e-10)


def test_attention_has_torchs_gradients():
    model = attention.Reverser(26, 5, 8, seed=0)
    fill(model.parameters(), 0.5)
    check(REFERENCE["attention"], attention.loss_of(model, [9, 14, 24, 2, 4]), model.parameters())


def gpt():
    parameters = microgpt.initialised(0)
    leaves = [x for rows in parameters.values() for row in rows for x in row]
    fill(leaves, 0.2)
    return parameters, leaves


def test_the_gpt_has_torchs_gradients():
    parameters, leaves = gpt()
    truth = REFERENCE["gpt"]
    check(truth, microgpt.loss(parameters, microgpt.encoded(truth["name"])), leaves)


def test_the_gpt_learns_as_torchs():
    """Five steps on the same names, with the same Adam and the same falling rate: the same losses."""
    parameters, _ = gpt()
    truth = REFERENCE["gpt"]
    training = microgpt.Training(parameters, len(truth["names"]))
    assert [training.step(name).data for name in truth["names"]] == pytest.approx(truth["losses"], rel=1e-9)


# ── microgpt ────────────────────────────────────────────────────────────────────────────────────────────────


def test_names_are_the_censuss_each_once():
    names = microgpt.load(0)
    assert len(names) == len(set(names)) == 5163
    assert {"mary", "james", "elizabeth"} <= set(names)
    assert all(set(name) <= set(microgpt.LETTERS) for name in names)
    assert microgpt.load(1) != names == microgpt.load(0)
    assert microgpt.encoded("abz") == [26, 0, 1, 25, 26]
    assert len(microgpt.encoded("a" * 40)) == microgpt.PLACES + 1


def test_without_the_names_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "names", None)
    with pytest.raises(nn.MissingLibraryError, match=r"needs names: pip install 'chainrule\[demos\]'"):
        microgpt.load(0)


def test_a_place_sees_those_before_it_and_none_after():
    parameters, _ = gpt()
    tokens = microgpt.encoded("elizabeth")
    whole = microgpt.GPT(parameters)(tokens)
    part = microgpt.GPT(parameters)(tokens[:4])
    assert [[x.data for x in row] for row in whole[:4]] == [[x.data for x in row] for row in part]
    changed = microgpt.GPT(parameters)([*tokens[:3], 7, *tokens[4:]])
    assert [x.data for x in changed[3]] != [x.data for x in whole[3]]
    assert [x.data for x in changed[-1]] != [x.data for x in whole[-1]]


def test_counted_pairs_by_hand():
    """Of the names a and ab: after the end comes a twice, after a once b, once the end; 1 is added to each of 27."""
    expected = -(math.log(3 / 29) + math.log(2 / 29)) / 2
    assert microgpt.pairs_loss(["a", "ab"], ["a"]) == pytest.approx(expected, rel=1e-12)


def test_samples_are_drawn_by_the_gpts_chances():
    """At a temperature near 0 the likeliest letter each time, at a high one any."""
    parameters, _ = gpt()
    cold, hot = ({microgpt.sample(parameters, random.Random(seed), t) for seed in range(2)} for t in (1e-6, 5.0))
    assert (len(cold), len(hot)) == (1, 2)
    assert set().union(*cold, *hot) <= set(microgpt.LETTERS)
    tokens = [microgpt.END]
    while len(tokens) <= microgpt.PLACES:
        logits = [x.data for x in microgpt.GPT(parameters)(tokens)[-1]]
        tokens.append(int(np.argmax(logits)))
        if tokens[-1] == microgpt.END:
            break
    assert cold == {"".join(microgpt.LETTERS[t] for t in tokens if t != microgpt.END)}


def test_microgpt(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(microgpt, "HELD_OUT", 20)
    monkeypatch.setattr(microgpt, "SAMPLES", 3)
    monkeypatch.setattr(microgpt, "COUNTED", 2)
    microgpt.main(["--steps", "100" if ag.backend().name == "compiled" else "10", "--out", str(tmp_path)])
    told = capsys.readouterr().out
    assert "5143 names to learn from, 20 held out, 4192 parameters" in told
    shown = re.search(r"held-out loss: the GPT (\S+), counted pairs (\S+), any letter alike (\S+)\n", told)
    assert shown, told
    trained, pairs, alike = map(float, shown.groups())
    assert alike == pytest.approx(math.log(27), abs=1e-3)
    assert 2.0 < pairs < 2.6
    assert pairs < trained < (3.0 if ag.backend().name == "compiled" else alike)  # of 100 steps, or of 10
    assert re.search(r"\d+ steps in \S+ s, \d{4} nodes a step", told)
    assert re.search(r"^pure engine: \S+ ms a step", told, re.MULTILINE)
    if ag.backend().name == "compiled":
        assert re.search(r"^compiled engine: \S+ ms a step", told, re.MULTILINE)
    made = (tmp_path / "names.txt").read_text(encoding="utf-8").splitlines()
    assert len(made) == 3
    assert ", ".join(made) in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.png", "graph.svg", "names.txt"]
    assert is_picture(tmp_path / "curve.png")
    svg = (tmp_path / "graph.svg").read_text(encoding="utf-8")
    check_svg(svg)
    assert all(f">{part}<" in svg for part in ("query", "key", "value", "mix", "up", "down"))


def test_microgpt_says_why_there_is_no_graph(tmp_path, capsys, monkeypatch):
    without_graphviz(monkeypatch)
    parameters = microgpt.initialised(0)
    assert not microgpt.graph(parameters, "mary", tmp_path / "graph.svg")
    assert "no picture of the graph: no Graphviz is here" in capsys.readouterr().out


def test_the_loss_can_be_recorded_for_all_names_of_a_length():
    recorded = ag.compile(microgpt.loss, strict=True)
    for tokens in ([2.0, 0.0, 2.0], [2.0, 1.0, 0.0], [2.0, 1.0, 2.0]):
        parameters = microgpt.initialised(seed=0, tokens=3, places=2, size=2)
        result = microgpt.loss(parameters, tokens, 2)
        result.backward()
        value, slopes = recorded.value_and_grad(parameters, tokens, 2)
        assert value == result.data
        assert slopes == {name: [[x.grad for x in row] for row in rows] for name, rows in parameters.items()}
    assert len(recorded.programs) == 1


# ── The lessons' tools ──────────────────────────────────────────────────────────────────────────────────────


def test_orthogonal_weights_keep_lengths():
    rows = nn.RNNCell(3, 5, seed=0).weight_hh
    rnn.orthogonal(rows, seed=3, gain=1.5)
    weights = np.array([[w.data for w in row] for row in rows])
    assert weights @ weights.T == pytest.approx(2.25 * np.eye(5), abs=1e-12)
    assert rnn.radius(rows) == pytest.approx(1.5, abs=1e-12)


def test_the_flow_is_the_product_of_jacobians():
    """dL/dh of one step, times diag(1 - h²) and the weights, is that of the step before: by numpy."""
    model = rnn.Reader(nn.RNNCell(8, 4, bias=False, seed=1), wait=5, seed=2)
    states = model.hidden(REFERENCE["image"])
    nn.cross_entropy(model.scores(states[-1]), 0).backward()
    h = np.array([[x.data for x in state] for state in states])
    weights = np.array([[w.data for w in row] for row in model.cell.weight_hh])
    gradient = np.array([x.grad for x in states[-1]])
    lengths = [np.linalg.norm(gradient)]
    for t in range(len(states) - 1, 0, -1):
        gradient = weights.T @ ((1.0 - h[t] ** 2) * gradient)
        lengths.append(np.linalg.norm(gradient))
    assert rnn.flow(states) == pytest.approx(lengths[::-1], rel=1e-10)


def test_forget_gates_are_found_in_the_graph():
    reader = lstm.LongReader(nn.LSTMCell(8, 4, seed=0), wait=2)
    lstm.open_forget_gate(reader.cell, 3.0)
    states = reader.states(REFERENCE["image"])
    w_ih, w_hh = (
        np.array([[w.data for w in row] for row in rows]) for rows in (reader.cell.weight_ih, reader.cell.weight_hh)
    )
    bias = np.array([p.data + q.data for p, q in zip(reader.cell.bias_ih, reader.cell.bias_hh, strict=True)])
    before = np.array([x.data for x in states[3][0]])
    sums = (w_ih @ np.array(REFERENCE["image"][4]) + w_hh @ before + bias)[4:8]
    assert lstm.gates([states[4][1]]) == pytest.approx(1.0 / (1.0 + np.exp(-sums)), rel=1e-12)
    assert all(gate > 0.8 for gate in lstm.gates([memory for _, memory in states]))


def test_the_convolutions_gradients_are_scipys_and_a_wrong_one_is_seen(monkeypatch):
    image = [REFERENCE["image"]]
    assert max(convolution.differences(convolution.network(), image, 3)) < 1e-14
    monkeypatch.setattr(convolution, "correlate2d", lambda a, b, mode: correlate2d(a, b[::-1], mode=mode))
    assert min(convolution.differences(convolution.network(), image, 3)) > 1e-4


def test_what_attention_looks_at():
    model = attention.Reverser(26, 5, 8, seed=0)
    words = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    rows = [attention.weights_of(model, word) for word in words]
    assert all(math.fsum(row) == pytest.approx(1.0) for weights in rows for row in weights)
    expected = np.mean([np.fliplr(np.array(weights)).diagonal() for weights in rows])
    assert attention.looked_right(model, words) == pytest.approx(expected)


# ── What the lessons say: test_course.py runs them ──────────────────────────────────────────────────────────


def rows(told, *names):
    """The figures after each name at the beginning of a line."""
    found = [re.search(rf"^ +{re.escape(name)} +(\S.*)$", told, re.MULTILINE) for name in names]
    return [[float(x.rstrip("%")) for x in row[1].split()] for row in found]


def convolution_promises(told):
    kernels, pixels = re.search(r"gradients of the kernels (\S+), of the pixels (\S+)\n", told).groups()
    assert max(float(kernels), float(pixels)) < 1e-14
    few, many = rows(told, "convolution", "dense layers")
    assert (few[0], many[0]) == (4 * 9 + 4 + 36 * 10 + 10, 64 * 9 + 9 + 9 * 10 + 10)
    assert few[1] > 70.0  # guessing gives 10


def rnn_promises(told):
    torchs, orthogonal, large = rows(told, "as torch draws them", "orthogonal", "orthogonal × 1.5")
    assert torchs[1] < 1e-3 * torchs[0]
    assert 0.1 < orthogonal[1] / orthogonal[0] < 1.0 < large[1] / large[0]
    for row, radius in ((orthogonal, 1.0), (large, 1.5)):
        assert row[2] == pytest.approx((row[1] / row[0]) ** (1 / 16), abs=0.01)
        assert row[3] == radius
    forgot, exploded, cured = rows(
        told, "as torch draws them, clipped", "orthogonal, not clipped", "orthogonal, clipped"
    )
    assert max(forgot[2], exploded[2]) < 60.0 < 90.0 <= cured[2]
    assert forgot[0] > 0.65
    assert cured[0] < 0.3
    assert exploded[1] > 5.0 > 1.5 > forgot[1]


def lstm_promises(told):
    torchs, one, three = rows(told, "as torch draws it", "forget bias 1", "forget bias 3")
    assert torchs[1] / torchs[0] < 1e-2 < 0.3 < three[1] / three[0]
    assert torchs[2] < one[2] < three[2]
    for row, gate in ((torchs, 0.5), (one, 0.73), (three, 0.95)):
        assert row[3] == pytest.approx(gate, abs=0.08)
    forgot, cured = rows(told.partition("trained")[2], "as torch draws it", "forget bias 3")
    assert forgot[2] < 60.0 < 90.0 <= cured[2]


def attention_promises(told):
    before, after, right = re.search(r"before: (\S+)% .*\nafter 300 steps: (\S+)%; (\d+) of 100", told).groups()
    assert 10.0 < float(before) < 30.0  # one place of five
    assert float(after) > 90.0
    assert int(right) > 80
    pairs = re.findall(r"([a-z]{5}) → ([a-z]{5})", told)
    assert len(pairs) == 8
    assert sum(word[::-1] == answer for word, answer in pairs) >= 6


PROMISES = {
    "convolution": convolution_promises,
    "rnn": rnn_promises,
    "lstm": lstm_promises,
    "attention": attention_promises,
}
