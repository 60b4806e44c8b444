"""A guest's files before and after everything that is done to it, and how such series are kept.

A series is a folder: ``00.json``, ``01.json`` … are captures as ``pfnmap FILE`` opens them, and
``operations.json`` says what was done between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pfnmap.engine.guest.guest import Guest
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.sysroot.capture import capture_bytes, load_capture, parse_capture
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.traces.trace import (
    FIRMWARE,
    DimmStep,
    HotAdd,
    RecordedStep,
    ShellStep,
    WriteState,
)
from tests.kernel.foresight import Operation

OPERATIONS = "operations.json"
DUMP = "dump.txt"
MIB = 1 << 20
_MEMORY = "/sys/devices/system/memory"


@dataclass(frozen=True, slots=True)
class Moment:
    """One operation and the machine around it."""

    before: SysrootView
    operation: Operation
    after: SysrootView


@dataclass
class CapturingRecorder(Recorder):
    """A recorder that also captures the guest at its start and after every step."""

    dumps: list[bytes] = field(default_factory=list)
    operations: list[Operation | None] = field(default_factory=list)
    """What led to each dump but the first; None for what the kernel never saw."""

    @classmethod
    def of(cls, guest: Guest) -> CapturingRecorder:
        """Begin with a guest that has just booted."""
        return cls(guest, Recorder.start(guest).boot, dumps=[guest.dump()])

    def keep(self, step: RecordedStep) -> list[RecordedStep]:
        """Take a step into the recording, and capture the guest behind it."""
        kept = super().keep(step)
        self.dumps.append(self.guest.dump())
        self.operations.append(operation_of(step))
        return kept

    def moment(self, number: int) -> Moment | None:
        """An operation with the captures around it; None for what the kernel never saw."""
        operation = self.operations[number]
        if operation is None:
            return None
        before, after = (
            SysrootView(parse_capture(dump, "dump.txt")) for dump in self.dumps[number : number + 2]
        )
        return Moment(before, operation, after)


def operation_of(step: RecordedStep) -> Operation | None:
    """A step as a line of the command language; None where the firmware refused it."""
    if step.result == FIRMWARE:
        return None
    match step:
        case HotAdd(id=name, start=int(start), size=int(size), node=node):
            line = f"add {name} {size // MIB}M at={start:#x} node={node}"
        case DimmStep(start=int(start), size=int(size)):
            line = f"remove {start:#x}-{start + size - 1:#x}"
        case WriteState(block=block, value=value):
            line = f"echo {value} > {_MEMORY}/memory{block}/state"
        case ShellStep(command=line):
            pass
        case _:
            return None
    return Operation(line, step.result, step.unmovable)


def keep(folder: Path, dumps: Sequence[bytes], operations: Sequence[Operation | None]) -> None:
    """Write a series as captures. What the kernel never saw is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    done = [operation for operation in operations if operation is not None]
    kept = [dumps[0]]
    kept += [dump for dump, o in zip(dumps[1:], operations, strict=True) if o is not None]
    for number, dump in enumerate(kept):
        observation = parse_capture(dump, f"{number:02}.txt")
        (folder / f"{number:02}.json").write_bytes(capture_bytes(observation))
    lines = [json.dumps(asdict(operation)) for operation in done]
    text = "[\n" + ",\n".join(lines) + "\n]\n"
    (folder / OPERATIONS).write_text(text, encoding="ascii")


def keep_dump(folder: Path, dump: bytes) -> None:
    """Write a text dump with the lines that matter alone: without any of them, less is known."""
    lines = dump.splitlines(keepends=True)
    whole = parse_capture(dump, DUMP)
    for number in reversed(range(len(lines))):
        fewer = b"".join(lines[:number] + lines[number + 1 :])
        if parse_capture(fewer, DUMP) == whole:
            del lines[number]
    (folder / DUMP).write_bytes(b"".join(lines))


def kept_observations(folder: Path) -> list[Observation]:
    """The captures of a series, in order."""
    paths = sorted(folder.glob("[0-9]*.json"), key=lambda path: int(path.stem))
    return [load_capture(path) for path in paths]


def moments(folder: Path) -> Iterator[Moment]:
    """The operations of a series, each with the machine before and after."""
    views = [SysrootView(observation) for observation in kept_observations(folder)]
    rows = json.loads((folder / OPERATIONS).read_text(encoding="ascii"))
    assert len(views) == len(rows) + 1, folder
    for number, row in enumerate(rows):
        operation = Operation(row["line"], row["result"], tuple(row["unmovable"]))
        yield Moment(views[number], operation, views[number + 1])
