"""A run-length map over integer keys, kept in numpy columns; immutable.

Keys are block ids or pfns. A *run* is a half-open range of keys with equal attributes; keys
in no run are absent. The map is a sequence of small chunks (structured arrays), so an edit
copies one chunk whatever the size of the map, and older versions stay valid for nothing:
undo, branches and the phases of an operation are just references to earlier maps.

The form is canonical (sorted, disjoint, neighbouring equal runs merged), so two maps with
the same contents have the same rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import is_
from typing import Any

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.recent import Recent

Rows = NDArray[Any]
"""Structured array with fields ``start`` and ``count`` (int64, in keys) and attributes."""

CHUNK_ROWS = 256
CHUNKS_A_PIECE = 32
"""Whose rows a processor's cache holds."""
ROWS_A_STEP = 3
"""A history holds one map whole for as many steps as make up its rows at so many a step."""
NR_HELD = 32
"""Maps made again that are held at least."""
AT_ONCE = 1024
"""Differences that are told apart together; many of them may lie upon many others."""
_HEAD_BYTES = 16


def run_dtype(*attributes: tuple[str, str]) -> np.dtype[Any]:
    """A packed row layout: ``start``, ``count`` and the given attributes."""
    return np.dtype([("start", "<i8"), ("count", "<i8"), *attributes])


def sorted_set(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """``np.unique`` of integers; that function loads numpy.ma, which start-up can do without."""
    ordered = np.sort(values)
    fresh = np.ones(len(ordered), np.bool_)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return ordered[fresh]


def among(values: NDArray[np.int64], ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each value is one of the ascending ones; as ``np.isin``, which may use np.unique."""
    if not len(ordered):
        return np.zeros(len(values), bool)
    index = np.minimum(ordered.searchsorted(values), len(ordered) - 1)
    return np.asarray(ordered[index] == values)


def unbroken(numbers: NDArray[np.int64], *keys: NDArray[Any]) -> list[tuple[int, int]]:
    """Ascending numbers, each once, as (first, last) of every unbroken range with equal keys."""
    if not len(numbers):
        return []
    apart = np.diff(numbers) > 1
    for key in keys:
        apart |= key[1:] != key[:-1]
    breaks = np.flatnonzero(apart)
    firsts = numbers[np.concatenate(([0], breaks + 1))].tolist()
    lasts = numbers[np.append(breaks, len(numbers) - 1)].tolist()
    return list(zip(firsts, lasts, strict=True))


def joined_ranges(ranges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ranges [start, end) in any order, int64 (n, 2): ascending and disjoint, none of them empty.

    Ranges that touch or overlap become one.
    """
    ranges = ranges[ranges[:, 1] > ranges[:, 0]]
    if not len(ranges):
        return ranges
    ranges = ranges[np.argsort(ranges[:, 0], kind="stable")]
    ends = np.maximum.accumulate(ranges[:, 1])
    first = np.concatenate(([True], ranges[1:, 0] > ends[:-1]))
    last = np.concatenate((first[1:], [True]))
    return np.stack((ranges[first, 0], ends[last]), axis=1)


def attributes_of(rows: Rows) -> NDArray[np.void]:
    """What each row says of its keys, as one value that can be compared."""
    head, width = f"V{_HEAD_BYTES}", rows.dtype.itemsize
    return rows.view(np.dtype([("head", head), ("said", f"V{width - _HEAD_BYTES}")]))["said"]


def merge_rows(rows: Rows) -> Rows:
    """Join neighbouring rows that touch and have equal attributes (``rows`` sorted)."""
    if len(rows) < 2:
        return rows
    starts = rows["start"]
    joins = starts[1:] == starts[:-1] + rows["count"][:-1]
    if not joins.any():
        return rows
    said = attributes_of(rows)
    joins &= said[1:] == said[:-1]
    if not joins.any():
        return rows
    firsts = np.flatnonzero(np.concatenate(([True], ~joins)))
    merged = picked(rows, firsts)
    merged["count"] = np.add.reduceat(rows["count"], firsts)
    return merged


def one_by_one(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each member of runs of so many: the index of its run, and its place in that, from 0."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)


def ranges_of(rows: Rows) -> NDArray[np.int64]:
    """[start, end) of every row, int64 (n, 2)."""
    return np.stack((rows["start"], rows["start"] + rows["count"]), axis=1)


def units_of(ranges: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """[first, end) of the units of one size that ranges [start, end) lie in, int64 (n, 2)."""
    return np.stack((ranges[:, 0] // size, -(-ranges[:, 1] // size)), axis=1)


def outside(rows: Rows, ranges: NDArray[np.int64]) -> Rows:
    """The parts of ascending rows that lie in none of the ranges.

    ``ranges``: [start, end) of keys, int64 (n, 2), ascending and disjoint.
    """
    if not len(rows) or not len(ranges):
        return rows
    ends = rows["start"] + rows["count"]
    edges = sorted_set(np.concatenate((rows["start"], ends, ranges.ravel())))
    lows, highs = edges[:-1], edges[1:]
    held = rows["start"].searchsorted(lows, side="right") - 1
    gone = ranges[:, 0].searchsorted(lows, side="right") - 1
    kept = (held >= 0) & (lows < ends[held]) & ((gone < 0) | (lows >= ranges[gone, 1]))
    parts = picked(rows, held[kept])
    parts["start"], parts["count"] = lows[kept], (highs - lows)[kept]
    return merge_rows(parts)


def joined_rows(pieces: Sequence[Rows], layout: np.dtype[Any]) -> Rows:
    """The pieces in one array."""
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return np.zeros(0, layout)
    return np.concatenate([_as_bytes(piece) for piece in pieces]).view(pieces[0].dtype)


def picked(rows: Rows, index: NDArray[np.int64] | NDArray[np.bool_]) -> Rows:
    """``rows[index]``, in a twentieth of its time."""
    return _as_bytes(rows)[index].view(rows.dtype)


def _as_bytes(rows: Rows) -> NDArray[np.void]:
    """The same rows without their fields, one by one of which numpy copies them."""
    return rows.view(np.dtype((np.void, rows.dtype.itemsize)))


class Difference(Struct, frozen=True, eq=False):
    """What a map holds in [low, high), while all else is as in an older one."""

    older: RunMap
    low: int
    high: int
    held: bytes
    """The rows: as an array they would take twice as much."""
    length: int
    """How many maps lean on one another down to one that is held whole."""
    most: int
    """How many may."""

    @property
    def rows(self) -> Rows:
        """What the map holds there."""
        return np.frombuffer(self.held, self.older.dtype)


def latest(differences: Sequence[Difference]) -> tuple[NDArray[np.int64], Rows]:
    """What differences come to, one upon the other, the oldest first.

    Returns the ranges [start, end) of all, ascending and disjoint, int64 (n, 2), and the rows in
    them. Takes memory for as many parts as they have where others begin and end: at most as many
    as twice their number squared.
    """
    dtype = differences[0].older.dtype
    lows, highs = np.array([(each.low, each.high) for each in differences], np.int64).T
    edges = sorted_set(np.concatenate((lows, highs)))
    which, parts = _parts(edges, lows, highs)
    owner = np.full(len(edges), -1)
    owner[parts] = which  # of several the last one
    rows = np.frombuffer(b"".join(each.held for each in differences), dtype)
    of = np.repeat(np.arange(len(differences)), [len(each.rows) for each in differences])
    which, parts = _parts(edges, rows["start"], rows["start"] + rows["count"])
    mine = owner[parts] == of[which]
    which, parts = which[mine], parts[mine]
    pieces = picked(rows, which)
    ends = np.minimum(pieces["start"] + pieces["count"], edges[parts + 1])
    pieces["start"] = np.maximum(pieces["start"], edges[parts])
    pieces["count"] = ends - pieces["start"]
    owned = np.flatnonzero(owner >= 0)
    ranges = joined_ranges(np.stack((edges[owned], edges[owned + 1]), axis=1))
    return ranges, picked(pieces, np.argsort(pieces["start"]))


def _parts(
    edges: NDArray[np.int64], lows: NDArray[np.int64], highs: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which range, and which part between two edges of it, for each part of each range."""
    first = edges.searchsorted(lows, side="right") - 1
    which, place = one_by_one(edges.searchsorted(highs) - first)
    return which, first[which] + place


class _Leaning(Struct, frozen=True, eq=False):
    """A map that can be made again from the one it leans on."""

    map: RunMap

    def forget(self) -> None:
        """Let go of its chunks."""
        self.map._chunks = self.map._cumulative = None


class RunMap:
    """Immutable map from keys to attribute rows. All edits return a new map."""

    __slots__ = ("_chunks", "_cumulative", "_difference", "_rows", "dtype")
    _joined_lately: Recent[RunMap] = Recent(4)
    _leaning: Recent[_Leaning] = Recent(2 * NR_HELD)

    def __init__(self, dtype: np.dtype[Any], chunks: tuple[Rows, ...] = ()) -> None:
        self.dtype = dtype
        self._chunks: tuple[Rows, ...] | None = chunks
        self._cumulative: NDArray[np.int64] | None = None
        self._rows: Rows | None = None
        self._difference: Difference | None = None

    @classmethod
    def from_rows(cls, rows: Rows) -> RunMap:
        """A map of these rows, which must be sorted and disjoint."""
        rows = merge_rows(rows)
        chunks = tuple(rows[i : i + CHUNK_ROWS] for i in range(0, len(rows), CHUNK_ROWS))
        return cls(rows.dtype, chunks)

    def row(self, start: int, count: int, **attributes: int) -> Rows:
        """One row of this map's layout, not yet in the map; other attributes are 0."""
        row = np.zeros(1, self.dtype)
        row["start"], row["count"] = start, count
        for name, value in attributes.items():
            row[name] = value
        return row

    def rows_over(self, ranges: NDArray[np.int64], **attributes: int) -> Rows:
        """As :meth:`row`, one for each [start, end) of ``ranges``."""
        rows = np.zeros(len(ranges), self.dtype)
        rows["start"], rows["count"] = ranges[:, 0], ranges[:, 1] - ranges[:, 0]
        for name, value in attributes.items():
            rows[name] = value
        return rows

    # -- reading ---------------------------------------------------------------------
    def __bool__(self) -> bool:
        return bool(self.chunks)

    @property
    def chunks(self) -> tuple[Rows, ...]:
        """The rows in pieces, none of them empty; maps share those that no edit touched."""
        chunks = self._chunks
        return self._made_again() if chunks is None else chunks

    @property
    def rows(self) -> Rows:
        """All rows, ascending (O(rows) the first time; kept by the few maps asked last)."""
        chunks = self.chunks
        if len(chunks) == 1:
            return chunks[0]
        if (rows := self._rows) is None:
            rows = self._rows = joined_rows(chunks, self.dtype)
            self._joined_lately.keep(self)
        return rows

    def pieces(self) -> Iterator[Rows]:
        """All rows, ascending, some thousand at a time, for what looks at each of them once."""
        chunks = self.chunks
        for at in range(0, len(chunks), CHUNKS_A_PIECE):
            yield joined_rows(chunks[at : at + CHUNKS_A_PIECE], self.dtype)

    def forget(self) -> None:
        """Let go of the rows in one piece: history keeps many maps, and they share chunks."""
        self._rows = None

    # -- history -----------------------------------------------------------------------
    def lean_on(self, older: RunMap) -> None:
        """From now on hold only what is other than in an older map, until somebody asks for more.

        A history of steps that each change a row is as large as those rows, not as the chunks
        that they are in. Where much is other, or many maps lean on one another, all stays held.
        """
        if self is not older and self._difference is None:
            self._lean_on(older, *self.other_than(older))

    def changed(self, low: int, high: int, rows: Rows) -> RunMap:
        """As :meth:`replace`, for a history: done when the map is asked for anything."""
        made = RunMap(self.dtype)
        made._lean_on(self, low, high, rows)
        if made._difference is None:
            return self.replace(low, high, rows)
        made._chunks = None
        return made

    def _lean_on(self, older: RunMap, low: int, high: int, rows: Rows) -> None:
        behind = older._difference
        if behind is None:
            length, most = 1, older.nr_rows // ROWS_A_STEP
        else:
            length, most = behind.length + 1, behind.most
        # One that is held whole has all its chunks for itself, where steps go all over the place.
        if length <= most and len(rows) < CHUNK_ROWS // 4:
            self._difference = Difference(older, low, high, rows.tobytes(), length, most)
            self._leaning.keep(_Leaning(self))

    def other_than(self, older: RunMap) -> tuple[int, int, Rows]:
        """[low, high) of keys outside of which both maps hold the same, and its rows here."""
        if (known := self._difference) is not None and known.older is older:
            return known.low, known.high, known.rows
        low, high = span_apart(older, self)
        return low, high, self.slice(low, high)

    def _made_again(self) -> tuple[Rows, ...]:
        """The chunks of a map that leans on another."""
        behind: list[tuple[RunMap, Difference]] = []
        made: RunMap = self
        while made._chunks is None:
            assert made._difference is not None
            behind.append((made, made._difference))
            made = made._difference.older
        chunks = made.chunks
        # Whoever goes back asks for the last ones next.
        while len(behind) > NR_HELD + len(chunks):
            first = max(NR_HELD, len(behind) - AT_ONCE)
            early = [difference for _, difference in reversed(behind[first:])]
            made = made.replace_ranges(*latest(early))
            chunks = made.chunks
            del behind[first:]
        for left in range(len(behind) - 1, -1, -1):
            one, difference = behind[left]
            made = RunMap(self.dtype, chunks)
            chunks = made.replace(difference.low, difference.high, difference.rows).chunks
            if left < NR_HELD:
                one._chunks = chunks
                self._leaning.keep(_Leaning(one))
        return chunks

    @property
    def nr_rows(self) -> int:
        """Number of runs."""
        return sum(map(len, self.chunks))

    @property
    def nr_keys(self) -> int:
        """Number of keys that are present."""
        return int(self._counted()[1][-1])

    @property
    def end_key(self) -> int:
        """One past the highest key, 0 when empty."""
        chunks = self.chunks
        if not chunks:
            return 0
        last = chunks[-1]
        return int(last["start"][-1] + last["count"][-1])

    def _counted(self) -> tuple[tuple[Rows, ...], NDArray[np.int64]]:
        """The chunks, and how many keys lie before each, and before the end."""
        chunks, counts = self.chunks, self._cumulative
        if counts is None:
            keys = np.cumsum([int(c["count"].sum()) for c in chunks], dtype=np.int64)
            counts = self._cumulative = np.concatenate(([0], keys))
        return chunks, counts

    def at(self, key: int) -> Any | None:
        """The row (a numpy record, do not change it) that holds ``key``, or None."""
        chunks = self.chunks
        if not chunks:
            return None
        chunk = chunks[_place_of(key, chunks)]
        i = int(chunk["start"].searchsorted(key, side="right")) - 1
        if i < 0:
            return None
        row = chunk[i]
        return row if key < row["start"] + row["count"] else None

    def indices(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each key the index in :attr:`rows` of the row that holds it, -1 without one."""
        rows = self.rows
        if not len(rows):
            return np.full(len(keys), -1)
        found = rows["start"].searchsorted(keys, side="right") - 1
        found[keys >= (rows["start"] + rows["count"])[found]] = -1
        return found

    def row_at(self, key: int) -> Any:
        """The row that holds ``key``; KeyError where there is none."""
        row = self.at(key)
        if row is None:
            raise KeyError(key)
        return row

    def slice(self, lo: int, hi: int) -> Rows:
        """The rows within [lo, hi), clipped to it; a private copy."""
        chunks = self.chunks
        if not chunks or hi <= lo:
            return np.zeros(0, self.dtype)
        first, last = _place_of(lo, chunks), _place_of(hi - 1, chunks)
        part = chunks[first]
        if last > first:
            part = joined_rows(chunks[first : last + 1], self.dtype)
        ends = part["start"] + part["count"]
        i = int(ends.searchsorted(lo, side="right"))
        j = int(part["start"].searchsorted(hi, side="left"))
        out: Rows = _as_bytes(part[i:j]).copy().view(part.dtype)
        if len(out):
            end = min(int(out["start"][-1] + out["count"][-1]), hi)
            out["count"][-1] = end - out["start"][-1]
            if out["start"][0] < lo:
                out["count"][0] -= lo - out["start"][0]
                out["start"][0] = lo
        return out

    def chunks_upward(self, lo: int, hi: int) -> Iterator[Rows]:
        """Clipped rows of [lo, hi) chunk by chunk, ascending, so a search can stop early."""
        chunks = self.chunks
        for index in range(_place_of(lo, chunks), len(chunks)):
            if int(chunks[index]["start"][0]) >= hi:
                return
            part = RunMap(self.dtype, (chunks[index],)).slice(lo, hi)
            if len(part):
                yield part

    def chunks_downward(self, lo: int, hi: int) -> Iterator[Rows]:
        """As :meth:`chunks_upward` from the high end (rows within a chunk ascend)."""
        chunks = self.chunks
        for index in range(_place_of(hi - 1, chunks) if chunks else -1, -1, -1):
            chunk = chunks[index]
            if int(chunk["start"][-1] + chunk["count"][-1]) <= lo:
                return
            part = RunMap(self.dtype, (chunk,)).slice(lo, hi)
            if len(part):
                yield part

    def rank(self, key: int) -> int:
        """How many present keys are lower than ``key``."""
        chunks, counts = self._counted()
        if not chunks:
            return 0
        index = _place_of(key, chunks)
        chunk = chunks[index]
        below = np.clip(key - chunk["start"], 0, chunk["count"])
        return int(counts[index] + below.sum())

    def keys_from(self, rank: int, count: int) -> NDArray[np.int64]:
        """The ``count`` keys from the ``rank``-th lowest on (fewer at the end)."""
        chunks, counts = self._counted()
        rank = max(0, rank)
        pieces: list[NDArray[np.int64]] = []
        index = int(counts.searchsorted(rank, side="right")) - 1
        skip = rank - int(counts[index]) if index < len(chunks) else 0
        while count > 0 and index < len(chunks):
            for start, length in zip(
                chunks[index]["start"].tolist(),
                chunks[index]["count"].tolist(),
                strict=True,
            ):
                if skip >= length:
                    skip -= length
                    continue
                take = min(length - skip, count)
                pieces.append(np.arange(start + skip, start + skip + take, dtype=np.int64))
                count -= take
                skip = 0
                if count <= 0:
                    break
            index += 1
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)

    # -- editing ---------------------------------------------------------------------
    def replace(self, lo: int, hi: int, rows: Rows) -> RunMap:
        """A map in which [lo, hi) holds exactly ``rows`` (sorted, within the range)."""
        chunks = self.chunks
        if not chunks:
            return RunMap.from_rows(rows) if len(rows) else self
        # One key more on both sides, so that the new rows merge with their neighbours.
        first, last = _place_of(lo - 1, chunks), _place_of(hi, chunks)
        part = chunks[first]
        if last > first:
            part = joined_rows(chunks[first : last + 1], self.dtype)
        starts, ends = part["start"], part["start"] + part["count"]
        i = int(ends.searchsorted(lo, side="right"))
        j = int(starts.searchsorted(hi, side="left"))
        pieces: list[Rows] = [part[:i]]
        if i < j and starts[i] < lo:
            left = part[i : i + 1].copy()
            left["count"] = lo - left["start"]
            pieces.append(left)
        pieces.append(rows)
        if i < j and ends[j - 1] > hi:
            right = part[j - 1 : j].copy()
            right["count"] = ends[j - 1] - hi
            right["start"] = hi
            pieces.append(right)
        pieces.append(part[j:])
        merged = merge_rows(joined_rows(pieces, self.dtype))
        return RunMap(self.dtype, (*chunks[:first], *_split(merged), *chunks[last + 1 :]))

    def update(self, lo: int, hi: int, **attributes: int) -> RunMap:
        """A map in which every present key of [lo, hi) has these attributes."""
        rows = self.slice(lo, hi)
        for name, value in attributes.items():
            rows[name] = value
        return self.replace(lo, hi, rows) if len(rows) else self

    def insert(self, start: int, count: int, **attributes: int) -> RunMap:
        """A map in which [start, start + count) is one run with these attributes."""
        return self.replace(start, start + count, self.row(start, count, **attributes))

    def delete(self, lo: int, hi: int) -> RunMap:
        """A map without the keys of [lo, hi)."""
        return self.replace(lo, hi, np.zeros(0, self.dtype))

    def delete_rows(self, rows: Rows) -> RunMap:
        """The map without the keys of these rows, as :meth:`slice` gave them."""
        return self.replace_ranges(ranges_of(rows), rows[:0])

    def insert_rows(self, rows: Rows) -> RunMap:
        """A map in which the keys of these ascending rows have the attributes of the rows."""
        return self.replace_ranges(ranges_of(rows), rows)

    def replace_ranges(self, ranges: NDArray[np.int64], rows: Rows) -> RunMap:
        """As :meth:`replace`, of many [start, end), int64 (n, 2), ascending and disjoint."""
        if not len(ranges):
            return self
        lo, hi = int(ranges[0, 0]), int(ranges[-1, 1])
        both = joined_rows([outside(self.slice(lo, hi), ranges), rows], self.dtype)
        return self.replace(lo, hi, merge_rows(picked(both, np.argsort(both["start"]))))

    # -- comparing -------------------------------------------------------------------
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunMap):
            return NotImplemented
        if self.chunks is other.chunks:
            return True
        return bool(np.array_equal(self.rows, other.rows))

    __hash__ = None  # type: ignore[assignment]

    def check(self) -> list[str]:
        """Every property of the form that does not hold, as sentences."""
        broken: dict[str, None] = {}
        last = np.zeros(0, self.dtype)
        for piece in self.pieces():
            rows = joined_rows((last, piece), self.dtype)
            last = piece[-1:]
            if (rows["count"] <= 0).any():
                broken["a run is empty"] = None
            if (rows["start"][1:] < rows["start"][:-1] + rows["count"][:-1]).any():
                broken["runs overlap or are out of order"] = None
            if len(merge_rows(rows)) != len(rows):
                broken["neighbouring equal runs are not merged"] = None
        if any(len(chunk) == 0 for chunk in self.chunks):
            broken["a chunk is empty"] = None
        return list(broken)


def shared_ends(one: RunMap, other: RunMap) -> tuple[int, int]:
    """How many chunks from the first one on two maps share, and how many up to the last one."""
    low = [*map(is_, one.chunks, other.chunks), False].index(False)
    rest = one.chunks[low:], other.chunks[low:]
    return low, [*map(is_, reversed(rest[0]), reversed(rest[1])), False].index(False)


def rows_apart(one: RunMap, other: RunMap) -> tuple[Rows, Rows]:
    """The rows of each of two maps but for the chunks at either end that both have."""
    low, high = shared_ends(one, other)
    first, second = (
        joined_rows(each.chunks[low : len(each.chunks) - high], each.dtype) for each in (one, other)
    )
    return first, second


def span_apart(one: RunMap, other: RunMap) -> tuple[int, int]:
    """[low, high) of keys outside of which two maps hold the same; (0, 0) where all is the same."""
    if one is other:
        return 0, 0
    rows = [_as_bytes(each) for each in rows_apart(one, other)]
    shorter = min(map(len, rows))
    low = _nr_alike(rows[0][:shorter], rows[1][:shorter])
    tails = [each[low:][::-1][: shorter - low] for each in rows]
    high = _nr_alike(*tails)
    apart = [each[low : len(each) - high].view(one.dtype) for each in rows]
    apart = [each for each in apart if len(each)]
    if not apart:
        return 0, 0
    ends = [int(each["start"][-1] + each["count"][-1]) for each in apart]
    return min(int(each["start"][0]) for each in apart), max(ends)


def _nr_alike(one: NDArray[np.void], other: NDArray[np.void]) -> int:
    """How many of the first rows of two pieces of one length are alike."""
    return int(np.append(one != other, True).argmax())


def _place_of(key: int, chunks: tuple[Rows, ...]) -> int:
    """Index of the chunk that holds ``key`` or would."""
    if len(chunks) < 2:
        return 0
    return max(0, bisect_right(chunks, key, key=_first_key) - 1)


def _first_key(chunk: Rows) -> int:
    return int(chunk["start"][0])


def _split(rows: Rows) -> tuple[Rows, ...]:
    """Rows as chunks of bounded size (none when there are no rows)."""
    if len(rows) <= 2 * CHUNK_ROWS:
        return (rows,) if len(rows) else ()
    return tuple(rows[i : i + CHUNK_ROWS] for i in range(0, len(rows), CHUNK_ROWS))
