"""The timeline of a guest whose kernel is played by the model: what is done, read and foreseen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.guest.errors import UnplayableError
from pfnmap.engine.guest.guest import Guest
from pfnmap.engine.guest.history import GuestHistory
from pfnmap.engine.guest.kernels import kernel_named
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.guest.scenario import script_of
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.engine.traces.trace import parse_trace
from pfnmap.engine.traces.verify import verify_trace
from tests.engine.guest.tools import image
from tests.engine.guest.tools import qemu as qemu  # a fixture


@contextmanager
def booted(text: str = "machine ram=1G", kernel: str = "6.12") -> Iterator[GuestHistory]:
    script = script_of(parse_scenario(text), "x86_64")
    with Guest.boot(kernel_named(kernel), script.hardware) as guest:
        waiting = [command for _, command in script.lines]
        yield GuestHistory(guest, Recorder.start(guest), waiting=waiting)


def done(session: GuestHistory, line: str) -> Outcome:
    command = parse_line(line)
    assert command is not None
    return session.record(session.carry_out(command))


def test_what_is_done_is_read_and_named_and_recorded(qemu: Path) -> None:
    with booted() as session:
        assert session.view.real and not session.read_only
        assert session.view.disagreements == ()
        assert "as the model foresaw" in done(session, "add dimm0 512M").output
        assert done(session, "online dimm0[0-1] movable").ok
        refused = done(session, "online 32")
        assert refused.errno == "EINVAL" and "online already" in str(refused.refusal)
        assert session.position == 3
        row = session.view.block(32)
        assert row is not None and (row.device, row.zone.label) == ("dimm0", "Movable")
        assert session.state.devices and session.predict(parse_line("remove dimm0")).ok  # type: ignore[arg-type]
        assert done(session, "remove dimm0").ok
        assert session.view.block(32) is None
        session.seek(2)
        assert session.view.block(33) is not None
        with pytest.raises(InputError, match="an earlier reading is shown"):
            done(session, "add dimm1 128M")
        session.seek(4)
        simulation = session.branch()
        assert simulation.view.nr_blocks == 8 and not simulation.view.real
        assert verify_trace(parse_trace(session.recording, "it")) == []
        assert not session.poll(), "nothing else has changed"


def test_what_the_kernel_does_otherwise_is_a_finding_with_both_values(qemu: Path) -> None:
    """Another kernel than the one it says it is."""
    image(qemu / "vmlinuz-4.19", {"profile": "4.19", "release": "6.12.0-fake"}, "6.12.7-other")
    with booted(kernel="6.12.7") as session:
        done(session, "add dimm0 256M")
        done(session, "online 32-33")
        outcome = done(session, "offline 32")
        words = "\n".join(outcome.notes)
        assert "the kernel says" in words and "the model foresaw" in words
        assert "to report: Linux 6.12.0-fake (emulation), command line 'console=ttyS0" in words
        assert ":save NAME.json" in words
        found = [each.text for each in session.view.findings]
        assert any(text.startswith("step ") and "the kernel says" in text for text in found)
        before = len(session.view.findings)
        done(session, "cat /sys/devices/system/memory/memory33/state")
        assert len(session.view.findings) == before, "what was found once is not found again"


def test_words_of_the_model_alone_are_refused_and_nothing_is_sent(qemu: Path) -> None:
    with booted() as session:
        with pytest.raises(UnplayableError, match="a real kernel places its allocations itself"):
            done(session, "pin 3")
        assert session.position == 0


def test_a_scenario_waits_to_be_stepped_through(qemu: Path) -> None:
    text = """machine ram=1G
set memmap_on_memory=Y
note "a DIMM"
add dimm0 256M
remove nobody
expect ok
"""
    with booted(text) as session:
        assert dict(session.view.params)["memmap_on_memory"] == "Y"
        while session.waiting:
            session.record(session.carry_out(session.waiting[0]))
        told = [each.command.text or each.command.words for each in session.outcomes]  # type: ignore[attr-defined]
        assert told[1] == "add dimm0 256M"
        assert told[2] == "passed over: no device nobody is plugged in"
        assert len(told) == 4


def test_what_the_guest_does_by_itself_is_a_step_and_in_the_recording(qemu: Path) -> None:
    with booted() as session:
        done(session, "add dimm0 256M")
        session.guest.run("echo online > /sys/devices/system/memory/memory32/state")
        assert session.poll()
        assert session.outcomes[-1].command.text.startswith("observed: memory32 state")
        assert session.state.blocks.at(32)["zone"] > 0  # type: ignore[index]
        steps = parse_trace(session.recording, "it").steps
        assert [each.do for each in steps] == ["hot-add", "observed"]
        outcome = done(session, "offline 32")
        assert outcome.output == ("as the model foresaw",), "\n".join(outcome.notes)
        for line in ("cat", "echo offline >"):
            session.guest.run("echo online > /sys/devices/system/memory/memory32/state")
            outcome = done(session, f"{line} /sys/devices/system/memory/memory32/state")
            assert "as the model foresaw" in outcome.output, "\n".join(outcome.notes)
        trace = parse_trace(session.recording, "it")
        assert [each.do for each in trace.steps[3:]] == ["observed", "shell", "write-state"]
        assert verify_trace(trace) == []
