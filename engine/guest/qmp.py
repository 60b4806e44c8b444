"""QEMU's control socket: plug and unplug devices, and hear what the firmware side says.

Events matter as much as replies: that the guest's kernel has finished with a DIMM is known
only from the ``_OST`` status its ACPI code reports back, which QEMU passes on as an event.
Waiting for it instead of sleeping makes recordings both fast and safe.

(The QEMU project's own ``qemu.qmp`` is asyncio, 4,900 lines; a guest is asked one thing at a time.)
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from pfnmap.engine.guest.errors import GuestGoneError, GuestHungError, RefusedError

Message = dict[str, Any]

REPLY_SECONDS = 30.0


class Qmp:
    """One connection to a QEMU monitor."""

    def __init__(self, line: socket.socket, gone: Callable[[], GuestGoneError]) -> None:
        """``gone`` gives the words for a line that QEMU has closed."""
        self._socket, self._gone = line, gone
        self._unread = b""
        self._events: list[Message] = []

    def start(self) -> None:
        """Wait for QEMU's greeting and answer it."""
        self._message(REPLY_SECONDS)
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: object) -> Any:
        """Run one command and return its answer; RefusedError with QEMU's words if it is one."""
        request = {"execute": command, "arguments": arguments}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            raise self._gone() from None
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

    def wait_for(self, wanted: Callable[[Message], bool], seconds: float) -> Message | None:
        """The first event that is wanted; None when none comes in time."""
        deadline = time.monotonic() + seconds
        while True:
            while self._events:
                event = self._events.pop(0)
                if wanted(event):
                    return event
            message = self._message(deadline - time.monotonic())
            if message is None:
                return None
            if "event" in message:
                self._events.append(message)

    def _message(self, seconds: float) -> Message | None:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            left = max(0.0, deadline - time.monotonic())
            try:
                ready = select.select([self._socket], [], [], left)[0]
                received = self._socket.recv(65536) if ready else None
            except (OSError, ValueError):  # closed by somebody else
                received = b""
            if received is None:
                return None
            if not received:
                raise self._gone()
            self._unread += received
        line, self._unread = self._unread.split(b"\n", 1)
        message: Message = json.loads(line)
        return message
