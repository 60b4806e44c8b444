"""List the scenarios that come with pfnmap; open one with 'pfnmap NAME'."""

from __future__ import annotations

import argparse

from pfnmap.tui.cli.parser import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each scenario: its name and its title."""
    from pfnmap.engine.scenarios.scenario import load_scenario
    from pfnmap.engine.sources import shipped_scenarios
    from pfnmap.tui.text.ascii import plain

    files = shipped_scenarios()
    width = max((len(name) for name in files), default=0)
    emit(f"{name:<{width}}  {plain(load_scenario(file).title)}" for name, file in files.items())
    return 0
