"""``python -m tests.bench [--only WORD] [--rounds N]``: measure and print the table."""

from __future__ import annotations

import argparse
import os
import platform
import sys

from tests.bench.modules import MODULES
from tests.bench.table import render


def main() -> int:
    """Run every row (or those whose name holds a word); 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default="", help="rows whose name holds this word")
    parser.add_argument("--rounds", type=int, help="rounds of every row")
    options = parser.parse_args()
    rows = [row for module in MODULES for row in module.ROWS if options.only in row.name]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores", flush=True)
    results = []
    for row in rows:
        print(f"  … {row.name}", file=sys.stderr, flush=True)
        results.append(row.run(options.rounds))
    print("\n".join(render(results, [row.name for row in rows])))
    return 0 if all(result is None or result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
