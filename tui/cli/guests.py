"""What the subcommands that boot kernels share: which kernel is meant, and what is heard of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from pfnmap.engine.commands import Expect
from pfnmap.engine.compare import Comparison, VariantRun, parse_variant, run_variant
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.guest.kernels import Kernel, busybox, kernel_named, qemu
from pfnmap.engine.guest.scenario import (
    KernelRun,
    course_of_variant,
    run_on,
    run_side_by_side,
)
from pfnmap.engine.printable import printable
from pfnmap.engine.scenarios.scenario import Scenario, load_scenario
from pfnmap.engine.sizes import counted
from pfnmap.engine.traces.parting import Course, parting
from pfnmap.tui.cli.compare import KERNEL
from pfnmap.tui.cli.messages import emit, say, say_error
from pfnmap.tui.cli.named_files import scenario_file

EXIT_UNKNOWN: Final = 125
"""What ``git bisect run`` takes for "cannot be tested"."""


def kernel_for(name: str, modules: str | None, scenario: Scenario) -> Kernel:
    """The kernel that a person names for a scenario; MissingPartError, also of QEMU or busybox."""
    machine = scenario.start.arch.partition("-")[0]
    kernel = kernel_named(name, modules, machine if machine == "arm64" else "")
    qemu(kernel.arch)
    busybox(kernel.arch)
    return kernel


class Progress:
    """What happens, on one line of a terminal that is wiped in the end; nothing elsewhere."""

    def __init__(self) -> None:
        self.shown = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        """Show a line in place of the one before."""
        if self.shown and text:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r\x1b[K{printable(text, ascii_only=True)[:width]}")

    def wipe(self) -> None:
        """Leave nothing."""
        if self.shown:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            self.shown = False


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress, gone when it is over."""
    heard = Progress()
    try:
        yield heard
    finally:
        heard.wipe()


def check(names: Sequence[str], kernel: str, modules: str | None) -> int:
    """Check scenarios on a kernel in a virtual machine, as ``git bisect run`` wants it.

    0: all claims hold; 1: one fails; 125: nothing is known, because the kernel does not boot,
    lacks what a scenario needs, or is not there.
    """
    runs: list[KernelRun] = []
    try:
        with progress() as heard:
            for name in names:
                scenario = load_scenario(scenario_file(name))
                runs.append(run_on(kernel_for(kernel, modules, scenario), scenario, heard))
    except PfnmapError as error:
        say_error(error)
        return EXIT_UNKNOWN
    except OSError as error:  # of this machine: no verdict on a kernel
        say(f"{error.filename or kernel}: {error.strerror or error}")
        return EXIT_UNKNOWN
    failures = [failure for run in runs for failure in run.failures]
    emit(printable(str(failure)) for failure in failures)
    claims = [step for run in runs for step in run.steps if isinstance(step.command, Expect)]
    words = (counted(len(names), "scenario"), counted(len(claims), "expectation"))
    not_shown = sum(step.not_shown for step in claims)
    unseen = f", {not_shown} of them about what no file of a kernel shows" if not_shown else ""
    failed = sum(bool(step.failures) for step in claims)
    emit([f"{printable(runs[0].name)}: {', '.join(words)}{unseen}, {failed} failed"])
    return 1 if failures else 0


def compared(scenario: Scenario, variants: Sequence[str], modules: str | None) -> Comparison:
    """A scenario on kernels, side by side where there is memory, and under rules of the model."""
    named = variants if len(variants) > 1 else ["", *variants]
    kernels = [
        kernel_for(text.removeprefix(KERNEL), modules, scenario)
        for text in named
        if text.startswith(KERNEL)
    ]
    with progress() as heard:
        through = iter(run_side_by_side(kernels, scenario, heard))
    runs, courses = list[VariantRun](), list[Course]()
    for text in named:
        if text.startswith(KERNEL):
            done = next(through)
            runs.append(done.variant)
            courses.append(done.course)
        else:
            runs.append(run_variant(scenario, parse_variant(text) if text else ()))
            courses.append(course_of_variant(runs[-1]))
    found = (parting(courses[0], other) for other in courses[1:])
    lines = tuple(line for each in found if each is not None for line in each.lines)
    return Comparison(scenario.title, tuple(runs), parted=lines)
