"""What a step came to, in one sentence made by rule from the machine before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import Int64s
from pfnmap.engine.commands import Add, DeviceAdd, DeviceDel, Remove
from pfnmap.engine.finding import DISAGREES, Finding
from pfnmap.engine.kinds import BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.memory.runs import Rows, joined_ranges
from pfnmap.engine.memory.state import Device, HugetlbSet, State
from pfnmap.engine.memory.totals import totals_of
from pfnmap.engine.sizes import counted, listed, ranged
from pfnmap.engine.view import View, ZoneRow
from pfnmap.tui.figure.amounts import amount, human, pages_words
from pfnmap.tui.figure.moments import Moment

MOST_RANGES: Final = 6
"""Ranges of blocks that are spelt out; more are counted."""
MOST_FINDINGS: Final = 3
_ANY: Final = -2
"""Stands for whatever blocks were that are gone now."""
QUIET: Final = "nothing changed"


def result(moment: Moment) -> tuple[str, ...]:
    """The clauses of the sentence; joined with ``; `` they are what a step came to.

    Empty for the machine as it was opened. A refused step begins with the refusal.
    """
    outcome, before = moment.outcome, moment.before
    if before is None:
        return ()
    if moment.event is not None:
        return (moment.event.text, *_findings(before, moment))
    clauses = [*_effects(before, moment), *_findings(before, moment)]
    if outcome is None:
        return tuple(clauses or [QUIET])
    if outcome.refusal is not None:
        refusal = outcome.refusal
        head = f"refused: {refusal.errno} from {refusal.function}: {refusal.rule}"
        return (head, *(clauses or [QUIET]))
    if not clauses:
        # What a word, a pin or a fault does is one phase, which says it.
        clauses = [event.text for event in outcome.events[-1:]] or list(outcome.output[:1])
    return (*(clauses or [QUIET]), *outcome.notes)


def memory_words(view: View) -> tuple[str, ...]:
    """What there is of each of the first nodes, e.g. ``node 0 has 1.9G in DMA, DMA32``."""
    page_bytes = view.geometry.page_bytes
    return tuple(
        f"node {row.node} has {human(row.present * page_bytes)} in "
        + ", ".join(
            zone.zone.label for zone in view.zones if zone.node == row.node and zone.present
        )
        for row in islice((row for row in view.nodes if row.present), MOST_RANGES)
    ) or (QUIET,)


def _effects(before: Moment, after: Moment) -> list[str]:
    """Everything that differs, most particular first."""
    changes = list(_changes(before, after))
    return [
        *_arrivals(before, after),
        *(change.words for change in changes if not change.arrived),
        *_spans(before, after, changes),
        *_nodes(before, after),
        *_free(before, after),
        *_huge_pages(before.state, after.state),
    ]


# -- blocks --------------------------------------------------------------------------------
class Change(Struct, frozen=True, eq=False):
    """Blocks that went from one state to another."""

    blocks: Int64s
    """(first, last) ids, ascending, int64 (n, 2)."""
    was: str
    now: str

    @property
    def arrived(self) -> bool:
        """Whether the blocks are new and offline, as hot-added memory is."""
        return not self.was and self.now == "offline"

    @property
    def words(self) -> str:
        """E.g. ``33 is offline``, ``blocks 32-34 are online in Movable``."""
        count = int((self.blocks[:, 1] - self.blocks[:, 0] + 1).sum())
        if len(self.blocks) > MOST_RANGES:
            who, verb = f"{count} of the blocks {self.blocks[0, 0]}-{self.blocks[-1, 1]}", "are"
        else:
            who = f"{'block' if count == 1 else 'blocks'} {listed(self.blocks.tolist())}"
            verb = "is" if count == 1 else "are"
        if not self.now:
            return f"{who} {verb} gone"
        moved = self.was.startswith("online in ") and self.now.startswith("online in ")
        return f"{who} {verb} {self.now}" + (f", before {self.was}" if moved else "")


def _changes(before: Moment, after: Moment) -> Iterator[Change]:
    """What blocks changed their state or zone, alike changes together."""
    one, other = before.memory, after.memory
    if one is other:
        return
    edges = one.apart(other)
    if len(edges) < 2:
        return
    starts, ends = edges[:-1], edges[1:]
    keys, earlier = other.at(starts)[0], one.at(starts)[0]
    # The device is the lowest part of a key's words: it is no state of a block.
    parts = np.stack((_state_of(earlier), _state_of(keys)), axis=1)
    changed = np.flatnonzero(parts[:, 0] != parts[:, 1])
    pages = after.state.geometry.block_pages
    parts[parts[:, 1] < 0, 0] = _ANY
    for pair in np.unique(parts[changed], axis=0).tolist():
        mine = changed[(parts[changed] == pair).all(axis=1)]
        ranges = joined_ranges(np.stack((starts[mine], ends[mine]), axis=1))
        was, now = (_words_of(key) for key in pair)
        yield Change((ranges - (0, 1)) // pages, was, now)


def _state_of(keys: Int64s) -> Int64s:
    """State and zone of the blocks of a run, from its key; -1 where there is no block."""
    return np.where((keys < 0) | (keys & 7 > len(BlockState)), -1, keys & 0x3F)


def _words_of(code: int) -> str:
    if code < 0:
        return ""
    zone, state = (code >> 3) - 1, (code & 7) - 1
    word = BlockState(state).word
    return word if zone < 0 else f"{word} in {ZoneType(zone).label}"


def _arrivals(before: Moment, after: Moment) -> Iterator[str]:
    """Devices that came, with the place of their struct pages; and those that went."""
    old, new = before.state.devices, after.state.devices
    came = sorted(new.keys() - old.keys())
    told = len(came) if len(came) <= MOST_RANGES else 1
    for number in came[:told]:
        yield from _arrival(before.state, after.state, new[number])
    if more := came[told:]:
        pages = sum(new[number].nr_pages for number in more)
        yield f"{counted(len(more), 'further device')} of {amount(pages, after.state)}"
    for number in old.keys() - new.keys():
        gone = old[number]
        freed = _pages_in_ram(before.state, gone) - _pages_in_ram(after.state, gone)
        back = f", its struct pages give {amount(freed, after.state)} back" if freed > 0 else ""
        yield f"{gone.name} is gone{back}"


def _arrival(before: State, after: State, device: Device) -> Iterator[str]:
    size = after.geometry.page_bytes
    what = human(device.nr_pages * size)
    where = f"at {device.start_pfn:#x}"
    if device.is_ram:
        first, end = after.blocks_of(device)
        auto = after.blocks.at(first)
        offline = auto is not None and int(auto["state"]) == BlockState.OFFLINE
        where = ranged("block", first, end - 1) + (", offline, in no zone yet" if offline else "")
    yield f"{device.name}: {what}, {where}"
    yield f"its struct pages: {memmap_place(after, device)}"


def memmap_place(state: State, device: Device) -> str:
    """Where a device's struct pages are and how much they take, in words."""
    taken = _pages_in_ram(state, device)
    if taken:
        nodes = sorted(set(state.homes.slice(device.start_pfn, device.end_pfn)["node"].tolist()))
        remote = ", remote" if nodes and device.node not in nodes else ""
        return f"{amount(taken, state)} of {_listed_nodes(nodes)}{remote}"
    if not device.is_ram:
        if device.altmap_pages:
            return f"{amount(device.altmap_pages, state)} at its own start"
        return "in RAM"
    extents = totals_of(state.blocks, state.geometry.block_pages).extents_of
    rows = extents(*state.blocks_of(device))
    total = int((rows["vmemmap"] * rows["count"]).sum())
    if not total:
        hosted = device.memmap in (MemmapKind.PER_BLOCK, MemmapKind.PER_DEVICE)
        return "gone, with the memory that held them" if hosted else "in RAM"
    if device.memmap == MemmapKind.PER_DEVICE:
        return f"{amount(total, state)} at its own start"
    each = int(rows["vmemmap"].max())
    if int(rows["count"].sum()) == 1:
        return f"{amount(total, state)} at the start of the block"
    return f"{amount(total, state)}, {counted(each, 'page')} at the start of each block"


def memmap_in_ram(state: State, device: Device) -> Rows:
    """The page frames elsewhere than in a device that hold its struct pages."""
    rows = state.taken.rows
    mine = (rows["kind"] == PageState.VMEMMAP) & (rows["owner"] == device.id)
    return np.asarray(rows[mine])


def _pages_in_ram(state: State, device: Device) -> int:
    return int(memmap_in_ram(state, device)["count"].sum())


def _listed_nodes(nodes: Sequence[int]) -> str:
    if not nodes:
        return "RAM"
    return f"node {nodes[0]}" if len(nodes) == 1 else f"nodes {','.join(map(str, nodes))}"


# -- zones and nodes -----------------------------------------------------------------------
def _spans(before: Moment, after: Moment, changes: Sequence[Change]) -> Iterator[str]:
    """For each zone that changed, what became of its span, then of its counters."""
    old = {(row.node, row.zone): row for row in before.view.zones}
    new = {(row.node, row.zone): row for row in after.view.zones}
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    nodes = {row.node for row in (*old.values(), *new.values()) if row.spanned}
    for node, zone in changed:
        empty = ZoneRow(node, zone, 0, 0, 0, 0)
        was, now = old.get((node, zone), empty), new.get((node, zone), empty)
        name = zone.label if len(nodes) < 2 else f"{zone.label} of node {node}"
        words = _span_words(name, was, now, changes, after.state.geometry.block_pages)
        counts = [
            f"{field} {getattr(now, field) - getattr(was, field):+d}"
            for field in ("present", "managed")
            if getattr(now, field) != getattr(was, field)
        ]
        if words:
            yield words
        if counts:
            yield (f"{name}: " if len(changed) > 1 or not words else "") + ", ".join(counts)


def _span_words(
    name: str, was: ZoneRow, now: ZoneRow, changes: Sequence[Change], pages: int
) -> str:
    """What became of a span; empty where neither it nor the pages in it changed."""
    span = f"[{now.start_pfn:#x},{now.end_pfn:#x})"
    if not now.spanned:
        return f"{name} is empty: its span is gone" if was.spanned else ""
    if not was.spanned:
        return f"{name} is new: it spans {span}"
    moves = []
    for end, before, after in (
        ("start", was.start_pfn, now.start_pfn),
        ("end", was.end_pfn, now.end_pfn),
    ):
        if before != after:
            way = "up" if after > before else "down"
            by = pages_words(abs(after - before), pages)
            why = _was_edge(end, before, was.zone.label, changes, pages)
            moves.append(f"its {end} moves {way} {by} to {after:#x}{why}")
    if moves:
        return f"the span of {name}: {', '.join(moves)}"
    if now.present == was.present:
        return ""
    why = _why_kept(was, now, changes, pages)
    return f"the span of {name} keeps its edges{f' ({why})' if why else ''}"


def _was_edge(end: str, pfn: int, label: str, changes: Sequence[Change], pages: int) -> str:
    """That a block which left the zone was its first or last one; empty if none was."""
    block = pfn // pages if end == "start" else (pfn - 1) // pages
    for change in changes:
        if change.was.endswith(f" in {label}") and _holds(change.blocks, block):
            return f" ({block} was its {'first' if end == 'start' else 'last'} block)"
    return ""


def _holds(ranges: Int64s, block: int) -> bool:
    """Whether a block is in one of these (first, last)."""
    return bool(((ranges[:, 0] <= block) & (block <= ranges[:, 1])).any())


def _why_kept(was: ZoneRow, now: ZoneRow, changes: Sequence[Change], pages: int) -> str:
    """Why a span did not move although pages in it came or went."""
    label = was.zone.label
    mine = [
        change
        for change in changes
        if change.was.endswith(f" in {label}") or change.now.endswith(f" in {label}")
    ]
    if not mine or sum(len(change.blocks) for change in mine) > MOST_RANGES:
        return ""
    ranges = np.concatenate([change.blocks for change in mine])
    words = listed(ranges.tolist())
    left = now.present < was.present
    at_start = _holds(ranges, was.start_pfn // pages)
    at_end = _holds(ranges, (was.end_pfn - 1) // pages)
    one = len(ranges) == 1 and ranges[0, 0] == ranges[0, 1]
    if not left:
        return f"{words} {'lies' if one else 'lie'} inside"
    if not at_start and not at_end:
        return f"{words} {'is' if one else 'are'} no edge"
    place = "first" if at_start else "last"
    return f"although {words} {'is its' if one else 'are its'} {place} block{'' if one else 's'}"


def _nodes(before: Moment, after: Moment) -> Iterator[str]:
    old = {row.node: row for row in before.view.nodes}
    for row in after.view.nodes:
        was = old.get(row.node)
        if was is not None and was.online != row.online:
            yield f"node {row.node} goes {'online' if row.online else 'offline'}"


def _free(before: Moment, after: Moment) -> Iterator[str]:
    """Where struct pages were paid from RAM: what that leaves."""
    outcome, page_bytes = after.outcome, after.state.geometry.page_bytes
    if outcome is None or after.state.recorded:
        return
    empty = outcome.errno == "ENOMEM"
    about_memmap = isinstance(outcome.command, Add | Remove | DeviceAdd | DeviceDel) or empty
    pairs = zip(before.state.free_pages, after.state.free_pages, strict=False)
    for node, ((was, _), (now, _)) in enumerate(pairs):
        if about_memmap and now != was:
            change = f"{human(abs(now - was) * page_bytes)} {'more' if now > was else 'less'}"
            yield f"node {node} has {human(now * page_bytes)} free, {change}"
        elif empty and not now and before.state.nodes[node].spanned:
            yield f"node {node} has nothing free"


# -- huge pages and findings ---------------------------------------------------------------
def _huge_pages(before: State, after: State) -> Iterator[str]:
    for number, pages in after.hugetlb.items():
        was = before.hugetlb.get(number)
        if was is None:
            yield from _new_huge(pages, after)
        elif was.optimised != pages.optimised:
            done = "give their vmemmap back" if pages.optimised else "have their vmemmap again"
            yield f"{pages.name}: its pages {done}"
    for number in before.hugetlb.keys() - after.hugetlb.keys():
        yield f"{before.hugetlb[number].name} is freed"


def _new_huge(pages: HugetlbSet, state: State) -> Iterator[str]:
    size = human(pages.page_pages * state.geometry.page_bytes)
    yield f"{pages.name}: {counted(pages.count, 'huge page')} of {size} at pfn {pages.start_pfn:#x}"
    if pages.freed_pages:
        yield f"optimised, {counted(pages.freed_pages, 'vmemmap page')} saved: {pages.reason}"
    else:
        yield f"not optimised: {pages.reason}"
    if pages.verdict == "corrupts":
        yield "wrong: its struct pages lie in the very memory, and are corrupted"
    elif pages.verdict == "lost-saving":
        lost = pages.freed_per_page * pages.count
        yield f"wrong: {counted(lost, 'vmemmap page')} could have been saved"


def _findings(before: Moment, after: Moment) -> Iterator[str]:
    """What the step broke or mended, and where a recording is not as the engine foresaw it."""
    old, new = before.view.findings, after.view.findings
    if old is new:
        return
    known, found = set(old), set(new)
    fresh = [finding for finding in new if finding not in known]
    for finding in fresh[:MOST_FINDINGS]:
        yield f"{_mark(finding)}: {finding.text}"
    if len(fresh) > MOST_FINDINGS:
        more = fresh[MOST_FINDINGS:]
        yield f"{_mark(more[0])}: {counted(len(more), 'further thing')}"
    for code in dict.fromkeys(finding.code for finding in old if finding not in found):
        if code != DISAGREES and not any(finding.code == code for finding in new):
            yield f"no longer broken: {code}"


def _mark(finding: Finding) -> str:
    return "differs" if finding.code == DISAGREES else "broken"
