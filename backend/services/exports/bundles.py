"""Bundles: chosen runs with their lexicons, and labels if wanted, as a folder that a colleague opens for reading.

A bundle is a small store that refuses to be written, with a manifest of hashes like a backup's. It is made anew, run by
run: people, models, jobs and the secret of the store it comes from are not in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePath

import orjson

from backend.config import Settings
from backend.domain import Run, UserError
from backend.files import write_file
from backend.services.backups import LEXICONS, MANIFEST, STORE, Backup, facts, verify_backup, whole_folder
from backend.store import Store
from backend.store.database import now
from backend.store.parts import PartWriter
from backend.store.sqlite_connections import READ_ONLY, sealed

_LEDGER = "ledger.sqlite"


def write_bundle(
    store: Store, lexicons: Path, runs: Sequence[str], target: Path, labels: Mapping[str, bytes] | None = None
) -> Backup:
    """Write runs to `target`, a new or empty folder; `labels` are files by name. Raises UserError, leaving nothing."""
    if not runs:
        raise UserError("Name the runs to bundle: --run, --pair or --series.")
    chosen = store.chosen(list(dict.fromkeys(runs)))
    with whole_folder(target.expanduser().resolve()) as half:
        folder = half / STORE
        with closing(Store(Settings(store=folder))) as fresh:
            for run in chosen:
                _copy_run(store, fresh, run)
            held = set().union(*store.ledger.run_lexicons().values())
            for row in (row for row in store.own_lexicons.rows() if row.id in held and not row.retired):
                fresh.own_lexicons.add(replace(row, person="", note=""), store.own_lexicons.content(row.id) or {})
            fresh.ledger_copy.write(folder / "whole", folder)  # one file, without a log beside it
        for path in folder.glob(f"{_LEDGER}*"):
            path.unlink()
        (folder / "whole").rename(folder / _LEDGER)
        (folder / READ_ONLY).touch()
        shutil.copytree(lexicons, half / LEXICONS)
        for name, content in (labels or {}).items():
            (half / "labels").mkdir(exist_ok=True)
            (half / "labels" / name).write_bytes(content)
        files = {path.relative_to(half).as_posix(): facts(path) for path in half.rglob("*") if path.is_file()}
        found = Backup(now(), {name: fact for name, fact in files.items() if fact})
        write_file(half / MANIFEST, orjson.dumps(found.to_json()))
        return verify_backup(half)


def is_bundle(folder: Path) -> bool:
    """Whether a folder with a manifest is a bundle, and no whole store's backup."""
    return sealed(folder / STORE)


def _copy_run(store: Store, fresh: Store, run: Run) -> None:
    # Where a file lay on the machine it was imported on is nobody else's business.
    info = replace(run.info, model_id=None, job=None, source=PurePath(run.info.source).name)
    sources = [source._replace(file=PurePath(source.file).name) for source in store.ledger.sources(run.id)]
    contents, held = store.ledger.lexicons(), store.ledger.run_lexicons().get(run.id, set())
    with PartWriter(fresh.folder, run.id) as writer:
        for part in store.ledger.parts(run_ids=[run.id]):
            writer.take(part, store.folder / part.path)
        problems, rules = store.ledger.problems(run.id), store.ledger.run_rules()[run.id]
        lexicons = {name: contents[name] for name in held}
        entered = replace(run, info=info)
        writer.register(lambda parts: fresh.ledger.add_run(entered, sources, problems, parts, lexicons, rules))
