"""A recording is shown as it was recorded; what the engine foresaw instead stands beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory.checks import broken_identities
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.session import Session
from pfnmap.engine.sources import trace_session
from pfnmap.engine.traces.trace import load_trace, parse_trace
from pfnmap.engine.traces.verify import compare
from tests.engine.sysroot.recorded import TRACES
from tests.examples import some

LIFE = Path("tests/traces/life-256m-plain.json")


def recording() -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(LIFE.read_bytes())
    return data


def opened(data: dict[str, Any]) -> Session:
    return trace_session(parse_trace(data, "r.json"))


def said(session: Session) -> list[str]:
    return [each.text for each in session.view.findings if each.code == "model-disagrees"]


@pytest.mark.parametrize("path", some(TRACES, 3), ids=lambda path: path.stem)
def test_a_recording_that_the_engine_foresees_is_shown_as_ever(path: Path) -> None:
    trace = load_trace(path)
    session = trace_session(trace)
    session.seek(len(session.outcomes))
    assert said(session) == []
    assert session.view.kernel_release == trace.kernel


def test_where_the_engine_differs_both_values_stand_there() -> None:
    data = recording()
    after = data["steps"][1]["after"]
    zone = next(z for z in after["zones"] if z["zone"] == "DMA32")
    engine, zone["managed"] = zone["managed"], zone["managed"] - 7
    block = after["blocks"][-1]
    block["valid_zones"] = ["Movable"]
    session = opened(data)
    session.seek(2)
    assert f"managed: the kernel says {zone['managed']}, the engine foresaw {engine}" in " ".join(
        said(session)
    )
    shown = {(row.zone.label, row.managed) for row in session.view.zones}
    assert ("DMA32", zone["managed"]) in shown
    row = session.view.block(block["id"])
    assert row is not None
    assert row.valid_zones == ("Movable",)
    assert row.zone_rule.startswith("recorded; the model foresees")


def test_another_answer_than_the_kernels_is_marked() -> None:
    data = recording()
    data["steps"][0]["result"] = "EPERM"
    session = opened(data)
    session.seek(1)
    last = session.last
    assert last is not None and last.refusal is not None
    assert (last.errno, last.refusal.function) == ("EPERM", "the recording")
    assert last.refusal.rule.endswith("the engine foresees success")


def test_steps_without_words_in_the_model_are_shown_and_gone_on_from() -> None:
    data = recording()
    for step in data["steps"][:2]:
        after, log = step["after"], step["log"]
        step.clear()
        step.update(do="device", cmd="qom-set", log=log, after=after, result=None)
    trace = parse_trace(data, "r.json")
    session = trace_session(trace)
    for number, step in enumerate(trace.steps, 1):
        session.seek(number)
        assert broken_identities(session.state) == []
        state = session.state
        left = [d for d in compare(number, step.after, state) if "valid_zones" not in d.field]
        assert left == []
    first = session.outcomes[0]
    assert first.command.text == "" or "qom-set" in first.command.text
    assert first.notes[0].startswith("not modelled: ")
    session.seek(1)
    assert any("the engine foresaw absent" in text for text in said(session))
    session.seek(len(session.outcomes))
    assert said(session) == []


def test_what_is_tried_behind_a_recorded_step_is_the_models() -> None:
    session = opened(recording())
    session.seek(1)
    command = parse_line("set online_policy=auto-movable")
    assert command is not None
    session.run(command)
    assert type(session.view) is ModelView
    session.undo()
    assert type(session.view) is not ModelView
