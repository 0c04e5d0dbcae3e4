"""Each peer as a program sees it: its numbers, its functions, and how it is asked for gradients.

A function here imports its peer when it is called, in that peer's own environment, and answers an `Engine`. What a
peer lacks and its users write themselves is written here in its own operations.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from operator import attrgetter, methodcaller
from typing import Any

from .programs import Program

Mark = Callable[[str], None]  # says that a phase is over


def lacking(name: str) -> Callable[[Any], Any]:
    def function(_: Any) -> Any:
        raise NotImplementedError(f"it has no {name}")

    return function


class Engine:
    """Value by value, with `backward()` and `grad`: micrograd and what was made in its image."""

    def __init__(
        self,
        leaf: Callable[[float], Any],
        source: Any = None,
        plain: Callable[[float], Any] | None = None,
        **given: Any,
    ) -> None:
        self.leaf = leaf
        self.input = plain or leaf  # how a number of the data is given to it
        self.value: Callable[[Any], float] = given.get("value", attrgetter("data"))
        self.backward: Callable[[Any], Any] = given.get("backward", methodcaller("backward"))
        self.gradient: Callable[[Any], float] = given.get("gradient", attrgetter("grad"))
        self.tanh, self.exp, self.log, self.relu, self.erf, self.sqrt = (
            given.get(name) or getattr(source, name, None) or lacking(name)
            for name in ("tanh", "exp", "log", "relu", "erf", "sqrt")
        )

    def step(self, program: Program, mark: Mark) -> list[float]:
        """Forward, backward, reading every gradient, freeing the graph."""
        leaves = [self.leaf(x) for x in program.start]
        arranged = program.arrange(leaves)
        mark("ready")
        y = program.forward(self, arranged)
        mark("forward")
        self.backward(y)
        mark("backward")
        gradient = self.gradient
        gradients = [gradient(x) for x in leaves]
        mark("read")
        del y
        mark("free")
        return gradients

    def train(self, program: Program, mark: Mark, steps: int) -> list[float]:
        """Adam in plain Python, the old graph alive while the next is built. The gradients of the first step."""
        leaves = [self.leaf(x) for x in program.start]
        arranged, first = program.arrange(leaves), []
        means, squares = [0.0] * len(leaves), [0.0] * len(leaves)
        for step in range(1, steps + 2):
            loss = program.forward(self, arranged)
            self.backward(loss)
            if step == 1:
                first = [x.grad for x in leaves]
            for i, x in enumerate(leaves):
                means[i] = 0.9 * means[i] + 0.1 * x.grad
                squares[i] = 0.999 * squares[i] + 0.001 * x.grad**2
                mean, square = means[i] / (1 - 0.9**step), squares[i] / (1 - 0.999**step)
                x.data -= 0.001 * mean / (square**0.5 + 1e-8)
                x.grad = 0
            if step == 1:  # from here on a graph is alive when the next one begins
                mark("ready")
        mark("total")
        return first


class Plain(Engine):
    """Floats, and no gradient: the floor under every forward pass."""

    def step(self, program: Program, mark: Mark) -> list[float]:
        arranged = program.arrange(program.start)
        mark("ready")
        program.forward(self, arranged)
        mark("forward")
        return []


def floats() -> Engine:
    return Plain(float, math, relu=lambda x: x if x > 0.0 else 0.0, value=float)


def chainrule() -> Engine:
    from autograd import Value

    return Engine(Value, Value)


def microgpt_shape() -> Engine:
    from .microgpt_shape import LocalGrads

    return Engine(LocalGrads, LocalGrads)


def micrograd() -> Engine:
    from micrograd.engine import Value

    def function(name: str, compute: Callable[[float], float], slope: Callable[[float, float], float]) -> Any:
        """An op added as micrograd's lecture adds tanh and exp, which the package lacks."""

        def op(x: Any) -> Any:
            y = compute(x.data)
            out = Value(y, (x,), name)

            def _backward() -> None:
                x.grad += slope(x.data, y) * out.grad

            out._backward = _backward
            return out

        return op

    return Engine(
        Value,
        Value,
        tanh=function("tanh", math.tanh, lambda x, y: 1 - y * y),
        exp=function("exp", math.exp, lambda x, y: y),
        log=function("log", math.log, lambda x, y: 1 / x),
    )


def micrograd_rust() -> Engine:
    from micrograd_rust import Value

    # Its Value has no relu, and a number must stand in a Value of its own.
    return Engine(Value, Value, relu=lambda x: x * Value(float(x.data > 0)))


def oxigrad() -> Engine:
    from oxigrad import Activation, Value

    def tanh(x: Any) -> Any:  # not among its functions
        return 1.0 - 2.0 / (1.0 + (2.0 * x).exp())

    return Engine(Value, Value, relu=Activation.ReLU, tanh=tanh)


def item_of_gradient(x: Any) -> float:
    return 0.0 if x.grad is None else float(x.grad.item())  # None: it took no part


def torch() -> Engine:
    import torch

    torch.set_num_threads(1)

    def leaf(x: float) -> Any:
        return torch.tensor(x, dtype=torch.float64, requires_grad=True)

    def plain(x: float) -> Any:
        return torch.tensor(x, dtype=torch.float64)

    return Engine(leaf, torch, plain, value=torch.Tensor.item, gradient=item_of_gradient)


def mygrad() -> Engine:
    import mygrad as mg

    return Engine(mg.tensor, mg, float, relu=lambda x: mg.maximum(x, 0.0), value=mg.Tensor.item,
                  gradient=item_of_gradient)  # fmt: skip


class Tape(Engine):
    """xad: values write themselves to a tape."""

    def step(self, program: Program, mark: Mark) -> list[float]:
        from xad.adj_1st import Tape

        with Tape() as tape:
            leaves = [self.leaf(x) for x in program.start]
            tape.registerInputs(leaves)
            arranged = program.arrange(leaves)
            mark("ready")
            tape.newRecording()
            y = program.forward(self, arranged)
            mark("forward")
            tape.registerOutput(y)
            y.derivative = 1.0
            tape.computeAdjoints()
            mark("backward")
            gradients = [x.derivative for x in leaves]
            mark("read")
            del y
            tape.clearAll()
            mark("free")
        return gradients


def xad() -> Engine:
    import xad.math
    from xad.adj_1st import Real

    return Tape(Real, xad.math, float, relu=lambda x: xad.math.max(x, 0.0), value=attrgetter("value"))


class Functional(Engine):
    """Differentiates functions: forward is the vector-Jacobian product's making, backward its call."""

    def __init__(self, vjp: Callable[..., Any], start: Callable[[list[float]], Any], read: Any, **given: Any) -> None:
        super().__init__(float, **given)
        self.vjp, self.start, self.read = vjp, start, read

    def step(self, program: Program, mark: Mark) -> list[float]:
        start = self.start(program.start)
        mark("ready")
        pull = self.vjp(lambda x: program.forward(self, program.arrange(x)), start)
        mark("forward")
        pulled = pull(1.0)
        mark("backward")
        gradients: list[float] = self.read(pulled)
        mark("read")
        del pull, pulled
        mark("free")
        return gradients


def hips() -> Engine:
    import autograd.numpy as np

    make_vjp = importlib.import_module("autograd").make_vjp  # the other package of this name

    def vjp(f: Any, start: Any) -> Any:
        return make_vjp(lambda array: f([array[i] for i in range(len(array))]))(start)[0]

    return Functional(vjp, np.array, lambda g: g.tolist(), source=np, relu=lambda x: np.maximum(x, 0.0),
                      value=lambda x: getattr(x, "_value", x))  # fmt: skip


def jax() -> Engine:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def read(pulled: Any) -> list[float]:
        return [x.item() for x in pulled[0]]

    return Functional(lambda f, start: jax.vjp(f, start)[1], lambda start: [jnp.asarray(x) for x in start], read,
                      source=jnp, relu=jax.nn.relu, value=lambda x: jax.lax.stop_gradient(x).item())  # fmt: skip


class Symbolic(Engine):
    """casadi: an expression is built from symbols, differentiated as an expression, compiled to a tape, run.

    As `casadi` all of that counts, as `casadi-replay` only running it once more.
    """

    def __init__(self, replay: bool) -> None:
        import casadi

        super().__init__(casadi.SX.sym, casadi, float, relu=lambda x: casadi.fmax(x, 0.0), value=lambda x: 0.0)
        self.casadi, self.replay = casadi, replay
        self.functions: dict[int, Any] = {}

    def step(self, program: Program, mark: Mark) -> list[float]:
        from array import array

        sx = self.casadi
        start, gradients = array("d", program.start), array("d", program.start)
        if id(program) not in self.functions or not self.replay:
            symbols = [sx.SX.sym("x") for _ in program.start]
            mark("ready")
            y = program.forward(self, program.arrange(symbols))
            mark("forward")
            x = sx.vertcat(*symbols)
            self.functions[id(program)] = sx.Function("f", [x], [y, sx.densify(sx.gradient(y, x))]).buffer()
        buffer, run = self.functions[id(program)]
        buffer.set_arg(0, memoryview(start))
        buffer.set_res(1, memoryview(gradients))
        if self.replay:
            mark("ready")
        run()
        mark("total" if self.replay else "backward")
        answer = gradients.tolist()
        if not self.replay:
            mark("read")
            del self.functions[id(program)], buffer, run, y
            mark("free")
        return answer


def casadi() -> Engine:
    return Symbolic(replay=False)


def casadi_replay() -> Engine:
    return Symbolic(replay=True)
