"""A running kernel: boot it, run commands in it, plug devices into it.

A guest has no file but its kernel's image: the initramfs lies in memory, its lines are pairs of
sockets, and the process between the program and QEMU (``watch``) ends it with the program.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from msgspec import Struct

from pfnmap.engine.guest.archive import initramfs
from pfnmap.engine.guest.errors import (
    GuestError,
    GuestGoneError,
    GuestHungError,
    LackingError,
    RefusedError,
)
from pfnmap.engine.guest.hardware import Hardware, accelerators
from pfnmap.engine.guest.kernels import Kernel
from pfnmap.engine.guest.qmp import Message, Qmp
from pfnmap.engine.printable import printable

BOOT_SECONDS = 300.0
"""Emulation on a loaded machine is slow; a guest that hangs at boot is rare."""
KVM_SECONDS = 20.0
"""In which a kernel boots under KVM, or that is taken to be of no use."""
STEP_SECONDS = 60.0
POLL_SECONDS = 0.5
KEPT_LINES, TAIL_LINES = 400, 12
"""Of the console: kept, and shown when a guest is gone."""
LONGEST_END = 40
"""Bytes of what ends an answer."""

DRIVERS = {
    "add": ("/sys/firmware/acpi/hotplug/memory", "CONFIG_ACPI_HOTPLUG_MEMORY"),
    "virtio-mem": ("/sys/bus/virtio/drivers/virtio_mem", "CONFIG_VIRTIO_MEM"),
    "device-add": ("/sys/bus/dax/drivers/device_dax", "CONFIG_ACPI_NFIT and CONFIG_DEV_DAX_PMEM"),
    "kmem": ("/sys/bus/dax/drivers/kmem", "CONFIG_DEV_DAX_KMEM"),
    "hugetlb": ("/sys/kernel/mm/hugepages", "CONFIG_HUGETLBFS"),
}
"""What shows that the kernel can do what a verb needs, and the options that build it."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|.)")
"""What firmware sends to a terminal: to clear it, to place the cursor."""
_PANIC = re.compile(r"Kernel panic - not syncing: .*")
_EJECT_REQUESTS = (0x03, 0x103)
"""ACPI's event codes in ``_OST``: eject asked for by firmware, and under way in the kernel."""
_STATUS_OK = 0
_EJECT_IN_PROGRESS = 0x84


class Reply(Struct, frozen=True):
    """What a shell command in the guest printed, and its exit status."""

    status: int
    output: str


class Guest:
    """One boot of one kernel; a context manager, so that no QEMU outlives what it was for.

    Asked by one thread at a time; :meth:`close` may come from any.
    """

    _kvm_serves: ClassVar[bool] = True
    """Until a kernel has booted that did not under KVM."""

    def __init__(
        self,
        kernel: Kernel,
        hardware: Hardware,
        serial: socket.socket,
        control: socket.socket,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """``serial`` and ``control``: our ends of the guest's console and of its QMP."""
        self.kernel, self.hardware = kernel, hardware
        self.accelerator = "emulation"
        """Or ``KVM``."""
        self.facts: dict[str, str] = {}
        """Of the guest after its boot: release, command line, parameters."""
        self._serial, self.qmp = serial, Qmp(control, self._gone)
        self._progress = progress
        self._unread = b""
        self._console: list[str] = []
        self._requests = 0
        self._errors: Path | None = None
        self._closing = ExitStack()
        self._closing.callback(control.close)
        self._closing.callback(serial.close)
        self._closed = threading.Lock()

    @classmethod
    def boot(
        cls,
        kernel: Kernel,
        hardware: Hardware,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> Self:
        """Start a kernel and wait until it can be asked.

        Args:
            kernel: What to boot.
            hardware: The machine.
            progress: Told a line whenever something happens: the console, while it boots; an
                empty one while nothing does. What it raises ends the boot.

        Raises:
            GuestError: It does not boot, or has no memory hotplug; with what it said last.
        """
        archive = initramfs(kernel, hardware.modules)
        *better, last = accelerators(kernel.arch)
        for accelerator in better if cls._kvm_serves else ():
            with suppress(GuestGoneError, GuestHungError):
                return cls._boot(kernel, hardware, archive, accelerator, progress)
            progress("KVM cannot run this kernel here; emulating")
            guest = cls._boot(kernel, hardware, archive, last, progress)
            Guest._kvm_serves = False  # it was not the kernel
            return guest
        return cls._boot(kernel, hardware, archive, last, progress)

    @classmethod
    def _boot(
        cls,
        kernel: Kernel,
        hardware: Hardware,
        archive: bytes,
        accelerator: str,
        progress: Callable[[str], None],
    ) -> Self:
        (serial, its_serial), (control, its_control) = socket.socketpair(), socket.socketpair()
        guest = cls(kernel, hardware, serial, control, progress)
        guest.accelerator = "KVM" if accelerator == "kvm" else "emulation"
        try:
            with its_serial, its_control:
                guest._start(archive, accelerator, its_serial.fileno(), its_control.fileno())
            progress(f"booting {kernel.title} ({guest.accelerator})")
            guest.qmp.start()
            guest._await_boot(KVM_SECONDS if accelerator == "kvm" else BOOT_SECONDS)
        except BaseException:
            guest.close()
            raise
        return guest

    def _start(self, archive: bytes, accelerator: str, serial: int, control: int) -> None:
        memory = os.memfd_create("initramfs")
        self._closing.callback(os.close, memory)
        with os.fdopen(os.dup(memory), "wb") as file:
            file.write(archive)
        errors = os.memfd_create("errors")
        self._errors = Path(f"/proc/self/fd/{errors}")
        self._closing.callback(os.close, errors)
        command = self.hardware.qemu_arguments(self.kernel, f"/dev/fd/{memory}", accelerator)
        for name, number in (("serial", serial), ("control", control)):
            command += ["-chardev", f"socket,id={name},fd={number}"]
        command += ["-serial", "chardev:serial", "-mon", "chardev=control,mode=control"]
        watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("watch.py")), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(serial, control, memory),
            start_new_session=True,
        )
        self._closing.callback(watcher.wait)
        assert watcher.stdin is not None
        self._closing.callback(watcher.stdin.close)

    def _await_boot(self, seconds: float) -> None:
        self._await_ready(seconds)
        for line in self.run("facts").output.splitlines():
            name, _, value = line.partition(" ")
            name = f"{name} {value}" if name == "has" else name
            self.facts[name] = value.strip()
        if "block_size" not in self.facts:
            raise LackingError(
                f"{self.kernel.title} has no /sys/devices/system/memory: it was built without "
                "CONFIG_MEMORY_HOTPLUG"
            )

    # -- asking ------------------------------------------------------------------------------
    @property
    def console(self) -> tuple[str, ...]:
        """The last lines of the console, printable."""
        return tuple(self._console[-TAIL_LINES:])

    def run(self, command: str, seconds: float = STEP_SECONDS) -> Reply:
        """Run a line of shell in the guest.

        Raises:
            GuestHungError: It does not answer in time; what it did is not known then.
            GuestGoneError: There is no guest any more.
        """
        self._requests += 1
        number = self._requests
        try:
            self._serial.sendall(f"{number} {command}\n".encode())
        except OSError:
            raise self._gone() from None
        end = re.compile(rb"=%d (\d+)=\r?\n" % number)
        output, found = self._answer(end, seconds)
        text = output.decode("utf-8", errors="replace").replace("\r", "")
        return Reply(int(found[1]), text)

    def dump(self) -> bytes:
        """What the shell line of the help makes of the guest: a text dump."""
        reply = self.run("capture")
        if reply.status:
            raise GuestError(
                f"capture: exit status {reply.status}: {printable(reply.output[-300:])}"
            )
        return reply.output.encode("ascii", "replace")

    def needs(self, verb: str) -> None:
        """LackingError where the kernel cannot do what a verb is for."""
        path, option = DRIVERS[verb]
        if f"has {path}" not in self.facts:
            raise LackingError(
                f"{verb}: {self.kernel.title} has no {path}: it was built without {option}, or "
                "that is a module: name the folder of its modules with --modules"
            )

    # -- plugging ----------------------------------------------------------------------------
    def plug(
        self, driver: str, name: str, size: int, node: int = 0, **options: object
    ) -> dict[str, int]:
        """Plug in memory of a device and wait until the kernel has looked at it.

        Args:
            driver: ``pc-dimm``, ``nvdimm`` or ``virtio-mem-pci``.
            name: Of the device; its memory is ``ram-NAME``.
            size: Bytes.
            node: Where it belongs.
            options: Others of QEMU's device; those that are None are left out.

        Returns:
            The device as ``query-memory-devices`` has it.

        Raises:
            RefusedError: QEMU says no.
        """
        self.qmp.forget_events()
        backend = f"ram-{name}"
        self.qmp.execute(
            "object-add",
            **{"qom-type": "memory-backend-ram", "id": backend, "size": size},
            reserve=False,
        )
        device = {key: value for key, value in options.items() if value is not None}
        device |= {"driver": driver, "id": name, "memdev": backend}
        if self.hardware.nodes > 1:
            device["node"] = node
        try:
            self.qmp.execute("device_add", **device)
        except RefusedError:
            self.qmp.execute("object-del", id=backend)
            raise
        if driver == "pc-dimm":  # the others have words of their own for the kernel
            self._expect_event(lambda event: _is_status_of(event, name))
        found = self.qmp.execute("query-memory-devices")
        return next(each["data"] for each in found if each["data"]["id"] == name)

    def unplug(self, name: str) -> bool:
        """Ask the kernel to give a DIMM back; True when it did. RefusedError: QEMU says no."""
        self.qmp.forget_events()
        self.qmp.execute("device_del", id=name)
        answer = self._expect_event(lambda event: _ends_eject(event, name))
        if answer["event"] != "DEVICE_DELETED":
            return False
        self.qmp.execute("object-del", id=f"ram-{name}")
        return True

    def _expect_event(self, wanted: Callable[[Message], bool]) -> Message:
        event = self.qmp.wait_for(wanted, STEP_SECONDS)
        if event is None:
            raise GuestHungError(f"no answer from the guest's ACPI code in {STEP_SECONDS:.0f} s")
        return event

    # -- its lines ---------------------------------------------------------------------------
    def _await_ready(self, seconds: float) -> None:
        """Read the console line by line until the guest's own program says that it serves."""
        deadline = time.monotonic() + seconds
        while (more := self._received(deadline)) is not None:
            *lines, self._unread = (self._unread + more).split(b"\n")
            for line in lines:
                if line.rstrip() == b"=ready=":
                    return
                self._say(line)
            if not more:
                self._progress("")  # whoever is told may raise, so that it is given up
            if not more and not self.qmp.execute("query-status")["running"]:
                raise self._gone()
        raise GuestHungError(self._in_words("it does not come up"))

    def _answer(self, end: re.Pattern[bytes], seconds: float) -> tuple[bytes, re.Match[bytes]]:
        deadline, seen = time.monotonic() + seconds, 0
        while (found := end.search(self._unread, seen)) is None:
            seen = max(0, len(self._unread) - LONGEST_END)
            more = self._received(deadline)
            if more is None:
                self._say(self._unread)
                raise GuestHungError(self._in_words(f"no answer in {seconds:.0f} s"))
            self._unread += more
        before, self._unread = self._unread[: found.start()], self._unread[found.end() :]
        return before, found

    def _received(self, deadline: float) -> bytes | None:
        """What came; nothing while nothing comes, None when it is too late."""
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        try:
            self._serial.settimeout(min(left, POLL_SECONDS))
            if received := self._serial.recv(1 << 16):
                return received
        except TimeoutError:
            return b""
        except (OSError, ValueError):
            pass  # closed by another thread
        raise self._gone()

    def _say(self, text: bytes) -> None:
        """Keep what the console says, and tell who waits."""
        for line in text.decode("utf-8", errors="replace").splitlines():
            if shown := printable(_ESCAPE.sub("", line).strip()):
                self._console.append(shown)
                self._progress(shown)
        del self._console[:-KEPT_LINES]

    def _gone(self) -> GuestGoneError:
        if self._closed.locked():
            return GuestGoneError(f"{self.kernel.title}: the guest was closed")
        with suppress(OSError):  # what it said before
            self._serial.settimeout(0)
            while more := self._serial.recv(1 << 16):
                self._unread += more
        self._say(self._unread)
        said = self._errors.read_text(errors="replace").strip() if self._errors else ""
        if not self._console:
            return GuestGoneError(f"QEMU did not start {self.kernel.title}: {printable(said)}")
        panics = [found[0] for line in self._console if (found := _PANIC.search(line))]
        return GuestGoneError(self._in_words(panics[-1] if panics else "the guest ended"))

    def _in_words(self, what: str) -> str:
        last = "\n".join(f"  {line}" for line in self.console)
        return f"{self.kernel.title} ({self.accelerator}): {what}" + (
            f"; the console's last lines:\n{last}" if last else ""
        )

    # -- the end -----------------------------------------------------------------------------
    def close(self) -> None:
        """End the guest; again does nothing. Whoever waits for it gets GuestGoneError."""
        if self._closed.acquire(blocking=False):
            with suppress(OSError):
                self._serial.shutdown(socket.SHUT_RDWR)
            self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


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
