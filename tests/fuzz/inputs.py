"""What has to hold for everything that comes from outside, and how it is tried.

An input either works or is refused with one clear sentence (a :class:`PfnmapError`): never
another exception, no hang, no unbounded memory.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from random import Random
from typing import Generic, TypeVar

from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.scenarios.scenario import ScenarioError
from tests.fuzz.commands import told
from tests.fuzz.limits import TooLong, bounded
from tests.fuzz.record import Failure, Record

T = TypeVar("T")
MAX_SECONDS = 3.0
SECONDS_PER_BYTE = 100e-6
"""Of processor time, on top of :data:`MAX_SECONDS`: a file may take longer if it is larger."""
MAX_SENTENCE = 2000


class Inputs(ABC, Generic[T]):
    """One kind of input: how it is made, used and shown."""

    what: str

    @abstractmethod
    def make(self, rng: Random) -> T:
        """A random input."""

    @abstractmethod
    def use(self, item: T) -> str:
        """Do with it what the program does, and say in a word how that went."""

    def nr_bytes(self, item: T) -> int:
        """How large it is."""
        return len(item)  # type: ignore[arg-type]

    def shown(self, item: T) -> list[str]:
        """The input as lines for a person."""
        return [repr(item)]

    def trial(self, item: T) -> tuple[str, str, str]:
        """(answer, kind, message): how it went, and what is wrong with that, if anything."""
        try:
            with bounded(MAX_SECONDS + SECONDS_PER_BYTE * self.nr_bytes(item)):
                return self.use(item), "", ""
        except PfnmapError as error:
            problem = unclear(error)
            return "refused", "message" if problem else "", problem
        except (Exception, TooLong) as error:
            return "broke", *told(error)

    def run(self, seed: int, record: Record) -> None:
        """Make and use the input of a seed, counted in ``record``."""
        item = self.make(Random(seed))
        began = time.process_time()
        answer, kind, message = self.trial(item)
        took = time.process_time() - began
        record.inputs += 1
        record.seconds += took
        record.slowest = max(record.slowest, (took, seed))
        record.count("answers", answer)
        if kind:
            record.failures.append(Failure(self.what, seed, kind, message, self.shown(item)))


def unclear(error: PfnmapError) -> str:
    """What is wrong with the words of an error; empty when nothing is."""
    text = str(error)
    lines = text.split("\n") if isinstance(error, ScenarioError) else [text]
    for line in lines:
        if not line.strip():
            return "the message is empty"
        if not line.isprintable():
            return f"the message is no printable line: {line[:200]!r}"
        if len(line) > MAX_SENTENCE:
            return f"the message has {len(line)} characters: {line[:100]!r}"
    return ""


def run(inputs: Inputs[T], seeds: range) -> Record:
    """The inputs of these seeds."""
    record = Record(inputs.what)
    for seed in seeds:
        inputs.run(seed, record)
    return record


class FileOfLines(Inputs[bytes]):
    """A file that is made of lines."""

    def shown(self, item: bytes) -> list[str]:
        """Its lines, as Python writes bytes."""
        return [repr(line) for line in item.splitlines(keepends=True)]
