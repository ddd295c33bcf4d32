"""The READMEs name every page, setting, verb and make target, their links and pictures lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backend.cli.main import verbs
from backend.config import VARIABLES
from backend.exchange.traces.detection import KNOWN
from backend.exchange.traces.formats import mapped

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "backend" / "README.md").read_text(encoding="utf-8")
DOCUMENTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "backend/README.md", "data/README.md", "tests/README.md", "data/lab/README.md")
}
EVERYTHING = "\n".join(DOCUMENTS.values())


def test_the_tour_shows_every_page() -> None:
    tour = README[README.index("## A tour") : README.index("## Your own traces")]
    for page in ROOT.glob("pages/*.py"):
        assert page.stem == "shell" or f"**{page.stem.capitalize()}**" in tour, page.name


def test_the_first_readme_is_short() -> None:
    assert len(README.encode()) <= 9_000


def test_every_setting_is_named_with_its_meaning() -> None:
    for name, (_, meaning) in VARIABLES.items():
        assert f"`{name}` | {meaning}" in REFERENCE


def first_column(document: str, heading: str) -> list[str]:
    """The first cells of the table whose heading begins so."""
    table = document[document.index(f"| {heading} |") :].partition("\n\n")[0]
    return [line.split("|")[1].strip() for line in table.splitlines()[2:]]


def test_the_tables_of_formats_name_every_one_and_no_other() -> None:
    known = {each.name for each in (*KNOWN, mapped.FORMAT)}
    assert sorted(first_column(REFERENCE, "format")) == sorted(known)
    tools = [name for cell in first_column(README, "written by") for name in cell.split(", ")]
    long = REFERENCE[REFERENCE.index("| format |") :].partition("\n\n")[0].lower()
    for name in tools:
        assert name.removeprefix("the ").removeprefix("its ").removesuffix("s").lower() in long, name
    for form in known:
        assert form.split()[0].lower() in " ".join(tools).lower(), form


def test_every_verb_is_named() -> None:
    assert verbs()
    for verb in verbs():
        assert f"`python -m backend {verb}" in REFERENCE


def test_every_make_target_is_explained() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for target in set(targets) - {"help", "browser", "clean"}:
        assert f"make {target}" in EVERYTHING, target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_pictures_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]*)?\)", DOCUMENTS[name]):
        assert ((ROOT / name).parent / target).exists(), target
    for document, anchor in re.findall(r"\]\(([^)#]*)#([\w-]+)\)", DOCUMENTS[name]):
        text = ((ROOT / name).parent / document if document else ROOT / name).read_text(encoding="utf-8")
        titles = {
            re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.M)
        }
        assert anchor in titles, anchor


def test_the_walks_name_files_that_exist() -> None:
    walks = REFERENCE[REFERENCE.index("## Three walks") : REFERENCE.index("## How to add")]
    everywhere = {path.name for path in [*ROOT.glob("backend/**/*.*"), *ROOT.glob("pages/**/*.*")]}
    for named in set(re.findall(r"`([\w/]+\.(?:py|js))`", walks)) - {"formats/NAME.py"}:
        assert named.rpartition("/")[2] in everywhere, named
        if named.startswith(
            ("pages/", "services/", "store/", "exchange/", "measure/", "worker/", "grading/", "distill/")
        ):
            assert (ROOT / named).exists() or (ROOT / "backend" / named).exists(), named


def test_the_sections_stand_in_order() -> None:
    titles = re.findall(r"^## (.+)$", README, re.MULTILINE)
    assert titles[:3] == ["Run it", "Test it", "A tour of five minutes"]
    assert titles[3:6] == ["Your own traces", "Your own models", "From laptop to cluster"]
    assert titles[-3:] == ["Non-goals", "Citing", "Changelog"]


def test_nothing_of_this_machine_is_named() -> None:
    for path in [
        *ROOT.glob("*.*"),
        *ROOT.glob("pages/**/*.*"),
        *ROOT.glob("backend/**/*.*"),
        *ROOT.glob("tests/**/*.*"),
    ]:
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".txt", ".js", ".json", ".css", ".yaml", ".jinja"}:
            text = path.read_text(encoding="utf-8")
            assert "/" + "work/" not in text and "/" + "root/" not in text, path
