"""Record a function once, and run it as a straight-line program from then on.

arguments.py    a call's numbers, and the structure around them
symbols.py      nodes for numbers that are not known yet
lowering.py     rules as formulas of symbols, both sides of every condition
gradient.py     the chain rule on symbols
code.py         what runs: folded, without dead code; and an interpreter
export.py       code as a file of C; loops.py finds its loops, c_functions.py what an op is in C
c_program.py    that file, compiled and called
program.py      `Program`: the rows, how they print, run and differentiate
recorder.py     `record`: what a function does, written down
compiled.py     `compile`: programs for the ways that a function goes, and when to trust them
"""

from .compiled import Compiled, compile
from .program import Constant, Guard, Program
from .recorder import record

__all__ = ["Compiled", "Constant", "Guard", "Program", "compile", "record"]
