"""Name the first kernel of a list on which a claim of a scenario fails.

The list is ordered, oldest first: what fails on one is taken to fail on those behind it. A kernel
that cannot be asked is passed over, as `git bisect skip` does. Exit 1 where one was found.
"""

from __future__ import annotations

from pfnmap.engine.guest.bisect import Verdict, first_failing
from pfnmap.engine.guest.errors import GuestError
from pfnmap.engine.guest.scenario import run_on
from pfnmap.engine.printable import printable
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.tui.cli.guests import kernel_for, progress
from pfnmap.tui.cli.messages import Arguments, UsageError, emit, say
from pfnmap.tui.cli.named_files import scenario_file


def run(arguments: Arguments) -> int:
    """Boot as few of the kernels as it takes."""
    if len(arguments.kernels) < 2:
        raise UsageError("give two kernels or more, each with --kernel, the oldest first")
    scenario = load_scenario(scenario_file(arguments.scenario))
    kernels = [kernel_for(name, arguments.modules, scenario) for name in arguments.kernels]
    names = [printable(name) for name in arguments.kernels]

    def test(number: int) -> Verdict:
        try:
            with progress() as heard:
                done = run_on(kernels[number], scenario, heard)
        except GuestError as error:
            say(f"{names[number]}: cannot be asked: {error}")
            return Verdict.SKIPPED
        failures = done.failures
        emit([f"{names[number]}: {'fails' if failures else 'holds'}"])
        emit(printable(f"  {failure}") for failure in failures)
        return Verdict.FAILS if failures else Verdict.HOLDS

    first, maybe = first_failing(len(kernels), test)
    if first is None:
        emit(["no claim fails on any of them"])
        return 0
    also = ", ".join(names[number] for number in maybe)
    doubt = f" (or one that was passed over: {also})" if also else ""
    emit([f"first to fail: {names[first]}{doubt}"])
    return 1
