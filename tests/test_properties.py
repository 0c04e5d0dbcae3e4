"""The kit on the project itself: every op, random graphs, programs, and what `nn` is made of."""

from __future__ import annotations

import doctest
from pathlib import Path

import no_false_alarm
import planted_faults
import pytest
from hypothesis import HealthCheck, given, settings

import nn
from autograd import ops
from autograd.testing import check_gradients
from autograd.testing.strategies import OPS, expressions, nets, programs

ROOT = Path(__file__).parent.parent
few = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", OPS)
def test_an_op_is_differentiated_rightly_to_second_order(name):
    @settings(few, max_examples=2)
    @given(expressions([name], max_size=1))
    def holds(f):
        assert check_gradients(f, f.point, order=2).undecided == []

    holds()


@few
@given(expressions(max_size=6, kinks="any"))
def test_graphs_are_differentiated_rightly(f):
    check_gradients(f, f.point)


@settings(few, max_examples=10)
@given(programs())
def test_programs_are_differentiated_rightly(f):
    check_gradients(f, f.point)


@settings(few, max_examples=10)
@given(nets(max_width=2))
def test_nets_are_differentiated_rightly(net):
    check_gradients(net, net.point)


LOGITS = [[0.3, -0.8, 1.1], [2.0, 0.4, -0.3]]
LOSSES = {
    "mse_loss": lambda xs: nn.mse_loss(xs[0], [0.1, 0.2, 0.3]),
    "cross_entropy": lambda xs: nn.cross_entropy(xs, [2, 0]),
    "binary_cross_entropy_with_logits": lambda xs: nn.binary_cross_entropy_with_logits(xs[0], [1.0, 0.0, 1.0]),
    "huber_loss": lambda xs: nn.huber_loss(xs[1], [0.1, 0.2, 0.3]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_differentiated_rightly(name):
    assert check_gradients(LOSSES[name], [LOGITS], order=2).undecided == []


LAYERS = {
    "Linear": (lambda: nn.Linear(2, 3, seed=0), [0.3, -0.4]),
    "MLP": (lambda: nn.MLP(2, [3, 1], seed=0), [0.3, -0.4]),
    "GELU": (nn.GELU, [0.3, -0.4]),
    "LayerNorm": (lambda: nn.LayerNorm(3), [0.3, -0.4, 1.2]),
}


@pytest.mark.parametrize("name", [name for name in LAYERS if hasattr(nn, name)])
def test_layers_are_differentiated_rightly(name):
    make, x = LAYERS[name]
    layer = make()
    assert check_gradients(layer, [x], order=2).undecided == []


# ── The kit itself: it cries when it should, and only then ──────────────────────────────────────────────────


def test_correct_rules_raise_no_alarm():
    outcomes = [
        no_false_alarm.part(name, order, 60, no_false_alarm.SEED)
        for name in no_false_alarm.SHARES
        for order in no_false_alarm.ORDERS
    ]
    assert not any(outcome.alarms for outcome in outcomes)
    assert sum(outcome.examples for outcome in outcomes) >= 50
    assert sum(outcome.compared for outcome in outcomes) > 10 * sum(outcome.undecided for outcome in outcomes)


@pytest.mark.parametrize(
    ("name", "fault"), [("tanh", "sign"), ("gelu", "missing term"), ("relu", "wrong branch"), ("log", "lost accuracy")]
)
def test_a_planted_fault_is_found_and_shrinks(name, fault):
    op = getattr(ops, name)
    wrong = planted_faults.FAULTS[fault](op)
    found = planted_faults.search(op, wrong)
    assert 0 < found.examples <= planted_faults.LIMIT
    assert len(found.smallest) <= 3


class Failures(doctest.DocTestRunner):
    """Runs examples, and keeps the source of those that fail."""

    def __init__(self):
        super().__init__(verbose=False, optionflags=doctest.ELLIPSIS)
        self.sources = []

    def report_failure(self, out, test, example, got):
        self.sources.append(example.source)

    def report_unexpected_exception(self, out, test, example, error):
        self.sources.append(example.source)


def failures(text):
    runner = Failures()
    runner.run(doctest.DocTestParser().get_doctest(text, {}, "README", None, 0))
    return runner.sources


def test_the_readmes_rules_are_red_and_green_and_the_other_with_one_line_changed():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert failures(text) == []
    right_rule = failures(text.replace("g * a / (a + b)", "-g * a / (a + b)"))
    assert [source.startswith("check_everywhere(share") for source in right_rule] == [True]
    wrong_rule = failures(text.replace("g * 3.0 * a * a", "g * 2.0 * a * a"))
    assert any(source.startswith("check_everywhere(cube") for source in wrong_rule)
    right_pass = failures(text.replace("- y) * x, 0.5", "- y) * x * (1 - math.tanh(w * x) ** 2), 0.5"))
    assert [source.startswith("audit(") for source in right_pass] == [True]
