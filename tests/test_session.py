"""The gradient debugger's session: where a pass stops, in both directions, and that nothing of it is left behind."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import Op, Value, modes, rule, trace
from autograd.debugger import Session, programs
from autograd.debugger.breakpoints import KINDS, Breakpoint, Breakpoints, same_file
from autograd.debugger.formulas import derivative
from autograd.debugger.session import SMALL, Stop
from autograd.errors import InputError, StaleGraphError
from autograd.stepping import Names, Step
from tests.test_stepping import PROGRAMS, bits, built


def example() -> tuple[Any, ...]:
    w, b = Value(0.5, "w"), Value(-1.0, "b")
    with trace():
        h = w * 2.0
        h = h + b
        loss = (h.tanh() - 1.0) ** 2
    return w, b, h, loss


def names_of_stops(session: Session, back: bool = False) -> list[str]:
    """The steps at which running on stops, to the end."""
    found = []
    while (stop := session.proceed(back=back)).reason not in ("start", "end"):
        assert stop.point is not None
        found.append(f"{session.steps.position} {session.steps.names[session.focus]} {stop.reason}")
    return found


# ── Stops ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_stops_on_a_name_an_op_a_line_and_a_module() -> None:
    _, _, h, loss = example()
    line = h.source.line
    for kind, what, expected in (
        ("name", "h", ["3 h breakpoint", "5 h#2 breakpoint"]),
        ("name", "h#2", ["5 h#2 breakpoint"]),
        ("op", "mul", ["5 h#2 breakpoint"]),
        ("op", "+", ["3 h breakpoint"]),
        ("line", f"test_session.py:{line}", ["3 h breakpoint"]),
        ("line", f"{__file__}:{line - 1}", ["5 h#2 breakpoint"]),
        ("line", f"other.py:{line}", []),
        ("any", "", ["1 v1 breakpoint", "2 v2 breakpoint", "3 h breakpoint", "5 h#2 breakpoint"]),
    ):
        session = Session(loss)
        session.points.add(kind, what)
        assert names_of_stops(session) == expected
        assert [point.hits for point in session.points] == [len(expected)]


def test_a_module_is_met_where_the_pass_comes_into_it() -> None:
    model = nn.MLP(2, [3, 1], seed=0)
    with trace():
        loss = model([1.0, 2.0]) ** 2
    session = Session(loss)
    session.points.add("mod", "MLP.layers.0")
    assert session.proceed().reason == "breakpoint"
    assert session.focus.module == "MLP.layers.0"
    assert session.steps.step_at(session.steps.position - 1).node.module == "MLP.layers.1"
    inside = session.steps.position
    while session.focus.module and not session.steps.done:
        assert session.proceed().reason in ("breakpoint", "end")
    assert session.proceed(back=True).reason == "breakpoint"
    while session.steps.position > inside:
        session.proceed(back=True)
    assert session.steps.position == inside
    session.goto(inside - 1)
    assert session.focus.module == "MLP.layers.1"
    session.leave()
    assert session.focus.module == "MLP.layers.0"


def test_leaving_a_function_where_there_is_no_module() -> None:
    def inner(x: Any) -> Any:
        y = x * 2.0
        return y.exp()

    with trace():
        loss = inner(Value(1.0) * 1.5) + 1.0
    session = Session(loss)
    session.step()
    assert session.focus.source.function == "inner"
    session.leave()
    assert session.focus.source.function != "inner"
    assert session.focus.op == "mul"


def test_conditions_see_the_next_step() -> None:
    w, _, h, loss = example()
    session = Session(loss, variables={"limit": -1.0})
    session.points.add("any", "", "contribution < limit and input is w and math.isfinite(local)")
    session.scope["math"] = math
    assert session.proceed().reason == "breakpoint"
    step = session.steps.peek()
    assert step is not None
    assert step.input is w
    assert session.scope.value("step.node is node and upstream * local == contribution and output is loss")
    assert session.scope.value("[h.data for _ in range(2)]") == [h.data] * 2


def test_a_condition_that_raises_stops_and_says_so() -> None:
    *_, loss = example()
    session = Session(loss)
    session.points.add("op", "tanh", "nothing_of_that_name > 1")
    stop = session.proceed()
    assert (stop.reason, session.focus.op) == ("breakpoint", "tanh")
    assert "NameError" in stop.trouble


def test_hits_are_counted_ignored_and_compared() -> None:
    x = Value(1.0)
    y = x
    for _ in range(6):
        y = y * 1.0
    for text, expected in (
        ("", [1, 2, 3, 4, 5]),
        ("3", [3, 4, 5]),
        (">= 4", [4, 5]),
        ("== 2", [2]),
        ("%2", [2, 4]),
        ("<2", [1]),
        ("<= 2", [1, 2]),
        ("> 4", [5]),
        ("=1", [1]),
    ):
        session = Session(y)
        session.points.add("op", "mul", hit_condition=text)
        stops = []
        while session.proceed().reason == "breakpoint":
            stops.append(session.steps.position)
        assert stops == expected, text
    session = Session(y)
    point = session.points.add("op", "mul")
    point.ignored = 2
    session.proceed()
    assert (session.steps.position, point.hits, point.ignored) == (3, 3, 0)
    point.enabled = False
    assert session.proceed().reason == "end"
    once = session.points.add("op", "mul", temporary=True)
    assert session.proceed(back=True).point is once
    assert once not in [*session.points]


def test_messages_instead_of_stops() -> None:
    *_, loss = example()
    told: list[str] = []
    session = Session(loss)
    session.tell = told.append
    session.points.add("op", "tanh", message="at {upstream:.1f}: {node.op} {1/0} {open")
    assert session.proceed().reason == "end"
    assert len(told) == 1
    assert told[0].endswith("tanh <ZeroDivisionError: division by zero> {open")


def test_watching_stops_after_a_change_and_backwards_before_it() -> None:
    w, b, _, loss = example()
    loss = loss + b * w
    session = Session(loss)
    session.points.add("watch", "b")
    changes = []
    while (stop := session.proceed()).reason == "watch":
        assert stop.change is not None
        node, before, after, step = stop.change
        assert node is b
        assert (node.grad, step.index) == (after, session.steps.position - 1)
        changes.append((before, after))
    assert len(changes) == 2
    assert changes[0][0] == 0.0
    assert changes[0][1] == changes[1][0]
    assert changes[1][1] == b.grad
    undone = []
    while (stop := session.proceed(back=True)).reason == "watch":
        assert stop.change is not None
        undone.append(stop.change[1:3])
        assert b.grad == stop.change[2]
        assert (session.steps.peek() or stop.change[3]).input is b
    assert undone == [(after, before) for before, after in reversed(changes)]


def number(kind: str, limit: str = "") -> Breakpoint:
    return Breakpoint(1, kind, limit)


def step_of(upstream: float, contribution: float | None, grad: float = 0.0) -> Step:
    x = Value(1.0)
    x.grad = grad
    y = x * 1.0
    return Step(0, y, 0, upstream, contribution, Names(y))


@pytest.mark.parametrize(
    ("kind", "upstream", "contribution", "grad", "met"),
    [
        ("nan", 1.0, math.nan, 0.0, True),
        ("nan", math.nan, math.nan, 0.0, False),
        ("nan", 1.0, math.inf, 0.0, False),
        ("nan", math.inf, math.inf, -math.inf, True),
        ("inf", 1.0, math.inf, 0.0, True),
        ("inf", -math.inf, math.inf, 0.0, False),
        ("inf", 1e300, 1.7e308, 1.7e308, True),
        ("explode", 1e5, 2e6, 0.0, True),
        ("explode", 2e6, 3e6, 0.0, False),
        ("explode", 1.0, 6e5, 6e5, True),
        ("vanish", 1.0, 1e-7, 0.0, True),
        ("vanish", 1e-7, 1e-8, 0.0, False),
        ("vanish", 1.0, 0.0, 0.0, False),
        ("vanish", 1.0, None, 0.0, False),
    ],
)
def test_numbers_are_caught_where_they_begin(
    kind: str, upstream: float, contribution: float | None, grad: float, met: bool
) -> None:
    assert number(kind).is_met_by(step_of(upstream, contribution, grad), 1.0) == met


def test_limits_are_multiples_of_where_the_pass_began() -> None:
    assert number("explode", "10").is_met_by(step_of(5.0, 11.0), 1.0)
    assert not number("explode", "10").is_met_by(step_of(5.0, 11.0), 2.0)
    assert number("vanish", "0.1").is_met_by(step_of(-5.0, 0.5), -10.0)


def test_catching_a_nan_stops_before_it_is_sent() -> None:
    x, zero = Value(0.0, "x"), Value(0.0, "zero")
    y = x.sqrt() * zero
    session = Session(y)
    session.points.add("nan")
    session.points.add("inf")
    assert session.proceed().reason == "breakpoint"
    step = session.steps.peek()
    assert step is not None
    assert (step.node.op, session.steps.position) == ("sqrt", 2)
    assert math.isnan(step.contribution or 0.0)
    assert not x.has_grad


@pytest.mark.parametrize(
    ("kind", "what", "options", "message"),
    [
        ("line", "model.py", {}, "FILE:LINE"),
        ("line", "model.py:0", {}, "FILE:LINE"),
        ("line", ":3", {}, "FILE:LINE"),
        ("explode", "-1", {}, "positive number"),
        ("vanish", "tiny", {}, "positive number"),
        ("any", "", {"condition": "1 +"}, "no expression"),
        ("any", "", {"hit_condition": "often"}, "count of hits"),
        ("any", "", {"hit_condition": "% 0"}, "count of hits"),
    ],
)
def test_a_breakpoint_that_is_not_well_formed_says_how_it_is_written(
    kind: str, what: str, options: Any, message: str
) -> None:
    points = Breakpoints()
    with pytest.raises(InputError, match=message):
        points.add(kind, what, **options)
    assert len(points) == 0


def test_numbers_of_breakpoints_are_never_given_twice() -> None:
    points = Breakpoints()
    assert [points.add("any").number for _ in range(3)] == [1, 2, 3]
    points.remove(2)
    assert points.add("nan").number == 4
    with pytest.raises(InputError, match="there are: 1, 3, 4"):
        points[2]
    points.clear()
    with pytest.raises(InputError, match="there are: none"):
        points.remove(1)
    assert len({*KINDS}) == len(KINDS)


def test_files_are_told_apart_by_as_much_as_is_given(tmp_path: Any) -> None:
    one, two = tmp_path / "a" / "model.py", tmp_path / "b" / "model.py"
    assert same_file(str(one), "model.py")
    assert same_file(str(one), "a/model.py")
    assert not same_file(str(one), "b/model.py")
    assert not same_file(str(one), str(two))
    assert not same_file("<stdin>", "model.py")
    assert same_file("<stdin>", "<stdin>")


# ── Moving ──────────────────────────────────────────────────────────────────────────────────────────────────


@given(
    program=PROGRAMS,
    moves=st.lists(st.sampled_from(["s", "n", "b", "r", "c", "C", "g"]), max_size=15),
    seed=st.integers(0, 9),
)
def test_any_motion_leads_where_the_steps_say(program: Any, moves: list[str], seed: int) -> None:
    nodes, straight = built(program, seed), built(program, seed)
    nodes[0].grad = straight[0].grad = 0.5
    before = bits(nodes)
    session = Session(nodes[-1])
    session.points.add("op", "tanh")
    session.points.add("op", "add", "upstream > 1")
    for move in moves:
        if move == "s":
            session.step(2)
        elif move == "b":
            session.step(-1)
        elif move in "nr":
            session.next(1 if move == "n" else -1)
            assert session.steps.between_nodes
        elif move == "g":
            session.goto(seed)
        else:
            session.proceed(back=move == "C")
        with ag.steps(straight[-1]) as there:
            there.goto(session.steps.position)
            if session.steps.done:
                there.run()
            assert bits(nodes) == bits(straight)
            there.goto(0)
        if session.steps.done:
            straight = built(program, seed)
            straight[0].grad = 0.5
    session.quit(undo=True)
    assert bits(nodes) == before


@given(program=PROGRAMS)
def test_stops_are_the_same_in_both_directions(program: Any) -> None:
    nodes = built(program)
    before = bits(nodes)
    session = Session(nodes[-1])
    session.points.add("op", "mul")
    session.points.add("op", "add", "index_of(step) % 2 == 0")
    session.scope["index_of"] = lambda step: step.index
    session.points.add("nan")
    there, back = [], []
    while session.proceed().reason != "end":
        there.append(session.steps.position)
    while session.proceed(back=True).reason not in ("start", "end"):
        back.append(session.steps.position)
    begins_there = [0] if 0 in back else []  # the start is not run to, so that what stands there is met backwards only
    assert begins_there + there == back[::-1]
    assert bits(nodes) == before or session.steps.done
    session.quit(undo=True)
    assert bits(nodes) == before


def test_until_a_nodes_turn_or_to_the_end() -> None:
    w, _, h, loss = example()
    session = Session(loss)
    assert session.until(h).reason == "step"
    assert session.focus is h
    assert session.until(w).reason == "end"
    assert session.goto(10**9).reason == "end"
    assert session.goto(2).reason == "goto"
    with pytest.raises(InputError, match="whole number"):
        session.goto(-1)


def test_an_interrupt_stops_at_a_step_in_both_directions() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(20_000):
        y = y * 1.0
    for kind in ("op", "name", "nan"):
        session = Session(y)
        session.points.add(kind, "x")
        session.points.add("op", "mul", "stop_at(step)", message="")
        session.tell = lambda text: None

        def stop_at(step: Any, session: Session = session) -> bool:
            session.interrupted = step.index == 7_000
            return False

        session.scope["stop_at"] = stop_at
        assert session.proceed().reason == "interrupt"
        assert session.steps.position == 7_000
        session.goto(9_000)
        assert session.proceed(back=True).reason == "interrupt"
        assert session.steps.position == 7_000
        session.quit()
        assert not x.has_grad


def test_setting_a_gradient_changes_the_way_on() -> None:
    w, _, h, loss = example()
    session = Session(loss)
    session.until(h)
    session.set_gradient(h, 10.0)
    assert session.gradient_of(h) == 10.0
    session.proceed()
    assert w.grad == 20.0
    session.restart()
    assert not w.has_grad
    session.proceed()
    assert w.grad == pytest.approx(2.0 * 2.0 * (math.tanh(0.0) - 1.0))


def test_a_failing_rule_leaves_the_pass_where_it_stood() -> None:
    x = Value(2.0, "x")
    y = x * x
    z = y + 1.0
    x.data = 3.0
    session = Session(z)
    session.points.add("op", "mul")
    with pytest.raises(StaleGraphError):
        session.proceed()
    assert session.steps.position == 1
    session.quit()
    assert not y.has_grad


# ── Looking ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_way_to_the_result_multiplies_to_the_gradient() -> None:
    _, _, h, loss = example()
    session = Session(loss)
    session.until(h)
    path = session.path()
    assert [node.op for node in path] == ["add", "tanh", "sub", "pow"]
    product = 1.0
    for inner, outer in pairwise(path):
        factor = session.factor(outer, inner)
        assert factor is not None
        product *= factor
    assert product == pytest.approx(session.gradient_of(h))
    assert session.path(2) == path[:2]
    session.frame = 2
    assert session.focus is path[2]
    assert session.scope.value("step").node is path[2]


def test_a_node_used_twice_by_one_has_the_sum_as_factor() -> None:
    x = Value(3.0, "x")
    h = x * 1.0
    session = Session(h * h)
    session.next()
    assert session.factor(session.root, h) == 6.0


def test_states_of_gradients() -> None:
    w, b, h, loss = example()
    unused = ag.where(True, loss, h * 3.0)
    session = Session(unused)
    session.goto(3)
    assert session.state_of(unused) == "sent on"
    assert session.state_of(session.focus) == "its turn"
    assert session.state_of(w) == "not reached yet"
    session.until(h)
    session.step()
    assert session.state_of(b) == "not reached yet"
    session.step()
    assert session.state_of(b) == "so far"
    session.proceed()
    assert [session.state_of(node) for node in (w, b, h, unused.inputs[2])] == ["complete"] * 3 + ["sent nothing"]


def test_names_are_found_and_lines_know_their_nodes() -> None:
    w, _, h, loss = example()
    session = Session(loss)
    assert session.find("w") is w
    assert session.find("h") is h
    assert session.find("h#2").op == "mul"
    assert session.find("v1").op == "sub"
    with pytest.raises(InputError, match="no node of this graph is called 'h#3'"):
        session.find("h#3")
    assert session.in_file(__file__)[h.source.line] == [h]
    assert [*session.files()] == [__file__]
    assert {op.name for op in session.ops()} == {"add", "mul", "tanh", "sub", "pow"}


def test_large_graphs_are_not_walked_before_they_are_asked_about() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(SMALL + 2):
        y = y * 1.0
    y.label = "y"
    session = Session(y)
    assert session.total is None
    assert "_index" not in vars(session)
    session.next()
    assert session.find("y") is y
    assert session.find("x") is x
    session.proceed()
    assert session.total == SMALL + 2
    small = Session(x * x)
    assert small.total == 2


def test_a_total_leaves_out_what_nothing_is_sent_to() -> None:
    x = Value(1.0)
    y = ag.where(False, x.exp(), x * 3.0) + ag.max([x * 2.0, x.sin()])
    session = Session(y)
    total = session.total
    session.proceed()
    assert total == session.steps.position == len(ag.stepping.reached(y)) + 1 + 1 + 1


def test_why_looks_at_the_whole_pass_and_comes_back() -> None:
    w = Value(0.5, "w")
    session = Session((w * -2.0).relu() * 3.0)
    session.step()
    assert "a dead relu" in session.why(w)
    assert session.steps.position == 1
    assert not w.has_grad


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda a, b: a * b, ["b", "a"]),
        (lambda a, b: a + b, ["1", "1"]),
        (lambda a, b: a - b, ["1", "-1"]),
        (lambda a, b: a / b, ["1 / b", "-(y / b)"]),
        (lambda a, b: a.tanh(), ["sech2(a)"]),
        (lambda a, b: a.exp(), ["y"]),
        (lambda a, b: ag.sin(a), ["cos(a)"]),
        (lambda a, b: a * -0.5, ["-0.5"]),
        (lambda a, b: ag.sum([a, b]), ["", ""]),
    ],
)
def test_formulas_are_read_from_the_rules(make: Any, expected: list[str]) -> None:
    a, b = Value(0.3, "a"), Value(0.7, "b")
    y = make(a, b)
    y.label = "y"
    values = [i for i, x in enumerate(y.inputs) if type(x) is not float]
    assert [derivative(y, i, Names(y)) for i in values] == expected


def test_a_formula_has_the_value_of_the_slope() -> None:
    a, b = Value(0.3, "a"), Value(0.7, "b")
    told = 0
    for op in (*vars(ag.ops).values(),):
        if not isinstance(op, Op) or op.arity not in (1, 2) or op.rule is None:
            continue
        with ag.ieee():
            y = op(*(a, b)[: op.arity])
        if not math.isfinite(y.data):
            continue
        y.label = "y"
        for i in range(op.arity or 0):
            formula = derivative(y, i, Names(y))
            if formula:
                space = {name: getattr(ag.ops.floats, name) for name in vars(ag.ops.floats) if name[0] != "_"}
                value = eval(formula, {**space, "y": y.data, "a": 0.3, "b": 0.7, "pi": math.pi, "e": math.e})
                assert value == pytest.approx(ag.chain.contributions(y, 1.0)[i], rel=1e-12), (op.name, formula)
                told += 1
    assert told > 30


def test_ops_of_ones_own_have_formulas_too() -> None:
    double = Op("twice for formulas", 1, lambda a: 2 * a)

    @rule(double)
    def twice(g: Any, y: Any, a: Any) -> Any:
        slope = 2.0
        return (g * slope,)

    other = Op("other for formulas", 1, lambda a: 2 * a)

    @rule(other)
    def otherwise(g: Any, y: Any, a: Any) -> Any:
        if a > 0:
            return (g * 2.0,)
        return (g * 2.0,)

    x = Value(1.0, "x")
    for y in (double(x), other(x)):
        assert derivative(y, 0, Names(y)) in ("", "2.0")


# ── Passes of a program ─────────────────────────────────────────────────────────────────────────────────────


def training(passes: Any, count: int = 4) -> list[float]:
    w = Value(1.0, "w")
    grads = []
    with modes.taken_over(passes):
        for _ in range(count):
            w.grad = None
            (w * 3.0).backward()
            grads.append(w.grad)
    return grads


def test_passes_stop_where_they_are_asked_to() -> None:
    seen: list[tuple[int, str]] = []
    answers = iter(["pass", "go"])

    def interact(session: Session, stop: Stop) -> str:
        seen.append((passes.calls, stop.reason))
        return next(answers, "go")

    points = Breakpoints()
    passes = programs.Passes(interact, points, at_call=2)
    assert training(passes) == [3.0] * 4
    assert seen == [(2, "start"), (3, "start")]
    seen.clear()
    point = points.add("op", "mul")
    passes = programs.Passes(interact, points, entry=False)
    assert training(passes) == [3.0] * 4
    assert seen == []  # the pass begins there: it stands before the start
    points.clear()
    points.add("watch", "w")
    assert training(passes, 2) == [3.0] * 2
    assert seen == [(5, "watch"), (6, "watch")]
    assert point.hits == 0


def test_quitting_leaves_the_program_and_undoes_the_pass() -> None:
    passes = programs.Passes(lambda session, stop: (session.step(), "quit")[1], Breakpoints())
    w = Value(1.0, "w")
    w.grad = 0.25
    with modes.taken_over(passes), pytest.raises(programs.Quit):
        (w * 3.0 * 2.0).backward()
    assert w.grad == 0.25


def test_a_debugged_pass_inside_anomaly_detection_shows_instead_of_raising() -> None:
    stops: list[str] = []
    passes = programs.Passes(lambda session, stop: stops.append(stop.reason) or "go", Breakpoints())
    x = Value(0.0)
    with modes.taken_over(passes), ag.detect_anomaly():
        (x.sqrt() * 1.0).backward()
    assert stops == ["start"]
    assert x.grad == math.inf
