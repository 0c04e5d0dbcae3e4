"""The reference of every public name, from its docstring, by pdoc: ``python -m tests.api [folder]`` (out/api).

Pages of plain HTML with a search box; index.html leads to them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

MODULES = ("autograd", "autograd.testing", "nn")  # with those in their __all__


def write(folder: Path) -> None:
    """Write the pages into a folder."""
    import pdoc

    for name in MODULES:
        module = import_module(name)
        for public in getattr(module, "__all__", ()):
            setattr(module, public, getattr(module, public))  # pdoc sees no name that is imported at first use
    pdoc.render.configure(docformat="google", show_source=False)
    pdoc.pdoc(*MODULES, output_directory=folder)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "out/api")
    write(target)
    print(f"{target / 'index.html'}: {', '.join(MODULES)}")
