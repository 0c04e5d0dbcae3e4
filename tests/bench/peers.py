"""Who is measured, at which version, each in an environment and a process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600.0  # seconds until a peer that does not answer is given up


class PeerError(Exception):
    """A peer can't be had, or failed; the message says why."""


@dataclass(frozen=True)
class Peer:
    """One row of the tables, two where the collector is measured on and off.

    pins is what pip installs; where it is empty the running Python is used. share is how much of a workload is run,
    where all of it would take minutes: what is compared is a time an operation.
    """

    name: str
    title: str
    module: str = ""
    pins: tuple[str, ...] = ()
    workloads: str = "sum_tanh moons microgpt memory import"
    gc_off: bool = False
    share: float = 1.0


NUMPY = "numpy==2.4.6"
TORCH = (
    "torch==2.13.0+cpu"  # without +cpu pip takes several GB of CUDA; where no such wheel is found, torch is left out
)
JAX = ("jax==0.10.2", "jaxlib==0.10.2", NUMPY)
NO_LOG = "sum_tanh moons memory import"  # microgpt and digits need a logarithm

PEERS = (
    Peer("floats", "plain floats, no gradient", workloads="sum_tanh moons microgpt"),
    Peer("chainrule", "chainrule", "autograd", (), "sum_tanh moons microgpt loop digits memory growth import"),
    Peer("chainrule-nn", "chainrule, its nn", "nn", (), "moons digits"),
    Peer("chainrule-pure", "chainrule, pure", "autograd", (), "sum_tanh moons microgpt memory"),
    Peer("microgpt-shape", "microgpt's shape", "", (), "sum_tanh moons microgpt loop digits memory", gc_off=True),
    Peer("micrograd", "micrograd", "micrograd.engine", ("micrograd==0.1.0",),
         "sum_tanh moons microgpt digits memory import", gc_off=True),
    Peer("micrograd-rust", "micrograd-rust", "micrograd_rust", ("micrograd-rust==0.1.0",), NO_LOG),
    Peer("oxigrad", "oxigrad", "oxigrad", ("oxigrad==0.3.2",), NO_LOG),
    Peer("xad", "xad", "xad.adj_1st", ("xad==1.5.2",)),
    Peer("casadi", "casadi, built", "casadi", ("casadi==3.8.2", NUMPY)),
    Peer("casadi-replay", "casadi, run again", "", ("casadi==3.8.2", NUMPY), "sum_tanh moons microgpt"),
    Peer("hips", "HIPS autograd", "autograd", ("autograd==1.9.1", NUMPY), gc_off=True, share=0.1),
    Peer("mygrad", "mygrad", "mygrad", ("mygrad==2.5.0", NUMPY), gc_off=True, share=0.1),
    Peer("torch", "torch, scalars", "torch", (TORCH,)),
    Peer("torch-tensors", "torch, tensors", "", (TORCH,), "digits"),
    Peer("jax", "jax, eager scalars", "jax", JAX, "sum_tanh moons memory import", share=0.01),
    Peer("jax-jit", "jax, jit and arrays", "", JAX, "digits"),
)  # fmt: skip


def environment(peer: Peer, folder: Path) -> str:
    """The Python that has this peer, installed now where it is not yet. A failure is remembered in the folder."""
    if not peer.pins:
        return sys.executable
    key = hashlib.sha256(f"{peer.pins} {sys.version} {sys.executable}".encode()).hexdigest()[:8]
    home = folder / f"{peer.pins[0].replace('==', '-')}-{key}"
    python, done, failed = home / "bin" / "python", home / "installed", home / "failed"
    if failed.exists():
        raise PeerError(f"{failed.read_text()} (to try again, remove {home})")
    if not done.exists():
        print(f"installing {' '.join(peer.pins)}", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.pins]
        for command in ([sys.executable, "-m", "venv", str(home)], pip):
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode:
                said = re.search(r"Could not resolve host: [\w.]+|No matching distribution.*", ran.stderr)
                reason = said[0] if said else (ran.stderr.strip() or ran.stdout.strip() or "?").splitlines()[-1]
                home.mkdir(parents=True, exist_ok=True)
                failed.write_text(f"{command[2]} failed: {reason}")
                return environment(peer, folder)
        done.touch()
    return str(python)


def code(peer: Peer, program: str) -> str:
    """A program for this peer's Python: `autograd` is the checkout's, except where HIPS's was installed for it."""
    place = "insert(0, root)" if not peer.pins else "append(root)"
    return f"import sys; root = {str(ROOT)!r}; sys.path.{place}; {program}"


def variables(peer: Peer) -> dict[str, str]:
    return {**os.environ, **({"AUTOGRAD_PURE": "1"} if peer.name == "chainrule-pure" else {})}


class Worker:
    """A peer's process, and what it is asked, which a module of this package serves."""

    def __init__(self, peer: Peer, python: str, module: str = "worker") -> None:
        self.peer = peer
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process
        self.process = subprocess.Popen(
            [python, "-I", "-c", code(peer, f"from tests.bench.{module} import serve; serve({peer.name!r})")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=variables(peer),
        )  # fmt: skip

    def ask(self, **request: Any) -> dict[str, Any]:
        """Its answer."""
        asked, answered = self.process.stdin, self.process.stdout
        assert asked
        assert answered
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        try:
            print(json.dumps(request), file=asked, flush=True)
            line = answered.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines()
            raise PeerError(f"died with exit code {self.process.wait()}: {said[-1] if said else 'it said nothing'}")
        result: dict[str, Any] = json.loads(line)
        if "failed" in result:
            raise PeerError(result["failed"])
        return result

    def close(self) -> None:
        """Its requests end, and so does it."""
        with contextlib.suppress(BrokenPipeError):  # it is dead already
            self.process.communicate()
        self.errors.close()


def import_time(peer: Peer, python: str) -> float:
    """CPU seconds that importing it takes in a fresh process."""
    timed = f"import time; t = time.process_time(); import {peer.module}; print(time.process_time() - t)"
    run = subprocess.run(
        [python, "-I", "-c", code(peer, timed)], capture_output=True, text=True, check=False, env=variables(peer)
    )
    if run.returncode:
        raise PeerError((run.stderr.strip().splitlines() or ["no reason given"])[-1])
    return float(run.stdout)
