"""``python -m tests.fuzz.guided WHAT [-max_total_time=60 …]``: coverage finds the way.

Needs atheris, which is no dependency of the tests (``pip install atheris``). The options are
those of libFuzzer. An input that breaks something is printed and ends the run.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

PACKAGES = ("engine", "themes", "tui")
"""What is watched."""


class Choices(random.Random):
    """A source of chance that is the bytes of an input.

    When they have run out it goes on like any other, always in the same way: there are loops that
    wait for another number.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data = data
        self._at = 0

    def getrandbits(self, k: int) -> int:
        """The next ``k`` bits."""
        nr_bytes = (k + 7) // 8
        piece = self._data[self._at : self._at + nr_bytes]
        if len(piece) < nr_bytes:
            return super().getrandbits(k)
        self._at += nr_bytes
        return int.from_bytes(piece, "big") >> (8 * nr_bytes - k)

    def random(self) -> float:
        """The next number from 0 to 1."""
        return self.getrandbits(53) / (1 << 53)


def trial(inputs: Any) -> Callable[[bytes], None]:
    """What to do with bytes: make an input of them, use it, and raise where that broke."""

    def one(data: bytes) -> None:
        item = inputs.make(Choices(data))
        _, kind, message = inputs.trial(item)
        if kind:
            print(f"{inputs.what}: {kind}: {message}", *inputs.shown(item), sep="\n    ")
            raise AssertionError(f"{kind}: {message}")

    return one


def main(arguments: Sequence[str]) -> int:
    """Fuzz until libFuzzer says that it is enough; the exit status where it cannot begin."""
    try:
        import atheris
    except ImportError:
        print("tests.fuzz.guided needs atheris: pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=PACKAGES):
        from tests.fuzz.targets import NAMES, target_named
    names = [name for name in NAMES if name != "commands"]
    if not arguments or arguments[0] not in names:
        print(f"python -m tests.fuzz.guided {{{','.join(names)}}} …", file=sys.stderr)
        return 2
    atheris.Setup([sys.argv[0], *arguments[1:]], trial(target_named(arguments[0])))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
