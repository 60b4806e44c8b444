"""Reading documents back, strictly."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from pfnmap.tui.documents.schema import DOCUMENTS


def decoded(text: str, name: str) -> Any:
    """A document as plain data: of this format, no key too many or too few, in their order."""
    plain = json.loads(text)
    typed: Any = msgspec.json.decode(text, type=DOCUMENTS[name])
    # Readers of a document must let new keys pass; this project's own tests must not.
    assert json.dumps(msgspec.to_builtins(typed)) == json.dumps(plain)
    return plain
