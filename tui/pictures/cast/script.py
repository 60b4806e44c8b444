"""A scenario as a script for pictures: what is done, what is said, and for how long.

Knows the model but no screen. Time is the scenario's, in whole milliseconds: what a reader
needs for each step and its notes, and whatever ``pause`` lines add.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from msgspec import Struct, field

from pfnmap.engine.commands import (
    Command,
    Expect,
    Goto,
    Interactive,
    Note,
    Pause,
    PfnRef,
    Title,
    Zoom,
)
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.operations.refs import pfn_of
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.play import Step, play
from pfnmap.engine.scenarios.run import opened
from pfnmap.engine.scenarios.scenario import Scenario
from pfnmap.engine.session import History
from pfnmap.tui.figure.moments import telling
from pfnmap.tui.map.motions import goto_pfn
from pfnmap.tui.pictures.picture import clean

OPENING_MS: Final = 1500
"""How long the machine at boot is shown."""
TYPED_MS: Final = 800
"""How long a command can be read before its effect is seen."""
EFFECT_MS: Final = 1700
"""How long an effect is looked at."""
PHASE_MS: Final = 800
"""How long a phase of it is looked at."""
MOVE_MS: Final = 600
"""How long a move of the map's window is looked at."""
NOTE_MS: Final = 1200
"""What a note takes, besides reading it."""
CHARACTER_MS: Final = 45
"""What a character of a note takes to read."""
LONGEST_NOTE_MS: Final = 6000
"""What is longer than this has another caption to go on in, or a ``pause`` behind it."""


class Beat(Struct):
    """One thing that happens: a command, a phase of it, a note, or the opening picture."""

    line: str = ""
    """The command in the words of the language; a marker of the screencast."""
    command: Command | None = None
    """What begins here; the phases of a step are beats of their own, the first has it."""
    note: str = ""
    number: int = 0
    """The step of the session that a command's picture is of."""
    phase: int = 0
    """The phase of it, counted from 1; 0: the step as a whole."""
    hold_ms: int = 0
    """How long the result is shown; for a note, what reading it takes."""
    pause_ms: int = 0
    """What ``pause`` lines add to that."""
    outcome: Outcome | None = None
    """What a command for the machine did."""
    told: tuple[Command, ...] = ()
    """Steps of the session since the beat before that are for the reader: claims, a note."""


class Script(Struct):
    """A whole scenario."""

    title: str
    session: History
    """Where everything happened already."""
    beats: list[Beat] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """Expectations that do not hold."""
    told: list[Command] = field(default_factory=list)
    """Steps behind the last beat that are for the reader."""

    def add(self, beat: Beat) -> None:
        """Let a beat follow, with what was told before it."""
        beat.told = (*self.told, *beat.told)
        self.told = []
        self.beats.append(beat)


def script_of(
    source: Scenario | History, *, phases: bool = False, steps: int | None = None
) -> Script:
    """Run a scenario on the model, or take the steps of a recording.

    Args:
        source: What is shown.
        phases: Whether each phase of a step is a beat, and the step the last one.
        steps: How many of a scenario's steps are taken; None: all.

    Raises:
        InputError: Names the line that cannot be done.
    """
    if not isinstance(source, Scenario):
        script = Script(clean(source.title), source, [Beat(hold_ms=OPENING_MS)])
        for number, outcome in enumerate(source.outcomes, 1):
            _take(script, Step(number, 0, outcome, None), "", phases)
        return script
    session = opened(source)
    script = Script(clean(source.title), session, [Beat(hold_ms=OPENING_MS)])
    for step in islice(play(source.lines, session, source.complaint), steps):
        try:
            _take(script, step, f"{source.source}:{step.line}", phases)
        except PfnmapError as error:
            raise source.complaint(step.line, error) from None
    return script


def _take(script: Script, step: Step, place: str, phases: bool) -> None:
    """Let a step be a beat, or be told with the next one."""
    match step.command:
        case Note() as command:
            words = clean(command.words)
            script.add(Beat(note=words, hold_ms=reading_ms(words), told=(command,)))
        case Title() | Pause() | Expect() as command:
            script.told.append(command)
            script.failures += [f"{place}: {difference}" for difference in step.failures]
            if isinstance(command, Pause):
                script.beats[-1].pause_ms += round(command.seconds * 1000)
        case Interactive() as command:
            raise InputError(f"{command.verb} works in a session only")
        case Goto() | Zoom() as command:
            if isinstance(command, Goto):  # InputError for where the screen could not go
                state = step.outcome.after
                base = pfn_of(state, PfnRef(0, command.device)) if command.device else 0
                goto_pfn(command, base, ModelView(state))
            script.add(Beat(clean(format_command(command)), command, hold_ms=MOVE_MS))
        case command:
            line = clean(format_command(command))
            beats = [Beat(number=step.number, hold_ms=EFFECT_MS, outcome=step.outcome)]
            if phases and len(walked := telling(step.outcome)) > 1:
                walk = [Beat(number=step.number, phase=each, hold_ms=PHASE_MS) for each in walked]
                beats = [*walk, *beats]
            beats[0].line, beats[0].command = line, command
            for beat in beats:
                script.add(beat)


def reading_ms(words: str) -> int:
    """How long a note is shown."""
    return min(LONGEST_NOTE_MS, NOTE_MS + CHARACTER_MS * len(words))
