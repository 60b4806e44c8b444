"""Every kind of input, fuzzed for a moment: it works or is refused with one clear sentence.

Hypothesis chooses here, so what breaks comes out small; ``python -m tests.fuzz`` runs on seeds.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from pfnmap.engine.errors import InputError
from tests.examples import examples
from tests.fuzz.inputs import Inputs, run, unclear
from tests.fuzz.targets import NAMES, target_named

KINDS = tuple(name for name in NAMES if isinstance(target_named(name), Inputs))
INPUTS_OF_A_KIND = 40
DEAR = {"journals": 8, "trees": 8}
"""How many of those that are large."""
SLOW = {"keys": 2, "moving": 5, "outputs": 10, "places": 10}
"""How many of those that need a screen or a process each."""
TIMES = 10
"""How many times as many in a slow run."""


@pytest.mark.parametrize("name", KINDS)
def test_a_seed_is_an_input(name: str) -> None:
    inputs = target_named(name)
    assert isinstance(inputs, Inputs)
    made = [inputs.make(random.Random(seed)) for seed in (5, 5, 6, 7)]
    assert made[0] == made[1]
    assert len({repr(item) for item in made}) > 1


@pytest.mark.parametrize("times", [1, pytest.param(TIMES, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", KINDS)
def test_inputs_of_seeds_break_nothing(name: str, times: int) -> None:
    inputs = target_named(name)
    assert isinstance(inputs, Inputs)
    record = run(inputs, range(times * {**SLOW, **DEAR}.get(name, INPUTS_OF_A_KIND)))
    assert [str(failure) for failure in record.failures] == []
    if name not in SLOW:
        assert {"refused"} < set(record.counts["answers"]), "nothing that works was tried"


@pytest.mark.parametrize("name", [name for name in KINDS if name not in SLOW])
@examples(5, list(HealthCheck))
@given(rng=st.randoms(use_true_random=False))
def test_inputs_that_hypothesis_chooses_break_nothing(name: str, rng: random.Random) -> None:
    inputs = target_named(name)
    assert isinstance(inputs, Inputs)
    item = inputs.make(rng)
    _, kind, message = inputs.trial(item)
    assert not kind, "\n".join([f"{kind}: {message}", *inputs.shown(item)])


# -- the fuzzer itself -----------------------------------------------------------------------------
class Lists(Inputs[list[int]]):
    """Lists of numbers, with a use that a test chooses."""

    what = "lists"

    def __init__(self, use: Callable[[list[int]], str]) -> None:
        self._use = use

    def make(self, rng: random.Random) -> list[int]:
        return [rng.randrange(100) for _ in range(20)]

    def use(self, item: list[int]) -> str:
        return self._use(item)


def crash(item: list[int]) -> str:
    if sum(number > 50 for number in item) >= 2:
        raise KeyError("two are enough")
    return "works"


def endless(item: list[int]) -> str:
    while True:
        pass


def greedy(item: list[int]) -> str:
    return str(bytearray(8 << 30))


def refuses(message: str) -> Callable[[list[int]], str]:
    def use(item: list[int]) -> str:
        raise InputError(message)

    return use


def test_a_crash_is_told_with_its_input() -> None:
    (failure,) = run(Lists(crash), range(1)).failures
    assert failure.kind == "crash"
    assert failure.message == "KeyError in crash: 'two are enough'"
    assert failure.lines == [repr(Lists(crash).make(random.Random(0)))]


@pytest.mark.parametrize(("use", "kind"), [(endless, "hang"), (greedy, "memory")])
def test_what_does_not_end_and_what_takes_all_is_stopped(
    use: Callable[[list[int]], str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.inputs.MAX_SECONDS", 0.05)
    record = run(Lists(use), range(1))
    assert [failure.kind for failure in record.failures] == [kind]


@pytest.mark.parametrize(
    ("message", "clear"),
    [("a: 1: expected 2", True), ("", False), ("two\nlines", False), ("\x1b[2J", False),
     ("endless " * 1000, False)],
)  # fmt: skip
def test_a_refusal_is_one_line_that_can_be_printed(message: str, clear: bool) -> None:
    assert (unclear(InputError(message)) == "") is clear
    record = run(Lists(refuses(message)), range(1))
    assert [failure.kind for failure in record.failures] == ([] if clear else ["message"])
    assert dict(record.counts["answers"]) == {"refused": 1}


def test_the_same_values_are_made_by_damaging_a_copy() -> None:
    from tests.fuzz.damage import damaged_value

    value: Any = {"a": [1, {"b": 2}], "c": "d"}
    for seed in range(200):
        damaged_value(random.Random(seed), value)
    assert value == {"a": [1, {"b": 2}], "c": "d"}
