"""Import in a real browser: look, correct, import, recognise, refuse, map, delete, and the snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Page, expect

from backend.config import Settings
from backend.services import Services, build_services
from tests.browser.app_pages import ROOT, App, held

pytestmark = pytest.mark.browser
TEXTS = [
    "Wait, so 1 + 1 = 2. The answer is \\boxed{2}.",
    "Hmm, maybe 5. Let me check: \\boxed{5}.",
    "It is \\boxed{7}.",
]
HARNESS = ROOT / "tests/browser/harness_held.py"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(store=tmp_path_factory.mktemp("importing") / "store")


@pytest.fixture(scope="module")
def services(store: Settings) -> Iterator[Services]:
    """Everything wired over the store that the application imports into."""
    with build_services(store) as wired:
        yield wired


@pytest.fixture(scope="module")
def address(store: Settings, serve: Callable[..., str]) -> str:
    return serve(HARNESS, {"SECOND_THOUGHTS_STORE": str(store.store)})


@pytest.fixture
def importing(tab: Page, address: str) -> App:
    return App(tab, address).open("import")


def evaluation(path: Path, salt: str = "") -> Path:
    """Three rows as the paper's evaluation writes them; `salt` makes the content its own."""
    rows = [
        {"question": f"What is {n}?{salt}", "generated_responses": [text + salt], "generated_answers": [str(n)],
         "gold_answer": str(n), "is_correct": True, "answers_correctness": [True], "id": n}
        for n, text in zip((2, 5, 7), TEXTS, strict=True)
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


def upload(app: App, *files: Path) -> None:
    app.page.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(list(files))


def press_import(app: App) -> None:
    app.page.get_by_role("button", name="Import", exact=True).click()


def test_an_upload_is_looked_at_corrected_imported_and_found(
    importing: App, services: Services, tmp_path: Path
) -> None:
    app, page = importing, importing.page
    file = evaluation(tmp_path / "small.jsonl")
    upload(app, file)
    expect(page.locator(".st-key-plan table")).to_contain_text("small.jsonl")
    expect(page.locator(".st-key-plan tbody tr")).to_have_count(1)
    expect(page.get_by_role("region", name="The first rows as they would be stored")).to_be_attached()
    app.settle()
    assert services.runs.all() == []
    for label, value in (("Model", "Tiny-1B · SFT"), ("Data set", "Sums"), ("Trained from", "Tiny-1B")):
        page.get_by_label(label, exact=True).fill(value)
        page.get_by_label(label, exact=True).press("Enter")
        app.settle()
    page.get_by_label("Temperature", exact=True).fill("0.7")
    page.get_by_label("Temperature", exact=True).press("Enter")
    expect(page.locator(".st-key-plan table")).to_contain_text("small.jsonl")
    app.settle()
    with held(services):
        press_import(app)
        expect(page.get_by_test_id("stProgress")).to_be_visible()
        expect(page.get_by_text("1 of 1: small.jsonl")).to_be_visible()
        assert services.runs.all() == []
    expect(page.get_by_text("small.jsonl: Tiny-1B · SFT · Sums, 3 traces of 3 problems.")).to_be_visible()
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
    [run] = services.runs.all()
    assert (run.info.model, run.info.dataset, run.info.parent, run.info.sampling.temperature) == (
        "Tiny-1B · SFT",
        "Sums",
        "Tiny-1B",
        0.7,
    )
    page.get_by_role("button", name="See them in the overview").click()
    expect(page.locator(f".st-key-runs_table tr[data-row='{run.id}']")).to_contain_text("Tiny-1B · SFT")
    app.open("import")
    upload(app, file)
    expect(page.locator(".st-key-plan table")).to_contain_text("small.jsonl")
    app.settle()
    press_import(app)
    expect(
        page.get_by_text("small.jsonl: already in the store as Tiny-1B · SFT · Sums, by its content.")
    ).to_be_visible()
    assert len(services.runs.all()) == 1
    wanted = sorted(
        trace.text
        for i in range(3)
        for trace in [services.traces.open(f"{run.id}-{i:05d}", services.lexicons.get("doubts").id)]
    )
    assert wanted == sorted(TEXTS)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.jsonl", b"", "empty.jsonl"),
        ("cut.jsonl", json.dumps({"question": "q", "generated_responses": ["a"]}).encode()[:-9], "cut.jsonl, row 1"),
        ("zeros.jsonl", b"\x00" * 64, "zeros.jsonl"),
    ],
)
def test_a_broken_file_gets_its_sentence_and_changes_nothing(
    importing: App, services: Services, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    before = services.runs.version()
    (tmp_path / name).write_bytes(content)
    upload(importing, tmp_path / name)
    error = importing.page.locator("[class*=st-key-sth-notice-error]")
    expect(error.first).to_contain_text(sentence)
    importing.settle()
    expect(importing.page.get_by_role("button", name="Import", exact=True)).to_have_count(0)
    assert "Traceback" not in importing.text() and "second-thoughts-" not in error.first.inner_text()
    assert services.runs.version() == before


def test_a_table_of_no_known_format_is_mapped_by_hand(importing: App, services: Services, tmp_path: Path) -> None:
    app, page = importing, importing.page
    file = tmp_path / "homemade.csv"
    file.write_text(
        'aufgabe,loesungsweg,ziel\n"What is 3?","Wait, \\boxed{3}.",3\n"What is 4?","Maybe \\boxed{5}.",4\n',
        encoding="utf-8",
    )
    upload(app, file)
    expect(page.get_by_text("The format isn't known. Say which column holds what:")).to_be_visible()
    app.settle()
    for part, column in (("question", "aufgabe"), ("text", "loesungsweg"), ("gold", "ziel")):
        page.locator(f".st-key-map-{part}").get_by_role("combobox").click()
        page.get_by_role("option", name=column, exact=True).click()
    page.get_by_role("button", name="Read it so").click()
    expect(page.locator(".st-key-plan table")).to_contain_text("homemade.csv")
    app.settle()
    page.get_by_label("Model", exact=True).fill("Homemade")
    page.get_by_label("Model", exact=True).press("Enter")
    app.settle()
    press_import(app)
    expect(page.get_by_text("2 traces of 2 problems.")).to_be_visible()
    run = next(run for run in services.runs.all() if run.info.model == "Homemade")
    right = [
        services.traces.open(f"{run.id}-{i:05d}", services.lexicons.get("doubts").id).verdict("final answer").correct
        for i in (0, 1)
    ]
    assert right == [True, False]


def test_a_path_of_this_machine_is_read_in_place_and_a_run_deleted(
    importing: App, services: Services, tmp_path: Path
) -> None:
    app, page = importing, importing.page
    for name in ("Local-2B", "Other-3B"):
        evaluation(tmp_path / f"base/{name}/aime/test_qwen-instruct_t0.0_k1_s0_e3.jsonl", f" {name}")
    (tmp_path / "LICENSE").write_text("a licence", encoding="utf-8")
    field = page.get_by_role("textbox", name="Or a file or folder of this machine")
    field.fill(str(tmp_path))
    field.press("Enter")
    rows = page.locator(".st-key-plan tbody tr")
    expect(rows).to_have_count(2)
    expect(page.get_by_text("1 files left aside")).to_be_visible()
    app.settle()
    page.get_by_text("First rows, and corrections").click()
    for place, name in ((0, "Here-2B"), (1, "There-3B")):
        rows.nth(place).click()
        expect(rows.nth(place)).to_have_attribute("aria-selected", "true")
        app.settle()
        page.get_by_label("Model", exact=True).fill(name)
        page.get_by_label("Model", exact=True).press("Enter")
        expect(rows.nth(place)).to_contain_text(name)
    rows.nth(0).click()
    expect(rows.nth(0)).to_have_attribute("aria-selected", "true")
    app.settle()
    expect(page.get_by_label("Model", exact=True)).to_have_value("Here-2B")
    app.settle()
    page.get_by_role("button", name="Import 2 sources").click()
    expect(page.get_by_text("Here-2B · AIME24, 3 traces of 3 problems.")).to_be_visible()
    expect(page.get_by_text("There-3B · AIME24, 3 traces of 3 problems.")).to_be_visible()
    app.settle()
    run = next(run for run in services.runs.all() if run.info.model == "Here-2B")
    row = page.locator(f".st-key-kept-runs tr[data-row='{run.id}']")
    row.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Here-2B · AIME24")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    app.settle()
    assert run.id in {kept.id for kept in services.runs.all()}
    parts = sorted(services.store.folder.rglob(f"*{run.id}*"))
    assert parts
    row.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(row).to_have_count(0)
    assert run.id not in {kept.id for kept in services.runs.all()}
    assert not [part for part in services.store.folder.rglob(f"*{run.id}*") if part.is_file()]


def test_the_snapshot_opens_in_duckdb(importing: App, services: Services, tmp_path: Path) -> None:
    if not services.runs.all():
        evaluation(tmp_path / "small.jsonl")
        list(services.imports.run([tmp_path / "small.jsonl"]))
        importing.reload()
    with importing.page.expect_download() as started:
        importing.page.get_by_role("button", name="Download a snapshot").click()
    assert started.value.suggested_filename == "second-thoughts.duckdb"
    target = tmp_path / "snapshot.duckdb"
    started.value.save_as(target)
    with duckdb.connect(str(target), read_only=True) as connection:
        tables = {name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()}
        assert {"runs", "problems", "traces", "cues", "measures"} <= tables
        [(traces,)] = connection.execute("SELECT count(*) FROM traces").fetchall()
    assert traces == sum(run.traces for run in services.runs.all())
