"""The main screen: panels around the map, and what their actions want done.

A key is a row of ``keys/action_table.py``; its function answers with effects, and :meth:`perform`
carries them out. What is shown then is one frozen frame (``keys/shown.py``) that every panel is
handed. Clock, background work, a real machine and the tour know no screen: they send messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace
from textual import events
from textual.app import ComposeResult
from textual.geometry import Offset, Size
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets._toast import ToastRack

from pfnmap.engine.commands import Command, Goto, Interactive, Source, StartMachine, Zoom
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.language.lines import line_of
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.session import History
from pfnmap.engine.sizes import counted
from pfnmap.engine.whole_file import write_whole
from pfnmap.themes import theme_files
from pfnmap.tui.keys import actions, offered
from pfnmap.tui.keys import effects as want
from pfnmap.tui.keys.action import Action
from pfnmap.tui.keys.action_table import ACTIONS
from pfnmap.tui.keys.effects import Do, Effect, Effects
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.names import shown_key
from pfnmap.tui.keys.shown import Shown, shown
from pfnmap.tui.map.motions import touched
from pfnmap.tui.map.viewport import NO_RANGES, Viewport
from pfnmap.tui.say.page_facts import summary
from pfnmap.tui.say.words import fitted, safe
from pfnmap.tui.screens import layout
from pfnmap.tui.screens.background import AT_ONCE_SECONDS, Background, Busy, Foresight
from pfnmap.tui.screens.clock import Clock
from pfnmap.tui.screens.frame_text import frame, frame_text, panel_text
from pfnmap.tui.screens.layout import Place
from pfnmap.tui.terminal.shown_lines import TerminalLost
from pfnmap.tui.widgets.block_table import BlockTable
from pfnmap.tui.widgets.event_log import EventLog
from pfnmap.tui.widgets.figure_panel import FigurePanel
from pfnmap.tui.widgets.inspector import Inspector
from pfnmap.tui.widgets.line_panels import KeyLine, Legend, StatusLine, Timeline, TitleLine
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, forget_closed, is_overtaken
from pfnmap.tui.widgets.pfn_map import PfnMap

if TYPE_CHECKING:  # few follow a real machine or take the tour
    from pfnmap.tui.screens.real_machine import RealMachine, Wants
    from pfnmap.tui.screens.tour_panel import TourPanel

AT_FIRST = frozenset(layout.PANELS) - {layout.BLOCKS}
"""Panels that are wanted before anybody said otherwise."""
FOCUS_ORDER = (layout.MAP, layout.FIGURE, layout.BLOCKS, layout.INSPECTOR, layout.EVENTS)
CLAIMING = ("mem", "zone", "time", "session")
"""What actions are about that wait while long work goes on."""
WAITS = "; what was typed waits"
TOAST_SECONDS = 2.5
"""How long words lie on top of the map when nobody presses a key; the log keeps them."""
TOAST_CSS = """
Toast {
    max-width: 72; padding: 0 1; margin: 0 1 0 0;
    border: round $border; background: $background;
}
Toast.-error { border: round $error; }
Toast.-warning { border: round $warning; }
.plain-borders Toast { border: ascii $border; }
"""
"""Rules that are read with the first of them."""


class MainScreen(Screen[None], inherit_bindings=False, inherit_css=False):
    """All panels around one session."""

    AUTO_FOCUS = ""
    BLANK = True
    DEFAULT_CSS = """
    MainScreen { background: $background; overflow: hidden; }
    MainScreen:ansi { background: ansi_default; color: ansi_default; }
    MainScreen > Panel { position: absolute; }
    """

    class ThemeChosen(Message):
        """A person wants another theme."""

        def __init__(self, name: str) -> None:
            self.name = name
            super().__init__()

    class Free(Message):
        """Nothing waits for long work any more: keys may come."""

    def __init__(
        self,
        session: History,
        paint: Paint,
        keymap: Keymap,
        *,
        source_title: str = "",
    ) -> None:
        """Show a session.

        Args:
            session: the machine and its timeline.
            paint: the theme.
            keymap: the keys in force.
            source_title: where the machine comes from, for the title line.
        """
        super().__init__()
        self.paint = paint
        self.keymap = keymap
        self.wanted = AT_FIRST
        self.maximised: str | None = None
        self.last_frame = ""
        """What is to be left in the scrollback, with escape sequences."""
        self.background = Background(self)
        self.clock = Clock(self)
        self._foresight = Foresight(self)
        self.live: RealMachine | None = None
        """The real machine, where one was opened."""
        self.tour: TourPanel | None = None
        """The tour, while it is under way."""
        self._waiting: Callable[[], None] | None = None
        self._places: dict[str, Place] = {}
        self._map_width = 0
        self._following = False
        self._followed: Shown | None = None
        self._in_trouble = False
        self._toast = False
        self.title_line = TitleLine(paint, id="title")
        self.notice = StatusLine(paint, id="notice")
        self.figure = FigurePanel(paint, id=layout.FIGURE)
        self.map = PfnMap(paint, session.view, id=layout.MAP)
        self.legend = Legend(paint, id=layout.LEGEND)
        self.inspector = Inspector(paint, id=layout.INSPECTOR)
        self.blocks = BlockTable(paint, id=layout.BLOCKS)
        self.events = EventLog(paint, id=layout.EVENTS)
        self.timeline = Timeline(paint, id="timeline")
        self.status = StatusLine(paint, id="status")
        self.footer = KeyLine(paint, id="footer")
        self.by_name = {panel.id or "": panel for panel in self.panels}
        self._shown = shown(
            session,
            keymap.by_action,
            self.map.viewport,
            source_title=source_title,
        )
        for key, action in keymap.items():
            # With priority a key acts at once; without, Textual would send it through the
            # focused panel first, and a key typed right after ``:`` would miss the prompt.
            self._bindings.bind(key, f"act('{action.id}')", priority=True)

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel, whether it is shown or not; the map is painted first."""
        return (
            *(() if self.tour is None else (self.tour,)),
            self.map,
            self.title_line,
            self.notice,
            self.figure,
            self.legend,
            self.inspector,
            self.blocks,
            self.events,
            self.timeline,
            self.status,
            self.footer,
        )

    @property
    def session(self) -> History:
        """What is shown."""
        return self._shown.session

    @property
    def viewport(self) -> Viewport:
        """The window of the map."""
        return self.map.viewport

    @property
    def shown(self) -> Shown:
        """The frame: what is on the screen now."""
        now = replace(
            self._shown,
            viewport=self.map.viewport,
            focus=(self.focused and self.focused.id) or layout.MAP,
            theme=self.paint.theme.name,
            busy=self.background.words(self._stop_key) + (WAITS if self.waits else ""),
            touring=self.tour is not None,
        )
        if now != self._shown:
            self._shown = now
        return self._shown

    @property
    def _stop_key(self) -> str:
        """The key that stops work, or how to find that action where it has no key."""
        label = ACTIONS["view.deselect"].label
        return self.keymap.first("view.deselect") or f"{label!r} in the palette"

    # -- messages of Textual ---------------------------------------------------------------
    def compose(self) -> ComposeResult:
        """The panels that are shown at first; the others are mounted when they are."""
        self._put(self._places_at(self.app.size))
        yield from self._unmounted()

    def _extend_compose(self, widgets: list[Widget]) -> None:
        """Nothing of Textual's own: no panel has a tooltip, and the first toast brings its rack."""

    def on_mount(self) -> None:
        """Place the panels and show the machine, so that the first frame is whole."""
        if self.app.is_headless:
            self.background.patience_seconds = None  # pictures and screencasts know no clock
            self.inspector.later = False
        self.place(self.app.size)
        self.map.focus()
        self.show_session()
        for last in (self.session.last_action, self.session.last):
            if last is not None and not self._shown.real:
                self.perform(actions.follow(self.shown, last))
        self._follow_cursor()
        self.call_after_refresh(lambda: self._foresight.want(self.shown, AT_ONCE_SECONDS))

    def on_unmount(self) -> None:
        """Let go of a real machine."""
        if self.live is not None:
            self.live.close()

    def on_resize(self, event: events.Resize) -> None:
        """Place the panels for the new size."""
        if is_overtaken(self, event):
            return
        before = self._places
        self.place(event.size)
        if self._places is not before:
            self.call_after_refresh(self.show_cursor)

    def on_mouse_down(self) -> None:
        """As a key would: what was said has been seen."""
        self._clear_toast()

    on_mouse_scroll_down = on_mouse_scroll_up = on_mouse_down

    # -- what is shown ---------------------------------------------------------------------
    def show_session(self, last: Outcome | None = None) -> None:
        """Everything anew, after the machine changed; on the map what the last step was about."""
        self._shown = self._shown.now()
        frame_now = self.shown
        self.map.show(frame_now, NO_RANGES if last is None else touched(last))
        if self.map.side_by_side_width(self.app.size.width) != self._map_width:
            self.place(self.app.size)  # page numbers have a digit more
        frame_now = self.shown
        for panel in (self.title_line, self.figure, self.legend, self.events, self.timeline):
            panel.show(frame_now)
        if last is not None and isinstance(last.command, Goto | Zoom):
            self.perform(actions.follow(self.shown, last))
        self.show_cursor()
        self._say_trouble()

    def _say_trouble(self) -> None:
        """Say once when the session can no longer be kept on disk."""
        trouble = self.session.trouble
        if trouble is not None and not self._in_trouble:
            self.complain(trouble)
        self._in_trouble = trouble is not None

    def show_cursor(self) -> None:
        """Everything that depends on the cursor, after the map itself is painted."""
        if not self._following:
            self._following = True
            self.call_after_refresh(self._follow_cursor)

    def _follow_cursor(self) -> None:
        self._following = False
        frame_now = self.shown
        if frame_now is self._followed:
            return
        self._followed = frame_now
        for panel in (self.inspector, self.blocks, self.figure, self.status):
            if panel.display:
                panel.show(frame_now)
        self._foresight.want(frame_now)
        if self.app.screen is self:  # else it shows the keys of a dialog
            self.footer.show(frame_now)
        for other in (self.tour, self.live):
            if other is not None:
                other.show(frame_now)

    def set_paint(self, paint: Paint) -> None:
        """Use another theme."""
        self.paint = paint
        for panel in self.panels:
            panel.set_paint(paint)

    def show_other(self, session: History, title: str) -> None:
        """Put another session on the screen; the place on the map stays as far as it exists."""
        was = self._shown
        session.listeners = was.session.listeners  # whoever hears commands goes on hearing them
        for name, pfn in was.session.marks.items():
            if name not in session.marks:
                session.mark(name, pfn)
        self.clock.pause()
        self._shown = replace(
            shown(session, was.keys, was.viewport, source_title=title),
            memory=was.memory,
            real_title=was.view.title if was.real and not session.view.real else "",
        )
        if self.live is not None:
            self.follow(self.live)
        self.place(self.app.size)
        self.show_session()

    def _take_over(self, live: RealMachine, title: str) -> None:
        """Show another real machine, and let go of the one before."""
        before, self.live = self.live, None
        if before is not None:
            before.close()
        self.show_other(live.session, title)
        self.open_live(live)

    def open_live(self, live: RealMachine) -> None:
        """Show the readings of a real machine from now on, and start them."""
        self.follow(live)
        live.follow()

    def follow(self, live: RealMachine) -> None:
        """Show the readings of a real machine that is followed."""
        self.live = live
        writes = live.allow_writes and self.session is live.session
        self._shown = replace(self._shown, writes_allowed=writes)
        live.show(self.shown)
        self.show_cursor()

    # -- where things are ------------------------------------------------------------------
    def place(self, size: Size) -> None:
        """Give every panel its place; those without one are hidden."""
        width, height = size
        places = self._places_at(size)
        if places != self._places:
            self._put(places)
        needs = "{}x{}".format(*layout.SMALLEST)
        words = f"{width}x{height} is small; all panels from {needs}"
        self.notice.say([("warning", words)])
        if self._toast:
            self._lift_toasts()
        if self.focused is None or not self.focused.display:
            self._step_focus(0)

    def _places_at(self, size: Size) -> dict[str, Place]:
        """Where the panels are in a terminal of a size; the tour has its lines under them."""
        width, height = size
        if self.tour is not None:
            height = max(0, height - self.tour.HEIGHT)
            self.tour.styles.offset = Offset(0, height)
            self.tour.styles.width, self.tour.styles.height = width, self.tour.HEIGHT
        self._map_width = self.map.side_by_side_width(width)
        return layout.places(
            width, height, self.wanted, maximised=self.maximised, map_width=self._map_width
        )

    def _unmounted(self) -> list[Panel]:
        """The panels that are to be shown for the first time."""
        return [panel for panel in self.panels if panel.display and not panel.is_attached]

    def _put(self, places: dict[str, Place]) -> None:
        """Put every panel where it goes; Textual lays all of them out again for any change."""
        self._places, self._followed = places, None
        for name, panel in self.by_name.items():
            place = places.get(name)
            panel.display = place is not None
            if place is not None:
                panel.absolute_offset = None
                panel.styles.offset = Offset(place.x, place.y)
                panel.styles.width, panel.styles.height = place.width, place.height
        if self.is_mounted:
            self.mount_all(self._unmounted())
        if layout.MAP in places:
            self.map.fit(places[layout.MAP].width, places[layout.MAP].height)

    def replace_panels(self) -> None:
        """Place everything anew after a panel was shown or hidden."""
        self.place(self.app.size)
        self.call_after_refresh(self.show_session)

    def _toggle(self, name: str) -> None:
        """Focus a panel that is visible; hide it when it has the focus; else show it."""
        panel = self.by_name[name]
        if panel.display and panel.can_focus and not panel.has_focus:
            panel.focus()
            return
        shows = not (panel.display and name in self.wanted)
        self.wanted = self.wanted | {name} if shows else self.wanted - {name}
        self.maximised = None
        self.replace_panels()
        if not panel.display:
            self._step_focus(0)
        if shows and not panel.display:
            self.complain(f"there is no room for {name} in this terminal")
        elif panel.display and panel.can_focus:
            panel.focus()

    def _step_focus(self, step: int) -> None:
        """Give the focus to a panel so many places behind the one that has it, 0: to the first."""
        there = [panel for name in FOCUS_ORDER if (panel := self.by_name[name]).display]
        if there:
            place = there.index(self.focused) + step if step and self.focused in there else 0
            there[place % len(there)].focus()

    def _scroll(self, effect: want.Scroll) -> None:
        """Scroll the focused panel; in the block list the cursor goes along."""
        panel = self.focused
        if panel is self.blocks:
            lines = effect.lines(max(1, panel.size.height - 2), self._shown.view.nr_blocks)
            self._step_blocks(lines)
        elif isinstance(panel, Panel):
            panel.scroll_lines(effect.lines(max(1, panel.size.height - 1), panel.nr_lines))

    def _step_blocks(self, count: int) -> None:
        """Move the cursor by blocks that exist."""
        view = self._shown.view
        pages = view.geometry.block_pages
        rank = view.rank_of(self.viewport.cursor_cell[0] // pages) + count
        ids = view.block_ids(min(max(rank, 0), max(0, view.nr_blocks - 1)), 1)
        if len(ids):
            self.map.look(self.viewport.at(int(ids[0]) * pages))

    # -- saying things ---------------------------------------------------------------------
    def complain(self, words: str) -> None:
        """Say why something was not done: on top of the map, and a line in the log."""
        self.events.say(words, "warning")
        self.toast(words, "warning")

    def toast(
        self, words: str, severity: Literal["information", "warning", "error"], title: str = ""
    ) -> None:
        """Say something on top of the map, in place of whatever was said before."""
        self._clear_toast()
        if not self.query(ToastRack):
            self.app.stylesheet.add_source(TOAST_CSS, (__file__, "TOAST_CSS"))
            self.mount(ToastRack(id="textual-toastrack"))
        self._lift_toasts()
        self.notify(words, title=title, severity=severity, markup=False, timeout=TOAST_SECONDS)
        self._toast = True

    def _lift_toasts(self) -> None:
        """Keep what stands below the map in sight."""
        below = (layout.EVENTS, "timeline", "status", "footer")
        foot = sum(self._places[name].height for name in below if name in self._places)
        for rack in self.query(ToastRack):
            rack.styles.margin = 0, 0, min(foot, self.size.height // 2), 0

    def _clear_toast(self) -> None:
        if self._toast:
            self._toast = False
            # Textual takes a toast away, and leaves what held it in its place.
            self.query("ToastHolder").remove()
            self.app.clear_notifications()
            forget_closed()

    # -- doing things ----------------------------------------------------------------------
    def action_act(self, action_id: str) -> None:
        """Do an action of the table. What goes wrong is said, never raised."""
        self._clear_toast()
        action = ACTIONS[action_id]

        def act() -> None:
            now = self.shown
            if action.area in CLAIMING:
                self._claim()
            self.perform(offered.effects_of(action, now, now.here))

        self._try(act)
        self._saw(action_id)

    def _try(self, act: Callable[[], None]) -> None:
        """Do something. What long work stands in the way of waits for it, and so do keys."""
        try:
            act()
        except Busy:
            self._waiting = act
            self.status.show(self.shown)
        except PfnmapError as error:
            self.complain(str(error))

    @property
    def waits(self) -> bool:
        """Whether something waits for long work: what is typed next is for the time after it."""
        return self._waiting is not None

    def _saw(self, action_id: str) -> None:
        """An action was done; the tour may have asked for it."""
        if self.tour is not None:
            self.tour.progress.acted.add(action_id)
            self.tour.show(self.shown)

    def perform(self, effects: Effects) -> None:
        """Carry out what is wanted, one after another. PfnmapError where it cannot be done."""
        if isinstance(effects, Iterable):
            for effect in effects:
                self._perform(effect)
        else:
            self._perform(effects)

    def _perform(self, effect: Effect | Do) -> None:
        match effect:
            case Do():
                self._do(effect)
            case want.Run(command):
                self.run(command)
            case want.Work(what, work, then, stop):
                self._claim()
                self.clock.pause()
                self.background.do(what, work, lambda result: self.perform(then(result)), stop)
            case want.Seek() | want.StepPhase() | want.Switch():
                self._claim()
                self.clock.pause()
                self._move_in_time(effect)
            case want.ChangeSpeed(steps):
                self.clock.change_speed(steps)
                self.tell(f"playing at {self.clock.speed:g} times the speed")
            case want.Mark(name, pfn):
                self.session.mark(name, pfn)
                self.status.show(self.shown)
            case want.Write(word, block_ids):
                assert self.live is not None
                self.perform(self.live.ask(word, block_ids))
            case want.Follow(live, title):
                self._take_over(live, title)
            case want.BootAgain(nr_steps):
                assert self.live is not None
                self.perform(self.live.boot_again(nr_steps))
            case want.Console(lines):
                self.events.show_console(lines)
            case want.Look(viewport, jump):
                if jump:
                    self._remember(jumped_from=self.viewport.cursor_pfn)
                self.map.look(viewport)
            case want.Scroll():
                self._scroll(effect)
            case want.TogglePanel(name):
                self._toggle(name)
            case want.FocusPanel(step):
                self._step_focus(step)
            case want.Remember(values):
                self._remember(**values)
            case want.Tell(words):
                self.tell(words)
            case want.Complain(words):
                self.complain(words)
            case want.Open():
                self._open(effect)
            case want.Act(action_id):
                self.action_act(action_id)
            case want.Copy(whole):
                self._copy(whole)
            case want.WriteFrame(file):
                self._write_frame(file)
            case want.UseTheme(name):
                self.post_message(self.ThemeChosen(name))
            case want.Exit(keep_frame):
                self._exit(keep_frame)

    def _do(self, what: Do) -> None:
        match what:
            case Do.PLAY:
                self._play()
            case Do.SIMULATE:
                self._simulate()
            case Do.BACK_TO_REAL:
                assert self.live is not None
                real = self.live.session
                self.show_other(real, real.view.title)
            case Do.MAXIMISE:
                focused = self.focused.id if self.focused is not None else None
                self.maximised = None if self.maximised else focused
                self.replace_panels()
            case Do.REPEAT:
                self.perform(offered.repeat(self.shown, self.shown.here))
            case Do.OPEN_PALETTE:
                self.perform(offered.palette(self.shown, self.shown.here, list(theme_files())))
            case Do.SET_UP_TOUR:
                self._set_up_tour()
            case Do.LEAVE_TOUR:
                self._leave_tour()
            case Do.STOP:
                if words := self.background.stop():
                    self._waiting = None
                    self.tell(words)
                else:
                    self.map.look(self.viewport.selecting(False))
            case Do.REDRAW:
                self.app.post_message(TerminalLost())
            case Do.SUSPEND:
                self.app.action_suspend_process()

    def tell(self, words: str) -> None:
        """Say something in the log."""
        self.events.say(words, "text")

    def _remember(self, **values: Any) -> None:
        self._shown = replace(self._shown, memory=replace(self._shown.memory, **values))

    def _claim(self) -> None:
        """Raise Busy where long work goes on that this would cut the ground from."""
        if self.background.busy:
            raise Busy

    # -- commands --------------------------------------------------------------------------
    def run(self, command: Command) -> None:
        """Do a command: the session's, the screen's, or the machine's."""
        self._clear_toast()
        self._claim()
        match command:
            case Interactive():
                # The verbs bring scenarios and comparing along: loaded when one is typed.
                from pfnmap.tui.keys import session_verbs

                self.perform(session_verbs.effects_of(command, self.shown))
            case Goto():
                self.perform(actions.goto(self.shown, command))
            case Zoom():
                self.perform(actions.zoom(self.shown, command))
            case StartMachine():
                raise InputError("the machine has booted; start pfnmap anew for another one")
            case Source():
                raise InputError("source: it says where a scenario's claims come from, in its file")
            case _:
                self._to_machine(command)

    def _to_machine(self, command: Command) -> None:
        session = self._shown.session
        if session.read_only:
            raise InputError("this machine is shown read-only")
        here = session.position, session.phase, len(session.outcomes)

        def take(outcome: Outcome) -> Effects:
            now = session.position, session.phase, len(session.outcomes)
            if self.session is not session or (session.goes_back and here != now):
                raise InputError(f"{line_of(outcome.command)}: dropped, the session has gone on")
            session.record(outcome)
            self._show_outcome(outcome)
            return ()

        what = fitted(line_of(command), 40)
        goes_on = f"{what}: it goes on in the guest; the next reading shows what it did"
        stop = None if session.goes_back else lambda: goes_on
        self.perform(want.Work(what, lambda: session.carry_out(command), take, stop))

    def _show_outcome(self, outcome: Outcome) -> None:
        """Show what a command did, and where."""
        command, refusal = outcome.command, outcome.refusal
        self.show_session(outcome)
        if refusal is not None:
            words = f"{refusal.errno} from {refusal.function}: {refusal.rule}"
            self.toast(words, "error", line_of(command))

    # -- the timeline ----------------------------------------------------------------------
    def _move_in_time(self, effect: want.Seek | want.StepPhase | want.Switch) -> None:
        """Show the session somewhere else, and what its last step there was about."""
        match effect:
            case want.Seek(position):
                self.session.seek(position)
            case want.StepPhase(delta):
                self.session.step_phase(delta)
            case want.Switch(index):
                self._shown.simulated.switch(index)
        self.show_session(self.session.last)

    def _play(self) -> None:
        """Play what comes next, or pause."""
        if self.clock.playing:
            self.clock.pause()
        elif not self._more_to_play:
            raise InputError("nothing to play: this is the last step")
        else:
            self._claim()
            self.on_clock_tick()

    def on_clock_tick(self) -> None:
        """One step, and the next after a while."""
        self.clock.pause()
        if self.session.position < len(self.session.outcomes):
            self._move_in_time(want.Seek(self.session.position + 1))
        elif self.session.waiting and not self.background.busy:
            try:
                self.run(self.session.waiting[0])
            except PfnmapError as error:
                self.complain(str(error))
                return
        if self._more_to_play:
            self.clock.wait(self.session.last)

    @property
    def _more_to_play(self) -> bool:
        """Whether there are steps behind the one that is shown, or commands still to be done."""
        session = self.session
        return session.position < len(session.outcomes) or bool(session.waiting)

    # -- long work, a real machine, the panels: messages -------------------------------------
    def on_background_goes(self) -> None:
        """Take up the result of long work when it is there; else show that time passes.

        While a dialog has the keys the result waits, too: it may open a dialog itself, which
        would get what is typed for the other.
        """
        if self.app.screen is self:
            what = self.background.what
            try:
                self.background.take()
            except PfnmapError as error:
                self.clock.pause()
                self.complain(str(error))
            except Exception as error:
                # Nobody waits for this call: raised, it would end the program and the session.
                self.complain(safe(f"{what} failed: {type(error).__name__}: {error}"))
        if self._waiting is not None and not self.background.busy:
            waiting, self._waiting = self._waiting, None
            self._try(waiting)
            self.post_message(self.Free())
        self.status.show(self.shown)

    def on_foresight_found(self, message: Foresight.Found) -> None:
        """Show what was found out behind the frame."""
        if self.inspector.display:
            self.inspector.show(self.shown)
        if self.app.screen is not self:
            self.app.screen.post_message(message)

    def on_machine_changed(self) -> None:
        """The real machine that is shown is another one."""
        if self.live is not None and self.live.shown:
            self.show_session()

    def on_machine_wants(self, message: Wants) -> None:
        """Do what a real machine asks for."""
        try:
            self.perform(message.effect)
        except PfnmapError as error:
            self.complain(str(error))

    def on_key_line_pressed(self, message: KeyLine.Pressed) -> None:
        """A key was clicked in the footer."""
        self.action_act(message.action_id)

    def on_pfn_map_moved(self) -> None:
        """The cursor moved."""
        self.show_cursor()

    def on_pfn_map_hovered(self, message: PfnMap.Hovered) -> None:
        """Say in the status line what is under the mouse."""
        if message.pfn is None:
            self.status.show(self.shown)
            return
        cell = message.pfn, message.pfn + self.viewport.pages_per_cell
        self.status.say(summary(self._shown.view, message.pfn, cell, self.paint.dash))

    def on_block_table_chosen(self, message: BlockTable.Chosen) -> None:
        """Go to the block that was clicked."""
        pages = self._shown.view.geometry.block_pages
        self.map.look(self.viewport.at(message.block_id * pages))

    def _simulate(self) -> None:
        """Begin a simulation of the real machine that is shown."""
        self._claim()
        if self.live is not None:
            session, said = self.live.branch()
            self.show_other(session, "what if")
            self.perform(said)

    # -- dialogs ---------------------------------------------------------------------------
    def _open(self, wanted: want.Open) -> None:
        """Open a dialog; what its result does may go wrong like any action."""
        # Textual's inputs are heavy, and nobody sees one before a first key was pressed.
        from pfnmap.tui.dialogs.which_dialog import dialog_of

        steps_of = self.figure.steps_of
        now, later = self.shown, self.inspector.later
        dialog = dialog_of(wanted.dialog, now, self.paint, self.keymap, steps_of, later=later)
        self._foresight.want(now)

        def done(result: Any) -> None:
            self.footer.show(self.shown)
            if result is not None:
                self._try(lambda: self.perform(wanted.then(result)))
            dialog.ready()

        self._clear_toast()
        dialog.answered = True
        dialog.set_class(self.tour is not None, "touring")
        hints: dict[str, tuple[Action, str]] = {}
        for _, action in self.keymap.items(dialog.KIND):  # two ways to close are one
            hints.setdefault(action.label, (action, shown_key(self.keymap.first(action.id))))
        self.footer.show_keys(hints.values())
        self.app.push_screen(dialog, done)
        if isinstance(wanted.dialog, want.Compare):
            self._saw("session.compare")

    # -- the frame -------------------------------------------------------------------------
    def _exit(self, keep_frame: bool) -> None:
        if keep_frame:
            strips = frame(self.panels, self.app.size, self.paint)
            self.last_frame = "\n".join(each.render(self.app.console) for each in strips)
        self.app.exit(0)

    def _copy(self, whole: bool) -> None:
        """Copy the focused panel, or the frame, as plain ASCII text."""
        panel = self.focused if isinstance(self.focused, Panel) else self.map
        text = frame_text(self.panels, self.app.size) if whole else panel_text(panel)
        if not text.strip():
            raise InputError("there is nothing to copy here")
        self.app.copy_to_clipboard(text)
        count = counted(text.count("\n") + 1, "line")
        self.tell(f"sent {count} of plain text to the clipboard of the terminal")

    def _write_frame(self, file: Path) -> None:
        """``write FILE``: the frame as a file."""
        from pfnmap.tui.pictures import offscreen, svg_html

        if file.suffix == ".txt":
            text = frame_text(self.panels, self.app.size) + "\n"
        elif file.suffix == ".svg":
            text = svg_html.to_svg(offscreen.picture(self.app, self.paint.theme), "pfnmap")
        elif file.suffix == ".html":
            text = svg_html.to_html(offscreen.picture(self.app, self.paint.theme), "pfnmap")
        else:
            raise InputError(f"write {file}: the name must end in .txt, .svg or .html")
        data = text.encode("utf-8")
        self.perform(
            want.Work(
                f"write {file.name}",
                lambda: write_whole(file, data, only_regular=True),
                lambda _: want.Tell(f"wrote {file}"),
            )
        )

    # -- the tour --------------------------------------------------------------------------
    def begin_tour(self, tour: TourPanel) -> None:
        """Put the first instruction on the screen."""
        self.tour = tour
        self.mount(tour)
        self.replace_panels()

    def _set_up_tour(self) -> None:
        """Set the machine up for the present step, and the panels as they were at first."""
        assert self.tour is not None
        self._claim()
        self.clock.pause()
        self.tour.progress.restage(self._shown.simulated)
        self.wanted, self.maximised = AT_FIRST, None
        self.place(self.app.size)
        self.map.focus()
        self.map.look(self.viewport.selecting(False))
        self.show_session()
        pages = self._shown.view.geometry.block_pages
        self.map.look(self.viewport.at(self.tour.progress.step.block * pages))

    def _leave_tour(self) -> None:
        assert self.tour is not None
        self.tour.remove()
        self.tour = None
        self.replace_panels()
        self.tell("the tour has ended; go on from here")
