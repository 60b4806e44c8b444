"""What is left out of an update is on the terminal already, whatever came before."""

from __future__ import annotations

import re
import signal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from pfnmap.tui.terminal.shown_lines import ShownLines
from tests.tui.pty_program import Program
from tests.tui.terminal.test_storm_e2e import rest
from tests.tui.terminal.test_terminal_e2e import leave

WIDTH, HEIGHT = 9, 3
REGION = Region(0, 0, WIDTH, HEIGHT)
MOVE = re.compile(r"\x1b\[(\d+);(\d+)H")

cells = st.text("ab", min_size=WIDTH, max_size=WIDTH)
cuts = st.sets(st.integers(1, WIDTH - 1), max_size=4).map(lambda at: [0, *sorted(at), WIDTH])
changes = st.tuples(st.booleans(), st.lists(cells, min_size=HEIGHT, max_size=HEIGHT), cuts, cuts)


def pieces(words: str, edges: list[int]) -> dict[int, Strip]:
    """A line in strips, by where they begin."""
    return {a: Strip([Segment(words[a:b])], b - a) for a, b in pairwise(edges)}


def written(screen: list[list[str]], text: str) -> None:
    """Put on a screen what an update writes."""
    _, *moves = MOVE.split(text)
    for line, column, words in zip(moves[::3], moves[1::3], moves[2::3], strict=True):
        for index, sign in enumerate(words.rstrip("\n"), int(column) - 1):
            screen[int(line) - 1][index] = sign


@given(st.lists(changes, max_size=8))
def test_the_terminal_shows_every_frame(
    steps: list[tuple[bool, list[str], list[int], list[int]]],
) -> None:
    shown, console = ShownLines(), Console()
    terminal = [[" "] * WIDTH for _ in range(HEIGHT)]
    frame = [" " * WIDTH] * HEIGHT
    for whole, lines, edges, ends in [(True, frame, [0, WIDTH], [0, WIDTH]), *steps]:
        first, end = ends[-2], ends[-1]
        if whole:
            frame = lines
            update: LayoutUpdate | ChopsUpdate = LayoutUpdate(
                [pieces(line, edges).values() for line in frame], REGION
            )
        else:
            edges = sorted({*edges, first, end})
            frame = [
                old[:first] + new[first:end] + old[end:]
                for old, new in zip(frame, lines, strict=True)
            ]
            update = ChopsUpdate(
                [pieces(line, edges) for line in frame],
                [(y, first, end) for y in range(HEIGHT)],
                [edges[1:]] * HEIGHT,
            )
        rendered = shown.unsent(update)
        if isinstance(rendered, LayoutUpdate | ChopsUpdate):
            text = rendered.render_segments(console)
            assert text.startswith("\x1b")
            assert "\n\n" not in text  # from the last line it would scroll
            written(terminal, text)
        assert ["".join(line) for line in terminal] == frame


def test_a_frame_that_is_shown_is_not_sent_again_unless_it_was_lost() -> None:
    shown, console = ShownLines(), Console()

    def sent(edges: list[int]) -> str:
        update = LayoutUpdate([pieces("abcdefghi", edges).values()], Region(0, 0, WIDTH, 1))
        left = shown.unsent(update)
        assert isinstance(left, LayoutUpdate)
        return left.render_segments(console)

    assert "abcdefghi" in sent([0, WIDTH])
    assert "a" not in sent([0, WIDTH])
    shown.forget()
    assert "abcdefghi" in sent([0, WIDTH])


def assert_whole_when_sent_anew(program: Program) -> None:
    """All that is on the screen, with its colours, comes back when it is wiped."""
    screen = program.screen

    def cells() -> list[list[object]]:
        return [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]

    rest(program)
    shown = cells()
    screen.erase_in_display(2)
    assert cells() != shown
    program.process.send_signal(signal.SIGWINCH)
    program.wait_for(lambda _: cells() == shown)


@pytest.mark.parametrize("theme", ["dark", *(pytest.param(name, marks=pytest.mark.slow)
                                             for name in ("light", "ansi"))])  # fmt: skip
def test_what_is_not_sent_again_is_there_already(theme: str, tmp_path: Path) -> None:
    with Program("-c", "add dimm0 256M", "--theme", theme, home=tmp_path) as program:
        program.wait_for("step 1/1")
        for keys in ("?", "jj/dimm\r", "\x1b", ":o", "\x1b", "Gm", "\x10"):
            program.send(keys)
            assert_whole_when_sent_anew(program)
        program.resize(100, 30)
        assert_whole_when_sent_anew(program)
        leave(program)
