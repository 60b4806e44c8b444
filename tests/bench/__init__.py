"""Benchmarks: every row measures pfnmap and a yardstick in the same run, and prints the ratio.

``python -m tests.bench`` prints the table; ``--only WORD`` picks rows, ``--rounds N`` repeats
more. Machines are noisy: read the ratios, and compare medians of interleaved rounds.
"""
