"""Operations that every kernel is asked to do between captures, and how they are kept.

``python -m tests.kernel.series`` renews what is kept: the series that tests replay without a
kernel.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pfnmap.engine.guest.errors import GuestError
from pfnmap.engine.guest.verbs import perform
from tests.kernel.boots import boot, script
from tests.kernel.captures import CapturingRecorder, Moment, keep, keep_dump

SERIES = {
    "edges": """
        machine ram=1G memmap_on_memory=N
        add dimm0 640M at=0x100000000
        echo online_movable > /sys/devices/system/memory/memory33/state
        echo online_movable > /sys/devices/system/memory/memory35/state
        echo online > /sys/devices/system/memory/memory34/state
        echo online_movable > /sys/devices/system/memory/memory36/state
        echo online_kernel > /sys/devices/system/memory/memory34/state
        echo perhaps > /sys/devices/system/memory/memory32/state
        echo offline > /sys/devices/system/memory/memory32/state
        echo offline > /sys/devices/system/memory/memory0/state
        echo offline > /sys/devices/system/memory/memory34/state
        echo offline > /sys/devices/system/memory/memory36/state
        echo 1 > /sys/devices/system/memory/memory34/online
        echo offline > /sys/devices/system/memory/memory33/state
        add dimm1 256M at=0x140000000
        remove dimm0
    """,
    "own-memmap": """
        machine ram=1G memmap_on_memory=Y
        add dimm0 128M at=0x100000000
        add dimm1 384M at=0x110000000
        echo online_kernel > /sys/devices/system/memory/memory32/state
        echo online_movable > /sys/devices/system/memory/memory35/state
        echo online_movable > /sys/devices/system/memory/memory34/state
        echo online > /sys/devices/system/memory/memory36/state
        echo offline > /sys/devices/system/memory/memory35/state
        echo offline > /sys/devices/system/memory/memory32/state
        echo offline > /sys/devices/system/memory/memory7/state
        remove dimm0
        remove dimm1
    """,
    "two-nodes": """
        machine ram=4G nodes=2 memmap_on_memory=Y
        add dimm0 256M at=0x180000000 node=1
        echo online_movable > /sys/devices/system/memory/memory49/state
        add dimm1 256M at=0x190000000
        echo online_movable > /sys/devices/system/memory/memory50/state
        echo online > /sys/devices/system/memory/memory48/state
        echo online_kernel > /sys/devices/system/memory/memory51/state
        echo offline > /sys/devices/system/memory/memory49/state
        remove dimm0
        remove dimm1
    """,
    "auto-online": """
        machine ram=1G memmap_on_memory=N auto_online_blocks=online
        add dimm0 256M at=0x100000000
        echo online_movable > /sys/devices/system/memory/auto_online_blocks
        add dimm1 256M at=0x120000000
        echo sometimes > /sys/devices/system/memory/auto_online_blocks
        echo auto-movable > /sys/module/memory_hotplug/parameters/online_policy
        echo online > /sys/devices/system/memory/auto_online_blocks
        add dimm2 256M at=0x150000000
        echo offline > /sys/devices/system/memory/memory33/state
        echo 100 > /sys/module/memory_hotplug/parameters/auto_movable_ratio
        echo offline > /sys/devices/system/memory/memory36/state
        echo online > /sys/devices/system/memory/memory36/state
        remove dimm2
        remove dimm0
    """,
}
"""In the command language; the first line is the machine."""

KEPT = (
    ("6.12", "edges"),
    ("6.12", "own-memmap"),
    ("6.12", "two-nodes"),
    ("6.1", "own-memmap"),
    ("6.1", "two-nodes"),
    ("6.1", "auto-online"),
)
"""(kernel, series) of those that tests replay."""

WITH_DUMP = (("6.12", "edges"), ("6.1", "two-nodes"))
"""Those of which the text dump of the last moment is kept too."""

KEPT_FOLDER = Path(__file__).parents[1] / "engine" / "sysroot" / "captures"


def record(version: str, lines: Iterable[str]) -> CapturingRecorder:
    """Boot a kernel and do what the lines say; a refused line does not end it."""
    machine = script(lines)
    with boot(version, machine) as guest:
        recorder = CapturingRecorder.of(guest)
        for _line, command in machine.lines:
            perform(recorder, command)
    return recorder


def recorded_moments(recorder: CapturingRecorder) -> Iterator[Moment]:
    """All operations that the kernel saw, with the captures around them."""
    for number in range(len(recorder.operations)):
        moment = recorder.moment(number)
        if moment is not None:
            yield moment


def main(arguments: list[str] | None = None) -> int:
    """Record the series that are kept; 2 when a kernel is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernel.series", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=KEPT_FOLDER, help="folder")
    options = parser.parse_args(arguments)
    for version, name in KEPT:
        try:
            recorder = record(version, SERIES[name].splitlines())
        except GuestError as problem:
            print(f"series: {problem}", file=sys.stderr)
            return 2
        folder = options.output / f"{version}-{name}"
        keep(folder, recorder.dumps, recorder.operations)
        if (version, name) in WITH_DUMP:
            keep_dump(folder, recorder.dumps[-1])
        print(f"{folder}: {len(recorder.operations)} operations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
