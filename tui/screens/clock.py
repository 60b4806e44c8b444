"""Playing a scenario: when the next step is due."""

from __future__ import annotations

from textual.message import Message
from textual.message_pump import MessagePump
from textual.timer import Timer

from pfnmap.engine.commands import Pause
from pfnmap.engine.errors import InputError
from pfnmap.engine.outcome import Outcome

PLAY_SECONDS = 1.0
"""Time between two steps while a scenario plays, where it does not say itself."""
SPEEDS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""How much faster than that a scenario can be played."""


class Clock:
    """Tells its owner when a step is due, until it is paused."""

    class Tick(Message):
        """The next step is due."""

    def __init__(self, owner: MessagePump) -> None:
        self._owner = owner
        self._timer: Timer | None = None
        self.speed = 1.0
        """One of :data:`SPEEDS`; pauses of the scenario change with it."""

    @property
    def playing(self) -> bool:
        """Whether a scenario plays now."""
        return self._timer is not None

    def wait(self, last: Outcome | None) -> None:
        """Have the next step done some time after the last one."""
        self.pause()
        seconds = PLAY_SECONDS
        if last is not None and isinstance(last.command, Pause):
            seconds = last.command.seconds
        self._timer = self._owner.set_timer(seconds / self.speed, self._tick)

    def _tick(self) -> None:
        if self._timer is not None:
            self._owner.post_message(self.Tick())

    def pause(self) -> None:
        """Stop playing."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def change_speed(self, steps: int) -> None:
        """Play faster or slower, from the next step on; InputError where that is the limit."""
        place = SPEEDS.index(self.speed) + steps
        if not 0 <= place < len(SPEEDS):
            raise InputError(f"playing at {self.speed:g} times the speed is as far as it goes")
        self.speed = SPEEDS[place]
