"""Every action a key can have: its id, default keys, label, help and command.

The table is the single source for key bindings, footer, palette and help.
Ids are stable: a user's keymap names them. Keys are written as a person types them
(``?``, ``ctrl+r``, ``space``); the screen translates them to its toolkit's names.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Action(Struct, frozen=True):
    """Something one key does."""

    id: str
    """Stable name, ``area.what``."""
    keys: tuple[str, ...]
    """Default keys, the first is shown; none: palette only."""
    label: str
    """A word or two for the footer."""
    help: str
    """One line for the help screen."""
    command: str = ""
    """The command-language line it stands for: ``{ref}`` the blocks under cursor or
    selection, ``{pfn}``, ``{zone}``, ``{node}``, ``{name}``, ``{size}`` likewise. Empty for
    an action that only moves or changes the screen."""
    footer: bool = False
    """Whether the footer offers it by default."""

    @property
    def area(self) -> str:
        """What it is about: mem, zone, time, cursor, view, find, session, app."""
        return self.id.partition(".")[0]


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
"""Headings of the help screen, in order."""

_TABLE: Final = (
    # id, keys, label, help, command, footer
    (
        "mem.add",
        "a",
        "add",
        "hot-add a DIMM (asks for size, node, memmap)",
        "add {name} {size}",
        True,
    ),
    ("mem.online", "o e", "online", "online; the policy picks the zone", "online {ref}", True),
    (
        "mem.online_kernel",
        "O",
        "online kernel",
        "online to a kernel zone",
        "online {ref} kernel",
        False,
    ),
    (
        "mem.online_movable",
        "m",
        "online movable",
        "online to Movable",
        "online {ref} movable",
        False,
    ),
    ("mem.offline", "f d", "offline", "offline", "offline {ref}", True),
    (
        "mem.remove",
        "x",
        "remove",
        "remove the device, or the offline blocks selected",
        "remove {ref}",
        True,
    ),
    ("mem.pin", "", "pin", "place an unmovable allocation here", "pin pfn={pfn}", False),
    ("mem.unpin", "", "unpin", "lift the allocation here", "unpin pfn={pfn}", False),
    (
        "mem.toggle_memmap",
        "t",
        "memmap",
        "memmap_on_memory for the next add",
        "set memmap_on_memory={value}",
        False,
    ),
    (
        "zone.shrink",
        "s",
        "shrink",
        "take the highest online block of the zone out",
        "shrink {zone} node={node}",
        True,
    ),
    ("time.undo", "u", "undo", "undo the last command", "undo", True),
    ("time.redo", "ctrl+r", "redo", "redo", "redo", False),
    ("time.back", "[", "back", "one step back", "", True),
    ("time.forward", "]", "step", "one step forward", "", True),
    (
        "time.phase.back",
        ",",
        "phase back",
        "slow motion: one phase of the operation back",
        "",
        False,
    ),
    ("time.phase.forward", ";", "phase", "slow motion: the next phase of the operation", "", False),
    ("time.seek", "S", "seek", "go to a step by its number", "seek {step}", False),
    ("time.play", "space", "play", "play the scenario, or pause it", "", False),
    ("time.slower", "<", "slower", "play slower", "", False),
    ("time.faster", ">", "faster", "play faster", "", False),
    ("time.repeat", ".", "repeat", "the last action again, at the cursor", "", False),
    ("cursor.left", "h left", "left", "one cell left", "", False),
    ("cursor.down", "j down", "down", "one row down", "", False),
    ("cursor.up", "k up", "up", "one row up", "", False),
    ("cursor.right", "l right", "right", "one cell right", "", False),
    ("cursor.block.previous", "H", "previous block", "previous memory block", "", False),
    ("cursor.block.next", "L", "next block", "next memory block", "", False),
    ("cursor.edge.previous", "{", "previous edge", "previous zone boundary or hole", "", False),
    ("cursor.edge.next", "}", "next edge", "next zone boundary or hole", "", False),
    ("cursor.row.start", "0 home", "row start", "start of the row", "", False),
    ("cursor.row.end", "$ end", "row end", "end of the row", "", False),
    ("cursor.first", "g", "first pfn", "first pfn", "", False),
    ("cursor.last", "G", "last pfn", "last pfn", "", False),
    ("cursor.half.down", "ctrl+d", "half down", "half a page down", "", False),
    ("cursor.half.up", "ctrl+u", "half up", "half a page up", "", False),
    ("cursor.page.down", "pagedown", "page down", "a page down", "", False),
    ("cursor.page.up", "pageup", "page up", "a page up", "", False),
    ("cursor.mark", '"', "mark", "name this place: asks for a letter", "mark {name}", False),
    (
        "cursor.to_mark",
        "'",
        "to mark",
        "go to a named place; twice: back to where the last jump began",
        "",
        False,
    ),
    ("cursor.struct_pages", "w", "struct pages", "jump to where the struct pages live", "", False),
    (
        "view.zoom.in",
        "+ =",
        "zoom in",
        "smaller cells: block, section, subsection, page",
        "",
        False,
    ),
    ("view.zoom.out", "-", "zoom out", "larger cells", "", False),
    (
        "view.zoom.fit",
        "Z",
        "zoom fit",
        "all memory on one screen; again: one block a row",
        "",
        False,
    ),
    ("view.fold", "z", "fold", "fold or unfold holes", "", False),
    ("view.select", "v", "select", "start or drop a selection", "", False),
    (
        "view.deselect",
        "escape",
        "drop selection",
        "drop the selection; stop what takes long",
        "",
        False,
    ),
    (
        "view.explain",
        "enter",
        "explain",
        "explain the cell: who owns it, which rule says so",
        "",
        False,
    ),
    ("view.diff", "D", "diff", "before and after of the last step", "diff", False),
    ("view.maximise", "M", "maximise", "the focused panel alone", "", False),
    ("view.focus.next", "tab", "next panel", "focus the next panel", "", False),
    ("view.focus.previous", "shift+tab", "previous panel", "focus the previous panel", "", False),
    ("view.panel.map", "1", "map", "show or hide the map", "", False),
    ("view.panel.zones", "2", "zones", "show or hide the zones", "", False),
    ("view.panel.blocks", "3", "blocks", "show or hide the block list", "", False),
    ("view.panel.events", "4", "events", "show or hide the events", "", False),
    ("view.panel.legend", "5", "legend", "show or hide the legend", "", False),
    ("view.panel.inspector", "6", "inspector", "show or hide the inspector", "", False),
    ("view.yank", "y", "copy panel", "copy the focused panel as plain text", "", False),
    ("view.yank.frame", "Y", "copy frame", "copy the whole frame as plain text", "", False),
    ("find.open", "/", "find", "find a block, pfn, address, zone or state", "", False),
    ("find.next", "n", "next match", "next match", "", False),
    ("find.previous", "N", "previous match", "previous match", "", False),
    (
        "session.branch",
        "b",
        "branch",
        "another branch of the session; of a real machine: a simulation of it",
        "",
        False,
    ),
    ("session.save", "", "save", "save the session as a scenario", "save {file}", False),
    ("session.write", "", "write", "write the frame to a file", "write {file}", False),
    (
        "session.compare",
        "",
        "compare",
        "the same commands under other rules",
        "compare {variant}",
        False,
    ),
    ("app.command", ":", "command", "type a command", "", True),
    ("app.help", "? f1", "help", "this help", "help", True),
    (
        "app.glossary",
        "K",
        "words",
        "what the words and states on the screen mean",
        "",
        False,
    ),
    ("app.palette", "ctrl+p", "palette", "every action that applies now", "", False),
    ("app.tour", "T", "leave tour", "leave the tour that 'pfnmap tour' begins", "", False),
    ("app.tour.again", "R", "set up", "set up the present step of the tour anew", "", False),
    ("app.redraw", "ctrl+l", "redraw", "draw the screen anew", "", False),
    ("app.suspend", "ctrl+z", "suspend", "back to the shell for a while", "", False),
    ("app.quit", "q ctrl+q", "quit", "quit", "quit", False),
    (
        "app.quit.keep",
        "Q",
        "quit, keep frame",
        "quit and leave the frame in the scrollback",
        "",
        False,
    ),
)

ACTIONS: Final[dict[str, Action]] = {
    name: Action(name, tuple(keys.split()), label, text, command, footer)
    for name, keys, label, text, command, footer in _TABLE
}
"""Every action by its id, in the order of the help screen."""


def action_of_key(key: str) -> Action | None:
    """The action a key has by default."""
    return next((action for action in ACTIONS.values() if key in action.keys), None)


def action_of_verb(verb: str) -> Action | None:
    """The action whose command begins with a verb of the language: the plainest, so the first."""
    found = (action for action in ACTIONS.values() if action.command.split()[:1] == [verb])
    return next(found, None)
