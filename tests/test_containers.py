"""structure.py: numbers in containers, taken apart and put back."""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd.errors import InputError, InputTypeError
from autograd.structure import flatten, product, without_graph

Point = namedtuple("Point", "x y")


@dataclass
class Body:
    mass: Any
    place: Any
    weight: Any = field(init=False)

    def __post_init__(self) -> None:
        self.weight = self.mass * 10.0


@dataclass(frozen=True)
class Frozen:
    a: Any
    b: Any = 2.0


numbers = st.floats(allow_nan=False) | st.integers(-100, 100)
arrays = st.lists(st.integers(0, 3), max_size=3).map(lambda shape: np.arange(math.prod(shape)).reshape(shape) * 0.5)
trees = st.recursive(
    numbers | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.builds(Point, inner, inner)
        | st.builds(Frozen, inner, inner)
    ),
    max_leaves=12,
)


def walked(x: Any) -> list[float]:
    """The numbers in x, by another way."""
    if isinstance(x, dict):
        return [n for part in x.values() for n in walked(part)]
    if isinstance(x, (list, tuple)):
        return [n for part in x for n in walked(part)]
    if isinstance(x, Frozen):
        return walked(x.a) + walked(x.b)
    return [float(n) for n in x.ravel()] if isinstance(x, np.ndarray) else [float(x)]


def same(x: Any, y: Any) -> bool:
    """Whether x and y are of one kind throughout, with the same numbers, floats in y."""
    if isinstance(x, np.ndarray):
        return type(y) is np.ndarray and x.shape == y.shape and y.dtype == float and bool((x == y).all())
    if isinstance(x, (int, float)):
        return type(y) is float and x == y
    if isinstance(x, Frozen):
        return type(y) is Frozen and same(x.a, y.a) and same(x.b, y.b)
    if type(x) is not type(y) or len(x) != len(y):
        return False
    if isinstance(x, dict):
        return list(x) == list(y) and all(same(x[k], y[k]) for k in x)
    return all(map(same, x, y))


@given(trees)
def test_taken_apart_and_put_back(x: Any) -> None:
    found, structure = flatten(x)
    assert found == walked(x)
    assert structure.count == len(found)
    assert same(x, structure.filled(found))
    assert structure.numbers(x, "it") == found


@given(trees, trees)
def test_products_hold_every_pair_once(outer: Any, inner: Any) -> None:
    (rows, left), (columns, right) = flatten(outer), flatten(inner)
    table = [[100.0 * i + j for j in range(len(columns))] for i in range(len(rows))]
    made = product([left, right], table)
    assert sorted(walked(made)) == sorted(x for row in table for x in row)


def test_products_of_arrays_are_arrays() -> None:
    matrix, vector = flatten(np.zeros((2, 3)))[1], flatten(np.zeros(4))[1]
    alone, pair = flatten(0.0)[1], flatten([0.0, 0.0])[1]
    table = [[10.0 * i + j for j in range(4)] for i in range(6)]
    made = product([matrix, vector], table)
    assert made.shape == (2, 3, 4)
    assert made[1, 2, 3] == 53.0
    assert product([alone, vector], table[1:2]).tolist() == table[1]
    first, second = product([matrix, pair], [row[:2] for row in table])
    assert (first.shape, first[1, 1], second[1, 1]) == ((2, 3), 40.0, 41.0)
    rows = product([pair, vector], table[:2])
    assert type(rows) is list
    assert rows[1].tolist() == table[1]
    cube = product(
        [vector, vector, vector], [[[i * 16 + j * 4 + k for k in range(4)] for j in range(4)] for i in range(4)]
    )
    assert cube.tolist() == np.arange(64.0).reshape(4, 4, 4).tolist()


def test_values_stay_the_nodes_they_are() -> None:
    a, b = Value(1.0), Value(2.0)
    found, structure = flatten([a, {"b": np.array([b, 3], dtype=object)}])
    assert found[0] is a
    assert found[1] is b
    assert found[2] == 3.0
    again = structure.filled(found)
    assert again[1]["b"].dtype == object
    assert again[1]["b"][0] is b


def test_containers_of_the_same_kind() -> None:
    for x in (OrderedDict(b=1.0, a=2.0), defaultdict(lambda: 7.0, b=1.0), Point(1.0, 2.0), Frozen(1.0)):
        again = flatten(x)[1].filled([5.0, 6.0])
        assert type(again) is type(x)
    assert list(flatten(OrderedDict(b=1.0, a=2.0))[1].filled([5.0, 6.0]).items()) == [("b", 5.0), ("a", 6.0)]
    assert flatten(defaultdict(lambda: 7.0, b=1.0))[1].filled([5.0])["new"] == 7.0
    assert flatten(Point(1.0, 2.0))[1].filled([5.0, 6.0]) == Point(5.0, 6.0)


def test_a_dataclass_is_made_by_its_constructor() -> None:
    found, structure = flatten(Body(2.0, [3.0, 4.0]))
    assert found == [2.0, 3.0, 4.0]  # the weight follows from the mass
    again = structure.filled([5.0, 6.0, 7.0])
    assert (again.mass, again.place, again.weight) == (5.0, [6.0, 7.0], 50.0)
    assert str(structure) == "Body(mass=*, place=[*, *])"


@pytest.mark.parametrize(
    ("x", "where"),
    [
        ([1.0, "2"], r"x\[1\]"),
        ({"a": {"b": None}}, r"x\['a'\]\['b'\]"),
        (Frozen(1.0, "name"), r"x\.b"),
        ([1.0, {2.0}], r"x\[1\]"),
        ([1j], r"x\[0\]"),
        (np.array(["a"]), "x's entry"),
        (np.array([1j]), "x's entry"),
        ([math.sin], r"x\[0\]"),
    ],
    ids=str,
)
def test_what_is_no_number_is_told_with_its_place(x: Any, where: str) -> None:
    with pytest.raises(InputTypeError, match=where):
        flatten(x, "x")


@pytest.mark.parametrize("other", [[1.0], (1.0, 2.0), {"a": 1.0}, 1.0, [1.0, [2.0]], np.ones(2), [1.0] * 3], ids=str)
def test_another_structure_is_refused(other: Any) -> None:
    with pytest.raises(InputError, match="the direction must be"):
        flatten([0.0, 0.0])[1].numbers(other, "the direction")
    with pytest.raises(InputError, match=r"array\(2, 1\)"):
        flatten(np.zeros((2, 1)))[1].numbers(other, "the direction")


def test_long_structures_are_shortened_in_messages() -> None:
    with pytest.raises(InputError) as caught:
        flatten([0.0] * 1000)[1].numbers([0.0] * 999, "it")
    assert len(str(caught.value)) < 300


def test_without_graph() -> None:
    v = Value(2.0)
    kept = {"names": ["a", None], "n": 3}
    assert without_graph(kept) is kept
    assert without_graph([v, (v, "x"), Frozen(v, None)]) == [2.0, (2.0, "x"), Frozen(2.0, None)]
    assert without_graph(np.array([v, 3], dtype=object)).tolist() == [2.0, 3.0]
    mixed = without_graph(np.array([[v, "x"], [[v], None]], dtype=object))
    assert mixed.tolist() == [[2.0, "x"], [[2.0], None]]
    floats = np.ones(3)
    assert without_graph(floats) is floats
