"""Every JSON document that pfnmap prints is as its published schema says."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pfnmap.tui.cli import main
from pfnmap.tui.documents.diff import FORMAT as DIFF_FORMAT
from pfnmap.tui.documents.diff import DiffData
from pfnmap.tui.documents.view import FORMAT, ViewData
from pfnmap.tui.help.subcommands import SUBCOMMANDS
from pfnmap.tui.settings.state_directory import state_directory
from pfnmap.tui.text.blocks_table import COLUMNS
from tests.engine.sysroot.trees import x86_tree
from tests.tui.cli.test_cast import session
from tests.tui.documents.schema_tools import SCHEMAS, load, problems, schema_of

STORY = (
    "machine ram=1G memmap_on_memory=Y\nadd dimm0 256M\nonline dimm0[0] movable\npin dimm0[0]\n"
    "offline dimm0[0]\n"
)


@pytest.fixture
def story(tmp_path: Path) -> str:
    file = tmp_path / "story.hotplug"
    file.write_text(STORY)
    return str(file)


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(x86_tree(tmp_path / "root").root)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(list(arguments))
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_the_schema_of_a_view_is_its_types() -> None:
    expected = schema_of(ViewData, FORMAT)
    expected["properties"]["extents"]["items"] |= {"minItems": 2, "maxItems": 2}
    assert load(f"{FORMAT}.json") == expected


def test_the_schema_of_a_diff_is_its_types() -> None:
    assert load(f"{DIFF_FORMAT}.json") == schema_of(DiffData, DIFF_FORMAT)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("pfnmap-view-1", ["show", "{story}", "--json", "--step", "last"]),
        ("pfnmap-view-1", ["show", "--json"]),
        ("pfnmap-run-1", ["run", "{story}", "--json"]),
        ("pfnmap-diff-1", ["run", "{story}", "--json", "--diff", "--steps", "all"]),
        ("pfnmap-diff-1", ["run", "{story}", "--json", "--diff", "--steps", "0"]),
        ("pfnmap-compare-1", ["compare", "{story}", "--with", "profile=6.1", "--json"]),
        ("pfnmap-sessions-1", ["sessions", "--json"]),
        ("pfnmap-config-1", ["config", "--json"]),
        ("pfnmap-view-1", ["show", "{root}", "--json"]),
        ("pfnmap-blocks-1", ["blocks", "--root", "{root}", "--json"]),
        ("pfnmap-blocks-1", ["blocks", "--root", "{root}", "--json", "--output-all", "-b"]),
        ("pfnmap-plan-1", ["plan", "--root", "{root}", "--json", "-c", "offline 33"]),
        ("pfnmap-plan-1", ["plan", "--root", "{root}", "--json", "-c", "offline 0"]),
    ],
)
def test_what_is_printed_is_as_the_schema_says(
    name: str, arguments: list[str], story: str, root: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session(state_directory(os.environ), ["add dimm0 256M"])
    schema = load(f"{name}.json")
    document = printed(capsys, *(word.format(story=story, root=root) for word in arguments))
    assert document["format"] == name
    assert problems(document, schema, schema) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d["end"]["zones"][0].update(spanned="many"), "$.end.zones[0].spanned"),
        (lambda d: d["end"]["blocks"][0].update(zone=None), "$.end.blocks[0].zone"),
        (lambda d: d["end"]["extents"][0].append(1), "$.end.extents[0]"),
        (lambda d: d["end"].update(new=1), "$.end.new"),
        (lambda d: d["steps"][0].pop("events"), "$.steps[0].events"),
        (lambda d: d["steps"][-1]["refusal"].update(errno=16), "$.steps[3].refusal"),
        (lambda d: d.update(format="pfnmap-run-2"), "$.format"),
    ],
)
def test_the_check_finds_what_is_wrong(
    change: Callable[[Any], object], place: str, story: str, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = load("pfnmap-run-1.json")
    document = printed(capsys, "run", story, "--json")
    change(document)
    (problem,) = problems(document, schema, schema)
    assert problem.startswith(f"{place}: ")


def test_the_schema_of_blocks_has_every_column_in_the_words_of_the_help() -> None:
    row = load("pfnmap-blocks-1.json")["properties"]["memory"]["items"]["properties"]
    assert {name: about["description"] for name, about in row.items()} == {
        name.lower(): words for name, words in COLUMNS.items()
    }


def test_the_schema_of_config_is_all_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    schema = load("pfnmap-config-1.json")
    document = printed(capsys, "config", "--json")
    assert list(document) == schema["required"] == list(schema["properties"])
    for path in list(document)[1:]:
        changed = {**document, path: None}
        (problem,) = problems(changed, schema, schema)
        assert problem.startswith(f"$.{path}: ")


def test_every_json_option_has_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """What help says that it prints is in the directory of schemas, and nothing else is."""
    named = {"pfnmap-run-1", "pfnmap-diff-1"}  # of `run`, which prints one or the other
    for name in SUBCOMMANDS:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        shown = " ".join(capsys.readouterr().out.split())
        if "--json" in shown and name != "run":
            (found,) = re.findall(r"pfnmap-[a-z]+-1", shown)
            named.add(found)
    assert {file.stem for file in SCHEMAS.iterdir()} == named


def test_schemas_are_named_by_their_format() -> None:
    for file in SCHEMAS.iterdir():
        schema = json.loads(file.read_text())
        assert schema["$id"] == file.name
        assert schema["properties"]["format"] == {"const": file.stem}
        assert "description" in schema
