import pytest

from pfnmap.tui.widgets.panel import Panel
from tests.tui.headless import quicken, repaint_at_once

quicken()


@pytest.fixture
def drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panels draw as soon as they are to show something else, as on a terminal."""
    monkeypatch.setattr(Panel, "repaint", repaint_at_once)
