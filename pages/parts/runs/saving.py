"""What was edited on the page Runs and isn't saved yet: a preview, the button that saves all of it, and its undoing."""

import streamlit as st

from backend.services.traces.run_edits import RunEdit
from pages.components.editing.find_replace import changes_table
from pages.components.editing.run_editor import RunEditor
from pages.components.frame.notice import error_notice, notice
from pages.components.frame.session import services

_SAVED = "runs-saved"  # the last edit, to be undone


def saving(editor: RunEditor) -> None:
    """Draws what would change, with the buttons that save or discard it, or else what was saved last."""
    if not editor.values and not editor.problems:
        _saved(editor)
        return
    with error_notice(stop=True):
        edits = services().edits.plan(editor.values)
    st.header("Not saved yet", anchor=False)
    changes = [change for edit in edits for change in edit.changes]
    if follow := sum(edit.follows for edit in edits):
        st.text(f"{follow:,} run{'' if follow == 1 else 's'} more: the model they were trained from has a new name.")
    changes_table(changes, "runs-changes", "Nothing changes.")
    with st.container(horizontal=True, gap="small"):
        label = f"Save {len(changes):,} change{'' if len(changes) == 1 else 's'} in {_runs(edits)}"
        if st.button(label, type="primary", icon=":material/save:", disabled=bool(editor.problems) or not edits):
            with error_notice():
                services().edits.save(edits)
                _done(editor, edits, f"{_runs(edits)} changed.")
        if st.button("Discard", type="tertiary"):
            editor.forget()
            st.rerun()


def _saved(editor: RunEditor) -> None:
    held: tuple[list[RunEdit], str] | None = st.session_state.get(_SAVED)
    if not held:
        return
    edits, told = held
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        notice(told, "done", key="runs-saved")
        if st.button("Undo this", type="tertiary", icon=":material/undo:"):
            with error_notice():
                services().edits.save([edit.undone for edit in edits])
                _done(editor, [edit.undone for edit in edits], f"The change of {_runs(edits)} was taken back.")


def _done(editor: RunEditor, edits: list[RunEdit], told: str) -> None:
    editor.forget()
    st.session_state[_SAVED] = (edits, told)
    st.rerun()


def _runs(edits: list[RunEdit]) -> str:
    return "1 run" if len(edits) == 1 else f"{len(edits):,} runs"
