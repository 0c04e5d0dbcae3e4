"""Long short-term memory: a way through time on which the gradient is kept, if the forget gate is open.

The task of the lesson on recurrent nets, a 0 or a 1 to be told after waiting. An LSTM's memory is passed on by
c = f·c + i·g. On this way a step multiplies the gradient by the forget gate f alone, a number from 0 to 1. As torch
draws the weights f is about ½, and the gradient fades. A forget bias of 3 opens the gate to 0.95, and it stays.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import nn
from autograd import Value

from . import plots
from .rnn import Image, Reader, accuracy, flow, load, train

HIDDEN, BATCH, RATE, SEED = 6, 8, 0.05, 2


class LongReader(Reader):
    """As `Reader`, with an `nn.LSTMCell`, whose state is a hidden state and a memory."""

    def hidden(self, image: Image) -> list[list[Value]]:
        """The hidden state after each step."""
        return [hidden for hidden, _ in self.states(image)]


def build() -> Value:
    """The loss of a cell of two units on two rows of one pixel and one step of waiting."""
    reader = LongReader(nn.LSTMCell(1, 2, seed=0), wait=1)
    return nn.cross_entropy(reader([[0.5], [1.0]]), 1)  # type: ignore[no-any-return]


def open_forget_gate(cell: nn.LSTMCell, bias: float) -> None:
    """Set the forget gate's bias: in torch's order of gates, i, f, g, o, it is the second part of both biases."""
    for i in range(cell.nout, 2 * cell.nout):
        cell.bias_ih[i].data, cell.bias_hh[i].data = bias, 0.0


def gates(memories: list[list[Value]]) -> list[float]:
    """All forget gates of some steps: a memory is a sum, of which the first term is a product with its forget gate."""
    return [c.inputs[0].inputs[0].data for memory in memories for c in memory]


def run(folder: Path, quick: bool) -> None:
    """Draw the gradient's flow through the memory, then train with the gate as it was and opened."""
    wait, steps = (12, 60) if quick else (24, 250)
    data, held_out = load()
    print(
        f"{len(data[0])} images, {len(held_out[0])} held out; {HIDDEN} hidden units; 8 rows, {wait} steps of waiting\n"
    )

    def reader(bias: float | None) -> LongReader:
        made = LongReader(nn.LSTMCell(8, HIDDEN, seed=SEED), wait, SEED)
        if bias is not None:
            open_forget_gate(made.cell, bias)  # type: ignore[arg-type]
        return made

    biases = {"as torch draws it": None, "forget bias 1": 1.0, "forget bias 3": 3.0}
    flows = {}
    print("|dL/dc| while it waits:  at the end  at the start  a step's factor  mean forget gate")
    for name, bias in biases.items():
        model = reader(bias)
        states = model.states(held_out[0][0])
        nn.cross_entropy(model.scores(states[-1][0]), held_out[1][0]).backward()
        memories = [memory for _, memory in states]
        flows[name] = flow(memories)
        end, start = flows[name][-1], flows[name][7]
        factor = (start / end) ** (1.0 / wait)
        print(f"  {name:20} {end:12.1e} {start:13.1e} {factor:16.2f} {fmean(gates(memories[8:])):17.2f}")

    losses = {}
    print(f"\ntrained, {steps} steps:     loss  longest gradient  held out right")
    for name in ("as torch draws it", "forget bias 3"):
        model = reader(biases[name])
        course = train(model, data, nn.Adam(model.parameters(), lr=RATE), steps, clip=1.0, batch=BATCH, seed=SEED)
        losses[name] = plots.smoothed(course.losses)
        print(f"  {name:22} {losses[name][-1]:7.3f} {max(course.norms):17.1f} {accuracy(model, held_out):15.0%}")
    title = "The gradient on its way back through an LSTM's memory"
    plots.flow(flows, title, folder / "flow.png", read=8, y="|dL/dc|, the gradient of the memory")
    plots.curves(losses, "Was it a 0 or a 1? Told after waiting", folder / "training.png", x="step", log=False)
