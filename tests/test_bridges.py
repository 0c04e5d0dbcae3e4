"""The checks on functions of numpy, torch, jax and HIPS autograd, each where it is installed."""

from __future__ import annotations

import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from autograd.errors import GradientError, InputError, InputTypeError, MissingLibraryError
from autograd.testing import bridges, check_everywhere, check_gradients

ROOT = Path(__file__).parent.parent


def test_a_gradient_by_hand():
    f = lambda w, x: np.sum(np.tanh(w * x))  # noqa: E731 - and its gradient below
    slope = lambda w, x: (1 - np.tanh(w * x) ** 2) * w  # noqa: E731
    by_hand = lambda w, x: (np.sum((1 - np.tanh(w * x) ** 2) * x), slope(w, x))  # noqa: E731
    point = [0.7, np.array([0.3, -1.2])]
    assert check_gradients(bridges.numpy(f, by_hand), point).compared == 6  # differences, and complex steps
    with pytest.raises(GradientError, match=r"by inputs\[1\]\[0\] is wrong"):
        check_gradients(bridges.numpy(f, lambda w, x: (by_hand(w, x)[0], slope(w, x) * [1.0001, 1.0])), point)
    with pytest.raises(GradientError, match="by a complex step"):
        check_gradients(bridges.numpy(f, lambda w, x: (by_hand(w, x)[0] * (1 + 3e-11), slope(w, x))), point)


def test_plain_python_needs_no_complex_numbers():
    check_everywhere(bridges.numpy(lambda x: abs(x) * x, lambda x: 2 * abs(x)), [(-3, 3)])
    check_gradients(bridges.numpy(math.sin, math.cos), [0.3])
    with pytest.raises(GradientError):
        check_everywhere(bridges.numpy(lambda x: abs(x) * x, lambda x: 2 * x), [(-3, 3)])


def test_misuse_is_told():
    with pytest.raises(InputTypeError, match="wraps a function"):
        bridges.numpy(3, math.sin)
    with pytest.raises(InputError, match="order=1"):
        check_gradients(bridges.numpy(math.sin, math.cos), [0.3], order=2)
    with pytest.raises(InputError, match="has 1 numbers, the inputs have 2"):
        check_gradients(bridges.numpy(lambda x, y: x * y, lambda x, y: y), [0.3, 0.2])


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_what_is_not_installed_is_told(name):
    if find_spec(name):
        pytest.skip("it is installed")
    with pytest.raises(MissingLibraryError, match=f"pip install {name}"):
        getattr(bridges, name)(math.sin)


def test_torch():
    torch = pytest.importorskip("torch")
    bridge = bridges.torch(lambda x, y, a: torch.sin(x * y) * torch.exp(a).sum())
    assert check_gradients(bridge, [0.3, 1.2, np.array([0.1, -0.4])], order=2).compared > 4

    class Wrong(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    with pytest.raises(GradientError, match="is wrong"):
        check_gradients(bridges.torch(Wrong.apply), [3.0])


def test_jax():
    jax = pytest.importorskip("jax")
    bridge = bridges.jax(lambda x, y: jax.numpy.sin(x * y) * y)
    assert check_gradients(bridge, [0.3, 1.2], order=2).compared > 4
    wrong = jax.custom_vjp(lambda x: x * x)
    wrong.defvjp(lambda x: (x * x, x), lambda x, g: (g * x,))
    with pytest.raises(GradientError, match="is wrong"):
        check_gradients(bridges.jax(wrong), [3.0])


HIPS = """
import importlib.util, sys
import autograd
if not hasattr(autograd, "elementwise_grad"):
    print("not installed"); sys.exit()
import autograd.numpy as anp
spec = importlib.util.spec_from_file_location("chainrule", sys.argv[1], submodule_search_locations=[sys.argv[2]])
ours = importlib.util.module_from_spec(spec)
sys.modules["chainrule"] = ours
spec.loader.exec_module(ours)
from chainrule.testing import bridges, check_gradients
print(check_gradients(bridges.hips(lambda x, y: anp.sin(x * y) * y, autograd.grad), [0.3, 1.2], order=2).failure == "")
wrong = autograd.extend.primitive(lambda x: x * x)
autograd.extend.defvjp(wrong, lambda y, x: lambda g: g * x)
try:
    check_gradients(bridges.hips(wrong, autograd.grad), [3.0])
except AssertionError as error:
    print("is wrong" in str(error))
"""


def test_hips_autograd(tmp_path):
    """It has our import name, so ours is loaded under another, in a process of its own."""
    package = ROOT / "autograd"
    command = [sys.executable, "-c", HIPS, str(package / "__init__.py"), str(package)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "not installed" in done.stdout or "No module named 'autograd'" in done.stderr:
        pytest.skip("HIPS autograd is not installed")
    assert done.stdout.split() == ["True", "True"], done.stderr
