"""Loads the weights of a family: a checkpoint and the LoRA adapters on it.

Owns what is checked on the way, and the sentences for what is wrong. Only safetensors are read, and no code that comes
with a model is run.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from huggingface_hub import snapshot_download
from peft import PeftConfig, PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM

from backend.domain import Model, ModelKind, UserError, visible
from backend.engines.checkpoints import ADAPTER_CONFIG, tensors
from backend.engines.compatibility import VllmState, folder_of, suitability
from backend.engines.protocol import Family
from backend.engines.transformers.decoder import Decoder
from backend.engines.transformers.fallback_decoder import ModelDecoder
from backend.engines.transformers.qwen3_decoder import Lora, Qwen3Decoder, fits

_FUSED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
# Of a download: neither pickles nor Python files.
_NEEDED = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "tokenizer.model")


def check_files(family: Family, download: bool) -> Path:
    """The base's folder. Raises UserError for the first model of the family whose files aren't here and whole."""
    members = (family.base, *family.adapters)
    if download:
        for model in members:
            if model.kind is ModelKind.HUB:
                snapshot_download(model.location, allow_patterns=list(_NEEDED))
    registry = {model.id: model for model in members}
    for model in members:
        verdict = next(s for s in suitability(model, registry, vllm=VllmState()) if s.engine == "transformers")
        if not verdict.ok:
            raise UserError(verdict.reason)
    return folder_of(family.base)


class Facts(NamedTuple):
    """From a model's configuration: ids that end a turn, size of the vocabulary, context in tokens."""

    ends: frozenset[int]
    vocabulary: int
    context: int | None


def load(family: Family, folder: Path, device: torch.device) -> tuple[Decoder, Facts]:
    """The decoder that runs this family fastest on `device`. Raises UserError where its weights don't fit."""
    model = _load_base(family.base, folder, device)
    facts = _facts(model)
    names = [f"a{number}" for number in range(1, len(family.adapters) + 1)]
    for name, adapter in zip(names, family.adapters, strict=True):
        model = _add_adapter(model, name, adapter, family.base)
    if device.type == "cpu" and fits(model.config):
        base = model.get_base_model() if names else model
        # The fast decoder adds products of two matrices; with one adapter that needs more, all run by the other.
        loras = [_plain_lora(model, name, folder_of(a)) for name, a in zip(names, family.adapters, strict=True)]
        if all(lora is not None for lora in loras):
            return Qwen3Decoder(_without_adapters(base), [lora for lora in loras if lora is not None]), facts
    return ModelDecoder(model, names), facts


def _facts(model: Any) -> Facts:
    config = model.config.get_text_config()
    ends: set[int] = set()
    # Chat models often name the end of a turn in one place and the end of a text in the other; both end a response.
    for found in (model.generation_config.eos_token_id, config.eos_token_id):
        ends |= set(found if isinstance(found, list) else [found]) - {None}
    return Facts(frozenset(ends), config.vocab_size, getattr(config, "max_position_embeddings", None))


def _load_base(base: Model, folder: Path, device: torch.device) -> Any:
    refuse = _refusing(f"{base.name} can't be read from {visible(str(folder))}")
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            # CPUs are slow at half precision, and our decoder computes in float32.
            dtype=torch.float32 if device.type == "cpu" else "auto",
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError, KeyError, AttributeError, ImportError) as error:
        refuse(str(error), error)
    model, info = loaded
    # transformers fills missing weights with random numbers, and only warns.
    if missing := sorted(info["missing_keys"]):
        refuse(f"{len(missing):,} of its weights are missing, the first is {missing[0]}")
    return model.eval().requires_grad_(False).to(device)


def _add_adapter(model: Any, name: str, adapter: Model, base: Model) -> Any:
    folder = folder_of(adapter)
    refuse = _refusing(f"{adapter.name} in {visible(str(folder))} can't be put on {base.name}")
    try:
        settings = PeftConfig.from_pretrained(str(folder))
        settings.inference_mode = True
        if isinstance(model, PeftModel):
            found = model.load_adapter(folder, name, is_trainable=False, use_safetensors=True, peft_config=settings)
        else:
            model = PeftModel(model, settings, adapter_name=name)
            found = model.load_adapter(folder, name, is_trainable=False, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, SafetensorError, KeyError, TypeError) as error:
        refuse(str(error).splitlines()[0], error)
    # PEFT takes over what matches and leaves the rest as it was initialised: both sides have to match completely.
    wanted = get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False)
    missing = sorted(wanted.keys() - tensors(folder, adapter=True).keys())
    if strange := [*found.unexpected_keys, *missing]:
        refuse(f"it is an adapter of another base: {len(strange):,} weights don't match, the first is {strange[0]}")
    return model.eval().requires_grad_(False)


def _plain_lora(model: Any, name: str, folder: Path) -> Lora | None:
    """An adapter's matrices, None where it is more than products added to the projections of layers."""
    settings = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    extras = ("use_dora", "modules_to_save", "trainable_token_indices", "lora_bias", "alora_invocation_tokens")
    if settings.get("bias", "none") != "none" or any(settings.get(extra) for extra in extras):
        return None
    adapted = {path: part for path, part in model.named_modules() if name in getattr(part, "lora_A", {})}
    ranks = [part.r[name] for part in adapted.values()]
    layers: tuple[dict[str, tuple[torch.Tensor, torch.Tensor]], ...] = tuple({} for _ in model.config.layer_types)
    for path, part in adapted.items():
        *_, number, _, projection = path.split(".")
        if projection not in _FUSED or not number.isdigit():
            return None
        down, up = part.lora_A[name].weight.detach().float(), part.lora_B[name].weight.detach().float()
        # Ranks may differ by module; padded with zeros to the highest, all fit into one mask.
        spare = max(ranks) - len(down)
        layers[int(number)][projection] = (
            torch.nn.functional.pad(down, (0, 0, 0, spare)),
            torch.nn.functional.pad(up * part.scaling[name], (0, spare)),
        )
    return Lora(layers, max(ranks, default=0))


def _without_adapters(model: Any) -> Any:
    """The same model with PEFT's wrappers around its linear maps taken off."""
    for layer in model.model.layers:
        for owner in (layer.self_attn, layer.mlp):
            for projection in _FUSED:
                part = getattr(owner, projection, None)
                if part is not None and hasattr(part, "base_layer"):
                    setattr(owner, projection, part.base_layer)
    return model


def _refusing(what: str) -> Callable[..., NoReturn]:
    def refuse(why: str, cause: Exception | None = None) -> NoReturn:
        raise UserError(f"{what}: {visible(why.strip().rstrip('.'), 300)}.") from cause

    return refuse


def pick_device(wanted: str) -> torch.device:
    """ "auto": a CUDA GPU if there is one, else the CPU. Raises UserError for a device that isn't here."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"The device {visible(wanted, 20)} was asked for, but this machine has no CUDA GPU.")
    return torch.device(wanted)


def rows_at_once(decoder: Decoder, wanted: int, tokens: int) -> int:
    """How many rows of `tokens` tokens to run at once: as many as fit into 2 GiB, or 40 % of a GPU's free memory."""
    # The rest is for activations and logits.
    free = 2 * 2**30 if decoder.device.type == "cpu" else int(0.4 * torch.cuda.mem_get_info(decoder.device)[0])
    most = 64 if decoder.device.type == "cpu" else 256
    return max(1, min(wanted, most, free // max(1, decoder.row_bytes(tokens))))
