"""Which kernels are on this machine, and what is missing for booting one.

A kernel folder holds ``vmlinuz-VERSION`` files and, at any of the two depths that unpacked
packages have, ``lib/modules/RELEASE`` trees. It is ``$PFNMAP_KERNELS``, or
``~/.cache/pfnmap-kernels`` as ``install`` fills it.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

VERSIONS = ("6.12", "6.1")
"""The kernels that recorded traces come from, and that the engine has profiles for."""

QEMU = "qemu-system-x86_64"
BUSYBOX = "busybox"
INSTALL_HINT = "run: python -m pfnmap.engine.guest.install"


class MissingPartError(Exception):
    """Something needed to boot a kernel is not on this machine; says what and the remedy."""


@dataclass(frozen=True, slots=True)
class Image:
    """A bootable kernel: its file and, where there is one, its tree of modules."""

    version: str
    vmlinuz: Path
    modules: Path | None

    def module(self, name: str) -> Path | None:
        """The file of a module; None when this kernel has it built in (or has not got it)."""
        if self.modules is None:
            return None
        spellings = {name, name.replace("_", "-"), name.replace("-", "_")}
        for path in sorted(self.modules.rglob("*.ko*")):
            if path.name.split(".", 1)[0] in spellings:
                return path
        return None


def kernel_folder() -> Path:
    """Where kernels are looked for and installed."""
    named = os.environ.get("PFNMAP_KERNELS")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "pfnmap-kernels"


def program(name: str) -> Path:
    """A program that has to be installed; MissingPartError when it is not."""
    found = shutil.which(name)
    if found is None:
        raise MissingPartError(f"{name} is not installed; {INSTALL_HINT}")
    return Path(found)


def image(version: str, folder: Path | None = None) -> Image:
    """The kernel of one version; MissingPartError when the folder has none."""
    place = kernel_folder() if folder is None else folder
    vmlinuz = place / f"vmlinuz-{version}"
    if not vmlinuz.is_file():
        raise MissingPartError(f"no kernel image {vmlinuz}; {INSTALL_HINT}")
    trees = [
        tree
        for pattern in ("*/lib/modules/*", "*/*/lib/modules/*")
        for tree in sorted(place.glob(pattern))
        if tree.name.startswith(f"{version}.")
    ]
    return Image(version, vmlinuz, trees[-1] if trees else None)


def why_not(version: str) -> str | None:
    """Why this kernel cannot be booted here, in one sentence; None when it can."""
    try:
        program(QEMU)
        program(BUSYBOX)
        image(version)
    except MissingPartError as missing:
        return str(missing)
    return None
