"""Whether a checkpoint's weights differ from those its training began with.

Reads both from their files, tensor by tensor, so that it holds for a resumed training and for weights in shards, and
ends at the first difference.
"""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

UNCHANGED = "its weights are those it began with, to the bit"
NO_NUMBERS = "its weights are no numbers any more"


def why_untrained(base: Path, checkpoint: Path, leave_out: str) -> str:
    """Why a checkpoint is no trained model, as a clause; "" where it is one. Files called `leave_out` aren't read."""
    with ExitStack() as opened:
        before, after = (_readers(folder, leave_out, opened) for folder in (base, checkpoint))
        # What an adapter adds is a product with its B, which is zero in the beginning.
        compared = [name for name in after if name in before or "lora_B" in name]
        for name in compared:
            now = after[name]().float()
            if not torch.equal(now, before[name]().float() if name in before else torch.zeros_like(now)):
                return "" if now.isfinite().all() else NO_NUMBERS
        return UNCHANGED if compared else ""


def _readers(folder: Path, leave_out: str, opened: ExitStack) -> dict[str, Any]:
    """By name what reads each tensor in a folder's safetensors files."""
    files = [path for path in sorted(folder.glob("*.safetensors")) if path.name != leave_out]
    handles = [opened.enter_context(safe_open(path, framework="pt")) for path in files]
    return {name: partial(handle.get_tensor, name) for handle in handles for name in handle.keys()}  # noqa: SIM118
