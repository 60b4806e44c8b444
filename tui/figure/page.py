"""The figure as one self-contained page: a slider over steps and phases, what each came to.

The page asks no host for anything and runs one script, whose hash its own policy names.
Without script it shows the last step. What many steps have in common, mostly whole lines of
the drawing, is written once: a moment is a list of numbers of parts.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.json import encode

from pfnmap.engine.commands import Note
from pfnmap.engine.kinds import PageState
from pfnmap.engine.scenarios.scenario import Scenario, by_source, load_scenario
from pfnmap.engine.session import History
from pfnmap.engine.sizes import counted, ranged
from pfnmap.engine.sources import scenario_session
from pfnmap.engine.view import View
from pfnmap.themes.loader import SHIPPED_DIRECTORY, load_theme
from pfnmap.themes.model import Theme
from pfnmap.tui.figure.axis import ground_of
from pfnmap.tui.figure.bill import bill_of
from pfnmap.tui.figure.figure import Figure, Key, Number, figure_of
from pfnmap.tui.figure.inks import shown_state, state_ink
from pfnmap.tui.figure.line_drawing import ALL_DIGITS, NUMBERS, Sheet, Span, Spans, clause_role
from pfnmap.tui.figure.moments import MOST_PHASES, Moment, is_step, moments, phases, telling
from pfnmap.tui.figure.result import result
from pfnmap.tui.pictures.picture import Ink
from pfnmap.tui.say.glossary import LETTERS
from pfnmap.tui.say.page_facts import block_facts, page_facts
from pfnmap.tui.text.ascii import plain
from pfnmap.tui.text.map import LABEL_COLUMNS, text_map

WIDTH: Final = 110
MAP_WIDTH: Final = 72
THEMES: Final = ("light", "dark")
LEGEND: Final = "letters"
"""Stands for the legend, which is known when everything was drawn, and the same for all moments."""
STATES: Final = {letter: state for state, letter in LETTERS.items()}
"""The letters of the map: those of the figure."""


def page(
    session: History,
    title: str,
    focus: list[tuple[int, int]] | None = None,
    *,
    origins: Sequence[str] = (),
    index: str = "",
) -> str:
    """The page of a session.

    Args:
        session: What is shown.
        title: Its heading.
        focus: Ranges of pfns that get most of the width.
        origins: What the session shows the words of: posts, commits.
        index: The file that the page is listed in, beside it.
    """
    return _Page(session, title, focus).text(origins, index)


def gallery(
    groups: Mapping[str, tuple[str, ...]], files_by_name: Mapping[str, Path]
) -> Iterator[tuple[str, str]]:
    """(file name, text) of a page for every scenario, and of the one that lists them.

    ``groups``: what scenarios are about, and how the names of those begin.
    """
    scenarios = {name: load_scenario(file) for name, file in files_by_name.items()}
    for name, scenario in scenarios.items():
        session = scenario_session(scenario)
        yield (
            f"{name}.html",
            page(session, scenario.title, origins=scenario.origins, index="index.html"),
        )
    body = "<h1>pfnmap: scenarios</h1>\n<h2>by question</h2>\n"
    for question, beginnings in groups.items():
        body += _listed(question, {n: s for n, s in scenarios.items() if n.startswith(beginnings)})
    body += "<h2>by post and commit</h2>\n"
    for post, told in by_source(scenarios).items():
        body += _listed(post, told)
    yield "index.html", _document("pfnmap: scenarios", body, "")


def _listed(heading: str, scenarios: Mapping[str, Scenario]) -> str:
    """A list of links; nothing where there are none."""
    items = "\n".join(
        f'<li><a href="{escape(name)}.html">{escape(plain(scenario.title))}</a> '
        f"<code>{escape(name)}</code></li>"
        for name, scenario in scenarios.items()
    )
    return f"<h3>{escape(plain(heading))}</h3>\n<ul>\n{items}\n</ul>\n" if items else ""


class _Shown(Struct, frozen=True):
    """A moment as the script reads it."""

    n: int
    """Step."""
    p: int
    """Phase, 0 for the step as a whole."""
    t: str
    """Heading."""
    h: list[int]
    """Parts that its HTML is made of."""


class _Data(Struct, frozen=True):
    parts: list[str]
    words: list[str]
    moments: list[_Shown]


class _Page:
    """The moments of a session as parts that are written once."""

    def __init__(self, session: History, title: str, focus: list[tuple[int, int]] | None) -> None:
        self.title = plain(title)
        self.steps = moments(session)
        self.notes: dict[int, list[str]] = {}
        """What was said about the machine behind each step."""
        last = 0
        for number, outcome in enumerate(session.outcomes, 1):
            last = number if is_step(outcome) else last
            if isinstance(outcome.command, Note):
                self.notes.setdefault(last, []).append(outcome.command.words)
        ground = ground_of(self.steps, focus)
        geometry = self.steps[0].view.geometry
        self.sheet = Sheet(ground, WIDTH, geometry.block_bytes, most_digits=ALL_DIGITS)
        self.machine = f"Linux {self.steps[0].view.profile_name} on {geometry.arch}; " + "; ".join(
            f"{k}={v}" for k, v in self.steps[0].view.params
        )
        self.heading = list(self.sheet.heading())
        self.places: dict[Key, bool] = {}
        """Rows of any figure, and whether one of them draws it twice."""
        self.devices: dict[str, None] = {}
        """Names of devices that have a gauge in any figure."""
        self.in_maps: set[PageState] = set()
        self.parts: dict[str, int] = {LEGEND: 0}
        self.words: dict[str, int] = {}
        """What there is to say about cells; like the parts, each once."""
        self.said: dict[tuple[int, tuple[int, int], int], int] = {}
        """Numbers of the words about cells, by view, run of memory and code."""

    def text(self, origins: Sequence[str], index: str) -> str:
        """The whole page; arguments as of :func:`page`."""
        found = [each for step in self.steps for each in (*phases(step, MOST_PHASES), step)]
        figures = [figure_of(moment, self.sheet.axis) for moment in found]
        for row in (row for figure in figures for row in figure.rows):
            self.places[row.key] = self.places.get(row.key, False) or row.paired
        self.devices = dict.fromkeys(each.name for figure in figures for each in figure.gauges)
        drawn = [self._moment(figure) for figure in figures]
        legend = [self._line(line, None) for line in self.sheet.legend(figures, also=self.in_maps)]
        parts = ["".join(legend), *list(self.parts)[1:]]
        last = "".join(parts[number] for number in drawn[-1].h)
        data = _Data(parts, list(self.words), drawn)
        # All that can end the element it stands in; foreign "<" were escaped before.
        written = encode(data).decode().replace("</", "<\\/").replace("<!", "\\u003c!")
        script = files("pfnmap.tui.figure").joinpath("page.js").read_text("utf-8")
        lead = f'<p><a href="{escape(index)}">all scenarios</a></p>\n' if index else ""
        sources = "".join(f'<p class="dim">{escape(plain(origin))}</p>\n' for origin in origins)
        body = f"""{lead}<h1>{escape(self.title)}</h1>
{sources}<p>{escape(plain(self.machine))}</p>
<nav hidden aria-label="steps">
<button id="back" title="left arrow">&#9664; back</button>
<button id="play" title="space">play</button>
<button id="next" title="right arrow">next &#9654;</button>
<label><input type="checkbox" id="phases"> phases</label>
<label>step <input type="range" id="at" min="0" max="0" value="0"></label>
<output id="where"></output>
</nav>
<main id="moment">{last}</main>
<p id="words" role="status"></p>
<p id="said" role="status" class="unseen"></p>
<div id="all"></div>
<script type="application/json" id="data">{written}</script>
<script>{script}</script>"""
        return _document(self.title, body, script)

    def _moment(self, figure: Figure) -> _Shown:
        """A moment as the numbers of its parts, with what is said about it."""
        moment = figure.moment
        clauses = [plain(clause) for clause in result(moment)]
        title = moment.title if not moment.number else f"{moment.title}: {plain(moment.words)}"
        texts = [f'<h2 id="what">{escape(title)}</h2>', _result(clauses)]
        if not moment.phase:
            texts += [f"<p>{escape(plain(n))}</p>" for n in self.notes.get(moment.number, ())]
        texts += self._figure(figure)
        texts += ['<div class="beside"><section>', *_numbers(figure)]
        texts += [] if moment.phase else self._bill(moment)
        texts += ["</section><section>", _events(moment), *self._map(moment), "</section></div>"]
        parts = [self.parts.setdefault(text, len(self.parts)) for text in texts]
        return _Shown(moment.number, moment.phase, title, parts)

    # -- the drawing -------------------------------------------------------------------
    def _figure(self, figure: Figure) -> Iterator[str]:
        yield '<figure aria-labelledby="what came"><pre class="figure">'
        for line in self.heading:
            yield self._line(line, None)
        for line in self.sheet.at_places(figure, self.places, self.devices):
            yield self._line(line, figure.moment)
        yield "</pre><pre>"
        yield LEGEND
        yield "</pre></figure>"

    def _line(self, line: Spans, moment: Moment | None) -> str:
        return "".join(self._span(span, moment) for span in line).rstrip() + "\n"

    def _span(self, span: Span, moment: Moment | None) -> str:
        text = escape(span.text)
        if span.role == "cell":
            state = int(shown_state(span.code))
            if moment is None:
                return f'<b class="s{state}">{text}</b>'
            number = self._said(moment, span)
            told = " changed" * span.changed + " refused" * span.refused
            return f'<b class="s{state}{told}" data-words="{number}">{text}</b>'
        if span.role == "mark" and span.refused:
            return f'<span class="refusal">{text}</span>'
        if span.role in ("text", "number", "mark") or not span.text.strip():
            return text
        return f'<span class="{span.role}">{text}</span>'

    def _said(self, moment: Moment, span: Span) -> int:
        """The number of what there is to say about a cell.

        Cells of one kind in memory that is alike share it, in the words of its first block.
        """
        if span.old and moment.before is not None:
            moment = moment.before
        first, end = span.pfns
        run = moment.memory.run_at(first)
        key = id(moment.view), run or (first, end), span.code
        if key not in self.said:
            end = max(run[1], end) if run else end
            words = _words(moment.view, (first, end))
            self.said[key] = self.words.setdefault(words, len(self.words))
        return self.said[key]

    def _map(self, moment: Moment) -> Iterator[str]:
        before = moment.before.view if moment.before else None
        drawn = text_map(moment.view, width=MAP_WIDTH, before=before)
        yield f"<h3>{escape(drawn.title)}</h3><pre>"
        for line in drawn.lines:
            yield self._map_line(line)
        yield "</pre>"

    def _map_line(self, line: str) -> str:
        head, cells = line[: LABEL_COLUMNS + 1], line[LABEL_COLUMNS + 1 :]
        if set(cells) - set(STATES):
            return escape(line) + "\n"
        self.in_maps |= {STATES[cell] for cell in cells}
        runs = ((cell, len(list(run))) for cell, run in groupby(cells))
        drawn = (f'<i class="s{int(STATES[c])}">{escape(c * length)}</i>' for c, length in runs)
        return f"{escape(head)}{''.join(drawn)}\n"

    def _bill(self, moment: Moment) -> Iterator[str]:
        yield "<h3>the bill</h3><table>"
        last = ""
        for who, what, words in bill_of(moment.state).lines():
            if who != last:
                yield f'<tr><th colspan="2" scope="rowgroup">{escape(plain(who))}</th></tr>'
                last = who
            yield f'<tr><th scope="row">{escape(what)}</th><td>{escape(plain(words))}</td></tr>'
        yield "</table>"


def _words(view: View, pfns: tuple[int, int]) -> str:
    """What there is to say about some cells: their pages, and the block that the first is in."""
    first, end = pfns
    page_row = view.page(first)
    facts = list(page_facts(view, page_row, (first, end), "->"))
    block = view.block(page_row.block) if page_row.block is not None else None
    if block is not None:
        pages = view.geometry.block_pages
        facts.insert(0, ("", ranged("block", block.id, (end - 1) // pages), ""))
        facts += block_facts(view, block)
    lines = [f"{name} {words}" if name else words for name, words, _ in facts]
    return plain("; ".join(lines))


def _result(clauses: list[str]) -> str:
    items = "".join(f'<li class="{clause_role(c)}">{escape(c)}</li>' for c in clauses)
    return f'<ul class="result" id="came">{items}</ul>'


def _numbers(figure: Figure) -> Iterator[str]:
    """The counters as a table, for who cannot see the drawing."""
    heads = "".join(f'<th scope="col">{name}</th>' for name in NUMBERS)
    yield (
        "<table><caption>pages of each node and zone</caption>"
        f'<tr><th scope="col">node, zone</th>{heads}</tr>'
    )
    for row in figure.rows:
        cells = "".join(
            f'<td class="changed">{number.was} &#8594; {_counted(number)}</td>'
            if number.changed
            else f"<td>{_counted(number)}</td>"
            for number in row.numbers
        )
        yield f'<tr><th scope="row">{row.node} {row.name}</th>{cells}</tr>'
    yield "</table>"


def _counted(number: Number) -> str:
    return str(number.now) if number.name in NUMBERS else counted(number.now or 0, "block")


def _events(moment: Moment) -> str:
    """The phases that led here, with the kernel's log lines."""
    outcome = moment.outcome
    shown = [] if outcome is None else [outcome.events[number - 1] for number in telling(outcome)]
    left_out = 0 if outcome is None else len(outcome.events) - len(shown)
    if moment.event is not None:
        shown, left_out = [moment.event], 0
    items = []
    for event in shown:
        log = "".join(f"<br><samp>{escape(plain(line))}</samp>" for line in event.log)
        text = escape(plain(event.text))
        items.append(f"<li><code>{escape(plain(event.function))}</code> {text}{log}</li>")
    if left_out:
        items.append(f"<li>({left_out} more)</li>")
    if not items:
        return ""
    return f'<h3>events</h3><ol class="events">{"".join(items)}</ol>'


# -- the document --------------------------------------------------------------------------
def _document(title: str, body: str, script: str) -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    if script:
        digest = b64encode(sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escape(title)}</title>
<style>
{_style()}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def _style() -> str:
    light, dark = (_colours(load_theme(name, (SHIPPED_DIRECTORY,))) for name in THEMES)
    rest = files("pfnmap.tui.figure").joinpath("page.css").read_text("utf-8")
    return f"{light}\n@media (prefers-color-scheme:dark){{@media screen{{\n{dark}\n}}}}\n{rest}"


def _colours(theme: Theme) -> str:
    ui = theme.ui
    rules = [
        f":root{{--bg:{ui.background};--panel:{ui.panel};--text:{ui.text};--dim:{ui.dim};"
        f"--accent:{ui.accent};--refusal:{ui.refusal};--finding:{ui.finding};"
        f"--changed:{theme.change.fg}}}"
    ]
    rules += [f".s{int(state)}{{{_css(state_ink(theme, state))}}}" for state in PageState]
    return "\n".join(rules)


def _css(ink: Ink) -> str:
    fg, bg = (ink.bg, ink.fg) if ink.reverse else (ink.fg, ink.bg)
    return f"color:{fg};background:{bg}"
