"""A loss turns nan in the second step of training: find the line, and mend it.

    python -m demos.debug_a_nan [--step]

A classifier of wines with a loss as many a tutorial writes it: softmax by its formula, then a logarithm. Inside
`autograd.ieee`, as in numpy and torch, nothing raises, and the loss is nan from the second step on. `why` names the
line; pdb goes there (SESSION, below); `detect_anomaly` stops at it; the loss from logits does not have it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import autograd as ag
import nn
from autograd import Value


def softmax(scores: Sequence[Value]) -> list[Value]:
    """As the formula has it."""
    powers = []
    for score in scores:
        powers.append(ag.exp(score))
    total = ag.sum(powers)
    return [power / total for power in powers]


def naive_loss(scores: Sequence[Value], grower: int) -> Value:
    """The negative logarithm of what the model gives the right answer."""
    p = softmax(scores)[grower]
    return -ag.log(p)


def mean_loss(model: nn.Module, wines: Sequence[Sequence[float]], growers: Sequence[int]) -> Value:
    """The mean of the naive loss over some wines."""
    losses = [naive_loss(model(wine), grower) for wine, grower in zip(wines, growers, strict=True)]
    return ag.mean(losses)  # type: ignore[no-any-return]


def load() -> tuple[list[list[float]], list[int]]:
    """178 Italian wines: 13 measurements each, in their own units (up to 1680), and which of three growers made it."""
    try:
        from sklearn.datasets import load_wine
    except ImportError:
        raise nn.MissingLibraryError("this demo needs scikit-learn: pip install 'chainrule[demos]'") from None

    wines, growers = load_wine(return_X_y=True)
    return wines.tolist(), growers.tolist()


def build() -> Value:
    """The naive loss of a small model on two wines of three measurements."""
    return mean_loss(nn.Linear(3, 3, seed=0), [[14.2, 1.7, 2.4], [12.4, 0.9, 1.4]], [0, 1])


def train_naively(model: nn.Module, wines: Sequence[Sequence[float]], growers: Sequence[int]) -> Value:
    """Two steps of gradient descent on the naive loss; the second loss."""
    optimizer = nn.SGD(model.parameters(), lr=0.01)
    for step in range(2):
        with ag.trace(), ag.ieee():
            loss = mean_loss(model, wines, growers)
        print(f"step {step}: loss {loss.data:.4g}")
        if step == 1:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss


def main(argv: Sequence[str] | None = None) -> None:
    """Meet the nan, ask why, mend it."""
    parser = argparse.ArgumentParser(prog="python -m demos.debug_a_nan", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--step", action="store_true", help="go back over the lines of the nan, for a debugger")
    options = parser.parse_args(argv)
    wines, growers = load()

    model = nn.Linear(13, 3, seed=0)
    loss = train_naively(model, wines[::20], growers[::20])
    if options.step:
        loss.backward(debug=True)
        return
    print("\nprint(why(loss)):")
    print(ag.why(loss, of=loss))

    print("\nwith detect_anomaly():")
    try:
        with ag.ieee(), ag.detect_anomaly():
            mean_loss(model, wines[::20], growers[::20])
    except ag.AnomalyError as error:
        print(f"AnomalyError: {error}")

    print(
        "\nThe loss from the scores themselves never leaves the range of a float, and measurements that are brought to"
    )
    print("one scale keep the steps small:")
    scaled = standardized(wines)
    model = nn.Linear(13, 3, seed=0)
    optimizer = nn.SGD(model.parameters(), lr=0.5)
    for step in range(31):
        loss = nn.cross_entropy([model(wine) for wine in scaled], growers)
        if step % 10 == 0:
            right = sum(
                max(range(3), key=model(wine).__getitem__) == g for wine, g in zip(scaled, growers, strict=True)
            )
            print(f"step {step:2d}: loss {loss.data:.4f}, {right} of {len(wines)} right")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def standardized(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    """Each column with mean 0 and standard deviation 1."""
    columns = []
    for column in zip(*rows, strict=True):
        mean = sum(column) / len(column)
        deviation = (sum((x - mean) ** 2 for x in column) / len(column)) ** 0.5
        columns.append([(x - mean) / deviation for x in column])
    return [list(row) for row in zip(*columns, strict=True)]


SESSION = """
$ python -m pdb -m demos.debug_a_nan --step
(Pdb) break 82
Breakpoint 1 at debug_a_nan.py:82
(Pdb) continue
step 0: loss 177.3
step 1: loss nan
> debug_a_nan.py(82)main()
-> loss.backward(debug=True)
(Pdb) break 26
Breakpoint 2 at debug_a_nan.py:26
(Pdb) continue
> debug_a_nan.py(26)backward()
-> return [power / total for power in powers]
(Pdb) print(step)
dL/dv12 += dL/dv11 · dv11/dv12 = -inf · 0 = nan    v11 = v12 / total, debug_a_nan.py:26
dL/dtotal += dL/dv11 · dv11/dtotal = -inf · -0 = nan    v11 = v12 / total, debug_a_nan.py:26
(Pdb) step
--Call--
> rules.py(…)div()
-> @rule(ops.div)
(Pdb) args
g = -inf
y = 0.0
a = 0.0
b = inf
(Pdb) quit
"""

if __name__ == "__main__":
    main()
