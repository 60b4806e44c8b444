"""Fault injection from the palette: every phase that can fail, with an errno that fits."""

from __future__ import annotations

from typing import Final

from pfnmap.engine.phases import FAILABLE_PHASES
from pfnmap.tui.screens.entry import Entry

RUN: Final = "run:"
"""Begins the id of an entry that stands for a command line."""

_ERRNOS: Final[dict[str, str]] = {
    "register_memory_resource": "EEXIST",
    "create_memory_block_devices": "EEXIST",
    "online_pages": "EBUSY",
    "MEM_GOING_ONLINE": "EINVAL",
    "start_isolate_page_range": "EBUSY",
    "MEM_GOING_OFFLINE": "EBUSY",
    "do_migrate_range": "EINTR",
    "dissolve_free_hugetlb_folios": "EBUSY",
}
"""The errno that a kernel gives there most often; ENOMEM where nothing is said."""


def fault_entries() -> list[Entry]:
    """One entry for each phase; its id is the command behind :data:`RUN`."""
    return [
        Entry(
            f"{RUN}fail next at={phase} errno={_ERRNOS.get(phase, 'ENOMEM')}",
            f"Fault: {phase}",
            f"{phase} of the next action fails with {_ERRNOS.get(phase, 'ENOMEM')}; {undone}",
        )
        for phase, undone in FAILABLE_PHASES.items()
    ]
