"""Checkpoints: a module's numbers in a JSON file. Nothing in such a file is ever run.

    {"format": "chainrule checkpoint", "version": 1, "sha256": "…", "state": {"hidden.weight": [[0.25, …], …], …}}

Floats are written as Python's repr, so they come back bit for bit; nan and infinities as NaN and Infinity, which
Python reads. The digest is of the state's own JSON text, as `json.dumps` writes it: a flipped digit does not load.
"""

import hashlib
import json
import math
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from autograd.errors import AutogradError, InputError

from .init import require, typed
from .module import Module

FORMAT, VERSION = "chainrule checkpoint", 1
_REMEDY = "Load a file that nn.save wrote for a module of this shape. The module was not changed."


class CheckpointError(AutogradError, ValueError):
    """A file that is no checkpoint, a damaged one, or one of another module."""


def save(module: Module, path: str | os.PathLike[str]) -> None:
    """Write a module's parameters and buffers to a file, all of it or nothing: a crash leaves the old file as it was.

    Args:
        module: what to save.
        path: where; a file that is there is replaced, and its permissions stay.

    Raises:
        InputTypeError: where the module's parameters can't be told, as in `Module.named_parameters`; where it is no
            Module, or the path no path.
        OSError: where the file can't be written, or the path leads to something else: a folder, a device, a pipe.

    >>> import nn, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nn.save(nn.MLP(2, [3, 1]), f"{folder}/model.json")
    ...     with open(f"{folder}/model.json") as file:
    ...         list(json.load(file)["state"])[:2]
    ['layers.0.neurons.0.w', 'layers.0.neurons.0.b']
    """
    text = _text(module)
    target = Path(os.path.realpath(checked_path(path)))  # through a link, which stays
    mode = _mode(target) if target.exists() else None
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}")
    try:
        with open(beside, "x", encoding="utf-8") as file:
            if mode is not None:
                os.chmod(beside, mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def load(module: Module, path: str | os.PathLike[str]) -> None:
    """Set parameters and buffers to those in a file that `save` wrote. It must fit exactly, or nothing changes.

    A file much larger than this module's own checkpoint is refused before it is read.

    Args:
        module: of the same shape as the one that was saved.
        path: the file.

    Raises:
        CheckpointError: where the file is no checkpoint, is damaged, or does not fit.
        InputTypeError: as `save`.
        OSError: where it can't be read, or is no regular file.

    >>> import nn, tempfile
    >>> model, other = nn.MLP(2, [3, 1], seed=0), nn.MLP(2, [3, 1], seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nn.save(model, f"{folder}/model.json")
    ...     nn.load(other, f"{folder}/model.json")
    >>> other.state_dict() == model.state_dict()
    True
    """
    limit = 4096 + 8 * len(_text(module))  # a number takes 3 to 24 characters
    _mode(checked_path(path))  # a pipe would be waited for without end
    with open(path, "rb") as file:
        raw = file.read(limit + 1)
    try:
        require(len(raw) <= limit, f"over {limit} bytes, it is too large for this module", CheckpointError)
        module.load_state_dict(_state(raw))
    except (CheckpointError, InputError) as error:
        reason = str(error).removesuffix(" Nothing was changed.").removesuffix(".")
        raise CheckpointError(f"{os.fspath(path)}: {reason}. {_REMEDY}") from None


def checked_path(path: Any) -> Path:
    """The path, where it is one.

    >>> checked_path("model.json").name
    'model.json'
    """
    typed("the path", path, (str, os.PathLike), "a str or a pathlib.Path")
    require(os.fspath(path), "the path is empty; write a file's, such as 'model.json'")
    return Path(path)


def _mode(path: Path) -> int:
    """The permissions of a regular file; nothing else is read, or replaced."""
    mode = path.stat().st_mode
    require(stat.S_ISREG(mode), f"not a regular file: {str(path)!r}", OSError)
    return stat.S_IMODE(mode)


def _text(module: Module) -> str:
    state = typed("what is saved or loaded", module, Module, "an nn.Module, which comes before the path").state_dict()
    return json.dumps({"format": FORMAT, "version": VERSION, "sha256": _digest(state), "state": state}) + "\n"


def _digest(state: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def _state(raw: bytes) -> dict[str, Any]:
    """The state in a checkpoint's text, or a `CheckpointError` with the reason alone."""
    try:
        document = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_int=_float, parse_float=_float)
    except RecursionError:
        raise CheckpointError("it is nested too deeply") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"it is damaged or no JSON: {error}") from None
    require(isinstance(document, dict), f"it is no checkpoint: it holds a {type(document).__name__}", CheckpointError)
    for key in ("format", "version", "sha256", "state"):
        require(key in document, f"it is no checkpoint: it has no {key!r}", CheckpointError)
    state, version = document["state"], document["version"]
    for reason, fits in {
        f"it is no checkpoint: its format is not {FORMAT!r}": document["format"] == FORMAT,
        f"its version is not {VERSION}, the one that this chainrule reads": repr(version) == repr(float(VERSION)),
        f"its state is a {type(state).__name__}, not an object": isinstance(state, dict),
        "it is damaged: its numbers do not match its sha256": document["sha256"] == _digest(state),
    }.items():
        require(fits, reason, CheckpointError)
    return dict(state)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    require(len(dict(pairs)) == len(pairs), "it names something twice", CheckpointError)
    return dict(pairs)


def _float(text: str) -> float:
    require(math.isfinite(float(text)), f"{text[:40]} is too large for a float", CheckpointError)
    return float(text)
