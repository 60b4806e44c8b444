"""What commands would do on a real machine, without touching it.

Each command is run on a simulated machine that starts as the real one is. What cannot be
known from its files is said with each answer.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from msgspec.structs import replace

from pfnmap.engine import commands as c
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.alike import offlined
from pfnmap.engine.memory.unplugged import plugged_pages
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.play import play
from pfnmap.engine.session import Session
from pfnmap.engine.sysroot.inference import UNKNOWN
from pfnmap.engine.sysroot.page_files import read_pages
from pfnmap.engine.sysroot.trees import Reachable
from pfnmap.engine.sysroot.view import SysrootView


def plan(view: SysrootView, commands: Iterable[c.Command]) -> list[Outcome]:
    """The outcome of each command after those before it; InputError for one that makes no sense.

    A refusal does not stop the plan: the next command finds the machine as the refused one
    left it, as in a shell without ``set -e``. The notes of an ``expect`` line say what it
    claims and is not so (see :func:`is_false`); other lines for the reader do nothing.
    """
    outcomes: list[Outcome] = []
    lines = enumerate(map(_plannable, commands), 1)
    for step in play(lines, Session(Machine(view.state))):
        notes = (*step.outcome.notes, *doubts(view, step.outcome), *step.failures)
        outcomes.append(replace(step.outcome, notes=notes))
    return outcomes


def is_false(outcome: Outcome) -> bool:
    """Whether this is a claim of a plan that does not hold."""
    return isinstance(outcome.command, c.Expect) and bool(outcome.notes)


def _plannable(command: c.Command) -> c.Command:
    """The command; InputError for what only a session or a simulated machine can do."""
    if isinstance(command, c.StartMachine):
        raise InputError("plan: machine: the machine is the real one; leave this line out")
    if isinstance(command, c.Interactive):
        raise InputError(f"plan: {command.verb}: works on the screen only; leave this line out")
    return command


def doubts(view: SysrootView, outcome: Outcome) -> list[str]:
    """What could make the kernel answer otherwise than the outcome says."""
    if isinstance(outcome.command, c.VirtioMem):
        return _plug_doubts(outcome, outcome.command)
    if view.is_s390 and (gone := offlined(outcome.after, outcome.before)):
        which = ", ".join(f"memory{block}" for block, _ in gone[:4])
        return [
            f"{which}: EIO if the hypervisor has no such standby memory left (SCLP), not modelled"
        ]
    if not isinstance(
        outcome.command,
        c.Offline | c.Remove | c.SysfsWrite | c.Chmem | c.Shell | c.KmemDel | c.Daxctl | c.Cxl,
    ):
        return []
    left = offlined(outcome.before, outcome.after)
    found: list[str] = []
    for zone in sorted({zone for _, zone in left}):
        ids = [block for block, of_zone in left if of_zone == zone]
        which = f"memory{ids[0]}" if len(ids) == 1 else f"{len(ids)} blocks"
        if zone == ZoneType.MOVABLE:
            found.append(
                f"{which} in Movable: it does not end, and the block stays going-offline until a "
                "signal comes (EINTR), where a page is pinned for long, which no file shows"
            )
        else:
            found.append(
                f"{which} in {ZoneType(zone).label}: EBUSY if the kernel keeps a page there, "
                f"{_held(view, ids)}"
            )
    inside = np.isin(view.observation.blocks.ids, [block for block, _ in left])
    if (view.inferred.vmemmap[inside] == UNKNOWN).any():
        found.append(
            "present and managed: whether the blocks hold their own struct pages is not known"
        )
    return [*found, *_type_doubts(outcome)]


def _plug_doubts(outcome: Outcome, command: c.VirtioMem) -> list[str]:
    """Where virtio-mem may keep more plugged than was asked for.

    ``virtio_mem_unplug_request``: what the kernel keeps is passed over, and tried again later.
    """
    device = outcome.after.device_named(command.name)
    if device is None or outcome.before.device_named(command.name) is None:
        return []
    before, after = plugged_pages(outcome.before, device), plugged_pages(outcome.after, device)
    rows = outcome.before.blocks.slice(*outcome.before.blocks_of(device))
    kernel = rows[(rows["state"] == BlockState.ONLINE) & (rows["zone"] != ZoneType.MOVABLE)]
    if after >= before or not len(kernel):
        return []
    return [
        f"{device.name} stays plugged in part where the kernel keeps a page in its blocks outside "
        "of Movable, which no file shows but /proc/kpageflags, to root; the driver tries again "
        "after 50 s, then up to every 5 min"
    ]


def _held(view: SysrootView, ids: list[int]) -> str:
    """What is known of the pages that the kernel keeps in blocks that could go offline."""
    pages = view.geometry.block_pages
    read = sum(view.pages.nr_read(i * pages, (i + 1) * pages) for i in ids) if view.pages else 0
    if not read:
        return "which no file shows but /proc/kpageflags, to root"
    return f"but of {read} pages read none is known to be one"


def looked_at(tree: Reachable, view: SysrootView, outcomes: Iterable[Outcome]) -> SysrootView:
    """The view with the pages that would leave with their blocks, where they can be read.

    A plan with it refuses what the pages that cannot move refuse.
    """
    left = {block for outcome in outcomes for block, _ in offlined(outcome.before, outcome.after)}
    if not left:
        return view
    pages = view.geometry.block_pages
    spans = [(block * pages, (block + 1) * pages) for block in sorted(left)]
    return view.with_pages(read_pages(tree, view, *spans))


def _type_doubts(outcome: Outcome) -> list[str]:
    """Where no type is named, one that a refused write to ``state`` left counts.

    That is a write to ``online``, and what a failed eject does with the blocks it took offline.
    """
    command = outcome.command
    if isinstance(command, c.Remove) and offlined(outcome.before, outcome.after):
        return [
            "should the eject fail, the other blocks come online again in the zone of the policy, "
            "or in another if an earlier write to their state was refused, because the type then "
            "asked for is kept, and no file shows it"
        ]
    if not isinstance(command, c.SysfsWrite) or not command.path.endswith("/online"):
        return []
    return [
        f"memory{block}: another zone if an earlier write to its state was refused, because "
        "the type then asked for is kept, and no file shows it"
        for block, _ in offlined(outcome.after, outcome.before)
    ]
