"""numpy's object arrays of Values, to and fro."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, array, data, grad, grads
from autograd.errors import InputTypeError

shapes = st.lists(st.integers(0, 4), max_size=3)


@given(shapes, st.sampled_from([float, int, np.float32, bool, object]))
def test_there_and_back(shape: list[int], kind: Any) -> None:
    numbers = np.array(np.arange(math.prod(shape)).reshape(shape) % 7, dtype=kind)
    values = array(numbers)
    assert values.dtype == object
    assert values.shape == numbers.shape
    assert all(type(v) is Value and v.inputs == () for v in values.ravel())
    back = data(values)
    assert back.dtype == float
    assert back.shape == numbers.shape
    assert (back == numbers.astype(float)).all()
    assert (grads(values) == np.zeros(shape)).all()


def test_nested_sequences_numbers_and_values() -> None:
    v = Value(5.0)
    made = array([[1, v], (2.5, True)])
    assert made[0, 1] is v
    assert data(made).tolist() == [[1.0, 5.0], [2.5, 1.0]]
    assert data([v, 2.0]).tolist() == [5.0, 2.0]
    assert grads([v]).tolist() == [0.0]
    assert array(3.0).shape == data(v).shape == ()


def test_labels() -> None:
    named = Value(1.0, "mine")
    made = array([[2.0, named], [3.0, 4.0]], label="w")
    assert [v.label for v in made.ravel()] == ["w[0,0]", "mine", "w[1,0]", "w[1,1]"]
    assert array(2.0, label="b").item().label == "b"
    assert array([1.0])[0].label == ""


def test_a_network_in_numpy_against_its_formula() -> None:
    rng = np.random.default_rng(0)
    w, b, x, y = (rng.normal(size=shape) for shape in ((3, 4), (3,), (5, 4), (5, 3)))
    weights, biases = array(w, label="w"), array(b, label="b")
    error = np.tanh(x @ weights.T + biases) - y
    loss = (error**2).mean()
    loss.backward()
    out = np.tanh(x @ w.T + b)
    back = 2 * (out - y) / out.size * (1 - out**2)
    assert loss.data == pytest.approx(((out - y) ** 2).mean(), rel=1e-13)
    assert grads(weights) == pytest.approx(back.T @ x, rel=1e-12)
    assert grads(biases) == pytest.approx(back.sum(axis=0), rel=1e-12)
    assert data(error) == pytest.approx(out - y, rel=1e-13)
    weights -= 0.1 * grads(weights)  # object arrays take part in numpy's arithmetic, also in place
    assert data(weights) == pytest.approx(w - 0.1 * (back.T @ x), rel=1e-12)


def test_what_compares_has_a_function_here() -> None:
    x = np.array([-1.0, 2.0, 0.5])
    slopes = grad(lambda a: autograd.sum([autograd.maximum(v, 0.0) * 3.0 for v in a]))(x)
    assert slopes.tolist() == [0.0, 3.0, 3.0]


@pytest.mark.parametrize("function", [array, data, grads], ids=lambda f: f.__name__)
@pytest.mark.parametrize("x", [["a"], [[1.0], [1.0, 2.0]], None, [None], [1j], "text", {1.0}], ids=str)
def test_what_is_no_array_of_numbers_is_refused(function: Any, x: Any) -> None:
    with pytest.raises(InputTypeError, match=f"autograd.{function.__name__}"):
        function(x)


def test_plain_numbers_have_no_gradients() -> None:
    with pytest.raises(InputTypeError, match=r"1\.0 has no gradient"):
        grads([Value(2.0), 1.0])


def test_without_numpy_the_error_names_it() -> None:
    script = (
        "import sys; sys.modules['numpy'] = None\n"
        "import autograd\n"
        "print(autograd.grad(lambda x: x[0] * x[1])([2.0, 3.0]), autograd.linalg.det([[2.0, 1.0], [1.0, 2.0]]))\n"
        "try: autograd.array([1.0])\n"
        "except autograd.errors.MissingLibraryError as e: print(e)\n"
    )
    root = Path(autograd.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[3.0, 2.0] 3.0", "autograd.array needs numpy: pip install numpy"]
