"""Recording a live session as a screencast while it runs.

Every event is on its way to the file at once, so a program that is killed leaves a screencast
that plays up to there. Keys are never recorded.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pfnmap.engine.errors import InputError
from pfnmap.engine.language import line_of
from pfnmap.engine.wrong import printable
from pfnmap.tui.pictures.cast.asciicast import VERSIONS, Event, cast_header, event_line
from pfnmap.tui.pictures.cast.filter import DrawingFilter
from pfnmap.tui.pictures.picture import Picture, clean

if TYPE_CHECKING:
    from pfnmap.engine.outcome import Outcome
    from pfnmap.tui.app import PfnmapApp

IDLE_SECONDS: Final = 2.0
"""What players shorten longer silence to."""


class CastRecorder:
    """Writes a screencast of what a program sends to its terminal."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        *,
        title: str = "pfnmap",
        version: int = 2,
        page: Picture | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin a recording.

        Args:
            path: The file; it must not exist yet.
            size: Columns and lines of the terminal.
            title: For players to show.
            version: Of the asciicast format, 2 or 3.
            page: Its page colours go into the file.
            clock: Seconds that only grow.

        Raises:
            InputError: The file exists or cannot be written.
        """
        if version not in VERSIONS:
            raise InputError(f"asciicast version {version}: expected 2 or 3")
        self._version = version
        self._clock = clock
        self._began = clock()
        self._before = 0
        self._nr_bytes = 0
        self._size = size
        self._draws = DrawingFilter()
        self._lock = threading.Lock()
        self.trouble: str | None = None
        """Why the recording stopped, one sentence; None while it goes on."""
        self._name = printable(str(path))
        try:
            self._file = path.open("xb", buffering=0)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{self._name}: cannot be recorded to: {reason}") from None
        header = cast_header(size, version, title, page or Picture(0, ()), IDLE_SECONDS)
        self._line(json.dumps(header, ensure_ascii=False))

    def output(self, data: str) -> None:
        """The program wrote something to its terminal."""
        drawn = self._draws(data)
        if drawn:
            self._event("o", drawn)

    def marker(self, label: str) -> None:
        """Something worth finding again happened, such as a command."""
        self._event("m", clean(label))

    def resized(self, columns: int, lines: int) -> None:
        """The terminal has a size, perhaps another one."""
        if (columns, lines) != self._size:
            self._size = (columns, lines)
            self._event("r", f"{columns}x{lines}")

    def heard(self, outcome: Outcome) -> None:
        """A listener for ``Session.listeners``: each command is a marker."""
        self.marker(line_of(outcome.command))

    def close(self) -> None:
        """End the recording."""
        try:
            self._file.close()
        except OSError as error:
            self._fail(error)

    def _event(self, code: str, data: str) -> None:
        with self._lock:
            now = max(self._before, round((self._clock() - self._began) * 1000))
            shown = now - self._before if self._version == 3 else now
            self._before = now
            self._line(event_line(Event(now, code, data), shown))

    def _line(self, line: str) -> None:
        if self.trouble is not None:
            return
        data = f"{line}\n".encode("utf-8", "replace")
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except (OSError, ValueError) as error:
            # Half a line would keep players from playing what is there.
            with suppress(OSError, ValueError):
                self._file.truncate(self._nr_bytes)
            self._fail(error)
        else:
            self._nr_bytes += len(data)

    def _fail(self, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or str(error)
        self.trouble = f"the recording to {self._name} stopped: {reason}"


def record(app: PfnmapApp, recorder: CastRecorder) -> None:
    """Record what an app that is about to run sends to its terminal, and its commands."""
    base = app.driver_class

    def write(driver: Any, data: str) -> None:
        recorder.resized(*app.size)
        recorder.output(data)
        base.write(driver, data)

    app.driver_class = type(f"Recording{base.__name__}", (base,), {"write": write})
    app.main.session.listeners.append(recorder.heard)
