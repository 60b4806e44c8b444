"""The first line of a journal: what its session began with, as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.journal.file import JournalFile
from pfnmap.engine.journal.origin import Origin
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.language.lines import format_command, parse_line
from pfnmap.engine.printable import printable

FORMAT: Final = "pfnmap-journal-1"


def new_journal(directory: Path, origin: Origin, first: Sequence[str]) -> JournalFile:
    """A journal that is made when something is written behind its first lines."""
    return JournalFile(JournalStore(directory).create, first=[_header(origin), *first])


def _header(origin: Origin) -> str:
    facts: dict[str, Any] = {"pid": os.getpid(), "title": origin.title}
    if origin.trace is not None:
        facts |= {"trace": str(origin.trace), "sha256": origin.sha256}
    elif origin.machine:
        facts |= {"machine": origin.machine, "page_bytes": origin.page_bytes}
        if origin.held:
            facts["held"] = origin.held
    else:
        facts["start"] = format_command(origin.start or StartMachine())
    return f"{FORMAT} {json.dumps(facts, sort_keys=True)}"


def read_header(line: str) -> Origin:
    """What the first line of a journal says; InputError for one of another format."""
    name, _, text = line.partition(" ")
    if name != FORMAT:
        raise InputError(f"its format is {printable(name)[:40]!r}, this pfnmap reads {FORMAT}")
    try:
        facts = json.loads(text)  # not a type of msgspec's: a path may hold what is no text
        title = str(facts["title"])
        if "\0" in str(facts.get("trace", "")):
            raise ValueError
        if "trace" in facts:
            return Origin(title, None, Path(facts["trace"]), str(facts["sha256"]))
        if "machine" in facts:
            page_bytes = facts["page_bytes"]
            known = int(page_bytes) if page_bytes is not None else None
            machine, held = str(facts["machine"]), str(facts.get("held", ""))
            return Origin(title, machine=machine, held=held, page_bytes=known)
        start = parse_line(facts["start"])
    except (KeyError, TypeError, ValueError, RecursionError, PfnmapError):
        start = None
    if not isinstance(start, StartMachine):
        raise InputError("its first line does not say what the session began with")
    return Origin(title, start)
