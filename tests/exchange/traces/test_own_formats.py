"""A person's own formats: the example of the README, Python files, and what is wrong in one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.config import Settings
from backend.domain import TraceDraft
from backend.exchange.traces.declared_formats import SHIPPED, declared_in
from backend.exchange.traces.detection import use_formats
from backend.exchange.traces.read import read
from backend.exchange.traces.scan import scan

README = Path(__file__).resolve().parents[3] / "backend" / "README.md"
ROW = {
    "task_input": {"text": "What is 6*7?"},
    "model_answer": "42",
    "model_thoughts": "six sevens",
    "reference": 42,
    "judge": {"correct": "yes"},
}


@pytest.fixture
def formats(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "formats"
    folder.mkdir()
    use_formats([str(folder)])
    yield folder
    use_formats([])


def laid(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "runs" / "ants-7b" / "out_step_20.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_the_example_of_the_readme(tmp_path: Path, formats: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    assert example
    (formats / "ours.yaml").write_text(example[1])
    path = laid(tmp_path, ROW, {**ROW, "status": "aborted"}, {**ROW, "model_answer": None, "model_thoughts": None})
    plan = scan([path])
    assert not plan.failed and not plan.questions
    (source,) = plan.sources
    (draft,) = read(source)
    assert isinstance(draft, TraceDraft)
    assert (draft.question, draft.text) == ("What is 6*7?", "<think>six sevens</think>42")
    assert (draft.gold, draft.verdict) == ("42", True)
    assert (source.format, source.info.model, source.info.series) == ("our evaluation", "ants-7b · step 20", "ants-7b")
    assert source.info.step == 20
    use_formats([])
    assert scan([path]).sources[0].format == "mapped columns"


def test_a_python_file_and_errors_that_break_nothing_else(tmp_path: Path, formats: Path) -> None:
    (formats / "a.yaml").write_text("name: a\nall: [x]\ntext: y\nverdickt: z\n")
    (formats / "b.yaml").write_text("- name: b\n  all: [x]\n  text: y\n- name: b2\n  all: [x]\n  text: 'y ~ ('\n")
    (formats / "c.yaml").write_text("name: [\n")
    (formats / "d.py").write_text("import json\n\n1 / 0\n")
    (formats / "e.py").write_text("FORMAT = 3\n")
    (formats / "f.py").write_text("def (\n")
    (formats / "g.py").write_text(
        "from backend.exchange.traces.declarations import checked\n"
        "from dataclasses import replace\n"
        "words = {'all': ['task_input', 'model_answer'], 'question': 'task_input.text', 'text': 'loud', 'id': 'n'}\n"
        "FORMAT = replace(checked('loud', words), prepare=lambda row: [{**row, 'loud': row['model_answer'] + '!'}])\n"
    )
    plan = scan([laid(tmp_path, ROW)])
    told = {problem.file: str(problem) for problem in plan.failed}
    for name, words in {
        "a.yaml": "line 4: verdickt: there is no such word",
        "b.yaml": "line 6: ",
        "c.yaml": "is not YAML in line 2",
        "d.py": "line 3: ZeroDivisionError",
        "e.py": "it defines no FORMAT",
        "f.py": "line 1: SyntaxError",
    }.items():
        assert words in told.pop(name), name
    assert not told
    (draft,) = read(plan.sources[0])
    assert isinstance(draft, TraceDraft) and draft.text == "42!"
    # Mended, it is read anew.
    (formats / "a.yaml").write_text("name: a\nall: [task_input]\ntext: model_answer\n")
    assert scan([tmp_path / "runs"]).sources[0].format == "a"


def test_every_shipped_declaration_is_in_order() -> None:
    found = [each.name for path in sorted(SHIPPED.glob("*.yaml")) for each in declared_in(path)]
    assert len(found) == len(set(found)) > 15 and Settings().formats == ()
