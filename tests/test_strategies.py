"""What the strategies draw: inside domains, as near to kinks as asked, printing as Python, shrinking to little."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import autograd as ag
from autograd import Value, ops
from autograd.errors import GradientError, InputError, InputTypeError
from autograd.testing import check_everywhere
from autograd.testing.domains import DOMAINS, NOT_A_FUNCTION_OF_ITS_INPUT
from autograd.testing.strategies import (
    MARGIN,
    OPS,
    boxes,
    expressions,
    nets,
    points,
    programs,
    slopes_at_kink,
    values,
)

shrunk = settings(max_examples=200, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
drawn = settings(shrunk, phases=[Phase.generate])
few = settings(max_examples=25, suppress_health_check=list(HealthCheck))


def test_every_op_has_a_row():
    built_in = {name for name, op in vars(ops).items() if isinstance(op, ops.Op)}
    assert set(DOMAINS) == built_in
    assert set(OPS) == built_in - set(NOT_A_FUNCTION_OF_ITS_INPUT)


@pytest.mark.parametrize("name", OPS)
def test_points_lie_in_the_domain_and_away_from_kinks(name):
    op = getattr(ops, name)

    @settings(few, max_examples=4)
    @given(points(name))
    def holds(xs):
        assert math.isfinite(op.function(*xs))
        assert DOMAINS[name].smooth(*xs) > MARGIN

    holds()


@pytest.mark.parametrize("name", [name for name in OPS if DOMAINS[name].kinks])
def test_points_on_kinks_have_the_documented_slopes(name):
    op = getattr(ops, name)

    @settings(few, max_examples=4)
    @given(points(op, kinks="on"))
    def holds(xs):
        leaves = [Value(x) for x in xs]
        op(*leaves).backward()
        assert tuple(leaf.grad for leaf in leaves) == slopes_at_kink(op, xs)

    holds()


def test_tiny_numbers_and_ends_of_domains_are_drawn():
    assert find(points("sin"), lambda xs: 0.0 < abs(xs[0]) < 1e-8)
    assert find(points("asin", kinks="any"), lambda xs: xs[0] == 1.0)
    assert find(points("asin", kinks="any"), lambda xs: 1.0 - 1e-8 < xs[0] < 1.0)


# ── Expressions ─────────────────────────────────────────────────────────────────────────────────────────────


@few
@given(expressions(kinks="any"))
def test_an_expression_is_what_it_prints(f):
    again = eval(repr(f), {"ag": ag})
    assert "\n" not in repr(f)
    xs = [Value(x) for x in f.point]
    y, z = f(*xs), again(*[Value(x) for x in f.point])
    assert repr(y.data) == repr(z.data) == repr(f(*f.point))
    if len(f) > 1:
        assert len(ag.topological_order(y)) == len(ag.topological_order(z)) == len(f)


def test_sharing_is_drawn_and_printed():
    f = find(expressions(["mul", "tanh"]), lambda f: " := " in repr(f), settings=drawn)
    assert eval(repr(f), {"ag": ag})(*f.point) == f(*f.point)


@pytest.mark.parametrize(
    ("holds", "size"),
    [
        (lambda f: any(op.name == "tanh" for op, _ in f.steps), 1),
        (lambda f: {"tanh", "exp"} <= {op.name for op, _ in f.steps}, 2),
    ],
)
def test_expressions_shrink_to_the_smallest_graph(holds, size):
    f = find(expressions(["add", "tanh", "exp"]), holds, settings=shrunk)
    assert len(f) == size
    assert all(x == round(x, 3) for x in f.point)


@few
@given(expressions(["sub", "mul", "log", "sin"], well_conditioned=True))
def test_well_conditioned_expressions_magnify_little(f):
    node = f(*map(Value, f.point))
    for n in ag.topological_order(node):
        xs = [x.data for x in n.inputs]
        sent = n._operation.float_rule(1.0, n.data, *xs)
        assert math.fsum(abs(x * c) for x, c in zip(xs, sent, strict=True)) <= 101.0 * abs(n.data)


@few
@given(expressions(["relu", "abs", "add", "floor"]))
def test_expressions_keep_away_from_kinks(f):
    for node in ag.topological_order(f(*map(Value, f.point))):
        assert DOMAINS[node.op].smooth(*[x.data for x in node.inputs]) > MARGIN


def test_kinks_are_met_on_request():
    f = find(expressions(["relu"], max_size=1, kinks="on"), lambda f: True, settings=shrunk)
    assert (repr(f), f.point) == ("lambda x: ag.relu(x)", [0.0])


# ── Programs, nets, leaves ──────────────────────────────────────────────────────────────────────────────────


@few
@given(programs())
def test_a_program_is_python_text(program):
    space = {"ag": ag}
    exec(repr(program), space)
    a, b = program.point
    assert repr(space["program"](a, b)) == repr(program(a, b)) == repr(program(Value(a), Value(b)).data)


def test_programs_have_loops_and_branches_that_depend_on_the_data():
    assert find(programs(), lambda p: "for" in p.text and "if" in p.text, settings=drawn)


@few
@given(nets())
def test_a_net_says_how_to_make_it(net):
    from autograd.testing.strategies import Net

    again = eval(repr(net), {"Net": Net})
    assert again(*again.point) == net(*net.point) >= 0.0
    assert [len(rows) for rows in net.point] == net.sizes[1:]


def test_leaves_by_type():
    st.register_type_strategy(Value, values())  # as the entry point does
    v = find(st.from_type(Value), lambda v: v.data > 1.5)
    assert (v.data, v.inputs) == (2.0, ())
    assert find(values(0.0, 1.0), lambda v: True).data == 0.0


# ── check_everywhere ────────────────────────────────────────────────────────────────────────────────────────


def test_the_simplest_counterexample_is_told():
    late = ag.Op("late", 1, lambda a: a * a)
    ag.rule(late)(lambda g, y, a: (g * 2.0 * a if a < 5.0 else g * a,))
    with pytest.raises(GradientError, match=r"check_gradients\(late, \[5.0\]\)"):
        check_everywhere(late, [(-30, 30)])
    check_everywhere(late, [(-30, 4)])
    with pytest.raises(GradientError):
        check_everywhere(late, st.tuples(st.floats(4, 6)))


@pytest.mark.parametrize(
    ("where", "error"),
    [
        (3, InputTypeError),
        ("ab", InputTypeError),
        ([3], InputTypeError),
        ([(1, 2, 3)], InputTypeError),
        ([(2, 1)], InputError),
    ],
)
def test_misuse_is_told(where, error):
    with pytest.raises(error):
        check_everywhere(ag.sin, where)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: points("nothing"), "no built-in op 'nothing'"),
        (lambda: points(ag.Op("sin", 1, math.sin)), "no built-in op"),
        (lambda: points("exp", kinks="on"), "has no kink"),
        (lambda: points("exp", kinks="near"), '"away", "on" or "any"'),
        (lambda: expressions(["nothing"]), "no built-in op"),
    ],
)
def test_what_is_not_there_is_told(make, words):
    with pytest.raises(InputError, match=words):
        find(make(), lambda x: True)
    with pytest.raises(InputError, match="no kink"):
        slopes_at_kink("relu", (1.0,))


def test_boxes_hold_their_ends():
    assert find(boxes([(0.0, 1.0)]), lambda xs: xs[0] == 1.0) == (1.0,)
