"""Files of this machine that people name by path: which of them pages may read.

Owns the one check of such paths. Whoever works on the command line reads what their own account may read.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from backend.config import Settings, folder, is_loopback
from backend.domain import UserError, visible

_SYSTEM = tuple(map(Path, ("/proc", "/sys", "/dev")))  # no files: /proc/self/environ holds every key


def readable(settings: Settings, path: Path) -> Path:
    """`path` with its home folder written out. Raises UserError where it is none, or isn't open to a page that asks."""
    shown = visible(str(path), 120)
    try:
        named = path.expanduser()
        if settings.served_at is None:
            return named
        real = named.resolve()
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(f"{shown} can't be the path of a file ({visible(str(error), 80)}).") from error
    roots, closed = _roots(settings), (settings.store, *_SYSTEM)
    for root in roots:
        if not real.is_relative_to(root) or any(part.startswith(".") for part in real.relative_to(root).parts):
            continue
        # Who lists a folder of the store, or a hidden one, as a root has opened it.
        if not any(_lies_in(real, each) and not _lies_in(root, each) for each in closed):
            return named
    where = ", ".join(visible(str(root), 80) for root in roots)
    opened = (
        f"what lies in {where}, outside hidden folders and the app's store" if where else "no folder of its machine"
    )
    raise UserError(
        f"{shown} can't be read: this app opens to its pages {opened}. List its folder in the setting "
        "SECOND_THOUGHTS_ROOTS to open that too, or read it on the command line."
    )


def _roots(settings: Settings) -> list[Path]:
    """The folders that are open to pages."""
    if settings.roots:
        named = [folder(root, "SECOND_THOUGHTS_ROOTS") for root in settings.roots if root != "off"]
        return list(dict.fromkeys(named))
    # Who comes from another machine isn't whose home this is.
    if settings.hosts or not is_loopback(settings.served_at or ""):
        return []
    own = []
    for find in (Path.home, Path.cwd):
        with suppress(RuntimeError, OSError):
            own.append(find().resolve())
    # A service's home or working folder may be "/", which nobody meant by it.
    return [root for root in dict.fromkeys(own) if root != Path(root.anchor)]


def _lies_in(path: Path, closed: Path) -> bool:
    """Whether `path` lies in a folder, by whatever name or case of letters the way there is written."""
    for each in (path, *path.parents):
        with suppress(OSError):
            if each.samefile(closed):
                return True
    return False
