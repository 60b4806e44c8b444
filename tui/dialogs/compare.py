"""The same commands under other rules: a screen of their own, maps aligned by pfn."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.strip import Strip

from pfnmap.engine.compare import Comparison, VariantRun
from pfnmap.engine.human import counted
from pfnmap.themes import load_theme
from pfnmap.tui.dialogs.compare_body import Options, at_step, body_lines, letter, shown_runs
from pfnmap.tui.dialogs.dialog import Scrolling
from pfnmap.tui.dialogs.reader import Reader
from pfnmap.tui.dialogs.texts import area_lines
from pfnmap.tui.figure.compare_text import compare_lines
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row

FOOTER = (
    (("compare.back", "compare.forward"), "step"),
    (("compare.zoom.in", "compare.zoom.out"), "zoom"),
    (("compare.variants.previous", "compare.variants.next"), "variants"),
    (("compare.counters",), "all counters"),
    (("compare.copy",), "copy"),
    (("compare.help",), "help"),
    (("dialog.close",), "close"),
)
"""Keys at the foot, and what they do."""
MOST_ZOOM = 20


class ComparePanel(Panel):
    """Headings of the variants, and the body that scrolls."""

    def __init__(self, paint: Paint, keymap: Keymap, comparison: Comparison) -> None:
        super().__init__(paint)
        self.whole = comparison
        self.last_step = len(comparison.runs[0].steps)
        self.step = self.last_step
        self.options = Options(counters_key=keymap.first("compare.counters"))
        self._shown_step = -1
        self._at = comparison
        self._body: list[Strip] = []
        self._body_of: tuple[object, ...] = ()
        self._keys = keymap

    @property
    def comparison(self) -> Comparison:
        """The variants at the step that is shown."""
        if self._shown_step != self.step:
            self._shown_step, self._at = self.step, at_step(self.whole, self.step)
        return self._at

    def _lines(self, width: int) -> list[Strip]:
        """The body, made anew only when something else is to be seen: scrolling is cheap."""
        wanted = (self.step, self.options, width, self.paint)
        if self._body_of != wanted:
            self._body = list(body_lines(self.comparison, self.paint, width, self.options))
            self._body_of = wanted
        return self._body

    def draw(self, width: int, height: int) -> list[Strip]:
        """Title, a line for each variant shown, the body, the keys."""
        paint = self.paint
        title = Row(width, paint, "bar").add(" compare ", "key")
        right = f" step {self.step}/{self.last_step} "
        title.add(f" {self.whole.title}"[: max(0, title.room - len(right))], "bar")
        heads = [title.right(right, "bar").strip(), *self._headings(width)]
        body = self._lines(width)
        room = max(0, height - len(heads) - 1)
        shown = self.window(body, room)
        blank = Row(width, paint).strip()
        place = ""
        if len(body) > room:
            last = self.first_line + len(shown)
            place = f" {self.first_line + 1}{paint.dash}{last} of {len(body)} "
        keys = Row(width, paint, "bar").gap()
        keys.add(self._footer(width - 2 - len(place)), "bar_dim")
        keys.right(place, "bar_dim")
        return [*heads, *shown, *[blank] * (room - len(shown)), keys.strip()]

    def _footer(self, width: int) -> str:
        """The keys in force, as many as there is room for; how to close comes last always."""
        *hints, last, close = [
            f"{' '.join(keys)} {label}"
            for names, label in FOOTER
            if (keys := [key for name in names if (key := self._keys.first(name))])
            or label in ("help", "close")
        ]
        while hints and len("  ".join([*hints, last, close])) > width:
            hints.pop()
        return "  ".join([*hints, last, close])

    def _headings(self, width: int) -> list[Strip]:
        """A line for each variant: its name, expectations, findings."""
        runs, paint = self.comparison.runs, self.paint
        shown = shown_runs(width, len(runs), self.options.first)
        lines = []
        for index in shown:
            row = Row(width, paint).gap().add(letter(index), "accent").gap()
            row.add(runs[index].name)
            row.add(_expectations(runs[index]), "dim")
            count = len(self.comparison.findings[index])
            if count:
                row.add(f"; {counted(count, 'finding')}", "finding")
            lines.append(row.strip())
        hidden = len(runs) - len(shown)
        if hidden:
            names = ("compare.variants.previous", "compare.variants.next")
            keys = " and ".join(key for name in names if (key := self._keys.first(name)))
            words = f"   and {hidden} more" + (f": {keys} move to them" if keys else "")
            lines.append(Row(width, paint).add(words, "dim").strip())
        return lines

    def move(self, steps: int) -> None:
        """Another step of the scenario."""
        self.step = min(max(self.step + steps, 0), self.last_step)
        self.repaint()

    def choose(self, **changes: int | bool) -> None:
        """See something else."""
        self.options = replace(self.options, **changes)
        self.repaint()


def _expectations(run: VariantRun) -> str:
    """How many of the scenario's claims hold."""
    if not run.nr_expectations:
        return ""
    wrong = len({text.partition(":")[0] for text in run.failed})
    return f"; {run.nr_expectations - wrong} of {run.nr_expectations} expectations hold"


class CompareScreen(Scrolling):
    """All variants of one scenario."""

    KIND = "compare"
    DEFAULT_CSS = """
    CompareScreen { background: $background; }
    CompareScreen ComparePanel { width: 100%; height: 100%; }
    """

    def __init__(self, paint: Paint, keymap: Keymap, comparison: Comparison) -> None:
        self.panel = ComparePanel(paint, keymap, comparison)
        super().__init__(paint, keymap, self.panel, rows_kept=5)

    def compose(self) -> ComposeResult:
        """The one panel."""
        yield self.panel

    def on_mount(self) -> None:
        """Keys go to it."""
        self.panel.focus()

    def action_step(self, steps: int) -> None:
        """Another step of the scenario, in all variants."""
        self.panel.move(steps)

    def action_zoom(self, steps: int) -> None:
        """Smaller or larger cells."""
        zoom = self.panel.options.zoom + steps
        self.panel.choose(zoom=min(max(zoom, -MOST_ZOOM), MOST_ZOOM))

    def action_variants(self, steps: int) -> None:
        """Other variants beside the first."""
        last = max(1, len(self.panel.whole.runs) - 1)
        self.panel.choose(first=min(max(self.panel.options.first + steps, 1), last))

    def action_help(self) -> None:
        """The keys of this screen."""
        lines = area_lines(self.keymap.by_action, ("compare", "dialog"))
        self.app.push_screen(Reader(self.paint, self.keymap, "help", lines))

    def action_counters(self) -> None:
        """All counters, or only those that differ."""
        self.panel.choose(every_counter=not self.panel.options.every_counter)

    def action_copy(self) -> None:
        """Copy everything as plain text for a mail."""
        self.app.copy_to_clipboard("\n".join(text_of(self.panel.comparison)))
        self.notify("sent to the clipboard of the terminal as plain text", markup=False)


def text_of(comparison: Comparison) -> Sequence[str]:
    """The comparison as ``pfnmap compare`` prints it."""
    glyphs = [look.glyph for look in load_theme("ascii").states]
    return compare_lines(comparison, glyphs, width=72)
