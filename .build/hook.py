"""Puts the completions for shells and the manual page into the wheel."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ShellFiles(BuildHookInterface):
    """They are made in a process of their own: a build may run in one with other modules."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make them, and say where they go."""
        self.folder = tempfile.TemporaryDirectory()
        program = Path(__file__).with_name("shell_files.py")
        subprocess.run([sys.executable, program, self.folder.name], check=True)
        build_data["shared_data"][self.folder.name] = "share"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """They are in the wheel."""
        self.folder.cleanup()
