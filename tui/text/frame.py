"""The plain-text frame: a machine and its last step for a mail, a terminal of any kind, a diff.

The figure with the bill, then the map, the blocks and what was done. Pure ASCII, no line longer
than asked for, no trailing blanks, one fact a line in a fixed order, so that the diff of two
frames is the difference of two machines. Works on any view, simulated or real; imports neither
Textual nor Rich.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from pfnmap.engine.finding import Finding
from pfnmap.engine.language.lines import line_of
from pfnmap.engine.notation import format_size
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.params import Params
from pfnmap.engine.profile import kernel_words
from pfnmap.engine.sizes import counted
from pfnmap.engine.view import View
from pfnmap.tui.figure.axis import Ground, ground_of
from pfnmap.tui.figure.bill import bill_of
from pfnmap.tui.figure.figure import figure_of
from pfnmap.tui.figure.line_drawing import INDENT, Sheet, Span
from pfnmap.tui.figure.moments import Moment
from pfnmap.tui.figure.result import result
from pfnmap.tui.figure.text import MAIL_WIDTH, joined
from pfnmap.tui.text.ascii import plain, section, wrapped
from pfnmap.tui.text.blocks import block_lines
from pfnmap.tui.text.map import text_map

MIN_WIDTH: Final = 71
"""The tables' own width; a frame is never narrower. One less than a mail's, for a diff's sign."""
MAX_FINDINGS: Final = 20
ALWAYS_SHOWN: Final = (
    "memmap_on_memory",
    "vmemmap_hotplug",
    "online_policy",
    "auto_online_blocks",
)
"""Parameters without which a frame is hard to judge; others are shown when changed."""

__all__ = ["MAIL_WIDTH", "MIN_WIDTH", "outcome_lines", "render_text"]


def render_text(
    view: View,
    *,
    width: int = MAIL_WIDTH,
    pages_per_cell: int | None = None,
    before: View | None = None,
    outcomes: Sequence[Outcome] = (),
    step: str = "",
    ground: Ground | None = None,
) -> list[str]:
    """Draw one frame.

    Args:
        view: the machine.
        width: longest line, at least :data:`MIN_WIDTH`.
        pages_per_cell: pages to a letter of the map; None chooses.
        before: the machine before the last step; what differs is marked.
        outcomes: the last steps, shown at the end; what the last one came to, in the figure.
        step: where in a session this is, e.g. ``step 3 of 7``.
        ground: of all moments whose frames are to have one axis; None: of this one alone.

    Returns:
        The lines, without line ends.
    """
    width = max(width, MIN_WIDTH)
    drawn = text_map(view, width=width, pages_per_cell=pages_per_cell, before=before)
    marked = ["  * line changed by the last step"] if before is not None else []
    lines = [
        *_heading(view, step, width),
        *_figure_lines(view, before, outcomes, width, ground),
        *section("zones and nodes, in pfns", _zone_lines(view)),
        *section(drawn.title, drawn.lines),
        *section("letters, and pages in each state", [*drawn.legend, *marked]),
        "",
        _blocks_title(view),
        *block_lines(view),
        *section("findings", _finding_lines(view.findings, width)),
    ]
    done = [line for outcome in outcomes for line in outcome_lines(outcome, width=width)]
    lines += section("last step" if len(outcomes) == 1 else "last steps", done)
    # Words of a real machine may be longer than any column was made for.
    fitted = (wrapped(line, width) if len(line) > width else [line.rstrip()] for line in lines)
    return list(chain.from_iterable(fitted))


def _figure_lines(
    view: View, before: View | None, outcomes: Sequence[Outcome], width: int, ground: Ground | None
) -> list[str]:
    """The figure of the machine, as it was above as it is, and the bill; nothing of nothing."""
    if not len(view.extents()):
        return []
    outcome = outcomes[-1] if outcomes else None
    words = "" if outcome is None else line_of(outcome.command)
    was = None if before is None else Moment(before, "")
    now = Moment(view, words, 0, 0, outcome, None, was)
    ground = ground or ground_of([now] if was is None else [was, now])
    sheet = Sheet(ground, width, view.geometry.block_bytes)
    figure = figure_of(now, sheet.axis)
    return joined(
        [
            (),
            *sheet.heading(),
            *((Span(line, "heading"),) for line in wrapped(words, width) if words),
            *(sheet.clauses(result(now), INDENT) if words else ()),
            *sheet.rows(figure, None),
            *sheet.marks([figure]),
            (),
            *sheet.bill(bill_of(now.state)),
        ]
    )


def outcome_lines(outcome: Outcome, *, width: int = MAIL_WIDTH) -> list[str]:
    """What one command did: its line, its output, its events with their log lines, its end."""
    lines = wrapped(line_of(outcome.command), width, first="$ ")
    lines += _all_wrapped(outcome.output, width, "")
    for event in outcome.events:
        lines += wrapped(event.text, width, first=f"  {plain(event.function)}: ", indent=" " * 6)
        lines += _all_wrapped(event.log, width, "    log: ", indent=" " * 9)
    if (refusal := outcome.refusal) is not None:
        lines += wrapped(
            f"{refusal.errno} ({refusal.shell_text}), decided by {refusal.function}: "
            f"{refusal.rule}",
            width,
            first="  refused: ",
            indent=" " * 11,
        )
    lines += _all_wrapped(outcome.notes, width, "  note: ", indent=" " * 8)
    return lines


def _all_wrapped(texts: Iterable[str], width: int, first: str, indent: str = "    ") -> list[str]:
    return [line for text in texts for line in wrapped(text, width, first=first, indent=indent)]


def _heading(view: View, step: str, width: int) -> list[str]:
    """What machine this is."""
    g = view.geometry
    sizes = (
        f"page {format_size(g.page_bytes)}, section {format_size(g.section_pages * g.page_bytes)}, "
        f"memory block {format_size(g.block_bytes)} = {counted(g.block_pages, 'page')}"
    )
    lines = wrapped(view.title, width, first="pfnmap: ")
    lines += [step] if step else []
    kernel = kernel_words(view.kernel_release, view.profile_name)
    if view.real and not view.kernel_release:
        kernel = f"of unknown release, rules of {kernel}"
    lines += wrapped(f"Linux {kernel}{',' * (', ' in kernel)} on {g.arch}", width)
    lines.append(sizes)
    return lines + _all_wrapped(_shown_params(view), width, "")


def _shown_params(view: View) -> list[str]:
    """The parameters that matter or were changed, as the command language writes them."""
    usual = dict(Params().words())
    return [
        f"{name}={value}"
        for name, value in view.params
        if name in ALWAYS_SHOWN or usual.get(name) != value
    ]


def _zone_lines(view: View) -> list[str]:
    """Nodes, each with its zones that have a span: an empty zone has nothing to say."""
    lines = [f"{'node':>4} {'zone':<8}{'start_pfn':<15}{'end_pfn':<15}masks"]
    for n in view.nodes:
        masks = zip(
            ("online", "memory", "normal", "cpu"),
            (n.online, n.has_memory, n.has_normal_memory, n.has_cpu),
            strict=True,
        )
        words = " ".join(word for word, member in masks if member)
        lines.append(_span_line(n.node, "node", n.start_pfn, n.start_pfn + n.spanned) + words)
        lines += [
            _span_line(z.node, z.zone.label, z.start_pfn, z.end_pfn)
            for z in view.zones
            if z.node == n.node and (z.spanned or z.present)
        ]
    return lines if view.nodes else []


def _span_line(node: int, name: str, start_pfn: int, end_pfn: int) -> str:
    return f"{node:>4} {name:<8}{f'{start_pfn:#x}':<15}{f'{end_pfn:#x}':<15}"


def _blocks_title(view: View) -> str:
    counts = view.block_counts()
    if not counts:
        return "no memory blocks"
    states = ", ".join(f"{number} {plain(state)}" for state, number in sorted(counts.items()))
    return f"memory blocks: {states}"


def _finding_lines(findings: Sequence[Finding], width: int) -> list[str]:
    lines: list[str] = []
    for finding in findings[:MAX_FINDINGS]:
        place = f"pfn {finding.start_pfn:#x}, {counted(finding.nr_pages, 'page')}"
        where = f" ({place})" if finding.nr_pages else ""
        lines += wrapped(f"{finding.code}{where}: {finding.text}", width)
    if len(findings) > MAX_FINDINGS:
        lines.append(f"({counted(len(findings) - MAX_FINDINGS, 'further finding')})")
    return lines
