"""The ``pfnmap`` command; also ``python -m tui``."""

from __future__ import annotations

import gc
import os
import signal
import sys

__all__ = ["main"]

COLLECT_AFTER = 50_000
"""Containers that may be allocated before the collector looks for cycles.

What is imported at the start is kept to the end: looking at it every 700 containers, as Python
does by itself, is a tenth of the time to the first frame.
"""


def main() -> int:
    """Run the command line; the exit status."""
    # numpy's linear algebra is not used, so its threads need not be started.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    try:
        from tui import cli

        return cli.main()
    except KeyboardInterrupt:
        # While modules are being imported; later the command line answers itself.
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
