"""List the demos, one line each: the first line of each one's docstring."""

from __future__ import annotations

import ast
from pathlib import Path


def stories(folder: Path = Path(__file__).parent) -> dict[str, str]:
    """The name of each demo in a folder and what it shows, read without running or importing it."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "build" for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def main() -> None:
    """Print the list, the course at its end."""
    course = ast.parse((Path(__file__).parent / "course" / "__init__.py").read_text(encoding="utf-8"))
    for name, line in {**stories(), "course": (ast.get_docstring(course) or "").partition("\n")[0]}.items():
        print(f"python -m demos.{name:<17} {line}")


if __name__ == "__main__":
    main()
