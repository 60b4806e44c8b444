"""Replaying a recording: its boot state as a machine, its steps as commands of the engine."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from msgspec.structs import replace

from pfnmap.engine import commands as c
from pfnmap.engine.arrays import NDArray
from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import ARCHITECTURES
from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.machine import predict, with_boot_pools
from pfnmap.engine.memory.boot import from_observation
from pfnmap.engine.memory.state import Resource, State
from pfnmap.engine.outcome import Event, Events, Outcome, Phases
from pfnmap.engine.printable import printable
from pfnmap.engine.profile import profile_of
from pfnmap.engine.sysfs_words import parse_mask
from pfnmap.engine.traces.recorded_devices import (
    MOST_GUESSES,
    block_sizes,
    kept_pages,
    resized,
    with_devices,
    with_nvdimm,
)
from pfnmap.engine.traces.recorded_shell import ShellError, parse_script
from pfnmap.engine.traces.recorded_state import as_recorded, observed_rows
from pfnmap.engine.traces.trace import (
    FIRMWARE,
    DeviceStep,
    DimmStep,
    HotAdd,
    ObservedStep,
    Plugged,
    RecordedBlock,
    RecordedStep,
    ShellStep,
    Trace,
    TraceError,
    WriteState,
)
from pfnmap.engine.view import ZoneRow


def machine_state(trace: Trace) -> State:
    """The machine at boot as the recording shows it.

    Of several block sizes that its virtio-mem devices may have it is the first one by which the
    steps give the memory blocks that were recorded.
    """
    empty = _machine_state(trace)
    if not any(resized(trace)):
        return empty
    machines = [with_devices(empty, trace, size) for size in block_sizes(trace)]
    fits = (each for each in machines if len(machines) == 1 or _gives_blocks(each, trace))
    return next(fits, machines[0])


def _gives_blocks(state: State, trace: Trace) -> bool:
    for step in trace.steps:
        try:
            state = run_step(state, step).after
        except InputError:
            continue
        blocks = [block.id for block in step.after.blocks]
        if state.blocks.keys_from(0, len(blocks) + 1).tolist() != blocks:
            return False
    return True


def _machine_state(trace: Trace) -> State:
    geometry = ARCHITECTURES[trace.geometry_arch]
    profile = replace(profile_of(trace.kernel), kernel=printable(trace.kernel))
    if not profile.arm64_small_sections:
        geometry = geometry.with_old_sections()
    try:
        geometry = geometry.with_block_bytes(trace.block_bytes)
    except InputError as error:
        raise TraceError(f"{trace.name}: field 'memory_block_size': {error}") from None
    if trace.hardware.address_bits is not None:
        geometry = replace(geometry, physmem_end=(1 << trace.hardware.address_bits) - 1)
    boot = trace.boot
    shift, pages = geometry.page_shift, geometry.block_pages
    resources = boot.resources
    ram = ram_ranges(resources, boot.blocks, shift, pages)
    possible = parse_mask(boot.masks.possible) or (0,)
    used = [z.node for z in boot.zones] + [b.node or 0 for b in boot.blocks]
    used += [step.node for step in trace.steps if isinstance(step, HotAdd)]
    nr_nodes = max((*possible, *used)) + 1
    online = frozenset(parse_mask(boot.masks.online) or ())
    memory = frozenset(parse_mask(boot.masks.has_memory) or ())
    state = from_observation(
        geometry=geometry,
        profile=profile,
        params=trace.params,
        zones=[_with_device_start(zone.row, resources, shift) for zone in boot.zones],
        blocks=observed_rows(boot.blocks, ram, pages),
        ram=ram,
        resources=resources,
        nr_nodes=nr_nodes,
        online_nodes=online,
        cpu_nodes=frozenset({0}) | (online - memory),
        title=trace.name,
        distances=trace.hardware.distances,
        normal_nodes=parse_mask(boot.masks.has_normal_memory) or None,
    )
    with suppress(InputError):  # what the kernel did not give either
        state = replace(with_boot_pools(state, trace.cmdline), nodes=state.nodes, notes=state.notes)
    # Distributions do not build CONFIG_ARCH_MEMORY_PROBE in: recorded, EACCES.
    return replace(state, probe_file=False)


def _with_device_start(zone: ZoneRow, iomem: Sequence[Resource], shift: int) -> ZoneRow:
    """The kernel prints no start for ZONE_DEVICE: it is that of the lowest pmem region."""
    regions = [line.start >> shift for line in iomem if not line.system_ram and not line.depth]
    if zone.zone != ZoneType.DEVICE or not zone.spanned or zone.start_pfn or not regions:
        return zone
    return replace(zone, start_pfn=min(regions))


def ram_ranges(
    iomem: Sequence[Resource], blocks: Sequence[RecordedBlock], shift: int, pages: int
) -> NDArray[np.int64]:
    """Boot RAM from the System RAM lines: whole pages, int64 (n, 3) of start, end, node."""
    node_of = {block.id: block.node or 0 for block in blocks}
    ids = sorted(node_of)
    out: list[tuple[int, int, int]] = []
    for line in iomem:
        start, end = -(-line.start >> shift), (line.end + 1) >> shift
        if not line.system_ram or start >= end:
            continue
        # Where the node may change: at the edges of the recorded blocks inside.
        known = ids[
            bisect.bisect_left(ids, start // pages) : bisect.bisect_left(ids, -(-end // pages))
        ]
        edges = {
            start,
            end,
            *(e for i in known for e in (i * pages, (i + 1) * pages) if start < e < end),
        }
        cuts = sorted(edges)
        pieces = [(a, b, node_of.get(a // pages, 0)) for a, b in itertools.pairwise(cuts)]
        for low, high, node in pieces:
            if out and out[-1][1:] == (low, node) and low != start:
                out[-1] = (out[-1][0], high, node)
            else:
                out.append((low, high, node))
    return np.array(out, np.int64).reshape(-1, 3)


def step_commands(step: RecordedStep, directory: str = "/") -> list[c.Command]:
    """The commands that a recorded step means; ShellError where that is not known."""
    match step:
        case RecordedStep(result=result) if result == FIRMWARE:
            of = step.id if isinstance(step, DimmStep) else ""
            return [c.Note(f"the firmware refused {step.do} {of}: the kernel saw nothing")]
        case HotAdd(size=int(size)):
            return [c.Add(step.id, (size,), step.start, step.node)]
        case DimmStep():
            return [c.Remove((c.Ref(device=step.id),))]
        case WriteState():
            path = f"/sys/devices/system/memory/memory{step.block}/state"
            return [c.SysfsWrite(step.value, path)]
        case ObservedStep():
            return []
        case ShellStep():
            return parse_script(step.command, directory)
        case DeviceStep(plugs=Plugged(driver="virtio-mem-pci") as it):
            return [c.VirtioMem(it.id, it.size, 0, it.block_bytes, it.memaddr, it.node)]
        case DeviceStep(plugs=Plugged() as it):
            return [c.Note(f"NVDIMM {it.id} is plugged in: a region without struct pages")]
        case DeviceStep(resizes=(name, size)):
            return [c.VirtioMem(name, requested_bytes=size)]
    what = step.cmd if isinstance(step, DeviceStep) else ""
    raise ShellError(f"a {step.do} step ({what}) is not modelled")


def _shown_command(step: RecordedStep, commands: Sequence[c.Command]) -> c.Command:
    """What a step's outcome is called: its command; of a script that is more, the script.

    A script that only reads is a note, since nothing of it is the engine's to do.
    """
    written = step.command if isinstance(step, ShellStep) else ""
    script = printable(
        "; ".join(" ".join(line.split()) for line in written.split("\n") if line.strip())
    )
    if not commands:
        return c.Note(f"only reads: {script}" if script else step.do)
    return commands[-1] if len(commands) == 1 else replace(commands[-1], text=script)


def run_step(state: State, step: RecordedStep) -> Outcome:
    """Replay one step on a state. Pages recorded as unmovable count for this step only.

    What a resized virtio-mem device could not unplug shows in what was recorded behind the step,
    and so does all that the machine did by itself.
    """
    if isinstance(step, ObservedStep):
        after = as_recorded(state, step.after)
        said = Event("observed", "by itself", Phases(lambda: (state, after)), 1, step.log)
        return Outcome(c.Note("the machine changed by itself"), state, after, (said,))
    unmovable = [*step.unmovable]
    outcome = _run(state, step, unmovable)
    if isinstance(step, DeviceStep) and step.resizes:
        for _ in range(MOST_GUESSES):
            if not (kept := kept_pages(state, step, outcome.after)):
                break
            unmovable += kept
            outcome = _run(state, step, unmovable)
    return outcome


def _run(state: State, step: RecordedStep, unmovable: Sequence[int]) -> Outcome:
    commands = step_commands(step)
    pinned = state.taken
    for pfn in unmovable:
        pinned = pinned.insert(pfn, 1, kind=int(PageState.UNMOVABLE), owner=-2)
    current = replace(state, taken=pinned)
    outcomes = []
    for command in commands:
        if isinstance(command, c.Signal) and current.pending is None:
            continue  # whoever it was for has come back already
        outcomes.append(predict(current, command))
        current = outcomes[-1].after
    plugged = step.plugs if isinstance(step, DeviceStep) and step.result is None else None
    if plugged is not None and plugged.driver == "nvdimm" and plugged.addr is not None:
        current = with_nvdimm(current, plugged.addr, plugged.size, plugged.node)
    taken = current.taken
    taken = taken.delete_rows(taken.rows[taken.rows["owner"] == -2])
    last = outcomes[-1] if outcomes else None
    return Outcome(
        _shown_command(step, commands),
        state,
        replace(current, taken=taken),
        Events([outcome.events for outcome in outcomes]),
        last.refusal if last and not isinstance(last.command, c.Signal) else None,
    )
