"""The suite with the compiled engine under AddressSanitizer and UBSan: ``python -m tests.sanitize [what of pytest]``.

The extension is built, without its pool of nodes and with Python's memory from malloc, into a copy of the
package in a temporary folder, and pytest runs there: without arguments on what reaches C, else on what they say.
"""

from __future__ import annotations

import importlib.machinery
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLAGS = "-shared -fPIC -std=c11 -O1 -g -fno-omit-frame-pointer -ffp-contract=off"
SANITIZE = "-DNO_POOL -fsanitize=address,undefined -fno-sanitize-recover=undefined"
SUBSET = "native program bulk value chain modes calculus ops rules layers losses module optim training"
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "PYTHONMALLOC": "malloc",
    "HYPOTHESIS_PROFILE": "dev",  # fewer examples: each costs several times as much
}
REPORTS = ("AddressSanitizer", "runtime error:", "LeakSanitizer")


def copied(folder: Path) -> Path:
    """The checkout without what is built or kept, in `folder`."""
    left_out = shutil.ignore_patterns(".*", "*.so", "*.pyd", "__pycache__", "*.egg-info", "build", "dist", "out")
    shutil.copytree(ROOT, folder / "checkout", ignore=left_out)
    return folder / "checkout"


def build(checkout: Path, compiler: str) -> None:
    """The kernels printed, and the extension compiled in its place."""
    native, headers = checkout / "autograd" / "native", checkout / "headers"
    headers.mkdir()
    environment = {**os.environ, "AUTOGRAD_PURE": "1"}
    printer = [sys.executable, "-m", "autograd.native.printer", str(headers / "kernels.h")]
    subprocess.run(printer, cwd=checkout, env=environment, check=True)
    include = [f"-I{folder}" for folder in (native, headers, sysconfig.get_path("include"))]
    library = native / f"_engine{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    command = [compiler, *FLAGS.split(), *SANITIZE.split(), *include, str(native / "engine.c"), "-o", str(library)]
    print(shlex.join(command), flush=True)
    subprocess.run([*command, "-lm"], check=True)
    shutil.rmtree(headers)


def runtime(compiler: str, name: str) -> str:
    """Where the compiler has a sanitizer's library, which has to be loaded before Python."""
    asked = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    path = Path(asked.stdout.strip())
    if not path.is_absolute():
        raise SystemExit(f"{compiler} has no {name}; install its sanitizers, or set CC to a compiler that has them")
    return str(path.resolve())


def main(arguments: list[str]) -> int:
    """Build, run, and say what came of it."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise SystemExit("no C compiler here: install gcc, or set CC")
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        checkout = copied(Path(folder))
        build(checkout, compiler)
        libraries = " ".join(runtime(compiler, f"lib{name}.so") for name in ("asan", "ubsan", "stdc++"))
        environment = {**os.environ, **OPTIONS, "LD_PRELOAD": libraries}
        environment.pop("AUTOGRAD_PURE", None)
        say = "import autograd; print(*autograd.backend())"
        subprocess.run([sys.executable, "-c", say], cwd=checkout, env=environment, check=True)
        what = arguments or [f"tests/test_{name}.py" for name in SUBSET.split()]
        command = [sys.executable, "-m", "pytest", "--no-header", "-q", "-s", "-p", "no:cacheprovider", *what]
        log = Path(folder, "log")
        with log.open("w") as out:
            done = subprocess.run(command, cwd=checkout, env=environment, stdout=out, stderr=out, check=False)
        text = log.read_text(errors="replace")
    lines = text.splitlines()
    reports = [k for k, line in enumerate(lines) if any(report in line for report in REPORTS)]
    print("\n".join(lines[reports[0] : reports[0] + 60] if reports else lines[-15:]))
    minutes = f"{(time.perf_counter() - start) / 60:.1f} minutes"
    if reports:
        print(f"SANITIZER REPORTS: {len(reports)} lines, the first above; {minutes}")
    elif done.returncode:
        print(f"no sanitizer report, but pytest ended with {done.returncode}; {minutes}")
    else:
        print(f"clean: no report, every test passes; {minutes}")
    return 1 if reports or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
