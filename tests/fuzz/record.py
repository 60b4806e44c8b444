"""What a run did and found, in a form that processes can send and add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MAX_SHOWN_CHARACTERS = 3000


@dataclass
class Failure:
    """One input that broke something, and what happened."""

    what: str
    seed: int
    kind: str
    """``violation``, ``crash``, ``message``, ``hang`` or ``memory``."""
    message: str
    lines: list[str]

    def __str__(self) -> str:
        shown = "\n".join(f"    {line}" for line in self.lines)
        if len(shown) > MAX_SHOWN_CHARACTERS:
            shown = f"{shown[:MAX_SHOWN_CHARACTERS]}… ({len(shown)} characters)"
        return f"{self.what}, seed {self.seed}: {self.kind}: {self.message}\n{shown}"


@dataclass
class Record:
    """Counts of one kind of input; records of several processes add up with ``+=``."""

    what: str
    inputs: int = 0
    """Seeds; of ``commands``: machines."""
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    """By name: how often each word was counted."""
    seconds: float = 0.0
    """Of processor time, for everything."""
    slowest: tuple[float, int] = (0.0, 0)
    """Seconds of processor time that one input took at most, and its seed."""
    failures: list[Failure] = field(default_factory=list)

    def count(self, name: str, word: str, times: int = 1) -> None:
        """Count a word under a name."""
        self.counts.setdefault(name, Counter())[word] += times

    def __iadd__(self, other: Record) -> Record:
        self.inputs += other.inputs
        for name, words in other.counts.items():
            self.counts.setdefault(name, Counter()).update(words)
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.failures += other.failures
        return self

    def lines(self) -> list[str]:
        """The record as text, one fact a line."""
        out = [f"{self.what}: {self.inputs} inputs, {len(self.failures)} failures"]
        for name, words in self.counts.items():
            listed = ", ".join(f"{word} {count}" for word, count in words.most_common())
            out.append(f"  {name}: {listed}")
        took, seed = self.slowest
        if self.inputs:
            mean = self.seconds / self.inputs * 1000
            out.append(
                f"  processor time: {self.seconds:.1f} s, {mean:.2f} ms an input; "
                f"at most {took:.2f} s (seed {seed})"
            )
        return out
