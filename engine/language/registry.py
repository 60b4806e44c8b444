"""The one registry of the command language: every verb, what it takes and what it means.

Help and completion are generated from :data:`VERBS`; nothing else lists
verbs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from msgspec import Struct

from pfnmap.engine.commands import Command
from pfnmap.engine.kinds import MemmapPolicy
from pfnmap.engine.language import actions, start, talk
from pfnmap.engine.language.arguments import Arguments
from pfnmap.engine.language.expectations import EXPECTATIONS, parse_expect
from pfnmap.engine.language.tables import ONLINE_KINDS, PIN_KINDS, ZOOM_LEVELS

__all__ = [
    "ALIASES",
    "VERBS",
    "Kind",
    "Verb",
    "help_lines",
    "verbs_of",
]


class Kind(Enum):
    """What a verb is for, and so where it may stand."""

    START = "Start"
    PARAMETER = "Parameters"
    ACTION = "Actions"
    TALK = "Talking"
    EXPECT = "Expectations"
    INTERACTIVE = "In a session only"


class Verb(Struct, frozen=True):
    """One verb of the language."""

    name: str
    synopsis: str
    """Its arguments as help shows them."""
    help: str
    """One line."""
    kind: Kind
    parse: Callable[[Arguments], Command] | None
    """Reads what stands behind the verb; None for shell lines, which are read whole."""
    example: str
    """A line that is right."""
    repeated_keys: bool = False
    """Whether one key may stand in a line more than once."""

    @property
    def usage(self) -> str:
        """The verb with its arguments."""
        return f"{self.name} {self.synopsis}".rstrip()


_MEMMAP = "|".join(policy.value for policy in MemmapPolicy)
_ONLINE = "|".join(ONLINE_KINDS)
_PIN = "|".join(PIN_KINDS)
_P, _A, _T, _I = Kind.PARAMETER, Kind.ACTION, Kind.TALK, Kind.INTERACTIVE

_VERBS: Final = (
    Verb(
        "machine",
        "[ram=SIZE] [arch=ARCH] [profile=NAME] [block=SIZE] [nodes=N] [ramN=SIZE…] [PARAM=VALUE…]",
        "the machine at boot; at most once, first",
        Kind.START,
        start.parse_machine,
        "machine ram=1G memmap_on_memory=Y",
    ),
    Verb(
        "set",
        "PARAM=VALUE",
        "change a parameter of the running kernel",
        _P,
        start.parse_set,
        "set online_policy=auto-movable",
    ),
    Verb(
        "rule",
        "NAME=VALUE",
        "change one rule of the profile",
        _P,
        start.parse_rule,
        "rule shrink=remove-valid",
    ),
    Verb(
        "add",
        f"NAME SIZE [at=ADDR] [node=N] [memmap={_MEMMAP}]",
        "hot-add a DIMM",
        _A,
        actions.parse_add,
        "add dimm0 256M",
    ),
    Verb(
        "online",
        f"REF [{_ONLINE}]",
        "online memory blocks",
        _A,
        actions.parse_online,
        "online dimm0[1] movable",
    ),
    Verb(
        "offline",
        "REF",
        "offline memory blocks",
        _A,
        actions.parse_offline,
        "offline 32-33",
    ),
    Verb(
        "remove",
        "NAME|REF",
        "eject a DIMM, or remove offline blocks",
        _A,
        actions.parse_remove,
        "remove dimm0",
    ),
    Verb(
        "shrink",
        "ZONE [node=N] [blocks=K]",
        "take the highest online blocks of a zone out",
        _A,
        actions.parse_shrink,
        "shrink Movable blocks=2",
    ),
    Verb(
        "device-add",
        "NAME SIZE [at=ADDR] [node=N] [altmap=SIZE]",
        "add ZONE_DEVICE memory",
        _A,
        actions.parse_device_add,
        "device-add pmem0 1G altmap=16M",
    ),
    Verb(
        "device-del",
        "NAME",
        "take ZONE_DEVICE memory away",
        _A,
        actions.parse_device_del,
        "device-del pmem0",
    ),
    Verb(
        "pin",
        f"REF|pfn=N [pages=K] [kind={_PIN}]",
        "place an allocation",
        _A,
        actions.parse_pin,
        "pin pfn=0x108000 pages=16",
    ),
    Verb(
        "unpin",
        f"REF|pfn=N [pages=K] [kind={_PIN}]",
        "lift an allocation",
        _A,
        actions.parse_unpin,
        "unpin 33",
    ),
    Verb(
        "hugetlb",
        "NAME SIZE [count=K] [at=ADDR|pfn=N] [node=N]",
        "allocate huge pages",
        _A,
        actions.parse_hugetlb,
        "hugetlb pool 2M count=4",
    ),
    Verb(
        "hugetlb-free",
        "NAME",
        "free huge pages",
        _A,
        actions.parse_hugetlb_free,
        "hugetlb-free pool",
    ),
    Verb(
        "free", "SIZE [node=N]", "say how much memory is free", _A, actions.parse_free, "free 64M"
    ),
    Verb(
        "freelist",
        "ORDER:COUNT… [node=N]",
        "say what the buddy lists hold",
        _A,
        actions.parse_freelist,
        "freelist 0:2627 1:23 2:6",
    ),
    Verb(
        "fail",
        "next at=PHASE errno=E",
        "make a phase of the next action fail",
        _A,
        actions.parse_fail,
        "fail next at=online_pages errno=ENOMEM",
    ),
    Verb(
        "echo",
        "WORD > PATH",
        "write a sysfs file, as pasted from a mail",
        _A,
        None,
        "echo online_movable > /sys/devices/system/memory/memory34/state",
    ),
    Verb(
        "grep",
        ". PATH…",
        "read sysfs files with their names",
        _A,
        None,
        "grep . /sys/devices/system/memory/memory3?/valid_zones",
    ),
    Verb(
        "cat",
        "PATH…",
        "read sysfs files",
        _A,
        None,
        "cat /sys/devices/system/memory/auto_online_blocks",
    ),
    Verb(
        "note",
        '"TEXT"',
        "say something to the reader",
        _T,
        talk.parse_note,
        'note "the span followed the block"',
    ),
    Verb(
        "title",
        '"TEXT"',
        "name the scenario",
        _T,
        talk.parse_title,
        'title "a DIMM and its struct pages"',
    ),
    Verb("pause", "TIME", "wait, in screencasts", _T, talk.parse_pause, "pause 2s"),
    Verb(
        "goto",
        "PFN|block N|ADDR|mark NAME",
        "move the cursor",
        _T,
        talk.parse_goto,
        "goto block 34",
    ),
    Verb(
        "zoom",
        "|".join(ZOOM_LEVELS),
        "what one cell of the map stands for",
        _T,
        talk.parse_zoom,
        "zoom block",
    ),
    Verb(
        "expect",
        "|".join(w if w != "errno" else "errno=E" for w in EXPECTATIONS) + " …",
        "claim a fact",
        Kind.EXPECT,
        parse_expect,
        "expect zone Movable start=0x108000 spanned=32768",
    ),
    Verb("undo", "[N]", "undo", _I, talk.parse_steps, "undo"),
    Verb("redo", "[N]", "redo", _I, talk.parse_steps, "redo 2"),
    Verb("seek", "N", "go to a step", _I, talk.parse_seek, "seek 3"),
    Verb(
        "mark",
        "NAME",
        "name the place of the cursor",
        _I,
        talk.parse_mark,
        "mark a",
    ),
    Verb(
        "diff",
        "[A B]",
        "what changed, by the last step or between two",
        _I,
        talk.parse_diff,
        "diff 2 5",
    ),
    Verb(
        "save",
        "FILE [expect=yes|no]",
        "save the session as a scenario",
        _I,
        talk.parse_save,
        "save demo.hotplug",
    ),
    Verb(
        "write",
        "FILE",
        "write the frame to a file",
        _I,
        talk.parse_write,
        "write frame.txt",
    ),
    Verb(
        "compare",
        "KEY=VALUE…",
        "the same commands under other rules",
        _I,
        talk.parse_compare,
        "compare profile=4.19",
        repeated_keys=True,
    ),
    Verb("profiles", "", "list the profiles", _I, talk.parse_bare, "profiles"),
    Verb("help", "[VERB]", "help", _I, talk.parse_help, "help online"),
    Verb("quit", "", "quit", _I, talk.parse_bare, "quit"),
)

VERBS: Final[dict[str, Verb]] = {verb.name: verb for verb in _VERBS}
"""Every verb by name, in the order of the help screen."""

ALIASES: Final[dict[str, str]] = {
    "online_kernel": "online",
    "online_movable": "online",
    "q": "quit",
    "w": "write",
}
"""Other spellings that are read; what is printed is the verb."""

ALIAS_PARSERS: Final[dict[str, Callable[[Arguments], Command]]] = {
    "online_kernel": actions.parse_online_kernel,
    "online_movable": actions.parse_online_movable,
}
"""Aliases that mean more than their verb alone."""


def verbs_of(kind: Kind) -> Iterator[Verb]:
    """The verbs of one kind."""
    return (verb for verb in VERBS.values() if verb.kind is kind)


def help_lines(name: str = "") -> list[str]:
    """Help as plain lines: all verbs by kind, or everything about one.

    An unknown name gives no lines.
    """
    name = ALIASES.get(name, name)
    if name:
        return _help_on(VERBS[name]) if name in VERBS else []
    lines: list[str] = []
    for kind in Kind:
        lines += ["", kind.value] if lines else [kind.value]
        lines += [f"  {verb.name:<13}{verb.help}" for verb in verbs_of(kind)]
    return lines


def _help_on(verb: Verb) -> list[str]:
    lines = [verb.usage, f"  {verb.help}", f"  example: {verb.example}"]
    if verb.name == "expect":
        for row in EXPECTATIONS.values():
            lines += [f"  expect {row.synopsis}", f"    {row.help}"]
    return lines
