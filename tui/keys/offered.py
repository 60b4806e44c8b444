"""Which actions are offered: the footer, the palette, the inspector; and what a chosen one does.

What of the footer fits the width is decided in ``tui/widgets/line_panels.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from pfnmap.engine.commands import FailNext, Interactive
from pfnmap.engine.errors import InputError
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.phases import FAILABLE_PHASES
from pfnmap.tui.keys import effects as want
from pfnmap.tui.keys.action import Action
from pfnmap.tui.keys.action_table import ACTIONS, ALWAYS, AREAS
from pfnmap.tui.keys.actions import add, fresh_values
from pfnmap.tui.keys.effects import Effects
from pfnmap.tui.keys.here import Here
from pfnmap.tui.keys.shown import Shown, Verdict

_FOOTER: Final = sorted((each for each in ACTIONS.values() if each.footer), key=lambda a: a.footer)
_SLOW_MOTION: Final = (ACTIONS["time.phase.forward"], ACTIONS["time.phase.back"])
"""What comes first while a phase of an operation is shown."""
_JUDGED: Final = [each for each in ACTIONS.values() if each.judged]

_ERRNOS: Final[dict[str, str]] = {
    "register_memory_resource": "EEXIST",
    "create_memory_block_devices": "EEXIST",
    "online_pages": "EBUSY",
    "NODE_ADDING_FIRST_MEMORY": "EINVAL",
    "MEM_GOING_ONLINE": "EINVAL",
    "start_isolate_page_range": "EBUSY",
    "NODE_REMOVING_LAST_MEMORY": "EBUSY",
    "MEM_GOING_OFFLINE": "EBUSY",
    "do_migrate_range": "EINTR",
    "dissolve_free_hugetlb_folios": "EBUSY",
}
"""The errno that a kernel gives there most often; ENOMEM where nothing is said."""


def effects_of(action: Action, shown: Shown, here: Here) -> Effects:
    """What an action wants done. InputError with one sentence where it means nothing here."""
    if action.changes_memory and shown.real and shown.read_only:
        return _write(action, shown, here)
    if action.changes_memory and shown.read_only:
        raise InputError(f"{action.label}: this machine is shown read-only")
    if action.command is None:
        assert action.effects is not None
        return action.effects(shown, here)
    command = action.command(shown, here)
    command = replace(command, text=command.text or format_command(command))
    return want.Remember({"last_action": action.id}), want.Run(command)


def _write(action: Action, shown: Shown, here: Here) -> Effects:
    """What an action for the memory does to a real machine."""
    if not shown.writes_allowed or not action.writes:
        key = shown.key("session.branch") or ":"
        raise InputError(
            f"{action.label}: this is a real machine; press {key} to try it in a simulation"
        )
    if not here.block_ids:
        raise InputError(f"{action.label}: there is no memory block here")
    return want.Write(action.writes, tuple(here.block_ids))


def repeat(shown: Shown, here: Here) -> Effects:
    """The last action for the memory again, at this place; the form is not asked again."""
    last = shown.memory.last_action
    if not last:
        raise InputError("nothing has been done yet that could be repeated")
    return add(fresh_values(shown)) if last == "mem.add" else effects_of(ACTIONS[last], shown, here)


def why_not(action: Action, shown: Shown, here: Here) -> str:
    """Why an action does nothing useful now; empty when it does.

    Pressing its key all the same gives the kernel's answer, or a sentence where there is no
    kernel to ask.
    """
    writes = shown.writes_allowed and action.writes
    if shown.read_only and action.changes_memory and not writes:
        return "this machine is shown read-only"
    if action.model_only and shown.real:
        return "no real kernel can be asked for that"
    if action.id == "time.repeat" and shown.memory.last_action:
        return why_not(ACTIONS[shown.memory.last_action], shown, here)
    return action.why_not(shown, here)


def footer(shown: Shown, here: Here) -> tuple[list[Action], list[Action]]:
    """The actions that are of use now and have a key, and those that are always offered."""
    first: Sequence[Action] = _SLOW_MOTION if shown.phase is not None else ()
    if shown.nr_waiting and shown.position == shown.last:
        first = (ACTIONS["time.forward"],)
    ids = {action.id for action in first}
    offered = [*first, *(action for action in _FOOTER if action.id not in ids)]
    with_key = [action for action in offered if shown.keys[action.id]]
    useful = [a for a in with_key if a.footer < ALWAYS and not why_not(a, shown, here)]
    return useful, [action for action in with_key if action.footer >= ALWAYS]


def palette(shown: Shown, here: Here, themes: Sequence[str]) -> Effects:
    """Every action that applies now, in the order of the table; then themes, marks and faults."""
    entries = [
        want.Entry(f"{AREAS[a.area]}: {a.label}", a.help, want.Act(a.id), shown.key(a.id))
        for a in ACTIONS.values()
        if a.id != "app.palette" and not why_not(a, shown, here)
    ]
    entries += [
        want.Entry(f"Theme: {name}", "other colours and glyphs", want.UseTheme(name))
        for name in themes
        if name != shown.theme
    ]
    entries += [
        want.Entry(
            f"Mark: {name}",
            f"go to pfn {pfn:#x}",
            want.Run(Interactive(verb="goto", arguments=("mark", name))),
        )
        for name, pfn in sorted(shown.session.marks.items())
    ]
    if not (shown.real or shown.read_only):
        entries += fault_entries()
    return want.Open(
        want.Choose(entries, "an action, a theme or a fault"), lambda entry: entry.effect
    )


def fault_entries() -> list[want.Entry]:
    """Fault injection: an entry for each phase that can fail, with an errno that fits."""
    entries = []
    for phase, undone in FAILABLE_PHASES.items():
        errno = _ERRNOS.get(phase, "ENOMEM")
        command = FailNext(phase, errno)
        command = replace(command, text=format_command(command))
        words = f"{phase} of the next action fails with {errno}; {undone}"
        entries.append(want.Entry(f"Fault: {phase}", words, want.Run(command)))
    return entries


def verdicts(shown: Shown, block_id: int, *, later: bool = False) -> list[Verdict]:
    """What the kernel would answer to everything that may be done with a block.

    ``later``: what takes long waits (:attr:`Shown.foreseen`).
    """
    pages = shown.view.geometry.block_pages
    here = Here(shown.view, block_id * pages, block_id * pages + 1)
    found = []
    for action in _JUDGED if here.block_ids else ():  # the block may be gone since it was drawn
        if action.command is not None:
            answer = shown.foresee(action.command(shown, here), later=later)
            named = shown.key(action.id), action.label
            found.append(Verdict(*named, *answer) if answer else Verdict(*named, waits=True))
    return found


def merged(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Verdicts with those of one refusal in one: the three ways to online, mostly."""
    result: list[Verdict] = []
    for verdict in verdicts:
        last = result[-1] if result else None
        same = last is not None and last.refusal is not None and last.refusal == verdict.refusal
        if same and last is not None:
            result[-1] = Verdict(last.key + verdict.key, last.label, last.refusal)
        else:
            result.append(verdict)
    return result
