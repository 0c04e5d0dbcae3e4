"""Take one neuron's gradient apart: every product of the chain rule, with names and numbers.

    python -m demos.first_principles

The neuron o = tanh(x1·w1 + x2·w2 + b) of micrograd's lecture. What is printed is read from the graph: its nodes, newest
first, and what each one's rule sends to its inputs. Then a smaller graph, whose inputs are each used twice.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import autograd
from autograd import Value, chain

INPUTS = {"x1": 2.0, "w1": -3.0, "x2": 0.0, "w2": 1.0, "b": 6.8813735870195432}
TWICE = {"a": -2.0, "b": 3.0}

# What a node's derivative by its first and second input is, as a textbook has it; the numbers come from the rules.
LOCAL: dict[str, tuple[str, ...]] = {
    "add": ("1", "1"),
    "mul": ("{1}", "{0}"),
    "tanh": ("1 - {y}²",),
}
SIGN = {"add": "{0} + {1}", "mul": "{0} · {1}", "tanh": "tanh({0})"}


def neuron(x1: Value, w1: Value, x2: Value, w2: Value, b: Value) -> Value:
    """The neuron, every step with a name of its own."""
    p1 = x1 * w1
    p1.label = "p1"
    p2 = x2 * w2
    p2.label = "p2"
    s = p1 + p2
    s.label = "s"
    n = s + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    return o


def build() -> Value:
    """The neuron's output."""
    return neuron(**{name: Value(x, label=name) for name, x in INPUTS.items()})


def shared(a: Value, b: Value) -> Value:
    """(a·b)·(a + b): each input is used twice."""
    p = a * b
    p.label = "p"
    s = a + b
    s.label = "s"
    y = p * s
    y.label = "y"
    return y


def explain(result: Value) -> str:
    """Forward and backward pass of a labelled graph, product by product; call ``result.backward()`` before."""
    order = autograd.topological_order(result)
    leaves = list(dict.fromkeys(x for node in reversed(order) for x in node.inputs if not x.inputs))
    lines = ["FORWARD: from the leaves to the result", ""]
    lines += [f"  {x.label:<3}= {x.data:.4f}" for x in leaves]
    for node in reversed(order):
        names, numbers = [x.label for x in node.inputs], [_shown(x.data) for x in node.inputs]
        form = SIGN[node.op]
        lines.append(f"  {node.label:<3}= {form.format(*names):<9}= {form.format(*numbers):<19}= {node.data:.4f}")

    out = result.label
    lines += [
        "",
        f"BACKWARD: from the result to the leaves, asking of each v: how does {out} move with it? That is d{out}/dv.",
        "",
        f"  It begins with d{out}/d{out} = 1. Each node, newest first, takes the gradient that reached it (upstream),",
        "  multiplies it by its own derivative by an input (local), and sends the product there (contribution).",
        "  Contributions to one v are added. Where v is used once, its one contribution is its gradient.",
        "",
        "  node          to   upstream         × local                        = contribution",
    ]
    uses = Counter(id(x) for node in order for x in node.inputs)
    sums: dict[str, tuple[float, list[str]]] = {}
    for node in order:
        inputs = node.inputs
        locals_, sent = chain.contributions(node, 1.0), chain.contributions(node, node.grad)
        equation = f"{node.label} = {SIGN[node.op].format(*(x.label for x in inputs))}"
        for x, local, contribution, form in zip(inputs, locals_, sent, LOCAL[node.op], strict=True):
            symbol = form.format(*(i.label for i in inputs), y=node.label)
            part = "a part of " if uses[id(x)] > 1 else ""
            if part:
                sums.setdefault(x.label, (x.grad, []))[1].append(_shown(contribution or 0.0))
            upstream, by = f"d{out}/d{node.label}", f"d{node.label}/d{x.label}"
            lines.append(
                f"  {equation:<13} {x.label:<4} {upstream:<6} = {node.grad:7.4f} "
                f"× {by:<7} = {symbol:<6} = {local:7.4f} = {contribution:7.4f} = {part}d{out}/d{x.label}"
            )
            equation = ""
    lines += [f"  added: d{out}/d{name} = {' + '.join(parts)} = {total:.4f}" for name, (total, parts) in sums.items()]
    return "\n".join(lines)


def compare(result: Value, function: Callable[..., Value], point: Mapping[str, float]) -> str:
    """The gradients that ``result.backward()`` left, beside (f(v + h) - f(v - h)) / 2h, which needs no calculus."""
    h = 1e-6
    lines = [
        "",
        f"CHECK: move each leaf v by h = {h:g} up and down, see how far {result.label} moves, and divide",
        "",
        f"        chain rule   ({result.label}(v + h) - {result.label}(v - h)) / 2h",
    ]
    for name in point:
        moved = [function(**{k: Value(x + sign * h * (k == name)) for k, x in point.items()}) for sign in (1, -1)]
        leaf = next(x for node in autograd.topological_order(result) for x in node.inputs if x.label == name)
        lines.append(f"  {name:<3} {leaf.grad:13.8f} {(moved[0].data - moved[1].data) / (2 * h):27.8f}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the story."""
    about = (__doc__ or "").partition("\n")[0]
    argparse.ArgumentParser(prog="python -m demos.first_principles", description=about).parse_args(argv)
    result = build()
    result.backward()
    print(explain(result))
    print(compare(result, neuron, INPUTS))

    print("\n\nUSED TWICE: y = (a·b)·(a + b). From each use comes a contribution, and the gradient is their sum.\n")
    y = shared(**{name: Value(x, label=name) for name, x in TWICE.items()})
    y.backward()
    print(explain(y))
    print(compare(y, shared, TWICE))


def _shown(x: float) -> str:
    return f"({x:.4f})" if x < 0 else f"{x:.4f}"


if __name__ == "__main__":
    main()
