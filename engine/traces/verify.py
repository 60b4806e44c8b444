"""Compare the engine with what a real kernel did, step by step.

After every step: the result, every zone, every block, the System RAM lines of iomem, the node
masks, and the log lines that can be predicted. A step that the engine cannot interpret
counts as differing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from pfnmap.engine.errors import InputError
from pfnmap.engine.memory.state import State
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.sysfs_words import parse_mask
from pfnmap.engine.traces.replay import machine_state, run_step
from pfnmap.engine.traces.trace import (
    FIRMWARE,
    DeviceStep,
    RecordedState,
    RecordedStep,
    Trace,
    load_trace,
    parse_trace,
)

_PREDICTABLE = re.compile(
    r"Fallback order for Node|Built \d+ zonelists|Policy zone:|Demotion targets for Node"
    r"|Block size \[|acpi PNP0C80|memory memory\d+: Offline failed|removing memory fails"
    r"|Hotplug memory \[|Refuse to remove|node \d+ was absent|kmem [\w.:-]+: (?!probe )"
    r"|virtio_mem virtio\d+: (?:plugged|requested) size"
)
MASKS = ("online", "has_memory", "has_normal_memory")
"""The node masks that are compared."""
_TOTAL = re.compile(r"Total pages: \d+")


class Difference(Struct, frozen=True):
    """One field that differs after one step (0: at boot)."""

    step: int
    field: str
    kernel: str
    engine: str

    def __str__(self) -> str:
        return f"step {self.step}: {self.field}: kernel {self.kernel}, engine {self.engine}"


def predictable_log(lines: Sequence[str]) -> list[str]:
    """The log lines that follow from the model, without the page totals in them."""
    return [
        _TOTAL.sub("Total pages: N", line.rstrip()) for line in lines if _PREDICTABLE.match(line)
    ]


def verify_trace(source: str | Path | dict[str, object] | Trace) -> list[Difference]:
    """Every difference between a recording and the engine."""
    if isinstance(source, dict):
        source = parse_trace(source, "recording")
    trace = source if isinstance(source, Trace) else load_trace(source)
    state = machine_state(trace)
    found = list(compare(0, trace.boot, state))
    for number, step in enumerate(trace.steps, 1):
        try:
            outcome = run_step(state, step)
        except InputError as error:
            found.append(Difference(number, step.do, "done", f"cannot interpret: {error}"))
            continue
        found += compare_answer(number, step, outcome)
        state = outcome.after
        found += compare(number, step.after, state)
    return found


def compare_answer(number: int, step: RecordedStep, outcome: Outcome) -> Iterator[Difference]:
    """Where the kernel's answer and its log differ from those of an outcome."""
    # What the emulator itself refuses has words of its own.
    refused = isinstance(step, DeviceStep) and step.result is not None and outcome.errno
    if step.result != FIRMWARE and step.result != outcome.errno and not refused:
        why = f" ({outcome.refusal.rule})" if outcome.refusal else ""
        yield Difference(
            number, "result", step.result or "success", (outcome.errno or "success") + why
        )
    kernel, engine = predictable_log(step.log), predictable_log(outcome.log)
    if kernel != engine:
        yield Difference(number, "log", repr(kernel), repr(engine))


def compare(number: int, recorded: RecordedState, state: State) -> Iterator[Difference]:
    """Where a state differs from what was recorded after a step."""
    yield from _compare_zones(number, recorded, state)
    yield from _compare_blocks(number, recorded, state)
    lines = {(r.depth, r.start, r.end, r.name) for r in recorded.resources if r.system_ram}
    ours = {(r.depth, r.start, r.end, r.name) for r in state.resources if r.system_ram}
    for line in sorted(lines ^ ours):
        text = f"{line[1]:x}-{line[2]:x} : {line[3]}"
        both = ("there", "absent") if line in lines else ("absent", "there")
        yield Difference(number, f"iomem {text}", *both)
    for mask in MASKS:
        kernel = parse_mask(getattr(recorded.masks, mask)) or ()
        if kernel != state.nodes_in(mask):
            yield Difference(
                number, f"nodes {mask}", str(list(kernel)), str(list(state.nodes_in(mask)))
            )


def _compare_zones(number: int, recorded: RecordedState, state: State) -> Iterator[Difference]:
    ours = {(row.node, row.zone): row for row in ModelView(state).zones}
    theirs = {(row.node, row.zone): row for row in (zone.row for zone in recorded.zones)}
    for key in sorted(ours.keys() | theirs.keys()):
        name = f"node {key[0]} zone {key[1].label}"
        kernel, engine = theirs.get(key), ours.get(key)
        if kernel is None or engine is None:
            both = ("absent", "there") if kernel is None else ("there", "absent")
            yield Difference(number, name, *both)
            continue
        for field in ("start_pfn", "spanned", "present", "managed", "cma"):
            a, b = getattr(kernel, field), getattr(engine, field)
            if field == "start_pfn" and not kernel.present:
                continue  # the kernel prints no start_pfn for an unpopulated zone
            if a != b:
                yield Difference(number, f"{name} {field}", str(a), str(b))


def _compare_blocks(number: int, recorded: RecordedState, state: State) -> Iterator[Difference]:
    view = ModelView(state)
    for kernel in recorded.blocks:
        name = f"block {kernel.id}"
        if (engine := view.block(kernel.id)) is None:
            yield Difference(number, name, "there", "absent")
            continue
        pairs = (
            ("state", kernel.state, engine.state),
            ("node", kernel.node, engine.node),
            ("removable", kernel.removable, engine.removable),
            ("valid_zones", " ".join(kernel.valid_zones) or "none", " ".join(engine.valid_zones)),
        )
        for field, a, b in pairs:
            if a != b:
                yield Difference(number, f"{name} {field}", str(a), str(b))
    unknown = state.blocks
    for kernel in recorded.blocks:
        unknown = unknown.delete(kernel.id, kernel.id + 1)
    for row in unknown.rows:
        first, count = int(row["start"]), int(row["count"])
        name = f"block {first}" if count == 1 else f"blocks {first}-{first + count - 1}"
        yield Difference(number, name, "absent", "there")
