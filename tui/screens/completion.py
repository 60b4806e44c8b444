"""Completion of the ``:`` line: what the language offers, as whole lines."""

from __future__ import annotations

from collections.abc import Sequence

from pfnmap.engine.language import completion


def complete(
    line: str,
    devices: Sequence[str] = (),
    block: int | None = None,
    marks: Sequence[str] = (),
) -> list[str]:
    """Whole lines that ``line`` may become, by completing its last word.

    ``devices`` are names of devices that exist; ``block`` is the id under the cursor,
    ``marks`` are names of places.
    """
    names = [*devices, *([] if block is None else [str(block)])]
    found = completion.complete(line, names, marks)
    offered = (line[: found.start] + word for word in found.words)
    return [text for text in dict.fromkeys(offered) if text != line]
