"""What can be computed again is kept for the few that were asked last."""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar
from weakref import ref


class Forgets(Protocol):
    """Something that holds what it could compute again."""

    def forget(self) -> None:
        """Let go of it."""


Kind = TypeVar("Kind", bound=Forgets)


class Weakly:
    """For :class:`Recent`: something that is not held by it, and goes when nobody else has it."""

    def __init__(self, one: Forgets) -> None:
        self._one = ref(one)

    def forget(self) -> None:
        """Let it let go, if it is there still."""
        if (one := self._one()) is not None:
            one.forget()


class Recent(Generic[Kind]):
    """The last ``size`` things that computed something; those before them have forgotten it."""

    def __init__(self, size: int) -> None:
        self._kept: deque[Kind] = deque()
        self._size = size

    def keep(self, one: Kind) -> None:
        """Note that ``one`` has just computed what it holds."""
        if self._kept and self._kept[-1] is one:
            return
        self._kept.append(one)
        if len(self._kept) > self._size:
            self._kept.popleft().forget()
