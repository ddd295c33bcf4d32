"""What every page shares behind the scenes: the wired services, cached figures, and the choices kept in the address.

Owns the one `Services` of the process, and the caches over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import ParamSpec, TypeVar

import streamlit as st

from backend import config
from backend.domain import GRADERS, SPELLINGS, Run, visible
from backend.measure.bootstrap import Estimate
from backend.outages import StoreUnavailable
from backend.report.glossary import GRADER_MEANINGS, MEANINGS
from backend.services import Services, build_services
from backend.services.generation.models import ModelInfo
from backend.services.generation.presets import Preset
from backend.services.traces.comparison import Comparison, TellingProblem
from backend.services.traces.disputes import Disputes
from backend.services.traces.pair_statistics import PairStatistics
from backend.services.traces.runs import RunSummary
from pages.components.frame.notice import notice

COUNTED, LEFT_OUT = "counted", "left out"

_MARKUP = frozenset("\\`*_{}[]()<>#+-.!|~:$^&")
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


@st.cache_resource(show_spinner=False)
def _services() -> Services:
    # One for all sessions: DuckDB's in-memory database and the ledger's connections are shared by them.
    settings = replace(config.load(), served_at=st.get_option("server.address") or "")
    found = build_services(settings)
    if settings.demo != "off":
        with suppress(StoreUnavailable):
            found.demo.install()
    return found


def services() -> Services:
    """The use cases over the configured store. Raises UserError where it can't be opened."""
    return _services()


def cached_by_version(
    max_entries: int, ttl: float | None = None
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """Decorates a function whose results are kept until the store changes, or for `ttl` seconds.

    Results are pickled: every caller gets a copy of its own. A UserError isn't kept.
    """

    def decorate(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        # A cache lives in one process and no other process's write empties it. The version of the runs, which grows
        # with every write, is therefore a part of the key.
        def load(version: int, args: tuple[object, ...], kwargs: dict[str, object]) -> _Result:
            return function(*args, **kwargs)  # type: ignore[arg-type]  # what `versioned` was called with

        # Streamlit tells caches apart by these names: unnamed, all functions decorated here would share one.
        load.__module__, load.__qualname__ = function.__module__, function.__qualname__
        cached = st.cache_data(show_spinner=False, max_entries=max_entries, ttl=ttl)(load)

        @wraps(function)
        def versioned(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
            return cached(services().runs.version(), args, kwargs)

        return versioned

    return decorate


@cached_by_version(16)
def summaries(lexicon: str) -> list[RunSummary]:
    """Every run with its figures, cues counted by `lexicon`."""
    return services().runs.summaries(lexicon)


@cached_by_version(16)
def comparison(runs: Sequence[str], lexicon: str, grader: str, loops: bool = True) -> Comparison:
    """Runs aligned by problem, with or without loops. Raises UserError where they share none."""
    return services().comparison.compare(runs, lexicon, grader, loops)


@cached_by_version(16)
def statistics(runs: Sequence[str], lexicon: str, grader: str, loops: bool = True) -> PairStatistics:
    """The figures of the first two of `runs` over the problems they share, with their changes and intervals."""
    return services().comparison.statistics(services().comparison.compare(runs, lexicon, grader, loops))


@cached_by_version(8)
def disputes(chosen: Sequence[str], first: str, second: str) -> Disputes:
    """The traces of these runs (none: of all) that two graders judge differently."""
    return services().disputes.between(first, second, chosen)


@cached_by_version(8)
def telling(lexicon: str, grader: str | None, turn: int = 0) -> TellingProblem | None:
    """The pair and problem that show the point best, if the store holds any; `turn` counts the wishes for another."""
    # Runs made on Live or within a training stay off the first screen, as they do in its tables.
    pairs = [pair for pair in services().runs.pairs() if not (pair.base.aside or pair.variant.aside)]
    return services().comparison.telling(pairs, lexicon, grader or GRADERS[0], turn)


@cached_by_version(64)
def precision(run: str, lexicon: str) -> Estimate | None:
    """The share of a lexicon's marks in a run that are doubts, where some of them were judged."""
    return services().gold.precision(run, lexicon)


@cached_by_version(4)
def runs() -> dict[str, Run]:
    """Run id -> run."""
    return {run.id: run for run in services().runs.all()}


def left_out() -> None:
    """Says which damaged runs the page's figures are without."""
    if damaged := services().runs.damaged():
        names = ", ".join(each.run.label for each in list(damaged.values())[:5]) + (", …" if len(damaged) > 5 else "")
        count = "1 damaged run is" if len(damaged) == 1 else f"{len(damaged)} damaged runs are"
        how = "Overview says how to mend them" if len(damaged) > 1 else "Overview says how to mend it"
        notice(f"{count} left out: {visible(names, 300)}. {how}.", "warning", key="left-out")


@cached_by_version(4)
def run_labels() -> dict[str, str]:
    """Run id -> a name no other run has."""
    return services().runs.labels()


def is_lab(run: Run) -> bool:
    """Whether a run was made by one of the shipped models."""
    return any(info.lab and run.info.model_id == info.model.id for info in models())


# Models lie in folders that change without the store: half a minute later that is seen here too. A job that is asked
# for looks at the folder itself.
@cached_by_version(2, ttl=30)
def models() -> list[ModelInfo]:
    """Every model here, shipped or added, with the engines that can serve it."""
    return services().models.all()


@cached_by_version(2, ttl=30)
def presets() -> list[Preset]:
    """The ready experiments whose models are here."""
    return services().generation.presets()


def choose_lexicon() -> str:
    """Draws the choice of the lexicon that cues are shown and counted by; returns its name.

    The choice is kept in the address, and in the session from page to page.
    """
    names = list(services().lexicons.by_name)
    titles = {name: lexicon.title for name, lexicon in services().lexicons.by_name.items()}
    # Somebody may have put the lexicon away meanwhile: the select box must not be given what isn't among its options.
    if st.session_state.get("lexicon") not in names:
        st.session_state.pop("lexicon", None)
    chosen = st.selectbox(
        "Lexicon", names, key="lexicon", bind="query-params", width=210,
        help=f"{MEANINGS['Lexicon']}  \n" + "  \n".join(f"{k}: {plain(v)}" for k, v in titles.items()),
    )  # fmt: skip
    return chosen or names[0]


def chosen_lexicon() -> str:
    """The name of the lexicon chosen on an earlier page while there is one of that name; else the default."""
    chosen = st.session_state.get("lexicon")
    return chosen if chosen in services().lexicons.by_name else services().lexicons.default


def plain(title: str) -> str:
    """A text with Markdown escaped: people write titles and names, and a widget's help reads Markdown."""
    return "".join(f"\\{sign}" if sign in _MARKUP else sign for sign in visible(title, 200))


def choose_grader() -> str:
    """Draws the choice of the grader whose verdicts count; returns its name. Kept like the choice of the lexicon."""
    # Old links say "math-verify"; an address has no blanks.
    if (asked := st.query_params.get("grader", "")) in SPELLINGS:
        st.query_params["grader"] = SPELLINGS[asked]
    chosen = st.selectbox(
        "Grader", GRADERS, key="grader", bind="query-params", width=190,
        help=f"{MEANINGS['Grader']}  \n" + "  \n".join(f"{k}: {GRADER_MEANINGS[k]}" for k in GRADERS),
    )  # fmt: skip
    return chosen or GRADERS[0]


def choose_loops() -> bool:
    """Draws the choice whether lengths and cues in loops count; returns whether they do. Kept in the address."""
    chosen = st.selectbox(
        "Loops", (COUNTED, LEFT_OUT), key="in_loops", bind="query-params", width=170, help=MEANINGS["Loops"],
    )  # fmt: skip
    return chosen != LEFT_OUT


def missing_cues(lexicon: str) -> list[str]:
    """Labels of the runs whose cues of `lexicon` aren't stored: it was added or changed after their import."""
    identity = services().lexicons.get(lexicon).id
    lacking = services().lexicons.missing()
    return [run_labels()[run] for run, ids in lacking.items() if identity in ids and run in run_labels()]
