"""Claims written down from a machine: what holds at the end, or after each step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec.structs import replace

from pfnmap.engine.commands import Expect, ExpectValue, Ref
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.memory.alike import joined
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.play import play
from pfnmap.engine.scenarios.run import opened
from pfnmap.engine.scenarios.scenario import Scenario, ScenarioLine
from pfnmap.engine.view import BlockRow, View, ZoneRow

Pairs = tuple[tuple[str, ExpectValue], ...]
Run = tuple[int, int, Pairs]
"""First and last block id, and what holds of every block between."""

GONE: Pairs = (("exists", False),)


def with_expectations(scenario: Scenario, *, each_step: bool = False) -> Scenario:
    """A scenario with claims that hold at its end, with ``each_step`` behind each command too.

    Raises:
        ParseError: A line cannot be done on the scenario's machine (``FILE:LINE:COL: …``).
    """
    session = opened(scenario)
    played = play(scenario.lines, session, scenario.complaint)
    actions = {step.line: step.outcome for step in played if step.is_action}
    body: list[ScenarioLine] = []
    for line in scenario.body:
        body.append(line)
        if each_step and (outcome := actions.get(line.number)):
            body += (ScenarioLine(0, claim) for claim in expectations_after(outcome))
    body += (ScenarioLine(0, claim) for claim in expectations_of(ModelView(session.state)))
    numbered = (replace(line, number=number) for number, line in enumerate(body, 1))
    return replace(scenario, body=tuple(numbered))


def expectations_of(view: View) -> Iterator[Expect]:
    """Claims that hold in a view: populated zones, runs of equal blocks, the total."""
    yield from (_zone_claim(zone) for zone in view.zones if zone.present or zone.spanned)
    yield from _block_claims(_runs(view))
    yield Expect(
        "total",
        pairs=(
            ("managed", sum(zone.managed for zone in view.zones)),
            ("present", sum(zone.present for zone in view.zones)),
        ),
    )


def expectations_after(outcome: Outcome) -> Iterator[Expect]:
    """Claims about one step: how it ended, then the zones and blocks that it changed."""
    before, after = ModelView(outcome.before), ModelView(outcome.after)
    yield Expect("errno", outcome.errno) if outcome.errno else Expect("ok")
    old = {(zone.node, zone.zone): _zone_claim(zone) for zone in before.zones}
    new = {(zone.node, zone.zone): _zone_claim(zone) for zone in after.zones}
    yield from (claim for key, claim in new.items() if old.get(key, _empty(claim)) != claim)
    yield from _block_claims(_changed(_runs(before), _runs(after)))


# -- zones -------------------------------------------------------------------------------
def _zone_claim(zone: ZoneRow) -> Expect:
    pairs = (
        ("start", zone.start_pfn),
        ("spanned", zone.spanned),
        ("present", zone.present),
        ("managed", zone.managed),
    )
    return Expect("zone", zone.zone, zone.node, pairs)


def _empty(claim: Expect) -> Expect:
    """The claim about the same zone without memory: what holds before its node is online."""
    return Expect("zone", claim.subject, claim.node, tuple((key, 0) for key, _ in claim.pairs))


# -- blocks ------------------------------------------------------------------------------
def _block_claims(runs: Iterable[Run]) -> Iterator[Expect]:
    for first, last, pairs in runs:
        yield Expect("block", (Ref(first, last),), pairs=pairs)


def _runs(view: View) -> list[Run]:
    """The blocks of a machine, neighbours with equal facts in one run."""
    rows = ((first, last, view.block(first)) for first, last in view.block_runs())
    return list(joined((first, last, _block_pairs(row)) for first, last, row in rows if row))


def _changed(before: Sequence[Run], after: Sequence[Run]) -> Iterator[Run]:
    """What holds now of the blocks of which something else held before."""
    edges = sorted({edge for first, last, _ in (*before, *after) for edge in (first, last + 1)})
    parts = (
        (first, end - 1, _at(before, first), _at(after, first)) for first, end in pairwise(edges)
    )
    return joined(
        (first, last, GONE if now is None else now) for first, last, was, now in parts if was != now
    )


def _at(runs: Sequence[Run], block: int) -> Pairs | None:
    """What holds of a block; None where there is none."""
    index = bisect_right(runs, block, key=lambda run: run[0]) - 1
    return runs[index][2] if index >= 0 and block <= runs[index][1] else None


def _block_pairs(row: BlockRow) -> Pairs:
    pairs: list[tuple[str, ExpectValue]] = [("state", row.state)]
    if row.zone != ZoneType.NONE:
        pairs.append(("zone", row.zone.label))
    if row.node is not None:
        pairs.append(("node", row.node))
    if row.valid_zones:
        pairs.append(("valid_zones", " ".join(row.valid_zones)))
    if row.vmemmap_pages is not None:
        pairs.append(("vmemmap", row.vmemmap_pages))
    return tuple(pairs)
