"""The model against kernels that are booted for it: ``pytest -m kernel``."""

from __future__ import annotations

import pytest

from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.guest.verbs import perform
from pfnmap.engine.traces.trace import parse_trace, trace_bytes
from pfnmap.engine.traces.verify import verify_trace
from tests.kernel.boots import VERSIONS, boot, why_not
from tests.kernel.boots import script as script_of
from tests.kernel.foresight import BUSY, TYPE, judge
from tests.kernel.series import SERIES, record, recorded_moments

pytestmark = pytest.mark.kernel

LIFE = """
machine ram=1G memmap_on_memory=Y
add dimm0 256M
online dimm0[1] movable
online dimm0[0]
echo online_kernel > /sys/devices/system/memory/memory32/state
offline dimm0[1]
echo 1 > /sys/devices/system/memory/memory33/online
offline dimm0[0]
remove dimm0
"""

SPANS = """
machine ram=1G nodes=2 memmap_on_memory=N
add dimm0 256M at=0x100000000 node=1
add dimm1 128M at=0x120000000
set auto_online_blocks=online_movable
add dimm2 384M at=0x140000000 node=1
online dimm0 movable
online dimm1 movable
offline dimm2[1]
offline dimm2[0]
offline dimm0[0]
online dimm2[0]
remove dimm0
remove dimm2
remove dimm1
"""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scenario", [LIFE, SPANS], ids=["life", "spans"])
def test_model_agrees_with_kernel(version: str, scenario: str) -> None:
    if reason := why_not(version):
        pytest.skip(reason)
    script = script_of(scenario.strip().splitlines())
    with boot(version, script) as guest:
        recorder = Recorder.start(guest)
        for _line, command in script.lines:
            perform(recorder, command)
    assert len(recorder.steps) >= len(script.lines)
    assert verify_trace(parse_trace(trace_bytes(recorder.trace), "recorded")) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SERIES)
def test_plan_foresees_what_the_kernel_does(version: str, name: str) -> None:
    """The tree captured before each operation, and the plan for it, against the tree after."""
    if reason := why_not(version):
        pytest.skip(reason)
    recorder = record(version, SERIES[name].splitlines())
    moments = list(recorded_moments(recorder))
    assert len(moments) == len(recorder.operations)
    for moment in moments:
        verdict = judge(moment.before, moment.operation, moment.after)
        assert verdict.deviations == (), moment.operation.line
        assert not verdict.excuse or any(part in verdict.excuse for part in (BUSY, TYPE))
