"""What is said on top of the map: one thing at a time, until the next key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tui.screens.main import MainScreen

TOAST_SECONDS = 2.5
"""How long a toast stays when nobody presses a key; the log keeps its words."""


class Toasts:
    """The toasts of one main screen."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen

    def show(self, words: str, severity: Literal["warning", "error"], title: str = "") -> None:
        """Say something in place of whatever was said before."""
        self.clear()
        self._screen.notify(
            words, title=title, severity=severity, markup=False, timeout=TOAST_SECONDS
        )
        self._screen.map.when_moved = self.clear

    def clear(self) -> None:
        """Remove what lies on top of the map."""
        self._screen.app.clear_notifications()
