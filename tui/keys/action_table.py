"""Every action a key can have: a row an action. Nothing else lists actions or keys.

The bindings, the footer, the palette, the help screen, the inspector's verdicts and a user's
keymap are made from it. To add an action, write its function in ``keys/actions.py`` and a row
here. A row of the main screen says what it does by a ``command`` for the memory or by
``effects``; a row of a dialog names the dialog's method.
"""

from __future__ import annotations

from typing import Any, Final

from pfnmap.engine.kinds import OnlineType
from pfnmap.tui.keys import actions as do
from pfnmap.tui.keys import effects as want
from pfnmap.tui.keys.action import Action
from pfnmap.tui.keys.actions import Move, Scrolling, moves, moves_to_edge, needs_blocks, of_tour
from pfnmap.tui.keys.effects import Do, Effects
from pfnmap.tui.map.motions import fit_or_blocks

AREAS: Final = {
    "mem": "Memory",
    "zone": "Zones",
    "time": "Time",
    "cursor": "Cursor",
    "view": "View",
    "find": "Find",
    "session": "Session",
    "app": "Program",
}
"""What actions of the main screen are about: headings of the help screen, in order."""

DIALOG_AREAS: Final = {
    "dialog": "In every dialog",
    "text": "Where text is read: help, explanations, differences",
    "line": "On the : line and wherever a line is asked for",
    "form": "In a form that adds a DIMM or resizes a device",
    "list": "In lists: palette, branches",
    "compare": "Comparing",
}
"""The headings behind those, for what takes the keys while it lies over the main screen."""

ALWAYS: Final = 90
"""From this place on the footer offers an action at every time."""


def _row(name: str, keys: str, label: str, words: str, line: str = "", **more: Any) -> Action:
    return Action(name, tuple(keys.split()), label, words, line, **more)


def _does(name: str, keys: str, label: str, words: str, effect: Effects, footer: int = 0) -> Action:
    """The same effect everywhere."""
    return _row(name, keys, label, words, effects=lambda _, __: effect, footer=footer)


def _moves(
    name: str, keys: str, label: str, words: str, move: Move, scroll: Scrolling | None = None
) -> Action:
    """A move of the cursor or the window; with ``scroll`` another panel with the keys scrolls."""
    return _row(name, keys, label, words, effects=moves(move, scroll))


def _types(name: str, keys: str, label: str, words: str, begin: str, **more: Any) -> Action:
    """The ``:`` line, begun."""
    return _row(name, keys, label, words, effects=lambda s, _: do.ask_command(s, begin), **more)


def _panel(name: str, key: str) -> Action:
    words = f"show or hide the {'block list' if name == 'blocks' else name}"
    return _does(f"view.panel.{name}", key, name, words, want.TogglePanel(name))


def _dialog(name: str, keys: str, label: str, words: str, does: str) -> Action:
    return Action(name, tuple(keys.split()), label, words, does=does)


def _scrolls(area: str) -> tuple[Action, ...]:
    """What moves through a text that is longer than its place."""
    return (
        _dialog(f"{area}.down", "j down", "down", "a line down", "scroll(1)"),
        _dialog(f"{area}.up", "k up", "up", "a line up", "scroll(-1)"),
        _dialog(
            *(f"{area}.page.down", "space pagedown ctrl+d", "page down", "a page down", "page(1)")
        ),
        _dialog(f"{area}.page.up", "pageup ctrl+u", "page up", "a page up", "page(-1)"),
        _dialog(f"{area}.first", "g home", "start", "the first line", "top(0)"),
        _dialog(f"{area}.last", "G end", "end", "the last line", "top(1)"),
    )


_online: dict[str, Any] = {"why_not": needs_blocks("offline"), "judged": True}
_undo: dict[str, Any] = {"effects": lambda s, _: do.undo(s), "why_not": do.nothing_to_undo}
_redo: dict[str, Any] = {"effects": lambda s, _: do.redo(s), "why_not": do.nothing_to_redo}
_allocate: dict[str, Any] = {"why_not": needs_blocks("online")}

# fmt: off
_MAIN: Final = (
    # memory: a command, for the blocks, the page or the zone under the cursor or selection
    _row("mem.add", "a", "add", "hot-add a DIMM (asks for size, node, memmap)", "add NAME SIZE",
         effects=do.ask_add, footer=1),
    _row("mem.online", "o e", "online", "online; the policy picks the zone", "online REF",
         command=do.online(OnlineType.ONLINE), **_online, writes="online", footer=2),
    _row("mem.online_kernel", "O", "online kernel", "online to a kernel zone", "online REF kernel",
         command=do.online(OnlineType.ONLINE_KERNEL), **_online, writes="online_kernel",
         footer=10),
    _row("mem.online_movable", "m", "online movable", "online to Movable", "online REF movable",
         command=do.online(OnlineType.ONLINE_MOVABLE), **_online, writes="online_movable",
         footer=11),
    _row("mem.offline", "f d", "offline", "offline", "offline REF",
         command=do.offline, **_allocate, judged=True, writes="offline", footer=3),
    _row("mem.remove", "x", "remove", "remove the device, or the offline blocks selected",
         "remove NAME", command=do.remove, why_not=do.not_removable, judged=True, footer=4),
    _row("mem.pin", "", "pin", "place an unmovable allocation here", "pin pfn=PFN",
         command=do.pin, **_allocate, model_only=True),
    _row("mem.unpin", "", "unpin", "lift the allocation here", "unpin pfn=PFN",
         command=do.unpin, **_allocate, model_only=True),
    _row("mem.toggle_memmap", "t", "memmap", "the next add holds its own memmap",
         "set memmap_on_memory=VALUE", command=do.toggle_memmap, footer=12, model_only=True),
    _row("mem.resize", "r", "resize", "resize a virtio-mem device, or plug one in (asks for sizes)",
         "virtio-mem NAME requested=SIZE", effects=do.ask_resize, footer=22),
    _row("zone.shrink", "s", "shrink", "take the highest online block of the zone out",
         "shrink ZONE node=NODE", command=do.shrink, why_not=do.no_zone, footer=5,
         model_only=True),
    # time
    _row("time.undo", "u", "undo", "undo the last command", "undo", **_undo, footer=6),
    _row("time.redo", "ctrl+r", "redo", "redo", "redo", **_redo, footer=14),
    _row("time.back", "[", "back", "one step back",
         effects=lambda s, _: do.back(s), why_not=do.nothing_to_undo, footer=7),
    _row("time.forward", "]", "step", "one step forward",
         effects=lambda s, _: do.redo(s), why_not=do.nothing_to_step, footer=8),
    _row("time.phase.back", ",", "phase back", "slow motion: one phase of the operation back",
         effects=do.phase_back, why_not=do.no_phase_back),
    _row("time.phase.forward", ";", "phase", "slow motion: the next phase of the operation",
         effects=do.phase_forward, why_not=do.nothing_to_redo, footer=15),
    _row("time.seek", "S", "seek", "go to a step by its number", "seek STEP", effects=do.ask_step),
    _row("time.play", "space", "play", "play the scenario, or pause it",
         effects=lambda _, __: Do.PLAY, why_not=do.nothing_to_step),
    _does("time.slower", "<", "slower", "play slower", want.ChangeSpeed(-1)),
    _does("time.faster", ">", "faster", "play faster", want.ChangeSpeed(1)),
    _row("time.repeat", ".", "repeat", "the last action again, at the cursor",
         effects=lambda _, __: Do.REPEAT, why_not=do.nothing_to_repeat, footer=13),
    # the cursor: up and down scroll another panel when that has the keys
    _moves("cursor.left", "h left", "left", "one cell left", lambda vp: vp.across(-1)),
    _moves("cursor.down", "j down", "down", "one row down",
           lambda vp: vp.down(1), lambda height, lines: 1),
    _moves("cursor.up", "k up", "up", "one row up",
           lambda vp: vp.down(-1), lambda height, lines: -1),
    _moves("cursor.right", "l right", "right", "one cell right", lambda vp: vp.across(1)),
    _moves("cursor.block.previous", "H", "previous block", "previous memory block",
           lambda vp: vp.previous_block()),
    _moves("cursor.block.next", "L", "next block", "next memory block",
           lambda vp: vp.next_block()),
    _row("cursor.edge.previous", "{", "previous edge", "previous zone boundary or hole",
         effects=moves_to_edge(lambda vp, edges: vp.previous_edge(edges))),
    _row("cursor.edge.next", "}", "next edge", "next zone boundary or hole",
         effects=moves_to_edge(lambda vp, edges: vp.next_edge(edges))),
    _moves("cursor.row.start", "0 home", "row start", "start of the row",
           lambda vp: vp.row_start()),
    _moves("cursor.row.end", "$ end", "row end", "end of the row", lambda vp: vp.row_end()),
    _moves("cursor.first", "g", "first pfn", "first pfn",
           lambda vp: vp.at(vp.first_pfn), lambda height, lines: -lines),
    _moves("cursor.last", "G", "last pfn", "last pfn",
           lambda vp: vp.at(vp.end_pfn - 1), lambda height, lines: lines),
    _moves("cursor.half.down", "ctrl+d", "half down", "half a page down",
           lambda vp: vp.down(max(1, vp.nr_rows // 2)), lambda height, lines: max(1, height // 2)),
    _moves("cursor.half.up", "ctrl+u", "half up", "half a page up",
           lambda vp: vp.down(-max(1, vp.nr_rows // 2)),
           lambda height, lines: -max(1, height // 2)),
    _moves("cursor.page.down", "pagedown", "page down", "a page down",
           lambda vp: vp.down(vp.nr_rows), lambda height, lines: height),
    _moves("cursor.page.up", "pageup", "page up", "a page up",
           lambda vp: vp.down(-vp.nr_rows), lambda height, lines: -height),
    _types("cursor.mark", '"', "mark", "name this place", "mark ", line="mark NAME"),
    _row("cursor.jump_back", "'", "jump back", "back to where the last jump began",
         effects=do.jump_back),
    _row("cursor.struct_pages", "w", "struct pages", "jump to where the struct pages live",
         effects=do.to_struct_page, footer=20),
    # the view
    _row("view.zoom.in", "+ =", "zoom in", "smaller cells: block, section, subsection, page",
         effects=moves(lambda vp: vp.zoomed(1)), footer=16),
    _row("view.zoom.out", "-", "zoom out", "larger cells",
         effects=moves(lambda vp: vp.zoomed(-1)), footer=17),
    _moves("view.zoom.fit", "Z", "zoom fit", "all memory on one screen; again: one block a row",
           fit_or_blocks),
    _moves("view.fold", "z", "fold", "fold or unfold holes and rows that repeat",
           lambda vp: vp.folded(not vp.fold)),
    _row("view.select", "v", "select", "start or drop a selection",
         effects=moves(lambda vp: vp.selecting(vp.anchor_pfn is None)), footer=18),
    _does("view.deselect", "escape", "drop selection", "drop the selection; stop what takes long",
          Do.STOP),
    _does("view.explain", "enter", "explain", "explain the cell: who owns it, which rule says so",
          want.Open(want.Read.CELL), footer=21),
    _row("view.diff", "D", "diff", "before and after of the last step", "diff",
         effects=do.read_diff, why_not=do.no_diff),
    _does("view.maximise", "M", "maximise", "the focused panel alone", Do.MAXIMISE),
    _does("view.focus.next", "tab", "next panel", "focus the next panel", want.FocusPanel(1)),
    _does("view.focus.previous", "shift+tab", "previous panel", "focus the previous panel",
          want.FocusPanel(-1)),
    _panel("map", "1"),
    _panel("figure", "2"),
    _panel("blocks", "3"),
    _panel("events", "4"),
    _panel("legend", "5"),
    _panel("inspector", "6"),
    _does("view.yank", "y", "copy panel", "copy the focused panel as plain text",
          want.Copy(whole=False)),
    _does("view.yank.frame", "Y", "copy frame", "copy the whole frame as plain text",
          want.Copy(whole=True)),
    # finding
    _row("find.open", "/", "find", "find a block, pfn, address, zone or state",
         effects=do.ask_search, footer=19),
    _row("find.next", "n", "next match", "next match",
         effects=lambda s, _: do.find(s, forward=True), why_not=do.no_search),
    _row("find.previous", "N", "previous match", "previous match",
         effects=lambda s, _: do.find(s, forward=False), why_not=do.no_search),
    # the session
    _row("session.branch", "b", "branch",
         "another branch of the session; of a real machine: a simulation of it",
         effects=do.branch, why_not=do.no_branch, footer=9),
    _types("session.save", "", "save", "save the session as a scenario", "save ",
           line="save FILE"),
    _types("session.write", "", "write", "write the frame to a file", "write ",
           line="write FILE"),
    _types("session.compare", "", "compare", "the same commands under other rules", "compare ",
           line="compare KEY=VALUE"),
    # the program
    _types("app.command", ":", "command", "type a command", "", footer=ALWAYS),
    _row("app.help", "? f1", "help", "this help", "help",
         effects=lambda _, __: want.Open(want.Read.HELP), footer=ALWAYS + 1),
    _does("app.glossary", "K", "words", "what the words and states on the screen mean",
          want.Open(want.Read.WORDS)),
    _does("app.palette", "ctrl+p", "palette", "every action that applies now", Do.OPEN_PALETTE),
    _row("app.tour", "T", "leave tour", "leave the tour that 'pfnmap tour' begins",
         effects=of_tour(Do.LEAVE_TOUR), why_not=do.no_tour),
    _row("app.tour.again", "R", "set up", "set up the present step of the tour anew",
         effects=of_tour(Do.SET_UP_TOUR), why_not=do.no_tour),
    _does("app.redraw", "ctrl+l", "redraw", "draw the screen anew", Do.REDRAW),
    _does("app.suspend", "ctrl+z", "suspend", "back to the shell for a while", Do.SUSPEND),
    _row("app.quit", "q ctrl+q", "quit", "quit", "quit", effects=lambda _, __: want.Exit()),
    _does("app.quit.keep", "Q", "quit, keep frame", "quit and leave the frame in the scrollback",
          want.Exit(keep_frame=True)),
)
# fmt: on

_DIALOGS: Final = (
    _dialog("dialog.close", "escape", "close", "close without doing anything", "close"),
    _dialog("text.close", "q enter ?", "close", "close", "close"),
    *_scrolls("text"),
    _dialog("text.find", "/", "find", "find words in the text", "find"),
    _dialog("text.find.next", "n", "next", "the next line with them", "find_next"),
    _dialog("line.complete", "tab", "complete", "complete the word", "complete"),
    _dialog("line.older", "up", "older", "the line before in the history", "older"),
    _dialog("line.newer", "down", "newer", "the line after in the history", "newer"),
    _dialog("form.next", "down tab", "next", "the next value", "app.focus_next"),
    _dialog("form.previous", "up shift+tab", "previous", "the value before", "app.focus_previous"),
    _dialog("form.choice.next", "ctrl+n", "next choice", "the next memmap policy", "choice(1)"),
    _dialog(
        *("form.choice.previous", "ctrl+p", "choice before", "the memmap policy before"),
        "choice(-1)",
    ),
    _dialog("list.next", "down ctrl+n", "next", "the next entry", "step(1)"),
    _dialog("list.previous", "up ctrl+p", "previous", "the entry before", "step(-1)"),
    _dialog("list.page.down", "pagedown", "further", "ten entries further", "step(10)"),
    _dialog("list.page.up", "pageup", "back", "ten entries back", "step(-10)"),
    _dialog("compare.help", "? f1", "help", "these keys", "help"),
    _dialog("compare.close", "q", "close", "back to the session", "close"),
    _dialog("compare.back", "[ u", "back", "to the step before", "step(-1)"),
    _dialog("compare.forward", "] ctrl+r", "step", "to the next step", "step(1)"),
    _dialog(
        *("compare.counters", "a", "all counters"),
        *("all counters, or those that differ", "counters"),
    ),
    _dialog("compare.copy", "y", "copy", "copy everything as plain text", "copy"),
    *_scrolls("compare"),
)

ACTIONS: Final = {action.id: action for action in _MAIN}
"""Every action of the main screen by its id, in the order of the help screen."""

DIALOG_ACTIONS: Final = {action.id: action for action in _DIALOGS}
"""Every action of a dialog by its id, in the order of the help screen."""

ALL_ACTIONS: Final = {**ACTIONS, **DIALOG_ACTIONS}
"""Every action that a keymap may name."""

DIALOGS: Final = tuple(DIALOG_AREAS)
"""Kinds of dialogs: the keys of one are alive together with those of every dialog."""

TYPING: Final = frozenset({"line", "form", "list"})
"""Dialogs in which a character is text, and so no key."""


def action_of_verb(verb: str) -> Action | None:
    """The action whose line begins with a verb of the language: the plainest, so the first."""
    return next((found for found in ACTIONS.values() if found.line.split()[:1] == [verb]), None)
