"""The command line: ``python -m autograd COMMAND``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

_COMMANDS = {  # name: the module that holds its HELP, add_arguments(parser) and run(options)
    "dap": "debugger.dap",
    "debug": "debugger.command",
    "draw": "drawing.command",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; what stands after ``--`` is for the script that it runs."""
    given = list(sys.argv[1:] if argv is None else argv)
    end = given.index("--") if "--" in given else len(given)
    parser = argparse.ArgumentParser(prog="python -m autograd", description="Tools for graphs of Values.")
    commands = parser.add_subparsers(title="commands", dest="command", required=True)
    modules = {name: import_module(f".{path}", __package__) for name, path in _COMMANDS.items()}
    for name, module in modules.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP, epilog="Arguments of the script: after --."))
    options = parser.parse_args(given[:end])
    options.arguments = given[end + 1 :]
    modules[options.command].run(options)


if __name__ == "__main__":
    main()
