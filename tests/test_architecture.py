"""The direction of dependencies, and the budgets of the house."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*ROOT.glob("backend/**/*.py"), *ROOT.glob("pages/**/*.py"), ROOT / "app.py"])

# Package -> the packages of backend/ it may import. Nothing points back.
ALLOWED = {
    "domain": set(),
    "annotation": {"domain"},
    "config": {"domain"},
    "lexicon": {"domain"},
    "measure": {"domain", "annotation"},
    "grading": {"domain"},
    "detect": {"domain", "annotation", "lexicon", "measure"},
    "exchange": {"domain", "annotation", "lexicon", "measure", "grading", "detect"},
    "store": {"domain", "annotation", "config", "lexicon", "measure", "grading"},
    # Of these three, services use the modules that load no model library; test_pages_load_no_model_library sees to it.
    "engines": {"domain"},
    "lab": {"domain", "grading", "measure", "distill"},
    "distill": {"domain", "lexicon", "measure", "grading", "engines"},
    "services": {
        *("domain", "annotation", "config", "lexicon", "measure", "grading", "exchange", "store"),
        *("engines", "lab", "distill", "detect"),
    },
    "worker": {"domain", "config", "services", "engines", "store", "lab", "distill"},
    "cli": {
        *("domain", "config", "services", "cli_work", "cli_distil", "cli_reproduce", "cli_report"),
        *("cli_annotations", "cli_lexicon"),
    },
    "cli_annotations": {"domain", "annotation", "services"},
    "cli_lexicon": {"domain", "annotation", "services", "cli_work"},
    "cli_distil": {"domain", "services", "cli_work", "distill"},
    "cli_report": {"domain", "services"},
    "cli_reproduce": {"domain", "config", "services", "cli_work"},
    "cli_work": {"domain", "config", "services", "lab", "worker", "engines"},
    "__main__": {"cli"},
}
PAGES_MAY = {"domain", "annotation", "services", "config"}
HEAVY = {
    "torch",
    "transformers",
    "vllm",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "safetensors",
    "openai",
    "dbos",
    "sklearn",
}


def imported(path: Path) -> set[str]:
    """Dotted names of the modules a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_dependencies_point_one_way(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    names = imported(path)
    roots = {name.partition(".")[0] for name in names}
    inner = {name.split(".")[1] for name in names if name.startswith("backend.")}
    if parts[0] == "backend":
        package = parts[1]
        assert "streamlit" not in roots and "pages" not in roots
        assert package == "store" or not roots & {"duckdb", "sqlalchemy"}
        assert package in {"engines", "distill", "lab", "worker", "detect"} or not roots & HEAVY
        if package != "__init__":
            assert inner <= ALLOWED[package] | {package}
    else:
        assert not roots & (HEAVY | {"duckdb", "sqlalchemy"})
        assert inner <= PAGES_MAY


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    relative = path.relative_to(ROOT)
    page = relative.parts[0] == "pages" and len(relative.parts) == 2
    assert text.count("\n") <= (150 if page else 400)
    assert ast.get_docstring(tree), "a module says what it owns and what it does not know"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno + 1 <= 80, node.name


def test_half_of_all_functions_are_short() -> None:
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[len(lengths) // 2] <= 12


def test_pages_load_no_model_library() -> None:
    """What Streamlit's process imports must stay small: its objects are walked at every rerun."""
    code = "import sys, pages.components.frame.session, pages.parts.app.server; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not HEAVY & {name.partition(".")[0] for name in loaded.split()}
