"""Claims written down from a machine hold on it, cover what changed, and can fail."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pfnmap.engine.commands import Expect
from pfnmap.engine.errors import ParseError
from pfnmap.engine.scenarios.generated import with_expectations
from pfnmap.engine.scenarios.run import run_scenario
from pfnmap.engine.scenarios.scenario import (
    Scenario,
    build_scenario,
    format_scenario,
    load_scenario,
    parse_scenario,
)
from pfnmap.engine.sources import scenario_session, shipped_scenarios
from tests.examples import some

LIFE = (
    "machine ram=1G nodes=2 memmap_on_memory=Y  # two nodes\n"
    "add d0 512M\nadd d1 256M node=1\n\n"
    "online d0[1-2] movable  # two of four\n"
    "online d1\npin d1[0]\nremove d1\nunpin d1[0]\nremove d1\noffline d0[1]\n"
)


def written(text: str) -> list[str]:
    """The scenario with claims behind each step, as its file's lines."""
    return format_scenario(with_expectations(parse_scenario(text), each_step=True)).splitlines()


def without_claims(scenario: Scenario) -> Scenario:
    body = tuple(line for line in scenario.body if not isinstance(line.command, Expect))
    return replace(scenario, body=body)


def test_each_step_is_followed_by_how_it_ended_and_what_it_changed() -> None:
    lines = written(
        "machine ram=1G memmap_on_memory=Y\nadd d 256M\nonline d[1] movable\nremove d\n"
    )
    assert lines[1:13] == [
        "add d 256M",
        "expect ok",
        'expect block 32-33 state=offline node=0 valid_zones="Normal Movable" vmemmap=512',
        "online d[1] movable",
        "expect ok",
        "expect zone Movable start=0x108000 spanned=32768 present=32768 managed=32256",
        "expect block 33 state=online zone=Movable node=0 valid_zones=Movable vmemmap=512",
        "remove d",
        "expect ok",
        "expect zone Movable start=0x0 spanned=0 present=0 managed=0",
        "expect block 32-33 exists=false",
        "expect zone DMA start=0x1 spanned=4095 present=4095 managed=4095",
    ]


def test_a_refused_step_is_claimed_with_its_errno() -> None:
    lines = written(LIFE)
    at = lines.index("remove d1")
    assert lines[at + 1] == "expect errno=EBUSY"


def test_comments_and_blank_lines_stay() -> None:
    lines = written(LIFE)
    assert lines[0] == "machine ram=1G nodes=2 memmap_on_memory=Y  # two nodes"
    assert "online d0[1-2] movable  # two of four" in lines
    assert "" in lines


@pytest.mark.parametrize("each_step", [False, True])
def test_what_is_claimed_holds(each_step: bool) -> None:
    claiming = with_expectations(parse_scenario(LIFE, "life"), each_step=each_step)
    run = run_scenario(parse_scenario(format_scenario(claiming), "life"))
    assert run.failures == ()
    assert len(run.claims) > (20 if each_step else 5)


@pytest.mark.parametrize("name", some(shipped_scenarios(), 8))
def test_what_is_claimed_of_a_shipped_scenario_holds(name: str) -> None:
    scenario = without_claims(load_scenario(shipped_scenarios()[name]))
    run = run_scenario(with_expectations(scenario, each_step=True))
    assert run.failures == ()


def test_claims_of_steps_notice_another_rule() -> None:
    claiming = format_scenario(with_expectations(parse_scenario(LIFE), each_step=True))
    other = claiming.replace("memmap_on_memory=Y", "memmap_on_memory=N")
    assert not run_scenario(parse_scenario(other)).ok


def test_a_line_that_cannot_be_done_is_named() -> None:
    with pytest.raises(ParseError, match=r"^f:2:8: d: there is no device"):
        with_expectations(parse_scenario("machine\nonline d\n", "f"))


def test_a_session_of_a_saved_scenario_is_saved_as_the_same_bytes() -> None:
    def saved(text: str, source: str) -> str:
        session = scenario_session(parse_scenario(text, source))
        session.seek(len(session.outcomes))
        assert session.start_command is not None
        commands = [outcome.command for outcome in session.outcomes]
        return format_scenario(build_scenario(session.start_command, commands, title=session.title))

    first = saved(LIFE, "/home/me/first.hotplug")
    assert saved(first, "second.hotplug") == first
    assert "title" not in first
    titled = saved(first.replace("\n", '\ntitle "mine"\n', 1), "a.hotplug")
    assert saved(titled, "b.hotplug") == titled
    assert titled.count("title") == 1
