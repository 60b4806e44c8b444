"""The machine a guest runs on: RAM, nodes, and the kernel's command line, as QEMU options."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pfnmap.engine.guest.images import QEMU, Image

GIB = 1 << 30
MIB = 1 << 20

LOW_RAM_BYTES = 3 * GIB
"""Boot RAM up to here lies below the PCI hole; the rest goes on at 4 GiB."""

HOTPLUG_BYTES = 256 * GIB
"""How much DIMMs may add. It does not change the block size, which looks at boot RAM only."""

SLOTS = 32


@dataclass(frozen=True, slots=True)
class Hardware:
    """What is switched on. Sizes in bytes; every CPU but one is on the node that names it."""

    ram_bytes: int = 1 * GIB
    nodes: int = 1
    node_ram_bytes: dict[int, int] = field(default_factory=dict)
    """Boot RAM of node 1 and up; a node that is not named has none."""
    cpu_nodes: tuple[int, ...] = ()
    """Nodes beside node 0 that have a CPU of their own."""
    cmdline: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """All boot RAM."""
        return self.ram_bytes + sum(self.node_ram_bytes.values())

    @property
    def first_hotplug_address(self) -> int:
        """Where QEMU lets DIMMs begin: after boot RAM, on a whole GiB, at 4 GiB or above."""
        above = max(0, self.total_bytes - LOW_RAM_BYTES)
        return 4 * GIB + -(-above // GIB) * GIB

    def qemu_arguments(self, image: Image, initramfs: Path) -> list[str]:
        """The command that boots this machine; control and serial sockets are the caller's.

        Software emulation on purpose: it runs everywhere, and what is recorded does
        not depend on the CPU of whoever runs it.
        """
        total = self.total_bytes
        command = [
            *(QEMU, "-accel", "tcg", "-cpu", "max", "-nodefaults", "-nographic", "-no-reboot"),
            *("-machine", self._machine()),
            *("-smp", str(1 + len(self.cpu_nodes))),
            *("-m", f"{total // MIB}M,slots={SLOTS},maxmem={(total + HOTPLUG_BYTES) // MIB}M"),
            *("-kernel", str(image.vmlinuz), "-initrd", str(initramfs)),
            *("-append", " ".join(("console=ttyS0 quiet panic=-1 nokaslr", *self.cmdline))),
        ]
        if self.nodes == 1:
            return [*command, "-object", _memory(0, self.ram_bytes)]
        for node in range(self.nodes):
            command += self._node(node)
        return command

    def _machine(self) -> str:
        words = f"pc,max-ram-below-4g={LOW_RAM_BYTES}"
        return words if self.nodes > 1 else f"{words},memory-backend=boot0"

    def _node(self, node: int) -> list[str]:
        size = self.ram_bytes if node == 0 else self.node_ram_bytes.get(node, 0)
        words = [f"node,nodeid={node}"]
        arguments = []
        if size:
            arguments += ["-object", _memory(node, size)]
            words.append(f"memdev=boot{node}")
        if node == 0:
            words.append("cpus=0")
        elif node in self.cpu_nodes:
            words.append(f"cpus={1 + self.cpu_nodes.index(node)}")
        return [*arguments, "-numa", ",".join(words)]


def _memory(node: int, size: int) -> str:
    """Memory that the host gives only as it is touched: guests may be larger than the host."""
    return f"memory-backend-ram,id=boot{node},size={size},reserve=off"
