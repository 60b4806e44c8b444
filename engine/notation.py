"""How values are written in lines, both ways: numbers, sizes, addresses, names, blocks, pages.

Every ``parse_…`` raises :class:`ParseError` with a column relative to the value; what
``format_…`` gives is the one normal spelling. A :class:`ValueKind` is one sort of value: what
reads it, what prints it, and what help and completion say about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import isqrt
from typing import Any, Final

from msgspec import Struct

from pfnmap.engine.cmdline import read_cmdline
from pfnmap.engine.complaints import choose, closest, shown, wrong
from pfnmap.engine.errors import SHELL_TEXT, InputError, ParseError
from pfnmap.engine.geometry import ARCHITECTURES, MAX_NUMNODES
from pfnmap.engine.kinds import ZONE_BY_LABEL, MemmapPolicy, OnlineType, PageState
from pfnmap.engine.params import PARAM_VALUES, Params
from pfnmap.engine.phases import FAILABLE_PHASES
from pfnmap.engine.printable import printable
from pfnmap.engine.profile import PROFILES, RULE_ALIASES, RULE_VALUES, is_release

NUMBER_LIMIT: Final = 1 << 64
"""Addresses are 64 bits wide; nothing in the language is larger."""
MAX_PAUSE_SECONDS: Final = 3600

MAX_ORDER: Final = 63
MAX_PARTS: Final = 10_000
MARK_NAME: Final = r"[A-Za-z][A-Za-z0-9_-]{0,31}"
"""What a mark may be called."""

_NUMBER = r"(?:0[xX][0-9a-fA-F]+|[0-9]+)\Z"
_SIZE = r"(0[xX][0-9a-fA-F]+|[0-9]+)([A-Za-z]+)\Z"
_DURATION = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s)\Z"
_NAME = r"[A-Za-z][A-Za-z0-9_.:-]{0,63}\Z"
_ORDER_COUNT = r"([0-9]+):([0-9]+)\Z"
_DEVICE = r"([A-Za-z][^\[\]]*)(?:\[([^\[\]]*)\])?\Z"
_DIGIT = r"[0-9]"
_REF_WORDS = "blocks such as 34, 32-39, dimm0, dimm0[2-3] or 0x100000000-0x107ffffff"
_PFN_WORDS = "a pfn such as 0x108000 or a page of a device such as dimm0+512"
_UNITS: Final = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}


def _read(digits: str, what: str) -> int:
    # Length first: converting a million digits would take seconds.
    hexadecimal = digits[:2] in ("0x", "0X")
    significant = (digits[2:] if hexadecimal else digits).lstrip("0")
    if len(significant) <= 20:
        number = int(significant or "0", 16 if hexadecimal else 10)
        if number < NUMBER_LIMIT:
            return number
    raise wrong(f"the {what} {shown(digits)} is too large", expected="less than 2^64")


def parse_number(text: str, what: str = "number") -> int:
    """A decimal or ``0x…`` number of up to 64 bits."""
    if re.match(_NUMBER, text) is None:
        if not text:
            raise wrong(f"the {what} is missing", expected="a number such as 512 or 0x200")
        raise wrong(f"{shown(text)} is not a {what}", expected="a number such as 512 or 0x200")
    return _read(text, what)


def parse_positive(text: str, what: str = "number") -> int:
    """As :func:`parse_number`, refusing 0."""
    number = parse_number(text, what)
    if number == 0:
        raise wrong(f"the {what} is 0", expected="1 or more")
    return number


def parse_size(text: str) -> int:
    """``128M`` in bytes; the unit is a must. ``i`` and ``iB`` may follow it."""
    matched = re.match(_SIZE, text)
    if matched is None or matched[2].removesuffix("iB").removesuffix("i") not in _UNITS:
        raise _wrong_size(text)
    if matched[2] in ("Bi", "BiB"):
        raise _wrong_size(text)
    size = _read(matched[1], "size") * _UNITS[matched[2][0]]
    if size >= NUMBER_LIMIT:
        raise wrong(f"the size {shown(text)} is too large", expected="less than 16384P")
    return size


def _wrong_size(text: str) -> Exception:
    """What to say about a size that is none, with the likely right spelling."""
    expected = "a number and a unit (K, M, G, T or P) such as 128M"
    if not text:
        return wrong("the size is missing", expected=expected)
    meant = ""
    if loose := re.fullmatch(r"(0[xX][0-9a-fA-F]+|[0-9]+)([kmgtpKMGTP])[iI]?[bB]?", text):
        meant = f"{loose[1]}{loose[2].upper()}"
    elif len(text) <= 20 and (part := re.fullmatch(r"([0-9]+)\.([0-9]{1,3})([KMGTP])", text)):
        kib = (int(part[1] + part[2]) * _UNITS[part[3]]) // 10 ** len(part[2])
        meant = format_size(kib) if kib % 1024 == 0 else ""
    elif re.match(_NUMBER, text):
        message = f"the size {shown(text)} has no unit"
        return wrong(message, expected=expected, meant=f"{text}M" if len(text) < 6 else "")
    return wrong(f"{shown(text)} is not a size", expected=expected, meant=meant)


def format_size(size_bytes: int) -> str:
    """The shortest exact spelling: ``384M``, ``1G``, ``13732K``."""
    for unit in "PTGMK":
        if size_bytes and size_bytes % _UNITS[unit] == 0:
            return f"{size_bytes // _UNITS[unit]}{unit}"
    return f"{size_bytes}B" if size_bytes else "0K"


def parse_address(text: str) -> int:
    """A physical address in bytes: a number, or a size counted from 0 (``4G``)."""
    if re.match(_NUMBER, text):
        return _read(text, "address")
    if re.match(_SIZE, text):
        return parse_size(text)
    message = f"{shown(text)} is not an address" if text else "the address is missing"
    raise wrong(message, expected="bytes such as 0x100000000 or 4G")


def format_hex(number: int) -> str:
    """Addresses and pfns as the kernel's log prints them, ``0x108000``."""
    return f"{number:#x}"


def parse_seconds(text: str) -> float:
    """``2s``, ``1.5s`` or ``250ms``, rounded to whole milliseconds."""
    if (matched := re.match(_DURATION, text)) is None:
        raise wrong(
            f"{shown(text)} is not a duration" if text else "the duration is missing",
            expected="seconds or milliseconds such as 2s or 250ms",
            meant=f"{text}s" if re.fullmatch(r"[0-9]{1,4}", text) else "",
        )
    seconds = float(matched[1]) / (1000 if matched[2] == "ms" else 1)
    if seconds > MAX_PAUSE_SECONDS:
        raise wrong(f"{shown(text)} is too long", expected=f"at most {MAX_PAUSE_SECONDS}s")
    return round(seconds * 1000) / 1000


def format_seconds(seconds: float) -> str:
    """``1.5s``; whole milliseconds."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def parse_truth(text: str) -> bool:
    """``true`` or ``false``."""
    if text in ("true", "false"):
        return text == "true"
    meant = {"y": "true", "yes": "true", "1": "true", "n": "false", "no": "false", "0": "false"}
    raise wrong(
        f"{shown(text)} is neither true nor false",
        expected="true or false",
        meant=meant.get(text.lower(), text.lower() if text.lower() in ("true", "false") else ""),
    )


def parse_name(text: str) -> str:
    """The name of a DIMM, device or huge page set: a letter, then letters, digits, ``_.:-``."""
    if re.match(_NAME, text):
        return text
    message = f"{shown(text)} is not a name" if text else "the name is missing"
    raise wrong(message, expected="a letter and up to 63 letters, digits or _ . : - such as dimm0")


def quote(text: str, *, always: bool = False) -> str:
    """``text`` as one word of the language: in quotes where it would not be one without."""
    if not always and text and not any(c in ' \t"#\\=' for c in text) and text.isascii():
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# -- blocks and pages ----------------------------------------------------------------------
class Ref(Struct, frozen=True):
    """One part of a REF: which memory blocks a command means, before a machine is asked.

    Exactly one of the three forms: block ids (``first``..``last`` inclusive, no device),
    a device (``device`` set; ``first``/``last`` relative block indices or both None for
    all of it), or physical addresses (``address`` set, inclusive pair).
    """

    first: int | None = None
    last: int | None = None
    device: str | None = None
    address: tuple[int, int] | None = None


class PfnRef(Struct, frozen=True):
    """A page: ``base`` device (or none) plus a pfn or an offset in pages."""

    offset: int
    device: str | None = None


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
    if device := re.match(_DEVICE, part):
        name = parse_name(device[1])
        if device[2] is None:
            return [Ref(device=name)]
        return _parse_inside(name, device[2])
    if not re.match(_DIGIT, part):
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
        message = f"the range {shown(text)} runs backwards"
        raise wrong(message, expected="the lower end first", meant=f"{high}-{low}")
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
    if re.match(_DIGIT, text):
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


# -- kinds of values -----------------------------------------------------------------------
class ValueKind(Struct, frozen=True):
    """How one sort of value is read, printed and described."""

    parse: Callable[[str], Any]
    format: Callable[[Any], str]
    placeholder: str
    """What stands for it in a synopsis."""
    words: tuple[str, ...] = ()
    """All its values where they are fixed words, for completion."""
    is_existing: bool = False
    """Whether it names devices or huge pages that are there, for completion."""


def _order_count(text: str) -> tuple[int, int]:
    if (matched := re.match(_ORDER_COUNT, text)) is None:
        raise wrong(f"{shown(text)} is not order:count", expected="a pair such as 0:2627")
    order = parse_number(matched[1], "order")
    if order > MAX_ORDER:
        raise wrong(f"order {order} is too large", expected=f"at most {MAX_ORDER}")
    return order, parse_number(matched[2], "count")


def _file(text: str) -> str:
    if not text:
        raise wrong("the file name is empty")
    return text


def _mark(text: str) -> str:
    if not re.fullmatch(MARK_NAME, text):
        message = f"{shown(text)} cannot name a place"
        raise wrong(message, expected="a letter, or a word of letters, digits, - and _")
    return text


def _distances(text: str) -> tuple[int, ...]:
    """The SLIT: 10 on the diagonal and more elsewhere, or Linux does not use it."""
    numbers = tuple(parse_number(part, "distance") for part in text.split(","))
    count = isqrt(len(numbers))
    if count * count != len(numbers) or count < 2 or count > MAX_NUMNODES:
        raise wrong(f"{len(numbers)} distances are no square", expected="10,20,20,10 for two nodes")
    for i, distance in enumerate(numbers):
        if (distance == 10) != (i % (count + 1) == 0) or not 10 <= distance <= 255:
            raise wrong(
                f"Linux does not use a table with {distance} from node {i // count} to "
                f"{i % count} (slit_valid)",
                expected="10 within a node, 11 to 255 between two",
            )
    return numbers


def _node_count(text: str) -> int:
    count = parse_positive(text, "number of nodes")
    if count > MAX_NUMNODES:
        raise wrong(f"{count} nodes are too many", expected=f"at most {MAX_NUMNODES}")
    return count


def _power_of_two(text: str) -> int:
    size = parse_size(text)
    if size <= 0 or size & (size - 1):
        raise wrong(f"{shown(text)} is no alignment", expected="a power of two such as 256M")
    return size


def _cmdline(text: str) -> str:
    """The words as they are, where the kernel would take them."""
    try:
        read_cmdline(text)
    except InputError as error:
        word = str(error).partition(": ")[0]
        raise ParseError(printable(str(error)), column=text.index(word) + 1) from None
    return " ".join(text.split())


def number(what: str, placeholder: str = "N") -> ValueKind:
    """A number of something."""
    return ValueKind(lambda text: parse_number(text, what), str, placeholder)


def positive(what: str) -> ValueKind:
    """A number of something, 1 or more."""
    return ValueKind(lambda text: parse_positive(text, what), str, "K")


def one_of(words: Iterable[str], what: str, placeholder: str = "") -> ValueKind:
    """One of fixed words; ``what`` is what a wrong one is called."""
    known = tuple(words)
    return ValueKind(
        lambda text: choose(text, known, what), str, placeholder or "|".join(known), known
    )


def member(words: Mapping[str, Any], what: str, placeholder: str = "") -> ValueKind:
    """A value that a fixed word stands for."""
    spelt = {value: word for word, value in words.items()}
    return ValueKind(
        lambda text: words[choose(text, words, what)],
        lambda value: spelt.get(value, ""),
        placeholder or "|".join(words),
        tuple(words),
    )


NAME: Final = ValueKind(parse_name, str, "NAME")
HELD: Final = ValueKind(parse_name, str, "NAME", is_existing=True)
SIZE: Final = ValueKind(parse_size, format_size, "SIZE")
SIZES: Final = ValueKind(
    lambda text: tuple(map(parse_size, text.split("+"))),
    lambda sizes: "+".join(map(format_size, sizes)),
    "SIZE[+SIZE…]",
)
"""Sizes one behind the other."""
ADDRESS: Final = ValueKind(parse_address, format_hex, "ADDR")
REF: Final = ValueKind(parse_refs, format_refs, "REF", is_existing=True)
NAME_OR_REF: Final = ValueKind(parse_refs, format_refs, "NAME|REF", is_existing=True)
PFN: Final = ValueKind(parse_pfn, format_pfn, "N")
NODE: Final = number("node")
ZONE: Final = member(ZONE_BY_LABEL, "zone", "ZONE")
MEMMAP: Final = member({policy.value: policy for policy in MemmapPolicy}, "memmap policy")
ONLINE_TO: Final = member(
    {"kernel": OnlineType.ONLINE_KERNEL, "movable": OnlineType.ONLINE_MOVABLE}, "zone choice"
)
PIN_KIND: Final = one_of(("unmovable", "movable", "offline", "longterm", "hwpoison"), "kind")
MAPPING: Final = one_of(("public", "private"), "mapping")
ZOOM_LEVEL: Final = one_of(("page", "subsection", "section", "block", "fit"), "zoom level")
PHASE: Final = one_of(FAILABLE_PHASES, "phase that can fail", "PHASE")
ERRNO: Final = one_of(sorted(SHELL_TEXT), "errno", "E")
TIME: Final = ValueKind(parse_seconds, format_seconds, "TIME")
ORDER_COUNT: Final = ValueKind(_order_count, lambda pair: f"{pair[0]}:{pair[1]}", "ORDER:COUNT")
TEXT: Final = ValueKind(str, lambda text: quote(text, always=True), '"TEXT"')
FILE: Final = ValueKind(_file, quote, "FILE")
STEP: Final = ValueKind(lambda text: str(parse_number(text, "step")), str, "N")
STEPS: Final = ValueKind(lambda text: str(parse_number(text, "number of steps")), str, "N")
MARK: Final = ValueKind(_mark, str, "NAME")
VERB_NAME: Final = ValueKind(str, quote, "VERB")

ARCH: Final = one_of(ARCHITECTURES, "architecture", "ARCH")
NODES: Final = ValueKind(_node_count, str, "N")
DISTANCES: Final = ValueKind(_distances, lambda rows: ",".join(map(str, rows)), "N,N,N,N")
CMDLINE: Final = ValueKind(_cmdline, lambda text: quote(text, always=True), '"WORDS"')
ALIGNMENT: Final = ValueKind(_power_of_two, format_size, "SIZE")

BLOCK_STATES: Final = ("online", "offline", "going-online", "going-offline")
VERDICTS: Final = ("correct", "corrupts", "lost-saving")
PAGE_FLAGS: Final = ("vmemmap", "reserved", "buddy", "offline", "hwpoison", "hugetlb")
"""Marks of struct pages that can be claimed, in the order in which they are written."""
PAGE_WORDS: Final = tuple(dict.fromkeys(state.word for state in PageState))


# -- parameters, rules and profiles --------------------------------------------------------
def parse_param(name: str, value: str, column: int, value_column: int) -> tuple[str, str]:
    """A parameter of ``set`` with its value in the kernel's own spelling."""
    choose(name, PARAM_VALUES, "parameter", column)
    if name == "auto_movable_ratio" and value[:1].isdigit():
        try:
            value = str(parse_number(value, "percentage"))
        except ParseError as error:
            raise ParseError(error.message, column=value_column) from None
    try:
        return name, dict(Params().with_word(name, value).words())[name]
    except InputError:
        spoken = PARAM_VALUES[name]
        known = [w for w in spoken.replace(",", " ").split() if w not in ("or", "a", "e.g.")]
        message = f"{name} cannot be {shown(value)}"
        near = closest(value, known)
        raise wrong(message, expected=spoken, meant=near, column=value_column) from None


def rule_values() -> dict[str, tuple[str, ...]]:
    """Every rule of ``rule`` with the values it takes."""
    return {
        name: (*values, *(alias for rule, alias in RULE_ALIASES if rule == name))
        for name, values in RULE_VALUES.items()
    }


def parse_profile(text: str) -> str:
    """A profile's name, or any release such as ``6.9``."""
    return text if is_release(text) else choose(text, PROFILES, "profile")


PROFILE: Final = ValueKind(parse_profile, str, "NAME", tuple(PROFILES))
