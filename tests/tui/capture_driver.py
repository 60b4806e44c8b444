"""A driver of Textual's that keeps what a terminal would get."""

from __future__ import annotations

from typing import Any

from textual.drivers.headless_driver import HeadlessDriver


class CaptureDriver(HeadlessDriver):
    """Headless, but what would be written to the terminal is kept in ``log``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log: list[str] = []

    @property
    def is_headless(self) -> bool:
        """False, so that Textual renders to escape sequences."""
        return False

    def write(self, data: str) -> None:
        """Keep what would be written."""
        self.log.append(data)

    def flush(self) -> None:
        """Nothing is buffered."""
