"""The guide for contributors names files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(\.?(?:engine|themes|tui|tests|ci|github|names)/[^`*]*)`", TEXT)))


@pytest.mark.parametrize("name", NAMED)
def test_a_file_that_it_names_is_there(name: str) -> None:
    assert (ROOT / name).exists()


def test_it_answers_every_question_with_a_file() -> None:
    _, table = TEXT.split("| question | file |\n|---|---|\n")
    rows = table.partition("\n\n")[0].splitlines()
    assert len(rows) == 16
    assert all(re.fullmatch(r"\| [^|]+\? \| `[a-z_/]+\.(py|toml)`[^|]* \|", row) for row in rows)


def test_it_lists_the_rooms_that_there_are() -> None:
    listed = set(re.findall(r"([a-z]+)/", TEXT.partition("## Rooms")[2].partition("`pfnmap`")[0]))
    rooms = {path.name for top in ("engine", "tui") for path in (ROOT / top).iterdir()
             if (path / "__init__.py").exists()}  # fmt: skip
    assert rooms - {"settings", "terminal", "testing"} <= listed
