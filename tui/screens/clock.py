"""Moving along the timeline: undo and redo, seeking, playing, slow motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InputError

if TYPE_CHECKING:
    from tui.screens.acts import Acts

PLAY_SECONDS = 1.0
"""Time between two steps while a scenario plays."""


class Clock:
    """The time keys of one main screen."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self.playing = False

    def undo(self, steps: int) -> None:
        """Steps back."""
        self.playing = False
        session = self._acts.desk.session
        if session.phase is not None:
            session.seek(session.position)
        elif not session.undo(steps):
            raise InputError("nothing to undo: the machine is as it was at boot")
        self._acts.screen.show_session()

    def redo(self, steps: int) -> None:
        """Steps forward."""
        if not self._acts.desk.session.redo(steps):
            raise InputError("nothing to redo: this is the last step")
        self._acts.screen.show_session()

    def seek(self, position: int) -> None:
        """Go to a step."""
        last = len(self._acts.desk.session.outcomes)
        if not 0 <= position <= last:
            raise InputError(f"there is no step {position}; steps are 0 (at boot) to {last}")
        self.playing = False
        self._acts.desk.session.seek(position)
        self._acts.screen.show_session()

    def ask_step(self) -> None:
        """Ask for a step to go to."""
        last = len(self._acts.desk.session.outcomes)
        words = f"a step from 0 (at boot) to {last}"
        self._acts.prompt(
            "step ", lambda text: self._acts.run_line(f"seek {text}"), help_words=words
        )

    def step_phase(self, delta: int) -> None:
        """Slow motion through the phases of an operation."""
        session = self._acts.desk.session
        if delta > 0 and session.phase is None and session.position >= len(session.outcomes):
            raise InputError("slow motion goes through a step that comes next: undo one first")
        if delta < 0 and session.phase is None and session.position == 0:
            raise InputError("there is no step to go back into")
        self.playing = False
        session.step_phase(delta)
        self._acts.screen.show_session()

    def play(self) -> None:
        """Play what comes next, or pause."""
        self.playing = not self.playing
        if self.playing and self._acts.desk.session.position >= len(
            self._acts.desk.session.outcomes
        ):
            self.playing = False
            raise InputError("nothing to play: this is the last step")
        if self.playing:
            self._tick()

    def _tick(self) -> None:
        if not self.playing:
            return
        self.redo(1)
        session = self._acts.desk.session
        self.playing = session.position < len(session.outcomes)
        if self.playing:
            self._acts.screen.later(PLAY_SECONDS, self._tick)
