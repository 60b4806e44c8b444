"""Benchmarks: every row measures pfnmap and a yardstick in the same run, and prints the ratio.

``python -m tests.bench`` prints the table; ``--only WORD`` picks rows, ``--rounds N`` repeats
more. Machines are noisy: read the ratios, which are medians over rounds in which pfnmap and its
yardstick take turns. Whole processes are timed by the clock on the wall, work inside one process
by the CPU time it takes.
"""
