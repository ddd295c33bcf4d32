"""What no declaration can say of trainers' rollouts: graphs of messages, token ids, Trackio's files of one trace."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from backend.domain import SourceRef
from backend.exchange.traces import fields
from backend.exchange.traces.input_files import open_unchanged, reading
from backend.exchange.traces.json_text import parse_object
from backend.exchange.traces.row_paths import object_at
from backend.exchange.traces.rows import rows_of
from backend.exchange.traces.trace_format import Advance, LeftOut, RowError
from backend.import_plan import Row, Shape, Source, SourceFile

_TOKENIZER = "tokenizer.json"


def _episode(row: Row) -> Iterator[Row]:
    """A trace of verifiers with its messages in order: the branch that ends in what was sampled last."""
    found = row.get("nodes")
    nodes = [node if isinstance(node, dict) else {} for node in found] if isinstance(found, list) else []
    sampled = [place for place, node in enumerate(nodes) if node.get("sampled")]
    place: Any = sampled[-1] if sampled else None
    messages: list[Any] = []
    met: set[int] = set()
    while isinstance(place, int) and 0 <= place < len(nodes) and place not in met:
        met.add(place)
        message = nodes[place].get("message")
        messages.insert(0, message)
        place = nodes[place].get("parent")
    inner = [node.get("parent") for node in nodes]
    branches = sum(place not in inner for place in sampled)
    yield {**row, "messages": messages, **({"branches": branches} if branches > 1 else {})}


def _decoded(source: Source, advance: Advance) -> Iterator[tuple[Row, SourceRef]]:
    """Rows of token ids with their texts, where the tokenizer lies beside them."""
    for file in source.files:
        path = file.path.with_name(_TOKENIZER)
        tokenizer = _tokenizer(path, path.stat().st_mtime_ns) if path.is_file() else None
        for number, row in rows_of(file, advance):
            texts = {
                f"{part}_text": tokenizer.decode(_ids(row, part), skip_special_tokens=part == "response")
                for part in ("prompt", "response")
                if tokenizer
            }
            truth, reward = row.get("ground_truth"), row.get("reward")
            if tokenizer and isinstance(truth, list) and truth and all(isinstance(each, int) for each in truth):
                texts["ground_truth"] = tokenizer.decode(_ids({"truth_tokens": truth}, "truth"))
            # Ten points are for the right answer; others are for form and length.
            right = {"right": reward == 10} if reward in (0, 10) else {}
            yield {**row, **texts, **right}, SourceRef(file.shown, file.sha256, number)


@lru_cache(4)
def _tokenizer(path: Path, modified: int) -> Any:
    from tokenizers import Tokenizer  # noqa: PLC0415 - heavy, and rarely needed

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare ones
        raise RowError(f"the {_TOKENIZER} beside it can't be read ({str(error)[:80]})") from None


def _ids(row: Row, part: str) -> list[int]:
    ids = row.get(f"{part}_tokens")
    if not isinstance(ids, list) or not all(isinstance(each, int) and 0 <= each < 2**31 for each in ids):
        raise RowError(f"'{part}_tokens' should be a list of token ids")
    return ids


def _session(source: Source, advance: Advance) -> Iterator[tuple[Row | LeftOut, SourceRef]]:
    """A trace out of each file: its first line says whose it is, each other one holds a message."""
    for file in source.files:
        head: Row = {}
        messages, first = [], SourceRef(file.shown, file.sha256, 1)
        for number, row in rows_of(file, advance):
            if row.get("type") == "session" and not head:
                head = row
                continue
            if isinstance(row.get("message"), dict):
                messages.append(row["message"])
            yield LeftOut("a message, read with its session"), SourceRef(file.shown, file.sha256, number)
        yield {**fields.rest(head, ("trackio",)), **object_at(head, "trackio"), "messages": messages}, first


@lru_cache(maxsize=8)
def _places(file: SourceFile) -> dict[str, list[tuple[int, int, bool]]]:
    """The lines of each run in a recording: number, first byte, and whether a resumed training wrote them once more."""
    found: dict[str, list[tuple[int, int, object]]] = {}
    last: dict[str, object] = {}
    start = end = 0

    def advance(size: int) -> None:
        nonlocal start, end
        start, end = end, end + size

    for number, row in rows_of(file, advance):
        of = row.get("dataset") or "training rollouts", row.get("series"), f"step {row.get('step')}"
        key = " · ".join(str(part) for part in of if part)  # as the declaration's `split` has it
        session = row.get("session") if row.get("kind") == "trace" else None
        last |= {key: session} if session else {}
        found.setdefault(key, []).append((number, start, session))
    return {key: [(n, at, bool(s and s != last[key])) for n, at, s in rows] for key, rows in found.items()}


def _last_sessions(source: Source, advance: Advance) -> Iterator[tuple[Row | LeftOut, SourceRef]]:
    """A recorder's lines; of a step that a resumed training came to again the later traces alone."""
    for file in source.files:
        if file.shape is not Shape.JSONL:  # written anew by some other tool
            yield from ((row, SourceRef(file.shown, file.sha256, number)) for number, row in rows_of(file, advance))
            continue
        # A run a step: read through for each of them, a long recording would take longer than all its traces.
        with open_unchanged(file) as stream, reading(file.shown):
            for number, at, again in _places(file).get(source.key, ()):
                stream.seek(at)
                row = parse_object(raw := stream.readline())
                advance(len(raw))
                left = LeftOut("the training was resumed and came to the step again")
                yield left if again else row, SourceRef(file.shown, file.sha256, number)


HOOKS: dict[str, dict[str, Any]] = {
    "flight recorder": {"rows": _last_sessions},
    "verifiers episodes": {"prepare": _episode},
    "open-instruct": {"rows": _decoded},
    "Trackio sessions": {"rows": _session, "group": lambda found: str(found.path.parent)},
}
