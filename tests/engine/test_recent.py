"""What can be computed again is held for the few that were asked last only."""

from __future__ import annotations

from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory.state import State
from pfnmap.engine.outcome import Event, RemadePhases
from pfnmap.engine.recent import Recent
from pfnmap.engine.session import Session


class Remembers:
    held = True

    def forget(self) -> None:
        self.held = False


def test_all_but_the_last_have_forgotten() -> None:
    recent: Recent[Remembers] = Recent(2)
    things = [Remembers() for _ in range(4)]
    for thing in things:
        recent.keep(thing)
    assert [thing.held for thing in things] == [False, False, True, True]


def test_phases_are_made_again_as_they_were() -> None:
    session = Session.booted()
    for line in ("add dimm0 512M", "online 40-43 movable", "offline 41", "remove dimm0"):
        command = parse_line(line)
        assert command is not None
        session.run(command)
    for outcome in session.outcomes:
        first = [event.state for event in outcome.events]
        assert first[-1].nodes == outcome.after.nodes
        assert (first[-1].blocks.rows == outcome.after.blocks.rows).all()
        texts = [event.text for event in outcome.events]
        outcome.events[0].phases.forget()  # type: ignore[attr-defined]
        outcome.events.forget()  # type: ignore[attr-defined]
        assert [event.text for event in outcome.events] == texts
        again = [event.state for event in outcome.events]
        assert all(a is not b for a, b in zip(first, again, strict=True) if a is not outcome.before)
        assert [s.nodes for s in first] == [s.nodes for s in again]
        assert all(
            (a.blocks.rows == b.blocks.rows).all() for a, b in zip(first, again, strict=True)
        )


def test_history_holds_no_state_of_a_phase() -> None:
    """Only the states before and after a step, and the phases of those asked about last."""
    made = []

    class Again(RemadePhases):
        def states_again(self) -> list[State]:
            made.append(1)
            return []

        def events_again(self) -> list[Event]:
            return []

    phases = [Again() for _ in range(3)]
    for one in (*phases, phases[0]):
        assert one.states == []
    assert len(made) == 4  # the first had been forgotten when it was asked about once more
    assert phases[0].states == [] and len(made) == 4
