"""What one input may be at most: beyond it there is one sentence that names the limit.

Everything is cheap in runs of equal blocks and pages, whatever their number; these are for what
is done or kept one by one. No machine that is known comes near any of them. How many bytes a file
may have is a part of its format and stands with its reader.
"""

from __future__ import annotations

from typing import Final

MAX_SCENARIO_LINES: Final = 100_000
MAX_WRONG_LINES: Final = 1000
"""Of a scenario, behind which no more of it is read."""
MAX_JOURNAL_LINE_BYTES: Final = 1 << 20
"""Far longer than any line of the command language; a longer one is damage."""
MAX_CAPTURE_BYTES: Final = 64 << 20
"""Of a capture, unpacked."""
MAX_DUMP_BYTES: Final = 24 << 20
"""Of a text dump or a listing of lsmem: some 70,000 blocks with all their files."""
MAX_CAPTURE_BLOCKS: Final = 1 << 20
"""Blocks of a real machine: 128 TiB in blocks of 128 MiB, 2 PiB in those of 2 GiB."""
MAX_BLOCK_LINES: Final = 1 << 17
"""Lines of blocks: runs of blocks alike in a capture, and what ``blocks --all`` prints."""
MAX_CAPTURE_NOTES: Final = 1000
MAX_BLOCKS_ONE_BY_ONE: Final = 1024
"""Blocks in one command where the rule in force treats each by itself, ``shrink``, and those of a
device that an eject cannot offline."""
MAX_SECTIONS_ONE_BY_ONE: Final = 1 << 10
"""Sections in one removal of the series of 2019, which counts them one by one."""
MAX_FREE_RANGES: Final = 1 << 14
"""Ranges of free memory of a node of which ``free`` may say how much is in use."""
MAX_PINNED_BLOCKS: Final = 4096
"""Blocks in one ``pin``."""
MAX_HUGE_PAGES: Final = 1 << 16
"""Huge pages that one command places."""
MAX_GLOB_FILES: Final = 1 << 13
"""Files that one glob of a shell line may match."""
