"""The tour: what is explained, what is to be pressed, and how it shows that it was done.

Pure: nothing here draws or presses. A step is done when the session says so, whatever way a
person took; keys that are not asked for do no harm, and :attr:`Step.stage` can set the
machine up for the step at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct, field

from pfnmap.engine.commands import Command, Pin
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.session import History, Session
from pfnmap.engine.view import BlockRow
from pfnmap.tui.keys.action_table import ACTIONS
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.names import shown_key

MACHINE: Final = "machine ram=1G"
_KEY = r"\{([a-z_.]+)\}"


class Seen(Struct, frozen=True):
    """What a step is judged by."""

    session: History
    block: int
    """Id of the block under the cursor."""
    acted: frozenset[str]
    """Actions of the table that were done since the step began."""

    def row(self, block: int) -> BlockRow | None:
        """A memory block, None where there is none."""
        return self.session.view.block(block)

    @property
    def commands(self) -> list[Command]:
        """The commands in force."""
        return [outcome.command for outcome in self.session.outcomes[: self.session.position]]


class Step(Struct, frozen=True):
    """One thing to learn."""

    title: str
    text: str
    """``{mem.add}`` stands for the key of that action."""
    asks: tuple[str, ...]
    """What to press, in order: an action's id, a ``:`` line, or the name of a key in ``<>``."""
    done: Callable[[Seen], bool]
    stage: tuple[str, ...] = ()
    """Commands that set the machine up for the step."""
    block: int = 0
    """Where the cursor stands then."""
    back: int = 0
    """How many of those commands are undone again, to be done once more by the person."""


def _acted(name: str) -> Callable[[Seen], bool]:
    return lambda seen: name in seen.acted


def _state(block: int, state: str, zone: ZoneType | None = None) -> Callable[[Seen], bool]:
    def done(seen: Seen) -> bool:
        row = seen.row(block)
        return row is not None and row.state == state and (zone is None or row.zone == zone)

    return done


def _pinned(seen: Seen) -> bool:
    return any(isinstance(command, Pin) for command in seen.commands)


def _refused(seen: Seen) -> bool:
    last = seen.session.last
    return last is not None and last.errno == "EBUSY"


def _self_hosted(seen: Seen) -> bool:
    row = seen.row(32)
    return row is not None and (row.vmemmap_pages or 0) > 0


_DIMM = ("add dimm0 256M",)
_NORMAL = (*_DIMM, "online 32")
_MOVABLE = (*_NORMAL, "online 33 movable")
_PINNED = (*_MOVABLE, "pin 33 pages=1")
_OFFLINED = (*_MOVABLE, "offline 33")
_EMPTIED = (*_OFFLINED, "shrink Normal node=0")
_REMOVED = (*_EMPTIED, "remove dimm0")
_HOSTED = (*_REMOVED, "set memmap_on_memory=Y", "add dimm0 256M")

STEPS: Final = (
    Step(
        "the map",
        "Each row is a memory block of 128M, the unit that goes online and offline; each cell "
        "is a part of it. The legend below names the states. Go to the last page of memory.",
        ("cursor.last",),
        lambda seen: seen.block >= 7,
    ),
    Step(
        "explain",
        "Every page can be asked about: who owns it, where its struct page lives, what may be "
        "done and why not. Open the explanation, read it, and close it again.",
        ("view.explain", "<escape>"),
        _acted("view.explain"),
        block=7,
    ),
    Step(
        "hot-add a DIMM",
        "Plug in 256M. A form opens with values that fit; enter takes them. The new blocks, 32 "
        "and 33, lie at 4G and are offline: the kernel has struct pages for them, but no page "
        "is free.",
        ("mem.add", "<enter>"),
        lambda seen: seen.row(32) is not None,
        block=7,
    ),
    Step(
        "online",
        "Bring block 32 online; the online policy picks the zone. Watch the bars above: zone "
        "Normal gets a span, and its pages become managed.",
        ("mem.online",),
        _state(32, "online"),
        _DIMM,
        32,
    ),
    Step(
        "online to Movable",
        "Go to block 33 and bring it online to Movable, where only movable allocations go, so "
        "that it can be taken offline later.",
        ("cursor.block.next", "mem.online_movable"),
        _state(33, "online", ZoneType.MOVABLE),
        _NORMAL,
        32,
    ),
    Step(
        "valid_zones",
        "Which zones may a block go to? sysfs says it in valid_zones. The explanation shows "
        "it with the rule that decided. Look for it, and close it again.",
        ("view.explain", "<escape>"),
        _acted("view.explain"),
        _MOVABLE,
        33,
    ),
    Step(
        "pin a page",
        "One page that nobody can move is enough to keep a block online. What has no key is "
        "typed: a command of the language that scenarios are written in.",
        (":pin 33 pages=1",),
        _pinned,
        _MOVABLE,
        33,
    ),
    Step(
        "EBUSY, and why",
        "Try to take block 33 offline. The kernel refuses; the log says which function gave up, "
        "on which page, and why. The inspector and the explanation said so before you tried.",
        ("mem.offline",),
        _refused,
        _PINNED,
        33,
    ),
    Step(
        "undo",
        "Time goes both ways. Undo the refused attempt, then the pin. Nothing is lost: redo "
        "brings back what was undone, as long as nothing else is done instead.",
        ("time.undo", "time.undo"),
        lambda seen: not _pinned(seen),
        (*_PINNED, "offline 33"),
        33,
    ),
    Step(
        "offline",
        "Now block 33 goes: its pages are isolated, migrated away, and leave the zone. The span "
        "of Movable shrinks to nothing.",
        ("mem.offline",),
        _state(33, "offline"),
        _MOVABLE,
        33,
    ),
    Step(
        "shrink a zone",
        "Go to block 32, which is in Normal, and take the highest online block of its zone "
        "out. The log shows how the kernel searches for the new ends of the span.",
        ("cursor.block.previous", "zone.shrink"),
        _state(32, "offline"),
        _OFFLINED,
        33,
    ),
    Step(
        "remove",
        "All blocks of the DIMM are offline, so it can be pulled out.",
        ("mem.remove",),
        lambda seen: seen.row(32) is None,
        _EMPTIED,
        32,
    ),
    Step(
        "memmap_on_memory",
        "The struct pages of the DIMM came out of the RAM you had. Switch memmap_on_memory on "
        "and add it again: now each block holds its own, at its start.",
        ("mem.toggle_memmap", "mem.add", "<enter>"),
        _self_hosted,
        _REMOVED,
        7,
    ),
    Step(
        "slow motion",
        "One step back, then forward again phase by phase: the log names each kernel function, "
        "and map and counters are as they would be in between.",
        ("time.back", "time.phase.forward", "time.phase.forward"),
        lambda seen: (seen.session.phase or 0) >= 2,
        _HOSTED,
        32,
    ),
    Step(
        "compare",
        "Finish the step, then run the same commands under another rule and see both side by "
        "side. Profiles of other kernels work as well, such as profile=4.19.",
        ("time.forward", ":compare memmap_on_memory=N", "<escape>"),
        _acted("session.compare"),
        _HOSTED,
        32,
        back=1,
    ),
    Step(
        "a guest that is resized",
        "Clouds resize guests with virtio-mem. The form plugs in a device of 4G of which the "
        "hypervisor wants 1G plugged; with the same key the size changes later. What is not "
        "plugged of a memory block is PageOffline.",
        ("mem.resize", "<enter>"),
        lambda seen: any(each.is_dynamic for each in seen.session.state.devices.values()),
        _HOSTED,
        32,
    ),
    Step(
        "that is all",
        "{app.help} lists every key and command, {app.palette} what applies now, and 'pfnmap "
        "scenarios' stories to step through. Leave the tour and go on from here, or quit with "
        "{app.quit}.",
        ("app.tour",),
        lambda seen: False,
        _HOSTED,
        32,
    ),
)


class Progress(Struct):
    """Where a person is on the tour."""

    steps: tuple[Step, ...] = STEPS
    index: int = 0
    acted: set[str] = field(default_factory=set)

    @property
    def step(self) -> Step:
        """The present step."""
        return self.steps[self.index]

    def look(self, session: History, block: int) -> bool:
        """Go on when the present step is done; True when it was."""
        if self.index + 1 == len(self.steps):
            return False
        if not self.step.done(Seen(session, block, frozenset(self.acted))):
            return False
        self.index += 1
        self.acted.clear()
        return True

    def restage(self, session: Session) -> None:
        """Set the machine up for the present step; what was done becomes a branch."""
        session.seek(0)
        for line in self.step.stage:
            command = parse_line(line)
            assert command is not None
            session.run(command)
        session.undo(self.step.back)
        self.acted.clear()


def press_words(asks: Iterable[str], keymap: Keymap) -> list[str]:
    """What to press, one word or line each, with the keys in force."""
    return [_press_word(ask, keymap) for ask in asks]


def _press_word(ask: str, keymap: Keymap) -> str:
    if ask.startswith(":"):
        return f"{ask} enter"
    if ask.startswith("<"):
        return shown_key(ask.strip("<>"))
    return keymap.first(ask) or f"{ACTIONS[ask].label} (in the palette)"


def filled(text: str, keymap: Keymap) -> str:
    """A text with the keys in force."""
    return re.sub(_KEY, lambda found: _press_word(found[1], keymap), text)
