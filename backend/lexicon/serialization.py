"""Writing lexicons as plain data and as YAML, which `entries.from_data` and `entries.from_yaml` read back."""

from typing import Any

import yaml

from backend.domain import UserError, visible
from backend.lexicon.entries import Anchor, Entry, Lexicon, from_data


def to_data(lexicon: Lexicon) -> dict[str, Any]:
    """`lexicon` as mappings, lists and text. Raises UserError for a trained detector, which is no list of words."""
    if lexicon.learned:
        raise UserError(f"{visible(lexicon.name)} is a trained detector, not a list of words: it has no YAML.")
    formerly = {"formerly": lexicon.formerly} if lexicon.formerly else {}
    return {
        "name": lexicon.name,
        **formerly,
        "version": lexicon.version,
        "title": lexicon.title,
        "description": lexicon.description,
        "mode": lexicon.mode.value,
        "overlap": lexicon.overlap.value,
        "entries": [_entry(entry) for entry in lexicon.entries],
    }


def to_yaml(lexicon: Lexicon) -> str:
    """`lexicon` as the text of a YAML file. Raises UserError as `to_data` does."""
    return yaml.safe_dump(to_data(lexicon), allow_unicode=True, sort_keys=False, width=110, default_flow_style=None)


def checked(lexicon: Lexicon) -> Lexicon:
    """`lexicon` as its file would be read. Raises UserError where a file of it would be refused."""
    # One set of checks for files and for lists edited on a page: a page's list goes the same way as a file.
    return from_data(to_data(lexicon), f"The lexicon {lexicon.name}")


def _entry(entry: Entry) -> dict[str, Any]:
    # Forms are written out even where they are the name alone: the next version may add one.
    data: dict[str, Any] = {"name": entry.name, "group": entry.group.value, "forms": list(entry.forms)}
    if entry.exceptions:
        data["exceptions"] = list(entry.exceptions)
    if entry.at is not Anchor.ANYWHERE:
        data["at"] = entry.at.value
    if entry.why:
        data["why"] = entry.why
    return data
