"""HugeTLB vmemmap optimisation (HVO): struct pages of huge pages are given back and restored.

Sources: ``mm/hugetlb_vmemmap.c`` of 6.12 and 6.1; the detection rules from post "[PATCH v2 2/2]
mm: memory_hotplug: introduce SECTION_CANNOT_OPTIMIZE_VMEMMAP" (2022) and its respins v3 to v5.
"""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from pfnmap.engine.finding import Finding
from pfnmap.engine.kinds import KERNEL_ZONES, BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.memory import free_memory, memmap
from pfnmap.engine.memory.page_map import page_zone
from pfnmap.engine.memory.runs import RunMap
from pfnmap.engine.memory.state import HugetlbSet, State
from pfnmap.engine.memory.transaction import Transaction

_VMEMMAP = int(PageState.VMEMMAP)


def backing(state: State, pfn: int) -> int | None:
    """The page frame that holds the struct page of ``pfn``."""
    return memmap.home_of(state, pfn)


def is_self_hosted(state: State, pfn: int) -> bool:
    """Whether a page frame holds struct pages of the very range it was added with."""
    row = state.blocks.at(pfn // state.geometry.block_pages)
    if row is None or not row["vmemmap"]:
        return False
    return bool(pfn - state.block_pfn(pfn // state.geometry.block_pages) < int(row["vmemmap"]))


def must_refuse(state: State, pfn: int) -> bool:
    """The truth: the struct pages of the huge page at ``pfn`` are self-hosted."""
    home = backing(state, pfn)
    return home is not None and is_self_hosted(state, home)


def _flagged(state: State, pfn: int) -> bool:
    """PG_owner_priv_1 of a page.

    Set on self-hosted vmemmap of online blocks, and by its ordinary meaning on pages of the
    swap cache (a movable allocation here).
    """
    row = state.blocks.at(pfn // state.geometry.block_pages)
    if row is None or row["state"] != BlockState.ONLINE:
        return False
    taken = state.taken.at(pfn)
    return is_self_hosted(state, pfn) or (
        taken is not None and int(taken["kind"]) == PageState.MOVABLE
    )


def refuses(state: State, pfn: int, rule: str) -> tuple[bool, str]:
    """What a detection rule says of the huge page at ``pfn``: refuse or not, and why."""
    geometry = state.geometry
    row = state.blocks.at(pfn // geometry.block_pages)
    if rule == "section-flag":
        flagged = (
            row is not None
            and not row["early"]
            and (row["memmap"] in (MemmapKind.PER_BLOCK, MemmapKind.PER_DEVICE))
        )
        return (
            flagged,
            f"section {pfn // geometry.section_pages} is{'' if flagged else ' not'} "
            "flagged SECTION_CANNOT_OPTIMIZE_VMEMMAP",
        )
    if rule == "flag-on-backing":
        home = backing(state, pfn)
        flagged = home is not None and _flagged(state, home) and is_self_hosted(state, home)
        where = "unknown" if home is None else f"{home:#x}"
        return flagged, f"the backing page {where} is{'' if flagged else ' not'} self-hosted"
    unit = geometry.section_pages if rule == "flag-first-of-section" else geometry.block_pages
    first = pfn // unit * unit
    if rule == "self-map":
        home = backing(state, first)
        same = home == first
        return same, f"the struct page of block start {first:#x} is in " + (
            "an unknown page" if home is None else f"pfn {home:#x}"
        )
    flagged = _flagged(state, first)
    return flagged, f"page {first:#x} is{'' if flagged else ' not'} flagged"


def free_vmemmap(tx: Transaction, pfn: int, vmemmap: int, kept: int, *, wrong: bool) -> State:
    """Give the tail vmemmap pages of one huge page back; what that does to the counters."""
    state = tx.state
    home = backing(state, pfn)
    if home is None:
        return _boot_vmemmap_freed(state, pfn, vmemmap, kept)
    first = home + kept
    count = vmemmap - kept
    node, zone_type = page_zone(state, home)
    if wrong:
        tx.finding(
            Finding(
                "hugetlb-corrupts",
                f"freeing the struct pages of the huge page at pfn {pfn:#x} hands pfns "
                f"{first:#x}-{first + count - 1:#x} to the buddy, which are self-hosted vmemmap",
                first,
                count,
            )
        )
        lost = state.lost.insert(first, count, kind=int(PageState.BROKEN), owner=-1)
        return replace(tx.state, lost=lost)
    row = state.blocks.at(pfn // state.geometry.block_pages)
    if node < 0:
        pass  # the memory that they lie in was removed: no zone counts them
    elif row is not None and row["memmap"] == MemmapKind.BOOT:
        state = _boot_vmemmap_freed(state, pfn, vmemmap, kept)
    else:
        state = free_memory.change(state, node, free_memory.zone_class(zone_type), count)
    return replace(state, taken=_unmarked(state.taken, first, count))


def _boot_vmemmap_freed(state: State, pfn: int, vmemmap: int, kept: int) -> State:
    """``free_reserved_page``: managed grows by every reserved page that is freed.

    With a new head page (6.3+) all pages of the boot memmap go and one comes from the buddy.
    A recording does not say where a boot memmap lies: it counts in the zone of ``pfn`` unless
    that is hot-added memory, whose struct pages came from the buddy.
    """
    row = state.blocks.at(pfn // state.geometry.block_pages)
    node, zone_type = _counted_in(state, pfn)
    freed = vmemmap - kept
    per_frame = state.geometry.pages_per_struct_page_frame
    end = pfn + vmemmap * per_frame
    if row is not None and row["early"] and state.unreserved.at(end - 1) is None:
        first = pfn if state.profile.hugetlb_new_head else pfn + kept * per_frame
        state = replace(state, unreserved=state.unreserved.insert(first, end - first, owner=-1))
        zone = state.zone(node, zone_type)
        gone = freed + (1 if state.profile.hugetlb_new_head else 0)
        state = state.with_zone(node, zone_type, replace(zone, managed=zone.managed + gone))
    return free_memory.change(state, node, free_memory.zone_class(zone_type), freed)


def _counted_in(state: State, pfn: int) -> tuple[int, ZoneType]:
    """(node, zone) in which the struct pages of ``pfn`` count; node -1 where they are gone.

    Where nothing says where they lie: with boot memory itself; those of hot-added memory are
    kernel memory of the nearest node with any, for a node may have none but ZONE_MOVABLE.
    """
    home = backing(state, pfn)
    if home is not None:
        return page_zone(state, home)
    node, zone_type = page_zone(state, pfn)
    row = state.blocks.at(pfn // state.geometry.block_pages)
    if row is not None and row["early"]:
        return node, zone_type
    for near in free_memory.kernel_nodes(state, node):
        if any(state.nodes[near].zones[zone].managed for zone in KERNEL_ZONES):
            return near, ZoneType.NORMAL
    return node, ZoneType.NORMAL


def restore_vmemmap(state: State, start: int, count: int, held: HugetlbSet) -> State:
    """``hugetlb_vmemmap_restore_folio`` for a range: the buddy pays, managed stays.

    The kernel takes pages of the huge page's own node; here they return to where they were
    (see :func:`_marked`), so that node pays.
    """
    vmemmap = state.geometry.memmap_pages(held.page_pages)
    taken = state.taken
    needed: Counter[int] = Counter()
    for pfn in range(start, start + count, held.page_pages):
        node, _ = _counted_in(state, pfn)
        if node < 0:
            continue  # the memory that they lay in was removed
        home = backing(state, pfn)
        needed[node] += held.freed_per_page
        if home is not None and not is_self_hosted(state, home):
            taken = _marked(taken, home + vmemmap - held.freed_per_page, held.freed_per_page)
    for node, nr_pages in needed.items():
        state = free_memory.change(state, node, free_memory.KERNEL, -nr_pages)
    return replace(state, taken=taken)


def _marked(taken: RunMap, first: int, count: int) -> RunMap:
    """With vmemmap pages where nothing lies in [first, first + count).

    The kernel takes the pages anew wherever they are free; the model puts them back where
    they were, and shows none for those of which something else has been made since.
    """
    at = first
    for row in taken.slice(first, first + count):
        if row["start"] > at:
            taken = taken.insert(at, int(row["start"]) - at, kind=_VMEMMAP, owner=-1)
        at = int(row["start"] + row["count"])
    if at < first + count:
        taken = taken.insert(at, first + count - at, kind=_VMEMMAP, owner=-1)
    return taken


def _unmarked(taken: RunMap, first: int, count: int) -> RunMap:
    """Without the vmemmap pages in [first, first + count); what else lies there stays."""
    rows = taken.slice(first, first + count)
    return taken.delete_rows(rows[rows["kind"] == _VMEMMAP])
