"""Many nodes in one call: the compiled functions make the nodes, and the bits, of those they stand in for."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import Value, bulk, topological_order
from nn import optim

number = st.floats(-1e3, 1e3) | st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-320, 1e200])
sizes = st.tuples(st.integers(1, 5), st.integers(1, 70))


def by_hand(rows: Any, x: Any, biases: Any) -> list[Any]:
    """linear as a user would write it, a node a product and a node a sum."""
    out = []
    for i, row in enumerate(rows):
        total = row[0] * x[0]
        for w, xi in list(zip(row, x, strict=True))[1:]:
            total = total + w * xi
        out.append(total if biases is None else total + biases[i])
    return out


def same(p: float, q: float) -> bool:
    return repr(p) == repr(q)


@st.composite
def layers(draw: Any) -> Any:
    n, m = draw(sizes)
    rows = [draw(st.lists(number, min_size=m, max_size=m)) for _ in range(n)]
    biases = draw(st.lists(number, min_size=n, max_size=n))
    x = draw(st.lists(number, min_size=m, max_size=m))
    values = draw(st.lists(st.booleans(), min_size=m, max_size=m))
    return rows, biases, x, values


def nodes(layer: Any) -> Any:
    rows, biases, x, values = layer
    ws = [[Value(w) for w in row] for row in rows]
    bs = [Value(b) for b in biases]
    return ws, bs, [Value(xi) if v else xi for xi, v in zip(x, values, strict=True)]


def outcome(function: Any, layer: Any) -> Any:
    """What a layer gives, and the gradients of its sum; or its error."""
    ws, bs, x = nodes(layer)
    try:
        ys = function(ws, bs, x)
        total = ag.sum(ys)
    except ag.AutogradError as error:
        return type(error), str(error)
    total.backward()
    leaves = [*(w for row in ws for w in row), *bs, *(xi for xi in x if type(xi) is Value)]
    return [repr(y.data) for y in ys], [repr(v.grad) for v in leaves]


@given(layers())
def test_linear_has_the_bits_of_the_written_out_sum(layer: Any) -> None:
    bundled = outcome(lambda ws, bs, x: bulk.linear(ws, x, bs), layer)
    written = outcome(lambda ws, bs, x: by_hand(ws, x, bs), layer)
    if isinstance(bundled[0], list) and isinstance(written[0], list):
        assert bundled[0] == written[0]
        assert all(same(float(a), float(b)) for a, b in zip(bundled[1], written[1], strict=True)) or len(layer[0]) > 1


@given(layers(), st.booleans())
def test_neurons_are_dots_that_begin_with_the_bias(layer: Any, nonlin: bool) -> None:
    def one_by_one(ws: Any, bs: Any, x: Any) -> Any:
        sums = [ag.ops.dot(b, *row, 1.0, *x) for b, row in zip(bs, ws, strict=True)]
        return [ag.relu(total) for total in sums] if nonlin else sums

    assert outcome(lambda ws, bs, x: bulk.neurons(bs, ws, x, nonlin), layer) == outcome(one_by_one, layer)


def test_the_nodes_are_those_of_the_python_function() -> None:
    ws, bs, x = nodes(([[1.0, 2.0], [3.0, 4.0]], [0.5, 0.25], [10.0, 20.0], [True, False]))
    ys = bulk.linear(ws, x, bs)
    assert [[node.op for node in topological_order(y)] for y in ys] == [["add", "dot"]] * 2
    assert ys[0].inputs[0].inputs == (ws[0][0], ws[0][1], x[0], 20.0)
    (neuron,) = bulk.neurons(bs[:1], ws[:1], x, False)
    assert neuron.inputs == (bs[0], *ws[0], 1.0, *x)


def test_without_recording_the_outputs_are_leaves() -> None:
    ws, bs, x = nodes(([[1.0, 2.0]], [0.5], [10.0, 20.0], [True, False]))
    with ag.no_grad():
        (y,) = bulk.linear(ws, x, bs)
    assert (y.data, y.inputs) == (50.5, ())


STRANGE = [
    lambda ws, bs, x: bulk.linear(ws, ["1.0", 2.0], bs),
    lambda ws, bs, x: bulk.linear(ws, [1.0], bs),
    lambda ws, bs, x: bulk.linear(ws, [math.inf, -math.inf], bs),
    lambda ws, bs, x: bulk.linear([[1.0, 2.0]], [3.0, 4.0], bs[:1]),
    lambda ws, bs, x: bulk.linear(ws, x, bs[:1]),
    lambda ws, bs, x: bulk.neurons(bs, ws, [None, 1.0], True),
    lambda ws, bs, x: bulk.neurons(bs[:1], ws, x, True),
    lambda ws, bs, x: ag.dot([1.0], [1.0, 2.0]),
    lambda ws, bs, x: ag.dot(3.0, [1.0]),
    lambda ws, bs, x: ag.sum(["a"]),
    lambda ws, bs, x: bulk.zero_grad([1.0]),
    lambda ws, bs, x: bulk.zero_grad(3),
]


def told(case: int) -> str:
    """The answer of this process's engine to something out of the ordinary."""
    ws, bs, x = nodes(([[1.0, 2.0], [3.0, 4.0]], [0.5, 0.25], [10.0, 20.0], [True, False]))
    try:
        return repr(STRANGE[case](ws, bs, x))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def test_what_is_out_of_the_ordinary_is_told_as_on_the_pure_engine() -> None:
    cases = range(len(STRANGE))
    script = (
        f"import sys; sys.path[:0] = ['.', 'tests']; from test_bulk import told\nfor i in {cases!r}: print(told(i))"
    )
    command, pure = [sys.executable, "-c", script], {**os.environ, "AUTOGRAD_PURE": "1"}
    done = subprocess.run(command, env=pure, capture_output=True, text=True, check=True)
    assert list(map(told, cases)) == done.stdout.splitlines()


def test_zero_grad_clears() -> None:
    p, q = Value(1.0), Value(2.0)
    (p * q).backward()
    bulk.zero_grad([p, q])
    assert (p.grad, p.has_grad, q.has_grad) == (0.0, False, False)


# ── Optimisers ──────────────────────────────────────────────────────────────────────────────────────────────

SETTINGS = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.5, "dampening": 0.1, "weight_decay": 0.01},
    ],
    "RMSprop": [{}, {"centered": True, "momentum": 0.9}, {"weight_decay": 0.1}],
    "Adagrad": [{}, {"lr_decay": 0.1, "weight_decay": 0.1}],
    "Adam": [{}, {"weight_decay": 0.1, "betas": (0.5, 0.8)}],
    "AdamW": [{}, {"weight_decay": 0.1}],
}
PLAIN = {"SGD": optim.sgd, "RMSprop": optim.rmsprop, "Adagrad": optim.adagrad, "Adam": optim.adam}
PLAIN["AdamW"] = lambda *given: optim.adam(*given, True)


@pytest.mark.parametrize(("name", "settings"), [(name, s) for name, many in SETTINGS.items() for s in many])
@given(
    start=st.lists(number, min_size=3, max_size=3),
    steps=st.lists(st.lists(st.none() | number, min_size=3, max_size=3), min_size=1, max_size=6),
)
def test_an_optimisers_step_has_the_bits_of_its_python_text(name: str, settings: Any, start: Any, steps: Any) -> None:
    def run(update: Any) -> Any:
        params = [nn.Parameter(x) for x in start]
        optimizer = getattr(nn, name)(params, lr=0.1, **settings)
        optimizer.update = update or optimizer.update
        try:
            for gradients in steps:
                for p, g in zip(params, gradients, strict=True):
                    p.grad = g
                optimizer.step()
        except (ArithmeticError, ValueError):
            return None  # the Python text may overflow where C goes on with inf
        columns = [getattr(optimizer, column) for column in optimizer.columns]
        return [repr(p.data) for p in params], [list(map(repr, column)) for column in columns]

    plain = run(PLAIN[name])
    assert plain is None or run(None) == plain


def test_columns_of_another_length_or_kind_are_left_to_python() -> None:
    p = nn.Parameter(1.0)
    p.grad = 1.0
    step = nn.SGD.update
    with pytest.raises(ValueError, match="shorter"):
        step([p], array("d"), array("d"), 0.1, 0.9, 0.0, 0.0, False)
    lists = [0.0], [0.0]
    step([p], *lists, 0.1, 0.9, 0.0, 0.0, False)
    assert (p.data, lists) == (0.9, ([1.0], [1.0]))


def test_a_step_makes_the_old_graph_stale() -> None:
    p = nn.Parameter(2.0)
    y = p * p
    y.backward()
    nn.SGD([p], lr=0.1).step()
    with pytest.raises(ag.StaleGraphError):
        y.backward()
