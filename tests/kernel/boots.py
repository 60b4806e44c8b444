"""Which kernels the tests ask, why one cannot be booted here, and booting for a machine's line."""

from __future__ import annotations

from collections.abc import Iterable

from pfnmap.engine.guest.errors import GuestError
from pfnmap.engine.guest.guest import Guest
from pfnmap.engine.guest.kernels import busybox, kernel_named, qemu
from pfnmap.engine.guest.scenario import Script, script_of
from pfnmap.engine.scenarios.scenario import parse_scenario

VERSIONS = ("6.12", "6.1")
"""The kernels that recorded traces come from, and that the engine has profiles for."""


def why_not(version: str) -> str | None:
    """Why this kernel cannot be booted here, in one sentence; None when it can."""
    try:
        kernel = kernel_named(version)
        qemu(kernel.arch)
        busybox(kernel.arch)
    except GuestError as missing:
        return str(missing)
    return None


def script(lines: Iterable[str]) -> Script:
    """Lines of the command language as a scenario for a guest."""
    return script_of(parse_scenario("\n".join(lines)), "x86_64")


def boot(version: str, machine: Script) -> Guest:
    """A guest of this kernel and machine."""
    return Guest.boot(kernel_named(version), machine.hardware)
