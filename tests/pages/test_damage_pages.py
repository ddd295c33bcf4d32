"""Damaged parts under the running app: every page goes on without their runs, says which are left out, and none breaks."""

import random
from collections.abc import Iterator

import pytest

from backend.config import Settings
from backend.services import Services, build_services
from pages.components.frame.session import services as app_services
from tests.pages.test_pages import SHELL, fill, forget, opened, said, sound
from tests.services.traces.test_repair import harm

PAGES = sorted(page.stem for page in SHELL.parent.glob("*.py") if page.stem != "shell")


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Services]:
    """A store of three runs that the app has open."""
    forget()
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(settings.store))
    with build_services(settings) as services:
        fill(services, settings.store.parent)
        sound(opened("overview"))
        yield services
    forget()


def query_of(page: str, trace: str, runs: list[str]) -> dict[str, str]:
    """What a link to a page holds: ids that were good when it was made."""
    return {"reader": {"trace": trace}, "compare": {"runs": ",".join(runs)}}.get(page, {})


@pytest.mark.parametrize("noticed", [True, False])
def test_no_page_breaks_whatever_happens_to_the_files(stored: Services, noticed: bool) -> None:
    runs = [run.id for run in stored.runs.all()]
    rng = random.Random(20261130)
    pages = list(PAGES)
    rng.shuffle(pages)
    for number, page in enumerate(pages):
        if number % 6 == 0:
            harm(rng, stored.store.folder, stored.store.ledger.parts())
        # Not noticed: the files were looked at a moment ago, and the first who reads one finds it damaged.
        app_services().store.parts._again = 0.0 if noticed else float("inf")
        sound(opened(page, **query_of(page, f"{rng.choice(runs)}-00000", runs[:2])))


def test_pages_name_a_damaged_run_and_how_it_is_mended(stored: Services) -> None:
    first, second, _ = (run.id for run in stored.runs.all())
    (stored.store.folder / stored.store.ledger.parts("traces", [first])[0].path).unlink()
    app_services().store.parts._again = 0.0
    left = "1 damaged run is left out: "
    for page in ("browse", "disputed", "lexicons"):
        assert left in said(sound(opened(page))), page
    sentence = "is damaged: 1 of 3 files is missing. Import "
    for page, query in (("reader", {"trace": f"{first}-00000"}), ("compare", {"runs": f"{first},{second}"})):
        text = said(sound(opened(page, **query)))
        assert sentence in text and "removed or renamed" not in text
    assert sentence in said(sound(opened("browse", run=stored.store.ledger.find_run(first).label)))  # type: ignore[union-attr]
