"""What every operation does to the machine, phase by phase.

The expectations are text, ``phases/*.txt`` (see ``transcript``); ``UPDATE_SNAPSHOTS=1`` writes
them anew, to be read against the kernel's source before they are kept.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.operations.transcript import Case, cases, retold

FILES = sorted((Path(__file__).parent / "phases").glob("*.txt"))
CASES = [(path, case) for path in FILES for case in cases(path)]


@pytest.mark.parametrize(
    ("path", "case"), CASES, ids=[f"{path.stem}: {case.title}" for path, case in CASES]
)
def test_phases(path: Path, case: Case) -> None:
    if os.environ.get("UPDATE_SNAPSHOTS") and case == cases(path)[0]:
        path.write_text(retold(path), "utf-8")
    if not os.environ.get("UPDATE_SNAPSHOTS"):
        assert case.told() == "\n".join(case.lines)


def test_titles_are_unique() -> None:
    titles = [(path, case.title) for path, case in CASES]
    assert len(set(titles)) == len(titles)
