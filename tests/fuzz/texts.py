"""Lines of the command language and whole scenario files, damaged."""

from __future__ import annotations

from functools import cache
from random import Random

from pfnmap.engine.commands import VERBS
from pfnmap.engine.language.completion import complete
from pfnmap.engine.language.lines import format_command, parse_with_comment
from pfnmap.engine.machine import Machine
from pfnmap.engine.scenarios.run import run_scenario
from pfnmap.engine.scenarios.scenario import decode_scenario, format_scenario, parse_scenario
from pfnmap.engine.sources import shipped_scenarios
from tests.fuzz.damage import damaged_bytes, damaged_text, nasty_text
from tests.fuzz.inputs import FileOfLines, Inputs
from tests.fuzz.words import LineMaker


class Broken(AssertionError):
    """Something that has to hold for every input does not."""


@cache
def scenarios() -> tuple[str, ...]:
    """The texts of the shipped scenarios."""
    return tuple(path.read_text(encoding="utf-8") for path in shipped_scenarios().values())


@cache
def valid_lines() -> tuple[str, ...]:
    """Lines with every verb: from the shipped scenarios and from the fuzzer of commands."""
    machine = busy_machine()
    maker = LineMaker(Random(1), any_rule=True)
    made = [maker.line(machine.state) for _ in range(400)]
    return tuple(
        dict.fromkeys([*(line for text in scenarios() for line in text.split("\n")), *made])
    )


@cache
def valid_words() -> tuple[str, ...]:
    """Every word of the valid lines, and every verb."""
    words = [word for line in valid_lines() for word in line.split(" ")]
    return tuple(dict.fromkeys([*VERBS, *words]))


@cache
def busy_machine() -> Machine:
    """A machine with memory in every state, for lines to mean something."""
    machine = Machine.boot()
    for line in ("add dimm0 512M", "online dimm0[0-1] movable", "pin dimm0[0]",
                 "device-add pmem0 256M", "hugetlb pool 2M count=3"):  # fmt: skip
        machine.run(line)
    return machine


class Lines(Inputs[str]):
    """One line of the command language."""

    what = "parser"

    def make(self, rng: Random) -> str:
        """A valid line that was damaged, or characters without any order."""
        roll = rng.random()
        if roll < 0.1:
            return "".join(nasty_text(rng) for _ in range(rng.randrange(6)))
        if roll < 0.2:
            data = rng.choice(valid_lines()).encode()
            return damaged_bytes(rng, data).decode("utf-8", "surrogateescape")
        return damaged_text(rng, rng.choice(valid_lines()), valid_words())

    def use(self, item: str) -> str:
        """Complete it, read it, write it in normal form, read that, and predict what it does."""
        complete(item, ["dimm0", "pmem0"])
        command, _ = parse_with_comment(item, source="line", line=1)
        if command is None:
            return "blank"
        words = format_command(command)
        again, _ = parse_with_comment(words)
        if again is None or again != command or format_command(again) != words:
            raise Broken(f"{words!r} does not mean what the line means")
        return busy_machine().predict(command).errno or "works"


class Scenarios(FileOfLines):
    """A scenario file."""

    what = "scenarios"

    def make(self, rng: Random) -> bytes:
        """A shipped scenario of which words, lines or bytes were damaged."""
        text = rng.choice(scenarios())
        if rng.random() < 0.4:
            others = [other.encode() for other in rng.sample(scenarios(), 3)]
            return damaged_bytes(rng, text.encode(), others)
        lines = text.split("\n")
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(lines))
            match rng.randrange(4):
                case 0:
                    lines[at] = damaged_text(rng, lines[at], valid_words())
                case 1:
                    lines[at] = rng.choice(valid_lines())
                case 2:
                    lines.insert(at, rng.choice(valid_lines()))
                case _:
                    lines[at : at + 2] = reversed(lines[at : at + 2])
        return "\n".join(lines).encode("utf-8", "surrogatepass")

    def use(self, item: bytes) -> str:
        """Read it, write it in normal form, read that, and run it with all it expects."""
        scenario = parse_scenario(decode_scenario(item, "fuzzed.hotplug"), "fuzzed.hotplug")
        normal = format_scenario(scenario)
        if format_scenario(parse_scenario(normal)) != normal:
            raise Broken("the normal form of the scenario is not stable")
        done = run_scenario(scenario)
        for failure in done.failures:
            if not str(failure).isprintable():
                raise Broken(f"a failure is no printable line: {str(failure)!r}")
        done.machine.check()
        return "works" if done.ok else "failures"
