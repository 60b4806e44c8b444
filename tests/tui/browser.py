"""A headless Chromium, driven over chromedriver's own protocol; tests that need it skip without."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

NEEDS_CHROMIUM = pytest.mark.skipif(
    not (shutil.which("chromedriver") and shutil.which("chromium")),
    reason="chromium and chromedriver are not installed",
)
TAB, HOME, END, LEFT, RIGHT = "\ue004", "\ue011", "\ue010", "\ue012", "\ue014"
"""Keys as WebDriver names them."""

_OPTIONS = {
    "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1100,1200"],
}
_direct = build_opener(ProxyHandler({}))


class Browser:
    """One window."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        logs = {"performance": "ALL"}
        wanted = {"goog:chromeOptions": _OPTIONS, "goog:loggingPrefs": logs}
        found = self._ask("POST", "/session", capabilities={"alwaysMatch": wanted})
        self._base += f"/session/{found['sessionId']}"

    def _ask(self, method: str, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode() if method == "POST" else None
        headers = {"Content-Type": "application/json"}
        request = Request(self._base + path, data, headers, method=method)
        with _direct.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._ask("POST", "/url", url=url)

    def run(self, script: str) -> Any:
        """What a script of the page returns."""
        return self._ask("POST", "/execute/sync", script=script, args=[])

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self._ask("POST", "/goog/cdp/execute", cmd=name, params=parameters)

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": strokes}
        self._ask("POST", "/actions", actions=[keyboard])

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last time."""
        entries = self._ask("POST", "/se/log", type="performance")
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def close(self) -> None:
        """End it."""
        self._ask("DELETE", "")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A window of its own."""
    command = ["chromedriver", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        started = (re.search(r"successfully on port (\d+)", line) for line in driver.stdout)
        port = next(int(found[1]) for found in started if found)
        try:
            browser = Browser(port)
            try:
                yield browser
            finally:
                browser.close()
        finally:
            driver.terminate()
