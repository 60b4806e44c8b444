"""Hot-adding a DIMM.

Source: ``drivers/acpi/acpi_memhotplug.c:acpi_memory_enable_device`` and
``mm/memory_hotplug.c:add_memory_resource`` of 6.12 and 6.1; the layouts of 2019 from post
"[PATCH v2 0/5] Allocate memmap from hotadded memory".
"""

from __future__ import annotations

import itertools

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.commands import Add
from pfnmap.engine.kinds import MemmapKind, MemmapPolicy, OnlineType
from pfnmap.engine.memory import memmap, memmap_from_ram, resources, spans_history, zonelists
from pfnmap.engine.memory.memmap import MemmapChoice
from pfnmap.engine.memory.runs import RunMap
from pfnmap.engine.memory.state import Device, FailedDimm, Resource, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import online, zone_shifting
from pfnmap.engine.operations.refs import default_address
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.sizes import counted


def occupied(state: State, start: int, size: int) -> Refusal | None:
    """The firmware's refusal of a device where another one is plugged; bytes.

    A device keeps its place until it is unplugged, whatever became of its blocks.
    """
    shift = state.geometry.page_shift
    for held in state.devices.values():
        low, high = held.start_pfn << shift, held.end_pfn << shift
        if low < start + size and start < high:
            return Refusal("EEXIST", "add", f"{held.name} is plugged at [{low:#x}-{high - 1:#x}]")
    return None


def add(tx: Transaction, command: Add) -> Refusal | None:
    """Plug a DIMM: ``acpi_memory_device_add`` → ``__add_memory``; auto-online at the end.

    A DIMM that is plugged but was refused makes way for one of its name or at its place.
    """
    if tx.state.device_named(command.name) is not None:
        return Refusal("EEXIST", "add", f"there is a device {command.name} already")
    unplug_failed(tx, command.name)
    state = tx.state
    start = command.address
    if start is None:
        start = default_address(state, command.size_bytes)
    # The bus scan goes through the slots in order, so the new DIMM is in the middle.
    dimm = FailedDimm(
        command.name,
        start,
        command.size_bytes,
        _acpi_index(state),
        command.node or 0,
        command.memmap,
        command.sizes if len(command.sizes) > 1 else (),
    )
    refusal = check_range(state, start, command.size_bytes, dimm.node)
    if refusal is not None and refusal.function == "register_memory_resource":
        tx.event(refusal.function, refusal.rule)
        return refusal
    if (refusal := occupied(state, start, command.size_bytes)) is not None:
        return refusal
    make_way(tx, start, command.size_bytes)
    _retry_failed(tx, 0, dimm.acpi_index)
    refusal = _enable(tx, dimm)
    _retry_failed(tx, dimm.acpi_index + 1)
    return refusal


def probe(tx: Transaction, start: int) -> Refusal | None:
    """``probe_store``: one block of whatever is plugged at that address, no ACPI device of its own.

    MHP_NONE: memory that is probed never hosts its own memmap, and is in no memory group.
    """
    size, before = tx.state.geometry.block_bytes, tx.state
    if check_range(before, start, size, 0) is None:
        _put_to_use(tx, start, size)
    dimm = FailedDimm(f"probe-{start:#x}", start, size, -1, policy=MemmapPolicy.RAM)
    refusal = _add_dimm(tx, dimm)
    if refusal is not None:
        tx.state = replace(tx.state, failed_dimms=before.failed_dimms, devices=before.devices)
    return refusal


def _put_to_use(tx: Transaction, start: int, size: int) -> None:
    """The DIMM without memory that all of this place lies in holds memory from here on; bytes.

    Only whole blocks of it can; one that lies there in part makes way.
    """
    shift = tx.state.geometry.page_shift
    for held in tx.state.failed_dimms:
        if held.start <= start and start + size <= held.start + held.size_bytes:
            others = tuple(dimm for dimm in tx.state.failed_dimms if dimm is not held)
            low, number = -(-held.start // size) * size >> shift, tx.state.next_id
            end = (held.start + held.size_bytes) // size * size >> shift
            device = Device(number, held.name, "dimm", low, end - low, 0, MemmapKind.RAM)
            device = replace(device, acpi_index=held.acpi_index)
            devices = {**tx.state.devices, number: device}
            tx.state = replace(tx.state, failed_dimms=others, devices=devices, next_id=number + 1)
            return
    make_way(tx, start, size)


def make_way(tx: Transaction, start: int, size: int) -> None:
    """Take out the DIMMs at this place whose memory was never added; bytes."""
    for held in tx.state.failed_dimms:
        if held.start < start + size and start < held.start + held.size_bytes:
            unplug_failed(tx, held.name)


def unplug_failed(tx: Transaction, name: str) -> bool:
    """Take out the DIMM of that name whose memory was never added, if there is one."""
    kept = tuple(dimm for dimm in tx.state.failed_dimms if dimm.name != name)
    if len(kept) == len(tx.state.failed_dimms):
        return False
    tx.state = replace(tx.state, failed_dimms=kept)
    tx.event("acpi_memory_device_remove", f"{name} held no memory")
    return True


def _enable(tx: Transaction, dimm: FailedDimm) -> Refusal | None:
    """``acpi_memory_enable_device`` for a plugged DIMM; refused, it stays plugged.

    EEXIST counts as success there: the memory is taken for used by the kernel already.
    """
    others = tuple(held for held in tx.state.failed_dimms if held.name != dimm.name)
    tx.state = replace(tx.state, failed_dimms=others)
    if (refusal := _add_dimm(tx, dimm)) is None:
        return None
    bound = refusal.errno == "EEXIST"
    tx.state = replace(tx.state, failed_dimms=(*others, replace(dimm, bound=bound)))
    taken = " (EEXIST is taken for success)" if bound else ""
    text = f"the DIMM is plugged, but its memory was not added{taken}"
    tx.event("acpi_memory_enable_device", text, log=[] if bound else _acpi_failure(dimm.acpi_index))
    return refusal


def _acpi_index(state: State) -> int:
    """Instance number of the next ACPI memory device: the lowest one that is free."""
    used = {d.acpi_index for d in state.devices.values()}
    used |= {d.acpi_index for d in state.failed_dimms}
    return next(i for i in range(len(used) + 1) if i not in used)


def _acpi_failure(index: int) -> list[str]:
    return [
        f"acpi PNP0C80:{index:02x}: add_memory failed",
        f"acpi PNP0C80:{index:02x}: acpi_memory_enable_device() error",
    ]


def _retry_failed(tx: Transaction, first: int, end: int | None = None) -> None:
    """The bus scan after a hot-add tries every DIMM again that has no driver yet.

    Only the slots first..end - 1 (all from first on), in order; kernels before 6.12 do not retry.
    """
    if not tx.state.profile.acpi_retry:
        return
    for dimm in sorted(tx.state.failed_dimms, key=lambda dimm: dimm.acpi_index):
        if dimm.bound or dimm.acpi_index < first or (end is not None and dimm.acpi_index >= end):
            continue
        tx.event("acpi_memory_device_add", f"{dimm.name} is tried again")
        _enable(tx, dimm)


def _unaligned_log(state: State, start: int, size: int) -> list[str]:
    block = state.geometry.block_bytes
    if size and start % block == 0 and size % block == 0:
        return []
    return [f"Block size [{block:#x}] unaligned hotplug range: start {start:#x}, size {size:#x}"]


def check_range(state: State, start: int, size: int, node: int, owner: int = -1) -> Refusal | None:
    """The checks of ``__add_memory`` before anything is built, first failure wins.

    ``owner``: the device whose memory it is, if its driver has claimed the place.
    """
    limit = state.geometry.physmem_end
    end = start + size - 1
    if size <= 0 or end > limit:
        rule = f"[{start:#x}-{start + size:#x}] exceeds the addressable range [0x0-{limit:#x}]"
        return Refusal("E2BIG", "mhp_range_allowed", rule)
    if (busy := resources.conflict(state, start, end, owner)) is not None:
        rule = f"[{start:#x}-{end:#x}] conflicts with {busy.name} [{busy.start:#x}-{busy.end:#x}]"
        return Refusal("EEXIST", "register_memory_resource", rule)
    if _unaligned_log(state, start, size):
        return Refusal(
            "EINVAL",
            "check_hotplug_memory_range",
            f"start {start:#x} and size {size:#x} must be multiples of the block size "
            f"{state.geometry.block_bytes:#x}",
        )
    if not 0 <= node < len(state.nodes):
        return Refusal(
            "EINVAL", "add_memory_resource", f"node {node} was absent from the node_possible_map"
        )
    return None


def _refusal_log(state: State, refusal: Refusal, start: int, size: int, node: int) -> list[str]:
    match refusal.function:
        case "mhp_range_allowed":
            limit = state.geometry.physmem_end
            return [
                f"Hotplug memory [{start:#x}-{start + size:#x}] exceeds maximum addressable "
                f"range [0x0-{limit:#x}]"
            ]
        case "check_hotplug_memory_range":
            return _unaligned_log(state, start, size)
        case "add_memory_resource":
            return [f"node {node} was absent from the node_possible_map"]
    return []


def _add_dimm(tx: Transaction, dimm: FailedDimm) -> Refusal | None:
    """A block of a DIMM that was removed and is probed belongs to that DIMM again."""
    shift = tx.state.geometry.page_shift
    holder = holder_of(tx.state, dimm.start >> shift)
    device = Device(
        tx.state.next_id if holder is None else holder.id,
        dimm.name,
        "dimm",
        dimm.start >> shift,
        dimm.size_bytes >> shift,
        dimm.node,
        MemmapKind.RAM,
        acpi_index=dimm.acpi_index,
    )
    if not dimm.sizes:
        return add_memory(tx, device, dimm.start, dimm.size_bytes, dimm.policy)
    ends = list(itertools.accumulate(dimm.sizes, initial=dimm.start))
    parts = tuple((low >> shift, high >> shift) for low, high in itertools.pairwise(ends))
    device, first, added = replace(device, resources=parts), None, False
    for start, size in zip(ends, dimm.sizes, strict=False):
        refusal = add_memory(tx, device, start, size, dimm.policy)
        first, added = first or refusal, added or refusal is None
    # acpi_memory_enable_device: a resource that cannot be added does no harm to the others.
    return None if added else first


def add_memory(
    tx: Transaction,
    device: Device,
    start: int,
    size: int,
    policy: MemmapPolicy | None,
    *,
    line: str = "System RAM",
    kind: OnlineType | None = None,
    merges: bool = False,
) -> Refusal | None:
    """``add_memory_resource``: memory of a device, in bytes, and onlining it.

    ``device``: it is known from here on if it was not; ``line``: what ``/proc/iomem`` calls the
    memory; ``kind``: how it is onlined, by default as ``auto_online_blocks`` says; ``merges``:
    the line becomes one with its neighbours (MHP_MERGE_RESOURCE).
    """
    before, node = tx.state, device.node
    if (refusal := check_range(before, start, size, node, device.id)) is not None:
        log = _refusal_log(before, refusal, start, size, node)
        tx.event(refusal.function, refusal.rule, log=log)
        return refusal
    choice = memmap.choose(before, size >> before.geometry.page_shift, policy)
    if device.name.startswith("probe-"):
        choice = replace(choice, rule="the probe file passes no flag")
    # e3c2bfdd33a3 "allow memmap on memory hotplug request to fallback" (6.6): until then the
    # ACPI driver asked, and with the flag the add asked once more.
    asked_by_driver = before.profile.is_since("5.14") and not before.profile.is_since("6.6")
    asked_by_driver &= device.kind == "dimm"
    if asked_by_driver:
        tx.event("mhp_supports_memmap_on_memory", choice.refused or choice.rule)
    for phase in ("register_memory_resource", "__try_online_node"):
        if (refusal := tx.injected(phase)) is not None:
            return refusal
    depth = 0 if device.kind == "dimm" else resources.depth_of(before, start, start + size - 1)
    entry = Resource(start, start + size - 1, line, depth, owner=device.id)
    tx.state = resources.insert(tx.state, entry)
    tx.event("register_memory_resource", f"{line} {start:#x}-{start + size - 1:#x} claimed")
    new_node = not before.nodes[node].online
    if new_node:
        tx.state, log = zonelists.rebuild(tx.state, hotadded=node)
        tx.event("__try_online_node", f"node {node} is initialised", log=log)
        if before.profile.node_online_first:
            _register_node(tx, node)
    asks = device.kind == "dimm" or policy is not MemmapPolicy.RAM  # MHP_MEMMAP_ON_MEMORY
    if asks and not asked_by_driver and not choice.refused:
        tx.event("mhp_supports_memmap_on_memory", choice.rule)
    shift = before.geometry.page_shift
    part = replace(device, start_pfn=start >> shift, nr_pages=size >> shift, memmap=choice.kind)
    if (refusal := _build(tx, part, choice)) is not None:
        if new_node and before.profile.node_online_first:
            tx.state = tx.state.with_node(node, before.nodes[node])
            tx.event("unregister_node", f"node {node} is offline again")
        return refusal
    if new_node and not before.profile.node_online_first:
        _register_node(tx, node)
    if merges and (merged := resources.merge(tx.state, start)).resources != tx.state.resources:
        tx.state = merged
        tx.event("merge_system_ram_resource", f"{line} is one line with its neighbours")
    return _auto_online(tx, start, size, kind)


def _register_node(tx: Transaction, node: int) -> None:
    tx.state = tx.state.with_node(node, replace(tx.state.nodes[node], online=True))
    tx.event("register_node", f"node {node} is online")


def _build(tx: Transaction, part: Device, choice: MemmapChoice) -> Refusal | None:
    """``arch_add_memory`` and ``create_memory_block_devices``; ``part``: what is added of it."""
    start_pfn, nr_pages, shift = part.start_pfn, part.nr_pages, tx.state.geometry.page_shift
    start, size = start_pfn << shift, nr_pages << shift
    if choice.refused:
        return _give_up(
            tx,
            start,
            size,
            Refusal(
                "EINVAL",
                "mhp_supports_memmap_on_memory",
                f"memmap_on_memory was asked for, but this does not hold: {choice.refused}",
            ),
        )
    if part.kind == "dimm":
        group = sum(high - low for low, high in part.resources) or nr_pages
        part = replace(part, group_pages=group)
    mapped = tx.state.leaked.slice(start_pfn, start_pfn + nr_pages)
    if len(mapped) and tx.state.profile.mapped_sections_fail:
        return _give_up(
            tx,
            start,
            size,
            Refusal(
                "EEXIST",
                "section_activate",
                "sections of the range are still mapped after an earlier failed add",
            ),
        )
    if (refusal := tx.injected("arch_add_memory")) is not None:
        return _give_up(tx, start, size, refusal)
    return _populate(tx, part, choice)


def holder_of(state: State, pfn: int) -> Device | None:
    """The DIMM that a page lies in, whether or not its memory was added."""
    dimms = (held for held in state.devices.values() if held.kind == "dimm")
    return next((held for held in dimms if held.start_pfn <= pfn < held.end_pfn), None)


def _give_up(tx: Transaction, start: int, size: int, refusal: Refusal) -> Refusal:
    """``release_memory_resource`` after a failure."""
    tx.state, _ = resources.release(tx.state, start, start + size - 1)
    tx.event("release_memory_resource", f"failed with {refusal.errno}: the region is released")
    return refusal


def _populate(tx: Transaction, device: Device, choice: MemmapChoice) -> Refusal | None:
    """Build the memmap and the memory block devices (all offline), part by part."""
    before, pages = tx.state, tx.state.geometry.block_pages
    vmemmap, where = 0, ""
    if choice.kind != MemmapKind.RAM:
        vmemmap = memmap.chunk_pages(before, device.start_pfn, device.end_pfn)
        choice = _fixed_chunks(before, choice)
        per_device = choice.kind == MemmapKind.PER_DEVICE
        heads = vmemmap if per_device else choice.block_pages
        if choice.heads:
            device = replace(device, memmap=choice.kind, head_pages=heads)
            _lay_out(tx, device)
        tx.state = _own_homes(tx.state, device, choice, vmemmap)
        unit = "the range" if per_device else "each block"
        where = f"struct pages in the first {heads} pages of {unit}"
    rows = memmap.block_rows(before, device.start_pfn, device.end_pfn, choice, vmemmap)
    rows["node"], rows["device"] = device.node, device.id
    blocks, first = RunMap.from_rows(rows), device.start_pfn // pages
    parts, one_by_one = _parts(before, device, choice)
    for low, high in parts:
        refusal = _add_sections(tx, device, where, low, high)
        if refusal is not None and choice.kind == MemmapKind.RAM:  # its sections stay
            tx.state = replace(tx.state, blocks=before.blocks, devices=before.devices)
            return refusal
        refusal = refusal or _mark_heads(tx, device, low, high)
        if refusal is None and (one_by_one or high == device.end_pfn):
            end = -(-high // pages)
            refusal = _create_blocks(tx, device, first, blocks.slice(first, end), high)
            first = end
        if refusal is not None:
            tx.state = replace(before, faults=tx.state.faults)
            shift = before.geometry.page_shift
            start, size = device.start_pfn << shift, device.nr_pages << shift
            return _give_up(tx, start, size, refusal)
    return None


def _parts(
    state: State, device: Device, choice: MemmapChoice
) -> tuple[list[tuple[int, int]], bool]:
    """[low, high) pfns that are added in one go, and whether their block devices come with them.

    Up to 5.2 section by section (db051a0dac13 "create memory block devices after
    arch_add_memory()", 5.3). Where each block gets its own memmap, 6.8 goes block by block
    (``create_altmaps_and_memory_blocks``): the first by itself, the rest as a batch.
    """
    start, end = device.start_pfn, device.end_pfn
    if not state.profile.is_since("5.3") and not state.geometry.vmemmap_chunk_pages:
        return spans_history.section_turns(state, start, end), True
    second = start + state.geometry.block_pages
    if choice.kind == MemmapKind.PER_BLOCK and second < end:
        return [(start, second), (second, end)], not choice.heads
    return [(start, end)], False


def _add_sections(
    tx: Transaction, device: Device, where: str, low: int, high: int
) -> Refusal | None:
    """``sparse_add_section``: [low, high) with struct pages, ``where`` if not in RAM."""
    geometry = tx.state.geometry
    block, end = low // geometry.block_pages, -(-high // geometry.block_pages)
    if (refusal := tx.injected("sparse_add_section", block=block)) is not None:
        return refusal if where else memmap_from_ram.leak(tx, device, low, refusal)
    if where:
        tx.event("vmemmap_populate", where, block=block, nr_blocks=end - block)
    elif (refusal := memmap_from_ram.take_memmap(tx, device, low, high)) is not None:
        return refusal
    text = f"{counted((high - low) // geometry.section_pages, 'section')} with struct pages"
    tx.event("sparse_add_section", text, block=block, nr_blocks=end - block)
    return None


def _lay_out(tx: Transaction, device: Device) -> None:
    """The altmap of the series of 2019, which allocates from the added memory itself.

    ``free`` is the size of what it is for, not what is free (v2 4/5, ``mhp_init_altmap``).
    """
    per_block = device.memmap == MemmapKind.PER_BLOCK
    pages = tx.state.geometry.block_pages if per_block else device.nr_pages
    whole = "a memory block" if per_block else "the range"
    text = f"the altmap: base {device.start_pfn:#x}, free {pages} pages ({whole}), alloc 0"
    tx.event("__add_pages", text, block=device.start_pfn // tx.state.geometry.block_pages)


def _mark_heads(tx: Transaction, device: Device, low: int, high: int) -> Refusal | None:
    """``mark_vmemmap_pages`` of the series of 2019: refcount and private of the head pages.

    Once all sections are populated, or those of one block where each has its own memmap. From
    then on the marks and counts of those struct pages stand, whatever happens to the block.
    """
    per_block, pages = device.memmap == MemmapKind.PER_BLOCK, tx.state.geometry.block_pages
    first, end = low // pages, high // pages
    if not per_block:
        first, end = device.start_pfn // pages, device.end_pfn // pages
    if not device.head_pages or first == end or (not per_block and high < device.end_pfn):
        return None
    if (refusal := tx.injected("mark_vmemmap_pages", block=first)) is not None:
        return refusal
    # The struct pages are zeroed first: an older refcount there is forgotten.
    heads = tx.state.heads.items()
    fresh = {pfn: count for pfn, count in heads if not first * pages <= pfn < end * pages}
    tx.state = replace(tx.state, heads=fresh)
    sections = (pages if per_block else device.nr_pages) // tx.state.geometry.section_pages
    text = (
        f"head {first * pages:#x}: refcount {counted(sections, 'section')}, private "
        f"{device.head_pages} vmemmap pages; the tails point to it"
    )
    if per_block and end - first > 1:
        text += ", and so in each block"
    tx.event("mark_vmemmap_pages", text, block=first, nr_blocks=end - first)
    return None


def _create_blocks(
    tx: Transaction, device: Device, first: int, rows: NDArray[np.void], end_pfn: int
) -> Refusal | None:
    """``create_memory_block_devices``, and the device that holds them.

    Without ``rows`` the block that ends behind ``end_pfn`` is there: it counts one section more.
    """
    state, pages = tx.state, tx.state.geometry.block_pages
    nr_blocks = int(rows["count"].sum())
    block = first if nr_blocks else first - 1
    if (refusal := tx.injected("create_memory_block_devices", block=block)) is not None:
        return refusal
    whole = device
    if device.resources:
        start, end = device.resources[0][0], device.resources[-1][1]
        whole = replace(device, start_pfn=start, nr_pages=end - start)
    tx.state = replace(
        state,
        blocks=state.blocks.replace(first, first + nr_blocks, rows),
        devices={**state.devices, device.id: state.devices.get(device.id, whole)},
        next_id=max(state.next_id, device.id + 1),
    )
    if state.profile.zone_shifting:
        zone_shifting.after_add(tx, device, end_pfn)
    text = f"{counted(nr_blocks, 'memory block')}, all offline"
    if not nr_blocks:
        sections = (end_pfn - block * pages) // state.geometry.section_pages
        text = f"it has {sections} of {pages // state.geometry.section_pages} sections"
    tx.event("create_memory_block_devices", text, block=block, nr_blocks=max(nr_blocks, 1))
    return None


def _fixed_chunks(state: State, choice: MemmapChoice) -> MemmapChoice:
    """Powerpc's 16 MiB chunks serve a whole window: only its first block pays for them."""
    if not state.geometry.vmemmap_chunk_pages or not choice.heads:
        return choice
    return replace(choice, kind=MemmapKind.PER_DEVICE, block_pages=0)


def _own_homes(state: State, device: Device, choice: MemmapChoice, vmemmap: int) -> State:
    """Remember a memmap at the start of the range (per block it follows from the block)."""
    if choice.kind != MemmapKind.PER_DEVICE:
        return state
    if unit := state.geometry.vmemmap_chunk_pages:
        frames = device.start_pfn + np.arange(0, vmemmap, unit)
        chunks = np.stack((frames, np.full(len(frames), device.node)), axis=1)
        return memmap.with_chunk_homes(state, device.start_pfn, device.end_pfn, chunks)
    bias = device.start_pfn * (state.geometry.pages_per_struct_page_frame - 1)
    homes = state.homes.insert(device.start_pfn, device.nr_pages, bias=bias, node=device.node)
    return replace(state, homes=homes)


def _auto_online(tx: Transaction, start: int, size: int, kind: OnlineType | None) -> Refusal | None:
    """``walk_memory_blocks(…, online_memory_block)``: the add succeeds whatever it gives."""
    kind = tx.state.params.auto_online_blocks if kind is None else kind
    if kind == OnlineType.OFFLINE:
        return None
    block = tx.state.geometry.block_bytes
    refusal = online.online_blocks(
        tx, start // block, (start + size) // block - 1, kind, through="auto"
    )
    if refusal is not None:
        tx.event("online_memory_block", f"auto-onlining stopped: {refusal.rule}")
    return None
