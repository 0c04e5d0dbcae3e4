"""Digits, 64-32-10, batch 32, Adam: a training step by a batched program, beside C and numpy written by hand.

    python -m tests.bench.batch [--rounds N] [--samples N]

All learn in this process, in turns, from the same random images, and their losses are compared before times are
printed: samples a second of CPU time, the median of the rounds and the best. C is compiled by the system's compiler,
with -O3 -march=native; numpy has one thread.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy

import autograd
import nn
from demos.options import count

PIXELS, HIDDEN, DIGITS = 64, 32, 10
RATE = 1e-3
Step = Callable[[Sequence[Any], Sequence[int]], float]  # learns from a batch; its loss before

BY_HAND = r"""
#include <math.h>
#include <string.h>
enum { P = 64, H = 32, D = 10, W1 = 0, B1 = P * H, W2 = B1 + H, B2 = W2 + H * D, N = B2 + D };
static double p[N], g[N], m[N], v[N], t;  /* weights with the layer's outputs side by side */

void start(const double *from) { memcpy(p, from, sizeof p); }

double step(const double *restrict x, const double *restrict label, int n, double rate)
{
    double loss = 0.0;
    memset(g, 0, sizeof g);
    for (int s = 0; s < n; s++, x += P) {
        double h[H], out[D], dh[H] = {0}, top, total = 0.0;
        const int k = (int)label[s];
        memcpy(h, p + B1, sizeof h);
        memcpy(out, p + B2, sizeof out);
        for (int j = 0; j < P; j++)
            for (int i = 0; i < H; i++)
                h[i] += p[W1 + j * H + i] * x[j];
        for (int i = 0; i < H; i++)
            h[i] = h[i] > 0.0 ? h[i] : 0.0;
        for (int j = 0; j < H; j++)
            for (int i = 0; i < D; i++)
                out[i] += p[W2 + j * D + i] * h[j];
        top = out[0];
        for (int i = 1; i < D; i++)
            top = out[i] > top ? out[i] : top;
        const double right = out[k];
        for (int i = 0; i < D; i++)
            total += out[i] = exp(out[i] - top);
        loss += log(total) - (right - top);
        for (int i = 0; i < D; i++)
            out[i] = out[i] / total - (i == k);
        for (int j = 0; j < H; j++)
            for (int i = 0; i < D; i++) {
                g[W2 + j * D + i] += h[j] * out[i];
                dh[j] += p[W2 + j * D + i] * out[i];
            }
        for (int i = 0; i < D; i++)
            g[B2 + i] += out[i];
        for (int i = 0; i < H; i++) {
            dh[i] = h[i] > 0.0 ? dh[i] : 0.0;
            g[B1 + i] += dh[i];
        }
        for (int j = 0; j < P; j++)
            for (int i = 0; i < H; i++)
                g[W1 + j * H + i] += x[j] * dh[i];
    }
    t += 1.0;
    const double c1 = 1.0 - pow(0.9, t), c2 = 1.0 - pow(0.999, t);
    for (int i = 0; i < N; i++) {
        const double q = g[i] / n;
        m[i] = 0.9 * m[i] + 0.1 * q;
        v[i] = 0.999 * v[i] + 0.001 * (q * q);
        p[i] -= rate * (m[i] / c1) / (sqrt(v[i] / c2) + 1e-8);
    }
    return loss / n;
}
"""


class Reader(nn.Module):
    """Pixels → relu(hidden) → logits."""

    def __init__(self) -> None:
        self.hidden = nn.Linear(PIXELS, HIDDEN, seed=0)
        self.output = nn.Linear(HIDDEN, DIGITS, seed=1)

    def forward(self, image: Any) -> Any:
        return self.output([h.relu() for h in self.hidden(image)])


def matrices() -> list[Any]:
    """The numbers that all start with: two layers' weights, a row an output, and biases."""
    state = Reader().state_dict()
    names = ("hidden.weight", "hidden.bias", "output.weight", "output.bias")
    return [numpy.array(state[name]) for name in names]


def eager() -> Step:
    """nn as it is written."""
    model = Reader()
    optimizer = nn.Adam(model.parameters(), lr=RATE)

    def step(images: Sequence[Any], labels: Sequence[int]) -> float:
        optimizer.zero_grad()
        loss = nn.cross_entropy([model(image) for image in images], list(labels))
        loss.backward()
        optimizer.step()
        return float(loss.data)

    return step


def batched() -> Step:
    """The loss of a sample, recorded; the same optimiser."""
    model = Reader()
    optimizer = nn.Adam(model.parameters(), lr=RATE)
    program = autograd.record(lambda x, t: nn.cross_entropy(model(x), t), [0.0] * PIXELS, 0.0)
    loss = program.batch(over=("x", "t"), wrt=model.parameters())

    def step(images: Sequence[Any], labels: Sequence[int]) -> float:
        optimizer.zero_grad()
        value = loss.backward(images, labels)
        optimizer.step()
        return value

    return step


def by_numpy() -> Step:
    """Batches as arrays, Adam in place."""
    w1, b1, w2, b2 = parameters = matrices()
    means, squares = ([numpy.zeros_like(p) for p in parameters] for _ in range(2))
    t = 0

    def step(images: Any, labels: Any) -> float:
        nonlocal t
        t += 1
        n = len(images)
        x, each = numpy.asarray(images), numpy.arange(n)
        h = numpy.maximum(x @ w1.T + b1, 0.0)
        logits = h @ w2.T + b2
        shifted = logits - logits.max(axis=1, keepdims=True)
        shares = numpy.exp(shifted)
        totals = shares.sum(axis=1, keepdims=True)
        loss = float((numpy.log(totals[:, 0]) - shifted[each, labels]).mean())
        shares /= totals
        shares[each, labels] -= 1.0
        shares /= n
        dh = (shares @ w2) * (h > 0.0)
        gradients = [dh.T @ x, dh.sum(axis=0), shares.T @ h, shares.sum(axis=0)]
        for p, g, m, v in zip(parameters, gradients, means, squares, strict=True):
            m *= 0.9
            m += 0.1 * g
            v *= 0.999
            v += 0.001 * (g * g)
            p -= RATE * (m / (1.0 - 0.9**t)) / (numpy.sqrt(v / (1.0 - 0.999**t)) + 1e-8)
        return loss

    return step


def by_c(folder: str) -> Step | None:
    """C, called with arrays; None where there is no compiler."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    source, library = Path(folder, "step.c"), Path(folder, "step.so")
    source.write_text(BY_HAND)
    flags = ["-O3", "-march=native", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, str(source), "-o", str(library), "-lm"], check=True)
    c = ctypes.CDLL(str(library))
    c.step.restype = ctypes.c_double
    w1, b1, w2, b2 = matrices()
    numbers = numpy.concatenate([w1.T.ravel(), b1, w2.T.ravel(), b2])
    c.start(ctypes.c_void_p(numbers.ctypes.data))

    def step(images: Any, labels: Any) -> float:
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (images, labels)]
        return float(c.step(*pointers, len(labels), ctypes.c_double(RATE)))

    return step


def learners(folder: str) -> Iterator[tuple[str, Step | None, str]]:
    """What is compared: its name, its step, and what images and labels it takes."""
    yield "C by hand", by_c(folder), "floats"
    yield "numpy by hand", by_numpy(), "ints"
    yield "chainrule, batch of lists", batched(), "lists"
    yield "chainrule, batch of arrays", batched(), "floats"
    yield "chainrule, nn as written", eager(), "lists"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.batch", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=count, default=15)
    parser.add_argument("--samples", type=int, default=32, help="in a batch")
    options = parser.parse_args(argv)

    draw = random.Random(0)
    images = [[draw.randrange(17) / 16 for _ in range(PIXELS)] for _ in range(options.samples)]
    labels = [draw.randrange(DIGITS) for _ in range(options.samples)]
    forms = {
        "lists": (images, labels),
        "ints": (numpy.array(images), numpy.array(labels)),
        "floats": (numpy.array(images), numpy.array(labels, dtype=float)),
    }
    with tempfile.TemporaryDirectory() as folder:
        there = [(name, step, forms[form]) for name, step, form in learners(folder) if step is not None]
        losses = {name: [step(*batch) for _ in range(5)] for name, step, batch in there}
        for name, found in losses.items():
            expected = losses["chainrule, nn as written"]
            assert all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(found, expected, strict=True)), (name, found)
        rates = dict(chain.from_iterable([[(name, list[float]())] for name, _, _ in there]))
        for _ in range(options.rounds):
            for name, step, batch in there:
                rates[name].append(measured(step, batch))
    print(f"{options.samples} samples a step; 1000 samples a second of CPU, {options.rounds} rounds in turns")
    print(f"{'':<28} {'median':>8} {'best':>8} {'of C':>6}")
    reference = statistics.median(rates.get("C by hand", [math.nan]))
    for name, found in rates.items():
        middle = statistics.median(found)
        print(f"{name:<28} {middle / 1e3:8.0f} {max(found) / 1e3:8.0f} {middle / reference:6.2f}")


def measured(step: Step, batch: tuple[Any, Any]) -> float:
    """Samples a second of CPU, over some hundredths of a second."""
    steps, spent, began = 0, 0.0, time.process_time()
    while spent < 0.03:
        for _ in range(10):
            step(*batch)
        steps += 10
        spent = time.process_time() - began
    return steps * len(batch[1]) / spent


if __name__ == "__main__":
    main()
