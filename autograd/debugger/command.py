"""``python -m autograd debug script.py [argument …]``: a script under the gradient debugger, at the prompt."""

from __future__ import annotations

import argparse
import os
import sys

from .programs import Passes, run_program
from .shell import Shell, startup_commands

HELP = "run a script under the gradient debugger"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("-m", action="store_true", dest="module", help="the script is the name of a module")
    parser.add_argument("-c", action="append", default=[], dest="commands", metavar="COMMAND", help="do this first")
    parser.add_argument(
        "--at-call", type=int, default=1, metavar="N", help="stop at the Nth call of backward(), not at the first"
    )
    parser.add_argument("script", help="the program")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="argument", help="its arguments")


def run(options: argparse.Namespace) -> None:
    """Run the script; the exit status is its own."""
    if options.at_call < 1:
        sys.exit("--at-call takes a whole number from 1")
    if not options.module and not os.path.isfile(options.script):
        sys.exit(f"there is no file {options.script}")
    shell = Shell(commands=[*startup_commands(), *options.commands])
    passes = Passes(shell.interact, shell.points, options.at_call)
    status = run_program(options.script, [*options.rest, *options.arguments], passes, module=options.module)
    if passes.calls < options.at_call and not status:
        print(
            f"{options.script} called backward() {passes.calls} time{'s' * (passes.calls != 1)}, "
            f"so there was nothing to stop at",
            file=sys.stderr,
        )
    sys.exit(status)
