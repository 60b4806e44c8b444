"""A session that is kept in a journal."""

from __future__ import annotations

from pathlib import Path

from pfnmap.engine.errors import InputError
from pfnmap.engine.journal.journal import Origin, keep
from pfnmap.engine.journal.store import JournalStore
from pfnmap.tui.cli.opening import Opened


def kept(machine: Opened, source: str | None, store: JournalStore) -> None:
    """Keep a machine's session from here on; one that cannot be changed is not kept."""
    origin = _origin(machine, source)
    if origin is not None:
        machine.session = keep(machine.session, origin, store)


def _origin(machine: Opened, source: str | None) -> Origin | None:
    """What the session began with; None for what no journal can name."""
    session = machine.session
    if session.start_command is not None:
        return Origin(session.title, session.start_command)
    path = Path(source or "")
    try:
        return Origin.of_trace(path, session.title) if path.is_file() else None
    except InputError:
        return None
