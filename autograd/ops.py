"""The alphabet: every primitive operation, one literal row each.

A row says what an op computes on floats, where it can, and what IEEE arithmetic answers where it cannot.
How an op is differentiated stands in rules.py, once.

An `Op` is callable. Given numbers it returns a float; given a node it asks the node's type to record it,
so this module needs to know nothing of graphs.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from numbers import Complex, Number, Real
from types import ModuleType
from typing import Any

from . import modes, special
from .errors import InputTypeError, RangeError, RuleError, forward_error

inf, nan = math.inf, math.nan
ARITHMETIC = (ValueError, OverflowError, ZeroDivisionError)


def is_number(x: object) -> bool:
    """Whether x counts as a real number: bool, int, float, Fraction, Decimal, numpy's scalars."""
    kind = type(x)
    if kind is float or kind is int:
        return True
    if isinstance(x, Number):
        return isinstance(x, Real) or not isinstance(x, Complex)  # Decimal is a Number, and no Complex
    return kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_")


def number(x: object, what: str = "a number") -> float:
    """x as a float, or an `InputTypeError` that says what to do instead.

    >>> number(2), number(True)
    (2.0, 1.0)
    """
    if type(x) is float:
        return x
    if is_number(x):
        try:
            y = float(x)  # type: ignore[arg-type]
        except OverflowError:
            y = inf
        except (TypeError, ValueError) as cause:
            raise InputTypeError(f"{what} must be a real number, not {x!r}: {cause}") from None
        if math.isinf(y) and x != y:
            raise RangeError(f"{what}: {type(x).__name__} too large for a float; scale it first")
        return y
    name = type(x).__name__
    if isinstance(x, str):
        remedy = f"write float({x!r})" if _parses(x) else "it holds no number either"
    elif x is None:
        remedy = "a function that lacks a return gives None"
    elif isinstance(x, Complex):
        remedy = "derivatives here are of real numbers; pass .real and .imag separately"
    elif hasattr(type(x), "_record"):
        remedy = "it is a Value already; for its number write v.data, for a new leaf v.detach()"
    elif hasattr(x, "__len__") or hasattr(x, "shape"):
        remedy = "pass its numbers one by one, as [Value(x) for x in xs]"
    else:
        remedy = "pass a float"
    raise InputTypeError(f"{what} must be a real number, not {name}: {remedy}")


def _parses(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return len(text) < 40


class Op:
    """A primitive operation on numbers.

    Args:
        name: what it is called, in graphs and messages.
        arity: how many inputs it takes; None for any number of them.
        function: from floats to a float; raises ValueError, OverflowError or ZeroDivisionError.
        symbol: how micrograd's ``_op`` and drawings write it; the name unless given.
        needs: for the message of a failed call: the domain, then the remedy.
        limit: what IEEE arithmetic answers where ``function`` raises; nan unless given.
        pole: where a failure is a division by zero.

    Raises:
        RuleError: where name, arity or function can't make an op.

    A new op computes at once and is differentiated once a rule is registered for it:

    >>> import autograd
    >>> cube = autograd.Op("cube", 1, lambda a: a * a * a)
    >>> @autograd.rule(cube)
    ... def cube_rule(g, y, a):
    ...     return (g * 3.0 * a * a,)
    >>> x = autograd.Value(2.0)
    >>> cube(x).backward()
    >>> x.grad
    12.0
    """

    __slots__ = (
        "_reads",
        "arity",
        "c",
        "first_rule",
        "float_rule",
        "function",
        "limit",
        "name",
        "needs",
        "pole",
        "rule",
        "symbol",
    )

    def __init__(
        self,
        name: str,
        arity: int | None,
        function: Callable[..., float],
        *,
        symbol: str = "",
        needs: str = "",
        limit: Callable[..., float] | None = None,
        pole: Callable[..., bool] | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise RuleError(f"an op's name must be a non-empty str, not {name!r}")
        if arity is not None and (type(arity) is not int or arity < 1):
            raise RuleError(f"op {name!r}: arity must be a whole number >= 1, or None for any, not {arity!r}")
        if not callable(function):
            raise RuleError(f"op {name!r}: its float function must be callable, not {function!r}")
        for fact, given in (("symbol", symbol), ("needs", needs)):
            if not isinstance(given, str):
                raise RuleError(f"op {name!r}: {fact} must be a str, not {given!r}")
        for fact, answer in (("limit", limit), ("pole", pole)):
            if answer is not None and not callable(answer):
                raise RuleError(f"op {name!r}: {fact} must be a function of the inputs, not {answer!r}")
        self.name = name
        self.arity = arity
        self.function = function
        self.symbol = symbol or name
        self.needs = needs
        self.limit = limit
        self.pole = pole
        self.c = ""  # a built-in op's float function as C, where it is not printed from the Python text
        self.rule: Callable[..., Sequence[Any]] | None = None  # on anything with arithmetic
        self.float_rule: Callable[..., Sequence[Any]] | None = None  # the same text, ops bound to float functions
        self.first_rule: Callable[..., Any] | None = None  # on floats too: what is sent to the first input alone
        self._reads: frozenset[int] | None = None

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> str:
        return self.name  # there is one of each: a copy is the op itself, and a built-in one pickles by name

    def __call__(self, *inputs: Any) -> Any:
        """Compute: a float from numbers, a new node where an input is a node."""
        if self.arity is not None and len(inputs) != self.arity:
            raise InputTypeError(f"{self.name} takes {self.arity} input{'s' * (self.arity > 1)}, not {len(inputs)}")
        for x in inputs:
            if type(x) is not float and hasattr(type(x), "_record"):
                return type(x)._record(self, inputs)
        floats = tuple([number(x, f"input {i} of {self.name}") for i, x in enumerate(inputs, 1)])
        return self.evaluate(floats, floats)

    def evaluate(self, floats: Sequence[float], inputs: tuple[Any, ...]) -> float:
        """The value on floats; in `ieee` mode inf or nan where the function raises. Messages name `inputs`."""
        try:
            y = self.function(*floats)
        except ARITHMETIC as cause:
            if modes.active and modes.word() & modes.IEEE:
                return nan if self.limit is None else self.limit(*floats)
            raise forward_error(self, inputs, cause) from None
        return y if type(y) is float else number(y, f"the result of op {self.name!r}")

    def is_pole(self, *floats: float) -> bool:
        """Whether a failure at these floats is a division by zero."""
        return self.pole is not None and self.pole(*floats)

    def reads(self, i: int) -> bool:
        """Whether the rule's text reads the i-th input: if not, a changed input can't make it wrong."""
        if self._reads is None:
            assert self.rule is not None
            import dis  # only a suspected stale graph asks

            code = self.rule.__code__
            loaded: set[str] = set()
            for step in dis.get_instructions(code):
                if step.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE")):
                    loaded.update(step.argval if isinstance(step.argval, tuple) else (step.argval,))
            fixed = code.co_varnames[2 : code.co_argcount]
            reads = {k for k, name in enumerate(fixed) if name in loaded}
            if code.co_flags & 0x04 and code.co_varnames[code.co_argcount + code.co_kwonlyargcount] in loaded:
                reads.add(-1)  # *inputs: read as a whole
            self._reads = frozenset(reads)
        return i in self._reads or -1 in self._reads


floats = ModuleType("floats")  # every built-in op's bare float function, for rules that run on floats


def _op(
    name: str, arity: int | None, function: Callable[..., float], symbol: str = "", *, c: str = "", **facts: Any
) -> Op:
    setattr(floats, name, function)
    op = Op(name, arity, function, symbol=symbol, **facts)
    op.c = c
    return op


# ── Where IEEE arithmetic has an answer other than nan ──────────────────────────────────────────────────────


def _odd(b: float) -> bool:
    return b % 2.0 == 1.0


def _div_limit(a: float, b: float) -> float:
    return nan if a == 0.0 or a != a else math.copysign(inf, math.copysign(1.0, a) * math.copysign(1.0, b))


def _pow_limit(a: float, b: float) -> float:
    if a == 0.0:
        return math.copysign(inf, a) if _odd(b) else inf
    if a < 0.0 and b != math.floor(b):
        return nan
    return -inf if a < 0.0 and _odd(b) else inf


def _gamma_limit(a: float) -> float:
    return math.copysign(inf, a) if a == 0.0 else inf if a > 0.0 else nan


def _digamma_limit(a: float) -> float:
    return -math.copysign(inf, a) if math.fabs(a) < 1.0 else nan


def _polygamma_limit(n: float, a: float) -> float:
    if not math.isfinite(n) or n != math.floor(n) or n < 0.0 or a != a or a == -inf:
        return nan
    if n % 2.0 == 1.0:
        return inf
    if a < 0.0 and a == math.floor(a):
        return nan
    return -math.copysign(inf, a if a > 0.0 else a - builtins.round(a))


def _log_limit(at: float) -> Callable[[float], float]:
    return lambda a: -inf if a == at else nan


def _step_limit(a: float, *digits: float) -> float:
    return a


def _is_zero_divisor(a: float, b: float) -> bool:
    return b == 0.0


# ── The table ───────────────────────────────────────────────────────────────────────────────────────────────

LOG_NEEDS = "needs a > 0; for |a| write log(abs(a))"
TURN = "needs a finite angle"

# In C an op is a formula of a and b, or of n numbers x; it has the bits of the float function wherever that does not
# raise. One with no C here is printed from its Python text, or calls it: `math` has a gamma and a hypot of its own.

# fmt: off
# name                      arity  float function               symbol   in C                    what else there is to know
add = _op("add",                2, operator.add,                "+",     c="a + b")
sub = _op("sub",                2, operator.sub,                "-",     c="a - b")
mul = _op("mul",                2, operator.mul,                "*",     c="a * b")
div = _op("div",                2, operator.truediv,            "/",     c="a / b",              limit=_div_limit, pole=_is_zero_divisor)
floordiv = _op("floordiv",      2, operator.floordiv,           "//",    c="floordiv(a, b)",     limit=_div_limit, pole=_is_zero_divisor)
mod = _op("mod",                2, operator.mod,                "%",     c="mod(a, b)",          pole=_is_zero_divisor)
pow = _op("pow",                2, math.pow,                    "**",    c="b == 1.0 ? a : pow(a, b)", limit=_pow_limit, pole=lambda a, b: a == 0.0,
          needs="A negative base needs a whole exponent, and 0 one that is >= 0; for a real cube root write cbrt(a).")
neg = _op("neg",                1, operator.neg,                         c="-a")
pos = _op("pos",                1, operator.pos,                         c="a")
abs = _op("abs",                1, operator.abs,                         c="fabs(a)")

exp = _op("exp",                1, math.exp,                             c="exp(a)",             limit=lambda a: inf)
exp2 = _op("exp2",              1, math.exp2,                            c="exp2(a)",            limit=lambda a: inf)
expm1 = _op("expm1",            1, math.expm1,                           c="expm1(a)",           limit=lambda a: inf)
log = _op("log",                1, math.log,                             c="log(a)",             limit=_log_limit(0.0), needs=f"log {LOG_NEEDS}.")
log2 = _op("log2",              1, math.log2,                            c="log2(a)",            limit=_log_limit(0.0), needs=f"log2 {LOG_NEEDS}.")
log10 = _op("log10",            1, math.log10,                           c="log10(a)",           limit=_log_limit(0.0), needs=f"log10 {LOG_NEEDS}.")
log1p = _op("log1p",            1, math.log1p,                           c="log1p(a)",           limit=_log_limit(-1.0), needs="log1p needs a > -1.")
sqrt = _op("sqrt",              1, math.sqrt,                            c="sqrt(a)",            needs="sqrt needs a >= 0; for |a| write sqrt(abs(a)).")
cbrt = _op("cbrt",              1, math.cbrt,                            c="cbrt(a)")

sin = _op("sin",                1, math.sin,                             c="sin(a)",             needs=f"sin {TURN}.")
cos = _op("cos",                1, math.cos,                             c="cos(a)",             needs=f"cos {TURN}.")
tan = _op("tan",                1, math.tan,                             c="tan(a)",             needs=f"tan {TURN}.")
asin = _op("asin",              1, math.asin,                            c="asin(a)",            needs="asin needs -1 <= a <= 1; clamp(a, -1, 1) keeps it there.")
acos = _op("acos",              1, math.acos,                            c="acos(a)",            needs="acos needs -1 <= a <= 1; clamp(a, -1, 1) keeps it there.")
atan = _op("atan",              1, math.atan,                            c="atan(a)")
atan2 = _op("atan2",            2, math.atan2,                           c="atan2(a, b)")
sinh = _op("sinh",              1, math.sinh,                            c="sinh(a)",            limit=lambda a: math.copysign(inf, a))
cosh = _op("cosh",              1, math.cosh,                            c="cosh(a)",            limit=lambda a: inf)
tanh = _op("tanh",              1, math.tanh,                            c="tanh(a)")
asinh = _op("asinh",            1, math.asinh,                           c="asinh(a)")
acosh = _op("acosh",            1, math.acosh,                           c="acosh(a)",           needs="acosh needs a >= 1.")
atanh = _op("atanh",            1, math.atanh,                           c="atanh(a)",           limit=lambda a: a * inf if a * a == 1.0 else nan,
            needs="atanh needs -1 < a < 1.")
sech2 = _op("sech2",            1, special.sech2)
hypot = _op("hypot",         None, math.hypot)

erf = _op("erf",                1, math.erf,                             c="erf(a)")
erfc = _op("erfc",              1, math.erfc,                            c="erfc(a)")
gamma = _op("gamma",            1, math.gamma,                           limit=_gamma_limit, needs="gamma has poles at 0, -1, -2, …")
lgamma = _op("lgamma",          1, math.lgamma,                          limit=lambda a: inf, needs="lgamma has poles at 0, -1, -2, …")
digamma = _op("digamma",        1, special.digamma,                      limit=_digamma_limit,
              needs="digamma has poles at 0, -1, -2, …")
polygamma = _op("polygamma",    2, special.polygamma,                    limit=_polygamma_limit,
                needs="polygamma(n, x) needs a whole n >= 0, and has poles at x = 0, -1, -2, …")

floor = _op("floor",            1, lambda a: float(math.floor(a)),       c="floor(a) + 0.0",     limit=_step_limit, needs="floor needs a finite number.")
ceil = _op("ceil",              1, lambda a: float(math.ceil(a)),        c="ceil(a) + 0.0",      limit=_step_limit, needs="ceil needs a finite number.")
trunc = _op("trunc",            1, lambda a: float(math.trunc(a)),       c="trunc(a) + 0.0",     limit=_step_limit, needs="trunc needs a finite number.")
round = _op("round",            1, lambda a: float(builtins.round(a)),   c="rint(a) + 0.0",      limit=_step_limit, needs="round needs a finite number.")
round_to = _op("round_to",      2, lambda a, digits: builtins.round(a, int(digits)), limit=_step_limit)
sign = _op("sign",              1, special.sign)
fmod = _op("fmod",              2, math.fmod,                            c="fmod(a, b)",         needs="fmod needs a finite a and b != 0.")
copysign = _op("copysign",      2, math.copysign,                        c="copysign(a, b)")
degrees = _op("degrees",        1, math.degrees,                         c="a * 57.29577951308232")
radians = _op("radians",        1, math.radians,                         c="a * 0.017453292519943295")

sigmoid = _op("sigmoid",        1, special.sigmoid)
sigmoid_slope = _op("sigmoid_slope", 1, special.sigmoid_slope)
softplus = _op("softplus",      1, special.softplus)
relu = _op("relu",              1, special.relu,                "ReLU")
leaky_relu = _op("leaky_relu",  2, special.leaky_relu)
elu = _op("elu",                2, special.elu)
normal_cdf = _op("normal_cdf",  1, special.normal_cdf)
gelu = _op("gelu",              1, special.gelu)
gelu_tanh = _op("gelu_tanh",    1, special.gelu_tanh)
silu = _op("silu",              1, special.silu)
silu_slope = _op("silu_slope",  1, special.silu_slope)
softsign = _op("softsign",      1, special.softsign)

clamp = _op("clamp",            3, special.clamp)
where = _op("where",            3, special.where)
logaddexp = _op("logaddexp",    2, special.logaddexp)
xlogy = _op("xlogy",            2, special.xlogy,                        limit=lambda a, b: -a * inf if b == 0.0 else nan,
            needs="xlogy(a, b) needs b > 0, or a = 0.")

maximum = _op("maximum",     None, special.maximum,                      c="maximum(x, n)")
minimum = _op("minimum",     None, special.minimum,                      c="minimum(x, n)")
sum = _op("sum",             None, special.add_up,              "Σ",     c="add_up(x, n)")
fsum = _op("fsum",           None, special.fsum,                         limit=special.add_up)
mean = _op("mean",           None, special.mean,                         c="mean(x, n)")
prod = _op("prod",           None, special.prod,                "Π",     c="prod(x, n)")
dot = _op("dot",             None, special.dot,                          c="dot(x, n)")
sumprod = _op("sumprod",     None, special.sumprod,                      limit=special.dot)
peak = _op("peak",           None, special.peak,                         c="peak(x, n)")
logsumexp = _op("logsumexp", None, special.logsumexp,                    c="logsumexp(x, n)")
softmax = _op("softmax",     None, special.softmax,                      c="softmax(x, n)")
log_softmax = _op("log_softmax", None, special.log_softmax,              c="log_softmax(x, n)")
pick = _op("pick",           None, special.pick,                         c="pick(x, n)")
# fmt: on
