"""What is known about pages and blocks, as words: (name, words, role). No Textual, no colours."""

from __future__ import annotations

import numpy as np

from pfnmap.engine.kinds import PageState
from pfnmap.engine.sizes import counted
from pfnmap.engine.view import BlockRow, PageRow, View
from pfnmap.tui.say.glossary import NAMES
from pfnmap.tui.say.words import pfn_words, size_spelt

TOWER_LIMIT = 6
DEPENDENTS_SHOWN = 4
MIX_SHOWN = 4


Fact = tuple[str, str, str]
"""(name, words, role); an empty name goes on from the fact before."""


def tower(view: View, pfn: int, limit: int = TOWER_LIMIT) -> list[int]:
    """Where the struct page of ``pfn`` is, where that page's own struct page is, and so on.

    Ends at memory that describes itself, at memory whose struct pages are unknown, or
    after ``limit`` steps.
    """
    steps: list[int] = []
    here = pfn
    while len(steps) < limit:
        home = view.page(here).memmap_pfn
        if home is None:
            break
        steps.append(home)
        if home == here:
            break
        here = home
    return steps


def page_facts(view: View, page: PageRow, cell: tuple[int, int], arrow: str) -> list[Fact]:
    """What is known about a page and the cell it stands for."""
    geometry = view.geometry
    start, end = cell
    facts: list[Fact] = [
        ("pfn", f"{pfn_words(page.pfn)} ({page.pfn})", "text"),
        ("address", pfn_words(page.pfn * geometry.page_bytes), "text"),
        ("is", NAMES[page.state], "state"),
    ]
    if end - start > 1:
        facts.append(("cell", f"{end - start} pages, {_mix(view, start, end)}", "dim"))
    zone = page.zone.label if page.zone >= 0 else "none"
    node = "?" if page.node is None else str(page.node)
    zoned = page.state != PageState.HOLE
    facts.append(("zone", f"{zone}, node {node}" if zoned else "none", "zone"))
    facts.append(("section", str(page.section), "text"))
    for name, value in (("refcount", page.refcount), ("private", page.private)):
        if value is not None:
            facts.append((name, str(value), "text"))
    if page.freelist_pfn is not None:
        facts.append(("freelist", f"head at pfn {pfn_words(page.freelist_pfn)}", "text"))
    facts += _memmap_facts(view, page, arrow)
    if page.note:
        facts.append(("note", page.note, "warning"))
    return facts


def _memmap_facts(view: View, page: PageRow, arrow: str) -> list[Fact]:
    """Where its struct page is, and whose struct pages it holds."""
    facts: list[Fact] = []
    if page.memmap_pfn is not None:
        home = page.memmap_pfn
        where = "this very page" if home == page.pfn else f"pfn {pfn_words(home)}"
        facts.append(("struct page", f"in {where}", "accent"))
        steps = tower(view, page.pfn)
        if len(steps) > 1:
            words = f" {arrow} ".join(pfn_words(step) for step in [page.pfn, *steps])
            tail = ", which describes itself" if steps[-1] == steps[-2] else ""
            facts.append(("", words + tail, "dim"))
    elif page.state != PageState.HOLE:
        facts.append(("struct page", "not known where", "dim"))
    for index, (start, nr_pages) in enumerate(page.dependents[:DEPENDENTS_SHOWN]):
        words = f"{pfn_words(start)}-{pfn_words(start + nr_pages - 1)} ({nr_pages} pages)"
        facts.append(("describes" if index == 0 else "", words, "accent"))
    if len(page.dependents) > DEPENDENTS_SHOWN:
        facts.append(("", f"and {len(page.dependents) - DEPENDENTS_SHOWN} more ranges", "dim"))
    return facts


def _mix(view: View, start: int, end: int) -> str:
    """The states of a range with their page counts, largest first."""
    counts = view.page_counts(np.array([start, end], dtype=np.int64))[0]
    order = [state for state in np.argsort(-counts, kind="stable").tolist() if counts[state]]
    if len(order) == 1:
        return f"all {NAMES[PageState(order[0])]}"
    words = [f"{counts[state]} {NAMES[PageState(state)]}" for state in order[:MIX_SHOWN]]
    if (more := len(order) - MIX_SHOWN) > 0:
        words.append(counted(more, "more state"))
    return ", ".join(words)


def block_facts(view: View, block: BlockRow) -> list[Fact]:
    """What is known about a memory block."""
    # What a block without a device is, is often not known of a real machine.
    origin = "boot memory" if block.memmap.startswith("boot") else "not known"
    size = size_spelt(block.nr_pages * view.geometry.page_bytes)
    facts: list[Fact] = [
        ("state", block.state, "state_word"),
        ("zone", block.zone.label, "zone"),
        ("node", "?" if block.node is None else str(block.node), "text"),
        ("device", block.device or origin, "text"),
    ]
    present = f"{block.present_pages} of {block.nr_pages} pages, {size}"
    if block.present_pages == block.nr_pages:
        present = f"{block.nr_pages} pages, {size}"
    facts.append(("present", present, "text"))
    edges = np.array([block.start_pfn, block.start_pfn + block.nr_pages], dtype=np.int64)
    if lacking := int(view.page_counts(edges)[0, PageState.PAGE_OFFLINE]):
        words = f"{counted(lacking, 'page')}: not plugged (virtio-mem), a balloon's, or poisoned"
        facts.append(("PageOffline", words, "text"))
    memmap = block.memmap
    if block.vmemmap_pages:
        memmap += f", {block.vmemmap_pages} vmemmap pages at its start"
    facts.append(("memmap", memmap, "text"))
    facts.append(("valid_zones", " ".join(block.valid_zones) or "none", "text"))
    if block.zone_rule:
        facts.append(("", block.zone_rule, "dim"))
    if block.removable is not None:
        facts.append(("removable", "1" if block.removable else "0", "dim"))
    return facts


def summary(view: View, pfn: int, cell: tuple[int, int], dash: str) -> list[tuple[str, str]]:
    """The cell in one line, for the status line: (role, words), most important first."""
    start, end = cell
    page = view.page(pfn)
    unit = f"pfn {pfn_words(start)}"
    if end - start > 1:
        unit += f"{dash}{pfn_words(end - 1)}"
    parts = [("here", unit)]
    mix = NAMES[page.state] if end - start == 1 else _mix(view, start, end)
    parts.append(("text", mix.removeprefix("all ")))
    block = view.block(page.block) if page.block is not None else None
    if block is not None:
        zone = block.zone.label if block.zone >= 0 else "no zone"
        device = f" ({block.device})" if block.device else ""
        parts.append(("text", f"block {block.id}{device} {block.state}, {zone}"))
        parts.append(("dim", f"node {'?' if block.node is None else block.node}"))
    return parts
