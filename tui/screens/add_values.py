"""What the add form holds, apart from the form, so that nothing else needs Textual."""

from __future__ import annotations

from msgspec import Struct


class AddValues(Struct, frozen=True):
    """Everything as typed; empty means the default."""

    name: str = "dimm0"
    size: str = "256M"
    at: str = ""
    node: str = ""
    memmap: str = ""

    def line(self) -> str:
        """The command line that the form stands for."""
        words = ["add", self.name.strip(), self.size.strip()]
        for key in ("at", "node", "memmap"):
            value = getattr(self, key).strip()
            if value:
                words.append(f"{key}={value}")
        return " ".join(words)
