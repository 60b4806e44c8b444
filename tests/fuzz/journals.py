"""Journals of real sessions: bytes flipped, cut, spliced; lines changed and sealed again."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from pfnmap.engine.journal.checksums import scan, seal
from pfnmap.engine.journal.journal import JournaledSession
from pfnmap.engine.journal.resume import Resumed, list_sessions, read_session, resume
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.language.lines import parse_line
from tests.engine.journal.tools import kept, random_step
from tests.fuzz.damage import damaged_bytes, damaged_text
from tests.fuzz.inputs import FileOfLines
from tests.fuzz.texts import Broken, valid_lines, valid_words

NR_JOURNALS = 6
STEPS = 25
WORDS = (
    "run",
    "undo",
    "redo",
    "seek",
    "switch",
    "phase",
    "1",
    "0",
    "-1",
    "3",
    "99",
    "pfnmap-journal-1",
)


@cache
def journals() -> tuple[bytes, ...]:
    """The files of sessions in which people did one thing and another."""
    out = []
    for seed in range(NR_JOURNALS):
        with TemporaryDirectory() as folder:
            session = kept(JournalStore(Path(folder)))
            rng = Random(seed)
            while len(session.outcomes) < STEPS:
                random_step(session, rng)
            session.close()
            assert session.path is not None
            out.append(session.path.read_bytes())
    return tuple(out)


class Journals(FileOfLines):
    """A journal file."""

    what = "journals"

    def make(self, rng: Random) -> bytes:
        """A journal damaged by a disk, or by somebody who knows the checksums."""
        data = rng.choice(journals())
        if rng.random() < 0.5:
            return damaged_bytes(rng, data, journals())
        lines = list(scan(data).payloads)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(lines))
            match rng.randrange(5):
                case 0:
                    lines[at] = damaged_text(rng, lines[at], (*WORDS, *valid_words()))
                case 1:
                    lines[at] = f"run {rng.choice(valid_lines())}"
                case 2:
                    lines[at] = f"{rng.choice(WORDS)} {rng.randrange(-3, 30)}"
                case 3:
                    lines.insert(at, lines[at])
                case _:
                    del lines[at:]
            lines = lines or [""]
        return seal((line.encode("utf-8", "replace").decode() for line in lines), 0)[0]

    def use(self, item: bytes) -> str:
        """List it, read it, take it up, go on, and take it up again: nothing may be lost."""
        with TemporaryDirectory() as folder:
            store = JournalStore(Path(folder))
            (Path(folder) / "session-1.journal").write_bytes(item)
            (info,) = list_sessions(store)
            if info.problem is not None and not info.problem.isprintable():
                raise Broken(f"the problem is no printable line: {info.problem!r}")
            read = read_session(store, "1").session
            taken = resume(store, "1")
            if taken.session.position != read.position:
                raise Broken("reading a session and taking it up give different places")
            note = parse_line('note "still here"')
            assert note is not None
            taken.session.run(note)
            place, steps = taken.session.position, len(taken.session.outcomes)
            _closed(taken)
            again = resume(store, "1")
            _closed(again)
            if again.notice is not None:
                raise Broken(f"a repaired journal is damaged: {again.notice}")
            if (again.session.position, len(again.session.outcomes)) != (place, steps):
                raise Broken("a session that was taken up and left is not as it was left")
            return "repaired" if taken.notice else "works"


def _closed(resumed: Resumed) -> None:
    assert isinstance(resumed.session, JournaledSession)
    resumed.session.close()
