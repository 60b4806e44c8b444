"""The fixed words of the language: which values each word may have."""

from __future__ import annotations

from typing import Final

from pfnmap.engine.errors import InputError, ParseError
from pfnmap.engine.kinds import ZONE_BY_LABEL, PageState, ZoneType
from pfnmap.engine.language.values import parse_number
from pfnmap.engine.language.wrong import choose, closest, shown, wrong
from pfnmap.engine.params import PARAM_VALUES, Params
from pfnmap.engine.profile import PROFILES, RULE_ALIASES, RULE_VALUES, is_release

PIN_KINDS: Final = ("unmovable", "movable", "offline")
ZOOM_LEVELS: Final = ("page", "subsection", "section", "block", "fit")
BLOCK_STATES: Final = ("online", "offline", "going-online", "going-offline")
VERDICTS: Final = ("correct", "corrupts", "lost-saving")
PAGE_WORDS: Final = tuple(dict.fromkeys(state.word for state in PageState))
ONLINE_KINDS: Final = ("kernel", "movable")


def parse_zone(text: str) -> ZoneType:
    """A zone name as the kernel prints it."""
    if text in ZONE_BY_LABEL:
        return ZONE_BY_LABEL[text]
    choose(text, ZONE_BY_LABEL, "zone")
    raise AssertionError("choose refuses every word that is not in the table")


def parse_param(name: str, value: str, column: int, value_column: int) -> tuple[str, str]:
    """A parameter of ``set`` with its value in the kernel's own spelling."""
    choose(name, PARAM_VALUES, "parameter", column)
    if name == "auto_movable_ratio" and value[:1].isdigit():
        try:
            value = str(parse_number(value, "percentage"))
        except ParseError as error:
            raise ParseError(error.message, column=value_column) from None
    try:
        return name, dict(Params().with_word(name, value).words())[name]
    except InputError:
        spoken = PARAM_VALUES[name]
        known = [w for w in spoken.replace(",", " ").split() if w not in ("or", "a", "e.g.")]
        raise wrong(
            f"{name} cannot be {shown(value)}",
            expected=spoken,
            meant=closest(value, known),
            column=value_column,
        ) from None


def rule_values() -> dict[str, tuple[str, ...]]:
    """Every rule of ``rule`` with the values it takes."""
    return {
        name: (*values, *(alias for rule, alias in RULE_ALIASES if rule == name))
        for name, values in RULE_VALUES.items()
    }


def profile_names() -> tuple[str, ...]:
    """The profiles of ``machine profile=`` that have a name of their own."""
    return tuple(PROFILES)


def parse_profile(text: str) -> str:
    """A profile's name, or any release such as ``6.9``."""
    return text if is_release(text) else choose(text, profile_names(), "profile")
