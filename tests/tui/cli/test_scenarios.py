"""The list of the scenarios that come with the program."""

from __future__ import annotations

import pytest

from pfnmap.engine.sources import shipped_scenarios
from pfnmap.tui.cli import main
from pfnmap.tui.cli.scenarios import FIRST, GROUPS


def test_each_scenario_stands_in_one_group_and_some_are_to_start_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = list(shipped_scenarios())
    assert set(FIRST) <= set(names)
    for name in names:
        assert sum(name.startswith(beginnings) for beginnings in GROUPS.values()) == 1, name
    assert main(["scenarios"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("to start with: pfnmap ")
    assert sorted(line.split()[0] for line in lines if "  " in line) == names
    post = next(i for i, line in enumerate(lines) if line.startswith("[PATCH v2 0/5]"))
    assert "v2-knob" in " ".join(lines[post:]).split()
    assert set(GROUPS) <= set(lines)


def test_scenarios_are_found_by_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenarios", "--source", "hildenbrand"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Spans of zones and nodes that shrink" in lines
    assert all("David Hildenbrand" in line for line in lines if line.startswith("  source: "))
    assert main(["scenarios", "--source", "nobody \x1b"]) == 2
    assert 'no scenario has a source with "nobody \\x1b"' in capsys.readouterr().err
