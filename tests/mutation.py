"""Mutate the derivatives and the chain rule, and see that a test dies of it: `python -m tests.mutation [options]`.

cosmic-ray (pip install cosmic-ray) makes the mutants of `rules.py` and `chain.py`, one change each; those that change
nothing but annotations are left out. The tests run on the readable engine, once as they are, to see which functions
each of them calls. Then every mutant is tried in a fork of that process, where the changed module runs in the place
of the right one: first by the tests that a mutant of the same function died of, then by those that bear its name, then
by the quickest, and it is over with the first that fails. One that lives is a hole in the tests, unless it stands in
EQUIVALENT with the reason why it computes the same.

    --only WORD   only mutants of functions whose name holds the word, or of a module
    --sample N    only N mutants, chosen at random
    --seed S      of that choice
    --jobs J      so many at a time
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib.util
import linecache
import os
import random
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
MODULES = ("autograd/rules.py", "autograd/chain.py")
TESTS = ("test_rules", "test_rule_text", "test_calculus", "test_chain", "test_value", "test_modes", "test_stepping")
DIES, LIVES, ENDLESS = 1, 0, 3  # how a mutant's process ends
PATIENCE = 20.0  # a test that takes so many times its time, and some seconds, does not end
MEMORY = 6 << 30

LEFT_OUT = {  # cosmic-ray's operators whose mutants compute the same
    "core/ReplaceComparisonOperator_Is_Eq": "what is compared by identity here is a type, None or a mark",
    "core/ReplaceComparisonOperator_IsNot_NotEq": "as above",
}

EQUIVALENT: dict[tuple[str, str], str] = {
    # (function, its line as it is mutated): why no test can tell
}


class Mutant(NamedTuple):
    """One change: in which module and function, cosmic-ray's name for it, the new text, the line before and after."""

    module: str
    function: str
    operator: str
    text: str
    before: str
    after: str

    def __str__(self) -> str:
        operator = self.operator.removeprefix("core/")
        return f"{Path(self.module).name}, {self.function or 'the module'}: {self.before} → {self.after} ({operator})"


# ── Making them ─────────────────────────────────────────────────────────────────────────────────────────────


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of a module, statement by statement: a short text is quick to mutate."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code

    operators = {name: plugins.get_operator(name) for name in plugins.operator_names() if name not in LEFT_OUT}
    made = {name: operator() for name, operator in operators.items() if not operator.arguments()}
    text = (ROOT / module).read_text("utf-8")
    lines = text.splitlines(keepends=True)
    for statement in ast.parse(text).body:
        first = min([statement.lineno, *[d.lineno for d in getattr(statement, "decorator_list", [])]]) - 1
        before, after = "".join(lines[:first]), "".join(lines[statement.end_lineno :])
        piece = "".join(lines[first : statement.end_lineno])
        nodes, right = list(ast_nodes(get_ast(piece))), _computes(piece)
        for name, operator in made.items():
            for occurrence in range(sum(1 for node in nodes for _ in operator.mutation_positions(node))):
                changed = mutate_code(piece, operator, occurrence)
                if changed is not None and _computes(changed) not in (None, right):
                    old, new = _lines(piece, changed)
                    yield Mutant(module, getattr(statement, "name", ""), name, before + changed + after, old, new)


def _computes(text: str) -> str | None:
    """A text without annotations, which nothing reads; None where it is no Python."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None:
                setattr(node, name, None)
    return ast.dump(tree)


def _lines(old: str, new: str) -> tuple[str, str]:
    """The lines that differ."""
    changed = [d for d in difflib.ndiff(old.splitlines(), new.splitlines()) if d[:2] in ("- ", "+ ")]
    return tuple(" ".join(d[2:].strip() for d in changed if d[0] == sign) for sign in "-+")  # type: ignore[return-value]


def put_in_place(mutant: Mutant) -> None:
    """Make the module that is imported the mutant, for this process."""
    name = mutant.module.removesuffix(".py").replace("/", ".")
    module = sys.modules[name]
    path = str(module.__file__)
    linecache.cache[path] = (len(mutant.text), None, mutant.text.splitlines(keepends=True), path)
    code = compile(mutant.text, path, "exec")
    old = dict(vars(module))
    if name == "autograd.rules":
        ops = importlib.import_module("autograd.ops")
        for op in vars(ops).values():
            if isinstance(op, ops.Op):
                op.rule = None  # the module registers them anew
        exec(code, vars(module))
    else:
        new = dict(old)
        exec(code, new)
        for key, x in new.items():
            if isinstance(x, (int, float, str, bool)) and x != old.get(key):
                setattr(module, key, x)
    for key, function in old.items():  # what others have imported already
        if isinstance(function, FunctionType) and function.__module__ == name:
            changed = (vars(module) if name == "autograd.rules" else new)[key]
            if isinstance(changed, FunctionType):
                function.__code__ = changed.__code__
                function.__defaults__ = changed.__defaults__


# ── Trying them ─────────────────────────────────────────────────────────────────────────────────────────────


class Trial:
    """A pytest plugin that runs the collected tests on each mutant instead of once."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.alive: list[Mutant] = []
        self.died = self.endless = 0
        self.calls: dict[str, set[Any]] = defaultdict(set)  # by function: the tests that call it
        self.seconds: dict[Any, float] = {}
        self.deadly: dict[str, Counter[Any]] = defaultdict(Counter)  # by function: the tests its mutants died of
        self.failed = False

    def pytest_collection(self) -> None:
        """Before tests are imported: what fails is not to be shrunk."""
        from hypothesis import Phase, settings

        quick = {"phases": [Phase.explicit, Phase.generate], "database": None, "report_multiple_bugs": False}
        settings.register_profile("mutation", settings.get_profile("ci"), **quick)
        settings.load_profile("mutation")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note a test that fails."""
        self.failed |= report.failed

    def pytest_runtestloop(self, session: Any) -> bool:
        """In the place of pytest's own loop."""
        start = time.perf_counter()
        for item in session.items:
            self._as_it_is(item)
            if self.failed:
                raise SystemExit(f"{item.nodeid} fails as it is")
        print(f"{len(session.items)} tests pass in {time.perf_counter() - start:.0f} s", flush=True)
        every = [m for module in MODULES for m in mutants(module)]
        chosen = [m for m in every if self.given.only in f"{m.module} {m.function}"]
        if self.given.sample is not None:
            chosen = random.Random(self.given.seed).sample(chosen, min(self.given.sample, len(chosen)))
        chosen.sort(key=lambda m: (MODULES.index(m.module), f"{m.module} {m.function}" not in self.calls))
        print(f"{len(chosen)} of {len(every)} mutants", flush=True)
        for module in MODULES:
            unchanged = Mutant(module, "", "", (ROOT / module).read_text("utf-8"), "", "")
            self._wait(dict([self._fork(unchanged, session.items)]))
            if self.died or self.endless:
                raise SystemExit(f"{module} is not put in its own place rightly: tests fail that pass")
        running: dict[int, tuple[Mutant, list[Any], int]] = {}
        for tried, mutant in enumerate(chosen, 1):
            while len(running) >= self.given.jobs:
                self._wait(running)
            running.update([self._fork(mutant, self._in_order(mutant, session.items))])
            if tried % 50 == 0:
                took = time.perf_counter() - start
                print(
                    f"{tried} tried in {took:.0f} s: {self.died + self.endless} died, to {mutant.function}", flush=True
                )
        while running:
            self._wait(running)
        return True

    def _as_it_is(self, item: Any) -> None:
        """Run a test, and note how long it takes and what it calls."""
        paths = {str(ROOT / module): module for module in MODULES}
        called: set[str] = set()

        def note(frame: Any, event: str, _: Any) -> None:
            module = paths.get(frame.f_code.co_filename)
            if module:
                called.add(f"{module} {frame.f_code.co_qualname.split('.')[0]}")

        before, start = sys.gettrace(), time.process_time()
        sys.settrace(note)
        try:
            _run(item)
        finally:
            whole = sys.gettrace() is note  # a test of debuggers may have set its own
            sys.settrace(before)
        self.seconds[item] = time.process_time() - start
        for name in called if whole else ["all"]:
            self.calls[name].add(item)

    def _in_order(self, mutant: Mutant, items: list[Any]) -> list[Any]:
        """The tests that may notice, the likeliest first."""
        name = f"{mutant.module} {mutant.function}"
        calling = self.calls.get(name)  # what is called as its module is imported may matter to all
        chosen = items if calling is None else [i for i in items if i in calling or i in self.calls["all"]]
        word = mutant.function.strip("_")
        deadly = self.deadly[name]
        return sorted(chosen, key=lambda i: (-deadly[i], word not in i.nodeid, self.seconds[i]))

    def _fork(self, mutant: Mutant, items: list[Any]) -> tuple[int, tuple[Mutant, list[Any], int]]:
        """Try a mutant in a process of its own: (its number, what is tried, where it tells the test it dies of)."""
        reads, writes = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            os.close(writes)
            return pid, (mutant, items, reads)
        end = DIES
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            signal.signal(signal.SIGPROF, lambda *_: os._exit(ENDLESS))
            put_in_place(mutant)
            end = LIVES
            for i, item in enumerate(items):
                os.write(writes, i.to_bytes(4, "big"))
                signal.setitimer(signal.ITIMER_PROF, 5.0 + PATIENCE * self.seconds[item])
                _run(item)
                if self.failed:
                    end = DIES
                    break
        except BaseException:
            end = DIES
        finally:
            os._exit(end)

    def _wait(self, running: dict[int, tuple[Mutant, list[Any], int]]) -> None:
        """Take the result of one of those that run."""
        pid, status = os.wait()
        mutant, items, reads = running.pop(pid)
        with os.fdopen(reads, "rb") as told:
            last = told.read()[-4:]
        code = os.waitstatus_to_exitcode(status)
        if code == LIVES:
            self.alive.append(mutant)
            why = EQUIVALENT.get((mutant.function, mutant.after))
            if mutant.operator:
                print(f"{'equivalent' if why else 'ALIVE'}: {mutant}{f': {why}' if why else ''}", flush=True)
            return
        self.died += code == DIES
        self.endless += code != DIES
        if last:
            self.deadly[f"{mutant.module} {mutant.function}"][items[int.from_bytes(last, "big")]] += 1


def _run(item: Any) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def main(arguments: list[str]) -> int:
    """Try the mutants, print those that live, and say whether all of them are known to be equivalent."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.split(":")[0])
    parser.add_argument("--only", default="", help="only functions, or modules, whose name holds this word")
    parser.add_argument("--sample", type=int, help="only so many mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of the sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time")
    given = parser.parse_args(arguments)
    if importlib.util.find_spec("cosmic_ray") is None:
        parser.exit(2, "python -m tests.mutation needs cosmic-ray: pip install cosmic-ray\n")
    os.environ["AUTOGRAD_PURE"] = "1"
    os.chdir(ROOT)
    import pytest

    trial = Trial(given)
    files = [f"tests/{name}.py" for name in TESTS]
    pytest.main(["-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:terminal", *files], plugins=[trial])
    unknown = [m for m in trial.alive if m.operator and (m.function, m.after) not in EQUIVALENT]
    known = sum(bool(m.operator) for m in trial.alive) - len(unknown)
    ended = trial.died + trial.endless
    print(
        f"{ended + known + len(unknown)} mutants: {ended} died ({trial.endless} of them as they did not end), "
        f"{known} are equivalent, {len(unknown)} alive"
    )
    return 1 if unknown or not ended else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
