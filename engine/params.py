"""Parameters of the running kernel that the hotplug code reads."""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.errors import MAX_QUOTED_CHARACTERS, InputError, quoted
from pfnmap.engine.kinds import OnlineType


class Params(Struct, frozen=True):
    """``memory_hotplug.*`` module parameters, sysfs knobs and boot options."""

    memmap_on_memory: str = "N"
    """``memory_hotplug.memmap_on_memory``: N, Y or force (0444, set at boot)."""
    online_policy: str = "contig-zones"
    """``memory_hotplug.online_policy``: contig-zones or auto-movable."""
    auto_movable_ratio: int = 301
    """``memory_hotplug.auto_movable_ratio`` in percent."""
    auto_movable_numa_aware: bool = True
    auto_online_blocks: OnlineType = OnlineType.OFFLINE
    """``/sys/devices/system/memory/auto_online_blocks`` (``memhp_default_state=``)."""
    movable_node: bool = False
    """The ``movable_node`` boot option."""
    vmemmap_hotplug: bool = True
    """v2's ``/sys/devices/system/memory/vmemmap_hotplug`` (patch 5/5)."""
    hugetlb_free_vmemmap: bool = False
    """``hugetlb_free_vmemmap=`` (``vm.hugetlb_optimize_vmemmap``)."""

    def words(self) -> tuple[tuple[str, str], ...]:
        """Every parameter as the words ``set`` takes, in a fixed order."""
        return (
            ("memmap_on_memory", self.memmap_on_memory),
            ("online_policy", self.online_policy),
            ("auto_movable_ratio", str(self.auto_movable_ratio)),
            ("auto_movable_numa_aware", "Y" if self.auto_movable_numa_aware else "N"),
            ("auto_online_blocks", self.auto_online_blocks.word),
            ("movable_node", "Y" if self.movable_node else "N"),
            ("vmemmap_hotplug", "enable" if self.vmemmap_hotplug else "disable"),
            ("hugetlb_free_vmemmap", "on" if self.hugetlb_free_vmemmap else "off"),
        )

    def with_word(self, name: str, value: str) -> Params:
        """These parameters with one changed; InputError for a wrong name or value."""
        if name not in PARAM_VALUES:
            raise InputError(
                f"set {name}: there is no such parameter; expected one of {', '.join(PARAM_VALUES)}"
            )
        changed: object
        match name:
            case "memmap_on_memory":
                changed = _memmap_word(value)
            case "online_policy" if value in ("contig-zones", "auto-movable"):
                changed = value
            case "auto_movable_ratio":
                number = kstrtoull(value)
                changed = number if number is not None and number < 1 << 32 else None
            case "auto_movable_numa_aware" | "movable_node" | "hugetlb_free_vmemmap":
                changed = kstrtobool(value)
            case "auto_online_blocks" if value in ONLINE_WORDS:
                changed = ONLINE_WORDS[value]
            case "vmemmap_hotplug" if value in ("enable", "disable"):
                changed = value == "enable"
            case _:
                changed = None
        if changed is None:
            plain = value.isprintable() and len(value) < MAX_QUOTED_CHARACTERS
            shown = value if plain else quoted(value)
            raise InputError(f"set {name}={shown}: expected {PARAM_VALUES[name]}")
        return replace(self, **{name: changed})


def kstrtobool(word: str) -> bool | None:
    """What a sysfs file makes of a word: its first character decides (``lib/kstrtox.c``)."""
    start = word[:2].lower()
    if start[:1] in ("y", "t", "1") or start == "on":
        return True
    return False if start[:1] in ("n", "f", "0") or start == "of" else None


_C_NUMBER = r"\+?(?:0[xX](?P<hex>[0-9a-fA-F]+)|(?P<octal>0[0-7]*)|(?P<decimal>[1-9][0-9]*))\Z"


def kstrtoull(word: str) -> int | None:
    """A number as ``kstrtoull(…, 0, …)`` reads it, None for none; 2^64 for any larger one."""
    if (found := re.match(_C_NUMBER, word)) is None:
        return None
    digits, base = next(
        (found[name], base)
        for name, base in (("hex", 16), ("octal", 8), ("decimal", 10))
        if found[name] is not None
    )
    return min(int(digits, base), 1 << 64) if len(digits.lstrip("0")) < 25 else 1 << 64


def _memmap_word(value: str) -> str | None:
    if value in ("force", "FORCE"):
        return "force"
    truth = kstrtobool(value)
    return None if truth is None else "Y" if truth else "N"


ONLINE_WORDS: dict[str, OnlineType] = {kind.word: kind for kind in OnlineType}
"""The sysfs tokens of ``mhp_online_type_from_str``."""

PARAM_VALUES: dict[str, str] = {
    "memmap_on_memory": "N, Y or force",
    "online_policy": "contig-zones or auto-movable",
    "auto_movable_ratio": "a percentage, e.g. 301",
    "auto_movable_numa_aware": "Y or N",
    "auto_online_blocks": "offline, online, online_kernel or online_movable",
    "movable_node": "Y or N",
    "vmemmap_hotplug": "enable or disable",
    "hugetlb_free_vmemmap": "on or off",
}
"""Every parameter of ``set`` and the values it takes, in words."""

MODULE_PARAMS: tuple[str, ...] = (
    *("memmap_on_memory", "online_policy", "auto_movable_ratio", "auto_movable_numa_aware"),
)
"""Those of the module ``memory_hotplug``."""

PARAM_SINCE: dict[str, str] = {
    "memmap_on_memory": "5.14",
    "hugetlb_free_vmemmap": "5.14",
    "online_policy": "5.15",
    "auto_movable_ratio": "5.15",
    "auto_movable_numa_aware": "5.15",
}
"""The release that brought a parameter, for those that not every kernel has."""

BOOT_ONLY_PARAMS: frozenset[str] = frozenset({"memmap_on_memory", "movable_node"})
"""Parameters that a real kernel takes on its command line only."""
