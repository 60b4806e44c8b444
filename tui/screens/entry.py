"""What a palette lists. No Textual."""

from __future__ import annotations

from msgspec import Struct


class Entry(Struct, frozen=True):
    """Something that can be chosen: ``id`` is an action's, ``theme:NAME`` or ``run:LINE``."""

    id: str
    name: str
    help: str
    key: str = ""
