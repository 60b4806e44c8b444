"""Where two courses of the same steps part: recordings, kernels, or the model under other rules.

Kernels of different size have different memory at boot, so what is compared of a zone and of
``/proc/iomem`` is what has changed since then.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from msgspec import Struct
from msgspec.structs import asdict

from pfnmap.engine.memory.state import State
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.sizes import format_mask
from pfnmap.engine.traces.trace import (
    DeviceStep,
    DimmStep,
    HotAdd,
    RecordedBlock,
    RecordedLine,
    RecordedMasks,
    RecordedState,
    RecordedStep,
    RecordedZone,
    ShellStep,
    Trace,
    WriteState,
)
from pfnmap.engine.traces.verify import MASKS, predictable_log

MOST_FIELDS = 8
"""Of a step that are told one by one."""


class Moment(Struct, frozen=True):
    """A step of one course, and what was to be seen behind it."""

    number: int
    line: str
    result: str | None
    log: tuple[str, ...]
    state: RecordedState


class Course(Struct, frozen=True):
    """Steps one after another."""

    name: str
    boot: RecordedState
    moments: tuple[Moment, ...]


class Parting(Struct, frozen=True):
    """The first step at which two courses differ."""

    names: tuple[str, str]
    number: int
    line: str
    fields: tuple[tuple[str, str, str], ...]
    """(field, value of the first, value of the second), at least one."""
    more: int
    """Later steps that differ."""

    @property
    def lines(self) -> list[str]:
        """The step, then each field with both values."""
        first, second = self.names
        out = [f"{first} and {second} part at step {self.number}: {self.line}"]
        out += [
            f"  {field}: {first} {one}, {second} {two}"
            for field, one, two in self.fields[:MOST_FIELDS]
        ]
        if (rest := len(self.fields) - MOST_FIELDS) > 0:
            out.append(f"  and {rest} more")
        if self.more:
            out.append(f"  {self.more} of the later steps differ as well")
        return out


def parting(one: Course, two: Course) -> Parting | None:
    """Where two courses part; None where they do not."""
    pairs = list(zip_longest(one.moments, two.moments))
    found = [(a or b, fields) for a, b in pairs if (fields := list(_fields(one, a, two, b)))]
    if not found:
        return None
    moment, fields = found[0]
    assert moment is not None
    number, line = moment.number, moment.line
    return Parting((one.name, two.name), number, line, tuple(fields), len(found) - 1)


def _fields(
    one: Course, a: Moment | None, two: Course, b: Moment | None
) -> Iterator[tuple[str, str, str]]:
    if a is None or b is None:
        yield "the step", "there" if a else "has ended", "there" if b else "has ended"
        return
    if a.line != b.line:
        yield "what was done", a.line, b.line
    if a.result != b.result:
        yield "result", a.result or "ok", b.result or "ok"
    theirs, others = facts(a.state, one.boot), facts(b.state, two.boot)
    for key in dict.fromkeys((*theirs, *others)):
        if theirs.get(key) != others.get(key):
            yield key, theirs.get(key, "absent"), others.get(key, "absent")
    logs = predictable_log(a.log), predictable_log(b.log)
    if logs[0] != logs[1]:
        yield "log", repr(logs[0]), repr(logs[1])


def facts(state: RecordedState, boot: RecordedState) -> dict[str, str]:
    """What two courses may differ in, each in words."""
    out: dict[str, str] = {}
    before = {(zone.node, zone.zone): zone for zone in boot.zones}
    for zone in state.zones:
        name, old = f"zone {zone.zone} node {zone.node}", before.get((zone.node, zone.zone))
        if zone.present and not (old and old.present):
            out[f"{name} start"] = f"{zone.start_pfn:#x}"
        for field in ("spanned", "present", "managed"):
            change = getattr(zone, field) - (getattr(old, field) if old else 0)
            out[f"{name} {field} since boot"] = f"{change:+}"
    for block in state.blocks:
        name = f"block {block.id}"
        out[f"{name} state"] = block.state
        out[f"{name} node"] = str(block.node)
        out[f"{name} valid_zones"] = " ".join(block.valid_zones) or "none"
    lines, old_lines = (
        {f"iomem {r.start:#x}-{r.end:#x} : {r.name}" for r in each.resources if r.system_ram}
        for each in (state, boot)
    )
    out |= dict.fromkeys(sorted(lines - old_lines), "there")
    out |= dict.fromkeys(sorted(old_lines - lines), "gone")
    masks = asdict(state.masks)
    return out | {f"nodes {mask}": masks[mask] or "none" for mask in MASKS}


def course_of_trace(trace: Trace, name: str) -> Course:
    """A recording."""
    moments = (
        Moment(number, done(step), step.result, step.log, step.after)
        for number, step in enumerate(trace.steps, 1)
    )
    return Course(name, trace.boot, tuple(moments))


def done(step: RecordedStep) -> str:
    """What a step did, in words that are alike where it was the same."""
    match step:
        case HotAdd(start=int(start), size=int(size)):
            return f"add {step.id} {size >> 20}M at={start:#x} node={step.node}"
        case DimmStep():
            return f"{'add' if isinstance(step, HotAdd) else 'remove'} {step.id}"
        case WriteState():
            return f"echo {step.value} > memory{step.block}/state"
        case ShellStep():
            return " ".join(step.command.split())
        case DeviceStep(resizes=(name, size)):
            return f"virtio-mem {name} requested={size >> 20}M"
        case DeviceStep():
            return f"{step.cmd} {step.args.get('driver', '')} {step.args.get('id', '')}".rstrip()
    return step.do


def shown_by(state: State) -> RecordedState:
    """What a kernel would show of a machine of the model."""
    view = ModelView(state)
    rows = (view.block(number) for number in view.block_ids(0, view.nr_blocks).tolist())
    blocks = (
        RecordedBlock(
            id=row.id,
            state=row.state,  # type: ignore[arg-type]
            node=row.node,
            removable=bool(row.removable),
            valid_zones=row.valid_zones,
        )
        for row in rows
        if row is not None
    )
    zones = (
        RecordedZone(
            zone.node,
            zone.zone.label,  # type: ignore[arg-type]
            *(zone.start_pfn, zone.spanned, zone.present, zone.managed, zone.cma),
        )
        for zone in view.zones
    )
    lines = (RecordedLine(r.depth, r.start, r.end, r.name) for r in state.resources)
    masks = {mask: format_mask(state.nodes_in(mask)) for mask in MASKS}
    return RecordedState(tuple(zones), tuple(blocks), tuple(lines), RecordedMasks(**masks))
