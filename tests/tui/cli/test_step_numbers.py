"""One number for a step everywhere: every command but ``machine``, notes and claims included."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.tui.cli import main
from pfnmap.tui.testing import render

STORY = """\
title "a DIMM comes and goes"
machine ram=1G
note "first a DIMM"
add d 256M
expect device d usable=256M
online d
note "and now"
goto block 33
zoom section
pause 1s
offline d
note "gone"
expect ok
"""
NR_STEPS = 12
FOR_THE_MACHINE = (3, 5, 10)


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("story.hotplug").write_text(STORY)
    return "story.hotplug"


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def titles(text: str) -> list[str]:
    return re.findall(r"step \d+ of \d+", text)


def test_the_end_is_the_same_step_everywhere(
    story: str, capsys: pytest.CaptureFixture[str]
) -> None:
    last = [f"step {NR_STEPS} of {NR_STEPS}"]
    assert titles(printed(capsys, "show", story, "--step", "last")) == last
    assert titles(printed(capsys, "run", story, "--text")) == last
    picture = printed(capsys, "export", story, "-o", ".txt", "--size", "120x40")
    assert picture.splitlines()[0].endswith(f"step {NR_STEPS}/{NR_STEPS}")


def test_any_number_shows_the_same_machine_to_show_and_to_run(
    story: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (0, 1, 3, 4, 5, 9, NR_STEPS):
        shown = printed(capsys, "show", story, "--step", str(number)).splitlines()
        ran = printed(capsys, "run", story, "--text", "--steps", str(number)).splitlines()
        assert ran[1] == f"step {number} of {NR_STEPS}"
        # A frame's first line names where the machine comes from, and zoom is of the session.
        assert ran[2:] == shown[2:]


def test_any_number_shows_the_same_machine_in_a_picture(story: str) -> None:
    text = render(story, size=(80, 24), step=NR_STEPS)
    assert text.splitlines()[0].endswith(f"step {NR_STEPS}/{NR_STEPS}")
    assert text == render(story, size=(80, 24))
    with pytest.raises(InputError, match=r"^step 13: the scenario has steps 0 \(at boot\) to 12$"):
        render(story, step=13)
    with pytest.raises(InputError, match=r"^step -1: "):
        render(story, step=-1)


def test_the_log_of_a_picture_has_the_numbers_of_the_session(story: str) -> None:
    text = render(story, size=(120, 100), step=4)
    assert text.splitlines()[0].endswith("step 4/4")
    assert "#3 add d 256M" in text
    assert re.search(r"#4 expect device d usable=256M +holds$", text, re.MULTILINE)
    assert "#5 online d: ok" in render(story, size=(120, 100), step=5)


def test_notes_and_claims_leave_marked_what_the_step_before_changed() -> None:
    told = "machine ram=1G\nadd d 256M\n"
    rows = [
        [row for row in render(text, size=(100, 30)).splitlines() if "▸" in row]
        for text in (told, told + 'note "look"\nexpect ok\n')
    ]
    assert rows[0]
    assert rows[0] == rows[1]


def test_a_title_in_front_of_the_machine_does_not_hide_it(story: str) -> None:
    boot = render(story, size=(120, 40), step=0)
    assert boot.splitlines()[0].endswith("step 0/0")
    assert "262143" in boot  # pages of 1 GiB, as the machine line says
    assert "a DIMM comes and goes" in boot


def test_all_are_the_steps_for_the_machine_by_their_numbers(
    story: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(capsys, "run", story, "--text", "--steps", "all")
    assert titles(out) == [f"step {n} of {NR_STEPS}" for n in (0, *FOR_THE_MACHINE)]
    out = printed(capsys, "run", story, "--diff", "--steps", "all")
    heads = [line for line in out.splitlines() if line.startswith(("--- ", "+++ "))]
    assert heads == [
        f"{sign} step {n}"
        for last in FOR_THE_MACHINE
        for sign, n in (("---", last - 1), ("+++", last))
    ]
    document = json.loads(printed(capsys, "run", story, "--json", "--diff", "--steps", "all"))
    assert [step["step"] for step in document["steps"]] == list(FOR_THE_MACHINE)


def test_a_note_makes_no_difference_and_the_last_difference_is_the_machines(
    story: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(capsys, "run", story, "--diff", "--steps", "0,2,4,12").strip() == ""
    document = json.loads(printed(capsys, "run", story, "--json", "--diff", "--steps", "4,5,6"))
    assert [step["command"] for step in document["steps"]] == ["online d"]
    assert "+++ step 10\n" in printed(capsys, "run", story, "--diff")
    document = json.loads(printed(capsys, "run", story, "--json", "--diff"))
    assert [step["step"] for step in document["steps"]] == [10]


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--text", "--steps", "13"],
        ["run", "--json", "--diff", "--steps", "0,13"],
        ["show", "--step", "13"],
        ["export", "-o", ".txt", "--step", "13"],
    ],
)
def test_what_is_too_high_is_told_the_highest(
    words: list[str], story: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([words[0], story, *words[1:]]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.rstrip().endswith(" to 12")


def test_what_is_said_at_the_end_is_told_at_the_end(
    story: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(capsys, "run", story).splitlines()
    assert lines[-1] == "# gone"
    assert lines.index("# and now") > lines.index("$ online d")
