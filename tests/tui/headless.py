"""Textual without what nobody sees: tests start hundreds of programs and press thousands of keys.

A headless program has no terminal. Its frames are composed all the same; the last one is drawn
by :func:`tests.tui.stage.stage`, and those before it when a test looks at them. Panels, too, draw
their lines only then; the fixture ``drawn_at_once`` is for tests about when that happens.
"""

from __future__ import annotations

from typing import Any

from textual._compositor import Compositor
from textual._context import active_app, visible_screen_stack
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from pfnmap.tui.widgets.panel import Panel

_draw: Any = Compositor.render_update
_parse: Any = Stylesheet._parse_rules
_rules: dict[object, list[RuleSet]] = {}
repaint_at_once: Any = Panel.repaint


def _render_update(
    compositor: Compositor, full: bool = False, screen_stack: Any = None, simplify: bool = False
) -> Any:
    """What goes to the terminal; nothing where there is none."""
    if not active_app.get().is_headless:
        return _draw(compositor, full, screen_stack, simplify)
    visible_screen_stack.set(screen_stack or [])
    compositor._dirty_regions.clear()
    return None


def _parse_rules(sheet: Stylesheet, css: str, *args: Any, **more: Any) -> list[RuleSet]:
    """The rules of a style sheet, parsed once for all programs with the same colours."""
    key = (css, args, *sorted(more.items()), frozenset(sheet._variables.items()))
    if key not in _rules:
        _rules[key] = _parse(sheet, css, *args, **more)
    return _rules[key]


def _repaint_later(panel: Panel) -> None:
    """Drawn when somebody looks; at once where that says how far it can be scrolled."""
    if not panel.is_attached or not active_app.get().is_headless or panel.first_line:
        repaint_at_once(panel)
    else:
        panel._shown = []
        panel.__dict__["_due"] = True
        panel.refresh()


def _nr_lines(panel: Panel) -> int:
    """As of the last drawing, which may be due."""
    if panel.__dict__.pop("_due", False):
        repaint_at_once(panel)
    number: int = panel.__dict__["nr_lines"]
    return number


def _set_nr_lines(panel: Panel, number: int) -> None:
    panel.__dict__.update(nr_lines=number, _due=False)


def quicken() -> None:
    """Do without, from now on in this process."""
    setattr(Compositor, "render_update", _render_update)  # noqa: B010 (a method is replaced)
    setattr(Stylesheet, "_parse_rules", _parse_rules)  # noqa: B010
    setattr(Panel, "repaint", _repaint_later)  # noqa: B010
    setattr(Panel, "nr_lines", property(_nr_lines, _set_nr_lines))  # noqa: B010
