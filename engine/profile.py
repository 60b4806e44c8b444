"""Kernel profiles: which rules hold in which kernel or posted patch series.

A rule that differs between kernels is a switch, a field of :class:`KernelProfile` that says what it
means, which values it has, and which release or post brought each value, with its source. The rules
of a release are looked up switch by switch; a posted series is a release with some switches set
otherwise. ``rule NAME=VALUE`` sets any of them.
"""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.errors import InputError

Value = str | int | bool


class Switch(Struct, frozen=True):
    """What one rule decides, the values it may have, and who brought which."""

    meaning: str
    values: tuple[Value, ...]
    history: tuple[tuple[str, Value, str], ...]
    """(release, value from it on, source), ascending; the first is what the oldest kernel does."""
    posted: tuple[tuple[Value, str], ...] = ()
    """(value, source) of values that only a posted series or a thought has."""

    def at(self, release: str) -> Value:
        """The value in a release."""
        number = _number(release)
        return [value for since, value, _ in self.history if _number(since) <= number][-1]


def _rule(*switch: Any) -> Any:
    """What a field of :class:`KernelProfile` says of itself; its value comes from the release."""
    return Switch(*switch)


def _switch(meaning: str, *history: tuple[str, bool, str]) -> Any:
    """A switch that is on or off."""
    return Switch(meaning, (True, False), history)


def _since(release: str, meaning: str, source: str, before: str = "") -> Any:
    """One that is on from a release on; ``before``: the source for what was so far."""
    return _switch(meaning, (OLDEST, False, before), (release, True, source))


def _until(release: str, meaning: str, source: str, before: str = "") -> Any:
    """One that is off from a release on."""
    return _switch(meaning, (OLDEST, True, before), (release, False, source))


OLDEST: Final = "4.12"
NEWEST: Final = "7.3"
"""The oldest and the newest release whose rules are known."""
_LAST_OF_MAJOR: Final = {4: 20, 5: 19, 6: 19}

_V2: Final = 'post "[PATCH v2 0/5] Allocate memmap from hotadded memory" (June 2019)'
_SELF_HOSTED: Final = (
    'post "[PATCH v2 2/2] mm: memory_hotplug: introduce SECTION_CANNOT_OPTIMIZE_VMEMMAP" (2022)'
)
_A08A: Final = (
    'a08a2ae34613 "mm,memory_hotplug: allocate memmap from the added memory range" (5.14)'
)
_SPLIT: Final = '"mm/memory_hotplug: split memmap_on_memory requests across memblocks" (6.8)'
_F1DD: Final = (
    'f1dd2cd13c4b "mm, memory_hotplug: do not associate hotadded memory to zones until online" '
    "(4.13)"
)
_SUBSECTIONS: Final = 'ba72b4c8cf60 "mm/sparsemem: support sub-section hotplug" (5.3)'
_SELF_HOSTED_FLAG: Final = "66361095129b (6.0), a flag for self-hosted vmemmap pages"


class KernelProfile(Struct, frozen=True):
    """The rules of one kernel; each says what it decides, and which release or post brought it."""

    name: str
    """What ``profile=`` calls it: a release or a series."""
    title: str
    release: str
    """The release whose rules these are, for a series the one that it was posted for."""
    kernel: str
    """The kernel that was asked for where that is newer than every known one, else empty."""
    memmap: str = _rule(
        "where the memmap of an add goes when the line does not say",
        ("ram", "device", "memblock", "v3", "single-block", "per-block"),
        ((OLDEST, "ram", ""), ("5.14", "single-block", _A08A), ("6.8", "per-block", _SPLIT)),
        (("device", _V2), ("memblock", _V2), ("v3", "v3 of it (July 2019), patch 3/5")),
    )
    shrink: str = _rule(
        "what makes the spans of zones and nodes smaller",
        ("remove-valid", "rfc2", "oct2018", "merged"),
        (
            (OLDEST, "remove-valid", "read in 4.12 and 4.19 ``__remove_zone``"),
            (
                "5.5",
                "merged",
                'feee6b298916 "mm/memory_hotplug: shrink zones when offlining memory" (5.5)',
            ),
        ),
        (
            (
                "rfc2",
                'post "[RFC v2 2/2] mm/memory_hotplug: Shrink spanned pages when offlining '
                'memory" (August 2018)',
            ),
            ("oct2018", "posted again on 15 October 2018, <20181015153034.32203-5-osalvador>"),
        ),
    )
    removal: str = _rule(
        "in which portions memory with its own memmap is removed, and how",
        ("plain", "v2-refcount", "forward", "v3-bug", "single-block", "all-or-none"),
        ((OLDEST, "plain", ""), ("5.14", "single-block", _A08A), ("6.8", "all-or-none", _SPLIT)),
        (
            ("v2-refcount", f"{_V2}, patch 4/5"),
            ("forward", f"{_V2}: the order that its cover letter says cannot be used"),
            ("v3-bug", "v3 of it (July 2019), patch 3/5"),
        ),
    )
    memmap_falls_back: bool = _switch(
        "an add that asks for its own memmap and cannot have it goes on without",
        (OLDEST, True, ""),
        ("5.14", False, f"{_A08A}: ``add_memory_resource`` gives EINVAL"),
        ("6.6", True, '"mm/memory_hotplug: allow memmap on memory hotplug request to fallback"'),
    )
    force: bool = _since(
        "6.6",
        "memmap_on_memory=force rounds the vmemmap up to pageblocks",
        '"mm/memory_hotplug: support memmap_on_memory when memmap is not aligned to '
        'pageblocks" (6.6)',
    )
    online_whole_pageblocks: bool = _since(
        "5.10",
        "onlining starts at a pageblock or is refused, which layouts of 2019 may run into",
        '4986fac160b3 "mm/memory_hotplug: enforce section granularity when '
        'onlining/offlining" (5.10)',
    )
    mapped_sections_fail: bool = _since(
        "5.3",
        "adding memory whose sections an earlier failed add left mapped is EEXIST",
        _SUBSECTIONS,
        before="read in 4.19 ``__add_pages``: EEXIST of a section is no error",
    )
    device_subsections: bool = _since(
        "5.3",
        "ZONE_DEVICE memory is mapped by subsections of 2 MiB, not aligned out to sections",
        '7cc7867fb061 "mm/devm_memremap_pages: enable sub-section remap" (5.3)',
        before="read in 4.19 ``devm_memremap_pages``: align_start and align_size",
    )
    zone_shifting: bool = _until(
        "4.13",
        "memory joins a zone at hot-add, leaves it at removal and may shift at a zone's edge",
        _F1DD,
        before="read in 4.12 ``zone_can_shift``",
    )
    auto_movable: bool = _since(
        "5.15",
        "the online policy auto-movable is there",
        'e83a437faa62 "mm/memory_hotplug: introduce auto-movable online policy" (5.15)',
    )
    isolates_ends_first: bool = _since(
        "5.19",
        "offlining isolates the first and the last pageblock before those between",
        'b2c9e2fbba32 "mm: make alloc_contig_range work at pageblock granularity" (5.19)',
    )
    isolates_own_vmemmap: bool = _until(
        "5.14",
        "offlining isolates all of a block, its own vmemmap too",
        _A08A,
        before="read in 4.19 ``offline_pages``",
    )
    arm64_keeps_boot_memory: bool = _since(
        "5.7",
        "arm64 refuses to offline memory of the boot",
        'bbd6ec605c0f "arm64/mm: Enable memory hot remove" (5.7): '
        "``prevent_bootmem_remove_notifier``",
    )
    arm64_small_sections: bool = _since(
        "5.12",
        "a section of arm64 is 128 MiB (512 MiB with 64K pages), not 1 GiB",
        'f0b13ee23241 "arm64/sparsemem: reduce SECTION_SIZE_BITS" (5.12)',
        before="``SECTION_SIZE_BITS`` 30",
    )
    arm64_whole_leaves: bool = _since(
        "7.1",
        "arm64 refuses to offline memory where that would split a leaf entry of the vmemmap",
        '95a58852b0e5 "arm64/mm: Reject memory removal that splits a kernel leaf mapping" '
        "(7.1): ``can_unmap_without_split``; recorded on 7.3.4",
        before="recorded on 6.12: such memory goes offline",
    )
    cancels_last: bool = _since(
        "5.1",
        "pageblocks are given back before MEM_CANCEL_OFFLINE is sent",
        '"mm/memory_hotplug.c: fix notification in offline error path" (5.1)',
    )
    retries_migration: bool = _since(
        "4.15",
        "offlining tries to move pages until a signal comes, not only for 120 s and five times",
        '72b39cfc4d75 "mm, memory_hotplug: do not fail offlining too early" and ecde0f3e7f9e '
        "(4.15)",
        before="read in 4.14 ``__offline_pages``: retry_max and timeout, then EBUSY",
    )
    counts_poison: bool = _since(
        "6.2",
        "a block with poisoned pages is not onlined again: EHWPOISON",
        '5033091de814 "mm/hwpoison: introduce per-memory_block hwpoison counter" (6.2), '
        "recorded on 6.12",
    )
    hugetlb_tails_corrupt: bool = _rule(
        "dissolving optimised huge pages on hot-added memory corrupts their tail pages: the "
        "offline does not end",
        (True, False),
        ((OLDEST, False, ""),),
        ((True, "a kernel bug, recorded on 6.12.117 of Debian; 6.1 and 7.3.4 do not have it"),),
    )
    hugetlb: str = _rule(
        "which huge pages keep their vmemmap because it is self-hosted",
        (
            "section-flag",
            "self-map",
            "flag-first-of-section",
            "flag-first-of-block",
            "flag-on-backing",
            "block-lookup",
            "pg-reserved",
        ),
        ((OLDEST, "flag-on-backing", f"{_SELF_HOSTED_FLAG}; older kernels try the posts out"),),
        (
            ("section-flag", _SELF_HOSTED),
            ("self-map", f"asked for in answer to {_SELF_HOSTED}"),
            ("flag-first-of-section", f"v3 of it, after {_SELF_HOSTED}"),
            ("flag-first-of-block", f"v4 of it, after {_SELF_HOSTED}"),
            ("block-lookup", f"called impractical in answer to {_SELF_HOSTED}"),
            ("pg-reserved", f"asked about and refused in answer to {_SELF_HOSTED}"),
        ),
    )
    hugetlb_kept_pages: int = _rule(
        "vmemmap pages that an optimised huge page keeps",
        (1, 2),
        (
            (OLDEST, 1, "kernels before 5.14 have no such thing: the posts of 2022 are tried out"),
            (
                "5.14",
                2,
                'f41f2ed43ca5 "mm: hugetlb: free the vmemmap pages associated with each HugeTLB '
                'page" (5.14)',
            ),
            ("5.18", 1, 'e7d324850bfc "mm: hugetlb: free the 2nd vmemmap page" (5.18)'),
        ),
    )
    hugetlb_new_head: bool = _since(
        "6.2",
        "optimising a huge page takes a new page for the vmemmap that it keeps",
        '11aad2631bf7 "mm/hugetlb_vmemmap: remap head page to newly allocated page" (6.2)',
    )
    hugetlb_this_node: bool = _until(
        "6.7",
        "vmemmap of a huge page is taken back from the huge page's own node only",
        '"mm: hugetlb_vmemmap: fix hugetlb page number decrease failed on movable nodes" and '
        '"mm: hugetlb_vmemmap: allow alloc vmemmap pages fallback to other nodes" (6.7)',
        before="recorded on 6.1: ``alloc_vmemmap_page_list`` has ``__GFP_THISNODE``",
    )
    hugetlb_excludes_memmap: bool = _switch(
        "hugetlb_free_vmemmap=on takes precedence over memmap_on_memory",
        (OLDEST, False, ""),
        ("5.14", True, f"{_A08A}: ``mhp_supports_memmap_on_memory``"),
        ("6.0", False, _SELF_HOSTED_FLAG),
    )
    fallback_log: bool = _since(
        "5.16",
        "the kernel logs the fallback order of each node",
        '6cf253925df7 "mm/page_alloc: print node fallback order" (5.16)',
    )
    demotion_log: bool = _since(
        "6.9",
        "the kernel logs demotion targets",
        '"mm/demotion: print demotion targets", posted in February 2024 (6.9)',
    )
    offlined_pages_log: bool = _until(
        "5.12",
        "the kernel logs Offlined Pages, not only for debugging",
        "read in 6.1 ``offline_pages``: pr_debug",
        before="pr_info up to 5.11, as far as is known",
    )
    node_state_first: bool = _since(
        "6.7",
        "offlining clears node states before it builds the zonelists anew",
        '"mm: memory_hotplug: drop memoryless node from fallback lists" (6.7)',
        before="read in 6.1 ``offline_pages``",
    )
    normal_memory_mask: bool = _switch(
        "has_normal_memory of nodes follows hotplug, it does not stay as it was at boot",
        (OLDEST, True, ""),
        (
            "6.17",
            False,
            '8d2882a8edb8 "mm,memory_hotplug: remove status_change_nid_normal and update '
            'documentation" (6.17); recorded on 6.18.15',
        ),
        (
            "7.0",
            True,
            '2ecbe06abf9b "mm/memory_hotplug: maintain N_NORMAL_MEMORY during hotplug" (7.0)',
        ),
    )
    node_notifier: bool = _since(
        "6.17",
        "notifiers of their own hear that a node gets its first memory or loses its last",
        '67929de10847 "mm,memory_hotplug: implement numa node notifier" (6.17)',
    )
    node_online_first: bool = _since(
        "6.18",
        "a new node is online before its memory is added, and taken back if the add fails",
        '"mm/memory_hotplug: activate node before adding new memory blocks" (6.18)',
        before="read in 6.12 ``add_memory_resource``",
    )
    prepare_notifiers: bool = _switch(
        "notifiers hear of a block before its own vmemmap is touched, and once it is offline",
        (OLDEST, False, ""),
        (
            "6.8",
            True,
            'c5f1e2d18909 "mm/memory_hotplug: introduce MEM_PREPARE_ONLINE/MEM_FINISH_OFFLINE '
            'notifiers" (6.8), for s390, whose memory is no memory before',
        ),
        (
            "6.19",
            False,
            '300709fbefd1 "mm/memory_hotplug: Remove MEM_PREPARE_ONLINE/MEM_FINISH_OFFLINE '
            'notifiers" (6.19)',
        ),
    )
    hugetlb_boot_vmemmap: bool = _since(
        "6.15",
        "gigantic pages of the boot are optimised before all their struct pages are there (x86)",
        'b1222550fbf7 "mm/hugetlb: do pre-HVO for bootmem allocated pages" and 08efe2935030 '
        '"x86/mm: set ARCH_WANT_HUGETLB_VMEMMAP_PREINIT" (6.15); measured on 6.18, 7.0, 7.3',
        before="measured on 6.12: later, with page tables from the buddy",
    )
    hugetlb_shared_tail: bool = _since(
        "7.1",
        "optimised huge pages of a zone and size share a page of tail struct pages",
        '"mm: Eliminate fake head pages from vmemmap optimization", posted in February 2026 (7.1)',
        before="read in 6.12 ``vmemmap_remap_pte``: each has its own",
    )
    advised_block_size: bool = _since(
        "6.15",
        "the firmware's windows for CXL memory limit the size that x86 takes for memory blocks",
        '"x86: probe memory block size advisement value during mm init" and "acpi,srat: give '
        'memory block size advice based on CFMWS alignment" (6.15)',
    )
    dax_state_file: bool = _since(
        "7.3",
        "dax/kmem has a file state, which plugs and unplugs all memory of a device",
        '"mm/memory_hotplug: pass online_type to online_memory_block() via arg" and its '
        "series, posted in June 2026 (7.3); recorded on 7.3.4",
        before="recorded on 6.12: there is no such file",
    )
    s390_config_files: bool = _since(
        "6.19",
        "s390 adds a standby memory block when it is configured, not all of them at boot",
        'ff18dcb19aab "s390/sclp: Add support for dynamic (de)configuration of memory" (6.19)',
    )
    local_node_first: bool = _until(
        "6.7",
        "a node heads its own zonelist even without memory",
        '"mm: page_alloc: skip memoryless nodes entirely" (6.7)',
        before="read in 6.1 ``find_next_best_node``",
    )
    acpi_retry: bool = _since(
        "6.9",
        "the bus scan after a hot-add tries DIMMs again whose memory was refused",
        '"ACPI: scan: Consolidate Device Check and Bus Check notification handling", posted in '
        "February 2024 (6.9): the rescan begins at the parent; recorded on 6.12",
        before="not recorded on 6.1",
    )
    vmemmap_knob: bool = _rule(
        "/sys/devices/system/memory/vmemmap_hotplug is there",
        (True, False),
        ((OLDEST, False, ""),),
        ((True, f"{_V2}, patch 5/5"),),
    )

    def is_since(self, release: str) -> bool:
        """Whether the kernel is of this release or a later one."""
        return not is_before(self.release, release)

    def has_param(self, name: str) -> bool:
        """Whether the kernel has a parameter, by the rules in force."""
        match name:
            case "memmap_on_memory":
                return self.memmap in ("single-block", "per-block")
            case "online_policy" | "auto_movable_ratio" | "auto_movable_numa_aware":
                return self.auto_movable
            case "vmemmap_hotplug":
                return self.vmemmap_knob
        return True

    def with_rule(self, name: str, word: str) -> KernelProfile:
        """This profile with one rule changed (``rule NAME=VALUE``); booleans are yes and no."""
        if name not in SWITCHES:
            raise InputError(
                f"rule {name}: there is no such rule; expected one of {', '.join(SWITCHES)}"
            )
        word = RULE_ALIASES.get((name, word), word)
        values = {_word(value): value for value in SWITCHES[name].values}
        if word not in values:
            raise InputError(f"rule {name}={word}: expected one of {', '.join(values)}")
        changed: dict[str, Any] = {name: values[word]}
        if name == "memmap":
            changed["removal"] = REMOVAL_OF_MEMMAP[word]
        return replace(self, **changed)


SWITCHES: Final[dict[str, Switch]] = dict(
    zip(KernelProfile.__struct_fields__[4:], KernelProfile.__struct_defaults__, strict=True)
)
"""Every rule that differs between kernels, by its name in :class:`KernelProfile`."""

RULE_ALIASES: Final[dict[tuple[str, str], str]] = {
    ("memmap", "on_memory"): "per-block",
    ("memmap", "none"): "ram",
}
REMOVAL_OF_MEMMAP: Final[dict[str, str]] = {
    "ram": "plain",
    "device": "v2-refcount",
    "memblock": "v2-refcount",
    "v3": "v3-bug",
    "single-block": "single-block",
    "per-block": "all-or-none",
}
"""The removal rule that came with each memmap rule and goes into force with it."""


def _word(value: Value) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


RULE_VALUES: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(_word(value) for value in switch.values) for name, switch in SWITCHES.items()
}
"""The words of each rule."""


def differences(profile: KernelProfile) -> tuple[str, ...]:
    """The rules in which a profile is not its release, as ``rule`` writes them."""
    return tuple(
        f"{name}={_word(value)}"
        for name, switch in SWITCHES.items()
        if (value := getattr(profile, name)) != switch.at(profile.release)
    )


# -- releases ----------------------------------------------------------------------------
@lru_cache
def _number(release: str) -> tuple[int, int]:
    major, _, minor = release.partition(".")
    return int(major), int(minor)


def is_before(release: str, other: str) -> bool:
    """Whether a release is older than another one."""
    return _number(release) < _number(other)


def is_release(word: str) -> bool:
    """Whether the word is a kernel release from 4.12 on that is known, or newer than those."""
    if re.fullmatch(r"[1-9][0-9]{0,2}\.(?:0|[1-9][0-9]{0,2})", word) is None:
        return False
    major, minor = _number(word)
    return (major, minor) >= _number(OLDEST) and minor <= _LAST_OF_MAJOR.get(major, minor)


def _resolved(release: str, title: str = "", *, name: str = "", **rules: Value) -> KernelProfile:
    """The profile of a release, each switch by its own history but for those in ``rules``."""
    values: dict[str, Any] = {key: switch.at(release) for key, switch in SWITCHES.items()}
    title = title or f"Linux {release}"
    return KernelProfile(name or release, title, release, "", **{**values, **rules})


PROFILES: Final[dict[str, KernelProfile]] = {
    profile.name: profile
    for profile in (
        _resolved("7.3"),
        _resolved("7.0"),
        _resolved("6.18"),
        _resolved("6.12"),
        _resolved("6.8", "Linux 6.8, one altmap per block"),
        _resolved("6.6", "Linux 6.6, force and silent fallback"),
        _resolved("6.1"),
        _resolved("5.14", "Linux 5.14, the merged design of 2021"),
        _resolved("5.5", "Linux 5.5, spans shrink at offline"),
        _resolved("4.19", "Linux 4.19, spans shrink at removal"),
        _resolved("4.12", "Linux 4.12, zones are shifted"),
        _resolved(
            "5.1",
            "memmap from hot-added memory, v1 (March 2019)",
            name="memmap-v1",
            memmap="device",
            removal="v2-refcount",
        ),
        _resolved(
            "5.3",
            "memmap from hot-added memory, v2 (June 2019)",
            name="memmap-v2",
            memmap="device",
            removal="v2-refcount",
            vmemmap_knob=True,
        ),
        _resolved(
            "5.3",
            "memmap from hot-added memory, v3 (July 2019)",
            name="memmap-v3",
            memmap="v3",
            removal="v3-bug",
        ),
        _resolved(
            "4.19",
            "shrink spans at offline, RFC v2 (August 2018)",
            name="shrink-rfc2",
            shrink="rfc2",
        ),
        _resolved(
            "4.19",
            "shrink spans at offline, October 2018",
            name="shrink-oct2018",
            shrink="oct2018",
        ),
    )
}
"""The profiles to choose from by name, newest kernels first, then the posted series."""


def get_profile(name: str) -> KernelProfile:
    """The profile of that name or release; InputError with the nearest names otherwise.

    A release that is newer than every known one has the rules of the newest, and says so.
    """
    if name in PROFILES:
        return PROFILES[name]
    if is_release(name):
        if _number(name) <= _number(NEWEST):
            return _resolved(name)
        return replace(
            _resolved(NEWEST), title=f"Linux {name}, by the rules of {NEWEST}", kernel=name
        )
    near = difflib.get_close_matches(name, PROFILES, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(
        f"profile={name}: there is no such profile; expected one of {', '.join(PROFILES)}{hint}"
    )


def is_release_of(kernel: str, name: str) -> bool:
    """Whether a kernel release such as ``6.12.9-arch1`` is one of the profile ``6.12``."""
    return re.match(rf"{re.escape(name)}(?![0-9])", kernel) is not None


def kernel_words(release: str, rules: str) -> str:
    """A machine's own kernel (empty: not known), and whose rules hold where that is another."""
    if not release:
        return rules
    return release if is_release_of(release, rules) else f"{release}, rules of {rules}"


_MAINTAINED: Final = "stable review, 13 April 2026: 2ecbe06abf9b"
POINT_RELEASES: Final[tuple[tuple[str, int, int, str, Value, str], ...]] = (
    ("6.12", 117, 117, "hugetlb_tails_corrupt", True, "recorded on 6.12.117 of Debian"),
    ("6.18", 23, 9999, "normal_memory_mask", True, _MAINTAINED),
    ("6.19", 13, 9999, "normal_memory_mask", True, _MAINTAINED),
)
"""(release, first and last of its stable ones, rule, value, source) that differ from the first."""


def numbers_of(kernel: str) -> tuple[int, int, int] | None:
    """The numbers in what a kernel calls itself, ``6.9.3-arch1``; None for what is no release."""
    match = re.match(r"([0-9]{1,3})\.([0-9]{1,3})(?:\.([0-9]{1,4}))?(?![0-9])", kernel)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3] or 0))


def profile_of(kernel: str) -> KernelProfile:
    """The profile for what a kernel calls itself, ``6.9.3-arch1``.

    That of the oldest or the newest known release where it is older or newer than those.
    """
    numbers = numbers_of(kernel)
    if numbers is None:
        return get_profile(NEWEST)
    number, point = numbers[:2], numbers[2]
    oldest, newest = _number(OLDEST), _number(NEWEST)
    major, minor = min(max(number, oldest), newest)
    profile = get_profile(f"{major}.{min(minor, _LAST_OF_MAJOR.get(major, minor))}")
    for release, first, last, rule, value, _ in POINT_RELEASES:
        if profile.name == release and first <= point <= last:
            profile = replace(profile, **{rule: value})
    return profile
