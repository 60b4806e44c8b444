"""The pytest fixture ``pfnmap_snapshot``: rendered screens that are compared with kept files.

It is there wherever pfnmap is installed. In a test::

    def test_the_story_of_the_patch(pfnmap_snapshot) -> None:
        pfnmap_snapshot("stories/patch.hotplug", size=(100, 30))

The file is ``snapshots/TEST_MODULE/TEST_NAME.txt`` beside the test. When the screen differs
the test fails with a diff; ``pytest --pfnmap-update`` writes the files anew, to be reviewed
like code.

pytest loads this in every project of the environment, also where nothing is drawn; so what
draws is imported when something is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import pytest

SUFFIXES: Final = {"text": ".txt", "svg": ".svg", "html": ".html", "ansi": ".ansi"}
MAX_DIFF_LINES: Final = 200
_UPDATE: Final = "--pfnmap-update"
_ODD: Final = re.compile(r"[^A-Za-z0-9_.,=-]+")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--pfnmap-update``."""
    group = parser.getgroup("pfnmap")
    group.addoption(_UPDATE, action="store_true", help="write the screens of pfnmap_snapshot anew")


@pytest.fixture
def pfnmap_snapshot(request: pytest.FixtureRequest) -> Snapshot:
    """Call it with a scenario: the rendered screen must be the one that is kept."""
    directory = request.path.parent / "snapshots" / request.path.stem
    return Snapshot(directory, request.node.name, update=request.config.getoption(_UPDATE))


class Snapshot:
    """Compares rendered screens with files; what the fixture gives."""

    def __init__(self, directory: Path, name: str, *, update: bool = False) -> None:
        self.directory = directory
        self.name = name
        self.update = update

    def __call__(
        self,
        scenario: str | Path,
        *,
        size: tuple[int, int] = (80, 24),
        theme: str = "dark",
        format: Literal["text", "svg", "html", "ansi"] = "text",
        step: int | None = None,
        keys: Sequence[str] = (),
        name: str = "",
    ) -> None:
        """Render and compare.

        Arguments as of :func:`pfnmap.tui.testing.render`; ``name`` tells several screens of
        one test apart.
        """
        from pfnmap.tui.pictures.render import render

        made = render(scenario, size=size, theme=theme, format=format, step=step, keys=keys)
        self.compare(made, SUFFIXES[format], name)

    def compare(self, made: str, suffix: str, name: str = "") -> None:
        """Compare any text with its file; fail with a diff."""
        stem = _ODD.sub("-", f"{self.name}-{name}" if name else self.name).strip("-")[:150]
        file = self.directory / f"{stem}{suffix}"
        kept = file.read_bytes().decode("utf-8") if file.exists() else None
        if kept == made:
            return
        if self.update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(made.encode("utf-8"))
            return
        if kept is None:
            pytest.fail(f"{file} does not exist yet; pytest {_UPDATE} writes it", pytrace=False)
        pytest.fail(_difference(file, kept, made), pytrace=False)


def _difference(file: Path, kept: str, made: str) -> str:
    """A diff that can be printed: no escape sequences, of bearable length."""
    from pfnmap.tui.pictures.picture import clean

    lines = [
        clean(line)
        for line in difflib.unified_diff(
            kept.splitlines(), made.splitlines(), "as kept", "as drawn now", lineterm="", n=2
        )
    ]
    if not lines:
        lines = ["only the line ends differ"]
    if (more := len(lines) - MAX_DIFF_LINES) > 0:
        lines[MAX_DIFF_LINES:] = [f"({more} more lines)"]
    head = f"{file} differs from the screen; pytest {_UPDATE} writes it anew"
    return "\n".join([head, *lines])
