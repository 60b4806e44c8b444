"""Opening what a person names: nothing, a recording, a scenario, a shipped name, a directory."""

from __future__ import annotations

import os
from pathlib import Path

from pfnmap.engine.complaints import closest
from pfnmap.engine.errors import InputError
from pfnmap.engine.machine import Machine
from pfnmap.engine.play import play
from pfnmap.engine.printable import printable
from pfnmap.engine.scenarios.run import opened
from pfnmap.engine.scenarios.scenario import SUFFIX, Scenario, load_scenario
from pfnmap.engine.session import Session
from pfnmap.engine.traces.recorded import recorded_steps
from pfnmap.engine.traces.replay import machine_state
from pfnmap.engine.traces.trace import FORMAT, Trace, load_trace

SCENARIOS = Path(__file__).parent / "scenarios" / "shipped"
"""The scenarios that ship with the program."""

_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"


def trace_session(trace: Trace) -> Session:
    """A recording as a session: the machine at boot, every recorded step ready to redo."""
    state = machine_state(trace)
    steps = list(recorded_steps(trace, state))
    outcomes, views = [outcome for outcome, _ in steps], [view for _, view in steps]
    return Session(Machine(state), trace.name, loaded=outcomes, shown=views)


def scenario_session(scenario: Scenario) -> Session:
    """A scenario as a session: its machine at boot, every command ready to redo."""
    session = opened(scenario)
    path = Path(scenario.source)
    session.title = path.stem if path.parent == SCENARIOS else scenario.source
    for _step in play(scenario.lines, session, scenario.complaint):
        pass
    session.seek(0)
    return session


def shipped_scenarios() -> dict[str, Path]:
    """Name to file of every scenario that ships with the program, sorted by name."""
    return {path.name.removesuffix(SUFFIX): path for path in sorted(SCENARIOS.glob(f"*{SUFFIX}"))}


def is_trace(path: Path) -> bool:
    """Whether to open a file as a recording of a kernel: it says so, or is named like JSON."""
    return says_recording(path) or (path.suffix == ".json" and b"{" in _head(path)[:64])


def says_recording(path: Path) -> bool:
    """Whether a file says that it is a recording of a kernel; InputError if unreadable."""
    head = _head(path)
    if not head.lstrip(_BEFORE_JSON).startswith(b"{"):
        return False
    return FORMAT.encode() in head


def _head(path: Path) -> bytes:
    """The beginning of a file, enough to see its format."""
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def named_file(spec: str) -> Path:
    """The file that a person means: the one at that path, else the shipped scenario so called.

    Raises:
        InputError: There is neither, or the path cannot be looked up.
    """
    try:
        os.stat(spec)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{printable(spec)}: cannot be read: {printable(reason)}") from None
    else:
        return Path(spec)
    shipped = shipped_scenarios()
    if spec in shipped:
        return shipped[spec]
    near = closest(os.path.basename(spec).removesuffix(SUFFIX), shipped)
    remedy = f"did you mean {near}?" if near else "`pfnmap scenarios` lists those there are"
    raise InputError(f"{printable(spec)}: no such file, and no scenario of that name; {remedy}")


def open_source(spec: str) -> Session:
    """A session for what the person named; InputError in one sentence otherwise.

    A ``*.hotplug`` file or the name of a shipped scenario; a recording (JSON).
    """
    path = named_file(spec)
    if path.suffix == SUFFIX:
        return scenario_session(load_scenario(path))
    if path.is_file() and is_trace(path):
        return trace_session(load_trace(path))
    raise InputError(
        f"{spec}: neither a recording (JSON of format {FORMAT}), nor a scenario (*{SUFFIX}), nor "
        "a capture of a machine (`pfnmap capture -o FILE`)"
    )
