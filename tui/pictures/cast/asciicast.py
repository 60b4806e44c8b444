"""The asciicast file format, versions 2 and 3: a header, then one event a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from pfnmap.tui.pictures.picture import ANSI_RGB, Picture, clean

VERSIONS: Final = (2, 3)


class Event(Struct, frozen=True):
    """A line of the file after the first."""

    at_ms: int
    code: str
    """``o`` output, ``m`` marker, ``r`` resize."""
    data: str


def cast_header(
    size: tuple[int, int], version: int, title: str, page: Picture, idle_seconds: float
) -> dict[str, Any]:
    """The first line: size, title, colours. No date: it would differ each time."""
    theme = {"fg": page.foreground, "bg": page.background, "palette": ":".join(ANSI_RGB.values())}
    common: dict[str, Any] = {"idle_time_limit": idle_seconds, "title": clean(title)}
    if version == 2:
        return {"version": 2, "width": size[0], "height": size[1], **common, "theme": theme}
    term = {"cols": size[0], "rows": size[1], "type": "xterm-256color", "theme": theme}
    return {"version": 3, "term": term, **common}


def cast_lines(header: dict[str, Any], events: Iterable[Event], version: int) -> Iterator[str]:
    """The lines of the file, without line ends."""
    yield json.dumps(header, ensure_ascii=False)
    before = 0
    for event in events:
        # Version 3 counts from the event before. Whole milliseconds leave nothing to round.
        yield event_line(event, event.at_ms - before if version == 3 else event.at_ms)
        before = event.at_ms


def event_line(event: Event, time_ms: int) -> str:
    """One event as a line of the file."""
    seconds = f"{time_ms // 1000}.{time_ms % 1000:03}"
    return f"[{seconds}, {json.dumps(event.code)}, {json.dumps(event.data, ensure_ascii=False)}]"
