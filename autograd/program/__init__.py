"""Record a function once, and run it as a straight-line program from then on.

arguments.py  a call's numbers, and the structure around them
symbols.py    nodes for numbers that are not known yet
lowering.py   rules as formulas of symbols, both sides of every condition
gradient.py   the chain rule on symbols
code.py       what runs: folded, without dead code; and an interpreter
lanes.py      code for many samples at once, as a machine in C runs it
batch.py      `Batched`: what a program does with many samples
program.py    `Program`: the rows, how they print, run and differentiate
recorder.py   `record`: what a function does, written down
compiled.py   `compile`: programs for the ways that a function goes, and when to trust them
training.py   a model's training step as a program
"""

from .batch import Batched
from .compiled import Compiled, compile
from .program import Constant, Guard, Program
from .recorder import record

__all__ = ["Batched", "Compiled", "Constant", "Guard", "Program", "compile", "record"]
