"""JSON from outside, read as types: what is wrong is one sentence with file and field."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import MAX_NUMNODES
from pfnmap.engine.printable import printable

MAX_REASON_CHARACTERS = 120

T = TypeVar("T")
Pages = Annotated[int, Meta(ge=0, lt=1 << 52)]
Byte = Annotated[int, Meta(ge=0)]
"""An address or a size; that it is below 2 to the 64 is checked where it stands."""
NodeId = Annotated[int, Meta(ge=0, lt=MAX_NUMNODES)]


def typed(data: bytes | dict[str, Any], kind: type[T], name: str) -> T:
    """A document (JSON text, or what was parsed from it) as values of its type.

    Raises:
        InputError: ``NAME: field 'steps[2].after.zones[0].node': expected …``, or where the
            JSON itself ends or goes wrong.
    """
    try:
        if isinstance(data, bytes):
            return msgspec.json.decode(data, type=kind)
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        reason = reason[:1].lower() + reason[1:].replace("`", "")
        if len(reason) > MAX_REASON_CHARACTERS:
            reason = reason[: MAX_REASON_CHARACTERS - 1] + "…"
        place = path.rstrip("`")
        if reason.startswith("object missing required field "):
            place, reason = f"{place}.{reason.split()[-1]}", "is missing"
        place = place.lstrip(".")
        raise InputError(
            f"{name}: {f'field {place!r}: ' * bool(place)}{printable(reason)}"
        ) from None
    except (ValueError, RecursionError) as error:
        reason = printable(str(error)) if isinstance(error, ValueError) else "nested too deeply"
        raise InputError(f"{name}: no JSON: {reason[:MAX_REASON_CHARACTERS]}") from None
