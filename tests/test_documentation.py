"""The README names every page, setting and verb, and its pictures exist."""

from __future__ import annotations

import re
from pathlib import Path

from backend.cli.main import verbs
from backend.config import VARIABLES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_page_is_named() -> None:
    for page in ROOT.glob("pages/*.py"):
        assert page.name in README
        assert page.stem == "shell" or page.stem.capitalize() in README


def test_every_setting_is_named_with_its_meaning() -> None:
    for name, (_, meaning) in VARIABLES.items():
        assert f"`{name}` | {meaning}" in README


def test_every_verb_is_named() -> None:
    assert verbs()
    for verb in verbs():
        assert f"`python -m backend {verb}" in README


def test_every_make_target_is_explained() -> None:
    targets = re.findall(r"^([a-z]+): .*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for target in set(targets) - {"help", "browser", "clean"}:
        assert f"make {target}" in README


def test_pictures_and_folders_exist() -> None:
    for picture in re.findall(r"\]\(([^)]+\.png)\)", README):
        assert (ROOT / picture).is_file(), picture
    for name in re.findall(r"^ {6}(\w+)/ ", README, re.MULTILINE):
        assert (ROOT / "backend" / name).is_dir() or (ROOT / "pages" / name).is_dir()


def test_the_sections_stand_in_order() -> None:
    titles = re.findall(r"^## (.+)$", README, re.MULTILINE)
    assert titles[:3] == ["Run it", "Test it", "A tour of five minutes"]
    assert titles[-3:] == ["Non-goals", "Citing", "Changelog"]


def test_nothing_of_this_machine_is_named() -> None:
    for path in [
        *ROOT.glob("*.*"),
        *ROOT.glob("pages/**/*.*"),
        *ROOT.glob("backend/**/*.*"),
        *ROOT.glob("tests/**/*.py"),
    ]:
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".txt", ".js", ".css", ".yaml"}:
            text = path.read_text(encoding="utf-8")
            assert "/" + "work/" not in text and "/" + "root/" not in text, path
