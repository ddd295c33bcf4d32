"""The declared formats: those that come with the app, and a person's own in a folder that a setting names.

Owns what is wrong in a person's declarations and modules, in a sentence with file and line; the others stand.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import util
from pathlib import Path
from typing import Any, Final

import yaml

from backend.domain import ImportProblem, UserError
from backend.exchange.traces.declarations import Declaration, checked
from backend.exchange.traces.trace_format import Format, RowError
from backend.lexicon.yaml_reader import parse_yaml

SHIPPED: Final = Path(__file__).parent / "formats" / "declared"
# What a module adds to a declaration: the fields of Declaration that are functions, by the format's name.
Hooks = Mapping[str, Mapping[str, Any]]


def shipped(hooks: Hooks) -> tuple[Format, ...]:
    """The declarations of this tree, in the order of the files and in them."""
    found = [each for path in sorted(SHIPPED.glob("*.yaml")) for each in declared_in(path)]
    return tuple(replace(each, **hooks.get(each.name, {})).format for each in found)


def declared_in(path: Path) -> list[Declaration]:
    """The declarations in a file: one, or a list of them. Raises ImportProblem with the line of what is wrong."""
    raw = path.read_bytes()
    try:
        value = parse_yaml(raw, path.name)
    except UserError as error:
        raise ImportProblem(path.name, str(error).removeprefix(f"{path.name}: ").rstrip(".")) from None
    node = yaml.compose(raw.decode("utf-8-sig"), Loader=yaml.CSafeLoader)
    nodes: list[Any] = node.value if isinstance(node, yaml.SequenceNode) else [node]
    found = []
    for place, words in enumerate(value if isinstance(value, list) else [value]):
        line = nodes[place].start_mark.line + 1 if place < len(nodes) and nodes[place] else 1
        if not isinstance(words, dict) or not isinstance(words.get("name"), str):
            raise ImportProblem(
                path.name, f"line {line}: a declaration is pairs of a word and its meaning, with a name"
            )
        try:
            found.append(checked(words["name"], words))
        except RowError as error:
            word = str(error).partition(":")[0]
            lines = [key.start_mark.line + 1 for key, _ in nodes[place].value if key.value == word]
            raise ImportProblem(path.name, f"line {(lines or [line])[0]}: {error}") from None
    return found


def own(folder: Path) -> tuple[tuple[Format, ...], tuple[ImportProblem, ...]]:
    """A person's own formats, by the names of their files, and what can't be used of them."""
    stamps = tuple((path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*")) if path.suffix in _KINDS)
    return _own(stamps)


@cache
def _own(stamps: Sequence[tuple[Path, int]]) -> tuple[tuple[Format, ...], tuple[ImportProblem, ...]]:
    formats: list[Format] = []
    problems: list[ImportProblem] = []
    for path, _ in stamps:
        try:
            formats.extend(_KINDS[path.suffix](path))
        except (ImportProblem, OSError) as error:
            known = error if isinstance(error, ImportProblem) else None
            problems.append(known or ImportProblem(path.name, f"it can't be read ({error})"))
    return tuple(formats), tuple(problems)


def _module(path: Path) -> list[Format]:
    """The `FORMAT` of a Python file: a Format, or a Declaration. It is run, as the person who put it there wants."""
    spec = util.spec_from_file_location(f"own_format_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportProblem(path.name, "it is no Python file")
    module = util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(path)]
        line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else (lines or [None])[-1]
        raise ImportProblem(path.name, f"line {line or 1}: {type(error).__name__}: {error}") from None
    found = getattr(module, "FORMAT", None)
    if not isinstance(found, Format | Declaration):
        raise ImportProblem(path.name, "line 1: it defines no FORMAT, which should be a Format or a Declaration")
    return [found.format if isinstance(found, Declaration) else found]


_KINDS: Mapping[str, Callable[[Path], Sequence[Format]]] = {
    ".yaml": lambda path: [each.format for each in declared_in(path)],
    ".py": _module,
}
