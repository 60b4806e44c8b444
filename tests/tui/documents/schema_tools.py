"""JSON schemas: made from the typed dictionaries, and used to check documents.

Only the keywords that the schemas of this project use are known; any other is an error.
"""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import pfnmap.tui.documents.view

SCHEMAS = Path(pfnmap.tui.documents.view.__file__).parent / "schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SIMPLE = {int: "integer", str: "string", bool: "boolean", float: "number", NoneType: "null"}
_KNOWN = {
    "$schema", "$id", "$defs", "$ref", "title", "description", "type", "properties", "required",
    "items", "additionalProperties", "const", "minItems", "maxItems", "anyOf",
}  # fmt: skip


# -- from types ---------------------------------------------------------------------------
def schema_of(document: type, name: str) -> dict[str, Any]:
    """The schema of a typed dictionary and of those it is made of."""
    defs: dict[str, Any] = {}
    top = _object(document, defs)
    top["properties"]["format"] = {"const": name}
    return {"$schema": DIALECT, "$id": f"{name}.json", "title": name, **top, "$defs": defs}


def _object(kind: type, defs: dict[str, Any]) -> dict[str, Any]:
    notes = _notes(kind)
    properties = {}
    for key, hint in get_type_hints(kind).items():
        properties[key] = _value(hint, defs)
        if key in notes:
            properties[key] = {"description": notes[key], **properties[key]}
    described = " ".join((inspect.getdoc(kind) or "").split())
    return {
        "description": described,
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def _value(hint: Any, defs: dict[str, Any]) -> dict[str, Any]:
    origin = get_origin(hint)
    if is_typeddict(hint):
        name = hint.__name__.removesuffix("Data")
        if name not in defs:
            defs[name] = {}
            defs[name] = _object(hint, defs)
        return {"$ref": f"#/$defs/{name}"}
    if origin is list:
        return {"type": "array", "items": _value(get_args(hint)[0], defs)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _value(get_args(hint)[1], defs)}
    if origin in (Union, UnionType):
        parts = [_value(part, defs) for part in get_args(hint)]
        if all(set(part) == {"type"} for part in parts):
            return {"type": [part["type"] for part in parts]}
        return {"anyOf": parts}
    return {"type": _SIMPLE[hint]}


def _notes(kind: type) -> dict[str, str]:
    """The strings under the keys of a class."""
    (body,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(body, ast.ClassDef)
    notes = {}
    for field, note in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(note, ast.Expr)
            and isinstance(note.value, ast.Constant)
        ):
            notes[field.target.id] = " ".join(str(note.value.value).split())
    return notes


# -- checking -------------------------------------------------------------------------------
def load(name: str) -> dict[str, Any]:
    """The schema file of a format."""
    loaded: dict[str, Any] = json.loads((SCHEMAS / name).read_text())
    return loaded


def problems(
    value: object, schema: dict[str, Any], root: dict[str, Any], at: str = "$"
) -> list[str]:
    """Where a document is not as its schema says."""
    unknown = set(schema) - _KNOWN
    assert not unknown, f"{at}: the schema uses {unknown}"
    found: list[str] = []
    if "$ref" in schema:
        file, _, path = schema["$ref"].partition("#")
        base = load(file) if file else root
        target = base
        for part in path.split("/")[1:]:
            target = target[part]
        found += problems(value, target, base, at)
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: {value!r} is not {schema['const']!r}")
    if "type" in schema and _type(value) not in _types(schema["type"]):
        return [*found, f"{at}: {_type(value)} is not {schema['type']}"]
    if "anyOf" in schema and all(problems(value, s, root, at) for s in schema["anyOf"]):
        found.append(f"{at}: is none of the alternatives")
    if isinstance(value, list):
        found += _list_problems(value, schema, root, at)
    if isinstance(value, dict):
        found += _object_problems(value, schema, root, at)
    return found


def _list_problems(
    value: list[Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> list[str]:
    found = []
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        found.append(f"{at}: {len(value)} items")
    for number, item in enumerate(value):
        found += problems(item, schema.get("items", {}), root, f"{at}[{number}]")
    return found


def _object_problems(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> list[str]:
    properties = schema.get("properties", {})
    found = [f"{at}.{key}: is missing" for key in schema.get("required", ()) if key not in value]
    for key, item in value.items():
        if key in properties:
            found += problems(item, properties[key], root, f"{at}.{key}")
        elif "additionalProperties" in schema:
            found += problems(item, schema["additionalProperties"], root, f"{at}.{key}")
        elif properties:
            # Readers must let new keys pass; this project's own tests must not.
            found.append(f"{at}.{key}: is not described")
    return found


def _type(value: object) -> str:
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else _SIMPLE[type(value)]


def _types(words: str | list[str]) -> list[str]:
    listed = [words] if isinstance(words, str) else words
    return [*listed, "integer"] if "number" in listed else listed
