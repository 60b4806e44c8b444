"""Which kernel and machine it is: sizes and rules, from what its files show.

The kernel exports neither its page size nor its section size, so they follow from the
machine's name and, where that is missing, from what only fits one of them. What was
assumed is said.
"""

from __future__ import annotations

import re

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.geometry import ARCHITECTURES, MIB, S390X, Geometry, another_architecture
from pfnmap.engine.profile import NEWEST, profile_of
from pfnmap.engine.sysroot.inference import state_mask
from pfnmap.engine.sysroot.observation import Observation

PAGE_SIZES = (4096, 16384, 65536)

UNKNOWN_ARCH = "unknown"
"""The name of a machine that is not x86_64, where it does not show what it is instead."""

_NAMES = (
    (re.compile(r"x86_64|amd64|i[3-6]86"), "x86_64"),
    (re.compile(r"aarch64|arm64"), "aarch64"),
    (re.compile(r"ppc64|powerpc64"), "ppc64"),
    (re.compile(r"s390x"), "s390x"),
)
_RELEASE_PAGES = re.compile(r"(?:^|[^0-9])(4|16|64)k(?:[^a-z0-9]|\Z)", re.IGNORECASE)


def geometry_of(
    observation: Observation, page_bytes: int | None = None
) -> tuple[Geometry, tuple[str, ...]]:
    """Page, section and block sizes, and sentences about what was assumed.

    ``page_bytes``: the page size as a person gave it, which settles it.
    """
    machine = _machine(observation)
    size, why = (page_bytes, "") if page_bytes else _page_size(observation, machine)
    notes: list[str] = []
    if size is None:
        size = 4096
        assumed = "4096 bytes are assumed (--page-size says another)"
        notes.append(f"the page size is not known: {assumed}")
    elif why:
        notes.append(f"page size {size} inferred from {why}")
    geometry = _base(machine, size)
    if not profile_of(observation.kernel or "").arm64_small_sections:
        geometry = geometry.with_old_sections()
    if machine in (None, UNKNOWN_ARCH):
        sizes = _base(None, size).arch
        notes.append(f"the architecture is not known: section sizes of {sizes} are assumed")
    block_bytes = observation.block_bytes
    if block_bytes is None:
        block_bytes = geometry.block_bytes
        notes.append(
            f"the memory block size is not known: {block_bytes // MIB}M is assumed, so addresses "
            "may be wrong"
        )
    return with_block_bytes(geometry, block_bytes), tuple(notes)


def with_block_bytes(geometry: Geometry, block_bytes: int) -> Geometry:
    """The geometry with a block size that a kernel showed, even below the usual section."""
    block_pages = block_bytes // geometry.page_bytes
    section_pages = min(geometry.section_pages, block_pages)
    return replace(geometry, section_pages=section_pages, block_pages=block_pages)


def _machine(observation: Observation) -> str | None:
    """``x86_64``, ``aarch64``, ``ppc64``, ``s390x``, another name as it is, or None.

    ``unknown`` is one that only is not x86_64.
    """
    for text in (observation.arch, observation.kernel):
        for pattern, name in _NAMES:
            if text and pattern.search(text):
                return name
    if observation.arch:
        return observation.arch
    zones = {zone.name for zone in observation.zones or ()}
    zones |= {word for words in observation.blocks.zone_lists for word in words or ()}
    if (observation.blocks.phys_device > 0).any():
        return "s390x"  # the only architecture that numbers them (arch_get_memory_phys_device)
    sizes = {pool.page_bytes for pool in observation.pools}
    if sizes & {64 << 10, 32 * MIB, 512 * MIB}:
        return "aarch64"
    if "DMA32" in zones and any(zone.start_pfn == 1 for zone in observation.zones or ()):
        return "x86_64"  # page 0 is kept out of zone DMA there
    return _by_dma(observation)


def _by_dma(observation: Observation) -> str | None:
    """What a block in zone DMA says: one above 16 MiB is not on x86_64.

    Of the others only arm64 has machines whose memory does not begin at address 0.
    """
    blocks, nr_bytes = observation.blocks, observation.block_bytes or 0
    codes = [code for code, words in enumerate(blocks.zone_lists) if "DMA" in (words or ())]
    in_dma = blocks.ids[np.isin(blocks.zones, codes)]
    if not len(in_dma) or int(in_dma[-1]) * nr_bytes < ARCHITECTURES["x86_64"].zone_ends[0][1]:
        return None
    return UNKNOWN_ARCH if blocks.ids[0] == 0 else "aarch64"


def _page_size(observation: Observation, machine: str | None) -> tuple[int | None, str]:
    """The page size and, where it was inferred, from what."""
    if observation.page_bytes:
        return observation.page_bytes, ""
    if machine in ("x86_64", "s390x"):
        return 4096, ""
    for attempt in (_by_release, _by_counts, _by_pools):
        size, why = attempt(observation)
        if size is not None:
            return size, why
    return None, ""


def _by_release(observation: Observation) -> tuple[int | None, str]:
    found = _RELEASE_PAGES.search(observation.kernel or "")
    return (int(found[1]) << 10, "the kernel's release") if found else (None, "")


def _by_counts(observation: Observation) -> tuple[int | None, str]:
    """The size at which the present pages fill the online blocks: others are off by four."""
    blocks = observation.blocks
    online = int((~state_mask(blocks, "offline")).sum())
    present = sum(zone.present for zone in observation.zones or ())
    memory = online * (observation.block_bytes or 0)
    fitting = [size for size in PAGE_SIZES if memory * 2 < present * size * 5 <= memory * 5]
    return (fitting[0], "the present pages") if len(fitting) == 1 else (None, "")


def _by_pools(observation: Observation) -> tuple[int | None, str]:
    """The size whose huge pages the kernel offers."""
    sizes = {pool.page_bytes for pool in observation.pools}
    for marks, size in (
        ({512 * MIB, 16 * MIB}, 65536),
        ({64 << 10}, 4096),
        ({32 * MIB}, 16384),
        ({2 * MIB}, 4096),
    ):
        if sizes & marks:
            return size, "the huge page sizes"
    return None, ""


def _base(machine: str | None, page_bytes: int) -> Geometry:
    """The sizes of an architecture."""
    if machine == "s390x":
        return S390X
    kib = page_bytes >> 10
    if machine in ("aarch64", "ppc64") or (machine is None and page_bytes != 4096):
        name = f"{'ppc64' if machine == 'ppc64' else 'arm64'}-{kib}k"
        if name in ARCHITECTURES:
            return ARCHITECTURES[name]
    base = ARCHITECTURES["x86_64"]
    if page_bytes != base.page_bytes:
        base = ARCHITECTURES.get(f"arm64-{kib}k", replace(base, page_bytes=page_bytes))
    return base if machine in (None, "x86_64") else another_architecture(machine, base)


def rules_of(observation: Observation) -> tuple[str, str]:
    """The profile that fits the kernel's release best, and a sentence where it is a guess.

    Without the release its age shows in two files. An online block names one zone since
    f1dd2cd13c4b "mm, memory_hotplug: do not associate hotadded memory to zones until online"
    (4.13), before it also named those it could shift to. ``removable`` is the same for every
    block since 53cdc1cb29e8 "drivers/base/memory.c: indicate all memory blocks as removable"
    (5.8), before it told blocks apart.
    """
    if observation.kernel:
        return profile_of(observation.kernel).name, ""
    for seen, version, words in (
        (_lists_shifts(observation), "4.12", "online blocks list several zones, as"),
        (_tells_removable_apart(observation), "5.7", "removable is 0 and 1, as"),
    ):
        if seen:
            name = profile_of(version).name
            told = f"the kernel is not known: {words} up to {version}"
            return name, f"{told}, so the rules of {name} are assumed"
    return NEWEST, f"the kernel is not known: the rules of {NEWEST} are assumed"


def _lists_shifts(observation: Observation) -> bool:
    """Whether an online block lists several zones."""
    blocks = observation.blocks
    several = [code for code, words in enumerate(blocks.zone_lists) if words and len(words) > 1]
    return bool(np.isin(blocks.zones[state_mask(blocks, "online")], several).any())


def _tells_removable_apart(observation: Observation) -> bool:
    """Whether ``removable`` differs between blocks."""
    removable = observation.blocks.removable
    return bool((removable == 0).any() and (removable == 1).any())
