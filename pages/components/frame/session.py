"""What every page shares behind the scenes: the wired services, cached figures, and the choices kept in the address.

Owns one `Services` a process and the caches, keyed by the store's version so that another process's
write is seen at once. Knows nothing of any one page.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from backend import config
from backend.domain import GRADERS, Run, UserError, visible
from backend.services import Services, build_services
from backend.services.generation.models import ModelInfo
from backend.services.generation.presets import Preset
from backend.services.traces.comparison import Comparison, TellingProblem
from backend.services.traces.pair_statistics import PairStatistics
from backend.services.traces.runs import RunSummary
from pages.components.frame.notice import notice

_MARKUP = frozenset("\\`*_{}[]()<>#+-.!|~:$^&")


@st.cache_resource(show_spinner=False)
def _services() -> Services:
    settings = config.load()
    found = build_services(settings)
    if settings.demo != "off":
        found.demo.install()
    return found


def services() -> Services:
    """The use cases over the configured store; where it can't be opened, a sentence instead of the page."""
    try:
        return _services()
    except UserError as error:
        notice(str(error), "error")
        st.stop()


@st.cache_data(show_spinner=False, max_entries=16)
def _summaries(version: int, lexicon: str) -> list[RunSummary]:
    return services().runs.summaries(lexicon)


def summaries(lexicon: str) -> list[RunSummary]:
    """Every run with its figures."""
    return _summaries(services().runs.version(), lexicon)


@st.cache_data(show_spinner=False, max_entries=16)
def _comparison(version: int, runs: tuple[str, ...], lexicon: str, grader: str) -> Comparison:
    return services().comparison.compare(runs, lexicon, grader)


def comparison(runs: Sequence[str], lexicon: str, grader: str) -> Comparison:
    """Runs aligned by problem. Raises UserError where they can't be."""
    return _comparison(services().runs.version(), tuple(runs), lexicon, grader)


@st.cache_data(show_spinner=False, max_entries=16)
def _statistics(version: int, runs: tuple[str, ...], lexicon: str, grader: str) -> PairStatistics:
    return services().comparison.statistics(services().comparison.compare(runs, lexicon, grader))


def statistics(runs: Sequence[str], lexicon: str, grader: str) -> PairStatistics:
    """The first two of `runs` as wholes."""
    return _statistics(services().runs.version(), tuple(runs), lexicon, grader)


@st.cache_data(show_spinner=False, max_entries=8)
def _telling(version: int, lexicon: str, grader: str, turn: int) -> TellingProblem | None:
    pairs = [pair for pair in services().runs.pairs() if not (pair.base.aside or pair.variant.aside)]
    return services().comparison.telling(pairs, lexicon, grader, turn)


def telling(lexicon: str, grader: str | None, turn: int = 0) -> TellingProblem | None:
    """The pair and problem that show the point best, if the store holds any; `turn` counts the wishes for another."""
    return _telling(services().runs.version(), lexicon, grader or GRADERS[0], turn)


@st.cache_data(show_spinner=False, max_entries=4)
def _runs(version: int) -> tuple[dict[str, Run], dict[str, str]]:
    return {run.id: run for run in services().runs.all()}, services().runs.labels()


def runs() -> dict[str, Run]:
    """Run id -> run."""
    return _runs(services().runs.version())[0]


def run_labels() -> dict[str, str]:
    """Run id -> a name no other run has."""
    return _runs(services().runs.version())[1]


def is_lab(run: Run) -> bool:
    """Whether a run was made by one of the shipped models."""
    return any(info.lab and run.info.model_id == info.model.id for info in models())


@st.cache_data(show_spinner=False, max_entries=2, ttl=30)
def _models(version: int) -> list[ModelInfo]:
    return services().models.all()


def models() -> list[ModelInfo]:
    """Every model here. Their folders are looked into at most every half minute; asking for a job looks again."""
    return _models(services().runs.version())


@st.cache_data(show_spinner=False, max_entries=2, ttl=30)
def _presets(version: int) -> list[Preset]:
    return services().generation.presets()


def presets() -> list[Preset]:
    """The experiments whose models are here."""
    return _presets(services().runs.version())


def choose_lexicon() -> str:
    """The lexicon cues are shown and counted by, by name; kept in the address and from page to page."""
    names = list(services().lexicons.by_name)
    titles = {name: lexicon.title for name, lexicon in services().lexicons.by_name.items()}
    if st.session_state.get("lexicon") not in names:
        st.session_state.pop("lexicon", None)  # somebody put it away meanwhile
    chosen = st.selectbox(
        "Lexicon", names, key="lexicon", bind="query-params", label_visibility="collapsed", width=190,
        help="Which expressions count as doubt. " + "  \n".join(f"{k}: {_plain(v)}" for k, v in titles.items()),
    )  # fmt: skip
    return chosen or names[0]


def chosen_lexicon() -> str:
    """The lexicon that was chosen on a page before this, while there is one of that name; else the default."""
    chosen = st.session_state.get("lexicon")
    return chosen if chosen in services().lexicons.by_name else services().lexicons.default


def _plain(title: str) -> str:
    """A title for a place that reads Markdown: people give them to what they make here."""
    return "".join(f"\\{sign}" if sign in _MARKUP else sign for sign in visible(title, 200))


def choose_grader() -> str:
    """The grader whose verdicts are shown, by name; kept in the address and from page to page."""
    chosen = st.selectbox(
        "Grader", GRADERS, key="grader", bind="query-params", label_visibility="collapsed", width=150,
        help="Whose verdicts count: math-verify, the paper's own evaluation rules, or the file's.",
    )  # fmt: skip
    return chosen or GRADERS[0]


def missing_cues(lexicon: str) -> list[str]:
    """Labels of the runs that hold no cues of `lexicon` yet (it was added or changed after their import)."""
    identity = services().lexicons.get(lexicon).id
    lacking = services().lexicons.missing()
    return [run_labels()[run] for run, ids in lacking.items() if identity in ids and run in run_labels()]
