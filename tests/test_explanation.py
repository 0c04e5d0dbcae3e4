"""why: seeded faults, each in a program of its own, whose guilty line has to be named."""

from __future__ import annotations

import copy
import gc
import inspect
import math
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import Value, detect_anomaly, ieee, no_grad, trace, why
from autograd.errors import AnomalyError, InputError, InputTypeError

# A fault is a program that returns (the value to ask about, the output). Its guilty line is marked. The decorator says
# what kind of gradient it gives, and words that the answer has to hold.

FAULTS: dict[str, tuple[Callable[[], Any], str, list[str]]] = {}


def fault(kind: str, *words: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def note(program: Callable[[], Any]) -> Callable[[], Any]:
        FAULTS[program.__name__] = (program, kind, list(words))
        return program

    return note


@fault("nan", "log needs a > 0", "-1.5")
def log_of_a_negative_deep_inside():
    w = Value(0.5, "w")
    h = w * 3.0
    for _ in range(20):
        h = h * 1.01 - 0.0
    p = h - 20.0
    p = p * 0.1
    q = (w - 2.0).log()  # guilty
    return w, (p.tanh() + q * 0.5).exp()


@fault("zero", "relu", "not above 0")
def dead_relu():
    w, x = Value(0.5, "w"), Value(2.0, "x")
    b = Value(-3.0, "b")
    h = (w * x + b).relu()  # guilty
    y = h * 1.5 + 0.25
    return w, (y - 1.0) ** 2


@fault("vanishing", "tanh", "saturated")
def saturated_tanh():
    w = Value(4.0, "w")
    h = w * 5.0
    t = h.tanh()  # guilty
    return w, (t - 0.5) * 2.0


@fault("zero", "sigmoid", "saturated")
def sigmoid_saturated_to_the_last_bit():
    w = Value(-80.0, "w")
    s = (w * 10.0).sigmoid()  # guilty
    return w, s + 1.0


@fault("no gradient", "detached")
def detach_in_the_middle():
    w = Value(0.3, "w")
    h = (w * 2.0).tanh()
    h = h.detach()  # guilty
    return w, h * 3.0 + 1.0


@fault("no gradient", ".data", "the data of w")
def data_in_a_formula():
    w, x = Value(0.3, "w"), Value(2.0, "x")
    h = x * w.data  # guilty
    return w, (h - 1.0) ** 2


@fault("no gradient", ".data")
def data_of_something_between():
    w, v = Value(0.3, "w"), Value(2.0, "v")
    h = w * 1.7
    y = v * h.data  # guilty
    return w, y + 1.0


@fault("no gradient", "carry no gradient")
def item_in_a_formula():
    w, v = Value(0.3, "w"), Value(2.0, "v")
    h = w * 1.7
    y = v * h.item()  # guilty
    return w, y + 1.0


@fault("no gradient", "made of a number")
def wrapped_again():
    w = Value(0.3, "w")
    h = w * 1.7
    h = Value(h.data)  # guilty
    return w, h * h


@fault("no gradient", "nothing leads back")
def made_in_no_grad():
    w = Value(0.3, "w")
    with no_grad():
        h = w * 1.7  # guilty
    return w, h * h + 1.0


@fault("ordinary", "zero_grad")
def forgotten_zero_grad():
    w = Value(0.7, "w")
    (w * 3.0).backward()
    return w, w * 2.0  # guilty


@fault("zero", "multiplied by mask = 0")
def times_zero():
    w, mask = Value(0.7, "w"), Value(0.0, "mask")
    h = w.exp()
    h = h * mask  # guilty
    return w, h + 1.0


@fault("nan", "too large")
def overflow_of_exp():
    w = Value(800.0, "w")
    e = w.exp()  # guilty
    return w, e / e


@fault("nan", "divides by zero")
def nothing_over_nothing():
    w = Value(1.0, "w")
    d = w - 1.0
    q = d / d  # guilty
    return w, q * 2.0


@fault("ordinary", "tie", "1/2")
def tie_of_a_maximum():
    w, v = Value(1.0, "w"), Value(1.0, "v")
    m = ag.maximum(w, v)  # guilty
    return w, m * 3.0


@fault("inf", "slope is inf")
def square_root_at_zero():
    w = Value(2.0, "w")
    s = (w - 2.0).sqrt()  # guilty
    return w, s * 3.0


@fault("nan", "slope is inf")
def square_root_at_zero_of_a_square():
    w = Value(0.0, "w")
    q = w * w
    s = q.sqrt()  # guilty
    return w, s * 1.0


@fault("nan", "0 · inf")
def norm_by_hand_of_zeros_times_zero():
    w, z = Value(0.0, "w"), Value(0.0, "z")
    s = ((w * 1.0) ** 0.5) * z  # guilty
    return w, s + 1.0


@fault("no gradient", "used by nothing")
def parameter_never_used():
    w = Value(0.7, "w")  # guilty
    v = Value(0.9, "v")
    return w, v * v


@fault("zero", "step function")
def rounded():
    w = Value(2.4, "w")
    r = round(w * 3.0)  # guilty
    return w, r * 2.0


@fault("zero", "step function")
def whole_part():
    w = Value(2.4, "w")
    r = w // 1.0  # guilty
    return w, r * 2.0


@fault("no gradient", "not take")
def side_not_taken():
    w, v = Value(2.4, "w"), Value(1.0, "v")
    h = w * 2.0
    r = ag.where(v > 2.0, h, v)  # guilty
    return w, r * 2.0


@fault("zero", "outside")
def clamped():
    w = Value(2.4, "w")
    r = ag.clamp(w * 3.0, -1.0, 1.0)  # guilty
    return w, r * 2.0


@fault("no gradient", "not chosen")
def never_the_largest():
    w = Value(2.4, "w")
    r = ag.max([w, Value(3.0), Value(7.0)])  # guilty
    return w, r * 2.0


@fault("no gradient", "after", "w.data -=")
def rebound_by_an_update():
    w = Value(2.4, "w")
    loss = w * w
    w = w - 0.1 * 2.0  # guilty
    return w, loss


@fault("zero", "L is nan", "too large")
def inf_minus_inf():
    w = Value(1e308, "w")
    big = w * 10.0  # guilty
    return w, big - big


@fault("vanishing", "sigmoid", "such lie on the way")
def a_stack_of_sigmoids():
    w = Value(0.3, "w")
    h = w
    for _ in range(30):
        h = (h * 0.9).sigmoid()  # guilty
    return w, h * 2.0


@fault("huge", "such lie on the way")
def exploding():
    w = Value(0.3, "w")
    h = w
    for _ in range(30):
        h = h * 9.0  # guilty
    return w, h + 1.0


@fault("zero", "cancel")
def a_difference_with_itself():
    w = Value(0.3, "w")
    h = w * 2.0  # guilty
    return w, h - h


@fault("nan", "its data is nan")
def nan_in_the_data():
    w = Value(0.3, "w")
    x = Value(float("nan"), "x")  # guilty
    return w, w * x + 1.0


@fault("nan", "constant nan")
def nan_among_the_constants():
    w = Value(0.3, "w")
    missing = math.nan
    y = w * missing  # guilty
    return w, y + 1.0


@fault("inf", "too large")
def product_that_overflows():
    w, v = Value(1e200, "w"), Value(1e200, "v")
    y = v * 1e200  # guilty
    return w, y * w


@fault("zero", "exponent")
def exponent_zero():
    w = Value(1.5, "w")
    y = (w * 3.0) ** 0  # guilty
    return w, y + 2.0


@fault("zero", "base")
def square_at_its_bottom():
    w = Value(1.5, "w")
    y = (w - 1.5) ** 2  # guilty
    return w, y + 2.0


@fault("inf", "slope is inf")
def arcsine_at_one():
    w = Value(1.0, "w")
    y = (w * 1.0).asin()  # guilty
    return w, y + 2.0


@fault("huge", "slope")
def division_by_next_to_nothing():
    w = Value(1.0, "w")
    d = w - 0.999999
    y = 1.0 / d  # guilty
    return w, y + 2.0


@fault("vanishing", "slope")
def weight_next_to_nothing():
    w, v = Value(1.0, "w"), Value(1e-9, "v")
    h = w.tanh()
    y = h * v  # guilty
    return w, y + 2.0


@fault("zero", "slope at")
def absolute_value_at_its_kink():
    w = Value(1.0, "w")
    y = abs(w - 1.0)  # guilty
    return w, y + 2.0


@fault("no gradient", "another leaf with the same data")
def asked_about_a_copy():
    w = Value(0.123, "w")
    other = copy.deepcopy(w)
    y = w * 3.0  # guilty
    return other, y


@fault("inf", "log")
def log_of_zero():
    w = Value(0.0, "w")
    y = w.log()  # guilty
    return w, y * 2.0


@fault("zero", "relu")
def dead_layer_of_a_net():
    model = nn.MLP(2, [4, 1], seed=3)
    for neuron in model.layers[0].neurons:
        neuron.b.data = -50.0
    y = model([1.0, 2.0])  # guilty
    return model.layers[0].neurons[1].w[0], y * y


@fault("ordinary", "-0.25", "loss is nan")
def one_bad_sample_of_many():
    w = Value(0.5, "w")
    loss = Value(0.0)
    for x in (0.9, 0.8, -0.5, 0.7):
        loss = loss + (w * x).log()  # guilty
    return w, loss


def answer(name: str, by_default: bool = True) -> tuple[ag.Value, ag.Value, str, Any]:
    program, *_ = FAULTS[name]
    with trace(), ieee():
        value, of = program()
    of.backward()
    lines, start = inspect.getsourcelines(program)
    (guilty,) = [start + i for i, line in enumerate(lines) if line.rstrip().endswith("# guilty")]
    return value, of, f"test_explanation.py:{guilty}", why(value) if by_default else why(value, of=of)


@pytest.mark.parametrize("name", FAULTS)
def test_the_guilty_line_is_named(name: str) -> None:
    _, kind, words = FAULTS[name]
    _, _, guilty, explanation = answer(name)
    text = str(explanation)
    assert explanation.kind == kind, text
    first = text.splitlines()[:4]
    assert any(guilty in line for line in first) or name == "forgotten_zero_grad", text
    for word in words:
        assert word in text, text


def test_there_are_enough_faults() -> None:
    assert len(FAULTS) >= 40


@pytest.mark.parametrize("name", FAULTS)
def test_another_backward_between_does_not_confuse_it(name: str) -> None:
    """Where the output is not the last one, its pass is worked out anew: the same causes."""
    value, of, _, before = answer(name)
    other = Value(1.0)
    (other * 2.0).backward()
    after = why(value, of=of)
    assert after.kind == before.kind
    assert [cause.node for cause in after.causes] == [cause.node for cause in before.causes]


# ── What an explanation holds ───────────────────────────────────────────────────────────────────────────────


@given(factors=st.lists(st.floats(-10.0, 10.0), min_size=1, max_size=30), top=st.integers(0, 40))
def test_contributions_are_ranked_and_their_sum_is_the_gradient(factors: list[float], top: int) -> None:
    w = Value(0.7, "w")
    loss = ag.sum([(w * f).tanh() for f in factors])
    loss.backward()
    explanation = why(w, top=top)
    contributions = explanation.contributions
    sizes = [abs(step.contribution) for step in contributions]
    assert sizes == sorted(sizes, reverse=True)
    in_order = [step.contribution for step in sorted(contributions, key=lambda step: step.index)]
    total = in_order[0]
    for contribution in in_order[1:]:
        total += contribution
    assert total == w.grad == explanation.gradient
    lines = [line for line in str(explanation).splitlines() if line.startswith("    dL/dw +=")]
    assert len(lines) == min(top, len(factors))
    rest = len(factors) - top
    assert (f"… {rest} more" in str(explanation)) == (rest > 0)


def test_nodes_are_those_of_the_chains() -> None:
    w = Value(0.5, "w")
    h = w * -1.0
    r = h.relu()
    loss = r + 1.0
    loss.backward()
    explanation = why(w)
    assert explanation.nodes == (w, h, r)
    assert explanation.causes[0].node is r
    assert explanation.causes[0].chain == (w, h, r)
    assert repr(explanation) == str(explanation)


def test_the_shortest_chain_comes_first() -> None:
    w, zero = Value(0.5, "w"), Value(0.0)
    h = w
    for _ in range(5):
        h = h * 2.0
    far, near = h * zero, w * zero
    loss = far + near
    loss.backward()
    first, second = why(w).causes
    assert (first.node, second.node) == (near, far)
    assert len(second.chain) == 7


def test_both_reasons_are_told_where_a_dead_relu_feeds_a_product_with_nothing() -> None:
    w = Value(-0.5, "w")
    r = w.relu()
    loss = r * r
    loss.backward()
    assert why(w).causes[0].node is r


def test_the_modules_of_a_net_are_named() -> None:
    value, _, _, explanation = answer("dead_layer_of_a_net")
    assert "in MLP.layers.0" in str(explanation)
    assert value.grad == 0.0


def test_without_tracing_it_says_how_to_get_lines() -> None:
    w = Value(0.5)
    y = w * 0.0
    y.backward()
    assert "build the graph inside `with autograd.trace():`" in str(why(w))


def test_a_number_that_is_nan_can_be_asked_about_itself() -> None:
    with ieee():
        x = Value(-2.0, "x")
        y = x.log() * 3.0
    explanation = why(y, of=y)
    assert explanation.kind == "nan"
    assert explanation.causes[0].node.op == "log"
    y.backward()
    assert why(y).kind == "nan"


def test_an_ordinary_gradient_says_where_most_of_it_comes_from() -> None:
    w = Value(0.5, "w")
    big, small = w * 30.0, w * 0.1
    loss = big + small
    loss.backward()
    explanation = why(w)
    assert explanation.kind == "ordinary"
    assert explanation.causes[0].node is big
    assert why(loss).notes == ("it is the output itself: its gradient is what backward() starts with",)


def test_hooks_are_mentioned() -> None:
    w = Value(0.5, "w")
    w.register_hook(lambda g: g * 0.0)
    y = w * 3.0
    y.backward()
    assert "it has a hook (<lambda>, test_explanation.py:" in str(why(w))


def test_a_cleared_gradient_is_mentioned() -> None:
    w = Value(0.5, "w")
    y = w * 3.0
    y.backward()
    w.grad = None
    assert "cleared after the pass" in str(why(w))


def test_the_last_output_is_held_without_keeping_it_alive() -> None:
    w = Value(0.5)
    y = w * 2.0
    y.backward()
    assert why(w).of is y
    del y
    gc.collect()
    with pytest.raises(InputError, match="why\\(value, of=loss\\)"):
        why(w)


def test_each_thread_has_a_last_output_of_its_own() -> None:
    w = Value(0.5)
    mine = w * 2.0
    mine.backward()
    theirs: list[Any] = []

    def other() -> None:
        with pytest.raises(InputError):
            why(w)
        y = w * 3.0
        y.backward()
        theirs.append(why(w).of is y)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert theirs == [True]
    assert why(w).of is mine


def test_last_outputs_of_many_threads_that_are_gone() -> None:
    w = Value(0.5)
    kept = []

    def other(keep: bool) -> None:
        y = w * 3.0
        y.backward()
        if keep:
            kept.append(y)

    for i in range(40):
        thread = threading.Thread(target=other, args=(i % 2 == 0,))
        thread.start()
        thread.join()
    with pytest.raises(InputError):
        why(Value(1.0))
    kept.clear()
    y = w * 2.0
    y.backward()
    assert why(w).of is y


def test_a_pass_that_is_not_over_is_not_the_last_one() -> None:
    """Half of its gradients would be taken for all."""
    w = Value(0.5, "w")
    h = w * 2.0
    loss = h * h
    earlier = w * 3.0
    earlier.backward()
    told: list[Any] = []
    for step in ag.steps(loss):
        if step.index == 0:
            told.append(why(w))
            told.append(why(w, of=loss))
    handle = h.register_hook(lambda g: told.append(why(w)))
    loss.backward()
    handle.remove()
    h.register_hook(lambda g: {}["no"])
    with pytest.raises(KeyError):
        (loss * 2.0).backward()
    told.append(why(w))
    assert [answer.of for answer in told] == [earlier, loss, loss, loss]
    assert [answer.gradient for answer in told] == [3.0, 4.0, 4.0, 4.0]


def test_data_assigned_since_leaves_what_needs_no_old_number() -> None:
    """As after an optimiser's step."""
    with trace():
        w, x = Value(0.5, "w"), Value(-2.0, "x")
        loss = (w * x).relu() * w
    loss.backward()
    w.data = 0.25
    explanation = why(w)
    assert explanation.kind == "zero"
    assert "relu" in explanation.causes[0].text
    assert "data was assigned since the pass" in str(explanation)
    with ieee():
        bad = (w - 1.0).log() + w
    bad.backward()
    w.data = math.nan
    assert "log(a) at a = -0.75" in str(why(w))
    w.data = 0.5
    fine = (w * 3.0).tanh()
    fine.backward()
    w.data = 0.25
    assert why(w).gradient == w.grad


@pytest.mark.parametrize("wrong", [None, 1.0, "w", [Value(1.0)]])
def test_only_values_have_reasons(wrong: Any) -> None:
    y = Value(1.0) * 2.0
    y.backward()
    with pytest.raises(InputTypeError, match="takes a Value"):
        why(wrong)
    if wrong is not None:
        with pytest.raises(InputTypeError, match="takes a Value"):
            why(y, of=wrong)


def test_deep_graphs_are_no_recursion() -> None:
    w = Value(0.5, "w")
    h = (w * -1.0).relu()
    for _ in range(20_000):
        h = h * 0.999
    h.backward()
    assert why(w).causes[0].node.op == "relu"
    with ieee():
        y = (w * -1.0).log()
        for _ in range(20_000):
            y = y + 1.0
    y.backward()
    assert "log needs a > 0" in str(why(w))
    v = Value(0.5, "v")
    z = v
    for _ in range(20_000):
        z = z * 0.99
    z.backward()
    assert "20000 such lie on the way" in str(why(v))


# ── detect_anomaly ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_nan_forward_is_an_error_that_explains() -> None:
    x = Value(-0.5, "x")
    with ieee(), detect_anomaly():
        good = x * 2.0
        with pytest.raises(AnomalyError) as caught:
            good.log()
    text = str(caught.value)
    assert "log(a) at a = -1.0 is nan. log needs a > 0" in text
    assert "test_explanation.py:" in text
    explanation = caught.value.explanation
    assert explanation.kind == "nan"
    assert explanation.causes[0].node.op == "log"
    assert isinstance(caught.value, ArithmeticError)


def test_arithmetic_that_does_not_raise_does_so_there() -> None:
    with detect_anomaly(), pytest.raises(AnomalyError, match="too large"):
        Value(1e200) * 1e200
    with detect_anomaly(), pytest.raises(AnomalyError, match="constant nan"):
        Value(1.0) * math.nan
    with detect_anomaly(), pytest.raises(AnomalyError, match="its data is inf"):
        Value(math.inf) - 1.0


def test_infinities_can_be_let_through() -> None:
    with detect_anomaly(inf=False):
        masked = Value(-math.inf) + 1.0
        assert masked.data == -math.inf
        with pytest.raises(AnomalyError):
            masked - masked
    with detect_anomaly(), detect_anomaly(inf=False):
        assert (Value(math.inf) * 2.0).data == math.inf
    with pytest.raises(InputTypeError, match="True or False"):
        detect_anomaly(inf=1)  # type: ignore[arg-type]


def test_a_nan_made_backward_is_an_error_and_gradients_are_as_they_were() -> None:
    x, zero = Value(0.0, "x"), Value(0.0, "zero")
    x.grad = 0.5
    with detect_anomaly():
        root = x.sqrt()
        y = root * zero
        with pytest.raises(AnomalyError, match=r"sqrt\(x\) at test_explanation.py:\d+: its slope is inf") as caught:
            y.backward()
    assert x.grad == 0.5
    assert not root.has_grad
    assert caught.value.explanation.causes[0].node is root
    assert caught.value.explanation.value is x


def test_a_cause_that_acts_twice_says_where() -> None:
    w = Value(math.nan, "w")
    y = w * 2.0 * w
    y.backward()
    assert "w: its data is nan (and once more on other ways)" in str(why(w))
    with trace():
        x = Value(-1.0, "x")
        y = sum(x.relu() for _ in range(3))
    y.backward()
    assert "(and 2 more times on this line)" in str(why(x))


def test_an_anomaly_has_one_name_for_a_node() -> None:
    x, nothing = Value(0.0, "x"), Value(0.0, "nothing")
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        ((x * 2.0 + nothing).sqrt() + x).backward()
    cause, step = str(caught.value).splitlines()
    (name,) = re.findall(r"^sqrt\((\w+)\)", cause)
    (made, of) = re.findall(r"(\w+) = sqrt\((\w+)\)", step)[0]
    assert of == name != made


def test_infinite_slopes_are_anomalies_unless_let_through() -> None:
    x = Value(0.0)
    with detect_anomaly(), pytest.raises(AnomalyError):
        x.sqrt().backward()
    with detect_anomaly(inf=False):
        x.sqrt().backward()
    assert x.grad == math.inf


def test_sound_programs_are_not_disturbed() -> None:
    def loss() -> tuple[Any, Any]:
        w = Value(0.3)
        return w, ((w * 2.0).tanh() - 1.0) ** 2 + ag.softmax([w, w * 2.0])[0]

    plain, y = loss()
    y.backward()
    with detect_anomaly():
        watched, y = loss()
        y.backward()
    assert watched.grad == plain.grad
    assert y.source is not None
    with detect_anomaly(), no_grad():
        assert (Value(2.0) * 3.0).data == 6.0


def test_it_holds_for_one_thread_and_as_a_decorator() -> None:
    found: list[float] = []

    @detect_anomaly
    def overflow() -> Any:
        return Value(1e200) * 1e200

    with detect_anomaly():
        thread = threading.Thread(target=lambda: found.append((Value(1e200) * 1e200).data))
        thread.start()
        thread.join()
    assert found == [math.inf]
    with pytest.raises(AnomalyError):
        overflow()
    assert (Value(1e200) * 1e200).data == math.inf


def test_an_anomaly_keeps_nothing_alive_but_its_own_graph() -> None:
    class Big:
        pass

    def caught() -> tuple[Any, Any]:
        big = Big()
        ref = weakref.ref(big)
        try:
            with detect_anomaly():
                Value(1e200) * 1e200
        except AnomalyError as error:
            return error.with_traceback(None), ref
        raise AssertionError

    error, ref = caught()
    gc.collect()
    assert ref() is None
    assert "too large" in str(error.explanation)


# ── What must not be said ───────────────────────────────────────────────────────────────────────────────────


def test_sound_samples_are_not_blamed_for_a_bad_one() -> None:
    w = Value(0.5, "w")
    loss = ag.mean([(w * x - 1.0) ** 2 for x in (1.0, 2.0, math.nan, 4.0)])
    loss.backward()
    (cause,) = why(w).causes
    assert "one of its inputs is the constant nan" in cause.text


def test_hooks_that_made_the_gradient_are_named() -> None:
    def silence(gradient: float) -> float:
        return 0.0

    for turned, hook in ((0.0, silence), (math.inf, lambda g: math.inf), (math.nan, lambda g: math.nan)):
        w = Value(0.5, "w")
        h = w * 2.0
        h.register_hook(hook)
        loss = h * 3.0
        loss.backward()
        (cause,) = why(w).causes
        assert cause.node is h
        assert f"which turned 3 into {turned!r}" in cause.text
    with detect_anomaly():
        w = Value(0.5, "w")
        h = w * 2.0
        h.register_hook(lambda g: math.inf)
        with pytest.raises(AnomalyError, match="its own gradient is inf, made by its hook"):
            (h * 3.0).backward()


def test_the_partner_in_a_product_is_the_one_that_multiplies() -> None:
    w, u, x, y = Value(0.0, "w"), Value(0.0, "u"), Value(0.0, "x"), Value(7.0, "y")
    loss = ag.dot([w, u], [x, y])
    loss.backward()
    assert "w is multiplied by x = 0" in str(why(w))
    assert why(u).kind == "ordinary"


def test_where_a_zero_comes_from() -> None:
    with trace():
        w, v = Value(0.5, "w"), Value(-1.0)
        r = v.relu()
        loss = w * (r * 2.0)
    loss.backward()
    assert re.search(r"is multiplied by v1 = 0, made by relu\(v\d\) at test_explanation.py:\d+", str(why(w)))


def test_cancelling_contributions_and_many_small_ones_are_told() -> None:
    w = Value(0.5, "w")
    loss = w * 1e8 - w * (1e8 - 1e-3)
    loss.backward()
    assert "cancel, all but" in why(w).causes[0].text
    w = Value(0.5, "w")
    loss = ag.sum([w * 3e5 for _ in range(500)])
    loss.backward()
    assert "500 contributions add up, none of them more than 0.002 of the sum" in why(w).causes[0].text


def test_clipping_is_not_called_a_forgotten_zero_grad() -> None:
    w = Value(0.5, "w")
    loss = w * 300.0
    loss.backward()
    nn.clip_grad_norm_([w], 0.5)
    assert "Or was the grad set since, as clipping does?" in str(why(w))


def test_a_gradient_that_was_assigned_is_not_called_cancelled() -> None:
    w = Value(0.5, "w")
    h = w * 2.0
    loss = h + h * 3.0
    loss.backward()
    h.grad = 0.0
    w.grad = None
    assert "cancel" not in str(why(w))


def test_a_detached_target_elsewhere_is_told_after_the_truth() -> None:
    unused, w = Value(0.7, "unused"), Value(0.3, "w")
    loss = (w * 2.0 - (w * 3.0).detach()) ** 2
    loss.backward()
    assert str(why(unused)).startswith("unused has no gradient from L, which was computed without it:")


def test_numbers_taken_while_traced_are_remembered() -> None:
    with trace():
        w = Value(0.3, "w")
        numbers = [w.data * 2.0]
        here = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
        loss = Value(1.0) * numbers[0]
    loss.backward()
    text = str(why(w))
    assert f"the number of w was taken at test_explanation.py:{here}" in text
    assert "numbers = [w.data * 2.0]" in text
    with trace():
        w.item()
    assert len(w._known().reads) == 2


def test_results_of_no_grad_are_called_so() -> None:
    w = Value(0.3, "w")
    with trace(), no_grad():
        loss = w * 2.0
    assert "computed inside no_grad()" in str(why(w, of=loss))
    with trace():
        with no_grad():
            h = w * 2.0
        loss = h * 3.0
    assert "is computed inside no_grad() at test_explanation.py:" in str(why(w, of=loss))


@pytest.mark.parametrize("top", [-1, 1.5, "3", None])
def test_top_is_a_whole_number(top: Any) -> None:
    y = Value(1.0) * 2.0
    y.backward()
    with pytest.raises(InputError, match="whole number"):
        why(y, top=top)


def test_overflow_is_called_so_whatever_the_op_needs() -> None:
    with ieee():
        w = Value(1e40, "w")
        loss = w**9.0
    assert "too large for a float" in str(why(loss, of=loss))
