"""Completion of the ``:`` line."""

from __future__ import annotations

import pytest

from pfnmap.engine.commands import VERBS
from pfnmap.tui.keys.actions import completions


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("onl", ["online", "online_kernel", "online_movable"]),
        ("online ", ["online dimm0", "online dimm1", "online 33"]),
        ("online dimm0 ", ["online dimm0 kernel", "online dimm0 movable"]),
        ("online dimm0 m", ["online dimm0 movable"]),
        ("offline d", ["offline dimm0", "offline dimm1"]),
        ("set memmap", ["set memmap_on_memory="]),
        (
            "set memmap_on_memory=",
            [f"set memmap_on_memory={word}" for word in ("N", "Y", "force")],
        ),
        ("shrink Mov", ["shrink Movable"]),
        ("shrink Movable b", ["shrink Movable blocks="]),
        ("add dimm1 256M memmap=d", ["add dimm1 256M memmap=device"]),
        ("zoom s", ["zoom subsection", "zoom section"]),
        ("fail n", ["fail next"]),
        ("note x", []),
        ("nonsense ", []),
    ],
)
def test_what_may_follow(line: str, offered: list[str]) -> None:
    assert completions(line, ["dimm0", "dimm1", "33"], []) == offered


def test_an_empty_line_offers_every_verb() -> None:
    assert set(VERBS) <= set(completions("", [], []))


def test_rules_and_profiles_come_from_the_engine() -> None:
    assert "rule shrink=rfc2" in completions("rule shrink=", [], [])
    assert "compare profile=4.19" in completions("compare profile=4", [], [])
