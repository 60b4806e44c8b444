"""The program as textual-serve starts it: pipes on both ends, and the packets of its protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pyte

from pfnmap.tui.screens.tour import STEPS

ROOT = Path(__file__).resolve().parents[3]


def send(pipe: IO[bytes], kind: bytes, payload: bytes) -> None:
    pipe.write(kind + len(payload).to_bytes(4, "big") + payload)
    pipe.flush()


def test_it_runs_in_a_browser_at_the_size_of_its_window_and_takes_keys(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pfnmap.tui", "tour"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver",
            "COLUMNS": "100",
            "ROWS": "30",
        },
    )
    screen = pyte.Screen(100, 30)
    stream = pyte.ByteStream(screen)
    # What is to be seen, and the key that is pressed when it is.
    awaited = [(f"tour  1/{len(STEPS)}", b"G"), (f"tour  2/{len(STEPS)}", b"q")]
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"__GANGLION__\n"
        said = []
        while kind := process.stdout.read(1):
            payload = process.stdout.read(int.from_bytes(process.stdout.read(4), "big"))
            if kind == b"M":
                said.append(json.loads(payload))
                continue
            stream.feed(payload)
            if awaited and awaited[0][0] in "\n".join(screen.display):
                send(process.stdin, b"D", awaited.pop(0)[1])
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert said == [{"type": "exit"}]
