"""What is written in layers or arrays instead of value by value: chainrule's own nn, and tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .engines import Engine, Mark
from .programs import Program

Learner = tuple[Callable[[], Any], Callable[[], list[float]]]  # makes a step; says what its gradients were


class Network(Engine):
    """Learns digits by its own means."""

    def __init__(self) -> None:
        super().__init__(float)

    def learner(self, program: Program) -> Learner:
        """A network with the program's numbers, and Adam."""
        raise NotImplementedError

    def train(self, program: Program, mark: Mark, steps: int) -> list[float]:
        """The first step is a warm-up."""
        step, gradients = self.learner(program)
        step()
        first = gradients()
        mark("ready")
        for _ in range(steps):
            step()
        mark("total")
        return first


class Layers(Network):
    """chainrule with its own layers, losses and optimiser."""

    def step(self, program: Program, mark: Mark) -> list[float]:
        """The moons step."""
        import autograd
        import nn

        model = nn.MLP(2, [16, 16, 1])
        parameters = model.parameters()
        for p, x in zip(parameters, program.start, strict=True):
            p.data = x
        mark("ready")
        losses = [(1.0 + -y * model(point)).relu() for point, y in program.data]
        loss = autograd.mean(losses) + 1e-4 * autograd.dot(parameters, parameters)
        mark("forward")
        loss.backward()
        mark("backward")
        gradients = [p.grad for p in parameters]
        mark("read")
        del losses, loss
        mark("free")
        return gradients

    def learner(self, program: Program) -> Learner:
        """Two layers of nn.Linear, as the digits demo."""
        import nn

        class Reader(nn.Module):
            def __init__(self) -> None:
                self.hidden = nn.Linear(64, 32)
                self.output = nn.Linear(32, 10)

            def forward(self, image: Sequence[float]) -> Any:
                return self.output([h.relu() for h in self.hidden(image)])

        model = Reader()
        parameters = model.parameters()
        for p, x in zip(parameters, program.start, strict=True):
            p.data = x
        images, labels = map(list, zip(*program.data, strict=True))
        optimizer = nn.Adam(parameters, lr=1e-3)

        def step() -> None:
            optimizer.zero_grad()
            loss = nn.cross_entropy([model(image) for image in images], labels)
            loss.backward()
            optimizer.step()

        return step, lambda: [p.grad for p in parameters]


class Tensors(Network):
    """torch with tensors, its own loss and optimiser."""

    def learner(self, program: Program) -> Learner:
        """Four tensors."""
        import torch

        torch.set_num_threads(1)
        matrices = program.arrange(program.start)
        w1, b1, w2, b2 = parameters = [torch.tensor(m, dtype=torch.float64, requires_grad=True) for m in matrices]
        images, labels = (torch.tensor(column) for column in zip(*program.data, strict=True))
        images = images.double()
        optimizer = torch.optim.Adam(parameters, lr=1e-3)

        def step() -> None:
            optimizer.zero_grad()
            logits = torch.relu(images @ w1.T + b1) @ w2.T + b2
            torch.nn.functional.cross_entropy(logits, labels).backward()
            optimizer.step()

        return step, lambda: [x for p in parameters for x in p.grad.flatten().tolist()]


class Jit(Network):
    """jax with arrays, the whole step one compiled function, Adam written out."""

    def learner(self, program: Program) -> Learner:
        """Four arrays, and Adam's two averages of each."""
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        images, labels = (jnp.array(column) for column in zip(*program.data, strict=True))

        def loss(parameters: Any) -> Any:
            w1, b1, w2, b2 = parameters
            chances = jax.nn.log_softmax(jax.nn.relu(images @ w1.T + b1) @ w2.T + b2)
            return -jnp.mean(chances[jnp.arange(len(labels)), labels])

        def adam(t: Any, parameters: Any, means: Any, squares: Any, _: Any) -> Any:
            gradients = jax.grad(loss)(parameters)
            means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
            squares = [0.999 * s + 0.001 * g**2 for s, g in zip(squares, gradients, strict=True)]
            parameters = [
                p - 1e-3 * m / (1 - 0.9**t) / (jnp.sqrt(s / (1 - 0.999**t)) + 1e-8)
                for p, m, s in zip(parameters, means, squares, strict=True)
            ]
            return t + 1, parameters, means, squares, gradients

        parameters = [jnp.array(m) for m in program.arrange(program.start)]
        zeros = [jnp.zeros_like(p) for p in parameters]
        compiled, state = jax.jit(adam), (jnp.array(1.0), parameters, zeros, zeros, zeros)

        def step() -> None:
            nonlocal state
            state = jax.block_until_ready(compiled(*state))

        return step, lambda: [x for g in state[-1] for x in g.flatten().tolist()]
