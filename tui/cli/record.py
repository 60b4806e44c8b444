"""Let a kernel go through a scenario in a virtual machine and write down what it said.

The recording is opened, printed and verified without QEMU, as any other. Of a kernel that fails
on the way it holds what came before; the exit status is 1 then.
"""

from __future__ import annotations

from pfnmap.engine.guest.errors import GuestError, MissingPartError
from pfnmap.engine.guest.scenario import run_on
from pfnmap.engine.printable import printable
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.sizes import counted
from pfnmap.engine.traces.trace import Trace, trace_bytes
from pfnmap.engine.whole_file import write_whole
from pfnmap.tui.cli.guests import kernel_for, progress
from pfnmap.tui.cli.messages import Arguments, emit, say
from pfnmap.tui.cli.named_files import output_file, scenario_file


def run(arguments: Arguments) -> int:
    """Boot, record, write the file."""
    file = scenario_file(arguments.scenario)
    output = output_file("-o", arguments.output, [(file, "the scenario")])
    scenario = load_scenario(file)
    kernel = kernel_for(arguments.kernel or "", arguments.modules, scenario)

    def keep(trace: Trace) -> None:
        write_whole(output, trace_bytes(trace))

    try:
        with progress() as heard:
            done = run_on(kernel, scenario, heard, calls=True, keep=keep)
    except MissingPartError:
        raise
    except GuestError as error:
        say(str(error))
        return 1
    steps = counted(len(done.trace.steps), "step")
    emit([printable(f"{output}: {steps} on {done.name} ({done.accelerator})")])
    return 0
