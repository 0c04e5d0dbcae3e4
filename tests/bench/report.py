"""What is printed: aligned tables, the ratios between engines, and the README's table."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence

from .peers import PEERS
from .run import Results, Row

TITLES = {
    "sum_tanh": "Σ tanh(ab + c)a²",
    "moons": "moons step, MLP 2-16-16-1",
    "microgpt": "microgpt step",
    "loop": "microgpt, whole loop with Adam in Python: ms a step",
    "digits": "digits MLP 64-32-10 with Adam: samples a second",
    "memory": "bytes a node more than before",
    "growth": "growth: ns a node after the first pass, bytes a node resident",
    "import": "import, ms of CPU",
}
BASES = ("micrograd", "micrograd, gc off")
PROGRAMS = ("sum_tanh", "moons", "microgpt")
PHASES = ("forward", "backward", "read", "free")


def figure(x: float, digits: int = 3) -> str:
    """Three digits or all of a whole number; – for what was not measured.

    >>> figure(12345.6), figure(12.345), figure(0.5), figure(float("nan"))
    ('12 346', '12.3', '0.5', '–')
    """
    if math.isnan(x):
        return "–"
    if abs(x) < 1:
        return f"{x:.3g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(x))))
    return f"{x:,.{decimals}f}".replace(",", " ")


def table(lines: Sequence[Sequence[str]], markdown: bool = False) -> str:
    """Aligned columns, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [x.ljust(w) if i == 0 else x.rjust(w) for i, (x, w) in enumerate(zip(line, widths, strict=True))]
        for line in lines
    ]
    if not markdown:
        return "\n".join("  ".join(line) for line in padded)
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]])


def rows(results: Results, workload: str) -> list[Row]:
    """Those that have figures, in the order of the table of peers."""
    measured = [row for key, row in results.rows.items() if (workload, key) in results.figures]
    return sorted(measured, key=lambda row: (PEERS.index(row.peer), not row.gc))


def programs(results: Results, workload: str) -> str:
    """A program's phases in ns an operation, and how many times faster than micrograd."""
    head = ["ns an operation", *PHASES, "total", "× micrograd", "× its gc off"]
    lines = [head]
    for row in rows(results, workload):
        times = [figure(results.median(workload, row.key, phase)) for phase in PHASES]
        ratios = [figure(results.ratio(workload, base, row.key)) for base in BASES]
        whole = "–" if row.key == "floats" else figure(results.median(workload, row.key))
        lines.append([str(row), *times, whole, *(["–"] * 2 if row.key == "floats" else ratios)])
    return table(lines)


def single(results: Results, workload: str) -> str:
    """Memory, samples a second, or milliseconds."""
    lines = [["", "after forward", "peak"] if workload == "memory" else ["", "", "× micrograd", "× its gc off"]]
    for row in rows(results, workload):
        if workload == "memory":
            lines.append([row.title, *(figure(results.median(workload, row.key, p)) for p in ("forward", "peak"))])
            continue
        median = results.median(workload, row.key)
        shown = {"loop": median / 1e6, "import": median * 1e3, "digits": 1e9 * results.sizes["digits"] / median}
        ratios = [figure(results.ratio(workload, base, row.key)) if workload == "digits" else "" for base in BASES]
        lines.append([row.title, figure(shown[workload]), *ratios])
    return table([line[:2] for line in lines[1:]] if workload in ("loop", "import") else lines)


def growth(results: Results, workload: str) -> str:
    """Graphs of more and more nodes, in a chain and in a tree."""
    lines = [["nodes", "forward", "backward", "free", "total", "bytes"]]
    for where, key in results.figures:
        if where.startswith(("deep ", "wide ")) and key == "chainrule":
            shape, size = where.split()
            phases = [figure(results.median(where, key, p)) for p in ("forward", "backward", "free")]
            held = figure(results.median(where, key, "bytes")) if int(size) >= 100_000 else "–"
            lines.append(
                [f"{shape} {int(size):,}".replace(",", " "), *phases, figure(results.median(where, key)), held]
            )
    return table([lines[0], *sorted(lines[1:], key=lambda line: (line[0][:4], len(line[0])))])


def ratios(results: Results) -> str:
    """How much slower others are, or how much slower chainrule is than a floor, in the rounds of this run."""
    one, two = ("forward",), ("forward", "backward")
    asked: list[tuple[str, str, str, str, tuple[str, ...]]] = [
        ("Σ tanh, total", "sum_tanh", "micrograd", "chainrule", ()),
        ("Σ tanh, total", "sum_tanh", "micrograd, gc off", "chainrule", ()),
        ("Σ tanh, total", "sum_tanh", "micrograd-rust", "chainrule", ()),
        ("Σ tanh, total", "sum_tanh", "xad", "chainrule", ()),
        ("Σ tanh, forward", "sum_tanh", "chainrule", "floats", one),
        ("moons, total", "moons", "micrograd", "chainrule", ()),
        ("moons, total", "moons", "micrograd, gc off", "chainrule", ()),
        ("moons, total", "moons", "oxigrad", "chainrule", ()),
        ("moons, total", "moons", "chainrule", "chainrule-nn", ()),
        ("microgpt, forward and backward", "microgpt", "microgpt-shape", "chainrule", two),
        ("microgpt, forward and backward", "microgpt", "microgpt-shape, gc off", "chainrule", two),
        ("microgpt, whole loop", "loop", "microgpt-shape", "chainrule", ()),
        ("digits", "digits", "micrograd, gc off", "chainrule-nn", ()),
    ]
    lines = [["time of", "over time of", "", "×"]]
    for title, workload, slow, fast, phases in asked:
        ratio = results.ratio(workload, slow, fast, *phases)
        if not math.isnan(ratio):
            lines.append([slow, fast, title, figure(ratio)])
    for shape in ("deep", "wide"):
        sizes = sorted(int(w.split()[1]) for w, key in results.figures if w.startswith(shape) and key == "chainrule")
        if len(sizes) > 1 and 10_000 in sizes:
            low, high = (results.median(f"{shape} {n}", "chainrule") for n in (10_000, sizes[-1]))
            lines.append([f"{sizes[-1]:.0e} nodes, {shape}", "1e+04 nodes", "growth, a node", figure(high / low)])
    return table(lines) if len(lines) > 1 else ""


def conditions(results: Results, command: str, rounds: int) -> str:
    """What ran where: without it no figure means anything."""
    from autograd import __version__, backend

    versions = dict.fromkeys(row.peer.pins[0].replace("==", " ") for row in results.rows.values() if row.peer.pins)
    return (
        f"`{command}`: medians of {rounds} rounds, interleaved, CPU time; Python {platform.python_version()}, "
        f"{processor()}, {os.cpu_count()} cores.\n"
        f"chainrule {__version__}, backend {backend().name}: {backend().why}. Peers: {', '.join(versions) or 'none'}."
    )


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def missing(results: Results) -> str:
    return "\n".join(f"{where}: {reason}" for where, reason in results.reasons.items())


def text(results: Results, workloads: Sequence[str]) -> str:
    """Every table, for a terminal."""
    parts = []
    for workload in workloads:
        show = growth if workload == "growth" else programs if workload in PROGRAMS else single
        parts.append(f"{TITLES[workload]}\n{show(results, workload)}")
    parts.append(ratios(results))
    return "\n\n".join(part for part in parts if part)


def markdown(results: Results) -> str:
    """The README's table."""
    head = ["ns an operation (× micrograd / × its gc off)", *(TITLES[w] for w in PROGRAMS)]
    lines = [[*head, "digits, samples/s", "bytes a node", "import, ms"]]
    for row in sorted(results.rows.values(), key=lambda row: (PEERS.index(row.peer), not row.gc)):
        key, cells = row.key, []
        for workload in PROGRAMS:
            time = results.median(workload, key)
            times = [figure(results.ratio(workload, base, key), 2) for base in BASES]
            compared = "" if key == "floats" else f" ({' / '.join(times)})"
            cells.append("" if math.isnan(time) else figure(time) + compared)
        samples = 1e9 * results.sizes["digits"] / results.median("digits", key)
        others = [samples, results.median("memory", key, "forward"), 1e3 * results.median("import", key)]
        cells += ["" if math.isnan(x) else figure(x) for x in others]
        if any(cells):
            lines.append([str(row), *cells])
    return table(lines, markdown=True)
