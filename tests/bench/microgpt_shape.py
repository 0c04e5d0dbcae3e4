"""A Value of microgpt's shape, written anew: the measure of what the readable engine and the compiled one gain."""

from __future__ import annotations

import math
from typing import Any


class LocalGrads:
    """A node that keeps its local derivatives, as microgpt's does: recursion, a set of visited nodes."""

    __slots__ = ("data", "grad", "inputs", "locals")

    def __init__(self, data: float, inputs: tuple[Any, ...] = (), locals: tuple[float, ...] = ()) -> None:
        self.data, self.grad = data, 0
        self.inputs, self.locals = inputs, locals

    def __add__(self, other: Any) -> LocalGrads:
        other = other if isinstance(other, LocalGrads) else LocalGrads(other)
        return LocalGrads(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other: Any) -> LocalGrads:
        other = other if isinstance(other, LocalGrads) else LocalGrads(other)
        return LocalGrads(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, power: float) -> LocalGrads:
        return LocalGrads(self.data**power, (self,), (power * self.data ** (power - 1),))

    def __neg__(self) -> LocalGrads:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __truediv__(self, other: Any) -> Any:
        return self * other**-1

    __radd__, __rmul__ = __add__, __mul__

    def tanh(self) -> LocalGrads:
        t = math.tanh(self.data)
        return LocalGrads(t, (self,), (1 - t * t,))

    def exp(self) -> LocalGrads:
        y = math.exp(self.data)
        return LocalGrads(y, (self,), (y,))

    def log(self) -> LocalGrads:
        return LocalGrads(math.log(self.data), (self,), (1 / self.data,))

    def relu(self) -> LocalGrads:
        return LocalGrads(max(0, self.data), (self,), (float(self.data > 0),))

    def backward(self) -> None:
        order, visited = [], set()

        def visit(node: Any) -> None:
            if node not in visited:
                visited.add(node)
                for x in node.inputs:
                    visit(x)
                order.append(node)

        visit(self)
        self.grad = 1
        for node in reversed(order):
            for x, slope in zip(node.inputs, node.locals, strict=False):
                x.grad += slope * node.grad
