"""The screen: keys in bursts of any speed, and a machine that moves under a question."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

from textual.events import Key

from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.operate import WriteAllowed, Written, foresee, write_state
from pfnmap.tui.keys.names import textual_key
from pfnmap.tui.testing import settle
from tests.engine.sysroot.trees import MEMORY, Tree, dimm_tree
from tests.fuzz.inputs import Inputs
from tests.fuzz.texts import Broken
from tests.tui.screens.test_live import live_stage
from tests.tui.stage import stage

PATIENCE = 50
"""How often the screen may come to rest before the last line is done."""
MOVES = ("j", "k", "h", "l", "g", "G", "tab", "down", "up", "left", "right", "pagedown", "home")
"""Keys that change what is looked at, and nothing else."""
BLOCKS = (32, 33, 34, 35)
WORDS = ("online", "offline", "online_movable", "online_kernel")
ZONES = ("Normal", "Movable")


class Keys(Inputs[tuple[tuple[str, int], ...]]):
    """Lines typed behind ``:``, with keys that look around between them."""

    what = "keys"

    def make(self, rng: Random) -> tuple[tuple[str, int], ...]:
        """Keys, each with the number of turns that the program has after it."""
        keys: list[str] = []
        for number in range(rng.randrange(1, 8)):
            keys += [":", *f'note "k{number}"', "enter", *rng.choices(MOVES, k=rng.randrange(4))]
        calm = rng.choice((0.0, 0.02, 0.3))
        return tuple((key, rng.randrange(1, 5) * (rng.random() < calm)) for key in keys)

    def use(self, item: tuple[tuple[str, int], ...]) -> str:
        """Every line is done, once and in order."""
        wanted = [f'note "k{number}"' for number in range(sum(key == "enter" for key, _ in item))]
        done = asyncio.run(self._typed(item, len(wanted)))
        if done != wanted:
            raise Broken(f"{wanted} were typed, {done} were done")
        return "works"

    @staticmethod
    async def _typed(item: tuple[tuple[str, int], ...], lines: int) -> list[str]:
        async with stage(size=(80, 24)) as on:
            for key, turns in item:
                on.app.post_message(Key(textual_key(key), key if len(key) == 1 else None))
                for _ in range(turns):
                    await asyncio.sleep(0)
            for _ in range(PATIENCE):
                await settle(on.pilot)
                if not on.app._typed and len(on.session.outcomes) == lines:
                    break
            return [outcome.command.text for outcome in on.session.outcomes]


class Writes(NamedTuple):
    """A word for some blocks, and what somebody else does to the machine meanwhile."""

    word: str
    blocks: tuple[int, ...]
    moves: tuple[tuple[int, str, str], ...]
    """(block, state, zone), one before the first write and one behind each; block 0: nothing."""


class Moving(Inputs[Writes]):
    """A real machine that changes between a question, its answer and each write."""

    what = "moving"

    def make(self, rng: Random) -> Writes:
        """What is asked for, and what moves."""
        blocks = tuple(rng.sample(BLOCKS, rng.randrange(1, 4)))
        moves = ((rng.choice((0, *BLOCKS)), rng.choice(("online", "offline", "gone")),
                  rng.choice(ZONES)) for _ in range(5))  # fmt: skip
        return Writes(rng.choice(WORDS), blocks, tuple(moves))

    def use(self, item: Writes) -> str:
        """What is written was foreseen of the machine as it is at that moment."""
        with TemporaryDirectory() as folder:
            return asyncio.run(self._written(item, dimm_tree(Path(folder) / "root")))

    @staticmethod
    async def _written(item: Writes, tree: Tree) -> str:
        moves = iter(item.moves)

        def move() -> None:
            block, state, zone = next(moves, (0, "", ""))
            if block and state == "gone":
                if (tree.root / MEMORY / f"memory{block}").exists():
                    tree.remove_block(block)
            elif block:
                tree.block(block, state, zone)

        def write(
            watcher: Watcher, block: int, word: str, allowed: WriteAllowed, prediction: Any
        ) -> Written:
            now = foresee(Watcher(tree.root).view, [block], word)[0]
            row, fresh = prediction.after.blocks.at(block), now.prediction.after.blocks.at(block)
            assert row is not None and fresh is not None
            if (prediction.errno, row["state"], row["zone"]) != (
                now.prediction.errno, fresh["state"], fresh["zone"],
            ):  # fmt: skip
                raise Broken(f"memory{block}: {word} is written with an old prediction")
            answer = write_state(watcher, block, word, allowed, prediction)
            if now.prediction.errno is None:
                tree.block(block, "offline" if word == "offline" else "online", now.zone.label)
            move()
            return answer

        said: list[BaseException] = []
        with patch("pfnmap.tui.screens.live.write_state", write):
            async with live_stage(tree, allow_writes=True) as (_, live):
                view = live.session.newest
                foreseen = foresee(view, item.blocks, item.word)
                move()
                try:
                    written = await live.write(foreseen, view)
                except Broken as error:
                    said.append(error)
        if said:
            raise said[0]
        return "works" if len(written) == len(item.blocks) else "refused"
