"""The workloads of replay.py in arrays: one text for jax and torch, which differentiate it, and numpy by hand.

`xp` holds what the two call by different names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .programs import Program

Gradient = Callable[[Any], tuple[float, Any]]


def parts(x: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """A flat array as arrays of these shapes, in turn."""
    out, at = [], 0
    for shape in shapes:
        out.append(x[at : at + math.prod(shape)].reshape(shape))
        at += math.prod(shape)
    return out


def sum_tanh(xp: Any, _: Program, x: Any) -> Any:
    a, b, c = x.reshape(3, -1)
    return (xp.tanh(a * b + c) * a * a).sum()


def moons(xp: Any, program: Program, x: Any) -> Any:
    points, labels = xp.array([p for p, _ in program.data]), xp.array([y for _, y in program.data])
    w1, w2, w3 = parts(x, (16, 3), (16, 17), (1, 17))
    h = points
    for w in (w1, w2):
        h = xp.relu(h @ w[:, :-1].T + w[:, -1])
    score = h @ w3[0, :-1] + w3[0, -1]
    return xp.relu(1.0 - labels * score).mean() + 1e-4 * (x * x).sum()


def microgpt(xp: Any, program: Program, x: Any) -> Any:
    text, tokens = xp.whole(program.data), len(program.data) - 1
    embed, place, ask, offer, give, mix, widen, narrow, head = parts(
        x, (27, 16), (8, 16), *[(16, 16)] * 4, (64, 16), (16, 64), (27, 16)
    )

    def normed(x: Any) -> Any:
        return x * (1e-5 + (x * x).mean(-1, keepdims=True)) ** -0.5

    h = normed(embed[text[:-1]] + place[xp.whole([t % 8 for t in range(tokens)])])
    y = normed(h)
    q, k, v = ((y @ w.T).reshape(tokens, 4, 4) for w in (ask, offer, give))
    hidden = xp.array([[0.0 if u <= t else -1e30 for u in range(tokens)] for t in range(tokens)])
    weights = xp.softmax(0.5 * xp.einsum("thi,uhi->htu", q, k) + hidden)
    h = h + xp.einsum("htu,uhi->thi", weights, v).reshape(tokens, 16) @ mix.T
    h = h + xp.relu(normed(h) @ widen.T) @ narrow.T
    return -xp.log(xp.softmax(h @ head.T)[xp.whole(range(tokens)), text[1:]]).mean()


def digits(xp: Any, program: Program, x: Any) -> Any:
    images, labels = xp.array([image for image, _ in program.data]), xp.whole([label for _, label in program.data])
    w1, b1, w2, b2 = parts(x, (32, 64), (32,), (10, 32), (10,))
    logits = xp.relu(images @ w1.T + b1) @ w2.T + b2
    return -xp.log(xp.softmax(logits)[xp.whole(range(len(labels))), labels]).mean()


def rosenbrock(_: Any, __: Program, x: Any) -> Any:
    a, b = x[:-1], x[1:]
    return (100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2).sum()


def black_scholes(xp: Any, _: Program, x: Any) -> Any:
    spot, strike, rate, volatility, time = x
    spread = volatility * xp.sqrt(time)
    d = (xp.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / spread
    normal = [0.5 * (1.0 + xp.erf(t * 0.5**0.5)) for t in (d, d - spread)]
    return spot * normal[0] - strike * xp.exp(-rate * time) * normal[1]


def bodies(xp: Any, program: Program, x: Any) -> Any:
    places, n = x.reshape(-1, 3), len(program.start) // 3
    i, j = xp.whole([a for a in range(n) for b in range(a)]), xp.whole([b for a in range(n) for b in range(a)])
    return -(1.0 / xp.sqrt(((places[i] - places[j]) ** 2).sum(-1))).sum()


TEXTS: dict[str, Callable[[Any, Program, Any], Any]] = {
    f.__name__: f for f in (sum_tanh, moons, microgpt, digits, rosenbrock, black_scholes, bodies)
}


# ── numpy, the gradient by hand ─────────────────────────────────────────────────────────────────────────────


def by_numpy(name: str, program: Program) -> Gradient | None:
    """Value and gradient of a workload; None of what nobody writes that way."""
    import numpy as np

    def sum_tanh(x: Any) -> tuple[float, Any]:
        a, b, c = x.reshape(3, -1)
        t, square = np.tanh(a * b + c), a * a
        slope = (1.0 - t * t) * square
        return t @ square, np.concatenate([slope * b + 2.0 * t * a, slope * a, slope])

    def moons(x: Any) -> tuple[float, Any]:
        w1, w2, w3 = parts(x, (16, 3), (16, 17), (1, 17))
        h1 = np.maximum(points @ w1[:, :-1].T + w1[:, -1], 0.0)
        h2 = np.maximum(h1 @ w2[:, :-1].T + w2[:, -1], 0.0)
        losses = np.maximum(1.0 - labels * (h2 @ w3[0, :-1] + w3[0, -1]), 0.0)
        d3 = np.where(losses > 0.0, -labels / len(labels), 0.0)
        d2 = np.where(h2 > 0.0, np.outer(d3, w3[0, :-1]), 0.0)
        d1 = np.where(h1 > 0.0, d2 @ w2[:, :-1], 0.0)
        g = 2e-4 * x
        g1, g2, g3 = parts(g, w1.shape, w2.shape, w3.shape)
        for gradient, delta, h in ((g1, d1, points), (g2, d2, h1), (g3, d3[:, None], h2)):
            gradient[:, :-1] += delta.T @ h
            gradient[:, -1] += delta.sum(0)
        return losses.mean() + 1e-4 * (x @ x), g

    def digits(x: Any) -> tuple[float, Any]:
        w1, b1, w2, b2 = parts(x, (32, 64), (32,), (10, 32), (10,))
        h = np.maximum(points @ w1.T + b1, 0.0)
        logits = h @ w2.T + b2
        chances = np.exp(logits - logits.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        loss = -np.log(chances[everyone, labels]).mean()
        chances[everyone, labels] -= 1.0
        chances /= len(labels)
        dh = np.where(h > 0.0, chances @ w2, 0.0)
        return loss, np.concatenate([(dh.T @ points).ravel(), dh.sum(0), (chances.T @ h).ravel(), chances.sum(0)])

    def rosenbrock(x: Any) -> tuple[float, Any]:
        a, g = x[:-1], np.zeros_like(x)
        u, v = x[1:] - a * a, 1.0 - a
        g[:-1] = -400.0 * u * a - 2.0 * v
        g[1:] += 200.0 * u
        return 100.0 * (u @ u) + v @ v, g

    def bodies(x: Any) -> tuple[float, Any]:
        places = x.reshape(-1, 3)
        apart = places[:, None] - places
        square = (apart * apart).sum(-1)
        np.fill_diagonal(square, np.inf)
        inverse = square**-0.5
        return -0.5 * inverse.sum(), (apart * (inverse**3)[:, :, None]).sum(1).ravel()

    written: dict[str, Gradient] = {f.__name__: f for f in (sum_tanh, moons, digits, rosenbrock, bodies)}
    if name in ("moons", "digits"):
        points, labels = (np.array(column) for column in zip(*program.data, strict=True))
        everyone = np.arange(len(labels))
    return written.get(name)
