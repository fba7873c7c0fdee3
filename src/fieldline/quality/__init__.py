"""Flags beside values: checks as pure functions, what they look at, and how their verdicts become one.

flags.py        1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing, and how flags merge
bits.py         which bit of `<field>_qcbits` a check has
check.py        Check, and Around: what a check may look at
checks.py       all checks by name; `build` makes one from what a configuration says
judge.py        a frame and its checks -> flags; which rows a new row changes
values.py neighbours.py windows.py seasons.py sun.py diagnostics.py across.py       the checks
variables.py    limits by the name of a column
maintenance.py  what people wrote about instruments; it has the last word
"""
