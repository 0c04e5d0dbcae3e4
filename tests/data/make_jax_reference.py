"""Writes jax_reference.json: what jax answers with 64 bits, kept as data so that no test has to install it.

Run it in an environment that has jax: ``python make_jax_reference.py``.
"""

from __future__ import annotations

import json
import math
import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
from functions import MANY, ONE

jax.config.update("jax_enable_x64", True)
M = SimpleNamespace(
    exp=jnp.exp,
    log=jnp.log,
    sin=jnp.sin,
    cos=jnp.cos,
    tanh=jnp.tanh,
    sqrt=jnp.sqrt,
    hypot=lambda a, b: jnp.sqrt(a * a + b * b),
    erfc=jax.scipy.special.erfc,
    lgamma=jax.scipy.special.gammaln,
)


def direction(n: int) -> list[float]:
    """A vector without zeros or symmetries."""
    return [math.sin(1.7 * k + 0.5) for k in range(n)]


def one(name: str) -> dict[str, Any]:
    """A function of one result: derivatives to the third."""
    program, at = ONE[name]
    f = lambda x: program(M, x)  # noqa: E731
    x, v = jnp.array(at), jnp.array(direction(len(at)))
    return {
        "value": f(x).tolist(),
        "gradient": jax.grad(f)(x).tolist(),
        "hessian": jax.hessian(f)(x).tolist(),
        "hvp": jax.jvp(jax.grad(f), (x,), (v,))[1].tolist(),
        "third": jax.jacfwd(jax.hessian(f))(x).tolist(),
    }


def many(name: str) -> dict[str, Any]:
    """A function of several results: its Jacobian, and products with it."""
    program, at = MANY[name]
    f = lambda x: jnp.stack([y + 0.0 * x[0] for y in program(M, x)])  # noqa: E731
    x, v = jnp.array(at), jnp.array(direction(len(at)))
    y, pull = jax.vjp(f, x)
    u = jnp.array(direction(len(y)))
    return {
        "value": y.tolist(),
        "jacobian": jax.jacrev(f)(x).tolist(),
        "jvp": jax.jvp(f, (x,), (v,))[1].tolist(),
        "vjp": pull(u)[0].tolist(),
        "hessian": jax.hessian(f)(x).tolist(),
    }


def main() -> None:
    """Write the file beside this one."""
    reference = {
        "made_with": f"jax {jax.__version__}, {platform.machine()}",
        "one": {name: one(name) for name in ONE},
        "many": {name: many(name) for name in MANY},
    }
    text = json.dumps(reference, indent=1)
    Path(__file__).with_name("jax_reference.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
