"""Removal under the series of 2019 where a range is not removed as it was added."""

from __future__ import annotations

from tests.engine.tools import answers, booted


def told(*lines: str, profile: str = "memmap-v2") -> dict[str, str]:
    """What is broken, by code, after lines on a machine of 1 GiB."""
    machine = booted(f"machine ram=1G profile={profile}", *lines)
    return {finding.code: finding.text for finding in machine.state.findings}


def test_v3_checks_the_ranges_that_hold_their_own_struct_pages_and_no_others() -> None:
    lines = ("add a 256M memmap=ram", "add b 256M memmap=device")
    machine = booted("machine ram=1G profile=memmap-v3", *lines)
    assert answers(machine, "remove 32-34") == ["EINVAL"]
    (finding,) = machine.state.findings
    assert finding.code == "v3-bug" and "b was added as blocks 34-35" in finding.text
    machine = booted("machine ram=1G profile=memmap-v3", *lines)
    assert answers(machine, "remove 33", "remove 34-35", "remove 32") == [None, None, None]
    assert not machine.state.findings


def test_sections_without_marks_that_go_together_are_said_as_one_range() -> None:
    machine = booted("machine ram=1G profile=memmap-v2", "add a 5G memmap=ram")
    texts = [event.text for event in machine.run("remove a").events]
    assert [text for text in texts if text.endswith("freed at once")][15:] == [
        "sections 47-70: freed at once",
        "section 71: freed at once",
    ]


def test_one_section_loses_its_struct_pages_and_several_lose_theirs() -> None:
    lines = ("add a 384M memmap=device", "add b 256M memmap=device", "remove 32-33", "remove 35")
    assert "of section 34 are freed while its memory is still there" in told(*lines)["lost-memmap"]
    lines = ("add a 512M memmap=device", "add b 512M memmap=device", "remove 32-33", "remove 36-37")
    text = told(*lines)["lost-memmap"]
    assert "of sections 34-35 are freed while their memory is still there" in text


def test_a_section_behind_the_range_is_counted_against_a_foreign_head() -> None:
    lines = ("add a 256M memmap=device", "add b 256M memmap=device", "remove 32", "remove 34")
    assert "removal of section 34 is counted against" in told(*lines)["foreign-countdown"]
