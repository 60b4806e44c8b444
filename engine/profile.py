"""Kernel profiles: which rules hold in which kernel or posted patch series.

A profile selects rules; it never copies code. Every switch names its source:

==========================  =================================================================
switch                      source
==========================  =================================================================
memmap                      posts "[PATCH v2 0/5] Allocate memmap from hotadded memory" (2019)
                            for ``device`` and ``memblock``; a08a2ae34613 "mm,memory_hotplug:
                            allocate memmap from the added memory range" (5.14, one block per
                            add); "mm/memory_hotplug: split memmap_on_memory requests across
                            memblocks" (6.8) for ``per-block``
shrink                      f1dd2cd13c4b (4.13) for ``remove-valid``; post "[RFC v2 2/2] mm/
                            memory_hotplug: Shrink spanned pages when offlining memory" (2018)
                            for ``rfc2``; its respin of 15 Oct 2018 for ``oct2018``;
                            feee6b298916 "mm/memory_hotplug: shrink zones when offlining
                            memory" (5.5) for ``merged``
removal                     v2 patch 4/5 (2019) for ``v2-refcount``; v3 3/5 (2019) for
                            ``v3-bug``; a08a2ae34613 (5.14) for ``single-block``; the 6.8
                            split for ``all-or-none``; before all of these ``plain``;
                            ``forward`` is what v2's cover letter says cannot be done
hugetlb                     post "[PATCH v2 2/2] mm: memory_hotplug: introduce
                            SECTION_CANNOT_OPTIMIZE_VMEMMAP" (2022) for ``section-flag`` and
                            ``self-map``; v3, v4 and v5 of that series for the flag rules;
                            66361095129b (6.0) merged ``flag-on-backing``
hugetlb_kept_pages          f41f2ed43ca5 "mm: hugetlb: free the vmemmap pages associated with
                            each HugeTLB page" (5.14) keeps 2; e7d324850bfc "mm: hugetlb: free
                            the 2nd vmemmap page" (5.18) keeps 1; kernels before 5.14 have
                            no such thing, so there the posts of 2022 are tried out
hugetlb_new_head            "mm: hugetlb_vmemmap: allocate a new vmemmap head page" (6.3),
                            read in 6.12 ``__hugetlb_vmemmap_optimize_folio``
hugetlb_this_node           read and recorded on 6.1: ``alloc_vmemmap_page_list`` has
                            ``__GFP_THISNODE``; in 6.12 it has not (between the two: not known)
hugetlb_excludes_memmap     5.14 ``mhp_supports_memmap_on_memory``: hugetlb_free_vmemmap
                            takes precedence, lifted by 66361095129b (6.0)
force                       "mm/memory_hotplug: support memmap_on_memory when memmap is not
                            aligned to pageblocks" (6.6)
auto_movable                e83a437faa62 "mm/memory_hotplug: introduce auto-movable online
                            policy" (5.15)
zone_shifting               before f1dd2cd13c4b (4.13) ``zone_can_shift``
isolates_ends_first         b2c9e2fbba32 "mm: make alloc_contig_range work at pageblock
                            granularity" (5.19): ``start_isolate_page_range`` isolates the first
                            and the last pageblock before those between
isolates_own_vmemmap        until a08a2ae34613 (5.14) ``offline_pages`` got all of a block
arm64_keeps_boot_memory     bbd6ec605c0f "arm64/mm: Enable memory hot remove" (5.7):
                            ``prevent_bootmem_remove_notifier``
cancels_last                "mm/memory_hotplug.c: fix notification in offline error path" (5.1):
                            pageblocks are given back before ``MEM_CANCEL_OFFLINE`` is sent
fallback_log                6cf253925df7 "mm/page_alloc: print node fallback order" (5.16)
demotion_log                "memory tiering: print demotion targets" (6.6), read in 6.12
                            ``establish_demotion_targets``
node_state_first            read in 6.12 ``offline_pages``: node states are cleared before the
                            zonelists are rebuilt; 6.1 rebuilds first
local_node_first            read in 6.1 ``find_next_best_node``: a node heads its own zonelist
                            even without memory; 6.12 asks for N_MEMORY first
acpi_retry                  recorded on 6.12, not on 6.1: the bus scan after a hot-add tries
                            DIMMs whose memory was refused again
offlined_pages_log          "Offlined Pages" is pr_debug, read in 6.1 ``offline_pages``; it was
                            pr_info up to 5.11, as far as is known
vmemmap_knob                v2 patch 5/5 (2019): ``/sys/devices/system/memory/vmemmap_hotplug``
==========================  =================================================================
"""

from __future__ import annotations

import re
from dataclasses import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.values import dataclass

MEMMAP_RULES = ("ram", "device", "memblock", "v3", "single-block", "per-block")
SHRINK_RULES = ("remove-valid", "rfc2", "oct2018", "merged")
REMOVAL_RULES = ("plain", "v2-refcount", "forward", "v3-bug", "single-block", "all-or-none")
HUGETLB_RULES = (
    "section-flag",
    "self-map",
    "flag-first-of-section",
    "flag-first-of-block",
    "flag-on-backing",
)


@dataclass(frozen=True, slots=True)
class KernelProfile:
    """The rules of one kernel. See the module's table for where each comes from."""

    name: str
    title: str
    memmap: str = "per-block"
    """Where the memmap of an add goes when the line does not say (one of MEMMAP_RULES)."""
    shrink: str = "merged"
    removal: str = "all-or-none"
    hugetlb: str = "flag-on-backing"
    hugetlb_kept_pages: int = 1
    hugetlb_new_head: bool = True
    hugetlb_this_node: bool = False
    hugetlb_excludes_memmap: bool = False
    force: bool = True
    auto_movable: bool = True
    zone_shifting: bool = False
    isolates_ends_first: bool = True
    isolates_own_vmemmap: bool = False
    arm64_keeps_boot_memory: bool = True
    cancels_last: bool = True
    fallback_log: bool = True
    demotion_log: bool = True
    node_state_first: bool = True
    local_node_first: bool = False
    acpi_retry: bool = True
    offlined_pages_log: bool = False
    vmemmap_knob: bool = False

    def with_rule(self, name: str, value: str) -> KernelProfile:
        """This profile with one rule changed (``rule NAME=VALUE``)."""
        allowed = RULE_VALUES.get(name)
        if allowed is None:
            raise InputError(
                f"rule {name}: there is no such rule; expected one of {', '.join(RULE_VALUES)}"
            )
        value = RULE_ALIASES.get((name, value), value)
        if value not in allowed:
            raise InputError(f"rule {name}={value}: expected one of {', '.join(allowed)}")
        changed = {name: value}
        if name == "memmap":
            changed["removal"] = REMOVAL_OF_MEMMAP[value]
        return replace(self, **changed)  # type: ignore[arg-type]


RULE_VALUES: dict[str, tuple[str, ...]] = {
    "memmap": MEMMAP_RULES,
    "shrink": SHRINK_RULES,
    "removal": REMOVAL_RULES,
    "hugetlb": HUGETLB_RULES,
}
RULE_ALIASES: dict[tuple[str, str], str] = {
    ("memmap", "on_memory"): "per-block",
    ("memmap", "none"): "ram",
}
REMOVAL_OF_MEMMAP: dict[str, str] = {
    "ram": "plain",
    "device": "v2-refcount",
    "memblock": "v2-refcount",
    "v3": "v3-bug",
    "single-block": "single-block",
    "per-block": "all-or-none",
}
"""The removal rule that came with each memmap rule."""

_V6_12 = KernelProfile("6.12", "Linux 6.12")
_V6_1 = replace(
    _V6_12,
    name="6.1",
    title="Linux 6.1",
    memmap="single-block",
    removal="single-block",
    hugetlb_new_head=False,
    hugetlb_this_node=True,
    force=False,
    demotion_log=False,
    node_state_first=False,
    local_node_first=True,
    acpi_retry=False,
)
_V5_14 = replace(
    _V6_1,
    name="5.14",
    title="Linux 5.14, the merged design of 2021",
    hugetlb_kept_pages=2,
    hugetlb_excludes_memmap=True,
    auto_movable=False,
    isolates_ends_first=False,
    fallback_log=False,
)
_V5_5 = replace(
    _V5_14,
    name="5.5",
    title="Linux 5.5, spans shrink at offline",
    memmap="ram",
    removal="plain",
    hugetlb_kept_pages=1,
    hugetlb_excludes_memmap=False,
    isolates_own_vmemmap=True,
    arm64_keeps_boot_memory=False,
    offlined_pages_log=True,
)
_V4_19 = replace(
    _V5_5,
    name="4.19",
    title="Linux 4.19, spans shrink at removal",
    shrink="remove-valid",
    cancels_last=False,
)
_SERIES_2019 = replace(_V4_19, vmemmap_knob=True, removal="v2-refcount", cancels_last=True)

PROFILES: dict[str, KernelProfile] = {
    profile.name: profile
    for profile in (
        _V6_12,
        replace(_V6_12, name="6.8", title="Linux 6.8, one altmap per block"),
        replace(
            _V6_1,
            name="6.6",
            title="Linux 6.6, force and silent fallback",
            force=True,
            hugetlb_new_head=True,
            hugetlb_this_node=False,
            demotion_log=True,
        ),
        _V6_1,
        _V5_14,
        _V5_5,
        _V4_19,
        replace(
            _V4_19,
            name="4.12",
            title="Linux 4.12, zones are shifted",
            zone_shifting=True,
        ),
        replace(
            _SERIES_2019,
            name="memmap-v1",
            title="memmap from hot-added memory, v1 (March 2019)",
            memmap="device",
            vmemmap_knob=False,
        ),
        replace(
            _SERIES_2019,
            name="memmap-v2",
            title="memmap from hot-added memory, v2 (June 2019)",
            memmap="device",
        ),
        replace(
            _SERIES_2019,
            name="memmap-v3",
            title="memmap from hot-added memory, v3 (July 2019)",
            memmap="v3",
            removal="v3-bug",
            vmemmap_knob=False,
        ),
        replace(
            _V4_19,
            name="shrink-rfc2",
            title="shrink spans at offline, RFC v2 (August 2018)",
            shrink="rfc2",
        ),
        replace(
            _V4_19,
            name="shrink-oct2018",
            title="shrink spans at offline, October 2018",
            shrink="oct2018",
        ),
    )
}
"""Every selectable profile by name, newest kernels first, then the posted series."""


def get_profile(name: str) -> KernelProfile:
    """The profile of that name; InputError with the nearest names otherwise."""
    try:
        return PROFILES[name]
    except KeyError:
        import difflib  # only a wrong name pays for this import

        near = difflib.get_close_matches(name, PROFILES, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(
            f"profile={name}: there is no such profile; expected one of {', '.join(PROFILES)}{hint}"
        ) from None


def is_release_of(kernel: str, name: str) -> bool:
    """Whether a kernel release such as ``6.12.9-arch1`` is one of the profile ``6.12``."""
    return re.match(rf"{re.escape(name)}(?![0-9])", kernel) is not None


def profile_of(kernel: str) -> KernelProfile:
    """The profile for a kernel release: the newest one that is not newer."""
    match = re.match(r"([0-9]{1,4})\.([0-9]{1,4})", kernel)
    wanted = (int(match[1]), int(match[2])) if match else (6, 12)
    versions = sorted(
        (tuple(int(part) for part in name.split(".")), name)
        for name in PROFILES
        if re.fullmatch(r"\d+\.\d+", name)
    )
    fitting = [name for version, name in versions if version <= wanted]
    return PROFILES[fitting[-1] if fitting else versions[0][1]]
