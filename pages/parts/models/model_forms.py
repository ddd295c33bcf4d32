"""The dialogs of the page Models: add a model, change it, remove it, evaluate it.

A refusal is a notice within the dialog: nothing that was typed is lost by it.
"""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from backend.domain import Context, Model, UserError, visible
from backend.job import JobKind
from backend.services.generation.models import ModelInfo
from backend.services.generation.specs import GenerationSpec, RunArm
from pages.components.frame.address import go_to
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services
from pages.parts.models.model_words import facts_line

_NO_PARENT = "not said"
_FOLDER, _SERVER, _HUB = _SOURCES = ("A folder", "A server", "A hub name")


@st.dialog("Add a model", width="medium")
def add_dialog() -> None:
    """Registers a folder, a server or a hub name as a model of this store."""
    source = st.segmented_control("Where it is", _SOURCES, default=_FOLDER, required=True, key="add-way") or _FOLDER
    location = {_FOLDER: _folder, _SERVER: _server, _HUB: _hub}[source]()
    name = st.text_input("Name here", key="add-name", placeholder="as it is called there", max_chars=120)
    parent = _parent("Trained from", None, "add-parent")
    note = st.text_input("Note", key="add-note")
    if st.button("Add", type="primary", icon=":material/add:", key="add"):
        with error_notice():
            model = _added(source, location, name, parent)
            if note.strip():
                services().models.annotate(model.id, note)
            go_to(model=model.name)


def _folder() -> tuple[str, ...]:
    path = st.text_input("Folder of this machine", key="add-path", placeholder="/path/to/checkpoint-or-adapter")
    # Recognised while it is typed: a wrong folder is seen before anything is added.
    if path.strip():
        try:
            found = services().models.inspect(Path(path.strip()))
            notice(f"It holds {facts_line(found.kind, found.facts)}.", "done", key="recognised")
        except UserError as error:
            notice(str(error), "error", key="recognised")
    return (path.strip(),)


def _server() -> tuple[str, ...]:
    url = st.text_input("Address", key="add-url", placeholder="http://localhost:8000/v1")
    model = st.text_input("Model, by its name there", key="add-served", placeholder="Qwen/Qwen3-8B")
    key = st.text_input(
        "Environment variable with its key", key="add-key", placeholder="none",
        help="The variable's name, never the key itself: SECOND_THOUGHTS_KEY_… or one of SECOND_THOUGHTS_KEYS. "
        "The app and the worker read it when they ask.",
    )  # fmt: skip
    return url, model, key


def _hub() -> tuple[str, ...]:
    name = st.text_input("Name on the hub", key="add-hub", placeholder="Qwen/Qwen3-8B")
    st.text("Nothing is downloaded. If it isn't on this machine yet, download it yourself:")
    st.code(f"hf download {' '.join(visible(name, 120).split()) or 'Qwen/Qwen3-8B'}", language=None)
    return (name,)


def _added(source: str, location: tuple[str, ...], name: str, parent: str | None) -> Model:
    models = services().models
    if source == _FOLDER:
        # Path("") is the current folder.
        if not location[0]:
            raise UserError("Say which folder: the one that holds config.json or adapter_config.json.")
        return models.add_folder(Path(location[0]), name, parent)
    if source == _SERVER:
        url, served, key = location
        return models.add_endpoint(url, served, key, name, parent)
    return models.add_hub(location[0], name, parent)


def _parent(label: str, own: Model | None, key: str) -> str | None:
    """Draws the choice of the model that `own` was trained from; returns its id, or None where that isn't known."""
    names = {info.model.id: info.model.name for info in services().models.all() if not own or info.model.id != own.id}
    options: list[str | None] = [None, *names]
    at = options.index(own.parent) if own and own.parent in names else 0
    return st.selectbox(label, options, index=at, key=key, format_func=lambda i: names[i] if i else _NO_PARENT)


@st.dialog("Change this model", width="medium")
def change_dialog(model: Model) -> None:
    """Changes a model's name, parent and note."""
    name = st.text_input("Name", value=model.name, key="change-name", max_chars=120,
                         help="Runs keep the name they were made under.")  # fmt: skip
    parent = _parent("Trained from", model, "change-parent")
    note = st.text_area("Note", value=model.note, key="change-note")
    if st.button("Save", type="primary", key="change"):
        models = services().models
        with error_notice():
            if name != model.name:
                models.rename(model.id, name)
            if parent != model.parent:
                models.set_parent(model.id, parent)
            models.annotate(model.id, note)
            # Names are trimmed when they are stored, and the address has to name the stored one.
            go_to(model=models.get(model.id).name)


@st.dialog("Remove this model?")
def remove_dialog(model: Model) -> None:
    """Asks before a model leaves the list."""
    st.text(f"{visible(model.name)}\nIt leaves this list. Its files and the runs made with it stay.")
    if st.button("Remove", type="primary", icon=":material/delete:", key="remove"):
        with error_notice():
            services().models.remove(model.id)
            go_to(model=None)


@st.dialog("Evaluate", width="medium")
def evaluate_dialog(info: ModelInfo) -> None:
    """Submits a job that runs a model on a set of problems, once for each chosen context."""
    st.text(visible(info.model.name))
    sets = {found.name: found for found in services().problems.sets()}
    # A set of problems that no shipped model was trained on comes first.
    held_out = next((at for at, name in enumerate(sets) if name.endswith("-test")), 0)
    name = st.selectbox("Problem set", list(sets), index=held_out, key="eval-set")
    st.text(sets[name].title)
    most = max(1, sets[name].size)
    limits = st.columns(4)
    limit = int(limits[0].number_input("Problems", 1, most, min(200, most), key=f"eval-limit-{name}"))
    samples = int(limits[1].number_input("Samples of each", 1, 256, 1, key="eval-samples"))
    temperature = limits[2].number_input("Temperature", 0.0, 5.0, 0.8, 0.1, key="eval-temperature", help="0 is greedy.")
    # Half of the model's context is left for the problem and what is shown beside it.
    window = info.facts.get("context")
    room = min(8192, max(1, window // 2)) if isinstance(window, int) else 4096
    tokens = int(limits[3].number_input("Most tokens", 1, 131_072, room, 256, key="eval-tokens"))
    contexts = st.multiselect(
        "Shown beside the problem", [context.value for context in Context], default=[Context.NONE.value],
        key="eval-contexts", help="One run is made for each.",
    )  # fmt: skip
    st.text(f"{limit * samples * len(contexts):,} traces in {len(contexts)} run{'' if len(contexts) == 1 else 's'}.")
    if st.button("Evaluate", type="primary", icon=":material/play_arrow:", key="evaluate"):
        spec = GenerationSpec(tuple(RunArm(info.model.id, Context(c)) for c in contexts), name, limit, samples=samples)
        spec = replace(spec, decoding=replace(spec.decoding, temperature=temperature, max_tokens=tokens))
        with error_notice():
            services().generation.submit(spec, kind=JobKind.EVALUATE)
            st.switch_page("jobs.py")
