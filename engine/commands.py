"""The commands as values, and the verb of each: what a line of the command language means.

A command is a frozen value; its fields say how they are written (:class:`Word`, :class:`Key`),
from which reading, printing, help and completion follow (``pfnmap.engine.language``), and
:func:`verb` which function of which operation is its effect (``pfnmap.engine.machine``). Nothing
else lists verbs.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import cached_property
from typing import Annotated, Final, TypeVar, get_type_hints

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.kinds import MemmapPolicy, OnlineType, ZoneType
from pfnmap.engine.notation import (
    ADDRESS,
    ALIGNMENT,
    ARCH,
    CMDLINE,
    DISTANCES,
    ERRNO,
    FILE,
    HELD,
    MAPPING,
    MARK,
    MEMMAP,
    NAME,
    NAME_OR_REF,
    NODE,
    NODES,
    ONLINE_TO,
    ORDER_COUNT,
    PFN,
    PHASE,
    PIN_KIND,
    PROFILE,
    REF,
    SIZE,
    SIZES,
    STEP,
    STEPS,
    TEXT,
    TIME,
    VERB_NAME,
    ZONE,
    ZOOM_LEVEL,
    ValueKind,
    one_of,
    positive,
)
from pfnmap.engine.notation import PfnRef as PfnRef  # a part of a command as well
from pfnmap.engine.notation import Ref as Ref
from pfnmap.engine.profile import NEWEST


class Command(Struct, frozen=True, kw_only=True):
    """Base of all commands. ``text`` is the line as written, for messages; not compared."""

    text: str = ""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._compared() == other._compared()

    def __ne__(self, other: object) -> bool:
        return not self == other  # what Struct would inherit looks at all fields

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name != "text")


# -- how a verb is declared ---------------------------------------------------------------
class Kind(Enum):
    """What a verb is for, and so where it may stand."""

    START = "Start"
    PARAMETER = "Parameters"
    ACTION = "Actions"
    TALK = "Talking"
    EXPECT = "Expectations"
    INTERACTIVE = "In a session only"


class Word(Struct, frozen=True):
    """A word at its place behind the verb."""

    kind: ValueKind
    needs: str = ""
    """What is missing without it: ``a size``."""
    example: str = ""
    """What to write behind the verb then; ``{name}`` stands for what is in that field."""
    optional: bool = False
    many: bool = False
    """Whether it stands for all words that are left."""
    instead: str = ""
    """The key that may be written instead."""
    field: str = ""
    """The field of the command that it fills; empty for a word that is only said."""


class Key(Struct, frozen=True):
    """A ``key=value`` behind the verb."""

    kind: ValueKind
    key: str = ""
    """Empty: as the field is called."""
    example: str = ""
    """What to write behind the verb where the key must be there and is not."""
    instead: str = ""
    """The key that may be written instead."""
    field: str = ""
    """The field of the command that it fills."""


class Verb(Struct, frozen=True, dict=True):
    """One verb of the language. What its fields say of themselves is read when it is asked for."""

    name: str
    command: type[Command]
    help: str
    """One line."""
    example: str
    """A line that is right."""
    kind: Kind
    said: tuple[Word | Key, ...]
    """Words and keys that fill no field."""
    own_synopsis: str
    """The arguments of a verb that has more to it than words and keys."""
    effect: str
    """``module.function`` of ``pfnmap.engine.operations``, empty for what is no operation."""

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """Those behind it, in their order."""
        return tuple(each for each in self._arguments if isinstance(each, Word))

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """Those behind it, in the order in which they are written."""
        return tuple(
            replace(each, key=each.key or each.field)
            for each in self._arguments
            if isinstance(each, Key)
        )

    @cached_property
    def _arguments(self) -> list[Word | Key]:
        hints = get_type_hints(self.command, include_extras=True)
        fields = (
            replace(argument, field=field)
            for field, hint in hints.items()
            for argument in getattr(hint, "__metadata__", ())
        )
        return [*self.said, *fields]

    @property
    def synopsis(self) -> str:
        """Its arguments as help shows them."""
        if self.own_synopsis:
            return self.own_synopsis
        keys = {key.key: f"{key.key}={key.kind.placeholder}" for key in self.keys}
        instead = {word.instead for word in self.words} | {key.instead for key in self.keys}
        parts = []
        for word in self.words:
            shown = word.kind.placeholder + "…" * word.many
            shown += f"|{keys[word.instead]}" if word.instead else ""
            parts.append(f"[{shown}]" if word.optional else shown)
        for key in self.keys:
            shown = keys[key.key] + (f"|{keys[key.instead]}" if key.instead else "")
            if key.key not in instead:
                parts.append(shown if key.example else f"[{shown}]")
        return " ".join(parts)

    @property
    def usage(self) -> str:
        """The verb with its arguments."""
        return f"{self.name} {self.synopsis}".rstrip()


VERBS: Final[dict[str, Verb]] = {}
"""Every verb by name, in the order of the help screen."""

SHELL_WORDS: Final = ("echo", "grep", "cat", "tee", "chmem", "daxctl", "cxl", "cd", "for", "sh -c")
"""One of them is in every line that is for the shell."""

ALIASES: Final[dict[str, str]] = {
    "online_kernel": "online",
    "online_movable": "online",
    "q": "quit",
    "w": "write",
}
"""Other spellings that are read; what is printed is the verb."""

ALIAS_FIELDS: Final[dict[str, dict[str, object]]] = {
    "online_kernel": {"online_type": OnlineType.ONLINE_KERNEL},
    "online_movable": {"online_type": OnlineType.ONLINE_MOVABLE},
}
"""What an alias says that its verb alone does not."""

C = TypeVar("C", bound=Command)


def verb(
    name: str,
    help: str,
    example: str,
    *said: Word | Key,
    kind: Kind = Kind.ACTION,
    synopsis: str = "",
    effect: str = "",
) -> Callable[[type[C]], type[C]]:
    """Declare the verb whose lines are commands of the class that follows.

    ``said``: words and keys that fill no field; the others stand with the fields.
    """

    def declare(command: type[C]) -> type[C]:
        VERBS[name] = Verb(name, command, help, example, kind, said, synopsis, effect)
        return command

    return declare


NodeKey = Annotated[int | None, Key(NODE)]
PlaceKey = Annotated[int | None, Key(ADDRESS, "at")]
HeldName = Annotated[str, Word(HELD, "the name of the device", "NAME")]
BlocksWord = Annotated[
    tuple[Ref, ...], Word(REF, "to know which blocks", "34, or 32-39, or dimm0[1]")
]
PinnedWord = Annotated[
    tuple[Ref, ...], Word(REF, "blocks or pfn=", "34, or pfn=0x108000", instead="pfn")
]
PfnKey = Annotated[PfnRef | None, Key(PFN)]
PagesKey = Annotated[int | None, Key(positive("number of pages"), "pages")]
TextWord = Annotated[str, Word(TEXT, "a text", '"words in quotes"')]
"""Fields that several commands have."""


# -- start ------------------------------------------------------------------------------
@verb(
    "machine",
    "the machine at boot; at most once, first",
    "machine ram=1G memmap_on_memory=Y",
    kind=Kind.START,
    synopsis="[ram=SIZE] [arch=ARCH] [profile=NAME] [block=SIZE] [cxl=SIZE] [nodes=N] [ramN=SIZE…] "
    '[distance=10,20,20,10] [cmdline="WORDS"] [PARAM=VALUE…]',
)
class StartMachine(Command, frozen=True):
    """``machine …``: the machine at boot. Sizes in bytes; ``params`` are ``set`` words."""

    ram_bytes: Annotated[int, Key(SIZE, "ram")] = 4 << 30
    arch: Annotated[str, Key(ARCH)] = "x86_64"
    profile: Annotated[str, Key(PROFILE)] = NEWEST
    block_bytes: Annotated[int | None, Key(SIZE, "block")] = None
    cxl_bytes: Annotated[int | None, Key(ALIGNMENT, "cxl")] = None
    """What the firmware's windows for CXL memory are aligned to."""
    nodes: Annotated[int, Key(NODES)] = 1
    node_ram_bytes: tuple[tuple[int, int], ...] = ()
    """(node, bytes) for node >= 1."""
    params: tuple[tuple[str, str], ...] = ()
    distances: Annotated[tuple[int, ...], Key(DISTANCES, "distance")] = ()
    """The SLIT row by row; empty: 10 within a node, 20 between any two."""
    cmdline: Annotated[str, Key(CMDLINE)] = ""
    """Words of the kernel's command line."""


@verb(
    "set",
    "change a parameter of the running kernel",
    "set online_policy=auto-movable",
    kind=Kind.PARAMETER,
    synopsis="PARAM=VALUE",
    effect="settings.set_param",
)
class SetParam(Command, frozen=True):
    """``set NAME=VALUE``."""

    name: str
    value: str


@verb(
    "rule",
    "change one rule of the profile",
    "rule shrink=remove-valid",
    kind=Kind.PARAMETER,
    synopsis="NAME=VALUE",
    effect="settings.set_rule",
)
class SetRule(Command, frozen=True):
    """``rule NAME=VALUE``: change one rule of the profile."""

    name: str
    value: str


# -- actions ----------------------------------------------------------------------------
@verb("add", "hot-add a DIMM", "add dimm0 256M", effect="add.add")
class Add(Command, frozen=True):
    """``add NAME SIZE[+SIZE…] [at=ADDR] [node=N] [memmap=…]``; bytes.

    Of several sizes each is a memory resource of the one device, one behind the other.
    """

    name: Annotated[str, Word(NAME, "a name for the DIMM", "NAME SIZE")]
    sizes: Annotated[tuple[int, ...], Word(SIZES, "a size", "{name} SIZE, such as 256M")]
    address: PlaceKey = None
    node: NodeKey = None
    memmap: Annotated[MemmapPolicy | None, Key(MEMMAP)] = None

    @property
    def size_bytes(self) -> int:
        """Of the whole device."""
        return sum(self.sizes)


@verb("online", "online memory blocks", "online dimm0[1] movable", effect="online.online")
class Online(Command, frozen=True):
    """``online REF [kernel|movable]``."""

    blocks: BlocksWord
    online_type: Annotated[OnlineType, Word(ONLINE_TO, optional=True)] = OnlineType.ONLINE


@verb("offline", "offline memory blocks", "offline 32-33", effect="offline.offline")
class Offline(Command, frozen=True):
    """``offline REF``."""

    blocks: BlocksWord


@verb("remove", "eject a DIMM, or remove offline blocks", "remove dimm0", effect="remove.remove")
class Remove(Command, frozen=True):
    """``remove NAME`` (eject of a DIMM: a single whole-device ref) or ``remove REF``."""

    blocks: Annotated[
        tuple[Ref, ...], Word(NAME_OR_REF, "to know what", "dimm0, or 34, or dimm0[2-3]")
    ]


@verb(
    "shrink",
    "take the highest online blocks of a zone out",
    "shrink Movable blocks=2",
    effect="shrink.shrink",
)
class Shrink(Command, frozen=True):
    """``shrink ZONE [node=N] [blocks=K]``."""

    zone: Annotated[ZoneType, Word(ZONE, "a zone", "ZONE, such as Movable")]
    node: Annotated[int, Key(NODE)] = 0
    nr_blocks: Annotated[int, Key(positive("number of blocks"), "blocks")] = 1


@verb("device-add", "add ZONE_DEVICE memory", "device-add pmem0 1G altmap=16M", effect="device.add")
class DeviceAdd(Command, frozen=True):
    """``device-add NAME SIZE [at=] [node=] [altmap=SIZE] [mapping=public|private]``.

    ZONE_DEVICE memory; ``mapping``: that of HMM, with or without a linear mapping.
    """

    name: Annotated[str, Word(NAME, "a name for the device", "NAME SIZE")]
    size_bytes: Annotated[int, Word(SIZE, "a size", "{name} SIZE, such as 1G")]
    address: PlaceKey = None
    node: NodeKey = None
    altmap_bytes: Annotated[int | None, Key(SIZE, "altmap")] = None
    mapping: Annotated[str | None, Key(MAPPING)] = None


@verb("device-del", "take ZONE_DEVICE memory away", "device-del pmem0", effect="device.delete")
class DeviceDel(Command, frozen=True):
    """``device-del NAME``."""

    name: HeldName


@verb("kmem", "make a dax device System RAM", "kmem dax0.0", effect="kmem.add")
class Kmem(Command, frozen=True):
    """``kmem NAME [memmap=ram|on_memory]``: dax/kmem takes the device over.

    ``memmap``: what is in its file ``memmap_on_memory``.
    """

    name: HeldName
    memmap: Annotated[str | None, Key(one_of(("ram", "on_memory"), "memmap policy"))] = None


@verb("kmem-del", "take a dax device back from dax/kmem", "kmem-del dax0.0", effect="kmem.delete")
class KmemDel(Command, frozen=True):
    """``kmem-del NAME``: it is ZONE_DEVICE memory again, if its blocks are offline."""

    name: HeldName


@verb(
    "virtio-mem",
    "plug in a virtio-mem device, or resize it",
    "virtio-mem vm0 size=4G requested=1G",
    effect="virtio_mem.resize",
)
class VirtioMem(Command, frozen=True):
    """``virtio-mem NAME size=SIZE [requested=] …`` and ``virtio-mem NAME requested=SIZE``."""

    name: Annotated[str, Word(NAME, "a name for the device", "NAME size=SIZE")]
    size_bytes: Annotated[int | None, Key(SIZE, "size")] = None
    requested_bytes: Annotated[int | None, Key(SIZE, "requested")] = None
    block_bytes: Annotated[int | None, Key(SIZE, "block-size")] = None
    address: PlaceKey = None
    node: NodeKey = None
    dynamic_memslots: Annotated[
        str | None, Key(one_of(("on", "off"), "switch"), "dynamic-memslots")
    ] = None
    """Of the hypervisor: the guest sees nothing of it."""

    @property
    def sets_up(self) -> bool:
        """Whether it says what cannot change of a device that is there."""
        given = (self.size_bytes, self.block_bytes, self.address, self.node, self.dynamic_memslots)
        return any(each is not None for each in given)


@verb(
    "virtio-mem-del",
    "unplug an empty virtio-mem device",
    "virtio-mem-del vm0",
    effect="virtio_mem.delete",
)
class VirtioMemDel(Command, frozen=True):
    """``virtio-mem-del NAME``."""

    name: HeldName


@verb("pin", "place an allocation", "pin pfn=0x108000 pages=16", effect="allocations.pin")
class Pin(Command, frozen=True):
    """``pin REF|pfn=N [pages=K] [kind=unmovable|movable|offline|longterm|hwpoison]``."""

    blocks: PinnedWord = ()
    pfn: PfnKey = None
    nr_pages: PagesKey = None
    kind: Annotated[str, Key(PIN_KIND)] = "unmovable"


@verb("unpin", "lift an allocation", "unpin 33", effect="pending.unpin")
class Unpin(Command, frozen=True):
    """``unpin REF|pfn=N [pages=K] [kind=…]``; no kind lifts every kind."""

    blocks: PinnedWord = ()
    pfn: PfnKey = None
    nr_pages: PagesKey = None
    kind: Annotated[str | None, Key(PIN_KIND)] = None


@verb("signal", "end an offline that does not end", "signal", effect="pending.signal")
class Signal(Command, frozen=True):
    """``signal``: for the writer of an offline that does not end."""


@verb("hugetlb", "allocate huge pages", "hugetlb pool 2M count=4", effect="hugetlb.place")
class Hugetlb(Command, frozen=True):
    """``hugetlb NAME SIZE [count=K] [at=ADDR|pfn=N] [node=N]``."""

    name: Annotated[str, Word(NAME, "a name for the pages", "NAME SIZE")]
    page_bytes: Annotated[int, Word(SIZE, "a page size", "{name} SIZE, such as 2M")]
    count: Annotated[int, Key(positive("count"))] = 1
    address: Annotated[int | None, Key(ADDRESS, "at", instead="pfn")] = None
    pfn: PfnKey = None
    node: NodeKey = None


@verb("hugetlb-free", "free huge pages", "hugetlb-free pool", effect="hugetlb.free")
class HugetlbFree(Command, frozen=True):
    """``hugetlb-free NAME``."""

    name: Annotated[str, Word(HELD, "the name of the pages", "NAME")]


@verb("free", "say how much memory is free", "free 64M", effect="settings.free")
class Free(Command, frozen=True):
    """``free SIZE [node=N]``: say how much memory is free."""

    size_bytes: Annotated[int, Word(SIZE, "a size", "SIZE, such as 64M")]
    node: NodeKey = None


@verb(
    "freelist",
    "say what the buddy lists hold",
    "freelist 0:2627 1:23 2:6",
    effect="settings.freelist",
)
class Freelist(Command, frozen=True):
    """``freelist order:count … [node=N]``: a buddy free list."""

    counts: Annotated[
        tuple[tuple[int, int], ...],
        Word(ORDER_COUNT, "a list of order:count", "0:2627 1:23 2:6", many=True),
    ]
    node: NodeKey = None


@verb(
    "fail",
    "make a phase of the next action fail",
    "fail next at=online_pages errno=ENOMEM",
    Word(one_of(("next",), "word"), "the word next", "next at=PHASE errno=E"),
    effect="settings.fail_next",
)
class FailNext(Command, frozen=True):
    """``fail next at=PHASE errno=E``."""

    phase: Annotated[str, Key(PHASE, "at", example="next at=PHASE errno=E")]
    errno: Annotated[str, Key(ERRNO, example="next at=PHASE errno=E")]


@verb(
    "echo",
    "write a sysfs file, as pasted from a mail",
    "echo online_movable > /sys/devices/system/memory/memory34/state",
    synopsis="WORD > PATH",
    effect="sysfs.write",
)
class SysfsWrite(Command, frozen=True):
    """``echo WORD > PATH`` as pasted from a mail."""

    word: str
    path: str


class SysfsRead(Command, frozen=True):
    """``cat PATH…`` and ``grep . PATH…``; ``named`` prefixes each line with its path."""

    paths: tuple[str, ...]
    named: bool = False
    pattern: str = ""
    """What a line must have; empty: every line."""


verb(
    "grep",
    "read sysfs files with their names",
    "grep . /sys/devices/system/memory/memory3?/valid_zones",
    synopsis=". PATH…",
    effect="sysfs.read",
)(SysfsRead)
verb(
    "cat",
    "read sysfs files",
    "cat /sys/devices/system/memory/auto_online_blocks",
    synopsis="PATH…",
    effect="sysfs.read",
)(SysfsRead)


@verb(
    "chmem",
    "enable or disable memory, as chmem of util-linux",
    "chmem -e 1G",
    synopsis="-e|-d SIZE|FIRST-LAST [-b] [-z ZONE]",
    effect="chmem.chmem",
)
class Chmem(Command, frozen=True):
    """``chmem -e|-d``: so many bytes, or a range of addresses or (``blocks``) of block ids."""

    enable: bool
    size_bytes: int | None = None
    first: int = 0
    last: int = 0
    blocks: bool = False
    zone: OnlineType = OnlineType.ONLINE


@verb(
    "daxctl",
    "give a dax device to a driver, as daxctl of ndctl",
    "daxctl reconfigure-device -m system-ram dax0.0",
    synopsis="list | reconfigure-device -m system-ram|devdax NAME | online-memory NAME | "
    "offline-memory NAME",
    effect="dax_tools.daxctl",
)
class Daxctl(Command, frozen=True):
    """``daxctl ACTION [-m MODE] NAME``; its memory goes to Movable where nothing else is said.

    ``name``: ``all`` for all dax devices, empty in a list of all.
    """

    action: str
    name: str = ""
    mode: str = ""
    online: bool = True
    movable: bool = True
    force: bool = False


@verb(
    "cxl",
    "make memory of a CXL window System RAM, as cxl of ndctl",
    "cxl create-region -m -d decoder0.0 mem0 -s 1G",
    synopsis="list | create-region -m -d decoder0.N MEM… [-s SIZE] | disable-region REGION | "
    "enable-region REGION | destroy-region REGION",
    effect="dax_tools.cxl",
)
class Cxl(Command, frozen=True):
    """``cxl ACTION …``; ``number``: of the region, or of the window that its decoder is of."""

    action: str
    number: int = 0
    size_bytes: int | None = None
    force: bool = False
    memdevs: tuple[str, ...] = ()


@verb(
    "for",
    "a shell line with more to it: a loop, a list, a pipe to tee",
    "for i in {32..35}; do echo online > /sys/devices/system/memory/memory$i/state; done",
    synopsis="NAME in WORD…; do LINE; done",
    effect="shell.run",
)
class Shell(Command, frozen=True):
    """A shell line that is more than one simple command, as it was pasted, without its prompt."""

    line: str


# -- talking ----------------------------------------------------------------------------
@verb(
    "cd",
    "say where relative paths of shell lines begin",
    "cd /sys/devices/system/memory",
    kind=Kind.TALK,
    synopsis="FOLDER",
)
class Cd(Command, frozen=True):
    """``cd FOLDER``, an absolute path."""

    path: str


@verb("note", "say something to the reader", 'note "the span followed the block"', kind=Kind.TALK)
class Note(Command, frozen=True):
    """``note "…"``."""

    words: TextWord


@verb("title", "name the scenario", 'title "a DIMM and its struct pages"', kind=Kind.TALK)
class Title(Command, frozen=True):
    """``title "…"``."""

    words: TextWord


@verb(
    "source",
    "say where a claim comes from; in scenario files",
    'source "Linux 6.12, mm/memory_hotplug.c:offline_pages"',
    kind=Kind.TALK,
)
class Source(Command, frozen=True):
    """``source "…"``: post and lines, Message-ID, commit or bug report; of the whole file."""

    words: TextWord


@verb("pause", "wait, in screencasts", "pause 2s", kind=Kind.TALK)
class Pause(Command, frozen=True):
    """``pause 2s``."""

    seconds: Annotated[float, Word(TIME, "a duration", "2s")]


@verb(
    "goto",
    "move the cursor",
    "goto block 34",
    kind=Kind.TALK,
    synopsis="PFN|block N|ADDR|mark NAME",
)
class Goto(Command, frozen=True):
    """``goto PFN|block N|ADDR``. ``unit`` is ``pfn``, ``block`` or ``address``.

    With a ``device``, ``value`` counts pages or blocks from its start.
    """

    value: int
    unit: str
    device: str | None = None


@verb("zoom", "what one cell of the map stands for", "zoom block", kind=Kind.TALK)
class Zoom(Command, frozen=True):
    """``zoom page|subsection|section|block|fit``."""

    level: Annotated[str, Word(ZOOM_LEVEL, "a level", ZOOM_LEVEL.placeholder)]


# -- expectations -----------------------------------------------------------------------
ExpectValue = int | bool | str | PfnRef
"""What an expectation compares with: a number or bytes, a truth, a word, or a page."""


@verb(
    "expect",
    "claim a fact",
    "expect zone Movable start=0x108000 spanned=32768",
    kind=Kind.EXPECT,
    synopsis="ok|errno=E|log|no-log|output|zone|node|block|device|pfn|hugetlb|finding|no-findings|"
    "total …",
)
class Expect(Command, frozen=True):
    """``expect WHAT …``: a claim that is checked.

    ``what`` is ok, errno, log, no-log, output, zone, node, block, device, pfn, hugetlb, finding,
    no-findings or total; ``subject`` names the thing (for errno, log, no-log, output and
    finding: the word or text itself); ``pairs`` are the keys to compare, in order, as parsed values
    (sizes in bytes).
    """

    what: str
    subject: ZoneType | tuple[Ref, ...] | PfnRef | int | str | None = None
    node: int = 0
    pairs: tuple[tuple[str, ExpectValue], ...] = ()


# -- interactive ------------------------------------------------------------------------
class Interactive(Command, frozen=True):
    """``undo redo seek diff save write compare profiles quit help``: for the session."""

    verb: str
    arguments: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


def _session_verb(
    name: str, help: str, example: str, *said: Word | Key, synopsis: str = ""
) -> None:
    verb(name, help, example, *said, kind=Kind.INTERACTIVE, synopsis=synopsis)(Interactive)


_session_verb("undo", "undo", "undo", Word(STEPS, optional=True))
_session_verb("redo", "redo", "redo 2", Word(STEPS, optional=True))
_session_verb("seek", "go to a step", "seek 3", Word(STEP, "a step", "N"))
_session_verb(
    "mark", "name the place of the cursor", "mark a", Word(MARK, "the name of a mark", "a")
)
_session_verb("diff", "what changed, by the last step or between two", "diff 2 5", synopsis="[A B]")
_session_verb(
    "save",
    "save the session as a scenario",
    "save demo.hotplug",
    Word(FILE, "a file", "FILE.hotplug"),
    Key(one_of(("yes", "no"), "expect"), "expect"),
)
_session_verb(
    "write", "write the frame to a file", "write frame.txt", Word(FILE, "a file", "FILE.txt")
)
_session_verb(
    "compare", "the same commands under other rules", "compare profile=4.19", synopsis="KEY=VALUE…"
)
_session_verb("profiles", "list the profiles", "profiles")
_session_verb("help", "help", "help online", Word(VERB_NAME, optional=True))
_session_verb("quit", "quit", "quit")


# -- kinds of commands --------------------------------------------------------------------
HOTPLUG = (
    Add,
    Online,
    Offline,
    Remove,
    Shrink,
    DeviceAdd,
    DeviceDel,
    Kmem,
    KmemDel,
    VirtioMem,
    VirtioMemDel,
    Daxctl,
    Cxl,
)
"""Commands that take the hotplug lock."""
TALK = (Note, Title, Pause, Goto, Zoom, Cd, Expect)
"""Steps that are for the reader: they leave a machine as it is."""


def is_step(command: Command) -> bool:
    """Whether a command is a step with a number.

    All but ``machine`` and ``source``, which are about the whole, and the session's own.
    """
    return not isinstance(command, (StartMachine, Source, Interactive))


def is_action(command: Command) -> bool:
    """Whether a command is a step for the machine."""
    return is_step(command) and not isinstance(command, TALK)
