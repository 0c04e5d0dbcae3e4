"""A convolutional net reads digits: few weights, used everywhere, and a gradient that is a convolution too.

A kernel of 3 × 3 weights is laid on every place of an image, so each weight is used 36 times on 8 × 8 pixels, and its
gradient is the sum of 36 contributions. That sum is what a convolution of the image with the gradient of the output
gives: the backward pass of a convolution is a convolution. scipy's `correlate2d` computes it once more, by itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import correlate2d

import autograd as ag
import nn
from autograd import Value

from .. import digits
from . import plots

KERNELS, SEED = 4, 0


def network(kernels: int = KERNELS, size: int = 8, classes: int = 10, seed: int = SEED) -> nn.Sequential:
    """3 × 3 kernels, relu, the largest of each 2 × 2 numbers, and a linear layer."""
    pooled = kernels * ((size - 2) // 2) ** 2
    convolution, scores = nn.Conv2d(1, kernels, 3, seed=seed), nn.Linear(pooled, classes, seed=seed + 1)
    return nn.Sequential(convolution, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), scores)


def build() -> Value:
    """The loss of a net of one kernel and two classes on an image of 5 × 5 pixels."""
    image = [[float(i == j or i + j == 4) for j in range(5)] for i in range(5)]
    return nn.cross_entropy(network(1, 5, 2)([image]), 1)  # type: ignore[no-any-return]


def planes(image: Sequence[float]) -> list[list[list[float]]]:
    """64 pixels as what `nn.Conv2d` takes: one plane of eight rows."""
    return [[list(image[i : i + 8]) for i in range(0, 64, 8)]]


def numbers(x: Any, fact: str) -> Any:
    """The data or the gradients of Values in lists, as an array."""
    return np.array([numbers(row, fact) for row in x] if isinstance(x, list) else getattr(x, fact))


def differences(net: nn.Sequential, image: list[list[list[float]]], label: int) -> tuple[float, float]:
    """How far the gradients of the kernels, and of the image, are from scipy's, at most."""
    convolution, *rest = net
    inputs = [[[Value(x) for x in row] for row in plane] for plane in image]
    outputs = convolution(inputs)
    scores: Any = outputs
    for module in rest:
        scores = module(scores)
    net.zero_grad()
    nn.cross_entropy(scores, label).backward()
    upstream, weights = numbers(outputs, "grad"), numbers(convolution.weight, "data")
    by_kernel = [correlate2d(numbers(inputs, "data")[0], g, mode="valid") for g in upstream]
    by_pixel = sum(
        correlate2d(g, kernel[0][::-1, ::-1], mode="full") for g, kernel in zip(upstream, weights, strict=True)
    )
    return (
        float(abs(numbers(convolution.weight, "grad")[:, 0] - by_kernel).max()),
        float(abs(numbers(inputs, "grad")[0] - by_pixel).max()),
    )


def run(folder: Path, quick: bool) -> None:
    """Train, compare with a net without convolution, and look at the kernels and what they see."""
    (images, labels), (held_out_images, held_out_labels) = digits.load(SEED, 200 if quick else None)
    data, held_out = (list(map(planes, images)), labels), (list(map(planes, held_out_images)), held_out_labels)
    epochs = 3 if quick else 10
    print(f"{len(images)} images to learn from, {len(held_out_images)} held out")

    net = network()
    by_kernel, by_pixel = differences(net, data[0][0], labels[0])
    print("\nthe backward pass against scipy's correlate2d, the largest difference:")
    print(f"  gradients of the kernels {by_kernel:.0e}, of the pixels {by_pixel:.0e}")

    dense = nn.Sequential(nn.Flatten(), nn.Linear(64, 9, seed=SEED), nn.ReLU(), nn.Linear(9, 10, seed=SEED + 1))
    print(f"\n{epochs} epochs:       parameters  held out right  seconds")
    curves = {}
    for name, model in (("convolution", net), ("dense layers", dense)):
        began, optimizer = time.perf_counter(), nn.Adam(model.parameters(), lr=0.02)
        history = nn.fit(
            model,
            data,
            loss=nn.cross_entropy,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=8,
            seed=SEED,
            progress=False,
        )
        curves[name] = history.train["loss"]
        seconds = time.perf_counter() - began
        right = nn.evaluate(model, held_out, loss=nn.cross_entropy, metrics={"accuracy": nn.accuracy})["accuracy"]
        print(f"  {name:14} {len(optimizer.params):8} {right:15.1%} {seconds:8.1f}")
    with ag.no_grad():
        maps = [numbers(net[0](data[0][i]), "data") for i in range(3)]
    kernels = [kernel[0] for kernel in numbers(net[0].weight, "data")]
    plots.kernels(kernels, [np.array(data[0][i][0]) for i in range(3)], maps, folder / "kernels.png")
    plots.curves(curves, "Reading digits", folder / "training.png")
