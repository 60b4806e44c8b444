"""Which panel goes where at a given size. Pure arithmetic, no Textual."""

from __future__ import annotations

from msgspec import Struct

SMALLEST = (60, 16)
"""Below this the map alone is shown, with one line that says so."""

PANELS = ("map", "figure", "blocks", "events", "legend", "inspector")
MAP, FIGURE, BLOCKS, EVENTS, LEGEND, INSPECTOR = PANELS

SIDE_MIN = 32
SIDE_MAX = 68
MAP_MIN_WIDTH = 82
MAP_MIN_HEIGHT = 5
LEAST_FIGURE = 4
"""A heading, the axis, and two rows."""
LEAST_BLOCKS = 4
SIDE_BLOCKS = 8
"""Lines of the block table under the inspector, at least."""

Lines = dict[str, int]
"""How many lines each panel has, by its name; 0 where it is not shown."""


class Place(Struct, frozen=True):
    """A rectangle of the screen."""

    x: int
    y: int
    width: int
    height: int


def places(
    width: int,
    height: int,
    wanted: frozenset[str],
    *,
    map_width: int = MAP_MIN_WIDTH,
    maximised: str | None = None,
) -> dict[str, Place]:
    """The rectangle of every panel that is shown, by its name, from top to bottom.

    What there is no room for is left out.

    Args:
        width: of the screen.
        height: of the screen.
        wanted: panels a person wants to see.
        map_width: what the map needs beside a side column.
        maximised: a panel that gets all the room.
    """
    if height <= 0 or width <= 0:
        return {}
    if width < SMALLEST[0] or height < SMALLEST[1]:
        # The plain view for a terminal that is smaller than everything was made for.
        plain = {"notice": int(height >= 2), "status": int(height >= 4), "footer": int(height >= 6)}
        return _placed(width, height, {**plain, MAP: height - sum(plain.values())})
    lines = {"title": 1, "timeline": int(height >= 22), "status": 1, "footer": 1}
    room = height - sum(lines.values())
    legend = 1 if wanted >= {LEGEND, MAP} else 0
    if maximised == INSPECTOR:
        return _placed(width, height, lines, {INSPECTOR: room}, width)
    if maximised is not None:
        above = {LEGEND: legend} if maximised == MAP else {}
        return _placed(width, height, {**lines, **above, maximised: room - sum(above.values())})
    side = _side_width(width, wanted, map_width)
    if not side:
        return _placed(width, height, lines | _stacked(room, legend, wanted))
    if room < 2 * SIDE_BLOCKS + 8 and wanted >= {BLOCKS, INSPECTOR}:
        wanted -= {INSPECTOR}  # asked for last, and there is no room for both
    stacked = _stacked(room, legend, wanted - {BLOCKS}, beside=True)
    column = room - stacked[EVENTS] - stacked[FIGURE]
    blocks = 0
    if BLOCKS in wanted:
        blocks = column if INSPECTOR not in wanted else max(SIDE_BLOCKS, column - 26)
    beside = {INSPECTOR: column - blocks if INSPECTOR in wanted else 0, BLOCKS: blocks}
    return _placed(width, height, lines | stacked, beside, side)


def _stacked(room: int, legend: int, wanted: frozenset[str], *, beside: bool = False) -> Lines:
    """What stands one above the other; ``beside``: with a column at the right of the map."""
    # A heading and two lines at least: the figure says what came of it. What the map can spare is
    # the figure's, whatever there is to be drawn: it must not change under way.
    events = max(3, room // 7) if EVENTS in wanted else 0
    figure = max(LEAST_FIGURE, 1 + room * 4 // 9) if FIGURE in wanted else 0
    room -= events + legend
    figure = min(figure, room - MAP_MIN_HEIGHT - (LEAST_BLOCKS if BLOCKS in wanted else 0))
    if figure < LEAST_FIGURE:
        figure = 0
    room -= figure
    blocks = 0
    if BLOCKS in wanted:
        blocks = min(max(LEAST_BLOCKS, room // 3), room - MAP_MIN_HEIGHT)
        blocks = blocks if blocks >= 3 else 0
    map_height = room - blocks if MAP in wanted else 0
    if MAP not in wanted and blocks:
        blocks = room
    elif MAP not in wanted and EVENTS in wanted and not beside:
        events += room
    return {FIGURE: figure, MAP: map_height, LEGEND: legend, BLOCKS: blocks, EVENTS: events}


def _side_width(width: int, wanted: frozenset[str], map_width: int) -> int:
    """The side column: what the map leaves, if that is enough to be read."""
    if not wanted & {INSPECTOR, BLOCKS}:
        return 0
    side = width - map_width if MAP in wanted else width
    if side < SIDE_MIN:
        return 0
    return side if MAP not in wanted else min(side, SIDE_MAX)


def _placed(
    width: int, height: int, lines: Lines, column: Lines | None = None, side: int = 0
) -> dict[str, Place]:
    """Panels from top to bottom; those of the column stand at the right of the map."""
    result: dict[str, Place] = {}
    y = 0
    main = width - side if lines.get(MAP) or lines.get(BLOCKS) else width
    beside_column = max(1, main - 1) if side and main < width else max(1, main)

    def put(name: str, columns: int = width) -> None:
        nonlocal y
        if count := lines.get(name, 0):
            result[name] = Place(0, y, columns, count)
            y += count

    put("title")
    put("notice")
    put(FIGURE)
    column_y = y
    put(MAP, beside_column)
    put(LEGEND, beside_column)
    put(BLOCKS, main)
    for name, count in (column or {}).items():
        if count:
            result[name] = Place(width - side, column_y, side, count)
            column_y += count
    y = max(y, column_y)
    put(EVENTS)
    put("timeline")
    if lines.get("footer"):
        y = max(y, height - lines["status"] - lines["footer"])
    put("status")
    put("footer")
    return result
