"""Rows about start-up: whole processes, and the first frame on a terminal."""

from __future__ import annotations

from functools import partial

from pfnmap.tui.__main__ import COLLECT_AFTER
from tests.bench.processes import LAST_LINE, PROGRAM, first_frame, whole
from tests.bench.table import Measure, Row

SWITCHES = f"import gc\ngc.set_threshold({COLLECT_AFTER}, 10, 10)\n"
"""What the program does for itself before anything else; see also ``environment``."""
NUMPY = ("-c", f"{SWITCHES}import numpy")
EMPTY = "import numpy\nfrom textual.app import App\nApp().run()"
SCENARIO = "shrink-e1-merged"
"""A shipped scenario of average length."""


def _process(*arguments: str) -> tuple[Measure, Measure]:
    return partial(whole, *PROGRAM, *arguments), partial(whole, *NUMPY)


def program_is_painted(raw: bytearray) -> bool:
    """Whether the program's last line stands, with its keys."""
    return b"help" in raw.partition(LAST_LINE)[2]


def empty_is_painted(raw: bytearray) -> bool:
    """Whether the empty application has come to its last line."""
    return LAST_LINE in raw


def _first_frame(switches: str) -> tuple[Measure, Measure]:
    return (
        partial(first_frame, PROGRAM, program_is_painted),
        partial(first_frame, ("-c", switches + EMPTY), empty_is_painted),
    )


ROWS = (
    Row("first frame", "empty Textual app + numpy, same switches", 1.25,
        partial(_first_frame, SWITCHES), rounds=15),
    Row("first frame, default collector", "empty Textual app + numpy", 1.25,
        partial(_first_frame, ""), rounds=15),
    Row("pfnmap show", "import numpy", 2, partial(_process, "show"), rounds=15),
    Row("pfnmap show -c", "import numpy", 2,
        partial(_process, "show", "-c", "add dimm0 256M", "-c", "online dimm0[1] movable"),
        rounds=15),
    Row("pfnmap check", "import numpy", 2, partial(_process, "check", SCENARIO), rounds=15),
    Row("pfnmap run --text", "import numpy", 2, partial(_process, "run", "--text", SCENARIO),
        rounds=15),
    Row("pfnmap --version", "import numpy", 1, partial(_process, "--version"), rounds=15),
    Row("pfnmap --help", "import numpy", 1, partial(_process, "--help"), rounds=15),
)  # fmt: skip
