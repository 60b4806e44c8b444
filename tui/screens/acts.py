"""What the keys do that are not motions: commands, time, searching, dialogs, copying."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeVar

from pfnmap.engine.commands import Add, Command, Goto, Interactive, StartMachine, Zoom
from pfnmap.engine.errors import InputError
from pfnmap.engine.language import line_of, parse_line
from pfnmap.engine.outcome import Outcome
from pfnmap.tui.keys.actions import ACTIONS
from pfnmap.tui.map import motions
from pfnmap.tui.say.words import fitted
from pfnmap.tui.screens.add_values import AddValues
from pfnmap.tui.screens.clock import Clock
from pfnmap.tui.screens.desk import REPEATABLE
from pfnmap.tui.screens.marks import Marks
from pfnmap.tui.screens.toasts import Toasts
from pfnmap.tui.screens.work import Work

if TYPE_CHECKING:
    from pfnmap.tui.screens.dialog import Dialog
    from pfnmap.tui.screens.live import Live
    from pfnmap.tui.screens.main import MainScreen
    from pfnmap.tui.screens.tour_panel import Tour

Result = TypeVar("Result")


class Acts:
    """The actions of one main screen."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self.desk = screen.desk
        self.work = Work(self)
        self.clock = Clock(self)
        self.marks = Marks(self)
        self.toasts = Toasts(screen)
        self.live: Live | None = None
        """The real machine, where one was opened."""
        self.tour: Tour | None = None
        """The tour, while it is under way."""
        self._doers: dict[str, Callable[[], None]] = {
            "time.undo": lambda: self.clock.undo(1),
            "time.redo": lambda: self.clock.redo(1),
            "time.back": lambda: self.clock.undo(1),
            "time.forward": lambda: self.clock.redo(1),
            "time.seek": self.clock.ask_step,
            "time.play": self.clock.play,
            "time.slower": lambda: self.clock.change_speed(-1),
            "time.faster": lambda: self.clock.change_speed(1),
            "time.repeat": self.repeat,
            "time.phase.forward": lambda: self.clock.step_phase(1),
            "time.phase.back": lambda: self.clock.step_phase(-1),
            "cursor.mark": lambda: self.marks.ask_set(),
            "cursor.to_mark": lambda: self.marks.ask_go(),
            "cursor.struct_pages": self.to_struct_page,
            "view.explain": lambda: self.read("explain"),
            "view.diff": lambda: self.read("show_diff"),
            "view.yank": lambda: self.yank(whole=False),
            "view.yank.frame": lambda: self.yank(whole=True),
            "find.open": self.ask_search,
            "find.next": lambda: self.find(forward=True),
            "find.previous": lambda: self.find(forward=False),
            "session.branch": self.branch,
            "session.compare": lambda: self.ask_command("compare "),
            "session.save": lambda: self.ask_command("save "),
            "session.write": lambda: self.ask_command("write "),
            "app.command": self.ask_command,
            "app.help": lambda: self.read("show_help"),
            "app.glossary": lambda: self.read("show_glossary"),
            "app.palette": self.show_palette,
            "app.tour": lambda: self._touring().leave(),
            "app.tour.again": lambda: self._touring().restage(),
            "app.redraw": self.redraw,
            "app.suspend": lambda: self.screen.app.action_suspend_process(),
            "app.quit": lambda: self.screen.app.exit(0),
            "app.quit.keep": self.quit_and_keep,
        }

    # -- saying things ---------------------------------------------------------------------
    def complain(self, words: str) -> None:
        """Say why something was not done: a toast, and a line in the log."""
        self.screen.events.say(words, "warning")
        self.toasts.show(words, "warning")

    def tell(self, words: str) -> None:
        """Say something in the log."""
        self.screen.events.say(words, "text")

    # -- actions -----------------------------------------------------------------------------
    def do(self, action_id: str) -> None:
        """Do an action; what cannot be done is said."""
        if action_id.startswith(REPEATABLE):
            self._memory(action_id)
        else:
            self._doers[action_id]()

    def _memory(self, action_id: str) -> None:
        if self.live is not None and self.live.shown:
            self.live.operate(action_id)
            return
        if self.desk.read_only:
            raise InputError(f"{ACTIONS[action_id].label}: this machine is shown read-only")
        if action_id == "mem.add":
            self.ask_add()
            return
        self.desk.last_action = action_id
        self.run_line(self.desk.line_for(action_id, self.screen.here))

    def branch(self) -> None:
        """Another branch of the session; from a real machine, a simulation of it."""
        from pfnmap.tui.screens.branches import choose_branch

        choose_branch(self)

    def saw(self, action_id: str) -> None:
        """An action was done; the tour may have asked for it."""
        if self.tour is not None:
            self.tour.saw(action_id)

    def _touring(self) -> Tour:
        if self.tour is None:
            raise InputError("the tour begins with: pfnmap tour")
        return self.tour

    def repeat(self) -> None:
        """The last memory action again, here."""
        if not self.desk.last_action:
            raise InputError("nothing has been done yet that could be repeated")
        if self.desk.last_action == "mem.add":
            self.add(self._fresh_values())
        else:
            self._memory(self.desk.last_action)

    # -- commands ------------------------------------------------------------------------------
    def run_line(self, line: str) -> None:
        """Read a line of the command language and do it."""
        command = parse_line(line)
        if command is not None:
            self.run(command)

    def run(self, command: Command) -> None:
        """Do a command: the session's, the screen's, or the machine's."""
        self.toasts.clear()
        match command:
            case Interactive(verb="mark", arguments=(name,)):
                self.marks.set(name)
            case Interactive(verb="goto", arguments=(_, name)):
                self.marks.go(name)
            case Interactive():
                from pfnmap.tui.screens.session_verbs import do_verb

                do_verb(self, command)
            case Goto():
                self.goto(command)
            case Zoom():
                self.zoom(command)
            case StartMachine():
                raise InputError("the machine has booted; start pfnmap anew for another one")
            case _:
                self._to_machine(command)

    def _to_machine(self, command: Command) -> None:
        if self.desk.read_only:
            raise InputError("this machine is shown read-only")
        session = self.desk.session
        here = session.position, session.phase, len(session.outcomes)

        def take(outcome: Outcome) -> None:
            if self.desk.session is not session or here != (
                session.position,
                session.phase,
                len(session.outcomes),
            ):
                raise InputError(f"{line_of(outcome.command)}: dropped, the session has gone on")
            session.record(outcome)
            self._show_outcome(outcome)

        self.work.do(fitted(line_of(command), 40), lambda: session.predict(command), take)

    def _show_outcome(self, outcome: Outcome) -> None:
        """Show what a command did, and where."""
        command = outcome.command
        self.screen.show_session()
        if outcome.refusal is not None:
            self._show_refusal(outcome)
        elif isinstance(command, Add):
            self._to_device(command.name)
        else:
            self.follow(outcome)

    def follow(self, outcome: Outcome) -> None:
        """Bring what a step was about into sight, when it is not."""
        command, view, vp = outcome.command, self.desk.view, self.screen.viewport
        if isinstance(command, Goto):
            self.goto(command)
        elif isinstance(command, Zoom):
            self.zoom(command)
        blocks = [event.first_block for event in outcome.events if event.first_block >= 0]
        there = [block for block in blocks if view.block(block) is not None]
        if there and not vp.shows(there[0] * view.geometry.block_pages):
            self.screen.map.look(vp.at(there[0] * view.geometry.block_pages))

    def zoom(self, command: Zoom) -> None:
        """Change what a cell stands for."""
        geometry = self.desk.view.geometry
        self.screen.map.look(motions.zoomed_to(self.screen.viewport, command.level, geometry))

    def _show_refusal(self, outcome: Outcome) -> None:
        refusal = outcome.refusal
        assert refusal is not None
        words = f"{refusal.errno} from {refusal.function}: {refusal.rule}"
        self.toasts.show(words, "error", line_of(outcome.command))

    def _to_device(self, name: str) -> None:
        """Put the cursor on a device that has just been added."""
        device = self.desk.session.state.device_named(name)
        if device is not None:
            self.screen.map.look(self.screen.viewport.at(device.start_pfn))

    def goto(self, command: Goto) -> None:
        """Move the cursor where ``goto`` says."""
        view = self.desk.view
        base = 0
        if command.device is not None:
            device = self.desk.session.state.device_named(command.device)
            if device is None:
                raise InputError(f"there is no device {command.device!r}")
            base = device.start_pfn
        unit = {"pfn": 1, "block": view.geometry.block_pages}.get(command.unit)
        if unit is None:
            pfn = command.value // view.geometry.page_bytes
        else:
            pfn = base + command.value * unit
        if not 0 <= pfn < view.end_pfn:
            raise InputError(f"pfn {pfn:#x} is behind the end of memory ({view.end_pfn:#x})")
        self.marks.jump(pfn)

    # -- adding -------------------------------------------------------------------------------
    def _fresh_values(self) -> AddValues:
        """The last values with a name that is free."""
        from msgspec.structs import replace

        return replace(self.desk.add_values, name=self.desk.next_name(), at="")

    def ask_add(self) -> None:
        """Open the form."""
        from pfnmap.tui.screens.add_form import AddForm

        form = AddForm(self.screen.paint, self._fresh_values(), self.desk.predict)
        self.open(form, self.add)

    def add(self, values: AddValues | None) -> None:
        """Hot-add what the form says."""
        if values is None:
            return
        self.desk.add_values = values
        self.desk.last_action = "mem.add"
        self.run_line(values.line())

    # -- going places ----------------------------------------------------------------------------
    def to_struct_page(self) -> None:
        """To the page that holds the struct page of the page under the cursor."""
        pfn = self.screen.viewport.cursor_pfn
        home = self.desk.view.page(pfn).memmap_pfn
        if home is None:
            raise InputError(f"where the struct page of pfn {pfn:#x} lives is not known")
        if home == pfn:
            raise InputError(f"pfn {pfn:#x} holds its own struct page")
        self.marks.jump(home)
        self.tell(f"the struct page of pfn {pfn:#x} is in pfn {home:#x}")

    def ask_search(self) -> None:
        """Ask what to find."""
        from pfnmap.tui.map import finder

        view, pfn = self.desk.view, self.screen.viewport.cursor_pfn

        def check(text: str) -> int:
            return finder.find(view, text, pfn)

        def go(text: str) -> None:
            self.desk.search = text
            self.find(forward=True)

        self.prompt("/", go, check=check, help_words="find " + ", ".join(finder.FORMS))

    def find(self, *, forward: bool) -> None:
        """The next or the previous match of the last search."""
        from pfnmap.tui.map import finder

        if not self.desk.search:
            raise InputError("nothing has been searched for yet")
        pfn = self.screen.viewport.cursor_pfn
        found = finder.find(self.desk.view, self.desk.search, pfn, forward=forward)
        self.marks.jump(found)

    # -- dialogs ---------------------------------------------------------------------------------
    def open(self, dialog: Dialog[Result], then: Callable[[Result | None], None]) -> None:
        """Open a dialog; what its result does may go wrong like any action."""
        from pfnmap.engine.errors import PfnmapError

        def guarded(result: Result | None) -> None:
            try:
                then(result)
            except PfnmapError as error:
                self.complain(str(error))
            dialog.ready()

        self.toasts.clear()
        dialog.answered = True
        self.screen.app.push_screen(dialog, guarded)

    def prompt(
        self,
        sign: str,
        then: Callable[[str], None],
        *,
        check: Callable[[str], object] | None = None,
        help_words: str = "",
    ) -> None:
        """Ask for a line."""
        from pfnmap.tui.screens.prompt import Prompt

        prompt = Prompt(self.screen.paint, sign, check=check, help_words=help_words)
        self.open(prompt, lambda text: then(text) if text else None)

    def ask_command(self, start: str = "") -> None:
        """The ``:`` line."""
        from pfnmap.tui.screens.completion import complete
        from pfnmap.tui.screens.prompt import Prompt

        desk = self.desk
        ids = self.screen.here.block_ids[:1]

        def offer(text: str) -> list[str]:
            return complete(text, desk.devices, ids[0] if ids else None, sorted(desk.session.marks))

        def go(text: str | None) -> None:
            if text:
                desk.history.append(text)
                self.run_line(text)

        prompt = Prompt(
            self.screen.paint,
            ":",
            check=parse_line,
            offer=offer,
            history=desk.history,
            help_words="a command; tab completes, up and down go through the history",
            value=start,
        )
        self.open(prompt, go)

    def read(self, what: Literal["show_help", "show_glossary", "explain", "show_diff"]) -> None:
        """Show something to read: a function of :mod:`pfnmap.tui.screens.readings`."""
        from pfnmap.tui.screens import readings

        getattr(readings, what)(self)

    def show_palette(self) -> None:
        """Every action that applies now, and the themes."""
        from pfnmap.tui.screens.faults import RUN
        from pfnmap.tui.screens.palette import Palette, entries

        screen = self.screen
        found = entries(self.desk, screen.here, screen.paint.theme.name)

        def choose(chosen: str | None) -> None:
            if chosen is None:
                return
            if chosen.startswith("theme:"):
                screen.use_theme(chosen.removeprefix("theme:"))
            elif chosen.startswith(RUN):
                self.run_line(chosen.removeprefix(RUN))
            else:
                screen.act(chosen)

        self.open(Palette(screen.paint, found), choose)

    # -- the frame ---------------------------------------------------------------------------------
    def yank(self, *, whole: bool) -> None:
        """Copy the focused panel, or the frame, as plain ASCII text."""
        from pfnmap.tui.screens.frame import frame_text, panel_text

        text = frame_text(self.screen) if whole else panel_text(self.screen)
        self.screen.app.copy_to_clipboard(text)
        self.tell(f"copied {text.count(chr(10)) + 1} lines as plain text")

    def redraw(self) -> None:
        """Send everything again."""
        self.screen.refresh(layout=True)

    def quit_and_keep(self) -> None:
        """Quit and leave the frame in the scrollback."""
        from pfnmap.tui.screens.frame import frame_ansi

        app = self.screen.app
        app.last_frame = frame_ansi(self.screen)  # type: ignore[attr-defined]
        app.exit(0)
