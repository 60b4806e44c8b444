"""The plain-text frame: a machine and its last step for a mail, a terminal of any kind, a diff.

Pure ASCII, no line longer than asked for, no trailing blanks, one fact a line in a fixed
order and fixed columns, so that the diff of two frames is the difference of two machines.
Works on any view, simulated or real; imports neither Textual nor Rich.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from pfnmap.engine.commands import Command
from pfnmap.engine.finding import Finding
from pfnmap.engine.human import counted
from pfnmap.engine.notation import format_size
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.params import Params
from pfnmap.engine.profile import kernel_words
from pfnmap.engine.view import View
from pfnmap.themes.loader import SHIPPED_DIRECTORY, load_theme
from pfnmap.tui.text.ascii import plain, section, wrapped
from pfnmap.tui.text.blocks import block_lines
from pfnmap.tui.text.map import STATE_WORDS, text_map
from pfnmap.tui.text.spans import span_lines

MAIL_WIDTH: Final = 72
"""What survives two levels of ``> `` quoting within 78 columns."""
MIN_WIDTH: Final = 71
"""The tables' own width; a frame is never narrower. One less than a mail's, for a diff's sign."""
MAX_FINDINGS: Final = 20
ALWAYS_SHOWN: Final = ("memmap_on_memory", "online_policy", "auto_online_blocks")
"""Parameters without which a frame is hard to judge; others are shown when changed."""

__all__ = ["MAIL_WIDTH", "MIN_WIDTH", "STATE_WORDS", "outcome_lines", "render_text"]


def render_text(
    view: View,
    *,
    width: int = MAIL_WIDTH,
    pages_per_cell: int | None = None,
    glyphs: Sequence[str] | None = None,
    before: View | None = None,
    outcomes: Sequence[Outcome] = (),
    step: str = "",
) -> list[str]:
    """Draw one frame.

    Args:
        view: the machine.
        width: longest line, at least :data:`MIN_WIDTH`.
        pages_per_cell: pages to a letter of the map; None chooses.
        glyphs: one ASCII character for each page state; those of the shipped ``ascii`` theme if
            None.
        before: the machine before the last step; map lines that differ are marked.
        outcomes: the last steps, shown at the end.
        step: where in a session this is, e.g. ``step 3 of 7``.

    Returns:
        The lines, without line ends.
    """
    width = max(width, MIN_WIDTH)
    if glyphs is None:
        # Not a theme of the user's: both ends of a mail must see the same letters.
        theme = load_theme("ascii", (SHIPPED_DIRECTORY,))
        glyphs = [look.glyph for look in theme.states]
    drawn = text_map(view, glyphs, width=width, pages_per_cell=pages_per_cell, before=before)
    marked = ["  * line changed by the last step"] if before is not None else []
    lines = [
        *_heading(view, step, width),
        *section("zones, in pages", _zone_lines(view)),
        *section("nodes, in pages", _node_lines(view)),
        *section("zone spans, in pfns (not to scale)", span_lines(view, width=width)),
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


def outcome_lines(outcome: Outcome, *, width: int = MAIL_WIDTH) -> list[str]:
    """What one command did: its line, its output, its events with their log lines, its end."""
    lines = wrapped(_words_of(outcome.command), width, first="$ ")
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


def _words_of(command: Command) -> str:
    """A command's line, as it was written or else in normal form."""
    from pfnmap.engine.language import line_of  # reading a machine needs no language

    return line_of(command)


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
    """Zones with a span; an empty zone has nothing to say."""
    heading = (
        f"{'node':>4} {'zone':<7} {'start_pfn':<13}{'spanned':>14}{'present':>14}{'managed':>14}"
    )
    rows = [
        f"{z.node:>4} {z.zone.label:<7} {z.start_pfn:<#13x}"
        f"{z.spanned:>14}{z.present:>14}{z.managed:>14}"
        for z in view.zones
        if z.spanned or z.present
    ]
    return [heading, *rows] if rows else []


def _node_lines(view: View) -> list[str]:
    heading = f"{'node':>4} {'start_pfn':<13}{'spanned':>14}{'present':>14} masks"
    rows = []
    for n in view.nodes:
        masks = zip(
            ("online", "memory", "normal", "cpu"),
            (n.online, n.has_memory, n.has_normal_memory, n.has_cpu),
            strict=True,
        )
        words = " ".join(word for word, member in masks if member)
        rows.append(f"{n.node:>4} {n.start_pfn:<#13x}{n.spanned:>14}{n.present:>14} {words}")
    return [heading, *rows] if rows else []


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
