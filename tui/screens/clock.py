"""Moving along the timeline: undo and redo, seeking, playing, slow motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pfnmap.engine.commands import Pause
from pfnmap.engine.errors import InputError

if TYPE_CHECKING:
    from textual.timer import Timer

    from pfnmap.engine.session import Session
    from pfnmap.tui.screens.acts import Acts

PLAY_SECONDS = 1.0
"""Time between two steps while a scenario plays, where it does not say itself."""
SPEEDS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""How much faster than that a scenario can be played."""


class Clock:
    """The time keys of one main screen."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._timer: Timer | None = None
        self.speed = 1.0
        """One of :data:`SPEEDS`; pauses of the scenario change with it."""

    @property
    def playing(self) -> bool:
        """Whether a scenario plays now."""
        return self._timer is not None

    @property
    def _session(self) -> Session:
        return self._acts.desk.session

    @property
    def _zero(self) -> str:
        """Step 0 in words."""
        return f"0 ({self._acts.desk.beginning})"

    @property
    def _undone_words(self) -> str:
        if self._acts.desk.real:
            return "this is the first reading"
        return "the machine is as it was at boot"

    def _show(self) -> None:
        """Show where the session is now, and what its last step was about."""
        self._acts.screen.show_session()
        last = self._session.last
        if last is not None:
            self._acts.follow(last)

    # -- steps ------------------------------------------------------------------------
    def undo(self, steps: int) -> None:
        """Steps back; out of slow motion, to before the step that was under way."""
        self._acts.work.claim()
        self.pause()
        if self._session.phase is not None:
            self._session.seek(self._session.position)
        elif not self._session.undo(steps):
            raise InputError(f"nothing to undo: {self._undone_words}")
        self._show()

    def redo(self, steps: int) -> None:
        """Steps forward."""
        self._acts.work.claim()
        self.pause()
        self._forward(steps)

    def _forward(self, steps: int) -> None:
        if not self._session.redo(steps):
            raise InputError("nothing to redo: this is the last step")
        self._show()

    def seek(self, position: int) -> None:
        """Go to a step."""
        last = len(self._session.outcomes)
        if not 0 <= position <= last:
            raise InputError(f"there is no step {position}; steps are {self._zero} to {last}")
        self._acts.work.claim()
        self.pause()
        self._session.seek(position)
        self._show()

    def ask_step(self) -> None:
        """Ask for a step to go to."""
        words = f"a step from {self._zero} to {len(self._session.outcomes)}"
        self._acts.prompt(
            "step ", lambda text: self._acts.run_line(f"seek {text}"), help_words=words
        )

    def step_phase(self, delta: int) -> None:
        """Slow motion through the phases of an operation."""
        session = self._session
        if delta > 0 and session.phase is None and session.position >= len(session.outcomes):
            raise InputError("slow motion goes through a step that comes next: undo one first")
        if delta < 0 and session.phase is None and session.position == 0:
            raise InputError("there is no step to go back into")
        self._acts.work.claim()
        self.pause()
        session.step_phase(delta)
        self._show()

    # -- playing ------------------------------------------------------------------------
    def play(self) -> None:
        """Play what comes next, or pause."""
        if self.playing:
            self.pause()
        elif self._session.position >= len(self._session.outcomes):
            raise InputError("nothing to play: this is the last step")
        else:
            self._acts.work.claim()
            self._tick()

    def change_speed(self, steps: int) -> None:
        """Play faster or slower, from the next step on."""
        place = SPEEDS.index(self.speed) + steps
        if not 0 <= place < len(SPEEDS):
            raise InputError(f"playing at {self.speed:g} times the speed is as far as it goes")
        self.speed = SPEEDS[place]
        self._acts.tell(f"playing at {self.speed:g} times the speed")

    def pause(self) -> None:
        """Stop playing."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _tick(self) -> None:
        """One step, and the next after a while."""
        self.pause()
        self._forward(1)
        if self._session.position >= len(self._session.outcomes):
            return
        last = self._session.last
        seconds = PLAY_SECONDS
        if last is not None and isinstance(last.command, Pause):
            seconds = last.command.seconds
        self._timer = self._acts.screen.set_timer(seconds / self.speed, self._tick)
