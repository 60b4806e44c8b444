"""What README.md has from the program. ``python -m tests.readme`` renews it."""

from __future__ import annotations

import re
from pathlib import Path

from pfnmap.tui.help.topics import topics
from pfnmap.tui.testing import render

README = Path(__file__).resolve().parent.parent / "README.md"
PICTURE = Path(__file__).resolve().parent / "readme.svg"
SIZE = (100, 30)


def indented_block(text: str, first_line: str) -> str:
    """The indented block of a text that begins with a line."""
    start = text.index(f"    {first_line}")
    block = re.match(r"(?:(?: {4}.*)?\n)+", text[start:])
    assert block is not None
    return "".join(line[4:] + "\n" for line in block[0].rstrip().splitlines())


def renewed(text: str) -> str:
    """The README with the topics as the program has them now."""
    before, mark, rest = text.partition("<!-- topics -->\n")
    _, end, after = rest.partition("<!-- end -->\n")
    assert mark and end, "README.md has no part named topics"
    lines = "".join(f"    {name:<14} {title}\n" for name, title in topics().items())
    return f"{before}{mark}\n{lines}\n{end}{after}"


def picture(text: str) -> str:
    """The screen at the end of the README's scenario."""
    return render(indented_block(text, "machine ram=1G"), size=SIZE, format="svg")


if __name__ == "__main__":
    new = renewed(README.read_text(encoding="utf-8"))
    README.write_text(new, encoding="utf-8")
    PICTURE.write_text(picture(new), encoding="utf-8")
