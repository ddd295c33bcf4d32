"""Optimizers of pretraining: Muon for matrices, AdamW for embeddings and norms, and their state as named tensors."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

# Jordan et al. 2024: a polynomial that brings singular values near 1 in five iterations, not exactly to 1.
_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
_ITERATIONS: Final = 5


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalized updates (Jordan et al. 2024), scaled to the size of AdamW's updates."""

    # Not torch's own Muon: that computes in bfloat16, which many CPUs emulate.

    def __init__(self, params: list[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # a closure has no use here
        """Take one step."""
        # Matrices of one shape are stacked: on a small model the number of operations is what takes the time.
        for group in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                shapes[parameter.shape].append(parameter)
            for alike in shapes.values():
                updates = orthogonal(torch.stack([self._momentum(p, group["momentum"]) for p in alike]))
                scale = 0.2 * max(updates.shape[1:]) ** 0.5
                for parameter, update in zip(alike, updates, strict=True):
                    parameter.add_(update, alpha=-group["lr"] * scale)

    def _momentum(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        assert parameter.grad is not None
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(state["momentum"], momentum)


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrices [n, rows, columns], by Newton-Schulz iterations."""
    # The Gram matrix of the shorter side is the smaller one.
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.transpose(1, 2) if tall else x


def optimizers(model: nn.Module, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the model's matrices, AdamW for everything else."""
    named = dict(model.named_parameters())
    matrices = [p for name, p in named.items() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in named.items() if p.ndim != 2 or "embed" in name]
    return [Muon(matrices, lr), torch.optim.AdamW(others, lr, betas=(0.9, 0.98), weight_decay=0.0)]


def state_tensors(model: nn.Module, used: list[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The state of the optimizers as tensors named `parameter|key`."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    states = {p: state for optimizer in used for p, state in optimizer.state.items()}
    return {f"{names[p]}|{key}": value for p, state in states.items() for key, value in state.items()}


def load_state(model: nn.Module, used: list[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Restore the state that `state_tensors` returned."""
    named = dict(model.named_parameters())
    owners = {p: optimizer for optimizer in used for group in optimizer.param_groups for p in group["params"]}
    for name, value in tensors.items():
        parameter = named[name.partition("|")[0]]
        owners[parameter].state[parameter][name.partition("|")[2]] = value
