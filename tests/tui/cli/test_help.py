"""``pfnmap help``: topics, subcommands, verbs, words, and looking for them."""

from __future__ import annotations

import json

import pytest

from pfnmap.engine.language.grammar import help_lines
from pfnmap.tui.cli import main
from pfnmap.tui.documents.schema import schema_names
from pfnmap.tui.help.subcommands import SUBCOMMANDS
from pfnmap.tui.help.topics import text, topics


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["help", *words]) == 0
    return capsys.readouterr().out


def test_alone_it_lists_the_topics_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys).splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(topics())
    assert all(len(line) <= 80 for line in lines)


def test_a_topic_is_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "keys") == text("keys")


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_about_a_subcommand_it_prints_its_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    usage = capsys.readouterr().out
    assert printed(capsys, name).endswith(usage)


def test_about_a_verb_it_says_what_the_colon_line_says(capsys: pytest.CaptureFixture[str]) -> None:
    said = printed(capsys, "offline").splitlines()
    assert said[: len(help_lines("offline"))] == help_lines("offline")
    assert "  keys: f d" in said
    assert printed(capsys, "online_movable").startswith("online REF ")


def test_about_a_word_on_the_screen_it_says_what_it_means(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(capsys, "broken").startswith("broken: Its struct page is gone or wrong")
    assert printed(capsys, "pageblock").startswith("pageblock: The pages that share a migrate ")


def test_schemas_are_listed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(printed(capsys, "schema").split()) == schema_names()
    assert json.loads(printed(capsys, "schema", "pfnmap-view-1"))["$id"] == "pfnmap-view-1.json"


def test_a_search_names_the_topic_of_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "--search", "kpageflags").splitlines()
    assert found == [
        "real-machines: As root, `live` also shows what single pages are (`/proc/kpageflags`,"
    ]
    assert main(["help", "--search", "x\x1by"]) == 1
    assert capsys.readouterr().err == "pfnmap: --search x\\x1by: no topic has a line with it\n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["nope"], "nope: no topic, subcommand, verb or word; see pfnmap help"),
        (["\x1b[31m"], "\\x1b[31m: no topic"),
        (["show", "run"], "show run: name one thing at a time"),
        (["schema", "nope"], "schema 'nope': expected one of pfnmap-blocks-1, "),
        (["--frob"], "unrecognized arguments: --frob; see pfnmap help --help"),
        (["keys", "--search", "x"], "--search looks through all topics; name none beside it"),
    ],
)
def test_anything_else_is_refused(
    words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *words]) == 2
    said = capsys.readouterr().err
    assert problem in said
    assert said.count("\n") == 1
    assert "\x1b" not in said
