"""Sparse derivatives: patterns, colourings, and the matrices that they lead to."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, grad, hessian, jacobian, sparse_hessian, sparse_jacobian, sparsity
from autograd.colouring import distinct, star
from autograd.errors import IndependenceWarning, InputError, InputTypeError
from autograd.pattern import Pattern, dependence


@st.composite
def patterns(draw: Any, square: bool = False) -> Pattern:
    m = draw(st.integers(0, 8))
    n = m if square else draw(st.integers(0, 8))
    rows = [draw(st.sets(st.integers(0, n - 1), max_size=4)) if n else set() for _ in range(m)]
    if square:
        for i, row in enumerate([set(row) for row in rows]):
            for j in row:
                rows[j].add(i)
    return Pattern((m, n), tuple(tuple(sorted(row)) for row in rows))


def as_matrix(pattern: Pattern) -> Any:
    matrix = np.zeros(pattern.shape)
    for i, row in enumerate(pattern.rows):
        matrix[i, list(row)] = 1.0
    return matrix


# ── Patterns ────────────────────────────────────────────────────────────────────────────────────────────────


@given(patterns())
def test_what_a_pattern_tells_of_itself(pattern: Pattern) -> None:
    matrix = as_matrix(pattern)
    assert pattern.count == matrix.sum()
    assert (as_matrix(pattern.transposed()) == matrix.T).all()
    lines = str(pattern).splitlines()
    assert [[mark == "■" for mark in line.split()] for line in lines if line] == [
        row for row in (matrix == 1.0).tolist() if row
    ]
    drawn = ET.fromstring(pattern.svg())
    (path,) = drawn.iter("{http://www.w3.org/2000/svg}path")
    assert path.get("d", "").count("z") == pattern.count
    assert f"{pattern.count} entries" in "".join(drawn.itertext())
    left, top, width, height = map(float, drawn.attrib["viewBox"].split())
    frame = list(drawn.iter("{http://www.w3.org/2000/svg}rect"))[1].attrib
    assert float(frame["width"]) <= left + width - 9.0
    assert float(frame["height"]) <= top + height - 9.0


def test_a_large_picture_draws_neighbours_as_one(tmp_path: Path) -> None:
    n = 400
    pattern = Pattern((n, n), tuple(tuple(j for j in range(i - 2, i + 3) if 0 <= j < n) for i in range(n)))
    text = pattern.svg(tmp_path / "band.svg")
    assert (tmp_path / "band.svg").read_text(encoding="utf-8") == text == pattern._repr_svg_()
    (path,) = ET.fromstring(text).iter("{http://www.w3.org/2000/svg}path")
    assert path.get("d", "").count("z") == n


@given(st.data())
def test_dependence_is_what_each_result_was_made_of(data: Any) -> None:
    xs = [Value(float(k)) for k in range(data.draw(st.integers(1, 6)))]
    made: list[tuple[Value, set[int]]] = [(x, {j}) for j, x in enumerate(xs)]
    made.append((Value(1.0), set()))
    for _ in range(data.draw(st.integers(0, 12))):
        chosen = data.draw(st.lists(st.sampled_from(made), min_size=1, max_size=3))
        made.append((autograd.sum([v for v, _ in chosen]), set().union(*[s for _, s in chosen])))
    results = data.draw(st.lists(st.sampled_from(made), max_size=5))
    pattern = dependence([v for v, _ in results], xs)
    assert pattern.shape == (len(results), len(xs))
    assert list(pattern.rows) == [tuple(sorted(s)) for _, s in results]


def test_dependence_of_ten_thousand_sums_stays_small() -> None:
    xs = [Value(1.0) for _ in range(10_000)]
    total: Any = 0.0
    for x in xs:
        total = total + x
    (row,) = dependence([total], xs).rows
    assert row == tuple(range(10_000))


def test_the_pattern_is_that_of_the_branch_taken() -> None:
    def f(x: Any) -> Any:
        return [x[0] * x[1] if x[0] > 0 else x[2], autograd.where(x[0] > 0, x[1], x[2])]

    assert sparsity(f)([1.0, 2.0, 3.0]).rows == ((0, 1), (1, 2))  # where has both sides for inputs
    assert sparsity(f)([-1.0, 2.0, 3.0]).rows == ((2,), (1, 2))
    assert sparsity(grad(lambda x: x[0] ** 2 * x[1] + 3.0 * x[2] + x[3] ** 4))([1.0] * 4).rows == (
        (0, 1),
        (0,),
        (),
        (3,),
    )
    assert sparsity(lambda p, q: {"a": p["x"], "b": [q]}, argnums=(0, 1))({"x": 1.0, "y": 2.0}, 3.0).rows == (
        (0,),
        (2,),
    )


# ── Colourings ──────────────────────────────────────────────────────────────────────────────────────────────


@given(patterns())
def test_no_row_has_two_entries_of_one_colour(pattern: Pattern) -> None:
    colours = distinct(pattern)
    assert len(colours) == pattern.shape[1]
    for row in pattern.rows:
        assert len({colours[j] for j in row}) == len(row)
    assert set(colours) == set(range(max(colours, default=-1) + 1))


@given(patterns(square=True))
def test_star_colourings_give_back_every_entry(pattern: Pattern) -> None:
    colours = star(pattern)
    n = pattern.shape[0]
    near = [set(row) - {i} for i, row in enumerate(pattern.rows)]
    for i in range(n):
        assert all(colours[i] != colours[j] for j in near[i])
    for a, b, c, d in itertools.permutations(range(n), 4):
        if b in near[a] and c in near[b] and d in near[c]:
            assert len({colours[v] for v in (a, b, c, d)}) >= 3


def test_how_many_colours_known_shapes_take() -> None:
    n = 50
    band = Pattern((n, n), tuple(tuple(j for j in range(i - 1, i + 2) if 0 <= j < n) for i in range(n)))
    arrow = Pattern((n, n), (tuple(range(n)), *((0, i) for i in range(1, n))))
    diagonal = Pattern((n, n), tuple((i,) for i in range(n)))
    assert [max(distinct(p)) + 1 for p in (band, arrow, diagonal)] == [3, n, 1]
    assert [max(star(p)) + 1 for p in (band, arrow, diagonal)] == [3, 2, 1]


# ── Matrices ────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def programs(draw: Any) -> tuple[int, list[list[tuple[int, ...]]]]:
    """Results that are sums of terms, each of a few arguments."""
    n = draw(st.integers(1, 7))
    term = st.lists(st.integers(0, n - 1), min_size=1, max_size=3).map(tuple)
    return n, draw(st.lists(st.lists(term, max_size=4), min_size=1, max_size=6))


def results(terms: list[list[tuple[int, ...]]], x: Any) -> list[Any]:
    return [autograd.sum([autograd.sin(autograd.prod([x[j] for j in t])) for t in row], 0.0) for row in terms]


@given(programs())
def test_sparse_is_what_dense_is(program: tuple[int, list[list[tuple[int, ...]]]]) -> None:
    n, terms = program
    at = [0.5 + 0.25 * k for k in range(n)]

    def one(x: Any) -> Any:
        return autograd.sum(results(terms, x)) + 0.0 * x[0]

    dense, found = np.array(jacobian(lambda x: [*results(terms, x), x[0] * 1.0])(at)), None
    with np.errstate(all="ignore"):
        found = sparse_jacobian(lambda x: [*results(terms, x), x[0] * 1.0])(at)
    assert found.shape == (len(terms) + 1, n)
    assert (np.abs(found.toarray() - dense) <= 1e-13 * np.abs(dense)).all()  # one by rows, perhaps, and one by columns
    second = sparse_hessian(one)(at)
    assert second.toarray() == pytest.approx(np.array(hessian(one)(at)), rel=1e-12, abs=1e-12)


def test_by_columns_where_that_is_cheaper(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        return [x[0] * k + x[k % 2 + 1] ** 2 for k in range(900)]

    at = [2.0, 3.0, 5.0]
    rows = np.array(jacobian(f)(at))
    monkeypatch.setattr(autograd.sparse, "backwards", None)  # type: ignore[attr-defined]
    found = sparse_jacobian(f)(at)
    assert found.nnz == 900 + 900
    assert (found.toarray() == rows).all()


def test_an_infinity_stays_in_its_place() -> None:
    def f(x: Any) -> Any:
        return [autograd.sqrt(x[0]) * x[1], x[1] * x[2], autograd.sqrt(x[2])]

    found = sparse_jacobian(f)([0.0, 2.0, 4.0]).toarray()
    assert found.tolist() == [[math.inf, 0.0, 0.0], [0.0, 4.0, 2.0], [0.0, 0.0, 0.25]]


def test_structured_arguments_are_counted_as_they_come() -> None:
    def f(p: Any, shift: float) -> Any:
        return {"a": p["x"][0] * p["y"] + shift, "b": (p["x"] ** 2).sum()}

    found = sparse_jacobian(f)({"x": np.array([2.0, 3.0]), "y": 5.0}, 1.0)
    assert found.toarray().tolist() == [[5.0, 0.0, 2.0], [4.0, 6.0, 0.0]]
    both = sparse_hessian(lambda a, b: a[0] ** 2 * b + a[1], argnums=(0, 1))([2.0, 7.0], 3.0)
    assert both.toarray().tolist() == [[6.0, 0.0, 4.0], [0.0, 0.0, 0.0], [4.0, 0.0, 0.0]]
    assert sparse_hessian(lambda x: x[0] * 2.0 + x[1])([1.0, 2.0]).nnz == 0
    assert sparse_jacobian(lambda x: [])([1.0]).shape == (0, 1)


def test_a_banded_hessian_of_a_thousand_variables() -> None:
    """Rosenbrock's: against its formula, in three passes."""
    n = 1000

    def f(x: Any) -> Any:
        return autograd.sum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(x)])

    at = [0.1 * (i % 30) - 1.0 for i in range(n)]
    found = sparse_hessian(f)(at)
    x = np.array(at)
    main = np.zeros(n)
    main[:-1] += 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    main[1:] += 200.0
    truth = np.diag(main) + np.diag(-400.0 * x[:-1], 1) + np.diag(-400.0 * x[:-1], -1)
    assert (np.abs(found.toarray() - truth) <= 1e-13 * np.abs(truth)).all()
    assert found.nnz == 3 * n - 2
    assert max(star(sparsity(grad(f))(at))) == 2  # three passes


def test_what_is_refused() -> None:
    w = Value(2.0)
    with pytest.raises(InputTypeError, match=r"write jacobian\(f\)"):
        sparse_jacobian(lambda x: [x[0]])([Value(1.0)])
    with pytest.raises(InputTypeError, match=r"write hessian\(f\)"):
        sparse_hessian(lambda x: w * x[0] ** 2)([1.0])
    with pytest.raises(InputTypeError, match="one number"):
        sparse_hessian(lambda x: [x[0], x[0]])([1.0])
    with pytest.raises(InputTypeError, match=r"sparsity\(f\)"):
        sparsity(3.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="argument 1"):
        sparsity(lambda x: x, argnums=1)(1.0)
    for transform in (sparse_jacobian, sparse_hessian):
        with pytest.warns(IndependenceWarning, match=transform.__name__) as told:
            transform(lambda x: x[0].data)([1.0])
        assert told[0].filename == __file__


def test_without_scipy_the_error_names_it() -> None:
    script = (
        "import sys; sys.modules['scipy'] = sys.modules['scipy.sparse'] = None\n"
        "import autograd\n"
        "print(autograd.sparsity(lambda x: x[0] * 2.0)([1.0]))\n"
        "try: autograd.sparse_jacobian(lambda x: [x[0]])([1.0])\n"
        "except autograd.errors.MissingLibraryError as e: print(e)\n"
    )
    root = Path(autograd.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["■", "sparse matrices need scipy: pip install scipy"]
