"""Everything there is to fuzz, by name."""

from __future__ import annotations

from tests.fuzz.commands import Commands
from tests.fuzz.journals import Journals
from tests.fuzz.outputs import Outputs, Places
from tests.fuzz.people import Keys, Moving
from tests.fuzz.relations import Relations
from tests.fuzz.settings import Keymaps, Themes
from tests.fuzz.texts import Lines, Scenarios
from tests.fuzz.traces import Traces
from tests.fuzz.trees import Captures, Trees
from tests.fuzz.workers import Target

_TARGETS: tuple[Target, ...] = (
    Commands(), Lines(), Scenarios(), Traces(), Journals(), Themes(), Keymaps(), Trees(),
    Captures(), Outputs(), Places(), Relations(),
    Keys(), Moving(),
)  # fmt: skip
NAMES = tuple(target.what for target in _TARGETS)


def target_named(name: str) -> Target:
    """The target of a name."""
    return next(target for target in _TARGETS if target.what == name)
