"""Keeping sessions and going on with them: ``--resume`` and ``--no-journal``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pfnmap.engine.errors import InputError
from pfnmap.tui.cli.opening import Opened
from pfnmap.tui.cli.parser import UsageError

if TYPE_CHECKING:
    from pfnmap.engine.journal.journal import Origin
    from pfnmap.engine.journal.store import JournalStore
    from pfnmap.engine.session import Session
    from pfnmap.engine.sysroot.session import RootSession


def add_keeping(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--resume",
        metavar="ID",
        nargs="?",
        const="latest",
        help="go on with a session of 'pfnmap sessions' (the latest if no ID)",
    )
    add_no_journal(parser)


def add_no_journal(parser: argparse.ArgumentParser) -> None:
    """``--no-journal``."""
    parser.add_argument(
        "--no-journal", action="store_true", help="do not keep this session on disk"
    )


def check_keeping(arguments: argparse.Namespace) -> None:
    """Refuse options that contradict each other."""
    if arguments.resume is None:
        return
    if arguments.source is not None:
        raise UsageError(f"--resume goes on with a session; it does not open {arguments.source}")
    if arguments.no_journal:
        raise UsageError("--resume goes on in the session's journal; --no-journal has none")


def taken_up(which: str, store: JournalStore) -> tuple[Opened, str]:
    """A session of before, and what is to be said about it (empty: nothing)."""
    from pfnmap.engine.journal.resume import resume

    resumed = resume(store, which)
    session = resumed.session
    before = session.before if session.position else None
    machine = Opened(session, session.view, session.title, resumed.origin.start, before=before)
    return machine, resumed.notice or ""


def kept(machine: Opened, source: str | None, store: JournalStore) -> None:
    """Keep a machine's session from here on; one that cannot be changed is not kept."""
    from pfnmap.engine.journal.journal import keep

    origin = _origin(machine, source)
    if origin is not None:
        machine.session = keep(machine.session, origin, store)


def simulations_kept(
    real: RootSession, arguments: argparse.Namespace
) -> Callable[[Session], Session]:
    """What keeps each simulation that begins as a real machine is shown."""

    def kept_simulation(simulation: Session) -> Session:
        from pfnmap.engine.journal.journal import Origin, keep
        from pfnmap.engine.sysroot.sources import page_size
        from pfnmap.tui.settings.state_directory import session_store

        size = None if arguments.page_size is None else page_size(arguments.page_size)
        origin = Origin.of_machine(real.view, simulation.title, size)
        return keep(simulation, origin, session_store(os.environ))

    return kept_simulation


def _origin(machine: Opened, source: str | None) -> Origin | None:
    """What the session began with; None for what no journal can name."""
    from pfnmap.engine.journal.journal import Origin

    if machine.start is not None:
        return Origin(machine.title, machine.start)
    path = Path(source or "")
    try:
        return Origin.of_trace(path, machine.title) if path.is_file() else None
    except InputError:
        return None
