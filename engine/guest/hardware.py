"""The machine a guest runs on: RAM, nodes, and the kernel's command line, as QEMU options."""

from __future__ import annotations

import fcntl
import os

from msgspec import Struct

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.geometry import ARCHITECTURES, GIB, MIB
from pfnmap.engine.guest.errors import UnplayableError
from pfnmap.engine.guest.kernels import Kernel, firmware, host_arch, qemu
from pfnmap.engine.params import PARAM_VALUES

LOW_RAM_BYTES = 3 * GIB
"""Boot RAM of a PC up to here lies below the PCI hole; the rest goes on at 4 GiB."""

HOTPLUG_BYTES = 256 * GIB
"""How much DIMMs may add. It does not change the block size, which looks at boot RAM only."""

SLOTS = 32
PCI_PORTS = 8
"""Sockets into which virtio-mem devices are plugged where the bus has none of its own."""

VIRTIO_MEM, NVDIMM = (
    ("virtio_pci", "virtio_mem"),
    ("nfit", "nd_pmem", "dax_pmem", "device_dax", "kmem"),
)
MODULES = (*VIRTIO_MEM, *NVDIMM)
"""What the words of the language need of a kernel that has it as modules."""

_KVM_CREATE_VM = 0xAE01
_BOOT_WORDS = {
    "memmap_on_memory": "memory_hotplug.memmap_on_memory={}",
    "online_policy": "memory_hotplug.online_policy={}",
    "auto_movable_ratio": "memory_hotplug.auto_movable_ratio={}",
    "auto_movable_numa_aware": "memory_hotplug.auto_movable_numa_aware={}",
    "auto_online_blocks": "memhp_default_state={}",
    "hugetlb_free_vmemmap": "hugetlb_free_vmemmap={}",
}


class Hardware(Struct, frozen=True):
    """What is switched on. Sizes in bytes; every CPU but one is on the node that names it."""

    ram_bytes: int = 1 * GIB
    nodes: int = 1
    node_ram_bytes: dict[int, int] = {}
    """Boot RAM of node 1 and up; a node that is not named has none."""
    cpu_nodes: tuple[int, ...] = ()
    """Nodes beside node 0 that have a CPU of their own."""
    distances: tuple[int, ...] = ()
    """The SLIT row by row; empty: QEMU's."""
    cmdline: tuple[str, ...] = ()
    modules: tuple[str, ...] = MODULES

    @property
    def total_bytes(self) -> int:
        """All boot RAM."""
        return self.ram_bytes + sum(self.node_ram_bytes.values())

    def hotplug_start(self, arch: str) -> int:
        """Where QEMU's region for DIMMs begins: behind boot RAM, on a whole GiB."""
        if arch == "arm64":  # VIRT_MEM at 1 GiB, device memory behind it (hw/arm/virt.c)
            return GIB + -(-self.total_bytes // GIB) * GIB
        above = max(0, self.total_bytes - LOW_RAM_BYTES)
        return 4 * GIB + -(-above // GIB) * GIB

    def qemu_arguments(self, kernel: Kernel, initramfs: str, accelerator: str) -> list[str]:
        """The command that boots this machine; serial and control lines are the caller's.

        Under emulation what is recorded does not depend on the CPU of whoever records.
        """
        total, arm = self.total_bytes, kernel.arch == "arm64"
        console = "ttyAMA0" if arm else "ttyS0"
        kvm = accelerator == "kvm"
        cpu = ("host" if kvm else "cortex-a72") if arm else "max" + ",arch-capabilities=off" * kvm
        command = [
            *(str(qemu(kernel.arch)), "-accel", accelerator, "-cpu", cpu),
            *("-nodefaults", "-nographic", "-no-reboot", "-nic", "none"),
            *("-machine", self._machine(kernel.arch)),
            *("-smp", str(1 + len(self.cpu_nodes))),
            *("-m", f"{total // MIB}M,slots={SLOTS},maxmem={(total + HOTPLUG_BYTES) // MIB}M"),
            *("-kernel", str(kernel.image), "-initrd", initramfs),
            *("-append", " ".join((f"console={console} panic=-1 nokaslr", *self.cmdline))),
        ]
        if arm:
            command += ["-bios", str(firmware())]
            for port in range(1, PCI_PORTS + 1):
                command += ["-device", f"pcie-root-port,id=port{port},chassis={port}"]
        if self.nodes == 1:
            return [*command, "-object", _memory(0, self.ram_bytes)]
        for node in range(self.nodes):
            command += self._node(node)
        for place, distance in enumerate(self.distances):
            source, to = divmod(place, self.nodes)
            if source != to:
                command += ["-numa", f"dist,src={source},dst={to},val={distance}"]
        return command

    def _machine(self, arch: str) -> str:
        words = "virt,acpi=on" if arch == "arm64" else f"pc,max-ram-below-4g={LOW_RAM_BYTES}"
        if any(module in self.modules for module in NVDIMM):
            words += ",nvdimm=on"
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


def hardware_of(start: StartMachine, arch: str, params: dict[str, str] | None = None) -> Hardware:
    """The machine of a ``machine`` line, for a kernel of this architecture.

    Args:
        start: The line. Its profile is the kernel's own affair.
        arch: Of the kernel.
        params: What ``set`` lines say before anything is done; they win.

    Raises:
        UnplayableError: There is no such machine to boot.
    """
    if start.arch.partition("-")[0] not in (arch, StartMachine().arch):
        raise UnplayableError(f"machine arch={start.arch}: the kernel is one for {arch}")
    if start.block_bytes is not None:
        raise UnplayableError("machine block=: a real kernel chooses the size of its blocks")
    node_ram = dict(start.node_ram_bytes)
    if any(not node_ram.get(node) for node in range(1, start.nodes - 1)):
        # The kernel numbers nodes as the firmware's tables mention them, and QEMU's mention,
        # beside those with RAM, the last one only: any other numbering would not be ours.
        raise UnplayableError("machine: of a guest's nodes only the last can be without RAM")
    words = kernel_words(dict(start.params) | (params or {}))
    return Hardware(
        ram_bytes=start.ram_bytes,
        nodes=start.nodes,
        node_ram_bytes=node_ram,
        distances=start.distances,
        cmdline=(*words, *start.cmdline.split()),
    )


def kernel_words(params: dict[str, str]) -> tuple[str, ...]:
    """The kernel command line that boots with these parameters.

    The default online type is always given: kernels are built with different ones, and the
    command language promises ``offline``.
    """
    words = []
    for name, value in ({"auto_online_blocks": "offline"} | params).items():
        if name == "movable_node":
            words += ["movable_node"] if value in ("Y", "y", "1", "on") else []
        elif name in _BOOT_WORDS:
            words.append(_BOOT_WORDS[name].format(value))
        else:
            known = ", ".join(each for each in PARAM_VALUES if each in _BOOT_WORDS)
            raise UnplayableError(f"set {name}: no real kernel has it; expected one of {known}")
    return tuple(words)


def accelerators(arch: str) -> tuple[str, ...]:
    """What to try, best first: KVM where this machine lets us make a virtual machine of its own."""
    if arch != host_arch():
        return ("tcg",)
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return ("tcg",)
    try:
        os.close(fcntl.ioctl(kvm, _KVM_CREATE_VM))
    except OSError:
        return ("tcg",)
    finally:
        os.close(kvm)
    return ("kvm", "tcg")


def geometry_name(arch: str, page_kb: int) -> str:
    """What the engine calls a guest's architecture."""
    name = arch if arch in ARCHITECTURES else f"{arch}-{page_kb}k"
    if name not in ARCHITECTURES:
        raise UnplayableError(f"there is no model of {arch} with pages of {page_kb} kB")
    return name
