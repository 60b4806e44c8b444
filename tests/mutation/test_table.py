"""What ``python -m tests.mutation`` counts and prints; mutmut itself is not run here."""

from __future__ import annotations

import argparse
from fnmatch import fnmatch

import pytest

from tests.mutation.__main__ import DIGITS, _chosen, main, patterns, score, statuses, table

TOLD = """
    pfnmap.engine.memory.spans.x_grow__mutmut_1: killed
    pfnmap.engine.memory.spans.x_grow__mutmut_2: survived
    pfnmap.engine.memory.spans.x_grow__mutmut_3: timeout
    pfnmap.engine.memory.spans.x_grow__mutmut_4: not checked
    pfnmap.engine.memory.transaction.xǁTransactionǁfault__mutmut_1: no tests
    pfnmap.engine.operations.add.x_add__mutmut_1: killed
"""
SPANS, TRANSACTION = "pfnmap.engine.memory.spans", "pfnmap.engine.memory.transaction"


def test_a_mutant_that_hangs_was_noticed_and_one_without_tests_was_not() -> None:
    found = statuses(TOLD, [SPANS, TRANSACTION])
    assert list(found) == [SPANS, TRANSACTION]
    assert round(score(found[SPANS].values()), 1) == 66.7
    assert score(found[TRANSACTION].values()) == 0


def test_the_table_has_a_line_a_module_and_one_for_all() -> None:
    rows = [line.split() for line in table(statuses(TOLD, [SPANS, TRANSACTION])).splitlines()]
    assert rows == [
        ["module", "mutants", "killed", "survived", "score"],
        [SPANS, "3", "2", "1", "66.7%"],
        [TRANSACTION, "1", "0", "1", "0.0%"],
        ["all", "4", "2", "2", "50.0%"],
    ]


@pytest.mark.parametrize("percent", [10, 30, 100])
def test_a_sample_is_the_same_mutants_every_time(percent: int) -> None:
    options = argparse.Namespace(sample=percent)
    (pattern,) = patterns([SPANS], options)
    names = [f"{SPANS}.x_grow__mutmut_{number}" for number in range(1, 101)]
    chosen = [name for name in names if fnmatch(name, pattern)]
    assert len(chosen) == percent
    assert {name[-1] for name in chosen} == set(DIGITS[: percent // 10])


def test_the_modules_are_those_of_the_configuration() -> None:
    everything = _chosen([])
    assert SPANS in everything
    assert "pfnmap.engine.operations.offline" in everything
    assert not [name for name in everything if name.endswith("__init__")]
    assert _chosen(["engine/memory/spans.py"]) == [SPANS]


def test_a_module_that_is_not_mutated_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"^engine/nothing\.py: mutated are engine/memory/"):
        _chosen(["engine/nothing.py"])


def test_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert "--sample" in capsys.readouterr().out
