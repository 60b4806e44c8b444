"""Numbers, sizes, durations and the fixed words of the language, both ways.

Every ``parse_…`` raises :class:`ParseError` with a column relative to the value.
"""

from __future__ import annotations

import re
from typing import Final

from pfnmap.engine.language.wrong import choose, shown, wrong

NUMBER_LIMIT: Final = 1 << 64
"""Addresses are 64 bits wide; nothing in the language is larger."""
MAX_PAUSE_SECONDS: Final = 3600

_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]+|[0-9]+)\Z")
_SIZE = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+)([A-Za-z]+)\Z")
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s)\Z")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}\Z")
_UNITS: Final = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}

ERRNO_NAMES: Final = frozenset(
    {
        "EPERM",
        "ENOENT",
        "ESRCH",
        "EINTR",
        "EIO",
        "ENXIO",
        "E2BIG",
        "EBADF",
        "EAGAIN",
        "ENOMEM",
        "EACCES",
        "EFAULT",
        "EBUSY",
        "EEXIST",
        "EXDEV",
        "ENODEV",
        "ENOTDIR",
        "EISDIR",
        "EINVAL",
        "ENFILE",
        "ENOSPC",
        "EROFS",
        "EDOM",
        "ERANGE",
        "EDEADLK",
        "ENOSYS",
        "ENODATA",
        "ETIME",
        "EPROTO",
        "EOVERFLOW",
        "EOPNOTSUPP",
        "ENOBUFS",
        "EALREADY",
        "EINPROGRESS",
        "ETIMEDOUT",
        "ECANCELED",
        "EHWPOISON",
        "ENOTSUPP",
    }
)
"""The errno names that ``errno=`` takes (``errno-base.h``, ``errno.h``)."""


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
    if _NUMBER.match(text) is None:
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
    matched = _SIZE.match(text)
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
    elif _NUMBER.match(text):
        return wrong(
            f"the size {shown(text)} has no unit",
            expected=expected,
            meant=f"{text}M" if len(text) < 6 else "",
        )
    return wrong(f"{shown(text)} is not a size", expected=expected, meant=meant)


def format_size(size_bytes: int) -> str:
    """The shortest exact spelling: ``384M``, ``1G``, ``13732K``."""
    for unit in "PTGMK":
        if size_bytes and size_bytes % _UNITS[unit] == 0:
            return f"{size_bytes // _UNITS[unit]}{unit}"
    return f"{size_bytes}B" if size_bytes else "0K"


def parse_address(text: str) -> int:
    """A physical address in bytes: a number, or a size counted from 0 (``4G``)."""
    if _NUMBER.match(text):
        return _read(text, "address")
    if _SIZE.match(text):
        return parse_size(text)
    raise wrong(
        f"{shown(text)} is not an address" if text else "the address is missing",
        expected="bytes such as 0x100000000 or 4G",
    )


def format_hex(number: int) -> str:
    """Addresses and pfns as the kernel's log prints them, ``0x108000``."""
    return f"{number:#x}"


def parse_seconds(text: str) -> float:
    """``2s``, ``1.5s`` or ``250ms``, rounded to whole milliseconds."""
    matched = _DURATION.match(text)
    if matched is None:
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


def format_truth(value: bool) -> str:
    """``true`` or ``false``."""
    return "true" if value else "false"


def parse_name(text: str) -> str:
    """The name of a DIMM, device or huge page set: a letter, then letters, digits, ``_.:-``."""
    if _NAME.match(text):
        return text
    raise wrong(
        f"{shown(text)} is not a name" if text else "the name is missing",
        expected="a letter and up to 63 letters, digits or _ . : - such as dimm0",
    )


def parse_errno(text: str) -> str:
    """An errno name such as ``EBUSY``."""
    return choose(text, sorted(ERRNO_NAMES), "errno")
