"""Import in a real browser: look, correct, import, recognise, refuse, map."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from backend.config import Settings
from backend.services import Services, build_services
from tests.browser.app_pages import ROOT, App, held
from tests.patience import PATIENCE, until
from tests.worker.worker_cases import bench_on

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


def plan(app: App) -> Locator:
    """The table of what would be imported; what it draws on its canvas stands in a hidden table too."""
    return app.page.locator(".stElementContainer[class*=st-key-sources-]")


def planned(app: App, row: int) -> list[str]:
    """A row of that table."""
    cells = plan(app).locator(f"[id^=glide-cell-][id$='-{row}']")
    cells.first.wait_for(state="attached")
    return list(cells.all_text_contents())


def rename(app: App, row: int, *names: str) -> None:
    """Type a model, a data set, a parent and so on into a row, as far as they are given ("": none)."""
    box = plan(app).locator("[data-testid=stDataFrame]").bounding_box()
    assert box
    app.page.mouse.click(box["x"] + 150, box["y"] + 35 * (row + 1) + 17)
    # A key pressed before the table has taken the last one would be another cell's.
    for column, name in enumerate(("", *names), 1):
        cell = plan(app).locator(f"#glide-cell-{column}-{row}")
        expect(cell).to_have_attribute("aria-selected", "true")
        if not name:
            app.page.keyboard.press("ArrowRight")
            continue
        app.page.keyboard.press("Enter")
        editor = app.page.locator("#portal").locator("textarea, input")
        editor.fill(name)
        editor.press("Tab")  # to the next column
        expect(editor).to_have_count(0)
        app.settle()


def choose_column(app: App, label: str, column: str) -> None:
    """Choose a column for a part of the mapping with the mouse."""
    app.page.get_by_role("combobox", name=label, exact=True).click()
    app.page.get_by_role("option").filter(has_text=column).first.click()
    # A choice of several stays open for more.
    if label == "Response":
        app.page.keyboard.press("Escape")
    app.settle()


def test_an_upload_is_looked_at_corrected_imported_and_found(
    importing: App, services: Services, tmp_path: Path
) -> None:
    app, page = importing, importing.page
    file = evaluation(tmp_path / "small.jsonl")
    upload(app, file)
    expect(page.get_by_role("region", name="The first rows as they would be stored")).to_be_attached()
    app.settle()
    assert planned(app, 0)[1] == "3 traces of 3 problems"
    assert services.runs.all() == []
    rename(app, 0, "Tiny-1B · SFT", "Sums", "Tiny-1B", "", "", "", "", "0.7")
    with held(services):
        press_import(app)
        expect(page.get_by_test_id("stProgress")).to_be_visible()
        expect(page.get_by_text("1 of 1: small.jsonl")).to_be_visible()
        assert services.runs.all() == []
    expect(page.get_by_text("small.jsonl: Tiny-1B · SFT · Sums, 3 traces of 3 problems; 3 rows read.")).to_be_visible()
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
    app.settle()
    # Said before the press, and not taken unless the person insists.
    assert planned(app, 0)[1] == "already in the store as Tiny-1B · SFT · Sums"
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
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
    app.settle()
    for part, column in (("Response", "loesungsweg"), ("Question", "aufgabe"), ("Correct answer", "ziel")):
        choose_column(app, part, column)
    page.get_by_role("button", name="Use this mapping").click()
    app.settle()
    rename(app, 0, "Homemade")
    press_import(app)
    expect(page.get_by_text("2 traces of 2 problems; 2 rows read.")).to_be_visible()
    run = next(run for run in services.runs.all() if run.info.model == "Homemade")
    right = [
        services.traces.open(f"{run.id}-{i:05d}", services.lexicons.get("doubts").id).verdict("final answer").correct
        for i in (0, 1)
    ]
    assert right == [True, False]


def test_a_path_of_this_machine_is_read_in_place(importing: App, services: Services, tmp_path: Path) -> None:
    app, page = importing, importing.page
    for name in ("Local-2B", "Other-3B"):
        evaluation(tmp_path / f"base/{name}/aime/test_qwen-instruct_t0.0_k1_s0_e3.jsonl", f" {name}")
    (tmp_path / "LICENSE").write_text("a licence", encoding="utf-8")
    field = page.get_by_role("textbox", name="Or a path on this machine")
    field.fill(str(tmp_path))
    field.press("Enter")
    expect(page.get_by_text("1 file skipped")).to_be_visible()
    app.settle()
    for place, name in ((0, "Here-2B"), (1, "There-3B")):
        rename(app, place, name)
        assert planned(app, place)[2] == name
    page.get_by_role("button", name="Import 2 of 2 sources").click()
    expect(page.get_by_text("Here-2B · AIME24, 3 traces of 3 problems")).to_be_visible()
    expect(page.get_by_text("There-3B · AIME24, 3 traces of 3 problems")).to_be_visible()
    app.settle()
    assert {"Here-2B", "There-3B"} <= {run.info.model for run in services.runs.all()}


def test_a_folder_is_corrected_by_find_and_replace_and_an_emptied_name_is_told(
    importing: App, services: Services, tmp_path: Path
) -> None:
    app, page = importing, importing.page
    for name in ("Alpha-2B", "Beta-3B"):
        evaluation(tmp_path / f"base/{name}/aime/test_qwen-instruct_t0.0_k1_s0_e3.jsonl", f" {name}, replaced")
    field = page.get_by_role("textbox", name="Or a path on this machine")
    field.fill(str(tmp_path))
    field.press("Enter")
    expect(page.get_by_role("button", name="Import 2 of 2 sources")).to_be_visible()
    app.settle()
    page.get_by_text("Find and replace").click()
    app.settle()
    page.get_by_role("textbox", name="Find", exact=True).fill("-")
    page.get_by_role("textbox", name="Find", exact=True).press("Enter")
    app.settle()
    page.get_by_role("button", name="Replace in 2 cells").click()
    app.settle()
    assert [planned(app, row)[2] for row in (0, 1)] == ["Alpha2B", "Beta3B"]
    page.get_by_role("button", name="Undo", exact=True).click()
    app.settle()
    assert planned(app, 0)[2] == "Alpha-2B"
    rename(app, 0, " ")
    assert planned(app, 0)[1] == "Model is empty, and every run has one."
    expect(page.get_by_role("button", name="Import 0 of 2 sources")).to_be_disabled()
    rename(app, 0, "Gamma")
    expect(page.get_by_role("button", name="Import 2 of 2 sources")).to_be_enabled()
    app.settle()
    page.get_by_role("button", name="Import in the background").click()
    page.wait_for_url("**/jobs?job=*")
    (job,) = [job for job in services.jobs.open() if str(tmp_path) in job.spec["paths"]]
    assert sorted(job.spec["chosen"].values(), key=str) == [{"model": "Gamma"}, {}]


def strange_files(folder: Path) -> list[Path]:
    """A table whose response column bears a name of its own, and responses inside lists inside lists."""
    said = "<think>Hmm, maybe {0}. Wait, let me check that once more.</think>So it is \\boxed{{{0}}}."
    rows = [{"task_no": n, "wording": f"How much is {n} plus {n}?", "bot_said": said.format(2 * n), "solution_is": 2 * n}
            for n in range(3, 8)]  # fmt: skip
    table = folder / "strange.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    tries = [{"uttered": f"Perhaps {n}. \\boxed{{{n}}}"} for n in (8, 9)]
    items = [{"wording": f"How much is {n} times 2?", "tries": tries, "solution_is": "8"} for n in (4, 5)]
    envelope = folder / "envelope.json"
    shards = [{"shard": 0, "items": items[:1]}, {"shard": 1, "items": items[1:]}]
    envelope.write_text(json.dumps({"settings": {"seed": 3}, "shards": shards}), encoding="utf-8")
    return [table, envelope]


def test_files_with_strange_columns_are_mapped_with_the_mouse_and_become_traces(
    importing: App, services: Services, tmp_path: Path
) -> None:
    app, page = importing, importing.page
    before = {run.id for run in services.runs.all()}
    table, envelope = strange_files(tmp_path)
    upload(app, table)
    expect(page.get_by_role("heading", name="Needs a word from you")).to_be_visible()
    expect(page.get_by_text("Long columns that nothing uses: bot_said")).to_be_visible()
    app.settle()
    for part, column in (("Question", "wording"), ("Correct answer", "solution_is")):
        choose_column(app, part, column)
    # The effect is seen before anything is imported: how many traces, and thinking apart from the response.
    expect(page.get_by_text("5 traces from the first rows; 5 rows read.")).to_be_visible()
    expect(page.get_by_role("region", name="The first rows as they would be stored")).to_contain_text(
        "How much is 3 plus 3?"
    )
    page.get_by_role("button", name="Use this mapping").click()
    app.settle()
    assert planned(app, 0)[1] == "5 traces of 5 problems"
    rename(app, 0, "Strange-1B")
    assert {run.id for run in services.runs.all()} == before
    press_import(app)
    expect(page.get_by_text("5 traces of 5 problems; 5 rows read.")).to_be_visible()
    app.settle()
    # Nested lists, with the place of the rows chosen too.
    app.open("import")
    upload(app, envelope)
    app.settle()
    choose_column(app, "Rows are at", "shards.items (")
    choose_column(app, "Response", "tries.uttered")
    choose_column(app, "Question", "wording")
    choose_column(app, "Correct answer", "solution_is")
    expect(page.get_by_text("4 traces from the first rows")).to_be_visible()
    page.get_by_role("button", name="Use this mapping").click()
    app.settle()
    rename(app, 0, "Nested-1B")
    press_import(app)
    expect(page.get_by_text("4 traces of 2 problems").first).to_be_visible()
    app.settle()
    page.locator(".st-key-arrived").get_by_role("button", name="Browse").click()
    page.wait_for_url("**/browse?run=*")
    app.settle()
    assert "4 traces" in app.text()
    made = {run.info.model: run for run in services.runs.all() if run.id not in before}
    assert {model: run.traces for model, run in made.items()} == {"Strange-1B": 5, "Nested-1B": 4}
    app.open("reader", trace=f"{made['Strange-1B'].id}-00000")
    text = app.text()
    assert all(
        words in text for words in ("How much is 3 plus 3?", "Thinking", "let me check", "So it is", "✓ right")
    ), text


def test_a_recognised_file_is_read_differently_as_several_runs(
    importing: App, services: Services, tmp_path: Path
) -> None:
    app, page = importing, importing.page
    rows = [{"question": f"Is {n} even?", "generated_responses": [f"Wait. \\boxed{{{n}}}"], "gold_answer": str(n),
             "second_arm": f"Hmm, surely. \\boxed{{{n}}}"} for n in (2, 4)]  # fmt: skip
    file = tmp_path / "arms.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    upload(app, file)
    app.settle()
    assert planned(app, 0)[1] == "2 traces of 2 problems"
    page.get_by_text("Read it differently").click()
    app.settle()
    choose_column(app, "Response", "second_arm")
    page.get_by_role("button", name="Use this mapping").click()
    app.settle()
    assert {planned(app, row)[1] for row in (0, 1)} == {"2 traces of 2 problems"}
    page.get_by_role("button", name="Undo this mapping").click()
    app.settle()
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_visible()


def test_files_of_one_name_dropped_together_all_arrive(importing: App, tmp_path: Path) -> None:
    files = [evaluation(tmp_path / model / "response.jsonl", f" by {model}") for model in ("one", "two")]
    upload(importing, *files)
    importing.settle()
    expect(importing.page.get_by_role("button", name="Import 2 of 2 sources")).to_be_visible()


def test_a_watched_folder_brings_its_steps_in_by_itself(
    importing: App, store: Settings, services: Services, tmp_path: Path
) -> None:
    folder, page = tmp_path / "my-run", importing.page
    folder.mkdir()

    def written(step: int) -> None:
        row = {"input": "What is 2?", "output": TEXTS[0], "gts": "2", "score": 1.0, "step": step}
        (folder / f"{step}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")

    with bench_on(store) as bench:
        bench.start((sys.executable, "-m", "backend", "worker"))
        written(1)
        field = page.get_by_role("textbox", name="Or a path on this machine")
        field.fill(str(folder))
        field.press("Enter")
        page.get_by_text("Watch this folder: new steps come in by themselves").click()
        expect(page.get_by_text("step 1 of my-run, new: 1 trace,")).to_be_visible(timeout=PATIENCE * 1000)
        written(2)
        expect(page.get_by_text("step 2 of my-run, new: 1 trace,")).to_be_visible(timeout=PATIENCE * 1000)
        page.reload()
        importing.open("import")
        importing.open("series")
        expect(page.get_by_text("my-run").first).to_be_visible()
        [job] = services.jobs.open()
        services.jobs.cancel(job.id)
        until(lambda: services.jobs.get(job.id).state.final)
        assert [run.info.step for run in services.runs.all() if run.info.series == "my-run"] == [1, 2]


def test_a_path_that_is_not_open_to_pages_is_said_once(importing: App) -> None:
    """Neither can it be watched: two parts of the page would fail for one reason."""
    for path in ("/etc/hostname", "/no/such/folder"):
        field = importing.page.get_by_role("textbox", name="Or a path on this machine")
        field.fill(path)
        field.press("Enter")
        expect(importing.page.get_by_text(path, exact=False)).to_have_count(1)
        importing.settle()
        expect(importing.page.locator("[data-testid=stException]")).to_have_count(0)
        expect(importing.page.get_by_text("Watch this")).to_have_count(0)
