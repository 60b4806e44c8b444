"""What an action wants done, as values. The main screen carries them out (``screens/main.py``).

An action itself changes nothing and knows no screen: it is told what is shown and where the
cursor is, and answers with one of these, or with several that are done one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from pfnmap.engine.commands import Command
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.view import View
from pfnmap.tui.map.viewport import Viewport


# -- the machine and its timeline --------------------------------------------------------
class Run(Struct, frozen=True):
    """Do a command of the language."""

    command: Command


class Work(Struct, frozen=True):
    """Do what may take long apart from the screen, then what ``then`` says of its result."""

    what: str
    """What is done, in a few words."""
    work: Callable[[], Any]
    """Changes nothing; may run in a thread."""
    then: Callable[[Any], Effects]


class Seek(Struct, frozen=True):
    """Show the machine after so many steps."""

    position: int


class StepPhase(Struct, frozen=True):
    """Slow motion: so many phases on, or back."""

    delta: int


class Play(Struct, frozen=True):
    """Do what comes next, step by step, or pause."""


class ChangeSpeed(Struct, frozen=True):
    """Play faster, or slower."""

    steps: int


class Switch(Struct, frozen=True):
    """Take up a branch of the session, by its index."""

    index: int


class Mark(Struct, frozen=True):
    """Give a page a name."""

    name: str
    pfn: int


# -- a real machine ----------------------------------------------------------------------
class Write(Struct, frozen=True):
    """Ask, then write a word into the ``state`` files of a real machine's blocks."""

    word: str
    block_ids: tuple[int, ...]


class Simulate(Struct, frozen=True):
    """Go on with a simulation that begins as the real machine is."""


class BackToReal(Struct, frozen=True):
    """Show the real machine again."""


# -- what is in sight --------------------------------------------------------------------
class Look(Struct, frozen=True):
    """Show this window of the map; after a jump one can go back to where it began."""

    viewport: Viewport
    jump: bool = False


class Scroll(Struct, frozen=True):
    """Scroll the focused panel; ``lines`` are told its height and how many lines it has."""

    lines: Callable[[int, int], int]


class TogglePanel(Struct, frozen=True):
    """Show, focus or hide a panel."""

    name: str


class FocusPanel(Struct, frozen=True):
    """Give the focus to a panel so many places behind the one that has it."""

    step: int


class Maximise(Struct, frozen=True):
    """The focused panel alone, or all of them again."""


class Remember(Struct, frozen=True):
    """Change what the screen remembers: fields of ``Shown.memory``."""

    values: dict[str, Any]


# -- saying and asking -------------------------------------------------------------------
class Tell(Struct, frozen=True):
    """Say something in the log."""

    words: str


class Complain(Struct, frozen=True):
    """Say why something was not done, in the log and on top of the map."""

    words: str


class AskLine(Struct, frozen=True):
    """A line to type into. A line that ``check`` refuses can be corrected."""

    sign: str
    check: Callable[[str], object] | None = None
    offer: Callable[[str], Sequence[str]] | None = None
    history: Sequence[str] = ()
    help_words: str = ""
    value: str = ""


class AddValues(Struct, frozen=True):
    """What the form that hot-adds a DIMM holds: as typed, empty for the default."""

    name: str = "dimm0"
    size: str = "256M"
    at: str = ""
    node: str = ""
    memmap: str = ""

    def line(self) -> str:
        """The command line that the form stands for."""
        words = ["add", self.name.strip(), self.size.strip()]
        for key in ("at", "node", "memmap"):
            value = getattr(self, key).strip()
            if value:
                words.append(f"{key}={value}")
        return " ".join(words)


class AskAdd(Struct, frozen=True):
    """The form that hot-adds a DIMM."""

    values: AddValues
    predict: Callable[[Command], Refusal | None]


class Entry(Struct, frozen=True):
    """Something that can be chosen from a list, and what is done then."""

    name: str
    help: str
    effect: Effects
    key: str = ""


class Choose(Struct, frozen=True):
    """A list to choose from; ``prompt`` says of what."""

    entries: Sequence[Entry]
    prompt: str


class AskYes(Struct, frozen=True):
    """A question that one key answers with yes."""

    title: str
    questions: Sequence[str]
    warnings: Sequence[str] = ()


class ReadHelp(Struct, frozen=True):
    """Every key and every verb."""


class ReadWords(Struct, frozen=True):
    """What the words and states on the screen mean."""


class ReadCell(Struct, frozen=True):
    """Everything about the page under the cursor."""


class ReadDiff(Struct, frozen=True):
    """Every counter that differs between two machines."""

    before: View
    after: View
    title: str


class Compare(Struct, frozen=True):
    """The variants of a comparison beside each other."""

    comparison: object
    """A ``pfnmap.engine.compare.Comparison``, which is not loaded before there is one."""


Dialog: TypeAlias = (
    AskLine | AskAdd | Choose | AskYes | ReadHelp | ReadWords | ReadCell | ReadDiff | Compare
)


class Open(Struct, frozen=True):
    """Open a dialog, then do what ``then`` says of its result; nothing when it is closed."""

    dialog: Dialog
    then: Callable[[Any], Effects] = lambda _: ()


# -- the program -------------------------------------------------------------------------
class Act(Struct, frozen=True):
    """Do an action of the table, by its id."""

    action_id: str


class Repeat(Struct, frozen=True):
    """Do the last action for the memory again, here."""


class OpenPalette(Struct, frozen=True):
    """Every action that applies now, to choose from."""


class Copy(Struct, frozen=True):
    """Copy the focused panel, or the whole frame, as plain text."""

    whole: bool


class WriteFrame(Struct, frozen=True):
    """Write the frame to a file: ``.txt``, ``.svg`` or ``.html``."""

    file: Path


class UseTheme(Struct, frozen=True):
    """Other colours and glyphs, by the name of a theme."""

    name: str


class SetUpTour(Struct, frozen=True):
    """Set the machine up for the present step of the tour."""


class LeaveTour(Struct, frozen=True):
    """End the tour; the machine stays as it is."""


class Stop(Struct, frozen=True):
    """Stop what takes long; where nothing does, drop the selection."""


class Redraw(Struct, frozen=True):
    """Draw the screen anew."""


class Suspend(Struct, frozen=True):
    """Back to the shell for a while."""


class Exit(Struct, frozen=True):
    """End the program; ``keep_frame`` leaves the frame in the scrollback."""

    keep_frame: bool = False


Effect: TypeAlias = (
    Run
    | Work
    | Seek
    | StepPhase
    | Play
    | ChangeSpeed
    | Switch
    | Mark
    | Write
    | Simulate
    | BackToReal
    | Look
    | Scroll
    | TogglePanel
    | FocusPanel
    | Maximise
    | Remember
    | Tell
    | Complain
    | Open
    | Act
    | Repeat
    | OpenPalette
    | Copy
    | WriteFrame
    | UseTheme
    | SetUpTour
    | LeaveTour
    | Stop
    | Redraw
    | Suspend
    | Exit
)
Effects: TypeAlias = Effect | Sequence[Effect]
