"""The model against every recorded kernel: what its files show is foreseen, planned and explained.

The files of each moment are made once, for all that is asked of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pfnmap.engine.memory.alike import alike
from pfnmap.engine.memory.checks import broken_identities
from pfnmap.engine.operations.offline import offline_obstacle
from pfnmap.engine.operations.zone_policy import valid_zones
from pfnmap.engine.params import Params
from pfnmap.engine.sysroot import read_blocks
from pfnmap.engine.sysroot.explain import explain
from pfnmap.engine.sysroot.plan import plan
from pfnmap.engine.sysroot.read import Reader, observe
from pfnmap.engine.sysroot.trees import TextTree
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.traces.replay import step_commands
from pfnmap.engine.traces.trace import RecordedState, RecordedStep, Trace, load_trace
from tests.engine.sysroot.recorded import TRACES, params_after, recorded_files, recorded_view
from tests.examples import some


class Recording(NamedTuple):
    """A recording, and what the program sees of the machine at boot and after each step."""

    trace: Trace
    views: list[SysrootView]

    def steps(self) -> Iterator[tuple[int, RecordedStep, SysrootView, SysrootView]]:
        """Number, step, and the machine before and after it."""
        numbers = range(1, len(self.views))
        yield from zip(numbers, self.trace.steps, self.views, self.views[1:], strict=False)


@pytest.fixture(scope="module", params=some(TRACES, 3), ids=lambda path: path.stem)
def recording(request: pytest.FixtureRequest) -> Recording:
    path: Path = request.param
    trace = load_trace(path)
    params, views = trace.params, [recorded_view(trace, trace.boot)]
    for step in trace.steps:
        params = params_after(params, step)
        views.append(recorded_view(trace, step.after, params))
    return Recording(trace, views)


def test_every_step_is_foreseen_from_the_files(recording: Recording) -> None:
    for number, _, before, after in recording.steps():
        findings = [finding.text for finding in explain(before, after).findings]
        assert (number, findings) == (number, [])


def test_writes_were_answered_as_planned(recording: Recording) -> None:
    """The only answers not foreseen are EBUSY for pages that no file shows: and it was said.

    ENOMEM for the struct pages of huge pages: a recording does not say where those lie.
    EHWPOISON: no file shows which pages are poisoned.
    """
    steps = recording.trace.steps
    for number, step, before, _ in recording.steps():
        if step.do != "write-state":
            continue
        (outcome,) = plan(before, step_commands(step))
        if outcome.errno != step.result == "ENOMEM":
            assert any("nr_hugepages" in str(each) for each in steps)
        elif outcome.errno != step.result == "EHWPOISON":
            assert any("_offline_page" in str(each) for each in steps)
        elif outcome.errno != step.result:
            # A page that cannot move is met before a notifier or the memmap refuses (EPERM).
            assert (number, step.result) == (number, "EBUSY")
            assert step.unmovable
            assert outcome.errno == "EPERM" or any(
                "EBUSY if the kernel keeps a page there" in n for n in outcome.notes
            )


def answers(view: SysrootView, block: int) -> tuple[object, ...]:
    """What the model says of a block, without the numbers that name it."""
    row, known = view.block(block), view.state.blocks.row_at(block)
    assert row is not None
    zones, rule = valid_zones(view.state, block, known)
    obstacle = offline_obstacle(view.state, row)
    return zones, rule, row.zone_rule, obstacle.partition(":")[0], bool(obstacle)


def test_blocks_of_a_run_get_one_answer(recording: Recording) -> None:
    for view in {id(view): view for view in (recording.views[0], *recording.views[-3:])}.values():
        for first, last in alike(view.state, view.block_runs()):
            said = {answers(view, block) for block in range(first, last + 1)}
            assert len(said) == 1, (first, last)


class Moving(TextTree):
    """The files of a recorded machine, which goes on; of its directories sysfs counts only."""

    def __init__(self, trace: Trace) -> None:
        self.become(trace, trace.boot, trace.params)

    def become(self, trace: Trace, state: RecordedState, params: Params) -> None:
        """Be as at another moment."""
        super().__init__(trace.name, *recorded_files(trace, state, params))

    def stamp(self, path: str) -> object:
        return len(self.subdirectories(path))


def test_what_is_read_in_turn_misses_nothing(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_blocks, "MOST_IN_SIGHT", 1)
    trace, params = recording.trace, recording.trace.params
    reader = Reader(tree := Moving(trace))
    reader.read()
    for number, step in enumerate(trace.steps, 1):
        params = params_after(params, step)
        tree.become(trace, step.after, params)
        assert reader.read((0, 1)) == observe(tree), number


def test_the_files_make_a_sound_machine(recording: Recording) -> None:
    for view in (recording.views[0], recording.views[-1]):
        assert broken_identities(view.state) == []
