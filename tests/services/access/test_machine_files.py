"""Which files of this machine pages may read by path, through the services that pages give paths to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.config import Settings
from backend.domain import UserError
from backend.job import JobState
from backend.services import Services, build_services
from backend.services.access.machine_files import readable

REFUSED = "SECOND_THOUGHTS_ROOTS"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a work folder, in which the app stands, and what must not be read."""
    home = tmp_path / "home"
    for name in (
        ".ssh/key",
        "project/.streamlit/secrets.toml",
        "project/store/plan.json",
        "project/a.jsonl",
        "b/c.jsonl",
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(json.dumps({"question": "1+1?", "response": "2", "answer": "2"}), encoding="utf-8")
    (tmp_path / "outside.jsonl").write_text("{}", encoding="utf-8")
    (tmp_path / "home-not.jsonl").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "project")
    return home


def app_of(home: Path, served_at: str | None = "127.0.0.1", **changed: object) -> Settings:
    return replace(Settings(store=home / "project" / "store", served_at=served_at), **changed)


@pytest.mark.parametrize(
    "path", ["a.jsonl", "../b/c.jsonl", "~/b", "~", ".", "{home}/project/a.jsonl", "nothing.jsonl"]
)
def test_home_and_working_folder_are_open_on_loopback(home: Path, path: str) -> None:
    for address in ("127.0.0.1", "::1", "localhost"):
        assert readable(app_of(home, address), Path(path.format(home=home)))


@pytest.mark.parametrize(
    "path",
    [
        "../../outside.jsonl", "{home}/../home-not.jsonl", "/", "/etc/passwd", "{home}/..", "link.jsonl", "link-folder/x",
        "~/.ssh", "~/.ssh/key", "~/.ssh/nothing", ".streamlit/secrets.toml", ".streamlit/../.streamlit/secrets.toml",
        "store", "store/plan.json", "store/nothing", "./store/../store/plan.json", "to-store/plan.json",
        "/proc/self/environ", "~nobody-of-this-name/x", "a\0b", "round",
    ],
)  # fmt: skip
def test_nothing_else_is(home: Path, path: str) -> None:
    Path("link.jsonl").symlink_to(home.parent / "outside.jsonl")
    Path("link-folder").symlink_to(home.parent)
    Path("to-store").symlink_to("store")
    Path("round").symlink_to("round")
    with pytest.raises(UserError, match=rf"{REFUSED}|can't be the path"):
        readable(app_of(home), Path(path.format(home=home)))


@pytest.mark.parametrize("changed", [{"served_at": ""}, {"served_at": "0.0.0.0"}, {"hosts": ("lab.example",)}])
def test_nothing_is_open_where_people_come_from_other_machines(home: Path, changed: dict[str, object]) -> None:
    settings = replace(app_of(home), **changed)
    with pytest.raises(UserError, match="opens to its pages no folder of its machine"):
        readable(settings, Path("a.jsonl"))
    assert readable(replace(settings, roots=("~/project",)), Path("a.jsonl"))


def test_the_whole_machine_is_no_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    monkeypatch.chdir("/")
    with pytest.raises(UserError, match="no folder of its machine"):
        readable(app_of(home), Path("/etc/passwd"))


def test_roots_that_are_listed_replace_the_default_and_open_what_is_hidden(home: Path) -> None:
    settings = app_of(home, roots=("~/.ssh", str(home / "b")))
    assert readable(settings, Path("~/.ssh/key")) and readable(settings, Path("../b/c.jsonl"))
    with pytest.raises(UserError, match=r"home/b, outside hidden folders"):
        readable(settings, Path("a.jsonl"))
    with pytest.raises(UserError, match="no folder of its machine"):
        readable(app_of(home, roots=("off",)), Path("a.jsonl"))
    assert readable(app_of(home, roots=("store/parts",)), Path("store/parts/r/x.parquet"))


def test_the_command_line_reads_what_its_account_may(home: Path) -> None:
    assert readable(app_of(home, None), Path("~/.ssh/key")) == home / ".ssh" / "key"


@given(st.lists(st.sampled_from(["..", ".", ".ssh", "project", "store", "b", "", "~", "a.jsonl", "/", "\0", "é"])))
def test_whatever_the_way_it_ends_in_the_open_or_in_a_sentence(parts: list[str]) -> None:
    settings = Settings(store=Path("/nosuch/store"), served_at="127.0.0.1", roots=("/usr/share",))
    try:
        found = readable(settings, Path("/usr/share", *parts))
    except UserError:
        return
    assert os.path.realpath(found).startswith("/usr/share")


@pytest.fixture
def app(home: Path) -> Iterator[Services]:
    with build_services(app_of(home)) as services:
        yield services


@pytest.mark.parametrize(
    "use",
    [
        lambda app, path: app.imports.plan([path]),
        lambda app, path: app.imports.plan([path], {"question": "question", "text": "response"}),
        lambda app, path: list(app.imports.run([path])),
        lambda app, path: app.jobs.submit_import([path]),
        lambda app, path: app.jobs.submit_import([Path("a.jsonl")], path),
        lambda app, path: app.models.inspect(path),
        lambda app, path: app.models.add_folder(path),
    ],
)
def test_every_service_that_pages_give_a_path_refuses(
    home: Path, app: Services, use: Callable[[Services, Path], object]
) -> None:
    for path in (home.parent / "outside.jsonl", home / ".ssh", home / "project" / "store", Path("/etc/nothing")):
        with pytest.raises(UserError, match=REFUSED):
            use(app, path)
    assert app.jobs.open() == []


def test_a_job_of_the_command_line_is_repeated_by_a_page_where_pages_may_read(home: Path, app: Services) -> None:
    with build_services(app_of(home, None)) as shell:
        job = shell.jobs.submit_import([home.parent / "outside.jsonl"])
        shell.jobs.cancel(job.id)
        assert shell.jobs.get(job.id).state is JobState.CANCELLED
    with pytest.raises(UserError, match=REFUSED):
        app.jobs.retry(job.id)
