"""`Module`: an object whose attributes hold parameters. The attributes are the registry; there is no other.

Parameters are found by walking: attributes, and in them lists, tuples, dicts and further Modules. The walk
keeps the order of assignment, visits each thing once, and uses no recursion over Modules, so cycles
(``child.parent = self``) and long chains do no harm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from autograd import Value
from autograd.engine import parameter
from autograd.errors import InputError, InputTypeError
from autograd.ops import is_number, number


def Parameter(data: Any, label: str = "") -> Value:  # noqa: N802 - torch's name; a function, since Value is final
    """A leaf that is to be trained: a `Value` whose ``is_parameter`` is true.

    Args:
        data: the number to start with.
        label: a name, for messages and pictures.

    Raises:
        InputTypeError: where data is no real number, or a Value already.

    >>> Parameter(0.5).is_parameter
    True
    """
    return parameter(data, label)


class Module:
    """A part of a network. Assign parameters, lists of them and other Modules to attributes; define ``forward``.

    Calling a module calls its ``forward``.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Parameter(2.0), Parameter(1.0)
    ...     def forward(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> line(3.0).data
    7.0
    >>> line.state_dict()
    {'slope': 2.0, 'offset': 1.0}
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__slots__" in vars(cls):
            raise InputTypeError(f"{cls.__name__}: a Module's parameters are found in its __dict__; drop __slots__")
        for name, _ in _entries(dict(vars(cls)), cls.__name__):
            raise InputTypeError(
                f"{cls.__name__}.{name} belongs to the class, where all its modules would share it and none train it; "
                "assign it to self in __init__"
            )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """What `forward` returns for these inputs."""
        return self.forward(*inputs, **options)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes; each subclass has its own.

        Raises:
            InputTypeError: where the subclass has none.
        """
        name = type(self).__name__
        raise InputTypeError(f"{name} can't be called: give class {name} a method forward(self, x)")

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Every parameter once, with the path that leads to it, in the order of assignment.

        Raises:
            InputTypeError: where a leaf Value that is no parameter, or a set of Values, stands in the way.
            InputError: where two parameters have one name, as under the keys 1 and "1" of a dict.

        >>> import nn
        >>> [name for name, _ in nn.Linear(2, 1).named_parameters()]
        ['weight.0.0', 'weight.0.1', 'bias.0']
        """
        first: dict[int, tuple[str, Value]] = {}
        for entry, held in _entries(self, type(self).__name__):
            for name, p in _leaves(entry, held):
                first.setdefault(id(p), (name, p))
        return list(first.values())

    def parameters(self) -> list[Value]:
        """Every parameter once, in the order of `named_parameters`.

        Raises:
            InputTypeError: where a leaf Value that is no parameter, or a set of Values, stands in the way.

        >>> import nn
        >>> len(nn.MLP(2, [16, 16, 1]).parameters())
        337
        """
        return [p for _, p in self.named_parameters()]

    def zero_grad(self) -> None:
        """Clear every parameter's gradient: it reads 0.0, and an optimiser passes the parameter over.

        >>> p = Parameter(3.0)
        >>> m = Module(); m.p = p
        >>> (p * p).backward(); m.zero_grad(); p.grad
        0.0
        """
        for p in self.parameters():
            p.grad = None

    def state_dict(self) -> dict[str, Any]:
        """The parameters' numbers: a float, or nested lists of floats, under each attribute's dotted name.

        The lists are copies. What two attributes share stands under the first one's name.

        Raises:
            InputTypeError: as `named_parameters`.

        >>> m = Module(); m.weight = [[Parameter(1.0), Parameter(2.0)]]; m.head = Module(); m.head.bias = Parameter(0.5)
        >>> m.state_dict()
        {'weight': [[1.0, 2.0]], 'head.bias': 0.5}
        """
        return {name: _numbers(held) for name, held in _entries(self, type(self).__name__)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the parameters to the numbers of a `state_dict`. It must fit exactly, or nothing changes.

        Args:
            state: numbers or nested lists of numbers, under the names that ``state_dict()`` has.

        Raises:
            InputError: where something is missing, unexpected or misshapen; the message names every such place.
            InputTypeError: where state is no mapping.

        >>> m = Module(); m.weight = [Parameter(1.0), Parameter(2.0)]
        >>> m.load_state_dict({"weight": [3.0, 4.0]}); m.state_dict()
        {'weight': [3.0, 4.0]}
        >>> m.load_state_dict({"wieght": [3.0, 4.0]})
        Traceback (most recent call last):
            ...
        autograd.errors.InputError: the state does not fit Module: missing 'weight'; unexpected 'wieght'. It must come \
from the state_dict() of a module of the same shape. Nothing was changed.
        """
        if not isinstance(state, Mapping):
            kind = type(state).__name__
            raise InputTypeError(f"load_state_dict takes the dict that state_dict() gives, not {kind}")
        entries = dict(_entries(self, type(self).__name__))
        problems = [f"missing {name!r}" for name in entries if name not in state]
        problems += [f"unexpected {_short(name)}" for name in state if name not in entries]
        planned: list[tuple[str, Value, float]] = []
        for name, held in entries.items():
            if name in state:
                problems += _misfits(name, held, state[name], planned)
        numbers: dict[int, float] = {}
        for name, p, x in planned:  # a parameter in two lists must be given one number
            if repr(numbers.setdefault(id(p), x)) != repr(x):
                problems.append(f"{name} is {x!r}, but the same parameter is {numbers[id(p)]!r} elsewhere")
        if problems:
            raise InputError(
                f"the state does not fit {type(self).__name__}: {'; '.join(problems)}. It must come from the "
                "state_dict() of a module of the same shape. Nothing was changed."
            )
        for _, p, x in planned:
            p.data = x


def _entries(root: Any, owner: str) -> Iterator[tuple[str, Any]]:
    """(dotted name, parameter or nested lists of parameters) pairs: the entries of a state_dict."""
    seen: set[int] = set()
    names: set[str] = set()
    stack: list[tuple[str, Any]] = [("", root)]
    while stack:
        name, held = stack.pop()
        if id(held) in seen:
            continue
        seen.add(id(held))
        if isinstance(held, Value) and not held.is_parameter:
            if not held.inputs:
                raise InputTypeError(
                    f"{owner}.{name} holds {held!r}, a leaf that is no parameter, so it would not be "
                    f"trained. Make it with nn.Parameter({held.data!r}); if it is a constant, hold its number, v.data"
                )
        elif isinstance(held, (set, frozenset, deque)):
            if any(isinstance(x, (Value, Module)) for x in held):
                raise InputTypeError(
                    f"{owner}.{name} holds parameters in a {type(held).__name__}, where they are not "
                    "found; hold them in a list, tuple or dict"
                )
        elif isinstance(held, Value) or _is_array(held):
            if name in names:
                raise InputError(f"{owner}: two parameters are named {name!r}; rename a dict's key")
            names.add(name)
            yield name, held
        else:
            inside = vars(held) if isinstance(held, Module) else held
            pairs = inside.items() if isinstance(inside, dict) else enumerate(inside)
            found = [(f"{name}.{key}" if name else str(key), x) for key, x in pairs if isinstance(x, _HOLDERS)]
            stack.extend(reversed(found))


_HOLDERS = (Value, Module, list, tuple, dict, set, frozenset, deque)


def _is_array(held: Any, depth: int = 32) -> bool:
    """Whether it is lists in lists of parameters and nothing else: one entry of a state_dict, not many.

    Lists nested more than 32 deep, such as one that holds itself, are none: they are walked, with no recursion.
    """
    if not isinstance(held, (list, tuple)):
        return isinstance(held, Value) and held.is_parameter
    return depth > 0 and len(held) > 0 and all(_is_array(x, depth - 1) for x in held)


def _leaves(name: str, held: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(held, Value):
        yield name, held
    else:
        for i, x in enumerate(held):
            yield from _leaves(f"{name}.{i}", x)


def _numbers(held: Any) -> Any:
    return held.data if isinstance(held, Value) else [_numbers(x) for x in held]


def _misfits(place: str, held: Any, given: Any, planned: list[tuple[str, Value, float]]) -> list[str]:
    """Where `given` differs in shape from `held`, in words; what fits is added to `planned`."""
    if isinstance(held, Value):
        if not is_number(given) or isinstance(given, bool):
            return [f"{place} must be a number, not {_short(given)}"]
        planned.append((place, held, number(given, place)))
        return []
    if not isinstance(given, (list, tuple)):
        return [f"{place} must be a list of {len(held)}, not {_short(given)}"]
    if len(given) != len(held):
        return [f"{place} must have length {len(held)}, not {len(given)}"]
    pairs = enumerate(zip(held, given, strict=True))
    return [problem for i, (h, g) in pairs for problem in _misfits(f"{place}[{i}]", h, g, planned)]


def _short(x: Any) -> str:
    """A strange thing for a message, whatever its size."""
    if isinstance(x, (list, tuple, dict)):
        return f"a {type(x).__name__} of {len(x)}"
    text = repr(x[:60] if isinstance(x, str) else x)
    return text if len(text) <= 60 else f"{text[:60]}…"
