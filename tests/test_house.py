"""The rules of the house: where things lie, what they are called, who may import whom, and how long anything may be.

tests/house_measures.py reads the sources and counts; here stands what the counts may be. `python tests/house_measures.py` prints
them all.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.house_measures import Module, Tree, circles, is_page, lines_of, packages_of, page_of, root_of

ROOT = root_of(Path(__file__))
TREE = Tree(ROOT)
MODULES = [pytest.param(module, id=module.path) for module in TREE.modules.values()]
PACKAGES = sorted({above for name in TREE.modules for above in packages_of(name)})

# Package of backend/ -> the packages of backend/ it may import. Nothing points back.
ALLOWED = {
    "domain": set(),
    "job": set(),
    "recorder": set(),
    "annotation": {"domain"},
    "config": {"domain"},
    "import_plan": {"domain"},
    "messages": {"domain"},
    "outages": {"domain"},
    "child_process": set(),
    "reader_process": {"domain", "child_process"},
    "codec": set(),
    "files": set(),
    "log_format": {"domain"},
    "lexicon": {"domain"},
    "measure": {"domain", "annotation"},
    "grading": {"domain", "child_process", "lexicon"},
    "detect": {"domain", "annotation", "lexicon", "measure"},
    "report": {"domain", "files", "measure"},
    "exchange": {
        *("domain", "annotation", "import_plan", "messages", "files", "reader_process"),
        *("lexicon", "measure", "grading", "detect"),
    },
    "store": {"domain", "job", "annotation", "config", "files", "outages", "lexicon", "measure", "grading"},
    # Of these three, services use the modules that load no model library; test_pages_load_no_model_library sees to it.
    "engines": {"domain", "messages", "child_process", "files"},
    "lab": {"domain", "files", "grading", "measure", "distill"},
    "distill": {"domain", "child_process", "codec", "files", "lexicon", "measure", "grading", "engines"},
    "services": {
        *(
            "domain",
            "job",
            "annotation",
            "config",
            "import_plan",
            "outages",
            "child_process",
            "codec",
            "files",
            "reader_process",
            "lexicon",
            "measure",
            "grading",
            "detect",
        ),
        *("report", "exchange", "store", "engines", "lab", "distill"),
    },
    "worker": {
        *("domain", "job", "config", "child_process", "log_format", "outages"),
        *("services", "engines", "store", "lab", "distill"),
    },
    "cli": {
        "domain",
        "job",
        "annotation",
        "codec",
        "config",
        "import_plan",
        "log_format",
        "measure",
        "report",
        "services",
        "engines",
        "lab",
        "distill",
        "worker",
    },
    "__main__": {"cli"},
}
# Of a service a page takes its words, of what is pure anything; of `distill` only what a training can be set to.
PAGES_MAY = {
    "domain",
    "job",
    "annotation",
    "config",
    "import_plan",
    "outages",
    "log_format",
    "measure",
    "report",
    "services",
    "distill.settings",
}
# The recorder meets transformers in a training of somebody else's, inside one function.
MODEL_PACKAGES = {"engines", "distill", "lab", "worker", "detect", "recorder"}
MODEL_LIBRARIES = {
    *("torch", "transformers", "vllm", "trl", "peft", "accelerate", "datasets", "safetensors", "openai", "dbos"),
    "sklearn",
}
SQL = {"duckdb", "sqlalchemy"}

# A name that two classes may bear -> why.
SHARED_CLASSES: dict[str, str] = {}

# Words that say nothing to somebody new -> what the field says. The first are no names of files, the others of nothing.
BANNED_IN_FILES = {
    "making": "recorder",
    "drawing": "sampling",
    "foreign": "imported",
    "acting": "authorization",
    "turns": "prompts",
    "suitable": "compatibility",
    "growing": "alignment",
    "judging": "adjudicator",
}
BANNED = {
    "crew": "supervisor",
    "leash": "parent_guard",
    "judge": "adjudicator",
    "hand": "selection",
    "rail": "sidebar",
    "book": "label_log",
    "mouth": "stdout_writer",
    "ear": "stdin_reader",
    "heed": "watch",
    "crowd": "annotators",
    "desk": "context",
    "teller": "reporter",
    "told": "describe",
    "said": "describe",
    "distil": "distill",
}
# `paper` is no name for the view of a text; in Python it is the paper this project reproduces.
BANNED_IN_SCRIPTS = {"paper": "text_view"}
# `judge` is what a rule does to a finding.
VERBS = {"judge"}


# -- where things lie -------------------------------------------------------------------------------


def test_no_folder_holds_more_than_twenty_modules() -> None:
    assert {folder: count for folder, count in TREE.folders().items() if count > 20} == {}


def test_a_component_is_used_by_two_pages() -> None:
    """What one page alone needs lies in pages/parts/, the shell's and the app's too."""
    assert {path: sorted(pages) for path, pages in TREE.users().items() if len(pages) < 2} == {}


def test_a_page_keeps_its_parts_to_itself() -> None:
    foreign = {
        f"{path} uses {used}"
        for path, targets in TREE.uses.items()
        for used in targets
        if used.startswith("pages/parts/") and page_of(path) != page_of(used)
    }
    assert foreign == set()


def test_parts_are_called_like_their_page() -> None:
    pages = {page_of(path) for path in TREE.uses if is_page(path)}
    assert {page_of(path) for path in TREE.uses if path.startswith("pages/parts/")} <= pages


def test_the_map_names_every_module() -> None:
    """backend/README.md: a heading a folder ("### store/", the top one "### backend/"), a line a module below it."""
    listed = mapped((ROOT / "backend" / "README.md").read_text(encoding="utf-8"))
    paths = [module.path for module in TREE.modules.values()]
    there = {path.removeprefix("backend/") for path in paths if path.startswith("backend/")}
    assert {path for path in there if Path(path).stem != "__init__"} - set(listed) == set()
    assert set(listed) - there == set()
    assert [path for path, meaning in listed.items() if not meaning] == []


def mapped(text: str) -> dict[str, str]:
    """The modules of a map by their path, "store/parts.py", and what it says of each."""
    listed: dict[str, str] = {}
    folder: str | None = None
    for line in text.splitlines():
        if heading := re.fullmatch(r"#+ `?([\w/]+)/`?.*", line):
            folder = f"{heading[1]}/".removeprefix("backend/")
        elif line.startswith("#"):
            folder = None
        elif (item := re.match(r"- `(\w+\.py)`(.*)", line)) and folder is not None:
            listed[folder + item[1]] = item[2].strip(" :.–—")
    return listed


# -- names ------------------------------------------------------------------------------------------


def test_a_public_class_name_is_borne_once() -> None:
    shared = {name: paths for name, paths in TREE.classes().items() if len(paths) > 1}
    assert {name: paths for name, paths in shared.items() if name not in SHARED_CLASSES} == {}
    assert set(SHARED_CLASSES) <= set(shared), "an exception nobody needs"


def test_file_names_hardly_repeat() -> None:
    assert len(TREE.reused_stems()) <= 8, TREE.reused_stems()


def test_files_are_called_by_words_of_the_field() -> None:
    paths = [*(module.path for module in TREE.modules.values() if not is_page(module.path)), *TREE.scripts]
    assert [said for path in paths for said in strange(path, Path(path).stem, BANNED_IN_FILES)] == []


def test_folders_of_the_backend_are_called_by_words_of_the_field() -> None:
    folders = [folder for folder in TREE.folders() if folder.startswith("backend/")]
    assert [said for folder in folders for said in strange(folder, Path(folder).name, BANNED_IN_FILES)] == []


def test_classes_and_functions_are_called_by_words_of_the_field() -> None:
    functions = [(module.path, node.name) for module in TREE.modules.values() for node in module.functions]
    names = class_names() + [(path, name) for path, name in functions if name not in VERBS]
    assert [said for path, name in names for said in strange(path, name)] == []


def strange(path: str, name: str, also: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """A sentence for each banned word of a `name_like_this` or a `NameLikeThis`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")
    banned = {**BANNED, **also, **(BANNED_IN_SCRIPTS if path.endswith(".js") else {})}
    return [f"{path}: {name}: say {banned[word]}" for word in words if word in banned]


def class_names() -> list[tuple[str, str]]:
    """(path, name) of every class, private ones and JavaScript's too."""
    nodes = [(module.path, node) for module in TREE.modules.values() for node in ast.walk(module.tree)]
    found = [(path, node.name) for path, node in nodes if isinstance(node, ast.ClassDef)]
    return [
        *found,
        *((path, name) for path, text in TREE.scripts.items() for name in re.findall(r"\bclass (\w+)", text)),
    ]


# -- who may import whom ----------------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES)
def test_dependencies_point_one_way(module: Module) -> None:
    roots = {source.partition(".")[0] for source, _ in module.asked()}
    inner = {name.removeprefix("backend.") for name in TREE.imports[module.name] if name.startswith("backend.")}
    package = module.name.split(".")[1] if module.name.startswith("backend.") else ""
    assert not roots & SQL or package == "store"
    assert not roots & MODEL_LIBRARIES or package in MODEL_PACKAGES
    if module.name.startswith("backend"):
        assert not roots & {"streamlit", "pages"}
        assert not package or {name.partition(".")[0] for name in inner} <= ALLOWED[package] | {package}
    else:
        assert {name for name in inner if not {name, name.partition(".")[0]} & PAGES_MAY} == set()


def test_no_import_goes_in_a_circle() -> None:
    assert circles(TREE.imports) == []
    assert circles(TREE.uses) == []


@pytest.mark.parametrize("folder", PACKAGES)
def test_what_lies_in_a_folder_forms_no_circle(folder: str) -> None:
    """Modules and folders side by side: services' rooms, the packages of backend/, the parts of pages/components/."""
    assert circles(TREE.inside(folder)) == []


@pytest.mark.parametrize("module", MODULES)
def test_a_name_is_imported_from_where_it_is_made(module: Module) -> None:
    assert TREE.reexported(module) == set()
    assert "__all__" not in module.defined


def test_pages_load_no_model_library() -> None:
    """What Streamlit's process imports must stay small: its objects are walked at every rerun."""
    modules = [name for name in TREE.modules if re.match(r"pages\.(components|parts)\.", name)]
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not MODEL_LIBRARIES & {name.partition(".")[0] for name in loaded.split()}


# -- how long anything may be -----------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES)
def test_files_and_functions_stay_readable(module: Module) -> None:
    page = is_page(module.path)
    assert module.text.count("\n") <= (150 if page else 400)
    assert ast.get_docstring(module.tree), "a module says what it is for"
    assert [node.name for node in module.functions if lines_of(node) > 80] == []


def test_scripts_stay_readable() -> None:
    assert {path for path, text in TREE.scripts.items() if text.count("\n") > 400} == set()


def test_half_of_all_functions_are_short() -> None:
    lengths = TREE.lengths()
    assert lengths[len(lengths) // 2] <= 12


def test_few_functions_are_only_a_name_for_a_line() -> None:
    """A private function of at most four lines that one place calls is read faster where it is called."""
    assert len(TREE.one_callers()) < 60, "\n".join(TREE.one_callers())


def test_reasons_stand_at_their_line() -> None:
    assert 0.03 <= TREE.comment_share() <= 0.07


def test_docstrings_say_what_a_module_is() -> None:
    """ "Knows nothing of" has its place where an import would be tempting, and says nothing anywhere else."""
    assert len(TREE.saying("knows nothing of")) <= 30
