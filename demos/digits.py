"""Learn to read real handwritten digits, held-out ones too: a 64-32-10 network on scikit-learn's 8×8 images.

    python -m demos.digits [--epochs N] [--seed N] [--limit N] [--compile] [--out DIR]

A fifth of the images is held out, the same share of each digit. Each pixel is an input, each output a digit's logit,
each parameter a Value. Leaves pictures and a checkpoint in the output folder, and of a network of the same kind that is
small enough to be looked at, its graph and a page that plays its backward pass.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import autograd
import nn

from .options import count, folder, seed


class Reader(nn.Module):
    """Pixels → relu(hidden) → logits."""

    def __init__(self, pixels: int, hidden: int, digits: int, seed: int) -> None:
        self.hidden = nn.Linear(pixels, hidden, seed=seed)
        self.output = nn.Linear(hidden, digits, seed=seed + 1)

    def forward(self, image: Sequence[float]) -> list[autograd.Value]:
        """The logits of an image, its pixels from 0 to 1."""
        logits: list[autograd.Value] = self.output([h.relu() for h in self.hidden(image)])
        return logits


def build() -> autograd.Value:
    """The loss of a small Reader on one image of four pixels: a graph that can be looked at."""
    reader = Reader(pixels=4, hidden=3, digits=2, seed=0)
    loss: autograd.Value = nn.cross_entropy(reader([0.0, 0.5, 1.0, 0.25]), 1)
    return loss


def graph(out: Path) -> list[str]:
    """Draw that graph, and play its backward pass; the names of the files. Without Graphviz say what is missing."""
    with autograd.trace():
        loss = build()
    loss.backward()
    try:
        autograd.draw(loss, title="a network of 3 hidden units reads an image of 4 pixels").save(out / "graph.svg")
        autograd.player(loss, title="the backward pass of a small network").save(out / "player.html")
    except nn.MissingLibraryError as missing:
        print(f"no picture of the graph: {missing}")
        return []
    return ["graph.svg", "player.html"]


def load(seed: int, limit: int | None = None) -> tuple[nn.training.Data, nn.training.Data]:
    """(images, labels) to learn from and (images, labels) held out, pixels scaled to 0…1."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise nn.MissingLibraryError("this demo needs scikit-learn: pip install 'chainrule[demos]'") from None

    digits = load_digits()
    parts = train_test_split(
        digits.data / 16.0, digits.target, test_size=0.2, stratify=digits.target, random_state=seed
    )
    images, held_out_images, labels, held_out_labels = (part.tolist()[:limit] for part in parts)
    return (images, labels), (held_out_images, held_out_labels)


def predict(model: nn.Module, images: Sequence[Sequence[float]]) -> list[list[float]]:
    """Each image's probabilities, one a digit."""
    with autograd.no_grad():
        return [[p.data for p in autograd.softmax(model(image))] for image in images]


def main(argv: Sequence[str] | None = None) -> None:
    """Train, say how well it reads what it has never seen, and show it."""
    parser = argparse.ArgumentParser(prog="python -m demos.digits", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=count, default=12)
    parser.add_argument("--seed", type=seed, default=0, help="of the split, the weights and the order of samples")
    parser.add_argument("--out", type=folder, default="out/digits", help="folder for pictures and checkpoint")
    parser.add_argument("--limit", type=count, default=None, help="use only the first LIMIT images of each part")
    parser.add_argument("--compile", action="store_true", help="record one sample's loss, and learn from batches of it")
    options = parser.parse_args(argv)

    from . import pictures

    data, held_out = load(options.seed, options.limit)
    model = Reader(64, 32, 10, seed=options.seed)
    print(f"{len(data[0])} images to learn from, {len(held_out[0])} held out, {len(model.parameters())} parameters")
    began = time.perf_counter()
    history = nn.fit(
        model,
        data,
        loss=nn.cross_entropy,
        optimizer=nn.Adam(model.parameters(), lr=0.01),
        epochs=options.epochs,
        batch_size=32,
        seed=options.seed,
        validation=held_out,
        metrics={"accuracy": nn.accuracy},
        compile=options.compile,
    )
    seconds = time.perf_counter() - began
    epochs = f"{history.epochs} epoch{'s' * (history.epochs != 1)}"
    probabilities = predict(model, held_out[0])
    figures = nn.evaluate(model, held_out, loss=nn.cross_entropy, metrics={"accuracy": nn.accuracy})
    right = round(figures["accuracy"] * len(held_out[0]))
    if history.interrupted:
        print("interrupted; going on with what was learned")
    print(f"{epochs} in {seconds:.0f} s, {history.epochs * len(data[0]) / seconds:.0f} images a second")
    print(f"held-out loss {figures['loss']:.4f}, accuracy {figures['accuracy']:.2%} ({right} of {len(held_out[0])})")

    left = ["right_and_wrong.png", "digits.json"]
    nn.save(model, options.out / "digits.json")
    pictures.right_and_wrong(held_out[0], held_out[1], probabilities, options.out / "right_and_wrong.png")
    if history.epochs:
        pictures.learning_curve(history, figures["accuracy"], options.out / "curve.png")
        left.insert(0, "curve.png")
    left += graph(options.out)
    print(f"in {options.out}: {', '.join(left)}")


if __name__ == "__main__":
    main()
