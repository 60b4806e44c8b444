"""What the screen works on: the session, and what each key would mean now. No Textual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import Formatter
from typing import TYPE_CHECKING

from pfnmap.engine.commands import Command, StartMachine
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.language import parse_line
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.view import BlockRow, View
from pfnmap.tui.keys.actions import ACTIONS
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.situation import MOST_BLOCKS, Situation
from pfnmap.tui.say.facts import Verdict
from pfnmap.tui.screens.add_values import AddValues

if TYPE_CHECKING:
    from pfnmap.engine.memory.state import State
    from pfnmap.engine.session import Session

JUDGED = (
    ("mem.online", "online"),
    ("mem.online_kernel", "online kernel"),
    ("mem.online_movable", "online movable"),
    ("mem.offline", "offline"),
    ("mem.remove", "remove"),
)
"""Actions that the inspector judges before they are tried."""

REPEATABLE = ("mem.", "zone.")
"""Areas whose actions ``.`` repeats."""


class Desk:
    """The session with everything around it that is not drawing."""

    def __init__(
        self,
        session: Session,
        keymap: Keymap,
        *,
        read_only: bool = False,
        start: StartMachine | None = None,
    ) -> None:
        """``start``: the ``machine`` line to save, where the session itself does not know it."""
        self.session = session
        self.keymap = keymap
        self.read_only = read_only
        self.writable: frozenset[str] = frozenset()
        """Actions that are done on a machine that is shown read-only all the same."""
        self.branched = False
        """Whether this is a simulation of a real machine that can be gone back to."""
        self.touring = False
        """Whether the tour is under way."""
        self.start = start or session.start_command
        self.add_values = AddValues()
        self.history: list[str] = []
        self.search = ""
        self.last_action = ""
        self._before: tuple[State | None, View | None] = (None, None)
        self._judged: tuple[State | None, int, tuple[Verdict, ...]] = (None, -1, ())

    def take(self, session: Session, *, read_only: bool) -> None:
        """Work on another session: a simulation of a real machine, or that machine again."""
        self.branched = self.read_only and not read_only
        session.listeners = self.session.listeners  # whoever hears commands goes on hearing them
        for name, pfn in self.session.marks.items():
            if name not in session.marks:
                session.mark(name, pfn)
        self.session, self.read_only = session, read_only
        self.start = session.start_command

    # -- the machine ----------------------------------------------------------------------
    @property
    def view(self) -> View:
        """The machine as it is shown."""
        return self.session.view

    @property
    def real(self) -> bool:
        """Whether this is a real machine, or what was kept of one."""
        return not isinstance(self.session.view, ModelView)

    @property
    def before(self) -> View | None:
        """The machine before the last step that was for it, None at boot.

        A note or a claim behind a step leaves what the step changed marked.
        """
        session = self.session
        if self.real:
            return session.before if session.position or session.phase is not None else None
        state = self._state_before()
        if state is None:
            return None
        if self._before[0] is not state:
            self._before = (state, ModelView(state))
        return self._before[1]

    def _state_before(self) -> State | None:
        session = self.session
        if session.phase is not None and session.position < len(session.outcomes):
            outcome = session.outcomes[session.position]
            if session.phase < 2:
                return outcome.before
            return outcome.events[session.phase - 2].state
        return session.last_action.before if session.last_action else None

    @property
    def devices(self) -> list[str]:
        """Names of the devices that exist."""
        return [device.name for device in self.session.state.devices.values()]

    def next_name(self) -> str:
        """The first ``dimmN`` that no device has."""
        taken = set(self.devices)
        return next(name for n in range(len(taken) + 1) if (name := f"dimm{n}") not in taken)

    # -- what keys mean ----------------------------------------------------------------------
    def line_for(self, action_id: str, here: Situation) -> str:
        """The command line that an action stands for at a place.

        Raises InputError with one sentence where it means nothing there.
        """
        template = ACTIONS[action_id].command
        ref = here.removal_ref if action_id == "mem.remove" else here.ref
        if "{ref}" in template and here.nr_blocks > MOST_BLOCKS and ref == here.ref:
            verb = template.partition(" ")[0]
            raise InputError(
                f"{here.nr_blocks} blocks are here; a key acts on {MOST_BLOCKS} at most: "
                f"type :{verb} and which ones"
            )
        if "{ref}" in template and not ref:
            raise InputError(f"{ACTIONS[action_id].label}: there is no memory block here")
        if "{zone}" in template and here.zone == ZoneType.NONE:
            raise InputError(f"{ACTIONS[action_id].label}: no zone here; move to a block of one")
        words: dict[str, Callable[[], object]] = {
            "ref": lambda: ref,
            "zone": lambda: here.zone.label,
            "node": lambda: here.node,
            "pfn": lambda: f"{here.start:#x}",
            "value": self._other_memmap,
            "name": self.next_name,
            "size": lambda: self.add_values.size,
        }
        # Only what is asked for: zone and node look at the page under the cursor.
        wanted = [name for _, name, _, _ in Formatter().parse(template) if name]
        return template.format(**{name: words[name]() if name in words else "" for name in wanted})

    def _other_memmap(self) -> str:
        """What ``memmap_on_memory`` is not, for the key that turns it over."""
        return "N" if dict(self.view.params).get("memmap_on_memory", "N") != "N" else "Y"

    def why_not(self, action_id: str, here: Situation) -> str:
        """Why an action does nothing useful now; empty when it does.

        The footer and the palette leave such actions out. Pressing the key all the same
        gives the kernel's answer, or this sentence where there is no kernel to ask.
        """
        changes = action_id.startswith(REPEATABLE)
        if changes and self.read_only and action_id not in self.writable:
            return "this machine is shown read-only"
        rule = _RULES.get(action_id)
        return rule(self, here) if rule is not None else ""

    def predict(self, command: Command) -> Refusal | None:
        """The refusal that a command would meet, None when it would succeed."""
        try:
            return self.session.machine.predict(command).refusal
        except PfnmapError as error:
            return Refusal("EINVAL", "pfnmap", str(error))

    def judge(self, block: BlockRow) -> Sequence[Verdict]:
        """Verdicts on everything that may be done with a block."""
        if self.read_only and not self.real:
            return ()
        state, block_id, verdicts = self._judged
        if state is not self.session.state or block_id != block.id:
            verdicts = tuple(self._verdicts(block))
            self._judged = (self.session.state, block.id, verdicts)
        return verdicts

    def _verdicts(self, block: BlockRow) -> list[Verdict]:
        pages = self.view.geometry.block_pages
        here = Situation(self.view, block.id * pages, block.id * pages + 1)
        verdicts: list[Verdict] = []
        if not here.ref:
            return verdicts  # the block is gone, and a panel that shows it is drawn once more
        for action_id, label in JUDGED:
            command = parse_line(self.line_for(action_id, here))
            if command is not None:
                key = self.keymap.first(action_id)
                verdicts.append(Verdict(key, label, self.predict(command)))
        return verdicts

    # -- words -------------------------------------------------------------------------------
    def facts(self, source_title: str) -> list[str]:
        """Machine, profile and parameters for the title line, most important first."""
        view = self.view
        params = dict(view.params)
        facts = [view.geometry.arch, view.profile_name]
        facts.insert(0, source_title or view.title)
        if "memmap_on_memory" in params:
            facts.append(f"memmap_on_memory={params['memmap_on_memory']}")
        for name in ("online_policy", "auto_online_blocks"):
            if name in params:
                word = params[name]
                facts.append(f"auto-online {word}" if name == "auto_online_blocks" else word)
        return [fact for fact in facts if fact]

    @property
    def beginning(self) -> str:
        """What step 0 is: a real machine is read long after it booted."""
        return "first reading" if self.real else "at boot"

    def step_words(self) -> str:
        """Where the session is, for the right end of the title line."""
        session = self.session
        words = f"step {session.position}/{len(session.outcomes)}"
        if session.phase is not None:
            words += f" phase {session.phase}"
        count = len(session.branches)
        if count:
            words += f", {count} branch{'es' * (count != 1)}"
        return words


def _needs_blocks(state: str | None) -> Callable[[Desk, Situation], str]:
    def rule(_: Desk, here: Situation) -> str:
        states = here.states
        if not states:
            return "there is no memory block here"
        if state is not None and state not in states:
            return f"no block here is {state}"
        return ""

    return rule


def _removable(_: Desk, here: Situation) -> str:
    block = here.first_block
    if block is None:
        return "there is no memory block here"
    if block.device or "offline" in here.states:
        return ""
    return "boot memory that is online cannot be removed"


def _in_zone(_: Desk, here: Situation) -> str:
    return "" if here.zone >= 0 else "there is no zone here"


def _repeat(desk: Desk, here: Situation) -> str:
    if not desk.last_action:
        return "nothing has been done yet that could be repeated"
    return desk.why_not(desk.last_action, here)


def _undo(desk: Desk, _: Situation) -> str:
    session = desk.session
    return "" if session.position or session.phase is not None else "nothing to undo"


def _redo(desk: Desk, _: Situation) -> str:
    session = desk.session
    return "" if session.position < len(session.outcomes) else "nothing to redo"


def _phase_back(desk: Desk, _: Situation) -> str:
    session = desk.session
    return "" if session.phase is not None or session.position else "no step to go back into"


def _branches(desk: Desk, _: Situation) -> str:
    return "" if desk.real or desk.branched or desk.session.branches else "there is no other branch"


def _compare(desk: Desk, _: Situation) -> str:
    return "" if desk.start is not None else "this machine was not described by a machine line"


def _tour(desk: Desk, _: Situation) -> str:
    return "" if desk.touring else "the tour begins with: pfnmap tour"


def _search(desk: Desk, _: Situation) -> str:
    return "" if desk.search else "nothing has been searched for yet"


def _diff(desk: Desk, _: Situation) -> str:
    return "" if desk.before is not None else "nothing has happened yet"


_RULES: dict[str, Callable[[Desk, Situation], str]] = {
    "mem.online": _needs_blocks("offline"),
    "mem.online_kernel": _needs_blocks("offline"),
    "mem.online_movable": _needs_blocks("offline"),
    "mem.offline": _needs_blocks("online"),
    "mem.remove": _removable,
    "mem.pin": _needs_blocks("online"),
    "mem.unpin": _needs_blocks("online"),
    "zone.shrink": _in_zone,
    "time.undo": _undo,
    "time.redo": _redo,
    "time.back": _undo,
    "time.forward": _redo,
    "time.play": _redo,
    "time.phase.forward": _redo,
    "time.phase.back": _phase_back,
    "time.repeat": _repeat,
    "session.branch": _branches,
    "session.compare": _compare,
    "app.tour": _tour,
    "app.tour.again": _tour,
    "find.next": _search,
    "find.previous": _search,
    "view.diff": _diff,
}
"""When an action is of use: each gives the reason why not, or nothing."""
