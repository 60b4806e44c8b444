"""REF: which memory blocks (``32,34,36-39``, ``dimm0[2-3]``) and which page a line means."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pfnmap.engine.commands import PfnRef, Ref
from pfnmap.engine.errors import ParseError
from pfnmap.engine.language.values import format_hex, parse_name, parse_number
from pfnmap.engine.language.wrong import shown, wrong

MAX_PARTS = 10_000

_DEVICE = re.compile(r"([A-Za-z][^\[\]]*)(?:\[([^\[\]]*)\])?\Z")
_DIGIT = re.compile(r"[0-9]")
_REF_WORDS = "blocks such as 34, 32-39, dimm0, dimm0[2-3] or 0x100000000-0x107ffffff"
_PFN_WORDS = "a pfn such as 0x108000 or a page of a device such as dimm0+512"


def parse_refs(text: str) -> tuple[Ref, ...]:
    """A REF: one part or several between commas, kept in the order written."""
    if not text:
        raise wrong("the blocks are missing", expected=_REF_WORDS)
    refs: list[Ref] = []
    column = 1
    for part in _parts(text):
        try:
            refs += _parse_part(part)
        except ParseError as error:
            error.column += column - 1
            raise
        column += len(part) + 1
    if len(refs) > MAX_PARTS:
        raise wrong(f"{len(refs)} parts in one list of blocks", expected=f"at most {MAX_PARTS}")
    return tuple(refs)


def _parts(text: str) -> list[str]:
    """The text split at the commas that stand outside brackets."""
    if "[" not in text:
        return text.split(",")
    parts, start, inside = [], 0, False
    for at, character in enumerate(text):
        if character in "[]":
            inside = character == "["
        elif character == "," and not inside:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _parse_part(part: str) -> list[Ref]:
    """What stands between two commas; commas between brackets do not count."""
    if not part:
        raise wrong("a part of the list is empty", expected=_REF_WORDS)
    if device := _DEVICE.match(part):
        name = parse_name(device[1])
        if device[2] is None:
            return [Ref(device=name)]
        return _parse_inside(name, device[2])
    if not _DIGIT.match(part):
        raise wrong(f"{shown(part)} names no blocks", expected=_REF_WORDS)
    low, dash, high = part.partition("-")
    if dash and _is_hex(low) != _is_hex(high):
        raise wrong(
            f"{shown(part)} mixes a block id and an address",
            expected="both ends decimal (block ids) or both 0x… (physical addresses)",
        )
    if dash and _is_hex(low):
        return [Ref(address=_parse_range(part, "address"))]
    first, last = _parse_range(part, "block id")
    return [Ref(first=first, last=last)]


def _parse_inside(name: str, blocks: str) -> list[Ref]:
    """``2-3`` or ``0,2-3`` between the brackets behind a device's name."""
    refs: list[Ref] = []
    column = len(name) + 2
    for part in blocks.split(","):
        try:
            first, last = _parse_range(part, "block of the device")
        except ParseError as error:
            error.column += column - 1
            raise
        refs.append(Ref(device=name, first=first, last=last))
        column += len(part) + 1
    return refs


def _is_hex(text: str) -> bool:
    return text[:2] in ("0x", "0X")


def _parse_range(text: str, what: str) -> tuple[int, int]:
    """``N`` or ``N-M``, both ends inclusive."""
    low, dash, high = text.partition("-")
    first = parse_number(low, what)
    if not dash:
        return first, first
    try:
        last = parse_number(high, what)
    except ParseError as error:
        error.column += len(low) + 1
        raise
    if last < first:
        raise wrong(
            f"the range {shown(text)} runs backwards",
            expected="the lower end first",
            meant=f"{high}-{low}",
        )
    return first, last


def format_ref(ref: Ref) -> str:
    """One part of a REF in normal form."""
    if ref.address is not None:
        return "-".join(format_hex(end) for end in ref.address)
    blocks = ""
    if ref.first is not None and ref.last is not None:
        blocks = str(ref.first) if ref.first == ref.last else f"{ref.first}-{ref.last}"
    if ref.device is None:
        return blocks
    return f"{ref.device}[{blocks}]" if blocks else ref.device


def format_refs(refs: Iterable[Ref]) -> str:
    """A REF in normal form: block ids decimal, addresses hexadecimal."""
    return ",".join(format_ref(ref) for ref in refs)


def parse_pfn(text: str) -> PfnRef:
    """``0x108000`` or a page relative to a device, ``dimm0+512`` (``dimm0`` is page 0)."""
    if not text:
        raise wrong("the pfn is missing", expected=_PFN_WORDS)
    if _DIGIT.match(text):
        return PfnRef(parse_number(text, "pfn"))
    name, plus, offset = text.partition("+")
    if not name[:1].isalpha() or not name.isascii():
        raise wrong(f"{shown(text)} is not a pfn", expected=_PFN_WORDS)
    name = parse_name(name)
    if not plus:
        return PfnRef(0, name)
    try:
        return PfnRef(parse_number(offset, "page offset"), name)
    except ParseError as error:
        error.column += len(name) + 1
        raise


def format_pfn(page: PfnRef) -> str:
    """A page in normal form: absolute pfns hexadecimal, offsets into a device decimal."""
    return f"{page.device}+{page.offset}" if page.device else format_hex(page.offset)
