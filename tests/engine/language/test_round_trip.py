"""Every command can be written down and read back."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given

from pfnmap.engine import commands
from pfnmap.engine.commands import VERBS, Command, Ref, Remove, Verb
from pfnmap.engine.errors import ParseError
from pfnmap.engine.language.lexer import clean
from pfnmap.engine.language.lines import format_command, line_of, parse_line
from tests.engine.language import strategies
from tests.examples import examples

ALL_COMMANDS = [
    kind
    for _name, kind in inspect.getmembers(commands, inspect.isclass)
    if issubclass(kind, Command) and kind is not Command
]


@examples(120)
@given(strategies.commands)
def test_what_is_printed_is_read_as_the_same_command(command: Command) -> None:
    line = format_command(command)
    assert parse_line(line) == command


@examples(60)
@given(strategies.commands)
def test_the_normal_form_is_a_fixed_point(command: Command) -> None:
    line = format_command(command)
    again = parse_line(line)
    assert again is not None
    assert format_command(again) == line


@examples(60)
@given(strategies.commands)
def test_a_printed_line_is_one_clean_line(command: Command) -> None:
    line = format_command(command)
    assert clean(line) == line
    assert line == line.strip()


@pytest.mark.parametrize("kind", ALL_COMMANDS, ids=lambda kind: kind.__name__)
def test_every_class_of_command_is_covered(kind: type[Command]) -> None:
    assert kind in {verb.command for verb in VERBS.values()}
    assert kind in strategies.BY_TYPE


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.name)
def test_the_example_of_every_verb_is_in_normal_form(verb: Verb) -> None:
    command = parse_line(verb.example)
    assert command is not None
    assert format_command(command) == verb.example


def test_the_line_as_written_is_kept_but_not_compared() -> None:
    command = parse_line("  online   0x22  # the block\n")
    assert command is not None
    assert command.text == "online   0x22"
    assert command == parse_line("online 34")


def test_a_command_is_shown_as_it_was_written_and_else_in_normal_form() -> None:
    assert line_of(Remove((Ref(0x22, 0x22),))) == "remove 34"
    assert line_of(Remove((Ref(0x22, 0x22),), text="remove  0x22")) == "remove  0x22"


def test_parse_error_is_the_only_complaint() -> None:
    with pytest.raises(ParseError):
        parse_line("onlin 34")
