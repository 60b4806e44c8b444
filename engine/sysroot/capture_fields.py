"""Taking fields out of parsed JSON: every complaint names the file and the field."""

from __future__ import annotations

from typing import Any

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.files import clean

MAX_NODE = 1023
MAX_ENTRIES = 1 << 22


class Fields:
    """The top object of a capture."""

    def __init__(self, name: str, place: str, data: object) -> None:
        if not isinstance(data, dict):
            raise InputError(f"{name}: the {place} must be an object")
        self.name = name
        self.data: dict[str, Any] = data

    def wrong(self, field: str, what: str) -> InputError:
        """The error for a field."""
        return InputError(f"{self.name}: field {field!r} {what}")

    def items(self, field: str) -> list[Any]:
        """A list, empty where it is missing."""
        value = self.data.get(field, [])
        if not isinstance(value, list) or len(value) > MAX_ENTRIES:
            raise self.wrong(field, "must be a list")
        return value

    def rows(self, field: str, width: int) -> list[list[Any]]:
        """A list of lists of one width."""
        rows = self.items(field)
        for index, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != width:
                raise self.wrong(f"{field}[{index}]", f"must be a list of {width} values")
        return rows

    def mapping(self, field: str) -> dict[str, Any]:
        """An object, empty where it is missing."""
        value = self.data.get(field, {})
        if not isinstance(value, dict):
            raise self.wrong(field, "must be an object")
        return value

    def word(self, field: str) -> str | None:
        """A word or null."""
        value = self.data.get(field)
        if value is not None and not isinstance(value, str):
            raise self.wrong(field, "must be a string or null")
        return clean(value) if value is not None else None

    def count(self, field: str, value: object, limit: int = 1 << 52) -> int:
        """A number from 0 to ``limit``."""
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
            raise self.wrong(field, f"has {clean(repr(value), 24)} for a number from 0 to {limit}")
        return value

    def power_of_two(self, field: str, limit: int) -> int | None:
        """A size from 4096 on, or null."""
        value = self.data.get(field)
        if value is None:
            return None
        size = self.count(field, value, limit)
        if size < 4096 or size & (size - 1):
            raise self.wrong(field, f"is {size}, expected a power of two from 4096 on")
        return size

    def numbers(self, field: str, value: object) -> tuple[int, ...]:
        """Node numbers."""
        if not isinstance(value, list):
            raise self.wrong(field, "must be a list of node numbers")
        return tuple(self.count(field, item, MAX_NODE) for item in value)

    def words(self, field: str, value: object) -> tuple[str, ...]:
        """Words, each cleaned."""
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(field, "must have a list of words")
        return tuple(clean(item, 16) for item in value[:8])
