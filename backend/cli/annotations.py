"""The verb `annotations`: projects listed, their labels exported to files, and files imported as projects."""

import argparse
import json
import sys
from pathlib import Path

from backend.annotation import Project
from backend.cli.actor import actor_of, add_actor
from backend.cli.verb import AddVerb, add_store
from backend.domain import UserError, visible
from backend.services import Services


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("annotations", None, "List annotation projects, write their labels to files, or read them in.")
    actions = sub.add_subparsers(required=True, metavar="projects | formats | export | import")
    known = actions.add_parser("projects", help="every project, with how far it is")
    known.set_defaults(run=_projects)
    known.add_argument("--json", action="store_true", help="one JSON object a project, one a line")
    forms = actions.add_parser("formats", help="the formats there are")
    forms.set_defaults(run=_formats)
    out = actions.add_parser("export", help="write a project's labels")
    out.set_defaults(run=_export)
    out.add_argument("project", metavar="PROJECT", help="its id, or its name")
    out.add_argument("form", nargs="?", default="jsonl", metavar="FORMAT", help="jsonl (default); `formats` lists them")
    out.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: named like the project)")
    out.add_argument("--traces", action="store_true", help="with trace, run and stratum, which name the model")
    out.add_argument("--history", action="store_true", help="with every row of the log")
    into = actions.add_parser("import", help="make a project of files")
    into.set_defaults(run=_import)
    into.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files, folders or archives")
    into.add_argument("--name", default="", metavar="NAME", help="what the project is called (default: as in the file)")
    into.add_argument("--gold", action="store_true", help="take every label for an adjudicated one")
    into.add_argument("--format", default="", metavar="FORMAT", help="whatever the content says")
    for each in (out, into):
        add_actor(each)
    for each in (known, forms, out, into):
        add_store(each)


def _projects(services: Services, options: argparse.Namespace) -> None:
    for info in services.projects.all():
        project = info.project
        labels = sum(one.labels for one in info.progress)
        if options.json:
            row = {"id": project.id, "name": project.name, "state": project.state, "items": info.items}
            row |= {"finished": info.finished, "settled": info.settled, "labels": labels, "created": project.created}
            print(json.dumps(row, ensure_ascii=False))
        else:
            print(f"{project.id}  {visible(project.name, 40):40} {project.state:6} {info.items:>6,} items  "
                  f"{info.finished:,} finished, {info.settled:,} adjudicated, {labels:,} labels")  # fmt: skip


def _formats(services: Services, _options: argparse.Namespace) -> None:
    for each in services.label_files.formats():
        ways = " and ".join(way for way, able in (("out", each.writes), ("in", each.reads)) if able)
        print(f"{each.name:20} {ways:11} {each.title}: {each.holds}")


def _export(services: Services, options: argparse.Namespace) -> None:
    actor, project = actor_of(services, options), _project(services, options.project)
    found = services.label_files.export(
        actor.id, project.id, options.form, traces=options.traces, history=options.history
    )
    path = (options.out or Path(found.name)).expanduser()
    try:
        path.write_bytes(found.data)  # not by a rename: it may be /dev/stdout
    except OSError as error:
        raise UserError(f"{visible(str(path))} can't be written: {error.strerror or error}.") from None
    for note in found.notes:
        print(visible(note), file=sys.stderr)
    print(f"written  {visible(str(path))} ({len(found.data):,} bytes)")


def _import(services: Services, options: argparse.Namespace) -> None:
    actor = actor_of(services, options)
    files = [path.expanduser() for path in options.files]
    project = services.label_files.import_(actor.id, files, options.name, options.gold, options.format)
    for note in project.sampling.get("notes", ()):
        print(visible(note), file=sys.stderr)
    info, labelled = services.projects.info(project.id), services.labelling.labelled(project.id)
    own = sum(len(labels) for one in labelled for labels in one.by_person.values())
    people = ", ".join(visible(one.name, 40) for one in info.progress)
    print(f"imported  {project.id}  {visible(project.name, 60)}: {info.items:,} texts, {own:,} labels"
          f"{f' of {people}' if people else ''}, {sum(len(one.gold) for one in labelled):,} gold labels")  # fmt: skip


def _project(services: Services, named: str) -> Project:
    found = [info.project for info in services.projects.all() if named in (info.project.id, info.project.name)]
    if len(found) > 1:
        ids = ", ".join(project.id for project in found)
        raise UserError(f"{len(found)} projects are called '{visible(named, 60)}': give the id of one of {ids}.")
    return found[0] if found else services.projects.get(named)
