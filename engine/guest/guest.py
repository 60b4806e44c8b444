"""A running kernel: boot it, run commands in it, plug DIMMs into it."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pfnmap.engine.guest.archive import initramfs
from pfnmap.engine.guest.hardware import Hardware
from pfnmap.engine.guest.images import Image
from pfnmap.engine.guest.qmp import (
    REPLY_SECONDS,
    GuestGoneError,
    GuestHungError,
    Message,
    Qmp,
    RefusedError,
    connect,
)

BOOT_SECONDS = 180.0
"""Emulation on a loaded machine is slow; a guest that hangs at boot is rare."""
STEP_SECONDS = 60.0

_EJECT_REQUESTS = (0x03, 0x103)
"""ACPI's event codes in ``_OST``: eject asked for by firmware, and under way in the kernel."""
_STATUS_OK = 0
_EJECT_IN_PROGRESS = 0x84


@dataclass(frozen=True, slots=True)
class Reply:
    """What a shell command in the guest printed, and its exit status."""

    status: int
    output: str


class Guest:
    """One boot of one kernel; a context manager, so that no QEMU outlives its test."""

    def __init__(self, image: Image, hardware: Hardware) -> None:
        self.hardware = hardware
        self._image = image
        self._folder = tempfile.TemporaryDirectory(prefix="pfnmap-guest-")
        self._unread = b""
        self._requests = 0

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        archive = folder / "initramfs"
        archive.write_bytes(initramfs(self._image, self.hardware.modules))
        command = self.hardware.qemu_arguments(self._image, archive)
        for option, name in (("-serial", "serial"), ("-qmp", "qmp")):
            command += [option, f"unix:{folder / name},server=on,wait=off"]
        self._errors = folder / "errors"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            )
        try:
            self._await_sockets(folder)
            self._serial = connect(str(folder / "serial"), REPLY_SECONDS)
            self.qmp = Qmp(str(folder / "qmp"))
            self._read_until(re.compile(rb"=ready=\r?\n"), BOOT_SECONDS)
        except BaseException as problem:
            self._process.kill()
            self._process.wait()
            said = self._errors.read_text(errors="replace").strip()
            self._folder.cleanup()
            if isinstance(problem, OSError):
                raise GuestGoneError(f"QEMU did not start: {said or problem}") from problem
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kill()

    def shell(self, command: str, seconds: float = STEP_SECONDS) -> Reply:
        """Run a line of shell in the guest."""
        self._requests += 1
        number = self._requests
        self._serial.sendall(f"{number} {command}\n".encode())
        end = re.compile(rb"=%d (\d+)=\r?\n" % number)
        output, found = self._read_until(end, seconds)
        text = output.decode("utf-8", errors="replace").replace("\r", "")
        return Reply(int(found[1]), text)

    def plug(self, name: str, size: int, address: int | None, node: int) -> int:
        """Plug in a DIMM and wait until the kernel has dealt with it; returns its address.

        The status that the kernel reports then says that it has looked at the device, not
        that it has taken the memory. RefusedError when QEMU already says no.
        """
        self.qmp.forget_events()
        backend = f"ram-{name}"
        self.qmp.execute(
            "object-add",
            **{"qom-type": "memory-backend-ram", "id": backend, "size": size},
            reserve=False,
        )
        device: dict[str, object] = {"driver": "pc-dimm", "id": name, "memdev": backend}
        if address is not None:
            device["addr"] = address
        if self.hardware.nodes > 1:
            device["node"] = node
        try:
            self.qmp.execute("device_add", **device)
        except RefusedError:
            self.qmp.execute("object-del", id=backend)
            raise
        self.qmp.wait_for(lambda event: _is_status_of(event, name), STEP_SECONDS)
        plugged = {
            dimm["data"]["id"]: dimm["data"]["addr"]
            for dimm in self.qmp.execute("query-memory-devices")
            if dimm["type"] == "dimm"
        }
        return int(plugged[name])

    def unplug(self, name: str) -> bool:
        """Ask the kernel to give a DIMM back; True when it did."""
        self.qmp.forget_events()
        self.qmp.execute("device_del", id=name)
        answer = self.qmp.wait_for(lambda event: _ends_eject(event, name), STEP_SECONDS)
        if answer["event"] != "DEVICE_DELETED":
            return False
        self.qmp.execute("object-del", id=f"ram-{name}")
        return True

    def _await_sockets(self, folder: Path) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not all((folder / name).exists() for name in ("serial", "qmp")):
            if self._process.poll() is not None:
                raise GuestGoneError(self._errors.read_text(errors="replace").strip())
            if time.monotonic() > deadline:
                raise GuestHungError("QEMU opened no sockets")
            time.sleep(0.02)

    def _read_until(self, end: re.Pattern[bytes], seconds: float) -> tuple[bytes, re.Match[bytes]]:
        deadline = time.monotonic() + seconds
        while (found := end.search(self._unread)) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                tail = self._unread[-300:].decode("utf-8", errors="replace")
                raise GuestHungError(f"no answer from the guest in {seconds:.0f} s: {tail!r}")
            self._serial.settimeout(left)
            with suppress(TimeoutError):
                received = self._serial.recv(65536)
                if not received:
                    raise GuestGoneError("the guest's serial line was closed")
                self._unread += received
        before, self._unread = self._unread[: found.start()], self._unread[found.end() :]
        return before, found

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def _is_status_of(event: Message, name: str) -> bool:
    if event["event"] != "ACPI_DEVICE_OST":
        return False
    device: str | None = event["data"]["info"].get("device")
    return device == name


def _ends_eject(event: Message, name: str) -> bool:
    if event["event"] == "DEVICE_DELETED":
        deleted: str | None = event["data"].get("device")
        return deleted == name
    if not _is_status_of(event, name):
        return False
    info = event["data"]["info"]
    return info["source"] in _EJECT_REQUESTS and info["status"] not in (
        _STATUS_OK,
        _EJECT_IN_PROGRESS,
    )
