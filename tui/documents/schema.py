"""JSON Schemas of what pfnmap prints and saves, made from the types of the documents."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, get_args, get_type_hints

import msgspec

from pfnmap.engine.errors import InputError, quoted
from pfnmap.engine.sysroot import capture
from pfnmap.tui.documents import reports
from pfnmap.tui.documents.diff import DiffData
from pfnmap.tui.documents.view import ViewData, ViewData2, as_json
from pfnmap.tui.text.blocks import COLUMNS

DOCUMENTS: Final[dict[str, type]] = {
    "pfnmap-blocks-1": reports.BlocksTableData,
    **capture.FORMATS,
    "pfnmap-compare-1": reports.CompareData,
    "pfnmap-config-1": reports.ConfigData,
    "pfnmap-diff-1": DiffData,
    "pfnmap-plan-1": reports.PlanData,
    "pfnmap-run-1": reports.RunData,
    "pfnmap-sessions-1": reports.SessionsData,
    "pfnmap-view-1": ViewData,
    "pfnmap-view-2": ViewData2,
}
"""Every document's type by its format."""


def schema_names() -> tuple[str, ...]:
    """The formats that have a schema, all there are."""
    return tuple(DOCUMENTS)


def schema(name: str) -> str:
    """The JSON Schema of a format, as text; InputError for a name that is none."""
    if name not in DOCUMENTS:
        raise InputError(f"schema {quoted(name)}: expected one of {', '.join(DOCUMENTS)}")
    made: dict[str, Any] = msgspec.json.schema(DOCUMENTS[name])
    for kind in _kinds(DOCUMENTS[name]):
        definition = made["$defs"][kind.__name__]
        if "properties" not in definition:  # an array: its items have no names but these
            names = msgspec.structs.fields(kind)
            items = zip(names, definition["prefixItems"], strict=True)
            definition["prefixItems"] = [{"title": each.name, **item} for each, item in items]
            continue
        properties = definition["properties"]
        for key, words in _notes(kind).items():
            properties[key] = {"description": words, **properties[key]}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{name}.json"}
    return as_json({**head, "title": name, **made})


def _kinds(hint: Any) -> Iterator[type]:
    """The classes with fields that a type is made of, itself first."""
    parts = get_args(hint)
    if isinstance(hint, type) and hasattr(hint, "__annotations__"):
        yield hint
        parts = tuple(get_type_hints(hint).values())
    for part in parts:
        yield from _kinds(part)


def _notes(kind: type) -> dict[str, str]:
    """What the strings under the fields of a class say; of a table's row, the columns' help."""
    if kind is reports.MemoryRow:
        return {name.lower(): words for name, words in COLUMNS.items()}
    (made,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(made, ast.ClassDef)
    notes = {}
    for field, below in pairwise(made.body):
        match field, below:
            case (ast.AnnAssign(target=ast.Name(key)), ast.Expr(ast.Constant(str(words)))):
                notes[key] = " ".join(words.split())
    return notes
