"""The list of profiles."""

from __future__ import annotations

import pytest

from pfnmap.engine.profile import PROFILES
from pfnmap.tui.cli import main


def test_each_profile_stands_there_with_what_is_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["profiles"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for profile in PROFILES.values():
        assert f"{profile.name} {profile.title}" in text
    assert "as Linux 5.3, but memmap=device, removal=v2-refcount, vmemmap_knob=yes" in text
    assert "such as 5.4" in text
