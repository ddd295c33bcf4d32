"""A model in words: its kind, its size, and the facts that its files hold.

Owns the wording that the tree, the details and the dialog for adding share. Names and facts come from files and may
be hostile: who shows these lines shows them as plain text.
"""

from collections.abc import Mapping
from typing import Any

from backend.domain import ModelKind, visible
from backend.services.generation.models import ModelInfo

_KINDS: Mapping[ModelKind, str] = {
    ModelKind.CHECKPOINT: "checkpoint",
    ModelKind.ADAPTER: "adapter",
    ModelKind.HUB: "hub name",
    ModelKind.ENDPOINT: "server",
}


def size(parameters: object) -> str:
    """A number of parameters: "0.63 M", "14.8 B"; "" where it isn't known."""
    if not isinstance(parameters, int) or parameters <= 0:
        return ""
    # From a tenth of a unit on: papers call it a 0.6B model, not one of 600 M.
    for scale, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if parameters >= scale / 10:
            scaled = parameters / scale
            return f"{scaled:.2f} {unit}" if scaled < 1 else f"{scaled:.3g} {unit}"
    return str(parameters)


def kind_line(info: ModelInfo) -> str:
    """A model's kind and size in few words; for an adapter also its base."""
    if info.model.kind is ModelKind.ENDPOINT:
        named = str(info.model.settings.get("model") or "")
        return f"server, asked for {visible(named, 60)}" if named else "server"
    parts = [("shipped " if info.lab else "") + _KINDS[info.model.kind]]
    if info.facts.get("rank"):
        parts.append(f"rank {info.facts['rank']}")
    if parameters := size(info.facts.get("parameters")):
        parts.append(f"{parameters} parameters")
    if info.model.kind is ModelKind.ADAPTER:
        parts.append(f"on {info.base_name}" if info.base_name else "its base is gone")
    return " · ".join(parts)


def facts_line(kind: ModelKind, facts: Mapping[str, Any]) -> str:
    """The facts that a model's files hold: "a checkpoint: Qwen3ForCausalLM, 0.63 M parameters, float32, ..."."""
    parameters, context, words = (facts.get(name) for name in ("parameters", "context", "vocabulary"))
    parts = [
        visible(str(facts.get("architecture") or facts.get("method") or ""), 60),
        f"{size(parameters)} parameters" if size(parameters) else "",
        f"rank {facts['rank']}" if facts.get("rank") else "",
        visible(str(facts.get("dtype") or ""), 20),
        f"context of {context:,} tokens" if isinstance(context, int) else "",
        f"vocabulary of {words:,}" if isinstance(words, int) else "",
        "quantized" if facts.get("quantized") else "",
        f"on {visible(str(facts['base']), 120)}" if facts.get("base") else "",
    ]
    article = "an" if kind is ModelKind.ADAPTER else "a"
    return f"{article} {_KINDS[kind]}: " + ", ".join(part for part in parts if part)
