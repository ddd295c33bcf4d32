"""Edits of stored runs: checked values, find and replace, one transaction, what follows, what can't be changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.cli.main import main
from backend.config import Settings
from backend.domain import GENERATED, TRAINING, Context, RunInfo, Sampling, UserError
from backend.import_plan import Overrides
from backend.services import Services, build_services
from backend.services.traces.run_fields import FIELDS, Replacement, checked, values_of
from tests.services.made_files import row, state, take_one, write
from tests.store.store_cases import put, trace


@pytest.fixture
def pair(services: Services, tmp_path: Path) -> tuple[str, str]:
    """A base and what was trained from it, over the same problem."""
    found = []
    for name, parent in (("Base-1B", None), ("Base-1B-sft", "Base-1B")):
        file = write(tmp_path / f"{name}.jsonl", [row("1+1?", f"Wait. {name} \\boxed{{2}}")])
        found.append(take_one(services, file, overrides=Overrides(model=name, dataset="sums", parent=parent)))
    return found[0], found[1]


def edit(services: Services, **given: dict[str, object]) -> list[tuple[str, str, object, object]]:
    edits = services.edits.plan(given)
    services.edits.save(edits)
    return [(edit.run.id, *change) for edit in edits for change in edit.changes]


# -- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "given", "sentence"),
    [
        ("model", "  ", "Model is empty, and every run has one."),
        ("dataset", None, "Data set is empty"),
        ("context", "", "Context is empty"),
        ("model", "a\u202eb", "Model holds the character U+202E"),
        ("series", "x" * 201, "Series has 201 characters, but at most 200 fit."),
        ("note", "x" * 2_001, "Note has 2,001 characters"),
        ("note", "\ud800", "half a character"),
        ("step", "abc", "Step is 'abc', which is no whole number."),
        ("step", "1.5", "no whole number"),
        ("step", -1, "Step is -1, which is no whole number from 0 to 2,147,483,647."),
        ("step", 2**31, "no whole number from"),
        ("temperature", "hot", "Temperature is 'hot', which is no number."),
        ("temperature", float("inf"), "no number"),
        ("top_p", 1.5, "Top-p is 1.5, which is no number from 0 to 1."),
        ("context", "a hint", "Context is 'a hint', which is none; there are: none, full solution"),
        ("sauce", "x", "A run has no field 'sauce' to correct; there are: model, dataset"),
    ],
)
def test_a_value_that_cannot_be_gets_a_sentence(field: str, given: object, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        checked(RunInfo("m", "d", context=Context.ANSWER), {field: given})
    assert sentence in str(caught.value)


def test_values_are_stored_as_what_they_are() -> None:
    info = RunInfo("m\u202e", "d", parent="p", step=3, sampling=Sampling(temperature=0.0), note="n")
    given = {"model": "m\u202e", "dataset": " e ", "parent": "", "step": "12", "seed": 7.0, "top_k": "-1",
             "temperature": float("nan"), "context": "answer only", "note": "two\nlines"}  # fmt: skip
    found = checked(info, given)
    # A name that was read with a character nobody may type stays as long as nobody touches it.
    assert found == {"dataset": "e", "parent": None, "step": 12, "seed": 7, "top_k": -1, "temperature": None,
                     "context": Context.ANSWER, "note": "two\nlines"}  # fmt: skip
    assert isinstance(found["seed"], int) and checked(info, values_of(info)) == {}
    assert set(FIELDS) == set(Overrides.__dataclass_fields__), "what an import can be corrected in, a run can"


# -- find and replace ---------------------------------------------------------------------------------

ROWS = {"a": {"model": "Qwen-1B-step10", "series": "run (1)", "step": 10, "note": "step"}, "b": {"model": "x"}}


def test_text_is_replaced_as_it_stands_or_as_an_expression() -> None:
    assert Replacement("(1)", "2").over(ROWS) == {"a": {"series": "run 2"}}
    assert Replacement("step", "s", ("model", "note")).over(ROWS) == {"a": {"model": "Qwen-1B-s10", "note": "s"}}
    found = Replacement(r"^(\w+)-(\d+)B.*", r"\2B \1", ("model",), regex=True).over(ROWS)
    assert found == {"a": {"model": "1B Qwen"}}
    assert Replacement("nowhere", "x").over(ROWS) == Replacement("x", "x").over(ROWS) == {}
    for old, new, words in (("", "x", "nothing to find"), ("(", "x", "missing )"), ("a", r"\1", "can't be replaced")):
        with pytest.raises(UserError) as caught:
            Replacement(old, new, regex=True).over(ROWS)
        assert words in str(caught.value)


def test_no_expression_takes_long() -> None:
    assert Replacement("(a+)+$", "b", regex=True).over({0: {"model": "a" * 200 + "!"}}) == {}


# -- stored runs ----------------------------------------------------------------------------------------


def test_an_edit_keeps_identity_and_everything_else(services: Services, pair: tuple[str, str], tmp_path: Path) -> None:
    base, variant = pair
    before, version = services.runs.get(variant), services.runs.version()
    files, _ = state(services.store.folder)
    changes = edit(services, **{variant: {"model": "New", "step": "4", "series": "t", "temperature": "0.5"}})
    assert changes == [(variant, "model", "Base-1B-sft", "New"), (variant, "series", None, "t"),
                       (variant, "step", None, 4), (variant, "temperature", before.info.sampling.temperature, 0.5)]  # fmt: skip
    after = services.runs.get(variant)
    sampling = replace(before.info.sampling, temperature=0.5)
    assert after == replace(before, info=replace(before.info, model="New", step=4, series="t", sampling=sampling))
    assert services.runs.version() > version and state(services.store.folder)[0] == files
    # The same file is still the same run, whatever that is called now.
    file = tmp_path / "Base-1B-sft.jsonl"
    assert [outcome.state for outcome in services.imports.run([file])] == ["present"]
    assert services.imports.present(services.imports.plan([file]).sources) == ["New · sums"]
    [found] = services.runs.pairs()
    assert (found.base.id, found.variant.info.model) == (base, "New")


def test_a_parent_follows_where_its_model_is_renamed_everywhere(services: Services, pair: tuple[str, str]) -> None:
    base, variant = pair
    edits = services.edits.plan({base: {"model": "Root"}})
    assert [(edit.run.id, edit.follows) for edit in edits] == [(base, False), (variant, True)]
    services.edits.save(edits)
    [found] = services.runs.pairs()
    assert found.reason == "trained from" and found.variant.info.parent == "Root"
    services.edits.save([edit.undone for edit in edits])
    assert (services.runs.get(base).info.model, services.runs.get(variant).info.parent) == ("Base-1B", "Base-1B")
    # Said otherwise, it stays as it was said; and where another run still bears the name, nothing follows.
    assert edit(services, **{base: {"model": "Root"}, variant: {"parent": "Else"}})[1][3] == "Else"
    edit(services, **{base: {"model": "Else"}})
    assert edit(services, **{variant: {"model": "Else"}}) == [(variant, "model", "Base-1B-sft", "Else")]
    assert edit(services, **{base: {"model": "Third"}}) == [(base, "model", "Else", "Third")]


def test_all_or_nothing(services: Services, pair: tuple[str, str], settings: Settings) -> None:
    base, variant = pair
    before = state(services.store.folder)
    with pytest.raises(UserError, match="Base-1B-sft · sums: Step is 'x'"):
        edit(services, **{base: {"model": "Fine"}, variant: {"step": "x"}})
    with pytest.raises(UserError, match="There is no run gone"):
        edit(services, gone={"model": "x"})
    stale = services.edits.plan({base: {"note": "mine"}, variant: {"note": "mine"}})
    assert state(services.store.folder) == before
    with build_services(settings) as other:
        edit(other, **{variant: {"note": "theirs"}})
    with pytest.raises(UserError, match="Nothing was saved: Base-1B-sft · sums changed"):
        services.edits.save(stale)
    assert services.runs.get(variant).info.note == "theirs" and services.runs.get(base).info.note != "mine"


def test_what_happened_here_cannot_be_changed(services: Services) -> None:
    put(services.store, "made", [trace("made", 0)], format=GENERATED)
    put(services.store, "trained", [trace("trained", 0)], format=TRAINING, series="t", step=2)
    assert edit(services, made={"dataset": "other", "note": "n", "parent": "p"})
    assert edit(services, trained={"note": "n", "variant": "v"})
    for run, values, words in (
        ("made", {"model": "x"}, "The run's model can't be changed: it was made here."),
        ("made", {"temperature": 1, "context": "answer only"}, "context and temperature"),
        ("trained", {"series": "x"}, "The run's series can't be changed: it was made in a training."),
        ("trained", {"tokenizer": "x"}, "tokenizer can't be changed"),
    ):
        with pytest.raises(UserError) as caught:
            services.edits.plan({run: dict(sorted(values.items()))})
        assert words in str(caught.value)


# -- the verb -------------------------------------------------------------------------------------------


def test_the_verb_edits_says_what_changed_and_tries_first(
    services: Services, pair: tuple[str, str], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["edit", *words, "--store", str(settings.store)])
        return code, *capsys.readouterr()

    base, variant = pair
    before = state(services.store.folder)
    code, out, _ = run("--replace", "Base-1B", "Root-1B", "--field", "model", "--dry-run")
    assert code == 0 and out.count("would change") == 2 and state(services.store.folder) == before
    code, out, _ = run("--replace", r"[-](\d)B", r" \1b", "--regex", "--field", "model")
    assert code == 0 and f"changed  {base}  Base-1B · sums: model Base-1B → Base 1b\n" in out
    assert "model Base-1B-sft → Base 1b-sft; trained from Base-1B → Base 1b" in out
    assert run("--model", "Base 1b-sft", "--set", "step=7", "series=t", "parent=")[0] == 0
    info = services.runs.get(variant).info
    assert (info.model, info.step, info.series, info.parent) == ("Base 1b-sft", 7, "t", None)
    assert run("--run", variant, "--set", "step=7")[:2] == (0, "Nothing to change.\n")
    for words, sentence in (
        ((), "Say what to change"),
        (("--set", "model=x"), "Say which runs get it: --run, --model, --dataset, --series."),
        (("--model", "gone", "--set", "model=x"), "No run of this store has the model 'gone'."),
        (("--run", base, "--set", "step=soon"), "Step is 'soon', which is no whole number."),
        (("--run", base, "--set", "model"), "--set takes FIELD=VALUE"),
        (("--replace", "(", "x", "--regex"), "can't be replaced"),
    ):
        code, out, error = run(*words)
        assert (code, out) == (2, "") and sentence in error, words
