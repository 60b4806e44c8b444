"""What the actions of the main screen do: what is shown and where the cursor is, to effects.

Every function is pure and is named by a row of ``keys/action_table.py``. What cannot be done is an
InputError with one sentence. What is only sometimes of use has a second function that says why
not; the footer and the palette leave it out then.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from pfnmap.engine.commands import (
    Command,
    Goto,
    Offline,
    Online,
    PfnRef,
    Pin,
    Ref,
    Remove,
    SetParam,
    Shrink,
    Unpin,
    Zoom,
)
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import OnlineType, ZoneType
from pfnmap.engine.language.lines import line_of, parse_line
from pfnmap.engine.notation import MAX_PARTS, format_size
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.session import Session
from pfnmap.engine.sizes import counted
from pfnmap.tui.keys import effects as want
from pfnmap.tui.keys.effects import Do, Effects
from pfnmap.tui.keys.here import MOST_BLOCKS, Here
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.map import finder
from pfnmap.tui.map.motions import Edges, edges, goto_pfn, touched, zoomed_to
from pfnmap.tui.map.viewport import Viewport


# -- memory ------------------------------------------------------------------------------
def _blocks(here: Here, label: str, refs: tuple[Ref, ...]) -> tuple[Ref, ...]:
    """``refs``, where they are blocks that one key press may act on."""
    if refs == here.refs and (here.nr_blocks > MOST_BLOCKS or len(refs) > MAX_PARTS):
        raise InputError(
            f"{here.nr_blocks} blocks are here; a key acts on {MOST_BLOCKS} at most: "
            f"type :{label.partition(' ')[0]} and which ones"
        )
    if not refs:
        raise InputError(f"{label}: there is no memory block here")
    return refs


def online(to: OnlineType) -> Callable[[Shown, Here], Command]:
    """Online the blocks here to a zone; with plain ONLINE the policy picks it."""
    label = to.word.replace("_", " ")
    return lambda _, here: Online(_blocks(here, label, here.refs), to)


def offline(_: Shown, here: Here) -> Command:
    """Offline the blocks here."""
    return Offline(_blocks(here, "offline", here.refs))


def remove(_: Shown, here: Here) -> Command:
    """Remove the device here, or the blocks selected."""
    return Remove(_blocks(here, "remove", here.removal_refs))


def pin(_: Shown, here: Here) -> Command:
    """Place an unmovable allocation on the page here."""
    return Pin(pfn=PfnRef(here.start))


def unpin(_: Shown, here: Here) -> Command:
    """Lift what is allocated on the page here."""
    return Unpin(pfn=PfnRef(here.start))


def shrink(_: Shown, here: Here) -> Command:
    """Take the highest online block of the zone here out."""
    if here.zone == ZoneType.NONE:
        raise InputError("shrink: no zone here; move to a block of one")
    line = f"shrink {here.zone.label} node={here.node}"
    return Shrink(here.zone, here.node, text=line)


def toggle_memmap(shown: Shown, _: Here) -> Command:
    """Turn ``memmap_on_memory`` over, or v2's ``vmemmap_hotplug``: what the kernel has."""
    params = dict(shown.view.params)
    if (word := params.get("vmemmap_hotplug")) is not None:
        return SetParam("vmemmap_hotplug", "disable" if word == "enable" else "enable")
    if (word := params.get("memmap_on_memory")) is None:
        raise InputError(
            f"{shown.view.profile_name} has no parameter that says where a memmap goes"
        )
    return SetParam("memmap_on_memory", "Y" if word == "N" else "N")


def ask_add(shown: Shown, _: Here) -> Effects:
    """Open the form with the last values and a name that is free."""
    return want.Open(want.AskForm(fresh_values(shown), shown.predict), add)


def fresh_values(shown: Shown) -> want.AddValues:
    """The last values of the form with a name that is free."""
    return replace(shown.memory.add_values, name=shown.next_name(), at="")


def add(values: want.AddValues) -> Effects:
    """Hot-add what the form says."""
    command = parse_line(values.line())
    assert command is not None
    return want.Remember({"add_values": values, "last_action": "mem.add"}), want.Run(command)


def ask_resize(shown: Shown, here: Here) -> Effects:
    """Open the form for the virtio-mem device here, the last one, or a new one."""
    devices = {each.name: each for each in shown.session.state.devices.values() if each.is_dynamic}
    block = here.first_block
    name = block.device if block is not None and block.device in devices else None
    if devices:
        device = devices[name or list(devices)[-1]]
        requested = device.requested_pages * shown.view.geometry.page_bytes
        values = want.ResizeValues(device.name, format_size(requested))
    else:
        values = want.ResizeValues(shown.next_name("vm"), "1G", "4G")
    return want.Open(want.AskForm(values, shown.predict), resize)


def resize(values: want.ResizeValues) -> Effects:
    """Ask for the size that the form says."""
    command = parse_line(values.line())
    assert command is not None
    return want.Remember({"last_action": "mem.resize"}), want.Run(command)


def needs_blocks(state: str) -> Callable[[Shown, Here], str]:
    """Of use where there is a block in a state."""

    def why_not(_: Shown, here: Here) -> str:
        if not here.states:
            return "there is no memory block here"
        return "" if state in here.states else f"no block here is {state}"

    return why_not


def not_removable(_: Shown, here: Here) -> str:
    """Of use on a device, and where something is offline."""
    block = here.first_block
    if block is None:
        return "there is no memory block here"
    if block.device or "offline" in here.states:
        return ""
    return "boot memory that is online cannot be removed"


def no_zone(_: Shown, here: Here) -> str:
    """Of use in a zone."""
    return "" if here.zone >= 0 else "there is no zone here"


# -- time --------------------------------------------------------------------------------
def undo(shown: Shown, steps: int = 1) -> Effects:
    """Steps back, as if they had not been done; on a guest by booting it again."""
    if shown.session.goes_back or not shown.position:
        return back(shown, steps)
    left = max(0, shown.position - steps)
    upto = f"up to step {left}" if left else "as it was at boot"
    entries = [
        want.Entry("boot again", f"the same kernel, {upto}", want.BootAgain(left)),
        want.Entry(
            "look back", f"the reading of step {left}; the guest stays as it is", want.Seek(left)
        ),
    ]
    words = "a real kernel does not go back; instead"
    return want.Open(want.Choose(entries, words), lambda entry: entry.effect)


def back(shown: Shown, steps: int = 1) -> Effects:
    """Show steps back; out of slow motion, to before the step that was under way."""
    if shown.phase is not None:
        return want.Seek(shown.position)
    if not shown.position or steps < 1:
        first = "this is the first reading" if shown.real else "the machine is as it was at boot"
        raise InputError(f"nothing to undo: {first}")
    last = shown.outcomes[shown.position - 1]
    if steps == 1 and last.refusal is not None:
        words = (
            f"undone: {line_of(last.command)}, which {last.errno} had kept from changing anything"
        )
        return want.Seek(shown.position - 1), want.Tell(words)
    return want.Seek(max(0, shown.position - steps))


def redo(shown: Shown, steps: int = 1) -> Effects:
    """Steps forward; behind the last one, the next command of a scenario."""
    if shown.position == shown.last and shown.session.waiting:
        return want.Run(shown.session.waiting[0])
    if shown.position >= shown.last or steps < 1:
        raise InputError("nothing to redo: this is the last step")
    return want.Seek(min(shown.last, shown.position + steps))


def seek(shown: Shown, position: int) -> Effects:
    """Go to a step."""
    if not 0 <= position <= shown.last:
        raise InputError(f"there is no step {position}; steps are {_zero(shown)} to {shown.last}")
    return want.Seek(position)


def _zero(shown: Shown) -> str:
    """Step 0 in words."""
    return f"0 ({shown.beginning})"


def ask_step(shown: Shown, _: Here) -> Effects:
    """Ask for a step to go to."""
    words = f"a step from {_zero(shown)} to {shown.last}"
    return want.Open(
        want.AskLine("step ", help_words=words), lambda text: _run_line(f"seek {text}")
    )


def phase_forward(shown: Shown, _: Here) -> Effects:
    """Slow motion: the next phase."""
    if shown.phase is None and shown.position >= shown.last:
        raise InputError("slow motion goes through a step that comes next: undo one first")
    return want.StepPhase(1)


def phase_back(shown: Shown, _: Here) -> Effects:
    """Slow motion: a phase back."""
    if shown.phase is None and shown.position == 0:
        raise InputError("there is no step to go back into")
    return want.StepPhase(-1)


def nothing_to_undo(shown: Shown, _: Here) -> str:
    """Of use behind a step."""
    return "" if shown.position or shown.phase is not None else "nothing to undo"


def nothing_to_redo(shown: Shown, _: Here) -> str:
    """Of use before a step."""
    return "" if shown.position < shown.last else "nothing to redo"


def nothing_to_step(shown: Shown, here: Here) -> str:
    """Of use before a step, or where a command is still to be done."""
    return "" if shown.nr_waiting else nothing_to_redo(shown, here)


def no_phase_back(shown: Shown, _: Here) -> str:
    """Of use behind a step, or in one."""
    return "" if shown.phase is not None or shown.position else "no step to go back into"


def nothing_to_repeat(shown: Shown, _: Here) -> str:
    """Of use behind an action for the memory."""
    return "" if shown.memory.last_action else "nothing has been done yet that could be repeated"


# -- the cursor and the window of the map ------------------------------------------------
Move = Callable[[Viewport], Viewport]
Scrolling = Callable[[int, int], int]
"""(height, lines) of a panel to the lines by which it scrolls."""


def moves(move: Move, scroll: Scrolling | None = None) -> Callable[[Shown, Here], Effects]:
    """Move the cursor or the window; with ``scroll`` another panel scrolls when it has the keys."""

    def effects(shown: Shown, _: Here) -> Effects:
        if scroll is not None and shown.focus != "map":
            return want.Scroll(scroll)
        return want.Look(move(shown.viewport))

    return effects


def moves_to_edge(
    move: Callable[[Viewport, Edges], Viewport],
) -> Callable[[Shown, Here], Effects]:
    """Move the cursor to the next edge of memory or of a zone."""
    return lambda shown, _: want.Look(move(shown.viewport, edges(shown.view)))


def goto(shown: Shown, command: Goto) -> want.Look:
    """Where ``goto`` says."""
    base = 0
    if command.device is not None:
        device = shown.session.state.device_named(command.device)
        if device is None:
            raise InputError(f"there is no device {command.device!r}")
        base = device.start_pfn
    return jump(shown, goto_pfn(command, base, shown.view))


def zoom(shown: Shown, command: Zoom) -> want.Look:
    """What a cell stands for."""
    return want.Look(zoomed_to(shown.viewport, command.level, shown.view.geometry))


def follow(shown: Shown, outcome: Outcome) -> Effects:
    """Bring all memory that a step was about into sight, and the cursor to it."""
    if isinstance(outcome.command, Goto):
        return goto(shown, outcome.command)
    if isinstance(outcome.command, Zoom):
        return zoom(shown, outcome.command)
    return want.Look(shown.viewport.showing(touched(outcome)))


def jump(shown: Shown, pfn: int) -> want.Look:
    """Put the cursor somewhere else; one can go back."""
    return want.Look(shown.viewport.at(pfn), jump=True)


def jump_back(shown: Shown, _: Here) -> Effects:
    """To where the last jump began."""
    pfn = shown.memory.jumped_from
    if pfn is None:
        raise InputError("there was no jump to go back from yet")
    if pfn >= shown.view.end_pfn:
        raise InputError(f"pfn {pfn:#x} is behind the end of memory now")
    return jump(shown, pfn)


def to_struct_page(shown: Shown, _: Here) -> Effects:
    """To the page that holds the struct page of the page under the cursor."""
    pfn = shown.viewport.cursor_pfn
    home = shown.view.page(pfn).memmap_pfn
    if home is None:
        raise InputError(f"where the struct page of pfn {pfn:#x} lives is not known")
    if home == pfn:
        raise InputError(f"pfn {pfn:#x} holds its own struct page")
    return jump(shown, home), want.Tell(f"the struct page of pfn {pfn:#x} is in pfn {home:#x}")


# -- finding -----------------------------------------------------------------------------
def ask_search(shown: Shown, _: Here) -> Effects:
    """Ask what to find."""
    view, pfn = shown.view, shown.viewport.cursor_pfn

    def check(text: str) -> int:
        return finder.find(view, text, pfn)

    def go(text: str) -> Effects:
        return want.Remember({"search": text}), jump(shown, check(text))

    return want.Open(want.AskLine("/", check, help_words="find " + ", ".join(finder.FORMS)), go)


def find(shown: Shown, *, forward: bool) -> Effects:
    """The next or the previous match of the last search."""
    if not shown.memory.search:
        raise InputError("nothing has been searched for yet")
    pfn = shown.viewport.cursor_pfn
    return jump(shown, finder.find(shown.view, shown.memory.search, pfn, forward=forward))


def no_search(shown: Shown, _: Here) -> str:
    """Of use behind a search."""
    return "" if shown.memory.search else "nothing has been searched for yet"


# -- commands and the session ------------------------------------------------------------
def ask_command(shown: Shown, begin: str = "") -> Effects:
    """The ``:`` line."""
    block_ids = shown.here.block_ids[:1]
    names = [*shown.devices, *map(str, block_ids)]
    marks = sorted(shown.session.marks)

    def go(text: str) -> Effects:
        return want.Remember({"history": (*shown.memory.history, text)}), *_run_line(text, cwd)

    cwd = shown.session.cwd if isinstance(shown.session, Session) else ""
    ask = want.AskLine(
        ":",
        lambda text: parse_line(text, cwd=cwd),
        lambda text: completions(text, names, marks),
        shown.memory.history,
        "a command; tab completes, up and down go through the history",
        begin,
    )
    return want.Open(ask, go)


def completions(line: str, names: list[str], marks: list[str]) -> list[str]:
    """Whole lines that ``line`` may become, by completing its last word."""
    from pfnmap.engine.language.completion import complete  # with the first line that is typed

    found = complete(line, names, marks)
    offered = (line[: found.start] + word for word in found.words)
    return [text for text in dict.fromkeys(offered) if text != line]


def _run_line(line: str, cwd: str = "") -> tuple[want.Run, ...]:
    command = parse_line(line, cwd=cwd)
    return () if command is None else (want.Run(command),)


def read_diff(shown: Shown, _: Here) -> Effects:
    """What the last step changed."""
    if shown.before is None:
        raise InputError("nothing has happened yet")
    return want.Open(want.ReadDiff(shown.before, shown.view, "what the last step changed"))


def no_diff(shown: Shown, _: Here) -> str:
    """Of use behind a step."""
    return "" if shown.before is not None else "nothing has happened yet"


def branch(shown: Shown, _: Here) -> Effects:
    """Choose another branch of the session; from a real machine, begin a simulation of it."""
    if shown.real:
        return Do.SIMULATE
    entries = branch_entries(shown)
    if not entries:
        raise InputError(
            "there is no other branch yet: undo, then do something else; what was undone stays "
            "a branch"
        )
    return want.Open(want.Choose(entries, "a branch"), lambda entry: entry.effect)


def branch_entries(shown: Shown) -> list[want.Entry]:
    """What can be switched to: the branch left last comes first."""
    found: list[want.Entry] = []
    for index, left in enumerate(shown.session.branches):
        words = "; ".join(line_of(outcome.command) for outcome in left.outcomes[:3])
        where = f"after step {left.position}" if left.position else "from boot"
        name = f"{where}: {counted(len(left.outcomes), 'step')}"
        more = "; ..." if len(left.outcomes) > 3 else ""
        found.insert(0, want.Entry(name, words + more, want.Switch(index)))
    if shown.real_title:
        found.append(want.Entry("back to the real machine", shown.real_title, Do.BACK_TO_REAL))
    return found


def no_branch(shown: Shown, _: Here) -> str:
    """Of use on a real machine, and where a branch was left."""
    there = shown.real or shown.real_title or shown.session.branches
    return "" if there else "there is no other branch"


# -- the tour ----------------------------------------------------------------------------
def of_tour(effect: Effects) -> Callable[[Shown, Here], Effects]:
    """Something that the tour does."""

    def effects(shown: Shown, here: Here) -> Effects:
        if why := no_tour(shown, here):
            raise InputError(why)
        return effect

    return effects


def no_tour(shown: Shown, _: Here) -> str:
    """Of use while the tour is under way."""
    return "" if shown.touring else "the tour begins with: pfnmap tour"
