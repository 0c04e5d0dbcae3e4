"""Writes sequences_reference.json: torch's gradients of a convolutional net, an RNN, an LSTM, attention and a GPT.

Run it in an environment that has torch: ``python make_sequences_reference.py``. Everything is float64 on the CPU, and
written with torch's own modules. Weights are sines, so that only answers need to be kept.
"""

from __future__ import annotations

import json
import math
import platform
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

torch.set_default_dtype(torch.float64)

IMAGE = [[round(8.0 + 8.0 * math.sin(1.1 * i * i + 2.3 * j), 0) / 16.0 for j in range(8)] for i in range(8)]
NAMES = ["mary", "elizabeth", "jo", "bartholomew", "ann"]  # a letter is its place in the alphabet, 26 the end
STEPS, RATE, BETAS = 5, 0.01, (0.85, 0.99)


def fill(parameters: Any, scale: float) -> None:
    """Weights of a fixed kind, one after the other."""
    k = 0
    with torch.no_grad():
        for p in parameters:
            for i in range(p.numel()):
                p.view(-1)[i] = scale * math.sin(1.3 * k + 0.5)
                k += 1


def gradients(parameters: Any) -> list[float]:
    """All of them in one list."""
    return [g for p in parameters for g in p.grad.flatten().tolist()]


def answer(loss: torch.Tensor, parameters: Any) -> dict[str, Any]:
    """A loss and its gradients."""
    loss.backward()
    return {"loss": loss.item(), "gradients": gradients(parameters)}


def convolution() -> dict[str, Any]:
    """Four kernels, relu, the largest of 2 × 2, a linear layer, as in the lesson."""
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10))
    fill(net.parameters(), 0.3)
    scores = net(torch.tensor(IMAGE)[None, None])
    return answer(functional.cross_entropy(scores, torch.tensor([7])), list(net.parameters()))


def recurrent(kind: Any, bias: bool) -> dict[str, Any]:
    """Eight rows, three steps of waiting, two scores; also the gradients of the hidden states."""
    cell, scores = kind(8, 6, bias=bias), nn.Linear(6, 2)
    parameters = [*cell.parameters(), *scores.parameters()]
    fill(parameters, 0.4)
    state, hidden = None, []
    for row in [*IMAGE, *[[0.0] * 8] * 3]:
        state = cell(torch.tensor([row]), state)
        hidden.append(state[0] if isinstance(state, tuple) else state)
        hidden[-1].retain_grad()
    found = answer(functional.cross_entropy(scores(hidden[-1]), torch.tensor([1])), parameters)
    return {**found, "flow": [h.grad.norm().item() for h in hidden]}


def attention() -> dict[str, Any]:
    """One head over five letters that are to be written backwards."""
    letters, places = nn.Embedding(26, 8), nn.Embedding(5, 8)
    query, key, value = (nn.Linear(8, 8, bias=False) for _ in range(3))
    scores = nn.Linear(8, 26)
    parameters = [p for module in (letters, places, query, key, value, scores) for p in module.parameters()]
    fill(parameters, 0.5)
    word = torch.tensor([9, 14, 24, 2, 4])
    x = letters(word) + places.weight
    found = functional.scaled_dot_product_attention(query(x)[None], key(x)[None], value(x)[None])[0]
    return answer(functional.cross_entropy(scores(found), word.flip(0)), parameters)


def gpt_loss(weights: list[torch.Tensor], tokens: list[int]) -> torch.Tensor:
    """A GPT of one layer, four heads, RMSNorm without a gain, relu, no biases: microgpt's."""
    letters, places, logits, query, key, value, mix, up, down = weights
    given, target = torch.tensor(tokens[:-1]), torch.tensor(tokens[1:])

    def norm(x: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x, (16,), eps=1e-5)

    def heads(x: torch.Tensor) -> torch.Tensor:
        return x.view(len(given), 4, 4).transpose(0, 1)

    x = norm(letters[given] + places[: len(given)])
    y = norm(x)
    found = functional.scaled_dot_product_attention(
        heads(y @ query.T), heads(y @ key.T), heads(y @ value.T), is_causal=True
    )
    x = x + found.transpose(0, 1).reshape(len(given), 16) @ mix.T
    x = x + torch.relu(norm(x) @ up.T) @ down.T
    return functional.cross_entropy(x @ logits.T, target)


def gpt() -> dict[str, Any]:
    """The first loss's gradients, and the losses of some steps of Adam."""
    shapes = [(27, 16), (16, 16), (27, 16), *[(16, 16)] * 4, (64, 16), (16, 64)]
    weights = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    fill(weights, 0.2)
    tokens = [[26, *(ord(letter) - ord("a") for letter in name), 26] for name in NAMES]
    optimizer = torch.optim.Adam(weights, RATE, BETAS)
    found: dict[str, Any] = answer(gpt_loss(weights, tokens[1]), weights)
    losses = []
    for step in range(STEPS):
        loss = gpt_loss(weights, tokens[step])
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = RATE * (1.0 - step / STEPS)
        optimizer.step()
        losses.append(loss.item())
    return {**found, "name": NAMES[1], "names": NAMES, "losses": losses}


def main() -> None:
    """Write the file beside this one."""
    reference = {
        "made_with": f"torch {torch.__version__}, {platform.machine()}",
        "image": IMAGE,
        "convolution": convolution(),
        "rnn": recurrent(nn.RNNCell, bias=False),
        "lstm": recurrent(nn.LSTMCell, bias=True),
        "attention": attention(),
        "gpt": gpt(),
    }
    text = json.dumps(reference)
    Path(__file__).with_name("sequences_reference.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
