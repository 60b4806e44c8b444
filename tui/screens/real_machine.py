"""What the main screen knows of a real machine that is followed: ``screens/live.py`` is one.

Apart from it, so that what reads and writes real machines is loaded where there is one only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from textual.message import Message

from pfnmap.engine.session import History, Session
from pfnmap.tui.keys.effects import Effect, Effects, Open
from pfnmap.tui.keys.shown import Shown


class Changed(Message, namespace="machine"):
    """Its session shows something else."""


class Wants(Message, namespace="machine"):
    """Something is to be done by the screen."""

    def __init__(self, effect: Effect) -> None:
        self.effect = effect
        super().__init__()


class RealMachine(Protocol):
    """Reads a real machine and writes to it; tells by messages what it found."""

    allow_writes: bool
    """Whether keys may write to it after a question."""

    @property
    def session(self) -> History:
        """Its readings."""

    @property
    def shown(self) -> bool:
        """Whether it is on the screen, and no simulation that began as it."""

    def show(self, shown: Shown) -> None:
        """Know what is on the screen: its pages are those to be asked for."""

    def follow(self) -> None:
        """Say what is not known, and start the readings."""

    def boot_again(self, nr_steps: int) -> Effects:
        """Boot the same kernel anew and do the first steps again; InputError for no guest."""

    def branch(self) -> tuple[Session, Effects]:
        """A simulated machine that starts as this one is now shown, and what is to be said."""

    def ask(self, word: str, block_ids: Sequence[int]) -> Open:
        """The question before a word is written; InputError where nothing can be."""

    def close(self) -> None:
        """Let go of it, so that the program can end while it is being read."""
