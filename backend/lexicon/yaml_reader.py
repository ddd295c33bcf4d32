"""Reading YAML that people wrote, as plain data: bounded in size and depth, without aliases, merges and doubled keys.

Owns the limits. PyYAML has none: 466 bytes of aliases make a list of 10^18 items.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from backend.domain import UserError, visible

_MOST_BYTES: Final = 1_000_000
_MOST_EVENTS, _DEEPEST, _LONGEST, _DIGITS = 200_000, 20, 20_000, 40


def read_yaml(path: Path) -> Any:
    """The data in a YAML file. Raises UserError as `parse_yaml` does, and where the file can't be read."""
    try:
        with path.open("rb") as file:
            return parse_yaml(file.read(_MOST_BYTES + 1), str(path))
    except OSError as error:
        raise UserError(f"{visible(str(path))}: can't be read ({error.strerror}).") from error


def parse_yaml(raw: bytes, where: str) -> Any:
    """The data in the bytes of a YAML file that people call `where`. Raises UserError for what is no plain YAML."""
    reason = ""
    try:
        # Windows editors put a byte order mark in front, which YAML takes for a part of the first key.
        text = raw.decode("utf-8-sig")
        if not (reason := _excess(raw, text)):
            return yaml.load(text, _PlainLoader)  # noqa: S506 - it makes plain data alone
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 (byte {error.start})"
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        reason = f"is not YAML{line} ({visible(str(error.problem))})"
    # Impossible dates and numbers, such as 2026-99-99.
    except (yaml.YAMLError, ValueError, ArithmeticError) as error:
        reason = f"is not YAML ({visible(str(error))})"
    raise UserError(f"{visible(where)}: {reason}.")


def _excess(raw: bytes, text: str) -> str:
    """What is too much in a text, "" where nothing is."""
    if len(raw) > _MOST_BYTES:
        return f"has more than {_MOST_BYTES:,} bytes, which is too large"
    depth = 0
    # Event by event: nothing is built of the text before it is known to be small.
    for number, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader), start=1):
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            alias = visible(str(event.anchor), 40)
            return f"is not YAML that is read here: write out what *{alias} in line {line} stands for"
        if depth > _DEEPEST or number > _MOST_EVENTS:
            return f"is not YAML that is read here: nested too deeply, or of too many items, by line {line}"
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > _LONGEST:
            return f"is not YAML that is read here: a text in line {line} has more than {_LONGEST:,} characters"
    return ""


class _PlainLoader(yaml.CSafeLoader):
    """A loader that refuses what makes a mapping say something else than it seems to, and numbers of many digits."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse merge keys, which would be flattened here, and keys that stand twice, of which the last would win."""
        seen: set[tuple[str, Any]] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge" or (isinstance(key.value, str) and (key.tag, key.value) in seen):
                shown = visible(str(key.value), 40)
                raise yaml.constructor.ConstructorError(
                    None, None, f"{shown!r} is merged or stands twice", key.start_mark
                )
            if isinstance(key.value, str):
                seen.add((key.tag, key.value))

    def construct_yaml_int(self, node: yaml.ScalarNode) -> Any:
        """Refuse numbers whose digits nobody counts: Python takes long to read them and won't write them."""
        if len(str(node.value)) > _DIGITS:
            raise yaml.constructor.ConstructorError(None, None, "the number is too long", node.start_mark)
        return super().construct_yaml_int(node)


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_yaml_int)
