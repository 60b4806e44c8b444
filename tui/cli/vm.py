"""Boot a kernel in a virtual machine and work on it with the same keys and words."""

from __future__ import annotations

from msgspec.structs import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.guest.fetch import fetch
from pfnmap.engine.guest.hardware import geometry_name
from pfnmap.engine.guest.kernels import busybox, kernel_named, qemu
from pfnmap.engine.guest.scenario import script_of
from pfnmap.engine.printable import printable
from pfnmap.engine.profile import profile_of
from pfnmap.engine.scenarios.scenario import SUFFIX, Scenario, load_scenario, parse_scenario
from pfnmap.engine.session import Session
from pfnmap.engine.sources import named_file
from pfnmap.tui.cli.messages import Arguments, UsageError, emit, refuse_idle, say
from pfnmap.tui.cli.starting import prepared

USUAL = "ram=1G"
"""The machine where nobody says otherwise: small, so that it boots fast in emulation."""


def run(arguments: Arguments) -> int:
    """Show what the model makes of the machine, and the guest as soon as it has booted."""
    if arguments.fetch is not None:
        kernel = fetch(arguments.fetch, arguments.arch or "", say)
        emit([printable(f"{kernel.release} for {kernel.arch}: {kernel.image}")])
        return 0
    refuse_idle(arguments, "goes with --fetch", "--arch")
    start = prepared(arguments)
    if not start.on_screen:
        raise UsageError("vm works on the screen, and there is none; pfnmap record needs none")
    name, named = arguments.kernel or "", arguments.scenario
    if named is None and name.endswith(SUFFIX):
        name, named = "", name
    kernel = kernel_named(name, modules=arguments.modules)
    qemu(kernel.arch), busybox(kernel.arch)  # what is missing is said before the screen is taken
    script = script_of(_scenario(named, arguments.machine), kernel.arch)
    machine = replace(
        script.scenario.start,
        profile=profile_of(kernel.release).name,
        arch=geometry_name(kernel.arch, 4),
    )

    from pfnmap.tui.cli.screen import show  # there is a screen: Textual may be imported
    from pfnmap.tui.screens.guest import Plan, begin

    waiting = [command for _, command in script.lines]
    plan = Plan(kernel, script.hardware, machine, waiting, arguments.interval)
    title = f"what the model makes of {kernel.title}, until that has booted"
    return show(
        start,
        Session.booted(machine),
        title,
        opening=lambda app: begin(app.main, plan),
    )


def _scenario(named: str | None, words: str | None) -> Scenario:
    """The scenario to be stepped through; without one only the machine that it would be for."""
    if named is None:
        return parse_scenario(f"machine {words or USUAL}", "--machine")
    if words is not None:
        raise InputError(f"--machine {words}: {named} says what machine it is for")
    path = named_file(named)
    if path.suffix != SUFFIX:
        raise InputError(f"{named}: no scenario; the name of one ends in {SUFFIX}")
    return load_scenario(path)
