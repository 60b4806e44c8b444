"""The plain-text frame: fit for a mail, the same for the same machine, readable as a diff."""

from __future__ import annotations

import re
from difflib import unified_diff
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pfnmap.engine.finding import Finding
from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.machine import Machine
from pfnmap.engine.view import ZoneRow
from pfnmap.tui.text.frame import MAIL_WIDTH, render_text
from pfnmap.tui.text.map import MAX_LINES
from tests.tui.fake_view import BLOCK, FakeView, block_row, dimm_view

FRAMES = Path(__file__).parents[1] / "frames"
HOSTILE = "\x1b[31mred\x07 \u202eevil\n[bold]x[/] → ok"


def assert_fit_for_mail(lines: list[str], width: int = MAIL_WIDTH) -> None:
    for line in lines:
        assert len(line) <= width, line
        assert line.isascii() and (line.isprintable() or line == ""), line
        assert line == line.rstrip(), line


def test_a_frame_is_exactly_this() -> None:
    expected = (FRAMES / "dimm.txt").read_text(encoding="ascii").splitlines()
    assert render_text(dimm_view()) == expected
    assert_fit_for_mail(expected)


def test_a_step_is_exactly_this() -> None:
    """A refused command on a real machine of the engine, marks and outcome included."""
    machine = Machine.boot()
    machine.run("set memmap_on_memory=Y")
    machine.run("add dimm0 256M")
    before = machine.view()
    done = [machine.run("online dimm0[1] movable"), machine.run("online 500")]
    lines = render_text(machine.view(), before=before, outcomes=done, step="step 4 of 4")
    assert_fit_for_mail(lines)
    assert "step 4 of 4" in lines
    assert "    41*V" + 63 * "M" in lines
    assert "online dimm0[1] movable" not in lines, "the last step is the refusal"
    assert lines[lines.index("online 500") + 1].startswith("  refused: ENOENT from sysfs")
    assert "    40 V" + 63 * "o" in lines
    start = lines.index("last steps")
    assert lines[start + 1] == "$ online dimm0[1] movable"
    assert lines[-3] == "$ online 500"
    assert lines[-2].startswith("  refused: ENOENT (No such file or directory), decided by sysfs")


def test_the_diff_of_two_frames_is_the_difference_of_the_machines() -> None:
    machine = Machine.boot()
    machine.run("add dimm0 256M")
    before = render_text(machine.view())
    machine.run("online dimm0[0] movable")
    changed = [
        line
        for line in unified_diff(before, render_text(machine.view()), n=0, lineterm="")
        if line.startswith("+") and not line.startswith("+++")
    ]
    assert any(re.match(r"\+  0 Movable +\[M+\] +32768 +32768 +32768$", line) for line in changed)
    assert "+   0 Movable 0x140000       0x148000" in changed
    assert "+40              online           0 Movable       0 Movable" in changed
    assert len(changed) <= 20


# -- widths and characters ---------------------------------------------------------------
def test_text_from_outside_reaches_nobody_unescaped() -> None:
    view = dimm_view()
    view.title = HOSTILE
    view.profile_name = HOSTILE
    view.params = [("memmap_on_memory", HOSTILE)]
    view.findings = [Finding("code", HOSTILE * 100, 0x100, 5)]
    view.blocks = [replace(view.blocks[0], state=HOSTILE, device=HOSTILE, valid_zones=(HOSTILE,))]
    lines = render_text(view)
    assert_fit_for_mail(lines)
    assert "pfnmap: \\x1b[31mred\\x07 \\u202eevil\\n[bold]x[/] -> ok" in lines


def test_endless_text_is_cut_and_counted() -> None:
    view = dimm_view()
    view.findings = [Finding("code", "x" * 1_000_000)]
    lines = render_text(view)
    assert_fit_for_mail(lines)
    assert len(lines) < 100
    assert "more characters]" in lines[-1]


def test_a_frame_can_be_wider_but_never_narrower_than_its_tables() -> None:
    assert_fit_for_mail(render_text(dimm_view(), width=140), 140)
    assert any(len(line) > 130 for line in render_text(dimm_view(), width=140))
    assert render_text(dimm_view(), width=10) == render_text(dimm_view(), width=71)


STATES = st.sampled_from([state for state in PageState if state is not PageState.HOLE])
RUNS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5 * BLOCK), STATES), min_size=1)


@given(RUNS, st.sampled_from([1, 1 << 9, 1 << 22]), st.sampled_from([None, 1, 512, 32768]))
def test_every_frame_of_every_machine_is_fit_for_mail(
    runs: list[tuple[int, int, PageState]], scale: int, pages_per_cell: int | None
) -> None:
    placed, at = [], 0
    for gap, nr_pages, state in runs:
        at += gap * BLOCK * scale
        placed.append((at, nr_pages * scale, state))
        at += nr_pages * scale
    zones = [ZoneRow(0, ZoneType.NORMAL, placed[0][0], at, at, at)]
    lines = render_text(FakeView(placed, zones), pages_per_cell=pages_per_cell)
    assert_fit_for_mail(lines)


# -- the map -------------------------------------------------------------------------------
def map_lines(view: FakeView, **options: object) -> list[str]:
    """The part of a frame between the map's title and the legend."""
    lines = render_text(view, **options)  # type: ignore[arg-type]
    start = next(number for number, line in enumerate(lines) if line.startswith("pfn map"))
    return lines[start : lines.index("", start)]


def test_the_scale_stands_above_the_map() -> None:
    assert map_lines(dimm_view())[0] == (
        "pfn map, 1 letter = 512 pages = 2M, 1 line = 1 block of 128M"
    )
    assert map_lines(dimm_view(), pages_per_cell=BLOCK)[0] == (
        "pfn map, 1 letter = 32768 pages = 128M, 1 line = 64 blocks, 8G"
    )


def test_memory_finer_than_a_block_is_labelled_with_pfns() -> None:
    lines = map_lines(dimm_view(), pages_per_cell=64)
    assert lines[0] == "pfn map, 1 letter = 64 pages = 256K, 1 line = 8M"
    assert "0x100000 VVVVVVVV" + "M" * 24 in lines
    assert "         (pfn 0x40000-0xfffff: no memory)" in lines


def test_lines_that_repeat_are_written_once() -> None:
    state = PageState.FREE_NORMAL
    lines = map_lines(FakeView([(0, 2 * BLOCK, state), (5 * BLOCK, 7 * BLOCK, state)]))
    full = "N" * 64
    assert lines[1:] == [
        f"     0 {full}",
        f"     1 {full}",
        "       (blocks 2-4: no memory)",
        f"     5 {full}",
        "       (blocks 6-11: the same)",
    ]


def test_what_the_last_step_changed_is_marked() -> None:
    before = FakeView([(0, 3 * BLOCK, PageState.OFFLINE)])
    after = FakeView([(0, BLOCK, PageState.OFFLINE), (BLOCK, 2 * BLOCK, PageState.FREE_MOVABLE)])
    lines = map_lines(after, before=before)
    assert [line[:8] for line in lines[1:]] == ["     0 o", "     1*M", "     2*M"]
    assert "  * line changed by the last step" in render_text(after, before=before)
    assert not any("*" in line for line in map_lines(after))


def test_memmap_is_shown_from_half_a_letter_on() -> None:
    runs = [(0, 512, PageState.VMEMMAP), (512, BLOCK - 512, PageState.FREE_MOVABLE)]
    assert map_lines(FakeView(runs))[1] == "     0 V" + "M" * 63
    assert map_lines(FakeView(runs), pages_per_cell=1024)[1].startswith("     0 VM")
    assert map_lines(FakeView(runs), pages_per_cell=2048)[1].startswith("     0 MM")


def test_one_pinned_page_is_seen() -> None:
    """It decides whether its block can be offlined."""
    runs = [(0, BLOCK, PageState.FREE_NORMAL), (BLOCK, 1, PageState.UNMOVABLE)]
    assert map_lines(FakeView(runs))[2].startswith("     1 u")


def test_a_machine_of_4_pib_is_some_lines() -> None:
    view = FakeView([(0, 1 << 40, PageState.FREE_NORMAL), (1 << 40, BLOCK, PageState.OFFLINE)])
    lines = map_lines(view)
    assert 2 < len(lines) <= MAX_LINES + 1
    assert_fit_for_mail(lines)


def test_many_gaps_are_drawn_coarser_not_longer() -> None:
    runs = [(2 * i * BLOCK, BLOCK, PageState.FREE_NORMAL) for i in range(1000)]
    lines = map_lines(FakeView(runs))
    assert len(lines) <= MAX_LINES + 1
    assert "N." in lines[1] or "NNNN." in lines[1]


def test_the_legend_counts_every_page() -> None:
    rng = np.random.default_rng(7)
    sizes = rng.integers(1, 4 * BLOCK, len(PageState) - 1)
    runs, at = [], 0
    for state, nr_pages in zip(list(PageState)[1:], sizes.tolist(), strict=True):
        runs.append((at, nr_pages, state))
        at += nr_pages
    lines = render_text(FakeView(runs))
    for _, nr_pages, _ in runs:
        assert any(line.endswith(f" {nr_pages}") for line in lines)


# -- blocks, findings ----------------------------------------------------------------------
def test_blocks_that_say_the_same_are_one_line() -> None:
    lines = render_text(dimm_view())
    start = lines.index("memory blocks: 1 offline, 9 online")
    assert lines[start + 2 : start + 6] == [
        "0-7             online           0 DMA32         0 DMA32",
        "32              online           0 Movable     512 Movable",
        "33              offline          0 -           512 Normal Movable",
        "dimm0 is blocks 32-33",
    ]


def test_what_is_not_known_is_not_invented() -> None:
    view = dimm_view()
    view.blocks = [block_row(5, vmemmap_pages=None, node=None, valid_zones=())]
    assert "5               offline          - -             ?" in render_text(view)


@pytest.mark.parametrize("count", [3, 30])
def test_findings_are_listed_up_to_a_limit(count: int) -> None:
    view = dimm_view()
    view.findings = [Finding("gone", f"number {i}", 0x100, 1) for i in range(count)]
    lines = render_text(view)
    assert "gone (pfn 0x100, 1 page): number 0" in lines
    assert ("(10 further findings)" in lines) == (count == 30)


def test_a_machine_that_shows_nothing_is_still_a_frame() -> None:
    """A real machine whose files cannot be read."""
    lines = render_text(FakeView([]))
    assert_fit_for_mail(lines)
    assert lines[0] == "pfnmap: made by hand"
    assert "no memory blocks" in lines
