"""The commands as values: what a parsed line of the command language means.

One frozen struct per verb of the language. Parsing and printing live in
``pfnmap.engine.language``; what a command does to a machine lives in ``pfnmap.engine.machine``.
"""

from __future__ import annotations

from msgspec import Struct

from pfnmap.engine.kinds import MemmapPolicy, OnlineType, ZoneType


class Ref(Struct, frozen=True):
    """One part of a REF: which memory blocks a command means, before a machine is asked.

    Exactly one of the three forms: block ids (``first``..``last`` inclusive, no device),
    a device (``device`` set; ``first``/``last`` relative block indices or both None for
    all of it), or physical addresses (``address`` set, inclusive pair).
    """

    first: int | None = None
    last: int | None = None
    device: str | None = None
    address: tuple[int, int] | None = None


class PfnRef(Struct, frozen=True):
    """A page: ``base`` device (or none) plus a pfn or an offset in pages."""

    offset: int
    device: str | None = None


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


# -- start ------------------------------------------------------------------------------
class StartMachine(Command, frozen=True):
    """``machine …``: the machine at boot. Sizes in bytes; ``params`` are ``set`` words."""

    ram_bytes: int = 4 << 30
    arch: str = "x86_64"
    profile: str = "6.12"
    block_bytes: int | None = None
    nodes: int = 1
    node_ram_bytes: tuple[tuple[int, int], ...] = ()
    """(node, bytes) for node >= 1."""
    params: tuple[tuple[str, str], ...] = ()


class SetParam(Command, frozen=True):
    """``set NAME=VALUE``."""

    name: str
    value: str


class SetRule(Command, frozen=True):
    """``rule NAME=VALUE``: change one rule of the profile."""

    name: str
    value: str


# -- actions ----------------------------------------------------------------------------
class Add(Command, frozen=True):
    """``add NAME SIZE [at=ADDR] [node=N] [memmap=…]``; address in bytes."""

    name: str
    size_bytes: int
    address: int | None = None
    node: int | None = None
    memmap: MemmapPolicy | None = None


class Online(Command, frozen=True):
    """``online REF [kernel|movable]``."""

    blocks: tuple[Ref, ...]
    online_type: OnlineType = OnlineType.ONLINE


class Offline(Command, frozen=True):
    """``offline REF``."""

    blocks: tuple[Ref, ...]


class Remove(Command, frozen=True):
    """``remove NAME`` (eject of a DIMM: a single whole-device ref) or ``remove REF``."""

    blocks: tuple[Ref, ...]


class Shrink(Command, frozen=True):
    """``shrink ZONE [node=N] [blocks=K]``."""

    zone: ZoneType
    node: int = 0
    nr_blocks: int = 1


class DeviceAdd(Command, frozen=True):
    """``device-add NAME SIZE [at=] [node=] [altmap=SIZE]`` (ZONE_DEVICE)."""

    name: str
    size_bytes: int
    address: int | None = None
    node: int | None = None
    altmap_bytes: int | None = None


class DeviceDel(Command, frozen=True):
    """``device-del NAME``."""

    name: str


class Pin(Command, frozen=True):
    """``pin REF|pfn=N [pages=K] [kind=unmovable|movable|offline]``."""

    blocks: tuple[Ref, ...] = ()
    pfn: PfnRef | None = None
    nr_pages: int | None = None
    kind: str = "unmovable"


class Unpin(Command, frozen=True):
    """``unpin REF|pfn=N [pages=K] [kind=…]``; no kind lifts every kind."""

    blocks: tuple[Ref, ...] = ()
    pfn: PfnRef | None = None
    nr_pages: int | None = None
    kind: str | None = None


class Hugetlb(Command, frozen=True):
    """``hugetlb NAME SIZE [count=K] [at=ADDR|pfn=N] [node=N]``."""

    name: str
    page_bytes: int
    count: int = 1
    address: int | None = None
    pfn: PfnRef | None = None
    node: int | None = None


class HugetlbFree(Command, frozen=True):
    """``hugetlb-free NAME``."""

    name: str


class Free(Command, frozen=True):
    """``free SIZE [node=N]``: say how much memory is free."""

    size_bytes: int
    node: int | None = None


class Freelist(Command, frozen=True):
    """``freelist order:count … [node=N]``: a buddy free list."""

    counts: tuple[tuple[int, int], ...]
    node: int | None = None


class FailNext(Command, frozen=True):
    """``fail next at=PHASE errno=E``."""

    phase: str
    errno: str


class SysfsWrite(Command, frozen=True):
    """``echo WORD > PATH`` as pasted from a mail."""

    word: str
    path: str


class SysfsRead(Command, frozen=True):
    """``cat PATH…`` and ``grep . PATH…``; ``named`` prefixes each line with its path."""

    paths: tuple[str, ...]
    named: bool = False


# -- talking ----------------------------------------------------------------------------
class Note(Command, frozen=True):
    """``note "…"``."""

    words: str


class Title(Command, frozen=True):
    """``title "…"``."""

    words: str


class Pause(Command, frozen=True):
    """``pause 2s``."""

    seconds: float


class Goto(Command, frozen=True):
    """``goto PFN|block N|ADDR``. ``unit`` is ``pfn``, ``block`` or ``address``.

    With a ``device``, ``value`` counts pages or blocks from its start.
    """

    value: int
    unit: str
    device: str | None = None


class Zoom(Command, frozen=True):
    """``zoom page|subsection|section|block|fit``."""

    level: str


# -- interactive ------------------------------------------------------------------------
class Interactive(Command, frozen=True):
    """``undo redo seek diff save write compare profiles quit help``: for the session."""

    verb: str
    arguments: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


# -- expectations -----------------------------------------------------------------------
ExpectValue = int | bool | str | PfnRef
"""What an expectation compares with: a number or bytes, a truth, a word, or a page."""


class Expect(Command, frozen=True):
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
