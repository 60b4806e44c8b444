"""The steps of a session that goes on: their ground grows with them, and nothing is laid out anew.

A screen asks for one moment at a time, again and again while steps are added, undone or left for
a branch. What is kept are the grounds of some steps, the fewer the older they are, not the
moments: those of a long history would hold more than the history does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from msgspec.structs import replace

from pfnmap.engine.outcome import Outcome
from pfnmap.engine.session import History
from pfnmap.tui.figure.axis import Ground, bare_ground
from pfnmap.tui.figure.moments import BOOT, Moment, is_step, moment_after, phases

NEWEST: Final = 4
"""Steps whose grounds are kept; of twice as many before them every other one, and so on."""


class Steps:
    """A session as moments on one ground."""

    def __init__(self, session: History) -> None:
        self.session = session
        self._seen: list[Outcome] = []
        self._last = self._rest(0)
        pages = self._last.state.geometry.block_pages
        self._grounds = {0: bare_ground(pages).with_moment(self._last, None)}
        """The ground after the steps up to a number, in their order."""
        self.follow()

    @property
    def ground(self) -> Ground:
        """What the steps before and behind the present one need room for."""
        return self._grounds[len(self._seen)]

    def follow(self) -> None:
        """Take in the steps that were added since; forget those that are no longer there."""
        outcomes = self.session.outcomes
        if len(outcomes) == len(self._seen) and (not outcomes or outcomes[-1] is self._seen[-1]):
            return
        if dropped := self._dropped(outcomes):
            del self._seen[:dropped]
            later = {at - dropped: each for at, each in self._grounds.items() if at > dropped}
            self._grounds = {0: self._grounds[0], **later}
        pairs = zip(self._seen, outcomes, strict=False)
        known = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], pairs))
        if known < len(self._seen):
            self._grounds = {at: each for at, each in self._grounds.items() if at <= known}
            del self._seen[max(self._grounds) :]
            self._last = self._rest(len(self._seen))
        for number in range(len(self._seen) + 1, len(outcomes) + 1):
            moment = moment_after(self.session, number, self._last)
            self._grounds[number] = self.ground.with_moment(moment, self._last)
            self._seen.append(outcomes[number - 1])
            self._last = moment.alone
            self._thin_out()

    def _thin_out(self) -> None:
        """Let go of grounds that are found again from older ones in few steps."""
        last = len(self._seen)
        for at in [*self._grounds][1:]:
            apart = 1 << ((last - at) // NEWEST).bit_length()
            if at % apart:
                del self._grounds[at]

    def _dropped(self, outcomes: Sequence[Outcome]) -> int:
        """How many of the oldest steps a real machine has let go of."""
        if not outcomes or not self._seen or outcomes[0] is self._seen[0]:
            return 0
        places = (at for at, outcome in enumerate(self._seen) if outcome is outcomes[0])
        return next(places, 0)

    def at(self, position: int, phase: int | None = None) -> Moment:
        """The moment at a position, or after a phase of the step behind it.

        A note or a claim shows the step that it stands behind.
        """
        if phase and position < len(self.session.outcomes):
            return phases(moment_after(self.session, position + 1, self._rest(position)))[phase - 1]
        while position and not is_step(self.session.outcomes[position - 1]):
            position -= 1
        if not position:
            return self._rest(0)
        return moment_after(self.session, position, self._rest(position - 1))

    def between(self, first: int, second: int) -> Moment:
        """What is otherwise at one position than at another, whatever lies between them."""
        words = f"from step {first} to step {second}"
        return replace(self._rest(second), words=words, number=second, before=self._rest(first))

    def _rest(self, position: int) -> Moment:
        """The machine at a position, without what led there."""
        return Moment(self.session.view_at(position), BOOT)
