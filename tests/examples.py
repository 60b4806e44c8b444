"""How many examples Hypothesis tries: all of them with ``-m slow``, a tenth in the default run.

The examples of the default run are the same everywhere and every time; those of a slow run are
chance. ``tests/conftest.py`` takes every property into a slow run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SLOW = "slow"
TIMES = 10
"""How many times as many examples a slow run tries."""

settings.register_profile(
    "default", derandomize=True, deadline=None, database=None, max_examples=40
)
settings.register_profile(SLOW, deadline=None, database=None, max_examples=1000, print_blob=True)


def is_slow() -> bool:
    """Whether the profile in force is the long one."""
    return settings.get_current_profile_name() == SLOW


def examples(number: int, suppress: Collection[HealthCheck] = ()) -> settings:
    """So many examples by default, some times as many in a slow run."""
    return settings(
        max_examples=number * TIMES if is_slow() else number, suppress_health_check=list(suppress)
    )


def some(values: Iterable[Any], every: int = 4) -> list[Any]:
    """Parameters of a test: one of so many by default, all of them in a slow run."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else [value]), marks=pytest.mark.slow)
        if number % every
        else value
        for number, value in enumerate(values)
    ]
