"""A recording as the kernel showed it: the engine's replay, corrected where the two differ.

After each step the state goes on from what was recorded, so a step that the engine has no words
for, or another answer than the kernel, spoils nothing behind it. What the engine foresaw instead
stands beside, as findings of the view.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.commands import Note
from pfnmap.engine.errors import InputError
from pfnmap.engine.finding import DISAGREES, Finding
from pfnmap.engine.kinds import ZONE_BY_LABEL, BlockState, MemmapKind, ZoneType
from pfnmap.engine.memory.runs import Rows, RunMap, merge_rows, one_by_one, unbroken
from pfnmap.engine.memory.spans import update_pgdat_span
from pfnmap.engine.memory.state import BLOCK_DTYPE, Node, Pending, State, Zone
from pfnmap.engine.memory.unplugged import with_unplugged
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.outcome import Outcome, Refusal
from pfnmap.engine.printable import printable
from pfnmap.engine.sysfs_words import parse_mask
from pfnmap.engine.traces.replay import observed_rows, run_step
from pfnmap.engine.traces.trace import (
    FIRMWARE,
    DeviceStep,
    RecordedState,
    RecordedStep,
    ShellStep,
    Trace,
)
from pfnmap.engine.traces.verify import compare
from pfnmap.engine.view import BlockRow, View

_ERRNO_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class RecordedView(ModelView):
    """A machine as a recording shows it, and what the engine foresaw instead."""

    def __init__(self, state: State, said: RecordedState, foreseen: State) -> None:
        """``state``: made from ``said``; ``foreseen``: the engine's, from the step before."""
        super().__init__(state)
        self._said, self._foreseen = said, foreseen

    @cached_property
    def _words(self) -> dict[int, tuple[str, ...]]:
        return {block.id: block.valid_zones or ("none",) for block in self._said.blocks}

    def block(self, block_id: int) -> BlockRow | None:
        """One block; ``valid_zones`` are those that were recorded."""
        row = super().block(block_id)
        words = self._words.get(block_id)
        if row is None or words is None or words == row.valid_zones:
            return row
        rule = f"recorded; the model foresees {' '.join(row.valid_zones)}, because {row.zone_rule}"
        return replace(row, valid_zones=words, zone_rule=rule)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the engine foresaw otherwise, then what the rules in force have broken."""
        return (
            *(
                Finding(
                    DISAGREES,
                    f"{each.field}: the kernel says {each.kernel}, the engine foresaw "
                    f"{each.engine}",
                )
                for each in compare(0, self._said, self._foreseen)
            ),
            *super().findings,
        )


def recorded_steps(trace: Trace, state: State) -> Iterator[tuple[Outcome, View]]:
    """Every step as an outcome, from the state at boot, with the view of what was recorded."""
    for step in trace.steps:
        outcome, shown = recorded_step(state, step)
        state = outcome.after
        yield outcome, shown


def recorded_step(state: State, step: RecordedStep) -> tuple[Outcome, RecordedView]:
    """One step from the state before it, as :func:`recorded_steps` has it."""
    outcome = _foreseen(state, step)
    after = as_recorded(outcome.after, step.after)
    return replace(_answered(outcome, step), after=after), RecordedView(
        after, step.after, outcome.after
    )


def _foreseen(state: State, step: RecordedStep) -> Outcome:
    """What the engine makes of a step; of one that it has no words for, nothing."""
    try:
        return run_step(state, step)
    except InputError as error:
        done = step.cmd if isinstance(step, DeviceStep) else ""
        done = step.command if isinstance(step, ShellStep) else done
        words = printable(" ".join(f"{step.do} {done}".split()))
        return Outcome(Note(words), state, state, notes=(f"not modelled: {error}",))


def _answered(outcome: Outcome, step: RecordedStep) -> Outcome:
    """The outcome with the kernel's answer, where the engine has another."""
    answer = step.result
    if answer in (outcome.errno, FIRMWARE):
        return outcome
    why = f" ({outcome.refusal.rule})" if outcome.refusal else ""
    note = f"the engine foresees {outcome.errno or 'success'}{why}"
    refusal = None
    if answer and _ERRNO_LETTERS.issuperset(answer):
        refusal = Refusal(answer, "the recording", f"the kernel's answer; {note}")
    elif answer:
        note = f"the answer was: {printable(answer)}; {note}"
    notes = outcome.notes if refusal else (*outcome.notes, note)
    return replace(outcome, refusal=refusal, notes=notes)


# -- what was recorded, as a state --------------------------------------------------------
def as_recorded(state: State, said: RecordedState) -> State:
    """The state with the zones, blocks, nodes and resources that were recorded."""
    state = _with_blocks(state, said)
    number = max((zone.node for zone in said.zones), default=0) + 1
    if number > len(state.nodes):
        state = replace(state, nodes=(*state.nodes, *[Node()] * (number - len(state.nodes))))
    state = _with_zones(state, said)
    online = parse_mask(said.masks.online) or ()
    for node, has in enumerate(state.nodes):
        if has.online != (node in online):
            state = state.with_node(node, replace(has, online=node in online))
    ours = [r for r in state.resources if r.system_ram]
    if {(r.start, r.end, r.name) for r in ours} != {
        (r.start, r.end, r.name) for r in said.resources if r.system_ram
    }:
        owners = {(r.start, r.end): r.owner for r in state.resources}
        lines = (replace(r, owner=owners.get((r.start, r.end), -1)) for r in said.resources)
        state = replace(state, resources=tuple(lines))
    return with_unplugged(state)


def _with_zones(state: State, said: RecordedState) -> State:
    """Each zone's counters; what the kernel does not print of an empty one stays."""
    rows, pages = state.blocks.rows, state.geometry.block_pages
    hot = rows[(rows["early"] == 0) & (rows["state"] == BlockState.ONLINE)]
    recorded = {(zone.node, ZONE_BY_LABEL[zone.zone]): zone for zone in said.zones}
    for node in range(len(state.nodes)):
        changed = False
        for kind in ZoneType:
            if kind == ZoneType.NONE:
                continue
            old, seen = state.zone(node, kind), recorded.get((node, kind))
            zone = Zone()
            if seen is not None:
                start = seen.start_pfn if seen.present else old.start_pfn * bool(seen.spanned)
                zone = replace(
                    old,
                    start_pfn=start,
                    spanned=seen.spanned,
                    present=seen.present,
                    managed=seen.managed,
                    cma=seen.cma,
                )
            if zone == old:
                continue
            mine = hot["count"][(hot["node"] == node) & (hot["zone"] == kind)]
            early = max(0, zone.present - int(mine.sum()) * pages)
            state = state.with_zone(node, kind, replace(zone, present_early=early))
            changed = True
        if changed:
            state = update_pgdat_span(state, node)
    return state


def _with_blocks(state: State, said: RecordedState) -> State:
    """The blocks that were recorded, each in its state; of those that stay the rest is kept."""
    pages = state.geometry.block_pages
    ids = np.array([block.id for block in said.blocks], np.int64)
    before = _one_by_one(state.blocks.rows)
    rows = observed_rows(said.blocks, np.zeros((0, 3), np.int64), pages)
    rows["early"], rows["present"], rows["memmap"] = 0, pages, int(MemmapKind.RAM)
    known = np.isin(ids, before["start"])
    going = [block.id for block in said.blocks if block.state == "going-offline"]
    place = {block: index for index, block in enumerate(before["start"].tolist())}
    for row, block in zip(rows, said.blocks, strict=True):
        if block.id not in place:
            continue
        state_word, zone, node = row["state"], row["zone"], block.node
        for name in BLOCK_DTYPE.names or ():
            row[name] = before[name][place[block.id]]
        if node is not None:
            row["node"] = node
        row["state"] = int(BlockState.GOING_OFFLINE) if block.id in going else state_word
        if row["state"] == BlockState.OFFLINE:
            row["zone"] = int(ZoneType.NONE)
        elif block.id not in going and len(block.valid_zones) == 1:
            row["zone"] = zone
    if known.all() and len(ids) == len(before) and np.array_equal(rows, before):
        return state
    gone = np.setdiff1d(before["start"], ids)
    taken, huge = state.taken, state.hugetlb
    for first, last in unbroken(gone):
        taken = taken.delete(first * pages, (last + 1) * pages)
    devices = {
        number: device
        for number, device in state.devices.items()
        if device.kind != "dimm" or (rows["device"] == number).any()
    }
    pending = state.pending if going else None
    if going and (pending is None or pending.block not in going):
        pending = Pending(going[0])
    huge = {number: each for number, each in huge.items() if taken.at(each.start_pfn) is not None}
    blocks = RunMap.from_rows(merge_rows(rows))
    return replace(
        state, blocks=blocks, taken=taken, hugetlb=huge, devices=devices, pending=pending
    )


def _one_by_one(rows: Rows) -> Rows:
    """A row for each block."""
    which, offsets = one_by_one(rows["count"])
    out = rows[which]
    out["start"] += offsets
    out["count"] = 1
    return out
