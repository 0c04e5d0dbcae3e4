"""Mutate the derivatives and the chain rule, and see that a test dies of it: `python -m tests.mutation [options]`.

cosmic-ray (pip install cosmic-ray) makes the mutants of `rules.py` and `chain.py`, one change each, in a copy of the
tree, and runs the tests below on the readable engine. A mutant that lives is a hole in the tests, unless it stands in
EQUIVALENT with the reason why it computes the same.

    --sample N    only N mutants, chosen at random
    --seed S      of that choice
"""

from __future__ import annotations

import argparse
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
MODULES = ("autograd/rules.py", "autograd/chain.py")
TESTS = (
    "tests/test_rules.py tests/test_chain.py tests/test_calculus.py tests/test_rule_text.py tests/test_properties.py"
)
SECONDS = 300.0

CONFIG = """
[cosmic-ray]
module-path = [{modules}]
timeout = {seconds}
excluded-modules = []
test-command = "{python} -m pytest -x -q -p no:cacheprovider {tests}"

[cosmic-ray.distributor]
name = "local"
"""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    # (module, the line as it is mutated, operator): why no test can tell
}
NOT_CODE = ("from __future__", "import ", "from ", "TYPE_CHECKING", "Final")


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
        return _run(tree, given.sample, given.seed)


def _run(tree: Path, sample: int | None, seed: int) -> int:
    config, session = tree / "mutation.toml", tree / "mutation.sqlite"
    modules = ", ".join(f'"{module}"' for module in MODULES)
    config.write_text(CONFIG.format(modules=modules, seconds=SECONDS, python=sys.executable, tests=TESTS), "utf-8")
    _cosmic_ray(tree, "init", str(config), str(session))
    if sample is not None:
        _keep(session, sample, seed)
    _cosmic_ray(tree, "--verbosity", "ERROR", "baseline", str(config))
    _cosmic_ray(tree, "exec", str(config), str(session))
    killed, alive = 0, []
    for item, result in _results(tree, session):
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
    done = subprocess.run(
        ["cosmic-ray", *command], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"cosmic-ray {' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _keep(session: Path, sample: int, seed: int) -> None:
    """Leave a sample of the mutants in a session."""
    with sqlite3.connect(session) as database:
        jobs = sorted(job for (job,) in database.execute("select job_id from work_items"))
        gone = set(jobs) - set(random.Random(seed).sample(jobs, min(sample, len(jobs))))
        for table in ("mutation_specs", "work_items"):
            database.executemany(f"delete from {table} where job_id = ?", [(job,) for job in gone])


def _results(tree: Path, session: Path) -> list[tuple[dict, dict | None]]:
    return [json.loads(line) for line in _cosmic_ray(tree, "dump", str(session)).splitlines() if line.strip()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
