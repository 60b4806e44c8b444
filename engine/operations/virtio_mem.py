"""virtio-mem: memory of a guest that the hypervisor resizes.

Source: ``drivers/virtio/virtio_mem.c`` of 6.12 (``virtio_mem_run_wq`` and what it calls), and
recordings of 6.12 and 7.3. The driver came with 5f1f79bbc9e2 "virtio-mem: Paravirtualized memory
hotplug" (5.8). In sub-block mode a memory block is plugged sub-block by sub-block, in big-block
mode (4ba50cd3355d, 5.11) blocks are added and removed several at a time. That the device's memory
is added in batches gives what one block after the other gives.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from pfnmap.engine.commands import Command, Unpin, VirtioMem, VirtioMemDel
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, MemmapKind, MemmapPolicy, OnlineType, ZoneType
from pfnmap.engine.limits import MAX_BLOCKS_ONE_BY_ONE
from pfnmap.engine.memory import free_memory, resources
from pfnmap.engine.memory.runs import Rows, joined_ranges, outside, ranges_of, units_of
from pfnmap.engine.memory.state import Device, Resource, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.memory.unplugged import DRIVER, plugged_pages, unplugged_rows
from pfnmap.engine.operations import sub_blocks
from pfnmap.engine.operations.add import add_memory, make_way, occupied
from pfnmap.engine.operations.device import unclaimed
from pfnmap.engine.operations.refs import default_address
from pfnmap.engine.operations.remove import offline_and_remove, remove_range
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.sizes import human_size

MIN_DEVICE_BLOCK = 1 << 20
"""The least block size that QEMU takes (VIRTIO_MEM_MIN_BLOCK_SIZE)."""
OFFLINE_THRESHOLD = 1 << 30
"""So much may be added and not online yet, or two units (VIRTIO_MEM_DEFAULT_OFFLINE_THRESHOLD)."""

Class = tuple[bool | None, bool]
"""Of blocks: whether they are Movable, None for offline; whether they are plugged in part only."""


def resize(tx: Transaction, command: VirtioMem) -> Refusal | None:
    """``virtio-mem NAME …``: plug the device in, or ask for another size; the guest follows."""
    device = tx.state.device_named(command.name)
    if not tx.state.profile.is_since("5.8"):
        raise InputError(f"{tx.state.profile.name} has no virtio-mem, it came with 5.8")
    if tx.state.geometry.arch.startswith("ppc64"):
        raise InputError("virtio-mem: there is none for powerpc")
    new = device is None
    if device is None:
        described = _described(tx.state, command)
        if isinstance(described, Refusal):
            return described
        device = described
    elif device.kind != "virtio-mem":
        return Refusal("EEXIST", "virtio-mem", f"there is a device {device.name} already")
    elif command.requested_bytes is None or command.sets_up:
        raise InputError(f"virtio-mem {device.name}: it is there; requested=SIZE asks for a size")
    wanted, page = command.requested_bytes or 0, tx.state.geometry.page_bytes
    if (refusal := _check_requested(tx.state, device, wanted)) is not None:
        return refusal
    if new and (refusal := _probe(tx, device)) is not None:
        return refusal
    tx.state = tx.state.with_device(replace(device, requested_pages=wanted // page))
    plugged = plugged_pages(tx.state, device) * page
    tx.event(
        "virtio_mem_refresh_config",
        f"{human_size(wanted)} of {device.name} are requested, {human_size(plugged)} are plugged",
        log=[
            f"virtio_mem {device.bus_name}: plugged size: {plugged:#x}",
            f"virtio_mem {device.bus_name}: requested size: {wanted:#x}",
        ],
    )
    _run_queue(tx, device.id)
    return None


def _firmware(rule: str) -> Refusal:
    """What QEMU does not take: the guest sees nothing of it."""
    return Refusal("EINVAL", "virtio-mem-pci", rule)


def _check_requested(state: State, device: Device, wanted: int) -> Refusal | None:
    page = state.geometry.page_bytes
    unit = device.device_block_pages * page
    if wanted % unit:
        return _firmware(f"'requested-size' has to be multiples of 'block-size' ({unit:#x})")
    if wanted > device.nr_pages * page:
        size = device.nr_pages * page
        return _firmware(f"'requested-size' cannot exceed the memory backend size ({size:#x})")
    return None


def _described(state: State, command: VirtioMem) -> Device | Refusal:
    """A new device as QEMU has it, and the mode that the driver will take for it."""
    geometry = state.geometry
    if command.size_bytes is None:
        raise InputError(f"virtio-mem {command.name}: there is none of that name; size= makes one")
    page = geometry.page_bytes
    smallest = max(MIN_DEVICE_BLOCK, geometry.pageblock_pages * page)
    size, unit = command.size_bytes, command.block_bytes or smallest
    if unit < MIN_DEVICE_BLOCK or unit & (unit - 1) or unit % page:
        return _firmware(f"'block-size' has to be a power of two, {MIN_DEVICE_BLOCK:#x} or more")
    if size < unit or size % unit:
        return _firmware(f"the size has to be multiples of 'block-size' ({unit:#x})")
    start = command.address
    if start is None:
        start = default_address(state, size, unit)
    node = command.node or 0
    if start % unit:
        return _firmware(f"'memaddr' has to be a multiple of 'block-size' ({unit:#x})")
    if not 0 <= node < len(state.nodes):
        return _firmware(f"there is no node {node}")
    if (taken := occupied(state, start, size)) is not None:
        return taken
    if (busy := resources.conflict(state, start, start + size - 1)) is not None:
        return Refusal("EBUSY", "virtio_mem_create_resource", f"{busy.name} has the region")
    # 448b8ec3bf11 "drivers: virtio_mem: use pageblock size as the minimum virtio_mem size." (5.19),
    # before that a sub-block was the largest buddy block at least.
    pages = geometry.pageblock_pages
    if not state.profile.is_since("5.19"):
        pages = max(pages, 1 << geometry.max_order)
    pages = max(pages, unit // page)
    used = {device.bus_name for device in state.devices.values()}
    bus_name = next(name for i in range(len(used) + 1) if (name := f"virtio{i}") not in used)
    return Device(
        state.next_id,
        command.name,
        "virtio-mem",
        start // page,
        size // page,
        node,
        MemmapKind.RAM,
        unit_pages=pages,
        device_block_pages=unit // page,
        bus_name=bus_name,
    )


def _probe(tx: Transaction, device: Device) -> Refusal | None:
    """``virtio_mem_probe``: the region is claimed; one dynamic memory group for the device."""
    geometry, page = tx.state.geometry, tx.state.geometry.page_bytes
    start, size = device.start_pfn * page, device.nr_pages * page
    modern = tx.state.profile.is_since("5.11")
    if not modern and device.device_block_pages > geometry.block_pages:
        rule = "The block size is not supported (too big)."
        log = [f"virtio_mem {device.bus_name}: {rule}"]
        tx.event("virtio_mem_init", "there is no big block mode before 5.11", log=log)
        return Refusal("EINVAL", "virtio_mem_init", f"before 5.11: {rule}")
    make_way(tx, start, size)
    end = start + size - 1
    depth = resources.depth_of(tx.state, start, end)
    line = Resource(start, end, device.bus_name, depth, False, device.id)
    tx.state = resources.insert(replace(tx.state, next_id=device.id + 1), line)
    tx.state = tx.state.with_device(device)
    sub_block = device.unit_pages < geometry.block_pages or not modern
    mode = "subblock" if sub_block else "big block"
    tx.event(
        "virtio_mem_probe",
        f"{human_size(size)} at {start:#x}, {mode} mode, {human_size(device.unit_pages * page)}"
        + ("; a dynamic memory group" if tx.state.profile.is_since("5.15") else ""),
        log=_probe_log(tx.state, device, mode),
    )
    return None


def _probe_log(state: State, device: Device, mode: str) -> list[str]:
    """What ``virtio_mem_init`` says of a device, in the order of its release."""
    geometry, page = state.geometry, state.geometry.page_bytes
    start, size, block = device.start_pfn * page, device.nr_pages * page, geometry.block_bytes
    warnings = [
        f"The alignment of the physical {which} address can make some memory unusable."
        for which, address in (("start", start), ("end", start + size))
        if address % block
    ]
    nid = [f"nid: {device.node}"]
    told = [
        f"start address: {start:#x}",
        f"region size: {size:#x}",
        f"device block size: {device.device_block_pages * page:#x}",
    ]
    modes = [f"memory block size: {block:#x}", f"{mode} size: {device.unit_pages * page:#x}"]
    # 94300fcf4cef "virtio-mem: factor out hotplug specifics from virtio_mem_init() …" (5.16)
    split = state.profile.is_since("5.16")
    lines = [*told, *nid, *warnings, *modes] if split else [*warnings, *told, *modes, *nid]
    return [f"virtio_mem {device.bus_name}: {line}" for line in lines]


def delete(tx: Transaction, command: VirtioMemDel) -> Refusal | None:
    """``virtio-mem-del NAME``: QEMU lets go only of a device without memory, wanted or plugged."""
    device = tx.state.device_named(command.name)
    if device is None or not device.is_dynamic:
        raise InputError(f"{command.name}: there is no virtio-mem device of that name")
    if plugged := plugged_pages(tx.state, device):
        size = human_size(plugged * tx.state.geometry.page_bytes)
        return Refusal("EBUSY", "virtio-mem-pci", f"{size} of {device.name} are still plugged")
    if device.requested_pages:
        return Refusal("EBUSY", "virtio-mem-pci", f"memory of {device.name} is requested")
    first, end = tx.state.blocks_of(device)
    if len(tx.state.blocks.slice(first, end)):
        return Refusal("EBUSY", "virtio-mem-pci", f"blocks of {device.name} could not be removed")
    tx.state = unclaimed(tx.state.without_device(device), device)
    tx.event("virtio_mem_remove", f"{device.name} is unplugged; its region is nobody's")
    return None


# -- the work queue -------------------------------------------------------------------------
def _run_queue(tx: Transaction, number: int) -> None:
    """``virtio_mem_run_wq``: as near to what is requested as can be had now."""
    device = tx.state.devices[number]
    _remove_emptied(tx, device)
    plugged = plugged_pages(tx.state, device)
    if device.requested_pages > plugged:
        why = _plug(tx, device, device.requested_pages - plugged)
    else:
        why = _unplug(tx, device, plugged - device.requested_pages)
    if why:
        page = tx.state.geometry.page_bytes
        now = human_size(plugged_pages(tx.state, device) * page)
        wanted = human_size(device.requested_pages * page)
        tx.event("virtio_mem_run_wq", why)
        tx.notes.append(f"{device.name}: {now} plugged of {wanted} requested: {why}")


def retry(tx: Transaction, command: Command) -> None:
    """What makes the queue run again by itself, behind any command but the device's own.

    Memory that goes online once half of the threshold is free (``MEM_ONLINE``), and the timer,
    where something that was in the way is there no more.
    """
    online = [event for event in tx.single_events if event.function == "MEM_ONLINE"]
    for device in [*tx.state.devices.values()]:
        if not device.is_dynamic or isinstance(command, (VirtioMem, VirtioMemDel)):
            continue
        first, end = tx.state.blocks_of(device)
        lacking = device.requested_pages - plugged_pages(tx.state, device)
        ours = any(first <= event.first_block < end for event in online)
        half = _threshold(tx.state, device) // 2
        if lacking > 0 and ours and _offline_pages(tx.state, device) <= half:
            tx.event("virtio_mem_retry", f"{device.name} is to have more memory than it has")
            _run_queue(tx, device.id)
        elif lacking < 0 and isinstance(command, Unpin):
            tx.event("virtio_mem_timer_expired", f"{device.name} is to have less memory")
            _run_queue(tx, device.id)


def _remove_emptied(tx: Transaction, device: Device) -> None:
    """``virtio_mem_cleanup_pending_mb``: blocks of which nothing is plugged any more go."""
    pages = tx.state.geometry.block_pages
    for low, high in ranges_of(unplugged_rows(tx.state, device)).tolist():
        for block in range(-(-low // pages), high // pages):
            if tx.state.blocks.at(block) is not None:
                offline_and_remove(tx, (block, block))


def _threshold(state: State, device: Device) -> int:
    """How much of a device may be added and not online yet, pages."""
    unit = max(device.unit_pages, state.geometry.block_pages)
    return max(OFFLINE_THRESHOLD // state.geometry.page_bytes, 2 * unit)


def _offline_pages(state: State, device: Device) -> int:
    rows = state.blocks.slice(*state.blocks_of(device))
    return (
        int(rows["count"][rows["state"] == BlockState.OFFLINE].sum()) * state.geometry.block_pages
    )


# -- more -----------------------------------------------------------------------------------
def _plug(tx: Transaction, device: Device, wanted: int) -> str:
    """``virtio_mem_plug_request``; why it stops early, empty where it does not. Pages."""
    left = wanted // device.unit_pages * device.unit_pages
    pages = tx.state.geometry.block_pages
    for movable in _by_zone(tx.state, (False, True)):
        for row in _blocks_that_are(tx.state, device, (movable, True)):
            low, high = int(row["start"]) * pages, int(row["start"] + row["count"]) * pages
            inside = replace(device, start_pfn=low, nr_pages=high - low)
            for start, end in sub_blocks.by_block(unplugged_rows(tx.state, inside), pages):
                end = min(end, start + left)
                if start < end:
                    tx.state = sub_blocks.fake_online(tx.state, start, end)
                    text = f"{end - start} pages at {start:#x} are plugged"
                    tx.event("virtio_mem_fake_online", text, block=start // pages)
                    left -= end - start
    alone = 0
    while left:
        done, why = _add_more(tx, device, left)
        if why:
            return why
        left -= done
        alone += done <= max(device.unit_pages, pages)
        if alone > MAX_BLOCKS_ONE_BY_ONE:
            raise InputError(
                f"virtio-mem: more than {MAX_BLOCKS_ONE_BY_ONE} memory blocks, each by itself "
                "because struct pages find no room near them; ask for less at a time"
            )
    return ""


def _add_more(tx: Transaction, device: Device, left: int) -> tuple[int, str]:
    """Add unused blocks, the lowest first, as many as go at once; pages plugged, and what stops."""
    state, pages = tx.state, tx.state.geometry.block_pages
    unit = max(device.unit_pages, pages)
    if (gap := _lowest_gap(state, device)) is None:
        return 0, "the device has no room for more (ENOSPC)"
    room = _threshold(state, device) - _offline_pages(state, device)
    if room < unit:
        rule = f"{human_size((_threshold(state, device) - room) * state.geometry.page_bytes)}"
        return 0, f"{rule} are added and not online: no more until they are (ENOSPC)"
    count = min(gap[1] - gap[0], max(1, left // unit))
    waits = state.params.auto_online_blocks == OnlineType.OFFLINE
    count = min(count, room // unit if waits else count)
    count = min(count, _affordable(state, device, unit))
    low, high = gap[0] * unit, (gap[0] + count) * unit
    plugged = min(left, high - low)
    if low + plugged < high:
        tx.state = sub_blocks.mark(tx.state, device, low + plugged, high)
    page = state.geometry.page_bytes
    # 7b7b27214bba (5.8) names the line, 9ca6551ee22e (5.10) merges it.
    refusal = add_memory(
        tx,
        device,
        low * page,
        (high - low) * page,
        MemmapPolicy.RAM,
        line=DRIVER,
        merges=state.profile.is_since("5.10"),
    )
    if refusal is not None:
        tx.state = replace(tx.state, taken=tx.state.taken.delete(low + plugged, high))
        return 0, f"adding memory failed with {refusal.errno}: {refusal.rule}"
    return plugged, ""


def _lowest_gap(state: State, device: Device) -> tuple[int, int] | None:
    """[first, end) of the lowest units of the device that are not there."""
    pages = state.geometry.block_pages
    unit = max(device.unit_pages, pages)
    low, high = -(-device.start_pfn // unit), device.end_pfn // unit
    if low >= high:
        return None  # smaller than a unit, or across the end of one
    there = ranges_of(state.blocks_over(low * unit, high * unit)) * pages // unit
    free = outside(state.blocks.row(low, high - low), joined_ranges(there))
    return (int(free["start"][0]), int(free["start"][0] + free["count"][0])) if len(free) else None


def _affordable(state: State, device: Device, unit: int) -> int:
    """Units whose struct pages the nearest memory has room for, whatever goes online meanwhile.

    1 where that has none: then it may come from elsewhere, or be missing.
    """
    nodes = free_memory.kernel_nodes(state, device.node)[:1]
    if state.freelists or state.faults or not nodes:
        return 1
    free = free_memory.free_of(state, nodes[0])[free_memory.KERNEL]
    return max(1, (free - 1) // max(1, state.geometry.memmap_pages(unit)))


# -- less -----------------------------------------------------------------------------------
def _by_zone(state: State, zones: tuple[bool, ...]) -> tuple[bool | None, ...]:
    """Which online blocks have their turn one after the other, and the offline ones behind them.

    c740bb97cc84 "virtio-mem: prioritize unplug from ZONE_MOVABLE in Sub Block Mode" (5.15) tells
    zones apart; before that no zone matters.
    """
    return (*zones, None) if state.profile.is_since("5.15") else (True, None)


def _blocks_that_are(state: State, device: Device, which: Class) -> Rows:
    """Rows of the device's blocks of a class, ascending."""
    movable, partial = which
    rows = state.blocks.slice(*state.blocks_of(device))
    mine = rows["state"] == BlockState.OFFLINE
    if movable is not None:
        mine = ~mine
        if state.profile.is_since("5.15"):
            mine &= (rows["zone"] == ZoneType.MOVABLE) == movable
    rows = rows[mine]
    pages = state.geometry.block_pages
    touched = joined_ranges(units_of(ranges_of(unplugged_rows(state, device)), pages))
    full = outside(rows, touched)
    return outside(rows, ranges_of(full)) if partial else full


def _unplug(tx: Transaction, device: Device, surplus: int) -> str:
    """``virtio_mem_unplug_request``; why it stops early, empty where it does not. Pages."""
    left = surplus // device.unit_pages * device.unit_pages
    for first, end in _in_turn(tx, device) if left else ():
        while first < end and left:
            done, end = _unplug_top(tx, device, first, end, left)
            left -= done
        if not left:
            break
    if not left:
        return ""
    size = human_size(left * tx.state.geometry.page_bytes)
    return f"{size} cannot be freed now (EBUSY); tried again after 50 s, then up to every 5 min"


def _in_turn(tx: Transaction, device: Device) -> Iterator[tuple[int, int]]:
    """[first, end) of alike blocks in the driver's order, each class as it is at its turn.

    Sub-blocks: offline blocks first, those in part plugged before others, then Movable before the
    kernel's, in part plugged ones first again. Big blocks: offline, Movable, any. Highest first.
    """
    whole = device.unit_pages >= tx.state.geometry.block_pages
    online = _by_zone(tx.state, (True, False))[:-1]
    order: list[Class] = [(None, True), (None, False)]
    order += [(movable, partial) for partial in (True, False) for movable in online]
    if whole:
        order = [(movable, False) for movable in (None, *online)]
    for movable, partial in order:
        rows = _blocks_that_are(tx.state, device, (movable, partial))
        if whole:
            rows = _big_blocks(tx.state, device, movable)
        yield from reversed(joined_ranges(ranges_of(rows)).tolist())


def _big_blocks(state: State, device: Device, movable: bool | None) -> Rows:
    """Blocks of big blocks that are offline (None), without kernel memory (True), or any."""
    each = device.unit_pages // state.geometry.block_pages
    rows = state.blocks.slice(*state.blocks_of(device))
    online = rows["state"] != BlockState.OFFLINE
    bad = rows[online]
    if movable is not None:
        zones = movable and state.profile.is_since("5.15")
        bad = rows[online & (rows["zone"] != ZoneType.MOVABLE) & zones]
    return outside(rows, joined_ranges(units_of(ranges_of(bad), each)) * each)


def _unplug_top(
    tx: Transaction, device: Device, first: int, end: int, left: int
) -> tuple[int, int]:
    """Unplug from the blocks first..end - 1, alike, from the top; pages, and where to go on."""
    state, pages = tx.state, tx.state.geometry.block_pages
    whole = device.unit_pages >= pages
    unit = device.unit_pages // pages if whole else 1
    low, high = first * pages, end * pages
    rows = state.blocks.slice(first, end)
    online = joined_ranges(ranges_of(rows[rows["state"] != BlockState.OFFLINE])) * pages
    part = replace(device, start_pfn=low, nr_pages=high - low)
    stays = [unplugged_rows(state, part)]
    stays += [sub_blocks.obstacles(state, device, a, b) for a, b in online.tolist()]
    reach = max(int(rows["start"][-1] + rows["count"][-1]) if len(rows) else low for rows in stays)
    count = min((high - reach) // (unit * pages), left // (unit * pages))
    if count:
        count = 1 if state.faults else count
        start = end - count * unit
        return (end - start) * pages * _take_away(tx, device, start, end), start
    if whole:
        return 0, end - unit
    low = (end - 1) * pages
    for start, stop in sub_blocks.highest(sub_blocks.pluggable(state, device, low, high), left):
        fake = sub_blocks.fake_offline if len(online) else sub_blocks.mark
        tx.state = fake(tx.state, device, start, stop)
        text = f"{stop - start} pages at {start:#x} are unplugged"
        name = "virtio_mem_fake_offline" if len(online) else "virtio_mem_send_unplug_request"
        tx.event(name, text, block=end - 1)
    top = replace(device, start_pfn=low, nr_pages=pages)
    was, now = plugged_pages(state, top), plugged_pages(tx.state, top)
    if not now:
        _remove(tx, end - 1, end - 1, online=len(online) > 0)
    return was - now, end - 1


def _take_away(tx: Transaction, device: Device, first: int, end: int) -> bool:
    """Blocks that are plugged and hold nothing that stays: out of the allocator, offline, gone."""
    before, pages = tx.state, tx.state.geometry.block_pages
    low, high = first * pages, end * pages
    online = before.blocks.slice(first, end)
    online = online[online["state"] == BlockState.ONLINE]
    for start, stop in (ranges_of(online) * pages).tolist():
        tx.state = sub_blocks.fake_offline(tx.state, device, start, stop)
    if len(online):
        text = f"{high - low} pages at {low:#x} are allocated and PageOffline"
        tx.event("virtio_mem_fake_offline", text, block=first, nr_blocks=end - first)
    refusal = _remove(tx, first, end - 1, online=len(online) > 0)
    if refusal is not None and device.unit_pages >= pages:
        for start, stop in (ranges_of(online) * pages).tolist():
            tx.state = sub_blocks.fake_online(tx.state, start, stop)
        tx.event("virtio_mem_fake_online", f"the big block stays: {refusal.rule}", block=first)
        return False
    return True


def _remove(tx: Transaction, first: int, last: int, *, online: bool) -> Refusal | None:
    return offline_and_remove(tx, (first, last)) if online else remove_range(tx, first, last)
