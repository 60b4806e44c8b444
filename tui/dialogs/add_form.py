"""The forms behind ``a``, hot-add a DIMM, and ``r``, resize a virtio-mem device."""

from __future__ import annotations

from msgspec.structs import replace
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from pfnmap.engine.commands import Command
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.kinds import MemmapPolicy
from pfnmap.engine.language.lines import parse_line
from pfnmap.tui.dialogs.dialog import Dialog
from pfnmap.tui.keys.effects import AddValues, AskForm, ResizeValues
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.widgets.paint import Paint

NAMES = "how the device is called"
ADD: dict[str, str] = {
    "name": NAMES,
    "size": "with a unit: 128M, 1G; whole memory blocks",
    "at": "an address; empty: the lowest that is free from 4G on",
    "node": "a NUMA node; empty: 0",
    "memmap": "where struct pages go: "
    + ", ".join(policy.value for policy in MemmapPolicy)
    + "; empty: as parameters say",
}
RESIZE: dict[str, str] = {
    "name": NAMES,
    "requested": "how much the hypervisor wants to be plugged, such as 512M",
    "size": "of a new device: the most that can be plugged; empty: it is there",
}
CHOICES = ("", *(policy.value for policy in MemmapPolicy))


class AddForm(Dialog[AddValues | ResizeValues]):
    """Asks for the values of one of the two; gives back None when closed."""

    KIND = "form"
    HAS_LINE = True
    DEFAULT_CSS = """
    AddForm .box { width: 66; }
    AddForm Horizontal { height: 1; }
    AddForm .label { width: 8; }
    AddForm .resizes .label { width: 11; }
    AddForm Input { width: 24; }
    AddForm .gapped { margin-top: 1; }
    """

    def __init__(self, paint: Paint, keymap: Keymap, ask: AskForm) -> None:
        super().__init__(paint, keymap)
        self._values = ask.values
        self._predict = ask.predict
        self._adds = isinstance(ask.values, AddValues)
        self._words = ADD if self._adds else RESIZE
        self._inputs = {
            key: Input(getattr(ask.values, key), id=key, select_on_focus=True)
            for key in self._words
        }
        self._help = Static("", classes="dim gapped")
        self._line = Static("")
        self._verdict = Static("")

    def compose(self) -> ComposeResult:
        """A line for each value, then help, the command, and what the kernel would say."""
        with Vertical(classes=self.box_classes + " resizes" * (not self._adds)):
            title = "hot-add a DIMM" if self._adds else "resize a virtio-mem device"
            yield Static(title, classes="title")
            for key in self._words:
                with Horizontal():
                    yield Static(key, classes="label dim")
                    yield self._inputs[key]
            yield self._help
            yield self._line
            yield self._verdict
            yield Static(self._keys_words(), classes="dim gapped")

    def _keys_words(self) -> Text:
        """The keys in force."""
        words = f"enter {'adds' if self._adds else 'resizes'}, {self.key('dialog.close')} closes"
        up, down = self.key("form.previous"), self.key("form.next")
        return Text(f"{words}, {up} and {down} move" if up and down else words)

    def on_mount(self) -> None:
        """Start at the size: the name is right already."""
        self._inputs["size" if self._adds else "requested"].focus()
        self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the command that the form stands for now."""
        self._values = replace(self._values, **{str(event.input.id): event.value})
        self._show()

    def on_descendant_focus(self) -> None:
        """Explain the value that is being typed."""
        super().on_descendant_focus()
        focused = self.focused
        words = self._words.get(focused.id or "", "") if focused is not None else ""
        if focused is not None and focused.id == "memmap":
            words += f" ({self.key('form.choice.next') or 'no key'}: next)"
        self._update(self._help, words)

    def action_choice(self, step: int) -> None:
        """Step through the words that memmap takes."""
        memmap = self._inputs.get("memmap")
        if memmap is None:
            return
        place = CHOICES.index(memmap.value) if memmap.value in CHOICES else 0
        memmap.value = CHOICES[(place + step) % len(CHOICES)]
        memmap.cursor_position = len(memmap.value)

    def on_input_submitted(self) -> None:
        """Add, unless the line is wrong; a refusal of the kernel is worth seeing."""
        if self._command() is not None:
            self.finish(self._values)
        else:
            self.ready()

    def _command(self) -> Command | None:
        try:
            return parse_line(self._values.line())
        except PfnmapError as error:
            self._update(self._verdict, getattr(error, "message", "") or str(error), wrong=True)
            return None

    def _show(self) -> None:
        self._update(self._line, f": {self._values.line()}")
        command = self._command()
        if command is None:
            return
        refusal = self._predict(command)
        if refusal is None:
            self._update(self._verdict, "the kernel would accept this")
        else:
            words = f"the kernel would refuse: {refusal.errno}, {refusal.function}: {refusal.rule}"
            self._update(self._verdict, words, wrong=True)

    def _update(self, static: Static, words: str, *, wrong: bool = False) -> None:
        static.update(self.text(words))
        static.set_class(wrong, "wrong")
