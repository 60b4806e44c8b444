"""Comparisons of shipped scenarios as plain text, against frames that a person has read.

``python -m tests.tui.figure.test_compare_frames`` writes them anew; then read the difference.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pfnmap.engine.compare import compare
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.tui.figure.variants import compare_lines

FRAMES = Path(__file__).parents[1] / "frames"
CASES = {
    "device-vs-memblock-256m": ("memmap-device-256m", "memmap=device", "memmap=memblock"),
    "device-vs-memblock-64g": ("memmap-64g", "memmap=device", "memmap=memblock"),
    "shrink-e1": ("shrink-e1-old", "shrink=remove-valid", "shrink=merged"),
    "shrink-e3": (
        "shrink-e3-zone-larger-than-node",
        "shrink=remove-valid",
        "shrink=merged",
    ),
    "partial-removal": (
        "v2-partial-removal-first-block",
        "profile=memmap-v2",
        "profile=6.12 memmap=on_memory memmap_on_memory=Y",
    ),
}


@cache
def frame(name: str) -> list[str]:
    """The text of one case, made once for all that is asked of it."""
    scenario, *variants = CASES[name]
    return compare_lines(compare(load_scenario(shipped_scenarios()[scenario]), variants))


@pytest.mark.parametrize("name", CASES)
def test_the_frame_is_the_one_that_was_read(name: str) -> None:
    expected = (FRAMES / f"compare-{name}.txt").read_text(encoding="ascii")
    assert frame(name) == expected.splitlines()


@pytest.mark.parametrize("name", CASES)
def test_the_frame_survives_a_mail(name: str) -> None:
    for line in frame(name):
        assert len(line) <= 72
        assert line.isascii()
        assert line.isprintable()
        assert line == line.rstrip()


def test_one_command_sets_the_layouts_of_four_sizes_side_by_side_with_their_bills() -> None:
    scenario = load_scenario(shipped_scenarios()["layout-four-sizes"])
    merged = "profile=6.12 memmap_on_memory=Y"
    lines = compare_lines(compare(scenario, ["memmap=device", "memmap=memblock", merged]))
    runs = [line.split()[-1] for line in lines if "longest run   " in line]
    assert runs == ["126M", "252M", "1008M", "63G", *["126M"] * 8]
    heads = [line.split(None, 1)[1] for line in lines if line.startswith("    heads ")]
    assert heads[3] == "1 x (refcount 512, private 262144)"
    assert heads[7] == "512 x (refcount 1, private 512)"
    assert len(heads) == 8  # the merged design has none


def test_old_and_merged_shrinking_differ_in_spans_and_findings() -> None:
    text = "\n".join(frame("shrink-e1"))
    assert "zone 1 Movable spanned              98304             -" in text
    assert "A span-without-memory" in text
    assert "B none" in text


def test_the_same_partial_removal_breaks_one_kernel_only() -> None:
    lines = frame("partial-removal")
    findings = lines[lines.index("findings") :] if "findings" in lines else lines
    assert any(line.startswith("A dangling-memmap") for line in findings)
    assert "B none" in findings


if __name__ == "__main__":
    for case in CASES:
        text = "".join(f"{line}\n" for line in frame(case))
        (FRAMES / f"compare-{case}.txt").write_text(text, encoding="ascii")
