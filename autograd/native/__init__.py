"""The compiled twin of value.py and chain.py: the same numbers, in C.

printer.py          the syntax tree of a rule, as C; it writes the two headers below
numerics.h          the float functions that are written by hand in C too
kernels.h           printed: every op's float function, and the rules of ops of many inputs
kernels_backward.h  printed: the rules of one and two inputs, as the cases of one switch
"""
