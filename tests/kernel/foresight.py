"""What ``plan`` foresees of an operation, beside the files that a kernel showed afterwards.

Nothing here needs a guest: an operation and the captures before and after it are enough, so
the same comparison runs on a kernel that is booted for it and on captures that were kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pfnmap.engine.commands import Command, Offline, PfnRef, Pin, Ref, Remove, SysfsWrite
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import predict
from pfnmap.engine.memory.state import State
from pfnmap.engine.operations.zone_policy import valid_zones
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.params import ONLINE_WORDS
from pfnmap.engine.sysroot.plan import plan
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.sysroot.what_if import state_of

MASKS = ("online", "has_memory", "has_normal_memory")


@dataclass(frozen=True, slots=True)
class Operation:
    """Something done to a real machine, as a line of the command language.

    ``add`` has an address; ``remove`` of an address range is the eject of the DIMM there.
    """

    line: str
    result: str | None
    """The kernel's errno, None for success."""
    unmovable: tuple[int, ...] = ()
    """Pfns that the kernel's log named as what could not move."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One field in which the kernel was not as foreseen; both sides as words."""

    field: str
    kernel: str
    plan: str

    def __str__(self) -> str:
        return f"{self.field}: kernel {self.kernel}, plan {self.plan}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a plan fared."""

    deviations: tuple[Deviation, ...] = ()
    excuse: str = ""
    """Where the plan was wrong and had said that it might be: its own sentence. Told the truth
    about what that sentence names, it was right (then ``deviations`` is empty)."""


def judge(before: SysrootView, operation: Operation, after: SysrootView) -> Verdict:
    """Ask ``plan`` for the operation on the machine before, and compare with that after."""
    commands = asked(before, operation)
    if not commands:
        return Verdict()
    try:
        outcomes = plan(before, commands)
    except InputError as error:
        return Verdict((Deviation("command", "done", f"makes no sense: {error}"),))
    found = tuple(_differences(outcomes, operation, after))
    if not found:
        return Verdict()
    said = [note for outcome in outcomes for note in outcome.notes] + [*before.assumptions]
    for excuse, start, told in _truths(before, operation, commands, said, after):
        other = _run(start, told)
        if not any(_differences(other, operation, after, managed=PLACEMENT not in excuse)):
            return Verdict(excuse=excuse)
    return Verdict(found)


BUSY, TYPE, ORIGIN, PLACEMENT = (
    "EBUSY",
    "the type then asked for is kept",
    "memory is taken for hot-added where",
    "whether the blocks hold their own struct pages is not known",
)
"""What a plan says, in part, where the files do not show what decides."""


def _truths(
    before: SysrootView,
    operation: Operation,
    commands: list[Command],
    said: Sequence[str],
    after: SysrootView,
) -> Iterator[tuple[str, State, list[Command]]]:
    """What the files did not show, one possibility after the other.

    (the plan's sentences about it, the machine as it may have been, what was asked of it);
    only what the plan itself said that it does not know.
    """

    def sentence(part: str) -> str:
        return next((text for text in said if part in text), "")

    starts = [("", before.state)]
    if text := sentence(ORIGIN):
        starts.append((text, state_of(before, added_later=True)))
    earlier: list[tuple[str, list[Command]]] = [("", [])]
    told = [("", commands)]
    if operation.result == "EBUSY" and operation.unmovable and (text := sentence(BUSY)):
        pins = [*map(_pin, operation.unmovable)]
        earlier.append((text, pins))
        if kept := sentence(TYPE):
            earlier.append((f"{text}; {kept}", [*_refused_writes(before, after), *pins]))
    elif operation.line.endswith("/online") and (text := sentence(TYPE)):
        told += [(text, [_with_type(operation, word)]) for word in ONLINE_WORDS]
    for doubt in ("", sentence(PLACEMENT)):
        for reading, start in starts:
            for past, done in earlier:
                for what, lines in told:
                    excuse = "; ".join(text for text in (doubt, reading, past, what) if text)
                    if excuse:
                        yield excuse, _after(start, done), lines


def _after(state: State, commands: Sequence[Command]) -> State:
    """The machine after commands, some of which may have been refused."""
    for command in commands:
        state = predict(state, command).after
    return state


def _refused_writes(before: SysrootView, after: SysrootView) -> list[Command]:
    """Writes to online blocks that would explain the zones in which they are afterwards."""
    rows = [after.block(block) for block in before.observation.blocks.ids.tolist()]
    kinds = {
        row.id: "online_movable" if row.zone == ZoneType.MOVABLE else "online_kernel"
        for row in rows
        if row is not None and row.state == "online"
    }
    return [
        SysfsWrite(word, f"/sys/devices/system/memory/memory{block}/state")
        for block, word in kinds.items()
        if (row := before.block(block)) is not None and row.state == "online"
    ]


def _run(state: State, commands: Sequence[Command]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for command in commands:
        outcomes.append(predict(state, command))
        state = outcomes[-1].after
    return outcomes


def _pin(pfn: int) -> Command:
    return Pin((), PfnRef(pfn), nr_pages=1, text=f"pin pfn={pfn:#x}")


def _with_type(operation: Operation, word: str) -> Command:
    """A write to ``online`` as the write to ``state`` of the type that was left behind."""
    command = parse_line(operation.line)
    assert isinstance(command, SysfsWrite), operation
    return SysfsWrite(word, f"{command.path.removesuffix('online')}state")


def asked(view: SysrootView, operation: Operation) -> list[Command]:
    """The operation as a person who sees the tree alone would ask for it.

    The eject of a DIMM is that of the device that the tree is taken to have there. Where
    its memory is taken for boot memory, it is what an eject comes to: offline and remove.
    Empty for a DIMM of which the tree shows nothing.
    """
    command = parse_line(operation.line)
    assert command is not None, operation
    if not isinstance(command, Remove):
        return [command]
    (ref,) = command.blocks
    assert ref.address is not None, operation
    start, end = ref.address
    shift, size = view.geometry.page_shift, view.geometry.block_bytes
    for device in view.state.devices.values():
        if (device.start_pfn << shift, device.end_pfn << shift) == (start, end + 1):
            return [Remove((Ref(device=device.name),), text=f"remove {device.name}")]
    first, last = start // size, end // size
    rows = [row for block in range(first, last + 1) if (row := view.block(block)) is not None]
    if not rows or start % size or (end + 1) % size:
        return []
    online = tuple(Ref(row.id, row.id) for row in rows if row.state == "online")
    offline = [Offline(online, text="offline what is online there")] if online else []
    return [*offline, Remove((Ref(first, last),), text=f"remove {first}-{last}")]


def _differences(
    outcomes: Sequence[Outcome],
    operation: Operation,
    after: SysrootView,
    *,
    managed: bool = True,
) -> Iterator[Deviation]:
    refused = next((outcome for outcome in outcomes if not outcome.ok), None)
    foreseen = refused.errno if refused is not None else None
    if foreseen != operation.result:
        why = f" ({refused.refusal.rule})" if refused and refused.refusal else ""
        yield Deviation("result", operation.result or "success", (foreseen or "success") + why)
        return
    state = (refused or outcomes[-1]).after
    yield from _zones(state, after, managed=managed)
    yield from _blocks(state, after)
    yield from _resources(state, after)
    for mask in MASKS:
        seen = after.observation.masks.get(mask)
        if seen != state.nodes_in(mask):
            yield Deviation(f"nodes {mask}", str(seen), str(state.nodes_in(mask)))
    params = dict(state.params.words())
    for name, value in after.params:
        if params[name] != value:
            yield Deviation(name, value, params[name])


def _zones(state: State, after: SysrootView, *, managed: bool) -> Iterator[Deviation]:
    for row in after.zones:
        foreseen = state.zone(row.node, row.zone)
        fields = ["spanned", "present"]
        if row.present and row.zone != ZoneType.DEVICE:
            fields.insert(0, "start_pfn")  # the kernel prints none for a zone without pages
        if managed:
            fields.append("managed")
        for field in fields:
            kernel, ours = getattr(row, field), getattr(foreseen, field)
            if kernel != ours:
                name = f"node {row.node} zone {row.zone.label} {field}"
                yield Deviation(name, str(kernel), str(ours))


def _blocks(state: State, after: SysrootView) -> Iterator[Deviation]:
    seen = after.observation.blocks
    left = state.blocks
    for index, block in enumerate(seen.ids.tolist()):
        row = state.blocks.at(block)
        if row is None:
            yield Deviation(f"block {block}", "there", "absent")
            continue
        left = left.delete(block, block + 1)
        names, _ = valid_zones(state, block, row)
        pairs = (
            ("state", seen.state_word(index), BlockState(int(row["state"])).word),
            ("valid_zones", " ".join(seen.zone_words(index) or ()), " ".join(names)),
            ("node", str(seen.node_set(index)), str((int(row["node"]),))),
        )
        for field, kernel, ours in pairs:
            if kernel != ours:
                yield Deviation(f"block {block} {field}", kernel, ours)
    for row in left.rows:
        yield Deviation(f"blocks from {int(row['start'])} on", "absent", "there")


def _resources(state: State, after: SysrootView) -> Iterator[Deviation]:
    ours = {(r.depth, r.start, r.end, r.name) for r in state.resources}
    seen = {(r.depth, r.start, r.end, r.name) for r in after.observation.iomem or ()}
    for line in sorted(ours ^ seen):
        both = ("there", "absent") if line in seen else ("absent", "there")
        yield Deviation(f"iomem {line[1]:x}-{line[2]:x} : {line[3]}", *both)
