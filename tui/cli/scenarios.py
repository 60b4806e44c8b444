"""List the scenarios that come with pfnmap; open one with 'pfnmap NAME'."""

from __future__ import annotations

import argparse

from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.tui.cli.parser import emit
from pfnmap.tui.text.ascii import plain


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each scenario: its name and its title."""
    files = shipped_scenarios()
    width = max((len(name) for name in files), default=0)
    emit(f"{name:<{width}}  {plain(load_scenario(file).title)}" for name, file in files.items())
    return 0
