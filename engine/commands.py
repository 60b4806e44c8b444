"""The commands as values: what a parsed line of the command language means.

One frozen dataclass per verb of the language. Parsing and printing live in
``pfnmap.engine.language``; what a command does to a machine lives in ``pfnmap.engine.machine``.
"""

from __future__ import annotations

from dataclasses import field

from pfnmap.engine.kinds import MemmapPolicy, OnlineType, ZoneType
from pfnmap.engine.values import dataclass


@dataclass(frozen=True, slots=True)
class Ref:
    """One part of a REF: which memory blocks a command means, before a machine is asked.

    Exactly one of the three forms: block ids (``first``..``last`` inclusive, no device),
    a device (``device`` set; ``first``/``last`` relative block indices or both None for
    all of it), or physical addresses (``address`` set, inclusive pair).
    """

    first: int | None = None
    last: int | None = None
    device: str | None = None
    address: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class PfnRef:
    """A page: ``base`` device (or none) plus a pfn or an offset in pages."""

    offset: int
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all commands. ``text`` is the line as written, for messages; not compared."""

    text: str = field(default="", compare=False, kw_only=True)


# -- start ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class StartMachine(Command):
    """``machine …``: the machine at boot. Sizes in bytes; ``params`` are ``set`` words."""

    ram_bytes: int = 4 << 30
    arch: str = "x86_64"
    profile: str = "6.12"
    block_bytes: int | None = None
    nodes: int = 1
    node_ram_bytes: tuple[tuple[int, int], ...] = ()
    """(node, bytes) for node >= 1."""
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SetParam(Command):
    """``set NAME=VALUE``."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SetRule(Command):
    """``rule NAME=VALUE``: change one rule of the profile."""

    name: str
    value: str


# -- actions ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Add(Command):
    """``add NAME SIZE [at=ADDR] [node=N] [memmap=…]``; address in bytes."""

    name: str
    size_bytes: int
    address: int | None = None
    node: int | None = None
    memmap: MemmapPolicy | None = None


@dataclass(frozen=True, slots=True)
class Online(Command):
    """``online REF [kernel|movable]``."""

    blocks: tuple[Ref, ...]
    online_type: OnlineType = OnlineType.ONLINE


@dataclass(frozen=True, slots=True)
class Offline(Command):
    """``offline REF``."""

    blocks: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Remove(Command):
    """``remove NAME`` (eject of a DIMM: a single whole-device ref) or ``remove REF``."""

    blocks: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Shrink(Command):
    """``shrink ZONE [node=N] [blocks=K]``."""

    zone: ZoneType
    node: int = 0
    nr_blocks: int = 1


@dataclass(frozen=True, slots=True)
class DeviceAdd(Command):
    """``device-add NAME SIZE [at=] [node=] [altmap=SIZE]`` (ZONE_DEVICE)."""

    name: str
    size_bytes: int
    address: int | None = None
    node: int | None = None
    altmap_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceDel(Command):
    """``device-del NAME``."""

    name: str


@dataclass(frozen=True, slots=True)
class Pin(Command):
    """``pin REF|pfn=N [pages=K] [kind=unmovable|movable|offline]``."""

    blocks: tuple[Ref, ...] = ()
    pfn: PfnRef | None = None
    nr_pages: int | None = None
    kind: str = "unmovable"


@dataclass(frozen=True, slots=True)
class Unpin(Command):
    """``unpin REF|pfn=N [pages=K] [kind=…]``; no kind lifts every kind."""

    blocks: tuple[Ref, ...] = ()
    pfn: PfnRef | None = None
    nr_pages: int | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Hugetlb(Command):
    """``hugetlb NAME SIZE [count=K] [at=ADDR|pfn=N] [node=N]``."""

    name: str
    page_bytes: int
    count: int = 1
    address: int | None = None
    pfn: PfnRef | None = None
    node: int | None = None


@dataclass(frozen=True, slots=True)
class HugetlbFree(Command):
    """``hugetlb-free NAME``."""

    name: str


@dataclass(frozen=True, slots=True)
class Free(Command):
    """``free SIZE [node=N]``: say how much memory is free."""

    size_bytes: int
    node: int | None = None


@dataclass(frozen=True, slots=True)
class Freelist(Command):
    """``freelist order:count … [node=N]``: a buddy free list."""

    counts: tuple[tuple[int, int], ...]
    node: int | None = None


@dataclass(frozen=True, slots=True)
class FailNext(Command):
    """``fail next at=PHASE errno=E``."""

    phase: str
    errno: str


@dataclass(frozen=True, slots=True)
class SysfsWrite(Command):
    """``echo WORD > PATH`` as pasted from a mail."""

    word: str
    path: str


@dataclass(frozen=True, slots=True)
class SysfsRead(Command):
    """``cat PATH…`` and ``grep . PATH…``; ``named`` prefixes each line with its path."""

    paths: tuple[str, ...]
    named: bool = False


# -- talking ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Note(Command):
    """``note "…"``."""

    words: str


@dataclass(frozen=True, slots=True)
class Title(Command):
    """``title "…"``."""

    words: str


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """``pause 2s``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Goto(Command):
    """``goto PFN|block N|ADDR``. ``unit`` is ``pfn``, ``block`` or ``address``.

    With a ``device``, ``value`` counts pages or blocks from its start.
    """

    value: int
    unit: str
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Zoom(Command):
    """``zoom page|subsection|section|block|fit``."""

    level: str


# -- interactive ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Interactive(Command):
    """``undo redo seek diff save write compare profiles quit help``: for the session."""

    verb: str
    arguments: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


# -- expectations -----------------------------------------------------------------------
ExpectValue = int | bool | str | PfnRef
"""What an expectation compares with: a number or bytes, a truth, a word, or a page."""


@dataclass(frozen=True, slots=True)
class Expect(Command):
    """``expect WHAT …``: a claim that is checked.

    ``what`` is ok, errno, log, no-log, zone, node, block, device, pfn, hugetlb, finding,
    no-findings or total; ``subject`` names the thing (for errno, log, no-log and finding:
    the word or text itself); ``pairs`` are the keys to compare, in order, as parsed values
    (sizes in bytes).
    """

    what: str
    subject: ZoneType | tuple[Ref, ...] | PfnRef | int | str | None = None
    node: int = 0
    pairs: tuple[tuple[str, ExpectValue], ...] = ()


# -- kinds of commands --------------------------------------------------------------------
TALK = (Note, Title, Pause, Goto, Zoom, Expect)
"""Steps that are for the reader: they leave a machine as it is."""


def is_step(command: Command) -> bool:
    """Whether a command is a step with a number: all but ``machine`` and the session's own."""
    return not isinstance(command, (StartMachine, Interactive))


def is_action(command: Command) -> bool:
    """Whether a command is a step for the machine."""
    return is_step(command) and not isinstance(command, TALK)
