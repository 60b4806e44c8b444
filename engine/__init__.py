"""The memory hotplug model of pfnmap: Linux, step by step, without a kernel.

    >>> from pfnmap.engine import Machine
    >>> machine = Machine.boot()
    >>> machine.run("add dimm0 256M").ok
    True

Nothing here imports the user interface; numpy is the only dependency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # __getattr__ is all that there is when the program runs; mypy looks here
    from pfnmap.engine.machine import CheckError, Machine
    from pfnmap.engine.session import Session

__all__ = ["CheckError", "Machine", "Session"]


def __getattr__(name: str) -> object:
    """Load the model when it is first asked for: parsing a line needs none of it."""
    if name in ("Machine", "CheckError"):
        from pfnmap.engine import machine

        return getattr(machine, name)
    if name == "Session":
        from pfnmap.engine.session import Session

        return Session
    raise AttributeError(f"module 'pfnmap.engine' has no attribute {name!r}")
