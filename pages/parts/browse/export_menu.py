"""The menu by which the traces in view leave Browse: as files of traces, or as preference pairs by a chosen rule."""

import tempfile
import zipfile
from functools import partial
from io import BytesIO
from pathlib import Path

import streamlit as st

from backend.domain import TraceFilter
from backend.services.exports.preference_pairs import PairRule, Preference
from pages.components.frame.notice import error_notice
from pages.components.frame.session import services

_MOST = 20_000
_TRACES, _PAIRS = "Traces", "Preference pairs"
_PREFER = {
    Preference.RIGHT: "right over wrong",
    Preference.DOUBTING: "doubting over curt",
    Preference.CURT: "curt over doubting",
}


def export_menu(wanted: TraceFilter, total: int) -> None:
    """Draws the menu for the traces that the filters of the page let through."""
    with st.popover("Export", icon=":material/download:", key="export"):
        what = st.segmented_control("Of the traces in view", [_TRACES, _PAIRS], default=_TRACES, required=True,
                                    key="export-what")  # fmt: skip
        rule = _rule(wanted) if what == _PAIRS else None
        suffix = st.segmented_control("As", [".jsonl", ".parquet"], default=".jsonl", required=True, key="export-as")
        if not total or total > _MOST:
            st.text("There is nothing to export." if not total else f"More than {_MOST:,} traces: by the command line.")
        elif rule is None:
            name = f"traces{suffix}"
            st.download_button(f"Download {total:,} traces", partial(_file, wanted, None, name), name, type="primary",
                               on_click="ignore", icon=":material/download:")  # fmt: skip
            st.caption("Each with its run, prompt, verdicts and cues. Import reads it back.")
        else:
            _pairs(wanted, rule, f"pairs{suffix}")
        st.code(f"python -m backend export {'pairs' if rule else 'traces'} --out FOLDER", language="bash")
        st.caption("writes a folder for Hugging Face’s load_dataset; `export inspect` a log for Inspect.")


def _rule(wanted: TraceFilter) -> PairRule:
    prefer = st.selectbox("Prefer", list(_PREFER), format_func=_PREFER.__getitem__, key="export-prefer")
    left, right = st.columns(2)
    most = left.number_input("Pairs a problem, at most", 1, 100, 4, key="export-most")
    usual = PairRule()
    margin = right.number_input("Cues per 1,000 apart", 0.0, 999.0, usual.margin, key="export-margin",
                                disabled=prefer is Preference.RIGHT)  # fmt: skip
    ended = st.checkbox("Both ended by themselves", value=True, key="export-ended")
    same = st.checkbox("Both were shown the same prompt", value=True, key="export-same")
    turns = st.checkbox(
        "As conversations", key="export-turns", help="Lists of messages in place of texts, as TRL takes"
    )
    return PairRule(prefer, wanted.grader, wanted.lexicon, margin, ended, same, usual.right_only, most, turns)


def _pairs(wanted: TraceFilter, rule: PairRule, name: str) -> None:
    with error_notice():
        pairs, left = services().exports.choose(wanted, rule)
        if pairs:
            st.download_button(f"Download {len(pairs):,} pairs", partial(_file, wanted, rule, name), "pairs.zip",
                               type="primary", on_click="ignore", icon=":material/download:")  # fmt: skip
        st.caption("  \n".join([*rule.sentences, f"{'Left out' if pairs else 'No pair is left. Left out'}: {left}."]))


def _file(wanted: TraceFilter, rule: PairRule | None, name: str) -> bytes:
    """The file; pairs come zipped with the rule that made them."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / name
        if rule is None:
            services().exports.traces(wanted, target)
            return target.read_bytes()
        services().exports.preferences(wanted, rule, target)
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).iterdir()):
                archive.write(path, path.name)
        return packed.getvalue()
