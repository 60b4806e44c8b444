"""Every row of the benchmark, by module, in the order of the table."""

from __future__ import annotations

from typing import Final

from tests.bench import (
    engine_rows,
    figure_rows,
    fragmented_rows,
    process_rows,
    screen_rows,
    sysfs_rows,
)

MODULES: Final = (
    process_rows,
    screen_rows,
    figure_rows,
    engine_rows,
    sysfs_rows,
    fragmented_rows,
)
