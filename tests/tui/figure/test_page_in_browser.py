"""The page in a real browser: keys alone are enough, and nothing is asked of anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pfnmap.engine.sources import open_source
from pfnmap.tui.figure.page import page
from tests.tui.browser import END, HOME, LEFT, NEEDS_CHROMIUM, RIGHT, TAB, Browser, chromium

pytestmark = NEEDS_CHROMIUM

STEPS = [
    "at the start",
    "step 2: add dimm0 1G at=0x140000000 node=1",
    "step 3: online 41 movable",
    "step 5: online 43 movable",
    "step 7: offline 43",
    "step 11: offline 41",
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the page of a session."""
    file: Path = tmp_path_factory.mktemp("page") / "x.html"
    file.write_text(page(open_source("shrink-e1-merged"), "the title"), "utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def heading(browser: Browser) -> str:
    return str(browser.run("return document.querySelector('#moment h2').textContent"))


def test_keys_are_enough_and_no_request_leaves_the_file(window: Browser, address: str) -> None:
    window.requests()
    window.open(address)
    assert heading(window) == STEPS[-1]
    window.press(LEFT)
    assert heading(window) == STEPS[-2]
    window.press(HOME, RIGHT, "]")
    assert heading(window) == STEPS[2]
    window.press(END, "[")
    assert heading(window) == STEPS[-2]
    # The slider is reached with Tab and moves as any slider does.
    for _ in range(5):
        window.press(TAB)
    assert window.run("return document.activeElement.id") == "at"
    window.press(LEFT)
    assert heading(window) == STEPS[3]
    assert window.run("return document.activeElement.getAttribute('aria-valuetext')") == STEPS[3]
    assert window.run("return document.getElementById('where').textContent") == "4 of 6"
    # Behind it come the pieces; the one that has the focus is explained, and keeps it.
    window.press(TAB, TAB, TAB, TAB)
    said = window.run("return document.getElementById('words').textContent")
    assert said.startswith("block 41; pfn 0x148000")
    assert "zone Movable, node 1" in said
    window.press(RIGHT)
    assert heading(window) == STEPS[4]
    assert window.run("return document.activeElement.dataset.words") is not None
    # Phases stand before their step.
    window.run("document.getElementById('phases').click()")
    window.press("[")
    assert re.match(r"step 7\.\d+: ", heading(window))
    window.press(HOME, " ")
    assert window.run("return document.getElementById('play').textContent") == "stop"
    window.press(" ")
    assert window.run("return document.getElementById('play').textContent") == "play"
    assert {url.partition(":")[0] for url in window.requests()} == {"file"}


def test_whoever_cannot_see_is_told(window: Browser, address: str) -> None:
    window.open(address)
    window.command("Accessibility.enable")
    nodes: list[dict[str, Any]] = window.command("Accessibility.getFullAXTree")["nodes"]
    known = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    }
    assert {("slider", "step"), ("button", "play"), ("checkbox", "phases")} <= known
    assert {("navigation", "steps"), ("heading", STEPS[-1]), ("main", "")} <= known
    assert any(role == "figure" and "Movable of node 1 is empty" in name for role, name in known), (
        sorted(known)
    )
    assert ("table", "pages of each node and zone") in known
    assert sum(role == "status" for role, _ in known) >= 1


def test_on_paper_stand_all_steps_and_without_script_the_last(
    window: Browser, address: str
) -> None:
    window.open(address)
    window.command("Emulation.setEmulatedMedia", media="print")
    shown = window.run(
        "window.dispatchEvent(new Event('beforeprint'));"
        "return [...document.querySelectorAll('h2')].filter((h) => h.offsetHeight)"
        ".map((h) => h.textContent)"
    )
    assert shown == STEPS
    wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert window.run(wide)
    window.command("Emulation.setEmulatedMedia", media="")
    window.command("Emulation.setScriptExecutionDisabled", value=True)
    window.open(address)
    root = window.command("DOM.getDocument")["root"]["nodeId"]
    text = window.command("DOM.getOuterHTML", nodeId=root)["outerHTML"]
    window.command("Emulation.setScriptExecutionDisabled", value=False)
    assert '<nav hidden=""' in text
    assert f'<h2 id="what">{STEPS[-1]}</h2>' in text.partition("<script")[0]
