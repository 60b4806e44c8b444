"""What happened, told in lines: commands, phases, kernel log, refusals, claims. No Textual."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from pfnmap.engine.commands import Expect, Note, Title, is_action
from pfnmap.engine.language.lines import line_of
from pfnmap.engine.outcome import Event, Outcome, last_action


class Piece(Struct, frozen=True):
    """A line of the log before it is drawn."""

    role: str
    text: str
    right: str = ""
    """What stands at the right end, for headings."""
    head: str = ""
    """A first part in another style (the kernel function)."""
    bad: bool = False
    """Whether the right end is a refusal or a claim that does not hold."""
    depth: int = 0
    """How far it is set in, in steps."""


def outcome_pieces(
    outcomes: Sequence[Outcome], index: int, phase: int | None = None, most: int | None = None
) -> list[Piece]:
    """The lines of one command; with ``phase``, only of its first events so far.

    ``most``: of so many events, in slow motion the last ones.
    """
    outcome = outcomes[index]
    command = outcome.command
    if isinstance(command, (Note, Title)):
        return [Piece("accent", command.words)]
    words = line_of(command)
    if phase is not None:
        result = f"phase {phase} of {len(outcome.events)}"
        pieces = [Piece("heading", f"#{index + 1} {words}", right=result)]
        shown = outcome.events[0 if most is None else max(0, phase - most) : phase]
        return pieces + [piece for event in shown for piece in _event(event)]
    failures = claim_failures(outcomes, index)
    pieces = [
        Piece(
            "heading",
            f"#{index + 1} {words}",
            right=result_words(outcomes, index),
            bad=bool(failures) or not outcome.ok,
        )
    ]
    pieces += [piece for event in outcome.events[:most] for piece in _event(event)]
    pieces += [Piece("text", line) for line in outcome.output]
    pieces += [Piece("warning", line) for line in outcome.notes]
    pieces += [Piece("refusal", line) for line in failures]
    if outcome.refusal is not None:
        refusal = outcome.refusal
        words = f"{refusal.errno} ({refusal.shell_text}): {refusal.rule}"
        pieces.append(Piece("refusal", words, head=refusal.function))
    return pieces


def _event(event: Event) -> list[Piece]:
    """The lines of one phase."""
    role = "text" if event.function else "log"
    pieces = [Piece(role, event.text, head=event.function, depth=event.depth)]
    return pieces + [Piece("log", line, depth=event.depth) for line in event.log]


def result_words(outcomes: Sequence[Outcome], index: int) -> str:
    """What came of a command: ok or an errno; of a claim, whether it holds."""
    outcome = outcomes[index]
    if isinstance(outcome.command, Expect):
        return "does not hold" if claim_failures(outcomes, index) else "holds"
    return (outcome.errno or "ok") if is_action(outcome.command) else ""


def claim_failures(outcomes: Sequence[Outcome], index: int) -> list[str]:
    """Why the claim of an ``expect`` line does not hold; empty where it does, or is none."""
    outcome = outcomes[index]
    if not isinstance(outcome.command, Expect):
        return []
    from pfnmap.engine.expectations import evaluate  # few sessions claim anything

    return evaluate(outcome.command, outcome.after, last_action(outcomes, index))
