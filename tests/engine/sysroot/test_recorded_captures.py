"""Real kernels captured before and after real operations, which ``plan`` must have foreseen.

The captures were made with the shell line of the help in guests that ran Linux 6.12 and 6.1
(``python -m tests.kernel.series`` renews them).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.commands import Add
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.sysroot.capture import capture_bytes, is_capture, load_capture
from pfnmap.engine.sysroot.view import SysrootView
from tests.kernel.captures import DUMP, Moment, kept_observations, moments
from tests.kernel.foresight import BUSY, TYPE, judge
from tests.kernel.series import KEPT, KEPT_FOLDER, WITH_DUMP

FOLDERS = [KEPT_FOLDER / f"{version}-{name}" for version, name in KEPT]
DUMPS = [KEPT_FOLDER / f"{version}-{name}" / DUMP for version, name in WITH_DUMP]

EVERY_MOMENT = [
    pytest.param(moment, id=f"{folder.name}-{number}")
    for folder in FOLDERS
    for number, moment in enumerate(moments(folder), 1)
]


@pytest.mark.parametrize("moment", EVERY_MOMENT)
def test_the_kernel_did_what_was_planned(moment: Moment) -> None:
    """Errno, zones, states, valid_zones, iomem, node masks and parameters.

    Where a plan was wrong, it had said what it cannot know: pages that cannot move, and the
    type that a refused write leaves behind.
    """
    verdict = judge(moment.before, moment.operation, moment.after)
    assert verdict.deviations == ()
    assert not verdict.excuse or any(part in verdict.excuse for part in (BUSY, TYPE))


def seen() -> set[tuple[str, str | None]]:
    """(what was written or done, the kernel's result) of every operation."""
    out = set()
    for parameter in EVERY_MOMENT:
        (moment,) = parameter.values
        assert isinstance(moment, Moment)
        words = moment.operation.line.split()
        out.add((words[1] if words[0] == "echo" else words[0], moment.operation.result))
    return out


def test_kernels_were_asked_for_every_kind_of_operation() -> None:
    assert seen() >= {
        ("add", None),
        ("online_movable", None),
        ("online_kernel", None),
        ("online", None),
        ("offline", None),
        ("1", None),
        ("remove", None),
        ("auto-movable", None),
        ("online_kernel", "EINVAL"),
        ("offline", "EINVAL"),
        ("offline", "EBUSY"),
        ("perhaps", "EINVAL"),
        ("sometimes", "EINVAL"),
    }


def test_the_kernels_differ_where_blocks_hold_their_own_struct_pages() -> None:
    """Before 6.8 only a DIMM of one block does: of three blocks all pages are managed."""
    missing = {}
    for version in ("6.12", "6.1"):
        views = map(SysrootView, kept_observations(KEPT_FOLDER / f"{version}-own-memmap"))
        missing[version] = {
            (zone.present - zone.managed) // (zone.present // 32768)
            for view in views
            for zone in view.zones
            if zone.zone.label == "Movable" and zone.present
        }
    assert missing == {"6.12": {512}, "6.1": {0}}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_captures_hold_what_is_read_and_nothing_else(folder: Path) -> None:
    for path in sorted(folder.glob("[0-9]*.json")):
        assert is_capture(path)
        assert capture_bytes(load_capture(path)) == path.read_bytes()


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.parent.name)
def test_the_text_dump_of_a_kernel_says_what_the_capture_says(dump: Path) -> None:
    last = sorted(dump.parent.glob("[0-9]*.json"))[-1]
    assert is_capture(dump)
    assert capture_bytes(load_capture(dump)) == last.read_bytes()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_hot_added_memory_is_never_taken_for_boot_memory_nor_the_other_way(folder: Path) -> None:
    added: set[int] = set()
    for moment in moments(folder):
        command = parse_line(moment.operation.line)
        if isinstance(command, Add):
            assert command.address is not None
            first = command.address // moment.after.geometry.block_bytes
            added |= set(range(first, first + command.size_bytes // (128 << 20)))
        known = dict(
            zip(
                moment.after.observation.blocks.ids.tolist(),
                moment.after.inferred.hot.tolist(),
                strict=True,
            )
        )
        assert {block for block, hot in known.items() if hot == 1} <= added
        assert not {block for block, hot in known.items() if hot == 0} & added
