"""Which kernel's rules hold on a machine, where its release is known and where it is not."""

from __future__ import annotations

from pfnmap.engine.profile import profile_of
from pfnmap.engine.sysroot.observation import Observation

ASSUMED_PROFILE = "6.12"
"""The rules where nothing tells the kernel's age."""
_BEFORE_4_13 = "4.12"
_BEFORE_5_8 = "5.7"


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
        (_lists_shifts(observation), _BEFORE_4_13, "online blocks list several zones, as"),
        (_tells_removable_apart(observation), _BEFORE_5_8, "removable is 0 and 1, as"),
    ):
        if seen:
            name = profile_of(version).name
            return name, (
                f"the kernel is not known: {words} up to {version}, so the rules of {name} are "
                "assumed"
            )
    return ASSUMED_PROFILE, (f"the kernel is not known: the rules of {ASSUMED_PROFILE} are assumed")


def _lists_shifts(observation: Observation) -> bool:
    """Whether an online block lists several zones."""
    blocks = observation.blocks
    online = [code for code, word in enumerate(blocks.states) if word == "online"]
    several = [code for code, words in enumerate(blocks.zone_lists) if words and len(words) > 1]
    return any(
        bool((blocks.zones[blocks.state == state] == zones).any())
        for state in online
        for zones in several
    )


def _tells_removable_apart(observation: Observation) -> bool:
    """Whether ``removable`` differs between blocks."""
    removable = observation.blocks.removable
    return bool((removable == 0).any() and (removable == 1).any())
