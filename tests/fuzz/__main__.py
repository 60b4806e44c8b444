"""``python -m tests.fuzz --minutes N``: random commands until the time is up.

Exit status 0 when nothing broke, 1 when something did; each failure is printed as the
shortest scenario found.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time

from tests.fuzz.run import Report, run_one


def main() -> int:
    """Run, report, and answer with the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long to run (1)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--failures", type=int, default=5, help="stop after this many (5)")
    parser.add_argument("--historical", type=int, default=5, help="every Nth machine (5)")
    options = parser.parse_args()
    report = Report()
    end = time.monotonic() + options.minutes * 60
    for seed in itertools.count(options.seed):
        if time.monotonic() >= end or len(report.failures) >= options.failures:
            break
        known = len(report.failures)
        run_one(seed, report, historical=seed % options.historical == 0)
        for failure in report.failures[known:]:
            print(failure, flush=True)
    print(*report.lines(), sep="\n")
    print(f"seeds {options.seed} to {seed - 1}, {options.minutes:g} minutes")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
