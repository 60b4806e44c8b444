"""Random damage: to bytes, to text, to values as JSON and TOML have them.

Everything is drawn from a :class:`random.Random`, so a seed is an input, and Hypothesis's own
``randoms()`` can take its place to search and shrink.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from random import Random
from typing import Any

NR_CHANGES = (1, 1, 1, 1, 2, 2, 3, 6)
"""Mostly one: what is damaged in many places is refused at the first."""
NASTY_BYTES = (
    b"", b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x1b[2J", b"\r", b"\n", b"\r\n", b"\t",
    b'"', b"\\", b"#", b"=", b"-", b"0x", b"9" * 5000, b" " * 3000, b"a" * 70000, b"\xef\xbb\xbf",
)  # fmt: skip
NASTY_TEXTS = (
    "", " ", "\t", '"', "\\", "#", "=", "-", "--", "[", "]", "[[", "0x", "0xg", "-1", "1e9", "NaN",
    "18446744073709551616", "9" * 5000, "0" * 4400, "a" * 3000, "ff" * 40, "K", "1P", "8E", "0K",
    "\0", "\x1b[31m", "\u202e", "\ud800", "\u2028", "\ufeff", "ß", "٣", "²", "１", "\u0301", "💥",
    "./../..", "/dev/null", "*" * 60, "[" * 60, "?" * 60, "%s%n", "{}", "None", "true",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 7, 127, 128, 255, 256, 4095, 4096, 32767, 65536, 1 << 20, (1 << 31) - 1, 1 << 31,
    1 << 32, 1 << 40, (1 << 52) - 1, 1 << 52, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64,
    -(1 << 63), 10**30,
)  # fmt: skip


def nasty_text(rng: Random) -> str:
    """A piece of text that nobody expects."""
    if rng.random() < 0.7:
        return rng.choice(NASTY_TEXTS)
    return "".join(chr(rng.randrange(rng.choice((128, 1024, 0xD800)))) for _ in range(8))


def damaged_bytes(rng: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Bits flipped, pieces cut, doubled, moved, put in, or taken from other data."""
    for _ in range(rng.choice(NR_CHANGES)):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + rng.choice((1, 1, 2, 8, 40, 400, 4000)))
        match rng.randrange(7):
            case 0 if data:
                at = min(at, len(data) - 1)
                flipped = data[at] ^ 1 << rng.randrange(8)
                data = data[:at] + bytes([flipped]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[to:]
            case 2:
                data = data[:to] + data[at:to] + data[to:]
            case 3:
                data = data[:at] + rng.choice(NASTY_BYTES) + data[at:]
            case 4:
                data = data[:at]
            case 5 if others:
                other = rng.choice(others)
                start = rng.randrange(len(other) + 1)
                data = data[:at] + other[start : start + rng.choice((20, 300, 9000))] + data[to:]
            case _:
                data = data[to:] + data[at:to] + data[:at]
    return data


def damaged_text(rng: Random, text: str, words: Sequence[str]) -> str:
    """Words and characters exchanged, cut, doubled or put in; ``words``: what may fit there."""
    for _ in range(rng.choice(NR_CHANGES)):
        parts = text.split(" ")
        at = rng.randrange(len(parts))
        match rng.randrange(6):
            case 0:
                parts[at] = rng.choice(words)
            case 1:
                parts[at] = nasty_text(rng)
            case 2:
                del parts[at]
            case 3:
                parts.insert(at, rng.choice(words))
            case 4:
                word = parts[at]
                cut = rng.randrange(len(word) + 1)
                parts[at] = word[:cut] + rng.choice((nasty_text(rng), "")) + word[cut + 1 :]
            case _:
                parts[at] += rng.choice(("=", "-", "[", "]", ",", "#", '"', "0", "K", "…"))
        text = " ".join(parts)
    return text


def any_value(rng: Random, depth: int = 3) -> Any:
    """A value of any kind that TOML or JSON has, nested at most so deep."""
    kind = rng.randrange(9 if depth else 7)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return rng.choice((True, False))
    if kind == 2:
        return rng.choice((0.0, -0.5, 1e300, math.inf, math.nan))
    if kind == 3:
        return rng.choice((date(2024, 2, 29), time(23, 59), datetime(2024, 1, 1, tzinfo=UTC)))
    if kind < 7:
        return nasty_text(rng)
    size = rng.randrange(4)
    if kind == 7:
        return [any_value(rng, depth - 1) for _ in range(size)]
    return {nasty_text(rng): any_value(rng, depth - 1) for _ in range(size)}


def damaged_value(rng: Random, value: Any) -> Any:
    """The value with a few of its parts exchanged, taken out, doubled or moved; a new one."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice(NR_CHANGES)):
        holder, key = _somewhere(rng, value)
        if holder is None:
            return any_value(rng)
        match rng.randrange(5):
            case 0:
                holder[key] = any_value(rng, 2)
            case 1:
                del holder[key]
            case 2 if isinstance(holder, list):
                holder.insert(key, holder[key])
            case 2:
                holder[nasty_text(rng)] = holder[key]
            case 3 if isinstance(holder[key], int):
                holder[key] = rng.choice((holder[key] + rng.choice((-1, 1)), rng.choice(NUMBERS)))
            case _:
                other, place = _somewhere(rng, value)
                if other is not None:
                    holder[key] = copy.deepcopy(other[place])
    return value


def _somewhere(rng: Random, value: Any) -> tuple[Any, Any]:
    """A random place in nested lists and objects: (holder, key); (None, None) in a bare value."""
    holder = key = None
    while isinstance(value, dict | list) and value:
        holder, key = (
            value,
            rng.choice(list(value) if isinstance(value, dict) else range(len(value))),
        )
        value = holder[key]
        if rng.random() < 0.25:
            break
    return holder, key


def toml_text(value: Any) -> str:
    """A value as TOML writes it in a line; text that TOML cannot hold comes out wrong."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml_text(item) for item in value) + "]"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
