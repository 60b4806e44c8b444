"""A QEMU without a kernel: the model answers over its lines, as a guest does.

A process that forks for every guest that ``fake_line.py``, which tests install under QEMU's name,
asks for; it ends with its standard input. What a guest plays is written in the image that it is
to boot: see :func:`tests.engine.guest.tools.image`.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from pfnmap.engine.commands import Add, Ref, Remove, VirtioMem
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine, predict
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.outcome import Outcome
from tests.engine.sysroot.trees import MEMORY, NODE, zone
from tests.engine.sysroot.trees import PARAMETERS as MODULE_PARAMETERS

MASKS = ("online", "has_memory", "has_normal_memory", "has_cpu", "possible")
PARAMETERS = ["online_policy", "auto_movable_ratio", "auto_movable_numa_aware", "memmap_on_memory"]
DRIVERS = (
    "/sys/firmware/acpi/hotplug/memory",
    "/sys/bus/virtio/drivers/virtio_mem",
    "/sys/bus/dax/drivers/device_dax",
    "/sys/kernel/mm/hugepages",
)


class FakeGuest:
    """The model behind the two lines."""

    def __init__(self, arguments: list[str], fds: list[int]) -> None:
        """``fds``: what stands behind the arguments' ``fd=``, in their order."""
        self.option = dict(itertools.pairwise(arguments))
        image = Path(self.option["-kernel"]).read_bytes()
        self.plays: dict[str, Any] = json.loads(image.partition(b"FAKE:")[2] or b"{}")
        self.cmdline = self.option["-append"]
        megabytes = self.option["-m"].split("M")[0]
        words = " ".join(word for word in self.cmdline.split() if "mem" in word)
        profile = self.plays.get("profile", "6.12")
        start = parse_line(f'machine ram={megabytes}M profile={profile} cmdline="{words}"')
        self.state = Machine.boot(start).state  # type: ignore[arg-type]
        self.log: list[str] = []
        self.devices: dict[str, dict[str, Any]] = {}
        self.backends: dict[str, int] = {}
        names = re.findall(r"(?:id=(\w+))?,fd=\d+", " ".join(arguments))
        known = {name: fd for name, fd in zip(names, fds, strict=True) if name}
        self.lines = {name: socket.socket(fileno=fd) for name, fd in known.items()}

    def do(self, command: Any) -> Outcome:
        outcome = predict(self.state, command)
        self.state = outcome.after
        self.log += outcome.log
        return outcome

    # -- the console -------------------------------------------------------------------------
    def serve_console(self) -> None:
        line = self.lines["serial"]
        for said in self.plays.get("console", ["Linux version fake"]):
            line.sendall(f"[    0.000000] {said}\r\n".encode())
        if self.plays.get("boot") == "dies":
            line.shutdown(socket.SHUT_RDWR)
            return
        if self.plays.get("boot") == "hangs":
            threading.Event().wait()
        line.sendall(b"=ready=\r\n")
        for request in line.makefile("r"):
            number, _, command = request.rstrip("\n").partition(" ")
            if command.endswith(self.plays.get("hangs at", "\0")):
                threading.Event().wait()
            if command.endswith(self.plays.get("panics at", "\0")):
                line.sendall(b"[   9.000000] Kernel panic - not syncing: asked to\r\n")
                line.shutdown(socket.SHUT_RDWR)
                return
            refused = self.plays.get("refuses", "\0") in command
            busy = (1, "sh: write error: Device or resource busy\r\n")
            status, output = busy if refused else self.shell(command)
            line.sendall(f"{output}={number} {status}=\r\n".encode())

    def shell(self, command: str) -> tuple[int, str]:
        if found := re.fullmatch(r"timeout -s HUP \d+ sh -c '(.*)'", command):
            command = found[1]
        if command == "facts":
            return 0, "".join(f"{line}\r\n" for line in self.facts())
        if command == "report":
            return 0, "".join(f"{line}\r\n" for line in self.report())
        if "/proc/kpage" in command:
            return 0, "closed\r\n"
        if command == "capture" or command.startswith("eval"):
            return 0, "".join(f"{line}\r\n" for line in self.capture())
        if command.startswith("grep -lx"):
            return 0, "/sys/bus/nd/devices/region0/resource\r\n"
        if not command.startswith(("echo", "cat", "grep")):
            return 0, ""
        try:
            outcome = self.do(parse_line(command))
        except PfnmapError as error:
            return 1, f"sh: {error}\r\n"
        output = "".join(f"{line}\r\n" for line in outcome.output)
        if outcome.refusal is not None:
            return 1, f"{output}sh: write error: {outcome.refusal.shell_text}\r\n"
        return 0, output

    def facts(self) -> list[str]:
        if self.plays.get("boot") == "has no hotplug":
            return ["release 6.12.0-fake"]
        params = dict(self.state.params.words())
        lines = [f"cmdline {self.cmdline}", f"release {self.plays.get('release', '6.12.0-fake')}"]
        lines += ["page_kb 4", f"block_size {self.state.geometry.block_bytes:x}"]
        lines += [f"{name} {params[name]}" for name in (*PARAMETERS, "auto_online_blocks")]
        lacks = self.plays.get("lacks", "\0")
        return lines + [f"has {driver}" for driver in DRIVERS if lacks not in driver]

    def report(self) -> list[str]:
        view, state = ModelView(self.state), self.state
        lines = []
        for each in view.zones:
            numbers = (each.spanned, each.present, each.managed, each.start_pfn, each.cma)
            lines.append(f"zone {each.node} {each.zone.label} {' '.join(map(str, numbers))}")
        for run in state.blocks.rows:
            for block in range(int(run["start"]), int(run["start"] + run["count"])):
                row = view.block(block)
                assert row is not None
                zones = " ".join(row.valid_zones) or "none"
                lines.append(
                    f"block {block} {row.state} {row.node} {int(bool(row.removable))} {zones}"
                )
        lines += [
            f"iomem {'  ' * r.depth}{r.start:08x}-{r.end:08x} : {r.name}" for r in state.resources
        ]
        for mask in MASKS:
            nodes = (0,) if mask in ("has_cpu", "possible") else state.nodes_in(mask)
            lines.append(f"nodes {mask} {','.join(map(str, nodes))}")
        lines += [f"log [    1.000000] {line}" for line in self.log]
        self.log = []
        return lines

    def capture(self) -> list[str]:
        view, memory, node = ModelView(self.state), f"/{MEMORY}", f"/{NODE}"
        lines = ["pagesize:4096", f"{memory}/block_size_bytes:{self.state.geometry.block_bytes:x}"]
        lines += [f"{node}/node{n.node}" for n in view.nodes]
        for block in view.block_ids(0, view.nr_blocks).tolist():
            row = view.block(block)
            assert row is not None
            files = {
                "state": row.state,
                "valid_zones": " ".join(row.valid_zones) or "none",
                "removable": int(bool(row.removable)),
            }
            lines += [f"{memory}/memory{block}/{name}:{word}" for name, word in files.items()]
            lines.append(f"{memory}/memory{block}/node{row.node}")
        for z in view.zones:
            text = zone(z.node, z.zone.label, z.start_pfn, z.spanned, z.present, z.managed, z.cma)
            lines += [f"/proc/zoneinfo:{line}" for line in text.splitlines()]
        lines += [
            f"/proc/iomem:{'  ' * r.depth}{r.start:08x}-{r.end:08x} : {r.name}"
            for r in self.state.resources
        ]
        for mask in MASKS:
            nodes = (0,) if mask in ("has_cpu", "possible") else self.state.nodes_in(mask)
            lines.append(f"{node}/{mask}:{','.join(map(str, nodes))}")
        params = dict(self.state.params.words())
        lines += [f"/{MODULE_PARAMETERS}/{name}:{params[name]}" for name in PARAMETERS]
        lines.append(f"{memory}/auto_online_blocks:{params['auto_online_blocks']}")
        lines.append(f"/proc/sys/kernel/osrelease:{self.plays.get('release', '6.12.0-fake')}")
        return lines

    # -- the monitor -------------------------------------------------------------------------
    def serve_control(self) -> None:
        line = self.lines["control"]
        line.sendall(b'{"QMP": {}}\n')
        for request in line.makefile("r"):
            message = json.loads(request)
            arguments = message.get("arguments", {})
            name = message["execute"].replace("-", "_")
            try:
                answer: dict[str, Any] = {"return": getattr(self, name)(**arguments)}
            except PfnmapError as error:
                answer = {"error": {"desc": str(error)}}
            line.sendall(json.dumps(answer).encode() + b"\n")

    def event(self, name: str, **data: Any) -> None:
        self.lines["control"].sendall(json.dumps({"event": name, "data": data}).encode() + b"\n")

    def qmp_capabilities(self) -> dict[str, Any]:
        return {}

    def query_status(self) -> dict[str, Any]:
        return {"running": True}

    def object_add(self, **options: Any) -> dict[str, Any]:
        self.backends[options["id"]] = options["size"]
        return {}

    def object_del(self, id: str) -> dict[str, Any]:
        del self.backends[id]
        return {}

    def device_add(self, driver: str, id: str, memdev: str, **options: Any) -> dict[str, Any]:
        size, node = self.backends[memdev], options.get("node")
        if id in self.devices:
            raise PfnmapError(f"Duplicate device ID '{id}'")
        if driver == "nvdimm":
            self.devices[id] = {"size": size, "addr": options["addr"]}
        elif driver == "virtio-mem-pci":
            self.do(VirtioMem(id, size, 0, options.get("block-size"), options["memaddr"], node))
            self.devices[id] = {"size": 0, "memaddr": options["memaddr"], "block-size": 2 << 20}
        else:
            self.do(Add(id, (size,), options["addr"], node))
            self.devices[id] = {"size": size, "addr": options["addr"]}
            self.event("ACPI_DEVICE_OST", info={"device": id, "source": 1, "status": 0})
        self.devices[id]["id"] = id
        return {}

    def query_memory_devices(self) -> list[dict[str, Any]]:
        return [{"type": "dimm", "data": data} for data in self.devices.values()]

    def device_del(self, id: str) -> dict[str, Any]:
        if self.do(Remove((Ref(device=id),))).ok:
            del self.devices[id]
            self.event("DEVICE_DELETED", device=id)
        else:
            self.event("ACPI_DEVICE_OST", info={"device": id, "source": 3, "status": 1})
        return {}

    def qom_set(self, path: str, property: str, value: int) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        self.do(VirtioMem(name, requested_bytes=value))
        self.devices[name]["size"] = value
        return {}

    def qom_get(self, path: str, property: str) -> Any:
        return self.devices[path.rpartition("/")[2]]["size"]


def play(asked: socket.socket) -> None:
    """One guest, until its kernel ends or nobody runs it any more."""
    words, fds, _, _ = socket.recv_fds(asked, 1 << 16, 8)
    guest = FakeGuest(words.decode().split("\0"), fds)

    def end_with_its_process() -> None:
        asked.recv(1)
        os._exit(0)

    for serve in (end_with_its_process, guest.serve_control):
        threading.Thread(target=serve, daemon=True).start()
    guest.serve_console()


def take_leave() -> None:
    """Of all guests that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Fork for everyone who connects to the socket on this descriptor."""
    signal.signal(signal.SIGCHLD, lambda *_: take_leave())
    with socket.socket(fileno=int(sys.argv[1])) as server:
        while server in select.select([server, sys.stdin], [], [])[0]:
            asked, _ = server.accept()
            if not os.fork():
                try:
                    play(asked)
                finally:
                    os._exit(0)
            asked.close()


if __name__ == "__main__":
    main()
