"""What each word of the command language comes to on a guest."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pfnmap.engine.commands import VERBS
from pfnmap.engine.guest.actions import perform
from pfnmap.engine.guest.errors import UnplayableError
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.language.lines import parse_line


class AskedError(Exception):
    """A guest is asked for something: the word means something there."""


class NoGuest:
    """What stands in a guest's place."""

    def __getattr__(self, name: str) -> Any:
        raise AskedError(name)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_word_is_done_or_refused_with_a_reason(verb: str) -> None:
    command = parse_line(VERBS[verb].example)
    assert command is not None
    try:
        done = perform(cast("Recorder", NoGuest()), command)
    except UnplayableError as refused:
        assert "not on a real machine: " in str(refused)
    except AskedError:
        return
    else:
        assert done == []
