"""Record a function once, and run it as a straight-line program from then on.

arguments.py  a call's numbers, and the structure around them
caller.py     what is called like a function
listing.py    ops one after the other, as they were performed
symbols.py    numbers that are not known yet
templates.py  rules as rows of symbols, both sides of every condition
gradient.py   the chain rule on a listing
code.py       what runs: folded, without dead code; and an interpreter
schedule.py   code in the order in which the compiled engine's machine runs it
twin.py       listings in C, where the engine is compiled
export.py     code as a file of C: chains.py finds its sums, loops.py its loops; c_functions.py has its ops
c_program.py  that file, compiled and called
program.py    `Program`: how it prints, runs and is differentiated
recorder.py   `record`: what a function does, written down
compiled.py   `compile`: programs for the ways that a function goes, and when to trust them
"""

from .compiled import Compiled, compile
from .program import Constant, Guard, Program
from .recorder import record

__all__ = ["Compiled", "Constant", "Guard", "Program", "compile", "record"]
