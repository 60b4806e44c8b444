"""What a palette lists. No Textual."""

from __future__ import annotations

from pfnmap.engine.values import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that can be chosen: ``id`` is an action's, ``theme:NAME`` or ``run:LINE``."""

    id: str
    name: str
    help: str
    key: str = ""
