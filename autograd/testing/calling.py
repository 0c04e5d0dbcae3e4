"""How a hand-written forward or backward pass wants to be called, and what it gave back.

Nobody writes these with one signature, so the ways are tried in order: first by the names of the function's parameters,
then by their number. What a backward pass returns is matched to the parameters by name, by order, by shape.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import InputError
from ..ops import is_number
from . import trees
from .arrays import np

WHOLE = {"params", "parameters", "param", "p", "theta", "thetas", "weights", "w", "net", "model", "state", "wb"}
X = {"x", "xs", "inputs", "input", "data", "features", "sample", "samples", "a0", "batch_x", "x_train", "xb"}
Y = {"y", "ys", "t", "ts", "target", "targets", "label", "labels", "y_true", "truth", "expected", "d", "y_train", "yb"}
OUT = {"out", "output", "outputs", "pred", "preds", "y_pred", "y_hat", "yhat", "prediction", "predictions", "probs"}
CACHE = {"cache", "caches", "memory", "ctx", "context", "saved", "activations", "fwd", "forward_cache", "intermediates"}
RATE = {"lr", "learning_rate", "eta", "alpha", "rate", "step_size"}

Way = tuple[tuple[str, Any], ...]  # for each argument: where it is taken from


class Pool:
    """What a student's function can be called with.

    Args:
        parameters: the tree that is differentiated by.
        data: the other arguments, inputs first, then targets.
        named: arguments to pass by the names they have.
        rate: a learning rate, for functions that take a step.
    """

    def __init__(self, parameters: Any, data: Sequence[Any], named: Mapping[str, Any], rate: float | None) -> None:
        self.parameters, self.data, self.named, self.rate = parameters, list(data), dict(named), rate
        self.returned: list[Any] = []  # what the forward pass gave, flat: its results one by one
        self.result: Any = None

    def give_back(self, result: Any) -> None:
        """Note what the forward pass returned, for the backward pass."""
        self.result = result
        self.returned = list(result) if isinstance(result, tuple) else [result]

    def take(self, place: tuple[str, Any]) -> Any:
        """What stands at a place."""
        kind, key = place
        if kind == "parameter":
            return self.parameters[key]
        if kind == "cached":
            return next(r for r in self.returned if isinstance(r, dict) and key in r)[key]
        if kind in ("data", "named", "returned"):
            return getattr(self, kind)[key]
        return getattr(self, kind)  # parameters, rate, result

    def parts(self) -> list[tuple[str, Any]]:
        """The parameters one by one."""
        if isinstance(self.parameters, dict):
            return [("parameter", key) for key in self.parameters]
        count = len(self.parameters) if isinstance(self.parameters, (list, tuple)) else 0
        return [("parameter", i) for i in range(count)]

    def called(self, name: str) -> tuple[str, Any] | None:
        """What a parameter of that name means."""
        low = name.lower()
        if name in self.named:
            return "named", name
        if isinstance(self.parameters, dict):
            alike = [key for key in self.parameters if isinstance(key, str) and key.lower() == low]
            if name in self.parameters or len(alike) == 1:
                return "parameter", name if name in self.parameters else alike[0]
        for r in self.returned:
            if isinstance(r, dict) and name in r:
                return "cached", name
        if low in RATE and self.rate is not None:
            return "rate", None
        if low in X and self.data:
            return "data", 0
        if low in Y and len(self.data) > 1:
            return "data", 1
        if low in CACHE and self.returned:
            extra = [i for i, r in enumerate(self.returned) if isinstance(r, (dict, list, tuple))]
            return ("returned", extra[-1]) if extra else ("result", None)
        if low in OUT and self.returned:
            return "returned", 0
        if low in WHOLE:
            return "parameters", None
        return None

    def ways(self, function: Callable[..., Any]) -> Iterator[Way]:
        """The ways to call it, likeliest first."""
        try:
            declared = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some built-in functions have none
            declared = []
        fixed = [p for p in declared if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        variadic = not declared or any(p.kind is p.VAR_POSITIONAL for p in declared)
        least = sum(p.default is p.empty for p in fixed)
        most = 99 if variadic else len(fixed)
        whole, parts = [("parameters", None)], self.parts()
        data = [("data", i) for i in range(len(self.data))]
        returned = [("returned", i) for i in range(len(self.returned))]
        known = [self.called(p.name) for p in fixed]
        if not variadic:
            yield from self._by_name(fixed, known, returned)
        spread: list[list[tuple[str, Any]]] = [whole, parts] if parts else [whole]
        for p in spread:
            for d in (data, data[:1]):
                for more in ([], returned, [("result", None)]):
                    for way in ([*p, *d, *more], [*d, *p, *more], [*more, *p, *d], [*p, *more, *d], [*d, *more, *p]):
                        if least <= len(way) <= most:
                            yield tuple(way)
                        if self.rate is not None and least <= len(way) + 1 <= most:
                            yield (*way, ("rate", None))
        for more in (returned, [("result", None)]):
            for way in ([*more, *data], [*data, *more], [*more, *data[1:]], [*data[1:], *more], more):
                if least <= len(way) <= most:
                    yield tuple(way)

    def _by_name(
        self, fixed: list[inspect.Parameter], known: list[tuple[str, Any] | None], returned: list[tuple[str, Any]]
    ) -> Iterator[Way]:
        """Each parameter by its name; those whose names say nothing are filled with what is left over, in order."""
        needed = [k for p, k in zip(fixed, known, strict=True) if p.default is p.empty or k is not None]
        if all(k is not None for k in needed):
            yield tuple(k for k in needed if k is not None)
        if not any(k is not None and k[0] in ("parameter", "parameters") for k in needed):
            return  # what it calls by another name may be the parameters
        unnamed = [("data", i) for i in range(len(self.data)) if ("data", i) not in known]
        for rest in (returned, [r for r in returned if r not in known], unnamed):
            spare = iter(rest)
            way = [k or next(spare, None) for k in needed]
            if all(k is not None for k in way):
                yield tuple(k for k in way if k is not None)


class Caller:
    """A student's function, and the way it is called once one worked."""

    def __init__(self, function: Callable[..., Any], what: str) -> None:
        self.function, self.what = function, what
        self.way: Way | None = None

    def __call__(self, pool: Pool) -> Any:
        """Call it with what the pool holds; the first way that works is kept.

        Raises:
            InputError: where no way works; with what the likeliest one raised.
        """
        if self.way is not None:
            return self.function(*[pool.take(place) for place in self.way])
        first: Exception | None = None
        for way in dict.fromkeys(pool.ways(self.function)):
            trial = copy.deepcopy(pool)
            try:
                result = self.function(*[trial.take(place) for place in way])
            except Exception as error:  # whatever a wrong argument makes it raise
                first = first or error
                continue
            if self.fits(result, pool):
                self.way = way
                return self.function(*[pool.take(place) for place in way])
        raise InputError(
            f"the {self.what} {_name(self.function)} can't be called with these parameters and data"
            f"{f' ({type(first).__name__}: {first})' if first else ''}; pass a lambda that takes (parameters, *data)"
        )

    def fits(self, result: Any, pool: Pool) -> bool:
        """Whether a result is one that such a function may have."""
        if self.what == "backward pass":
            return result is not None or pool.rate is not None
        return any(isinstance(x, (int, float, np.number)) for _, x in trees.items(result))


def _name(function: Any) -> str:
    return getattr(function, "__name__", repr(function))


# ── What came back ──────────────────────────────────────────────────────────────────────────────────────────


def arrays(parameters: Any) -> list[tuple[str, Any]]:
    """The parameters as named arrays: those of a dict by key, of a list by place; lists of numbers count as arrays."""
    if isinstance(parameters, dict):
        found = []
        for key, x in parameters.items():
            inner = arrays(x) if isinstance(x, dict) or _holds_arrays(x) else [("", np.asarray(x, float))]
            found += [(f"{key}{name and '.' + name}", a) for name, a in inner]
        return found
    separate = isinstance(parameters, tuple) and all(is_number(x) for x in parameters)
    if isinstance(parameters, (list, tuple)) and (separate or _holds_arrays(parameters) or not _is_regular(parameters)):
        found = []
        for i, x in enumerate(parameters):
            found += [(f"[{i}]{'' if name[:1] in ('', '[') else '.'}{name}", a) for name, a in arrays(x)]
        return found
    return [("", np.asarray(parameters, float))]


def _holds_arrays(x: Any) -> bool:
    """Whether a list is one of several arrays, not one array written as a list."""
    if not isinstance(x, (list, tuple)) or not x:
        return False
    if any(isinstance(a, dict) or trees.is_array(a) for a in x):
        return True
    return all(isinstance(a, (list, tuple)) for a in x) and len({np.ndim(a) if _is_regular(a) else -1 for a in x}) > 1


def _is_regular(x: Any) -> bool:
    try:
        return bool(np.asarray(x, float).dtype == float)
    except (TypeError, ValueError):
        return False


def bare(name: Any) -> str:
    """A gradient's name without what says that it is one: dW1, grad_W1, W1_grad, d_w1 are w1.

    >>> [bare(name) for name in ("dW1", "grad_W1", "W1_grad", "d_b1", "db1")]
    ['w1', 'w1', 'w1', 'b1', 'b1']
    """
    text = re.sub(r"(?i)^(gradient|grad|delta|d)_?l?_?(?:d_?)?(?=[a-z])|_?(gradients?|grads?)$", "", str(name))
    return text.lower().replace("_", "")


def gradient_arrays(result: Any, named: list[tuple[str, Any]], parameters: Any) -> list[Any]:
    """What a backward pass returned: an array for each of the parameters `named`, None where there is none.

    Raises:
        InputError: where it holds no gradients.
    """
    found = _gradients(result, named, parameters)
    if found is None:
        raise InputError(
            f"the backward pass returned {type(result).__name__} {str(result)[:80]!r}, in which no gradients are found "
            f"for {[name for name, _ in named]}; return them in a dict with these names, or a tuple in this order"
        )
    return found


def grouped(
    forward: Callable[..., Any], backward: Callable[..., Any] | None, arguments: Sequence[Any], named: Mapping[str, Any]
) -> list[Any]:
    """The arguments with the parameters in one, where they were given one by one: as many as there are gradients.

    They stand in a dict under the names that the function gives them, where it has any.
    """
    if len(arguments) < 2 or named:
        return list(arguments)
    try:
        with np.errstate(all="ignore"):
            value = forward(*copy.deepcopy(arguments))
            result = value if backward is None else backward(*copy.deepcopy(arguments))
    except Exception:  # it is called in another way
        return list(arguments)
    loss = value[0] if isinstance(value, tuple) and value else value
    if backward is None and isinstance(result, tuple):
        result = result[1] if len(result) == 2 else result[1:]
    elif isinstance(result, tuple) and len(result) > 1 and _is_scalar(loss) and _is_scalar(result[0]):
        with_loss = float(result[0]) == float(loss)
        result = result if not with_loss else result[1] if len(result) == 2 else result[1:]
    names = [n for f in (forward, backward) if f is not None for n in [_positional(f)] if len(n) >= len(arguments)]
    if isinstance(result, dict):
        keys = {bare(key) for key in result}
        first = next((n for n in names if bare(n[0]) in keys), [])
        count = next((i for i, name in enumerate(first[: len(arguments)]) if bare(name) not in keys), 0)
    else:
        count = len(result) if isinstance(result, (list, tuple)) else 0
        if not 2 <= count <= len(arguments):
            return list(arguments)
        fitting = sum(_form(g) == _form(a) for g, a in zip(result, arguments, strict=False))
        count = count if 2 * fitting >= count else 0
    if count < 2:
        return list(arguments)
    parameters = arguments[:count]
    return [dict(zip(names[0], parameters, strict=False)) if names else tuple(parameters), *arguments[count:]]


def _positional(function: Callable[..., Any]) -> list[str]:
    try:
        declared = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in declared if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _form(x: Any) -> list[tuple[int, ...]] | None:
    """The shapes of the arrays that something holds, None where it holds something else."""
    try:
        return [a.shape for _, a in arrays(x)]
    except (TypeError, ValueError):
        return None


def _is_scalar(x: Any) -> bool:
    return is_number(x) or (isinstance(x, (np.ndarray, np.generic)) and x.ndim == 0)


def _gradients(result: Any, named: list[tuple[str, Any]], parameters: Any) -> list[Any] | None:
    pair = isinstance(result, tuple) and len(result) == 2 and _is_scalar(result[0])
    if (
        pair
        and len(named) > 1
        and not (len(named) == 2 and named[0][1].size == 1 and np.ndim(_plain(result[1])) == named[1][1].ndim)
    ):
        return _gradients(result[1], named, parameters)  # the loss, then the gradients
    if isinstance(result, dict):
        keys = {bare(key): x for key, x in result.items()}
        names = [str(name) for name, _ in named]
        if any(bare(name) in keys or name.lower().replace("_", "") in keys for name in names):
            return [
                None if (g := keys.get(name.lower().replace("_", ""), keys.get(bare(name)))) is None else _plain(g)
                for name in names
            ]
        try:
            inner = dict(arrays(result))
        except (TypeError, ValueError):
            return None
        return _by_shape(list(inner.values()), named)
    if result is None:
        return None
    if isinstance(result, (list, tuple)) and len(named) > 1:
        try:
            inner_list = [a for _, a in arrays(result)] if not _all_none(result) else []
        except (TypeError, ValueError):
            inner_list = [_plain(x) for x in result]
        items: list[Any] = inner_list
        if len(result) == len(named):
            items = [None if x is None else _plain(x) for x in result]
        if len(items) == len(named) + 1:
            items = items[1:] if np.ndim(items[0]) == 0 else items[:-1] if np.ndim(items[-1]) == 0 else items
        return _by_shape(items, named)
    if len(named) == 1:
        if isinstance(result, tuple) and _is_regular(result) and np.size(result) == named[0][1].size:
            return [_plain(result)]
        if isinstance(result, tuple) and len(result) == 2 and _is_scalar(result[0]):
            result = result[1]
        return [_plain(result)]
    flat = _plain(result)
    if isinstance(flat, np.ndarray) and flat.size == sum(a.size for _, a in named):
        ends = np.cumsum([a.size for _, a in named])[:-1]
        return [part.reshape(a.shape) for part, (_, a) in zip(np.split(flat.ravel(), ends), named, strict=True)]
    return None


def _all_none(xs: Sequence[Any]) -> bool:
    return all(x is None for x in xs)


def _plain(x: Any) -> Any:
    try:
        return np.asarray(x, float)
    except (TypeError, ValueError):
        return np.asarray(np.nan)


def _by_shape(items: list[Any], named: list[tuple[str, Any]]) -> list[Any] | None:
    """In order where that fits; else each to a parameter of its shape."""
    if len(items) == len(named) and all(_alike(g, a) for g, (_, a) in zip(items, named, strict=True)):
        return items
    left = list(items)
    found: list[Any] = []
    for _, a in named:
        same = next((i for i, g in enumerate(left) if g is not None and np.shape(g) == a.shape), None)
        found.append(left.pop(same) if same is not None else None)
    if len(items) == len(named) and sum(g is None for g in found) >= len(found) - 1:
        return items
    missing = [i for i, g in enumerate(found) if g is None]
    if len(missing) == len(left):
        for i, g in zip(missing, left, strict=True):
            found[i] = g
    return found if any(g is not None for g in found) else None


def _alike(g: Any, a: Any) -> bool:
    return g is None or np.shape(g) == a.shape or np.size(g) == a.size
