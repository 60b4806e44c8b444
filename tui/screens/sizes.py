"""The size of the terminal, while a person drags its corner."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.screen import Screen


def is_overtaken(screen: Screen[Any], event: events.Resize) -> bool:
    """Whether news of a size came too late; then the screen takes no notice of it.

    A screen that lays itself out tells itself its size. With two sizes on their way each
    brings the other back, and the screen is laid out and drawn without an end.
    """
    if event.size == screen.app.size:
        return False
    event.prevent_default().stop()
    return True
