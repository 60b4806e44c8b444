"""Keys about the panels of the main screen: scrolling, the focus, what is shown at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pfnmap.tui.map import motions
from pfnmap.tui.screens import layout
from pfnmap.tui.widgets.lines import Line
from pfnmap.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from pfnmap.tui.screens.main import MainScreen

FOCUS_ORDER = (layout.MAP, layout.ZONES, layout.BLOCKS, layout.INSPECTOR, layout.EVENTS)
PANEL = "view.panel."
"""What the actions that show or hide a panel begin with; the panel's name follows."""


def focus_first(screen: MainScreen) -> None:
    """Give the focus to the first panel that is shown."""
    for name in FOCUS_ORDER:
        panel = screen.by_name[name]
        if panel.display:
            panel.focus()
            return


def scrolls(screen: MainScreen, action_id: str) -> bool:
    """Vertical motions scroll the focused panel when that is not the map."""
    panel = screen.focused
    if not isinstance(panel, Panel) or panel is screen.map or isinstance(panel, Line):
        return False
    scroll = motions.SCROLLS.get(action_id)
    if scroll is None:
        return False
    if panel is screen.blocks:
        page = max(1, panel.size.height - 2)
        _step_blocks(screen, scroll(page, screen.desk.view.nr_blocks))
    else:
        panel.scroll_lines(scroll(max(1, panel.size.height - 1), panel.nr_lines))
    return True


def _step_blocks(screen: MainScreen, count: int) -> None:
    """Move the cursor by blocks that exist."""
    view = screen.desk.view
    pages = view.geometry.block_pages
    rank = view.rank_of(screen.viewport.cursor_cell[0] // pages) + count
    ids = view.block_ids(min(max(rank, 0), max(0, view.nr_blocks - 1)), 1)
    if len(ids):
        screen.map.look(screen.viewport.at(int(ids[0]) * pages))


def panel_act(screen: MainScreen, action_id: str) -> bool:
    """Do an action about panels and the focus; False where it is about something else."""
    if action_id.startswith(PANEL):
        _toggle(screen, action_id.removeprefix(PANEL))
    elif action_id == "view.focus.next":
        _focus_step(screen, 1)
    elif action_id == "view.focus.previous":
        _focus_step(screen, -1)
    elif action_id == "view.maximise":
        focused = screen.focused.id if screen.focused is not None else None
        screen.maximised = None if screen.maximised else focused
        screen.replace()
    else:
        return False
    return True


def _toggle(screen: MainScreen, name: str) -> None:
    """Focus a panel that is visible; hide it when it has the focus; else show it."""
    panel = screen.by_name[name]
    focusable = panel.can_focus
    if panel.display and focusable and not panel.has_focus:
        panel.focus()
        return
    if panel.display and name in screen.wanted:
        screen.wanted -= {name}
    else:
        screen.wanted |= {name}
    screen.maximised = None
    screen.replace()
    if not panel.display:
        focus_first(screen)
    if name in screen.wanted and not panel.display:
        screen.acts.complain(f"there is no room for {name} in this terminal")
    elif panel.display and focusable:
        panel.focus()


def _focus_step(screen: MainScreen, step: int) -> None:
    """Give the focus to a panel before or behind the one that has it."""
    shown = [p for name in FOCUS_ORDER if (p := screen.by_name[name]).display]
    if not shown:
        return
    place = shown.index(screen.focused) if screen.focused in shown else -1
    shown[(place + step) % len(shown)].focus()
