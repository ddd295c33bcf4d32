"""Models: the registered models as a family tree, and the details of one; `?model=NAME` opens it."""

import streamlit as st

from backend.services.generation.models import ModelInfo
from pages.components.frame.address import absent
from pages.components.frame.chrome import page_header
from pages.components.frame.gate import barred, require_person
from pages.components.frame.session import services
from pages.parts.models.lineage import Node, Tick, lineage
from pages.parts.models.model_details import made_by, model_details, runs_of
from pages.parts.models.model_forms import add_dialog
from pages.parts.models.model_words import kind_line

require_person()


def node_of(info: ModelInfo) -> Node:
    """A model as the tree shows it."""
    job = made_by(info)
    ticks = tuple(Tick(engine.engine, engine.ok, engine.reason) for engine in info.engines)
    return Node(info.model.id, info.model.name, info.model.parent, kind_line(info), ticks,
                len(runs_of(info.model.id)), f"by the job {job}" if job else "")  # fmt: skip


models = services().models.all()
header = page_header("Models")
with header:
    add = st.button("Add a model", icon=":material/add:", type="secondary" if models else "primary", key="open-add",
                    disabled=barred() is not None, help=barred())  # fmt: skip
if add:
    add_dialog()
if not models:
    st.text(
        "No model is known here yet. A model is a folder with a checkpoint or a LoRA adapter, an OpenAI-compatible "
        "server, or a hub name whose weights lie on this machine. Add one, and it can answer while you watch."
    )
    st.stop()

# An address may hold the name or, as from the page of a training, the id.
by_name = {info.model.name: info for info in models}
names = {info.model.id: info.model.name for info in models}
asked = st.query_params.get("model", "")
absent("model", st.query_params.get_all("model"), {*by_name, *names}, f"{models[0].model.name} is shown.")
chosen = by_name.get(asked) or by_name.get(names.get(asked, "")) or models[0]


def choose(model_id: str) -> None:
    """Puts the chosen model into the address."""
    st.query_params["model"] = names[model_id]


left, right = st.columns([3, 2], gap="large")
with left:
    lineage([node_of(info) for info in models], key="lineage", selected=chosen.model.id, on_choice=choose)
    if any(info.lab for info in models):
        with st.container(key="sth-model-caveat"):
            st.text(
                "Both ways of writing, the doubting and the sure one, were trained into the shipped models on purpose. "
                "What a training method does with them is measured here; how large the effects are doesn't carry over "
                "to real models."
            )
with right, st.container(key="sth-model-card"):
    model_details(chosen)
