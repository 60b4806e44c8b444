"""A guest on the screen: booted apart from it, then followed like any real machine."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace
from textual.widget import Widget

from pfnmap.engine.commands import Command, StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.guest.errors import GuestError
from pfnmap.engine.guest.guest import Guest
from pfnmap.engine.guest.hardware import Hardware
from pfnmap.engine.guest.history import GuestHistory
from pfnmap.engine.guest.kernels import Kernel
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.sysroot.history import OBSERVED
from pfnmap.tui.keys.effects import Console, Effects, Follow, Tell, Work
from pfnmap.tui.screens.live import Live
from pfnmap.tui.screens.real_machine import Wants

CONSOLE_LINES = 8
"""Of the console that are shown while a guest boots."""


class Plan(Struct, frozen=True):
    """What to boot, and what to do then."""

    kernel: Kernel
    hardware: Hardware
    start: StartMachine
    waiting: Sequence[Command] = ()
    """Commands of a scenario, to be stepped through."""
    seconds: float | None = None
    """Between two readings."""


def begin(owner: Widget, plan: Plan) -> None:
    """Boot a guest; what goes wrong is said on the screen."""
    owner.post_message(Wants(boot(owner, plan)))


def boot(owner: Widget, plan: Plan, again: Sequence[Command] = ()) -> Work:
    """Boot a guest and show it.

    Args:
        owner: The screen; it is told what the console says meanwhile.
        plan: What to boot.
        again: Commands that were done before and are done again at once.
    """
    stopped, over = threading.Event(), threading.Event()
    console: deque[str] = deque(maxlen=CONSOLE_LINES)

    def progress(line: str) -> None:
        if stopped.is_set():
            raise GuestError(f"{plan.kernel.title}: the boot was stopped")
        if line and not over.is_set():
            console.append(line)
            owner.post_message(Wants(Console(tuple(console))))

    def booted() -> GuestHistory:
        guest = Guest.boot(plan.kernel, plan.hardware, progress)
        try:
            progress("it has booted; its calls are going to be followed")
            recorder = Recorder.start(guest, calls=True)
            session = GuestHistory(guest, recorder, start=plan.start, waiting=plan.waiting)
            for command in again:
                progress(command.text)
                session.record(session.carry_out(command))
            progress("")
            over.set()
            owner.post_message(Wants(Console()))  # from here, so behind what the console has said
        except BaseException:
            guest.close()
            raise
        return session

    def show(session: GuestHistory) -> Effects:
        live = LiveGuest(owner, session, plan)
        return Follow(live, session.view.title), Tell(_said(session))

    def stop() -> str:
        stopped.set()
        owner.post_message(Wants(Console()))
        return f"the boot of {plan.kernel.title} was stopped"

    return Work(f"booting {plan.kernel.title}", booted, show, stop)


def _said(session: GuestHistory) -> str:
    """What has booted, in a sentence."""
    differ = len(session.view.disagreements)
    found = f"; at boot the model foresaw {differ} values otherwise" if differ else ""
    return (
        f"Linux {session.view.kernel_release} has booted under {session.guest.accelerator}{found}"
    )


class LiveGuest(Live):
    """Reads a guest; what is done to it goes through its session."""

    def __init__(self, owner: Widget, session: GuestHistory, plan: Plan) -> None:
        super().__init__(owner, session, seconds=plan.seconds)
        self._plan = plan
        self._looked_after = -1
        """How many steps had been taken when its pages were looked at."""

    async def read(self) -> bool:
        """Read the guest once; its pages only after something was done: that costs it seconds."""
        changed = await self._read_again() if not self._busy else None
        steps = len(self.session.outcomes)
        if changed is not None and steps != self._looked_after:
            self._looked_after = steps
            await self.look()
        return bool(changed)

    def boot_again(self, nr_steps: int) -> Effects:
        """The same kernel anew, up to a step; what was done behind it waits to be done again."""
        if nr_steps > len(self.session.outcomes):
            raise InputError(f"there are {len(self.session.outcomes)} steps")
        # What the guest did by itself it will do again, or not.
        done, undone = (
            [each.command for each in part if not each.command.text.startswith(OBSERVED)]
            for part in (self.session.outcomes[:nr_steps], self.session.outcomes[nr_steps:])
        )
        waiting = (*undone, *self.session.waiting)
        return boot(self._owner, replace(self._plan, waiting=waiting), done)
