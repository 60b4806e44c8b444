"""One ``expect`` line against a machine: why it does not hold, and what would.

:func:`evaluate` compares a claim with the machine as it is; :func:`corrected` is the same claim
with the values that hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from pfnmap.engine import facts
from pfnmap.engine.commands import Expect, ExpectValue, PfnRef
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.language.expectations import EXPECTATIONS
from pfnmap.engine.memory.alike import alike_blocks, joined
from pfnmap.engine.memory.state import State
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.notation import format_pfn, format_ref
from pfnmap.engine.operations.refs import block_ranges, pfn_of
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.printable import printable
from pfnmap.engine.sizes import ranged
from pfnmap.engine.view import BlockRow, ZoneRow

MAX_LOG_LINES = 5

Actual = int | bool | str | None


class _Case(Struct, frozen=True):
    """Everything an expectation may be compared with."""

    expect: Expect
    state: State
    view: ModelView
    last: Outcome | None
    readings: list[dict[str, Actual]] = field(default_factory=list)
    """The values that hold, of each thing the claim turned out to be about."""


def evaluate(expect: Expect, state: State, last: Outcome | None) -> list[str]:
    """Why the expectation does not hold, a sentence for each difference; empty: it holds.

    Args:
        expect: The claim.
        state: The machine that it is about.
        last: Outcome of the last action, None before the first.
    """
    case = _Case(expect, state, ModelView(state), last)
    return [printable(words) for words in CHECKS[expect.what](case)]


def corrected(expect: Expect, state: State, last: Outcome | None) -> Expect | None:
    """The claim as it would hold; None where one line cannot say it. Arguments as above."""
    if expect.what in ("ok", "errno"):
        if last is None:
            return None
        return Expect("errno", last.errno) if last.errno else Expect("ok")
    case = _Case(expect, state, ModelView(state), last)
    CHECKS[expect.what](case)
    if not case.readings or any(reading != case.readings[0] for reading in case.readings):
        return None
    pairs: list[tuple[str, ExpectValue]] = []
    for key, claimed in expect.pairs:
        if (now := case.readings[0].get(key)) is None:
            return None
        pairs.append((key, claimed if now == _absolute(case, claimed) else now))
    return replace(expect, pairs=tuple(pairs))


def _absolute(case: _Case, value: ExpectValue) -> ExpectValue | None:
    """A claimed value to compare with: a page of a device as its pfn, None without it."""
    if not isinstance(value, PfnRef):
        return value
    try:
        return pfn_of(case.state, value)
    except InputError:
        return None


def _differences(about: str, case: _Case, actual: Callable[[str], Actual]) -> list[str]:
    """``about key: expected …, is …`` for each key whose value differs."""
    row = EXPECTATIONS[case.expect.what]
    out = []
    reading = {key: actual(key) for key, _expected in case.expect.pairs}
    case.readings.append(reading)
    for key, expected in case.expect.pairs:
        kind = row.keys[key]
        is_now = reading[key]
        wanted = expected
        if isinstance(expected, PfnRef):
            try:
                wanted = pfn_of(case.state, expected)
            except InputError as error:
                out.append(f"{about} {key}: expected {format_pfn(expected)}, but {error}")
                continue
        if is_now != wanted:
            shown = "none" if is_now is None else kind.format(is_now)
            out.append(f"{about} {key}: expected {kind.format(expected)}, is {shown}")
    return out


# -- the last action ---------------------------------------------------------------------
def _answer(case: _Case) -> list[str]:
    """``ok`` and ``errno=``."""
    if case.last is None:
        return ["nothing was done before this line"]
    refusal, errno, wanted = case.last.refusal, case.last.errno, case.expect.subject
    unknown = [f"errno: {note}" for note in case.last.unknown]
    if wanted is None and refusal is not None:
        return [f"errno: expected none, is {errno} ({refusal.function}: {refusal.rule})"]
    if errno == wanted or (unknown and not errno):
        return [] if errno else unknown
    return [f"errno: expected {wanted}, is {errno or 'none (it succeeded)'}"]


def _log(case: _Case) -> list[str]:
    return _one_of("log", case, case.last.log if case.last else ())


def _one_of(what: str, case: _Case, lines: Sequence[str]) -> list[str]:
    """Whether one of these lines has the text of the claim in it."""
    text = str(case.expect.subject)
    known = any(text in line for line in lines)
    return [] if known else [f'{what}: expected "{text}", is {_quoted(lines)}']


def _no_log(case: _Case) -> list[str]:
    lines = case.last.log if case.last else ()
    text = case.expect.subject
    if text is not None:
        lines = tuple(line for line in lines if str(text) in line)
    return [f"log: expected none, is {_quoted(lines)}"] if lines else []


def _output(case: _Case) -> list[str]:
    lines = case.last.output if case.last else ()
    text = str(case.expect.subject)
    if any(text in (row := line.strip(), row.removesuffix(",")) for line in lines):
        return []
    return [f'output: expected "{text}", is {_quoted(lines)}']


def _quoted(lines: Iterable[str]) -> str:
    listed = [f'"{line}"' for line in lines]
    if len(listed) > MAX_LOG_LINES:
        listed[MAX_LOG_LINES:] = [f"and {len(listed) - MAX_LOG_LINES} more"]
    return ", ".join(listed) or "none"


# -- zones, nodes, the machine -----------------------------------------------------------
_FIELDS: Final = {"start": "start_pfn"}
"""Facts of zones and nodes that a row calls otherwise."""


def _zone(case: _Case) -> list[str]:
    zone, node = case.expect.subject, case.expect.node
    assert isinstance(zone, ZoneType)
    row = next((r for r in case.view.zones if r.zone == zone and r.node == node), None)
    about = f"zone {zone.label}" + (f" node {node}" if node else "")
    if row is None and not any(n.node == node for n in case.view.nodes):
        return [f"{about}: there is no node {node}"]
    found = row or ZoneRow(node, zone, 0, 0, 0, 0)
    return _differences(about, case, lambda key: getattr(found, _FIELDS.get(key, key)))


def _node(case: _Case) -> list[str]:
    node = case.expect.subject
    row = next((r for r in case.view.nodes if r.node == node), None)
    if row is None:
        return [f"node {node}: there is no such node"]
    memmap, page_bytes = facts.node_memmap(case.state, row.node), case.state.geometry.page_bytes
    sizes = {
        "free": facts.free_kernel_bytes(case.state, row.node),
        "pending": memmap.pending * page_bytes,
        "remote": memmap.away * page_bytes,
    }
    return _differences(
        f"node {node}",
        case,
        lambda key: sizes[key] if key in sizes else getattr(row, _FIELDS.get(key, key)),
    )


def _total(case: _Case) -> list[str]:
    total = facts.total_facts(case.state)
    values = {
        "usable": total.usable_bytes,
        "managed": total.managed,
        "present": total.present,
        "memmap": total.memmap_bytes,
        "remote_memmap": total.remote_memmap_bytes,
    }
    return _differences("total", case, values.__getitem__)


# -- blocks ------------------------------------------------------------------------------
_OF_NO_BLOCK: Final[dict[str, Actual]] = {
    "exists": False,
    "zone": ZoneType.NONE.label,
    "valid_zones": "none",
}
"""What holds of a block that is not there; it has no other fact."""


def _block(case: _Case) -> list[str]:
    subject = case.expect.subject
    assert isinstance(subject, tuple)
    gone = ("exists", False) in case.expect.pairs
    found: list[tuple[int, int, list[str]]] = []
    out: list[str] = []
    for ref in subject:
        try:
            blocks = block_ranges(case.state, (ref,))
        except InputError as error:  # no such device, or it has no such block
            out += _missing(case, f"block {format_ref(ref)}") if gone else [f"block {error}"]
            continue
        found += [part for pair in blocks for part in _block_parts(case, *pair) if part[2]]
    for first, last, lines in joined(found):
        out += [ranged("block", first, last) + line for line in lines]
    return out


def _block_parts(case: _Case, first: int, last: int) -> Iterator[tuple[int, int, list[str]]]:
    """(first, last, differences) for stretches of blocks that are alike, missing ones too."""
    at = first
    for low, high in alike_blocks(case.state, first, last):
        if at < low:
            yield at, low - 1, _missing(case)
        row = case.view.block(low)
        yield (
            low,
            high,
            _missing(case)
            if row is None
            else _differences(
                "",
                case,
                lambda key, row=row: _block_value(row, key),  # type: ignore[misc]
            ),
        )
        at = high + 1
    if at <= last:
        yield at, last, _missing(case)


def _missing(case: _Case, about: str = "") -> list[str]:
    """A block that is not there: ``exists=false`` holds of it, and that it is in no zone."""
    if dict(case.expect.pairs).get("exists", True):
        case.readings.append({})
        return [f"{about} exists: expected true, is false"]
    return _differences(about, case, _OF_NO_BLOCK.get)


def _block_value(row: BlockRow, key: str) -> Actual:
    if key == "valid_zones":
        return " ".join(row.valid_zones) or "none"
    if key == "usable_pages":
        return row.present_pages - (row.vmemmap_pages or 0)
    return {
        "state": row.state,
        "zone": row.zone.label,
        "node": row.node,
        "vmemmap": row.vmemmap_pages,
        "exists": True,
    }[key]


# -- devices, pages, huge pages, findings ------------------------------------------------
def _device(case: _Case) -> list[str]:
    name = str(case.expect.subject)
    if (device := facts.device_facts(case.state, name)) is None:
        return [f"device {name}: there is no such device"]
    values: dict[str, Actual] = {
        "usable": device.usable_bytes,
        "largest_run": device.largest_run_bytes,
        "vmemmap": device.vmemmap_pages,
        "heads": device.heads,
        "refcount": device.refcount,
        "private": device.private,
        "all_vmemmap_blocks": device.all_vmemmap_blocks,
        "online": device.online_blocks,
        "full": device.all_vmemmap_blocks,
        "local": device.local_bytes,
        "remote": device.remote_bytes,
    }
    return _differences(f"device {name}", case, values.__getitem__)


def _pfn(case: _Case) -> list[str]:
    page = case.expect.subject
    assert isinstance(page, PfnRef)
    about = f"pfn {format_pfn(page)}"
    try:
        row = case.view.page(pfn_of(case.state, page))
    except InputError as error:
        return [about + str(error).removeprefix(about)] if page.device is None else [f"pfn {error}"]
    values: dict[str, Actual] = {
        "kind": row.state.word,
        "memmap_at": row.memmap_pfn,
        "refcount": row.refcount or 0,
        "private": row.private or 0,
        "freelist": "none" if row.freelist_pfn is None else row.freelist_pfn,
        "flags": facts.page_flags(case.state, row.pfn, row.state),
    }
    return _differences(about, case, values.__getitem__)


def _hugetlb(case: _Case) -> list[str]:
    name = str(case.expect.subject)
    pages = next((held for held in case.state.hugetlb.values() if held.name == name), None)
    if pages is None:
        return [f"hugetlb {name}: there are no such huge pages"]
    values: dict[str, Actual] = {
        "optimised": pages.optimised,
        "freed": pages.freed_per_page * pages.count if pages.optimised else 0,
        "verdict": pages.verdict,
    }
    return _differences(f"hugetlb {name}", case, values.__getitem__)


def _finding(case: _Case) -> list[str]:
    return _one_of("finding", case, _findings(case))


def _findings(case: _Case) -> list[str]:
    return [f"{finding.code}: {finding.text}" for finding in case.view.findings]


def _no_findings(case: _Case) -> list[str]:
    texts = _findings(case)
    return [f"findings: expected none, is {_quoted(texts)}"] if texts else []


CHECKS: dict[str, Callable[[_Case], list[str]]] = {
    "ok": _answer,
    "errno": _answer,
    "log": _log,
    "no-log": _no_log,
    "output": _output,
    "zone": _zone,
    "node": _node,
    "block": _block,
    "device": _device,
    "pfn": _pfn,
    "hugetlb": _hugetlb,
    "finding": _finding,
    "no-findings": _no_findings,
    "total": _total,
}
"""What checks each kind of expectation."""
