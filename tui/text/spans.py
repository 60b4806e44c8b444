"""Zone spans as ``+----+`` bars with their pfns above, in the manner of the kernel's own pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from pfnmap.engine.view import View, ZoneRow


class _Segment(Struct, frozen=True):
    """A pfn range in which the same zones' spans lie; no label where there is none."""

    start_pfn: int
    end_pfn: int
    label: str

    @property
    def least(self) -> int:
        """Columns it needs: its left edge, its label with a blank on each side, its pfn."""
        return max(len(self.label) + 3, len(f"{self.start_pfn:#x}") + 1)


def span_lines(view: View, *, width: int) -> list[str]:
    """A bar for each node: three lines, and an empty one between bars.

    Where spans overlap the segment names all zones; where no span is there is a gap. A bar
    that is too long goes on in another one.
    """
    lines: list[str] = []
    for node in sorted({zone.node for zone in view.zones if zone.spanned}):
        zones = [zone for zone in view.zones if zone.node == node and zone.spanned]
        for part in _parts(_segments(zones), width):
            lines += [""] if lines else []
            lines += _bar(part, f"node {node}", width)
    return lines


def _segments(zones: Sequence[ZoneRow]) -> list[_Segment]:
    """The ranges between all the edges of the spans, in pfn order."""
    edges = sorted({pfn for zone in zones for pfn in (zone.start_pfn, zone.end_pfn)})
    return [
        _Segment(
            start,
            end,
            "+".join(zone.zone.label for zone in zones if zone.start_pfn <= start < zone.end_pfn),
        )
        for start, end in pairwise(edges)
    ]


def _parts(segments: Sequence[_Segment], width: int) -> Iterator[list[_Segment]]:
    """The segments in runs that fit on a line; no run begins or ends with a gap."""
    part: list[_Segment] = []
    for segment in segments:
        if part and _least([*part, segment]) > width:
            yield _without_gaps(part)
            part = []
        part.append(segment)
    if part := _without_gaps(part):
        yield part


def _without_gaps(part: list[_Segment]) -> list[_Segment]:
    """Without the gaps at both ends."""
    labelled = [index for index, segment in enumerate(part) if segment.label]
    return part[labelled[0] : labelled[-1] + 1] if labelled else []


def _least(part: Sequence[_Segment]) -> int:
    """Columns a run of segments needs, the last pfn included."""
    return sum(segment.least for segment in part) + len(f"{part[-1].end_pfn:#x}")


def _bar(part: Sequence[_Segment], name: str, width: int) -> list[str]:
    """Three lines: pfns, edges with labels, and the rule above and below."""
    columns = _columns(part, width)
    pfns, rule, labels = "", "", ""
    closed = True
    for segment, wide in zip(part, columns, strict=True):
        pfns += f"{segment.start_pfn:#x}".ljust(wide)
        open_edge = bool(segment.label)
        rule += ("+" if open_edge or not closed else " ") + ("-" if open_edge else " ") * (wide - 1)
        labels += ("|" if open_edge or not closed else " ") + segment.label.center(wide - 1)
        closed = not open_edge
    rule, labels = rule + "+", labels + "|"
    pfns += f"{part[-1].end_pfn:#x}"
    return [f"{name}:", pfns, rule, labels, rule]


def _columns(part: Sequence[_Segment], width: int) -> list[int]:
    """Columns of each segment: what it needs, and a share of the rest by its size."""
    spare = width - _least(part)
    total = part[-1].end_pfn - part[0].start_pfn
    return [
        segment.least + spare * (segment.end_pfn - segment.start_pfn) // total for segment in part
    ]
