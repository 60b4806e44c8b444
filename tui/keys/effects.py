"""What an action wants done, as values. The main screen carries them out (``screens/main.py``).

An action itself changes nothing and knows no screen: it is told what is shown and where the
cursor is, and answers with one of these, or with several that are done one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from pfnmap.engine.commands import Command
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.view import View
from pfnmap.tui.map.viewport import Viewport


class Effect(Struct, frozen=True):
    """Something to be done; each kind says what."""


class Do(Enum):
    """What needs no further words."""

    PLAY = "do what comes next, step by step, or pause"
    SIMULATE = "go on with a simulation that begins as the real machine is"
    BACK_TO_REAL = "show the real machine again"
    MAXIMISE = "the focused panel alone, or all of them again"
    REPEAT = "do the last action for the memory again, here"
    OPEN_PALETTE = "every action that applies now, to choose from"
    SET_UP_TOUR = "set the machine up for the present step of the tour"
    LEAVE_TOUR = "end the tour; the machine stays as it is"
    STOP = "stop what takes long; where nothing does, drop the selection"
    REDRAW = "draw the screen anew"
    SUSPEND = "back to the shell for a while"


Effects: TypeAlias = Effect | Do | Sequence[Effect | Do]


# -- the machine and its timeline --------------------------------------------------------
class Run(Effect, frozen=True):
    """Do a command of the language."""

    command: Command


class Work(Effect, frozen=True):
    """Do what may take long apart from the screen, then what ``then`` says of its result."""

    what: str
    """What is done, in a few words."""
    work: Callable[[], Any]
    """Changes nothing; may run in a thread."""
    then: Callable[[Any], Effects]
    stop: Callable[[], str] | None = None
    """Called when it is stopped; what is to be said then. None: nothing was changed."""


class Seek(Effect, frozen=True):
    """Show the machine after so many steps."""

    position: int


class StepPhase(Effect, frozen=True):
    """Slow motion: so many phases on, or back."""

    delta: int


class ChangeSpeed(Effect, frozen=True):
    """Play faster, or slower."""

    steps: int


class Switch(Effect, frozen=True):
    """Take up a branch of the session, by its index."""

    index: int


class Mark(Effect, frozen=True):
    """Give a page a name."""

    name: str
    pfn: int


# -- a real machine ----------------------------------------------------------------------
class Write(Effect, frozen=True):
    """Ask, then write a word into the ``state`` files of a real machine's blocks."""

    word: str
    block_ids: tuple[int, ...]


class Follow(Effect, frozen=True):
    """Show a real machine from now on."""

    live: Any
    """A ``screens.real_machine.RealMachine``."""
    title: str


class BootAgain(Effect, frozen=True):
    """Boot the kernel of the guest that is shown anew, and do its first steps again."""

    nr_steps: int


class Console(Effect, frozen=True):
    """Show the last lines of a guest that boots; none when it has."""

    lines: tuple[str, ...] = ()


# -- what is in sight --------------------------------------------------------------------
class Look(Effect, frozen=True):
    """Show this window of the map; after a jump one can go back to where it began."""

    viewport: Viewport
    jump: bool = False


class Scroll(Effect, frozen=True):
    """Scroll the focused panel; ``lines`` are told its height and how many lines it has."""

    lines: Callable[[int, int], int]


class TogglePanel(Effect, frozen=True):
    """Show, focus or hide a panel."""

    name: str


class FocusPanel(Effect, frozen=True):
    """Give the focus to a panel so many places behind the one that has it."""

    step: int


class Remember(Effect, frozen=True):
    """Change what the screen remembers: fields of ``Shown.memory``."""

    values: dict[str, Any]


# -- saying and asking -------------------------------------------------------------------
class Tell(Effect, frozen=True):
    """Say something in the log."""

    words: str


class Complain(Effect, frozen=True):
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


class ResizeValues(Struct, frozen=True):
    """What the form that resizes a virtio-mem device holds: as typed; ``size``: of a new one."""

    name: str
    requested: str
    size: str = ""

    def line(self) -> str:
        """The command line that the form stands for."""
        size = f" size={self.size.strip()}" if self.size.strip() else ""
        return f"virtio-mem {self.name.strip()}{size} requested={self.requested.strip()}"


class AskForm(Struct, frozen=True):
    """A form that stands for a command: the one that hot-adds a DIMM, or resizes a device."""

    values: AddValues | ResizeValues
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


class AskWord(Struct, frozen=True):
    """A question that a word, typed, answers with yes."""

    title: str
    questions: Sequence[str]
    word: str
    warnings: Sequence[str] = ()


class Read(Enum):
    """A text that needs no further words to be told which."""

    HELP = "every key and every verb"
    WORDS = "what the words and states on the screen mean"
    CELL = "everything about the page under the cursor"


class ReadDiff(Struct, frozen=True):
    """The figure of what changed, and every counter that differs between two machines."""

    before: View
    after: View
    title: str
    steps: tuple[int, int] | None = None
    """Between which two steps; None: what led to what is shown."""


class Compare(Struct, frozen=True):
    """The variants of a comparison beside each other."""

    comparison: object
    """A ``pfnmap.engine.compare.Comparison``, which is not loaded before there is one."""


Dialog: TypeAlias = AskLine | AskForm | Choose | AskWord | Read | ReadDiff | Compare


class Open(Effect, frozen=True):
    """Open a dialog, then do what ``then`` says of its result; nothing when it is closed."""

    dialog: Dialog
    then: Callable[[Any], Effects] = lambda _: ()


# -- the program -------------------------------------------------------------------------
class Act(Effect, frozen=True):
    """Do an action of the table, by its id."""

    action_id: str


class Copy(Effect, frozen=True):
    """Copy the focused panel, or the whole frame, as plain text."""

    whole: bool


class WriteFrame(Effect, frozen=True):
    """Write the frame to a file: ``.txt``, ``.svg`` or ``.html``."""

    file: Path


class UseTheme(Effect, frozen=True):
    """Other colours and glyphs, by the name of a theme."""

    name: str


class Exit(Effect, frozen=True):
    """End the program; ``keep_frame`` leaves the frame in the scrollback."""

    keep_frame: bool = False
