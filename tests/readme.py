"""The parts of README.md that are made from the program. ``python -m tests.readme`` renews them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from pfnmap.engine.language import VERBS
from pfnmap.engine.sysroot.text_dump import SHELL_LINE
from pfnmap.tui.cli import SUBCOMMANDS, main
from pfnmap.tui.keys.actions import ACTIONS, AREAS

README = Path(__file__).resolve().parent.parent / "README.md"

FRAME = (
    *("-c", "machine ram=1G memmap_on_memory=Y"),
    *("-c", "add dimm0 256M"),
    *("-c", "online dimm0[1] movable"),
)
"""Arguments of ``show`` for the picture; the README shows them above it."""


def frame() -> Iterator[str]:
    """What ``pfnmap show`` prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = main(["show", *FRAME])
    assert status == 0
    for line in output.getvalue().splitlines():
        yield f"    {line}".rstrip()


def subcommands() -> Iterator[str]:
    """A line for each subcommand."""
    for name, words in SUBCOMMANDS.items():
        yield f"    {f'pfnmap {name}':<30} {words}"


def keys() -> Iterator[str]:
    """A table of the default keys for each area."""
    for area, title in AREAS.items():
        actions = [a for a in ACTIONS.values() if a.area == area and a.keys]
        if actions:
            yield from ("", f"| {title} | |", "|---|---|")
        for action in actions:
            shown = " ".join(f"`{key}`" for key in action.keys)
            yield f"| {shown} | {action.help} |"


def verbs() -> Iterator[str]:
    """A line or two for each verb."""
    for verb in VERBS.values():
        yield f"    {verb.usage}"
        yield f"        {verb.help}"


def dump() -> Iterator[str]:
    """The shell lines that save a machine without Python."""
    for line in SHELL_LINE.splitlines():
        yield f"    {line}"


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "frame": frame,
    "subcommands": subcommands,
    "keys": keys,
    "verbs": verbs,
    "dump": dump,
}


def renewed(text: str) -> str:
    """The README with every generated part as the program would have it now."""
    for name, lines in PARTS.items():
        body = "\n".join(lines()).strip("\n")
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        assert mark and end, f"README.md has no part named {name}"
        text = f"{before}{mark}\n{body}\n\n{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
