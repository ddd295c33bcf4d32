"""The files that the field's tools wrote: how many traces, of how many problems, at which step, how many right.

The figures are those of each folder's expected.json, and every response that it holds is there, word for word.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.domain import TraceDraft
from backend.exchange.traces.read import read
from backend.exchange.traces.scan import scan

# folder -> (step, traces, problems, right, judged) of a run: how many such runs
FIGURES: dict[str, dict[tuple[int | None, int, int, int, int], int]] = {
    "evalscope": {(None, 24, 12, 20, 24): 1},
    "hf_datasets": {(None, 24, 12, 20, 24): 2, (None, 12, 6, 11, 12): 1, (None, 12, 6, 9, 12): 2},
    "inspect_ai": {
        (None, 24, 12, 24, 24): 1,
        (None, 18, 6, 15, 18): 3,
        (None, 9, 8, 7, 9): 1,
        (0, 24, 12, 20, 24): 2,
        (None, 6, 6, 3, 6): 2,
        (None, 3, 3, 1, 3): 2,
    },
    "lighteval": {(None, 24, 12, 9, 12): 1},
    "lm_eval": {
        (None, 24, 12, 2, 12): 1,
        (None, 24, 12, 9, 12): 1,
        (None, 24, 12, 11, 12): 1,
        (None, 24, 12, 10, 12): 1,
    },
    "math_lighteval": {},
    "open_instruct": {(1, 8, 4, 5, 8): 1, (2, 8, 4, 7, 8): 1, (3, 8, 4, 1, 8): 1},
    "openai_batch": {(None, 24, 12, 0, 0): 2},
    "opentelemetry": {(None, 6, 3, 3, 6): 3, (None, 6, 3, 0, 0): 1},
    "prime_rl": {(0, 8, 2, 5, 8): 1, (1, 8, 2, 6, 8): 1, (2, 8, 2, 1, 8): 1},
    "promptfoo": {(None, 8, 4, 6, 8): 2, (None, 8, 4, 4, 8): 2, (None, 8, 4, 0, 8): 2, (None, 8, 4, 7, 8): 2},
    "sharegpt": {(None, 24, 12, 0, 0): 2},
    "skythought": {(None, 24, 6, 20, 24): 1},
    "slime": {},
    "tinker_cookbook": {(10, 23, 12, 20, 23): 1, (0, 16, 4, 13, 16): 1, (1, 16, 4, 14, 16): 1, (2, 16, 4, 4, 16): 1},
    "trackio": {
        (1, 8, 2, 7, 8): 1,
        (2, 8, 2, 8, 8): 1,
        (3, 8, 2, 5, 8): 1,
        (0, 9, 3, 5, 8): 2,
        (10, 9, 3, 6, 8): 2,
        (20, 9, 3, 1, 8): 2,
        (0, 1, 1, 1, 1): 2,
        (0, 6, 2, 3, 6): 1,
    },
    "trl": {(1, 8, 2, 7, 8): 2, (2, 8, 2, 8, 8): 2, (3, 8, 2, 5, 8): 2},
    "verifiers": {(None, 23, 12, 19, 23): 1, (None, 24, 12, 20, 24): 2},
    "verl": {
        (1, 3, 3, 1, 3): 1,
        (20, 8, 4, 5, 8): 1,
        (40, 8, 4, 7, 8): 1,
        (60, 8, 4, 1, 8): 1,
        (1, 16, 4, 13, 16): 2,
        (2, 16, 4, 14, 16): 2,
        (3, 16, 4, 4, 16): 2,
        (0, 12, 6, 9, 12): 1,
        (10, 12, 6, 11, 12): 1,
    },
    "vllm": {(None, 4, 4, 0, 0): 1, (None, 23, 12, 0, 0): 1, (None, 5, 3, 0, 0): 1},
}
# A key of that name holds responses; a short value of it says where they stand.
_RESPONSES = ("response", "responses", "response_text", "first_response_text")


def responses(value: Any, key: str = "") -> Iterator[str]:
    """The responses that an expected.json holds."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from responses(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from responses(inner, key)
    elif isinstance(value, str) and key in _RESPONSES and ("boxed{" in value or value.startswith("<think>")):
        yield value


@pytest.mark.parametrize("folder", FIGURES)
def test_a_folder_of_a_tool(shared_data: Path, tmp_path: Path, folder: str) -> None:
    where = shared_data / "formats" / folder
    files = [path for path in sorted(where.iterdir()) if path.name != "expected.json"]
    plan = scan(files, where, tmp_path / "unpacked")
    found: Counter[tuple[int | None, int, int, int, int]] = Counter()
    texts = ""
    for source in plan.sources:
        traces = [draft for draft in read(source) if isinstance(draft, TraceDraft)]
        judged = [trace.verdict for trace in traces if trace.verdict is not None]
        texts += "\n\n".join(trace.text for trace in traces)
        problems = len({trace.question for trace in traces})
        if traces:
            found[source.info.step, len(traces), problems, sum(judged), len(judged)] += 1
    assert found == FIGURES[folder]
    expected = json.loads((where / "expected.json").read_text(encoding="utf-8"))
    assert all(response.strip() in texts for response in responses(expected))
    # A pickle, a spreadsheet whose columns have the same names, settings, and metrics without traces.
    told = {Path(problem.file).name for problem in plan.failed}
    assert told <= {
        "rollout_0.pt",
        "out.csv",
        "promptfooconfig.json",
        "lab-traces.parquet",
        "lab-traces.db-wal",
        "lab-traces.db-shm",
    }
