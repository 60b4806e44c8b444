"""The kernel's command line: which of its words matter to memory hotplug, and what they say.

Source: ``Documentation/admin-guide/kernel-parameters.txt`` of 6.12; how single words are read is
recorded on 6.12 (``mem=`` is an address on x86, ``movable_node`` makes ``kernelcore=`` and
``movablecore=`` void, a value that a parameter does not take leaves it as it was).
"""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.params import MODULE_PARAMS, Params

MODULE = "memory_hotplug."
_SIZE = r"(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})([kKmMgGtTpP]?)\Z"
_COUNT = r"[0-9]{1,10}\Z"
_PERCENT = r"([0-9]{1,3})%\Z"
CORE_PARAMS = {
    "memhp_default_state": "auto_online_blocks",
    "hugetlb_free_vmemmap": "hugetlb_free_vmemmap",
}
"""Words of no module that set what ``set`` sets, and the name there."""
_PARAMS = {
    **CORE_PARAMS,
    **{MODULE + name: name for name in MODULE_PARAMS},
}
"""As :data:`CORE_PARAMS`, with those of the module."""


class Amount(Struct, frozen=True):
    """How much memory a word says: bytes, or a share of all."""

    word: str
    size_bytes: int = 0
    percent: int = 0


class CommandLine(Struct, frozen=True):
    """What the words come to; of a word that stands there twice, the last one counts."""

    params: dict[str, tuple[str, str]] = {}
    """(the word, the value) by the name of the parameter that it sets."""
    mem: Amount | None = None
    kernelcore: Amount | None = None
    movablecore: Amount | None = None
    cma: Amount | None = None
    hugepages: tuple[tuple[str, int | None, int], ...] = ()
    """(the word, bytes of a page or None for the default size, how many)."""
    ignored: tuple[str, ...] = ()
    """Words that say nothing to memory hotplug."""


def read_cmdline(text: str) -> CommandLine:
    """The words of a kernel command line; InputError, beginning with the word that is wrong."""
    line, page_bytes = CommandLine(), None
    for word in text.split():
        written, _, value = word.partition("=")
        key = written.replace("-", "_")
        if key in _PARAMS:
            name = _PARAMS[key]
            try:
                Params().with_word(name, value)
            except InputError as error:
                expected = str(error).partition(": ")[2]
                raise InputError(f"{word}: the kernel would ignore it; {expected}") from None
            line = replace(line, params={**line.params, name: (word, value)})
        elif word == "movable_node":
            line = replace(line, params={**line.params, "movable_node": (word, "Y")})
        elif key in ("mem", "cma", "kernelcore", "movablecore"):
            share = key.endswith("core")
            line = replace(line, **{key: _amount(word, value, percent=share)})
        elif key == "hugepagesz":
            page_bytes = _amount(word, value).size_bytes  # of the hugepages= behind it
        elif key == "hugepages":
            if not re.match(_COUNT, value):
                raise InputError(f"{word}: expected a number of pages")
            line = replace(line, hugepages=(*line.hugepages, (word, page_bytes, int(value))))
        else:
            line = replace(line, ignored=(*line.ignored, word))
    return line


def _amount(word: str, value: str, *, percent: bool = False) -> Amount:
    """``memparse``: a number with a unit or without, in bytes; with ``percent`` a share as well."""
    if percent and (share := re.match(_PERCENT, value)) and int(share[1]) <= 100:
        return Amount(word, percent=int(share[1]))
    found = re.match(_SIZE, value)
    size = int(found[1], 0) << 10 * " KMGTP".index(found[2].upper() or " ") if found else 0
    if not 0 < size < 1 << 64 or (found and found[1][:1] == "0" and found[1][1:2].isdigit()):
        raise InputError(f"{word}: expected a size such as 512M" + " or 25%" * percent)
    return Amount(word, size_bytes=size)
