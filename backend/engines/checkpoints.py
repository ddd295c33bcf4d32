"""Recognises checkpoints and LoRA adapters by the files in their folder, and reads facts about them.

Of a safetensors file only the header is read. Loads no model library, so that services may import it.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backend.domain import ModelKind, UserError, visible

WEIGHTS, INDEX, ADAPTER_WEIGHTS = "model.safetensors", "model.safetensors.index.json", "adapter_model.safetensors"
CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
# Pickles run code when they are read. They are looked for only to say so, and are never opened.
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_WRITES = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8"}
_HEADER_BYTES = 100_000_000  # the limit of the safetensors library


class Tensor(NamedTuple):
    """A tensor as the header of its file describes it."""

    dtype: str
    shape: tuple[int, ...]


class FolderContents(NamedTuple):
    """What kind of model a folder holds, and facts about it.

    Facts of a checkpoint: architecture, parameters, context (tokens), dtype, vocabulary (tokens), quantized.
    Facts of an adapter: rank, base (as its configuration names it), parameters, dtype, targets, method, extras.
    A fact the files don't tell is None.
    """

    kind: ModelKind
    facts: dict[str, Any]


def inspect_location(location: Path | str) -> FolderContents:
    """The kind and the facts of the model in a folder. Raises UserError where it holds none, or not a whole one."""
    folder = Path(location).expanduser()
    shown = visible(str(folder))
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "doesn't exist"
        raise UserError(f"The folder {shown} {what}: give the folder that holds {CONFIG} or {ADAPTER_CONFIG}.")
    # First: the base's config.json may lie beside an adapter.
    if (folder / ADAPTER_CONFIG).is_file():
        return FolderContents(ModelKind.ADAPTER, _adapter_facts(folder))
    if (folder / CONFIG).is_file():
        return FolderContents(ModelKind.CHECKPOINT, _checkpoint_facts(folder))
    raise UserError(f"The folder {shown} holds no model: neither {CONFIG} nor {ADAPTER_CONFIG} is in it.")


def tensors(folder: Path, adapter: bool = False) -> dict[str, Tensor]:
    """Types and shapes of all weights in a folder, by name. Raises UserError where they are missing or broken."""
    found: dict[str, Tensor] = {}
    for file in _weight_files(folder, adapter):
        found |= _header(file)
    return found


def _checkpoint_facts(folder: Path) -> dict[str, Any]:
    config = _json(folder / CONFIG)
    # Models that take pictures too keep the settings of their language model within.
    inner = config.get("text_config")
    text = inner if isinstance(inner, dict) else config
    names = [str(name) for name in config.get("architectures") or ()]
    if names and not any(name.endswith(_WRITES) for name in names):
        raise UserError(f"{visible(str(folder))}: {visible(names[0], 60)} is no model that writes text.")
    weights = tensors(folder)
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise UserError(f"{visible(str(folder))} holds no tokenizer: none of {', '.join(TOKENIZERS)} is in it.")
    return {
        "architecture": names[0] if names else config.get("model_type"),
        "parameters": _parameters(weights.values()),
        "context": text.get("max_position_embeddings"),
        "dtype": _dtype(weights.values()),
        "vocabulary": text.get("vocab_size"),
        "quantized": "quantization_config" in config,
    }


def _adapter_facts(folder: Path) -> dict[str, Any]:
    config = _json(folder / ADAPTER_CONFIG)
    weights = tensors(folder, adapter=True)
    # A pattern may give single modules a higher rank than the rest; engines need to know the highest.
    ranks = [config.get("r"), *_mapping(config.get("rank_pattern")).values()]
    targets = config.get("target_modules")
    extras = ("use_dora", "modules_to_save", "trainable_token_indices", "lora_bias")
    return {
        "rank": max((rank for rank in ranks if isinstance(rank, int)), default=None),
        "base": config.get("base_model_name_or_path"),
        "parameters": _parameters(weights.values()),
        "dtype": _dtype(weights.values()),
        "targets": [targets] if isinstance(targets, str) else sorted(map(str, targets or ())),
        "method": str(config.get("peft_type") or "unknown"),
        "extras": [name for name in extras if config.get(name)],
    }


def _weight_files(folder: Path, adapter: bool) -> list[Path]:
    shown = visible(str(folder))
    wanted = (ADAPTER_WEIGHTS,) if adapter else (WEIGHTS, INDEX)
    if not adapter and not (folder / WEIGHTS).is_file() and (folder / INDEX).is_file():
        names = sorted({str(name) for name in _mapping(_json(folder / INDEX).get("weight_map")).values()})
        # A name with a way in it would have any file of this machine looked into.
        if missing := next((n for n in names if Path(n).name != n or not (folder / n).is_file()), None):
            raise UserError(f"{shown} is not whole: {INDEX} names {visible(missing, 80)}, which isn't there.")
        if names:
            return [folder / name for name in names]
    elif (folder / wanted[0]).is_file():
        return [folder / wanted[0]]
    looked = " and ".join(wanted)
    if pickle := next((path for pattern in _PICKLES for path in sorted(folder.glob(pattern))), None):
        raise UserError(
            f"{shown} holds weights as {visible(pickle.name, 80)} alone, a pickle, which could run any program when it"
            f" is read: save them as safetensors (looked for: {looked})."
        )
    raise UserError(f"{shown} holds no weights (looked for: {looked}).")


def _header(file: Path) -> dict[str, Tensor]:
    """Types and shapes from a safetensors header: its length in 8 bytes, little-endian, then JSON."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            # Checked before anything is read: a broken file may announce a header of exabytes.
            if not 2 <= length <= min(_HEADER_BYTES, file.stat().st_size - 8):
                raise ValueError("its header has an impossible length")
            entries = json.loads(stream.read(length))
        entries.pop("__metadata__", None)
        found = {name: Tensor(entry["dtype"], tuple(map(int, entry["shape"]))) for name, entry in entries.items()}
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise UserError(f"{visible(str(file))} is no safetensors file ({visible(str(error), 120)}).") from error
    # A download that broke off has a whole header and too few bytes behind it.
    if (size := file.stat().st_size) < 8 + length + end:
        raise UserError(f"{visible(str(file))} is cut short: it has {size:,} bytes of {8 + length + end:,}.")
    return found


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{visible(str(file))} can't be read as JSON ({visible(str(error), 120)}).") from error
    if not isinstance(content, dict):
        raise UserError(f"{visible(str(file))} has to hold a JSON object, but holds something else.")
    return content


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _parameters(weights: Iterable[Tensor]) -> int:
    return sum(math.prod(tensor.shape) for tensor in weights)


def _dtype(weights: Iterable[Tensor]) -> str | None:
    sizes: Counter[str] = Counter()
    for tensor in weights:
        sizes[tensor.dtype] += math.prod(tensor.shape)
    return next((_DTYPES.get(name, name.lower()) for name, _ in sizes.most_common(1)), None)
