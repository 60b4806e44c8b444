"""The verbs that do something to memory: how their lines are read."""

from __future__ import annotations

import re

from pfnmap.engine.commands import (
    Add,
    Command,
    DeviceAdd,
    DeviceDel,
    FailNext,
    Free,
    Freelist,
    Hugetlb,
    HugetlbFree,
    Offline,
    Online,
    PfnRef,
    Pin,
    Ref,
    Remove,
    Shrink,
    Unpin,
)
from pfnmap.engine.kinds import MemmapPolicy, OnlineType
from pfnmap.engine.language.arguments import Arguments
from pfnmap.engine.language.refs import parse_pfn, parse_refs
from pfnmap.engine.language.tables import ONLINE_KINDS, PIN_KINDS, parse_zone
from pfnmap.engine.language.values import (
    parse_address,
    parse_errno,
    parse_name,
    parse_number,
    parse_positive,
    parse_size,
)
from pfnmap.engine.language.wrong import choose, shown, wrong
from pfnmap.engine.phases import FAILABLE_PHASES

MAX_ORDER = 63
_ORDER_COUNT = re.compile(r"([0-9]+):([0-9]+)\Z")


def _node(text: str) -> int:
    return parse_number(text, "node")


def parse_add(arguments: Arguments) -> Command:
    """``add NAME SIZE [at=ADDR] [node=N] [memmap=…]``."""
    name = arguments.word(parse_name, "a name for the DIMM", "NAME SIZE")
    size = arguments.word(parse_size, "a size", f"{name} SIZE, such as 256M")
    address = arguments.option("at", parse_address)
    node = arguments.option("node", _node)
    policies = [policy.value for policy in MemmapPolicy]
    memmap = arguments.option("memmap", lambda word: choose(word, policies, "memmap policy"))
    arguments.finish()
    return Add(name, size, address, node, MemmapPolicy(memmap) if memmap else None)


def _blocks(arguments: Arguments) -> tuple[Ref, ...]:
    return arguments.word(parse_refs, "to know which blocks", "34, or 32-39, or dimm0[1]")


def parse_online(arguments: Arguments) -> Command:
    """``online REF [kernel|movable]``."""
    first = arguments.next_word
    blocks = _blocks(arguments)
    second = arguments.next_word
    if first and second and first.text in ONLINE_KINDS and second.text not in ONLINE_KINDS:
        raise wrong(
            f"{first.text} stands before the blocks",
            expected="online REF [kernel|movable]",
            meant=f"online {second.text} {first.text}"
            if second.text.isprintable() and len(second.text) < 40
            else "",
            column=first.column,
        )
    kind = arguments.optional_word(lambda word: choose(word, ONLINE_KINDS, "zone choice"))
    arguments.finish()
    types = {"kernel": OnlineType.ONLINE_KERNEL, "movable": OnlineType.ONLINE_MOVABLE}
    return Online(blocks, types[kind] if kind else OnlineType.ONLINE)


def parse_online_kernel(arguments: Arguments) -> Command:
    """``online_kernel REF``: the sysfs word as a verb."""
    return _online_as(arguments, OnlineType.ONLINE_KERNEL)


def parse_online_movable(arguments: Arguments) -> Command:
    """``online_movable REF``: the sysfs word as a verb."""
    return _online_as(arguments, OnlineType.ONLINE_MOVABLE)


def _online_as(arguments: Arguments, online_type: OnlineType) -> Command:
    blocks = _blocks(arguments)
    arguments.finish()
    return Online(blocks, online_type)


def parse_offline(arguments: Arguments) -> Command:
    """``offline REF``."""
    blocks = _blocks(arguments)
    arguments.finish()
    return Offline(blocks)


def parse_remove(arguments: Arguments) -> Command:
    """``remove NAME`` or ``remove REF``."""
    blocks = arguments.word(parse_refs, "to know what", "dimm0, or 34, or dimm0[2-3]")
    arguments.finish()
    return Remove(blocks)


def parse_shrink(arguments: Arguments) -> Command:
    """``shrink ZONE [node=N] [blocks=K]``."""
    zone = arguments.word(parse_zone, "a zone", "ZONE, such as Movable")
    node = arguments.option("node", _node)
    blocks = arguments.option("blocks", lambda text: parse_positive(text, "number of blocks"))
    arguments.finish()
    return Shrink(zone, node or 0, blocks or 1)


def parse_device_add(arguments: Arguments) -> Command:
    """``device-add NAME SIZE [at=ADDR] [node=N] [altmap=SIZE]``."""
    name = arguments.word(parse_name, "a name for the device", "NAME SIZE")
    size = arguments.word(parse_size, "a size", f"{name} SIZE, such as 1G")
    address = arguments.option("at", parse_address)
    node = arguments.option("node", _node)
    altmap = arguments.option("altmap", parse_size)
    arguments.finish()
    return DeviceAdd(name, size, address, node, altmap)


def parse_device_del(arguments: Arguments) -> Command:
    """``device-del NAME``."""
    name = arguments.word(parse_name, "the name of the device", "NAME")
    arguments.finish()
    return DeviceDel(name)


def _pinned(arguments: Arguments) -> tuple[tuple[Ref, ...], PfnRef | None, int | None, str | None]:
    """What ``pin`` and ``unpin`` share: blocks or a page, how many pages, the kind."""
    blocks: tuple[Ref, ...] = ()
    pfn = arguments.option("pfn", parse_pfn)
    if pfn is None:
        blocks = arguments.word(parse_refs, "blocks or pfn=", "34, or pfn=0x108000")
    elif word := arguments.next_word:
        raise wrong(
            f"{arguments.verb} has both blocks ({shown(word.text)}) and pfn=",
            expected="one of the two",
            column=word.column,
        )
    pages = arguments.option("pages", lambda text: parse_positive(text, "number of pages"))
    kind = arguments.option("kind", lambda word: choose(word, PIN_KINDS, "kind"))
    arguments.finish()
    return blocks, pfn, pages, kind


def parse_pin(arguments: Arguments) -> Command:
    """``pin REF|pfn=N [pages=K] [kind=unmovable|movable|offline]``."""
    blocks, pfn, pages, kind = _pinned(arguments)
    return Pin(blocks, pfn, pages, kind or "unmovable")


def parse_unpin(arguments: Arguments) -> Command:
    """``unpin REF|pfn=N [pages=K] [kind=…]``."""
    return Unpin(*_pinned(arguments))


def parse_hugetlb(arguments: Arguments) -> Command:
    """``hugetlb NAME SIZE [count=K] [at=ADDR|pfn=N] [node=N]``."""
    name = arguments.word(parse_name, "a name for the pages", "NAME SIZE")
    size = arguments.word(parse_size, "a page size", f"{name} SIZE, such as 2M")
    count = arguments.option("count", lambda text: parse_positive(text, "count"))
    if arguments.has("at") and arguments.has("pfn"):
        raise wrong(
            "hugetlb has both at= and pfn=",
            expected="one of the two",
            column=max(arguments.column_of("at"), arguments.column_of("pfn")),
        )
    address = arguments.option("at", parse_address)
    pfn = arguments.option("pfn", parse_pfn)
    node = arguments.option("node", _node)
    arguments.finish()
    return Hugetlb(name, size, count or 1, address, pfn, node)


def parse_hugetlb_free(arguments: Arguments) -> Command:
    """``hugetlb-free NAME``."""
    name = arguments.word(parse_name, "the name of the pages", "NAME")
    arguments.finish()
    return HugetlbFree(name)


def parse_free(arguments: Arguments) -> Command:
    """``free SIZE [node=N]``."""
    size = arguments.word(parse_size, "a size", "SIZE, such as 64M")
    node = arguments.option("node", _node)
    arguments.finish()
    return Free(size, node)


def parse_freelist(arguments: Arguments) -> Command:
    """``freelist order:count … [node=N]``."""
    if arguments.next_word is None:
        arguments.word(str, "a list of order:count", "0:2627 1:23 2:6")
    counts = arguments.remaining_words(_order_count)
    seen: set[int] = set()
    for order, _count in counts:
        if order in seen:
            raise wrong(
                f"order {order} is given twice",
                expected="each order once",
                column=arguments.end_column,
            )
        seen.add(order)
    node = arguments.option("node", _node)
    arguments.finish()
    return Freelist(counts, node)


def _order_count(text: str) -> tuple[int, int]:
    matched = _ORDER_COUNT.match(text)
    if matched is None:
        raise wrong(f"{shown(text)} is not order:count", expected="a pair such as 0:2627")
    order = parse_number(matched[1], "order")
    if order > MAX_ORDER:
        raise wrong(f"order {order} is too large", expected=f"at most {MAX_ORDER}")
    return order, parse_number(matched[2], "count")


def parse_fail(arguments: Arguments) -> Command:
    """``fail next at=PHASE errno=E``."""
    arguments.word(
        lambda word: choose(word, ("next",), "word"), "the word next", "next at=PHASE errno=E"
    )
    phase = arguments.required("at", _phase, "next at=PHASE errno=E")
    errno = arguments.required("errno", parse_errno, "next at=PHASE errno=E")
    arguments.finish()
    return FailNext(phase, errno)


def _phase(text: str) -> str:
    return choose(text, tuple(FAILABLE_PHASES), "phase that can fail")
