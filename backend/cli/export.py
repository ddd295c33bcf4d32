"""The verb `export`: traces, preference pairs, an Inspect log of a run, and a page of a pair, as files for others."""

import argparse
from pathlib import Path
from typing import Any

from backend.cli.verb import AddVerb, add_store
from backend.domain import GRADERS, SearchAs, TraceFilter, visible
from backend.report.files import write_html
from backend.services import Services
from backend.services.exports.preference_pairs import PairRule, Preference
from backend.services.exports.trace_export import ExportedFile, placed

_ROWS = "a file .jsonl or .parquet, or a new folder, which Hugging Face's load_dataset opens"


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    actions = verb("export", None, "Write traces, preference pairs or logs as files for others.").add_subparsers(
        required=True, metavar="WHAT"
    )
    sub = _action(actions, "traces", _traces, "Traces with their run, verdicts and cues.", _ROWS)
    _add_filter(sub)
    sub = _action(actions, "pairs", _pairs, "Preference pairs, with the columns of TRL's trainers.", _ROWS)
    _add_filter(sub)
    usual = PairRule()
    sub.add_argument("--prefer", choices=list(Preference), default=usual.prefer, help="right over wrong (default), "
                     "doubting over curt, or curt over doubting")  # fmt: skip
    sub.add_argument("--margin", type=float, default=usual.margin, metavar="N",
                     help=f"cues per 1,000 between doubting and curt (default: {usual.margin:g})")  # fmt: skip
    sub.add_argument(
        "--most", type=int, default=usual.most, metavar="N", help=f"pairs a problem (default: {usual.most})"
    )
    sub.add_argument("--any-ending", action="store_true", help="also responses cut off or of unknown ending")
    sub.add_argument(
        "--any-prompt", action="store_true", help="also responses to different prompts; gives the question"
    )
    sub.add_argument("--wrong-too", action="store_true", help="doubting over curt: also where both are wrong")
    sub.add_argument("--conversational", action="store_true", help="lists of messages in place of texts")
    sub = _action(actions, "page", _page, "A page of two runs: figures, and responses side by side.", "a file .html")
    sub.add_argument("runs", nargs=2, metavar="RUN", help="the base, and the run held against it")
    for name, what in (("problem", "show the responses to this one"), ("lexicon", "count cues by it")):
        sub.add_argument(f"--{name}", default="", metavar="X", help=what)
    sub.add_argument("--grader", default=GRADERS[0], metavar="NAME", help=f"of verdicts (default: {GRADERS[0]})")
    sub = _action(actions, "inspect", _inspect, "A run as a log of Inspect.", "a file .eval or .json")
    sub.add_argument("run", metavar="RUN")


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, what: str, out: str
) -> argparse.ArgumentParser:
    sub = actions.add_parser(name, help=what, description=what)
    add_store(sub)
    sub.add_argument("--out", type=Path, required=True, metavar="PATH", help=out)
    sub.add_argument("--force", action="store_true", help="replace a file that is there")
    sub.set_defaults(run=run)
    return sub


def _add_filter(sub: argparse.ArgumentParser) -> None:
    """The filters of the page Browse."""
    sub.add_argument(
        "--run", dest="runs", action="append", default=[], metavar="RUN", help="of this run (may be repeated)"
    )
    for name, kind in (("dataset", str), ("problem", str), ("search", str), ("entry", str), ("lexicon", str)):
        sub.add_argument(f"--{name}", type=kind, metavar="X", help="as on the page Browse")
    for name in ("words", "density"):
        for end in ("min", "max"):
            sub.add_argument(f"--{end}-{name}", type=int if name == "words" else float, metavar="N")
    sub.add_argument("--search-as", type=SearchAs, choices=list(SearchAs), default=SearchAs.TEXT)
    sub.add_argument("--grader", default=GRADERS[0], metavar="NAME", help=f"of verdicts (default: {GRADERS[0]})")
    sub.add_argument("--verdict", choices=("right", "wrong", "unknown", "disputed"))
    sub.add_argument("--ending", choices=("finished", "cut off"))
    sub.add_argument("--loops", choices=("with", "without"))


def _wanted(options: argparse.Namespace) -> TraceFilter:
    same = ("dataset", "problem", "grader", "min_words", "max_words", "min_density", "max_density", "search_as")
    more: dict[str, Any] = {name: getattr(options, name) for name in same}
    more |= {name: getattr(options, name) or "" for name in ("search", "entry", "lexicon")}
    return TraceFilter(
        runs=tuple(options.runs),
        correct={"right": True, "wrong": False}.get(options.verdict),
        unknown=options.verdict == "unknown",
        disagree=options.verdict == "disputed",
        cut=options.ending and options.ending == "cut off",
        looping=options.loops and options.loops == "with",
        **more,
    )


def _say(found: ExportedFile) -> None:
    for note in found.notes:
        print(note)
    print(f"written  {visible(str(found.path))} ({found.rows:,} rows)")


def _traces(services: Services, options: argparse.Namespace) -> None:
    _say(services.exports.traces(_wanted(options), options.out, force=options.force))


def _pairs(services: Services, options: argparse.Namespace) -> None:
    wanted = _wanted(options)
    rule = PairRule(
        Preference(options.prefer),
        wanted.grader,
        wanted.lexicon or services.lexicons.default,
        options.margin,
        not options.any_ending,
        not options.any_prompt,
        not options.wrong_too,
        options.most,
        options.conversational,
    )
    _say(services.exports.preferences(wanted, rule, options.out, force=options.force))


def _page(services: Services, options: argparse.Namespace) -> None:
    report = services.pair_pages.report(options.runs, options.lexicon, options.grader, problem=options.problem)
    with placed(options.out, options.force) as half:
        write_html(report, half)
    print(f"written  {visible(str(options.out))}")


def _inspect(services: Services, options: argparse.Namespace) -> None:
    _say(services.exports.inspect(options.run, options.out, force=options.force))
