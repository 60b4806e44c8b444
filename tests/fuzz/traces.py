"""Recordings of real kernels, damaged as JSON and as bytes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from pfnmap.engine.sources import trace_session
from pfnmap.engine.traces.trace import load_trace
from pfnmap.engine.traces.verify import verify_trace
from pfnmap.tui.documents.view import as_json, view_data
from pfnmap.tui.text.frame import render_text
from tests.fuzz.damage import damaged_bytes, damaged_value
from tests.fuzz.inputs import Inputs

FOLDER = Path(__file__).parents[1] / "traces"
SMALL_BYTES = 60_000
"""Recordings up to this size are damaged; the larger ones say the same, longer."""


@cache
def recordings() -> tuple[bytes, ...]:
    """The recordings as the files they are."""
    files = (path.read_bytes() for path in sorted(FOLDER.glob("*.json")))
    return tuple(data for data in files if len(data) <= SMALL_BYTES)


@cache
def _parsed(index: int) -> Any:
    return json.loads(recordings()[index])


class Traces(Inputs[bytes]):
    """A recording."""

    what = "traces"

    def make(self, rng: Random) -> bytes:
        """A recording with other values, or with other bytes."""
        index = rng.randrange(len(recordings()))
        if rng.random() < 0.2:
            return damaged_bytes(rng, recordings()[index], recordings())
        data = _parsed(index)
        steps = data["steps"][: rng.randrange(1, 6)]  # what follows is like what went before
        return json.dumps(damaged_value(rng, {**data, "steps": steps}), default=str).encode()

    def use(self, item: bytes) -> str:
        """Load it, replay it as a session, compare it with the engine, and print its end."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "fuzzed.json"
            file.write_bytes(item)
            trace = load_trace(file)
        session = trace_session(trace)
        for position in (0, len(session.outcomes)):
            session.seek(position)
            render_text(session.view)
            as_json(view_data(session.view, session.last))
        return "differs" if verify_trace(trace) else "works"
