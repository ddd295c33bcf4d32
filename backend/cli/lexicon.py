"""The verbs on lexicons: all listed and matched; one measured against gold, trained, added, written out, put away."""

import argparse
import json
import sys
from pathlib import Path

from backend.cli.actor import actor_of, add_actor
from backend.cli.verb import AddVerb, add_store
from backend.domain import visible
from backend.measure.bootstrap import Estimate
from backend.services import Services
from backend.services.detection.detectors import DetectorSpec
from backend.services.detection.lexicon_scores import FinderScore, SetScore

_HEADS = " ".join(
    ("lexicon".ljust(24), *(each.ljust(20) for each in ("precision", "recall", "F1")), "  marks", "  right")
)


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("lexicon", None, "Measure lexicons and detectors against gold; train, add, write out, put away.")
    actions = sub.add_subparsers(required=True, metavar="evaluate | train | list | add | export | retire")

    def action(name: str, run: object, what: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=what, description=what)
        made.set_defaults(run=run)
        add_store(made)
        return made

    def writing(name: str, run: object, what: str) -> argparse.ArgumentParser:
        made = action(name, run, what)
        add_actor(made)
        return made

    one = action("evaluate", _evaluate, "Precision, recall and F1 of every lexicon, and of a detector trained for it.")
    one.add_argument(
        "--gold", required=True, metavar="PATH|PROJECT", help="a file or folder of annotations, or a project"
    )
    one.add_argument("--format", default="", metavar="FORMAT", help="of the files, whatever the content says")
    one.add_argument("--json", action="store_true", help="one JSON object")
    one = writing("train", _train, "Train a detector and keep it.")
    one.add_argument("--gold", required=True, metavar="PATH|PROJECT", help="a file of annotations, or a project")
    one.add_argument("--name", required=True, metavar="NAME", help="what it is called; a known name gets a new version")
    one.add_argument("--words", default="", metavar="LEXICON", help="the list it may look at (default: doubts)")
    one.add_argument("--note", default="", metavar="TEXT")
    action("list", _list, "Every version made here.")
    one = writing("add", _add, "Keep a YAML file as a lexicon of your own, or as its next version.")
    one.add_argument("file", type=Path, metavar="FILE.yaml")
    one.add_argument("--note", default="", metavar="TEXT")
    one = action("export", _export, "Print a list as YAML.")
    one.add_argument("name", metavar="NAME|ID")
    one = writing("retire", _retire, "Put a lexicon of your own away; its cues stay.")
    one.add_argument("name", metavar="NAME")


def add_listing_verbs(verb: AddVerb) -> None:
    """Add the verbs on all lexicons to the parser behind `verb`."""
    verb("lexicons", _lexicons, "List the lexicons and how many runs hold their cues.")
    verb("match", _match, "Find the cues of lexicons that stored runs don't hold yet.")


def _lexicons(services: Services, _options: argparse.Namespace) -> None:
    for row in services.lexicons.overview():
        print(f"{row.id:36} {row.entries:>4} entries  {row.runs:>4} runs  {row.title}")


def _match(services: Services, _options: argparse.Namespace) -> None:
    for label, lexicons in services.lexicons.match_missing():
        print(f"matched  {visible(label)}: {', '.join(lexicons)}")


# -- measuring --------------------------------------------------------------------------------------


def _evaluate(services: Services, options: argparse.Namespace) -> None:
    def say(what: str) -> None:
        print(visible(what), file=sys.stderr, flush=True)

    sets = services.detectors.evaluate(options.gold, options.format, say)
    if options.json:
        print(json.dumps({"gold": options.gold, "sets": [one.to_json() for one in sets]}, ensure_ascii=False))
        return
    for number, one in enumerate(sets):
        print("\n" * bool(number) + _about(one))
        leading = next((criterion for score in one.scores for criterion in score.figures), "")
        for criterion in dict.fromkeys(criterion for score in one.scores for criterion in score.figures):
            print(f"\n  by {criterion}\n  {_HEADS}")
            for score in one.scores:
                print(f"  {_line(score, criterion)}")
        for score in one.scores:
            if score.how:
                print(f"\n  {score.name}: {score.how}{_ahead(score, leading)}.")


def _about(one: SetScore) -> str:
    judged = f", {one.sentences:,} sentences judged" if one.sentences else ""
    by = one.labelled_by if one.labelled_by == "people" else f"{one.labelled_by.upper()}, not by people"
    return (
        f"{visible(one.name, 60)}: {one.texts:,} texts of {one.sources:,} documents{judged}, {one.cues:,} cues; "
        f"labelled by {by}"
    )


def _line(score: FinderScore, criterion: str) -> str:
    name = f"{visible(score.name, 24):24}"
    if criterion not in score.figures:
        return f"{name} {score.why}"
    one = score.figures[criterion]
    return f"{name} {_shown(one.precision)} {_shown(one.recall)} {_shown(one.f1)} {one.found:>7,} {one.right:>7,}"


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return f"{'-':20}"
    ends = "" if estimate.low is None or estimate.high is None else f" [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.3f}{ends:15}"


def _ahead(score: FinderScore, criterion: str) -> str:
    if score.ahead is None:
        return ""
    low, high = score.ahead.low, score.ahead.high
    ends = f" [{low:+.3f}, {high:+.3f}]" if low is not None and high is not None else ""
    return f"; F1 by {criterion} {score.ahead.value:+.3f}{ends} against {visible(score.of, 40)}, the best list"


# -- making -----------------------------------------------------------------------------------------


def _train(services: Services, options: argparse.Namespace) -> None:
    where = {"path": options.gold} if Path(options.gold).exists() else {"project": options.gold}
    spec = DetectorSpec(options.name, words=options.words, note=options.note, **where)
    made = services.detectors.learn(
        actor_of(services, options).id, spec, lambda what: print(visible(what), file=sys.stderr, flush=True)
    )
    print(f"kept  {made.id}  version {made.version}. {visible(made.title)}. Stored runs get its cues by `match`.")


def _list(services: Services, _options: argparse.Namespace) -> None:
    for one in services.lexicons.own():
        state = "put away" if one.retired else "in use" if one.current else "older"
        print(f"{one.id:48} version {one.version:>3}  {state:8}  {visible(one.title, 100)}")


def _add(services: Services, options: argparse.Namespace) -> None:
    made = services.lexicons.add_file(actor_of(services, options).id, options.file, options.note)
    print(f"kept  {made.id}  version {made.version}. Stored runs get its cues by `match`.")


def _export(services: Services, options: argparse.Namespace) -> None:
    print(services.lexicons.to_yaml(options.name), end="")


def _retire(services: Services, options: argparse.Namespace) -> None:
    services.lexicons.retire(actor_of(services, options).id, options.name)
    print(f"put away  {visible(options.name)}")
