"""The view: what every painter and screen reads, whatever the machine behind it.

Two implementations: the simulated machine (``pfnmap.engine.model_view``) and a real one
(``pfnmap.engine.sysroot``). A view never changes; a new state of affairs is a new view.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Protocol

import numpy as np
from msgspec import Meta, Struct

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.finding import Finding
from pfnmap.engine.geometry import Geometry
from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.memory.state import State
from pfnmap.engine.typed_json import NodeId, Pages

NR_PAGE_STATES = len(PageState)


class ZoneRow(Struct, frozen=True):
    """A zone of a node as ``/proc/zoneinfo`` shows it; all counts in pages."""

    node: int
    zone: ZoneType
    start_pfn: int
    spanned: int
    present: int
    managed: int
    cma: int = 0

    @property
    def end_pfn(self) -> int:
        """First pfn behind the span."""
        return self.start_pfn + self.spanned


class NodeRow(Struct, frozen=True):
    """A NUMA node; pages."""

    node: int
    start_pfn: int
    spanned: int
    present: int
    online: bool
    has_memory: bool
    has_normal_memory: bool
    has_cpu: bool


class BlockRow(Struct, frozen=True):
    """A memory block as sysfs shows it, plus what the model knows. ``None`` = unknown."""

    id: int
    state: str
    node: int | None
    zone: ZoneType
    valid_zones: tuple[str, ...]
    removable: bool | None
    start_pfn: int
    nr_pages: int
    present_pages: int
    vmemmap_pages: int | None
    """Pages at the block's start that hold its own struct pages (``nr_vmemmap_pages``)."""
    device: str | None
    memmap: str
    """Where its struct pages live, in words: boot, ram, on_memory, device, unknown."""
    zone_rule: str
    """The rule that decided valid_zones, in words."""


class PageRow(Struct, frozen=True):
    """Everything known about one page frame. ``None`` = not applicable or unknown."""

    pfn: int
    state: PageState
    block: int | None
    section: int
    node: int | None
    zone: ZoneType
    memmap_pfn: int | None
    """The pfn that holds this page's struct page."""
    dependents: tuple[tuple[int, int], ...]
    """(start_pfn, nr_pages) of the memory whose struct pages live in this page."""
    refcount: int | None = None
    private: int | None = None
    freelist_pfn: int | None = None
    note: str = ""


class HugetlbPool(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A pool of huge pages: of the machine (``node`` None) or of a node; counts of huge pages.

    ``reserved`` and ``surplus`` are None where the kernel does not say (per node).
    """

    node: NodeId | None
    page_bytes: Pages
    total: Pages
    free: Pages
    reserved: Pages | None = None
    surplus: Pages | None = None


class DrivenRow(Struct, frozen=True):
    """A device whose driver adds memory; bytes."""

    name: str
    driver: str
    """As iomem has it: ``virtio_mem``, ``kmem``."""
    online: int
    """Blocks that are online, of ``blocks``."""
    blocks: int
    window: str = ""
    """The CXL window that it lies in."""
    plugged_bytes: int | None = None
    requested_bytes: int | None = None
    """Of virtio-mem, and how much of it is plugged."""


class MemoryConfig(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Blocks of which ``/sys/firmware/memory`` says the same.

    s390 configures memory there block by block, with its struct pages inside or not, and only
    what is configured is a memory block: ff18dcb19aab (6.19), rule ``s390_config_files``.
    """

    first: Annotated[int, Meta(ge=0, le=1 << 40)]
    count: Annotated[int, Meta(ge=1, le=1 << 24)]
    configured: bool | None
    own_memmap: bool | None


class ResourceRow(Struct, frozen=True):
    """A line of ``/proc/iomem``; ``end`` inclusive, bytes."""

    depth: int
    start: int
    end: int
    name: str


class BlockKinds(Struct, frozen=True, eq=False):
    """All blocks in runs, ascending; those of one kind differ in their place only."""

    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]
    kinds: NDArray[np.int64]
    """From 0; each is that of some run."""

    @property
    def examples(self) -> list[int]:
        """A block of each kind."""
        of = np.zeros(int(self.kinds.max(initial=-1)) + 1, np.int64)
        of[self.kinds[::-1]] = self.firsts[::-1]
        return of.tolist()


class View(Protocol):
    """What a screen may ask of a machine. All answers are cheap and never change."""

    @property
    def title(self) -> str:
        """Where this machine comes from, e.g. ``simulated``, ``trace x.json``, ``/``."""

    @property
    def real(self) -> bool:
        """Whether this is a real machine, or what was kept of one."""

    @property
    def state(self) -> State:
        """The machine as columns; of a real one, what follows from its files."""

    @property
    def geometry(self) -> Geometry:
        """Page, section and block sizes."""

    @property
    def profile_name(self) -> str:
        """The kernel whose rules hold, e.g. ``6.12``."""

    @property
    def kernel_release(self) -> str:
        """The release of a real machine's own kernel, e.g. ``6.18.44``; empty: none is known."""

    @property
    def params(self) -> Sequence[tuple[str, str]]:
        """Parameters in force, as (name, value) words."""

    @property
    def zones(self) -> Sequence[ZoneRow]:
        """Every zone of every online node, node by node in zone order, empty ones too."""

    @property
    def nodes(self) -> Sequence[NodeRow]:
        """Every known node in id order."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What the rules in force have broken."""

    @property
    def resources(self) -> Sequence[ResourceRow]:
        """The lines of ``/proc/iomem`` that matter here."""

    @property
    def pools(self) -> Sequence[HugetlbPool]:
        """The pools of huge pages that a real machine's files show."""

    @property
    def config(self) -> Sequence[MemoryConfig]:
        """Blocks that firmware configures one by one, ascending; empty where it does not."""

    @property
    def notes(self) -> Sequence[str]:
        """What is missing, odd or assumed about a machine, and why; ready to show."""

    @property
    def page_source(self) -> str:
        """How single pages of a real machine are known (``pages sampled, 1 of 96``); or empty."""

    @property
    def first_pfn(self) -> int:
        """Lowest pfn with memory."""

    @property
    def end_pfn(self) -> int:
        """First pfn behind all memory."""

    def extents(self) -> NDArray[np.int64]:
        """Ranges that hold memory: int64 (n, 2) of [start_pfn, end_pfn), ascending, disjoint."""

    @property
    def nr_blocks(self) -> int:
        """Number of memory blocks."""

    def block_ids(self, first_rank: int, count: int) -> NDArray[np.int64]:
        """Ids of the blocks with these ranks (0 = lowest id); shorter at the end."""

    def block_runs(self, *, reasons: bool = False) -> Iterable[tuple[int, int]]:
        """All blocks, ascending, as (first, last) of runs that differ in their place only.

        Neighbouring runs may be alike as well. ``reasons``: what the model's rules know apart
        is apart, too (``zone_rule``, :meth:`offline_obstacle`).
        """

    def block_kinds(self, *, rules: bool = False) -> BlockKinds:
        """All blocks in runs, and which of them are of one kind: alike but for their place.

        ``rules``: in ``zone_rule``, too.
        """

    def rank_of(self, block_id: int) -> int:
        """How many blocks have a lower id."""

    def block(self, block_id: int) -> BlockRow | None:
        """One block, None where there is none."""

    def block_counts(self, first: int = 0, end: int | None = None) -> dict[str, int]:
        """How many blocks are in each state, e.g. ``{"online": 3, "offline": 1}``.

        ``first``, ``end``: of the blocks [first, end) only.
        """

    def node_block_counts(self) -> Sequence[tuple[int | None, int, int]]:
        """(node, online blocks, blocks) of each node that has blocks; None, last: not known."""

    def driven(self) -> Sequence[DrivenRow]:
        """The devices whose drivers add memory: virtio-mem, dax/kmem."""

    def offline_obstacle(self, row: BlockRow) -> str:
        """Why a block cannot be offlined, in words with the errno; empty when nothing is known.

        That does not mean that the kernel keeps no page in it.
        """

    def page_counts(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pages of each state between successive pfns.

        ``edges``: int64 (n + 1,), ascending pfns. Returns int64 (n, NR_PAGE_STATES);
        each row sums to the cell's width (holes counted as HOLE).
        """

    def free_states(self, pfns: NDArray[np.int64]) -> NDArray[np.int8]:
        """For each pfn what a free page is there: FREE_* of its zone, ONLINE if not known.

        Asked of a real machine's pages, of which nothing else is known.
        """

    def page(self, pfn: int) -> PageRow:
        """Everything about one page frame."""
