"""The model against reality: was what happened on a machine what the model foresees?

The commands behind a change are not known, only the blocks before and after. They are taken
to be the simplest that lead there: parameters, hot-adds, offlines, removals, then onlines
with the type that gives the zone seen; a block in another zone was offline in between. Their
prediction is compared with what the kernel shows; every difference is a finding with all
that a bug report needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine import commands as c
from pfnmap.engine.arrays import NDArray
from pfnmap.engine.errors import InputError
from pfnmap.engine.finding import DISAGREES, Finding
from pfnmap.engine.kinds import BlockState, MemmapPolicy, OnlineType, ZoneType
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.machine import predict
from pfnmap.engine.memory.alike import block_kinds, kinds_of, offline_in_model
from pfnmap.engine.memory.runs import unbroken
from pfnmap.engine.memory.state import State
from pfnmap.engine.memory.unplugged import plugged_pages, virtio_rows
from pfnmap.engine.operations.zone_policy import valid_zones
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.sysroot.inference import UNKNOWN, memmap_policy, state_mask
from pfnmap.engine.sysroot.observation import BlockColumns
from pfnmap.engine.sysroot.observe import Change, changes_between
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.sysroot.what_if import state_of

Ids = NDArray[np.int64]
NO_IDS: Ids = np.zeros(0, np.int64)

MAX_SHOWN = 8
"""Differences of one kind that are spelt out."""
_TYPES = (OnlineType.ONLINE, OnlineType.ONLINE_KERNEL, OnlineType.ONLINE_MOVABLE)


class Explanation(Struct, frozen=True):
    """What is taken to have happened, and where the model foresees something else."""

    changes: tuple[Change, ...]
    outcomes: tuple[Outcome, ...]
    findings: tuple[Finding, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that are taken to have been run."""
        return tuple(outcome.command.text for outcome in self.outcomes)


def explain(before: SysrootView, after: SysrootView) -> Explanation:
    """Compare what happened between two views with the model's prediction."""
    changes = changes_between(before.observation, after.observation)
    if before.observation.blocks == after.observation.blocks:
        return Explanation(changes, (), ())
    readings = [False, True] if (before.inferred.hot == UNKNOWN).any() else [False]
    tellings = [False, True] if any(before.owners + after.owners) else [False]
    # What does not show was taken for boot memory, and a driver to do all at once what was asked
    # of it; a bug is only what no reading explains.
    tried: list[_Run] = []
    for added_later, block_by_block in product(readings, tellings):
        start = before.state
        if added_later or block_by_block:
            start = state_of(before, added_later=added_later, without_drivers=block_by_block)
        tried.append(_foresee(before, after, start, block_by_block=block_by_block))
        if not tried[-1].findings:
            break
    run = tried[0] if tried[-1].findings else tried[-1]
    return Explanation(changes, tuple(run.outcomes), tuple(run.findings))


def _foresee(
    before: SysrootView, after: SysrootView, start: State, *, block_by_block: bool
) -> _Run:
    """Predict what happened from one reading of the machine before, and compare.

    ``block_by_block``: memory of drivers came and went as that of DIMMs does; else by what was
    asked of the driver.
    """
    run = _Run(before, after, start)
    for name, value in after.params:
        if dict(before.params).get(name) != value:
            run.step(_worded(c.SetParam(name, value)))
    asked, theirs = ([], NO_IDS) if block_by_block else _asked_of_drivers(before, after)
    for command in asked:
        # Not every reading has the files target_node and memmap_on_memory of a dax device.
        if isinstance(command, c.Kmem) and (new := after.state.device_named(command.name)):
            old = run.state.device_named(new.name) or new
            told = replace(old, node=old.node or new.node, own_memmap=new.own_memmap)
            run.state = run.state.with_device(told)
    for command in (*asked, *_commands(before, after, theirs)):
        params = run.state.params
        if isinstance(command, c.Add) and _zones_are_told(after, command.address or 0):
            # Which zones the blocks went to is seen, not foreseen.
            waits = replace(params, auto_online_blocks=OnlineType.OFFLINE)
            run.state = replace(run.state, params=waits)
        run.step(command)
        run.state = replace(run.state, params=params)
    for first, last in _still_offline(run.state, after):
        run.online(first, last)
    if not run.findings:
        said = "; ".join(outcome.command.text for outcome in run.outcomes)
        for subject, predicted, seen in islice(differences(run.state, before, after), MAX_SHOWN):
            words = f"{subject}: the model foresees {predicted}, the kernel shows {seen}"
            run.disagree(said, words, after.first_pfn)
    return run


def _zones_are_told(view: SysrootView, address: int) -> bool:
    """Whether a driver that says itself where its memory goes added that there, in bytes.

    virtio-mem does, as one dynamic memory group, and dax/kmem where it has a file ``state``.
    """
    index = int(np.searchsorted(view.observation.blocks.ids, address // view.geometry.block_bytes))
    driver = view.device_of(index) or ""
    return "virtio_mem" in driver or ("kmem" in driver and view.profile.dax_state_file)


class _Run:
    """The prediction under way, from the view before."""

    def __init__(self, before: SysrootView, after: SysrootView, start: State) -> None:
        self.before, self.after = before, after
        self.state = start
        self.outcomes: list[Outcome] = []
        self.findings: list[Finding] = []

    def disagree(self, command: str, words: str, pfn: int) -> None:
        """Note a disagreement."""
        self.findings.append(_finding(command, words, self.before, self.after, pfn))

    def step(self, command: c.Command) -> None:
        """Predict a command that succeeded on the machine."""
        try:
            outcome = predict(self.state, command)
        except InputError as error:
            self.disagree(command.text, f"the model cannot do this: {error}", self.after.first_pfn)
            return
        if (refusal := outcome.refusal) is not None:
            why = f"{refusal.errno}, {refusal.function}: {refusal.rule}"
            words = f"it was done, but the model refuses it: {why}"
            self.disagree(command.text, words, self.state.block_pfn(refusal.block or 0))
        self.take(outcome)

    def take(self, outcome: Outcome) -> None:
        """Go on from a prediction."""
        self.outcomes.append(outcome)
        self.state = outcome.after

    def online(self, first: int, last: int) -> None:
        """Predict an online with the type that gives the zone seen."""
        row = self.after.block(first)
        seen = row.zone if row is not None else ZoneType.NONE
        tried: list[str] = []
        for kind in _TYPES:
            outcome = predict(self.state, _worded(c.Online((c.Ref(first, last),), kind)))
            if outcome.refusal is not None:
                tried.append(f"{kind.word}: {outcome.refusal.errno} ({outcome.refusal.rule})")
                continue
            zone = ZoneType(int(outcome.after.blocks.row_at(first)["zone"]))
            if seen in (zone, ZoneType.NONE):
                self.take(outcome)
                return
            tried.append(f"{kind.word}: {zone.label}")
        words = f"it came online in {seen.label}; the model foresees {', '.join(tried)}"
        said = format_command(c.Online((c.Ref(first, last),)))
        self.disagree(said, words, self.state.block_pfn(first))


def _finding(
    command: str, words: str, before: SysrootView, after: SysrootView, pfn: int
) -> Finding:
    """A disagreement with what a bug report needs: command, kernel, parameters, zones before."""
    params = " ".join(f"{name}={value}" for name, value in before.params)
    zones = ", ".join(
        f"node {z.node} {z.zone.label} start {z.start_pfn:#x} spanned {z.spanned} present "
        f"{z.present} managed {z.managed}"
        for z in before.zones
        if z.spanned
    )
    kernel = after.observation.kernel or "not known"
    return Finding(
        DISAGREES,
        f"after `{command}`: {words} [kernel {kernel}, rules of {before.profile_name}, "
        f"{params}; before: {zones}]",
        pfn,
        0,
    )


# -- what happened ------------------------------------------------------------------------
def _asked_of_drivers(before: SysrootView, after: SysrootView) -> tuple[list[c.Command], Ids]:
    """What was asked of drivers that add memory, and the blocks that came or went by it."""
    old, new = before.observation.blocks.ids, after.observation.blocks.ids
    changed = np.setxor1d(old, new, assume_unique=True)
    shift, theirs = after.geometry.page_shift, [NO_IDS]
    commands: list[c.Command] = []
    was = {device.name: device for device in before.state.devices.values()}
    for device in {**was, **{each.name: each for each in after.state.devices.values()}}.values():
        first, end = after.state.blocks_of(device)
        mine = changed[(changed >= first) & (changed < end)]
        known, name = was.get(device.name), device.name
        if known is None or device.kind == "dimm":
            continue
        if device.is_dynamic:
            now = plugged_pages(after.state, device)
            if len(mine) or now != plugged_pages(before.state, known):
                text = f"virtio-mem {name} requested={now << shift >> 20}M"
                commands.append(c.VirtioMem(name, requested_bytes=now << shift, text=text))
        elif len(mine) and known.kind != device.kind:
            commands.append(_worded(c.Kmem(name) if device.kind == "kmem" else c.KmemDel(name)))
        elif len(mine) and device.kind == "kmem" and after.profile.dax_state_file:
            commands.append(
                _worded(c.SysfsWrite(device.state, f"/sys/bus/dax/devices/{name}/state"))
            )
        else:
            continue
        theirs.append(mine)
    return commands, np.concatenate(theirs)


def _commands(before: SysrootView, after: SysrootView, theirs: Ids) -> list[c.Command]:
    """The simplest commands that lead from one view to the other, but for what drivers did."""
    old, new = before.observation.blocks, after.observation.blocks
    size = after.geometry.block_bytes
    come, gone = _less(_less(new.ids, old.ids), theirs), _less(_less(old.ids, new.ids), theirs)
    was_online, is_online = _online_ids(old), _online_ids(new)
    commands: list[c.Command] = []
    by_node = unbroken(come, new.nodes[np.searchsorted(new.ids, come)])
    for number, (first, last) in enumerate(by_node):
        node = after.block(first)
        name = f"added{number}"
        at, nr_bytes = first * size, (last - first + 1) * size
        where = 0 if node is None or node.node is None else node.node
        text = f"add {name} {nr_bytes >> 20}M at={at:#x} node={where}"
        index = int(np.searchsorted(new.ids, first))
        # Of a driver's memory the driver says where the struct pages go, not the parameter.
        own = after.device_of(index) is None or after.inferred.vmemmap[index] > 0
        memmap = None if own else MemmapPolicy.RAM
        commands.append(c.Add(name, (nr_bytes,), at, where, memmap, text=text))
    left = np.union1d(_less(was_online, is_online), _rezoned(before, after))
    left = _less(left, theirs)
    commands += [_worded(c.Offline((c.Ref(*blocks),))) for blocks in unbroken(left)]
    return commands + [_worded(c.Remove((c.Ref(*blocks),))) for blocks in unbroken(gone)]


def _worded(command: c.Command) -> c.Command:
    return replace(command, text=format_command(command))


def _rezoned(before: SysrootView, after: SysrootView) -> Ids:
    """Blocks that are online in another zone than before: offline and online again between."""
    old, new = before.observation.blocks, after.observation.blocks
    kept = np.intersect1d(_online_ids(old), _online_ids(new), assume_unique=True)
    was = before.inferred.zone[np.searchsorted(old.ids, kept)]
    now = after.inferred.zone[np.searchsorted(new.ids, kept)]
    return np.asarray(kept[(was != now) & (was >= 0) & (now >= 0)], np.int64)


def _still_offline(state: State, after: SysrootView) -> list[tuple[int, int]]:
    """Blocks that are online on the machine and not in the prediction, by zone."""
    ids = _online_ids(after.observation.blocks)
    ids = ids[offline_in_model(state, ids)]
    zones = after.inferred.zone[np.searchsorted(after.observation.blocks.ids, ids)]
    return unbroken(ids, zones)


def _less(ids: Ids, others: Ids) -> Ids:
    return np.setdiff1d(ids, others, assume_unique=True)


def _online_ids(blocks: BlockColumns) -> Ids:
    return np.asarray(blocks.ids[state_mask(blocks, "online")], np.int64)


# -- comparing ----------------------------------------------------------------------------
Difference = tuple[str, str, str]
"""Subject, predicted, seen."""


def differences(state: State, before: SysrootView, after: SysrootView) -> Iterator[Difference]:
    """Wherever a predicted state differs from what was read."""
    if after.observation.zones is not None:
        yield from _zone_differences(state, before, after)
    yield from _block_differences(state, after)
    yield from _mask_differences(state, after)


def _zone_differences(state: State, before: SysrootView, after: SysrootView) -> list[Difference]:
    """Zones; ``managed`` only where it is known which blocks hold their struct pages."""
    out: list[Difference] = []
    sure = not _placement_in_doubt(before, after)
    balloons = {(row.node, row.zone): row.managed for row in before.zones}
    blocks = [row for view in (before, after) for rows in virtio_rows(view.state) for row in rows]
    driven = {(int(row["node"]), int(row["zone"])) for row in blocks}
    for row in after.zones:
        predicted = state.zone(row.node, row.zone)
        fields = ["spanned", "present"] + (["managed"] if sure else [])
        if row.present and row.zone != ZoneType.DEVICE:
            fields.insert(0, "start_pfn")
        # How much of virtio-mem's blocks is plugged is for the hypervisor to say.
        if balloons.get((row.node, row.zone)) is None or (row.node, row.zone) in driven:
            fields = [field for field in fields if field != "managed"]
        for field in fields:
            want, seen = getattr(predicted, field), getattr(row, field)
            if want != seen:
                show = hex if field == "start_pfn" else str
                name = f"node {row.node} zone {row.zone.label} {field}"
                out.append((name, show(want), show(seen)))
    return out


def _placement_in_doubt(before: SysrootView, after: SysrootView) -> bool:
    """Whether a block that changed may or may not hold its own struct pages."""
    if memmap_policy(before.observation, before.profile) == "N":
        return False
    old, new = before.observation.blocks, after.observation.blocks
    kept = np.intersect1d(old.ids, new.ids, assume_unique=True)
    online = np.isin(kept, _online_ids(old)) == np.isin(kept, _online_ids(new))
    same = _less(kept[online], _rezoned(before, after))
    return any(
        bool((view.inferred.vmemmap[~np.isin(view.observation.blocks.ids, same)] == UNKNOWN).any())
        for view in (before, after)
    )


def _block_differences(state: State, after: SysrootView) -> Iterator[Difference]:
    """State and valid_zones of every block; of blocks that are alike the first is asked about."""
    blocks, model = after.observation.blocks, block_kinds(state)
    place = model.firsts.searchsorted(blocks.ids, side="right") - 1
    held = (place >= 0) & (blocks.ids <= np.append(model.lasts, -1)[place])
    foreseen = np.where(held, np.append(model.kinds, -1)[place], -1)
    kinds = kinds_of(blocks.ids, blocks.ids, (blocks.state, blocks.zones, foreseen)).kinds
    firsts = blocks.ids[np.unique(kinds, return_index=True)[1]].tolist()
    differing = [_block_difference(state, after, block) is not None for block in firsts]
    for block in blocks.ids[np.array(differing, bool)[kinds]].tolist():
        difference = _block_difference(state, after, block)
        if difference is not None:
            yield difference


def _block_difference(state: State, after: SysrootView, block: int) -> Difference | None:
    """Where one block is not as predicted."""
    blocks = after.observation.blocks
    index = int(np.searchsorted(blocks.ids, block))
    row = state.blocks.at(block)
    seen_state, seen_zones = blocks.state_word(index), blocks.zone_words(index)
    if row is None:
        return f"memory{block}", "no such block", seen_state
    word = BlockState(int(row["state"])).word
    if seen_state in ("online", "offline") and word != seen_state:
        return f"memory{block} state", word, seen_state
    if seen_zones and seen_state == word:
        names, _ = valid_zones(state, block, row)
        if names != seen_zones:
            return f"memory{block} valid_zones", " ".join(names), " ".join(seen_zones)
    return None


def _mask_differences(state: State, after: SysrootView) -> list[Difference]:
    out: list[Difference] = []
    for mask in ("online", "has_memory", "has_normal_memory"):
        seen = after.observation.masks.get(mask)
        if seen is not None and (foreseen := state.nodes_in(mask)) != seen:
            want, are = (" ".join(map(str, nodes)) or "none" for nodes in (foreseen, seen))
            out.append((f"nodes {mask}", want, are))
    return out
