"""The README says what the program does, on one page."""

from __future__ import annotations

from pfnmap.engine.scenarios.run import run_scenario
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.tui.help.subcommands import SUBCOMMANDS
from tests.readme import PICTURE, README, indented_block, picture, renewed

TEXT = README.read_text(encoding="utf-8")


def test_it_is_one_page() -> None:
    assert TEXT.count("\n") <= 150


def test_the_topics_and_the_picture_are_current() -> None:
    """If not: ``python -m tests.readme``."""
    assert renewed(TEXT) == TEXT, "run: python -m tests.readme"
    assert picture(TEXT) == PICTURE.read_text(encoding="utf-8"), "run: python -m tests.readme"
    assert f"({PICTURE.relative_to(README.parent)})" in TEXT


def test_the_claim_holds() -> None:
    run = run_scenario(parse_scenario(indented_block(TEXT, "machine ram=1G"), "README"))
    assert len(run.claims) == 1
    assert run.failures == ()


def test_what_the_recipes_name_is_there() -> None:
    assert "pfnmap shrink-e1-old " in TEXT
    assert "shrink-e1-old" in shipped_scenarios()
    assert {"tour", "scenarios", "live", "plan", "capture", "check", "run"} <= set(SUBCOMMANDS)
