"""`Module`: an object whose attributes hold parameters. The attributes are the registry; there is no other.

Parameters, buffers and further Modules are found by walking: attributes, and in them lists, tuples and dicts.
The walk keeps the order of assignment, visits each thing once, and uses no recursion over Modules, so cycles
(``child.parent = self``) and long chains do no harm.
"""

import reprlib
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Self

from autograd import Value, modes
from autograd.bulk import zero_grad
from autograd.engine import parameter
from autograd.errors import InputTypeError
from autograd.ops import is_number, number

from .init import flat, mapped, require, typed


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


class Buffer:
    """A number that a module keeps and no gradient changes, such as a running mean: state, but no parameter.

    Args:
        data: the number. It may be assigned.

    Raises:
        InputTypeError: where data is no real number.

    >>> m = Module(); m.seen = Buffer(3)
    >>> m.state_dict(), m.parameters()
    ({'seen': 3.0}, [])
    """

    def __init__(self, data: Any) -> None:
        self.data = number(data, "a buffer's data")

    def __repr__(self) -> str:
        return f"Buffer({self.data!r})"


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

    training, text = True, ""  # until `eval` says otherwise; what stands in the parentheses of the repr

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        slots, shared = "__slots__" in vars(cls), "belongs to the class, where all would share it and none train it"
        require(not slots, f"{cls.__name__}: parameters are found in the __dict__; drop __slots__", InputTypeError)
        for name, _ in _entries(dict(vars(cls)), cls.__name__):
            raise InputTypeError(f"{cls.__name__}.{name} {shared}; assign it to self in __init__")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """What `forward` returns for these inputs; while `autograd.trace` is on, its nodes are told whose they are."""
        return modes.call(self, inputs, options) if modes.active else self.forward(*inputs, **options)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes; each subclass has its own.

        Raises:
            InputTypeError: where the subclass has none.
        """
        raise InputTypeError(f"{type(self).__name__} can't be called: give its class a method forward(self, x)")

    def named_modules(self) -> list[tuple[str, "Module"]]:
        """This module, named "", and every one in it, each once, with the path that leads to it.

        >>> import nn
        >>> [name for name, _ in nn.Sequential(nn.Linear(2, 1), nn.ReLU()).named_modules()]
        ['', '0', '1']
        """
        return [(name, held) for name, held in _walk(self) if isinstance(held, Module)]

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Every parameter once, with the path that leads to it, in the order of assignment.

        Raises:
            InputTypeError: where a leaf Value that is no parameter, or a set of Values, stands in the way.
            InputError: where two parameters have one name, as under the keys 1 and "1" of a dict.

        >>> import nn
        >>> [name for name, _ in nn.Linear(2, 1).named_parameters()]
        ['weight.0.0', 'weight.0.1', 'bias.0']
        """
        first: dict[int, tuple[str, Any]] = {}
        for name, leaf in [leaf for entry in _entries(self, type(self).__name__) for leaf in _leaves(*entry)]:
            first.setdefault(id(leaf), (name, leaf))
        return [(name, p) for name, p in first.values() if isinstance(p, Value)]

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
        zero_grad(self.parameters())

    def train(self, mode: bool = True) -> Self:
        """Set ``training``, which layers such as Dropout read, here and in every module inside.

        Args:
            mode: whether to train.

        Returns:
            The module itself.

        Raises:
            InputTypeError: where mode is no bool.

        >>> import nn
        >>> model = nn.Sequential(nn.Dropout(0.5)).eval()
        >>> model.training, model[0].training
        (False, False)
        """
        for _, module in self.named_modules():
            module.training = typed("train's mode", mode, bool, "True or False")
        return self

    def eval(self) -> Self:
        """``train(False)``: compute as after training. It records a graph all the same; `autograd.no_grad` does not.

        >>> Module().eval().training
        False
        """
        return self.train(False)

    def state_dict(self) -> dict[str, Any]:
        """The parameters' and buffers' numbers: floats, or nested lists of them, under each attribute's dotted name.

        The lists are copies. What two attributes share stands under the first one's name.

        Raises:
            InputTypeError: as `named_parameters`.

        >>> m = Module(); m.weight = [[Parameter(1.0), Parameter(2.0)]]; m.head = Module(); m.head.bias = Parameter(0.5)
        >>> m.state_dict()
        {'weight': [[1.0, 2.0]], 'head.bias': 0.5}
        """
        return {name: mapped(lambda x: x.data, held) for name, held in _entries(self, type(self).__name__)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set parameters and buffers to the numbers of a `state_dict`. It must fit exactly, or nothing changes.

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
from the state_dict() of one like it. Nothing was changed.
        """
        own = type(self).__name__
        refuse_misfits(own, self.state_dict(), state)
        numbers, planned = dict[int, float](), list[tuple[Any, float]]()
        for entry, held in _entries(self, own):
            for (place, leaf), x in zip(_leaves(entry, held), flat(state[entry]), strict=True):
                planned.append((leaf, number(x, place)))
                other = numbers.setdefault(id(leaf), x)  # a parameter in two lists must be given one number
                why = _MISFIT.format(own, f"{place} is {x!r}, but the same parameter is {other!r} elsewhere")
                require(repr(other) == repr(x), why)
        for leaf, data in planned:
            leaf.data = data

    def summary(self) -> str:
        """A table of the modules: path, type, and how many parameters each holds itself; then the totals.

        Raises:
            InputTypeError: as `named_parameters`.

        >>> import nn
        >>> print(nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).summary())
        module  type        parameters
        (self)  Sequential           0
        0       Linear           2,080
        1       ReLU                 0
        2       Linear             330
        total                    2,410
        """
        own = {path: 0 for path, _ in self.named_modules()}
        for name, _ in self.named_parameters():
            own[max([path for path in own if name.startswith(f"{path}." if path else "")], key=len)] += 1
        rows = [(path or "(self)", type(module).__name__, f"{own[path]:,}") for path, module in self.named_modules()]
        rows = [("module", "type", "parameters"), *rows, ("total", "", f"{sum(own.values()):,}")]
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}" for a, b, c in rows)

    def extra_repr(self) -> str:
        """What stands between the parentheses of its repr, as in torch; a subclass may have its own.

        >>> import nn
        >>> nn.Dropout(0.25).extra_repr()
        'p=0.25, inplace=False'
        """
        return self.text

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        inside = self.extra_repr()
        children = [f"({path}): {m!r}" for path, m in _walk(self, deep=False) if isinstance(m, Module) and path]
        if children:
            inside = "\n  " + "\n".join([inside, *children] if inside else children).replace("\n", "\n  ") + "\n"
        return f"{type(self).__name__}({inside})"


def _walk(root: Any, deep: bool = True) -> Iterator[tuple[str, Any]]:
    """(dotted name, what stands there) for all modules, Values, buffers, arrays of those, and sets that root holds.

    Unless deep, it looks into no other module than root.
    """
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [("", root)]
    while stack:
        name, held = stack.pop()
        if id(held) in seen:
            continue
        seen.add(id(held))
        end = isinstance(held, (Value, *_SETS)) or _is_array(held)
        if end or isinstance(held, Module):
            yield name, held
        if not end and (deep or held is root or not isinstance(held, Module)):
            inside = vars(held) if isinstance(held, Module) else held
            pairs = inside.items() if isinstance(inside, dict) else enumerate(inside)
            found = [(f"{name}.{key}" if name else str(key), x) for key, x in pairs if isinstance(x, _HOLDERS)]
            stack.extend(reversed(found))


def _entries(root: Any, owner: str) -> Iterator[tuple[str, Any]]:
    """(dotted name, parameter or buffer or nested lists of them) pairs: the entries of a state_dict."""
    names: set[str] = set()
    for name, held in _walk(root):
        if isinstance(held, Value) and not held.is_parameter:
            remedy = f"Make it with nn.Parameter({held.data!r}); if it is a constant, hold its number, v.data"
            leaf = f"{owner}.{name} holds {held!r}, a leaf that is no parameter, so it would not be trained. {remedy}"
            require(held.inputs, leaf, InputTypeError)
        elif isinstance(held, _SETS):
            lost = f"{owner}.{name} holds parameters in a {type(held).__name__}, where they are not found"
            found = any(isinstance(x, (Value, Module, Buffer)) for x in held)
            require(not found, f"{lost}; hold them in a list, tuple or dict", InputTypeError)
        elif not isinstance(held, Module):
            require(name not in names, f"{owner}: two parameters are named {name!r}; rename a dict's key")
            names.add(name)
            yield name, held


_SETS = (set, frozenset, deque)
_HOLDERS = (Value, Buffer, Module, list, tuple, dict, *_SETS)


def _is_array(held: Any, depth: int = 32) -> bool:
    """Whether it is lists in lists of parameters and nothing else: one entry of a state_dict, not many.

    Lists nested more than 32 deep, such as one that holds itself, are none: they are walked, with no recursion.
    """
    if not isinstance(held, (list, tuple)):
        return isinstance(held, Buffer) or (isinstance(held, Value) and held.is_parameter)
    return depth > 0 and len(held) > 0 and all(_is_array(x, depth - 1) for x in held)


def _leaves(name: str, held: Any) -> list[tuple[str, Any]]:
    if not isinstance(held, (list, tuple)):
        return [(name, held)]
    return [leaf for i, x in enumerate(held) for leaf in _leaves(f"{name}.{i}", x)]


_MISFIT = "the state does not fit {0}: {1}. It must come from the state_dict() of one like it. Nothing was changed."


def refuse_misfits(owner: str, own: Mapping[str, Any], state: Any) -> None:
    """Raise unless `state` has the keys of `own`, and under each the same shape and kind; `owner` names whose it is.

    Raises:
        InputError: naming everything that is missing, unexpected or misshapen.
        InputTypeError: where state is no mapping.

    >>> refuse_misfits("Net", {"weight": [1.0, 2.0]}, {"weight": [3, 4]})
    """
    typed("the state", state, Mapping, "a dict, as state_dict() gives")
    problems = [f"missing {name!r}" for name in own if name not in state]
    problems += [f"unexpected {reprlib.repr(name)}" for name in state if name not in own]
    problems += [text for name, x in own.items() if name in state for text in _misfits(name, x, state[name])]
    require(not problems, _MISFIT.format(owner, "; ".join(problems)))


def _misfits(place: str, own: Any, given: Any) -> list[str]:
    """Where `given` differs in shape or kind from `own`, in words."""
    if isinstance(own, (list, tuple)) and isinstance(given, (list, tuple)) and len(own) == len(given):
        pairs = enumerate(zip(own, given, strict=True))
        return [problem for i, (x, g) in pairs for problem in _misfits(f"{place}[{i}]", x, g)]
    many, one = isinstance(own, (list, tuple)), isinstance(own, float)
    kind = f"list of {len(own)}" if many else "number" if one else type(own).__name__
    fits = is_number(given) and not isinstance(given, bool) if one else type(given) is type(own) and not many
    return [] if fits else [f"{place} must be a {kind}, not {reprlib.repr(given)}"]
