"""The lessons on convolution, recurrence and attention, and microgpt: torch's gradients, and what they promise."""

from __future__ import annotations

import json
import math
import random
import re
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
