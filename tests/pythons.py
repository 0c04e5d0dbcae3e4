"""What debuggers are tried on, Pythons and a program, and a way to talk to pdb."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import autograd

ROOT = Path(autograd.__file__).parent.parent
VERSIONS = ("3.11", "3.12", "3.13")
PROMPT = "(Pdb) "
MODEL = """\
import autograd
from autograd import Value


def model(x, w, b):
    h = w * x
    h = h + b
    return h.tanh()


w, b = Value(0.5, "w"), Value(-1.0, "b")
"""  # how the programs begin that debuggers are tried on


def found(version: str) -> str | None:
    """The command of a Python of that version: this one, one on the path, or pyenv's."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    on_path = shutil.which(f"python{version}")
    if on_path and subprocess.run([on_path, "-c", ""], capture_output=True, check=False).returncode == 0:
        return on_path
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    return str(of_pyenv[-1]) if of_pyenv else None


def commands(transcript: str) -> list[str]:
    """What was typed in a session."""
    return [line.removeprefix(PROMPT) for line in transcript.splitlines() if line.startswith(PROMPT)]


def session(python: str, arguments: list[str], typed: list[str], cwd: Path, module: str = "pdb") -> str:
    """What pdb shows for a program and these commands, the commands in it, paths cut to their last part."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    environment.pop("PYTHONBREAKPOINT", None)
    done = subprocess.run(
        [python, "-m", module, *arguments],
        input="\n".join(typed) + "\n",
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    first, *rest = done.stdout.split(PROMPT)
    shown = first + "".join(f"{PROMPT}{line}\n{answer}" for line, answer in zip(typed, rest, strict=False))
    return tidy(shown) + done.stderr


def tidy(shown: str) -> str:
    """Without what differs from machine to machine: folders, and line numbers in the library's own files."""
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)  # ipdb's colours
    shown = re.sub(r"(?m)(^> |\bat |\bin file )(/\S*/|[A-Z]:\\\S*\\)(?=[^/\\\s]+$|[^/\\\s]+[:(])", r"\1", shown)
    return re.sub(r"\b(rules|stepping|user_lines|value)\.py\(\d+\)", r"\1.py(…)", shown)
