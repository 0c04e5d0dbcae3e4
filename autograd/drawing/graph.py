"""The graph behind one or more results, read once: its nodes with numbers, and what each sends to its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import chain
from ..errors import RuleError, StaleGraphError
from ..source import placed


class Graph:
    """The nodes behind some results, every node after its inputs: leaves before their first user, then by age.

    Args:
        roots: the results.

    Attributes:
        nodes: the Values; elsewhere a node is its place in this list.
        inputs: for each node its inputs in order: places, and None for a constant.
        uses: for each node in how many places it is an input.
        ops, modules: for each node its op, "" for a leaf, and the path of its module, "" where there is none.
        sources: for each node the place in the program that made it, None where it was not traced.
        labels: for each node its label, or what the program calls it where it was traced, or "".
        grads: for each node its gradient, None where it has none.
        unknown: why some rules could not be run, "" where all could.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> graph = Graph([x * x + 1.0])
    >>> [node.op for node in graph.nodes], graph.inputs, graph.uses
    (['', 'mul', 'add'], [(), (0, 0), (1, None)], [2, 1, 0])
    """

    def __init__(self, roots: Sequence[Any]) -> None:
        self.nodes: list[Any] = []
        self.inputs: list[tuple[int | None, ...]] = []
        self.unknown = ""
        place: dict[Any, int] = {}

        def add(node: Any, inputs: tuple[int | None, ...]) -> None:
            place[node] = len(self.nodes)
            self.nodes.append(node)
            self.inputs.append(inputs)

        order = chain.topological_order(*roots)
        while order:
            node = order.pop()
            inputs = node.inputs
            for x in inputs:
                if type(x) is not float and x not in place:  # a leaf: interior inputs are older
                    add(x, ())
            add(node, tuple([None if type(x) is float else place[x] for x in inputs]))
        for root in roots:
            if root not in place:
                add(root, ())
        self.place = place
        self.roots = list(dict.fromkeys(place[root] for root in roots))
        self.uses = [0] * len(self.nodes)
        for inputs in self.inputs:
            for x in inputs:
                if x is not None:
                    self.uses[x] += 1
        self.ops = [node.op for node in self.nodes]
        self.modules = [node.module if inputs else "" for node, inputs in zip(self.nodes, self.inputs, strict=True)]
        made = [node._known().source for node in self.nodes]
        self.sources = [None if place is None else placed(*place) for place in made]
        names = {key: source.name for key, source in {id(s): s for s in self.sources if s}.items()}
        self.labels = [node.label or names.get(id(s), "") for node, s in zip(self.nodes, self.sources, strict=True)]
        self.grads = [node.grad if node.has_grad else None for node in self.nodes]
        self._sent: dict[int, Sequence[float | None]] = {}

    def __len__(self) -> int:
        return len(self.nodes)

    def sent(self, i: int) -> Sequence[float | None]:
        """What the rule of node i sends to each of its inputs, given its gradient; () where it has none."""
        found = self._sent.get(i)
        if found is None:
            g = self.grads[i]
            found = self._sent[i] = () if g is None else self._sends(i, g)
        return found

    def local(self, i: int) -> Sequence[float | None]:
        """The derivatives of node i by each of its inputs, None where nothing is sent; () where they are not known."""
        return self._sends(i, 1.0)

    def _sends(self, i: int, upstream: float) -> Sequence[float | None]:
        if not self.inputs[i]:
            return ()
        try:
            return chain.contributions(self.nodes[i], upstream)
        except (StaleGraphError, RuleError) as error:  # there is a graph to look at all the same
            self.unknown = self.unknown or str(error)
            return ()
