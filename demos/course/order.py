"""Why the order matters: the smallest graph on which a backward pass in another order is wrong.

The articles send errors back "layer by layer". In a plain stack of layers that is enough: whoever uses a unit stands in
the next layer, and has been visited. As soon as a value is used twice, by nodes at different distances from the loss, a
node may be visited before all its users have sent their share, and what comes too late never reaches the inputs. The
order that is always right is a topological one; newest node first is such an order.
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import autograd as ag
from autograd import Value

from ..pictures import BLUE, ORANGE, RED, new_figure
from . import plots

W, X = 2.0, 1.5  # the leaves of the counterexample

Recipe = list[tuple[int, int]]  # of each product, which two of the nodes before it; 0 is the leaf


def build() -> Value:
    """The smallest counterexample: b is used by d, and by c, which d uses too. d is (w x)³."""
    w, x = Value(W, "w"), Value(X, "x")
    b = w * x
    c = b * b
    d = b * c
    b.label, c.label, d.label = "b", "c", "d"
    return d


def interior(node: Value) -> set[Value]:
    """The inputs that have inputs themselves."""
    return {x for x in node.inputs if isinstance(x, Value) and x.inputs}


def breadth_first(root: Value) -> list[Value]:
    """The root, its inputs, their inputs, …, each node where it is first met."""
    met, waiting = {root: None}, deque([root])
    while waiting:
        for x in waiting.popleft().inputs:
            if isinstance(x, Value) and x.inputs and x not in met:
                met[x] = None
                waiting.append(x)
    return list(met)


def depth_first(root: Value) -> list[Value]:
    """Down the first input to its end, then the next: each node where it is first met."""
    met: dict[Value, None] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if node not in met:
            met[node] = None
            stack += [x for x in reversed(node.inputs) if isinstance(x, Value) and x.inputs]
    return list(met)


WALKS: dict[str, Callable[[Value], list[Value]]] = {
    "newest first": ag.topological_order,
    "breadth first": breadth_first,
    "depth first": depth_first,
}


def gradient(order: list[Value], leaf: Value) -> float:
    """d(loss)/d(leaf) by a pass in this order, the loss first: each node once sends its gradient, as it is then.

    `_backward` is micrograd's name for what sends one node's gradient to its inputs.
    """
    for node in [leaf, *order]:
        node.grad = 0.0
    order[0].grad = 1.0
    for node in order:
        node._backward()
    return leaf.grad


def made(recipe: Recipe, a: float = 2.0) -> tuple[Value, Value, float]:
    """The leaf and the last product of a recipe, and the derivative by hand: a product of powers of a is one, a^k."""
    nodes, powers = [Value(a)], [1]
    for i, j in recipe:
        nodes.append(nodes[i] * nodes[j])
        powers.append(powers[i] + powers[j])
    return nodes[0], nodes[-1], powers[-1] * a ** (powers[-1] - 1)


def recipes(size: int) -> Iterator[Recipe]:
    """Every graph of `size` products in which nothing is computed in vain."""
    pairs = [list(itertools.combinations_with_replacement(range(n + 1), 2)) for n in range(size)]
    for recipe in itertools.product(*pairs):
        if {i for pair in recipe for i in pair} >= set(range(1, size)):
            yield list(recipe)


def walks(root: Value) -> Iterator[list[Value]]:
    """Every order in which a walk along the edges may meet the nodes: each after one of its users, not after all."""
    nodes = ag.topological_order(root)
    for rest in itertools.permutations(nodes[1:]):
        order = [root, *rest]
        if all(any(node in interior(user) for user in order[:k]) for k, node in enumerate(order) if k):
            yield order


def wrong_walks(size: int) -> tuple[int, int]:
    """Over all graphs of this size, how many walks there are, and how many of them give a wrong gradient."""
    right = [gradient(order, leaf) == truth
             for leaf, root, truth in map(made, recipes(size)) for order in walks(root)]  # fmt: skip
    return len(right), right.count(False)


def share_wrong(size: int, graphs: int, numbers: random.Random) -> dict[str, float]:
    """How often each walk is wrong, on random graphs of this size in which every node uses the one before it."""
    wrong = dict.fromkeys(WALKS, 0)
    for _ in range(graphs):
        recipe = [(k, numbers.randrange(k + 1))[:: numbers.choice((1, -1))] for k in range(size)]
        leaf, root, truth = made(recipe, a=1.0)
        for name, walk in WALKS.items():
            wrong[name] += gradient(walk(root), leaf) != truth
    return {name: n / graphs for name, n in wrong.items()}


def visits(node: Value) -> int:
    """How many nodes are visited where each path is followed by itself, which is right without any order."""
    return 1 + sum(visits(x) for x in node.inputs if isinstance(x, Value) and x.inputs)


def picture(sizes: list[int], shares: list[dict[str, float]], paths: list[int], path: Path) -> None:
    """How often each walk is wrong, and what following each path by itself costs."""
    figure, panels = new_figure(1, 2, figsize=(11, 4.4))
    wrong, cost = panels.flat
    for name, colour in zip(WALKS, (BLUE, ORANGE, RED), strict=True):
        style = "dashed" if name == "depth first" else "solid"
        wrong.plot(
            sizes, [100.0 * share[name] for share in shares], color=colour, linewidth=2, label=name, linestyle=style
        )
    wrong.set(xlabel="nodes", ylabel="%", title="random graphs with a wrong gradient", ylim=(-3, 103))
    wrong.legend(frameon=False, loc="center right")
    doublings = range(1, len(paths) + 1)
    cost.plot(doublings, paths, color=RED, linewidth=2, label="each path by itself")
    cost.plot(doublings, doublings, color=BLUE, linewidth=2, label="newest first")
    cost.set(
        xlabel="doublings in a row: x + x", ylabel="nodes visited", yscale="log", title="the cost of having no order"
    )
    cost.legend(frameon=False)
    for axes in panels.flat:
        axes.grid(color="#e5e7eb")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def run(folder: Path, quick: bool) -> None:
    """Search for the smallest counterexample; then see how often a wrong order matters, and what having none costs."""
    print("Every graph of products of a, every order in which a walk from the result may meet the nodes:")
    for size in (1, 2, 3) if quick else (1, 2, 3, 4):
        n, wrong = wrong_walks(size)
        print(f"  {size} product{'s' * (size > 1)}: {n} walks, {wrong} with a wrong gradient")

    d = build()
    b, c = d.inputs
    assert isinstance(b, Value)
    assert isinstance(c, Value)
    w, _ = b.inputs
    assert isinstance(w, Value)
    print(f"\nSo it takes three: b = w·x, c = b·b, d = b·c = (w x)³, where dd/dw = 3 w² x³ = {3 * W**2 * X**3:g}:")
    for name, walk in WALKS.items():
        order = walk(d)
        print(f"  {name:13} ({', '.join(node.label for node in order)}): dd/dw = {gradient(order, w):g}")
    print("b was visited before c had sent its share. Were d written c·b, depth first would be right, by luck:")
    swapped = c * b
    swapped.label = "d"
    order = depth_first(swapped)
    print(f"  depth first   ({', '.join(node.label for node in order)}): dd/dw = {gradient(order, w):g}")

    graphs, sizes, numbers = 50 if quick else 500, range(1, 13), random.Random(0)
    shares = [share_wrong(size, graphs, numbers) for size in sizes]
    print(f"\nOf {graphs} random graphs of {sizes[-1]} nodes, wrong are: "
          + ", ".join(f"{name} {share:.0%}" for name, share in shares[-1].items()))  # fmt: skip

    depth, node, paths = 12, Value(1.0), list[int]()
    for _ in range(depth):
        node = node + node
        paths.append(visits(node))
    print(f"Following each path by itself is right too, but visits {paths[-1]} nodes where {depth} doublings x + x "
          f"stand in a row; in order it is {len(ag.topological_order(node))}.")  # fmt: skip

    d = build()
    d.backward()
    plots.graph(d, "b is used by c and by d: it must wait for both", folder / "counterexample.svg")
    picture(list(sizes), shares, paths, folder / "order.png")
