"""What a check says about a state: something the rules in force break."""

from __future__ import annotations

from msgspec import Struct

MAX_FINDINGS = 256
"""Of one kind that a machine keeps: what is broken a million times is told by the first."""

DISAGREES = "model-disagrees"
"""The code of what a kernel did otherwise than the engine foresaw."""


class Finding(Struct, frozen=True):
    """Something the rules in force break: shown in place, never hidden.

    ``code`` is a stable short name, ``text`` the sentence; the pfn range says where.
    """

    code: str
    text: str
    start_pfn: int = 0
    nr_pages: int = 0
