"""The verb `models`: the registry listed, and models added, renamed, removed; and how other verbs name a model."""

import argparse
import dataclasses
import json
from pathlib import Path

from backend.cli.verb import AddVerb
from backend.domain import Model, UserError, visible
from backend.services import Services


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("models", _models, "List the models, or add, rename or remove one.")
    sub.add_argument("action", nargs="?", choices=["add", "rename", "remove"], metavar="add | rename | remove")
    sub.add_argument("what", nargs="*", metavar="FOLDER, URL, HUB NAME or MODEL")
    sub.add_argument("--name", default="", help="what it is called here")
    sub.add_argument("--parent", metavar="MODEL", help="what it was trained from")
    sub.add_argument("--served", default="", metavar="NAME", help="of an address: what the server calls the model")
    sub.add_argument("--key", default="", metavar="VARIABLE", help="of an address: the variable that holds its key")
    sub.add_argument("--json", action="store_true", help="one JSON object a model")


def model_named(services: Services, named: str) -> Model:
    """A registered model; a folder that isn't one yet is entered."""
    folder = Path(named).expanduser()
    # A name goes first: a folder that is called like a model must not be taken for it by chance of where one stands.
    if not any(named in (info.model.id, info.model.name) for info in services.models.all()) and (
        folder.is_dir() or "/" in named
    ):
        known = {info.model.location: info.model for info in services.models.all()}
        return known.get(str(folder.resolve())) or services.models.add_folder(folder)
    return services.models.get(named)


def _models(services: Services, options: argparse.Namespace) -> None:
    if options.action is None:
        for info in services.models.all():
            row = dataclasses.asdict(info.model) | {"parent_name": info.parent_name, "ready": info.ready}
            line = f"{info.model.id}  {visible(info.model.name, 40):40} {info.model.kind:12} {info.why or 'ready'}"
            print(json.dumps(row, ensure_ascii=False) if options.json else line)
        return
    count = 2 if options.action == "rename" else 1
    if len(options.what) != count:
        wanted = "a model and its new name" if options.action == "rename" else "one folder, address, hub name or model"
        raise UserError(f"`models {options.action}` takes {wanted}.")
    what = options.what[0]
    if options.action == "rename":
        services.models.rename(services.models.get(what).id, options.what[1])
    elif options.action == "remove":
        print(f"removed  {visible(services.models.remove(what).name)}; its files and runs stay")
    else:
        added = _added(services, what, options)
        print(f"added  {added.id}  {visible(added.name)}")


def _added(services: Services, what: str, options: argparse.Namespace) -> Model:
    parent = services.models.get(options.parent).id if options.parent else None
    # What looks like a path is one even if nothing is there: the refusal then names the folder, and not the hub.
    if what.startswith(("http://", "https://")):
        return services.models.add_endpoint(what, options.served, options.key, options.name, parent)
    if Path(what).expanduser().exists() or what.startswith((".", "/", "~")):
        return services.models.add_folder(Path(what), options.name, parent)
    return services.models.add_hub(what, options.name, parent)
