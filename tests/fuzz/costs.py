"""``python -m tests.fuzz.costs [--all]``: what small inputs cost, each in a process of its own.

Prints a line for each that costs more than it may: processor time and memory are the process's
own, so a busy machine changes nothing.
"""

from __future__ import annotations

import gzip
import importlib
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from pfnmap.engine.limits import MAX_BLOCK_LINES, MAX_CAPTURE_BLOCKS, MAX_SCENARIO_LINES
from pfnmap.tui import cli

SMALL = (2.0, 300 << 20)
"""Seconds of processor time and bytes that an input below 1 kB may cost."""
LARGE = (10.0, 1 << 30)
"""The same for any file within its limits."""

COMMANDS = ("blocks", "check", "figure", "fmt", "run", "show", "verify")
BIG = "machine ram=1P"
HOSTED = "machine memmap_on_memory=Y"
PINS = [f"pin d[{at}-{at + 4095}] kind=movable" for at in range(0, 16 * 4096, 4096)]
LINES: tuple[tuple[str, ...], ...] = (
    ("machine ram=16383P",),
    ("machine ram=16383P arch=arm64-4k",),
    (BIG, "pin 33 pages=18446744073709551615"),
    (BIG, "echo 400000000 > /proc/sys/vm/nr_hugepages"),
    (BIG, "hugetlb h 2M count=65536", "hugetlb-free h"),
    (BIG, "hugetlb h 2M count=65536 at=0x100000000"),
    (HOSTED, "add d 2P", "online d movable", "shrink Movable blocks=33000000"),
    (HOSTED, "add d 2P", "online d", "offline d", "remove d"),
    ("machine profile=shrink-oct2018 ram=1P", "add d 1P", "online d", "offline d"),
    ("machine profile=memmap-v1 ram=1P", "add d 8T", "online d", "offline d", "remove d"),
    ("machine profile=memmap-v1", "add a 1G memmap=device",
     "add d 128G memmap=memblock", "online d", "remove d"),
    (HOSTED, "add d 2P", "grep . /sys/devices/system/memory/memory*/state"),
    ("echo online > /sys/devices/system/memory/memory{0..99999999}/state",),
    (HOSTED, "add d 128T", "online d", "expect block d state=online"),
    (HOSTED, "add d 128T", "online d movable", *PINS, "offline d"),
    (HOSTED, "add d 128T", "online d movable", *PINS, "unpin d"),
    ("machine ram=4G", "add d 1P memmap=device", "online d", "freelist 0:1", "offline d"),
    ("machine nodes=1024 ram=64G", "add d 1G node=1023"),
    (HOSTED, "add d 2T", "grep . /sys/devices/system/memory/memory*/state"),
)  # fmt: skip
"""Scenarios of less than 1 kB; each is run, drawn and shown."""
DEARER: tuple[tuple[str, ...], ...] = (
    ("machine nodes=1000 ram=64G", "add d 8G node=999", "online d", "remove d"),
    (BIG + " hugetlb_free_vmemmap=on", "hugetlb h 2M count=65536"),
    (HOSTED, "add d 2P", "online d", "free 1G"),
    (HOSTED, "add d 128T", "online d movable", *PINS, "pin d[0-4095] kind=unmovable", "remove d"),
    ("machine ram=64G hugetlb_free_vmemmap=on", "add d 256G", "online d movable",
     "hugetlb h 2M count=65536", "offline d"),
    ("machine arch=ppc64-64k ram=8T", "add d 512T", "online d", "offline d", "remove d"),
    (BIG + " block=256M nodes=3 ram2=192M", "chmem -d 256M"),
    (HOSTED, "add d 1000G", *["grep . /sys/devices/system/memory/memory*/state"] * 12),
)  # fmt: skip
"""Those that take more than a tenth of a second: within what is allowed, and for ``--all``."""


class Case(NamedTuple):
    """A command line, the content of its file, and what that may cost."""

    arguments: tuple[str, ...]
    ending: str
    content: bytes
    allowed: tuple[float, int]


def capture(**fields: Any) -> bytes:
    """A capture of one node with these fields."""
    head = {"format": "pfnmap-capture-1", "page_bytes": 4096, "block_bytes": 1 << 27}
    return json.dumps({**head, "node_ids": [0], **fields}).encode()


def scenario(lines: tuple[str, ...]) -> bytes:
    """The file of these lines."""
    content = "\n".join(lines).encode()
    assert len(content) < 1024, lines[-1]
    return content


def packed(end: bytes) -> bytes:
    """A packed capture that ends so."""
    return gzip.compress(capture()[:-1] + end, 1)


def small() -> Iterator[Case]:
    """Inputs of less than 1 kB."""
    for lines in LINES:
        yield Case(("check",), ".hotplug", scenario(lines), SMALL)
    yield from captures_of(1 << 24)


def captures_of(nr_blocks: int) -> Iterator[Case]:
    """A capture of one line that stands for so many blocks."""
    content = capture(blocks=[[0, nr_blocks, "online", ["Normal"], [0], 1, 0]])
    yield Case(("show",), ".json", content, SMALL)
    yield Case(("blocks",), ".json", content, SMALL)


def large() -> Iterator[Case]:
    """The same scenarios in every form of output, and files of megabytes."""
    yield from captures_of(MAX_CAPTURE_BLOCKS)
    for lines in (*LINES, *DEARER):
        content = scenario(lines)
        for words in ("check", "run", "figure", "show --step last", "run --json", "figure -o .svg"):
            yield Case(tuple(words.split()), ".hotplug", content, SMALL)
    alternating = [
        [i, 1, "online" if i % 2 else "offline", ["Normal"], [0], 1, 0]
        for i in range(MAX_BLOCK_LINES)
    ]
    one = [[0, MAX_BLOCK_LINES, "online", ["Normal"], [0], 1, 0]]
    yield Case(("blocks", "-a"), ".json", capture(blocks=one), LARGE)
    yield Case(("show", "--json"), ".json", capture(blocks=alternating), LARGE)
    captures: tuple[Callable[[], bytes], ...] = (
        lambda: capture(blocks=alternating),
        lambda: capture(blocks=alternating * 2),
        lambda: capture(notes=["x" * 50] * 1_000_000),
        lambda: packed(b', "blocks": [' + b"[]," * (80 << 20) + b"[]]}"),
        lambda: packed(b', "notes": [' + b'"",' * (20 << 20) + b'""]}'),
        lambda: b"[" * (30 << 20),
    )
    for made in captures:
        yield Case(("show",), ".json", made(), LARGE)
        yield Case(("blocks",), ".json", made(), LARGE)
    for line in (b"xyzzy\n", b'note "a"\n', b"\n", b"expect ok\n"):
        for word in ("check", "run", "fmt", "figure"):
            yield Case((word,), ".hotplug", line * 1_000_000, LARGE)
            yield Case((word,), ".hotplug", line * MAX_SCENARIO_LINES, LARGE)
    yield Case(("verify",), ".json", b'{"format":"x","steps":[' + b"[]," * (10 << 20), LARGE)


def cost(case: Case, folder: Path) -> tuple[int, float, int]:
    """(how its process ended, seconds of processor time, bytes at most) of one input."""
    file = folder / f"input{case.ending}"
    file.write_bytes(case.content)
    command, *rest = case.arguments
    child = os.fork()
    if not child:
        seconds, size = case.allowed
        resource.setrlimit(resource.RLIMIT_CPU, (int(2 * seconds), int(2 * seconds) + 1))
        resource.setrlimit(resource.RLIMIT_AS, (4 * size, 4 * size))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        sys.argv = ["pfnmap", command, str(file), *rest]
        os._exit(cli.main())
    _, status, used = os.wait4(child, 0)
    return status, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def main() -> int:
    """Every case; 1 where one costs too much or ends as no refusal does."""
    for command in COMMANDS:  # what Python imports is no input's cost
        importlib.import_module(f"pfnmap.tui.cli.{command}")
    # One at a time: a process counts what this one holds when it is made.
    cases = chain(small(), large() if "--all" in sys.argv else ())
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            status, seconds, size = cost(case, Path(folder))
            ended = os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, 1, 2)
            if not ended or seconds > case.allowed[0] or size > case.allowed[1]:
                worst = 1
                print(
                    f"{' '.join(case.arguments)}: {seconds:.1f} s, {size >> 20} MiB, "
                    f"status {status}: {case.content[:100]!r}",
                    flush=True,
                )
    return worst


if __name__ == "__main__":
    sys.exit(main())
