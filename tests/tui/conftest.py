from tests.tui.headless import quicken

quicken()
