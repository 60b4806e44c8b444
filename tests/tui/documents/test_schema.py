"""Every JSON document that pfnmap prints is as its type says, and so as its schema."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import msgspec
import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.capture import FORMATS
from pfnmap.tui.cli import main
from pfnmap.tui.documents.schema import schema, schema_names
from pfnmap.tui.help.subcommands import SUBCOMMANDS
from pfnmap.tui.settings.state_directory import state_directory
from pfnmap.tui.text.blocks import COLUMNS
from tests.engine.sysroot.trees import x86_tree
from tests.tui.cli.test_cast import session
from tests.tui.documents.tools import decoded

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


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("pfnmap-view-1", ["show", "{story}", "--json", "--format", "1", "--step", "last"]),
        ("pfnmap-view-2", ["show", "{story}", "--json", "--step", "last"]),
        ("pfnmap-view-2", ["show", "--json", "--format", "2"]),
        ("pfnmap-run-1", ["run", "{story}", "--json"]),
        ("pfnmap-diff-1", ["run", "{story}", "--json", "--diff", "--steps", "all"]),
        ("pfnmap-diff-1", ["run", "{story}", "--json", "--diff", "--steps", "0"]),
        ("pfnmap-compare-1", ["compare", "{story}", "--with", "profile=6.1", "--json"]),
        ("pfnmap-sessions-1", ["sessions", "--json"]),
        ("pfnmap-config-1", ["config", "--json"]),
        ("pfnmap-view-1", ["show", "{root}", "--json", "--format", "1"]),
        ("pfnmap-view-2", ["show", "{root}", "--json"]),
        ("pfnmap-blocks-1", ["blocks", "--root", "{root}", "--json"]),
        ("pfnmap-blocks-1", ["blocks", "--root", "{root}", "--json", "--output-all", "-b"]),
        ("pfnmap-plan-1", ["plan", "--root", "{root}", "--json", "-c", "offline 33"]),
        ("pfnmap-plan-1", ["plan", "--root", "{root}", "--json", "-c", "offline 0"]),
    ],
)
def test_what_is_printed_is_as_its_type_says(
    name: str, arguments: list[str], story: str, root: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session(state_directory(os.environ), ["add dimm0 256M"])
    main([word.format(story=story, root=root) for word in arguments])
    decoded(capsys.readouterr().out, name)


def test_a_new_key_a_lost_one_and_another_order_are_noticed() -> None:
    paths = dict.fromkeys(("config", "settings", "themes", "state"), "/")
    document = {"format": "pfnmap-config-1", **paths}
    decoded(json.dumps(document), "pfnmap-config-1")
    for wrong in ({**document, "new": 1}, paths, {**paths, "format": "pfnmap-config-1"},
                  {**document, "state": 3}, {**document, "format": "pfnmap-config-2"}):  # fmt: skip
        with pytest.raises((AssertionError, msgspec.ValidationError)):
            decoded(json.dumps(wrong), "pfnmap-config-1")


def test_the_schema_of_blocks_has_every_column_in_the_words_of_the_help() -> None:
    row = json.loads(schema("pfnmap-blocks-1"))["$defs"]["MemoryRow"]["properties"]
    assert {name: about["description"] for name, about in row.items()} == {
        name.lower(): words for name, words in COLUMNS.items()
    }


def test_every_json_option_has_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """What help says that it prints has one, and nothing else has."""
    named = {"pfnmap-run-1", "pfnmap-diff-1"}  # of `run`, which prints one or the other
    named |= set(FORMATS)
    for name in SUBCOMMANDS:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        shown = " ".join(capsys.readouterr().out.split())
        if "--json" in shown and name != "run":
            named.update(re.findall(r"pfnmap-[a-z]+-[12]", shown))
    assert set(schema_names()) == named


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_is_named_by_its_format_and_explains_itself(name: str) -> None:
    made = json.loads(schema(name))
    top = made["$defs"][made["$ref"].removeprefix("#/$defs/")]
    assert made["$id"] == f"{name}.json"
    assert top["properties"]["format"]["enum"] == [name]
    assert name in FORMATS or top["required"] == list(top["properties"])
    assert all(kind["description"] for kind in made["$defs"].values())


def test_the_strings_under_fields_are_descriptions() -> None:
    blocks = json.loads(schema("pfnmap-view-1"))["$defs"]["BlocksData"]["properties"]
    assert blocks["zone"]["description"] == "``none`` for an offline block."
    assert "description" not in blocks["node"]


def test_a_name_that_is_no_format_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"^schema 'view': expected one of pfnmap-blocks-1, "):
        schema("view")
