"""The registry of models: entering, naming, lineage, removing, the shipped ones; every refusal a sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.config import Settings
from backend.domain import ModelKind, UserError
from backend.services import Services, build_services


@pytest.fixture
def lab(tmp_path: Path, tiny_model: Path) -> Path:
    """A folder of shipped models: a base and one trained from it."""
    for name, facts in (("lab-base", {"kind": "base"}), ("lab-child", {"kind": "sft", "base": "lab-base"})):
        shutil.copytree(tiny_model, tmp_path / "lab" / name)
        (tmp_path / "lab" / name / "lab.json").write_text(json.dumps(facts), "utf-8")
    return tmp_path / "lab"


@pytest.fixture
def here(settings: Settings, lab: Path) -> Iterator[Services]:
    with build_services(Settings(store=settings.store, lab=lab, graders=1)) as services:
        yield services


def test_shipped_models_are_there_with_their_lineage(here: Services, settings: Settings, lab: Path) -> None:
    base, child = here.models.all()
    assert (base.model.name, child.model.name, child.parent_name) == ("lab-base", "lab-child", "lab-base")
    assert base.lab and base.ready and base.model.location == str(lab / "lab-base")
    here.models.remove(child.model.id)
    with build_services(Settings(store=settings.store, lab=lab)) as again:
        assert [info.model.name for info in again.models.all()] == ["lab-base"]


def test_an_adapter_finds_its_base(here: Services, tiny_model: Path, tiny_adapter: Path) -> None:
    with pytest.raises(UserError, match="add that model first"):
        here.models.add_folder(tiny_adapter)
    base = here.models.add_folder(tiny_model)
    adapter = here.models.add_folder(tiny_adapter)
    assert (adapter.kind, adapter.base, adapter.parent) == (ModelKind.ADAPTER, base.id, base.id)
    assert here.models.tokenizer(adapter) == here.models.tokenizer(base) is not None
    with pytest.raises(UserError, match="sits on it"):
        here.models.remove(base.id)


def test_names_notes_and_parents(here: Services, tiny_model: Path) -> None:
    added = here.models.add_folder(tiny_model, "mine")
    here.models.rename(added.id, "  renamed   once ")
    here.models.annotate(added.id, " good ")
    here.models.set_parent(added.id, here.models.get("lab-child").id)
    info = next(info for info in here.models.all() if info.model.id == added.id)
    assert (info.model.name, info.model.note, info.parent_name) == ("renamed once", "good", "lab-child")
    with pytest.raises(UserError, match="called 'lab-base' already"):
        here.models.rename(added.id, "lab-base")
    with pytest.raises(UserError, match="descend from itself"):
        here.models.set_parent(here.models.get("lab-base").id, added.id)
    with pytest.raises(UserError, match="in the list already, as renamed once"):
        here.models.add_folder(tiny_model)


def test_endpoints_and_hub_names(here: Services) -> None:
    endpoint = here.models.add_endpoint("http://127.0.0.1:8000", "qwen", key="SECOND_THOUGHTS_KEY_MINE", name="server")
    assert (endpoint.kind, endpoint.settings) == (
        ModelKind.ENDPOINT,
        {"model": "qwen", "key": "SECOND_THOUGHTS_KEY_MINE"},
    )
    assert here.models.tokenizer(endpoint) is None
    hub = here.models.add_hub("Qwen/Qwen3-8B")
    with pytest.raises(UserError, match="has not been downloaded"):
        here.models.ready(hub.id)


def test_a_variable_that_nobody_named_as_a_key_is_not_sent(here: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    for variable in (
        "DATABASE_PASSWORD",
        "NOT_EVEN_SET",
        "SECOND_THOUGHTS_KEYS",
        "SECOND_THOUGHTS_KEY",
        "OPENAI_API_KEY",
    ):
        with pytest.raises(UserError, match=f"{variable} is not sent to http://evil.example/v1") as caught:
            here.models.add_endpoint("http://evil.example", "m", key=variable)
        assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("SECOND_THOUGHTS_KEYS", "OTHER, DATABASE_PASSWORD")
    entered = here.models.add_endpoint("http://evil.example", "m", key="DATABASE_PASSWORD")
    assert here.models.ready(entered.id)
    # One that was entered before the setting named keys, or since it was changed, is refused at use.
    monkeypatch.delenv("SECOND_THOUGHTS_KEYS")
    with pytest.raises(UserError, match="DATABASE_PASSWORD is not sent to"):
        here.models.ready(entered.id)


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("https://api.openai.com/v1", True), ("https://eu.api.openai.com", True), ("http://api.openai.com", False),
        ("https://api.openai.com.evil.example", False), ("https://evilapi.openai.com", False),
        ("https://evil.example/https://api.openai.com", False), ("https://evil.example?api.openai.com", False),
    ],
)  # fmt: skip
def test_openais_own_variable_goes_to_openai_alone(here: Services, address: str, sent: bool) -> None:
    if sent:
        assert here.models.add_endpoint(address, "m", key="OPENAI_API_KEY")
    else:
        with pytest.raises(UserError, match="is not sent to"):
            here.models.add_endpoint(address, "m", key="OPENAI_API_KEY")


@pytest.mark.parametrize("location", ["ftp://host/v1", "http://", "not an address"])
def test_a_bad_address_is_refused(here: Services, location: str) -> None:
    with pytest.raises(UserError):
        here.models.add_endpoint(location, "m")


def test_folders_without_a_model_are_refused(here: Services, tmp_path: Path, tiny_model: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=r"config\.json"):
        here.models.add_folder(empty)
    bare = Path(shutil.copytree(tiny_model, tmp_path / "bare"))
    (bare / "model.safetensors").unlink()
    with pytest.raises(UserError, match="safetensors"):
        here.models.add_folder(bare)
    with pytest.raises(UserError):
        here.models.add_folder(tmp_path / "nowhere")
    assert len(here.models.all()) == 2
