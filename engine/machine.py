"""A machine: one state at a time, changed only by commands.

    >>> from pfnmap.engine import Machine
    >>> machine = Machine.boot()
    >>> machine.run("add dimm0 256M").ok
    True

``predict`` is pure; ``apply`` is ``predict`` and the step to the state after it. Words become
commands in ``pfnmap.engine.language``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from pfnmap.engine import commands
from pfnmap.engine.errors import InputError
from pfnmap.engine.memory import boot, checks
from pfnmap.engine.memory.state import Fault, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.operations import (
    add,
    allocations,
    device,
    hugetlb,
    offline,
    online,
    remove,
    shrink,
)
from pfnmap.engine.operations.refs import block_ranges, pfn_of
from pfnmap.engine.outcome import Event, Outcome, Refusal
from pfnmap.engine.params import BOOT_ONLY_PARAMS


class CheckError(AssertionError):
    """Identities that do not hold; ``broken`` lists them as sentences."""

    def __init__(self, broken: list[str]) -> None:
        self.broken = broken
        super().__init__("; ".join(broken))


class Machine:
    """A thin face over an immutable :class:`State`."""

    def __init__(self, state: State) -> None:
        self.state = state

    @classmethod
    def boot(cls, start: commands.StartMachine | None = None) -> Machine:
        """The machine that a ``machine`` line describes; InputError where it cannot be."""
        return cls(boot.boot(start or commands.StartMachine()))

    def predict(self, command: commands.Command) -> Outcome:
        """What applying the command would give; changes nothing.

        InputError where the command means nothing on this machine (no such block …).
        """
        return predict(self.state, command)

    def apply(self, command: commands.Command) -> Outcome:
        """Apply the command; the state moves to ``outcome.after``, refused or not."""
        outcome = predict(self.state, command)
        self.state = outcome.after
        return outcome

    def step(self, command: commands.Command) -> Iterator[Event]:
        """Apply the command phase by phase: the state is the phase's while it is yielded."""
        outcome = predict(self.state, command)
        for event in outcome.events:
            self.state = event.state
            yield event
        self.state = outcome.after

    def run(self, line: str) -> Outcome:
        """Apply one line of the command language."""
        from pfnmap.engine.language import (
            parse_line,  # a machine that is given commands reads no words
        )

        command = parse_line(line)
        if command is None:
            raise InputError("an empty line is no command")
        return self.apply(command)

    def check(self) -> None:
        """Raise CheckError with every identity that should hold and does not."""
        broken = checks.broken_identities(self.state)
        if broken:
            raise CheckError(broken)

    def view(self) -> ModelView:
        """What painters and screens read."""
        return ModelView(self.state)


def predict(state: State, command: commands.Command) -> Outcome:
    """The outcome of a command on a state: the one place where commands become effects."""
    if isinstance(command, commands.StartMachine):
        return Outcome(command, state, boot.boot(command))
    if not commands.is_action(command):
        return Outcome(command, state, state)
    tx = Transaction(state)
    refusal = _EFFECTS[type(command)](tx, command)
    return Outcome(
        command, state, tx.state, tuple(tx.events), refusal, tuple(tx.output), tuple(tx.notes)
    )


def _set_param(tx: Transaction, command: commands.SetParam) -> Refusal | None:
    tx.state = replace(tx.state, params=tx.state.params.with_word(command.name, command.value))
    if command.name in BOOT_ONLY_PARAMS:
        tx.notes.append(
            f"a real kernel takes {command.name} on its command line only; the simulator lets "
            "it change"
        )
    tx.event("set", f"{command.name}={command.value}")
    return None


def _set_rule(tx: Transaction, command: commands.SetRule) -> Refusal | None:
    profile = tx.state.profile.with_rule(command.name, command.value)
    tx.state = replace(tx.state, profile=profile)
    tx.event("rule", f"{command.name}={command.value} from here on")
    return None


def _online(tx: Transaction, command: commands.Online) -> Refusal | None:
    for first, last in block_ranges(tx.state, command.blocks):
        refusal = online.online_blocks(tx, first, last, command.online_type)
        if refusal is not None:
            return refusal
    return None


def _offline(tx: Transaction, command: commands.Offline) -> Refusal | None:
    for first, last in block_ranges(tx.state, command.blocks):
        if (refusal := offline.offline_blocks(tx, first, last)) is not None:
            return refusal
    return None


def _remove(tx: Transaction, command: commands.Remove) -> Refusal | None:
    whole = command.blocks[0] if len(command.blocks) == 1 else None
    if whole is not None and whole.device is not None and whole.first is None:
        held = tx.state.device_named(whole.device)
        if held is not None and held.kind == "dimm":
            return remove.eject(tx, held)
        if add.unplug_failed(tx, whole.device):
            return None
    for first, last in block_ranges(tx.state, command.blocks):
        if (refusal := remove.remove_range(tx, first, last)) is not None:
            return refusal
    return None


def _device_del(tx: Transaction, command: commands.DeviceDel) -> Refusal | None:
    held = tx.state.device_named(command.name)
    if held is None or held.kind != "pmem":
        raise InputError(f"{command.name}: there is no ZONE_DEVICE memory of that name")
    return device.delete(tx, held)


def _pin(tx: Transaction, command: commands.Pin) -> Refusal | None:
    pfn = pfn_of(tx.state, command.pfn) if command.pfn else None
    ranges = block_ranges(tx.state, command.blocks)
    if (count := sum(last - first + 1 for first, last in ranges)) > allocations.MAX_PINNED_BLOCKS:
        raise InputError(
            f"pin: {count} blocks in one command; at most {allocations.MAX_PINNED_BLOCKS}"
        )
    blocks = [block for first, last in ranges for block in range(first, last + 1)]
    return allocations.pin(tx, command, pfn, blocks)


def _unpin(tx: Transaction, command: commands.Unpin) -> Refusal | None:
    if command.pfn is not None:
        low = pfn_of(tx.state, command.pfn)
        return allocations.unpin(tx, command, low, low + (command.nr_pages or 1))
    for first, last in block_ranges(tx.state, command.blocks):
        refusal = allocations.unpin(
            tx, command, tx.state.block_pfn(first), tx.state.block_pfn(last + 1)
        )
        if refusal is not None:
            return refusal
    return None


def _hugetlb(tx: Transaction, command: commands.Hugetlb) -> Refusal | None:
    start = pfn_of(tx.state, command.pfn) if command.pfn else None
    if command.address is not None:
        if command.address % tx.state.geometry.page_bytes:
            raise InputError(f"at={command.address:#x} is not the start of a page")
        start = command.address >> tx.state.geometry.page_shift
    return hugetlb.place(tx, command, start)


def _hugetlb_free(tx: Transaction, command: commands.HugetlbFree) -> Refusal | None:
    held = next((h for h in tx.state.hugetlb.values() if h.name == command.name), None)
    if held is None:
        raise InputError(f"{command.name}: there are no huge pages of that name")
    hugetlb.release(tx, held)
    return None


def _free(tx: Transaction, command: commands.Free) -> Refusal | None:
    node, pages = command.node or 0, command.size_bytes >> tx.state.geometry.page_shift
    _known_node(tx.state, node)
    pairs = list(tx.state.free_pages)
    pairs[node] = (pages, pairs[node][1])
    tx.state = replace(tx.state, free_pages=tuple(pairs))
    tx.event("free", f"{pages} kernel pages of node {node} are free")
    return None


def _freelist(tx: Transaction, command: commands.Freelist) -> Refusal | None:
    node = command.node or 0
    _known_node(tx.state, node)
    highest = tx.state.geometry.max_order
    for order, _ in command.counts:
        if order > highest:
            raise InputError(f"freelist {order}: the largest order is {highest}")
    counts = tuple(sorted((order, count) for order, count in command.counts if count))
    total = sum(count << order for order, count in counts)
    pairs = list(tx.state.free_pages)
    pairs[node] = (total, pairs[node][1])
    tx.state = replace(
        tx.state, freelists={**tx.state.freelists, node: counts}, free_pages=tuple(pairs)
    )
    kib = total * tx.state.geometry.page_bytes >> 10
    tx.event("freelist", f"node {node}: {total} pages = {kib}K free")
    return None


def _known_node(state: State, node: int) -> None:
    if not 0 <= node < len(state.nodes):
        raise InputError(f"node={node}: there are nodes 0 to {len(state.nodes) - 1}")


def _fail(tx: Transaction, command: commands.FailNext) -> Refusal | None:
    tx.arm(Fault(command.phase, command.errno))
    tx.event("fail", f"the next {command.phase} fails with {command.errno}")
    return None


# What shell lines need is loaded with the first of them: it is much, and most machines see none.
def _sysfs_write(tx: Transaction, command: commands.SysfsWrite) -> Refusal | None:
    from pfnmap.engine.operations import sysfs

    return sysfs.write(tx, command)


def _sysfs_read(tx: Transaction, command: commands.SysfsRead) -> Refusal | None:
    from pfnmap.engine.operations import sysfs

    return sysfs.read(tx, command)


_EFFECTS: dict[type[commands.Command], Callable[..., Refusal | None]] = {
    commands.SetParam: _set_param,
    commands.SetRule: _set_rule,
    commands.Add: add.add,
    commands.Online: _online,
    commands.Offline: _offline,
    commands.Remove: _remove,
    commands.Shrink: shrink.shrink,
    commands.DeviceAdd: device.add,
    commands.DeviceDel: _device_del,
    commands.Pin: _pin,
    commands.Unpin: _unpin,
    commands.Hugetlb: _hugetlb,
    commands.HugetlbFree: _hugetlb_free,
    commands.Free: _free,
    commands.Freelist: _freelist,
    commands.FailNext: _fail,
    commands.SysfsWrite: _sysfs_write,
    commands.SysfsRead: _sysfs_read,
}
