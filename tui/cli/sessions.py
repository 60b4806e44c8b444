"""List the sessions that are kept; 'pfnmap --resume ID' goes on with one."""

from __future__ import annotations

import os
import time

from pfnmap.engine.journal.resume import SessionInfo, list_sessions
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.printable import printable
from pfnmap.engine.sizes import counted
from pfnmap.tui.cli.messages import Arguments, emit
from pfnmap.tui.documents.reports import SessionsData
from pfnmap.tui.documents.view import as_json
from pfnmap.tui.settings.state_directory import sessions_directory
from pfnmap.tui.text.ascii import plain


def run(arguments: Arguments) -> int:
    """Print a line for each session, the newest first."""
    store = JournalStore(sessions_directory(os.environ))
    sessions = list_sessions(store)
    if arguments.json:
        emit([as_json(SessionsData("pfnmap-sessions-1", str(store.directory), sessions))])
    elif sessions:
        emit(map(_line, sessions))
    else:
        emit([f"no sessions in {printable(str(store.directory))}"])
    return 0


def _line(session: SessionInfo) -> str:
    """Number, time of the last step, how many commands, what it is, what is special."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(session.modified))
    done = f"{counted(session.nr_commands, 'command'):>13}"
    words = [f"{session.id:>4}  {when}  {done}  {plain(session.began)}"]
    if session.last_command:
        words.append(f"last: {plain(session.last_command)}")
    if session.live:
        words.append("open now")
    if session.problem:
        words.append(plain(session.problem))
    return ", ".join(words)
