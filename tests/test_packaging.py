"""What is installed works beside anybody's packages, and brings completions and a manual."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from pfnmap.tui.help.subcommands import SUBCOMMANDS
from pfnmap.tui.help.topics import topics

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WHEEL = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]


def somebody_s_packages(folder: Path) -> None:
    """Packages of our folders' names that cannot even be read, as there are in the world."""
    for name in WHEEL["packages"]:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("this is no Python\n")


def works(site: Path, project: Path) -> None:
    """Run what is installed in ``site`` inside a project that has such folders too."""
    for command in (["show", "-c", "add dimm0 256M"], ["help", "keys"], ["themes"]):
        done = subprocess.run(
            [sys.executable, "-m", "pfnmap.tui", *command],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(site), "PYTHONSAFEPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        assert done.stdout


def test_it_works_beside_packages_of_our_folders_names(tmp_path: Path) -> None:
    site, project = tmp_path / "site", tmp_path / "project"
    somebody_s_packages(site)
    somebody_s_packages(project)
    assert WHEEL["sources"] == {name: f"pfnmap/{name}" for name in WHEEL["packages"]}
    (site / "pfnmap").mkdir()
    for folder, installed in WHEEL["sources"].items():
        (site / installed).symlink_to(ROOT / folder)
    works(site, project)


def test_every_shell_and_the_manual_know_every_subcommand() -> None:
    made = runpy.run_path(str(ROOT / ".build" / "shell_files.py"))["shell_files"]()
    assert [place.rpartition("/")[2] for place in made] == [
        "pfnmap",
        "_pfnmap",
        "pfnmap.fish",
        "pfnmap.1",
    ]
    for place, text in made.items():
        page = text.replace("\\-", "-")
        assert all(name in page for name in [*SUBCOMMANDS, *topics()]), place
        assert "--allow-writes" in page or " -l allow-writes" in page, place
    bash = made["bash-completion/completions/pfnmap"]
    subprocess.run(["bash", "-n"], input=bash, text=True, check=True)
    asked = 'COMP_WORDS=(pfnmap show --zoom s); COMP_CWORD=3; _shtab_pfnmap; echo "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-c", f"{bash}\n{asked}"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "subsection section\n"


def test_commits_and_pushes_wait_for_the_one_test_command() -> None:
    assert "- run: .ci/run\n" in (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    assert (
        "entry: .venv/bin/python -m tests --quick\n"
        in (ROOT / ".pre-commit-config.yaml").read_text()
    )


@pytest.mark.slow
def test_the_wheel_holds_all_and_works(tmp_path: Path) -> None:
    """Builds it with pip, which fetches what building needs."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT], check=True
    )
    (wheel,) = tmp_path.glob("pfnmap-*.whl")
    site, project = tmp_path / "site", tmp_path / "project"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(site)
    inside = {name.removeprefix("pfnmap/") for name in names if name.startswith("pfnmap/")}
    tracked = subprocess.run(
        ["git", "ls-files", *WHEEL["packages"]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert inside == set(tracked.stdout.split())
    shared = {name.partition(".data/data/share/")[2] for name in names} - {""}
    assert shared == set(runpy.run_path(str(ROOT / ".build" / "shell_files.py"))["shell_files"]())
    somebody_s_packages(site)
    somebody_s_packages(project)
    works(site, project)
