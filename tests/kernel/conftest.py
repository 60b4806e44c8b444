"""Kernels of the person who runs the tests: every other test has a cache of its own."""

from __future__ import annotations

import pytest

from pfnmap.engine.guest.kernels import kernel_folder

KERNELS = str(kernel_folder())


@pytest.fixture(autouse=True)
def own_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel folder is the one that there was when the tests were collected."""
    monkeypatch.setenv("PFNMAP_KERNELS", KERNELS)
