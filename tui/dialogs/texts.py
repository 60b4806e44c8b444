"""What is read in a box: help, words, the explanation of a page, a difference. Lines of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pfnmap.engine.kinds import PageState
from pfnmap.engine.view import View
from pfnmap.tui.figure.line_drawing import Spans
from pfnmap.tui.figure.steps import Steps
from pfnmap.tui.figure.text import figure_spans
from pfnmap.tui.help.topics import paragraphs, topics
from pfnmap.tui.keys.action_table import ALL_ACTIONS, AREAS, DIALOG_AREAS
from pfnmap.tui.keys.effects import ReadDiff
from pfnmap.tui.keys.names import shown_key
from pfnmap.tui.keys.offered import verdicts
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.map import cells
from pfnmap.tui.say.glossary import NAMES, STATES
from pfnmap.tui.say.page_facts import block_facts, page_facts
from pfnmap.tui.say.terms import TERMS, meaning
from pfnmap.tui.widgets.paint import Paint

Text = list[tuple[str, str, str]]
"""(head, words, role) of each line."""

BLANK = ("", "", "text")
ROLES = {"heading": "accent", "text": "text", "typed": "typed"}
HELP_WORDS = "; all of 'pfnmap help' stands below"
READ_WIDTH = 68
"""Columns of a figure that is read in a box, on a terminal of 80."""
SHOWN_OTHERWISE = ("keys", "glossary")
"""Topics that the help of the screen shows with the keys in force, or its words."""
EDITING = (
    "enter takes the line; home end ctrl+a ctrl+e, ctrl+left ctrl+right, ctrl+w ctrl+u ctrl+k "
    "edit it; these keys are not to be changed"
)


def help_lines(shown: Shown, paint: Paint) -> Text:
    """Keys by area with what they do now, then the glyphs, then the topics of ``pfnmap help``."""
    lines: Text = [("", _find_words(shown) + HELP_WORDS, "dim"), BLANK]
    lines += area_lines(shown.keys, [*AREAS, *DIALOG_AREAS])
    lines += [("While typing", "", "more"), ("  as ever", EDITING, "more"), BLANK]
    lines.append(("The map", "", "more"))
    for state in PageState:
        glyph, _ = paint.cell(cells.glyph_code(state))
        lines.append((f"  {glyph * 2} {NAMES[state]}"[:17], STATES[state], "more"))
    for topic in topics():
        if topic not in SHOWN_OTHERWISE:
            lines.append(BLANK)
            lines += [("", words, ROLES[kind]) for kind, words in paragraphs(topic)]
    return lines


def _find_words(shown: Shown) -> str:
    """How to search the text."""
    keys = [shown_key(shown.key(name)) for name in ("text.find", "text.find.next")]
    return "{} finds words, {} goes on".format(*keys)


def area_lines(keymap: Mapping[str, tuple[str, ...]], areas: Sequence[str]) -> Text:
    """The keys in force of some areas, each under its heading."""
    headings = {**AREAS, **DIALOG_AREAS}
    lines: Text = []
    for area in areas:
        lines += [(headings[area], "", "more")]
        for action in ALL_ACTIONS.values():
            if action.area == area:
                keys = " ".join(shown_key(key) for key in keymap[action.id])
                nothing = ": or palette" if area in AREAS else "no key"
                lines.append((f"  {keys or nothing}", action.help, "more"))
        lines.append(BLANK)
    return lines


def explanation(shown: Shown, paint: Paint, *, later: bool = False) -> Text:
    """The page under the cursor, its block, what may be done, and the findings that touch it.

    ``later``: what takes long to foresee is not waited for.
    """
    view, cell = shown.view, shown.viewport.cursor_cell
    page = view.page(shown.viewport.cursor_pfn)
    lines: Text = [("", STATES[page.state], "text"), BLANK]
    lines += [(name, words, "more") for name, words, _ in page_facts(view, page, cell, paint.arrow)]
    block = view.block(page.block) if page.block is not None else None
    if block is not None:
        lines += [BLANK, (f"block {block.id}", "", "more")]
        lines += [(name, words, "more") for name, words, _ in block_facts(view, block)]
        for verdict in verdicts(shown, block.id, later=later):
            refusal = verdict.refusal
            words = paint.ellipsis if verdict.waits else "would succeed"
            if verdict.doubt:
                words += f", as far as can be known; {verdict.doubt}"
            if refusal is not None:
                words = f"{refusal.errno} ({refusal.shell_text}), {refusal.function}: "
                words += refusal.rule
            lines.append((f"{verdict.key} {verdict.label}"[:17], words, "more"))
    heads = dict.fromkeys(head for head, _, _ in lines)
    for finding in view.findings:
        where = ""
        if finding.nr_pages:
            last = finding.start_pfn + finding.nr_pages - 1
            where = f" (pfn {finding.start_pfn:#x}-{last:#x})"
        lines += [BLANK, ("finding", finding.text + where, "more")]
    explained = [(word, means, "more") for word in heads if (means := meaning(word))]
    return [*lines, BLANK, ("The words", "", "more"), *explained]


def glossary_lines(shown: Shown, paint: Paint) -> Text:
    """The state under the cursor, every state of a page, then the words by subject."""
    here = shown.view.page(shown.viewport.cursor_pfn).state
    lines: Text = [("", _find_words(shown), "dim"), BLANK, ("States of pages", "", "more")]
    for state in sorted(PageState, key=lambda state: state != here):
        glyph, _ = paint.cell(cells.glyph_code(state))
        mark = paint.pointer if state == here else " "
        lines.append((f"{mark} {glyph * 2} {NAMES[state]}"[:17], STATES[state], "more"))
    for heading, words in TERMS.items():
        lines += [BLANK, (heading, "", "more")]
        lines += [(f"  {word}"[:17], means, "more") for word, means in words.items()]
    return lines


def diff_lines(shown: Shown, wanted: ReadDiff, steps: Steps) -> list[tuple[str, str, str] | Spans]:
    """The figure of before and after, then every counter that differs, as a mail would quote it."""
    if wanted.steps is None:
        moment = steps.at(shown.position, shown.phase)
    else:
        moment = steps.between(*wanted.steps)
    figure = figure_spans([moment], steps.ground, width=READ_WIDTH)
    return [*figure, BLANK, ("", "counters", "more"), *_differing(wanted.before, wanted.after)]


def _differing(before: View, after: View) -> Text:
    old, new = _counters(before), _counters(after)
    lines: Text = []
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if was is not None:
            lines.append(("", f"-{name} {was}", "plain"))
        if now is not None:
            lines.append(("", f"+{name} {now}", "plain"))
    return lines or [("", "no zone, node, block or parameter changed", "dim")]


def _counters(view: View) -> dict[str, str]:
    """One fact a name, in a fixed order."""
    facts: dict[str, str] = {}
    for zone in view.zones:
        if zone.spanned or zone.present:
            name = f"node {zone.node} zone {zone.zone.label}"
            facts[f"{name} start_pfn"] = f"{zone.start_pfn:#x}"
            for field in ("spanned", "present", "managed"):
                facts[f"{name} {field}"] = str(getattr(zone, field))
    for node in view.nodes:
        name = f"node {node.node}"
        facts[f"{name} start_pfn"] = f"{node.start_pfn:#x}"
        facts[f"{name} spanned"] = str(node.spanned)
        facts[f"{name} present"] = str(node.present)
        facts[f"{name} online"] = str(node.online).lower()
    for state, count in view.block_counts().items():
        facts[f"blocks {state}"] = str(count)
    facts |= dict(view.params)
    return facts | {f"finding {found.code}": found.text for found in view.findings}
