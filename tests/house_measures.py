"""What a newcomer meets in a tree of this project, counted; `python tests/house_measures.py [TREE]` prints it as a table.

`Tree` reads the Python of backend/, pages/ and app.py, and the JavaScript and style sheets beside it. Everything is
read and nothing is imported, so that any version of the project can be measured. tests/test_house.py holds the present
one to its rules with the same functions.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Graph = Mapping[str, set[str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# A file's stem that says nothing: every folder may have one.
NAMELESS = {"__init__", "__main__"}
# Whose parts a folder of pages/parts/ holds, where it can't be called like the page: `import` is a word of Python.
PAGE_OF = {"imports": "import"}
_JS_IMPORT = re.compile(r"""^\s*(?:import|export)\b[^"';]*?["'](\.[^"']+)["']|\bimport\(\s*["'](\.[^"']+)["']""", re.M)
_CSS_IMPORT = re.compile(r"""@import\s+(?:url\()?["']?(\.[^"')]+)""")


@dataclass(frozen=True)
class Module:
    """A Python file: `name` is what an import says, `path` is relative to the tree."""

    name: str
    path: str
    text: str
    tree: ast.Module = field(repr=False)

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return Path(self.path).stem

    @property
    def package(self) -> str:
        """The package its relative imports start from."""
        return self.name if self.stem == "__init__" else self.name.rpartition(".")[0]

    @property
    def functions(self) -> list[Function]:
        """Every function and method, nested ones too."""
        return [node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS)]

    @cached_property
    def defined(self) -> set[str]:
        """Names that are made at the module's top level. `X = other.X` makes nothing."""
        return set(_defined(self.tree.body, self._borrowed))

    @cached_property
    def _borrowed(self) -> set[str]:
        found = [node for node in self.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        return {alias.asname or alias.name for node in found for alias in node.names}

    @cached_property
    def strings(self) -> set[str]:
        """Every string it holds, pieces of f-strings too."""
        return {n.value for n in ast.walk(self.tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}

    def asked(self) -> Iterator[tuple[str, str | None]]:
        """What its imports say: (dotted module, name taken from it); the name is None for `import module`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, None) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = self.package.split(".")
                start = ".".join(above[: len(above) - node.level + 1]) if node.level else ""
                module = ".".join(part for part in (start, node.module) if part)
                yield from ((module, alias.name) for alias in node.names)


class Tree:
    """The sources below a folder."""

    def __init__(self, root: Path) -> None:
        """`root` is the folder that holds backend/ and pages/."""
        self.root = root
        found = [*root.glob("backend/**/*.py"), *root.glob("pages/**/*.py"), *root.glob("app.py")]
        self.modules = {module.name: module for module in map(self._module, sorted(found))}
        self.scripts = self._texts("*.js")
        self.sheets = self._texts("*.css")

    def _module(self, path: Path) -> Module:
        text, relative = path.read_text(encoding="utf-8"), path.relative_to(self.root)
        name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        return Module(name, relative.as_posix(), text, ast.parse(text))

    def _texts(self, pattern: str) -> dict[str, str]:
        paths = sorted(path for top in ("backend", "pages") for path in (self.root / top).rglob(pattern))
        return {path.relative_to(self.root).as_posix(): path.read_text(encoding="utf-8") for path in paths}

    # -- names --------------------------------------------------------------------------------------

    def folders(self) -> Counter[str]:
        """Modules, Python and JavaScript, by folder; an `__init__` is the folder itself."""
        paths = [module.path for module in self.modules.values() if module.stem != "__init__"]
        return Counter(str(Path(path).parent) for path in [*paths, *self.scripts])

    def classes(self) -> dict[str, list[str]]:
        """Public classes at the top level: the modules that have one of a name."""
        bearers: dict[str, list[str]] = defaultdict(list)
        for module in self.modules.values():
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    bearers[node.name].append(module.path)
        return bearers

    def stems(self) -> dict[str, list[str]]:
        """File names of Python modules that repeat, with their paths."""
        bearers: dict[str, list[str]] = defaultdict(list)
        for module in self.modules.values():
            bearers[module.stem].append(module.path)
        return {stem: paths for stem, paths in bearers.items() if len(paths) > 1 and stem not in NAMELESS}

    def reused_stems(self) -> dict[str, list[str]]:
        """Those without the ones that are meant: a verb is called like its subject, a page like its service."""
        return {stem: rest for stem, paths in self.stems().items() if len(rest := _but_meant(paths)) > 1}

    # -- imports ------------------------------------------------------------------------------------

    def taken(self, module: Module) -> set[tuple[str, str]]:
        """Names a module takes from modules of the tree: (module, name). Submodules are no names."""
        pairs = ((source, name) for source, name in module.asked() if name and f"{source}.{name}" not in self.modules)
        return {(source, name) for source, name in pairs if source in self.modules}

    def reexported(self, module: Module) -> set[tuple[str, str]]:
        """Those of them that the other module has only imported itself."""
        return {(source, name) for source, name in self.taken(module) if name not in self.modules[source].defined}

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """Module -> the modules of the tree it imports."""
        return {name: set(self._imported(module)) - {name} for name, module in self.modules.items()}

    def _imported(self, module: Module) -> Iterator[str]:
        for source, name in module.asked():
            if f"{source}.{name}" in self.modules:
                yield f"{source}.{name}"
            elif source in self.modules:
                yield source

    # -- files of pages -----------------------------------------------------------------------------

    @cached_property
    def uses(self) -> dict[str, set[str]]:
        """File of pages/ (and app.py) -> the files of pages/ it imports or loads, scripts and style sheets too."""
        found = {m.path: self._used(m) for m in self.modules.values() if not m.name.startswith("backend")}
        assets = {**self.scripts, **self.sheets}
        for path, text in assets.items():
            said = [one or other for one, other in _JS_IMPORT.findall(text)] + _CSS_IMPORT.findall(text)
            targets = (os.path.normpath(Path(path).parent / name).replace(os.sep, "/") for name in said)
            found[path] = {target for target in targets if target in assets}
        return found

    def _used(self, module: Module) -> set[str]:
        names = {name for name in self.imports[module.name] if name.startswith("pages")}
        return {self.modules[name].path for name in names} | self._loaded(module)

    def _loaded(self, module: Module) -> set[str]:
        """Scripts and style sheets a module names: "a.js", "folder/a.js", f"{name}.js" of a folder, its own suffix."""
        here, strings, found = Path(module.path), module.strings, set()
        endings = [string.removeprefix("./") for string in strings if re.search(r"\w\.(js|css)$", string)]
        for name in (*self.scripts, *self.sheets):
            path = Path(name)
            stem_of_folder = path.stem in strings and path.parent.name in strings
            own = path.with_suffix(".py") == here
            if path.suffix in strings and (own or stem_of_folder):
                found.add(name)
        for ending in endings:
            fits = [name for name in (*self.scripts, *self.sheets) if f"/{name}".endswith(f"/{ending}")]
            near = [name for name in fits if name.startswith(f"{here.parent.as_posix()}/")]
            found |= set(near or fits)
        return found

    def users(self) -> dict[str, set[str]]:
        """File of pages/components/ -> the page scripts (app.py and the shell are two more) that reach it somehow."""
        found: dict[str, set[str]] = {path: set() for path in self.components()}
        for page in (path for path in self.uses if is_page(path)):
            for path in reached(page, self.uses):
                if path in found:
                    found[path].add(page)
        return found

    def components(self) -> list[str]:
        """Files of what pages share: Python, JavaScript and style sheets."""
        return [path for path in self.uses if path.startswith("pages/components/") and Path(path).stem != "__init__"]

    # -- size and words -----------------------------------------------------------------------------

    def lengths(self, under: str = "") -> list[int]:
        """Lines of every function, shortest first."""
        functions = (n for m in self.modules.values() if m.path.startswith(under) for n in m.functions)
        return sorted(lines_of(node) for node in functions)

    def lines(self) -> dict[str, int]:
        """Lines by kind of file."""
        texts = {"py": [module.text for module in self.modules.values()]}
        texts |= {"js": list(self.scripts.values()), "css": list(self.sheets.values())}
        return {kind: sum(text.count("\n") for text in each) for kind, each in texts.items()}

    def comment_share(self) -> float:
        """Lines that are a comment and nothing else, of all lines of Python and JavaScript."""
        lines = [(line, "#") for module in self.modules.values() for line in module.text.splitlines()]
        lines += [(line, "//") for text in self.scripts.values() for line in text.splitlines()]
        return sum(line.lstrip().startswith(mark) for line, mark in lines) / len(lines)

    def one_callers(self, most: int = 4) -> list[str]:
        """Private functions of at most `most` lines, docstring aside, whose name is used once in the whole tree."""
        used = Counter(name for module in self.modules.values() for name in names_used(module))
        return [
            f"{module.path}:{node.lineno} {node.name}"
            for module in self.modules.values()
            for node in module.functions
            if is_private(node.name) and used[node.name] == 1 and lines_of(node) - _docstring_lines(node) <= most
        ]

    def saying(self, words: str) -> list[str]:
        """Modules whose docstring says `words`, whatever the case and the breaks of its lines."""
        said = {m.path: " ".join((ast.get_docstring(m.tree) or "").split()) for m in self.modules.values()}
        return [path for path, text in said.items() if words.lower() in text.lower()]

    # -- arrows -------------------------------------------------------------------------------------

    def rooms(self, room_of: Callable[[str], str | None]) -> dict[str, set[str]]:
        """Imports between rooms: `room_of` says which room a module is in, None for one that doesn't count."""
        arrows: dict[str, set[str]] = {}
        for name, targets in self.imports.items():
            if (room := room_of(name)) is not None:
                met = {room_of(target) for target in targets} - {None, room}
                arrows.setdefault(room, set()).update(one for one in met if one)
        return arrows

    def inside(self, folder: str) -> dict[str, set[str]]:
        """Imports between what lies directly in a package: its modules and folders. Its `__init__` isn't in it."""
        depth = folder.count(".") + 2
        return self.rooms(lambda name: ".".join(name.split(".")[:depth]) if name.startswith(f"{folder}.") else None)


# -- small things -----------------------------------------------------------------------------------


def _defined(body: Iterable[ast.stmt], borrowed: set[str]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            yield from (name for name in names if not _is_alias(name, node.value, borrowed))
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.For):
            yield from _defined(ast.iter_child_nodes(node), borrowed)  # type: ignore[arg-type]


def _is_alias(name: str, value: ast.expr | None, borrowed: set[str]) -> bool:
    if isinstance(value, ast.Attribute):
        return value.attr == name and isinstance(value.value, ast.Name) and value.value.id in borrowed
    return isinstance(value, ast.Name) and value.id in borrowed


def _but_meant(paths: list[str]) -> list[str]:
    rest = [path for path in paths if not path.startswith("backend/cli/")]
    services = [path for path in rest if path.startswith("backend/services/")]
    return [path for path in rest if not (is_page(path) and len(services) == 1)]


def root_of(path: Path) -> Path:
    """The project a file lies in: the nearest folder above it with a pyproject.toml."""
    return next(folder for folder in path.resolve().parents if (folder / "pyproject.toml").is_file())


def packages_of(name: str) -> list[str]:
    """The packages a module lies in, outermost first."""
    parts = name.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def is_page(path: str) -> bool:
    """Whether a file is what a browser asks for by its address, the shell around it, or the app around both."""
    return path == "app.py" or re.fullmatch(r"pages/\w+\.py", path) is not None


def page_of(path: str) -> str:
    """The page a file belongs to: itself, or the one its folder in pages/parts/ is for; "" for what pages share."""
    if is_page(path):
        return Path(path).stem
    parts = Path(path).parts
    return PAGE_OF.get(Path(parts[2]).stem, Path(parts[2]).stem) if parts[:2] == ("pages", "parts") else ""


def reached(start: str, graph: Graph) -> set[str]:
    """Everything there is a way to, `start` too."""
    seen, waiting = set(), [start]
    while waiting:
        if (one := waiting.pop()) not in seen:
            seen.add(one)
            waiting.extend(graph.get(one, ()))
    return seen


def circles(graph: Graph) -> list[set[str]]:
    """Groups of more than one that all reach each other."""
    ways = {one: reached(one, graph) for one in graph}
    groups = {frozenset(other for other in ways[one] if one in ways.get(other, ())) for one in graph}
    return sorted((set(group) for group in groups if len(group) > 1), key=sorted)


def floors(graph: Graph) -> int:
    """How many stand on the longest way down; 0 where the way is a circle."""
    height: dict[str, int] = {}

    def climb(one: str) -> int:
        if one not in height:
            height[one] = 1 + max((climb(other) for other in graph.get(one, ())), default=0)
        return height[one]

    return 0 if circles(graph) else max(map(climb, graph), default=0)


def arrows(graph: Graph) -> int:
    """Pairs of which one imports the other."""
    return sum(map(len, graph.values()))


def lines_of(node: Function) -> int:
    """From `def` to the last line."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _docstring_lines(node: Function) -> int:
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1 if ast.get_docstring(node) else 0


def is_private(name: str) -> bool:
    """Whether a name is for its own module or class alone; `__init__` and its like are Python's."""
    return name.startswith("_") and not name.startswith("__")


def names_used(module: Module) -> Iterator[str]:
    """Every name and attribute, once for each time it stands there; a `def` is no use."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


# -- the table --------------------------------------------------------------------------------------


def _room_of_house(name: str) -> str | None:
    """The rooms of the whole: backend's packages and modules, the pages as one, the app."""
    top, _, rest = name.partition(".")
    return f"backend.{rest.partition('.')[0]}" if top == "backend" and rest else None if top == "backend" else top


def _strict_one_callers(tree: Tree) -> int:
    """Private functions of at most 4 lines, docstring and all, whose name is used once in their own module."""
    return sum(
        is_private(node.name) and lines_of(node) <= 4 and used[node.name] == 1
        for module in tree.modules.values()
        for used in [Counter(names_used(module))]
        for node in module.functions
    )


def _below(tree: Tree, folder: str) -> int:
    return sum(count for name, count in tree.folders().items() if name.startswith(folder))


def _folder_rows(tree: Tree) -> Iterator[tuple[str, str]]:
    fullest = ", ".join(f"{name} {count}" for name, count in tree.folders().most_common(4))
    yield "modules in one folder (the fullest)", fullest
    files = len(tree.components())
    yield "services; components", f"{_below(tree, 'backend/services')} modules; {files} files"
    classes = tree.classes()
    shared = {name: paths for name, paths in classes.items() if len(paths) > 1}
    yield "public class names borne by two or more", f"{len(shared)} of {len(classes)}: {_counted(shared)}"
    yield "file names that repeat", f"{len(tree.stems())}: {_counted(tree.stems())}"
    yield (
        "  but a verb's, and a page's and its service's",
        f"{len(tree.reused_stems())}: {_counted(tree.reused_stems())}",
    )


def _counted(bearers: Mapping[str, list[str]]) -> str:
    return ", ".join(f"{name} x{len(each)}" for name, each in sorted(bearers.items())) or "none"


def _use_rows(tree: Tree) -> Iterator[tuple[str, str]]:
    users = tree.users()
    lonely = [path for path, pages in users.items() if len(pages) < 2]
    importers = Counter(path for used in tree.uses.values() for path in used)
    alone = [path for path in users if path.endswith(".py") and importers[path] == 1]
    yield "files of components that one page needs", _sized(tree, lonely)
    yield "  Python files that one file imports", _sized(tree, alone)
    pages = [module for name, module in tree.modules.items() if name.startswith("pages")]
    takes = {pair for module in pages for pair in tree.taken(module) if pair[0].startswith("backend.services")}
    passed = {pair for module in pages for pair in tree.reexported(module) if pair[0].startswith("backend.services")}
    beside = {pair for pair in passed if pair[0] != "backend.services"}
    yield (
        "names pages take from services that only re-export",
        f"{len(passed)} of {len(takes)} ({len(beside)} not of its __init__)",
    )
    everywhere = {pair for module in tree.modules.values() for pair in tree.reexported(module)}
    yield "  names anybody takes from such a module", str(len(everywhere))


def _sized(tree: Tree, paths: Iterable[str]) -> str:
    texts = {module.path: module.text for module in tree.modules.values()} | tree.scripts | tree.sheets
    chosen = list(paths)
    return f"{len(chosen)} ({sum(texts[path].count(chr(10)) for path in chosen):,} lines)"


def _size_rows(tree: Tree) -> Iterator[tuple[str, str]]:
    yield (
        "private functions of at most 4 lines used once",
        f"{len(tree.one_callers())} (in their own module: {_strict_one_callers(tree)})",
    )
    yield "comment lines", f"{tree.comment_share():.1%}"
    readme = tree.root / "README.md"
    yield "README", f"{readme.stat().st_size / 1000:.1f} kB" if readme.is_file() else "none"
    lines = tree.lines()
    each = ", ".join(f"{kind} {count:,}" for kind, count in lines.items())
    yield (
        "lines without tests",
        f"{lines['py'] + lines['js']:,} of Python and JavaScript, {sum(lines.values()):,} in all: {each}",
    )
    for under in ("", "backend"):
        lengths = tree.lengths(under)
        figures = f"{lengths[len(lengths) // 2]} / {lengths[len(lengths) * 9 // 10]} / {lengths[-1]}"
        yield f"function median / p90 / max{', ' * bool(under)}{under}", f"{figures} of {len(lengths):,}"
    longest = max(tree.modules.values(), key=lambda module: module.text.count("\n"))
    yield "longest module", f"{longest.text.count(chr(10))} ({longest.path}), of {len(tree.modules)}"
    dumb = [module.path for module in tree.modules.values() if not ast.get_docstring(module.tree)]
    yield "modules without a docstring", str(len(dumb))
    yield (
        'docstrings with "Knows nothing"',
        f'{len(tree.saying("knows nothing"))} ({len(tree.saying("knows nothing of"))} with "of")',
    )


def _arrow_rows(tree: Tree) -> Iterator[tuple[str, str]]:
    modules = tree.rooms(lambda name: name if name.startswith("backend.services.") else None)
    for title, graph in (
        ("services, module by module", modules),
        ("services, room by room", tree.inside("backend.services")),
        ("the whole, package by package", tree.rooms(_room_of_house)),
    ):
        yield f"arrows, floors: {title}", f"{arrows(graph)} arrows on {floors(graph)} floors of {len(graph)}"
    yield "import circles", str(circles(tree.imports) or "none")


def main() -> None:
    """Print the table of a tree: the one named, or the one this file lies in."""
    tree = Tree(Path(sys.argv[1]) if len(sys.argv) > 1 else root_of(Path(__file__)))
    for rows in (_folder_rows, _use_rows, _size_rows, _arrow_rows):
        for title, value in rows(tree):
            print(f"{title:<52} {value}")


if __name__ == "__main__":
    main()
