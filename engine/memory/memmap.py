"""Where struct pages live: who may host their own, how many pages that takes, and lookups.

Sources: ``mm/memory_hotplug.c:mhp_supports_memmap_on_memory`` of 6.12 and 6.1 and
``memory_block_memmap_on_memory_pages`` of 6.12 for the merged design; post "[PATCH v2 0/5]
Allocate memmap from hotadded memory" (June 2019) for the policies ``device`` and
``memblock``; powerpc's 16 MiB memmap pages: ``arch/powerpc/mm/init_64.c``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.geometry import Geometry
from pfnmap.engine.kinds import MemmapKind, MemmapPolicy, ZoneType
from pfnmap.engine.memory.runs import among, joined_ranges, merge_rows, ranges_of, units_of
from pfnmap.engine.memory.state import BLOCK_DTYPE, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.profile import KernelProfile


class Check(Struct, frozen=True):
    """One condition of the eligibility test: the rule with its numbers, and the answer."""

    rule: str
    holds: bool


class MemmapChoice(Struct, frozen=True):
    """Where the memmap of an add goes, and why.

    ``block_pages``: vmemmap pages at the start of each block (PER_BLOCK only); ``heads``:
    whether the pages are marked with the head/tail scheme of 2019.
    """

    kind: MemmapKind
    rule: str
    block_pages: int = 0
    heads: bool = False
    refused: str = ""


def eligibility(geometry: Geometry, parameter: str) -> tuple[list[Check], int]:
    """The test of 6.8+ for one memory block, with its numbers; vmemmap pages if it passes.

    ``parameter`` is memmap_on_memory (N, Y, force).
    """
    pages = geometry.block_memmap_pages
    bytes_needed = geometry.block_pages * geometry.struct_page_bytes
    block = geometry.pageblock_pages
    area = -(-pages // block) * block if parameter == "force" else pages
    checks = [
        Check(
            f"memory_hotplug.memmap_on_memory is Y or force (it is {parameter})", parameter != "N"
        ),
        Check(
            f"memmap of a block, {bytes_needed} bytes, is whole pages of {geometry.page_bytes}",
            bytes_needed % geometry.page_bytes == 0,
        ),
        Check(f"{area} pages are whole pageblocks of {block} pages", area % block == 0),
        Check(
            f"{area} pages leave usable pages in a block of {geometry.block_pages}",
            area < geometry.block_pages,
        ),
    ]
    if geometry.memmap_in_whole_pmds:
        checks.append(
            Check(
                f"memmap of a block, {bytes_needed} bytes, is whole PMDs of {geometry.pmd_bytes}",
                bytes_needed % geometry.pmd_bytes == 0,
            )
        )
    return checks, area


def _merged_choice(state: State, size_pages: int, *, asked: bool) -> MemmapChoice:
    """The merged design: 6.8+ per block, 5.14 to 6.7 only for an add of exactly one block."""
    profile, parameter = state.profile, state.params.memmap_on_memory
    if asked and parameter == "N":
        parameter = "Y"
    if parameter == "force" and not profile.force:
        parameter = "Y"
    checks, area = eligibility(state.geometry, parameter)
    if profile.hugetlb_excludes_memmap:
        checks.insert(
            1,
            Check(
                "hugetlb_free_vmemmap is off (it takes precedence until 6.0)",
                not state.params.hugetlb_free_vmemmap,
            ),
        )
    if profile.memmap == "single-block":
        blocks = size_pages / state.geometry.block_pages
        checks.append(Check(f"the add is of one memory block (it is of {blocks:g})", blocks == 1))
    failed = [check.rule for check in checks if not check.holds]
    if not failed:
        return MemmapChoice(MemmapKind.PER_BLOCK, "; ".join(check.rule for check in checks), area)
    rule = f"memmap from RAM, because this does not hold: {failed[0]}"
    if asked and not profile.memmap_falls_back:
        return MemmapChoice(MemmapKind.RAM, rule, refused=failed[0])
    return MemmapChoice(MemmapKind.RAM, rule)


def choose(state: State, size_pages: int, policy: MemmapPolicy | None) -> MemmapChoice:
    """Where the memmap of an add of ``size_pages`` pages goes.

    A ``policy`` on the line overrides what profile and parameters would decide, except
    that v2's knob and the eligibility test still have their say.
    """
    profile: KernelProfile = state.profile
    own = policy is MemmapPolicy.ON_MEMORY and profile.memmap in ("device", "memblock", "v3")
    rule = profile.memmap if policy is None or own else policy.value
    knob_off = profile.vmemmap_knob and not state.params.vmemmap_hotplug
    if rule in ("device", "memblock", "v3") and knob_off:
        return MemmapChoice(MemmapKind.RAM, "vmemmap_hotplug is disabled: the flag is dropped")
    if rule in ("device", "v3"):
        return MemmapChoice(
            MemmapKind.PER_DEVICE,
            "MHP_MEMMAP_DEVICE: at the start of the added range",
            heads=True,
        )
    if rule == "memblock":
        return MemmapChoice(
            MemmapKind.PER_BLOCK,
            "MHP_MEMMAP_MEMBLOCK: at the start of each memory block",
            state.geometry.block_memmap_pages,
            heads=True,
        )
    if rule == "ram":
        why = "memmap=ram was asked for" if policy else f"{profile.name} knows no other memmap"
        return MemmapChoice(MemmapKind.RAM, why)
    return _merged_choice(state, size_pages, asked=policy is MemmapPolicy.ON_MEMORY)


def vmemmap_apart(state: State, row: Any) -> int:
    """Vmemmap pages of a block that ``memory_block_online`` and ``_offline`` see to themselves.

    The layouts of 2019 leave them to ``online_pages``, which skips them, and to ``offline_pages``,
    which ignores them.
    """
    return int(row["vmemmap"]) if state.profile.is_since("5.14") else 0


def adjust_present(tx: Transaction, first: int, count: int, row: Any, nr_pages: int) -> None:
    """What the two add to present for those pages, or take from it, as a phase."""
    node, zone_type = int(row["node"]), ZoneType(int(row["zone"]))
    zone = tx.state.zone(node, zone_type)
    zone = replace(zone, present=zone.present + nr_pages)
    tx.state = tx.state.with_zone(node, zone_type, zone)
    tx.event(
        "adjust_present_page_count",
        f"present {nr_pages:+} for the vmemmap: {zone.present}",
        block=first,
        nr_blocks=count,
    )


def window_pages(geometry: Geometry) -> int:
    """Pages that one fixed memmap chunk describes (powerpc: 16 GiB); 0: mapped by section."""
    return geometry.vmemmap_chunk_pages * geometry.pages_per_struct_page_frame


def new_windows(state: State, start_pfn: int, end_pfn: int) -> NDArray[np.int64]:
    """Windows of a fixed memmap chunk (powerpc: 16 GiB) that hold no memory yet."""
    window = window_pages(state.geometry)
    first, end = start_pfn // window, -(-end_pfn // window)
    pages = state.geometry.block_pages
    held = state.blocks_over(first * window, end * window)
    reached = joined_ranges(units_of(ranges_of(held) * pages, window))
    windows = np.arange(first, end)
    begun = reached[:, 0].searchsorted(windows, side="right")
    fresh: NDArray[np.int64] = windows[begun == reached[:, 1].searchsorted(windows, side="right")]
    return fresh


def chunk_pages(state: State, start_pfn: int, end_pfn: int) -> int:
    """Pages that the memmap of a new range takes, in the unit it is mapped in."""
    if state.geometry.vmemmap_chunk_pages:
        return len(new_windows(state, start_pfn, end_pfn)) * state.geometry.vmemmap_chunk_pages
    return state.geometry.memmap_pages(end_pfn - start_pfn)


def with_chunk_homes(
    state: State, start_pfn: int, end_pfn: int, chunks: NDArray[np.int64]
) -> State:
    """Remember where the struct pages of a new range are, with chunks of a fixed size.

    ``chunks``: int64 (n, 2) of first page frame and node, one for each window that the range is
    the first in (fewer where more memory was said to be free than there is). In other windows the
    struct pages are in the chunk of whatever hot-added memory came first.
    """
    window, per_frame = window_pages(state.geometry), state.geometry.pages_per_struct_page_frame
    fresh = new_windows(state, start_pfn, end_pfn)[: len(chunks)]
    chunks = chunks[: len(fresh)]
    ranges = np.stack((fresh, fresh + 1), axis=1) * window
    rows = state.homes.rows_over(np.clip(ranges, start_pfn, end_pfn))
    rows["bias"], rows["node"] = chunks[:, 0] * per_frame - ranges[:, 0], chunks[:, 1]
    homes = state.homes.insert_rows(merge_rows(rows))
    others = np.arange(start_pfn // window, -(-end_pfn // window))
    for number in others[~among(others, fresh)].tolist():
        low, high = max(start_pfn, number * window), min(end_pfn, (number + 1) * window)
        if (row := _hot_home(state, number * window, (number + 1) * window)) is not None:
            homes = homes.insert(low, high - low, bias=int(row["bias"]), node=int(row["node"]))
        # Otherwise the chunk is that of boot memory: where it lies is not modelled.
    return replace(state, homes=homes)


def _hot_home(state: State, low: int, high: int) -> Any:
    """A row of ``homes`` for hot-added memory within [low, high), None without one."""
    for row in state.homes.slice(low, high):
        block = state.block_at(int(row["start"]))
        if block is not None and not block["early"]:
            return row
    return None


def home_of(state: State, pfn: int) -> int | None:
    """The pfn that holds the struct page of ``pfn``; None where that is not known."""
    per_frame = state.geometry.pages_per_struct_page_frame
    row = state.block_at(pfn)
    if row is not None and row["memmap"] == MemmapKind.PER_BLOCK and row["vmemmap"]:
        start = pfn // state.geometry.block_pages * state.geometry.block_pages
        return start + (pfn - start) // per_frame
    home = state.homes.at(pfn)
    return None if home is None else (pfn + int(home["bias"])) // per_frame


def homes_of(state: State, pfns: NDArray[np.int64]) -> NDArray[np.int64]:
    """:func:`home_of` of each, -1 where that is not known."""
    per_frame, pages = state.geometry.pages_per_struct_page_frame, state.geometry.block_pages
    held = state.homes.indices(pfns)
    out, known = np.full(len(pfns), -1), held >= 0
    out[known] = (pfns[known] + state.homes.rows["bias"][held[known]]) // per_frame
    block = state.blocks.indices(pfns // pages)
    rows = state.blocks.rows
    own = (block >= 0) & (rows["memmap"] == MemmapKind.PER_BLOCK)[block]
    own &= (rows["vmemmap"] > 0)[block]
    starts = pfns // pages * pages
    return np.where(own, starts + (pfns - starts) // per_frame, out)


def dependents_of(state: State, pfn: int) -> tuple[tuple[int, int], ...]:
    """(start_pfn, nr_pages) of the memory whose struct pages live in page ``pfn``."""
    per_frame = state.geometry.pages_per_struct_page_frame
    pages = state.geometry.block_pages
    out: list[tuple[int, int]] = []
    row = state.block_at(pfn)
    if row is not None and row["memmap"] == MemmapKind.PER_BLOCK:
        block_start = pfn // pages * pages
        first = block_start + (pfn - block_start) * per_frame
        if pfn - block_start < row["vmemmap"] and first < block_start + pages:
            out.append((first, min(per_frame, block_start + pages - first)))
    homes = state.homes.rows
    if len(homes):
        low = np.maximum(homes["start"], pfn * per_frame - homes["bias"])
        high = np.minimum(homes["start"] + homes["count"], (pfn + 1) * per_frame - homes["bias"])
        out += [(int(a), int(b - a)) for a, b in zip(low, high, strict=True) if a < b]
    return tuple(sorted(out))


def head_of(state: State, pfn: int) -> tuple[int, int, int] | None:
    """(head pfn, pages, sections) of the 2019 vmemmap chunk that a vmemmap page lies in.

    None for any other page. Sections is the head's refcount before any removal.
    """
    block = pfn // state.geometry.block_pages
    row = state.blocks.at(block)
    if row is None or pfn - state.block_pfn(block) >= int(row["vmemmap"]):
        return None
    device = state.devices.get(int(row["device"]))
    if device is None or not device.head_pages:
        return None
    if row["memmap"] == MemmapKind.PER_BLOCK:
        sections = state.geometry.sections_per_block
        return state.block_pfn(block), device.head_pages, sections
    start, end = device.part(pfn)
    pages = state.geometry.memmap_pages(end - start) if device.resources else device.head_pages
    return start, pages, (end - start) // state.geometry.section_pages


def block_rows(
    state: State, start_pfn: int, end_pfn: int, choice: MemmapChoice, vmemmap_pages: int
) -> NDArray[np.void]:
    """Rows of the new memory blocks: how many vmemmap pages each starts with.

    For PER_DEVICE the ``vmemmap_pages`` of the whole range fill blocks from the front: first
    blocks that are nothing but vmemmap, then one that is partly so.
    """
    pages = state.geometry.block_pages
    first, count = start_pfn // pages, (end_pfn - start_pfn) // pages
    if choice.kind != MemmapKind.PER_DEVICE:
        parts = [(first, count, choice.block_pages)]
    else:
        full, rest = divmod(vmemmap_pages, pages)
        full = min(full, count)
        parts = [(first, full, pages), (first + full, 1, rest), (first + full + 1, count, 0)]
        parts = [(a, min(n, first + count - a), v) for a, n, v in parts]
    rows = np.zeros(sum(n > 0 for _, n, _ in parts), BLOCK_DTYPE)
    for row, (start, number, vmemmap) in zip(rows, (p for p in parts if p[1] > 0), strict=True):
        row["start"], row["count"], row["vmemmap"] = start, number, vmemmap
    rows["memmap"], rows["present"], rows["zone"] = int(choice.kind), pages, -1
    return rows
