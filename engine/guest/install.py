"""Fetch QEMU, a static busybox and the kernels: ``python -m pfnmap.engine.guest.install``.

They come from Debian packages, whose files alone are used: a kernel is unpacked into the
kernel folder, never installed on this machine. What is already there is left alone.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pfnmap.engine.guest.images import (
    BUSYBOX,
    QEMU,
    VERSIONS,
    MissingPartError,
    image,
    kernel_folder,
    why_not,
)

PROGRAM_PACKAGES = {QEMU: "qemu-system-x86", BUSYBOX: "busybox-static"}

PACKAGE_NAMES = {
    "6.12": r"linux-image-6\.12\.\S*-cloud-amd64",
    "6.1": r"linux-image-6\.1\.0-\d+-amd64",
}
"""What the signed kernel packages of each version are called."""


def main(arguments: list[str] | None = None) -> int:
    """Install what is missing; 0 when every asked-for kernel can be booted afterwards."""
    parser = argparse.ArgumentParser(
        prog="python -m pfnmap.engine.guest.install", description=__doc__
    )
    parser.add_argument("version", nargs="*", default=list(VERSIONS), help="e.g. 6.12")
    versions: list[str] = parser.parse_args(arguments).version
    if shutil.which("apt-get") is None:
        print(
            "install: apt-get is missing: this script knows Debian only; put vmlinuz-6.12 and "
            f"vmlinuz-6.1 into {kernel_folder()} and install {QEMU} and a static busybox",
            file=sys.stderr,
        )
        return 2
    unknown = [version for version in versions if version not in PACKAGE_NAMES]
    if unknown:
        known = ", ".join(PACKAGE_NAMES)
        print(f"install: no kernel {unknown[0]}; expected one of {known}", file=sys.stderr)
        return 2
    try:
        subprocess.run(_as_root(["apt-get", "update", "-q"]), check=True, stdout=sys.stderr)
        _install_programs()
        for version in versions:
            _install_kernel(version, kernel_folder())
    except (MissingPartError, subprocess.CalledProcessError) as problem:
        print(f"install: {problem}", file=sys.stderr)
        return 1
    for version in versions:
        print(f"{version}: {why_not(version) or 'ready'}")
    return 1 if any(why_not(version) for version in versions) else 0


def _as_root(command: list[str]) -> list[str]:
    return command if os.geteuid() == 0 else ["sudo", *command]


def _install_programs() -> None:
    wanted = [package for name, package in PROGRAM_PACKAGES.items() if shutil.which(name) is None]
    if wanted:
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *wanted]
        subprocess.run(_as_root(command), check=True, stdout=sys.stderr)


def _install_kernel(version: str, folder: Path) -> None:
    try:
        image(version, folder)
        return
    except MissingPartError:
        package = newest_package(version)
    unpacked = folder / package
    unpacked.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-q", package], check=True, cwd=folder)
    for archive in folder.glob(f"{package}_*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(archive), str(unpacked)], check=True)
        archive.unlink()
    shutil.copyfile(next((unpacked / "boot").glob("vmlinuz-*")), folder / f"vmlinuz-{version}")


def newest_package(version: str) -> str:
    """The newest package of this kernel that the configured package sources offer."""
    listed = subprocess.run(
        ["apt-cache", "pkgnames", "linux-image-"], check=True, capture_output=True, text=True
    ).stdout.split()
    named = re.compile(PACKAGE_NAMES[version])
    names = [name for name in listed if named.fullmatch(name)]
    if not names:
        raise MissingPartError(
            f"the package sources of this machine offer no kernel {version}; put one into "
            f"{kernel_folder()} as vmlinuz-{version}"
        )
    return max(names, key=lambda name: [int(digits) for digits in re.findall(r"\d+", name)])


if __name__ == "__main__":
    sys.exit(main())
