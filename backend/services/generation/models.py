"""The registry of models: checkpoints, adapters, hub names and endpoints, with their lineage and engines.

Owns how a model is entered, named and removed, and the lab's shipped models. Loads no model library.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from backend.annotation import Role
from backend.config import Settings
from backend.domain import Model, ModelKind, UserError, digest, visible
from backend.engines.checkpoints import FolderContents, inspect_location
from backend.engines.compatibility import Suitability, VllmState, families, folder_of, look_for_vllm, suitability
from backend.engines.openai.addresses import api_address, check_variable
from backend.engines.protocol import Family
from backend.files import write_file
from backend.services.access.authorization import needs
from backend.services.access.machine_files import readable
from backend.store import Store
from backend.store.parts import disk_errors

# Opens a shipped model's location, which is relative: a store can be moved to another machine.
LAB = "lab:"
_ENTERED = "lab-models.json"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as a list shows it: its relatives by name, who can serve it, its size and whether it was shipped."""

    model: Model
    parent_name: str | None
    base_name: str | None
    engines: list[Suitability]
    facts: Mapping[str, Any]
    lab: bool

    @property
    def ready(self) -> bool:
        """Some engine here can serve it."""
        return any(engine.ok for engine in self.engines)

    @property
    def why(self) -> str:
        """Why none can ("" where one can): the reason of the engine that is meant for it, which names what to mend."""
        return "" if self.ready else self.engines[-1 if self.model.kind is ModelKind.ENDPOINT else 0].reason


class ModelService:
    """Models of one store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    def all(self) -> list[ModelInfo]:
        """Every model, the shipped ones first, then by age."""
        models = self._by_id()
        found = [self._info(model, models) for model in models.values()]
        return sorted(found, key=lambda info: not info.lab)

    def get(self, model_id: str) -> Model:
        """A model by its id or its name, its location as a path or address. Raises UserError where there is none."""
        # The id first: a name may look like another model's id.
        models = self._by_id()
        if model := models.get(model_id) or next((m for m in models.values() if m.name == model_id), None):
            return model
        known = ", ".join(model.name for model in models.values()) or "none yet"
        raise UserError(f"There is no model {visible(model_id, 80)!r}; there are: {visible(known, 400)}.")

    def name_of(self, model_id: str | None) -> str | None:
        """A model's name, None where it isn't in the registry (any more)."""
        found = self._store.registry.model(model_id) if model_id else None
        return found.name if found else None

    def ready(self, model_id: str) -> Model:
        """A model that can be served here. Raises UserError saying why it can't."""
        model = self.get(model_id)
        if reason := self._info(model, self._by_id()).why:
            raise UserError(reason)
        return model

    def family(self, models: Sequence[Model]) -> Family:
        """The base and the adapters on it that `models`, which share a base, make up. Raises UserError."""
        return families(models, self._by_id())[0]

    def tokenizer(self, model: Model) -> str | None:
        """A tokenizer's identity: a hash of its file. None for an endpoint."""
        if model.kind is ModelKind.ENDPOINT:
            return None
        base = self.family([model]).base
        file = folder_of(base) / "tokenizer.json"
        return _hash(file, file.stat().st_mtime_ns) if file.is_file() else None

    def runs_of(self, model: Model) -> list[str]:
        """Ids of the runs made here with a model."""
        return [run.id for run in self._store.ledger.runs() if run.info.model_id == model.id]

    @needs(Role.ADMIN)
    def inspect(self, path: Path) -> FolderContents:
        """The contents of a folder to be entered. Raises UserError as `add_folder` does."""
        return inspect_location(readable(self._settings, path))

    # -- entering and changing ----------------------------------------------------------------------

    @needs(Role.ADMIN)
    def add_folder(self, path: Path, name: str = "", parent: str | None = None, note: str = "") -> Model:
        """Enter a checkpoint or adapter folder. Raises UserError where it holds none, or isn't open to pages.

        An adapter is put on the registered model its configuration names; `parent` (an id) says what any was trained
        from, else an adapter's base is.
        """
        folder = readable(self._settings, path).resolve()
        found = inspect_location(folder)
        base = self._base(folder, found.facts) if found.kind is ModelKind.ADAPTER else None
        return self._add(name or folder.name, found.kind, str(folder), base=base, parent=parent or base, note=note)

    @needs(Role.ADMIN)
    def add_hub(self, location: str, name: str = "", parent: str | None = None) -> Model:
        """Enter a hub name; this downloads nothing."""
        if not location.strip() or " " in location.strip():
            raise UserError(f"{visible(location, 80)!r} is no hub name; one looks like Qwen/Qwen3-8B.")
        return self._add(name or location.strip(), ModelKind.HUB, location.strip(), parent=parent)

    @needs(Role.ADMIN)
    def add_endpoint(self, url: str, model: str, key: str = "", name: str = "", parent: str | None = None) -> Model:
        """Enter a model behind an OpenAI-compatible address; `key` names the environment variable with its key."""
        if not model.strip():
            raise UserError("Say which model of the server is meant, by the name it goes by there.")
        address, key = api_address(url), key.strip()
        if key:
            check_variable(key, os.environ, address)
        settings = {"model": model.strip()} | ({"key": key} if key else {})
        return self._add(name or model.strip(), ModelKind.ENDPOINT, address, parent=parent, settings=settings)

    @needs(Role.ADMIN)
    def rename(self, model_id: str, name: str) -> None:
        """Give a model another name; runs keep the one they were made under. Raises UserError for a taken one."""
        model = self.get(model_id)
        wanted = self._free_name(name, model.id)
        self._store.registry.change_model(model.id, name=wanted)

    @needs(Role.ADMIN)
    def annotate(self, model_id: str, note: str) -> None:
        """Set a model's note."""
        self._store.registry.change_model(self.get(model_id).id, note=note.strip())

    @needs(Role.ADMIN)
    def set_parent(self, model_id: str, parent: str | None) -> None:
        """Set the model that a model was trained from. Raises UserError for a circle."""
        model, models = self.get(model_id), self._by_id()
        above: str | None = parent
        while above:
            if above == model.id:
                raise UserError(f"{visible(model.name)} can't descend from itself.")
            above = models[above].parent if above in models else None
        self._store.registry.change_model(model.id, parent=parent)

    @needs(Role.ADMIN)
    def remove(self, model_id: str) -> Model:
        """Remove a model from the list; its files and runs stay. Raises UserError where adapters need it."""
        model = self.get(model_id)
        if sitting := [m.name for m in self._by_id().values() if m.base == model.id]:
            raise UserError(f"{visible(model.name)} can't be removed: {visible(', '.join(sitting), 200)} sits on it.")
        self._store.registry.remove_model(model.id)
        return model

    def enter_lab(self) -> list[str]:
        """Enter shipped models that are new to this store; returns their names. One that was removed stays out."""
        marker = self._store.folder / _ENTERED
        seen = set(json.loads(marker.read_text("utf-8"))) if marker.is_file() else set()
        shipped = sorted(path.parent for path in self._settings.lab.glob("*/lab.json"))
        new = [folder for folder in shipped if folder.name not in seen]
        # Bases first: lists go by age, and a base stands before what was trained from it.
        for folder in sorted(new, key=lambda folder: _facts(folder).get("base") is not None):
            facts = _facts(folder)
            parent = digest(LAB, facts["base"], size=6) if facts.get("base") else None
            model = Model(
                id=digest(LAB, folder.name, size=6),
                name=folder.name,
                kind=ModelKind.CHECKPOINT,
                location=LAB + folder.name,
                parent=parent,
                note=str(facts.get("note", "")),
            )
            self._store.registry.add_model(model)
        if new:
            with disk_errors():
                write_file(marker, json.dumps(sorted(seen | {folder.name for folder in new})))
        return [folder.name for folder in new]

    # -- inside -------------------------------------------------------------------------------------

    def _add(
        self,
        name: str,
        kind: ModelKind,
        location: str,
        *,
        base: str | None = None,
        parent: str | None = None,
        note: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> Model:
        for known in self._by_id().values():
            if (known.location, known.settings) == (location, settings or {}) and known.kind is kind:
                raise UserError(f"{visible(location, 120)} is in the list already, as {visible(known.name)}.")
        model = Model(
            id=uuid.uuid4().hex[:12],
            name=self._free_name(name),
            kind=kind,
            location=location,
            base=base,
            parent=parent,
            note=note,
            settings=settings or {},
        )
        self._store.registry.add_model(model)
        return model

    def _free_name(self, name: str, own: str | None = None) -> str:
        wanted = " ".join(name.split())
        if not wanted or len(wanted) > 120:
            raise UserError("A model needs a name of 1 to 120 characters.")
        if any(model.name == wanted and model.id != own for model in self._by_id().values()):
            raise UserError(f"Another model is called {visible(wanted)!r} already: choose another name.")
        return wanted

    def _base(self, folder: Path, facts: Mapping[str, Any]) -> str:
        """The registered model an adapter's configuration names. Raises UserError where there is none."""
        named = str(facts.get("base") or "").rstrip("/")
        last = named.rpartition("/")[2]
        whole = [m for m in self._by_id().values() if m.kind in (ModelKind.CHECKPOINT, ModelKind.HUB)]
        # Adapters name their base by a hub name or by a path on the machine they were trained on: then the last part of
        # it is all that can be compared.
        exact = [m for m in whole if named and named in (m.location, m.name)]
        by_name = [m for m in whole if last and last in (m.name, m.location.rpartition("/")[2])]
        if chosen := next(iter(exact or by_name), None):
            return chosen.id
        said = f"its configuration names {visible(named, 120)!r} as its base" if named else "it doesn't name its base"
        raise UserError(f"{visible(str(folder))} is an adapter, and {said}: add that model first, then the adapter.")

    def _by_id(self) -> dict[str, Model]:
        return {model.id: self._resolved(model) for model in self._store.registry.models()}

    def _resolved(self, model: Model) -> Model:
        if not model.location.startswith(LAB):
            return model
        return replace(model, location=str(self._settings.lab / model.location.removeprefix(LAB)))

    def _info(self, model: Model, models: Mapping[str, Model]) -> ModelInfo:
        parent, base = models.get(model.parent or ""), models.get(model.base or "")
        stored = self._store.registry.model(model.id)
        return ModelInfo(
            model=model,
            parent_name=parent.name if parent else None,
            base_name=base.name if base else None,
            engines=suitability(model, models, vllm=self.vllm()),
            facts=_found(model),
            lab=bool(stored and stored.location.startswith(LAB)),
        )

    def vllm(self) -> VllmState:
        """The vLLM that can be used here."""
        return _vllm(self._settings.vllm_url, self._settings.vllm_python)


# Importing vllm in another interpreter takes seconds, and lists of models ask for each model.
@lru_cache(maxsize=8)
def _vllm(url: str, python: str) -> VllmState:
    return look_for_vllm(url, python)


# `_changed` is the file's time: a tokenizer of megabytes is read again only after it was written.
@lru_cache(maxsize=64)
def _hash(file: Path, _changed: int) -> str:
    return f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"


def _found(model: Model) -> Mapping[str, Any]:
    if model.kind is ModelKind.ENDPOINT:
        return {}
    try:
        return inspect_location(folder_of(model)).facts
    except UserError:
        return {}


def _facts(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "lab.json").read_text("utf-8"))
    return found
