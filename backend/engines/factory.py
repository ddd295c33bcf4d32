"""Chooses and opens the engine that serves a family of models.

Loads the library of the chosen engine alone: each takes seconds, and some aren't installed everywhere.
"""

from collections.abc import Callable

from backend.domain import Model, ModelKind, UserError, visible
from backend.engines.compatibility import ENGINES, VllmState, folder_of, suitability
from backend.engines.protocol import Engine, Family

OnProgress = Callable[[str], None]


def choose(family: Family, vllm: VllmState) -> str:
    """The best engine for a family on this machine: "openai", "vllm" or "transformers"."""
    if family.base.kind is ModelKind.ENDPOINT:
        return "openai"
    fits = vllm.preferred and all(_reason(model, family, "vllm", vllm) is None for model in _members(family))
    return "vllm" if fits else "transformers"


def open_engine(
    family: Family,
    kind: str = "auto",
    *,
    threads: int = 1,
    vllm: VllmState | None = None,
    on_progress: OnProgress | None = None,
) -> Engine:
    """Open the engine `kind` (one of ENGINES, or "auto") for a family; this can take minutes.

    `on_progress` gets a sentence on each step; what it raises ends the opening. Raises UserError where it fails.
    """
    vllm = vllm or VllmState()
    chosen = choose(family, vllm) if kind == "auto" else kind
    if chosen not in ENGINES:
        raise UserError(f"There is no engine {visible(kind, 40)!r}; there are auto, {', '.join(ENGINES)}.")
    for model in _members(family):
        if reason := _reason(model, family, chosen, vllm):
            raise UserError(reason)
    report = on_progress or (lambda _: None)
    report(f"Opening {family.base.name} with {chosen}.")
    if chosen == "openai":
        from backend.engines.openai.openai_engine import OpenAIEngine  # noqa: PLC0415 -- loads openai, a second

        return OpenAIEngine(family.base)
    if chosen == "vllm":
        return _vllm(family, vllm, threads, report)
    from backend.engines.transformers.transformers_engine import TransformersEngine  # noqa: PLC0415 -- loads torch, seconds

    return TransformersEngine(family, threads=threads)


def _members(family: Family) -> tuple[Model, ...]:
    return (family.base, *family.adapters)


def _reason(model: Model, family: Family, engine: str, vllm: VllmState) -> str | None:
    """Why `engine` can't serve `model`, None where it can."""
    found = suitability(model, {m.id: m for m in _members(family)}, vllm=vllm)
    return next((s.reason for s in found if s.engine == engine and not s.ok), None)


def _vllm(family: Family, vllm: VllmState, threads: int, on_progress: OnProgress) -> Engine:
    from backend.engines.vllm.vllm_engine import VllmEngine  # noqa: PLC0415 -- loads openai and transformers
    from backend.engines.vllm.vllm_server import VllmServer  # noqa: PLC0415

    folder = folder_of(family.base)
    if vllm.url:
        return VllmEngine(family, vllm.url, folder)
    server = VllmServer.start(folder, vllm, threads=threads, on_progress=on_progress)
    # The engine stops the server when it is closed; until there is one, that is for us to do.
    try:
        return VllmEngine(family, server, folder)
    except BaseException:
        server.stop()
        raise
