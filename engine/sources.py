"""Opening what a person names: nothing, a recording, a scenario, a shipped name, a directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.commands import StartMachine
from engine.errors import InputError
from engine.machine import Machine
from engine.session import Session

if TYPE_CHECKING:
    from engine.outcome import Outcome
    from engine.scenarios.scenario import Scenario
    from engine.traces.trace import Trace

# The default machine needs neither scenarios nor recordings: their modules are imported by
# the functions that use them.
SCENARIOS = Path(__file__).parent / "scenarios" / "shipped"
"""The scenarios that ship with the program."""


def default_session() -> Session:
    """The machine that opens when nothing is named: 4 GiB, Linux 6.12."""
    start = StartMachine(text="machine")
    return Session(Machine.boot(start), "simulated machine", start_command=start)


def trace_session(trace: Trace) -> Session:
    """A recording as a session: the machine at boot, every recorded step ready to redo."""
    from engine.traces.replay import machine_state, run_step

    state = machine_state(trace)
    outcomes: list[Outcome] = []
    current = state
    for number, step in enumerate(trace.steps, 1):
        try:
            outcomes.append(run_step(current, step))
        except InputError as error:
            raise InputError(f"{trace.name}: step {number}: {error}") from None
        current = outcomes[-1].after
    return Session(Machine(state), trace.name, loaded=outcomes)


def scenario_session(scenario: Scenario) -> Session:
    """A scenario as a session: its machine at boot, every command ready to redo."""
    session = Session(Machine.boot(scenario.start), scenario.source, start_command=scenario.start)
    for command in scenario.commands:
        session.run(command)
    session.seek(0)
    return session


def shipped_scenarios() -> dict[str, Path]:
    """Name to file of every scenario that ships with the program, sorted by name."""
    from engine.scenarios.scenario import SUFFIX

    return {path.name.removesuffix(SUFFIX): path for path in sorted(SCENARIOS.glob(f"*{SUFFIX}"))}


def is_trace(path: Path) -> bool:
    """Whether a JSON file says that it is a recording of a kernel; InputError if unreadable."""
    from engine.traces.trace import FORMAT

    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return b"{" in head[:64] and (path.suffix == ".json" or FORMAT.encode() in head)


def open_source(spec: str | None) -> Session:
    """A session for what the person named; InputError in one sentence otherwise.

    ``None``: the default machine; a ``*.hotplug`` file or the name of a shipped scenario; a
    recording (JSON).
    """
    if spec is None:
        return default_session()
    from engine.scenarios.scenario import SUFFIX, load_scenario
    from engine.traces.trace import FORMAT, load_trace

    path = Path(spec)
    shipped = shipped_scenarios()
    if not path.exists() and spec in shipped:
        return scenario_session(load_scenario(shipped[spec]))
    if not path.exists():
        raise InputError(
            f"{spec}: there is no such file or shipped scenario; `pfnmap scenarios` lists them"
        )
    if path.suffix == SUFFIX:
        return scenario_session(load_scenario(path))
    if path.is_file() and is_trace(path):
        return trace_session(load_trace(path))
    raise InputError(
        f"{spec}: neither a recording (JSON of format {FORMAT}), nor a scenario (*{SUFFIX}), nor "
        "a capture of a machine (`pfnmap capture -o FILE`)"
    )
