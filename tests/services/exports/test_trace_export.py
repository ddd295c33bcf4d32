"""Exports of traces: what is written is read back as the same run, and opens in the tools it is for."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import hypothesis.strategies as st
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from backend.config import Settings
from backend.domain import Context, TraceFilter, UserError
from backend.import_plan import Overrides
from backend.services import Services, build_services
from tests.services.made_files import row, take, take_one, write

HOSTILE = "Wait, maybe <script>alert(1)</script> 𝔸\u0000\u2028 naïve — hmm.\n\\boxed{2}"
SETTINGS = Overrides(series="grpo", step=3, context=Context.ANSWER, temperature=0.6, top_k=20, seed=1, parent="base")


@pytest.fixture
def run(services: Services, tmp_path: Path) -> str:
    """A run of three problems, two samples each."""
    rows = [
        row("What is 1 + 1?", HOSTILE, "It is 3.\n\\boxed{3}", answers_correctness=[True, False]),
        row("What is 2 * 1?", "<think>Hmm, perhaps 2?</think>\\boxed{2}", "Wait. Wait. \\boxed{2}"),
        row("Sing.", "La.", "Perhaps not.", gold=None),
    ]
    for each in rows:
        each["response_token_lengths"] = [40, 7]
        each["answers_correctness"] = each.get("answers_correctness", [True, None])
    return take_one(services, write(tmp_path / "in" / "m_t0.6.jsonl", rows), overrides=SETTINGS)


def figures(services: Services, run_id: str) -> dict[str, Any]:
    """What the command line says of a run, without what is its file's own."""
    summary = next(each for each in services.runs.summaries() if each.run.id == run_id)
    found = services.runs.as_json(summary, services.runs.densities()[run_id])
    return {name: value for name, value in found.items() if name not in ("id", "format")}


def contents(services: Services, run_id: str) -> list[dict[str, Any]]:
    """The traces of a run as an export has them, without ids and places in files."""
    path = services.store.folder / "look.jsonl"
    services.exports.traces(TraceFilter(runs=(run_id,)), path, force=True)
    own = ("trace_id", "run_id", "ordinal", "source_file", "source_sha256", "source_row", "loop_tokens", "think_tokens")
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [{name: value for name, value in each.items() if name not in own} for each in rows]


def back(services: Services, path: Path, folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures and traces of the run that an exported file or folder becomes in an empty store."""
    with build_services(Settings(store=folder, graders=1)) as other:
        found = [outcome.run for outcome in take(other, path) if outcome.run]
        assert len(found) == 1
        return figures(other, found[0]), contents(other, found[0])


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet", "folder"])
def test_what_is_written_is_read_back_as_the_same_run(services: Services, run: str, tmp_path: Path, name: str) -> None:
    done = services.exports.traces(TraceFilter(), tmp_path / name)
    assert done.rows == 6
    assert back(services, tmp_path / name, tmp_path / "other") == (figures(services, run), contents(services, run))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


# Few examples of many texts: each takes three stores.
@settings(max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(TEXTS.filter(str.strip), TEXTS), min_size=25, max_size=40, unique_by=lambda p: "".join(p[0].split())
    )
)
def test_any_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [row(question, answer, "hmm " + answer, gold=answer or None) for question, answer in pairs]
    with build_services(Settings(store=folder / "store", graders=1)) as services:
        run = take_one(services, write(folder / "in.jsonl", rows))
        for name in ("out.parquet", "out.jsonl"):
            services.exports.traces(TraceFilter(), folder / name)
            assert back(services, folder / name, folder / f"{name}.store")[1] == contents(services, run)


def test_cues_stand_where_their_words_are(services: Services, run: str) -> None:
    rows = contents(services, run)
    found = [(cue, each) for each in rows for cue in each["cues"]]
    assert {cue["text"].lower() for cue, _ in found} >= {"wait", "maybe", "hmm", "perhaps"}
    assert all(each["text"][cue["start"] : cue["end"]] == cue["text"] for cue, each in found)
    assert {each["lexicon"] for each in rows} == {services.lexicons.get("doubts").id}
    assert rows[0]["sampling"]["temperature"] == 0.6 and rows[0]["step"] == 3 and rows[0]["series"] == "grpo"


def test_the_filters_of_browse_apply(services: Services, run: str, tmp_path: Path) -> None:
    for number, wanted in enumerate(
        (
            TraceFilter(runs=(run,), correct=True),
            TraceFilter(search="wait"),
            TraceFilter(unknown=True, lexicon="kim2026"),
            TraceFilter(dataset=services.runs.get(run).info.dataset, min_density=100),
        )
    ):
        listed = {each.id for each in services.trace_list.page(wanted).rows}
        services.exports.traces(wanted, tmp_path / f"{number}.parquet")
        assert set(pq.read_table(tmp_path / f"{number}.parquet")["trace_id"].to_pylist()) == listed != set()
    for nothing in (TraceFilter(search="nowhere"), TraceFilter(dataset="none of these")):
        with pytest.raises(UserError, match="nothing to export"):
            services.exports.traces(nothing, tmp_path / "empty.jsonl")
    with pytest.raises(UserError, match="There is no run"):
        services.exports.traces(TraceFilter(runs=("gone",)), tmp_path / "empty.jsonl")
    assert not (tmp_path / "empty.jsonl").exists()


def test_hugging_face_opens_the_folder(services: Services, run: str, tmp_path: Path) -> None:
    services.exports.traces(TraceFilter(), tmp_path / "folder")
    opened = datasets.load_dataset(str(tmp_path / "folder"), split="train", cache_dir=str(tmp_path / "cache"))
    assert opened.num_rows == 6 and opened[0]["text"] == HOSTILE
    assert opened[0]["cues"][0]["text"] == "Wait"
    assert run in (tmp_path / "folder" / "README.md").read_text("utf-8")


def test_nothing_is_overwritten_unasked(services: Services, run: str, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        services.exports.traces(TraceFilter(), path)
    assert path.read_text() == "mine"
    assert services.exports.traces(TraceFilter(), path, force=True).rows == 6
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        services.exports.traces(TraceFilter(), tmp_path / "folder", force=True)
    for bad in (tmp_path / "out.csv", tmp_path / "no" / "out.jsonl", tmp_path / "folder" / "mine" / "out.jsonl"):
        with pytest.raises(UserError):
            services.exports.traces(TraceFilter(), bad)
    assert not [*tmp_path.glob("**/*.half")]


@pytest.mark.parametrize("suffix", [".json", ".eval"])
def test_an_inspect_log_has_the_samples_scores_and_targets(
    services: Services, run: str, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"log{suffix}"
    services.exports.inspect(run, path)
    if suffix == ".eval":
        with zipfile.ZipFile(path) as archive:
            assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_DEFLATED}
            log = json.loads(archive.read("header.json"))
            names = [name for name in archive.namelist() if name.startswith("samples/")]
            samples = [json.loads(archive.read(name)) for name in names]
    else:
        log = json.loads(path.read_text("utf-8"))
        samples = log["samples"]
    assert sorted((each["id"], each["epoch"]) for each in samples) == [(n, e) for n in (1, 2, 3) for e in (1, 2)]
    assert samples[0]["target"] == "2" and samples[0]["output"]["choices"][0]["message"]["content"] == HOSTILE
    assert {name: score["value"] for name, score in samples[1]["scores"].items()}["file"] == "I"
    assert "file" not in samples[3]["scores"], "an unknown verdict is no score"
    shown = {score["name"]: score["metrics"]["accuracy"]["value"] for score in log["results"]["scores"]}
    summary = next(each for each in services.runs.summaries() if each.run.id == run)
    assert shown == pytest.approx({name: found.value for name, found in summary.accuracy.items() if found})


def test_an_inspect_log_is_read_back_to_the_same_figures(services: Services, run: str, tmp_path: Path) -> None:
    services.exports.inspect(run, tmp_path / "log.json")
    found, rows = back(services, tmp_path / "log.json", tmp_path / "other")
    own = figures(services, run)
    for name in ("model", "problems", "traces", "mean_length", "cues_per_trace", "cues_per_1k", "pass_at_k"):
        assert found[name] == own[name], name
    for grader in ("final answer", "paper"):
        assert found["accuracy"][grader] == own["accuracy"][grader]
    held = [(each["question"], each["sample"], each["text"], each["gold"], each["tokens"]) for each in rows]
    mine = contents(services, run)
    assert held == [(each["question"], each["sample"], each["text"], each["gold"], each["tokens"]) for each in mine]


def test_a_run_that_was_not_searched_has_no_cues_rather_than_none(services: Services, run: str, tmp_path: Path) -> None:
    lexicon = services.lexicons.get("doubts")
    new = replace(lexicon, name="new", version="1", entries=lexicon.entries[:3])
    services.lexicons.add_version(services.people.local("Ana").id, new)
    services.exports.traces(TraceFilter(lexicon="new"), tmp_path / "out.parquet")
    assert set(pq.read_table(tmp_path / "out.parquet")["cues"].to_pylist()) == {None}
