"""Every page as a script, without a browser: it runs on an empty and on a small store, and a bad address gets a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from backend.config import Settings
from backend.services import Services, build_services
from tests.services.made_files import made_newer

SHELL = Path(__file__).resolve().parents[2] / "pages" / "shell.py"
PAGES = ("overview", "browse", "compare", "reader", "import")
HOSTILE = "<script>alert(1)</script>\u202e'\"; DROP TABLE runs; --"


def forget() -> None:
    """Nothing of one store is kept for the next."""
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A base model and its variant over three problems, and a run of other problems."""
    folder = tmp_path_factory.mktemp("small")
    with build_services(Settings(store=folder / "store")) as services:
        fill(services, folder)
        yield services


def fill(services: Services, folder: Path) -> None:
    for side, dataset, texts in (
        ("base", "aime", ["Wait, maybe \\boxed{1}.", "Hmm. \\boxed{2}", "\\boxed{0}"]),
        ("limo", "aime", ["\\boxed{9}", "\\boxed{2}", "\\boxed{0}"]),
        ("base", "amc", ["One: \\boxed{1}", "Two: \\boxed{2}", "Three: \\boxed{3}"]),
    ):
        file = folder / side / "Small-1B" / dataset / "test_qwen-instruct_t0.0_k1_s0_e3.jsonl"
        file.parent.mkdir(parents=True)
        rows = [
            {"question": f"What is {n} in {dataset}?", "generated_responses": [text], "generated_answers": ["1"],
             "gold_answer": str(n), "is_correct": True, "answers_correctness": [True], "id": n}
            for n, text in enumerate(texts, start=1)
        ]  # fmt: skip
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        assert [outcome.state for outcome in services.imports.run([file])] == ["imported"]


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[None]:
    """The pages read an empty store."""
    forget()
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(settings.store))
    yield
    forget()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, filled: Services) -> Iterator[Services]:
    """The pages read the small store."""
    forget()
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(filled.store.folder))
    yield filled
    forget()


def opened(page: str, /, **query: str) -> AppTest:
    """The page after one run with this query."""
    test = AppTest.from_file(str(SHELL), default_timeout=120)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    if page != "overview":
        for name, value in query.items():
            test.query_params[name] = value
        test.switch_page(f"{page}.py").run()
    return test


def said(test: AppTest) -> str:
    """Every plain text of the page."""
    return "\n".join(str(text.value) for text in test.text)


def sound(test: AppTest) -> AppTest:
    assert not test.exception, [exception.value for exception in test.exception]
    return test


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("overview", "The store is empty. Bring reasoning traces, and pairs form by themselves."),
        ("disputed", "There are no traces yet, and so nothing to dispute."),
        ("browse", "There is nothing to browse yet."),
        ("compare", "Two runs of the same problems are needed"),
        ("series", "A series is one training over its steps."),
        ("reader", "Choose a trace in Browse, or a problem in Compare"),
        ("import", "Review everything before importing."),
    ],
)
def test_an_empty_store_says_what_to_do(page: str, words: str, empty: None) -> None:
    assert words in said(sound(opened(page)))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_runs_on_a_small_store(page: str, small: Services) -> None:
    test = sound(opened(page))
    assert test.title[0].value
    assert "empty" not in said(test)


def test_compare_runs_on_every_mode_grader_and_lexicon(small: Services) -> None:
    [pair] = small.runs.pairs()
    runs = f"{pair.base.id},{pair.variant.id}"
    for mode in ("all", "right to wrong", "wrong to right", "both wrong", "largest cue drop", "cut off"):
        assert "Problem " in said(sound(opened("compare", runs=runs, mode=mode)))
    for grader in ("math-verify", "final-answer", "final answer", "paper", "file"):
        for lexicon in small.lexicons.by_name:
            sound(opened("compare", runs=runs, grader=grader, lexicon=lexicon))


def test_the_reader_shows_a_trace(small: Services) -> None:
    run = small.runs.all()[0]
    text = said(sound(opened("reader", trace=f"{run.id}-00001")))
    assert "Problem 2" in text and "gold 2" in text


@pytest.mark.parametrize(
    ("page", "query", "words"),
    [
        ("reader", {"trace": "nothing"}, "There is no trace nothing in this store; its run may have been deleted."),
        ("reader", {"trace": HOSTILE}, "There is no trace <script>alert(1)</script>\\u202e"),
        ("reader", {"trace": "0" * 5000}, "There is no trace 000"),
        ("browse", {"q": "(", "as": "regex"}, "The search ( is no regular expression"),
        ("browse", {"q": "(" * 3000, "as": "regex"}, "A search has at most 1,000 characters"),
    ],
)
def test_a_bad_address_gets_a_sentence(page: str, query: dict[str, str], words: str, small: Services) -> None:
    assert words in said(sound(opened(page, **query)))


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("overview", ("lexicon", "grader")),
        (
            "browse",
            (
                "page",
                "sort",
                "run",
                "dataset",
                "verdict",
                "ending",
                "as",
                "min",
                "max",
                "dmin",
                "dmax",
                "lexicon",
                "grader",
            ),
        ),
        ("compare", ("runs", "problem", "mode", "samples", "range", "pane", "lexicon", "grader")),
        ("reader", ("range", "pane", "lexicon", "grader")),
        ("import", ("page", "runs")),
    ],
)
def test_values_no_page_knows_are_passed_over(page: str, names: tuple[str, ...], small: Services) -> None:
    """Every value of the address wrong at once, in many ways: the page stands, without a traceback."""
    known = {"trace": f"{small.runs.all()[0].id}-00000"} if page == "reader" else {}
    for wrong in ("", "nothing", "-1", "0", "9" * 20, "1.5", "NaN", HOSTILE, "a,b,c,d,e,f", "²", "9-1"):
        sound(opened(page, **known, **dict.fromkeys(names, wrong)))


@pytest.mark.parametrize("names", ["sort", "page", "min", "dmax", "verdict"])
def test_one_wrong_filter_leaves_the_list_standing(names: str, small: Services) -> None:
    test = sound(opened("browse", **{names: "nothing"}))
    assert "9 traces" in said(test)


def test_compare_with_runs_that_are_gone_or_alone(small: Services) -> None:
    runs = {run.info.dataset: run.id for run in small.runs.all()}
    gone = said(sound(opened("compare", runs="000000000000,111111111111")))
    assert "The link names runs that aren’t here: 000000000000, 111111111111." in gone and "Problem 1" not in gone
    half = said(sound(opened("compare", runs=f"bogus,{runs['AIME24']}")))
    assert "a run that isn’t here: bogus. It was removed" in half and "Another run stands beside" in half
    other = said(sound(opened("compare", runs=f"{runs['AIME24']},{runs['AIME24']}", problem="gone")))
    assert "a problem that isn’t here: gone" in other
    text = said(sound(opened("compare", runs=f"{runs['AIME24']},{runs['AMC23']}")))
    assert "These runs share no problem, so there is nothing to compare." in text
    same = said(sound(opened("compare", runs=f"{runs['AIME24']},{runs['AIME24']}")))
    assert "Problem 1" in same


@pytest.mark.parametrize(
    ("page", "query", "words"),
    [
        ("browse", {"run": "bogus"}, "a run that isn’t here: bogus. It was removed or renamed"),
        ("browse", {"dataset": "bogus"}, "a data set that isn’t here: bogus"),
        ("experiments", {"source": "runs", "runs": "bogus,x"}, "runs that aren’t here: bogus, x. They were removed"),
        ("models", {"model": "bogus"}, "a model that isn’t here: bogus"),
        ("live", {"models": "bogus"}, "a model that isn’t here: bogus. It was removed or renamed, or the link is of"),
        ("live", {"problem": "bogus"}, "a problem that isn’t here: bogus"),
        ("live", {"preset": "bogus"}, "a ready experiment that isn’t here: bogus"),
        ("live", {"job": "bogus"}, "There is no job 'bogus'"),
        ("distil", {"training": "bogus"}, "There is no training 'bogus'"),
        ("overview", {"lexicon": HOSTILE}, "a lexicon that isn’t here: <script>alert(1)</script>\\u202e"),
    ],
)
def test_a_link_to_what_is_gone_says_so(page: str, query: dict[str, str], words: str, small: Services) -> None:
    assert words in said(sound(opened(page, **query)))


def test_the_demo_can_come_beside_own_runs(small: Services) -> None:
    own = {run.id for run in small.runs.all()}
    test = sound(opened("overview"))
    test.button(key="bring_demo").click().run()
    assert sound(test).button(key="no_demo") and own < {run.id for run in small.runs.all()}
    test.button(key="no_demo").click().run()
    assert {run.id for run in small.runs.all()} == own


def test_an_import_can_go_on_without_the_page(tmp_path: Path, empty: None, settings: Settings) -> None:
    file = tmp_path / "one.jsonl"
    row = {"question": "1+1?", "generated_responses": ["\\boxed{2}"], "gold_answer": "2"}
    file.write_text(json.dumps(row), encoding="utf-8")
    test = opened("import")
    test.text_input(key="path").set_value(str(file)).run()
    next(button for button in test.button if button.label == "Import in the background").click().run()
    sound(test)
    with build_services(settings) as services:
        (job,) = services.jobs.open()
        assert (job.kind.value, job.spec["paths"]) == ("import", [str(file)])


def test_the_demo_fills_a_new_store_and_goes_at_one_click(monkeypatch: pytest.MonkeyPatch, empty: None) -> None:
    monkeypatch.setenv("SECOND_THOUGHTS_DEMO", "auto")
    test = sound(opened("overview"))
    assert test.title[0].value == "A model that lost its second thoughts"
    assert "were trained into this small model" in said(test)
    test.button(key="no_demo").click().run()
    assert "The store is empty." in said(sound(test))
    next(button for button in test.button if button.label == "Bring the demo runs").click().run()
    assert sound(test).title[0].value == "A model that lost its second thoughts"


def test_a_ledger_of_a_newer_release_is_a_sentence_on_every_page(empty: None, settings: Settings) -> None:
    build_services(settings).close()
    made_newer(settings.store)
    assert "it has been through m999_later" in said(sound(opened("overview")))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/etc/passwd", "SECOND_THOUGHTS_ROOTS"),
        ("~/.ssh", "SECOND_THOUGHTS_ROOTS"),
        ("~nobody-here/x", "can't be the path"),
    ],
)
def test_a_path_that_is_not_open_to_pages_is_a_sentence(path: str, words: str, empty: None) -> None:
    test = opened("import")
    test.text_input(key="path").set_value(path).run()
    assert words in said(sound(test))
