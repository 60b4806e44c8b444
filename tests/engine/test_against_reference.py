"""The engine against a page-by-page reference model, on machines of a few thousand pages.

Hypothesis drives both with the same commands, undo and redo among them; after every command
each page's kind, each zone's and node's counters and each block's valid_zones must agree, and
every identity of ``Machine.check`` must hold.
"""

from __future__ import annotations

from itertools import repeat

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace
from pytest import MonkeyPatch

from pfnmap.engine.commands import Unpin, VirtioMem
from pfnmap.engine.geometry import Geometry
from pfnmap.engine.kinds import BlockState, PageState
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.boot import _assemble
from pfnmap.engine.memory.state import Resource
from pfnmap.engine.operations import virtio_mem
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.params import Params
from pfnmap.engine.profile import PROFILES
from pfnmap.engine.session import Session
from tests.engine.reference_model import (
    DEVICE,
    MOVABLE,
    NORMAL,
    ONLINE,
    ONLINE_KERNEL,
    ONLINE_MOVABLE,
    RefBlock,
    RefDevice,
    Reference,
    RefGuest,
    Sizes,
)
from tests.examples import examples

# Two sections of 16 pages a block, four struct pages a page: a block's memmap is 8 pages.
TINY = Geometry(
    "tiny", 4096, 16, 4, 4, 4 * 4096, 32, struct_page_bytes=1024, memmap_in_whole_pmds=False
)
BOOT_BLOCKS = 24
HOT_BLOCKS = range(32, 52)
BLOCK_BYTES = TINY.block_bytes
GUESTS = {"vm0": range(52, 58), "vm1": range(58, 64)}
GUEST_BLOCKS = range(52, 64)
EVERYTHING = 1 << 20
WORDS = [kind.word for kind in PageState]
KINDS = {"": ONLINE, " kernel": ONLINE_KERNEL, " movable": ONLINE_MOVABLE}


def tiny_machine(profile: str) -> Machine:
    """24 blocks of boot memory on node 0, nothing on node 1."""
    end = BOOT_BLOCKS * TINY.block_pages
    ram = np.array([[0, end, 0]], np.int64)
    state = _assemble(TINY, PROFILES[profile], Params(), ram, 2)
    boot = Resource(0, (end << TINY.page_shift) - 1, "System RAM")
    # The reference takes no frame for the struct pages of the boot: they lie beyond the machine.
    homes = state.homes.insert(0, end, bias=EVERYTHING, node=0)
    return Machine(replace(state, resources=(boot,), homes=homes))


class Reference2(Reference):
    """The reference with hot-add and hot-remove of DIMMs."""

    def add(self, name: str, first: int, count: int, node: int, memmap: str) -> str | None:
        """``add NAME`` at block ``first``; frames of a memmap in RAM are handed over later."""
        size = self.sizes.block
        low, high = first * size, (first + count) * size
        there = [n for n, d in self.devices.items() if d.start < high and low < d.end]
        empty = [n for n in there if self.devices[n].dimm and not self.blocks_of(n)]
        if name in self.devices or there != empty:
            return "EEXIST"  # a device keeps its place
        for other in empty:
            del self.devices[other]  # one without memory makes way
        asked, given = memmap == "on_memory", self.param["memmap_on_memory"] == "Y"
        single = count == 1
        if asked and not self.modern and not single:
            self.devices[name] = RefDevice(low, high - low, node)  # plugged, without memory
            return "EINVAL"
        hosts = asked or (memmap == "" and given and (self.modern or single))
        vmemmap = self.sizes.block // self.sizes.per_frame if hosts else 0
        self.devices[name] = RefDevice(low, high - low, node)
        self.nodes[node].online = True
        for number in range(first, first + count):
            self.blocks[number] = RefBlock(node, vmemmap=vmemmap, device=name)
            for index, pfn in enumerate(self.pages_of(number)):
                self.kind[pfn] = "vmemmap" if index < vmemmap else "offline"
                self.page_node[pfn], self.page_zone[pfn] = node, None
        return None

    def blocks_of(self, name: str) -> list[int]:
        """The blocks of a DIMM."""
        return [number for number, block in self.blocks.items() if block.device == name]

    def eject(self, name: str) -> str | None:
        """Two passes of offlining, then removal; or everything online again."""
        device = self.devices[name]
        numbers = self.blocks_of(name)
        if not numbers:
            del self.devices[name]
            return None
        were_online = [n for n in sorted(numbers) if self.blocks[n].online]
        for _ in range(2):
            for number in were_online:
                if self.blocks[number].online:
                    self._offline(number)
        if any(self.blocks[n].online for n in were_online):
            for number in were_online:
                self.online_file(number)
            return "EBUSY"
        for number in numbers:
            del self.blocks[number]
            for pfn in self.pages_of(number):
                del self.kind[pfn], self.page_node[pfn], self.page_zone[pfn]
        del self.devices[name]
        node = self.nodes[device.node]
        if not node.spanned and not node.cpu:
            node.online = any(b.node == device.node for b in self.blocks.values())
        return None


class EngineAgainstReference(RuleBasedStateMachine):
    """Both machines, the same commands."""

    profile = "6.12"

    @initialize()
    def boot(self) -> None:
        self.session = Session(self.machine())
        sizes = Sizes(32, 16, 4, 4, 4, EVERYTHING)
        self.reference = Reference2(self.profile, sizes, 2)
        limits = [(NORMAL, 0, EVERYTHING)]
        self.reference.boot_pages(0, BOOT_BLOCKS * 32, 0, limits)
        self.reference.boot_done(limits)
        self.saved = [self.reference.save()]
        self.names = 0

    def machine(self) -> Machine:
        return tiny_machine(self.profile)

    def run(self, line: str) -> Outcome:
        command = parse_line(line)
        assert command is not None
        return self.session.run(command)

    def agree(self, outcome: Outcome, errno: str | None) -> None:
        assert outcome.errno == errno, (outcome.command, outcome.refusal)
        del self.saved[self.session.position :]
        self.saved.append(self.reference.save())

    # -- commands --------------------------------------------------------------------
    @rule(
        first=st.sampled_from(HOT_BLOCKS),
        count=st.integers(1, 4),
        node=st.integers(0, 1),
        memmap=st.sampled_from(["", "ram", "on_memory"]),
    )
    def add(self, first: int, count: int, node: int, memmap: str) -> None:
        self.names += 1
        name = f"d{self.names}"
        if sum(kind == "free" for kind in self.reference.kind.values()) < 400:
            return  # nearly out of memory is the story of other tests
        option = f" memmap={memmap}" if memmap else ""
        outcome = self.run(
            f"add {name} {count * BLOCK_BYTES >> 10}K at={first * BLOCK_BYTES:#x} "
            f"node={node}{option}"
        )
        errno = self.reference.add(name, first, count, node, memmap)
        if errno is None:
            self.take_frames(name)
        self.agree(outcome, errno)

    def take_frames(self, name: str) -> None:
        """The engine chose frames for a memmap in RAM: free ones of a kernel zone."""
        device = self.session.state.device_named(name)
        assert device is not None
        rows = self.session.state.taken.rows
        for row in rows[(rows["owner"] == device.id) & (rows["kind"] == PageState.VMEMMAP)]:
            for pfn in range(int(row["start"]), int(row["start"] + row["count"])):
                assert self.reference.kind[pfn] == "free"
                assert self.reference.page_zone[pfn] == NORMAL
                self.reference.kind[pfn] = "vmemmap"
                self.reference.home[pfn] = device.id

    @rule(
        block=st.one_of(st.sampled_from(HOT_BLOCKS), st.integers(0, BOOT_BLOCKS)),
        count=st.integers(1, 3),
        word=st.sampled_from(sorted(KINDS)),
    )
    def online(self, block: int, count: int, word: str) -> None:
        outcome = self.run(f"online {block}-{block + count - 1}{word}")
        numbers = list(range(block, block + count))
        self.agree(outcome, self.reference.online(numbers, KINDS[word]))

    @rule(
        block=st.one_of(st.sampled_from(HOT_BLOCKS), st.integers(0, BOOT_BLOCKS)),
        count=st.integers(1, 3),
    )
    def offline(self, block: int, count: int) -> None:
        outcome = self.run(f"offline {block}-{block + count - 1}")
        self.agree(outcome, self.reference.offline(list(range(block, block + count))))

    @rule(block=st.sampled_from(HOT_BLOCKS), word=st.sampled_from(["0", "1"]))
    def online_file(self, block: int, word: str) -> None:
        outcome = self.run(f"echo {word} > /sys/devices/system/memory/memory{block}/online")
        held = self.reference.blocks.get(block)
        if word == "1":
            errno = self.reference.online_file(block)
        elif held is not None and not held.online:
            errno = None
        else:
            errno = self.reference.offline([block])
        self.agree(outcome, errno)

    @precondition(lambda self: any(d.dimm for d in self.reference.devices.values()))
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        names = sorted(name for name, d in self.reference.devices.items() if d.dimm)
        name = data.draw(st.sampled_from(names))
        device = self.session.state.device_named(name)
        outcome = self.run(f"remove {name}")
        errno = self.reference.eject(name)
        if errno is None and device is not None:
            self.give_frames_back(device.id)
        self.agree(outcome, errno)

    @rule(
        zone=st.sampled_from(["Normal", "Movable"]), node=st.integers(0, 1), count=st.integers(1, 2)
    )
    def shrink(self, zone: str, node: int, count: int) -> None:
        outcome = self.run(f"shrink {zone} node={node} blocks={count}")
        number = {"Normal": 2, "Movable": 3}[zone]
        self.agree(outcome, self.reference.shrink(number, node, count))

    @rule(
        pfn=st.integers(0, 52 * 32),
        count=st.integers(1, 6),
        kind=st.sampled_from(["unmovable", "movable", "offline"]),
    )
    def pin(self, pfn: int, count: int, kind: str) -> None:
        outcome = self.run(f"pin pfn={pfn} pages={count} kind={kind}")
        word = "page-offline" if kind == "offline" else kind
        placed = self.reference.pin(pfn, count, word)
        assert outcome.ok == placed, (
            pfn,
            count,
            kind,
            outcome.refusal,
            [self.reference.kind.get(p) for p in range(pfn, pfn + count)],
        )
        self.agree(outcome, outcome.errno)

    @rule(block=st.one_of(st.sampled_from(HOT_BLOCKS), st.integers(0, BOOT_BLOCKS - 1)))
    def unpin(self, block: int) -> None:
        outcome = self.run(f"unpin {block}")
        kinds = ("unmovable", "movable", "page-offline")
        assert outcome.ok == self.reference.unpin(block * 32, 32, kinds)
        self.agree(outcome, outcome.errno)

    @rule(
        pair=st.sampled_from(
            [
                ("memmap_on_memory", "Y"),
                ("memmap_on_memory", "N"),
                ("movable_node", "Y"),
                ("movable_node", "N"),
                ("online_policy", "auto-movable"),
                ("online_policy", "contig-zones"),
                ("auto_movable_ratio", "50"),
                ("auto_movable_ratio", "301"),
                ("auto_movable_numa_aware", "N"),
            ]
        )
    )
    def set_param(self, pair: tuple[str, str]) -> None:
        outcome = self.run(f"set {pair[0]}={pair[1]}")
        self.reference.param[pair[0]] = pair[1]
        self.agree(outcome, None)

    @rule(
        phase=st.sampled_from(
            [
                "online_pages",
                "MEM_GOING_ONLINE",
                "mhp_init_memmap_on_memory",
                "start_isolate_page_range",
                "MEM_GOING_OFFLINE",
                "do_migrate_range",
            ]
        )
    )
    def fail(self, phase: str) -> None:
        outcome = self.run(f"fail next at={phase} errno=EINTR")
        self.reference.faults.append((phase, "EINTR"))
        self.agree(outcome, None)

    # -- huge pages and ZONE_DEVICE --------------------------------------------------
    @rule(pfn=st.integers(0, 52 * 8).map(lambda index: index * 4))
    def hugetlb(self, pfn: int) -> None:
        self.names += 1
        outcome = self.run(f"hugetlb h{self.names} 16K pfn={pfn}")
        pages = range(pfn, pfn + 4)
        free = all(self.reference.kind.get(page) == "free" for page in pages)
        assert outcome.ok == free, outcome.refusal
        if free:
            self.reference.huge[pfn] = (f"h{self.names}", 4, False)
            self.reference.kind |= dict.fromkeys(pages, "hugetlb")
        self.agree(outcome, outcome.errno)

    @precondition(lambda self: self.reference.huge)
    @rule(data=st.data())
    def hugetlb_free(self, data: st.DataObject) -> None:
        names = sorted({held[0] for held in self.reference.huge.values()})
        name = data.draw(st.sampled_from(names))
        outcome = self.run(f"hugetlb-free {name}")
        self.reference.hugetlb_free(name)
        self.agree(outcome, None)

    @rule(slot=st.integers(0, 2), node=st.integers(0, 1))
    def device_add(self, slot: int, node: int) -> None:
        if sum(kind == "free" for kind in self.reference.kind.values()) < 400:
            return
        name, low = f"p{slot}", (4 + slot) * 512
        outcome = self.run(f"device-add {name} 2M at={low << 12:#x} node={node}")
        errno = "EEXIST" if name in self.reference.devices else None
        if errno is None:
            self.reference.devices[name] = RefDevice(low, 512, node, dimm=False)
            self.reference.grow(node, DEVICE, low, low + 512)
            self.reference.nodes[node].online = True
            self.take_frames(name)
        self.agree(outcome, errno)

    @precondition(
        lambda self: any(not (d.dimm or d.guest) for d in self.reference.devices.values())
    )
    @rule(data=st.data())
    def device_del(self, data: st.DataObject) -> None:
        names = sorted(
            name for name, d in self.reference.devices.items() if not (d.dimm or d.guest)
        )
        name = data.draw(st.sampled_from(names))
        device = self.session.state.device_named(name)
        assert device is not None
        outcome = self.run(f"device-del {name}")
        del self.reference.devices[name]  # the spans stay: ZONE_DEVICE never shrinks
        self.give_frames_back(device.id)
        self.agree(outcome, None)

    def give_frames_back(self, owner: int) -> None:
        """Frames that held a memmap in RAM are free again."""
        for pfn in [p for p, held in self.reference.home.items() if held == owner]:
            del self.reference.home[pfn]
            if self.reference.kind.get(pfn) == "vmemmap":
                self.reference.kind[pfn] = "free"

    # -- time ------------------------------------------------------------------------
    @rule(count=st.integers(1, 4))
    def undo(self, count: int) -> None:
        self.session.undo(count)
        self.reference.restore(self.saved[self.session.position])

    @rule(count=st.integers(1, 4))
    def redo(self, count: int) -> None:
        self.session.redo(count)
        self.reference.restore(self.saved[self.session.position])

    # -- agreement -------------------------------------------------------------------
    @invariant()
    def every_page_agrees(self) -> None:
        edges = np.arange(0, GUEST_BLOCKS.stop * 32 + 1, dtype=np.int64)
        counts = self.session.view.page_counts(edges)
        ours = [WORDS[kind] for kind in counts.argmax(axis=1).tolist()]
        theirs = list(map(self.reference.kind.get, range(len(ours)), repeat("hole")))
        assert ours == theirs

    @invariant()
    def every_counter_agrees(self) -> None:
        self.session.machine.check()
        for node, ours in zip(self.reference.nodes, self.session.state.nodes, strict=True):
            assert (ours.online, ours.start_pfn, ours.spanned) == (
                node.online,
                node.start,
                node.spanned,
            )
            for zone, mine in zip(node.zones, ours.zones, strict=True):
                assert (
                    mine.start_pfn,
                    mine.spanned,
                    mine.present,
                    mine.managed,
                    mine.present_early,
                ) == (zone.start, zone.spanned, zone.present, zone.managed, zone.early)

    @invariant()
    def every_block_agrees(self) -> None:
        view = self.session.view
        assert view.nr_blocks == len(self.reference.blocks)
        for number, block in self.reference.blocks.items():
            row = view.block(number)
            assert row is not None
            assert row.state == BlockState(int(block.online)).word
            assert " ".join(row.valid_zones) == self.reference.valid_zones(number), number
            assert row.node == block.node


class OldEngineAgainstReference(EngineAgainstReference):
    """The same under the rules of 6.1."""

    profile = "6.1"


class GuestAgainstReference(EngineAgainstReference):
    """A guest with two virtio-mem devices, which go on by themselves where their driver does."""

    def machine(self) -> Machine:
        machine = super().machine()
        self.patch = MonkeyPatch()  # a memory block is 128 KiB here
        self.patch.setattr(virtio_mem, "MIN_DEVICE_BLOCK", 1 << 12)
        self.patch.setattr(virtio_mem, "OFFLINE_THRESHOLD", 4 * BLOCK_BYTES)
        for name, blocks in GUESTS.items():
            size, at = len(blocks) * BLOCK_BYTES >> 10, blocks.start * BLOCK_BYTES
            assert machine.run(f"virtio-mem {name} size={size}K at={at:#x} block-size=16K").ok
        return machine

    def teardown(self) -> None:
        self.patch.undo()

    @initialize()
    def boot(self) -> None:
        super().boot()
        for name, blocks in GUESTS.items():
            self.reference.guests[name] = RefGuest(blocks, 4, 4 * 32)
            self.reference.devices[name] = RefDevice(
                blocks.start * 32, len(blocks) * 32, 0, dimm=False, guest=True
            )
        self.saved = [self.reference.save()]

    def agree(self, outcome: Outcome, errno: str | None) -> None:
        """Behind the command a driver goes on where its memory came online, or a pin was lifted."""
        came = [e.first_block for e in outcome.events if e.function == "MEM_ONLINE"]
        asked = isinstance(outcome.command, VirtioMem)
        for name, guest in self.reference.guests.items():
            lacks = guest.requested - self.reference.plugged(name)
            waits = len(self.reference.guest_blocks(name, online=False)) * 32
            mine = any(block in guest.blocks for block in came)
            grows = lacks > 0 and mine and waits <= guest.threshold // 2 and not asked
            if grows or (lacks < 0 and isinstance(outcome.command, Unpin)):
                self.reference.run_queue(name)
        self.sync_frames()
        super().agree(outcome, errno)

    def sync_frames(self) -> None:
        """Which frames hold the struct pages of the devices, as the engine chose."""
        for name in GUESTS:
            device = self.session.state.device_named(name)
            assert device is not None
            self.give_frames_back(device.id)
        for name in GUESTS:
            self.take_frames(name)

    @rule(name=st.sampled_from(sorted(GUESTS)), parts=st.integers(0, 6 * 8))
    def resize(self, name: str, parts: int) -> None:
        if sum(self.reference.kind[pfn] == "free" for pfn in range(BOOT_BLOCKS * 32)) < 300:
            return
        outcome = self.run(f"virtio-mem {name} requested={parts * 16}K")
        self.reference.guests[name].requested = parts * 4
        self.reference.run_queue(name)
        self.agree(outcome, None)

    @rule(block=st.sampled_from(GUEST_BLOCKS), word=st.sampled_from(sorted(KINDS)))
    def online_guest(self, block: int, word: str) -> None:
        outcome = self.run(f"online {block}{word}")
        self.agree(outcome, self.reference.online([block], KINDS[word]))

    @rule(block=st.sampled_from(GUEST_BLOCKS))
    def offline_guest(self, block: int) -> None:
        outcome = self.run(f"offline {block}")
        self.agree(outcome, self.reference.offline([block]))

    @rule(block=st.sampled_from(GUEST_BLOCKS), page=st.integers(0, 31))
    def pin_guest(self, block: int, page: int) -> None:
        outcome = self.run(f"pin pfn={block * 32 + page}")
        assert outcome.ok == self.reference.pin(block * 32 + page, 1, "unmovable")
        self.agree(outcome, outcome.errno)

    @rule(block=st.sampled_from(GUEST_BLOCKS))
    def unpin_guest(self, block: int) -> None:
        outcome = self.run(f"unpin {block}")
        pages = self.reference.pages_of(block)
        pinned = [p for p in pages if p not in self.reference.unplugged]
        lifted = [
            self.reference.unpin(p, 1, ("unmovable", "movable", "page-offline")) for p in pinned
        ]
        assert outcome.ok == any(lifted)
        self.agree(outcome, outcome.errno)


DAX_BLOCKS = range(64, 112)
DAX = st.sampled_from(["p0", "p1", "p2"])


class KmemAgainstReference(EngineAgainstReference):
    """A machine whose dax devices dax/kmem takes over, and lets go of, with blocks online too."""

    @initialize()
    def boot(self) -> None:
        super().boot()
        for slot, node in ((0, 1), (1, 0)):
            self.device_add(slot, node)
            self.kmem(f"p{slot}", own=False)

    def held(self, name: str) -> RefDevice | None:
        device = self.reference.devices.get(name)
        return device if device is None or not device.dimm else None

    def device_id(self, name: str) -> int:
        device = self.session.state.device_named(name)
        assert device is not None
        return device.id

    def plug(self, name: str, device: RefDevice, state: str) -> None:
        """All blocks of a device, offline."""
        device.guest, device.state = True, state
        vmemmap = self.reference.sizes.block // self.reference.sizes.per_frame * device.own
        vmemmap *= self.reference.param["memmap_on_memory"] == "Y"
        self.reference.nodes[device.node].online = True
        for number in range(device.start // 32, device.end // 32):
            self.reference.blocks[number] = RefBlock(device.node, vmemmap=vmemmap, device=name)
            for index, pfn in enumerate(self.reference.pages_of(number)):
                self.reference.kind[pfn] = "vmemmap" if index < vmemmap else "offline"
                self.reference.page_node[pfn] = device.node
                self.reference.page_zone[pfn] = None

    def unplug(self, name: str) -> None:
        """All blocks of a device, offline, are gone."""
        for number in self.reference.blocks_of(name):
            del self.reference.blocks[number]
            for pfn in self.reference.pages_of(number):
                del self.reference.kind[pfn]
                del self.reference.page_node[pfn], self.reference.page_zone[pfn]
        self.give_frames_back(self.device_id(name))

    @rule(name=DAX, own=st.booleans())
    def kmem(self, name: str, own: bool) -> None:
        device = self.held(name)
        if device is None or sum(k == "free" for k in self.reference.kind.values()) < 400:
            return
        own &= self.reference.param["memmap_on_memory"] == "Y" and not device.guest
        outcome = self.run(f"kmem {name}{' memmap=on_memory' if own else ''}")
        if device.guest:
            self.agree(outcome, "EBUSY")
            return
        device.own |= own
        self.give_frames_back(self.device_id(name))
        self.plug(name, device, "offline")
        self.take_frames(name)
        self.agree(outcome, None)

    @rule(name=DAX)
    def kmem_del(self, name: str) -> None:
        device = self.held(name)
        if device is None:
            return
        outcome = self.run(f"kmem-del {name}")
        if not device.state:
            self.agree(outcome, "ENODEV")
            return
        stuck = any(self.reference.blocks[n].online for n in self.reference.blocks_of(name))
        device.state = ""
        if not stuck:
            self.unplug(name)
            device.guest = False
            self.reference.grow(device.node, DEVICE, device.start, device.end)
            self.reference.nodes[device.node].online = True
            self.take_frames(name)
        self.agree(outcome, None)

    @rule(name=DAX, word=st.sampled_from(["unplugged", "offline", "online", "online_movable"]))
    def write_state(self, name: str, word: str) -> None:
        device = self.held(name)
        if device is None or sum(k == "free" for k in self.reference.kind.values()) < 400:
            return
        outcome = self.run(f"echo {word} > /sys/bus/dax/devices/{name}/state")
        if self.profile != "7.3" or not device.state:
            self.agree(outcome, "ENOENT")
        elif word == "offline":
            self.agree(outcome, "EINVAL")
        elif word == device.state:
            self.agree(outcome, None)
        elif word == "unplugged":
            self.agree(outcome, self.unplug_all(name, device))
        elif device.state != "unplugged":
            self.agree(outcome, "EBUSY")
        else:
            self.plug(name, device, word)
            self.take_frames(name)
            kind = KINDS[" movable" if word == "online_movable" else ""]
            for number in self.reference.blocks_of(name):
                self.reference.online([number], kind)
            self.agree(outcome, None)

    def unplug_all(self, name: str, device: RefDevice) -> str | None:
        """``offline_and_remove_memory_ranges``: all blocks, or they are as they were."""
        was = {
            number: self.reference.blocks[number].zone
            for number in sorted(self.reference.blocks_of(name))
            if self.reference.blocks[number].online
        }
        for number in was:
            if (errno := self.reference.offline([number])) is None:
                continue
            for other, zone in was.items():
                if not self.reference.blocks[other].online:
                    kind = ONLINE_MOVABLE if zone == MOVABLE else ONLINE_KERNEL
                    self.reference.online([other], kind)
            return errno
        self.unplug(name)
        node = self.reference.nodes[device.node]
        if not node.spanned and not node.cpu:
            node.online = any(b.node == device.node for b in self.reference.blocks.values())
        device.state = "unplugged"
        return None

    @rule(block=st.sampled_from(DAX_BLOCKS), word=st.sampled_from(sorted(KINDS)))
    def online_dax(self, block: int, word: str) -> None:
        outcome = self.run(f"online {block}{word}")
        self.agree(outcome, self.reference.online([block], KINDS[word]))

    @rule(block=st.sampled_from(DAX_BLOCKS))
    def offline_dax(self, block: int) -> None:
        outcome = self.run(f"offline {block}")
        self.agree(outcome, self.reference.offline([block]))

    @rule(block=st.sampled_from(DAX_BLOCKS), page=st.integers(0, 31))
    def pin_dax(self, block: int, page: int) -> None:
        outcome = self.run(f"pin pfn={block * 32 + page}")
        assert outcome.ok == self.reference.pin(block * 32 + page, 1, "unmovable")
        self.agree(outcome, outcome.errno)


class NewKmemAgainstReference(KmemAgainstReference):
    """The same under the rules of 7.3, which has the file ``state``."""

    profile = "7.3"


def _settings(number: int) -> settings:
    tried = examples(number, list(HealthCheck))
    return settings(tried, stateful_step_count=50, phases=(Phase.generate,))


_SETTINGS = _settings(6)
TestEngine612 = EngineAgainstReference.TestCase
TestEngine612.settings = _SETTINGS
TestEngineOfGuest = GuestAgainstReference.TestCase
TestEngineOfGuest.settings = _settings(3)
TestEngine61 = OldEngineAgainstReference.TestCase
TestEngine61.settings = _SETTINGS
TestEngineOfDax = KmemAgainstReference.TestCase
TestEngineOfDax.settings = _settings(3)
TestEngineOfNewDax = NewKmemAgainstReference.TestCase
TestEngineOfNewDax.settings = _settings(3)
