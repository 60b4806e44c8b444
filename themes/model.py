"""A theme as values: glyph, foreground and background of everything that has a meaning.

Glyph first, colour second: within a theme every page state has a glyph of its own, so that
nothing is lost when the colours are stripped. Colours are words: ``#rrggbb``, one of
:data:`ANSI_COLOURS`, or ``default`` (the terminal's own).
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.kinds import BlockState, PageState

ANSI_COLOURS: tuple[str, ...] = (
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright_black",
    "bright_red",
    "bright_green",
    "bright_yellow",
    "bright_blue",
    "bright_magenta",
    "bright_cyan",
    "bright_white",
)
"""The 16 colours of ECMA-48 terminals by the names Rich uses, in index order."""

DEFAULT_COLOUR = "default"
"""The terminal's own foreground or background."""

COLOUR_KINDS: tuple[str, ...] = ("rgb", "ansi", "none")
"""What a theme's colours are: ``#rrggbb``, the terminal's 16, or nothing but ``default``."""

ATTRIBUTES: tuple[str, ...] = ("bold", "reverse", "underline")
"""Attributes that work where colour does not."""

BORDERS: tuple[str, ...] = ("line", "ascii")
"""Box-drawing characters or ``+-|``."""

PARTIAL_STEPS = 8
"""A cell is divided into eighths: partial glyph k covers k/8 of the cell from the left."""


class Look(Struct, frozen=True):
    """How one thing is drawn: a glyph of one column (may be empty for a mark) and two colours."""

    glyph: str
    fg: str
    bg: str
    attributes: frozenset[str] = frozenset()


class Interface(Struct, frozen=True):
    """Colours of everything around the map."""

    background: str
    panel: str
    """Background of headings, the footer and dialogs."""
    text: str
    dim: str
    """Text of lesser weight; still readable."""
    accent: str
    """Keys, the focused panel's title."""
    border: str
    refusal: str
    warning: str
    finding: str


INTERFACE_KEYS: tuple[str, ...] = Interface.__match_args__
"""The keys of a theme file's ``[ui]`` table."""


def state_key(state: PageState) -> str:
    """The key of a page state in a theme file, e.g. ``free-dma32``."""
    return state.name.lower().replace("_", "-")


STATE_KEYS: tuple[str, ...] = tuple(state_key(state) for state in PageState)
BLOCK_KEYS: tuple[str, ...] = tuple(state.word for state in BlockState)
MARK_KEYS: tuple[str, ...] = ("cursor", "selection", "change")


class Theme(Struct, frozen=True):
    """One complete theme. Immutable; the ``with_…`` methods return variants."""

    name: str
    title: str
    """What it is for, in a few words."""
    colours: str
    """One of :data:`COLOUR_KINDS`."""
    dark: bool
    """Meant for a dark background."""
    borders: str
    """One of :data:`BORDERS`."""
    partials: tuple[str, ...]
    """Left partial blocks for 1/8 … 8/8 of a cell, or empty where there are none."""
    states: tuple[Look, ...]
    """By :class:`PageState` value."""
    blocks: tuple[Look, ...]
    """By :class:`BlockState` value."""
    cursor: Look
    """An empty glyph keeps the cell's own; empty colours keep the cell's own."""
    selection: Look
    change: Look
    """The mark of what the last command changed."""
    ui: Interface

    def state(self, state: PageState) -> Look:
        """How a page state is drawn."""
        return self.states[state]

    def block(self, word: str) -> Look:
        """How a block state is drawn; a word no kernel documents is drawn as going-offline."""
        try:
            return self.blocks[BLOCK_KEYS.index(word)]
        except ValueError:
            return self.blocks[BlockState.GOING_OFFLINE]

    @property
    def ascii_only(self) -> bool:
        """Whether every glyph and border is 7-bit ASCII."""
        return self.borders == "ascii" and all(look.glyph.isascii() for look in self.looks())

    def looks(self) -> tuple[Look, ...]:
        """Every look of the theme."""
        marks = (self.cursor, self.selection, self.change)
        return (*self.states, *self.blocks, *marks)

    def with_glyphs_of(self, other: Theme) -> Theme:
        """These colours with the glyphs, borders and partial blocks of another theme."""
        return _merged(self, glyphs=other, colours=self)

    def with_colours_of(self, other: Theme) -> Theme:
        """These glyphs with the colours and attributes of another theme."""
        return _merged(self, glyphs=self, colours=other)


def _merged(theme: Theme, *, glyphs: Theme, colours: Theme) -> Theme:
    """``theme`` with its glyphs from one theme and its colours from another."""

    def mix(shape: Look, paint: Look) -> Look:
        return replace(paint, glyph=shape.glyph)

    return replace(
        theme,
        colours=colours.colours,
        dark=colours.dark,
        borders=glyphs.borders,
        partials=glyphs.partials,
        states=tuple(map(mix, glyphs.states, colours.states)),
        blocks=tuple(map(mix, glyphs.blocks, colours.blocks)),
        cursor=mix(glyphs.cursor, colours.cursor),
        selection=mix(glyphs.selection, colours.selection),
        change=mix(glyphs.change, colours.change),
        ui=colours.ui,
    )
