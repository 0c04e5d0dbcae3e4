"""Which nodes are drawn as one: a graph of any size becomes a number of groups that can be looked at.

A list of plans, the most detailed first; the first that keeps to the limit is drawn. Nothing is lost without a word:
a group tells how many nodes it stands for.

1. each node on its own;
2. chains of additions as one sum;
3. modules closed, the innermost first; then also those of one build, as the layers of a transformer, as one; the
   outermost last;
4. what is outside of modules by its line of source, where it was traced;
5. nodes of one op whose users are alike, as the neurons of a layer or the samples of a batch, as one;
6. chains of nodes that have one user each;
7. the nodes of the largest contributions, and beside each the rest that leads to it, counted.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from .graph import Graph

if TYPE_CHECKING:
    from ..source import Source

LEAVES_APART: Final = 30  # up to so many nodes, leaves have cards of their own
SUMS: Final = ("add", "sum", "fsum")
SHORTEST_SUM: Final = 4  # terms
KEPT: Final = 0.75  # of the limit, for nodes on their own in the last plan

Key = tuple[Any, ...]  # (kind, what identifies it)
Parts = tuple[str, ...]  # of a module's path


@dataclass
class Group:
    """Nodes that are drawn as one card.

    Attributes:
        kind: "node" for a node on its own, else "module", "sum", "line", "alike", "chain", "rest" or "named".
        name: of a module or an op, or what the caller's function said.
        members: the nodes, oldest first.
        cluster: the modules around it, outermost first.
        times: how many modules of one build, or nodes that look alike, it stands for.
    """

    kind: str
    name: str
    cluster: Parts
    members: list[int] = field(default_factory=list)
    times: int = 1

    @property
    def last(self) -> int:
        """The newest member: the one that what lies outside sees."""
        return self.members[-1]


def reduced(
    graph: Graph, collapse: Any, limit: int, marked: frozenset[int], within: frozenset[int] | None = None
) -> list[Group]:
    """The groups to draw, in the order of their oldest members.

    Args:
        graph: what is drawn.
        collapse: "auto"; None for each node on its own; how many levels of modules to open; or a function from a
            Value to the name of its group, None for a node on its own.
        limit: how many groups there may be, with "auto" and a number.
        marked: nodes that the last plan leaves on their own before others.
        within: where given, nothing else is drawn.
    """
    near = within if within is not None else range(len(graph))
    apart = len(near) <= min(LEAVES_APART, limit)
    nodes = sorted(i for i in near if graph.inputs[i] or apart or i in graph.roots)
    return _groups(graph, _keys(graph, nodes, collapse, limit, marked))


def _keys(graph: Graph, nodes: list[int], collapse: Any, limit: int, marked: frozenset[int]) -> dict[int, Key]:
    alone: dict[int, Key] = {i: ("node", i) for i in nodes}
    if collapse is None:
        return alone
    if callable(collapse):
        names = {i: collapse(graph.nodes[i]) for i in nodes}
        return {i: ("node", i) if name is None else ("named", str(name)) for i, name in names.items()}
    if collapse == "auto" and len(alone) <= limit:
        return alone
    keys = alone
    for keys in _plans(graph, nodes, collapse):
        if len(set(keys.values())) <= limit:
            return keys
    return _strongest(graph, keys, limit, marked)


def _plans(graph: Graph, nodes: list[int], collapse: Any) -> Iterator[dict[int, Key]]:
    alone: dict[int, Key] = {i: ("node", i) for i in nodes}
    paths = {i: parts(graph.modules[i]) for i in nodes}
    deepest = max(map(len, paths.values()), default=0)
    closings = [(depth, one_build) for one_build in (False, True) for depth in range(deepest, 1, -1)]
    closings += [(1, False), (1, True)] if deepest else []
    if type(collapse) is int:
        closings = [(collapse + 1, False), (collapse + 1, True)]
    summed = _contracted(graph, alone, _is_sum, "sum", SHORTEST_SUM - 1)
    lined = {i: key if paths[i] else _line_key(graph.sources[i]) or key for i, key in summed.items()}
    if type(collapse) is not int:
        yield summed
    base = lined
    if not closings:
        yield lined
    for outside, (depth, one_build) in product((summed, lined), closings):
        base = _closed(graph, outside, paths, depth, one_build)
        yield base
    base = _alike(graph, base)
    yield base
    chained = _contracted(graph, base, _is_chain, "chain", 2)
    yield _ends_apart(chained)
    yield chained


@lru_cache(maxsize=4096)
def parts(path: str) -> Parts:
    """A module's path from the outermost module on, a place in a list beside the list's name.

    >>> parts("GPT.layers.0.attention"), parts("")
    (('GPT', 'layers[0]', 'attention'), ())
    """
    found: list[str] = []
    for name in path.split(".") if path else ():
        if name.isdecimal() and len(found) > 1:
            found[-1] += f"[{name}]"
        else:
            found.append(f"[{name}]" if name.isdecimal() else name)
    return tuple(found)


def _line_key(source: Source | None) -> Key | None:
    return None if source is None else ("line", source.where)


def _closed(graph: Graph, keys: dict[int, Key], paths: dict[int, Parts], depth: int, one_build: bool) -> dict[int, Key]:
    """Modules at this depth and deeper as one each; where `one_build`, those that differ in an index alone as one."""
    found: dict[int, Key] = {}
    builds: dict[Parts, Hashable] = {}
    if one_build:
        ops: dict[Parts, Counter[str]] = {}
        for i in keys:
            if len(paths[i]) >= depth:
                ops.setdefault(paths[i][:depth], Counter())[graph.ops[i]] += 1
        builds = {path: (_pattern(path), frozenset(counter.items())) for path, counter in ops.items()}
    for i, key in keys.items():
        path = paths[i][:depth]
        found[i] = key if len(path) < depth else ("module", builds.get(path, path))
    return found


def _pattern(path: Parts) -> Parts:
    return tuple([re.sub(r"\[\d+\]", "[…]", part) for part in path])


def _is_sum(graph: Graph, i: int, user: int) -> bool:
    return graph.ops[i] in SUMS and graph.ops[user] in SUMS


def _is_chain(graph: Graph, i: int, user: int) -> bool:
    return len([x for x in graph.inputs[user] if x is not None and graph.inputs[x]]) == 1


def _contracted(
    graph: Graph, keys: dict[int, Key], joins: Callable[[Graph, int, int], bool], kind: str, least: int
) -> dict[int, Key]:
    """Nodes on their own whose one user is on its own too, joined where `joins` says so; chains of `least` or more."""
    head: dict[int, int] = {}
    user: dict[int, int] = {}
    for i in reversed(keys):  # newest first
        if keys[i][0] == "node":
            u = user.get(i, -1)
            inner = graph.uses[i] == 1 and graph.inputs[i] and i not in graph.roots
            if inner and u in head and joins(graph, i, u) and graph.modules[i] == graph.modules[u]:
                head[i] = head[u]
            head.setdefault(i, i)
        for x in graph.inputs[i]:
            if x is not None:
                user[x] = i
    sizes = Counter(head.values())
    return {i: (kind, head[i]) if i in head and sizes[head[i]] >= least else key for i, key in keys.items()}


def _alike(graph: Graph, keys: dict[int, Key]) -> dict[int, Key]:
    """Nodes and sums with the same op and users alike as one: the neurons of a layer, the samples of a batch."""
    number: dict[Hashable, int] = {}
    like: dict[Key, int] = {}  # of a key, the number of what it looks like
    users: dict[int, set[int]] = {}
    for i, key in reversed(keys.items()):  # newest first: all users are known
        if key not in like:
            looks = (key[0], graph.ops[i], graph.modules[i], frozenset(users.get(i, ())), i in graph.roots)
            like[key] = number.setdefault(looks if key[0] in ("node", "sum") else key, len(number))
        for x in graph.inputs[i]:
            if x is not None:
                users.setdefault(x, set()).add(like[key])
    times = Counter(like.values())
    return {
        i: ("alike", like[key], key[0], times[like[key]]) if times[like[key]] > 1 else key for i, key in keys.items()
    }


def _ends_apart(keys: dict[int, Key]) -> dict[int, Key]:
    """Of each chain the two first and the two last nodes on their own."""
    members: dict[Key, list[int]] = {}
    for i, key in keys.items():
        if key[0] == "chain":
            members.setdefault(key, []).append(i)
    ends = {i for chain in members.values() for i in (*chain[:2], *chain[-2:])}
    return {i: ("node", i) if i in ends else key for i, key in keys.items()}


def _strongest(graph: Graph, keys: dict[int, Key], limit: int, marked: frozenset[int]) -> dict[int, Key]:
    """The groups that matter most, and the rest counted beside the one that it sends most to."""
    weight: dict[Key, tuple[bool, bool, float]] = {}
    near: dict[Key, int] = {}  # the order in which a walk from the results meets groups
    seen, queue = set(graph.roots), list(graph.roots)
    for i in queue:
        if i in keys:
            near.setdefault(keys[i], len(near))
        for x in graph.inputs[i]:
            if x is not None and x not in seen:
                seen.add(x)
                queue.append(x)
    for i, key in keys.items():
        grad = graph.grads[i] or 0.0
        born = not math.isfinite(graph.nodes[i].data) and all(
            math.isfinite(graph.nodes[x].data) for x in graph.inputs[i] if x is not None
        )
        mine = (i in marked or i in graph.roots, born, abs(grad) if math.isfinite(grad) else math.inf)
        weight[key] = max(weight.get(key, mine), mine)
    ranked = sorted(weight, key=lambda key: (*weight[key], -near[key]), reverse=True)
    kept = set(ranked[: max(1, int(limit * KEPT))])

    owner: dict[int, Key] = {}  # of a node: the kept group it belongs or leads to
    most: dict[int, float] = {}
    for i in reversed(keys):
        owner[i] = keys[i] if keys[i] in kept else owner.get(i, ("node", i))
        sent = graph.sent(i)
        for k, x in enumerate(graph.inputs[i]):
            if x is None or not graph.inputs[x]:
                continue
            c = abs((sent[k] or 0.0) if sent else 0.0)
            if x not in most or c > most[x]:
                most[x], owner[x] = c, owner[i]
    behind = Counter(owner[i] for i, key in keys.items() if key not in kept)
    own = {key for key, _ in behind.most_common(max(0, limit - len(kept) - 1))}
    return {
        i: key if key in kept else ("rest", owner[i]) if owner[i] in own else ("rest", None) for i, key in keys.items()
    }


def _groups(graph: Graph, keys: dict[int, Key]) -> list[Group]:
    groups: dict[Key, Group] = {}
    merged: dict[Key, set[str]] = {}
    for i, key in keys.items():
        group = groups.get(key)
        if group is None:
            group = groups[key] = _group(key, graph.ops[i], parts(graph.modules[i]))
        group.members.append(i)
        if key[0] == "module":
            merged.setdefault(key, set()).add(graph.modules[i])
    for key, paths in merged.items():
        if isinstance(key[1][0], tuple):  # modules of one build
            depth = len(key[1][0])
            each = {parts(path)[:depth] for path in paths}
            groups[key].times = len(each)
            groups[key].cluster, groups[key].name = _spanned(each)
    return list(groups.values())


def _group(key: Key, op: str, path: Parts) -> Group:
    kind = key[0]
    if kind == "alike":
        return Group(kind, "Σ" if key[2] == "sum" else op or "leaf", path, times=key[3])
    if kind == "module" and not isinstance(key[1][0], tuple):
        return Group(kind, key[1][-1], key[1][:-1])
    return Group(kind, str(key[1]) if kind == "named" else "", path if kind in ("node", "sum", "chain") else ())


def _spanned(paths: set[Parts]) -> tuple[Parts, str]:
    """Paths that differ in an index alone, as one: ``layers[0…11]``."""
    joined = []
    for names in zip(*paths, strict=True):
        split = [(re.split(r"\[\d+\]", name)[0], [int(n) for n in re.findall(r"\[(\d+)\]", name)]) for name in names]
        columns = zip(*[indices for _, indices in split], strict=True)
        spans = ["…".join(map(str, sorted({min(column), max(column)}))) for column in columns]
        joined.append(split[0][0] + "".join(f"[{span}]" for span in spans))
    return tuple(joined[:-1]), joined[-1]
