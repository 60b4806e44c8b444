"""The palette: every action that applies now, by name, and the themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from engine.language import ACTIONS
from themes import theme_files

if TYPE_CHECKING:
    from tui.app import PfnmapApp
    from tui.screens.main import MainScreen

Entry = tuple[str, str, Callable[[], object]]


class ActionProvider(Provider):
    """Offers the registry's actions and the theme files."""

    def entries(self) -> Iterator[Entry]:
        """(name, help, what to do) of everything that applies now."""
        screen = cast("MainScreen", self.screen)
        here, desk = screen.here, screen.desk
        for action in ACTIONS.values():
            if action.id == "app.palette" or desk.why_not(action.id, here):
                continue
            key = desk.keymap.first(action.id)
            words = f"{action.help} ({key})" if key else action.help
            yield f"{action.area}: {action.label}", words, partial(screen.act, action.id)
        app = cast("PfnmapApp", self.app)
        for name in theme_files():
            if name != app.paint.theme.name:
                yield f"theme: {name}", "other colours and glyphs", partial(app.use_theme, name)

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for name, words, callback in self.entries():
            yield DiscoveryHit(Content(name), callback, text=name, help=words)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for name, words, callback in self.entries():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), callback, text=name, help=words)
