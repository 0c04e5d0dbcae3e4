"""Which nodes are drawn as one: nothing is lost, nothing is drawn twice, and the limit holds at any size."""

from __future__ import annotations

import math
import operator
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import nn
from autograd import Value, draw
from autograd.drawing.edges import Inputs
from autograd.drawing.graph import Graph
from autograd.drawing.reduction import parts, reduced
from tests.golden import tower

OPS = [operator.mul, operator.add, lambda a, b: a.tanh(), lambda a, b: b - 0.5, lambda a, b: a**2]


def random_graph(seed: int, nodes: int, leaves: int = 5) -> Value:
    """A graph in which anything may be used by anything younger."""
    draw_ = random.Random(seed)
    values = [Value(draw_.uniform(-1, 1), f"v{k}") for k in range(leaves)]
    for _ in range(nodes):
        a, b = draw_.choice(values[-9:]), draw_.choice(values)
        values.append(draw_.choice(OPS)(a, b))
    return autograd.sum(values[-3:])


def groups_of(result: Value, limit: int = 200, collapse: object = "auto") -> tuple[Graph, list]:
    graph = Graph([result])
    return graph, reduced(graph, collapse, limit, frozenset())


@given(seed=st.integers(0, 10**6), nodes=st.integers(1, 150), limit=st.integers(3, 60), differentiate=st.booleans())
def test_every_node_is_in_one_group_and_the_limit_holds(seed, nodes, limit, differentiate):
    result = random_graph(seed, nodes)
    if differentiate:
        result.backward()
    graph, groups = groups_of(result, limit)
    drawn = [i for group in groups for i in group.members]
    assert len(drawn) == len(set(drawn))
    interior = {i for i, inputs in enumerate(graph.inputs) if inputs}
    assert interior <= set(drawn)
    assert len(groups) <= limit
    for group in groups:
        assert group.members == sorted(group.members)
        assert len(group.members) == 1 or group.kind != "node"
    inputs = Inputs(graph, groups)
    leaves = set(range(len(graph))) - interior
    assert leaves <= set(drawn) | set().union(*inputs.leaves)


@given(seed=st.integers(0, 10**6), nodes=st.integers(1, 40))
def test_what_flows_along_the_edges_adds_up_to_the_gradients(seed, nodes):
    """The sum of the contributions on the edges that leave a node is its gradient: the chain rule, seen."""
    result = random_graph(seed, nodes)
    result.backward()
    graph = Graph([result])
    groups = reduced(graph, None, 200, frozenset())
    inputs = Inputs(graph, groups)
    sums = Counter()
    for (tail, _, _), line in inputs.lines.items():
        sums[groups[int(tail[1:])].last] += line.total
    for hidden in inputs.hidden:
        for one in hidden:
            if one.node is not None:
                sums[one.node] += one.contribution or 0.0
    for i, node in enumerate(graph.nodes):
        if i not in graph.roots and node.has_grad:
            assert sums[i] == pytest.approx(node.grad, rel=1e-9, abs=1e-300)


def test_the_graph_is_read_inputs_first_and_leaves_before_their_first_user():
    a, b = Value(1.0, "a"), Value(2.0, "b")
    c = b * a
    a.data = 3.0  # a leaf that is younger than its user
    graph = Graph([c + a])
    assert [node.label or node.op for node in graph.nodes] == ["b", "a", "mul", "add"]
    assert graph.inputs == [(), (), (0, 1), (2, 1)]
    assert graph.uses == [1, 2, 1, 0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ()),
        ("MLP", ("MLP",)),
        ("MLP.layers.0", ("MLP", "layers[0]")),
        ("GPT.blocks.11.heads.3.query", ("GPT", "blocks[11]", "heads[3]", "query")),
        ("Sequential.0.1", ("Sequential", "[0][1]")),
    ],
)
def test_paths_are_read_by_module(path, expected):
    assert parts(path) == expected


def test_small_graphs_keep_leaves_apart_and_large_ones_hold_them_in_cards():
    x = Value(2.0, "x")
    few = x * x + 1.0
    assert [c.kind for c in draw(few).picture.cards] == ["leaf", "node", "node"]
    many = few
    for _ in range(40):
        many = (many + x).tanh()
    picture = draw(many).picture
    assert {c.kind for c in picture.cards} == {"node"}
    chips = [chip for card in picture.cards for chip in card.chips if chip.node is not None]
    assert len(chips) == 42
    assert all("↗42" in chip.text and "shared: used in 42 places" in chip.tip for chip in chips)


def test_sums_fold_only_beyond_the_limit():
    terms = [Value(float(k)) * 2.0 for k in range(10)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    assert sum(c.title == "+" for c in draw(total).picture.cards) == 9
    cards = draw(total, limit=12).picture.cards
    assert [c.title for c in cards if c.kind == "sum"] == ["Σ 10 terms"]
    assert len(cards) == 11


def test_a_sum_that_is_used_twice_is_not_folded():
    a = [Value(float(k)) * 2.0 for k in range(6)]
    inner = a[0] + a[1] + a[2] + a[3]
    outer = inner + a[4] + a[5] + inner
    folded = [c for c in draw(outer, limit=9).picture.cards if c.kind == "sum"]
    assert [c.title for c in folded] == ["Σ 4 terms", "Σ 4 terms"]


def test_modules_close_from_the_inside_and_those_of_one_build_become_one():
    result = tower(n=3, blocks=6, samples=2)
    counts = {limit: draw(result, limit=limit).picture for limit in (1000, 100, 20, 10)}
    names = {limit: [c.title for c in p.cards if c.kind == "module"] for limit, p in counts.items()}
    assert names[1000] == []
    assert {"up", "down"} <= set(names[100])
    assert names[20] == [*[f"blocks[{k}]" for k in range(6)], "head"]
    assert "blocks[0…5] × 6" in names[10]
    assert all(len(p.cards) <= limit for limit, p in counts.items())
    assert {c.cluster for c in counts[20].cards if c.kind == "module"} == {("Tower",)}


def test_how_many_levels_of_modules_are_open_can_be_said():
    result = tower(n=2, blocks=2)
    titles = {depth: [c.title for c in draw(result, collapse=depth).picture.cards] for depth in (0, 1, 2)}
    assert titles[0][0] == "Tower"
    assert titles[1][:3] == ["blocks[0]", "blocks[1]", "head"]
    assert "up" in titles[2]
    assert not {"blocks[0]", "blocks[1]"} & set(titles[2])


def test_a_function_may_say_what_belongs_together():
    a, b = Value(1.0, "a"), Value(2.0, "b")
    result = (a * b).tanh() + (a - b).tanh()
    picture = draw(result, collapse=lambda v: "squashed <1>" if v.op == "tanh" else None).picture
    squashed = [c for c in picture.cards if c.kind == "named"]
    assert [c.title for c in squashed] == ["squashed <1>"]
    assert squashed[0].rows[0] == ("", "2 ops")


def test_layers_written_out_are_seen_as_layers():
    """Without modules: the neurons of a layer, and the samples of a batch, look alike and become one card."""
    source = random.Random(0)
    weights = [[[Value(source.uniform(-1, 1)) for _ in range(6)] for _ in range(8)] for _ in range(2)]
    total = Value(0.0)
    for _ in range(9):
        x = [source.uniform(-1, 1) for _ in range(6)]
        hidden = [sum((w * a for w, a in zip(row, x, strict=True)), Value(0.0)).tanh() for row in weights[0]][:6]
        out = [sum((w * a for w, a in zip(row, hidden, strict=True)), Value(0.0)).tanh() for row in weights[1]]
        total = total + sum(((o - 1.0) ** 2 for o in out), Value(0.0))
    cards = draw(total).picture.cards
    assert [c.title for c in cards][:8] == [
        f"mul × {9 * 36}", f"Σ × {9 * 6}", f"tanh × {9 * 6}",
        f"mul × {9 * 48}", f"Σ × {9 * 8}", f"tanh × {9 * 8}", f"sub × {9 * 8}", f"pow × {9 * 8}",
    ]  # fmt: skip


def test_of_what_is_left_the_largest_contributions_are_kept():
    """Nothing to fold: the nodes of the largest gradients stay, the rest is counted beside where it leads."""
    source = random.Random(3)
    values = [Value(source.uniform(0.5, 1.5)) for _ in range(9)]
    for _ in range(600):
        a, b = source.choice(values[-60:]), source.choice(values)
        values.append(source.choice([operator.mul, operator.sub, lambda a, b: a / (b * b + 0.1)])(a, b).tanh())
    result = autograd.sum(values[-40:])
    result.backward()
    picture = draw(result, limit=40).picture
    assert len(picture.cards) <= 40
    rest = [c for c in picture.cards if c.kind == "rest"]
    assert rest
    graph = Graph([result])
    shown = {i for c in picture.cards if c.kind != "rest" for i in c.members}
    hidden = {i for c in rest for i in c.members}
    tops = sorted((abs(graph.nodes[i].grad) for i in hidden | shown), reverse=True)[:10]
    assert sum(abs(graph.nodes[i].grad) in tops for i in shown) >= 8
    total = sum(int(word) for c in picture.cards for k, text in c.rows if " op" in text for word in [text.split()[0]])
    singles = sum(1 for c in picture.cards if c.kind == "node")
    assert total + singles == sum(1 for inputs in graph.inputs if inputs)


def test_where_a_nan_is_born_is_kept_in_sight():
    source = random.Random(4)
    values = [Value(source.uniform(0.5, 1.5)) for _ in range(9)]
    with autograd.ieee():
        for k in range(500):
            a, b = source.choice(values[-30:]), source.choice(values)
            values.append((a * b).tanh() if k != 250 else (a - a) / (b - b))
        born = values[9 + 250]
        result = autograd.sum(values[-20:])
    result.backward()
    picture = draw(result, limit=20).picture
    graph = Graph([result])
    alone = [c for c in picture.cards if c.kind != "rest" and graph.place[born] in c.members]
    assert alone
    assert alone[0].tone == "bad"
    assert alone[0].title.startswith("⚠")


def test_a_recurrent_module_may_feed_itself_through_what_is_outside():
    cell, h = nn.RNNCell(2, 2, seed=0), [0.0, 0.0]
    with autograd.trace():
        for _ in range(40):
            h = [v * 0.5 for v in cell([1.0, 2.0], h)]
    result = h[0] + h[1]
    result.backward()
    drawing = draw(result, limit=12)
    assert len(drawing.picture.cards) <= 12
    assert "<svg" in drawing.svg()


@pytest.mark.parametrize("wide", [1, 2])
def test_deep_graphs_are_drawn_without_recursion(wide):
    x = v = Value(1.0)
    for _ in range(12_000):
        v = v.tanh() if wide == 1 else (v + x) * 0.5
    picture = draw(v).picture
    assert len(picture.cards) <= 200
    assert sum(len(card.members) for card in picture.cards) == 12_000 * wide
    largest = max(picture.cards, key=lambda card: len(card.members))
    assert f"{len(largest.members):,} ops".replace(",", " ") in [text for _, text in largest.rows]


def test_a_chain_keeps_its_ends_in_sight():
    v = Value(1.0, "x")
    for k in range(300):
        v = v.tanh() if k % 2 else v.sin()
    picture = draw(v).picture
    assert [c.title for c in picture.cards] == ["sin", "tanh", "sin → … → tanh", "sin", "tanh"]
    assert [(e.tail, e.head) for e in picture.edges] == [("n0", "n1"), ("n1", "n2"), ("n2", "n3"), ("n3", "n4")]


def test_a_leaf_alone_is_a_card():
    picture = draw(Value(math.pi, "pi")).picture
    assert [(c.title, c.rows) for c in picture.cards] == [("pi", [("data", "3.142")])]
