"""Replay recordings of real kernels and compare the engine with each step.

Prints a line for each field that differs, and exits 0 only when none does.
"""

from __future__ import annotations

from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.printable import printable
from pfnmap.engine.sizes import counted
from pfnmap.engine.traces.trace import load_trace
from pfnmap.engine.traces.verify import verify_trace
from pfnmap.tui.cli.messages import Arguments, emit, say


def run(arguments: Arguments) -> int:
    """Verify every recording, those after a wrong one too; the worst status counts."""
    traces = steps = differing = 0
    wrong = False
    for file in arguments.files:
        try:
            trace = load_trace(file)
            differences = verify_trace(trace)
        except PfnmapError as error:
            say(str(error))
            wrong = True
            continue
        traces += 1
        steps += len(trace.steps)
        differing += len({difference.step for difference in differences})
        emit(printable(f"{file}: {difference}") for difference in differences)
    emit([f"{counted(traces, 'trace')}, {counted(steps, 'step')}, {differing} differ"])
    return 2 if wrong else 1 if differing else 0
