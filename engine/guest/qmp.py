"""QEMU's control socket: plug and unplug DIMMs, and hear what the firmware side says.

Events matter as much as replies: that the guest's kernel has finished with a DIMM is known
only from the ``_OST`` status its ACPI code reports back, which QEMU passes on as an event.
Waiting for it instead of sleeping makes recordings both fast and safe.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]

REPLY_SECONDS = 30.0


class GuestGoneError(Exception):
    """QEMU closed a connection: the guest is no more."""


class GuestHungError(Exception):
    """The guest did not answer in time. Some kernel operations retry for ever."""


class RefusedError(Exception):
    """QEMU refused a request; the guest's kernel never saw it."""


def connect(path: str, seconds: float) -> socket.socket:
    """Connect to a socket of QEMU's; OSError when it does not answer in time.

    The file of a socket is there a moment before QEMU listens, a long moment on a busy machine.
    """
    deadline = time.monotonic() + seconds
    while True:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            line.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return line


class Qmp:
    """One connection to a QEMU monitor."""

    def __init__(self, path: str) -> None:
        self._socket = connect(path, REPLY_SECONDS)
        self._unread = b""
        self._events: list[Message] = []
        self._message(REPLY_SECONDS)  # the greeting
        self.execute("qmp_capabilities")

    def close(self) -> None:
        """Close the connection; QEMU goes on."""
        self._socket.close()

    def execute(self, command: str, **arguments: object) -> Any:
        """Run one command and return its answer; RefusedError with QEMU's words if it is one."""
        request = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            message = self._message(REPLY_SECONDS)
            if message is None:
                raise GuestHungError(f"QEMU did not answer {command}")
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                raise RefusedError(str(message["error"]["desc"]))
            else:
                return message["return"]

    def forget_events(self) -> None:
        """Drop events that arrived before what is done next."""
        self._events.clear()

    def wait_for(self, wanted: Callable[[Message], bool], seconds: float) -> Message:
        """The first event that is wanted; GuestHungError when none comes in time."""
        deadline = time.monotonic() + seconds
        while True:
            while self._events:
                event = self._events.pop(0)
                if wanted(event):
                    return event
            message = self._message(deadline - time.monotonic())
            if message is None:
                raise GuestHungError(f"no answer from the guest's ACPI code in {seconds:.0f} s")
            if "event" in message:
                self._events.append(message)

    def _message(self, seconds: float) -> Message | None:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._socket], [], [], left)[0]:
                return None
            received = self._socket.recv(65536)
            if not received:
                raise GuestGoneError("QEMU closed its control socket")
            self._unread += received
        line, self._unread = self._unread.split(b"\n", 1)
        message: Message = json.loads(line)
        return message
