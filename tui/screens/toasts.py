"""What is said on top of the map: one thing at a time, until the next key or click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pfnmap.tui.screens.main import MainScreen

Severity = Literal["information", "warning", "error"]
TOAST_SECONDS = 2.5
"""How long a toast stays when nobody presses a key; the log keeps its words."""


class Toasts:
    """The toasts of one main screen."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self._said = False

    def show(self, words: str, severity: Severity, title: str = "") -> None:
        """Say something in place of whatever was said before."""
        self.clear()
        self._screen.notify(
            words, title=title, severity=severity, markup=False, timeout=TOAST_SECONDS
        )
        self._said = True

    def clear(self) -> None:
        """Remove what lies on top of the map."""
        if self._said:
            self._said = False
            self._screen.app.clear_notifications()
