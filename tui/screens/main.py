"""The screen: panels around the map, and the keys that act on them."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.geometry import Offset
from textual.screen import Screen

from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.session import Session
from pfnmap.engine.words import counted
from pfnmap.tui.keys.situation import Situation
from pfnmap.tui.map import motions
from pfnmap.tui.map.viewport import Viewport
from pfnmap.tui.say.facts import summary
from pfnmap.tui.screens import layout
from pfnmap.tui.screens.acts import Acts
from pfnmap.tui.screens.desk import Desk
from pfnmap.tui.screens.footer import hints
from pfnmap.tui.screens.layout import Arrangement, Place
from pfnmap.tui.screens.panel_keys import focus_first, panel_act, scrolls
from pfnmap.tui.screens.sizes import is_overtaken
from pfnmap.tui.widgets.block_table import BlockTable
from pfnmap.tui.widgets.event_log import EventLog
from pfnmap.tui.widgets.inspector import Inspector
from pfnmap.tui.widgets.lines import KeyLine, Legend, StatusLine, Timeline, TitleLine
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel
from pfnmap.tui.widgets.pfn_map import PfnMap
from pfnmap.tui.widgets.zone_bars import ZoneBars

AT_FIRST = frozenset(layout.PANELS) - {layout.BLOCKS}
"""Panels that are wanted before anybody said otherwise."""


class MainScreen(Screen[None], inherit_bindings=False):
    """All panels; keys arrive as actions of the registry through ``action_act``."""

    DEFAULT_CSS = """
    MainScreen { background: $background; overflow: hidden; }
    MainScreen > Panel { position: absolute; }
    """

    def __init__(
        self,
        desk: Desk,
        paint: Paint,
        use_theme: Callable[[str], object],
        *,
        source_title: str = "",
    ) -> None:
        """``use_theme`` makes the program use the theme of a name."""
        super().__init__()
        self.use_theme = use_theme
        self.desk = desk
        self.paint = paint
        self.source_title = source_title
        self.wanted = AT_FIRST
        self.maximised: str | None = None
        self.arrangement = Arrangement()
        self._places: dict[str, Place] = {}
        self.acts = Acts(self)
        self._edges = motions.edges(desk.view)
        self._following = False
        self._in_trouble = False
        view = desk.view
        self.title_line = TitleLine(paint, id="title")
        self.notice = StatusLine(paint, id="notice")
        self.zones = ZoneBars(paint, id=layout.ZONES)
        self.map = PfnMap(paint, view, id=layout.MAP)
        self.legend = Legend(paint, id=layout.LEGEND)
        self.inspector = Inspector(paint, desk.judge, id=layout.INSPECTOR)
        self.blocks = BlockTable(paint, id=layout.BLOCKS)
        self.events = EventLog(paint, id=layout.EVENTS)
        self.timeline = Timeline(paint, id="timeline")
        self.status = StatusLine(paint, id="status")
        self.footer = KeyLine(paint, id="footer")
        self.by_name = {panel.id or "": panel for panel in self.panels}
        self.events.hint = self._hint()

    def _hint(self) -> str:
        """What to press first."""
        key = self.desk.keymap.first
        if self.desk.session.outcomes and not self.desk.real:
            return (
                f"press {key('time.forward')} to step through what happened, "
                f"{key('time.play')} to play it, {key('app.help')} for help"
            )
        if self.desk.real:
            return (
                f"a real machine: press {key('session.branch')} to try things in a simulation, "
                f"{key('app.help')} for help"
            )
        if self.desk.read_only:
            return f"this machine is shown read-only; press {key('app.help')} for help"
        return f"press {key('mem.add')} to hot-add a DIMM, {key('app.help')} for help"

    def compose(self) -> ComposeResult:
        """Every panel, whether it is shown or not."""
        yield from self.panels

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel."""
        tour = self.acts.tour
        return (
            *(() if tour is None else (tour.panel,)),
            self.map,
            self.title_line,
            self.notice,
            self.zones,
            self.legend,
            self.inspector,
            self.blocks,
            self.events,
            self.timeline,
            self.status,
            self.footer,
        )

    def on_mount(self) -> None:
        """Place the panels and show the machine, so that the first frame is whole."""
        self.place(self.app.size.width, self.app.size.height)
        self.map.focus()
        self.show_session()
        self._follow_cursor()

    def on_resize(self, event: events.Resize) -> None:
        """Place the panels for the new size."""
        if is_overtaken(self, event):
            return
        before = self._places
        self.place(event.size.width, event.size.height)
        if self._places is not before:
            self.call_after_refresh(self.show_cursor)

    def on_unmount(self) -> None:
        """Nobody waits for work any more."""
        self.acts.work.stop()

    # -- where things are ------------------------------------------------------------------
    def place(self, width: int, height: int) -> None:
        """Give every panel its place; those without one are hidden."""
        height = self._place_tour(width, height)
        zone_lines = ZoneBars.wanted_height(self.desk.view, self.desk.before)
        self.arrangement = made = layout.arrange(
            width,
            height,
            self.wanted,
            zone_lines=zone_lines,
            maximised=self.maximised,
            map_width=self.map.side_by_side_width(width),
        )
        places = layout.places(made, width, height)
        if places != self._places:
            self._put(places)
        size = f"{width}x{height}"
        needs = f"{layout.SMALLEST[0]}x{layout.SMALLEST[1]}"
        self.notice.show([("warning", f"{size} is small; all panels from {needs}")])
        foot = made.events + made.timeline + made.status + made.footer
        self.query("ToastRack").set_styles(f"margin-bottom: {min(foot, height // 2)};")
        if self.focused is None or not self.focused.display:
            focus_first(self)

    def _put(self, places: dict[str, Place]) -> None:
        """Put every panel where it goes; Textual lays all of them out again for any change."""
        self._places = places
        for name, panel in self.by_name.items():
            place = places.get(name)
            panel.display = place is not None
            if place is not None:
                panel.absolute_offset = None
                panel.styles.offset = Offset(place.x, place.y)
                panel.styles.width, panel.styles.height = place.width, place.height
        if layout.MAP in places:
            self.map.fit(places[layout.MAP].width, places[layout.MAP].height)

    def _place_tour(self, width: int, height: int) -> int:
        """Put the tour's instruction at the bottom; the height that is left for the rest."""
        tour = self.acts.tour
        if tour is None:
            return height
        top = max(0, height - tour.panel.HEIGHT)
        tour.panel.styles.offset = Offset(0, top)
        tour.panel.styles.width = width
        return top

    def replace(self) -> None:
        """Place everything anew after a panel was shown or hidden."""
        self.place(self.app.size.width, self.app.size.height)
        self.call_after_refresh(self.show_session)

    def tidy(self) -> None:
        """Panels, focus and selection as they were at first."""
        self.wanted, self.maximised = AT_FIRST, None
        self.place(self.app.size.width, self.app.size.height)
        self.map.focus()
        self.map.look(self.viewport.selecting(False))

    # -- what is shown ---------------------------------------------------------------------
    @property
    def viewport(self) -> Viewport:
        """The window of the map."""
        return self.map.viewport

    @property
    def here(self) -> Situation:
        """Where keys act now: the selection, else the cell under the cursor."""
        selection = self.viewport.selection
        start, end = selection or self.viewport.cursor_cell
        return Situation(self.desk.view, start, end, selected=selection is not None)

    def show_session(self) -> None:
        """Everything anew, after the machine changed."""
        desk = self.desk
        session, view, before = desk.session, desk.view, desk.before
        self._edges = motions.edges(view)
        wanted = ZoneBars.wanted_height(view, before)
        if self.arrangement.zones and wanted != self.arrangement.zones:
            self.place(self.app.size.width, self.app.size.height)
        self.title_line.show(desk.facts(self.source_title), desk.step_words())
        self.zones.show(view, before)
        self.map.show(view, before)
        self.legend.show(view, before is not None, desk.keymap.first("app.help"))
        self.events.show(session.outcomes, session.position, session.phase)
        self.timeline.show(session.outcomes, session.position, session.phase, desk.beginning)
        self.show_cursor()
        self._say_trouble()

    def _say_trouble(self) -> None:
        """Say once when the session can no longer be kept on disk."""
        trouble = self.desk.session.trouble
        if trouble is not None and not self._in_trouble:
            self.acts.complain(trouble)
        self._in_trouble = trouble is not None

    def show_cursor(self) -> None:
        """Everything that depends on the cursor, after the map itself is painted."""
        if not self._following:
            self._following = True
            self.call_after_refresh(self._follow_cursor)

    def _follow_cursor(self) -> None:
        self._following = False
        view, vp = self.desk.view, self.viewport
        cell = vp.cursor_cell
        pages = view.geometry.block_pages
        selection = vp.selection
        if self.inspector.display:
            self.inspector.show(view, vp.cursor_pfn, cell)
        if self.blocks.display:
            start, end = selection or (0, 0)
            self.blocks.show(view, cell[0] // pages, (start // pages, -(-end // pages)))
        if self.zones.display:
            self.zones.look(self.here.node)
        self.show_status()
        self.show_keys()
        if self.acts.tour is not None:
            self.acts.tour.look()

    def show_status(self) -> None:
        """The line about the cursor, with what goes on, the selection and the findings first."""
        view, vp = self.desk.view, self.viewport
        selection = vp.selection
        parts = summary(view, vp.cursor_pfn, vp.cursor_cell, self.paint.dash)
        if names := self.acts.marks.here():
            parts.insert(1, ("accent", f"mark {' '.join(names)}"))
        if selection is not None:
            count = self.here.nr_blocks
            words = f"selected {counted(count, 'block')}"
            parts.insert(0, ("accent", words))
        if view.findings:
            count = len(view.findings)
            key = self.desk.keymap.first("view.explain")
            parts.insert(0, ("finding", f"{counted(count, 'finding')}: press {key}"))
        if self.acts.work.busy:
            parts.insert(0, ("warning", self.acts.work.words))
        self.status.show(parts)

    def show_keys(self) -> None:
        """The footer: the actions that do something now, with the keys in force."""
        self.footer.show(*hints(self.desk, self.here))

    def set_paint(self, paint: Paint) -> None:
        """Use another theme."""
        self.paint = paint
        for panel in self.panels:
            panel.set_paint(paint)

    def show_other(self, session: Session, title: str, *, read_only: bool) -> None:
        """Put another session on the screen; the place on the map stays as far as it exists."""
        self.acts.clock.pause()
        self.desk.take(session, read_only=read_only)
        self.source_title = title
        self.events.hint = self._hint()
        self.place(self.app.size.width, self.app.size.height)
        self.show_session()

    # -- messages of the panels ----------------------------------------------------------------
    def on_pfn_map_moved(self) -> None:
        """The cursor moved."""
        self.show_cursor()

    def on_pfn_map_hovered(self, message: PfnMap.Hovered) -> None:
        """Say in the status line what is under the mouse."""
        if message.pfn is None:
            self.show_cursor()
            return
        cell = message.pfn, message.pfn + self.viewport.pages_per_cell
        self.status.show(summary(self.desk.view, message.pfn, cell, self.paint.dash))

    def on_block_table_chosen(self, message: BlockTable.Chosen) -> None:
        """Go to the block that was clicked."""
        pages = self.desk.view.geometry.block_pages
        self.map.look(self.viewport.at(message.block_id * pages))

    # -- the mouse and keys ----------------------------------------------------------------
    def on_mouse_down(self) -> None:
        """As a key would: what was said has been seen."""
        self.acts.toasts.clear()

    on_mouse_scroll_down = on_mouse_scroll_up = on_mouse_down

    def act(self, action_id: str) -> None:
        """Do an action of the registry. What goes wrong is said, never raised."""
        self.acts.toasts.clear()
        try:
            if scrolls(self, action_id):
                return
            if action_id == "view.deselect" and self.acts.work.stop():
                return
            motion = motions.MOTIONS.get(action_id)
            if motion is not None:
                self.map.look(motion(self.viewport, self._edges))
                return
            if not panel_act(self, action_id):
                self.acts.do(action_id)
        except PfnmapError as error:
            self.acts.complain(str(error))
        self.acts.saw(action_id)
