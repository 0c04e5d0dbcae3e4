"""`Value` as a number, as a Python object and as a node."""

from __future__ import annotations

import cmath
import copy
import gc
import itertools
import math
import operator
import pickle
import threading
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Value, ieee, no_grad
from autograd.errors import (
    AutogradError,
    CopyError,
    DomainError,
    InputTypeError,
    InteriorError,
    PoleError,
    RangeError,
    RuleError,
    StaleGraphError,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
moderate = st.floats(min_value=-1e3, max_value=1e3)
any_float = st.floats()
small_int = st.integers(min_value=-(10**6), max_value=10**6)


def same(a: float, b: float) -> bool:
    """Equal to the bit, nans equal, 0.0 and -0.0 different."""
    return (a != a and b != b) or (a == b and math.copysign(1.0, a) == math.copysign(1.0, b))


def outcome(f: Callable[..., Any], *args: Any) -> Any:
    """What f returns, or the type of what it raises."""
    try:
        return f(*args)
    except (ArithmeticError, ValueError) as error:
        return type(error)


# ── Conversions ─────────────────────────────────────────────────────────────────────────────────────────────

ACCEPTED = [
    (True, 1.0),
    (False, 0.0),
    (7, 7.0),
    (-(2**60), -(2.0**60)),
    (2.5, 2.5),
    (Fraction(1, 3), 1 / 3),
    (Decimal("0.1"), 0.1),
    (np.float64(0.1), 0.1),
    (np.float32(0.5), 0.5),
    (np.float16(0.25), 0.25),
    (np.int64(-3), -3.0),
    (np.uint8(200), 200.0),
    (np.bool_(True), 1.0),
]


@pytest.mark.parametrize(("given_data", "data"), ACCEPTED, ids=lambda x: f"{type(x).__name__}-{x}")
def test_data_is_a_python_float(given_data: Any, data: float) -> None:
    leaf = Value(given_data)
    assert type(leaf.data) is float
    assert leaf.data == data
    leaf.data = 0.0
    leaf.data = given_data
    assert type(leaf.data) is float
    assert leaf.data == data
    leaf.grad = given_data
    assert type(leaf.grad) is float
    assert leaf.grad == data


REFUSED = [
    ("3", "float('3')"),
    (None, "None"),
    (1j, "real"),
    (np.complex128(1j), "real"),
    ([1.0], "one by one"),
    ((1.0,), "one by one"),
    (np.array([1.0, 2.0]), "one by one"),
    (np.array(1.0), "one by one"),
    (object(), "float"),
    (b"3", "one by one"),
]


@pytest.mark.parametrize(("data", "remedy"), REFUSED, ids=lambda x: type(x).__name__)
def test_what_is_no_real_number_is_refused_with_a_remedy(data: Any, remedy: str) -> None:
    with pytest.raises(TypeError, match="real number") as caught:
        Value(data)
    assert isinstance(caught.value, AutogradError)
    assert remedy in str(caught.value)
    assert type(data).__name__ in str(caught.value)
    leaf = Value(1.0)
    with pytest.raises(InputTypeError, match="real number"):
        leaf.data = data
    assert leaf.data == 1.0
    if data is not None:
        with pytest.raises(InputTypeError, match="real number"):
            leaf.grad = data
    assert leaf.grad == 0.0


def test_a_value_of_a_value_is_refused() -> None:
    v = Value(1.0)
    with pytest.raises(InputTypeError, match=r"v\.data.*v\.detach\(\)"):
        Value(v)  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match=r"v\.data"):
        v.data = Value(2.0)
    with pytest.raises(InputTypeError, match=r"v\.data"):
        v.grad = Value(2.0)
    with pytest.raises(InputTypeError, match=r"v\.data"):
        v.backward(Value(2.0))


def test_an_integer_too_large_for_a_float_raises_as_float_does() -> None:
    with pytest.raises(OverflowError, match="too large"):
        float(10**400)
    for use in (Value, Value(1.0).__add__, lambda n: n * Value(1.0)):
        with pytest.raises(RangeError, match="too large for a float"):
            use(10**400)


@given(st.integers())
def test_integers_convert_as_float_converts_them(n: int) -> None:
    assume(abs(n) < 10**300)
    assert Value(n).data == float(n)


def test_the_constructor_takes_data_and_a_label() -> None:
    assert Value(1.0, label="w").label == Value(1.0, "w").label == "w"
    assert Value(data=2).data == 2.0
    with pytest.raises(TypeError):
        Value()  # type: ignore[call-arg]


# ── Arithmetic is float's own ───────────────────────────────────────────────────────────────────────────────

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
]


@pytest.mark.parametrize("op", BINARY, ids=lambda f: f.__name__)
@given(a=any_float, b=any_float)
def test_operators_give_what_float_gives_and_raise_what_float_raises(op: Any, a: float, b: float) -> None:
    truth = outcome(op, a, b)
    for left, right in ((Value(a), Value(b)), (Value(a), b), (a, Value(b))):
        got = outcome(op, left, right)
        if isinstance(truth, type):
            assert isinstance(got, type)
            assert issubclass(got, truth)
            assert issubclass(got, AutogradError)
        else:
            assert type(got) is Value
            assert same(got.data, truth)


@given(a=any_float, b=any_float)
def test_power_is_that_of_math_pow(a: float, b: float) -> None:
    truth = outcome(math.pow, a, b)
    for left, right in ((Value(a), Value(b)), (Value(a), b), (a, Value(b))):
        got = outcome(operator.pow, left, right)
        if truth is ValueError:  # math.pow(0, -1) is a ValueError, 0.0 ** -1 a ZeroDivisionError
            assert got is (PoleError if a == 0.0 else DomainError)
        elif truth is OverflowError:
            assert got is RangeError
        else:
            assert same(got.data, truth)


@given(a=moderate, b=moderate)
def test_divmod_is_the_pair_of_floor_division_and_remainder(a: float, b: float) -> None:
    assume(b != 0.0)
    truth = divmod(a, b)
    for left, right in ((Value(a), Value(b)), (Value(a), b), (a, Value(b))):
        quotient, remainder = divmod(left, right)
        assert (type(quotient), type(remainder)) == (Value, Value)
        assert same(quotient.data, truth[0])
        assert same(remainder.data, truth[1])


@pytest.mark.parametrize("use", [divmod, operator.floordiv, operator.mod, operator.truediv], ids=lambda f: f.__name__)
def test_a_division_by_zero_names_op_and_inputs(use: Any) -> None:
    for a, b in ((Value(1.5, "num"), Value(0.0, "den")), (Value(1.5, "num"), 0)):
        with pytest.raises(ZeroDivisionError, match=r"a = 1\.5 \(label 'num'\), b = 0\.0") as caught:
            use(a, b)
        assert isinstance(caught.value, PoleError)
        assert "divi" in str(caught.value)


STEPS: list[tuple[str, Callable[[Any], Any]]] = [
    ("floor", math.floor),
    ("ceil", math.ceil),
    ("trunc", math.trunc),
    ("round", round),
]


@pytest.mark.parametrize(("name", "step"), STEPS, ids=[name for name, _ in STEPS])
@given(a=finite)
def test_steps_give_values_whose_gradient_is_zero(name: str, step: Any, a: float) -> None:
    x = Value(a)
    y = step(x)
    assert type(y) is Value
    assert y.op == name
    assert y.data == float(step(a))
    y.backward()
    assert x.grad == 0.0
    assert "grad" in repr(x)  # it was sent a 0, which isn't nothing


@given(a=finite, digits=st.integers(min_value=-5, max_value=20))
def test_round_to_digits_is_floats(a: float, digits: int) -> None:
    truth = outcome(round, a, digits)
    got = outcome(round, Value(a), digits)
    if isinstance(truth, type):
        assert issubclass(got, truth)
    else:
        assert type(got) is Value
        assert same(got.data, truth)


def test_round_refuses_digits_that_are_no_int() -> None:
    assert type(round(Value(2.5), None)) is Value
    for digits in (1.0, "1", Value(1.0)):
        with pytest.raises(InputTypeError, match="digits"):
            round(Value(2.5), digits)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("use", "slope"),
    [(operator.pos, 1.0), (operator.neg, -1.0), (abs, -1.0)],
    ids=["pos", "neg", "abs"],
)
def test_unary_operators_are_nodes(use: Any, slope: float) -> None:
    x = Value(-2.5)
    y = use(x)
    assert y is not x
    assert y.inputs == (x,)
    assert y.data == use(-2.5)
    y.backward()
    assert x.grad == slope


def test_pow_with_a_modulus_is_refused() -> None:
    with pytest.raises(InputTypeError, match=r"pow\(v, b\) % 5"):
        pow(Value(2.0), 2, 5)
    with pytest.raises(TypeError):
        pow(2, Value(2.0), 5)  # type: ignore[misc]
    with pytest.raises(TypeError):
        pow(2, 3, Value(5.0))  # type: ignore[misc]
    assert pow(Value(2.0), 3).data == 8.0


def test_a_negative_base_with_a_fractional_exponent_names_cbrt() -> None:
    assert isinstance((-8.0) ** (1 / 3), complex)  # what Python would do
    for power in (lambda: Value(-8.0) ** (1 / 3), lambda: (-8.0) ** Value(1 / 3), lambda: Value(-8.0) ** Value(1 / 3)):
        with pytest.raises(ValueError, match="cbrt") as caught:
            power()
        assert isinstance(caught.value, DomainError)


# ── What would lose the gradient ────────────────────────────────────────────────────────────────────────────

LOSING: list[tuple[str, Callable[[Value], Any]]] = [
    ("float", float),
    ("int", int),
    ("complex", complex),
    ("math.sin", math.sin),
    ("math.exp", math.exp),
    ("math.sqrt", math.sqrt),
    ("math.fsum", lambda v: math.fsum([v])),
    ("math.atan2", lambda v: math.atan2(v, 1.0)),
    ("math.hypot", lambda v: math.hypot(3.0, v)),
    ("math.isnan", math.isnan),
    ("cmath.sin", cmath.sin),
    ("np.float64", np.float64),
    ("np.array of floats", lambda v: np.array([v], dtype=float)),
    ("%f", lambda v: "%f" % v),  # noqa: UP031 - the very thing that is tested
]


@pytest.mark.parametrize(("name", "use"), LOSING, ids=[name for name, _ in LOSING])
def test_what_would_drop_the_gradient_in_silence_raises(name: str, use: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        use(Value(1.0, "w"))
    cause: BaseException | None = caught.value
    while cause is not None and not isinstance(cause, InputTypeError):
        cause = cause.__cause__ or cause.__context__
    assert cause is not None, "the engine's own message is what the reader sees"
    assert "v.data" in str(cause)
    assert "autograd.sin(v)" in str(cause)
    assert "label='w'" in str(cause)


@pytest.mark.parametrize("use", [range, lambda v: [1, 2, 3][v], lambda v: "ab" * v, hex], ids=range(4))
def test_a_value_is_no_index(use: Any) -> None:
    with pytest.raises(TypeError):
        use(Value(1.0))


def test_format_and_item_read_the_number() -> None:
    v = Value(math.pi)
    assert format(v, ".3f") == f"{v:.3f}" == "3.142"
    assert f"{v:>10.2e}" == f"{math.pi:>10.2e}"
    assert f"{v}" == str(v) == repr(v)
    assert v.item() == math.pi
    assert type(v.item()) is float


# ── Comparison, hash, truth ─────────────────────────────────────────────────────────────────────────────────

COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
comparable = st.one_of(any_float, st.integers(), st.booleans(), st.fractions())


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda f: f.__name__)
@given(a=any_float, b=comparable)
def test_comparisons_are_those_of_numbers(compare: Any, a: float, b: Any) -> None:
    truth = compare(a, b)
    assert compare(Value(a), b) is truth
    mirrored = compare(b, a)
    assert compare(b, Value(a)) is mirrored
    if type(b) is float:
        assert compare(Value(a), Value(b)) is truth


@pytest.mark.parametrize("other", [np.float64(2.0), np.int64(2), Decimal(2)], ids=lambda x: type(x).__name__)
def test_comparisons_with_other_number_types_are_python_bools(other: Any) -> None:
    v = Value(2.0)
    for got, truth in [
        (v == other, True),
        (other == v, True),
        (v < other, False),
        (other >= v, True),
        (v != other, False),
    ]:
        assert type(got) is bool
        assert got is truth


def test_what_is_no_number_is_unequal_and_has_no_order() -> None:
    v = Value(1.0)
    for other in ("1", None, [1.0], object()):
        assert (v == other) is False
        assert (v != other) is True
        with pytest.raises(TypeError, match=r"not supported|must be a real number"):
            v < other  # noqa: B015
    assert (v == 1j) is False


def test_equal_values_are_different_keys() -> None:
    a, b = Value(1.0), Value(1.0)
    assert a == b
    assert len({a, b}) == 2
    assert {a: "a", b: "b"}[b] == "b"
    before = hash(a)
    a.data = 5.0
    assert hash(a) == before


@given(any_float)
def test_truth_is_being_other_than_zero(a: float) -> None:
    assert bool(Value(a)) is (a != 0)


# ── A plain object ──────────────────────────────────────────────────────────────────────────────────────────

ABSENT = [
    "__len__",
    "__iter__",
    "__getitem__",
    "__dict__",
    "__iadd__",
    "__imul__",
    "__isub__",
    "__itruediv__",
    "__ipow__",
    "__contains__",
    "requires_grad",
    "__array_ufunc__",
    "__array__",
]


@pytest.mark.parametrize("name", ABSENT)
def test_what_a_value_has_not(name: str) -> None:
    assert not hasattr(Value(1.0) * 2.0, name)


def test_a_value_is_no_sequence_and_takes_no_attributes() -> None:
    v = Value(1.0)
    with pytest.raises(TypeError):
        len(v)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        iter(v)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        v[0]  # type: ignore[index]
    with pytest.raises(AttributeError):
        v.colour = "red"  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        v.inputs = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        v.op = "add"  # type: ignore[misc]


def test_value_is_final() -> None:
    with pytest.raises(TypeError, match="final"):
        type("Parameter", (Value,), {})


def test_in_place_addition_rebinds() -> None:
    a = Value(1.0)
    before = a
    a += 1
    assert a is not before
    assert before.data == 1.0
    assert a.inputs == (before, 1.0)


@pytest.mark.parametrize("label", [1, None, b"w", ["w"]], ids=repr)
def test_a_label_is_a_str(label: Any) -> None:
    v = Value(1.0, "before")
    with pytest.raises(TypeError, match="label"):
        v.label = label
    assert v.label == "before"
    with pytest.raises(TypeError):
        Value(1.0, label)


def test_a_label_is_empty_by_default_and_settable_on_any_node() -> None:
    a = Value(1.0)
    b = a * 2.0
    assert (a.label, b.label) == ("", "")
    a.label, b.label = "a", "b"
    assert (a.label, b.label) == ("a", "b")
    b.label = ""
    assert (a.label, b.label) == ("a", "")
    assert (a + 1.0).label == ""  # another node is not touched by what these have


REPRS: list[tuple[Callable[[], Value], str]] = [
    (lambda: Value(2), "Value(data=2.0)"),
    (lambda: Value(2.0, "w"), "Value(data=2.0, label='w')"),
    (lambda: Value(2.0) + 1, "Value(data=3.0, op='add')"),
    (lambda: Value(2.0).detach(), "Value(data=2.0, detached)"),
    (lambda: Value(math.nan), "Value(data=nan)"),
    (lambda: Value(-0.0), "Value(data=-0.0)"),
]


@pytest.mark.parametrize(("make", "text"), REPRS, ids=[text for _, text in REPRS])
def test_repr(make: Callable[[], Value], text: str) -> None:
    assert repr(make()) == text


def test_repr_tells_a_gradient_of_zero_from_none() -> None:
    x = Value(2.0, "x")
    assert "grad" not in repr(x)
    (x * 0.0).backward()
    assert repr(x) == "Value(data=2.0, grad=0.0, label='x')"
    x.grad = None  # type: ignore[assignment]
    assert repr(x) == "Value(data=2.0, label='x')"
    x.grad = 0
    assert repr(x) == "Value(data=2.0, grad=0.0, label='x')"


# ── numpy ───────────────────────────────────────────────────────────────────────────────────────────────────

ARRAY = [1.0, 2.0, 4.0]


@pytest.mark.parametrize("op", [*BINARY, operator.pow], ids=lambda f: f.__name__)
def test_arrays_broadcast_on_either_side(op: Any) -> None:
    for numbers in (np.array(ARRAY), np.array([1, 2, 4]), np.array(ARRAY, dtype=object)):
        right, left = op(Value(3.0), numbers), op(numbers, Value(3.0))
        for got, truth in (
            (right, [op(3.0, x) for x in ARRAY]),
            (left, [op(x, 3.0) for x in ARRAY]),
        ):
            assert isinstance(got, np.ndarray)
            assert got.dtype == object
            assert [type(x) for x in got] == [Value] * 3
            assert [x.data for x in got] == truth
    both = op(np.array([Value(x) for x in ARRAY]), np.array([Value(3.0)]))
    assert [x.data for x in both] == [op(x, 3.0) for x in ARRAY]


@pytest.mark.parametrize("op", [*BINARY, operator.pow], ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_numpy_scalars_on_either_side(op: Any, kind: Any) -> None:
    x = Value(3.0)
    for got, truth in ((op(kind(2), x), op(2.0, 3.0)), (op(x, kind(2)), op(3.0, 2.0))):
        assert type(got) is Value
        assert got.data == truth
        assert all(type(i) in (Value, float) for i in got.inputs)


def test_numpy_sums_products_and_matrices_differentiate() -> None:
    a = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    b = np.array([[Value(5.0), Value(6.0)], [Value(7.0), Value(8.0)]])
    product = a @ b
    assert [v.data for v in product.ravel()] == [19.0, 22.0, 43.0, 50.0]
    product.sum().backward()
    assert [v.grad for v in a.ravel()] == [11.0, 15.0, 11.0, 15.0]
    assert [v.grad for v in b.ravel()] == [4.0, 4.0, 6.0, 6.0]
    assert np.dot(a[0], b[0]).data == 17.0
    assert a.mean().data == 2.5
    assert a.prod().data == 24.0
    assert np.array(ARRAY) @ np.array([Value(1.0)] * 3) == 7.0
    assert (np.float64(2.0) * Value(3.0)).data == 6.0


UFUNCS = [  # numpy's name, a point inside the domain
    ("exp", 0.3),
    ("exp2", 0.3),
    ("expm1", 0.3),
    ("log", 0.3),
    ("log1p", 0.3),
    ("log2", 0.3),
    ("log10", 0.3),
    ("sqrt", 0.3),
    ("cbrt", 0.3),
    ("sin", 0.3),
    ("cos", 0.3),
    ("tan", 0.3),
    ("arcsin", 0.3),
    ("arccos", 0.3),
    ("arctan", 0.3),
    ("sinh", 0.3),
    ("cosh", 0.3),
    ("tanh", 0.3),
    ("arcsinh", 0.3),
    ("arccosh", 1.3),
    ("arctanh", 0.3),
    ("floor", 1.7),
    ("ceil", 1.2),
    ("trunc", -1.7),
    ("rint", 2.5),
    ("fabs", -1.5),
    ("absolute", -1.5),
    ("negative", 1.5),
    ("positive", 1.5),
    ("degrees", 1.5),
    ("radians", 1.5),
    ("deg2rad", 1.5),
    ("rad2deg", 1.5),
    ("square", 1.5),
    ("reciprocal", 1.5),
]


@pytest.mark.parametrize(("name", "at"), UFUNCS, ids=[name for name, _ in UFUNCS])
def test_numpy_unary_functions_on_object_arrays(name: str, at: float) -> None:
    function = getattr(np, name)
    x = Value(at)
    (y,) = function(np.array([x]))
    assert type(y) is Value
    assert y.data == pytest.approx(float(function(np.float64(at))), rel=1e-15)
    y.backward()
    if name not in ("floor", "ceil", "trunc", "rint"):
        h = 1e-5
        slope = (float(function(at + h)) - float(function(at - h))) / (2 * h)
        assert x.grad == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize(
    "name",
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "power",
        "floor_divide",
        "remainder",
        "fmod",
        "arctan2",
        "hypot",
    ],
)
def test_numpy_binary_functions_on_object_arrays(name: str) -> None:
    function = getattr(np, name)
    a, b = Value(2.5), Value(1.5)
    (y,) = function(np.array([a]), np.array([b]))
    assert type(y) is Value
    assert y.data == pytest.approx(float(function(2.5, 1.5)), rel=1e-15)


def test_numpy_maximum_compares_and_returns_an_element() -> None:
    a, b = Value(1.0), Value(2.0)
    assert np.maximum(np.array([a]), np.array([b]))[0] is b
    assert np.array([a, b]).max() is b


# ── Functions on floats return floats, on Values Values ─────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["exp", "sin", "tanh", "relu", "sigmoid", "softplus", "erf", "gamma", "floor", "abs"])
def test_functions_keep_the_kind(name: str) -> None:
    function = getattr(autograd, name)
    for number in (1.5, 2, True, Fraction(1, 2), np.float64(0.5)):
        assert type(function(number)) is float
    assert type(function(Value(1.5))) is Value
    assert function(Value(1.5)).data == function(1.5)
    if hasattr(Value, name):
        assert getattr(Value(1.5), name)().data == function(1.5)


# ── Copying and pickling ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_leaves_pickle(protocol: int) -> None:
    parameter = autograd.engine.parameter(2.0, "p")
    for leaf in (Value(1.5, "w"), Value(-0.0), Value(math.inf), parameter, Value(3.0).detach()):
        leaf.grad = 0.25
        twin = pickle.loads(pickle.dumps(leaf, protocol))
        assert twin is not leaf
        assert repr(twin) == repr(leaf)
        assert same(twin.data, leaf.data)
        assert twin.is_parameter is leaf.is_parameter
        (twin * 2.0).backward()
        assert twin.grad == 2.25
    bare = pickle.loads(pickle.dumps(Value(1.0), protocol))
    assert "grad" not in repr(bare)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_interior_nodes_refuse_to_pickle_and_name_state_dict(protocol: int) -> None:
    v = Value(1.0) * 2.0
    for thing in (v, [v], {"loss": v}):
        with pytest.raises(TypeError, match=r"state_dict\(\)") as caught:
            pickle.dumps(thing, protocol)
        assert isinstance(caught.value, CopyError)
    assert pickle.loads(pickle.dumps(v.detach(), protocol)).data == 2.0


def test_shared_leaves_stay_shared_through_pickle() -> None:
    x = Value(1.0)
    a, b = pickle.loads(pickle.dumps([x, x]))
    assert a is b


def test_copy_is_another_node_with_the_same_inputs() -> None:
    x = Value(3.0, "x")
    y = x * x
    y.label = "y"
    y.backward()
    twin = copy.copy(y)
    assert twin is not y
    assert twin.inputs[0] is x
    assert repr(twin) == repr(y)
    x.grad = None  # type: ignore[assignment]
    twin.backward()
    assert x.grad == 6.0
    leaf = copy.copy(x)
    leaf.data = 10.0
    assert (x.data, leaf.data, leaf.label) == (3.0, 10.0, "x")


def test_a_copied_node_has_no_hooks_of_the_original() -> None:
    x = Value(3.0)
    calls: list[float] = []
    handle = x.register_hook(calls.append)
    twin = copy.deepcopy(x)
    (twin * 2.0).backward()
    assert calls == []
    handle.remove()


def test_deepcopy_keeps_sharing_gradients_and_facts() -> None:
    x, c = Value(3.0, "x"), 2.0
    y = x * x
    z = y + y * c
    z.label = "z"
    z.backward()
    twin_z, twin_y, twin_x = copy.deepcopy((z, y, x))
    assert [repr(v) for v in (twin_z, twin_y, twin_x)] == [repr(v) for v in (z, y, x)]
    assert twin_z.inputs[0] is twin_y
    assert twin_z.inputs[1].inputs[0] is twin_y
    assert twin_y.inputs[0] is twin_y.inputs[1] is twin_x
    assert twin_x is not x
    twin_x.grad = None  # type: ignore[assignment]
    twin_z.backward()
    assert (twin_x.grad, x.grad) == (18.0, 18.0)
    x.grad = None  # type: ignore[assignment]
    assert twin_x.grad == 18.0


def test_deepcopy_keeps_a_many_input_node_and_its_constants() -> None:
    xs = [Value(1.0), 5.0, Value(2.0)]
    twin = copy.deepcopy(autograd.sum(xs))
    assert [type(x) for x in twin.inputs] == [Value, float, Value]
    twin.backward()
    assert [x.grad for x in twin.inputs if type(x) is Value] == [1.0, 1.0]
    assert [x.grad for x in xs if type(x) is Value] == [0.0, 0.0]


def test_deepcopy_keeps_staleness_and_freshness() -> None:
    x = Value(3.0)
    stale = x * x
    x.data = 4.0
    fresh = x * x
    twin_stale, twin_fresh = copy.deepcopy((stale, fresh))
    with pytest.raises(StaleGraphError):
        twin_stale.backward()
    assert twin_stale.inputs[0] is twin_fresh.inputs[0]
    twin_fresh.backward()
    assert twin_fresh.inputs[0].grad == 8.0
    with pytest.raises(StaleGraphError):
        copy.deepcopy((fresh, stale))[1].backward()


def test_a_deep_copied_graph_is_younger_and_in_the_same_order() -> None:
    x = Value(0.5)
    y = (x * 2.0).exp() + x.sin() * x
    twin = copy.deepcopy(y)
    order, twins = autograd.topological_order(y), autograd.topological_order(twin)
    assert [n.op for n in order] == [n.op for n in twins]
    assert not set(order) & set(twins)
    mixed = autograd.topological_order(twin + y)
    assert mixed[1:] == twins + order


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from("+*r")), min_size=1, max_size=20))
def test_deepcopy_of_random_graphs_is_the_same_function(steps: list[tuple[int, int, str]]) -> None:
    nodes = [Value(0.5, "a"), Value(-1.25, "b")]
    for i, j, op in steps:
        a, b = nodes[i % len(nodes)], nodes[j % len(nodes)]
        nodes.append(a + b if op == "+" else (a * b).tanh() if op == "*" else a.relu())
    twins = copy.deepcopy(nodes)
    position = {id(n): k for k, n in enumerate(nodes)}
    for node, twin in zip(nodes, twins, strict=True):
        assert node.data == twin.data
        for x, y in zip(node.inputs, twin.inputs, strict=True):
            if id(x) in position:
                assert y is twins[position[id(x)]]
    nodes[-1].backward()
    twins[-1].backward()
    assert [n.grad for n in nodes] == [n.grad for n in twins]


# ── Inputs, op, constants ───────────────────────────────────────────────────────────────────────────────────

x_, y_ = Value(2.0), Value(3.0)
INPUTS: list[tuple[str, Callable[[], Value], str, tuple[Any, ...]]] = [
    ("x + y", lambda: x_ + y_, "add", (x_, y_)),
    ("x + 1", lambda: x_ + 1, "add", (x_, 1.0)),
    ("1 + x", lambda: 1 + x_, "add", (1.0, x_)),
    ("0 + x", lambda: 0 + x_, "add", (0.0, x_)),
    ("x * 1", lambda: x_ * 1, "mul", (x_, 1.0)),
    ("True * x", lambda: True * x_, "mul", (1.0, x_)),
    ("x - x", lambda: x_ - x_, "sub", (x_, x_)),
    ("1 / x", lambda: 1 / x_, "div", (1.0, x_)),
    ("x ** 2", lambda: x_**2, "pow", (x_, 2.0)),
    ("2 ** x", lambda: 2**x_, "pow", (2.0, x_)),
    ("pow(x, 2)", lambda: autograd.pow(x_, 2), "pow", (x_, 2.0)),
    ("x // 1", lambda: x_ // 1, "floordiv", (x_, 1.0)),
    ("7 % x", lambda: 7 % x_, "mod", (7.0, x_)),
    ("-x", lambda: -x_, "neg", (x_,)),
    ("exp", lambda: x_.exp(), "exp", (x_,)),
    ("sum", lambda: autograd.sum([x_, 1, y_]), "sum", (x_, 1.0, y_)),
    ("sum of one", lambda: autograd.sum([x_]), "sum", (x_,)),
    ("sum of two", lambda: autograd.sum([x_, y_]), "sum", (x_, y_)),
    ("dot", lambda: autograd.dot([x_, 1], [2, y_]), "dot", (x_, 1.0, 2.0, y_)),
    ("round", lambda: round(x_, 1), "round_to", (x_, 1.0)),
    ("Fraction", lambda: x_ * Fraction(1, 4), "mul", (x_, 0.25)),
]


@pytest.mark.parametrize(("make", "op", "inputs"), [row[1:] for row in INPUTS], ids=[row[0] for row in INPUTS])
def test_inputs_are_values_and_floats_in_order(make: Callable[[], Value], op: str, inputs: tuple[Any, ...]) -> None:
    node = make()
    assert node.op == op
    assert type(node.inputs) is tuple
    assert len(node.inputs) == len(inputs)
    for got, wanted in zip(node.inputs, inputs, strict=True):
        assert type(got) is type(wanted)
        assert got is wanted or (type(got) is float and got == wanted)


def test_a_leaf_has_no_inputs_and_no_op() -> None:
    assert (Value(1.0).inputs, Value(1.0).op) == ((), "")


# ── Gradients ───────────────────────────────────────────────────────────────────────────────────────────────


def test_grad_is_always_a_float() -> None:
    x = Value(2)
    y = x * x
    assert (x.grad, y.grad) == (0.0, 0.0)
    assert type(x.grad) is type(y.grad) is float
    y.backward(1)
    assert (type(x.grad), type(y.grad)) == (float, float)


def test_grad_may_be_assigned_and_cleared() -> None:
    p = Value(3.0)
    (p * p).backward()
    p.grad = 0
    assert p.grad == 0.0
    (p * p).backward()
    assert p.grad == 6.0
    p.grad = None  # type: ignore[assignment]
    assert p.grad == 0.0
    p.grad = 10
    (p * p).backward()
    assert p.grad == 16.0
    interior = p * p
    interior.grad = 5
    interior.backward()
    assert interior.grad == 1.0
    p.grad += 1.0
    assert p.grad == 23.0


def test_a_first_contribution_of_minus_zero_keeps_its_sign() -> None:
    x = Value(3.0)
    (x * -0.0).backward()
    assert same(x.grad, -0.0)


@given(moderate, moderate)
def test_backward_starts_with_the_given_gradient(a: float, g: float) -> None:
    x = Value(a)
    y = x * 3.0
    y.backward(g)
    assert (y.grad, x.grad) == (g, g * 3.0)


def test_backward_twice_doubles_the_leaves_and_nothing_else() -> None:
    x = Value(3.0)
    y = x * x
    z = y * x
    for times in (1, 2, 3):
        z.backward()
        assert (x.grad, y.grad, z.grad) == (27.0 * times, 3.0, 1.0)


def test_backward_of_a_leaf_adds_the_gradient_to_it() -> None:
    x = Value(3.0)
    x.backward()
    x.backward(2.0)
    assert x.grad == 3.0


@pytest.mark.parametrize("gradient", ["1", None, 1j, [1.0]], ids=repr)
def test_backward_refuses_a_gradient_that_is_no_number(gradient: Any) -> None:
    x = Value(1.0)
    with pytest.raises(InputTypeError, match="gradient"):
        (x * x).backward(gradient)
    assert x.grad == 0.0


# ── Data assignment and stale graphs ────────────────────────────────────────────────────────────────────────


def test_data_of_an_interior_node_is_refused() -> None:
    y = Value(2.0, "x") * 3.0
    with pytest.raises(AttributeError, match="interior") as caught:
        y.data = 1.0
    assert isinstance(caught.value, InteriorError)
    assert "detach" in str(caught.value)
    assert y.data == 6.0
    leaf = y.detach()
    leaf.data = 1.0
    assert (leaf.data, y.data) == (1.0, 6.0)


READS: list[tuple[str, Callable[[Value, Value], Value], str]] = [
    # a node, then which of x and y its rule reads: changing those makes the gradient wrong
    ("add", lambda x, y: x + y, ""),
    ("sub", lambda x, y: x - y, ""),
    ("neg", lambda x, y: -x, ""),
    ("exp", lambda x, y: x.exp(), ""),
    ("mul", lambda x, y: x * y, "xy"),
    ("square", lambda x, y: x * x, "x"),
    ("div", lambda x, y: x / y, "y"),
    ("pow", lambda x, y: x**2, "x"),
    ("log", lambda x, y: x.log(), "x"),
    ("sin", lambda x, y: x.sin(), "x"),
    ("tanh", lambda x, y: x.tanh(), "x"),
    ("relu", lambda x, y: x.relu(), "x"),
    ("sqrt", lambda x, y: x.sqrt(), ""),
    ("maximum", lambda x, y: autograd.maximum(x, y), "xy"),
    ("where", lambda x, y: autograd.where(x, y, 1.0), "x"),
    ("dot", lambda x, y: autograd.dot([x, y], [x, 1.0]), "xy"),
    ("clamp", lambda x, y: autograd.clamp(x, y, 10.0), "xy"),
]


@pytest.mark.parametrize(("make", "read"), [row[1:] for row in READS], ids=[row[0] for row in READS])
def test_a_rule_that_reads_a_changed_input_raises_and_another_runs(make: Any, read: str) -> None:
    for name in "xy":
        leaves = {"x": Value(1.5, "x"), "y": Value(0.5, "y")}
        root = make(leaves["x"], leaves["y"])
        if not any(leaves[name] is x for x in root.inputs):
            continue
        reference = {k: Value(v.data) for k, v in leaves.items()}
        make(reference["x"], reference["y"]).backward()
        leaves[name].data = 7.0
        if name in read:
            with pytest.raises(RuntimeError, match=rf"7\.0 \(label '{name}'\)") as caught:
                root.backward()
            assert isinstance(caught.value, StaleGraphError)
            assert (leaves["x"].grad, leaves["y"].grad) == (0.0, 0.0)
            with pytest.raises(StaleGraphError):
                autograd.gradients(root, leaves[name])
        else:
            root.backward()
            assert {k: v.grad for k, v in leaves.items()} == {k: v.grad for k, v in reference.items()}
        assert make(*leaves.values()).backward() is None  # computed again, all is well


def test_assigning_the_same_number_is_an_assignment() -> None:
    x = Value(2.0)
    y = x * x
    x.data = 2.0
    with pytest.raises(StaleGraphError):
        y.backward()


def test_a_refused_assignment_makes_nothing_stale() -> None:
    x = Value(2.0)
    y = x * x
    with pytest.raises(InputTypeError):
        x.data = "3"
    y.backward()
    assert x.grad == 4.0


def test_only_nodes_above_the_changed_leaf_are_stale() -> None:
    x, other = Value(2.0), Value(5.0)
    y, z = x * x, other * other
    other.data = 6.0
    y.backward()
    assert x.grad == 4.0
    with pytest.raises(StaleGraphError):
        z.backward()


def test_assignment_after_backward_is_the_training_loop() -> None:
    w = Value(1.0)
    for _ in range(5):
        loss = (w - 3.0) ** 2
        w.grad = 0.0
        loss.backward()
        w.data -= 0.5 * w.grad
    assert w.data == 3.0


# ── detach and no_grad ──────────────────────────────────────────────────────────────────────────────────────


def test_detach_gives_a_leaf_that_says_so_and_holds_nothing() -> None:
    x = Value(2.0, "x")
    y = (x * x).detach()
    assert (y.data, y.inputs, y.op, y.label) == (4.0, (), "", "")
    assert "detached" in repr(y)
    (y * x).backward()
    assert (x.grad, y.grad) == (4.0, 2.0)
    assert all(type(thing) is not Value for thing in gc.get_referents(y))


def test_no_grad_gives_leaves() -> None:
    x = Value(2.0)
    with no_grad():
        nodes = [
            x + 1,
            1 + x,
            x * x,
            2 * x,
            x - 1,
            x / 2,
            x**2,
            -x,
            +x,
            abs(x),
            x.exp(),
            x.relu(),
            round(x),
            autograd.sum([x, x]),
            autograd.where(x > 0, x, 1.0),
            *autograd.softmax([x, 1.0]),
        ]
    for node in nodes:
        assert type(node) is Value
        assert node.inputs == ()
    nodes[0].data = 5.0  # a leaf indeed
    assert (x + 1).inputs == (x, 1.0)


def test_no_grad_is_a_decorator_nests_and_ends_with_an_exception() -> None:
    x = Value(2.0)

    @no_grad()
    def compute(depth: int) -> Value:
        return x * x if depth == 0 else compute(depth - 1)

    assert compute(3).inputs == ()
    with no_grad(), no_grad():
        pass
    assert (x * x).inputs == (x, x)
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * x).inputs == (x, x)
    block = no_grad()
    with block, block:
        assert (x * x).inputs == ()
    assert (x * x).inputs == (x, x)


def test_backward_works_inside_no_grad() -> None:
    x = Value(3.0)
    y = x * x
    with no_grad():
        y.backward()
    assert x.grad == 6.0


@pytest.mark.parametrize("mode", [no_grad, ieee], ids=["no_grad", "ieee"])
def test_modes_are_per_thread(mode: Any) -> None:
    x = Value(2.0)
    found: list[Any] = []

    def other() -> None:
        found.append((x * x).inputs)
        found.append(outcome(lambda: Value(0.0).log()))

    with mode():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found[0] == (x, x)
    assert found[1] is DomainError


# ── ieee ────────────────────────────────────────────────────────────────────────────────────────────────────

IEEE: list[tuple[str, Callable[[], Value], float, type[Exception]]] = [
    ("1/0", lambda: Value(1.0) / 0.0, math.inf, ZeroDivisionError),
    ("-1/0", lambda: Value(-1.0) / 0.0, -math.inf, ZeroDivisionError),
    ("1/-0", lambda: 1.0 / Value(-0.0), -math.inf, ZeroDivisionError),
    ("0/0", lambda: Value(0.0) / 0.0, math.nan, ZeroDivisionError),
    ("1//0", lambda: Value(1.0) // 0.0, math.inf, ZeroDivisionError),
    ("1%0", lambda: Value(1.0) % 0.0, math.nan, ZeroDivisionError),
    ("log(0)", lambda: Value(0.0).log(), -math.inf, ValueError),
    ("log(-1)", lambda: Value(-1.0).log(), math.nan, ValueError),
    ("log1p(-1)", lambda: Value(-1.0).log1p(), -math.inf, ValueError),
    ("sqrt(-1)", lambda: Value(-1.0).sqrt(), math.nan, ValueError),
    ("exp(1000)", lambda: Value(1000.0).exp(), math.inf, OverflowError),
    ("sinh(-1000)", lambda: Value(-1000.0).sinh(), -math.inf, OverflowError),
    ("cosh(-1000)", lambda: Value(-1000.0).cosh(), math.inf, OverflowError),
    ("0**-1", lambda: Value(0.0) ** -1, math.inf, ZeroDivisionError),
    ("-0**-1", lambda: Value(-0.0) ** -1, -math.inf, ZeroDivisionError),
    ("-0**-2", lambda: Value(-0.0) ** -2, math.inf, ZeroDivisionError),
    ("(-8)**(1/3)", lambda: Value(-8.0) ** (1 / 3), math.nan, ValueError),
    ("1e300**2", lambda: Value(1e300) ** 2, math.inf, OverflowError),
    ("(-1e300)**3", lambda: Value(-1e300) ** 3, -math.inf, OverflowError),
    ("asin(2)", lambda: Value(2.0).asin(), math.nan, ValueError),
    ("acosh(0)", lambda: Value(0.0).acosh(), math.nan, ValueError),
    ("atanh(1)", lambda: Value(1.0).atanh(), math.inf, ValueError),
    ("atanh(-1)", lambda: Value(-1.0).atanh(), -math.inf, ValueError),
    ("sin(inf)", lambda: Value(math.inf).sin(), math.nan, ValueError),
    ("gamma(0)", lambda: Value(0.0).gamma(), math.inf, ValueError),
    ("gamma(-1)", lambda: Value(-1.0).gamma(), math.nan, ValueError),
    ("lgamma(-1)", lambda: Value(-1.0).lgamma(), math.inf, ValueError),
    ("floor(inf)", lambda: math.floor(Value(math.inf)), math.inf, OverflowError),
    ("floor(nan)", lambda: math.floor(Value(math.nan)), math.nan, ValueError),
    ("round(-inf)", lambda: round(Value(-math.inf)), -math.inf, OverflowError),
]


@pytest.mark.parametrize(("make", "value", "raises"), [row[1:] for row in IEEE], ids=[row[0] for row in IEEE])
def test_forward_raises_as_python_does_and_ieee_gives_inf_or_nan(
    make: Callable[[], Value], value: float, raises: type[Exception]
) -> None:
    with pytest.raises(raises) as caught:
        make()
    assert isinstance(caught.value, AutogradError)
    assert caught.value.__cause__ is None
    with ieee():
        assert same(make().data, value)
    with ieee(), no_grad():
        leaf = make()
        assert same(leaf.data, value)
        assert leaf.inputs == ()
    with pytest.raises(raises):
        make()


def test_a_message_gives_op_inputs_labels_and_remedy() -> None:
    with pytest.raises(ValueError, match=r"^log\(a\) at a = -0\.3 \(label 'p'\)\. log needs a > 0; .*log\(abs\(a\)\)"):
        Value(-0.3, "p").log()
    with pytest.raises(OverflowError, match=r"^exp\(a\) at a = 1000\.0\..*ieee"):
        Value(1000.0).exp()
    with pytest.raises(ValueError, match=r"^log\(a\) at a = -0\.3\."):
        autograd.log(-0.3)


BACKWARD_IEEE: list[tuple[str, Callable[[Value], Value], float, float]] = [
    ("sqrt(0)", lambda x: x.sqrt(), 0.0, math.inf),
    ("cbrt(0)", lambda x: x.cbrt(), 0.0, math.inf),
    ("asin(1)", lambda x: x.asin(), 1.0, math.inf),
    ("acos(1)", lambda x: x.acos(), 1.0, -math.inf),
    ("acosh(1)", lambda x: x.acosh(), 1.0, math.inf),
    ("x**0.5", lambda x: x**0.5, 0.0, math.inf),
    ("x**0", lambda x: x**0, 0.0, 0.0),
    ("0*sqrt(0)", lambda x: 0.0 * x.sqrt(), 0.0, math.nan),
    ("(-2)**2", lambda x: x**2, -2.0, -4.0),
    ("0.0**x", lambda x: 0.0**x, 2.0, 0.0),
]


@pytest.mark.parametrize(("f", "at", "slope"), [r[1:] for r in BACKWARD_IEEE], ids=[r[0] for r in BACKWARD_IEEE])
def test_backward_never_raises_for_arithmetic(f: Any, at: float, slope: float) -> None:
    x = Value(at)
    f(x).backward()
    assert same(x.grad, slope) or x.grad == slope
    (found,) = autograd.gradients(f(x), x)
    assert found.data == slope or slope != slope
    (found,) = autograd.gradients(f(x), x, create_graph=True)
    assert found.data == slope or slope != slope


# ── Hooks ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hook_is_called_once_a_pass_with_the_complete_gradient() -> None:
    x = Value(3.0)
    y = x * 2.0
    z = y * y + y.exp() * 0.0 + y
    seen: dict[str, list[float]] = {"x": [], "y": [], "z": []}
    for name, node in (("x", x), ("y", y), ("z", z)):
        node.register_hook(seen[name].append)
    z.backward()
    assert seen == {"x": [26.0], "y": [13.0], "z": [1.0]}
    z.backward(2.0)
    assert seen == {"x": [26.0, 52.0], "y": [13.0, 26.0], "z": [1.0, 2.0]}
    assert x.grad == 78.0  # the leaf's hook saw each pass's sum, not the total


def test_a_hook_may_replace_the_gradient() -> None:
    x = Value(3.0)
    y = x * 2.0
    handles = [
        y.register_hook(lambda g: g * 10.0),
        y.register_hook(lambda g: None),
        y.register_hook(lambda g: int(g) + 1),
    ]
    y.backward()
    assert (y.grad, x.grad) == (11.0, 22.0)  # in order of registration, before the rule
    handles[0].remove()
    y.backward()
    assert (y.grad, x.grad) == (2.0, 26.0)
    handles[0].remove()  # a second time does nothing
    for handle in handles:
        handle.remove()
    y.backward()
    assert (y.grad, x.grad) == (1.0, 28.0)


def test_a_leafs_hook_replaces_what_is_added() -> None:
    x = Value(3.0)
    x.register_hook(lambda g: max(-1.0, min(1.0, g)))
    for times in (1, 2):
        (x * x + x).backward()
        assert x.grad == float(times)


def test_a_hook_of_the_root_leaf_runs_once() -> None:
    x = Value(3.0)
    seen: list[float] = []
    x.register_hook(seen.append)
    x.backward(5.0)
    assert (seen, x.grad) == ([5.0], 5.0)


def test_an_interior_hook_runs_before_its_rule_and_after_its_users() -> None:
    x = Value(0.5)
    a = x.sin()
    b = a.exp()
    order: list[str] = []
    for name, node in (("x", x), ("a", a), ("b", b)):
        node.register_hook(lambda g, name=name: order.append(name))
    b.backward()
    assert order == ["b", "a", "x"]


def test_an_exception_inside_a_hook_leaves_leaf_gradients_unchanged() -> None:
    x, w = Value(2.0), Value(5.0)
    y = x * w
    y.backward()
    before = (x.grad, w.grad)
    for node in (y, x, w):
        handle = node.register_hook(lambda g: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            y.backward()
        assert (x.grad, w.grad) == before
        handle.remove()
    y.backward()
    assert (x.grad, w.grad) == (10.0, 4.0)


@pytest.mark.parametrize("answer", ["1", [1.0], 1j, Value(1.0)], ids=lambda x: type(x).__name__)
def test_a_hooks_answer_must_be_a_number(answer: Any) -> None:
    x = Value(2.0)
    y = x * x

    def wrong(g: float) -> Any:
        return answer

    handle = y.register_hook(wrong)
    with pytest.raises(InputTypeError, match="wrong"):
        y.backward()
    handle.remove()
    assert x.grad == 0.0


def test_a_hook_must_be_callable() -> None:
    with pytest.raises(InputTypeError, match="callable"):
        Value(1.0).register_hook(3)  # type: ignore[arg-type]


def test_a_hook_of_a_node_outside_the_graph_is_not_called() -> None:
    x = Value(1.0)
    aside = x * 3.0
    aside.register_hook(lambda g: 1 / 0)
    (x * 2.0).backward()
    assert x.grad == 2.0


def test_hooks_see_values_where_a_pass_makes_graphs() -> None:
    x = Value(2.0)
    y = x * x
    seen: list[Any] = []
    y.register_hook(seen.append)
    autograd.gradients(y * x, x, create_graph=True)
    assert [type(g) for g in seen] == [Value]
    autograd.gradients(y * x, x)
    assert [type(g) for g in seen] == [Value, float]


# ── User-defined ops ────────────────────────────────────────────────────────────────────────────────────────

serial = itertools.count()


def user_op(arity: int | None, function: Any, rule: Any) -> Any:
    op = autograd.Op(f"user{next(serial)}", arity, function)
    if rule is not None:
        autograd.rule(op)(rule)
    return op


def test_a_user_op_computes_and_differentiates_at_any_order() -> None:
    def rule(g: Any, y: Any, a: Any) -> Any:
        return (g * 3.0 * a * a,)

    cube = user_op(1, lambda a: a * a * a, rule)
    assert cube(2.0) == 8.0
    x = Value(2.0)
    cube(x).backward()
    assert x.grad == 12.0
    assert autograd.grad(autograd.grad(cube))(2.0) == 12.0


def test_a_user_op_without_a_rule_says_so_when_it_meets_a_value() -> None:
    op = user_op(1, lambda a: a, None)
    assert op(2.0) == 2.0
    with pytest.raises(RuleError, match="no derivative yet"):
        op(Value(2.0))


def test_a_user_op_keeps_a_complex_or_str_result_out() -> None:
    for wrong in ("3", 1j, None):
        op = user_op(1, lambda a, wrong=wrong: wrong, lambda g, y, a: (g,))
        with pytest.raises(InputTypeError, match="result of op"):
            op(Value(1.0))
    assert user_op(1, lambda a: 3, lambda g, y, a: (g,))(Value(1.0)).data == 3.0


def test_a_user_op_outside_its_domain_raises_the_engines_error() -> None:
    op = user_op(1, math.log, lambda g, y, a: (g / a,))
    with pytest.raises(DomainError, match=rf"{op.name}\(a\) at a = -1\.0"):
        op(Value(-1.0))
    with ieee():
        assert math.isnan(op(Value(-1.0)).data)


# ── Numbers that are almost numbers ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [Decimal("1e400"), 10**400, Fraction(10**400)], ids=["Decimal", "int", "Fraction"])
def test_a_finite_number_too_large_for_a_float_never_becomes_inf(number: Any) -> None:
    with pytest.raises(OverflowError, match="too large"):
        Value(number)
    assert Value(Decimal("inf")).data == math.inf


def test_a_signaling_nan_is_refused_as_every_other_non_number() -> None:
    with pytest.raises(InputTypeError, match="sNaN"):
        Value(Decimal("sNaN"))


def test_comparisons_with_other_numbers_are_exact_as_floats_are() -> None:
    assert (Value(0.1) == Fraction(1, 10)) is (Fraction(1, 10) == 0.1) is False
    assert (Value(0.5) == Decimal("0.5")) is True
    assert (Value(2.0) < Fraction(10**400)) is True


def test_messages_show_numpy_scalars_as_numbers() -> None:
    with pytest.raises(ValueError, match=r"a = -1\.0"):
        autograd.log(np.float64(-1))
    with pytest.raises(ZeroDivisionError, match=r"a = 0\.0"):
        autograd.pow(np.float64(0), -1)


def test_a_copy_of_a_stale_node_is_as_stale() -> None:
    x = Value(2.0)
    y = x * x
    x.data = 3.0
    with pytest.raises(autograd.StaleGraphError):
        copy.copy(y).backward()
    fresh = x * x
    both = fresh + copy.copy(fresh)
    both.backward()
    assert x.grad == 12.0


def test_arguments_that_value_lacks_are_named() -> None:
    with pytest.raises(TypeError, match="takes no requires_grad"):
        Value(1.0, requires_grad=True)  # type: ignore[call-arg]


def test_rounding_to_any_number_of_digits_is_pythons() -> None:
    for digits in (2, -1, 10**400, -(10**400)):
        assert round(Value(23.456), digits).data == round(23.456, digits)
