"""ES modules joined into the one script that a Streamlit component takes.

Owns the following of `import` statements from an entry file, the order of the modules, and what a joined script may not
hold. The modules stay plain files that `tsc` and `node --test` read as they are; nobody builds anything.
"""

import re
from pathlib import Path

_IMPORT = re.compile(
    r"""^import\b\s*(?P<what>[^;"']*?)(?:\bfrom\s*)?["'](?P<file>[^"']+)["'];?[ \t]*\n?""", re.MULTILINE
)
_NAMES = re.compile(r"\{(?P<names>[\w$\s,]*)\}")
_DECLARED = re.compile(
    r"^(?P<export>export\s+)?(?:default\s+)?(?:async\s+)?(?:function\b\s*\*?|class\b|const\b|let\b|var\b)\s*(?P<name>[A-Za-z_$][\w$]*)",
    re.MULTILINE,
)
_DEFAULT = re.compile(r"^export\s+default\b", re.MULTILINE)
_EXPORT = re.compile(r"^export\s+(?!default\b)", re.MULTILINE)
# `export {a}`, `export * from` and destructuring would each need a parser; one declaration a name needs none.
_UNREADABLE = re.compile(r"^(?:export\s*[{*]|(?:export\s+)?(?:const|let|var)\s*[{\[])", re.MULTILINE)
# Types are for tsc: a third of some modules, and nothing to a browser.
_COMMENT = re.compile(
    r"^[ \t]*(?:/\*\*(?:(?!\*/)[\s\S])*\*/[ \t]*|//[^\n]*)\n|/\*\* @(?:type|param)\b(?:(?!\*/).)*\*/ ?", re.MULTILINE
)


class ScriptError(ValueError):
    """Modules that can't become one script; the message names the files."""


def joined_script(entry: Path) -> str:
    """`entry` and all it imports as one script with one default export, each module after those it needs.

    Raises ScriptError where an import isn't of the form `import { a, b } from "./file.js"`, names what its file doesn't
    export or leads in a circle; where two modules declare the same name; where the default export isn't the entry's.
    """
    order: dict[Path, str] = {}
    _follow(entry.resolve(), (), order)
    owners: dict[str, Path] = {}
    for path, source in order.items():
        for found in _DECLARED.finditer(source):
            if (other := owners.setdefault(found["name"], path)) != path:
                raise ScriptError(f"{found['name']} is declared in {other.name} and in {path.name}.")
        if bool(_DEFAULT.search(source)) != (path == entry.resolve()):
            raise ScriptError(f"{path.name}: the entry has a default export, and no other module has.")
    bare = (_EXPORT.sub("", _COMMENT.sub("", _IMPORT.sub("", source))) for source in order.values())
    return "\n".join(source.strip("\n") + "\n" for source in bare)


def modules_of(entry: Path) -> list[Path]:
    """The files `joined_script` joins, in its order."""
    order: dict[Path, str] = {}
    _follow(entry.resolve(), (), order)
    return list(order)


def _follow(path: Path, above: tuple[Path, ...], order: dict[Path, str]) -> None:
    if path in above:
        circle = " -> ".join(each.name for each in (*above[above.index(path) :], path))
        raise ScriptError(f"Modules import each other in a circle: {circle}.")
    if path in order:
        return
    source = path.read_text(encoding="utf-8")
    if found := _UNREADABLE.search(source):
        raise ScriptError(f"{path.name}: a declaration exports or declares one name, not `{found[0].strip()}`.")
    for statement in _IMPORT.finditer(source):
        imported = (path.parent / statement["file"]).resolve()
        names = _imported_names(path, statement)
        _follow(imported, (*above, path), order)
        if missing := names - {found["name"] for found in _DECLARED.finditer(order[imported]) if found["export"]}:
            raise ScriptError(f"{path.name}: {imported.name} doesn't export {', '.join(sorted(missing))}.")
    order[path] = source


def _imported_names(path: Path, statement: re.Match[str]) -> set[str]:
    """The names a statement imports. Joined modules share one scope: no name can be given another."""
    braces = _NAMES.fullmatch(statement["what"].strip())
    names = {name.strip() for name in braces["names"].split(",")} - {""} if braces else set()
    if not names or not all(re.fullmatch(r"[\w$]+", name) for name in names) or not statement["file"].startswith("."):
        raise ScriptError(f'{path.name}: write `import {{ name }} from "./file.js"`, not `{statement[0].strip()}`.')
    return names
