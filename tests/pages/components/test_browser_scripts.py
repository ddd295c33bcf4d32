"""What the browser is sent: modules joined into one script a component, all of it used and none of it dangerous."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from pages.components.browser.component import BrowserComponent, browser_component
from pages.components.browser.joined_script import ScriptError, joined_script, modules_of
from pages.components.viewer.mathematics import ATTRIBUTES, ELEMENTS, TOKENS

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "pages"
TOP_LEVEL = re.compile(r"^(?:export default|async|function|class|const|let)\b", re.MULTILINE)
NAME = re.compile(r"(?:async )?(?:function|class|const|let) ([\w$]+)")
METHOD = re.compile(r"^  (?:async |get |set |static )*([a-zA-Z]\w*)\([^\n]*\) \{$", re.MULTILINE)


def components() -> list[BrowserComponent]:
    """Every browser component of the app."""
    paths = [path.relative_to(ROOT) for top in ("components", "parts") for path in (PAGES / top).rglob("*.py")]
    modules = [importlib.import_module(".".join(path.with_suffix("").parts)) for path in sorted(paths)]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, BrowserComponent)]
    return list({component.name: component for component in found}.values())


COMPONENTS = [pytest.param(component, id=component.name) for component in components()]


def write(folder: Path, **modules: str) -> Path:
    """Modules NAME.js in `folder`; the first one is the entry."""
    for name, source in modules.items():
        (folder / f"{name}.js").write_text(source, encoding="utf-8")
    return folder / f"{next(iter(modules))}.js"


# -- joining ----------------------------------------------------------------------------------------


def test_a_module_comes_once_and_after_all_that_it_needs(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        main='import { left } from "./left.js";\nimport {\n  right,\n} from "./right.js";\n\nexport default () => left(right);\n',
        left='import { base } from "./base.js";\n\nexport function left() {\n  return base;\n}\n',
        right='import { base } from "./base.js";\nexport const right = base + 1;\n',
        base="/** A number. */\nexport const base = 1;\n",
    )
    assert [path.stem for path in modules_of(entry)] == ["base", "left", "right", "main"]
    assert joined_script(entry) == (
        "const base = 1;\n\nfunction left() {\n  return base;\n}\n\nconst right = base + 1;\n\nexport default () => left(right);\n"
    )


def test_types_stay_at_home_and_what_looks_like_them_is_sent(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        main="""
/**
 * @param {number} x
 */
export default function main(x) {
  // why
  const one = /** @type {any} */ (x).y; // beside the code
  /** @type {Map<string, number>} */
  const two = new Map();
  return [one, two, "/* no comment */", `https://example.org/**`];
}
""",
    )
    assert joined_script(entry) == (
        "export default function main(x) {\n  const one = (x).y; // beside the code\n  const two = new Map();\n"
        '  return [one, two, "/* no comment */", `https://example.org/**`];\n}\n'
    )


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (
            {"main": 'import { a } from "./a.js";\nexport default a;\n', "a": 'import { b } from "./b.js";\nexport const a = b;\n',
             "b": 'import { a } from "./a.js";\nexport const b = a;\n'},
            "circle: a.js -> b.js -> a.js",
        ),
        (
            {"main": 'import { a } from "./a.js";\nconst shared = a;\nexport default shared;\n', "a": "const shared = 1;\nexport const a = shared;\n"},
            "shared is declared in a.js and in main.js",
        ),
        ({"main": 'import { b } from "./a.js";\nexport default b;\n', "a": "const b = 1;\n"}, "main.js: a.js doesn't export b"),
        ({"main": 'import { a as b } from "./a.js";\nexport default b;\n', "a": "export const a = 1;\n"}, "main.js: write `import { name }"),
        ({"main": 'import a from "./a.js";\nexport default a;\n', "a": "export default 1;\n"}, "main.js: write `import { name }"),
        ({"main": 'import * as a from "./a.js";\nexport default a;\n', "a": "export const b = 1;\n"}, "main.js: write `import { name }"),
        ({"main": 'import "./a.js";\nexport default 1;\n', "a": "window.x = 1;\n"}, "main.js: write `import { name }"),
        ({"main": 'import { a } from "plotly";\nexport default a;\n'}, "main.js: write `import { name }"),
        ({"main": "const a = 1;\nexport { a };\nexport default a;\n"}, "main.js: a declaration exports or declares one name"),
        ({"main": "const { a, b } = window;\nexport default a;\n"}, "main.js: a declaration exports or declares one name"),
        ({"main": "export const a = 1;\n"}, "main.js: the entry has a default export"),
        (
            {"main": 'import { a } from "./a.js";\nexport default a;\n', "a": "export const a = 1;\nexport default a;\n"},
            "a.js: the entry has a default export, and no other module has",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_joined_is_refused_by_name(tmp_path: Path, modules: dict[str, str], message: str) -> None:
    with pytest.raises(ScriptError, match=re.escape(message)):
        joined_script(write(tmp_path, **modules))


def test_a_component_is_registered_on_first_use(tmp_path: Path) -> None:
    """Importing a page reads no script, and a missing one breaks no other page."""
    component = browser_component("missing", tmp_path / "missing.js")
    with pytest.raises(FileNotFoundError):
        component.script()


# -- what is sent -----------------------------------------------------------------------------------


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_joined_script_is_one_module(component: BrowserComponent) -> None:
    script = component.script()
    statements = re.findall(r"^[ \t]*(import|export default|export)\b", script, re.MULTILINE)
    assert statements == ["export default"]
    assert all("\n" in text for text in (script, component.css(), component.html) if text), (
        "Streamlit takes it for a file"
    )


@pytest.mark.parametrize("component", COMPONENTS)
def test_everything_that_is_sent_is_used(component: BrowserComponent) -> None:
    script = re.sub(r"(?:^|\s)//[^\n]*|\.\.\.", " ", component.script())
    starts = [found.start() for found in TOP_LEVEL.finditer(script)]
    declared = {
        found[1]: part for part in map(slice, starts, [*starts[1:], None]) if (found := NAME.match(script[part]))
    }
    for name, own in declared.items():
        others = script[: own.start] + script[own.stop :] if own.stop else script[: own.start]
        assert re.search(rf"(?<![\w$.]){re.escape(name)}(?![\w$])", others), f"{name} is used by nobody"


def test_every_method_is_called() -> None:
    """By one component or another: a class comes whole, wherever it is used."""
    scripts = "\n".join(component.script() for component in components())
    methods = set(METHOD.findall(scripts)) - {"constructor", "if", "for", "while", "switch", "catch"}
    assert [name for name in methods if not re.search(rf"\.{name}\b|[{{,] {name}[,:]? [^(]*\}} = ", scripts)] == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_no_script_makes_markup_or_code_of_text(component: BrowserComponent) -> None:
    """Trace text is hostile: it becomes text nodes and nothing else."""
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|\beval\b|new Function|setHTML|srcdoc"
    assert re.findall(banned, component.script()) == []


def test_every_script_belongs_to_a_component() -> None:
    sent = {path for component in components() for path in modules_of(component.entry)}
    assert {path.relative_to(ROOT).as_posix() for path in PAGES.rglob("*.js")} == {
        path.relative_to(ROOT).as_posix() for path in sent
    }


def test_the_browser_draws_the_mathematics_the_server_sends() -> None:
    source = (PAGES / "components/viewer/trace_view/math_names.js").read_text(encoding="utf-8")
    sets = [set(re.findall(r'"(\w+)"', part)) for part in source.split("new Set")[1:]]
    assert sets == [set(TOKENS), set(ELEMENTS - TOKENS), set(ATTRIBUTES)]
