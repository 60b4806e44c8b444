"""What is on the screen: one frozen frame, handed down to every panel and asked by every action."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from pfnmap.engine.commands import Command, Remove, StartMachine
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.machine import is_loaded
from pfnmap.engine.outcome import Outcome, Refusal
from pfnmap.engine.profile import kernel_words
from pfnmap.engine.session import History, Session
from pfnmap.engine.view import View
from pfnmap.tui.keys.effects import AddValues
from pfnmap.tui.keys.here import Here
from pfnmap.tui.keys.names import first_key
from pfnmap.tui.map.viewport import Viewport

MANY_RUNS = 1024
"""Runs of blocks alike from which on it takes too long for a frame to foresee a removal."""
Foreseen = tuple[Refusal | None, str]
"""The refusal that a command would meet, and what of a real machine speaks for one."""


class Memory(Struct, frozen=True):
    """What the screen remembers of what a person did; ``Remember`` changes it."""

    add_values: AddValues = AddValues()
    history: tuple[str, ...] = ()
    """Lines typed behind ``:``, the newest last."""
    search: str = ""
    last_action: str = ""
    """Id of the last action for the memory, for ``.``."""
    jumped_from: int | None = None
    """The pfn where the last jump began."""


class Verdict(Struct, frozen=True):
    """Whether an action would succeed here now."""

    key: str
    label: str
    refusal: Refusal | None = None
    doubt: str = ""
    """What could make a real kernel refuse all the same."""
    waits: bool = False
    """It takes long to find out, and is not known yet."""


class Shown(Struct, frozen=True):
    """A session at one moment, with everything around it that is not drawing."""

    session: History
    keys: dict[str, tuple[str, ...]]
    """The keys in force by the id of their action, as a person types them."""
    viewport: Viewport
    """The window of the map, with the cursor and the selection."""
    view: View
    """The machine."""
    before: View | None
    """The machine before the last step that was for it, None at boot."""
    real: bool = False
    """Whether this is a real machine, or what was kept of one."""
    read_only: bool = False
    """Whether commands change nothing here."""
    outcomes: tuple[Outcome, ...] = ()
    nr_waiting: int = 0
    """Commands of a scenario that are still to be done."""
    position: int = 0
    phase: int | None = None
    source_title: str = ""
    """Where the machine comes from, for the title line."""
    writes_allowed: bool = False
    """Whether keys may write to the real machine that is shown, after a question."""
    real_title: str = ""
    """Of the real machine that this simulation began from and that can be gone back to."""
    memory: Memory = Memory()
    focus: str = "map"
    """The panel that takes the keys for up and down."""
    theme: str = ""
    busy: str = ""
    """What takes long just now, and how to stop it; empty where nothing does."""
    touring: bool = False
    foreseen: dict[Command, Foreseen | None] = field(default_factory=dict)
    """What commands would come to, found out once; of this machine and no other. None: it takes
    long, and is to be found out behind the frame."""

    def now(self) -> Shown:
        """The same session as it is by now."""
        session, view = self.session, self.session.view
        if self.session.view is self.view and len(session.outcomes) == len(self.outcomes):
            foreseen = self.foreseen
        else:
            foreseen = {}
        return replace(
            self,
            view=view,
            before=session.before,
            real=view.real,
            read_only=session.read_only,
            outcomes=tuple(session.outcomes),
            nr_waiting=len(session.waiting),
            position=session.position,
            phase=session.phase,
            foreseen=foreseen,
        )

    # -- the machine -----------------------------------------------------------------------
    @property
    def simulated(self) -> Session:
        """The session, for what changes its machine; InputError where nothing may."""
        if self.read_only or not isinstance(self.session, Session):
            raise InputError("this machine is shown read-only")
        return self.session

    @property
    def start(self) -> StartMachine | None:
        """The ``machine`` line the session began with; None without one."""
        return self.session.start_command

    @property
    def here(self) -> Here:
        """Where keys act now: the selection, else the cell under the cursor."""
        selection = self.viewport.selection
        start, end = selection or self.viewport.cursor_cell
        return Here(self.view, start, end, selected=selection is not None)

    @property
    def last(self) -> int:
        """The number of steps."""
        return len(self.outcomes)

    @property
    def devices(self) -> list[str]:
        """Names of the devices that exist."""
        return [device.name for device in self.session.state.devices.values()]

    def next_name(self, kind: str = "dimm") -> str:
        """The first ``dimmN``, or another kind of name, that no device has."""
        taken = set(self.devices)
        return next(name for n in range(len(taken) + 1) if (name := f"{kind}{n}") not in taken)

    def predict(self, command: Command) -> Refusal | None:
        """The refusal that a command would meet, None when it would succeed."""
        return self._ask(command)[0]

    def foresee(self, command: Command, *, later: bool = False) -> Foreseen | None:
        """What a command would come to, found out once; None where that is to be ``later``."""
        found = self.foreseen.get(command)
        if found is None:
            later = later and self._takes_long(command)
            found = self.foreseen[command] = None if later else self._ask(command)
        return found

    def _takes_long(self, command: Command) -> bool:
        """Whether a frame had better not wait until it is known what a command comes to."""
        many = isinstance(command, Remove) and self.session.state.blocks.nr_rows > MANY_RUNS
        return many or not is_loaded(command)

    def _ask(self, command: Command) -> Foreseen:
        asked = self.session if self.real else self.session.machine
        try:
            outcome = asked.predict(command)
        except PfnmapError as error:
            return Refusal("EINVAL", "pfnmap", str(error)), ""
        return outcome.refusal, "; ".join(outcome.notes) if self.real and outcome.ok else ""

    # -- words -------------------------------------------------------------------------------
    def key(self, action_id: str) -> str:
        """The key to show for an action, empty when it has none."""
        return first_key(self.keys[action_id])

    def facts(self) -> list[str]:
        """Machine, profile and parameters for the title line, most important first."""
        view = self.view
        params = dict(view.params)
        title = self.source_title or view.title
        kernel = kernel_words(view.kernel_release, view.profile_name)
        if view.kernel_release and view.kernel_release in title:
            kernel = kernel.removeprefix(view.kernel_release).removeprefix(", ")
        facts = [title, view.geometry.arch, kernel]
        facts += [
            f"{name}={params[name]}"
            for name in ("memmap_on_memory", "vmemmap_hotplug")
            if name in params
        ]
        if "online_policy" in params:
            facts.append(params["online_policy"])
        if "auto_online_blocks" in params:
            facts.append(f"auto-online {params['auto_online_blocks']}")
        return [fact for fact in facts if fact]

    @property
    def beginning(self) -> str:
        """What step 0 is: a real machine is read long after it booted."""
        return "first reading" if self.real and self.read_only else "at boot"

    def step_words(self) -> str:
        """Where the session is, for the right end of the title line."""
        words = f"step {self.position}/{self.last}"
        if self.nr_waiting:
            words += f", {self.nr_waiting} to come"
        if self.phase is not None:
            words += f" phase {self.phase}"
        count = len(self.session.branches)
        if count:
            words += f", {count} branch{'es' * (count != 1)}"
        return words

    def hint(self) -> str:
        """What to press first."""
        key = self.key
        if self.nr_waiting:
            return f"press {key('time.forward')} to do the next command of the scenario"
        if self.real and not self.read_only:
            return f"press {key('mem.add')} to plug in a DIMM, {key('app.help')} for help"
        if self.real:
            return (
                f"a real machine: press {key('session.branch')} to try things in a simulation, "
                f"{key('app.help')} for help"
            )
        if self.outcomes:
            return (
                f"press {key('time.forward')} to step through what happened, "
                f"{key('time.play')} to play it, {key('app.help')} for help"
            )
        return f"press {key('mem.add')} to hot-add a DIMM, {key('app.help')} for help"


def shown(
    session: History,
    keys: dict[str, tuple[str, ...]],
    viewport: Viewport,
    *,
    source_title: str = "",
) -> Shown:
    """A session as it is now."""
    view = session.view
    return Shown(session, keys, viewport, view, None, source_title=source_title).now()
