"""Runs of page states of a real machine: what each page frame is, as far as its files say."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.geometry import Geometry
from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.memory.runs import joined_ranges, sorted_set
from pfnmap.engine.sysroot.inference import Inferred, Ranges, covered, state_mask
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.parse import IomemLine, is_kernel_image
from pfnmap.engine.view import ZoneRow

OPEN_KINDS = (int(PageState.ONLINE), int(PageState.RESERVED), int(PageState.PAGE_OFFLINE))
"""What the files of the blocks leave open: page flags may know more."""
NO_RANGES: Ranges = np.zeros((0, 2), np.int64)


class PageRuns(Struct, frozen=True, eq=False):
    """Sorted disjoint runs; pfns in no run are holes."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    kinds: NDArray[np.int64]
    devices: Ranges
    """ZONE_DEVICE memory."""
    by_kind: tuple[tuple[int, Ranges], ...]
    """The runs of each page state."""

    def state_of(self, pfn: int) -> PageState:
        """What one page frame is."""
        index = int(np.searchsorted(self.starts, pfn, side="right")) - 1
        if index < 0 or pfn >= self.ends[index]:
            return PageState.HOLE
        return PageState(int(self.kinds[index]))


def is_persistent(line: IomemLine) -> bool:
    """Whether a line of iomem is a region of persistent memory."""
    return line.name.startswith("Persistent Memory")


def device_ranges(iomem: tuple[IomemLine, ...] | None, page_shift: int) -> Ranges:
    """Persistent memory that is not used as System RAM, in whole pages."""
    ram = [line for line in iomem or () if line.name.startswith("System RAM")]
    ranges = [
        (-(-line.start >> page_shift), (line.end + 1) >> page_shift)
        for line in iomem or ()
        if is_persistent(line) and not any(r.start <= line.end and r.end >= line.start for r in ram)
    ]
    return joined_ranges(np.array(ranges, np.int64).reshape(-1, 2))


def _image_ranges(iomem: tuple[IomemLine, ...] | None, page_shift: int) -> Ranges:
    """The kernel image and the crash kernel: reserved for good."""
    ranges = [
        (line.start >> page_shift, -(-(line.end + 1) >> page_shift))
        for line in iomem or ()
        if is_kernel_image(line.name)
    ]
    return joined_ranges(np.array(ranges, np.int64).reshape(-1, 2))


def _block_kinds(observation: Observation) -> NDArray[np.int64]:
    """Page state of each block's memory by the block's state."""
    blocks = observation.blocks
    kinds = np.full(len(blocks), int(PageState.ONLINE), np.int64)
    kinds[state_mask(blocks, "offline")] = int(PageState.OFFLINE)
    kinds[state_mask(blocks, "going-offline", "going-online")] = int(PageState.ISOLATED)
    return kinds


def page_runs(
    observation: Observation,
    geometry: Geometry,
    inferred: Inferred,
    zones: tuple[ZoneRow, ...],
    unplugged: Ranges = NO_RANGES,
) -> PageRuns:
    """Cut the pfns where anything changes, and say what each piece is.

    ``unplugged``: what is taken not to be plugged of virtio-mem's blocks.
    """
    pages, shift = geometry.block_pages, geometry.page_shift
    firsts = observation.blocks.ids * pages
    ram = NO_RANGES if inferred.ram is None else inferred.ram
    image = _image_ranges(observation.iomem, shift)
    used = any(row.zone == ZoneType.DEVICE and row.spanned for row in zones)
    devices = device_ranges(observation.iomem if used else None, shift)
    hosted = inferred.vmemmap > 0
    edges = [firsts, firsts + pages, firsts[hosted] + inferred.vmemmap[hosted]]
    edges += [ranges.ravel() for ranges in (ram, image, devices, unplugged)]
    cuts = sorted_set(np.concatenate(edges).astype(np.int64))
    if len(cuts) < 2:
        return merged_runs(cuts[:0], cuts[:0], cuts[:0], devices)
    starts, ends = cuts[:-1], cuts[1:]
    kinds = np.full(len(starts), int(PageState.HOLE), np.int64)
    kinds[_inside(devices, starts, ends)] = int(PageState.DEVICE)
    if len(firsts):
        index = np.maximum(np.searchsorted(firsts, starts, side="right") - 1, 0)
        memory = (starts >= firsts[index]) & (starts < firsts[index] + pages)
        # A block with holes in its System RAM; without iomem no block has any.
        memory &= _inside(ram, starts, ends) | (inferred.present[index] == pages)
        kinds[memory] = _block_kinds(observation)[index[memory]]
        kinds[memory & (starts < firsts[index] + inferred.vmemmap[index])] = int(PageState.VMEMMAP)
    kinds[_inside(image, starts, ends) & (kinds == PageState.ONLINE)] = int(PageState.RESERVED)
    kinds[_inside(unplugged, starts, ends) & (kinds == PageState.ONLINE)] = int(
        PageState.PAGE_OFFLINE
    )
    keep = kinds != PageState.HOLE
    return merged_runs(starts[keep], ends[keep], kinds[keep], devices)


def _inside(
    ranges: Ranges, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.bool_]:
    return np.asarray(covered(ranges, ends) - covered(ranges, starts) > 0)


def merged_runs(
    starts: NDArray[np.int64], ends: NDArray[np.int64], kinds: NDArray[np.int64], devices: Ranges
) -> PageRuns:
    """Runs with equal neighbours joined."""
    if len(starts):
        fresh = np.concatenate(([True], (starts[1:] != ends[:-1]) | (kinds[1:] != kinds[:-1])))
        last = np.concatenate((np.flatnonzero(fresh)[1:] - 1, [len(starts) - 1]))
        starts, ends, kinds = starts[fresh], ends[last], kinds[fresh]
    by_kind = tuple(
        (kind, np.stack((starts[kinds == kind], ends[kinds == kind]), axis=1))
        for kind in sorted_set(kinds).tolist()
    )
    return PageRuns(starts, ends, kinds, devices, by_kind)
