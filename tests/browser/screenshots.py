"""The README's pictures: `python -m tests.browser.screenshots` photographs a first start, and real traces imported.

Writes `tests/browser/screenshots/{home,live,compare,overview,reader,browse,annotate}-{light,dark}.png`, 1440 x 900. Owns which
states are shown. Needs the folder of real traces beside the repository and Chromium; says so where one is missing.
"""

from __future__ import annotations

import sys
import tempfile
import uuid
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from backend.annotation import NOT_A_CUE, key_of
from backend.config import Settings
from backend.domain import TraceFilter
from backend.services import Services, build_services
from backend.services.annotation.records import LabelDraft, ProjectSpec
from tests.browser.annotation.annotate_parts import as_person
from tests.browser.app_pages import ROOT, App
from tests.browser.conftest import CHROMIUM, FLAGS, start_server
from tests.conftest import SHARED

TARGET = Path(__file__).with_name("screenshots")
SIZE = {"width": 1440, "height": 900}
MODEL, DATASET = "Qwen3-14B-Base", "AIME24"
PERSON = "Ana"


def main() -> int:
    """Make every picture; returns the exit code."""
    if not SHARED.is_dir():
        return complain("The pictures show real traces, and their folder (../shared/data) is not on this machine.")
    if not CHROMIUM.exists():
        return complain(f"There is no Chromium at {CHROMIUM}: install the package chromium.")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store=Path(folder) / "store")
        with build_services(settings) as services:
            for outcome in services.imports.run([SHARED / "traces"]):
                if outcome.state == "failed":
                    return complain(outcome.sentence)
            states = pages_to_show(services)
        take_all(states, settings, Path(folder) / "log")
        take_first_start(Path(folder) / "new", Path(folder) / "new.log")
    return 0


def pages_to_show(services: Services) -> dict[str, tuple[str, dict[str, str]]]:
    """Picture -> (page, query): the pair that changed most, and a problem one side doubts and solves."""
    pair = next(p for p in services.runs.pairs() if (p.base.info.model, p.base.info.dataset) == (MODEL, DATASET))
    telling = services.comparison.telling([pair], services.lexicons.default, "final answer")
    if telling is None:
        raise LookupError(f"{MODEL} on {DATASET} has no problem that shows the point.")
    runs, problem = [pair.base.id, pair.variant.id], telling.problem.id
    [sample] = services.comparison.samples(runs[1], problem)
    return {
        "overview": ("", {}),
        "compare": ("compare", {"runs": ",".join(runs), "problem": problem}),
        "reader": ("reader", {"trace": sample.trace}),
        "browse": ("browse", {"dataset": DATASET, "sort": "-density"}),
        "annotate": ("annotate", annotated(services, pair.variant.id)),
    }


def annotated(services: Services, run: str) -> dict[str, str]:
    """A project on the variant's traces, the first item half labelled; returns its address."""
    person = services.people.local(PERSON)
    guidelines = "Mark the words by which the model says that it isn't sure, no more of them than it takes."
    wanted = TraceFilter(runs=(run,))
    spec = ProjectSpec(
        "Doubts of a trained model", guidelines=guidelines, lexicon="doubts", blind_share=0, size=8, wanted=wanted
    )
    project = services.projects.create(person.id, spec)
    item = services.labelling.next_item(person.id, project.id)
    assert item
    sheet = services.labelling.open(person.id, item.id)
    rows = [
        LabelDraft(
            id=uuid.uuid4().hex, start=cue.start, end=cue.end, quote=sheet.text[cue.start : cue.end],
            text_sha256=item.text_sha256, how="accepted", machine=cue.machine,
            label=NOT_A_CUE if number % 4 == 3 else key_of(cue.group), flag="" if number % 3 else "genuine doubt",
        )
        for number, cue in enumerate(sheet.cues[: len(sheet.cues) // 2])
    ]  # fmt: skip
    services.labelling.save(person.id, project.id, item.id, rows)
    return {"project": project.id, "item": item.id}


def take_all(states: dict[str, tuple[str, dict[str, str]]], settings: Settings, log: Path) -> None:
    """Serve the store and take every picture in both themes."""
    TARGET.mkdir(exist_ok=True)
    process, url = start_server(ROOT / "app.py", {"SECOND_THOUGHTS_STORE": str(settings.store)}, log)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
            for scheme in ("light", "dark"):
                take(browser, url, states, scheme)
            browser.close()
    finally:
        process.terminate()
        process.wait(20)


def take_first_start(store: Path, log: Path) -> None:
    """A new store with its demo, and the experiment with one word, in both themes."""
    env = {"SECOND_THOUGHTS_STORE": str(store), "SECOND_THOUGHTS_DEMO": "auto", "SECOND_THOUGHTS_WORKER": "auto"}
    process, url = start_server(ROOT / "app.py", env, log)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
            for scheme in ("light", "dark"):
                take(browser, url, {"home": ("", {})}, scheme)
                take_live(browser, url, scheme)
            browser.close()
    finally:
        process.terminate()
        process.wait(30)


def take_live(browser: Browser, url: str, scheme: str) -> None:
    """Four arms on twenty problems, all answered."""
    context = browser.new_context(viewport=SIZE, color_scheme=scheme)
    app = App(context.new_page(), url).open("live", preset="voice")
    app.page.get_by_role("button", name="Generate", exact=True).click()
    app.page.get_by_role("button", name="Compare the runs").wait_for(timeout=240_000)
    app.settle()
    app.page.screenshot(path=str(TARGET / f"live-{scheme}.png"), animations="disabled")
    print(f"live-{scheme}.png")
    context.close()


def take(browser: Browser, url: str, states: dict[str, tuple[str, dict[str, str]]], scheme: str) -> None:
    """Every picture in one theme."""
    context = browser.new_context(viewport=SIZE, color_scheme=scheme)
    as_person(context.new_page(), url, PERSON)
    for name, (page, query) in states.items():
        app = App(context.new_page(), url).open(page, **query)
        app.page.screenshot(path=str(TARGET / f"{name}-{scheme}.png"), animations="disabled")
        print(f"{name}-{scheme}.png")
        app.page.close()
    context.close()


def complain(sentence: str) -> int:
    """Say what is missing; returns the exit code for it."""
    print(sentence, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
