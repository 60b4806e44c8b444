"""Which panel goes where at a given size. Pure arithmetic, no Textual."""

from __future__ import annotations

from msgspec import Struct

SMALLEST = (60, 16)
"""Below this the map alone is shown, with one line that says so."""

MAP, FIGURE, BLOCKS, EVENTS, LEGEND, INSPECTOR = (
    "map",
    "figure",
    "blocks",
    "events",
    "legend",
    "inspector",
)
PANELS = (MAP, FIGURE, BLOCKS, EVENTS, LEGEND, INSPECTOR)

SIDE_MIN = 32
SIDE_MAX = 68
MAP_MIN_WIDTH = 82
MAP_MIN_HEIGHT = 5
LEAST_FIGURE = 4
"""A heading, the axis, and two rows."""
LEAST_BLOCKS = 4
SIDE_BLOCKS = 8
"""Lines of the block table under the inspector, at least."""


class Arrangement(Struct, frozen=True):
    """Heights and widths in cells; 0 means that a panel is not shown."""

    title: int = 0
    notice: int = 0
    """The line that says that the terminal is small."""
    figure: int = 0
    map: int = 0
    legend: int = 0
    events: int = 0
    timeline: int = 0
    status: int = 0
    footer: int = 0
    side_width: int = 0
    """Width of the column at the right of the map."""
    inspector: int = 0
    blocks: int = 0
    bottom_blocks: int = 0
    """Height of the block table when it stands under the map for want of a side column."""


def arrange(
    width: int,
    height: int,
    wanted: frozenset[str],
    *,
    map_width: int = MAP_MIN_WIDTH,
    maximised: str | None = None,
) -> Arrangement:
    """Fit the wanted panels into a screen; what there is no room for is left out.

    Args:
        width: of the screen.
        height: of the screen.
        wanted: panels a person wants to see.
        map_width: what the map needs beside a side column.
        maximised: a panel that gets all the room.
    """
    if height <= 0 or width <= 0:
        return Arrangement()
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return _tiny(height)
    title, status, footer = 1, 1, 1
    timeline = 1 if height >= 22 else 0
    legend = 1 if wanted >= {LEGEND, MAP} else 0
    room = height - title - status - footer - timeline
    if maximised is not None:
        return _maximised(maximised, room, width, timeline, legend)
    side = _side_width(width, wanted, map_width)
    if side and room < 2 * SIDE_BLOCKS + 8 and wanted >= {BLOCKS, INSPECTOR}:
        wanted -= {INSPECTOR}  # asked for last, and there is no room for both
    events = _events_height(room) if EVENTS in wanted else 0
    figure = _figure_height(room) if FIGURE in wanted else 0
    room -= events + legend
    under = LEAST_BLOCKS if BLOCKS in wanted and not side else 0
    figure = min(figure, room - MAP_MIN_HEIGHT - under)
    if figure < LEAST_FIGURE:
        figure = 0
    room -= figure
    bottom = 0
    if BLOCKS in wanted and not side:
        bottom = min(max(LEAST_BLOCKS, room // 3), room - MAP_MIN_HEIGHT)
        bottom = bottom if bottom >= 3 else 0
    map_height = room - bottom if MAP in wanted else 0
    if MAP not in wanted and bottom:
        bottom = room
    elif MAP not in wanted and EVENTS in wanted and not side:
        events += room
    column = room + legend if side else 0
    blocks = 0
    if side and BLOCKS in wanted:
        blocks = column if INSPECTOR not in wanted else max(SIDE_BLOCKS, column - 26)
    inspector = column - blocks if side and INSPECTOR in wanted else 0
    return Arrangement(
        title=title,
        figure=figure,
        map=map_height,
        legend=legend,
        events=events,
        timeline=timeline,
        status=status,
        footer=footer,
        side_width=side,
        inspector=inspector,
        blocks=blocks,
        bottom_blocks=bottom,
    )


def _tiny(height: int) -> Arrangement:
    """The plain view for a terminal that is smaller than everything was made for."""
    notice = 1 if height >= 2 else 0
    status = 1 if height >= 4 else 0
    footer = 1 if height >= 6 else 0
    return Arrangement(
        notice=notice, map=height - notice - status - footer, status=status, footer=footer
    )


def _maximised(panel: str, room: int, width: int, timeline: int, legend: int) -> Arrangement:
    lines = {"title": 1, "status": 1, "footer": 1, "timeline": timeline}
    if panel == BLOCKS:
        return Arrangement(**lines, bottom_blocks=room)
    if panel == INSPECTOR:
        return Arrangement(**lines, inspector=room, side_width=width)
    if panel == MAP:
        return Arrangement(**lines, map=room - legend, legend=legend)
    if panel == FIGURE:
        return Arrangement(**lines, figure=room)
    return Arrangement(**lines, events=room)


def _side_width(width: int, wanted: frozenset[str], map_width: int) -> int:
    """The side column: what the map leaves, if that is enough to be read."""
    if not wanted & {INSPECTOR, BLOCKS}:
        return 0
    side = width - map_width if MAP in wanted else width
    if side < SIDE_MIN:
        return 0
    return side if MAP not in wanted else min(side, SIDE_MAX)


def _events_height(room: int) -> int:
    """A seventh of the room, at least a heading and two lines: the figure says what came of it."""
    return max(3, room // 7)


def _figure_height(room: int) -> int:
    """What the map can spare, whatever there is to be drawn: it must not change under way."""
    return max(LEAST_FIGURE, 1 + room * 4 // 9)


class Place(Struct, frozen=True):
    """A rectangle of the screen."""

    x: int
    y: int
    width: int
    height: int


def places(made: Arrangement, width: int, height: int) -> dict[str, Place]:
    """The rectangle of every panel that is shown, by panel name, from top to bottom."""
    result: dict[str, Place] = {}
    y = 0
    main = width - made.side_width if made.map or made.bottom_blocks else width
    gutter = 1 if made.side_width and main < width else 0

    def put(name: str, lines: int, columns: int) -> None:
        nonlocal y
        if lines > 0:
            result[name] = Place(0, y, columns, lines)
            y += lines

    put("title", made.title, width)
    put("notice", made.notice, width)
    put(FIGURE, made.figure, width)
    top = y
    put(MAP, made.map, max(1, main - gutter))
    put(LEGEND, made.legend, max(1, main - gutter))
    put(BLOCKS, made.bottom_blocks, main)
    if made.side_width:
        x = width - made.side_width
        side_y = top
        for name, lines in ((INSPECTOR, made.inspector), (BLOCKS, made.blocks)):
            if lines:
                result[name] = Place(x, side_y, made.side_width, lines)
                side_y += lines
        y = max(y, side_y)
    put(EVENTS, made.events, width)
    put("timeline", made.timeline, width)
    if made.footer:
        y = max(y, height - made.status - made.footer)
    put("status", made.status, width)
    put("footer", made.footer, width)
    return result
