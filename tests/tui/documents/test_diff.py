"""The difference of two machines as data: what changed and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pfnmap.tui.cli import main


def diffs(capsys: pytest.CaptureFixture[str], *lines: str, steps: str = "all") -> list[Any]:
    commands = [word for line in ("machine ram=1G", *lines) for word in ("-c", line)]
    assert main(["run", *commands, "--json", "--diff", "--steps", steps]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "pfnmap-diff-1"
    return list(document["steps"])


def test_blocks_that_appear_change_and_go(capsys: pytest.CaptureFixture[str]) -> None:
    steps = diffs(capsys, "add d 512M", "online d[1-2] movable", "offline d[2]", "remove d[2-3]")
    seen = [
        [
            (c["first"], c["last"], *(row and row["state"] for row in (c["before"], c["after"])))
            for c in step["blocks"]
        ]
        for step in steps
    ]
    assert seen == [
        [(32, 35, None, "offline")],
        [(32, 32, "offline", "offline"), (33, 34, "offline", "online"), (35, 35, *["offline"] * 2)],
        [
            (32, 32, "offline", "offline"),
            (34, 34, "online", "offline"),
            (35, 35, "offline", "offline"),
        ],
        [(34, 35, "offline", None)],
    ]
    # Of a neighbour only the zones it may go to have changed.
    before, after = steps[1]["blocks"][0]["before"], steps[1]["blocks"][0]["after"]
    changed = {key for key in before if before[key] != after[key]}
    assert changed <= {"valid_zones", "zone_rule"}
    assert [step["step"] for step in steps] == [1, 2, 3, 4]


def test_zones_nodes_and_resources(capsys: pytest.CaptureFixture[str]) -> None:
    added, online = diffs(capsys, "add d 128M", "online d movable")
    assert [row["start"] for row in added["resources_new"]] == [4 << 30]
    assert added["resources_gone"] == []
    (zone,) = online["zones"]
    assert (zone["before"]["spanned"], zone["after"]["spanned"]) == (0, 32768)
    (node,) = online["nodes"]
    assert node["after"]["present"] - node["before"]["present"] == 32768


def test_parameters_and_what_was_refused(capsys: pytest.CaptureFixture[str]) -> None:
    changed, refused = diffs(capsys, "set memmap_on_memory=Y", "add d 1M")
    assert changed["params"] == [{"name": "memmap_on_memory", "before": "N", "after": "Y"}]
    assert refused["errno"] == "EINVAL"
    for what in ("zones", "nodes", "blocks", "params", "resources_new", "findings_new"):
        assert refused[what] == []


def test_findings(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["rule memmap=device", "rule removal=forward", "add d 256M", "online d", "offline d",
             "remove d[0]"]  # fmt: skip
    *_, last = diffs(capsys, *lines)
    assert last["findings_new"]
    assert last["findings_gone"] == []


def test_boot_changes_nothing_and_steps_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert diffs(capsys, "add d 128M", steps="0") == []
    (last,) = diffs(capsys, "add d 128M", "online d", steps="last")
    assert (last["step"], last["command"]) == (2, "online d")
