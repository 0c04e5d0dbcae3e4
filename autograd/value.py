"""`Value`: a float that remembers how it was made.

    a, b = Value(2.0), Value(3.0)
    c = a * b          # data 6.0, op "mul", inputs (a, b)
    c.backward()       # a.grad == 3.0, b.grad == 2.0

A node is a *leaf*, which you made, or *interior*, which an op made from its inputs. A plain number among the
inputs is a *constant*: it is kept in its place, it is not a node and has no gradient.

This is the readable engine. Its speed, which tests/bench/pure_engine.py measures, lies in three habits: a node
is one object the garbage collector sees, not two (its inputs sit in slots, not in a tuple); + and * are written
out; what is rare (labels, hooks) sits in one optional block.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from . import chain, modes, ops, rules
from .errors import CopyError, InputTypeError, InteriorError, RuleError
from .ops import ARITHMETIC, Op, is_number, number

if TYPE_CHECKING:
    from .source import Source

Number: TypeAlias = "float | Any"  # what `number` accepts: int, float, bool, Fraction, Decimal, numpy's scalars

_EXACT: Final = 2**53  # ints below it are floats, to the last bit
_numbers: Final = count(1)  # every node's place in the order of creation; `next` is atomic


_MAKE_AN_OP: Final = (
    "A node with inputs is made by an op, and differentiated by the op's rule: for one of your own write "
    "op = autograd.Op(name, arity, function) and its derivative with @autograd.rule(op)"
)


def leaf_arguments(data: Any, label: str = "", *rest: Any, **more: Any) -> tuple[float, str]:
    """The arguments of ``Value(data, label)``, checked."""
    if isinstance(label, (tuple, list, set)) or more.keys() & {"_children", "_op", "children", "inputs"}:
        raise RuleError(f"Value(data, label) makes a leaf. {_MAKE_AN_OP}")
    if rest or more:
        given = ", ".join([*map(repr, rest), *more])
        raise InputTypeError(f"Value(data, label='') takes no {given}; every Value takes part in differentiation")
    return number(data, "Value's data"), checked_label(label)


def checked_label(label: Any) -> str:
    """A label as a plain str: a node that held anything else could be part of a cycle."""
    if not isinstance(label, str):
        raise InputTypeError(f"a label must be a str, not {label!r}; write str(...) of it")
    return str(label)


def note_source(node: Any) -> None:
    """Note on a node where the program is."""
    node._block().source = modes.here()


def _observed(what: str, node: Any) -> None:
    """Tell the recorder, where there is one, that the program looks at a node's number, or changes it."""
    if modes.active and modes.word() & modes.RECORD:
        modes.observed(what, node)


def note_read(node: Any) -> None:
    """Note on a node that the program takes its number here, from which no gradient leads back."""
    made = modes.here(through_ours=False)
    if made is not None:
        node._block().reads[made] = None


class _ValueType(type):
    """Makes ``Value(data, label)`` a leaf, and leaves ``_blank()`` to ops: a third faster than ``__new__``."""

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        if len(arguments) == 1 and type(arguments[0]) is float and not named:
            leaf = _leaf(arguments[0], "")
        else:
            leaf = _leaf(*leaf_arguments(*arguments, **named))
        if modes.active and modes.word() & modes.TRACE:
            note_source(leaf)
        return leaf


class Extra:
    """What few nodes have."""

    __slots__ = ("__weakref__", "detached", "hooks", "is_parameter", "label", "module", "reads", "source", "spread")

    def __init__(self) -> None:
        self.label = ""
        self.source: Any = None  # where the node was made, as modes.here has it, when traced
        self.reads: dict[Any, None] = {}  # where its number was taken, when traced
        self.module = ""  # the nn module that made it
        self.hooks: dict[int, Callable[[Any], Any]] = {}
        self.is_parameter = False
        self.detached = False
        self.spread: Any = None  # of an uncertain leaf: what it was measured with, and its place there


_NO_EXTRA: Final = Extra()


def constant(other: Any) -> Any:
    """The other side of an operator as a float; NotImplemented where it is the other type's turn (numpy's arrays)."""
    if type(other) is int and -_EXACT < other < _EXACT:
        return float(other)
    if is_number(other):
        return number(other)
    if other is None or isinstance(other, (str, bytes, complex, list, tuple, dict, set)):
        number(other, "what meets a Value in an operator")  # raises
    return NotImplemented


def _reflected(op: Op, other: Any, self: Value) -> Value:
    c = constant(other)
    return NotImplemented if c is NotImplemented else _record(op, (c, self))


def _operator(op: Op) -> tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]:
    """The methods ``value op other`` and ``other op value``."""
    function = op.function

    def left(self: Value, other: Any, modulus: Any = None) -> Any:  # Python passes a modulus to pow alone
        if modulus is not None:
            raise InputTypeError(f"pow(v, b, {modulus!r}) has no derivative; write pow(v, b) % {modulus!r}")
        try:
            if type(other) is Value:
                b = other._data
            elif type(other) is float:
                b = other
            elif type(other) is int:
                b = other = other + 0.0  # half the time of float(other)
            else:
                b = other = constant(other)
                if b is NotImplemented:
                    return b
            data = function(self._data, b)
        except ARITHMETIC:
            return _record(op, (self, other))
        if modes.active:
            return _record(op, (self, other))
        node = _blank()
        node._data = data
        node._operation = op
        node._a = self
        node._b = other
        node._seq = next(_numbers)
        node._sum = None
        return node

    def right(self: Value, other: Any) -> Any:
        return _reflected(op, other, self)

    left.__name__, right.__name__ = op.name, f"r{op.name}"
    return left, right


def _method(op: Op) -> Callable[[Value], Value]:
    """The method ``value.op()``."""
    function = op.function

    def method(self: Value) -> Value:
        if modes.active:
            return _record(op, (self,))
        try:
            data = function(self._data)
        except ARITHMETIC:
            return _record(op, (self,))
        node = _blank()
        node._data = data
        node._operation = op
        node._a = self
        node._b = None
        node._seq = next(_numbers)
        node._sum = None
        return node

    method.__name__, method.__qualname__ = op.name, f"Value.{op.name}"
    method.__doc__ = f"``autograd.{op.name}`` of this Value, also for numpy's object arrays."
    method.op = op  # type: ignore[attr-defined]
    return method


def _method2(op: Op) -> Callable[[Value, Any], Value]:
    """The method ``value.op(other)``."""

    def method(self: Value, other: Any) -> Any:
        return op(self, other)

    method.__name__, method.__qualname__ = op.name, f"Value.{op.name}"
    method.__doc__ = f"``autograd.{op.name}`` of this Value and another, also for numpy's object arrays."
    return method


def _comparison(compare: Callable[[Any, Any], Any], orders: bool = True) -> Callable[[Value, Any], bool]:
    def method(self: Value, other: Any) -> Any:
        if type(other) is Value:
            outcome = compare(self._data, other._data)
        elif is_number(other):
            outcome = bool(compare(self._data, other))
        else:
            return constant(other) if orders else NotImplemented
        if modes.active and modes.word() & modes.RECORD:
            modes.observed(compare.__name__, self, other, outcome)
        return outcome

    method.__name__ = f"__{compare.__name__}__"
    return method


def _refusal(name: str) -> Callable[[Value], Any]:
    def method(self: Value) -> Any:
        raise InputTypeError(
            f"{name}(v) would drop the gradient without a word, and so would math.sin(v). "
            f"For the number write v.data; for a function of v, autograd.sin(v). Here v is {self!r}"
        )

    return method


@final
class Value(metaclass=_ValueType):
    """A float that remembers how it was made, so that a result can be differentiated.

    Args:
        data: the number; bool, int, Fraction, Decimal and numpy scalars are converted.
        label: a name, for messages and pictures.

    Raises:
        InputTypeError: where data is no real number, or a Value already.

    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> loss = (a * b).tanh() + a
    >>> loss.backward()
    >>> round(a.grad, 6), round(b.grad, 6)
    (1.000074, 4.9e-05)
    """

    __slots__ = ("__weakref__", "_a", "_b", "_data", "_extra", "_grad", "_operation", "_seq", "_sum")
    # _a, _b   the inputs: a Value and at most one more in place, others as a tuple in _a and MANY in _b; None in a leaf
    # _operation  what made it; None in a leaf (_op is the text that micrograd has there)
    # _seq     its number in the order of creation
    # _sum     what a running pass has sent it so far, None outside a pass
    # _grad    its gradient; until it has one, None in a leaf, unset in an interior node
    # _extra   label, hooks and the like; unset in most nodes
    _data: float
    _grad: float | None
    _operation: Any
    _a: Any
    _b: Any
    _seq: int
    _sum: Any
    _extra: Extra

    if TYPE_CHECKING:

        def __init__(self, data: Number, label: str = "") -> None: ...

    def __init_subclass__(cls) -> None:
        raise InputTypeError("Value is final; hold one in an attribute of your class instead of inheriting")

    # ── The number and its gradient ─────────────────────────────────────────────────────────────────────────

    @property
    def data(self) -> float:
        """The number. It may be assigned on a leaf."""
        if modes.active:
            word = modes.word()
            if word & modes.RECORD:
                modes.observed("data", self)
            if word & modes.TRACE:
                note_read(self)
        return self._data

    @data.setter
    def data(self, data: Number) -> None:
        if self._operation is not None:
            raise InteriorError(
                f"the data of an interior node is what its op computed; this is {self!r}. "
                "Assign to its leaves and compute again, or take v.detach() and assign to that"
            )
        new = number(data, "data")
        _observed("data = …", self)
        self._assigned()
        self._data = new

    @property
    def grad(self) -> float:
        """d(result)/d(this), set by the result's `backward`; 0.0 until then. Assign a number, or None to clear it."""
        _observed("grad", self)
        try:
            grad = self._grad
        except AttributeError:
            return 0.0
        return 0.0 if grad is None else grad

    @grad.setter
    def grad(self, grad: Number | None) -> None:
        _observed("grad = …", self)
        self._grad = None if grad is None else number(grad, "a gradient")

    @property
    def has_grad(self) -> bool:
        """Whether it has a gradient: a pass reached it, or one was assigned, since the last clearing."""
        _observed("has_grad", self)
        return getattr(self, "_grad", None) is not None

    def backward(self, gradient: Number = 1.0, debug: bool = False) -> None:
        """Differentiate this result: set every interior node's gradient, add to every leaf's.

        Args:
            gradient: the gradient to start with, d(whatever)/d(this).
            debug: go back over the program's own lines, newest first, for a debugger to stop at: build the graph
                inside `autograd.trace`, set breakpoints on the lines that made it, and look at ``step`` there. The
                gradients are the same, bit for bit.

        Raises:
            StaleGraphError: where a leaf that a derivative needs was assigned since the forward pass.
            AnomalyError: inside `autograd.detect_anomaly`, where a contribution is nan or infinite.

        A pass that fails, also by Ctrl-C or in a hook, leaves the leaves' gradients as they were.

        >>> x = Value(3.0)
        >>> y = x * x * x
        >>> y.backward(); x.grad
        27.0
        >>> y.backward(); x.grad            # leaves add up until they are cleared; nothing else does
        54.0
        """
        _observed("backward()", self)
        start = number(gradient, "backward's gradient")
        if debug or (modes.active and modes.word() & (modes.ANOMALY | modes.DEBUG)):
            self._careful_backward(start, debug)
        else:
            chain.backward(self, start)

    def _careful_backward(self, gradient: float, debug: Any) -> None:
        """A backward pass that someone watches."""
        if debug:
            from .user_lines import backward
        elif modes.word() & modes.DEBUG:
            modes.debugger()(self, gradient)
            return
        else:
            from .explanation import backward
        backward(self, gradient)

    def item(self) -> float:
        """The number, under the name that torch gives it."""
        _observed("item()", self)
        if modes.active and modes.word() & modes.TRACE:
            note_read(self)
        return self._data

    def detach(self) -> Value:
        """A new leaf with this number, from which nothing leads back here.

        >>> Value(2.0).exp().detach().inputs
        ()
        """
        leaf = type(self)(self._data)
        leaf._block().detached = True
        if modes.active and modes.word() & modes.RECORD:
            modes.recorder().detached(leaf, self)
        return leaf

    def register_hook(self, hook: Callable[[Any], Any]) -> HookHandle:
        """Call ``hook(gradient)`` once a pass, when this node's gradient is complete; a returned number replaces it.

        On a leaf the gradient is this pass's sum, before it is added. In a pass that makes graphs it is a Value.

        Returns:
            A handle whose ``remove()`` takes the hook away.

        >>> x = Value(3.0)
        >>> handle = x.register_hook(lambda g: max(-1.0, min(1.0, g)))
        >>> (x * x).backward()
        >>> x.grad
        1.0
        """
        _observed("register_hook()", self)
        if not callable(hook):
            raise InputTypeError(f"a hook must be callable, as in v.register_hook(print), not {hook!r}")
        return HookHandle(self, hook)

    # ── The graph ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def inputs(self) -> tuple[Any, ...]:
        """What the op was given, Values and floats in order; () for a leaf."""
        a, b = self._a, self._b
        if b is chain.MANY:
            return a  # type: ignore[no-any-return]
        return () if a is None else (a,) if b is None else (a, b)

    @property
    def op(self) -> str:
        """The name of the op that made this node, "" for a leaf."""
        return "" if self._operation is None else self._operation.name

    @property
    def label(self) -> str:
        """A name, for messages and pictures; "" unless set."""
        return self._known().label

    @label.setter
    def label(self, label: str) -> None:
        label = checked_label(label)
        if label or self._known() is not _NO_EXTRA:
            self._block().label = label

    @property
    def module(self) -> str:
        """The path of the nn module that made this node, as in ``MLP.layers.0``; "" unless `autograd.trace` was on."""
        return self._known().module

    @property
    def source(self) -> Source | None:
        """The place in the program that made this node; None unless `autograd.trace` was on.

        >>> from autograd import trace
        >>> with trace():
        ...     y = Value(2.0).exp()
        >>> y.source.line, y.source.segment
        (2, 'Value(2.0).exp()')
        """
        made = self._known().source
        if made is None:
            return None
        from .source import placed

        return placed(*made)

    @property
    def is_parameter(self) -> bool:
        """Whether an optimiser may change this leaf: `nn.Parameter` makes such leaves."""
        return self._known().is_parameter

    @property
    def _prev(self) -> tuple[Value, ...]:
        """micrograd's name for the distinct input Values."""
        return tuple(dict.fromkeys(x for x in self.inputs if type(x) is not float))

    @property
    def _op(self) -> str:
        """The op as micrograd writes it: '+', '**2', 'ReLU'."""
        if self._operation is None:
            return ""
        power = self.inputs[-1]
        if self._operation is ops.pow and type(power) is float:
            return f"**{int(power) if power.is_integer() else power}"
        return str(self._operation.symbol)

    @property
    def _backward(self) -> Callable[[], None]:
        """micrograd's name for one step of the chain rule: ``v._backward()`` sends v's gradient to its inputs."""

        def push() -> None:
            _observed("_backward()", self)
            if self._operation is not None:
                for x, c in zip(self.inputs, chain.contributions(self, self.grad), strict=True):
                    if c is not None and type(x) is not float:
                        x._grad = x.grad + c

        return push

    @_backward.setter
    def _backward(self, function: object) -> None:
        raise InteriorError(_MAKE_AN_OP)

    @classmethod
    def _record(cls, op: Op, inputs: tuple[Any, ...]) -> Value:
        """A node of `op`, by the careful way that every other one may defer to: any inputs, any mode."""
        given = tuple(
            [x if type(x) in (cls, float) else number(x, f"input {i} of {op.name}") for i, x in enumerate(inputs, 1)]
        )
        if op.rule is None:
            raise RuleError(
                f"op {op.name!r} has no derivative yet: register one with @autograd.rule, "
                "or call it on numbers (v.data)"
            )
        word = modes.word() if modes.active else 0
        try:
            data = op.evaluate([x._data if type(x) is cls else x for x in given], given)
        except ARITHMETIC:
            if word & modes.RECORD:
                modes.recorder().raised(op)
            raise
        if word & modes.ANOMALY and not math.isfinite(data) and (word & modes.INFINITE or data != data):
            from .explanation import forward_anomaly

            raise forward_anomaly(op, given, data, cls)
        node = cls(data) if word & modes.NO_GRAD else cls._made(op, given, data)
        if word & modes.TRACE:
            note_source(node)
            block = node._block()
            block.module = modes.path()
            block.detached = bool(word & modes.NO_GRAD)
        if word & modes.RECORD:
            modes.recorder().made(node, op, given, bool(word & modes.NO_GRAD))
        return node

    @staticmethod
    def _made(op: Op, inputs: tuple[Any, ...], data: float) -> Value:
        """A node of what an op was given, and what it computed."""
        node = _blank()
        node._data = data
        node._operation = op
        if op.arity in (1, 2) and type(inputs[0]) is Value and op.first_rule is not None:
            node._a = inputs[0]
            node._b = inputs[1] if len(inputs) == 2 else None
        else:  # any number of inputs, or a constant first, or a rule that isn't ours and has to be checked
            node._a = inputs
            node._b = chain.MANY
        node._seq = next(_numbers)
        node._sum = None
        return node

    @staticmethod
    def _latest_assignment() -> int:
        """The number of the leaf whose data was assigned last."""
        return chain.latest_assignment

    def _assigned(self) -> None:
        """Note that this leaf's data was assigned: it is young again, and what used the old data is stale."""
        self._seq = chain.latest_assignment = next(_numbers)

    @staticmethod
    def _last_output() -> Value | None:
        """What this thread's last backward pass began with, where it still exists."""
        return chain.last_output()

    def _remember(self) -> None:
        """Note that this thread's last pass, which is over, began here."""
        chain.remember(self)

    @staticmethod
    def _gradients(roots: list[Value], xs: list[Value]) -> list[float | None] | None:
        """What reaches each of xs, where an engine has a faster way than `chain.gradients`, as this one has not."""
        return None

    @staticmethod
    def _ordered(roots: list[Value]) -> list[Value] | None:
        """`chain.topological_order`, where an engine has a faster way."""
        return None

    @staticmethod
    def _leading(roots: list[Value], xs: list[Value]) -> list[Value] | None:
        """`chain.leading`, where an engine has a faster way."""
        return None

    @staticmethod
    def _users(root: Value, value: Value) -> tuple[dict[Value, Value], dict[Value, list[Value]]] | None:
        """`chain.users`, where an engine has a faster way."""
        return None

    def _reaches_older(self, number: int) -> bool:
        """Whether this was computed from a node that was there before the one of that number."""
        if self._seq < number:
            return True
        return any(type(x) is not float and x._seq < number for v in chain.topological_order(self) for x in v.inputs)

    def _known(self) -> Extra:
        return getattr(self, "_extra", None) or _NO_EXTRA

    def _block(self) -> Extra:
        known = self._known()
        if known is _NO_EXTRA:
            known = self._extra = Extra()
        return known

    def _hooks(self) -> list[Callable[[Any], Any]]:
        return list(self._known().hooks.values())

    # ── Arithmetic. + and * are written out: as closures over operator.add they cost 1.2 times as much ──────

    def __add__(self, other: Any) -> Value:
        if type(other) is Value:
            data = self._data + other._data
        elif type(other) is float:
            data = self._data + other
        else:
            other = constant(other)
            if other is NotImplemented:
                return NotImplemented
            data = self._data + other
        if modes.active:
            return _record(_ADD, (self, other))
        node = _blank()
        node._data = data
        node._operation = _ADD
        node._a = self
        node._b = other
        node._seq = next(_numbers)
        node._sum = None
        return node

    def __mul__(self, other: Any) -> Value:
        if type(other) is Value:
            data = self._data * other._data
        elif type(other) is float:
            data = self._data * other
        else:
            other = constant(other)
            if other is NotImplemented:
                return NotImplemented
            data = self._data * other
        if modes.active:
            return _record(_MUL, (self, other))
        node = _blank()
        node._data = data
        node._operation = _MUL
        node._a = self
        node._b = other
        node._seq = next(_numbers)
        node._sum = None
        return node

    def __radd__(self, other: Any) -> Value:
        return _reflected(ops.add, other, self)

    def __rmul__(self, other: Any) -> Value:
        return _reflected(ops.mul, other, self)

    __sub__, __rsub__ = _operator(ops.sub)
    __truediv__, __rtruediv__ = _operator(ops.div)
    __floordiv__, __rfloordiv__ = _operator(ops.floordiv)
    __mod__, __rmod__ = _operator(ops.mod)
    __pow__, __rpow__ = _operator(ops.pow)

    def __divmod__(self, other: Any) -> tuple[Value, Value]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Value, Value]:
        return other // self, other % self

    __neg__ = _method(ops.neg)
    __pos__ = _method(ops.pos)
    __abs__ = _method(ops.abs)
    __floor__ = _method(ops.floor)
    __ceil__ = _method(ops.ceil)
    __trunc__ = _method(ops.trunc)

    def __round__(self, digits: int | None = None) -> Value:
        if digits is None:
            return ops.round(self)  # type: ignore[no-any-return]
        if type(digits) is not int:
            raise InputTypeError(f"round(v, digits) takes a whole number of digits, not {digits!r}")
        return ops.round_to(self, float(max(-400, min(400, digits))))  # type: ignore[no-any-return]

    # ── Functions, under the names that torch and numpy's ufuncs look for ───────────────────────────────────

    exp, exp2, expm1 = _method(ops.exp), _method(ops.exp2), _method(ops.expm1)
    log, log1p, log2, log10 = _method(ops.log), _method(ops.log1p), _method(ops.log2), _method(ops.log10)
    sqrt, cbrt = _method(ops.sqrt), _method(ops.cbrt)
    sin, cos, tan = _method(ops.sin), _method(ops.cos), _method(ops.tan)
    asin = arcsin = _method(ops.asin)
    acos = arccos = _method(ops.acos)
    atan = arctan = _method(ops.atan)
    atan2 = arctan2 = _method2(ops.atan2)
    sinh, cosh, tanh = _method(ops.sinh), _method(ops.cosh), _method(ops.tanh)
    asinh = arcsinh = _method(ops.asinh)
    acosh = arccosh = _method(ops.acosh)
    atanh = arctanh = _method(ops.atanh)
    hypot = _method2(ops.hypot)
    erf, erfc = _method(ops.erf), _method(ops.erfc)
    gamma, lgamma, digamma = _method(ops.gamma), _method(ops.lgamma), _method(ops.digamma)
    floor, ceil, trunc = __floor__, __ceil__, __trunc__
    rint = _method(ops.round)
    fabs = __abs__
    sign = _method(ops.sign)
    fmod, copysign = _method2(ops.fmod), _method2(ops.copysign)
    degrees = rad2deg = _method(ops.degrees)
    radians = deg2rad = _method(ops.radians)
    sigmoid, softplus, relu = _method(ops.sigmoid), _method(ops.softplus), _method(ops.relu)
    silu, softsign = _method(ops.silu), _method(ops.softsign)
    logaddexp = _method2(ops.logaddexp)

    # ── Comparisons are of numbers; "the same node" is `is` ─────────────────────────────────────────────────

    __eq__ = _comparison(operator.eq, orders=False)
    __ne__ = _comparison(operator.ne, orders=False)
    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        outcome = self._data != 0.0
        if modes.active and modes.word() & modes.RECORD:
            modes.observed("ne", self, 0.0, outcome)
        return outcome

    # ── What would lose the gradient ────────────────────────────────────────────────────────────────────────

    __float__ = _refusal("float")
    __int__ = _refusal("int")
    __complex__ = _refusal("complex")

    # ── As text, as a copy ──────────────────────────────────────────────────────────────────────────────────

    def __repr__(self) -> str:
        _observed("repr()", self)
        parts = [f"data={self._data!r}"]
        if self.has_grad:
            parts.append(f"grad={self._grad!r}")
        if self._operation is not None:
            parts.append(f"op={self._operation.name!r}")
        if self.label:
            parts.append(f"label={self.label!r}")
        if self._known().detached:
            parts.append("detached")
        return f"Value({', '.join(parts)})"

    def __format__(self, spec: str) -> str:
        _observed("format()", self)
        return format(self._data, spec) if spec else repr(self)

    def __copy__(self) -> Value:
        _observed("copy()", self)
        if self._operation is not None:
            chain.refuse_stale(self)  # the copy is younger than any leaf: it would pass for fresh
        twin: Value = _copy(self, self.inputs)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        """Copy the graph behind this node, oldest first, so that sharing, order and staleness are kept."""
        _observed("deepcopy()", self)
        nodes = [node for node in chain.topological_order(self) if id(node) not in memo]
        leaves = {x: None for node in nodes for x in node.inputs if type(x) is not float and x._operation is None}
        new = [*nodes, *(x for x in leaves if id(x) not in memo)] or [self]
        for old in sorted(new, key=_age):
            memo[id(old)] = twin = _copy(old, [x if type(x) is float else memo[id(x)] for x in old.inputs])
        for node in nodes:
            twin = memo[id(node)]
            for x, y in zip(node.inputs, twin.inputs, strict=True):
                if type(x) is not float and x._operation is None and y._seq < twin._seq and x._seq > node._seq:
                    y._assigned()
        return memo[id(self)]  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> Any:
        _observed("pickling", self)
        if self._operation is not None:
            raise CopyError(
                f"an interior node can't be pickled: {self!r} is only the end of a graph. Save the numbers it was "
                "made from, as nn's Module.state_dict() does, and compute it again; for its number alone, v.detach()"
            )
        known = self._known()
        grad = self.grad if self.has_grad else None
        return _unpickled, (self._data, grad, known.label, known.is_parameter, known.detached, known.spread)


_blank: Final[Callable[[], Value]] = type.__call__.__get__(Value, _ValueType)
_record: Final = Value._record
_rules: Final = rules  # imported for its effect: every op gets its derivative
_ADD: Final = ops.add
_MUL: Final = ops.mul


def _leaf(data: float, label: str) -> Value:
    leaf = _blank()
    leaf._data = data
    leaf._a = leaf._b = leaf._sum = leaf._grad = leaf._operation = None
    leaf._seq = next(_numbers)
    if label != "":
        leaf.label = label
    return leaf


def _age(node: Any) -> tuple[bool, int]:
    """Leaves first: they may be younger than what was made of them."""
    return node._operation is not None, node._seq


def _copy(old: Any, inputs: Sequence[Any]) -> Any:
    """The same node once more, younger, made of these inputs, without its hooks."""
    Value = type(old)
    new = Value(old._data) if old._operation is None else Value._made(old._operation, tuple(inputs), old._data)
    if old.has_grad:
        new._grad = old.grad
    known = old._known()
    if known is not _NO_EXTRA:
        block = new._block()
        for fact in ("label", "source", "module", "is_parameter", "detached", "spread"):
            setattr(block, fact, getattr(known, fact))
    return new


def _unpickled(
    data: float, grad: float | None, label: str, is_parameter: bool, detached: bool, spread: Any = None
) -> Any:
    leaf = sys.modules[__package__].Value(data, label)  # of the engine in use, whichever wrote it
    leaf.grad = grad
    if is_parameter or detached or spread:
        block = leaf._block()
        block.is_parameter, block.detached, block.spread = is_parameter, detached, spread
    return leaf


class HookHandle:
    """What `register_hook` returns; ``remove()`` takes the hook away, and a second time does nothing."""

    __slots__ = ("_block", "_key")

    def __init__(self, node: Any, hook: Callable[[Any], Any]) -> None:
        self._key, self._block = next(_numbers), node._block()
        self._block.hooks[self._key] = hook
        chain.hooked.add(self._block)

    def remove(self) -> None:
        """Take the hook away."""
        self._block.hooks.pop(self._key, None)
        if not self._block.hooks:
            chain.hooked.discard(self._block)
