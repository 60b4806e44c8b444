"""What could not be read of a tree, collected in sentences."""

from __future__ import annotations

from msgspec import Struct, field

from pfnmap.engine.sysroot.files import FileProblem


class Notes(Struct):
    """Sentences in the order found; files that are missing for one reason share a sentence."""

    sentences: dict[str, None] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def add(self, sentence: str) -> None:
        """Note a sentence, once."""
        self.sentences.setdefault(sentence)

    def problem(self, problem: FileProblem) -> None:
        """Note a file that cannot be read."""
        self.problems.setdefault(problem.why, []).append(problem.path)

    def has(self, path: str) -> bool:
        """Whether a file is noted as one that cannot be read."""
        return any(path in paths for paths in self.problems.values())

    def copy(self) -> Notes:
        """The same notes, to go on from."""
        return Notes(dict(self.sentences), {why: list(p) for why, p in self.problems.items()})

    def lines(self) -> tuple[str, ...]:
        """Everything noted, ready to show."""
        missing = (f"{why}: {_paths(paths)}" for why, paths in self.problems.items())
        return (*self.sentences, *missing)


def _paths(paths: list[str]) -> str:
    """The paths, files of one directory together."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        directory, _, name = path.rpartition("/")
        groups.setdefault(directory, []).append(name)
    return ", ".join(
        f"{directory}/{names[0]}" if len(names) == 1 else f"{directory}/{{{','.join(names)}}}"
        for directory, names in groups.items()
    )
