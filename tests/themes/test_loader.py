"""Theme files of one's own: found, laid over a shipped theme, refused with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import PageState
from pfnmap.themes import load_theme, theme_files, user_directory
from pfnmap.themes.loader import MAX_FILE_BYTES, is_one_column, read_theme

HEAD = 'name = "mine"\ntitle = "my own"\nbase = "dark"\n'


def mine(directory: Path, text: str, name: str = "mine") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_theme_in_the_config_directory_is_found_by_name() -> None:
    mine(user_directory(), HEAD + '[state]\nvmemmap = { fg = "#FF0000" }\n')
    theme = load_theme("mine")
    assert theme.title == "my own"
    assert theme.state(PageState.VMEMMAP).fg == "#ff0000"


def test_what_a_file_does_not_say_comes_from_its_base(tmp_path: Path) -> None:
    theme = read_theme(mine(tmp_path, HEAD + '[state]\nvmemmap = { fg = "#ff0000" }\n'))
    dark = load_theme("dark")
    assert theme.state(PageState.VMEMMAP).glyph == "█"
    assert theme.state(PageState.OFFLINE) == dark.state(PageState.OFFLINE)
    assert theme.ui == dark.ui


def test_a_users_theme_comes_before_a_shipped_one_and_can_build_on_it() -> None:
    mine(user_directory(), HEAD.replace("mine", "dark") + '[ui]\ntext = "#ffffff"\n', "dark")
    assert load_theme("dark").ui.text == "#ffffff"


def test_a_theme_given_as_a_file(tmp_path: Path) -> None:
    assert load_theme(str(mine(tmp_path, HEAD))).name == "mine"


def test_files_with_other_names_are_no_themes(tmp_path: Path) -> None:
    mine(tmp_path, HEAD, "mine")
    mine(tmp_path, HEAD, "not a name")
    (tmp_path / "notes.txt").write_text("x")
    assert list(theme_files((tmp_path, tmp_path / "missing"))) == ["mine"]


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("[state]\nvmemap = {}\n", "state.vmemap", "did you mean state.vmemmap?"),
        ('[state]\nhole = "x"\n', "state.hole", "must be {"),
        ('[state]\nhole = { fg = "red" }\n', "state.hole.fg", "'red' is not a colour"),
        ('[state]\nhole = { fg = "#12345" }\n', "state.hole.fg", "write it as #rrggbb"),
        ("[state]\nhole = { fg = 7 }\n", "state.hole.fg", "7 is not a colour"),
        ('[state]\nhole = { glyph = "ab" }\n', "state.hole.glyph", "not one printable"),
        ('[state]\nhole = { glyph = "界" }\n', "state.hole.glyph", "one column"),
        ('[state]\nhole = { glyph = "\\u001b" }\n', "state.hole.glyph", "not one printable"),
        ("[state]\nhole = { glyph = 1 }\n", "state.hole.glyph", "must be a string"),
        ('[state]\nhole = { color = "#ffffff" }\n', "state.hole.color", "no such key"),
        ('[block]\nhigh = { glyph = "x" }\n', "block.high", "one of offline, online"),
        ('[mark]\ncursor = { attributes = ["blink"] }\n', "mark.cursor.attributes", "bold"),
        ('[ui]\ntext = "white"\n', "ui.text", "is not a colour"),
        ('[ui]\nfont = "x"\n', "ui.font", "no such key"),
        ("state = 3\n", "state", "must be a table"),
        ('partials = ["a"]\n', "partials", "list of 8"),
        ('partials = ["a","b","c","d","e","f","g",""]\n', "partials[7]", "not one printable"),
        ('borders = "round"\n', "borders", "one of line, ascii"),
        ("dark = 1\n", "dark", "true or false"),
        ('colours = "none"\n[ui]\n', None, None),
        ('colours = "none"\n[state]\nhole = { fg = "#ffffff" }\n', "state.hole", "gives no fg"),
        ('colours = "ansi"\n', "state.hole.fg", "is not a colour of 16"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(
    tmp_path: Path, text: str, key: str | None, problem: str | None
) -> None:
    file = mine(tmp_path, HEAD + text)
    if key is None or problem is None:
        assert read_theme(file).colours == "none"
        return
    message = refused(file)
    assert message.startswith(f"{file}: {key}: ")
    assert problem in message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = \n", "not a TOML file"),
        ('name = "mine"\ntitle = "x"\n', "colours: is missing"),
        (
            'name = "mine"\ntitle = "x"\nbase = "nowhere"\n',
            "base: 'nowhere' is not a shipped theme",
        ),
        ('name = "other"\ntitle = "x"\nbase = "dark"\n', "must be the file's own name"),
        ('name = "mine"\nbase = "dark"\ntitle = "\\u001b[31m"\n', "title: must be a printable"),
        ("#" * (MAX_FILE_BYTES + 1), "larger than 64 KiB"),
        ("a = " + "[" * 20000, "not a TOML file"),
        ("a = " + "9" * 5000, "not a TOML file"),
        ('base = ["dark"]', "base: ['dark'] is not a shipped theme"),
        ("base = { dark = 1 }", "base: {'dark': 1} is not a shipped theme"),
        ('"\\u001b[2J" = 1', r"'\x1b[2J': no such key"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in refused(mine(tmp_path, text))


@pytest.mark.parametrize("text", ["{} = 1", 'base = "{}"', 'colours = "{}"', 'ui.{} = "red"'])
def test_what_is_too_long_to_read_is_not_repeated(tmp_path: Path, text: str) -> None:
    message = refused(mine(tmp_path, text.format("x" * 30000)))
    assert len(message.removeprefix(str(tmp_path))) < 500


def test_a_name_that_no_file_can_have_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"^'a\\x00\.toml': cannot read the theme: embedded null"):
        load_theme("a\0.toml")


def test_a_missing_or_binary_file_is_one_sentence(tmp_path: Path) -> None:
    assert "cannot read the theme" in refused(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in refused(tmp_path / "mine.toml")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'nope': no such theme; there are ansi, ascii, dark,"):
        load_theme("nope")


@given(st.binary(max_size=300))
def test_no_content_whatever_is_a_traceback(content: bytes) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as directory:
        file = Path(directory) / "mine.toml"
        file.write_bytes(content)
        assert refused(file)


@given(st.characters())
def test_a_glyph_never_moves_the_cursor_elsewhere(character: str) -> None:
    """Against Rich's own table of widths, which the painters use."""
    from rich.cells import cell_len

    if is_one_column(character):
        assert character.isprintable()
        assert cell_len(character) == 1


def refused(file: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_theme(file)
    message = str(caught.value)
    assert "\n" not in message
    return message
