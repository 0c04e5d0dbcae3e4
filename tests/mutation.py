"""Mutate the derivatives and the chain rule, and see that a test dies of it: `python -m tests.mutation [options]`.

cosmic-ray (pip install cosmic-ray) makes the mutants of `rules.py` and `chain.py`, one change each, in a copy of the
tree, and runs the tests below on the readable engine; those that change nothing but annotations are left out. A mutant
that lives is a hole in the tests, unless it stands in EQUIVALENT with the reason why it computes the same.

    --sample N    only N mutants, chosen at random
    --seed S      of that choice
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = {  # and the tests that a mutant of it may die of, the likeliest first
    "autograd/rules.py": ("test_rules", "test_rule_text", "test_calculus", "test_properties", "test_chain"),
    "autograd/chain.py": ("test_chain", "test_calculus", "test_rules", "test_properties"),
}
SECONDS = 600.0

CONFIG = """
[cosmic-ray]
module-path = "{module}"
timeout = {seconds}
excluded-modules = []
test-command = "{python} -m pytest -x -q -p no:cacheprovider {tests}"

[cosmic-ray.distributor]
name = "local"
"""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    # (module, the line as it is mutated, operator): why no test can tell
}


def main(arguments: list[str]) -> int:
    """Run the mutants, print those that live, and say whether all of them are known to be equivalent."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.split(":")[0])
    parser.add_argument("--sample", type=int, help="only so many mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of the sample")
    given = parser.parse_args(arguments)
    if shutil.which("cosmic-ray", path=_path()) is None:
        parser.exit(2, "python -m tests.mutation needs cosmic-ray: pip install cosmic-ray\n")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "*.so", "__pycache__", ".*_cache", "out"))
        sessions = [
            _session(tree, module, " ".join(f"tests/{t}.py" for t in tests)) for module, tests in MODULES.items()
        ]
        if given.sample is not None:
            _sample([session for _, session in sessions], given.sample, given.seed)
        return _run(tree, sessions)


def _session(tree: Path, module: str, tests: str) -> tuple[Path, Path]:
    """The mutants of a module, not yet run: (cosmic-ray's configuration, its session)."""
    stem = Path(module).stem
    config, session = tree / f"{stem}.toml", tree / f"{stem}.sqlite"
    config.write_text(CONFIG.format(module=module, seconds=SECONDS, python=sys.executable, tests=tests), "utf-8")
    _cosmic_ray(tree, "init", str(config), str(session))
    _drop(session, _only_annotations(tree / module, session))
    return config, session


def _only_annotations(module: Path, session: Path) -> list[str]:
    """The mutants that compute what the module computes: they change annotations alone."""
    annotations = []
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            if isinstance(part, ast.expr):
                annotations.append(((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)))
    with sqlite3.connect(session) as database:
        columns = "job_id, start_pos_row, start_pos_col"
        places = database.execute(f"select {columns} from mutation_specs").fetchall()
    return [job for job, row, column in places if any(start <= (row, column) < end for start, end in annotations)]


def _run(tree: Path, sessions: list[tuple[Path, Path]]) -> int:
    """Run them, and tell which live."""
    results = []
    for config, session in sessions:
        _cosmic_ray(tree, "baseline", str(config))
        _cosmic_ray(tree, "exec", str(config), str(session))
        results += _results(tree, session)
    killed, alive = 0, []
    for item, result in results:
        if result is None or result["test_outcome"] is None:
            continue
        if result["test_outcome"] == "survived":
            alive.append((item["mutations"][0], result["diff"]))
        else:
            killed += 1
    unknown = 0
    for mutation, diff in alive:
        changed = [
            line[1:].strip() for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")
        ]
        key = (mutation["module_path"], " ".join(changed), mutation["operator_name"])
        why = EQUIVALENT.get(key)
        unknown += why is None
        print(f"{'equivalent' if why else 'ALIVE'}: {key[0]}: {key[1]} ({key[2]}){f': {why}' if why else ''}")
    print(f"{killed + len(alive)} mutants: {killed} died, {len(alive) - unknown} equivalent, {unknown} alive")
    return 1 if unknown else 0


def _path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def _cosmic_ray(tree: Path, *command: str) -> str:
    environment = {**os.environ, "AUTOGRAD_PURE": "1", "PATH": _path(), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            ["cosmic-ray", *command], cwd=tree, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise SystemExit("this needs cosmic-ray, which is not installed: pip install cosmic-ray") from None
    if done.returncode:
        raise SystemExit(f"cosmic-ray {' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _sample(sessions: list[Path], sample: int, seed: int) -> None:
    """Leave a sample of the mutants in the sessions."""
    jobs = []
    for session in sessions:
        with sqlite3.connect(session) as database:
            jobs += sorted(job for (job,) in database.execute("select job_id from work_items"))
    kept = set(random.Random(seed).sample(range(len(jobs)), min(sample, len(jobs))))
    gone = [job for i, job in enumerate(jobs) if i not in kept]
    print(f"{len(jobs) - len(gone)} of {len(jobs)} mutants", flush=True)
    for session in sessions:
        _drop(session, gone)


def _drop(session: Path, jobs: list[str]) -> None:
    with sqlite3.connect(session) as database:
        for table in ("mutation_specs", "work_items"):
            database.executemany(f"delete from {table} where job_id = ?", [(job,) for job in jobs])


def _results(tree: Path, session: Path) -> list[tuple[dict, dict | None]]:
    return [json.loads(line) for line in _cosmic_ray(tree, "dump", str(session)).splitlines() if line.strip()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
